# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""How far a GKE cluster that exists is a "safer cluster": setting by setting, with waivers. Pure.

Input is the cluster as the Container API returns it. A setting that the answer does not show counts as off: this API
leaves out what is false.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .._core.preflight import bad_row, good_row

Json = dict[str, Any]
Reading = tuple[bool, str]

CHANNELS = frozenset({"RAPID", "REGULAR", "STABLE", "EXTENDED"})
WHOLE_INTERNET = frozenset({"0.0.0.0/0", "::/0"})


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: its name in waivers.
        wanted: what it should be, in words.
        do: how to correct it on a cluster that exists, with ``{update}`` for the command that changes it.
        read: whether it is as wanted, and what was seen.
    """

    name: str
    wanted: str
    do: str
    read: Callable[[Mapping[str, Any]], Reading]


@dataclass(frozen=True)
class Judged:
    """A setting of one cluster.

    Attributes:
        name: of the setting.
        ok: it is as wanted.
        seen: what was found.
        wanted: what it should be.
        do: how to correct it.
        waived: why it may stay; empty where nobody waived it.
    """

    name: str
    ok: bool
    seen: str
    wanted: str
    do: str
    waived: str = ""

    @property
    def drift(self) -> bool:
        """Whether this is neither right nor waived."""
        return not self.ok and not self.waived

    def as_dict(self) -> Json:
        """Plain data for a module's result."""
        return {
            "setting": self.name,
            "ok": self.ok,
            "seen": self.seen,
            "wanted": self.wanted,
            "waived": self.waived,
        }

    def row(self) -> Json:
        """The row of a preflight table."""
        if self.drift:
            error = HubError(
                "E-GKE-03",
                f"The cluster's setting {self.name} is not safe",
                f"{self.do}; or say why it may stay: gke_iap_cluster_waivers: [{{setting: {self.name}, reason: ...}}]",
                seen=self.seen,
                wanted=self.wanted,
            )
            return bad_row(f"cluster {self.name}", error)
        text = f"{self.seen} (waived: {self.waived})" if not self.ok else self.seen
        return good_row(f"cluster {self.name}", text)


def judge(
    cluster: Mapping[str, Any],
    waivers: Mapping[str, str] | None = None,
    update: str = "gcloud container clusters update CLUSTER",
) -> tuple[Judged, ...]:
    """Every setting of a cluster, in the order of :data:`SETTINGS`.

    Args:
        cluster: as the Container API returns it.
        waivers: why a setting may differ, by its name.
        update: see :func:`.gke_facts.update_command`.
    """
    reasons = waivers or {}
    judged = []
    for setting in SETTINGS:
        ok, seen = setting.read(cluster)
        waived = "" if ok else reasons.get(setting.name, "")
        judged.append(Judged(setting.name, ok, seen, setting.wanted, setting.do.format(update=update), waived))
    return tuple(judged)


def waiver_problems(waivers: Sequence[Mapping[str, Any]]) -> list[HubError]:
    """Waivers that would not work: for a setting that does not exist, or without a reason."""
    names = [setting.name for setting in SETTINGS]
    found = []
    for waiver in waivers:
        name, reason = str(waiver.get("setting") or ""), str(waiver.get("reason") or "").strip()
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            do = f"write {near[0]}" if near else f"write one of: {', '.join(names)}"
            found.append(HubError("E-GKE-04", f"gke_iap_cluster_waivers names {name!r}, which is no setting", do))
        elif not reason:
            found.append(
                HubError("E-GKE-04", f"gke_iap_cluster_waivers gives no reason for {name}", "add reason, one sentence")
            )
    return found


# ---- the settings


def _pools(cluster: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(cluster.get("nodePools") or [])


def _autopilot(cluster: Mapping[str, Any]) -> bool:
    return bool((cluster.get("autopilot") or {}).get("enabled"))


def _named(pools: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(pool.get("name", "?")) for pool in pools)


def _endpoints(cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the control plane is reached by address; empty on clusters from before this part of the API."""
    return (cluster.get("controlPlaneEndpointsConfig") or {}).get("ipEndpointsConfig") or {}


def _addresses_off(cluster: Mapping[str, Any]) -> bool:
    """The control plane is reached by its DNS endpoint alone."""
    endpoints = cluster.get("controlPlaneEndpointsConfig") or {}
    return "ipEndpointsConfig" in endpoints and not _endpoints(cluster).get("enabled")


def private_nodes(cluster: Mapping[str, Any]) -> Reading:
    """No node has an address of its own on the Internet."""
    everywhere = bool(
        (cluster.get("privateClusterConfig") or {}).get("enablePrivateNodes")
        or (cluster.get("networkConfig") or {}).get("defaultEnablePrivateNodes")
    )
    public = [
        pool for pool in _pools(cluster) if not (pool.get("networkConfig") or {}).get("enablePrivateNodes", everywhere)
    ]
    if public:
        return False, f"nodes with public addresses in pool {_named(public)}"
    return (True, "all nodes private") if everywhere or _pools(cluster) else (False, "nodes are public by default")


def private_endpoint(cluster: Mapping[str, Any]) -> Reading:
    """The control plane has no address that the Internet reaches."""
    if _addresses_off(cluster):
        return True, "reached by its DNS endpoint alone"
    endpoints = _endpoints(cluster)
    public = (
        bool(endpoints.get("enablePublicEndpoint"))
        if endpoints
        else not (cluster.get("privateClusterConfig") or {}).get("enablePrivateEndpoint")
    )
    return (False, "a public address") if public else (True, "private addresses only")


def authorized_networks(cluster: Mapping[str, Any]) -> Reading:
    """Only named networks reach the control plane's addresses."""
    if _addresses_off(cluster):
        return True, "no addresses to protect"
    config = _endpoints(cluster).get("authorizedNetworksConfig") or cluster.get("masterAuthorizedNetworksConfig") or {}
    if not config.get("enabled"):
        return False, "every network may connect"
    blocks = [str(block.get("cidrBlock", "")) for block in config.get("cidrBlocks") or []]
    if WHOLE_INTERNET & set(blocks):
        return False, f"the whole Internet is authorised ({', '.join(sorted(WHOLE_INTERNET & set(blocks)))})"
    if config.get("gcpPublicCidrsAccessEnabled"):
        return False, "every machine in Google Cloud, whoever's it is, may connect"
    return True, f"{len(blocks)} networks" if len(blocks) != 1 else "1 network"


def workload_identity(cluster: Mapping[str, Any]) -> Reading:
    """Pods get identities of their own instead of the node's."""
    if _autopilot(cluster):
        return True, "on (Autopilot)"
    pool = (cluster.get("workloadIdentityConfig") or {}).get("workloadPool")
    if not pool:
        return False, "off: every pod can act as the node's service account"
    open_pools = [
        each
        for each in _pools(cluster)
        if ((each.get("config") or {}).get("workloadMetadataConfig") or {}).get("mode") != "GKE_METADATA"
    ]
    if open_pools:
        return False, f"pool {_named(open_pools)} shows the node's metadata to pods"
    return True, str(pool)


def shielded_nodes(cluster: Mapping[str, Any]) -> Reading:
    """Nodes prove who they are when they join."""
    on = _autopilot(cluster) or bool((cluster.get("shieldedNodes") or {}).get("enabled"))
    return on, "on" if on else "off"


def dataplane_v2(cluster: Mapping[str, Any]) -> Reading:
    """Network policies are enforced, and without an add-on that could be missing."""
    provider = str((cluster.get("networkConfig") or {}).get("datapathProvider") or "LEGACY_DATAPATH")
    return provider == "ADVANCED_DATAPATH", provider


def release_channel(cluster: Mapping[str, Any]) -> Reading:
    """Google keeps control plane and nodes patched."""
    channel = str((cluster.get("releaseChannel") or {}).get("channel") or "none")
    return channel in CHANNELS, channel


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "private_nodes",
        "no node with a public address",
        "make the nodes private (gcloud container node-pools update POOL --cluster CLUSTER --location LOCATION "
        "--enable-private-nodes) and see that Cloud NAT lets them out",
        private_nodes,
    ),
    Setting(
        "private_endpoint",
        "a control plane without a public address",
        "switch the public address off ({update} --enable-private-endpoint) and reach it by "
        "cluster_access_method: gke_dns_endpoint",
        private_endpoint,
    ),
    Setting(
        "authorized_networks",
        "named networks only",
        "name those that need it ({update} --enable-master-authorized-networks --master-authorized-networks=...)",
        authorized_networks,
    ),
    Setting(
        "workload_identity",
        "an identity for every workload, and no node metadata for pods",
        "switch it on for the cluster ({update} --workload-pool=PROJECT.svc.id.goog) and for each pool "
        "(--workload-metadata=GKE_METADATA)",
        workload_identity,
    ),
    Setting("shielded_nodes", "on", "switch it on ({update} --enable-shielded-nodes)", shielded_nodes),
    Setting(
        "dataplane_v2",
        "ADVANCED_DATAPATH",
        "it can only be chosen when a cluster is made: make a new one with --enable-dataplane-v2, or prove another "
        "enforcement of network policies",
        dataplane_v2,
    ),
    Setting(
        "release_channel",
        ", ".join(sorted(CHANNELS)),
        "enrol the cluster ({update} --release-channel=regular)",
        release_channel,
    ),
)
"""What is read, in the order of the report."""
