# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""From what is and what is wanted to the steps of one run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .._core.plan import Plan, Step
from .._k8s.objects import ABSENT, differences
from .manifest import changes
from .pending import Move, Stuck
from .redaction import shown
from .release_inputs import Inputs
from .release_state import History, Revision, release_chart
from .values import HUB_SECRETS

Json = dict[str, Any]


@dataclass(frozen=True)
class Deployed:
    """What the revision that Helm starts from says about itself; all empty for a first install.

    Attributes:
        chart: ``name-version`` of its chart.
        values: the values it was given.
        client_side: its objects were applied by Helm itself, not by the server.
    """

    chart: str = ""
    values: Mapping[str, Any] | None = None
    client_side: bool = False


def read_deployed(release: Mapping[str, Any]) -> Deployed:
    """The same from Helm's stored record."""
    values = release.get("config") or {}
    return Deployed(release_chart(release), values, release.get("apply_method") != "ssa")


def check_layers(newest: Revision | None, layers: Iterable[str], dropped: Iterable[str]) -> None:
    """Refuse a run that would silently take a layer away, as a run with the wrong tags or inventory does.

    Raises:
        HubError: E-HELM-11.
    """
    recorded = newest.layers if newest is not None else frozenset()
    missing = sorted(recorded - set(layers) - set(dropped))
    if missing:
        raise HubError(
            "E-HELM-11",
            f"This run lacks the values of {', '.join(missing)}, which the release was made with",
            f"set the variables of {', '.join(missing)} again; or, to take them away on purpose, "
            f"set z2jh_drop_layers to [{', '.join(missing)}]",
            seen=", ".join(sorted(layers)) or "no layers",
            wanted=", ".join(sorted(recorded)),
            details={"missing": missing},
        )


def secrets_step(wanted: Json, live: Json | None) -> Step | None:
    """The change of :data:`HUB_SECRETS`; None where it is right already."""
    target = f"Secret/{HUB_SECRETS}"
    if live is None:
        return Step("create", target, {f"data.{key}": shown("Secret", "data", ABSENT, "") for key in wanted["data"]})
    now = {"kind": "Secret", "data": live.get("data") or {}}
    fields = changes(now, {"kind": "Secret", "data": wanted.get("data") or {}})
    return Step("update", target, fields) if fields else None


def recovery_step(release: str, facts: Stuck, move: Move) -> Step:
    """Telling what is done about a stuck revision before anything else."""
    goal = f"rolled back to {facts.back_to.number}" if move is Move.ROLLBACK and facts.back_to else "failed"
    state = f"{facts.revision.number} {facts.revision.status}"
    return Step("recover", f"Release/{release}", {"revision": (state, goal)})


def release_step(inputs: Inputs, history: History, deployed: Deployed, chart: str, move: Move) -> Step:
    """The new revision itself: chart, layers and values that change. A rollback before it takes a number of its own."""
    newest, base = history.newest, history.base
    number = history.revisions[0].number if history.revisions else 0
    following = number + (2 if move is Move.ROLLBACK else 1)
    fields: dict[str, tuple[Any, Any]] = {"revision": (number or None, following)}
    if deployed.chart != chart:
        fields["chart"] = (deployed.chart or None, chart)
    before, after = sorted(newest.layers if newest else ()), sorted(inputs.layers)
    if before != after:
        fields["layers"] = (before, after)
    if base is not None and deployed.values is not None:
        fields |= value_changes(deployed.values, inputs.values)
    return Step("install" if newest is None else "upgrade", f"Release/{inputs.release}", fields)


def value_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The chart values that change, without those that look like secrets."""
    found = differences(without_nulls(before), without_nulls(after))
    return {f"values.{path}": shown("values", path, old, new) for path, old, new in found}


def without_nulls(values: Any) -> Any:
    """Values without keys that are null: Helm drops them on the way to its record."""
    if isinstance(values, Mapping):
        return {key: without_nulls(value) for key, value in values.items() if value is not None}
    return values


def record_step(release: str, revision: int) -> Step:
    """Nothing to upgrade, but this state has not been proved and recorded yet."""
    return Step("record", f"Release/{release}", {"proved": (None, f"revision {revision}")})


def needs_upgrade(inputs: Inputs, history: History, deployed: Deployed, chart: str, objects: Sequence[Step]) -> bool:
    """Whether Helm has anything to do.

    The objects decide. Where they agree, the record must still say the same chart, values and layers, unless this
    very digest has been proved before (then the difference, if any, is only in how Helm writes things down).
    """
    newest = history.newest
    if objects or newest is None or newest.status != "deployed":
        return True
    if newest.digest == inputs.digest:
        return False
    if deployed.chart != chart or newest.layers != frozenset(inputs.layers):
        return True
    return bool(value_changes(deployed.values or {}, inputs.values))


def assemble(steps: Sequence[Step], reason: str) -> Plan:
    """The plan with its before and after, from its steps."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for step in steps:
        if step.verb not in ("create", "install"):
            before.setdefault(step.target, {}).update({path: old for path, (old, _new) in step.fields.items()})
        if step.verb != "delete":
            after.setdefault(step.target, {}).update({path: new for path, (_old, new) in step.fields.items()})
    return Plan(before=before, after=after, steps=tuple(steps), reason=reason)


def reason_of(steps: Sequence[Step]) -> str:
    """Why these steps, in one sentence."""
    verbs = {step.verb for step in steps}
    if not steps:
        return "the release is as wanted"
    if "recover" in verbs:
        return "a writer left the release half done"
    if "install" in verbs:
        return "there is no such release yet"
    if verbs == {"record"}:
        return "the release is as wanted, but has not been proved to serve yet"
    if verbs <= {"delete", "uninstall"}:
        return "the release goes away"
    return "the release differs from what is wanted"
