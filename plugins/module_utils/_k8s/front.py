# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The Service people reach a hub by, made before the hub itself: what it should be, what is, what has to change. Pure.

The chart's own Service ``proxy-public`` appears with Helm, too late for DNS and certificates; ``hub-front`` selects the
same pods by the chart's labels (``component`` and ``release``, chart 4.4.0) and can be made first.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import HubError
from .._core.plan import Plan, Step
from .._core.poll import State, Verdict
from .._core.preflight import rows_of
from .objects import ABSENT, canonical, differences, fate, is_going

Json = dict[str, Any]

MANAGED_BY = "researchops.jupyterhub"
LABELS = {"app.kubernetes.io/managed-by": MANAGED_BY, "app.kubernetes.io/part-of": "jupyterhub"}
HUBS = "app=jupyterhub,component=hub"
"""Labels that the chart gives a hub's Deployment; the label ``release`` beside them names its release."""


@dataclass(frozen=True)
class Front:
    """The front that is wanted.

    Attributes:
        namespace: the hub's namespace.
        name: of the Service.
        release: the Helm release whose proxy it selects.
        component: the chart's component that ends the connection: ``proxy`` or ``autohttps``.
        kind: type of the Service.
        address: the address it should get (LoadBalancer), or the one people use for it (other types); may be empty.
        https_port: the port of the hub's URL.
        source_ranges: networks that may connect; empty for all.
        annotations: of the Service.
        ip_families: its ipFamilyPolicy; empty for the cluster's default.
        kept: it is the chart's own Service, which a running hub keeps its address on.
    """

    namespace: str
    name: str
    release: str
    component: str = "proxy"
    kind: str = "LoadBalancer"
    address: str = ""
    https_port: int = 443
    source_ranges: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    ip_families: str = ""
    kept: bool = False

    @property
    def path(self) -> str:
        """The Service's address in the API."""
        return f"/api/v1/namespaces/{self.namespace}/services/{self.name}"

    def service_object(self) -> Json:
        """The Service."""
        spec: Json = {
            "type": self.kind,
            "selector": {"component": self.component, "release": self.release},
            "ports": self._ports(),
        }
        if self.kind == "LoadBalancer":
            spec |= {"loadBalancerIP": self.address} if self.address else {}
            spec |= {"loadBalancerSourceRanges": list(self.source_ranges)} if self.source_ranges else {}
        if self.ip_families:
            spec["ipFamilyPolicy"] = self.ip_families
        metadata: Json = {"name": self.name, "namespace": self.namespace, "labels": dict(LABELS)}
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}

    def _ports(self) -> list[Json]:
        ports = [("http", 80, "http"), ("https", self.https_port, "https")]
        if self.https_port != 443:
            ports.append(("https-default", 443, "https"))
        return [{"name": name, "port": port, "targetPort": target, "protocol": "TCP"} for name, port, target in ports]


def annotation_texts(given: Mapping[str, Any]) -> dict[str, str]:
    """Annotations as Kubernetes takes them, which is text, from what YAML made of them.

    What is no text already is written as in JSON: controllers compare with ``true``, not with Python's ``True``, and
    GKE's own annotations hold JSON.
    """
    return {
        str(key): value if isinstance(value, str) else "" if value is None else json.dumps(value, separators=(",", ":"))
        for key, value in given.items()
    }


def namespace_object(name: str) -> Json:
    """A hub's namespace, with nothing in it but our marks."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(LABELS)}}


def problems(front: Front) -> list[HubError]:
    """Settings that cannot work, before anything is asked of a cluster."""
    found = []
    if front.source_ranges and front.kind != "LoadBalancer":
        found.append(
            HubError(
                error_id="E-FRONT-03",
                what=f"hub_front_source_ranges does nothing on a Service of type {front.kind}: everybody could connect",
                do="use hub_front_service_type: LoadBalancer, or filter where the traffic enters and empty this list",
            )
        )
    bad = [text for text in front.source_ranges if not _is_network(text)]
    if bad:
        found.append(
            HubError(
                "E-FRONT-04",
                f"hub_front_source_ranges holds what is no network: {', '.join(bad)}",
                "write them as 192.0.2.0/24",
            )
        )
    if not 1 <= front.https_port <= 65535 or front.https_port == 80:
        found.append(
            HubError(
                "E-FRONT-04",
                f"hub_port {front.https_port} cannot be the port of an https URL",
                "use 443, 8443 or another free port",
            )
        )
    if front.kind != "LoadBalancer" and not front.address:
        found.append(
            HubError(
                error_id="E-FRONT-05",
                what=f"A Service of type {front.kind} has no address of its own that DNS could point to",
                do="set hub_front_address to the address (or host name) people reach it by",
            )
        )
    return found


def rows(settings: Mapping[str, Any]) -> list[Json]:
    """Rows of the preflight table about the settings ``kind``, ``address``, ``https_port``, ``source_ranges``."""
    front = Front(
        namespace="",
        name="hub-front",
        release="",
        kind=str(settings["kind"]),
        address=str(settings["address"]),
        https_port=int(settings["https_port"]),
        source_ranges=tuple(str(item) for item in settings["source_ranges"]),
    )
    seen = f"{front.kind}, https on port {front.https_port}" + (
        f", for {', '.join(front.source_ranges)}" if front.source_ranges else ""
    )
    return rows_of("front Service", problems(front), seen)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def addresses_of(service: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The addresses and host names a Service got from its load balancer, sorted."""
    ingress = (((service or {}).get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return tuple(
        sorted(
            {str(item.get("ip") or item.get("hostname")) for item in ingress if item.get("ip") or item.get("hostname")}
        )
    )


def keeps_proxy_public(front: Json | None, proxy_public: Json | None, *, known: bool = False) -> bool:
    """Whether a running hub already has its address on the chart's own Service, and no front of ours beside it.

    Args:
        front: the live front of ours.
        proxy_public: the live Service of the chart.
        known: whether it is known to have an address, although it may show none for a moment.
    """
    balanced = (proxy_public or {}).get("spec", {}).get("type") == "LoadBalancer"
    return front is None and balanced and (known or bool(addresses_of(proxy_public)))


def plan(live: Sequence[Json | None], foretold: Sequence[Json]) -> Plan:
    """What applying would change: live objects beside what the server's dry run makes of them, in the same order."""
    steps, before, after = [], {}, {}
    for old, new in zip(live, foretold, strict=True):
        target = f"{new['kind']}/{new['metadata']['name']}"
        before[target], after[target] = {} if old is None else canonical(old), canonical(new)
        if old is None:
            steps.append(Step("create", target))
        elif fields := _fields(before[target], after[target]):
            steps.append(Step("update", target, fields))
    return Plan(before, after, tuple(steps), "server-side dry run" if steps else "nothing to change")


def _fields(before: Json, after: Json) -> dict[str, tuple[Any, Any]]:
    """The fields that change; a value that is not there is None."""
    found = {
        path: (None if old is ABSENT else old, None if new is ABSENT else new)
        for path, old, new in differences(before, after)
    }
    return {path: values for path, values in found.items() if values != (None, None)}


def leads_to(service: Json | None) -> str:
    """The release whose proxy a front of ours selects; empty where there is none."""
    return str((((service or {}).get("spec") or {}).get("selector") or {}).get("release") or "")


def another_hub(service: Json | None, release: str, hubs: Sequence[Json]) -> str:
    """The release of the hub that would lose its people to this front; empty where none would.

    Args:
        service: the live front of ours.
        release: the release that the front is wanted for.
        hubs: the Deployments of all hubs in the namespace.
    """
    installed = {str((hub["metadata"].get("labels") or {}).get("release") or release) for hub in hubs}
    served = leads_to(service)
    if served != release and served in installed:
        return served
    return "" if release in installed else min(installed, default="")


def not_this_hub(namespace: str, release: str, other: str) -> HubError:
    """E-FRONT-13, for a run that would go on with the door, the record and the Secrets of another release's hub."""
    return HubError(
        error_id="E-FRONT-13",
        what=f"Namespace {namespace} holds the hub of release {other}; this run is for release {release}, and would "
        "take name, front door and Secrets from that hub",
        do=f"set z2jh_release_name: {other} if that is the hub you mean; else give this one a namespace of its own "
        "(z2jh_namespace)",
    )


def judge(service: Mapping[str, Any] | None, wanted: str) -> Verdict:
    """Whether the Service has its address: the wanted one, where one is wanted."""
    if service is None:
        return Verdict(State.PENDING, "the Service is gone")
    if is_going(service):
        return Verdict(State.PENDING, f"somebody has deleted the Service: it {fate(service)}")
    found = addresses_of(service)
    if not found:
        return Verdict(State.PENDING, "the load balancer has given no address yet")
    if wanted and wanted not in found:
        return Verdict(State.PENDING, f"it has {', '.join(found)}, wanted {wanted}")
    return Verdict(State.DONE, ", ".join(found))


def judge_way(service: Mapping[str, Any] | None) -> Verdict:
    """Whether a Service that was deleted is gone, or has been made anew."""
    if service is None or not is_going(service):
        return Verdict(State.DONE, "gone")
    return Verdict(State.PENDING, f"it {fate(service)}")


def not_gone(front: Front, told: str, reason: str, event: str, seconds: float) -> HubError:
    """The error for a Service that was deleted and does not go; ``told``: what is to be said of it, a verb first."""
    return HubError(
        error_id="E-FRONT-10",
        what=f"Service {front.namespace}/{front.name} {told} and is not gone after {seconds:.0f} s",
        seen=reason + (f"; the cluster says: {event}" if event else "; no event tells why"),
        wanted="its finalizers removed by the load balancer's controller, which takes the load balancer away first",
        do=f"see why (kubectl describe service {front.name} --namespace {front.namespace}), and run again when it is "
        "gone; if it just needs longer, raise hub_front_timeout",
    )


def no_address(front: Front, reason: str, event: str, seconds: float, given: Sequence[str] = ()) -> HubError:
    """The error for a front that got no address in time, or others than the wanted one (``given``)."""
    said = f"; the cluster says: {event}" if event else "; no event tells why (often: no load balancer controller)"
    what = f"Service {front.namespace}/{front.name} has no usable address after {seconds:.0f} s: {reason}{said}"
    other = "use hub_front_service_type: NodePort with hub_front_address"
    if front.kept:
        other = "take hub_front_keep_proxy_public out of the inventory, and the hub gets a new address on hub-front"
    do = f"install or repair the load balancer (a cloud's controller, MetalLB), or {other}"
    if given:  # AWS and k3s, for two, give what they like
        do = (
            "take hub_front_address out of the inventory, and the hub gets the address that is there; or ask for yours "
            "by an annotation that this load balancer knows (hub_front_annotations)"
        )
    return HubError(error_id="E-FRONT-01", what=what.rstrip("."), do=do)


def last_warning(events: Sequence[Mapping[str, Any]]) -> str:
    """The newest warning among a Service's events, one line."""
    warnings = [item for item in events if item.get("type") == "Warning"]
    newest = max(warnings, key=lambda item: str(item.get("lastTimestamp") or item.get("eventTime") or ""), default=None)
    return f"{newest.get('reason')}: {newest.get('message')}".strip().splitlines()[0][:300] if newest else ""
