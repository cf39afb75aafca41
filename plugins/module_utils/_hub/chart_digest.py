# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The digest of a chart on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from .._core.errors import HubError

SKIPPED = frozenset({".git", ".svn", ".hg", "__pycache__"})
"""Directories that belong to a work tree, not to a chart."""


def chart_path(ref: str) -> Path:
    """Where a chart lies that is given as a path; no shell reads ``~`` in an inventory."""
    return Path(os.path.expanduser(ref)).absolute()


def digest_of_path(path: Path) -> str:
    """The SHA-256 of a ``.tgz`` file, or of the sorted list of a directory's files with theirs.

    Raises:
        HubError: E-CHART-04 where there is no chart.
    """
    try:
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()
        if not (path / "Chart.yaml").is_file():
            raise no_chart(path, "there is no Chart.yaml in it" if path.is_dir() else "it does not exist")
        lines = (f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n" for name, file in sorted(_files(path)))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    except OSError as problem:
        raise no_chart(path, problem.strerror or str(problem)) from problem


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if name not in SKIPPED]
        for file in files:
            path = Path(directory, file)
            yield path.relative_to(root).as_posix(), path


def no_chart(path: Path, reason: str) -> HubError:
    """The error for a path that holds no chart."""
    return HubError(
        "E-CHART-04",
        f"There is no usable chart at {path}: {reason}",
        "set chart_ref (z2jh_chart_ref) to a chart's directory, a .tgz file, oci://... or https://REPOSITORY/CHARTNAME",
    )
