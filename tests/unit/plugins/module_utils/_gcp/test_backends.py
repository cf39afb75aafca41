# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backend services belong to an object: what the cluster says, what Compute Engine says, both together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import (
    Backend,
    Resolved,
    Said,
    Target,
    backends_for,
    gateway_says,
    ingress_says,
    judge,
    not_found,
    parse_backends,
    resolve,
    serves,
    service_says,
    unread_scopes,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

FRONT = "climate/hub-front"
NEG = Backend("k8s1-0a1b2c3d-climate-hub-front-80-9f8e7d6c", "11", service=FRONT, iap=True)
NODE_PORT = Backend("k8s-be-30080--0a1b2c3d4e5f6071", "12", service=FRONT)
OLD = Backend("k8s1-0a1b2c3d-climate-hub-front-80-00000000", "13", service=FRONT)
OTHER = Backend("k8s1-ffffffff-climate-hub-front-80-9f8e7d6c", "14", service=FRONT)
DEFAULT = Backend("k8s-be-31000--0a1b2c3d4e5f6071", "15", service="kube-system/default-http-backend")
STRANGER = Backend("k8s1-0a1b2c3d-climate-grafana-80-11111111", "16", service="climate/grafana")
GATEWAY = Backend("gkegw1-ab1c-climate-hub-front-80-abcdefghijkl", "17")
GATEWAY_OLD = Backend("gkegw1-ab1c-climate-hub-front-80-000000000000", "18")
GATEWAY_OTHER = Backend("gkegw1-zz9z-climate-hub-front-80-abcdefghijkl", "19")
NO_PAGE = Backend("gkegw1-ab1c-climate-gw-serve404-80-abcdefghijkl", "20")
MANUAL = Backend("my-backend", "21")
ALL = (NEG, NODE_PORT, OLD, OTHER, DEFAULT, STRANGER, MANUAL)
INGRESS = Target("Ingress", "climate", "hub-front")
SERVICE = Target("Service", "climate", "hub-front")


def ingress(*services: str, default: str = "", backends: Any = None) -> dict[str, Any]:
    paths = [{"backend": {"service": {"name": name}}} for name in services]
    spec: dict[str, Any] = {"rules": [{"http": {"paths": paths}}, {"host": "x"}]}
    if default:
        spec["defaultBackend"] = {"service": {"name": default}}
    metadata: dict[str, Any] = {"name": "hub-front", "namespace": "climate"}
    if backends is not None:
        text = backends if isinstance(backends, str) else json.dumps(backends)
        metadata["annotations"] = {"ingress.kubernetes.io/backends": text}
    return {"metadata": metadata, "spec": spec}


# ---- the cluster's side


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (ingress("a", "b", "a"), Said(frozenset({"climate/a", "climate/b"}))),
        (
            ingress(default="d", backends={"x": "HEALTHY", "y": "Unknown"}),
            Said(frozenset({"climate/d"}), frozenset("xy")),
        ),
        (ingress("a", backends="{}"), Said(frozenset({"climate/a"}))),
        (ingress("a", backends="no json"), Said(frozenset({"climate/a"}))),
        (ingress("a", backends="[]"), Said(frozenset({"climate/a"}))),
        ({"metadata": {"name": "x", "namespace": "n"}}, Said(frozenset())),
    ],
)
def test_what_an_ingress_says(obj: dict[str, Any], said: Said) -> None:
    assert ingress_says(obj) == said


def test_what_a_service_says_with_its_ingresses() -> None:
    service = {"metadata": {"name": "hub-front", "namespace": "climate"}}
    own = frozenset({FRONT})
    assert service_says(service, []) == Said(own)
    assert service_says(service, [ingress("hub-front"), ingress("grafana", backends={"x": "HEALTHY"})]) == Said(own)
    both = [ingress("hub-front", backends={"x": "HEALTHY"}), ingress(default="hub-front", backends={"y": "UNHEALTHY"})]
    assert service_says(service, both) == Said(own, frozenset("xy"))


def route(parent: dict[str, str], *refs: dict[str, str]) -> dict[str, Any]:
    spec = {"parentRefs": [{"name": "another"}, parent], "rules": [{"backendRefs": list(refs)}, {}]}
    return {"metadata": {"name": "r", "namespace": "climate"}, "spec": spec}


def test_what_a_gateway_says_with_its_routes() -> None:
    text = " /projects/7/global/backendServices/gkegw1-a, /projects/7/regions/r/backendServices/gkegw1-b,gkegw1-c,"
    gateway = {
        "metadata": {"name": "gw", "namespace": "infra", "annotations": {"networking.gke.io/backend-services": text}}
    }
    routes = [
        route({"name": "gw", "namespace": "infra"}, {"name": "hub-front"}, {"name": "x", "kind": "Bucket"}),
        route({"name": "gw", "namespace": "infra"}, {"name": "other", "namespace": "n", "kind": "Service"}),
        route({"name": "gw"}, {"name": "stranger"}),
        {"metadata": {"name": "empty"}},
    ]
    assert gateway_says(gateway, routes) == Said(
        frozenset({FRONT, "n/other"}), frozenset({"gkegw1-a", "gkegw1-b", "gkegw1-c"})
    )
    bare = {"metadata": {"name": "gw", "namespace": "climate"}}
    assert gateway_says(bare, routes) == Said(frozenset({"climate/stranger"}))


# ---- Compute Engine's side


def test_an_aggregated_list_is_read() -> None:
    described = json.dumps({"kubernetes.io/service-name": FRONT, "kubernetes.io/service-port": "80"})
    scopes = [
        {"warning": {"code": "NO_RESULTS_ON_PAGE"}},
        {
            "backendServices": [
                {"name": "r", "id": 7, "region": "https://x/projects/p/regions/europe-west1", "description": "by hand"},
                {"name": "b", "id": "1", "description": "[]"},
                {"name": "c", "id": "3", "description": "{}"},
            ]
        },
        {"backendServices": [{"name": "a", "id": "2", "description": described, "iap": {"enabled": True}}, {}]},
    ]
    assert parse_backends(scopes) == [
        Backend(""),
        Backend("a", "2", service=FRONT, iap=True),
        Backend("b", "1"),
        Backend("c", "3"),
        Backend("r", "7", region="europe-west1"),
    ]


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        (NEG.name, ("ingress", "0a1b2c3d")),
        (NODE_PORT.name, ("ingress", "0a1b2c3d")),
        (GATEWAY.name, ("gateway", "ab1c")),
        ("my-backend", ("", "")),
        ("k8s2-0a1b2c3d-ns-svc-abc", ("", "")),
    ],
)
def test_a_name_tells_which_cluster_made_it(name: str, origin: tuple[str, str]) -> None:
    assert Backend(name).origin == origin


LONG = Backend("gkegw1-jgyx-climate-res-a-service-with-a-long-n-80-78qnvyiusmha")


@pytest.mark.parametrize(
    ("backend", "services", "belongs"),
    [
        (NEG, {FRONT}, True),
        (NEG, {"climate/hub"}, False),
        (MANUAL, {FRONT}, False),
        (GATEWAY, {"x/y", FRONT}, True),
        (GATEWAY, {"climate-hub/front"}, True),
        (GATEWAY, {"climate/hub"}, False),
        (GATEWAY, {"climate/hub-front-two"}, False),
        (GATEWAY, set(), False),
        (LONG, {"climate-research/a-service-with-a-long-name"}, True),
        (LONG, {"climate-research/another-service"}, False),
        (LONG, {"weather/a-service-with-a-long-name"}, False),
    ],
)
def test_which_backends_serve_a_service(backend: Backend, services: set[str], belongs: bool) -> None:
    assert serves(backend, services) is belongs


def test_the_long_name_is_of_full_length() -> None:
    assert len(LONG.name) == 63


# ---- both together

OWN = frozenset({FRONT})
NOT_YET = Resolved(pending="GKE has not reported the backends of Ingress climate/hub-front yet")


def said(*backends: Backend | str) -> Said:
    return Said(OWN, frozenset(one if isinstance(one, str) else one.name for one in backends))


@pytest.mark.parametrize(
    ("target", "told", "backends", "resolved"),
    [
        pytest.param(INGRESS, said(NEG, DEFAULT), ALL, Resolved((NEG,), (NODE_PORT, OLD)), id="ingress, all sorts"),
        pytest.param(INGRESS, said(NEG), (NEG,), Resolved((NEG,)), id="ingress, just its own"),
        pytest.param(INGRESS, said(NEG, "new"), (OLD,), Resolved((), (), (NEG.name, "new")), id="being remade"),
        pytest.param(INGRESS, said(NEG, MANUAL), (NEG, MANUAL), Resolved((NEG, MANUAL)), id="undescribed counts"),
        pytest.param(INGRESS, Said(OWN), (OTHER,), NOT_YET, id="new ingress, another cluster's is there"),
        pytest.param(INGRESS, Said(OWN), (NEG, OTHER), NOT_YET, id="new ingress, two clusters' are there"),
        pytest.param(INGRESS, Said(OWN), (OLD,), NOT_YET, id="ingress made anew, its orphan is there"),
        pytest.param(INGRESS, Said(OWN), (STRANGER,), NOT_YET, id="nothing there"),
        pytest.param(
            Target("Gateway", "climate", "gw"),
            Said(OWN),
            (GATEWAY_OTHER,),
            Resolved(pending="GKE has not reported the backends of Gateway climate/gw yet"),
            id="new gateway, another cluster's is there",
        ),
        pytest.param(SERVICE, Said(OWN), (STRANGER,), Resolved(), id="service, nothing there"),
        pytest.param(
            Target("Ingress", "kube-system", "x"),
            Said(frozenset({DEFAULT.service}), frozenset({DEFAULT.name})),
            ALL,
            Resolved((DEFAULT,)),
            id="a page in kube-system that is meant",
        ),
        pytest.param(SERVICE, said(NEG, STRANGER), ALL, Resolved((NEG,), (NODE_PORT, OLD)), id="service"),
        pytest.param(
            SERVICE, said(NEG), (NEG, OLD, GATEWAY), Resolved((NEG, GATEWAY), (OLD,)), id="service, both controllers"
        ),
        pytest.param(
            SERVICE, Said(OWN), (NEG, NODE_PORT, GATEWAY), Resolved((NEG, NODE_PORT, GATEWAY)), id="service alone"
        ),
        pytest.param(
            Target("Gateway", "climate", "gw"),
            said(GATEWAY, NO_PAGE),
            (GATEWAY, GATEWAY_OLD, GATEWAY_OTHER, NO_PAGE),
            Resolved((GATEWAY,), (GATEWAY_OLD,)),
            id="gateway",
        ),
        pytest.param(
            Target("Gateway", "climate", "gw"),
            said(GATEWAY, NO_PAGE),
            (GATEWAY,),
            Resolved((GATEWAY,)),
            id="404 page gone",
        ),
    ],
)
def test_resolve(target: Target, told: Said, backends: tuple[Backend, ...], resolved: Resolved) -> None:
    assert resolve(target, told, backends) == resolved


@pytest.mark.parametrize(
    ("namespace", "answer", "page"),
    [
        ("climate-research-jupyterhub", "climate-research-jupyter-gw-serve40", "climate-research-jupyterh-hub-front"),
        ("n" * 63, "n" * 28 + "-gw-ser", "n" * 29 + "-hub-f"),
    ],
)
def test_a_gateways_own_answer_is_known_where_its_name_is_cut(namespace: str, answer: str, page: str) -> None:
    """Google cuts namespace and Service in proportion to their lengths, so that a name has 63 characters."""
    own, front = (Backend(f"gkegw1-ab1c-{middle}-80-abcdefghijkl") for middle in (answer, page))
    assert (len(own.name), len(front.name)) == (63, 63)
    target, services = Target("Gateway", namespace, "hub-front"), frozenset({f"{namespace}/hub-front"})
    told = Said(services, frozenset({own.name, front.name}))
    assert resolve(target, told, (own, front)) == Resolved((front,))
    assert resolve(target, told, (front,)) == Resolved((front,))


@pytest.mark.parametrize(
    ("target", "told", "backends"),
    [
        (SERVICE, Said(OWN), (NEG, OTHER)),
        (SERVICE, Said(OWN), (GATEWAY, GATEWAY_OTHER)),
        (SERVICE, said(NEG), (NEG, GATEWAY, GATEWAY_OTHER)),
    ],
)
def test_clusters_that_cannot_be_told_apart_are_not_guessed(
    target: Target, told: Said, backends: tuple[Backend, ...]
) -> None:
    assert "name the Ingress or the Gateway" in str(fails("E-IAP-06", lambda: resolve(target, told, backends)))


def test_a_backend_of_the_same_name_in_a_region_is_another_one() -> None:
    regional = Backend(NEG.name, "99", region="r", service=FRONT)
    assert resolve(INGRESS, said(NEG), (NEG, regional)).live == (NEG, regional)


UNREAD = "Compute Engine could not look into regions/r"


@pytest.mark.parametrize(
    ("target", "told", "pending"),
    [
        pytest.param(SERVICE, Said(OWN), UNREAD, id="a service may have more there"),
        pytest.param(SERVICE, said(NEG), UNREAD, id="even one behind an ingress"),
        pytest.param(INGRESS, said(NEG), "", id="an ingress has all it names"),
        pytest.param(INGRESS, said(NEG, "new"), UNREAD, id="an ingress lacks one that may be there"),
    ],
)
def test_a_region_that_was_not_read_counts_where_something_may_be_in_it(
    target: Target, told: Said, pending: str
) -> None:
    found = resolve(target, told, (NEG,), ("regions/r",))
    assert (found.live, found.pending) == ((NEG,), pending)


def test_regions_that_were_not_read_are_named() -> None:
    def warns(code: str) -> dict[str, Any]:
        return {"warning": {"code": code}}

    pages: list[dict[str, Any]] = [
        {"items": {"global": {"backendServices": []}, "regions/a": warns("NO_RESULTS_ON_PAGE"), "regions/b": {}}},
        {"items": {"regions/d": warns("UNREACHABLE"), "regions/c": warns("PARTIAL_SUCCESS")}},
        {"unreachables": ["projects/p/regions/e", "regions/d"]},
    ]
    assert unread_scopes(pages) == ("regions/c", "regions/d", "regions/e")
    assert unread_scopes(pages[:1]) == ()


# ---- a front door


OURS_NOW = "k8s1-0a1b2c3d-climate-hub-front-80-11111111"
ERROR_PAGE = "k8s1-0a1b2c3d-kube-system-default-http-backend-80-22222222"
OURS_BEFORE = "k8s1-0a1b2c3d-climate-hub-front-80-33333333"
ANOTHER_CLUSTERS = "k8s1-ffffffff-climate-hub-front-80-44444444"


def item(name: str, service: str = "climate/hub-front", **more: Any) -> dict[str, Any]:
    description = json.dumps({"kubernetes.io/service-name": service, "kubernetes.io/service-port": "80"})
    return {"name": name, "id": "7", "description": description, **more}


ITEMS = [
    item(ANOTHER_CLUSTERS),
    item(OURS_NOW, timeoutSec=86400, iap={"enabled": True, "oauth2ClientId": "1-a"}),
    item(OURS_BEFORE),
    item(ERROR_PAGE, "kube-system/default-http-backend"),
    {"name": "by-hand"},
]


def door(*names: str) -> dict[str, Any]:
    backend = {"service": {"name": "hub-front", "port": {"number": 80}}}
    annotations = {"ingress.kubernetes.io/backends": json.dumps(dict.fromkeys(names, "HEALTHY"))} if names else {}
    return {
        "kind": "Ingress",
        "metadata": {"namespace": "climate", "name": "hub-front", "annotations": annotations},
        "spec": {"rules": [{"http": {"paths": [{"backend": backend}]}}]},
    }


GATEWAY_DOOR: dict[str, Any] = {"kind": "Gateway", "metadata": {"namespace": "climate", "name": "hub-front"}}
BEHIND = "gkegw1-abcd-climate-hub-front-80-0123456789ab"
REPORTED = {"networking.gke.io/backend-services": f"/projects/1/global/backendServices/{BEHIND}"}
ROUTE = {
    "metadata": {"namespace": "climate", "name": "hub-front"},
    "spec": {"parentRefs": [{"name": "hub-front"}], "rules": [{"backendRefs": [{"name": "hub-front"}]}]},
}


@pytest.mark.parametrize(
    ("seen", "items", "names"),
    [
        pytest.param(door(), ITEMS, [], id="00-an-ingress-nobody-has-looked-at"),
        pytest.param(door(OURS_NOW), [], [], id="01-compute-does-not-know-it-yet"),
        pytest.param(door(OURS_NOW, ERROR_PAGE), ITEMS, [OURS_NOW], id="02-no-default-old-or-other-clusters"),
        pytest.param({**GATEWAY_DOOR, "metadata": {**GATEWAY_DOOR["metadata"], "annotations": REPORTED}},
                     [item(BEHIND), *ITEMS], [BEHIND], id="03-gateway"),
        pytest.param(GATEWAY_DOOR, [item(BEHIND), *ITEMS[3:]], [], id="04-a-gateway-nobody-has-looked-at"),
    ],
)  # fmt: skip
def test_the_backends_of_a_door(seen: dict[str, Any], items: list[dict[str, Any]], names: list[str]) -> None:
    assert [backend.name for backend in backends_for(seen, [ROUTE], items)] == names


def test_a_backend_with_its_settings() -> None:
    known = Backend(OURS_NOW, "7", service=FRONT, iap=True, client_id="1-a", timeout=86400)
    assert backends_for(door(OURS_NOW), [], ITEMS) == (known,)
    assert backends_for(door(OURS_BEFORE), [], ITEMS) == (Backend(OURS_BEFORE, "7", service=FRONT, timeout=30),)


def test_the_audience_names_project_and_backend_by_number() -> None:
    backend = Backend("a", "7", iap=True)
    assert backend.facts("123") == {
        "name": "a",
        "id": "7",
        "iap": True,
        "client_id": "",
        "timeout": 30,
        "audience": "/projects/123/global/backendServices/7",
    }


# ---- waiting


@pytest.mark.parametrize(
    ("resolved", "verdict"),
    [
        (None, Verdict(State.FATAL, "it does not exist")),
        (Resolved(), Verdict(State.PENDING, "GKE has not made a backend service for it")),
        (NOT_YET, Verdict(State.PENDING, "GKE has not reported the backends of Ingress climate/hub-front yet")),
        (Resolved((NEG,), pending=UNREAD, missing=("x",)), Verdict(State.PENDING, UNREAD)),
        (Resolved((NEG,), missing=("x",)), Verdict(State.PENDING, "Compute Engine does not know x")),
        (Resolved((NEG,), orphans=(OLD,)), Verdict(State.DONE)),
    ],
)
def test_judgement(resolved: Resolved | None, verdict: Verdict) -> None:
    assert judge(resolved) == verdict


def test_how_a_wait_ends_without_backends() -> None:
    gone = not_found(INGRESS, judge(None), 0)
    assert (gone.error_id, "Ingress climate/hub-front does not exist" in str(gone)) == ("E-IAP-11", True)
    late = not_found(INGRESS, judge(Resolved()), 600.4)
    assert late.error_id == "E-IAP-05"
    assert "after 600 s: GKE has not made" in str(late)
    assert "kubectl -n climate describe ingress hub-front" in str(late)
