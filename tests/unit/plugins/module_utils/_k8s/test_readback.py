# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a write whose answer was lost: the whole table."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.readback import Fate, Write, covers, judge

MAPS = "/api/v1/namespaces/hub/configmaps"
WANTED = {"metadata": {"name": "a", "resourceVersion": "5", "labels": {"x": "1", "gone": None}}, "data": {"k": "v"}}
THERE = {"metadata": {"name": "a", "resourceVersion": "6", "labels": {"x": "1", "y": "2"}}, "data": {"k": "v"}}
OTHER = {"metadata": {"name": "a", "resourceVersion": "6", "labels": {"x": "1"}}, "data": {"k": "other"}}
ENDING = {"metadata": {"name": "a", "deletionTimestamp": "2026-11-22T12:00:00Z"}}
UNCLEAR, LOST, DONE = Fate.UNCLEAR, Fate.LOST, Fate.DONE


@pytest.mark.parametrize(
    ("method", "status", "found", "fate"),
    [
        pytest.param("POST", 403, {}, UNCLEAR, id="nothing may be read"),
        pytest.param("DELETE", 500, {}, UNCLEAR, id="the server fails"),
        pytest.param("POST", 200, OTHER, UNCLEAR, id="created, perhaps by somebody else"),
        pytest.param("POST", 404, {}, LOST, id="not created"),
        pytest.param("POST", 200, THERE, DONE, id="created"),
        pytest.param("PATCH", 200, OTHER, LOST, id="not changed"),
        pytest.param("PATCH", 404, {}, LOST, id="not applied"),
        pytest.param("PATCH", 200, THERE, DONE, id="changed"),
        pytest.param("PUT", 200, THERE, DONE, id="replaced"),
        pytest.param("DELETE", 200, THERE, LOST, id="not deleted"),
        pytest.param("DELETE", 200, ENDING, DONE, id="being deleted"),
        pytest.param("DELETE", 404, {}, DONE, id="deleted"),
    ],
)
def test_fate(method: str, status: int, found: dict[str, Any], fate: Fate) -> None:
    body = {} if method == "DELETE" else WANTED
    assert judge(Write(method, MAPS, {}, body), status, found) is fate


def test_a_secret_given_as_text_is_found_as_data() -> None:
    write = Write("POST", "/s", {}, {"metadata": {"name": "a"}, "stringData": {"k": "v"}, "data": {"z": "eg=="}})
    assert judge(write, 200, {"metadata": {"name": "a"}, "data": {"k": "dg==", "z": "eg=="}}) is DONE
    assert judge(write, 200, {"metadata": {"name": "a"}, "data": {"k": "dw==", "z": "eg=="}}) is UNCLEAR


@pytest.mark.parametrize(
    ("found", "wanted", "result"),
    [
        ({"a": 1}, {"a": 2}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({}, {"a": {"b": 1}}, False),
        ({"a": "text"}, {"a": {"b": 1}}, False),
        ({"a": 1}, {"a": None}, False),
        ({}, {"a": {}}, True),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, True),
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": {"b": [1], "c": 2}}, {"a": {"b": [1]}}, True),
    ],
)
def test_covers(found: Any, wanted: Any, result: bool) -> None:
    assert covers(found, wanted) is result


@pytest.mark.parametrize(
    ("write", "harmless", "place"),
    [
        (Write("POST", MAPS, {}, {"metadata": {"generateName": "a-"}}), False, ""),
        (Write("POST", MAPS, {}, WANTED), False, f"{MAPS}/a"),
        (Write("DELETE", f"{MAPS}/a", {}, {}), False, f"{MAPS}/a"),
        (Write("POST", MAPS, {"dryRun": "All"}, WANTED), True, f"{MAPS}/a"),
        (Write("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, {}), True, ""),
    ],
)
def test_what_may_be_repeated_and_where_to_look(write: Write, harmless: bool, place: str) -> None:
    assert (write.harmless, write.place) == (harmless, place)
