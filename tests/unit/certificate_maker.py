# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for tests, made by the cryptography package with small and fast keys."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def name(text: str) -> x509.Name:
    """A subject with a common name only."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key in PEM, without a pass phrase."""
        return self.encoded(serialization.NoEncryption())

    def encoded(self, protection: Any) -> str:
        """The key in PEM, protected as asked for."""
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, protection).decode()  # type: ignore[no-any-return]


def make(
    subject: str,
    *,
    issuer: Made | None = None,
    names: Sequence[str] = (),
    begins: datetime = NOW - 10 * DAY,
    ends: datetime = NOW + 80 * DAY,
    rsa_bits: int = 0,
    authority: bool = False,
    use: Any = None,
    logged: bool = False,
    strict: bool = False,
) -> Made:
    """One certificate; without an issuer it signs itself. ``logged`` adds what public logs say about it.

    ``strict`` adds what RFC 5280 wants, and Python 3.13 insists on: a leaf names its authority's key, and an authority
    its own and what that is for.
    """
    key: Any = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.certificate.subject if issuer else name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(each) for each in names]), False)
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), False)
    if strict and authority:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        builder = builder.add_extension(x509.KeyUsage(*[False] * 5, True, True, False, False), True)
    elif strict and issuer:
        signer = issuer.key.public_key()
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False)
    if logged:
        builder = builder.add_extension(x509.UnrecognizedExtension(LOGGED, TIMESTAMPS), False)
    return Made(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _alternative(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


LOGGED = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
# One entry: version, log, time, no extensions, SHA-256 with ECDSA, a signature; before it its length and the list's.
ENTRY = b"\0" + b"\1" * 32 + (1_790_000_000_000).to_bytes(8, "big") + b"\0\0" + b"\x04\x03" + b"\0\2" + b"\0\0"
ENTRIES = len(ENTRY).to_bytes(2, "big") + ENTRY
TIMESTAMPS = bytes([4, len(ENTRIES) + 2]) + len(ENTRIES).to_bytes(2, "big") + ENTRIES
CLIENT_USE = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_USE = ExtendedKeyUsageOID.SERVER_AUTH
ANY_USE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
