# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small hub of fake_hub.py behind a door that checks its callers as Identity-Aware Proxy does.

The door believes tokens that known service accounts signed (RS256, the address with a star, unexpired), lets its
members through, takes away what they claim to be, and says itself who they are. The hub logs in whom the door names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from .fake_hub import FakeHub, Reply, page, redirect

GENERATED = ("X-Goog-IAP-Generated-Response", "true")
ADA = "svc-verify@example-research.iam.gserviceaccount.com"
MALLORY = "svc-stranger@example-research.iam.gserviceaccount.com"


@dataclass
class Account:
    """A service account, its key, and the file with it."""

    email: str
    file: Path
    public_key: str
    private_key: str
    key_id: str


def make_account(email: str, folder: Path) -> Account:
    """Make a key, and write the file as the cloud would."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    file = folder / f"{email.partition('@')[0]}.json"
    key_id = f"key-of-{email[:9]}"
    content = {"type": "service_account", "client_email": email, "private_key_id": key_id}
    file.write_text(json.dumps(content | {"private_key": private}))
    return Account(email, file, public.decode(), private, key_id)


@dataclass
class FakeIapHub(FakeHub):
    """State and knobs of the door; those of the hub are inherited."""

    accounts: dict[str, Account] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    denials: int = 0  # this many answers are 403 although the account is a member: its policy is new
    off: bool = False  # the door lets everybody through and names nobody
    door_status: int = 0  # the door answers everybody with this status
    rename: str = ""  # the hub calls everybody so
    hub_provider: str = "iap"
    hub_believes: bool = True
    now: Callable[[], float] = time.time
    tokens_seen: list[str] = field(default_factory=list)

    def door(self, request: Any) -> Reply | None:
        request.asserted = ""
        if self.door_status:
            return Reply(self.door_status, "no healthy upstream")
        if self.off:
            return None
        token = request.headers.get("Proxy-Authorization", "").removeprefix("Bearer ")
        if not token:
            return Reply(302, "", [("Location", "https://accounts.google.com/o/oauth2/v2/auth?client_id=x"), GENERATED])
        self.tokens_seen.append(token)
        email = self.verified(token)
        if not email:
            return Reply(401, "Invalid IAP credentials: JWT signature is invalid", [GENERATED])
        if email not in self.members or self.denials:
            self.denials = max(0, self.denials - 1)
            return page("You don't have access", 403)
        request.asserted = email
        return None

    def verified(self, token: str) -> str:
        """Whose token it is, empty for one that is not to be believed."""
        audience = self.url.rstrip("/") + "/*"
        try:
            claims = jwt.decode(token, verify=False)
            account = self.accounts[claims["iss"]]
            header = jwt.decode_header(token)
            # its time is judged below, by the door's clock
            jwt.decode(token, certs=account.public_key, audience=audience, clock_skew_in_seconds=10**10)
        except (ValueError, KeyError):
            return ""
        lived = (
            claims["exp"] - claims["iat"] <= 3600 and claims["iat"] <= self.now() + 30 and self.now() < claims["exp"]
        )
        known = header["alg"] == "RS256" and header["kid"] == account.key_id and claims["sub"] == account.email
        return account.email if lived and known else ""

    def hub_page(self, below: str, query: dict[str, str], request: Any) -> Reply:
        if below != "hub/login" or self.hub_provider != "iap":
            return super().hub_page(below, query, request)
        if not self.hub_believes or not request.asserted:
            text = (
                "The hub does not believe Identity-Aware Proxy's statement about you: it was made for another service"
            )
            return page(f'<div class="error"><h1>403 : Forbidden</h1><p>{text}</p></div>', 403)
        if request.asserted not in self.allowed:
            text = f"Identity-Aware Proxy knows you as {request.asserted}, but this hub's own list does not let you in."
            return page(f'<div class="error"><h1>403 : Forbidden</h1><p>{text}</p></div>', 403)
        name = self.rename or request.asserted
        return redirect(query["next"], f"sid=session-of-{name}; Path={self.base}; Secure; HttpOnly")
