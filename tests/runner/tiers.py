# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tier is a list of steps under one time limit; a step is one program whose checks are counted."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .process import Failure, Outcome, run, say, tail

TAIL_LINES = 40
HARD_STOP = 4.0
NIGHTLY_FACTOR = 10
COMPLAINT = re.compile(r"\bERROR\b|\bFAILED\b|fatal:|: error:")
GIST_LINES = 6
GIST_WIDTH = 200
NAMED = re.compile(r"^(?:FAILED|ERROR|\[ERROR\]):? |^(?!E   ).*(?:fatal:|: error:)")
REASON = re.compile(r"^E   ")


def expected(minutes: float) -> float:
    """Return how long a tier should take that takes so many minutes by day: in `make nightly` it has far more to do."""
    return minutes * (NIGHTLY_FACTOR if os.environ.get("NIGHTLY") else 1)


@dataclass(frozen=True)
class Count:
    """How many checks passed and failed, with a remark for the step's line."""

    passed: int = 0
    failed: int = 0
    note: str = ""

    def __add__(self, other: Count) -> Count:
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            "; ".join(text for text in (self.note, other.note) if text),
        )


def telling(log: Path) -> list[str]:
    """Return the lines of a failed step's log that a person wants: complaints from anywhere in it, then its end."""
    lines = tail(log, 100_000)
    end = lines[-TAIL_LINES:]
    early = [line for line in lines[:-TAIL_LINES] if COMPLAINT.search(line)]
    if not early:
        return end
    left_out = len(lines) - len(end) - len(early[:TAIL_LINES])
    return [*early[:TAIL_LINES], f"... {left_out} lines left out ...", *end]


def gist(log: Path) -> list[str]:
    """Return what failed in a step, in the few short lines that still fit below the table at the end of a run.

    What names a failure comes before the reasons: one long reason must not hide that something else failed as well.
    """
    lines = tail(log, 100_000)
    found = [line for sign in (NAMED, REASON) for line in lines if sign.search(line)] or lines[-GIST_LINES:]
    return [line[:GIST_WIDTH] for line in dict.fromkeys(found)][:GIST_LINES]


Judge = Callable[[Outcome, Path], Count]


def one(outcome: Outcome, _log: Path) -> Count:
    """Judge a program that is one check: its exit code decides."""
    return Count(passed=1) if outcome.ok else Count(failed=1)


@dataclass
class Tier:
    """Runs steps, prints one line for each, adds up their checks. A step never raises: what cannot run has failed.

    Attributes:
        name: as in `make NAME`.
        minutes: what all steps together should take, without making environments. A slow or busy machine gets
            HARD_STOP times as much before a step is ended; being late is told, not a failure.
    """

    name: str
    minutes: float
    total: Count = field(default_factory=Count)
    spent: float = 0.0
    failures: list[str] = field(default_factory=list)
    _batch_end: float | None = None

    @property
    def late(self) -> bool:
        """Whether the steps took longer than they should."""
        return self.spent > self.minutes * 60

    def abreast(self, steps: Sequence[Callable[[], object]], workers: int) -> None:
        """Run steps that do not depend on each other, `workers` at a time; their wall time counts, not their sum."""
        before, started = self.spent, time.monotonic()
        self._batch_end = started + max(1.0, self._limit() - before)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda step: step(), steps))
        self._batch_end = None
        self.spent = before + time.monotonic() - started

    def _limit(self) -> float:
        return self.minutes * 60 * HARD_STOP

    def _left(self) -> float:
        """Seconds until the hard stop."""
        left = self._limit() - self.spent if self._batch_end is None else self._batch_end - time.monotonic()
        return max(1.0, left)

    def log(self, step: str) -> Path:
        """Return the log file of a step."""
        return paths.LOGS / f"{self.name}-{step.replace(' ', '-').replace('/', '-')}.log"

    def step(
        self,
        label: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        judge: Judge = one,
        limit: float | None = None,
    ) -> Count:
        """Run one program within what is left of the tier's time and count its checks."""
        log = self.log(label)
        log.unlink(missing_ok=True)
        left = min(self._left(), limit or self._limit())
        outcome = run(argv, log=log, timeout=left, env=env, cwd=cwd, label=f"{self.name} {label}")
        try:
            count = judge(outcome, log)
        except (OSError, ValueError, Failure) as error:
            count = Count(failed=1, note=f"its results could not be read: {error}")
        if outcome.timed_out:
            count += Count(failed=1, note=f"stopped after {left:.0f} s (the tier should take {self.minutes:g} min)")
        elif not outcome.ok and not count.failed:
            count += Count(failed=1, note=f"ended with code {outcome.code}")
        elif not count.passed and not count.failed:
            count += Count(failed=1, note="it checked nothing")
        self._record(label, count, outcome.seconds, log)
        return count

    def note_failure(self, label: str, reason: str) -> None:
        """Record a step that could not even start."""
        log = self.log(label)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(reason + "\n", encoding="utf-8")
        self._record(label, Count(failed=1), 0.0, log)

    def check(self, label: str, act: Callable[[], list[str]]) -> None:
        """Run a check written in Python: it returns complaints, one line each; none is a pass."""
        started = time.monotonic()
        log = self.log(label)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            complaints = act()
        except (OSError, ValueError, Failure) as error:
            complaints = [str(error)]
        log.write_text("".join(line + "\n" for line in complaints), encoding="utf-8")
        self._record(label, Count(failed=1) if complaints else Count(passed=1), time.monotonic() - started, log)

    def _record(self, label: str, count: Count, seconds: float, log: Path) -> None:
        self.spent += seconds
        self.total += Count(count.passed, count.failed)
        word = "FAILED" if count.failed else "ok"
        remark = f"  {count.note}" if count.note else ""
        say(
            f"{self.name:<11} {label:<28} {word:<6} {count.passed:>4} passed {count.failed:>3} failed "
            f"{seconds:7.1f} s{remark}"
        )
        if count.failed:
            self.failures.append(label)
            for line in telling(log):
                say(f"    | {line}")
            say(f"    whole log: {log.relative_to(paths.ROOT)}")

    def recall(self) -> None:
        """Say once more, shortly, what failed."""
        for label in self.failures:
            say(f"{self.name} {label} failed; whole log: {self.log(label).relative_to(paths.ROOT)}")
            for line in gist(self.log(label)):
                say(f"    | {line}")
