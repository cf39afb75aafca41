# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub that is a part of a larger chart is judged like any other, by the values that it was given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

VARIABLES = Path(__file__).parents[3] / "roles" / "gke_iap" / "vars" / "main.yml"
SETTINGS = {
    "hub_domain": "hub.example.org",
    "hub_oauth_provider": "iap",
    "hub_oauth_iap_audiences": ["/projects/123456789012/global/backendServices/1"],
    "hub_oauth_allowed_users": ["ada@example.org"],
}
PODS = [
    {"metadata": {"name": f"jupyter-{name}", "annotations": {"hub.jupyter.org/username": f"{name}@example.org"}}}
    for name in ("ada", "ben")
]


def says(case: str) -> dict[str, Any]:
    """A task that prints which servers would be stopped."""
    stopped = "{{ __gke_iap_shut_out | map(attribute='pod') | join(' ') }}"
    return {"ansible.builtin.debug": {"msg": f"<{case}> stopped: <{stopped}>"}}


def computes(root: str) -> dict[str, Any]:
    """A task that leaves a hub's values as the role z2jh does, and its preflight."""
    computed = "{{ settings | researchops.jupyterhub.chart_values }}"
    return {
        "ansible.builtin.set_fact": {"__z2jh_computed": computed},
        "vars": {"settings": {**SETTINGS, "z2jh_values_root": root}},
    }


def test_who_may_not_enter_any_more_has_no_server(tmp_path: Path) -> None:
    tasks = [says("before"), computes(""), says("preflight"), {"ansible.builtin.set_fact": {"__z2jh_release": {}}}]
    for root in ("", "jupyterhub", "umbrella.jupyterhub"):
        tasks += [computes(root), says(root)]
    known = {"gke_iap_members": [], "__gke_iap_servers": {"resources": PODS}}
    printed = played(tmp_path, tasks, vars_files=[str(VARIABLES)], vars=known)
    found = dict(re.findall("<(.*)> stopped: <(.*)>", printed))
    given = dict.fromkeys(("", "jupyterhub", "umbrella.jupyterhub"), "jupyter-ben")
    assert found == {"before": "", "preflight": "", **given}
