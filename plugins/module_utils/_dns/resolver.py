# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Who is authoritative for a name, and what each of them says.

Only the way to the authoritative servers goes through a recursive resolver; the record itself is asked for at the
source, so no cache and no negative TTL delays the proof. A resolver may remember an old list of servers, so the servers
are asked for the list too, and it is fetched anew before a proof is confirmed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .._core.clock import Clock
from .._core.errors import HubError
from .recursive import parse_servers
from .verdicts import (
    ADDRESS_TYPES,
    NOT_THEIRS,
    Answer,
    Code,
    Hop,
    Look,
    Wanted,
    alias_of,
    by_server,
    proved,
    with_addresses,
)
from .wire import MAX_ALIASES, ONE_TRY, TRIES, Exchange, ask, bare, exchange, names_in, read

LOOKUP_TIMEOUT = 6.0
"""Seconds for one lookup by the recursive resolver, retries included."""
MAX_PARALLEL = 16
"""Questions under way at one time."""
ZONE_AGE = 60.0
"""Seconds after which zone and servers are looked up anew."""
DOUBTED_AGE = 10.0
"""The same, where a server does not know the zone or is silent: the servers may have changed."""
REST = 30.0
"""Seconds for which an address is left alone that never answered while another one of its server did."""
MAX_LISTS = 3
"""Times the found servers are asked for further servers."""

A = TypeVar("A")
B = TypeVar("B")


def at_once(work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """The results of ``work`` on each item, all under way at one time."""
    with ThreadPoolExecutor(MAX_PARALLEL) as pool:
        return list(pool.map(work, items))


@dataclass(frozen=True)
class Zone:
    """A zone and its authoritative servers.

    Attributes:
        name: the zone's.
        servers: name and addresses of each.
        listed: whether one of them was asked who they all are; a resolver alone may remember an old list.
    """

    name: str
    servers: tuple[tuple[str, tuple[str, ...]], ...]
    listed: bool = True

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Server and address, one pair for each address; a server without one has an empty address."""
        return [(server, address) for server, addresses in self.servers for address in addresses or ("",)]


@dataclass
class NoZone(Exception):
    """The zone or its servers could not be found.

    Attributes:
        reason: why, for a person.
        silence: because no resolver answered.
    """

    reason: str
    silence: bool = False


def recursive(nameservers: Sequence[str], port: int) -> Any:
    """The resolver that finds zones and servers: the given one, else the machine's.

    Raises:
        HubError: E-DNS-01 where the machine has none, E-DNS-05 for a given one that is no address.
    """
    import dns.resolver

    given = parse_servers(nameservers, "nameservers")
    try:
        resolver = dns.resolver.Resolver(configure=not given)
    except dns.resolver.NoResolverConfiguration as problem:
        raise HubError(
            "E-DNS-01",
            "This machine has no DNS resolver configured",
            "name one in nameservers, or write /etc/resolv.conf",
        ) from problem
    if given:
        resolver.nameservers = list(given)
        resolver.port = port
    resolver.lifetime = LOOKUP_TIMEOUT
    resolver.cache = None
    return resolver


@dataclass
class Authorities:
    """Finds and asks authoritative servers.

    Attributes:
        resolver: a ``dns.resolver.Resolver`` (or its double).
        clock: where time comes from.
        port: of the authoritative servers.
        send: how one message travels.
        each: how many questions travel at one time.
        heard: the addresses that ever answered.
        met: those of them where the server itself did, and not, as may be, a resolver on the way.
    """

    resolver: Any
    clock: Clock
    port: int = 53
    send: Exchange = exchange
    each: Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]] = at_once
    heard: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)
    _zones: dict[str, tuple[Zone, float]] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)
    _resting: dict[str, float] = field(default_factory=dict)

    # ---- zones

    def zone_of(self, name: str) -> Zone:
        """The zone that holds ``name``, remembered for a while; a known one stays when it cannot be looked up anew.

        Raises:
            NoZone: nothing usable came back; asking again later may help.
        """
        known, found_at = self._zones.get(name, (None, 0.0))
        good_for = DOUBTED_AGE if name in self._doubted else ZONE_AGE
        if known is not None and known.listed and self.clock.monotonic() - found_at < good_for:
            return known
        try:
            zone = self._find(name)
        except NoZone:
            if known is None:
                raise
            return known
        self._zones[name] = (zone, self.clock.monotonic())
        self._doubted.discard(name)
        return zone

    def renew(self) -> None:
        """Look up all zones and servers known so far anew."""
        for name, (zone, _found_at) in list(self._zones.items()):
            self._zones[name] = (zone, self.clock.monotonic() - ZONE_AGE)
            self.zone_of(name)

    def _find(self, name: str) -> Zone:
        cut = self._cut(name)
        addresses: dict[str, tuple[str, ...]] = {}
        new, listed = self._name_servers(cut), False
        for _list in range(MAX_LISTS):
            servers = sorted(new - set(addresses))
            if not servers:
                break
            addresses.update(zip(servers, self.each(self._addresses, servers), strict=True))
            new, told = self._listed(Zone(cut, tuple((server, addresses[server]) for server in servers)))
            listed = listed or told
        if not any(addresses.values()):
            raise NoZone(f"no name server of {cut or 'the root'} has an address")
        return Zone(cut, tuple(sorted(addresses.items())), listed)

    def _cut(self, name: str) -> str:
        """The zone cut: the owner of the SOA at or above the name, not of one that a CNAME led to."""
        import dns.rdatatype

        labels = name.split(".")
        for start in range(len(labels)):
            candidate = ".".join(labels[start:])
            response = self._resolve(candidate, "SOA")
            for rrset in [*response.answer, *response.authority]:
                owner = bare(rrset.name)
                if rrset.rdtype == dns.rdatatype.SOA and (candidate == owner or candidate.endswith("." + owner)):
                    return owner
        raise NoZone(f"no zone holds {name}")

    def _name_servers(self, zone: str) -> set[str]:
        names = set(names_in(self._resolve(zone, "NS"), zone))
        if not names:
            raise NoZone(f"the zone {zone} names no name server")
        return names

    def _listed(self, zone: Zone) -> tuple[set[str], bool]:
        """The servers that the zone's own servers name, and whether one of them could tell."""
        replies = self.each(lambda pair: self._reply(pair[1], zone.name, "NS"), zone.pairs)
        self._rest(zone.pairs, replies)
        told = (Code.ANSWER, Code.NO_DATA)
        telling = [reply for reply in replies if read(reply, "", "", zone.name, "NS").code in told]
        return {name for reply in telling for name in names_in(reply, zone.name)}, bool(telling)

    def _addresses(self, server: str) -> tuple[str, ...]:
        import dns.rdatatype

        found: list[str] = []
        for rtype in ADDRESS_TYPES:
            try:
                answer = self._resolve(server, rtype).answer
            except NoZone:
                continue
            wanted = dns.rdatatype.from_text(rtype)
            found += [str(item.address) for rrset in answer if rrset.rdtype == wanted for item in rrset]
        return tuple(sorted(set(found)))

    def _resolve(self, name: str, rtype: str) -> Any:
        """One recursive lookup; an empty answer and NXDOMAIN come back as messages too."""
        import dns.exception
        import dns.resolver

        try:
            return self.resolver.resolve(name + ".", rtype, raise_on_no_answer=False, search=False).response
        except dns.resolver.NXDOMAIN as problem:
            return problem.response(problem.qnames()[0])
        except (dns.exception.DNSException, OSError) as problem:
            silence = isinstance(problem, (dns.exception.Timeout, dns.resolver.NoNameservers, OSError))
            raise NoZone(f"the resolver gives no {rtype} of {name}: {type(problem).__name__}", silence) from problem

    # ---- records

    def look(self, wanted: Sequence[Wanted]) -> tuple[Look, ...]:
        """One round: every wanted record set at every address of its authoritative servers, all at once.

        An alias that all servers of its zone give is followed to the servers of its target.
        """
        looks = {place: Look(item) for place, item in enumerate(wanted)}
        names = {place: item.name for place, item in enumerate(wanted)}
        for depth in range(MAX_ALIASES + 1):
            looks |= self._ask_all({place: (looks[place], name) for place, name in names.items()})
            followed = {place: alias_of(looks[place].answers) for place in names}
            asked, names = names, {place: target for place, target in followed.items() if target}
            if not names or depth == MAX_ALIASES:
                break
            for place in names:
                hop = Hop(asked[place], looks[place].answers)
                looks[place] = replace(looks[place], via=(*looks[place].via, hop), answers=())
        return tuple(map(self._or_addresses, looks.values()))

    def _or_addresses(self, look: Look) -> Look:
        """The look, where an alias is missing and its target's addresses would do, with what is there instead."""
        name, host = look.wanted.name, look.wanted.host
        if not host or all(item.code is not Code.NO_DATA for item in look.answers):
            return look
        asked = {place: (Look(Wanted(name, rtype, ())), name) for place, rtype in enumerate(ADDRESS_TYPES)}
        there = [item for found in self._ask_all(asked).values() for item in found.answers]
        target = self._addresses(host)
        answers = (
            with_addresses(look.wanted, one, (item for item in there if item.address == one.address), target)
            for one in look.answers
        )
        return replace(look, answers=tuple(answers))

    def _ask_all(self, open_: dict[int, tuple[Look, str]]) -> dict[int, Look]:
        """Each look with the answers about the name it has come to."""
        zones: dict[int, Zone] = {}
        done: dict[int, Look] = {}
        for place, (look, name) in open_.items():
            try:
                zones[place] = self.zone_of(name)
            except NoZone as problem:
                done[place] = replace(look, zone="", problem=problem.reason, unreachable=problem.silence)
        items = [(place, pair) for place, zone in zones.items() for pair in zone.pairs]
        rtypes = {place: look.wanted.rtype for place, (look, _name) in open_.items()}
        replies = self.each(lambda item: self._reply(item[1][1], open_[item[0]][1], rtypes[item[0]]), items)
        for place, zone in zones.items():
            look, name = open_[place]
            mine = [reply for (owner, _pair), reply in zip(items, replies, strict=True) if owner == place]
            self._rest(zone.pairs, mine)
            answers = tuple(
                replace(read(reply, *pair, name, rtypes[place]), heard=pair[1] in self.heard)
                for pair, reply in zip(zone.pairs, mine, strict=True)
            )
            if _may_have_moved(answers):
                self._doubted.add(name)
            complete = look.complete and zone.listed
            done[place] = replace(look, zone=zone.name, answers=answers, complete=complete)
        return done

    def ask(self, server: str, address: str, name: str, rtype: str) -> Answer:
        """What one address of one server says about one record set."""
        answer = read(self._reply(address, name, rtype), server, address, name, rtype)
        return replace(answer, heard=address in self.heard)

    def _reply(self, address: str, name: str, rtype: str) -> Any:
        """The reply of one address, or why there is none; an address at rest is asked again only now and then."""
        resting = address in self._resting
        if not address or (resting and self.clock.monotonic() - self._resting[address] < REST):
            return Code.TIMEOUT
        reply = ask(name, rtype, address, self.port, send=self.send, tries=ONE_TRY if resting else TRIES)
        if reply is not Code.TIMEOUT:
            self.heard.add(address)
            self._resting.pop(address, None)
        if address not in self.met and read(reply, "", address, name, rtype).code not in NOT_THEIRS:
            self.met.add(address)
        return reply

    def _rest(self, pairs: Sequence[tuple[str, str]], replies: Sequence[Any]) -> None:
        """Leave those addresses alone that never answered, where another one of their server does."""
        now = self.clock.monotonic()
        answering = {server for (server, address) in pairs if address in self.heard}
        for (server, address), reply in zip(pairs, replies, strict=True):
            due = now - self._resting.get(address, now - REST) >= REST
            if reply is Code.TIMEOUT and server in answering and address not in self.heard and due:
                self._resting[address] = now

    def marked(self, looks: Iterable[Look]) -> tuple[Look, ...]:
        """The same looks; where a name that cannot exist gets the same answer, it came from a wildcard."""
        return tuple(replace(look, wildcard=self._from_wildcard(look)) for look in looks)

    def _from_wildcard(self, look: Look) -> bool:
        name, _dot, parent = look.wanted.name.partition(".")
        said = [*look.via[0].answers] if look.via else [*look.answers]
        said = [item for item in said if item.code is Code.ANSWER and (item.values or item.alias)]
        if proved(look) or not said or not parent or look.wanted.name == look.zone:
            return False
        impossible = f"{name[:20]}-{secrets.token_hex(6)}.{parent}"
        other = self.ask(said[0].server, said[0].address, impossible, look.wanted.rtype)
        return (other.code, other.values, other.alias) == (Code.ANSWER, said[0].values, said[0].alias)


def _may_have_moved(answers: Iterable[Answer]) -> bool:
    """Whether a server does not know the zone (any more), or is silent at all its addresses."""
    servers = by_server(answers).values()
    return any(item.code in (Code.LAME, Code.REFUSED, Code.TIMEOUT) for items in servers for item in items)
