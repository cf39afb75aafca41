# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Waiting until a record is proved, with every look on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._core.clock import Clock
from .._core.errors import HubError
from .._core.poll import State, Verdict, wait
from .._core.progress import Reporter
from .resolver import Authorities
from .verdicts import Look, Round, Standing, Wanted, current, proved, reached, standing, unreachable
from .words import describe_round, not_proved

CONFIRM_AFTER = 0.3
"""Seconds between the first full agreement and the round that confirms it."""

OUT_OF_REACH_AFTER = 10.0
"""Seconds for which no authoritative server must have answered itself before anybody else is believed; a server that is
only restarted is back by then."""

Asking = Callable[[Sequence[Wanted]], tuple[Look, ...]]


@dataclass(frozen=True)
class Others:
    """Who is asked besides the authoritative servers.

    Attributes:
        resolvers: asks the named resolvers; None where none are named.
        must_agree: whether they have a say.
        public: asks public resolvers over HTTPS; None where that is not wanted.
    """

    resolvers: Asking | None = None
    must_agree: bool = False
    public: Asking | None = None


@dataclass
class Attempts:
    """What each look saw, equal looks in a row counted instead of repeated."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, seconds: float, round_: Round) -> None:
        """Note one look at ``seconds`` since the start."""
        answers = _answers(round_)
        seen = describe_round(round_)
        last = self.entries[-1] if self.entries else None
        if last and last["answers"] == answers and last["seen"] == seen:
            last |= {"until": round(seconds, 1), "looks": last["looks"] + 1}
            return
        moment = round(seconds, 1)
        self.entries.append({"since": moment, "until": moment, "looks": 1, "seen": seen, "answers": answers})


def _answers(round_: Round) -> list[dict[str, Any]]:
    kinds = (("authoritative", round_.looks), ("resolver", round_.resolvers), ("public", round_.public))
    return [{"asked": kind} | answer for kind, looks in kinds for look in looks for answer in look.as_dicts()]


def judge(rounds: Sequence[Round]) -> Verdict:
    """Done when two rounds in a row are fully proved.

    Args:
        rounds: the first round and, only where that one was proved, the confirming one.
    """
    done = reached(rounds) is not Standing.NOT_YET
    return Verdict(State.DONE if done else State.PENDING, describe_round(rounds[-1]))


@dataclass(frozen=True)
class Proof:
    """How a proof ended.

    Attributes:
        standing: verified, said by public resolvers only, or not verified.
        last: the last round.
        attempts: all rounds, condensed.
        seconds: how long it took.
        seen: the last round in words.
    """

    standing: Standing
    last: Round
    attempts: list[dict[str, Any]]
    seconds: float
    seen: str

    @property
    def verified(self) -> bool:
        """Whether every authoritative server agreed twice."""
        return self.standing is Standing.VERIFIED

    @property
    def public(self) -> bool:
        """Whether the authoritative servers are out of reach and public resolvers agreed twice."""
        return self.standing is Standing.PUBLIC

    @property
    def zones(self) -> list[str]:
        """The zones that hold the names."""
        return sorted({look.zone for look in self.last.looks if look.zone})

    @property
    def current(self) -> list[dict[str, Any]]:
        """What is there now, one entry per record set."""
        return [current(look) for look in self.last.looks]

    @property
    def behind(self) -> bool:
        """Whether a named resolver that has no say still gives something else."""
        return bool(self.last.resolvers) and not all(map(proved, self.last.resolvers))

    def error(self) -> HubError:
        """Why it is not proved."""
        return not_proved(self.last, self.seconds, {"attempts": self.attempts, "verdict": self.standing.value})


@dataclass
class Survey:
    """Asks everybody about the wanted records, as often as needed.

    Attributes:
        authorities: the authoritative servers.
        wanted: the record sets.
        others: who else is asked.
        clock: where time comes from.
    """

    authorities: Authorities
    wanted: Sequence[Wanted]
    others: Others
    clock: Clock
    attempts: Attempts = field(default_factory=Attempts)
    started: float = 0.0

    def rounds(self) -> list[Round]:
        """One round, and the confirming one where the first one was proved."""
        first = self._round()
        if standing(first) is Standing.NOT_YET:
            return [first]
        began = self.clock.monotonic()
        if standing(first) is Standing.VERIFIED:
            self.authorities.renew()  # so that the second round asks the servers of now
        self.clock.sleep(max(0.0, CONFIRM_AFTER - (self.clock.monotonic() - began)))
        return [first, self._round()]

    def _round(self) -> Round:
        looks = self.authorities.look(self.wanted)
        seen = Round(looks, must_agree=self.others.must_agree)
        waited = self.clock.monotonic() - self.started
        if self.others.public is not None and waited >= OUT_OF_REACH_AFTER and not self.authorities.met:
            seen = replace(seen, public=self.others.public(self.wanted) if unreachable(looks) else ())
        right = bool(seen.public) or all(map(proved, looks))
        if self.others.resolvers is not None and right:
            seen = replace(seen, resolvers=self.others.resolvers(self.wanted))
        self.attempts.add(self.clock.monotonic() - self.started, seen)
        return seen


def prove(
    authorities: Authorities,
    wanted: Sequence[Wanted],
    *,
    clock: Clock,
    timeout: float,
    interval: float,
    reporter: Reporter,
    others: Others | None = None,
) -> Proof:
    """Look until every authoritative server agrees twice in a row, or the time is up.

    Args:
        authorities: who is asked.
        wanted: the record sets.
        clock: where time comes from.
        timeout: seconds; 0 looks once.
        interval: seconds from look to look; the confirming look follows the first agreement by CONFIRM_AFTER.
        reporter: gets the progress lines.
        others: who else is asked; by default nobody.
    """
    survey = Survey(authorities, wanted, others or Others(), clock, started=clock.monotonic())
    what = " and ".join(dict.fromkeys(f"{item.name} {item.text()}" for item in wanted))
    ended = wait(what, survey.rounds, judge, timeout=timeout, interval=interval, reporter=reporter, paced=True)
    last, amounts_to = ended.observation[-1], reached(ended.observation)
    if amounts_to is Standing.NOT_YET:
        last = replace(last, looks=authorities.marked(last.looks))
    return Proof(amounts_to, last, survey.attempts.entries, ended.seconds, describe_round(last))
