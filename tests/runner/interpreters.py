# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a Python of a wanted version: the running one, one on PATH, one that pyenv or uv put under the home folder,
one from Debian's packages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .debian_python import provide
from .process import Failure

PROBE = "import sys; print('%d.%d' % sys.version_info[:2])"


def system_version() -> str:
    """Return the running Python's version as "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _candidates(version: str) -> Iterator[Path]:
    if version == system_version():
        yield Path(getattr(sys, "_base_executable", "") or sys.executable)
    name = f"python{version}"
    found = shutil.which(name)
    if found:
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    uv = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "uv/python"
    for pattern, top in ((f"versions/{version}.*/bin/{name}", pyenv), (f"cpython-{version}.*/bin/{name}", uv)):
        yield from sorted(top.glob(pattern), reverse=True)


def works(path: Path, version: str) -> bool:
    """Tell whether the program runs and is of that version (a pyenv shim exists for versions that are switched off)."""
    try:
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


@cache
def installed(version: str) -> Path | None:
    """Return an interpreter of that version that is there already, or None."""
    return next((path.absolute() for path in _candidates(version) if works(path, version)), None)


@cache
def find(version: str) -> Path:
    """Return an interpreter of that version; where none is installed, unpack Debian's into the cache. Raise Failure
    when that cannot be done.
    """
    found = installed(version)
    if found:
        return found
    try:
        path = provide(version)
    except Failure as error:
        raise Failure(
            f"Python {version} is not here and could not be had: {error} "
            f"Do: install python{version} (pyenv, uv or your distribution)."
        ) from error
    if not works(path, version):
        raise Failure(
            f"Python {version} from Debian's packages does not start ({path}). "
            f"Do: install python{version} yourself (pyenv or uv)."
        )
    return path
