# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand members onto one policy of Identity-Aware Proxy, at the lab's stand-in for Google with a round trip.

The stand-in counts the requests by method; it delays each one by the round trip. Between two rounds the policy is
emptied, which is not timed.
"""

from __future__ import annotations

import json
import os
import ssl
import statistics
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MEMBERS = 1000
MARGIN = 1.2
"""What may be added to the sum of the parts."""
SLOW_ROUNDS = 2
"""Rounds of the loop, which takes two minutes a round."""

Run = Callable[[list[str]], float]
Tell = Callable[[str], None]


@dataclass
class Row:
    """Something that is timed, with the requests of its last run by method."""

    name: str
    words: list[str]
    seconds: list[float] = field(default_factory=list)
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Median wall seconds."""
        return statistics.median(self.seconds)

    @property
    def policy_calls(self) -> int:
        """Requests to the policy; the token is counted apart."""
        return sum(number for method, number in self.calls.items() if method.startswith("iap."))


def control(verb: str, path: str, body: Any = None) -> Any:
    """One request to the stand-in's control endpoint."""
    request = urllib.request.Request(  # the address comes from the lab
        f"{os.environ['LAB_GOOGLE_CONTROL']}/{path}",
        method=verb,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    trust = ssl.create_default_context(cafile=os.environ["LAB_CA_FILE"])
    with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
        return json.loads(answer.read() or b"{}")


def timed(row: Row, run: Run) -> None:
    """One run with its requests."""
    before = control("GET", "counts")["last"]
    row.seconds.append(run(row.words))
    row.calls = control("GET", f"counts?since={before}")["calls"]


def play(*extra: str) -> list[str]:
    """The command that runs our play."""
    return ["ansible-playbook", str(HERE / "plays" / "iap_member.yml"), "-i", str(HERE / "inventory.yml"), *extra]


def measure(count: int, ping: float, run: Run, round_trip: float, tell: Tell) -> list[str]:
    """Lines of the report.

    Args:
        count: rounds.
        ping: median seconds of the one-ping play, measured in this run.
        run: runs a command to its end and returns its seconds.
        round_trip: seconds each request is delayed.
        tell: is told about progress.
    """
    if "LAB_GOOGLE_CONTROL" not in os.environ:
        return ["", "## A thousand members onto one policy", "", "Not measured: this lab has no stand-in for Google."]
    loop = [
        sys.executable,
        str(HERE / "iap_loop.py"),
        os.environ["LAB_GOOGLE_PROJECT"],
        os.environ["LAB_GOOGLE_ACCOUNT_FILE"],
        str(MEMBERS),
    ]
    ours, again = Row("iap_member, 1,000 new members", play()), Row("iap_member, nothing to do", play())
    theirs = Row("google-cloud-iap, read and write per member, in one process", loop)
    bare = Row("python", [sys.executable, "-c", "pass"])
    library = Row("import of google-auth", [sys.executable, "-c", "import google.auth, google.oauth2.service_account"])
    empty = play("-e", json.dumps({"bench_iap_count": 0}))
    control("POST", "faults", {"rules": [{"method": "iap.*", "latency": round_trip}]})
    try:
        for number in range(1, count + 1):
            run(empty)
            for row in (ours, again):
                timed(row, run)
            for row in (bare, library):
                row.seconds.append(run(row.words))
            tell(f"members {number} of {count}: {ours.seconds[-1]:.2f} s, nothing to do {again.seconds[-1]:.2f} s")
        for number in range(1, SLOW_ROUNDS + 1):
            run(empty)
            timed(theirs, run)
            tell(f"members by the loop {number} of {SLOW_ROUNDS}: {theirs.seconds[-1]:.1f} s")
        run(empty)
    finally:
        control("POST", "faults", {"rules": []})
    allowed = (ping + library.median - bare.median + 2 * round_trip) * MARGIN
    return report((ours, again, theirs), allowed, round_trip)


def report(rows: tuple[Row, Row, Row], allowed: float, round_trip: float) -> list[str]:
    """The table and the two sentences below it."""
    ours, again, theirs = rows
    lines = [
        "",
        f"## A thousand members onto one policy, {round_trip * 1000:.0f} ms simulated round trip",
        "",
        "| what | rounds | median s | min s | requests to the policy | token requests |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = f"{len(row.seconds)} | {row.median:.2f} | {min(row.seconds):.2f}"
        lines.append(f"| {row.name} | {times} | {row.policy_calls} | {row.calls.get('token', 0)} |")
    return [
        *lines,
        "",
        f"- {ours.name}: **{ours.policy_calls}** requests (bar 2), {again.name}: **{again.policy_calls}** (bar 1)",
        f"- wall time **{ours.median:.2f}** s (bar {allowed:.2f}: one ping, google-auth's import, 2 round trips, 20 %)",
        f"- {theirs.name} / {ours.name}: **{theirs.median / ours.median:.0f}** (bar 50)",
    ]
