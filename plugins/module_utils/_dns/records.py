# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Which records a name shall have, and which changes lead there. Pure.

A TXT record set belongs to many (mail, other verifications), so a value is added to what is there and taken from what
is there; everything else keeps its place, its spelling and its time to live.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .verdicts import host_name

STRING_BYTES = 255
"""A TXT record is a list of strings of at most so many bytes."""
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)', re.DOTALL)


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


def quoted(value: str) -> str:
    """A TXT value as a zone file has it: quoted strings, none too long."""
    raw = value.encode()
    parts = [raw[start : start + STRING_BYTES] for start in range(0, len(raw), STRING_BYTES)] or [b""]
    return " ".join(f'"{"".join(map(_escaped, part))}"' for part in parts)


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}"


def unquoted(text: str) -> str:
    """The value behind a zone file's spelling; several strings are one value."""
    joined = "".join(match[1] if match[1] is not None else match[2] for match in TEXT.finditer(text))
    raw = re.sub(rb"\\(\d{3}|.)", _unescaped, joined.encode(), flags=re.DOTALL)
    return raw.decode(errors="backslashreplace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1]) & 255]) if len(match[1]) == 3 else match[1]


def merged_texts(texts: Sequence[str], present: Iterable[str], absent: Iterable[str]) -> list[str]:
    """The TXT record set with some values added and some taken away.

    Args:
        texts: what is there, as a zone file has it.
        present: values that must be there afterwards.
        absent: values that must not.
    """
    gone = set(absent)
    kept = [text for text in texts if unquoted(text) not in gone]
    there = {unquoted(text) for text in kept}
    return kept + [quoted(value) for value in dict.fromkeys(present) if value not in there | gone]


@dataclass(frozen=True)
class Change:
    """One record set that Cloud DNS must have otherwise.

    Attributes:
        rtype: the type.
        target: the values; empty means that the set goes.
        ttl: seconds that others may remember it.
    """

    rtype: str
    target: tuple[str, ...]
    ttl: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the role."""
        state = "present" if self.target else "absent"
        return {"type": self.rtype, "state": state, "target": list(self.target), "ttl": self.ttl}


def cloud_zone(zones: Iterable[Mapping[str, Any]], domain: str, wanted: str = "") -> dict[str, str]:
    """The managed zone of Cloud DNS that holds a name: the named one, else the closest public one.

    Raises:
        HubError: E-DNS-10 where there is none, or several of one domain, of which the world asks one only.
    """
    name = host_name(domain)
    known = [zone for zone in zones if zone.get("name") and zone.get("dnsName")]
    named = [zone for zone in known if wanted in ("", zone["name"])]
    holding = [zone for zone in named if _holds(str(zone["dnsName"]), name)]
    public = [zone for zone in holding if zone.get("visibility", "public") == "public"]
    if not public:
        raise HubError(
            error_id="E-DNS-10",
            what=f"Cloud DNS has no public managed zone {wanted + ' ' if wanted else ''}that holds {name}",
            seen=", ".join(f"{zone['name']} ({zone['dnsName']})" for zone in known) or "no zone at all",
            do="check hub_dns_zone (the managed zone's name, not the domain's), hub_dns_project and hub_domain",
        )
    best = max(public, key=lambda zone: len(str(zone["dnsName"])))
    twins = [zone for zone in public if host_name(str(zone["dnsName"])) == host_name(str(best["dnsName"]))]
    if len(twins) > 1:
        raise HubError(
            error_id="E-DNS-10",
            what=f"Cloud DNS has {len(twins)} public managed zones for {best['dnsName']}, and the world asks only one",
            seen="; ".join(f"{zone['name']} ({', '.join(map(str, zone.get('nameServers') or []))})" for zone in twins),
            do=f"set hub_dns_zone to the one with the name servers that the registrar names (dig NS {best['dnsName']})",
        )
    return {"name": str(best["name"]), "dnsName": str(best["dnsName"])}


def _holds(zone: str, name: str) -> bool:
    bare = host_name(zone)
    return name == bare or name.endswith("." + bare)


def cloud_changes(
    rrsets: Iterable[Mapping[str, Any]], domain: str, wanted: Mapping[str, Sequence[str]], ttl: int
) -> list[Change]:
    """What must change in a managed zone so that a name has the wanted record sets, removals first.

    google.cloud.gcp_dns_resource_record_set takes a set that has more than the wanted values for right. Another time to
    live makes it look again, so that the values too many go in one step, without a moment in which the name has none.

    Args:
        rrsets: the zone's record sets as the API gives them.
        domain: the name.
        wanted: values by type; an empty list means that there must be no such set.
        ttl: for new sets; one that exists keeps its own.

    Raises:
        HubError: E-DNS-11 for a name that a routing policy answers for.
    """
    name = host_name(domain)
    there = {str(item["type"]): item for item in rrsets if host_name(str(item["name"])) == name}
    changes = []
    for rtype, values in wanted.items():
        found = there.get(rtype)
        if found is not None and not found.get("rrdatas"):
            raise HubError(
                "E-DNS-11",
                f"The {rtype} record of {name} is answered by a routing policy of Cloud DNS, which is not overwritten",
                "remove the policy, or set hub_dns_provider: manual",
            )
        before = [_cloud_form(rtype, str(value)) for value in (found or {}).get("rrdatas") or []]
        target = list(dict.fromkeys(_cloud_form(rtype, str(value)) for value in values))
        if set(before) != set(target):
            seconds = int((found or {}).get("ttl") or ttl)
            changes.append(Change(rtype, tuple(target), seconds + (set(target) < set(before) and bool(target))))
    return sorted(changes, key=lambda change: bool(change.target))


def _cloud_form(rtype: str, value: str) -> str:
    """One value as Cloud DNS spells it."""
    if rtype == "CNAME":
        return host_name(value) + "."
    if rtype in ("A", "AAAA"):
        return str(ipaddress.ip_address(value))
    return value
