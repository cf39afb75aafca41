# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""One Helm release from what it is to what it should be.

The order is the whole idea: look (one read, and mostly that is all), decide what to do about a stuck release, render
on the server, compare with the cluster, refuse what must not happen; only then claim the release, write, wait until
it serves, and put the mark on it by which the next run knows that there is nothing to do.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from .._core.errors import Changed, HubError, writing
from .._core.plan import Plan, Step
from .._k8s.client import if_allowed
from .._k8s.cluster import STORAGE_CLASSES
from .._k8s.objects import identity
from . import guards, pending, release_plan
from .chart import Kind, expected_digest
from .chart_files import LocalChart, chart_metadata, obtain, workspace
from .lease import Lease
from .manifest import Manifest, read_release, split_template
from .pending import Move, Stuck
from .release_inputs import Inputs, generated_name, generated_object, secrets_object
from .release_state import (
    APP_VERSION,
    CHART_LABEL,
    CHART_NAME,
    DIGEST_LABEL,
    History,
    chart_label,
    failed_patch,
    label_changes,
    proof_label,
)
from .release_tools import UNFINISHED, Tools, interruptible
from .release_wanted import Done, Wanted, as_found, load_history, load_record, secrets_path
from .rollout import Rollout
from .server_plan import ObjectPlan, Planner
from .settle import Settler
from .values import HUB_SECRETS

Json = dict[str, Any]

SHORTEST_WAIT = 5.0
"""Seconds a rollout gets even when Helm used up the time."""
RENDER_TIMEOUT = 120.0
"""Seconds for rendering: Helm only reads then."""


@dataclass
class Prepared:
    """Everything decided before the first write."""

    plan: Plan
    chart: LocalChart
    chart_name: str
    app_version: str
    manifest: Manifest
    objects: ObjectPlan
    move: Move
    facts: Stuck | None
    upgrade: bool
    missing: HubError | None


class Present:
    """``state: present``."""

    def __init__(self, wanted: Wanted, inputs: Inputs, tools: Tools) -> None:
        self._wanted = wanted
        self._inputs = inputs
        self._tools = tools
        self._client = tools.client
        self._planner = Planner(tools.client)
        self._lease = Lease(tools.client, wanted.namespace, wanted.release, tools.clock, tools.reporter)

    def run(self, history: History, check_mode: bool) -> Done:
        """Decide, and unless ``check_mode``, do.

        Args:
            history: the release as it was found.
            check_mode: only plan.

        Raises:
            HubError: whatever kept the release from being as wanted.
        """
        wanted = self._wanted
        release_plan.check_layers(history.newest, wanted.layers, wanted.drop_layers)
        with ExitStack() as stack:
            stack.enter_context(interruptible())
            history, facts, move = self._settler().settle(history, self._lease, self._history)
            scratch = stack.enter_context(workspace()) if wanted.chart.kind is not Kind.PATH else Path()
            prepared = self._prepare(history, facts, move, scratch)
            if not (check_mode and wanted.front_foretold):
                self._guard_address(guards.leaving_balancer(prepared.objects.steps))
            if prepared.missing is not None and not check_mode:
                raise prepared.missing
            done = self._report(history, prepared)
            if not check_mode and prepared.plan.changed:
                self._apply(history, prepared, done)
        return done

    def _history(self) -> History:
        return load_history(self._client, self._wanted.namespace, self._wanted.release)

    def _settler(self) -> Settler:
        wanted, tools = self._wanted, self._tools
        how = (wanted.release, wanted.policy, wanted.max_age, wanted.timeout)
        return Settler(*how, now=tools.client.server_time.now, reporter=tools.reporter)

    # ---- before the first write

    def _prepare(self, history: History, facts: Stuck | None, move: Move, scratch: Path) -> Prepared:
        wanted, inputs = self._wanted, self._inputs
        recorded = history.recorded_chart(inputs.chart_identity)
        expected = expected_digest(wanted.chart, wanted.chart_sha256, recorded)
        self._tools.helm.version()
        chart = obtain(wanted.chart, expected, self._tools.helm.pull, scratch)
        name, app = chart_metadata(chart.path, wanted.chart.version if wanted.chart.kind is Kind.PATH else "")
        old, deployed = self._deployed(history)
        new = self._render(chart.path, facts is not None)
        objects = self._planner.plan(new, old, client_side=deployed.client_side)
        self._guard(new, old, objects)
        steps = [] if facts is None else [release_plan.recovery_step(wanted.release, facts, move)]
        if wanted.create_namespace and self._namespace_missing(history):
            steps.append(Step("create", f"Namespace/{wanted.namespace}"))
        secret = self._secrets_step()
        steps += [secret] if secret is not None else []
        upgrade = facts is not None or release_plan.needs_upgrade(inputs, history, deployed, name, objects.steps)
        steps += objects.steps
        if upgrade:
            steps.append(release_plan.release_step(inputs, history, deployed, name, move))
        elif not history.proved(inputs.digest) and history.newest is not None:
            steps.append(release_plan.record_step(wanted.release, history.newest.number))
        plan = release_plan.assemble(steps, release_plan.reason_of(steps))
        missing = self._missing_secret(new, old) if upgrade else None
        return Prepared(plan, chart, name, app, new, objects, move, facts, upgrade, missing)

    def _deployed(self, history: History) -> tuple[Manifest, release_plan.Deployed]:
        record = load_record(self._client, self._wanted.namespace, history.base)
        deployed = release_plan.read_deployed(record) if record else release_plan.Deployed()
        return read_release(record), deployed

    def _render(self, chart: Path, busy: bool) -> Manifest:
        wanted, helm = self._wanted, self._tools.helm
        if busy:
            return split_template(
                helm.template(chart, self._inputs.values, RENDER_TIMEOUT), wanted.namespace, wanted.release
            )
        return read_release(helm.render(chart, self._inputs.values, RENDER_TIMEOUT))

    def _guard(self, new: Manifest, old: Manifest, objects: ObjectPlan) -> None:
        guards.check_reached(new, self._inputs.values, self._wanted.values_root)
        guards.check_database(new, old)
        claims = [item for item in objects.created if item.get("kind") == guards.CLAIM and _checked(item, objects)]
        if claims:
            if_allowed(lambda: self._guard_storage(claims))  # who may not look gets no judgement
        homes = guards.read_homes(new), guards.read_homes(old)
        if guards.homes_moved(*homes):
            path = f"/api/v1/namespaces/{self._wanted.namespace}/persistentvolumeclaims"
            found = self._client.list(path, {"labelSelector": guards.HOMES_SELECTOR}, metadata_only=True)
            guards.check_homes(*homes, [claim["metadata"]["name"] for claim in found])

    def _missing_secret(self, new: Manifest, old: Manifest) -> HubError | None:
        """Asks the cluster only where a workload that runs shall mount a Secret that it did not mount before."""
        namespace = self._wanted.namespace
        for secret, workload in guards.newly_mounted(new, old).items():
            if self._client.get(secrets_path(namespace, secret)) is None:
                return guards.nobody_made(secret, workload, namespace)
        return None

    def _guard_address(self, services: list[str]) -> None:
        """Asks the cluster only where a Service would leave its load balancer."""
        path = f"/api/v1/namespaces/{self._wanted.namespace}/services"
        if services and self._client.get(f"{path}/hub-front") is None:
            guards.check_address(self._client.get(f"{path}/{name}") for name in services)

    def _guard_storage(self, claims: list[Json]) -> None:
        """Whether anything would bind new claims."""
        classes = self._client.list(STORAGE_CLASSES, metadata_only=True)
        wanted = {claim["spec"].get("storageClassName") for claim in claims}
        if wanted - {None, "", *(item["metadata"]["name"] for item in classes)}:
            volumes = self._client.list("/api/v1/persistentvolumes")
            static = {volume["spec"].get("storageClassName") for volume in volumes}
            claims = [claim for claim in claims if claim["spec"].get("storageClassName") not in static - {None}]
        guards.check_storage(claims, classes)

    def _secrets_step(self) -> Step | None:
        """The change of the Secret that carries what no layer may hold; one that exists is emptied, not forgotten."""
        wanted = self._wanted
        path = secrets_path(wanted.namespace, HUB_SECRETS)
        live, body = self._client.get(path), secrets_object(wanted.namespace, wanted.secrets)
        if live is None:
            return release_plan.secrets_step(body, None) if wanted.secrets else None
        # Only the server knows which keys are ours: those that somebody else put there stay.
        return release_plan.secrets_step(self._client.apply(path, body, dry_run=True), live)

    def _report(self, history: History, prepared: Prepared) -> Done:
        done = as_found(history)
        done.changed = prepared.plan.changed
        done.plan = prepared.plan
        done.chart, done.app_version = prepared.chart_name, prepared.app_version
        done.hooks = [hook.as_dict() for hook in prepared.manifest.hooks]
        done.unchecked = prepared.objects.unchecked
        done.restarts = prepared.objects.restarts
        done.kept = prepared.objects.kept
        if prepared.missing is not None:  # in check mode, where an earlier task of the play may be what would make it
            done.warnings.append(f"{prepared.missing.what}. A run stops here unless it has made this Secret before")
        if (
            prepared.plan.changed
            and not self._inputs.chart_digest
            and not history.recorded_chart(self._inputs.chart_identity)
        ):
            done.warnings.append(
                f"Nobody has pinned chart {self._wanted.chart} yet: its sha256 {prepared.chart.sha256} is recorded in "
                "the release, and later runs refuse another one. Set z2jh_chart_sha256 to check it from the start."
            )
        return done

    # ---- writing

    def _apply(self, history: History, prepared: Prepared, done: Done) -> None:
        wanted, clock = self._wanted, self._tools.clock
        start = clock.monotonic()
        self._tools.reporter.say(f"plan {prepared.plan.summary()}: {prepared.plan.reason}")
        with ExitStack() as stack:
            if self._ensure_namespace(history, prepared):
                stack.enter_context(writing())
            stack.enter_context(self._lease)
            self._unchanged_since(history)
            if self._apply_secrets(prepared):
                stack.enter_context(writing())
            self._generate_secret(prepared)
            revision = self._change(history, prepared, done)
            stack.enter_context(writing())
            rest = max(SHORTEST_WAIT, wanted.timeout - (clock.monotonic() - start))
            rollout = Rollout(self._client, self._tools.reporter, self._tools.redactor)
            done.pods = rollout.wait(prepared.manifest, wanted.release, rest)
            self._record(prepared, done, revision)
        if self._lease.lost:
            done.warnings.append(f"This run lost its claim on the release on the way; now {self._lease.lost} holds it")

    def _change(self, history: History, prepared: Prepared, done: Done) -> int:
        """Let Helm do what is planned; returns the revision that is ours then."""
        try:
            with ExitStack() as stack:
                if prepared.facts is not None:
                    done.recovered = self._recover(prepared.facts, prepared.move)
                    stack.enter_context(writing())
                if prepared.upgrade:
                    return self._upgrade(history, prepared)
        except HubError as problem:
            if problem.error_id in UNFINISHED:
                self._lease.abandon()
            raise
        return history.newest.number if history.newest is not None else 0

    def _ensure_namespace(self, history: History, prepared: Prepared) -> bool:
        """Make the namespace if that is planned; without it, say so instead of a bare 404. Whether it was made."""
        namespace = self._wanted.namespace
        if any(step.target == f"Namespace/{namespace}" for step in prepared.plan.steps):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            self._client.create("/api/v1/namespaces", body)
            return True
        if self._namespace_missing(history):
            raise HubError(
                "E-HELM-16",
                f"There is no namespace {namespace}",
                "run the role hub_front first (site.yml does), or set create_namespace",
            )
        return False

    def _namespace_missing(self, history: History) -> bool:
        """Asked only where there is no release yet; who may not look is told by the next request."""
        path = f"/api/v1/namespaces/{self._wanted.namespace}"
        return not history.revisions and bool(if_allowed(lambda: self._client.get(path) is None))

    def _unchanged_since(self, planned: History) -> None:
        """Lose cleanly against somebody who wrote between our plan and our claim."""
        now = self._history()
        if [(item.number, item.version) for item in now.revisions] != [
            (item.number, item.version) for item in planned.revisions
        ]:
            newest = now.revisions[0].number if now.revisions else 0
            raise HubError(
                "E-HELM-05",
                f"Somebody else changed release {self._wanted.release} while this run planned (now revision {newest})",
                "run again: it plans from the new state",
            )

    def _apply_secrets(self, prepared: Prepared) -> bool:
        """Apply the Secret the values refer to, if that is planned; whether it was."""
        wanted = self._wanted
        if not any(step.target == f"Secret/{HUB_SECRETS}" for step in prepared.plan.steps):
            return False
        body = secrets_object(wanted.namespace, wanted.secrets)
        self._client.apply(secrets_path(wanted.namespace, HUB_SECRETS), body)
        return True

    def _generate_secret(self, prepared: Prepared) -> None:
        """The chart's own Secret before Helm makes it, or makes it anew, so that the next run plans empty."""
        wanted = self._wanted
        name = generated_name(self._inputs.values, wanted.values_root)
        rendered = {identity(item).name: item for item in prepared.manifest.of_kind("Secret")}
        made = any((step.verb, step.target) == ("create", f"Secret/{name}") for step in prepared.objects.steps)
        if made and name in rendered:
            body = generated_object(wanted.namespace, wanted.release, name, [token_hex(32) for _key in range(3)])
            used = rendered[name].get("data") or {}
            body["data"] = {key: value for key, value in body["data"].items() if key in used}
            if body["data"] and self._client.get(secrets_path(wanted.namespace, name)) is None:
                self._client.create(secrets_path(wanted.namespace), body)

    def _recover(self, facts: Stuck, move: Move) -> str:
        """Bring a stuck release into a state Helm works on again."""
        path = secrets_path(self._wanted.namespace, facts.revision.secret)
        stored = self._client.get(path)
        if stored is None:
            raise pending.pending_error(self._wanted.release, facts, self._wanted.policy, self._wanted.max_age)
        patch = failed_patch(stored, facts.revision, self._tools.clock.utcnow())
        self._client.merge(path, patch)
        told = f"revision {facts.revision.number} was {facts.revision.status}: marked failed"
        if move is Move.ROLLBACK and facts.back_to is not None:
            self._tools.helm.rollback(facts.back_to.number, self._wanted.timeout)
            told += f", rolled back to revision {facts.back_to.number}"
        self._tools.reporter.say(told)
        return told

    def _upgrade(self, history: History, prepared: Prepared) -> int:
        labels = label_changes(history, self._wanted.layers, self._chart_label(prepared))
        made = self._tools.helm.upgrade(prepared.chart.path, self._inputs.values, labels, self._wanted.timeout)
        return int(made.get("version") or 0)

    def _chart_label(self, prepared: Prepared) -> str:
        return chart_label(prepared.chart.sha256, self._inputs.chart_identity)

    def _record(self, prepared: Prepared, done: Done, revision: int) -> None:
        """The mark of a release that serves; only our own revision gets it, and only if Helm calls it deployed."""
        newest = self._history().newest
        if newest is None or (newest.number, newest.status) != (revision, "deployed"):
            seen = f"revision {newest.number}, {newest.status}" if newest else "no release"
            raise HubError(
                "E-HELM-05",
                f"Somebody else works on release {self._wanted.release}: this run made revision {revision}",
                "wait until they have ended, then run again",
                seen=seen,
                wanted=f"revision {revision}, deployed",
                changed=Changed.SOME,
            )
        metadata = {
            "resourceVersion": newest.version,
            # The chart's too: the same chart by another road needs no upgrade, yet this road is held to it from now on.
            "labels": {
                DIGEST_LABEL: proof_label(self._inputs.digest, newest.number),
                CHART_LABEL: self._chart_label(prepared),
            },
            "annotations": {CHART_NAME: prepared.chart_name, APP_VERSION: prepared.app_version},
        }
        self._client.merge(secrets_path(self._wanted.namespace, newest.secret), {"metadata": metadata})
        done.status, done.revision, done.digest = newest.status, newest.number, self._inputs.digest


def _checked(item: Json, objects: ObjectPlan) -> bool:
    """Whether the server filled in its defaults; only then a missing StorageClass means something."""
    return str(identity(item)) not in objects.unchecked
