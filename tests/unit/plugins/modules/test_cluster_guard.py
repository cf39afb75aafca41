# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of cluster_guard to its answer; the judgements are tested in _k8s/test_guard.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.guard import Observed, Permission
from ansible_collections.researchops.jupyterhub.plugins.modules import cluster_guard
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

UID = "5d9c7a11-2f43-4a57-9a39-3c1f5e6b7d80"
GOOD = Observed("ops", UID, (), "https://api.test:6443", "v1.34.4", (), nodes=(1, 1))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A cluster that looks as `observed` says; records how it was asked."""
    found: dict[str, Any] = {"observed": GOOD}

    def client(kubeconfig: str | None, context: str | None) -> object:
        found["from"] = (kubeconfig, context)
        return type("Client", (), {"server": "https://api.test:6443"})()

    def observe(client: object, permissions: Any) -> Observed:
        found["permissions"] = permissions
        return found["observed"]

    monkeypatch.setattr(cluster_guard.KubeClient, "from_kubeconfig", client)
    monkeypatch.setattr(cluster_guard.cluster, "observe", observe)
    return found


def test_the_right_cluster_is_reported(seen: dict[str, Any]) -> None:
    items = [{"verb": "get", "resource": "pods", "namespace": "hub"}]
    outcome = cluster_guard.body(
        request(cluster_guard, kubeconfig="/k", context="c", expected_uid=UID, permissions=items, storage_class="")
    )
    assert (seen["from"], seen["permissions"]) == (("/k", "c"), (Permission("get", "pods", namespace="hub"),))
    assert outcome.changed is False
    assert outcome.diff is None
    assert {key: outcome.result[key] for key in ("uid", "version", "user")} == {
        "uid": UID,
        "version": "v1.34.4",
        "user": "ops",
    }
    assert [(row["check"], row["ok"]) for row in outcome.result["preflight"]] == [
        ("API server", True),
        ("Kubernetes version", True),
        ("right cluster", True),
        ("permissions", True),
        ("nodes", True),
        ("storage class", False),
    ]


def test_the_wrong_cluster_stops_the_play(seen: dict[str, Any]) -> None:
    with pytest.raises(HubError, match="E-ACCESS-01"):
        cluster_guard.body(request(cluster_guard, kubeconfig="/k", expected_uid="another"))


def test_missing_libraries_are_one_row(seen: dict[str, Any]) -> None:
    outcome = cluster_guard.body(request(cluster_guard, kubeconfig="/k", libraries=["json", "no_such_library"]))
    assert outcome.result["preflight"][0]["check"] == "Python libraries"
    assert "missing: no_such_library" in outcome.result["preflight"][0]["text"]


@pytest.mark.parametrize(
    ("user", "error_id"),
    [({}, "E-ACCESS-10"), ({"exec": {"command": "/bin/sh", "args": ["-c", "echo no >&2; exit 1"]}}, "E-ACCESS-09")],
)
def test_an_anonymous_visitor_learns_why(
    seen: dict[str, Any], tmp_path: Path, user: dict[str, Any], error_id: str
) -> None:
    path = tmp_path / "config"
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://api.test:6443"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    seen["observed"] = Observed("", "", (), "https://api.test:6443", "v1.34.4")
    with pytest.raises(HubError, match=error_id):
        cluster_guard.body(request(cluster_guard, kubeconfig=str(path)))


def test_a_permission_needs_a_verb() -> None:
    with pytest.raises(Refused, match="verb"):
        request(cluster_guard, permissions=[{"resource": "pods"}])
