# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A Kubernetes client for long runs: what certainly was not done, and what only reads, is tried again for a while.

A write is sent again only after 429, which says that the server did not even look at it; a dry run is no write.
Everything else that may be gone a moment later goes to the caller, who has to read before it decides anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from .._core.clock import Clock, SystemClock
from .._core.errors import HubError
from .client import Json, KubeClient, Reply

TRIES = 10
"""How often one request is sent at most."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds: the bound of the first pause, which doubles, and the longest pause a server may ask for."""
STEADY_PAUSE = 16.0


class PatientClient(KubeClient):
    """The client with patience; full jitter, so that many runs do not come back at the same moment.

    Attributes:
        clock: where the pauses come from.
        jitter: a random number from 0 to 1.
    """

    clock: Clock = SystemClock()
    jitter: Callable[[], float] = staticmethod(random.random)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        *,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> Reply:
        """See :meth:`KubeClient.request`."""
        bound = FIRST_PAUSE
        harmless = method == "GET" or "dryRun" in (query or {})
        for left in reversed(range(TRIES)):
            asked = 0.0
            try:
                reply = super().request(method, path, query, body, accept=accept, content_type=content_type)
                if not left or not (reply.status == 429 or (harmless and reply.status >= 500)):
                    return reply
                asked = min(reply.retry_after, LONGEST_PAUSE)
            except HubError as problem:
                if not left or not harmless or problem.error_id != "E-K8S-02":
                    raise
            self.clock.sleep(min(asked + self.jitter() * bound, LONGEST_PAUSE))
            bound = min(2 * bound, STEADY_PAUSE)
        raise AssertionError("the last try returns or raises")
