# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of Site Verification: what is sent, what is repeated, what a lost answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp import site_api
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.site_api import Sites
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.site_verification import Site, Wish
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import (
    FakeAuth,
    api,
    broken,
    failure,
    info,
    reply,
    script,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

ROOT = "https://www.googleapis.com/siteVerification/v1/"
ROBOT, ADA = "robot@p.iam.gserviceaccount.com", "ada@example.org"
WISH = Wish("example.org", owners=(ADA,))
SITE = {"type": "INET_DOMAIN", "identifier": "example.org"}
MISSING = failure(400, "", "The necessary verification token could not be found on your site.")


def test_credentials_are_for_the_scope_that_cloud_platform_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(site_api, "GcpAuth", lambda _options, **words: asked.update(words) or FakeAuth())
    assert Sites.from_options({}, learn=print).account() == ROBOT
    assert asked == {"scopes": ("https://www.googleapis.com/auth/siteverification",), "learn": print}


class Person(FakeAuth):
    """A person's login, which has no e-mail to tell."""

    @property
    def email(self) -> str:
        return ""


def listed(*owners: str) -> Any:
    return reply(body={"items": [{"id": "dns%3A%2F%2Fexample.org", "site": SITE, "owners": list(owners)}]})


def sites(*answers: Any, auth: FakeAuth | None = None) -> tuple[Sites, Any, dict[str, Any]]:
    """The real calls over scripted answers; sent requests; what the waits need."""
    auth = auth or FakeAuth()
    client, http, clock = api(script(*answers), auth=auth)
    words = {"timeout": 20, "interval": 5, "reporter": Reporter("climate", "front door", clock)}
    return Sites(client, auth), http, words


def test_a_token_is_asked_for() -> None:
    found, http, _words = sites(reply(body={"method": "DNS_TXT", "token": "google-site-verification=x"}))
    assert found.token(WISH) == "google-site-verification=x"
    assert http.sent == [("POST", ROOT + "token", {"site": SITE, "verificationMethod": "DNS_TXT"})]


def test_the_verified_domains_are_listed() -> None:
    found, http, _words = sites(listed(ROBOT), reply(body={}))
    assert found.find(WISH) == Site((ROBOT,))
    assert found.find(WISH) is None
    assert http.sent[0] == ("GET", ROOT + "webResource", None)


def test_google_is_let_look_until_it_finds_the_record() -> None:
    found, http, words = sites(MISSING, MISSING, reply(body={"site": SITE}))
    found.verify(WISH, **words)
    assert http.sent == [("POST", ROOT + "webResource?verificationMethod=DNS_TXT", {"site": SITE})] * 3
    assert words["reporter"].clock.passed == 10
    assert "could not be found" in words["reporter"].transitions[0]["text"]


def test_a_record_that_is_never_found_is_an_error_of_its_own() -> None:
    found, http, words = sites(*[MISSING] * 5)
    error = fails("E-SITE-02", lambda: found.verify(WISH, **words))
    assert len(http.sent) == 5
    assert "could not be found" in error.seen


def test_what_waiting_cannot_cure_ends_at_once() -> None:
    found, http, words = sites(failure(403, "PERMISSION_DENIED", "You are not allowed"))
    fails("E-GCP-04", lambda: found.verify(WISH, **words))
    assert len(http.sent) == 1


def test_a_lost_answer_is_looked_up_before_anything_is_repeated() -> None:
    found, http, words = sites(broken(), listed(ROBOT))
    found.verify(WISH, **words)
    assert [method for method, _url, _body in http.sent] == ["POST", "GET"]


def test_a_persons_login_is_named() -> None:
    scope = failure(403, "PERMISSION_DENIED", "insufficient scopes", info("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))
    found, _http, _words = sites(scope, auth=Person())
    assert "serviceaccount" in fails("E-SITE-01", lambda: found.token(WISH)).do


def test_owners_are_added_to_what_was_read_a_moment_before() -> None:
    found, http, _words = sites(listed(ROBOT, "other@example.org"), reply(body={}))
    assert found.add_owners(WISH) == [ROBOT, "other@example.org", ADA]
    method, url, body = http.sent[1]
    assert (method, url) == ("PUT", ROOT + "webResource/dns%3A%2F%2Fexample.org")
    assert body == {"id": "dns%3A%2F%2Fexample.org", "site": SITE, "owners": [ROBOT, "other@example.org", ADA]}


@pytest.mark.parametrize(
    ("there", "methods"),
    [
        pytest.param([ROBOT, ADA], ["GET", "PUT", "GET"], id="it-took-effect"),
        pytest.param([ROBOT], ["GET", "PUT", "GET", "PUT"], id="it-did-not"),
    ],
)
def test_a_lost_answer_about_owners_is_settled_by_reading(there: list[str], methods: list[str]) -> None:
    found, http, _words = sites(listed(ROBOT), broken(), listed(*there), reply(body={}))
    assert found.add_owners(WISH) == [ROBOT, ADA]
    assert [method for method, _url, _body in http.sent] == methods


def test_a_domain_is_given_up_once_its_record_is_gone() -> None:
    published = failure(400, "", "You cannot unverify your ownership until your verification token has been removed.")
    found, http, words = sites(published, reply(204))
    found.remove(WISH, **words)
    assert http.sent == [("DELETE", ROOT + "webResource/dns%3A%2F%2Fexample.org", None)] * 2


def test_a_record_that_stays_published_is_an_error_of_its_own() -> None:
    found, _http, words = sites(*[failure(400, "", "still published")] * 5)
    wish = Wish("example.org", present=False)
    fails("E-SITE-03", lambda: found.remove(wish, **words))


def test_a_lost_answer_to_giving_up_is_looked_up() -> None:
    found, http, words = sites(broken(), reply(body={}))
    found.remove(WISH, **words)
    assert [method for method, _url, _body in http.sent] == ["DELETE", "GET"]


def test_nothing_secret_is_sent_in_a_body() -> None:
    found, http, _words = sites(reply(body={"token": "x"}))
    found.token(WISH)
    assert "token-1" not in json.dumps([body for _method, _url, body in http.sent])
    assert isinstance(fails("E-GCP-12", lambda: _lost(found, http)), HubError)


def _lost(found: Sites, http: Any) -> None:
    http.answering = script(listed(ROBOT), broken(), failure(403))
    found.add_owners(WISH)
