# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Which image a release pins for people's servers.

The inventory need not name one: the chart has a default. What counts is what the hub reads, and the chart writes that
into a Secret: its own defaults with the operator's values on top, also where a parent chart has it as a dependency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .._k8s.client import KubeClient
from .manifest import hub_values, read_release
from .release_facts import read_base
from .values import dig

Json = dict[str, Any]


@dataclass(frozen=True)
class Pinned:
    """The image a new server must run.

    Attributes:
        image: with its tag or digest; empty where the release pins none.
        reason: why it is empty, for a person.
    """

    image: str = ""
    reason: str = ""


def read_pinned(client: KubeClient, namespace: str, release: str) -> Pinned:
    """The image that a running release pins; a record that may not or cannot be read pins none."""
    try:
        record = read_base(client, namespace, release)
        return pinned_by(record) if record else Pinned(reason=f"there is no release {release} in {namespace}")
    except HubError as problem:
        return Pinned(reason=f"the release could not be read: {problem.error_id} {problem.what}")


def pinned_by(record: Mapping[str, Any]) -> Pinned:
    """The same from Helm's decoded record."""
    values = hub_values(read_release(record))
    return pinned_image(values) if values else Pinned(reason="the release holds no values of a hub")


def pinned_image(values: Mapping[str, Any]) -> Pinned:
    """What a server runs that is started without any choice; the hub applies these in the opposite order."""
    profile = _first_choice(dig(values, "singleuser", "profileList", default=[]))
    if dig(profile, "profile_options"):
        return Pinned(reason=f"profile {profile.get('display_name', '?')} has options, which may choose the image")
    chosen = dig(profile, "kubespawner_override", "image") or dig(values, "hub", "config", "KubeSpawner", "image")
    if chosen:
        return Pinned(str(chosen))
    name, tag = (str(dig(values, "singleuser", "image", part, default="")) for part in ("name", "tag"))
    if not tag and "@" not in name:
        return Pinned(reason=f"the release pins no tag of {name or 'the image'}")
    return Pinned(f"{name}:{tag}" if tag else name)


def _first_choice(profiles: Any) -> Json:
    """The profile of who chooses none: the one marked so, else the first."""
    known = [one for one in profiles if isinstance(one, dict)] if isinstance(profiles, list) else []
    return next((one for one in known if one.get("default")), known[0] if known else {})
