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
import logging
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from . import wire
else:  # the program, isolated (-I): it finds the standard library, and what lies beside this file
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import wire

HEAD_TIMEOUT = 10.0
"""Seconds a client gets to say what it wants, and a proxy to answer."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each new try in a row; the last one repeats."""
REFUSALS = ("Permission denied", "Too many authentication failures", "Host key verification failed")
"""ssh's words for a login that fails again the next time. Many in a row look like an attack, and this machine gets
banned for it (fail2ban, PerSourcePenalties of OpenSSH)."""
REFUSED_TRIES = 4
"""Refused logins in a row at the usual pace: one more than the module waits for the first time (FIRST_TRIES)."""
FORWARDING = re.compile(
    r"bind[ :]|\S*: cannot listen to port|Could not request |Warning: remote port forwarding failed"
)
"""How ssh's words about a forwarding that does not stand begin."""
SHORT_LIFE = 1.0
"""Seconds; a connection that lived less counts as a failed try."""
END_TIMEOUT = 2.0
"""Seconds ssh gets to end by itself."""
PR_SET_PDEATHSIG = 1


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
        refused_pause: seconds between tries once the bastion has refused the login several times in a row.
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
    refused_pause: float = 60.0


@dataclass
class Status:
    """What the module reads.

    Attributes:
        port: the loopback port for clients.
        state: ``starting``, ``up``, ``blocked`` (ssh stands, the API server does not answer), ``down``, ``failed``.
        reason: why it is not up.
        failures: tries in a row that did not come up.
        ups: how often it came up.
        drops: how often it broke.
        longest: seconds of the longest interruption.
    """

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

    @property
    def refused(self) -> bool:
        """Whether the login failed, by what ssh said; its last words may be others."""
        return any(word in line for line in self._words for word in REFUSALS)

    def words(self) -> str:
        """What ssh said last; a line of ours (an error with an id) before all others."""
        lines = list(self._words)
        ours = [line for line in lines if line.startswith("E-")]
        return (ours or lines or ["ssh ended without a word"])[-1]

    async def start(self) -> bool:
        """Start ssh and wait until its forwarding stands; False when ssh did not start, ended or was too slow."""
        self.port = free_port()
        command = [word.replace("{port}", str(self.port)) for word in self._config.command]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                preexec_fn=bound_to(os.getpid()),
                start_new_session=True,  # a group of its own: ssh and what it starts
            )
        except OSError as problem:  # often too many processes at this moment
            self._words.append(f"{command[0]} cannot be started: {problem.strerror}")
            return False
        self._listening = asyncio.ensure_future(self._listen(self._process))
        end = time.monotonic() + self._config.connect_timeout
        while self.alive and time.monotonic() < end:
            try:
                streams = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            await wire.finish(streams[1])
            self.since = time.monotonic()
            return True
        if self.alive:
            self._words.append(f"ssh did not stand within {self._config.connect_timeout:.0f} s")
        await self._drained()
        return False

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        while process.stderr is not None and (line := await process.stderr.readline()):
            text = "".join(sign for sign in line.decode(errors="replace") if sign.isprintable()).strip()
            if FORWARDING.match(text):
                if not re.search(rf"\b{self.port}\b", text):
                    continue  # one of the person's own ssh configuration, which stands elsewhere already
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()  # it would go on without the only one that counts
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

    async def dial(self) -> wire.Streams:
        """A connection to the API server.

        Raises:
            Refused, Closed: see there.
        """
        try:
            streams = await asyncio.open_connection("127.0.0.1", self.port, limit=wire.MAX_HEAD)
        except OSError as problem:
            raise wire.Closed("ssh does not take connections") from problem
        try:
            await asyncio.wait_for(
                wire.DIALS[self._config.upstream](streams, self._config.host, self._config.port), HEAD_TIMEOUT
            )
        except BaseException as problem:
            streams[1].close()
            if isinstance(problem, (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)):
                raise wire.Closed("the bastion closes connections unanswered (does its proxy run?)") from problem
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
                await writer.start_tls(wire.answering(), server_hostname=self._config.host)
            except OSError as problem:
                name = wire.authority(self._config.host, self._config.port)
                if isinstance(problem, ssl.SSLError) and not isinstance(problem, ssl.SSLEOFError):
                    raise wire.Refused(f"what answers at {name} does not speak TLS") from problem
                raise wire.Closed(f"{name} closes the connection") from problem
            finally:
                await wire.finish(writer)


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
    status: Status = field(default_factory=Status)
    link: Link | None = None
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: float = 0.0
    _broken: float = 0.0
    _refused: int = 0

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
                self._serve, "127.0.0.1", self.config.listen_port, limit=wire.MAX_HEAD, backlog=128
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
            await asyncio.sleep(self._pause())
            link = Link(self.config)
            self.link = link
            if await link.start():
                self._refused = 0  # whatever ssh says about a key or a file that it may not read
                reason = await self._stay(link)
            else:
                reason = link.words()
                self._refused = self._refused + 1 if link.refused else 0
            if self._refused >= REFUSED_TRIES:
                reason = f"{reason.rstrip('.')} (refused {self._refused} times; next try in {self._pause():g} s)"
            self._down(reason, time.monotonic() - link.since)
            await link.stop()

    def _pause(self) -> float:
        """Seconds until the next try."""
        usual = pause_before(self.status.failures)
        return max(usual, self.config.refused_pause) if self._refused >= REFUSED_TRIES else usual

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
        except (wire.Refused, wire.Closed) as problem:
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
            if refusal := await self._connected(wire.parse_connect(head), reader, writer):
                writer.write(refusal)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass
        finally:
            await wire.finish(writer)

    async def _connected(
        self, target: tuple[str, int] | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Carry a client's bytes; returns the answer for a client that was not connected, else nothing."""
        if target is None:
            return wire.answer("405 Method Not Allowed", "This is a tunnel: it knows CONNECT only.")
        if target != (self.config.host.lower(), self.config.port):
            return wire.answer(
                "403 Forbidden", f"This tunnel leads to {wire.authority(self.config.host, self.config.port)} only."
            )
        try:
            far_reader, far_writer = await self._held()
        except wire.Refused as problem:
            return wire.answer("502 Bad Gateway", str(problem))
        except wire.Closed as problem:
            return wire.answer("503 Service Unavailable", f"The tunnel is down: {problem}")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        forth = asyncio.ensure_future(wire.copy(reader, far_writer, lambda: None))
        try:
            await wire.copy(far_reader, writer, self._hear)
        finally:
            forth.cancel()
            await wire.finish(far_writer)
        return b""

    def _hear(self) -> None:
        """Bytes that come back prove the tunnel as well as a probe does."""
        self._heard = time.monotonic()

    async def _held(self) -> wire.Streams:
        """A connection to the API server; waits for a tunnel that is broken, for a while.

        Raises:
            Refused: the far end said no.
            Closed: there was no tunnel in time.
        """
        end = time.monotonic() + self.config.hold
        while True:
            try:
                if self.link is None or not self.link.alive:
                    raise wire.Closed(self.status.reason or "it is being started")
                return await self.link.dial()
            except (wire.Closed, TimeoutError) as problem:
                left = end - time.monotonic()
                if left <= 0:
                    raise wire.Closed(str(problem)) from problem
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), min(left, 0.2))


def main(argv: list[str]) -> int:
    """Read the configuration beside this file and work.

    Args:
        argv: the private folder.
    """
    os.umask(0o077)
    # asyncio warns of an ssh that ends at the moment it is told to ("Unknown child process"), which is no news.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    folder = argv[0]
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
        given: dict[str, Any] = json.load(stream)
    known = Config.__dataclass_fields__
    config = Config(**{name: value for name, value in given.items() if name in known})
    return asyncio.run(Supervisor(config, folder).run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # pylint: disable=ansible-bad-function  # a program of its own, no module
