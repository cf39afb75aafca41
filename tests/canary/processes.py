# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches every process below this one: a secret on a command line is there for everybody on the machine to read."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from search import Artefact

PERIOD = 0.005
"""Seconds between two looks; a process that lives shorter than that can be missed."""
PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h: orphans become our children, so none leaves the tree we look at."""


class Watch:
    """Collects command lines and environments of all descendants while it is open."""

    def __init__(self, root: int | None = None) -> None:
        self._root = root or os.getpid()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="process watch", daemon=True)
        self._seen: dict[int, bytes] = {}
        self.commands: set[bytes] = set()
        self.environments: set[bytes] = set()
        self.looks = 0

    def __enter__(self) -> Watch:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def artefacts(self) -> list[Artefact]:
        """What was seen."""
        return [
            Artefact("process table: command lines", b"\n".join(sorted(self.commands))),
            Artefact("process table: environments", b"\n".join(sorted(self.environments))),
        ]

    def _run(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            alive = self._look(self._root)
            for pid in set(self._seen) - alive:
                del self._seen[pid]
            self.looks += 1
            self._stop.wait(max(0.0, PERIOD - (time.monotonic() - begun)))

    def _look(self, root: int) -> set[int]:
        waiting, alive = children(root), set[int]()
        while waiting:
            pid = waiting.pop()
            alive.add(pid)
            waiting += children(pid)
            command = read(pid, "cmdline")
            if command and self._seen.get(pid) != command:
                self._seen[pid] = command
                self.commands.add(command)
                self.environments.add(read(pid, "environ"))
        return alive


def read(pid: int, name: str) -> bytes:
    """One file of a process; empty when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def children(pid: int) -> list[int]:
    """The processes that any thread of this one started."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += [int(word) for word in read(pid, f"task/{thread}/children").split()]
    return found
