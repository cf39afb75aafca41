# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to name servers, in a world of two zones that lives in a dict; no packet leaves the test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import resolver
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.resolver import Authorities, Zone, prove
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Answer, Code, Wanted

SOA = "ns1.example.org. admin.example.org. 1 2 3 4 5"
NS1, NS2, FAR = "192.0.2.1", "192.0.2.2", "198.51.100.1"
RECURSIVE: dict[tuple[str, str], Any] = {
    ("example.org.", "SOA"): [("example.org.", "SOA", SOA)],
    ("example.org.", "NS"): [("example.org.", "NS", "ns1.example.org.", "NS2.example.org.")],
    ("ns1.example.org.", "A"): [("ns1.example.org.", "A", NS1)],
    ("ns1.example.org.", "AAAA"): [("ns1.example.org.", "AAAA", "2001:db8::1")],
    ("ns2.example.org.", "A"): [("ns2.example.org.", "A", NS2)],
    ("hub.example.org.", "SOA"): "authority",
    ("alias.example.org.", "SOA"): [("alias.example.org.", "CNAME", "far.test."), ("far.test.", "SOA", SOA)],
    ("far.test.", "SOA"): [("far.test.", "SOA", SOA)],
    ("far.test.", "NS"): [("far.test.", "NS", "ns.far.test.")],
    ("ns.far.test.", "A"): [("ns.far.test.", "A", FAR)],
}
Record = tuple[str, ...]


def sections(items: list[Record]) -> list[Any]:
    return [dns.rrset.from_text(name, 60, "IN", rtype, *values) for name, rtype, *values in items]


class Recursive:
    """A recursive resolver that knows a table; a name it does not know is NXDOMAIN."""

    def __init__(self, table: dict[tuple[str, str], Any]) -> None:
        """Take the table."""
        self.table = table
        self.asked: list[tuple[str, str]] = []

    def resolve(self, name: str, rtype: str, *, raise_on_no_answer: bool, search: bool) -> Any:
        self.asked.append((name, rtype))
        message = dns.message.make_response(dns.message.make_query(name, rtype))
        found = self.table.get((name, rtype))
        if isinstance(found, Exception):
            raise found
        if found is None or found == "authority":
            message.set_rcode(dns.rcode.NXDOMAIN)
            message.authority = sections([("example.org.", "SOA", SOA)]) if found or "example.org." in name else []
            raise dns.resolver.NXDOMAIN(
                qnames=[message.question[0].name], responses={message.question[0].name: message}
            )
        message.answer = sections(found)
        return SimpleNamespace(response=message)


World = dict[str, dict[tuple[str, str], Any]]


def wire(world: World, log: list[tuple[str, str, str]] | None = None) -> Callable[[Any, str, int], Any]:
    """Authoritative servers by address: (name, type) -> records, an rcode, 'lame', or an exception."""

    def exchange(message: Any, address: str, port: int) -> Any:
        question = message.question[0]
        key = (str(question.name), dns.rdatatype.to_text(question.rdtype))
        if log is not None:
            log.append((address, *key))
        assert not message.flags & dns.flags.RD
        if address not in world:
            raise dns.exception.Timeout
        found = world[address].get(key, "NXDOMAIN")
        if isinstance(found, Exception):
            raise found
        reply = dns.message.make_response(message)
        if found != "lame":
            reply.flags |= dns.flags.AA
        if isinstance(found, list):
            reply.answer = sections(found)
        elif found != "lame":
            reply.set_rcode(dns.rcode.from_text(found))
        return reply

    return exchange


def ask(found: Any, rtype: str = "A") -> Answer:
    world: World = {NS1: {("hub.example.org.", rtype): found}}
    return Authorities(Recursive({}), exchange=wire(world)).ask("ns1", NS1, "hub.example.org", rtype)


A = ("hub.example.org.", "A", "203.0.113.7")


@pytest.mark.parametrize(
    ("found", "code"),
    [
        pytest.param(dns.exception.Timeout(), Code.TIMEOUT, id="00-silence"),
        pytest.param(OSError("network is unreachable"), Code.TIMEOUT, id="01-unreachable"),
        pytest.param(dns.exception.FormError(), Code.TIMEOUT, id="02-garbage"),
        pytest.param("SERVFAIL", Code.SERVFAIL, id="03-servfail"),
        pytest.param("REFUSED", Code.REFUSED, id="04-refused"),
        pytest.param("NOTIMP", Code.OTHER, id="05-other"),
        pytest.param("lame", Code.LAME, id="06-lame"),
        pytest.param("NXDOMAIN", Code.NO_NAME, id="07-nxdomain"),
        pytest.param("NOERROR", Code.NO_DATA, id="08-no-data"),
        pytest.param([("other.example.org.", "A", "203.0.113.7")], Code.NO_DATA, id="09-about-another-name"),
        pytest.param([A], Code.ANSWER, id="10-answer"),
    ],
)
def test_one_question_ends_one_way(found: Any, code: Code) -> None:
    answer = ask(found)
    assert answer.code is code
    assert answer.values == (("203.0.113.7",) if code is Code.ANSWER else ())


def test_a_server_without_an_address_is_silent() -> None:
    assert Authorities(Recursive({}), exchange=wire({})).ask("ns1", "", "x", "A").code is Code.TIMEOUT


def test_long_txt_values_are_put_together() -> None:
    found = [("hub.example.org.", "TXT", '"' + "a" * 255 + '" "bc"', '"z"')]
    assert ask(found, "TXT").values == ("a" * 255 + "bc", "z")


def test_caa_and_names_come_in_canonical_form() -> None:
    assert ask([("hub.example.org.", "CAA", '0 issue "pki.goog"')], "CAA").values == ('0 issue "pki.goog"',)
    assert ask([("hub.example.org.", "CNAME", "LB.Example.ORG.")], "CNAME").values == ("lb.example.org",)


def test_an_alias_is_told_as_such() -> None:
    answer = ask([("hub.example.org.", "CNAME", "LB.far.test.")])
    assert (answer.code, answer.values, answer.alias) == (Code.ANSWER, (), "lb.far.test")


def test_the_zone_and_all_its_servers_are_found() -> None:
    zone = Authorities(Recursive(RECURSIVE)).zone_of("hub.example.org")
    assert zone == Zone("example.org", (("ns1.example.org", (NS1, "2001:db8::1")), ("ns2.example.org", (NS2,))))


def test_the_soa_that_an_alias_led_to_is_not_the_names_own() -> None:
    assert Authorities(Recursive(RECURSIVE)).zone_of("alias.example.org").name == "example.org"


def test_a_found_zone_is_remembered_until_forgotten() -> None:
    recursive = Recursive(RECURSIVE)
    authorities = Authorities(recursive)
    authorities.zone_of("hub.example.org")
    count = len(recursive.asked)
    authorities.zone_of("hub.example.org")
    assert len(recursive.asked) == count
    authorities.forget("hub.example.org")
    authorities.zone_of("hub.example.org")
    assert len(recursive.asked) == 2 * count


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {("hub.example.org.", "SOA"): dns.resolver.NoNameservers()}, "the resolver gives no SOA", id="servfail"
        ),
        pytest.param({("hub.example.org.", "SOA"): dns.exception.Timeout()}, "the resolver gives no SOA", id="timeout"),
        pytest.param({("hub.example.org.", "SOA"): OSError()}, "the resolver gives no SOA", id="unreachable"),
        pytest.param({("example.org.", "NS"): []}, "names no name server", id="no-ns"),
        pytest.param(
            {
                ("ns1.example.org.", "A"): [],
                ("ns1.example.org.", "AAAA"): [],
                ("ns2.example.org.", "A"): dns.exception.Timeout(),
            },
            "no name server of example.org has an address",
            id="no-address",
        ),
    ],
)
def test_a_zone_that_is_not_found_is_a_reason_to_wait(changes: Any, reason: str) -> None:
    (look,) = Authorities(Recursive(RECURSIVE | changes), exchange=wire({})).look([Wanted("hub.example.org", "A", ())])
    assert reason in look.problem
    assert look.answers == ()


def test_a_name_in_no_zone_is_a_reason_to_wait() -> None:
    (look,) = Authorities(Recursive({}), exchange=wire({})).look([Wanted("hub.nowhere.test", "A", ())])
    assert look.problem == "no zone holds hub.nowhere.test"


HUB = Wanted("hub.example.org", "A", ("203.0.113.7",))
NO6 = Wanted("hub.example.org", "AAAA", ())


def test_every_server_is_asked_about_every_record() -> None:
    log: list[tuple[str, str, str]] = []
    world: World = {NS1: {("hub.example.org.", "A"): [A], ("hub.example.org.", "AAAA"): "NOERROR"}, NS2: {}}
    looks = Authorities(Recursive(RECURSIVE), exchange=wire(world, log)).look([HUB, NO6])
    assert sorted(log) == sorted(
        (address, "hub.example.org.", rtype) for address in (NS1, NS2, "2001:db8::1") for rtype in ("A", "AAAA")
    )
    assert [(answer.server, answer.address, answer.code) for answer in looks[0].answers] == [
        ("ns1.example.org", NS1, Code.ANSWER),
        ("ns1.example.org", "2001:db8::1", Code.TIMEOUT),
        ("ns2.example.org", NS2, Code.NO_NAME),
    ]


def test_an_alias_is_followed_to_the_servers_of_its_target() -> None:
    alias = {("alias.example.org.", "A"): [("alias.example.org.", "CNAME", "far.test.")]}
    world: World = {
        NS1: alias,
        NS2: alias,
        "2001:db8::1": alias,
        FAR: {("far.test.", "A"): [("far.test.", "A", "203.0.113.7")]},
    }
    (look,) = Authorities(Recursive(RECURSIVE), exchange=wire(world)).look(
        [Wanted("alias.example.org", "A", ("203.0.113.7",))]
    )
    assert (look.zone, look.answers) == ("far.test", (Answer("ns.far.test", FAR, Code.ANSWER, ("203.0.113.7",)),))


def test_aliases_that_differ_or_loop_end() -> None:
    loop = {("hub.example.org.", "A"): [("hub.example.org.", "CNAME", "hub.example.org.")]}
    world: World = {NS1: loop, NS2: loop, "2001:db8::1": loop}
    (look,) = Authorities(Recursive(RECURSIVE), exchange=wire(world)).look([HUB])
    assert {answer.alias for answer in look.answers} == {"hub.example.org"}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utcnow(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Timed(Authorities):
    """Servers whose answer depends on the time: a list of (from second, world)."""

    def __init__(self, clock: Clock, ages: list[tuple[float, World]]) -> None:
        """Start in the first age."""
        super().__init__(Recursive(RECURSIVE | {("ns1.example.org.", "AAAA"): []}))

        def now(message: Any, address: str, port: int) -> Any:
            return wire([world for since, world in ages if since <= clock.now][-1])(message, address, port)

        self.exchange = now


def world(first: Any, second: Any) -> World:
    return {NS1: {("hub.example.org.", "A"): first}, NS2: {("hub.example.org.", "A"): second}}


def run(ages: list[tuple[float, World]], timeout: float = 60) -> tuple[Any, Clock, Reporter]:
    clock = Clock()
    reporter = Reporter("climate", "front door", clock)
    return (
        prove(Timed(clock, ages), [HUB], clock=clock, timeout=timeout, interval=2, reporter=reporter),
        clock,
        reporter,
    )


def test_a_record_that_is_right_is_proved_by_two_looks() -> None:
    proof, clock, reporter = run([(0, world([A], [A]))])
    assert (proof.verified, clock.now, reporter.transitions) == (True, resolver.CONFIRM_AFTER, [])
    assert [(entry["looks"], entry["seen"]) for entry in proof.attempts] == [
        (2, "A 203.0.113.7 at 2 of 2 authoritative servers")
    ]


def test_transient_refusals_and_a_lagging_server_are_waited_for() -> None:
    ages = [(0.0, world("NXDOMAIN", "SERVFAIL")), (5.0, world([A], "NXDOMAIN")), (9.0, world([A], [A]))]
    proof, clock, reporter = run(ages)
    assert proof.verified
    assert clock.now == pytest.approx(10 + resolver.CONFIRM_AFTER)
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
    assert clock.now > 4


def test_the_deadline_ends_it_with_a_last_look_and_the_whole_story() -> None:
    proof, clock, _reporter = run([(0, world([A], "NXDOMAIN"))], timeout=7)
    assert (proof.verified, clock.now) == (False, 7)
    error = proof.error()
    assert error.error_id == "E-DNS-02"
    assert error.details["attempts"][0]["looks"] == 5
    assert error.details["attempts"][0]["answers"][1] == {
        "server": "ns2.example.org",
        "address": NS2,
        "status": "NXDOMAIN",
        "answers": [],
        "type": "A",
    }


def test_a_record_that_arrives_at_the_last_moment_counts() -> None:
    proof, _clock, _reporter = run([(0, world([A], "NXDOMAIN")), (7, world([A], [A]))], timeout=7)
    assert proof.verified


def test_no_time_means_one_look() -> None:
    proof, clock, _reporter = run([(0, world([A], "NXDOMAIN"))], timeout=0)
    assert (proof.verified, clock.now, proof.attempts[0]["looks"]) == (False, 0, 1)


def test_given_resolvers_are_used_instead_of_the_machines_own() -> None:
    made = resolver.recursive(["192.0.2.53"], 5353)
    assert (made.nameservers, made.port) == (["192.0.2.53"], 5353)


def test_a_machine_without_a_resolver_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: Any, **kwargs: Any) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", none)
    with pytest.raises(HubError, match="E-DNS-01 This machine has no DNS resolver"):
        resolver.recursive([], 53)
