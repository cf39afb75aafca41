# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A variable that ``-e`` gives as text is used by the roles as what their argument specs say.

A real ansible-playbook starts the roles' preflights, with Ansible's own check of their arguments; nobody is asked.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

GIVEN = {
    "hub_domain": "hub.example.org",
    "hub_dns_addresses": "192.0.2.1, 2001:db8::1",
    "hub_dns_txt_present": "google-site-verification=abc",
    "hub_front_source_ranges": "192.0.2.0/24,198.51.100.0/24",
    "hub_front_annotations": "example.org/a=b",
    "hub_oauth_allowed_users": "a@example.org,b@example.org",
    "hub_oauth_allowed_domains": "['example.org', 'example.net']",
    "gke_iap_members": "user:a@example.org,user:b@example.org",
    "gke_iap_members_state": "present",
    "cluster_access_cluster": '{"project": "research", "location": "europe-west1", "name": "hubs"}',
    "cluster_access_bastion": "instance=bastion, zone=europe-west1-b",
    "cluster_access_method": "gke_iap_bastion",
    "hub_preflight_roles": "hub_front,hub_dns",
    "domain_verification_enabled": "false",
    "letsencrypt_staging": "y",
}
ROLES = ("cluster_access", "hub_front", "hub_dns", "gke_iap", "domain_verification", "letsencrypt", "hub_oauth")
"""Their preflights are run one by one; hub_preflight runs those that its variable names."""
SEEN: dict[str, Any] = {
    "__hub_dns_wanted": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "__hub_dns_txt_present": ["google-site-verification=abc"],
    "__hub_front_settings.source_ranges": ["192.0.2.0/24", "198.51.100.0/24"],
    "__hub_front_preflight | rejectattr('ok') | list": [],
    "__hub_oauth_rules": ["2 by name", "everybody of example.org and example.net"],
    "__gke_iap_members": ["user:a@example.org", "user:b@example.org"],
    "__gke_iap_settings.source_ranges": ["192.0.2.0/24", "198.51.100.0/24"],
    "__gke_iap_missing": [],
    "__cluster_access_gke": {"project": "research", "location": "europe-west1", "name": "hubs", "endpoint": "private"},
    "__cluster_access_bastion.iap": {"project": "research", "instance": "bastion", "zone": "europe-west1-b"},
    "__cluster_access_lacking": [],
    "__hub_preflight_facts": ["__hub_front_preflight", "__hub_dns_preflight", "__hub_preflight_probe_rows"],
    "__domain_verification_preflight": [],
    "__letsencrypt_directory": "https://acme-staging-v02.api.letsencrypt.org/directory",
}


def starts(role: str, tasks: str) -> dict[str, Any]:
    """A task that runs a part of a role and leaves its variables to the tasks that follow."""
    return {
        "ansible.builtin.include_role": {"name": f"researchops.jupyterhub.{role}", "tasks_from": tasks, "public": True}
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the roles see, by the expression that was asked for."""
    folder = tmp_path_factory.mktemp("text")
    asked = "{{ {" + ", ".join(f"{json.dumps(text)}: {text}" for text in SEEN) + "} | to_json }}"
    tasks = [
        *(starts(role, "preflight") for role in ROLES),
        starts("hub_preflight", "main"),
        {"ansible.builtin.copy": {"content": asked, "dest": "seen.json", "mode": "0600"}},
    ]
    known = {
        "__cluster_access_guard": {"preflight": []},
        "__cluster_access_generated": "",
    }  # so that no cluster is asked
    given = [part for name, text in GIVEN.items() for part in ("-e", f"{name}={json.dumps(text)}")]
    played(folder, tasks, *given, vars=known)
    found: dict[str, Any] = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("text", SEEN)
def test_a_role_sees_what_was_meant(seen: dict[str, Any], text: str) -> None:
    assert seen[text] == SEEN[text]
