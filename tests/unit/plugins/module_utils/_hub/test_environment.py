# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of environment variables beside those of the layers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.environment import (
    PLACES,
    list_findings,
    with_mappings,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.values import dig

Json = dict[str, Any]
REF: Json = {"secretKeyRef": {"name": "hub-secrets", "key": "S"}}


def at(place: tuple[str, ...], content: Any) -> Json:
    for segment in reversed(place):
        content = {segment: content}
    return dict(content)


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        pytest.param([], {}, id="00 nothing"),
        pytest.param([{"name": "A", "value": "a"}], {"A": "a"}, id="01 text"),
        pytest.param([{"name": "A"}], {"A": ""}, id="02 no value is an empty one"),
        pytest.param([{"name": "A", "value": None}], {"A": ""}, id="03 likewise"),
        pytest.param([{"name": "A", "valueFrom": REF}], {"A": {"valueFrom": REF}}, id="04 from elsewhere"),
        pytest.param([{"name": "A", "value": 1}], {"A": {"value": 1}}, id="05 no text: Kubernetes is to refuse it"),
        pytest.param(
            [{"name": "A", "value": "a"}, {"name": "B", "value": "b"}, {"name": "A", "valueFrom": REF}],
            {"A": {"valueFrom": REF}, "B": "b"},
            id="06 the last counts, as a whole",
        ),
        pytest.param([{"value": "a"}, "A=a", None, {"name": 5}, {"name": ""}], {}, id="07 without a name"),
    ],
)
def test_a_list_becomes_a_mapping(listed: list[Any], wanted: Json) -> None:
    layers, operator = with_mappings({"hub": {"extraEnv": {"OURS": "x"}}}, {"hub": {"extraEnv": listed, "y": 1}})
    assert (layers, operator) == ({"hub": {"extraEnv": {"OURS": "x"}}}, {"hub": {"extraEnv": wanted, "y": 1}})


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_every_place_of_the_chart(place: tuple[str, ...]) -> None:
    ours, mine = at(place, {"S": {"valueFrom": REF}, "OURS": "x"}), at(place, [{"name": "S", "value": "mine"}])
    before = copy.deepcopy((ours, mine))
    layers, operator = with_mappings(ours, mine)
    assert (dig(layers, *place), dig(operator, *place)) == ({"OURS": "x"}, {"S": "mine"})
    assert (ours, mine) == before


@pytest.mark.parametrize(
    ("layers", "operator"),
    [
        pytest.param({}, {"hub": {"extraEnv": [{"name": "A"}]}}, id="00 no layer has any"),
        pytest.param({"hub": {"extraEnv": {"A": "a"}}}, {"hub": {"extraEnv": {"B": "b"}}}, id="01 two mappings"),
        pytest.param({"hub": {"extraEnv": {"A": "a"}}}, {"hub": None}, id="02 taken away"),
        pytest.param({"hub": {"extraEnv": {"A": "a"}}}, {"hub": ["x"]}, id="03 odd"),
    ],
)
def test_everything_else_stays(layers: Json, operator: Json) -> None:
    assert with_mappings(layers, operator) == (layers, operator)


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        pytest.param([{"name": "A", "value": "$(B)"}, {"name": "B", "value": "b"}], [], id="00 was not known before"),
        pytest.param([{"name": "A", "value": "a"}, {"name": "B", "value": "$(A)/b"}], [], id="01 in order"),
        pytest.param([{"name": "B", "value": "b"}, {"name": "A", "value": "$$(B)"}], [], id="02 escaped"),
        pytest.param(
            [{"name": "B", "value": "b"}, {"name": "A", "value": "x/$(B)"}],
            [("E-VALUES-06", "hub.extraEnv.1", "uses $(B),")],
            id="03 not known any more",
        ),
        pytest.param(
            [{"value": "b"}, ["A"]],
            [("E-VALUES-08", "hub.extraEnv.0", "has no name,"), ("E-VALUES-08", "hub.extraEnv.1", "has no name,")],
            id="04 no names",
        ),
    ],
)
def test_findings(listed: list[Any], wanted: list[tuple[str, str, str]]) -> None:
    layers, operator = {"hub": {"extraEnv": {"OURS": "x"}}}, {"hub": {"extraEnv": listed}}
    found = [(one.error_id, one.path, one.sentence) for one in list_findings(layers, operator)]
    assert [(error, path, sentence[: len(start)]) for (error, path, sentence), (_e, _p, start) in zip(
        found, wanted, strict=True
    )] == wanted  # fmt: skip


def test_the_order_matters_only_where_it_changes() -> None:
    listed = [{"name": "B", "value": "b"}, {"name": "A", "value": "$(B)"}]
    assert list(list_findings({}, {"singleuser": {"extraEnv": listed}})) == []
