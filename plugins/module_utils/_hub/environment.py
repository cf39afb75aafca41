# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Environment variables that the operator gives as a list, beside those that a layer gives as a mapping.

The chart takes both forms of ``extraEnv``. A list would replace a layer's mapping as a whole, and with it the hub's
login; so where a layer has variables of its own, a list becomes a mapping, too. Elsewhere it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .settings import Finding, Json
from .values import Path, dig, dotted

PLACES: tuple[Path, ...] = (
    ("hub", "extraEnv"),
    ("proxy", "chp", "extraEnv"),
    ("proxy", "traefik", "extraEnv"),
    ("singleuser", "extraEnv"),
)
"""Where the chart has environment variables."""

REFERENCE = re.compile(r"(?<!\$)\$\(([^()]+)\)")
"""What Kubernetes replaces by the value of a variable that comes earlier."""


def with_mappings(layers: Json, operator: Json) -> tuple[Json, Json]:
    """The values of the layers and of the operator, ready to be merged.

    A variable that the operator's list names is taken out of the layers: Kubernetes takes a list's entry as a whole, so
    a value of the operator's must not meet a ``valueFrom`` of a layer's.

    Args:
        layers: the merged values of the layers.
        operator: the operator's own values.
    """
    for place in PLACES:
        ours, listed = dig(layers, *place), dig(operator, *place)
        if isinstance(ours, dict) and isinstance(listed, list):
            mine = _mapping(listed)
            kept = {name: value for name, value in ours.items() if name not in mine}
            layers, operator = _put(layers, place, kept), _put(operator, place, mine)
    return layers, operator


def list_findings(layers: Json, operator: Json) -> Iterator[Finding]:
    """What is wrong with the operator's lists.

    Findings are entries without a name (E-VALUES-08), and those that Kubernetes would read in another order than they
    are listed (E-VALUES-06): the chart writes a mapping in the order of its names.

    Args:
        layers: the merged values of the layers.
        operator: the operator's own values.
    """
    for place in PLACES:
        listed = dig(operator, *place)
        if not isinstance(listed, list):
            continue
        for position, entry in enumerate(listed):
            if not _name(entry):
                yield Finding(
                    "E-VALUES-08",
                    dotted((*place, str(position))),
                    "has no name, so it is no environment variable",
                    "write it as {name: NAME, value: TEXT}",
                )
        if isinstance(dig(layers, *place), dict):
            yield from _out_of_order(place, listed)


def _out_of_order(place: Path, listed: Sequence[Any]) -> Iterator[Finding]:
    """Entries that use a variable of the list which comes later in the order of the names."""
    before: set[str] = set()
    for position, entry in enumerate(listed):
        text = entry.get("value") if isinstance(entry, Mapping) else None
        used = set(REFERENCE.findall(text)) if isinstance(text, str) else set()
        late = sorted(name for name in used & before if name > _name(entry))
        if late:
            yield Finding(
                "E-VALUES-06",
                dotted((*place, str(position))),
                f"uses $({late[0]}), which the hub would not know yet: beside the variables of hub_oauth, the chart "
                "sets all of them in the order of their names",
                f"write out the value of {late[0]} there, or give the variable a name that comes after {late[0]}",
            )
        before.add(_name(entry))


def _mapping(listed: Sequence[Any]) -> Json:
    """A list as the mapping that gives the same variables; of two with one name the last counts, as in Kubernetes."""
    mine: Json = {}
    for entry in listed:
        name = _name(entry)
        if name:
            more = {key: value for key, value in entry.items() if key != "name"}
            text = more.get("value", "")
            plain = set(more) <= {"value"} and (text is None or isinstance(text, str))
            mine[name] = (text or "") if plain else more
    return mine


def _name(entry: Any) -> str:
    """The variable's name; empty where there is none."""
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else ""


def _put(values: Mapping[str, Any], place: Path, mapping: Json) -> Json:
    """A copy of ``values`` with another mapping at a place that exists."""
    first, *rest = place
    return {**values, first: _put(values[first], tuple(rest), mapping) if rest else mapping}
