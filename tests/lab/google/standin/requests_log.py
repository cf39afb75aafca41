# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of requests: what was asked, by whom, with what answer; counts per method; breaches of the API contract."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 20_000  # requests; older ones are forgotten, the counts stay


@dataclass
class Entry:
    """One request. ``method`` is Google's method id, or ``token``, ``keys``, ``unknown``."""

    number: int
    at: float
    method: str
    verb: str
    host: str
    path: str
    status: int = 0
    caller: str = ""
    project: str = ""
    writes: bool = False
    fault: str = ""
    request: Any = None
    reply: Any = None


@dataclass
class Log:
    """All requests since the start."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    violations: list[dict[str, Any]] = field(default_factory=list)
    number: int = 0

    def begin(self, at: float, verb: str, host: str, path: str) -> Entry:
        """A request came in."""
        self.number += 1
        entry = Entry(self.number, at, "unknown", verb, host, path)
        self.entries.append(entry)
        return entry

    def violation(self, entry: Entry, text: str) -> None:
        """Somebody broke the contract of the API."""
        found = {"number": entry.number, "method": entry.method, "path": entry.path, "caller": entry.caller}
        self.violations.append({**found, "project": entry.project, "text": text})

    def select(self, since: int = 0, **wish: str) -> list[Entry]:
        """Entries after a number, with the wanted ``project``, ``caller``, ``method``."""
        return [
            one
            for one in self.entries
            if one.number > since and all(getattr(one, name) == value for name, value in wish.items())
        ]

    def broken(self, since: int = 0, **wish: str) -> list[dict[str, Any]]:
        """Violations after a number, with the wanted ``project``, ``caller``, ``method``."""
        return [
            one
            for one in self.violations
            if one["number"] > since and all(one[name] == value for name, value in wish.items())
        ]


def counts(entries: Iterable[Entry]) -> dict[str, int]:
    """How often each method was called."""
    found: dict[str, int] = {}
    for one in entries:
        found[one.method] = found.get(one.method, 0) + 1
    return dict(sorted(found.items()))


def shown(entry: Entry) -> dict[str, Any]:
    """An entry as JSON, without what is empty."""
    return {key: value for key, value in asdict(entry).items() if value not in (None, "")}
