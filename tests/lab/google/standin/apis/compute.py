# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.googleapis.com: load-balancer parts and addresses, made by clients or by the cluster's controller.

One table per collection (``projects/P/global/backendServices``), one set of functions for all of them; what differs is
in ``KINDS``. A change is carried out at once; its operation says RUNNING as long as the settings want.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from standin import errors
from standin.call import Call, Handler, page, reads, writes
from standin.world import World

LINK = "https://www.googleapis.com/compute/v1/"
NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
QUOTA = {"addresses": 60, "sslCertificates": 90, "backendServices": 150}
OUTPUT = ("id", "creationTimestamp", "selfLink", "kind", "region", "fingerprint", "status", "expireTime", "users")


@dataclass(frozen=True)
class Kind:
    """One kind of resource: its word in ``kind`` and in links, and what is filled in or hidden."""

    word: str
    collection: str
    fill: Callable[[World, dict[str, Any], str], None] | None = None
    fingerprinted: bool = False


# ---- what is filled in -----------------------------------------------------------------------------------------
def _fill_address(world: World, body: dict[str, Any], where: str) -> None:
    body.setdefault("addressType", "EXTERNAL")
    body["ipVersion"] = body.get("ipVersion") or "IPV4"
    body.setdefault("networkTier", "PREMIUM")
    body["status"] = "RESERVED"
    if not body.get("address"):
        pool = world.projects[where.split("/")[1]].get("pool") or ["203.0.113.10", "203.0.113.11", "203.0.113.12"]
        family = ":" if body["ipVersion"] == "IPV6" else "."
        used = {one.get("address") for table in world.compute.values() for one in table.values()}
        free = [one for one in pool if one not in used and family in one]
        if not free:
            raise errors.GoogleError(403, "Quota 'STATIC_ADDRESSES' exceeded.", reason="quotaExceeded")
        body["address"] = free[0]


def _fill_certificate(world: World, body: dict[str, Any], _where: str) -> None:
    managed = body.get("managed") or {}
    body["type"] = body.get("type") or ("MANAGED" if managed else "SELF_MANAGED")
    if body["type"] == "MANAGED":
        domains = managed.get("domains") or []
        if not 1 <= len(domains) <= 100:
            raise errors.invalid(
                "Invalid value for field 'resource.managed.domains': 1 to 100 domains.", reason="invalid"
            )
        for domain in domains:
            if "*" in domain or len(domain) > 63:
                raise errors.invalid(
                    f"Invalid value for field 'resource.managed.domains': '{domain}'.", reason="invalid"
                )
        body["managed"] = {
            "domains": domains,
            "status": "PROVISIONING",
            "domainStatus": dict.fromkeys(domains, "PROVISIONING"),
        }
        body["subjectAlternativeNames"] = list(domains)
    elif not body.get("certificate") or not body.get("privateKey"):
        raise errors.invalid("Required field 'resource.certificate' not specified", reason="required")
    else:
        body["selfManaged"] = {"certificate": body["certificate"]}
        body["hiddenKey"] = body.pop("privateKey")


def _fill_backend(_world: World, body: dict[str, Any], _where: str) -> None:
    body.setdefault("protocol", "HTTP")
    body.setdefault("timeoutSec", 30)
    body.setdefault("loadBalancingScheme", "EXTERNAL")
    body.setdefault("sessionAffinity", "NONE")
    body.setdefault("connectionDraining", {"drainingTimeoutSec": 0})
    _hide_secret(body)


def _hide_secret(body: dict[str, Any]) -> None:
    iap = body.get("iap")
    if iap and "oauth2ClientSecret" in iap:
        secret = iap.pop("oauth2ClientSecret")
        if secret:
            iap["oauth2ClientSecretSha256"] = hashlib.sha256(secret.encode()).hexdigest()
    if iap and not iap.get("oauth2ClientId"):
        iap.pop("oauth2ClientSecretSha256", None)


def _fill_policy(_world: World, body: dict[str, Any], _where: str) -> None:
    body.setdefault("type", "CLOUD_ARMOR")
    body.setdefault(
        "rules",
        [
            {
                "kind": "compute#securityPolicyRule",
                "priority": 2147483647,
                "action": "allow",
                "match": {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["*"]}},
                "description": "default rule",
            }
        ],
    )


KINDS: Mapping[str, Kind] = {
    "addresses": Kind("address", "addresses", _fill_address),
    "backendServices": Kind("backendService", "backendServices", _fill_backend, fingerprinted=True),
    "sslCertificates": Kind("sslCertificate", "sslCertificates", _fill_certificate),
    "targetHttpsProxies": Kind("targetHttpsProxy", "targetHttpsProxies", fingerprinted=True),
    "targetHttpProxies": Kind("targetHttpProxy", "targetHttpProxies", fingerprinted=True),
    "urlMaps": Kind("urlMap", "urlMaps", fingerprinted=True),
    "forwardingRules": Kind("forwardingRule", "forwardingRules", fingerprinted=True),
    "healthChecks": Kind("healthCheck", "healthChecks"),
    "networkEndpointGroups": Kind("networkEndpointGroup", "networkEndpointGroups"),
    "instances": Kind("instance", "instances"),  # no methods: tests put them there for the relay of tunnels.py
    "securityPolicies": Kind("securityPolicy", "securityPolicies", _fill_policy, fingerprinted=True),
}


# ---- the tables: used by the handlers and by the cluster's controller --------------------------------------------
def table(world: World, where: str, collection: str) -> dict[str, dict[str, Any]]:
    """The resources of a collection; ``where`` is ``projects/P/`` and ``global``, ``regions/R`` or ``zones/Z``."""
    return world.compute.setdefault(f"{where}/{collection}", {})


def fingerprint(body: Mapping[str, Any]) -> str:
    """A short hash of the content, base64 as Google's."""
    text = json.dumps({key: value for key, value in body.items() if key != "fingerprint"}, sort_keys=True)
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def create(world: World, where: str, collection: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make a resource. Raises GoogleError."""
    kind, name = KINDS[collection], body.get("name") or ""
    if not NAME.fullmatch(name):
        raise errors.invalid(f"Invalid value for field 'resource.name': '{name}'.", reason="invalid")
    there = table(world, where, collection)
    if name in there:
        raise errors.GoogleError(
            409, f"The resource '{where}/{collection}/{name}' already exists", reason="alreadyExists"
        )
    if len(there) >= QUOTA.get(collection, 1000):
        raise errors.GoogleError(403, f"Quota '{collection.upper()}' exceeded.", reason="quotaExceeded")
    made = {
        key: json.loads(json.dumps(value)) for key, value in body.items() if key not in OUTPUT and value is not None
    }
    if kind.fill:
        kind.fill(world, made, where)
    place = where.split("/", 2)[2]
    made |= {
        "kind": f"compute#{kind.word}",
        "id": world.new_id(),
        "creationTimestamp": world.stamp(),
        "selfLink": f"{LINK}{where}/{collection}/{name}",
    }
    if place.startswith("regions/"):
        made["region"] = f"{LINK}{where}"
    if kind.fingerprinted:
        made["fingerprint"] = fingerprint(made)
    there[name] = made
    return made


def existing(world: World, where: str, collection: str, name: str) -> dict[str, Any]:
    """A resource by name or id. Raises GoogleError 404."""
    there = table(world, where, collection)
    found = there.get(name) or next((one for one in there.values() if one["id"] == name), None)
    if found is None:
        raise errors.not_found(f"{where}/{collection}/{name}")
    return found


def users(world: World, link: str) -> list[str]:
    """Links of the resources that name this one."""
    tail = link.removeprefix(LINK) + '"'
    found = []
    for there in world.compute.values():
        for one in there.values():
            if one["selfLink"] == link:
                continue
            if tail in json.dumps({key: value for key, value in one.items() if key not in ("selfLink", "region")}):
                found.append(one["selfLink"])
    return found


def remove(world: World, where: str, collection: str, name: str) -> dict[str, Any]:
    """Delete a resource nobody uses. Raises GoogleError."""
    found = existing(world, where, collection, name)
    using = users(world, found["selfLink"])
    if using:
        raise errors.invalid(
            f"The {KINDS[collection].word} resource '{where}/{collection}/{name}' is already being used by "
            f"'{using[0].removeprefix(LINK)}'",
            reason="resourceInUseByAnotherResource",
        )
    del table(world, where, collection)[found["name"]]
    return found


def change(world: World, where: str, collection: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge into a resource (RFC 7396), its fingerprint checked when one is sent. Raises GoogleError."""
    found = existing(world, where, collection, name)
    if given.get("fingerprint") not in (None, found.get("fingerprint")):
        raise errors.GoogleError(412, "Invalid fingerprint.", reason="conditionNotMet")
    merged = merge(found, {key: value for key, value in given.items() if key not in (*OUTPUT, "name")})
    if collection == "backendServices":
        _hide_secret(merged)
    if KINDS[collection].fingerprinted:
        merged["fingerprint"] = fingerprint(merged)
    table(world, where, collection)[found["name"]] = merged
    return merged


def merge(target: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396) applied."""
    merged = dict(target)
    for key, value in given.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = json.loads(json.dumps(value))
    return merged


# ---- operations ------------------------------------------------------------------------------------------------
def operation(
    world: World, where: str, kind: str, target: Mapping[str, Any], email: str, request: str = ""
) -> dict[str, Any]:
    """Note that something was done; returns the operation as its maker sees it."""
    number = world.new_id()
    name = f"operation-{number[:13]}-{number[13:]}"
    made = {
        "kind": "compute#operation",
        "id": number,
        "name": name,
        "operationType": kind,
        "targetLink": target["selfLink"],
        "targetId": target["id"],
        "user": email,
        "insertTime": world.stamp(),
        "startTime": world.stamp(),
        "selfLink": f"{LINK}{where}/operations/{name}",
    }
    if "/regions/" in where:
        made["region"] = f"{LINK}{where}"
    world.operations[f"{where}/{name}"] = {
        "shown": made, "done": world.now() + world.settings.operation_seconds, "request": request,
    }  # fmt: skip
    while len(world.operations) > 2000:
        world.operations.pop(next(iter(world.operations)))
    return _shown_operation(world, world.operations[f"{where}/{name}"])


def _shown_operation(world: World, kept: Mapping[str, Any]) -> dict[str, Any]:
    if world.now() < kept["done"]:
        return {**kept["shown"], "status": "RUNNING", "progress": 50}
    return {**kept["shown"], "status": "DONE", "progress": 100, "endTime": world.stamp(kept["done"])}


def _operations(where_of: Callable[[Call, str], str]) -> tuple[Handler, Handler, Handler]:
    def get(call: Call) -> dict[str, Any]:
        where = where_of(call, "compute.globalOperations.get")
        kept = call.world.operations.get(f"{where}/{call.path['operation']}")
        if kept is None:
            raise errors.not_found(f"{where}/operations/{call.path['operation']}")
        return _shown_operation(call.world, kept)

    def list_all(call: Call) -> dict[str, Any]:
        where = where_of(call, "compute.globalOperations.list") + "/"
        every = [
            _shown_operation(call.world, one) for key, one in call.world.operations.items() if key.startswith(where)
        ]
        return _listed(call, "operation", where + "operations", every)

    return reads(get), reads(list_all), reads(get)


# ---- handlers --------------------------------------------------------------------------------------------------
def _global(call: Call, permission: str) -> str:
    return f"projects/{call.project(permission)['id']}/global"


def _region(call: Call, permission: str) -> str:
    return f"projects/{call.project(permission)['id']}/regions/{call.path['region']}"


def _visible(body: Mapping[str, Any], world: World) -> dict[str, Any]:
    shown = {key: value for key, value in body.items() if key != "hiddenKey"}
    if shown["kind"] == "compute#address":
        using = users(world, shown["selfLink"]) + [
            one["selfLink"]
            for key, there in world.compute.items()
            if key.endswith("/forwardingRules")
            for one in there.values()
            if one.get("IPAddress") == shown["address"]
        ]
        if using:
            shown |= {"status": "IN_USE", "users": sorted(set(using))}
    return shown


COMPARISON = re.compile(r"\(?\s*([\w.]+)\s*(=|!=|:|eq|ne)\s*(\"[^\"]*\"|'[^']*'|[^\s()]+)\s*\)?")


def matches(body: Mapping[str, Any], wish: str) -> bool:
    """A list filter: comparisons joined by AND. Raises GoogleError where it is more than that."""
    for part in re.split(r"\s+AND\s+|(?<=\))\s*(?=\()", wish.strip()) if wish.strip() else ():
        found = COMPARISON.fullmatch(part.strip())
        if not found:
            raise errors.invalid(
                f"Invalid value for field 'filter': '{wish}'. (The stand-in knows comparisons and AND.)"
            )
        value: Any = body
        for step in found[1].split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        text, wanted = "" if value is None else str(value), found[3].strip("\"'")
        good = {
            "=": lambda text=text, wanted=wanted: (
                re.fullmatch(re.escape(wanted).replace(r"\*", ".*"), text) is not None
            ),
            ":": lambda text=text, wanted=wanted: wanted.strip("*") in text,
            "eq": lambda text=text, wanted=wanted: re.fullmatch(wanted, text) is not None,
        }
        operator = {"!=": "=", "ne": "eq"}.get(found[2], found[2])
        if good[operator]() is (operator != found[2]):
            return False
    return True


def _listed(call: Call, word: str, where: str, every: list[dict[str, Any]]) -> dict[str, Any]:
    wanted = [one for one in every if matches(one, call.query.get("filter", ""))]
    items, more = page(wanted, call.query, "maxResults")
    shown: dict[str, Any] = {"kind": f"compute#{word}List", "id": where, "selfLink": LINK + where}
    return shown | ({"items": items} if items else {}) | ({"nextPageToken": more} if more else {})


def _handlers(api: str, collection: str, parameter: str, where_of: Callable[[Call, str], str]) -> dict[str, Handler]:
    """get, list, insert, delete, patch and update of one collection at one place."""
    kind = KINDS[collection]

    def get(call: Call) -> dict[str, Any]:
        where = where_of(call, f"compute.{collection}.get")
        return _visible(existing(call.world, where, collection, call.path[parameter]), call.world)

    def list_all(call: Call) -> dict[str, Any]:
        where = where_of(call, f"compute.{collection}.list")
        every = [_visible(one, call.world) for _name, one in sorted(table(call.world, where, collection).items())]
        return _listed(call, kind.word, f"{where}/{collection}", every)

    def again(call: Call, where: str) -> dict[str, Any] | None:
        request = call.query.get("requestId", "")
        for key, kept in call.world.operations.items():
            if request and kept["request"] == request and key.startswith(where):
                return _shown_operation(call.world, kept)
        return None

    def insert(call: Call) -> dict[str, Any]:
        where = where_of(call, f"compute.{collection}.create")
        done = again(call, where)
        if done:
            return done
        made = create(call.world, where, collection, call.body or {})
        return operation(call.world, where, "insert", made, call.email, call.query.get("requestId", ""))

    def delete(call: Call) -> dict[str, Any]:
        where = where_of(call, f"compute.{collection}.delete")
        done = again(call, where)
        if done:
            return done
        gone = remove(call.world, where, collection, call.path[parameter])
        return operation(call.world, where, "delete", gone, call.email, call.query.get("requestId", ""))

    def patch(call: Call) -> dict[str, Any]:
        where = where_of(call, f"compute.{collection}.update")
        now = change(call.world, where, collection, call.path[parameter], call.body or {})
        return operation(call.world, where, "patch", now, call.email)

    prefix = f"compute.{api}"
    made = {"get": reads(get), "list": reads(list_all), "insert": writes(insert), "delete": writes(delete)}
    return {f"{prefix}.{name}": one for name, one in made.items()} | {f"{prefix}.patch": writes(patch)}


def _nothing(place: str) -> dict[str, Any]:
    """A scope of an aggregated list without any resource."""
    data = [{"key": "scope", "value": place}]
    text = f"There are no results for scope '{place}' on this page."
    return {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": text, "data": data}}


def _aggregated(collection: str) -> Handler:
    def act(call: Call) -> dict[str, Any]:
        project = call.project(f"compute.{collection}.list")["id"]
        items: dict[str, Any] = {}
        for key, there in sorted(call.world.compute.items()):
            if key.startswith(f"projects/{project}/") and key.endswith(f"/{collection}"):
                place = key.removeprefix(f"projects/{project}/").removesuffix(f"/{collection}")
                every = [_visible(one, call.world) for _name, one in sorted(there.items())]
                found = [one for one in every if matches(one, call.query.get("filter", ""))]
                items[place] = {collection: found} if found else _nothing(place)
        where = f"projects/{project}/aggregated/{collection}"
        return {
            "kind": f"compute#{KINDS[collection].word}AggregatedList",
            "id": where,
            "selfLink": LINK + where,
            "items": items,
        }

    return reads(act)


def _health(where_of: Callable[[Call, str], str]) -> Handler:
    def act(call: Call) -> dict[str, Any]:
        where = where_of(call, "compute.backendServices.get")
        found = existing(call.world, where, "backendServices", call.path["backendService"])
        seen = call.world.health.get(found["selfLink"], [])
        return (
            {"kind": "compute#backendServiceGroupHealth", "healthStatus": seen}
            if seen
            else {"kind": "compute#backendServiceGroupHealth"}
        )

    return reads(act)


def set_certificates(call: Call) -> dict[str, Any]:
    where = _global(call, "compute.targetHttpsProxies.setSslCertificates")
    links = (call.body or {}).get("sslCertificates") or []
    if len(links) > 15:
        raise errors.invalid("A target proxy takes at most 15 certificates.", reason="invalid")
    for link in links:
        existing(call.world, where, "sslCertificates", link.rsplit("/", 1)[-1])
    now = change(call.world, where, "targetHttpsProxies", call.path["targetHttpsProxy"], {"sslCertificates": links})
    return operation(call.world, where, "TargetHttpsProxySetSslCertificates", now, call.email)


METRICS = {
    "SSL_CERTIFICATES": "sslCertificates",
    "BACKEND_SERVICES": "backendServices",
    "STATIC_ADDRESSES": "addresses",
}


def _all(world: World, project: str, collection: str) -> list[dict[str, Any]]:
    start, end = f"projects/{project}/", f"/{collection}"
    return [
        one
        for key, there in world.compute.items()
        if key.startswith(start) and key.endswith(end)
        for one in there.values()
    ]


def get_project(call: Call) -> dict[str, Any]:
    project = call.project("compute.projects.get")
    return {
        "kind": "compute#project",
        "id": project["number"],
        "name": project["id"],
        "creationTimestamp": call.world.stamp(0),
        "selfLink": f"{LINK}projects/{project['id']}",
        "quotas": [
            {
                "metric": metric,
                "limit": float(QUOTA[collection]),
                "usage": float(len(_all(call.world, project["id"], collection))),
            }
            for metric, collection in METRICS.items()
        ],
        "defaultServiceAccount": f"{project['number']}-compute@developer.gserviceaccount.com",
    }


def _only(handlers: Mapping[str, Handler], *names: str) -> dict[str, Handler]:
    return {key: one for key, one in handlers.items() if key.rsplit(".", 1)[-1] in names}


_GET, _LIST, _WAIT = _operations(_global)
_GET_R, _LIST_R, _WAIT_R = _operations(_region)
_CHANGE = ("get", "list", "insert", "delete")
METHODS: Mapping[str, Handler] = {
    **_only(_handlers("globalAddresses", "addresses", "address", _global), *_CHANGE),
    **_only(_handlers("addresses", "addresses", "address", _region), *_CHANGE),
    **_handlers("backendServices", "backendServices", "backendService", _global),
    **_handlers("regionBackendServices", "backendServices", "backendService", _region),
    **_only(_handlers("sslCertificates", "sslCertificates", "sslCertificate", _global), *_CHANGE),
    **_only(_handlers("targetHttpsProxies", "targetHttpsProxies", "targetHttpsProxy", _global), "get", "list"),
    **_only(_handlers("targetHttpProxies", "targetHttpProxies", "targetHttpProxy", _global), "get", "list"),
    **_only(_handlers("urlMaps", "urlMaps", "urlMap", _global), "get", "list"),
    **_only(_handlers("globalForwardingRules", "forwardingRules", "forwardingRule", _global), "get", "list"),
    **_only(_handlers("healthChecks", "healthChecks", "healthCheck", _global), "get", "list"),
    **_handlers("securityPolicies", "securityPolicies", "securityPolicy", _global),
    "compute.backendServices.aggregatedList": _aggregated("backendServices"),
    "compute.addresses.aggregatedList": _aggregated("addresses"),
    "compute.sslCertificates.aggregatedList": _aggregated("sslCertificates"),
    "compute.backendServices.getHealth": _health(_global),
    "compute.regionBackendServices.getHealth": _health(_region),
    "compute.targetHttpsProxies.setSslCertificates": writes(set_certificates),
    "compute.projects.get": reads(get_project),
    "compute.globalOperations.get": _GET,
    "compute.globalOperations.list": _LIST,
    "compute.globalOperations.wait": _WAIT,
    "compute.regionOperations.get": _GET_R,
    "compute.regionOperations.list": _LIST_R,
    "compute.regionOperations.wait": _WAIT_R,
}
