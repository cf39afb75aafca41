# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's TXT records at the name of a hub stay, however the name is written.

A real ansible-playbook fills in the role's own templates; nobody is asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

TASKS = Path(__file__).resolve().parents[3] / "roles" / "hub_dns" / "tasks"
KEPT = "{{ kept | default([]) + [[__hub_dns_cloud_name, __hub_dns_cloud_wanted.TXT]] }}"
MAIL = '"v=spf1 include:_spf.example.org -all"'
RRSETS = [
    {"name": "example.org.", "type": "A", "rrdatas": ["192.0.2.1"]},
    {"name": "example.org.", "type": "TXT", "rrdatas": [MAIL]},
    {"name": "other.example.org.", "type": "TXT", "rrdatas": ["another"]},
]
NAMES = ("example.org", "Example.org", "example.org.")


@pytest.mark.once
def test_texts_in_cloud_dns_are_added_to(tmp_path: Path) -> None:
    (task,) = yaml.safe_load((TASKS / "txt_clouddns.yml").read_text(encoding="utf-8"))
    given = {"hub_domain": "hub.example.org", "hub_dns_txt_present": ["new"]}
    role = {"name": "researchops.jupyterhub.hub_dns", "tasks_from": "preflight", "public": True}
    tasks: list[dict[str, Any]] = [{"ansible.builtin.include_role": role, "vars": given}]
    for name in NAMES:
        seen = {**given, **task["vars"], "hub_dns_txt_name": name, "__hub_dns_rrsets": {"resources": RRSETS}}
        tasks.append({"ansible.builtin.set_fact": {"kept": KEPT}, "vars": seen})
    tasks.append({"ansible.builtin.copy": {"content": "{{ kept | to_json }}", "dest": "kept.json", "mode": "0600"}})
    played(tmp_path, tasks)
    kept = json.loads((tmp_path / "kept.json").read_text(encoding="utf-8"))
    assert kept == [["example.org", [MAIL, '"new"']]] * len(NAMES)
