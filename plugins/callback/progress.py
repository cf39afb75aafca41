# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Shows what a module says while it still runs.

A module appends JSON lines to a file (``_core.progress``); this callback makes that file, names it in the environment
that modules on the controller inherit, and prints what appears in it.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Print what the collection's modules say while they run
version_added: 0.1.0
author:
  - researchops.jupyterhub contributors (@researchops)
description:
  - Ansible shows the output of a module when it ends. The modules of this collection that wait (for an address, a
    certificate, a release, a server) tell every 30 seconds what they wait for; this callback prints it at once.
  - At the end it prints how many seconds each role of the collection took.
  - Without it the same lines are in the modules' return value C(transitions).
requirements:
  - Enable it with C(callbacks_enabled = researchops.jupyterhub.progress) in section C([defaults]) of C(ansible.cfg).
notes:
  - It shows modules that run on the controller, as all modules of this collection do with C(connection=local).
  - The lines go to the terminal; C(log_path) does not get them.
  - Where the output of Ansible is for programs (C(stdout_callback=ansible.posix.json) or C(jsonl)), they go to standard
    error.
"""

import atexit
import json
import os
import shutil
import tempfile
import threading
import time
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import PROGRESS_VARIABLE

POLL_SECONDS = 0.5
TEXT_LIMIT = 400
COLLECTION = "researchops.jupyterhub."
FOR_PROGRAMS = ("json", "jsonl")
"""Callbacks whose standard output must hold nothing else."""


def printable(value: object) -> str:
    """Return text that cannot steer a terminal, in one line, cut to TEXT_LIMIT characters."""
    text = " ".join(str(value).split())
    return "".join(sign for sign in text if sign.isprintable())[:TEXT_LIMIT]


def line(record: object) -> str:
    """Return the line to print for one record of the progress file; empty for what is none."""
    if not isinstance(record, dict) or not record.get("text"):
        return ""
    subject, phase = (printable(record.get(key, "")) for key in ("subject", "phase"))
    return f"{subject:<10}  {phase:<11}  {printable(record['text'])}"


class Follower:
    """Reads a growing file of JSON lines and hands the complete ones on, as text for a person."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._offset = 0

    def new_lines(self) -> list[str]:
        """Return what was added since the last call; an unfinished line waits for its end."""
        try:
            with open(self.path, "rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except OSError:
            return []
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        found = []
        for raw in complete.splitlines():
            try:
                found.append(line(json.loads(raw)))
            except ValueError:
                continue
        return [text for text in found if text]


class Phases:
    """Adds up seconds per role of this collection; a task lasts until the next one starts."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._role = ""
        self._since = 0.0

    def switch(self, role: str, now: float) -> None:
        """Note that from ``now`` (seconds) on a task of ``role`` runs; an empty role is a task of nobody's."""
        if self._role:
            self.seconds[self._role] = self.seconds.get(self._role, 0.0) + now - self._since
        self._role = role.removeprefix(COLLECTION) if role.startswith(COLLECTION) else ""
        self._since = now

    def summary(self) -> str:
        """Return the closing line; empty when no role of ours ran."""
        parts = [f"{role} {seconds:.0f} s" for role, seconds in self.seconds.items() if seconds >= 0.5]
        return f"{'phases':<10}  {', '.join(parts)}; together {sum(self.seconds.values()):.0f} s" if parts else ""


class CallbackModule(CallbackBase):
    """The callback plugin."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "researchops.jupyterhub.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._owner = os.getpid()
        self._folder = ""
        self._follower: Follower | None = None
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._phases = Phases()
        name = str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2]
        self._output = 2 if name in FOR_PROGRAMS else 1

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Make the progress file and follow it; a file that somebody else follows already is left alone.

        One command may play several playbooks; each is followed and added up by itself.
        """
        self._phases, self._over = Phases(), threading.Event()
        if os.environ.get(PROGRESS_VARIABLE):
            return
        self._folder = tempfile.mkdtemp(prefix="researchops-progress-")
        path = os.path.join(self._folder, "progress.jsonl")
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.environ[PROGRESS_VARIABLE] = path
        self._follower = Follower(path)
        atexit.register(self._end)
        self._thread = threading.Thread(target=self._follow, name="researchops-progress", daemon=True)
        self._thread.start()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Note which role the time belongs to from here on."""
        role = getattr(task, "_role", None)
        self._phases.switch(role.get_name() if role else "", time.monotonic())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Count a handler like any task."""
        self.v2_playbook_on_task_start(task, False)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print what is left, then the seconds per role."""
        self._phases.switch("", time.monotonic())
        self._end()
        self._print([self._phases.summary()])

    def _follow(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self._drain()

    def _drain(self) -> None:
        if self._follower is not None:
            self._print(self._follower.new_lines())

    def _print(self, lines: list[str]) -> None:
        # os.write, not Display: Ansible forks workers while this thread runs, and a lock held by the thread at that
        # moment would stay locked in the worker
        for text in lines:
            if text:
                os.write(self._output, (text + "\n").encode("utf-8", "replace"))

    def _end(self) -> None:
        """Stop following and remove the file; in a forked worker, do nothing."""
        if not self._folder or os.getpid() != self._owner:
            return
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._drain()
        os.environ.pop(PROGRESS_VARIABLE, None)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = ""
        atexit.unregister(self._end)
