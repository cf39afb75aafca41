# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to an OpenID provider, answered by a fake that refuses every question it does not expect."""

from __future__ import annotations

import io
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import oidc
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import old_authority, serving

ISSUER = "https://issuer.example.org/realm"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://issuer.example.org/auth",
    "token_endpoint": "https://issuer.example.org/token",
    "userinfo_endpoint": "https://issuer.example.org/me",
    "scopes_supported": ["openid"],
    "jwks_uri": "https://issuer.example.org/jwks",
}
KEPT = {name: value for name, value in DOCUMENT.items() if name != "jwks_uri"}
CALLBACK = "https://hub.example.org/hub/oauth_callback"
SECRET = "hQ4t-Vx9_2mLpR7s+/&"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def answer(document: Any, status: int = 200, location: str = "") -> oidc.Answer:
    return oidc.Answer(status, document if isinstance(document, str) else json.dumps(document), location)


def fixed(expected: str, reply: oidc.Answer) -> oidc.Ask:
    def ask(question: oidc.Question) -> oidc.Answer:
        assert question.url == expected, f"unexpected question {question.url}"
        return reply

    return ask


WELL_KNOWN = ISSUER + "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("issuer", "reply", "seen"),
    [
        pytest.param("http://issuer.example.org", None, "the address is not https", id="00 http"),
        pytest.param("issuer.example.org", None, "the address is not https", id="01 no scheme"),
        pytest.param("", None, "the address is not https", id="02 empty"),
        pytest.param("https://[your issuer]/", None, "the address is not https", id="02a brackets around no address"),
        pytest.param(ISSUER, answer("Not found", 404), f"HTTP 404 from {WELL_KNOWN}", id="03 not found"),
        pytest.param(ISSUER, answer({}, 500), f"HTTP 500 from {WELL_KNOWN}", id="04 server error"),
        pytest.param(
            ISSUER, answer("", 302, "https://x/"), f"HTTP 302 to https://x/ from {WELL_KNOWN}", id="05 redirect"
        ),
        pytest.param(ISSUER, answer("<html>"), f"HTTP 200, not JSON from {WELL_KNOWN}", id="06 a page"),
        pytest.param(ISSUER, answer("[]"), f"HTTP 200, not JSON from {WELL_KNOWN}", id="07 a list"),
        pytest.param(
            ISSUER,
            answer(DOCUMENT | {"issuer": "https://evil.example.org"}),
            "the document names the issuer https://evil.example.org",
            id="08 somebody else's document",
        ),
        pytest.param(ISSUER, answer({"a": 1}), "the document names the issuer (none)", id="09 nobody's document"),
        pytest.param(
            ISSUER,
            answer({"issuer": ISSUER, "token_endpoint": "https://issuer.example.org/token"}),
            "the document has no https authorization_endpoint",
            id="10 no login",
        ),
        pytest.param(
            ISSUER,
            answer(DOCUMENT | {"token_endpoint": "http://issuer.example.org/token"}),
            "the document has no https token_endpoint",
            id="11 the secret would travel in the clear",
        ),
        pytest.param(
            ISSUER,
            answer(DOCUMENT | {"userinfo_endpoint": "http://issuer.example.org/me"}),
            "the document has no https userinfo_endpoint",
            id="12 anybody on the way could say who somebody is",
        ),
    ],
)
def test_issuer_without_a_usable_document(issuer: str, reply: oidc.Answer | None, seen: str) -> None:
    ask = fixed(WELL_KNOWN, reply or answer({}))
    with pytest.raises(HubError) as caught:
        oidc.discover(issuer, ask)
    assert (caught.value.error_id, caught.value.seen) == ("E-OAUTH-01", seen)


@pytest.mark.parametrize("issuer", [ISSUER, ISSUER + "/"])
def test_document_is_read_with_and_without_a_slash(issuer: str) -> None:
    assert oidc.discover(issuer, fixed(WELL_KNOWN, answer(DOCUMENT))) == KEPT


@pytest.mark.parametrize("nothing", [{}, {"userinfo_endpoint": ""}, {"userinfo_endpoint": None}])
def test_an_issuer_may_tell_everything_in_the_id_token(nothing: dict[str, Any]) -> None:
    document = {name: value for name, value in DOCUMENT.items() if name != "userinfo_endpoint"}
    found = oidc.discover(ISSUER, fixed(WELL_KNOWN, answer(document | nothing)))
    assert not found.get("userinfo_endpoint")


def test_describe_returns_the_problem_as_data() -> None:
    assert oidc.describe(ISSUER, ask=fixed(WELL_KNOWN, answer("no", 404))) == {
        "ca_pem": "",
        "problem": {
            "error_id": "E-OAUTH-01",
            "what": f"{ISSUER} has no OpenID discovery document, so the hub cannot learn where to send people",
            "do": "set hub_oauth_issuer to an address that shows a JSON document "
            "when /.well-known/openid-configuration is added",
            "seen": f"HTTP 404 from {WELL_KNOWN}",
            "wanted": "HTTP 200 and a JSON document",
        },
    }


def test_describe_brings_the_authority_along(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(CERTIFICATE)
    wanted = KEPT | {"ca_pem": CERTIFICATE, "problem": {}}
    assert oidc.describe(ISSUER, str(file), ask=fixed(WELL_KNOWN, answer(DOCUMENT))) == wanted
    assert oidc.describe(ISSUER, str(file), ask=fixed(WELL_KNOWN, answer("no", 404)))["ca_pem"] == CERTIFICATE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"hello", "it holds no certificate"),
        (b"\xff\xfe\x00", "can't decode"),
        (CERTIFICATE.encode() + b"-----BEGIN PRIVATE KEY-----\nx", "it holds a private key"),
    ],
)
def test_unusable_ca_file(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    error = fails("E-OAUTH-08", lambda: oidc.read_ca(str(file)))
    assert reason in error.what


def test_asker_refuses_a_ca_file_without_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("hello")
    fails("E-OAUTH-08", lambda: oidc.asker(str(file)))


@pytest.mark.parametrize("url", ["http://issuer.example.org/", "file:///etc/passwd", "https://[your issuer]/token"])
def test_asker_speaks_https_only(url: str) -> None:
    fails("E-OAUTH-02", lambda: oidc.asker()(oidc.Question(url)))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"220 mail.example.org ESMTP\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", id="a cut answer"),
        pytest.param(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", id="a cut refusal"),
    ],
)
def test_what_answers_may_not_speak_http(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda: io.BytesIO(said))
    with pytest.raises(HubError, match=r"E-OAUTH-02 mail\.example\.org:465 cannot be asked: "):
        oidc.asker()(oidc.Question("https://mail.example.org:465/"))


class Trickle(io.RawIOBase):
    """The head of an answer, then a byte now and then."""

    def __init__(self, status: str) -> None:
        self._head = f"HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\n".encode()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part, self._head = self._head or b"x", b""
        if part == b"x":
            time.sleep(0.02)
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("status", ["200 OK", "500 No"])
def test_a_provider_that_trickles_is_not_waited_for_longer_than_a_silent_one(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, lambda: io.BufferedReader(Trickle(status)))
    with pytest.raises(HubError, match=r"E-OAUTH-02 issuer\.example\.org cannot be asked: its answer does not end"):
        oidc.asker(timeout=0.1)(oidc.Question("https://issuer.example.org/"))


def answering(monkeypatch: pytest.MonkeyPatch, wire: Callable[[], Any]) -> None:
    """Let every connection carry what ``wire`` makes."""

    class Wire:
        def makefile(self, *_args: Any) -> Any:
            return wire()

        def __getattr__(self, _name: str) -> Any:
            return lambda *_args, **_more: None

    def connect(connection: Any) -> None:
        connection.sock = Wire()

    monkeypatch.setattr("http.client.HTTPSConnection.connect", connect)


@pytest.mark.parametrize(
    ("ca_file", "do"),
    [
        ("", "set hub_oauth_ca_file to the authority that signed the issuer's certificate"),
        ("x.pem", "put the authority that signed the issuer's certificate into x.pem"),
    ],
)
def test_untrusted_certificate_names_the_variable(ca_file: str, do: str) -> None:
    problem = OSError()
    problem.reason = ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED] x")  # type: ignore[attr-defined]
    found = oidc.unreachable("https://issuer.example.org:8443/a", problem, ca_file)
    assert (found.error_id, found.do) == ("E-OAUTH-02", do)
    assert found.what.startswith("issuer.example.org:8443 cannot be asked: its certificate is not trusted")


def test_untrusted_certificate_is_recognised_in_both_forms() -> None:
    plain = oidc.unreachable("https://i/", OSError("x CERTIFICATE_VERIFY_FAILED y"), "")
    typed = oidc.unreachable("https://i/", ssl.SSLCertVerificationError(1, "some other words"), "")
    assert plain.what == "i cannot be asked: its certificate is not trusted (x CERTIFICATE_VERIFY_FAILED y)"
    assert typed.what.startswith("i cannot be asked: its certificate is not trusted (")


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        (OSError("no route"), "issuer.example.org cannot be asked: no route"),
        (TimeoutError(), "issuer.example.org cannot be asked: TimeoutError"),
    ],
)
def test_every_problem_has_words(problem: Exception, what: str) -> None:
    found = oidc.unreachable("https://issuer.example.org/x", problem, "")
    assert (found.what, found.do) == (
        what,
        "check the address, DNS, and that this machine may connect to it; then run again",
    )


@pytest.mark.parametrize(
    ("named", "do"),
    [
        ("https://other.example.org", "set hub_oauth_issuer to https://other.example.org"),
        ("", "set hub_oauth_issuer to the issuer itself"),
    ],
)
def test_issuer_of_another_name_is_told(named: str, do: str) -> None:
    with pytest.raises(HubError) as caught:
        oidc.discover(ISSUER, fixed(WELL_KNOWN, answer(DOCUMENT | {"issuer": named})))
    assert caught.value.do == do


class Provider:
    """Answers the token and the authorization endpoint, and remembers the questions."""

    def __init__(self, token: dict[str, oidc.Answer], authorize: oidc.Answer | None = None) -> None:
        """Take one answer for each way to show the secret; ``quoted`` is the header with encoded characters."""
        self.token = token
        self.authorize = authorize or answer("", 303, f"{CALLBACK}?error=login_required&state=x")
        self.questions: list[oidc.Question] = []

    def __call__(self, question: oidc.Question) -> oidc.Answer:
        self.questions.append(question)
        if question.url == DOCUMENT["token_endpoint"]:
            shown = question.headers.get("Authorization", "")
            way = "basic" if shown else "post"
            return self.token["quoted" if shown == QUOTED and "quoted" in self.token else way]
        assert question.url.startswith(f"{DOCUMENT['authorization_endpoint']}?"), f"unexpected {question.url}"
        return self.authorize


GRANT = answer({"error": "invalid_grant"}, 400)
QUOTED = "Basic aHViOmhRNHQtVng5XzJtTHBSN3MlMkIlMkYlMjY="
"""``hub:hQ4t-Vx9_2mLpR7s%2B%2F%26``: form-encoded first, then base64, as RFC 6749 (2.3.1) has it."""
AS_IT_IS = "Basic aHViOmhRNHQtVng5XzJtTHBSN3MrLyY="
"""``hub:hQ4t-Vx9_2mLpR7s+/&``: as OAuthenticator sends it."""
CLIENT = answer({"error": "invalid_client", "error_description": SECRET}, 401)


def client(callback: str = CALLBACK, method: str = "client_secret_post") -> oidc.Client:
    return oidc.Client("hub", SECRET, callback, method)


@pytest.mark.parametrize(
    ("token", "authorize", "method", "error_id"),
    [
        pytest.param({"post": CLIENT, "basic": CLIENT}, None, "client_secret_post", "E-AUTH-03", id="00 refused"),
        pytest.param(
            {"post": CLIENT, "basic": CLIENT}, None, "client_secret_basic", "E-AUTH-03", id="01 in the header"
        ),
        pytest.param(
            {"post": answer("denied", 401), "basic": answer("denied", 401)},
            None,
            "client_secret_post",
            "E-AUTH-03",
            id="02 without a word",
        ),
        pytest.param(
            {"post": answer({"error": "incorrect_client_credentials"}), "basic": CLIENT},
            None,
            "client_secret_post",
            "E-AUTH-03",
            id="03 GitHub's word, with status 200",
        ),
        pytest.param(
            {"post": answer({"error": "unauthorized_client"}, 400), "basic": CLIENT},
            None,
            "client_secret_post",
            "E-AUTH-03",
            id="04 Keycloak's word",
        ),
        pytest.param({"post": CLIENT, "basic": GRANT}, None, "client_secret_post", "E-AUTH-04", id="05 wants basic"),
        pytest.param({"post": GRANT, "basic": CLIENT}, None, "client_secret_basic", "E-AUTH-04", id="06 wants post"),
        pytest.param(
            {"post": GRANT},
            answer("invalid_redirect_uri", 400),
            "client_secret_post",
            "E-AUTH-05",
            id="07 callback not registered",
        ),
        pytest.param(
            {"post": GRANT},
            answer("<p>Invalid parameter: Redirect URI</p>", 400),
            "client_secret_post",
            "E-AUTH-05",
            id="08 the same in prose",
        ),
    ],
)
def test_refused_client(
    token: dict[str, oidc.Answer], authorize: oidc.Answer | None, method: str, error_id: str
) -> None:
    error = fails(error_id, lambda: oidc.prove_client(KEPT, client(method=method), Provider(token, authorize)))
    assert SECRET not in error.text()
    assert CALLBACK in error.text() or error_id == "E-AUTH-04"


@pytest.mark.parametrize(
    ("token", "authorize", "wanted"),
    [
        pytest.param(GRANT, None, ("proved", "invalid_grant", "proved", "the provider redirects to it"), id="20 both"),
        pytest.param(
            answer({"error": "invalid_request"}, 400), None,
            ("unknown", "invalid_request", "proved", "the provider redirects to it"), id="21 it says something else",
        ),
        pytest.param(
            answer("oops", 500), None, ("unknown", "HTTP 500", "proved", "the provider redirects to it"), id="22 error",
        ),
        pytest.param(
            GRANT, answer("<form>", 200), ("proved", "invalid_grant", "unknown", "HTTP 200"), id="23 a login page",
        ),
        pytest.param(
            GRANT, answer("", 302, "https://issuer.example.org/login"),
            ("proved", "invalid_grant", "unknown", "HTTP 302"), id="24 a login elsewhere",
        ),
        pytest.param(
            GRANT, answer("redirect_uri service is down", 503), ("proved", "invalid_grant", "unknown", "HTTP 503"),
            id="25a not the provider's judgement",
        ),
        pytest.param(
            GRANT, answer("", 200, CALLBACK), ("proved", "invalid_grant", "unknown", "HTTP 200"), id="25b no redirect",
        ),
        pytest.param(
            GRANT, answer("", 400, CALLBACK), ("proved", "invalid_grant", "unknown", "HTTP 400"), id="25c no redirect",
        ),
        pytest.param(
            GRANT, answer("maintenance", 503), ("proved", "invalid_grant", "unknown", "HTTP 503"), id="25 maintenance",
        ),
    ],
)  # fmt: skip
def test_what_is_proved(token: oidc.Answer, authorize: oidc.Answer | None, wanted: tuple[str, str, str, str]) -> None:
    names = ("secret", "secret_reason", "callback", "callback_reason")
    provider = Provider({"post": token}, authorize)
    assert oidc.prove_client(KEPT, client(), provider) == dict(zip(names, wanted, strict=True))


def test_secret_is_sent_to_the_token_endpoint_only() -> None:
    provider = Provider({"post": GRANT})
    oidc.prove_client(KEPT, client(), provider)
    token, authorize = provider.questions
    assert token.form is not None
    assert token.form["client_secret"] == SECRET
    assert token.form["grant_type"] == "authorization_code"
    assert authorize.form is None
    query = parse_qs(urlsplit(authorize.url).query)
    assert query["prompt"] == ["none"]
    assert query["redirect_uri"] == [CALLBACK]
    assert "hQ4t" not in authorize.url + repr(authorize.headers)


def test_secret_in_the_header_is_sent_as_the_hub_sends_it() -> None:
    provider = Provider({"basic": GRANT})
    oidc.prove_client(KEPT, client(callback="", method="client_secret_basic"), provider)
    (question,) = provider.questions
    assert question.form is not None
    assert "client_secret" not in question.form
    assert question.headers == {"Authorization": AS_IT_IS}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_provider_that_wants_the_header_encoded_is_told(method: str) -> None:
    provider = Provider({"post": CLIENT, "basic": CLIENT, "quoted": GRANT})
    error = fails("E-AUTH-04", lambda: oidc.prove_client(KEPT, client(method=method), provider))
    assert "encoded (RFC 6749, 2.3.1)" in error.what
    assert "make a new secret there of letters, digits, - and _ only" in error.do
    assert SECRET not in error.text()


def test_the_form_is_the_better_way_out_where_it_works() -> None:
    provider = Provider({"post": GRANT, "basic": CLIENT, "quoted": GRANT})
    with pytest.raises(HubError, match="E-AUTH-04") as caught:
        oidc.prove_client(KEPT, client(method="client_secret_basic"), provider)
    assert caught.value.do == "set hub_oauth_token_auth_method: client_secret_post"


def test_a_secret_without_such_characters_is_not_shown_a_third_time() -> None:
    provider = Provider({"post": CLIENT, "basic": CLIENT})
    with pytest.raises(HubError, match="E-AUTH-03"):
        oidc.prove_client(KEPT, oidc.Client("hub", "letters-and_1", CALLBACK, "client_secret_basic"), provider)
    assert len(provider.questions) == 2


ENTRA = "AADSTS9002313: Invalid request. Request is malformed or invalid. Trace ID: 1"


@pytest.mark.parametrize(
    ("description", "verdict", "reason"),
    [
        pytest.param(ENTRA, "unknown", "invalid_grant, AADSTS9002313: said of the login code", id="Entra"),
        pytest.param(
            "Malformed auth code.", "unknown", "invalid_grant, Malformed: said of the login code", id="Google"
        ),
        pytest.param("The authorization code is invalid or has expired.", "proved", "invalid_grant", id="Okta"),
        pytest.param("Code not valid", "proved", "invalid_grant", id="Keycloak"),
        pytest.param(None, "proved", "invalid_grant", id="no description"),
    ],
)
def test_a_word_about_the_code_alone_proves_no_secret(description: Any, verdict: str, reason: str) -> None:
    word = answer({"error": "invalid_grant", "error_description": description}, 400)
    found = oidc.prove_client(KEPT, client(), Provider({"post": word}))
    assert found["secret"] == verdict
    assert found["secret_reason"].startswith(reason)


def test_callback_is_not_asked_for_when_there_is_none() -> None:
    provider = Provider({"post": GRANT})
    assert oidc.prove_client(KEPT, client(callback=""), provider)["callback"] == "unknown"
    assert len(provider.questions) == 1


def test_secret_is_not_in_the_client_as_text() -> None:
    assert SECRET not in repr(client())


def test_an_issuer_whose_own_authority_has_the_old_form(tmp_path: Path) -> None:
    """Red on Python 3.13 without trust_as_named(); the hub image's Python takes such an authority."""
    with serving(tmp_path, lambda *_request: (200, {}, {}), old_authority()) as server:
        assert oidc.asker(str(server.ca_file))(oidc.Question(server.url)).status == 200
        with pytest.raises(HubError, match="E-OAUTH-02"):
            oidc.asker()(oidc.Question(server.url))
