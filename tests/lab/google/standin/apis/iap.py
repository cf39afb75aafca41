# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""iap.googleapis.com: policies of IAP's resources, their settings, destination groups of tunnels."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from standin import errors, iap_policy, iap_resources
from standin.call import Call, Handler, page, reads, writes
from standin.iap_resources import Resource

CIDR = re.compile(r"[0-9a-fA-F.:]+/\d{1,3}")


def _backend(call: Call, resource: Resource, project: Mapping[str, Any]) -> str:
    """The id of the backend service a resource names by name or id."""
    where = f"regions/{resource.region}" if resource.region else "global"
    table = call.world.compute.get(f"projects/{project['id']}/{where}/backendServices", {})
    for name, one in table.items():
        if resource.service in (name, one["id"]):
            return str(one["id"])
    raise errors.GoogleError(404, "Requested entity was not found.")


def resolve(call: Call, name: str, verb: str) -> str:
    """The canonical name of an IAP resource, if the caller may do ``verb`` there. Raises GoogleError."""
    resource = iap_resources.parse(name)
    if resource is None:
        if iap_resources.ELSEWHERE.fullmatch(name):
            raise errors.GoogleError(501, f"The stand-in does not know resources such as {name}.", violation=True)
        raise errors.invalid(f"Invalid resource name: {name}.", violation=True)
    project = call.world.project(resource.project)
    permission = f"iap.{resource.word}.{verb}"
    service = _backend(call, resource, project) if resource.kind == "service" else ""
    canonical = iap_resources.key(resource, project["number"], service)
    if permission not in permissions(call, canonical, [permission]):
        raise errors.denied(permission, name)
    return canonical


def permissions(call: Call, canonical: str, wanted: list[str]) -> list[str]:
    """Those of the wanted permissions that the caller has on a resource, by project roles or by the policies."""
    project = call.world.project(canonical.split("/")[1])
    moment = call.world.now() - call.world.settings.iap_enforce_delay
    caller = iap_policy.Caller(call.email, "serviceAccount")
    above = [call.world.history(name).bindings(moment) for name in iap_resources.parents(canonical)]
    return [
        one
        for one in wanted
        if call.world.allowed(call.email, one, project)
        or any(
            iap_policy.may(above, role, caller, call.world.now())
            for role, patterns in iap_policy.ROLES.items()
            if any(fnmatch.fnmatchcase(one, pattern) for pattern in patterns)
        )
    ]


def get_policy(call: Call) -> dict[str, Any]:
    requested = ((call.body or {}).get("options") or {}).get("requestedPolicyVersion") or 0
    canonical = resolve(call, call.path["resource"], "getIamPolicy")
    moment = call.world.now() - call.world.settings.iap_read_delay
    return call.world.history(canonical).read(moment, requested)


def set_policy(call: Call) -> dict[str, Any]:
    canonical = resolve(call, call.path["resource"], "setIamPolicy")
    policy = (call.body or {}).get("policy")
    if policy is None:
        raise errors.invalid("The request has no policy.")
    history = call.world.history(canonical)
    history.write(call.world.now(), policy, call.world.exists, call.world.aliases)
    return history.read(call.world.now(), 3 if policy.get("version") == 3 else 1)


def test_permissions(call: Call) -> dict[str, Any]:
    wanted = (call.body or {}).get("permissions") or []
    if any("*" in one for one in wanted):
        raise errors.invalid("Wildcards are not allowed in permissions.")
    resource = iap_resources.parse(call.path["resource"])
    if resource is None:
        raise errors.invalid(f"Invalid resource name: {call.path['resource']}.", violation=True)
    project = call.world.project(resource.project)
    service = _backend(call, resource, project) if resource.kind == "service" else ""
    found = permissions(call, iap_resources.key(resource, project["number"], service), wanted)
    return {"permissions": found} if found else {}


# ---- settings --------------------------------------------------------------------------------------------------
def get_settings(call: Call) -> dict[str, Any]:
    canonical = resolve(call, call.path["name"], "getSettings")
    return {"name": canonical, **call.world.iap_settings.get(canonical, {})}


def update_settings(call: Call) -> dict[str, Any]:
    canonical = resolve(call, call.path["name"], "updateSettings")
    given = {key: value for key, value in (call.body or {}).items() if key != "name"}
    oauth = (given.get("accessSettings") or {}).get("oauthSettings") or {}
    secret = oauth.pop("clientSecret", None)
    if secret:
        oauth["clientSecretSha256"] = hashlib.sha256(secret.encode()).hexdigest()
    mask = call.query.get("updateMask", "")
    if not mask:
        stored = given
    else:
        stored = call.world.iap_settings.get(canonical, {})
        for path in mask.split(","):
            steps = path.removeprefix("iapSettings.").removeprefix("iap_settings.").split(".")
            if "reauthSettings" in steps[:-1]:
                raise errors.invalid("reauthSettings can only be updated as a whole.")
            _copy(given, stored, steps)
    call.world.iap_settings[canonical] = stored
    return {"name": canonical, **stored}


def _copy(source: Mapping[str, Any], target: dict[str, Any], steps: list[str]) -> None:
    """Make the value at a path of ``target`` what it is in ``source``, or absent."""
    value: Any = source
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    for step in steps[:-1]:
        target = target.setdefault(step, {})
    if value is None:
        target.pop(steps[-1], None)
    else:
        target[steps[-1]] = value


def validate_expression(call: Call) -> dict[str, Any]:
    resolve(call, call.path["name"], "getSettings")
    if "attributes." not in call.query.get("expression", ""):
        raise errors.invalid("Invalid attribute expression.")
    return {}


# ---- destination groups ----------------------------------------------------------------------------------------
def _group_name(call: Call, name: str, verb: str) -> str:
    found = re.fullmatch(r"projects/([^/]+)/iap_tunnel/locations/([a-z0-9-]+)(/destGroups/([^/]+))?", name)
    if not found:
        raise errors.invalid(f"Invalid resource name: {name}.", violation=True)
    project = call.project(f"iap.tunnelDestGroups.{verb}", found[1])
    return f"projects/{project['number']}/iap_tunnel/locations/{found[2]}" + (found[3] or "")


def _refuse_group(group: Mapping[str, Any]) -> None:
    for cidr in group.get("cidrs") or ():
        if not CIDR.fullmatch(cidr):
            raise errors.invalid(f"Invalid CIDR {cidr}.")


def create_group(call: Call) -> dict[str, Any]:
    parent, name = call.path["parent"], call.query.get("tunnelDestGroupId", "")
    if not re.fullmatch(r"[a-z][a-z0-9-]{2,62}", name):
        raise errors.invalid("tunnelDestGroupId must have 4 to 63 letters, digits and hyphens.")
    full = f"{_group_name(call, parent, 'create')}/destGroups/{name}"
    if full in call.world.dest_groups:
        raise errors.GoogleError(409, f"Resource '{full}' already exists")
    _refuse_group(call.body or {})
    call.world.dest_groups[full] = {**(call.body or {}), "name": full}
    return call.world.dest_groups[full]


def _existing_group(call: Call, verb: str) -> str:
    full = _group_name(call, call.path["name"], verb)
    if full not in call.world.dest_groups:
        raise errors.GoogleError(404, "Requested entity was not found.")
    return full


def get_group(call: Call) -> dict[str, Any]:
    return call.world.dest_groups[_existing_group(call, "get")]


def list_groups(call: Call) -> dict[str, Any]:
    parent = _group_name(call, call.path["parent"], "list") + "/destGroups/"
    every = [one for name, one in sorted(call.world.dest_groups.items()) if name.startswith(parent)]
    items, more = page(every, call.query, default=100)
    return {"tunnelDestGroups": items} | ({"nextPageToken": more} if more else {})


def patch_group(call: Call) -> dict[str, Any]:
    full = _existing_group(call, "update")
    _refuse_group(call.body or {})
    names = call.query.get("updateMask", "cidrs,fqdns").split(",")
    for name in names:
        _copy(call.body or {}, call.world.dest_groups[full], [name])
    return call.world.dest_groups[full]


def delete_group(call: Call) -> dict[str, Any]:
    del call.world.dest_groups[_existing_group(call, "delete")]
    return {}


def _gone(call: Call) -> dict[str, Any]:
    raise errors.GoogleError(404, "The IAP OAuth Admin APIs were shut down.", violation=True)


_BRANDS = "iap.projects.brands"
METHODS: Mapping[str, Handler] = {
    "iap.getIamPolicy": reads(get_policy),
    "iap.setIamPolicy": writes(set_policy),
    "iap.testIamPermissions": reads(test_permissions),
    "iap.getIapSettings": reads(get_settings),
    "iap.updateIapSettings": writes(update_settings),
    "iap.validateAttributeExpression": reads(validate_expression),
    "iap.projects.iap_tunnel.locations.destGroups.create": writes(create_group),
    "iap.projects.iap_tunnel.locations.destGroups.get": reads(get_group),
    "iap.projects.iap_tunnel.locations.destGroups.list": reads(list_groups),
    "iap.projects.iap_tunnel.locations.destGroups.patch": writes(patch_group),
    "iap.projects.iap_tunnel.locations.destGroups.delete": writes(delete_group),
    **{
        f"{_BRANDS}.{name}": Handler(_gone, shut_down=True)
        for name in (
            "create", "get", "list", "identityAwareProxyClients.create", "identityAwareProxyClients.delete",
            "identityAwareProxyClients.get", "identityAwareProxyClients.list", "identityAwareProxyClients.resetSecret",
        )
    },
}  # fmt: skip
