# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Chart values as data: layers become one document, and no layer is overruled by accident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .settings import Finding, Json

Path = tuple[str, ...]

HUB_SECRETS = "hub-secrets"
"""The Secret that carries what no values layer may hold; layers refer to it by name and key."""


def dotted(path: Path) -> str:
    """A path as people write it; a segment that contains a dot is quoted."""
    return ".".join(f'"{segment}"' if "." in segment or not segment else segment for segment in path)


def leaves(values: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path. Lists are leaves, and so is an empty mapping."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, str(key)))
    else:
        yield path, values


def strings(values: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in the values with its path, those inside lists included (their position is the last segment)."""
    if isinstance(values, str):
        yield path, values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from strings(value, (*path, str(key)))
    elif isinstance(values, (list, tuple)):
        for position, value in enumerate(values):
            yield from strings(value, (*path, str(position)))


def dig(values: Any, *path: str, default: Any = None) -> Any:
    """The value at a path, or ``default`` where the path ends early or holds nothing."""
    for segment in path:
        if not isinstance(values, Mapping) or segment not in values:
            return default
        values = values[segment]
    return default if values is None else values


def mapping_at(values: Any, *path: str) -> Json:
    """The mapping at a path; empty where something else is there, or nothing."""
    found = dig(values, *path)
    return dict(found) if isinstance(found, Mapping) else {}


@dataclass
class Merged:
    """Layers as one document.

    Attributes:
        values: the merged values.
        owners: the layer that set each leaf first.
        findings: one (E-VALUES-02) for each leaf that two layers set differently.
    """

    values: Json = field(default_factory=dict)
    owners: dict[Path, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def place(self, layer: str, path: Path, value: Any) -> None:
        """Put one leaf of one layer among the values, or record that it contradicts another layer."""
        node = self.values
        for depth, segment in enumerate(path[:-1], start=1):
            below = node.setdefault(segment, {})
            if not isinstance(below, dict):
                self._contradiction(layer, path[:depth])
                return
            if not below:
                self.owners.pop(path[:depth], None)
            node = below
        last = path[-1]
        if last not in node:
            node[last] = {} if isinstance(value, dict) else value
            self.owners[path] = layer
        elif not (isinstance(node[last], dict) and value == {}) and _differ(node[last], value):
            self._contradiction(layer, path)

    def _contradiction(self, layer: str, path: Path) -> None:
        other = next(owner for known, owner in self.owners.items() if known[: len(path)] == path)
        where = dotted(path)
        self.findings.append(
            Finding(
                "E-VALUES-02",
                where,
                f"is set to different values by the layers {other} and {layer}",
                f"set {where} in z2jh_values to say which one applies, or change a variable of {other} or {layer}",
            )
        )


def merge_layers(layers: Mapping[str, Json]) -> Merged:
    """All layers as one document. Where they agree or do not touch each other, their order does not matter."""
    merged = Merged()
    for name, values in layers.items():
        for path, value in leaves(values):
            if path:
                merged.place(name, path, value)
    return merged


def _differ(one: Any, other: Any) -> bool:
    """Whether two leaves differ; ``True`` and ``1`` are equal in Python, but not in a chart."""
    return type(one) is not type(other) or one != other


def override(values: Json, operator: Mapping[str, Any]) -> Json:
    """``values`` with the operator's own on top: mappings are merged, everything else is replaced.

    A null takes the key's default away, as it does for Helm, and is therefore kept.
    """
    result = dict(values)
    for key, value in operator.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, dict):
            result[key] = override(below, value)
        else:
            result[key] = value
    return result


def touches(path: str, operator: Mapping[str, Any]) -> bool:
    """Whether the operator's own values set a path, something above it, or something below it."""
    return any(
        path == mine or path.startswith(f"{mine}.") or mine.startswith(f"{path}.")
        for mine in (dotted(each) for each, _value in leaves(operator) if each)
    )


def overridden(owners: Mapping[Path, str], operator: Mapping[str, Any]) -> dict[str, str]:
    """The leaves of layers that the operator's own values replace, with the layer each came from."""
    taken = [path for path, _value in leaves(operator) if path]
    return {
        dotted(path): layer
        for path, layer in sorted(owners.items())
        if any(path[: len(mine)] == mine or mine[: len(path)] == path for mine in taken)
    }


def root_path(root: str) -> Path:
    """The path of a parent chart's key (``jupyterhub``, or ``a.b`` two charts down); empty for the chart itself."""
    return tuple(segment for segment in root.split(".") if segment)


def under_root(values: Json, root: str) -> Json:
    """``values`` as the parent chart wants them: below the key of its dependency."""
    for segment in reversed(root_path(root)):
        values = {segment: values}
    return values
