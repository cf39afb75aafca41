# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ansible-playbook run of the installed collection, and what a person read of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "examples" / "lab" / "inventory.yml"
LIMIT = 300.0
"""Seconds for one run; far more than any needs."""

ERROR_ID = re.compile(r"\bE-[A-Z0-9]+-\d\d\b")
FORM = re.compile(
    r"(?P<id>E-[A-Z0-9]+-\d\d) \S.*?[.!?)] "
    r"(?:Seen: .+?\. |Wanted: .+?\. )?"
    r"(?P<changed>Nothing was changed\.|Some .+?\.|Whether .+?\.|Release untouched\.|No .+?\.) "
    r"Do: .+\.",
    re.S,
)
"""first-hour.md: id, what, seen and wanted, whether anything was changed, one thing to do."""
FATAL = re.compile(r"^fatal: \[[^\]]+\]: FAILED! => (\{.*\})$", re.M)
ACCIDENTS = ("Traceback (most recent call last)", "MODULE FAILURE", "E-INT-", "Unhandled", "AnsibleUndefined")


@dataclass(frozen=True)
class Ran:
    """How a run ended.

    Attributes:
        code: exit code of ansible-playbook.
        output: everything it printed, both streams.
        seconds: how long it took.
    """

    code: int
    output: str
    seconds: float

    @property
    def fatal(self) -> list[str]:
        """The messages of the tasks that ended the play."""
        return [str(json.loads(found).get("msg", found)) for found in FATAL.findall(self.output)]

    @property
    def error_ids(self) -> set[str]:
        """Every error id a person could see anywhere."""
        return set(ERROR_ID.findall(self.output))

    @property
    def errors(self) -> list[str]:
        """The errors of this run in the order in which it told them, without the table around them.

        Raises:
            AssertionError: when one is not in the form, another one is seen elsewhere, or something broke on the way.
        """
        assert self.code != 0, f"the run did not fail:\n{self.tail}"
        for accident in ACCIDENTS:
            assert accident not in self.output, f"{accident!r} in the output:\n{self.tail}"
        assert len(self.fatal) == 1, f"{len(self.fatal)} tasks failed:\n{self.tail}"
        found = [FORM.search(line) for line in self.fatal[0].splitlines() if ERROR_ID.search(line)]
        assert all(found), f"not in the form of docs/errors.md:\n{self.fatal[0]}"
        ids = {each["id"] for each in found if each}
        assert self.error_ids == ids, f"other errors beside them: {self.error_ids - ids}\n{self.tail}"
        return [each.group() for each in found if each]

    @property
    def error(self) -> str:
        """The one error of this run, without the table around it.

        Raises:
            AssertionError: when there is not exactly one, and where :attr:`errors` does.
        """
        found = self.errors
        assert len(found) == 1, f"{len(found)} errors instead of one:\n{self.fatal[0]}"
        return found[0]

    @property
    def tail(self) -> str:
        """The end of the output."""
        return self.output[-6000:]


def lab_values() -> dict[str, Any]:
    """The operator's chart values of the lab's example inventory."""
    values: dict[str, Any] = inventory()["z2jh_values"]
    return values


def inventory() -> dict[str, Any]:
    """The variables of the lab's example hub, with their templates."""
    found: dict[str, Any] = yaml.safe_load(INVENTORY.read_text(encoding="utf-8"))["hubs"]["hosts"]["hub"]
    return found


def program(name: str) -> str:
    """A program of the environment these tests run in."""
    return str(Path(sys.executable).with_name(name))


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment for a run that prints results as JSON on one line each."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_FORCE_COLOR": "0",
        "NO_COLOR": "1",
        **(changes or {}),
    }


def play(
    playbook: str,
    variables: Mapping[str, Any],
    folder: Path,
    *,
    arguments: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    source: Path = INVENTORY,
    within: Sequence[str] = (),
) -> Ran:
    """Run one playbook of the collection (or a file) with extra variables.

    Args:
        playbook: its name in the collection, or a path.
        variables: extra variables; they go through a private file, as secrets should.
        folder: a directory of the test's own.
        arguments: further arguments.
        environ: changes to the environment.
        source: the inventory.
        within: words in front of the program, which lead it into another network.
    """
    given = folder / f"extra-{time.monotonic_ns()}.json"
    given.touch(mode=0o600)
    given.write_text(json.dumps(dict(variables)), encoding="utf-8")
    name = playbook if "/" in playbook else f"researchops.jupyterhub.{playbook}"
    argv = [*within, program("ansible-playbook"), name, "-i", str(source), "-e", f"@{given}", *arguments]
    start = time.monotonic()
    done = subprocess.run(
        argv,
        cwd=folder,
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LIMIT,
        check=False,
    )
    given.unlink()
    return Ran(done.returncode, done.stdout, time.monotonic() - start)
