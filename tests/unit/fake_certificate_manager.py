# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Certificate Manager in memory, for the real client: it keeps parts, refuses to delete what is used, and counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import failure, reply

Json = dict[str, Any]
HOST = "https://certificatemanager.googleapis.com/v1/"
PLACE = "projects/p/locations/global"
NUMBERED = "projects/123456789012/locations/global"
RECORD = {"name": "_acme-challenge_x.hub.example.org.", "type": "CNAME", "data": "X.0.authorize.goog."}


@dataclass
class Operation:
    """A change that takes its time."""

    left: int
    error: Json | None
    apply: Callable[[], None]
    makes: str


class FakeManager:
    """The parts by name below ``projects/p/locations/global``.

    Attributes:
        parts: what there is, by the end of its name, such as ``certificates/c``.
        writes: every request that would change something, as ``(method, end of name)``.
        states: the states that a certificate shows, one at each look; the last one stays.
        given_up: certificates that show FAILED whatever ``states`` says.
        held: how many looks at a map show a load balancer that uses it; until then the map is not deleted.
        tells: whether a certificate shows who uses it.
        idle: how many deletions of a map are refused because of a proxy that no rule leads to; no look shows it.
        slow: how many further requests an operation outlives; what it changes shows when it is over, as at Google.
        broken: what an operation ends with, by method and collection.
    """

    def __init__(self, *states: Json) -> None:
        self.parts: dict[str, Json] = {}
        self.writes: list[tuple[str, str]] = []
        self.bodies: list[Json] = []
        self.states = list(states) or [{"state": "ACTIVE"}]
        self.given_up: set[str] = set()
        self.held = self.idle = 0
        self.tells = True
        self.slow = 0
        self.broken: dict[tuple[str, str], Json] = {}
        self.before: Callable[[str, str], Answer | Exception | None] = lambda _method, _name: None
        self.after: Callable[[str, str], Answer | Exception | None] = lambda _method, _name: None
        self._operations: dict[str, Operation] = {}

    def __call__(self, method: str, url: str, body: Json | None) -> Answer:
        split = urlsplit(url)
        name = split.path.removeprefix(f"/v1/{PLACE}/")
        assert url.startswith(f"{HOST}{PLACE}/"), url
        early = self.before(method, name)
        if early is None and method != "GET":
            self.writes.append((method, name))
            self.bodies.append(body or {})
        answer = early if early is not None else self._answer(method, name, dict(parse_qsl(split.query)), body or {})
        late = self.after(method, name) if early is None else None
        answer = late if late is not None else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, method: str, name: str, query: dict[str, str], body: Json) -> Answer:
        self._go_on()
        if method == "GET" and name.startswith("operations/"):
            return self._operation(name)
        if method == "GET":
            return self._read(name)
        made = f"{name}/{next(iter(query.values()))}" if method == "POST" else ""
        refusal = self._refused(method, name, made)
        if refusal is not None:
            return refusal
        collection = (name if method == "POST" else name.rpartition("/")[0]).rpartition("/")[2]
        error = self.broken.get((method, collection))
        operation = f"operations/{len(self._operations)}"
        change = partial(self._change, method, name, made, query, body)
        self._operations[operation] = Operation(self.slow + 1, error, change, made)
        self._go_on(operation)
        return self._operation(operation)

    def _go_on(self, *names: str) -> None:
        """A moment passes for these operations, or for all; those that are over take effect."""
        for name in names or list(self._operations):
            operation = self._operations[name]
            operation.left -= 1
            if operation.left == 0 and operation.error is None:
                operation.apply()

    def _operation(self, name: str) -> Answer:
        operation = self._operations[name]
        shown: Json = {"name": f"{PLACE}/{name}"}
        if operation.left <= 0:
            shown |= {"done": True, **({"error": operation.error} if operation.error else {"response": {}})}
        return reply(body=shown)

    def _read(self, name: str) -> Answer:
        end = name.rpartition("/")[2]
        if end in ("dnsAuthorizations", "certificates", "certificateMaps", "certificateMapEntries"):
            found = [self._shown(key) for key in self.parts if key.rpartition("/")[0] == name]
            return reply(body={end: found} if found else {})
        return reply(body=self._shown(name)) if name in self.parts else failure(404, "NOT_FOUND")

    def _shown(self, name: str) -> Json:
        part = {"name": f"{NUMBERED}/{name}", **self.parts[name]}
        if name.startswith("certificates/"):
            state = {"state": "FAILED"} if name in self.given_up else self._next_state()
            part["managed"] = {**part["managed"], **state}
            entries = [key for key, one in self.parts.items() if f"/{name}'" in str(one.get("certificates"))]
            if entries and self.tells:
                part["usedBy"] = [{"name": f"{HOST[6:-3]}{NUMBERED}/{key}"} for key in entries]
        if name.startswith("certificateMaps/") and name.count("/") == 1 and self.held > 0:
            self.held -= 1
            part["gclbTargets"] = [
                {"targetHttpsProxy": "//compute.googleapis.com/projects/p/global/targetHttpsProxies/x"}
            ]
        return part

    def _next_state(self) -> Json:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def _refused(self, method: str, name: str, made: str) -> Answer | None:
        if method == "POST" and (made in self.parts or self._begun(made)):
            return failure(409, "ALREADY_EXISTS")
        if method != "DELETE":
            return None
        if name not in self.parts:
            return failure(404, "NOT_FOUND")
        used = [key for key, part in self.parts.items() if f'{name}"' in str(part).replace("'", '"')]
        used += [key for key in self.parts if key.startswith(f"{name}/")]
        if name.startswith("certificateMaps/") and name.count("/") == 1 and self.held + self.idle > 0:
            self.idle = max(0, self.idle - 1)
            used.append("a target proxy")
        told = "Something refers to this part."  # Google does not name it either
        return failure(400, "FAILED_PRECONDITION", told) if used else None

    def _begun(self, made: str) -> bool:
        return any(one.makes == made and one.left > 0 and one.error is None for one in self._operations.values())

    def _change(self, method: str, name: str, made: str, query: dict[str, str], body: Json) -> None:
        if method == "DELETE":
            self.parts.pop(name, None)
        elif method == "PATCH":
            self.parts[name] |= {key: body[key] for key in query["updateMask"].split(",")}
        else:
            record = {"dnsResourceRecord": RECORD} if name == "dnsAuthorizations" else {}
            self.parts[made] = {**body, **record}
