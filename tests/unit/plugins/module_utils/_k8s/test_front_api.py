# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front against a canned cluster: which requests, in which order, and what is never written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front import Front, namespace_object
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_api import FrontApi, Seen
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

FRONT = Front(namespace="climate", name="hub-front", release="climate")
NAMESPACE = "/api/v1/namespaces/climate"
SERVICE = f"{NAMESPACE}/services/hub-front"
SERVICES = f"{NAMESPACE}/services"
EVENTS = f"{NAMESPACE}/events"
FORBIDDEN = (403, {"message": "no"})
LIVE_NAMESPACE = namespace_object("climate")
LIVE_SERVICE = FRONT.service_object() | {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}


def echo(query: Any, body: Any) -> Any:
    """A server that takes what it is given."""
    return body


def api(kube: Any, table: Any) -> FrontApi:
    return FrontApi(kube(table), FRONT)


def test_nothing_is_asked_inside_a_namespace_that_is_missing(kube: Any) -> None:
    client = kube({("GET", NAMESPACE): (404, {})})
    assert FrontApi(client, FRONT).look() == Seen(None, None, None)
    assert len(client.seen) == 1


def test_proxy_public_is_read_only_where_there_is_no_front(kube: Any) -> None:
    table = {("GET", NAMESPACE): LIVE_NAMESPACE, ("GET", SERVICE): LIVE_SERVICE}
    assert api(kube, table).look() == Seen(LIVE_NAMESPACE, LIVE_SERVICE, None)
    table |= {("GET", SERVICE): (404, {}), ("GET", SERVICES): labelled}
    seen = api(kube, table).look()
    assert seen == Seen(LIVE_NAMESPACE, None, LIVE_SERVICE)
    assert seen.kept(known=False) == LIVE_SERVICE
    unseen = Seen(LIVE_NAMESPACE, None, FRONT.service_object())
    assert (unseen.kept(known=False), unseen.kept(known=True)) == (None, FRONT.service_object())


def labelled(query: Any, body: Any) -> Any:
    """The Service of the release, whatever it is called."""
    mine = query["labelSelector"] == "component=proxy-public,release=climate"
    return {"items": [LIVE_SERVICE] if mine else []}


def test_another_releases_proxy_public_is_not_this_hubs(kube: Any) -> None:
    table = {("GET", NAMESPACE): LIVE_NAMESPACE, ("GET", SERVICE): (404, {}), ("GET", SERVICES): labelled}
    other = Front(namespace="climate", name="hub-front", release="other")
    assert FrontApi(kube(table), other).look() == Seen(LIVE_NAMESPACE, None, None)


DEPLOYMENTS = "/apis/apps/v1/namespaces/climate/deployments"


def test_a_namespace_with_another_releases_hub_is_refused(kube: Any) -> None:
    def hubs(query: Any, body: Any) -> Any:
        assert query["labelSelector"] == "app=jupyterhub,component=hub"
        return {"items": [{"metadata": {"labels": {"release": "jhub"}}}]}

    client = kube({("GET", DEPLOYMENTS): hubs})
    with pytest.raises(HubError, match="E-FRONT-13") as caught:
        FrontApi(client, FRONT).refuse_another_hub(Seen(LIVE_NAMESPACE, None, None))
    assert "z2jh_release_name: jhub" in caught.value.do
    assert client.writes == []


@pytest.mark.parametrize(
    ("seen", "table"),
    [
        pytest.param(Seen(None, None, None), {}, id="no-namespace"),
        pytest.param(Seen(LIVE_NAMESPACE, LIVE_SERVICE, None), {}, id="the-front-is-this-releases"),
        pytest.param(Seen(LIVE_NAMESPACE, None, LIVE_SERVICE), {}, id="its-own-proxy-public-is-there"),
        pytest.param(Seen(LIVE_NAMESPACE, None, None), {("GET", DEPLOYMENTS): FORBIDDEN}, id="nobody-may-look"),
        pytest.param(Seen(LIVE_NAMESPACE, None, None), {("GET", DEPLOYMENTS): {"items": []}}, id="nobody-there"),
    ],
)
def test_everything_else_goes_on_and_asks_only_where_it_must(kube: Any, seen: Seen, table: Any) -> None:
    client = kube(table)
    FrontApi(client, FRONT).refuse_another_hub(seen)
    assert len(client.seen) == len(table)


def test_on_an_empty_cluster_the_service_is_foretold_without_the_server(kube: Any) -> None:
    client = kube({("PATCH", NAMESPACE): echo})
    plan = FrontApi(client, FRONT).foretell(Seen(None, None, None))
    assert plan.steps == (Step("create", "Namespace/climate"), Step("create", "Service/hub-front"))
    assert client.writes == []


def test_a_second_run_foretells_nothing_and_writes_nothing(kube: Any) -> None:
    client = kube({("PATCH", NAMESPACE): echo, ("PATCH", SERVICE): echo})
    plan = FrontApi(client, FRONT).foretell(Seen(LIVE_NAMESPACE, LIVE_SERVICE, None))
    assert plan.steps == ()
    assert client.writes == []
    assert len(client.seen) == 2


def test_applying_makes_the_namespace_first(kube: Any) -> None:
    client = kube({("PATCH", NAMESPACE): echo, ("PATCH", SERVICE): echo})
    FrontApi(client, FRONT).apply(Seen(None, None, None))
    assert client.writes == [("PATCH", NAMESPACE), ("PATCH", SERVICE)]


def test_a_namespace_somebody_made_for_us_serves_without_the_right_to_mark_it(kube: Any) -> None:
    client = kube({("PATCH", NAMESPACE): FORBIDDEN, ("PATCH", SERVICE): echo})
    seen = Seen(LIVE_NAMESPACE, None, None)
    assert FrontApi(client, FRONT).foretell(seen).steps == (Step("create", "Service/hub-front"),)
    FrontApi(client, FRONT).apply(seen)
    assert client.writes[-1] == ("PATCH", SERVICE)


def test_a_namespace_that_may_not_be_made_is_an_error(kube: Any) -> None:
    with pytest.raises(HubError, match="E-K8S-04"):
        api(kube, {("PATCH", NAMESPACE): FORBIDDEN}).foretell(Seen(None, None, None))


def test_a_service_refused_after_the_namespace_was_made_says_so(kube: Any) -> None:
    table = {("PATCH", NAMESPACE): echo, ("PATCH", SERVICE): (422, {"message": "spec.ports: Invalid"})}
    with pytest.raises(HubError, match=r"spec.ports: Invalid") as caught:
        api(kube, table).apply(Seen(None, None, None))
    assert caught.value.changed is Changed.SOME


CLEANUP = "service.kubernetes.io/load-balancer-cleanup"
GOING = (
    LIVE_SERVICE
    | {"metadata": {"deletionTimestamp": "2026-11-22T14:00:00Z", "finalizers": [CLEANUP]}}
    | {
        "metadata": {
            "deletionTimestamp": "2026-11-22T14:00:00Z",
            "finalizers": ["service.kubernetes.io/load-balancer-cleanup"],
        }
    }
)


def test_a_front_that_somebody_has_deleted_counts_as_none_although_it_has_its_address(kube: Any) -> None:
    """A cloud keeps it until its load balancer is gone: site.yml a minute after teardown.yml finds it like that."""
    table = {("GET", NAMESPACE): LIVE_NAMESPACE, ("GET", SERVICE): GOING, ("GET", SERVICES): {"items": []}}
    client = kube(table | {("PATCH", NAMESPACE): echo})
    seen = FrontApi(client, FRONT).look()
    assert seen == Seen(LIVE_NAMESPACE, None, None, GOING)
    assert FrontApi(client, FRONT).foretell(seen).steps == (Step("create", "Service/hub-front"),)
    assert client.writes == []


def test_it_is_awaited_and_made_anew(kube: Any, clock: Any) -> None:
    def ending(_query: Any, _body: Any) -> Any:
        return (404, {}) if clock.now >= 5 else GOING

    table = {("GET", NAMESPACE): LIVE_NAMESPACE, ("GET", SERVICE): ending, ("GET", SERVICES): {"items": []}}
    reporter = Reporter("climate", "front door", clock)
    seen = api(kube, table).make_way(Seen(LIVE_NAMESPACE, None, None, GOING), timeout=60, reporter=reporter)
    assert (seen, clock.now) == (Seen(LIVE_NAMESPACE, None, None), 6)
    (line,) = reporter.transitions
    assert f"it is going, held by {CLEANUP}" in line["text"]
    stands = Seen(LIVE_NAMESPACE, LIVE_SERVICE, None)
    assert api(kube, {}).make_way(stands, timeout=60, reporter=reporter) is stands


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ({"items": [{"type": "Warning", "reason": "SyncFailed", "message": "quota"}]}, "SyncFailed: quota"),
        ({"items": []}, "no event tells why"),
    ],
)
def test_one_that_does_not_go_is_an_error_and_nothing_was_changed(
    kube: Any, clock: Any, events: Any, said: str
) -> None:
    client = kube({("GET", SERVICE): GOING, ("GET", EVENTS): events})
    reporter = Reporter("climate", "front door", clock)
    seen = Seen(LIVE_NAMESPACE, None, None, GOING)
    error = fails("E-FRONT-10", lambda: FrontApi(client, FRONT).make_way(seen, timeout=30, reporter=reporter))
    assert (error.changed, client.writes, clock.now) == (Changed.NOTHING, [], 30)
    assert CLEANUP in error.seen and said in error.seen
    assert "kubectl describe service hub-front --namespace climate" in error.do


def test_a_front_is_deleted_until_its_load_balancer_is_gone(kube: Any, clock: Any) -> None:
    """Whoever deletes the cluster after that would leave the load balancer behind, and pay for it."""

    def ending(_query: Any, _body: Any) -> Any:
        return (404, {}) if clock.now >= 40 else GOING

    reporter = Reporter("climate", "front door", clock)
    api(kube, {("DELETE", SERVICE): {}, ("GET", SERVICE): ending}).delete(timeout=60, reporter=reporter)
    assert clock.now == 40
    api(kube, {("DELETE", SERVICE): (404, {}), ("GET", SERVICE): (404, {})}).delete(timeout=60, reporter=reporter)
    assert clock.now == 40


@pytest.mark.parametrize(("answer", "changed"), [({}, Changed.SOME), ((404, {}), Changed.NOTHING)])
def test_a_load_balancer_that_stays_is_told(kube: Any, clock: Any, answer: Any, changed: Changed) -> None:
    client = kube({("DELETE", SERVICE): answer, ("GET", SERVICE): GOING, ("GET", EVENTS): FORBIDDEN})
    reporter = Reporter("climate", "front door", clock)
    error = fails("E-FRONT-10", lambda: FrontApi(client, FRONT).delete(timeout=30, reporter=reporter))
    assert error.what == "Service climate/hub-front has been deleted and is not gone after 30 s"
    assert (error.changed, CLEANUP in error.seen) == (changed, True)


def test_the_address_is_awaited(kube: Any, clock: Any) -> None:
    def later(query: Any, body: Any) -> Any:
        return LIVE_SERVICE if clock.now >= 5 else FRONT.service_object()

    reporter = Reporter("climate", "front door", clock)
    found = api(kube, {("GET", SERVICE): later}).addresses(timeout=60, reporter=reporter)
    assert found == ("192.0.2.1",)
    assert clock.now == 6
    assert [line["text"] for line in reporter.transitions] == [
        "waiting: address of Service climate/hub-front: the load balancer has given no address yet; 0 s of at most 60 s"
    ]


def test_an_api_server_that_is_restarted_does_not_end_the_wait(kube: Any, clock: Any) -> None:
    def away(_query: Any, _body: Any) -> Any:
        if 2 <= clock.now < 20:
            raise HubError("E-K8S-02", "The API server cannot be reached: connection 0x7f", "check")
        return LIVE_SERVICE if clock.now >= 20 else FRONT.service_object()

    reporter = Reporter("climate", "front door", clock)
    found = api(kube, {("GET", SERVICE): away}).addresses(timeout=60, reporter=reporter)
    assert (found, clock.now) == (("192.0.2.1",), 20)
    told = [line["text"] for line in reporter.transitions]
    assert told[1:] == [
        "waiting: address of Service climate/hub-front: E-K8S-02 The API server cannot be reached; 2 s of at most 60 s"
    ]


def test_a_service_whose_answer_was_lost_may_be_there(kube: Any) -> None:
    def lost(_query: Any, _body: Any) -> Any:
        raise HubError("E-K8S-02", "it is gone", "go on", changed=Changed.UNKNOWN)

    table = {("PATCH", NAMESPACE): echo, ("PATCH", SERVICE): lost, ("GET", SERVICE): (500, {})}
    with pytest.raises(HubError, match="E-K8S-02") as caught:
        api(kube, table).apply(Seen(None, None, None))
    assert caught.value.changed is Changed.UNKNOWN


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ({"items": [{"type": "Warning", "reason": "SyncFailed", "message": "quota"}]}, "SyncFailed: quota"),
        (FORBIDDEN, "no event tells why"),
        ({"items": []}, "no event tells why"),
    ],
)
def test_no_address_in_time_is_an_error_with_the_clusters_reason(kube: Any, clock: Any, events: Any, said: str) -> None:
    table = {("GET", SERVICE): FRONT.service_object(), ("GET", EVENTS): events}
    error = fails(
        "E-FRONT-01", lambda: api(kube, table).addresses(timeout=30, reporter=Reporter("climate", "front door", clock))
    )
    assert said in error.what
    assert "hub_front_service_type: NodePort" in error.do
    assert clock.now == 30


def test_another_address_than_the_wanted_one_is_no_broken_load_balancer(kube: Any, clock: Any) -> None:
    client = kube({("GET", SERVICE): LIVE_SERVICE, ("GET", EVENTS): FORBIDDEN})
    wishing = FrontApi(client, replace(FRONT, address="203.0.113.7"))
    with pytest.raises(HubError, match=r"E-FRONT-01 .* it has 192\.0\.2\.1, wanted 203\.0\.113\.7") as caught:
        wishing.addresses(timeout=30, reporter=Reporter("climate", "front door", clock))
    assert caught.value.do.startswith("take hub_front_address out of the inventory")


def test_a_kept_address_that_does_not_come_is_not_cured_by_another_type(kube: Any, clock: Any) -> None:
    client = kube({("GET", SERVICE): FRONT.service_object(), ("GET", EVENTS): FORBIDDEN})
    kept = FrontApi(client, replace(FRONT, kept=True))
    with pytest.raises(HubError, match="E-FRONT-01") as caught:
        kept.addresses(timeout=30, reporter=Reporter("climate", "front door", clock))
    assert "NodePort" not in caught.value.do and "hub_front_keep_proxy_public" in caught.value.do
