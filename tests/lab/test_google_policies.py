# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fifty writers of the collection's own code on one access policy, beside an outside editor, over loopback.

The recorded history of the stand-in is held against what everybody was told: the set checker. What the same code does
on a bad line is tested in made-up time, in tests/unit/plugins/module_utils/_gcp/test_iap_api.py.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import GcpApi
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.auth import AuthOptions, GcpAuth
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_api import PolicyApi, Settled
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_policy import (
    WEB_ROLE,
    Change,
    Resource,
    Wish,
)
from standin.testing import Running

Json = dict[str, Any]

WRITERS, MEMBERS, EVERY = 50, 20, 0.05
EDITS = 200 if os.environ.get("NIGHTLY") else 60
LONGEST = 60.0
SEEDS = range(10 if os.environ.get("NIGHTLY") else 1)
RESOURCE = Resource("projects/lab-project/iap_web")
FOREIGN = [
    {"role": "roles/iap.admin", "members": ["user:boss@example.org"]},
    {
        "role": WEB_ROLE,
        "members": ["user:guest@example.com"],
        "condition": {"title": "t", "expression": "true", "description": ""},
    },
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Iterator[Running]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # the stand-in is one thread among fifty, and all of them wait for it
    with Running.start(tmp_path_factory.mktemp("google"), documents) as google, google.names():
        yield google
    sys.setswitchinterval(usual)


def of(number: int) -> list[str]:
    return [f"user:w{number}m{member}@example.org" for member in range(MEMBERS)]


def members(policy: Json) -> list[str]:
    """All members of the web role without a condition, with repetitions."""
    mine = [one for one in policy.get("bindings", []) if one["role"] == WEB_ROLE and not one.get("condition")]
    return [member for binding in mine for member in binding["members"]]


def foreign(policy: Json) -> list[Json]:
    return [one for one in policy["bindings"] if one["role"] != WEB_ROLE or one.get("condition")]


class Crowd:
    """Everybody at once on one policy of the stand-in."""

    def __init__(self, google: Running, seed: int, state: str, writers: int = WRITERS, confirm: str = "read") -> None:
        google.do(google.app.reset)
        google.control("POST", "settings", {"keep_bodies": True})
        self.google, self.seed, self.state, self.writers, self.confirm = google, seed, state, writers, confirm
        self.token = google.token()
        self.edited: list[str] = []
        self.over = threading.Event()
        ours = [member for number in range(self.writers) for member in of(number)]
        there = ["user:ada@example.org", *(ours if state == "absent" else [])]
        start = {"version": 3, "bindings": [*FOREIGN, {"role": WEB_ROLE, "members": there}]}
        assert self.ask("setIamPolicy", {"policy": start})[0] == 200
        self.before = google.do(lambda: google.app.standin.log.number)
        editor = threading.Thread(target=self.edit)
        editor.start()
        with ThreadPoolExecutor(self.writers) as pool:
            self.settled = list(pool.map(self.write, range(self.writers)))
        self.over.set()
        editor.join(LONGEST)
        self.history = google.do(self._accepted)

    def ask(self, verb: str, body: Json) -> tuple[int, Json]:
        return self.google.ask("POST", "iap.googleapis.com", f"/v1/{RESOURCE.path}:{verb}", body, self.token)

    def write(self, number: int) -> tuple[Settled, float]:
        """What one run of the module does; every one has a connection of its own."""
        jitter = random.Random(f"{self.seed}-{number}").random
        auth = GcpAuth(AuthOptions(auth_kind="accesstoken", access_token=self.token))
        began = time.monotonic()
        wish = Wish(WEB_ROLE, tuple(of(number)), None, self.state)
        settled = PolicyApi(GcpApi(auth, jitter=jitter), RESOURCE).settle(wish, check_mode=False, confirm=self.confirm)
        return settled, time.monotonic() - began

    def edit(self) -> None:
        """Careful (etag), but not patient: after a conflict he reads again 50 ms later."""
        tries = 0
        while len(self.edited) < EDITS and not self.over.is_set():
            time.sleep(EVERY)
            tries += 1
            _status, policy = self.ask("getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
            ours = next(one for one in policy["bindings"] if one["role"] == WEB_ROLE and not one.get("condition"))
            ours["members"].append(f"user:editor{tries}@example.org")
            if self.ask("setIamPolicy", {"policy": policy})[0] == 200:
                self.edited.append(f"user:editor{tries}@example.org")

    def _accepted(self) -> list[Json]:
        """The policies that came into force, in order."""
        log = self.google.app.standin.log
        return [
            one.request["policy"]
            for one in log.select(self.before, method="iap.setIamPolicy")
            if one.status == 200
        ]  # fmt: skip

    def check(self) -> None:
        """The set checker: nobody lost, unexpected or there twice; each step is one party's; nothing else touched."""
        told = f"seed {self.seed}"
        before = {"user:ada@example.org", *(m for n in range(self.writers) for m in of(n) if self.state == "absent")}
        parties = [frozenset(of(number)) for number in range(self.writers)] + [frozenset({one}) for one in self.edited]
        steps = []
        for policy in self.history:
            now = members(policy)
            assert len(now) == len(set(now)), f"{told}: somebody is there twice"
            steps.append(frozenset(before ^ set(now)))
            assert foreign(policy) == FOREIGN, f"{told}: a foreign binding was touched"
            before = set(now)
        assert sorted(map(sorted, steps)) == sorted(map(sorted, parties)), f"{told}: a step is lost or nobody's"
        final = members(self.ask("getIamPolicy", {"options": {"requestedPolicyVersion": 3}})[1])
        ours = {member for number in range(self.writers) for member in of(number)} if self.state == "present" else set()
        wanted = {"user:ada@example.org", *self.edited, *ours}
        found = {"lost": wanted - set(final), "unexpected": set(final) - wanted, "twice": len(final) - len(set(final))}
        assert found == {"lost": set(), "unexpected": set(), "twice": 0}, told
        assert all(settled.changed for settled, _took in self.settled), told
        assert max(took for _settled, took in self.settled) <= LONGEST, told
        assert self.google.control("GET", "violations")["violations"] == [], told


@pytest.mark.parametrize("confirm", ["none", "read"])
def test_an_alias_ends_with_the_address_that_google_stores(running: Running, confirm: str) -> None:
    running.do(running.app.reset)
    running.control("POST", "accounts/aliases", {"aliases": {"user:ada@alias.org": "user:ada@example.org"}})
    auth = GcpAuth(AuthOptions(auth_kind="accesstoken", access_token=running.token()))
    wish = Wish(WEB_ROLE, ("user:ada@alias.org",))
    with pytest.raises(HubError, match=r"E-IAP-13 .* stores user:ada@alias\.org as user:ada@example\.org: "):
        PolicyApi(GcpApi(auth), RESOURCE).settle(wish, check_mode=False, confirm=confirm)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_fifty_writers_of_twenty_members_and_an_editor_lose_nothing(running: Running, state: str, seed: int) -> None:
    crowd = Crowd(running, seed, state)
    crowd.check()
    conflicts = sum(settled.requests.conflicts for settled, _took in crowd.settled)
    print(f"seed {seed}: {conflicts} conflicts, {len(crowd.edited)} edits, {max(t for _s, t in crowd.settled):.1f} s")
    assert conflicts > WRITERS and len(crowd.edited) > 3, f"seed {seed}: they were never in each other's way"


def test_the_checker_sees_a_writer_who_overwrites_others(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control: without the etag in what is sent, the same crowd loses members."""
    real = PolicyApi._write
    monkeypatch.setattr(
        PolicyApi, "_write", lambda self, wish, change: real(self, wish, replace(change, policy=careless(change)))
    )
    crowd = Crowd(running, 0, "present", writers=12, confirm="none")
    with pytest.raises(AssertionError, match="seed 0"):
        crowd.check()


def careless(change: Change) -> Json:
    return {key: value for key, value in change.policy.items() if key != "etag"}
