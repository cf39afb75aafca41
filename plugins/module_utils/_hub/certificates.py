# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What is wrong with a certificate, before anything is installed.

Certificates are read by the ``cryptography`` package, which is imported when it is needed, so that the other layers
work without it. A certificate of one's own authority, or one that signed itself, is fine: who trusts it is not judged.

Servers read PEM by OpenSSL, which goes by lines and stops where one is not as it should be. ``cryptography`` is lenient
and reads past such lines, so the lines are looked at here, too.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from .._core.errors import missing_library
from .settings import Finding

SMALLEST_RSA = 2048
"""Bits; OpenSSL's default level refuses to serve a smaller key."""
ABSENT = "is missing, empty, or closed to you"
"""A file that cannot be read comes here as an empty text."""
MARKER = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+)-----\s*")
"""A line that begins or ends a part of a PEM text: nothing before it, nothing but blanks behind it."""


def certificate_problems(
    cert_pem: str, key_pem: str | None, names: Sequence[str], now: datetime, *, source: str = "certificate"
) -> list[Finding]:
    """Everything that keeps a certificate from serving the given names.

    Args:
        cert_pem: leaf first, then the chain, in PEM.
        key_pem: the private key in PEM without a pass phrase; None when only the certificate is at hand.
        names: host names (or addresses) people will open.
        now: the moment to judge, timezone-aware; without a timezone it is taken for UTC.
        source: what to call the certificate in findings: a file, or a Secret.

    Raises:
        HubError: E-LIB-01 without the cryptography package.
    """
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    chain = read_chain(cert_pem)
    if not chain:
        wrong = "holds no readable certificate" if cert_pem.strip() else ABSENT
        return [Finding("E-CERT-10", source, wrong, "give a PEM file: BEGIN CERTIFICATE, leaf first, then its chain")]
    findings = _text_problems(cert_pem, source) + _chain_problems(chain, source) + _time_problems(chain, now, source)
    findings += _name_problems(chain[0], names, source) + _use_problems(chain[0], source)
    if key_pem is not None:
        findings += _key_problems(chain, key_pem, source)
    return findings


def read_chain(cert_pem: str) -> list[Any]:
    """The certificates of a PEM text, in its order; none where one of them cannot be read.

    Raises:
        HubError: E-LIB-01 without the cryptography package.
    """
    try:
        from cryptography import x509
    except ImportError as problem:
        raise missing_library("cryptography", sys.executable) from problem
    try:
        return list(x509.load_pem_x509_certificates(cert_pem.encode()))
    except ValueError:
        return []


def _text_problems(cert_pem: str, source: str) -> list[Finding]:
    """What the server's OpenSSL stops at, although the certificates could be read here."""
    wrong = _broken_line(cert_pem)
    if not wrong:
        return []
    do = "let each BEGIN and END line stand alone, with a line end behind its last dash, and give every part whole"
    return [Finding("E-CERT-10", source, f"holds text that no server can read: {wrong}", do)]


def _broken_line(pem: str) -> str:
    """The first line that OpenSSL does not take for what it should be, by its number; it may hold a piece of a key."""
    inside = ""
    for number, line in enumerate(pem.removeprefix("\ufeff").split("\n"), start=1):
        if "-----BEGIN " not in line and "-----END " not in line:
            continue
        marker = MARKER.fullmatch(line)
        if marker is None:
            return f"line {number} is more than one BEGIN or END line"
        if (marker[2] if marker[1] == "END" else "") != inside:
            return f"line {number} does not fit the BEGIN or END line before it"
        inside = marker[2] if marker[1] == "BEGIN" else ""
    return "its last part has no END line" if inside else ""


def begin_of(certificate: Any) -> datetime:
    """``notBefore`` with its timezone; the attribute with one exists from cryptography 42 on."""
    moment = getattr(certificate, "not_valid_before_utc", None)
    return moment if isinstance(moment, datetime) else certificate.not_valid_before.replace(tzinfo=UTC)


def end_of(certificate: Any) -> datetime:
    """``notAfter`` with its timezone."""
    moment = getattr(certificate, "not_valid_after_utc", None)
    return moment if isinstance(moment, datetime) else certificate.not_valid_after.replace(tzinfo=UTC)


def _chain_problems(chain: list[Any], source: str) -> list[Finding]:
    """Each certificate must be signed by the next one; servers send the file as it is."""
    if len(chain) == 1 and _public_authority(chain[0]):
        do = "give the file that holds the whole chain (often fullchain.pem), or add the issuer's certificate behind it"
        seen = f"{_subject(chain[0])} alone"
        wanted = f"behind it its issuer {_issuer(chain[0])}"
        return [Finding("E-CERT-11", source, "lacks its issuer's certificate", do, seen, wanted)]
    for position, (lower, upper) in enumerate(pairwise(chain), start=1):
        if _signed_by(lower, upper):
            continue
        do = "write the leaf first, then each certificate's issuer; leave out what does not belong to it"
        if _orderable(chain):
            do = "put the certificates in order: the hub's own first, then its issuer, then that one's issuer"
        return [
            Finding(
                "E-CERT-11",
                source,
                f"holds a broken chain: certificate {position + 1} did not sign certificate {position}",
                do,
                seen=f"{_subject(lower)}, then {_subject(upper)}",
                wanted=f"after {_subject(lower)} its issuer {_issuer(lower)}",
            )
        ]
    return []


def _public_authority(leaf: Any) -> bool:
    """Whether the certificate is entered in public logs, as those of public authorities are.

    They all sign by an intermediate certificate, which people's programs do not have; only browsers fetch it. A private
    authority's root may have signed directly.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtensionOID

    try:
        leaf.extensions.get_extension_for_oid(ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS)
    except x509.ExtensionNotFound:
        return False
    return bool(leaf.subject != leaf.issuer)


def _orderable(chain: list[Any]) -> bool:
    """Whether every certificate but one was signed by another one of the file."""
    unsigned = [one for one in chain if not any(_signed_by(one, other) for other in chain if other is not one)]
    return len(unsigned) <= 1


def _signed_by(lower: Any, upper: Any) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _time_problems(chain: list[Any], now: datetime, source: str) -> list[Finding]:
    findings = []
    for position, certificate in enumerate(chain):
        what = "" if position == 0 else f"its chain's {_subject(certificate)} "
        if now >= end_of(certificate):
            findings.append(
                Finding(
                    "E-CERT-12",
                    source,
                    f"{what}expired on {_day(end_of(certificate))}, {(now - end_of(certificate)).days} days ago",
                    "get a new certificate and give that one",
                )
            )
        elif now < begin_of(certificate):
            findings.append(
                Finding(
                    "E-CERT-13",
                    source,
                    f"{what}is not valid before {_day(begin_of(certificate))}",
                    "check this machine's clock; else wait until then or give another certificate",
                    seen=f"now {_day(now)}",
                )
            )
    return findings


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _name_problems(leaf: Any, names: Sequence[str], source: str) -> list[Finding]:
    held = _names_of(leaf)
    lacking = [name for name in names if not any(_covers(one, name) for one in held)]
    if not lacking:
        return []
    return [
        Finding(
            "E-CERT-14",
            source,
            f"is not for {', '.join(lacking)}: browsers would refuse it",
            "get a certificate whose subject alternative names hold the host name, or correct hub_domain",
            seen=", ".join(held) or "no subject alternative name",
            wanted=", ".join(names),
        )
    ]


def _names_of(leaf: Any) -> list[str]:
    """The subject alternative names; the common name does not count for any browser."""
    from cryptography import x509

    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    return [str(name) for name in extension.get_values_for_type(x509.DNSName)] + addresses


def _covers(held: str, wanted: str) -> bool:
    """RFC 6125: without case; an asterisk stands for exactly one label, and only for the first."""
    held, wanted = held.lower().rstrip("."), wanted.lower().rstrip(".")
    if _address(held) or _address(wanted):
        return _address(held) == _address(wanted)
    if held.startswith("*."):
        label, _dot, rest = wanted.partition(".")
        return bool(label) and rest == held[2:]
    return held == wanted


def _address(text: str) -> str:
    """An IP address in its one written form; empty for a host name."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _use_problems(leaf: Any, source: str) -> list[Finding]:
    """A certificate that forbids its use for a server."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    if ExtendedKeyUsageOID.SERVER_AUTH in uses or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses:
        return []
    return [
        Finding(
            "E-CERT-15",
            source,
            "may not be used for a server (extended key usage)",
            "get a certificate for server authentication",
        )
    ]


def _key_problems(chain: list[Any], key_pem: str, source: str) -> list[Finding]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    except TypeError:
        return [
            Finding(
                "E-CERT-16",
                source,
                "has a private key with a pass phrase, which no server could use",
                "give the key without a pass phrase; the Secret protects it",
            )
        ]
    except (ValueError, UnsupportedAlgorithm):
        wrong = "has no readable private key" if key_pem.strip() else f"comes with a private key that {ABSENT}"
        return [Finding("E-CERT-16", source, wrong, "give the key as PEM: BEGIN PRIVATE KEY")]
    wrong = _broken_line(key_pem)
    if wrong:
        do = "give the key's file as it was made: its BEGIN and END line alone in their lines, and nothing else in them"
        return [Finding("E-CERT-16", source, f"has a private key that no server can read: {wrong}", do)]
    mine = _public(key.public_key())
    if mine != _public(chain[0].public_key()):
        other = next((position for position, one in enumerate(chain) if _public(one.public_key()) == mine), None)
        do = "give the key that belongs to this certificate"
        if other is not None:
            do = f"put certificate {other + 1} of the file first: the key belongs to that one"
        return [Finding("E-CERT-17", source, "does not belong to the private key given with it", do)]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SMALLEST_RSA:
        sentence = f"has an RSA key of {key.key_size} bits, which servers refuse"
        return [Finding("E-CERT-18", source, sentence, f"use at least {SMALLEST_RSA} bits, or an EC key")]
    return []


def _public(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return bytes(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def _subject(certificate: Any) -> str:
    return str(certificate.subject.rfc4514_string() or "(no subject)")


def _issuer(certificate: Any) -> str:
    return str(certificate.issuer.rfc4514_string() or "(no issuer)")
