# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a Python of a wanted version, the quick builds first.

A distribution compiles its Python with profiles of real programs; pyenv, by default, does not. Python code then takes
about half as long again, a play a sixth more. So such a one is only taken where Debian's packages cannot be had either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .debian_python import provide
from .process import Failure

#: where a distribution has its own
SYSTEM = Path("/usr/bin")
PROBE = (
    "import importlib.util, sys, sysconfig; print('%d.%d' % sys.version_info[:2], "
    "'--enable-optimizations' in (sysconfig.get_config_var('CONFIG_ARGS') or ''), "
    "importlib.util.find_spec('ensurepip') is not None)"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs.

    Attributes:
        path: the program.
        version: as "3.11".
        quick: it was compiled with profiles.
        whole: it can make virtual environments.
    """

    path: Path
    version: str
    quick: bool
    whole: bool


def system_version() -> str:
    """Return the running Python's version as "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    yield SYSTEM / name
    if version == system_version():
        yield Path(getattr(sys, "_base_executable", "") or sys.executable)
    found = shutil.which(name)
    if found:
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    uv = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "uv/python"
    for pattern, top in ((f"versions/{version}.*/bin/{name}", pyenv), (f"cpython-{version}.*/bin/{name}", uv)):
        yield from sorted(top.glob(pattern), reverse=True)


def look(path: Path) -> Interpreter | None:
    """Return what a program is, None where it does not run (pyenv has shims for versions that are switched off)."""
    try:
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split()
    if done.returncode or len(words) != 3:
        return None
    # Debian strips the profiles' options out of what its Python tells about itself.
    quick = words[1] == "True" or path.parent == SYSTEM
    return Interpreter(path.absolute(), words[0], quick, words[2] == "True")


@cache
def _best(version: str) -> Interpreter | None:
    """Return the best of what is there already: one that can make environments, then a quick one."""
    found = [one for one in map(look, _candidates(version)) if one and one.version == version]
    return max(found, key=lambda one: (one.whole, one.quick), default=None)


def installed(version: str) -> Path | None:
    """Return an interpreter of that version that is there already, or None."""
    best = _best(version)
    return best.path if best else None


@cache
def find(version: str) -> Path:
    """Return an interpreter of that version; where no quick one is installed, unpack Debian's into the cache. Raise
    Failure when there is none at all.
    """
    best = _best(version)
    if best and best.quick:
        return best.path
    try:
        path = provide(version)
    except Failure as error:
        if best:
            return best.path
        raise Failure(
            f"Python {version} is not here and could not be had: {error} "
            f"Do: install python{version} (pyenv, uv or your distribution)."
        ) from error
    unpacked = look(path)
    if unpacked and unpacked.version == version:
        return path
    if best:
        return best.path
    raise Failure(
        f"Python {version} from Debian's packages does not start ({path}). "
        f"Do: install python{version} yourself (pyenv or uv)."
    )
