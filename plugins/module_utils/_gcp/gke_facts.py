# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Whether project and cluster can carry a hub behind IAP: organisation, APIs, version, OAuth client. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import HubError
from .._core.preflight import bad_row, good_row

Json = dict[str, Any]

GOOGLE_MANAGED, OWN = "google_managed", "own"
CLIENT_ID = re.compile(r"[0-9]+-[0-9a-z]+\.apps\.googleusercontent\.com")
FIRST_MANAGED_CLIENT = "1.29.4-gke.1043000"
"""The first GKE version whose Ingress takes a Google-managed OAuth client."""
GATEWAY_CHANNELS = frozenset({"CHANNEL_STANDARD", "CHANNEL_EXPERIMENTAL"})
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-gke\.(\d+))?")


def apis(door: str, dns: bool) -> list[str]:
    """The APIs that must be on for this front door."""
    names = ["compute.googleapis.com", "container.googleapis.com", "iap.googleapis.com"]
    names += ["certificatemanager.googleapis.com"] if door == "gateway" else []
    return sorted([*names, "dns.googleapis.com"] if dns else names)


def organisation(project: Mapping[str, Any]) -> bool:
    """Whether a project belongs to an organisation; a folder always does."""
    return str(project.get("parent") or "").startswith(("organizations/", "folders/"))


def redirect_uri(client_id: str) -> str:
    """The address that an OAuth client of one's own must list, or Google refuses every login."""
    return f"https://iap.googleapis.com/v1/oauth/clientIds/{client_id}:handleRedirect"


def parse_version(text: str) -> tuple[int, ...]:
    """A GKE version as numbers; empty for what is none."""
    found = VERSION.match(text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def api_rows(states: Mapping[str, str], wanted: Sequence[str], project: str) -> list[Json]:
    """The row about the project's APIs."""
    missing = [name for name in wanted if states.get(name) != "ENABLED"]
    if not missing:
        return [good_row("Google APIs", f"{len(wanted)} on: {', '.join(wanted)}")]
    error = HubError(
        error_id="E-GKE-01",
        what=f"APIs of project {project} are off: {', '.join(missing)}",
        do=f"run: gcloud services enable {' '.join(missing)} --project {project}",
    )
    return [bad_row("Google APIs", error)]


def organisation_rows(project: Mapping[str, Any], client: str, name: str) -> list[Json]:
    """The row about who can log in with this kind of OAuth client."""
    if client == OWN:
        text = "an own client admits people of every organisation; the consent screen decides"
        return [good_row("OAuth users", text)]
    if organisation(project):
        return [good_row("OAuth users", "Google's client admits people of the project's organisation")]
    error = HubError(
        error_id="E-IAP-21",
        what=f"Project {name} belongs to no organisation, and Google's OAuth client works only inside one",
        do="make an OAuth client and set gke_iap_oauth_client: own with gke_iap_client_id and gke_iap_client_secret",
    )
    return [bad_row("OAuth users", error)]


def version_rows(version: str, client: str) -> list[Json]:
    """The row about the cluster's version."""
    if client == GOOGLE_MANAGED and parse_version(version) < parse_version(FIRST_MANAGED_CLIENT):
        error = HubError(
            error_id="E-IAP-21",
            what=f"The control plane is {version or 'of an unknown version'}, and Google's OAuth client needs GKE "
            f"{FIRST_MANAGED_CLIENT} or later",
            do="upgrade the cluster, or set gke_iap_oauth_client: own",
        )
        return [bad_row("GKE version", error)]
    return [good_row("GKE version", version)]


def update_command(project: str, location: str, name: str) -> str:
    """The command that changes a cluster, up to what it changes; gcloud takes no cluster without its place."""
    return f"gcloud container clusters update {name} --location {location} --project {project}"


def door_rows(cluster: Mapping[str, Any], door: str, service_type: str, update: str) -> list[Json]:
    """The row about what a front door is made of: add-ons, and a network in which a load balancer reaches pods.

    Args:
        cluster: as the Container API returns it.
        door: ``ingress`` or ``gateway``.
        service_type: of the Service behind it.
        update: see :func:`update_command`.
    """
    error = _door_problem(cluster, door, service_type, update)
    if error is not None:
        return [bad_row("GKE add-ons", error)]
    return [good_row("GKE add-ons", "Gateway API on" if door == "gateway" else "HttpLoadBalancing on")]


def _door_problem(cluster: Mapping[str, Any], door: str, service_type: str, update: str) -> HubError | None:
    name = cluster.get("name", "CLUSTER")
    if ((cluster.get("addonsConfig") or {}).get("httpLoadBalancing") or {}).get("disabled"):
        return HubError(
            error_id="E-FRONT-07",
            what=f"The add-on HttpLoadBalancing of cluster {name} is off, and nobody would make a load balancer",
            do=f"run: {update} --update-addons=HttpLoadBalancing=ENABLED",
        )
    channel = str(((cluster.get("networkConfig") or {}).get("gatewayApiConfig") or {}).get("channel") or "off")
    if door == "gateway" and channel not in GATEWAY_CHANNELS:
        return HubError(
            error_id="E-FRONT-07",
            what=f"The Gateway API of cluster {name} is off",
            seen=channel,
            do=f"run: {update} --gateway-api=standard; or use gke_iap_front_door: ingress",
        )
    native = bool((cluster.get("ipAllocationPolicy") or {}).get("useIpAliases"))
    if service_type == "ClusterIP" and not native:
        return HubError(
            error_id="E-FRONT-06",
            what=f"Google's load balancer cannot do this: cluster {name} is not VPC-native, so it reaches no pod",
            do="use gke_iap_front_door: ingress with gke_iap_service_type: NodePort",
        )
    return None


def client_rows(client: str, client_id: str) -> list[Json]:
    """The row about an own OAuth client, with the redirect URI that only a person can check."""
    if client != OWN:
        return []
    if CLIENT_ID.fullmatch(client_id):
        text = f"{client_id}; its redirect URI, to the letter: {redirect_uri(client_id)}"
        return [good_row("OAuth client", text)]
    error = HubError(
        error_id="E-IAP-20",
        what="gke_iap_client_id is no client id of Google's",
        seen=client_id or "nothing",
        wanted="NUMBER-LETTERS.apps.googleusercontent.com",
        do="copy it from the OAuth client in the project's console",
    )
    return [bad_row("OAuth client", error)]
