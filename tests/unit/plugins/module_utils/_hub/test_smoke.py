# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole smoke test against the fake hub: what it proves, what it refuses to call proved, what it leaves behind."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import door
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.evidence import Evidence
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.pinned import Pinned
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.smoke import SmokeTest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.userpod import UserPod
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.userserver import UserServer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.wish import Wish
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import (
    FakeHub,
    Reply,
    home_is,
    make_certificates,
    page,
    serving,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, fails

PASSWORD, STRANGERS = "pw-of-ada-1234", "pw-of-mallory-1234"
STEPS = ["door", "hub", "login", "stranger", "spawn", "cell", "image", "write", "stop", "restart", "kept", "end"]


class FakePods:
    """User pods that come and go with the fake hub's servers."""

    def __init__(self, hub: FakeHub, image: str = "lab:1") -> None:
        self.hub = hub
        self.image = image
        self.namespace = "hub"
        self.lingers = False

    def of(self, user: str) -> list[UserPod]:
        now = UserPod(f"jupyter-{user}", f"uid-{self.hub.started}", self.image, f"{self.image}@sha256:aa", "node-1")
        return [now] if user in self.hub.running or self.lingers else []

    def hints(self, user: str) -> list[str]:
        return [f"FailedScheduling: no room for {user}"]


class Bench:
    """One fake hub and what a test wants to do with it."""

    def __init__(self, hub: FakeHub, ca_file: Path) -> None:
        self.hub = hub
        self.clock = FakeClock()
        self.reporter = Reporter("hub", "verify", self.clock)
        self.redactor = Redactor()
        self.pods: FakePods | None = FakePods(hub)
        self.pinned = Pinned()
        self.wish = Wish(
            hub="hub",
            url=hub.url,
            login="oidc",
            user="ada",
            password=PASSWORD,
            stranger="mallory",
            stranger_password=STRANGERS,
            ca_file=str(ca_file),
            timeout=120.0,
            expected_image="lab:1",
            http_redirect=False,
        )

    def test(self, **changes: Any) -> SmokeTest:
        wish = replace(self.wish, **changes)
        pods: Any = self.pods
        more: Any = {"pods": pods, "pinned": lambda: self.pinned, "learn": self.redactor.add}
        return SmokeTest(wish, clock=self.clock, reporter=self.reporter, **more)

    def run(self, *, check_mode: bool = False, **changes: Any) -> Evidence:
        return self.test(**changes).run(check_mode)

    def fails(self, error_id: str, **changes: Any) -> HubError:
        return fails(error_id, lambda: self.run(**changes))


@pytest.fixture
def bench(tmp_path: Path, certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # Variables that would lead requests astray: none of them may have any influence.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "not-there.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "not-there.pem"))
    with serving(FakeHub(home=tmp_path), certificates[1]) as hub, home_is(tmp_path):
        yield Bench(hub, certificates[0])


class Done(NamedTuple):
    """A test that has run on a usual hub, and what it found."""

    bench: Bench
    test: SmokeTest
    evidence: Evidence


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, certificates: tuple[Path, Path]) -> Done:
    """One run for all that is only looked at afterwards."""
    home = tmp_path_factory.mktemp("home")
    with serving(FakeHub(home=home), certificates[1]) as hub, home_is(home):
        bench = Bench(hub, certificates[0])
        test = bench.test()
        return Done(bench, test, test.run())


def results(evidence: Evidence) -> dict[str, str]:
    return {row.step: row.result.value for row in evidence.rows}


# ---- all goes well --------------------------------------------------------------------------------------------


def test_everything_is_proved(done: Done) -> None:
    evidence = done.evidence
    assert [row.step for row in evidence.rows] == STEPS
    assert set(results(evidence).values()) == {"ok"}
    assert evidence.summary() == (
        "login as ada: ok; cell 6*7=42: ok; file kept after restart: ok; mallory (not listed) refused: ok; "
        "running image is the pinned one: ok"
    )
    assert evidence.user == "ada"


def test_nothing_is_left_behind(done: Done) -> None:
    assert done.bench.hub.running == set()
    assert done.bench.hub.kernels == []
    assert not done.test.left_running
    assert list(done.bench.hub.home.glob(".researchops-verify-*")) == []


def test_the_server_is_started_twice_and_stopped_twice(done: Done) -> None:
    calls = [line for line in done.bench.hub.log if line.endswith("/users/ada/server")]
    assert calls == [
        "POST /hub/api/users/ada/server",
        "DELETE /hub/api/users/ada/server",
        "POST /hub/api/users/ada/server",
        "DELETE /hub/api/users/ada/server",
    ]


def test_api_requests_with_cookies_carry_the_xsrf_token_of_their_path(done: Done) -> None:
    assert [line for line in done.bench.hub.refused if "/user/" in line or "/users/" in line] == []


def test_the_evidence_says_which_pod_ran_and_that_the_second_was_another(done: Done) -> None:
    rows = {row.step: row for row in done.evidence.rows}
    assert rows["spawn"].facts == {"pod": "jupyter-ada", "node": "node-1"}
    assert rows["restart"].facts == {"pod": "jupyter-ada", "node": "node-1", "another_pod": True}
    assert rows["image"].facts == {"image": "lab:1", "image_id": "lab:1@sha256:aa", "pod": "jupyter-ada"}
    assert rows["end"].text == "hub and cluster agree"


def test_the_evidence_describes_the_door(done: Done) -> None:
    facts = done.evidence.rows[0].facts
    assert facts["tls"] == "TLSv1.3" and facts["address"] == "127.0.0.1"
    assert [one["subject"] for one in facts["chain"]] == ["CN=localhost", "CN=test CA"]


def test_every_step_is_told_while_it_runs(done: Done) -> None:
    evidence = done.evidence
    told = [line["text"] for line in done.bench.reporter.transitions]
    assert [f"{row.title}: ok (0.0 s)" for row in evidence.rows if row.step != "end"] == [
        text for text in told if not text.startswith(("waiting", "server stopped at the end"))
    ]


def test_no_secret_is_in_the_evidence_and_all_are_known_to_the_redactor(done: Done) -> None:
    evidence = done.evidence
    everything = f"{evidence.as_dict()} {evidence.text()} {done.bench.reporter.transitions}"
    for secret in (PASSWORD, STRANGERS, "session-of-ada", "code-of-ada", "code-of-mallory", "server-xsrf"):
        assert secret not in everything
    for secret in ("session-of-ada", "code-of-ada", "code-of-mallory", "server-xsrf", "state-cookie-123"):
        assert secret in done.bench.redactor.forms


def test_a_hub_with_a_sign_in_button_and_consent_works_as_well(bench: Bench) -> None:
    bench.hub.auto_login, bench.hub.consent = False, True
    assert results(bench.run())["login"] == "ok"


def test_a_hub_below_a_base_path_works(tmp_path: Path, certificates: tuple[Path, Path]) -> None:
    with serving(FakeHub(home=tmp_path, base="/iris/"), certificates[1]) as hub, home_is(tmp_path):
        assert set(results(Bench(hub, certificates[0]).run()).values()) == {"ok"}


def test_a_user_with_an_address_as_name_works(bench: Bench) -> None:
    name = "ada@example.org"
    bench.hub.passwords[name], bench.hub.allowed = PASSWORD, {name}
    evidence = bench.run(user=name)
    assert evidence.user == name
    assert "POST /hub/api/users/ada@example.org/server" in bench.hub.log


def test_a_proxy_that_is_busy_at_first_does_no_harm(bench: Bench) -> None:
    bench.hub.busy = 2
    assert results(bench.run())["hub"] == "ok"
    assert bench.clock.slept[:2] == [1.0, 1.0]


def test_without_a_stranger_that_row_is_missing(bench: Bench) -> None:
    assert "stranger" not in results(bench.run(stranger=""))


# ---- what is not called proved --------------------------------------------------------------------------------


def test_without_access_to_the_cluster_the_image_is_not_proved(bench: Bench) -> None:
    bench.pods = None
    rows = {row.step: row for row in bench.run(expected_image="").rows}
    assert (rows["image"].result.value, rows["image"].text) == ("not proved", "no access to the cluster was given")
    assert rows["end"].text == "the hub says so"


def test_without_a_pinned_image_the_running_one_is_told_but_not_proved(bench: Bench) -> None:
    row = next(row for row in bench.run(expected_image="").rows if row.step == "image")
    assert row.result.value == "not proved"
    assert row.text == "runs lab:1 (lab:1@sha256:aa); no image was given to compare with"


def test_why_the_release_pins_nothing_is_told(bench: Bench) -> None:
    bench.pinned = Pinned(reason="there is no release hub in hub")
    row = next(row for row in bench.run(expected_image="").rows if row.step == "image")
    assert (row.result.value, row.text.partition("; ")[2]) == ("not proved", "there is no release hub in hub")


def test_an_image_that_may_come_from_a_mirror_is_not_proved(bench: Bench) -> None:
    row = next(row for row in bench.run(expected_image="quay.io/lab:1").rows if row.step == "image")
    assert row.result.value == "not proved"
    assert row.text == (
        "runs lab:1 (lab:1@sha256:aa); the pod asks for lab:1, which has path and tag of quay.io/lab:1 in another "
        "registry (a mirror?)"
    )


def test_the_image_that_the_release_pins_is_compared_unless_one_was_given(bench: Bench) -> None:
    bench.pinned = Pinned("lab:1")
    assert results(bench.run(expected_image=""))["image"] == "ok"
    bench.pinned = Pinned("lab:2")
    assert results(bench.run(expected_image="lab:1"))["image"] == "ok"
    assert bench.fails("E-VERIFY-13", expected_image="").wanted == "lab:2"


def test_a_token_proves_everything_but_the_login(bench: Bench) -> None:
    evidence = bench.run(login="hub_token", token="token-of-ada-1234", user="", password="", stranger="")
    assert results(evidence)["login"] == "not proved"
    assert evidence.summary().startswith("login: not proved (nobody signed in); cell 6*7=42: ok")
    assert not any(line.startswith("issuer") for line in bench.hub.log)


def test_a_service_token_uses_the_server_of_the_named_user(bench: Bench) -> None:
    bench.hub.tokens["token-of-service-1"] = ("service", "verify")
    assert bench.run(login="hub_token", token="token-of-service-1", stranger="").user == "ada"


def test_a_running_server_is_used_and_left_running(bench: Bench) -> None:
    bench.hub.running.add("ada")
    test = bench.test()
    evidence = test.run()
    found = results(evidence)
    assert (found["spawn"], found["restart"], found["kept"], found["end"]) == ("ok", "skipped", "not proved", "skipped")
    assert "stop" not in found
    assert bench.hub.running == {"ada"}
    assert not [line for line in bench.hub.log if "DELETE /hub/api/users" in line]
    assert bench.hub.kernels == [] and not test.left_running
    why = "a server that was running before the test is not restarted"
    assert f"file kept after restart: not proved ({why}); " in evidence.summary()
    assert list(bench.hub.home.glob(".researchops-verify-*")) == []


def test_a_running_server_that_somebody_else_stops_says_nothing_about_the_hub(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hub.running.add("ada")
    bench.hub.kernel_dies = True
    with pytest.raises(HubError, match=r"E-VERIFY-08 .*process died\. Wanted") as caught:
        bench.test().run()
    assert "proxy on the way" in caught.value.do
    monkeypatch.setattr(UserServer, "taken_away", lambda _server: True)
    with pytest.raises(HubError, match="process died; somebody else has stopped the server of ada meanwhile") as caught:
        bench.test().run()
    assert caught.value.do.startswith("run again when nobody else stops it")


def test_keep_server_leaves_the_tests_own_server_and_says_so(bench: Bench) -> None:
    test = bench.test(keep_server=True)
    rows = {row.step: row for row in test.run().rows}
    assert (rows["end"].result.value, rows["end"].text) == ("skipped", "left running: keep_server")
    assert bench.hub.running == {"ada"} and test.left_running


# ---- check mode -------------------------------------------------------------------------------------------------


def test_check_mode_only_looks(bench: Bench) -> None:
    evidence = bench.run(check_mode=True)
    assert results(evidence) == {"door": "ok", "hub": "ok", "login": "ok", "rest": "skipped"}
    assert evidence.check_mode
    assert {line.split()[-2] for line in bench.hub.log} == {"GET"}
    assert not any("callback" in line for line in bench.hub.log)


def test_check_mode_with_a_token_asks_who_it_is(bench: Bench) -> None:
    evidence = bench.run(check_mode=True, login="hub_token", token="token-of-ada-1234")
    assert results(evidence) == {"door": "ok", "hub": "ok", "login": "not proved", "rest": "skipped"}
    assert {line.split()[0] for line in bench.hub.log} == {"GET"}


def test_check_mode_fails_where_the_provider_refuses(bench: Bench) -> None:
    bench.hub.issuer_error = True
    error = bench.fails("E-AUTH-15", check_mode=True)
    assert "redirect_uri_mismatch" in error.seen


# ---- what goes wrong --------------------------------------------------------------------------------------------


def test_a_wrong_password(bench: Bench) -> None:
    error = bench.fails("E-AUTH-11", password="not-the-password")
    assert error.seen.startswith("403 from https://localhost")
    assert error.seen.endswith('("Sign in"), saying "Login or password is wrong."')
    assert error.changed is Changed.NOTHING
    assert len([line for line in bench.hub.log if line.startswith("issuer POST")]) == 1


def test_a_user_whom_the_hub_refuses(bench: Bench) -> None:
    bench.hub.allowed = set()
    error = bench.fails("E-AUTH-12")
    assert "Sorry, you are not currently authorized" in error.seen
    assert error.what.startswith("Step login as ada: ")


@pytest.mark.parametrize("status", [403, 500])
def test_a_hub_that_cannot_finish_the_login_is_not_a_refusal(bench: Bench, status: int) -> None:
    bench.hub.callback_status = status
    assert f"{status} from {bench.hub.url}hub/oauth_callback" in bench.fails("E-AUTH-16").seen


def test_a_session_that_the_hub_forgets(bench: Bench) -> None:
    bench.hub.session_lost = True
    assert "knows nobody by this session" in bench.fails("E-AUTH-16").seen


def test_a_token_that_the_hub_does_not_know(bench: Bench) -> None:
    error = bench.fails("E-AUTH-13", login="hub_token", token="token-unknown-1234")
    assert "token-unknown-1234" not in str(error) and bench.hub.started == 0


def test_a_service_token_without_a_user(bench: Bench) -> None:
    bench.hub.tokens["token-of-service-1"] = ("service", "verify")
    error = bench.fails("E-AUTH-14", login="hub_token", token="token-of-service-1", user="")
    assert "the service verify" in error.what


def test_a_stranger_who_gets_in(bench: Bench) -> None:
    bench.hub.allowed.add("mallory")
    error = bench.fails("E-VERIFY-11")
    assert error.wanted == "403 from the hub"
    assert bench.hub.started == 0, "a hub that is open gets no server from us"


def test_a_stranger_who_is_shown_a_refusal_and_has_a_session_nevertheless(bench: Bench) -> None:
    def leaking(query: dict[str, str]) -> Reply:
        user = query["code"].removeprefix("code-of-")
        if user == "ada":
            return callback(query)
        session = f"sid=session-of-{user}; Path=/; Secure; HttpOnly"
        return page("<h1>403 : Forbidden</h1>", 403, session, "_xsrf=hub-xsrf; Path=/hub/")

    callback, bench.hub.callback = bench.hub.callback, leaking  # type: ignore[method-assign]
    error = bench.fails("E-VERIFY-11")
    assert error.seen.startswith("403 from ")


def test_a_home_with_another_content_after_the_restart(bench: Bench) -> None:
    def spoiling(method: str, user: str, rest: str) -> Reply:
        for file in bench.hub.home.glob(".researchops-verify-*") if method == "DELETE" else ():
            file.write_text("of somebody else")
        return real(method, user, rest)

    real, bench.hub.user_api = bench.hub.user_api, spoiling  # type: ignore[method-assign]
    assert bench.fails("E-VERIFY-09").seen.endswith(" is not what was written")


def test_a_stranger_whom_the_provider_does_not_know_proves_nothing(bench: Bench) -> None:
    error = bench.fails("E-VERIFY-12", stranger_password="not-the-password")
    assert "the sign-in page does not accept" in error.what


def test_a_server_that_fails_to_start_is_told_with_hub_and_pod_events(bench: Bench) -> None:
    bench.hub.spawn_fails = "Spawn failed: timeout"
    error = bench.fails("E-VERIFY-07")
    assert error.seen == "Pulling image; Spawn failed: timeout; FailedScheduling: no room for ada"
    assert bench.hub.running == set(), "a server that this test asked for is taken back"
    assert error.changed is Changed.NOTHING


def test_a_start_that_the_hub_refuses(bench: Bench) -> None:
    bench.hub.start_status = 400
    error = bench.fails("E-VERIFY-06")
    assert error.seen == "400, no room"
    assert not [line for line in bench.hub.log if line.startswith("DELETE /hub/api")], "nothing was started by us"


def test_a_start_that_breaks_in_the_hub_is_told_by_its_progress(bench: Bench) -> None:
    bench.hub.start_status, bench.hub.spawn_fails = 500, "Spawn failed: no such image"
    assert "no such image" in bench.fails("E-VERIFY-07").seen


def test_without_a_progress_stream_the_state_is_watched(bench: Bench) -> None:
    bench.hub.progress_status, bench.hub.looks_until_ready = 502, 3
    bench.run()
    assert any("no progress stream (status 502" in line["text"] for line in bench.reporter.transitions)
    assert any("the hub says spawn" in line["text"] for line in bench.reporter.transitions)


def test_a_server_that_never_gets_ready_ends_with_the_budget(bench: Bench) -> None:
    bench.hub.progress_status, bench.hub.looks_until_ready = 400, 10**6
    error = bench.fails("E-VERIFY-07")
    assert error.what == "Step server starts: The server of ada did not start: the hub says spawn"
    assert bench.hub.running == set()


def test_the_wrong_image(bench: Bench) -> None:
    error = bench.fails("E-VERIFY-13", expected_image="lab:2")
    assert (error.seen, error.wanted) == ("the pod asks for lab:1", "lab:2")
    assert "where an admission policy of the cluster rewrites images" in error.do
    assert bench.hub.running == set()


def test_a_home_that_forgets(bench: Bench) -> None:
    bench.hub.keeps_home = False
    error = bench.fails("E-VERIFY-09")
    assert error.seen.endswith("is gone")
    assert bench.hub.running == set()


def test_a_home_that_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    with home_is(tmp_path / "missing"):
        error = bench.fails("E-VERIFY-08")
    assert error.seen.startswith("FileNotFoundError")


def test_a_kernel_that_dies(bench: Bench) -> None:
    bench.hub.kernel_dies = True
    assert "the kernel's process died" in bench.fails("E-VERIFY-08").what
    assert bench.hub.running == set()


@pytest.mark.parametrize("status", [302, 307])
def test_a_websocket_follows_nobody_with_the_users_cookies(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def door(request: Any) -> Reply | None:
        if request.headers.get("Upgrade"):
            return Reply(status, "", [("Location", f"{bench.hub.url}elsewhere".replace("https", "wss"))])
        return None

    monkeypatch.setattr(bench.hub, "door", door)
    error = bench.fails("E-VERIFY-08")
    assert f"the websocket of the kernel does not open (status {status}: led elsewhere" in error.what
    assert not [line for line in bench.hub.log if "elsewhere" in line]
    assert bench.hub.running == set()


def test_no_python_kernel(bench: Bench) -> None:
    bench.hub.kernel_language = "R"
    error = bench.fails("E-VERIFY-08")
    assert error.seen == "main, other"
    assert bench.hub.running == set()


def test_a_page_of_the_user_server_that_does_not_open(bench: Bench) -> None:
    bench.hub.server_page_status = 500
    bench.fails("E-VERIFY-06")
    assert bench.hub.running == set()


def test_a_server_that_does_not_end(bench: Bench) -> None:
    bench.hub.stops = False
    error = bench.fails("E-VERIFY-10")
    assert error.seen == "the hub says running"


def test_a_pod_that_outlives_its_server(bench: Bench) -> None:
    assert bench.pods is not None
    bench.pods.lingers = True
    error = bench.fails("E-VERIFY-10")
    assert error.seen == "pod jupyter-ada is still there"


def test_clean_up_that_fails_is_not_called_nothing_changed(bench: Bench) -> None:
    bench.hub.kernel_dies = True
    test = bench.test()
    original = bench.hub.user_api

    def no_delete(method: str, user: str, rest: str) -> Any:
        return original("PUT" if method == "DELETE" else method, user, rest)

    bench.hub.user_api = no_delete  # type: ignore[method-assign]
    with pytest.raises(HubError) as caught:
        test.run()
    assert caught.value.changed is Changed.UNKNOWN


def test_the_error_carries_the_evidence_up_to_the_failure(bench: Bench) -> None:
    error = bench.fails("E-AUTH-11", password="not-the-password")
    rows = error.details["evidence"]["rows"]
    assert [(row["step"], row["result"]) for row in rows] == [("door", "ok"), ("hub", "ok"), ("login", "failed")]
    assert rows[-1]["text"].startswith("E-AUTH-11 ") and "Login or password is wrong." in rows[-1]["text"]
    assert error.details["step"] == "login as ada"


def test_time_that_is_over_names_the_step(bench: Bench) -> None:
    bench.hub.busy = 100
    error = bench.fails("E-VERIFY-14", timeout=2.0)
    assert error.what == "Step hub answers: The 2 s for the smoke test are over"


def test_a_ca_file_that_is_none_is_told_before_anything_is_sent(bench: Bench, tmp_path: Path) -> None:
    fails("E-HTTP-03", lambda: bench.test(ca_file=str(tmp_path / "none.pem")))
    assert bench.hub.log == []


def test_a_door_whose_certificate_is_not_trusted(bench: Bench) -> None:
    error = bench.fails("E-VERIFY-02", ca_file=None)
    assert error.seen.startswith("CN=localhost, signed by CN=test CA, ending ")
    assert bench.hub.log == [], "nothing is sent to a door that is not trusted"


def hang_up(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let a load balancer hang up so often, as one does that has found no healthy pod yet."""
    left, hands = list(range(times)), door._shaken_hands

    def shaken(*words: Any) -> Any:
        if left:
            left.pop()
            raise ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
        return hands(*words)

    monkeypatch.setattr(door, "_shaken_hands", shaken)


def test_a_load_balancer_that_has_not_found_the_new_pods_yet_gets_a_minute(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang_up(monkeypatch, times=4)
    assert results(bench.run())["door"] == "ok"


def test_a_door_that_hangs_up_for_longer_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hang_up(monkeypatch, times=100)
    error = bench.fails("E-VERIFY-02")
    assert "the handshake fails" in error.what and "the load balancer finds it healthy" in error.do
    assert bench.clock.passed == door.NEW_PODS


def test_an_address_without_a_hub(bench: Bench) -> None:
    error = bench.fails("E-VERIFY-04", url=bench.hub.issuer)
    assert error.seen == "status 404 with a body of type text/html that is not JSON"


def test_plain_http_that_is_not_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    port = bench.hub.url.rstrip("/").rpartition(":")[2]
    monkeypatch.setattr(door, "plain_url", lambda _url: f"http://localhost:{port}/")
    error = bench.fails("E-VERIFY-03", http_redirect=True)
    assert error.wanted == f"a redirect to {bench.hub.url}"


@pytest.mark.parametrize(("days", "warned"), [(14, False), (13, True)])
def test_a_certificate_that_ends_before_the_run_after_the_next_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, warned: bool
) -> None:
    """Runs are weekly; one that leaves the proxy alone because people work must be told of in time, and by what."""
    ca_file, pem = make_certificates(tmp_path, days=days)
    with serving(FakeHub(home=tmp_path), pem) as hub:
        bench = Bench(hub, ca_file)
        monkeypatch.setattr(bench.clock, "utcnow", lambda: datetime.now(UTC))
        test = bench.test()
        test.run(check_mode=True)
    assert bool(test.warnings) is warned
    for text in test.warnings:
        assert f"serves ends in {days} days. Do: " in text and text.endswith("-e hub_https_restart_proxy=true")


def test_an_interrupt_ends_what_the_test_has_started(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_given: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(UserServer, "cell", stop)
    with pytest.raises(KeyboardInterrupt):
        bench.test().run()
    assert (bench.hub.running, bench.hub.kernels) == (set(), [])


def test_files_of_interrupted_tests_are_swept_after_a_day(bench: Bench, tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".researchops-verify-old", ".researchops-verify-new", "keep.txt"))
    for file in (old, young, other):
        file.write_text("x")
    os.utime(old, (1, 1))
    os.utime(other, (1, 1))
    bench.run()
    assert not old.exists() and young.exists() and other.exists()
