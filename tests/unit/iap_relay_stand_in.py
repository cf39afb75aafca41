# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the relay of Google's Identity-Aware Proxy for TCP, on the loopback address. It is not the relay.

What it shares with it, as far as Google's own client shows it: the addresses ``connect`` and ``reconnect`` with their
parameters, subprotocol, origin and bearer token, the four kinds of frames, the session that survives its websocket, and
the close codes for a machine that is not found, not allowed or not listening.

Its limits: it knows one token, one machine and one port; it decides nothing by IAM; it keeps a session for as long as
it runs (the relay gives up after a while); it has no rate limits, no maximal life of a connection, no mutual TLS and no
destination groups; its close codes carry short reasons of its own. What the real relay does beyond this is not proved.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

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


class Websocket:
    """The server's end of one websocket (RFC 6455), as much of it as is needed."""

    def __init__(self, connection: Any) -> None:
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

    def refuse(self, status: str) -> None:
        """Answer without becoming a websocket."""
        self.connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

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
        with contextlib.suppress(OSError):  # the plain socket's: a TLS socket would go on reading without TLS
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

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
        data: bytes = self.stream.read(size) or b""  # None: cut in the middle of a TLS record
        if len(data) < size:
            raise Gone
        return data


@dataclass
class Session:
    """One TCP connection to the machine, and both counts."""

    machine: socket.socket
    received: int = 0
    sent: int = 0
    kept: bytes = b""
    websocket: Websocket | None = None
    lock: threading.Condition = field(default_factory=threading.Condition)


@dataclass
class Relay:
    """The stand-in.

    Attributes:
        url: what to give as ``relay_url``.
        ca_file: whom to trust.
        target: the machine's SSH port on the loopback address.
        token: the one access token that may pass.
        wanted: the parameters of a connect request.
        refuse_http: an HTTP status to refuse with.
        close_with: a close code to answer with, in place of a session.
        requests: paths that were asked for.
        sessions: by id.
    """

    url: str
    ca_file: Path
    target: int
    token: str
    wanted: dict[str, str]
    refuse_http: str = ""
    close_with: int = 0
    requests: list[str] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)

    def cut(self) -> int:
        """Cut all websockets; the sessions live on. Returns how many that was."""
        found = [session.websocket for session in self.sessions.values() if session.websocket]
        for websocket in found:
            websocket.cut()
        return len(found)

    def forget(self) -> None:
        """Lose all sessions, as a relay does that is replaced."""
        known = list(self.sessions.values())
        self.sessions.clear()
        for session in known:
            if session.websocket:
                session.websocket.cut()

    def serve(self, connection: Any) -> None:
        """One client."""
        websocket = Websocket(connection)
        websocket.read_request()
        self.requests.append(websocket.path)
        heads = websocket.headers
        if self.refuse_http or heads.get("authorization") != f"Bearer {self.token}":
            return websocket.refuse(self.refuse_http or "401 Unauthorized")
        if heads.get("origin") != "bot:iap-tunneler" or heads.get("sec-websocket-protocol") != SUBPROTOCOL:
            return websocket.refuse("400 Bad Request")
        websocket.accept()
        place = urlsplit(websocket.path)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        if self.close_with:
            return websocket.close(self.close_with, "said the stand-in")
        session = self._resumed(query, websocket) if place.path.endswith("/reconnect") else self._new(query, websocket)
        if session is not None:
            self._carry(session, websocket)
        return None

    def _new(self, query: dict[str, str], websocket: Websocket) -> Session | None:
        if {name: query.get(name) for name in self.wanted} != self.wanted:
            websocket.close(4047, "unknown machine")
            return None
        try:
            machine = socket.create_connection(("127.0.0.1", self.target), timeout=TIMEOUT)
        except OSError:
            websocket.close(4003, "nothing listens")
            return None
        sid = secrets.token_urlsafe(16)
        session = Session(machine, websocket=websocket)
        self.sessions[sid] = session
        websocket.send(struct.pack(">HI", TAG_SID, len(sid)) + sid.encode())
        threading.Thread(target=self._forth, args=(sid, session), daemon=True).start()
        return session

    def _resumed(self, query: dict[str, str], websocket: Websocket) -> Session | None:
        session = self.sessions.get(query.get("sid", ""))
        if session is None:
            websocket.close(4001, "unknown session")
            return None
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


@contextlib.contextmanager
def relay(folder: Path, certificate: Path, ca_file: Path, target: int, wanted: dict[str, str]) -> Iterator[Relay]:
    """The stand-in until the block ends.

    Args:
        folder: a directory of the test's own.
        certificate: PEM file with certificate and key for 127.0.0.1.
        ca_file: whom clients trust.
        target: the machine's port on the loopback address.
        wanted: the parameters a client must ask with.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listening = socket.create_server(("127.0.0.1", 0), backlog=20)
    made = Relay(f"wss://127.0.0.1:{listening.getsockname()[1]}/v4", ca_file, target, secrets.token_hex(16), wanted)

    def client(plain: socket.socket) -> None:
        plain.settimeout(TIMEOUT)
        expected = contextlib.suppress(OSError, ValueError, IndexError, Gone)
        with expected, context.wrap_socket(plain, server_side=True) as connection:
            made.serve(connection)

    def accept() -> None:
        while True:
            try:
                plain, _address = listening.accept()
            except OSError:
                return
            threading.Thread(target=client, args=(plain,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield made
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        made.cut()
        for session in list(made.sessions.values()):
            session.machine.close()
        thread.join()
