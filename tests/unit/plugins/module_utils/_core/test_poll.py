# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: it ends, it speaks, and it looks once more when the time is up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict, Waited, wait
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock

DONE, PENDING, FATAL = (Verdict(state, state.value) for state in State)


def run(
    sequence: Iterator[Verdict] | list[Verdict],
    timeout: float = 10.0,
    interval: float = 2.0,
    clock: FakeClock | None = None,
) -> tuple[Waited[Verdict], FakeClock, list[str]]:
    """Wait over a sequence of verdicts; the observation is the verdict itself."""
    clock = clock or FakeClock()
    verdicts = iter(sequence)
    reporter = Reporter("hub", "test", clock)
    ended = wait(
        "the thing",
        lambda: next(verdicts),
        lambda seen: seen,
        timeout=timeout,
        interval=interval,
        reporter=reporter,
    )
    return ended, clock, [line["text"] for line in reporter.transitions]


def for_ever(verdict: Verdict) -> Iterator[Verdict]:
    while True:
        yield verdict


@pytest.mark.parametrize(
    ("sequence", "verdict", "looks", "slept"),
    [
        pytest.param([DONE], DONE, 1, [], id="done-at-once-sleeps-never"),
        pytest.param([FATAL], FATAL, 1, [], id="fatal-at-once"),
        pytest.param([PENDING, FATAL], FATAL, 2, [2.0], id="fatal-later"),
        pytest.param([PENDING, PENDING, DONE], DONE, 3, [2.0, 2.0], id="done-later"),
        pytest.param(for_ever(PENDING), PENDING, 6, [2.0] * 5, id="time-up"),
        pytest.param([*[PENDING] * 5, DONE], DONE, 6, [2.0] * 5, id="done-at-the-last-look"),
    ],
)
def test_how_a_wait_ends(
    sequence: Iterator[Verdict] | list[Verdict], verdict: Verdict, looks: int, slept: list[float]
) -> None:
    ended, clock, _said = run(sequence)
    assert ended == Waited(verdict, verdict, sum(slept), looks)
    assert clock.slept == slept
    assert ended.done is (verdict is DONE)


@pytest.mark.parametrize(
    ("paced", "slept"),
    [
        pytest.param(False, [2.0, 2.0], id="from-the-end"),
        pytest.param(True, [0.5, 0.5], id="from-the-beginning"),
    ],
)
def test_the_interval_counts_from_the_end_of_a_look_unless_paced(paced: bool, slept: list[float]) -> None:
    clock = FakeClock()
    verdicts = iter([PENDING, PENDING, DONE])

    def look() -> Verdict:
        clock.passed += 1.5
        return next(verdicts)

    reporter = Reporter("hub", "test", clock)
    wait("it", look, lambda seen: seen, timeout=60, interval=2, reporter=reporter, paced=paced)
    assert clock.slept == slept


def test_a_look_longer_than_the_interval_is_followed_at_once() -> None:
    clock = FakeClock()
    verdicts = iter([PENDING, DONE])

    def look() -> Verdict:
        clock.passed += 3
        return next(verdicts)

    reporter = Reporter("hub", "test", clock)
    wait("it", look, lambda seen: seen, timeout=60, interval=2, reporter=reporter, paced=True)
    assert clock.slept == [0.0]


def test_the_last_sleep_is_cut_to_the_deadline() -> None:
    ended, clock, _said = run(for_ever(PENDING), timeout=5.0)
    assert clock.slept == [2.0, 2.0, 1.0]
    assert (ended.seconds, ended.looks) == (5.0, 4)


def test_no_time_at_all_is_one_look() -> None:
    ended, clock, _said = run(for_ever(PENDING), timeout=0.0)
    assert (ended.looks, clock.slept, ended.done) == (1, [], False)


def test_a_slow_look_counts_as_time() -> None:
    clock = FakeClock()

    def slow() -> Iterator[Verdict]:
        while True:
            clock.passed += 7
            yield PENDING

    ended, _clock, _said = run(slow(), clock=clock)
    assert (ended.looks, ended.seconds) == (3, 23.0)


def test_a_line_at_once_then_every_half_minute_and_on_a_new_reason() -> None:
    other = Verdict(State.PENDING, "other")
    sequence = [PENDING] * 16 + [other] + [PENDING] * 2 + [DONE]
    _ended, _clock, said = run(sequence, timeout=100.0)
    assert said == [
        "waiting: the thing: pending; 0 s of at most 100 s",
        "waiting: the thing: pending; 30 s of at most 100 s",
        "waiting: the thing: other; 32 s of at most 100 s",
        "waiting: the thing: pending; 34 s of at most 100 s",
    ]


def test_what_waiting_cannot_cure_passes_through() -> None:
    def broken() -> Callable[[], Verdict]:
        raise HubError("E-X-01", "no", "yes")

    clock = FakeClock()
    with pytest.raises(HubError, match="E-X-01"):
        wait("it", broken, lambda _seen: DONE, timeout=1.0, reporter=Reporter("h", "p", clock))


def away(until: float, clock: FakeClock) -> Callable[[], Verdict]:
    def look() -> Verdict:
        if clock.passed < until:
            raise HubError("E-X-02", f"The server cannot be reached: connection {clock.passed}", "check")
        return DONE

    return look


@pytest.mark.parametrize(
    ("until", "bears", "ends"),
    [
        pytest.param(5.0, lambda _problem: True, Waited(DONE, DONE, 6.0, 4), id="it-comes-back"),
        pytest.param(60.0, lambda _problem: True, "E-X-02", id="it-is-away-at-the-last-look"),
        pytest.param(5.0, lambda problem: problem.error_id == "E-X-01", "E-X-02", id="that-is-not-borne"),
    ],
)
def test_a_look_that_fails_is_borne_where_that_may_pass(
    until: float, bears: Callable[[HubError], bool], ends: object
) -> None:
    clock = FakeClock()
    reporter = Reporter("hub", "test", clock)
    try:
        ended: object = wait("it", away(until, clock), lambda seen: seen, timeout=10, reporter=reporter, bears=bears)
    except HubError as problem:
        ended = problem.error_id
    assert ended == ends
    told = ["waiting: it: E-X-02 The server cannot be reached; 0 s of at most 10 s"]
    assert [line["text"] for line in reporter.transitions] == (told if bears(HubError("E-X-02", "", "")) else [])
