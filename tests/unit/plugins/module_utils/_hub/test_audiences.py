# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which backend services IAP signs: who is asked, in which order, and what not knowing means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.audiences import (
    find_audiences,
    recorded_audiences,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.oauth_iap import UNKNOWN_AUDIENCE
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeHelm, FakeKube

ONE, TWO = "/projects/1/global/backendServices/1", "/projects/1/global/backendServices/2"
PROBLEM = HubError("E-K8S-01", "The cluster cannot be reached", "check the network")


def answering(*audiences: str) -> Callable[[], list[str]]:
    return lambda: list(audiences)


def failing() -> list[str]:
    raise PROBLEM


def forbidden() -> list[str]:
    raise AssertionError("the cluster must not be asked")


@pytest.mark.parametrize(
    ("known", "recorded", "later", "audiences", "pending", "problem"),
    [
        pytest.param([], answering(), False, [], False, "", id="00 nobody knows"),
        pytest.param([], failing, False, [], False, "E-K8S-01", id="01 nobody can be asked"),
        pytest.param([], answering(), True, [], True, "", id="02 nobody knows yet"),
        pytest.param([], failing, True, [], True, "", id="03 nobody can be asked yet"),
        pytest.param([], answering(TWO), False, [TWO], False, "", id="04 the release knows"),
        pytest.param([], answering(TWO), True, [TWO], False, "", id="05 the release knows, nothing is pending"),
        pytest.param([ONE], forbidden, False, [ONE], False, "", id="06 what is known is not asked"),
        pytest.param([ONE], forbidden, True, [ONE], False, "", id="07 nor in a preflight"),
    ],
)
def test_who_is_asked(
    known: list[str],
    recorded: Callable[[], list[str]],
    later: bool,
    audiences: list[str],
    pending: bool,
    problem: str,
) -> None:
    found = find_audiences(known, recorded, later=later)
    assert (found["audiences"], found["pending"], found["problem"].get("error_id", "")) == (audiences, pending, problem)
    assert found["ca_pem"] == ""


@pytest.mark.parametrize("later", [True, False])
def test_a_ca_file_that_cannot_be_used_is_a_problem_at_any_time(later: bool, tmp_path: Path) -> None:
    found = find_audiences([ONE], forbidden, later=later, ca_file=str(tmp_path / "no.pem"))
    assert found["problem"]["error_id"] == "E-OAUTH-08"
    assert set(found["problem"]) == {"error_id", "what", "do", "seen", "wanted"}


def test_the_ca_files_text_is_handed_on(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert find_audiences([ONE], forbidden, ca_file=str(file))["ca_pem"] == file.read_text()


# ---- the running release ------------------------------------------------------------------------------------------


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube("hub")


def record(kube: FakeKube, number: int, status: str, values: dict[str, Any]) -> None:
    def chart(_values: dict[str, Any]) -> list[dict[str, Any]]:
        return []

    FakeHelm(kube, FakeClock(), chart).record(number, status, values, {})


def given(audiences: Any) -> dict[str, Any]:
    return {"hub": {"config": {"IAPAuthenticator": {"audiences": audiences}}}}


def test_no_release_was_given_none(kube: FakeKube) -> None:
    assert recorded_audiences(kube, "hub", "hub") == []


@pytest.mark.parametrize("values", [{}, {"hub": {"config": {"JupyterHub": {}}}}, given("text"), given([])])
def test_a_release_without_iap_was_given_none(kube: FakeKube, values: dict[str, Any]) -> None:
    record(kube, 1, "deployed", values)
    assert recorded_audiences(kube, "hub", "hub") == []


def test_the_deployed_revision_counts_not_one_that_failed(kube: FakeKube) -> None:
    record(kube, 1, "superseded", given(["/projects/0/x"]))
    record(kube, 2, "deployed", given([ONE, TWO]))
    record(kube, 3, "failed", given(["/projects/9/x"]))
    assert recorded_audiences(kube, "hub", "hub") == [ONE, TWO]


def test_below_a_parent_chart(kube: FakeKube) -> None:
    record(kube, 1, "deployed", {"science": {"jupyterhub": given([ONE])}})
    assert recorded_audiences(kube, "hub", "hub", "science.jupyterhub") == [ONE]
    assert recorded_audiences(kube, "hub", "hub") == []


def test_the_stand_in_of_an_earlier_plan_is_not_knowledge(kube: FakeKube) -> None:
    record(kube, 1, "deployed", given([UNKNOWN_AUDIENCE]))
    assert recorded_audiences(kube, "hub", "hub") == []


def test_only_reads(kube: FakeKube) -> None:
    record(kube, 1, "deployed", given([ONE]))
    kube.requests.clear()
    recorded_audiences(kube, "hub", "hub")
    assert {request[0] for request in kube.requests} == {"GET"}
    assert len(kube.requests) == 2
