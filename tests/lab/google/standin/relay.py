# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the relay of Google's Identity-Aware Proxy for TCP: its protocol. It is not the relay.

What it shares with it, as far as Google's own client shows it: the addresses ``connect`` and ``reconnect`` with their
parameters, subprotocol, origin and bearer token, the four kinds of frames, the session that survives its websocket, and
the close codes for a machine that is not found, not allowed or not listening.

Who calls, and which machine he may reach, a judge says: ``standin.tunnels`` by IAM and the machines of the stand-in for
Google, ``Loopback`` (for tests without a lab) by one token and one machine. Standard library only.

Its limits: it keeps a session until the machine has said nothing for 30 s; it has no rate limits, no maximal life of a
connection, no mutual TLS and no destination groups; its close codes carry short reasons of its own. What the real relay
does beyond this is not proved.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from standin import http

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
SUBPROTOCOL = "relay.tunnel.cloudproxy.app"
TAG_SID, TAG_RESUMED, TAG_DATA, TAG_ACK = 1, 2, 4, 7
MAX_DATA = 16384
TIMEOUT = 30.0


class Gone(Exception):
    """The websocket is cut."""


class Ended(Gone):
    """The client closed the websocket."""


class Refusal(Exception):
    """No: an HTTP status before there is a websocket, a close code after that."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Judge(Protocol):
    """Who decides."""

    def caller(self, target: str, token: str) -> str:
        """Who asks for a path (and query) with this bearer token. Raises Refusal with an HTTP status."""

    def machine(self, caller: str, wanted: Mapping[str, str]) -> tuple[str, int]:
        """Address and port that the parameters of a connect request lead a caller to. Raises Refusal, a close code."""


class Websocket:
    """The server's end of one websocket (RFC 6455), as much of it as is needed."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.stream = connection.makefile("rb")
        self.lock = threading.Lock()
        self.path = ""
        self.headers: dict[str, str] = {}

    def read_request(self) -> None:
        """Read the request's head."""
        self.path = self.stream.readline().decode().split(" ")[1]
        while line := self.stream.readline().decode().strip():
            name, _colon, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def refuse(self, no: Refusal) -> None:
        """Answer without becoming a websocket."""
        self.connection.sendall(f"HTTP/1.1 {no}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def accept(self) -> None:
        """Become a websocket."""
        key = hashlib.sha1((self.headers["sec-websocket-key"] + MAGIC).encode()).digest()  # noqa: S324
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Accept: {base64.b64encode(key).decode()}", f"Sec-WebSocket-Protocol: {SUBPROTOCOL}"]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes, opcode: int = BINARY) -> None:
        """Send one message."""
        size = len(data)
        head = bytes([0x80 | opcode]) + (bytes([size]) if size < 126 else struct.pack(">BH", 126, size))
        with self.lock:
            self.connection.sendall(head + data)

    def close(self, code: int, reason: str = "") -> None:
        """Say why it ends, and end it."""
        with contextlib.suppress(OSError):
            self.send(code.to_bytes(2, "big") + reason.encode(), CLOSE)
        self.cut()

    def cut(self) -> None:
        """End it without a word, as a network does."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def receive(self) -> bytes:
        """The next binary message."""
        while True:
            first, second = self._exactly(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
            assert second & 0x80, "a client masks its frames"
            mask, data = self._exactly(4), self._exactly(size)
            text = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
            if first & 0x0F == CLOSE:
                raise Ended
            if first & 0x0F == PING:
                self.send(text, PONG)
            elif first & 0x0F == BINARY:
                return text

    def _exactly(self, size: int) -> bytes:
        data = self.stream.read(size)
        if len(data) < size:
            raise Gone
        return data


@dataclass
class Session:
    """One TCP connection to the machine, both counts, and whose it is."""

    machine: socket.socket
    owner: str
    received: int = 0
    sent: int = 0
    kept: bytes = b""
    websocket: Websocket | None = None
    lock: threading.Condition = field(default_factory=threading.Condition)


@dataclass
class Relay:
    """The stand-in.

    Attributes:
        sessions: by id.
    """

    sessions: dict[str, Session] = field(default_factory=dict)

    def cut(self) -> int:
        """Cut all websockets; the sessions live on. Returns how many that was."""
        found = [session.websocket for session in self.sessions.values() if session.websocket]
        for websocket in found:
            websocket.cut()
        return len(found)

    def forget(self) -> int:
        """Lose all sessions and their machines, as a relay does that is replaced. Returns how many that was."""
        known = list(self.sessions.values())
        self.sessions.clear()
        for session in known:
            if session.websocket:
                session.websocket.cut()
            with contextlib.suppress(OSError):
                session.machine.shutdown(socket.SHUT_RDWR)
        return len(known)

    def serve(self, connection: socket.socket, judge: Judge) -> None:
        """One client to its end; the judge decides about it."""
        connection.settimeout(TIMEOUT)
        with contextlib.suppress(OSError, ValueError, IndexError, Gone), connection:
            self._serve(Websocket(connection), judge)

    def _serve(self, websocket: Websocket, judge: Judge) -> None:
        websocket.read_request()
        try:
            caller = _admitted(websocket, judge)
        except Refusal as no:
            return websocket.refuse(no)
        websocket.accept()
        place = urlsplit(websocket.path)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        try:
            if place.path.endswith("/reconnect"):
                session = self._resumed(caller, query, websocket)
            else:
                session = self._new(caller, judge.machine(caller, query), websocket)
        except Refusal as no:
            return websocket.close(no.code, no.reason)
        return self._carry(session, websocket)

    def _new(self, caller: str, address: tuple[str, int], websocket: Websocket) -> Session:
        try:
            machine = socket.create_connection(address, timeout=TIMEOUT)
        except OSError as problem:
            raise Refusal(4003, "nothing listens") from problem
        session = Session(machine, caller, websocket=websocket)
        sid = secrets.token_urlsafe(16)
        self.sessions[sid] = session
        websocket.send(struct.pack(">HI", TAG_SID, len(sid)) + sid.encode())
        threading.Thread(target=self._forth, args=(sid, session), daemon=True).start()
        return session

    def _resumed(self, caller: str, query: Mapping[str, str], websocket: Websocket) -> Session:
        session = self.sessions.get(query.get("sid", ""))
        if session is None or session.owner != caller:
            raise Refusal(4001, "unknown session")
        acknowledged = int(query["ack"])
        with session.lock:
            session.websocket = websocket
            missing = session.kept[len(session.kept) - (session.sent - acknowledged) :] if session.kept else b""
            websocket.send(struct.pack(">HQ", TAG_RESUMED, session.received))
            for start in range(0, len(missing), MAX_DATA):
                part = missing[start : start + MAX_DATA]
                websocket.send(struct.pack(">HI", TAG_DATA, len(part)) + part)
            session.lock.notify_all()
        return session

    def _forth(self, sid: str, session: Session) -> None:
        """From the machine to the client; what the client has not confirmed is kept."""
        while True:
            try:
                data = session.machine.recv(MAX_DATA)
            except OSError:
                data = b""
            with session.lock:
                if not data:
                    self.sessions.pop(sid, None)
                    session.machine.close()
                    if session.websocket:
                        session.websocket.close(1000)
                    return
                session.sent += len(data)
                session.kept += data
                if session.websocket:
                    with contextlib.suppress(OSError):
                        session.websocket.send(struct.pack(">HI", TAG_DATA, len(data)) + data)

    def _carry(self, session: Session, websocket: Websocket) -> None:
        """From the client to the machine, until the websocket ends."""
        told = session.received
        try:
            while True:
                message = websocket.receive()
                tag = int.from_bytes(message[:2], "big")
                if tag == TAG_DATA:
                    data = message[6:]
                    assert len(data) == int.from_bytes(message[2:6], "big") <= MAX_DATA
                    session.machine.sendall(data)
                    session.received += len(data)
                    if session.received - told > MAX_DATA:
                        told = session.received
                        websocket.send(struct.pack(">HQ", TAG_ACK, told))
                elif tag == TAG_ACK:
                    with session.lock:
                        unconfirmed = session.sent - int.from_bytes(message[2:10], "big")
                        assert 0 <= unconfirmed <= len(session.kept)
                        session.kept = session.kept[len(session.kept) - unconfirmed :]
        except Ended:
            with contextlib.suppress(OSError):
                session.machine.shutdown(socket.SHUT_RDWR)
        except (Gone, OSError):
            pass  # the session lives on
        finally:
            with session.lock:
                if session.websocket is websocket:
                    session.websocket = None


def _admitted(websocket: Websocket, judge: Judge) -> str:
    """Who asks. Raises Refusal."""
    heads = websocket.headers
    kind, _space, token = heads.get("authorization", "").partition(" ")
    caller = judge.caller(websocket.path, token if kind == "Bearer" else "")
    if heads.get("origin") != "bot:iap-tunneler" or heads.get("sec-websocket-protocol") != SUBPROTOCOL:
        raise Refusal(400, "Bad Request")
    return caller


class Loopback(Relay):
    """The stand-in by itself: one token, one machine on the loopback address.

    Attributes:
        url: what to give as ``relay_url``.
        ca_file: whom to trust.
        target: the machine's port.
        wanted: the parameters of a connect request.
        token: the one access token that may pass.
        refuse_http: an HTTP status to refuse with.
        close_with: a close code to answer with, in place of a session.
        requests: what was asked for.
    """

    def __init__(self, url: str, ca_file: Path, target: int, wanted: Mapping[str, str]) -> None:
        super().__init__()
        self.url, self.ca_file, self.target, self.wanted = url, ca_file, target, wanted
        self.token = secrets.token_hex(16)
        self.refuse_http = self.close_with = 0
        self.requests: list[str] = []

    def caller(self, target: str, token: str) -> str:
        """The one there is. Raises Refusal."""
        self.requests.append(target)
        if self.refuse_http or token != self.token:
            raise Refusal(self.refuse_http or 401, "said the stand-in")
        return "tester"

    def machine(self, caller: str, wanted: Mapping[str, str]) -> tuple[str, int]:
        """The one there is. Raises Refusal."""
        if self.close_with:
            raise Refusal(self.close_with, "said the stand-in")
        if {name: wanted.get(name) for name in self.wanted} != self.wanted:
            raise Refusal(4047, "unknown machine")
        return "127.0.0.1", self.target


async def beside(near: http.Streams, serve: Callable[[socket.socket], None], first: bytes = b"") -> None:
    """Have a thread serve a client of asyncio's over plain sockets: a TLS connection takes no two threads at once.

    Args:
        near: the client.
        serve: what the thread does with its socket.
        first: what it reads before what the client sends.
    """
    ours, its = socket.socketpair()
    threading.Thread(target=serve, args=(its,), daemon=True).start()
    far = await asyncio.open_connection(sock=ours)
    try:
        far[1].write(first)
        await http.both_ways(near, far)
    finally:
        far[1].close()


@contextlib.contextmanager
def relay(certificate: Path, ca_file: Path, target: int, wanted: Mapping[str, str]) -> Iterator[Loopback]:
    """The stand-in by itself until the block ends.

    Args:
        certificate: PEM file with certificate and key for 127.0.0.1.
        ca_file: whom clients trust.
        target: the machine's port on the loopback address.
        wanted: the parameters a client must ask with.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listening = socket.create_server(("127.0.0.1", 0), backlog=20)
    made = Loopback(f"wss://127.0.0.1:{listening.getsockname()[1]}/v4", ca_file, target, wanted)

    async def client(*near: Any) -> None:
        with contextlib.suppress(OSError):
            await beside((near[0], near[1]), partial(made.serve, judge=made))
        near[1].close()

    async def serving(ends: asyncio.Event) -> None:
        async with await asyncio.start_server(client, sock=listening, ssl=context):
            await ends.wait()

    with asyncio.Runner() as runner:
        loop, ends = runner.get_loop(), asyncio.Event()
        thread = threading.Thread(target=runner.run, args=(serving(ends),))
        thread.start()
        try:
            yield made
        finally:
            made.forget()
            loop.call_soon_threadsafe(ends.set)
            thread.join()
