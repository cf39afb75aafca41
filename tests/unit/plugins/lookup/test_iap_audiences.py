# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that finds the audiences; what it decides is in test_audiences.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.lookup import iap_audiences as plugin
from ansible_collections.researchops.jupyterhub.tests.unit.fake_lookup import look_up

ONE = "/projects/1/global/backendServices/1"


def test_what_is_known_needs_no_cluster() -> None:
    assert look_up(plugin, ["hub"], namespace="hub", known=[ONE]) == [
        {"audiences": [ONE], "pending": False, "ca_pem": "", "problem": {}}
    ]


def test_a_cluster_that_cannot_be_asked_is_told_as_data(tmp_path: Path) -> None:
    (found,) = look_up(plugin, ["hub"], namespace="hub", kubeconfig=str(tmp_path / "none"))
    assert found["problem"]["error_id"] == "E-K8S-01"
    (found,) = look_up(plugin, ["hub"], namespace="hub", kubeconfig=str(tmp_path / "none"), later=True)
    assert (found["problem"], found["pending"]) == ({}, True)


def test_the_release_is_asked_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(plugin.KubeClient, "from_kubeconfig", lambda *where: where)
    monkeypatch.setattr(plugin, "recorded_audiences", lambda *words: asked.append(words) or [ONE])
    (found,) = look_up(plugin, ["hub"], namespace="ns", kubeconfig="/k", context="c", values_root="x.y")
    assert found["audiences"] == [ONE]
    assert asked == [(("/k", "c"), "ns", "hub", "x.y")]
