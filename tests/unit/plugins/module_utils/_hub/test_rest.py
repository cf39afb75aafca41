# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JupyterHub's REST API: headers, repetition, refusals, and what its models mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.budget import Budget
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer, HttpError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.rest import (
    Credentials,
    HubApi,
    ServerApi,
    parse_event,
    reason_of,
    refused,
    server_of,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, fails

HUB = "https://hub.example.org/iris/"
API = f"{HUB}hub/api/"
SERVER = f"{HUB}user/ada/"


class FakeHttp:
    """Answers from a table of method and address; an unknown request is an error, not a guess."""

    def __init__(self) -> None:
        self.table: dict[str, list[Any]] = {}
        self.sent: list[tuple[str, str, dict[str, str], Any]] = []
        self.cookies: dict[str, str] = {}
        self.streams: dict[str, list[str]] = {}
        self.vouched: dict[str, str] = {}

    def identity(self, _url: str) -> dict[str, str]:
        return self.vouched

    def answers(self, call: str, *answers: Any) -> None:
        self.table[call] = list(answers)

    def request(self, method: str, url: str, *, headers: dict[str, str], json: Any = None, **_more: Any) -> Answer:
        self.sent.append((method, url, headers, json))
        waiting = self.table[f"{method} {url}"]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    browse = request

    def lines(self, url: str, *, headers: dict[str, str]) -> Iterator[str]:
        self.sent.append(("GET", url, headers, None))
        yield from self.streams[url]

    def cookie(self, name: str, url: str) -> str | None:
        fitting = [path for path in self.cookies if f"{url}/".startswith(path)]
        return self.cookies[max(fitting, key=len)] if fitting and name == "_xsrf" else None

    def cookie_header(self, url: str) -> str:
        return f"cookies for {url}"


def ok(body: Any = "", status: int = 200) -> Answer:
    return Answer(status, API, {"content-type": "application/json"}, json.dumps(body).encode() if body != "" else b"")


class Desk:
    """API objects over a fake transport."""

    def __init__(self, token: str | None = None) -> None:
        self.http = FakeHttp()
        self.clock = FakeClock()
        budget = Budget(self.clock, 60.0, lambda: HubError("E-VERIFY-14", "The time is over", "wait"))
        http: Any = self.http
        self.credentials = Credentials(http, budget, token)
        self.hub = HubApi(self.credentials, HUB)
        self.server = ServerApi(self.credentials, SERVER)


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- headers ----------------------------------------------------------------------------------------------------


def test_with_a_cookie_requests_look_like_a_page_of_the_hub(desk: Desk) -> None:
    desk.http.cookies = {f"{HUB}hub/": "of-the-hub", SERVER: "of-the-server"}
    base = {"Accept": "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    assert desk.credentials.headers(API + "user") == base | {"X-XSRFToken": "of-the-hub"}
    assert desk.credentials.headers(SERVER + "api/kernels") == base | {"X-XSRFToken": "of-the-server"}
    assert desk.credentials.headers("https://hub.example.org/") == base


def test_with_a_token_there_is_no_cookie_business() -> None:
    desk = Desk(token="the-token-1234")
    desk.http.cookies = {HUB: "xsrf"}
    assert desk.credentials.headers(API) == {"Accept": "application/json", "Authorization": "token the-token-1234"}


def test_a_websocket_says_that_it_is_one(desk: Desk) -> None:
    base = {"User-Agent": "researchops.jupyterhub", "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "same-origin"}
    assert desk.credentials.websocket_headers(SERVER) == base | {"Cookie": f"cookies for {SERVER}"}
    assert Desk("tok-12345").credentials.websocket_headers(SERVER) == base | {"Authorization": "token tok-12345"}
    desk.http.vouched = {"Proxy-Authorization": "Bearer x"}
    assert desk.credentials.websocket_headers(SERVER)["Proxy-Authorization"] == "Bearer x"


# ---- repetition -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [502, 503, 504])
def test_a_read_is_repeated_while_a_proxy_is_busy(desk: Desk, busy: int) -> None:
    desk.http.answers(f"GET {API}", ok("", busy), ok("", busy), ok({"version": "5.5.0"}))
    assert desk.hub.version() == "5.5.0"
    assert desk.clock.slept == [1.0, 1.0]


def test_a_read_is_repeated_when_a_connection_breaks(desk: Desk) -> None:
    broken = HttpError("E-HTTP-01", "broken", "try", kind="connect", reason="broken")
    desk.http.answers(f"GET {API}", broken, ok({"version": "5.5.0"}))
    assert desk.hub.version() == "5.5.0"


@pytest.mark.parametrize("kind", ["tls", "name", "timeout", "redirect"])
def test_other_failures_of_a_read_are_final(desk: Desk, kind: str) -> None:
    desk.http.answers(f"GET {API}user", HttpError("E-HTTP-01", "no", "try", kind=kind))
    with pytest.raises(HttpError):
        desk.hub.whoami()
    assert len(desk.http.sent) == 1


def test_a_read_is_not_repeated_for_ever(desk: Desk) -> None:
    desk.http.answers(f"GET {API}users/ada", ok({"message": "busy"}, 503))
    error = fails("E-VERIFY-06", lambda: desk.hub.user("ada"))
    assert error.seen == "503, busy"
    assert len(desk.http.sent) == 4


@pytest.mark.parametrize("call", ["start", "stop"])
def test_a_write_is_never_repeated(desk: Desk, call: str) -> None:
    method = {"start": "POST", "stop": "DELETE"}[call]
    desk.http.answers(f"{method} {API}users/ada/server", ok("", 503))
    fails("E-VERIFY-06", lambda: getattr(desk.hub, call)("ada"))
    assert len(desk.http.sent) == 1


# ---- the hub ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (ok({"version": 5}), "status 200 without a version"),
        (ok([]), "status 200 without a version"),
        (ok({"message": "no"}, 404), "status 404 without a version"),
        (ok({"version": "5.5.0"}, 500), "status 500 without a version"),
        (
            Answer(200, API, {"content-type": "text/html"}, b"<html>"),
            "status 200 with a body of type text/html that is not JSON",
        ),
        (Answer(200, API, {}, b""), "status 200 with a body of type no content type that is not JSON"),
    ],
)
def test_what_is_no_hub(desk: Desk, answer: Answer, seen: str) -> None:
    desk.http.answers(f"GET {API}", answer)
    error = fails("E-VERIFY-04", desk.hub.version)
    assert error.seen == seen and error.what == f"No JupyterHub answers at {API}"


@pytest.mark.parametrize("status", [401, 403])
def test_nobody_is_nobody(desk: Desk, status: int) -> None:
    desk.http.answers(f"GET {API}user", ok({"message": "Forbidden"}, status))
    assert desk.hub.whoami() is None


def test_somebody_is_the_hubs_model(desk: Desk) -> None:
    desk.http.answers(f"GET {API}user", ok({"kind": "user", "name": "ada"}))
    assert desk.hub.whoami() == {"kind": "user", "name": "ada"}


@pytest.mark.parametrize(
    ("user", "path"),
    [("ada", "ada"), ("ada@example.org", "ada@example.org"), ("a/b", "a%2Fb"), ("ä ö", "%C3%A4%20%C3%B6")],
)
def test_names_are_quoted_as_the_hub_does(desk: Desk, user: str, path: str) -> None:
    desk.http.answers(f"GET {API}users/{path}", ok({"name": user}))
    assert desk.hub.user(user) == {"name": user}


@pytest.mark.parametrize("status", [201, 202])
def test_start_and_stop_take_any_success(desk: Desk, status: int) -> None:
    desk.http.answers(f"POST {API}users/ada/server", ok("", status))
    desk.http.answers(f"DELETE {API}users/ada/server", ok("", status))
    desk.hub.start("ada")
    desk.hub.stop("ada")
    assert [call[3] for call in desk.http.sent] == [None, None]


def test_progress_is_a_stream_of_events(desk: Desk) -> None:
    desk.http.streams[f"{API}users/ada/server/progress"] = [
        "",
        ":x",
        'data: {"progress": 1}',
        "data: [1]",
        'data:{"ready": true}',
    ]
    assert list(desk.hub.progress("ada")) == [{"progress": 1}, {"ready": True}]
    assert desk.http.sent[0][2]["Accept"] == "text/event-stream"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ('data: {"progress": 50, "message": "x"}', {"progress": 50, "message": "x"}),
        ('data:{"a": 1}', {"a": 1}),
        ("data: [1, 2]", None),
        ("data: {broken", None),
        ("event: ready", None),
        (": keep-alive", None),
        ("", None),
    ],
)
def test_one_line_of_an_event_stream(line: str, event: dict[str, Any] | None) -> None:
    assert parse_event(line) == event


@pytest.mark.parametrize(
    ("model", "server"),
    [
        ({}, None),
        ({"servers": None}, None),
        ({"servers": {}}, None),
        ({"servers": {"named": {"ready": True}}}, None),
        ({"servers": {"": {"stopped": True, "ready": False, "pending": None}}}, None),
        ({"servers": {"": {"stopped": True, "pending": "spawn"}}}, {"stopped": True, "pending": "spawn"}),
        ({"servers": {"": {"ready": True}}}, {"ready": True}),
        ({"servers": {"": {"ready": False, "pending": "stop"}}}, {"ready": False, "pending": "stop"}),
    ],
    ids=["no field", "no scope", "none", "only named", "stopped", "stopped but starting", "running", "stopping"],
)
def test_which_server_counts(model: dict[str, Any], server: dict[str, Any] | None) -> None:
    assert server_of(model) == server


# ---- the user server --------------------------------------------------------------------------------------------


def test_opening_a_server_is_a_navigation_with_cookies(desk: Desk) -> None:
    desk.http.answers(f"GET {SERVER}", ok())
    desk.server.open()
    assert desk.http.sent[0][2]["Sec-Fetch-Mode"] == "navigate"


def test_opening_a_server_with_a_token_sends_the_token() -> None:
    desk = Desk("tok-12345")
    desk.http.answers(f"GET {SERVER}", ok())
    desk.server.open()
    assert desk.http.sent[0][2] == {"Accept": "application/json", "Authorization": "token tok-12345"}


@pytest.mark.parametrize("status", [403, 424, 500])
def test_a_server_that_does_not_open(desk: Desk, status: int) -> None:
    desk.http.answers(f"GET {SERVER}", ok("", status))
    error = fails("E-VERIFY-06", desk.server.open)
    assert error.seen == str(status) and error.what == f"The user server refuses GET {SERVER}"


@pytest.mark.parametrize(
    ("default", "languages", "chosen"),
    [
        ("python3", {"python3": "python", "ir": "R"}, "python3"),
        ("ir", {"python3": "Python", "ir": "R"}, "python3"),
        ("gone", {"zeta": "python", "alpha": "python"}, "alpha"),
    ],
    ids=["default", "another one", "default is missing"],
)
def test_the_kernel_that_is_used(desk: Desk, default: str, languages: dict[str, str], chosen: str) -> None:
    specs = {name: {"spec": {"language": language}} for name, language in languages.items()}
    desk.http.answers(f"GET {SERVER}api/kernelspecs", ok({"default": default, "kernelspecs": specs}))
    assert desk.server.python_kernel() == chosen


@pytest.mark.parametrize(
    ("specs", "seen"),
    [({"ir": {"spec": {"language": "R"}}, "jl": {}}, "ir, jl"), ({}, "no kernel at all"), (None, "no kernel at all")],
)
def test_a_server_without_python(desk: Desk, specs: Any, seen: str) -> None:
    desk.http.answers(f"GET {SERVER}api/kernelspecs", ok({"default": "ir", "kernelspecs": specs}))
    assert fails("E-VERIFY-08", desk.server.python_kernel).seen == seen


def test_a_kernel_is_started_and_ended(desk: Desk) -> None:
    desk.http.answers(f"POST {SERVER}api/kernels", ok({"id": "k-1"}, 201))
    desk.http.answers(f"DELETE {SERVER}api/kernels/k-1", ok("", 204))
    assert desk.server.start_kernel("python3") == "k-1"
    desk.server.end_kernel("k-1")
    assert desk.http.sent[0][3] == {"name": "python3"}


def test_the_websocket_of_a_kernel_is_on_the_same_host(desk: Desk) -> None:
    url, headers = desk.server.channels("k-1", "s-1")
    assert url == "wss://hub.example.org/iris/user/ada/api/kernels/k-1/channels?session_id=s-1"
    assert headers["Cookie"].startswith("cookies for https://hub.example.org/iris/user/ada/api/kernels/k-1/")


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"status": 403, "message": "Action is not authorized."}', "403, Action is not authorized"),
        (b'{"reason": "no"}', "403, no"),
        (b"<html>", "403"),
        (b"[1]", "403"),
        (b"", "403"),
    ],
)
def test_the_hubs_own_reason_is_told(body: bytes, reason: str) -> None:
    assert reason_of(Answer(403, API, {}, body)) == reason


def test_a_long_reason_is_cut() -> None:
    assert len(reason_of(ok({"message": "x" * 1000}, 400))) < 320


@pytest.mark.parametrize(
    ("status", "do"),
    [(401, "scopes of hub_verify's README"), (403, "scopes of hub_verify's README"), (500, "log of the hub's pod")],
)
def test_a_refusal_tells_what_to_do(status: int, do: str) -> None:
    error = refused(ok({"message": "m"}, status), "POST", API + "users/ada/server?token=SECRET-TOKEN", "hub")
    assert do in error.do and "SECRET-TOKEN" not in str(error)
    assert error.details == {"status": status, "method": "POST", "path": "/iris/hub/api/users/ada/server"}


def test_the_fake_is_not_in_the_way(tmp_path: Path, desk: Desk) -> None:
    with pytest.raises(KeyError):
        desk.hub.user("somebody-not-in-the-table")
