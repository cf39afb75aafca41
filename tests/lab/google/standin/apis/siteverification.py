# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Site Verification: a token per caller and site, verified only when the record is really there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from standin import errors, zones
from standin.call import Call, Handler, reads, writes

METHODS_OF = {
    "INET_DOMAIN": ("DNS_TXT", "DNS", "DNS_CNAME"),
    "SITE": ("FILE", "META", "ANALYTICS", "TAG_MANAGER"),
}
NO_TOKEN = "The necessary verification token could not be found on your site."


def _site(call: Call) -> tuple[str, str]:
    site = (call.body or {}).get("site") or {}
    kind, identifier = site.get("type") or "", (site.get("identifier") or "").lower()
    if kind not in METHODS_OF:
        raise errors.invalid("Invalid site type: INET_DOMAIN and SITE are legal.")
    if not identifier or (kind == "INET_DOMAIN" and ("/" in identifier or "." not in identifier)):
        raise errors.invalid("Invalid site identifier.")
    return kind, identifier.rstrip(".") if kind == "INET_DOMAIN" else identifier


def _refuse_method(kind: str, method: str) -> None:
    if method not in METHODS_OF[kind]:
        raise errors.invalid(f"Verification method {method} is not legal for {kind}.")


def _secret(email: str, identifier: str, method: str) -> bytes:
    return hashlib.sha256(f"lab|{email}|{identifier}|{method}".encode()).digest()


def token_for(email: str, kind: str, identifier: str, method: str) -> str:
    """The token of this caller: another caller's is another one."""
    method = "DNS_TXT" if method == "DNS" else method
    secret = _secret(email, identifier, method)
    if method == "DNS_TXT":
        return "google-site-verification=" + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    if method == "DNS_CNAME":
        label, target = base64.b32encode(secret[:8]).decode().rstrip("=").lower(), secret[8:16].hex()
        return f"{label}.{identifier} gv-{target}.dv.googlehosted.com"
    if method == "FILE":
        return f"google{secret[:8].hex()}.html"
    return f'<meta name="google-site-verification" content="{base64.urlsafe_b64encode(secret).decode()}" />'


def _published(call: Call, kind: str, identifier: str, method: str) -> bool:
    """Whether the caller's token is visible. Only DNS is looked at: the stand-in fetches no web pages."""
    token = token_for(call.email, kind, identifier, method)
    if kind != "INET_DOMAIN":
        raise errors.GoogleError(501, f"The stand-in does not verify by {method}.", violation=True)
    try:
        if method == "DNS_CNAME":
            owner, target = token.split(" ")
            found = call.records.look_up(owner + ".", "CNAME")
            return target in [name.rstrip(".").lower() for name in found]
        texts = [zones.text_of(data) for data in call.records.look_up(identifier + ".", "TXT")]
        return token in texts
    except zones.Trouble:
        return False


def get_token(call: Call) -> dict[str, Any]:
    kind, identifier = _site(call)
    method = (call.body or {}).get("verificationMethod") or ""
    _refuse_method(kind, method)
    return {"method": method, "token": token_for(call.email, kind, identifier, method)}


async def insert(call: Call) -> dict[str, Any]:
    kind, identifier = _site(call)
    method = call.query.get("verificationMethod", "")
    _refuse_method(kind, method)
    if not await asyncio.to_thread(_published, call, kind, identifier, method):
        raise errors.invalid(NO_TOKEN)
    name = f"dns://{identifier}" if kind == "INET_DOMAIN" else identifier
    site = call.world.sites.setdefault(
        name, {"id": name, "site": {"type": kind, "identifier": identifier}, "owners": [], "verified": {}}
    )
    wanted = [call.email, *((call.body or {}).get("owners") or [])]
    site["owners"] += [one for one in dict.fromkeys(wanted) if one not in site["owners"]]
    site["verified"][call.email] = method
    return _shown(name, site)


def _shown(_name: str, site: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": site["id"].replace("://", "%3A%2F%2F"), "site": site["site"], "owners": list(site["owners"])}


def _owned(call: Call) -> tuple[str, dict[str, Any]]:
    name = call.path["id"].replace("%3A%2F%2F", "://").replace("%3a%2f%2f", "://")
    site = call.world.sites.get(name)
    if site is None or call.email not in site["owners"]:
        raise errors.GoogleError(403, "You are not an owner of this site.")
    return name, site


def get(call: Call) -> dict[str, Any]:
    return _shown(*_owned(call))


def list_all(call: Call) -> dict[str, Any]:
    found = [_shown(name, site) for name, site in sorted(call.world.sites.items()) if call.email in site["owners"]]
    return {"items": found} if found else {}


def update(call: Call) -> dict[str, Any]:
    name, site = _owned(call)
    given = (call.body or {}).get("site")
    if given and given != site["site"]:
        raise errors.invalid("The site of a resource cannot be changed.")
    owners = list(dict.fromkeys((call.body or {}).get("owners") or []))
    if not owners:
        raise errors.invalid("At least one owner must remain.")
    if any("@" not in one for one in owners):
        raise errors.invalid("An owner is an e-mail address.")
    lost = [one for one in site["verified"] if one not in owners]
    if lost:
        raise errors.invalid(f"Verified owner {lost[0]} cannot be removed while its token is published.")
    site["owners"] = owners
    return _shown(name, site)


async def delete(call: Call) -> None:
    name, site = _owned(call)
    method = site["verified"].get(call.email)
    kind, identifier = site["site"]["type"], site["site"]["identifier"]
    if method and await asyncio.to_thread(_published, call, kind, identifier, method):
        raise errors.invalid(
            "You cannot unverify your ownership of this site until your verification token is removed."
        )
    site["owners"] = [one for one in site["owners"] if one != call.email]
    site["verified"].pop(call.email, None)
    if not site["owners"]:
        call.world.sites.pop(name, None)


_W = "siteVerification.webResource"
METHODS: Mapping[str, Handler] = {
    f"{_W}.getToken": reads(get_token),
    f"{_W}.insert": writes(insert),
    f"{_W}.get": reads(get),
    f"{_W}.list": reads(list_all),
    f"{_W}.patch": writes(update),
    f"{_W}.update": writes(update),
    f"{_W}.delete": writes(delete),
}
