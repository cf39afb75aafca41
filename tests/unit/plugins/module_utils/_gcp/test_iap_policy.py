# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table of access policies, refusals first."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_policy import (
    TUNNEL_ROLE,
    WEB_ROLE,
    Change,
    Condition,
    Resource,
    Wish,
    alive,
    backend_resource,
    canonical,
    condition_of,
    decide,
    findings,
    held,
    member_problem,
    mixup,
    parse_resource,
    parse_wish,
    renamed,
    same_content,
    satisfied,
    still_held,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

WEB = Resource("projects/p/iap_web")
TUNNEL = Resource("projects/p/iap_tunnel", tunnel=True)
LATER = {"title": "until 2027", "expression": "request.time < timestamp('2027-01-01T00:00:00Z')"}
ADA, BOB, EVE, GROUP = "user:ada@example.org", "user:bob@example.org", "user:eve@example.org", "group:g@example.org"
GONE = "deleted:user:ada@example.org?uid=123"


def options(**changes: Any) -> dict[str, Any]:
    return {"role": WEB_ROLE, "members": [GROUP], "state": "present", "condition": None} | changes


def policy(*bindings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"bindings": list(bindings), "etag": "e", **more}


def web(*members: str, **more: Any) -> dict[str, Any]:
    return {"role": WEB_ROLE, "members": list(members), **more}


# ---- members


@pytest.mark.parametrize(
    "text",
    [
        ADA,
        GROUP,
        "user:o'neill+hub@cs.example.ac.uk",
        "domain:example.org",
        "domain:xn--bcher-kva.example",
        "serviceAccount:robot@p.iam.gserviceaccount.com",
        "serviceAccount:p.svc.id.goog[climate/hub]",
        "principal://iam.googleapis.com/locations/global/workforcePools/x/subject/y",
        "principalSet://iam.googleapis.com/locations/global/workforcePools/x/group/y",
        "principalSet://cloudresourcemanager.googleapis.com/projects/123456789012/type/ServiceAccount",
        "principal://pool.global.123456789012.workload.id.goog/ns/climate/sa/hub",
        "allUsers",
        "allAuthenticatedUsers",
    ],
)
def test_good_members(text: str) -> None:
    assert member_problem(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not say what it is"),
        ("ada@example.org", "does not say what it is"),
        ("User:ada@example.org", "the kind 'User'"),
        ("projectOwner:p", "the kind 'projectOwner'"),
        ("user:ada", "no e-mail address"),
        ("user:", "no e-mail address"),
        ("user:ada@localhost", "no e-mail address"),
        ("user: ada@example.org", "no e-mail address"),
        ("user:ada@example.org,bob@example.org", "no e-mail address"),
        ("group:@example.org", "no e-mail address"),
        ("domain:ada@example.org", "no domain"),
        ("domain:org", "no domain"),
        ("domain:example.1", "no domain"),
        ("serviceAccount:robot", "no service account"),
        ("serviceAccount:p.svc.id.goog[hub]", "no service account"),
        ("principal:iam.googleapis.com/x", "the kind 'principal'"),
        ("principal:///x", "the kind 'principal'"),
        ("principal://iam.googleapis.com", "the kind 'principal'"),
        ("principal://iam.googleapis.com/x y", "the kind 'principal'"),
        ("allusers", "does not say what it is"),
        (GONE, "was deleted"),
    ],
)
@pytest.mark.parametrize("state", ["present", "exact"])
def test_bad_members(text: str, words: str, state: str) -> None:
    assert words in str(fails("E-IAP-02", lambda: parse_wish(options(members=[GROUP, text], state=state))))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (GONE, True),
        ("deleted:serviceAccount:x@p.iam.gserviceaccount.com?uid=7", True),
        ("deleted:principal://iam.googleapis.com/locations/global/x", True),
        ("deleted:principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount", True),
        ("deleted:user:ada@example.org", False),
        ("deleted:domain:example.org?uid=1", False),
    ],
)
def test_deleted_accounts_may_be_cleaned_up(text: str, good: bool) -> None:
    assert (member_problem(text, "absent") is None) is good


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ADA, "user:Ada@Example.ORG", True),
        ("group:G@x.org", "group:g@X.org", True),
        ("domain:Example.org", "domain:example.org", True),
        ("serviceAccount:A@p.iam.gserviceaccount.com", "serviceAccount:a@p.iam.gserviceaccount.com", True),
        ("serviceAccount:p.svc.id.goog[N/a]", "serviceAccount:p.svc.id.goog[n/a]", False),
        ("principal://iam.googleapis.com/x/subject/A", "principal://iam.googleapis.com/x/subject/a", False),
        ("deleted:user:Ada@example.org?uid=123", GONE, True),
        ("deleted:user:ada@example.org?uid=124", GONE, False),
        (ADA, GONE, False),
        (ADA, "group:ada@example.org", False),
        ("allUsers", "allusers", False),
    ],
)
def test_members_are_compared_as_google_does(one: str, other: str, same: bool) -> None:
    assert (canonical(one) == canonical(other)) is same


def test_a_deleted_account_without_its_mark() -> None:
    assert [alive(GONE), alive("user:Ada@example.org"), alive("allUsers")] == [ADA, ADA, "allUsers"]


# ---- options


def test_a_wish_keeps_order_and_spelling_and_drops_repetitions() -> None:
    wish = parse_wish(options(members=[BOB, "user:ADA@example.org", ADA, BOB], condition=LATER | {"description": None}))
    condition = Condition(LATER["title"], LATER["expression"])
    assert wish == Wish(WEB_ROLE, (BOB, "user:ADA@example.org"), condition, "present")


@pytest.mark.parametrize("given", [None, {}, {"title": None, "expression": None, "description": None}])
def test_an_empty_condition_is_none(given: Any) -> None:
    assert parse_wish(options(condition=given)).condition is None


@pytest.mark.parametrize(
    "given",
    [
        {"title": "t"},
        {"expression": "true"},
        {"description": "d"},
        # A template that came to nothing must not grant without a condition.
        {"title": "", "expression": ""},
        {"title": None, "expression": ""},
    ],
)
def test_half_a_condition_is_refused(given: Any) -> None:
    fails("E-IAP-10", lambda: parse_wish(options(condition=given)))


@pytest.mark.parametrize("role", ["", "iap.httpsResourceAccessor", "roles/", "roles/a b", "projects/p/roles/x/y"])
def test_what_is_no_role_is_refused(role: str) -> None:
    fails("E-IAP-02", lambda: parse_wish(options(role=role)))


@pytest.mark.parametrize("role", ["roles/iap.admin", "projects/p/roles/hub.user", "organizations/1/roles/x"])
def test_other_roles_pass(role: str) -> None:
    assert parse_wish(options(role=role)).role == role


@pytest.mark.parametrize(
    ("kind", "number", "good"),
    [("user", 1500, True), ("user", 1501, False), ("group", 250, True), ("group", 251, False)],
)
def test_more_members_than_any_policy_holds_are_refused_offline(kind: str, number: int, good: bool) -> None:
    members = [f"{kind}:m{one}@example.org" for one in range(number)]
    assert len(parse_wish(options(members=members, state="absent")).members) == number
    if good:
        assert len(parse_wish(options(members=members)).members) == number
    else:
        fails("E-IAP-04", lambda: parse_wish(options(members=members)))


@pytest.mark.parametrize(
    ("given", "resource"),
    [
        ({"all_web": True}, WEB),
        ({"all_web": True, "tunnel": False, "backend_service": "", "kubernetes": None}, WEB),
        ({"backend_service": "k8s1-x"}, Resource("projects/p/iap_web/compute/services/k8s1-x")),
        ({"backend_service": 4711}, Resource("projects/p/iap_web/compute/services/4711")),
        (
            {"regional_backend_service": {"region": "europe-west1", "name": "b"}},
            Resource("projects/p/iap_web/compute-europe-west1/services/b"),
        ),
        ({"tunnel": True}, TUNNEL),
        ({"tunnel_zone": "z-a"}, Resource("projects/p/iap_tunnel/zones/z-a", tunnel=True)),
        (
            {"tunnel_instance": {"zone": "z", "name": "i"}},
            Resource("projects/p/iap_tunnel/zones/z/instances/i", tunnel=True),
        ),
        (
            {"tunnel_dest_group": {"region": "r", "name": "g"}},
            Resource("projects/p/iap_tunnel/locations/r/destGroups/g", tunnel=True),
        ),
        ({"kubernetes": {"kind": "Ingress"}}, None),
    ],
)
def test_resources_have_their_path(given: dict[str, Any], resource: Resource | None) -> None:
    assert parse_resource("p", given) == resource


@pytest.mark.parametrize(
    ("project", "given"),
    [
        ("p", {}),
        ("p", {"all_web": False}),
        ("p", {"all_web": True, "tunnel": True}),
        ("p", {"kubernetes": {"kind": "Ingress"}, "backend_service": "b"}),
        ("p", {"backend_service": "a/b"}),
        ("p", {"backend_service": "a:setIamPolicy?x"}),
        ("p", {"tunnel_zone": "../x"}),
        ("", {"all_web": True}),
        ("p/q", {"all_web": True}),
    ],
)
def test_what_names_no_resource_is_refused(project: str, given: dict[str, Any]) -> None:
    fails("E-IAP-12", lambda: parse_resource(project, given))


def test_projects_of_a_domain_and_regional_backends() -> None:
    assert backend_resource("example.org:p", "b", "r").path == "projects/example.org:p/iap_web/compute-r/services/b"


@pytest.mark.parametrize(
    ("role", "resource", "state", "right"),
    [
        (TUNNEL_ROLE, WEB, "present", WEB_ROLE),
        (TUNNEL_ROLE, WEB, "exact", WEB_ROLE),
        (TUNNEL_ROLE, WEB, "absent", ""),
        (WEB_ROLE, WEB, "present", ""),
        (WEB_ROLE, TUNNEL, "present", TUNNEL_ROLE),
        (WEB_ROLE, TUNNEL, "absent", ""),
        (TUNNEL_ROLE, TUNNEL, "present", ""),
        ("roles/iap.admin", TUNNEL, "present", ""),
    ],
)
def test_mixed_up_roles_are_named(role: str, resource: Resource, state: str, right: str) -> None:
    error = mixup(Wish(role, (ADA,), None, state), resource)
    if not right:
        assert error is None
        return
    assert error is not None
    assert (error.error_id, error.seen, error.wanted) == ("E-IAP-03", role, right)


# ---- the decision


@pytest.mark.parametrize(
    ("state", "members", "before", "added", "removed", "after"),
    [
        pytest.param("present", [ADA], [], [ADA], [], [web(ADA)], id="first member"),
        pytest.param("present", [ADA], [web(BOB)], [ADA], [], [web(BOB, ADA)], id="one more"),
        pytest.param("present", [ADA], [web(BOB, ADA)], [], [], None, id="there already"),
        pytest.param("present", ["user:ADA@example.org"], [web(ADA)], [], [], None, id="there in another spelling"),
        pytest.param("present", [ADA], [web(GONE)], [ADA], [], [web(GONE, ADA)], id="a deleted account is another"),
        pytest.param("present", [], [web(ADA)], [], [], None, id="nobody to add"),
        pytest.param(
            "present", [ADA], [web(BOB), web(EVE)], [ADA], [], [web(BOB, ADA), web(EVE)], id="two bindings of one key"
        ),
        pytest.param("present", [ADA, BOB], [web(BOB), web(ADA)], [], [], None, id="there in two bindings"),
        pytest.param("absent", [ADA], [], [], [], None, id="nobody there"),
        pytest.param("absent", [ADA], [web(BOB)], [], [], None, id="not there"),
        pytest.param("absent", [ADA], [web(GONE)], [], [], None, id="only its deleted namesake there"),
        pytest.param("absent", [GONE], [web(GONE, BOB)], [], [GONE], [web(BOB)], id="deleted account cleaned up"),
        pytest.param("absent", [ADA], [web(ADA, BOB)], [], [ADA], [web(BOB)], id="one less"),
        pytest.param("absent", ["user:Ada@example.org"], [web(ADA)], [], [ADA], [], id="the last one, other spelling"),
        pytest.param(
            "absent", [ADA], [web(ADA), web(BOB, ADA)], [], [ADA, ADA], [web(BOB)], id="from all bindings of the key"
        ),
        pytest.param("absent", [], [web(ADA)], [], [], None, id="nobody to remove"),
        pytest.param("exact", [ADA], [web(ADA)], [], [], None, id="exactly so"),
        pytest.param("exact", [BOB, ADA], [web(ADA, BOB)], [], [], None, id="order does not matter"),
        pytest.param("exact", [ADA], [web(BOB, GONE)], [ADA], [GONE, BOB], [web(ADA)], id="others go"),
        pytest.param("exact", [ADA], [web(ADA, BOB)], [], [BOB], [web(ADA)], id="only others go"),
        pytest.param("exact", [], [web(ADA)], [], [ADA], [], id="nobody may enter"),
        pytest.param("exact", [], [], [], [], None, id="nobody may, nobody could"),
        pytest.param("exact", [ADA], [web(BOB), web(ADA)], [], [BOB], [web(ADA)], id="an emptied binding goes"),
    ],
)
def test_decision(
    state: str,
    members: list[str],
    before: list[dict[str, Any]],
    added: list[str],
    removed: list[str],
    after: list[dict[str, Any]] | None,
) -> None:
    wish = Wish(WEB_ROLE, tuple(members), None, state)
    observed = policy(*before, version=1, auditConfigs=[{"x": 1}])
    original = copy.deepcopy(observed)
    change = decide(wish, observed, WEB.path)
    wanted = original | {"bindings": before if after is None else after}
    assert change.policy == wanted
    assert (list(change.added), list(change.removed)) == (added, removed)
    assert change.plan.changed is (after is not None)
    assert satisfied(wish, observed) is (after is None)
    assert satisfied(wish, change.policy) is True
    assert observed == original
    assert change.plan.before["members"] == held(original, wish)
    assert change.plan.after["members"] == held(change.policy, wish)


def test_a_plan_is_told_whole() -> None:
    wish = Wish(WEB_ROLE, (GROUP,), Condition("t", "true"))
    change = decide(wish, {"etag": "ACAB"}, WEB.path)
    state = {"resource": WEB.path, "role": WEB_ROLE, "condition": {"title": "t", "expression": "true"}}
    step = Step("create", f"{WEB_ROLE} on {WEB.path}", {"members": ([], [GROUP])})
    plan = Plan(state | {"members": []}, state | {"members": [GROUP]}, (step,), f"members of {WEB_ROLE} differ")
    binding = web(GROUP, condition={"title": "t", "expression": "true"})
    assert change == Change(plan, {"etag": "ACAB", "bindings": [binding], "version": 3}, (GROUP,), ())


@pytest.mark.parametrize(
    ("before", "state", "verb"),
    [([], "present", "create"), ([BOB], "present", "update"), ([ADA], "absent", "delete")],
)
def test_the_verb_is_about_the_binding(before: list[str], state: str, verb: str) -> None:
    bindings = [web(*before)] if before else []
    change = decide(Wish(WEB_ROLE, (ADA,), None, state), policy(*bindings), "x")
    assert [step.verb for step in change.plan.steps] == [verb]


@pytest.mark.parametrize("state", ["present", "absent", "exact"])
@pytest.mark.parametrize("condition", [None, Condition(LATER["title"], LATER["expression"])])
def test_other_roles_and_conditions_are_the_same_objects_afterwards(state: str, condition: Condition | None) -> None:
    foreign = [
        web(ADA, condition=LATER | {"description": "another"}),
        {"role": "roles/iap.admin", "members": ["user:Boss@Example.org"], "future": {"a": [1, None]}},
        web("user:x@example.org", condition={"title": "z", "expression": "false", "location": "l"}),
    ]
    own = web(BOB, condition=LATER) if condition else web(BOB)
    observed = policy(foreign[0], own, *foreign[1:], version=3, auditConfigs=[{"a": 1}], unknown="kept")
    change = decide(Wish(WEB_ROLE, (ADA, BOB) if state == "present" else (BOB,), condition, state), observed, "x")
    kept = [binding for binding in change.policy["bindings"] if any(binding is one for one in foreign)]
    assert kept == foreign
    assert {key: change.policy[key] for key in ("etag", "version", "auditConfigs", "unknown")} == {
        "etag": "e",
        "version": 3,
        "auditConfigs": [{"a": 1}],
        "unknown": "kept",
    }


@pytest.mark.parametrize(
    ("observed", "version"),
    [
        (policy(web(BOB)), None),
        (policy(web(BOB), version=1), 1),
        (policy(web(BOB), web(EVE, condition=LATER), version=1), 3),
        (policy(web(BOB), web(EVE, condition=LATER)), 3),
    ],
)
def test_a_policy_with_conditions_is_written_as_version_3(observed: dict[str, Any], version: int | None) -> None:
    assert decide(Wish(WEB_ROLE, (ADA,)), observed, "x").policy.get("version") == version


def test_a_policy_without_an_etag_is_only_read() -> None:
    observed = {"bindings": [web(ADA)]}
    assert decide(Wish(WEB_ROLE, (ADA,)), observed, "x").plan.changed is False
    fails("E-IAP-09", lambda: decide(Wish(WEB_ROLE, (BOB,)), observed, "x"))


def crowd(kind: str, number: int, start: int = 0) -> list[str]:
    return [
        f"{kind}:m{one}{'.example.org' if kind == 'domain' else '@example.org'}" for one in range(start, start + number)
    ]


@pytest.mark.parametrize(
    ("bindings", "wish", "good"),
    [
        pytest.param([web(*crowd("user", 1499))], Wish(WEB_ROLE, (ADA,)), True, id="1500"),
        pytest.param([web(*crowd("user", 1500))], Wish(WEB_ROLE, (ADA,)), False, id="1501"),
        pytest.param(
            [{"role": "roles/iap.admin", "members": crowd("user", 1500)}],
            Wish(WEB_ROLE, (ADA,)),
            False,
            id="all roles together",
        ),
        pytest.param(
            [web(*crowd("user", 1502))], Wish(WEB_ROLE, ("user:m0@example.org",), None, "absent"), True, id="less"
        ),
        pytest.param(
            [web(*crowd("user", 1501))],
            Wish(WEB_ROLE, (ADA, *crowd("user", 1499)), None, "exact"),
            True,
            id="exchanged",
        ),
        pytest.param([web(*crowd("group", 249))], Wish(WEB_ROLE, (GROUP,)), True, id="250 groups"),
        pytest.param([web(*crowd("group", 250))], Wish(WEB_ROLE, (GROUP,)), False, id="251 groups"),
        pytest.param(
            [{"role": "roles/iap.admin", "members": crowd("group", 250)}],
            Wish(WEB_ROLE, ("group:M0@example.org",)),
            True,
            id="a group counts once",
        ),
        pytest.param(
            [{"role": "roles/iap.admin", "members": crowd("domain", 250)}],
            Wish(WEB_ROLE, ("domain:m0.example.org",)),
            False,
            id="a domain counts each time",
        ),
    ],
)
def test_limits_of_a_policy(bindings: list[dict[str, Any]], wish: Wish, good: bool) -> None:
    if good:
        assert decide(wish, policy(*bindings), "x").plan.changed
    else:
        assert "group" in str(fails("E-IAP-04", lambda: decide(wish, policy(*bindings), "x")))


# ---- comparing and telling


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (policy(web(ADA, BOB)), {"bindings": [web(BOB), web("user:ADA@example.org")], "version": 1}, True),
        (policy(web(ADA)), policy(web(GONE)), True),
        (policy(), {}, True),
        (policy(web(ADA)), policy(web(ADA, condition=LATER)), False),
        (policy(web(ADA)), policy(web(ADA, BOB)), False),
        (policy(web(ADA)), policy({"role": "roles/x", "members": [ADA]}), False),
        (policy(auditConfigs=[{"a": 1}]), policy(), False),
    ],
)
def test_same_content(left: dict[str, Any], right: dict[str, Any], same: bool) -> None:
    assert same_content(left, right) is same
    assert same_content(right, left) is same


def test_conditions_are_told_apart_by_all_their_words() -> None:
    assert condition_of(web(ADA)) is None
    assert condition_of(web(ADA, condition=LATER | {"location": "x"})) == Condition(LATER["title"], LATER["expression"])
    assert condition_of(web(ADA, condition=LATER | {"description": "d"})) != Condition(
        LATER["title"], LATER["expression"]
    )
    assert Condition("t", "e", "d").as_json() == {"title": "t", "expression": "e", "description": "d"}


def test_who_still_holds_a_role_under_other_conditions() -> None:
    observed = policy(
        web("user:Ada@example.org", EVE, condition=LATER), web(BOB), {"role": "roles/x", "members": [ADA]}
    )
    assert still_held(observed, Wish(WEB_ROLE, (ADA, BOB))) == {LATER["title"]: ["user:Ada@example.org"]}
    conditional = Wish(WEB_ROLE, (ADA, BOB), Condition(LATER["title"], LATER["expression"]))
    assert still_held(observed, conditional) == {"": [BOB]}


@pytest.mark.parametrize(
    ("resource", "observed", "words"),
    [
        (WEB, policy(web(ADA)), []),
        (WEB, policy({"role": TUNNEL_ROLE, "members": [ADA]}), [f"{TUNNEL_ROLE} on {WEB.path} lets nobody in"]),
        (TUNNEL, policy(web(ADA)), [f"{WEB_ROLE} on {TUNNEL.path} lets nobody in"]),
        (WEB, policy(web("allUsers", ADA)), ["allUsers has"]),
        (WEB, policy(web("allAuthenticatedUsers", condition=LATER)), ["allAuthenticatedUsers has"]),
        (TUNNEL, policy({"role": TUNNEL_ROLE, "members": ["allUsers"]}), ["allUsers has"]),
        (WEB, policy({"role": "roles/x", "members": ["allUsers"]}), []),
        (WEB, policy(web(GONE)), [f"names deleted accounts: {GONE}"]),
    ],
)
def test_findings(resource: Resource, observed: dict[str, Any], words: list[str]) -> None:
    told = findings(resource, observed)
    assert [any(word in text for text in told) for word in words] == [True] * len(told)


# ---- other names for the same member

ALIAS, OTHER_ALIAS = "user:bob@alias.org", "user:eve@alias.org"


@pytest.mark.parametrize(
    ("wanted", "reply", "words"),
    [
        pytest.param((ALIAS,), policy(web(ADA, BOB)), f"stores {ALIAS} as {BOB}:", id="00-one"),
        pytest.param(
            (ALIAS, OTHER_ALIAS), policy(web(ADA, BOB, EVE)), f"{ALIAS}, {OTHER_ALIAS} as {BOB} and {EVE}:", id="01-two"
        ),
        pytest.param((ALIAS,), policy(web(ADA)), f"{ALIAS} as a member that is there already:", id="02-there-already"),
        pytest.param(
            (ALIAS, OTHER_ALIAS),
            policy(web(ADA, BOB)),
            f"{OTHER_ALIAS} as {BOB} and a member that is there already:",
            id="03-one-is-there-already",
        ),
        pytest.param(
            ("group:g@alias.org", "domain:alias.org"),
            policy(web(ADA, GROUP, "domain:example.org")),
            f"stores group:g@alias.org as {GROUP}; domain:alias.org as domain:example.org:",
            id="04-kinds",
        ),
        pytest.param((BOB,), policy(web(ADA, "user:Bob@Example.org")), "", id="05-spelling"),
        pytest.param((BOB,), policy(web(ADA, "deleted:user:bob@example.org?uid=1")), "", id="06-deleted-meanwhile"),
        pytest.param((BOB,), policy(web(ADA, BOB, EVE)), "", id="07-one-more"),
        pytest.param((BOB,), {"etag": "f"}, "", id="08-an-answer-without-bindings"),
        pytest.param((BOB,), policy(web(EVE, condition=LATER)), "", id="09-another-condition"),
        pytest.param((BOB,), policy(web(BOB)), "", id="10-somebody-elses-is-gone"),
    ],
)
def test_an_alias_is_seen_in_the_answer_to_the_write(
    wanted: tuple[str, ...], reply: dict[str, Any], words: str
) -> None:
    wish = Wish(WEB_ROLE, wanted)
    problem = renamed(wish, decide(wish, policy(web(ADA)), WEB.path), reply, WEB.path)
    assert (problem is not None) is bool(words)
    if problem is not None:
        assert (problem.error_id, words in problem.what) == ("E-IAP-13", True), problem.what
