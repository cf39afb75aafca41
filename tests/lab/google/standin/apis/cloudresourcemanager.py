# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloudresourcemanager.googleapis.com: projects with their parent, and the grants on a project, to be read only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from standin.call import Call, Handler, reads

CREATED = "2026-01-05T08:00:00.000Z"


def get_v1(call: Call) -> dict[str, Any]:
    project = call.project("resourcemanager.projects.get")
    shown = {
        "projectNumber": project["number"],
        "projectId": project["id"],
        "name": project["id"],
        "lifecycleState": "ACTIVE",
        "createTime": CREATED,
    }
    return {**shown, "parent": project["parent"]} if project["parent"] else shown


def get_v3(call: Call) -> dict[str, Any]:
    project = call.project("resourcemanager.projects.get", call.path["name"].removeprefix("projects/"))
    shown = {
        "name": f"projects/{project['number']}",
        "projectId": project["id"],
        "displayName": project["id"],
        "state": "ACTIVE",
        "createTime": CREATED,
        "etag": 'W/"lab"',
    }
    parent = project["parent"]
    return {**shown, "parent": f"{parent['type']}s/{parent['id']}"} if parent else shown


def ancestry(call: Call) -> dict[str, Any]:
    project = call.project("resourcemanager.projects.get")
    chain = [{"type": "project", "id": project["id"]}, *([project["parent"]] if project["parent"] else [])]
    return {"ancestor": [{"resourceId": one} for one in chain]}


def policy(call: Call) -> dict[str, Any]:
    """The grants, as the project's policy."""
    asked = call.text("resource").removeprefix("projects/")
    project = call.project("resourcemanager.projects.getIamPolicy", asked)
    by_role: dict[str, list[str]] = {}
    for member, roles in project["grants"].items():
        for role in roles:
            by_role.setdefault(role, []).append(member)
    return {
        "version": 1,
        "etag": "BwYAAAAAAAE=",
        "bindings": [{"role": role, "members": sorted(members)} for role, members in sorted(by_role.items())],
    }


def test_permissions(call: Call) -> dict[str, Any]:
    project = call.project("", call.text("resource").removeprefix("projects/"))
    wanted = (call.body or {}).get("permissions") or []
    found = [one for one in wanted if call.world.allowed(call.email, one, project)]
    return {"permissions": found} if found else {}


_P = "cloudresourcemanager.projects"
V1: Mapping[str, Handler] = {
    f"{_P}.get": reads(get_v1),
    f"{_P}.getAncestry": reads(ancestry),
    f"{_P}.getIamPolicy": reads(policy),
    f"{_P}.testIamPermissions": reads(test_permissions),
}
V3: Mapping[str, Handler] = {
    f"{_P}.get": reads(get_v3),
    f"{_P}.getIamPolicy": reads(policy),
    f"{_P}.testIamPermissions": reads(test_permissions),
}
