# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Google's refusals mean and what a person reads about them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.refusals import (
    GcpConflict,
    Refusal,
    explain,
    parse,
    retry_after,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START

IAP = "iap.googleapis.com"


def told(refusal: Refusal, **words: Any) -> Any:
    return explain(refusal, "the thing", **{"service": IAP, "project": "p", **words})


def test_a_new_apis_refusal_is_read_whole() -> None:
    body = {
        "error": {
            "code": 403,
            "status": "PERMISSION_DENIED",
            "message": "Cloud IAP API has not been used. ",
            "details": [
                {"reason": "SERVICE_DISABLED", "metadata": {"service": IAP, "consumer": "projects/7"}},
                {"retryDelay": "2.5s"},
                "no dictionary",
            ],
        }
    }
    refusal = parse(403, body, {}, START)
    facts = {"service": IAP, "consumer": "projects/7"}
    message = "Cloud IAP API has not been used"
    assert refusal == Refusal(403, "PERMISSION_DENIED", message, frozenset({"SERVICE_DISABLED"}), facts, 2.5)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"error": {"errors": [{"reason": "notFound"}, "x"]}}, Refusal(404, reasons=frozenset({"notFound"}))),
        ({"error": "invalid_grant"}, Refusal(404, message="invalid_grant")),
        ({}, Refusal(404)),
        ([], Refusal(404)),
    ],
)
def test_other_shapes_are_read_as_far_as_they_go(body: Any, wanted: Refusal) -> None:
    assert parse(404, body, {}, START) == wanted


STRANGER = {
    "code": 400,
    "status": "FAILED_PRECONDITION",
    "message": "One or more users named in the policy do not belong to a permitted customer.",
    "details": [
        {
            "violations": [
                {
                    "type": "constraints/iam.allowedPolicyMemberDomains",
                    "subject": "orgpolicy:projects/p?configvalue=ada@example.com",
                    "description": "User ada@example.com is not in permitted organization.",
                }
            ]
        }
    ],
}


def test_whom_or_what_google_means_is_in_the_details() -> None:
    member = told(parse(400, {"error": STRANGER}, {}, START))
    assert member.error_id == "E-GCP-10"
    assert "customer. User ada@example.com is not in permitted organization" in member.seen
    assert "guests may be in a Google group of the organisation" in member.do
    field = {"message": "Invalid argument.", "details": [{"fieldViolations": [{"field": "a.b", "description": "No."}]}]}
    assert parse(400, {"error": field}, {}, START).message == "Invalid argument. a.b: No"
    again = [{"fieldViolations": [{"field": "x", "description": "Unknown name x."}]}]
    twice = {"message": "Unknown name x.", "details": again}
    assert parse(400, {"error": twice}, {}, START).message == "Unknown name x"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 14:00:09 GMT"}, 9.0),
        ({"retry-after": "Sun, 22 Nov 2026 14:00:09"}, 9.0),
        ({"retry-after": "Sun, 22 Nov 2026 18:00:09 GMT", "date": "Sun, 22 Nov 2026 18:00:04 GMT"}, 5.0),
        ({"retry-after": "Sun, 22 Nov 2026 18:00:09 GMT", "date": "whenever"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 13:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, START) == seconds


@pytest.mark.parametrize(
    ("refusal", "kinds"),
    [
        (Refusal(429), "rate"),
        (Refusal(403, reasons=frozenset({"userRateLimitExceeded"})), "rate"),
        (Refusal(403, reasons=frozenset({"forbidden"})), ""),
        (Refusal(400, reasons=frozenset({"rateLimitExceeded"})), ""),
        (Refusal(0), "ambiguous"),
        (Refusal(503), "ambiguous"),
        (Refusal(501), ""),
        (Refusal(409), "conflict"),
        (Refusal(412), "conflict"),
        (Refusal(400, "ABORTED"), "conflict"),
        (Refusal(400, message="There were concurrent policy changes. Please retry"), "conflict"),
        (Refusal(400, message="etag is malformed"), ""),
    ],
)
def test_kinds_of_refusal(refusal: Refusal, kinds: str) -> None:
    named = {"rate": refusal.rate_limited, "ambiguous": refusal.ambiguous, "conflict": refusal.conflict}
    assert [name for name, holds in named.items() if holds] == ([kinds] if kinds else [])


@pytest.mark.parametrize(
    ("refusal", "error_id", "words"),
    [
        pytest.param(Refusal(409, "ABORTED"), "E-GCP-07", "Somebody else has changed the thing", id="conflict"),
        pytest.param(Refusal(429), "E-GCP-08", "has got too many requests", id="rate"),
        pytest.param(Refusal(0, message="reset"), "E-GCP-09", "Seen: reset", id="no answer"),
        pytest.param(Refusal(503), "E-GCP-09", "no usable answer", id="busy"),
        pytest.param(
            Refusal(403, reasons=frozenset({"SERVICE_DISABLED"}), facts={"service": "x.googleapis.com"}),
            "E-GCP-05",
            "gcloud services enable x.googleapis.com --project p;",
            id="disabled, named",
        ),
        pytest.param(
            Refusal(403, reasons=frozenset({"accessNotConfigured"})),
            "E-GCP-05",
            f"gcloud services enable {IAP} --project p;",
            id="disabled, old form",
        ),
        pytest.param(Refusal(403, reasons=frozenset({"quotaExceeded"})), "E-GCP-11", "quota of the", id="quota"),
        pytest.param(Refusal(400, "RESOURCE_EXHAUSTED"), "E-GCP-11", "more quota", id="exhausted"),
        pytest.param(
            Refusal(403, facts={"permission": "iap.web.getIamPolicy"}),
            "E-GCP-04",
            "the permission iap.web.getIamPolicy is missing",
            id="permission as a fact",
        ),
        pytest.param(
            Refusal(403, message="Required 'compute.backendServices.list' permission for 'projects/p'"),
            "E-GCP-04",
            "a role with the permission compute.backendServices.list;",
            id="permission in a sentence",
        ),
        pytest.param(
            Refusal(403, message="host 'a.b.c' is closed"), "E-GCP-04", "it is not allowed", id="no permission named"
        ),
        pytest.param(Refusal(404), "E-GCP-06", "does not know the thing", id="unknown"),
        pytest.param(Refusal(400, message="bad role"), "E-GCP-10", "Seen: 400, bad role", id="bad"),
    ],
)
def test_every_refusal_has_its_id_and_its_sentence(refusal: Refusal, error_id: str, words: str) -> None:
    error = told(refusal)
    assert error.error_id == error_id
    assert words in str(error)
    assert isinstance(error, GcpConflict) is (error_id == "E-GCP-07")


@pytest.mark.parametrize(
    ("consumer", "project", "words"),
    [
        ("77", "", "is not enabled in project 77, whose quota pays for this request."),
        ("77", "p", "gcloud services enable iap.googleapis.com --project 77;"),
        ("p", "p", "is not enabled in project p. "),
        ("", "p", "--project p;"),
        ("", "", "--project PROJECT;"),
        ("764086051850", "p", "gcloud auth application-default set-quota-project p;"),
        ("618104708054", "p", "gcloud auth application-default set-quota-project p;"),
        ("32555940559", "", "gcloud auth application-default set-quota-project PROJECT;"),
    ],
)
def test_a_disabled_api_is_one_of_the_project_whose_quota_is_used(consumer: str, project: str, words: str) -> None:
    facts = {"consumer": f"projects/{consumer}"} if consumer else {}
    error = told(Refusal(403, reasons=frozenset({"SERVICE_DISABLED"}), facts=facts), project=project)
    assert (error.error_id, error.details.get("consumer", "")) == ("E-GCP-05", consumer)
    assert words in str(error)


def test_a_login_without_a_quota_project_is_known_by_googles_words_too() -> None:
    message = "Your application uses local credentials. The API requires a quota project, which is not set by default"
    refusal = Refusal(403, "", message, frozenset({"SERVICE_DISABLED"}), {"consumer": "projects/9"})
    error = told(refusal)
    assert "set-quota-project p;" in error.do
    assert "services enable" not in str(error)


@pytest.mark.parametrize(
    ("reason", "facts", "words"),
    [
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", {}, "must have the scope https://www.googleapis.com/auth/cloud-platform"),
        ("USER_PROJECT_DENIED", {"consumer": "projects/q"}, "roles/serviceusage.serviceUsageConsumer in q,"),
        ("SECURITY_POLICY_VIOLATED", {"uid": "u"}, "its perimeter (VPC Service Controls)"),
        ("BILLING_DISABLED", {"consumer": "projects/7"}, "gcloud billing projects link 7 "),
        ("BILLING_DISABLED", {}, "project p has no billing account"),
    ],
)
def test_what_no_role_cures_has_another_cure(reason: str, facts: dict[str, str], words: str) -> None:
    error = told(Refusal(403, "PERMISSION_DENIED", "No", frozenset({reason}), facts))
    assert error.error_id == "E-GCP-04"
    assert words in str(error)
    assert "grant these credentials" not in str(error)


def test_a_perimeter_is_known_by_googles_words_too() -> None:
    message = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: AbC"
    assert "VPC Service Controls" in told(Refusal(403, message=message)).what


@pytest.mark.parametrize("quotes", ["''", "\u2018\u2019", "'\u2019", '""'])
def test_a_deleted_account_that_a_policy_cannot_be_written_with_is_named(quotes: str) -> None:
    member = f"{quotes[0]}old@groups.example.org?uid=123{quotes[1]}"
    message = f"Email is not the primary email address for unique ID of deleted member {member}"
    error = told(Refusal(400, "INVALID_ARGUMENT", message))
    assert (error.error_id, error.do.split(" out of ")[0]) == ("E-GCP-10", "take old@groups.example.org?uid=123")


@pytest.mark.parametrize(
    ("status", "write", "changed"),
    [(503, True, Changed.UNKNOWN), (503, False, Changed.NOTHING), (403, True, Changed.NOTHING)],
)
def test_only_a_write_without_an_answer_leaves_it_open(status: int, write: bool, changed: Changed) -> None:
    assert told(Refusal(status), write=write).changed is changed


def test_details_are_for_machines() -> None:
    details = told(Refusal(403, "PERMISSION_DENIED", reasons=frozenset({"b", "a"}))).details
    assert details == {"status": 403, "reason": "PERMISSION_DENIED", "service": IAP}
    assert told(Refusal(403, reasons=frozenset({"b", "a"}))).details["reason"] == "a, b"
