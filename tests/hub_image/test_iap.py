# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Login by IAP's signed statement, on a real JupyterHub with exactly the packages of the chart's hub image."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import layers
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.hub_program import PLACE
from ansible_collections.researchops.jupyterhub.tests.hub_image.hubs import (
    AUDIENCE,
    HEADER,
    Browser,
    Hub,
    KeyServer,
    Signer,
    claims,
    running,
    words,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import make_certificates

PINS = Path(__file__).resolve().parents[1] / "requirements" / "hub.txt"
OTHER = "/projects/123456789012/global/backendServices/99"
GOOGLE = Signer("google-1")
SECOND = Signer("google-2")
NOT_GOOGLE = Signer("google-1")
UNKNOWN = Signer("nobody-knows-me")
FIRST_LOGIN = "hub/login?next=%2Fhub%2Fhome"
FORGED = {
    "X-Goog-Authenticated-User-Email": "accounts.google.com:root@example.org",
    "X-Goog-Authenticated-User-Id": "accounts.google.com:1",
}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def keys(certificates: tuple[Path, Path]) -> Iterator[KeyServer]:
    server = KeyServer(certificates[1])
    server.signers = [GOOGLE, SECOND]
    with server.serving():
        yield server


Start = Callable[..., Any]


@pytest.fixture(scope="session")
def start(certificates: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Runs a hub with the values that the layers give for some variables."""

    def with_variables(keys_url: str, ca_file: Path | None = None, **variables: Any) -> Any:
        asked = {"hub_domain": "hub.example.org", "hub_admins": ["Root@example.org"], "hub_oauth_provider": "iap"}
        found = {"audiences": [OTHER, AUDIENCE], "pending": False, "ca_pem": "PEM", "problem": {}}
        result = layers.chart_values(asked | variables, found)
        others = [finding.text() for finding in result.findings if finding.error_id != "E-VALUES-03"]  # of example.org
        assert others == []
        hub = result.values["hub"]
        assert hub["extraFiles"]["researchops-hub"]["stringData"] == PLACE.read_text()
        config = hub["config"]
        config["IAPAuthenticator"] |= {"keys_url": keys_url, "keys_ca_file": str(ca_file or certificates[0])}
        return running(tmp_path_factory.mktemp("hubs") / "hub", PLACE, config)

    return with_variables


@pytest.fixture(scope="session")
def hub(keys: KeyServer, start: Start) -> Iterator[Hub]:
    """People of example.org may enter, guest@elsewhere.test by name."""
    rules = {
        "hub_oauth_allowed_domains": ["Example.org"],
        "hub_oauth_allowed_users": ["Guest@elsewhere.test"],
        "z2jh_values": {
            "hub": {"config": {"Authenticator": {"blocked_users": ["blocked@example.org"], "auth_refresh_age": 3600}}}
        },
    }
    with start(keys.url, **rules) as running_hub:
        yield running_hub


def test_the_packages_are_exactly_those_of_the_hub_image() -> None:
    pinned = dict(line.split("==") for line in PINS.read_text().splitlines() if "==" in line and line[0] != "#")
    wanted = {name: version for name, version in pinned.items() if name != "pytest"}
    assert len(wanted) > 80
    assert {name: metadata.version(name) for name in wanted} == wanted


# ---- the truth table: whoever is refused comes first -----------------------------------------------------------


def plain(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand, for what no library would sign."""
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def confused(body: dict[str, Any]) -> str:
    """HS256 with Google's public key, which everybody knows, as the secret."""
    from cryptography.hazmat.primitives import serialization

    public = GOOGLE.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    unsigned = plain({"alg": "HS256", "typ": "JWT", "kid": "google-1"}, body).rpartition(".")[0]
    mac = hmac.new(public, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def tampered(token: str) -> str:
    head, _body, signature = token.split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims("root@example.org")).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


def at(**changes: int) -> dict[str, int]:
    """Times relative to now."""
    return {name: int(time.time()) + seconds for name, seconds in changes.items()}


Token = Callable[[], "str | None"]
DENIED: list[tuple[str, Token, str]] = [
    ("00 no statement", lambda: None, "did not come through Identity-Aware Proxy"),
    ("01 empty statement", lambda: "", "not a signed statement at all"),
    ("02 no token at all", lambda: "ada@example.org", "not a signed statement at all"),
    ("03 another's key under Google's id", lambda: NOT_GOOGLE.sign(claims()), "signature is wrong"),
    ("04 unknown key", lambda: UNKNOWN.sign(claims()), "not one of Google's"),
    ("05 no key id", lambda: plain({"alg": "ES256"}, claims(), b"x" * 64), "does not say which key"),
    ("06 key id no text", lambda: plain({"alg": "ES256", "kid": 7}, claims(), b"x" * 64), "not a signed statement"),
    ("07 alg none", lambda: plain({"alg": "none", "kid": "google-1"}, claims()), "not signed by ES256"),
    ("08 alg None spelt otherwise", lambda: plain({"alg": "nOnE", "kid": "google-1"}, claims()), "not signed by ES256"),
    ("09 HS256 with the public key", lambda: confused(claims()), "not signed by ES256"),
    ("10 no signature", lambda: GOOGLE.sign(claims()).rpartition(".")[0] + ".", "signature is wrong"),
    ("11 body changed", lambda: tampered(GOOGLE.sign(claims())), "signature is wrong"),
    ("12 another audience", lambda: GOOGLE.sign(claims(aud=OTHER + "1")), "another service (audience)"),
    ("13 audience is a prefix", lambda: GOOGLE.sign(claims(aud=AUDIENCE[:-1])), "another service (audience)"),
    ("14 several audiences", lambda: GOOGLE.sign(claims(aud=[AUDIENCE, "x"])), "several services at once"),
    ("15 no audience", lambda: GOOGLE.sign(claims(aud=None)), "incomplete"),
    ("16 another issuer", lambda: GOOGLE.sign(claims(iss="https://accounts.google.com")), "(issuer)"),
    ("17 no issuer", lambda: GOOGLE.sign(claims(iss=None)), "incomplete"),
    ("18 expired by 31 s", lambda: GOOGLE.sign(claims(**at(iat=-600, exp=-31))), "has expired"),
    ("19 no expiry", lambda: GOOGLE.sign(claims(exp=None)), "incomplete"),
    ("20 issued 45 s ahead", lambda: GOOGLE.sign(claims(**at(iat=45, exp=600))), "comes from the future"),
    ("21 no time of issue", lambda: GOOGLE.sign(claims(iat=None)), "incomplete"),
    ("22 valid for a day", lambda: GOOGLE.sign(claims(**at(iat=0, exp=86400))), "valid for longer"),
    ("23 no subject", lambda: GOOGLE.sign(claims(sub=None)), "incomplete"),
    ("24 e-mail missing", lambda: GOOGLE.sign(claims(None)), "names no e-mail address"),
    ("25 e-mail empty", lambda: GOOGLE.sign(claims("")), "names no e-mail address"),
    ("26 e-mail no text", lambda: GOOGLE.sign(claims(["ada@example.org"])), "names no e-mail address"),
    ("27 name without domain", lambda: GOOGLE.sign(claims("root")), "names no e-mail address"),
    ("28 two @", lambda: GOOGLE.sign(claims("x@evil.test@example.org")), "names no e-mail address"),
    ("29 path in the name", lambda: GOOGLE.sign(claims("../root@example.org")), "names no e-mail address"),
    ("30 letters that only look alike", lambda: GOOGLE.sign(claims("ada@\u0435xample.org")), "names no e-mail address"),
    ("31 e-mail with a line break", lambda: GOOGLE.sign(claims("ada@example.org\n")), "names no e-mail address"),
    ("32 not on the list", lambda: GOOGLE.sign(claims("eve@elsewhere.test")), "eve@elsewhere.test, but this hub's own"),
    ("33 subdomain", lambda: GOOGLE.sign(claims("eve@sub.example.org")), "this hub's own list"),
    ("34 domain as an ending", lambda: GOOGLE.sign(claims("eve@evilexample.org")), "this hub's own list"),
    ("35 domain as a beginning", lambda: GOOGLE.sign(claims("eve@example.org.evil.test")), "this hub's own list"),
    ("36 blocked", lambda: GOOGLE.sign(claims("Blocked@example.org")), "this hub's own list"),
    ("37 too long", lambda: GOOGLE.sign(claims(padding="x" * 9000)), "more than one, or it is too long"),
    ("38 two statements", lambda: f"{GOOGLE.sign(claims())},{GOOGLE.sign(claims())}", "not a signed statement at all"),
]


@pytest.mark.parametrize(("token", "text"), [row[1:] for row in DENIED], ids=[row[0] for row in DENIED])
@pytest.mark.parametrize("forged", [{}, FORGED], ids=["", "with forged plain headers"])
def test_refused(hub: Hub, token: Token, text: str, forged: dict[str, str]) -> None:
    browser = hub.browser(token())
    page = browser.get(FIRST_LOGIN, headers=forged)
    assert page.status_code == 403
    assert text in words(page)
    assert "jupyterhub-hub-login" not in browser.cookies()
    assert browser.who(**forged) == ""


def test_two_headers_are_refused(hub: Hub) -> None:
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=30)
    connection.putrequest("GET", "/hub/login")
    for email in ("ada@example.org", "root@example.org"):
        connection.putheader(HEADER, GOOGLE.sign(claims(email)))
    connection.endheaders()
    reply = connection.getresponse()
    assert reply.status == 403
    assert b"more than one" in reply.read()
    connection.close()


ALLOWED: list[tuple[str, Token, str]] = [
    ("50 by domain", lambda: GOOGLE.sign(claims("ada@example.org")), "ada@example.org"),
    ("51 in capitals", lambda: GOOGLE.sign(claims("ADA@EXAMPLE.ORG")), "ada@example.org"),
    ("52 by name", lambda: GOOGLE.sign(claims("guest@Elsewhere.test")), "guest@elsewhere.test"),
    ("53 plus and dots", lambda: GOOGLE.sign(claims("a.d-a_o'x+hub@example.org")), "a.d-a_o'x+hub@example.org"),
    ("54 second audience", lambda: GOOGLE.sign(claims(aud=OTHER)), "ada@example.org"),
    ("55 expired within the skew", lambda: GOOGLE.sign(claims(**at(iat=-600, exp=-20))), "ada@example.org"),
    ("56 issued within the skew", lambda: GOOGLE.sign(claims(**at(iat=20, exp=600))), "ada@example.org"),
    ("57 more claims", lambda: GOOGLE.sign(claims(hd="example.org", google={"access_levels": []})), "ada@example.org"),
]


@pytest.mark.parametrize(("token", "name"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED])
def test_let_in_without_a_second_login(hub: Hub, token: Token, name: str) -> None:
    browser = hub.browser(token())
    page = browser.get("hub/home", headers=FORGED)
    assert page.status_code == 200
    assert page.url.endswith("/hub/home")
    assert not any("oauth" in step.headers["Location"] for step in page.history)
    assert browser.who() == name


def test_only_listed_admins_administer(hub: Hub) -> None:
    for email, status in (("root@example.org", 200), ("ada@example.org", 403)):
        browser = hub.browser(GOOGLE.sign(claims(email)))
        browser.get("hub/home")
        assert browser.get("hub/admin").status_code == status


def test_admin_rights_that_only_the_database_knows_end_with_the_next_request(hub: Hub) -> None:
    browser, root = entered(hub, "ada@example.org"), entered(hub, "root@example.org")
    there, headers = f"{hub.url}hub/api/users/ada@example.org", {HEADER: root.assertion, **root.api_headers()}
    made = root.session.patch(there, headers=headers, json={"admin": True}, timeout=30)
    assert (made.status_code, made.json().get("admin")) == (200, True), made.text
    assert browser.get("hub/admin").status_code == 403
    assert root.session.get(there, headers=headers, timeout=30).json()["admin"] is False


def test_a_token_does_not_keep_admin_rights_that_only_the_database_knows(hub: Hub) -> None:
    ada, root = entered(hub, "ada@example.org"), entered(hub, "root@example.org")
    there = f"{hub.url}hub/api/users/ada@example.org"
    by_ada, by_root = ({HEADER: who.assertion, **who.api_headers()} for who in (ada, root))
    made = ada.session.post(f"{there}/tokens", headers=by_ada, json={"note": "script"}, timeout=30)
    assert root.session.patch(there, headers=by_root, json={"admin": True}, timeout=30).json()["admin"] is True
    script = {"Authorization": f"token {made.json()['token']}"}
    assert hub.get("hub/api/users/root@example.org", headers=script).status_code == 404
    assert hub.get("hub/api/users/ada@example.org", headers=script).json()["admin"] is False


# ---- a session and the statements that come with its requests -------------------------------------------------


def entered(hub: Hub, email: str) -> Browser:
    browser = hub.browser(GOOGLE.sign(claims(email)))
    assert browser.get("hub/home").status_code == 200
    assert browser.who() == email
    return browser


def test_a_session_without_a_statement_is_refused(hub: Hub) -> None:
    browser = entered(hub, "ada@example.org")
    browser.assertion = None
    page = browser.get("hub/home", headers=FORGED)
    assert page.status_code == 403
    assert "did not come through" in words(page)
    assert browser.who() == ""


def test_a_session_whose_statement_has_expired_is_refused(hub: Hub) -> None:
    browser = entered(hub, "ada@example.org")
    browser.assertion = GOOGLE.sign(claims("ada@example.org", **at(iat=-600, exp=-60)))
    assert browser.who() == ""
    browser.assertion = GOOGLE.sign(claims("ada@example.org"))
    assert browser.who() == "ada@example.org"


def test_another_identity_never_uses_the_session_and_is_logged_in_as_itself(hub: Hub) -> None:
    browser = entered(hub, "ada@example.org")
    session = next(cookie.value for cookie in browser.session.cookies if cookie.name == "jupyterhub-session-id")
    browser.assertion = GOOGLE.sign(claims("bob@example.org"))
    assert browser.who() == "", "an API request is refused, not answered as ada"
    page = browser.get("hub/home")
    assert page.status_code == 200
    assert browser.who() == "bob@example.org"
    after = [cookie.value for cookie in browser.session.cookies if cookie.name == "jupyterhub-session-id"]
    assert after
    assert session not in after, "sessions of user servers, too, must end"


def test_the_second_request_within_a_second_is_compared_as_well(hub: Hub) -> None:
    ada, stolen = entered(hub, "ada@example.org"), entered(hub, "ada@example.org")
    stolen.assertion = GOOGLE.sign(claims("bob@example.org"))
    assert ada.who() == "ada@example.org"
    assert stolen.who() == ""


def test_a_person_who_is_not_allowed_does_not_keep_somebody_elses_session(hub: Hub) -> None:
    browser = entered(hub, "ada@example.org")
    browser.assertion = GOOGLE.sign(claims("eve@elsewhere.test"))
    page = browser.get("hub/home")
    assert page.status_code == 403
    assert "eve@elsewhere.test" in words(page)
    browser.assertion = None
    assert browser.who() == ""
    assert "jupyterhub-hub-login" not in browser.cookies()


def test_logout_says_that_google_still_knows(hub: Hub) -> None:
    browser = entered(hub, "ada@example.org")
    page = browser.get("hub/logout")
    assert page.status_code == 200
    assert 'href="/_gcp_iap/clear_login_cookie"' in page.text
    assert "jupyterhub-hub-login" not in browser.cookies()
    assert browser.get("hub/home").status_code == 200, "the next visit logs in again"


def test_tokens_of_the_hub_work_without_iap(hub: Hub) -> None:
    made = entered(hub, "ada@example.org")
    reply = made.session.post(
        f"{hub.url}hub/api/users/ada@example.org/tokens",
        headers={HEADER: made.assertion, **made.api_headers()},
        json={"note": "script"},
        timeout=30,
    )
    assert reply.status_code == 201, reply.text
    inside = hub.browser()
    assert inside.who(Authorization=f"token {reply.json()['token']}") == "ada@example.org"
    robot = {"Authorization": "token token-of-the-robot-123", "Accept": "application/json"}
    assert hub.get("hub/api/users", headers=robot).status_code == 200


def test_a_token_of_who_is_on_no_list_is_worth_nothing(hub: Hub) -> None:
    """Somebody whom the database knows, because he was on a list once, starts no server with a token he kept."""
    gone = f"{hub.url}hub/api/users/eve@elsewhere.test"
    root = entered(hub, "root@example.org")
    headers = {HEADER: root.assertion, **root.api_headers()}
    assert root.session.post(gone, headers=headers, timeout=30).status_code == 201
    made = root.session.post(f"{gone}/tokens", headers=headers, json={"note": "kept"}, timeout=30)
    kept = {"Authorization": f"token {made.json()['token']}", "Accept": "application/json"}
    assert hub.get("hub/api/user", headers=kept).status_code == 403
    assert requests.post(f"{gone}/server", headers=kept, timeout=30).status_code == 403
    assert root.session.get(gone, headers=headers, timeout=30).json()["servers"] == {}


def test_statements_do_not_reach_the_log(hub: Hub) -> None:
    token = GOOGLE.sign(claims("ada@example.org"))
    hub.browser(token).get("hub/home")
    hub.browser(token + "x").get(FIRST_LOGIN)
    log = hub.log.read_text()
    assert "IAP's statement is refused" in log
    assert token.split(".")[1] not in log
    assert token.split(".")[2] not in log


def test_the_health_check_needs_no_statement(hub: Hub) -> None:
    assert hub.get("hub/health").status_code == 200


def test_the_database_is_no_rule(hub: Hub) -> None:
    robot = {"Authorization": "token token-of-the-robot-123"}
    added = hub.browser().session.post(f"{hub.url}hub/api/users/old@elsewhere.test", headers=robot, timeout=30)
    assert added.status_code == 201
    assert hub.get(FIRST_LOGIN, GOOGLE.sign(claims("old@elsewhere.test"))).status_code == 403


# ---- the keys ---------------------------------------------------------------------------------------------------


def test_keys_are_fetched_seldom_and_kept(hub: Hub, keys: KeyServer) -> None:
    assert hub.get("hub/home", GOOGLE.sign(claims())).status_code == 200
    assert hub.get("hub/home", SECOND.sign(claims())).status_code == 200
    asked = keys.asked
    for _again in range(10):
        assert hub.get(FIRST_LOGIN, UNKNOWN.sign(claims())).status_code == 403
    assert 1 <= keys.asked <= asked + 1
    keys.status = 500
    try:
        assert hub.get("hub/home", GOOGLE.sign(claims())).status_code == 200, "kept keys go on"
    finally:
        keys.status = 200


def test_without_keys_the_page_says_so(keys: KeyServer, start: Start, tmp_path: Path) -> None:
    """The key server's certificate is signed by nobody this hub trusts."""
    stranger_ca, _pem = make_certificates(tmp_path)
    asked = keys.asked
    with start(keys.url, stranger_ca, hub_oauth_acknowledge_open_hub=True) as hub:
        page = hub.get(FIRST_LOGIN, GOOGLE.sign(claims()))
    assert page.status_code == 503
    assert "cannot fetch the keys" in words(page)
    assert keys.asked == asked
