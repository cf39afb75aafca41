# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian ships Python without the half of it that makes virtual environments."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from . import paths
from .process import Failure, run, say, tail


@cache
def ensure(python: Path) -> None:
    """Debian splits venv off its Python; as root on Debian install the missing half, elsewhere say what to do."""
    log = paths.LOGS / "venv-support.log"
    if run([python, "-c", "import ensurepip, venv"], log=log, timeout=30).ok:
        return
    package = f"{python.name if python.name.startswith('python3') else 'python3'}-venv"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Failure(
            f"{python} cannot make virtual environments. "
            f"Do: install its venv module (Debian: apt-get install {package}), run again."
        )
    say(f"           installing {package} (this Python has no venv module)")
    apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], log=log, timeout=300, env=apt)
    if not run(["apt-get", "install", "-qy", "--no-install-recommends", package], log=log, timeout=300, env=apt).ok:
        raise Failure("\n".join([f"apt-get could not install {package}:", *tail(log, 10)]))
