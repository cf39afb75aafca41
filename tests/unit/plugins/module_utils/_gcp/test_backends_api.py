# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backends of an object, asked of a cluster and a Compute Engine in memory."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import Backend, Resolved, Target
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends_api import Finder
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import api, reply
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeKube, away, fails

NAME = "k8s1-0a1b2c3d-climate-hub-front-80-9f8e7d6c"
GATEWAY = "gkegw1-ab1c-climate-hub-front-80-abcdefghijkl"
FRONT = "climate/hub-front"
INGRESS = "/apis/networking.k8s.io/v1/namespaces/climate/ingresses/hub-front"
ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"


def compute(*names: str, token: str = "") -> dict[str, Any]:
    described = json.dumps({"kubernetes.io/service-name": FRONT})
    found = [{"name": name, "id": str(len(name)), "description": described} for name in names]
    page: dict[str, Any] = {"items": {"regions/r": {"warning": {}}, "global": {"backendServices": found}}}
    return page | {"nextPageToken": token} if token else page


class Desk:
    """A cluster with a hub's objects, and pages of Compute Engine."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.kube = FakeKube("climate")
        self.pages = list(pages)
        self.google, self.http, self.clock = api(self.answering, clock=FakeClock())
        self.reporter = Reporter("p", "iap", self.clock)

    def answering(self, method: str, url: str, _body: Any) -> Answer:
        assert (method, url.partition("?")[0]) == (
            "GET",
            "https://compute.googleapis.com/compute/v1/projects/p/aggregated/backendServices",
        )
        return reply(body=self.pages.pop(0) if len(self.pages) > 1 else self.pages[0])

    def ingress(self, *backends: str) -> None:
        annotations = {"ingress.kubernetes.io/backends": json.dumps(dict.fromkeys(backends, "HEALTHY"))}
        self.kube.put(
            INGRESS,
            {
                "metadata": {"namespace": "climate", "annotations": annotations},
                "spec": {"defaultBackend": {"service": {"name": "hub-front"}}},
            },
        )

    def finder(self, kind: str, name: str = "hub-front") -> Finder:
        return Finder(self.kube, self.google, "p", Target(kind, "climate", name))

    def find(self, kind: str, timeout: float = 30) -> Resolved:
        return self.finder(kind).find(timeout=timeout, reporter=self.reporter)


def test_an_ingress_and_all_pages_of_compute_engine() -> None:
    desk = Desk(compute("k8s1-0a1b2c3d-climate-hub-front-80-00000000", token="t"), compute(NAME))
    desk.ingress(NAME)
    found = desk.finder("Ingress").look()
    assert found is not None
    assert ([one.name for one in found.live], len(found.orphans)) == ([NAME], 1)
    assert len(desk.http.sent) == 2
    assert "pageToken=t" in desk.http.sent[1][1]
    assert "fields=items" in desk.http.sent[0][1]


def test_a_service_is_looked_up_with_the_ingresses_beside_it() -> None:
    desk = Desk(compute(NAME, "k8s1-0a1b2c3d-climate-hub-front-80-00000000"))
    desk.ingress(NAME)
    desk.kube.put("/api/v1/namespaces/climate/services/hub-front", {"metadata": {"namespace": "climate"}})
    found = desk.finder("Service").look()
    assert found is not None
    assert [one.name for one in found.live] == [NAME]


def gateway(desk: Desk) -> None:
    desk.kube.put(
        "/apis/gateway.networking.k8s.io/v1/namespaces/climate/gateways/hub-front",
        {"metadata": {"namespace": "climate", "annotations": {"networking.gke.io/backend-services": GATEWAY}}},
    )
    spec = {"parentRefs": [{"name": "hub-front"}], "rules": [{"backendRefs": [{"name": "hub-front"}]}]}
    desk.kube.put(
        "/apis/gateway.networking.k8s.io/v1/namespaces/climate/httproutes/hub",
        {"metadata": {"namespace": "climate"}, "spec": spec},
    )


@pytest.mark.parametrize("allowed", [True, False])
def test_a_gateway_is_looked_up_with_its_routes(allowed: bool) -> None:
    desk = Desk(compute(GATEWAY, "gkegw1-ab1c-climate-hub-front-80-000000000000"))
    gateway(desk)
    routes = [obj for path, obj in desk.kube.objects.items() if "/httproutes/" in path]

    def everywhere(_method: str, path: str, _query: Any, _body: Any) -> Reply | None:
        if path != ROUTES:
            return None
        return Reply(200, {"items": routes}) if allowed else Reply(403, {"message": "forbidden"})

    desk.kube.on(everywhere)
    found = desk.finder("Gateway").look()
    assert found is not None
    assert ([one.name for one in found.live], len(found.orphans)) == ([GATEWAY], 1)


def test_routes_that_cannot_be_read_for_another_reason_are_an_error() -> None:
    desk = Desk(compute(GATEWAY))
    gateway(desk)
    desk.kube.on(lambda _method, path, _query, _body: Reply(500, {}) if path == ROUTES else None)
    fails("E-K8S-08", desk.finder("Gateway").look)


@pytest.mark.parametrize("kind", ["Ingress", "Service", "Gateway"])
def test_an_object_that_does_not_exist_asks_nothing_of_google(kind: str) -> None:
    desk = Desk(compute(NAME))
    assert desk.finder(kind).look() is None
    fails("E-IAP-11", lambda: desk.find(kind))
    assert (desk.http.sent, desk.clock.slept) == ([], [])


def test_backends_that_come_later_are_awaited_and_told_about() -> None:
    desk = Desk(compute(), compute(), compute(NAME))
    desk.ingress(NAME)
    assert desk.find("Ingress").live == (Backend(NAME, str(len(NAME)), service=FRONT),)
    assert desk.clock.slept == [5.0, 5.0]
    assert "Compute Engine does not know" in desk.reporter.transitions[0]["text"]


def test_an_api_server_that_is_away_while_gke_makes_them_is_awaited() -> None:
    desk = Desk(compute(NAME))
    desk.ingress(NAME)
    desk.kube.on(away(desk.clock, 20))
    assert desk.find("Ingress").live == (Backend(NAME, str(len(NAME)), service=FRONT),)
    assert desk.clock.passed == 20


def test_no_backends_in_time_is_an_error() -> None:
    desk = Desk(compute())
    desk.ingress()
    fails("E-IAP-05", lambda: desk.find("Ingress", timeout=12))
    assert desk.clock.passed == 12


OTHERS = "k8s1-ffffffff-climate-hub-front-80-9f8e7d6c"


def test_a_new_ingress_takes_nobody_elses_backend_and_waits_for_its_own() -> None:
    desk = Desk(compute(OTHERS), compute(OTHERS), compute(OTHERS, NAME))
    desk.ingress()
    found = desk.finder("Ingress").look()
    assert found is not None
    assert found.live == ()
    desk.clock.at(5, lambda: desk.ingress(NAME))
    assert [one.name for one in desk.find("Ingress").live] == [NAME]
    assert "GKE has not reported the backends of Ingress climate/hub-front yet" in desk.reporter.transitions[0]["text"]


def service_in_a_region(*codes: str) -> Desk:
    """A Service, whose backend in a region Compute Engine shows or (with a warning) does not, look by look."""
    pages = [compute(NAME) for _code in codes]
    for page, code in zip(pages, codes, strict=True):
        page["items"]["regions/r"] = {"warning": {"code": code}} if code else compute(GATEWAY)["items"]["global"]
    desk = Desk(*pages)
    desk.kube.put("/api/v1/namespaces/climate/services/hub-front", {"metadata": {"namespace": "climate"}})
    return desk


def test_a_region_that_cannot_be_read_is_awaited_where_it_matters() -> None:
    desk = service_in_a_region("UNREACHABLE", "")
    assert [one.name for one in desk.find("Service").live] == [GATEWAY, NAME]
    assert "Compute Engine could not look into regions/r" in desk.reporter.transitions[0]["text"]
    asked = unquote(desk.http.sent[0][1])
    assert "items/*/warning(code),unreachables" in asked


def test_a_region_without_backends_is_not_awaited() -> None:
    desk = service_in_a_region("NO_RESULTS_ON_PAGE")
    assert [one.name for one in desk.find("Service").live] == [NAME]
    assert desk.clock.slept == []


def test_a_page_of_which_nothing_is_left_is_no_trouble() -> None:
    desk = Desk({"nextPageToken": "t"}, compute(NAME))
    desk.ingress(NAME)
    assert [one.name for one in desk.find("Ingress").live] == [NAME]


def test_what_there_is_counts_when_the_rest_does_not_come() -> None:
    desk = Desk(compute(NAME))
    desk.ingress(NAME, "k8s1-0a1b2c3d-climate-other-80-11111111")
    found = desk.find("Ingress", timeout=12)
    assert ([one.name for one in found.live], len(found.missing)) == ([NAME], 1)
