# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary is a random secret that exists once in the world; its forms are the spellings in which it could leak."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import shlex
import string
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

WINDOW = 12
"""Characters; so much of a secret in a log is a leak even when the rest was cut off."""
ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Canary:
    """One planted secret.

    Attributes:
        name: the input it was planted in.
        value: the secret as the input takes it.
        parts: the pieces of it that nobody else could know; a PEM file's frame and its public half are none.
    """

    name: str
    value: str
    parts: tuple[str, ...] = ()

    @property
    def secret_parts(self) -> tuple[str, ...]:
        """The pieces to look for."""
        return self.parts or (self.value,)

    def spellings(self) -> dict[str, str]:
        """Every text a part could turn into, by form; only what is long enough to be told from chance."""
        found: dict[str, str] = {}
        for number, part in enumerate(self.secret_parts):
            for form, text in spellings(part).items():
                found[f"{form}#{number}" if number else form] = text
        return found


def spellings(text: str) -> dict[str, str]:
    """One piece of a secret in every encoding that something on the way might apply."""
    raw = text.encode()
    found = {
        "raw": text,
        "url": quote(text, safe=""),
        "form": quote_plus(text),
        "json": json.dumps(text)[1:-1],
        "json in json": json.dumps(json.dumps(text)[1:-1])[1:-1],
        "json utf-8": json.dumps(text, ensure_ascii=False)[1:-1],
        "repr": repr(text)[1:-1],
        "shell": shlex.quote(text),
        "yaml": text.replace("'", "''"),
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "reversed": text[::-1],
    }
    for shift in range(3):
        found[f"base64+{shift}"] = shifted_base64(raw, shift)
        found[f"base64url+{shift}"] = shifted_base64(raw, shift).translate(str.maketrans("+/", "-_"))
    return found


def shifted_base64(raw: bytes, shift: int) -> str:
    """The characters that ``raw`` alone decides when it stands ``shift`` bytes after a border of three in base64."""
    text = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
    return text[(0, 2, 3)[shift] : (len(raw) + shift) * 8 // 6]


def windows(text: str) -> set[bytes]:
    """Every stretch of :data:`WINDOW` characters; the whole text where it is shorter."""
    if len(text) <= WINDOW:
        return {text.encode()}
    return {text[start : start + WINDOW].encode() for start in range(len(text) - WINDOW + 1)}


def letters(count: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _each in range(count))


def _mixed(signs: str) -> str:
    """Random text of 40 characters in which every fourth is one of the signs."""
    return "".join(secrets.choice(signs) if place % 4 == 3 else secrets.choice(ALPHABET) for place in range(40))


def _block() -> str:
    lines = "\n".join(base64.b64encode(secrets.token_bytes(48)).decode() for _line in range(3))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"


VARIANTS: dict[str, Callable[[], str]] = {
    "plain": lambda: letters(40),
    "quotes": lambda: _mixed("'\"`\\"),
    "percent": lambda: _mixed("%{}#"),
    "unicode": lambda: _mixed("äßŁ€"),
    "shell": lambda: _mixed("$;|&<>!*?()"),
    "lines": _block,
}
"""The kinds of secret that trip something up."""


def planted(name: str, variant: str) -> Canary:
    """A new canary; of several lines each counts for itself, for a log may show one of them."""
    value = VARIANTS[variant]()
    parts = tuple(line for line in value.splitlines() if not line.startswith("-----"))
    return Canary(name, value, parts)


def base64_secret(name: str) -> Canary:
    """A canary where only base64 is taken."""
    return Canary(name, base64.b64encode(secrets.token_bytes(32)).decode())


def service_account(name: str, pem: str) -> tuple[Canary, dict[str, str]]:
    """A service account's key file with this RSA key of 2048 bits, and the canary in it.

    The lines from the ninth on hold nothing but private numbers (PKCS #8: the modulus and its frame come before).
    """
    body = [line for line in pem.splitlines() if line and not line.startswith("-----")]
    if len(body) < 20:
        raise ValueError(f"{name}: not an RSA key of 2048 bits")
    file = {"type": "service_account", "client_email": f"{name.lower()}@canary.test", "private_key_id": "canary"}
    return Canary(name, pem, tuple(body[8:-1])), {**file, "private_key": pem}


def private_key(name: str, pem: str) -> Canary:
    """A real EC P-256 key: the characters of the file that its secret number alone decides.

    Both PKCS #8 and SEC 1 have it as an octet string of 32 bytes after the version 1 (RFC 5915, section 3); what stands
    around it is the same in every key, or the public half.
    """
    body = [line for line in pem.splitlines() if line and not line.startswith("-----")]
    mark = b"\x02\x01\x01\x04\x20"
    der = binascii.a2b_base64("".join(body))
    if mark not in der:
        raise ValueError(f"{name}: not an EC P-256 key")
    start = der.index(mark) + len(mark)
    first, last = -(-start * 8 // 6), (start + 32) * 8 // 6
    parts = (line[max(0, first - place) : max(0, last - place)] for place, line in zip(range(0, 999, 64), body))  # noqa: B905
    return Canary(name, pem, tuple(part for part in parts if len(part) >= WINDOW))
