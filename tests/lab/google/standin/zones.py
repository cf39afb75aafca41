# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS as it really is: knot, spoken to by RFC 2136 updates and zone transfers; or, without a lab, a table in memory.

Cloud DNS, Site Verification and the certificate controller all look here. Owner names are absolute and in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

SECONDS = 5.0  # for one question to a name server


class Refused(Exception):
    """The name server did not take the change."""


class Trouble(Exception):
    """A name could not be looked up: SERVFAIL, timeout (that the name does not exist is an answer, not trouble)."""


@dataclass(frozen=True)
class Set:
    """One resource record set."""

    name: str
    kind: str
    ttl: int
    data: tuple[str, ...]


class Records(Protocol):
    """What the stand-in wants of DNS. All of it blocks: call it in a thread."""

    servers: tuple[str, ...]

    def within(self, name: str) -> str:
        """The zone this name would be in; empty when no zone here has it."""

    def read(self, zone: str) -> list[Set]:
        """Every record set of a zone."""

    def change(self, zone: str, deletions: Iterable[Set], additions: Iterable[Set]) -> None:
        """Carry out a change, all of it or nothing. Raises Refused."""

    def look_up(self, name: str, kind: str) -> list[str]:
        """What a resolver says, aliases followed. Raises Trouble."""


@dataclass
class Memory:
    """Record sets in memory; it has every zone one asks for."""

    sets: dict[tuple[str, str], Set] = field(default_factory=dict)
    servers: tuple[str, ...] = ("ns1.lab.test.", "ns2.lab.test.")
    broken: set[str] = field(default_factory=set)  # names whose look-up ends in trouble

    def within(self, name: str) -> str:
        return name

    def read(self, zone: str) -> list[Set]:
        return [one for one in self.sets.values() if one.name == zone or one.name.endswith("." + zone)]

    def change(self, zone: str, deletions: Iterable[Set], additions: Iterable[Set]) -> None:
        for one in deletions:
            self.sets.pop((one.name, one.kind), None)
        for one in additions:
            self.sets[one.name, one.kind] = one

    def look_up(self, name: str, kind: str) -> list[str]:
        owner = name.rstrip(".").lower() + "."
        for _hop in range(8):
            if owner in self.broken:
                raise Trouble(f"{owner}: SERVFAIL")
            found = self.sets.get((owner, kind))
            if found:
                return list(found.data)
            alias = self.sets.get((owner, "CNAME"))
            if not alias:
                return []
            owner = alias.data[0]
        raise Trouble(f"{name}: too many aliases")


@dataclass
class Knot:
    """The lab's name server: one zone that takes updates, and a resolver for questions."""

    zone: str  # lab.test.
    server: str
    resolver: str
    key_name: str
    key_secret: str
    servers: tuple[str, ...] = ("ns1.lab.test.", "ns2.lab.test.")
    port: int = 53

    def _key(self) -> Any:
        import base64

        import dns.tsig

        return dns.tsig.Key(self.key_name, base64.b64decode(self.key_secret), dns.tsig.HMAC_SHA256)

    def within(self, name: str) -> str:
        return self.zone if name == self.zone or name.endswith("." + self.zone) else ""

    def read(self, zone: str) -> list[Set]:
        import dns.query
        import dns.rdatatype
        import dns.zone

        key = self._key()
        got = dns.zone.Zone(self.zone, relativize=False)
        query, _serial = dns.xfr.make_query(got, keyring={key.name: key})
        dns.query.inbound_xfr(self.server, got, query, port=self.port, timeout=SECONDS, lifetime=SECONDS)
        found = [
            Set(
                str(owner).lower(),
                dns.rdatatype.to_text(records.rdtype),
                records.ttl,
                tuple(sorted(record.to_text() for record in records)),
            )
            for owner, records in got.iterate_rdatasets()
        ]
        return [one for one in found if one.name == zone or one.name.endswith("." + zone)]

    def change(self, zone: str, deletions: Iterable[Set], additions: Iterable[Set]) -> None:
        import dns.query
        import dns.rcode
        import dns.update

        key = self._key()
        update = dns.update.UpdateMessage(self.zone, keyring={key.name: key})
        for one in deletions:
            for data in one.data:
                update.present(one.name, one.kind, data)  # somebody else may just have changed it
            update.delete(one.name, one.kind)
        for one in additions:
            update.add(one.name, one.ttl, one.kind, *one.data)
        reply = dns.query.tcp(update, self.server, timeout=SECONDS, port=self.port)
        if reply.rcode() != dns.rcode.NOERROR:
            raise Refused(dns.rcode.to_text(reply.rcode()))

    def look_up(self, name: str, kind: str) -> list[str]:
        import dns.exception
        import dns.resolver

        ask = dns.resolver.Resolver(configure=False)
        ask.nameservers, ask.lifetime = [self.resolver], SECONDS
        try:
            return [record.to_text() for record in ask.resolve(name, kind, search=False)]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise Trouble(f"{name} {kind}: {error}") from error


def caa_of(records: Records, domain: str) -> tuple[str, ...] | None:
    """The CAA records that count for a domain, its own or the nearest parent's; None when they cannot be read."""
    labels = domain.rstrip(".").split(".")
    try:
        for start in range(len(labels) - 1):
            found = records.look_up(".".join(labels[start:]), "CAA")
            if found:
                return tuple(found)
    except Trouble:
        return None
    return ()


def text_of(data: str) -> str:
    """The value of a TXT record: its character strings joined, quotes and escapes resolved."""
    out, quoted, escaped = [], False, False
    for letter in data:
        if escaped:
            out.append(letter)
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif quoted or letter != " ":
            out.append(letter)
    return "".join(out)


def canonical_data(kind: str, data: str) -> str:
    """Record data in the form dnspython writes, so that what was sent can be compared with what is served."""
    try:
        import dns.rdata
        import dns.rdataclass
        import dns.rdatatype
    except ImportError:
        return data
    return str(dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), data).to_text())


def by_key(sets: Iterable[Set]) -> Mapping[tuple[str, str], Set]:
    """Record sets by owner and type."""
    return {(one.name, one.kind): one for one in sets}
