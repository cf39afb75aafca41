# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long after the last authoritative server answers right a wait for DNS ends: ours beside community.dns.

Two name servers on loopback addresses hold one zone in memory; both have the 40 ms round trip of the other benchmarks,
and one of them lags. A round starts a play that waits for a TXT record, sets the record after a random while, and takes
the time from the moment in which the second server has it until the play's next task begins.
Needs port 53 on loopback addresses and a mount namespace: run it as root or inside the lab.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

HERE = Path(__file__).resolve().parent
ZONE, NAME, VALUE = "bench.test.", "wait.bench.test.", "proof=bench"
SERVERS = {"ns1.bench.test.": "127.0.0.53", "ns2.bench.test.": "127.0.0.54"}
RESOLVER = "127.0.0.52"
OWN_RESOLVER = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"')
"""Starts a program for which RESOLVER is the system's: community.dns asks that one for the servers' addresses."""
ROUND_TRIP, LAG, POLL = 0.04, (0.2, 3.0), 2.0
RUN_SECONDS = 120.0
SEED = 20261122
BAR = POLL + 0.8
PLAYS = {
    "domain_verification_wait": "dns_wait_ours",
    "community.dns.wait_for_txt": "dns_wait_theirs",
}


@dataclass
class Zone:
    """The zone in memory; each server has the record from its own moment on."""

    since: dict[str, float] = field(default_factory=dict)

    def answer(self, message: Any, address: str) -> Any:
        """The reply of the server (or of the resolver, which remembers nothing) at this address."""
        question = message.question[0]
        name, rtype = str(question.name).lower(), dns.rdatatype.to_text(question.rdtype)
        reply = dns.message.make_response(message)
        reply.flags |= dns.flags.RA if address == RESOLVER else dns.flags.AA
        found = self.records(name, rtype, address)
        if found:
            reply.answer = [dns.rrset.from_text(name, 60, "IN", rtype, *found)]
            return reply
        soa = f"ns1.{ZONE} admin.{ZONE} 1 10 2 86400 1"
        reply.authority = [dns.rrset.from_text(ZONE, 60, "IN", "SOA", soa)]
        if name not in (ZONE, NAME, *SERVERS):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    def records(self, name: str, rtype: str, address: str) -> list[str]:
        """The values at one server now."""
        if (name, rtype) == (ZONE, "SOA"):
            return [f"ns1.{ZONE} admin.{ZONE} 1 10 2 86400 1"]
        if (name, rtype) == (ZONE, "NS"):
            return list(SERVERS)
        if rtype == "A" and name in SERVERS:
            return [SERVERS[name]]
        moment = self.since.get(address, float("inf"))
        return [f'"{VALUE}"'] if (name, rtype) == (NAME, "TXT") and time.time() >= moment else []


def serve(zone: Zone, address: str) -> None:
    """One server, in a thread that ends with the process; every answer takes the round trip."""
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets.bind((address, 53))

    def reply(data: bytes, whom: Any) -> None:
        time.sleep(ROUND_TRIP)
        packets.sendto(zone.answer(dns.message.from_wire(data), address).to_wire(), whom)

    def listen() -> None:
        while True:
            data, whom = packets.recvfrom(4096)
            threading.Thread(target=reply, args=(data, whom), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()


def lag(zone: Zone, play: str, chance: random.Random, ended: Path) -> float:
    """Seconds from the moment the last server is right to the end of the module, for one play."""
    zone.since = {}
    ended.unlink(missing_ok=True)
    resolv = ended.with_name("resolv.conf")
    resolv.write_text(f"nameserver {RESOLVER}\n", encoding="ascii")
    words = [*OWN_RESOLVER, str(resolv), "ansible-playbook", str(HERE / "plays" / f"{play}.yml")]
    words += ["-i", str(HERE / "inventory.yml")]
    values = {
        "bench_name": NAME.rstrip("."),
        "bench_value": VALUE,
        "bench_resolver": RESOLVER,
        "bench_poll": POLL,
        "bench_ended": str(ended),
    }
    env = dict(os.environ, ANSIBLE_CONFIG=str(HERE / "ansible.cfg"))
    with subprocess.Popen(
        [*words, "-e", json.dumps(values)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as running:
        first = time.time() + 3 + chance.uniform(0, POLL)  # the play needs a while to begin its wait
        last = first + chance.uniform(*LAG)
        zone.since = dict(zip(SERVERS.values(), (first, last), strict=True))
        told, _nothing = running.communicate(timeout=RUN_SECONDS)
    if running.returncode != 0:
        sys.exit(f"bench: {play} failed ({running.returncode}):\n{told[-3000:]}")
    return float(ended.read_text(encoding="ascii")) - last


def report(lags: dict[str, list[float]]) -> list[str]:
    """A Markdown table."""
    lines = ["", "## Lag of a wait for DNS", ""]
    lines += ["| what | rounds | median s | p95 s | worst s |", "|---|---|---|---|---|"]
    for name, values in lags.items():
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
        lines.append(f"| {name} | {len(values)} | {statistics.median(values):.2f} | {p95:.2f} | {max(values):.2f} |")
    return [*lines, "", f"- bar for ours: p95 at most {BAR:.1f} s (one poll of {POLL:.0f} s and 0.8 s)"]


def measure(count: int, seed: int) -> list[str]:
    """Rounds in turn; the lines of the report."""
    chance, zone = random.Random(seed), Zone()
    for address in (*SERVERS.values(), RESOLVER):
        serve(zone, address)
    lags: dict[str, list[float]] = {name: [] for name in PLAYS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, count + 1):
            for name, play in PLAYS.items():
                lags[name].append(lag(zone, play, chance, Path(folder) / "ended"))
            now = ", ".join(f"{name} {values[-1]:.2f}" for name, values in lags.items())
            print(f"round {number} of {count}: {now}", flush=True)
    return [*report(lags), f"- seed {seed}"]


def main() -> int:
    """Measure and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    print("\n".join(measure(options.rounds, options.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
