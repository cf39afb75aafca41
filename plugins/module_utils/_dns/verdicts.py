# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What the answers of authoritative name servers mean for the records that are wanted. Pure.

A record is proved when every authoritative server gives it, twice in a row. Nothing a server says before the deadline
is final: NXDOMAIN ends when the record arrives, SERVFAIL when the server has reloaded its zone. Where not one of them
can be reached, what public resolvers say is a weaker thing and has a name of its own.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from .._core.errors import HubError

TYPES = ("A", "AAAA", "CNAME", "TXT", "CAA")
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LONGEST_NAME = 253
ASKABLE = re.compile(r"[^\s/:]{1,63}")
"""A label that a question can have; more than host names have, and no part of a URL."""
ADDRESS_TYPES = ("A", "AAAA")


class Code(Enum):
    """How one question to one server ended."""

    ANSWER = "answer"
    NO_DATA = "no such record"
    NO_NAME = "NXDOMAIN"
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    LAME = "not authoritative"
    CUT = "an answer cut short, and none over TCP"
    OTHER = "an answer that makes no sense"
    TIMEOUT = "no answer"


USABLE = frozenset({Code.ANSWER, Code.NO_DATA, Code.NO_NAME})
"""The ends that say something about the record."""
NOT_THEIRS = frozenset({Code.TIMEOUT, Code.REFUSED, Code.LAME})
"""The ends that need no authoritative server: a closed port, or a resolver on the way that answers in its place."""


class Standing(Enum):
    """What one round, and in the end the whole wait, amounts to."""

    VERIFIED = "verified at every authoritative server"
    PUBLIC = "authoritative servers not reachable from here"
    NOT_YET = "not verified"


@dataclass(frozen=True)
class Wanted:
    """One record set that is wanted.

    Attributes:
        name: absolute, lower case, without the final dot.
        rtype: one of :data:`TYPES`.
        values: canonical and sorted; empty means there must be no such record.
        exact: whether other values beside these are wrong.
        without: values that must not be there.
        or_addresses: whether, instead of an alias, addresses of its target are right, too.
        some: whether one of the values is enough; any other beside them is wrong.
    """

    name: str
    rtype: str
    values: tuple[str, ...]
    exact: bool = True
    without: tuple[str, ...] = ()
    or_addresses: bool = False
    some: bool = False

    @property
    def host(self) -> str:
        """The target whose addresses are right, too; empty where only the record itself is."""
        return self.values[0] if self.or_addresses and self.rtype == "CNAME" and len(self.values) == 1 else ""

    def text(self) -> str:
        """The record set as people write it."""
        if self.host:
            return f"CNAME {self.host} or its addresses"
        if self.without and not self.values:
            return f"no {self.rtype} {', '.join(self.without)}"
        listed = (" or " if self.some else ", ").join(self.values)
        return f"{self.rtype} {listed}" if listed else f"no {self.rtype}"

    def satisfied_by(self, values: Iterable[str]) -> bool:
        """Whether a server that gives these values has what is wanted."""
        seen = set(values)
        if seen & set(self.without):
            return False
        if self.without and not self.values:
            return True
        if self.some:
            return bool(seen) and seen <= set(self.values)
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
        ttl: seconds that others may remember the record.
        texts: the values as the server's zone file would have them, in the order of ``values``.
        heard: whether this address answered earlier in the same wait; then its silence counts.
        addresses: what it gives instead of a wanted alias; with :attr:`values` they are the target's.
    """

    server: str
    address: str
    code: Code
    values: tuple[str, ...] = ()
    alias: str = ""
    ttl: int = 0
    texts: tuple[str, ...] = ()
    heard: bool = False
    addresses: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the module's return value."""
        answered = {
            "server": self.server,
            "address": self.address,
            "status": self.code.value,
            "answers": list(self.values),
        }
        answered |= {"alias": self.alias} if self.alias else {}
        return answered | ({"addresses": list(self.addresses)} if self.addresses else {})


@dataclass(frozen=True)
class Hop:
    """One alias on the way to a record.

    Attributes:
        name: the alias.
        answers: one per address of every authoritative server of its zone.
    """

    name: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Look:
    """One round about one wanted record set.

    Attributes:
        wanted: what was asked about.
        zone: the zone that holds the name; empty when it could not be found.
        answers: one per address of every server that was asked.
        problem: why there are no answers, for a person.
        unreachable: there are none because no resolver answered.
        via: the aliases that led from the name to where ``answers`` come from.
        wildcard: a name that cannot exist gets the same answer.
        complete: whether the list of servers comes from one of them, so that none is missing.
    """

    wanted: Wanted
    zone: str = ""
    answers: tuple[Answer, ...] = ()
    problem: str = ""
    unreachable: bool = False
    via: tuple[Hop, ...] = ()
    wildcard: bool = False
    complete: bool = True

    def as_dicts(self) -> list[dict[str, Any]]:
        """Every answer of the round, aliases first, as plain data."""
        hops = [(hop.name, answer) for hop in self.via for answer in hop.answers]
        last = alias_of(self.via[-1].answers) if self.via else self.wanted.name
        both = [*hops, *((last, answer) for answer in self.answers)]
        return [{"name": owner, "type": self.wanted.rtype} | answer.as_dict() for owner, answer in both]


@dataclass(frozen=True)
class Round:
    """One look at everything.

    Attributes:
        looks: what the authoritative servers said, one look per wanted record set.
        resolvers: what the named resolvers said; empty when they were not asked.
        public: what public resolvers said over HTTPS, where no authoritative server could be reached.
        must_agree: whether the named resolvers have a say.
    """

    looks: tuple[Look, ...]
    resolvers: tuple[Look, ...] = ()
    public: tuple[Look, ...] = ()
    must_agree: bool = False


def canonical(rtype: str, value: str) -> str:
    """One value in the form in which values are compared.

    Raises:
        HubError: E-DNS-05 for a value that this type cannot have.
    """
    try:
        if rtype in ADDRESS_TYPES:
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
    """A name as compared: lower case, no final dot, other scripts as they travel.

    Raises:
        HubError: E-DNS-05 for a name that cannot travel, or of which nobody can tell how.
    """
    bare = name.strip().lower().rstrip(".")
    if bare.isascii():
        return bare
    try:
        form, agreed = travelling(bare)
    except UnicodeError as problem:
        raise HubError("E-DNS-05", f"{name!r} is no host name", "correct the name") from problem
    if not agreed:
        what = f"{name!r} is one name ({form}) by the older rules for other scripts, and another one by the browsers'"
        raise HubError("E-DNS-05", what, "write it as it travels (xn--...): your registrar shows it")
    return form


def travelling(name: str) -> tuple[str, bool]:
    """A name in another script as it travels (``xn--...``), and whether that is certain.

    Python's rules (IDNA 2003) and the browsers' (IDNA 2008) differ, as for the German sharp s: the one who registered
    the name has to say which it is.

    Raises:
        UnicodeError: it cannot travel.
    """
    written = unicodedata.normalize("NFKC", name.lower())
    form = written.encode("idna").decode()
    return form, form.encode().decode("idna") == written


def is_host_name(name: str) -> bool:
    """Whether a name, as compared or with capitals and a final dot, can be looked up: two labels or more, no port."""
    labels = name.lower().rstrip(".").split(".")
    return len(name) <= LONGEST_NAME and len(labels) > 1 and all(LABEL.fullmatch(label) for label in labels)


def parse_wanted(
    items: Iterable[Mapping[str, Any]], default_name: str = "", *, or_addresses: bool = False
) -> tuple[Wanted, ...]:
    """The module's options as record sets.

    Args:
        items: one each.
        default_name: for those that have none.
        or_addresses: see :attr:`Wanted.or_addresses`.

    Raises:
        HubError: E-DNS-05 for a value that its type cannot have, or a record without a name that can be asked for.
    """
    result = []
    for item in items:
        name = host_name(str(item.get("name") or default_name))
        if not name:
            raise HubError("E-DNS-05", "A wanted record has no name", "give the record's name")
        if len(name) > LONGEST_NAME or not all(map(ASKABLE.fullmatch, name.split("."))):
            what = f"{name!r} cannot be the name of a record"
            raise HubError("E-DNS-05", what, "write the bare name, such as hub.example.org, without https:// and path")
        rtype = str(item["type"]).upper()
        values, without = (
            tuple(sorted({canonical(rtype, str(value)) for value in item.get(key) or []}))
            for key in ("values", "without")
        )
        exact = item.get("exact")
        result.append(Wanted(name, rtype, values, True if exact is None else bool(exact), without, or_addresses))
    if not result:
        raise HubError("E-DNS-05", "There is no record to prove", "name at least one record")
    return tuple(result)


def by_server(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Answers of each server; an address that never answered is left out where another of the same server did.

    A controller without IPv6 cannot reach half of the addresses in the world; the server is proved by the other half.
    An address that answered earlier in the same wait is never left out: what it said then may still be true.
    """
    grouped: dict[str, list[Answer]] = {}
    for answer in answers:
        grouped.setdefault(answer.server, []).append(answer)
    heard = {server: [item for item in items if _counts(item)] for server, items in grouped.items()}
    return {server: heard[server] or grouped[server] for server in sorted(grouped)}


def _counts(answer: Answer) -> bool:
    return answer.code is not Code.TIMEOUT or answer.heard


def alias_of(answers: Iterable[Answer]) -> str:
    """The one name that every authoritative server gives as the alias's target; empty unless all of them do."""
    counted = [item for items in by_server(answers).values() for item in items]
    targets = {item.alias if item.code is Code.ANSWER else "" for item in counted}
    return targets.pop() if len(targets) == 1 else ""


def with_addresses(wanted: Wanted, answer: Answer, instead: Iterable[Answer], target: Iterable[str]) -> Answer:
    """An answer without the wanted alias, together with the addresses that the same server gives for the name.

    Where a name server follows the alias itself (ALIAS of Route 53, CNAME flattening of Cloudflare), and at the top of
    a zone, where no CNAME may stand, nobody ever sees a CNAME. Large load balancers show some of their addresses at a
    time, so a part of them is enough; a single one that is not the target's is wrong.

    Args:
        wanted: the alias.
        answer: what the server says about it.
        instead: what it says about A and AAAA of the same name.
        target: the addresses that the alias's target has at this moment.
    """
    instead = tuple(instead)
    found = tuple(sorted({value for item in instead for value in item.values}))
    if answer.code is not Code.NO_DATA or not found:
        return answer
    told = all(item.code in USABLE and not item.alias for item in instead)
    if not told or not set(found) <= {str(ipaddress.ip_address(text)) for text in target}:
        return replace(answer, addresses=found)
    return replace(answer, code=Code.ANSWER, values=wanted.values, addresses=found)


def agrees(wanted: Wanted, answers: Iterable[Answer]) -> bool:
    """Whether every heard answer of one server is what is wanted."""
    return all(item.code in USABLE and not item.alias and wanted.satisfied_by(item.values) for item in answers)


def proved(look: Look) -> bool:
    """Whether all servers of one look agree with what is wanted; nobody answering proves nothing."""
    servers = by_server(look.answers)
    if not servers or look.problem or not look.complete or not all(alias_of(hop.answers) for hop in look.via):
        return False
    return all(agrees(look.wanted, items) for items in servers.values())


def proved_by_some(look: Look) -> bool:
    """Whether every public resolver that answered agrees; one that is closed off here has no say, but not all."""
    heard = [item for item in look.answers if item.code is not Code.TIMEOUT]
    return bool(heard) and agrees(look.wanted, heard)


def unreachable(looks: Iterable[Look]) -> bool:
    """Whether not one authoritative server could be asked, although they are known or no resolver answers.

    Many networks hand every question to port 53 to a resolver of their own. It refuses, or answers without authority.
    """
    looks = tuple(looks)
    answers = [answer for look in looks for hop in look.via for answer in hop.answers]
    answers += [answer for look in looks for answer in look.answers]
    unknown = [look for look in looks if not look.answers]
    if not all(look.unreachable for look in unknown):
        return False
    return bool(answers or unknown) and all(answer.code in NOT_THEIRS for answer in answers)


def faulty(looks: Iterable[Look]) -> dict[str, tuple[Answer, ...]]:
    """The servers that do not answer properly, where all that do have what is wanted; none where a record is wrong.

    Returns:
        What each of them said that tells nothing about the record.
    """
    found: dict[str, dict[str, Answer]] = {}
    for look in looks:
        counted = [item for items in by_server(look.answers).values() for item in items]
        usable = [item for item in counted if item.code in USABLE]
        if not usable or not agrees(look.wanted, usable):
            return {}
        for item in counted:
            if item.code not in USABLE:
                found.setdefault(item.server, {}).setdefault(item.address, item)
    return {server: tuple(items.values()) for server, items in found.items()}


def standing(round_: Round) -> Standing:
    """What one round amounts to."""
    if round_.must_agree and not (round_.resolvers and all(map(proved, round_.resolvers))):
        return Standing.NOT_YET
    if round_.looks and all(map(proved, round_.looks)):
        return Standing.VERIFIED
    if round_.public and unreachable(round_.looks) and all(map(proved_by_some, round_.public)):
        return Standing.PUBLIC
    return Standing.NOT_YET


def reached(rounds: Sequence[Round]) -> Standing:
    """What the last two rounds amount to: nothing unless they amount to the same."""
    last = [standing(one) for one in rounds[-2:]]
    return last[0] if len(last) == 2 and last[0] is last[1] else Standing.NOT_YET


def current(look: Look) -> dict[str, Any]:
    """What is there now, for somebody who wants to add to it.

    ``agreed`` is false while the servers differ or one of them cannot tell; then nothing may be built upon ``present``.
    """
    answers = [item for items in by_server(look.answers).values() for item in items]
    sets = {item.values for item in answers}
    plain = all(item.code in USABLE and not item.alias and not item.addresses for item in answers)
    agreed = len(sets) == 1 and not look.via and plain
    first = answers[0] if agreed else Answer("", "", Code.NO_DATA)
    return {
        "name": look.wanted.name,
        "type": look.wanted.rtype,
        "agreed": agreed,
        "present": list(first.values),
        "texts": list(first.texts),
        "ttl": first.ttl,
    }
