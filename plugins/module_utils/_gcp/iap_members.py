# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Members of several policies in one run: which resources are meant, one after the other, and what to tell about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import Changed, HubError
from .._core.progress import Reporter
from .._k8s.client import KubeClient
from .api import GcpApi
from .backends import Backend, Resolved, Target
from .backends_api import Finder
from .iap_api import PolicyApi, Requests, Settled
from .iap_policy import (
    TUNNEL_ROLE,
    WEB_ROLE,
    Resource,
    Wish,
    backend_resource,
    bindings_of,
    condition_of,
    findings,
    held,
    parse_resource,
    still_held,
)

Json = dict[str, Any]

ANY_BACKEND = Resource("the backend service")
"""Stands for backends that have not been looked up yet: web pages in any case."""


@dataclass(frozen=True)
class Found:
    """The resources that are meant.

    Attributes:
        resources: each has a policy of its own.
        resolved: the backends they were found by; None for resources that were named.
        target: the object of the cluster, None for resources that were named.
        exists: whether the cluster has that object.
    """

    resources: tuple[Resource, ...]
    resolved: Resolved | None = None
    target: Target | None = None
    exists: bool = True


@dataclass(frozen=True)
class Place:
    """Where resources are looked for.

    Attributes:
        project: the project's id.
        api: Google.
        cluster: makes the client of the cluster; only called where an object has to be looked up.
        reporter: is told about a wait.
    """

    project: str
    api: GcpApi
    cluster: Callable[[], KubeClient]
    reporter: Reporter


def target_of(given: Mapping[str, Any]) -> Target:
    """The object that ``resource.kubernetes`` names."""
    return Target(str(given["kind"]), str(given["namespace"]), str(given["name"]))


def find(place: Place, given: Mapping[str, Any], *, wait_timeout: float | None) -> Found:
    """The resources that the option ``resource`` means.

    Args:
        place: where to look.
        given: the option.
        wait_timeout: seconds to wait for GKE to make the backends; None to look once and take what there is.

    Raises:
        HubError: E-IAP-12 for no resource or several; E-IAP-05, -06, -11 for an object without usable backends.
    """
    resource = parse_resource(place.project, given)
    if resource is not None:
        return Found((resource,))
    target = target_of(given["kubernetes"])
    finder = Finder(place.cluster(), place.api, place.project, target)
    resolved = finder.look() if wait_timeout is None else finder.find(timeout=wait_timeout, reporter=place.reporter)
    if resolved is None:
        return Found((), Resolved(), target, exists=False)
    resources = tuple(backend_resource(place.project, one.name, one.region) for one in resolved.live)
    return Found(resources, resolved, target)


def settle_all(
    api: GcpApi, resources: Sequence[Resource], wish: Wish, *, check_mode: bool, confirm: str
) -> list[tuple[Resource, Settled]]:
    """Bring every policy to its wanted state, one after the other.

    Raises:
        HubError: the first failure; it says so when an earlier policy has been changed.
    """
    done: list[tuple[Resource, Settled]] = []
    for resource in resources:
        try:
            done.append((resource, PolicyApi(api, resource).settle(wish, check_mode=check_mode, confirm=confirm)))
        except HubError as problem:
            changed = [earlier.path for earlier, settled in done if settled.changed and not check_mode]
            if changed and problem.changed is Changed.NOTHING:
                problem.changed = Changed.SOME
            problem.details = {**problem.details, "resource": resource.path, "changed": changed}
            raise
    return done


def report(found: Found, done: Sequence[tuple[Resource, Settled]], wish: Wish) -> Json:
    """What a change returns."""
    requests = [settled.requests for _resource, settled in done]
    rows = [
        {
            "resource": resource.path,
            "role": wish.role,
            "members": settled.change.plan.after["members"],
            "added": list(settled.change.added) if settled.changed else [],
            "removed": list(settled.change.removed) if settled.changed else [],
            "changed": settled.changed,
        }
        for resource, settled in done
    ]
    total = Requests(
        reads=sum(one.reads for one in requests),
        writes=sum(one.writes for one in requests),
        confirmations=sum(one.confirmations for one in requests),
        conflicts=sum(one.conflicts for one in requests),
    )
    steps = [step.as_dict() for _resource, settled in done for step in settled.change.plan.steps]
    return {"resources": rows, "plan": steps, "requests": total.as_dict(), **backend_report(found)}


def diff(done: Sequence[tuple[Resource, Settled]]) -> Json:
    """Before and after, policy by policy."""
    plans = [settled.change.plan for _resource, settled in done]
    return {"before": [plan.before for plan in plans], "after": [plan.after for plan in plans]}


def backend_report(found: Found) -> Json:
    """The backends and what is left over."""
    resolved = found.resolved or Resolved()
    return {
        "backends": [_as_json(one) for one in resolved.live],
        "orphans": [_as_json(one) for one in resolved.orphans],
    }


def _as_json(backend: Backend) -> Json:
    return {
        "name": backend.name,
        "id": backend.number,
        "region": backend.region,
        "service": backend.service,
        "iap": backend.iap,
    }


def member_warnings(found: Found, done: Sequence[tuple[Resource, Settled]], wish: Wish) -> list[str]:
    """Sentences about what a change leaves behind."""
    told = backend_warnings(found)
    for resource, settled in done:
        told += findings(resource, settled.policy)
        if wish.state != "absent":
            continue
        for title, members in still_held(settled.policy, wish).items():
            under = f"under the condition {title!r}" if title else "without a condition"
            told.append(f"{', '.join(members)} still hold {wish.role} on {resource.path} {under}")
    return told


def backend_warnings(found: Found) -> list[str]:
    """Sentences about backends that look odd."""
    if found.resolved is None:
        return []
    if not found.exists:
        return [f"{found.target} does not exist in this cluster, so no policy was looked at; check kind and name"]
    told = []
    if found.resolved.pending:
        told.append(f"{found.resolved.pending}: some policies were not looked at; run again later")
    elif not found.resolved.live:
        told.append(f"GKE has made no backend service for {found.target}; nobody can enter")
    off = [one.name for one in found.resolved.live if not one.iap]
    if off:
        told.append(f"Identity-Aware Proxy is off for {', '.join(off)}: members have no effect and nobody is asked")
    if found.resolved.orphans:
        names = ", ".join(one.name for one in found.resolved.orphans)
        told.append(f"left over from earlier backends of {found.target}, and not touched: {names}")
    if found.resolved.missing:
        names = ", ".join(found.resolved.missing)
        told.append(f"{found.target} names backends that Compute Engine does not know: {names}; run again later")
    return told


def describe(resource: Resource, policy: Mapping[str, Any], role: str | None) -> Json:
    """One policy as ``iap_member_info`` returns it; ``role`` is by default the one that lets people in."""
    wish = Wish(role or (TUNNEL_ROLE if resource.tunnel else WEB_ROLE), ())
    bindings = []
    for binding in bindings_of(policy):
        condition = condition_of(binding)
        bindings.append(
            {
                "role": str(binding.get("role")),
                "members": [str(member) for member in binding.get("members") or []],
                "condition": condition.as_json() if condition else {},
            }
        )
    notes = findings(resource, policy)
    if not any(binding["members"] for binding in bindings if binding["role"] == wish.role):
        notes.append(f"nobody has {wish.role} on {resource.path} itself; only a role from above it lets people in")
    return {
        "resource": resource.path,
        "members": held(policy, wish),
        "bindings": bindings,
        "audited": bool(policy.get("auditConfigs")),
        "findings": notes,
    }
