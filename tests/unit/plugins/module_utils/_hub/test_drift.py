# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said about a cluster that is not what the inventory says; the plans are those of hub_release."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.drift import differences, report, shown

Json = dict[str, Any]

SCALED: Json = {"field": "spec.replicas", "before": 0, "after": 1}
NEXT: Json = {"verb": "upgrade", "target": "Release/hub", "changes": [{"field": "revision", "before": 3, "after": 4}]}
RECORD = {"verb": "record", "target": "Release/hub", "changes": [{"field": "proved", "before": None, "after": "x"}]}


def step(verb: str, target: str, *changes: Json) -> Json:
    return {"verb": verb, "target": target, "changes": list(changes)}


def told(*plan: Json, looked: bool = True) -> dict[str, str]:
    found = {"chart": "jupyterhub-4.4.0", "revision": 3, "plan": list(plan), "plan_summary": "+31 ~0 -0"}
    return report(found, "hub", "physics", looked)


MEMORY = {"field": "values.singleuser.memory", "before": "1G", "after": "2G"}
TABLE: list[tuple[str, list[Json], list[str]]] = [
    ("00 nothing", [], []),
    ("01 only the proof is missing", [RECORD], []),
    ("02 only the next revision", [NEXT], []),
    ("03 a field", [step("update", "Deployment/hub", SCALED)], ["Deployment/hub: spec.replicas is 0, wanted 1"]),
    ("04 an object is gone", [step("create", "Service/hub"), NEXT], ["Service/hub is missing"]),
    ("05 an object too many", [step("delete", "Service/hub")], ["Service/hub should be gone"]),
    (
        "06 a field that nobody wants",
        [step("update", "Service/hub", {"field": "spec.x", "before": "y", "after": None})],
        ["Service/hub: spec.x is y, wanted not set"],
    ),
    (
        "07 the inventory went on",
        [step("upgrade", "Release/hub", NEXT["changes"][0], MEMORY)],
        ["Release/hub: values.singleuser.memory is 1G, wanted 2G"],
    ),
    (
        "08 half done",
        [step("recover", "Release/hub", {"field": "revision", "before": "3 pending-upgrade", "after": "failed"})],
        ["Release/hub: revision is 3 pending-upgrade, wanted failed"],
    ),
]


@pytest.mark.parametrize(("plan", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_differences(plan: list[Json], wanted: list[str]) -> None:
    assert differences(plan) == wanted
    assert bool(told(*plan)["problem"]) == bool(wanted)


def test_the_error_names_object_field_and_cure() -> None:
    assert told(step("update", "Deployment/hub", SCALED), NEXT)["problem"] == (
        "E-HELM-19 Release hub in namespace physics is not what the inventory says. "
        "Seen: Deployment/hub: spec.replicas is 0, wanted 1. Nothing was changed. Do: put what is to stay "
        "into the inventory, then run site.yml with -e z2jh_drift=check to put the rest right."
    )


def test_a_release_that_is_not_there_is_told_as_that() -> None:
    found = told(*(step("create", f"Secret/{number}") for number in range(31)), step("install", "Release/hub"))
    assert found["summary"] == "would be installed: +31 ~0 -0"
    assert found["problem"].startswith("E-HELM-19 There is no release hub in namespace physics. Nothing was changed.")


@pytest.mark.parametrize(
    ("plan", "looked", "said"),
    [
        ([], True, "cluster and inventory agree"),
        ([], False, "not compared (z2jh_drift is skip)"),
        ([RECORD], False, "cluster and inventory agree"),
    ],
    ids=["looked", "taken for granted", "looked because it had to"],
)
def test_agreement_is_claimed_only_after_a_look(plan: list[Json], looked: bool, said: str) -> None:
    assert told(*plan, looked=looked) == {"summary": f"jupyterhub-4.4.0, revision 3: {said}", "problem": ""}


def test_many_differences_are_counted_not_listed() -> None:
    found = told(*(step("create", f"Secret/{number}") for number in range(11)))
    assert "Secret/7 is missing; and 3 more" in found["problem"]
    assert "Secret/8" not in found["problem"]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, "not set"),
        ("", "empty"),
        (False, "false"),
        ({"a": [1]}, '{"a": [1]}'),
        ("x" * 70, "x" * 70),
        ("x" * 71, "a text of 71 characters"),
        ("a\nb", "a text of 3 characters"),
    ],
)
def test_values_fit_into_a_sentence(value: Any, wanted: str) -> None:
    assert shown(value) == wanted
