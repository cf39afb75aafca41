# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of Certificate Manager: what is sent, in which order, what is waited for, what a lost answer means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_map import Seen, Wish, decide
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_map_api import CertificateMaps
from ansible_collections.researchops.jupyterhub.tests.unit.fake_certificate_manager import PLACE, FakeManager
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import api, broken, failure, info, reply
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, fails

WISH = Wish("hub-front", "hub.example.org")
OLD = Wish("hub-front", "old.example.org")
MINE, THEIRS = WISH.part, OLD.part
ENTRIES = "certificateMaps/hub-front/certificateMapEntries"
LABELS = {"managed-by": "researchops-jupyterhub", "certificate-map": "hub-front", "owner": "e3b0c44298fc1c14"}
WAITING, ISSUED = {"state": "PROVISIONING"}, {"state": "ACTIVE"}
UNPROVED = {
    "state": "PROVISIONING",
    "authorizationAttemptInfo": [{"state": "FAILED", "failureReason": "CONFIG", "details": "no CNAME."}],
}


def maps(fake: Callable[..., Answer]) -> tuple[CertificateMaps, FakeClock, Reporter]:
    client, _http, clock = api(fake, project="p")
    reporter = Reporter("climate", "certificate", clock)
    return CertificateMaps(client, "p", reporter), clock, reporter


def bring(fake: FakeManager, wish: Wish = WISH, timeout: float = 60) -> tuple[Seen, FakeClock, Reporter]:
    """The whole way: look, decide, do."""
    found, clock, reporter = maps(fake)
    seen = found.look(wish)
    return found.carry_out(wish, seen, decide(wish, seen), timeout), clock, reporter


@pytest.mark.parametrize(("consumer", "own"), [("123", True), ("p", True), ("77", False), ("764086051850", False)])
def test_a_manager_that_is_off_says_in_which_project(consumer: str, own: bool) -> None:
    """In the one whose quota is used, which says nothing about ours unless it is ours."""
    off = failure(403, "PERMISSION_DENIED", "off", info("SERVICE_DISABLED", consumer=f"projects/{consumer}"))

    def answering(_method: str, url: str, _body: Any) -> Answer:
        return reply(body={"name": "projects/123"}) if "cloudresourcemanager" in url else off

    problem = fails("E-GCP-05", lambda: maps(answering)[0].look(WISH))
    assert problem.details["own_project"] is own


def test_everything_is_made_in_the_order_of_use_and_marked() -> None:
    fake = FakeManager()
    seen, clock, _reporter = bring(fake)
    assert fake.writes == [
        ("POST", "dnsAuthorizations"),
        ("POST", "certificates"),
        ("POST", "certificateMaps"),
        ("POST", ENTRIES),
    ]
    about = "hub.example.org, for the certificate map hub-front"
    assert fake.bodies == [
        {"domain": "hub.example.org", "type": "PER_PROJECT_RECORD", "labels": LABELS, "description": about},
        {
            "managed": {
                "domains": ["hub.example.org"],
                "dnsAuthorizations": [f"{PLACE}/dnsAuthorizations/{MINE}"],
            },
            "labels": LABELS,
            "description": about,
        },
        {"labels": LABELS, "description": "Certificates of a JupyterHub"},
        {
            "hostname": "hub.example.org",
            "certificates": [f"{PLACE}/certificates/{MINE}"],
            "labels": LABELS,
            "description": about,
        },
    ]
    assert seen.issued.state == "ACTIVE"
    assert seen.records([MINE]) == [
        {"name": "_acme-challenge_x.hub.example.org", "type": "CNAME", "data": "x.0.authorize.goog"}
    ]
    assert clock.passed == 0


def test_a_second_run_writes_nothing() -> None:
    fake = FakeManager()
    bring(fake)
    fake.writes.clear()
    bring(fake)
    assert fake.writes == []


def test_only_the_authorization_is_made_where_no_more_is_wanted() -> None:
    fake = FakeManager()
    bring(fake, replace(WISH, state="authorized"))
    assert list(fake.parts) == [f"dnsAuthorizations/{MINE}"]


def test_an_operation_is_awaited_before_the_next_step() -> None:
    fake = FakeManager()
    fake.slow = 2
    _seen, clock, reporter = bring(fake)
    assert len(fake.writes) == 4
    assert clock.passed == 4 * 2 * 2.0
    assert "POST of DnsAuthorization" in reporter.transitions[0]["text"]


def test_an_operation_that_never_ends_is_given_up() -> None:
    fake = FakeManager()
    fake.slow = 10_000
    error = fails("E-CERT-34", lambda: bring(fake))
    assert error.changed is Changed.UNKNOWN
    assert len(fake.writes) == 1


def test_an_operation_that_fails_is_told_and_what_went_before_too() -> None:
    fake = FakeManager()
    fake.broken["POST", "certificates"] = {"code": 7, "message": "Permission denied"}
    error = fails("E-GCP-04", lambda: bring(fake))
    assert error.changed is Changed.SOME
    fake = FakeManager()
    fake.broken["POST", "dnsAuthorizations"] = {"code": 7, "message": "Permission denied"}
    assert fails("E-GCP-04", lambda: bring(fake)).changed is Changed.NOTHING


def test_the_certificate_is_awaited_and_spoken_about() -> None:
    fake = FakeManager(*[WAITING] * 9, ISSUED)
    seen, clock, reporter = bring(fake)
    assert seen.issued.state == "ACTIVE"
    assert clock.passed == 8 * 5.0
    texts = [line["text"] for line in reporter.transitions]
    assert [text.startswith("waiting: certificate for hub.example.org: PROVISIONING") for text in texts] == [True, True]


def test_nobody_waits_where_nobody_wants_to() -> None:
    fake = FakeManager(WAITING)
    seen, clock, _reporter = bring(fake, replace(WISH, wait=False))
    assert (seen.issued.state, clock.passed) == ("PROVISIONING", 0)


def test_a_certificate_that_is_not_issued_in_time_has_a_cause_and_a_cure() -> None:
    error = fails("E-CERT-30", lambda: bring(FakeManager(UNPROVED)))
    assert "_acme-challenge_x.hub.example.org CNAME x.0.authorize.goog" in error.do
    assert "waited 60 s" in error.what
    assert error.changed is Changed.SOME


def test_a_certificate_that_google_gives_up_ends_the_wait_and_is_replaced_next_time() -> None:
    fake = FakeManager(WAITING, WAITING, {**UNPROVED, "state": "FAILED"})
    error = fails("E-CERT-30", lambda: bring(fake))
    assert "anew" in error.what
    fake.given_up, fake.states, fake.writes = {f"certificates/{MINE}"}, [ISSUED], []
    seen, _clock, _reporter = bring(fake)
    assert (seen.certificate, seen.issued.state) == (f"{MINE}-2", "ACTIVE")
    assert fake.writes == [
        ("POST", "certificates"),
        ("PATCH", f"{ENTRIES}/{MINE}"),
        ("DELETE", f"certificates/{MINE}"),
    ]
    assert fake.parts[f"{ENTRIES}/{MINE}"]["certificates"] == [f"{PLACE}/certificates/{MINE}-2"]


def test_what_google_gave_up_serves_until_another_one_is_issued() -> None:
    fake = given_up()
    fake.states = [UNPROVED]
    fails("E-CERT-30", lambda: bring(fake))
    assert fake.parts[f"{ENTRIES}/{MINE}"]["certificates"] == [f"{PLACE}/certificates/{MINE}"]


def test_another_domain_takes_the_place_of_the_old_one_only_when_it_is_issued() -> None:
    fake = FakeManager()
    bring(fake, OLD)
    fake.writes.clear()
    fake.states = [UNPROVED]
    fails("E-CERT-30", lambda: bring(fake))
    assert f"{ENTRIES}/{THEIRS}" in fake.parts
    fake.states = [ISSUED]
    fake.writes.clear()
    bring(fake)
    assert fake.writes == [
        ("DELETE", f"{ENTRIES}/{THEIRS}"),
        ("DELETE", f"certificates/{THEIRS}"),
        ("DELETE", f"dnsAuthorizations/{THEIRS}"),
    ]
    assert set(fake.parts) == {
        f"dnsAuthorizations/{MINE}", f"certificates/{MINE}", "certificateMaps/hub-front", f"{ENTRIES}/{MINE}",
    }  # fmt: skip


def test_an_entry_that_leads_elsewhere_is_put_right() -> None:
    fake = FakeManager()
    bring(fake)
    fake.parts[f"{ENTRIES}/{MINE}"]["certificates"] = [f"{PLACE}/certificates/other"]
    fake.writes.clear()
    bring(fake)
    assert fake.writes == [("PATCH", f"{ENTRIES}/{MINE}")]
    assert fake.bodies[-1] == {"certificates": [f"{PLACE}/certificates/{MINE}"]}
    assert fake.parts[f"{ENTRIES}/{MINE}"]["hostname"] == "hub.example.org"


@pytest.mark.parametrize("state", ["authorized", "present", "absent"])
@pytest.mark.parametrize("domain", ["hub.example.org", "hub.staging.example.org"])
def test_hubs_of_the_same_name_in_two_clusters_leave_each_others_map_alone(domain: str, state: str) -> None:
    fake = FakeManager()
    bring(fake, replace(WISH, owner="p/l/production/hub"))
    there, fake.writes = dict(fake.parts), []
    other = Wish("hub-front", domain, state, owner="p/l/staging/hub")
    if state == "absent":
        bring(fake, other)
    else:
        assert "gke_iap_address_name" in fails("E-CERT-31", lambda: bring(fake, other)).do
    assert (fake.parts, fake.writes) == (there, [])


# ---- taking it away

GOING = Wish("hub-front", state="absent")


def test_all_of_it_goes_users_first_and_the_map_when_the_load_balancer_is_gone() -> None:
    fake = FakeManager()
    bring(fake)
    fake.writes.clear()
    fake.held = fake.idle = 3  # the first look is the one that decides
    fake.before = lambda method, _name: AssertionError("it serves people") if method != "GET" and fake.held else None
    _seen, clock, reporter = bring(fake, GOING)
    assert fake.parts == {}
    assert list(dict.fromkeys(fake.writes)) == [
        ("DELETE", f"{ENTRIES}/{MINE}"),
        ("DELETE", "certificateMaps/hub-front"),
        ("DELETE", f"certificates/{MINE}"),
        ("DELETE", f"dnsAuthorizations/{MINE}"),
    ]
    assert clock.passed == 2 * 5.0 + 3 * 5.0
    assert "used by targetHttpsProxies/x" in reporter.transitions[0]["text"]


@pytest.mark.parametrize("timeout", [0, 60])
def test_of_a_map_that_is_never_let_go_nothing_is_taken(timeout: float) -> None:
    fake = FakeManager()
    bring(fake)
    fake.held = 10_000
    there, fake.writes = dict(fake.parts), []
    error = fails("E-CERT-32", lambda: bring(fake, GOING, timeout))
    assert (fake.parts, fake.writes) == (there, [])
    assert "CertificateMap/hub-front" in error.what
    assert error.seen == "used by targetHttpsProxies/x"
    assert f"waited {timeout} s" in error.wanted
    assert error.changed is Changed.NOTHING


def test_a_map_held_by_a_proxy_that_nobody_reaches_is_told_when_it_is_refused() -> None:
    fake = FakeManager()
    bring(fake)
    fake.idle = 10_000
    error = fails("E-CERT-32", lambda: bring(fake, GOING))
    assert "CertificateMap/hub-front" in error.what
    assert "Something refers to this part" in error.seen
    assert error.changed is Changed.SOME


def test_where_others_keep_the_map_ours_goes_although_it_is_used() -> None:
    fake = FakeManager()
    bring(fake)
    theirs = f"{ENTRIES}/theirs"
    fake.parts[theirs] = {"hostname": "x.example.org", "certificates": ["c"]}
    fake.held = 10_000
    bring(fake, GOING)
    assert set(fake.parts) == {"certificateMaps/hub-front", theirs}


def theirs(name: str = "theirs") -> dict[str, Any]:
    """A certificate that somebody else had proved with our authorization."""
    proofs = [f"{PLACE}/dnsAuthorizations/{MINE}"]
    return {f"certificates/{name}": {"managed": {"domains": ["hub.example.org"], "dnsAuthorizations": proofs}}}


def served() -> dict[str, Any]:
    """Another map, whose entry serves our certificate."""
    entry = {"hostname": "hub.example.org", "certificates": [f"{PLACE}/certificates/{MINE}"]}
    return {"certificateMaps/other": {}, "certificateMaps/other/certificateMapEntries/e": entry}


@pytest.mark.parametrize(
    ("others", "kept"),
    [
        pytest.param(theirs(), {f"dnsAuthorizations/{MINE}"}, id="proof"),
        pytest.param(served(), {f"certificates/{MINE}", f"dnsAuthorizations/{MINE}"}, id="certificate"),
    ],
)
def test_what_others_use_stays_and_nobody_waits_for_it(others: dict[str, Any], kept: set[str]) -> None:
    fake = FakeManager()
    bring(fake)
    fake.parts |= others
    _seen, clock, _reporter = bring(fake, GOING, 900)
    assert set(fake.parts) == set(others) | kept
    assert clock.passed == 0
    fake.writes.clear()
    bring(fake, GOING, 900)
    assert fake.writes == []


def test_a_user_that_google_does_not_tell_is_met_within_two_minutes() -> None:
    fake = FakeManager()
    bring(fake)
    fake.parts |= served()
    fake.tells = False
    error = fails("E-CERT-32", lambda: bring(fake, GOING, 900))
    assert error.details == {"part": f"Certificate/{MINE}"}
    assert "waited 120 s" in error.wanted


def test_three_requests_look_for_a_map_that_is_not_there() -> None:
    fake = FakeManager()
    asked: list[str] = []
    fake.before = lambda _method, name: asked.append(name)
    maps(fake)[0].look(GOING)
    assert asked == ["certificateMaps/hub-front", "dnsAuthorizations", "certificates"]


def test_what_waiting_cannot_cure_ends_at_once() -> None:
    fake = FakeManager()
    bring(fake)
    fake.before = lambda method, _name: failure(403, "PERMISSION_DENIED") if method == "DELETE" else None
    found, clock, _reporter = maps(fake)
    seen = found.look(GOING)
    assert fails("E-GCP-04", lambda: found.carry_out(GOING, seen, decide(GOING, seen), 60)).changed is Changed.NOTHING
    assert clock.passed == 0


def test_what_somebody_else_deleted_meanwhile_is_gone() -> None:
    fake = FakeManager()
    bring(fake)
    found, _clock, _reporter = maps(fake)
    seen = found.look(GOING)
    del fake.parts[f"{ENTRIES}/{MINE}"]
    found.carry_out(GOING, seen, decide(GOING, seen), 60)
    assert fake.parts == {}


# ---- a run that is killed, a network that loses answers


class Killed(BaseException):
    """The process ends here."""


def at_write(fake: FakeManager, number: int, *, done: bool) -> None:
    """Kill the process at one write, before it arrives at Google or after it was done."""
    seen = [0]

    def kill(method: str, _name: str) -> None:
        if method != "GET":
            seen[0] += 1
            if seen[0] == number:
                raise Killed

    if done:
        fake.after = kill
    else:
        fake.before = kill


def nothing() -> FakeManager:
    return FakeManager()


def another_domain() -> FakeManager:
    fake = FakeManager()
    bring(fake, OLD)
    return fake


def given_up() -> FakeManager:
    fake = FakeManager()
    bring(fake)
    fake.given_up = {f"certificates/{MINE}"}
    return fake


REST = {f"dnsAuthorizations/{MINE}", "certificateMaps/hub-front", f"{ENTRIES}/{MINE}"}
WHOLE = REST | {f"certificates/{MINE}"}


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize(
    ("start", "wish", "end"),
    [
        pytest.param(nothing, WISH, WHOLE, id="made"),
        pytest.param(another_domain, WISH, WHOLE, id="another-domain"),
        pytest.param(given_up, WISH, REST | {f"certificates/{MINE}-2"}, id="given-up"),
        pytest.param(another_domain, GOING, set(), id="taken-away"),
    ],
)
def test_one_more_run_ends_what_a_killed_one_began(
    start: Callable[[], FakeManager], wish: Wish, end: set[str], number: int, done: bool
) -> None:
    fake = start()
    at_write(fake, number, done=done)
    try:
        bring(fake, wish)
    except Killed:
        fake.before = fake.after = lambda _method, _name: None
        bring(fake, wish)
    assert set(fake.parts) == end
    fake.writes.clear()
    bring(fake, wish)
    assert fake.writes == []


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_a_lost_answer_is_looked_up_before_anything_is_repeated(method: str) -> None:
    fake = FakeManager()
    if method != "POST":
        bring(fake)
    if method == "PATCH":
        fake.parts[f"{ENTRIES}/{MINE}"]["certificates"] = []
    fake.writes.clear()
    fake.after = lambda done, _name: broken() if done == method else None
    bring(fake, GOING if method == "DELETE" else WISH)
    assert len(fake.writes) == {"POST": 4, "DELETE": 4, "PATCH": 1}[method]


def lose_first(fake: FakeManager, method: str) -> None:
    """Lose the answer to the first write of this kind, and to no other one."""
    left = [broken()]
    fake.after = lambda done, _name: left.pop() if done == method and left else None


@pytest.mark.parametrize("slow", [1, 2, 3, 9])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_a_lost_answer_while_google_is_still_at_it_ends_well(method: str, slow: int) -> None:
    fake = FakeManager()
    if method != "POST":
        bring(fake)
    if method == "PATCH":
        fake.parts[f"{ENTRIES}/{MINE}"]["certificates"] = []
    fake.slow = slow
    lose_first(fake, method)
    bring(fake, GOING if method == "DELETE" else WISH)
    assert set(fake.parts) == (set() if method == "DELETE" else WHOLE)
    if method != "DELETE":
        assert fake.parts[f"{ENTRIES}/{MINE}"]["certificates"] == [f"{PLACE}/certificates/{MINE}"]


@pytest.mark.parametrize("number", range(1, 5))
def test_a_killed_run_whose_last_order_google_is_still_at_is_taken_up(number: int) -> None:
    fake = FakeManager()
    fake.slow = 9
    at_write(fake, number, done=True)
    with pytest.raises(Killed):
        bring(fake)
    fake.after = lambda _method, _name: None
    bring(fake)
    assert set(fake.parts) == WHOLE


def test_a_part_that_never_shows_after_a_lost_answer_leaves_it_open_what_was_done() -> None:
    fake = FakeManager()
    fake.slow = 10_000
    lose_first(fake, "POST")
    error = fails("E-GCP-07", lambda: bring(fake))
    assert error.changed is Changed.UNKNOWN


def test_what_somebody_else_made_meanwhile_is_not_taken_for_ours() -> None:
    fake = FakeManager()
    found, _clock, _reporter = maps(fake)
    seen = found.look(WISH)
    fake.parts[f"dnsAuthorizations/{MINE}"] = {"domain": "hub.example.org"}
    error = fails("E-GCP-07", lambda: found.carry_out(WISH, seen, decide(WISH, seen), 60))
    assert error.changed is Changed.NOTHING


def test_a_request_that_never_arrived_is_sent_again() -> None:
    fake = FakeManager()
    left = [broken(), broken()]

    def lose(method: str, _name: str) -> Any:
        return left.pop() if method == "POST" and left else None

    fake.before = lose
    bring(fake)
    assert [name for _method, name in fake.writes] == [
        "dnsAuthorizations", "certificates", "certificateMaps", ENTRIES,
    ]  # fmt: skip


@pytest.mark.parametrize("ahead", [600.0, -600.0, 90 * 86400.0, -90 * 86400.0])
def test_whether_a_certificate_still_holds_is_judged_by_googles_clock(ahead: float) -> None:
    fake = FakeManager()
    bring(fake)
    fake.states = [WAITING]
    found, clock, _reporter = maps(lambda *asked: dated(fake(*asked), clock, -ahead))
    for days, renewing in ((1, True), (-1, False)):
        ends = clock.utcnow() + timedelta(days=days, seconds=-ahead)
        fake.parts[f"certificates/{MINE}"]["expireTime"] = f"{ends:%Y-%m-%dT%H:%M:%SZ}"
        assert found.look(WISH).issued.renewing is renewing
    assert len(found.server_time.warnings()) == 1


def dated(answer: Answer, clock: FakeClock, ahead: float) -> Answer:
    """An answer from a server whose clock is ahead of ours."""
    date = format_datetime(clock.utcnow() + timedelta(seconds=ahead), usegmt=True)
    return replace(answer, headers={**answer.headers, "date": date})
