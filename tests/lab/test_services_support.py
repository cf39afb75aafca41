# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the service tests run: in a running lab (`tests/lab/lab exec -- pytest ...`), or alone.

Alone means: a network namespace of their own that ends with them, a lab state in a temporary directory, and the same
`prepare` and `processes` that `lab up` uses. That needs root.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from labkit import build, kubeconf, labs, pki, services
from labkit.paths import Lab
from labkit.process import Process, start_order

CLONE_NEWNET = 0x40000000
READY_SECONDS = 90.0
PACKAGES = ("docker-registry", "iproute2", "knot", "knot-dnsutils", "lego", "openssl", "pebble")


@dataclass(frozen=True)
class Target:
    """What a test needs to know about the services it talks to."""

    ca_file: Path
    oidc_secret: str
    automation_secret: str
    tsig_file: Path  # the secret alone, base64; the same key in other formats lies beside it
    dns: str  # address of the primary
    lab: Lab | None = None  # only when the services run alone
    running: dict[str, subprocess.Popen[bytes]] | None = None

    @property
    def tsig_secret(self) -> str:
        return self.tsig_file.read_text(encoding="utf-8").strip()


def running_lab(environment: Mapping[str, str]) -> Target | None:
    """The lab this test was started in, or None."""
    if "LAB_ISSUER" not in environment:
        return None

    def read(key: str) -> str:
        return Path(environment[key]).read_text(encoding="utf-8").strip()

    return Target(
        ca_file=Path(environment["LAB_CA_FILE"]),
        oidc_secret=read("LAB_OIDC_CLIENT_SECRET_FILE"),
        automation_secret=read("LAB_AUTOMATION_CLIENT_SECRET_FILE"),
        tsig_file=Path(environment["LAB_TSIG_SECRET_FILE"]),
        dns=environment["LAB_DNS_SERVER"],
    )


@contextlib.contextmanager
def own_network(addresses: Sequence[str]) -> Iterator[None]:
    """Put this process, and what it starts, into a network namespace that owns ``addresses``; leave it at the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open("rb") as before:
        if libc.unshare(CLONE_NEWNET) != 0:
            why = os.strerror(ctypes.get_errno())
            pytest.fail(f"no network namespace: {why}. Do: run as root, or inside `lab exec`.")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
            for address in addresses:
                bits = ipaddress.ip_address(address).max_prefixlen
                subprocess.run(["ip", "addr", "add", f"{address}/{bits}", "dev", "lo"], check=True, timeout=10)
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


@contextlib.contextmanager
def own_names(lab: Lab) -> Iterator[None]:
    """Let this process resolve the services' names without any resolver."""
    hosts = {f"{name}.lab.test": lab.v4(host) for name, host in services.dns.HOSTS.items()}
    hosts |= dict.fromkeys(kubeconf.google_hosts(lab), lab.google_ip)
    real = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **named: Any) -> Any:
        return real(hosts.get(host, host), *rest, **named)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket, "getaddrinfo", look_up)
    try:
        yield
    finally:
        patch.undo()


def start(process: Process, logs: Path) -> subprocess.Popen[bytes]:
    """Start one process as the supervisor would and wait until it is ready."""
    log = logs / f"{process.name}.log"
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    with log.open("ab") as output:
        started = subprocess.Popen(
            [str(word) for word in process.argv], env={**environment, **process.env}, cwd=process.cwd,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    deadline = time.monotonic() + READY_SECONDS
    while not _ready(process):
        if started.poll() is not None or time.monotonic() > deadline:
            started.kill()
            pytest.fail(f"{process.name} is not ready; its log ends with:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
    return started


def _ready(process: Process) -> bool:
    check = process.ready
    if check.kind == "command":
        return subprocess.run(check.command, capture_output=True, timeout=10, check=False).returncode == 0
    assert check.kind == "http", check
    context = ssl.create_default_context(cafile=check.ca)
    try:
        with urllib.request.urlopen(check.target, timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def stop(running: subprocess.Popen[bytes]) -> None:
    running.terminate()
    try:
        running.wait(timeout=10)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait(timeout=10)


def make_lab(directory: Path) -> Lab:
    """A lab whose state lives in ``directory``, with its CA made: what `services.prepare` expects."""
    lab = Lab(name="services", index=15, cache=labs.cache_directory(), state=directory, source=labs.SOURCE)
    record = {"name": lab.name, "index": lab.index, "cache": str(lab.cache)}
    (directory / "lab.json").write_text(json.dumps(record), encoding="utf-8")
    for path in lab.directories:
        path.mkdir(parents=True, exist_ok=True)
    pki.make_authority(lab.pki)
    return lab


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[Target]:
    """Run the services in a namespace of their own."""
    build.install_packages(PACKAGES)
    lab = make_lab(directory)
    services.prepare(lab)
    hosts = sorted(set(services.dns.HOSTS.values()))
    parts = {process.name: process for process in services.processes(lab)}
    running: dict[str, subprocess.Popen[bytes]] = {}
    addresses = [lab.v4(host) for host in hosts] + [lab.v6(host) for host in hosts] + list(lab.google_doors)
    with own_network(addresses), own_names(lab):
        try:
            for name in start_order(list(parts.values())):
                running[name] = start(parts[name], lab.logs)
            yield Target(
                ca_file=lab.ca_file,
                oidc_secret=lab.oidc_client_secret_file.read_text().strip(),
                automation_secret=lab.automation_client_secret_file.read_text().strip(),
                tsig_file=lab.tsig_file,
                dns=lab.knot_ip,
                lab=lab,
                running=running,
            )
        finally:
            for one in running.values():
                stop(one)


@contextlib.contextmanager
def target(directory: Path) -> Iterator[Target]:
    """The running lab when there is one around this process, else the services alone."""
    found = running_lab(os.environ)
    if found:
        yield found
    else:
        with alone(directory) as made:
            yield made
