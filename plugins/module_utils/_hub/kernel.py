# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Running one cell over a kernel's websocket, as JupyterLab does (Jupyter messaging protocol 5.3)."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._core.budget import Budget
from .._core.errors import HubError
from .._core.transport import REDIRECTS
from .._core.typed import json_object

Json = dict[str, Any]

LISTEN = 15.0
"""Seconds of silence after which the time budget is looked at; a cell may be silent for longer."""
PROTOCOL = "5.3"
SWITCHED = 101
"""The status of a handshake that went well (RFC 6455, section 4.2.2)."""


@dataclass(frozen=True)
class Cell:
    """What came of one cell so far.

    Attributes:
        value: the text of its last expression.
        printed: what it wrote to standard output.
        error: name and text of the exception that ended it.
        replied: the kernel said how it went.
        idle: the kernel said that nothing more will come.
        died: the kernel's process ended.
    """

    value: str = ""
    printed: str = ""
    error: str = ""
    replied: bool = False
    idle: bool = False
    died: bool = False

    @property
    def over(self) -> bool:
        """Whether everything about this cell has been said; output may come after the reply, never after idle."""
        return self.died or (self.replied and self.idle)


def execute_request(code: str, message_id: str, session: str, date: str) -> Json:
    """The message that runs ``code``; nothing enters the user's history."""
    return {
        "channel": "shell",
        "header": {
            "msg_id": message_id,
            "msg_type": "execute_request",
            "session": session,
            "username": "",
            "date": date,
            "version": PROTOCOL,
        },
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
        "buffers": [],
    }


def heard(cell: Cell, message: Mapping[str, Any], message_id: str) -> Cell:
    """The cell after one more message; messages that answer something else change nothing, except a kernel's death."""
    kind = (message.get("header") or {}).get("msg_type") or message.get("msg_type")
    content = message.get("content") or {}
    if kind == "status" and content.get("execution_state") in ("dead", "restarting"):
        return replace(cell, died=True)
    if (message.get("parent_header") or {}).get("msg_id") != message_id:
        return cell
    answer = ANSWERS.get(str(kind))
    return answer(cell, content) if answer else cell


def _status(cell: Cell, content: Mapping[str, Any]) -> Cell:
    return replace(cell, idle=cell.idle or content.get("execution_state") == "idle")


def _stream(cell: Cell, content: Mapping[str, Any]) -> Cell:
    text = str(content.get("text", "")) if content.get("name") == "stdout" else ""
    return replace(cell, printed=cell.printed + text)


def _result(cell: Cell, content: Mapping[str, Any]) -> Cell:
    return replace(cell, value=str((content.get("data") or {}).get("text/plain", "")))


def _error(cell: Cell, content: Mapping[str, Any]) -> Cell:
    error = f"{content.get('ename', content.get('status', 'error'))}: {content.get('evalue', '')}"
    return replace(cell, error=cell.error or error)


def _reply(cell: Cell, content: Mapping[str, Any]) -> Cell:
    cell = cell if content.get("status") == "ok" else _error(cell, content)
    return replace(cell, replied=True)


ANSWERS: dict[str, Callable[[Cell, Mapping[str, Any]], Cell]] = {
    "status": _status,
    "stream": _stream,
    "execute_result": _result,
    "error": _error,
    "execute_reply": _reply,
}
"""What each kind of message about our cell means; Jupyter's messaging protocol, version 5."""


class Kernel:
    """An open websocket to one kernel; close it."""

    def __init__(self, url: str, headers: Mapping[str, str], context: ssl.SSLContext, budget: Budget) -> None:
        """Connect.

        Args:
            url: the websocket's address (wss).
            headers: credentials and the like.
            context: whom to trust.
            budget: bounds the connection and every cell.

        Raises:
            HubError: E-VERIFY-08, for a handshake that fails.
        """
        import websocket

        self._budget = budget
        self._session = uuid.uuid4().hex
        self._socket = websocket.WebSocket(sslopt={"context": context}, enable_multithread=False)
        self._socket.settimeout(min(LISTEN, budget.left()))
        words = [f"{name}: {value}" for name, value in headers.items()]
        problem: Exception | None = None
        try:
            # The library would take the credentials to wherever a redirect leads.
            self._socket.connect(url, header=words, redirect_limit=0)
        except (websocket.WebSocketException, OSError) as caught:
            problem = caught
        answer = self._socket.handshake_response
        if problem or answer.status != SWITCHED:  # older releases of the library take a redirect for a connection
            self._socket.shutdown()
            raise _broken(f"the websocket of the kernel does not open ({_refusal(problem, answer)})") from problem

    def run(self, code: str) -> Cell:
        """Run one cell to its end.

        Raises:
            HubError: E-VERIFY-08 when the connection breaks or the kernel dies, or the budget's own error.
        """
        import websocket

        message_id = uuid.uuid4().hex
        date = self._budget.clock.utcnow().isoformat()
        cell = Cell()
        try:
            self._socket.send(json.dumps(execute_request(code, message_id, self._session, date)))
            while not cell.over:
                cell = heard(cell, self._next(), message_id)
        except (websocket.WebSocketException, OSError) as problem:
            raise _broken(f"the websocket of the kernel broke off ({type(problem).__name__})") from problem
        if cell.died:
            raise _broken("the kernel's process died")
        return cell

    def _next(self) -> Json:
        """The next message; silence is allowed until the budget is gone."""
        import websocket

        while True:
            self._socket.settimeout(min(LISTEN, self._budget.left()))
            try:
                data = self._socket.recv()
            except websocket.WebSocketTimeoutException:
                continue
            if not data:
                raise websocket.WebSocketConnectionClosedException("closed by the server")
            message = json_object(data)
            if message is not None:  # frames that are none hold the buffers of widgets
                return message

    def close(self) -> None:
        """Hang up; what is already broken stays so."""
        import websocket

        try:
            self._socket.close(timeout=2)
        except (websocket.WebSocketException, OSError):
            return


def _refusal(problem: Exception | None, answer: Any) -> str:
    """Why a handshake failed: its status, else the kind of failure; never the headers that the library quotes."""
    status = getattr(problem, "status_code", None) or getattr(answer, "status", None)
    if status in REDIRECTS:
        return f"status {status}: led elsewhere, as when somebody stops the server meanwhile or a login is asked for"
    return f"status {status}" if status and status != SWITCHED else type(problem).__name__


def _broken(what: str) -> HubError:
    return HubError(
        error_id="E-VERIFY-08",
        what=f"No cell can be run: {what}",
        wanted="a kernel that answers over its websocket",
        do="check that every proxy on the way lets websockets pass and keeps idle ones; then read the user pod's log",
    )
