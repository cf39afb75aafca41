# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small HTTPS server on the loopback address, for what must be proved over a real connection."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import DAY, NOW, Made, make

Answering = Callable[[str, str, dict[str, str], str], tuple[int, Any, dict[str, str]]]
"""Method, path, headers and body of a request to status, JSON document and headers of the reply."""


def old_authority() -> Made:
    """A CA as older clusters have it: without key usage, and what it signs names no authority key."""
    return make("an old CA", authority=True, begins=NOW - 9000 * DAY, ends=NOW + 9000 * DAY)


def authority_between() -> Made:
    """A CA that another one has signed, which nobody names."""
    return make("a CA between", issuer=old_authority(), authority=True, begins=NOW - 9000 * DAY, ends=NOW + 9000 * DAY)


@dataclass
class Server:
    """Where it listens, and whom to trust."""

    url: str
    ca_file: Path
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)


@contextmanager
def serving(folder: Path, answering: Answering, authority: Made | None = None) -> Iterator[Server]:
    """Serve until the block ends, with a certificate of this authority, or one that is its own."""
    made = make(
        "127.0.0.1",
        issuer=authority,
        names=["127.0.0.1", "localhost"],
        authority=authority is None,
        begins=NOW - 9000 * DAY,
        ends=NOW + 9000 * DAY,
    )
    certificate, ca_file = folder / "server.pem", folder / "ca.pem"
    certificate.write_text(made.pem + made.key_pem)
    ca_file.write_text((authority or made).pem)
    server = Server("", ca_file)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            request = (self.command, self.path, dict(self.headers), body)
            server.requests.append(request)
            status, document, headers = answering(*request)
            payload = json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_GET

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    listening.handle_error = lambda *_args: None  # type: ignore[method-assign]  # clients that refuse us are the test
    server.url = f"https://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
