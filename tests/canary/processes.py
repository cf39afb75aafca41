# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches every process below this one: a secret on a command line is there for everybody on the machine to read.

The watching is done by a process of its own, so that nothing here slows it down.
"""

from __future__ import annotations

import ctypes
import os
import select
import subprocess
import sys
import time
from pathlib import Path

PERIOD = 0.01
"""Seconds between two looks; a process that lives shorter than that can be missed."""
YOUNG = 1.0
"""Seconds for which a process is looked at every time: a child becomes its program soon after it was forked."""
SELDOM = 20
"""Every how many looks the others are read again."""
PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h: orphans become our children, so none leaves the tree we look at."""


class Watch:
    """Collects command lines and environments of all descendants while it is open.

    Attributes:
        commands: every command line that was seen.
        environments: the environments of these processes.
        looks: how often it looked.
        seconds: for how long.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.commands, self.environments = b"", b""
        self.looks, self.seconds = 0, 0.0

    def __enter__(self) -> Watch:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._begun = time.monotonic()
        argv = [sys.executable, __file__, str(os.getpid()), str(self._folder)]
        self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == b"watching\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self) -> None:
        """Return when every process that was alive at the call, and still is, has been looked at as it is now."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(b"wait\n")
        self._child.stdin.flush()
        assert self._child.stdout.readline() == b"looked\n"

    def stop(self) -> None:
        """Stop watching and take in what was seen; a second call does nothing."""
        if self.looks:
            return
        answer, _none = self._child.communicate(timeout=30)
        self.looks, self.seconds = int(answer), time.monotonic() - self._begun
        self.commands = (self._folder / "commands").read_bytes()
        self.environments = (self._folder / "environments").read_bytes()
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Eye:
    """What has been seen below one process.

    A look must be cheap, or it slows down what it looks at: the folder /proc is listed once, parents are asked for
    only of processes that are new, and command lines only of those that may still become another program.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._others = {0}
        self._since: dict[int, float] = {}
        self._known: dict[int, bytes] = {}
        self._looked = 0
        self.commands: set[bytes] = set()
        self.environments: set[bytes] = set()

    def look(self) -> None:
        """Look at the whole tree once; a process that has become another program is looked at again."""
        now = time.monotonic()
        alive = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        # Numbers mostly grow, so parents come before their children; where they do not, the next look finds them.
        for pid in sorted(alive - self._since.keys() - self._others - {self._root, os.getpid()}):
            above = parent(pid)
            if above == self._root or above in self._since:
                self._since[pid] = now
            elif above in self._others:
                self._others.add(pid)
        self._others = self._others & alive | {0}
        for pid in self._since.keys() - alive:
            del self._since[pid]
            self._known.pop(pid, None)
        self._looked += 1
        for pid, since in self._since.items():
            if now - since < YOUNG or self._looked % SELDOM == 0:
                self._read(pid)

    def _read(self, pid: int) -> None:
        command = read(f"/proc/{pid}/cmdline")
        if command and self._known.get(pid) != command:
            self._known[pid] = command
            self.commands.add(command)
            self.environments.add(read(f"/proc/{pid}/environ"))


def read(path: str) -> bytes:
    """A file below /proc; empty when its process has ended."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(number, 1 << 20)
    except OSError:
        return b""
    finally:
        os.close(number)


def parent(pid: int) -> int:
    """The process that started this one, or took it over; 0 when it has ended."""
    words = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(words[1]) if len(words) > 1 else 0


def family(root: int) -> list[int]:
    """A process and all that descends from it, in whatever sessions, parents first."""
    above = {int(name): parent(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    found = [root]
    for one in found:
        found += [pid for pid, its in above.items() if its == one]
    return found


def main(root: int, folder: Path) -> None:
    """Look until standard input ends, then write down what was seen and say how often."""
    eye, looks = Eye(root), 0
    print("watching", flush=True)
    while True:
        asked = bool(select.select([sys.stdin], [], [], 0)[0])
        if asked and not sys.stdin.readline():
            break
        begun = time.monotonic()
        for _look in range(SELDOM if asked else 1):
            eye.look()
            looks += 1
        if asked:
            print("looked", flush=True)
        time.sleep(max(0.0, PERIOD - (time.monotonic() - begun)))
    (folder / "commands").write_bytes(b"\n".join(sorted(eye.commands)))
    (folder / "environments").write_bytes(b"\n".join(sorted(eye.environments)))
    print(looks)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
