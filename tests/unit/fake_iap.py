# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's access policies in memory, with etags and every way of going wrong; and many writers in made-up time.

The writers of :class:`Simulation` are real threads of which one runs at a time: whoever sends or sleeps hands over, and
a seeded clock decides who is next. So a run of minutes takes milliseconds and is the same for the same seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import Json, broken, failure, reply
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START, copied

FAULTS = ("409", "lost before", "lost after", "429", "503", "503 after", "stale")


@dataclass
class Commit:
    """One policy that was in force."""

    by: str
    policy: Json


@dataclass
class PolicyServer:
    """The policies of any number of resources.

    Attributes:
        faults: asked before each request, ``fault(verb)``; one of FAULTS or nothing.
        history: every policy each resource has had, in order.
        requests: ``(verb, resource)`` of each request that arrived.
        aliases: members of which the primary one is stored.
    """

    faults: Callable[[str], str] = lambda _verb: ""
    history: dict[str, list[Commit]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    alter: Callable[[Json], Json] = lambda policy: policy
    aliases: dict[str, str] = field(default_factory=dict)

    def put(self, resource: str, policy: Json, by: str = "somebody") -> None:
        """Set a policy from outside."""
        commits = self.history.setdefault(resource, [])
        commits.append(Commit(by, copied(policy) | {"etag": f"e{len(commits)}"}))

    def now(self, resource: str) -> Json:
        """The policy in force."""
        return self._commits(resource)[-1].policy

    def count(self, verb: str) -> int:
        return sum(one == verb for one, _resource in self.requests)

    def _commits(self, resource: str) -> list[Commit]:
        if resource not in self.history:
            self.history[resource] = [Commit("Google", {"etag": "ACAB"})]
        return self.history[resource]

    def answering(self, method: str, url: str, body: Json | None, by: str = "me") -> Answer:
        """One request; unknown ones are failed tests."""
        prefix = "https://iap.googleapis.com/v1/"
        assert method == "POST" and url.startswith(prefix), f"nobody foresaw {method} {url}"
        resource, _colon, verb = url.removeprefix(prefix).rpartition(":")
        self.requests.append((verb, resource))
        fault = self.faults(verb)
        if fault == "lost before":
            raise broken()
        if fault in ("429", "503"):
            return failure(int(fault), "UNAVAILABLE", "later")
        if verb == "getIamPolicy":
            assert body == {"options": {"requestedPolicyVersion": 3}}, body
            return self._get(resource, fault)
        assert verb == "setIamPolicy", verb
        assert isinstance(body, dict) and list(body) == ["policy"], body
        return self._set(resource, body["policy"], fault, by)

    def _get(self, resource: str, fault: str) -> Answer:
        commits = self._commits(resource)
        old = commits[max(0, len(commits) - 3)] if fault == "stale" else commits[-1]
        if fault in ("lost after", "503 after"):
            raise broken("timeout")
        return reply(body=self.alter(copied(old.policy)))

    def _set(self, resource: str, policy: Json, fault: str, by: str) -> Answer:
        assert policy.get("etag"), "a policy without an etag overwrites others"
        conditional = any(binding.get("condition") for binding in policy.get("bindings", []))
        assert policy.get("version") == 3 or not conditional, "conditions would be lost"
        if fault == "409" or policy["etag"] != self.now(resource)["etag"]:
            return failure(409, "ABORTED", "There were concurrent policy changes")
        self.put(resource, self._primary(policy) if self.aliases else policy, by)
        if fault == "lost after":
            raise broken()
        if fault == "503 after":
            return failure(503, "UNAVAILABLE", "later")
        return reply(body=copied(self.now(resource)))

    def _primary(self, policy: Json) -> Json:
        bindings = [
            binding | {"members": list(dict.fromkeys(self.aliases.get(one, one) for one in binding["members"]))}
            for binding in policy["bindings"]
        ]
        return policy | {"bindings": bindings}


class Simulation:
    """Threads that take turns in made-up time."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.time = 0.0
        self._order: Iterator[int] = itertools.count()
        self._waiting: list[tuple[float, int, threading.Semaphore]] = []
        self._back = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self.failures: list[tuple[str, BaseException]] = []

    def add(self, name: str, work: Callable[[], None], start: float = 0.0) -> None:
        """One more worker."""
        turn = threading.Semaphore(0)

        def body() -> None:
            turn.acquire()
            try:
                work()
            except BaseException as problem:  # noqa: BLE001 - told to the test
                self.failures.append((name, problem))
            self._back.release()

        thread = threading.Thread(target=body, daemon=True)
        self._threads.append(thread)
        heapq.heappush(self._waiting, (start, next(self._order), turn))
        thread.start()

    def run(self) -> None:
        """Until nobody waits any more."""
        while self._waiting:
            moment, _order, turn = heapq.heappop(self._waiting)
            self.time = max(self.time, moment)
            turn.release()
            assert self._back.acquire(timeout=60), "a worker hangs"

    def pass_time(self, seconds: float) -> None:
        """Called by a worker: let others go first."""
        turn = threading.Semaphore(0)
        heapq.heappush(self._waiting, (self.time + seconds, next(self._order), turn))
        self._back.release()
        turn.acquire()

    # ---- a clock

    def monotonic(self) -> float:
        return self.time

    def utcnow(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def sleep(self, seconds: float) -> None:
        self.pass_time(seconds)

    # ---- a line to a server

    def line(self, server: PolicyServer, by: str) -> Callable[[str, str, Json | None], Answer]:
        """Requests that take a while to arrive and to come back."""

        def answering(method: str, url: str, body: Json | None) -> Answer:
            sent = copied(body or {})
            self.pass_time(self.chance.uniform(0.001, 0.008))
            try:
                return server.answering(method, url, sent, by)
            finally:
                self.pass_time(self.chance.uniform(0.001, 0.008))

        return answering


def granted(policy: Json, role: str) -> list[Any]:
    """All members of a role, with repetitions."""
    return [
        member
        for binding in policy.get("bindings", [])
        if binding["role"] == role and not binding.get("condition")
        for member in binding["members"]
    ]
