# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that tells why google.cloud failed; the reading is tested beside its code."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.filter.google_cloud_failure import FilterModule

google_cloud_failure = FilterModule().filters()["google_cloud_failure"]


def test_a_role_can_read_it_by_name() -> None:
    late = {"failed": True, "timedout": {"period": 120}}
    told = {"text": "no answer within 120 s", "late": True, "collision": False, "busy": False}
    assert google_cloud_failure(late, "120") == told
