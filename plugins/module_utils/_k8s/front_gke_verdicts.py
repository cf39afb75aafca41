# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A front door on GKE, judged: settings that cannot work, and whether the load balancer came or went as asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import Changed, HubError
from .._core.poll import State, Verdict
from .._core.preflight import rows_of
from .._gcp.backends import Backend
from .._gcp.gke_facts import GOOGLE_MANAGED, OWN
from .._gcp.iap_policy import WEB_ROLE, parse_wish
from .._hub.placeholders import is_example
from .front import Json, addresses_of
from .front_gke import (
    LONGEST_MANAGED_NAME,
    LONGEST_TIMEOUT,
    MANAGED,
    SHORTEST_TIMEOUT,
    GkeFront,
    target_of,
)
from .objects import fate, is_going

RESOURCE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""What Google Cloud takes as the name of an address or a certificate map."""
MAX_DRAINING = 3600


def problems(front: GkeFront, *, https_port: int = 443, source_ranges: Sequence[str] = ()) -> list[HubError]:
    """Everything about the settings that cannot work, before anything is asked of anybody."""
    return [
        *_limits(front, https_port, source_ranges),
        *_certificate(front),
        *_client(front),
    ]


def _limits(front: GkeFront, https_port: int, source_ranges: Sequence[str]) -> list[HubError]:
    """What Google's load balancer cannot do."""
    found = []
    if not front.host:
        found.append(_cannot("hub_domain is not set, and certificate and route are for a name", "set hub_domain"))
    if https_port != 443:
        found.append(_cannot(f"hub_port is {https_port}, and it serves https on port 443 only", "leave hub_port out"))
    if source_ranges:
        found.append(
            _cannot(
                "hub_front_source_ranges would have no effect",
                "empty it; name a Cloud Armor policy in gke_iap_security_policy to restrict networks",
            )
        )
    if front.door == "gateway" and front.service_type == "NodePort":
        found.append(
            _cannot(
                "a Gateway reaches pods directly and uses no NodePort",
                "set gke_iap_service_type: ClusterIP, or gke_iap_front_door: ingress",
            )
        )
    if not RESOURCE_NAME.fullmatch(front.address_name):
        found.append(
            _cannot(
                f"{front.address_name!r} cannot name a static address",
                "set gke_iap_address_name: at most 63 small letters, digits and dashes, beginning with a letter",
            )
        )
    if not 0 <= front.draining <= MAX_DRAINING:
        found.append(_cannot(f"it drains for 0 to {MAX_DRAINING} s, not {front.draining}", "correct gke_iap_draining"))
    if not SHORTEST_TIMEOUT <= front.timeout <= LONGEST_TIMEOUT:
        found.append(
            HubError(
                error_id="E-FRONT-09",
                what=f"gke_iap_backend_timeout {front.timeout} s would cut kernels and terminals off while people work",
                wanted=f"{SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} s: one websocket lasts at most so long",
                do="leave gke_iap_backend_timeout out, or set it within these bounds",
            )
        )
    return found


def _certificate(front: GkeFront) -> list[HubError]:
    managed = front.certificate == MANAGED
    if front.door == "gateway" and managed:
        return [
            HubError(
                error_id="E-CERT-25",
                what="A Gateway takes no ManagedCertificate, and the option certificate names no certificate map",
                do="make a map with the module certificate_map and name it (the role gke_iap does both), or use "
                "front_door: ingress",
            )
        ]
    if managed and len(front.host) > LONGEST_MANAGED_NAME:
        return [
            HubError(
                error_id="E-CERT-26",
                what=f"Google's managed certificates take names of at most {LONGEST_MANAGED_NAME} characters, "
                f"and {front.host} has {len(front.host)}",
                do="choose a shorter hub_domain, or name a certificate of your own in gke_iap_certificate",
            )
        ]
    # A map that the role makes is called like the address, whose name is judged on its own.
    if front.certificate != front.address_name and not managed and not RESOURCE_NAME.fullmatch(front.certificate):
        kind = "certificate map" if front.door == "gateway" else "pre-shared certificate"
        return [_cannot(f"{front.certificate!r} cannot name a {kind}", "correct gke_iap_certificate")]
    return []


def _client(front: GkeFront) -> list[HubError]:
    if bool(front.client_id) != bool(front.client_secret):
        missing = "gke_iap_client_secret" if front.client_id else "gke_iap_client_id"
        return [
            HubError(
                error_id="E-IAP-20",
                what=f"An OAuth client of your own needs id and secret, and {missing} is empty",
                do=f"set {missing}, or use gke_iap_oauth_client: google_managed",
            )
        ]
    if front.door == "gateway" and not front.own_client:
        return [
            HubError(
                error_id="E-IAP-21",
                what="GKE's Gateway knows no Google-managed OAuth client: its policy for Identity-Aware Proxy wants "
                "a client of your own",
                do="make an OAuth client, set gke_iap_oauth_client: own with gke_iap_client_id and "
                "gke_iap_client_secret, or use gke_iap_front_door: ingress",
            )
        ]
    return []


def _whose_client(front: GkeFront, oauth_client: str) -> list[HubError]:
    """What is contradictory about whose OAuth client is used."""
    if oauth_client == OWN and not (front.client_id or front.client_secret):
        seen, do = "neither id nor secret", "set gke_iap_client_id and gke_iap_client_secret"
    elif oauth_client == GOOGLE_MANAGED and front.client_id:
        seen, do = f"gke_iap_client_id {front.client_id}", "set gke_iap_oauth_client: own, or empty gke_iap_client_id"
    else:
        return []
    return [HubError("E-IAP-20", f"gke_iap_oauth_client is {oauth_client}, and the client does not fit", do, seen=seen)]


def _members(members: Sequence[str]) -> list[HubError]:
    """What Google would not take as members; nobody else would say so before load balancer and hub stand."""
    try:
        parse_wish({"role": WEB_ROLE, "state": "present", "members": members})
    except HubError as problem:
        problem.what = f"gke_iap_members: {problem.what}"
        return [problem]
    left = [str(member) for member in members if is_example(str(member).partition(":")[2].rpartition("@")[2])]
    if left:
        what = f"gke_iap_members still holds what is an example, and nobody has: {', '.join(left)}"
        return [HubError("E-VALUES-03", what, "write the group, people or domain that shall enter")]
    return []


def _cannot(what: str, do: str) -> HubError:
    return HubError("E-FRONT-06", f"Google's load balancer cannot do this: {what}", do)


def rows(settings: Mapping[str, Any]) -> list[Json]:
    """Rows of the preflight table about the settings of a front door on GKE."""
    front = GkeFront(
        namespace="",
        name="hub-front",
        release="",
        host=str(settings["host"]),
        door=str(settings["door"]),
        address_name=str(settings["address_name"]),
        certificate=str(settings["certificate"]),
        service_type=str(settings["service_type"]),
        timeout=int(settings["timeout"]),
        draining=int(settings["draining"]),
        client_id=str(settings["client_id"]),
        client_secret=str(settings["client_secret"]),
    )
    found = problems(
        front,
        https_port=int(settings["https_port"]),
        source_ranges=[str(item) for item in settings["source_ranges"]],
    )
    found += _whose_client(front, str(settings["oauth_client"]))
    found += _members(settings.get("members") or [])
    client = "an OAuth client of its own" if front.own_client else "Google's OAuth client"
    named = f"certificate {'map ' if front.door == 'gateway' else ''}{front.certificate}"
    kind = "a managed certificate" if front.certificate == MANAGED else named
    text = f"{front.door} with Identity-Aware Proxy, {client}, {kind}, address {front.address_name}"
    return rows_of("front door", found, text)


# ---- the live door


def door_addresses(item: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The addresses an Ingress or a Gateway got, sorted."""
    given = ((item or {}).get("status") or {}).get("addresses") or []
    return addresses_of(item) or tuple(sorted(str(one["value"]) for one in given if one.get("value")))


def judge(front: GkeFront, door: Mapping[str, Any] | None, address: str, backends: Sequence[Backend]) -> Verdict:
    """Whether the load balancer stands at its address and asks Identity-Aware Proxy as it should.

    Args:
        front: what is wanted.
        door: the live Ingress or Gateway.
        address: the reserved address; empty takes any.
        backends: what Google Cloud made of it.
    """
    kind = front.door_object()["kind"]
    if door is None:
        return Verdict(State.PENDING, f"the {kind} is gone")
    # Its load balancer still stands, and falls in a moment.
    if is_going(door):
        return Verdict(State.PENDING, _lingering(door))
    reason = _unprogrammed(door) or _elsewhere(kind, door_addresses(door), address)
    if reason:
        return Verdict(State.PENDING, reason)
    if not backends:
        return Verdict(State.PENDING, f"Google has made no backend for Service {front.name} yet")
    reason = next((reason for reason in (_unfit(front, backend) for backend in backends) if reason), "")
    if reason:
        return Verdict(State.PENDING, reason)
    return Verdict(State.DONE, f"{', '.join(door_addresses(door))}, {', '.join(backend.name for backend in backends)}")


def _elsewhere(kind: str, found: Sequence[str], wanted: str) -> str:
    if not found:
        return f"the {kind} has no address yet"
    return f"the {kind} has {', '.join(found)}, wanted {wanted}" if wanted and wanted not in found else ""


def _unprogrammed(door: Mapping[str, Any]) -> str:
    """What a Gateway says about not being ready; an Ingress has no such condition."""
    if door.get("kind") != "Gateway":
        return ""
    conditions = (door.get("status") or {}).get("conditions") or []
    nothing: Json = {}
    found = next((item for item in conditions if item.get("type") == "Programmed"), nothing)
    if found.get("status") == "True":
        return ""
    said = str(found.get("message") or found.get("reason") or "nothing said yet").strip().rstrip(".")
    return f"the Gateway is not programmed: {said}"


def _unfit(front: GkeFront, backend: Backend) -> str:
    if not backend.iap:
        return f"backend {backend.name} has Identity-Aware Proxy off"
    if front.own_client and backend.client_id != front.client_id:
        return f"backend {backend.name} does not have this hub's OAuth client yet"
    if not front.own_client and backend.client_id:
        return f"backend {backend.name} has the OAuth client {backend.client_id} in place of Google's"
    if backend.timeout < SHORTEST_TIMEOUT:
        return f"backend {backend.name} cuts connections after {backend.timeout} s, wanted {front.timeout}"
    return ""


def stuck_client(front: GkeFront, backends: Sequence[Backend]) -> HubError | None:
    """The error for going from a client of one's own to Google's on an Ingress that exists: GKE refuses that.

    Compute Engine names no client where Google's is used, and GKE's controller goes by just that, whatever the
    BackendConfig said before: it then brings nothing of the Ingress up to date any more
    (https://github.com/kubernetes/ingress-gce/pull/2358).
    """
    kept = [backend.name for backend in backends if backend.client_id]
    if front.own_client or front.door != "ingress" or not kept:
        return None
    return HubError(
        error_id="E-IAP-22",
        what="GKE does not switch from an OAuth client of your own to Google's: "
        f"backend {', '.join(kept)} keeps its client",
        do="clear iap.oauth2ClientId and iap.oauth2ClientSecret of that backend service in Compute Engine, or take the "
        "front door down (role gke_iap, tasks_from: absent), then run again; or keep gke_iap_oauth_client: own",
    )


def unknown_kinds(front: GkeFront, kinds: Sequence[str]) -> HubError:
    """The error for a cluster that lacks what the front door is made of."""
    do = (
        "switch the Gateway API on (gcloud container clusters update CLUSTER --location LOCATION "
        "--gateway-api=standard)"
        if front.door == "gateway"
        else "switch the add-on HttpLoadBalancing on (gcloud container clusters update CLUSTER --location LOCATION "
        "--update-addons=HttpLoadBalancing=ENABLED)"
    )
    return HubError(
        error_id="E-FRONT-07",
        what=f"The cluster does not know {', '.join(kinds)}, which a front door of kind {front.door} on GKE is made of",
        do=f"{do}, then run again",
    )


def not_ready(front: GkeFront, reason: str, event: str, seconds: float) -> HubError:
    """The error for a load balancer that is not as wanted in time."""
    said = f"; the cluster says: {event}" if event else "; no event tells why"
    error_id, do = "E-FRONT-08", "follow what is said; if it just needs longer, raise gke_iap_timeout and run again"
    if "Identity-Aware Proxy off" in reason:
        error_id = "E-IAP-23"
        do = (
            "switch the API iap.googleapis.com on and see that the BackendConfig or GCPBackendPolicy is accepted "
            "(kubectl describe); until then the door lets everybody through to the hub's own login"
        )
    what = f"{target_of(front.door_object())} in {front.namespace} is not ready after {seconds:.0f} s: {reason}{said}"
    return HubError(error_id, what.rstrip("."), do, changed=Changed.SOME)


# ---- the door that goes


def judge_gone(left: Sequence[Mapping[str, Any]]) -> Verdict:
    """Whether every door is gone, by those that are still there."""
    return Verdict(State.PENDING, "; ".join(map(_lingering, left))) if left else Verdict(State.DONE, "gone")


def _lingering(item: Mapping[str, Any]) -> str:
    """What is still there, and why as far as it tells."""
    return f"{target_of(item)} {fate(item)}"


def not_gone(namespace: str, item: Mapping[str, Any], event: str, seconds: float) -> HubError:
    """The error for a door that was deleted and is still there when the time is up."""
    do = _patience(namespace, item)
    if not is_going(item):
        do = "stop what makes it anew (Argo CD, Flux, a person), then run again"
    return HubError(
        error_id="E-FRONT-10",
        what=f"{target_of(item)} in {namespace} is not gone {seconds:.0f} s after its deletion, so what "
        "keeps Identity-Aware Proxy in front of it stays: without that it would let everybody through to the hub's own "
        "login",
        seen=_still_there(item, event),
        wanted="its finalizers removed by GKE, which takes the load balancer away first",
        do=do,
        changed=Changed.SOME,
    )


def in_the_way(namespace: str, item: Mapping[str, Any], event: str, seconds: float) -> HubError:
    """The error for what is wanted, was deleted before this run, and does not go, so that it cannot be made anew."""
    return HubError(
        error_id="E-FRONT-10",
        what=f"{target_of(item)} in {namespace} was deleted before this run and is not gone after {seconds:.0f} s, so "
        "it cannot be made anew",
        seen=_still_there(item, event),
        wanted="its finalizers removed by GKE, which takes away first what they hold",
        do=_patience(namespace, item),
    )


def _still_there(item: Mapping[str, Any], event: str) -> str:
    return _lingering(item) + (f"; the cluster says: {event}" if event else "; no event tells why")


def _patience(namespace: str, item: Mapping[str, Any]) -> str:
    look = f"kubectl describe {str(item['kind']).lower()} {item['metadata']['name']} --namespace {namespace}"
    return f"see why ({look}), and run again when it is gone; if it just needs longer, raise gke_iap_timeout"
