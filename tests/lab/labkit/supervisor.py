# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PID 1 of the lab: starts its parts, waits until they are ready, restarts what dies, reaps what others leave.

``python3 -m labkit.supervisor STATE_DIRECTORY`` makes the namespaces, prints nothing, and ends with 0 once the lab's
first process runs in them. Talking to it needs no socket: ``run/spec.json`` says what to run (SIGHUP: look again),
``run/status.json`` says what is, SIGTERM ends the lab. When this process ends, the kernel ends everything in the lab.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit import cgroups, labs, namespaces, net
from labkit.paths import Lab
from labkit.process import Process, from_json, start_order
from labkit.ready import is_ready

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
POLL = 0.1  # seconds between looks at a part that is starting
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before a restart; from the front again after STEADY seconds of life
STEADY = 30.0
STOP = 8.0  # seconds all parts together have for an orderly end
GRACE = 1.5  # seconds of it for pods and for all parts but etcd
LOG_LIMIT = 64 << 20  # bytes; a longer log is cut (its first half is lost)


class Part:
    """One process with its history. All of it lives in the event loop's thread."""

    def __init__(self, process: Process, digest: str) -> None:
        self.process, self.digest = process, digest
        self.pid = 0
        self.state = "waiting"
        self.restarts = -1  # the first start is none
        self.since = time.time()
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.exit: int | None = None
        self.task: asyncio.Task[None] | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "pid": self.pid,
            "restarts": max(self.restarts, 0),
            "since": self.since,
            "optional": self.process.optional,
            "exit": self.exit,
            "requires": list(self.process.requires),
        }


class Supervisor:
    def __init__(self, lab: Lab, host_network: int) -> None:
        self.lab, self.host_network = lab, host_network
        self.parts: dict[str, Part] = {}
        self.by_pid: dict[int, Part] = {}
        self.stopping = asyncio.Event()
        self.reload = asyncio.Event()
        self.started = time.time()
        self.digest = ""

    # ---- what others see ---------------------------------------------------------------------------------
    def publish(self) -> None:
        """Write status.json whole, so that a reader never sees half of it."""
        status = {
            "started": self.started,
            "digest": self.digest,
            "stopping": self.stopping.is_set(),
            "parts": {name: part.shown() for name, part in self.parts.items()},
        }
        fresh = self.lab.run / "status.json.new"
        fresh.write_text(json.dumps(status), encoding="utf-8")
        fresh.rename(self.lab.run / "status.json")

    def set_state(self, part: Part, state: str) -> None:
        part.state, part.since = state, time.time()
        print(f"{time.strftime('%H:%M:%S')} {part.process.name} {state} {part.pid or ''}", flush=True)
        self.publish()

    # ---- children ----------------------------------------------------------------------------------------
    def reap(self) -> None:
        """SIGCHLD: collect every child that ended, our parts and orphans alike."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            part = self.by_pid.pop(pid, None)
            if part is not None:
                part.exit, part.pid = os.waitstatus_to_exitcode(status), 0
                part.ended.set()

    def _spawn(self, part: Part) -> None:
        """Start the process; nothing is awaited between its start and its entry in by_pid, so reap() knows it."""
        process = part.process
        log = self.lab.logs / f"{process.name}.log"

        # Only exec between this program and the part: nsenter keeps the process id.
        outside = ["nsenter", f"--net=/proc/1/fd/{self.host_network}"] if process.host_network else []
        with log.open("ab") as output:
            output.write(f"--- {time.strftime('%F %T')} start: {process.argv[0]}\n".encode())
            output.flush()
            child = subprocess.Popen(
                [*outside, *process.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT | dict(process.env),
                cwd=process.cwd,
                start_new_session=True,
                user=process.user or None,
            )
        child.returncode = 0  # reap() collects it, Popen must not try
        part.pid, part.exit = child.pid, None
        part.ended.clear()
        self.by_pid[child.pid] = part

    async def _wait_ready(self, part: Part) -> bool:
        """Poll the ready check until it holds (True), the process ends or its time is over (False)."""
        end = time.monotonic() + part.process.ready.timeout
        while not part.ended.is_set():
            if await is_ready(part.process.ready):
                return not part.ended.is_set()
            if time.monotonic() > end:
                print(f"{part.process.name}: not ready after {part.process.ready.timeout:.0f} s, killed", flush=True)
                self._signal(part, signal.SIGKILL)
                await part.ended.wait()
                return False
            await asyncio.sleep(POLL)
        return False

    def _signal(self, part: Part, number: int) -> None:
        if part.pid:
            with suppress(ProcessLookupError):
                os.killpg(part.pid, number)

    async def _keep(self, part: Part) -> None:
        """The life of one part: wait for what it requires, start, ready, end, pause, again."""
        while not all(name in self.parts and self.parts[name].ready.is_set() for name in part.process.requires):
            await asyncio.sleep(POLL / 2)  # not an event: a required part may be replaced meanwhile
        failures = 0
        while not self.stopping.is_set():
            part.restarts += 1
            began = time.monotonic()
            try:
                self._spawn(part)
            except (OSError, subprocess.SubprocessError) as error:
                with (self.lab.logs / f"{part.process.name}.log").open("a", encoding="utf-8") as log:
                    log.write(f"cannot start {part.process.argv[0]}: {error}\n")
            else:
                self.set_state(part, "starting")
                if await self._wait_ready(part):
                    part.ready.set()
                    self.set_state(part, "ready")
                await part.ended.wait()
            part.ready.clear()
            self.set_state(part, f"ended ({part.exit})")
            failures = 0 if time.monotonic() - began > STEADY else failures + 1
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF)) - 1] if failures else BACKOFF[0])

    # ---- the set of parts --------------------------------------------------------------------------------
    async def _apply(self) -> None:
        """Bring the parts to what spec.json says: unknown ones start, changed ones restart, others end."""
        spec = json.loads((self.lab.run / "spec.json").read_text(encoding="utf-8"))
        wanted = {data["name"]: data for data in spec["processes"]}
        changed = [
            name
            for name, part in self.parts.items()
            if name not in wanted or from_json(wanted[name]) != part.process or wanted[name]["digest"] != part.digest
        ]
        await asyncio.gather(*(self._retire(name) for name in changed))
        fresh = [name for name in start_order([from_json(data) for data in wanted.values()]) if name not in self.parts]
        for name in fresh:
            self.parts[name] = Part(from_json(wanted[name]), wanted[name]["digest"])
        for name in fresh:
            self.parts[name].task = asyncio.create_task(self._keep(self.parts[name]))
        self.digest = spec["digest"]
        self.publish()

    async def _retire(self, name: str) -> None:
        part = self.parts.pop(name)
        if part.task:
            part.task.cancel()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(part, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP if part.pid else 0.01):
                    await part.ended.wait()
            if not part.pid:
                return

    async def _end(self) -> None:
        """Ask everything in the lab to end, pods included; whoever does not is ended by the kernel after us."""
        self.stopping.set()
        self.publish()
        for part in self.parts.values():
            if part.task:
                part.task.cancel()
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)
        began = time.monotonic()
        while any(part.pid for part in self.parts.values()) and time.monotonic() - began < STOP:
            if time.monotonic() - began > GRACE:  # etcd waits for the API server's watches, and that one for etcd
                for name, part in self.parts.items():
                    if name != "etcd":
                        self._signal(part, signal.SIGKILL)
            await asyncio.sleep(0.05)

    def _cut_logs(self) -> None:
        """Keep the second half of a log that has grown beyond all use (writers append, so this is safe)."""
        for log in self.lab.logs.glob("*.log"):
            if log.stat().st_size > LOG_LIMIT:
                with log.open("r+b") as file:
                    file.seek(-(LOG_LIMIT // 2), os.SEEK_END)
                    rest = file.read()
                    file.seek(0)
                    file.write(rest)
                    file.truncate()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self.reap)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)
        self.reload.set()
        while not self.stopping.is_set():
            if self.reload.is_set():
                self.reload.clear()
                await self._apply()
            waits = [asyncio.create_task(event.wait()) for event in (self.stopping, self.reload)]
            await asyncio.wait(waits, timeout=60, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            self._cut_logs()
        await self._end()


def _first_process(lab: Lab, host_network: int, go: int) -> None:
    """In the new namespaces, as PID 1: wait for the veth, arrange files and network, supervise."""
    os.setsid()
    if os.read(go, 1) != b"g":
        raise SystemExit("the host's side of the network was not made")
    os.close(go)
    namespaces.set_up_mounts(lab, sys.base_prefix)
    net.set_up_lab(lab)
    asyncio.run(Supervisor(lab, host_network).run())


def main(arguments: Sequence[str]) -> int:
    lab = labs.load(Path(arguments[0]))
    if lab is None:
        raise SystemExit(f"no lab in {arguments[0]}")
    cgroups.join(lab.cgroup, "system")
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.umask(0o022)
    namespaces.unshare(namespaces.CLONE_NEWPID | namespaces.CLONE_NEWNS | namespaces.CLONE_NEWNET)
    waits, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        _first_process(lab, host_network, waits)
        return 0
    namespaces.enter(host_network)  # unshare() moved this process too; the veth's outer end belongs to the host
    net.set_up_host(lab, 1)  # as `ip` sees it: children of this process are born in the new pid namespace already
    (lab.run / "pid").write_text(f"{pid}\n", encoding="utf-8")
    os.write(go, b"g")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
