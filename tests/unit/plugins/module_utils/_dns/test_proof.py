# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the proof of a record, in a world where time passes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.proof import (
    CONFIRM_AFTER,
    OUT_OF_REACH_AFTER,
    Attempts,
    Others,
    prove,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.resolver import Authorities
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import (
    Answer,
    Code,
    Look,
    Round,
    Wanted,
)
from ansible_collections.researchops.jupyterhub.tests.unit.dns_world import (
    HUB,
    NS1,
    NS2,
    RECURSIVE,
    A,
    World,
    authorities,
    wire,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock


def timed(clock: FakeClock, ages: list[tuple[float, World]]) -> Authorities:
    """Servers whose answer depends on the time: a list of (from second, world)."""

    def now(message: Any, address: str, port: int, tries: Sequence[float]) -> Any:
        return wire([world for since, world in ages if since <= clock.passed][-1])(message, address, port, tries)

    found = authorities(RECURSIVE | {("ns1.example.org.", "AAAA"): []}, {}, clock=clock)
    found.send = now
    return found


def world(first: Any, second: Any) -> World:
    return {NS1: {("hub.example.org.", "A"): first}, NS2: {("hub.example.org.", "A"): second}}


def run(
    ages: list[tuple[float, World]], timeout: float = 60, others: Others | None = None
) -> tuple[Any, FakeClock, Reporter]:
    clock = FakeClock()
    reporter = Reporter("climate", "front door", clock)
    return (
        prove(timed(clock, ages), [HUB], clock=clock, timeout=timeout, interval=2, reporter=reporter, others=others),
        clock,
        reporter,
    )


def test_a_record_that_is_right_is_proved_by_two_looks() -> None:
    proof, clock, reporter = run([(0, world([A], [A]))])
    assert (proof.verified, clock.passed, reporter.transitions) == (True, CONFIRM_AFTER, [])
    assert [(entry["looks"], entry["seen"]) for entry in proof.attempts] == [
        (2, "A 203.0.113.7 at 2 of 2 authoritative servers")
    ]


def test_looks_are_counted_together_only_where_every_answer_is_the_same() -> None:
    attempts = Attempts()
    for second, address in enumerate([NS1, NS1, NS2]):  # the server has moved
        answer = Answer("ns1.example.org", address, Code.ANSWER, HUB.values)
        attempts.add(second, Round((Look(HUB, "example.org", (answer,)),)))
    assert len({entry["seen"] for entry in attempts.entries}) == 1
    assert [(entry["looks"], entry["answers"][0]["address"]) for entry in attempts.entries] == [(2, NS1), (1, NS2)]


def test_transient_refusals_and_a_lagging_server_are_waited_for() -> None:
    ages = [(0.0, world("NXDOMAIN", "SERVFAIL")), (5.0, world([A], "NXDOMAIN")), (9.0, world([A], [A]))]
    proof, clock, reporter = run(ages)
    assert proof.verified
    assert clock.passed == pytest.approx(10 + CONFIRM_AFTER)
    assert [entry["seen"] for entry in proof.attempts] == [
        "NXDOMAIN at 1 of 2 (ns1.example.org), SERVFAIL at 1 of 2 (ns2.example.org)",
        "A 203.0.113.7 at 1 of 2 (ns1.example.org), NXDOMAIN at 1 of 2 (ns2.example.org)",
        "A 203.0.113.7 at 2 of 2 authoritative servers",
    ]
    assert len(reporter.transitions) == 2


def test_a_record_lost_between_two_looks_is_not_proved_yet() -> None:
    ages = [(0.0, world([A], [A])), (0.2, world([A], "NXDOMAIN")), (4.0, world([A], [A]))]
    proof, clock, _reporter = run(ages)
    assert proof.verified
    assert clock.passed > 4


def test_the_deadline_ends_it_with_a_last_look_and_the_whole_story() -> None:
    proof, clock, _reporter = run([(0, world([A], "NXDOMAIN"))], timeout=7)
    assert (proof.verified, clock.passed) == (False, 7)
    error = proof.error()
    assert error.error_id == "E-DNS-02"
    assert error.details["verdict"] == "not verified"
    assert error.details["attempts"][0]["looks"] == 5
    assert error.details["attempts"][0]["answers"][1] == {
        "asked": "authoritative",
        "name": "hub.example.org",
        "type": "A",
        "server": "ns2.example.org",
        "address": NS2,
        "status": "NXDOMAIN",
        "answers": [],
    }


def test_a_record_that_arrives_at_the_last_moment_counts() -> None:
    proof, _clock, _reporter = run([(0, world([A], "NXDOMAIN")), (7, world([A], [A]))], timeout=7)
    assert proof.verified


def test_no_time_means_one_look() -> None:
    proof, clock, _reporter = run([(0, world([A], "NXDOMAIN"))], timeout=0)
    assert (proof.verified, clock.passed, proof.attempts[0]["looks"]) == (False, 0, 1)


class Resolvers:
    """Recursive resolvers that give these values, one set after the other, the last one for ever."""

    def __init__(self, *said: tuple[str, ...], code: Code = Code.ANSWER) -> None:
        self.said, self.code, self.asked = list(said), code, 0

    def look(self, wanted: Sequence[Wanted]) -> tuple[Look, ...]:
        values = self.said[min(self.asked, len(self.said) - 1)]
        self.asked += 1
        return tuple(Look(item, answers=(Answer("r", "r", self.code, values, ttl=60),)) for item in wanted)


RIGHT, OLD = ("203.0.113.7",), ("198.51.100.4",)
CLOSED: World = {}


def test_resolvers_are_asked_only_when_the_servers_agree() -> None:
    resolvers = Resolvers(RIGHT)
    proof, _clock, _reporter = run([(0, world([A], "NXDOMAIN")), (5, world([A], [A]))], others=Others(resolvers.look))
    assert (proof.verified, resolvers.asked, proof.behind) == (True, 2, False)
    assert {item["asked"] for item in proof.attempts[-1]["answers"]} == {"authoritative", "resolver"}


def test_a_resolver_without_a_say_delays_nothing_and_is_told() -> None:
    proof, clock, _reporter = run([(0, world([A], [A]))], others=Others(Resolvers(OLD).look))
    assert (proof.verified, proof.behind, clock.passed) == (True, True, CONFIRM_AFTER)
    assert "but A 198.51.100.4 at 1 of 1 named resolvers, remembered for at most 60 s" in proof.seen


def test_a_resolver_with_a_say_is_waited_for() -> None:
    resolvers = Resolvers(OLD, OLD, RIGHT)
    proof, clock, _reporter = run([(0, world([A], [A]))], others=Others(resolvers.look, must_agree=True))
    assert (proof.verified, clock.passed) == (True, pytest.approx(4 + CONFIRM_AFTER))


def test_a_resolver_that_never_agrees_has_an_error_of_its_own() -> None:
    proof, _clock, _reporter = run([(0, world([A], [A]))], 5, Others(Resolvers(OLD).look, must_agree=True))
    assert (proof.verified, proof.error().error_id) == (False, "E-DNS-09")


def test_a_closed_port_53_is_named_and_public_resolvers_decide() -> None:
    public = Resolvers((), RIGHT)
    proof, clock, _reporter = run([(0, CLOSED)], others=Others(public=public.look))
    first = next(moment for moment in range(0, 60, 2) if moment >= OUT_OF_REACH_AFTER)
    assert (proof.verified, proof.public, proof.standing.value) == (
        False,
        True,
        "authoritative servers not reachable from here",
    )
    assert (public.asked, clock.passed) == (3, pytest.approx(first + 2 + CONFIRM_AFTER))
    assert proof.seen.startswith("no answer at 2 of 2 authoritative servers; authoritative servers not reachable")


def test_public_resolvers_that_have_the_old_record_prove_nothing() -> None:
    proof, _clock, _reporter = run([(0, CLOSED)], 15, Others(public=Resolvers(OLD).look))
    assert (proof.public, proof.error().error_id) == (False, "E-DNS-03")
    assert "over HTTPS A 198.51.100.4" in proof.seen


def test_servers_that_are_only_restarted_are_waited_for() -> None:
    public = Resolvers(RIGHT)
    ages = [(0.0, CLOSED), (9.0, world("NXDOMAIN", "NXDOMAIN"))]
    proof, _clock, _reporter = run(ages, 30, Others(public=public.look))
    assert (proof.public, public.asked) == (False, 0)


@pytest.mark.parametrize(
    "ages",
    [
        pytest.param([(0.0, world([A], "NXDOMAIN"))], id="a-server-answers"),
        pytest.param([(0.0, world("NXDOMAIN", "NXDOMAIN")), (1.0, CLOSED)], id="all-fell-silent-later"),
        pytest.param([(0.0, world("REFUSED", "SERVFAIL"))], id="refusals-are-answers"),
    ],
)
def test_public_resolvers_are_not_asked_once_a_server_was_heard(ages: list[tuple[float, World]]) -> None:
    public = Resolvers(RIGHT)
    proof, _clock, _reporter = run(ages, 30, Others(public=public.look))
    assert (proof.verified, proof.public, public.asked) == (False, False, 0)


@pytest.mark.parametrize("said", ["lame", "REFUSED"])
def test_one_who_answers_in_place_of_the_servers_is_not_believed(said: str) -> None:
    """Port 53 of a campus leads to its own resolver: whoever is asked, it answers, and never with authority."""
    everybody = {("hub.example.org.", "A"): said, ("example.org.", "NS"): said}
    public = Resolvers(RIGHT)
    proof, _clock, _reporter = run([(0, {NS1: everybody, NS2: everybody})], others=Others(public=public.look))
    assert (proof.verified, proof.public, public.asked) == (False, True, 2)


def test_public_resolvers_are_not_asked_where_a_server_was_met_before() -> None:
    public = Resolvers(RIGHT)
    ages = [(0.0, world("NXDOMAIN", "NXDOMAIN")), (1.0, world("REFUSED", "lame"))]
    proof, _clock, _reporter = run(ages, 30, Others(public=public.look))
    assert (proof.public, public.asked) == (False, 0)


def test_without_the_fallback_a_closed_port_is_an_error() -> None:
    proof, _clock, _reporter = run([(0, CLOSED)], 5)
    assert (proof.public, proof.error().error_id) == (False, "E-DNS-03")


def test_a_server_that_appears_between_two_rounds_is_asked_before_it_counts() -> None:
    clock = FakeClock()
    table = dict(RECURSIVE) | {("ns1.example.org.", "AAAA"): []}
    third = {
        ("example.org.", "NS"): [("example.org.", "NS", *(f"ns{number}.example.org." for number in (1, 2, 3)))],
        ("ns3.example.org.", "A"): [("ns3.example.org.", "A", "192.0.2.3")],
    }
    found = authorities(table, world([A], [A]) | {"192.0.2.3": {("hub.example.org.", "A"): "NXDOMAIN"}}, clock=clock)
    found.zone_of("hub.example.org")
    table.update(third)
    reporter = Reporter("climate", "front door", clock)
    proof = prove(found, [HUB], clock=clock, timeout=5, interval=2, reporter=reporter)
    assert not proof.verified


def test_what_is_there_now_is_told() -> None:
    proof, _clock, _reporter = run([(0, world([A], [A]))])
    assert proof.current == [
        {
            "name": "hub.example.org",
            "type": "A",
            "agreed": True,
            "present": ["203.0.113.7"],
            "texts": ["203.0.113.7"],
            "ttl": 60,
        }
    ]
    assert proof.zones == ["example.org"]
