# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is its steps; everything else is derived from them."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Plan, Step

STEPS = (
    Step("create", "Secret/a"),
    Step("update", "Deployment/hub", {"spec.b": (1, 2), "spec.a": (None, "x")}),
    Step("delete", "Service/c"),
    Step("restart", "Deployment/hub"),
)


def test_no_steps_no_change() -> None:
    plan = Plan({"a": 1}, {"a": 2})
    assert not plan.changed
    assert plan.summary() == "+0 ~0 -0"


def test_steps_are_counted_by_verb_and_only_objects_count() -> None:
    plan = Plan({}, {}, STEPS)
    assert plan.changed
    assert plan.summary() == "+1 ~1 -1"


def test_diff_is_before_and_after() -> None:
    assert Plan({"a": 1}, {"a": 2}, STEPS).diff == {"before": {"a": 1}, "after": {"a": 2}}


def test_a_step_as_data_has_its_fields_in_order() -> None:
    assert STEPS[1].as_dict() == {
        "verb": "update",
        "target": "Deployment/hub",
        "changes": [
            {"field": "spec.a", "before": None, "after": "x"},
            {"field": "spec.b", "before": 1, "after": 2},
        ],
    }
