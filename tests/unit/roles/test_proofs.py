# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles ask their modules to prove, and how they say what is not proved.

A real ansible-playbook reads the roles' variables; nobody is asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

TASKS = Path(__file__).resolve().parents[3] / "roles" / "hub_dns" / "tasks"
ENTRA = "invalid_grant, AADSTS9002313: said of the login code, perhaps before anybody saw the secret"
CLIENTS = {
    "both": ({"secret": "proved", "callback": "proved"}, "client hub: secret proved, callback proved"),
    "neither": (
        {"secret": "unknown", "secret_reason": ENTRA, "callback": "unknown", "callback_reason": "HTTP 200"},
        f"client hub: secret not proved ({ENTRA}), callback not proved (HTTP 200)",
    ),
}
OWNERS = {
    "by hand": ({"hub_dns_provider": "manual"}, True),
    "by dynamic update": ({"hub_dns_provider": "rfc2136"}, False),
    "in Cloud DNS": ({"hub_dns_provider": "clouddns"}, False),
    "by the host that owns the name": ({"hub_dns_provider": "clouddns", "hub_domain_owner": "other"}, True),
}
"""Who sets the record, and whether it may be followed by the name servers instead of being seen."""


def included(file: str, name: str) -> dict[str, Any]:
    """The one task of this name in a file of hub_dns."""
    (task,) = (one for one in yaml.safe_load((TASKS / file).read_text(encoding="utf-8")) if one["name"] == name)
    found: dict[str, Any] = task
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the roles' templates give in every case."""
    folder = tmp_path_factory.mktemp("proofs")
    choice = included("main.yml", "Prove the record, setting it first where needed")["vars"]["__hub_dns_or_addresses"]
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": {"name": f"researchops.jupyterhub.{role}", "tasks_from": part, "public": True}}
        for role, part in (("hub_oauth", "preflight"), ("hub_dns", "preflight"))
    ]
    asked = {"client": "__hub_oauth_client_rows[0].text", "choice": "choice | bool", "words": "__hub_dns_or_alias"}
    content = "{" + ", ".join(f"{name!r}: {text}" for name, text in asked.items()) + "}"
    keep = {"seen": "{{ seen | default({}) | combine({case: " + content + "}) }}"}
    cases = [
        ("client-" + name, {"__hub_oauth_client": client, "choice": False}) for name, (client, _told) in CLIENTS.items()
    ]
    cases += [("owner-" + name, {**given, "choice": choice}) for name, (given, _told) in OWNERS.items()]
    for name, given in cases:
        client = given.get("__hub_oauth_client", CLIENTS["both"][0])
        tasks.append({"ansible.builtin.set_fact": {"__hub_oauth_client": client}})
        named = {key: value for key, value in given.items() if key != "__hub_oauth_client"}
        named |= {"__hub_dns_or_addresses": "{{ choice }}", "case": name}
        tasks.append({"ansible.builtin.set_fact": keep, "vars": named})
    tasks.append({"ansible.builtin.copy": {"content": "{{ seen | to_json }}", "dest": "seen.json", "mode": "0600"}})
    known = {"hub_domain": "hub.example.org", "hub_oauth_client_id": "hub", "hub_dns_addresses": ["lb.cloud.test"]}
    played(folder, tasks, vars=known)
    found: dict[str, Any] = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("case", CLIENTS)
def test_the_row_says_what_is_not_proved_and_why(seen: dict[str, Any], case: str) -> None:
    assert seen["client-" + case]["client"] == CLIENTS[case][1]


@pytest.mark.parametrize("case", OWNERS)
def test_addresses_instead_of_an_alias_are_right_only_where_a_person_sets_the_record(
    seen: dict[str, Any], case: str
) -> None:
    found = seen["owner-" + case]
    assert found["choice"] is OWNERS[case][1]
    assert ("alias record" in found["words"]) is OWNERS[case][1]


def test_both_looks_at_the_record_ask_for_the_same() -> None:
    asked = [
        included("record.yml", name)["researchops.jupyterhub.domain_verification_wait"]["or_addresses"]
        for name in ("Look at the record as it is", "Wait until every authoritative server has it")
    ]
    assert asked == ["{{ __hub_dns_or_addresses }}"] * 2


def test_an_alias_that_proves_something_must_be_seen() -> None:
    variables = yaml.safe_load((TASKS.parent / "vars" / "main.yml").read_text(encoding="utf-8"))
    assert variables["__hub_dns_or_addresses"] is False
    assert (
        "__hub_dns_or_addresses" not in included("alias.yml", "Prove the alias, setting it first where needed")["vars"]
    )
