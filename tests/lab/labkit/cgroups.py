# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's cgroups: ``/lab-NAME`` in every hierarchy of cgroup v1, or in the one of v2.

``system`` below it holds the supervisor and all parts, ``exec`` what ``lab exec`` and ``lab browse`` start, and kubelet
makes ``kubepods``. runc and kubelet use the cgroupfs driver in this tree of their own, also where systemd manages the
rest: nothing of Docker's, another containerd's or systemd's is touched.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labkit.say import LabError

CONTROLLERS_V2 = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")
NEEDED = {"cpu", "memory", "pids"}


@dataclass(frozen=True)
class Hierarchies:
    """Mount points. ``version`` is what kubelet will use; in hybrid mode (v1 plus a bare v2) that is 1."""

    version: int
    mounts: tuple[Path, ...]

    @property
    def tracking(self) -> Path:
        """One hierarchy that surely sees every process of the lab."""
        return next((mount for mount in self.mounts if mount.name in ("pids", "memory")), self.mounts[0])


def parse(mountinfo: str) -> Hierarchies:
    """Read /proc/self/mountinfo. Raises LabError when there are no cgroups to work with."""
    found: dict[str, list[Path]] = {"cgroup": [], "cgroup2": []}
    for line in mountinfo.splitlines():
        left, _dash, right = line.partition(" - ")
        kind = right.split()[0] if right else ""
        if kind in found and Path(left.split()[4]) not in found[kind]:
            found[kind].append(Path(left.split()[4]))
    if found["cgroup"]:
        return Hierarchies(1, tuple(found["cgroup"] + found["cgroup2"]))
    if found["cgroup2"]:
        return Hierarchies(2, tuple(found["cgroup2"][:1]))
    raise LabError(
        "E-LAB-CGROUP  No cgroup hierarchy is mounted. Nothing was changed. Do: mount cgroup2 at /sys/fs/cgroup."
    )


def hierarchies() -> Hierarchies:
    return parse(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))


def describe() -> str:
    seen = hierarchies()
    return f"cgroup v{seen.version}, driver cgroupfs"


def create(root: str) -> None:
    """Make the lab's tree, with the controllers kubelet needs."""
    seen = hierarchies()
    for mount in seen.mounts:
        for name in (root, f"{root}/system", f"{root}/exec"):
            directory = mount / name
            if seen.version == 2 and directory.parent != mount / root:
                _enable(mount)
            directory.mkdir(exist_ok=True)
            _inherit_cpuset(directory)
        if seen.version == 2:
            _enable(mount / root)


def _enable(directory: Path) -> None:
    """cgroup v2: hand the controllers down to the children of ``directory``."""
    offered = set((directory / "cgroup.controllers").read_text().split())
    for controller in CONTROLLERS_V2:
        if controller in offered:
            with suppress(OSError):
                (directory / "cgroup.subtree_control").write_text(f"+{controller}")
    missing = NEEDED - set((directory / "cgroup.subtree_control").read_text().split())
    if missing:
        raise LabError(
            f"E-LAB-CGROUP  {directory} cannot hand down the controllers {', '.join(sorted(missing))}. "
            "Do: run the lab on a host (or in a container with its own writable cgroup2 root), not in a nested cgroup."
        )


def _inherit_cpuset(directory: Path) -> None:
    """cgroup v1: a new cpuset is empty and takes no process until it has processors and memory nodes."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        mine, above = directory / name, directory.parent / name
        if mine.exists() and above.exists() and not mine.read_text().strip() and above.read_text().strip():
            mine.write_text(above.read_text())


def join(root: str, leaf: str) -> None:
    """Move this process (children started later follow) into ``/ROOT/LEAF`` everywhere."""
    for mount in hierarchies().mounts:
        (mount / root / leaf / "cgroup.procs").write_text(str(os.getpid()))


def _tree(top: Path) -> Iterator[Path]:
    """All cgroups below and including ``top``, children first."""
    for directory, _names, _files in os.walk(top, topdown=False):
        yield Path(directory)


def pids(root: str, leaf: str = "") -> set[int]:
    """Host process ids in the lab's tree, or in one leaf of it and below."""
    found: set[int] = set()
    top = hierarchies().tracking / root / leaf
    for directory in _tree(top):
        with suppress(OSError):
            found.update(int(word) for word in (directory / "cgroup.procs").read_text().split() if word != "0")
    return found


def kill(root: str, leaf: str, spare: set[int], limit: float = 5.0) -> None:
    """End every process in one leaf except ``spare``: TERM, and KILL after ``limit`` seconds."""
    for number, patience in ((signal.SIGTERM, limit), (signal.SIGKILL, limit)):
        end = time.monotonic() + patience
        for pid in pids(root, leaf) - spare:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while pids(root, leaf) - spare:
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        else:
            return


def release(root: str, wanted: set[int]) -> None:
    """Move processes that must survive the lab out of its tree (`lab exec -- make demo-down`)."""
    for pid in pids(root) & wanted:
        for mount in hierarchies().mounts:
            with suppress(OSError):
                (mount / "cgroup.procs").write_text(str(pid))


def remove(root: str, limit: float = 15.0) -> list[str]:
    """Remove the lab's tree; processes that are just ending are waited for. Returns what stayed (busy cgroups)."""
    end = time.monotonic() + limit
    while True:
        for mount in hierarchies().mounts:
            for directory in _tree(mount / root):
                with suppress(OSError):
                    directory.rmdir()
        left = [str(mount / root) for mount in hierarchies().mounts if (mount / root).exists()]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)
