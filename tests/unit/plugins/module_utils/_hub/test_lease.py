# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is writing to a release."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import lease as subject
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.lease import (
    DURATION,
    LOOK_EVERY,
    Holder,
    Lease,
    lease_path,
    own_name,
    read_holder,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.pending import Writer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START, FakeClock, FakeKube

PATH = lease_path("hub", "climate")
STAMP = "2026-11-22T14:00:00.000000Z"


class World:
    """A cluster, a clock, and leases on the same release."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kube = FakeKube("hub")

    def lease(self) -> Lease:
        return Lease(self.kube, "hub", "climate", self.clock, Reporter("climate", "release", self.clock))

    def held_by(self, name: str, renewed: str = STAMP) -> None:
        self.kube.put(PATH, {"kind": "Lease", "spec": {"holderIdentity": name, "renewTime": renewed}})

    @property
    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = self.kube.objects[PATH]["spec"]
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(subject, "RENEW_EVERY", 3600.0)
    return World()


def test_path() -> None:
    assert PATH == "/apis/coordination.k8s.io/v1/namespaces/hub/leases/researchops-climate"


@pytest.mark.parametrize(
    ("lease", "holder"),
    [
        (None, Holder()),
        ({}, Holder("", " ")),
        ({"spec": {"holderIdentity": None, "renewTime": STAMP}}, Holder("", f" {STAMP}")),
        ({"spec": {"holderIdentity": "ada", "renewTime": STAMP}}, Holder("ada", f"ada {STAMP}")),
    ],
)
def test_holder(lease: dict[str, Any] | None, holder: Holder) -> None:
    assert read_holder(lease) == holder


def test_a_free_lease_is_taken_and_given_back(world: World) -> None:
    with world.lease():
        assert " pid " in world.spec["holderIdentity"]
        assert world.spec == {
            "holderIdentity": world.spec["holderIdentity"],
            "leaseDurationSeconds": 20,
            "acquireTime": STAMP,
            "renewTime": STAMP,
        }
    assert "holderIdentity" not in world.spec
    assert world.clock.slept == []


def test_one_that_was_given_back_is_taken_at_once(world: World) -> None:
    with world.lease():
        pass
    with world.lease():
        pass
    assert world.clock.slept == []
    assert [method for method, _path in world.kube.writes] == ["POST", "PATCH", "PATCH", "PATCH"]


def test_an_abandoned_one_stays_as_it_is(world: World) -> None:
    lease = world.lease()
    with lease:
        lease.abandon()
    assert " pid " in world.spec["holderIdentity"]


def test_a_discarded_one_goes(world: World) -> None:
    with world.lease() as lease:
        lease.discard()
    assert PATH not in world.kube.objects


@pytest.mark.parametrize(("discarded", "moment"), [(True, "GET"), (True, "DELETE"), (False, "GET"), (False, "PATCH")])
def test_one_that_somebody_took_over_stays_his(world: World, discarded: bool, moment: str) -> None:
    def meanwhile(method: str, _path: str, _query: Any, _body: Any) -> Reply | None:
        if method == moment:
            world.held_by("bob")
        return None

    with world.lease() as lease:
        if discarded:
            lease.discard()
        world.kube.on(meanwhile)
    assert world.spec["holderIdentity"] == "bob"


def test_an_error_inside_gives_it_back(world: World) -> None:
    with pytest.raises(RuntimeError), world.lease():
        raise RuntimeError
    assert "holderIdentity" not in world.spec


@pytest.mark.parametrize("pause", [10, 16, DURATION - 1])
def test_a_living_holder_wins_and_is_named(world: World, pause: float) -> None:
    """However slow his renewals are, as long as they come while the Lease is good; and he is believed at once."""
    world.held_by("ada@laptop pid 1")
    world.clock.at(pause, lambda: world.held_by("ada@laptop pid 1", "2026-11-22T14:00:10.000000Z"))
    with pytest.raises(HubError, match="E-HELM-05") as caught, world.lease():
        pass
    assert caught.value.what == "Release climate is being changed by ada@laptop pid 1 at this moment"
    assert caught.value.details == {"holder": "ada@laptop pid 1"}
    assert world.kube.writes == []
    assert world.clock.passed < pause + LOOK_EVERY


def test_a_dead_holder_is_recognised_without_comparing_clocks(world: World) -> None:
    """Its last renewal may even lie in our future: what counts is that it does not change."""
    ahead = (START + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    world.held_by("ada@laptop pid 1", ahead)
    with world.lease():
        assert "ada" not in world.spec["holderIdentity"]
    assert world.clock.passed == DURATION


def test_a_holder_that_gives_up_while_watched_makes_room(world: World) -> None:
    world.held_by("ada@laptop pid 1")
    world.clock.at(5, lambda: world.held_by("", "2026-11-22T14:00:05.000000Z"))
    with world.lease():
        assert " pid " in world.spec["holderIdentity"]
    assert world.clock.passed == LOOK_EVERY


def test_a_lease_that_vanishes_while_watched_is_made_anew(world: World) -> None:
    world.held_by("ada@laptop pid 1")
    world.clock.at(5, lambda: world.kube.objects.pop(PATH) and None)
    with world.lease():
        assert world.kube.writes == [("POST", PATH.rpartition("/")[0])]


@pytest.mark.parametrize("there", [True, False], ids=["patch", "post"])
def test_somebody_quicker_wins(world: World, there: bool) -> None:
    if there:
        world.kube.put(PATH, {"kind": "Lease", "spec": {}})

    def meanwhile(method: str, _path: str, _query: Any, _body: Any) -> Reply | None:
        if method != "GET":
            world.held_by("bob@desk pid 2")
        return None

    world.kube.on(meanwhile)
    with pytest.raises(HubError, match="E-HELM-05") as caught, world.lease():
        pass
    assert "bob@desk pid 2" in caught.value.what
    assert world.spec["holderIdentity"] == "bob@desk pid 2"


def test_no_permission_is_told_as_such(world: World) -> None:
    world.kube.on(lambda method, _p, _q, _b: Reply(403, {"message": "no"}) if method == "POST" else None)
    with pytest.raises(HubError, match="E-K8S-04"), world.lease():
        pass


def test_probe_only_reads(world: World) -> None:
    assert world.lease().probe() is Writer.UNKNOWN
    world.held_by("")
    assert world.lease().probe() is Writer.UNKNOWN
    world.held_by("ada")
    assert world.lease().probe() is Writer.DEAD
    world.clock.at(world.clock.passed + 5, lambda: world.held_by("ada", "later"))
    with pytest.raises(HubError, match="E-HELM-05"):
        world.lease().probe()
    assert world.kube.writes == []


def test_a_holder_found_dead_is_not_watched_twice(world: World) -> None:
    world.held_by("ada")
    lease = world.lease()
    assert lease.probe() is Writer.DEAD
    with lease:
        pass
    assert world.clock.passed == DURATION


def renewed(world: World, monkeypatch: pytest.MonkeyPatch, times: int, during: Any = None) -> Lease:
    """Hold a lease while its thread renews it; ``during`` may interfere with requests."""
    monkeypatch.setattr(subject, "RENEW_EVERY", 0.005)
    seen = threading.Semaphore(0)

    def count(method: str, _path: str, _query: Any, body: Any) -> Reply | None:
        answer = during(method, body) if during else None
        if threading.current_thread() is not threading.main_thread():
            seen.release()
        return answer

    lease = world.lease()
    with lease:
        world.kube.on(count)
        for _time in range(times):
            assert seen.acquire(timeout=10)
    return lease


def test_the_lease_is_renewed_while_it_is_held(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = renewed(world, monkeypatch, 4)
    assert lease.lost == ""
    assert [method for method, _path in world.kube.writes].count("PATCH") >= 3


def test_a_failed_renewal_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [Reply(500, {}), Reply(500, {})]
    lease = renewed(world, monkeypatch, 6, lambda _method, _body: failures.pop() if failures else None)
    assert lease.lost == ""
    assert "holderIdentity" not in world.spec


def test_a_lease_taken_by_somebody_else_is_not_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = renewed(world, monkeypatch, 1, lambda _method, _body: world.held_by("bob"))
    assert lease.lost == "bob"
    assert world.spec["holderIdentity"] == "bob"


def test_a_renewal_on_its_way_does_not_prolong_the_lease_of_who_took_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where this process stood still between its look and its write."""
    lease = renewed(world, monkeypatch, 2, lambda method, _body: world.held_by("bob") if method == "PATCH" else None)
    assert lease.lost == "bob"
    assert (world.spec["holderIdentity"], world.spec["renewTime"]) == ("bob", STAMP)


def test_a_lease_that_cannot_be_given_back_is_no_failure(world: World) -> None:
    lease = world.lease()
    with lease:
        world.kube.on(lambda method, _p, _q, _b: Reply(500, {}) if method == "PATCH" else None)
    said = lease._reporter.transitions[-1]["text"]
    assert "Lease researchops-climate in hub could not be given back (E-K8S-08); the next run waits 20 s" in said


def test_a_late_renewal_of_our_own_does_not_keep_it_from_being_given_back(world: World) -> None:
    late = [Reply(409, {})]
    with world.lease():
        world.kube.on(lambda method, _p, _q, _b: late.pop() if method == "PATCH" and late else None)
    assert not late
    assert "holderIdentity" not in world.spec


def test_a_renewal_that_gets_no_answer_leaves_time_for_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []
    monkeypatch.setattr(FakeKube, "brief", lambda kube, seconds: limits.append(seconds) or kube)
    renewed(world, monkeypatch, 1)
    assert limits == [subject.RENEW_WITHIN]
    monkeypatch.undo()
    assert 2 * (subject.RENEW_EVERY + subject.RENEW_WITHIN) < DURATION


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(subject.getpass, "getuser", nobody)
    assert own_name().partition("@")[0].isdigit()
