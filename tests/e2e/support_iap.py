# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private GKE cluster: an API server that only a bastion reaches, and a desk in a network of its own.

The lab's API server answers at the cluster's private address (its first Service address, port 443). Two network
namespaces hang on the lab's: the desk, where the plays run, reaches everything of the lab but the API server, by
whatever address; the bastion reaches the API server. The desk reaches the bastion over a link of their own.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support_cluster import first_of
from support_google import control
from support_plays import ROOT
from support_tunnel import Bastion, bastion, until

INVENTORY = ROOT / "examples" / "gke_iap" / "inventory.yml"
PRIVATE_ADDRESS, API_PORT = "10.96.0.1", 6443
"""Where the lab's API server answers inside the cluster's network; the port of the process itself."""
LINKED, RELAYED = 7, 8
"""Networks of the two kinds of bastion, 10.231.NUMBER.0: tests of one lab may run side by side."""
BASTION_ADDRESS = f"10.231.{LINKED}.10"
RELAY_ADDRESS, MACHINE_ADDRESS = f"10.231.{RELAYED}.5", f"10.231.{RELAYED}.6"
"""Where the lab, and Google's relay in it, is seen from at the bastion; the bastion's address on that link."""


@dataclass(frozen=True)
class Room:
    """A network namespace, kept by a process that sleeps."""

    pid: int

    @property
    def within(self) -> tuple[str, ...]:
        """Words in front of a program that is to run in it."""
        return ("nsenter", "-t", str(self.pid), "-n")

    def run(self, *words: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a program in it."""
        argv = [*self.within, *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)

    def ip(self, *lines: str) -> None:
        """Configure it."""
        _ip([*self.within, "ip"], lines)


def _ip(command: list[str], lines: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*command, "-batch", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def room() -> Iterator[Room]:
    """An empty network namespace until the block ends."""
    outside = os.readlink("/proc/self/ns/net")
    keeper = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
    try:
        until("a network namespace", lambda: os.readlink(f"/proc/{keeper.pid}/ns/net") != outside)
        made = Room(keeper.pid)
        made.ip("link set lo up")
        yield made
    finally:
        keeper.kill()
        keeper.wait(timeout=10)


@contextmanager
def shut(link: str) -> Iterator[None]:
    """Nothing that comes in by this link reaches the API server, at none of its addresses."""
    rule = ["INPUT", "-i", link, "-p", "tcp", "--dport", str(API_PORT), "-j", "REJECT", "--reject-with", "tcp-reset"]
    for program in ("iptables", "ip6tables"):
        subprocess.run([program, "-w", "-I", *rule], check=True, timeout=30)
    try:
        yield
    finally:
        for program in ("iptables", "ip6tables"):
            subprocess.run([program, "-w", "-D", *rule], check=True, timeout=30)


@contextmanager
def rooms(number: int) -> Iterator[tuple[Room, Room]]:
    """The desk and the bastion's place, linked with the lab and with each other."""
    at_desk, at_gate, four, six = f"desk{number}", f"gate{number}", f"10.231.{number}", f"fd00:231:{number}:1"
    with ExitStack() as stack:
        desk, gate = stack.enter_context(room()), stack.enter_context(room())
        for link in (at_desk, at_gate):  # a namespace lives on, with its links, while a killed play's program is in it
            stack.callback(subprocess.run, ["ip", "link", "del", link], check=True, timeout=30)
        _ip(
            ["ip"],
            (
                f"link add {at_desk} type veth peer name eth0 netns {desk.pid}",
                f"link add {at_gate} type veth peer name eth0 netns {gate.pid}",
                f"addr add {four}.1/30 dev {at_desk}",
                f"addr add {six}::1/64 dev {at_desk} nodad",
                f"addr add {four}.5/30 dev {at_gate}",
                f"link set {at_desk} up",
                f"link set {at_gate} up",
            ),
        )
        desk.ip(
            f"addr add {four}.2/30 dev eth0",
            f"addr add {six}::2/64 dev eth0 nodad",
            "link set eth0 up",
            f"route add default via {four}.1",
            f"route add default via {six}::1",
            f"link add gate type veth peer name desk netns {gate.pid}",
            f"addr add {four}.9/30 dev gate",
            "link set gate up",
        )
        gate.ip(
            f"addr add {four}.6/30 dev eth0",
            "link set eth0 up",
            f"route add default via {four}.5",
            f"addr add {four}.10/30 dev desk",
            "link set desk up",
        )
        stack.enter_context(shut(at_desk))
        yield desk, gate


@dataclass(frozen=True)
class PrivateCluster:
    """The lab's cluster as Google shows a private one, and the way to it.

    Attributes:
        name: the cluster's name.
        desk: where plays run.
        bastion: what leads from there to the API server.
    """

    name: str
    desk: Room
    bastion: Bastion

    def variables(self) -> dict[str, Any]:
        """The part of an inventory that says how the cluster is reached; Google's credentials open it, as on GKE."""
        return {
            "cluster_access_method": "ssh_bastion",
            "cluster_access_bastion": self.bastion.options(),
            "cluster_access_cluster": {
                "project": os.environ["LAB_GOOGLE_PROJECT"],
                "location": os.environ["LAB_GOOGLE_LOCATION"],
                "name": self.name,
            },
            "cluster_access_expected_uid": os.environ["LAB_CLUSTER_UID"],
        }

    def reach(self, address: str, port: int) -> bool:
        """Whether a connection from the desk comes about."""
        code = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"
        return self.desk.run("python3", "-c", code, address, str(port)).returncode == 0


@dataclass(frozen=True)
class RelayedCluster(PrivateCluster):
    """A private cluster whose bastion is a machine of the project that only Identity-Aware Proxy's relay reaches."""

    @property
    def machine(self) -> dict[str, str]:
        """The bastion as Google names it."""
        zone = f"{os.environ['LAB_GOOGLE_LOCATION']}-b"
        return {"project": os.environ["LAB_GOOGLE_PROJECT"], "zone": zone, "instance": f"{self.name}-bastion"}

    def variables(self) -> dict[str, Any]:
        """The part of an inventory that says how the cluster is reached."""
        ssh = {name: value for name, value in self.bastion.options().items() if name != "host"}
        place = {name: self.machine[name] for name in ("zone", "instance")}  # the project is the cluster's
        way = {"cluster_access_method": "gke_iap_bastion", "cluster_access_bastion": {**place, **ssh}}
        return super().variables() | way


def show(name: str) -> None:
    """The lab's cluster under this name in Google's list, with a private address; it stays there."""
    shown, _admin = first_of(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
    authority = shown.get("certificate-authority-data") or _file(shown["certificate-authority"])
    patch: Mapping[str, Any] = {
        "endpoint": PRIVATE_ADDRESS,
        "privateClusterConfig": {"privateEndpoint": PRIVATE_ADDRESS},
        "controlPlaneEndpointsConfig": {"ipEndpointsConfig": {"privateEndpoint": PRIVATE_ADDRESS}},
        "masterAuth": {"clusterCaCertificate": authority},
    }
    place = {"project": os.environ["LAB_GOOGLE_PROJECT"], "location": os.environ["LAB_GOOGLE_LOCATION"], "name": name}
    control("POST", "clusters", {**place, "patch": patch})


@contextmanager
def private_cluster(name: str) -> Iterator[PrivateCluster]:
    """A cluster by this name, until the block ends."""
    show(name)
    with rooms(LINKED) as (desk, gate):
        within = gate.within
        with bastion(443, BASTION_ADDRESS, within) as made:
            yield PrivateCluster(name, desk, made)


@contextmanager
def relayed_cluster(name: str) -> Iterator[RelayedCluster]:
    """A cluster by this name and its bastion, a machine of the project, until the block ends."""
    show(name)
    with rooms(RELAYED) as (desk, gate):
        within = gate.within
        with bastion(443, MACHINE_ADDRESS, within) as made:
            others = ["INPUT", "!", "-s", RELAY_ADDRESS, "-p", "tcp", "--dport", str(made.port), "-j", "REJECT"]
            assert gate.run("iptables", "-w", "-A", *others).returncode == 0
            cluster = RelayedCluster(name, desk, made)
            with shown_machine(cluster.machine):
                yield cluster


@contextmanager
def shown_machine(machine: Mapping[str, str]) -> Iterator[None]:
    """The bastion in Google's list of machines until the block ends."""
    where = {"where": f"projects/{machine['project']}/zones/{machine['zone']}", "collection": "instances"}
    card = {"name": "nic0", "networkIP": MACHINE_ADDRESS}
    control("POST", "compute", {**where, "body": {"name": machine["instance"], "networkInterfaces": [card]}})
    try:
        yield
    finally:
        control("POST", "compute/delete", {**where, "name": machine["instance"]})


def _file(path: str) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode()
