# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The one loop that waits: finite, spoken, and with a last look after the deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from .errors import HubError
from .progress import Reporter

T = TypeVar("T")

REPORT_EVERY = 30.0
"""Seconds between two lines about a wait that goes on."""


class State(Enum):
    """What one look at the awaited thing means."""

    DONE = "done"
    PENDING = "pending"
    FATAL = "fatal"


@dataclass(frozen=True)
class Verdict:
    """A judgement of one observation.

    Attributes:
        state: done, pending, or fatal (waiting longer cannot help).
        reason: what was seen and what is still wanted, for a person.
    """

    state: State
    reason: str = ""


@dataclass(frozen=True)
class Waited(Generic[T]):
    """How a wait ended.

    Attributes:
        verdict: the last verdict; pending means the time was up.
        observation: what the last look saw.
        seconds: how long it took.
        looks: how many times was looked.
    """

    verdict: Verdict
    observation: T
    seconds: float
    looks: int

    @property
    def done(self) -> bool:
        """Whether the awaited state was reached."""
        return self.verdict.state is State.DONE


def _nothing(_problem: HubError) -> bool:
    """Bear nothing."""
    return False


def wait(
    what: str,
    observe: Callable[[], T],
    judge: Callable[[T], Verdict],
    *,
    timeout: float,
    interval: float = 2.0,
    reporter: Reporter,
    paced: bool = False,
    bears: Callable[[HubError], bool] = _nothing,
) -> Waited[T]:
    """Look until ``judge`` says done or fatal, or ``timeout`` seconds have passed; always looks once more at the end.

    Args:
        what: the awaited thing in words, for the progress lines.
        observe: one look; may raise :class:`HubError` for what waiting cannot cure.
        judge: the pure decision about one observation.
        timeout: seconds, finite.
        interval: seconds between looks.
        reporter: gets a line at once and then every :data:`REPORT_EVERY` seconds, and whenever the reason changes; its
            clock is the one that counts.
        paced: count the interval from the beginning of a look, not from its end, for looks that take their time.
        bears: whether a look that failed like this only says that nothing can be seen at the moment (a server that is
            restarted). The last look is not borne: its error is raised.
    """
    clock = reporter.clock
    start = clock.monotonic()
    spoken, said = start, ""
    looks = 0
    while True:
        began = clock.monotonic()
        last_look = began - start >= timeout
        looks += 1
        try:
            observation = observe()
        except HubError as problem:
            if last_look or not bears(problem):
                raise
            # Without what follows the colon: a library names its connection there, which is another one at each look.
            verdict = Verdict(State.PENDING, f"{problem.error_id} {problem.what.partition(': ')[0]}")
        else:
            verdict = judge(observation)
            if verdict.state is not State.PENDING or last_look:
                return Waited(verdict, observation, clock.monotonic() - start, looks)
        now = clock.monotonic()
        if verdict.reason != said or now - spoken >= REPORT_EVERY:
            reporter.say(f"waiting: {what}: {verdict.reason}; {now - start:.0f} s of at most {timeout:.0f} s")
            spoken, said = now, verdict.reason
        pause = began + interval - now if paced else interval
        clock.sleep(max(0.0, min(pause, timeout - (now - start))))
