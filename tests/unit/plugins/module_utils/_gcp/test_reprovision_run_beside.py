# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two recreations of one certificate at the same time: one stands still before a request while the other goes on.

That is what a killed playbook leaves behind: its module goes on for a while, beside the run that was started anew.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.reprovision_run import Done
from ansible_collections.researchops.jupyterhub.tests.unit.fake_gke import (
    CERTIFICATES,
    CONFIG_MAPS,
    FakeGke,
    FakeNames,
    Killed,
    stuck_cluster,
)
from ansible_collections.researchops.jupyterhub.tests.unit.reprovision_runs import (
    CERTIFICATE,
    FEW,
    HUB,
    RECORD,
    assert_recorded_first,
    assert_whole,
    boundaries,
    people,
    refuse_early_creation,
    run,
)

pytestmark = pytest.mark.once

Json = dict[str, Any]
Choose = Callable[[int, int], int]
"""Who makes the next request: of the run that is about to make one, and how many it has made."""

NIGHTLY = bool(os.environ.get("NIGHTLY"))
WORLDS = [
    pytest.param({}, id="one-of-two-certificates"),
    pytest.param({"alone": True, "clings": True}, id="proxy-clings"),
    pytest.param({"manager": ""}, id="nobody-applies"),
]
STUCK = 60.0
"""Real seconds after which a test of this file hangs."""


class Turns:
    """Runs in threads of which exactly one goes on; who it is is decided before every request.

    Attributes:
        now: the run that goes on.
        ended: what became of each run.
        made: how many requests each has made.
    """

    def __init__(self, gke: FakeGke, choose: Choose) -> None:
        self._choose = choose
        self._turn = threading.Condition()
        self.now = 0
        self._mine = threading.local()
        self.ended: dict[int, Done | BaseException] = {}
        self.made: dict[int, int] = {}
        gke.at_request = self._before

    def _before(self, _number: int) -> None:
        me: int = self._mine.number
        with self._turn:
            chosen = self._choose(me, self.made[me])
            if chosen != me and chosen not in self.ended:
                self.now = chosen
                self._turn.notify_all()
                self._await(me)
            self.made[me] += 1

    def _await(self, me: int) -> None:
        if not self._turn.wait_for(lambda: self.now == me, STUCK):
            raise TimeoutError(f"run {me} was never called again")

    def _live(self, me: int, act: Callable[[], Done]) -> None:
        self._mine.number = me
        try:
            with self._turn:
                self._await(me)
            self.ended[me] = act()
        except BaseException as problem:  # noqa: BLE001  an assertion, too, belongs to the thread of the test
            self.ended[me] = problem
        finally:
            with self._turn:
                self.now = next((one for one in self.made if one not in self.ended), -1)
                self._turn.notify_all()

    def play(self, *acts: Callable[[], Done], deaths: bool = False) -> list[Any]:
        """Let them run to their ends; the first begins. What is no error for a person is raised here."""
        self.made = dict.fromkeys(range(len(acts)), 0)
        threads = [threading.Thread(target=self._live, args=item, daemon=True) for item in enumerate(acts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(STUCK)
        for ended in self.ended.values():
            if isinstance(ended, BaseException) and not isinstance(ended, (HubError, Killed) if deaths else HubError):
                raise ended
        return [self.ended[number] for number in self.made]


def paused(first: int, second: int) -> Choose:
    """Run 0 stands still before request ``first`` while run 1 makes ``second``, then run 0 goes on to its end."""

    def choose(me: int, made: int) -> int:
        if me == 0:
            return 1 if made == first - 1 and not choose.done else 0  # type: ignore[attr-defined]
        if made < second:
            return 1
        choose.done = True  # type: ignore[attr-defined]
        return 0

    choose.done = False  # type: ignore[attr-defined]
    return choose


TAKING = (("PATCH", HUB), ("DELETE", CERTIFICATE))
"""What takes the old certificate off its Ingress, or away."""
ANEW = (("PATCH", CERTIFICATE), ("POST", CERTIFICATES))
"""What makes the new certificate."""


def until_made_anew(gke: FakeGke, first: int, stood: list[int]) -> Choose:
    """Run 0 stands still before request ``first`` until run 1 has made the new certificate, then goes on to its end.

    When it stands still, ``first`` is put into ``stood``.
    """

    def choose(me: int, made: int) -> int:
        if any(request in gke.log for request in ANEW) or (me == 0 and made != first - 1):
            return 0
        if me == 0:
            stood.append(first)
        return 1

    return choose


def recorded_until_made_anew(**how: Any) -> list[int]:
    """Of the boundaries of an undisturbed run, those after its record is made and before its certificate is again."""
    gke = stuck_cluster(0, **how)
    writes: dict[tuple[str, str], int] = {}

    def note(method: str, path: str, query: Mapping[str, str], _body: Any) -> None:
        if "dryRun" not in query:
            writes.setdefault((method, path), gke.count)

    gke.on(note)
    run(gke)
    begins, deleted = writes["POST", CONFIG_MAPS], writes["DELETE", CERTIFICATE]
    ends = next(writes[request] for request in ANEW if request in writes)
    chosen = [number for number in boundaries(0, **how) if begins < number <= ends]
    assert min(chosen) < deleted < max(chosen)
    return chosen


def at_random(seed: int) -> Choose:
    """Anybody, at any request; sometimes one of them for a long while."""
    chance = random.Random(seed)
    often = chance.choice([0.05, 0.2, 0.5])
    return lambda me, _made: 1 - me if chance.random() < often else me


def outcome(ended: Done | HubError) -> str:
    """The certificate's status, or the error."""
    return str(ended) if isinstance(ended, HubError) else ended.certificate.status


def leaving(left: list[tuple[str, int]], gke: FakeGke, act: Callable[[], Done]) -> Done:
    """Do it; what it leaves is noted however it ends: the record's state, and how many writes there were by then."""
    try:
        return act()
    finally:
        left.append((gke.objects[RECORD]["data"]["state"] if RECORD in gke.objects else "", len(gke.log)))


def assert_both_well(gke: FakeGke, before: dict[str, Json], ended: list[Done | HubError], how: Json, told: str) -> None:
    """Both runs ended Active, the certificate was recreated once, and everything is as before."""
    assert [outcome(one) for one in ended] == ["Active", "Active"], told
    assert gke.log.count(("DELETE", CERTIFICATE)) == 1, told
    assert gke.objects[RECORD]["data"]["state"] == "recreated", told
    assert_whole(gke, before, alone=how.get("alone", False))
    assert_recorded_first(gke)


@pytest.mark.parametrize("seed", FEW)
@pytest.mark.parametrize("how", WORLDS)
def test_a_run_that_stands_still_at_any_request_while_another_goes_on(how: Json, seed: int) -> None:
    numbers = boundaries(seed, **how)
    chance = random.Random(seed)
    for first in numbers:
        second = chance.randrange(1, numbers[-1])
        gke = stuck_cluster(seed, **how)
        before = people(gke)
        refuse_early_creation(gke)
        turns = Turns(gke, paused(first, second))
        ended = turns.play(lambda gke=gke: run(gke), lambda gke=gke: run(gke))  # type: ignore[misc]
        told = f"seed {seed}, before request {first}, for {second} requests"
        assert_both_well(gke, before, ended, how, told)


@pytest.mark.parametrize("how", [WORLDS[0], WORLDS[2]])
def test_an_ingress_seen_with_the_old_certificate_tells_nothing_beside_the_new_one(how: Json) -> None:
    stretch = recorded_until_made_anew(**how)
    stood: list[int] = []
    for first in stretch:
        gke = stuck_cluster(0, **how)
        before = people(gke)
        turns = Turns(gke, until_made_anew(gke, first, stood))
        ended = turns.play(lambda gke=gke: run(gke), lambda gke=gke: run(gke))  # type: ignore[misc]
        assert_both_well(gke, before, ended, how, f"before request {first}")
    assert stood == stretch


@pytest.mark.parametrize("seed", range(200 if NIGHTLY else 3))
@pytest.mark.parametrize("how", WORLDS)
def test_two_runs_by_turns(how: Json, seed: int) -> None:
    gke = stuck_cluster(seed, **how)
    before = people(gke)
    refuse_early_creation(gke)
    turns = Turns(gke, at_random(seed))
    ended = turns.play(lambda: run(gke), lambda: run(gke))
    assert_both_well(gke, before, ended, how, f"seed {seed}")
    assert min(turns.made.values()) > 0  # both were at work; who comes last may find little to do


@pytest.mark.parametrize("seed", FEW)
@pytest.mark.parametrize("where", ["cluster", "compute"])
def test_a_late_write_after_the_certificate_was_given_back_is_made_good(where: str, seed: int) -> None:
    """The certificate becomes Active while one run stands still; the other gives it back; then the late write lands."""
    given_back, late = 0, 0
    for first in boundaries(seed):
        gke = stuck_cluster(seed)
        before = people(gke)

        def other(gke: FakeGke = gke) -> Done:
            live = gke.objects.get(CERTIFICATE)
            if live and live["metadata"]["uid"] == "uid-hub" and "deletionTimestamp" not in live["metadata"]:
                if where == "cluster":
                    gke.activate("hub-tls")
                else:
                    gke.certs["mcrt-hub"]["managed"]["status"] = "ACTIVE"
                    clock: Any = gke.clock
                    clock.at(clock.passed + 60, lambda: _tell(gke))
            return run(gke)

        left: list[tuple[str, int]] = []
        turns = Turns(gke, paused(first, 10**6))
        ended = turns.play(lambda gke=gke: run(gke), partial(leaving, left, gke, other))  # type: ignore[misc]
        gke.clock.sleep(100)
        told = f"seed {seed}, before request {first}"
        assert all(outcome(one) == "Active" or one.action == "none" for one in ended), told
        assert gke.log.count(("DELETE", CERTIFICATE)) <= 1, told
        assert_whole(gke, before)
        [(state, writes)] = left
        given_back += state == "kept"
        late += state == "kept" and any(request in gke.log[writes:] for request in TAKING)
    assert given_back > late > 0


@pytest.mark.parametrize("how", WORLDS)
def test_a_run_that_dies_of_its_first_late_write(how: Json) -> None:
    """It stands still, another one does everything, it writes once more and is killed: nobody makes that good."""
    died = 0
    for first in boundaries(0, **how):
        gke = stuck_cluster(0, **how)
        before = people(gke)
        turns = Turns(gke, paused(first, 10**6))
        gke.on(partial(_die_late, turns, gke))
        ended = turns.play(lambda gke=gke: run(gke), lambda gke=gke: run(gke), deaths=True)  # type: ignore[misc]
        told = f"before request {first}"
        assert outcome(ended[1]) == "Active", told
        died += isinstance(ended[0], Killed)
        gke.at_request = lambda _number: None
        gke._handlers.clear()
        assert run(gke).certificate.status == "Active", told
        assert_whole(gke, before, alone=how.get("alone", False))
    assert died >= 3


def _die_late(turns: Turns, gke: FakeGke, method: str, _path: str, query: Json, _body: Any) -> None:
    """Kill run 0 after this request, if it writes when run 1 has ended."""
    if turns.now == 0 and 1 in turns.ended and method != "GET" and "dryRun" not in query:
        gke.kill_at, gke.kill_after = gke.count, True


def _tell(gke: FakeGke) -> None:
    """The cluster, too, gets to know that the old certificate is Active, where it still exists."""
    live = gke.objects.get(CERTIFICATE)
    if live and live["metadata"]["uid"] == "uid-hub":
        gke.activate("hub-tls")


def test_a_certificate_that_is_missing_although_nothing_is_unfinished_is_an_error() -> None:
    gke = stuck_cluster()
    run(gke)
    del gke.objects[CERTIFICATE]
    before = gke.count
    with pytest.raises(HubError, match="E-CERT-01 There is no ManagedCertificate hub-tls"):
        run(gke)
    assert gke.count - before < 20


def test_names_that_lead_elsewhere_by_now_do_not_leave_a_deleted_certificate_behind() -> None:
    """One run deletes; the other one judged the certificate a moment earlier and gives it back."""
    elsewhere = FakeNames(hub_example_org="198.51.100.4")
    ends: set[tuple[str, str]] = set()
    late = 0
    for first in boundaries(0):
        gke = stuck_cluster()
        before = people(gke)
        turns = Turns(gke, paused(first, 10**6))
        left: list[tuple[str, int]] = []
        other = partial(leaving, left, gke, partial(run, gke, elsewhere))
        ended = turns.play(lambda gke=gke: run(gke), other)  # type: ignore[misc]
        told = f"before request {first}"
        assert outcome(ended[0]) == "Active", told
        [(state, writes)] = left
        ends.add((outcome(ended[1]).partition(" ")[0], state))
        late += state == "kept" and ("DELETE", CERTIFICATE) in gke.log[writes:]
        assert_whole(gke, before)
    assert {end for end, _state in ends} == {"Active", "E-CERT-03"}
    assert {("Active", "recreated"), ("E-CERT-03", "kept")} <= ends
    assert late > 0
