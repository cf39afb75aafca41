# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cell over a websocket: which messages count, and how a connection ends."""

from __future__ import annotations

import json
import ssl
from types import SimpleNamespace
from typing import Any

import pytest
import websocket
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.budget import Budget
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.kernel import (
    Cell,
    Kernel,
    execute_request,
    heard,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock

MINE, OTHER = "message-1", "message-2"


def message(kind: str, parent: str = MINE, **content: Any) -> dict[str, Any]:
    return {"header": {"msg_type": kind}, "parent_header": {"msg_id": parent}, "content": content}


# ---- the request ------------------------------------------------------------------------------------------------


def test_the_request_runs_code_outside_of_the_history() -> None:
    request = execute_request("6*7", MINE, "session-1", "2026-11-22T14:00:00+00:00")
    assert request == {
        "channel": "shell",
        "header": {
            "msg_id": MINE,
            "msg_type": "execute_request",
            "session": "session-1",
            "username": "",
            "date": "2026-11-22T14:00:00+00:00",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": "6*7",
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
        "buffers": [],
    }


# ---- what counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "cell"),
    [
        (message("execute_result", OTHER, data={"text/plain": "41"}), Cell()),
        (message("stream", OTHER, name="stdout", text="x"), Cell()),
        (message("execute_reply", OTHER, status="ok"), Cell()),
        (message("status", OTHER, execution_state="idle"), Cell()),
        (message("status", OTHER, execution_state="dead"), Cell(died=True)),
        (message("status", "", execution_state="restarting"), Cell(died=True)),
        (message("status", execution_state="busy"), Cell()),
        (message("status", execution_state="idle"), Cell(idle=True)),
        (message("execute_input", code="6*7"), Cell()),
        (message("execute_result", data={"text/plain": "42"}), Cell(value="42")),
        (message("execute_result", data={"image/png": "..."}), Cell(value="")),
        (message("stream", name="stdout", text="a"), Cell(printed="a")),
        (message("stream", name="stderr", text="a"), Cell()),
        (message("execute_reply", status="ok"), Cell(replied=True)),
        (message("error", ename="NameError", evalue="x"), Cell(error="NameError: x")),
        (message("execute_reply", status="error", ename="E", evalue="v"), Cell(error="E: v", replied=True)),
        (message("execute_reply", status="aborted"), Cell(error="aborted: ", replied=True)),
        ({}, Cell()),
        ({"msg_type": "status", "content": None, "parent_header": None, "header": None}, Cell()),
    ],
    ids=lambda value: (
        value.get("header", {}).get("msg_type", "odd") if isinstance(value, dict) and value.get("header") else ""
    ),
)
def test_what_one_message_means(said: dict[str, Any], cell: Cell) -> None:
    assert heard(Cell(), said, MINE) == cell


def test_a_whole_conversation() -> None:
    cell = Cell()
    for said in (
        message("status", OTHER, execution_state="idle"),
        message("status", execution_state="busy"),
        message("stream", name="stdout", text="a\n"),
        message("stream", name="stdout", text="b\n"),
        message("execute_result", data={"text/plain": "42"}),
        message("execute_reply", status="ok"),
    ):
        cell = heard(cell, said, MINE)
        assert not cell.over
    cell = heard(cell, message("status", execution_state="idle"), MINE)
    assert cell == Cell(value="42", printed="a\nb\n", replied=True, idle=True)
    assert cell.over


def test_output_after_the_reply_is_still_heard() -> None:
    cell = heard(Cell(), message("execute_reply", status="ok"), MINE)
    cell = heard(cell, message("stream", name="stdout", text="late"), MINE)
    assert heard(cell, message("status", execution_state="idle"), MINE) == Cell(printed="late", replied=True, idle=True)


def test_the_first_error_text_stays() -> None:
    cell = heard(Cell(), message("error", ename="NameError", evalue="x"), MINE)
    assert (
        heard(cell, message("execute_reply", status="error", ename="Other", evalue="y"), MINE).error == "NameError: x"
    )


def test_busy_after_idle_does_not_take_idle_back() -> None:
    assert heard(Cell(idle=True), message("status", execution_state="busy"), MINE).idle


# ---- the connection ---------------------------------------------------------------------------------------------


class FakeSocket:
    """A websocket that answers from a list; an exception in the list is raised."""

    def __init__(self, answers: list[Any], clock: FakeClock) -> None:
        self.answers = answers
        self.clock = clock
        self.sent: list[dict[str, Any]] = []
        self.closed = False
        self.timeout = 0.0
        self.opened: dict[str, Any] = {}
        self.handshake_response = SimpleNamespace(status=101)

    def connect(self, url: str, **settings: Any) -> None:
        self.opened |= {"url": url, "timeout": self.timeout, **settings}

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def recv(self) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, websocket.WebSocketTimeoutException):
            self.clock.sleep(self.timeout)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, dict):
            answer["parent_header"]["msg_id"] = self.sent[-1]["header"]["msg_id"]
            return json.dumps(answer)
        return answer

    def close(self, timeout: float) -> None:
        self.closed = True
        if self.answers and isinstance(self.answers[-1], OSError):
            raise self.answers[-1]


GOOD = [message("execute_reply", status="ok"), message("status", execution_state="idle")]


class Line:
    """A kernel on a fake websocket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> None:
        self.clock = FakeClock()
        self.socket = FakeSocket(answers, self.clock)
        monkeypatch.setattr(websocket, "WebSocket", self.made)
        self.context = ssl.create_default_context()
        budget = Budget(self.clock, 60.0, lambda: HubError("E-VERIFY-14", "The time is over", "wait"))
        self.kernel = Kernel("wss://hub/x", {"Cookie": "sid=1", "User-Agent": "u"}, self.context, budget)

    def made(self, **settings: Any) -> FakeSocket:
        self.socket.opened |= settings
        return self.socket


def test_the_handshake_carries_credentials_and_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [])
    assert line.socket.opened == {
        "url": "wss://hub/x",
        "timeout": 15.0,
        "header": ["Cookie: sid=1", "User-Agent: u"],
        "redirect_limit": 0,
        "sslopt": {"context": line.context},
        "enable_multithread": False,
    }


def test_a_cell_runs_and_each_has_its_own_message(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [*GOOD, *GOOD])
    assert line.kernel.run("1") == line.kernel.run("2") == Cell(replied=True, idle=True)
    first, second = line.socket.sent
    assert first["header"]["msg_id"] != second["header"]["msg_id"]
    assert first["header"]["session"] == second["header"]["session"]
    assert first["header"]["date"] == "2026-11-22T14:00:00+00:00"


def test_silence_is_allowed_and_frames_that_are_not_json_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    silence = websocket.WebSocketTimeoutException()
    line = Line(monkeypatch, [silence, silence, b"\x00\xff", "[]", *GOOD])
    assert line.kernel.run("slow").over
    assert line.clock.passed == 30.0


def test_silence_ends_with_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [websocket.WebSocketTimeoutException()] * 10)
    with pytest.raises(HubError, match="E-VERIFY-14"):
        line.kernel.run("for ever")
    assert line.clock.passed == 60.0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "the websocket of the kernel broke off (WebSocketConnectionClosedException)"),
        (websocket.WebSocketConnectionClosedException("x"), "broke off (WebSocketConnectionClosedException)"),
        (ConnectionResetError(104, "reset"), "broke off (ConnectionResetError)"),
        (message("status", execution_state="dead"), "the kernel's process died"),
    ],
    ids=["closed", "closed by the library", "reset", "dead"],
)
def test_a_connection_that_ends_in_the_middle(monkeypatch: pytest.MonkeyPatch, answer: Any, reason: str) -> None:
    line = Line(monkeypatch, [answer])
    with pytest.raises(HubError) as caught:
        line.kernel.run("1")
    assert caught.value.error_id == "E-VERIFY-08" and caught.value.what.endswith(reason)


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (
            websocket.WebSocketBadStatusException("Handshake status %d %s", 403, "Forbidden", {"Cookie": "SECRET"}),
            "status 403",
        ),
        (ConnectionRefusedError(111, "refused"), "ConnectionRefusedError"),
        (ssl.SSLCertVerificationError("SECRET"), "SSLCertVerificationError"),
    ],
)
def test_a_handshake_that_is_refused(monkeypatch: pytest.MonkeyPatch, problem: Exception, reason: str) -> None:
    def refuse(*_args: Any, **_settings: Any) -> Any:
        raise problem

    monkeypatch.setattr(websocket.WebSocket, "connect", refuse)
    budget = Budget(FakeClock(), 60.0, lambda: HubError("E-VERIFY-14", "over", "wait"))
    with pytest.raises(HubError) as caught:
        Kernel("wss://hub/x", {}, ssl.create_default_context(), budget)
    assert caught.value.what == f"No cell can be run: the websocket of the kernel does not open ({reason})"
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("answers", [[], [OSError(5, "broken")]])
def test_hanging_up_never_fails(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> None:
    line = Line(monkeypatch, answers)
    line.kernel.close()
    assert line.socket.closed
