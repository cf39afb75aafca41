# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.preflight import rows_of


def test_errors_are_failed_rows_and_none_is_a_good_one() -> None:
    error = HubError("E-GCP-04", "no", "ask")
    failed = {"check": "GKE cluster", "ok": False, "text": "E-GCP-04 no. Nothing was changed. Do: ask."}
    assert rows_of("GKE cluster", [error, error], "1.34") == [failed, failed]
    assert rows_of("GKE cluster", [], "1.34") == [{"check": "GKE cluster", "ok": True, "text": "1.34"}]
