# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play whose guard was left out touches no cluster: a person's own kubeconfig may lead to another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import cluster, played

ROLES = [
    {"role": "researchops.jupyterhub.cluster_access", "tags": ["cluster_access", "always"]},
    {"role": "researchops.jupyterhub.hub_teardown", "hub_teardown_roles": [], "hub_teardown_data": True},
]
"""A teardown with all data; of two clusters that have a hub of this name it may be the wrong one that is asked."""


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(["--start-at-task", "Delete it, and wait until it is gone"], id="what failed is begun again"),
        pytest.param(["--skip-tags", "cluster_access"], id="what lasts is left out"),
    ],
)
def test_no_cluster_is_asked(tmp_path: Path, given: list[str]) -> None:
    with cluster(tmp_path, {}) as server:
        known = {"hub_name": "climate", "cluster_access_kubeconfig": str(tmp_path / "kubeconfig")}
        printed = played(tmp_path, [], *given, code=2, roles=ROLES, vars=known)
    assert "E-ACCESS-22 The role cluster_access of this play was left out" in " ".join(printed.split())
    assert server.requests == []
