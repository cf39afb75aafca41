# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup over a real TLS connection; that Ansible finds it and its options is shown by the integration target."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.lookup import oidc_discovery
from ansible_collections.researchops.jupyterhub.tests.unit.fake_lookup import look_up
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import serving


def document(base: str) -> dict[str, Any]:
    return {"issuer": base, "authorization_endpoint": f"{base}/auth", "token_endpoint": f"{base}/token", "x": 1}


def test_discovery_over_tls(tmp_path: Path) -> None:
    found: list[str] = []
    with serving(tmp_path, lambda *_request: (200, document(found[0]), {})) as server:
        found.append(server.url)
        result = look_up(oidc_discovery, [server.url], ca_file=str(server.ca_file), timeout=30)
    wanted = {name: value for name, value in document(server.url).items() if name != "x"}
    assert result == [wanted | {"ca_pem": server.ca_file.read_text(), "problem": {}}]
    assert [request[:2] for request in server.requests] == [("GET", "/.well-known/openid-configuration")]


def test_unknown_authority_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path, lambda *_request: (200, {}, {})) as server:
        (result,) = look_up(oidc_discovery, [server.url])
    assert result["problem"]["error_id"] == "E-OAUTH-02"
    assert "not trusted" in result["problem"]["what"]
    assert server.requests == []


def test_redirect_is_not_followed(tmp_path: Path) -> None:
    with serving(tmp_path, lambda *_request: (302, {}, {"Location": "https://127.0.0.1:1/"})) as server:
        (result,) = look_up(oidc_discovery, [server.url], ca_file=str(server.ca_file))
    assert result["problem"]["error_id"] == "E-OAUTH-01"
    assert result["problem"]["seen"].startswith("HTTP 302 to https://127.0.0.1:1/ from")
    assert len(server.requests) == 1


def test_server_that_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (result,) = look_up(oidc_discovery, [f"https://127.0.0.1:{silent.getsockname()[1]}"], timeout=0.2)
    assert result["problem"]["error_id"] == "E-OAUTH-02"
    assert "timed out" in result["problem"]["what"]


def test_nobody_listens() -> None:
    (result,) = look_up(oidc_discovery, ["https://127.0.0.1:1"], timeout=30)
    assert result["problem"]["error_id"] == "E-OAUTH-02"
    assert "refused" in result["problem"]["what"]


def test_no_issuer_is_an_empty_result() -> None:
    assert look_up(oidc_discovery, [""]) == [{}]


@pytest.mark.parametrize("ca_file", ["", None])
def test_empty_ca_file_means_the_systems(ca_file: str | None) -> None:
    (result,) = look_up(oidc_discovery, ["https://127.0.0.1:1"], ca_file=ca_file, timeout=30)
    assert result["problem"]["error_id"] == "E-OAUTH-02"
