# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Charts on disk: digests of paths, downloads into a private directory, and a cache keyed by digest."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._core.errors import HubError
from .chart import ChartRef, Expected, Kind, check_digest
from .chart_digest import chart_path, digest_of_path, no_chart

WORKSPACE_PREFIX = "researchops-hub-release-"
STALE_AFTER = 24 * 3600
"""Seconds after which a private directory of ours has certainly lost its run (a run is bounded by its timeout)."""


@dataclass(frozen=True)
class LocalChart:
    """A chart that Helm can be given.

    Attributes:
        path: a directory or ``.tgz`` file.
        sha256: of the file, or of a directory's sorted file list.
    """

    path: Path
    sha256: str


@contextmanager
def workspace() -> Iterator[Path]:
    """A private directory (0700) that is gone afterwards; what a killed run left is swept first.

    Raises:
        HubError: E-HELM-06 where no directory can be made.
    """
    base = Path(tempfile.gettempdir())
    _sweep(base)
    try:
        path = Path(tempfile.mkdtemp(prefix=WORKSPACE_PREFIX, dir=base))
    except OSError as problem:
        raise no_room(base, problem) from problem
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _sweep(base: Path) -> None:
    """Remove our own directories that no run can still be using; other users' and younger ones stay."""
    for path in base.glob(WORKSPACE_PREFIX + "*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        if status.st_uid == os.getuid() and time.time() - status.st_mtime > STALE_AFTER and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def no_room(place: Path, problem: OSError) -> HubError:
    """The error for a directory that cannot be written to."""
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return HubError(
        "E-HELM-06",
        f"{place} {'is full' if full else 'cannot be written to'}: {problem.strerror or problem}",
        "free some space there or set TMPDIR to a directory with at least 100 MiB, then run again",
    )


def cache_directory() -> Path:
    """Where charts are kept between runs, by digest."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base, "researchops.jupyterhub", "charts")


def obtain(chart: ChartRef, expected: Expected, pull: Callable[[ChartRef, Path], Path], scratch: Path) -> LocalChart:
    """The chart as a local file or directory whose digest has been checked.

    Args:
        chart: which chart.
        expected: the digest it must have, if anybody knows.
        pull: downloads a chart into a directory and returns the file; only called when the cache cannot help.
        scratch: a private directory.

    Raises:
        HubError: E-CHART-01 wrong digest, E-CHART-03 no download, E-CHART-04 no chart at a path, E-HELM-06 disk full.
    """
    here = at_hand(chart, expected)
    if here is not None:
        check_digest(chart, here.sha256, expected)
        return here
    fetched = pull(chart, scratch)
    local = LocalChart(fetched, digest_of_path(fetched))
    check_digest(chart, local.sha256, expected)
    _keep(local)
    return local


def _keep(local: LocalChart) -> None:
    """Put a checked chart into the cache by rename; a cache that cannot be written to is no failure."""
    target = cache_directory() / f"{local.sha256}.tgz"
    partial = target.with_suffix(f".{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(local.path, partial)
        partial.replace(target)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def chart_metadata(path: Path, version: str) -> tuple[str, str]:
    """``name-version`` and the application's version, from Chart.yaml.

    Args:
        path: a chart's directory or ``.tgz`` file.
        version: the version it must have; empty accepts any.

    Raises:
        HubError: E-CHART-02 for another version, E-CHART-04 for an unreadable chart.
    """
    import yaml

    try:
        metadata = yaml.safe_load(_file_of(path, "Chart.yaml"))
        found, name = str(metadata["version"]), str(metadata["name"])
    except (OSError, tarfile.TarError, yaml.YAMLError, KeyError, TypeError) as problem:
        raise no_chart(path, f"its Chart.yaml cannot be read ({type(problem).__name__})") from problem
    if version and found.removeprefix("v") != version.removeprefix("v"):
        raise HubError(
            "E-CHART-02",
            f"The chart at {path} has another version than chart_version",
            "correct chart_version (z2jh_chart_version) or chart_ref (z2jh_chart_ref)",
            seen=found,
            wanted=version,
        )
    return f"{name}-{found}", str(metadata.get("appVersion") or "")


def chart_values(path: Path) -> dict[str, Any]:
    """The chart's own values; empty where they cannot be read, which Helm will tell.

    Args:
        path: a chart's directory or ``.tgz`` file.
    """
    import yaml

    try:
        values = yaml.safe_load(_file_of(path, "values.yaml"))
    except (OSError, tarfile.TarError, yaml.YAMLError, KeyError):
        return {}
    return values if isinstance(values, dict) else {}


def at_hand(chart: ChartRef, expected: Expected) -> LocalChart | None:
    """The chart as it is on this machine, if it is; nothing is downloaded.

    Raises:
        HubError: E-CHART-04 no chart at a path.
    """
    if chart.kind is Kind.PATH:
        path = chart_path(chart.ref)
        return LocalChart(path, digest_of_path(path))
    cached = cache_directory() / f"{expected.sha256}.tgz"
    good = expected.sha256 and cached.is_file() and digest_of_path(cached) == expected.sha256
    return LocalChart(cached, expected.sha256) if good else None


def _file_of(path: Path, name: str) -> bytes:
    """A file at the top of a chart."""
    if path.is_dir():
        return (path / name).read_bytes()
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.count("/") == 1 and member.name.endswith(f"/{name}"):
                stream = archive.extractfile(member)
                if stream is not None:
                    return stream.read()
    raise KeyError(name)
