# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for Google: which options fit together, what is read offline, what is sent and learnt."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.auth import (
    CLOUD_PLATFORM,
    AuthOptions,
    GcpAuth,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import broken, reply
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN_URI = "https://oauth2.googleapis.com/token"
EMAIL = "robot@p.iam.gserviceaccount.com"
PRIVATE_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


def key(**changes: Any) -> dict[str, Any]:
    base = {"type": "service_account", "client_email": EMAIL, "private_key": PRIVATE_KEY, "token_uri": TOKEN_URI}
    return base | {"project_id": "p", "private_key_id": "1"} | changes


class Endpoint:
    """A token endpoint: numbered tokens, or whatever is put into ``answers``."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, bytes | None]] = []

    def request(self, method: str, url: str, *, headers: Any = None, body: bytes | None = None) -> Answer:
        self.asked.append((method, url, body))
        if not self.answers:
            return reply(body={"access_token": f"secret-token-{len(self.asked)}", "expires_in": 3600})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def auth(endpoint: Endpoint | None = None, learn: Any = None, **options: Any) -> GcpAuth:
    return GcpAuth(AuthOptions.of(options), http=endpoint or Endpoint(), learn=learn)


# ---- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"service_account_file": "/k"}, "service_account_file belongs to auth_kind serviceaccount"),
        pytest.param({"service_account_contents": "{}"}, "service_account_contents belongs to"),
        pytest.param({"access_token": "t"}, "access_token belongs to auth_kind accesstoken"),
        pytest.param({"service_account_email": "a@b"}, "service_account_email belongs to auth_kind machineaccount"),
        pytest.param({"auth_kind": "accesstoken", "service_account_file": "/k"}, "GCP_SERVICE_ACCOUNT_FILE too"),
        pytest.param(
            {"auth_kind": "serviceaccount", "service_account_file": "/k", "service_account_contents": "{}"},
            "both given",
        ),
        pytest.param({"auth_kind": "serviceaccount"}, "needs a key"),
        pytest.param({"auth_kind": "accesstoken"}, "needs a token"),
        pytest.param({"auth_kind": "accesstoken", "access_token": "ya29.a ya29.b"}, "access_token holds a space"),
        pytest.param({"auth_kind": "accesstoken", "access_token": "ya29.\nya29"}, "access_token holds a space"),
        pytest.param({"auth_kind": "accesstoken", "access_token": "ya29.ł"}, "access_token holds a space"),
    ],
)
def test_options_that_do_not_fit_together_are_refused_offline(options: dict[str, Any], words: str) -> None:
    endpoint = Endpoint()
    assert words in str(fails("E-GCP-01", auth(endpoint, **options).validate))
    assert endpoint.asked == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth_kind": None, "scopes": None, "service_account_contents": None},
        {"auth_kind": "application"},
        {"auth_kind": "machineaccount"},
        {"auth_kind": "machineaccount", "service_account_email": EMAIL},
        {"auth_kind": "accesstoken", "access_token": "ya29.token"},
        {"auth_kind": "accesstoken", "access_token": " ya29.token\n"},
        {"auth_kind": "serviceaccount", "service_account_contents": json.dumps(key())},
        {"auth_kind": "serviceaccount", "service_account_contents": key()},
    ],
)
def test_options_that_fit_pass_without_a_request(options: dict[str, Any]) -> None:
    endpoint = Endpoint()
    auth(endpoint, **options).validate()
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no such file"),
        ("{", "no JSON"),
        ("[]", "of type nothing"),
        (json.dumps({"type": "authorized_user"}), "of type authorized_user"),
        (json.dumps(key(private_key="-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----")), "cannot be read"),
        (json.dumps({"type": "service_account"}), "cannot be read"),
    ],
)
def test_a_key_file_that_is_none_is_named_offline(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "key.json"
    if text:
        path.write_text(text)
    problem = fails("E-GCP-02", auth(auth_kind="serviceaccount", service_account_file=str(path)).validate)
    assert words in str(problem).replace("No such", "no such")
    assert str(path) in str(problem)


def test_a_binary_key_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "key.p12").write_bytes(b"\xff\xfe\x00")
    problem = fails(
        "E-GCP-02", auth(auth_kind="serviceaccount", service_account_file=str(tmp_path / "key.p12")).validate
    )
    assert "it is no text" in str(problem)


# ---- tokens


def test_a_service_account_signs_for_a_token_once_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key()))
    endpoint, known = Endpoint(), Redactor()
    one = auth(endpoint, known.add, auth_kind="serviceaccount", service_account_file=str(path))
    one.validate()
    assert [one.token(), one.token(), one.email] == ["secret-token-1", "secret-token-1", EMAIL]
    assert [(method, url) for method, url, _body in endpoint.asked] == [("POST", TOKEN_URI)]
    assert "assertion" in parse_qs((endpoint.asked[0][2] or b"").decode())
    assert "secret-token-1" not in known.text("Bearer secret-token-1")
    assert PRIVATE_KEY.splitlines()[3] not in known.text(PRIVATE_KEY)


def test_a_refused_token_is_renewed_once_for_all_threads() -> None:
    endpoint = Endpoint()
    one = auth(endpoint, auth_kind="serviceaccount", service_account_contents=key())
    first = one.token()
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(one.renew(first))) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == ["secret-token-2"] * 8
    assert len(endpoint.asked) == 2


def test_an_expired_token_is_replaced_before_it_is_used() -> None:
    one = auth(auth_kind="serviceaccount", service_account_contents=key())
    one.token()
    one._credentials.expiry = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    assert one.token() == "secret-token-2"


def test_an_access_token_is_used_as_it_is_and_cannot_be_renewed() -> None:
    known = Redactor()
    one = auth(learn=known.add, auth_kind="accesstoken", access_token="ya29.mine")
    one.validate()
    assert (one.token(), one.email, one.quota_project) == ("ya29.mine", "", "")
    assert known.text("ya29.mine") == "<hidden>"
    assert "fresh access_token" in str(fails("E-GCP-03", lambda: one.renew("ya29.mine")))
    assert one.renew("another") == "ya29.mine"


def test_the_issuers_refusal_is_told_in_its_words() -> None:
    endpoint = Endpoint(reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT: account not found"}))
    problem = fails("E-GCP-03", auth(endpoint, auth_kind="serviceaccount", service_account_contents=key()).token)
    assert "Invalid JWT: account not found" in str(problem)
    assert "clock is right" in str(problem)


def test_a_wrong_clock_is_named_when_a_token_is_refused() -> None:
    refusal = reply(400, {"error": "invalid_grant"}, date="Sun, 22 Nov 2020 14:00:00 GMT")
    one = auth(Endpoint(refusal), auth_kind="serviceaccount", service_account_contents=key())
    assert "this machine's clock is " in fails("E-GCP-03", one.token).seen
    assert (
        fails(
            "E-GCP-03",
            auth(
                Endpoint(reply(400, {"error": "x"})), auth_kind="serviceaccount", service_account_contents=key()
            ).token,
        ).seen
        == ""
    )


def test_a_token_endpoint_that_cannot_be_reached_is_a_network_problem() -> None:
    endpoint = Endpoint(*[broken(reason="the connection is refused")] * 9)
    problem = fails("E-GCP-09", auth(endpoint, auth_kind="serviceaccount", service_account_contents=key()).token)
    assert "the connection is refused" in str(problem)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own pauses between its tries take no time."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def page(status: int = 200) -> Answer:
    """What a proxy says in the place of the server that was asked."""
    return Answer(status, TOKEN_URI, {"content-type": "text/html"}, b"<html>Please log in</html>")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(429, {"error": "rate_limit_exceeded"}), id="00-429"),
        pytest.param(reply(500, {"error": "internal_failure"}), id="01-500"),
        pytest.param(page(502), id="02-502"),
        pytest.param(reply(503, {"error": "backendError", "error_description": "later"}), id="03-503"),
        pytest.param(reply(400, {"error": "server_error"}), id="04-by-its-word"),
        pytest.param(page(), id="05-a-proxys-page"),
    ],
)
def test_a_token_endpoint_that_is_busy_refuses_nothing(answer: Answer) -> None:
    one = auth(Endpoint(*[answer] * 9), auth_kind="serviceaccount", service_account_contents=key())
    problem = fails("E-GCP-09", one.token)
    assert "Google's token endpoint gives no usable answer: " in problem.what
    assert "log in again" not in problem.do


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("answer", "error_id", "words"),
    [
        pytest.param(broken("timeout", "no answer in time"), "E-GCP-09", "metadata server gives no", id="00-slow"),
        pytest.param(reply(503, metadata_flavor="Google"), "E-GCP-09", "metadata server gives no", id="01-busy"),
        pytest.param(reply(404, metadata_flavor="Google"), "E-GCP-03", "give this machine a service", id="02-none"),
        pytest.param(
            Answer(200, TOKEN_URI, {"content-type": "application/json"}, b"{"),
            "E-GCP-09",
            "invalid JSON",
            id="03-garbled",
        ),
    ],
)
def test_a_metadata_server_that_is_slow_is_no_machine_without_an_account(
    answer: Answer | Exception, error_id: str, words: str
) -> None:
    told = str(fails(error_id, auth(Endpoint(*[answer] * 9), auth_kind="machineaccount").token))
    assert (words in told, " object at 0x" in told) == (True, False), told


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("answer", "error_id"),
    [
        pytest.param(reply(503, metadata_flavor="Google"), "E-GCP-09", id="00-busy"),
        pytest.param(reply(503), "E-GCP-02", id="01-a-proxy-of-a-machine-elsewhere"),
        pytest.param(broken("timeout", "no answer in time"), "E-GCP-02", id="02-nobody-there"),
    ],
)
def test_a_metadata_server_that_says_it_is_busy_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer | Exception, error_id: str
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    metadata = "google.auth.compute_engine._metadata"
    monkeypatch.setattr(f"{metadata}._NO_GCE_CHECK", False, raising=False)
    monkeypatch.setattr(f"{metadata}._GCE_PRODUCT_NAME_FILE", str(tmp_path / "none"))
    fails(error_id, auth(Endpoint(*[answer] * 9)).token)


@pytest.fixture
def federated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Application default credentials of a workload identity federation; the file with the workload's own token."""
    own = tmp_path / "own-token"
    own.write_text("the-workloads-token")
    pool = "projects/123/locations/global/workloadIdentityPools/pool/providers/ci"
    credentials = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{pool}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(own)},
    }
    (tmp_path / "adc.json").write_text(json.dumps(credentials))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return own


@pytest.mark.usefixtures("federated")
def test_a_federated_workload_asks_for_its_token_and_for_nothing_else() -> None:
    endpoint = Endpoint()
    one = auth(endpoint)
    assert (one.email, endpoint.asked) == ("", [])
    assert (one.token(), one.token()) == ("secret-token-1", "secret-token-1")
    ((method, url, body),) = endpoint.asked
    assert (method, url) == ("POST", "https://sts.googleapis.com/v1/token")
    sent = parse_qs((body or b"").decode())
    assert (sent["scope"], sent["subject_token"]) == ([CLOUD_PLATFORM], ["the-workloads-token"])


@pytest.mark.usefixtures("federated")
@pytest.mark.parametrize(
    ("answer", "error_id", "words"),
    [
        pytest.param(reply(400, {"error": "invalid_grant"}), "E-GCP-03", "invalid_grant", id="00-refused"),
        pytest.param(
            reply(400, {"error": "invalid_target", "error_description": "No such provider"}),
            "E-GCP-03",
            "No such provider",
            id="01-no-such-provider",
        ),
        pytest.param(page(403), "E-GCP-03", "<html>", id="02-forbidden"),
        pytest.param(reply(400, {"error": "temporarily_unavailable"}), "E-GCP-09", "temporarily_un", id="03-outage"),
        pytest.param(reply(400, {"error": "server_error"}), "E-GCP-09", "server_error", id="04-outage"),
        pytest.param(reply(503, {"error": {"code": 503}}), "E-GCP-09", "503", id="05-503"),
        pytest.param(page(502), "E-GCP-09", "no usable answer", id="06-a-proxys-page"),
        pytest.param(page(), "E-GCP-09", "sends no token", id="07-a-page-instead-of-a-token"),
        pytest.param(reply(body={}), "E-GCP-09", "sends no token", id="08-json-without-a-token"),
        pytest.param(reply(body="token"), "E-GCP-09", "sends no token", id="09-json-of-another-kind"),
        pytest.param(broken(reason="Connection reset by peer"), "E-GCP-09", "reset by peer", id="10-no-answer"),
    ],
)
def test_what_the_security_token_service_says_is_told_as_what_it_is(
    answer: Answer | Exception, error_id: str, words: str
) -> None:
    assert words in str(fails(error_id, auth(Endpoint(answer)).token))


def test_a_workloads_own_token_that_cannot_be_read_is_named(federated: Path) -> None:
    federated.unlink()
    federated.mkdir()
    assert f"Is a directory: '{federated}'" in str(fails("E-GCP-02", auth().token))


def test_the_machines_account_is_asked_of_its_metadata_server() -> None:
    endpoint = Endpoint(
        reply(body={"email": EMAIL, "scopes": ["x"], "aliases": []}, metadata_flavor="Google"),
        reply(body={"access_token": "machine-token", "expires_in": 60, "token_type": "Bearer"}),
    )
    one = auth(endpoint, auth_kind="machineaccount")
    assert one.email == ""
    assert one.token() == "machine-token"
    assert one.email == EMAIL
    place = "http://metadata.google.internal/computeMetadata/v1/"
    assert all(url.startswith(place) for _method, url, _body in endpoint.asked)


def test_application_credentials_come_from_the_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "adc.json"
    login = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}
    path.write_text(json.dumps(login | {"quota_project_id": "billing"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    endpoint = Endpoint()
    one = auth(endpoint)
    one.validate()
    assert endpoint.asked == []
    assert (one.token(), one.quota_project, one.email) == ("secret-token-1", "billing", "")


def test_no_application_credentials_says_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    problem = fails("E-GCP-02", auth().token)
    assert "gone.json" in str(problem)
    assert "gcloud auth application-default login" in str(problem)


def test_application_credentials_that_cannot_be_read_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))  # a test may run as root, who may read all
    assert f"[Errno 21] Is a directory: '{tmp_path}'" in str(fails("E-GCP-02", auth().token))


def test_scopes_are_the_modules_unless_somebody_names_others() -> None:
    options = {"auth_kind": "serviceaccount", "service_account_contents": key()}
    ours = GcpAuth(AuthOptions.of(options), scopes=("verify",))
    theirs = GcpAuth(AuthOptions.of(options | {"scopes": ["own"]}), scopes=("verify",))
    ours.validate()
    theirs.validate()
    assert (ours._credentials.scopes, theirs._credentials.scopes) == (["verify"], ["own"])


@pytest.mark.parametrize(("asked", "given"), [(3.0, 3.0), (None, 30.0), (600.0, 30.0)])
def test_every_exchange_for_a_token_is_bounded(asked: float | None, given: float) -> None:
    one = auth()
    one._request("https://x.test/", "GET", timeout=asked)
    assert one._request._limit == given
    own = GcpAuth(AuthOptions())._request
    own._limit = 0.5
    assert own._http is None
