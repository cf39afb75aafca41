# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Kubernetes objects to the load balancer GKE would build: what is wanted, and what is wrong. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]
Key = tuple[str, str]  # namespace, name

MANAGED = "networking.gke.io/managed-certificates"
PRE_SHARED = "ingress.gcp.kubernetes.io/pre-shared-cert"
CLASS = "kubernetes.io/ingress.class"
STATIC_IP = "kubernetes.io/ingress.global-static-ip-name"
ALLOW_HTTP = "kubernetes.io/ingress.allow-http"
FRONTEND = "networking.gke.io/v1beta1.FrontendConfig"
BACKEND_CONFIG = ("cloud.google.com/backend-config", "beta.cloud.google.com/backend-config")
NEG = "cloud.google.com/neg"
CERTMAP = "networking.gke.io/certmap"
CLASSES = ("gce",)
GATEWAY_CLASSES = ("gke-l7-global-external-managed", "gke-l7-gxlb")


@dataclass(frozen=True)
class Objects:
    """The cluster's objects by namespace and name; Secrets only those that others name."""

    ingresses: Mapping[Key, Json] = field(default_factory=dict)
    services: Mapping[Key, Json] = field(default_factory=dict)
    backend_configs: Mapping[Key, Json] = field(default_factory=dict)
    frontend_configs: Mapping[Key, Json] = field(default_factory=dict)
    managed: Mapping[Key, Json] = field(default_factory=dict)
    gateways: Mapping[Key, Json] = field(default_factory=dict)
    routes: Mapping[Key, Json] = field(default_factory=dict)
    backend_policies: Mapping[Key, Json] = field(default_factory=dict)
    health_policies: Mapping[Key, Json] = field(default_factory=dict)
    secrets: Mapping[Key, Json] = field(default_factory=dict)


@dataclass
class Backend:
    """One compute backend service that is wanted."""

    name: str
    namespace: str
    service: str
    port: int
    body: dict[str, Any]
    health: dict[str, Any]
    policy: str = ""  # name of a Cloud Armor policy
    client_id: str = ""
    client_secret: str = ""
    iap: bool = False


@dataclass
class Front:
    """One load balancer that is wanted."""

    kind: str  # Ingress or Gateway
    namespace: str
    name: str
    paths: list[tuple[str, str, bool, str]] = field(default_factory=list)  # host, path, exact, backend's name
    backends: dict[str, Backend] = field(default_factory=dict)
    address_name: str = ""
    certificates: list[str] = field(default_factory=list)  # compute certificates by name
    tls_secrets: list[str] = field(default_factory=list)
    certificate_map: str = ""
    http: bool = True
    redirect: bool = False
    problems: list[str] = field(default_factory=list)


def short(text: str, length: int = 8) -> str:
    """A short hash in letters and digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def annotations(one: Json) -> Mapping[str, str]:
    return one["metadata"].get("annotations") or {}


def parse_json(text: str) -> Any:
    """A JSON value, or None where the text is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def names_in(text: str) -> list[str]:
    """The names in an annotation's comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def part_name(prefix: str, uid: str, *parts: str) -> str:
    """A name as GKE makes them: parts cut so that all fits into 63 characters, made unique by a hash."""
    tail = short("/".join((uid, *parts)))
    room = 63 - len(prefix) - 8 - 8 - 2 - len(parts)
    each = max(4, room // len(parts))
    cut = "-".join(part[:each].strip("-").lower() for part in parts)
    return f"{prefix}-{uid[:8]}-{cut}-{tail}"[:63].strip("-")


# ---- backends --------------------------------------------------------------------------------------------------
def _port(service: Json, wanted: Json) -> Json | None:
    for port in service["spec"].get("ports") or ():
        named = bool(wanted.get("name")) and port.get("name") == wanted["name"]
        if named or port["port"] == wanted.get("number"):
            return dict(port)
    return None


def _secret(objects: Objects, namespace: str, name: str, key: str) -> str:
    data = objects.secrets.get((namespace, name), {}).get("data") or {}
    return base64.b64decode(data.get(key, "")).decode("utf-8", "replace").strip()


def _base(uid: str, prefix: str, namespace: str, service: Json, port: Json) -> Backend:
    name = service["metadata"]["name"]
    description = {
        "kubernetes.io/service-name": f"{namespace}/{name}",
        "kubernetes.io/service-port": str(port["port"]),
        "x-features": ["NEG"],
    }
    body = {"protocol": "HTTP", "timeoutSec": 30, "connectionDraining": {"drainingTimeoutSec": 0}}
    full = part_name(prefix, uid, namespace, name, str(port["port"]))
    body |= {"name": full, "description": json.dumps(description, separators=(",", ":"))}
    return Backend(full, namespace, name, port["port"], body, {"type": "HTTP", "requestPath": "/"})


def ingress_backend(objects: Objects, uid: str, namespace: str, wanted: Json, problems: list[str]) -> Backend | None:
    """The backend for one ``backend:`` of an Ingress; None, with the reason in ``problems``, where there is none."""
    named = wanted.get("service") or {}
    service = objects.services.get((namespace, named.get("name", "")))
    if service is None:
        problems.append(f'could not find service "{namespace}/{named.get("name")}"')
        return None
    port = _port(service, named.get("port") or {})
    if port is None:
        problems.append(f'could not find port "{named.get("port")}" in service "{namespace}/{named["name"]}"')
        return None
    neg = (parse_json(annotations(service).get(NEG, "")) or {}).get("ingress", True)
    kind = service["spec"].get("type", "ClusterIP")
    if not neg and kind == "ClusterIP":
        problems.append(
            f'service "{namespace}/{named["name"]}" is type "ClusterIP", expected "NodePort" or "LoadBalancer"'
        )
        return None
    found = _base(uid, "k8s1", namespace, service, port)
    if not neg:
        found.name = f"k8s-be-{port.get('nodePort', 0)}--{uid[:16]}"
        description = parse_json(found.body["description"])
        description.pop("x-features")
        found.body |= {"name": found.name, "description": json.dumps(description, separators=(",", ":"))}
    _backend_config(objects, service, port, found, problems)
    return found


def _backend_config(objects: Objects, service: Json, port: Json, found: Backend, problems: list[str]) -> None:
    text = next((annotations(service)[key] for key in BACKEND_CONFIG if key in annotations(service)), "")
    wish = parse_json(text) if text else {}
    if not isinstance(wish, dict):
        problems.append(f"annotation {BACKEND_CONFIG[0]} of service {found.service} is no JSON object")
        return
    ports = wish.get("ports") or {}
    name = ports.get(port.get("name") or "") or ports.get(str(port["port"])) or wish.get("default") or ""
    if not name:
        return
    config = objects.backend_configs.get((found.namespace, name))
    if config is None:
        problems.append(f'no BackendConfig "{found.namespace}/{name}" for service port {found.service}:{found.port}')
        return
    spec = config.get("spec") or {}
    iap = spec.get("iap") or {}
    found.iap = bool(iap.get("enabled"))
    secret = (iap.get("oauthclientCredentials") or {}).get("secretName") or ""
    if found.iap and secret:
        found.client_id = _secret(objects, found.namespace, secret, "client_id")
        found.client_secret = _secret(objects, found.namespace, secret, "client_secret")
        if not found.client_id or not found.client_secret:
            problems.append(f"secret {found.namespace}/{secret} lacks client_id or client_secret")
    _common(found, spec)
    check = spec.get("healthCheck") or {}
    found.health |= {key: value for key, value in check.items() if value is not None}
    found.policy = (spec.get("securityPolicy") or {}).get("name") or ""
    affinity = spec.get("sessionAffinity") or {}
    if affinity.get("affinityType"):
        found.body["sessionAffinity"] = affinity["affinityType"]
    logging = spec.get("logging") or {}
    if "enable" in logging:
        found.body["logConfig"] = {"enable": logging["enable"], "sampleRate": logging.get("sampleRate", 1.0)}


def _common(found: Backend, spec: Json) -> None:
    """Timeout and draining, which BackendConfig and GCPBackendPolicy spell alike."""
    if spec.get("timeoutSec") is not None:
        found.body["timeoutSec"] = spec["timeoutSec"]
    draining = (spec.get("connectionDraining") or {}).get("drainingTimeoutSec")
    if draining is not None:
        found.body["connectionDraining"] = {"drainingTimeoutSec": draining}


# ---- Ingress ---------------------------------------------------------------------------------------------------
def ours(ingress: Json) -> bool:
    """Whether GKE's controller looks after an Ingress. (One without any class stays alone, unlike on GKE.)"""
    return annotations(ingress).get(CLASS) in CLASSES and not ingress["spec"].get("ingressClassName")


def pre_shared(ingress: Json, managed: Mapping[Key, str]) -> list[str]:
    """What the annotation for compute certificates should hold: other people's, and those of the managed ones named."""
    kept = [name for name in names_in(annotations(ingress).get(PRE_SHARED, "")) if not name.startswith("mcrt-")]
    namespace = ingress["metadata"]["namespace"]
    made = [managed.get((namespace, name), "") for name in names_in(annotations(ingress).get(MANAGED, ""))]
    return kept + [name for name in made if name]


def front_of_ingress(objects: Objects, uid: str, ingress: Json, managed: Mapping[Key, str]) -> Front:
    """The load balancer an Ingress wants."""
    meta, marks = ingress["metadata"], annotations(ingress)
    front = Front("Ingress", meta["namespace"], meta["name"], address_name=marks.get(STATIC_IP, ""))
    front.certificates = pre_shared(ingress, managed)
    front.tls_secrets = [one["secretName"] for one in ingress["spec"].get("tls") or () if one.get("secretName")]
    front.http = marks.get(ALLOW_HTTP, "true") != "false"
    if marks.get(FRONTEND):
        config = objects.frontend_configs.get((front.namespace, marks[FRONTEND]))
        if config is None:
            front.problems.append(f"FrontendConfig {front.namespace}/{marks[FRONTEND]} does not exist")
        else:
            front.redirect = bool(((config.get("spec") or {}).get("redirectToHttps") or {}).get("enabled"))

    def add(host: str, path: str, exact: bool, wanted: Json) -> None:
        found = ingress_backend(objects, uid, front.namespace, wanted, front.problems)
        if found:
            front.backends[found.name] = found
            front.paths.append((host, path, exact, found.name))

    if ingress["spec"].get("defaultBackend"):
        add("*", "/", False, ingress["spec"]["defaultBackend"])
    for rule in ingress["spec"].get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            text = path.get("path") or "/"
            exact = path.get("pathType") == "Exact" or (
                path.get("pathType") == "ImplementationSpecific" and not text.endswith("*") and text != "/"
            )
            add(rule.get("host") or "*", text.rstrip("*") or "/", exact, path["backend"])
    return front


# ---- Gateway ---------------------------------------------------------------------------------------------------
def _policy(policies: Mapping[Key, Json], namespace: str, service: str) -> Json:
    for (where, _name), policy in sorted(policies.items()):
        target = policy["spec"].get("targetRef") or {}
        if where == namespace and target.get("kind") == "Service" and target.get("name") == service:
            return policy["spec"].get("default") or {}
    return {}


def gateway_backend(objects: Objects, uid: str, namespace: str, ref: Json, problems: list[str]) -> Backend | None:
    """The backend for one ``backendRefs`` entry."""
    service = objects.services.get((ref.get("namespace") or namespace, ref.get("name", "")))
    port = _port(service, {"number": ref.get("port")}) if service else None
    if service is None or port is None:
        problems.append(f"backend {ref.get('name')}:{ref.get('port')} of a route does not exist")
        return None
    found = _base(uid, "gkegw1", namespace, service, port)
    found.body["loadBalancingScheme"] = "EXTERNAL_MANAGED"
    policy = _policy(objects.backend_policies, namespace, found.service)
    iap = policy.get("iap") or {}
    found.iap = bool(iap.get("enabled"))
    secret = (iap.get("oauth2ClientSecret") or {}).get("name") or ""
    if found.iap and iap.get("clientID"):
        found.client_id = iap["clientID"]
        found.client_secret = _secret(objects, namespace, secret, "key") if secret else ""
        if not found.client_secret:
            problems.append(f"secret {namespace}/{secret} lacks the key 'key'")
    elif found.iap:  # "must be set if Enabled is set to true", says the type; what GKE then does was not measured
        problems.append(f"IAP of the policy for {found.service} names no OAuth client")
    _common(found, policy)
    found.policy = policy.get("securityPolicy") or ""
    check = _policy(objects.health_policies, namespace, found.service)
    config = check.get("config") or {}
    http = config.get("httpHealthCheck") or {}
    times = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")
    found.health |= {key: check[key] for key in times if check.get(key)}
    found.health |= {key: http[key] for key in ("requestPath", "port") if http.get(key)}
    return found


def _belongs(route: Json, gateway: Json) -> list[str]:
    """The sections of a gateway a route is attached to; an empty name means all; no entry means none."""
    found = []
    for parent in route["spec"].get("parentRefs") or ():
        where = parent.get("namespace") or route["metadata"]["namespace"]
        if (where, parent.get("name")) == (gateway["metadata"]["namespace"], gateway["metadata"]["name"]):
            found.append(parent.get("sectionName") or "")
    return found


def routes_of(objects: Objects, gateway: Json) -> list[Json]:
    """The routes attached to a gateway."""
    return [route for _key, route in sorted(objects.routes.items()) if _belongs(route, gateway)]


def front_of_gateway(objects: Objects, uid: str, gateway: Json) -> Front:
    """The load balancer a Gateway and its routes want."""
    meta = gateway["metadata"]
    front = Front("Gateway", meta["namespace"], meta["name"])
    for address in gateway["spec"].get("addresses") or ():
        if address.get("type") == "NamedAddress":
            front.address_name = address["value"]
        else:
            front.problems.append(f"address type {address.get('type')} is not supported")
    secure, plain = set(), set()
    for listener in gateway["spec"].get("listeners") or ():
        (secure if listener.get("protocol") == "HTTPS" else plain).add(listener.get("name", ""))
        options = (listener.get("tls") or {}).get("options") or {}
        front.certificates += names_in(options.get("networking.gke.io/pre-shared-certs", ""))
        front.tls_secrets += [one["name"] for one in (listener.get("tls") or {}).get("certificateRefs") or ()]
    front.certificate_map = annotations(gateway).get(CERTMAP, "")
    front.http = bool(plain)
    for route in routes_of(objects, gateway):
        _add_route(objects, uid, route, gateway, front, plain)
    return front


def _add_route(objects: Objects, uid: str, route: Json, gateway: Json, front: Front, plain: Iterable[str]) -> None:
    sections = set(_belongs(route, gateway))
    only_plain = bool(sections) and sections <= set(plain)
    for rule in route["spec"].get("rules") or ():
        redirects = [one for one in rule.get("filters") or () if one.get("type") == "RequestRedirect"]
        if redirects and only_plain:
            front.redirect = True
            continue
        if only_plain:
            front.problems.append(f"route {route['metadata']['name']} serves a hub without TLS")
        for ref in rule.get("backendRefs") or ():
            found = gateway_backend(objects, uid, route["metadata"]["namespace"], ref, front.problems)
            if not found:
                continue
            front.backends[found.name] = found
            for host in route["spec"].get("hostnames") or ["*"]:
                for match in rule.get("matches") or [{"path": {"type": "PathPrefix", "value": "/"}}]:
                    path = match.get("path") or {}
                    front.paths.append((host, path.get("value", "/"), path.get("type") == "Exact", found.name))


# ---- all -------------------------------------------------------------------------------------------------------
def secrets_wanted(objects: Objects) -> set[Key]:
    """The Secrets that have to be read before the plan can be made."""
    wanted: set[Key] = set()
    for (namespace, _name), config in objects.backend_configs.items():
        iap = (config.get("spec") or {}).get("iap") or {}
        wanted.add((namespace, (iap.get("oauthclientCredentials") or {}).get("secretName") or ""))
    for (namespace, _name), policy in objects.backend_policies.items():
        iap = ((policy.get("spec") or {}).get("default") or {}).get("iap") or {}
        wanted.add((namespace, (iap.get("oauth2ClientSecret") or {}).get("name") or ""))
    for (namespace, _name), ingress in objects.ingresses.items():
        if ours(ingress):
            wanted |= {(namespace, one.get("secretName") or "") for one in ingress["spec"].get("tls") or ()}
    for (namespace, _name), gateway in objects.gateways.items():
        for listener in gateway["spec"].get("listeners") or ():
            wanted |= {(namespace, one["name"]) for one in (listener.get("tls") or {}).get("certificateRefs") or ()}
    return {key for key in wanted if key[1]}


def fronts(objects: Objects, uid: str, managed: Mapping[Key, str]) -> list[Front]:
    """Every load balancer that is wanted; objects on their way out want none."""
    found = [
        front_of_ingress(objects, uid, ingress, managed)
        for _key, ingress in sorted(objects.ingresses.items())
        if ours(ingress) and not ingress["metadata"].get("deletionTimestamp")
    ]
    found += [
        front_of_gateway(objects, uid, gateway)
        for _key, gateway in sorted(objects.gateways.items())
        if gateway["spec"].get("gatewayClassName") in GATEWAY_CLASSES
        and not gateway["metadata"].get("deletionTimestamp")
    ]
    return found
