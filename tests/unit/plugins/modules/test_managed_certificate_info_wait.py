# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When managed_certificate_info waits, and that its look afterwards is what it returns; waiting is tested in _gcp/."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import ServerTime
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict, Waited
from ansible_collections.researchops.jupyterhub.plugins.modules import managed_certificate_info as module
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import request


class Cluster:
    """A namespace without certificates."""

    def __init__(self, client: object, namespace: str) -> None:
        """Nothing is asked yet."""
        self.client = SimpleNamespace(server_time=ServerTime(FakeClock()))

    def certificates(self, name: str) -> list[Any]:
        return []


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    done: list[tuple[str, float]] = []

    def wait_active(cluster: object, name: str, **words: Any) -> Waited[None]:
        done.append((name, words["timeout"]))
        assert words["grace"] == 60
        words["reporter"].say("waiting")
        return Waited(Verdict(State.PENDING), None, 7.04, 3)

    monkeypatch.setattr(module, "wait_active", wait_active)
    monkeypatch.setattr(module, "ClusterSide", Cluster)
    monkeypatch.setattr(module.PatientClient, "from_kubeconfig", lambda kubeconfig, context: None)
    return done


@pytest.mark.parametrize(
    ("options", "check_mode"),
    [
        ({"name": "a"}, False),
        ({"wait_timeout": 9}, False),
        ({"name": "a", "wait_timeout": 9}, True),
    ],
    ids=["00 by default", "01 all certificates", "02 check mode"],
)
def test_one_look(waits: list[Any], options: dict[str, Any], check_mode: bool) -> None:
    outcome = module.body(request(module, check_mode=check_mode, namespace="n", check_dns=False, **options))
    assert (waits, outcome.result["waited"], outcome.result["transitions"]) == ([], 0.0, [])


def test_a_wait_is_told_and_ends_with_a_look(waits: list[Any]) -> None:
    outcome = module.body(request(module, namespace="n", name="a", wait_timeout=9, check_dns=False, hub="climate"))
    assert waits == [("a", 9)]
    assert (outcome.changed, outcome.result["waited"], outcome.result["certificates"]) == (False, 7.0, [])
    assert [(line["subject"], line["text"]) for line in outcome.result["transitions"]] == [("climate", "waiting")]


@pytest.mark.parametrize(("wait_timeout", "asked"), [(9, ["token", "wait"]), (0, [])], ids=["00 waits", "01 looks"])
def test_a_wait_begins_with_a_token(
    waits: list[Any], monkeypatch: pytest.MonkeyPatch, wait_timeout: int, asked: list[str]
) -> None:
    order: list[str] = []
    real = module.wait_active

    def wait_active(*given: Any, **words: Any) -> Any:
        order.append("wait")
        return real(*given, **words)

    monkeypatch.setattr(module, "wait_active", wait_active)
    monkeypatch.setattr(module.GcpApi, "log_in", lambda api: order.append("token"))
    options = {"project": "research", "auth_kind": "accesstoken", "access_token": "ya29.canary-canary"}
    module.body(request(module, namespace="n", name="a", check_dns=False, wait_timeout=wait_timeout, **options))
    assert order == asked
