# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in page by page against the fake provider, and the error for every way it can end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Http
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.login import End, Finish
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.signin import (
    failure,
    has_password,
    sign_in,
    sign_in_page,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import FakeHub, page, serving
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

PASSWORD = "pw-of-ada-1234"


@pytest.fixture
def hub(tmp_path: Path, certificates: tuple[Path, Path]) -> Iterator[FakeHub]:
    with serving(FakeHub(home=tmp_path), certificates[1]) as one:
        yield one


@pytest.fixture
def http(certificates: tuple[Path, Path]) -> Http:
    return Http(ca_file=str(certificates[0]))


# ---- refusals first ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "password", "end"),
    [
        ("ada", "not-the-password", End.WRONG_PASSWORD),
        ("nobody", PASSWORD, End.WRONG_PASSWORD),
        ("mallory", "pw-of-mallory-1234", End.REFUSED),
    ],
)
def test_who_does_not_get_in(hub: FakeHub, http: Http, user: str, password: str, end: End) -> None:
    finish = sign_in(http, hub.url, user, password)
    assert finish.end is end
    assert password not in finish.seen


def test_a_provider_that_does_not_know_the_hub(hub: FakeHub, http: Http) -> None:
    hub.issuer_error = True
    finish = sign_in(http, hub.url, "ada", PASSWORD)
    assert finish.end is End.ISSUER_REFUSED
    assert finish.seen == f'400 from {hub.issuer}auth ("Error"), saying "redirect_uri_mismatch"'


@pytest.mark.parametrize("status", [403, 500])
def test_a_hub_that_cannot_finish(hub: FakeHub, http: Http, status: int) -> None:
    hub.callback_status = status
    assert sign_in(http, hub.url, "ada", PASSWORD).end is End.HUB_BROKEN


def test_consent_that_never_ends_is_given_up(hub: FakeHub, http: Http) -> None:
    hub.answer_issuer = lambda *_args: page("<form method=post><button>Yes</button></form>")  # type: ignore[method-assign]
    assert sign_in(http, hub.url, "ada", PASSWORD).end is End.STUCK
    assert sum(line.startswith("issuer POST") for line in hub.log) == 4


# ---- getting in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("auto_login", "consent"), [(True, False), (False, False), (True, True), (False, True)])
def test_ways_in(hub: FakeHub, http: Http, auto_login: bool, consent: bool) -> None:
    hub.auto_login, hub.consent = auto_login, consent
    assert sign_in(http, hub.url, "ada", PASSWORD) == Finish(End.INSIDE, f"{hub.url}hub/home")
    assert http.cookie("sid", hub.url) == "session-of-ada"


def test_landing_starts_no_server(hub: FakeHub, http: Http) -> None:
    sign_in(http, hub.url, "ada", PASSWORD)
    assert hub.log[-1] == "GET /hub/home"


def test_the_password_goes_to_the_provider_alone(hub: FakeHub, http: Http) -> None:
    sign_in(http, hub.url, "ada", PASSWORD)
    assert [line for line in hub.log if "POST" in line] == [
        next(line for line in hub.log if line.startswith("issuer POST"))
    ]


# ---- only looking -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auto_login", [True, False])
def test_the_sign_in_page_is_found_and_left_alone(hub: FakeHub, http: Http, auto_login: bool) -> None:
    hub.auto_login = auto_login
    found = sign_in_page(http, hub.url)
    assert has_password(found) and found.title == "Sign in"
    assert {line.removeprefix("issuer ").split()[0] for line in hub.log} == {"GET"}


def test_an_identifier_first_page_counts_as_a_sign_in_page(hub: FakeHub, http: Http) -> None:
    hub.answer_issuer = lambda *_args: page("<form method=post><input name=username></form>")  # type: ignore[method-assign]
    assert not has_password(sign_in_page(http, hub.url))


@pytest.mark.parametrize(
    ("body", "status", "error_id"),
    [
        ("<script>app()</script>", 200, "E-VERIFY-05"),
        ("<form method=post><button>Yes</button></form>", 200, "E-VERIFY-05"),
        ("unknown client", 400, "E-AUTH-15"),
    ],
    ids=["scripts only", "consent of nobody", "refused"],
)
def test_pages_that_are_no_sign_in(hub: FakeHub, http: Http, body: str, status: int, error_id: str) -> None:
    hub.answer_issuer = lambda *_args: page(body, status)  # type: ignore[method-assign]
    fails(error_id, lambda: sign_in_page(http, hub.url))
    assert not any(line.startswith("issuer POST") for line in hub.log)


# ---- the errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "error_id", "words", "do"),
    [
        (End.REFUSED, "E-AUTH-12", "knows ada and refuses", "hub_oauth_allowed_users"),
        (End.WRONG_PASSWORD, "E-AUTH-11", "user ada with the password given", "hub_verify_password"),
        (End.ISSUER_REFUSED, "E-AUTH-15", "identity provider refuses", "https://hub.example.org/hub/oauth_callback"),
        (End.HUB_BROKEN, "E-AUTH-16", "cannot complete a sign-in", "wrong client secret"),
        (End.STUCK, "E-VERIFY-05", "needs a person", "hub_verify_login: hub_token"),
    ],
)
def test_every_way_it_can_end_has_its_error(end: End, error_id: str, words: str, do: str) -> None:
    error = failure(Finish(end, "what was seen"), "ada", "https://hub.example.org/")
    assert error.error_id == error_id
    assert words in error.what and do in error.do
    assert (error.seen, error.details) == ("what was seen", {"end": end.name.lower()})


def test_getting_in_is_no_error() -> None:
    with pytest.raises(KeyError):
        failure(Finish(End.INSIDE, ""), "ada", "https://hub.example.org/")
