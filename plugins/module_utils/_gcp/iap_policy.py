# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Who may pass Identity-Aware Proxy: what is wanted, what a policy says, and the one change between them. Pure.

A policy is kept as the JSON that Google sent. Only the bindings of the wanted role *and* condition are touched, and of
these only the members; everything else is handed back as it came, because a policy that is put together anew loses
what its author did not know about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from .._core.errors import Changed, HubError
from .._core.plan import Plan, Step

Json = dict[str, Any]

WEB_ROLE = "roles/iap.httpsResourceAccessor"
TUNNEL_ROLE = "roles/iap.tunnelResourceAccessor"
VERSION = 3
"""The version that is always asked for; an older one hides conditions, and writing it back removes them."""
MAX_PRINCIPALS, MAX_GROUPS = 1500, 250
"""Google's limits for one policy."""
EVERYBODY = ("allUsers", "allAuthenticatedUsers")

_ROLE = re.compile(r"(roles|(projects|organizations)/[^/]+/roles)/[A-Za-z0-9_.]+")
_MAIL = re.compile(r"[^@\s:/?]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z0-9-]+")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]+")
_WORKLOAD = re.compile(r"[^@\s/]+\.svc\.id\.goog\[[a-z0-9.-]+/[a-z0-9.-]+\]")
_PRINCIPAL = re.compile(r"principal(?:Set)?://[a-z0-9.-]+/\S+")
_DELETED = re.compile(r"deleted:(?P<live>(?:user|group|serviceAccount):[^\s?]+)\?uid=(?P<uid>\d+)")
_DELETED_PRINCIPAL = re.compile(r"deleted:principal(?:Set)?://[a-z0-9.-]+/\S+")
_SHAPES = {"user": (_MAIL,), "group": (_MAIL,), "domain": (_DOMAIN,), "serviceAccount": (_MAIL, _WORKLOAD)}
_CALLED = dict.fromkeys(("user", "group"), "e-mail address") | {"domain": "domain", "serviceAccount": "service account"}
_SAMPLES = {
    "user": "name@example.org",
    "group": "name@example.org",
    "domain": "example.org",
    "serviceAccount": "NAME@PROJECT.iam.gserviceaccount.com",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")


# ---- what is wanted


@dataclass(frozen=True)
class Condition:
    """When a binding holds; part of its identity."""

    title: str
    expression: str
    description: str = ""

    def as_json(self) -> Json:
        """The condition as Google takes it."""
        base = {"title": self.title, "expression": self.expression}
        return base | {"description": self.description} if self.description else base


@dataclass(frozen=True)
class Wish:
    """What somebody wants of one policy.

    Attributes:
        role: the role.
        members: in the order given, without repetitions.
        condition: the condition of the binding, None for a binding without one.
        state: ``present``, ``absent`` or ``exact``.
    """

    role: str
    members: tuple[str, ...]
    condition: Condition | None = None
    state: str = "present"


@dataclass(frozen=True)
class Resource:
    """One thing that has a policy: its path in the API, and whether it is a tunnel or web traffic."""

    path: str
    tunnel: bool = False


def parse_wish(options: Mapping[str, Any]) -> Wish:
    """Read role, members, condition and state.

    Raises:
        HubError: E-IAP-02 for a member or role that Google would not take, E-IAP-10 for a condition, E-IAP-04 for
            more members than any policy can hold.
    """
    role = str(options["role"])
    if not _ROLE.fullmatch(role):
        raise HubError("E-IAP-02", f"{role!r} is no role", f"write it as {WEB_ROLE}")
    state = str(options["state"])
    members: dict[str, str] = {}
    for text in (str(member).strip() for member in options["members"]):  # Ansible splits a text at its commas only
        problem = member_problem(text, state)
        if problem:
            raise HubError("E-IAP-02", f"{text!r} cannot be a member: {problem[0]}", problem[1])
        members.setdefault(canonical(text), text)
    wish = Wish(role, tuple(members.values()), _condition(options.get("condition")), state)
    if state != "absent":
        error = _over_limit(_counts([{"members": wish.members}]), (0, 0), "the list of members")
        if error is not None:
            raise error
    return wish


def member_problem(text: str, state: str = "present") -> tuple[str, str] | None:
    """Why Google would not take ``text`` as a member, and what to write instead; None for a good one."""
    if text in EVERYBODY or _PRINCIPAL.fullmatch(text):
        return None
    kind, colon, name = text.partition(":")
    if not colon:
        kinds = "group:, user:, domain: or serviceAccount:"
        return "it does not say what it is", f"write {kinds} in front of it (a group is the normal case)"
    if kind == "deleted":
        return _deleted_problem(text, state)
    shapes = _SHAPES.get(kind)
    if shapes is None:
        known = "user:, group:, domain:, serviceAccount:, principal:// and principalSet://"
        return f"Identity-Aware Proxy knows no members of the kind {kind!r}", f"use one of {known}"
    if any(shape.fullmatch(name) for shape in shapes):
        return None
    return f"{name!r} is no {_CALLED[kind]}", f"write {kind}:{_SAMPLES[kind]}"


def _deleted_problem(text: str, state: str) -> tuple[str, str] | None:
    if state != "absent":
        return "this account was deleted", "leave it out; only state: absent may name it, to clean up"
    if _DELETED.fullmatch(text) or _DELETED_PRINCIPAL.fullmatch(text):
        return None
    return "it lacks the account's number", "copy it from the policy, with ?uid=NUMBER"


def _condition(given: Mapping[str, Any] | None) -> Condition | None:
    words = {key: str(value) for key, value in (given or {}).items() if value is not None}
    if not words:
        return None
    condition = Condition(words.get("title", ""), words.get("expression", ""), words.get("description", ""))
    if not condition.title or not condition.expression:
        raise HubError(
            "E-IAP-10",
            "A condition needs a title and an expression, because both are part of the binding's identity",
            "give both, as in title: until-2027 and expression: request.time < timestamp('2027-01-01T00:00:00Z'); "
            "leave the whole condition out where the access shall have none",
        )
    return condition


def mixup(wish: Wish, resource: Resource) -> HubError | None:
    """The role of web users on a tunnel, or the role of tunnel users on a web page: it lets nobody in.

    Taking such a binding away is fine.
    """
    wrong, right = (WEB_ROLE, TUNNEL_ROLE) if resource.tunnel else (TUNNEL_ROLE, WEB_ROLE)
    if wish.state == "absent" or wish.role != wrong:
        return None
    kinds = ("a tunnel", "web pages") if resource.tunnel else ("web pages", "a tunnel")
    return HubError(
        error_id="E-IAP-03",
        what=f"{resource.path} is {kinds[0]}, and {wrong} is the role for {kinds[1]}: nobody could enter by it",
        do=f"use role: {right}, or name the resource that is meant",
        seen=wrong,
        wanted=right,
    )


# ---- resources


def parse_resource(project: str, given: Mapping[str, Any]) -> Resource | None:
    """The resource that the options name; None for ``kubernetes``, whose resources must be looked up first.

    Raises:
        HubError: E-IAP-12 for no resource, several, or a name that cannot be one.
    """
    chosen = {key: value for key, value in given.items() if value not in (None, False, "")}
    if len(chosen) != 1:
        seen = ", ".join(sorted(chosen)) or "none"
        raise HubError(
            "E-IAP-12",
            "resource must name exactly one thing",
            "set one of all_web, backend_service, regional_backend_service, tunnel, tunnel_zone, tunnel_instance, "
            "tunnel_dest_group and kubernetes",
            seen=seen,
        )
    ((kind, value),) = chosen.items()
    root = f"projects/{_part('project', project)}"
    if kind == "kubernetes":
        return None
    if kind == "all_web":
        return Resource(f"{root}/iap_web")
    if kind == "backend_service":
        return backend_resource(project, str(value))
    if kind == "regional_backend_service":
        return backend_resource(project, str(value["name"]), str(value["region"]))
    return Resource(f"{root}/iap_tunnel{_tunnel(kind, value)}", tunnel=True)


def backend_resource(project: str, name: str, region: str = "") -> Resource:
    """A backend service of a load balancer."""
    scope = f"compute-{_part('region', region)}" if region else "compute"
    return Resource(f"projects/{_part('project', project)}/iap_web/{scope}/services/{_part('backend service', name)}")


def _tunnel(kind: str, value: Any) -> str:
    if kind == "tunnel":
        return ""
    if kind == "tunnel_zone":
        return f"/zones/{_part('zone', str(value))}"
    if kind == "tunnel_instance":
        return f"/zones/{_part('zone', str(value['zone']))}/instances/{_part('instance', str(value['name']))}"
    return f"/locations/{_part('region', str(value['region']))}/destGroups/{_part('group', str(value['name']))}"


def _part(what: str, text: str) -> str:
    if not _NAME.fullmatch(text):
        raise HubError("E-IAP-12", f"{text!r} cannot be the name of a {what}", f"give the {what}'s name or number")
    return quote(text, safe=":")


# ---- what a policy says


@lru_cache(maxsize=8 * MAX_PRINCIPALS)
def canonical(member: str) -> str:
    """A member as Google compares it: e-mail addresses and domains without case, everything else with it."""
    deleted = _DELETED.fullmatch(member) if member.startswith("deleted:") else None
    if deleted:
        return f"deleted:{canonical(deleted['live'])}?uid={deleted['uid']}"
    kind, colon, name = member.partition(":")
    if colon and kind in ("user", "group", "domain", "serviceAccount") and "[" not in name:
        return f"{kind}:{name.lower()}"
    return member


def alive(member: str) -> str:
    """A member without the mark of a deleted account, which Google adds and drops by itself."""
    deleted = _DELETED.fullmatch(member) if member.startswith("deleted:") else None
    return canonical(deleted["live"] if deleted else member)


def bindings_of(policy: Mapping[str, Any]) -> list[Json]:
    """The bindings of a policy."""
    return [binding for binding in policy.get("bindings") or [] if isinstance(binding, dict)]


def condition_of(binding: Mapping[str, Any]) -> Condition | None:
    """The condition of a binding."""
    given = binding.get("condition") or {}
    words = [str(given.get(key) or "") for key in ("title", "expression", "description")]
    return Condition(*words) if any(words) else None


def is_ours(wish: Wish, binding: Mapping[str, Any]) -> bool:
    """Whether a binding has the wanted role under the wanted condition."""
    return binding.get("role") == wish.role and condition_of(binding) == wish.condition


def held(policy: Mapping[str, Any], wish: Wish) -> list[str]:
    """The members that hold the wanted role under the wanted condition, sorted."""
    members = [str(member) for binding in bindings_of(policy) if is_ours(wish, binding) for member in _members(binding)]
    return sorted(members, key=_order)


def still_held(policy: Mapping[str, Any], wish: Wish) -> dict[str, list[str]]:
    """Members of the wish that hold its role under *other* conditions, by the conditions' titles."""
    wanted = {canonical(member) for member in wish.members}
    found: dict[str, list[str]] = {}
    for binding in bindings_of(policy):
        if binding.get("role") == wish.role and not is_ours(wish, binding):
            condition = condition_of(binding)
            title = condition.title if condition else ""
            hits = [member for member in _members(binding) if canonical(member) in wanted]
            if hits:
                found.setdefault(title, []).extend(hits)
    return found


def _members(binding: Mapping[str, Any]) -> list[str]:
    return [str(member) for member in binding.get("members") or []]


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two policies say the same, whatever their order, spelling of e-mail addresses and etag."""
    return _content(one) == _content(other)


def _content(policy: Mapping[str, Any]) -> tuple[set[tuple[str, Condition | None, str]], list[Any]]:
    keyed = [(str(binding.get("role")), condition_of(binding), _members(binding)) for binding in bindings_of(policy)]
    granted = {(role, condition, alive(member)) for role, condition, members in keyed for member in members}
    return granted, list(policy.get("auditConfigs") or [])


# ---- the change


@dataclass(frozen=True)
class Change:
    """What has to be done to one policy.

    Attributes:
        plan: the change as people read it.
        policy: the whole policy to write; the observed one, unchanged, when there is nothing to do.
        added: members that come in.
        removed: members that go.
    """

    plan: Plan
    policy: Json
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def decide(wish: Wish, policy: Mapping[str, Any], resource: str) -> Change:
    """Compare a policy with a wish.

    Raises:
        HubError: E-IAP-04 when the new policy would be larger than Google takes, E-IAP-09 for a policy that cannot be
            written safely.
    """
    before = held(policy, wish)
    added, leaving = _difference(wish, before)
    removed = [member for member in before if canonical(member) in leaving]
    after = sorted([member for member in before if member not in removed] + added, key=_order)
    if not added and not removed:
        return Change(_plan(wish, resource, before, before), dict(policy))
    if not policy.get("etag"):
        raise HubError(
            "E-IAP-09",
            f"The access policy of {resource} came without an etag, so a change by somebody else could be overwritten",
            "run again; if that does not help, look for a proxy on the way that alters answers",
        )
    bindings = _rebuilt(wish, bindings_of(policy), leaving, added)
    error = _over_limit(_counts(bindings), _counts(bindings_of(policy)), f"the access policy of {resource}")
    if error is not None:
        raise error
    written = dict(policy) | {"bindings": bindings}
    if any(binding.get("condition") for binding in bindings):
        written["version"] = VERSION
    return Change(_plan(wish, resource, before, after), written, tuple(added), tuple(removed))


def satisfied(wish: Wish, policy: Mapping[str, Any]) -> bool:
    """Whether a policy says what the wish says."""
    added, leaving = _difference(wish, held(policy, wish))
    return not added and not leaving


def renamed(wish: Wish, change: Change, reply: Mapping[str, Any], resource: str) -> HubError | None:
    """The error for members that Google keeps under other names: it stores the primary address or domain of an alias.

    The answer to our own write is held against what was sent, so no change of somebody else's looks like a new name.

    Args:
        wish: what is wanted.
        change: what was sent.
        reply: the answer to it. One that does not show our binding says nothing.
        resource: the resource's path.
    """
    kept = held(reply, wish)
    missing = _unlike(change.added, kept) if kept else []
    fresh = _unlike(kept, held(change.policy, wish))
    told, instead = [], []
    for kind in _SHAPES:
        aliases = [member for member in missing if member.startswith(f"{kind}:")]
        stored = [member for member in fresh if member.startswith(f"{kind}:")]
        if aliases:
            known = [] if len(stored) >= len(aliases) else ["a member that is there already"]
            told.append(f"{', '.join(aliases)} as {' and '.join([*stored, *known])}")
            instead += stored
    if not told:
        return None
    written = f"write {', '.join(instead)} instead" if instead else "write the primary address or domain instead"
    return HubError(
        error_id="E-IAP-13",
        what=f"In the access policy of {resource} Google stores {'; '.join(told)}: what was asked for is an alias",
        do=f"{written} (in gke_iap_members, or where else the member is named); iap_member_info shows what is stored",
        changed=Changed.SOME,
        details={"aliases": missing, "stored": fresh},
    )


def _unlike(members: Iterable[str], others: Iterable[str]) -> list[str]:
    """The members that are not among the others, whatever their spelling."""
    known = {alive(other) for other in others}
    return [member for member in members if alive(member) not in known]


def _difference(wish: Wish, before: Sequence[str]) -> tuple[list[str], set[str]]:
    """The members that are missing, as they were written, and those that have to go, in canonical form."""
    present = {canonical(member) for member in before}
    wanted = {canonical(member): member for member in wish.members}
    if wish.state == "absent":
        return [], present & wanted.keys()
    added = [member for key, member in wanted.items() if key not in present]
    return added, present - wanted.keys() if wish.state == "exact" else set()


def _order(member: str) -> tuple[str, str]:
    return canonical(member), member


def _rebuilt(wish: Wish, bindings: Sequence[Json], leaving: set[str], added: Sequence[str]) -> list[Json]:
    """The bindings with our members exchanged; bindings of others are the very same objects."""
    result: list[Json] = []
    waiting = list(added)
    for binding in bindings:
        if not is_ours(wish, binding):
            result.append(binding)
            continue
        members = [member for member in _members(binding) if canonical(member) not in leaving] + waiting
        waiting = []
        if members:
            result.append(dict(binding) | {"members": members})
    if waiting:
        fresh: Json = {"role": wish.role, "members": waiting}
        result.append(fresh | {"condition": wish.condition.as_json()} if wish.condition else fresh)
    return result


def _plan(wish: Wish, resource: str, before: Sequence[str], after: Sequence[str]) -> Plan:
    def state(members: Sequence[str]) -> Json:
        told: Json = {"resource": resource, "role": wish.role, "members": list(members)}
        return told | {"condition": wish.condition.as_json()} if wish.condition else told

    if list(before) == list(after):
        return Plan(state(before), state(after), reason="the policy already says so")
    verb = "update" if before and after else "create" if after else "delete"
    step = Step(verb, f"{wish.role} on {resource}", {"members": (list(before), list(after))})
    return Plan(state(before), state(after), (step,), reason=f"members of {wish.role} differ")


def _counts(bindings: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Principals and groups as Google counts them: every appearance, but each group once."""
    members = [canonical(member) for binding in bindings for member in _members(binding)]
    groups = {member for member in members if member.startswith("group:")}
    return len(members), len(groups) + sum(member.startswith("domain:") for member in members)


def _over_limit(after: tuple[int, int], before: tuple[int, int], what: str) -> HubError | None:
    """The error for a policy that grows beyond Google's limits; one that shrinks is let through."""
    for name, limit, new, old in zip(
        ("principals", "groups and domains"), (MAX_PRINCIPALS, MAX_GROUPS), after, before, strict=True
    ):
        if new > limit and new > old:
            return HubError(
                error_id="E-IAP-04",
                what=f"{what[0].upper()}{what[1:]} would hold too many {name}",
                seen=str(new),
                wanted=f"at most {limit}",
                do="put people into one Google group and make that group the member",
            )
    return None


# ---- what is worth telling


def findings(resource: Resource, policy: Mapping[str, Any]) -> list[str]:
    """What in a policy deserves a second look."""
    right, wrong = (TUNNEL_ROLE, WEB_ROLE) if resource.tunnel else (WEB_ROLE, TUNNEL_ROLE)
    by_role: dict[str, list[str]] = {}
    for binding in bindings_of(policy):
        by_role.setdefault(str(binding.get("role")), []).extend(_members(binding))
    told = []
    if wrong in by_role:
        kind = "a tunnel" if resource.tunnel else "web pages"
        told.append(f"{wrong} on {resource.path} lets nobody in, because that is {kind}; {right} is meant")
    for name in EVERYBODY:
        if name in by_role.get(right, []):
            told.append(f"{name} has {right} on {resource.path}: anybody may enter")
    gone = sorted({member for members in by_role.values() for member in members if member.startswith("deleted:")})
    if gone:
        told.append(f"{resource.path} names deleted accounts: {', '.join(gone)}")
    return told
