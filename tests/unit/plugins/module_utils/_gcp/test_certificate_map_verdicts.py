# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Certificate Manager's answers mean, and what a person is told about them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_map import Issued, Wish
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_map_verdicts import (
    in_use,
    judge_arrival,
    judge_holders,
    judge_issued,
    judge_operation,
    judge_removal,
    not_issued,
    operation_problem,
    slow_renewal,
    unfinished,
)

WISH = Wish("hub-front", "hub.example.org")
RECORD = {"name": "_acme-challenge_x.hub.example.org", "type": "CNAME", "data": "x.authorize.goog"}


@pytest.mark.parametrize(
    ("operation", "state"),
    [({}, State.PENDING), ({"done": False}, State.PENDING), ({"done": True}, State.DONE)],
)
def test_an_operation_is_over_when_google_says_so(operation: dict[str, Any], state: State) -> None:
    assert judge_operation(operation).state is state


@pytest.mark.parametrize(
    ("code", "error_id", "changed"),
    [
        pytest.param(7, "E-GCP-04", Changed.NOTHING, id="denied"),
        pytest.param(5, "E-GCP-06", Changed.NOTHING, id="not-found"),
        pytest.param(6, "E-GCP-07", Changed.NOTHING, id="exists"),
        pytest.param(10, "E-GCP-07", Changed.NOTHING, id="aborted"),
        pytest.param(8, "E-GCP-11", Changed.NOTHING, id="quota"),
        pytest.param(9, "E-GCP-10", Changed.NOTHING, id="precondition"),
        pytest.param(14, "E-GCP-09", Changed.UNKNOWN, id="unavailable"),
        pytest.param(99, "E-GCP-10", Changed.NOTHING, id="unknown-code"),
    ],
)
def test_an_operation_that_failed_is_told_like_a_refused_request(code: int, error_id: str, changed: Changed) -> None:
    problem = operation_problem({"error": {"code": code, "message": "no. "}}, "Certificate/c", "p")
    assert problem is not None
    assert (problem.error_id, problem.changed) == (error_id, changed)
    assert "Certificate/c" in problem.what
    assert "no" in problem.seen


def test_an_operation_that_succeeded_is_no_problem() -> None:
    assert operation_problem({"done": True, "response": {}}, "Certificate/c", "p") is None


def test_an_operation_that_does_not_end_leaves_it_open_what_was_done() -> None:
    error = unfinished("Certificate/c", 300.4)
    assert (error.error_id, error.changed) == ("E-CERT-34", Changed.UNKNOWN)
    assert "300 s" in error.seen


def refusal(error_id: str = "E-GCP-10", reason: str = "", status: int = 400) -> HubError:
    return HubError(error_id, "refused", "do", seen="400, in use by x", details={"status": status, "reason": reason})


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        pytest.param(refusal("E-GCP-04", "PERMISSION_DENIED"), State.FATAL, id="00-denied"),
        pytest.param(refusal(reason="INVALID_ARGUMENT"), State.FATAL, id="01-invalid"),
        pytest.param(refusal(reason="FAILED_PRECONDITION"), State.PENDING, id="02-used"),
        pytest.param(refusal("E-GCP-06", "NOT_FOUND", 404), State.DONE, id="03-gone-already"),
        pytest.param(refusal("E-GCP-12", status=404), State.DONE, id="03b-gone-when-asked-again-after-a-lost-answer"),
        pytest.param(refusal("E-GCP-12", status=503), State.FATAL, id="03c-nobody-knows"),
        pytest.param(None, State.DONE, id="04-deleted"),
    ],
)
def test_what_the_answer_to_a_deletion_means(problem: HubError | None, state: State) -> None:
    assert judge_removal(problem).state is state


def test_a_part_in_use_is_named_with_its_user() -> None:
    error = in_use("CertificateMap/m", "400, in use by x", 12.0)
    assert error.error_id == "E-CERT-32"
    assert "CertificateMap/m" in error.what
    assert "in use by x" in error.seen
    assert "12 s" in error.wanted
    assert "names" not in error.do  # Google names nobody


@pytest.mark.parametrize(("found", "state"), [(None, State.PENDING), ({}, State.DONE)])
def test_what_was_asked_for_before_arrives_when_it_shows(found: dict[str, Any] | None, state: State) -> None:
    assert judge_arrival(found).state is state


@pytest.mark.parametrize(
    ("holders", "state", "reason"),
    [
        pytest.param(("targetHttpsProxies/a", "b"), State.PENDING, "used by targetHttpsProxies/a, b", id="00-serves"),
        pytest.param((), State.DONE, "no load balancer uses it", id="01-free"),
    ],
)
def test_when_a_map_is_free(holders: tuple[str, ...], state: State, reason: str) -> None:
    verdict = judge_holders(holders)
    assert (verdict.state, verdict.reason) == (state, reason)


@pytest.mark.parametrize(
    ("issued", "state", "reason"),
    [
        pytest.param(Issued(), State.PENDING, "no certificate", id="00-none"),
        pytest.param(Issued("PROVISIONING"), State.PENDING, "PROVISIONING", id="01-at-it"),
        pytest.param(
            Issued("PROVISIONING", "CAA", "no"), State.PENDING, "PROVISIONING, CAA, no", id="02-google-tries-again"
        ),
        pytest.param(Issued("FAILED", "CONFIG", "no"), State.FATAL, "FAILED, CONFIG, no", id="03-given-up"),
        pytest.param(Issued("ACTIVE"), State.DONE, "ACTIVE", id="04-active"),
        pytest.param(
            Issued("PROVISIONING", "CONFIG", renewing=True), State.DONE, "PROVISIONING, serves", id="05-in-renewal"
        ),
    ],
)
def test_when_the_wait_for_a_certificate_ends(issued: Issued, state: State, reason: str) -> None:
    verdict = judge_issued(issued)
    assert (verdict.state, verdict.reason) == (state, reason)


@pytest.mark.parametrize(
    ("cause", "error_id", "do"),
    [
        pytest.param("CONFIG", "E-CERT-30", "_acme-challenge_x.hub.example.org CNAME x.authorize.goog", id="record"),
        pytest.param("CAA", "E-CERT-02", "CAA 0 issue pki.goog", id="caa"),
        pytest.param("RATE_LIMITED", "E-CERT-05", "leave it alone", id="rate"),
        pytest.param("", "E-CERT-28", "gke_iap_certificate_timeout", id="no-cause"),
    ],
)
def test_each_cause_has_its_cure(cause: str, error_id: str, do: str) -> None:
    error = not_issued(WISH, Issued("PROVISIONING", cause, "as Google says"), RECORD, 61.7)
    assert error.error_id == error_id
    assert do in error.do
    assert error.seen == "PROVISIONING, as Google says"
    assert "hub.example.org" in error.what
    assert "waited 62 s" in error.what
    assert "given up" not in error.what
    assert error.details == {"state": "PROVISIONING", "cause": cause}


def test_a_renewal_that_fails_is_said_with_its_cure_as_long_as_the_certificate_serves() -> None:
    told = slow_renewal(WISH, Issued("PROVISIONING", "CONFIG", "no", "2027", renewing=True), RECORD)
    assert told.startswith("E-CERT-30 Google does not find the record that proves hub.example.org")
    assert "serves until 2027. Do: have _acme-challenge_x.hub.example.org CNAME x.authorize.goog" in told
    assert slow_renewal(WISH, Issued("PROVISIONING", expires="2027", renewing=True), RECORD) == ""
    assert slow_renewal(WISH, Issued("PROVISIONING", "CONFIG"), RECORD) == ""


def test_it_is_said_when_google_has_given_up() -> None:
    assert "makes the certificate anew" in not_issued(WISH, Issued("FAILED", "CONFIG"), {}, 0).what


def test_without_a_record_the_cure_still_reads() -> None:
    assert "the record of the authorization" in not_issued(WISH, Issued("PROVISIONING", "CONFIG"), {}, 0).do
