# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What Google Cloud made of a Service behind a front door: its backend services, and the audience of each. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def backends_of(items: Sequence[Mapping[str, Any]], namespace: str, service: str) -> tuple[Backend, ...]:
    """Among a project's backend services those that GKE made for a Service, by name."""
    wanted = f"{namespace}/{service}"
    return tuple(sorted((_parse(item) for item in items if _made_for(item) == wanted), key=lambda one: one.name))


def _made_for(item: Mapping[str, Any]) -> str:
    """The Service a backend was made for, which GKE writes into the description as JSON."""
    try:
        description = json.loads(str(item.get("description") or ""))
    except ValueError:
        return ""
    return str(description.get("kubernetes.io/service-name", "")) if isinstance(description, dict) else ""


def _parse(item: Mapping[str, Any]) -> Backend:
    iap = item.get("iap") or {}
    return Backend(
        name=str(item.get("name", "")),
        number=str(item.get("id", "")),
        iap=bool(iap.get("enabled")),
        client_id=str(iap.get("oauth2ClientId") or ""),
        timeout=int(item.get("timeoutSec") or 30),
    )
