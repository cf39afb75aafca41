# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make demo` does: a lab, a hub on it, the proof, a second run that changes nothing, and a URL to open.

Only Python's standard library. Environment: LAB_NAME (default `lab`), LAB_KUBECONFIG (somebody's own cluster instead of
the lab), INVENTORY (default examples/lab, or examples/own_cluster with LAB_KUBECONFIG), Z2JH_CHART (another chart: a
path, or an address with Z2JH_CHART_VERSION).
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tests" / "lab" / "lab"
RUN = ROOT / "tests" / "run"
OUT = ROOT / "build" / "demo"
TOOLS = ROOT / "tests" / "tools"
PLAY_SECONDS = 1800.0
#: a line of the progress callback: host, phase, text; two spaces or more between them
PROGRESS = re.compile(r"^\S+ {2,}[a-z][a-z ]*? {2,}(?!: )\S")
DOOR = ("127.0.0.1", 8443)
DOOR_SECONDS = 10.0
#: roles in the order of the play, as the summary names them
PHASES = {
    "access": ("cluster_access",),
    "preflight": ("hub_preflight",),
    "front door": ("hub_front", "hub_dns"),
    "certificate": ("letsencrypt", "hub_https", "hub_oauth"),
    "helm": ("z2jh",),
    "verify": ("hub_verify",),
}


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class Played:
    """One run of site.yml: what the observing callback recorded, and the module processes started."""

    seconds: float
    roles: dict[str, float]
    changed: int
    processes: int
    evidence: dict[str, Any]

    def phases(self) -> str:
        """Seconds per phase, for the summary."""
        parts = [(name, sum(self.roles.get(role, 0.0) for role in roles)) for name, roles in PHASES.items()]
        return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in parts)


def say(step: str, text: str) -> None:
    """One line of the summary."""
    print(f"{step:14} {text}", flush=True)


def own_cluster() -> bool:
    """Whether somebody's own cluster is used instead of the lab."""
    return bool(os.environ.get("LAB_KUBECONFIG"))


def inventory() -> Path:
    """The inventory to run."""
    default = ROOT / "examples" / ("own_cluster" if own_cluster() else "lab") / "inventory.yml"
    found = Path(os.environ.get("INVENTORY") or default).expanduser().resolve()
    if not found.exists():
        raise DemoError(f"there is no inventory {found}. Nothing was changed. Do: correct INVENTORY.")
    return found


def shown(path: Path) -> str:
    """An inventory as the summary names it: ours by its folder, another by its whole path."""
    return str(path.parent.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def other_chart() -> dict[str, str]:
    """The variables of the chart that Z2JH_CHART asks for, whatever the inventory says; a path needs no version."""
    chart, version = (os.environ.get(name, "") for name in ("Z2JH_CHART", "Z2JH_CHART_VERSION"))
    path = Path(chart).expanduser().absolute()
    named = {"z2jh_chart_ref": str(path) if path.exists() else chart} if chart else {}
    return named | ({"z2jh_chart_version": version} if chart or version else {})


def lab_up() -> str:
    """Start the lab (a lab that is up stays as it is) and tell how that went."""
    started = time.monotonic()
    if subprocess.run([LAB, "up"], stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise DemoError("the lab did not come up. Do: read the lines above, then `tests/lab/lab logs`.")
    version = lab_says(r"Kubernetes (\S+),")
    return f"Kubernetes {version} ready in {time.monotonic() - started:.0f} s; DNS, ACME, OpenID, load balancer up"


def lab_says(pattern: str) -> str:
    """One word of `lab status`."""
    status = subprocess.run([LAB, "status"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = re.search(pattern, status.stdout)
    if found is None:
        raise DemoError(f"the lab is not up any more: {status.stdout}{status.stderr} Do: run make demo again.")
    return found[1]


def environment(name: str) -> list[str]:
    """What the play sees in its environment, as words for env(1)."""
    settings = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": str(TOOLS / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "researchops.jupyterhub.progress,observe",
        "OBSERVE_FILE": str(OUT / f"{name}.json"),
        "COUNT_FILE": str(OUT / f"{name}.count"),
        "ANSIBLE_EXECUTABLE": str(TOOLS / "counting-sh"),
    }
    if own_cluster():
        settings["KUBECONFIG"] = str(Path(os.environ["LAB_KUBECONFIG"]).expanduser().absolute())
    return ["env", *(f"{key}={value}" for key, value in settings.items())]


def command(name: str, playbook: str) -> list[str]:
    """The command line of one run of a playbook with everything that this demo was given."""
    inside = [] if own_cluster() else [str(LAB), "exec", "--"]
    extra = {"hub_verify_report_dir": str(OUT / "reports")} | other_chart()
    argv = [*inside, str(RUN), "exec", "--installed", "--", *environment(name)]
    return [*argv, "ansible-playbook", playbook, "-i", str(inventory()), "-e", json.dumps(extra)]


def floor() -> float:
    """Seconds of a play without any task, by the same command: what of a run is not ours."""
    empty = OUT / "floor.yml"
    empty.write_text("- hosts: hubs\n  gather_facts: false\n", encoding="utf-8")
    started = time.monotonic()
    try:
        subprocess.run(
            command("floor", str(empty)),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=300,
        )
    except subprocess.SubprocessError as problem:
        raise DemoError(f"an empty play does not run ({problem}). Do: look at build/demo/second.log.") from problem
    return time.monotonic() - started


def play(name: str, *words: str) -> Played:
    """Run site.yml once; its whole output goes to build/demo/NAME.log, the progress lines to the terminal as well."""
    OUT.mkdir(parents=True, exist_ok=True)
    log = OUT / f"{name}.log"
    for old in (OUT / f"{name}.json", OUT / f"{name}.count", *(OUT / "reports").glob("*.json")):
        old.unlink(missing_ok=True)
    argv = [*command(name, "researchops.jupyterhub.site"), *words]
    started = time.monotonic()
    with log.open("wb") as stream:
        running = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        finished = threading.Event()
        teller = threading.Thread(target=follow, args=(log, finished), daemon=True)
        teller.start()
        try:
            code = running.wait(timeout=PLAY_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            raise DemoError(f"site.yml did not end within {PLAY_SECONDS:.0f} s; its output: {log}") from None
        finally:
            finished.set()
            teller.join(timeout=5)
    if code != 0:
        text = log.read_text(encoding="utf-8", errors="replace")
        print(text[max(text.rfind("\nTASK ["), 0) :][-4000:])
        raise DemoError(f"site.yml failed (exit code {code}); its whole output: {log}")
    return observed(name, time.monotonic() - started)


def follow(log: Path, finished: threading.Event) -> None:
    """Print the progress lines of a growing log."""
    with log.open(encoding="utf-8", errors="replace") as stream:
        while True:
            line = stream.readline()
            if PROGRESS.match(line):
                print("               " + line.rstrip(), flush=True)
            elif not line and finished.is_set():
                return
            elif not line:
                time.sleep(0.2)


def observed(name: str, seconds: float) -> Played:
    """Read back what the callback, the counting shell and hub_verify wrote."""
    record = json.loads((OUT / f"{name}.json").read_text(encoding="utf-8"))
    evidence = {}
    for report in (OUT / "reports").glob("verify-*.json"):
        evidence = json.loads(report.read_text(encoding="utf-8"))
    processes = len((OUT / f"{name}.count").read_text(encoding="utf-8").splitlines())
    changed = sum(host["changed"] for host in record["hosts"].values())
    return Played(seconds, record["roles"], changed, processes, evidence)


def proved(evidence: dict[str, Any]) -> str:
    """What hub_verify proved, in its own words."""
    return str(evidence.get("summary") or "nothing: hub_verify wrote no report")


def again(second: Played, empty: float) -> str:
    """What the second run did: what it must not do at all, what it took, and the proof that it repeats apart."""
    verify = second.roles.get("hub_verify", 0.0)
    rest = second.seconds - verify
    over = f"{max(rest - empty, 0.0):.0f} s over an empty play's {empty:.0f} s, {second.processes} module processes"
    return (
        f"second run changed={second.changed} in {second.seconds:.0f} s: {rest:.0f} s to see that ({over}), "
        f"{verify:.0f} s to check the hub once more"
    )


def open_door(url: str) -> str:
    """Say how a person opens the hub; on the lab, make it reachable from outside first."""
    if own_cluster():
        take_away = f"ansible-playbook researchops.jupyterhub.teardown -i {inventory()}"
        return f"{url or 'the address in your inventory'}; take it away: {take_away}"
    subprocess.run([LAB, "forward", "start"], check=False, stdin=subprocess.DEVNULL)
    facts = json.loads(subprocess.run([LAB, "env", "--json"], check=True, capture_output=True, text=True).stdout)
    authority = OUT / "ca.pem"
    authority.write_bytes(Path(facts["ca_file"]).read_bytes())
    name = os.environ.get("LAB_NAME")
    stop = f"stop: make demo-down{f' LAB_NAME={name}' if name else ''}"
    how = f"{url.rstrip('/')} as ada / demo-ada (trust the lab's CA: {authority.relative_to(ROOT)}); {stop}"
    end = time.monotonic() + DOOR_SECONDS
    while not behind_the_door(authority):
        if time.monotonic() > end:
            port = ":".join(map(str, DOOR))
            return f"{how}; only by tests/lab/lab browse for now, because {port} leads elsewhere (another lab?)"
        time.sleep(0.5)
    return how


def behind_the_door(authority: Path) -> bool:
    """Whether who connects to the port on this machine meets this lab, and not another one or nobody."""
    context = ssl.create_default_context(cafile=authority)
    try:
        with socket.create_connection(DOOR, timeout=5) as plain:
            context.wrap_socket(plain, server_hostname="issuer.lab.test").close()
    except OSError:
        return False
    return True


def main() -> int:
    """Run the demo; exit code 0 only when the hub was proved and the second run changed nothing."""
    started = time.monotonic()
    try:
        source = shown(inventory())
        say("[1/5] lab", "your own cluster" if own_cluster() else lab_up())
        first = play("first")
        say("[2/5] site.yml", f"{source}: {first.phases()}")
        say("[3/5] checked", proved(first.evidence))
        second = play("second")
        say("[4/5] again", again(second, floor()))
        memory = "" if own_cluster() else f"{lab_says(r'memory in all.*: (.*)')} of memory and "
        spent = f"{memory}{minutes(time.monotonic() - started)} in all"
        say("[5/5] open", f"{open_door(str(second.evidence.get('url') or ''))}; {spent}")
    except DemoError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    if not own_cluster():
        print("\nOn this machine add to /etc/hosts:   127.0.0.1 hub.lab.test issuer.lab.test")
        print("From your laptop, the same line there and:   ssh -L 8443:127.0.0.1:8443 THIS-MACHINE")
    if second.changed:
        print(
            f"demo: the second run changed {second.changed} things; it must change nothing. See {OUT / 'second.log'}",
            file=sys.stderr,
        )
    return 1 if second.changed else 0


def minutes(seconds: float) -> str:
    """Seconds as people say them."""
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


if __name__ == "__main__":
    sys.exit(main())
