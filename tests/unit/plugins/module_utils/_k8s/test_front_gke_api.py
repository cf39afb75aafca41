# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A front door on GKE against a cluster in memory: what is asked, what is written, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import Backend
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_gke import GkeFront
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_gke_api import GkeFrontApi
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeKube, away

Json = dict[str, Any]

KINDS = {
    "/apis/cloud.google.com/v1": ["BackendConfig"],
    "/apis/networking.gke.io/v1beta1": ["FrontendConfig"],
    "/apis/networking.gke.io/v1": ["ManagedCertificate", "GCPBackendPolicy", "HealthCheckPolicy", "GCPGatewayPolicy"],
    "/apis/gateway.networking.k8s.io/v1": ["Gateway", "HTTPRoute", "GatewayClass"],
}
FRONT = GkeFront("climate", "hub-front", "climate", "hub.example.org", address_name="climate-hub-front")
OWN = replace(FRONT, client_id="1-a.apps.googleusercontent.com", client_secret="s3cret-s3cret")
BARE = replace(FRONT, host="")
"""As the role asks for the door's end."""
GATEWAY = replace(OWN, door="gateway", certificate="hub-map")
NAME = "k8s1-0a1b2c3d-climate-hub-front-80-11111111"
BACKEND: Json = {
    "name": NAME,
    "id": "7",
    "description": '{"kubernetes.io/service-name":"climate/hub-front"}',
    "iap": {"enabled": True},
    "timeoutSec": 86400,
}
LIVE = Backend(NAME, "7", service="climate/hub-front", iap=True, timeout=86400)
KEPT = BACKEND | {"iap": {"enabled": True, "oauth2ClientId": "1-a.apps.googleusercontent.com"}}
FINALIZER = "networking.gke.io/ingress-finalizer-V2"
INGRESS = "/apis/networking.k8s.io/v1/namespaces/climate/ingresses/hub-front"
GATEWAY_API = "/apis/gateway.networking.k8s.io/v1/namespaces/climate"
CERTIFICATE = "/apis/networking.gke.io/v1/namespaces/climate/managedcertificates/hub-example-org"
EVENTS = "/api/v1/namespaces/climate/events"


class Cloud:
    """A project with these backend services; counts how often it is asked."""

    def __init__(self, *items: Json) -> None:
        self.items = list(items)
        self.asked = 0

    def backend_services(self) -> list[Json]:
        self.asked += 1
        return self.items


def cluster(*namespaces: str, without: str = "") -> FakeKube:
    kube = FakeKube(*namespaces)
    kube.discovery = {
        path: {"resources": [{"kind": kind} for kind in kinds]} for path, kinds in KINDS.items() if path != without
    }
    return kube


def api(kube: FakeKube, front: GkeFront = FRONT, *backends: Json) -> GkeFrontApi:
    return GkeFrontApi(kube, front, Cloud(*backends))


def bring(
    kube: FakeKube, front: GkeFront = FRONT, *backends: Json, clock: FakeClock | None = None, timeout: float = 600
) -> list[Step]:
    """Do what the module does; return the steps."""
    doing = api(kube, front, *backends)
    seen = doing.make_way(doing.look(), timeout=timeout, reporter=reporter(clock))
    foretold = doing.foretell(seen)
    if foretold.plan.changed:
        doing.apply(seen, foretold, timeout=600, reporter=reporter())
    return list(foretold.plan.steps)


def reporter(clock: FakeClock | None = None) -> Reporter:
    return Reporter("climate", "front door", clock or FakeClock())


def hold(kube: FakeKube, path: str = INGRESS) -> None:
    """GKE's controller holds on to a door until its load balancer is gone."""
    kube.objects[path]["metadata"]["finalizers"] = [FINALIZER]


def let_go(kube: FakeKube, path: str = INGRESS) -> None:
    """The load balancer is gone."""
    assert kube.objects[path]["metadata"]["deletionTimestamp"]
    del kube.objects[path]


def take_down(kube: FakeKube, clock: FakeClock | None = None, timeout: float = 600) -> list[str]:
    """Do what the module does with state=absent; return what was said."""
    doing, speaker = api(kube, BARE), reporter(clock)
    seen = doing.look()
    if doing.remove(seen).changed:
        doing.delete(seen, timeout=timeout, reporter=speaker)
    return [line["text"] for line in speaker.transitions]


def deleted(kube: FakeKube) -> list[str]:
    """The kinds that were deleted, in order."""
    return [path.rpartition("/")[0].rpartition("/")[2] for verb, path in kube.writes if verb == "DELETE"]


def reported(kube: FakeKube, address: str = "") -> None:
    """What GKE's controller writes onto the Ingress."""
    metadata = kube.objects[INGRESS]["metadata"]
    metadata["annotations"] = {**metadata["annotations"], "ingress.kubernetes.io/backends": f'{{"{NAME}": "Unknown"}}'}
    if address:
        kube.objects[INGRESS]["status"] = {"loadBalancer": {"ingress": [{"ip": address}]}}


def verbs(steps: list[Step]) -> list[str]:
    return [f"{step.verb} {step.target}" for step in steps]


def test_on_an_empty_cluster_all_is_foretold_without_the_server_and_nothing_is_written() -> None:
    kube = cluster()
    seen = api(kube).look()
    foretold = api(kube).foretell(seen)
    assert verbs(list(foretold.plan.steps)) == [
        "create Namespace/climate",
        "create BackendConfig/hub-front",
        "create FrontendConfig/hub-front",
        "create ManagedCertificate/hub-example-org",
        "create Service/hub-front",
        "create Ingress/hub-front",
    ]
    assert foretold.unchecked == tuple(step.target for step in foretold.plan.steps[1:])
    assert kube.writes == []


def test_a_real_run_does_what_was_foretold_and_a_second_one_nothing() -> None:
    kube = cluster()
    foretold = verbs(list(api(kube).foretell(api(kube).look()).plan.steps))
    assert verbs(bring(kube)) == foretold
    assert [path.rpartition("/")[2] for _verb, path in kube.writes] == [
        "climate", "hub-front", "hub-front", "hub-example-org", "hub-front", "hub-front",
    ]  # fmt: skip
    written = len(kube.writes)
    assert bring(kube) == []
    assert len(kube.writes) == written


def test_where_the_namespace_is_there_the_server_looks_at_everything() -> None:
    kube = cluster("climate")
    foretold = api(kube).foretell(api(kube).look())
    assert foretold.unchecked == ()
    assert kube.writes == []
    assert ("PATCH", INGRESS, True) in kube.requests


def test_a_kind_the_cluster_does_not_know_is_foretold_and_named() -> None:
    kube = cluster("climate", without="/apis/cloud.google.com/v1")
    foretold = api(kube).foretell(api(kube).look())
    assert foretold.unchecked == ("BackendConfig/hub-front",)
    assert "create BackendConfig/hub-front" in verbs(list(foretold.plan.steps))


def test_a_kind_the_cluster_does_not_know_stops_a_real_run_before_the_first_write() -> None:
    kube = cluster(without="/apis/networking.gke.io/v1beta1")
    with pytest.raises(HubError, match=r"E-FRONT-07.*FrontendConfig"):
        bring(kube)
    assert kube.writes == []


def test_a_built_in_group_is_not_asked_for_its_kinds() -> None:
    kube = cluster("climate")
    api(kube).look()
    assert not [path for _verb, path, _dry in kube.requests if path == "/apis/networking.k8s.io/v1"]


def test_the_hub_of_another_release_keeps_its_name() -> None:
    kube = cluster("climate")
    hub = "/apis/apps/v1/namespaces/climate/deployments/hub"
    kube.put(hub, {"metadata": {"labels": {"app": "jupyterhub", "component": "hub", "release": "jhub"}}})
    with pytest.raises(HubError, match=r"E-FRONT-13.*z2jh_release_name: jhub"):
        bring(kube)
    assert kube.writes == []
    kube.objects[hub]["metadata"]["labels"]["release"] = "climate"
    assert bring(kube) != []


def test_only_what_differs_is_written() -> None:
    kube = cluster()
    bring(kube)
    del kube.requests[:]
    (step,) = bring(kube, replace(FRONT, timeout=7200))
    assert step == Step("update", "BackendConfig/hub-front", {"spec.timeoutSec": (86400, 7200)})
    assert [path.rpartition("/namespaces/")[2] for _verb, path in kube.writes] == [
        "climate",
        "climate/backendconfigs/hub-front",
    ]


def test_a_new_secret_shows_that_it_changed_and_not_what_it_is() -> None:
    kube = cluster()
    bring(kube, OWN)
    doing = api(kube, replace(OWN, client_secret="another-secret"))
    plan = doing.foretell(doing.look()).plan
    assert [(step.target, step.fields) for step in plan.steps] == [
        ("Secret/hub-front-iap-ingress", {"data.client_secret": ("<hidden>", "<changed>")})
    ]
    assert "czNjcmV0" not in str(plan.diff)
    assert "YW5vdGhlci" not in str(plan.diff)


def test_another_door_takes_the_first_one_down_before_it_is_put_up() -> None:
    kube = cluster()
    bring(kube, OWN, KEPT)
    del kube.requests[:]
    steps = verbs(bring(kube, GATEWAY))
    assert [step for step in steps if step.startswith("delete")] == [
        "delete BackendConfig/hub-front",
        "delete FrontendConfig/hub-front",
        "delete Ingress/hub-front",
        "delete ManagedCertificate/hub-example-org",
        "delete Secret/hub-front-iap-ingress",
    ]
    order = [f"{verb} {path.rpartition('/')[0].rpartition('/')[2]}" for verb, path in kube.writes]
    assert order.index("DELETE ingresses") < order.index("PATCH gateways")
    assert order.index("DELETE backendconfigs") > order.index("PATCH httproutes")
    assert bring(kube, GATEWAY) == []


def test_another_domain_gets_a_certificate_of_its_own_and_the_old_one_goes_last() -> None:
    kube = cluster()
    bring(kube)
    steps = verbs(bring(kube, replace(FRONT, host="new.example.org")))
    assert steps == [
        "create ManagedCertificate/new-example-org",
        "update Ingress/hub-front",
        "delete ManagedCertificate/hub-example-org",
    ]
    assert kube.writes[-1][0] == "DELETE"


def test_what_others_made_is_never_deleted() -> None:
    kube = cluster("climate")
    gateway = "/apis/gateway.networking.k8s.io/v1/namespaces/climate/gateways/hub-front"
    kube.put(gateway, {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"labels": {}}})
    certificate = "/apis/networking.gke.io/v1/namespaces/climate/managedcertificates/theirs"
    kube.put(certificate, {"apiVersion": "networking.gke.io/v1", "kind": "ManagedCertificate", "metadata": {}})
    assert not [step for step in bring(kube) if step.verb == "delete"]
    assert {gateway, certificate} <= set(kube.objects)


def test_kinds_of_the_other_door_need_no_permission() -> None:
    kube = cluster("climate")
    theirs = "/apis/gateway.networking.k8s.io/v1/namespaces/"
    kube.on(lambda method, path, query, body: Reply(403, {"message": "no"}) if path.startswith(theirs) else None)
    assert "create Ingress/hub-front" in verbs(bring(kube, FRONT))


def test_any_other_trouble_with_the_other_door_is_told() -> None:
    """A door that is there and not seen would keep the address, and be left standing."""
    kube = cluster("climate")
    theirs = f"{GATEWAY_API}/gateways/hub-front"
    kube.on(lambda method, path, query, body: Reply(500, {"message": "no"}) if path == theirs else None)
    with pytest.raises(HubError, match="E-K8S-08"):
        api(kube).look()


def test_the_other_door_gives_way_although_somebody_has_deleted_it_already() -> None:
    kube = cluster()
    bring(kube, OWN, KEPT)
    hold(kube)
    kube.delete(INGRESS)
    seen = api(kube, GATEWAY).look()
    assert (seen.going, "Ingress" in [item["kind"] for item in seen.stale]) == ((), True)


def test_kinds_of_the_wanted_door_need_their_permission() -> None:
    kube = cluster("climate")
    kube.on(lambda method, path, query, body: Reply(403, {"message": "no"}) if path == INGRESS else None)
    with pytest.raises(HubError, match="E-K8S-04"):
        api(kube).look()


def test_certificates_that_may_not_be_listed_are_left_alone() -> None:
    kube = cluster("climate")
    refuse = "/apis/networking.gke.io/v1/namespaces/climate/managedcertificates"
    kube.on(lambda method, path, query, body: Reply(403, {"message": "no"}) if path == refuse else None)
    assert api(kube).look().stale == ()


def test_any_other_trouble_with_the_list_is_told() -> None:
    kube = cluster("climate")
    collection = "/apis/networking.gke.io/v1/namespaces/climate/managedcertificates"
    kube.on(lambda method, path, query, body: Reply(500, {"message": "no"}) if path == collection else None)
    with pytest.raises(HubError, match="E-K8S-08"):
        api(kube).look()


def test_from_an_own_client_to_googles_is_refused_while_the_backend_keeps_it() -> None:
    kube = cluster()
    bring(kube, OWN)
    reported(kube)
    written = len(kube.writes)
    with pytest.raises(HubError, match="E-IAP-22"):
        bring(kube, FRONT, KEPT)
    assert len(kube.writes) == written
    assert "update BackendConfig/hub-front" in verbs(bring(kube, FRONT, BACKEND))


def test_nor_is_it_done_where_a_person_took_the_client_out_of_the_backendconfig() -> None:
    kube = cluster()
    bring(kube)
    reported(kube)
    written = len(kube.writes)
    with pytest.raises(
        HubError,
        match=rf"E-IAP-22 GKE does not switch from .* of your own to Google's: backend {NAME} keeps its client",
    ):
        bring(kube, FRONT, KEPT)
    assert len(kube.writes) == written


def test_a_refusal_after_the_first_write_says_so() -> None:
    kube = cluster("climate")

    def refuse(method: str, path: str, query: Any, body: Any) -> Reply | None:
        real = path == INGRESS and body and not query.get("dryRun")
        return Reply(422, {"message": "spec.rules: Invalid"}) if real else None

    kube.on(refuse)
    with pytest.raises(HubError, match=r"spec.rules: Invalid") as caught:
        bring(kube)
    assert caught.value.changed is Changed.SOME


def test_taking_it_down_begins_with_the_door_and_keeps_the_namespace() -> None:
    kube = cluster()
    bring(kube, OWN)
    doing = api(kube, BARE)
    seen = doing.look()
    plan = doing.remove(seen)
    assert verbs(list(plan.steps)) == [
        "delete Ingress/hub-front",
        "delete BackendConfig/hub-front",
        "delete FrontendConfig/hub-front",
        "delete ManagedCertificate/hub-example-org",
        "delete Secret/hub-front-iap-ingress",
        "delete Service/hub-front",
    ]
    assert "czNjcmV0" not in str(plan.diff)
    doing.delete(seen, timeout=600, reporter=reporter())
    assert sorted(kube.objects) == ["/api/v1/namespaces/climate"]
    assert doing.remove(doing.look()).changed is False


def test_the_policy_goes_when_the_door_is_gone_and_not_before() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube, OWN)
    hold(kube)
    there: list[str] = []
    clock.at(198, lambda: there.extend(deleted(kube)))
    clock.at(200, lambda: let_go(kube))
    said = take_down(kube, clock)
    assert there == ["ingresses"]
    assert deleted(kube)[1:] == ["backendconfigs", "frontendconfigs", "managedcertificates", "secrets", "services"]
    assert 200 <= clock.passed <= 203
    assert len(said) == 7
    assert said[0].startswith("waiting: Ingress/hub-front in climate to be gone; what keeps Identity-Aware Proxy")
    assert f"Ingress/hub-front is going, held by {FINALIZER}; 0 s of at most 600 s" in said[0]
    assert sorted(kube.objects) == ["/api/v1/namespaces/climate"]


def test_gateway_and_routes_are_awaited_together() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube, GATEWAY)
    gateway = "/apis/gateway.networking.k8s.io/v1/namespaces/climate/gateways/hub-front"
    hold(kube, gateway)
    clock.at(60, lambda: let_go(kube, gateway))
    take_down(kube, clock)
    assert deleted(kube)[:4] == ["gateways", "httproutes", "httproutes", "gcpbackendpolicies"]
    assert 60 <= clock.passed <= 63


def test_a_door_that_does_not_go_keeps_its_policy_and_a_person_hears_why() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube, OWN)
    hold(kube)
    event = {"items": [{"type": "Warning", "reason": "GC", "message": "in use"}]}
    kube.on(lambda method, path, query, body: Reply(200, event) if path == EVENTS else None)
    with pytest.raises(HubError, match=r"E-FRONT-10 Ingress/hub-front in climate is not gone 30 s after") as caught:
        take_down(kube, clock, timeout=30)
    assert caught.value.changed is Changed.SOME
    assert caught.value.seen == f"Ingress/hub-front is going, held by {FINALIZER}; the cluster says: GC: in use"
    assert deleted(kube) == ["ingresses"]
    assert clock.passed == 30


def kill() -> None:
    """What a person's Ctrl-C does to the run."""
    raise KeyboardInterrupt


def test_a_run_that_was_killed_while_it_waited_is_made_good_by_the_next() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube, OWN)
    hold(kube)
    clock.at(9, kill)
    with pytest.raises(KeyboardInterrupt):
        take_down(kube, clock)
    assert deleted(kube) == ["ingresses"]
    clock.at(20, lambda: let_go(kube))
    take_down(kube, clock)
    assert deleted(kube)[:3] == ["ingresses", "ingresses", "backendconfigs"]
    assert sorted(kube.objects) == ["/api/v1/namespaces/climate"]


def test_where_the_door_is_gone_already_the_rest_goes_without_a_wait() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube, OWN)
    del kube.objects[INGRESS]
    assert take_down(kube, clock) == []
    assert deleted(kube)[0] == "backendconfigs"
    assert sorted(kube.objects) == ["/api/v1/namespaces/climate"]
    asked = len(kube.requests)
    assert take_down(kube, clock) == []
    assert {method for method, _path, _dry in kube.requests[asked:]} == {"GET"}
    assert clock.passed == 0


def test_a_door_that_gives_way_is_gone_before_its_policy_is_touched() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube, OWN, KEPT)
    hold(kube)
    del kube.requests[:]
    there: list[tuple[str, str]] = []
    clock.at(60, lambda: (there.extend(kube.writes), let_go(kube)))
    doing = api(kube, GATEWAY)
    seen = doing.look()
    doing.apply(seen, doing.foretell(seen), timeout=600, reporter=reporter(clock))
    assert [verb for verb, path in there if "/namespaces/climate/" in path] == ["DELETE"]
    assert deleted(kube)[:2] == ["ingresses", "backendconfigs"]
    assert 60 <= clock.passed <= 63


# ---- a door that somebody has deleted already


def killed_while_it_goes(kube: FakeKube, path: str, front: GkeFront = FRONT) -> None:
    """A door whose state=absent was killed during the wait: it serves, and GKE is taking it down."""
    clock = FakeClock()
    bring(kube, front)
    hold(kube, path)
    clock.at(9, kill)
    with pytest.raises(KeyboardInterrupt):
        take_down(kube, clock)
    assert kube.objects[path]["metadata"]["deletionTimestamp"]
    del kube.requests[:]


@pytest.mark.parametrize(
    ("front", "path", "steps"),
    [
        pytest.param(FRONT, INGRESS, ["create Ingress/hub-front"], id="ingress"),
        pytest.param(
            GATEWAY,
            f"{GATEWAY_API}/gateways/hub-front",
            ["create Gateway/hub-front", "create HTTPRoute/hub-front", "create HTTPRoute/hub-front-redirect"],
            id="gateway",
        ),
        pytest.param(
            GATEWAY,
            f"{GATEWAY_API}/httproutes/hub-front",
            ["create Gateway/hub-front", "create HTTPRoute/hub-front", "create HTTPRoute/hub-front-redirect"],
            id="route",
        ),
    ],
)
def test_a_door_that_is_going_is_awaited_and_made_anew(front: GkeFront, path: str, steps: list[str]) -> None:
    kube, clock = cluster(), FakeClock()
    killed_while_it_goes(kube, path, front)
    there: list[tuple[str, str]] = []
    clock.at(60, lambda: (there.extend(kube.writes), let_go(kube, path)))
    assert verbs(bring(kube, front, clock=clock)) == steps
    assert there == []
    assert deleted(kube) == [], "it was deleted before, and once is enough"
    assert 60 <= clock.passed <= 63
    assert "deletionTimestamp" not in kube.objects[path]["metadata"]
    assert bring(kube, front) == []


def test_check_mode_foretells_that_a_door_that_is_going_is_made_anew() -> None:
    kube = cluster()
    bring(kube)
    reported(kube, "203.0.113.7")
    hold(kube)
    kube.delete(INGRESS)
    del kube.requests[:]
    seen = api(kube, FRONT, BACKEND).look()
    assert (seen.backends, "Ingress/hub-front" in seen.live) == ((), False), "its audience ends with it"
    foretold = api(kube).foretell(seen)
    assert verbs(list(foretold.plan.steps)) == ["create Ingress/hub-front"]
    assert foretold.unchecked == ("Ingress/hub-front",)
    assert kube.writes == []


def test_a_door_that_is_going_and_does_not_go_is_an_error_and_nothing_was_changed() -> None:
    kube, clock = cluster(), FakeClock()
    killed_while_it_goes(kube, INGRESS)
    event = {"items": [{"type": "Warning", "reason": "GC", "message": "in use"}]}
    kube.on(lambda method, path, query, body: Reply(200, event) if path == EVENTS else None)
    with pytest.raises(HubError, match=r"E-FRONT-10 Ingress/hub-front in climate was deleted before") as caught:
        bring(kube, clock=clock, timeout=30)
    assert (caught.value.changed, kube.writes, clock.passed) == (Changed.NOTHING, [], 30)
    assert caught.value.seen == f"Ingress/hub-front is going, held by {FINALIZER}; the cluster says: GC: in use"


def test_who_goes_back_to_the_door_that_did_not_give_way_in_time_gets_it_anew() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube, OWN, KEPT)
    hold(kube)
    doing = api(kube, GATEWAY)
    seen = doing.look()
    with pytest.raises(HubError, match="E-FRONT-10"):
        doing.apply(seen, doing.foretell(seen), timeout=30, reporter=reporter(clock))
    clock.at(90, lambda: let_go(kube))
    assert verbs(bring(kube, OWN, clock=clock)) == ["create Ingress/hub-front"]
    assert f"{GATEWAY_API}/gateways/hub-front" not in kube.objects


def test_what_stands_before_a_door_is_awaited_as_well() -> None:
    """The rest goes after the door, and a run can end in between."""
    kube, clock = cluster(), FakeClock()
    bring(kube)
    hold(kube, CERTIFICATE)
    take_down(kube)
    assert sorted(kube.objects) == ["/api/v1/namespaces/climate", CERTIFICATE]
    clock.at(30, lambda: let_go(kube, CERTIFICATE))
    assert "create ManagedCertificate/hub-example-org" in verbs(bring(kube, clock=clock))
    assert 30 <= clock.passed <= 33
    assert bring(kube) == []


def test_a_door_that_somebody_made_anew_meanwhile_is_no_longer_in_the_way() -> None:
    kube, clock = cluster(), FakeClock()
    killed_while_it_goes(kube, INGRESS)
    clock.at(30, lambda: kube.objects[INGRESS]["metadata"].pop("deletionTimestamp"))
    assert bring(kube, clock=clock) == []
    assert 30 <= clock.passed <= 33


def test_a_door_that_somebody_deletes_while_it_comes_is_not_ready() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube)
    reported(kube, "203.0.113.7")
    hold(kube)
    kube.delete(INGRESS)
    with pytest.raises(HubError, match=f"E-FRONT-08.*Ingress/hub-front is going, held by {FINALIZER}"):
        api(kube, FRONT, BACKEND).ready("", timeout=9, reporter=reporter(clock))


@pytest.mark.parametrize(
    ("plural", "changed"),
    [("ingresses", Changed.NOTHING), ("backendconfigs", Changed.SOME), ("services", Changed.SOME)],
)
def test_a_deletion_that_is_refused_tells_whether_others_went_before(plural: str, changed: Changed) -> None:
    kube = cluster()
    bring(kube, OWN)
    no = Reply(403, {"message": "no"})
    kube.on(lambda method, path, query, body: no if method == "DELETE" and f"/{plural}/" in path else None)
    with pytest.raises(HubError, match="E-K8S-04") as caught:
        take_down(kube)
    assert caught.value.changed is changed


def test_compute_engine_is_asked_only_about_a_door_that_is_there() -> None:
    kube, cloud = cluster(), Cloud(BACKEND)
    assert GkeFrontApi(kube, FRONT, cloud).look().backends == ()
    assert cloud.asked == 0
    bring(kube)
    reported(kube)
    assert GkeFrontApi(kube, FRONT, cloud).look().backends == (LIVE,)
    assert cloud.asked == 1


def test_the_load_balancer_is_awaited() -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube)
    clock.at(60, lambda: reported(kube, "203.0.113.7"))
    speaker = reporter(clock)
    seen = api(kube, FRONT, BACKEND).ready("203.0.113.7", timeout=600, reporter=speaker)
    assert seen.live["Ingress/hub-front"]["status"] == {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}
    assert seen.backends == (LIVE,)
    assert 60 <= clock.passed <= 63
    assert "the Ingress has no address yet" in speaker.transitions[0]["text"]


@pytest.mark.parametrize(("iap", "error_id"), [(True, "E-FRONT-08"), (False, "E-IAP-23")])
def test_a_load_balancer_that_does_not_come_is_an_error_with_the_clusters_reason(iap: bool, error_id: str) -> None:
    kube, clock = cluster(), FakeClock()
    bring(kube)
    if not iap:
        reported(kube, "203.0.113.7")
    event = {"items": [{"type": "Warning", "reason": "Sync", "message": "quota"}]}
    kube.on(lambda method, path, query, body: Reply(200, event) if path == EVENTS else None)
    backend = BACKEND | {"iap": {"enabled": iap}}
    with pytest.raises(HubError, match=f"{error_id}.*Sync: quota"):
        api(kube, FRONT, backend).ready("", timeout=30, reporter=reporter(clock))
    assert clock.passed == 30


def test_the_backends_of_a_gateway_are_found_by_its_route() -> None:
    kube = cluster()
    bring(kube, GATEWAY)
    name = "gkegw1-abcd-climate-hub-front-80-0123456789ab"
    doing = api(kube, GATEWAY, BACKEND | {"name": name})
    assert doing.look().backends == ()  # GKE has not reported it: it may be another cluster's
    gateway = kube.objects["/apis/gateway.networking.k8s.io/v1/namespaces/climate/gateways/hub-front"]
    link = f"/projects/1/global/backendServices/{name}"
    gateway["metadata"].setdefault("annotations", {})["networking.gke.io/backend-services"] = link
    (backend,) = doing.look().backends
    assert backend.name == name


def test_an_api_server_that_is_away_for_longer_than_its_client_is_patient_ends_no_wait() -> None:
    """Google is some minutes at the control plane of a zonal cluster."""
    kube, clock = cluster(), FakeClock()
    bring(kube)
    reported(kube, "203.0.113.7")
    kube.on(away(clock, 180))
    api(kube, FRONT, BACKEND).ready("203.0.113.7", timeout=600, reporter=reporter(clock))
    assert clock.passed == 180


def test_neither_the_wait_until_a_door_is_gone() -> None:
    kube, clock = cluster(), FakeClock()
    killed_while_it_goes(kube, INGRESS)
    kube.on(away(clock, 20, since=1))
    clock.at(30, lambda: let_go(kube, INGRESS))
    assert "create Ingress/hub-front" in verbs(bring(kube, clock=clock))


def test_a_door_that_vanishes_during_the_wait_is_gone() -> None:
    kube, clock = cluster("climate"), FakeClock()
    with pytest.raises(HubError, match="the Ingress is gone"):
        api(kube, FRONT, BACKEND).ready("", timeout=9, reporter=reporter(clock))
