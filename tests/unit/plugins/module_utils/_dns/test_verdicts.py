# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of name servers mean; everything that is not proof first."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import verdicts
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Answer, Code, Look, Wanted

HUB = Wanted("hub.example.org", "A", ("203.0.113.7",))
NONE = Wanted("hub.example.org", "AAAA", ())
NOTHING = Wanted("hub.example.org", "TXT", (), exact=False)
SOME = Wanted("hub.example.org", "TXT", ("b",), exact=False)


def said(
    *values: str, server: str = "ns1", address: str = "192.0.2.1", code: Code | None = None, alias: str = ""
) -> Answer:
    found = Code.ANSWER if values or alias else Code.NO_DATA
    return Answer(server, address, code or found, values, alias)


RIGHT = said("203.0.113.7")
RIGHT2 = said("203.0.113.7", server="ns2", address="192.0.2.2")
WRONG2 = said("198.51.100.4", server="ns2", address="192.0.2.2")


def silent(server: str = "ns1", address: str = "2001:db8::1", code: Code = Code.TIMEOUT) -> Answer:
    return Answer(server, address, code)


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
        pytest.param(HUB, (RIGHT,), True, id="21-right"),
        pytest.param(HUB, (RIGHT, RIGHT2), True, id="22-right-everywhere"),
        pytest.param(HUB, (RIGHT, silent(), RIGHT2), True, id="23-ipv6-not-reachable-from-here"),
        pytest.param(NONE, (said(), said(server="ns2", code=Code.NO_NAME)), True, id="24-absent-either-way"),
        pytest.param(SOME, (said("a", "b"),), True, id="25-among-others"),
    ],
)
def test_a_look_proves_or_not(wanted: Wanted, answers: tuple[Answer, ...], proved: bool) -> None:
    assert verdicts.proved(Look(wanted, "example.org", answers)) is proved


def test_a_problem_proves_nothing() -> None:
    assert not verdicts.proved(Look(HUB, "example.org", (RIGHT,), problem="no zone"))


GOOD, BAD = Look(HUB, "example.org", (RIGHT,)), Look(HUB, "example.org", (WRONG2,))


@pytest.mark.parametrize(
    ("rounds", "state"),
    [
        pytest.param([[GOOD]], State.PENDING, id="00-once-is-not-enough"),
        pytest.param([[GOOD], [BAD]], State.PENDING, id="01-lost-again"),
        pytest.param([[BAD], [GOOD]], State.PENDING, id="02-only-the-second"),
        pytest.param([[GOOD, BAD], [GOOD, BAD]], State.PENDING, id="03-one-of-two-records"),
        pytest.param([[], []], State.PENDING, id="04-nothing-wanted-proves-nothing"),
        pytest.param([[GOOD], [GOOD]], State.DONE, id="05-twice-in-a-row"),
        pytest.param([[BAD], [GOOD], [GOOD]], State.DONE, id="06-the-last-two-count"),
    ],
)
def test_done_is_two_full_rounds_in_a_row(rounds: list[list[Look]], state: State) -> None:
    assert verdicts.judge(rounds).state is state


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


@pytest.mark.parametrize(
    ("looks", "text"),
    [
        pytest.param(
            [
                Look(HUB, "z", (said("198.51.100.4"), said("198.51.100.4", server="ns2"))),
                Look(NONE, "z", (said("2001:db8::9"), said("2001:db8::9", server="ns2"))),
            ],
            "A 198.51.100.4 and AAAA 2001:db8::9 at 2 of 2 authoritative servers",
            id="as-the-first-hour-shows-it",
        ),
        pytest.param(
            [Look(HUB, "z", (RIGHT, WRONG2, silent("ns3")))],
            "A 203.0.113.7 at 1 of 3 (ns1), A 198.51.100.4 at 1 of 3 (ns2), no answer at 1 of 3 (ns3)",
            id="servers-that-differ",
        ),
        pytest.param([Look(HUB, "z", (said(),))], "no such record at 1 of 1 authoritative servers", id="no-data"),
        pytest.param([Look(HUB, problem="no zone holds x")] * 2, "no zone holds x", id="problem-once"),
        pytest.param([Look(HUB, "z", (said(alias="lb"),))], "CNAME lb at 1 of 1 authoritative servers", id="alias"),
        pytest.param(
            [Look(HUB, "z", (RIGHT,)), Look(Wanted("b.org", "TXT", ("x",)), "z", (said(code=Code.NO_NAME),))],
            "hub.example.org: A 203.0.113.7 at 1 of 1 authoritative servers; "
            "b.org: NXDOMAIN at 1 of 1 authoritative servers",
            id="two-names",
        ),
    ],
)
def test_a_round_in_words(looks: list[Look], text: str) -> None:
    assert verdicts.describe(looks) == text


@pytest.mark.parametrize(
    ("looks", "error_id", "what"),
    [
        pytest.param([BAD, Look(NONE, "z", (said(),))], "E-DNS-02", "hub.example.org points elsewhere", id="elsewhere"),
        pytest.param([Look(HUB, "z", (said(alias="lb"),))], "E-DNS-02", "hub.example.org points elsewhere", id="alias"),
        pytest.param([Look(HUB, "z", (said(),))], "E-DNS-02", "hub.example.org has no such record", id="missing"),
        pytest.param([Look(HUB, "z", (silent(),))], "E-DNS-03", "cannot be reached from here", id="port-53-closed"),
        pytest.param(
            [Look(HUB, problem="no zone")], "E-DNS-01", "The zone of hub.example.org could not be found", id="no-zone"
        ),
    ],
)
def test_the_error_fits_what_was_seen(looks: list[Look], error_id: str, what: str) -> None:
    error = verdicts.not_proved(looks, 600.2, {"attempts": []})
    assert error.error_id == error_id
    assert what in error.what


def test_the_error_reads_as_in_the_first_hour() -> None:
    answers = [said("198.51.100.4"), said("198.51.100.4", server="ns2")]
    looks = [Look(HUB, "z", tuple(answers)), Look(NONE, "z", (said("2001:db8::9"), said("2001:db8::9", server="ns2")))]
    assert verdicts.not_proved(looks, 600.2, {}).text() == (
        "E-DNS-02 hub.example.org points elsewhere. Seen: A 198.51.100.4 and AAAA 2001:db8::9 at 2 of 2 authoritative "
        "servers; wanted: A 203.0.113.7, no AAAA; waited 600 s. Nothing was changed. Do: correct the record, run again."
    )


def test_addresses_become_complete_record_sets() -> None:
    assert verdicts.records_for(["203.0.113.8", "203.0.113.7"]) == [
        {"type": "A", "values": ["203.0.113.7", "203.0.113.8"], "exact": True},
        {"type": "AAAA", "values": [], "exact": True},
    ]
    assert verdicts.records_for(["2001:DB8::1"]) == [
        {"type": "A", "values": [], "exact": True},
        {"type": "AAAA", "values": ["2001:db8::1"], "exact": True},
    ]
    assert verdicts.records_for(["LB.example.org."]) == [{"type": "CNAME", "values": ["lb.example.org"], "exact": True}]


@pytest.mark.parametrize("addresses", [["203.0.113.7", "lb.example.org"], ["a.example.org", "b.example.org"]])
def test_addresses_no_name_can_lead_to_are_refused(addresses: list[str]) -> None:
    with pytest.raises(HubError, match="E-DNS-05 No single name can lead to"):
        verdicts.records_for(addresses)
