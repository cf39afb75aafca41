# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests are sent again, how often, and after what pause."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.patience import TRIES, PatientClient, passing
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeKube

PATH = "/api/v1/namespaces/hub/configmaps/a"
LOST = HubError("E-K8S-02", "lost", "x")


class Kube(PatientClient, FakeKube):
    """Answers in turn, then as the cluster in memory."""

    def __init__(self, *answers: Reply | HubError) -> None:
        super().__init__("hub")
        self.clock = FakeClock()
        self.jitter = lambda: 0.5
        waiting = list(answers)

        def answer(method: str, path: str, query: Any, body: Any) -> Reply | None:
            if not waiting:
                return None
            following = waiting.pop(0)
            if isinstance(following, HubError):
                raise following
            return following

        self.on(answer)

    @property
    def slept(self) -> list[float]:
        assert isinstance(self.clock, FakeClock)
        return self.clock.slept


@pytest.mark.parametrize(
    "trouble", [Reply(429, {}), Reply(500, {}), Reply(503, {}), LOST], ids=["429", "500", "503", "02"]
)
def test_a_read_is_repeated(trouble: Reply | HubError) -> None:
    kube = Kube(trouble, trouble, Reply(200, {"kind": "x"}))
    assert kube.get(PATH) == {"kind": "x"}
    assert kube.slept == [0.25, 0.5]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_a_write_is_repeated_only_when_it_was_not_even_looked_at(method: str) -> None:
    kube = Kube(Reply(429, {}), Reply(503, {}))
    assert kube.request(method, PATH).status == 503
    unclear = Kube(LOST, LOST)  # the look at what became of it is lost, too
    with pytest.raises(HubError, match="E-K8S-02"):
        unclear.request(method, PATH)
    assert unclear.slept == []


def test_a_dry_run_is_no_write() -> None:
    kube = Kube(LOST, Reply(503, {}), Reply(201, {"kind": "x"}))
    assert kube.create(PATH.rpartition("/")[0], {}, dry_run=True) == {"kind": "x"}


@pytest.mark.parametrize("reply", [Reply(200, {}), Reply(404, {}), Reply(403, {}), Reply(409, {})], ids=str)
def test_an_answer_is_an_answer(reply: Reply) -> None:
    kube = Kube(reply)
    assert kube.request("GET", PATH) == reply
    assert kube.slept == []


def test_a_certificate_does_not_come_to_fit_by_waiting() -> None:
    kube = Kube(HubError("E-K8S-02", "another authority", "x", details={"kind": "tls"}))
    with pytest.raises(HubError, match="E-K8S-02"):
        kube.get(PATH)
    assert kube.slept == []


def test_other_errors_are_not_borne() -> None:
    with pytest.raises(HubError, match="E-K8S-03"):
        Kube(HubError("E-K8S-03", "who", "x")).get(PATH)


def test_patience_ends() -> None:
    kube = Kube(*[Reply(429, {"message": "busy"})] * TRIES)
    assert kube.request("GET", PATH).status == 429
    assert len(kube.slept) == TRIES - 1
    assert sum(kube.slept) < 60
    with pytest.raises(HubError, match="E-K8S-02"):
        Kube(*[LOST] * TRIES).get(PATH)


@pytest.mark.parametrize(("asked", "slept"), [(0.0, 0.25), (1.0, 1.25), (30.0, 30.25), (86400.0, 60.0)])
def test_what_the_server_asks_for_is_honoured_up_to_a_minute(asked: float, slept: float) -> None:
    kube = Kube(Reply(429, {}, asked), Reply(200, {}))
    kube.request("POST", PATH)
    assert kube.slept == [slept]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (HubError("E-K8S-02", "lost", "x", changed=Changed.UNKNOWN), True),
        (HubError("E-K8S-05", "conflict", "x"), True),
        (HubError("E-K8S-07", "busy", "x"), True),
        (HubError("E-K8S-08", "ill", "x", details={"status": 503}), True),
        (HubError("E-K8S-08", "gone", "x", details={"status": 410}), False),
        (HubError("E-K8S-04", "forbidden", "x"), False),
        (HubError("E-GCP-06", "x", "x"), False),
    ],
    ids=lambda value: value.error_id if isinstance(value, HubError) else str(value),
)
def test_what_may_pass(error: HubError, answer: bool) -> None:
    assert passing(error) is answer
