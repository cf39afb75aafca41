# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence: rows, the one-line summary, and what the two reports hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.evidence import Evidence, Result, Row

STARTED = datetime(2026, 11, 22, 14, 2, 11, 5000, tzinfo=UTC)
ROWS = [
    Row("door", "front door", Result.OK, "TLSv1.3", 0.04, {"tls": "TLSv1.3", "days_left": 80}),
    Row("hub", "hub answers", Result.OK, "JupyterHub 5.5.0", 0.02, {"version": "5.5.0"}),
    Row("redirect", "http goes to https", Result.OK),
    Row("login", "login as ada", Result.OK, "", 1.26),
    Row("stranger", "mallory (not listed) refused", Result.OK),
    Row("spawn", "server starts", Result.OK, "", 12.0),
    Row("cell", "cell 6*7=42", Result.OK, "6*7 is 42"),
    Row("image", "running image is the pinned one", Result.NOT_PROVED, "", 0.0, {"image": "lab:1"}),
    Row("kept", "file kept after restart", Result.OK),
]


def evidence(rows: list[Row], **more: bool) -> Evidence:
    return Evidence("climate", "https://hub.example.org/", "oidc", STARTED, "ada", rows=rows, **more)


def test_the_summary_names_the_main_claims_in_its_own_order() -> None:
    assert evidence(ROWS).summary() == (
        "login as ada: ok; cell 6*7=42: ok; file kept after restart: ok; mallory (not listed) refused: ok; "
        "http goes to https: ok; running image is the pinned one: not proved"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", "not proved", id="no-reason"),
        pytest.param("no access was given", "not proved (no access was given)", id="alone"),
        pytest.param("runs lab:1; no image was given", "not proved (no image was given)", id="after-what-was-seen"),
    ],
)
def test_the_summary_says_why_something_is_not_proved(text: str, shown: str) -> None:
    assert evidence([Row("image", "pinned image", Result.NOT_PROVED, text)]).summary() == f"pinned image: {shown}"


def test_the_summary_leaves_out_what_was_seen_of_all_else() -> None:
    assert evidence([Row("login", "login", Result.FAILED, "a page; a form")]).summary() == "login: failed"


def test_a_failed_condition_comes_first_in_the_summary() -> None:
    rows = [*ROWS[:4], Row("spawn", "server starts", Result.FAILED, "no room")]
    assert evidence(rows).summary() == "server starts: failed; login as ada: ok; http goes to https: ok"


def test_a_failed_claim_is_named_once() -> None:
    assert evidence([Row("login", "login as ada", Result.FAILED)]).summary() == "login as ada: failed"


def test_no_rows_are_no_summary() -> None:
    assert evidence([]).summary() == ""


def test_the_report_for_machines() -> None:
    found = evidence(ROWS[:2]).as_dict()
    assert found == {
        "hub": "climate",
        "url": "https://hub.example.org/",
        "user": "ada",
        "login": "oidc",
        "check_mode": False,
        "started": "2026-11-22T14:02:11+00:00",
        "seconds": 0.1,
        "jupyterhub": "5.5.0",
        "tls": "TLSv1.3",
        "image": None,
        "summary": "",
        "rows": [
            {
                "step": "door",
                "title": "front door",
                "result": "ok",
                "text": "TLSv1.3",
                "seconds": 0.0,
                "facts": {"tls": "TLSv1.3", "days_left": 80},
            },
            {
                "step": "hub",
                "title": "hub answers",
                "result": "ok",
                "text": "JupyterHub 5.5.0",
                "seconds": 0.0,
                "facts": {"version": "5.5.0"},
            },
        ],
    }
    assert json.loads(json.dumps(found)) == found


def test_the_report_for_people() -> None:
    assert evidence([ROWS[0], ROWS[3]]).text() == (
        "climate: https://hub.example.org/ tested on 2026-11-22 14:02:11+00:00, 1.3 s\n"
        "user ada, login by oidc\n"
        "\n"
        "ok          front door       0.0 s  TLSv1.3\n"
        "ok          login as ada     1.3 s\n"
    )


def test_check_mode_says_so_in_the_report() -> None:
    report = Evidence("climate", "https://hub.example.org/", "oidc", STARTED, check_mode=True).text()
    assert "looked at without changing anything" in report and "user (nobody)" in report


@pytest.mark.parametrize(
    ("step", "name", "value"),
    [("door", "days_left", 80), ("door", "missing", None), ("missing", "tls", None), ("image", "image", "lab:1")],
)
def test_a_fact_is_found_by_step_and_name(step: str, name: str, value: object) -> None:
    assert evidence(ROWS).fact(step, name) == value


def test_seconds_are_the_sum_of_all_rows() -> None:
    assert evidence(ROWS).seconds == pytest.approx(13.32)
