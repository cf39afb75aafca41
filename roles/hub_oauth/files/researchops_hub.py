# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one Python file of the collection that runs inside the hub; everything it does is decided by the hub's config.

``IAPAuthenticator``: the login is what Google's Identity-Aware Proxy (IAP) says, signed, in each request's header
``X-Goog-IAP-JWT-Assertion``. There is no second login, and nothing else is believed: the plain headers
``X-Goog-Authenticated-User-*`` are never read, because whoever reaches the hub past IAP can write them.

It uses what the hub image brings along: JupyterHub, tornado, traitlets, PyJWT and cryptography.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jupyterhub.auth import Authenticator
from jupyterhub.handlers.login import LogoutHandler
from tornado import escape, web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from traitlets import Integer, List, Set, TraitError, Unicode, default, validate

ASSERTION = "X-Goog-Iap-Jwt-Assertion"
ISSUER = "https://cloud.google.com/iap"
KEYS_URL = "https://www.gstatic.com/iap/verify/public_key-jwk"
ALGORITHM = "ES256"
SKEW = 30
"""Seconds by which Google's clock and the hub's may differ."""
LONGEST = 600 + 2 * SKEW
"""Seconds from ``iat`` to ``exp``; IAP's own statements live for ten minutes."""
LONGEST_TOKEN = 8192
"""Characters; IAP's own statements have about a thousand."""
REQUIRED = ["exp", "iat", "aud", "iss", "sub"]
EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
"""Whole e-mail addresses as Google has them; anything else would be ambiguous as a name."""
SIGN_OUT = "/_gcp_iap/clear_login_cookie"

FRESH = 3600.0
"""Seconds for which keys are used without asking again."""
STALE = 86400.0
"""Seconds for which keys are still used while Google cannot be asked."""
ASK_AGAIN = 60.0
"""Seconds between two requests for the keys, so that made-up key ids cannot cause a flood."""
FETCH_SECONDS = 10.0
LONGEST_REPLY = 1 << 20
MOST_KEYS = 100


class Refused(Exception):
    """A statement that is not believed; the text is for the person in front of the browser."""


class NoKeys(Exception):
    """The keys could not be fetched, so nothing can be judged."""


Fetch = Callable[[], Awaitable[bytes]]
UNUSABLE = (HTTPClientError, OSError, jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError)
"""What goes wrong between asking for keys and having them: no answer, a refusal, or something that is no key set."""


class Keys:
    """IAP's public keys: fetched when they are needed, kept, and asked for anew when a statement names an unknown one.

    Only one request is under way at a time, and at most one starts in :data:`ASK_AGAIN` seconds.

    Attributes:
        problem: why the last request failed; empty when it did not.
    """

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._fetched: float | None = None
        self._asked: float | None = None
        self.problem = ""
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> Any:
        """The key of this id.

        Raises:
            Refused: Google has no such key.
            NoKeys: Google could not be asked, and no keys are kept, or they are too old.
        """
        if not self._good(key_id):
            async with self._lock:
                if not self._good(key_id) and self._may_ask():
                    await self._ask()
        if self._fetched is None or self._clock() - self._fetched > STALE:
            raise NoKeys(self.problem or "they were asked for a moment ago")
        if key_id not in self._keys:
            raise Refused("it is signed with a key that is not one of Google's")
        return self._keys[key_id]

    def _good(self, key_id: str) -> bool:
        return key_id in self._keys and self._fetched is not None and self._clock() - self._fetched <= FRESH

    def _may_ask(self) -> bool:
        return self._asked is None or self._clock() - self._asked >= ASK_AGAIN

    async def _ask(self) -> None:
        self._asked = self._clock()
        try:
            self._keys = read_keys(await self._fetch())
        except UNUSABLE as problem:  # the kept keys stay
            self.problem = f"{type(problem).__name__}: {problem}"
        else:
            self._fetched, self.problem = self._clock(), ""


def read_keys(document: bytes) -> dict[str, Any]:
    """The keys in a JSON Web Key Set that fit :data:`ALGORITHM`, by id.

    Raises:
        ValueError: for something that is no key set, or has no such key.
    """
    if len(document) > LONGEST_REPLY:
        raise ValueError("the key set is too long")
    entries = escape.json_decode(document)["keys"]
    keys: dict[str, Any] = {}
    for entry in entries[:MOST_KEYS]:
        if entry.get("kty") == "EC" and entry.get("crv") == "P-256" and entry.get("kid"):
            keys[str(entry["kid"])] = jwt.PyJWK.from_dict(entry, algorithm=ALGORITHM)
    if not keys:
        raise ValueError("the key set has no key that could be used")
    return keys


async def judge(token: str, keys: Keys, audiences: Iterable[str]) -> str:
    """Who IAP says this is: the whole e-mail address, in lower case.

    Raises:
        Refused: the statement is not to be believed.
        NoKeys: it cannot be judged.
    """
    key = await keys.find(_key_id(token))
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=list(audiences),
            issuer=ISSUER,
            leeway=SKEW,
            options={"require": REQUIRED},
        )
    except jwt.PyJWTError as problem:
        raise Refused(_reason(problem)) from problem
    return _email(claims)


def _key_id(token: str) -> str:
    """The id of the key that signed the statement; the algorithm is settled before any key is looked for."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as problem:
        raise Refused("it is not a signed statement at all") from problem
    if header.get("alg") != ALGORITHM:
        raise Refused(f"it is not signed by {ALGORITHM}")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise Refused("it does not say which key signed it")
    return key_id


REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired; reload the page, and if this stays, the hub's clock is wrong"),
    (jwt.ImmatureSignatureError, "it comes from the future: the hub's clock is wrong"),
    (jwt.InvalidAudienceError, "it was made for another service (audience)"),
    (jwt.InvalidIssuerError, "it does not come from Identity-Aware Proxy (issuer)"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
    (jwt.MissingRequiredClaimError, "it is incomplete"),
)


def _reason(problem: Exception) -> str:
    return next((reason for kind, reason in REASONS if isinstance(problem, kind)), "it cannot be read")


def _email(claims: Mapping[str, Any]) -> str:
    if not isinstance(claims["aud"], str):
        raise Refused("it was made for several services at once (audience)")
    if int(claims["exp"]) - int(claims["iat"]) > LONGEST:
        raise Refused("it is valid for longer than Identity-Aware Proxy allows")
    email = claims.get("email")
    if not isinstance(email, str) or not EMAIL.fullmatch(email):
        raise Refused("it names no e-mail address")
    return email.lower()


def statements(handler: Any) -> list[str]:
    """IAP's statements that came with a request, taken out of its headers; so is a proxy's login.

    JupyterHub writes all headers of a request that fails (status 500) into its log and hides only some, of which these
    are none. Safe to repeat: what was taken is kept with the request.
    """
    request = getattr(handler, "request", None)
    if request is None:
        return []
    kept: list[str] | None = getattr(request, "researchops_statements", None)
    if kept is None:
        kept = request.headers.get_list(ASSERTION)
        for name in (ASSERTION, "Proxy-Authorization"):
            request.headers.pop(name, None)
        request.researchops_statements = kept
    return kept


@dataclass(frozen=True)
class Seen:
    """What one request said about its sender: ``email``, or the ``error`` for the page."""

    email: str = ""
    error: web.HTTPError | None = None


def page_error(status: int, text: str) -> web.HTTPError:
    """An error whose page shows ``text``."""
    error = web.HTTPError(status, text)
    error.jupyterhub_message = text
    return error


NO_ASSERTION = (
    "This request did not come through Identity-Aware Proxy, and there is no other way in. Open the hub's public "
    "address. If this page is what you see there, Identity-Aware Proxy is switched off for it: tell the hub's operator."
)


class IAPLogoutHandler(LogoutHandler):
    """Ends the hub's session and says plainly that IAP's goes on."""

    async def render_logout_page(self) -> None:
        """Show JupyterHub's own page, with a way to end IAP's session as well."""
        text = (
            "Your session of this hub is over. Google still knows who you are: opening the hub logs you in again. "
            f'<a href="{SIGN_OUT}">Enter as somebody else</a>.'
        )
        self.finish(await self.render_template("logout.html", announcement_logout=text))


class IAPAuthenticator(Authenticator):
    """Lets in whom IAP vouches for and the hub's own rules allow.

    A rule is needed: ``allowed_users``, ``allowed_domains``, ``admin_users`` or ``allow_all``. ``blocked_users`` beats
    all of them.

    Every request of a session is compared with the statement IAP sent along. When they name different people, or there
    is no statement, the session does not count: the browser is logged in anew as the person IAP names, and everything
    else is refused. Requests with a token of the hub need no statement, because user servers and services talk to the
    hub inside the cluster, where there is no IAP. The hub's own rules hold for the token's owner, though.
    """

    audiences = List(
        Unicode(),
        config=True,
        help="""
        For whom IAP's statements must be made, as in ``/projects/123456789012/global/backendServices/1234567890``:
        one for each backend service that serves ``/hub/``. Nobody enters while this is empty.
        """,
    )
    allowed_domains = Set(
        Unicode(),
        config=True,
        help="""
        Domains whose people may enter: what follows the @ of their address, exactly; a subdomain is another domain.
        """,
    )
    keys_url = Unicode(KEYS_URL, config=True, help="Where IAP's public keys are (https).")
    keys_ca_file = Unicode(
        "", config=True, help="PEM file with the only authorities to trust for ``keys_url``; empty: the usual ones."
    )
    auth_refresh_age = Integer(-1)
    """Every request is compared with IAP's statement: no age is below this one, and it is no matter of configuration.
    """

    @default("auto_login")
    def _auto_login(self) -> bool:
        return True

    @default("allow_existing_users")
    def _allow_existing_users(self) -> bool:
        """Who is taken off the list must not stay in because the database remembers them."""
        return False

    @validate("allowed_domains")
    def _lower_domains(self, proposal: Mapping[str, Any]) -> set[str]:
        return {domain.strip().lstrip("@").lower() for domain in proposal["value"]}

    @validate("keys_url")
    def _https_only(self, proposal: Mapping[str, Any]) -> str:
        if not proposal["value"].startswith("https://"):
            raise TraitError("keys_url must be an https address")
        return str(proposal["value"])

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keys = Keys(self._fetch_keys)
        if not self.audiences:
            self.log.error("IAPAuthenticator.audiences is empty: nobody can enter")

    async def _fetch_keys(self) -> bytes:
        request = HTTPRequest(
            self.keys_url,
            connect_timeout=FETCH_SECONDS / 2,
            request_timeout=FETCH_SECONDS,
            follow_redirects=False,
            ca_certs=self.keys_ca_file or None,
        )
        reply = await AsyncHTTPClient().fetch(request)
        return bytes(reply.body)

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """See :class:`Authenticator`."""
        del app
        return [(r"/logout", IAPLogoutHandler)]

    async def authenticate(self, handler: Any, data: Any = None) -> str:
        """Who this is; ends the session that the browser may still carry from somebody else.

        Raises:
            HTTPError: 403 or 503, with a text that says why.
        """
        del data  # there is no form
        seen = await self.identify(handler)
        if seen.error is not None:
            raise seen.error
        previous = handler.get_current_user_cookie()
        if previous is not None and previous.name != self.normalize_username(seen.email):
            self.log.warning("The session of %s ends: IAP names %s", previous.name, seen.email)
            handler.clear_login_cookie()
        return seen.email

    def is_admin(self, handler: Any, authentication: Mapping[str, Any]) -> bool:
        """Whether the configuration lists this person: nobody stays one because the database remembers it."""
        del handler
        return authentication["name"] in self._names(self.admin_users)

    async def refresh_user(self, user: Any, handler: Any = None, **_kwargs: Any) -> bool | dict[str, bool]:
        """Whether the session or token of a request still counts, and what changed about its owner; see the class."""
        if handler is None:
            return True
        statements(handler)  # before the first return: not every request is judged, and each may fail
        requester = getattr(handler, "_jupyterhub_user", None)
        if requester is not None and requester.name != user.name:
            return True  # an administrator acts on somebody else's server; who asks was compared before
        if not getattr(handler, "_token_authenticated", False):
            seen = await self.identify(handler)
            if self.normalize_username(seen.email) != user.name:
                named = seen.email or "-"
                self.log.warning("A request in the session of %s is not theirs: IAP names %s", user.name, named)
                return False
        return self.may_enter(user.name) and self._up_to_date(user)

    def _up_to_date(self, user: Any) -> bool | dict[str, bool]:
        """What JupyterHub shall change about a person; True for nothing."""
        if not user.admin or self.is_admin(None, {"name": user.name}):
            return True
        self.log.warning("%s is no administrator any more", user.name)
        return {"admin": False}

    async def identify(self, handler: Any) -> Seen:
        """Judge the request's statement once."""
        kept: Seen | None = getattr(handler.request, "researchops_iap", None)
        if kept is None:
            kept = await self._judge(statements(handler))
            handler.request.researchops_iap = kept
        return kept

    async def _judge(self, tokens: list[str]) -> Seen:
        if not tokens:
            return Seen(error=page_error(403, NO_ASSERTION))
        try:
            if len(tokens) > 1 or len(tokens[0]) > LONGEST_TOKEN:
                raise Refused("there is more than one, or it is too long")
            return Seen(await judge(tokens[0], self.keys, self.audiences))
        except Refused as problem:
            self.log.warning("IAP's statement is refused: %s", problem)
            text = f"The hub does not believe Identity-Aware Proxy's statement about you: {problem}."
            return Seen(error=page_error(403, text))
        except NoKeys as problem:
            self.log.error("The keys at %s cannot be had: %s", self.keys_url, problem)
            text = "The hub cannot fetch the keys of Identity-Aware Proxy just now, so nobody can log in. Try again."
            return Seen(error=page_error(503, text))

    def may_enter(self, username: str) -> bool:
        """The hub's own rules; a block beats everything."""
        if username in self._names(self.blocked_users):
            return False
        by_name = username in self._names(self.allowed_users) | self._names(self.admin_users)
        return bool(self.allow_all) or by_name or username.rpartition("@")[2] in self.allowed_domains

    def _names(self, names: Iterable[str]) -> set[str]:
        return {self.normalize_username(name) for name in names}

    def check_blocked_users(self, username: str, authentication: Any = None) -> bool:
        """See :class:`Authenticator`; the rules are judged together in :meth:`check_allowed`."""
        return bool(self.check_allowed(username, authentication))

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """See :class:`Authenticator`.

        Raises:
            HTTPError: 403, with a text that says who was refused.
        """
        del authentication
        if self.may_enter(username):
            return True
        self.log.warning("%s came through IAP and is not allowed here", username)
        raise page_error(
            403,
            f"Identity-Aware Proxy knows you as {username}, but this hub's own list does not let you in. "
            "Ask the hub's operator to add you.",
        )
