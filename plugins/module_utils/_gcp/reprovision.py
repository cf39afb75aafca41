# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Recreating a managed certificate so that a killed run can be finished by the next one. Pure.

Before the first delete a snapshot of everything that will be deleted lies in the cluster. From then on no run
remembers where it was: it looks at the world, and :func:`next_move` names the one thing that is to be done now. A run
that was killed between any two requests, a reply that was lost and a second run at the same time are therefore the
same case as an undisturbed run.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from .._core.clock import parse_time
from .._core.errors import Changed, HubError
from .._core.plan import Step
from .._k8s.objects import canonical
from .certificates import (
    ATTACHED,
    HTTPS_PROXY,
    PRE_SHARED,
    Certificate,
    Door,
    names_in,
    parse_certificate,
    parse_door,
)

Json = dict[str, Any]

RECENT = timedelta(hours=24)
"""At most one reprovisioning per name in this time."""
LABEL = "researchops.jupyterhub/snapshot-of"
"""Label of the ConfigMaps that hold snapshots."""
OURS = "researchops.jupyterhub"
"""The field manager the API server notes for our patches."""
BY_THE_CONTROLLER = frozenset(
    {
        "backends",
        "forwarding-rule",
        "https-forwarding-rule",
        "https-target-proxy",
        "redirect-url-map",
        "ssl-cert",
        "static-ip",
        "target-proxy",
        "url-map",
    }
)
"""Annotations ``ingress.kubernetes.io/...`` that GKE's controller writes and nobody else."""
DELETION_FIELDS = ("deletionTimestamp", "deletionGracePeriodSeconds")


class State(Enum):
    """How far a snapshot's run has come."""

    RECREATING = "recreating"
    RESTORING = "restoring"
    RECREATED = "recreated"
    KEPT = "kept"


UNFINISHED = frozenset({State.RECREATING, State.RESTORING})
ACTED = frozenset({State.RECREATING, State.RECREATED})
"""States that count as a reprovisioning of the last 24 hours."""


@dataclass(frozen=True)
class Saved:
    """An object as it will be made again.

    Attributes:
        manifest: without what server and controllers write.
        manager: who owns its fields by server-side apply; empty where nobody does.
        proxy: an Ingress's target HTTPS proxy; the live annotation may vanish before the proxy does.
    """

    manifest: Json
    manager: str = ""
    proxy: str = ""

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True)
class Snapshot:
    """What a run needs to finish what another one began.

    Attributes:
        namespace: of all objects.
        name: of the certificate.
        uid: of the certificate that is to go.
        state: how far it is.
        started: when, by the API server's clock.
        certificate: the ManagedCertificate.
        ingresses: the Ingresses that name it.
        twins: compute names of the certificate that is to go.
        removed: Ingresses that were deleted on purpose.
    """

    namespace: str
    name: str
    uid: str
    state: State
    started: str
    certificate: Saved
    ingresses: tuple[Saved, ...]
    twins: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def domains(self) -> tuple[str, ...]:
        """What the certificate is for."""
        return parse_certificate(self.certificate.manifest).domains

    def saved(self, ingress: str) -> Saved:
        """One Ingress of the snapshot."""
        return next(item for item in self.ingresses if item.name == ingress)


def snapshot_name(certificate: str) -> str:
    """The ConfigMap that holds the snapshot."""
    return f"researchops-certificate-{certificate}"


def keep(obj: Mapping[str, Any]) -> Saved:
    """An object as it can be made again: what people wrote, without what server and controllers added."""
    manifest = copy.deepcopy(canonical(obj))
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in DELETION_FIELDS}
    proxy = str((metadata.get("annotations") or {}).get(HTTPS_PROXY, ""))
    notes = {
        key: value
        for key, value in (metadata.pop("annotations", None) or {}).items()
        if key.removeprefix("ingress.kubernetes.io/") not in BY_THE_CONTROLLER
    }
    if PRE_SHARED in notes:
        own = [name for name in names_in(notes.pop(PRE_SHARED)) if not name.startswith("mcrt-")]
        notes |= {PRE_SHARED: ",".join(own)} if own else {}
    if notes:
        metadata["annotations"] = notes
    finalizers = [name for name in metadata.pop("finalizers", None) or [] if not name.startswith("networking.gke.io/")]
    if finalizers:
        metadata["finalizers"] = finalizers
    return Saved(manifest | {"metadata": metadata}, _manager(obj), proxy)


def _manager(obj: Mapping[str, Any]) -> str:
    """Who applied the object by server-side apply, so that the same one owns it again (Helm 4 does)."""
    for entry in (obj.get("metadata") or {}).get("managedFields") or []:
        if entry.get("operation") == "Apply" and not entry.get("subresource"):
            return str(entry.get("manager") or "")
    return ""


def take(certificate: Mapping[str, Any], ingresses: Iterable[Mapping[str, Any]], now: datetime) -> Snapshot:
    """The snapshot of a certificate that is about to be recreated."""
    seen = parse_certificate(certificate)
    return Snapshot(
        namespace=seen.namespace,
        name=seen.name,
        uid=seen.uid,
        state=State.RECREATING,
        started=now.isoformat(timespec="seconds"),
        certificate=keep(certificate),
        ingresses=tuple(keep(ingress) for ingress in ingresses),
        twins=(seen.twin,) if seen.twin else (),
    )


def to_config_map(snapshot: Snapshot) -> Json:
    """The snapshot as the object that is stored."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": snapshot_name(snapshot.name),
            "namespace": snapshot.namespace,
            "labels": {"app.kubernetes.io/managed-by": OURS, LABEL: "managed-certificate"},
        },
        "data": {
            "name": snapshot.name,
            "uid": snapshot.uid,
            "state": snapshot.state.value,
            "started": snapshot.started,
            "certificate": _dump(snapshot.certificate),
            "ingresses": json.dumps([json.loads(_dump(item)) for item in snapshot.ingresses]),
            "twins": json.dumps(list(snapshot.twins)),
            "removed": json.dumps(list(snapshot.removed)),
        },
    }


def _dump(saved: Saved) -> str:
    return json.dumps({"manifest": saved.manifest, "manager": saved.manager, "proxy": saved.proxy}, sort_keys=True)


def from_config_map(obj: Mapping[str, Any]) -> Snapshot:
    """The snapshot that is stored.

    Raises:
        HubError: E-CERT-54 when it was not written by us or cannot be read.
    """
    metadata, data = obj.get("metadata") or {}, obj.get("data") or {}
    name = f"{metadata.get('namespace')}/{metadata.get('name')}"
    try:
        if LABEL not in (metadata.get("labels") or {}):
            raise ValueError("it was not made by this collection")
        if parse_time(data["started"]) is None:
            raise ValueError("it does not say when it was made")
        return Snapshot(
            namespace=str(metadata["namespace"]),
            name=str(data["name"]),
            uid=str(data["uid"]),
            state=State(data["state"]),
            started=str(data["started"]),
            certificate=Saved(**json.loads(data["certificate"])),
            ingresses=tuple(Saved(**item) for item in json.loads(data["ingresses"])),
            twins=tuple(json.loads(data["twins"])),
            removed=tuple(json.loads(data["removed"])),
        )
    except (KeyError, TypeError, ValueError) as problem:
        reason = f"{problem.args[0]} is missing" if isinstance(problem, KeyError) else str(problem)
        raise HubError(
            "E-CERT-54",
            f"ConfigMap {name}, the record of an earlier reprovisioning, cannot be used: {reason}",
            "make certificate and Ingress right by hand, delete this ConfigMap, then run again",
        ) from problem


def recent(snapshots: Iterable[Snapshot], certificate: Certificate, now: datetime) -> Snapshot | None:
    """A reprovisioning of the same name, or of one of its domains, in the last 24 hours."""
    for one in snapshots:
        started = parse_time(one.started)
        same = one.name == certificate.name or bool(set(one.domains) & set(certificate.domains))
        # This very certificate is still the one that run began with: it is being finished, not repeated.
        unfinished = one.state in UNFINISHED and one.uid == certificate.uid
        if same and not unfinished and one.state in ACTED and started is not None and now - started < RECENT:
            return one
    return None


def too_soon(earlier: Snapshot) -> HubError:
    """The error about a second recreation within 24 hours."""
    return HubError(
        "E-CERT-07",
        f"Certificate {earlier.name} was recreated at {earlier.started}, and once in 24 hours is enough: "
        "every try counts against the authority's limits",
        "wait; if its cause was cured since then, run again with force: true (-e gke_iap_certificate_force=true)",
    )


def made_anew(stored: Mapping[str, Any] | None, now: datetime) -> tuple[str, ...]:
    """Ingresses that a recreation of the last 24 hours made anew; a run that was killed after that told nobody.

    Args:
        stored: its record, None where there is none.
        now: the present.
    """
    record = from_config_map(stored) if stored else None
    if record is None or record.state is not State.RECREATED:
        return ()
    started = parse_time(record.started)
    return record.removed if started is not None and now - started < RECENT else ()


def locked_out(ingresses: Iterable[str]) -> list[str]:
    """What to say about Ingresses that were made anew: access policy and audience went with their old backends."""
    return [
        f"Ingress {name} was made anew, and its backend services with it: nobody gets through Identity-Aware Proxy to "
        "the hub until the playbook researchops.jupyterhub.gke_iap has run after that, without --tags"
        for name in ingresses
    ]


@dataclass(frozen=True)
class World:
    """What is there now of everything a snapshot speaks about.

    Attributes:
        certificate: the live ManagedCertificate.
        ingresses: by name, the live Ingresses.
        twins: compute certificates of the snapshot that still exist.
        holding: Ingresses whose target proxy still names one of them.
        active: whether the certificate that is to go has become Active after all.
    """

    certificate: Json | None = None
    ingresses: Mapping[str, Json] = field(default_factory=dict)
    twins: frozenset[str] = frozenset()
    holding: frozenset[str] = frozenset()
    active: bool = False


class Kind(Enum):
    """What a move does."""

    RECORD = "record"
    DETACH = "detach"
    DELETE_CERTIFICATE = "delete certificate"
    DELETE_INGRESS = "delete ingress"
    CREATE_CERTIFICATE = "create certificate"
    CREATE_INGRESS = "create ingress"
    ATTACH = "attach"
    HAND_BACK = "hand back"
    PAUSE = "pause"
    DONE = "done"


@dataclass(frozen=True)
class Move:
    """The one thing to do now.

    Attributes:
        kind: what.
        name: the object, where there may be several.
        reason: what is awaited, for a pause.
        snapshot: what is recorded, for a record.
    """

    kind: Kind
    name: str = ""
    reason: str = ""
    snapshot: Snapshot | None = None


def is_old(snapshot: Snapshot, certificate: Mapping[str, Any] | None) -> bool:
    """Whether the live certificate is the one that is to go."""
    return certificate is not None and parse_certificate(certificate).uid == snapshot.uid


def undecided(snapshot: Snapshot, world: World) -> bool:
    """Whether the old certificate is still whole, so that going on is still a decision."""
    return is_old(snapshot, world.certificate) and not parse_certificate(world.certificate or {}).deleting


def next_move(snapshot: Snapshot, world: World, overdue: bool = False) -> Move:
    """What to do now, from nothing but the snapshot and the world.

    Args:
        snapshot: what was and is wanted again.
        world: what is.
        overdue: whether the load balancer has had its time to let go of the old certificate.

    Raises:
        HubError: E-CERT-50 where an Ingress would have to be deleted and must not, E-CERT-51 for foreign changes.
    """
    if snapshot.state is State.RESTORING and not undecided(snapshot, world):
        # Another run had decided to delete it before this one decided to give it back.
        return _record(snapshot, state=State.RECREATING)
    if snapshot.state is State.RESTORING:
        return _attach(snapshot, world) or _record(snapshot, state=State.KEPT)
    if snapshot.state not in UNFINISHED:
        return Move(Kind.DONE)
    if is_old(snapshot, world.certificate):
        return _remove(snapshot, world)
    if world.twins:
        return _outlast(snapshot, world, overdue)
    return _make(snapshot, world) or _attach(snapshot, world) or _record(snapshot, state=State.RECREATED)


def reopened(snapshot: Snapshot, world: World) -> Snapshot | None:
    """A finished record as an unfinished one, where the world is not as it says; None where it is.

    For a run that has just taken something away: another run finished while that write was on its way.
    """
    doors = {name: parse_door(live) for name, live in world.ingresses.items()}
    loose = any(snapshot.name not in door.attached for door in doors.values())
    if undecided(snapshot, world):
        return replace(snapshot, state=State.RESTORING) if loose else None
    there = world.certificate is not None and not parse_certificate(world.certificate).deleting
    back = all(name in doors and not doors[name].deleting for name in snapshot.removed)
    return None if there and back and not loose else replace(snapshot, state=State.RECREATING)


def _record(snapshot: Snapshot, **changes: Any) -> Move:
    return Move(Kind.RECORD, snapshot=replace(snapshot, **changes))


def _remove(snapshot: Snapshot, world: World) -> Move:
    """Take the old certificate away, unless it has become Active."""
    certificate = parse_certificate(world.certificate or {})
    if certificate.deleting:
        return Move(Kind.PAUSE, reason=f"ManagedCertificate {snapshot.name} is being deleted")
    if world.active:
        return _record(snapshot, state=State.RESTORING)
    if certificate.twin and certificate.twin not in snapshot.twins:
        return _record(snapshot, twins=(*snapshot.twins, certificate.twin))
    for saved in snapshot.ingresses:
        live = world.ingresses.get(saved.name)
        if live is not None and snapshot.name in parse_door(live).attached:
            return Move(Kind.DETACH, saved.name)
    return Move(Kind.DELETE_CERTIFICATE, snapshot.name)


def _outlast(snapshot: Snapshot, world: World, overdue: bool) -> Move:
    """Wait until compute has let the old certificate go; only a proxy that clings to it costs the Ingress."""
    twins = ", ".join(sorted(world.twins))
    for saved in snapshot.ingresses:
        live = world.ingresses.get(saved.name)
        if live is None or saved.name not in world.holding or not overdue:
            continue
        door = parse_door(live)
        if door.deleting:
            return Move(Kind.PAUSE, reason=f"Ingress {saved.name} is being deleted")
        _refuse_deletion(snapshot, door, twins)
        if saved.name not in snapshot.removed:
            return _record(snapshot, removed=(*snapshot.removed, saved.name))
        return Move(Kind.DELETE_INGRESS, saved.name)
    return Move(Kind.PAUSE, reason=f"compute certificate {twins} still exists")


def _refuse_deletion(snapshot: Snapshot, door: Door, twins: str) -> None:
    others = [name for name in door.attached if name != snapshot.name] + [*door.pre_shared, *door.tls]
    why = f"it also serves {', '.join(others)}" if others else ""
    if not door.static_address:
        why = "it has no reserved address and would get another one"
    if why:
        raise HubError(
            "E-CERT-50",
            f"Target proxy {door.proxy} still uses {twins}, and Ingress {door.name} cannot be recreated: {why}",
            f"take {twins} off the target proxy by hand (gcloud compute target-https-proxies update), then run again",
            changed=Changed.SOME,
        )


def _make(snapshot: Snapshot, world: World) -> Move | None:
    """What has to exist again."""
    for name, live in sorted(world.ingresses.items()):
        if parse_door(live).deleting:
            return Move(Kind.PAUSE, reason=f"Ingress {name} is being deleted")
    if world.certificate is None:
        return Move(Kind.CREATE_CERTIFICATE, snapshot.name)
    live_domains = parse_certificate(world.certificate).domains
    if set(live_domains) != set(snapshot.domains):
        raise _foreign(snapshot, f"ManagedCertificate {snapshot.name} was made for {', '.join(live_domains)}")
    for saved in snapshot.ingresses:
        if saved.name not in world.ingresses:
            if saved.name not in snapshot.removed:
                raise _foreign(snapshot, f"Ingress {saved.name} was deleted")
            return Move(Kind.CREATE_INGRESS, saved.name)
    return None


def _foreign(snapshot: Snapshot, what: str) -> HubError:
    return HubError(
        "E-CERT-51",
        f"{what} by somebody else while certificate {snapshot.name} was being recreated",
        f"make both right, delete ConfigMap {snapshot_name(snapshot.name)}, then run again",
        changed=Changed.SOME,
    )


def _attach(snapshot: Snapshot, world: World) -> Move | None:
    for saved in snapshot.ingresses:
        live = world.ingresses.get(saved.name)
        if live is None:
            continue
        if snapshot.name not in parse_door(live).attached:
            return Move(Kind.ATTACH, saved.name)
        if handed_back(live) is not None:
            return Move(Kind.HAND_BACK, saved.name)
    return None


def handed_back(live: Mapping[str, Any]) -> list[Json] | None:
    """The field managers of an Ingress without us; None where there is nothing to hand back.

    A field that we patched would be ours, and the next server-side apply (Helm 4) could not change it. Where nobody
    applies, ownership means nothing.
    """
    entries = (live.get("metadata") or {}).get("managedFields") or []
    rest = [entry for entry in entries if (entry.get("manager"), entry.get("operation")) != (OURS, "Update")]
    applied = any(entry.get("operation") == "Apply" for entry in rest)
    return rest if applied and len(rest) < len(entries) else None


def detached_value(current: str, name: str) -> str | None:
    """The annotation without this certificate; None removes it."""
    return ",".join(other for other in names_in(current) if other != name) or None


def attached_value(current: str, before: str, name: str) -> str:
    """The annotation with this certificate again: to the letter as before, unless others came or went meanwhile."""
    now = names_in(current)
    if now == tuple(other for other in names_in(before) if other != name):
        return before
    return ",".join((*now, name))


def annotation(obj: Mapping[str, Any]) -> str:
    """The attachment annotation of an Ingress or of its manifest."""
    return str(((obj.get("metadata") or {}).get("annotations") or {}).get(ATTACHED, ""))


def patch_of(move: Move, snapshot: Snapshot, live: Mapping[str, Any]) -> Json:
    """The merge patch of a detaching, attaching or handing back move, guarded against a race."""
    metadata: Json = {"resourceVersion": live["metadata"].get("resourceVersion")}
    if move.kind is Kind.HAND_BACK:
        return {"metadata": metadata | {"managedFields": handed_back(live)}}
    value: str | None = detached_value(annotation(live), snapshot.name)
    if move.kind is Kind.ATTACH:
        before = annotation(snapshot.saved(move.name).manifest)
        value = attached_value(annotation(live), before, snapshot.name)
    return {"metadata": metadata | {"annotations": {ATTACHED: value}}}


def step_of(move: Move, snapshot: Snapshot, world: World) -> Step | None:
    """A move as a line of the plan; None for what changes nothing that people wrote."""
    if move.kind in (Kind.DELETE_CERTIFICATE, Kind.CREATE_CERTIFICATE):
        return Step(move.kind.value.partition(" ")[0], f"ManagedCertificate/{snapshot.name}")
    if move.kind in (Kind.DELETE_INGRESS, Kind.CREATE_INGRESS):
        return Step(move.kind.value.partition(" ")[0], f"Ingress/{move.name}")
    if move.kind in (Kind.DETACH, Kind.ATTACH):
        live = world.ingresses[move.name]
        after = patch_of(move, snapshot, live)["metadata"]["annotations"][ATTACHED]
        return Step("update", f"Ingress/{move.name}", {ATTACHED: (annotation(live) or None, after)})
    return None


def foretell(snapshot: Snapshot, world: World) -> tuple[Step, ...]:
    """The steps from here to the end in a world whose controllers do at once what they are asked for."""
    steps: list[Step] = []
    while True:
        move = next_move(snapshot, world)
        if move.kind is Kind.DONE:
            return tuple(steps)
        step = step_of(move, snapshot, world)
        steps += [step] if step else []
        snapshot, world = move.snapshot or snapshot, _after(move, snapshot, world)


def _after(move: Move, snapshot: Snapshot, world: World) -> World:
    """The world when a move and everything that follows from it are done."""
    if move.kind is Kind.DELETE_CERTIFICATE:
        return replace(world, certificate=None, twins=frozenset(), holding=frozenset())
    if move.kind is Kind.CREATE_CERTIFICATE:
        return replace(world, certificate=snapshot.certificate.manifest)
    if move.kind is Kind.CREATE_INGRESS:
        return replace(world, ingresses={**world.ingresses, move.name: snapshot.saved(move.name).manifest})
    if move.kind in (Kind.DETACH, Kind.ATTACH, Kind.HAND_BACK):
        live = copy.deepcopy(world.ingresses[move.name])
        patched = patch_of(move, snapshot, live)["metadata"]
        live["metadata"].update({key: value for key, value in patched.items() if key == "managedFields"})
        if "annotations" in patched:
            live["metadata"].setdefault("annotations", {})[ATTACHED] = patched["annotations"][ATTACHED] or ""
        return replace(world, ingresses={**world.ingresses, move.name: live})
    if move.kind is Kind.PAUSE:
        ended = {name: live for name, live in world.ingresses.items() if not parse_door(live).deleting}
        gone = is_old(snapshot, world.certificate)
        return replace(
            world,
            certificate=None if gone else world.certificate,
            ingresses=ended,
            twins=frozenset(),
            holding=frozenset(),
        )
    return world
