# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to speak HTTPS: trust, time, size, redirects, cookies, and errors that show no secret."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core import transport
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import (
    Answer,
    Http,
    HttpError,
    clean_url,
    joined,
    origin,
    tls_context,
)
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import Made
from ansible_collections.researchops.jupyterhub.tests.unit.fake_hub import QuietHandler, QuietServer, make_certificates
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import authority_between, old_authority, serving


class Handler(QuietHandler):
    """Answers from a table that a test fills: path to (status, headers, body)."""

    routes: dict[str, tuple[int, list[tuple[str, str]], bytes]]
    seen: list[dict[str, Any]]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append(
            {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body.decode()}
        )
        status, headers, data = self.routes.get(self.path, (404, [], b"nothing here"))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not {"Transfer-Encoding", "Content-Length"} & set(dict(headers)):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _serve


class Site:
    """A server with a table of answers."""

    def __init__(self, url: str, ca_file: str, handler: type[Handler]) -> None:
        self.url = url
        self.ca_file = ca_file
        self.seen = handler.seen
        self._routes = handler.routes

    def answers(self, path: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self._routes[path] = (status, [(name.replace("_", "-"), value) for name, value in headers.items()], body)

    def redirects(self, path: str, to: str, status: int = 302) -> None:
        self.answers(path, status, Location=to)


@contextlib.contextmanager
def started(pem: Path | None, ca_file: str) -> Iterator[Site]:
    handler = type("BoundHandler", (Handler,), {"routes": {}, "seen": []})
    server = QuietServer(("127.0.0.1", 0), handler)
    scheme = "http"
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield Site(f"{scheme}://localhost:{server.server_address[1]}", ca_file, handler)
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(certificates: tuple[Path, Path]) -> Iterator[Site]:
    with started(certificates[1], str(certificates[0])) as one:
        yield one


@pytest.fixture
def other(certificates: tuple[Path, Path]) -> Iterator[Site]:
    with started(certificates[1], str(certificates[0])) as one:
        yield one


def client(site: Site, **settings: Any) -> Http:
    return Http(ca_file=site.ca_file, **settings)


def fails(kind: str, call: Callable[[], Any]) -> HttpError:
    with pytest.raises(HttpError) as caught:
        call()
    assert caught.value.kind == kind, str(caught.value)
    return caught.value


# ---- identity -------------------------------------------------------------------------------------------------


def test_who_asks_is_told_anew_for_every_request_and_by_address(site: Site, other: Site) -> None:
    asked: list[str] = []

    def identity(url: str) -> dict[str, str]:
        asked.append(url)
        return {"Proxy-Authorization": f"Bearer {len(asked)}"} if url.startswith(site.url) else {}

    http = client(site, identity=identity)
    http.request("GET", site.url + "/", headers={"Authorization": "token of the hub"})
    http.request("GET", other.url + "/")
    http.request("GET", site.url + "/")
    assert [each["headers"].get("Proxy-Authorization") for each in site.seen] == ["Bearer 1", "Bearer 3"]
    assert site.seen[0]["headers"]["Authorization"] == "token of the hub"
    assert "Proxy-Authorization" not in other.seen[0]["headers"]


# ---- addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://hub.example.org/hub/oauth_callback?code=SECRET&state=S#frag",
            "https://hub.example.org/hub/oauth_callback",
        ),
        ("https://user:pw@hub.example.org:8443/", "https://hub.example.org:8443/"),
        ("https://issuer.example.org/interaction/mR3s9-tUqLz0aB_x7", "https://issuer.example.org/interaction/..."),
        ("https://hub.example.org/hub/api/users/ada/server", "https://hub.example.org/hub/api/users/ada/server"),
        (
            "https://hub.example.org/user/somebody-with-a-long-name",
            "https://hub.example.org/user/somebody-with-a-long-name",
        ),
        ("https://hub.example.org/a//b/", "https://hub.example.org/a//b/"),
        ("https://[hub/?code=SECRET", "an address that is none"),
    ],
    ids=["query", "credentials", "handle", "api", "long word", "slashes", "no address"],
)
def test_a_shown_address_holds_no_secret(url: str, shown: str) -> None:
    assert clean_url(url) == shown


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://Hub.Example.org/x", ("https", "hub.example.org", 443)),
        ("http://hub.example.org", ("http", "hub.example.org", 80)),
        ("https://hub.example.org:8443", ("https", "hub.example.org", 8443)),
        ("mailto:ada@example.org", ("mailto", "", 0)),
        ("https://hub.example.org:8443x/", ("", "", 0)),
        ("https://hub.example.org:70000/", ("", "", 0)),
        ("https://[hub/", ("", "", 0)),
    ],
)
def test_the_origin_of_an_address(url: str, wanted: tuple[str, str, int]) -> None:
    assert origin(url) == wanted


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("", "https://hub.example.org/a/b"),
        ("c?d=1", "https://hub.example.org/a/c?d=1"),
        ("//else.example.org:8443/", "https://else.example.org:8443/"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
        ("https://else.example.org:port/", ""),
        ("https://[else/", ""),
    ],
)
def test_where_a_link_leads(link: str, wanted: str) -> None:
    assert joined("https://hub.example.org/a/b", link) == wanted


# ---- trust ----------------------------------------------------------------------------------------------------


def test_the_given_ca_is_trusted_besides_the_systems(certificates: tuple[Path, Path]) -> None:
    plain, more = tls_context(), tls_context(str(certificates[0]))
    assert more.cert_store_stats()["x509_ca"] == plain.cert_store_stats()["x509_ca"] + 1
    assert more.verify_mode is ssl.CERT_REQUIRED and more.check_hostname
    assert more.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), ("no PEM here", "it holds no PEM certificate")]
)
def test_a_ca_file_that_is_none(tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    error = fails("ca_file", lambda: tls_context(str(file)))
    assert (error.error_id, error.reason) == ("E-HTTP-03", reason)
    assert str(file) in error.what


def test_a_python_without_a_store_trusts_what_requests_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert tls_context().cert_store_stats()["x509_ca"] > 50


def test_no_variable_beats_the_given_trust(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "not-there.pem"))
    site.answers("/", body=b"ok")
    assert client(site).request("GET", site.url + "/").text == "ok"


def test_no_variable_makes_an_unknown_ca_trusted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, site.ca_file)
    error = fails("tls", lambda: Http().request("GET", site.url + "/?code=SECRET-CODE"))
    assert error.error_id == "E-HTTP-02" and "certificate" in error.reason
    assert "SECRET-CODE" not in str(error)
    assert site.seen == []


def test_a_name_that_the_certificate_does_not_carry(tmp_path: Path) -> None:
    ca_file, pem = make_certificates(tmp_path, host="other.example.org")
    with started(pem, str(ca_file)) as site:
        error = fails("tls", lambda: client(site).request("GET", site.url + "/"))
    assert "Hostname mismatch" in error.reason


def test_an_expired_certificate(tmp_path: Path) -> None:
    ca_file, pem = make_certificates(tmp_path, days=-1)
    with started(pem, str(ca_file)) as site:
        error = fails("tls", lambda: client(site).request("GET", site.url + "/"))
    assert error.reason == "certificate has expired"


def test_a_door_that_speaks_no_tls() -> None:
    with started(None, "") as site:
        error = fails("tls", lambda: Http().request("GET", site.url.replace("http:", "https:") + "/"))
    assert error.reason.startswith("the TLS handshake fails")


def test_netrc_adds_no_credentials(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login ada password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    site.answers("/", body=b"ok")
    client(site).request("GET", site.url + "/")
    assert "Authorization" not in site.seen[0]["headers"]


def test_proxies_come_from_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    error = fails("connect", lambda: client(site).request("GET", "https://hub.example.org/"))
    assert "refused" in error.reason
    monkeypatch.setenv("NO_PROXY", "localhost")
    site.answers("/", body=b"direct")
    assert client(site).request("GET", site.url + "/").text == "direct"


# ---- one exchange ---------------------------------------------------------------------------------------------


def test_an_answer_is_complete(site: Site) -> None:
    site.answers("/x", 418, b'{"a": 1}', Content_Type="application/json", X_Two="2")
    answer = client(site).request("GET", site.url + "/x")
    assert (answer.status, answer.url, answer.json()) == (418, site.url + "/x", {"a": 1})
    assert (answer.headers["content-type"], answer.headers["x-two"]) == ("application/json", "2")


def test_json_and_forms_are_sent(site: Site) -> None:
    site.answers("/")
    one = client(site)
    one.request("POST", site.url + "/", json={"a": [1]})
    one.request("POST", site.url + "/", form=[("a", "1"), ("a", "2 &")])
    assert [json.loads(site.seen[0]["body"]), site.seen[1]["body"]] == [{"a": [1]}, "a=1&a=2+%26"]
    assert site.seen[1]["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_the_user_agent_never_changes(site: Site) -> None:
    site.answers("/")
    client(site).request("GET", site.url + "/")
    assert site.seen[0]["headers"]["User-Agent"] == "researchops.jupyterhub"


def test_a_body_that_is_not_json_says_what_it_is() -> None:
    answer = Answer(502, "https://hub.example.org/hub/api/?x=1", {"content-type": "text/html; charset=utf-8"}, b"<h1>")
    error = fails("format", answer.json)
    assert error.reason == "status 502 with a body of type text/html that is not JSON"
    assert str(error).startswith("E-HTTP-05 https://hub.example.org/hub/api/ cannot be used: status 502")


def test_a_body_never_shows_in_a_representation() -> None:
    assert "SECRET" not in repr(Answer(200, "https://x/", {}, b"SECRET"))


def test_an_endless_answer_is_cut(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 100_000)
    site.answers("/", body=b"x" * 200_000)
    assert fails("size", lambda: client(site).request("GET", site.url + "/")).error_id == "E-HTTP-05"


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"ff\r\nshort", {"Transfer_Encoding": "chunked"}), (b"short", {"Content_Length": "255"})],
    ids=["in chunks", "in one piece"],
)
def test_a_truncated_answer_is_an_error(site: Site, body: bytes, headers: dict[str, str]) -> None:
    site.answers("/", 200, body, Connection="close", **headers)
    error = fails("connect", lambda: client(site).request("GET", site.url + "/"))
    assert (error.error_id, error.reason) == ("E-HTTP-01", "the connection broke off (ProtocolError)")


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_large_answer_is_whole(site: Site, encoding: str) -> None:
    body = random.Random(1).randbytes(3_000_000)
    sent = gzip.compress(body, 1) if encoding == "gzip" else body
    site.answers("/", body=sent, Content_Encoding=encoding)
    assert client(site).request("GET", site.url + "/").body == body


def test_a_chunked_answer_is_whole(site: Site) -> None:
    site.answers("/", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    assert client(site).request("GET", site.url + "/").body == b"abcde"


@pytest.mark.parametrize(
    "read",
    [lambda http, url: http.request("GET", url), lambda http, url: list(http.lines(url))],
    ids=["whole", "a stream without an end of line"],
)
def test_an_answer_that_trickles_ends_with_the_callers_time(read: Callable[[Http, str], Any]) -> None:
    """Each byte comes in time, all of them never would."""
    asked: list[float] = []

    def seconds_left() -> float:
        asked.append(30.0)
        if len(asked) > 5:
            raise HubError("E-X-01", "The caller's time is over", "wait longer")
        return asked[-1]

    with trickling() as url, pytest.raises(HubError, match="E-X-01"):
        read(Http(seconds_left=seconds_left), url)
    assert len(asked) == 6, "once before the request, and then with every piece"


@contextlib.contextmanager
def trickling() -> Iterator[str]:
    """A server that sends a large body in small pieces until the client hangs up, for ten seconds at most."""

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            for _piece in range(500):
                connection.sendall(b"x" * 64)
                time.sleep(0.02)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.settimeout(30)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join()


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = fails("name", lambda: Http().request("GET", "https://nowhere.example.org/?token=SECRET-TOKEN"))
    assert error.reason == "no address is known for nowhere.example.org"
    assert "SECRET-TOKEN" not in str(error)


def test_nobody_listens(certificates: tuple[Path, Path]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    error = fails("connect", lambda: Http().request("GET", f"https://127.0.0.1:{port}/"))
    assert error.reason == "the connection is refused (nothing listens there)"
    assert error.details == {"url": f"https://127.0.0.1:{port}/", "kind": "connect"}


def test_silence_ends_with_the_time_that_is_left(certificates: tuple[Path, Path]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        port = silent.getsockname()[1]
        error = fails("timeout", lambda: Http(seconds_left=lambda: 0.05).request("GET", f"https://localhost:{port}/"))
    assert error.reason == "no answer in time"


def test_when_the_callers_time_is_over_the_callers_error_counts(certificates: tuple[Path, Path]) -> None:
    left = iter([0.05])

    def seconds_left() -> float:
        for value in left:
            return value
        raise HubError("E-X-01", "The caller's time is over", "wait longer")

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        port = silent.getsockname()[1]
        with pytest.raises(HubError, match="E-X-01"):
            Http(seconds_left=seconds_left).request("GET", f"https://localhost:{port}/")


@pytest.mark.parametrize(
    ("problem", "kind", "reason"),
    [
        (
            requests.ConnectionError(urllib3.exceptions.ProtocolError("https://x/?code=SECRET")),
            "connect",
            "the connection broke off (ConnectionError)",
        ),
        (requests.ConnectionError(OSError(113, "No route to host")), "connect", "No route to host"),
        (requests.exceptions.ReadTimeout("https://x/?code=SECRET"), "timeout", "no answer in time"),
        (requests.exceptions.InvalidURL("https://x/?code=SECRET"), "connect", "the connection broke off (InvalidURL)"),
        (ValueError("https://x/?code=SECRET"), "connect", "the connection broke off (ValueError)"),
        (requests.exceptions.SSLError(ssl.SSLError(1, "[SSL] x")), "tls", "the TLS handshake fails (no reason given)"),
    ],
)
def test_the_librarys_words_are_not_repeated(problem: Exception, kind: str, reason: str) -> None:
    error = transport._translated("https://hub.example.org/x?code=SECRET", problem)
    assert (error.kind, error.reason) == (kind, reason)
    assert "SECRET" not in str(error) + repr(error)


# ---- redirects ------------------------------------------------------------------------------------------------


def test_redirects_are_followed(site: Site, other: Site) -> None:
    site.redirects("/a?code=SECRET", "/b")
    site.redirects("/b", f"{other.url}/c")
    other.answers("/c", body=b"here")
    answer = client(site).browse("GET", site.url + "/a?code=SECRET")
    assert (answer.status, answer.text, answer.url) == (200, "here", f"{other.url}/c")
    assert [request["path"] for request in site.seen] == ["/a?code=SECRET", "/b"]


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(302, "GET", ""), (303, "GET", ""), (307, "POST", "a=1"), (308, "POST", "a=1")],
)
def test_what_becomes_of_a_posted_form(site: Site, status: int, method: str, body: str) -> None:
    site.redirects("/form", "/next", status)
    site.answers("/next")
    client(site).browse("POST", site.url + "/form", form={"a": "1"})
    assert (site.seen[1]["method"], site.seen[1]["body"]) == (method, body)


def test_a_token_is_not_carried_to_another_host(site: Site, other: Site) -> None:
    site.redirects("/a", "/b")
    site.redirects("/b", f"{other.url}/c")
    other.redirects("/c", f"{site.url}/d")
    client(site).browse("GET", site.url + "/a", headers={"Authorization": "token SECRET", "Accept": "text/html"})
    assert [one["headers"].get("Authorization") for one in site.seen] == ["token SECRET", "token SECRET", None]
    (led,) = other.seen
    assert "Authorization" not in led["headers"] and led["headers"]["Accept"] == "text/html"


def test_a_form_is_not_carried_to_another_host(site: Site, other: Site) -> None:
    site.redirects("/form", f"{other.url}/take", 307)
    error = fails("redirect", lambda: client(site).browse("POST", site.url + "/form", form={"password": "SECRET-PW"}))
    assert "another host" in error.reason and "SECRET-PW" not in str(error)
    assert other.seen == []


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("http://localhost/plain?state=SECRET", "it redirects from https to http://localhost/plain"),
        ("javascript:alert(1)", "it redirects to something that is not a web address"),
        ("ftp://localhost/file", "it redirects to something that is not a web address"),
        ("https://localhost:port/", "it redirects to something that is not a web address"),
        ("https://[localhost/", "it redirects to something that is not a web address"),
    ],
)
def test_redirects_that_are_refused(site: Site, to: str, reason: str) -> None:
    site.redirects("/", to)
    error = fails("redirect", lambda: client(site).browse("GET", site.url + "/"))
    assert (error.error_id, error.reason) == ("E-HTTP-04", reason)


def test_where_a_redirect_leads_is_not_looked_at_before_its_body_is_bounded(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 10)
    site.answers("/", 302, b"x" * 20, Location="/next")
    fails("size", lambda: client(site).browse("GET", site.url + "/"))


def test_a_circle_ends(site: Site) -> None:
    site.redirects("/", "/")
    error = fails("redirect", lambda: client(site).browse("GET", site.url + "/"))
    assert error.reason == f"20 redirects in a row, the last one to {site.url}/"
    assert len(site.seen) == 20


@pytest.mark.parametrize("status", [300, 304, 305])
def test_other_statuses_with_a_location_are_answers(site: Site, status: int) -> None:
    site.redirects("/", "/else", status)
    assert client(site).browse("GET", site.url + "/").status == status


def test_a_redirect_without_an_address_is_an_answer(site: Site) -> None:
    site.answers("/", 302, b"where?")
    assert client(site).browse("GET", site.url + "/").text == "where?"


# ---- cookies and other secrets ----------------------------------------------------------------------------------


def test_a_cookie_is_known_by_path_and_goes_only_there(site: Site) -> None:
    site._routes["/"] = (
        200,
        [
            ("Set-Cookie", "_xsrf=of-the-hub; Path=/hub/"),
            ("Set-Cookie", "_xsrf=of-the-server; Path=/user/ada/"),
            ("Set-Cookie", "_xsrf=of-all; Path=/"),
        ],
        b"",
    )
    one = client(site)
    one.request("GET", site.url + "/")
    assert one.cookie("_xsrf", site.url + "/hub/api/user") == "of-the-hub"
    assert one.cookie("_xsrf", site.url + "/user/ada/api/kernels") == "of-the-server"
    assert one.cookie("_xsrf", site.url + "/else") == "of-all"
    assert one.cookie("_xsrf", "https://elsewhere.example.org/hub/") is None
    assert one.cookie("other", site.url + "/hub/") is None
    assert set(one.cookie_header(site.url + "/user/ada/x").split("; ")) == {"_xsrf=of-the-server", "_xsrf=of-all"}
    assert one.cookie_header("https://elsewhere.example.org/") == ""


@pytest.mark.parametrize(
    ("domain", "host", "fits"),
    [
        ("hub.example.org", "hub.example.org", True),
        (".example.org", "hub.example.org", True),
        ("localhost.local", "localhost", True),
        ("example.org", "notexample.org", False),
        ("hub.example.org", "example.org", False),
    ],
)
def test_which_host_gets_a_cookie(domain: str, host: str, fits: bool) -> None:
    assert transport._host_fits(domain, host) is fits


def test_two_clients_share_no_cookie(site: Site) -> None:
    site.answers("/", Set_Cookie="sid=one")
    client(site).request("GET", site.url + "/")
    client(site).request("GET", site.url + "/")
    assert "Cookie" not in site.seen[1]["headers"]


@pytest.mark.parametrize("how", ["browse", "request"])
def test_secrets_that_turn_up_are_learnt(site: Site, how: str) -> None:
    learnt: set[str] = set()
    site.answers("/", 302, Set_Cookie="sid=cookie-value", Location="/cb?code=code-value&state=state-value&page=3")
    site.answers("/cb?code=code-value&state=state-value&page=3")
    getattr(client(site, learn=learnt.add), how)("GET", site.url + "/")
    assert learnt == {"cookie-value", "code-value", "state-value"}


# ---- streams ----------------------------------------------------------------------------------------------------


def test_the_lines_of_a_stream(site: Site) -> None:
    site.answers("/", body=b"data: 1\n\ndata: 2\n")
    assert list(client(site).lines(site.url + "/", headers={"Accept": "text/event-stream"})) == [
        "data: 1",
        "",
        "data: 2",
    ]
    assert site.seen[0]["headers"]["Accept"] == "text/event-stream"


def test_a_line_without_an_end_is_cut(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_LINE", 10)
    site.answers("/", body=b"1234567890\n" * 3)
    assert list(client(site).lines(site.url + "/")) == ["1234567890"] * 3
    site.answers("/", body=b"x" * 20)
    assert "longer than 10 bytes" in fails("size", lambda: list(client(site).lines(site.url + "/"))).what


def test_a_line_is_cut_long_before_a_body_is() -> None:
    """Each byte of a line is looked at by itself: 8 MiB of them would keep a core busy until the time is over."""
    assert transport.MAX_LINE <= 65536 < transport.MAX_BODY


class Parts:
    """An answer in these parts; notes the length of everything that is searched for ends of lines."""

    status_code = 200

    def __init__(self, *parts: bytes) -> None:
        self.split: list[int] = []
        self._parts = parts

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *ended: object) -> None:
        """Nothing is open."""

    def iter_content(self, _size: int) -> Iterator[bytes]:
        outer = self

        class Part(bytes):
            """Counts what is split, and what it is put behind."""

            def split(self, sep: Any = None, maxsplit: Any = -1) -> list[bytes]:
                outer.split.append(len(self))
                return super().split(sep, maxsplit)

            def __radd__(self, other: bytes) -> bytes:
                return Part(bytes(other) + bytes(self))

        return (Part(part) for part in self._parts)


def parted(monkeypatch: pytest.MonkeyPatch, *parts: bytes) -> tuple[list[str], list[int]]:
    """The lines of an answer in these parts, and the sizes of what was searched for their ends."""
    answer = Parts(*parts)
    monkeypatch.setattr(Http, "_opened", lambda *_asked: answer)
    return list(Http().lines("https://hub.example.org/")), answer.split


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        pytest.param([b"a", b"b", b"\n", b"c"], ["ab", "c"], id="byte-by-byte"),
        pytest.param([b"a\nb", b"c\n\nd\r\n"], ["a", "bc", "", "d"], id="several-ends-in-one-part"),
        pytest.param([b"a\r", b"\n"], ["a"], id="an-end-of-two-bytes-cut"),
        pytest.param([b"\xc3", b"\xa4\n"], ["\xe4"], id="a-letter-cut"),
        pytest.param([b"", b"\n"], [""], id="nothing-but-an-end"),
    ],
)
def test_a_line_may_come_in_parts(monkeypatch: pytest.MonkeyPatch, parts: list[bytes], lines: list[str]) -> None:
    assert parted(monkeypatch, *parts)[0] == lines


def test_what_came_before_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, searched = parted(monkeypatch, *[b"x"] * 1000, b"\n")
    assert (lines, sum(searched)) == (["x" * 1000], 1001)


def test_a_stream_that_is_none(site: Site) -> None:
    error = fails("format", lambda: list(client(site).lines(site.url + "/missing")))
    assert error.reason == "status 404 instead of a stream of events"


def test_a_stream_ends_with_the_callers_time(site: Site) -> None:
    looks = iter([5.0, 5.0])

    def seconds_left() -> float:
        for value in looks:
            return value
        raise HubError("E-X-01", "over", "wait longer")

    site.answers("/", body=b"a\nb\nc\n")
    got: list[str] = []
    with pytest.raises(HubError, match="E-X-01"):
        got.extend(client(site, seconds_left=seconds_left).lines(site.url + "/"))
    assert len(got) <= 1


@pytest.mark.parametrize("authority", [old_authority(), authority_between()], ids=["old-form", "signed-by-another"])
def test_an_authority_of_the_operator_is_taken_as_kubectl_takes_it(tmp_path: Path, authority: Made) -> None:
    """Red without trust_as_named(): the first from Python 3.13 on, for want of a key identifier; before, the other."""
    with serving(tmp_path, lambda *_request: (200, {"read": "it"}, {}), authority) as server:
        url = server.url.replace("127.0.0.1", "localhost")  # urllib3 1.26 does not check an address by our context
        assert Http(ca_file=str(server.ca_file)).request("GET", url).json() == {"read": "it"}
        other = tmp_path / "other.pem"
        other.write_text(old_authority().pem)
        fails("tls", lambda: Http(ca_file=str(other)).request("GET", url))


def test_only_the_operators_trust_has_other_rules(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(old_authority().pem)
    usual = ssl.create_default_context()
    assert tls_context().verify_flags == usual.verify_flags
    named = tls_context(str(ca_file))
    assert named.verify_flags == usual.verify_flags & ~ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    assert (named.verify_mode, named.check_hostname) == (ssl.CERT_REQUIRED, True)
