# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A managed cluster as a kubeconfig's cluster. Pure: what the cloud says about it in, address and CA out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .._gcp.gke_facts import update_command
from .kubeconfig import Chosen, CloudLogin

Json = Mapping[str, Any]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
"""What may stand in an address of ours."""
GKE_USABLE = frozenset({"RUNNING", "RECONCILING", "DEGRADED"})
EKS_USABLE = frozenset({"ACTIVE", "UPDATING"})


@dataclass(frozen=True)
class GkeName:
    """A GKE cluster and the way in: ``dns`` (the control plane's own name, reachable from anywhere) or ``private``."""

    project: str
    location: str
    name: str
    endpoint: str = "dns"

    @property
    def path(self) -> str:
        """The cluster's place in the Kubernetes Engine API."""
        return f"projects/{self.project}/locations/{self.location}/clusters/{self.name}"

    @property
    def text(self) -> str:
        """The cluster in words."""
        return f"the GKE cluster {self.name} in {self.location} of {self.project}"


@dataclass(frozen=True)
class EksName:
    """An EKS cluster."""

    region: str
    name: str
    profile: str = ""

    @property
    def text(self) -> str:
        """The cluster in words."""
        return f"the EKS cluster {self.name} in {self.region}"


def check_names(**names: str) -> None:
    """Refuse names that would lead an address elsewhere.

    Raises:
        HubError: E-ACCESS-18.
    """
    for key, value in names.items():
        if not NAME.fullmatch(value):
            raise HubError(
                error_id="E-ACCESS-18",
                what=f"The cluster's {key} {value!r} is no name",
                do=f"correct {key} in cluster_access_cluster",
            )


def unusable(cluster: str, reason: str, do: str) -> HubError:
    """The error for a managed cluster that offers no way in."""
    return HubError(error_id="E-ACCESS-21", what=f"There is no way into {cluster}: {reason}", do=do)


def gke(name: GkeName, found: Json, login: CloudLogin) -> Chosen:
    """A GKE cluster as a kubeconfig's context, named as gcloud names it.

    Args:
        name: which one, and which way in.
        found: the API's ``Cluster``.
        login: the helper that logs in.

    Raises:
        HubError: E-ACCESS-21 for a cluster without that way in, or one that does not run.
    """
    status = str(found.get("status", ""))
    if status not in GKE_USABLE:
        raise unusable(name.text, f"its status is {status or 'unknown'}", "wait until it runs, or repair it first")
    host, authority = _gke_dns(name, found) if name.endpoint == "dns" else _gke_private(name, found)
    cluster = {"server": f"https://{host}"} | ({"certificate-authority-data": authority} if authority else {})
    return Chosen(f"gke_{name.project}_{name.location}_{name.name}", cluster, login.user())


def _gke_dns(name: GkeName, found: Json) -> tuple[str, str]:
    """The DNS endpoint; its certificate comes from a public CA, so there is none to name."""
    config = (found.get("controlPlaneEndpointsConfig") or {}).get("dnsEndpointConfig") or {}
    switch = update_command(name.project, name.location, name.name)
    host = str(config.get("endpoint") or "")
    if not host:
        raise unusable(name.text, "it has no DNS endpoint", f"upgrade it, or run: {switch} --enable-dns-access")
    if not config.get("allowExternalTraffic"):
        raise unusable(
            name.text,
            f"its DNS endpoint {host} takes no traffic from outside",
            f"run: {switch} --enable-dns-access; or use cluster_access_method gke_iap_bastion",
        )
    return host, ""


def _gke_private(name: GkeName, found: Json) -> tuple[str, str]:
    """The address inside the network, and the cluster's own CA."""
    addresses = (found.get("controlPlaneEndpointsConfig") or {}).get("ipEndpointsConfig") or {}
    older = found.get("privateClusterConfig") or {}
    host = str(addresses.get("privateEndpoint") or older.get("privateEndpoint") or "")
    authority = str((found.get("masterAuth") or {}).get("clusterCaCertificate") or "")
    if not host or addresses.get("enabled") is False:
        raise unusable(name.text, "it has no private address", "use cluster_access_method gke_dns_endpoint")
    if not authority:
        raise unusable(
            name.text,
            "its CA certificate is hidden from these credentials",
            "grant them a role with the permission container.clusters.get, such as roles/container.clusterViewer",
        )
    return host, authority


def eks(name: EksName, found: Json, login: CloudLogin) -> Chosen:
    """An EKS cluster as a kubeconfig's context, named by its ARN as the aws command names it.

    Raises:
        HubError: E-ACCESS-21 for a cluster that does not run or has no address.
    """
    status = str(found.get("status", ""))
    server = str(found.get("endpoint") or "")
    authority = str((found.get("certificateAuthority") or {}).get("data") or "")
    if status not in EKS_USABLE or not server or not authority:
        raise unusable(name.text, f"its status is {status or 'unknown'}", "wait until it is ACTIVE, or repair it first")
    cluster = {"server": server, "certificate-authority-data": authority}
    return Chosen(str(found.get("arn") or name.name), cluster, login.user())
