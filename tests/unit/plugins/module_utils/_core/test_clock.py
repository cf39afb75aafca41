# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's clock keeps its three promises."""

from __future__ import annotations

from datetime import timedelta

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import SystemClock


def test_monotonic_never_goes_back_and_sleep_lets_time_pass() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.01


def test_the_wall_clock_knows_its_zone() -> None:
    assert SystemClock().utcnow().utcoffset() == timedelta(0)
