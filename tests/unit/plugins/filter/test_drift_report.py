# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter drift_report, as Ansible finds it."""

from __future__ import annotations

from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.filter.drift_report import FilterModule

drift_report = FilterModule().filters()["drift_report"]
FOUND: dict[str, Any] = {"chart": "jupyterhub-4.4.0", "revision": 3, "plan": [], "plan_summary": "+0 ~0 -0"}


def test_drift_report() -> None:
    assert drift_report(FOUND, "hub", "hub")["summary"] == "jupyterhub-4.4.0, revision 3: cluster and inventory agree"
    assert drift_report(FOUND, "hub", "hub", False)["summary"].endswith("not compared (z2jh_drift is skip)")
    gone = FOUND | {"plan": [{"verb": "create", "target": "Service/hub", "changes": []}]}
    assert "Service/hub is missing" in drift_report(gone, "hub", "hub")["problem"]
