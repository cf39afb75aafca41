# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A front door on GKE against its cluster and its project: read, foretell, apply, wait until IAP stands in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from .._core.errors import writing
from .._core.plan import Plan, Step
from .._core.poll import Waited, wait
from .._core.progress import Reporter
from .._gcp.backends import Backend, backends_for
from .client import Json, KubeClient, if_allowed
from .front import LABELS, plan
from .front_api import apply_namespace, last_event, refuse_another_hub
from .front_gke import (
    BUILT_IN,
    DOOR_KINDS,
    PLURALS,
    POLICY,
    GkeFront,
    hidden,
    is_ours,
    masked,
    path_of,
    possible,
    target_of,
)
from .front_gke_verdicts import (
    in_the_way,
    judge,
    judge_gone,
    not_gone,
    not_ready,
    stuck_client,
    unknown_kinds,
)
from .objects import is_going, label_selector
from .patience import passing

INTERVAL = 3.0
"""Seconds between two looks; a look at a door that comes also asks Compute Engine."""
CERTIFICATE = (POLICY, "ManagedCertificate")


class Cloud(Protocol):
    """The part of the project's API client that is used here."""

    def backend_services(self) -> list[Json]:
        """The project's global backend services."""


@dataclass(frozen=True)
class Seen:
    """What there is.

    Attributes:
        namespace: the hub's namespace, None where it is missing.
        live: the live objects of the front door that stay until somebody deletes them, by :func:`target_of`.
        stale: live objects of ours that the wanted door does not need.
        unknown: wanted kinds that the cluster does not know.
        backends: what Google made of the Service.
        going: live objects that are wanted and that somebody has deleted already, so that they will be gone soon.
    """

    namespace: Json | None
    live: Mapping[str, Json] = field(default_factory=dict)
    stale: tuple[Json, ...] = ()
    unknown: tuple[str, ...] = ()
    backends: tuple[Backend, ...] = ()
    going: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Foretold:
    """What applying would do.

    Attributes:
        plan: the steps.
        unchecked: objects that no server has looked at yet, by :func:`target_of`.
    """

    plan: Plan
    unchecked: tuple[str, ...] = ()

    def touched(self, item: Mapping[str, object]) -> bool:
        """Whether a step is about this object."""
        return any(step.target == target_of(item) for step in self.plan.steps)


class GkeFrontApi:
    """One front door on one cluster."""

    def __init__(self, client: KubeClient, front: GkeFront, cloud: Cloud) -> None:
        self._client = client
        self._front = front
        self._cloud = cloud

    def look(self) -> Seen:
        """Read what there is, in the cluster and in the project."""
        front = self._front
        namespace = self._client.get(f"/api/v1/namespaces/{front.namespace}")
        wanted = front.objects()
        known = self._known_kinds({*map(_kind, wanted), *map(_kind, possible(front)), CERTIFICATE})
        unknown = tuple(dict.fromkeys(item["kind"] for item in wanted if _kind(item) not in known))
        if namespace is None:
            return Seen(None, unknown=unknown)
        mine = {target_of(item) for item in wanted}
        found = {}
        for item in {target_of(each): each for each in (*wanted, *possible(front)) if _kind(each) in known}.values():
            read = partial(self._client.get, path_of(item))
            # Of what is not wanted any more: what these credentials may not read, they cannot have made either.
            one = read() if target_of(item) in mine else if_allowed(read)
            if one is not None:
                found[target_of(item)] = one
        going = {target: item for target, item in found.items() if target in mine and is_going(item)}
        live = {target: item for target, item in found.items() if target not in going}
        stale = self._stale(live, mine, CERTIFICATE in known)
        door = live.get(target_of(front.door_object()))
        return Seen(namespace, live, stale, unknown, self._backends(door), tuple(going.values()))

    def _backends(self, door: Json | None) -> tuple[Backend, ...]:
        """What Google made of the live door; Compute Engine is not asked about one that is not there."""
        if door is None:
            return ()
        routes = [item for item in self._front.objects() if item["kind"] == "HTTPRoute"]
        return backends_for(door, routes, self._cloud.backend_services())

    def _standing(self) -> tuple[Json | None, tuple[Backend, ...]]:
        door = self._client.get(path_of(self._front.door_object()))
        return door, self._backends(door)

    def _known_kinds(self, kinds: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of ``kinds`` (version and kind) that the cluster knows; built-in ones are not asked about."""
        known = {(version, kind) for version, kind in kinds if version in BUILT_IN}
        for version in sorted({version for version, _kind in kinds} - BUILT_IN):
            found = self._client.get(f"/apis/{version}") or {}
            known |= {(version, str(item.get("kind"))) for item in found.get("resources") or []} & kinds
        return known

    def _stale(self, live: Mapping[str, Json], wanted: set[str], certificates: bool) -> tuple[Json, ...]:
        found = dict(live)
        if certificates:
            collection = f"/apis/{POLICY}/namespaces/{self._front.namespace}/{PLURALS['ManagedCertificate']}"
            query = {"labelSelector": label_selector(LABELS)}
            for item in if_allowed(lambda: self._client.list(collection, query)) or []:
                # Items of a list do not carry their own kind.
                item = {"apiVersion": CERTIFICATE[0], "kind": CERTIFICATE[1], **item}
                found[target_of(item)] = item
        return tuple(item for target, item in sorted(found.items()) if target not in wanted and is_ours(item))

    def foretell(self, seen: Seen) -> Foretold:
        """The plan by the server's dry run; what it cannot look at yet is foretold without it, and named.

        What is going counts as gone: a dry run would show it as it was, and so as wanted.

        Raises:
            HubError: E-IAP-22 for the one change that GKE itself refuses without a word; E-FRONT-13.
        """
        if seen.namespace is not None:
            service = seen.live.get(f"Service/{self._front.name}")
            refuse_another_hub(self._client, self._front.namespace, self._front.release, service)
        refused = stuck_client(self._front, seen.backends)
        if refused is not None:
            raise refused
        namespace = apply_namespace(self._client, self._front.namespace, dry_run=True, live=seen.namespace)
        pairs, unchecked = [(seen.namespace, namespace)], []
        going = {target_of(item) for item in seen.going}
        for item in self._front.objects():
            known = seen.namespace is not None and item["kind"] not in seen.unknown
            checked = known and target_of(item) not in going
            told = self._client.apply(path_of(item), item, dry_run=True) if checked else item
            unchecked += [] if checked else [target_of(item)]
            pairs.append(masked(seen.live.get(target_of(item)), told))
        made = plan([old for old, _new in pairs], [new for _old, new in pairs])
        return Foretold(_with_deletions(made, seen.stale), tuple(unchecked))

    def make_way(self, seen: Seen, *, timeout: float, reporter: Reporter) -> Seen:
        """Wait until what is wanted and going is gone, so that it can be made anew; what there is then.

        A door that ``state=absent`` or a change of door had deleted when its run ended looks like one that stands, for
        minutes: its load balancer serves, and an apply changes nothing about its end. Nothing is deleted here: that was
        done.

        Raises:
            HubError: E-FRONT-10 for what does not go in time.
        """
        if not seen.going:
            return seen
        ended = self._gone(seen.going, is_going, "it is made anew after that", timeout, reporter)
        if not ended.done:
            left = ended.observation[0]
            raise in_the_way(self._front.namespace, left, self._event(left), ended.seconds)
        return self.look()

    def apply(self, seen: Seen, foretold: Foretold, *, timeout: float, reporter: Reporter) -> None:
        """Do the steps; safe to repeat.

        A door that gives way to another one is gone before anything else is touched: the Service would lose the mark
        by which an Ingress finds its BackendConfig, and with it Identity-Aware Proxy. The address is its until then.

        Raises:
            HubError: E-FRONT-07 before the first write where the cluster lacks kinds; E-FRONT-10 for a door that does
                not go in time; what the API server refuses.
        """
        if seen.unknown:
            raise unknown_kinds(self._front, seen.unknown)
        apply_namespace(self._client, self._front.namespace, dry_run=False, live=seen.namespace)
        doors, rest = _doors_and_rest(seen.stale)
        with writing():
            self._take_down(doors, timeout, reporter)
            for item in self._front.objects():
                if foretold.touched(item):
                    self._client.apply(path_of(item), item)
            self._delete(rest)

    def remove(self, seen: Seen) -> Plan:
        """The plan of taking the front door down."""
        return _with_deletions(Plan({}, {}), self._everything(seen))

    def delete(self, seen: Seen, *, timeout: float, reporter: Reporter) -> None:
        """Take the front door down; the namespace, the address and the IAP members stay.

        Identity-Aware Proxy's policy goes when the door is gone, and stays where the door does: without the policy the
        load balancer, which stands for minutes more, would let everybody through. A run that is killed in between is
        made good by the next one, which deletes the door once more, or finds only the rest.

        Raises:
            HubError: E-FRONT-10 for a door that does not go in time; what the API server refuses.
        """
        doors, rest = _doors_and_rest(self._everything(seen))
        self._take_down(doors, timeout, reporter)
        with writing(bool(doors)):
            self._delete(rest)

    def _everything(self, seen: Seen) -> list[Json]:
        """All our objects: the door first, so that nothing leads to the hub without IAP while the rest goes."""
        ours = {target_of(item): item for item in (*seen.live.values(), *seen.going, *seen.stale) if is_ours(item)}
        return sorted(ours.values(), key=lambda item: (item["kind"] not in DOOR_KINDS, target_of(item)))

    def _delete(self, items: Sequence[Json]) -> None:
        for number, item in enumerate(items):
            with writing(number > 0):
                self._client.delete(path_of(item))

    def _take_down(self, doors: Sequence[Json], timeout: float, reporter: Reporter) -> None:
        """Delete doors and wait until they are gone; costs nothing where there is none.

        On GKE an object that is gone means a load balancer that is gone. The controller of Ingresses takes its
        finalizer away only after the load balancer's parts (https://github.com/kubernetes/ingress-gce/pull/613).
        That of Gateways is not public; its Gateways carry a finalizer, too (gateway.finalizer.networking.gke.io).
        """
        if not doors:
            return
        self._delete(doors)
        with writing():
            why = "what keeps Identity-Aware Proxy in front goes after it"
            ended = self._gone(doors, lambda _found: True, why, timeout, reporter)
            if not ended.done:
                left = ended.observation[0]
                raise not_gone(self._front.namespace, left, self._event(left), ended.seconds)

    def _gone(
        self, items: Sequence[Json], counts: Callable[[Json], bool], why: str, timeout: float, reporter: Reporter
    ) -> Waited[list[Json]]:
        """Wait until these objects are gone; of those still there, only what ``counts`` is waited for."""

        def left() -> list[Json]:
            found = [self._client.get(path_of(item)) for item in items]
            return [item for item in found if item is not None and counts(item)]

        names = ", ".join(target_of(item) for item in items)
        what = f"{names} in {self._front.namespace} to be gone; {why}"
        return wait(what, left, judge_gone, timeout=timeout, interval=INTERVAL, reporter=reporter, bears=passing)

    def _event(self, item: Json) -> str:
        return last_event(self._client, self._front.namespace, item["kind"], item["metadata"]["name"])

    def ready(self, address: str, *, timeout: float, reporter: Reporter) -> Seen:
        """Wait until the load balancer stands at its address with IAP in front of every backend.

        Raises:
            HubError: E-FRONT-08 or E-IAP-23 when the time is up.
        """
        front, door = self._front, self._front.door_object()
        ended = wait(
            f"load balancer of {target_of(door)} in {front.namespace}",
            self._standing,
            lambda seen: judge(front, seen[0], address, seen[1]),
            timeout=timeout,
            interval=INTERVAL,
            reporter=reporter,
            bears=passing,
        )
        if not ended.done:
            raise not_ready(front, ended.verdict.reason, self._event(door), ended.seconds)
        live, backends = ended.observation
        return Seen(None, {target_of(door): live} if live else {}, backends=backends)


def _doors_and_rest(items: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """What leads to the hub, and what stands before it or behind it."""
    doors = [item for item in items if item["kind"] in DOOR_KINDS]
    return doors, [item for item in items if item not in doors]


def _kind(item: Mapping[str, object]) -> tuple[str, str]:
    return str(item["apiVersion"]), str(item["kind"])


def _with_deletions(made: Plan, stale: Sequence[Json]) -> Plan:
    if not stale:
        return made
    before = {**made.before, **{target_of(item): hidden(item) for item in stale}}
    after = {**made.after, **{target_of(item): {} for item in stale}}
    steps = (*made.steps, *(Step("delete", target_of(item)) for item in stale))
    return replace(made, before=before, after=after, steps=steps, reason="server-side dry run")
