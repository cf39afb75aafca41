# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity-Aware Proxy's decision about one request: who is it, may he enter, what does the hub get to see.

Nothing here does I/O. A caller is a service account with a token in ``Proxy-Authorization`` (or ``Authorization``), or
a browser with a session cookie. What Google alone may say about a caller is stripped from the request and said anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from standin import iap_policy, iap_resources, jose, tokens
from standin.http import Headers, header
from standin.iap_policy import Caller
from standin.server import Standin

COOKIE = "GCP_IAP_LAB_SESSION"
ROLE = "roles/iap.httpsResourceAccessor"
ISSUER = "https://cloud.google.com/iap"
ASSERTION = "x-goog-iap-jwt-assertion"
GENERATED = ("X-Goog-IAP-Generated-Response", "true")
LIFE = 600  # seconds an assertion lives
SIGN_IN = "https://accounts.google.com/o/oauth2/v2/auth"


@dataclass(frozen=True)
class Verdict:
    """``status`` 200 means: in, with these headers. Everything else is IAP's own answer."""

    status: int
    text: str = ""
    headers: Headers = field(default_factory=list)
    caller: str = ""
    location: str = ""


@dataclass(frozen=True)
class Asked:
    """What of a request counts."""

    verb: str
    host: str  # as in the Host header, port included
    path: str
    headers: Headers

    @property
    def cookies(self) -> dict[str, str]:
        found = {}
        for part in header(self.headers, "cookie").split(";"):
            name, _equals, value = part.strip().partition("=")
            found[name] = value
        return found


class NotGood(Exception):
    """A credential is no good."""


def canonical(project: Mapping[str, Any], backend: Mapping[str, Any]) -> str:
    """The IAP resource of a backend service."""
    region = str(backend.get("region") or "").rsplit("/", 1)[-1]
    where = f"compute-{region}" if region else "compute"
    return f"projects/{project['number']}/iap_web/{where}/services/{backend['id']}"


def audience(project: Mapping[str, Any], backend: Mapping[str, Any]) -> str:
    """``aud`` of the assertions for a backend service."""
    region = str(backend.get("region") or "").rsplit("/", 1)[-1] or "global"
    return f"/projects/{project['number']}/{region}/backendServices/{backend['id']}"


def stripped(headers: Headers) -> Headers:
    """The request's headers without anything only IAP may say, and without what was meant for IAP alone."""
    kept: Headers = []
    for key, value in headers:
        name = key.lower().replace("_", "-")
        if name == ASSERTION or name.startswith("x-goog-authenticated-user-") or name == "proxy-authorization":
            continue
        if name == "cookie":
            value = "; ".join(part.strip() for part in value.split(";") if not part.strip().startswith(COOKIE + "="))
            if not value:
                continue
        kept.append((key, value))
    return kept


class Iap:
    """The decisions of one stand-in; it knows the sessions of browsers."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self.sessions: dict[str, str] = {}  # cookie -> e-mail

    def judge(self, asked: Asked, project: Mapping[str, Any], backend: Mapping[str, Any]) -> Verdict:
        """Let in or not."""
        if not (backend.get("iap") or {}).get("enabled"):
            return Verdict(200, headers=list(asked.headers))
        try:
            caller = self._caller(asked, project, backend)
        except NotGood as error:
            return Verdict(401, f"Invalid IAP credentials: {error}", [GENERATED])
        resource = canonical(project, backend)
        if caller is None:
            if self._may(resource, project, Caller(""), asked):  # allUsers
                return Verdict(200, headers=stripped(asked.headers))
            return self._ask_in(asked)
        if not self._may(resource, project, caller, asked):
            return Verdict(403, f"You don't have access: {caller.email}", [GENERATED], caller.email)
        return Verdict(200, "", [*stripped(asked.headers), *self._said(caller, project, backend)], caller.email)

    # ---- who ---------------------------------------------------------------------------------------------------------
    def _caller(self, asked: Asked, project: Mapping[str, Any], backend: Mapping[str, Any]) -> Caller | None:
        for name in ("proxy-authorization", "authorization"):
            kind, _space, token = header(asked.headers, name).partition(" ")
            session = self.sessions.get(asked.cookies.get(COOKIE, ""))
            if name == "authorization" and (session or kind.lower() != "bearer"):
                continue  # the hub's own business
            if token and kind.lower() == "bearer":
                return Caller(self._by_token(token, asked, project, backend), "serviceAccount")
            if token:
                raise NotGood("not a bearer token")
        email = self.sessions.get(asked.cookies.get(COOKIE, ""))
        if email is None:
            return None
        groups = self.standin.world.people.get(email, {}).get("groups", [])
        return Caller(email, "user", tuple(groups))

    def _by_token(self, token: str, asked: Asked, project: Mapping[str, Any], backend: Mapping[str, Any]) -> str:
        """The service account that made a token, or that Google vouches for by it. Raises NotGood."""
        try:
            _header, claims, _signed, _signature = jose.split(token)
        except ValueError:
            raise NotGood("Unable to parse JWT") from None
        if claims.get("iss") == tokens.GOOGLE:
            return self._vouched(token, project, backend)
        try:
            claims = tokens.verified(self.standin.world, token)
        except tokens.Refused as error:
            raise NotGood(error.text) from None
        if claims.get("sub") != claims["iss"]:
            raise NotGood("JWT 'sub' is not the service account that signed it")
        if not _means(str(claims.get("aud") or ""), asked):
            raise NotGood("JWT audience doesn't match this application ('aud' claim is not this URL)")
        return str(claims["iss"])

    def _vouched(self, token: str, project: Mapping[str, Any], backend: Mapping[str, Any]) -> str:
        try:
            claims = self.standin.tokens.read_id_token(token)
        except tokens.Refused as error:
            raise NotGood(error.text) from None
        good = [(backend.get("iap") or {}).get("oauth2ClientId")]
        for name in iap_resources.parents(canonical(project, backend)):
            access = self.standin.world.iap_settings.get(name, {}).get("accessSettings", {})
            good += access.get("oauthSettings", {}).get("programmaticClients", [])
        if claims.get("aud") not in [one for one in good if one]:
            raise NotGood("JWT audience doesn't match this application ('aud' claim is no client of it)")
        if not claims.get("email"):
            raise NotGood("the token has no email claim")
        return str(claims["email"])

    # ---- may he ------------------------------------------------------------------------------------------------------
    def _may(self, resource: str, project: Mapping[str, Any], caller: Caller, asked: Asked) -> bool:
        world = self.standin.world
        moment = world.now() - world.settings.iap_enforce_delay
        policies: list[list[dict[str, Any]]] = [
            world.history(name).bindings(moment) for name in iap_resources.parents(resource)
        ]
        policies.append(
            [{"role": role, "members": [who]} for who, roles in project["grants"].items() for role in roles]
        )
        host = asked.host.partition(":")[0]
        if not caller.email:
            return any(one["role"] == ROLE and "allUsers" in one["members"] for every in policies for one in every)
        return iap_policy.may(policies, ROLE, caller, world.now(), host, asked.path)

    def _ask_in(self, asked: Asked) -> Verdict:
        """A browser is sent to sign in; a program is told."""
        if asked.verb not in ("GET", "HEAD") or header(asked.headers, "x-requested-with"):
            return Verdict(401, "Invalid IAP credentials: empty token", [GENERATED])
        from urllib.parse import urlencode

        query = urlencode(
            {"client_id": "lab", "response_type": "code", "continue": f"https://{asked.host}{asked.path}"}
        )
        return Verdict(302, "", [GENERATED], location=f"{SIGN_IN}?{query}")

    # ---- what the hub sees -------------------------------------------------------------------------------------------
    def _said(self, caller: Caller, project: Mapping[str, Any], backend: Mapping[str, Any]) -> Headers:
        world, now = self.standin.world, int(self.standin.world.now())
        known = world.accounts.get(caller.email) or {}
        subject = known.get("uniqueId") or str(10**20 + int.from_bytes(caller.email.encode(), "big") % 10**19)
        claims = {
            "iss": ISSUER,
            "aud": audience(project, backend),
            "sub": f"accounts.google.com:{subject}",
            "email": caller.email,
            "iat": now,
            "exp": now + LIFE,
        }
        if caller.kind == "user":
            claims["hd"] = caller.email.rpartition("@")[2]
        return [
            ("X-Goog-Authenticated-User-Email", f"accounts.google.com:{caller.email}"),
            ("X-Goog-Authenticated-User-Id", f"accounts.google.com:{subject}"),
            ("X-Goog-IAP-JWT-Assertion", jose.sign(self.standin.iap_key, claims, "lab-iap-1")),
        ]


def _means(aud: str, asked: Asked) -> bool:
    """Whether the audience of a self-signed token is this URL: exactly, or up to a ``*`` at its end."""
    host = asked.host.partition(":")[0]
    urls = {f"https://{name}{asked.path}" for name in (asked.host, host)}
    if aud.endswith("*"):
        return any(url.startswith(aud[:-1]) for url in urls)
    return aud in urls
