# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: one veth pair between the host and the lab's network namespace. No iptables rule on the host.

Everything else (bridge of the pods, kube-proxy's rules) is made inside the namespace and vanishes with it. The lab has
no way to the outside: its default route is `unreachable`, so a forgotten download fails at once instead of hanging.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from ipaddress import summarize_address_range
from pathlib import Path

from labkit.paths import SERVICE_NETWORKS, Lab
from labkit.say import LabError

SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/conf/default/accept_dad": "0",  # addresses are usable at once; pods' interfaces inherit it
    "net/bridge/bridge-nf-call-iptables": "1",  # a pod reaching a pod of the same node through a Service needs it
    "net/bridge/bridge-nf-call-ip6tables": "1",
}
MODULES = ("overlay", "br_netfilter", "veth", "bridge", "nf_nat", "xt_conntrack")


def host_commands(lab: Lab, pid: int) -> list[str]:
    """`ip -batch` lines for the host's side; ``pid`` is the supervisor's process id as `ip` sees it."""
    name = lab.veth_host
    lines = [
        f"link add {name} type veth peer name eth0 netns {pid}",
        f"addr add {lab.host_ip}/24 dev {name}",
        f"addr add {lab.v6(1)}/64 dev {name} nodad",
        f"link set {name} up",
    ]
    # Addresses for load balancers sit on no interface: they need a next hop instead of ARP or neighbour discovery.
    for first, last, hop in ((*lab.pool, lab.node_ip), (*lab.pool6, lab.v6(2))):
        lines += [f"route add {part} via {hop} dev {name}" for part in summarize_address_range(first, last)]
    return lines


def lab_commands(lab: Lab) -> list[str]:
    """`ip -batch` lines for the inside: loopback, the node's addresses, the lab's services' addresses."""
    lines = ["link set lo up"]
    for host in (2, *lab.service_hosts):
        lines += [f"addr add {lab.v4(host)}/24 dev eth0", f"addr add {lab.v6(host)}/64 dev eth0 nodad"]
    lines += ["link set eth0 up", "route add unreachable default", "route add unreachable ::/0 metric 4096"]
    # kube-proxy rewrites an address of a Service only after a route was found for it.
    return lines + [f"route add {network} dev eth0" for network in SERVICE_NETWORKS]


def _batch(lines: list[str]) -> None:
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode != 0:
        raise LabError(
            f"E-LAB-NET  The lab's network could not be made: {done.stderr.strip()}. Do: `lab down`, then `lab up`."
        )


def set_up_host(lab: Lab, pid: int) -> None:
    """Create the veth pair and give the host its side. A rest of a crashed lab is removed first."""
    tear_down_host(lab)
    _batch(host_commands(lab, pid))


def set_up_lab(lab: Lab) -> None:
    """The inside; called by the supervisor, in the lab's network namespace, once the veth is there."""
    for name, value in SYSCTLS.items():
        with suppress(OSError):
            (Path("/proc/sys") / name).write_text(value)
    _batch(lab_commands(lab))


def load_modules() -> None:
    """Ask for the kernel modules by name; a kernel that has them built in, or a host without modprobe, is fine.

    br_netfilter makes bridges pass iptables in every namespace, the host's too: if it comes with us, the host's own
    bridges are kept as they were.
    """
    bridge = Path("/proc/sys/net/bridge")
    was_there = bridge.exists()
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(["modprobe", "-a", "-q", *MODULES], capture_output=True, timeout=30, check=False)
    if bridge.exists() and not was_there:
        for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables"):
            with suppress(OSError):
                (bridge / name).write_text("0")


def tear_down_host(lab: Lab) -> None:
    """Remove the host's end of the veth pair, if it is there (its routes and addresses go with it)."""
    if (Path("/sys/class/net") / lab.veth_host).exists():
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(["ip", "link", "del", lab.veth_host], capture_output=True, timeout=30, check=False)
