# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backend services a front door leads to, and their settings; resolving itself is tested in test_backends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.front_backends import Backend, backends_for

Json = dict[str, Any]

OURS = "k8s1-0a1b2c3d-climate-hub-front-80-11111111"
DEFAULT = "k8s1-0a1b2c3d-kube-system-default-http-backend-80-22222222"
OLD = "k8s1-0a1b2c3d-climate-hub-front-80-33333333"
OTHER = "k8s1-ffffffff-climate-hub-front-80-44444444"


def item(name: str, service: str = "climate/hub-front", **more: Any) -> Json:
    description = json.dumps({"kubernetes.io/service-name": service, "kubernetes.io/service-port": "80"})
    return {"name": name, "id": "7", "description": description, **more}


ITEMS = [
    item(OTHER),
    item(OURS, timeoutSec=86400, iap={"enabled": True, "oauth2ClientId": "1-a"}),
    item(OLD),
    item(DEFAULT, "kube-system/default-http-backend"),
    {"name": "by-hand"},
]


def ingress(*names: str) -> Json:
    backend = {"service": {"name": "hub-front", "port": {"number": 80}}}
    annotations = {"ingress.kubernetes.io/backends": json.dumps(dict.fromkeys(names, "HEALTHY"))} if names else {}
    return {
        "kind": "Ingress",
        "metadata": {"namespace": "climate", "name": "hub-front", "annotations": annotations},
        "spec": {"rules": [{"http": {"paths": [{"backend": backend}]}}]},
    }


GATEWAY: Json = {"kind": "Gateway", "metadata": {"namespace": "climate", "name": "hub-front"}}
BEHIND = "gkegw1-abcd-climate-hub-front-80-0123456789ab"
REPORTED = {"networking.gke.io/backend-services": f"/projects/1/global/backendServices/{BEHIND}"}
ROUTE = {
    "metadata": {"namespace": "climate", "name": "hub-front"},
    "spec": {"parentRefs": [{"name": "hub-front"}], "rules": [{"backendRefs": [{"name": "hub-front"}]}]},
}


@pytest.mark.parametrize(
    ("door", "items", "names"),
    [
        pytest.param(ingress(), ITEMS, [], id="00-an-ingress-nobody-has-looked-at"),
        pytest.param(ingress(OURS), [], [], id="01-compute-does-not-know-it-yet"),
        pytest.param(ingress(OURS, DEFAULT), ITEMS, [OURS], id="02-neither-default-nor-old-nor-another-clusters"),
        pytest.param({**GATEWAY, "metadata": {**GATEWAY["metadata"], "annotations": REPORTED}},
                     [item(BEHIND), *ITEMS], [BEHIND], id="03-gateway"),
        pytest.param(GATEWAY, [item(BEHIND), *ITEMS[3:]], [], id="04-a-gateway-nobody-has-looked-at"),
    ],
)  # fmt: skip
def test_the_backends_of_a_door(door: Json, items: list[Json], names: list[str]) -> None:
    assert [backend.name for backend in backends_for(door, [ROUTE], items)] == names


def test_a_backend_with_its_settings() -> None:
    assert backends_for(ingress(OURS), [], ITEMS) == (Backend(OURS, "7", iap=True, client_id="1-a", timeout=86400),)
    assert backends_for(ingress(OLD), [], ITEMS) == (Backend(OLD, "7", iap=False, client_id="", timeout=30),)


def test_the_audience_names_project_and_backend_by_number() -> None:
    backend = Backend("a", "7", iap=True, client_id="", timeout=30)
    assert backend.facts("123") == {
        "name": "a",
        "id": "7",
        "iap": True,
        "client_id": "",
        "timeout": 30,
        "audience": "/projects/123/global/backendServices/7",
    }
