# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What Helm has written down about a release, and what we add to it. Pure.

Helm 3 and 4 keep each revision in a Secret ``sh.helm.release.v1.NAME.vN`` (type ``helm.sh/release.v1``) whose labels
``owner``, ``name``, ``status`` and ``version`` say what this module needs to know, so a metadata-only list is enough.
The content is JSON, gzipped, in base64 (once by Helm, once more by Kubernetes).

Helm copies every label it does not know from one revision to the next, also in an upgrade by hand. A label of ours is
therefore only worth something together with the revision it was written for: :func:`proof_label`.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._core.clock import parse_time
from .._core.errors import HubError
from .chart import as_label, from_label

Json = dict[str, Any]

DOMAIN = "researchops.jupyterhub"
DIGEST_LABEL = f"{DOMAIN}/digest"
"""``DIGEST.REVISION``: put on a revision only after hub and proxy served with it."""
CHART_LABEL = f"{DOMAIN}/chart"
"""``DIGEST.IDENTITY``: the chart's digest as seen, and which reference and version it belongs to."""
LAYER_PREFIX = f"layer.{DOMAIN}/"
"""One label a values layer; Helm hands them on, so an upgrade by hand does not lose them."""
CHART_NAME = f"{DOMAIN}/chart-name"
APP_VERSION = f"{DOMAIN}/app-version"

PENDING = frozenset({"pending-install", "pending-upgrade", "pending-rollback"})
BUSY = PENDING | {"uninstalling"}
"""States in which somebody works on the release, or died while doing so."""


@dataclass(frozen=True)
class Revision:
    """One revision of a release, from its Secret's metadata.

    Attributes:
        number: Helm's revision.
        status: Helm's status, such as ``deployed`` or ``pending-upgrade``.
        secret: name of the Secret.
        version: the Secret's resourceVersion.
        since: when it was made or, where it is being uninstalled, when that began; None if not readable.
        labels: all labels.
        annotations: all annotations.
    """

    number: int
    status: str
    secret: str
    version: str = ""
    since: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def layers(self) -> frozenset[str]:
        """The values layers recorded in it."""
        return frozenset(key.removeprefix(LAYER_PREFIX) for key in self.labels if key.startswith(LAYER_PREFIX))

    @property
    def digest(self) -> str:
        """The digest this revision was proved with; empty if it never was."""
        digest, _dot, number = self.labels.get(DIGEST_LABEL, "").rpartition(".")
        return digest if number == str(self.number) else ""


@dataclass(frozen=True)
class History:
    """All revisions of one release, newest first; empty means there is no release."""

    revisions: tuple[Revision, ...] = ()

    @property
    def newest(self) -> Revision | None:
        """The newest revision; None where there is no release, or only the memory of an uninstalled one."""
        if not self.revisions or self.revisions[0].status == "uninstalled":
            return None
        return self.revisions[0]

    @property
    def deployed(self) -> Revision | None:
        """The newest revision that Helm calls deployed."""
        return next((revision for revision in self.revisions if revision.status == "deployed"), None)

    @property
    def base(self) -> Revision | None:
        """The revision the next upgrade is compared with; the same choice as Helm's."""
        return None if self.newest is None else self.deployed or self.newest

    def recorded_chart(self, identity: str) -> str:
        """The digest (hexadecimal) seen when this chart was installed before; empty if it never was."""
        for revision in self.revisions:
            digest, _dot, owner = revision.labels.get(CHART_LABEL, "").rpartition(".")
            if owner == identity:
                return from_label(digest)
        return ""

    def proved(self, digest: str) -> bool:
        """Whether the release is exactly what was asked for and served with it."""
        return self.newest is not None and self.newest.status == "deployed" and self.newest.digest == digest


def release_selector(release: str) -> dict[str, str]:
    """The query that finds the Secrets of one release."""
    return {"labelSelector": f"owner=helm,name={release}"}


def read_history(secrets: Iterable[Json]) -> History:
    """The history from the metadata of Helm's Secrets; Secrets that are none of Helm's are skipped."""
    revisions = [_revision(item.get("metadata") or {}) for item in secrets]
    known = [revision for revision in revisions if revision is not None]
    return History(tuple(sorted(known, key=lambda revision: revision.number, reverse=True)))


def _revision(metadata: Json) -> Revision | None:
    labels = metadata.get("labels") or {}
    number = str(labels.get("version", ""))
    if not number.isdigit():
        return None
    status = str(labels.get("status", "unknown"))
    # An uninstall makes no revision of its own: it marks the newest one, which may be years old.
    begun = last_write(metadata) if status == "uninstalling" else None
    return Revision(
        number=int(number),
        status=status,
        secret=str(metadata.get("name", "")),
        version=str(metadata.get("resourceVersion", "")),
        since=begun or parse_time(metadata.get("creationTimestamp")),
        labels=labels,
        annotations=metadata.get("annotations") or {},
    )


def last_write(metadata: Mapping[str, Any]) -> datetime | None:
    """When the API server last took a change of an object; None where it does not tell."""
    fields = metadata.get("managedFields") or []
    return max((moment for entry in fields if (moment := parse_time(entry.get("time")))), default=None)


def proof_label(digest: str, revision: int) -> str:
    """The value of :data:`DIGEST_LABEL`: at most 63 characters for every revision Helm can count to."""
    return f"{digest}.{revision}"


def chart_label(sha256: str, identity: str) -> str:
    """The value of :data:`CHART_LABEL`."""
    return f"{as_label(sha256)}.{identity}"


def label_changes(history: History, layers: Iterable[str], chart: str) -> dict[str, str]:
    """What ``helm upgrade --labels`` is given; ``null`` removes a label that would be handed on.

    All revisions are looked at: a rollback hands on the labels of an older one.
    """
    wanted = {LAYER_PREFIX + name: "true" for name in layers}
    recorded = {name for revision in history.revisions for name in revision.layers}
    gone = {LAYER_PREFIX + name: "null" for name in recorded if LAYER_PREFIX + name not in wanted}
    return {**wanted, **gone, CHART_LABEL: chart}


def decode(secret: Json) -> Json:
    """The release as Helm stored it.

    Raises:
        HubError: E-HELM-13 for a Secret that holds none.
    """
    name = (secret.get("metadata") or {}).get("name", "?")
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        raw = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
        release = json.loads(raw)
        return {**release, "info": dict(release["info"])}
    except (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error) as problem:
        raise HubError(
            "E-HELM-13",
            f"Helm's record in Secret {name} cannot be read ({type(problem).__name__})",
            f"look at it with `helm get all`; if Helm cannot read it either, restore Secret {name} from a backup",
        ) from problem


def encode(release: Json) -> str:
    """``release`` as the value of the Secret's ``data.release``."""
    text = json.dumps(release, separators=(",", ":")).encode()
    return base64.b64encode(base64.b64encode(gzip.compress(text, mtime=0))).decode()


def failed_patch(secret: Json, revision: Revision, now: datetime) -> Json:
    """The merge patch that turns a stuck revision into a failed one, as Helm itself writes failures.

    It carries the Secret's resourceVersion: a writer that is alive after all makes it fail instead of losing its work.
    """
    release = decode(secret)
    release["info"]["status"] = "failed"
    release["info"]["description"] = f"Marked failed by {DOMAIN}: {revision.status} was left behind by a dead writer"
    release["info"]["last_deployed"] = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    metadata = {"resourceVersion": secret["metadata"]["resourceVersion"], "labels": {"status": "failed"}}
    return {"metadata": metadata, "data": {"release": encode(release)}}


def release_chart(release: Mapping[str, Any]) -> str:
    """``name-version`` of a decoded release's chart."""
    metadata = (release.get("chart") or {}).get("metadata") or {}
    return f"{metadata.get('name', '?')}-{metadata.get('version', '?')}"


def release_app_version(release: Mapping[str, Any]) -> str:
    """The version of what a decoded release's chart installs; empty where it says none."""
    return str(((release.get("chart") or {}).get("metadata") or {}).get("appVersion") or "")
