# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is authoritative, and what each of them says, in a world that lives in a dict."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.resolver
import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import resolver
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.resolver import Authorities, Zone
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import (
    Answer,
    Code,
    Look,
    Round,
    Wanted,
    current,
    proved,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.wire import ONE_TRY
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.words import describe, not_proved
from ansible_collections.researchops.jupyterhub.tests.unit.dns_world import (
    FAR,
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


class Counting:
    """Lookups by the recursive resolver since the last time."""

    def __init__(self, found: Authorities) -> None:
        self.asked = found.resolver.asked
        self.before = len(self.asked)

    def __call__(self) -> int:
        before, self.before = self.before, len(self.asked)
        return self.before - before


def test_the_zone_and_all_its_servers_are_found() -> None:
    zone = authorities(RECURSIVE, {}).zone_of("hub.example.org")
    servers = (("ns1.example.org", (NS1, "2001:db8::1")), ("ns2.example.org", (NS2,)))
    assert zone == Zone("example.org", servers, listed=False)


def test_the_soa_that_an_alias_led_to_is_not_the_names_own() -> None:
    assert authorities(RECURSIVE, {}).zone_of("alias.example.org").name == "example.org"


def test_a_found_zone_is_remembered_for_a_minute_or_until_renewed() -> None:
    clock = FakeClock()
    found = authorities(RECURSIVE, {NS2: {}}, clock=clock)
    lookups = Counting(found)
    found.zone_of("hub.example.org")
    first = lookups()
    found.zone_of("hub.example.org")
    assert lookups() == 0
    found.renew()
    assert lookups() == first
    clock.sleep(resolver.ZONE_AGE)
    found.zone_of("hub.example.org")
    assert lookups() == first


@pytest.mark.parametrize(
    ("second", "doubted"),
    [
        pytest.param("NXDOMAIN", False, id="00-no-record-yet"),
        pytest.param("SERVFAIL", False, id="01-a-server-in-trouble"),
        pytest.param("lame", True, id="02-a-server-that-does-not-know-the-zone"),
        pytest.param("REFUSED", True, id="03-a-server-that-refuses"),
        pytest.param(dns.exception.Timeout(), True, id="04-a-silent-server"),
    ],
)
def test_servers_that_may_have_changed_are_looked_up_after_ten_seconds(second: Any, doubted: bool) -> None:
    clock = FakeClock()
    key = ("hub.example.org.", "A")
    world: World = {NS1: {key: [A]}, "2001:db8::1": {key: [A]}, NS2: {key: second}}
    found = authorities(RECURSIVE, world, clock=clock)
    found.look([HUB])
    lookups = Counting(found)
    clock.sleep(resolver.DOUBTED_AGE)
    found.look([HUB])
    assert (lookups() > 0) is doubted


@pytest.mark.parametrize(
    ("told", "listed"),
    [
        pytest.param("SERVFAIL", False, id="00-in-trouble"),
        pytest.param("lame", False, id="01-does-not-know-the-zone"),
        pytest.param("NXDOMAIN", False, id="02-knows-no-such-zone"),
        pytest.param("NOERROR", True, id="03-knows-of-no-list"),
        pytest.param([("example.org.", "NS", "ns1.example.org.")], True, id="04-a-list"),
    ],
)
def test_a_list_of_servers_that_none_of_them_confirms_proves_nothing(told: Any, listed: bool) -> None:
    servers = {("hub.example.org.", "A"): [A], ("example.org.", "NS"): told}
    found = authorities(RECURSIVE, {NS1: servers, NS2: servers, "2001:db8::1": servers})
    (look,) = found.look([HUB])
    assert (look.complete, proved(look)) == (listed, listed)
    lookups = Counting(found)
    found.look([HUB])
    assert (lookups() == 0) is listed


def test_a_known_zone_stays_while_the_resolver_is_out_of_order() -> None:
    found = authorities(dict(RECURSIVE), {NS2: {}})
    zone = found.zone_of("hub.example.org")
    found.resolver.table[("hub.example.org.", "SOA")] = dns.exception.Timeout()
    found.renew()
    assert found.zone_of("hub.example.org") == zone


def test_servers_that_only_the_servers_know_are_asked_too() -> None:
    table = RECURSIVE | {("ns3.example.org.", "A"): [("ns3.example.org.", "A", "192.0.2.3")]}
    world: World = {NS2: {("example.org.", "NS"): [("example.org.", "NS", "ns2.example.org.", "ns3.example.org.")]}}
    zone = authorities(table, world).zone_of("hub.example.org")
    assert [server for server, _addresses in zone.servers] == ["ns1.example.org", "ns2.example.org", "ns3.example.org"]


@pytest.mark.parametrize(
    ("changes", "reason", "silence"),
    [
        pytest.param(
            {("hub.example.org.", "SOA"): dns.resolver.NoNameservers()},
            "the resolver gives no SOA",
            True,
            id="servfail",
        ),
        pytest.param(
            {("hub.example.org.", "SOA"): dns.exception.Timeout()}, "the resolver gives no SOA", True, id="timeout"
        ),
        pytest.param({("hub.example.org.", "SOA"): OSError()}, "the resolver gives no SOA", True, id="unreachable"),
        pytest.param({("example.org.", "NS"): []}, "names no name server", False, id="no-ns"),
        pytest.param(
            {
                ("ns1.example.org.", "A"): [],
                ("ns1.example.org.", "AAAA"): [],
                ("ns2.example.org.", "A"): dns.exception.Timeout(),
            },
            "no name server of example.org has an address",
            False,
            id="no-address",
        ),
    ],
)
def test_a_zone_that_is_not_found_is_a_reason_to_wait(changes: Any, reason: str, silence: bool) -> None:
    (look,) = authorities(RECURSIVE | changes, {}).look([Wanted("hub.example.org", "A", ())])
    assert reason in look.problem
    assert (look.answers, look.unreachable) == ((), silence)


def test_a_name_in_no_zone_is_a_reason_to_wait() -> None:
    (look,) = authorities({}, {}).look([Wanted("hub.nowhere.test", "A", ())])
    assert look.problem == "no zone holds hub.nowhere.test"


NO6 = Wanted("hub.example.org", "AAAA", ())


def test_every_server_is_asked_about_every_record() -> None:
    log: list[tuple[str, str, str]] = []
    world: World = {NS1: {("hub.example.org.", "A"): [A]}, NS2: {}}
    world["2001:db8::1"] = {("hub.example.org.", "A"): "SERVFAIL"}
    looks = authorities(RECURSIVE, world, log=log).look([HUB, NO6])
    assert sorted(log) == sorted(
        (address, "hub.example.org.", rtype) for address in (NS1, NS2, "2001:db8::1") for rtype in ("A", "AAAA")
    )
    assert [(answer.server, answer.address, answer.code) for answer in looks[0].answers] == [
        ("ns1.example.org", NS1, Code.ANSWER),
        ("ns1.example.org", "2001:db8::1", Code.SERVFAIL),
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
    (look,) = authorities(RECURSIVE, world).look([Wanted("alias.example.org", "A", ("203.0.113.7",))])
    assert look.zone == "far.test"
    assert [(item.server, item.address, item.values) for item in look.answers] == [
        ("ns.far.test", FAR, ("203.0.113.7",))
    ]
    assert [(hop.name, len(hop.answers)) for hop in look.via] == [("alias.example.org", 3)]


def test_an_alias_that_one_server_does_not_have_yet_is_not_followed() -> None:
    alias = {("alias.example.org.", "A"): [("alias.example.org.", "CNAME", "far.test.")]}
    far: World = {FAR: {("far.test.", "A"): [("far.test.", "A", "203.0.113.7")]}}
    wanted = Wanted("alias.example.org", "A", ("203.0.113.7",))
    for late in ({}, {("alias.example.org.", "A"): "SERVFAIL"}):
        world: World = far | {NS1: alias, "2001:db8::1": alias, NS2: late}
        (look,) = authorities(RECURSIVE, world).look([wanted])
        assert look.zone == "example.org"
        assert not proved(look)


def test_aliases_that_differ_or_loop_end() -> None:
    loop = {("hub.example.org.", "A"): [("hub.example.org.", "CNAME", "hub.example.org.")]}
    world: World = {NS1: loop, NS2: loop, "2001:db8::1": loop}
    (look,) = authorities(RECURSIVE, world).look([HUB])
    assert {answer.alias for answer in look.answers} == {"hub.example.org"}
    assert len(look.via) == 8
    assert not proved(look)


def test_an_address_that_never_answers_is_left_alone_for_a_while() -> None:
    clock = FakeClock()
    tried: list[tuple[str, tuple[float, ...]]] = []
    world: World = {NS1: {("hub.example.org.", "A"): [A]}, NS2: {("hub.example.org.", "A"): [A]}}
    found = authorities(RECURSIVE, world, clock=clock)
    plain = found.send

    def send(message: Any, address: str, port: int, tries: Any) -> Any:
        tried.append((address, tuple(tries)))
        return plain(message, address, port, tries)

    found.send = send
    found.look([HUB])
    tried.clear()
    (look,) = found.look([HUB])
    assert [address for address, _tries in tried] == [NS1, NS2]
    assert proved(look)
    clock.sleep(resolver.REST)
    found.look([HUB])
    assert ("2001:db8::1", ONE_TRY) in tried
    world["2001:db8::1"] = {("hub.example.org.", "A"): "NXDOMAIN"}
    clock.sleep(resolver.REST)
    (look,) = found.look([HUB])
    assert not proved(look)
    del world["2001:db8::1"]
    (look,) = found.look([HUB])
    assert not proved(look)  # what it said may still be true


def test_a_server_that_is_silent_altogether_is_asked_every_time() -> None:
    log: list[tuple[str, str, str]] = []
    world: World = {NS1: {("hub.example.org.", "A"): [A]}}
    found = authorities(RECURSIVE, world, log=log)
    found.look([HUB])
    found.look([HUB])
    assert [address for address, _name, rtype in log if rtype == "A"].count(NS2) == 2


@pytest.mark.parametrize(
    ("other", "wildcard"),
    [
        pytest.param("NXDOMAIN", False, id="00-a-record-of-its-own"),
        pytest.param([("*.example.org.", "A", "198.51.100.4")], True, id="01-the-same-for-any-name"),
    ],
)
def test_a_wildcard_is_found_by_a_name_that_cannot_exist(other: Any, wildcard: bool) -> None:
    world: World = {NS1: {("hub.example.org.", "A"): [("hub.example.org.", "A", "198.51.100.4")]}}
    found = authorities(RECURSIVE, world)
    plain = found.send

    def send(message: Any, address: str, port: int, tries: Any) -> Any:
        name = str(message.question[0].name)
        if name != "hub.example.org." and message.question[0].rdtype == 1:
            answer = [(name, "A", "198.51.100.4")] if wildcard else other
            return wire({address: {(name, "A"): answer}})(message, address, port, tries)
        return plain(message, address, port, tries)

    found.send = send
    looks = found.look([HUB])
    assert [look.wildcard for look in found.marked(looks)] == [wildcard]


def test_nobody_asks_about_wildcards_without_need() -> None:
    log: list[tuple[str, str, str]] = []
    world: World = {NS1: {("hub.example.org.", "A"): [A]}, NS2: {("hub.example.org.", "A"): [A]}}
    found = authorities(RECURSIVE, world, log=log)
    right = found.look([HUB])
    nothing = Look(HUB, "example.org", (Answer("ns1", NS1, Code.NO_NAME),))
    apex = Look(Wanted("example.org", "A", ("203.0.113.7",)), "example.org", (Answer("ns1", NS1, Code.ANSWER, ("x",)),))
    count = len(log)
    assert not any(look.wildcard for look in found.marked([*right, nothing, apex]))
    assert len(log) == count


def test_given_resolvers_are_used_instead_of_the_machines_own() -> None:
    made = resolver.recursive(["192.0.2.53"], 5353)
    assert (made.nameservers, made.port) == (["192.0.2.53"], 5353)


def test_a_given_resolver_that_is_no_address_is_refused() -> None:
    with pytest.raises(HubError, match=r"E-DNS-05 'dns\.google' in nameservers is neither an address"):
        resolver.recursive(["192.0.2.53", "dns.google"], 53)


def test_a_machine_without_a_resolver_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: Any, **kwargs: Any) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", none)
    with pytest.raises(HubError, match="E-DNS-01 This machine has no DNS resolver"):
        resolver.recursive([], 53)


# ---- a host name is wanted, and the name servers follow it themselves

LB = ("lb.cloud.test.", "A", "198.51.100.7", "198.51.100.8", "198.51.100.9")
FLAT = Wanted("hub.example.org", "CNAME", ("lb.cloud.test",), or_addresses=True)
STRICT = Wanted("hub.example.org", "CNAME", ("lb.cloud.test",))
NOERROR: list[Any] = []


def flattened(*records: tuple[str, ...], wanted: Wanted = FLAT, target: Any = (LB,), aaaa: Any = None) -> Look:
    """A look at servers that have no CNAME, and these A records, where the target has those addresses."""
    table = RECURSIVE | {("lb.cloud.test.", "A"): list(target) if isinstance(target, tuple) else target}
    said = {("hub.example.org.", "CNAME"): NOERROR, ("hub.example.org.", "A"): list(records)}
    said |= {("hub.example.org.", "AAAA"): NOERROR if aaaa is None else aaaa}
    (look,) = authorities(table, {NS1: said, NS2: said, "2001:db8::1": said}).look([wanted])
    return look


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(("198.51.100.7", "198.51.100.8", "198.51.100.9"), id="all"),
        pytest.param(("198.51.100.8",), id="some, as large load balancers show"),
    ],
)
def test_addresses_of_the_wanted_host_name_are_right_too(addresses: tuple[str, ...]) -> None:
    look = flattened(("hub.example.org.", "A", *addresses))
    assert proved(look)
    assert {item.addresses for item in look.answers} == {addresses}
    assert describe([look]) == "addresses of lb.cloud.test at 2 of 2 authoritative servers"
    assert look.as_dicts()[0]["addresses"] == list(addresses)
    assert current(look)["agreed"] is False  # nothing may be built upon a record that is not there


@pytest.mark.parametrize(
    ("records", "more"),
    [
        pytest.param((), {}, id="00-no-addresses"),
        pytest.param((("hub.example.org.", "A", "203.0.113.9"),), {}, id="01-other-addresses"),
        pytest.param((("hub.example.org.", "A", "198.51.100.7", "203.0.113.9"),), {}, id="02-one-too-many"),
        pytest.param((("hub.example.org.", "A", "198.51.100.7"),), {"wanted": STRICT}, id="03-a-proof"),
        pytest.param((("hub.example.org.", "A", "198.51.100.7"),), {"target": ()}, id="04-a-target-without-any"),
        pytest.param(
            (("hub.example.org.", "A", "198.51.100.7"),), {"target": dns.exception.Timeout()}, id="05-target-unknown"
        ),
        pytest.param((("hub.example.org.", "A", "198.51.100.7"),), {"aaaa": "SERVFAIL"}, id="06-half-an-answer"),
        pytest.param(
            (("hub.example.org.", "A", "198.51.100.7"),),
            {"aaaa": [("hub.example.org.", "AAAA", "2001:db8::99")]},
            id="07-a-forgotten-aaaa",
        ),
    ],
)
def test_other_addresses_stay_wrong(records: Any, more: dict[str, Any]) -> None:
    assert not proved(flattened(*records, **more))


def test_a_name_that_is_not_there_stays_wrong_and_costs_no_further_questions() -> None:
    log: list[tuple[str, str, str]] = []
    (look,) = authorities(RECURSIVE, {NS1: {}, NS2: {}}, log=log).look([FLAT])
    assert not proved(look)
    assert {rtype for _address, _name, rtype in log} == {"CNAME"}


def test_the_wanted_alias_itself_is_right_without_a_look_at_addresses() -> None:
    log: list[tuple[str, str, str]] = []
    said = {("hub.example.org.", "CNAME"): [("hub.example.org.", "CNAME", "lb.cloud.test.")]}
    (look,) = authorities(RECURSIVE, {NS1: said, NS2: said, "2001:db8::1": said}, log=log).look([FLAT])
    assert proved(look)
    assert {rtype for _address, _name, rtype in log} == {"CNAME"}


def test_one_server_with_other_addresses_is_told() -> None:
    said = {("hub.example.org.", "CNAME"): NOERROR, ("hub.example.org.", "AAAA"): NOERROR}
    right = said | {("hub.example.org.", "A"): [("hub.example.org.", "A", "198.51.100.7")]}
    wrong = said | {("hub.example.org.", "A"): [("hub.example.org.", "A", "203.0.113.9")]}
    table = RECURSIVE | {("lb.cloud.test.", "A"): [LB]}
    (look,) = authorities(table, {NS1: right, "2001:db8::1": right, NS2: wrong}).look([FLAT])
    assert not proved(look)
    assert describe([look]) == (
        "addresses of lb.cloud.test at 1 of 2 (ns1.example.org), "
        "addresses 203.0.113.9, not all of lb.cloud.test at 1 of 2 (ns2.example.org)"
    )
    error = not_proved(Round((look,)), 600, {})
    assert (error.error_id, error.what) == ("E-DNS-02", "hub.example.org points elsewhere")
    assert error.wanted == "CNAME lb.cloud.test or its addresses; waited 600 s"
