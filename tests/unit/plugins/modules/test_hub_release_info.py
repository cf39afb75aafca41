# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of hub_release_info to what Ansible reads."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.modules import hub_release_info
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeKube, run_module


def test_facts_come_from_the_cluster_the_options_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str | None, str | None]] = []

    def client(kubeconfig: str | None, context: str | None) -> FakeKube:
        asked.append((kubeconfig, context))
        return FakeKube("hub")

    monkeypatch.setattr(hub_release_info.KubeClient, "from_kubeconfig", client)
    options = {"release_name": "hub", "namespace": "hub", "kubeconfig": "/k", "context": "c"}
    found = run_module(hub_release_info.main, options, capsys, check_mode=True)
    assert asked == [("/k", "c")]
    assert (found["changed"], found["exists"], found["status"], "diff" in found) == (False, False, "absent", False)
