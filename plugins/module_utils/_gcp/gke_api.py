# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What is read of a Google Cloud project: the project itself, its APIs, its cluster, its load balancers' backends."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from .._core.errors import HubError
from .api import COMPUTE, CONTAINER, Call, GcpApi
from .refusals import Json

RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v3/"
SERVICE_USAGE = "https://serviceusage.googleapis.com/v1/"


class GkeApi:
    """One project, read through Google's APIs; nothing here changes anything."""

    def __init__(self, api: GcpApi, project: str) -> None:
        self._api = api
        self._project = project
        self._number = ""

    def project(self) -> Json:
        """The project: its number and what it belongs to."""
        url = f"{RESOURCE_MANAGER}projects/{quote(self._project, safe='')}"
        return self._api.read(Call(f"project {self._project}", "GET", url))

    def number(self) -> str:
        """The project's number, asked for once."""
        if not self._number:
            self._number = str(self.project().get("name", "")).rpartition("/")[2]
        return self._number

    def is_own(self, consumer: str) -> bool:
        """Whether the project that a refused request counted for, by number or id, is this one.

        Empty, where Google did not tell, counts as this one; what cannot be found out does not.
        """
        if consumer in ("", self._project):
            return True
        try:
            return consumer == self.number()
        except HubError:
            return False

    def services(self, names: Sequence[str]) -> dict[str, str]:
        """The state of each of these APIs, such as ``ENABLED``."""
        # urlencode quotes the names; an id such as example.com:hubs must not be quoted twice.
        query = urlencode([("names", f"projects/{self._project}/services/{name}") for name in names])
        url = f"{SERVICE_USAGE}projects/{quote(self._project, safe='')}/services:batchGet?{query}"
        found = self._api.read(Call(f"the APIs of project {self._project}", "GET", url)).get("services") or []
        return {str(item.get("name", "")).rpartition("/")[2]: str(item.get("state", "")) for item in found}

    def cluster(self, location: str, name: str) -> Json:
        """The cluster's settings.

        Raises:
            HubError: E-GKE-02 where there is no such cluster.
        """
        place = f"projects/{quote(self._project, safe='')}/locations/{quote(location, safe='')}"
        url = f"{CONTAINER}{place}/clusters/{quote(name, safe='')}"
        found = self._api.find(Call(f"cluster {name}", "GET", url))
        if found is None:
            raise HubError(
                error_id="E-GKE-02",
                what=f"Project {self._project} has no cluster {name} in {location}",
                do="correct cluster_access_cluster (project, location, name); "
                "gcloud container clusters list shows what there is",
            )
        return found

    def backend_services(self) -> list[Json]:
        """The project's global backend services."""
        url = f"{COMPUTE}projects/{quote(self._project, safe='')}/global/backendServices"
        return self._api.pages(Call(f"the backend services of project {self._project}", "GET", url))
