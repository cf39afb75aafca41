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
from functools import partial

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
        send = partial(super().request, method, path, query, body, accept=accept, content_type=content_type)
        harmless = method == "GET" or "dryRun" in (query or {})
        bound = FIRST_PAUSE
        for _try in range(TRIES - 1):
            asked = 0.0
            try:
                reply = send()
                if not may_pass(reply, harmless):
                    return reply
                asked = min(reply.retry_after, LONGEST_PAUSE)
            except HubError as problem:
                if not may_pass(problem, harmless):
                    raise
            self.clock.sleep(min(asked + self.jitter() * bound, LONGEST_PAUSE))
            bound = min(2 * bound, STEADY_PAUSE)
        return send()


def may_pass(outcome: Reply | HubError, harmless: bool) -> bool:
    """Whether the same request may do better a moment later; ``harmless``: it does no harm to have it done twice."""
    if isinstance(outcome, HubError):
        fits = outcome.details.get("kind") != "tls"  # a certificate that does not fit will not do so by waiting
        return harmless and fits and outcome.error_id == "E-K8S-02"
    return outcome.status == 429 or (harmless and outcome.status >= 500)


def passing(problem: HubError) -> bool:
    """Whether an API server's refusal may be gone a moment later: lost, in conflict, too busy, or ill."""
    if problem.error_id == "E-K8S-08":
        return int(problem.details.get("status") or 0) >= 500
    return problem.error_id in ("E-K8S-02", "E-K8S-05", "E-K8S-07")
