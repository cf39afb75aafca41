# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bastion (Debian's sshd and tinyproxy), and an API server that only it may reach in a test's imagination.

Both listen on 127.0.0.1, and the client has no reason to go there by itself; support_iap.py puts the bastion into a
network namespace of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "google"))
from certificate_maker import DAY, NOW, make
from labkit import build
from standin.relay import relay

__all__ = ["ApiServer", "Bastion", "api_server", "bastion", "drop", "left_of", "relay", "running", "until"]

PACKAGES = ("openssh-client", "openssh-server", "tinyproxy-bin")
PRIVSEP = Path("/run/sshd")
LISTENING = "0A"
"""The kernel's word for it in /proc/net/tcp."""
USER = "nobody"
"""Needs no password, home or shell: a bastion only forwards."""
UID = "7c1e0d3e-5b1f-4d0c-9a54-1d2f3c4b5a69"


def free_port() -> int:
    """A port nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, holds: Callable[[], bool], seconds: float = 60.0) -> float:
    """Wait for something; returns how long it took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < seconds, f"{what} did not come within {seconds:g} s"
        time.sleep(0.02)
    return time.monotonic() - start


def listens(pid: int, port: int) -> bool:
    """Whether somebody takes connections in the network of a process."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port for row in rows)


def children(pid: int) -> list[int]:
    """All processes below one."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if entry.name.isdigit():
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                below.setdefault(parent, []).append(int(entry.name))
    found = list(below.get(pid, []))
    for child in found:
        found += below.get(child, [])
    return found


def running(*words: str) -> list[str]:
    """Command lines that hold all these words."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if entry.name.isdigit() and line and all(word in line for word in words):
                found.append(line)
    return found


def left_of(cache: Path, ssh_port: int) -> list[str]:
    """Processes and files of the tunnels below a cache directory, whose bastion listens on that port."""
    folder = cache / ".tunnels"
    files = [path.name for path in folder.iterdir() if path.name != "lock"] if folder.exists() else []
    found = running("supervisor.py", str(cache)) + running("ssh -N", str(ssh_port))
    return found + running("iap_relay.py", str(cache)) + files


@dataclass
class Bastion:
    """sshd and tinyproxy, each on a port of its own.

    Attributes:
        folder: keys, configuration and logs.
        api_port: the only port the proxy connects to.
        host: the address sshd listens on.
        within: words in front of each program, which lead it into another network.
    """

    folder: Path
    api_port: int
    host: str = "127.0.0.1"
    within: Sequence[str] = ()
    port: int = 0
    proxy_port: int = 0
    host_key: str = ""
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make keys and configuration."""
        self.port, self.proxy_port = free_port(), free_port()
        for name in ("host", "user", "stranger"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.folder / f"{name}-key")]
            subprocess.run(words, check=True, timeout=10)
        self.host_key = (self.folder / "host-key.pub").read_text().strip()
        (self.folder / "authorized").write_text((self.folder / "user-key.pub").read_text())
        settings = {
            "Port": self.port,
            "ListenAddress": self.host,
            "HostKey": self.folder / "host-key",
            "AuthorizedKeysFile": self.folder / "authorized",
            "AuthenticationMethods": "publickey",
            "StrictModes": "no",
            "UsePAM": "no",
            "PidFile": "none",
            "AllowUsers": USER,
            "MaxStartups": "100",
            "LogLevel": "ERROR",
        }
        (self.folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        lines = [f"Port {self.proxy_port}", "Listen 127.0.0.1", "Timeout 600", "Allow 127.0.0.1", "LogLevel Error"]
        lines += [f"ConnectPort {self.api_port}", f"User {USER}", "MaxClients 50"]
        (self.folder / "tinyproxy.conf").write_text("\n".join(lines) + "\n")

    def start_sshd(self) -> None:
        """Start sshd and wait until it listens."""
        words = [shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or "sshd", "-D", "-e"]
        self._start("sshd", [*words, "-f", str(self.folder / "sshd_config")], self.port)

    def start_proxy(self) -> None:
        """Start tinyproxy and wait until it listens."""
        self._start("tinyproxy", ["tinyproxy", "-d", "-c", str(self.folder / "tinyproxy.conf")], self.proxy_port)

    def _start(self, name: str, words: list[str], port: int) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            argv = [*self.within, *words]
            self.parts[name] = part = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(f"{name} on port {port}", lambda: listens(part.pid, port))

    @property
    def sshd(self) -> int:
        """The process that takes SSH connections; its children are the connections."""
        return self.parts["sshd"].pid

    def stop(self, name: str) -> None:
        """End one of the two, with everything below it."""
        part = self.parts.pop(name, None)
        if part is None:
            return
        drop(part.pid)
        part.kill()
        part.wait(timeout=10)

    def options(self, **more: Any) -> dict[str, Any]:
        """The module's option ``bastion``."""
        return {
            "host": self.host,
            "port": self.port,
            "user": USER,
            "private_key_file": str(self.folder / "user-key"),
            "host_key": self.host_key,
            "proxy_port": self.proxy_port,
            **more,
        }


def drop(listener: int) -> int:
    """Cut every connection of an sshd as a network does that goes away; returns how many processes that was."""
    victims = children(listener)
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(victims)


@dataclass
class ApiServer:
    """Answers what cluster_guard asks, keeps what is posted, and can be slow."""

    port: int
    ca_file: Path
    objects: list[str] = field(default_factory=list)
    delay: float = 0.0
    server: Any = None

    def kubeconfig(self, path: Path) -> Path:
        """A kubeconfig that leads here."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "private",
            "contexts": [{"name": "private", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [
                {
                    "name": "c",
                    "cluster": {
                        "server": f"https://127.0.0.1:{self.port}",
                        "certificate-authority": str(self.ca_file),
                    },
                }
            ],
            "users": [{"name": "u", "user": {"token": "a-token-of-the-stand-in"}}],
        }
        path.write_text(json.dumps(document))
        path.chmod(0o600)
        return path

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One request."""
        if path == "/version":
            return 200, {"gitVersion": "v1.34.4"}
        if path.endswith("/selfsubjectreviews"):
            return 201, {"status": {"userInfo": {"username": "tester"}}}
        if path.startswith("/apis/authorization.k8s.io/"):
            return 201, {"status": {"allowed": True}}
        if path == "/api/v1/namespaces/kube-system":
            return 200, {"metadata": {"name": "kube-system", "uid": UID}}
        name = path.rpartition("/")[2]
        if method == "POST":
            if body["metadata"]["name"] in self.objects:
                return 409, {"message": "already exists"}
            self.objects.append(body["metadata"]["name"])
            time.sleep(self.delay)
            return 201, body
        if "/configmaps/" in path:
            return (200, {"metadata": {"name": name}}) if name in self.objects else (404, {"message": "not found"})
        return 200, {"items": []}


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """An API server's stand-in until the block ends."""
    made = make("127.0.0.1", names=["127.0.0.1"], authority=True, begins=NOW - 9000 * DAY, ends=NOW + 9000 * DAY)
    certificate, ca_file = folder / "api.pem", folder / "api-ca.pem"
    certificate.write_text(made.pem + made.key_pem)
    ca_file.write_text(made.pem)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, document = api.answer(self.command, self.path.partition("?")[0], body)
            payload = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_GET

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=True)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # The handshake belongs to the connection's own thread: a probe must not stop others from being accepted.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_args: None  # type: ignore[method-assign]
    api = ApiServer(server.server_port, ca_file, server=server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def bastion(api_port: int, host: str = "127.0.0.1", within: Sequence[str] = ()) -> Iterator[Bastion]:
    """A bastion until the block ends; its programs are Debian's, installed where they are missing."""
    build.install_packages(PACKAGES)
    ours = not PRIVSEP.exists()
    PRIVSEP.mkdir(exist_ok=True)
    # The user that logs in must be able to read its authorized keys, and pytest's own folders are closed to it.
    folder = Path(tempfile.mkdtemp(prefix="bastion-"))
    folder.chmod(0o755)
    made = Bastion(folder, api_port, host, within)
    try:
        made.prepare()
        made.start_sshd()
        made.start_proxy()
        yield made
    finally:
        for name in list(made.parts):
            made.stop(name)
        shutil.rmtree(folder)
        if ours:
            PRIVSEP.rmdir()
