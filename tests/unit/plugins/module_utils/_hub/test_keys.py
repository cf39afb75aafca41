# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of chart keys, and its comparison with the published schema where that is at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import keys, lint

SCHEMA = (
    Path(os.environ.get("Z2JH_REFERENCE", Path(__file__).resolve().parents[5].parent / "shared/data/z2jh")) / "4.4.0"
)
STRICTER = {"imagePullSecret"}
"""The schema allows any key there; the chart reads only these."""


def differences(schema: dict[str, Any], tree: keys.Tree, path: str = "") -> Iterator[str]:
    """Where the tree says something else than the schema."""
    properties = schema.get("properties") or {}
    closed = schema.get("additionalProperties") is False
    if tree is None:
        if properties:
            yield f"{path}: the schema knows keys below it"
    elif tree == keys.FREE:
        if closed:
            yield f"{path}: the schema is closed"
    elif isinstance(tree, dict):
        if "*" not in tree and set(tree) != set(properties):
            yield f"{path}: {sorted(set(tree) ^ set(properties))}"
        for name in sorted(set(tree) & set(properties)):
            yield from differences(properties[name], tree[name], f"{path}.{name}".lstrip("."))


def test_tree_equals_the_published_schema() -> None:
    file = SCHEMA / "values.schema.yaml"
    if not file.is_file():
        pytest.skip("not cross-checked: the published schema is not here")
    found = list(differences(yaml.safe_load(file.read_text()), keys.TREE))
    assert [line for line in found if line.partition(":")[0] not in STRICTER] == []


def test_every_default_of_the_chart_is_in_the_tree() -> None:
    file = SCHEMA / "values.yaml"
    if not file.is_file():
        pytest.skip("not cross-checked: the published values are not here")
    known = set(keys.paths())

    def paths(values: dict[str, Any], tree: keys.Tree, prefix: str = "") -> Iterator[str]:
        for name, value in values.items():
            below = tree.get(name, tree.get("*")) if isinstance(tree, dict) else None
            if not isinstance(tree, dict) or "*" in tree:
                return
            yield prefix + name
            if isinstance(value, dict) and isinstance(below, dict):
                yield from paths(value, below, f"{prefix}{name}.")

    assert set(paths(yaml.safe_load(file.read_text()), keys.TREE)) - known == set()


def test_moved_keys_lead_to_keys_that_exist() -> None:
    for old, new in keys.MOVED.items():
        values: Any = "x"
        for segment in reversed(new.split(".")):
            values = {segment: values}
        found = [each.path for each in lint.lint(values, lint.Context()) if each.error_id == "E-VALUES-01"]
        assert found == [], f"{old} leads to {new}"


def test_paths_are_complete_and_without_wildcards() -> None:
    found = list(keys.paths())
    assert len(found) == len(set(found))
    assert {"hub.config", "proxy.https.secret.name", "singleuser.storage.dynamic.storageClass"} <= set(found)
    assert not [path for path in found if "*" in path]
