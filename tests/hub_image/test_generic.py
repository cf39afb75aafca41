# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may enter by an OpenID provider, on a real JupyterHub with the real OAuthenticator of the chart's hub image.

The configuration is what the layer writes; the provider is a stand-in that knows people by their code.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import layers
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.hub_program import PLACE
from ansible_collections.researchops.jupyterhub.tests.hub_image.hubs import Hub, running

SECRET = "the-secret-of-the-client"
PEOPLE: dict[str, Any] = {
    "mallory": [],
    "nobody": None,
    "eve": ["physicist"],
    "trent": ["physicists/guests", "Physicists"],
    "oscar": "physicists-and-more",
    "ada": [],
    "bob": ["chemists", "physicists"],
    "root": None,
    "grace": ["hub-admins"],
}
"""Their groups as the provider tells them; None: it tells none at all."""
VARIABLES = {
    "hub_domain": "hub.example.org",
    "hub_admins": ["root"],
    "hub_https_type": "secret",
    "hub_oauth_provider": "generic",
    "hub_oauth_issuer": "https://issuer.example.org/",
    "hub_oauth_client_id": "hub",
    "hub_oauth_allowed_users": ["ada"],
    "hub_oauth_allowed_groups": ["physicists"],
    "hub_oauth_admin_groups": ["hub-admins"],
}


class Provider(BaseHTTPRequestHandler):
    """Gives a token for a code, and tells who has the token; both are the person's name here."""

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert sent["client_secret"] == [SECRET]
        self.answer({"access_token": sent["code"][0], "token_type": "bearer"})

    def do_GET(self) -> None:
        name = self.headers["Authorization"].split()[1]
        groups = {} if PEOPLE[name] is None else {"groups": PEOPLE[name]}
        self.answer({"sub": f"sub-of-{name}", "preferred_username": name, **groups})

    def answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing goes to the terminal."""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture(scope="module")
def hub(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    found = {
        "authorization_endpoint": f"{provider}/auth",
        "token_endpoint": f"{provider}/token",
        "userinfo_endpoint": f"{provider}/me",
        "scopes_supported": ["openid", "groups"],
    }
    result = layers.chart_values(VARIABLES, found, {"OAUTH_CLIENT_SECRET": SECRET})
    assert [finding.text() for finding in result.findings] == []
    given = {name: value for name, value in result.values["hub"]["extraEnv"].items() if isinstance(value, str)}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**given, "OAUTH_CLIENT_SECRET": SECRET}.items():
            environment.setenv(name, value)
        with running(tmp_path_factory.mktemp("hubs") / "hub", PLACE, result.values["hub"]["config"]) as one:
            yield one


@pytest.mark.parametrize(
    ("person", "may"),
    [
        pytest.param("mallory", None, id="00 in no list and no group"),
        pytest.param("nobody", None, id="01 the provider tells no groups"),
        pytest.param("eve", None, id="02 a group whose name is a part"),
        pytest.param("trent", None, id="03 a group below it, and one in capitals"),
        pytest.param("oscar", None, id="04 a text instead of a list"),
        pytest.param("ada", {"admin": False}, id="05 listed"),
        pytest.param("bob", {"admin": False}, id="06 by group"),
        pytest.param("root", {"admin": True}, id="07 a listed administrator"),
        pytest.param("grace", {"admin": True}, id="08 by the group of administrators alone"),
    ],
)
def test_who_may_enter_and_who_administers(hub: Hub, person: str, may: dict[str, bool] | None) -> None:
    browser = hub.browser()
    asked = browser.get("hub/oauth_login?next=%2Fhub%2Fhome", allow_redirects=False).headers["Location"]
    sent = parse_qs(urlsplit(asked).query)
    assert (sent["client_id"], sent["scope"]) == (["hub"], ["openid groups"])
    assert sent["redirect_uri"] == ["https://hub.example.org/hub/oauth_callback"]

    page = browser.get(f"hub/oauth_callback?code={person}&state={sent['state'][0]}")
    reply = browser.get("hub/api/user", headers={"Accept": "application/json", **browser.api_headers()})
    if may is None:
        assert (page.status_code, reply.status_code) == (403, 403)
    else:
        assert (page.status_code, reply.status_code) == (200, 200)
        assert {"name": person, **may} == {name: reply.json()[name] for name in ("name", "admin")}
