# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a role itself stops, the person reads an id, what is wrong with which object, and one thing to do.

A real ansible-playbook runs the roles' own tasks; all of these stop before anything is asked or changed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played
from jinja2.nativetypes import NativeEnvironment

ROLES = Path(__file__).resolve().parents[3] / "roles"

CLUSTER = {"project": "research", "location": "europe-west1", "name": "hubs"}
ON_GKE = {"hub_platform": "gke", "hub_domain": "hub.example.org", "cluster_access_cluster": CLUSTER}
CURE = {"gke_iap_act": "reprovision"}
LOOK = {"current": [{"agreed": False, "texts": ["a"]}], "seen": "ns1.test has a, ns2.test has b"}

STOPS = {
    "no certificate: another platform": (
        ("gke_iap", "main", {**CURE, "hub_platform": "existing"}),
        r"E-CERT-29 .*: hub_platform is not gke, or TLS ends elsewhere\. Nothing was changed\. Do: cure .* from\.",
    ),
    "no certificate: a map's": (
        ("gke_iap", "main", {**CURE, **ON_GKE, "hub_name": "climate", "gke_iap_front_door": "gateway"}),
        r"E-CERT-29 .*: behind a Gateway .* map climate-hub-front, .*\. Nothing was changed\. Do: run .*gke_iap; .*\.",
    ),
    "no certificate: no name": (
        ("gke_iap", "main", {**CURE, **ON_GKE, "hub_domain": ""}),
        r"E-CERT-29 .*: hub_domain is not set\. Nothing was changed\. Do: .*\.",
    ),
    "no certificate: somebody's own": (
        ("gke_iap", "main", {**CURE, **ON_GKE, "gke_iap_certificate": "our-own"}),
        r"E-CERT-29 .*: gke_iap_certificate is our-own\. Nothing was changed\. Do: .*\.",
    ),
    "no project": (
        ("gke_iap", "front", {**ON_GKE, "cluster_access_cluster": {}}),
        r"E-GKE-05 No Google Cloud project is named\. Nothing was changed\. Do: set cluster_access_cluster\..*\.",
    ),
    "no location and name": (
        ("gke_iap", "preflight", {**ON_GKE, "cluster_access_cluster": {"project": "research"}}),
        r"E-GKE-05 The cluster .*: location, name is missing, .*\. Nothing was changed\. Do: set .*\.",
    ),
    "texts that name servers disagree about": (
        ("hub_dns", "txt_update", {"hub_dns_txt_name": "_X.Example.org.", "__hub_dns_txt_look": LOOK}),
        r"E-DNS-12 The TXT records of _x\.example\.org .*\. Seen: ns1.*\. Nothing was changed\. Do: wait .*\.",
    ),
}


def tries(what: str, role: str, tasks: str, variables: dict[str, Any]) -> dict[str, Any]:
    """A block that runs a part of a role and keeps what it said: a failure, or a failed row of a preflight."""
    fact = "ansible.builtin.set_fact"
    rows = "{{ __gke_iap_preflight | default([]) | rejectattr('ok') | map(attribute='text') | join(' ') }}"
    keep = "{{ said | default({}) | combine({what: text}) }}"
    return {
        "vars": {**variables, "what": what},
        "block": [
            {"ansible.builtin.include_role": {"name": f"researchops.jupyterhub.{role}", "tasks_from": tasks}},
            {fact: {"said": keep}, "vars": {"text": rows}},
        ],
        "rescue": [{fact: {"said": keep}, "vars": {"text": "{{ ansible_failed_result.msg }}"}}],
    }


SHOWN = "what was said: "
SAID = {"ansible.builtin.debug": {"msg": SHOWN + "{{ said['values'] }}"}}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each case of the table said, out of one run."""
    folder = tmp_path_factory.mktemp("stops")
    tasks = [tries(what, *case) for what, (case, _message) in STOPS.items()]
    tasks.append({"ansible.builtin.copy": {"content": "{{ said | to_json }}", "dest": "said.json", "mode": "0600"}})
    played(folder, tasks)
    found: dict[str, str] = json.loads((folder / "said.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("what", "message"), [(what, row[1]) for what, row in STOPS.items()], ids=list(STOPS))
def test_what_is_said_where_a_role_stops(said: dict[str, str], what: str, message: str) -> None:
    assert re.fullmatch(message, said[what].strip()), said[what]


def test_who_does_not_own_a_name_is_not_told_to_remove_its_record(tmp_path: Path) -> None:
    """Where several hubs share one name, it still leads to the others."""
    role = {"name": "researchops.jupyterhub.hub_dns", "tasks_from": "absent"}
    owners = {"one.example.org": "", "two.example.org": "localhost", "three.example.org": "another-hub"}
    tasks = [
        {"ansible.builtin.include_role": role, "vars": {"hub_domain": name, "hub_domain_owner": owner}}
        for name, owner in owners.items()
    ]
    told = re.findall(r"(\S+) leads nowhere now", played(tmp_path, tasks))
    assert told == ["one.example.org", "two.example.org"]


@pytest.mark.parametrize(
    ("hub_domain", "domain", "problem", "own"),
    [
        ("Hub.Example.org.", "", "", True),
        ("hub.example.org.", "hub.example.org", "", True),
        ("hub.example.org.", "example.org", "", False),
        ("hub.example.org", "example.com", "E-SITE-04", False),
    ],
)
def test_a_name_is_the_same_however_it_is_written(
    tmp_path: Path, hub_domain: str, domain: str, problem: str, own: bool
) -> None:
    """The hub's own name is given up with the hub, with or without the dot at its end."""
    given = {"hub_domain": hub_domain, "domain_verification_domain": domain, "domain_verification_enabled": True}
    role = {"name": "researchops.jupyterhub.domain_verification", "tasks_from": "preflight", "public": True}
    said = "own={{ __domain_verification_own | bool }} {{ (__domain_verification_preflight | first).text }}"
    told = played(
        tmp_path,
        [
            {"ansible.builtin.include_role": role, "vars": given},
            {"ansible.builtin.debug": {"msg": said}, "vars": given},
        ],
    )
    assert f"own={own} {problem}" in told


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"hub_oauth_scopes": ["{{ our_scope }}"]}, "our_scope"),
        ({"hub_https_type": "{{ our_type }}"}, "our_type"),
        ({"hub_oauth_client_secret": "{{ lookup('ansible.builtin.file', 'our-secret') }}"}, "our-secret"),
    ],
    ids=["deep", "flat", "a-secret-s-file"],
)
def test_what_keeps_the_values_from_being_computed_is_named(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    """The task that fails shows nothing, since it sees the operator's values; the one after it says why."""
    told = played(tmp_path, [tries("values", "z2jh", "preflight", {"hub_domain": "hub.example.org", **given}), SAID])
    assert "censored" in told
    assert named in told.split(SHOWN)[1]


def test_a_challenge_that_was_never_set_is_not_said_to_be_left_over(tmp_path: Path) -> None:
    settings = {
        "hub_domain": "hub.example.org",
        "hub_dns_server": "127.0.0.1",
        "hub_dns_port": 1,
        "hub_dns_key_name": "hub",
        "hub_dns_key_secret": "c2VjcmV0LW9mLXRoZS10ZXN0",
        "__letsencrypt_order": {"challenge_data_dns": {"_acme-challenge.hub.example.org": ["x"]}},
    }
    role = {"name": "researchops.jupyterhub.letsencrypt", "tasks_from": "challenge"}
    tasks = [
        {
            "block": [{"ansible.builtin.include_role": role, "vars": settings}],
            "rescue": [{"ansible.builtin.debug": {"msg": "it stopped"}}],
        }
    ]
    told = played(tmp_path, tasks)
    assert "E-DNS-04 The DNS server 127.0.0.1 did not take the update of" in told
    assert "it stopped" in told
    assert "could not be removed" not in " ".join(told.split())


@pytest.mark.parametrize(("data", "asked"), [(False, False), (True, True)])
def test_a_hub_that_may_come_back_keeps_its_fetched_certificate(tmp_path: Path, data: bool, asked: bool) -> None:
    """Let's Encrypt makes five a week; without a cluster it is seen by who is asked to delete something."""
    settings = {
        "hub_name": "climate",
        "letsencrypt_method": "direct",
        "cluster_access_kubeconfig": str(tmp_path / "none"),
        "hub_teardown_roles": ["letsencrypt"],
        "hub_teardown_data": data,
    }
    role = {"name": "researchops.jupyterhub.hub_teardown"}
    said = {"ansible.builtin.debug": {"msg": "it stopped at {{ ansible_failed_task.name }}"}}
    told = played(tmp_path, [{"block": [{"ansible.builtin.include_role": role, "vars": settings}], "rescue": [said]}])
    assert ("it stopped at Delete the Secrets that this role made" in told) is asked
    assert ("certificate stays in namespace climate with its account key" in told) is not asked


@pytest.mark.parametrize(
    ("given", "kept"), [({}, True), ({"__hub_teardown_keeps": True}, True), ({"__hub_teardown_keeps": False}, False)]
)
def test_data_that_may_go_goes_with_a_release_that_was_never_protected(given: dict[str, bool], kept: bool) -> None:
    """Somebody's own Helm install has no keep policy; that its data may go, the module must be told."""
    (task,) = yaml.safe_load((ROLES / "z2jh/tasks/absent.yml").read_text(encoding="utf-8"))
    asked = NativeEnvironment().from_string(task["researchops.jupyterhub.hub_release"]["keep_data"])
    assert bool(asked.render(given)) is kept


def test_an_inventory_host_that_cannot_be_a_namespace_is_told_before_anything_is_made(tmp_path: Path) -> None:
    role = {"name": "researchops.jupyterhub.z2jh", "tasks_from": "preflight"}
    rows = "{{ __z2jh_preflight | rejectattr('ok') | map(attribute='text') | join(' ') }}"
    tasks = [
        {"ansible.builtin.include_role": role, "vars": {"hub_domain": "hub.example.org"}},
        {"ansible.builtin.debug": {"msg": rows}},
    ]
    told = played(tmp_path, tasks, "-i", "my_hub,", hosts="my_hub")
    assert "E-VALUES-10 hub_name cannot be used as it is. Seen: my_hub; wanted: " in told


@pytest.mark.parametrize(
    ("written", "kept", "wanted"), [(False, False, False), (False, True, True), (True, True, True), (True, False, True)]
)
def test_an_address_that_is_to_be_kept_is_kept_while_its_service_has_none(
    written: bool, kept: bool, wanted: bool
) -> None:
    tasks = yaml.safe_load((ROLES / "hub_front/tasks/service.yml").read_text(encoding="utf-8"))
    (facts,) = (task["ansible.builtin.set_fact"] for task in tasks if "ansible.builtin.set_fact" in task)
    jinja = NativeEnvironment()
    jinja.filters["researchops.jupyterhub.typed"] = lambda value, _kind: value
    given = {"hub_front_keep_proxy_public": written, "__hub_front_result": {"kept": kept}}
    assert bool(jinja.from_string(facts["hub_front_keep_proxy_public"]).render(given)) is wanted
