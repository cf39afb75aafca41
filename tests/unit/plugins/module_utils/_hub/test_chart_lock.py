# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock file holds digests of exact versions and nothing else."""

from __future__ import annotations

import re

from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_lock import LOCK, Z2JH_REPOSITORY


def test_the_published_chart_is_locked() -> None:
    digest = "ac4dd85c814a322353d68e1a322ba1a5ea0ada6cd8945affcebc46f6ccb2b645"
    assert LOCK[(f"{Z2JH_REPOSITORY}/jupyterhub", "3.3.8")] == digest


def test_every_entry_is_exact_and_over_https() -> None:
    for (reference, version), digest in LOCK.items():
        assert reference.startswith(("https://", "oci://"))
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
