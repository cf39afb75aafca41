# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity on a true copy of the project, without Docker, without its downloads, without ignore entries.

Its own virtual environments (one per test) live in the cache; get_pip.py stands in for the script it would fetch
from a host of its own.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
from pathlib import Path

from . import content, environments, interpreters, paths, results
from .environments import Environment
from .process import Failure
from .tiers import Tier

MINUTES = 8.0
COLD_MINUTES = 12.0
CHECKED_PYTHONS = ("3.11", "3.12", "3.13")
REQUIRED_PYTHONS = (environments.OLDEST_PYTHON, environments.NEWEST_PYTHON)
SHIPPED_ONLY = ("--exclude", "tests/")
PIP_PIN = re.compile(r"pip='(?P<version>[\d.]+)'")


def home() -> Path:
    """Return the folder ansible-test takes for the user's home: its caches stay apart from the real one."""
    return paths.cache() / "ansible-test"


def place_get_pip(wanted: Environment) -> None:
    """Put our stand-in where this ansible-test keeps the get-pip script of the pip version it pins."""
    source = next(wanted.path.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py"), None)
    pin = PIP_PIN.search(source.read_text(encoding="utf-8")) if source else None
    if not pin:
        raise Failure(
            f"ansible-test of ansible-core {wanted.core} does not say which pip it wants; "
            "look at place_get_pip in tests/runner/sanity.py."
        )
    target = home() / ".ansible" / "test" / "cache" / f"get_pip_{pin['version'].replace('.', '_')}.py"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("get_pip.py"), target)


def keep_pip_settings() -> None:
    """Write the caller's pip settings (file and PIP_* variables) to the stand-in home: ansible-test hands no
    variable on to pip.
    """
    settings = configparser.RawConfigParser()
    settings.read(Path.home() / ".config" / "pip" / "pip.conf", encoding="utf-8")
    if not settings.has_section("global"):
        settings.add_section("global")
    for key, value in os.environ.items():
        if key.startswith("PIP_") and key != "PIP_CONFIG_FILE":
            settings.set("global", key.removeprefix("PIP_").lower().replace("_", "-"), value)
    target = home() / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        settings.write(stream)


def variables(wanted: Environment) -> dict[str, str]:
    """Return ansible-test's environment variables: interpreters first on PATH, shims of version managers out of the
    way.
    """
    result = environments.clean_environment()
    pythons = [found for version in CHECKED_PYTHONS if (found := interpreters.installed(version) or _required(version))]
    tools = environments.ready("lint").bin / "shellcheck"
    shelf = home() / "bin"
    shelf.mkdir(parents=True, exist_ok=True)
    (shelf / "shellcheck").unlink(missing_ok=True)
    (shelf / "shellcheck").symlink_to(tools)
    inherited = [part for part in result.get("PATH", os.defpath).split(os.pathsep) if "shims" not in part]
    keep_pip_settings()
    result.update(
        HOME=str(home()),
        PATH=os.pathsep.join([str(wanted.bin), str(shelf), *(str(python.parent) for python in pythons), *inherited]),
        LC_ALL="C.UTF-8",
    )
    return result


def _required(version: str) -> Path | None:
    return interpreters.find(version) if version in REQUIRED_PYTHONS else None


def tier(names: tuple[str, ...] = ("newest", "oldest")) -> Tier:
    """Run all sanity tests with the newest and the oldest ansible-core; on tests/, which is in no artifact, once."""
    primed = (home() / "primed").exists()
    made = Tier("sanity", (MINUTES if primed else COLD_MINUTES) * len(names) / 2)
    for name in names:
        label = f"{name} core"
        try:
            wanted = environments.ready(name)
            label = f"core {wanted.core} Python {wanted.python}"
            place_get_pip(wanted)
            folder = content.copied(wanted)
            env = variables(wanted)
        except Failure as error:
            made.note_failure(label, str(error))
            continue
        made.step(
            label,
            [wanted.bin / "ansible-test", "sanity", "--color", "no", *([] if name == names[0] else SHIPPED_ONLY)],
            env=env,
            cwd=folder,
            judge=results.sanity(REQUIRED_PYTHONS),
        )
    if not made.total.failed:
        (home() / "primed").touch()
    return made
