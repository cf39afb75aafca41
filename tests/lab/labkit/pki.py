# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the lab, made with the openssl command (Debian package openssl). Keys are EC P-256: made at once.

A certificate is kept while it fits (same subject, names, addresses, purpose, issuer) and lives 30 more days.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DAYS = 825
RENEW_BEFORE = 30 * 86400  # seconds


@dataclass(frozen=True)
class Issued:
    """Files of one certificate: ``cert`` (leaf only), ``key`` (0600), ``chain`` (leaf then CA)."""

    cert: Path
    key: Path
    chain: Path


class PkiError(RuntimeError):
    """openssl failed; the text is what it said."""


def _openssl(*words: str, stdin: str = "") -> str:
    done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise PkiError(f"openssl {words[0]}: {done.stderr.strip()}")
    return done.stdout


def _private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def new_key(path: Path) -> None:
    """A fresh EC P-256 private key, mode 0600."""
    _private(path, _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))


def public_key(private: Path, public: Path) -> None:
    """Write the public half of a private key, PEM."""
    public.write_text(_openssl("pkey", "-in", str(private), "-pubout"), encoding="utf-8")


def make_authority(directory: Path, name: str = "ca", common_name: str = "Lab CA") -> Path:
    """Create ``NAME.pem`` and ``NAME.key`` unless they are there; return the certificate's path."""
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    if cert.exists() and key.exists():
        return cert
    directory.mkdir(parents=True, exist_ok=True)
    new_key(key)
    _openssl(
        "req",
        "-x509",
        "-new",
        "-key",
        str(key),
        "-days",
        str(DAYS),
        "-subj",
        f"/CN={common_name}",
        "-out",
        str(cert),
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    )
    return cert


def _wish(subject: str, names: Sequence[str], ips: Sequence[str], client: bool, authority: Path) -> str:
    issuer = hashlib.sha256(authority.read_bytes()).hexdigest()
    return json.dumps([subject, sorted(names), sorted(ips), client, issuer])


def _still_good(files: Issued, wish: str, record: Path) -> bool:
    if not all(path.exists() for path in (files.cert, files.key, files.chain, record)) or record.read_text() != wish:
        return False
    check = ["openssl", "x509", "-noout", "-checkend", str(RENEW_BEFORE), "-in", str(files.cert)]
    return subprocess.run(check, capture_output=True, timeout=60, check=False).returncode == 0


def _extensions(names: Sequence[str], ips: Sequence[str], client: bool) -> list[str]:
    """Lines of an openssl extension file."""
    server = bool(names or ips)
    usages = (["serverAuth"] if server else []) + (["clientAuth"] if client else [])
    lines = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
    lines.append("extendedKeyUsage=" + ",".join(usages))
    if server:
        lines.append("subjectAltName=" + ",".join([f"DNS:{name}" for name in names] + [f"IP:{ip}" for ip in ips]))
    return lines


def issue(
    directory: Path,
    name: str,
    *,
    names: Sequence[str] = (),
    ips: Sequence[str] = (),
    common_name: str = "",
    organization: str = "",
    client: bool = False,
    authority: str = "ca",
) -> Issued:
    """Issue ``NAME.pem``/``NAME.key``/``NAME-chain.pem`` in ``directory`` by its CA, or keep the ones that still fit.

    With ``names`` or ``ips`` the certificate is good for a server, with ``client`` for a client (both is possible).
    """
    ca_cert, ca_key = directory / f"{authority}.pem", directory / f"{authority}.key"
    files = Issued(directory / f"{name}.pem", directory / f"{name}.key", directory / f"{name}-chain.pem")
    subject = (f"/O={organization}" if organization else "") + f"/CN={common_name or (list(names) or [name])[0]}"
    wish, record = _wish(subject, names, ips, client, ca_cert), directory / f"{name}.json"
    if _still_good(files, wish, record):
        return files
    extensions = _extensions(names, ips, client)
    settings = directory / f"{name}.ext"
    settings.write_text("\n".join(extensions) + "\n", encoding="utf-8")
    new_key(files.key)
    request = _openssl("req", "-new", "-key", str(files.key), "-subj", subject)
    made = _openssl(
        "x509",
        "-req",
        "-CA",
        str(ca_cert),
        "-CAkey",
        str(ca_key),
        "-days",
        str(DAYS),
        "-extfile",
        str(settings),
        stdin=request,
    )
    settings.unlink()
    files.cert.write_text(made, encoding="utf-8")
    files.chain.write_text(made + ca_cert.read_text(encoding="utf-8"), encoding="utf-8")
    record.write_text(wish, encoding="utf-8")
    return files
