# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What Google Cloud made of a hub's front door: backend services, their settings, the audience of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .backends import Target, gateway_says, ingress_says, parse_backends, resolve

Json = dict[str, Any]


@dataclass(frozen=True)
class Backend:
    """A backend service of Compute Engine.

    Attributes:
        name: its name.
        number: its numeric id, which changes when it is made anew.
        iap: whether Identity-Aware Proxy stands in front of it.
        client_id: the OAuth client it logs in with; empty for Google's.
        timeout: seconds a connection may last.
    """

    name: str
    number: str
    iap: bool
    client_id: str
    timeout: int

    def audience(self, project_number: str) -> str:
        """The ``aud`` of the JWTs that IAP signs for this backend."""
        return f"/projects/{project_number}/global/backendServices/{self.number}"

    def facts(self, project_number: str) -> Json:
        """The backend as a module returns it."""
        return {
            "name": self.name,
            "id": self.number,
            "iap": self.iap,
            "client_id": self.client_id,
            "timeout": self.timeout,
            "audience": self.audience(project_number),
        }


def backends_for(
    door: Mapping[str, Any], routes: Sequence[Mapping[str, Any]], items: Sequence[Mapping[str, Any]]
) -> tuple[Backend, ...]:
    """Among a project's global backend services those that lead from a front door to its Service, by name.

    There are none before GKE has reported them: those of another cluster would give the hub a wrong audience.

    Args:
        door: the live Ingress or Gateway.
        routes: for a Gateway, the routes that lead from it.
        items: the backend services as Compute Engine returns them.
    """
    metadata = door["metadata"]
    target = Target(str(door["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))
    said = ingress_says(door) if target.kind == "Ingress" else gateway_says(door, routes)
    live = {backend.name for backend in resolve(target, said, parse_backends([{"backendServices": items}])).live}
    return tuple(sorted((_parse(item) for item in items if item.get("name") in live), key=lambda one: one.name))


def _parse(item: Mapping[str, Any]) -> Backend:
    iap = item.get("iap") or {}
    return Backend(
        name=str(item.get("name", "")),
        number=str(item.get("id", "")),
        iap=bool(iap.get("enabled")),
        client_id=str(iap.get("oauth2ClientId") or ""),
        timeout=int(item.get("timeoutSec") or 30),
    )
