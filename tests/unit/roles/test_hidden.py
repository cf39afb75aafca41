# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that sees secrets hides all it says; where it fails, the person still reads why, and no secret.

A real ansible-playbook runs the roles' own tasks, where a variable or an object is not as it should be.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import cluster, played

HUB = {"hub_name": "climate", "hub_domain": "hub.example.org"}
MANUAL = {"hub_https_type": "manual", "hub_https_certificate_file": "hub.pem", "hub_https_private_key_file": "hub.key"}


def said(folder: Path, role: str, tasks: str, given: dict[str, Any]) -> str:
    """Why this part of the role stopped, as the person reads it; it must stop."""
    part = {"ansible.builtin.include_role": {"name": f"researchops.jupyterhub.{role}", "tasks_from": tasks}}
    keep = {"content": "{{ ansible_failed_result | to_json }}", "dest": "said.json", "mode": "0600"}
    variables = {**HUB, "cluster_access_kubeconfig": str(folder / "kubeconfig"), **given}
    played(folder, [{"vars": variables, "block": [part], "rescue": [{"ansible.builtin.copy": keep}]}])
    found = json.loads((folder / "said.json").read_text(encoding="utf-8"))
    assert not found.get("_ansible_no_log"), "the last word is hidden"
    return str(found["msg"])


@pytest.mark.parametrize(("role", "given"), [("letsencrypt", {"letsencrypt_method": "direct"}), ("hub_https", MANUAL)])
def test_a_secret_that_cannot_be_deleted_says_why(tmp_path: Path, role: str, given: dict[str, Any]) -> None:
    assert "kubeconfig" in said(tmp_path, role, "absent", given)


def test_an_account_s_secret_of_somebody_else_is_told_and_left_alone(tmp_path: Path) -> None:
    """cert-manager, too, may be told to keep an account's key under this name; its field is another one."""
    with cluster(tmp_path, {"tls.key": b"their key"}) as server:
        told = said(tmp_path, "letsencrypt", "account", {"letsencrypt_method": "direct"})
    assert told.startswith("E-CERT-41 Secret letsencrypt-account in namespace climate was not filled by this role")
    assert ". Nothing was ordered. Do: " in told
    assert {command for command, *_rest in server.requests} == {"GET"}


def test_a_certificate_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    with cluster(tmp_path, {"tls.key": b"their key"}) as server:
        told = said(tmp_path, "hub_https", "main", MANUAL)
    assert told.startswith("E-CERT-41 Secret hub-tls in namespace climate was not filled by this role")
    assert "their key" not in told
    assert {command for command, *_rest in server.requests} == {"GET"}


OURS = {"app.kubernetes.io/managed-by": "researchops.jupyterhub"}


def test_a_certificate_of_the_role_itself_may_be_overwritten(tmp_path: Path) -> None:
    """It stops at the files, which are not there, and at nothing else."""
    with cluster(tmp_path, {}, labels=OURS):
        told = said(tmp_path, "hub_https", "main", MANUAL)
    assert told.startswith("E-CERT-10 ")
    assert "E-CERT-41" not in told


def test_a_teardown_leaves_a_certificate_that_the_role_did_not_make(tmp_path: Path) -> None:
    part = {"ansible.builtin.include_role": {"name": "researchops.jupyterhub.hub_https", "tasks_from": "absent"}}
    with cluster(tmp_path, {}) as server:
        variables = {**HUB, **MANUAL, "cluster_access_kubeconfig": str(tmp_path / "kubeconfig")}
        played(tmp_path, [{"vars": variables, "block": [part]}])
    assert len(server.requests) == 1


def test_a_teardown_deletes_a_certificate_that_the_role_made_and_says_why_it_cannot(tmp_path: Path) -> None:
    """After the first look the module that deletes asks; it fails, because every answer here is a Secret."""
    with cluster(tmp_path, {}, labels=OURS) as server:
        assert said(tmp_path, "hub_https", "absent", MANUAL)
    assert len(server.requests) > 1
