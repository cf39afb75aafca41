# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Web Tokens: RS256 of service accounts and of Google, ES256 of IAP. `cryptography` does the arithmetic."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The inverse of ``encode``. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_rsa() -> str:
    """A fresh RSA key, PEM (PKCS 8)."""
    return pem(rsa.generate_private_key(65537, 2048))


def new_ec() -> str:
    """A fresh P-256 key, PEM (PKCS 8)."""
    return pem(ec.generate_private_key(ec.SECP256R1()))


def pem(key: Any) -> str:
    """A private key as PEM (PKCS 8)."""
    form = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()), "ascii")


def private(text: str) -> Any:
    """The private key in a PEM text."""
    return serialization.load_pem_private_key(text.encode(), None)


def public_pem(text: str) -> str:
    """The public half of a private key, PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(private(text).public_key().public_bytes(serialization.Encoding.PEM, form), "ascii")


def split(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """(header, claims, what is signed, signature), nothing verified. Raises ValueError."""
    try:
        first, second, third = token.split(".")
        header, claims = json.loads(decode(first)), json.loads(decode(second))
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError("not a JSON Web Token") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("not a JSON Web Token")
    return header, claims, f"{first}.{second}".encode(), decode(third)


def sign(key: Any, claims: Mapping[str, Any], kid: str) -> str:
    """A signed token; the algorithm follows from the key."""
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    header = {"alg": "ES256" if elliptic else "RS256", "typ": "JWT", "kid": kid}
    signed = ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    if elliptic:
        r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encode(signature)}"


def good(public: str, signed: bytes, signature: bytes) -> bool:
    """Whether an RS256 signature was made by the key whose public half is given (PEM)."""
    key = serialization.load_pem_public_key(public.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def jwk(key: Any, kid: str) -> dict[str, str]:
    """The public half as a JSON Web Key."""
    numbers = key.public_key().public_numbers()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        x, y = (encode(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
        return {"kid": kid, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": x, "y": y}
    n, e = (encode(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
    return {"kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e}
