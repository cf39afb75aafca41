# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The front door as a stranger meets it: address, TLS, certificate chain, and what plain http does."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import HubError
from .._core.poll import State, Verdict
from .._core.transport import CONNECT_TIMEOUT, REDIRECTS, clean_url, joined, origin
from .certificates import end_of

SOON = 14
"""Days before a certificate's end at which the evidence warns: two weekly runs see it, and renewal happens before."""
NEW_PODS = 60.0
"""Seconds for which a load balancer may hang up before it has found new pods healthy; AWS looks every 10 s, twice."""


@dataclass(frozen=True)
class Certificate:
    """One certificate of the chain: who it is for, who signed it, when it ends."""

    subject: str
    issuer: str
    not_after: datetime

    def as_dict(self) -> dict[str, str]:
        """The certificate as plain data."""
        return {"subject": self.subject, "issuer": self.issuer, "not_after": self.not_after.isoformat()}


@dataclass(frozen=True)
class Door:
    """What stands behind the address.

    Attributes:
        address: the IP address that answered.
        tls: the protocol, such as ``TLSv1.3``.
        chain: the certificates from the server's own to the root that is trusted.
    """

    address: str
    tls: str
    chain: tuple[Certificate, ...]

    def days_left(self, now: datetime) -> int:
        """Whole days until the first certificate of the chain ends."""
        return min((one.not_after - now).days for one in self.chain)

    def facts(self, now: datetime) -> dict[str, Any]:
        """The door as plain data."""
        chain = [one.as_dict() for one in self.chain]
        return {"address": self.address, "tls": self.tls, "days_left": self.days_left(now), "chain": chain}


def ends_soon(url: str, days: int) -> str:
    """The warning about a door whose certificate ends in so many days: it was not renewed, or is not served yet."""
    return (
        f"the certificate that {clean_url(url)} serves ends in {days} days. Do: see why it was not renewed; "
        "where a new one is in its Secret already, run site.yml with -e hub_https_restart_proxy=true"
    )


def look(url: str, context: ssl.SSLContext) -> Door:
    """Connect and shake hands, checking chain and name.

    Raises:
        HubError: E-VERIFY-01 where nothing answers, E-VERIFY-02 for a certificate that cannot be trusted.
    """
    _scheme, host, port = origin(url)
    try:
        with _shaken_hands(host, port, context) as secure:
            return Door(str(secure.getpeername()[0]), secure.version() or "", _chain(secure))
    except ssl.SSLCertVerificationError as problem:
        raise _untrusted(url, problem.verify_message.rstrip("."), _served(host, port)) from problem
    except ssl.SSLError as problem:
        reason = f"the handshake fails ({getattr(problem, 'reason', '') or 'no reason given'})"
        raise _untrusted(url, reason, "", settles=True) from problem
    except OSError as problem:
        raise _unreachable(url, host, problem) from problem


def attempt(url: str, context: ssl.SSLContext) -> Door | HubError:
    """The same, with the error as a value, for somebody who waits."""
    try:
        return look(url, context)
    except HubError as problem:
        return problem


class Watch:
    """Judges looks at a door that may be new.

    A load balancer hangs up until it has found a healthy pod, and Google's front ends until they have a certificate:
    they get one that is Active one after the other, for up to half an hour. So one good look is enough only where none
    failed before. A certificate that is served and wrong, and an address where nothing is, do not settle.
    """

    def __init__(self, steady: int) -> None:
        """Nothing was seen yet.

        Args:
            steady: good looks in a row after one that failed.
        """
        self._steady, self._needed = steady, 1

    def judge(self, found: Door | HubError) -> Verdict:
        """Done, wait, or give up."""
        if isinstance(found, HubError):
            self._needed = self._steady
            return Verdict(State.PENDING if found.details.get("settles") else State.FATAL, found.what)
        self._needed -= 1
        if self._needed <= 0:
            return Verdict(State.DONE)
        return Verdict(State.PENDING, "it answers; once more, as not every front end may be able to yet")


def _shaken_hands(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    with ExitStack() as undo:
        plain = undo.enter_context(socket.create_connection((host, port), timeout=CONNECT_TIMEOUT))
        secure = context.wrap_socket(plain, server_hostname=host)
        undo.pop_all()  # from here on closing is the caller's
    return secure


def _chain(secure: ssl.SSLSocket, *, verified: bool = True) -> tuple[Certificate, ...]:
    """The chain, decoded. Python 3.13 has a public method for it; before, the same thing lives one level down."""
    name = "get_verified_chain" if verified else "get_unverified_chain"
    reader = getattr(secure, name, None) or getattr(getattr(secure, "_sslobj", None), name, None)
    ders: list[Any] = list(reader() or []) if reader is not None else []
    return tuple(_decoded(der) for der in ders or [secure.getpeercert(binary_form=True)])


def _decoded(der: Any) -> Certificate:
    """A certificate as DER bytes or, from the level below, as an object that gives PEM text."""
    from cryptography import x509

    if not isinstance(der, bytes):
        der = ssl.PEM_cert_to_DER_cert(der.public_bytes())
    found = x509.load_der_x509_certificate(der)
    return Certificate(found.subject.rfc4514_string() or "(no subject)", found.issuer.rfc4514_string(), end_of(found))


def _served(host: str, port: int) -> str:
    """What an untrusted door presents, for the message; nothing is sent to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _shaken_hands(host, port, context) as secure:
            leaf = _chain(secure, verified=False)[0]
    except OSError:
        return ""
    return f"{leaf.subject}, signed by {leaf.issuer}, ending {leaf.not_after.date().isoformat()}"


def _untrusted(url: str, reason: str, served: str, *, settles: bool = False) -> HubError:
    return HubError(
        error_id="E-VERIFY-02",
        what=f"The certificate of {clean_url(url)} cannot be trusted: {reason}",
        seen=served,
        wanted=f"an unexpired certificate for {urlsplit(url).hostname} from a CA that is trusted here",
        do="check that the proxy pod runs and ends TLS (hub_https_type), and that the load balancer finds it healthy"
        if settles
        else "correct the certificate where it comes from, or name its CA in hub_verify_ca_file",
        details={"settles": settles},
    )


def _unreachable(url: str, host: str, problem: OSError) -> HubError:
    if isinstance(problem, socket.gaierror):
        reason = f"no address is known for {host}"
        do = "make the DNS record (hub_dns), or check the resolver of this machine"
    elif isinstance(problem, ConnectionRefusedError):
        reason = "the connection is refused"
        do = "check that the front Service has an address and that the proxy pod runs"
    elif isinstance(problem, TimeoutError):
        reason = f"no answer within {CONNECT_TIMEOUT:.0f} s"
        do = "check firewall, load balancer and route from this machine to the hub"
    else:
        reason = problem.strerror or type(problem).__name__
        do = "check the network between this machine and the hub"
    return HubError(
        error_id="E-VERIFY-01",
        what=f"The front door {clean_url(url)} cannot be reached: {reason}",
        do=do,
        details={"settles": isinstance(problem, ConnectionResetError)},
    )


def plain_url(https_url: str) -> str:
    """What people type: the same name without https and without a port."""
    parts = urlsplit(https_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{host}{parts.path}"


def judge_redirect(status: int, location: str, http_url: str, https_url: str) -> str:
    """What is wrong with the answer to plain http; empty when a person lands on the hub by https."""
    if status not in REDIRECTS or not location:
        return f"status {status} without a redirect"
    following = joined(http_url, location)
    if not following:
        return "redirect to something that is not a web address"
    if origin(following) != origin(https_url):
        return f"redirect to {clean_url(following)}"
    return ""
