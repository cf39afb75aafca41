# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door: chain, name, dates, and what plain http does."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import tls_context
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import door
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.door import (
    Certificate,
    Door,
    judge_redirect,
    look,
    plain_url,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import FakeHub, make_certificates, serving
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
HTTPS = "https://hub.example.org/"


@contextlib.contextmanager
def standing(tmp_path: Path, **certificate: Any) -> Iterator[tuple[str, str]]:
    """A door with a certificate; yields its address and its CA file."""
    ca_file, pem = make_certificates(tmp_path, **certificate)
    with serving(FakeHub(home=tmp_path), pem) as hub:
        yield hub.url, str(ca_file)


def refused(url: str, context: ssl.SSLContext, error_id: str) -> HubError:
    return fails(error_id, lambda: look(url, context))


# ---- looking ----------------------------------------------------------------------------------------------------


def test_a_good_door_is_described_from_leaf_to_root(tmp_path: Path) -> None:
    with standing(tmp_path, days=30) as (url, ca_file):
        found = look(url, tls_context(ca_file))
    assert (found.address, found.tls) == ("127.0.0.1", "TLSv1.3")
    assert [(one.subject, one.issuer) for one in found.chain] == [
        ("CN=localhost", "CN=test CA"),
        ("CN=test CA", "CN=test CA"),
    ]
    assert found.days_left(datetime.now(UTC)) == 30


def test_an_unknown_ca_is_refused_and_what_was_served_is_told(tmp_path: Path) -> None:
    with standing(tmp_path, days=30) as (url, _ca_file):
        error = refused(url, tls_context(), "E-VERIFY-02")
    ends = (datetime.now(UTC) + timedelta(days=30, hours=1)).date().isoformat()
    assert error.seen == f"CN=localhost, signed by CN=test CA, ending {ends}"
    assert error.wanted == "an unexpired certificate for localhost from a CA that is trusted here"


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    with standing(tmp_path, days=-2) as (url, ca_file):
        error = refused(url, tls_context(ca_file), "E-VERIFY-02")
    assert error.what.endswith("cannot be trusted: certificate has expired")


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    with standing(tmp_path, host="other.example.org") as (url, ca_file):
        error = refused(url, tls_context(ca_file), "E-VERIFY-02")
    assert "Hostname mismatch" in error.what and error.seen.startswith("CN=other.example.org")


def test_something_that_speaks_no_tls_is_refused(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2)
        port = listener.getsockname()[1]
        context = ssl.create_default_context()
        original = context.wrap_socket

        def wrap(plain: socket.socket, **settings: Any) -> ssl.SSLSocket:
            peer, _address = listener.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return original(plain, **settings)

        context.wrap_socket = wrap  # type: ignore[method-assign, assignment]
        error = refused(f"https://localhost:{port}/", context, "E-VERIFY-02")
    assert "the handshake fails (" in error.what


@pytest.mark.parametrize(
    ("problem", "reason", "do"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no address is known for hub.example.org", "hub_dns"),
        (ConnectionRefusedError(111, "Connection refused"), "the connection is refused", "front Service"),
        (TimeoutError("timed out"), "no answer within 5 s", "firewall"),
        (OSError(113, "No route to host"), "No route to host", "network"),
        (OSError(), "OSError", "network"),
    ],
    ids=["name", "refused", "timeout", "route", "other"],
)
def test_a_door_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, problem: OSError, reason: str, do: str) -> None:
    def fail(*_args: Any, **_settings: Any) -> socket.socket:
        raise problem

    monkeypatch.setattr(socket, "create_connection", fail)
    error = refused(HTTPS, ssl.create_default_context(), "E-VERIFY-01")
    assert error.what == f"The front door {HTTPS} cannot be reached: {reason}"
    assert do in error.do


def test_a_door_that_closes_while_it_is_described_is_still_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standing(tmp_path) as (url, _ca_file):
        original = socket.create_connection
        calls: list[Any] = []

        def once(*args: Any, **settings: Any) -> socket.socket:
            calls.append(args)
            if len(calls) > 1:
                raise ConnectionResetError(104, "reset")
            return original(*args, **settings)

        monkeypatch.setattr(socket, "create_connection", once)
        assert refused(url, tls_context(), "E-VERIFY-02").seen == ""


# ---- describing -------------------------------------------------------------------------------------------------


def test_days_left_are_those_of_the_first_to_end() -> None:
    leaf = Certificate("CN=a", "CN=b", NOW + timedelta(days=80))
    middle = Certificate("CN=b", "CN=c", NOW + timedelta(days=5, hours=23))
    assert Door("192.0.2.1", "TLSv1.3", (leaf, middle)).days_left(NOW) == 5


def test_the_facts_of_a_door() -> None:
    leaf = Certificate("CN=a", "CN=b", NOW + timedelta(days=80))
    assert Door("192.0.2.1", "TLSv1.2", (leaf,)).facts(NOW) == {
        "address": "192.0.2.1",
        "tls": "TLSv1.2",
        "days_left": 80,
        "chain": [{"subject": "CN=a", "issuer": "CN=b", "not_after": "2027-02-10T14:00:00+00:00"}],
    }


def test_a_python_that_gives_no_chain_gives_the_leaf(tmp_path: Path) -> None:
    _ca_file, pem = make_certificates(tmp_path)
    der = ssl.PEM_cert_to_DER_cert(pem.read_text().partition("-----END PRIVATE KEY-----\n")[2])

    class Bare:
        """What an SSL socket of an odd Python offers."""

        def getpeercert(self, binary_form: bool) -> bytes:
            return der

    bare: Any = Bare()
    assert [one.subject for one in door._chain(bare)] == ["CN=localhost"]


# ---- plain http -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("https", "plain"),
    [
        ("https://hub.example.org/", "http://hub.example.org/"),
        ("https://hub.example.org:8443/iris/", "http://hub.example.org/iris/"),
        ("https://[2001:db8::1]:8443/", "http://[2001:db8::1]/"),
    ],
)
def test_what_people_type(https: str, plain: str) -> None:
    assert plain_url(https) == plain


@pytest.mark.parametrize(
    ("status", "location", "https", "wrong"),
    [
        (200, "", HTTPS, "status 200 without a redirect"),
        (404, HTTPS, HTTPS, "status 404 without a redirect"),
        (301, "", HTTPS, "status 301 without a redirect"),
        (302, "/hub/", HTTPS, "redirect to http://hub.example.org/hub/"),
        (301, "http://hub.example.org/x?code=1", HTTPS, "redirect to http://hub.example.org/x"),
        (301, "https://evil.example/", HTTPS, "redirect to https://evil.example/"),
        (301, "https://hub.example.org/", "https://hub.example.org:8443/", "redirect to https://hub.example.org/"),
        (301, "https://hub.example.org/", HTTPS, ""),
        (301, "https://hub.example.org:443/", HTTPS, ""),
        (302, "https://HUB.example.org/hub/login", HTTPS, ""),
        (307, "https://hub.example.org:8443/", "https://hub.example.org:8443/", ""),
        (308, "//hub.example.org/", HTTPS, "redirect to http://hub.example.org/"),
        (301, "https://hub.example.org:port/", HTTPS, "redirect to something that is not a web address"),
    ],
)
def test_whether_plain_http_leads_to_the_hub(status: int, location: str, https: str, wrong: str) -> None:
    assert judge_redirect(status, location, "http://hub.example.org/", https) == wrong
