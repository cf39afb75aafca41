# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM policies as IAP keeps them: what may be written, what is read back, who is in. Pure; no clock, no HTTP.

A policy is stored in canonical form: e-mail addresses in lower case, a member once per binding, bindings of one role
and condition merged, nothing empty. Its etag is a running number, base64 of eight bytes; an empty policy nobody ever
wrote has Google's well-known ``ACAB``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standin.errors import GoogleError, invalid

EMPTY_ETAG = "ACAB"
MAX_PRINCIPALS, MAX_GROUPS, MAX_SAME_ROLE = 1500, 250, 20
WITH_CONDITION = "_withcond_"
CONFLICT = (
    "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
    "The request's ETag '{sent}' did not match the current policy's ETag '{now}'."
)
# Roles that make sense on an IAP resource, with what they permit there.
ROLES: dict[str, tuple[str, ...]] = {
    "roles/iap.httpsResourceAccessor": ("iap.webServiceVersions.accessViaIAP",),
    "roles/iap.tunnelResourceAccessor": ("iap.tunnelInstances.accessViaIAP", "iap.tunnelDestGroups.accessViaIAP"),
    "roles/iap.remediatorUser": ("iap.webServiceVersions.remediate",),
    "roles/iap.admin": ("iap.*.getIamPolicy", "iap.*.setIamPolicy", "iap.*.getSettings", "iap.*.updateSettings"),
    "roles/iap.settingsAdmin": ("iap.*.getSettings", "iap.*.updateSettings"),
    "roles/iap.tunnelDestGroupEditor": ("iap.tunnelDestGroups.*",),
    "roles/iap.tunnelDestGroupViewer": ("iap.tunnelDestGroups.get", "iap.tunnelDestGroups.list"),
}
CUSTOM_ROLE = re.compile(r"(projects|organizations)/[^/]+/roles/[A-Za-z0-9_.]{3,64}")
EMAIL = r"[^\s@:/]+@[^\s@:/]+\.[^\s@:/.]+"
DOMAIN = r"[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+"
MEMBERS = (
    re.compile(r"allUsers|allAuthenticatedUsers"),
    re.compile(rf"(user|group|serviceAccount):{EMAIL}"),
    re.compile(r"serviceAccount:[a-z0-9.:-]+\.svc\.id\.goog\[[a-z0-9-]+/[a-z0-9.-]+\]"),
    re.compile(rf"domain:{DOMAIN}"),
    re.compile(r"principal://iam\.googleapis\.com/\S+/subject/\S+"),
    re.compile(r"principalSet://iam\.googleapis\.com/\S+/(group/\S+|attribute\.\S+/\S+|\*)"),
    re.compile(r"principalSet://cloudresourcemanager\.googleapis\.com/(projects|folders|organizations)/\d+/type/\w+"),
    re.compile(rf"deleted:(user|group|serviceAccount):{EMAIL}\?uid=\d+"),
    re.compile(r"deleted:principal://iam\.googleapis\.com/\S+"),
)
ADDRESSED = ("user:", "group:", "serviceAccount:", "domain:")

Policy = dict[str, Any]


def etag_of(number: int) -> str:
    """The etag of the policy's n-th version."""
    return EMPTY_ETAG if number == 0 else base64.b64encode((0x0607 << 48 | number).to_bytes(8, "big")).decode()


def canonical_member(member: str) -> str:
    """A member as Google writes it back: addresses and domains in lower case, everything else as it is."""
    if member.startswith(ADDRESSED) and ".svc.id.goog[" not in member:
        kind, _colon, rest = member.partition(":")
        return f"{kind}:{rest.lower()}"
    return member


def condition_key(condition: Mapping[str, Any] | None) -> str:
    """Two bindings with equal keys are one binding (given the same role)."""
    if not condition:
        return ""
    return json.dumps([condition.get(name, "") for name in ("title", "description", "expression")])


def canonical(bindings: Iterable[Mapping[str, Any]], aliases: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Bindings in stored form; their order is kept. Of an alias the primary member is stored, without a word."""
    known = aliases or {}
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for binding in bindings:
        condition = binding.get("condition") or None
        one = merged.setdefault((binding["role"], condition_key(condition)), {"role": binding["role"], "members": []})
        if condition:
            one["condition"] = dict(condition)
        for written in map(canonical_member, binding.get("members") or ()):
            member = known.get(written, written)
            if member not in one["members"]:
                one["members"].append(member)
    return [one for one in merged.values() if one["members"]]


# ---- writing -------------------------------------------------------------------------------------------------
def refuse(bindings: Iterable[Mapping[str, Any]], known: Callable[[str], bool]) -> None:
    """Raise GoogleError for the first thing IAM would not take. ``known`` says whether an account exists."""
    principals = groups = 0
    same_role: dict[str, int] = {}
    for binding in bindings:
        role = binding.get("role") or ""
        if WITH_CONDITION in role or not (role in ROLES or CUSTOM_ROLE.fullmatch(role)):
            raise invalid(f"Role {role} is not supported for this resource.")
        condition = binding.get("condition")
        if condition:
            same_role[role] = same_role.get(role, 0) + 1
            _refuse_condition(condition)
        for member in binding.get("members") or ():
            _refuse_member(member, known)
            principals, groups = principals + 1, groups + member.startswith("group:")
    if principals > MAX_PRINCIPALS:
        raise invalid(
            f"The number of members in the policy ({principals}) is larger than the maximum allowed size 1,500."
        )
    if groups > MAX_GROUPS:
        raise invalid(f"The number of groups in the policy ({groups}) is larger than the maximum allowed size 250.")
    if any(count > MAX_SAME_ROLE for count in same_role.values()):
        raise invalid(f"A role has more than {MAX_SAME_ROLE} conditional bindings.")


def _refuse_condition(condition: Mapping[str, Any]) -> None:
    if not condition.get("title"):
        raise invalid("Condition title is required.")
    if not condition.get("expression"):
        raise invalid("Condition expression is required.")
    if len(condition["title"]) > 100:
        raise invalid("Condition title is longer than 100 bytes.")


def _refuse_member(member: str, known: Callable[[str], bool]) -> None:
    if not any(form.fullmatch(member) for form in MEMBERS):
        raise invalid(f'Invalid value at "policy.bindings.members": The member {member} is not of a known form.')
    if member.startswith(("user:", "group:", "serviceAccount:")) and not known(canonical_member(member)):
        kind, _colon, name = member.partition(":")
        word = {"user": "User", "group": "Group", "serviceAccount": "Service account"}[kind]
        raise invalid(f"{word} {name} does not exist.")


@dataclass
class History:
    """All versions one resource's policy ever had: (time, bindings, version). Reads may lag behind, writes never do."""

    versions: list[tuple[float, list[dict[str, Any]], int]] = field(default_factory=lambda: [(0.0, [], 0)])

    @property
    def etag(self) -> str:
        """The newest version's etag."""
        return etag_of(self._serial(len(self.versions) - 1))

    offset: int = 0  # versions forgotten

    def _serial(self, index: int) -> int:
        return self.offset + index

    def at(self, moment: float) -> int:
        """Index of the version that was the newest at a moment."""
        best = 0
        for index, (written, _bindings, _version) in enumerate(self.versions):
            if written <= moment:
                best = index
        return best

    def write(
        self,
        now: float,
        policy: Mapping[str, Any],
        known: Callable[[str], bool],
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """setIamPolicy. Raises GoogleError and changes nothing when the policy is refused or its etag is stale."""
        version = policy.get("version") or 0
        if version not in (0, 1, 3):
            raise invalid(f"Invalid policy version {version}: 0, 1 and 3 are legal.")
        sent = policy.get("etag") or ""
        if sent and sent != self.etag:
            raise GoogleError(409, CONFLICT.format(sent=sent, now=self.etag), status="ABORTED")
        bindings = policy.get("bindings") or []
        refuse(bindings, known)
        if version != 3:  # a policy of format 1 has no conditions: they are lost without a word
            bindings = [{key: value for key, value in one.items() if key != "condition"} for one in bindings]
        stored = canonical(bindings, aliases)
        self.versions.append((now, stored, 3 if any("condition" in one for one in stored) else 1))
        while len(self.versions) > 8 and self.versions[1][0] < now - 3600:
            self.versions.pop(0)
            self.offset += 1

    def read(self, moment: float, requested: int) -> Policy:
        """getIamPolicy: the version that was the newest at ``moment``, in the requested format."""
        if requested not in (0, 1, 3):
            raise invalid(f"Invalid requested policy version {requested}: 0, 1 and 3 are legal.")
        index = self.at(moment)
        _written, bindings, version = self.versions[index]
        policy: Policy = {"etag": etag_of(self._serial(index))}
        if not bindings:
            return policy
        if version == 3 and requested != 3:
            bindings, version = [_flattened(one) for one in bindings], 1
        return {**policy, "version": version, "bindings": json.loads(json.dumps(bindings))}

    def bindings(self, moment: float) -> list[dict[str, Any]]:
        """The bindings in force at a moment."""
        return self.versions[self.at(moment)][1]


def _flattened(binding: Mapping[str, Any]) -> dict[str, Any]:
    """A conditional binding as a reader of format 1 sees it."""
    if "condition" not in binding:
        return dict(binding)
    mark = hashlib.sha256(condition_key(binding["condition"]).encode()).hexdigest()[:20]
    return {"role": f"{binding['role']}{WITH_CONDITION}{mark}", "members": binding["members"]}


# ---- who is in -----------------------------------------------------------------------------------------------
EXPIRY = re.compile(r"request\.time\s*<\s*timestamp\(\s*['\"]([^'\"]+)['\"]\s*\)")
HOST = re.compile(r"request\.host\s*==\s*['\"]([^'\"]+)['\"]")
PATH = re.compile(r"request\.path\.startsWith\(\s*['\"]([^'\"]+)['\"]\s*\)")


@dataclass(frozen=True)
class Caller:
    """Somebody at the door, with what Google knows of him."""

    email: str
    kind: str = "user"  # user or serviceAccount
    groups: tuple[str, ...] = ()

    def members(self) -> set[str]:
        """All members that mean this caller."""
        mail = self.email.lower()
        named = {f"{self.kind}:{mail}", "allUsers", "allAuthenticatedUsers", f"domain:{mail.rpartition('@')[2]}"}
        return named | {f"group:{group.lower()}" for group in self.groups}


def holds(condition: Mapping[str, Any] | None, now: float, host: str, path: str) -> bool:
    """Whether a condition holds. Understood: expiry, host, path prefix, joined by &&; anything else does not hold."""
    if not condition:
        return True
    from datetime import datetime

    for part in condition["expression"].split("&&"):
        expiry, named, prefix = (form.fullmatch(part.strip()) for form in (EXPIRY, HOST, PATH))
        if expiry:
            good = now < datetime.fromisoformat(expiry[1].replace("Z", "+00:00")).timestamp()
        elif named:
            good = named[1] == host
        elif prefix:
            good = path.startswith(prefix[1])
        else:
            good = False
        if not good:
            return False
    return True


def may(
    policies: Iterable[Iterable[Mapping[str, Any]]],
    role: str,
    caller: Caller,
    now: float,
    host: str = "",
    path: str = "/",
) -> bool:
    """Whether any of the policies (resource and its parents) gives the caller the role now."""
    wanted = caller.members()
    return any(
        binding["role"] == role
        and not wanted.isdisjoint(binding["members"])
        and holds(binding.get("condition"), now, host, path)
        for bindings in policies
        for binding in bindings
    )
