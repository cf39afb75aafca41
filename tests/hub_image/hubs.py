# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real JupyterHub process with our file in it, configured by our values layer, and Google's key server beside it."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec

AUDIENCE = "/projects/123456789012/global/backendServices/1234567890"
ISSUER = "https://cloud.google.com/iap"
HEADER = "X-Goog-IAP-JWT-Assertion"
START_SECONDS = 120.0

CONFIG = '''
import json, os, pathlib, sys
from tornado.httpclient import AsyncHTTPClient

here = pathlib.Path(os.path.realpath(__file__)).parent
sys.path.insert(0, str(here))
AsyncHTTPClient.configure("tornado.curl_httpclient.CurlAsyncHTTPClient")
for section, traits in json.loads((here / "config.json").read_text()).items():
    c[section].update(traits)

from jupyterhub.proxy import Proxy


class NoProxy(Proxy):
    """Remembers routes; this test talks to the hub itself."""

    should_start = False
    routes = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return self.routes


c.JupyterHub.proxy_class = NoProxy
'''


def number(value: int) -> str:
    """A coordinate as a JSON Web Key has it."""
    return base64.urlsafe_b64encode(value.to_bytes(32, "big")).decode().rstrip("=")


@dataclass
class Signer:
    """One of Google's keys, or somebody's who is not Google."""

    key_id: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def public(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        point = {"x": number(numbers.x), "y": number(numbers.y)}
        return {"kid": self.key_id, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", **point}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.key_id, **header})


def claims(email: Any = "ada@example.org", **changes: Any) -> dict[str, Any]:
    """What IAP says; `changes` replace members, None removes one."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "accounts.google.com:1234567890",
        "email": email,
        "iat": now,
        "exp": now + 600,
    } | changes
    return {name: value for name, value in said.items() if value is not None}


class KeyServer:
    """Serves the key set over TLS; counts, and can fail or say something else."""

    def __init__(self, pem: Path) -> None:
        self.signers: list[Signer] = []
        self.asked = 0
        self.status = 200
        self.body: bytes | None = None
        self.location = ""  # with a status that redirects; there the keys are
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                keys = json.dumps({"keys": [signer.public() for signer in outer.signers]}).encode()
                body = keys if outer.body is None else outer.body
                self.send_response(200 if self.path == outer.location else outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Nothing goes to the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}/iap/verify/public_key-jwk"

    @contextlib.contextmanager
    def serving(self) -> Iterator[KeyServer]:
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join(10)
            self.server.server_close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Hub:
    """A hub that runs."""

    url: str
    log: Path

    def get(self, path: str, assertion: str | None = None, **more: Any) -> requests.Response:
        """One request of nobody yet: no cookies."""
        return self.browser(assertion).get(path, **more)

    def browser(self, assertion: str | None = None) -> Browser:
        return Browser(self.url, assertion)


class Browser:
    """Cookies, and the statement that IAP would add to each request."""

    def __init__(self, url: str, assertion: str | None) -> None:
        self.url = url
        self.assertion = assertion
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"Sec-Fetch-Mode": "navigate", "Accept": "text/html"})

    def get(self, path: str, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        said = {HEADER: self.assertion} if self.assertion is not None else {}
        return self.session.get(self.url + path, headers=said | (headers or {}), timeout=30, **more)

    def who(self, **headers: str) -> str:
        """Whom the hub's API sees, empty for nobody."""
        reply = self.get("hub/api/user", headers={"Accept": "application/json", **self.api_headers(), **headers})
        return str(reply.json()["name"]) if reply.status_code == 200 else ""

    def api_headers(self) -> dict[str, str]:
        """What JupyterHub's own pages send along."""
        xsrf = next((cookie.value for cookie in self.session.cookies if cookie.name == "_xsrf"), "") or ""
        return {"X-XSRFToken": xsrf, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}

    def cookies(self) -> set[str]:
        return {cookie.name for cookie in self.session.cookies}


def words(page: requests.Response) -> str:
    """The text of a page."""
    main = page.text.partition('<div class="error">')[2] or page.text
    return " ".join(re.sub(r"<[^>]+>", " ", main).replace("&#39;", "'").split())


@contextlib.contextmanager
def running(folder: Path, program: Path, config: dict[str, Any]) -> Iterator[Hub]:
    """Start a hub with `program` beside its configuration, as the chart mounts it."""
    folder.mkdir()
    shutil.copy(program, folder / program.name)
    (folder / "jupyterhub_config.py").write_text(CONFIG)
    port = free_port()
    own = {
        "bind_url": f"http://127.0.0.1:{free_port()}/",
        "hub_bind_url": f"http://127.0.0.1:{port}/",
        "db_url": "sqlite:///:memory:",
        "cookie_secret_file": str(folder / "cookie_secret"),
        "spawner_class": "simple",
        "services": [{"name": "robot", "api_token": "token-of-the-robot-123"}],
        "load_roles": [{"name": "robot", "scopes": ["list:users", "admin:users", "tokens"], "services": ["robot"]}],
    }
    config = {**config, "JupyterHub": own | config["JupyterHub"]}
    (folder / "config.json").write_text(json.dumps(config))
    log = folder / "hub.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(port, process, log)
            yield Hub(f"http://127.0.0.1:{port}/", log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"http://127.0.0.1:{port}/hub/health", timeout=2).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"the hub did not start: {log.read_text()[-2000:]}")
