# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm's records as facts: two reads, and nothing that may be secret."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_facts import read_facts
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_state import (
    CHART_LABEL,
    DIGEST_LABEL,
    LAYER_PREFIX,
    chart_label,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeHelm, FakeKube

RECORDS = "/api/v1/namespaces/hub/secrets/sh.helm.release.v1.hub.v"
ABSENT = {
    "exists": False,
    "status": "absent",
    "revision": 0,
    "since": "",
    "chart": "",
    "app_version": "",
    "chart_sha256": "",
    "layers": [],
    "digest": "",
    "history": [],
}


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube("hub")


def record(kube: FakeKube, number: int, status: str, **labels: str) -> None:
    def chart(_values: dict[str, Any]) -> list[dict[str, Any]]:
        return []

    FakeHelm(kube, FakeClock(), chart).record(number, status, {"password": "planted"}, labels)


def test_no_release(kube: FakeKube) -> None:
    assert read_facts(kube, "hub", "hub") == ABSENT
    assert len(kube.requests) == 1


def test_a_release(kube: FakeKube) -> None:
    record(kube, 1, "superseded")
    labels = {
        LAYER_PREFIX + "hub_oauth": "true",
        CHART_LABEL: chart_label("a" * 64, "i" * 10),
        DIGEST_LABEL: "d" * 52 + ".2",
    }
    record(kube, 2, "deployed", **labels)
    since = "2026-11-22T14:00:00+00:00"
    found = read_facts(kube, "hub", "hub")
    assert found == {
        "exists": True,
        "status": "deployed",
        "revision": 2,
        "since": since,
        "chart": "jupyterhub-4.4.0",
        "app_version": "5.5.0",
        "chart_sha256": "a" * 64,
        "layers": ["hub_oauth"],
        "digest": "d" * 52,
        "history": [
            {"revision": 2, "status": "deployed", "since": since},
            {"revision": 1, "status": "superseded", "since": since},
        ],
    }
    assert len(kube.requests) == 2


def test_a_release_in_any_state(kube: FakeKube) -> None:
    record(kube, 1, "pending-install")
    found = read_facts(kube, "hub", "hub")
    assert (found["exists"], found["status"], found["chart"]) == (True, "pending-install", "jupyterhub-4.4.0")


def test_an_uninstalled_release_is_a_memory(kube: FakeKube) -> None:
    record(kube, 3, "uninstalled")
    found = read_facts(kube, "hub", "hub")
    assert {**found, "history": []} == ABSENT
    assert [item["revision"] for item in found["history"]] == [3]


def test_a_record_that_cannot_be_read(kube: FakeKube) -> None:
    record(kube, 1, "deployed")
    kube.objects[f"{RECORDS}1"]["data"]["release"] = "%%%"
    with pytest.raises(HubError, match="E-HELM-13"):
        read_facts(kube, "hub", "hub")
