# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a front door on GKE, whole, and what of them may be shown or deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import front_gke
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_gke import GkeFront

Json = dict[str, Any]

LABELS = {"app.kubernetes.io/managed-by": "researchops.jupyterhub", "app.kubernetes.io/part-of": "jupyterhub"}
FRONT = GkeFront("climate", "hub-front", "climate", "Hub.example.org", address_name="climate-hub-front")
OWN = replace(FRONT, client_id="1-a.apps.googleusercontent.com", client_secret="s3cret-s3cret")
GATEWAY = replace(OWN, door="gateway", certificate="hub-map")


def meta(name: str = "hub-front", **more: Any) -> Json:
    return {"name": name, "namespace": "climate", "labels": LABELS, **more}


def made(front: GkeFront) -> dict[str, Json]:
    return {front_gke.target_of(item): item for item in front.objects()}


BACKEND = {"service": {"name": "hub-front", "port": {"number": 80}}}
HEALTH = {"checkIntervalSec": 15, "timeoutSec": 15, "healthyThreshold": 1, "unhealthyThreshold": 10}
SERVICE_SPEC = {
    "type": "ClusterIP",
    "selector": {"component": "proxy", "release": "climate"},
    "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
}


def test_an_ingress_with_everything_google_gives() -> None:
    assert FRONT.objects() == [
        {
            "apiVersion": "cloud.google.com/v1",
            "kind": "BackendConfig",
            "metadata": meta(),
            "spec": {
                "iap": {"enabled": True},
                "healthCheck": {"type": "HTTP", "requestPath": "/hub/health", **HEALTH},
                "timeoutSec": 86400,
                "connectionDraining": {"drainingTimeoutSec": 60},
            },
        },
        {
            "apiVersion": "networking.gke.io/v1beta1",
            "kind": "FrontendConfig",
            "metadata": meta(),
            "spec": {"redirectToHttps": {"enabled": True, "responseCodeName": "MOVED_PERMANENTLY_DEFAULT"}},
        },
        {
            "apiVersion": "networking.gke.io/v1",
            "kind": "ManagedCertificate",
            "metadata": meta("hub-example-org"),
            "spec": {"domains": ["hub.example.org"]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta(
                annotations={
                    "cloud.google.com/backend-config": '{"default":"hub-front"}',
                    "cloud.google.com/neg": '{"ingress":true}',
                }
            ),
            "spec": SERVICE_SPEC,
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": meta(
                annotations={
                    "kubernetes.io/ingress.class": "gce",
                    "kubernetes.io/ingress.global-static-ip-name": "climate-hub-front",
                    "networking.gke.io/v1beta1.FrontendConfig": "hub-front",
                    "networking.gke.io/managed-certificates": "hub-example-org",
                }
            ),
            "spec": {
                "rules": [
                    {
                        "host": "hub.example.org",
                        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]},
                    }
                ]
            },
        },
    ]


def test_an_ingress_with_everything_of_ones_own() -> None:
    full = replace(
        OWN,
        certificate="wildcard",
        base_url="/climate/",
        service_type="NodePort",
        timeout=7200,
        draining=300,
        security_policy="office",
        ssl_policy="modern",
        annotations={"x/y": "z"},
    )
    objects = made(full)
    assert objects["Secret/hub-front-iap-ingress"] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta("hub-front-iap-ingress"),
        "type": "Opaque",
        "data": {
            "client_id": "MS1hLmFwcHMuZ29vZ2xldXNlcmNvbnRlbnQuY29t",
            "client_secret": "czNjcmV0LXMzY3JldA==",
        },
    }
    assert objects["BackendConfig/hub-front"]["spec"] == {
        "iap": {"enabled": True, "oauthclientCredentials": {"secretName": "hub-front-iap-ingress"}},
        "healthCheck": {"type": "HTTP", "requestPath": "/climate/hub/health", **HEALTH},
        "timeoutSec": 7200,
        "connectionDraining": {"drainingTimeoutSec": 300},
        "securityPolicy": {"name": "office"},
    }
    assert objects["FrontendConfig/hub-front"]["spec"]["sslPolicy"] == "modern"
    assert objects["Service/hub-front"]["spec"] == {**SERVICE_SPEC, "type": "NodePort"}
    assert objects["Service/hub-front"]["metadata"]["annotations"] == {
        "x/y": "z",
        "cloud.google.com/backend-config": '{"default":"hub-front"}',
        "cloud.google.com/neg": '{"ingress":false}',
    }
    assert objects["Ingress/hub-front"]["metadata"]["annotations"] == {
        "kubernetes.io/ingress.class": "gce",
        "kubernetes.io/ingress.global-static-ip-name": "climate-hub-front",
        "networking.gke.io/v1beta1.FrontendConfig": "hub-front",
        "ingress.gcp.kubernetes.io/pre-shared-cert": "wildcard",
    }
    assert "ManagedCertificate/hub-example-org" not in objects


def listener(name: str, protocol: str, port: int) -> Json:
    return {"name": name, "protocol": protocol, "port": port, "allowedRoutes": {"namespaces": {"from": "Same"}}}


TO_SERVICE = {"group": "", "kind": "Service", "name": "hub-front"}


def test_a_gateway() -> None:
    assert GATEWAY.objects() == [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta("hub-front-iap-gateway"),
            "type": "Opaque",
            "data": {"key": "czNjcmV0LXMzY3JldA=="},
        },
        {
            "apiVersion": "networking.gke.io/v1",
            "kind": "GCPBackendPolicy",
            "metadata": meta(),
            "spec": {
                "default": {
                    "iap": {
                        "enabled": True,
                        "clientID": "1-a.apps.googleusercontent.com",
                        "oauth2ClientSecret": {"name": "hub-front-iap-gateway"},
                    },
                    "timeoutSec": 86400,
                    "connectionDraining": {"drainingTimeoutSec": 60},
                },
                "targetRef": TO_SERVICE,
            },
        },
        {
            "apiVersion": "networking.gke.io/v1",
            "kind": "HealthCheckPolicy",
            "metadata": meta(),
            "spec": {
                "default": {
                    **HEALTH,
                    "config": {
                        "type": "HTTP",
                        "httpHealthCheck": {"requestPath": "/hub/health", "portSpecification": "USE_SERVING_PORT"},
                    },
                },
                "targetRef": TO_SERVICE,
            },
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": meta(), "spec": SERVICE_SPEC},
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": meta(annotations={"networking.gke.io/certmap": "hub-map"}),
            "spec": {
                "gatewayClassName": "gke-l7-global-external-managed",
                "addresses": [{"type": "NamedAddress", "value": "climate-hub-front"}],
                "listeners": [listener("https", "HTTPS", 443), listener("http", "HTTP", 80)],
            },
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": meta(),
            "spec": {
                "parentRefs": [{"name": "hub-front", "sectionName": "https"}],
                "hostnames": ["hub.example.org"],
                "rules": [
                    {
                        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                        "backendRefs": [{"name": "hub-front", "port": 80}],
                    }
                ],
            },
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": meta("hub-front-redirect"),
            "spec": {
                "parentRefs": [{"name": "hub-front", "sectionName": "http"}],
                "hostnames": ["hub.example.org"],
                "rules": [
                    {
                        "filters": [
                            {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
                        ]
                    }
                ],
            },
        },
    ]


def test_a_gateway_with_policies() -> None:
    objects = made(replace(GATEWAY, security_policy="office", ssl_policy="modern"))
    assert objects["GCPBackendPolicy/hub-front"]["spec"]["default"]["securityPolicy"] == "office"
    assert objects["GCPGatewayPolicy/hub-front"] == {
        "apiVersion": "networking.gke.io/v1",
        "kind": "GCPGatewayPolicy",
        "metadata": meta(),
        "spec": {
            "default": {"sslPolicy": "modern"},
            "targetRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "hub-front"},
        },
    }


@pytest.mark.parametrize("front", [FRONT, OWN, GATEWAY], ids=["ingress", "own client", "gateway"])
def test_iap_stands_before_anything_leads_to_the_hub(front: GkeFront) -> None:
    kinds = [item["kind"] for item in front.objects()]
    guard = kinds.index("GCPBackendPolicy" if front.door == "gateway" else "BackendConfig")
    assert all(guard < kinds.index(kind) for kind in ("Service", *front_gke.DOOR_KINDS) if kind in kinds)


@pytest.mark.parametrize(
    ("front", "door"), [(FRONT, "Ingress/hub-front"), (GATEWAY, "Gateway/hub-front")], ids=["ingress", "gateway"]
)
def test_the_door_is_the_object_whose_status_tells(front: GkeFront, door: str) -> None:
    assert front_gke.target_of(front.door_object()) == door
    assert front.door_object() in front.objects()


def test_every_object_has_its_address_and_is_found_again() -> None:
    for front in (replace(OWN, ssl_policy="p"), replace(GATEWAY, ssl_policy="p")):
        possible = {front_gke.path_of(item) for item in front_gke.possible(front)}
        own = [item for item in front.objects() if item["kind"] != "ManagedCertificate"]
        assert {front_gke.path_of(item) for item in own} <= possible
    paths = [front_gke.path_of(item) for item in front_gke.possible(FRONT)]
    assert "/apis/networking.k8s.io/v1/namespaces/climate/ingresses/hub-front" in paths
    assert "/apis/gateway.networking.k8s.io/v1/namespaces/climate/httproutes/hub-front-redirect" in paths
    assert "/api/v1/namespaces/climate/services/hub-front" in paths


def test_only_our_label_makes_an_object_ours() -> None:
    assert front_gke.is_ours({"metadata": {"labels": LABELS}}) is True
    assert front_gke.is_ours({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}) is False
    assert front_gke.is_ours({"metadata": {}}) is False


SECRET: Json = {"kind": "Secret", "data": {"a": "MQ==", "b": "Mg=="}}


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        pytest.param(None, SECRET, (None, {"a": "<changed>", "b": "<changed>"}), id="00-new"),
        pytest.param(
            SECRET,
            {"kind": "Secret", "data": {"a": "MQ==", "b": "Mw=="}},
            ({"a": "<hidden>", "b": "<hidden>"}, {"a": "<hidden>", "b": "<changed>"}),
            id="01-one-changed",
        ),
        pytest.param(SECRET, SECRET, ({"a": "<hidden>", "b": "<hidden>"},) * 2, id="02-same"),
    ],
)
def test_a_secret_is_shown_without_its_values(old: Json | None, new: Json, shown: Any) -> None:
    before, after = front_gke.masked(old, new)
    assert (before and before["data"], after["data"]) == shown
    assert front_gke.masked({"kind": "Ingress", "x": 1}, {"kind": "Ingress", "x": 2}) == (
        {"kind": "Ingress", "x": 1},
        {"kind": "Ingress", "x": 2},
    )
    assert front_gke.masked(None, {"kind": "Ingress"}) == (None, {"kind": "Ingress"})


def test_what_goes_away_is_shown_without_secrets() -> None:
    assert front_gke.hidden({**SECRET, "status": {}, "metadata": {"uid": "u"}}) == {
        "kind": "Secret",
        "data": {"a": "<hidden>", "b": "<hidden>"},
        "metadata": {},
    }
    assert front_gke.hidden({"kind": "Ingress", "spec": 1, "metadata": {}}) == {
        "kind": "Ingress",
        "spec": 1,
        "metadata": {},
    }


def test_the_secret_is_not_in_the_representation() -> None:
    assert "s3cret" not in repr(OWN)
