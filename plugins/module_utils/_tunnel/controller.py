# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Which process a tunnel lives with: the ``ansible-playbook`` that the module runs under, as /proc tells it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from .._core.errors import HubError
from .supervisor import start_time

PROGRAMS = ("ansible-playbook", "ansible", "ansible-console", "ansible-pull")
"""What may be at the other end of a connection of kind local."""
LOOK_AT = 4
"""Words of a command line in which the program's name may be: the interpreter and its options come first."""


@dataclass(frozen=True)
class Process:
    """A process for good: its number and its start time in clock ticks."""

    pid: int
    started: str


def is_ansible(words: list[str]) -> bool:
    """Whether a command line starts one of Ansible's programs."""
    return any(os.path.basename(word) in PROGRAMS for word in words[:LOOK_AT])


def outermost(pid: int, parent: Callable[[int], int], words: Callable[[int], list[str]]) -> int:
    """The last of the nearest unbroken row of ancestors that are Ansible; 0 when there is none.

    Ansible forks a worker for each task; the worker ends with its task, its ancestor with the play. A playbook that
    was started by a task of another playbook counts by itself.
    """
    found, current = 0, parent(pid)
    while current > 0:
        if is_ansible(words(current)):
            found = current
        elif found:
            break
        current = parent(current)
    return found


def parent_of(pid: int, proc: str = "/proc") -> int:
    """A process's parent; 0 when there is none."""
    try:
        with open(f"{proc}/{pid}/stat", encoding="latin-1") as stream:
            return int(stream.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def words_of(pid: int, proc: str = "/proc") -> list[str]:
    """A process's command line; empty when it cannot be read."""
    try:
        with open(f"{proc}/{pid}/cmdline", encoding="utf-8", errors="replace") as stream:
            return [word for word in stream.read().split("\0") if word]
    except OSError:
        return []


def controlling(given: int = 0, proc: str = "/proc") -> Process:
    """The process to live with: the given one, else the playbook we run under.

    Raises:
        HubError: E-TUNNEL-06 when there is none, or this machine cannot watch processes.
    """
    if not hasattr(os, "pidfd_open"):
        raise unwatched("this machine cannot watch processes (Linux 5.3 or later is needed)")
    pid = given or outermost(os.getpid(), lambda one: parent_of(one, proc), lambda one: words_of(one, proc))
    started = start_time(pid, proc) if pid else ""
    if not started:
        raise unwatched(f"there is no process {given}" if given else "no ansible-playbook is above this module")
    return Process(pid, started)


def unwatched(reason: str) -> HubError:
    """The error for a tunnel that nobody would end."""
    return HubError(
        error_id="E-TUNNEL-06",
        what=f"A tunnel must end with the play that needs it, and {reason}",
        do="run the play with connection: local on the machine that holds the SSH key, or set controller_pid to the "
        "process whose end shall end the tunnel",
    )
