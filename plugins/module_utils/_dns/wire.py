# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""One DNS message to one server and back, and what the reply says. dnspython does the wire format.

UDP loses packets, so a question is sent twice before its server counts as silent; an answer that does not fit into a
packet is asked for again over TCP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from .verdicts import Answer, Code, canonical

TRIES = (0.5, 1.0)
"""Seconds to wait for the answer to each sending of one question."""
ONE_TRY = (0.5,)
"""The same, where silence is expected or an answer is only of interest."""
TCP_TIMEOUT = 3.0
"""Seconds for one exchange over TCP."""
PAYLOAD = 1232
"""Bytes of an answer by UDP that pass every network unfragmented."""
MAX_ALIASES = 8
"""CNAMEs followed; more is a loop."""

Exchange = Callable[[Any, str, int, Sequence[float]], Any]
"""One DNS message to an address and port, sent once per given timeout; returns the answer.

Raises OSError, EOFError, :class:`Cut` or dnspython's exceptions.
"""


class Cut(Exception):
    """The answer did not fit into a packet, and TCP is closed."""


def exchange(message: Any, address: str, port: int, tries: Sequence[float]) -> Any:
    """One question over UDP, again over TCP where the answer was cut; see :data:`Exchange`."""
    import dns.exception
    import dns.message
    import dns.query

    silence: Exception = dns.exception.Timeout()
    for seconds in tries:
        try:
            return dns.query.udp(
                message, address, timeout=seconds, port=port, ignore_unexpected=True, raise_on_truncation=True
            )
        except dns.message.Truncated:
            break
        except dns.exception.Timeout as problem:
            silence = problem
    else:
        raise silence
    try:
        return dns.query.tcp(message, address, timeout=TCP_TIMEOUT, port=port)
    except (dns.exception.Timeout, OSError, EOFError) as problem:
        raise Cut from problem


def question(name: str, rtype: str, *, recursive: bool = False, edns: bool = True) -> Any:
    """The message that asks for one record set."""
    import dns.flags
    import dns.message

    message = dns.message.make_query(name + ".", rtype, use_edns=0 if edns else False, payload=PAYLOAD)
    if not recursive:
        message.flags &= ~dns.flags.RD
    return message


def ask(
    name: str,
    rtype: str,
    address: str,
    port: int,
    *,
    send: Exchange,
    tries: Sequence[float] = TRIES,
    recursive: bool = False,
) -> Any:
    """The reply of one address, or the :class:`Code` that says why there is none."""
    import dns.exception
    import dns.rcode

    reply: Any = None
    for edns in (True, False):
        try:
            reply = send(question(name, rtype, recursive=recursive, edns=edns), address, port, tries)
        except Cut:
            return Code.CUT
        except (dns.exception.Timeout, OSError, EOFError):
            return Code.TIMEOUT
        except dns.exception.DNSException:
            return Code.OTHER
        if reply.rcode() not in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS):
            break  # the three words of a server that does not know EDNS
    return reply


def read(reply: Any, server: str, address: str, name: str, rtype: str, *, recursive: bool = False) -> Answer:
    """A reply as an answer; of an authoritative server only what it says about the name itself counts."""
    import dns.flags
    import dns.rcode

    if isinstance(reply, Code):
        return Answer(server, address, reply)
    rcode = dns.rcode.to_text(reply.rcode())
    if rcode in ("SERVFAIL", "REFUSED"):
        return Answer(server, address, Code[rcode])
    if rcode not in ("NOERROR", "NXDOMAIN"):
        return Answer(server, address, Code.OTHER)
    if not recursive and not reply.flags & dns.flags.AA:
        return Answer(server, address, Code.LAME)
    nothing = Answer(server, address, Code.NO_NAME if rcode == "NXDOMAIN" else Code.NO_DATA)
    found = _at(reply, nothing, name, rtype)
    for _alias in range(MAX_ALIASES if recursive else 0):
        if not found.alias:
            break
        found = _at(reply, nothing, found.alias, rtype)
    return found


def _at(reply: Any, nothing: Answer, owner: str, rtype: str) -> Answer:
    """What the answer section says about one name."""
    import dns.rdatatype

    alias = nothing
    for rrset in reply.answer:
        if bare(rrset.name) != owner:
            continue
        if rrset.rdtype == dns.rdatatype.from_text(rtype):
            pairs = sorted((canonical(rtype, _value(item, rtype)), str(item.to_text())) for item in rrset)
            values, texts = tuple(value for value, _text in pairs), tuple(text for _value, text in pairs)
            return replace(nothing, code=Code.ANSWER, values=values, texts=texts, ttl=int(rrset.ttl))
        if rrset.rdtype == dns.rdatatype.CNAME:
            alias = replace(nothing, code=Code.ANSWER, alias=bare(rrset[0].target), ttl=int(rrset.ttl))
    return alias


def _value(item: Any, rtype: str) -> str:
    if rtype == "TXT":  # one value may travel in several strings of at most 255 bytes
        return b"".join(item.strings).decode(errors="backslashreplace")
    return str(item.to_text())


def bare(name: Any) -> str:
    """A name of dnspython's as compared here."""
    return str(name).rstrip(".").lower()


def names_in(reply: Any, zone: str) -> Iterator[str]:
    """The name servers that a reply gives for a zone."""
    import dns.rdatatype

    for rrset in reply.answer:
        if rrset.rdtype == dns.rdatatype.NS and bare(rrset.name) == zone:
            yield from (bare(item.target) for item in rrset)
