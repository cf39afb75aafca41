# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""SSH over Google's Identity-Aware Proxy: a program that ssh starts as its ProxyCommand. EXPERIMENTAL.

ssh's bytes come in on standard input and leave on standard output; between them and the machine is a websocket with
the subprotocol ``relay.tunnel.cloudproxy.app``. Google publishes no contract for it. What is known of it, from what its
own client sends and takes: each message holds frames of a tag (two bytes, big-endian) and

- 1, CONNECT_SUCCESS_SID: length (four bytes) and the session's id, the first thing the relay says;
- 2, RECONNECT_SUCCESS_ACK: how many bytes of ours it has (eight bytes), the first thing after a reconnection;
- 4, DATA: length (four bytes, at most 16384) and the bytes, both ways;
- 7, ACK: how many bytes the sender has received in all (eight bytes), both ways; due after two full frames.

A websocket that breaks is opened again with the session's id and our count, and what the relay has not confirmed is
sent again, so that ssh notices nothing. Tags that are not known are left alone. Needs websocket-client; the access
token comes from a command (exec_credential.py), asked for anew at each connection.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

_Done = TypeVar("_Done")

SUBPROTOCOL = "relay.tunnel.cloudproxy.app"
ORIGIN = "bot:iap-tunneler"
"""What the relay wants to read; no browser can say it."""
TAG_SID, TAG_RESUMED, TAG_DATA, TAG_ACK = 1, 2, 4, 7
MAX_DATA = 16384
ACK_AFTER = 2 * MAX_DATA
"""Bytes that may arrive before we say so."""
AHEAD = 4 << 20
"""Bytes sent and not confirmed, at most; then ssh has to wait."""
CONNECT_TIMEOUT = 10.0
QUIET_TIMEOUT = 20.0
"""Seconds without a byte; ssh asks for a sign of life every few seconds, so there is always something."""
TOKEN_TIMEOUT = 30.0
RESUME_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each try to go on with a session; then ssh has to start anew."""
FINAL = {
    4001: "the relay does not know the session any more",
    4002: "the session is in use elsewhere",
    4003: "the relay cannot connect to the machine's SSH port",
    4004: "the login has ended",
    4033: "not authorized",
    4047: "the relay does not find the machine",
}
"""Close codes after which going on is of no use, in words."""
ADVICE = {
    4003: "start the machine and its SSH server, and let 35.235.240.0/20 reach its SSH port",
    4033: "grant roles/iap.tunnelResourceAccessor on the machine to these credentials; a new grant takes minutes",
    4047: "correct project, zone and instance in cluster_access_bastion",
}
"""What to do about some of them."""


class ProtocolError(Exception):
    """The relay said something that has no place in the protocol."""


class Problem(Exception):
    """What a person has to know, already in the collection's form."""

    def __init__(self, error_id: str, what: str, do: str) -> None:
        super().__init__(" ".join(f"{error_id} {what}. Nothing was changed. Do: {do}.".split()))


@dataclass
class Session:
    """Both ends' counts, and what the relay has not confirmed. Pure: no socket, no clock.

    Attributes:
        sid: the session's id; empty before the relay gave one.
        open: whether data may flow.
        received: bytes that came.
        acknowledged: of these, what we have said.
        confirmed: bytes of ours that the relay has.
        unconfirmed: frames' contents it may not have, in order.
    """

    sid: str = ""
    open: bool = False
    received: int = 0
    acknowledged: int = 0
    confirmed: int = 0
    unconfirmed: deque[bytes] = field(default_factory=deque)

    @property
    def ahead(self) -> int:
        """Bytes sent and not confirmed."""
        return sum(len(part) for part in self.unconfirmed)

    def outgoing(self, data: bytes) -> bytes:
        """A frame with data of ours, remembered until it is confirmed."""
        self.unconfirmed.append(data)
        return data_frame(data)

    def incoming(self, message: bytes) -> bytes:
        """Take a message; returns the data in it.

        Raises:
            ProtocolError: for what has no place.
        """
        data = b""
        while message:
            tag, content, message = split(message)
            if tag == TAG_SID:
                if self.sid:
                    raise ProtocolError("a second session id")
                self.sid, self.open = content.decode("ascii", "strict"), True
            elif tag == TAG_RESUMED:
                if self.open or not self.sid:
                    raise ProtocolError("a resumption nobody asked for")
                self._confirm(int.from_bytes(content, "big"))
                self.open = True
            elif tag == TAG_ACK:
                self._confirm(int.from_bytes(content, "big"))
            elif tag == TAG_DATA:
                if not self.open:
                    raise ProtocolError("data before the session is open")
                self.received += len(content)
                data += content
        return data

    def _confirm(self, total: int) -> None:
        """Forget what arrived over there; a frame may be confirmed in part."""
        fresh = total - self.confirmed
        if fresh < 0 or fresh > self.ahead:
            raise ProtocolError(f"{total} bytes confirmed, between {self.confirmed} and {self.confirmed + self.ahead}")
        self.confirmed = total
        while fresh:
            part = self.unconfirmed.popleft()
            if len(part) > fresh:
                self.unconfirmed.appendleft(part[fresh:])
            fresh -= min(fresh, len(part))

    def due(self) -> bytes:
        """The frame that tells the relay what we have; empty while it is not due."""
        if self.received - self.acknowledged <= ACK_AFTER:
            return b""
        self.acknowledged = self.received
        return struct.pack(">HQ", TAG_ACK, self.received)

    def broken(self) -> None:
        """The websocket is gone."""
        self.open = False

    def again(self) -> list[bytes]:
        """The frames to send once more after a resumption."""
        return [data_frame(part) for part in self.unconfirmed]


def data_frame(data: bytes) -> bytes:
    """A DATA frame."""
    return struct.pack(">HI", TAG_DATA, len(data)) + data


def split(message: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first frame, and the rest. What follows a tag we do not know cannot be told apart.

    Raises:
        ProtocolError: for a frame that is cut.
    """
    if len(message) < 2:
        raise ProtocolError("a message without a tag")
    tag, rest = int.from_bytes(message[:2], "big"), message[2:]
    if tag in (TAG_RESUMED, TAG_ACK):
        length = 8
    elif tag in (TAG_SID, TAG_DATA):
        if len(rest) < 4:
            raise ProtocolError("a frame without its length")
        length, rest = int.from_bytes(rest[:4], "big"), rest[4:]
    else:
        return tag, b"", b""
    if len(rest) < length:
        raise ProtocolError("a frame that is shorter than it says")
    return tag, rest[:length], rest[length:]


def connect_url(options: argparse.Namespace) -> str:
    """Where a new session begins."""
    query = {
        "project": options.project,
        "zone": options.zone,
        "instance": options.instance,
        "interface": options.interface,
        "port": options.port,
        "newWebsocket": "True",
    }
    return f"{options.relay_url.rstrip('/')}/connect?{urlencode(query)}"


def resume_url(options: argparse.Namespace, session: Session) -> str:
    """Where a session goes on."""
    query = {"sid": session.sid, "ack": session.received, "zone": options.zone, "newWebsocket": "True"}
    return f"{options.relay_url.rstrip('/')}/reconnect?{urlencode(query)}"


def access_token(command: Sequence[str]) -> str:
    """A fresh access token.

    Raises:
        Problem: the helper's own words, or E-ACCESS-09.
    """
    do = "correct what it names (often: log in again), then run again"
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # a program of its own, no module
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOKEN_TIMEOUT,
            check=False,
        )
        return str(json.loads(done.stdout)["status"]["token"])
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Problem("E-ACCESS-09", f"The login helper does not run: {type(problem).__name__}", do) from problem
    except (ValueError, KeyError, TypeError) as problem:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["no word"]
        if lines[-1].startswith("E-"):
            sys.stderr.write(lines[-1] + "\n")
            raise SystemExit(1) from problem
        raise Problem("E-ACCESS-09", f"The login helper failed: {lines[-1][:300].rstrip('.')}", do) from problem


def refused(options: argparse.Namespace, reason: str, code: int) -> Problem:
    """The problem of a relay that says no."""
    machine = f"{options.instance} in {options.zone} of {options.project}"
    do = ADVICE.get(code, "check the name, the grant roles/iap.tunnelResourceAccessor and the firewall, then run again")
    return Problem(
        "E-TUNNEL-09", f"Identity-Aware Proxy gives no way to port {options.port} of {machine}: {reason}", do
    )


class SharedTls:
    """A TLS connection that one thread reads while another one writes.

    OpenSSL notes in the connection what its last call waits for. Of two calls at the same time one reads the other's
    note and takes a peer that is there for gone; so only one thread is in OpenSSL at a time, and none waits in there.
    """

    def __init__(self, tls: ssl.SSLSocket) -> None:
        """From here on `tls` is used by nobody else."""
        self._tls = tls
        self._timeout = tls.gettimeout()
        self._alone = threading.Lock()
        tls.setblocking(False)

    def recv(self, size: int) -> bytes:
        """At most `size` bytes, at least one; none when the peer has ended."""
        return self._done(lambda: self._tls.recv(size))

    def send(self, data: bytes) -> int:
        """How many bytes of `data` were taken."""
        return self._done(lambda: self._tls.send(data))

    def _done(self, act: Callable[[], _Done]) -> _Done:
        """Raises TimeoutError, and OSError for a connection that was closed meanwhile."""
        while True:
            try:
                with self._alone:
                    return act()
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE)

    def _wait(self, event: int) -> None:
        with selectors.PollSelector() as waiting:  # epoll forgets who waits for a descriptor that is closed
            try:
                waiting.register(self._tls, event)
            except ValueError as gone:
                raise ConnectionAbortedError("closed meanwhile") from gone
            if not waiting.select(self._timeout):
                raise TimeoutError("timed out")

    def shutdown(self, how: int) -> None:
        """End one direction or both; who waits wakes up."""
        with self._alone:
            self._tls.shutdown(how)

    def close(self) -> None:
        """Let go of the connection; who waits wakes up."""
        with self._alone:
            with contextlib.suppress(OSError):  # the peer may have ended it
                self._tls.shutdown(socket.SHUT_RDWR)
            self._tls.close()

    def settimeout(self, seconds: float | None) -> None:
        """How long a call may wait from now on."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """How long a call may wait, seconds."""
        return self._timeout

    def fileno(self) -> int:
        """The descriptor."""
        return self._tls.fileno()


class Relay:
    """The websocket, and ssh at the other end of two descriptors."""

    def __init__(self, options: argparse.Namespace, reader: int = 0, writer: int = 1) -> None:
        self._options = options
        self._reader, self._writer = reader, writer
        self._session = Session()
        self._changed = threading.Condition()  # guards the session
        self._sending = threading.Lock()  # keeps our data in order; taken before the other one
        self._socket: Any = None
        self._ended = False

    def run(self, sleep: Callable[[float], None] = time.sleep) -> int:
        """Carry bytes until ssh or the machine ends the connection.

        Raises:
            Problem: when there is no way, or none any more.
        """
        self._open(connect_url(self._options))
        threading.Thread(target=self._forth, daemon=True).start()
        while not self._back():
            if self._ended:
                return 0
            if not self._resume(sleep):
                raise refused(self._options, "the connection broke and could not be taken up again", 0)
        return 0

    def _open(self, url: str) -> None:
        import websocket

        secured = {"ca_certs": self._options.ca_file} if self._options.ca_file else {}
        try:
            self._socket = websocket.create_connection(
                url,
                timeout=CONNECT_TIMEOUT,
                subprotocols=[SUBPROTOCOL],
                origin=ORIGIN,
                header={"Authorization": f"Bearer {access_token(self._options.token_command)}"},
                sslopt=secured,
            )
        except websocket.WebSocketBadStatusException as problem:
            if self._session.sid and problem.status_code >= 500:
                raise  # busy for a moment: the session may go on after that
            code = {401: 4033, 403: 4033, 404: 4047}.get(problem.status_code, 0)
            raise refused(self._options, f"HTTP status {problem.status_code}", code) from problem
        self._socket.sock = SharedTls(self._socket.sock)
        self._socket.settimeout(QUIET_TIMEOUT)

    def _resume(self, sleep: Callable[[float], None]) -> bool:
        """Go on with the session over a new websocket."""
        import websocket

        self._close()
        for pause in RESUME_PAUSES:
            sleep(pause)
            if self._ended or not self._session.sid:
                return False
            try:
                self._open(resume_url(self._options, self._session))
            except (OSError, websocket.WebSocketException):
                continue
            return True
        return False

    def _back(self) -> bool:
        """From the machine to ssh; returns whether the connection is over (rather than broken).

        Raises:
            Problem: the relay ended the session and said why.
        """
        import websocket

        try:
            while True:
                opcode, frame = self._socket.recv_data_frame(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return self._closed(frame.data)
                if opcode == websocket.ABNF.OPCODE_BINARY:
                    self._take(bytes(frame.data))
        except (OSError, websocket.WebSocketException):
            with self._changed:
                self._session.broken()
            return self._ended

    def _closed(self, data: bytes) -> bool:
        """What a close means: an end, a break, or a refusal."""
        code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
        with self._changed:
            self._session.broken()
        if code in FINAL:
            reason = data[2:].decode("utf-8", "replace").strip()
            told = "".join(letter for letter in reason[:200] if letter.isprintable()).rstrip(".")
            raise refused(self._options, f"{FINAL[code]} ({code}{f', {told}' if told else ''})", code)
        return code == 1000 or self._ended

    def _take(self, message: bytes) -> None:
        """One message of the relay."""
        if self._session.open:
            data = self._heard(message)
        else:  # it may open the session: then what is not confirmed goes before what is new
            with self._sending:
                data = self._heard(message)
                for frame in self._session.again():
                    self._send(frame)
        if due := self._session.due():
            self._send(due)
        view = memoryview(data)
        while view:
            view = view[os.write(self._writer, view) :]

    def _heard(self, message: bytes) -> bytes:
        with self._changed:
            try:
                return self._session.incoming(message)
            except (ProtocolError, UnicodeDecodeError) as problem:
                raise refused(self._options, f"the relay does not keep to its protocol: {problem}", 0) from problem
            finally:
                self._changed.notify_all()

    def _forth(self) -> None:
        """From ssh to the machine; ends everything when ssh does."""
        while data := self._read():
            with self._changed:
                self._changed.wait_for(lambda: self._session.ahead < AHEAD)
            while not self._sent(data):
                with self._changed:
                    self._changed.wait_for(lambda: self._session.open)
        self._ended = True
        self._close()

    def _sent(self, data: bytes) -> bool:
        """Send data of ours; False, without having done anything, while the session is not open."""
        with self._sending:
            with self._changed:
                if not self._session.open:
                    return False
                frame = self._session.outgoing(data)
            self._send(frame)
            return True

    def _read(self) -> bytes:
        try:
            return os.read(self._reader, MAX_DATA)
        except OSError:
            return b""

    def _send(self, frame: bytes) -> None:
        """Send; data that is lost here is sent again after the resumption."""
        import websocket

        try:
            self._socket.send_binary(frame)
        except (OSError, websocket.WebSocketException):
            return  # the other direction notices, too

    def _close(self) -> None:
        import websocket

        try:
            self._socket.close(timeout=1)
        except (OSError, websocket.WebSocketException):
            return


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line; after ``--`` comes the command that prints a token."""
    parser = argparse.ArgumentParser(description="SSH over Identity-Aware Proxy (experimental).")
    for name in ("project", "zone", "instance", "interface", "relay-url"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca-file", default="")
    parser.add_argument("token_command", nargs="+")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Carry bytes, or say in one line why not."""
    import websocket

    options = parse(argv)
    try:
        return Relay(options).run()
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
    except (OSError, websocket.WebSocketException) as problem:
        reason = str(problem).strip().splitlines() or [type(problem).__name__]
        sys.stderr.write(f"{refused(options, f'the relay cannot be reached: {reason[0][:200]}', 0)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # pylint: disable=ansible-bad-function  # a program of its own, no module
