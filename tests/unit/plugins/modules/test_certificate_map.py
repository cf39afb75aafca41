# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of certificate_map to its answer; decisions and calls are tested in _gcp/."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_map import Wish
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_map_api import CertificateMaps
from ansible_collections.researchops.jupyterhub.plugins.modules import certificate_map
from ansible_collections.researchops.jupyterhub.tests.unit.fake_certificate_manager import PLACE, FakeManager
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import api
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

GIVEN = {"project": "p", "name": "hub-front", "domain": "Hub.example.org"}
MINE = Wish("hub-front", "hub.example.org").part
RECORD = {"name": "_acme-challenge_x.hub.example.org", "type": "CNAME", "data": "x.0.authorize.goog"}
NONE = {"name": "", "state": "", "cause": "", "details": "", "expires": "", "renewing": False}


def run(monkeypatch: pytest.MonkeyPatch, fake: FakeManager, check_mode: bool = False, **options: Any) -> Any:
    client, _http, clock = api(fake, project="p")

    def connect(_request: object, reporter: Reporter) -> CertificateMaps:
        return CertificateMaps(client, "p", Reporter(reporter.subject, reporter.phase, clock))

    monkeypatch.setattr(certificate_map, "connect", connect)
    return certificate_map.body(request(certificate_map, check_mode=check_mode, **(GIVEN | options)))


@pytest.mark.parametrize(
    ("made", "options", "verbs"),
    [
        pytest.param([], {"state": "absent"}, [], id="00-absent-already"),
        pytest.param([{}], {}, [], id="01-all-as-wanted"),
        pytest.param(
            [{"domain": "old.example.org"}], {"wait": False, "state": "authorized"}, ["create"], id="02-proof"
        ),
        pytest.param([], {}, ["create"] * 4, id="03-from-nothing"),
        pytest.param([{}], {"state": "absent"}, ["delete"] * 4, id="04-taken-away"),
        pytest.param(
            [{}], {"state": "absent", "keep_authorization": True}, ["delete"] * 3, id="04b-all-but-the-authorization"
        ),
        pytest.param([{"domain": "old.example.org"}], {}, ["create"] * 3 + ["delete"] * 3, id="05-another-domain"),
    ],
)
def test_check_mode_says_what_a_real_run_does(
    monkeypatch: pytest.MonkeyPatch, made: list[dict[str, Any]], options: dict[str, Any], verbs: list[str]
) -> None:
    fake = FakeManager()
    for one in made:
        run(monkeypatch, fake, **one)
    fake.writes.clear()
    checked = run(monkeypatch, fake, check_mode=True, **options)
    assert fake.writes == []
    outcome = run(monkeypatch, fake, **options)
    assert len(fake.writes) == len(verbs)
    assert [step["verb"] for step in outcome.result["plan"]] == verbs
    assert outcome.changed is bool(verbs)
    assert (checked.changed, checked.diff, checked.result["plan"]) == (
        outcome.changed,
        outcome.diff,
        outcome.result["plan"],
    )
    assert run(monkeypatch, fake, **options).changed is False


def test_record_and_certificate_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    foretold = run(monkeypatch, fake, check_mode=True)
    assert (foretold.result["records"], foretold.result["certificate"]) == ([], NONE | {"name": MINE})
    outcome = run(monkeypatch, fake)
    assert outcome.result["records"] == [RECORD]
    assert outcome.result["certificate"] == NONE | {"name": MINE, "state": "ACTIVE"}
    again = run(monkeypatch, fake)
    assert (again.result["records"], again.result["certificate"]["state"]) == ([RECORD], "ACTIVE")


def test_of_what_goes_the_records_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    run(monkeypatch, fake)
    foretold = run(monkeypatch, fake, check_mode=True, state="absent", domain="")
    gone = run(monkeypatch, fake, state="absent", domain="")
    assert foretold.result["records"] == gone.result["records"] == [RECORD]
    assert gone.result["certificate"] == NONE
    assert (gone.warnings, fake.parts) == ([], {})
    assert run(monkeypatch, fake, state="absent", domain="").result["records"] == []


def test_a_run_that_goes_on_still_finds_the_record_of_what_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    run(monkeypatch, fake)
    going: dict[str, Any] = {"state": "absent", "domain": ""}
    assert run(monkeypatch, fake, keep_authorization=True, **going).result["records"] == [RECORD]
    assert list(fake.parts) == [f"dnsAuthorizations/{MINE}"]
    assert run(monkeypatch, fake, check_mode=True, **going).result["records"] == [RECORD]
    assert run(monkeypatch, fake, **going).changed is True
    assert fake.parts == {}


def test_a_record_that_another_map_needs_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    run(monkeypatch, fake)
    run(monkeypatch, fake, name="standby")
    assert run(monkeypatch, fake, state="absent").result["records"] == []
    assert run(monkeypatch, fake, name="standby", state="absent").result["records"] == [RECORD]


def test_a_map_that_serves_somebody_else_stays_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    run(monkeypatch, fake)
    entry = "certificateMaps/hub-front/certificateMapEntries/theirs"
    fake.parts[entry] = {"hostname": "x.example.org", "certificates": ["c"]}
    assert run(monkeypatch, fake).warnings == []
    outcome = run(monkeypatch, fake, state="absent")
    assert list(fake.parts) == ["certificateMaps/hub-front", entry]
    assert outcome.warnings == ["The certificate map hub-front stays, because it serves x.example.org, too."]


def test_what_renews_somebody_elses_certificate_stays_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    run(monkeypatch, fake)
    proofs = [f"{PLACE}/dnsAuthorizations/{MINE}"]
    fake.parts["certificates/theirs"] = {"managed": {"domains": ["hub.example.org"], "dnsAuthorizations": proofs}}
    assert run(monkeypatch, fake).warnings == []
    for changed in (True, False):
        outcome = run(monkeypatch, fake, state="absent", domain="")
        assert (outcome.changed, outcome.result["records"]) == (changed, [])
        assert outcome.warnings == [
            f"DnsAuthorization/{MINE} and its record in DNS stay, because they are used by Certificate/theirs, too."
        ]
    assert sorted(fake.parts) == ["certificates/theirs", f"dnsAuthorizations/{MINE}"]
    assert run(monkeypatch, fake, state="absent", keep_authorization=True).warnings == []


def test_what_another_map_serves_stays_with_its_proof_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    run(monkeypatch, fake)
    entry = "certificateMaps/other/certificateMapEntries/e"
    fake.parts |= {"certificateMaps/other": {}, entry: {"certificates": [f"{PLACE}/certificates/{MINE}"]}}
    outcome = run(monkeypatch, fake, state="absent")
    assert outcome.result["records"] == []
    assert outcome.warnings == [
        f"DnsAuthorization/{MINE} and its record in DNS stay, because they are used by Certificate/{MINE}, too.",
        f"Certificate/{MINE} stays, because it is used by {entry}, too.",
    ]


def test_a_renewal_that_fails_is_a_warning_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeManager()
    run(monkeypatch, fake)
    issue = {"reason": "AUTHORIZATION_ISSUE", "details": "no CNAME"}
    fake.states = [{"state": "PROVISIONING", "provisioningIssue": issue}]
    fake.parts[f"certificates/{MINE}"]["expireTime"] = "2999-01-01T00:00:00Z"
    outcome = run(monkeypatch, fake)
    assert (outcome.changed, outcome.result["certificate"]["renewing"]) == (False, True)
    assert outcome.result["transitions"] == []
    (warning,) = outcome.warnings
    assert "E-CERT-30" in warning and "serves until 2999" in warning


def test_the_wait_is_bounded_by_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    error = fails("E-CERT-28", lambda: run(monkeypatch, FakeManager({"state": "PROVISIONING"}), wait_timeout=7))
    assert "waited 7 s" in error.what


def test_credentials_are_judged_before_anything_is_sent() -> None:
    with pytest.raises(HubError, match="E-GCP-01"):
        certificate_map.body(request(certificate_map, **GIVEN, auth_kind="accesstoken"))


@pytest.mark.parametrize("options", [{"state": "exact"}, {"wait": "perhaps"}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        request(certificate_map, **(GIVEN | options))
