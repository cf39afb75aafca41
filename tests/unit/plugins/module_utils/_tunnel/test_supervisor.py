# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor: small decisions as tables, and the whole program on the loopback address with a stand-in for ssh."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel import supervisor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.supervisor import (
    Config,
    pause_before,
    start_time,
)
from ansible_collections.researchops.jupyterhub.tests.unit import fake_ssh
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import Server, serving

# ---- small decisions


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0.0), (1, 0.1), (2, 0.2), (5, 2.0), (50, 2.0)])
def test_tries_get_rarer_and_never_rare(failures: int, seconds: float) -> None:
    assert pause_before(failures) == seconds


def test_a_process_has_a_start_time(tmp_path: Path) -> None:
    assert int(start_time(os.getpid())) > 0
    assert start_time(2**22 + 1) == ""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) b) S 1" + " 0" * 17 + " 4711 0\n")
    assert start_time(7, str(tmp_path)) == "4711"
    (tmp_path / "7" / "stat").write_text("7 (a) S 1\n")
    assert start_time(7, str(tmp_path)) == ""


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("ops@bastion: Permission denied (publickey).", True),
        (
            (
                "Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures\n"
                "Disconnected from 192.0.2.1"
            ),
            True,
        ),
        ("Host key verification failed.", True),
        ("ssh: connect to host bastion port 22: Connection timed out", False),
    ],
)
def test_which_words_of_ssh_are_a_refusal(said: str, refused: bool) -> None:
    link = supervisor.Link(Config(["ssh"], "http_proxy", "a", 1, 1, "1", 60))
    link._words.extend(said.splitlines())
    assert link.refused is refused


# ---- the program


class Tunnel:
    """A supervisor that lives with a process of the test's own."""

    def __init__(self, folder: Path, server: Server) -> None:
        """Nothing runs yet."""
        self.folder = folder / "tunnel"
        self.server = server
        self.port = int(server.url.rpartition(":")[2])
        self.pids = folder / "pids"
        self.log = folder / "log"
        self.controller = subprocess.Popen(["sleep", "60"])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, mode: str, **changes: Any) -> None:
        upstream = "socks5" if mode in ("socks5", "deny") else "http_proxy"
        config = {
            "command": [sys.executable, "-I", "-S", fake_ssh.__file__, "{port}", mode, str(self.pids)],
            "upstream": upstream,
            "host": "127.0.0.1",
            "port": self.port,
            "controller": self.controller.pid,
            "started": start_time(self.controller.pid),
            "ttl": 60,
            "probe_interval": 0.2,
            # Far more than needed: on a busy machine a new ssh may take seconds to start, and a look to be answered.
            "probe_timeout": 30.0,
            "hold": 30.0,
            "digest": "the supervisor does not read this",
            **changes,
        }
        self.folder.mkdir(mode=0o700)
        (self.folder / "config.json").write_text(json.dumps(config))
        with self.log.open("ab") as log:
            words = [sys.executable, "-I", supervisor.__file__, str(self.folder)]
            self.process = subprocess.Popen(words, stderr=log)

    @property
    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, self.status
            time.sleep(0.02)

    def wait(self, state: str, reason: str = "") -> None:
        self.until(lambda: self.status.get("state") == state and reason in self.status.get("reason", ""))

    def ssh(self) -> int:
        return int(self.pids.read_text().split()[-1])

    def ask(self, head: str) -> tuple[bytes, socket.socket]:
        """Ask the tunnel for a connection; returns the first line of its answer."""
        client = socket.create_connection(("127.0.0.1", self.status["port"]), timeout=60)
        client.sendall(head.encode())
        return client.recv(4096), client

    def get(self) -> bytes:
        """One request to the API server through the tunnel."""
        said, client = self.ask(f"CONNECT 127.0.0.1:{self.port} HTTP/1.1\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 200"), said
        context = ssl.create_default_context(cafile=str(self.server.ca_file))
        with context.wrap_socket(client, server_hostname="127.0.0.1") as secured:
            secured.sendall(b"GET /version HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: secured.recv(4096), b""))

    def end(self) -> None:
        for one in (self.controller, self.process):
            if one:
                one.kill()
                one.wait(10)


@pytest.fixture
def tunnel(tmp_path: Path) -> Iterator[Tunnel]:
    with serving(tmp_path, lambda *_request: (200, {"gitVersion": "v1.34.4"}, {})) as server:
        made = Tunnel(tmp_path, server)
        yield made
        made.end()
        assert not made.log.exists() or made.log.read_text() == ""


def saying(tunnel: Tunnel, words: str) -> list[str]:
    """An ssh that says something and ends."""
    return ["/bin/sh", "-c", 'echo $$ >>"$1"; printf "%s\\n" "$2" >&2; exit 255', "sh", str(tunnel.pids), words]


def dead(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


@pytest.mark.parametrize("mode", ["http", "socks5"])
def test_requests_go_through_and_a_dead_ssh_is_replaced(tunnel: Tunnel, mode: str) -> None:
    tunnel.start(mode)
    tunnel.wait("up")
    port = tunnel.status["port"]
    assert b"v1.34.4" in tunnel.get()
    for number in range(3):
        os.kill(tunnel.ssh(), signal.SIGKILL)
        assert b"v1.34.4" in tunnel.get(), "a connection that is opened meanwhile waits"
        tunnel.until(lambda drops=number + 1: tunnel.status["drops"] == drops and tunnel.status["state"] == "up")
    assert (tunnel.status["port"], tunnel.status["ups"]) == (port, 4)
    assert 0 < tunnel.status["longest"] < 30
    assert tunnel.folder.stat().st_mode & 0o077 == 0
    assert (tunnel.folder / "status.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 "),
        ("CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403 "),
        ("CONNECT other.test:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403 "),
    ],
)
def test_it_leads_to_the_api_server_only(tunnel: Tunnel, head: str, said: bytes) -> None:
    tunnel.start("http")
    tunnel.wait("up")
    answered, client = tunnel.ask(head)
    client.close()
    assert answered.startswith(said)


@pytest.mark.parametrize(
    ("mode", "reason", "status"),
    [
        ("refuse", "the proxy on the bastion answers 503", b"HTTP/1.1 502 "),
        ("deny", "is refused: connection refused", b"HTTP/1.1 502 "),
        ("close", "closes connections unanswered", b"HTTP/1.1 503 "),
    ],
)
def test_what_stands_and_does_not_lead_on_is_blocked(tunnel: Tunnel, mode: str, reason: str, status: bytes) -> None:
    tunnel.start(mode, hold=0.5)
    tunnel.wait("blocked", reason)
    answered, client = tunnel.ask(f"CONNECT 127.0.0.1:{tunnel.port} HTTP/1.1\r\n\r\n")
    client.close()
    assert answered.startswith(status)
    tunnel.until(lambda: tunnel.status["failures"] >= 3)
    assert len(tunnel.pids.read_text().split()) == 1, "a new ssh would not help"


def test_a_tunnel_that_does_not_answer_is_replaced(tunnel: Tunnel) -> None:
    tunnel.start("mute", probe_timeout=0.5)
    tunnel.wait("down", "no answer through the tunnel within 0.5 s")
    tunnel.until(lambda: len(tunnel.pids.read_text().split()) >= 2)


def test_an_api_server_without_tls_is_blocked(tunnel: Tunnel) -> None:
    plain = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        with suppress(OSError):
            while True:
                connection, _address = plain.accept()
                with connection:
                    connection.recv(65536)  # bytes that nobody took would end it before the greeting is read
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 this is no TLS\r\n" * 9)

    threading.Thread(target=greet, daemon=True).start()
    tunnel.start("http", port=plain.getsockname()[1])
    tunnel.wait("blocked", "does not speak TLS")
    plain.close()


def test_an_ssh_that_ends_is_tried_again_and_quoted(tunnel: Tunnel) -> None:
    tunnel.start("die")
    tunnel.until(lambda: tunnel.status.get("failures", 0) >= 3)
    assert (tunnel.status["state"], tunnel.status["ups"]) == ("down", 0)
    assert tunnel.status["reason"] == "fake: Permission denied (publickey)."


def test_a_login_that_is_refused_is_not_hammered(tunnel: Tunnel) -> None:
    """A bastion that counts such tries bans this machine."""
    tunnel.start("http", command=saying(tunnel, "ops@bastion: Permission denied (publickey)."), refused_pause=600)
    tunnel.wait("down", "(refused 4 times; next try in 600 s)")
    time.sleep(2.0)  # the usual pace would be 1 s
    assert len(tunnel.pids.read_text().split()) == 4


def test_a_login_that_was_refused_is_tried_again(tunnel: Tunnel) -> None:
    tunnel.start("http", command=saying(tunnel, "Permission denied (publickey)."), refused_pause=0.1)
    tunnel.until(lambda: tunnel.status.get("failures", 0) >= 5)


def test_a_login_that_worked_was_not_refused(tunnel: Tunnel) -> None:
    """ssh may not read one of its keys, and enters by another; then the connection breaks, again and again."""
    tunnel.start("old-key", refused_pause=600)
    for drops in range(1, 6):
        tunnel.wait("up")
        os.kill(tunnel.ssh(), signal.SIGKILL)
        tunnel.until(lambda drops=drops: tunnel.status["drops"] == drops)  # type: ignore[misc]  # a lambda's default
    tunnel.wait("up")


REFUSING = """
echo x >>"$1"
case $(wc -l <"$1") in 4|6) exec "$2" -I -S "$3" "$4" http "$5";; esac
echo "Permission denied (publickey)." >&2
exit 255
"""
"""An ssh that is refused three times, enters, is refused once more when that has ended, and enters again."""


def test_refusals_before_a_login_that_worked_do_not_count(tunnel: Tunnel, tmp_path: Path) -> None:
    words = [str(tmp_path / "tries"), sys.executable, fake_ssh.__file__, "{port}", str(tunnel.pids)]
    tunnel.start("http", command=["/bin/sh", "-c", REFUSING, "sh", *words], refused_pause=600)
    tunnel.wait("up")
    os.kill(tunnel.ssh(), signal.SIGKILL)
    tunnel.until(lambda: tunnel.status["drops"] == 1)
    tunnel.wait("up")


def test_a_network_that_fails_is_tried_at_the_usual_pace(tunnel: Tunnel) -> None:
    words = "ssh: connect to host bastion port 22: Connection timed out"
    tunnel.start("http", command=saying(tunnel, words), refused_pause=600)
    tunnel.until(lambda: tunnel.status.get("failures", 0) >= 4)
    assert tunnel.status["reason"] == words


def test_forwardings_of_the_person_s_own_do_not_count(tunnel: Tunnel) -> None:
    """They stand already where he is logged in at the same bastion."""
    tunnel.start("others")
    tunnel.wait("up")
    assert b"v1.34.4" in tunnel.get()
    assert len(tunnel.pids.read_text().split()) == 1
    os.kill(tunnel.ssh(), signal.SIGKILL)
    tunnel.until(lambda: tunnel.status["drops"] == 1)
    assert "forwarding" not in tunnel.status["reason"]


def test_an_ssh_without_our_port_is_ended_and_tried_again(tunnel: Tunnel) -> None:
    """It would live on, and whoever listens there would be taken for the bastion."""
    tunnel.start("taken")
    tunnel.wait("down", "cannot listen to port: ")
    tunnel.until(lambda: len(tunnel.pids.read_text().split()) >= 2)


def test_an_ssh_that_never_stands_is_ended(tunnel: Tunnel) -> None:
    quiet = [sys.executable, "-c", "import time; time.sleep(60)"]
    tunnel.start("http", command=quiet, connect_timeout=0.3)
    tunnel.wait("down", "ssh did not stand within 0 s")


@pytest.mark.parametrize("way", ["controller", "ttl", "signal"])
def test_it_ends_and_leaves_nothing(tunnel: Tunnel, way: str) -> None:
    tunnel.start("http", ttl=60 if way != "ttl" else 3)
    if way != "ttl":  # on a busy machine that end may come before the tunnel is up, or even before ssh runs
        tunnel.wait("up")
        assert not dead(tunnel.ssh())
    assert tunnel.process
    if way == "controller":
        tunnel.controller.kill()
    elif way == "signal":
        tunnel.process.terminate()
    assert tunnel.process.wait(30) == 0
    assert all(dead(int(pid)) for pid in (tunnel.pids.read_text().split() if tunnel.pids.exists() else []))
    assert not tunnel.folder.exists()


def test_what_ssh_has_started_ends_with_it(tunnel: Tunnel) -> None:
    tunnel.start("parent")
    tunnel.wait("up")
    ssh, helper = map(int, tunnel.pids.read_text().split())
    assert not dead(helper)
    assert tunnel.process
    tunnel.process.terminate()
    assert tunnel.process.wait(30) == 0
    tunnel.until(lambda: dead(ssh) and dead(helper))


def test_a_killed_supervisor_takes_ssh_with_it(tunnel: Tunnel) -> None:
    tunnel.start("http")
    tunnel.wait("up")
    ssh = tunnel.ssh()
    assert tunnel.process
    tunnel.process.kill()
    tunnel.until(lambda: dead(ssh))


@pytest.mark.parametrize("case", ["gone", "another one with that number"])
def test_a_process_that_is_not_there_is_not_waited_for(tunnel: Tunnel, case: str) -> None:
    if case == "gone":
        tunnel.controller.kill()
        tunnel.controller.wait()
    tunnel.start("http", started="1")
    assert tunnel.process
    assert tunnel.process.wait(30) == 0
    assert not tunnel.folder.exists()
    assert not tunnel.pids.exists()


def test_an_ssh_that_cannot_be_started_is_tried_again(tunnel: Tunnel) -> None:
    tunnel.start("http", command=["/no/such/ssh"])
    tunnel.until(lambda: tunnel.status.get("failures", 0) >= 3)
    assert tunnel.status["state"] == "down"
    assert "/no/such/ssh cannot be started: No such file or directory" in tunnel.status["reason"]


def test_a_port_that_is_taken_is_told(tunnel: Tunnel) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    tunnel.start("http", listen_port=taken.getsockname()[1])
    assert tunnel.process
    assert tunnel.process.wait(30) == 1
    assert tunnel.status["state"] == "failed"
    assert f"port {taken.getsockname()[1]} cannot be used" in tunnel.status["reason"]
    taken.close()


@pytest.mark.parametrize(("heard", "lost"), [(True, ""), (False, "no answer through the tunnel within 5 s")])
def test_a_late_probe_counts_only_when_nobody_is_answered(tmp_path: Path, heard: bool, lost: str) -> None:
    async def look() -> str:
        busy = supervisor.Supervisor(Config(["ssh"], "http_proxy", "a", 1, 1, "1", 60), str(tmp_path))

        class Late(supervisor.Link):
            async def probe(self) -> None:
                if heard:
                    busy._hear()
                raise TimeoutError

        return await busy._look(Late(busy.config))

    assert asyncio.run(look()) == lost


def test_the_configuration_has_defaults_a_person_can_bear() -> None:
    config = Config(["ssh"], "http_proxy", "a", 1, 1, "1", 60)
    worst = config.probe_interval + config.probe_timeout + 1
    assert worst < config.hold, "a connection that is opened during a break outlasts the break"


@pytest.mark.parametrize(("lived", "failures"), [(0.9, 1), (1.1, 0)])
def test_an_ssh_that_stands_and_dies_at_once_is_not_started_without_a_pause(
    tmp_path: Path, lived: float, failures: int
) -> None:
    one = supervisor.Supervisor(Config(["ssh"], "http_proxy", "a", 1, 1, "1", 60), str(tmp_path))
    one.tell("up")
    one._down("it ended", lived)
    assert (one.status.failures, one.status.drops, one._pause() > 0) == (failures, 1, failures > 0)


def test_the_longest_interruption_is_remembered(tmp_path: Path) -> None:
    one = supervisor.Supervisor(Config(["ssh"], "http_proxy", "a", 1, 1, "1", 60), str(tmp_path))
    for seconds in (5.0, 1.0):
        one._broken = time.monotonic() - seconds
        one._up()
    assert one.status.longest >= 5.0
