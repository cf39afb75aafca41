# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What to do about a release that somebody left half done. Pure.

Helm refuses to touch a release whose newest revision is pending, and never gives up that refusal by itself. Nothing
decided here uninstalls anything: a claim of the hub or of a person is never at stake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from .._core.errors import HubError
from .release_state import BUSY, History, Revision


class Policy(Enum):
    """Option ``pending_policy``."""

    FAIL = "fail"
    WAIT = "wait"
    ROLLBACK = "rollback"
    MARK_FAILED = "mark_failed"


class Writer(Enum):
    """What is known about who made the release pending."""

    DEAD = "no writer alive"
    UNKNOWN = "holder unknown"


class Move(Enum):
    """What to do."""

    PROCEED = "proceed"
    WAIT = "wait"
    REFUSE = "refuse"
    ROLLBACK = "rollback"
    MARK_FAILED = "mark_failed"


@dataclass(frozen=True)
class Stuck:
    """A release in a busy state.

    Attributes:
        revision: the newest revision.
        age: seconds since it was written; None where that cannot be read.
        writer: what is known about its writer.
        back_to: the revision a rollback would go to; None where there is none.
    """

    revision: Revision
    age: float | None
    writer: Writer
    back_to: Revision | None


def is_busy(history: History) -> bool:
    """Whether Helm would refuse to upgrade, or somebody is uninstalling."""
    return history.newest is not None and history.newest.status in BUSY


def stuck(history: History, writer: Writer, now: datetime) -> Stuck:
    """The facts about a busy release."""
    newest = history.newest
    if newest is None:
        raise ValueError("a release without revisions is not busy")
    age = None if newest.since is None else max(0.0, (now - newest.since).total_seconds())
    return Stuck(newest, age, writer, history.deployed)


def decide(facts: Stuck, policy: Policy, max_age: float) -> Move:
    """What to do about a busy release.

    A writer that is known to be dead is no reason to wait. Of an unknown one (somebody's own Helm) only the age
    tells, and an age that cannot be read tells nothing.
    """
    if policy is Policy.FAIL:
        return Move.REFUSE
    if policy is Policy.WAIT:
        return Move.WAIT
    if facts.writer is Writer.UNKNOWN and (facts.age is None or facts.age < max_age):
        return Move.REFUSE
    nowhere_to_go = facts.back_to is None or facts.revision.status in ("pending-install", "uninstalling")
    return Move.MARK_FAILED if policy is Policy.MARK_FAILED or nowhere_to_go else Move.ROLLBACK


def pending_error(release: str, facts: Stuck, policy: Policy, max_age: float, *, removing: bool = False) -> HubError:
    """E-HELM-04: what is pending since when, and the way out; another one for a run that takes the release away."""
    revision = facts.revision
    since = f" since {revision.since:%H:%M} UTC" if revision.since else ""
    age = f", {_minutes(facts.age)}" if facts.age is not None else ""
    young = facts.writer is Writer.UNKNOWN and (facts.age is None or facts.age < max_age)
    if policy in (Policy.ROLLBACK, Policy.MARK_FAILED) and young:
        do = (
            f"wait: pending_policy={policy.value} acts on a release of an unknown writer only after "
            f"{_minutes(max_age)}; if you know that nobody is deploying, run again with -e z2jh_pending_max_age=0"
        )
    else:
        goal = "marks it failed and upgrades" if facts.back_to is None else f"goes to revision {facts.back_to.number}"
        goal = "then this run takes it away" if removing else goal
        when = f", once it is {_minutes(max_age)} old" if young else ""
        do = f"run again with -e z2jh_pending_policy=rollback ({goal}{when}), or wait if a colleague is deploying"
    return HubError(
        "E-HELM-04",
        f"Release {release} is {revision.status}{since} (revision {revision.number}{age}, {facts.writer.value}). "
        "Homes and database are untouched",
        do,
        details={
            "status": revision.status,
            "revision": revision.number,
            "age": None if facts.age is None else int(facts.age),
            "writer": facts.writer.value,
        },
    )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
