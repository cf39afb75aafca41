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
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.auth import AuthOptions, GcpAuth
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import broken, caught, reply
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
    assert words in str(caught("E-GCP-01", auth(endpoint, **options).validate))
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
    problem = caught("E-GCP-02", auth(auth_kind="serviceaccount", service_account_file=str(path)).validate)
    assert words in str(problem).replace("No such", "no such")
    assert str(path) in str(problem)


def test_a_binary_key_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "key.p12").write_bytes(b"\xff\xfe\x00")
    problem = caught(
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
    assert "fresh access_token" in str(caught("E-GCP-03", lambda: one.renew("ya29.mine")))
    assert one.renew("another") == "ya29.mine"


def test_the_issuers_refusal_is_told_in_its_words() -> None:
    endpoint = Endpoint(reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT: account not found"}))
    problem = caught("E-GCP-03", auth(endpoint, auth_kind="serviceaccount", service_account_contents=key()).token)
    assert "Invalid JWT: account not found" in str(problem)
    assert "clock is right" in str(problem)


def test_a_wrong_clock_is_named_when_a_token_is_refused() -> None:
    refusal = reply(400, {"error": "invalid_grant"}, date="Sun, 22 Nov 2020 14:00:00 GMT")
    one = auth(Endpoint(refusal), auth_kind="serviceaccount", service_account_contents=key())
    assert "this machine's clock is " in caught("E-GCP-03", one.token).seen
    assert (
        caught(
            "E-GCP-03",
            auth(
                Endpoint(reply(400, {"error": "x"})), auth_kind="serviceaccount", service_account_contents=key()
            ).token,
        ).seen
        == ""
    )


def test_a_token_endpoint_that_cannot_be_reached_is_a_network_problem() -> None:
    endpoint = Endpoint(*[broken(reason="the connection is refused")] * 9)
    problem = caught("E-GCP-09", auth(endpoint, auth_kind="serviceaccount", service_account_contents=key()).token)
    assert "the connection is refused" in str(problem)


def test_the_machines_account_is_asked_of_its_metadata_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", "metadata.test")
    endpoint = Endpoint(
        reply(body={"email": EMAIL, "scopes": ["x"], "aliases": []}, metadata_flavor="Google"),
        reply(body={"access_token": "machine-token", "expires_in": 60, "token_type": "Bearer"}),
    )
    one = auth(endpoint, auth_kind="machineaccount")
    assert one.email == ""
    assert one.token() == "machine-token"
    assert one.email == EMAIL
    assert all(url.startswith("http://metadata.test/computeMetadata/v1/") for _method, url, _body in endpoint.asked)


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
    problem = caught("E-GCP-02", auth().token)
    assert "gone.json" in str(problem)
    assert "gcloud auth application-default login" in str(problem)


def test_application_credentials_that_cannot_be_read_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))  # a test may run as root, who may read all
    assert f"[Errno 21] Is a directory: '{tmp_path}'" in str(caught("E-GCP-02", auth().token))


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
