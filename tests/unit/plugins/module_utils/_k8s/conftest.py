# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster made of canned answers behind the real adapter; what is not canned is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import KubeClient, Reply

Canned = Mapping[tuple[str, str], Any]


class CannedKube(KubeClient):
    """KubeClient whose wire is a table: (method, path) -> body, (status, body), or a function of query and body."""

    def __init__(self, table: Canned) -> None:
        """Take the table and start an empty record of requests."""
        super().__init__(
            SimpleNamespace(auth_settings=dict, host="https://api.test:6443", ssl_ca_cert=None), None, "/kubeconfig"
        )
        self.table = dict(table)
        self.seen: list[tuple[str, str, bool]] = []

    def _send(self, method: str, path: str, query: Any, body: Any, accept: str, content_type: str) -> Reply:
        self.seen.append((method, path, "dryRun" in (query or {})))
        if (method, path) not in self.table:
            raise AssertionError(f"nobody foresaw {method} {path}")
        answer = self.table[(method, path)]
        if callable(answer):
            answer = answer(query or {}, body)
        return Reply(*answer) if isinstance(answer, tuple) else Reply(200, answer)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What a real server would have changed."""
        reviews = "authorization.k8s.io", "authentication.k8s.io"
        return [
            (method, path)
            for method, path, dry in self.seen
            if method != "GET" and not dry and not any(word in path for word in reviews)
        ]


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utcnow(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def kube() -> Callable[[Canned], CannedKube]:
    return CannedKube


@pytest.fixture
def clock() -> Clock:
    return Clock()
