# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that reads objects: which request it makes, and what becomes of a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.researchops.jupyterhub.plugins.lookup import cluster_objects as plugin
from ansible_collections.researchops.jupyterhub.tests.unit.fake_lookup import look_up


class Cluster:
    """A cluster with one Secret; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def get(self, path: str) -> Any:
        self.asked.append(path)
        return {"metadata": {"name": "hub-tls"}} if path.endswith("/hub-tls") else None

    def list(self, path: str, query: Any) -> Any:
        self.asked.append((path, query))
        return [{"metadata": {"name": "proxy-1"}}]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(plugin.KubeClient, "from_kubeconfig", lambda path, context: made)
    return made


@pytest.mark.parametrize(("name", "names"), [("hub-tls", ["hub-tls"]), ("other", [])])
def test_one_object_by_name_is_one_request(cluster: Cluster, name: str, names: list[str]) -> None:
    (found,) = look_up(plugin, ["Secret"], namespace="hub", name=name)
    assert [one["metadata"]["name"] for one in found["resources"]] == names
    assert (found["problem"], cluster.asked) == ("", [f"/api/v1/namespaces/hub/secrets/{name}"])


def test_all_of_a_kind_are_selected_by_the_server(cluster: Cluster) -> None:
    (found,) = look_up(plugin, ["Deployment"], api_version="apps/v1", namespace="hub", label_selector="a=b")
    assert len(found["resources"]) == 1
    assert cluster.asked == [("/apis/apps/v1/namespaces/hub/deployments", {"labelSelector": "a=b"})]


def test_a_kind_without_a_namespace(cluster: Cluster) -> None:
    look_up(plugin, ["Namespace"], namespace="hub")
    assert cluster.asked == [("/api/v1/namespaces", {})]


def test_a_cluster_that_cannot_be_asked_is_told_as_data(tmp_path: Path) -> None:
    (found,) = look_up(plugin, ["Secret"], namespace="hub", name="x", kubeconfig=str(tmp_path / "none"))
    assert found["resources"] == [] and found["problem"].startswith("E-K8S-01 ")


@pytest.mark.usefixtures("cluster")
def test_a_kind_that_kubernetes_does_not_have() -> None:
    with pytest.raises(AnsibleLookupError, match="no ManagedCertificate in v1"):
        look_up(plugin, ["ManagedCertificate"])
