# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Whose servers run although their owner may not enter any more, at a hub behind Identity-Aware Proxy. Pure.

Neither IAP nor the hub ends what runs: IAP looks at a websocket only when it is opened, and the hub at requests only.
Nobody loses a server on a guess: an owner counts as shut out when this run took that very person off IAP's list, or
when the hub's own rules, as they are in the release, do not let the person in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .oauth_iap import CLASS_NAME
from .userpod import USER_NOTE

Json = Mapping[str, Any]

PEOPLE = ("user", "serviceaccount")
"""Kinds of IAP's members that are one person, in small letters; who is in a group is not known here."""
BY_IAP = "taken off the members of Identity-Aware Proxy"
BY_HUB = "not let in by the hub's own rules"
CONFIGURATION = "jupyterhub_config"
"""Files below such a path are code that the hub runs as its configuration."""
ELSEWHERE = ("allow_existing_users", "username_map")
"""Traits with which the hub's database, or other names than the addresses, decide."""
SECTIONS = ("Authenticator", CLASS_NAME)
"""Classes whose traits the hub's authenticator has."""


def shut_out(pods: Iterable[Json], removed: Iterable[str], values: Json) -> list[dict[str, str]]:
    """The servers to stop.

    Args:
        pods: users' pods; only their metadata is read.
        removed: members that IAP's list loses; see :func:`leaving`.
        values: the chart values of the release; empty where they are not known.

    Returns:
        For each pod its ``pod``, ``user`` and ``reason``.
    """
    gone = {person.lower() for kind, _colon, person in map(_parts, removed) if kind.lower() in PEOPLE}
    found = []
    for pod in pods:
        about = pod.get("metadata") or {}
        user = str((about.get("annotations") or {}).get(USER_NOTE) or "").lower()
        reason = BY_IAP if user in gone else BY_HUB if user and not lets_in(values, user) else ""
        if reason:
            found.append({"pod": str(about.get("name")), "user": user, "reason": reason})
    return found


def leaving(removed: Iterable[str], members: Iterable[str]) -> list[str]:
    """The people whom IAP's list loses, without those whose address (in whatever form) or whose domain is still on it.

    Args:
        removed: members that were taken off or are about to be.
        members: the list as it is to be.

    Returns:
        Members in small letters, each once, in order.
    """
    stay = {_parts(member)[2].lower() for member in members}
    found = {member.lower() for member in removed}
    return sorted(member for member in found if _parts(member)[0] in PEOPLE and stay.isdisjoint(_names_of(member)))


def _names_of(member: str) -> tuple[str, str]:
    """The address of a person, and its domain."""
    address = _parts(member)[2]
    return address, address.rpartition("@")[2]


def _parts(member: str) -> tuple[str, str, str]:
    return member.partition(":")


def _rules(values: Json) -> list[Json] | None:
    """The traits that decide who enters; None where something else may decide as well."""
    hub = values.get("hub") or {}
    config = hub.get("config") or {}
    chosen = str((config.get("JupyterHub") or {}).get("authenticator_class") or "")
    sections = [config.get(section) or {} for section in SECTIONS]
    return sections if chosen.rpartition(".")[2] == CLASS_NAME and not _decided_elsewhere(hub, sections) else None


def _decided_elsewhere(hub: Json, sections: Sequence[Json]) -> bool:
    """Whether code, values in a Secret of the operator's own, or the database may let people in as well."""
    files = [str(one.get("mountPath")) for one in (hub.get("extraFiles") or {}).values()]
    unseen = hub.get("extraConfig") or hub.get("existingSecret") or any(CONFIGURATION in path for path in files)
    return bool(unseen) or any(section.get(trait) for section in sections for trait in ELSEWHERE)


def lets_in(values: Json, user: str) -> bool:
    """Whether the hub's own rules let somebody in, as ``IAPAuthenticator.may_enter`` judges; True while not known."""
    rules, user = _rules(values), user.lower()
    if rules is None:
        return True
    if user in _names(rules, "blocked_users"):
        return False
    if any(section.get("allow_all") for section in rules):
        return True
    by_name = _names(rules, "allowed_users") | _names(rules, "admin_users")
    domains = {domain.strip().lstrip("@") for domain in _names(rules, "allowed_domains")}
    return user in by_name or user.rpartition("@")[2] in domains


def _names(rules: Sequence[Json], trait: str) -> set[str]:
    return {str(name).lower() for section in rules for name in section.get(trait) or []}
