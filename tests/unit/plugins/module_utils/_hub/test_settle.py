# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Coming to terms with a release that somebody left half done; the table itself is in test_pending.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.lease import DURATION, Lease, lease_path
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.pending import Move, Policy, Stuck, Writer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_state import History, Revision
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settle import Settler, left_alone
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START, FakeClock, FakeKube, away

DONE, PENDING = Revision(12, "deployed", "s12"), Revision(13, "pending-upgrade", "s13", since=START)
QUIET, BUSY = History((DONE,)), History((PENDING, DONE))


class World:
    """A release and who may be working on it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kube = FakeKube("hub")
        self.kube.told_time(self.clock, self.clock)
        self.now = BUSY
        self.looks = 0

    def look(self) -> History:
        self.looks += 1
        return self.now

    def held(self) -> None:
        self.kube.put(lease_path("hub", "hub"), {"spec": {"holderIdentity": "ada", "renewTime": "a"}})

    def settle(self, policy: Policy, history: History = BUSY, max_age: float = 900.0) -> Any:
        reporter = Reporter("hub", "release", self.clock)
        lease = Lease(self.kube, "hub", "hub", self.clock, reporter)
        settler = Settler("hub", policy, max_age, 30.0, now=self.kube.server_time.now, reporter=reporter)
        return settler.settle(history, lease, self.look)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("policy", Policy)
def test_a_quiet_release_needs_nothing_and_asks_nothing(world: World, policy: Policy) -> None:
    assert world.settle(policy, QUIET) == (QUIET, None, Move.PROCEED)
    assert world.kube.requests == []


@pytest.mark.parametrize("policy", [Policy.FAIL, Policy.ROLLBACK, Policy.MARK_FAILED])
def test_one_to_be_left_alone(world: World, policy: Policy) -> None:
    with pytest.raises(HubError, match="E-HELM-04"):
        world.settle(policy)


def test_a_dead_writer_makes_way(world: World) -> None:
    world.held()
    facts = Stuck(PENDING, DURATION, Writer.DEAD, DONE)
    assert world.settle(Policy.ROLLBACK) == (BUSY, facts, Move.ROLLBACK)


@pytest.mark.parametrize("policy", [Policy.FAIL, Policy.ROLLBACK])
def test_one_that_ends_well_while_it_is_watched_is_not_dead(world: World, policy: Policy) -> None:
    after = History((Revision(13, "deployed", "s13"), DONE))

    def end() -> None:
        world.now = after
        world.kube.objects[lease_path("hub", "hub")]["spec"].update(holderIdentity=None, renewTime="b")

    world.held()
    world.clock.at(3, end)
    assert world.settle(policy) == (after, None, Move.PROCEED)


def test_a_living_one_does_not(world: World) -> None:
    world.held()
    world.clock.at(3, lambda: world.kube.objects[lease_path("hub", "hub")]["spec"].update(renewTime="b"))
    with pytest.raises(HubError, match="E-HELM-05"):
        world.settle(Policy.ROLLBACK)


@pytest.mark.parametrize(("before", "writer"), [(DURATION, Writer.DEAD), (DURATION + 1, Writer.UNKNOWN)])
def test_what_came_after_a_dead_writer_s_last_sign_is_somebody_else_s(
    world: World, before: int, writer: Writer
) -> None:
    """Such a Lease stays where a person put the release right by hand; their next upgrade is not its holder's."""
    world.held()
    sign = (START - timedelta(seconds=before)).isoformat().replace("+00:00", "Z")
    world.kube.objects[lease_path("hub", "hub")]["metadata"]["managedFields"] = [{"time": sign}]
    with pytest.raises(HubError, match="E-HELM-04") as caught:
        world.settle(Policy.FAIL)
    assert caught.value.details["writer"] == writer.value


def test_an_old_one_of_an_unknown_writer(world: World) -> None:
    facts = Stuck(PENDING, 0.0, Writer.UNKNOWN, DONE)
    assert world.settle(Policy.MARK_FAILED, max_age=0.0) == (BUSY, facts, Move.MARK_FAILED)


def test_waiting_until_it_is_quiet(world: World) -> None:
    after = History((Revision(13, "deployed", "s13"), DONE))
    world.clock.at(7, lambda: setattr(world, "now", after))
    assert world.settle(Policy.WAIT) == (after, None, Move.PROCEED)
    assert (world.clock.passed, world.kube.requests) == (8, [])


def test_waiting_in_vain_tells_the_age_at_the_end(world: World) -> None:
    with pytest.raises(HubError, match="E-HELM-04") as caught:
        world.settle(Policy.WAIT)
    assert caught.value.details["age"] == 30


def test_left_alone() -> None:
    assert left_alone(BUSY) == Verdict(State.PENDING, "still pending-upgrade, revision 13")
    assert left_alone(QUIET) == Verdict(State.DONE)
    assert left_alone(History()) == Verdict(State.DONE)


def test_the_wait_for_somebody_else_bears_an_api_server_that_is_away(world: World) -> None:
    gone = away(world.clock, 10.0)
    seen = world.look

    def look() -> History:
        gone("GET", "", {}, None)
        return seen()

    world.look = look  # type: ignore[method-assign]
    world.clock.at(12, lambda: setattr(world, "now", QUIET))
    assert world.settle(Policy.WAIT) == (QUIET, None, Move.PROCEED)
