# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Keeps one SSH connection to a bastion while a play runs, and never longer. A program of its own: the standard
library and ``ssh``, nothing else; the module cluster_tunnel writes it into a private folder and starts it from there.

Clients (kubectl, Helm, Python) speak HTTP CONNECT to a port on the loopback address that stays the same from the first
to the last second. Behind it ``ssh`` comes and goes. A connection that is opened while there is no ssh waits for the
next one instead of failing; one that was open when ssh died is cut, and its client sees that. Only one target is let
through, the API server, so the port is of no use for anything else.

The end: the watched process ends (pidfd, so that a reused number cannot deceive us), the time is over, or a signal.
ssh asks the kernel to be ended with its parent, so even ``kill -9`` of this program leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

MAX_HEAD = 8192
"""Bytes of a request's head."""
HEAD_TIMEOUT = 10.0
"""Seconds a client gets to say what it wants, and a proxy to answer."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each new try in a row; the last one repeats."""
SHORT_LIFE = 1.0
"""Seconds; a connection that lived less counts as a failed try."""
END_TIMEOUT = 2.0
"""Seconds ssh gets to end by itself."""
CHUNK = 65536
PR_SET_PDEATHSIG = 1
SOCKS_REPLIES = {2: "not allowed", 3: "network unreachable", 4: "host unreachable", 5: "connection refused"}

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Exception):
    """The far end answered, and said no: a new ssh connection would not help."""


class Closed(Exception):
    """The connection ended without an answer."""


@dataclass(frozen=True)
class Config:
    """What the module wants; read from a private file.

    Attributes:
        command: ssh with all its arguments; ``{port}`` stands for the local port of the forwarding.
        upstream: what the forwarding leads to: ``http_proxy`` or ``socks5``.
        host: the API server's name or address, as the bastion knows it.
        port: the API server's port.
        controller: the process to live with.
        started: its start time in clock ticks, as /proc tells it.
        ttl: seconds after which all ends.
        listen_port: the loopback port for clients; 0 for any.
        probe_interval: seconds between two looks through the tunnel.
        probe_timeout: seconds for one look.
        connect_timeout: seconds for ssh to stand.
        hold: seconds a client waits for a broken tunnel.
    """

    command: list[str]
    upstream: str
    host: str
    port: int
    controller: int
    started: str
    ttl: float
    listen_port: int = 0
    probe_interval: float = 3.0
    probe_timeout: float = 5.0
    connect_timeout: float = 30.0
    hold: float = 10.0


@dataclass
class Status:
    """What the module reads.

    Attributes:
        pid: this process.
        port: the loopback port for clients.
        state: ``starting``, ``up``, ``blocked`` (ssh stands, the API server does not answer), ``down``, ``failed``.
        reason: why it is not up.
        failures: tries in a row that did not come up.
        ups: how often it came up.
        drops: how often it broke.
        longest: seconds of the longest interruption.
    """

    pid: int
    port: int = 0
    state: str = "starting"
    reason: str = ""
    failures: int = 0
    ups: int = 0
    drops: int = 0
    longest: float = 0.0


def pause_before(failures: int) -> float:
    """Seconds to wait before a try, after so many that failed in a row."""
    return 0.0 if failures == 0 else PAUSES[min(failures, len(PAUSES)) - 1]


def parse_connect(head: bytes) -> tuple[str, int] | None:
    """Host and port of a CONNECT request; None for anything else."""
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) != 3 or words[0] != "CONNECT" or not words[2].startswith("HTTP/1."):
        return None
    host, _colon, port = words[1].rpartition(":")
    if not host or not port.isdigit():
        return None
    return host.strip("[]").lower(), int(port)


def parse_answer(head: bytes) -> int:
    """The status of an HTTP answer.

    Raises:
        Closed: this is no HTTP answer.
    """
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise Closed("what answers behind the tunnel is no HTTP proxy")
    return int(words[1])


def authority(host: str, port: int) -> str:
    """Host and port as HTTP writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answer(status: str, text: str = "") -> bytes:
    """A complete answer to a client."""
    body = f"{text}\n".encode() if text else b""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def start_time(pid: int, proc: str = "/proc") -> str:
    """When a process started, in clock ticks; empty when there is none. With the number it names a process for good."""
    try:
        with open(f"{proc}/{pid}/stat", encoding="latin-1") as stream:
            return stream.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def free_port() -> int:
    """A loopback port nobody has at this moment; ssh refuses to start if somebody takes it meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def dial_http(streams: Streams, host: str, port: int) -> None:
    """Ask an HTTP proxy for a connection.

    Raises:
        Refused: it answered with another status than 2xx.
        Closed: it did not answer.
    """
    reader, writer = streams
    name = authority(host, port)
    writer.write(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    status = parse_answer(await reader.readuntil(b"\r\n\r\n"))
    if not 200 <= status < 300:
        raise Refused(f"the proxy on the bastion answers {status} for {name}")


async def dial_socks5(streams: Streams, host: str, port: int) -> None:
    """Ask a SOCKS5 server for a connection (RFC 1928, no authentication; the name is resolved over there).

    Raises:
        Refused: it answered with an error.
        Closed: it did not answer.
    """
    reader, writer = streams
    writer.write(b"\x05\x01\x00")
    if await reader.readexactly(2) != b"\x05\x00":
        raise Refused("the SOCKS server wants a login")
    name = host.encode("idna")
    writer.write(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
    _version, code, _reserved, kind = await reader.readexactly(4)
    length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
    await reader.readexactly(length + 2)
    if code:
        raise Refused(f"the way to {authority(host, port)} is refused: {SOCKS_REPLIES.get(code, f'code {code}')}")


DIALS = {"http_proxy": dial_http, "socks5": dial_socks5}


async def finish(writer: asyncio.StreamWriter) -> None:
    """Close a connection without a complaint."""
    with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), END_TIMEOUT)


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[], None]) -> None:
    """Carry bytes one way until the sender ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            seen()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


class Link:
    """One ssh process and its forwarding."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._words: deque[str] = deque(maxlen=20)
        self._listening: asyncio.Task[None] | None = None
        self.port = 0
        self.since = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether ssh runs."""
        return self._process is not None and self._process.returncode is None

    def words(self) -> str:
        """What ssh said last; a line of ours (an error with an id) before all others."""
        lines = list(self._words)
        ours = [line for line in lines if line.startswith("E-")]
        return (ours or lines or ["ssh ended without a word"])[-1]

    async def start(self) -> bool:
        """Start ssh and wait until its forwarding stands; False when ssh ended or was too slow."""
        self.port = free_port()
        command = [word.replace("{port}", str(self.port)) for word in self._config.command]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=bound_to(os.getpid()),
            start_new_session=True,  # a group of its own: ssh and what it starts
        )
        self._listening = asyncio.ensure_future(self._listen(self._process))
        end = time.monotonic() + self._config.connect_timeout
        while self.alive and time.monotonic() < end:
            try:
                streams = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            await finish(streams[1])
            self.since = time.monotonic()
            return True
        if self.alive:
            self._words.append(f"ssh did not stand within {self._config.connect_timeout:.0f} s")
        await self._drained()
        return False

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        while process.stderr is not None and (line := await process.stderr.readline()):
            text = "".join(sign for sign in line.decode(errors="replace") if sign.isprintable()).strip()
            if text:
                self._words.append(text[:1000])

    async def _drained(self) -> None:
        """Let the last words of an ssh that ended arrive."""
        if self._listening is not None and not self.alive:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._listening), 1.0)

    async def ended(self) -> None:
        """Wait until ssh ends."""
        if self._process is not None:
            await self._process.wait()
        await self._drained()

    async def stop(self) -> None:
        """End ssh and what it started, at last by force."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), END_TIMEOUT)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if self._listening is not None:
            self._listening.cancel()

    async def dial(self) -> Streams:
        """A connection to the API server.

        Raises:
            Refused, Closed: see there.
        """
        try:
            streams = await asyncio.open_connection("127.0.0.1", self.port, limit=MAX_HEAD)
        except OSError as problem:
            raise Closed("ssh does not take connections") from problem
        try:
            await asyncio.wait_for(
                DIALS[self._config.upstream](streams, self._config.host, self._config.port), HEAD_TIMEOUT
            )
        except BaseException as problem:
            streams[1].close()
            if isinstance(problem, (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)):
                raise Closed("the bastion closes connections unanswered (does its proxy run?)") from problem
            raise
        return streams

    async def probe(self) -> None:
        """One TLS handshake with the API server and nothing more.

        Raises:
            Refused, Closed: see there.
            TimeoutError: nothing came back in time.
        """
        async with asyncio.timeout(self._config.probe_timeout):
            _reader, writer = await self.dial()
            try:
                await writer.start_tls(answering(), server_hostname=self._config.host)
            except OSError as problem:
                name = authority(self._config.host, self._config.port)
                if isinstance(problem, ssl.SSLError) and not isinstance(problem, ssl.SSLEOFError):
                    raise Refused(f"what answers at {name} does not speak TLS") from problem
                raise Closed(f"{name} closes the connection") from problem
            finally:
                await finish(writer)


def answering() -> ssl.SSLContext:
    """TLS that only asks whether anybody answers. Nothing is sent over it; clients check the certificate themselves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def bound_to(parent: int) -> Callable[[], None]:
    """What a child does before it becomes ssh: ask the kernel for SIGTERM when this program dies."""
    library = ctypes.CDLL(None, use_errno=True)

    def bind() -> None:
        library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind


@dataclass
class Supervisor:
    """The listener, the ssh behind it, and the reasons to end."""

    config: Config
    folder: str
    status: Status = field(default_factory=lambda: Status(os.getpid()))
    link: Link | None = None
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: float = 0.0
    _broken: float = 0.0

    def tell(self, state: str, reason: str = "") -> None:
        """Write the status for the module; a complete file by renaming."""
        self.status.state, self.status.reason = state, reason
        temporary = os.path.join(self.folder, f".status-{os.getpid()}")
        with contextlib.suppress(OSError):
            with open(temporary, "w", encoding="utf-8") as stream:
                json.dump(asdict(self.status), stream)
            os.replace(temporary, os.path.join(self.folder, "status.json"))

    async def run(self) -> int:
        """Work until there is a reason to end."""
        pidfd = self._watch()
        if pidfd < 0:
            return self._away()
        try:
            server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.config.listen_port, limit=MAX_HEAD, backlog=128
            )
        except OSError as problem:
            self.tell("failed", f"port {self.config.listen_port} cannot be used: {problem.strerror}")
            return 1
        self.status.port = server.sockets[0].getsockname()[1]
        self.tell("starting")
        work = asyncio.ensure_future(self._work())
        end = asyncio.ensure_future(self._end.wait())
        await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        server.close()
        if self.link is not None:
            await self.link.stop()
        os.close(pidfd)
        return self._away()

    def _away(self) -> int:
        """Leave nothing: a kubeconfig that leads nowhere would only confuse."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return 0

    def _watch(self) -> int:
        """Arrange for the end; returns the watched process as a file descriptor, -1 when it is gone already."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._end.set)
        loop.call_later(self.config.ttl, self._end.set)
        try:
            pidfd = os.pidfd_open(self.config.controller)
        except ProcessLookupError:
            return -1
        if start_time(self.config.controller) != self.config.started:
            os.close(pidfd)
            return -1
        loop.add_reader(pidfd, self._end.set)
        return pidfd

    async def _work(self) -> None:
        """Bring ssh up, stay with it, bring it up again."""
        while True:
            await asyncio.sleep(pause_before(self.status.failures))
            link = Link(self.config)
            self.link = link
            if await link.start():
                reason = await self._stay(link)
            else:
                reason = link.words()
            self._down(reason, time.monotonic() - link.since)
            await link.stop()

    def _down(self, reason: str, lived: float) -> None:
        if self.status.state in ("up", "blocked"):
            self.status.drops += 1
            self._broken = time.monotonic()
            self.status.failures = 1 if lived < SHORT_LIFE else 0
        else:
            self.status.failures += 1
        self.tell("down", reason)

    async def _stay(self, link: Link) -> str:
        """Look through the tunnel again and again; returns why the connection is of no use any more."""
        gone = asyncio.ensure_future(link.ended())
        try:
            while True:
                if time.monotonic() - self._heard >= self.config.probe_interval or self.status.state != "up":
                    looking = asyncio.ensure_future(self._look(link))
                    await asyncio.wait({gone, looking}, return_when=asyncio.FIRST_COMPLETED)
                    if gone.done():
                        looking.cancel()
                        return link.words()
                    if lost := looking.result():
                        return lost
                await asyncio.wait({gone}, timeout=self.config.probe_interval)
                if gone.done():
                    return link.words()
        finally:
            gone.cancel()

    async def _look(self, link: Link) -> str:
        """One probe; returns why ssh must be started anew, empty when it need not."""
        begun = time.monotonic()
        try:
            await link.probe()
        except TimeoutError:
            if self._heard > begun:  # a busy machine; others were answered meanwhile
                return ""
            return f"no answer through the tunnel within {self.config.probe_timeout:g} s"
        except (Refused, Closed) as problem:
            if link.alive:
                self.status.failures += 1
                self.tell("blocked", str(problem))
            return ""
        if self.status.state != "up":
            self._up()
        return ""

    def _up(self) -> None:
        if self._broken:
            self.status.longest = max(self.status.longest, round(time.monotonic() - self._broken, 3))
        self.status.failures = 0
        self.status.ups += 1
        self._broken = 0.0
        self.tell("up")
        self._news.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its CONNECT to its last byte."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_TIMEOUT)
            if refusal := await self._connected(parse_connect(head), reader, writer):
                writer.write(refusal)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass
        finally:
            await finish(writer)

    async def _connected(
        self, target: tuple[str, int] | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Carry a client's bytes; returns the answer for a client that was not connected, else nothing."""
        if target is None:
            return answer("405 Method Not Allowed", "This is a tunnel: it knows CONNECT only.")
        if target != (self.config.host.lower(), self.config.port):
            return answer(
                "403 Forbidden", f"This tunnel leads to {authority(self.config.host, self.config.port)} only."
            )
        try:
            far_reader, far_writer = await self._held()
        except Refused as problem:
            return answer("502 Bad Gateway", str(problem))
        except Closed as problem:
            return answer("503 Service Unavailable", f"The tunnel is down: {problem}")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        forth = asyncio.ensure_future(copy(reader, far_writer, lambda: None))
        try:
            await copy(far_reader, writer, self._hear)
        finally:
            forth.cancel()
            await finish(far_writer)
        return b""

    def _hear(self) -> None:
        """Bytes that come back prove the tunnel as well as a probe does."""
        self._heard = time.monotonic()

    async def _held(self) -> Streams:
        """A connection to the API server; waits for a tunnel that is broken, for a while.

        Raises:
            Refused: the far end said no.
            Closed: there was no tunnel in time.
        """
        end = time.monotonic() + self.config.hold
        while True:
            try:
                if self.link is None or not self.link.alive:
                    raise Closed(self.status.reason or "it is being started")
                return await self.link.dial()
            except (Closed, TimeoutError) as problem:
                left = end - time.monotonic()
                if left <= 0:
                    raise Closed(str(problem)) from problem
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), min(left, 0.2))


def main(argv: list[str]) -> int:
    """Read the configuration beside this file and work.

    Args:
        argv: the private folder, and the descriptor of the lock that says we live.
    """
    os.umask(0o077)
    folder = argv[0]
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
        given: dict[str, Any] = json.load(stream)
    known = Config.__dataclass_fields__
    config = Config(**{name: value for name, value in given.items() if name in known})
    return asyncio.run(Supervisor(config, folder).run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # pylint: disable=ansible-bad-function  # a program of its own, no module
