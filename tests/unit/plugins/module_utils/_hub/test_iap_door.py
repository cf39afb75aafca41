# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose answer an answer is, and what follows from it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.iap_door import (
    STEADY,
    DoorWatch,
    Says,
    clock_remark,
    not_let_in,
    not_logged_in,
    unguarded,
    who_says,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.login import End, Finish

URL = "https://hub.example.org/"
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
HUB = {"x-jupyterhub-version": "5.5.0"}
GOOGLE = {"location": "https://accounts.google.com/o/oauth2/v2/auth", "x-goog-iap-generated-response": "true"}


def answer(status: int, **headers: str) -> Answer:
    return Answer(status, f"{URL}hub/api/", {name.replace("_", "-"): text for name, text in headers.items()}, b"words")


def of(status: int, headers: dict[str, str]) -> Answer:
    return Answer(status, f"{URL}hub/api/", headers, b"words")


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        pytest.param(401, {}, Says.BAD_TOKEN, id="00 token refused"),
        pytest.param(403, {}, Says.DENIED, id="01 person refused"),
        pytest.param(302, GOOGLE, Says.SIGN_IN, id="02 sent to Google"),
        pytest.param(303, {"location": "https://hub.example.org:8443/"}, Says.SIGN_IN, id="03 sent to another port"),
        pytest.param(502, {}, Says.BUSY, id="04 no backend"),
        pytest.param(503, {}, Says.BUSY, id="05 nothing there"),
        pytest.param(504, {}, Says.BUSY, id="06 no answer"),
        pytest.param(404, {}, Says.OTHER, id="07 default backend"),
        pytest.param(200, {}, Says.OTHER, id="08 a page of somebody else"),
        pytest.param(302, {"location": "/hub/login"}, Says.OTHER, id="09 sent on, to the same host"),
        pytest.param(302, {}, Says.OTHER, id="10 sent nowhere"),
        pytest.param(302, {"location": "https://[accounts/"}, Says.OTHER, id="10a sent to what is no address"),
        pytest.param(403, HUB, Says.HUB, id="11 the hub refuses"),
        pytest.param(200, HUB, Says.HUB, id="12 the hub answers"),
        pytest.param(302, HUB | {"location": "https://issuer.example.org/"}, Says.HUB, id="13 the hub sends on"),
    ],
)
def test_whose_answer(status: int, headers: dict[str, str], says: Says) -> None:
    assert who_says(of(status, headers), URL) is says


def states(*answers: Answer) -> list[State]:
    watch = DoorWatch(URL)
    return [watch.judge(each).state for each in answers]


def test_one_good_answer_is_enough_at_first() -> None:
    assert states(of(200, HUB)) == [State.DONE]


def test_after_a_refusal_good_answers_must_be_steady() -> None:
    good, bad = of(200, HUB), of(403, {})
    assert STEADY == 3
    wait, done = State.PENDING, State.DONE
    assert states(bad, good, good, good) == [wait, wait, wait, done]
    assert states(bad, good, good, bad, good, good, good) == [wait] * 6 + [done]


@pytest.mark.parametrize("bad", [of(401, {}), of(302, GOOGLE), of(404, {})])
def test_what_waiting_cannot_cure_ends_it(bad: Answer) -> None:
    assert states(bad) == [State.FATAL]


@pytest.mark.parametrize("bad", [of(403, {}), of(502, {})])
def test_what_waiting_may_cure_goes_on(bad: Answer) -> None:
    verdict = DoorWatch(URL).judge(bad)
    assert verdict.state is State.PENDING
    assert str(bad.status) in verdict.reason


@pytest.mark.parametrize(
    ("bad", "error_id"),
    [
        (of(403, {}), "E-IAP-01"),
        (of(200, HUB), "E-IAP-01"),  # good at the last look, but not steadily
        (of(401, {}), "E-IAP-31"),
        (of(302, GOOGLE), "E-IAP-31"),
        (of(502, {}), "E-VERIFY-04"),
        (of(404, {}), "E-VERIFY-04"),
    ],
)
def test_the_error_for_an_account_that_is_not_let_in(bad: Answer, error_id: str) -> None:
    error = not_let_in(bad, "svc@x.test", URL, 600.0, NOW)
    assert error.error_id == error_id
    assert ("keys list --iam-account svc@x.test" in error.do) is (error_id == "E-IAP-31")
    assert "words" in error.seen


@pytest.mark.parametrize(
    ("seen", "error_id"),
    [
        (of(200, HUB), "E-IAP-32"),
        (of(403, HUB), "E-IAP-32"),
        (of(502, {}), "E-VERIFY-12"),
        (of(200, {}), "E-VERIFY-12"),
        (of(302, GOOGLE), None),
        (of(401, {}), None),
        (of(403, {}), None),
    ],
)
def test_whether_the_door_is_guarded(seen: Answer, error_id: str | None) -> None:
    error = unguarded(seen, URL)
    assert (error.error_id if error else None) == error_id


@pytest.mark.parametrize(
    ("date", "remark"),
    [
        ("Sun, 22 Nov 2026 13:00:00 GMT", "; this machine's clock is 3600 s ahead"),
        ("Sun, 22 Nov 2026 15:00:00 GMT", "; this machine's clock is 3600 s behind"),
        ("Sun, 22 Nov 2026 13:59:01 GMT", ""),
        ("Sun, 22 Nov 2026 14:00:00 -0000", ""),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_a_clock_that_differs_is_named(date: str | None, remark: str) -> None:
    assert clock_remark({"date": date} if date else {}, NOW) == remark


@pytest.mark.parametrize(
    ("end", "seen", "error_id"),
    [
        (End.REFUSED, "403 ... this hub's own list does not let you in", "E-AUTH-12"),
        (End.REFUSED, "403 ... does not believe Identity-Aware Proxy's statement", "E-IAP-35"),
        (End.REFUSED, "403 ... did not come through Identity-Aware Proxy", "E-IAP-35"),
        (End.STUCK, "a page for a second login", "E-IAP-35"),
        (End.HUB_BROKEN, "500", "E-IAP-35"),
    ],
)
def test_the_error_for_a_hub_that_logs_nobody_in(end: End, seen: str, error_id: str) -> None:
    assert not_logged_in(Finish(end, seen), "svc@x.test", URL).error_id == error_id


def test_the_words_are_those_of_the_hubs_own_pages() -> None:
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.hub_program import hub_program
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.iap_door import NOT_BELIEVED

    program = hub_program()
    assert all(words in program for words in NOT_BELIEVED)
