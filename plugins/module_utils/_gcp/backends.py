# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Which backend services GKE made for an Ingress, a Gateway or a Service. Pure.

GKE names them itself and gives them new names when it makes them anew, so nobody can write a name down for long. The
cluster knows the names (annotations of Ingress and Gateway); Compute Engine knows the Service behind each of them (a
piece of JSON in its description). Together they also tell what is left over, and what belongs to another cluster of the
same project where a Service of the same name runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._core.errors import HubError
from .._core.poll import State, Verdict

Json = dict[str, Any]

KINDS = ("Ingress", "Gateway", "Service")
INGRESS_BACKENDS = "ingress.kubernetes.io/backends"
GATEWAY_BACKENDS = "networking.gke.io/backend-services"
SERVICE_NAME = "kubernetes.io/service-name"
LONGEST_NAME = 63
"""Characters; where a generated name is that long, its parts may have been cut."""
USUAL_TIMEOUT = 30
"""Seconds; what Google takes where nobody has said anything else."""
INCOMPLETE = frozenset({"UNREACHABLE", "PARTIAL_SUCCESS"})
"""Warnings of Compute Engine that a scope of an aggregated list may hold more than it shows."""

_INGRESS = re.compile(r"k8s1-(?P<tag>[0-9a-f]{8})-.+")
_NODE_PORT = re.compile(r"k8s-be-\d+--(?P<tag>[0-9a-f]{8})[0-9a-f]*")
_GATEWAY = re.compile(r"gkegw1-(?P<tag>[a-z0-9]{4})-(?P<middle>.+)-\d+-[a-z0-9]{12}")
_NO_PAGE = re.compile(r"gkegw1-.+-gw-serve[45]\d\d-.+")
_ANSWERS = ("gw-serve404", "gw-serve500")
"""The Services of a Gateway's own answers for unknown addresses, in its namespace."""


@dataclass(frozen=True)
class Target:
    """The object of Kubernetes whose backends are meant."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Backend:
    """One backend service of Compute Engine.

    Attributes:
        name: its name.
        number: its numeric id, which a signed header of Identity-Aware Proxy names.
        region: its region; empty for a global one.
        service: ``namespace/name`` of the Service it serves; empty where Google does not say.
        iap: whether Identity-Aware Proxy is on.
        client_id: the OAuth client it logs in with; empty for Google's.
        timeout: seconds a connection may last.
    """

    name: str
    number: str = ""
    region: str = ""
    service: str = ""
    iap: bool = False
    client_id: str = ""
    timeout: int = USUAL_TIMEOUT

    def audience(self, project_number: str) -> str:
        """The ``aud`` of the JWTs that IAP signs for a global backend."""
        return f"/projects/{project_number}/global/backendServices/{self.number}"

    def facts(self, project_number: str) -> Json:
        """A front door's backend as a module returns it."""
        return {
            "name": self.name,
            "id": self.number,
            "iap": self.iap,
            "client_id": self.client_id,
            "timeout": self.timeout,
            "audience": self.audience(project_number),
        }

    @property
    def origin(self) -> tuple[str, str]:
        """Which controller of which cluster made it, as its name tells: two empty texts for a foreign name."""
        for family, pattern in (("ingress", _INGRESS), ("ingress", _NODE_PORT), ("gateway", _GATEWAY)):
            found = pattern.fullmatch(self.name)
            if found:
                return family, found["tag"]
        return "", ""


@dataclass(frozen=True)
class Said:
    """What the cluster says about an object.

    Attributes:
        services: the Services behind it, as ``namespace/name``.
        names: the backends its controller reports; None where no controller has reported anything.
    """

    services: frozenset[str]
    names: frozenset[str] | None = None


@dataclass(frozen=True)
class Resolved:
    """The backends of an object.

    Attributes:
        live: the ones that serve it, by name.
        orphans: what the same cluster left over for the same Services.
        missing: names the cluster reports and Compute Engine does not know (yet, or any more).
        pending: why this may not be all, as a sentence without a full stop; empty where nothing is in the way.
    """

    live: tuple[Backend, ...] = ()
    orphans: tuple[Backend, ...] = ()
    missing: tuple[str, ...] = ()
    pending: str = ""


# ---- the cluster's side


def ingress_says(ingress: Mapping[str, Any]) -> Said:
    """Services and backends of an Ingress."""
    namespace = str(ingress["metadata"].get("namespace", ""))
    spec = ingress.get("spec") or {}
    behind = [spec.get("defaultBackend")]
    for rule in spec.get("rules") or []:
        behind += [path.get("backend") for path in (rule.get("http") or {}).get("paths") or []]
    services = {((backend or {}).get("service") or {}).get("name") for backend in behind}
    return Said(frozenset(f"{namespace}/{name}" for name in services if name), _ingress_names(ingress))


def _ingress_names(ingress: Mapping[str, Any]) -> frozenset[str] | None:
    try:
        told = json.loads(_annotation(ingress, INGRESS_BACKENDS))
    except ValueError:
        return None
    return frozenset(told) if isinstance(told, dict) and told else None


def service_says(service: Mapping[str, Any], ingresses: Iterable[Mapping[str, Any]]) -> Said:
    """A Service, and the backends of the Ingresses in its namespace that lead to it."""
    metadata = service["metadata"]
    own = f"{metadata.get('namespace', '')}/{metadata['name']}"
    named = [said.names for said in map(ingress_says, ingresses) if own in said.services and said.names]
    return Said(frozenset({own}), frozenset().union(*named) if named else None)


def gateway_says(gateway: Mapping[str, Any], routes: Iterable[Mapping[str, Any]]) -> Said:
    """A Gateway, and the Services that HTTPRoutes attach to it."""
    metadata = gateway["metadata"]
    own = (str(metadata.get("namespace", "")), str(metadata["name"]))
    services: set[str] = set()
    for route in routes:
        services |= _route_services(route, own)
    text = _annotation(gateway, GATEWAY_BACKENDS)
    names = frozenset(part.strip().rpartition("/")[2] for part in text.split(",") if part.strip())
    return Said(frozenset(services), names or None)


def _route_services(route: Mapping[str, Any], gateway: tuple[str, str]) -> set[str]:
    home = str(route["metadata"].get("namespace", ""))
    spec = route.get("spec") or {}
    parents = {(str(ref.get("namespace") or home), str(ref.get("name"))) for ref in spec.get("parentRefs") or []}
    if gateway not in parents:
        return set()
    refs = [ref for rule in spec.get("rules") or [] for ref in rule.get("backendRefs") or []]
    return {f"{ref.get('namespace') or home}/{ref['name']}" for ref in refs if ref.get("kind", "Service") == "Service"}


def _annotation(obj: Mapping[str, Any], name: str) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(name) or "")


# ---- Compute Engine's side


def parse_backends(scopes: Iterable[Mapping[str, Any]]) -> list[Backend]:
    """The backend services in the scopes of an aggregated list, sorted by name."""
    found = [_backend(item) for scope in scopes for item in scope.get("backendServices") or []]
    return sorted(found, key=lambda backend: (backend.name, backend.region))


def unread_scopes(pages: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The regions (``regions/europe-west1``) that the pages of an aggregated list do not show in full, sorted."""
    found: set[str] = set()
    for page in pages:
        found |= {"/".join(str(place).split("/")[-2:]) for place in page.get("unreachables") or []}
        scopes = page.get("items") or {}
        found |= {place for place, scope in scopes.items() if (scope.get("warning") or {}).get("code") in INCOMPLETE}
    return tuple(sorted(found))


def _backend(item: Mapping[str, Any]) -> Backend:
    try:
        described = json.loads(item.get("description") or "")
    except ValueError:  # made by a person
        described = None
    service = str(described.get(SERVICE_NAME) or "") if isinstance(described, dict) else ""
    region = str(item.get("region") or "").rpartition("/")[2]
    iap = item.get("iap") or {}
    return Backend(
        name=str(item.get("name", "")),
        number=str(item.get("id") or ""),
        region=region,
        service=service,
        iap=bool(iap.get("enabled")),
        client_id=str(iap.get("oauth2ClientId") or ""),
        timeout=int(item.get("timeoutSec") or USUAL_TIMEOUT),
    )


def serves(backend: Backend, services: Iterable[str]) -> bool:
    """Whether a backend belongs to one of the Services; its description tells, else the name of a Gateway's backend."""
    if backend.service:
        return backend.service in services
    found = _GATEWAY.fullmatch(backend.name)
    return found is not None and any(_spells(backend.name, found["middle"], service) for service in services)


def _spells(name: str, middle: str, service: str) -> bool:
    """Whether ``middle`` is namespace and name with a dash between; a name of full length may have cut both."""
    namespace, _slash, own = service.partition("/")
    if middle == f"{namespace}-{own}":
        return True
    cuts = [place for place, letter in enumerate(middle) if letter == "-"] if len(name) == LONGEST_NAME else []
    return any(namespace.startswith(middle[:cut]) and own.startswith(middle[cut + 1 :]) for cut in cuts)


# ---- both together


def resolve(target: Target, said: Said, backends: Sequence[Backend], unread: Sequence[str] = ()) -> Resolved:
    """The backends of an object.

    Args:
        target: the object.
        said: what the cluster says about it.
        backends: those of the project.
        unread: scopes of the project that Compute Engine could not look into.

    Raises:
        HubError: E-IAP-06 when Services of the same name in several clusters cannot be told apart.
    """
    if said.names is None and target.kind != "Service":
        # Its Services alone would do as well for the backends of another cluster of this project, and for what an
        # earlier Ingress of this name left over. The controller reports its own within minutes.
        return Resolved(pending=f"GKE has not reported the backends of {target} yet")
    found = _found(target, said, backends)
    # A Service does not know how many backends it has; other objects miss only what they name.
    if unread and (target.kind == "Service" or found.missing):
        return replace(found, pending=f"Compute Engine could not look into {', '.join(unread)}")
    return found


def _found(target: Target, said: Said, backends: Sequence[Backend]) -> Resolved:
    """What is known of the backends of an object that tells them, or of a Service."""
    candidates = [backend for backend in backends if serves(backend, said.services)]
    if said.names is None:
        _refuse_several_clusters(target, candidates)
        return Resolved(live=tuple(candidates))
    live = [backend for backend in backends if backend.name in said.names and _is_page(backend, target, said.services)]
    if target.kind == "Service":
        live = _of_service(target, live, candidates)
    origins = {backend.origin for backend in live}
    known = {backend.name for backend in backends}
    return Resolved(
        live=tuple(live),
        orphans=tuple(backend for backend in candidates if backend not in live and backend.origin in origins),
        missing=tuple(sorted(name for name in said.names - known if not _is_answer(name, target.namespace))),
    )


def _of_service(target: Target, reported: Sequence[Backend], candidates: Sequence[Backend]) -> list[Backend]:
    """The Service's own among the reported ones, and what a Gateway has made for it, which no Ingress reports."""
    gateways = [backend for backend in candidates if backend.origin[0] == "gateway" and backend not in reported]
    _refuse_several_clusters(target, gateways)
    return [backend for backend in candidates if backend in reported or backend in gateways]


def _is_page(backend: Backend, target: Target, services: Iterable[str]) -> bool:
    """Whether a reported backend serves pages: not the controller's own one for unknown addresses."""
    own = backend.service.startswith("kube-system/") and backend.service not in services
    return not own and not _is_answer(backend.name, target.namespace)


def _is_answer(name: str, namespace: str) -> bool:
    """Whether a backend is a Gateway's own answer for unknown addresses, also where a long namespace cuts its name."""
    found = _GATEWAY.fullmatch(name)
    cut = found is not None and any(_spells(name, found["middle"], f"{namespace}/{answer}") for answer in _ANSWERS)
    return cut or _NO_PAGE.fullmatch(name) is not None


def _refuse_several_clusters(target: Target, candidates: Sequence[Backend]) -> None:
    tags: dict[str, set[str]] = {}
    for backend in candidates:
        family, tag = backend.origin
        tags.setdefault(family, set()).add(tag)
    if any(len(found) > 1 for found in tags.values()):
        raise HubError(
            error_id="E-IAP-06",
            what=f"Several clusters of this project have backend services for {target}, and nothing tells which are "
            "this cluster's",
            seen=", ".join(backend.name for backend in candidates),
            do="name the Ingress or the Gateway in resource.kubernetes, which knows its own backends",
        )


def backends_for(
    door: Mapping[str, Any], routes: Sequence[Mapping[str, Any]], items: Sequence[Mapping[str, Any]]
) -> tuple[Backend, ...]:
    """Among a project's global backend services those that lead from a front door to its Service, by name.

    There are none before GKE has reported them: those of another cluster would give the hub a wrong audience.

    Args:
        door: the live Ingress or Gateway.
        routes: for a Gateway, the routes that lead from it.
        items: the backend services as Compute Engine returns them.
    """
    metadata = door["metadata"]
    target = Target(str(door["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))
    said = ingress_says(door) if target.kind == "Ingress" else gateway_says(door, routes)
    return resolve(target, said, parse_backends([{"backendServices": items}])).live


# ---- waiting for them


def judge(resolved: Resolved | None) -> Verdict:
    """Whether GKE is done with an object's backends; None stands for an object that does not exist."""
    if resolved is None:
        return Verdict(State.FATAL, "it does not exist")
    if resolved.pending:
        return Verdict(State.PENDING, resolved.pending)
    if resolved.missing:
        return Verdict(State.PENDING, f"Compute Engine does not know {', '.join(resolved.missing)}")
    if not resolved.live:
        return Verdict(State.PENDING, "GKE has not made a backend service for it")
    return Verdict(State.DONE)


def not_found(target: Target, verdict: Verdict, seconds: float) -> HubError:
    """The error for an object without backends."""
    if verdict.state is State.FATAL:
        return HubError(
            error_id="E-IAP-11",
            what=f"{target} does not exist in this cluster",
            do="check kind, namespace and name, and that it has been created",
        )
    return HubError(
        error_id="E-IAP-05",
        what=f"{target} has no backend service after {seconds:.0f} s: {verdict.reason}",
        do=f"look at its class and its events (kubectl -n {target.namespace} describe {target.kind.lower()} "
        f"{target.name}); GKE needs up to 10 minutes for a new one",
    )
