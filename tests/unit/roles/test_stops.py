# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a role itself stops, the person reads an id, what is wrong with which object, and one thing to do.

A real ansible-playbook runs the roles' own tasks; all of these stop before anything is changed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played
from jinja2.nativetypes import NativeEnvironment

ROLES = Path(__file__).resolve().parents[3] / "roles"

CLUSTER = {"project": "research", "location": "europe-west1", "name": "hubs"}
ON_GKE = {"hub_platform": "gke", "hub_domain": "hub.example.org", "cluster_access_cluster": CLUSTER}
BY_UPDATE = {
    "hub_dns_provider": "rfc2136",
    "hub_dns_server": "127.0.0.1",
    "hub_dns_port": 1,
    "hub_dns_key_name": "hub",
    "hub_dns_key_secret": "c2VjcmV0LW9mLXRoZS10ZXN0",
}
NOWHERE = {"hub_name": "climate", "cluster_access_kubeconfig": "/nowhere/config"}
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
    "nobody whom Google knows": (
        ("gke_iap", "front", {**ON_GKE, "gke_iap_members": "group:g@example.org, ada@example.org"}),
        r"E-IAP-02 gke_iap_members: 'ada@example\.org' cannot be a member: .*\. Nothing was changed\. Do: write .*\.",
    ),
    "no location and name": (
        ("gke_iap", "preflight", {**ON_GKE, "cluster_access_cluster": {"project": "research"}}),
        r"E-GKE-05 The cluster .*: location, name is missing, .*\. Nothing was changed\. Do: set .*\.",
    ),
    "a record that cannot be removed": (
        ("hub_dns", "absent", {"hub_domain": "hub.example.org", **BY_UPDATE}),
        r"E-DNS-04 The DNS server 127\.0\.0\.1 .* hub\.example\.org\. Seen: .*\. Some records .*\. +Do: check .*\.",
    ),
    "a namespace that cannot be deleted": (
        ("hub_teardown", "main", {**NOWHERE, "hub_teardown_roles": [], "hub_teardown_data": True}),
        r"(?s)E-HELM-17 Namespace climate could not be deleted\. Seen: .*\. Some steps .*\. Do: check the way .*\.",
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


NAMED = {
    "deep": ({"hub_oauth_scopes": ["{{ our_scope }}"]}, "our_scope"),
    "flat": ({"hub_https_type": "{{ our_type }}"}, "our_type"),
    "a secret's file": (
        {"hub_oauth_client_secret": "{{ lookup('ansible.builtin.file', 'our-secret') }}"},
        "our-secret",
    ),
}
"""Values that cannot be computed, and what keeps them from it."""
OWNERS = {"one.example.org": "", "two.example.org": "localhost", "three.example.org": "another-hub"}
SAME = {
    "in another case, with a dot": ("Hub.Example.org.", "", "", True),
    "the same, with a dot": ("hub.example.org.", "hub.example.org", "", True),
    "the zone's": ("hub.example.org.", "example.org", "", False),
    "another zone's": ("hub.example.org", "example.com", "E-SITE-04", False),
}
"""The hub's name, the verified one, what is wrong with it, and whether it is the hub's own."""
ORDER = {"challenge_data_dns": {"_acme-challenge.hub.example.org": ["x"]}}


def includes(role: str, tasks: str, variables: dict[str, Any], *, public: bool = False) -> dict[str, Any]:
    """A task that runs a part of a role; with ``public``, its variables are those of the tasks that follow, too."""
    name = {"name": f"researchops.jupyterhub.{role}", "tasks_from": tasks, "public": public}
    return {"ansible.builtin.include_role": name, "vars": variables}


def stops(role: str, tasks: str, variables: dict[str, Any]) -> dict[str, Any]:
    """A block that runs a part of a role and says where it stopped."""
    said = {"ansible.builtin.debug": {"msg": "it stopped at {{ ansible_failed_task.name }}"}}
    return {"block": [includes(role, tasks, variables)], "rescue": [said]}


def flaky(folder: Path) -> list[dict[str, Any]]:
    """A look-up that fails once (a vault that is away for a moment), after values were computed for the preflight."""
    once = "[ ! -e broken ] || { rm broken; exit 1; }; echo client-secret-of-a-test"
    settings = {
        "hub_domain": "hub.example.org",
        "hub_oauth_client_secret": f"{{{{ lookup('ansible.builtin.pipe', 'cd {folder}; {once}') }}}}",
    }
    return [
        tries("flaky", "z2jh", "preflight", settings),
        {"ansible.builtin.file": {"path": f"{folder}/broken", "state": "touch", "mode": "0600"}},
        tries("flaky", "z2jh", "values", settings),
    ]


def stories(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Tasks of which a test reads what they print."""
    asked = "own={{ __domain_verification_own | bool }} {{ (__domain_verification_preflight | first).text }}"
    challenge = {**BY_UPDATE, "hub_domain": "hub.example.org", "__letsencrypt_order": ORDER}
    teardown = {
        "hub_name": "climate",
        "letsencrypt_method": "direct",
        "cluster_access_kubeconfig": str(folder / "none"),
        "hub_teardown_roles": ["letsencrypt"],
    }
    found = {
        "owners": [
            includes("hub_dns", "absent", {"hub_domain": name, "hub_domain_owner": owner})
            for name, owner in OWNERS.items()
        ],
        "challenge": [stops("letsencrypt", "challenge", challenge)],
        "flaky": flaky(folder),
    }
    for what, (given, _named) in NAMED.items():
        found[what] = [tries(what, "z2jh", "preflight", {"hub_domain": "hub.example.org", **given})]
    for data in (False, True):
        found[f"teardown {data}"] = [stops("hub_teardown", "main", {**teardown, "hub_teardown_data": data})]
    for written in (False, True):
        given = {
            "hub_domain": "hub.example.org",
            "hub_front_keep_proxy_public": written,
            "__hub_front_kept": not written,
        }
        service = "{{ (__z2jh_computed.chart.proxy | default({})).service.type | default('as the chart has it') }}"
        say = {"ansible.builtin.debug": {"msg": f"proxy-public: {service}"}}
        found[f"written {written}"] = [includes("z2jh", "values", given), say]
    for what, (name, domain, _problem, _own) in SAME.items():
        given = {"hub_domain": name, "domain_verification_domain": domain, "domain_verification_enabled": True}
        say = {"ansible.builtin.debug": {"msg": asked}, "vars": given}
        found[what] = [includes("domain_verification", "preflight", given, public=True), say]
    return found


class Told(NamedTuple):
    """What each case said as its reason to stop, and what each story printed."""

    said: dict[str, str]
    printed: dict[str, str]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All of it out of one run."""
    folder = tmp_path_factory.mktemp("stops")
    tasks = [tries(what, *case) for what, (case, _message) in STOPS.items()]
    for what, story in stories(folder).items():
        tasks += [{"ansible.builtin.debug": {"msg": f"here begins <{what}>"}}, *story]
    tasks.append({"ansible.builtin.copy": {"content": "{{ said | to_json }}", "dest": "said.json", "mode": "0600"}})
    parts = re.split(r"here begins <(.*)>", played(folder, tasks))
    said: dict[str, str] = json.loads((folder / "said.json").read_text(encoding="utf-8"))
    return Told(said, dict(zip(parts[1::2], parts[2::2], strict=True)))


@pytest.mark.parametrize(("what", "message"), [(what, row[1]) for what, row in STOPS.items()], ids=list(STOPS))
def test_what_is_said_where_a_role_stops(told: Told, what: str, message: str) -> None:
    assert re.fullmatch(message, told.said[what].strip()), told.said[what]


def test_who_does_not_own_a_name_is_not_told_to_remove_its_record(told: Told) -> None:
    """Where several hubs share one name, it still leads to the others."""
    names = re.findall(r"(\S+) leads nowhere now", told.printed["owners"])
    assert names == ["one.example.org", "two.example.org"]


@pytest.mark.parametrize("what", SAME)
def test_a_name_is_the_same_however_it_is_written(told: Told, what: str) -> None:
    """The hub's own name is given up with the hub, with or without the dot at its end."""
    _name, _domain, problem, own = SAME[what]
    assert f"own={own} {problem}" in told.printed[what]


@pytest.mark.parametrize("what", NAMED)
def test_what_keeps_the_values_from_being_computed_is_named(told: Told, what: str) -> None:
    """The task that fails shows nothing, since it sees the operator's values; the one after it says why."""
    assert "censored" in told.printed[what]
    assert NAMED[what][1] in told.said[what]


def test_values_that_cannot_be_computed_are_never_those_of_the_preflight(told: Told) -> None:
    """Where the reason is gone when it is asked for, the run stops all the same."""
    assert told.said["flaky"].startswith("E-VALUES-14 The chart's values could not be computed")


def test_a_challenge_that_was_never_set_is_not_said_to_be_left_over(told: Told) -> None:
    printed = told.printed["challenge"]
    assert "E-DNS-04 The DNS server 127.0.0.1 did not take the update of" in printed
    assert "it stopped" in printed
    assert "could not be removed" not in " ".join(printed.split())


@pytest.mark.parametrize(("data", "asked"), [(False, False), (True, True)])
def test_a_hub_that_may_come_back_keeps_its_fetched_certificate(told: Told, data: bool, asked: bool) -> None:
    """Let's Encrypt makes five a week; without a cluster it is seen by who is asked to delete something."""
    printed = told.printed[f"teardown {data}"]
    assert ("it stopped at Stop when they cannot be deleted" in printed) is asked
    assert ("certificate stays in namespace climate with its account key" in printed) is not asked


HELD = [
    {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "All discovered"},
    {"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: pods. has 1"},
    {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "finalizers remaining: a.org/x in 1"},
]
ENDING = {"metadata": {"deletionTimestamp": "2026-11-22T12:00:00Z"}, "status": {"phase": "Terminating"}}


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        (
            {**ENDING, "status": {"phase": "Terminating", "conditions": HELD}},
            r"E-HELM-17 .* did not go away within 300 s\. Seen: Some .* 1; finalizers .*a\.org/x in 1\. .*",
        ),
        (ENDING, r"E-HELM-17 .* did not go away within 300 s\. Seen: theirs\. Some steps .*\. Do: look at .*\."),
        (
            {"metadata": {}, "status": {"phase": "Active"}},
            r"E-HELM-17 Namespace climate could not be deleted\. Seen: theirs\. Some .*\. Do: check the way .*\.",
        ),
    ],
)
def test_what_keeps_a_namespace_from_going_is_named(namespace: dict[str, Any], message: str) -> None:
    known = yaml.safe_load((ROLES / "hub_teardown/vars/main.yml").read_text(encoding="utf-8"))
    known |= {"__hub_teardown_look": {"resources": [namespace]}, "__hub_teardown_deleted": {"msg": "theirs"}}
    known["__hub_teardown_namespace"] = "climate"
    jinja = NativeEnvironment()
    jinja.filters["researchops.jupyterhub.typed"] = lambda value, _kind: value
    for name in ("left", "seen"):
        known[f"__hub_teardown_{name}"] = jinja.from_string(known[f"__hub_teardown_{name}"]).render(known)
    assert re.fullmatch(message, jinja.from_string(known["__hub_teardown_stuck"]).render(known))


@pytest.mark.parametrize(
    ("given", "kept"), [({}, True), ({"__hub_teardown_keeps": True}, True), ({"__hub_teardown_keeps": False}, False)]
)
def test_data_that_may_go_goes_with_a_release_that_was_never_protected(given: dict[str, bool], kept: bool) -> None:
    """Somebody's own Helm install has no keep policy; that its data may go, the module must be told."""
    (task,) = yaml.safe_load((ROLES / "z2jh/tasks/absent.yml").read_text(encoding="utf-8"))
    asked = NativeEnvironment().from_string(task["researchops.jupyterhub.hub_release"]["keep_data"])
    assert bool(asked.render(given)) is kept


@pytest.mark.parametrize(
    ("written", "kept", "hint"),
    [(False, False, ""), (True, True, ""), (False, True, "write "), (True, False, "take it out ")],
)
def test_who_wrote_down_what_was_found_is_not_told_to_write_it(written: bool, kept: bool, hint: str) -> None:
    tasks = yaml.safe_load((ROLES / "hub_front/tasks/service.yml").read_text(encoding="utf-8"))
    (facts,) = (task["ansible.builtin.set_fact"] for task in tasks if "ansible.builtin.set_fact" in task)
    known = yaml.safe_load((ROLES / "hub_front/vars/main.yml").read_text(encoding="utf-8"))
    jinja = NativeEnvironment()
    jinja.filters["researchops.jupyterhub.typed"] = lambda value, _kind: value
    known |= {"hub_front_keep_proxy_public": written, "__hub_front_result": {"kept": kept}}
    told = jinja.from_string(facts["__hub_front_hint"]).render(known)
    assert re.findall(r"write |take it out ", told) == ([hint] if hint else [])
    assert bool(jinja.from_string(facts["__hub_front_kept"]).render(known)) is kept


@pytest.mark.parametrize(("written", "kind"), [(False, "as the chart has it"), (True, "ClusterIP")])
def test_what_was_found_on_the_hub_counts_whatever_is_written(told: Told, written: bool, kind: str) -> None:
    """Variables of -e, as of an include, win over facts: the chart's Service would get a load balancer for nothing."""
    assert f"proxy-public: {kind}" in told.printed[f"written {written}"]


MADE = {"plan": [{"verb": "create", "target": "Service/hub-front"}]}


@pytest.mark.parametrize(
    ("given", "foretold"),
    [
        ({}, False),
        ({"__hub_front_result": {"plan": []}}, False),
        ({"__hub_front_result": MADE}, True),
        ({"__gke_iap_front": MADE}, True),
        ({"__gke_iap_front": MADE, "ansible_check_mode": False}, False),
    ],
)
def test_a_front_that_check_mode_foretells_takes_over_from_the_chart_s_own(
    given: dict[str, Any], foretold: bool
) -> None:
    asked = yaml.safe_load((ROLES / "z2jh/vars/main.yml").read_text(encoding="utf-8"))["__z2jh_front_foretold"]
    told = NativeEnvironment().from_string(asked).render({"ansible_check_mode": True, **given})
    assert bool(told) is foretold


def test_an_inventory_host_that_cannot_be_a_namespace_is_told_before_anything_is_made(tmp_path: Path) -> None:
    rows = "{{ __z2jh_preflight | rejectattr('ok') | map(attribute='text') | join(' ') }}"
    tasks = [
        includes("z2jh", "preflight", {"hub_domain": "hub.example.org"}),
        {"ansible.builtin.debug": {"msg": rows}},
    ]
    printed = played(tmp_path, tasks, "-i", "my_hub,", hosts="my_hub")
    assert "E-VALUES-10 hub_name cannot be used as it is. Seen: my_hub; wanted: " in printed


@pytest.mark.once
def test_a_name_that_was_moved_to_another_hub_is_left_to_it(tmp_path: Path) -> None:
    """The record goes where it leads to the hub that is taken down, and where that is not known for certain."""
    here, there = "192.0.2.7", "198.51.100.9"
    seen = {
        "moved": [{"agreed": True, "present": [there]}, {"agreed": True, "present": []}],
        "ours": [{"agreed": True, "present": [here, there]}, {"agreed": True, "present": []}],
        "ours, by IPv6": [{"agreed": True, "present": [there]}, {"agreed": True, "present": ["2001:db8::7"]}],
        "in part": [{"agreed": False, "present": []}, {"agreed": True, "present": []}],
        "gone": [{"agreed": True, "present": []}],
        "an alias": [{"agreed": False, "present": []}, {"agreed": True, "present": ["lb.example.org"]}],
    }
    role = {"name": "researchops.jupyterhub.hub_dns", "tasks_from": "preflight", "public": True}
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": role, "vars": {"hub_domain": "hub.example.org"}},
    ]
    for name, found in [*seen.items(), ("not asked", None)]:
        look = {"skipped": True} if found is None else {"current": found}
        known: dict[str, Any] = {
            "__hub_dns_look": look,
            "hub_dns_addresses": f"2001:DB8:0::7,{here}",
            "hub_domain": "hub.example.org",
        }
        tasks.append({"ansible.builtin.debug": {"msg": f"<{name}: {{{{ __hub_dns_moved | bool }}}}>"}, "vars": known})
    fronts: list[dict[str, Any]] = [
        {"resources": [{"status": {"loadBalancer": {"ingress": [{"ip": here, "hostname": "lb.example.org"}]}}}]},
        {"resources": [{"status": {"loadBalancer": {"ingress": [{"hostname": "LB.example.org"}]}}}]},
        {"resources": [{"status": {}}]},
        {"resources": []},
    ]
    for front in fronts:
        known = {"__hub_dns_front": front, "hub_domain": "hub.example.org"}
        tasks.append({"ansible.builtin.debug": {"msg": "<own: {{ __hub_dns_own | join(' ') }}>"}, "vars": known})
    printed = played(tmp_path, tasks)
    assert re.findall(r"<(.+?): (?:True|False)>", printed) == [*seen, "not asked"]
    assert re.findall(r"<(.+?): True>", printed) == ["moved"]
    assert re.findall(r"<own: (.*?)>", printed) == [here, "lb.example.org", "", ""]
    (*_tasks, say, remove) = yaml.safe_load((ROLES / "hub_dns/tasks/absent.yml").read_text(encoding="utf-8"))
    assert say["when"][-1] == remove["when"][-1] == "not __hub_dns_moved | bool"


@pytest.mark.parametrize(
    ("written", "over", "do"),
    [
        pytest.param({"result": {"kind": "Secret"}}, True, "", id="written"),
        pytest.param({"msg": "m", "reason": "Forbidden"}, True, "the permission to create", id="refused"),
        pytest.param(
            {"msg": "m", "reason": "Unprocessable Entity"}, True, "namespace and Secret", id="refused as it is"
        ),
        pytest.param(
            {"msg": "m", "reason": "Service Unavailable"}, False, "the way to the cluster", id="away for a moment"
        ),
        pytest.param({"msg": "m", "reason": "Too Many Requests"}, False, "the way to the cluster", id="too busy"),
        pytest.param({"msg": "m"}, False, "the way to the cluster", id="no answer"),
    ],
)
def test_a_certificate_that_was_made_is_not_given_up_for_a_moment(written: dict[str, Any], over: bool, do: str) -> None:
    """These are the fields of kubernetes.core.k8s: `result`, or `msg` and the reason of the server, if it gave one."""
    (order,) = yaml.safe_load((ROLES / "letsencrypt/tasks/order.yml").read_text(encoding="utf-8"))
    (task,) = (one for one in order["block"] if "until" in one)
    told = yaml.safe_load((ROLES / "letsencrypt/vars/main.yml").read_text(encoding="utf-8"))
    known = {**told, "__letsencrypt_written": written}
    jinja = NativeEnvironment()
    assert bool(jinja.from_string(f"{{{{ {task['until']} }}}}").render(known)) is over
    assert task["retries"] * task["delay"] >= 60
    assert do in jinja.from_string(told["__letsencrypt_unwritable_do"]).render(known)
