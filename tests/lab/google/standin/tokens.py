# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: the token endpoint, access tokens, and the tokens service accounts sign for themselves.

google-auth exchanges a JWT signed with the account's key for an access token (RFC 7523); its newer clients send such a
JWT as the bearer itself. Both are checked: signature by the account's own key, audience, times, scopes.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from standin import jose
from standin.errors import GoogleError
from standin.world import World

TOKEN_URL = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SKEW = 300.0  # seconds a clock may be off
LONGEST = 3600.0 + SKEW  # of a signed JWT
GOOGLE = "https://accounts.google.com"


@dataclass(frozen=True)
class Principal:
    """An authenticated caller. ``scopes`` is None for a self-signed JWT without scopes: its audience is its limit."""

    email: str
    scopes: frozenset[str] | None
    expires: float


class Refused(Exception):
    """A token request or token is not good; ``error`` is the OAuth error code."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error, self.text = error, text


def verified(world: World, token: str) -> dict[str, Any]:
    """The claims of a JWT signed by a service account this world knows, within its times. Raises Refused."""
    try:
        header, claims, signed, signature = jose.split(token)
    except ValueError as error:
        raise Refused("invalid_grant", "Invalid JWT: it cannot be parsed.") from error
    account = world.accounts.get(str(claims.get("iss") or ""))
    if account is None or account.get("deleted"):
        raise Refused("invalid_grant", "Invalid grant: account not found")
    keys = account["keys"]
    wanted = [keys[header["kid"]]] if header.get("kid") in keys else list(keys.values())
    if header.get("alg") != "RS256" or not any(jose.good(key, signed, signature) for key in wanted):
        raise Refused("invalid_grant", "Invalid JWT Signature.")
    now = world.now()
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        raise Refused("invalid_grant", "Invalid JWT: iat and exp are required.")
    if issued > now + SKEW or expires < now - SKEW or expires - issued > LONGEST:
        raise Refused(
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
            "Check your iat and exp values in the JWT claim.",
        )
    return claims


class Tokens:
    """The access tokens that are alive. They are not remembered over a restart: clients ask for new ones."""

    def __init__(self, world: World, signing_key: Any, kid: str) -> None:
        self.world, self.signing_key, self.kid = world, signing_key, kid
        self._alive: dict[str, Principal] = {}
        self._seen: dict[str, tuple[Principal, str]] = {}  # verified self-signed tokens with their audience

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        """The token endpoint. Raises Refused."""
        if form.get("grant_type") != GRANT:
            raise Refused("unsupported_grant_type", "Invalid grant_type: " + form.get("grant_type", ""))
        claims = verified(self.world, form.get("assertion", ""))
        if claims.get("aud") != TOKEN_URL:
            raise Refused("invalid_grant", "Invalid JWT: Failed audience check.")
        if claims.get("target_audience"):
            return {"id_token": self.id_token(claims["iss"], claims["target_audience"], with_email=True)}
        scopes = str(claims.get("scope") or "").split()
        if not scopes:
            raise Refused("invalid_scope", "Empty or missing scope not allowed.")
        token, principal = self.grant(claims["iss"], scopes)
        return {
            "access_token": token,
            "expires_in": int(principal.expires - self.world.now() + 0.5),
            "token_type": "Bearer",
        }

    def grant(self, email: str, scopes: list[str], seconds: float | None = None) -> tuple[str, Principal]:
        """A new access token."""
        now = self.world.now()
        self._alive = {token: one for token, one in self._alive.items() if one.expires > now}
        life = self.world.settings.token_seconds if seconds is None else seconds
        token = "ya29.lab-" + secrets.token_urlsafe(32)
        self._alive[token] = Principal(email, frozenset(scopes), now + life)
        return token, self._alive[token]

    def revoke_all(self) -> None:
        """End every token at once: what a client sees when its token expired early."""
        self._alive.clear()
        self._seen.clear()

    def id_token(self, email: str, audience: str, *, with_email: bool) -> str:
        """An OpenID Connect token by which Google vouches for a service account."""
        now, account = int(self.world.now()), self.world.accounts[email]
        claims = {"iss": GOOGLE, "aud": audience, "azp": account["uniqueId"], "sub": account["uniqueId"]}
        if with_email:
            claims |= {"email": email, "email_verified": True}
        return jose.sign(self.signing_key, {**claims, "iat": now, "exp": now + 3600}, self.kid)

    def read_id_token(self, token: str) -> dict[str, Any]:
        """The claims of an ID token this stand-in signed. Raises Refused."""
        try:
            header, claims, signed, signature = jose.split(token)
        except ValueError as error:
            raise Refused("invalid_token", "it cannot be parsed") from error
        public = jose.public_pem(jose.pem(self.signing_key))
        if header.get("kid") != self.kid or not jose.good(public, signed, signature):
            raise Refused("invalid_token", "its signature is not Google's")
        if claims.get("exp", 0) < self.world.now() - 30:
            raise Refused("invalid_token", "it has expired")
        return claims

    def principal(self, authorization: str, host: str) -> Principal:
        """The caller named by an Authorization header. Raises GoogleError 401."""
        kind, _space, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise GoogleError(
                401,
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
                "other valid authentication credential.",
                reason="required",
            )
        found = self.owner(token) or self._good(self._self_signed(token, host))
        if found is None:
            raise GoogleError(
                401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential.",
            )
        return found

    def owner(self, token: str) -> Principal | None:
        """Whose access token this is; None when it is nobody's, or no longer."""
        return self._good(self._alive.get(token))

    def _good(self, found: Principal | None) -> Principal | None:
        gone = found and (found.expires <= self.world.now() or self.world.accounts.get(found.email, {}).get("deleted"))
        return None if gone else found

    def _self_signed(self, token: str, host: str) -> Principal | None:
        if token not in self._seen:
            try:
                claims = verified(self.world, token)
            except Refused:
                return None
            scopes = frozenset(str(claims["scope"]).split()) if claims.get("scope") else None
            if len(self._seen) > 500:
                self._seen.clear()
            self._seen[token] = Principal(claims["iss"], scopes, float(claims["exp"])), str(claims.get("aud") or "")
        found, audience = self._seen[token]
        if found.scopes is None and audience.rstrip("/") != f"https://{host}":
            return None
        return found
