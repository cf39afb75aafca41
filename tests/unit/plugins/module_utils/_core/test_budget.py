# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A budget of time: what is left, and what happens when nothing is."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.budget import Budget
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock


def over() -> HubError:
    return HubError("E-X-01", "It is over", "stop")


def test_time_runs_down() -> None:
    clock = FakeClock()
    budget = Budget(clock, 10.0, over)
    clock.sleep(4.0)
    assert budget.left() == 6.0


@pytest.mark.parametrize("slept", [10.0, 11.0])
def test_nothing_left_is_the_callers_error(slept: float) -> None:
    clock = FakeClock()
    budget = Budget(clock, 10.0, over)
    clock.sleep(slept)
    with pytest.raises(HubError, match="E-X-01 It is over"):
        budget.left()


def test_the_error_is_made_when_it_is_needed() -> None:
    steps: list[str] = []
    clock = FakeClock()
    budget = Budget(clock, 1.0, lambda: HubError("E-X-01", f"In {steps[-1]}", "stop"))
    steps.append("the last step")
    clock.sleep(2.0)
    with pytest.raises(HubError, match="In the last step"):
        budget.left()


def test_cleaning_up_gets_time_of_its_own() -> None:
    clock = FakeClock()
    budget = Budget(clock, 1.0, over)
    clock.sleep(5.0)
    budget.extend(60.0)
    assert budget.left() == 60.0


def test_extending_never_shortens() -> None:
    clock = FakeClock()
    budget = Budget(clock, 900.0, over)
    budget.extend(60.0)
    assert budget.left() == 900.0
