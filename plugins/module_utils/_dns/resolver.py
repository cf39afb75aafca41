# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Questions to name servers: which zone holds a name, who is authoritative for it, what each of them says.

Only the way to the authoritative servers goes through a recursive resolver; the record itself is asked for at the
source, so no cache and no negative TTL delays the proof. dnspython does the wire format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .._core.clock import Clock
from .._core.errors import HubError
from .._core.poll import Verdict, wait
from .._core.progress import Reporter
from .verdicts import Answer, Code, Look, Wanted, canonical, judge, not_proved, proved

QUERY_TIMEOUT = 3.0
"""Seconds for one question to one server."""
CONFIRM_AFTER = 0.3
"""Seconds between the first full agreement and the round that confirms it."""
MAX_ALIASES = 8
"""CNAMEs followed; more is a loop."""
MAX_PARALLEL = 16
"""Questions under way at one time."""

Exchange = Callable[[Any, str, int], Any]
"""One DNS message to an address and port; returns the answer, raises OSError or dnspython's exceptions."""


@dataclass(frozen=True)
class Zone:
    """A zone and its authoritative servers: name and addresses of each."""

    name: str
    servers: tuple[tuple[str, tuple[str, ...]], ...]


class NoZone(Exception):
    """The zone or its servers could not be found; the text says why."""


def exchange(message: Any, address: str, port: int) -> Any:
    """One question over UDP, again over TCP where the answer was cut."""
    import dns.query

    answer, _tcp = dns.query.udp_with_fallback(message, address, timeout=QUERY_TIMEOUT, port=port)
    return answer


def recursive(nameservers: Sequence[str], port: int) -> Any:
    """The resolver that finds zones and servers: the given one, else the machine's.

    Raises:
        HubError: E-DNS-01 where the machine has none.
    """
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver(configure=not nameservers)
    except dns.resolver.NoResolverConfiguration as problem:
        raise HubError(
            "E-DNS-01",
            "This machine has no DNS resolver configured",
            "name one in nameservers, or write /etc/resolv.conf",
        ) from problem
    if nameservers:
        resolver.nameservers = list(nameservers)
        resolver.port = port
    resolver.lifetime = 2 * QUERY_TIMEOUT
    resolver.cache = None
    return resolver


@dataclass
class Authorities:
    """Finds and asks authoritative servers.

    Attributes:
        resolver: a ``dns.resolver.Resolver`` (or its double).
        port: of the authoritative servers.
        exchange: how one message travels.
    """

    resolver: Any
    port: int = 53
    exchange: Exchange = exchange
    _zones: dict[str, Zone] = field(default_factory=dict)

    def zone_of(self, name: str) -> Zone:
        """The zone that holds ``name``, remembered once found.

        Raises:
            NoZone: nothing usable came back; asking again later may help.
        """
        if name not in self._zones:
            cut = self._cut(name)
            servers = tuple((server, self._addresses(server)) for server in self._name_servers(cut))
            if not any(addresses for _server, addresses in servers):
                raise NoZone(f"no name server of {cut or 'the root'} has an address")
            self._zones[name] = Zone(cut, servers)
        return self._zones[name]

    def forget(self, name: str) -> None:
        """Look the zone up anew next time, because its servers may have changed."""
        self._zones.pop(name, None)

    def _cut(self, name: str) -> str:
        """The zone cut: the owner of the SOA at or above the name, not of one that a CNAME led to."""
        labels = name.split(".")
        for start in range(len(labels)):
            candidate = ".".join(labels[start:])
            response = self._resolve(candidate, "SOA")
            for rrset in [*response.answer, *response.authority]:
                owner = str(rrset.name).rstrip(".").lower()
                if rrset.rdtype == 6 and (candidate == owner or candidate.endswith("." + owner)):
                    return owner
        raise NoZone(f"no zone holds {name}")

    def _name_servers(self, zone: str) -> list[str]:
        response = self._resolve(zone, "NS")
        names = {
            str(item.target).rstrip(".").lower() for rrset in response.answer if rrset.rdtype == 2 for item in rrset
        }
        if not names:
            raise NoZone(f"the zone {zone} names no name server")
        return sorted(names)

    def _addresses(self, server: str) -> tuple[str, ...]:
        found: list[str] = []
        for rtype, number in (("A", 1), ("AAAA", 28)):
            try:
                response = self._resolve(server, rtype)
            except NoZone:
                continue
            found += [str(item.address) for rrset in response.answer if rrset.rdtype == number for item in rrset]
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
            raise NoZone(f"the resolver gives no {rtype} of {name}: {type(problem).__name__}") from problem

    def look(self, wanted: Sequence[Wanted]) -> list[Look]:
        """One round: every wanted record set at every address of its authoritative servers, all at once."""
        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            return [self._look_at(item, item.name, pool, MAX_ALIASES) for item in wanted]

    def _look_at(self, wanted: Wanted, name: str, pool: ThreadPoolExecutor, aliases: int) -> Look:
        try:
            zone = self.zone_of(name)
        except NoZone as problem:
            return Look(wanted, problem=str(problem))
        pairs = [(server, address) for server, addresses in zone.servers for address in addresses or ("",)]
        answers = tuple(pool.map(lambda pair: self.ask(pair[0], pair[1], name, wanted.rtype), pairs))
        targets = {answer.alias for answer in answers if answer.code is Code.ANSWER}
        if aliases and len(targets) == 1 and targets != {""}:
            return self._look_at(wanted, targets.pop(), pool, aliases - 1)
        if any(answer.code is not Code.ANSWER for answer in answers):
            self.forget(name)
        return Look(wanted, zone.name, answers)

    def ask(self, server: str, address: str, name: str, rtype: str) -> Answer:
        """What one address of one server says about one record set."""
        import dns.exception
        import dns.flags
        import dns.message
        import dns.rcode

        message = dns.message.make_query(name + ".", rtype)
        message.flags &= ~dns.flags.RD
        if not address:
            return Answer(server, "", Code.TIMEOUT)
        try:
            reply = self.exchange(message, address, self.port)
        except (dns.exception.DNSException, OSError):
            return Answer(server, address, Code.TIMEOUT)
        rcode = dns.rcode.to_text(reply.rcode())
        if rcode in ("SERVFAIL", "REFUSED"):
            return Answer(server, address, Code[rcode])
        if rcode not in ("NOERROR", "NXDOMAIN"):
            return Answer(server, address, Code.OTHER)
        if not reply.flags & dns.flags.AA:
            return Answer(server, address, Code.LAME)
        return _read(reply, server, address, name, rtype)


def _read(reply: Any, server: str, address: str, name: str, rtype: str) -> Answer:
    """An authoritative reply as an answer."""
    import dns.rcode
    import dns.rdatatype

    owner, alias = name, ""
    for rrset in reply.answer:
        if str(rrset.name).rstrip(".").lower() != owner:
            continue
        if rrset.rdtype == dns.rdatatype.from_text(rtype):
            values = tuple(sorted(canonical(rtype, _text(item, rtype)) for item in rrset))
            return Answer(server, address, Code.ANSWER, values)
        if rrset.rdtype == dns.rdatatype.CNAME:
            alias = str(rrset[0].target).rstrip(".").lower()
    if alias:
        return Answer(server, address, Code.ANSWER, (), alias)
    return Answer(server, address, Code.NO_NAME if reply.rcode() == dns.rcode.NXDOMAIN else Code.NO_DATA)


def _text(item: Any, rtype: str) -> str:
    if rtype == "TXT":  # one value may travel in several strings of at most 255 bytes
        return b"".join(item.strings).decode(errors="replace")
    return str(item.to_text())


@dataclass
class Attempts:
    """What each look saw, equal looks in a row counted instead of repeated."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, seconds: float, looks: Sequence[Look], seen: str) -> None:
        """Note one look at ``seconds`` since the start."""
        answers = [answer.as_dict() | {"type": look.wanted.rtype} for look in looks for answer in look.answers]
        if (
            self.entries
            and json.dumps(self.entries[-1]["answers"]) == json.dumps(answers)
            and self.entries[-1]["seen"] == seen
        ):
            self.entries[-1] |= {"until": round(seconds, 1), "looks": self.entries[-1]["looks"] + 1}
            return
        self.entries.append(
            {"since": round(seconds, 1), "until": round(seconds, 1), "looks": 1, "seen": seen, "answers": answers}
        )


@dataclass(frozen=True)
class Proof:
    """How a proof ended.

    Attributes:
        verified: whether every authoritative server agreed twice.
        looks: the last round.
        attempts: all rounds, condensed.
        seconds: how long it took.
        verdict: the last verdict.
    """

    verified: bool
    looks: list[Look]
    attempts: list[dict[str, Any]]
    seconds: float
    verdict: Verdict

    def error(self) -> HubError:
        """Why it is not proved."""
        return not_proved(self.looks, self.seconds, {"attempts": self.attempts})


def prove(
    authorities: Authorities,
    wanted: Sequence[Wanted],
    *,
    clock: Clock,
    timeout: float,
    interval: float,
    reporter: Reporter,
) -> Proof:
    """Look until every authoritative server agrees twice in a row, or the time is up.

    Args:
        authorities: who is asked.
        wanted: the record sets.
        clock: where time comes from.
        timeout: seconds; 0 looks once.
        interval: seconds between looks; the confirming look follows the first agreement by CONFIRM_AFTER.
        reporter: gets the progress lines.
    """
    attempts = Attempts()
    start = clock.monotonic()

    def rounds() -> list[list[Look]]:
        result = [authorities.look(wanted)]
        if all(map(proved, result[0])):
            clock.sleep(CONFIRM_AFTER)
            result.append(authorities.look(wanted))
        for looks in result:
            attempts.add(clock.monotonic() - start, looks, judge([looks]).reason)
        return result

    what = " and ".join(dict.fromkeys(f"{item.name} {item.text()}" for item in wanted))
    ended = wait(what, rounds, judge, clock=clock, timeout=timeout, interval=interval, reporter=reporter)
    return Proof(ended.done, ended.observation[-1], attempts.entries, ended.seconds, ended.verdict)
