# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the services: written only when they differ, so that ``lab up`` can tell what really changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Make ``path`` hold ``text`` with ``mode``; readers never see half of it."""
    if path.is_file() and path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == mode:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.chmod(mode)
    fresh.rename(path)


def secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in ``path``, made on first use. The file ends with a newline, is 0600, and is never replaced."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(path, make() + "\n", 0o600)
    return path.read_text(encoding="utf-8").strip()
