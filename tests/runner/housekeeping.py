# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small commands around the tests: lay code out, write documentation, throw away what can be made again."""

from __future__ import annotations

import shutil

from . import content, environments, paths
from .process import output, replace, say


def layout() -> int:
    """Lay out the Python code as lint wants it and correct what can be corrected by rule."""
    tool = environments.ready("lint").bin / "ruff"
    python = [path for path in content.files() if path.suffix == ".py"]
    say(output([tool, "format", *python], cwd=paths.ROOT).strip())
    say(
        output([tool, "check", "--fix", "--exit-zero", "--quiet", *python], cwd=paths.ROOT).strip()
        or "lint has no more"
    )
    return 0


def documentation(*, check: bool) -> int:
    """Write (or with ``check`` only compare) what is derived from the roles' argument specs."""
    wanted = environments.ready("lint")
    words = ["--check"] if check else []
    env = environments.variables(wanted, content.linked(wanted))
    return replace([wanted.bin / "python", paths.ROOT / "tests" / "tools" / "docs.py", *words], env)


def clean(*, cache: bool) -> int:
    """Remove build/; with ``cache`` also the environments and collections outside the checkout (not the lab's own
    cache).
    """
    shutil.rmtree(paths.BUILD, ignore_errors=True)
    if cache:
        shutil.rmtree(paths.cache(), ignore_errors=True)
    return 0
