# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay's protocol as a table, and the client against the stand-in over real TLS."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel import iap_relay
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.iap_relay import (
    ACK_AFTER,
    Problem,
    ProtocolError,
    Relay,
    Session,
    SharedTls,
    split,
)
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import DAY, NOW, make

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "lab" / "google"))
from standin.relay import Loopback, relay

SID = b"\x00\x01\x00\x00\x00\x03abc"
PLACE = {"project": "p", "zone": "z", "instance": "i", "interface": "nic0", "port": "22"}


def opened() -> Session:
    session = Session()
    session.incoming(SID)
    return session


# ---- the protocol


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(b"\x00", "without a tag", id="no tag"),
        pytest.param(b"\x00\x04\x00\x00", "without its length", id="no length"),
        pytest.param(b"\x00\x04\x00\x00\x00\x02x", "shorter than it says", id="short data"),
        pytest.param(b"\x00\x07\x00\x00\x00\x01", "shorter than it says", id="short ack"),
    ],
)
def test_cut_frames_are_refused(message: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        split(message)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        pytest.param(b"\x00\x04\x00\x00\x00\x02xy!", (4, b"xy", b"!"), id="data"),
        pytest.param(SID, (1, b"abc", b""), id="session id"),
        pytest.param(b"\x00\x02\x00\x00\x00\x00\x00\x00\x00\x05z", (2, b"\0\0\0\0\0\0\0\x05", b"z"), id="resumed"),
        pytest.param(b"\x00\x09whatever", (9, b"", b""), id="a tag nobody knows swallows the rest"),
    ],
)
def test_frames_are_taken_apart(message: bytes, parts: tuple[int, bytes, bytes]) -> None:
    assert split(message) == parts


def test_frames_as_google_s_client_writes_them() -> None:
    session = opened()
    assert session.outgoing(b"hello") == b"\x00\x04\x00\x00\x00\x05hello"
    session.incoming(b"\x00\x04" + (ACK_AFTER + 1).to_bytes(4, "big") + b"x" * (ACK_AFTER + 1))
    assert session.due() == b"\x00\x07" + (ACK_AFTER + 1).to_bytes(8, "big")
    assert session.due() == b""


def test_an_acknowledgement_is_due_after_two_full_frames() -> None:
    session = opened()
    session.incoming(b"\x00\x04" + ACK_AFTER.to_bytes(4, "big") + b"x" * ACK_AFTER)
    assert session.due() == b""
    session.incoming(b"\x00\x04\x00\x00\x00\x01x")
    assert session.due() != b""


def test_several_frames_in_one_message() -> None:
    session = Session()
    assert session.incoming(SID + b"\x00\x04\x00\x00\x00\x01a\x00\x04\x00\x00\x00\x01b") == b"ab"
    assert (session.sid, session.received) == ("abc", 2)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(SID, "second session id", id="two sessions"),
        pytest.param(b"\x00\x02" + bytes(8), "nobody asked for", id="resumed while open"),
        pytest.param(b"\x00\x07" + (6).to_bytes(8, "big"), "6 bytes confirmed", id="more confirmed than sent"),
    ],
)
def test_what_has_no_place_is_refused(message: bytes, reason: str) -> None:
    session = opened()
    session.outgoing(b"12345")
    with pytest.raises(ProtocolError, match=reason):
        session.incoming(message)


def test_data_before_the_session_is_refused() -> None:
    with pytest.raises(ProtocolError, match="before the session is open"):
        Session().incoming(b"\x00\x04\x00\x00\x00\x01x")
    with pytest.raises(ProtocolError, match="nobody asked for"):
        Session().incoming(b"\x00\x02" + bytes(8))


def test_a_confirmation_never_goes_back() -> None:
    session = opened()
    session.outgoing(b"12345")
    session.incoming(b"\x00\x07" + (4).to_bytes(8, "big"))
    with pytest.raises(ProtocolError, match="3 bytes confirmed, between 4 and 5"):
        session.incoming(b"\x00\x07" + (3).to_bytes(8, "big"))


def test_after_a_break_only_what_is_not_confirmed_is_sent_again() -> None:
    session = opened()
    for part in (b"one", b"two", b"three"):
        session.outgoing(part)
    session.broken()
    assert session.ahead == 11
    session.incoming(b"\x00\x02" + (4).to_bytes(8, "big"))  # "one" and the first letter of "two"
    assert session.open
    assert session.again() == [b"\x00\x04\x00\x00\x00\x02wo", b"\x00\x04\x00\x00\x00\x05three"]
    assert (session.confirmed, session.ahead) == (4, 7)


# ---- one connection, two threads


class Tls:
    """Stands in for an SSLSocket: never waits, and notes when two threads are in it at once."""

    def __init__(self, plain: socket.socket) -> None:
        """Over one end of a pair."""
        self.plain, self.inside, self.met = plain, 0, False
        self.fileno, self.setblocking, self.gettimeout = plain.fileno, plain.setblocking, plain.gettimeout
        self.shutdown, self.close = plain.shutdown, plain.close

    def _alone(self, act: Callable[[], Any], waits: type[ssl.SSLError]) -> Any:
        self.inside += 1
        self.met |= self.inside > 1
        time.sleep(0.001)  # lets the other thread in, as OpenSSL does
        try:
            return act()
        except BlockingIOError as nothing:
            raise waits from nothing
        finally:
            self.inside -= 1

    def recv(self, size: int) -> bytes:
        return bytes(self._alone(lambda: self.plain.recv(size), ssl.SSLWantReadError))

    def send(self, data: bytes) -> int:
        return int(self._alone(lambda: self.plain.send(data), ssl.SSLWantWriteError))


@pytest.fixture
def shared() -> Iterator[tuple[Any, Tls, socket.socket]]:
    here, there = socket.socketpair()
    tls = Tls(here)
    here.settimeout(30)
    made: Any = tls
    with here, there:
        yield SharedTls(made), tls, there


def test_two_threads_are_never_in_one_tls_connection(shared: tuple[Any, Tls, socket.socket]) -> None:
    """OpenSSL takes the other thread's state for its own then, and a peer that is there for gone."""
    mine, tls, there = shared
    data, got = secrets.token_bytes(1 << 20), bytearray()

    def echo() -> None:
        while some := there.recv(65536):
            there.sendall(some)

    def read() -> None:
        while len(got) < len(data):
            got.extend(mine.recv(65536))

    threads = [threading.Thread(target=echo, daemon=True), threading.Thread(target=read, daemon=True)]
    for thread in threads:
        thread.start()
    view = memoryview(data)
    while view:
        view = view[mine.send(view[:16384]) :]
    threads[1].join(30)
    assert (bytes(got) == data, tls.met) == (True, False)


def test_who_waits_for_bytes_keeps_nobody_from_sending_and_wakes_at_the_end(
    shared: tuple[Any, Tls, socket.socket],
) -> None:
    mine, _tls, there = shared
    got: list[bytes] = []
    waiting = threading.Thread(target=lambda: got.append(mine.recv(1)), daemon=True)
    waiting.start()
    assert mine.send(b"x") == 1
    assert there.recv(1) == b"x"
    mine.shutdown(socket.SHUT_RDWR)
    waiting.join(30)
    assert got == [b""]


@pytest.mark.parametrize("sends", [False, True])
def test_who_waits_wakes_when_the_other_thread_closes(shared: tuple[Any, Tls, socket.socket], sends: bool) -> None:
    """The relay ends the websocket while nothing can be sent: the session must not wait for that."""
    mine, _tls, _there = shared
    mine.settimeout(20)

    def wait() -> None:
        with contextlib.suppress(OSError):
            while mine.send(bytes(65536)) if sends else mine.recv(1):
                pass

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    time.sleep(0.3)  # until it waits
    mine.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_call_waits_as_long_as_it_may(shared: tuple[Any, Tls, socket.socket]) -> None:
    mine, _tls, _there = shared
    mine.settimeout(0.05)
    with pytest.raises(TimeoutError, match="timed out"):
        mine.recv(1)
    mine.close()
    with pytest.raises(OSError, match=r"Bad file descriptor|closed meanwhile"):
        mine.recv(1)


# ---- the client against the stand-in


class World:
    """A machine that echoes, the stand-in before it, and the client with ssh's two ends."""

    def __init__(self, relay: Loopback, folder: Path) -> None:
        """Nothing runs yet."""
        self.relay, self.folder = relay, folder
        self.stdin_read, self.stdin = os.pipe()
        self.stdout, self.stdout_write = os.pipe()
        self.outcome: list[object] = []
        self.thread: threading.Thread | None = None

    def options(self, **more: str) -> argparse.Namespace:
        credential = json.dumps({"status": {"token": self.relay.token}})
        given = {**PLACE, "relay-url": self.relay.url, "ca-file": str(self.relay.ca_file), **more}
        words = [word for name, value in given.items() for word in (f"--{name}", value)]
        return iap_relay.parse([*words, "--", sys.executable, "-c", f"print({credential!r})"])

    def start(self, sleep: Callable[[float], None] = lambda _seconds: None, **more: str) -> None:
        options = self.options(**more)

        def run() -> None:
            try:
                self.outcome.append(Relay(options, self.stdin_read, self.stdout_write).run(sleep))
            except Problem as problem:
                self.outcome.append(str(problem))

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def echo(self, data: bytes) -> bytes:
        """Send, and read as much."""
        sending = threading.Thread(target=lambda: self._write(data))
        sending.start()
        back = b""
        while len(back) < len(data):
            back += os.read(self.stdout, 65536)
        sending.join()
        return back

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.stdin, view) :]

    def end(self) -> object:
        """ssh ends; returns how the client took it."""
        os.close(self.stdin)
        return self._joined()

    def told(self) -> str:
        """What the client says when it ends by itself."""
        said = self._joined()
        os.close(self.stdin)
        return str(said)

    def _joined(self) -> object:
        assert self.thread is not None
        self.thread.join(10)
        return self.outcome[0] if self.outcome else "still running"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make("127.0.0.1", names=["127.0.0.1"], authority=True, begins=NOW - 9000 * DAY, ends=NOW + 9000 * DAY)
    certificate, ca_file = tmp_path / "relay.pem", tmp_path / "ca.pem"
    certificate.write_text(made.pem + made.key_pem)
    ca_file.write_text(made.pem)
    machine = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _address = machine.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    port = machine.getsockname()[1]
    with relay(certificate, ca_file, port, PLACE) as made_relay:
        yield World(made_relay, tmp_path)
    machine.shutdown(socket.SHUT_RDWR)
    machine.close()
    thread.join()


def test_bytes_go_there_and_back(world: World) -> None:
    world.start()
    data = secrets.token_bytes(300_000)
    assert world.echo(data) == data
    assert world.end() == 0
    assert len(world.relay.requests) == 1


def test_a_broken_websocket_is_taken_up_again_and_no_byte_is_lost(world: World) -> None:
    world.start()
    assert world.echo(b"hello") == b"hello"
    for number in range(5):
        data = secrets.token_bytes(200_000)
        timer = threading.Timer(0.01 * number, world.relay.cut)
        timer.start()
        assert world.echo(data) == data
        timer.join()
    assert world.echo(b"bye") == b"bye"
    assert world.end() == 0
    first, *others = world.relay.requests
    assert first.startswith("/v4/connect?project=p&zone=z&instance=i&interface=nic0&port=22&newWebsocket=True")
    assert others and all(path.startswith("/v4/reconnect?sid=") and "&ack=" in path for path in others)


def test_a_relay_that_is_busy_for_a_moment_ends_no_session(world: World) -> None:
    def sleep(seconds: float) -> None:
        if seconds:  # after the first try
            world.relay.refuse_http = 0

    world.start(sleep)
    assert world.echo(b"hello") == b"hello"
    world.relay.refuse_http = 503
    world.relay.cut()
    assert world.thread is not None
    world.thread.join(1)
    assert world.outcome == []
    assert world.echo(b"bye") == b"bye"
    assert world.end() == 0


def test_a_session_that_is_forgotten_ends_with_a_word(world: World) -> None:
    world.start()
    assert world.echo(b"hello") == b"hello"
    world.relay.forget()
    said = world.told()
    assert said.startswith("E-TUNNEL-09 Identity-Aware Proxy gives no way to port 22 of i in z of p: ")
    assert "does not know the session any more (4001" in said


@pytest.mark.parametrize(
    ("code", "words", "do"),
    [
        (4003, "cannot connect to the machine's SSH port (4003, said the stand-in)", "35.235.240.0/20"),
        (4033, "not authorized", "grant roles/iap.tunnelResourceAccessor"),
        (4047, "does not find the machine", "correct project, zone and instance"),
    ],
)
def test_a_refusal_is_told_with_its_cure(world: World, code: int, words: str, do: str) -> None:
    world.relay.close_with = code
    world.start()
    said = world.told()
    assert said.startswith("E-TUNNEL-09 ")
    assert words in said
    assert do in said
    assert "Nothing was changed. Do: " in said
    assert world.relay.token not in said


@pytest.mark.parametrize(
    ("status", "do"), [(403, "tunnelResourceAccessor"), (404, "correct project"), (503, "run again")]
)
def test_a_refusal_before_the_websocket_is_told_too(world: World, status: int, do: str) -> None:
    world.relay.refuse_http = status
    world.start()
    said = world.told()
    assert f"HTTP status {status}" in said
    assert do in said


def test_another_machine_is_not_found(world: World) -> None:
    world.start(instance="other")
    assert "does not find the machine" in world.told()


def test_a_relay_nobody_knows_is_one_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    words = [word for name, value in vars(world.options()).items() if name != "token_command" for word in (name, value)]
    given = dict(zip(words[::2], words[1::2], strict=True)) | {"relay_url": f"wss://127.0.0.1:{port}/v4"}
    flags = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    code = iap_relay.main([*flags, "--", sys.executable, "-c", 'print(\'{"status": {"token": "t"}}\')'])
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("E-TUNNEL-09 ")
    assert "the relay cannot be reached" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("import sys; sys.exit('no login')", "E-ACCESS-09 The login helper failed: no login", id="fails"),
        pytest.param("print('{}')", "E-ACCESS-09 The login helper failed: no word", id="no token"),
        pytest.param(
            r"import os; os.write(2, b'gel\xf6scht'); os.write(1, b'\xff')",
            "E-ACCESS-09 The login helper failed: gel\ufffdscht",
            id="no UTF-8",
        ),
    ],
)
def test_a_helper_without_a_token(code: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        iap_relay.access_token([sys.executable, "-c", code])


def test_a_helper_that_is_not_there() -> None:
    with pytest.raises(Problem, match="E-ACCESS-09 The login helper does not run: FileNotFoundError"):
        iap_relay.access_token(["/no/such/helper"])


def test_our_own_helper_s_words_are_handed_on(capsys: pytest.CaptureFixture[str]) -> None:
    line = "E-ACCESS-20 Google gives no access token. Nothing was changed. Do: log in."
    with pytest.raises(SystemExit):
        iap_relay.access_token([sys.executable, "-c", f"import sys; sys.exit({line!r})"])
    assert capsys.readouterr().err == line + "\n"
