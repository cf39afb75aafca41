# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""iamcredentials.googleapis.com: signing and tokens in the name of a service account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from standin import errors, jose
from standin.call import Call, Handler, reads

LONGEST = 3600


def _account(call: Call, permission: str) -> dict[str, Any]:
    email = call.path["name"].split("/")[-1]
    found = call.world.accounts.get(email)
    if found is None or found.get("deleted"):
        raise errors.GoogleError(404, "Not found; Gaia id not found for email " + email)
    project = call.world.project(found["project"])
    if not call.world.allowed(call.email, permission, project):
        raise errors.denied(permission, call.path["name"])
    return found


def sign_jwt(call: Call) -> dict[str, Any]:
    account = _account(call, "iam.serviceAccounts.signJwt")
    try:
        claims = json.loads((call.body or {}).get("payload") or "")
    except ValueError:
        raise errors.invalid("The payload is not JSON.") from None
    if not isinstance(claims, dict):
        raise errors.invalid("The payload is not a set of claims.")
    now = call.world.now()
    if claims.get("exp", now) > now + 12 * LONGEST:
        raise errors.invalid("exp lies more than 12 hours ahead.")
    kid = next(iter(account["keys"]))
    return {"keyId": kid, "signedJwt": jose.sign(jose.private(account["private"]), claims, kid)}


def access_token(call: Call) -> dict[str, Any]:
    account = _account(call, "iam.serviceAccounts.getAccessToken")
    scopes = (call.body or {}).get("scope") or []
    if not scopes:
        raise errors.invalid("scope is required.")
    seconds = float(((call.body or {}).get("lifetime") or f"{LONGEST}s").removesuffix("s"))
    if not 0 < seconds <= LONGEST:
        raise errors.invalid("The lifetime is at most 3600s.")
    token, principal = call.tokens.grant(account["email"], scopes, seconds)
    return {"accessToken": token, "expireTime": call.world.stamp(principal.expires)}


def id_token(call: Call) -> dict[str, Any]:
    account = _account(call, "iam.serviceAccounts.getOpenIdToken")
    audience = (call.body or {}).get("audience") or ""
    if not audience:
        raise errors.invalid("audience is required.")
    mail = bool((call.body or {}).get("includeEmail"))
    return {"token": call.tokens.id_token(account["email"], audience, with_email=mail)}


_S = "iamcredentials.projects.serviceAccounts"
METHODS: Mapping[str, Handler] = {
    f"{_S}.signJwt": reads(sign_jwt),
    f"{_S}.generateAccessToken": reads(access_token),
    f"{_S}.generateIdToken": reads(id_token),
}
