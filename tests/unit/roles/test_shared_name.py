# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hubs of one play with one name: one of them owns its record, or nobody sets it.

A real ansible-playbook runs the role's own preflight for all of them; nobody is asked.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

HUBS = {
    "algebra": {"hub_domain": "{{ inventory_hostname }}.example.org"},
    "biology": {"hub_domain": "Hub.example.org"},
    "geology": {"hub_domain": None},
    "history": {"hub_domain": "hub.example.org", "hub_domain_owner": "physics"},
    "latin": {},
    "physics": {"hub_domain": "hub.example.org"},
}


def test_each_of_two_owners_of_one_name_is_told_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "hubs.yml").write_text(json.dumps({"hubs": {"hosts": HUBS}}), encoding="utf-8")
    failed = "{{ __hub_dns_preflight | rejectattr('ok') | map(attribute='text') | join(' ') }}"
    tasks = [
        {
            "ansible.builtin.include_role": {
                "name": "researchops.jupyterhub.hub_dns",
                "tasks_from": "preflight",
                "public": True,
            }
        },
        {"ansible.builtin.debug": {"msg": f"<{{{{ inventory_hostname }}}}> <{failed}>"}},
    ]
    printed = " ".join(played(tmp_path, tasks, "-i", "hubs.yml", hosts="hubs").split())
    told = dict(re.findall(r"<(\w+)> <(.*?)>", printed))
    beside = {name: re.findall(r"is also the name of (.*?):", text) for name, text in told.items()}
    nobody: dict[str, list[str]] = {name: [] for name in HUBS}
    assert beside == nobody | {"biology": ["physics"], "physics": ["biology"]}
    assert told["physics"].startswith("E-DNS-07 ")
