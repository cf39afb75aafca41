# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which permissions are asked about with probes and for a front door on GKE, and only then; ansible-playbook reads the
role's own variables.
"""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

VARIABLES = Path(__file__).resolve().parents[3] / "roles" / "cluster_access" / "vars" / "main.yml"
PROBES = ["get namespaces climate-preflight", "delete namespaces climate-preflight"]
DOOR = ["gateways", "httproutes", "gcpbackendpolicies", "gcpgatewaypolicies", "healthcheckpolicies"]


def test_more_is_asked_about_with_probes_and_a_door_only(tmp_path: Path) -> None:
    keep = {"content": "{{ asked | to_json }}", "dest": "{{ playbook_dir }}/asked.json", "mode": "0600"}
    again = {"vars": {"hub_preflight_probes": True}, "ansible.builtin.set_fact": {"more": "{{ asked_now }}"}}
    gateway = {"hub_platform": "gke", "gke_iap_front_door": "gateway"}
    tasks = [
        {"ansible.builtin.set_fact": {"fewer": "{{ asked_now }}"}},
        again,
        {"vars": gateway, "ansible.builtin.set_fact": {"door": "{{ asked_now }}"}},
        {
            "ansible.builtin.copy": keep,
            "vars": {"asked": {"fewer": "{{ fewer }}", "more": "{{ more }}", "door": "{{ door }}"}},
        },
    ]
    variables = {"hub_name": "climate", "asked_now": "{{ __cluster_access_asked_permissions }}"}
    played(tmp_path, tasks, vars=variables, vars_files=[str(VARIABLES)])
    asked = json.loads((tmp_path / "asked.json").read_text(encoding="utf-8"))
    words = [f"{one['verb']} {one['resource']} {one['name']}" for one in asked["more"][len(asked["fewer"]) :]]
    assert asked["more"][: len(asked["fewer"])] == asked["fewer"]
    assert words == PROBES
    for_door = [one for one in asked["door"] if one not in asked["fewer"]]
    assert [one["resource"] for one in for_door if one["verb"] == "create"] == DOOR
    assert [one["resource"] for one in for_door if one["verb"] == "list"] == ["httproutes"]
