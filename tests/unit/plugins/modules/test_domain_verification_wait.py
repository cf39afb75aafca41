# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of domain_verification_wait to its answer; questions and judgements are tested in _dns/."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.proof import Proof
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import (
    Answer,
    Code,
    Look,
    Round,
    Wanted,
    standing,
)
from ansible_collections.researchops.jupyterhub.plugins.modules import domain_verification_wait
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

HUB = Wanted("hub.example.org", "A", ("203.0.113.7",))
RIGHT = Look(HUB, "example.org", (Answer("ns1", "192.0.2.1", Code.ANSWER, ("203.0.113.7",), ttl=60),))
WRONG = Look(HUB, "example.org", (Answer("ns1", "192.0.2.1", Code.ANSWER, ("203.0.113.9",)),))
CLOSED = Look(HUB, "example.org", (Answer("ns1", "192.0.2.1", Code.TIMEOUT),))
SAID = Look(HUB, answers=(Answer("dns.test", "https://dns.test", Code.ANSWER, ("203.0.113.7",)),))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A world in which the record is right unless `round` says otherwise; records how it was asked."""
    found: dict[str, Any] = {"round": Round((RIGHT,))}

    def prove(authorities: Any, wanted: Any, **words: Any) -> Proof:
        found.update(words, wanted=wanted, resolver=authorities.resolver)
        return Proof(standing(found["round"]), found["round"], [{"looks": 1}], 1.26, "what was seen")

    monkeypatch.setattr(domain_verification_wait, "prove", prove)
    monkeypatch.setattr(domain_verification_wait, "recursive", lambda nameservers, port: (nameservers, port))
    return found


def run(check_mode: bool = False, **options: Any) -> Any:
    return domain_verification_wait.body(request(domain_verification_wait, check_mode=check_mode, **options))


ONE = {"name": "Hub.Example.org.", "type": "A", "values": ["203.0.113.7"]}


def test_one_record_is_proved(asked: dict[str, Any]) -> None:
    outcome = run(**ONE, wait_timeout=30, wait_sleep=5, nameservers=["192.0.2.53"])
    assert (asked["wanted"], asked["timeout"], asked["interval"]) == ((HUB,), 30, 5)
    assert asked["resolver"] == (["192.0.2.53"], 53)
    assert outcome.changed is False
    assert outcome.result == {
        "verified": True,
        "public": False,
        "verdict": "verified at every authoritative server",
        "zones": ["example.org"],
        "seen": "what was seen",
        "seconds": 1.3,
        "current": [
            {
                "name": "hub.example.org",
                "type": "A",
                "agreed": True,
                "present": ["203.0.113.7"],
                "texts": [],
                "ttl": 60,
            }
        ],
        "attempts": [{"looks": 1}],
        "transitions": [],
    }


def test_several_records_take_the_common_name(asked: dict[str, Any]) -> None:
    run(
        name="hub.example.org",
        records=[
            {"type": "A", "values": ["203.0.113.7"]},
            {"type": "AAAA"},
            {"name": "b.example.org", "type": "TXT", "values": ["x"], "exact": False},
        ],
    )
    assert asked["wanted"] == (
        HUB,
        Wanted("hub.example.org", "AAAA", ()),
        Wanted("b.example.org", "TXT", ("x",), False),
    )


def test_a_record_that_never_came_is_an_error_with_all_attempts(asked: dict[str, Any]) -> None:
    asked["round"] = Round((WRONG,))
    with pytest.raises(HubError, match=r"E-DNS-02 hub.example.org points elsewhere") as caught:
        run(**ONE)
    assert caught.value.details == {"attempts": [{"looks": 1}], "verdict": "not verified"}


def test_public_resolvers_make_a_success_that_is_not_verified(asked: dict[str, Any]) -> None:
    asked["round"] = Round((CLOSED,), public=(SAID,))
    outcome = run(**ONE)
    assert (outcome.result["verified"], outcome.result["public"]) == (False, True)
    assert outcome.result["verdict"] == "authoritative servers not reachable from here"
    assert outcome.warnings == ["authoritative servers not reachable from here: what was seen"]


def test_a_resolver_that_is_behind_is_warned_of(asked: dict[str, Any]) -> None:
    asked["round"] = Round((RIGHT,), (WRONG,))
    assert run(**ONE).warnings == ["the record is right, but not everywhere yet: what was seen"]


@pytest.mark.parametrize(
    ("options", "named", "must_agree", "public"),
    [
        pytest.param({}, False, False, True, id="by-default"),
        pytest.param({"resolvers": ["192.0.2.53"]}, True, False, True, id="named"),
        pytest.param({"resolvers": ["192.0.2.53"], "resolvers_must_agree": True}, True, True, True, id="with-a-say"),
        pytest.param({"resolvers_must_agree": True}, False, False, True, id="nobody-to-agree"),
        pytest.param({"https_fallback": False}, False, False, False, id="no-fallback"),
        pytest.param({"https_resolvers": []}, False, False, False, id="nobody-to-fall-back-on"),
    ],
)
def test_others_are_asked_as_the_options_say(
    asked: dict[str, Any], options: dict[str, Any], named: bool, must_agree: bool, public: bool
) -> None:
    run(**ONE, **options)
    others = asked["others"]
    assert (others.resolvers is not None, others.must_agree, others.public is not None) == (named, must_agree, public)


def test_check_mode_looks_once_and_never_fails(asked: dict[str, Any]) -> None:
    asked["round"] = Round((WRONG,))
    outcome = run(check_mode=True, **ONE, wait_timeout=600)
    assert (outcome.result["verified"], asked["timeout"]) == (False, 0)


def test_nobody_is_asked_more_than_once_a_second(asked: dict[str, Any]) -> None:
    run(**ONE, wait_sleep=0)
    assert asked["interval"] == 1


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"name": "hub.example.org"}, id="nothing-wanted"),
        pytest.param({"type": "A"}, id="no-name"),
        pytest.param({"name": "x", "type": "MX"}, id="unknown-type"),
        pytest.param({**ONE, "records": [{"type": "A"}]}, id="both-ways"),
        pytest.param({"name": "x", "records": [{"type": "A"}], "values": ["192.0.2.1"]}, id="values-beside-records"),
        pytest.param({"name": "x", "records": [{"type": "A"}], "exact": False}, id="exact-beside-records"),
        pytest.param({"name": "x", "records": [{"type": "A"}], "without": ["y"]}, id="without-beside-records"),
        pytest.param({"name": "x", "records": [{"values": ["y"]}]}, id="record-without-type"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        request(domain_verification_wait, **options)


def test_no_record_is_not_a_proof(asked: dict[str, Any]) -> None:
    with pytest.raises(HubError, match="E-DNS-05 There is no record to prove"):
        run(name="x", records=[])


@pytest.mark.parametrize("choice", [True, False])
def test_addresses_instead_of_an_alias_count_only_where_that_is_asked_for(asked: dict[str, Any], choice: bool) -> None:
    run(name="hub.example.org", type="CNAME", values=["lb.cloud.test"], or_addresses=choice)
    (wanted,) = asked["wanted"]
    assert wanted.host == ("lb.cloud.test" if choice else "")
    run(**ONE, or_addresses=choice)
    assert asked["wanted"][0].host == ""
