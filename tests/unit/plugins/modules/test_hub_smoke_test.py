# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of hub_smoke_test to its answer; the test itself is tested in _hub/test_smoke.py."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.evidence import Evidence, Result, Row
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.userpod import UserPods
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.wish import Wish
from ansible_collections.researchops.jupyterhub.plugins.modules import hub_smoke_test
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request, rules

URL = "https://hub.example.org/"
GIVEN: dict[str, Any] = {"url": URL, "user": "ada", "password": "pw-of-ada-1234"}


class FakeTest:
    """Stands for the smoke test; remembers how it was made."""

    made: dict[str, Any]
    left_running = False
    warnings: tuple[str, ...] = ()
    error: HubError | None = None

    def __init__(self, wish: Wish, **settings: Any) -> None:
        self.made.update(wish=wish, **settings)
        self.evidence = Evidence("hub", URL, "oidc", datetime(2026, 11, 22, tzinfo=UTC), "ada")

    def run(self, check_mode: bool) -> Evidence:
        self.made["check_mode"] = check_mode
        self.made["reporter"].say("one step")
        self.made["learn"]("a-session-cookie")
        self.evidence.rows.append(Row("login", "login as ada", Result.OK, "with a-session-cookie"))
        if self.error is not None:
            raise self.error
        return self.evidence


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeTest]:
    one: type[FakeTest] = type("OneTest", (FakeTest,), {"made": {}})
    monkeypatch.setattr(hub_smoke_test, "SmokeTest", one)
    monkeypatch.setattr(hub_smoke_test.KubeClient, "from_kubeconfig", lambda *given: ("client", given))
    return one


# ---- the answer -------------------------------------------------------------------------------------------------


def test_the_answer_holds_evidence_report_and_summary(fake: type[FakeTest]) -> None:
    outcome = hub_smoke_test.body(request(hub_smoke_test, **GIVEN))
    assert (outcome.changed, outcome.diff, list(outcome.warnings)) == (False, None, [])
    assert outcome.result["summary"] == "login as ada: ok"
    assert outcome.result["evidence"]["rows"][0]["step"] == "login"
    assert outcome.result["report"].startswith("hub: https://hub.example.org/ tested on 2026-11-22")
    assert [line["text"] for line in outcome.result["transitions"]] == ["one step"]
    assert outcome.result["transitions"][0]["subject"] == "hub.example.org"


@pytest.mark.parametrize("check_mode", [True, False])
def test_check_mode_reaches_the_test(fake: type[FakeTest], check_mode: bool) -> None:
    hub_smoke_test.body(request(hub_smoke_test, check_mode=check_mode, **GIVEN))
    assert fake.made["check_mode"] is check_mode


def test_only_a_server_that_is_left_running_is_a_change(fake: type[FakeTest]) -> None:
    fake.left_running, fake.warnings = True, ("the certificate ends in 3 days",)
    outcome = hub_smoke_test.body(request(hub_smoke_test, **GIVEN, keep_server=True))
    assert outcome.changed is True
    assert list(outcome.warnings) == ["the certificate ends in 3 days"]


def test_without_a_namespace_the_cluster_is_not_touched(fake: type[FakeTest]) -> None:
    hub_smoke_test.body(request(hub_smoke_test, **GIVEN, kubeconfig="/k"))
    assert "pods" not in fake.made


def test_with_a_namespace_its_pods_are_read(fake: type[FakeTest]) -> None:
    hub_smoke_test.body(request(hub_smoke_test, **GIVEN, kubeconfig="/k", context="c", namespace="climate"))
    pods = fake.made["pods"]
    assert isinstance(pods, UserPods) and pods.namespace == "climate"
    assert pods._client == ("client", ("/k", "c"))  # type: ignore[comparison-overlap]


def test_the_release_is_asked_only_where_it_is_named(fake: type[FakeTest], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_smoke_test, "read_pinned", lambda *given: given)
    given = {**GIVEN, "namespace": "climate"}
    hub_smoke_test.body(request(hub_smoke_test, **given))
    assert "pinned" not in fake.made
    hub_smoke_test.body(request(hub_smoke_test, **given, release_name="hub", kubeconfig="/k"))
    assert fake.made["pinned"]() == (("client", ("/k", None)), "climate", "hub")


def test_secrets_that_turn_up_reach_the_redactor(fake: type[FakeTest]) -> None:
    given = request(hub_smoke_test, **GIVEN)
    hub_smoke_test.body(given)
    fake.made["learn"]("a-session-cookie")
    assert given.redactor.text("with a-session-cookie") == "with <hidden>"


def test_a_cancelled_job_ends_the_test_in_order(fake: type[FakeTest], monkeypatch: pytest.MonkeyPatch) -> None:
    """ansible-core passes a SIGTERM on to its modules; without a handler nothing would stop the user's server."""
    monkeypatch.setattr(fake, "run", lambda _test, _check_mode: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            hub_smoke_test.body(request(hub_smoke_test, **GIVEN))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


# ---- the files --------------------------------------------------------------------------------------------------


def test_the_evidence_is_kept_without_secrets(fake: type[FakeTest], tmp_path: Path) -> None:
    outcome = hub_smoke_test.body(request(hub_smoke_test, **GIVEN, report_dir=str(tmp_path / "new")))
    files = [tmp_path / "new" / "verify-hub.json", tmp_path / "new" / "verify-hub.txt"]
    assert outcome.result["report_files"] == [str(file) for file in files]
    assert "with <hidden>" in files[0].read_text() and "with <hidden>" in files[1].read_text()
    assert json.loads(files[0].read_text())["summary"] == "login as ada: ok"


def test_the_evidence_of_a_failure_is_kept_and_the_failure_counts(fake: type[FakeTest], tmp_path: Path) -> None:
    fake.error = HubError("E-VERIFY-08", "No cell", "look")
    with pytest.raises(HubError, match="E-VERIFY-08"):
        hub_smoke_test.body(request(hub_smoke_test, **GIVEN, report_dir=str(tmp_path)))
    assert (tmp_path / "verify-hub.json").exists()


def test_a_report_that_cannot_be_written_does_not_hide_a_failure(fake: type[FakeTest], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    fake.error = HubError("E-VERIFY-08", "No cell", "look")
    with pytest.raises(HubError, match="E-VERIFY-08"):
        hub_smoke_test.body(request(hub_smoke_test, **GIVEN, report_dir=str(tmp_path / "file" / "x")))


def test_a_report_that_cannot_be_written_is_a_failure_of_its_own(fake: type[FakeTest], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HubError, match="E-VERIFY-16"):
        hub_smoke_test.body(request(hub_smoke_test, **GIVEN, report_dir=str(tmp_path / "file" / "x")))


def test_check_mode_writes_nothing(fake: type[FakeTest], tmp_path: Path) -> None:
    given = request(hub_smoke_test, check_mode=True, **GIVEN, report_dir=str(tmp_path / "new"))
    assert hub_smoke_test.body(given).result["report_files"] == []
    assert not (tmp_path / "new").exists()


# ---- options ----------------------------------------------------------------------------------------------------


def test_defaults(fake: type[FakeTest]) -> None:
    hub_smoke_test.body(request(hub_smoke_test, **GIVEN))
    assert fake.made["wish"] == Wish("hub.example.org", URL, "oidc", "ada", "pw-of-ada-1234")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "url"),
        ({"url": URL, "stranger_user": "mallory"}, "stranger_password"),
        ({"url": URL, "expected_image": "lab:1"}, "namespace"),
        ({"url": URL, "release_name": "hub"}, "namespace"),
        ({"url": URL, "login": "magic"}, "auto, oidc, hub_token, iap_service_account"),
        ({"url": URL, "timeout": "soon"}, "timeout"),
    ],
)
def test_options_that_do_not_fit(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        request(hub_smoke_test, **given)


def test_a_login_that_is_not_possible_stops_before_the_cluster(fake: type[FakeTest]) -> None:
    with pytest.raises(HubError, match="E-AUTH-14"):
        hub_smoke_test.body(request(hub_smoke_test, url=URL, namespace="climate"))
    assert fake.made == {}


def test_every_secret_is_decided() -> None:
    spec = rules(hub_smoke_test)["argument_spec"]
    assert {name for name, option in spec.items() if option.get("no_log")} == {"password", "token", "stranger_password"}


def test_returns_name_what_is_returned(fake: type[FakeTest]) -> None:
    outcome = hub_smoke_test.body(request(hub_smoke_test, **GIVEN))
    returned = yaml.safe_load(hub_smoke_test.RETURN)
    assert set(returned) == set(outcome.result)
    assert set(returned["evidence"]["contains"]) == set(outcome.result["evidence"])
    assert set(returned["evidence"]["contains"]["rows"]["contains"]) == set(outcome.result["evidence"]["rows"][0])
