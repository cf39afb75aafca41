# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What the answers of authoritative name servers mean for the records that are wanted. Pure.

A record is proved when every authoritative server gives it, twice in a row. Nothing a server says before the deadline
is final: NXDOMAIN ends when the record arrives, SERVFAIL when the server has reloaded its zone.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .._core.errors import HubError
from .._core.poll import State, Verdict

TYPES = ("A", "AAAA", "CNAME", "TXT", "CAA")


class Code(Enum):
    """How one question to one server ended."""

    ANSWER = "answer"
    NO_DATA = "no such record"
    NO_NAME = "NXDOMAIN"
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    LAME = "not authoritative"
    OTHER = "an answer that makes no sense"
    TIMEOUT = "no answer"


USABLE = frozenset({Code.ANSWER, Code.NO_DATA, Code.NO_NAME})
"""The ends that say something about the record."""


@dataclass(frozen=True)
class Wanted:
    """One record set that is wanted.

    Attributes:
        name: absolute, lower case, without the final dot.
        rtype: one of :data:`TYPES`.
        values: canonical and sorted; empty means there must be no such record.
        exact: whether other values beside these are wrong.
    """

    name: str
    rtype: str
    values: tuple[str, ...]
    exact: bool = True

    def text(self) -> str:
        """The record set as people write it."""
        return f"{self.rtype} {', '.join(self.values)}" if self.values else f"no {self.rtype}"

    def satisfied_by(self, values: Iterable[str]) -> bool:
        """Whether a server that gives these values has what is wanted."""
        seen = set(values)
        if self.exact or not self.values:
            return seen == set(self.values)
        return set(self.values) <= seen


@dataclass(frozen=True)
class Answer:
    """What one address of one authoritative server said.

    Attributes:
        server: its name.
        address: the address that was asked.
        code: how it ended.
        values: canonical values, for :attr:`Code.ANSWER`.
        alias: the target, where the name is a CNAME and another type was asked for.
    """

    server: str
    address: str
    code: Code
    values: tuple[str, ...] = ()
    alias: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the module's return value."""
        answered = {
            "server": self.server,
            "address": self.address,
            "status": self.code.value,
            "answers": list(self.values),
        }
        return answered | ({"alias": self.alias} if self.alias else {})


@dataclass(frozen=True)
class Look:
    """One round about one wanted record set.

    Attributes:
        wanted: what was asked about.
        zone: the zone that holds the name; empty when it could not be found.
        answers: one per address of every authoritative server.
        problem: why there are no answers, for a person.
    """

    wanted: Wanted
    zone: str = ""
    answers: tuple[Answer, ...] = ()
    problem: str = ""


def canonical(rtype: str, value: str) -> str:
    """One value in the form in which values are compared.

    Raises:
        HubError: E-DNS-05 for a value that this type cannot have.
    """
    try:
        if rtype in ("A", "AAAA"):
            address = ipaddress.ip_address(value.strip())
            if address.version != (4 if rtype == "A" else 6):
                raise ValueError("wrong address family")
            return str(address)
        if rtype == "CNAME":
            return host_name(value)
        if rtype == "CAA":
            flags, tag, data = shlex.split(value)
            return f'{int(flags)} {tag.lower()} "{data}"'
    except ValueError as problem:
        raise HubError(
            "E-DNS-05", f"{value!r} cannot be the value of an {rtype} record", "correct the wanted value"
        ) from problem
    return value


def host_name(name: str) -> str:
    """A name as compared: lower case, no final dot."""
    return name.strip().lower().rstrip(".")


def parse_wanted(items: Iterable[Mapping[str, Any]], default_name: str = "") -> tuple[Wanted, ...]:
    """The module's options as record sets.

    Raises:
        HubError: E-DNS-05 for a value that its type cannot have, or a record without a name.
    """
    result = []
    for item in items:
        name = host_name(item.get("name") or default_name)
        if not name:
            raise HubError("E-DNS-05", "A wanted record has no name", "give the record's name")
        rtype = str(item["type"]).upper()
        values = tuple(sorted({canonical(rtype, str(value)) for value in item.get("values") or []}))
        exact = item.get("exact")
        result.append(Wanted(name, rtype, values, True if exact is None else bool(exact)))
    if not result:
        raise HubError("E-DNS-05", "There is no record to prove", "name at least one record")
    return tuple(result)


def by_server(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Answers of each server; an address that never answers is left out where another of the same server did.

    A controller without IPv6 cannot reach half of the addresses in the world; the server is proved by the other half.
    """
    grouped: dict[str, list[Answer]] = {}
    for answer in answers:
        grouped.setdefault(answer.server, []).append(answer)
    heard = {server: [item for item in items if item.code is not Code.TIMEOUT] for server, items in grouped.items()}
    return {server: heard[server] or grouped[server] for server in sorted(grouped)}


def agrees(wanted: Wanted, answers: Iterable[Answer]) -> bool:
    """Whether every heard answer of one server is what is wanted."""
    return all(item.code in USABLE and not item.alias and wanted.satisfied_by(item.values) for item in answers)


def proved(look: Look) -> bool:
    """Whether all authoritative servers of one look agree with what is wanted; nobody answering proves nothing."""
    servers = by_server(look.answers)
    return bool(servers) and not look.problem and all(agrees(look.wanted, items) for items in servers.values())


def judge(rounds: Sequence[Sequence[Look]]) -> Verdict:
    """Done when two rounds in a row are fully proved.

    Args:
        rounds: the first round and, only where that one was proved, the confirming one.
    """
    seen = describe(rounds[-1])
    if len(rounds) >= 2 and all(looks and all(map(proved, looks)) for looks in rounds[-2:]):
        return Verdict(State.DONE, seen)
    return Verdict(State.PENDING, seen)


def unreachable(looks: Iterable[Look]) -> bool:
    """Whether not one authoritative server could be asked, although they are known."""
    answers = [answer for look in looks for answer in look.answers]
    return bool(answers) and all(answer.code is Code.TIMEOUT for answer in answers)


def describe(looks: Sequence[Look]) -> str:
    """One round in words: ``A 198.51.100.4 and AAAA 2001:db8::9 at 2 of 2 authoritative servers``."""
    names = list(dict.fromkeys(look.wanted.name for look in looks))
    parts = []
    for name in names:
        text = _describe_name([look for look in looks if look.wanted.name == name])
        parts.append(f"{name}: {text}" if len(names) > 1 else text)
    return "; ".join(parts)


def _describe_name(looks: Sequence[Look]) -> str:
    problems = list(dict.fromkeys(look.problem for look in looks if look.problem))
    if problems:
        return ", ".join(problems)
    servers = list(dict.fromkeys(answer.server for look in looks for answer in look.answers))
    said: dict[str, list[str]] = {}
    for server in servers:
        said.setdefault(_server_text(server, looks), []).append(server)
    if len(said) == 1:
        return f"{next(iter(said))} at {len(servers)} of {len(servers)} authoritative servers"
    return ", ".join(f"{text} at {len(group)} of {len(servers)} ({', '.join(group)})" for text, group in said.items())


def _server_text(server: str, looks: Sequence[Look]) -> str:
    found, other = [], []
    for look in looks:
        for answer in by_server(look.answers).get(server, []):
            if answer.alias:
                found.append(f"CNAME {answer.alias}")
            elif answer.values:
                found.append(f"{look.wanted.rtype} {', '.join(answer.values)}")
            elif answer.code is not Code.NO_DATA:
                other.append(answer.code.value)
    texts = list(dict.fromkeys(found)) or list(dict.fromkeys(other)) or [Code.NO_DATA.value]
    return " and ".join(texts)


def not_proved(looks: Sequence[Look], seconds: float, details: dict[str, Any]) -> HubError:
    """The error when the time is up."""
    names = ", ".join(dict.fromkeys(look.wanted.name for look in looks))
    wanted = "; ".join(
        dict.fromkeys(
            ", ".join(look.wanted.text() for look in looks if look.wanted.name == name)
            for name in dict.fromkeys(x.wanted.name for x in looks)
        )
    )
    if unreachable(looks):
        return HubError(
            error_id="E-DNS-03",
            what=f"The authoritative name servers of {names} cannot be reached from here, so nothing is proved",
            seen=describe(looks),
            wanted=f"{wanted}; waited {seconds:.0f} s",
            do="open port 53 (UDP and TCP) outward for this machine, or run from one that has it",
            details=details,
        )
    if any(look.problem for look in looks):
        return HubError(
            error_id="E-DNS-01",
            what=f"The zone of {names} could not be found",
            seen=describe(looks),
            wanted=f"{wanted}; waited {seconds:.0f} s",
            do="check the name, its delegation and this machine's resolver, then run again",
            details=details,
        )
    elsewhere = any(answer.values or answer.alias for look in looks for answer in look.answers)
    return HubError(
        error_id="E-DNS-02",
        what=f"{names} {'points elsewhere' if elsewhere else 'has no such record'}",
        seen=describe(looks),
        wanted=f"{wanted}; waited {seconds:.0f} s",
        do="correct the record, run again",
        details=details,
    )


def records_for(addresses: Sequence[str]) -> list[dict[str, Any]]:
    """The complete record sets of a name that must lead to these addresses (or to one host name, as on AWS).

    Raises:
        HubError: E-DNS-05 for addresses mixed with host names, or more than one host name.
    """
    families: dict[str, list[str]] = {"A": [], "AAAA": []}
    hosts = []
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            hosts.append(host_name(text))
            continue
        families["A" if address.version == 4 else "AAAA"].append(str(address))
    if not hosts:
        return [{"type": rtype, "values": sorted(set(values)), "exact": True} for rtype, values in families.items()]
    if len(set(hosts)) > 1 or families["A"] or families["AAAA"]:
        raise HubError(
            "E-DNS-05",
            f"No single name can lead to {', '.join(addresses)}",
            "set hub_dns_addresses to addresses or to one host name",
        )
    return [{"type": "CNAME", "values": hosts[:1], "exact": True}]
