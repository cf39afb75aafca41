# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running lab seen from the host: start its supervisor, tell it what to run, wait, look, end it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit import cgroups, net
from labkit.paths import Lab
from labkit.process import Process, start_order, to_json
from labkit.say import LabError, say

START = 30.0  # seconds for the supervisor to make its namespaces
READY = 180.0  # seconds for all parts to be ready; a cold disk is slow
END = 20.0  # seconds for the lab to end in order
SAY_EVERY = 10.0
HOPELESS = 6  # restarts of one part within one wait


def supervisor_pid(lab: Lab) -> int | None:
    """Host process id of the lab's first process, or None when it does not run."""
    try:
        pid = int((lab.run / "pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if b"labkit.supervisor" in words and str(lab.state).encode() in words and state not in "ZX" else None


def status(lab: Lab) -> dict[str, Any]:
    """What the supervisor last wrote; empty when there is none."""
    try:
        found: dict[str, Any] = json.loads((lab.run / "status.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log, indented, for an error."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join(f"  {line[:300]}" for line in text.strip().splitlines()[-lines:])


def write_spec(lab: Lab, processes: Sequence[Process]) -> str:
    """Tell the supervisor, present or future, what to run; returns the digest it will show once it has understood."""
    start_order(processes)  # a circle or an unknown name shows here, not inside
    data = [to_json(process) for process in processes]
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    fresh = lab.run / "spec.json.new"
    fresh.write_text(json.dumps({"digest": digest, "processes": data}, indent=1), encoding="utf-8")
    fresh.rename(lab.run / "spec.json")
    return digest


def spec_text(lab: Lab) -> str:
    """The last specification as it is written, or nothing."""
    path = lab.run / "spec.json"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def spec_names(lab: Lab) -> set[str]:
    text = spec_text(lab)
    return {item["name"] for item in json.loads(text)["processes"]} if text else set()


def start(lab: Lab) -> None:
    """Start the supervisor in fresh namespaces. What a crashed lab left (interface, cgroups) goes first."""
    net.tear_down_host(lab)
    cgroups.remove(lab.cgroup, limit=1.0)
    cgroups.create(lab.cgroup)
    net.load_modules()
    for name in ("status.json", "pid"):
        (lab.run / name).unlink(missing_ok=True)
    log = lab.logs / "supervisor.log"
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(lab.source),
        "HOME": "/root",
    }
    with log.open("ab") as output:
        maker = subprocess.Popen(
            [sys.executable, "-m", "labkit.supervisor", str(lab.state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
            cwd="/",
        )
        try:
            code = maker.wait(START)
        except subprocess.TimeoutExpired:
            maker.kill()
            code = -9
    if code != 0:
        raise LabError(
            f"E-LAB-START  The lab's namespaces could not be made:\n{tail(log)}\n"
            "Do: `lab down`, then `lab up`; it needs root."
        )


def reload(lab: Lab) -> None:
    pid = supervisor_pid(lab)
    if pid:
        os.kill(pid, signal.SIGHUP)


def not_ready(seen: dict[str, Any], digest: str) -> dict[str, str]:
    """Parts that are still missing, with their state; ``{"supervisor": ...}`` before it has read the spec."""
    if seen.get("digest") != digest:
        return {"supervisor": "reading the new specification" if seen else "starting"}
    return {
        name: part["state"] for name, part in seen["parts"].items() if part["state"] != "ready" and not part["optional"]
    }


def wait_ready(lab: Lab, digest: str, limit: float = READY) -> None:
    """Wait until every part that is not optional is ready; says every 10 s what it waits for."""
    began, told = time.monotonic(), SAY_EVERY
    before = {name: part["restarts"] for name, part in status(lab).get("parts", {}).items()}
    while True:
        missing = not_ready(status(lab), digest)
        if not missing:
            return
        waited = time.monotonic() - began
        if supervisor_pid(lab) is None:
            raise LabError(
                f"E-LAB-DEAD  The lab ended while it was starting:\n{tail(lab.logs / 'supervisor.log')}\n"
                "Do: `lab up` again."
            )
        seen = status(lab).get("parts", {})
        hopeless = [name for name in missing if seen.get(name, {}).get("restarts", 0) - before.get(name, 0) >= HOPELESS]
        if waited > limit or hopeless:
            first = (hopeless or list(missing))[0]
            text = ", ".join(f"{name} {state}" for name, state in missing.items())
            raise LabError(
                f"E-LAB-READY  Not ready after {waited:.0f} s: {text}. "
                f"The end of {first}'s log:\n{tail(lab.logs / f'{first}.log')}\n"
                f"Do: `lab logs {first}`."
            )
        if waited > told:
            told += SAY_EVERY
            say(
                "waiting for " + ", ".join(f"{name} ({state})" for name, state in missing.items()) + f", {waited:.0f} s"
            )
        time.sleep(0.05)


def wait_part(lab: Lab, name: str, limit: float) -> bool:
    """Wait until one part is ready; False when it is not by then or the lab ended."""
    end = time.monotonic() + limit
    while time.monotonic() < end and supervisor_pid(lab):
        if status(lab).get("parts", {}).get(name, {}).get("state") == "ready":
            return True
        time.sleep(0.1)
    return False


def stop(lab: Lab) -> list[str]:
    """End the lab and remove what it has on the host. Returns what could not be removed."""
    pid = supervisor_pid(lab)
    spare = _ancestors()
    if pid:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + END
        while supervisor_pid(lab) and time.monotonic() < end:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    cgroups.release(lab.cgroup, spare)
    cgroups.kill(lab.cgroup, "", spare)
    net.tear_down_host(lab)
    for name in ("pid", "status.json", "up.json"):
        (lab.run / name).unlink(missing_ok=True)
    return cgroups.remove(lab.cgroup)


def _ancestors() -> set[int]:
    """This process and those above it: `lab exec -- make demo-down` must not saw off its own branch."""
    found, pid = set(), os.getpid()
    while pid > 0:
        found.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


# ---- looking ---------------------------------------------------------------------------------------------------
def host_pids(lab: Lab) -> dict[int, int]:
    """Process id inside the lab (as status.json has it) to process id on the host."""
    found: dict[int, int] = {}
    for pid in cgroups.pids(lab.cgroup, "system"):
        with suppress(OSError):
            numbers = re.search(r"^NSpid:\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
            if numbers and len(numbers.group(1).split()) == 2:
                found[int(numbers.group(1).split()[1])] = pid
    return found


def memory(pids: Sequence[int]) -> int:
    """Proportional set size of some processes, bytes: shared pages count once over all of them."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            total += int(found.group(1)) * 1024 if found else 0
    return total


def total_memory(lab: Lab) -> int:
    """All processes of the lab, pods included, what `lab exec` runs excluded; bytes."""
    return memory(sorted(cgroups.pids(lab.cgroup) - cgroups.pids(lab.cgroup, "exec")))
