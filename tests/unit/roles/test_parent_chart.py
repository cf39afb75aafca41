# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub that is a part of a larger chart is judged like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

VARIABLES = Path(__file__).parents[3] / "roles" / "gke_iap" / "vars" / "main.yml"
SETTINGS = {
    "hub_domain": "hub.example.org",
    "hub_oauth_provider": "iap",
    "hub_oauth_iap_audiences": ["/projects/123456789012/global/backendServices/1"],
    "hub_oauth_allowed_users": ["ada@example.org"],
}


@pytest.mark.parametrize("root", ["", "jupyterhub", "umbrella.jupyterhub"])
def test_who_may_not_enter_any_more_has_no_server(tmp_path: Path, root: str) -> None:
    pods = [
        {"metadata": {"name": f"jupyter-{name}", "annotations": {"hub.jupyter.org/username": f"{name}@example.org"}}}
        for name in ("ada", "ben")
    ]
    computed = "{{ settings | researchops.jupyterhub.chart_values }}"
    told = played(
        tmp_path,
        [
            {"ansible.builtin.set_fact": {"__z2jh_computed": computed, "__gke_iap_servers": {"resources": pods}}},
            {"ansible.builtin.debug": {"msg": "stopped: {{ __gke_iap_shut_out | map(attribute='pod') | join(' ') }}."}},
        ],
        vars_files=[str(VARIABLES)],
        vars={"settings": {**SETTINGS, "z2jh_values_root": root}, "gke_iap_members": []},
    )
    assert "stopped: jupyter-ben." in told
