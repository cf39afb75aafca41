# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One policy beside other writers: how many requests, what survives, what is told; 50 writers and an editor at once."""

from __future__ import annotations

import copy
import itertools
import os
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import GcpApi
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_api import SECONDS, PolicyApi, Settled
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_policy import (
    WEB_ROLE,
    Condition,
    Resource,
    Wish,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import FakeAuth, FakeHttp, busy, failure
from ansible_collections.researchops.jupyterhub.tests.unit.fake_iap import FAULTS, PolicyServer, Simulation, granted
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, copied, fails

WEB = Resource("projects/p/iap_web")
FOREIGN: dict[str, Any] = {
    "version": 3,
    "bindings": [
        {"role": "roles/iap.admin", "members": ["user:Boss@Example.org"], "unknownField": [1]},
        {
            "role": WEB_ROLE,
            "members": ["user:guest@example.com"],
            "condition": {"title": "t", "expression": "true", "location": "x"},
        },
        {"role": WEB_ROLE, "members": ["user:Ada@example.org"]},
    ],
    "auditConfigs": [{"service": "iap.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]}],
}


def wish(*members: str, state: str = "present", condition: Condition | None = None) -> Wish:
    return Wish(WEB_ROLE, members, condition, state)


class Desk:
    """One policy over the server in memory."""

    def __init__(self, policy: dict[str, Any] | None = None, faults: Iterable[str] = (), **words: Any) -> None:
        waiting = list(faults)
        self.server = PolicyServer(lambda verb: waiting.pop(0) if waiting else "", **words)
        if policy is not None:
            self.server.put(WEB.path, policy)
        self.clock = FakeClock()
        self.http = FakeHttp(self.server.answering)
        self.api = GcpApi(FakeAuth(), http=self.http, clock=self.clock, jitter=lambda: 0.5)

    def settle(self, wanted: Wish, check_mode: bool = False, confirm: str = "read") -> Settled:
        return PolicyApi(self.api, WEB).settle(wanted, check_mode=check_mode, confirm=confirm)

    @property
    def verbs(self) -> str:
        return " ".join(verb[:3] for verb, _resource in self.server.requests)


# ---- how many requests


@pytest.mark.parametrize(
    ("confirm", "verbs"), [("none", "get set"), ("read", "get set get"), ("stable", "get set" + " get" * 3)]
)
def test_a_thousand_members_are_one_reading_and_one_write(confirm: str, verbs: str) -> None:
    desk = Desk()
    members = [f"user:u{number}@example.org" for number in range(1000)]
    settled = desk.settle(wish(*members), confirm=confirm)
    assert desk.verbs == verbs
    assert granted(desk.server.now(WEB.path), WEB_ROLE) == members
    assert settled.changed is True
    numbers = {"reads": 1, "writes": 1, "confirmations": {"none": 0, "read": 1, "stable": 3}[confirm], "conflicts": 0}
    assert settled.requests.as_dict() == numbers
    assert desk.clock.slept == []


def test_nothing_to_do_is_one_reading() -> None:
    desk = Desk(FOREIGN)
    settled = desk.settle(wish("user:ada@EXAMPLE.org"), confirm="stable")
    assert (desk.verbs, settled.changed, len(desk.server.history[WEB.path])) == ("get", False, 1)


def test_check_mode_decides_the_same_and_does_not_write() -> None:
    desk = Desk(FOREIGN)
    foretold = desk.settle(wish("group:g@example.org"), check_mode=True)
    assert (desk.verbs, foretold.changed) == ("get", True)
    assert desk.settle(wish("group:g@example.org")).change.plan == foretold.change.plan


# ---- what survives


def test_everything_of_others_comes_back_as_it_was() -> None:
    desk = Desk(FOREIGN)
    desk.settle(wish("group:g@example.org"))
    wanted = copy.deepcopy(FOREIGN)
    wanted["bindings"][2]["members"].append("group:g@example.org")
    assert desk.server.now(WEB.path) == wanted | {"etag": "e1"}
    assert desk.http.sent[1][2] == {"policy": wanted | {"etag": "e0"}}


def test_a_conflict_means_deciding_again_on_the_new_policy() -> None:
    desk = Desk(FOREIGN)
    real = desk.server.answering
    theirs = copy.deepcopy(FOREIGN)
    theirs["bindings"][2]["members"] = ["user:new@example.org", "group:g@example.org"]

    def racing(method: str, url: str, body: Any) -> Any:
        if url.endswith("setIamPolicy") and len(desk.server.history[WEB.path]) == 1:
            desk.server.put(WEB.path, theirs)
        return real(method, url, body)

    desk.http.answering = racing
    settled = desk.settle(wish("group:g@example.org", "group:h@example.org"))
    assert desk.verbs == "get set get set get"
    assert granted(desk.server.now(WEB.path), WEB_ROLE) == [
        "user:new@example.org",
        "group:g@example.org",
        "group:h@example.org",
    ]
    assert settled.change.added == ("group:h@example.org",)
    assert settled.requests.conflicts == 1
    assert desk.clock.slept == [0.25]


def test_a_conflict_after_which_the_wish_is_fulfilled_is_no_change_of_ours() -> None:
    desk = Desk(FOREIGN)
    real = desk.server.answering
    theirs = copy.deepcopy(FOREIGN)
    theirs["bindings"][2]["members"].append("group:g@example.org")

    def racing(method: str, url: str, body: Any) -> Any:
        if url.endswith("setIamPolicy"):
            desk.server.put(WEB.path, theirs)
        return real(method, url, body)

    desk.http.answering = racing
    settled = desk.settle(wish("group:g@example.org"))
    assert (desk.verbs, settled.changed, settled.change.plan.changed) == ("get set get", False, False)


@pytest.mark.parametrize(
    ("faults", "verbs"),
    [
        pytest.param(["", "lost after"], "get set get get", id="committed, answer lost"),
        pytest.param(["", "503 after"], "get set get get", id="committed, 503"),
        pytest.param(["", "lost before"], "get set get set get", id="not committed"),
        pytest.param(["", "503"], "get set get set get", id="busy"),
        pytest.param(["", "429"], "get set set get", id="too many"),
        pytest.param(["", "409"], "get set get set get", id="conflict for no reason"),
        pytest.param(["503", "lost before", "429"], "get get get get set get", id="reading is hard"),
        pytest.param(["", "lost after", "stale"], "get set get set get get", id="lost, and the look is stale"),
        pytest.param(["", "", "stale", "stale"], "get set get get get", id="confirmation is stale"),
    ],
)
def test_faults_around_the_write_lose_and_repeat_nothing(faults: list[str], verbs: str) -> None:
    desk = Desk(FOREIGN, faults)
    settled = desk.settle(wish("group:g@example.org"))
    assert desk.verbs == verbs
    assert granted(desk.server.now(WEB.path), WEB_ROLE) == ["user:Ada@example.org", "group:g@example.org"]
    assert len(desk.server.history[WEB.path]) == 2
    assert (settled.changed, settled.change.added) == (True, ("group:g@example.org",))


@pytest.mark.parametrize("seed", range(500))
def test_with_a_third_of_all_requests_refused_for_their_rate_every_policy_is_settled(seed: int) -> None:
    chance = random.Random(seed)
    desk = Desk(FOREIGN)
    desk.http.answering = busy(chance, desk.server.answering)
    desk.api = GcpApi(FakeAuth(), http=desk.http, clock=desk.clock, jitter=chance.random)
    assert desk.settle(wish("group:g@example.org")).changed is True
    assert desk.verbs == "get set get"


@pytest.mark.parametrize("asked", ["60", "86400"])
def test_a_write_that_is_asked_to_come_back_later_comes_back_later(asked: str) -> None:
    desk = Desk(FOREIGN)
    answers = [failure(429, retry_after=asked)]
    desk.http.answering = lambda method, url, body: (
        answers.pop() if answers and url.endswith("setIamPolicy") else desk.server.answering(method, url, body)
    )
    assert desk.settle(wish("group:g@example.org")).changed is True
    assert (desk.clock.slept, desk.verbs) == ([60.0], "get set get")


def test_a_stale_reading_starts_stable_confirmation_over() -> None:
    desk = Desk(FOREIGN, ["", "", "", "", "stale"])
    settled = desk.settle(wish("group:g@example.org"), confirm="stable")
    assert (desk.verbs, settled.requests.confirmations) == ("get set get get get get get get", 6)


def test_a_lost_answer_after_which_others_went_on_counts_as_our_change() -> None:
    """Our write is committed, its answer lost, and somebody else writes before we look."""
    desk = Desk(FOREIGN, ["", "lost after"])
    real = desk.server.answering

    def racing(method: str, url: str, body: Any) -> Any:
        if url.endswith("getIamPolicy") and len(desk.server.history[WEB.path]) == 2:
            now = copy.deepcopy(desk.server.now(WEB.path))
            now["bindings"][2]["members"].append("user:third@example.org")
            desk.server.put(WEB.path, now)
        return real(method, url, body)

    desk.http.answering = racing
    settled = desk.settle(wish("group:g@example.org"))
    assert (settled.changed, settled.change.added) == (True, ("group:g@example.org",))
    assert granted(desk.server.now(WEB.path), WEB_ROLE).count("group:g@example.org") == 1
    assert len(desk.server.history[WEB.path]) == 3


def test_conditions_are_part_of_the_binding() -> None:
    desk = Desk(FOREIGN)
    settled = desk.settle(wish("user:guest@example.com", condition=Condition("u", "true")))
    assert settled.changed is True
    assert desk.server.now(WEB.path)["bindings"][:3] == FOREIGN["bindings"]
    assert desk.settle(wish("user:guest@example.com", condition=Condition("t", "true"))).changed is False


# ---- how it ends


def test_endless_conflicts_end_after_a_minute() -> None:
    desk = Desk(FOREIGN)
    desk.server.faults = lambda verb: "409" if verb == "setIamPolicy" else ""
    problem = fails("E-IAP-07", lambda: desk.settle(wish("group:g@example.org")))
    assert SECONDS - 5 < desk.clock.passed <= SECONDS
    assert (problem.changed, problem.details["conflicts"] >= 8) == (Changed.NOTHING, True)


def test_endless_conflicts_after_a_lost_answer_leave_it_open() -> None:
    desk = Desk(FOREIGN)
    writes = itertools.chain(["lost before"], itertools.repeat("409"))
    desk.server.faults = lambda verb: next(writes) if verb == "setIamPolicy" else ""
    assert fails("E-IAP-07", lambda: desk.settle(wish("group:g@example.org"))).changed is Changed.UNKNOWN


def test_a_change_that_never_shows_says_that_it_was_made() -> None:
    desk = Desk(FOREIGN)
    desk.server.faults = lambda verb: "stale" if desk.server.count("setIamPolicy") else ""
    desk.server.put(WEB.path, FOREIGN)
    problem = fails("E-IAP-08", lambda: desk.settle(wish("group:g@example.org")))
    assert (problem.changed, desk.clock.passed <= SECONDS) == (Changed.SOME, True)
    assert "group:g@example.org" in str(problem)


def test_a_reading_that_fails_after_the_write_says_that_it_was_made() -> None:
    desk = Desk(FOREIGN)
    real = desk.server.answering

    def forbidding(method: str, url: str, body: Any) -> Any:
        if desk.server.count("setIamPolicy"):
            return failure(403, "PERMISSION_DENIED")
        return real(method, url, body)

    desk.http.answering = forbidding
    assert fails("E-GCP-04", lambda: desk.settle(wish("group:g@example.org"))).changed is Changed.SOME


def test_a_refused_write_says_that_nothing_was_changed() -> None:
    desk = Desk(FOREIGN)
    real = desk.server.answering
    desk.http.answering = lambda method, url, body: (
        failure(403, "PERMISSION_DENIED") if url.endswith("setIamPolicy") else real(method, url, body)
    )
    assert fails("E-GCP-04", lambda: desk.settle(wish("group:g@example.org"))).changed is Changed.NOTHING


def test_our_own_policy_that_comes_back_different_is_told() -> None:
    desk = Desk(FOREIGN)
    desk.server.alter = lambda policy: (
        policy | {"bindings": policy["bindings"][2:]} if desk.server.count("setIamPolicy") else policy
    )
    assert fails("E-IAP-09", lambda: desk.settle(wish("group:g@example.org"))).changed is Changed.SOME


@pytest.mark.parametrize("confirm", ["none", "read", "stable"])
def test_an_alias_ends_with_the_address_that_google_stores(confirm: str) -> None:
    desk = Desk(FOREIGN, aliases={"user:bob@alias.org": "user:bob@example.org"})
    wanted = wish("group:g@example.org", "user:bob@alias.org")
    problem = fails("E-IAP-13", lambda: desk.settle(wanted, confirm=confirm))
    assert "Google stores user:bob@alias.org as user:bob@example.org:" in problem.what
    assert problem.do.startswith("write user:bob@example.org instead (in gke_iap_members")
    assert (problem.changed, desk.verbs) == (Changed.SOME, "get set")
    assert granted(desk.server.now(WEB.path), WEB_ROLE)[1:] == ["group:g@example.org", "user:bob@example.org"]
    again = fails("E-IAP-13", lambda: desk.settle(wish("user:bob@alias.org"), confirm=confirm))
    assert "user:bob@alias.org as a member that is there already:" in again.what
    assert desk.settle(wish("user:bob@example.org"), confirm=confirm).changed is False


def test_an_alias_is_told_after_a_lost_answer_too() -> None:
    desk = Desk(FOREIGN, ["", "lost after"], aliases={"user:bob@alias.org": "user:bob@example.org"})
    assert fails("E-IAP-13", lambda: desk.settle(wish("user:bob@alias.org"))).changed is Changed.SOME


def test_whoever_else_writes_at_the_same_time_looks_like_no_alias() -> None:
    """Somebody adds a member between our reading and our write, and takes ours out between our write and the look."""
    desk = Desk(FOREIGN)
    real = desk.server.answering

    def racing(method: str, url: str, body: Any) -> Any:
        rounds = (url.rpartition(":")[2], len(desk.server.history[WEB.path]))
        if rounds in (("setIamPolicy", 1), ("getIamPolicy", 3)):
            theirs = copy.deepcopy(FOREIGN)
            theirs["bindings"][2]["members"].append("user:bob@example.org")
            desk.server.put(WEB.path, theirs)
        return real(method, url, body)

    desk.http.answering = racing
    fails("E-IAP-08", lambda: desk.settle(wish("user:guest@example.org")))
    assert desk.verbs.startswith("get set get set get get")


def test_a_policy_without_an_etag_is_not_written() -> None:
    desk = Desk(FOREIGN)
    desk.server.alter = lambda policy: {key: value for key, value in policy.items() if key != "etag"}
    fails("E-IAP-09", lambda: desk.settle(wish("group:g@example.org")))
    assert desk.verbs == "get"
    assert desk.settle(wish("user:ada@example.org")).changed is False


def test_a_written_policy_that_reads_without_an_etag_is_judged_by_its_members() -> None:
    desk = Desk(FOREIGN)
    desk.server.alter = lambda policy: (
        {key: value for key, value in policy.items() if key != "etag"} if desk.server.count("setIamPolicy") else policy
    )
    assert desk.settle(wish("group:g@example.org")).changed is True


# ---- many at once


def add(policy: dict[str, Any], member: str) -> None:
    """How an outside editor edits the same binding."""
    for binding in policy.setdefault("bindings", []):
        if binding["role"] == WEB_ROLE and not binding.get("condition"):
            binding["members"].append(member)
            return
    policy["bindings"].append({"role": WEB_ROLE, "members": [member]})


class Crowd:
    """50 writers with 20 members each, and an editor who writes every 50 ms for 200 writes."""

    writers, members, edits = 50, 20, 200

    def __init__(self, seed: int, faults: float = 0.0, state: str = "present") -> None:
        self.simulation = Simulation(seed)
        luck = random.Random(seed + 1)
        self.server = PolicyServer(lambda _verb: luck.choice(FAULTS) if luck.random() < faults else "")
        self.state = state
        start = copy.deepcopy(FOREIGN)
        if state == "absent":
            start["bindings"][2]["members"] += [member for number in range(self.writers) for member in self.of(number)]
        self.server.put(WEB.path, start, "start")
        self.done: dict[int, tuple[Settled, float]] = {}
        self.edited: list[str] = []
        for number in range(self.writers):
            self.simulation.add(f"writer {number}", self.writer(number), self.simulation.chance.uniform(0, 0.2))
        self.simulation.add("editor", self.editor)
        self.simulation.run()

    def of(self, number: int) -> list[str]:
        return [f"user:w{number}m{member}@example.org" for member in range(self.members)]

    def writer(self, number: int) -> Callable[[], None]:
        def work() -> None:
            line = self.simulation.line(self.server, f"writer {number}")
            jitter = self.simulation.chance.random
            api = GcpApi(FakeAuth(), http=FakeHttp(line), clock=self.simulation, jitter=jitter)
            began = self.simulation.time
            settled = PolicyApi(api, WEB).settle(
                wish(*self.of(number), state=self.state), check_mode=False, confirm="read"
            )
            self.done[number] = (settled, self.simulation.time - began)

        return work

    def editor(self) -> None:
        """Careful (etag), but not patient: after a conflict he reads and tries again 50 ms later."""
        for number in itertools.count():
            if len(self.edited) == self.edits:
                return
            self.simulation.pass_time(0.05)
            policy = copied(self.server.now(WEB.path))
            self.simulation.pass_time(self.simulation.chance.uniform(0.001, 0.004))
            add(policy, f"user:editor{number}@example.org")
            if policy["etag"] == self.server.now(WEB.path)["etag"]:
                self.server.put(WEB.path, policy, "editor")
                self.edited.append(f"user:editor{number}@example.org")

    def check(self, seed: int) -> None:
        """The set checker: nobody is lost, unexpected or there twice, and nothing of others was ever touched."""
        assert self.simulation.failures == [], f"seed {seed}"
        final = granted(self.server.now(WEB.path), WEB_ROLE)
        ours = {member for number in range(self.writers) for member in self.of(number)}
        wanted = {"user:Ada@example.org", *self.edited} | (ours if self.state == "present" else set())
        told = {"lost": wanted - set(final), "unexpected": set(final) - wanted, "twice": len(final) - len(set(final))}
        assert told == {"lost": set(), "unexpected": set(), "twice": 0}, f"seed {seed}"
        for commit in self.server.history[WEB.path]:
            others = [
                binding
                for binding in commit.policy["bindings"]
                if binding["role"] != WEB_ROLE or "condition" in binding
            ]
            assert others == FOREIGN["bindings"][:2], f"seed {seed}: {commit.by}"
            assert commit.policy["auditConfigs"] == FOREIGN["auditConfigs"], f"seed {seed}: {commit.by}"
        by = [commit.by for commit in self.server.history[WEB.path]]
        assert sorted({one for one in by if by.count(one) > 1} - {"editor"}) == [], f"seed {seed}: somebody wrote twice"
        assert {number for number, (settled, _took) in self.done.items() if settled.changed} == set(range(self.writers))
        assert max(took for _settled, took in self.done.values()) <= SECONDS + 5, f"seed {seed}"


SEEDS = range(100 if os.environ.get("NIGHTLY") else 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("state", "faults"), [("present", 0.0), ("absent", 0.0), ("present", 0.15), ("absent", 0.15)])
def test_many_writers_and_an_editor_lose_nothing(seed: int, state: str, faults: float) -> None:
    SmallCrowd(seed, faults, state).check(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_fifty_writers_of_twenty_members_lose_nothing(seed: int) -> None:
    Crowd(seed, faults=0.1).check(seed)


class SmallCrowd(Crowd):
    """The same with fewer."""

    writers, members, edits = 12, 5, 40


def test_the_checker_sees_a_server_that_lets_writers_overwrite_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control: without the server's etag check the same crowd loses members."""
    real = PolicyServer._set

    def careless(self: PolicyServer, resource: str, policy: dict[str, Any], fault: str, by: str) -> Any:
        policy["etag"] = self.now(resource)["etag"]
        return real(self, resource, policy, fault, by)

    monkeypatch.setattr(PolicyServer, "_set", careless)
    with pytest.raises(AssertionError):
        SmallCrowd(0).check(0)
