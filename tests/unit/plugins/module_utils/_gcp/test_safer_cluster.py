# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a safer cluster, each as a table: deny rows first."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp import safer_cluster

Json = dict[str, Any]

POOL = {
    "name": "default",
    "config": {"workloadMetadataConfig": {"mode": "GKE_METADATA"}},
    "networkConfig": {"enablePrivateNodes": True},
}
SAFE: Json = {
    "privateClusterConfig": {"enablePrivateNodes": True, "enablePrivateEndpoint": True},
    "masterAuthorizedNetworksConfig": {"enabled": True, "cidrBlocks": [{"cidrBlock": "192.0.2.0/24"}]},
    "workloadIdentityConfig": {"workloadPool": "p.svc.id.goog"},
    "shieldedNodes": {"enabled": True},
    "networkConfig": {"datapathProvider": "ADVANCED_DATAPATH"},
    "releaseChannel": {"channel": "REGULAR"},
    "nodePools": [POOL],
}
DNS_ONLY = {"controlPlaneEndpointsConfig": {"ipEndpointsConfig": {}}}
PUBLIC = {"name": "gpu", "networkConfig": {"enablePrivateNodes": False}}


def ip_endpoints(**settings: Any) -> Json:
    return {"controlPlaneEndpointsConfig": {"ipEndpointsConfig": {"enabled": True, **settings}}}


def networks(*blocks: str, **more: Any) -> Json:
    config = {"enabled": True, "cidrBlocks": [{"cidrBlock": block} for block in blocks], **more}
    return {"masterAuthorizedNetworksConfig": config}


TABLE = [
    # private_nodes
    ("private_nodes", {}, False, "nodes are public by default"),
    ("private_nodes", {"nodePools": [{"name": "a"}]}, False, "nodes with public addresses in pool a"),
    (
        "private_nodes",
        {"privateClusterConfig": {"enablePrivateNodes": True}, "nodePools": [POOL, PUBLIC]},
        False,
        "nodes with public addresses in pool gpu",
    ),
    ("private_nodes", {"nodePools": [POOL]}, True, "all nodes private"),
    ("private_nodes", {"privateClusterConfig": {"enablePrivateNodes": True}}, True, "all nodes private"),
    (
        "private_nodes",
        {"networkConfig": {"defaultEnablePrivateNodes": True}, "nodePools": [{"name": "a"}]},
        True,
        "all nodes private",
    ),
    # private_endpoint
    ("private_endpoint", {}, False, "a public address"),
    ("private_endpoint", ip_endpoints(enablePublicEndpoint=True), False, "a public address"),
    (
        "private_endpoint",
        ip_endpoints(enablePublicEndpoint=True) | {"privateClusterConfig": {"enablePrivateEndpoint": True}},
        False,
        "a public address",
    ),
    ("private_endpoint", {"privateClusterConfig": {"enablePrivateEndpoint": True}}, True, "private addresses only"),
    ("private_endpoint", ip_endpoints(), True, "private addresses only"),
    ("private_endpoint", DNS_ONLY, True, "reached by its DNS endpoint alone"),
    # authorized_networks
    ("authorized_networks", {}, False, "every network may connect"),
    ("authorized_networks", ip_endpoints(), False, "every network may connect"),
    (
        "authorized_networks",
        networks("192.0.2.0/24", "0.0.0.0/0"),
        False,
        "the whole Internet is authorised (0.0.0.0/0)",
    ),
    ("authorized_networks", networks("::/0"), False, "the whole Internet is authorised (::/0)"),
    (
        "authorized_networks",
        networks("192.0.2.0/24", gcpPublicCidrsAccessEnabled=True),
        False,
        "every machine in Google Cloud, whoever's it is, may connect",
    ),
    ("authorized_networks", networks("192.0.2.0/24"), True, "1 network"),
    ("authorized_networks", networks(), True, "0 networks"),
    ("authorized_networks", {"masterAuthorizedNetworksConfig": {"enabled": True}}, True, "0 networks"),
    (
        "authorized_networks",
        ip_endpoints(authorizedNetworksConfig={"enabled": True, "cidrBlocks": [{"cidrBlock": "192.0.2.0/24"}]}),
        True,
        "1 network",
    ),
    ("authorized_networks", DNS_ONLY, True, "no addresses to protect"),
    # workload_identity
    ("workload_identity", {"nodePools": [POOL]}, False, "off: every pod can act as the node's service account"),
    (
        "workload_identity",
        SAFE | {"nodePools": [POOL, {"name": "gpu", "config": {"workloadMetadataConfig": {"mode": "GCE_METADATA"}}}]},
        False,
        "pool gpu shows the node's metadata to pods",
    ),
    ("workload_identity", SAFE | {"nodePools": [{"name": "a"}]}, False, "pool a shows the node's metadata to pods"),
    ("workload_identity", SAFE, True, "p.svc.id.goog"),
    ("workload_identity", {"autopilot": {"enabled": True}}, True, "on (Autopilot)"),
    # shielded_nodes
    ("shielded_nodes", {}, False, "off"),
    ("shielded_nodes", {"shieldedNodes": {"enabled": True}}, True, "on"),
    ("shielded_nodes", {"autopilot": {"enabled": True}}, True, "on"),
    # dataplane_v2
    ("dataplane_v2", {}, False, "LEGACY_DATAPATH"),
    (
        "dataplane_v2",
        {"networkConfig": {"datapathProvider": "MIGRATE_TO_ADVANCED_DATAPATH"}},
        False,
        "MIGRATE_TO_ADVANCED_DATAPATH",
    ),
    ("dataplane_v2", SAFE, True, "ADVANCED_DATAPATH"),
    # release_channel
    ("release_channel", {}, False, "none"),
    ("release_channel", {"releaseChannel": {"channel": "UNSPECIFIED"}}, False, "UNSPECIFIED"),
    ("release_channel", {"releaseChannel": {"channel": "EXTENDED"}}, True, "EXTENDED"),
    ("release_channel", SAFE, True, "REGULAR"),
]


@pytest.mark.parametrize(
    ("name", "cluster", "ok", "seen"),
    [pytest.param(*row, id=f"{number:02}-{row[0]}-{'ok' if row[2] else 'drift'}") for number, row in enumerate(TABLE)],
)
def test_a_setting(name: str, cluster: Json, ok: bool, seen: str) -> None:
    (judged,) = [one for one in safer_cluster.judge(cluster) if one.name == name]
    assert (judged.ok, judged.seen, judged.drift) == (ok, seen, not ok)


def test_every_setting_is_in_the_table_both_ways() -> None:
    names = {setting.name for setting in safer_cluster.SETTINGS}
    for ok in (False, True):
        assert {row[0] for row in TABLE if row[2] is ok} == names


def test_a_safe_cluster_has_no_drift() -> None:
    assert not [one.name for one in safer_cluster.judge(SAFE) if one.drift]


def test_of_an_answer_without_settings_nothing_is_taken_for_safe() -> None:
    assert [one.drift for one in safer_cluster.judge({})] == [True] * len(safer_cluster.SETTINGS)


def test_drift_is_told_setting_by_setting_with_its_cure() -> None:
    judged = safer_cluster.judge(SAFE | {"shieldedNodes": {}}, update="gcloud ... update research --location here")
    (row,) = [one.row() for one in judged if one.drift]
    assert (row["check"], row["ok"]) == ("cluster shielded_nodes", False)
    assert row["text"].startswith("E-GKE-03 The cluster's setting shielded_nodes is not safe. Seen: off; wanted: on.")
    assert "gcloud ... update research --location here --enable-shielded-nodes" in row["text"]


def test_a_waiver_takes_one_drift_away_and_stays_visible() -> None:
    judged = safer_cluster.judge({}, {"shielded_nodes": "old GPUs", "dataplane_v2": "Calico is proved"})
    assert [one.name for one in judged if not one.drift] == ["shielded_nodes", "dataplane_v2"]
    (shielded,) = [one for one in judged if one.name == "shielded_nodes"]
    assert shielded.as_dict() == {
        "setting": "shielded_nodes",
        "ok": False,
        "seen": "off",
        "wanted": "on",
        "waived": "old GPUs",
    }
    assert shielded.row() == {"check": "cluster shielded_nodes", "ok": True, "text": "off (waived: old GPUs)"}


def test_a_waiver_that_is_not_needed_is_not_shown() -> None:
    (shielded,) = [one for one in safer_cluster.judge(SAFE, {"shielded_nodes": "x"}) if one.name == "shielded_nodes"]
    assert (shielded.waived, shielded.row()["text"]) == ("", "on")


@pytest.mark.parametrize(
    ("waiver", "words"),
    [
        pytest.param({"setting": "shielded_node", "reason": "x"}, "Do: write shielded_nodes.", id="00-near-miss"),
        pytest.param({"setting": "zzz", "reason": "x"}, "Do: write one of: private_nodes, ", id="01-no-setting"),
        pytest.param({"setting": "shielded_nodes", "reason": " "}, "gives no reason for shielded_nodes", id="02-blank"),
        pytest.param({"setting": "shielded_nodes"}, "gives no reason for shielded_nodes", id="03-reason-left-out"),
    ],
)
def test_a_waiver_that_would_not_work_is_refused(waiver: Json, words: str) -> None:
    (error,) = safer_cluster.waiver_problems([{"setting": "dataplane_v2", "reason": "y"}, waiver])
    assert error.error_id == "E-GKE-04"
    assert words in error.text()
