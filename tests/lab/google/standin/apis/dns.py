# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dns.googleapis.com: managed zones, and record sets that are really served.

A managed zone's records are what the name server has below its name; the stand-in keeps none of its own. Its SOA and NS
sets are shown but not written: the lab's zone around it has them already. The SOA that a client sends is kept, because
a change that replaces another SOA than the zone's own is refused: so two clients that change a zone at once collide.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

from standin import errors, zones
from standin.call import Call, Handler, page, reads, writes
from standin.zones import Records, Set

NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
OWNER = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+")
KINDS = {
    "A",
    "AAAA",
    "CAA",
    "CNAME",
    "MX",
    "NS",
    "PTR",
    "SOA",
    "SRV",
    "TXT",
    "HTTPS",
    "SVCB",
    "DS",
    "NAPTR",
    "SPF",
    "SSHFP",
    "TLSA",
}
SOA = "{server} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"


# ---- zones -------------------------------------------------------------------------------------------------------
def _zone(call: Call, permission: str) -> tuple[dict[str, Any], dict[str, Any]]:
    project = call.project(permission)
    asked = call.path["managedZone"]
    there = call.world.zones.get(project["id"], {})
    found = there.get(asked) or next((one for one in there.values() if one["id"] == asked), None)
    if found is None:
        raise errors.GoogleError(404, f"The 'parameters.managedZone' resource named '{asked}' does not exist.")
    return project, found


def create_zone(call: Call) -> dict[str, Any]:
    project, given = call.project("dns.managedZones.create"), dict(call.body or {})
    name, owner = given.get("name") or "", (given.get("dnsName") or "").lower()
    if not NAME.fullmatch(name):
        raise errors.invalid(f"Invalid value for 'entity.managedZone.name': '{name}'", reason="invalid")
    if not OWNER.fullmatch(owner):
        raise errors.invalid(f"Invalid value for 'entity.managedZone.dnsName': '{owner}'", reason="invalid")
    there = call.world.zones.setdefault(project["id"], {})
    if name in there:
        raise errors.GoogleError(409, f"The resource 'entity.managedZone' named '{name}' already exists")
    if not call.records.within(owner):
        raise errors.invalid(
            f"Please verify ownership of the '{owner}' domain (or a parent) and try again. "
            "(The stand-in has zones at and below the lab's own zone.)",
            reason="verifyManagedZoneDnsNameOwnership",
        )
    there[name] = {
        **given,
        "kind": "dns#managedZone",
        "dnsName": owner,
        "id": call.world.new_id(),
        "description": given.get("description") or "",
        "creationTime": call.world.stamp(),
        "nameServers": list(call.records.servers),
        "visibility": given.get("visibility") or "public",
        "cloudLoggingConfig": given.get("cloudLoggingConfig") or {"kind": "dns#managedZoneCloudLoggingConfig"},
    }
    return there[name]


def get_zone(call: Call) -> dict[str, Any]:
    return _zone(call, "dns.managedZones.get")[1]


def list_zones(call: Call) -> dict[str, Any]:
    project = call.project("dns.managedZones.list")
    wanted = call.query.get("dnsName", "")
    every = [
        one for _name, one in sorted(call.world.zones.get(project["id"], {}).items()) if wanted in ("", one["dnsName"])
    ]
    items, more = page(every, call.query, "maxResults", 100)
    return {"kind": "dns#managedZonesListResponse", "managedZones": items} | ({"nextPageToken": more} if more else {})


def patch_zone(call: Call) -> dict[str, Any]:
    _project, zone = _zone(call, "dns.managedZones.update")
    for key, value in (call.body or {}).items():
        if key in ("dnsName", "name") and value != zone[key]:
            raise errors.invalid(f"The field {key} cannot be changed.")
        if key in ("description", "labels", "cloudLoggingConfig"):
            zone[key] = value
    return {
        "kind": "dns#operation",
        "id": call.world.new_id(),
        "startTime": call.world.stamp(),
        "status": "done",
        "user": call.email,
        "type": "update",
        "zoneContext": {"newValue": zone},
    }


async def delete_zone(call: Call) -> None:
    project, zone = _zone(call, "dns.managedZones.delete")
    if [one for one in await _read(call, zone) if not _own(one, zone)]:
        raise errors.invalid("The managed zone is not empty.", reason="containerNotEmpty")
    del call.world.zones[project["id"]][zone["name"]]
    call.world.soas.pop(zone["id"], None)


# ---- record sets -------------------------------------------------------------------------------------------------
def _own(one: Set, zone: Mapping[str, Any]) -> bool:
    """Whether a set is one of the two every zone has."""
    return one.name == zone["dnsName"] and one.kind in ("NS", "SOA")


async def _read(call: Call, zone: Mapping[str, Any]) -> list[Set]:
    """All record sets of a managed zone, in Google's order (by owner from the right, then type)."""
    name, served = zone["dnsName"], call.records.servers
    found = [one for one in await asyncio.to_thread(call.records.read, name) if not _own(one, zone)]
    soa = call.world.soas.get(zone["id"]) or SOA.format(server=served[0])
    found += [Set(name, "NS", 21600, tuple(served)), Set(name, "SOA", 21600, (soa,))]
    return sorted(found, key=lambda one: (one.name.split(".")[::-1], one.kind))


def _shown(one: Set) -> dict[str, Any]:
    return {
        "kind": "dns#resourceRecordSet",
        "name": one.name,
        "type": one.kind,
        "ttl": one.ttl,
        "rrdatas": list(one.data),
        "signatureRrdatas": [],
    }


def parsed(given: Mapping[str, Any], zone: str, where: str) -> Set:
    """A record set as a client sent it, in canonical form. Raises GoogleError."""
    name, kind = (given.get("name") or "").lower(), given.get("type") or ""
    if not OWNER.fullmatch(name):
        raise errors.invalid(f"Invalid value for '{where}.name': '{name}'", reason="invalid")
    if name != zone and not name.endswith("." + zone):
        raise errors.invalid(f"'{where}.name' '{name}' is not in the zone '{zone}'.", reason="invalidZoneApex")
    if kind not in KINDS:
        raise errors.invalid(f"Invalid value for '{where}.type': '{kind}'", reason="invalid")
    data, ttl = given.get("rrdatas") or [], given.get("ttl", 0)
    if not data or not 0 <= ttl <= 2147483647:
        raise errors.invalid(f"Invalid value for '{where}.rrdatas'", reason="invalid")
    try:
        canonical = tuple(sorted(zones.canonical_data(kind, one) for one in data))
    except Exception as error:  # dnspython has a family of its own for what it cannot parse
        raise errors.invalid(f"Invalid value for '{where}.rrdata[0]': '{data[0]}'", reason="invalid") from error
    if len(set(canonical)) != len(canonical):
        raise errors.invalid(f"'{where}.rrdatas' holds one value twice.", reason="invalid")
    if kind == "CNAME" and len(canonical) != 1:
        raise errors.invalid("A CNAME set has one record.", reason="invalid")
    return Set(name, kind, ttl, canonical)


def judge(there: Iterable[Set], deletions: list[Set], additions: list[Set]) -> None:
    """Raise GoogleError for a change Google would not carry out."""
    now = dict(zones.by_key(there))
    for number, one in enumerate(deletions):
        where, found = f"entity.change.deletions[{number}]", now.pop((one.name, one.kind), None)
        if found is None:
            raise errors.GoogleError(404, f"The '{where}' resource named '{one.name} ({one.kind})' does not exist.")
        if (found.ttl, sorted(found.data)) != (one.ttl, sorted(one.data)):
            raise errors.GoogleError(
                412, f"Precondition not met for '{where}' ('{one.name}' has other data or another TTL)."
            )
    for number, one in enumerate(additions):
        where = f"entity.change.additions[{number}]"
        if (one.name, one.kind) in now:
            raise errors.GoogleError(409, f"The resource '{where}' named '{one.name} ({one.kind})' already exists")
        beside = {kind for name, kind in now if name == one.name}
        if (one.kind == "CNAME" and beside) or "CNAME" in beside:
            raise errors.invalid(
                f"The resource record set '{where}' is invalid because the DNS name '{one.name}' may have either one "
                "CNAME resource record set or resource record sets of other types, but not both.",
                reason="cnameResourceRecordSetConflict",
            )
        now[one.name, one.kind] = one


async def _apply(call: Call, zone: Mapping[str, Any], deletions: list[Set], additions: list[Set]) -> None:
    """Check and carry out a change; one at a time."""
    async with call.lock:
        judge(await _read(call, zone), deletions, additions)
        apex = [one for one in (*deletions, *additions) if _own(one, zone)]
        if apex:  # google.cloud replaces the SOA to raise its serial: kept and shown, not written
            if {one.kind for one in deletions if _own(one, zone)} != {one.kind for one in additions if _own(one, zone)}:
                raise errors.invalid("A zone must contain its SOA and NS sets.", reason="missingRequiredRecord")
            deletions = [one for one in deletions if not _own(one, zone)]
            additions = [one for one in additions if not _own(one, zone)]
        if deletions or additions:
            await _carry_out(call.records, zone, deletions, additions)
        for one in apex:
            if one.kind == "SOA":  # the additions come last
                call.world.soas[zone["id"]] = one.data[0]


async def _carry_out(records: Records, zone: Mapping[str, Any], deletions: list[Set], additions: list[Set]) -> None:
    try:
        await asyncio.to_thread(records.change, zone["dnsName"], deletions, additions)
    except zones.Refused as error:
        raise errors.GoogleError(
            412, f"Precondition not met: the lab's name server said {error}.", reason="conditionNotMet"
        ) from error


async def create_change(call: Call) -> dict[str, Any]:
    project, zone = _zone(call, "dns.changes.create")
    given = call.body or {}
    sets = {
        what: [
            parsed(one, zone["dnsName"], f"entity.change.{what}[{number}]")
            for number, one in enumerate(given.get(what) or [])
        ]
        for what in ("deletions", "additions")
    }
    if not sets["deletions"] and not sets["additions"]:
        raise errors.invalid("The change is empty.", reason="required")
    await _apply(call, zone, sets["deletions"], sets["additions"])
    return _note(call, f"{project['id']}/{zone['name']}", sets)


def _note(call: Call, key: str, sets: Mapping[str, list[Set]]) -> dict[str, Any]:
    kept = call.world.changes.setdefault(key, [])
    made = {
        "kind": "dns#change",
        "id": str(len(kept) + 1),
        "startTime": call.world.stamp(),
        "status": "done",
        **{what: [_shown(one) for one in found] for what, found in sets.items() if found},
    }
    kept.append(made)
    return {**made, "status": "pending"}


def get_change(call: Call) -> dict[str, Any]:
    project, zone = _zone(call, "dns.changes.get")
    for one in call.world.changes.get(f"{project['id']}/{zone['name']}", ()):
        if one["id"] == call.path["changeId"]:
            return one
    raise errors.GoogleError(404, f"The 'parameters.changeId' resource named '{call.path['changeId']}' does not exist.")


def list_changes(call: Call) -> dict[str, Any]:
    project, zone = _zone(call, "dns.changes.list")
    every = call.world.changes.get(f"{project['id']}/{zone['name']}", [])[::-1]
    items, more = page(every, call.query, "maxResults", 100)
    return {"kind": "dns#changesListResponse", "changes": items} | ({"nextPageToken": more} if more else {})


async def list_sets(call: Call) -> dict[str, Any]:
    _project, zone = _zone(call, "dns.resourceRecordSets.list")
    name, kind = call.query.get("name", ""), call.query.get("type", "")
    if kind and not name:
        raise errors.invalid("Parameter 'type' needs parameter 'name'.", reason="invalidFilter")
    found = [one for one in await _read(call, zone) if name in ("", one.name) and kind in ("", one.kind)]
    items, more = page([_shown(one) for one in found], call.query, "maxResults", 100)
    return {"kind": "dns#resourceRecordSetsListResponse", "rrsets": items} | ({"nextPageToken": more} if more else {})


async def _one(call: Call, zone: Mapping[str, Any]) -> Set:
    name, kind = call.path["name"].lower(), call.path["type"]
    for one in await _read(call, zone):
        if (one.name, one.kind) == (name, kind):
            return one
    raise errors.GoogleError(404, f"The 'parameters.name' resource named '{name} ({kind})' does not exist.")


async def get_set(call: Call) -> dict[str, Any]:
    return _shown(await _one(call, _zone(call, "dns.resourceRecordSets.get")[1]))


async def create_set(call: Call) -> dict[str, Any]:
    _project, zone = _zone(call, "dns.resourceRecordSets.create")
    made = parsed(call.body or {}, zone["dnsName"], "entity.resourceRecordSet")
    await _apply(call, zone, [], [made])
    return _shown(made)


async def patch_set(call: Call) -> dict[str, Any]:
    _project, zone = _zone(call, "dns.resourceRecordSets.update")
    old = await _one(call, zone)
    fresh = parsed({**_shown(old), **(call.body or {})}, zone["dnsName"], "entity.resourceRecordSet")
    await _apply(call, zone, [old], [fresh])
    return _shown(fresh)


async def delete_set(call: Call) -> dict[str, Any]:
    _project, zone = _zone(call, "dns.resourceRecordSets.delete")
    await _apply(call, zone, [await _one(call, zone)], [])
    return {}


def get_project(call: Call) -> dict[str, Any]:
    project = call.project("dns.projects.get")
    return {"kind": "dns#project", "id": project["id"], "number": project["number"]}


METHODS: Mapping[str, Handler] = {
    "dns.projects.get": reads(get_project),
    "dns.managedZones.create": writes(create_zone),
    "dns.managedZones.get": reads(get_zone),
    "dns.managedZones.list": reads(list_zones),
    "dns.managedZones.patch": writes(patch_zone),
    "dns.managedZones.delete": writes(delete_zone),
    "dns.changes.create": writes(create_change),
    "dns.changes.get": reads(get_change),
    "dns.changes.list": reads(list_changes),
    "dns.resourceRecordSets.list": reads(list_sets),
    "dns.resourceRecordSets.get": reads(get_set),
    "dns.resourceRecordSets.create": writes(create_set),
    "dns.resourceRecordSets.patch": writes(patch_set),
    "dns.resourceRecordSets.delete": writes(delete_set),
}
