# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The recreation of a managed certificate against a cluster: decide, rehearse, record, move by move, wait."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .._core.clock import Clock, parse_time
from .._core.errors import Changed, HubError
from .._core.plan import Step
from .._core.poll import State as WaitState
from .._core.poll import Verdict, wait
from .._core.progress import Reporter
from .._k8s.client import APPLY_PATCH, api_error
from .._k8s.patience import passing
from .certificate_api import ClusterSide, Compute, Examiner, Judged, wait_active
from .certificate_causes import refusal
from .certificates import (
    ATTACHED,
    COMPUTE_ACTIVE,
    Action,
    Certificate,
    parse_certificate,
    parse_door,
)
from .reprovision import (
    LABEL,
    UNFINISHED,
    Kind,
    Move,
    Saved,
    Snapshot,
    State,
    World,
    annotation,
    detached_value,
    foretell,
    from_config_map,
    is_old,
    locked_out,
    made_anew,
    next_move,
    patch_of,
    recent,
    reopened,
    snapshot_name,
    step_of,
    take,
    to_config_map,
    too_soon,
    undecided,
)

Json = dict[str, Any]

CONFIRM_AFTER = 0.3
"""Seconds between the two looks that have to agree before anything is deleted."""
GRACE = 180.0
"""Seconds the load balancer gets to let go of a certificate before its Ingress is recreated; usual are up to 120."""
INTERVAL = 5.0
"""Seconds between two looks while a controller works."""
MAX_TROUBLE = 12
"""Passing refusals in a row after which a run gives up."""
MAX_MOVES = 60
"""Moves after which it is clear that somebody undoes them."""
LONGEST_PAUSE = 20.0
BY_THE_RECORD = frozenset({"E-CERT-50", "E-CERT-51"})
"""Errors about what a recorded recreation meets: they hold unless the record they were judged by is an old one."""
TAKING = frozenset({Kind.DETACH, Kind.DELETE_CERTIFICATE, Kind.DELETE_INGRESS})
"""Moves that take something away."""
LAST_WORDS = frozenset({"E-CERT-52", "E-CERT-54", "E-CERT-55"})
"""Errors that another run at work does not explain away."""


@dataclass(frozen=True)
class Wish:
    """What the caller wants.

    Attributes:
        name: the certificate.
        force: recreate although that was done within 24 hours.
        dry: change nothing.
        wait: wait until the certificate is Active.
        timeout: seconds for everything.
    """

    name: str
    force: bool = False
    dry: bool = False
    wait: bool = True
    timeout: float = 3600


@dataclass
class Done:
    """What a run did.

    Attributes:
        action: ``none``, ``wait``, ``reprovision`` or ``resume``.
        reason: why.
        steps: what was (in check mode would be) changed, in order.
        certificate: the certificate at the end.
        ingresses: Ingresses that had to be recreated, by this run or by one of the last 24 hours.
    """

    action: str
    reason: str
    certificate: Certificate
    steps: list[Step] = field(default_factory=list)
    ingresses: tuple[str, ...] = ()


class Reprovisioner:
    """One run for one certificate."""

    def __init__(
        self,
        examiner: Examiner,
        compute: Compute,
        wish: Wish,
        *,
        clock: Clock,
        reporter: Reporter,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._examiner = examiner
        self._cluster: ClusterSide = examiner.cluster
        self._compute = compute
        self._wish = wish
        self._clock = clock
        self._server_time = self._cluster.client.server_time
        self._reporter = reporter
        self._jitter = jitter
        self._steps: list[Step] = []
        self._stored: Json | None = None
        self._moves = self._trouble = 0
        self._took = False
        self._letting_go: float | None = None
        self._end = clock.monotonic() + wish.timeout
        self._acts: dict[Kind, Callable[[Move, Snapshot, World], None]] = {
            Kind.RECORD: self._do_record,
            Kind.DETACH: self._do_patch,
            Kind.ATTACH: self._do_patch,
            Kind.HAND_BACK: self._do_patch,
            Kind.DELETE_CERTIFICATE: self._do_delete_certificate,
            Kind.DELETE_INGRESS: self._do_delete_ingress,
            Kind.CREATE_CERTIFICATE: self._do_create_certificate,
            Kind.CREATE_INGRESS: self._do_create_ingress,
        }

    # ---- the run

    def run(self) -> Done:
        """Do what is needed, and nothing to a healthy certificate.

        Raises:
            HubError: what a person has to do, or what the servers refused; running again continues.
        """
        while True:
            try:
                return self._run()
            except HubError as problem:
                if self._steps and problem.changed is Changed.NOTHING and not self._wish.dry:
                    problem.changed = Changed.SOME
                # Somebody else was quicker, or the server is busy: what is right now is decided anew.
                away = problem.error_id == "E-K8S-02" and problem.changed is Changed.NOTHING
                if away or not self._bear(problem):
                    raise

    def _bear(self, problem: HubError) -> bool:
        """Let a passing refusal pass; False for one that will not, or after too many in a row."""
        if self._trouble >= MAX_TROUBLE or self._left() <= 0:
            return False
        if not (passing(problem) or _vanished(problem) or self._overtaken(problem)):
            return False
        self._trouble += 1
        self._clock.sleep(self._jitter() * min(LONGEST_PAUSE, 0.25 * 2**self._trouble))
        return True

    def _overtaken(self, problem: HubError) -> bool:
        """Whether another run has moved on since we looked, so that what we judged is not what is there.

        A certificate that is missing, on its way out or detached, and an Ingress that is gone, are normal while a
        recreation is recorded as unfinished: whoever comes next goes on from the record.
        """
        if not problem.error_id.startswith("E-CERT-") or problem.error_id in LAST_WORDS:
            return False
        seen = _version(self._stored)
        try:
            record = self._own()
            if _version(self._stored) != seen:
                return True
            certificate = self._cluster.certificate(self._wish.name)
        except HubError as unclear:
            return passing(unclear)
        if problem.error_id in BY_THE_RECORD:
            return False
        if problem.error_id == "E-CERT-01" and certificate is not None:
            return True
        return record is not None and record.state in UNFINISHED and not undecided(record, World(certificate))

    def _run(self) -> Done:
        unfinished, given_back = self._unfinished(), None
        if unfinished is not None:
            world = self._world(unfinished)
            if not undecided(unfinished, world):
                return self._finish(unfinished, world, "resume", "an earlier run was interrupted")
            if unfinished.state is State.RESTORING:
                self._converge(unfinished, world)
                # In check mode nothing was given back; what follows has to look as if it were.
                unfinished, given_back = None, unfinished if self._wish.dry else None
        judged = self._judge(unfinished or given_back)
        decision = judged.decision
        if decision.action is Action.REPROVISION and unfinished is not None:
            return self._finish(unfinished, self._world(unfinished), "resume", decision.reason)
        if decision.action is Action.REPROVISION:
            return self._begin(judged, given_back)
        if unfinished is not None and not self._restore(unfinished):
            return self._run()
        anew = made_anew(self._stored, self._server_time.now())
        if decision.action is Action.NONE:
            return Done("none", decision.reason, self._latest(judged.certificate), self._steps, anew)
        if decision.action is Action.WAIT:
            return self._await(Done("wait", decision.reason, judged.certificate, self._steps, anew))
        raise refusal(decision, judged.causes)

    def _unfinished(self) -> Snapshot | None:
        """The record of a recreation that somebody has to finish."""
        record = self._own()
        return record if record is not None and record.state in UNFINISHED else None

    def _latest(self, certificate: Certificate) -> Certificate:
        """An Active certificate as it is now: compute, which is asked later, may have told it first."""
        if certificate.status == "Active":
            return certificate
        return parse_certificate(self._cluster.certificates(certificate.name)[0])

    def _judge(self, taken_off: Snapshot | None) -> Judged:
        """Judge the certificate; two looks must agree, and the public see the same, before anything is deleted.

        Args:
            taken_off: the record by which an earlier run took the certificate off its Ingresses.
        """
        judged = self._examine(taken_off)
        for warning in self._server_time.warnings():
            self._reporter.say(warning)
        if judged.decision.action is Action.REPROVISION:
            self._clock.sleep(CONFIRM_AFTER)
            judged = self._examine(taken_off)
        if judged.decision.action is Action.REPROVISION:
            judged = self._examiner.doubted(judged)
        return judged

    def _examine(self, taken_off: Snapshot | None) -> Judged:
        (obj,) = self._cluster.certificates(self._wish.name)
        ingresses = [_as_before(ingress, taken_off) for ingress in self._cluster.ingresses()]
        return self._examiner.examine(obj, ingresses, self._server_time.now(), detached=taken_off is not None)

    def _begin(self, judged: Judged, given_back: Snapshot | None) -> Done:
        """Rehearse every write, record what will be deleted, then go; from the start where the world has changed."""
        (certificate,) = self._cluster.certificates(self._wish.name)
        ingresses = [_as_before(one, given_back) for one in self._cluster.ingresses()]
        ingresses = [one for one in ingresses if self._wish.name in parse_door(one).attached]
        if parse_certificate(certificate) != judged.certificate:
            return self._run()
        snapshot = take(certificate, ingresses, self._server_time.now())
        rehearsed = self._rehearse(snapshot, ingresses)
        if self._done_by_others(judged.certificate, rehearsed):
            return self._run()
        snapshot = replace(snapshot, started=rehearsed.isoformat(timespec="seconds"))
        self._record(snapshot)
        return self._finish(snapshot, self._world_before(snapshot, given_back), "reprovision", judged.decision.reason)

    def _done_by_others(self, judged: Certificate, now: datetime) -> bool:
        """Whether somebody else has recreated this certificate since it was judged.

        Raises:
            HubError: E-CERT-07 when it was recreated within the last 24 hours before that.
        """
        last_time = None if self._wish.force else recent(self._snapshots(), judged, now)
        if last_time is None:
            return False
        if parse_certificate(self._cluster.certificates(judged.name)[0]) == judged:
            raise too_soon(last_time)
        return True

    def _record(self, snapshot: Snapshot) -> None:
        """Keep the snapshot in the cluster; nothing is deleted before that."""
        step = Step("update" if self._stored else "create", f"ConfigMap/{snapshot_name(snapshot.name)}")
        if not self._wish.dry:
            self._store(snapshot)
        self._note(step)

    def _world_before(self, snapshot: Snapshot, given_back: Snapshot | None) -> World:
        """The world a recreation begins in; in check mode as it would be after the certificate was given back."""
        world = self._world(snapshot)
        return replace(world, ingresses={key: _as_before(one, given_back) for key, one in world.ingresses.items()})

    def _finish(self, record: Snapshot, world: World, action: str, reason: str) -> Done:
        """Bring a recorded recreation to its end."""
        self._reporter.say(f"certificate {record.name}: {reason}; recreating it")
        self._converge(record, world)
        if self._wish.dry:
            return Done(action, reason, parse_certificate(record.certificate.manifest), self._steps)
        last = self._own() or record
        if last.state is not State.RECREATED:  # it became Active before it was deleted, or another run gave it back
            return self._run()
        live = parse_certificate(self._cluster.certificates(self._wish.name)[0])
        return self._await(Done(action, reason, live, self._steps, last.removed))

    def _restore(self, record: Snapshot) -> bool:
        """Give the certificate back to its Ingresses: what an earlier run began is not going to be finished.

        False where another run deleted the certificate in the same moment: then it was recreated in place of that.
        """
        restoring = replace(record, state=State.RESTORING)
        if not self._wish.dry:
            self._store(restoring)
        self._converge(restoring, self._world(restoring))
        return self._wish.dry or (self._own() or restoring).state is not State.RECREATED

    def _await(self, done: Done) -> Done:
        if self._wish.dry or not self._wish.wait or done.certificate.status == "Active":
            return done
        ended = wait_active(self._cluster, self._wish.name, timeout=self._left(), reporter=self._reporter)
        if not ended.done:
            raise self._not_active(ended.verdict.reason, ended.seconds, done.ingresses)
        return replace(done, certificate=parse_certificate(ended.observation or {}))

    # ---- moves

    def _converge(self, record: Snapshot, world: World) -> None:
        """Move until nothing is left to do; in check mode foretell it."""
        if self._wish.dry:
            self._steps += foretell(record, world)
            return
        ended = wait(
            f"certificate {record.name}",
            self._advance,
            _judge_move,
            timeout=self._left(),
            interval=INTERVAL,
            reporter=self._reporter,
        )
        if not ended.done:
            raise self._late(ended.verdict.reason)

    def _left(self) -> float:
        return max(0.0, self._end - self._clock.monotonic())

    def _advance(self) -> Move:
        """Moves until one has to be waited for."""
        while True:
            try:
                record = self._own()
                if record is None:
                    raise self._lost()
                overdue = self._overdue()
                world = self._world(record, proxies=overdue)
                self._mind(record, world)
                move = next_move(record, world, overdue)
                if move.kind is Kind.DONE and self._took and (again := reopened(record, world)) is not None:
                    move = Move(Kind.RECORD, snapshot=again)
                if move.kind in (Kind.PAUSE, Kind.DONE):
                    self._trouble = 0
                    return move
                self._count()
                self._do(move, record, world)
                self._trouble = 0
            except HubError as problem:
                if not self._bear(problem):
                    raise

    def _count(self) -> None:
        self._moves += 1
        if self._moves > MAX_MOVES:
            raise HubError(
                "E-CERT-51",
                f"Certificate {self._wish.name} and its Ingress do not settle: somebody else undoes every change",
                "stop what else manages them (a GitOps controller, a second run), then run again",
            )

    def _do(self, move: Move, record: Snapshot, world: World) -> None:
        step = step_of(move, record, world)
        if step is not None and (not self._steps or self._steps[-1] != step):
            self._note(step)
        self._took = self._took or move.kind in TAKING
        self._acts[move.kind](move, record, world)

    def _do_record(self, move: Move, record: Snapshot, _world: World) -> None:
        self._store(move.snapshot or record)

    def _do_patch(self, move: Move, record: Snapshot, world: World) -> None:
        self._cluster.client.merge(self._ingress_path(move.name), patch_of(move, record, world.ingresses[move.name]))

    def _do_delete_certificate(self, _move: Move, _record: Snapshot, world: World) -> None:
        self._delete(self._certificate_path(), world.certificate or {})

    def _do_delete_ingress(self, move: Move, record: Snapshot, world: World) -> None:
        self._create(record.saved(move.name), self._cluster.ingresses_path, rehearsal=True)
        self._delete(self._ingress_path(move.name), world.ingresses[move.name])

    def _do_create_certificate(self, _move: Move, record: Snapshot, _world: World) -> None:
        self._create(record.certificate, self._cluster.certificates_path)

    def _do_create_ingress(self, move: Move, record: Snapshot, _world: World) -> None:
        self._create(record.saved(move.name), self._cluster.ingresses_path)

    def _note(self, step: Step) -> None:
        self._steps.append(step)
        if not self._wish.dry:
            self._reporter.say(f"certificate {self._wish.name}: {step.verb} {step.target}")

    def _delete(self, path: str, live: Json) -> None:
        """Delete exactly this object, and only as it was when we looked."""
        conditions = {key: live["metadata"].get(key) for key in ("uid", "resourceVersion")}
        self._cluster.client.delete(
            path, body={"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions}
        )

    def _create(self, saved: Saved, collection: str, *, rehearsal: bool = False) -> Json:
        """Make an object again under its old owner; a rehearsal asks the server for its opinion under another name."""
        client, manifest = self._cluster.client, saved.manifest
        if rehearsal:
            name = f"{saved.name[:50].rstrip('.-')}-rehearsal"
            manifest = {**manifest, "metadata": {**manifest["metadata"], "name": name}}
        if not saved.manager:
            return client.create(collection, manifest, dry_run=rehearsal)
        path = f"{collection}/{manifest['metadata']['name']}"
        query = {"fieldManager": saved.manager, "force": "false"} | ({"dryRun": "All"} if rehearsal else {})
        reply = client.request("PATCH", path, query, manifest, content_type=APPLY_PATCH)
        if reply.status >= 300:
            raise api_error(reply, "PATCH", path, client.server)
        return reply.body

    def _rehearse(self, snapshot: Snapshot, ingresses: Sequence[Json]) -> datetime:
        """Let the server say what it thinks of every write, without one; returns the server's time.

        Raises:
            HubError: what would have stopped us half way.
        """
        client = self._cluster.client
        for ingress in ingresses:
            metadata = {"annotations": {ATTACHED: detached_value(annotation(ingress), snapshot.name)}}
            client.merge(self._ingress_path(ingress["metadata"]["name"]), {"metadata": metadata}, dry_run=True)
        client.delete(self._certificate_path(), dry_run=True)
        made = self._create(snapshot.certificate, self._cluster.certificates_path, rehearsal=True)
        return parse_time((made.get("metadata") or {}).get("creationTimestamp")) or self._server_time.now()

    # ---- looking

    def _world(self, record: Snapshot, *, proxies: bool = False) -> World:
        # In this order: an Ingress that names the old certificate, seen before that one was seen whole, cannot be one
        # that another run has finished, and its version guards the write. The other way round it could. But beside the
        # new certificate, made by another run since, an Ingress that was seen with the old one tells nothing.
        ingresses = self._ingresses(record)
        certificate = self._cluster.certificate(record.name)
        if certificate is not None and not is_old(record, certificate):
            ingresses = self._ingresses(record)
        twins = {name: twin for name in record.twins if (twin := self._compute.twin(name)) is not None}
        old = is_old(record, certificate)
        active = old and parse_certificate(certificate or {}).status == "Active"
        active = active or any(old and twin.status == COMPUTE_ACTIVE for twin in twins.values())
        holding = self._holding(record, ingresses, frozenset(twins)) if proxies and twins and not old else frozenset()
        return World(certificate, ingresses, frozenset(twins), holding, active)

    def _ingresses(self, record: Snapshot) -> dict[str, Json]:
        live = {item.name: self._cluster.client.get(self._ingress_path(item.name)) for item in record.ingresses}
        return {name: obj for name, obj in live.items() if obj is not None}

    def _holding(self, record: Snapshot, ingresses: dict[str, Json], twins: frozenset[str]) -> frozenset[str]:
        found = set()
        for name, obj in ingresses.items():
            proxy_name = parse_door(obj).proxy or record.saved(name).proxy
            proxy = self._compute.proxy(proxy_name) if proxy_name else None
            if proxy is not None and twins & set(proxy.certificates):
                found.add(name)
        return frozenset(found)

    def _mind(self, record: Snapshot, world: World) -> None:
        """Note since when the load balancer has been asked to let go."""
        if not world.twins or is_old(record, world.certificate):
            self._letting_go = None
        elif self._letting_go is None:
            self._letting_go = self._clock.monotonic()

    def _overdue(self) -> bool:
        """Whether the load balancer has had its time."""
        return self._letting_go is not None and self._clock.monotonic() - self._letting_go >= GRACE

    # ---- the record

    def _own(self) -> Snapshot | None:
        self._stored = self._cluster.client.get(f"{self._config_maps()}/{snapshot_name(self._wish.name)}")
        return None if self._stored is None else from_config_map(self._stored)

    def _snapshots(self) -> list[Snapshot]:
        found = []
        for obj in self._cluster.client.list(self._config_maps(), {"labelSelector": f"{LABEL}=managed-certificate"}):
            try:
                found.append(from_config_map(obj))
            except HubError:  # the record of another certificate; our own one is read by name
                continue
        return found

    def _store(self, snapshot: Snapshot) -> None:
        """Write the record; the first write makes it, a later one must build on what was read."""
        body = to_config_map(snapshot)
        if self._stored is None:
            self._stored = self._cluster.client.create(self._config_maps(), body)
            return
        body["metadata"]["resourceVersion"] = self._stored["metadata"].get("resourceVersion")
        self._stored = self._cluster.client.merge(f"{self._config_maps()}/{body['metadata']['name']}", body)

    def _config_maps(self) -> str:
        return f"/api/v1/namespaces/{self._cluster.namespace}/configmaps"

    def _certificate_path(self) -> str:
        return f"{self._cluster.certificates_path}/{self._wish.name}"

    def _ingress_path(self, name: str) -> str:
        return f"{self._cluster.ingresses_path}/{name}"

    # ---- errors

    def _late(self, seen: str) -> HubError:
        return HubError(
            "E-CERT-52",
            f"Certificate {self._wish.name} could not be recreated in {self._wish.timeout:.0f} s",
            "look at the target proxy and the events of the Ingress, then run again: it goes on from here",
            seen=seen,
            changed=Changed.SOME,
        )

    def _lost(self) -> HubError:
        return HubError(
            "E-CERT-54",
            f"ConfigMap {snapshot_name(self._wish.name)}, the record of this reprovisioning, has vanished",
            "make certificate and Ingress right by hand, then run again",
            changed=Changed.SOME,
        )

    def _not_active(self, seen: str, seconds: float, ingresses: tuple[str, ...]) -> HubError:
        """Why it did not become Active: what the diagnosis says now."""
        judged = self._examine(None)
        do = "run managed_certificate_info for the diagnosis; Google goes on trying, so running again later may do"
        if judged.causes:
            do = judged.causes[0].do
        what = f"Certificate {self._wish.name} is not Active after {seconds:.0f} s"
        if judged.causes:
            what += f": {judged.causes[0].what}"
        what = ". ".join((what, *locked_out(ingresses)))
        return HubError(
            "E-CERT-55",
            what,
            do,
            seen=seen,
            wanted="Active",
            details={"causes": [cause.as_dict() for cause in judged.causes]},
        )


def _as_before(ingress: Json, record: Snapshot | None) -> Json:
    """A live Ingress with the annotation it had before an earlier run took the certificate off."""
    name = ingress["metadata"]["name"]
    saved = next((item for item in record.ingresses if item.name == name), None) if record else None
    if saved is None:
        return ingress
    notes = {**(ingress["metadata"].get("annotations") or {}), ATTACHED: annotation(saved.manifest)}
    return {**ingress, "metadata": {**ingress["metadata"], "annotations": notes}}


def _version(stored: Json | None) -> str:
    """Which state of the record this is; empty where there is none."""
    return str(stored["metadata"].get("resourceVersion")) if stored else ""


def _vanished(problem: HubError) -> bool:
    """Whether something that was there a moment ago is not any more; what to do now is to be looked up."""
    return problem.error_id == "E-K8S-08" and problem.details.get("status") == 404


def _judge_move(move: Move) -> Verdict:
    return Verdict(WaitState.DONE if move.kind is Kind.DONE else WaitState.PENDING, move.reason)
