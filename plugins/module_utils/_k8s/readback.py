# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What became of a write whose answer was lost, told by the object it was about. Pure.

A tunnel that breaks cuts the connections in it. A write that was on its way then may have been done or not; sending it
again blindly could do it twice, giving up would fail a play for a break of half a second.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Json = Mapping[str, Any]

REVIEWS = ("selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews")
"""Collections that only answer questions."""


class Fate(Enum):
    """What became of a write."""

    DONE = "done"
    LOST = "lost"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Write:
    """One request that changes something.

    Attributes:
        method: POST, PUT, PATCH or DELETE.
        path: where it goes.
        query: its parameters.
        body: what it sends.
    """

    method: str
    path: str
    query: Json
    body: Json

    @property
    def harmless(self) -> bool:
        """Whether doing it twice is the same as doing it never."""
        return bool(self.query.get("dryRun")) or self.path.rpartition("/")[2] in REVIEWS

    @property
    def place(self) -> str:
        """The path of the object it is about; empty when that cannot be told (a name made by the server)."""
        if self.method != "POST":
            return self.path
        name = str((self.body.get("metadata") or {}).get("name") or "")
        return f"{self.path}/{name}" if name else ""


def judge(write: Write, status: int, found: Json) -> Fate:
    """What the object, read afterwards, tells about the write.

    Args:
        write: what was sent.
        status: 200 or 404; anything else tells nothing.
        found: the object.
    """
    if status not in (200, 404):
        return Fate.UNCLEAR
    if write.method == "DELETE":
        ending = status == 404 or bool((found.get("metadata") or {}).get("deletionTimestamp"))
        return Fate.DONE if ending else Fate.LOST
    if status == 404:
        return Fate.LOST
    if covers(found, _without_version(write.body)):
        return Fate.DONE
    # What is there is not what we sent. An object that we wanted to create may be somebody else's; a change that is
    # not there is sent again, and resourceVersion, where it was given, still guards it.
    return Fate.UNCLEAR if write.method == "POST" else Fate.LOST


def _without_version(body: Json) -> Json:
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key != "resourceVersion"}
    rest = {key: value for key, value in body.items() if key not in ("metadata", "stringData")}
    texts = body.get("stringData") or {}
    if texts:  # the server keeps these as data
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
        rest["data"] = {**(rest.get("data") or {}), **encoded}
    return {**rest, "metadata": metadata}


def covers(found: Any, wanted: Any) -> bool:
    """Whether everything wanted is there; null means: must not be there."""
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return not wanted and found is None
        return all(
            key not in found or found[key] is None if value is None else covers(found.get(key), value)
            for key, value in wanted.items()
        )
    return bool(found == wanted)
