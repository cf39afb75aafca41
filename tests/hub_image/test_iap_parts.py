# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the hub's file that depend on time or on who acts for whom, with the hub image's packages."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.hub_program import PLACE
from ansible_collections.researchops.jupyterhub.tests.hub_image.hubs import AUDIENCE, HEADER, KeyServer, Signer, claims
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import make_certificates
from tornado.httpclient import HTTPClientError
from tornado.httputil import HTTPHeaders
from traitlets import TraitError

OLD, NEW = Signer("old"), Signer("new")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("researchops_hub", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


program = load()


class Google:
    """Answers with the keys of the moment; counts."""

    def __init__(self, *signers: Signer) -> None:
        self.now = 1000.0
        self.asked = 0
        self.signers = signers
        self.problem: Exception | None = None
        self.document: Any = None

    async def fetch(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        known = {"keys": [signer.public() for signer in self.signers]}
        return json.dumps(known if self.document is None else self.document).encode()

    def keys(self) -> Any:
        return program.Keys(self.fetch, lambda: self.now)


def test_a_new_key_is_found_after_the_pause_and_not_before() -> None:
    async def story() -> None:
        google = Google(OLD)
        keys = google.keys()
        await keys.find("old")
        google.signers = (OLD, NEW)
        google.now += program.ASK_AGAIN - 1
        with pytest.raises(program.Refused, match="not one of Google's"):
            await keys.find("new")
        assert google.asked == 1
        google.now += 1
        assert (await keys.find("new")).key_id == "new"
        assert google.asked == 2

    asyncio.run(story())


def test_old_keys_are_renewed_and_a_withdrawn_one_is_refused() -> None:
    async def story() -> None:
        google = Google(OLD)
        keys = google.keys()
        await keys.find("old")
        google.signers = (NEW,)
        google.now += program.FRESH
        await keys.find("old")
        assert google.asked == 1
        google.now += 1
        with pytest.raises(program.Refused):
            await keys.find("old")
        assert google.asked == 2

    asyncio.run(story())


def test_kept_keys_bridge_an_outage_of_a_day_and_no_more() -> None:
    async def story() -> None:
        google = Google(OLD)
        keys = google.keys()
        await keys.find("old")
        google.problem = HTTPClientError(599, "no answer")
        google.now += program.STALE
        assert (await keys.find("old")).key_id == "old"
        assert "no answer" in keys.problem
        google.now += program.ASK_AGAIN
        with pytest.raises(program.NoKeys, match="no answer"):
            await keys.find("old")
        google.problem = None
        google.now += program.ASK_AGAIN
        assert (await keys.find("old")).key_id == "old"
        assert keys.problem == ""

    asyncio.run(story())


def test_a_hundred_requests_at_once_ask_once() -> None:
    async def story() -> None:
        google = Google(OLD)
        keys = google.keys()
        found = await asyncio.gather(*(keys.find("old") for _each in range(100)))
        assert {key.key_id for key in found} == {"old"}
        assert google.asked == 1

    asyncio.run(story())


def test_a_key_server_in_trouble_is_left_alone_for_a_minute() -> None:
    async def story() -> None:
        google = Google(OLD)
        google.problem = OSError("connection refused")
        keys = google.keys()
        for _each in range(5):
            with pytest.raises(program.NoKeys, match="connection refused"):
                await keys.find("old")
        assert google.asked == 1
        google.now += program.ASK_AGAIN
        google.problem = None
        await keys.find("old")

    asyncio.run(story())


RSA = {"kid": "rsa", "kty": "RSA", "n": "AQAB", "e": "AQAB"}
BAD = {
    "no JSON": "text",
    "a list": [],
    "no keys": {},
    "empty": {"keys": []},
    "another kind": {"keys": [RSA]},
    "no id": {"keys": [{**OLD.public(), "kid": ""}]},
    "no object": {"keys": ["old"]},
    "not on the curve": {"keys": [{**OLD.public(), "x": OLD.public()["y"]}]},
}


@pytest.mark.parametrize("document", BAD.values(), ids=BAD)
def test_what_is_no_key_set_gives_no_keys(document: Any) -> None:
    async def story() -> None:
        google = Google()
        google.document = document
        with pytest.raises(program.NoKeys):
            await google.keys().find("old")

    asyncio.run(story())


def test_a_key_set_has_bounds() -> None:
    with pytest.raises(ValueError, match="too long"):
        program.read_keys(b" " * (program.LONGEST_REPLY + 1))
    many = {"keys": [{**OLD.public(), "kid": f"key {number}"} for number in range(200)]}
    assert len(program.read_keys(json.dumps(many).encode())) == program.MOST_KEYS


def test_keys_of_another_kind_beside_good_ones_are_skipped() -> None:
    assert list(program.read_keys(json.dumps({"keys": [RSA, OLD.public()]}).encode())) == ["old"]


# ---- whose session it is ----------------------------------------------------------------------------------------


def authenticator(**traits: Any) -> Any:
    made = program.IAPAuthenticator(audiences=[AUDIENCE], allowed_domains={"example.org"}, **traits)
    google = Google(OLD)
    made.keys = program.Keys(google.fetch, lambda: google.now)
    return made


def request(email: str = "", **handler: Any) -> Any:
    headers = HTTPHeaders({HEADER: OLD.sign(claims(email))} if email else {})
    headers["Proxy-Authorization"] = "Bearer of-a-service-account"
    return SimpleNamespace(request=SimpleNamespace(headers=headers), **handler)


def user(name: str, *, admin: bool = False) -> Any:
    return SimpleNamespace(name=name, admin=admin)


ADA, BOB = "ada@example.org", "bob@example.org"
SESSIONS: list[tuple[str, Any, str, bool]] = [
    ("no statement", request(), ADA, False),
    ("somebody else's statement", request(BOB), ADA, False),
    ("not allowed any more", request("eve@elsewhere.test"), "eve@elsewhere.test", False),
    ("an administrator acts, without a statement", request(_jupyterhub_user=user(ADA)), ADA, False),
    ("one's own statement", request(ADA), ADA, True),
    ("a token of the hub", request(_token_authenticated=True), ADA, True),
    ("a token of who is not allowed any more", request(_token_authenticated=True), "eve@elsewhere.test", False),
    ("a token of the hub, sent through IAP by another", request(BOB, _token_authenticated=True), ADA, True),
    ("an administrator acts on another's server", request(BOB, _jupyterhub_user=user(BOB)), ADA, True),
    ("no request at all", None, ADA, True),
]


@pytest.mark.parametrize(("handler", "name", "counts"), [row[1:] for row in SESSIONS], ids=[row[0] for row in SESSIONS])
def test_whether_a_session_counts(handler: Any, name: str, counts: bool) -> None:
    assert asyncio.run(authenticator().refresh_user(user(name), handler)) is counts


@pytest.mark.parametrize(
    ("listed", "outcome"), [({"Ada@example.org"}, True), (set(), {"admin": False})], ids=["listed", "taken off"]
)
def test_an_administrator_is_one_as_long_as_the_list_says_so(listed: set[str], outcome: Any) -> None:
    hub = authenticator(admin_users=listed)
    for handler in (request(ADA), request(_token_authenticated=True)):
        assert asyncio.run(hub.refresh_user(user(ADA, admin=True), handler)) == outcome
    assert hub.is_admin(None, {"name": ADA}) is bool(listed)


def test_statements_are_taken_out_of_the_request_and_judged_once() -> None:
    handler = request("Ada@Example.ORG")

    async def story() -> None:
        hub = authenticator()
        first = await hub.identify(handler)
        assert first.email == ADA
        assert await hub.identify(handler) is first

    asyncio.run(story())
    assert list(handler.request.headers) == []


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(lambda: request(BOB, _token_authenticated=True), id="a token of the hub"),
        pytest.param(lambda: request(BOB, _jupyterhub_user=user(BOB)), id="an administrator acts on another's server"),
        pytest.param(lambda: request(ADA), id="a session"),
    ],
)
def test_no_request_keeps_what_would_be_logged_if_it_failed(handler: Any) -> None:
    asked = handler()
    assert len(list(asked.request.headers)) == 2
    asyncio.run(authenticator().refresh_user(user(ADA), asked))
    assert list(asked.request.headers) == []


def test_a_statement_that_was_taken_out_early_is_judged_later() -> None:
    """JupyterHub asks about several people within one request, in any order."""
    asked = request(BOB, _jupyterhub_user=user(BOB))

    async def story() -> None:
        hub = authenticator()
        assert await hub.refresh_user(user(ADA), asked) is True
        assert await hub.refresh_user(user(BOB), asked) is True
        asked._jupyterhub_user = user(ADA)
        assert await hub.refresh_user(user(ADA), asked) is False, "the statement is Bob's"

    asyncio.run(story())


def test_who_asks_without_a_request_has_made_no_statement() -> None:
    assert program.statements(SimpleNamespace()) == []
    assert asyncio.run(authenticator().refresh_user(user(ADA), SimpleNamespace(_token_authenticated=True))) is True


def test_a_name_that_the_operator_maps_is_the_same_person() -> None:
    hub = authenticator(username_map={ADA: "ada"})
    assert asyncio.run(hub.refresh_user(user("ada"), request(ADA))) is False, "the domain rule is about addresses"
    hub.allowed_users = {"ada"}
    assert asyncio.run(hub.refresh_user(user("ada"), request(ADA))) is True


@pytest.mark.parametrize("domains", [{"@Example.org"}, {" example.ORG "}])
def test_domains_are_compared_as_people_mean_them(domains: set[str]) -> None:
    hub = program.IAPAuthenticator(audiences=[AUDIENCE], allowed_domains=domains)
    assert hub.may_enter(ADA)
    assert not hub.may_enter("ada@sub.example.org")


RULES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("no rule", {}, ADA, False),
    ("blocked beats all", {"allow_all": True, "blocked_users": {"Ada@example.org"}, "admin_users": {ADA}}, ADA, False),
    ("by another's name", {"allowed_users": {BOB}}, ADA, False),
    ("by name", {"allowed_users": {"Ada@Example.org"}}, ADA, True),
    ("by domain", {"allowed_domains": {"example.org"}}, ADA, True),
    ("administrators may enter", {"admin_users": {ADA}}, ADA, True),
    ("everybody", {"allow_all": True}, ADA, True),
]


@pytest.mark.parametrize(("traits", "name", "may"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_the_hubs_own_rules(traits: dict[str, Any], name: str, may: bool) -> None:
    assert program.IAPAuthenticator(audiences=[AUDIENCE], **traits).may_enter(name) is may


def test_nobody_enters_while_there_is_no_audience() -> None:
    hub = authenticator()
    hub.audiences = []
    assert asyncio.run(hub.identify(request(ADA))).error.status_code == 403


def test_keys_come_by_https_only() -> None:
    with pytest.raises(TraitError, match="https"):
        program.IAPAuthenticator(keys_url="http://www.gstatic.com/iap/verify/public_key-jwk")


def test_keys_come_from_the_named_address_and_from_nowhere_it_leads_to(tmp_path: Path) -> None:
    ca_file, pem = make_certificates(tmp_path)
    server = KeyServer(pem)
    server.signers = [OLD]
    with server.serving():
        hub = program.IAPAuthenticator(keys_url=server.url, keys_ca_file=str(ca_file))
        assert list(program.read_keys(asyncio.run(hub._fetch_keys()))) == ["old"]
        server.status, server.location = 302, "/elsewhere"
        with pytest.raises(HTTPClientError, match="302"):
            asyncio.run(hub._fetch_keys())


def test_text_on_a_page_may_hold_a_percent_sign() -> None:
    error = program.page_error(403, "100 % sure")
    assert error.jupyterhub_message == "100 % sure"
    assert "100 % sure" in str(error)
