# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds a GKE cluster knows besides Kubernetes' own, with the fields the collection writes and reads. Data only.

A field is a word (``str``, ``int``, ``bool``, ``any``), a list of one (``[...]``), a map of fields, or a Field with
more to say. The API server drops or refuses what is not named here, as GKE's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DOMAIN = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?$"


@dataclass(frozen=True)
class Field:
    """A field with limits; ``schema`` is added to what ``of`` gives."""

    of: Any
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """One custom kind."""

    group: str
    version: str
    kind: str
    plural: str
    spec: Any
    status: Any = None
    short: tuple[str, ...] = ()
    subresource: bool = True
    namespaced: bool = True
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"

    @property
    def path(self) -> str:
        """The collection over all namespaces."""
        return f"/apis/{self.api_version}/{self.plural}"


_TARGET = {"group": "str", "kind": "str", "name": "str", "namespace": "str"}
_CONDITION = {
    "type": "str", "status": "str", "reason": "str", "message": "str", "lastTransitionTime": "str",
    "observedGeneration": "int",
}  # fmt: skip
_ANCESTORS = {"conditions": [_CONDITION], "ancestors": "any"}
_DRAINING = {"drainingTimeoutSec": "int"}
_LOGGING = {"enable": "bool", "enabled": "bool", "sampleRate": "any"}
_TIMES = {"checkIntervalSec": "int", "timeoutSec": "int", "healthyThreshold": "int", "unhealthyThreshold": "int"}
_HTTP_CHECK = {"requestPath": "str", "port": "int", "portSpecification": "str", "host": "str", "response": "str",
               "portName": "str", "proxyHeader": "str"}  # fmt: skip
_PARENT = {**_TARGET, "sectionName": "str", "port": "int"}
_HEADERS = {"set": [{"name": "str", "value": "str"}], "add": [{"name": "str", "value": "str"}], "remove": ["str"]}
_FILTER = {
    "type": "str",
    "requestRedirect": {"scheme": "str", "hostname": "str", "port": "int", "statusCode": "int", "path": "any"},
    "requestHeaderModifier": _HEADERS,
    "responseHeaderModifier": _HEADERS,
    "urlRewrite": "any",
}
_MATCH = {"path": {"type": "str", "value": "str"}, "headers": "any", "method": "str", "queryParams": "any"}
_RULE = {
    "name": "str",
    "matches": [_MATCH],
    "filters": [_FILTER],
    "backendRefs": [{**_TARGET, "port": "int", "weight": "int", "filters": [_FILTER]}],
    "timeouts": {"request": "str", "backendRequest": "str"},
}
_LISTENER = {
    "name": "str",
    "hostname": "str",
    "port": "int",
    "protocol": "str",
    "tls": {"mode": "str", "certificateRefs": [_TARGET], "options": "any"},
    "allowedRoutes": {"namespaces": {"from": "str", "selector": "any"}, "kinds": [{"group": "str", "kind": "str"}]},
}

KINDS: tuple[Kind, ...] = (
    Kind(
        "networking.gke.io", "v1", "ManagedCertificate", "managedcertificates",
        {"domains": Field([Field("str", {"maxLength": 63, "pattern": DOMAIN})], {"maxItems": 100})},
        {
            "certificateStatus": "str", "certificateName": "str", "expireTime": Field("str", {"format": "date-time"}),
            "domainStatus": [{"domain": "str", "status": "str"}],
        },
        ("mcrt",), subresource=False, columns=(("Status", ".status.certificateStatus"),),
    ),
    Kind(
        "cloud.google.com", "v1", "BackendConfig", "backendconfigs",
        {
            "iap": {
                "enabled": "bool",
                "oauthclientCredentials": {"secretName": "str", "clientID": "str", "clientSecret": "str"},
            },
            "timeoutSec": "int",
            "connectionDraining": _DRAINING,
            "healthCheck": {**_TIMES, "type": "str", "requestPath": "str", "port": "int"},
            "securityPolicy": {"name": "str"},
            "sessionAffinity": {"affinityType": "str", "affinityCookieTtlSec": "int"},
            "logging": _LOGGING,
            "cdn": "any",
            "customRequestHeaders": {"headers": ["str"]},
            "customResponseHeaders": {"headers": ["str"]},
        },
        {"conditions": [_CONDITION]}, ("bc",), subresource=False,
    ),
    Kind(
        "networking.gke.io", "v1beta1", "FrontendConfig", "frontendconfigs",
        {
            "sslPolicy": "str",
            "redirectToHttps": {
                "enabled": "bool",
                "responseCodeName": Field("str", {"enum": [
                    "MOVED_PERMANENTLY_DEFAULT", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT",
                ]}),
            },
        },
        {"conditions": [_CONDITION]}, subresource=False,
    ),
    Kind(
        "networking.gke.io", "v1", "GCPBackendPolicy", "gcpbackendpolicies",
        {
            "default": {
                "iap": {"enabled": "bool", "oauth2ClientSecret": {"name": "str"}, "clientID": "str"},
                "timeoutSec": "int",
                "connectionDraining": _DRAINING,
                "securityPolicy": "str",
                "sessionAffinity": {"type": "str", "cookieTtlSec": "int"},
                "logging": {"enabled": "bool", "sampleRate": "int"},
                "maxRatePerEndpoint": "int",
            },
            "targetRef": _TARGET,
        },
        _ANCESTORS,
    ),
    Kind(
        "networking.gke.io", "v1", "HealthCheckPolicy", "healthcheckpolicies",
        {
            "default": {
                **_TIMES,
                "config": {
                    "type": "str", "httpHealthCheck": _HTTP_CHECK, "httpsHealthCheck": _HTTP_CHECK,
                    "http2HealthCheck": _HTTP_CHECK, "tcpHealthCheck": "any", "grpcHealthCheck": "any",
                },
                "logConfig": {"enabled": "bool"},
            },
            "targetRef": _TARGET,
        },
        _ANCESTORS,
    ),
    Kind(
        "networking.gke.io", "v1", "GCPGatewayPolicy", "gcpgatewaypolicies",
        {"default": {"sslPolicy": "str", "allowGlobalAccess": "bool", "region": "str"}, "targetRef": _TARGET},
        _ANCESTORS,
    ),
    Kind(
        "gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses",
        {"controllerName": "str", "description": "str", "parametersRef": _TARGET},
        {"conditions": [_CONDITION]}, ("gc",), namespaced=False,
    ),
    Kind(
        "gateway.networking.k8s.io", "v1", "Gateway", "gateways",
        {
            "gatewayClassName": "str",
            "listeners": [_LISTENER],
            "addresses": [{"type": "str", "value": "str"}],
            "infrastructure": "any",
        },
        {
            "addresses": [{"type": "str", "value": "str"}], "conditions": [_CONDITION],
            "listeners": [{
                "name": "str", "attachedRoutes": "int", "supportedKinds": [{"group": "str", "kind": "str"}],
                "conditions": [_CONDITION],
            }],
        },
        ("gtw",), columns=(("Class", ".spec.gatewayClassName"), ("Address", ".status.addresses[*].value")),
    ),
    Kind(
        "gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes",
        {"parentRefs": [_PARENT], "hostnames": ["str"], "rules": [_RULE]},
        {"parents": [{"parentRef": _PARENT, "controllerName": "str", "conditions": [_CONDITION]}]},
    ),
)  # fmt: skip
GATEWAY_CLASSES = {
    "gke-l7-global-external-managed": "networking.gke.io/gateway",
    "gke-l7-gxlb": "networking.gke.io/gateway",
}


def schema(of: Any) -> dict[str, Any]:
    """The OpenAPI schema of a field."""
    if isinstance(of, Field):
        return {**schema(of.of), **of.schema}
    if isinstance(of, list):
        return {"type": "array", "items": schema(of[0])}
    if isinstance(of, Mapping):
        return {"type": "object", "properties": {name: schema(one) for name, one in of.items()}}
    if of == "any":
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"type": {"str": "string", "int": "integer", "bool": "boolean"}[of]}


def definition(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    properties = {"spec": schema(kind.spec)}
    if kind.status is not None:
        properties["status"] = schema(kind.status)
    columns = [{"name": name, "type": "string", "jsonPath": path} for name, path in kind.columns]
    version: dict[str, Any] = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
        "additionalPrinterColumns": [
            *columns,
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }
    if kind.subresource and kind.status is not None:
        version["subresources"] = {"status": {}}
    metadata: dict[str, Any] = {"name": f"{kind.plural}.{kind.group}"}
    if kind.group.endswith(".k8s.io"):  # the API server asks this of groups below k8s.io
        metadata["annotations"] = {"api-approved.kubernetes.io": "unapproved, experimental-only"}
    names = {"plural": kind.plural, "singular": kind.kind.lower(), "kind": kind.kind}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": names | ({"shortNames": list(kind.short)} if kind.short else {}),
            "versions": [version],
        },
    }
