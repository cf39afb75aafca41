# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of front_service to what it does; requests and judgements are tested in _k8s/."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front import Front
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_api import Seen
from ansible_collections.researchops.jupyterhub.plugins.modules import front_service
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

NAMESPACE: dict[str, Any] = {"metadata": {}}
SERVICE = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
PROXY = {
    "metadata": {"name": "ours-proxy-public"},
    "spec": {"type": "LoadBalancer"},
    "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}},
}
CREATE = Plan({}, {"x": 1}, (Step("create", "Service/hub-front"),))


class Api:
    """A FrontApi that remembers what it was told to do."""

    seen = Seen(NAMESPACE, None, None)
    plan = CREATE
    other = ""
    done: list[str]
    front: Front

    def __init__(self, client: object, front: Front) -> None:
        """Remember the wanted front."""
        type(self).front = front

    def look(self) -> Seen:
        return self.seen

    def refuse_another_hub(self, seen: Seen) -> None:
        if self.other:
            raise HubError("E-FRONT-13", "it is another one's", "name it")

    def make_way(self, seen: Seen, **words: Any) -> Seen:
        if seen.going:
            self.done.append(f"make way within {words['timeout']}")
        return seen

    def foretell(self, seen: Seen) -> Plan:
        return self.plan

    def apply(self, seen: Seen) -> None:
        self.done.append("apply")

    def delete(self, **words: Any) -> None:
        self.done.append(f"delete within {words['timeout']}")

    def addresses(self, **words: Any) -> tuple[str, ...]:
        if not words["timeout"]:
            raise HubError("E-FRONT-01", "it has none", "repair it")
        self.done.append(f"wait {words['timeout']} for {self.front.name}")
        return ("192.0.2.1",)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> type[Api]:
    fresh = type("FreshApi", (Api,), {"done": []})
    monkeypatch.setattr(front_service, "FrontApi", fresh)
    monkeypatch.setattr(front_service.KubeClient, "from_kubeconfig", lambda kubeconfig, context: None)
    return fresh


def run(check_mode: bool = False, **options: Any) -> Any:
    return front_service.body(request(front_service, check_mode=check_mode, **{"namespace": "climate", **options}))


def test_a_new_front_is_applied_and_awaited(api: type[Api]) -> None:
    outcome = run(wait_timeout=7)
    assert api.done == ["apply", "wait 7 for hub-front"]
    assert (outcome.changed, outcome.diff) == (True, {"before": {}, "after": {"x": 1}})
    assert outcome.result == {
        "addresses": ["192.0.2.1"],
        "service": "hub-front",
        "kept": False,
        "plan": [{"verb": "create", "target": "Service/hub-front", "changes": []}],
        "transitions": [],
    }


def test_nothing_to_change_is_not_applied(api: type[Api]) -> None:
    api.plan = Plan({}, {})
    assert run().changed is False
    assert api.done == ["wait 600 for hub-front"]


@pytest.mark.parametrize(
    ("service", "asked", "addresses"),
    [
        pytest.param(None, "", [], id="an address that is not known before"),
        pytest.param(SERVICE, "", ["192.0.2.1"], id="the one that is there"),
        pytest.param(SERVICE, "192.0.2.1", ["192.0.2.1"], id="the one that is there and asked for"),
        pytest.param(SERVICE, "192.0.2.7", ["192.0.2.7"], id="another one that is asked for"),
        pytest.param(None, "192.0.2.7", ["192.0.2.7"], id="a first one that is asked for"),
    ],
)
def test_check_mode_foretells_and_does_nothing(api: type[Api], service: Any, asked: str, addresses: list[str]) -> None:
    api.seen = Seen(NAMESPACE, service, None)
    outcome = run(check_mode=True, address=asked)
    assert (outcome.changed, outcome.result["addresses"], api.done) == (True, addresses, [])


def test_what_is_going_is_awaited_and_then_made_anew_but_not_in_check_mode(api: type[Api]) -> None:
    api.seen = Seen(NAMESPACE, None, None, going=SERVICE)
    run(wait_timeout=7)
    assert api.done == ["make way within 7", "apply", "wait 7 for hub-front"]
    api.done.clear()
    outcome = run(check_mode=True)
    assert (api.done, outcome.changed, outcome.result["addresses"]) == ([], True, [])


@pytest.mark.parametrize("options", [{}, {"keep": True}, {"type": "NodePort", "address": "198.51.100.4"}])
def test_a_running_hub_keeps_its_address(api: type[Api], options: dict[str, Any]) -> None:
    api.seen = Seen(NAMESPACE, None, PROXY)
    outcome = run(**options)
    assert (outcome.changed, api.done, outcome.diff) == (False, [], {"before": {}, "after": {}})
    assert outcome.result == {
        "addresses": ["192.0.2.9"],
        "service": "ours-proxy-public",
        "kept": True,
        "plan": [],
        "transitions": [],
    }


def test_an_address_that_is_known_to_be_kept_is_awaited(api: type[Api]) -> None:
    api.seen = Seen(NAMESPACE, None, {**PROXY, "status": {}})
    outcome = run(keep=True, address="192.0.2.77")
    assert (outcome.result["kept"], outcome.result["addresses"]) == (True, ["192.0.2.1"])
    assert (outcome.changed, api.done, api.front.address) == (False, ["wait 600 for ours-proxy-public"], "")
    assert api.front.kept
    assert run().result["service"] == "hub-front"


@pytest.mark.parametrize("check_mode", [True, False])
def test_nothing_is_done_where_another_hub_is(api: type[Api], check_mode: bool) -> None:
    api.other = "jhub"
    with pytest.raises(HubError, match="E-FRONT-13"):
        run(check_mode=check_mode)
    assert api.done == []


@pytest.mark.parametrize(("plan", "changed"), [(CREATE, Changed.SOME), (Plan({}, {}), Changed.NOTHING)])
def test_a_wait_in_vain_says_whether_something_was_made(api: type[Api], plan: Plan, changed: Changed) -> None:
    api.plan = plan
    with pytest.raises(HubError, match="E-FRONT-01") as caught:
        run(wait_timeout=0)
    assert caught.value.changed is changed


def test_other_types_have_the_address_people_gave(api: type[Api]) -> None:
    assert run(type="NodePort", address="198.51.100.4").result["addresses"] == ["198.51.100.4"]
    assert api.done == ["apply"]


def test_the_options_make_the_front(api: type[Api]) -> None:
    run(
        release="r", component="autohttps", https_port=8443, source_ranges=["192.0.2.0/24", "192.0.1.0/24"],
        annotations={"a": 1}, ip_families="SingleStack", address="192.0.2.1",
    )  # fmt: skip
    assert api.front == Front(
        namespace="climate",
        name="hub-front",
        release="r",
        component="autohttps",
        address="192.0.2.1",
        https_port=8443,
        source_ranges=("192.0.1.0/24", "192.0.2.0/24"),
        annotations={"a": "1"},
        ip_families="SingleStack",
    )
    run()
    assert api.front.release == "climate"


def test_settings_that_cannot_work_stop_before_the_first_look(api: type[Api]) -> None:
    with pytest.raises(HubError, match="E-FRONT-05"):
        run(type="ClusterIP")
    assert api.done == []


@pytest.mark.parametrize(
    ("service", "going", "check_mode", "changed", "done"),
    [
        (None, None, False, False, []),
        (SERVICE, None, True, True, []),
        (SERVICE, None, False, True, ["delete within 7"]),
        (None, SERVICE, False, False, ["delete within 7"]),
        (None, SERVICE, True, False, []),
    ],
)
def test_absent_deletes_what_is_there_and_waits_for_what_goes(
    api: type[Api], service: Any, going: Any, check_mode: bool, changed: bool, done: list[str]
) -> None:
    api.seen = Seen(NAMESPACE, service, None, going)
    assert run(check_mode=check_mode, state="absent", type="NodePort", wait_timeout=7).changed is changed
    assert api.done == done


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(Refused, match="type"):
        request(front_service, namespace="climate", type="ExternalName")
