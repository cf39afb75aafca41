# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault proxy tells the truth about what went through it."""

from __future__ import annotations

import json
import ssl
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import QuietHandler, QuietServer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "faults"))
from proxy import Fault, FaultProxy, Seen, _certificate

pytestmark = pytest.mark.once


class Echo(QuietHandler):
    """Answers with the method and the body it got."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        data = json.dumps({"method": self.command, "body": body}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = answer


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[tuple[str, str]]:
    context, authority = _certificate()
    server = QuietServer(("127.0.0.1", 0), Echo)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ca = tmp_path / "ca.pem"
    ca.write_text(authority)
    yield f"https://127.0.0.1:{server.server_address[1]}", str(ca)
    server.shutdown()


def ask(proxy: FaultProxy, method: str, path: str, body: bytes | None = None) -> dict[str, str]:
    context = ssl.create_default_context(cadata=proxy.authority)
    request = urllib.request.Request(f"https://127.0.0.1:{proxy.port}{path}", data=body, method=method)
    with urllib.request.urlopen(request, context=context, timeout=10) as reply:
        return dict(json.load(reply))


def test_requests_pass_unchanged_and_are_counted(upstream: tuple[str, str]) -> None:
    with FaultProxy.start(upstream[0], upstream_ca=upstream[1]) as proxy:
        assert ask(proxy, "GET", "/api/v1/pods?limit=5") == {"method": "GET", "body": ""}
        assert ask(proxy, "POST", "/api/v1/pods", b"x" * 100_000) == {"method": "POST", "body": "x" * 100_000}
        assert proxy.seen == [Seen("GET", "/api/v1/pods?limit=5", 200), Seen("POST", "/api/v1/pods", 200)]
        assert proxy.writes() == [Seen("POST", "/api/v1/pods", 200)]


@pytest.mark.parametrize(
    ("method", "target", "mutating"),
    [
        ("POST", "/api/v1/pods", True),
        ("DELETE", "/api/v1/namespaces/x/pods/y", True),
        ("PATCH", "/api/v1/pods/x?dryRun=All&force=true", False),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", False),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", False),
        ("GET", "/api/v1/pods", False),
    ],
)
def test_what_counts_as_a_write(method: str, target: str, mutating: bool) -> None:
    assert Seen(method, target, 200).mutating is mutating


def test_a_chosen_status_never_reaches_the_server(upstream: tuple[str, str]) -> None:
    with FaultProxy.start(upstream[0], upstream_ca=upstream[1], choose=lambda *_: Fault(status=503)) as proxy:
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(proxy, "GET", "/healthz")
        assert caught.value.code == 503


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_ends_the_connection(upstream: tuple[str, str], when: str) -> None:
    with FaultProxy.start(upstream[0], upstream_ca=upstream[1], choose=lambda *_: Fault(reset=when)) as proxy:
        with pytest.raises(OSError):
            ask(proxy, "POST", "/x", b"1")
        assert len(proxy.seen) == (1 if when == "after" else 0)
