# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""HTTPS as this collection speaks it: one way to trust, to wait, to follow and to fail.

``requests`` alone lets the environment overrule its caller (``REQUESTS_CA_BUNDLE`` beats ``verify``, ``~/.netrc`` adds
credentials), waits for ever, follows a redirect from https to http, and prints whole URLs, authorization codes
included, in its errors. :class:`Http` takes only the proxies from the environment, bounds every exchange in time and
size, and raises :class:`HttpError` with addresses that are safe to show.
"""

from __future__ import annotations

import json as json_module
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

from .errors import HubError

CONNECT_TIMEOUT = 5.0
"""Seconds until a connection must stand."""
READ_TIMEOUT = 30.0
"""Seconds between two bytes of an answer."""
MAX_HOPS = 20
"""Redirects in a row; browsers stop at the same number."""
MAX_BODY = 8 * 1024 * 1024
"""Bytes read of one answer; a page or an API object is far smaller."""
MAX_LINE = 65536
"""Bytes of one line of a stream; an event has some hundred. Lines are read byte by byte, and a long one keeps a core at
it, so they end well before :data:`MAX_BODY`."""
PART = 65536
"""Bytes read of a body at most before the clock is looked at."""
USER_AGENT = "researchops.jupyterhub"
"""Constant on purpose: JupyterHub ties its XSRF tokens to the user agent."""

SECRET_PARAMETERS = frozenset({"code", "state", "token", "access_token", "id_token", "session_state", "_xsrf", "nonce"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
RANDOM_SEGMENT = re.compile(r"^(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_~-]{16,}$")


@dataclass
class HttpError(HubError):
    """An exchange that did not happen or was refused here; ``kind`` is for callers that have a better sentence.

    Attributes:
        kind: ``name`` (no address), ``connect``, ``timeout``, ``tls``, ``redirect``, ``size``, ``ca_file``, ``format``.
        reason: the cause alone, without the address.
    """

    kind: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        url: the address that answered, as requested (may hold secrets: use :func:`clean_url` to show it).
        headers: by lower-case name.
        body: the whole body.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text; every page and API this collection reads is UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The decoded body.

        Raises:
            HttpError: kind ``format``, for a body that is not JSON (a proxy's error page, for example).
        """
        try:
            return json_module.loads(self.body)
        except ValueError as problem:
            kind = self.headers.get("content-type", "no content type").split(";")[0]
            raise _error(
                self.url, "format", f"status {self.status} with a body of type {kind} that is not JSON"
            ) from problem


def clean_url(url: str) -> str:
    """An address that may be shown: no user, query or fragment, and no path segment that looks like a handle."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    path = "/".join("..." if RANDOM_SEGMENT.match(segment) else segment for segment in parts.path.split("/"))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address: what a browser compares before it hands over anything.

    All three are empty for what is no address: a port that is no number, brackets around no IPv6 address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
    return parts.scheme, (parts.hostname or "").lower(), port


def joined(base: str, link: str) -> str:
    """Where a link that somebody else wrote leads from ``base``; empty for one that is no address."""
    try:
        address = urljoin(base, link)
    except ValueError:
        return ""
    return address if any(origin(address)) else ""


def trust_as_named(context: ssl.SSLContext) -> None:
    """Take an authority that the operator named as kubectl, Helm and browsers take it; call it for no other trust.

    From Python 3.13 on a new context refuses certificates that leave out a field of RFC 5280 (the authority key
    identifier, the key usage); older clusters on EKS and GKE and many an institute's own authority leave them out.
    Before 3.13 it refuses an authority that is itself signed by another one, as long as that one is not named, too.
    Chain up to the named one, dates, purpose and host name are checked as before.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Trust in the system's certificate authorities plus, if given, those in ``ca_file``.

    Raises:
        HttpError: kind ``ca_file``, for a file that cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _add_fallback_authorities(context)
    if not ca_file:
        return context
    trust_as_named(context)  # a context has one set of rules, so the system's authorities in it are under them, too
    try:
        context.load_verify_locations(cafile=os.path.expanduser(ca_file))
    except OSError as problem:
        no_certificate = isinstance(problem, ssl.SSLError)  # which is an OSError, too
        reason = "it holds no PEM certificate" if no_certificate else problem.strerror or type(problem).__name__
        raise HttpError(
            error_id="E-HTTP-03",
            what=f"The CA file {ca_file} cannot be used: {reason}",
            do="give a readable file with PEM certificates, or leave the option out to trust the system's CAs",
            kind="ca_file",
            reason=reason,
        ) from problem
    return context


def _add_fallback_authorities(context: ssl.SSLContext) -> None:
    """Python builds without a system store (some containers) trust what requests brings along."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(os.scandir(paths.capath))):
        return
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)


class Http:
    """A client with its own cookies; not shared between users, so that nobody enters on somebody else's cookie."""

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        seconds_left: Callable[[], float] | None = None,
        learn: Callable[[str], None] | None = None,
        identity: Callable[[str], Mapping[str, str]] | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            ca_file: certificate authorities to trust besides the system's.
            seconds_left: what remains of the caller's time; raises when nothing remains.
            learn: gets every cookie and every secret URL parameter, so that they can be masked.
            identity: the headers by which a proxy before an address knows who asks; called for every request.
        """
        self.context = tls_context(ca_file)
        self._seconds_left = seconds_left or (lambda: READ_TIMEOUT)
        self._learn = learn or (lambda _secret: None)
        self.identity = identity or (lambda _url: {})
        self._session = _session(self.context)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | list[tuple[str, str]] | None = None,
        json: Any = None,
        body: bytes | None = None,
    ) -> Answer:
        """One exchange; redirects are answers like others.

        At most one of ``form``, ``json`` and ``body`` (bytes that somebody else has put together) is sent.

        Raises:
            HttpError: the exchange did not take place.
        """
        with self._opened(method, url, headers, form if body is None else body, json) as reply:
            return Answer(reply.status_code, url, _lower(reply.headers), self._body(reply, url))

    def browse(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | list[tuple[str, str]] | None = None,
    ) -> Answer:
        """One exchange and the redirects after it, as a browser does; another host gets no ``Authorization``.

        Raises:
            HttpError: also for a redirect that leaves https, leads in circles or has no address.
        """
        hops = 0
        while True:
            answer = self.request(method, url, headers=headers, form=form)
            location = answer.headers.get("location")
            if answer.status not in REDIRECTS or not location:
                return answer
            hops += 1
            following = joined(url, location)
            self._refuse_bad_redirect(url, following, hops)
            elsewhere = origin(following) != origin(url)
            if elsewhere:
                headers = {name: value for name, value in (headers or {}).items() if name.lower() != "authorization"}
            if answer.status not in (307, 308):
                method, form = "GET", None
            elif form is not None and elsewhere:
                raise _error(following, "redirect", f"{clean_url(url)} wants a filled-in form sent on to another host")
            url = following

    def lines(self, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[str]:
        """The lines of an answer that goes on for a while (an event stream), as they come.

        Raises:
            HttpError: kind ``format`` for another status than 200, else as :meth:`request`.
        """
        import requests

        with self._opened("GET", url, headers, None, None) as reply:
            if reply.status_code != 200:
                raise _error(url, "format", f"status {reply.status_code} instead of a stream of events")
            line = bytearray()
            try:
                for part in reply.iter_content(1):  # a line may be the last one for a while
                    self._seconds_left()
                    for number, piece in enumerate(part.split(b"\n")):
                        if number:  # the line before it is whole
                            yield line.rstrip(b"\r").decode("utf-8", "replace")
                            line.clear()
                        line += piece
                        if len(line) > MAX_LINE:
                            raise _error(url, "size", f"a line of the answer is longer than {MAX_LINE} bytes")
            except requests.RequestException as problem:
                raise self._failed(url, problem) from problem
            if line:
                yield line.decode("utf-8", "replace")

    def cookie(self, name: str, url: str) -> str | None:
        """The value of the cookie ``name`` that a browser would send to ``url``; the most specific path wins."""
        parts = urlsplit(url)
        fitting = [
            cookie
            for cookie in self._session.cookies
            if cookie.name == name
            and _host_fits(cookie.domain, parts.hostname or "")
            and parts.path.startswith(cookie.path)
        ]
        return max(fitting, key=lambda cookie: len(cookie.path)).value if fitting else None

    def cookie_header(self, url: str) -> str:
        """All cookies for ``url`` as one header, for the websocket that requests cannot open."""
        import requests

        cookies: Any = requests.cookies
        return cookies.get_cookie_header(self._session.cookies, requests.Request("GET", url).prepare()) or ""

    def _opened(self, method: str, url: str, headers: Mapping[str, str] | None, form: Any, json: Any) -> Any:
        import requests
        from requests.utils import get_environ_proxies

        left = self._seconds_left()
        try:
            reply = self._session.request(
                method,
                url,
                headers={**(headers or {}), **self.identity(url)},
                data=form,
                json=json,
                timeout=(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)),
                allow_redirects=False,
                proxies=get_environ_proxies(url, no_proxy=None),
                stream=True,
            )
        except (requests.RequestException, ValueError) as problem:
            raise self._failed(url, problem) from problem
        self._remember(reply)
        return reply

    def _remember(self, reply: Any) -> None:
        for cookie in self._session.cookies:
            if cookie.value:
                self._learn(cookie.value)
        for address in (reply.url, joined(reply.url, reply.headers.get("location") or "")):
            for name, value in parse_qsl(urlsplit(address).query):
                if name in SECRET_PARAMETERS:
                    self._learn(value)

    def _body(self, reply: Any, url: str) -> bytes:
        import requests
        import urllib3

        parts: list[bytes] = []
        size = 0
        try:
            for part in _parts(reply):
                self._seconds_left()
                parts.append(part)
                size += len(part)
                if size > MAX_BODY:
                    raise _error(url, "size", f"the answer is longer than {MAX_BODY} bytes")
        except (requests.RequestException, urllib3.exceptions.HTTPError) as problem:
            raise self._failed(url, problem) from problem
        return b"".join(parts)

    def _failed(self, url: str, problem: Exception) -> HttpError:
        """The error for a failed exchange; when the caller's whole time is over, that is raised instead."""
        self._seconds_left()
        return _translated(url, problem)

    @staticmethod
    def _refuse_bad_redirect(url: str, following: str, hops: int) -> None:
        scheme, host, _port = origin(following)
        if scheme not in ("http", "https") or not host:
            raise _error(url, "redirect", "it redirects to something that is not a web address")
        if origin(url)[0] == "https" and scheme == "http":
            raise _error(url, "redirect", f"it redirects from https to {clean_url(following)}")
        if hops >= MAX_HOPS:
            raise _error(url, "redirect", f"{hops} redirects in a row, the last one to {clean_url(following)}")


def _session(context: ssl.SSLContext) -> Any:
    """A requests session that trusts ``context`` and nothing from the environment."""
    import requests
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Hands our context to urllib3, also through a proxy; requests would add certifi's authorities to it."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, ssl_context=context)

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, **kwargs, ssl_context=context)

        def cert_verify(self, conn: Any, *_ignored: Any, **_ignored_too: Any) -> None:
            conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None

    session: Any = requests.Session()
    # Even where it is not to follow a redirect, it looks where that leads, and reads the whole body first.
    session.get_redirect_target = lambda _reply: None
    session.trust_env = False
    session.headers["User-Agent"] = USER_AGENT
    session.mount("https://", Adapter())
    return session


def _parts(reply: Any) -> Iterator[bytes]:
    """The body as it comes in: a server that sends a byte now and then must not keep anybody from the clock.

    urllib3 before 2.1 hands out a part only when all of it is there. Parts that double take, at one speed, no longer
    than all before them together. Before 2.0 it takes a body that breaks off for a whole one, unless told otherwise.
    """
    raw, size = reply.raw, 1
    raw.enforce_content_length = True
    if hasattr(raw, "read1"):
        while part := raw.read1(PART, decode_content=True):
            yield part
        return
    while not raw.closed:
        yield raw.read(size, decode_content=True)
        size = min(2 * size, PART)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _host_fits(domain: str, host: str) -> bool:
    """Whether a cookie of ``domain`` goes to ``host``; cookiejar writes ``.local`` behind names without a dot."""
    bare = domain.lstrip(".")
    return host == bare or host.endswith(f".{bare}") or f"{host}.local" == bare


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The exception and everything inside it, outermost first."""
    seen: set[int] = set()
    queue: list[Any] = [problem]
    while queue:
        one = queue.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        queue += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]


def _translated(url: str, problem: Exception) -> HttpError:
    """The error for a failed exchange; library texts are not repeated, because they quote whole addresses."""
    import requests
    import urllib3

    host = origin(url)[1] or clean_url(url)
    for cause in _causes(problem):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _error(url, "tls", cause.verify_message.rstrip("."))
        if isinstance(cause, socket.gaierror):
            return _error(url, "name", f"no address is known for {host}")
        if isinstance(cause, ConnectionRefusedError):
            return _error(url, "connect", "the connection is refused (nothing listens there)")
    for cause in _causes(problem):
        if isinstance(cause, (requests.Timeout, TimeoutError, urllib3.exceptions.TimeoutError)):
            return _error(url, "timeout", "no answer in time")
        if isinstance(cause, ssl.SSLError):
            return _error(url, "tls", f"the TLS handshake fails ({getattr(cause, 'reason', '') or 'no reason given'})")
        if isinstance(cause, OSError) and cause.strerror:
            return _error(url, "connect", cause.strerror)
    return _error(url, "connect", f"the connection broke off ({type(problem).__name__})")


def _error(url: str, kind: str, reason: str) -> HttpError:
    error_id, do = {
        "tls": (
            "E-HTTP-02",
            "make the certificate fit, or name its CA (ca_file); verification cannot be switched off",
        ),
        "redirect": ("E-HTTP-04", "correct where this address leads"),
        "size": ("E-HTTP-05", "check what answers at this address"),
        "format": ("E-HTTP-05", "check what answers at this address"),
    }.get(kind, ("E-HTTP-01", "check the name, the address and the network on the way, then run again"))
    return HttpError(
        error_id=error_id,
        what=f"{clean_url(url)} cannot be used: {reason}",
        do=do,
        kind=kind,
        reason=reason,
        details={"url": clean_url(url), "kind": kind},
    )
