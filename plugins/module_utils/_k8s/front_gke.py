# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A hub's front door on GKE, as Ingress or as Gateway, with Identity-Aware Proxy in front: the objects. Pure.

Google's load balancer ends TLS and asks IAP; the Service ``hub-front`` behind it has no address of its own. What an
Ingress takes from a BackendConfig and a FrontendConfig, a Gateway takes from policies, a route and its own fields.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._core.redact import CHANGED, HIDDEN
from .front import LABELS, MANAGED_BY, Json
from .objects import canonical, object_path

DOORS = ("ingress", "gateway")
MANAGED = "managed"
"""Value of ``certificate`` for a ManagedCertificate of ours; everything else names something that exists."""
GATEWAY_CLASS = "gke-l7-global-external-managed"
SHORTEST_TIMEOUT = 3600
"""Seconds; below this, Google's load balancer would cut the websockets of kernels and terminals while people work."""
LONGEST_TIMEOUT = 86400
"""Seconds; Google's own limit for backends that take websockets."""
LONGEST_MANAGED_NAME = 63
"""Characters of a domain that Google's managed certificates take."""

BACKEND_CONFIG = "cloud.google.com/v1"
FRONTEND_CONFIG = "networking.gke.io/v1beta1"
POLICY = "networking.gke.io/v1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
INGRESS = "networking.k8s.io/v1"

PLURALS = {
    "BackendConfig": "backendconfigs",
    "FrontendConfig": "frontendconfigs",
    "GCPBackendPolicy": "gcpbackendpolicies",
    "GCPGatewayPolicy": "gcpgatewaypolicies",
    "Gateway": "gateways",
    "HTTPRoute": "httproutes",
    "HealthCheckPolicy": "healthcheckpolicies",
    "Ingress": "ingresses",
    "ManagedCertificate": "managedcertificates",
    "Secret": "secrets",
    "Service": "services",
}
"""Kinds of the front door; all live in a namespace."""
BUILT_IN = frozenset({"v1", INGRESS})
"""Every cluster knows these; the others come with add-ons of GKE."""

HEALTH_CHECK = {"checkIntervalSec": 15, "timeoutSec": 15, "healthyThreshold": 1, "unhealthyThreshold": 10}
"""The load balancer bears 150 s without a hub: an upgrade restarts it, and people's servers answer all the while."""


@dataclass(frozen=True)
class GkeFront:
    """The front door that is wanted.

    Attributes:
        namespace: the hub's namespace.
        name: of the Service and of everything that goes with it.
        release: the Helm release whose proxy the Service selects.
        host: the host name people open.
        door: ``ingress`` or ``gateway``.
        address_name: name of the global static address.
        certificate: :data:`MANAGED`, the name of a pre-shared certificate (Ingress) or of a certificate map (Gateway).
        base_url: the hub's path, for the health check.
        service_type: ``ClusterIP`` (container-native) or ``NodePort``.
        timeout: seconds one connection may last, websockets included.
        draining: seconds that running requests get when a proxy goes away.
        security_policy: name of a Cloud Armor policy; empty for none.
        ssl_policy: name of an SSL policy; empty for Google's default.
        client_id: of an OAuth client of one's own; empty for Google's.
        client_secret: its secret.
        annotations: further annotations of the Service.
    """

    namespace: str
    name: str
    release: str
    host: str
    door: str = "ingress"
    address_name: str = ""
    certificate: str = MANAGED
    base_url: str = "/"
    service_type: str = "ClusterIP"
    timeout: int = LONGEST_TIMEOUT
    draining: int = 60
    security_policy: str = ""
    ssl_policy: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def certificate_name(self) -> str:
        """Name of the ManagedCertificate; follows the domain, so that a new one never takes the old one's place."""
        return self.host.lower().replace(".", "-")

    @property
    def health_path(self) -> str:
        """Where the hub says that it lives; the hub itself adds slashes at the ends of its path, too."""
        return "/" + "/".join(filter(None, f"{self.base_url}/hub/health".split("/")))

    @property
    def own_client(self) -> bool:
        """Whether IAP logs in with an OAuth client of one's own."""
        return bool(self.client_id)

    def objects(self) -> list[Json]:
        """All objects in the order of their making: IAP stands before anything leads to the hub."""
        if self.door == "gateway":
            return [
                *self._secret({"key": self.client_secret}),
                self._backend_policy(),
                self._health_check_policy(),
                self._service(),
                *self._gateway_policy(),
                self._gateway(),
                self._route(),
                self._redirect_route(),
            ]
        return [
            *self._secret({"client_id": self.client_id, "client_secret": self.client_secret}),
            self._backend_config(),
            self._frontend_config(),
            *self._managed_certificate(),
            self._service(),
            self._ingress(),
        ]

    def door_object(self) -> Json:
        """The object whose status tells about the load balancer."""
        return self._gateway() if self.door == "gateway" else self._ingress()

    def _object(self, api_version: str, kind: str, spec: Json, *, name: str = "", **marks: Any) -> Json:
        metadata = {"name": name or self.name, "namespace": self.namespace, "labels": dict(LABELS), **marks}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}

    def _service(self) -> Json:
        annotations = dict(self.annotations)
        if self.door == "ingress":
            annotations |= {
                "cloud.google.com/backend-config": _compact({"default": self.name}),
                "cloud.google.com/neg": _compact({"ingress": self.service_type == "ClusterIP"}),
            }
        spec = {
            "type": self.service_type,
            "selector": {"component": "proxy", "release": self.release},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        }
        marks: Json = {"annotations": annotations} if annotations else {}
        return self._object("v1", "Service", spec, **marks)

    def _secret(self, contents: Mapping[str, str]) -> list[Json]:
        if not self.own_client:
            return []
        metadata = {"name": self.secret_name, "namespace": self.namespace, "labels": dict(LABELS)}
        data = {key: base64.b64encode(value.encode()).decode() for key, value in contents.items()}
        return [{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}]

    @property
    def secret_name(self) -> str:
        """Name of the Secret with the OAuth client; the doors want it in different shapes, so each has its own."""
        return f"{self.name}-iap-{self.door}"

    # ---- Ingress

    def _backend_config(self) -> Json:
        iap: Json = {"enabled": True}
        if self.own_client:
            iap["oauthclientCredentials"] = {"secretName": self.secret_name}
        spec: Json = {
            "iap": iap,
            "healthCheck": {"type": "HTTP", "requestPath": self.health_path, **HEALTH_CHECK},
            "timeoutSec": self.timeout,
            "connectionDraining": {"drainingTimeoutSec": self.draining},
        }
        if self.security_policy:
            spec["securityPolicy"] = {"name": self.security_policy}
        return self._object(BACKEND_CONFIG, "BackendConfig", spec)

    def _frontend_config(self) -> Json:
        spec: Json = {"redirectToHttps": {"enabled": True, "responseCodeName": "MOVED_PERMANENTLY_DEFAULT"}}
        if self.ssl_policy:
            spec["sslPolicy"] = self.ssl_policy
        return self._object(FRONTEND_CONFIG, "FrontendConfig", spec)

    def _managed_certificate(self) -> list[Json]:
        if self.certificate != MANAGED:
            return []
        return [
            self._object(POLICY, "ManagedCertificate", {"domains": [self.host.lower()]}, name=self.certificate_name)
        ]

    def _ingress(self) -> Json:
        annotations = {
            "kubernetes.io/ingress.class": "gce",
            "kubernetes.io/ingress.global-static-ip-name": self.address_name,
            "networking.gke.io/v1beta1.FrontendConfig": self.name,
        }
        if self.certificate == MANAGED:
            annotations["networking.gke.io/managed-certificates"] = self.certificate_name
        else:
            annotations["ingress.gcp.kubernetes.io/pre-shared-cert"] = self.certificate
        backend = {"service": {"name": self.name, "port": {"number": 80}}}
        path = {"path": "/", "pathType": "Prefix", "backend": backend}
        spec = {"rules": [{"host": self.host.lower(), "http": {"paths": [path]}}]}
        return self._object(INGRESS, "Ingress", spec, annotations=annotations)

    # ---- Gateway

    def _target(self, kind: str, group: str = "") -> Json:
        return {"group": group, "kind": kind, "name": self.name}

    def _backend_policy(self) -> Json:
        iap: Json = {"enabled": True}
        if self.own_client:
            iap |= {"clientID": self.client_id, "oauth2ClientSecret": {"name": self.secret_name}}
        default: Json = {
            "iap": iap,
            "timeoutSec": self.timeout,
            "connectionDraining": {"drainingTimeoutSec": self.draining},
        }
        if self.security_policy:
            default["securityPolicy"] = self.security_policy
        return self._object(POLICY, "GCPBackendPolicy", {"default": default, "targetRef": self._target("Service")})

    def _health_check_policy(self) -> Json:
        check = {"requestPath": self.health_path, "portSpecification": "USE_SERVING_PORT"}
        default = {**HEALTH_CHECK, "config": {"type": "HTTP", "httpHealthCheck": check}}
        return self._object(POLICY, "HealthCheckPolicy", {"default": default, "targetRef": self._target("Service")})

    def _gateway_policy(self) -> list[Json]:
        if not self.ssl_policy:
            return []
        target = self._target("Gateway", "gateway.networking.k8s.io")
        spec = {"default": {"sslPolicy": self.ssl_policy}, "targetRef": target}
        return [self._object(POLICY, "GCPGatewayPolicy", spec)]

    def _gateway(self) -> Json:
        allowed = {"namespaces": {"from": "Same"}}
        listeners = [
            {"name": name, "protocol": name.upper(), "port": port, "allowedRoutes": allowed}
            for name, port in (("https", 443), ("http", 80))
        ]
        spec = {
            "gatewayClassName": GATEWAY_CLASS,
            "addresses": [{"type": "NamedAddress", "value": self.address_name}],
            "listeners": listeners,
        }
        annotations = {"networking.gke.io/certmap": self.certificate}
        return self._object(GATEWAY_API, "Gateway", spec, annotations=annotations)

    def _parent(self, listener: str) -> Json:
        return {
            "parentRefs": [{"name": self.name, "sectionName": listener}],
            "hostnames": [self.host.lower()],
        }

    def _route(self) -> Json:
        rule = {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": self.name, "port": 80}],
        }
        return self._object(GATEWAY_API, "HTTPRoute", {**self._parent("https"), "rules": [rule]})

    def _redirect_route(self) -> Json:
        redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
        spec = {**self._parent("http"), "rules": [{"filters": [redirect]}]}
        return self._object(GATEWAY_API, "HTTPRoute", spec, name=f"{self.name}-redirect")


def path_of(item: Mapping[str, Any]) -> str:
    """The address of one of the front door's objects in the API."""
    return object_path(item, PLURALS[str(item["kind"])], namespaced=True)


def target_of(item: Mapping[str, Any]) -> str:
    """The object as people name it."""
    return f"{item['kind']}/{item['metadata']['name']}"


def possible(front: GkeFront) -> list[Json]:
    """What any front door of this name may consist of, as bare identities: the search for what is no longer wanted."""
    fixed = [
        (INGRESS, "Ingress", front.name),
        (GATEWAY_API, "Gateway", front.name),
        (GATEWAY_API, "HTTPRoute", front.name),
        (GATEWAY_API, "HTTPRoute", f"{front.name}-redirect"),
        (FRONTEND_CONFIG, "FrontendConfig", front.name),
        (BACKEND_CONFIG, "BackendConfig", front.name),
        (POLICY, "GCPBackendPolicy", front.name),
        (POLICY, "HealthCheckPolicy", front.name),
        (POLICY, "GCPGatewayPolicy", front.name),
        ("v1", "Secret", f"{front.name}-iap-ingress"),
        ("v1", "Secret", f"{front.name}-iap-gateway"),
        ("v1", "Service", front.name),
    ]
    return [
        {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": front.namespace}}
        for version, kind, name in fixed
    ]


DOOR_KINDS = ("Ingress", "Gateway", "HTTPRoute")
"""Holders of the address: a door that is left is taken down before the other one is put up."""


def is_ours(item: Mapping[str, Any]) -> bool:
    """Whether this collection made the object."""
    labels = (item.get("metadata") or {}).get("labels") or {}
    return bool(labels.get("app.kubernetes.io/managed-by") == MANAGED_BY)


def masked(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> tuple[Json | None, Json]:
    """Both objects as they may be shown: a Secret's values are replaced, and a changed one is told apart."""
    if new.get("kind") != "Secret":
        return (None if old is None else dict(old)), dict(new)
    before, after = (old or {}).get("data") or {}, new.get("data") or {}
    shown_before = dict.fromkeys(before, HIDDEN)
    shown_after = {key: HIDDEN if before.get(key) == value else CHANGED for key, value in after.items()}
    return (None if old is None else {**old, "data": shown_before}), {**new, "data": shown_after}


def hidden(item: Mapping[str, Any]) -> Json:
    """An object that goes away, as it may be shown."""
    shown = canonical(item)
    return shown | {"data": dict.fromkeys(shown["data"], HIDDEN)} if shown.get("kind") == "Secret" else shown


def _compact(data: Json) -> str:
    """JSON as GKE writes it into annotations itself."""
    return json.dumps(data, separators=(",", ":"))
