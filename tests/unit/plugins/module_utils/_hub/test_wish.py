# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a smoke test is asked: the table of login methods, and addresses that are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.wish import (
    OPTIONS,
    Wish,
    choose_login,
    parse_wish,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

LEFT_OUT: dict[str, Any] = {name: rule.get("default") for name, rule in OPTIONS.items()}
GIVEN = LEFT_OUT | {"url": "https://hub.example.org:8443/iris", "user": "ada", "password": "pw-of-ada-1234"}
ANY = (
    "user and password (hub_verify_user, hub_verify_password) or service_account_file "
    "(hub_verify_service_account_file) or token (hub_verify_token)"
)


def test_the_wish_in_full() -> None:
    given = GIVEN | {
        "hub": "climate",
        "stranger_user": "mallory",
        "stranger_password": "pw-of-mallory",
        "ca_file": "/ca.pem",
        "expected_image": "lab:1",
        "keep_server": True,
        "http_redirect": False,
    }
    assert parse_wish(given) == Wish(
        hub="climate",
        url="https://hub.example.org:8443/iris/",
        login="oidc",
        user="ada",
        password="pw-of-ada-1234",
        token="",
        stranger="mallory",
        stranger_password="pw-of-mallory",
        ca_file="/ca.pem",
        timeout=900.0,
        expected_image="lab:1",
        keep_server=True,
        http_redirect=False,
    )


def test_what_is_omitted_null_or_empty_is_the_same() -> None:
    empty = {name: "" for name, value in GIVEN.items() if value is None}
    assert parse_wish(GIVEN) == parse_wish(GIVEN | empty)


def test_a_hub_without_a_name_is_called_by_its_host() -> None:
    assert parse_wish(GIVEN).hub == "hub.example.org"


@pytest.mark.parametrize("url", ["https://hub.example.org", "https://hub.example.org/"])
def test_the_slash_at_the_end_does_not_matter(url: str) -> None:
    assert parse_wish(GIVEN | {"url": url}).url == "https://hub.example.org/"


def test_no_secret_shows_in_a_representation() -> None:
    wish = parse_wish(GIVEN | {"token": "the-token-1234", "stranger_password": "pw-of-mallory"})
    for secret in ("pw-of-ada-1234", "the-token-1234", "pw-of-mallory"):
        assert secret not in repr(wish)


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://hub.example.org/",
        "hub.example.org",
        "https:///x",
        "ftp://hub.example.org/",
        "/",
        "https://hub.example.org:port/",
        "https://[hub/",
    ],
)
def test_an_address_that_is_not_https_is_refused(url: str) -> None:
    error = fails("E-VERIFY-15", lambda: parse_wish(GIVEN | {"url": url}))
    assert "a password never travels over plain http" in error.wanted


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_is_refused(timeout: int) -> None:
    with pytest.raises(HubError, match=r"E-VERIFY-15 A timeout of -?\d s leaves no time"):
        parse_wish(GIVEN | {"timeout": timeout})


@pytest.mark.parametrize(
    ("login", "user", "password", "token", "wanted"),
    [
        (
            "auto",
            None,
            None,
            None,
            ANY,
        ),
        (
            "auto",
            "ada",
            None,
            None,
            ANY,
        ),
        (
            "auto",
            None,
            "pw",
            None,
            ANY,
        ),
        ("oidc", "ada", None, "t", "user and password (hub_verify_user, hub_verify_password)"),
        ("oidc", "", "pw", None, "user and password (hub_verify_user, hub_verify_password)"),
        ("hub_token", "ada", "pw", None, "token (hub_verify_token)"),
        ("hub_token", "ada", "pw", "", "token (hub_verify_token)"),
        ("iap_service_account", "ada", "pw", "t", "service_account_file (hub_verify_service_account_file)"),
    ],
)
def test_a_login_that_is_not_possible(login: str, user: str, password: str, token: str, wanted: str) -> None:
    with pytest.raises(HubError) as caught:
        choose_login({"login": login, "user": user, "password": password, "token": token, "service_account_file": None})
    assert (caught.value.error_id, caught.value.wanted) == ("E-AUTH-14", wanted)


IAP = {"login": "iap_service_account", "service_account_file": "/key.json"}


@pytest.mark.parametrize(
    ("given", "name", "other"),
    [
        (IAP | {"stranger_user": "mallory"}, "stranger_user", "stranger_service_account_file"),
        ({"stranger_service_account_file": "/other.json"}, "stranger_service_account_file", "stranger_user"),
    ],
)
def test_a_stranger_comes_the_same_way_as_the_user(given: dict[str, Any], name: str, other: str) -> None:
    with pytest.raises(HubError, match=f"E-AUTH-14 .* cannot try {name}") as caught:
        parse_wish(GIVEN | given)
    assert caught.value.do.startswith(f"set {other} ")


def test_a_wait_that_is_none_is_refused() -> None:
    with pytest.raises(HubError, match="E-VERIFY-15 The wait for Identity-Aware Proxy cannot last -1 s"):
        parse_wish(GIVEN | {"iap_wait": -1})


def test_the_wish_to_enter_through_iap() -> None:
    given = GIVEN | IAP | {"stranger_service_account_file": "/other.json", "iap_wait": 0}
    wish = parse_wish(given)
    assert (wish.login, wish.account_file, wish.stranger_account_file, wish.iap_wait) == (
        "iap_service_account",
        "/key.json",
        "/other.json",
        0.0,
    )


# ---- choices ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "user", "password", "account", "token", "chosen"),
    [
        ("auto", "ada", "pw", None, None, "oidc"),
        ("auto", "ada", "pw", "/k", "t", "oidc"),
        ("auto", "ada", None, "/k", "t", "iap_service_account"),
        ("auto", None, None, "/k", None, "iap_service_account"),
        ("auto", "ada", None, None, "t", "hub_token"),
        ("auto", None, None, "", "t", "hub_token"),
        ("oidc", "ada", "pw", "/k", "t", "oidc"),
        ("iap_service_account", "ada", "pw", "/k", "t", "iap_service_account"),
        ("iap_service_account", None, None, "/k", None, "iap_service_account"),
        ("hub_token", "ada", "pw", "/k", "t", "hub_token"),
        ("hub_token", None, None, None, "t", "hub_token"),
    ],
)
def test_the_login_that_is_used(login: str, user: str, password: str, account: str, token: str, chosen: str) -> None:
    given = {"login": login, "user": user, "password": password, "token": token, "service_account_file": account}
    assert choose_login(given) == chosen
