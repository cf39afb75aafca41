# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Coming to terms with a release that somebody left half done, before anything else is decided. Only reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .._core.poll import State, Verdict, wait
from .._core.progress import Reporter
from .._k8s.patience import passing
from . import pending
from .lease import Lease
from .pending import Move, Policy, Stuck, Writer
from .release_state import History


class Settler:
    """Applies a policy to a busy release."""

    def __init__(
        self,
        release: str,
        policy: Policy,
        max_age: float,
        timeout: float,
        *,
        now: Callable[[], datetime],
        reporter: Reporter,
        removing: bool = False,
    ) -> None:
        """``now`` is the API server's time: it stamped the revisions. ``removing``: the release is to go."""
        self._release = release
        self._policy = policy
        self._max_age = max_age
        self._timeout = timeout
        self._now = now
        self._reporter = reporter
        self._removing = removing

    def settle(self, history: History, lease: Lease, look: Callable[[], History]) -> tuple[History, Stuck | None, Move]:
        """What to do about the release; waits for it where the policy says so.

        Returns:
            The history as it is now; the facts about a release that has to be recovered, else None; and how.

        Raises:
            HubError: E-HELM-04 for a release to be left alone, E-HELM-05 for one whose writer is alive.
        """
        if not pending.is_busy(history):
            return history, None, Move.PROCEED
        writer = Writer.UNKNOWN if self._policy is Policy.WAIT else lease.probe()
        if writer is Writer.DEAD:
            history = look()  # its Lease was watched for a while, in which it may have ended well
            if not pending.is_busy(history):
                return history, None, Move.PROCEED
            if history.newest is not None and not lease.may_have_made(history.newest):
                writer = Writer.UNKNOWN
        facts = pending.stuck(history, writer, self._now())
        move = pending.decide(facts, self._policy, self._max_age)
        if move is Move.WAIT:
            ended = wait(
                f"release {self._release} to leave {facts.revision.status}",
                look,
                left_alone,
                timeout=self._timeout,
                reporter=self._reporter,
                bears=passing,
            )
            if ended.done:
                return ended.observation, None, Move.PROCEED
            facts = pending.stuck(ended.observation, writer, self._now())
        if move in (Move.WAIT, Move.REFUSE):
            raise pending.pending_error(self._release, facts, self._policy, self._max_age, removing=self._removing)
        return history, facts, move


def left_alone(history: History) -> Verdict:
    """Whether nobody works on the release any more."""
    if pending.is_busy(history) and history.newest is not None:
        return Verdict(State.PENDING, f"still {history.newest.status}, revision {history.newest.number}")
    return Verdict(State.DONE)
