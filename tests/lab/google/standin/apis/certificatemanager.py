# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificatemanager.googleapis.com: certificate maps, and managed certificates that a DNS record proves.

Only what a global external load balancer needs: location ``global``, DNS authorization, no certificates of one's own.
A certificate is looked at when somebody reads it and a look is due: Google finds the CNAME record of its authorization
in the lab's DNS, or it does not, and then looks again after ``certificate_retry_seconds``, as with compute's own ones.
A change is carried out at once; its operation says it goes on as long as the settings want.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from standin import errors, zones
from standin.apis import compute
from standin.call import Call, Handler, page, reads, writes
from standin.gke import certificates
from standin.world import World

HOST = "//certificatemanager.googleapis.com/"
NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
DOMAIN = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
TYPES = "type.googleapis.com/google.cloud.certificatemanager.v1."
CHANGEABLE = ("description", "labels")
REASONS = {
    "FAILED_NOT_VISIBLE": "CONFIG",
    "FAILED_CAA_FORBIDDEN": "CAA",
    "FAILED_CAA_CHECKING": "CAA",
    "FAILED_RATE_LIMITED": "RATE_LIMITED",
}
Part = dict[str, Any]  # {"shown": the resource as it was given, "life": of a certificate}


@dataclass(frozen=True)
class Kind:
    """One kind of resource: its collection, the parameter that names a new one, the word in permissions."""

    word: str
    collection: str
    parameter: str
    permission: str
    changeable: tuple[str, ...] = CHANGEABLE


AUTHORIZATION = Kind("DnsAuthorization", "dnsAuthorizations", "dnsAuthorizationId", "dnsauthorizations")
CERTIFICATE = Kind("Certificate", "certificates", "certificateId", "certs")
MAP = Kind("CertificateMap", "certificateMaps", "certificateMapId", "certmaps")
ENTRY = Kind(
    "CertificateMapEntry", "certificateMapEntries", "certificateMapEntryId", "certmapentries",
    (*CHANGEABLE, "certificates"),
)  # fmt: skip


# ---- names -------------------------------------------------------------------------------------------------------
def _project(call: Call, permission: str) -> dict[str, Any]:
    parts = (call.path.get("parent") or call.path["name"]).split("/")
    if parts[3] != "global":
        raise errors.GoogleError(501, f"The stand-in has no location {parts[3]}.", violation=True)
    return call.project(f"certificatemanager.{permission}", parts[1])


def _whole(world: World, name: str) -> str:
    """A resource's name with the project by id, however it was written."""
    parts = name.split("/")
    if len(parts) < 6 or parts[0] != "projects":
        raise errors.invalid(f"Malformed name: '{name}'. (A name in full is wanted.)")
    return "/".join(["projects", str(world.project(parts[1])["id"]), *parts[2:]])


def _by_number(world: World, name: str) -> str:
    """How Google shows a reference: with the project's number."""
    parts = name.split("/")
    return "/".join(["projects", world.project(parts[1])["number"], *parts[2:]])


def _existing(call: Call, name: str) -> Part:
    found = call.world.certificate_manager.get(name)
    if found is None:
        raise errors.GoogleError(404, f"Resource '{name}' was not found")
    return found


def _below(world: World, parent: str, collection: str) -> dict[str, Part]:
    stem = f"{parent}/{collection}/"
    return {
        name: part
        for name, part in sorted(world.certificate_manager.items())
        if name.startswith(stem) and "/" not in name.removeprefix(stem)
    }


def map_exists(world: World, project: str, name: str) -> bool:
    """Whether a load balancer of this project finds the map."""
    return f"projects/{project}/locations/global/certificateMaps/{name}" in world.certificate_manager


def served(world: World, link: str, host: str) -> Mapping[str, Any] | None:
    """The certificate that a map (as a target proxy names it) holds for a host name, if it is issued."""
    for entry in _below(world, link.removeprefix(HOST), ENTRY.collection).values():
        if entry["shown"].get("hostname") != host:
            continue
        for name in entry["shown"]["certificates"]:
            part = world.certificate_manager.get(name)
            if part and _issued(part):
                managed = {"domains": part["shown"]["managed"]["domains"], "status": "ACTIVE"}
                return {"name": name, "id": part["id"], "type": "MANAGED", "managed": managed}
    return None


# ---- a certificate's life ----------------------------------------------------------------------------------------
def _issued(part: Part) -> bool:
    ordered = part.get("ordered", {}).get("state")
    return bool((ordered or certificates.life(part["life"]).status) == "ACTIVE")


async def _age(call: Call, part: Part) -> None:
    """Look whether the domains are proved, if a look is due."""
    settings, now = call.world.settings, call.world.now()
    life = certificates.life(part["life"])
    first, retry = settings.certificate_seconds, settings.certificate_retry_seconds
    if part.get("ordered") or not certificates.due(life, now, True, first, retry):
        return
    records = [
        call.world.certificate_manager[name]["shown"]["dnsResourceRecord"]
        for name in part["shown"]["managed"]["dnsAuthorizations"]
    ]
    domains = part["shown"]["managed"]["domains"]
    found = await asyncio.to_thread(_looked_up, call.records, dict(zip(domains, records, strict=True)))
    part["life"] = certificates.look(life, now, found).as_json()


def _looked_up(records: zones.Records, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, certificates.Domain]:
    """What DNS says about each domain: the record that proves it in place of addresses, and CAA."""
    seen = {}
    for domain, record in wanted.items():
        try:
            found: frozenset[str] | None = frozenset(one.lower() for one in records.look_up(record["name"], "CNAME"))
        except zones.Trouble:
            found = None
        seen[domain] = certificates.Domain(frozenset({record["data"]}), found, zones.caa_of(records, domain))
    return seen


def _managed(world: World, part: Part) -> dict[str, Any]:
    """The managed certificate as Google shows it: state, attempts, and what stands in the way."""
    life = certificates.life(part["life"])
    given = part["shown"]["managed"]
    proofs = [_by_number(world, name) for name in given["dnsAuthorizations"]]
    shown = {"domains": given["domains"], "dnsAuthorizations": proofs}
    if part.get("ordered"):
        return {**shown, **part["ordered"]}
    if life.status == "ACTIVE":
        attempts = [{"domain": domain, "state": "AUTHORIZED"} for domain in given["domains"]]
        return {**shown, "state": "ACTIVE", "authorizationAttemptInfo": attempts}
    shown["state"] = "PROVISIONING"
    if life.looked:
        shown["authorizationAttemptInfo"] = [_attempt(world, life, *one) for one in life.domains]
        shown["provisioningIssue"] = {
            "reason": "AUTHORIZATION_ISSUE", "details": "Some of the domains could not be authorized.",
        }  # fmt: skip
    return shown


def _attempt(world: World, life: certificates.Life, domain: str, status: str) -> dict[str, Any]:
    if status == "ACTIVE":
        return {"domain": domain, "state": "AUTHORIZED"}
    reason = REASONS[status]
    words = {"CONFIG": "No CNAME record was found that proves the domain.", "CAA": "A CAA record forbids it."}
    found = {
        "domain": domain, "state": "FAILED", "failureReason": reason, "details": words.get(reason, "Try later."),
        "attemptTime": world.stamp(life.looked),
    }  # fmt: skip
    return found | ({"troubleshooting": {"issues": ["CNAME_MISMATCH"]}} if reason == "CONFIG" else {})


# ---- how a part is shown -----------------------------------------------------------------------------------------
def _shown(world: World, name: str, kind: Kind) -> dict[str, Any]:
    part = world.certificate_manager[name]
    shown = {"name": name, **part["shown"]}
    if kind is CERTIFICATE:
        shown |= {"managed": _managed(world, part), "sanDnsnames": part["shown"]["managed"]["domains"]}
        if _issued(part):
            active = certificates.life(part["life"]).active or world.now()
            shown["expireTime"] = world.stamp(active + certificates.DAYS * 86400)
    if kind is ENTRY:
        shown |= {"certificates": [_by_number(world, one) for one in shown["certificates"]], "state": "ACTIVE"}
    if kind is MAP:
        targets = [{"targetHttpsProxy": link} for link, rules in _proxies(world, name).items() if rules]
        shown |= {"gclbTargets": targets} if targets else {}
    return shown


def _proxies(world: World, name: str) -> dict[str, bool]:
    """Target proxies that use a map, and whether a forwarding rule leads to each."""
    rules = [
        rule.get("target")
        for key, there in world.compute.items()
        if key.endswith("/forwardingRules")
        for rule in there.values()
    ]
    return {
        "//compute.googleapis.com/" + one["selfLink"].removeprefix(compute.LINK): one["selfLink"] in rules
        for key, there in world.compute.items()
        if key.endswith("/targetHttpsProxies")
        for one in there.values()
        if one.get("certificateMap") == HOST + name
    }


def _user(world: World, name: str, kind: Kind) -> str:
    """What kind of thing uses a part, which cannot be deleted then; empty if nothing does."""
    parts = [part["shown"] for part in world.certificate_manager.values()]
    if kind is MAP:
        entry = "certificate map entry" if _below(world, name, ENTRY.collection) else ""
        return entry or ("target proxy" if _proxies(world, name) else "")
    if kind is CERTIFICATE:
        return "certificate map entry" if any(name in one.get("certificates", ()) for one in parts) else ""
    proofs = [one.get("managed", {}).get("dnsAuthorizations", ()) for one in parts]
    return "certificate" if any(name in one for one in proofs) else ""


# ---- what is made ------------------------------------------------------------------------------------------------
def _make_authorization(call: Call, project: Mapping[str, Any], body: dict[str, Any], _name: str) -> None:
    domain = body.get("domain") or ""
    if not DOMAIN.fullmatch(domain):
        raise errors.invalid(f"Invalid domain: '{domain}'.")
    kind = body.setdefault("type", "FIXED_RECORD")
    secret = hashlib.sha256(f"lab|{project['id']}|{domain}|{kind}".encode()).hexdigest()
    label = f"_acme-challenge_{secret[:16]}" if kind == "PER_PROJECT_RECORD" else "_acme-challenge"
    data = f"{secret[:16]}.{int(secret[16:18], 16) % 20}.authorize.certificatemanager.goog."
    body["dnsResourceRecord"] = {"name": f"{label}.{domain}.", "type": "CNAME", "data": data}


def _make_certificate(call: Call, _project: Mapping[str, Any], body: dict[str, Any], _name: str) -> None:
    managed = body.get("managed") or {}
    domains, proofs = managed.get("domains") or [], managed.get("dnsAuthorizations") or []
    if not domains or not proofs or body.get("selfManaged") or managed.get("issuanceConfig"):
        raise errors.GoogleError(501, "The stand-in knows managed certificates with DNS authorization.", violation=True)
    by_domain = {}
    for name in (_whole(call.world, one) for one in proofs):
        by_domain[_existing(call, name)["shown"]["domain"]] = name
    bare = [domain.removeprefix("*.") for domain in domains]
    if any(domain not in by_domain for domain in bare) or len(proofs) != len(set(bare)):
        raise errors.invalid("Each domain needs its DNS authorization, and each authorization its domain.")
    body["managed"] = {"domains": domains, "dnsAuthorizations": [by_domain[domain] for domain in bare]}


def _make_entry(call: Call, _project: Mapping[str, Any], body: dict[str, Any], name: str) -> None:
    if bool(body.get("hostname")) is bool(body.get("matcher")):
        raise errors.invalid("Exactly one of hostname and matcher is wanted.")
    parent = name.rsplit("/", 2)[0]
    _existing(call, parent)
    taken = [one["shown"].get("hostname") for one in _below(call.world, parent, ENTRY.collection).values()]
    if body.get("hostname") in taken and body.get("hostname"):
        raise errors.GoogleError(409, f"The map has an entry for '{body['hostname']}' already.")
    _change_entry(call, body)


def _change_entry(call: Call, body: dict[str, Any]) -> None:
    given = body.get("certificates") or []
    if not 1 <= len(given) <= 4:
        raise errors.invalid("An entry has one to four certificates.")
    body["certificates"] = [_whole(call.world, one) for one in given]
    for name in body["certificates"]:
        _existing(call, name)


def _make_nothing(_call: Call, _project: Mapping[str, Any], _body: dict[str, Any], _name: str) -> None:
    """A map holds nothing of its own."""


MAKERS: Mapping[str, Callable[[Call, Mapping[str, Any], dict[str, Any], str], None]] = {
    AUTHORIZATION.collection: _make_authorization,
    CERTIFICATE.collection: _make_certificate,
    MAP.collection: _make_nothing,
    ENTRY.collection: _make_entry,
}


# ---- operations --------------------------------------------------------------------------------------------------
def _operation(call: Call, project: Mapping[str, Any], verb: str, target: str, response: dict[str, Any]) -> Any:
    world = call.world
    name = f"projects/{project['id']}/locations/global/operations/operation-{world.new_id()}"
    about = {
        "@type": TYPES + "OperationMetadata", "createTime": world.stamp(), "target": target, "verb": verb,
        "apiVersion": "v1",
    }  # fmt: skip
    done = world.now() + world.settings.operation_seconds
    world.operations[name] = {
        "shown": {"name": name, "metadata": about}, "response": response, "done": done, "request": "",
    }  # fmt: skip
    return _shown_operation(world, name)


def _shown_operation(world: World, name: str) -> dict[str, Any]:
    kept = world.operations[name]
    if world.now() < kept["done"]:
        return {**kept["shown"], "done": False}
    return {**kept["shown"], "done": True, "response": kept["response"]}


def get_operation(call: Call) -> dict[str, Any]:
    _project(call, "operations.get")
    name = _whole(call.world, call.path["name"])
    if name not in call.world.operations:
        raise errors.GoogleError(404, f"Resource '{name}' was not found")
    return _shown_operation(call.world, name)


# ---- handlers ----------------------------------------------------------------------------------------------------
def create(kind: Kind, call: Call) -> Any:
    project = _project(call, f"{kind.permission}.create")
    identifier = call.query.get(kind.parameter, "")
    if not NAME.fullmatch(identifier):
        raise errors.invalid(f"Invalid {kind.parameter}: '{identifier}'.")
    name = _whole(call.world, f"{call.path['parent']}/{kind.collection}/{identifier}")
    if name in call.world.certificate_manager:
        raise errors.GoogleError(409, f"Resource '{name}' already exists")
    body = {key: value for key, value in (call.body or {}).items() if key != "name"}
    MAKERS[kind.collection](call, project, body, name)
    stamp = call.world.stamp()
    part: Part = {"id": call.world.new_id(), "shown": {**body, "createTime": stamp, "updateTime": stamp}}
    if kind is CERTIFICATE:
        domains = tuple((domain, "PROVISIONING") for domain in body["managed"]["domains"])
        part["life"] = certificates.Life(call.world.now(), domains=domains).as_json()
    call.world.certificate_manager[name] = part
    return _operation(call, project, "create", name, _typed(call.world, name, kind))


async def get(kind: Kind, call: Call) -> dict[str, Any]:
    _project(call, f"{kind.permission}.get")
    name = _whole(call.world, call.path["name"])
    part = _existing(call, name)
    if kind is CERTIFICATE:
        await _age(call, part)
        _existing(call, name)  # somebody may have deleted it while DNS was asked
    return _shown(call.world, name, kind)


async def list_all(kind: Kind, call: Call) -> dict[str, Any]:
    _project(call, f"{kind.permission}.list")
    if call.query.get("filter") or call.query.get("orderBy"):
        raise errors.GoogleError(501, "The stand-in filters and sorts nothing here.", violation=True)
    parent = _whole(call.world, f"{call.path['parent']}/{kind.collection}/any").rsplit("/", 2)[0]
    if kind is ENTRY:
        _existing(call, parent)
    found = _below(call.world, parent, kind.collection)
    for part in found.values() if kind is CERTIFICATE else ():
        await _age(call, part)
    items, more = page(
        [_shown(call.world, name, kind) for name in found if name in call.world.certificate_manager], call.query
    )
    return ({kind.collection: items} if items else {}) | ({"nextPageToken": more} if more else {})


def patch(kind: Kind, call: Call) -> Any:
    project = _project(call, f"{kind.permission}.update")
    name = _whole(call.world, call.path["name"])
    part, fields = _existing(call, name), _fields(call, kind)
    body = {key: (call.body or {}).get(key) for key in fields}
    if "certificates" in body:
        _change_entry(call, body)
    part["shown"] |= {**body, "updateTime": call.world.stamp()}
    return _operation(call, project, "update", name, _typed(call.world, name, kind))


def delete(kind: Kind, call: Call) -> Any:
    project = _project(call, f"{kind.permission}.delete")
    name = _whole(call.world, call.path["name"])
    _existing(call, name)
    user = _user(call.world, name, kind)
    if user:
        raise _still_used(name, kind, user)
    del call.world.certificate_manager[name]
    empty = {"@type": "type.googleapis.com/google.protobuf.Empty"}
    return _operation(call, project, "delete", name, empty)


def _still_used(name: str, kind: Kind, user: str) -> errors.GoogleError:
    """As at Google the subject is the part itself; which one uses it is not said."""
    told = f"The {kind.word} cannot be deleted while a {user} refers to it"
    violation = {"type": "RESOURCE_STILL_IN_USE", "subject": f"{HOST[2:]}{name}", "description": told}
    details = [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}]
    return errors.invalid(told, status="FAILED_PRECONDITION", details=details)


def _handlers(kind: Kind, below: str = "") -> Mapping[str, Handler]:
    stem = f"certificatemanager.projects.locations.{below}{kind.collection}"
    return {
        f"{stem}.create": writes(partial(create, kind)),
        f"{stem}.get": reads(partial(get, kind)),
        f"{stem}.list": reads(partial(list_all, kind)),
        f"{stem}.patch": writes(partial(patch, kind)),
        f"{stem}.delete": writes(partial(delete, kind)),
    }


def _fields(call: Call, kind: Kind) -> Iterable[str]:
    fields = [one for one in call.query.get("updateMask", "").split(",") if one]
    wrong = [one for one in fields if one not in kind.changeable]
    if wrong or not fields:
        raise errors.invalid(f"Of a {kind.word} only {', '.join(kind.changeable)} can be changed.")
    return fields


def _typed(world: World, name: str, kind: Kind) -> dict[str, Any]:
    return {"@type": TYPES + kind.word, **_shown(world, name, kind)}


def order(world: World, name: str, managed: Mapping[str, Any] | None) -> None:
    """What a certificate shows from now on, whatever DNS says; None lets it be looked at again, and at once."""
    part = world.certificate_manager.get(_whole(world, name))
    if part is None or "life" not in part:
        raise errors.GoogleError(404, f"no certificate {name}")
    part.pop("ordered", None)
    if managed is not None:
        part["ordered"] = dict(managed)
    elif not _issued(part):
        life = certificates.life(part["life"])
        part["life"] = certificates.Life(0.0, domains=life.domains).as_json()


METHODS: Mapping[str, Handler] = {
    **_handlers(AUTHORIZATION),
    **_handlers(CERTIFICATE),
    **_handlers(MAP),
    **_handlers(ENTRY, "certificateMaps."),
    "certificatemanager.projects.locations.operations.get": reads(get_operation),
}
