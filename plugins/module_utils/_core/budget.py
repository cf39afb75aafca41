# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""One amount of time for many steps, so that a run as a whole ends when its caller was promised."""

from __future__ import annotations

from collections.abc import Callable

from .clock import Clock
from .errors import HubError


class Budget:
    """Seconds that run down from the moment of creation."""

    def __init__(self, clock: Clock, seconds: float, expired: Callable[[], HubError]) -> None:
        """Start counting.

        Args:
            clock: where time comes from.
            seconds: the whole budget.
            expired: makes the error for the moment when nothing is left; called late, so that it can name the step.
        """
        self.clock = clock
        self.seconds = seconds
        self._expired = expired
        self._end = clock.monotonic() + seconds

    def left(self) -> float:
        """Seconds that remain.

        Raises:
            HubError: nothing remains.
        """
        left = self._end - self.clock.monotonic()
        if left <= 0:
            raise self._expired()
        return left

    def extend(self, seconds: float) -> None:
        """Grant at least ``seconds`` from now: cleaning up must be possible after the budget is gone."""
        self._end = max(self._end, self.clock.monotonic() + seconds)
