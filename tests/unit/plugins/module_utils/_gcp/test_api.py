# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's REST APIs: what is repeated, what is looked up, how long it takes, and how it ends."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer, HttpError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import (
    ASKED_SECONDS,
    PATIENCE,
    SHORTEST_EXCHANGE,
    Allowance,
    Call,
    GcpApi,
    Pauses,
    Written,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.refusals import GcpConflict
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import (
    FakeAuth,
    api,
    broken,
    busy,
    failure,
    info,
    reply,
    script,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START, FakeClock, fails

GET = Call("the thing", "GET", "https://iap.googleapis.com/v1/thing")
POST = Call("the thing", "POST", "https://iap.googleapis.com/v1/thing", {"a": 1})
NOT_JSON = Answer(200, "https://google.test/", {"content-type": "application/json"}, b'{"bindings": [{"rol')
PAGE = Answer(403, "https://google.test/", {"content-type": "text/html"}, b"<html>blocked by the institute</html>")


def never() -> None:
    raise AssertionError("nobody needed to look")


# ---- reads


def test_a_read_is_one_request_with_a_token() -> None:
    client, http, clock = api(script(reply(body={"x": 1})))
    assert client.read(GET) == {"x": 1}
    assert http.sent == [("GET", GET.url, None)]
    assert http.headers == [{"Accept": "application/json", "Authorization": "Bearer token-1"}]
    assert (clock.slept, client.requests) == ([], 1)


def test_a_persons_login_names_its_quota_project_and_queries_are_encoded() -> None:
    client, http, _clock = api(script(reply()), auth=FakeAuth("billing"))
    assert client.read(Call("x", "GET", GET.url, query={"filter": "a b"})) == {}
    assert http.sent[0][1] == GET.url + "?filter=a+b"
    assert http.headers[0]["X-Goog-User-Project"] == "billing"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(failure(429), id="429"),
        pytest.param(failure(403, "", "slow", info("RATE_LIMIT_EXCEEDED")), id="rate limit as 403"),
        pytest.param(failure(500), id="500"),
        pytest.param(failure(502), id="502"),
        pytest.param(failure(503), id="503"),
        pytest.param(failure(504), id="504"),
        pytest.param(failure(408), id="408"),
        pytest.param(broken(), id="reset"),
        pytest.param(broken("timeout"), id="timeout"),
        pytest.param(broken("name"), id="name server hiccup"),
        pytest.param(NOT_JSON, id="truncated"),
    ],
)
def test_a_read_is_repeated_while_the_trouble_may_pass(trouble: Any) -> None:
    client, http, clock = api(script(trouble, trouble, reply(body={"x": 1})))
    assert client.read(GET) == {"x": 1}
    assert len(http.sent) == 3
    assert clock.slept == [0.25, 0.5]


@pytest.mark.parametrize(
    ("trouble", "error_id"),
    [
        (failure(400, "INVALID_ARGUMENT"), "E-GCP-10"),
        (failure(403, "PERMISSION_DENIED"), "E-GCP-04"),
        (failure(404, "NOT_FOUND"), "E-GCP-06"),
        (failure(409, "ABORTED"), "E-GCP-07"),
        (failure(501), "E-GCP-10"),
        (reply(302, None, location="https://login.institute.test/"), "E-GCP-10"),
        (PAGE, "E-GCP-04"),
        (broken("tls"), "E-HTTP-01"),
        (broken("redirect"), "E-HTTP-01"),
    ],
)
def test_what_will_not_pass_ends_at_once(trouble: Any, error_id: str) -> None:
    client, http, clock = api(script(trouble))
    problem = fails(error_id, lambda: client.read(GET))
    assert (len(http.sent), clock.slept) == (1, [])
    assert problem.details.get("service", "iap.googleapis.com") == "iap.googleapis.com"
    assert ("proxy or firewall" in problem.what) is (trouble is PAGE)


@pytest.mark.parametrize(
    ("asked", "slept"),
    [
        ("1", 1.25),
        ("30", 30.25),
        ("86400", 60.0),
        ("Sun, 22 Nov 2026 14:00:20 GMT", 20.25),
        ("Sun, 22 Nov 2026 13:00:00 GMT", 0.25),
        ("nonsense", 0.25),
    ],
)
def test_retry_after_is_honoured_up_to_a_minute(asked: str, slept: float) -> None:
    client, _http, clock = api(script(failure(429, retry_after=asked), reply(body={"x": 1})))
    assert client.read(GET) == {"x": 1}
    assert clock.slept == [slept]


def test_a_server_that_stays_busy_ends_the_read_in_time() -> None:
    client, _http, clock = api(lambda *_request: failure(503, "UNAVAILABLE", "overloaded"), patience=30)
    problem = fails("E-GCP-09", lambda: client.read(GET))
    assert "503, UNAVAILABLE, overloaded" in str(problem)
    assert 14 < clock.passed <= 30
    assert problem.changed is Changed.NOTHING


def test_pauses_the_server_asks_for_are_not_taken_from_our_own_time() -> None:
    client, _http, clock = api(script(failure(429, retry_after="40"), failure(503), reply(body={"x": 1})), patience=30)
    assert client.read(GET) == {"x": 1}
    assert clock.slept == [40.25, 0.5]


@pytest.mark.parametrize(("asked", "times"), [("86400", 10), ("60", 10), ("30", 19), ("0", 19)])
def test_a_server_that_asks_for_patience_for_ever_ends_the_read_too(asked: str, times: int) -> None:
    client, http, clock = api(lambda *_request: failure(429, retry_after=asked))
    fails("E-GCP-08", lambda: client.read(GET))
    assert len(http.sent) == times + 1
    assert clock.passed <= ASKED_SECONDS + PATIENCE


def test_operations_of_one_policy_share_what_the_server_may_ask_for() -> None:
    client, http, clock = api(lambda *_request: failure(429, retry_after="60") if len(http.sent) % 9 else reply())
    within = client.pauses(PATIENCE)
    client.read(GET, within)
    fails("E-GCP-08", lambda: client.read(GET, within))
    assert clock.passed == ASKED_SECONDS


def test_an_unknown_object_is_none_and_other_refusals_are_not() -> None:
    client, _http, _clock = api(script(failure(404), failure(403)))
    assert client.find(GET) is None
    fails("E-GCP-04", lambda: client.find(GET))


def test_lists_are_read_to_their_last_page() -> None:
    pages = script(
        reply(body={"items": [{"n": 1}], "nextPageToken": "t"}), reply(body={"nextPageToken": "u"}), reply(body={})
    )
    client, http, _clock = api(pages)
    assert client.pages(Call("things", "GET", GET.url, query={"filter": "x"})) == [{"n": 1}]
    assert [url.rpartition("?")[2] for _method, url, _body in http.sent] == [
        "filter=x",
        "filter=x&pageToken=t",
        "filter=x&pageToken=u",
    ]


def test_a_list_that_google_calls_incomplete_is_no_answer() -> None:
    away = {"unreachable": ["projects/p/locations/global"]}
    client, _http, _clock = api(script(reply(body={"items": [1], "nextPageToken": "t"} | away), reply(body={})))
    assert "projects/p/locations/global" in fails("E-GCP-09", lambda: client.pages(GET)).seen


# ---- credentials


def test_an_expired_token_is_renewed_once_per_request() -> None:
    answers = [failure(401), reply(body={"n": 1}), failure(401), reply(body={"n": 2}), failure(401), reply(body={})]
    client, http, clock = api(script(*answers))
    assert [client.read(GET), client.read(GET), client.read(GET)] == [{"n": 1}, {"n": 2}, {}]
    assert [headers["Authorization"][-1] for headers in http.headers] == ["1", "2", "2", "3", "3", "4"]
    assert clock.slept == []


def test_a_fresh_token_that_is_refused_ends_it() -> None:
    client, http, _clock = api(script(failure(401), failure(401)))
    fails("E-GCP-03", lambda: client.write(POST, never))
    assert len(http.sent) == 2


class Patchy(FakeAuth):
    """A token endpoint that cannot be reached some times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def token(self) -> str:
        if self.times:
            self.times -= 1
            raise HubError("E-GCP-09", "The token endpoint is away", "wait")
        return super().token()


def test_a_token_endpoint_that_comes_back_is_waited_for_without_a_look() -> None:
    client, http, clock = api(script(reply(body={"x": 1})), auth=Patchy(2))
    assert client.write(POST, never) == Written({"x": 1})
    assert (len(http.sent), clock.slept) == (1, [0.25, 0.5])


def test_a_token_endpoint_that_stays_away_ends_it_in_time() -> None:
    client, http, clock = api(script(), auth=Patchy(1000), patience=20)
    assert fails("E-GCP-09", lambda: client.write(POST, never)).changed is Changed.NOTHING
    assert (http.sent, clock.passed <= 20) == ([], True)


def test_a_login_ahead_is_a_token_and_no_request() -> None:
    client, http, _clock = api(script(), auth=Patchy(1))
    fails("E-GCP-09", client.log_in)
    client.log_in()
    assert http.sent == []


def test_refused_credentials_are_not_asked_for_again() -> None:
    class Refusing(FakeAuth):
        def token(self) -> str:
            raise self.refused("disabled")

    client, http, clock = api(script(), auth=Refusing())
    fails("E-GCP-03", lambda: client.read(GET))
    assert (http.sent, clock.slept) == ([], [])


# ---- writes


def test_a_write_is_one_request() -> None:
    client, http, _clock = api(script(reply(body={"etag": "b"})))
    assert client.write(POST, never) == Written({"etag": "b"})
    assert http.sent == [("POST", POST.url, {"a": 1})]


def test_a_rate_limited_write_was_not_done_and_is_sent_again() -> None:
    client, http, clock = api(script(failure(429, retry_after="3"), reply(body={"x": 1})))
    assert client.write(POST, never) == Written({"x": 1})
    assert (len(http.sent), clock.slept) == (2, [3.25])


@pytest.mark.parametrize("trouble", [broken(), broken("timeout"), failure(503), failure(500), NOT_JSON])
def test_a_lost_answer_is_looked_up_and_not_sent_again(trouble: Any) -> None:
    client, http, _clock = api(script(trouble))
    assert client.write(POST, lambda: {"found": True}) == Written({"found": True}, lost=True)
    assert len(http.sent) == 1


@pytest.mark.parametrize("trouble", [broken(), failure(503)])
def test_a_write_that_was_not_done_is_sent_again(trouble: Any) -> None:
    client, http, _clock = api(script(trouble, reply(body={"x": 1})))
    assert client.write(POST, lambda: None) == Written({"x": 1})
    assert len(http.sent) == 2


def test_a_conflict_is_its_own_kind_and_is_not_repeated() -> None:
    client, http, _clock = api(script(failure(409, "ABORTED", "stale etag")))
    with pytest.raises(GcpConflict) as told:
        client.write(POST, never)
    assert (told.value.after_lost, told.value.changed, len(http.sent)) == (False, Changed.NOTHING, 1)


def test_a_conflict_after_a_lost_answer_may_be_with_ourselves() -> None:
    looks: list[Any] = [None, {"mine": True}]
    client, _http, _clock = api(script(broken(), failure(409, "ALREADY_EXISTS")))
    assert client.write(POST, lambda: looks.pop(0)) == Written({"mine": True}, lost=True)
    client, _http, _clock = api(script(broken(), failure(409, "ABORTED")))
    with pytest.raises(GcpConflict) as told:
        client.write(POST, lambda: None)
    assert told.value.after_lost is True


def test_a_look_that_fails_leaves_the_outcome_open_and_says_so() -> None:
    def look() -> None:
        raise HubError("E-GCP-04", "may not read", "grant it")

    client, http, _clock = api(script(broken()))
    problem = fails("E-GCP-12", lambda: client.write(POST, look))
    assert problem.changed is Changed.UNKNOWN
    assert "E-GCP-04 may not read" in str(problem)
    assert len(http.sent) == 1


def test_a_write_that_never_gets_an_answer_ends_in_time_and_says_unknown() -> None:
    client, _http, clock = api(lambda *_request: failure(503), patience=20)
    problem = fails("E-GCP-12", lambda: client.write(POST, lambda: None))
    assert problem.changed is Changed.UNKNOWN
    assert clock.passed <= 20


class Leaving(FakeAuth):
    """A token, and then none any more."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    def token(self) -> str:
        self.given += 1
        if self.given > 1:
            raise HubError("E-GCP-09", "The token endpoint is away", "wait")
        return super().token()


@pytest.mark.parametrize(
    ("then", "auth", "error_id"),
    [
        pytest.param([failure(401), failure(401)], FakeAuth, "E-GCP-03", id="credentials refused"),
        pytest.param([broken("tls")], FakeAuth, "E-HTTP-01", id="tls"),
        pytest.param([], Leaving, "E-GCP-09", id="no token"),
    ],
)
def test_whatever_ends_a_write_whose_answer_was_lost_says_unknown(
    then: list[Any], auth: type[FakeAuth], error_id: str
) -> None:
    client, _http, _clock = api(script(broken(), *then), auth=auth(), patience=20)
    assert fails(error_id, lambda: client.write(POST, lambda: None)).changed is Changed.UNKNOWN


def test_a_refused_write_changed_nothing() -> None:
    client, _http, _clock = api(script(failure(403, "PERMISSION_DENIED")))
    assert fails("E-GCP-04", lambda: client.write(POST, never)).changed is Changed.NOTHING
    client, _http, _clock = api(lambda *_request: failure(429, retry_after="59"), patience=10)
    assert fails("E-GCP-08", lambda: client.write(POST, never)).changed is Changed.NOTHING


def seeds(hundreds: int) -> list[Any]:
    """So many times a hundred seeds, a hundred to a row."""
    return [pytest.param(range(first, first + 100), id=f"from {first}") for first in range(0, hundreds * 100, 100)]


@contextmanager
def of(seed: int) -> Iterator[None]:
    """What fails in here tells the seed, whether it is an assertion or an error."""
    try:
        yield
    except BaseException as problem:
        problem.add_note(f"seed {seed}")
        raise


@pytest.mark.once
@pytest.mark.parametrize("row", seeds(5))
def test_with_a_third_of_all_requests_refused_for_their_rate_every_run_succeeds(row: range) -> None:
    for seed in row:
        chance = random.Random(seed)
        client, _http, _clock = api(busy(chance, lambda *_request: reply(body={"ok": True})), jitter=chance.random)
        with of(seed):
            assert client.read(GET) == {"ok": True}
            assert client.write(POST, never).body == {"ok": True}


@pytest.mark.once
@pytest.mark.parametrize("row", seeds(2))
def test_nothing_is_lost_or_done_twice_on_a_bad_line(row: range) -> None:
    for seed in row:
        with of(seed):
            assert on_a_bad_line(random.Random(seed)) == [{"n": number} for number in range(5)]


def on_a_bad_line(chance: random.Random) -> list[Any]:
    """What the server has made when five things were written one after the other."""
    made: list[Any] = []

    def answering(method: str, _url: str, body: Any) -> Answer:
        luck = chance.random()
        if luck < 0.2:
            raise broken()
        if method == "POST":
            made.append(body)
        if luck < 0.4:
            raise broken()
        return failure(503) if luck < 0.5 else reply(body={"made": True})

    client, _http, _clock = api(answering, jitter=chance.random)
    for number in range(5):
        before = len(made)
        client.write(Call("x", "POST", GET.url, {"n": number}), lambda seen=before: {"n": 1} if made[seen:] else None)  # type: ignore[misc]
    return made


# ---- time


def test_pauses_are_random_shares_of_a_bound_that_doubles() -> None:
    clock = FakeClock()
    pauses = Pauses(clock, Allowance(clock.monotonic() + 100), lambda: 1.0)
    for _try in range(8):
        pauses.pause()
    assert clock.slept == [0.5, 1, 2, 4, 8, 16, 16, 16]
    assert Pauses(clock, Allowance(clock.monotonic() + 100), lambda: 0.0).pause() is True
    assert clock.slept[-1] == 0


@pytest.mark.parametrize(("patience", "seconds"), [(30.0, 30.0), (120.0, 60.0), (0.5, SHORTEST_EXCHANGE)])
def test_an_exchange_that_trickles_is_cut(patience: float, seconds: float) -> None:
    client, http, clock = api(script(reply()), patience=patience)

    def slow(*_request: Any) -> Answer:
        clock.passed += seconds - 0.1
        assert client._seconds_left() == pytest.approx(0.1)
        clock.passed += 0.1
        client._seconds_left()
        return reply()

    http.answering = slow
    told = fails("E-GCP-09", lambda: GcpApi.read(client, GET))
    assert "no complete answer in time" in str(told)


def test_a_transport_of_its_own_has_the_time_of_the_exchange() -> None:
    client = GcpApi(FakeAuth())
    with pytest.raises(HttpError) as told:
        client._http._seconds_left()  # type: ignore[attr-defined]
    assert told.value.kind == "timeout"


def test_googles_clock_is_the_one_of_its_last_answer() -> None:
    client, _http, _clock = api(script(failure(503), reply(date="Sun, 22 Nov 2026 14:20:00 GMT")))
    client.read(GET)
    assert client.server_time.now() == START + timedelta(minutes=20)
    assert client.server_time.remark() == "this machine's clock is 1200 s behind"
