# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What was seen at the name servers, and why that is not enough, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._core.errors import HubError
from .verdicts import USABLE, Answer, Code, Look, Round, Standing, by_server, faulty, proved, unreachable


def describe_round(round_: Round) -> str:
    """A whole round in words, the authoritative servers first."""
    parts = [describe(round_.looks)]
    if round_.public:
        parts.append(f"{Standing.PUBLIC.value}; over HTTPS {describe(round_.public, 'public resolvers')}")
    behind = [look for look in round_.resolvers if not proved(look)]
    if behind:
        parts.append(f"but {describe(behind, 'named resolvers')}{_remembered(behind)}")
    return "; ".join(parts)


def _remembered(looks: Sequence[Look]) -> str:
    """How long the oldest memory may last, where there is one."""
    longest = max((answer.ttl for look in looks for answer in look.answers), default=0)
    return f", remembered for at most {longest} s" if longest else ""


def describe(looks: Sequence[Look], whom: str = "authoritative servers") -> str:
    """One round in words: ``A 198.51.100.4 and AAAA 2001:db8::9 at 2 of 2 authoritative servers``."""
    names = list(dict.fromkeys(look.wanted.name for look in looks))
    parts = []
    for name in names:
        text = _describe_name([look for look in looks if look.wanted.name == name], whom)
        parts.append(f"{name}: {text}" if len(names) > 1 else text)
    return "; ".join(parts)


def _describe_name(looks: Sequence[Look], whom: str) -> str:
    problems = list(dict.fromkeys(look.problem for look in looks if look.problem))
    if problems:
        return ", ".join(problems)
    servers = list(dict.fromkeys(answer.server for look in looks for answer in look.answers))
    said: dict[str, list[str]] = {}
    for server in servers:
        said.setdefault(_server_text(server, looks), []).append(server)
    wildcard = " (from a wildcard, not from a record of its own)" if any(look.wildcard for look in looks) else ""
    if any(not look.complete and any(item.code in USABLE for item in look.answers) for look in looks):
        whom += " (none of them tells yet whether there are more)"
    if len(said) == 1:
        return f"{next(iter(said))} at {len(servers)} of {len(servers)} {whom}{wildcard}"
    groups = (f"{text} at {len(group)} of {len(servers)} ({', '.join(group)})" for text, group in said.items())
    return ", ".join(groups) + wildcard


def _server_text(server: str, looks: Sequence[Look]) -> str:
    found, other = [], []
    for look in looks:
        for answer in by_server(look.answers).get(server, []):
            if answer.alias:
                found.append(f"CNAME {answer.alias}")
            elif answer.addresses and answer.values:
                found.append(f"addresses of {', '.join(answer.values)}")
            elif answer.addresses:
                found.append(f"addresses {', '.join(answer.addresses)}, not all of {look.wanted.host}")
            elif answer.values:
                found.append(f"{look.wanted.rtype} {', '.join(answer.values)}")
            elif answer.code is not Code.NO_DATA:
                other.append(answer.code.value)
    texts = list(dict.fromkeys(found)) or list(dict.fromkeys(other)) or [Code.NO_DATA.value]
    return " and ".join(texts)


def not_proved(round_: Round, seconds: float, details: dict[str, Any]) -> HubError:
    """The error when the time is up."""
    looks = round_.looks
    names = ", ".join(dict.fromkeys(look.wanted.name for look in looks))
    error_id, what, do = _reason(round_, names)
    return HubError(
        error_id=error_id,
        what=what,
        seen=describe_round(round_),
        wanted=f"{_wanted_text(looks)}; waited {seconds:.0f} s",
        do=do,
        details=details,
    )


def _wanted_text(looks: Sequence[Look]) -> str:
    names = dict.fromkeys(look.wanted.name for look in looks)
    texts = (", ".join(look.wanted.text() for look in looks if look.wanted.name == name) for name in names)
    return "; ".join(dict.fromkeys(texts))


def _reason(round_: Round, names: str) -> tuple[str, str, str]:
    """Error id, what happened, and what to do."""
    looks = round_.looks
    if unreachable(looks):
        return _out_of_reach(round_, names)
    if any(look.problem for look in looks):
        do = "check the name, its delegation and this machine's resolver, then run again"
        return "E-DNS-01", f"The zone of {names} could not be found", do
    if round_.must_agree and all(map(proved, looks)):
        return (
            "E-DNS-09",
            f"{names} is right at every authoritative server, but not at every named resolver",
            (
                "wait until the resolver has forgotten the old record; if it never does, it answers from a zone of its "
                "own (split horizon): correct that zone, or leave the resolver out"
            ),
        )
    broken = faulty(looks)
    if broken:
        return _broken_servers(broken, looks, names)
    if looks and all(proved(replace(look, complete=True)) for look in looks):
        return _untold_servers(looks, names)
    return _wrong_record(looks, names)


def _wrong_record(looks: Sequence[Look], names: str) -> tuple[str, str, str]:
    """The same, where the servers tell something else."""
    if any(look.wildcard for look in looks):
        do = "add a record for this name itself, or correct the wildcard, and run again"
        return "E-DNS-02", f"{names} points elsewhere", do
    elsewhere = any(answer.values or answer.alias or answer.addresses for look in looks for answer in look.answers)
    what = f"{names} {'points elsewhere' if elsewhere else 'has no such record'}"
    return "E-DNS-02", what, "correct the record, run again"


def _untold_servers(looks: Sequence[Look], names: str) -> tuple[str, str, str]:
    """The same, where there may be servers that nobody told of."""
    zones = ", ".join(dict.fromkeys(look.zone for look in looks if not look.complete))
    what = f"{names} is right at every name server known, but none of them tells which ones the zone has"
    return "E-DNS-04", what, f"let them answer questions for NS of {zones}, run again"


def _out_of_reach(round_: Round, names: str) -> tuple[str, str, str]:
    """The same, where no authoritative server was heard."""
    asked = [item for look in round_.looks for item in look.answers]
    replaced = any(item.code is not Code.TIMEOUT for item in asked)
    told = any(item.code in USABLE for look in round_.public for item in look.answers)
    do = "open port 53 (UDP and TCP) outward for this machine, or run from one that has it"
    if round_.public and (told or not replaced):
        do = "correct the record, or wait until public resolvers have forgotten the old one, and run again"
    elif replaced:
        do = (
            "run from a machine whose questions to port 53 reach the servers themselves; where they refuse there, too, "
            "they do not know the zone: correct its delegation"
        )
    way = ", or something on the way answers in their place" if replaced else ""
    what = f"The authoritative name servers of {names} cannot be reached from here{way}, so nothing is proved"
    return "E-DNS-03", what, do


def _broken_servers(broken: Mapping[str, Sequence[Answer]], looks: Sequence[Look], names: str) -> tuple[str, str, str]:
    """The same, where the record is right at every server that answers properly."""
    told = [f"{server} ({', '.join({item.code.value: '' for item in items})})" for server, items in broken.items()]
    do = "repair them, or take them out of the zone's NS records"
    heard = [item.address for look in looks for item in look.answers if item.code is not Code.TIMEOUT]
    for family, mark in (("IPv6", ":"), ("IPv4", ".")):
        far = [server for server, items in broken.items() if all(_is_silent(item, mark) for item in items)]
        if far and not any(mark in address for address in heard):
            do += f"; {', '.join(far)} answers over {family} only, or not at all: run from a machine with {family}"
    what = f"{names} is right wherever a name server answers properly, but not all of them do: {', '.join(told)}"
    return "E-DNS-04", what, do


def _is_silent(answer: Answer, mark: str) -> bool:
    """Whether nothing came from this address, of the family whose addresses have this mark."""
    return answer.code is Code.TIMEOUT and mark in answer.address
