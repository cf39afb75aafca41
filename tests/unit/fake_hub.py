# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small hub, identity provider and user server on loopback, over TLS, for the tests of everything that uses a hub.

It has the traits that matter: XSRF tokens in cookies that differ by path, a sign-in that goes over another host, a
start with a progress stream, a kernel behind a websocket that really runs the cell. What it does not know it refuses.
The proof on a real hub is in tests/e2e.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import make

VERSION = "5.5.0"
REFUSAL = "Sorry, you are not currently authorized to use this hub."


def make_certificates(folder: Path, *, days: int = 30, host: str = "localhost") -> tuple[Path, Path]:
    """Write a CA and a server certificate for `host` (and 127.0.0.1); return the CA file and the server's PEM file."""
    now = datetime.now(UTC) + timedelta(hours=1)
    begins = now - timedelta(days=60)
    ca = make("test CA", authority=True, begins=begins, ends=now + timedelta(days=90), strict=True)
    names, ends = [host, "127.0.0.1"], now + timedelta(days=days)
    leaf = make(host, issuer=ca, names=names, begins=begins, ends=ends, strict=True)
    ca_file, pem = folder / "ca.pem", folder / "server.pem"
    ca_file.write_text(ca.pem)
    pem.write_text(leaf.key_pem + leaf.pem)
    return ca_file, pem


@dataclass
class Reply:
    """What a handler answers; `stream` keeps the connection until its parts are sent."""

    status: int = 200
    body: Any = ""
    headers: list[tuple[str, str]] = field(default_factory=list)


def redirect(to: str, *cookies: str) -> Reply:
    return Reply(302, "", [("Location", to), *(("Set-Cookie", cookie) for cookie in cookies)])


def page(body: str, status: int = 200, *cookies: str, title: str = "JupyterHub") -> Reply:
    html = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>"
    return Reply(status, html, [("Content-Type", "text/html"), *(("Set-Cookie", cookie) for cookie in cookies)])


@dataclass
class FakeHub:
    """State and knobs. Each knob breaks one thing that a real hub or its surroundings can break."""

    home: Path
    passwords: dict[str, str] = field(
        default_factory=lambda: {"ada": "pw-of-ada-1234", "mallory": "pw-of-mallory-1234"}
    )
    allowed: set[str] = field(default_factory=lambda: {"ada"})
    tokens: dict[str, tuple[str, str]] = field(default_factory=lambda: {"token-of-ada-1234": ("user", "ada")})
    auto_login: bool = True
    consent: bool = False
    callback_status: int = 302  # anything else is answered instead of a session
    issuer_error: bool = False
    events: list[dict[str, Any]] = field(default_factory=lambda: [{"progress": 50, "message": "Pulling image"}])
    start_status: int = 201
    spawn_fails: str = ""
    progress_status: int = 200
    looks_until_ready: int = 0
    keeps_home: bool = True
    stops: bool = True
    kernel_language: str = "python"
    kernel_dies: bool = False
    session_lost: bool = False  # the hub forgets the session right after the callback
    server_page_status: int = 200
    busy: int = 0  # this many answers are 503 first
    base: str = "/"
    running: set[str] = field(default_factory=set)
    kernels: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    started: int = 0
    url: str = ""
    issuer: str = ""

    def door(self, request: Any) -> Reply | None:
        """What a proxy before the hub answers in its place; it sees every request, websockets too."""
        return None

    # ---- pages of the hub -----------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], request: Any) -> Reply:
        """Everything on the hub's port."""
        if not path.startswith(self.base):
            return page("404 : Not Found", 404)
        if self.busy:
            self.busy -= 1
            return Reply(503, "busy")
        below = path.removeprefix(self.base)
        if below.startswith("hub/api"):
            return self.api(method, below.removeprefix("hub/api").rstrip("/"), request)
        if below.startswith("user/"):
            return self.user_server(method, below, request)
        return self.hub_page(below, query, request)

    def hub_page(self, below: str, query: dict[str, str], request: Any) -> Reply:
        xsrf = f"_xsrf=hub-xsrf-{hash(request.cookies.get('sid', '')) & 0xFFFF:04x}; Path={self.base}hub/"
        if below == "hub/login":
            if self.auto_login:
                return redirect(f"{self.base}hub/oauth_login?next={quote(query.get('next', ''))}")
            link = f"{self.base}hub/oauth_login?next={quote(query.get('next', ''))}"
            return page(f'<a class="btn" href="{link}">Sign in with Lab</a>', 200, xsrf)
        if below == "hub/oauth_login":
            state = base64.urlsafe_b64encode(query.get("next", "").encode()).decode()
            return redirect(
                f"{self.issuer}auth?state={state}&client_id=hub", "oauthenticator-state=state-cookie-123; Path=/"
            )
        if below == "hub/oauth_callback":
            return self.callback(query)
        if below == "hub/home" and request.cookies.get("sid"):
            return page("<h1>Home</h1>", 200, xsrf)
        return page('<div class="error"><h1>404 : Not Found</h1></div>', 404)

    def callback(self, query: dict[str, str]) -> Reply:
        user = query.get("code", "").removeprefix("code-of-")
        if self.callback_status == 403:
            return page('<div class="error"><h1>403</h1>An access token was not returned: wrong secret</div>', 403)
        if self.callback_status != 302:
            return page('<div class="error"><h1>500 : Internal Server Error</h1></div>', self.callback_status)
        if user not in self.allowed:
            return page(f'<div class="error"><h1>403 : Forbidden</h1><p>{REFUSAL}</p></div>', 403)
        to = base64.urlsafe_b64decode(query["state"]).decode()
        return redirect(to or f"{self.base}hub/home", f"sid=session-of-{user}; Path={self.base}; Secure; HttpOnly")

    # ---- pages of the identity provider -----------------------------------------------------------------------

    def answer_issuer(self, method: str, path: str, query: dict[str, str], request: Any) -> Reply:
        """Everything on the identity provider's port."""
        if path == "/auth" and self.issuer_error:
            return page('<p role="alert">redirect_uri_mismatch</p>', 400, title="Error")
        if path == "/auth":
            return redirect(f"/interaction/{query['state']}")
        if not path.startswith("/interaction/"):
            return page("404", 404)
        state = path.rpartition("/")[2]
        form = dict(parse_qsl(request.body))
        if "agree" in form:
            return redirect(f"{self.url}hub/oauth_callback?code=code-of-{form['user']}&state={state}")
        if method == "GET":
            return page(self.login_form(path), title="Sign in")
        if self.passwords.get(form.get("login", "")) != form.get("password"):
            alert = '<p class="error" role="alert">Login or password is wrong.</p>'
            return page(alert + self.login_form(path), 403, title="Sign in")
        if self.consent:
            hidden = f'<input type="hidden" name="user" value="{form["login"]}">'
            buttons = '<button name="refuse">Deny</button><button name="agree" value="1">Allow</button>'
            return page(f'<form method="post" action="{path}">{hidden}{buttons}</form>', title="Consent")
        return redirect(f"{self.url}hub/oauth_callback?code=code-of-{form['login']}&state={state}")

    @staticmethod
    def login_form(path: str) -> str:
        return (
            f'<form method="post" action="{path}"><input name="csrf" type="hidden" value="csrf-value">'
            '<input name="login" autocomplete="username"><input type="password" name="password">'
            "<button>Sign in</button></form>"
        )

    # ---- the REST API -----------------------------------------------------------------------------------------

    def who(self, request: Any) -> tuple[str, str] | None:
        """Kind and name of the caller; a cookie counts only together with the XSRF token of the same path."""
        token = request.headers.get("Authorization", "").removeprefix("token ")
        if token:
            return self.tokens.get(token)
        sid = request.cookies.get("sid", "")
        if not sid.startswith("session-of-") or self.session_lost:
            return None
        xsrf = request.cookies.get("_xsrf")
        if request.headers.get("X-XSRFToken") != xsrf or not xsrf:
            self.refused.append(f"xsrf {request.path}")
            return None
        return "user", sid.removeprefix("session-of-")

    def api(self, method: str, path: str, request: Any) -> Reply:
        if path == "":
            return Reply(200, {"version": VERSION})
        caller = self.who(request)
        if caller is None:
            return Reply(403, {"status": 403, "message": "Forbidden"})
        if path == "/user":
            return Reply(200, {"kind": caller[0], "name": caller[1], "admin": False})
        parts = path.strip("/").split("/")
        if parts[0] != "users" or len(parts) < 2:
            return Reply(404, {"message": "unknown"})
        user, rest = unquote(parts[1]), "/".join(parts[2:])
        if user not in self.allowed:
            return Reply(404, {"message": "no such user"})
        return self.user_api(method, user, rest)

    def user_api(self, method: str, user: str, rest: str) -> Reply:
        if rest == "" and method == "GET":
            return Reply(200, {"name": user, "servers": self.servers(user)})
        if rest == "server" and method == "POST":
            if self.start_status in (200, 201, 202):
                self.running.add(user)
                self.started += 1
                if not self.keeps_home and self.started > 1:
                    for file in self.home.glob(".researchops-verify-*"):
                        file.unlink()
            return Reply(self.start_status, {"message": "no room"} if self.start_status >= 400 else "")
        if rest == "server" and method == "DELETE":
            if self.stops:
                self.running.discard(user)
            return Reply(204 if self.stops else 202)
        if rest == "server/progress" and self.progress_status != 200:
            return Reply(self.progress_status, {"message": "not starting"})
        if rest == "server/progress":
            last = (
                {"failed": True, "message": self.spawn_fails} if self.spawn_fails else {"ready": True, "message": "up"}
            )
            lines = ["", ":a comment", "data: not json"] + [
                f"data: {json.dumps(event)}" for event in [*self.events, last]
            ]
            return Reply(200, "\n\n".join(lines) + "\n\n", [("Content-Type", "text/event-stream")])
        return Reply(404, {"message": "unknown"})

    def servers(self, user: str) -> dict[str, Any]:
        if user not in self.running:
            return {}
        ready = self.looks_until_ready <= 0
        self.looks_until_ready -= 1
        pending = None if ready else "spawn"
        return {"": {"name": "", "ready": ready, "pending": pending, "url": f"{self.base}user/{quote(user)}/"}}

    # ---- the user server --------------------------------------------------------------------------------------

    def user_server(self, method: str, below: str, request: Any) -> Reply:
        _user, name, rest = below.split("/", 2)
        name = unquote(name)
        if name not in self.running:
            return Reply(424, {"message": "server not running"})
        if rest == "":
            cookie = f"_xsrf=server-xsrf; Path={self.base}user/{quote(name)}/"
            return page("<h1>JupyterLab</h1>", self.server_page_status, cookie)
        if self.who(request) is None:
            return Reply(403, {"message": "Forbidden"})
        if rest == "api/kernelspecs":
            spec = {"spec": {"language": self.kernel_language}}
            return Reply(
                200, {"default": "main", "kernelspecs": {"main": spec, "other": {"spec": {"language": "julia"}}}}
            )
        if rest == "api/kernels" and method == "POST":
            self.kernels.append(f"kernel-{len(self.log)}")
            return Reply(201, {"id": self.kernels[-1]})
        if rest.startswith("api/kernels/") and method == "DELETE":
            self.kernels.remove(rest.rpartition("/")[2])
            return Reply(204)
        return Reply(404, {"message": "unknown"})

    def run_cell(self, code: str, parent: str) -> Iterator[dict[str, Any]]:
        """Run a cell for real, with the fake's home, and yield what a kernel would say."""

        def say(kind: str, **content: Any) -> dict[str, Any]:
            return {"header": {"msg_type": kind}, "parent_header": {"msg_id": parent}, "content": content}

        yield {
            "header": {"msg_type": "status"},
            "parent_header": {"msg_id": "other"},
            "content": {"execution_state": "idle"},
        }
        if self.kernel_dies:
            yield {"header": {"msg_type": "status"}, "parent_header": {}, "content": {"execution_state": "dead"}}
            return
        yield say("status", execution_state="busy")
        printed = io.StringIO()
        scope: dict[str, Any] = {"print": lambda *words: printed.write(" ".join(map(str, words)) + "\n")}
        reply: dict[str, Any] = {"status": "ok"}
        try:
            value = eval(code, scope) if "\n" not in code else exec(code, scope)  # noqa: S307, S102 (that is a kernel's job)
            if value is not None:
                yield say("execute_result", data={"text/plain": repr(value)})
        except Exception as error:  # noqa: BLE001 (a kernel reports every error of a cell)
            reply = {"status": "error", "ename": type(error).__name__, "evalue": str(error)}
            yield say("error", **reply)
        if printed.getvalue():
            yield say("stream", name="stdout", text=printed.getvalue())
        yield say("execute_reply", **reply)
        yield say("status", execution_state="idle")


class QuietHandler(BaseHTTPRequestHandler):
    """HTTP/1.1; clients that hang up, or distrust the certificate, are part of the tests."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one segment for head and body: no delayed acknowledgements in between

    def log_message(self, *args: Any) -> None:
        """Nothing goes to the terminal."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True  # reading on, OpenSSL 3.5 would spin for ever


class Handler(QuietHandler):
    """For a kernel's channels also a websocket."""

    disable_nagle_algorithm = True
    hub: FakeHub
    is_issuer = False

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.cookies: dict[str, str] = {}
        for chunk in self.headers.get("Cookie", "").split(";"):
            name, _equals, value = chunk.strip().partition("=")
            self.cookies.setdefault(name, value)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        who = "issuer " if self.is_issuer else ""
        self.hub.log.append(f"{who}{self.command} {parts.path}")
        refusal = None if self.is_issuer else self.hub.door(self)
        if refusal is not None:
            self._send(refusal)
            return
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._websocket()
            return
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        answer = self.hub.answer_issuer if self.is_issuer else self.hub.answer
        reply = answer(self.command, parts.path, query, self)
        if not self.is_issuer and reply.status not in (502, 503, 504):
            reply.headers.append(("X-JupyterHub-Version", VERSION))
        self._send(reply)

    do_GET = do_POST = do_DELETE = _serve

    def _send(self, reply: Reply) -> None:
        body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        data = body.encode()
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(data)

    def _websocket(self) -> None:
        """RFC 6455 as far as one client needs it: unfragmented text, close."""
        authorised = self.hub.who(self) if self.headers.get("Authorization") else self.cookies.get("sid")
        if not authorised or self.headers.get("Sec-Fetch-Mode") != "websocket":
            self._send(Reply(403, {"message": "Forbidden"}))
            return
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())  # noqa: S324
        self.end_headers()
        self.wfile.flush()
        while (message := self._frame()) is not None:
            request = json.loads(message)
            for answer in self.hub.run_cell(request["content"]["code"], request["header"]["msg_id"]):
                self._send_frame(json.dumps(answer).encode())
        self.wfile.write(b"\x88\x00")
        self.wfile.flush()
        self.close_connection = True

    def _frame(self) -> bytes | None:
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] & 0x0F == 8:
            return None
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(self.rfile.read(2), "big")
        mask = self.rfile.read(4)
        data = self.rfile.read(size)
        return bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))

    def _send_frame(self, data: bytes) -> None:
        head = bytes([0x81, len(data)]) if len(data) < 126 else bytes([0x81, 126]) + len(data).to_bytes(2, "big")
        self.wfile.write(head + data)
        self.wfile.flush()


@contextlib.contextmanager
def serving(hub: FakeHub, pem: Path) -> Iterator[FakeHub]:
    """Serve a hub and its identity provider on two loopback ports; `url` and `issuer` are then known."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    servers = []
    for is_issuer in (False, True):
        handler = type("BoundHandler", (Handler,), {"hub": hub, "is_issuer": is_issuer})
        server = QuietServer(("127.0.0.1", 0), handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    hub.url = f"https://localhost:{servers[0].server_address[1]}{hub.base}"
    hub.issuer = f"https://localhost:{servers[1].server_address[1]}/"
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class QuietServer(ThreadingHTTPServer):
    """Clients that hang up, or distrust the certificate, are part of the tests."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Not on the terminal."""


@contextlib.contextmanager
def home_is(folder: Path) -> Iterator[None]:
    """Let the cells that the fake kernel runs find `folder` as home."""
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before
