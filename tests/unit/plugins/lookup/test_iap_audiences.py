# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that finds the audiences; what it decides is in test_audiences.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.lookup import iap_audiences as plugin

ONE = "/projects/1/global/backendServices/1"
OPTIONS = yaml.safe_load(plugin.DOCUMENTATION)["options"]


class Lookup(plugin.LookupModule):  # type: ignore[misc]
    """The plugin with options as given, because only Ansible's loader can read their documentation."""

    def set_options(self, var_options: Any = None, direct: Any = None) -> None:
        defaults = {name: option.get("default") for name, option in OPTIONS.items() if name != "_terms"}
        assert set(direct) <= set(defaults)
        self.given = defaults | direct

    def get_options(self) -> Any:
        return self.given


def test_what_is_known_needs_no_cluster() -> None:
    assert Lookup().run(["hub"], {}, namespace="hub", known=[ONE]) == [
        {"audiences": [ONE], "pending": False, "ca_pem": "", "problem": {}}
    ]


def test_a_cluster_that_cannot_be_asked_is_told_as_data(tmp_path: Path) -> None:
    (found,) = Lookup().run(["hub"], {}, namespace="hub", kubeconfig=str(tmp_path / "none"))
    assert found["problem"]["error_id"] == "E-K8S-01"
    (found,) = Lookup().run(["hub"], {}, namespace="hub", kubeconfig=str(tmp_path / "none"), later=True)
    assert (found["problem"], found["pending"]) == ({}, True)


def test_the_release_is_asked_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(plugin.KubeClient, "from_kubeconfig", lambda *where: where)
    monkeypatch.setattr(plugin, "recorded_audiences", lambda *words: asked.append(words) or [ONE])
    (found,) = Lookup().run(["hub"], {}, namespace="ns", kubeconfig="/k", context="c", values_root="x.y")
    assert found["audiences"] == [ONE]
    assert asked == [(("/k", "c"), "ns", "hub", "x.y")]
