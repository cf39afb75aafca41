# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers become one document; what they disagree about is told, and the operator has the last word."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settings import Finding
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.values import (
    dig,
    dotted,
    leaves,
    merge_layers,
    overridden,
    override,
    root_path,
    strings,
    touches,
    under_root,
)

Json = dict[str, Any]


def conflict(where: str, first: str, second: str) -> Finding:
    return Finding(
        "E-VALUES-02",
        where,
        f"is set to different values by the layers {first} and {second}",
        f"set {where} in z2jh_values to say which one applies, or change a variable of {first} or {second}",
    )


@pytest.mark.parametrize(
    ("one", "two", "where"),
    [
        pytest.param({"a": 1}, {"a": 2}, "a", id="00 two numbers"),
        pytest.param({"a": True}, {"a": 1}, "a", id="01 true is not 1"),
        pytest.param({"a": {"b": "x"}}, {"a": {"b": "y"}}, "a.b", id="02 nested"),
        pytest.param({"a": {"b": 1}}, {"a": 1}, "a", id="03 mapping, then value"),
        pytest.param({"a": 1}, {"a": {"b": 1}}, "a", id="04 value, then mapping"),
        pytest.param({"a": 1}, {"a": {"b": {"c": 1}}}, "a", id="05 value, then deep mapping"),
        pytest.param({"a": ["x"]}, {"a": ["x", "y"]}, "a", id="06 lists are not joined"),
        pytest.param({"a": None}, {"a": 0}, "a", id="07 null is a value"),
        pytest.param({"a": 1}, {"a": {}}, "a", id="08 value, then empty mapping"),
        pytest.param({"a": {}}, {"a": 1}, "a", id="09 empty mapping, then value"),
        pytest.param({"a.b": 1}, {"a.b": 2}, '"a.b"', id="10 key with a dot"),
    ],
)
def test_layers_that_disagree_are_both_named(one: Json, two: Json, where: str) -> None:
    assert merge_layers({"first": one, "second": two}).findings == [conflict(where, "first", "second")]


@pytest.mark.parametrize(
    ("one", "two", "merged", "owners"),
    [
        pytest.param({"a": 1}, {"a": 1}, {"a": 1}, {("a",): "first"}, id="20 equal"),
        pytest.param(
            {"a": {"b": 1}},
            {"a": {"c": 2}},
            {"a": {"b": 1, "c": 2}},
            {("a", "b"): "first", ("a", "c"): "second"},
            id="21 beside each other",
        ),
        pytest.param({"a": {}}, {"a": {"c": 2}}, {"a": {"c": 2}}, {("a", "c"): "second"}, id="22 empty, then filled"),
        pytest.param({"a": {"c": 2}}, {"a": {}}, {"a": {"c": 2}}, {("a", "c"): "first"}, id="23 filled, then empty"),
        pytest.param({}, {}, {}, {}, id="24 nothing"),
        pytest.param({"a": ["x"]}, {"a": ["x"]}, {"a": ["x"]}, {("a",): "first"}, id="25 equal lists"),
    ],
)
def test_layers_that_agree_become_one(one: Json, two: Json, merged: Json, owners: Json) -> None:
    result = merge_layers({"first": one, "second": two})
    assert (result.values, result.owners, result.findings) == (merged, owners, [])


def random_tree(source: random.Random, depth: int = 3) -> Json:
    keys = [f"k{number}" for number in range(source.randint(1, 4))]
    return {
        key: random_tree(source, depth - 1) if depth and source.random() < 0.6 else source.randint(0, 9) for key in keys
    }


@pytest.mark.parametrize("seed", range(20))
def test_order_does_not_matter_for_disjoint_layers(seed: int) -> None:
    whole = random_tree(random.Random(seed))
    parts: list[Json] = [{}, {}, {}]
    for position, (path, value) in enumerate(leaves(whole)):
        node = parts[position % 3]
        for segment in path[:-1]:
            node = node.setdefault(segment, {})
        node[path[-1]] = value
    for order in itertools.permutations(range(3)):
        result = merge_layers({f"layer{number}": parts[number] for number in order})
        assert (result.values, result.findings) == (whole, [])


@pytest.mark.parametrize("seed", range(20))
def test_disagreement_is_found_in_every_order(seed: int) -> None:
    source = random.Random(seed)
    layers = {f"layer{number}": random_tree(source) for number in range(3)}
    found = {
        order: sorted({finding.path for finding in merge_layers({name: layers[name] for name in order}).findings})
        for order in itertools.permutations(layers)
    }
    assert len({bool(paths) for paths in found.values()}) == 1


def test_merging_leaves_the_layers_alone() -> None:
    layers: Json = {"first": {"a": {"b": 1}, "e": {}}, "second": {"a": {"c": 2}, "e": {"f": 1}}}
    merge_layers(layers).values["a"]["b"] = 9
    assert layers == {"first": {"a": {"b": 1}, "e": {}}, "second": {"a": {"c": 2}, "e": {"f": 1}}}


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        pytest.param({}, {"a": {"b": 1, "c": [1]}, "d": 2}, id="00 nothing"),
        pytest.param({"a": {"b": 9}}, {"a": {"b": 9, "c": [1]}, "d": 2}, id="01 one leaf"),
        pytest.param({"a": {"c": [2]}}, {"a": {"b": 1, "c": [2]}, "d": 2}, id="02 lists are replaced"),
        pytest.param({"a": None}, {"a": None, "d": 2}, id="03 null stays, for Helm"),
        pytest.param({"a": 5}, {"a": 5, "d": 2}, id="04 value for a mapping"),
        pytest.param({"d": {"x": 1}}, {"a": {"b": 1, "c": [1]}, "d": {"x": 1}}, id="05 mapping for a value"),
        pytest.param({"e": {}}, {"a": {"b": 1, "c": [1]}, "d": 2, "e": {}}, id="06 new key"),
    ],
)
def test_operator_has_the_last_word(operator: Json, wanted: Json) -> None:
    values: Json = {"a": {"b": 1, "c": [1]}, "d": 2}
    assert override(values, operator) == wanted
    assert values == {"a": {"b": 1, "c": [1]}, "d": 2}


def test_overridden_leaves_name_their_layer() -> None:
    owners = {("a", "b"): "one", ("a", "c"): "two", ("d",): "one"}
    assert overridden(owners, {"a": {"b": 1}, "d": {"x": 1}}) == {"a.b": "one", "d": "one"}
    assert overridden(owners, {"a": None}) == {"a.b": "one", "a.c": "two"}
    assert overridden(owners, {}) == {}


@pytest.mark.parametrize(
    ("path", "touched"),
    [("a.b", True), ("a", True), ("a.b.c", True), ("a.bb", False), ("d", False), ("", False)],
)
def test_touches_above_at_and_below(path: str, touched: bool) -> None:
    assert touches(path, {"a": {"b": 1}}) is touched


def test_strings_are_found_inside_lists() -> None:
    assert list(strings({"a": [{"b": "x"}, "y", 3], "c": None})) == [(("a", "0", "b"), "x"), (("a", "1"), "y")]


def test_dig_stops_where_the_path_ends() -> None:
    values = {"a": {"b": None, "c": 1}}
    assert [dig(values, "a", "c"), dig(values, "a", "b", default=5), dig(values, "a", "c", "d"), dig(None, "a")] == [
        1,
        5,
        None,
        None,
    ]


def test_values_go_below_the_parent_charts_key() -> None:
    assert under_root({"hub": {}}, "") == {"hub": {}}
    assert under_root({"hub": {}}, "jupyterhub") == {"jupyterhub": {"hub": {}}}
    assert under_root({"hub": {}}, "a.b") == {"a": {"b": {"hub": {}}}}
    assert root_path("a.b") == ("a", "b")


def test_dotted_quotes_what_would_be_misread() -> None:
    assert dotted(("hub", "db", "pvc", "annotations", "helm.sh/x")) == 'hub.db.pvc.annotations."helm.sh/x"'
