# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Time as an argument, so that waits are tested in milliseconds; and the time by a server's clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

SKEW = 300.0
"""Seconds by which this machine's clock may differ from a server's before it is worth a word."""
SET_IT = "Set it (NTP): tokens that are signed here are refused when it is wrong."


class Clock(Protocol):
    """What a wait may know about time."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back. Deadlines use this."""

    def utcnow(self) -> datetime:
        """The wall clock, timezone-aware, for what people read."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """See :meth:`Clock.monotonic`."""
        return time.monotonic()

    def utcnow(self) -> datetime:
        """See :meth:`Clock.utcnow`."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """See :meth:`Clock.sleep`."""
        time.sleep(seconds)


class ServerTime:
    """What time it is by a server's clock: the date of its last answer, carried on by our monotonic time.

    What a server has stamped (when an object was made, when a certificate ends) is compared with this, because the
    clock of the machine that runs Ansible may be wrong.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: tuple[datetime, float] | None = None

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take note of an answer's ``Date``."""
        date = parse_date(headers.get("date"))
        if date is not None:
            self._told = (date, self._clock.monotonic())

    def now(self) -> datetime:
        """The server's present; ours as long as it has not told."""
        if self._told is None:
            return self._clock.utcnow()
        date, heard = self._told
        return date + timedelta(seconds=self._clock.monotonic() - heard)

    def remark(self) -> str:
        """What to say about this machine's clock; empty while it agrees with the server's."""
        return skew_remark(self._clock.utcnow(), self.now(), SKEW)

    def warnings(self) -> list[str]:
        """The same as a module's warnings."""
        remark = self.remark()
        return [f"{remark[0].upper()}{remark[1:]}; times are judged by the server's. {SET_IT}"] if remark else []


def parse_date(text: object) -> datetime | None:
    """The moment in an HTTP header, which is UTC where it names no timezone; None for what is none."""
    try:
        date = parsedate_to_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date


def parse_time(text: object) -> datetime | None:
    """The moment an API writes in ISO 8601, where one without a timezone is UTC; None for what is none."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def skew_remark(ours: datetime, theirs: datetime, limit: float) -> str:
    """By how much our clock differs from another one, in words; empty up to ``limit`` seconds."""
    ahead = (ours - theirs).total_seconds()
    if abs(ahead) <= limit:
        return ""
    return f"this machine's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
