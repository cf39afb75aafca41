# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A place for one run in which everything Ansible and our modules write stays, so that all of it can be searched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search import Artefact, files_below

LIMIT = 400.0
"""Seconds for one run; far more than any needs."""
CALLBACKS: dict[str, dict[str, str]] = {
    "default": {},
    "json": {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"},
}
JUNIT = {"ANSIBLE_CALLBACKS_ENABLED": "researchops.jupyterhub.progress,ansible.builtin.junit"}
"""Adds a JUnit report to whatever is printed."""
CONFIG = "[defaults]\ncallbacks_enabled = researchops.jupyterhub.progress\ncallback_result_format = yaml\n"
"""What a user has: nothing in it keeps a secret."""


@dataclass
class Bed:
    """One run's folders: what goes in, and everything that comes out.

    Attributes:
        folder: the run's own directory.
        owners: the canaries that may stand in our private files.
        environ: changes to the environment.
    """

    folder: Path
    owners: frozenset[str] = frozenset()
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("input", "out", "tmp", "home", "cache"):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        self.give("ansible.cfg", CONFIG)

    @property
    def input(self) -> Path:
        """Where secrets are handed in; the only folder that is not searched."""
        return self.folder / "input"

    def give(self, name: str, data: Any) -> Path:
        """Write a private input file as JSON, or as text."""
        path = self.input / name
        path.touch(mode=0o600)
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        return path

    def environment(self, callback: str = "default", *, junit: bool = False) -> dict[str, str]:
        """The environment of a run: every place to write to is in this folder."""
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(self.folder / "input" / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "home" / "remote"),
            "ANSIBLE_LOG_PATH": str(self.folder / "out" / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folder / "out" / "facts"),
            "ANSIBLE_FORCE_COLOR": "0",
            "NO_COLOR": "1",
            "JUNIT_OUTPUT_DIR": str(self.folder / "out" / "junit"),
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            **CALLBACKS[callback],
            **(JUNIT if junit else {}),
            **self.environ,
        }

    def play(
        self,
        play: str | list[dict[str, Any]],
        variables: Mapping[str, Any],
        *,
        arguments: Sequence[str] = (),
        callback: str = "default",
        junit: bool = False,
        inventory: str = "canary,",
        started: Any = None,
    ) -> int:
        """Run a playbook with the highest verbosity; returns its exit code, negative for a signal.

        Args:
            play: a playbook's name, or its content.
            variables: extra variables, handed in by a private file.
            arguments: further arguments.
            callback: which of :data:`CALLBACKS`.
            junit: write a JUnit report as well.
            inventory: the inventory.
            started: called with the process once it runs.
        """
        given = self.give("variables.json", dict(variables))
        name = play if isinstance(play, str) else str(self.give("play.json", play))
        argv = [tool("ansible-playbook"), "-vvvvv", name, "-i", inventory, "-e", f"@{given}", *arguments]
        return self.command(argv, callback=callback, junit=junit, started=started)

    def command(
        self, argv: Sequence[str], *, callback: str = "default", junit: bool = False, started: Any = None
    ) -> int:
        """Run a program of the environment in this bed, in a process group of its own."""
        with (self.folder / "out" / "output").open("wb") as output:
            child = subprocess.Popen(
                argv,
                cwd=self.folder / "out",
                env=self.environment(callback, junit=junit),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                if started is not None:
                    started(child)
                return child.wait(LIMIT)
            finally:
                end_group(child.pid)

    @property
    def output(self) -> str:
        """What the run printed."""
        return (self.folder / "out" / "output").read_text(encoding="utf-8", errors="replace")

    def artefacts(self, label: str) -> list[Artefact]:
        """Everything the run left behind."""
        private = {"client-secret-": self.owners, "token-": frozenset({"API token"})}
        return [
            artefact
            for name in ("out", "tmp", "home", "cache")
            for artefact in files_below(self.folder / name, f"{label}/{name}", private if name == "cache" else None)
        ]


def end_group(group: int) -> None:
    """Kill what is left of a run's own process group, and wait until it is gone."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return
        try:
            while os.waitpid(-group, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.02)


def tool(name: str) -> str:
    """A program of the environment these tests run in."""
    return str(Path(sys.executable).with_name(name))
