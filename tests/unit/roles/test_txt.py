# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cloud DNS has is found however the name is written, and other people's TXT records at the name of a hub stay.

The role's own templates are filled in; nobody is asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played
from jinja2.nativetypes import NativeEnvironment

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


def test_a_record_set_is_asked_for_as_cloud_dns_keeps_its_name() -> None:
    """The module of google.cloud compares names as text: it would make a set that is there, and leave one in place."""
    tasks = yaml.safe_load((TASKS / "clouddns_round.yml").read_text(encoding="utf-8"))
    module = "google.cloud.gcp_dns_resource_record_set"
    (name,) = (task[module]["name"] for task in tasks if module in task)
    rendered = NativeEnvironment().from_string(name).render({"__hub_dns_cloud_name": "Hub.Example.org"})
    assert rendered == "hub.example.org."
