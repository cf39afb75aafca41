# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup of the preflight that finds the hub of another release in the namespace."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.lookup import another_hub as plugin
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fake_lookup import look_up
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeKube

SERVICE = "/api/v1/namespaces/jupyter/services/hub-front"
HUBS = "/apis/apps/v1/namespaces/jupyter/deployments"
REFUSED = "E-FRONT-13 Namespace jupyter holds the hub of release jhub; this run is for release climate"


@pytest.mark.parametrize(
    ("front", "hub", "refused", "told", "requests"),
    [
        pytest.param("", "jhub", {}, REFUSED, 2, id="00-another-hub"),
        pytest.param("jhub", "jhub", {}, REFUSED, 2, id="01-the-front-leads-to-it"),
        pytest.param("", "jhub", {SERVICE: 403}, REFUSED, 2, id="02-the-front-may-not-be-read"),
        pytest.param("", "", {}, "", 2, id="03-nobody-there"),
        pytest.param("", "jhub", {HUBS: 403}, "", 2, id="04-nobody-may-look"),
        pytest.param("climate", "climate", {}, "", 1, id="05-ours"),
        pytest.param("", "", {SERVICE: 500}, "E-K8S-08 ", 1, id="06-no-answer"),
    ],
)
def test_another_releases_hub_is_told_as_data(
    monkeypatch: pytest.MonkeyPatch, front: str, hub: str, refused: dict[str, int], told: str, requests: int
) -> None:
    kube = FakeKube("jupyter")
    if front:
        kube.put(SERVICE, {"spec": {"selector": {"release": front}}})
    if hub:
        kube.put(f"{HUBS}/hub", {"metadata": {"labels": {"app": "jupyterhub", "component": "hub", "release": hub}}})
    kube.on(lambda _method, path, _query, _body: Reply(refused[path], {}) if path in refused else None)
    monkeypatch.setattr(plugin.KubeClient, "from_kubeconfig", lambda path, context: kube)
    (found,) = look_up(plugin, ["climate"], namespace="jupyter")
    assert found.startswith(told) and bool(found) is bool(told)
    assert (len(kube.requests), kube.writes) == (requests, [])


def test_a_cluster_that_cannot_be_asked_is_told_as_data(tmp_path: Path) -> None:
    (found,) = look_up(plugin, ["climate"], namespace="jupyter", kubeconfig=str(tmp_path / "none"))
    assert found.startswith("E-K8S-01 ")
