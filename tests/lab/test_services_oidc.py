# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's OpenID provider, as its three kinds of clients meet it: a hub, the automation, a newly registered one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from labkit import build, labs
from labkit.services import processes
from test_services_support import Target, start, stop

ISSUER = "https://issuer.lab.test:8443"
CALLBACK = "https://hub.lab.test:8443/hub/oauth_callback"
SCOPES = "openid profile email groups"
SECONDS = 20


@pytest.fixture
def web(services: Target) -> Iterator[requests.Session]:
    """One browser: its own cookies, trusts the lab's CA only."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(services.ca_file)
        yield session


class FormReader(HTMLParser):
    """The first form of a page, its fields' names, and the text of alerts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action, self.fields, self.alert, self.labels = "", list[str](), "", set[str]()
        self._in_alert = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.action = values.get("action") or ""
        elif tag == "input":
            self.fields.append(values.get("name") or "")
        elif tag == "label":
            self.labels.add(values.get("for") or "")
        self._in_alert = values.get("role") == "alert"

    def handle_data(self, data: str) -> None:
        self.alert += data if self._in_alert else ""

    def handle_endtag(self, tag: str) -> None:
        self._in_alert = False


@dataclass(frozen=True)
class Asked:
    """One authorization request, with what the client must remember of it."""

    client: str
    callback: str
    state: str
    verifier: str

    @property
    def params(self) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "client_id": self.client,
            "redirect_uri": self.callback,
            "response_type": "code",
            "scope": SCOPES,
            "state": self.state,
            "nonce": "n-" + self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }


def ask(client: str = "hub-lab", callback: str = CALLBACK) -> Asked:
    return Asked(client, callback, secrets.token_urlsafe(8), secrets.token_urlsafe(48))


def open_form(web: requests.Session, params: Mapping[str, str]) -> requests.Response:
    """Go to the provider as a browser would until it shows a page."""
    return web.get(f"{ISSUER}/auth", params=params, timeout=SECONDS)


def submit(web: requests.Session, page: requests.Response, login: str, password: str) -> requests.Response:
    """Send the form of ``page``; do not follow where that leads."""
    action = urljoin(page.url, FormReader(page.text).action)
    fields = {"login": login, "password": password}
    return web.post(action, data=fields, timeout=SECONDS, allow_redirects=False)


def sign_in(web: requests.Session, asked: Asked, login: str, password: str, **extra: str) -> dict[str, str]:
    """Fill in the form; return the query the browser would carry back to the hub."""
    answer = submit(web, open_form(web, {**asked.params, **extra}), login, password)
    for _attempt in range(5):
        assert answer.status_code in (302, 303), FormReader(answer.text).alert or answer.text
        where = urljoin(answer.url, answer.headers["Location"])
        if not where.startswith(ISSUER):
            assert where.split("?")[0] == asked.callback
            return {key: value[0] for key, value in parse_qs(urlsplit(where).query).items()}
        answer = web.get(where, timeout=SECONDS, allow_redirects=False)
    pytest.fail("the provider never sent the browser back")


def redeem(web: requests.Session, asked: Asked, code: str, secret: str, post: bool = False) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code}
    form |= {"redirect_uri": asked.callback, "code_verifier": asked.verifier}
    if post:
        form |= {"client_id": asked.client, "client_secret": secret}
    auth = None if post else (asked.client, secret)
    return web.post(f"{ISSUER}/token", data=form, auth=auth, timeout=SECONDS)


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(web: requests.Session, token: str) -> dict[str, Any]:
    """The claims of a JWT whose signature the issuer's published keys confirm (raises InvalidSignature)."""
    head, body, signature = token.split(".")
    header = json.loads(bytes_of(head))
    discovery = web.get(f"{ISSUER}/.well-known/openid-configuration", timeout=SECONDS).json()
    keys = {key["kid"]: key for key in web.get(discovery["jwks_uri"], timeout=SECONDS).json()["keys"]}
    numbers = [int.from_bytes(bytes_of(keys[header["kid"]][part]), "big") for part in ("e", "n")]
    public = rsa.RSAPublicNumbers(*numbers).public_key()
    public.verify(bytes_of(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims: dict[str, Any] = json.loads(bytes_of(body))
    return claims


ADA = {
    "sub": "lab-user-ada",
    "preferred_username": "ada",
    "name": "Ada Demo",
    "email": "ada@lab.test",
    "email_verified": True,
    "groups": ["physicists", "hub-admins"],
}


# ---- refusals ------------------------------------------------------------------------------------------------------
def test_an_issuer_without_discovery(web: requests.Session) -> None:
    answer = web.get("https://issuer.lab.test:8444/.well-known/openid-configuration", timeout=SECONDS)
    assert answer.status_code == 404


def test_wrong_password_is_told_and_keeps_the_login(web: requests.Session) -> None:
    answer = submit(web, open_form(web, ask().params), "ada", "wrong")
    again = FormReader(answer.text)
    assert (answer.status_code, again.alert) == (403, "Login or password is wrong.")
    assert again.fields == ["login", "password"]
    assert 'value="ada"' in answer.text and "wrong</" not in answer.text


def test_typed_text_cannot_become_html(web: requests.Session) -> None:
    answer = submit(web, open_form(web, ask().params), '"><script>alert(1)</script>', "x")
    assert "<script" not in answer.text and "&lt;script&gt;" in answer.text


def test_a_sign_in_page_of_nobody(web: requests.Session) -> None:
    answer = web.get(f"{ISSUER}/interaction/unknown", timeout=SECONDS)
    assert answer.status_code == 400 and "cannot go on" in answer.text


@pytest.mark.parametrize("post", [False, True], ids=["basic", "post"])
def test_wrong_client_secret(web: requests.Session, post: bool) -> None:
    answer = redeem(web, ask(), "no-code", "wrong", post=post)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_unknown_client(web: requests.Session) -> None:
    answer = redeem(web, ask(client="nobody"), "no-code", "wrong")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_callback_outside_the_lab(web: requests.Session) -> None:
    page = open_form(web, ask(callback="https://hub.example.org/hub/oauth_callback").params)
    assert page.status_code == 400 and "redirect_uri" in page.text and FormReader(page.text).fields == []


def test_the_code_needs_its_verifier(web: requests.Session, services: Target) -> None:
    asked = ask()
    code = sign_in(web, asked, "ada", "demo-ada")["code"]
    answer = redeem(web, Asked(asked.client, asked.callback, asked.state, "x" * 64), code, services.oidc_secret)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_the_hub_gets_no_token_for_kubernetes(web: requests.Session, services: Target) -> None:
    form = {"grant_type": "client_credentials"}
    answer = web.post(f"{ISSUER}/token", data=form, auth=("hub-lab", services.oidc_secret), timeout=SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["error_description"] == "requested grant type is not allowed for this client"


def test_the_automation_gets_no_token_for_another_audience(web: requests.Session, services: Target) -> None:
    form = {"grant_type": "client_credentials", "resource": "urn:lab:other"}
    answer = web.post(f"{ISSUER}/token", data=form, auth=("automation", services.automation_secret), timeout=SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


# ---- what works ----------------------------------------------------------------------------------------------------
def test_discovery(web: requests.Session) -> None:
    answer = web.get(f"{ISSUER}/.well-known/openid-configuration", timeout=SECONDS)
    found = answer.json()
    assert answer.status_code == 200 and found["issuer"] == ISSUER
    assert set(found["scopes_supported"]) == {*SCOPES.split(), "offline_access"}
    assert {"client_secret_basic", "client_secret_post"} <= set(found["token_endpoint_auth_methods_supported"])
    endpoints = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint")
    assert [found[name].startswith(ISSUER + "/") for name in endpoints] == [True] * len(endpoints)
    assert found["code_challenge_methods_supported"] == ["S256"]


def test_health_and_index_page(web: requests.Session) -> None:
    assert web.get(f"{ISSUER}/healthz", timeout=SECONDS).json() == {"status": "ok"}
    assert "openid-configuration" in web.get(ISSUER, timeout=SECONDS).text


def test_the_form_is_plain_and_labelled(web: requests.Session) -> None:
    page = open_form(web, ask().params)
    form = FormReader(page.text)
    assert (page.status_code, form.fields, form.labels) == (200, ["login", "password"], {"login", "password"})
    assert "<script" not in page.text and 'lang="en"' in page.text and "JupyterHub in the lab" in page.text


@pytest.mark.parametrize("post", [False, True], ids=["basic", "post"])
def test_ada_signs_in(web: requests.Session, services: Target, post: bool) -> None:
    asked = ask()
    back = sign_in(web, asked, "ada", "demo-ada")
    assert (back["state"], back["iss"]) == (asked.state, ISSUER)
    answer = redeem(web, asked, back["code"], services.oidc_secret, post=post)
    tokens = answer.json()
    assert answer.status_code == 200 and tokens["token_type"] == "Bearer" and tokens["refresh_token"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert web.get(f"{ISSUER}/userinfo", headers=bearer, timeout=SECONDS).json() == ADA
    claims = verified(web, tokens["id_token"])
    assert {key: claims[key] for key in ADA} == ADA
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, "hub-lab", "n-" + asked.state)
    assert claims["exp"] - claims["iat"] == 120 and abs(claims["iat"] - time.time()) < 30


@pytest.mark.parametrize("login", ["bob", "mallory"])
def test_others_sign_in_with_their_groups(web: requests.Session, services: Target, login: str) -> None:
    groups = {"bob": ["physicists"], "mallory": []}[login]
    asked = ask()
    code = sign_in(web, asked, login, f"demo-{login}")["code"]
    claims = verified(web, redeem(web, asked, code, services.oidc_secret).json()["id_token"])
    assert (claims["preferred_username"], claims["groups"]) == (login, groups)


def test_the_same_browser_is_not_asked_twice(web: requests.Session) -> None:
    sign_in(web, ask(), "ada", "demo-ada")
    answer = web.get(f"{ISSUER}/auth", params=ask().params, timeout=SECONDS, allow_redirects=False)
    assert answer.headers["Location"].startswith(CALLBACK + "?code=")


def test_signing_out_lets_somebody_else_in(web: requests.Session) -> None:
    sign_in(web, ask(), "ada", "demo-ada")
    page = web.get(f"{ISSUER}/session/end", timeout=SECONDS)
    fields = dict(re.findall(r'name="(xsrf)" value="([^"]+)"', page.text), logout="yes")
    done = web.post(FormReader(page.text).action, data=fields, timeout=SECONDS)
    assert done.status_code == 200 and "Signed out" in done.text
    assert FormReader(open_form(web, ask().params).text).fields == ["login", "password"]


@pytest.mark.parametrize(
    "callback",
    ["https://t17.lab.test:8443/hub/oauth_callback", "https://hub.lab.test/hub/oauth_callback",
     "https://t17.lab.test:8443/physics/hub/oauth_callback"],
    ids=["another hub", "port 443", "base URL"],
)  # fmt: skip
def test_any_hub_of_the_lab(web: requests.Session, services: Target, callback: str) -> None:
    asked = ask(callback=callback)
    code = sign_in(web, asked, "ada", "demo-ada")["code"]
    assert redeem(web, asked, code, services.oidc_secret).status_code == 200


def test_refresh(web: requests.Session, services: Target) -> None:
    asked = ask()
    code = sign_in(web, asked, "ada", "demo-ada")["code"]
    token = redeem(web, asked, code, services.oidc_secret).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = web.post(f"{ISSUER}/token", data=form, auth=("hub-lab", services.oidc_secret), timeout=SECONDS)
    assert answer.status_code == 200 and verified(web, answer.json()["id_token"])["sub"] == ADA["sub"]


def test_offline_access_with_consent(web: requests.Session, services: Target) -> None:
    asked = ask()
    extra = {"scope": SCOPES + " offline_access", "prompt": "consent"}
    code = sign_in(web, asked, "ada", "demo-ada", **extra)["code"]
    tokens = redeem(web, asked, code, services.oidc_secret).json()
    assert "offline_access" in tokens["scope"].split() and tokens["refresh_token"]


@pytest.mark.parametrize("extra", [{}, {"resource": "urn:lab:kubernetes"}], ids=["default", "named"])
def test_the_automation_gets_a_short_token(web: requests.Session, services: Target, extra: dict[str, str]) -> None:
    form = {"grant_type": "client_credentials", **extra}
    answer = web.post(f"{ISSUER}/token", data=form, auth=("automation", services.automation_secret), timeout=SECONDS)
    tokens = answer.json()
    claims = verified(web, tokens["access_token"])
    life = (tokens["expires_in"], claims["exp"] - claims["iat"])
    seen = {key: claims[key] for key in ("iss", "aud", "sub", "groups")}
    assert life == (120, 120)
    assert seen == {"iss": ISSUER, "aud": "kubernetes", "sub": "automation", "groups": ["lab-admins"]}


# ---- registration (RFC 7591, 7592) ---------------------------------------------------------------------------------
def register(web: requests.Session, **metadata: object) -> requests.Response:
    return web.post(f"{ISSUER}/reg", json=metadata, timeout=SECONDS)


def test_registration_refuses_a_callback_outside_the_lab(web: requests.Session) -> None:
    answer = register(web, redirect_uris=["https://hub.example.org/hub/oauth_callback"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


def test_a_registered_client_signs_in_only_at_its_own_callback_and_can_be_removed(web: requests.Session) -> None:
    callback = "https://t18.lab.test:8443/hub/oauth_callback"
    answer = register(web, redirect_uris=[callback], client_name="t18", grant_types=["authorization_code"])
    client = answer.json()
    assert answer.status_code == 201
    other = open_form(web, ask(client["client_id"], "https://t19.lab.test:8443/hub/oauth_callback").params)
    assert other.status_code == 400
    asked = ask(client["client_id"], callback)
    code = sign_in(web, asked, "bob", "demo-bob")["code"]
    assert redeem(web, asked, code, client["client_secret"]).status_code == 200
    manage = {"Authorization": f"Bearer {client['registration_access_token']}"}
    assert web.get(client["registration_client_uri"], headers=manage, timeout=SECONDS).json()["client_name"] == "t18"
    assert web.delete(client["registration_client_uri"], headers=manage, timeout=SECONDS).status_code == 204
    assert redeem(web, asked, "no-code", client["client_secret"]).json()["error"] == "invalid_client"


def test_a_registered_client_gets_no_token_for_kubernetes(web: requests.Session) -> None:
    client = register(web, grant_types=["client_credentials"], response_types=[], redirect_uris=[]).json()
    auth = (client["client_id"], client["client_secret"])
    form = {"grant_type": "client_credentials", "resource": "urn:lab:kubernetes"}
    answer = web.post(f"{ISSUER}/token", data=form, auth=auth, timeout=SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    plain = web.post(f"{ISSUER}/token", data={"grant_type": "client_credentials"}, auth=auth, timeout=SECONDS)
    assert plain.json()["access_token"].count(".") == 0


# ---- the process ---------------------------------------------------------------------------------------------------
def test_state_survives_a_kill(web: requests.Session, services: Target) -> None:
    if services.lab is None or services.running is None:
        pytest.skip("only alone: the shared lab's parts are not killed")
    asked = ask()
    code = sign_in(web, asked, "ada", "demo-ada")["code"]
    tokens = redeem(web, asked, code, services.oidc_secret).json()
    client = register(web, redirect_uris=["https://t20.lab.test:8443/hub/oauth_callback"]).json()
    services.running["oidc"].kill()
    stop(services.running["oidc"])
    part = next(process for process in processes(services.lab) if process.name == "oidc")
    services.running["oidc"] = start(part, services.lab.logs)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = web.post(f"{ISSUER}/token", data=form, auth=("hub-lab", services.oidc_secret), timeout=SECONDS)
    assert again.status_code == 200
    assert verified(web, tokens["id_token"])["sub"] == ADA["sub"]  # same signing key
    known = redeem(web, ask(client["client_id"], client["redirect_uris"][0]), "no-code", client["client_secret"])
    assert known.json()["error"] == "invalid_grant"  # not invalid_client: the client is still known
    seen = web.get(f"{ISSUER}/auth", params=ask().params, timeout=SECONDS, allow_redirects=False)
    assert seen.headers["Location"].startswith(CALLBACK)  # same session


def test_the_log_holds_no_secret(services: Target) -> None:
    if services.lab is None:
        pytest.skip("only alone: reads the log file of its own provider")
    log = (services.lab.logs / "oidc.log").read_text()
    assert "invalid_client" in log
    hidden = [services.oidc_secret, services.automation_secret, "demo-ada", "eyJ"]
    assert [word for word in hidden if word in log] == []


def test_the_redirect_policy_table() -> None:
    command = [str(build.tools(labs.cache_directory()).node), "--test", str(labs.SOURCE / "oidc" / "policy.test.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and re.search(r"pass 3\d\b", done.stdout), done.stdout


def test_the_lock_file_names_no_host() -> None:
    lock = json.loads(Path(labs.SOURCE / "oidc" / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    assert lock["packages"]["node_modules/oidc-provider"]["version"] == "9.13.3"
