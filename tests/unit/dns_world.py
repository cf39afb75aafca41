# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world of two zones that lives in a dict: a recursive resolver, authoritative servers, no packet on any wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.resolver import Authorities
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Answer, Code, Wanted
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock

SOA = "ns1.example.org. admin.example.org. 1 2 3 4 5"
NS1, NS2, FAR = "192.0.2.1", "192.0.2.2", "198.51.100.1"
RECURSIVE: dict[tuple[str, str], Any] = {
    ("example.org.", "SOA"): [("example.org.", "SOA", SOA)],
    ("example.org.", "NS"): [("example.org.", "NS", "ns1.example.org.", "NS2.example.org.")],
    ("ns1.example.org.", "A"): [("ns1.example.org.", "A", NS1)],
    ("ns1.example.org.", "AAAA"): [("ns1.example.org.", "AAAA", "2001:db8::1")],
    ("ns2.example.org.", "A"): [("ns2.example.org.", "A", NS2)],
    ("hub.example.org.", "SOA"): "authority",
    ("alias.example.org.", "SOA"): [("alias.example.org.", "CNAME", "far.test."), ("far.test.", "SOA", SOA)],
    ("far.test.", "SOA"): [("far.test.", "SOA", SOA)],
    ("far.test.", "NS"): [("far.test.", "NS", "ns.far.test.")],
    ("ns.far.test.", "A"): [("ns.far.test.", "A", FAR)],
}
Record = tuple[str, ...]
HUB = Wanted("hub.example.org", "A", ("203.0.113.7",))
NONE = Wanted("hub.example.org", "AAAA", ())


def said(
    *values: str, server: str = "ns1", address: str = "192.0.2.1", code: Code | None = None, alias: str = ""
) -> Answer:
    found = Code.ANSWER if values or alias else Code.NO_DATA
    return Answer(server, address, code or found, values, alias)


def silent(server: str = "ns1", address: str = "2001:db8::1", code: Code = Code.TIMEOUT) -> Answer:
    return Answer(server, address, code)


RIGHT = said("203.0.113.7")
WRONG2 = said("198.51.100.4", server="ns2", address="192.0.2.2")


def sections(items: list[Record]) -> list[Any]:
    return [_rrset(*item) for item in items]


@cache
def _rrset(name: str, rtype: str, *values: str) -> Any:
    return dns.rrset.from_text(name, 60, "IN", rtype, *values)


class Recursive:
    """A recursive resolver that knows a table; a name it does not know is NXDOMAIN."""

    def __init__(self, table: dict[tuple[str, str], Any]) -> None:
        """Take the table."""
        self.table = table
        self.asked: list[tuple[str, str]] = []

    def resolve(self, name: str, rtype: str, *, raise_on_no_answer: bool, search: bool) -> Any:
        self.asked.append((name, rtype))
        message = dns.message.make_response(dns.message.make_query(name, rtype))
        found = self.table.get((name, rtype))
        if isinstance(found, Exception):
            raise found
        if found is None or found == "authority":
            message.set_rcode(dns.rcode.NXDOMAIN)
            message.authority = sections([("example.org.", "SOA", SOA)]) if found or "example.org." in name else []
            raise dns.resolver.NXDOMAIN(
                qnames=[message.question[0].name], responses={message.question[0].name: message}
            )
        message.answer = sections(found)
        return SimpleNamespace(response=message)


World = dict[str, dict[tuple[str, str], Any]]


def wire(
    world: World, log: list[tuple[str, str, str]] | None = None
) -> Callable[[Any, str, int, Sequence[float]], Any]:
    """Authoritative servers by address: (name, type) -> records, an rcode, 'lame', or an exception."""

    def exchange(message: Any, address: str, port: int, tries: Sequence[float]) -> Any:
        question = message.question[0]
        key = (str(question.name), dns.rdatatype.to_text(question.rdtype))
        assert not message.flags & dns.flags.RD
        if address in world and key[1] == "NS" and key not in world[address]:
            reply = dns.message.make_response(message)  # knows of no further colleagues
            reply.flags |= dns.flags.AA
            return reply
        if log is not None and key[1] != "NS":
            log.append((address, *key))
        if address not in world:
            raise dns.exception.Timeout
        found = world[address].get(key, "NXDOMAIN")
        if isinstance(found, Exception):
            raise found
        reply = dns.message.make_response(message)
        if found != "lame":
            reply.flags |= dns.flags.AA
        if isinstance(found, list):
            reply.answer = sections(found)
        elif found != "lame":
            reply.set_rcode(dns.rcode.from_text(found))
        return reply

    return exchange


A = ("hub.example.org.", "A", "203.0.113.7")


def in_turn(work: Callable[[Any], Any], items: Any) -> list[Any]:
    """One question after the other, where threads would only hide the order."""
    return [work(item) for item in items]


def authorities(
    table: dict[tuple[str, str], Any], world: World, *, clock: FakeClock | None = None, log: Any = None
) -> Authorities:
    """Servers of this world, found through a resolver that knows this table."""
    return Authorities(Recursive(table), clock or FakeClock(), send=wire(world, log), each=in_turn)
