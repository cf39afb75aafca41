# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""serviceusage.googleapis.com: which APIs a project has switched on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from standin import errors
from standin.call import Call, Handler, page, reads, writes


def _shown(project: Mapping[str, Any], service: str) -> dict[str, Any]:
    return {
        "name": f"projects/{project['number']}/services/{service}",
        "parent": f"projects/{project['number']}",
        "state": "ENABLED" if service in project["services"] else "DISABLED",
        "config": {"name": service, "title": service},
    }


def _split(call: Call) -> tuple[str, str]:
    parts = call.path["name"].split("/")
    return parts[1], parts[3]


def get(call: Call) -> dict[str, Any]:
    name, service = _split(call)
    return _shown(call.project("serviceusage.services.get", name), service)


def batch_get(call: Call) -> dict[str, Any]:
    project = call.project("serviceusage.services.get", call.path["parent"].split("/")[1])
    names = [one for one in call.query.get("names", "").split("\n") if one]
    if len(names) > 30:
        raise errors.invalid("At most 30 services can be asked for at once.")
    return {"services": [_shown(project, name.split("/")[-1]) for name in names]}


def list_all(call: Call) -> dict[str, Any]:
    project = call.project("serviceusage.services.list", call.path["parent"].split("/")[1])
    wish = call.query.get("filter", "")
    if wish not in ("", "state:ENABLED", "state:DISABLED"):
        raise errors.invalid("Invalid filter: state:ENABLED and state:DISABLED are legal.")
    enabled = sorted(project["services"]) if wish != "state:DISABLED" else []
    items, more = page([_shown(project, one) for one in enabled], call.query, default=50)
    return ({"services": items} if items else {}) | ({"nextPageToken": more} if more else {})


def enable(call: Call) -> dict[str, Any]:
    name, service = _split(call)
    project = call.project("serviceusage.services.enable", name)
    if service not in project["services"]:
        project["services"].append(service)
    answer = {"@type": "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse"}
    return {
        "name": "operations/noop.DONE_OPERATION",
        "done": True,
        "response": {**answer, "service": _shown(project, service)},
    }


METHODS: Mapping[str, Handler] = {
    "serviceusage.services.get": reads(get),
    "serviceusage.services.batchGet": reads(batch_get),
    "serviceusage.services.list": reads(list_all),
    "serviceusage.services.enable": writes(enable),
}
