# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubles for Google: an identity without a network, and a transport that answers from a table."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer, HttpError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import GcpApi
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.auth import AuthOptions, GcpAuth
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock

Json = dict[str, Any]
Answering = Callable[[str, str, Json | None], Answer]


class FakeAuth(GcpAuth):
    """Tokens that are numbered: ``token-1``, ``token-2`` after a renewal."""

    def __init__(self, quota_project: str = "") -> None:
        super().__init__(AuthOptions())
        self.number = 1
        self._quota = quota_project

    @property
    def email(self) -> str:
        return "robot@p.iam.gserviceaccount.com"

    @property
    def quota_project(self) -> str:
        return self._quota

    def validate(self) -> None:
        pass

    def token(self) -> str:
        return f"token-{self.number}"

    def renew(self, used: str) -> str:
        if used == self.token():
            self.number += 1
        return self.token()


class FakeHttp:
    """Answers by ``answering(method, url, body)``; keeps what was sent."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.sent: list[tuple[str, str, Json | None]] = []
        self.headers: list[dict[str, str]] = []

    def request(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any = None) -> Answer:
        self.sent.append((method, url, json))
        self.headers.append(dict(headers or {}))
        return self.answering(method, url, json)


def script(*answers: Answer | Exception) -> Answering:
    """Answers one after the other; one more request is a failed test."""
    waiting = list(answers)

    def answering(method: str, url: str, _body: Json | None) -> Answer:
        if not waiting:
            raise AssertionError(f"nobody foresaw {method} {url}")
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return answering


def reply(status: int = 200, body: Any = None, **headers: str) -> Answer:
    """A JSON answer; header names are written with underscores."""
    named = {"content-type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return Answer(status, "https://google.test/", named, b"" if body is None else json.dumps(body).encode())


def failure(status: int, word: str = "", message: str = "no", *details: Json, **headers: str) -> Answer:
    """A refusal in Google's form."""
    error = {"code": status, "status": word, "message": message, "details": list(details)}
    return reply(status, {"error": error}, **headers)


def busy(chance: random.Random, answering: Answering) -> Answering:
    """The same answers, but three requests in ten are refused for their rate, with every form of ``Retry-After``."""
    waits = [{}, *({"retry_after": text} for text in ("1", "30", "86400", "Sun, 22 Nov 2026 14:00:30 GMT"))]

    def refusing(method: str, url: str, body: Json | None) -> Answer:
        if chance.random() < 0.3:
            return failure(429, **chance.choice(waits))
        return answering(method, url, body)

    return refusing


def info(reason: str, **metadata: str) -> Json:
    """The detail that names a reason."""
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "metadata": metadata}


def broken(kind: str = "connect", reason: str = "Connection reset by peer") -> HttpError:
    """An exchange that did not take place, as far as our side knows."""
    return HttpError(error_id="E-HTTP-01", what="broken", do="wait", kind=kind, reason=reason)


def api(
    answering: Answering, *, clock: FakeClock | None = None, jitter: Callable[[], float] = lambda: 0.5, **words: Any
) -> tuple[GcpApi, FakeHttp, FakeClock]:
    """The real client over fakes."""
    clock = clock or FakeClock()
    http = FakeHttp(answering)
    auth = words.pop("auth", None) or FakeAuth()
    return GcpApi(auth, http=http, clock=clock, jitter=jitter, **words), http, clock
