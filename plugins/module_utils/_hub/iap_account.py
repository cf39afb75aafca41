# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A service account that enters through Identity-Aware Proxy: its key file, and the token it signs for itself.

IAP takes a JWT that the account signed with its own key (RS256), for the addresses in ``aud``; a star at the end stands
for every path. It is sent in ``Proxy-Authorization``, because ``Authorization`` belongs to the hub.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .._core.clock import Clock
from .._core.errors import HubError, missing_library
from .._core.transport import origin

LIFETIME = 900
"""Seconds for which a token is good; Google allows an hour."""
RENEW_BEFORE = 120
"""Seconds before its end at which a token is replaced."""
LARGEST_FILE = 65536
HEADER = "Proxy-Authorization"


@dataclass(frozen=True)
class ServiceAccount:
    """A service account's name and key, as its key file has them."""

    email: str
    key_id: str
    private_key: str = field(repr=False)


def read_account(path: str) -> ServiceAccount:
    """The account in a key file.

    Raises:
        HubError: E-IAP-33; nothing of the file's content is repeated.
    """
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as stream:
            content = json.loads(stream.read(LARGEST_FILE))
    except (OSError, UnicodeDecodeError) as problem:
        raise _unusable(path, getattr(problem, "strerror", None) or "it is no text") from problem
    except ValueError:
        raise _unusable(path, "it is not JSON") from None
    return parse_account(content, path)


def parse_account(content: Any, path: str) -> ServiceAccount:
    """The account in a key file's content; the key is tried once, so that a broken one shows here.

    Raises:
        HubError: E-IAP-33.
    """
    if not isinstance(content, dict) or content.get("type") != "service_account":
        kind = str(content.get("type") or "nothing known") if isinstance(content, dict) else "no object"
        raise _unusable(path, f"it is not the key of a service account, but {kind[:40]}")
    missing = [name for name in ("client_email", "private_key_id", "private_key") if not content.get(name)]
    if missing:
        raise _unusable(path, f"it has no {', '.join(missing)}")
    account = ServiceAccount(str(content["client_email"]), str(content["private_key_id"]), str(content["private_key"]))
    try:
        _signer(account)
    except ValueError:
        raise _unusable(path, "its private key cannot be read") from None
    return account


def _unusable(path: str, reason: str) -> HubError:
    return HubError(
        error_id="E-IAP-33",
        what=f"The service account's key file {path} cannot be used: {reason}",
        do="give the JSON file that the cloud wrote for a key of the service account (hub_verify_service_account_file)",
    )


def _signer(account: ServiceAccount) -> Any:
    try:
        from google.auth import crypt
    except ImportError as problem:
        raise missing_library("google-auth", sys.executable) from problem
    signer: Any = crypt.RSASigner  # it comes without types
    return signer.from_string(account.private_key, account.key_id)


def audience(url: str) -> str:
    """For which addresses a token is made: everything at the hub's host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}/*"  # as requests are sent, however the host was written


def signed_token(account: ServiceAccount, url: str, now: int) -> str:
    """A token of the account for the hub at ``url``."""
    from google.auth import jwt

    encode: Any = jwt.encode  # it comes without types
    claims = {
        "iss": account.email,
        "sub": account.email,
        "aud": audience(url),
        "iat": now,
        "exp": now + LIFETIME,
    }
    return str(encode(_signer(account), claims).decode())


class Identity:
    """The headers that make a request this account's; for the hub's own address only."""

    def __init__(
        self, account: ServiceAccount, hub_url: str, clock: Clock, learn: Callable[[str], None] | None = None
    ) -> None:
        """Prepare; nothing is signed yet.

        Args:
            account: who enters.
            hub_url: the hub's address; other addresses never get a token.
            clock: where time comes from.
            learn: gets the key and every token, so that they can be masked.
        """
        self.email = account.email
        self._account = account
        self._hub_url = hub_url
        self._clock = clock
        self._learn = learn or (lambda _secret: None)
        self._token, self._until = "", 0.0
        self._learn(account.private_key)

    def __call__(self, url: str) -> Mapping[str, str]:
        """The headers for a request to ``url``; a token that is about to end is replaced."""
        if origin(url) != origin(self._hub_url):
            return {}
        now = self._clock.utcnow().timestamp()
        if now > self._until - RENEW_BEFORE:
            self._token, self._until = signed_token(self._account, self._hub_url, int(now)), int(now) + LIFETIME
            self._learn(self._token)
        return {HEADER: f"Bearer {self._token}"}
