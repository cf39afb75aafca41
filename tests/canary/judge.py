# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what handles a secret without hiding it, from names and from where secrets flow; runs nothing.

A secret enters a role by a variable that its specification hides, by a file lookup, by a Secret that is read, or from a
module that makes keys. It goes on through variables, facts and registered results. A task that touches it must be
hidden, with two exceptions: modules that hide their own options (ours are judged by their specification), and filters
of ours whose result is made for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inputs import SECRET_FILE, WORDS, flat, load, module_specs, role_options

Task = dict[str, Any]

SECRET_NAME = re.compile(rf"(?:^|[_.])(?:{WORDS})$")
"""Options whose name says that they take a secret; ``*_file`` and ``*_name`` end otherwise."""
OUR_FILTER = re.compile(r"\|\s*researchops\.jupyterhub\.\w+")
"""What these return is documented to hold no secret."""
FOR_PEOPLE = re.compile(r"\|\s*researchops\.jupyterhub\.(?:door_preflight|verify_preflight)\b")
"""They take settings with secrets and return rows of a table; the task itself need not be hidden."""
SECRET_LOOKUP = re.compile(r"'researchops\.jupyterhub\.cluster_objects',\s*'Secret'")
"""A Secret that is read without a module."""
FILE_LOOKUP = re.compile(r"lookup\('ansible\.builtin\.file',\s*(\w+)")
HARMLESS = re.compile(
    r"\b\w+(?:\.(?:msg|reason|status|metadata|problem)\b[\w.]*| is (?:not )?(?:failed|skipped|changed|defined)"
    r"|\.resources(?: \| default\([^)]*\))? \| length)"
)
"""What may be told about an object that holds a secret."""
KEY_MAKER = re.compile(r"^community\.crypto\.openssl_(?:privatekey|csr)_pipe$")
SPEAKING = frozenset({"ansible.builtin.debug", "ansible.builtin.fail", "ansible.builtin.assert"})


def holes(collection: Path) -> list[str]:
    """Everything that handles a secret without hiding it."""
    return [*_option_holes(collection), *_task_holes(collection)]


def _option_holes(collection: Path) -> Iterator[str]:
    for module, options in module_specs(collection).items():
        for option, spec in flat(options):
            if SECRET_NAME.search(option) and not spec.get("no_log"):
                yield f"module {module}: option {option} shows its value"
    for role, described in role_options(collection).items():
        for name, spec in described.items():
            if SECRET_NAME.search(name) and spec.get("no_log") is not True:
                yield f"role {role}: variable {name} shows its value"


def _task_holes(collection: Path) -> Iterator[str]:
    sources = {name for options in role_options(collection).values() for name in options if SECRET_NAME.search(name)}
    for folder in sorted((collection / "roles").iterdir()):
        role = Role(folder, sources)
        for place, task in role.tasks:
            reason = role.touches(task)
            if reason and not role.hides(task):
                yield f"{folder.name}/tasks/{place}: {task.get('name')}: {reason}"


@dataclass
class Role:
    """One role and the names in it that hold a secret.

    Attributes:
        folder: the role.
        sources: variables that people put secrets into.
        tainted: every name that holds a secret, or something made from one.
    """

    folder: Path
    sources: set[str]
    tainted: set[str] = field(default_factory=set)
    tasks: list[tuple[str, Task]] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tainted = set(self.sources)
        path = self.folder / "vars" / "main.yml"
        self.variables = load(path) or {}
        for file in sorted((self.folder / "tasks").glob("*.yml")):
            self.tasks += [(file.name, task) for task in _flat(load(file) or [])]
        known = -1
        while known != len(self.tainted):
            known = len(self.tainted)
            self._spread()

    def _spread(self) -> None:
        for name, value in self.variables.items():
            if self.flows(value) and not FOR_PEOPLE.search(str(value)):
                self.tainted.add(name)
        for _place, task in self.tasks:
            module, arguments = module_of(task)
            if module == "ansible.builtin.set_fact":
                self.tainted |= {
                    name for name, value in arguments.items() if self.flows(value) and not OUR_FILTER.search(str(value))
                }
            elif "register" in task and self.touches(task):
                self.tainted.add(task["register"])

    def flows(self, value: Any) -> bool:
        """Whether a template is made from a secret."""
        text = str(value)
        if SECRET_LOOKUP.search(text) or any(SECRET_FILE.search(name) for name in FILE_LOOKUP.findall(text)):
            return True
        return any(word in self.tainted for word in re.findall(r"[A-Za-z_]\w*", _templates(text)))

    def touches(self, task: Task) -> str:
        """Why a task must be hidden; empty when it may be shown."""
        module, arguments = module_of(task)
        if KEY_MAKER.match(module):
            return "a private key goes in or comes out"
        exposed = module.startswith("kubernetes.core.") and not _deletes_unseen(arguments)
        if exposed and ("Secret" in _kinds(arguments) or self.flows(arguments)):
            return "the content of a Secret goes in or comes out"
        if module == "ansible.builtin.set_fact":
            for name, value in arguments.items():
                if self.flows(value) and not FOR_PEOPLE.search(str(value)):
                    return f"{name} is made from a secret"
        if module in SPEAKING:
            words = set(re.findall(r"[A-Za-z_]\w*", _templates(str(arguments))))
            if words & self.sources:
                return "it prints a secret"
        return ""

    def hides(self, task: Task) -> bool:
        """Whether the task's own no_log, or the role's switch, hides it."""
        said = task.get("no_log")
        if isinstance(said, str):
            return self.variables.get(said.strip("{} ")) is True
        return said is True


def _deletes_unseen(arguments: dict[str, Any]) -> bool:
    """Whether a task only deletes, and has kubernetes.core leave out what the object held: then it may say why not."""
    if not arguments.get("name"):  # several may go: the answer is a list then, and of a list no field is left out
        return False
    return arguments.get("state") == "absent" and {"data", "metadata"} <= set(arguments.get("hidden_fields") or ())


def _flat(items: list[Task]) -> Iterator[Task]:
    for item in items:
        inner = [part for key in ("block", "rescue", "always") for part in item.get(key) or []]
        yield from _flat(inner) if inner else iter([item])


def module_of(task: Task) -> tuple[str, dict[str, Any]]:
    """A task's module and its arguments."""
    for name, arguments in task.items():
        if name.count(".") >= 2:
            return name, arguments if isinstance(arguments, dict) else {}
    return "", {}


def _kinds(arguments: Any) -> set[str]:
    if not isinstance(arguments, dict):
        return set()
    return {str(arguments.get("kind"))} | _kinds(arguments.get("definition"))


def _templates(text: str) -> str:
    """Only what stands between double braces, without its string literals and what is harmless."""
    found = " ".join(re.findall(r"\{\{(.*?)\}\}", text, re.S))
    return HARMLESS.sub("", re.sub(r"'[^']*'", "''", found))
