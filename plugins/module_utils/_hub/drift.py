# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""How it is told to a person that the cluster is not what the inventory says. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import HubError

Json = Mapping[str, Any]

LONGEST = 70
"""Characters of a value; a whole program in a ConfigMap is for diff mode."""
MOST = 8
"""Differences in one message: a first install has dozens, and nobody reads them all."""
OUTCOMES = ("record", "install", "upgrade")
"""Steps that follow from the others, or change nothing but our own mark."""


def report(found: Json, release: str, namespace: str, looked: bool = True) -> dict[str, str]:
    """What a plan that nobody carries out means.

    Args:
        found: the result of hub_release in check mode.
        release: the release's name.
        namespace: its namespace.
        looked: live objects were compared also where the release was already proved.

    Returns:
        ``summary`` for a line of the run, and ``problem``: empty, or the error of a run that wants no differences.
    """
    name = f"{found['chart']}, revision {found['revision']}"
    if any(step["verb"] == "install" for step in found["plan"]):
        missing = HubError(
            "E-HELM-19", f"There is no release {release} in namespace {namespace}", "run site.yml, which installs it"
        )
        return {"summary": f"would be installed: {found['plan_summary']}", "problem": missing.text()}
    differing = differences(found["plan"])
    if not differing:
        said = "cluster and inventory agree" if looked or found["plan"] else "not compared (z2jh_drift is skip)"
        return {"summary": f"{name}: {said}", "problem": ""}
    told = "; ".join(differing[:MOST]) + (f"; and {len(differing) - MOST} more" if len(differing) > MOST else "")
    differs = HubError(
        error_id="E-HELM-19",
        what=f"Release {release} in namespace {namespace} is not what the inventory says",
        seen=told,
        do="put what is to stay into the inventory, then run site.yml with -e z2jh_drift=check to put the rest right",
    )
    return {"summary": f"{name}, would change: {told}", "problem": differs.text()}


def differences(plan: Sequence[Json]) -> list[str]:
    """One sentence for each object that is not as wanted, in the order of the plan."""
    return [told for step in plan for told in [_difference(step)] if told]


def _difference(step: Json) -> str:
    target, fields = step["target"], step["changes"]
    if step["verb"] in OUTCOMES:  # the next number is no difference; values, chart and layers are
        fields = [one for one in fields if one["field"] not in ("revision", "proved")]
        return _compared(target, fields) if fields else ""
    if step["verb"] == "create":
        return f"{target} is missing"
    if step["verb"] == "delete":
        return f"{target} should be gone"
    return _compared(target, fields)


def _compared(target: str, fields: Sequence[Json]) -> str:
    parts = [f"{one['field']} is {shown(one['before'])}, wanted {shown(one['after'])}" for one in fields]
    return f"{target}: {', '.join(parts)}"


def shown(value: Any) -> str:
    """A value as it fits into a sentence."""
    if value is None:
        return "not set"
    if value == "":
        return "empty"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST and "\n" not in text else f"a text of {len(text)} characters"
