# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container.googleapis.com: clusters, to be read only. A new cluster has every setting the collection asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from standin import errors
from standin.call import Call, Handler, reads


def healthy(project: str, location: str, name: str, endpoint: str = "10.0.0.2", ca: str = "") -> dict[str, Any]:
    """A private, hardened cluster as GKE describes it."""
    link = f"https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"
    node_pool = {
        "name": "default-pool",
        "status": "RUNNING",
        "version": "1.34.4-gke.1000000",
        "initialNodeCount": 1,
        "config": {
            "machineType": "e2-standard-4",
            "shieldedInstanceConfig": {"enableSecureBoot": True, "enableIntegrityMonitoring": True},
            "workloadMetadataConfig": {"mode": "GKE_METADATA"},
            "serviceAccount": f"gke-nodes@{project}.iam.gserviceaccount.com",
            "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
        },
        "management": {"autoUpgrade": True, "autoRepair": True},
    }
    return {
        "name": name,
        "location": location,
        "zone": location,
        "locations": [f"{location}-a"],
        "selfLink": link,
        "id": "a" * 64,
        "status": "RUNNING",
        "endpoint": endpoint,
        "currentMasterVersion": "1.34.4-gke.1000000",
        "initialClusterVersion": "1.34.4-gke.1000000",
        "releaseChannel": {"channel": "REGULAR"},
        "network": "default",
        "networkConfig": {
            "network": f"projects/{project}/global/networks/default",
            "datapathProvider": "ADVANCED_DATAPATH",
            "gatewayApiConfig": {"channel": "CHANNEL_STANDARD"},
        },
        "ipAllocationPolicy": {"useIpAliases": True, "clusterIpv4CidrBlock": "10.220.0.0/16"},
        "privateClusterConfig": {
            "enablePrivateNodes": True,
            "enablePrivateEndpoint": True,
            "privateEndpoint": endpoint,
            "masterIpv4CidrBlock": "172.16.0.0/28",
        },
        "controlPlaneEndpointsConfig": {
            "dnsEndpointConfig": {
                "endpoint": f"gke-{name}.{location}.gke.goog",
                "allowExternalTraffic": True,
            },
            "ipEndpointsConfig": {
                "enabled": True,
                "enablePublicEndpoint": False,
                "privateEndpoint": endpoint,
                "authorizedNetworksConfig": {"enabled": True, "cidrBlocks": [{"cidrBlock": "10.0.0.0/24"}]},
            },
        },
        "masterAuthorizedNetworksConfig": {
            "enabled": True,
            "cidrBlocks": [{"cidrBlock": "10.0.0.0/24", "displayName": "bastion"}],
        },
        "masterAuth": {"clusterCaCertificate": ca} if ca else {},
        "workloadIdentityConfig": {"workloadPool": f"{project}.svc.id.goog"},
        "shieldedNodes": {"enabled": True},
        "legacyAbac": {},
        "databaseEncryption": {
            "state": "ENCRYPTED",
            "keyName": f"projects/{project}/locations/{location}/keyRings/gke/cryptoKeys/etcd",
        },
        "binaryAuthorization": {"evaluationMode": "PROJECT_SINGLETON_POLICY_ENFORCE"},
        "networkPolicy": {},
        "addonsConfig": {
            "httpLoadBalancing": {},
            "dnsCacheConfig": {"enabled": True},
            "gcePersistentDiskCsiDriverConfig": {"enabled": True},
        },
        "loggingService": "logging.googleapis.com/kubernetes",
        "monitoringService": "monitoring.googleapis.com/kubernetes",
        "loggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"]}},
        "monitoringConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS"]}},
        "maintenancePolicy": {"window": {"dailyMaintenanceWindow": {"startTime": "03:00"}}, "resourceVersion": "1"},
        "nodePools": [node_pool],
    }


def _name(call: Call) -> str:
    if "name" in call.path:
        return call.path["name"].replace("/zones/", "/locations/")
    return f"projects/{call.path['projectId']}/locations/{call.path['zone']}/clusters/{call.path['clusterId']}"


def get(call: Call) -> dict[str, Any]:
    name = _name(call)
    project = call.project("container.clusters.get", name.split("/")[1])
    parts = name.split("/")
    parts[1] = project["id"]
    found = call.world.clusters.get("/".join(parts))
    if found is None:
        raise errors.GoogleError(404, f"Not found: {name}.")
    return found


def list_all(call: Call) -> dict[str, Any]:
    parent = call.path.get("parent") or f"projects/{call.path['projectId']}/locations/{call.path['zone']}"
    asked, location = parent.split("/")[1], parent.split("/")[3]
    project = call.project("container.clusters.list", asked)
    prefix = f"projects/{project['id']}/locations/" + ("" if location == "-" else f"{location}/")
    found = [one for name, one in sorted(call.world.clusters.items()) if name.startswith(prefix)]
    return {"clusters": found} if found else {}


METHODS: Mapping[str, Handler] = {
    "container.projects.locations.clusters.get": reads(get),
    "container.projects.locations.clusters.list": reads(list_all),
    "container.projects.zones.clusters.get": reads(get),
    "container.projects.zones.clusters.list": reads(list_all),
}
