# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service account's key file and the tokens it signs; the tokens are checked with google-auth's own verifier."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import iap_account
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.iap_account import (
    LIFETIME,
    RENEW_BEFORE,
    Identity,
    audience,
    parse_account,
    read_account,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_iap_door import ADA, Account, make_account
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START, FakeClock
from google.auth import jwt

URL = "https://hub.example.org/iris/"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return make_account(ADA, tmp_path_factory.mktemp("accounts"))


def content(made: Account, **changes: Any) -> dict[str, Any]:
    return {**json.loads(made.file.read_text()), **changes}


BAD: dict[str, tuple[Any, str]] = {
    "a list": ([], "no object"),
    "a person's credentials": ({"type": "authorized_user"}, "but authorized_user"),
    "workload identity": ({"type": "external_account"}, "but external_account"),
    "no type": ({"type": None}, "but nothing known"),
}


@pytest.mark.parametrize(("given", "reason"), BAD.values(), ids=BAD)
def test_another_kind_of_file_is_refused(given: Any, reason: str) -> None:
    with pytest.raises(HubError, match="E-IAP-33") as caught:
        parse_account(given, "/key.json")
    assert reason in caught.value.what


@pytest.mark.parametrize("name", ["client_email", "private_key_id", "private_key"])
def test_a_missing_member_is_named(made: Account, name: str) -> None:
    with pytest.raises(HubError, match=f"E-IAP-33 .* it has no {name}"):
        parse_account(content(made, **{name: ""}), "/key.json")


def test_a_broken_key_is_told_without_any_of_it(made: Account) -> None:
    broken = made.private_key[:800] + made.private_key[900:]
    with pytest.raises(HubError, match="its private key cannot be read") as caught:
        parse_account(content(made, private_key=broken), "/key.json")
    assert made.private_key[100:140] not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("data", "reason"), [(b"no JSON with s3cr3t-word", "not JSON"), (b"\xff\xfe", "no text"), (None, "No such file")]
)
def test_a_file_that_cannot_be_read(tmp_path: Path, data: bytes | None, reason: str) -> None:
    file = tmp_path / "key.json"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(HubError, match="E-IAP-33") as caught:
        read_account(str(file))
    assert reason in caught.value.what
    assert "s3cr3t" not in str(caught.value)


def test_the_account_in_a_file(made: Account) -> None:
    account = read_account(str(made.file))
    assert (account.email, account.key_id) == (ADA, made.key_id)
    assert "PRIVATE" not in repr(account)


def test_without_google_auth_the_library_is_named(made: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(HubError, match="E-LIB-01 The Python library google-auth"):
        read_account(str(made.file))


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://hub.example.org/", "https://hub.example.org/*"),
        ("https://hub.example.org/iris/", "https://hub.example.org/*"),
        ("https://hub.example.org:8443/", "https://hub.example.org:8443/*"),
        ("https://Hub.Example.org/Iris/", "https://hub.example.org/*"),
    ],
)
def test_a_token_is_for_every_path_of_the_host(url: str, wanted: str) -> None:
    assert audience(url) == wanted


def test_what_a_token_says(made: Account) -> None:
    token = Identity(read_account(str(made.file)), URL, FakeClock())(URL)["Proxy-Authorization"].removeprefix("Bearer ")
    now = int(START.timestamp())
    assert jwt.decode_header(token) == {"alg": "RS256", "kid": made.key_id, "typ": "JWT"}
    said = jwt.decode(token, certs=made.public_key, audience="https://hub.example.org/*", clock_skew_in_seconds=10**10)
    assert said == {"iss": ADA, "sub": ADA, "aud": "https://hub.example.org/*", "iat": now, "exp": now + LIFETIME}
    assert LIFETIME <= 3600


@pytest.mark.parametrize(
    "url",
    [
        "http://hub.example.org/",
        "https://hub.example.org:444/",
        "https://evil.example.org/",
        "https://hub.example.org.evil.test/",
        "https://accounts.google.com/o/oauth2/v2/auth",
    ],
)
def test_nobody_else_gets_a_token(made: Account, url: str) -> None:
    learnt: list[str] = []
    identity = Identity(read_account(str(made.file)), URL, FakeClock(), learnt.append)
    assert identity(url) == {}
    assert learnt == [made.private_key]


def test_a_token_is_renewed_before_it_ends_and_every_one_is_learnt(made: Account) -> None:
    clock, learnt = FakeClock(), []
    identity = Identity(read_account(str(made.file)), URL, clock, learnt.append)
    first = identity(URL)
    clock.sleep(LIFETIME - RENEW_BEFORE)
    assert identity(URL) == first
    clock.sleep(1)
    second = identity(URL)
    assert second != first
    assert learnt == [
        made.private_key,
        *(each["Proxy-Authorization"].removeprefix("Bearer ") for each in (first, second)),
    ]


def test_the_header_leaves_authorization_to_the_hub() -> None:
    assert iap_account.HEADER == "Proxy-Authorization"
