# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The backend services of an object, asked of the cluster and of Compute Engine."""

from __future__ import annotations

from .._core.poll import State, wait
from .._core.progress import Reporter
from .._k8s.client import Json, KubeClient, if_allowed
from .._k8s.patience import passing
from .api import COMPUTE, Call, GcpApi
from .backends import (
    Resolved,
    Said,
    Target,
    gateway_says,
    ingress_says,
    judge,
    not_found,
    parse_backends,
    resolve,
    service_says,
    unread_scopes,
)

INTERVAL = 5.0
"""Seconds between two looks; GKE needs minutes."""
FIELDS = (
    "items/*/backendServices(name,id,description,iap,region,timeoutSec),"
    "items/*/warning(code),unreachables,nextPageToken"
)
NETWORKING = "/apis/networking.k8s.io/v1"
GATEWAY = "/apis/gateway.networking.k8s.io/v1"


class Finder:
    """Looks for the backends of one object."""

    def __init__(self, cluster: KubeClient, api: GcpApi, project: str, target: Target) -> None:
        self._cluster = cluster
        self._api = api
        self._project = project
        self._target = target

    def look(self) -> Resolved | None:
        """One look; None when the object does not exist.

        Raises:
            HubError: E-IAP-06 when several clusters cannot be told apart.
        """
        said = self._said()
        if said is None:
            return None
        call = Call(
            f"the backend services of project {self._project}",
            "GET",
            f"{COMPUTE}projects/{self._project}/aggregated/backendServices",
            query={"fields": FIELDS},
        )
        pages = list(self._api.each_page(call))
        scopes = [scope for page in pages for scope in (page.get("items") or {}).values()]
        return resolve(self._target, said, parse_backends(scopes), unread_scopes(pages))

    def find(self, *, timeout: float, reporter: Reporter) -> Resolved:
        """Wait until GKE has made them.

        Raises:
            HubError: E-IAP-11 for an object that does not exist, E-IAP-05 when the time is up and there is none.
        """
        ended = wait(
            f"backend services of {self._target}",
            self.look,
            judge,
            timeout=timeout,
            interval=INTERVAL,
            reporter=reporter,
            bears=passing,
        )
        found = ended.observation
        if found is None or ended.verdict.state is State.FATAL or not found.live:
            raise not_found(self._target, ended.verdict, ended.seconds)
        return found

    def _said(self) -> Said | None:
        namespace, name = self._target.namespace, self._target.name
        if self._target.kind == "Gateway":
            gateway = self._cluster.get(f"{GATEWAY}/namespaces/{namespace}/gateways/{name}")
            return gateway_says(gateway, self._routes()) if gateway else None
        if self._target.kind == "Ingress":
            ingress = self._cluster.get(f"{NETWORKING}/namespaces/{namespace}/ingresses/{name}")
            return ingress_says(ingress) if ingress else None
        service = self._cluster.get(f"/api/v1/namespaces/{namespace}/services/{name}")
        ingresses = self._cluster.list(f"{NETWORKING}/namespaces/{namespace}/ingresses") if service else []
        return service_says(service, ingresses) if service else None

    def _routes(self) -> list[Json]:
        """All HTTPRoutes, or those beside the Gateway where the others may not be read."""
        found = if_allowed(lambda: self._cluster.list(f"{GATEWAY}/httproutes"))
        if found is None:
            return self._cluster.list(f"{GATEWAY}/namespaces/{self._target.namespace}/httproutes")
        return found
