# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of gke_front to what it does; objects, requests and judgements are tested in _k8s/ and _gcp/."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import GcpApi
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import Backend
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_gke import GkeFront
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_gke_api import Foretold, Seen
from ansible_collections.researchops.jupyterhub.plugins.modules import gke_front
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import FakeAuth
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

LIVE: dict[str, Any] = {
    "kind": "Ingress",
    "metadata": {"name": "hub-front"},
    "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}},
}
BACKEND = Backend("k8s1-a", "7", iap=True, timeout=86400)
READY = Seen(None, {"Ingress/hub-front": LIVE}, backends=(BACKEND,))
CREATE = Plan({}, {"x": 1}, (Step("create", "Ingress/hub-front"),))
OPTIONS: dict[str, Any] = {
    "project": "p",
    "namespace": "climate",
    "host": "hub.example.org",
    "address_name": "climate-hub-front",
}


class Api:
    """A GkeFrontApi that remembers what it was told to do."""

    seen = Seen(None)
    foretold = Foretold(CREATE, ("Ingress/hub-front",))
    done: list[str]
    front: GkeFront

    def __init__(self, client: object, front: GkeFront, cloud: object) -> None:
        """Remember the wanted front."""
        type(self).front = front

    def look(self) -> Seen:
        return self.seen

    def make_way(self, seen: Seen, **words: Any) -> Seen:
        if seen.going:
            self.done.append(f"make way within {words['timeout']}")
        return Seen(None)

    def foretell(self, seen: Seen) -> Foretold:
        return self.foretold

    def apply(self, seen: Seen, foretold: Foretold, **words: Any) -> None:
        self.done.append(f"apply within {words['timeout']}")

    def remove(self, seen: Seen) -> Plan:
        return self.foretold.plan

    def delete(self, seen: Seen, **words: Any) -> None:
        words["reporter"].say("waiting")
        self.done.append(f"delete within {words['timeout']}")

    def ready(self, address: str, **words: Any) -> Seen:
        self.done.append(f"wait {words['timeout']} for {address or 'any'}")
        return READY


class Cloud:
    """A project whose number is asked for."""

    asked: list[str]

    def __init__(self, api: object, project: str) -> None:
        """Remember the project."""
        self.project = project

    def number(self) -> str:
        self.asked.append(self.project)
        return "123"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> type[Api]:
    fresh = type("FreshApi", (Api,), {"done": []})
    monkeypatch.setattr(gke_front, "GkeFrontApi", fresh)
    monkeypatch.setattr(gke_front, "GkeApi", type("FreshCloud", (Cloud,), {"asked": []}))
    monkeypatch.setattr(gke_front.GcpApi, "from_options", lambda options, **words: GcpApi(FakeAuth()))
    monkeypatch.setattr(gke_front.PatientClient, "from_kubeconfig", lambda kubeconfig, context: None)
    return fresh


def asked(check_mode: bool = False, **options: Any) -> Any:
    return request(gke_front, check_mode=check_mode, **OPTIONS | options)


def run(check_mode: bool = False, **options: Any) -> Any:
    return gke_front.body(asked(check_mode, **options))


def test_a_new_door_is_applied_and_awaited(api: type[Api]) -> None:
    outcome = run(address="203.0.113.7", wait_timeout=7)
    assert api.done == ["apply within 7", "wait 7 for 203.0.113.7"]
    assert (outcome.changed, outcome.diff) == (True, {"before": {}, "after": {"x": 1}})
    assert outcome.result == {
        "addresses": ["203.0.113.7"],
        "audiences": ["/projects/123/global/backendServices/7"],
        "backends": [BACKEND.facts("123")],
        "certificate": "hub-example-org",
        "plan": [{"verb": "create", "target": "Ingress/hub-front", "changes": []}],
        "not_server_checked": ["Ingress/hub-front"],
        "transitions": [],
    }


def test_nothing_to_change_is_not_applied_but_still_proved(api: type[Api]) -> None:
    api.foretold = Foretold(Plan({}, {}))
    assert run().changed is False
    assert api.done == ["wait 900 for any"]


def test_check_mode_foretells_and_does_nothing(api: type[Api]) -> None:
    outcome = run(check_mode=True)
    assert (outcome.changed, api.done) == (True, [])
    assert (outcome.result["addresses"], outcome.result["audiences"], outcome.result["backends"]) == ([], [], [])
    api.seen = READY
    assert run(check_mode=True).result["audiences"] == ["/projects/123/global/backendServices/7"]


def test_what_is_going_is_awaited_and_then_made_anew_but_not_in_check_mode(api: type[Api]) -> None:
    api.seen = Seen(None, going=(LIVE,))
    run(wait_timeout=7)
    assert api.done == ["make way within 7", "apply within 7", "wait 7 for any"]
    api.done.clear()
    outcome = run(check_mode=True)
    assert (api.done, outcome.changed, outcome.result["audiences"]) == ([], True, [])


def test_a_backend_without_iap_signs_nothing_and_has_no_audience(api: type[Api]) -> None:
    api.seen = Seen(None, backends=(Backend("k8s1-a", "7", iap=False, timeout=30),))
    outcome = run(check_mode=True)
    assert (len(outcome.result["backends"]), outcome.result["audiences"]) == (1, [])


def test_another_certificate_has_no_name_of_ours(api: type[Api]) -> None:
    assert run(certificate="wildcard").result["certificate"] == ""


@pytest.mark.parametrize(
    ("check_mode", "plan", "done"),
    [(False, CREATE, ["delete within 7"]), (True, CREATE, []), (False, Plan({}, {}), [])],
    ids=["there", "check mode", "not there"],
)
def test_absent_deletes_what_is_there(api: type[Api], check_mode: bool, plan: Plan, done: list[str]) -> None:
    api.foretold = Foretold(plan)
    outcome = run(check_mode=check_mode, state="absent", host="", address_name="", wait_timeout=7)
    assert (outcome.changed, api.done) == (plan.changed, done)
    assert sorted(outcome.result) == ["plan", "transitions"]
    assert [line["text"] for line in outcome.result["transitions"]] == ["waiting"] * len(done)


def test_the_options_make_the_front_door(api: type[Api]) -> None:
    run(
        release="r", front_door="gateway", certificate="hub-map", base_url="/climate/", annotations={"a": 1},
        backend_timeout=7200, draining=5, security_policy="office", ssl_policy="modern",
        client_id="1-a.apps.googleusercontent.com", client_secret="s3cret-s3cret",
    )  # fmt: skip
    assert api.front == GkeFront(
        namespace="climate",
        name="hub-front",
        release="r",
        host="hub.example.org",
        door="gateway",
        address_name="climate-hub-front",
        certificate="hub-map",
        base_url="/climate/",
        timeout=7200,
        draining=5,
        security_policy="office",
        ssl_policy="modern",
        client_id="1-a.apps.googleusercontent.com",
        client_secret="s3cret-s3cret",
        annotations={"a": "1"},
    )
    run(service_type="NodePort")
    assert (api.front.release, api.front.service_type) == ("climate", "NodePort")


@pytest.mark.parametrize(
    ("base_url", "path"),
    [("/", "/hub/health"), ("", "/hub/health"), ("/climate", "/climate/hub/health"), ("a/b/", "/a/b/hub/health")],
)
def test_name_and_path_may_be_written_in_several_ways(api: type[Api], base_url: str, path: str) -> None:
    run(host="Hub.Example.org.", base_url=base_url)
    assert (api.front.host, api.front.certificate_name) == ("hub.example.org", "hub-example-org")
    assert api.front.health_path == path


@pytest.mark.parametrize(
    ("options", "error_id"),
    [
        ({"https_port": 8443}, "E-FRONT-06"),
        ({"source_ranges": ["192.0.2.0/24"]}, "E-FRONT-06"),
        ({"backend_timeout": 30}, "E-FRONT-09"),
    ],
)
def test_settings_that_cannot_work_stop_before_the_first_look(api: type[Api], options: Any, error_id: str) -> None:
    with pytest.raises(HubError, match=error_id):
        run(**options)
    assert api.done == []


def test_secrets_in_the_cluster_are_learned(api: type[Api]) -> None:
    secret = {"kind": "Secret", "data": {"client_id": "MS1hYWFhYWE=", "client_secret": "b2xkLXNlY3JldC0x"}}
    stale = {"kind": "Secret", "data": {"key": "b2xkLXNlY3JldC0y"}}
    other = {"kind": "ConfigMap", "data": {"x": "no base64"}}
    going = {"kind": "Secret", "data": {"key": "b2xkLXNlY3JldC0z"}}
    api.seen = Seen({}, {"Secret/a": secret, "ConfigMap/b": other}, (stale,), going=(going,))
    doing = asked(check_mode=True)
    gke_front.body(doing)
    said = doing.redactor.text("old-secret-1 old-secret-2 old-secret-3 1-aaaaaa")
    assert said == "<hidden> <hidden> <hidden> 1-aaaaaa"


@pytest.mark.parametrize("options", [{"front_door": "proxy"}, {"service_type": "LoadBalancer"}, {"state": "there"}])
def test_unknown_choices_are_refused(options: Any) -> None:
    with pytest.raises(Refused):
        asked(**options)
