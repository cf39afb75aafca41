# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on order: a list of rules, each with its own seed, so that a run can be repeated. Pure.

A rule: ``method`` (shell pattern over method ids, or ``token`` and ``door``), ``share`` (0..1), ``seed``,
``skip`` (calls left alone first), ``times`` (faults altogether, 0: no end), and what happens:

========== ===================================================================================================
status     answer this status without doing anything; with ``after: true`` only after the method was carried out
headers    header lines of that answer, for example ``{"Retry-After": "1"}``
reset      ``before``: close the connection without doing anything; ``after``: do it, then close without a word
truncate   do it, send half of the answer, close
latency    seconds to wait first; ``jitter`` adds up to so many more
========== ===================================================================================================
"""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standin.errors import invalid

KNOWN = {
    "method": str, "share": (int, float), "seed": int, "skip": int, "times": int, "status": int, "headers": dict,
    "reset": str, "truncate": bool, "latency": (int, float), "jitter": (int, float), "after": bool, "message": str,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """What to do to one call."""

    status: int = 0
    message: str = "injected fault"
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: str = ""
    truncate: bool = False
    latency: float = 0.0
    after: bool = False

    def __str__(self) -> str:
        parts = [f"latency {self.latency:.3f}"] if self.latency else []
        parts += [f"reset {self.reset}"] if self.reset else []
        parts += [f"status {self.status}{' after' if self.after else ''}"] if self.status else []
        return ", ".join(parts + (["truncate"] if self.truncate else []))


class Rule:
    """One rule with its history."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        for name, value in data.items():
            if name not in KNOWN or not isinstance(value, KNOWN[name]):  # type: ignore[arg-type]
                raise invalid(f"A fault cannot have {name}: {value!r}.")
        if data.get("reset", "") not in ("", "before", "after"):
            raise invalid("reset is before or after.")
        self.data = dict(data)
        self.random = random.Random(data.get("seed", 0))
        self.calls = self.faults = 0

    def choose(self, method: str) -> Fault | None:
        """The fault for the next call of a method, or None."""
        if not fnmatch.fnmatchcase(method, self.data.get("method", "*")):
            return None
        self.calls += 1
        drawn, wait = self.random.random(), self.random.random()  # always both: the sequence depends on nothing else
        times = self.data.get("times", 0)
        if self.calls <= self.data.get("skip", 0) or (times and self.faults >= times):
            return None
        if drawn >= self.data.get("share", 1.0):
            return None
        self.faults += 1
        kept = {
            key: self.data[key]
            for key in ("status", "message", "headers", "reset", "truncate", "after")
            if key in self.data
        }
        return Fault(latency=self.data.get("latency", 0.0) + wait * self.data.get("jitter", 0.0), **kept)


class Faults:
    """All rules; the first that wants a call has it."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def set(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Replace all rules."""
        self.rules = [Rule(one) for one in rules]

    def choose(self, method: str) -> Fault | None:
        """The fault for this call, or None."""
        for rule in self.rules:
            found = rule.choose(method)
            if found:
                return found
        return None
