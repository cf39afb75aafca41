# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Questions to an OpenID provider: where its endpoints are, and whether it knows our client.

Needs Python's standard library only, because the look-up runs in Ansible's own interpreter, and trusts exactly what
the hub will trust: with a CA file nothing but that file, as tornado's client does with ``ca_certs``. Protocols: OpenID
Connect Discovery 1.0, RFC 6749 (section 4.1.3 token request, 5.2 its errors, 2.3.1 the two ways to show a secret; in
the header OAuthenticator leaves out the encoding which that section asks for).
"""

from __future__ import annotations

import base64
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib import error, parse, request

from .._core.clock import SystemClock
from .._core.errors import HubError
from .._core.transport import trust_as_named
from .._core.typed import json_object
from .oauth import TOKEN_AUTH_METHODS
from .settings import error_parts

WELL_KNOWN = "/.well-known/openid-configuration"
LARGEST = 1 << 20
"""Bytes read from a reply; a discovery document has a few thousand."""
TIMEOUT = 10.0
"""Seconds for the connection, between two bytes of a reply, and for its whole body."""

KEPT = (
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "scopes_supported", "claims_supported",
    "token_endpoint_auth_methods_supported", "code_challenge_methods_supported",
)  # fmt: skip
"""What of the document anybody here uses; the rest changes for reasons that do not concern a hub."""

MALFORMED = re.compile(r"AADSTS\d+|malformed", re.IGNORECASE)
"""How providers say that a login code cannot be one of theirs; Entra has no other word for a code that is made up."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer.

    Attributes:
        status: the HTTP status.
        body: the body as text, at most :data:`LARGEST` bytes.
        location: where a redirect leads, else empty.
    """

    status: int
    body: str = ""
    location: str = ""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is anything else."""
        return json_object(self.body) or {}


@dataclass(frozen=True)
class Question:
    """One HTTP request: GET without ``form``, POST with it. Redirects are reported, not followed."""

    url: str
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Ask = Callable[[Question], Answer]


class _NoRedirect(request.HTTPRedirectHandler):
    """A redirect is an answer: a provider that redirects a token request would get the secret sent elsewhere."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Never follow."""


def asker(ca_file: str = "", timeout: float = TIMEOUT) -> Ask:
    """A function that asks over HTTPS with a timeout.

    Args:
        ca_file: PEM file with the only authorities to trust; empty means the system's.
        timeout: seconds, see :data:`TIMEOUT`.

    Raises:
        HubError: E-OAUTH-08 for a CA file that cannot be used.
    """
    opener = request.build_opener(request.HTTPSHandler(context=_trust(ca_file)), _NoRedirect())

    def ask(question: Question) -> Answer:
        data = parse.urlencode(question.form).encode() if question.form is not None else None
        headers = {"Accept": "application/json", "User-Agent": "researchops.jupyterhub", **question.headers}
        if not question.url.startswith("https://"):
            raise unreachable(question.url, ValueError("the address is not https"), ca_file)
        try:
            wanted = request.Request(question.url, data=data, headers=headers)  # noqa: S310 - https, checked above
            return _answer(opener, wanted, timeout)
        except (OSError, ValueError, HTTPException) as problem:  # the last: what answers does not speak HTTP
            raise unreachable(question.url, problem, ca_file) from problem

    return ask


def _answer(opener: request.OpenerDirector, wanted: request.Request, timeout: float) -> Answer:
    """What comes back, whatever its status."""
    try:
        with opener.open(wanted, timeout=timeout) as reply:
            return Answer(reply.status, _body(reply, timeout))
    except error.HTTPError as refusal:
        with refusal:
            body = _body(refusal, timeout)
        return Answer(refusal.code, body, refusal.headers.get("Location") or "")


def _body(reply: Any, timeout: float) -> str:
    """The body as text, whose parts may come slowly, but not for ever.

    Raises:
        TimeoutError: it is not whole in time.
    """
    clock, parts, rest = SystemClock(), [], LARGEST
    end = clock.monotonic() + timeout
    while rest and (part := reply.read1(rest)):
        parts.append(part)
        rest -= len(part)
        if clock.monotonic() > end:
            raise TimeoutError("its answer does not end")
    return b"".join(parts).decode("utf-8", "replace")


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as problem:
        raise _bad_ca_file(ca_file, str(problem)) from problem
    if ca_file:
        trust_as_named(context)
    return context


def read_ca(ca_file: str) -> str:
    """The certificates in a CA file, for the hub; empty without a file.

    Raises:
        HubError: E-OAUTH-08 for a file that cannot be read, holds no certificate, or holds a private key.
    """
    if not ca_file:
        return ""
    try:
        with open(ca_file, encoding="utf-8") as stream:
            text = stream.read(LARGEST)
    except (OSError, UnicodeDecodeError) as problem:
        raise _bad_ca_file(ca_file, str(problem)) from problem
    if "PRIVATE KEY-----" in text:
        raise _bad_ca_file(ca_file, "it holds a private key, which must not reach the hub")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise _bad_ca_file(ca_file, "it holds no certificate")
    return text


def _bad_ca_file(ca_file: str, reason: str) -> HubError:
    return HubError(
        "E-OAUTH-08",
        f"The file {ca_file} with the issuer's certificate authority cannot be used: {reason}",
        "set hub_oauth_ca_file to a readable PEM file with certificates only",
    )


def unreachable(url: str, problem: Exception, ca_file: str) -> HubError:
    """The error for a provider that gives no HTTP answer at all."""
    reason = getattr(problem, "reason", problem)
    text = str(reason) or type(problem).__name__
    do = "check the address, DNS, and that this machine may connect to it; then run again"
    if isinstance(reason, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in text:
        text = f"its certificate is not trusted ({getattr(reason, 'verify_message', '') or text})"
        do = "set hub_oauth_ca_file to the authority that signed the issuer's certificate"
        if ca_file:
            do = f"put the authority that signed the issuer's certificate into {ca_file}"
    return HubError("E-OAUTH-02", f"{_place(url)[1] or url} cannot be asked: {text}", do)


def _place(url: str) -> tuple[str, str]:
    """Scheme and place of an address; both empty for what is none, such as brackets around no IPv6 address."""
    try:
        parts = parse.urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def discover(issuer: str, ask: Ask) -> dict[str, Any]:
    """The endpoints of an issuer, from its URL alone.

    Returns:
        The members of the discovery document listed in :data:`KEPT`.

    Raises:
        HubError: E-OAUTH-01 for an issuer without a usable document, E-OAUTH-02 for one that does not answer.
    """
    scheme, place = _place(issuer)
    if scheme != "https" or not place:
        raise _no_discovery(
            issuer, "the address is not https", "an https address", "set hub_oauth_issuer to the issuer's https address"
        )
    url = issuer.rstrip("/") + WELL_KNOWN
    answer = ask(Question(url))
    document = answer.json()
    if answer.status != 200 or not document:
        seen = (
            f"HTTP {answer.status}"
            + (f" to {answer.location}" if answer.location else "")
            + ("" if answer.status != 200 else ", not JSON")
        )
        raise _no_discovery(issuer, f"{seen} from {url}", "HTTP 200 and a JSON document")
    named = str(document.get("issuer", ""))
    if named.rstrip("/") != issuer.rstrip("/"):
        raise _no_discovery(
            issuer,
            f"the document names the issuer {named or '(none)'}",
            issuer,
            f"set hub_oauth_issuer to {named or 'the issuer itself'}",
        )
    lacking = _lacking(document)
    if lacking:
        raise _no_discovery(
            issuer, f"the document has no https {' and '.join(lacking)}", "a provider that people log in at"
        )
    return {name: document[name] for name in KEPT if name in document}


def _lacking(document: Mapping[str, Any]) -> list[str]:
    """The endpoints that are missing, or reached without https; for that of userinfo the ID token may stand in."""
    needed = [name for name in KEPT[1:4] if document.get(name) or name != "userinfo_endpoint"]
    return [name for name in needed if not str(document.get(name, "")).startswith("https://")]


def _no_discovery(issuer: str, seen: str, wanted: str, do: str = "") -> HubError:
    return HubError(
        "E-OAUTH-01",
        f"{issuer or 'The issuer'} has no OpenID discovery document, so the hub cannot learn where to send people",
        do or f"set hub_oauth_issuer to an address that shows a JSON document when {WELL_KNOWN} is added",
        seen,
        wanted,
    )


def describe(issuer: str, ca_file: str = "", timeout: float = TIMEOUT, ask: Ask | None = None) -> dict[str, Any]:
    """What the layer needs to know about an issuer; a problem is data, so that all problems are reported at once.

    Returns:
        The document's members, ``ca_pem`` with the text of ``ca_file``, and ``problem``: empty, or the error's parts.
    """
    ca_pem = ""
    try:
        ca_pem = read_ca(ca_file)
        return discover(issuer, ask or asker(ca_file, timeout)) | {"ca_pem": ca_pem, "problem": {}}
    except HubError as problem:
        return {"ca_pem": ca_pem, "problem": error_parts(problem)}


@dataclass(frozen=True)
class Client:
    """What the hub will show the provider.

    Attributes:
        client_id: as registered.
        client_secret: as registered; leaves this process only in the request to the token endpoint.
        callback_url: the hub's callback; empty means it is not checked.
        method: one of :data:`.oauth.TOKEN_AUTH_METHODS`.
    """

    client_id: str
    client_secret: str = field(repr=False)
    callback_url: str = ""
    method: str = TOKEN_AUTH_METHODS[0]


def prove_client(document: Mapping[str, Any], client: Client, ask: Ask) -> dict[str, str]:
    """Ask the provider about id and secret, with a login code that cannot exist.

    A provider judges the client before the code: ``invalid_grant`` means that id and secret are right. Unless it says
    that the code is malformed: such a word may come before anybody has looked at the secret.

    Returns:
        ``secret`` and ``callback`` (each ``proved`` or ``unknown``) with the provider's own words in ``secret_reason``
        and ``callback_reason``.

    Raises:
        HubError: E-AUTH-03 wrong id or secret, E-AUTH-04 the secret is shown in a way this client must not use,
            E-AUTH-05 the callback is not registered, E-OAUTH-02 no answer.
    """
    verdict, reason = _try_secret(document, client, _shown(client, client.method), ask)
    if verdict == "refused":
        other = TOKEN_AUTH_METHODS[1 - TOKEN_AUTH_METHODS.index(client.method)]
        if _try_secret(document, client, _shown(client, other), ask)[0] == "proved":
            raise HubError(
                "E-AUTH-04",
                f"The issuer takes the secret of client {client.client_id} by {other}, not by {client.method}",
                f"set hub_oauth_token_auth_method: {other}",
            )
        plain, quoted = (_shown(client, TOKEN_AUTH_METHODS[1], written) for written in (str, parse.quote_plus))
        if quoted != plain and _try_secret(document, client, quoted, ask)[0] == "proved":
            raise _only_quoted(client)
        raise wrong_secret(document, client, reason)
    callback, why = _try_callback(document, client, ask)
    return {"secret": verdict, "secret_reason": reason, "callback": callback, "callback_reason": why}


def wrong_secret(document: Mapping[str, Any], client: Client, reason: str) -> HubError:
    """The error for a client the provider does not accept."""
    issuer = _place(str(document["issuer"]))[1]
    callback = f"; callback to register there: {client.callback_url}" if client.callback_url else ""
    return HubError(
        "E-AUTH-03",
        f"{issuer} refused id or secret of client {client.client_id} ({reason}), before anything was deployed",
        "compare the client id with the provider's, make a new secret there if need be, "
        f"set hub_oauth_client_id and hub_oauth_client_secret{callback}",
    )


def _only_quoted(client: Client) -> HubError:
    """The error for a provider that reads the header as RFC 6749 has it; OAuthenticator writes it otherwise."""
    return HubError(
        "E-AUTH-04",
        f"The issuer takes the secret of client {client.client_id} only by {TOKEN_AUTH_METHODS[1]} and with its "
        "special characters encoded (RFC 6749, 2.3.1); the hub sends id and secret there as they are",
        "make a new secret there of letters, digits, - and _ only (and a client id without other characters), set "
        f"hub_oauth_client_secret and hub_oauth_token_auth_method: {TOKEN_AUTH_METHODS[1]}",
    )


@dataclass(frozen=True)
class Shown:
    """One way to show the secret: members of the form, and headers."""

    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def _shown(client: Client, method: str, written: Callable[[str], str] = str) -> Shown:
    """The secret as the hub shows it; ``written`` turns id and secret into what stands in the header."""
    if method == TOKEN_AUTH_METHODS[0]:
        return Shown(form={"client_id": client.client_id, "client_secret": client.client_secret})
    pair = f"{written(client.client_id)}:{written(client.client_secret)}"
    return Shown(headers={"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()})


def _try_secret(document: Mapping[str, Any], client: Client, shown: Shown, ask: Ask) -> tuple[str, str]:
    """``proved``, ``refused`` or ``unknown`` for one way to show the secret, and the provider's word for it."""
    form = {
        "grant_type": "authorization_code",
        "code": "researchops-" + secrets.token_urlsafe(12),
        "redirect_uri": client.callback_url,
        "code_verifier": secrets.token_urlsafe(48),
    }
    answer = ask(Question(str(document["token_endpoint"]), {**form, **shown.form}, shown.headers))
    said = answer.json()
    word = str(said.get("error") or f"HTTP {answer.status}")[:80]
    if word == "invalid_grant":
        malformed = MALFORMED.search(str(said.get("error_description") or ""))
        if malformed:
            return "unknown", f"{word}, {malformed[0]}: said of the login code, perhaps before anybody saw the secret"
        return "proved", word
    if word in ("invalid_client", "incorrect_client_credentials", "unauthorized_client") or answer.status == 401:
        return "refused", word
    return "unknown", word


def _try_callback(document: Mapping[str, Any], client: Client, ask: Ask) -> tuple[str, str]:
    """Whether the provider would send people back to the hub; asked with ``prompt=none``, so nobody sees a login page.

    Raises:
        HubError: E-AUTH-05 when the provider says that the address is not registered.
    """
    if not client.callback_url:
        return "unknown", "not asked"
    query = {
        "client_id": client.client_id,
        "redirect_uri": client.callback_url,
        "response_type": "code",
        "scope": "openid",
        "state": secrets.token_urlsafe(12),
        "prompt": "none",
        "code_challenge": secrets.token_urlsafe(32),
        "code_challenge_method": "S256",
    }
    base = str(document["authorization_endpoint"])
    answer = ask(Question(f"{base}{'&' if '?' in base else '?'}{parse.urlencode(query)}"))
    if 300 <= answer.status < 400 and answer.location.startswith(client.callback_url):
        return "proved", "the provider redirects to it"
    said = (answer.body + answer.location).lower()
    if 400 <= answer.status < 500 and ("redirect_uri" in said or "redirect uri" in said):
        raise HubError(
            "E-AUTH-05",
            f"The issuer does not know the callback of client {client.client_id}, so every login would end in an error",
            f"register exactly this address at the provider: {client.callback_url}",
            seen=f"HTTP {answer.status} from the authorization endpoint",
            wanted=f"a redirect to {client.callback_url}",
        )
    return "unknown", f"HTTP {answer.status}"
