# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A preflight without a way to the right cluster tells that once, asks no other cluster, and judges what needs none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import cluster, played

NONE = {"msg": "E-K8S-02 The API server https://192.0.2.1 cannot be reached."}
FOUND = {"uid": "8771a2d5-1499-464c-ab0a-d5046b36360b"}
FILES = {"hub_https_certificate_file": "no.pem", "hub_https_private_key_file": "no.pem"}


@pytest.mark.parametrize(
    ("guard", "https", "told", "asked"),
    [
        pytest.param(NONE, {"hub_https_type": "secret"}, ["not probed because the cluster"], 0, id="secret"),
        pytest.param(NONE, {"hub_https_type": "manual", **FILES}, ["E-CERT-10"], 0, id="files"),
        pytest.param(FOUND, {"hub_https_type": "manual", **FILES}, ["E-CERT-41", "E-CERT-10"], 1, id="right cluster"),
    ],
)
def test_certificate(tmp_path: Path, guard: dict[str, str], https: dict[str, str], told: list[str], asked: int) -> None:
    role = {"name": "researchops.jupyterhub.hub_https", "tasks_from": "preflight"}
    keep = {"content": "{{ __hub_https_preflight | to_json }}", "dest": "rows.json", "mode": "0600"}
    known = {"hub_name": "climate", "hub_domain": "hub.example.org", "__cluster_access_guard": guard, **https}
    with cluster(tmp_path, {}) as server:
        known["cluster_access_kubeconfig"] = str(tmp_path / "kubeconfig")
        played(tmp_path, [{"ansible.builtin.include_role": role}, {"ansible.builtin.copy": keep}], vars=known)
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert [row["text"][: len(text)] for row, text in zip(rows, told, strict=True)] == told
    assert len(server.requests) == asked
