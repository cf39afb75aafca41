# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments: one per (interpreter, requirements), made once, kept in the cache, shared by checkouts."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from . import interpreters, paths, venv_support
from .process import Failure, locked, run, say, tail

REQUIREMENTS = paths.ROOT / "tests" / "requirements"
BUILD_SECONDS = 900.0
#: ansible-core release: the `ansible` bundle whose collections belong to it, the Python versions its controller runs on
CORES: dict[str, tuple[str, tuple[str, ...]]] = {
    "2.18.19": ("11.13.0", ("3.11", "3.12", "3.13")),
    "2.19.14": ("12.3.0", ("3.11", "3.12", "3.13")),
    "2.20.10": ("13.8.0", ("3.12", "3.13", "3.14")),
    "2.21.5": ("14.5.0", ("3.12", "3.13", "3.14")),
}
OLDEST_PYTHON, MIDDLE_PYTHON, NEWEST_PYTHON = "3.11", "3.12", "3.13"
#: of the chart's hub image; where this machine has none, the newest of the matrix stands in for it
HUB_PYTHON = "3.12"
#: by name, for the nightly run: every ansible-core, the first and the last on the newest Python
CORE_NAMES = {f"core-{core.rpartition('.')[0]}": core for core in CORES}
NAMES = ("run", "bench", "newest", "oldest", "lint", "hub", *CORE_NAMES)
#: settings of the person at the terminal that would make a test read something else than this checkout
FOREIGN = re.compile(
    r"^(ANSIBLE_.*|K8S_AUTH_.*|(LAB_)?KUBECONFIG|HELM_.*|PYTHON(PATH|HOME)|VIRTUAL_ENV|MOLECULE_.*|PYTEST_ADDOPTS)$"
)


@dataclass(frozen=True)
class Environment:
    """What a virtual environment is made of."""

    name: str
    python: str
    core: str  # empty: no Ansible in it
    requirements: tuple[str, ...] = field(repr=False)

    @property
    def bundle(self) -> str:
        return CORES[self.core][0]

    @property
    def path(self) -> Path:
        source = "\n".join([str(interpreters.find(self.python)), *self.requirements])
        key = hashlib.sha256(source.encode()).hexdigest()[:12]
        core = f"-core{self.core.rpartition('.')[0]}" if self.core else ""
        return paths.cache() / "venvs" / f"{self.name}-py{self.python}{core}-{key}"

    @property
    def label(self) -> str:
        """What it is, for a person."""
        return f"Python {self.python}, {f'ansible-core {self.core}' if self.core else 'no Ansible'}"

    @property
    def bin(self) -> Path:
        return self.path / "bin"


def newest_core(python: str) -> str:
    """Return the newest ansible-core whose controller runs on that Python; raise Failure when none does."""
    fitting = [core for core, (_bundle, pythons) in CORES.items() if python in pythons]
    if not fitting:
        raise Failure(f"no ansible-core known here runs on Python {python}. Do: use Python 3.11, 3.12 or 3.13.")
    return fitting[-1]


def lines(path: Path, *, lowest: bool = False) -> list[str]:
    """Return a requirements file's lines; with `lowest`, the lower bounds become the versions to install."""
    text = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line.replace(">=", "==", 1) if lowest else line for line in text if line]


def environment(name: str) -> Environment:
    """Return the definition of one of the environments in NAMES."""
    here = interpreters.system_version()
    made_of = {
        "run": (here, "run"),
        "bench": (NEWEST_PYTHON, "run"),  # the neighbours' newest releases: only they work with Helm 4
        "newest": (NEWEST_PYTHON, "unit"),
        "oldest": (OLDEST_PYTHON, "unit"),
        "lint": (here, "lint"),
        **dict.fromkeys(CORE_NAMES, (NEWEST_PYTHON, "unit")),
        **dict.fromkeys(list(CORE_NAMES)[1:-1], (MIDDLE_PYTHON, "unit")),
    }
    if name == "hub":
        python = HUB_PYTHON if interpreters.installed(HUB_PYTHON) else NEWEST_PYTHON
        return Environment(name, python, "", tuple(lines(REQUIREMENTS / "hub.txt")))
    if name not in made_of:
        raise Failure(f"no environment is called {name!r}; there are {', '.join(NAMES)}.")
    python, own = made_of[name]
    core = next(iter(CORES)) if name == "oldest" else CORE_NAMES.get(name) or newest_core(python)
    wanted = [*lines(paths.ROOT / "requirements.txt", lowest=name == "oldest"), *lines(REQUIREMENTS / f"{own}.txt")]
    return Environment(name, python, core, (f"ansible-core=={core}", *wanted))


@cache
def ready(name: str) -> Environment:
    """Return an environment that is installed, making it first where needed."""
    wanted = environment(name)
    marker = wanted.path / "complete"
    if marker.exists():
        marker.touch()
        return wanted
    with locked(wanted.path):
        if not marker.exists():
            _build(wanted)
            marker.touch()
    return wanted


def _build(wanted: Environment) -> None:
    started = time.monotonic()
    log = paths.LOGS / f"environment-{wanted.name}.log"
    log.unlink(missing_ok=True)
    shutil.rmtree(wanted.path, ignore_errors=True)
    python = interpreters.find(wanted.python)
    venv_support.ensure(python)
    listing = wanted.path.with_name(wanted.path.name + ".txt")
    listing.write_text("\n".join(wanted.requirements) + "\n", encoding="utf-8")
    label = f"environment {wanted.name} ({wanted.label})"
    steps: list[list[str | Path]] = [
        [python, "-m", "venv", wanted.path],
        [
            wanted.bin / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            listing,
        ],
    ]
    for argv in steps:
        outcome = run(argv, log=log, timeout=BUILD_SECONDS, label=label, env=clean_environment())
        if not outcome.ok:
            shutil.rmtree(wanted.path, ignore_errors=True)
            raise Failure(
                "\n".join([f"{label} could not be made; the end of {log.relative_to(paths.ROOT)}:", *tail(log, 15)])
            )
    say(f"           made {label} in {time.monotonic() - started:.0f} s")


def clean_environment() -> dict[str, str]:
    """Return this process's environment without settings that would lead a tool away from this checkout."""
    return {key: value for key, value in os.environ.items() if not FOREIGN.match(key)}


def variables(wanted: Environment, collections: Path, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables for programs of this virtual environment that use these collections.

    They are added to ``base``, by default to this process's environment without what leads elsewhere.
    """
    result = dict(clean_environment() if base is None else base)
    result.update(
        PATH=os.pathsep.join([str(wanted.bin), result.get("PATH", os.defpath)]),
        VIRTUAL_ENV=str(wanted.path),
        ANSIBLE_CONFIG=str(paths.ROOT / "ansible.cfg"),
        ANSIBLE_COLLECTIONS_PATH=str(collections),
        ANSIBLE_HOME=str(paths.checkout_cache() / "ansible-home"),
        ANSIBLE_PYTHON_INTERPRETER=str(wanted.bin / "python"),
        PYTHONUNBUFFERED="1",
    )
    return result


def bare(wanted: Environment, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables for an environment without Ansible; `base` as in ``variables``."""
    result = dict(clean_environment() if base is None else base)
    path = os.pathsep.join([str(wanted.bin), result.get("PATH", os.defpath)])
    return result | {"PATH": path, "VIRTUAL_ENV": str(wanted.path), "PYTHONUNBUFFERED": "1"}
