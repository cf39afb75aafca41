# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test through a door that checks its callers as Identity-Aware Proxy does; who is refused comes first."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import door
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.evidence import Evidence
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.smoke import SmokeTest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.wish import Wish
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import home_is, serving
from ansible_collections.researchops.jupyterhub.tests.unit.fake_iap_door import (
    ADA,
    MALLORY,
    Account,
    FakeIapHub,
    make_account,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, fails

STEPS = ["door", "guard", "iap", "hub", "login", "stranger", "spawn", "cell", "image", "write", "stop", "restart"]
STEPS += ["kept", "end"]


class Bench:
    """A hub behind the door, two accounts, and what a test wants to do with them."""

    def __init__(self, hub: FakeIapHub, accounts: dict[str, Account], ca_file: Path) -> None:
        self.hub = hub
        self.clock = FakeClock()
        self.reporter = Reporter("hub", "verify", self.clock)
        self.redactor = Redactor()
        self.ca_file = ca_file
        self.accounts = accounts
        hub.now = lambda: self.clock.utcnow().timestamp()

    def test(self, **changes: Any) -> SmokeTest:
        wish = {
            "hub": "hub",
            "url": self.hub.url,
            "login": "iap_service_account",
            "account_file": str(self.accounts[ADA].file),
            "stranger_account_file": str(self.accounts[MALLORY].file),
            "ca_file": str(self.ca_file),
            "timeout": 120.0,
            "http_redirect": False,
        }
        learn = self.redactor.add
        return SmokeTest(Wish(**(wish | changes)), clock=self.clock, reporter=self.reporter, learn=learn)

    def run(self, *, check_mode: bool = False, **changes: Any) -> Evidence:
        return self.test(**changes).run(check_mode)

    def fails(self, error_id: str, **changes: Any) -> HubError:
        return fails(error_id, lambda: self.run(**changes))


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Account]:
    folder = tmp_path_factory.mktemp("accounts")
    return {email: make_account(email, folder) for email in (ADA, MALLORY)}


@pytest.fixture
def bench(tmp_path: Path, accounts: dict[str, Account], certificates: tuple[Path, Path]) -> Iterator[Bench]:
    hub = FakeIapHub(home=tmp_path, accounts=dict(accounts), members={ADA}, allowed={ADA})
    with serving(hub, certificates[1]), home_is(tmp_path):
        yield Bench(hub, accounts, certificates[0])


def results(evidence: Evidence) -> dict[str, str]:
    return {row.step: row.result.value for row in evidence.rows}


# ---- refused --------------------------------------------------------------------------------------------------------


def test_a_door_without_iap_is_found_before_anything_else(bench: Bench) -> None:
    bench.hub.off = True
    problem = bench.fails("E-IAP-32")
    assert "somebody without any credentials reaches the hub" in problem.what
    assert bench.hub.tokens_seen == [], "no token is sent to a door that does not ask for one"


def test_a_door_that_answers_nothing_known_proves_nothing(bench: Bench) -> None:
    bench.hub.door_status = 404
    assert "something else answers" in bench.fails("E-VERIFY-12").what


def hang_up(monkeypatch: pytest.MonkeyPatch, *problems: OSError, for_ever: bool = False) -> None:
    """Let front ends break off the handshake, as Google's do that have no certificate yet."""
    waiting, hands = list(problems), door._shaken_hands

    def shaken(*words: Any) -> Any:
        if waiting:
            raise waiting[0] if for_ever else waiting.pop(0)
        return hands(*words)

    monkeypatch.setattr(door, "_shaken_hands", shaken)


NO_CERTIFICATE = ssl.SSLError(1, "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE]")


def test_a_certificate_that_no_front_end_serves_is_waited_for_and_then_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang_up(monkeypatch, NO_CERTIFICATE, for_ever=True)
    problem = bench.fails("E-VERIFY-02")
    assert "the handshake fails" in problem.what
    assert "half an hour" in problem.do
    assert bench.clock.passed == 600


@pytest.mark.parametrize("changes", [{"ca_file": None}, {"url": "https://localhost:1/"}], ids=["wrong", "nothing"])
def test_a_wrong_certificate_and_an_address_without_a_door_are_no_matter_of_patience(
    bench: Bench, changes: dict[str, Any]
) -> None:
    with pytest.raises(HubError, match=r"E-VERIFY-0[12]"):
        bench.run(**changes)
    assert bench.clock.passed == 0


def test_an_account_on_no_list_is_refused_after_ten_minutes_of_patience(bench: Bench) -> None:
    bench.hub.members = set()
    problem = bench.fails("E-IAP-01")
    assert ADA in problem.what
    assert "after 600 s" in problem.what
    assert f"serviceAccount:{ADA}" in problem.do
    assert "tunnelResourceAccessor" in problem.do
    lines = [line["text"] for line in bench.reporter.transitions if line["text"].startswith("waiting")]
    assert 20 <= len(lines) <= 25, "one line every 30 s"
    assert "refuses (403)" in lines[0]
    assert "of at most 600 s" in lines[0]
    assert problem.details["step"].startswith("IAP lets")


def test_without_patience_one_look_decides(bench: Bench) -> None:
    bench.hub.members = set()
    bench.fails("E-IAP-01", iap_wait=0.0)
    assert bench.clock.passed == 0


def test_a_key_that_iap_does_not_know_is_no_matter_of_patience(bench: Bench) -> None:
    bench.hub.accounts = {}
    problem = bench.fails("E-IAP-31")
    assert "JWT signature is invalid" in problem.seen
    assert bench.clock.passed == 0


def test_a_wrong_clock_is_named(bench: Bench) -> None:
    bench.hub.now = lambda: bench.clock.utcnow().timestamp() - 3600
    assert "this machine's clock is" in bench.fails("E-IAP-31").seen


def test_a_hub_that_does_not_believe_iap(bench: Bench) -> None:
    bench.hub.hub_believes = False
    problem = bench.fails("E-IAP-35")
    assert "hub_oauth_iap_audiences" in problem.do


def test_a_hub_with_a_second_login(bench: Bench) -> None:
    bench.hub.hub_provider = "generic"
    problem = bench.fails("E-IAP-35")
    assert "second login" in problem.seen
    assert not any(line.startswith("issuer POST") for line in bench.hub.log)


def test_a_hub_that_takes_the_account_for_somebody_else(bench: Bench) -> None:
    bench.hub.rename = "root"
    bench.hub.allowed.add("root")
    assert "calls this user root" in bench.fails("E-IAP-35").seen


def test_a_hub_whose_session_does_not_hold(bench: Bench) -> None:
    bench.hub.session_lost = True
    assert "calls this user nobody" in bench.fails("E-IAP-35").seen


def test_a_hub_that_refuses_the_account_itself(bench: Bench) -> None:
    bench.hub.allowed = set()
    problem = bench.fails("E-AUTH-12")
    assert "hub_oauth_allowed_domains" in problem.do


def test_a_stranger_whom_both_let_in(bench: Bench) -> None:
    bench.hub.members.add(MALLORY)
    bench.hub.allowed.add(MALLORY)
    assert MALLORY in bench.fails("E-VERIFY-11").what


def test_a_stranger_whose_token_is_not_believed_proves_nothing(bench: Bench) -> None:
    del bench.hub.accounts[MALLORY]
    assert "hub_verify_stranger_service_account_file" in bench.fails("E-VERIFY-12").do


def test_a_key_file_that_is_none(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"type": "authorized_user", "client_secret": "s3cr3t-value"}))
    problem = bench.fails("E-IAP-33", account_file=str(file))
    assert "s3cr3t" not in str(problem)
    assert bench.hub.log == []


# ---- proved ---------------------------------------------------------------------------------------------------------


def test_everything_is_proved(bench: Bench) -> None:
    evidence = bench.run()
    assert [row.step for row in evidence.rows] == STEPS
    assert {**results(evidence), "image": "ok"} == dict.fromkeys(STEPS, "ok")
    assert evidence.user == ADA
    assert evidence.login == "iap_service_account"
    assert evidence.summary() == (
        f"IAP login as {ADA}: ok; cell 6*7=42: ok; file kept after restart: ok; {MALLORY} (not listed) refused: ok; "
        "nobody enters without IAP: ok; "
        "running image is the pinned one: not proved (no access to the cluster was given)"
    )
    assert bench.hub.running == set()


def test_a_stranger_whom_iap_lets_through_and_the_hub_refuses(bench: Bench) -> None:
    bench.hub.members.add(MALLORY)
    evidence = bench.run()
    row = next(row for row in evidence.rows if row.step == "stranger")
    assert "this hub's own list" in row.text


def test_without_a_second_account_nobody_without_credentials_is_the_stranger(bench: Bench) -> None:
    evidence = bench.run(stranger_account_file="")
    assert [row.step for row in evidence.rows] == [step for step in STEPS if step != "stranger"]
    row = next(row for row in evidence.rows if row.step == "guard")
    assert row.text == "without credentials: Identity-Aware Proxy asks for a sign-in (302)"


def test_a_new_certificate_is_waited_for_until_a_front_end_serves_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang_up(monkeypatch, NO_CERTIFICATE, ConnectionResetError(104, "Connection reset by peer"))
    row = next(row for row in bench.run().rows if row.step == "door")
    assert (row.result.value, row.seconds) == ("ok", 20), "two that hung up, then three good looks in a row"


def test_a_new_policy_is_waited_for_until_it_is_steady(bench: Bench) -> None:
    bench.hub.denials = 7
    evidence = bench.run(timeout=60.0)
    row = next(row for row in evidence.rows if row.step == "iap")
    assert row.facts == {"looks": 10}, "seven refusals, then three good answers in a row"
    assert row.text == "after 45 s"
    assert results(evidence)["end"] == "ok"


def test_a_new_load_balancer_is_waited_for(bench: Bench) -> None:
    bench.hub.busy = 3
    bench.clock.at(1, lambda: None)
    assert results(bench.run())["iap"] == "ok"


def test_patience_does_not_shorten_the_test(bench: Bench) -> None:
    bench.hub.denials = 117
    test = bench.test(timeout=300.0)
    assert results(test.run())["end"] == "ok"
    assert bench.clock.passed > 590
    assert test._budget.left() > 290


def test_one_token_serves_until_it_is_about_to_end(bench: Bench) -> None:
    bench.run(stranger_account_file="")
    assert len(set(bench.hub.tokens_seen)) == 1
    bench.hub.denials = 180  # 15 minutes
    bench.hub.tokens_seen.clear()
    bench.run(stranger_account_file="", iap_wait=1200.0)
    assert len(set(bench.hub.tokens_seen)) == 2


def test_every_token_is_known_to_the_redactor_and_none_is_in_the_evidence(bench: Bench) -> None:
    evidence = bench.run()
    assert bench.hub.tokens_seen
    told = json.dumps(evidence.as_dict()) + evidence.text() + json.dumps(bench.reporter.transitions)
    for token in set(bench.hub.tokens_seen):
        assert token not in told
        assert bench.redactor.text(f"Bearer {token}") == "Bearer <hidden>"
    key = bench.accounts[ADA].private_key
    assert "PRIVATE" not in told
    assert key.splitlines()[3] not in bench.redactor.text(key)


def test_check_mode_looks_and_logs_nobody_in(bench: Bench) -> None:
    evidence = bench.run(check_mode=True)
    assert results(evidence) == {
        "door": "ok",
        "guard": "ok",
        "iap": "ok",
        "hub": "ok",
        "login": "skipped",
        "rest": "skipped",
    }
    assert {line.partition("?")[0] for line in bench.hub.log} == {"GET /hub/api/"}


def test_check_mode_does_not_wait(bench: Bench) -> None:
    bench.hub.members = set()
    with pytest.raises(HubError, match="E-IAP-01"):
        bench.run(check_mode=True)
    assert bench.clock.passed == 0
