# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud says about its cluster, as a kubeconfig's context or as the reason why there is none."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import clouds
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.clouds import EksName, GkeName, check_names
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.kubeconfig import CloudLogin
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

LOGIN = CloudLogin("gke", {"auth-kind": "application", "email": ""}, "/h.py", "/python", "/cache")
USER = {
    "exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/python",
        "args": ["-P", "/h.py", "--kind", "gke", "--cache-dir", "/cache", "--auth-kind", "application"],
        "interactiveMode": "Never",
        "provideClusterInfo": False,
    }
}
DNS = GkeName("p", "europe-west4", "research")
PRIVATE = GkeName("p", "europe-west4", "research", "private")
CLUSTER: dict[str, Any] = {
    "status": "RUNNING",
    "endpoint": "203.0.113.9",
    "masterAuth": {"clusterCaCertificate": "Q0E="},
    "privateClusterConfig": {"privateEndpoint": "10.0.0.9"},
    "controlPlaneEndpointsConfig": {
        "dnsEndpointConfig": {"endpoint": "gke-1.europe-west4.gke.goog", "allowExternalTraffic": True},
        "ipEndpointsConfig": {"enabled": True, "privateEndpoint": "10.0.0.2"},
    },
}


def changed(**parts: Any) -> dict[str, Any]:
    return {**CLUSTER, **parts}


def endpoints(**parts: Any) -> dict[str, Any]:
    return {"controlPlaneEndpointsConfig": {**CLUSTER["controlPlaneEndpointsConfig"], **parts}}


@pytest.mark.parametrize(
    ("name", "found", "reason", "do"),
    [
        pytest.param(DNS, changed(status="ERROR"), "its status is ERROR", "repair it first", id="broken"),
        pytest.param(DNS, {}, "its status is unknown", "wait until it runs", id="empty"),
        pytest.param(
            DNS,
            changed(**endpoints(dnsEndpointConfig={})),
            "no DNS endpoint",
            "--enable-dns-access",
            id="no DNS endpoint",
        ),
        pytest.param(
            DNS,
            changed(**endpoints(dnsEndpointConfig={"endpoint": "x.gke.goog"})),
            "x.gke.goog takes no traffic from outside",
            "gcloud container clusters update research --location europe-west4 --project p --enable-dns-access",
            id="DNS endpoint closed",
        ),
        pytest.param(
            PRIVATE,
            changed(privateClusterConfig={}, controlPlaneEndpointsConfig={}),
            "no private address",
            "gke_dns_endpoint",
            id="no private address",
        ),
        pytest.param(
            PRIVATE,
            changed(**endpoints(ipEndpointsConfig={"enabled": False, "privateEndpoint": "10.0.0.2"})),
            "no private address",
            "gke_dns_endpoint",
            id="addresses switched off",
        ),
        pytest.param(PRIVATE, changed(masterAuth={}), "hidden from these credentials", "clusterViewer", id="no CA"),
    ],
)
def test_gke_without_a_way(name: GkeName, found: dict[str, Any], reason: str, do: str) -> None:
    error = fails("E-ACCESS-21", lambda: clouds.gke(name, found, LOGIN))
    assert error.what.startswith("There is no way into the GKE cluster research in europe-west4 of p: ")
    assert reason in error.what
    assert do in error.do


@pytest.mark.parametrize(
    ("name", "found", "cluster"),
    [
        pytest.param(DNS, CLUSTER, {"server": "https://gke-1.europe-west4.gke.goog"}, id="DNS: a public CA"),
        pytest.param(
            PRIVATE, CLUSTER, {"server": "https://10.0.0.2", "certificate-authority-data": "Q0E="}, id="private"
        ),
        pytest.param(
            PRIVATE,
            changed(status="RECONCILING", controlPlaneEndpointsConfig={}),
            {"server": "https://10.0.0.9", "certificate-authority-data": "Q0E="},
            id="private, told in the older place, while it is updated",
        ),
    ],
)
def test_gke(name: GkeName, found: dict[str, Any], cluster: dict[str, Any]) -> None:
    chosen = clouds.gke(name, found, LOGIN)
    assert (chosen.context, chosen.cluster, chosen.user) == ("gke_p_europe-west4_research", cluster, USER)


@pytest.mark.parametrize(
    ("name", "left_out", "found"),
    [
        (DNS, "controlPlaneEndpointsConfig", "it has no DNS endpoint"),
        (DNS, "privateClusterConfig", "https://gke-1.europe-west4.gke.goog"),
        (DNS, "masterAuth", "https://gke-1.europe-west4.gke.goog"),
        (PRIVATE, "controlPlaneEndpointsConfig", "https://10.0.0.9"),
        (PRIVATE, "privateClusterConfig", "https://10.0.0.2"),
        (PRIVATE, "masterAuth", "hidden from these credentials"),
    ],
)
def test_google_leaves_out_what_is_empty(name: GkeName, left_out: str, found: str) -> None:
    seen = {key: value for key, value in CLUSTER.items() if key != left_out}
    try:
        told = str(clouds.gke(name, seen, LOGIN).cluster["server"])
    except HubError as problem:
        told = problem.what
    assert found in told


EKS = EksName("eu-west-1", "research")
FOUND = {
    "name": "research",
    "arn": "arn:aws:eks:eu-west-1:123456789012:cluster/research",
    "status": "ACTIVE",
    "endpoint": "https://ABC.gr7.eu-west-1.eks.amazonaws.com",
    "certificateAuthority": {"data": "Q0E="},
}


@pytest.mark.parametrize(
    "changes",
    [{"status": "CREATING"}, {"endpoint": None}, {"certificateAuthority": {}}, {"certificateAuthority": None}],
)
def test_eks_without_a_way(changes: dict[str, Any]) -> None:
    status = changes.get("status", "ACTIVE")
    with pytest.raises(HubError, match=f"E-ACCESS-21 .* the EKS cluster research in eu-west-1: its status is {status}"):
        clouds.eks(EKS, {**FOUND, **changes}, LOGIN)


def test_an_eks_cluster_of_which_aws_says_nothing() -> None:
    with pytest.raises(HubError, match="its status is unknown"):
        clouds.eks(EKS, {}, LOGIN)


def test_eks() -> None:
    chosen = clouds.eks(EKS, FOUND, LOGIN)
    assert (chosen.context, chosen.user) == (FOUND["arn"], USER)
    assert chosen.cluster == {"server": FOUND["endpoint"], "certificate-authority-data": "Q0E="}


@pytest.mark.parametrize("bad", ["", "../x", "a/b", "a?b", "-x", "a b"])
def test_names_stay_names(bad: str) -> None:
    with pytest.raises(HubError, match="E-ACCESS-18 The cluster's location"):
        check_names(project="p", location=bad)


def test_addresses() -> None:
    check_names(project="example.com:p", location="europe-west4-a", name="research_1")
    assert DNS.path == "projects/p/locations/europe-west4/clusters/research"
