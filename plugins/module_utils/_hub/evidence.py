# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a smoke test proved, row by row, in a form that may be kept and shown to anybody. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

SUMMARY_STEPS = ("login", "cell", "kept", "stranger", "guard", "redirect", "image")
"""The rows of the one-line summary, in its order; the others are conditions of these."""


class Result(Enum):
    """What one row says."""

    OK = "ok"
    FAILED = "failed"
    NOT_PROVED = "not proved"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Row:
    """One step.

    Attributes:
        step: its key, stable for machines.
        title: the claim, in words that fit before a colon.
        result: whether the claim holds.
        text: what was seen. Of a row that is not proved, why not, after ``; `` where something was seen before that.
        seconds: how long it took.
        facts: what was seen, for machines; never secrets.
    """

    step: str
    title: str
    result: Result
    text: str = ""
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)

    def line(self, width: int) -> str:
        """The row as one line of a table whose titles are ``width`` characters wide."""
        return f"{self.result.value:<10}  {self.title:<{width}}  {self.seconds:6.1f} s  {self.text}".rstrip()

    def claim(self) -> str:
        """The row in the one-line summary, with the reason where it is not proved."""
        reason = self.text.rpartition("; ")[2] if self.result is Result.NOT_PROVED else ""
        return f"{self.title}: {self.result.value}" + (f" ({reason})" if reason else "")

    def as_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        return {
            "step": self.step,
            "title": self.title,
            "result": self.result.value,
            "text": self.text,
            "seconds": round(self.seconds, 1),
            "facts": self.facts,
        }


@dataclass
class Evidence:
    """All rows of one run and what they are about.

    Attributes:
        hub: the hub's name.
        url: its front door.
        user: whose server was used; empty until somebody is in.
        login: ``oidc``, ``iap_service_account`` or ``hub_token``.
        started: when the test began.
        check_mode: nothing was tried that changes anything.
    """

    hub: str
    url: str
    login: str
    started: datetime
    user: str = ""
    check_mode: bool = False
    rows: list[Row] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The time of all rows."""
        return sum(row.seconds for row in self.rows)

    def fact(self, step: str, name: str) -> Any:
        """One fact of one row, None where it is not known."""
        return next((row.facts.get(name) for row in self.rows if row.step == step), None)

    def as_dict(self) -> dict[str, Any]:
        """The whole evidence as plain data; what the JSON report holds."""
        return {
            "hub": self.hub,
            "url": self.url,
            "user": self.user,
            "login": self.login,
            "check_mode": self.check_mode,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "jupyterhub": self.fact("hub", "version"),
            "tls": self.fact("door", "tls"),
            "image": self.fact("image", "image"),
            "summary": self.summary(),
            "rows": [row.as_dict() for row in self.rows],
        }

    def summary(self) -> str:
        """The main claims in one line: ``login as ada: ok; cell 6*7=42: ok; ...``."""
        known = {row.step: row for row in self.rows}
        failed = [row.step for row in self.rows if row.result is Result.FAILED and row.step not in SUMMARY_STEPS]
        shown = [known[step] for step in (*failed, *SUMMARY_STEPS) if step in known]
        return "; ".join(row.claim() for row in shown)

    def text(self) -> str:
        """The whole evidence for a person; what the text report holds."""
        kind = "looked at without changing anything" if self.check_mode else "tested"
        began = self.started.isoformat(sep=" ", timespec="seconds")
        head = [
            f"{self.hub}: {self.url} {kind} on {began}, {self.seconds:.1f} s",
            f"user {self.user or '(nobody)'}, login by {self.login}",
            "",
        ]
        width = max((len(row.title) for row in self.rows), default=0)
        body = [row.line(width) for row in self.rows]
        return "\n".join([*head, *body]) + "\n"
