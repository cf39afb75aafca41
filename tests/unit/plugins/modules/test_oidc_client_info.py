# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's way from options to questions, over a real TLS connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._shell import Outcome, Request
from ansible_collections.researchops.jupyterhub.plugins.modules import oidc_client_info
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import Server, serving

SECRET = "hQ4t-Vx9_2mLpR7s"
CALLBACK = "https://hub.example.org/hub/oauth_callback"


def ask_provider(folder: Path, check_mode: bool, **options: Any) -> tuple[Outcome, Server]:
    """Run the module's body against a provider that knows one client."""

    def answering(method: str, path: str, _headers: dict[str, str], body: str) -> tuple[int, Any, dict[str, str]]:
        base = found[0].url
        if path.startswith("/.well-known/"):
            return (
                200,
                {"issuer": base, "authorization_endpoint": f"{base}/auth", "token_endpoint": f"{base}/token"},
                {},
            )
        if method == "POST" and path == "/token":
            right = parse_qs(body).get("client_secret") == [SECRET]
            return 400, {"error": "invalid_grant" if right else "invalid_client"}, {}
        return 303, {}, {"Location": f"{CALLBACK}?error=login_required"}

    found: list[Server] = []
    with serving(folder, answering) as server:
        found.append(server)
        defaults = {name: option.get("default") for name, option in oidc_client_info.ARGUMENTS.items()}
        params = defaults | {"issuer": server.url, "ca_file": str(server.ca_file), "client_id": "hub", **options}
        return oidc_client_info.body(Request(params, check_mode, Redactor())), server


@pytest.mark.parametrize("check_mode", [False, True])
def test_client_is_proved_and_nothing_changes(tmp_path: Path, check_mode: bool) -> None:
    outcome, server = ask_provider(tmp_path, check_mode, client_secret=SECRET, callback_url=CALLBACK)
    assert outcome == Outcome(
        changed=False,
        result={
            "secret": "proved",
            "secret_reason": "invalid_grant",
            "callback": "proved",
            "callback_reason": "the provider redirects to it",
        },
    )
    assert [request[0] for request in server.requests] == ["GET", "POST", "GET"]


def test_wrong_secret(tmp_path: Path) -> None:
    error = fails(
        "E-AUTH-03", lambda: ask_provider(tmp_path, False, client_secret="wrong-canary-1234", callback_url=CALLBACK)
    )
    assert "wrong-canary-1234" not in error.text()


def test_secret_option_is_hidden() -> None:
    hidden = {name for name, option in oidc_client_info.ARGUMENTS.items() if option.get("no_log")}
    assert hidden == {"client_secret"}
