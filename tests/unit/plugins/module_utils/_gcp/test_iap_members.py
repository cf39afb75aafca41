# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several policies in one run: which, one after the other, and what is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp import iap_members
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import Backend, Resolved, Target
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_members import Found, Place
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_policy import (
    TUNNEL_ROLE,
    WEB_ROLE,
    Resource,
    Wish,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import api, failure
from ansible_collections.researchops.jupyterhub.tests.unit.fake_iap import PolicyServer
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, fails

ONE, TWO = Resource("projects/p/iap_web/compute/services/a"), Resource("projects/p/iap_web/compute-r/services/b")
ADA, GROUP = "user:ada@example.org", "group:g@example.org"
LIVE = (Backend("a", "1", iap=True), Backend("b", "2", "r", "n/s"))
LATER = {"title": "until 2027", "expression": "true"}
TARGET = Target("Ingress", "n", "i")


def web(*members: str, **more: Any) -> dict[str, Any]:
    return {"role": WEB_ROLE, "members": list(members), **more}


class FakeFinder:
    """Finds what the test says."""

    found: Resolved | None = Resolved(LIVE)
    asked: list[Any]

    def __init__(self, cluster: Any, google: Any, project: str, target: Target) -> None:
        self.asked.append((cluster, project, target))

    def look(self) -> Resolved | None:
        self.asked.append("look")
        return self.found

    def find(self, *, timeout: float, **_words: Any) -> Resolved | None:
        self.asked.append(timeout)
        return self.found


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> type[FakeFinder]:
    fresh = type("Fresh", (FakeFinder,), {"asked": []})
    monkeypatch.setattr(iap_members, "Finder", fresh)
    return fresh


def place() -> Place:
    google, _http, clock = api(PolicyServer().answering)
    cluster: Any = lambda: "cluster"  # noqa: E731
    return Place("p", google, cluster, Reporter("p", "iap", clock))


KUBERNETES = {"kubernetes": {"kind": "Ingress", "namespace": "n", "name": "i"}, "tunnel": None}


def test_a_named_resource_needs_no_cluster(finder: type[FakeFinder]) -> None:
    assert iap_members.find(place(), {"backend_service": "a"}, wait_timeout=9) == Found((ONE,))
    assert finder.asked == []


def test_an_object_is_awaited_or_looked_up_once(finder: type[FakeFinder]) -> None:
    wanted = Found((ONE, TWO), Resolved(LIVE), TARGET)
    assert iap_members.find(place(), KUBERNETES, wait_timeout=9) == wanted
    assert iap_members.find(place(), KUBERNETES, wait_timeout=None) == wanted
    assert finder.asked == [("cluster", "p", TARGET), 9, ("cluster", "p", TARGET), "look"]
    finder.found = None
    assert iap_members.find(place(), KUBERNETES, wait_timeout=None) == Found((), Resolved(), TARGET, exists=False)


class Desk:
    def __init__(self) -> None:
        self.server = PolicyServer()
        self.google, self.http, _clock = api(self.server.answering, clock=FakeClock())

    def settle(self, wish: Wish, check_mode: bool = False) -> Any:
        return iap_members.settle_all(self.google, (ONE, TWO), wish, check_mode=check_mode, confirm="read")


def test_each_policy_is_changed_for_itself_and_the_report_is_whole() -> None:
    desk = Desk()
    desk.server.put(TWO.path, {"bindings": [web(GROUP)]})
    found = Found((ONE, TWO), Resolved(LIVE, orphans=(Backend("old", "3"),)), TARGET)
    wish = Wish(WEB_ROLE, (GROUP,))
    done = desk.settle(wish)
    row = {"role": WEB_ROLE, "members": [GROUP], "removed": []}
    step = {"verb": "create", "target": f"{WEB_ROLE} on {ONE.path}"}
    assert iap_members.report(found, done, wish) == {
        "resources": [
            row | {"resource": ONE.path, "added": [GROUP], "changed": True},
            row | {"resource": TWO.path, "added": [], "changed": False},
        ],
        "plan": [step | {"changes": [{"field": "members", "before": [], "after": [GROUP]}]}],
        "requests": {"reads": 2, "writes": 1, "confirmations": 1, "conflicts": 0},
        "backends": [
            {"name": "a", "id": "1", "region": "", "service": "", "iap": True},
            {"name": "b", "id": "2", "region": "r", "service": "n/s", "iap": False},
        ],
        "orphans": [{"name": "old", "id": "3", "region": "", "service": "", "iap": False}],
    }
    before = {"role": WEB_ROLE, "members": []}
    after = {"role": WEB_ROLE, "members": [GROUP]}
    assert iap_members.diff(done) == {
        "before": [before | {"resource": ONE.path}, after | {"resource": TWO.path}],
        "after": [after | {"resource": ONE.path}, after | {"resource": TWO.path}],
    }


@pytest.mark.parametrize(
    ("there", "check_mode", "changed"),
    [([], False, Changed.SOME), ([], True, Changed.NOTHING), ([web(GROUP)], False, Changed.NOTHING)],
)
def test_a_failure_at_the_second_policy_tells_about_the_first(
    there: list[Any], check_mode: bool, changed: Changed
) -> None:
    desk = Desk()
    desk.server.put(ONE.path, {"bindings": there})
    real = desk.server.answering
    desk.http.answering = lambda method, url, body: (
        failure(403, "PERMISSION_DENIED") if "services/b" in url else real(method, url, body)
    )
    problem = fails("E-GCP-04", lambda: desk.settle(Wish(WEB_ROLE, (GROUP,)), check_mode))
    assert problem.changed is changed
    assert problem.details["resource"] == TWO.path
    assert problem.details["changed"] == ([ONE.path] if changed is Changed.SOME else [])


def test_what_a_removal_leaves_behind_is_told() -> None:
    desk = Desk()
    desk.server.put(ONE.path, {"bindings": [web(ADA), web(ADA, condition=LATER)], "version": 3})
    desk.server.put(TWO.path, {"bindings": [web("allUsers")]})
    found = Found((ONE, TWO))
    told = iap_members.member_warnings(
        found, desk.settle(Wish(WEB_ROLE, (ADA,), None, "absent")), Wish(WEB_ROLE, (ADA,), None, "absent")
    )
    assert told == [
        f"{ADA} still hold {WEB_ROLE} on {ONE.path} under the condition 'until 2027'",
        f"allUsers has {WEB_ROLE} on {TWO.path}: anybody may enter",
    ]
    present = Wish(WEB_ROLE, (GROUP,))
    assert iap_members.member_warnings(Found((ONE,)), desk.settle(present)[:1], present) == []


def test_odd_backends_are_told() -> None:
    resolved = Resolved(LIVE, orphans=(Backend("old"),), missing=("new",))
    assert iap_members.backend_warnings(Found((), resolved, TARGET)) == [
        "Identity-Aware Proxy is off for b: members have no effect and nobody is asked",
        "left over from earlier backends of Ingress n/i, and not touched: old",
        "Ingress n/i names backends that Compute Engine does not know: new; run again later",
    ]
    assert iap_members.backend_warnings(Found((), Resolved(), TARGET)) == [
        "GKE has made no backend service for Ingress n/i; nobody can enter"
    ]
    assert iap_members.backend_warnings(Found((), Resolved(), TARGET, exists=False)) == [
        "Ingress n/i does not exist in this cluster, so no policy was looked at; check kind and name"
    ]
    not_yet = "GKE has not reported the backends of Ingress n/i yet"
    assert iap_members.backend_warnings(Found((), Resolved(pending=not_yet), TARGET)) == [
        f"{not_yet}: some policies were not looked at; run again later"
    ]
    assert iap_members.backend_warnings(Found((ONE,))) == []


def test_a_policy_is_described() -> None:
    policy = {"bindings": [web(ADA), web(GROUP, condition=LATER), {"role": "roles/x"}], "auditConfigs": [{}]}
    assert iap_members.describe(ONE, policy, None) == {
        "resource": ONE.path,
        "members": [ADA],
        "bindings": [
            {"role": WEB_ROLE, "members": [ADA], "condition": {}},
            {"role": WEB_ROLE, "members": [GROUP], "condition": LATER},
            {"role": "roles/x", "members": [], "condition": {}},
        ],
        "audited": True,
        "findings": [],
    }


@pytest.mark.parametrize(
    ("resource", "role", "asked"),
    [(ONE, None, WEB_ROLE), (Resource("t", tunnel=True), None, TUNNEL_ROLE), (ONE, "roles/x", "roles/x")],
)
def test_nobody_is_a_finding(resource: Resource, role: str | None, asked: str) -> None:
    told = iap_members.describe(resource, {}, role)["findings"]
    assert told == [f"nobody has {asked} on {resource.path} itself; only a role from above it lets people in"]
