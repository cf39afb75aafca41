# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the smoke test lacks is told before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.filter import verify_preflight as plugin
from ansible_collections.researchops.jupyterhub.tests.unit.fake_iap_door import ADA, MALLORY, make_account

verify_preflight = plugin.FilterModule().filters()["verify_preflight"]
URL = "https://hub.example.org/"
OIDC = {"url": URL, "user": "ada", "password": "pw-of-ada-1234"}


@pytest.mark.parametrize(
    ("given", "error_id"),
    [
        ({"url": URL}, "E-AUTH-14"),
        ({"url": URL, "user": "ada", "password": ""}, "E-AUTH-14"),
        ({"url": URL, "login": "iap_service_account"}, "E-AUTH-14"),
        ({"url": URL, "login": "iap_service_account", "service_account_file": "/not/there.json"}, "E-IAP-33"),
        (OIDC | {"stranger_service_account_file": "/not/there.json"}, "E-AUTH-14"),
        (OIDC | {"iap_wait": -1}, "E-VERIFY-15"),
        (OIDC | {"stranger_user": "mallory", "stranger_password": ""}, "E-AUTH-14"),
        (OIDC | {"url": "http://hub.example.org/"}, "E-VERIFY-15"),
        (OIDC | {"url": "https:///"}, "E-VERIFY-15"),
        (OIDC | {"timeout": 0}, "E-VERIFY-15"),
        (OIDC | {"ca_file": "/not/there.pem"}, "E-HTTP-03"),
        (OIDC | {"password": "CHANGEME"}, "E-VALUES-03"),
        (OIDC | {"stranger_user": "m", "stranger_password": "<password>"}, "E-VALUES-03"),
        ({"url": URL, "token": "your-token-here"}, "E-VALUES-03"),
    ],
)
def test_what_would_fail_later_is_a_failed_row(given: dict[str, Any], error_id: str) -> None:
    (row,) = verify_preflight(given)
    assert (row["check"], row["ok"]) == ("smoke test", False)
    assert row["text"].startswith(f"{error_id} ") and "Nothing was changed. Do: " in row["text"]
    assert "pw-of-ada-1234" not in row["text"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (OIDC, f"{URL} by oidc as ada; no stranger is tried"),
        (
            OIDC | {"stranger_user": "mallory", "stranger_password": "pw"},
            f"{URL} by oidc as ada; mallory must be refused",
        ),
        ({"url": URL, "token": "t"}, f"{URL} by hub_token as the token's owner; no stranger is tried"),
        ({"url": URL, "token": "t", "user": "ada", "password": ""}, f"{URL} by hub_token as ada; no stranger is tried"),
    ],
)
def test_what_will_be_done_is_told(given: dict[str, Any], text: str) -> None:
    assert verify_preflight(given) == [{"check": "smoke test", "ok": True, "text": text}]


def test_accounts_are_read_where_they_are_used_and_only_there(tmp_path: Path) -> None:
    ada, mallory = make_account(ADA, tmp_path), make_account(MALLORY, tmp_path)
    given = {"url": URL, "login": "iap_service_account", "service_account_file": str(ada.file)}
    text = f"{URL} by iap_service_account as {ADA}; "
    assert verify_preflight(given)[0]["text"] == text + "whoever has no credentials must be refused"
    given |= {"stranger_service_account_file": str(mallory.file)}
    assert verify_preflight(given)[0]["text"] == text + f"{MALLORY} must be refused"
    assert verify_preflight(OIDC | {"service_account_file": "/not/there.json"})[0]["ok"] is True


@pytest.mark.parametrize(
    ("traits", "ok"),
    [
        ({"allowed_users": [ADA.upper()]}, True),
        ({"allowed_domains": [ADA.partition("@")[2]]}, True),
        ({"allow_all": True}, True),
        ({"allowed_domains": ["example.org"]}, False),
        ({"allowed_users": [MALLORY]}, False),
    ],
)
def test_an_account_that_the_hub_would_not_let_in_is_told(traits: dict[str, Any], ok: bool, tmp_path: Path) -> None:
    ada, mallory = make_account(ADA, tmp_path), make_account(MALLORY, tmp_path)
    given = {"url": URL, "login": "iap_service_account", "service_account_file": str(ada.file)}
    given |= {"stranger_service_account_file": str(mallory.file)}  # whom nobody need let in
    config = {"JupyterHub": {"authenticator_class": "researchops_hub.IAPAuthenticator"}, "IAPAuthenticator": traits}
    (row,) = verify_preflight(given, {"hub": {"config": config}})
    assert row["ok"] is ok
    if not ok:
        assert row["text"].startswith("E-AUTH-12 ") and f"add {ADA} to hub_oauth_allowed_users" in row["text"]


def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("not PEM")
    assert "it holds no PEM certificate" in verify_preflight(OIDC | {"ca_file": str(file)})[0]["text"]
