# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Side by side with the neighbours, in one run: rounds interleaved, medians, ratios net of the ping floor, requests.

`make bench` runs it inside the lab. Each round runs every subject once, in turn, so that a machine that drifts drifts
for all. Requests are counted by the fault proxy (tests/faults), which also makes the simulated round trip. The result
is written to docs/benchmarks.md; nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))
import certificate_wait
import dns_wait
import iap
from proxy import FaultProxy

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUN_SECONDS = 600.0
NAMESPACES = ("bench-modules", "bench-role", "bench-first", "bench-peer")
ROUND_TRIP = 0.04


@dataclass
class Subject:
    """Something that is timed.

    Attributes:
        name: the row's name in the table.
        words: the command, with the kubeconfig in BENCH_KUBECONFIG.
        seconds: one wall time per round.
        requests: requests of the counted run, None where the subject asks no cluster.
        helms: helm processes of the counted run.
        modules: module processes of the counted run, None where no Ansible is at work.
    """

    name: str
    words: list[str]
    seconds: list[float] = field(default_factory=list)
    requests: int | None = None
    helms: int = 0
    modules: int | None = None

    @property
    def median(self) -> float:
        """Median wall seconds."""
        return statistics.median(self.seconds)


def play(name: str, *extra: str) -> list[str]:
    """The command that runs one of our plays."""
    return ["ansible-playbook", str(HERE / "plays" / f"{name}.yml"), "-i", str(HERE / "inventory.yml"), *extra]


def helm_upgrade(values: Path) -> list[str]:
    """The command people type by hand."""
    return [
        "helm",
        "upgrade",
        "--install",
        "bench",
        os.environ["LAB_CHART"],
        "-n",
        "bench-modules",
        "-f",
        str(values),
        "--wait",
    ]


def run(words: list[str], kubeconfig: Path, counts: Path | None = None) -> float:
    """Run one command to its end; seconds it took. A failure ends the benchmark.

    With ``counts``, a folder, every helm process adds a line to ``helm`` there and every module process to ``module``.
    """
    env = dict(
        os.environ,
        BENCH_KUBECONFIG=str(kubeconfig),
        KUBECONFIG=str(kubeconfig),
        ANSIBLE_CONFIG=str(HERE / "ansible.cfg"),
    )
    if counts is not None:
        env |= {
            "PATH": f"{HERE / 'bin'}:{env['PATH']}",
            "HELM_LOG": str(counts / "helm"),
            "COUNTED_HELM": os.environ["LAB_HELM"],
            "ANSIBLE_EXECUTABLE": str(ROOT / "tests" / "tools" / "counting-sh"),
            "COUNT_FILE": str(counts / "module"),
        }
    started = time.monotonic()
    done = subprocess.run(
        words, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    seconds = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(words)} failed ({done.returncode}):\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return seconds


def kubectl(*words: str) -> None:
    """Set-up and clean-up, as the lab's administrator."""
    subprocess.run(
        ["kubectl", "--kubeconfig", os.environ["LAB_ADMIN_KUBECONFIG"], *words],
        check=True,
        capture_output=True,
        timeout=300,
    )


def fresh(namespace: str) -> None:
    """An empty namespace."""
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=true")
    kubectl("create", "namespace", namespace)


def rounds(subjects: list[Subject], kubeconfig: Path, count: int, tell: Callable[[str], None]) -> None:
    """Time every subject once per round."""
    for number in range(1, count + 1):
        for subject in subjects:
            subject.seconds.append(run(subject.words, kubeconfig))
        tell(
            f"round {number} of {count}: "
            + ", ".join(f"{subject.name} {subject.seconds[-1]:.2f}" for subject in subjects)
        )


def counted_run(subjects: list[Subject], proxy: FaultProxy, kubeconfig: Path, folder: Path) -> None:
    """One more run each, through the counting proxy, with the counting helm and the counting shell."""
    folder.mkdir(exist_ok=True)

    def lines(name: str) -> int:
        return len((folder / name).read_text(encoding="utf-8").splitlines())

    for subject in subjects:
        before = len(proxy.seen)
        for name in ("helm", "module"):
            (folder / name).write_text("", encoding="utf-8")
        run(subject.words, kubeconfig, folder)
        subject.requests = len(proxy.seen) - before
        subject.helms = lines("helm")
        subject.modules = lines("module") if subject.words[0] == "ansible-playbook" else None


def first_installs(kubeconfig: Path, count: int, tell: Callable[[str], None]) -> list[Subject]:
    """Install into an empty namespace, ours and the peer in turn."""
    extra = ["-e", json.dumps({"bench_namespace": "bench-first"})]
    subjects = [
        Subject("hub_release, first install", play("release", *extra)),
        Subject("kubernetes.core.helm, first install", play("helm", *extra)),
    ]
    for number in range(1, count + 1):
        for subject in subjects:
            fresh("bench-first")
            subject.seconds.append(run(subject.words, kubeconfig))
        tell(
            f"install {number} of {count}: "
            + ", ".join(f"{subject.name} {subject.seconds[-1]:.1f}" for subject in subjects)
        )
    return subjects


def table(title: str, subjects: list[Subject], floor: Subject) -> list[str]:
    """A Markdown table: medians, what is left above the ping floor; requests and processes where they were counted."""
    lines = [
        "",
        f"## {title}",
        "",
        "| what | rounds | median s | min s | net of ping s | requests | module processes | helm processes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in subjects:
        net = one.median - floor.median
        times = f"{one.median:.2f} | {min(one.seconds):.2f} | {net:.2f}"
        counted = (one.requests, one.modules, None if one.requests is None else one.helms)
        lines.append(f"| {one.name} | {len(one.seconds)} | {times} | {' | '.join(map(shown, counted))} |")
    return lines


def compared_installs(installs: list[Subject]) -> list[str]:
    """The section on first installs: whole times, from which nothing is subtracted."""
    lines = ["", "## First install", "", "| what | rounds | median s | min s |", "|---|---|---|---|"]
    lines += [f"| {one.name} | {len(one.seconds)} | {one.median:.2f} | {min(one.seconds):.2f} |" for one in installs]
    return [*lines, "", f"- ours / theirs: **{installs[0].median / installs[1].median:.2f}** (bar 1.1)"]


def shown(number: int | None) -> str:
    """A cell of a table; what was not counted stays empty."""
    return "" if number is None else str(number)


def ratio(ours: Subject, theirs: Subject, floor: Subject, limit: str) -> str:
    """One sentence: the ratio net of the floor beside the bar."""
    net = (ours.median - floor.median) / max(theirs.median - floor.median, 0.001)
    return f"- {ours.name} / {theirs.name}: **{net:.2f}** net of the ping floor (bar {limit})"


def measure(rounds_wanted: int, kubeconfig: Path, folder: Path, tell: Callable[[str], None]) -> Iterator[list[str]]:
    """All of it, section by section: lines of the report."""
    values = folder / "values.json"
    tag = os.environ["LAB_IMAGE"].rsplit(":", 1)[1]
    image = {"name": "lab.test/jupyterhub", "tag": tag}
    content = {
        "hub": {"image": image, "config": {"JupyterHub": {"authenticator_class": "null"}}},
        "proxy": {"chp": {"image": image}, "service": {"type": "ClusterIP"}},
        "singleuser": {"image": image},
    }
    values.write_text(json.dumps(content), encoding="utf-8")
    peer = ["-e", json.dumps({"bench_namespace": "bench-peer"})]
    for namespace in NAMESPACES:
        fresh(namespace)
    kubectl("delete", "namespace", "bench-first")
    for words in (play("release"), play("helm", *peer), play("z2jh")):
        run(words, kubeconfig)

    def subjects() -> list[Subject]:
        return [
            Subject("empty play", play("empty")),
            Subject("one ping", play("ping")),
            Subject("role z2jh, nothing to do", play("z2jh")),
            Subject("role z2jh, drift check", play("z2jh", "-e", "z2jh_drift=check")),
            Subject("hub_release, nothing to do", play("release")),
            Subject("kubernetes.core.helm, nothing to do", play("helm", *peer)),
            Subject(
                "helm upgrade --install, nothing to do",
                [word.replace("bench-modules", "bench-peer") for word in helm_upgrade(values)],
            ),
            Subject("hub_release_info", play("release_info")),
            Subject("kubernetes.core.helm_info", play("helm_info", *peer)),
        ]

    for title, delay in (("Loopback", 0.0), (f"{ROUND_TRIP * 1000:.0f} ms simulated round trip", ROUND_TRIP)):
        ours = subjects()
        with FaultProxy.start(
            os.environ["LAB_API_SERVER"], upstream_ca=os.environ["LAB_CA_FILE"], delay=delay
        ) as proxy:
            through = proxy.kubeconfig(kubeconfig, folder / f"kubeconfig-{delay}")
            rounds(ours, through if delay else kubeconfig, rounds_wanted, tell)
            counted_run(ours[2:], proxy, through, folder / "counts")
        floor, role, _drift, module, helm, upgrade, info, helm_info = ours[1], *ours[2:]
        report = table(title, ours, floor)
        limit = "0.5" if delay else "1.0"
        report += [
            "",
            ratio(role, helm, floor, limit),
            ratio(module, helm, floor, limit),
            ratio(info, helm_info, floor, "1.0"),
        ]
        report += [
            f"- {role.name}, net of the ping floor / {upgrade.name}, which has no Ansible in it: "
            f"**{(role.median - floor.median) / upgrade.median:.2f}**"
            + (" (bar 0.5)" if delay else "")
            + f"; {role.median / upgrade.median:.2f} with Ansible's own time"
        ]
        yield report
    yield compared_installs(first_installs(kubeconfig, rounds_wanted, tell))
    yield iap.measure(rounds_wanted, floor.median, lambda words: run(words, kubeconfig), ROUND_TRIP, tell)
    yield dns_wait.measure(max(20, rounds_wanted), dns_wait.SEED)
    yield certificate_wait.measure(max(10, rounds_wanted), certificate_wait.SEED)


def main() -> int:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    header = (HERE / "header.md").read_text(encoding="utf-8")
    today = datetime.now(UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, {today}"
    written = header.replace("MACHINE", machine)
    kubeconfig = Path(os.environ["LAB_KUBECONFIG"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            for section in measure(options.rounds, kubeconfig, Path(folder), lambda text: print(text, flush=True)):
                written += "\n".join(section) + "\n"
                options.report.write_text(written, encoding="utf-8")  # what is measured is kept, whatever comes next
                print("\n".join(section), flush=True)
    finally:  # a run that is broken off, too, leaves no hubs in the lab
        for namespace in NAMESPACES:
            with contextlib.suppress(subprocess.SubprocessError):  # the lab may be what failed
                kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
    return 0


if __name__ == "__main__":
    sys.exit(main())
