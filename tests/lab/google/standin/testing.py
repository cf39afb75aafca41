# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For tests: the service in a thread of this process on loopback, reached by unmodified clients under Google's names.

    with Running.start(tmp_path, documents) as google, google.names():
        client = IdentityAwareProxyAdminServiceClient(credentials=..., transport="rest")

``names`` lets this process, and nothing else, resolve Google's host names (any port) to the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin import certs, names
from standin.app import App
from standin.config import Config, Door

CONTROL_HOST = names.CONTROL_HOST
TRUST = ("REQUESTS_CA_BUNDLE", "HTTPLIB2_CA_CERTS", "SSL_CERT_FILE")


@dataclass
class Running:
    """A running service."""

    app: App
    port: int
    ca_file: Path
    account_file: Path
    _loop: asyncio.AbstractEventLoop
    _thread: threading.Thread

    @classmethod
    @contextlib.contextmanager
    def start(cls, directory: Path, documents: Path, **more: Any) -> Iterator[Running]:
        """Run it until the block ends. ``more`` are fields of Config."""
        authority = certs.make_authority("stand-in for Google")
        pair = certs.issue(authority, [*names.HOSTS, CONTROL_HOST])
        files = {name: directory / f"{name}.pem" for name in ("ca", "chain", "key", "ca-key")}
        texts = (authority.certificate, pair.certificate, pair.key, authority.key)
        for name, text in zip(("ca", "chain", "key", "ca-key"), texts, strict=True):
            files[name].write_text(text, encoding="ascii")
        if "door" in more:  # addresses and ports of the door; its certificates come from the same authority
            more["door"] = Door(*more["door"], str(files["ca"]), str(files["ca-key"]), plain=_free_port())
        account_file = directory / "account.json"
        config = Config(
            ("127.0.0.1",), 0, str(files["chain"]), str(files["key"]), str(documents),
            account_key_file=str(account_file), **more,
        )  # fmt: skip
        loop, ready = asyncio.new_event_loop(), threading.Event()
        app = App(config)

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(app.start())
            ready.set()
            loop.run_forever()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        if not ready.wait(20):
            raise RuntimeError("the stand-in did not start within 20 s")
        port = app.servers[0].sockets[0].getsockname()[1]
        try:
            yield cls(app, port, files["ca"], account_file, loop, thread)
        finally:
            asyncio.run_coroutine_threadsafe(app.stop(), loop).result(20)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)

    @contextlib.contextmanager
    def names(self) -> Iterator[None]:
        """Google's names lead here, and its certificates are trusted, for this process and this block."""
        variables = dict.fromkeys(TRUST, str(self.ca_file))
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        undo = names.lead(self.port)
        loaded = sys.modules.get("httplib2")  # it looks at the variable once, when it is imported
        roots = getattr(loaded, "CA_CERTS", None)
        if loaded:
            loaded.CA_CERTS = str(self.ca_file)  # type: ignore[attr-defined]
        try:
            yield
        finally:
            undo()
            if loaded:
                loaded.CA_CERTS = roots  # type: ignore[attr-defined]
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def environment(self) -> dict[str, str]:
        """The same for programs in Python that are started with these variables (Ansible and its modules)."""
        here = Path(__file__).resolve().parents[1]
        paths = [str(here / "outside"), str(here)]
        return {
            "PYTHONPATH": os.pathsep.join(paths), "STANDIN_PORT": str(self.port),
            **dict.fromkeys(TRUST, str(self.ca_file)),
        }  # fmt: skip

    def ask(self, verb: str, host: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        """One plain request; (status, JSON)."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=_unnamed(context), timeout=20)
        headers = {"Host": host, "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(verb, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else None

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """One request to the control endpoint; anything but 200 is an error of the test."""
        status, answer = self.ask(verb, CONTROL_HOST, f"/control/{path}", body)
        if status != 200:
            raise AssertionError(f"{verb} {path}: {status} {answer}")
        return answer

    def do(self, act: Callable[[], Any]) -> Any:
        """Carry out something in the service's own thread."""

        async def inner() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(inner(), self._loop).result(20)

    def token(self, *scopes: str) -> str:
        """An access token of the lab's service account."""
        wanted = list(scopes) or ["https://www.googleapis.com/auth/cloud-platform"]
        return str(self.do(lambda: self.app.standin.tokens.grant(self.app.config.account, wanted)[0]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unnamed(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same trust, without comparing the name (the connection goes to an address)."""
    context.check_hostname = False
    return context
