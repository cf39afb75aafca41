# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart's values schema: its own defaults, typing errors, and drift from z2jh's published schema."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

pytestmark = pytest.mark.once

Schema = dict[str, Any]

# Where our defaults are not z2jh's, and why: images come from the lab, and these parts do not exist in the chart.
OTHER_DEFAULTS = {
    "hub.image.name",
    "hub.image.tag",
    "proxy.chp.image.name",
    "proxy.chp.image.tag",
    "singleuser.image.name",
    "singleuser.image.tag",
    "prePuller.hook.image.name",
    "prePuller.hook.image.tag",
    "prePuller.continuous.enabled",
    "scheduling.userScheduler.enabled",
    "scheduling.userPlaceholder.enabled",
    "singleuser.cloudMetadata.blockWithIptables",
}


def problems(schema: Schema, values: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(values)]


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def resolved(node: Schema, root: Schema) -> Schema:
    name = node.get("$ref", "").rpartition("/")[2]
    return resolved(root["definitions"][name], root) if name else node


def keys(node: Schema, root: Schema, path: str = "") -> Iterator[tuple[str, Schema, str]]:
    """Every key below a schema: dotted path, its schema, the name of the definition it came from."""
    node = resolved(node, root)
    for part in (node, node.get("then", {})):
        for name, child in part.get("properties", {}).items():
            here = f"{path}.{name}" if path else name
            yield here, resolved(child, root), child.get("$ref", "").rpartition("/")[2]
            yield from keys(child, root, here)


def lookup(values: Any, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(values, dict) or step not in values:
            return False
        values = values[step]
    return True


def types(node: Schema) -> set[str] | None:
    """The JSON types a schema accepts; None: any. An integer is a number."""
    if "type" not in node:
        return None
    named = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return {*named, "integer"} if "number" in named else set(named)


def test_the_schema_is_a_valid_schema(schema: Schema) -> None:
    jsonschema.Draft7Validator.check_schema(schema)


def test_the_defaults_are_valid(schema: Schema, defaults: dict[str, Any]) -> None:
    assert problems(schema, defaults) == []


def test_the_full_values_are_valid(schema: Schema, all_values: dict[str, Any]) -> None:
    assert problems(schema, all_values) == []


def test_the_full_values_touch_every_supported_option(schema: Schema, all_values: dict[str, Any]) -> None:
    supported = {path for path, node, name in keys(schema, schema) if name != "absent" and "properties" not in node}
    assert len(supported) > 200
    assert {path for path in supported if not lookup(all_values, path)} == set()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hub.extraConfigs", {}),
        ("hubs", {}),
        ("hub.config.jupyterHub", {"admin_access": True}),
        ("hub.db.typ", "sqlite-pvc"),
        ("proxy.https.typ", "secret"),
        ("singleuser.storage.dynamic.storageclass", "x"),
        ("singleuser.networkPolicy.egressAllowRules.privateIps", True),
        ("cull.timeOut", 1),
        ("proxy.traefik.replica", 1),
    ],
)
def test_a_misspelt_key_is_refused(schema: Schema, defaults: dict[str, Any], path: str, value: Any) -> None:
    values = copy.deepcopy(defaults)
    *parents, last = path.split(".")
    target = values
    for step in parents:
        target = target.setdefault(step, {})
    target[last] = value
    found = problems(schema, values)
    assert len(found) == 1 and last in found[0]


@pytest.mark.parametrize(
    ("path", "value"),
    [("hub.baseUrl", 7), ("cull.enabled", "yes"), ("proxy.https.type", "acme"), ("singleuser.storage.type", "nfs")],
)
def test_a_wrong_type_is_refused(schema: Schema, defaults: dict[str, Any], path: str, value: Any) -> None:
    values = copy.deepcopy(defaults)
    *parents, last = path.split(".")
    target = values
    for step in parents:
        target = target[step]
    target[last] = value
    assert [problem.partition(":")[0] for problem in problems(schema, values)] == [f"$.{path}"]


def test_published_schema_accepts_our_defaults_and_full_values(
    published: Path, defaults: dict[str, Any], all_values: dict[str, Any]
) -> None:
    theirs = yaml.safe_load((published / "values.schema.yaml").read_text())
    base = yaml.safe_load((published / "values.yaml").read_text())
    assert problems(theirs, merged(base, defaults)) == []
    assert problems(theirs, merged(base, all_values)) == []


def test_every_key_exists_in_the_published_schema_with_a_compatible_type(published: Path, schema: Schema) -> None:
    """What our schema lets through, z2jh's lets through too: a role tested here renders valid values for z2jh."""
    theirs_root = yaml.safe_load((published / "values.schema.yaml").read_text())
    theirs = {path: node for path, node, _name in keys(theirs_root, theirs_root)}
    drift = []
    for path, ours, name in keys(schema, schema):
        parent = theirs.get(path.rpartition(".")[0], {})
        if path not in theirs:
            if parent.get("properties") or parent.get("additionalProperties") is False:
                drift.append(f"{path}: unknown to z2jh")
            continue
        node = theirs[path]
        wanted, given = types(node), types(ours)
        if name != "absent" and wanted is not None and "enum" not in ours and (given is None or not given <= wanted):
            drift.append(f"{path}: type {given}, z2jh's is {wanted}")
        if "enum" in node and not set(ours.get("enum", [object()])) <= set(node["enum"]):
            drift.append(f"{path}: accepts more than {node['enum']}")
        if (
            node.get("additionalProperties") is False
            and name != "absent"
            and ours.get("additionalProperties") is not False
        ):
            drift.append(f"{path}: accepts keys z2jh refuses")
    assert drift == []


def test_our_defaults_are_the_published_ones_apart_from_the_named(published: Path, defaults: dict[str, Any]) -> None:
    theirs = yaml.safe_load((published / "values.yaml").read_text())

    def differing(ours: Any, other: Any, path: str) -> Iterator[str]:
        if isinstance(ours, dict) and isinstance(other, dict):
            for name in ours:
                yield from differing(ours[name], other.get(name), f"{path}.{name}" if path else name)
        elif ours != other:
            yield path

    assert set(differing(defaults, theirs, "")) == OTHER_DEFAULTS
