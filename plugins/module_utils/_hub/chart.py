# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Which chart is meant, and which digest it must have. Pure: files and downloads are in :mod:`.chart_files`."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from .._core.errors import HubError
from .._core.transport import clean_url
from .chart_lock import LOCK

EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
"""One version, as semantic versioning writes it; ranges, wildcards and names do not match."""
SHA256 = re.compile(r"(sha256:)?([0-9a-f]{64})")


class Kind(Enum):
    """Where a chart comes from."""

    PATH = "path"
    OCI = "oci"
    REPOSITORY = "repository"


@dataclass(frozen=True)
class ChartRef:
    """A chart, unambiguously.

    Attributes:
        kind: a path on the controller, an OCI registry, or a classic chart repository.
        ref: the reference as it was given.
        version: the exact version; empty only for a path.
        repository: the repository's URL; empty unless ``kind`` is a repository.
        name: the chart's name in that repository; empty unless ``kind`` is a repository.
    """

    kind: Kind
    ref: str
    version: str = ""
    repository: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.ref} {self.version}".strip()


@dataclass(frozen=True)
class Expected:
    """The digest a chart must have.

    Attributes:
        sha256: hexadecimal; empty when nobody knows it yet.
        source: who says so, in words for a message.
    """

    sha256: str = ""
    source: str = ""


def parse_reference(ref: str, version: str) -> ChartRef:
    """Read ``chart_ref`` and ``chart_version``.

    Raises:
        HubError: E-CHART-02 for anything that does not name exactly one chart over a trustworthy way.
    """
    try:
        place = urlsplit(ref if "://" in ref else "")
    except ValueError as problem:
        raise HubError(
            "E-CHART-02",
            f"The chart reference {ref} is no address",
            "use https://, oci:// or a path for chart_ref (z2jh_chart_ref)",
            seen=str(problem),
        ) from problem
    scheme = place.scheme
    if "@" in place.netloc:
        raise HubError(
            "E-CHART-02",
            f"The chart reference {clean_url(ref)} has a login in it, which logs and lists of processes would show",
            "take it out; download the chart and give its path, or run `helm registry login` for an oci address",
        )
    if scheme == "":
        if version and not EXACT_VERSION.fullmatch(version):
            raise _not_exact(ref, version)
        return ChartRef(Kind.PATH, ref, version)
    if scheme not in ("https", "oci"):
        raise HubError(
            "E-CHART-02",
            f"The chart reference {ref} uses {scheme}://, which nobody protects against changes on the way",
            "use https://, oci:// or a path for chart_ref (z2jh_chart_ref)",
        )
    if not EXACT_VERSION.fullmatch(version):
        raise _not_exact(ref, version)
    if scheme == "oci":
        return ChartRef(Kind.OCI, ref, version)
    repository, _slash, name = ref.rstrip("/").rpartition("/")
    if not urlsplit(repository).netloc:
        raise HubError(
            "E-CHART-02",
            f"The chart reference {ref} does not end in the chart's name",
            "write it as https://REPOSITORY/CHARTNAME, for example https://hub.jupyter.org/helm-chart/jupyterhub",
        )
    return ChartRef(Kind.REPOSITORY, ref, version, repository, name)


def _not_exact(ref: str, version: str) -> HubError:
    seen = version or "nothing"
    return HubError(
        "E-CHART-02",
        f"The version of chart {ref} is not pinned",
        "set chart_version (z2jh_chart_version) to one version, such as 4.4.0",
        seen=seen,
        wanted="one exact version, no range and not latest",
    )


def expected_digest(chart: ChartRef, given: str, recorded: str) -> Expected:
    """Whose word counts: the option first, then the lock file, then what the first install recorded.

    Args:
        chart: the chart.
        given: option ``chart_sha256``; may be empty.
        recorded: the digest in the release for the same reference and version; may be empty.

    Raises:
        HubError: E-CHART-02 for an option that is not a sha256.
    """
    if given:
        match = SHA256.fullmatch(given.strip().lower())
        if match is None:
            raise HubError(
                "E-CHART-02",
                f"chart_sha256 is not a SHA-256 digest: {given[:80]}",
                "set chart_sha256 (z2jh_chart_sha256) to 64 hexadecimal characters, as sha256sum prints them",
            )
        return Expected(match.group(2), "chart_sha256")
    locked = LOCK.get((chart.ref.rstrip("/"), chart.version.removeprefix("v")))
    if locked:
        return Expected(locked, "the collection's lock file")
    if recorded and chart.kind is not Kind.PATH:
        return Expected(recorded, "the digest recorded in the release when this version was first installed")
    return Expected()


def check_digest(chart: ChartRef, seen: str, expected: Expected) -> None:
    """Refuse a chart that is not the one that was promised.

    Raises:
        HubError: E-CHART-01.
    """
    if expected.sha256 and seen != expected.sha256:
        raise HubError(
            "E-CHART-01",
            f"The chart {chart} is not the one that is pinned by {expected.source}",
            "find out why the chart changed; if the new one is right, set chart_sha256 (z2jh_chart_sha256) to it",
            seen=f"sha256 {seen}",
            wanted=f"sha256 {expected.sha256}",
        )


def as_label(sha256: str) -> str:
    """A digest in hexadecimal as 52 characters of base32: 64 would not fit a label."""
    return base64.b32encode(bytes.fromhex(sha256)).decode().rstrip("=").lower()


def from_label(label: str) -> str:
    """The inverse of :func:`as_label`; empty for what is none."""
    try:
        raw = base64.b32decode(label.upper() + "=" * (-len(label) % 8))
    except ValueError:
        return ""
    return raw.hex() if len(raw) == 32 else ""
