# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen, and why it is not enough, as a person reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import words
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import (
    Code,
    Look,
    Round,
    Wanted,
)
from ansible_collections.researchops.jupyterhub.tests.unit.dns_world import HUB, NONE, RIGHT, WRONG2, said, silent

GOOD, BAD = Look(HUB, "example.org", (RIGHT,)), Look(HUB, "example.org", (WRONG2,))


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
    assert words.describe(looks) == text


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
    error = words.not_proved(Round(tuple(looks)), 600.2, {"attempts": []})
    assert error.error_id == error_id
    assert what in error.what


def test_the_error_reads_as_in_the_first_hour() -> None:
    answers = [said("198.51.100.4"), said("198.51.100.4", server="ns2")]
    looks = [Look(HUB, "z", tuple(answers)), Look(NONE, "z", (said("2001:db8::9"), said("2001:db8::9", server="ns2")))]
    assert words.not_proved(Round(tuple(looks)), 600.2, {}).text() == (
        "E-DNS-02 hub.example.org points elsewhere. Seen: A 198.51.100.4 and AAAA 2001:db8::9 at 2 of 2 authoritative "
        "servers; wanted: A 203.0.113.7, no AAAA; waited 600 s. Nothing was changed. Do: correct the record, run again."
    )


def test_a_wildcard_is_called_one() -> None:
    look = Look(HUB, "z", (said("198.51.100.4"),), wildcard=True)
    error = words.not_proved(Round((look,)), 1, {})
    assert error.seen.endswith("authoritative servers (from a wildcard, not from a record of its own)")
    assert (error.error_id, error.do.partition(",")[0]) == ("E-DNS-02", "add a record for this name itself")


def test_a_list_that_may_be_old_is_told() -> None:
    assert words.describe([replace(GOOD, complete=False)]) == (
        "A 203.0.113.7 at 1 of 1 authoritative servers (none of them tells yet whether there are more)"
    )


def test_a_resolver_that_remembers_is_told_with_its_memory() -> None:
    old = Look(HUB, answers=(replace(said("198.51.100.4", server="192.0.2.53"), ttl=240),))
    round_ = Round((GOOD,), (old,), must_agree=True)
    assert words.describe_round(round_) == (
        "A 203.0.113.7 at 1 of 1 authoritative servers; "
        "but A 198.51.100.4 at 1 of 1 named resolvers, remembered for at most 240 s"
    )
    error = words.not_proved(round_, 9, {})
    assert (error.error_id, "split horizon" in error.do) == ("E-DNS-09", True)


def test_a_silent_resolver_remembers_nothing() -> None:
    assert words.describe_round(Round((GOOD,), (Look(HUB, answers=(silent("r"),)),))).endswith(
        "but no answer at 1 of 1 named resolvers"
    )


LAME = said(code=Code.LAME)
REFUSING = said(code=Code.REFUSED, server="ns2")


def test_one_who_answers_in_place_of_the_servers_is_thought_of() -> None:
    replaced = Round((Look(HUB, "z", (LAME, REFUSING)),))
    error = words.not_proved(replaced, 9, {})
    assert error.error_id == "E-DNS-03"
    assert error.what == (
        "The authoritative name servers of hub.example.org cannot be reached from here, "
        "or something on the way answers in their place, so nothing is proved"
    )
    assert "correct its delegation" in error.do
    nothing = replace(replaced, public=(Look(HUB, answers=(said(server="dns.google", code=Code.SERVFAIL),)),))
    assert words.not_proved(nothing, 9, {}).do == error.do
    old = replace(replaced, public=(Look(HUB, answers=(said("198.51.100.4", server="dns.google"),)),))
    assert words.not_proved(old, 9, {}).do.startswith("correct the record, or wait until public resolvers")


def test_where_the_port_is_closed_nobody_else_is_suspected() -> None:
    error = words.not_proved(Round((Look(HUB, "z", (silent(),)),)), 9, {})
    assert "on the way" not in error.what
    assert error.do.startswith("open port 53")


@pytest.mark.parametrize("wildcard", [False, True])
def test_a_broken_server_is_named_where_the_record_is_right(wildcard: bool) -> None:
    look = Look(HUB, "z", (RIGHT, REFUSING, silent("ns3", "192.0.2.3")), wildcard=wildcard)
    error = words.not_proved(Round((look,)), 9, {})
    assert error.error_id == "E-DNS-04"
    assert error.what == (
        "hub.example.org is right wherever a name server answers properly, but not all of them do: ns2 (REFUSED), "
        "ns3 (no answer)"
    )
    assert error.do == "repair them, or take them out of the zone's NS records"


def test_servers_that_do_not_tell_their_colleagues_are_not_a_wrong_record() -> None:
    error = words.not_proved(Round((replace(GOOD, complete=False), Look(NONE, "example.org", (said(),)))), 9, {})
    assert (error.error_id, error.do) == ("E-DNS-04", "let them answer questions for NS of example.org, run again")
    assert error.what.startswith("hub.example.org is right at every name server known, but none of them tells which")


def test_a_server_with_ipv6_only_is_told_from_a_dead_one() -> None:
    look = Look(HUB, "z", (RIGHT, silent("ns2"), silent("ns3", "192.0.2.3")))
    error = words.not_proved(Round((look,)), 9, {})
    assert error.error_id == "E-DNS-04"
    assert error.do.endswith("; ns2 answers over IPv6 only, or not at all: run from a machine with IPv6")


@pytest.mark.parametrize(("heard", "told"), [("192.0.2.1", False), ("2001:db8::1", True)])
def test_on_a_machine_without_ipv4_so_is_a_server_with_ipv4_only(heard: str, told: bool) -> None:
    look = Look(HUB, "z", (said("203.0.113.7", address=heard), silent("ns2", "192.0.2.2"), silent("ns3", "")))
    error = words.not_proved(Round((look,)), 9, {})
    assert error.error_id == "E-DNS-04"
    assert ("; ns2 answers over IPv4 only, or not at all: run from a machine with IPv4" in error.do) is told


def test_where_ipv6_answers_elsewhere_a_silent_server_is_dead() -> None:
    look = Look(HUB, "z", (said("203.0.113.7", address="2001:db8::7"), silent("ns2")))
    assert "IPv6" not in words.not_proved(Round((look,)), 9, {}).do


def test_public_resolvers_are_told_apart() -> None:
    public = Look(HUB, answers=(said("198.51.100.4", server="dns.google"),))
    round_ = Round((Look(HUB, "z", (silent(),)),), public=(public,))
    assert words.describe_round(round_) == (
        "no answer at 1 of 1 authoritative servers; authoritative servers not reachable from here; "
        "over HTTPS A 198.51.100.4 at 1 of 1 public resolvers"
    )
    error = words.not_proved(round_, 9, {})
    assert (error.error_id, error.do.partition(",")[0]) == ("E-DNS-03", "correct the record")
