# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A small client for Google's REST APIs: what may be repeated is repeated, what may not is looked up first.

Reads are tried again while the server is busy or the connection breaks. A write is sent again only when it certainly
was not done (429), or when a read-back by its caller shows that it was not. One client belongs to one thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from .._core.clock import Clock, ServerTime, SystemClock
from .._core.errors import Changed, HubError
from .._core.transport import Answer, Http, HttpError
from .auth import AuthOptions, GcpAuth
from .refusals import LONGEST_PAUSE, GcpConflict, Json, Refusal, explain, parse

IAP = "https://iap.googleapis.com/v1/"
COMPUTE = "https://compute.googleapis.com/compute/v1/"
CONTAINER = "https://container.googleapis.com/v1/"
SITE_VERIFICATION = "https://www.googleapis.com/siteVerification/v1/"

PATIENCE = 120.0
"""Seconds one operation may take with all its repetitions, not counting pauses that the server asked for."""
ASKED_SECONDS = 600.0
"""Seconds a server may make us pause in all, on top of the above: the longest pause ten times."""
EXCHANGE_SECONDS = 60.0
"""Seconds for one exchange, however slowly it trickles."""
SHORTEST_EXCHANGE = 5.0
"""Seconds; an exchange that is begun gets at least this much, even at the end of the time."""
FIRST_PAUSE, STEADY_PAUSE = 0.5, 16.0
"""Seconds: the upper bounds of the first and of every late pause; they double in between."""
PASSING_KINDS = frozenset({"connect", "timeout", "name", "format"})
"""Failures of an exchange that may be gone a moment later."""


class Transport(Protocol):
    """The part of :class:`Http` that is used here."""

    def request(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any = None) -> Answer:
        """One exchange."""


@dataclass(frozen=True)
class Call:
    """One request, and how people call what it is about.

    Attributes:
        doing: what is asked, as a noun: ``the access policy of projects/p/iap_web``.
        method: the HTTP method.
        url: the whole address, without a query.
        body: sent as JSON.
        query: parameters of the address.
    """

    doing: str
    method: str
    url: str
    body: Json | None = None
    query: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Written:
    """A write that is done.

    Attributes:
        body: the server's answer, or what the read-back found.
        lost: the answer was lost, and the read-back proved the write.
    """

    body: Json
    lost: bool = False


@dataclass
class Allowance:
    """Time that pauses are taken from.

    Attributes:
        end: when our own time is over, by the clock that never goes back.
        asked: seconds the server may still make us pause; they move the end.
    """

    end: float
    asked: float = ASKED_SECONDS


class Pauses:
    """Full jitter: each pause is a random share of a bound that doubles, for as long as the allowance lasts."""

    def __init__(
        self, clock: Clock, allowance: Allowance, jitter: Callable[[], float], steady: float = STEADY_PAUSE
    ) -> None:
        """Start with short pauses.

        Args:
            clock: where time comes from.
            allowance: how long all tries together may take; may be shared.
            jitter: a random number from 0 to 1.
            steady: seconds; the bound stops doubling here.
        """
        self._clock = clock
        self._allowance = allowance
        self._jitter = jitter
        self._bound = FIRST_PAUSE
        self._steady = steady

    def again(self) -> Pauses:
        """Short pauses again, within the same time."""
        return Pauses(self._clock, self._allowance, self._jitter, self._steady)

    def left(self) -> float:
        """Seconds that remain; negative when they are over."""
        return self._allowance.end - self._clock.monotonic()

    def pause(self, asked: float | None = None) -> bool:
        """Sleep before another try, at least as long as the server asked; False, without sleeping, when time is up.

        A server that asks for patience is not at odds with anybody: its pauses have a limit of their own.
        """
        granted = min(asked or 0.0, LONGEST_PAUSE)
        own = min(self._jitter() * self._bound, LONGEST_PAUSE - granted)
        self._bound = min(self._bound * 2, self._steady)
        if own >= self.left() or granted > self._allowance.asked:
            return False
        self._allowance.asked -= granted
        self._allowance.end += granted
        self._clock.sleep(granted + own)
        return True


class GcpApi:
    """Requests to Google's APIs in the name of one identity."""

    def __init__(
        self,
        auth: GcpAuth,
        *,
        project: str = "",
        patience: float = PATIENCE,
        clock: Clock | None = None,
        http: Transport | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            auth: who we are.
            project: whose APIs these are, for messages.
            patience: seconds one operation may take with all its repetitions, without pauses the server asks for.
            clock: where time comes from.
            http: the transport, for tests; by default an :class:`Http` of our own.
            jitter: a random number from 0 to 1.
        """
        self._auth = auth
        self._project = project
        self._patience = patience
        self._clock = clock or SystemClock()
        self._jitter = jitter
        self._exchange_end = 0.0
        self._http = http or Http(seconds_left=self._seconds_left)
        self.server_time = ServerTime(self._clock)
        self.requests = 0

    @classmethod
    def from_options(cls, options: Mapping[str, Any], *, learn: Callable[[str], None], project: str = "") -> GcpApi:
        """A client in the name of whom a module's options say; still nothing is sent.

        Args:
            options: the options of GCP_OPTIONS.
            learn: gets every key and token, so that they can be masked: ``redactor.add``.
            project: whose APIs these are, for messages.

        Raises:
            HubError: E-GCP-01 or E-GCP-02 for credentials that cannot work.
        """
        auth = GcpAuth(AuthOptions.of(options), learn=learn)
        auth.validate()
        return cls(auth, project=project)

    def log_in(self) -> None:
        """Fetch a token ahead, where bad credentials should be told before anything else is tried.

        Raises:
            HubError: E-GCP-02 without usable credentials, E-GCP-03 refused, E-GCP-09 token endpoint not reached.
        """
        self._auth.token()

    def pauses(self, seconds: float, steady: float = STEADY_PAUSE) -> Pauses:
        """Time for several operations together."""
        return Pauses(self._clock, Allowance(self._clock.monotonic() + seconds), self._jitter, steady)

    def read(self, call: Call, within: Pauses | None = None) -> Json:
        """The answer to a request that changes nothing, whatever its method; repeated while the trouble may pass.

        Args:
            call: the request.
            within: whose time to use; by default this operation has its own.

        Raises:
            HubError: the refusal, when it is final or the time is up.
        """
        pauses = within.again() if within else self.pauses(self._patience)
        while True:
            reply = self._try(call, pauses)
            if not isinstance(reply, Refusal):
                return reply
            passing = reply.ambiguous or reply.rate_limited
            if not passing or not pauses.pause(reply.retry_after):
                raise self._error(reply, call)

    def find(self, call: Call) -> Json | None:
        """Like :meth:`read`, and None for what does not exist (404)."""
        try:
            return self.read(call)
        except HubError as problem:
            if problem.error_id == "E-GCP-06":
                return None
            raise

    def pages(self, call: Call, items: str = "items") -> list[Json]:
        """All objects of a list; ``items`` is the field that holds them.

        Raises:
            HubError: E-GCP-09 for a list that Google itself calls incomplete; else as :meth:`read`.
        """
        pages = list(self.each_page(call))
        away = sorted({str(place) for page in pages for place in page.get("unreachable") or []})
        if away:
            raise HubError(
                error_id="E-GCP-09",
                what=f"{_service(call)} tells only a part of {call.doing}, and what is missing could be taken for gone",
                seen=f"not reached: {', '.join(away)}",
                do="look at Google's status page, then run again",
            )
        return [one for page in pages for one in page.get(items) or []]

    def each_page(self, call: Call) -> Iterator[Json]:
        """The answers that a list comes in, whole: an aggregated one has its objects by scope, with warnings."""
        query = dict(call.query or {})
        while True:
            page = self.read(Call(call.doing, call.method, call.url, call.body, query))
            yield page
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = str(page["nextPageToken"])

    def write(self, call: Call, landed: Callable[[], Json | None], within: Pauses | None = None) -> Written:
        """Send a request that changes something, at most once with effect.

        Args:
            call: the request; where the API knows an etag or a fingerprint, the body must carry it.
            landed: looks whether the write took effect: what it made, else None. Asked only when an answer was lost.
            within: whose time to use; by default this operation has its own.

        Raises:
            GcpConflict: the object is no longer what the write was based on; read again and decide again.
            HubError: the refusal; E-GCP-12 when nobody can tell whether it took effect, which any error after a lost
                answer says too.
        """
        pauses = within.again() if within else self.pauses(self._patience)
        uncertain = False
        while True:
            try:
                reply = self._try(call, pauses)
            except HubError as problem:
                if uncertain:
                    problem.changed = Changed.UNKNOWN
                raise
            if not isinstance(reply, Refusal):
                return Written(reply)
            if reply.ambiguous or (uncertain and reply.conflict):
                uncertain = True
                found = self._look(call, landed, reply)
                if found is not None:
                    return Written(found, lost=True)
            if not (reply.ambiguous or reply.rate_limited) or not pauses.pause(reply.retry_after):
                raise self._write_error(reply, call, uncertain)

    def _look(self, call: Call, landed: Callable[[], Json | None], reply: Refusal) -> Json | None:
        try:
            return landed()
        except HubError as problem:
            raise _unknown(call, f"{problem.error_id} {problem.what}", reply) from problem

    def _write_error(self, reply: Refusal, call: Call, uncertain: bool) -> HubError:
        error = explain(reply, call.doing, service=_service(call), project=self._project, write=True)
        if isinstance(error, GcpConflict):
            error.after_lost = uncertain
            return error
        return _unknown(call, error.seen, reply) if uncertain else error

    def _error(self, reply: Refusal, call: Call) -> HubError:
        return explain(reply, call.doing, service=_service(call), project=self._project)

    def _try(self, call: Call, pauses: Pauses) -> Json | Refusal:
        """One exchange; a new token is fetched once when the server says 401.

        Raises:
            HubError: E-GCP-03 for credentials that are refused twice; an HttpError that will not pass.
        """
        seconds = min(max(pauses.left(), SHORTEST_EXCHANGE), EXCHANGE_SECONDS)
        token = self._token(self._auth.token, pauses)
        try:
            answer = self._send(call, token, seconds)
            if answer.status == 401:
                fresh = self._token(lambda: self._auth.renew(token), pauses)
                answer = self._send(call, fresh, seconds)
            if answer.status == 401:
                raise self._auth.refused(f"{_service(call)} answers 401 to a fresh token")
            body = _decoded(answer)
        except HttpError as problem:
            if problem.kind not in PASSING_KINDS:
                raise
            return Refusal(0, message=problem.reason)
        if 200 <= answer.status < 300:
            return body if isinstance(body, dict) else {"items": body}
        return parse(answer.status, body, answer.headers, self._clock.utcnow())

    def _token(self, fetch: Callable[[], str], pauses: Pauses) -> str:
        """A token, asked for again while the token endpoint cannot be reached; nothing has been sent by then."""
        while True:
            try:
                return fetch()
            except HubError as problem:
                if problem.error_id != "E-GCP-09" or not pauses.pause():
                    raise

    def _send(self, call: Call, token: str, seconds: float) -> Answer:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        if self._auth.quota_project:
            headers["X-Goog-User-Project"] = self._auth.quota_project
        self._exchange_end = self._clock.monotonic() + seconds
        self.requests += 1
        url = call.url + (f"?{urlencode(call.query)}" if call.query else "")
        answer = self._http.request(call.method, url, headers=headers, json=call.body)
        self.server_time.hear(answer.headers)
        return answer

    def _seconds_left(self) -> float:
        left = self._exchange_end - self._clock.monotonic()
        if left <= 0:
            raise HttpError(
                error_id="E-HTTP-01",
                what="An exchange with Google takes too long",
                do="check the network on the way, then run again",
                kind="timeout",
                reason="no complete answer in time",
            )
        return left


def _decoded(answer: Answer) -> Any:
    """The body; only of a success must it be JSON, because proxies on the way refuse with pages of their own."""
    if not answer.body.strip():
        return {}
    try:
        return answer.json()
    except HttpError:
        if 200 <= answer.status < 300:
            raise
        return {}


def _service(call: Call) -> str:
    return urlsplit(call.url).hostname or call.url


def _unknown(call: Call, why: str, reply: Refusal) -> HubError:
    return HubError(
        error_id="E-GCP-12",
        what=f"The answer of {_service(call)} to a change of {call.doing} was lost, and reading back did not settle it",
        seen=why,
        do="run again; it looks at what is there before it changes anything",
        changed=Changed.UNKNOWN,
        details={"status": reply.status, "service": _service(call)},
    )
