# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of name servers mean; everything that is not proof first."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import verdicts
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import (
    Answer,
    Code,
    Hop,
    Look,
    Round,
    Standing,
    Wanted,
)
from ansible_collections.researchops.jupyterhub.tests.unit.dns_world import HUB, NONE, RIGHT, WRONG2, said, silent

NOTHING = Wanted("hub.example.org", "TXT", (), exact=False)
WITHOUT = Wanted("hub.example.org", "TXT", (), without=("a",))
BOTH = Wanted("hub.example.org", "TXT", ("a",), exact=False, without=("b",))
SOME = Wanted("hub.example.org", "TXT", ("b",), exact=False)
RIGHT2 = said("203.0.113.7", server="ns2", address="192.0.2.2")


@pytest.mark.parametrize(
    ("wanted", "answers", "proved"),
    [
        pytest.param(HUB, (), False, id="00-nobody-asked"),
        pytest.param(HUB, (said(),), False, id="01-no-data"),
        pytest.param(HUB, (said(code=Code.NO_NAME),), False, id="02-nxdomain"),
        pytest.param(HUB, (silent(code=Code.SERVFAIL),), False, id="03-servfail"),
        pytest.param(HUB, (silent(code=Code.REFUSED),), False, id="04-refused"),
        pytest.param(HUB, (silent(),), False, id="05-silence"),
        pytest.param(HUB, (silent(code=Code.LAME),), False, id="06-lame"),
        pytest.param(HUB, (silent(code=Code.OTHER),), False, id="07-rubbish"),
        pytest.param(HUB, (said("198.51.100.4"),), False, id="08-another-value"),
        pytest.param(HUB, (said("198.51.100.4", "203.0.113.7"),), False, id="09-one-too-many"),
        pytest.param(HUB, (RIGHT, WRONG2), False, id="10-one-server-lags"),
        pytest.param(HUB, (RIGHT, silent("ns2")), False, id="11-one-server-is-dead"),
        pytest.param(HUB, (RIGHT, silent("ns2", code=Code.SERVFAIL)), False, id="12-one-server-fails"),
        pytest.param(HUB, (RIGHT, said(address="2001:db8::1", code=Code.NO_NAME)), False, id="13-one-server-two-minds"),
        pytest.param(HUB, (RIGHT, silent(code=Code.REFUSED)), False, id="14-an-address-that-refuses-was-heard"),
        pytest.param(HUB, (said(alias="lb.example"),), False, id="15-an-alias"),
        pytest.param(NONE, (said("2001:db8::9"),), False, id="16-a-forgotten-record"),
        pytest.param(NONE, (said(alias="lb.example"),), False, id="17-an-alias-instead-of-nothing"),
        pytest.param(NONE, (silent(),), False, id="18-silence-is-not-absence"),
        pytest.param(SOME, (said("a"),), False, id="19-not-among-them"),
        pytest.param(NOTHING, (said("a"),), False, id="20-nothing-is-not-a-part-of-something"),
        pytest.param(WITHOUT, (said("a"),), False, id="26-what-must-not-be-there"),
        pytest.param(BOTH, (said("b"),), False, id="27-right-beside-what-must-not-be-there"),
        pytest.param(BOTH, (said("a", "c"),), True, id="28-right-and-without"),
        pytest.param(WITHOUT, (said("b"),), True, id="29-others-may-stay"),
        pytest.param(WITHOUT, (said(code=Code.NO_NAME),), True, id="30-nothing-is-without"),
        pytest.param(HUB, (RIGHT,), True, id="21-right"),
        pytest.param(HUB, (RIGHT, RIGHT2), True, id="22-right-everywhere"),
        pytest.param(HUB, (RIGHT, silent(), RIGHT2), True, id="23-ipv6-not-reachable-from-here"),
        pytest.param(NONE, (said(), said(server="ns2", code=Code.NO_NAME)), True, id="24-absent-either-way"),
        pytest.param(SOME, (said("a", "b"),), True, id="25-among-others"),
        pytest.param(SOME, (said("b"),), True, id="31-alone-is-enough"),
        pytest.param(BOTH, (said("c"),), False, id="32-without-but-not-what-is-wanted"),
    ],
)
def test_a_look_proves_or_not(wanted: Wanted, answers: tuple[Answer, ...], proved: bool) -> None:
    assert verdicts.proved(Look(wanted, "example.org", answers)) is proved


def test_a_problem_proves_nothing() -> None:
    assert not verdicts.proved(Look(HUB, "example.org", (RIGHT,), problem="no zone"))


def test_nothing_is_proved_while_there_may_be_more_servers() -> None:
    assert not verdicts.proved(Look(HUB, "example.org", (RIGHT,), complete=False))


GOOD, BAD = Look(HUB, "example.org", (RIGHT,)), Look(HUB, "example.org", (WRONG2,))
REPLACED = Look(HUB, "z", (silent(code=Code.REFUSED), silent("ns2", code=Code.LAME), silent("ns3")))
GONE = Look(HUB, "example.org", (silent(),))
LOST = Look(HUB, problem="the resolver gives no SOA", unreachable=True)
DOH = Look(HUB, answers=(said("203.0.113.7", server="dns.google"), silent("other")))
DOH_OLD = Look(HUB, answers=(said("198.51.100.4", server="dns.google"), said("203.0.113.7", server="other")))
DOH_SHUT = Look(HUB, answers=(silent("dns.google"), silent("other")))
V, P, N = Standing.VERIFIED, Standing.PUBLIC, Standing.NOT_YET


@pytest.mark.parametrize(
    ("round_", "amounts_to"),
    [
        pytest.param(Round(()), N, id="00-nothing-wanted"),
        pytest.param(Round((BAD,)), N, id="01-wrong"),
        pytest.param(Round((GOOD, BAD)), N, id="02-one-of-two-records"),
        pytest.param(Round((GONE,)), N, id="03-silence-and-nobody-else-asked"),
        pytest.param(Round((GONE,), public=(DOH_OLD,)), N, id="04-public-resolvers-differ"),
        pytest.param(Round((GONE,), public=(DOH_SHUT,)), N, id="05-no-public-resolver-answers"),
        pytest.param(Round((BAD,), public=(DOH,)), N, id="06-a-server-that-answers-outweighs-public-resolvers"),
        pytest.param(Round((GONE, BAD), public=(DOH, DOH)), N, id="07-one-record-was-answered-for"),
        pytest.param(Round((GOOD,), (BAD,), must_agree=True), N, id="08-a-named-resolver-differs"),
        pytest.param(Round((GOOD,), (GONE,), must_agree=True), N, id="09-a-named-resolver-is-silent"),
        pytest.param(Round((GOOD,), (), must_agree=True), N, id="10-named-resolvers-not-asked"),
        pytest.param(Round((GONE,), (BAD,), (DOH,), must_agree=True), N, id="11-public-but-not-the-named"),
        pytest.param(Round((Look(HUB, problem="no zone holds x"),), public=(DOH,)), N, id="12-no-zone-is-an-answer"),
        pytest.param(Round((GONE,), public=(DOH,)), P, id="13-public"),
        pytest.param(Round((REPLACED,), public=(DOH,)), P, id="18-public-where-somebody-answers-in-their-place"),
        pytest.param(Round((LOST,), public=(DOH,)), P, id="14-public-where-no-resolver-answers"),
        pytest.param(Round((GOOD,), (BAD,)), V, id="15-a-resolver-without-a-say"),
        pytest.param(Round((GOOD,), (GOOD,), must_agree=True), V, id="16-everybody"),
        pytest.param(Round((GOOD,)), V, id="17-right"),
    ],
)
def test_a_round_amounts_to_something(round_: Round, amounts_to: Standing) -> None:
    assert verdicts.standing(round_) is amounts_to


@pytest.mark.parametrize(
    ("rounds", "amounts_to"),
    [
        pytest.param([Round((GOOD,))], N, id="00-once-is-not-enough"),
        pytest.param([Round((GOOD,)), Round((BAD,))], N, id="01-lost-again"),
        pytest.param([Round((BAD,)), Round((GOOD,))], N, id="02-only-the-second"),
        pytest.param([Round((GONE,), public=(DOH,)), Round((GOOD,))], N, id="03-two-different-things"),
        pytest.param([Round((GOOD,)), Round((GOOD,))], V, id="04-twice-in-a-row"),
        pytest.param([Round((BAD,)), Round((GOOD,)), Round((GOOD,))], V, id="05-the-last-two-count"),
        pytest.param([Round((GONE,), public=(DOH,))] * 2, P, id="06-public-twice"),
    ],
)
def test_two_rounds_in_a_row_must_amount_to_the_same(rounds: list[Round], amounts_to: Standing) -> None:
    assert verdicts.reached(rounds) is amounts_to


REFUSES = silent("ns3", "192.0.2.3", Code.REFUSED)


@pytest.mark.parametrize(
    ("looks", "servers"),
    [
        pytest.param([], [], id="00-nothing-asked"),
        pytest.param([GOOD], [], id="01-all-answer"),
        pytest.param([GONE], [], id="02-none-answers"),
        pytest.param([Look(HUB, "z", (WRONG2, REFUSES))], [], id="03-the-record-is-wrong-too"),
        pytest.param([Look(HUB, "z", (said(alias="lb"), REFUSES))], [], id="04-an-alias"),
        pytest.param([Look(HUB, "z", (RIGHT, REFUSES)), BAD], [], id="05-another-record-is-wrong"),
        pytest.param([Look(HUB, "z", (RIGHT, REFUSES)), GONE], [], id="06-another-record-is-not-known"),
        pytest.param([Look(HUB, "z", (RIGHT, silent()))], [], id="07-the-other-address-of-a-server-that-answers"),
        pytest.param([Look(HUB, "z", (RIGHT, silent("ns2"), REFUSES))], ["ns2", "ns3"], id="08-dead-and-refusing"),
        pytest.param(
            [Look(HUB, "z", (RIGHT, REFUSES)), Look(NONE, "z", (said(), REFUSES))], ["ns3"], id="09-told-once"
        ),
        pytest.param([Look(HUB, "z", (RIGHT, silent(code=Code.LAME)))], ["ns1"], id="10-one-of-two-addresses"),
    ],
)
def test_faulty_servers_are_told_where_the_record_is_right(looks: list[Look], servers: list[str]) -> None:
    found = verdicts.faulty(looks)
    assert list(found) == servers
    assert all(len(items) == 1 for items in found.values())


LB = said(alias="lb.example")
LB2 = said(server="ns2", address="192.0.2.2", alias="lb.example")
OTHER_LB = said(server="ns2", address="192.0.2.2", alias="old.example")


@pytest.mark.parametrize(
    ("answers", "target"),
    [
        pytest.param((), "", id="00-nobody"),
        pytest.param((LB, WRONG2), "", id="01-one-server-has-an-address"),
        pytest.param((LB, OTHER_LB), "", id="02-two-targets"),
        pytest.param((LB, said(server="ns2", code=Code.NO_NAME)), "", id="03-one-server-lags"),
        pytest.param((LB, silent("ns2", code=Code.SERVFAIL)), "", id="04-one-server-fails"),
        pytest.param((LB, silent("ns2")), "", id="05-one-server-is-dead"),
        pytest.param((LB, LB2, silent()), "lb.example", id="06-all-that-were-heard"),
    ],
)
def test_an_alias_is_one_only_when_all_servers_give_it(answers: tuple[Answer, ...], target: str) -> None:
    assert verdicts.alias_of(answers) == target


def test_a_chain_is_proved_only_with_all_its_links() -> None:
    good = Hop("hub.example.org", (LB, LB2))
    assert verdicts.proved(Look(HUB, "example", (RIGHT,), via=(good,)))
    assert not verdicts.proved(Look(HUB, "example", (RIGHT,), via=(good, Hop("lb.example", (LB, WRONG2)))))


def test_an_address_that_was_heard_before_is_not_left_out() -> None:
    old = Answer("ns1", "2001:db8::1", Code.TIMEOUT, heard=True)
    assert not verdicts.proved(Look(HUB, "example.org", (RIGHT, old)))


@pytest.mark.parametrize(
    ("looks", "closed"),
    [
        pytest.param([], False, id="00-nothing-asked"),
        pytest.param([GONE, GOOD], False, id="01-one-answers"),
        pytest.param([Look(HUB, problem="no zone holds x")], False, id="02-no-zone"),
        pytest.param([Look(HUB, "z", (silent(),), via=(Hop("a", (LB,)),))], False, id="03-only-the-target-is-silent"),
        pytest.param([REPLACED, BAD], False, id="05-one-record-was-answered-for"),
        pytest.param([Look(HUB, "z", (silent(code=Code.SERVFAIL),))], False, id="06-a-failure-is-the-servers-own"),
        pytest.param([GONE, LOST], True, id="04-silence-everywhere"),
        pytest.param([REPLACED], True, id="07-refused-or-without-authority-everywhere"),
    ],
)
def test_out_of_reach_means_not_one_answer(looks: list[Look], closed: bool) -> None:
    assert verdicts.unreachable(looks) is closed


@pytest.mark.parametrize(
    ("look", "agreed", "present"),
    [
        pytest.param(Look(SOME, "z", ()), False, [], id="00-nobody"),
        pytest.param(Look(SOME, "z", (said("a"), said("b", server="ns2"))), False, [], id="01-differ"),
        pytest.param(Look(SOME, "z", (said("a"), silent("ns2"))), False, [], id="02-one-is-silent"),
        pytest.param(Look(SOME, "z", (said(alias="lb"),)), False, [], id="03-an-alias"),
        pytest.param(Look(SOME, "z", (said("a"),), via=(Hop("x", (LB,)),)), False, [], id="04-behind-an-alias"),
        pytest.param(Look(SOME, "z", (said(), said(server="ns2", code=Code.NO_NAME))), True, [], id="05-nothing"),
        pytest.param(Look(SOME, "z", (said("a", "b"), silent())), True, ["a", "b"], id="06-the-same"),
    ],
)
def test_what_is_there_is_told_only_when_servers_agree(look: Look, agreed: bool, present: list[str]) -> None:
    assert verdicts.current(look) == {
        "name": look.wanted.name,
        "type": "TXT",
        "agreed": agreed,
        "present": present,
        "texts": [],
        "ttl": 0,
    }


def test_answers_are_listed_link_by_link() -> None:
    look = Look(HUB, "example", (RIGHT,), via=(Hop("hub.example.org", (LB,)),))
    assert [(item["name"], item["status"], item["answers"], item.get("alias")) for item in look.as_dicts()] == [
        ("hub.example.org", "answer", [], "lb.example"),
        ("lb.example", "answer", ["203.0.113.7"], None),
    ]


def test_no_false_proof_in_a_thousand_random_worlds() -> None:
    chance = random.Random(20261122)
    codes = list(Code)
    proofs = 0
    for _look in range(1000):
        answers = tuple(
            Answer(
                f"ns{server}",
                f"a{server}{host}",
                code,
                ("203.0.113.7",) if code is Code.ANSWER and chance.random() < 0.9 else (),
            )
            for server in range(chance.randint(1, 3))
            for host in range(chance.randint(1, 2))
            for code in [Code.ANSWER if chance.random() < 0.8 else chance.choice(codes)]
        )
        # Said independently of the code under test: each server answered somewhere, and every answer is the record.
        heard = [item for item in answers if item.code is not Code.TIMEOUT]
        true = {item.server for item in heard} == {item.server for item in answers} and all(
            item.code is Code.ANSWER and item.values == ("203.0.113.7",) for item in heard
        )
        assert verdicts.proved(Look(HUB, "example.org", answers)) is true
        proofs += true
    assert 100 < proofs < 900


@pytest.mark.parametrize(
    ("rtype", "value", "canonical"),
    [
        ("A", " 203.0.113.7 ", "203.0.113.7"),
        ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
        ("CNAME", "LB.Example.ORG.", "lb.example.org"),
        ("TXT", 'Case "kept" ', 'Case "kept" '),
        ("CAA", "0 ISSUE letsencrypt.org", '0 issue "letsencrypt.org"'),
        ("CAA", '0 issue "letsencrypt.org"', '0 issue "letsencrypt.org"'),
    ],
)
def test_values_are_compared_in_one_form(rtype: str, value: str, canonical: str) -> None:
    assert verdicts.canonical(rtype, value) == canonical


@pytest.mark.parametrize(
    ("rtype", "value"),
    [
        ("A", "2001:db8::1"),
        ("AAAA", "203.0.113.7"),
        ("A", "hub"),
        ("CAA", "issue x"),
        ("CAA", "0 issue"),
        ("CAA", "x issue y"),
    ],
)
def test_values_a_type_cannot_have_are_refused(rtype: str, value: str) -> None:
    with pytest.raises(HubError, match=f"E-DNS-05 .*cannot be the value of an {rtype} record"):
        verdicts.canonical(rtype, value)


def test_the_options_become_record_sets() -> None:
    items = [
        {
            "name": "Hub.Example.org.",
            "type": "a",
            "values": ["203.0.113.8", "203.0.113.7", "203.0.113.7"],
            "exact": None,
        },
        {"name": None, "type": "AAAA", "values": None, "exact": False},
    ]
    assert verdicts.parse_wanted(items, "other.example.org") == (
        Wanted("hub.example.org", "A", ("203.0.113.7", "203.0.113.8"), True),
        Wanted("other.example.org", "AAAA", (), False),
    )


@pytest.mark.parametrize("items", [[], [{"type": "A", "values": ["203.0.113.7"]}]])
def test_no_record_and_no_name_are_refused(items: list[dict[str, Any]]) -> None:
    with pytest.raises(HubError, match="E-DNS-05"):
        verdicts.parse_wanted(items)


def test_a_wish_is_told_as_people_write_it() -> None:
    assert [item.text() for item in (HUB, NONE, WITHOUT, BOTH)] == ["A 203.0.113.7", "no AAAA", "no TXT a", "TXT a"]


@pytest.mark.parametrize(
    ("name", "fits"),
    [("hub.example.org:8443", False), ("a..b", False), ("hub", False), ("", False), ("a." * 126 + "org", False),
     ("_acme-challenge_x.Hub.example.org.", True), ("a.b", True), ("a." * 125 + "org", True)],
)  # fmt: skip
def test_what_can_be_looked_up(name: str, fits: bool) -> None:
    assert verdicts.is_host_name(name) is fits


def test_names_in_other_scripts_travel_as_ascii() -> None:
    assert verdicts.host_name("Bücher.Example.org.") == "xn--bcher-kva.example.org"
    with pytest.raises(HubError, match=r"E-DNS-05 .* is no host name"):
        verdicts.host_name("ü" * 64 + ".example.org")


@pytest.mark.parametrize(("name", "older"), [("straße.example.org", "strasse.example.org"), ("faß.de", "fass.de")])
def test_a_name_is_not_taken_for_another_one(name: str, older: str) -> None:
    """By the rules of today sharp s is a letter of its own, and both names may have different owners."""
    with pytest.raises(HubError, match="E-DNS-05") as caught:
        verdicts.host_name(name)
    assert older in caught.value.what
    assert "xn--" in caught.value.do


@pytest.mark.parametrize(
    "name",
    [
        "https://hub.example.org/",
        "hub.example.org:8443",
        "hub.example.org/hub",
        "hub..example.org",
        ".example.org",
        "my hub.example.org",
        "a" * 64 + ".org",
        "a." * 127 + "org",
    ],
)
def test_a_name_that_nobody_could_ask_for_is_refused_before_the_wait(name: str) -> None:
    with pytest.raises(HubError, match=r"E-DNS-05 .* cannot be the name of a record") as caught:
        verdicts.parse_wanted([{"type": "A", "values": ["203.0.113.7"]}], name)
    assert "hub.example.org" in caught.value.do


@pytest.mark.parametrize("name", ["_acme-challenge.hub.example.org.", "*.example.org", "org", "-a-.example.org"])
def test_names_that_are_no_hosts_can_be_asked_for(name: str) -> None:
    assert verdicts.parse_wanted([{"type": "TXT"}], name)[0].name == name.rstrip(".")
