# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter node_probes, as Ansible finds it."""

from __future__ import annotations

from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.filter.node_probes import FilterModule

node_probes = FilterModule().filters()["node_probes"]
IMAGE = {"image": {"name": "registry.example.org/hub", "tag": "1"}}
WISH: dict[str, Any] = {
    "run": "r1",
    "namespace": "climate",
    "obstacle": "",
    "look": {},
    "values": {"hub": IMAGE, "singleuser": IMAGE},
    "root": "",
    "chart": {},
    "chart_ref": "",
    "chart_version": "",
    "issuer": "",
    "ca_file": "",
    "ca_pem": "",
}


def test_a_wish_becomes_a_plan_and_a_plan_becomes_rows() -> None:
    planned = node_probes(WISH)
    assert [one["kind"] for one in planned["documents"]] == ["Namespace", "ServiceAccount", "Pod", "Pod"]
    told = node_probes(planned, {"pods": [], "elapsed": 0, "created": {}})
    assert told["done"]
    assert [row["ok"] for row in told["rows"]] == [False, False]
