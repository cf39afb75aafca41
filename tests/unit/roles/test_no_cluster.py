# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A preflight without a way to the right cluster tells that once, asks no other cluster, and judges what needs none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import cluster, played

NONE = {"msg": "E-K8S-02 The API server https://192.0.2.1 cannot be reached."}
FOUND = {"uid": "8771a2d5-1499-464c-ab0a-d5046b36360b"}
FILES = {"hub_https_certificate_file": "no.pem", "hub_https_private_key_file": "no.pem"}
JHUB = {"metadata": {"labels": {"release": "jhub"}}}


def look(folder: Path, role: str, guard: dict[str, str], **given: Any) -> tuple[list[str], int]:
    """What the rows of a role's preflight say, and how often it asked a cluster with another release's hub."""
    part = {"name": f"researchops.jupyterhub.{role}", "tasks_from": "preflight"}
    keep = {"content": f"{{{{ __{role}_preflight | to_json }}}}", "dest": "rows.json", "mode": "0600"}
    known = {"hub_name": "climate", "hub_domain": "hub.example.org", "__cluster_access_guard": guard, **given}
    with cluster(folder, {}, items=[JHUB]) as server:
        known["cluster_access_kubeconfig"] = str(folder / "kubeconfig")
        played(folder, [{"ansible.builtin.include_role": part}, {"ansible.builtin.copy": keep}], vars=known)
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    return [row["text"] for row in rows], len(server.requests)


@pytest.mark.parametrize(
    ("guard", "https", "told", "asked"),
    [
        pytest.param(NONE, {"hub_https_type": "secret"}, ["not probed because the cluster"], 0, id="secret"),
        pytest.param(NONE, {"hub_https_type": "manual", **FILES}, ["E-CERT-10"], 0, id="files"),
        pytest.param(FOUND, {"hub_https_type": "manual", **FILES}, ["E-CERT-41", "E-CERT-10"], 1, id="right cluster"),
    ],
)
def test_certificate(tmp_path: Path, guard: dict[str, str], https: dict[str, str], told: list[str], asked: int) -> None:
    texts, requests = look(tmp_path, "hub_https", guard, **https)
    assert [text[: len(wanted)] for text, wanted in zip(texts, told, strict=True)] == told
    assert requests == asked


@pytest.mark.parametrize(
    ("guard", "platform", "told", "asked"),
    [
        pytest.param(NONE, "existing", ["LoadBalancer,"], 0, id="no cluster"),
        pytest.param(
            FOUND, "existing", ["LoadBalancer,", "E-FRONT-13 Namespace climate holds "], 2, id="front Service"
        ),
        pytest.param(FOUND, "gke", ["E-FRONT-13 Namespace climate holds the hub of release jhub;"], 2, id="Google's"),
    ],
)
def test_another_hub(tmp_path: Path, guard: dict[str, str], platform: str, told: list[str], asked: int) -> None:
    """The run itself stops there too, but only after the table, and a person would mend one mistake after the other."""
    texts, requests = look(tmp_path, "hub_front", guard, hub_platform=platform)
    assert [text[: len(wanted)] for text, wanted in zip(texts, told, strict=True)] == told
    assert requests == asked
