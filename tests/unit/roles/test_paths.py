# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relative path starts where ansible-playbook was started, whatever reads it.

A real ansible-playbook runs a playbook that lies elsewhere, as the collection's own do; there Ansible starts modules in
the playbook's folder, and looks for files there and in the role.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

GIVEN = {
    "hub_domain": "hub.example.org",
    "hub_https_type": "manual",
    "hub_https_certificate_file": "here/chain.pem",
    "hub_https_private_key_file": "./here/key.pem",
    "hub_oauth_ca_file": "here/ca.pem",
    "letsencrypt_ca_file": "here/ca.pem",
    "gke_iap_service_account_file": "here/google.json",
    "hub_dns_service_account_file": "here/google.json",
    "domain_verification_service_account_file": "here/google.json",
    "cluster_access_service_account_file": "here/google.json",
    "cluster_access_method": "ssh_bastion",
    "cluster_access_bastion": "host=bastion, private_key_file=here/id_ed25519",
    "z2jh_chart_ref": "here/chart",
    "z2jh_helm_binary": "here/helm",
}
SEEN = {
    "__hub_https_certificate": "the chain",
    "__hub_https_key": "the key",
    "__hub_https_source": "{here}/chain.pem",
    "__letsencrypt_environment": {"SSL_CERT_FILE": "{here}/ca.pem"},
    "__gke_iap_key": "{here}/google.json",
    "__hub_dns_key": "{here}/google.json",
    "__domain_verification_key": "{here}/google.json",
    "__cluster_access_key": "{here}/google.json",
    "__cluster_access_kubeconfig": "{here}/kubeconfig:{here}/second",
    "__cluster_access_bastion.private_key_file": "{here}/id_ed25519",
    "__z2jh_chart_ref": "{here}/chart",
    "__z2jh_helm_binary": "{here}/helm",
    "__hub_preflight_wish.ca_file": "{here}/ca.pem",
}
ROLES = ("cluster_access", "hub_https", "gke_iap", "hub_dns", "domain_verification", "letsencrypt", "hub_oauth", "z2jh")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the roles see, by the expression that was asked for; ``{here}`` stands for the folder with the files."""
    folder = tmp_path_factory.mktemp("paths")
    (folder / "here").mkdir()
    (folder / "here" / "chain.pem").write_text("the chain", encoding="utf-8")
    (folder / "here" / "key.pem").write_text("the key", encoding="utf-8")
    asked = "{{ {" + ", ".join(f"{json.dumps(text)}: {text}" for text in SEEN) + "} | to_json }}"
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": {"name": f"researchops.jupyterhub.{role}", "tasks_from": part, "public": True}}
        for role, part in [*((role, "preflight") for role in ROLES), ("hub_preflight", "main")]
    ]
    tasks[-1]["vars"] = {"hub_preflight_roles": []}
    tasks.append({"ansible.builtin.copy": {"content": asked, "dest": str(folder / "seen.json"), "mode": "0600"}})
    given = [part for name, text in GIVEN.items() for part in ("-e", f"{name}={json.dumps(text)}")]
    known = {"__cluster_access_guard": {"preflight": []}}  # so that no cluster is asked
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", "here/kubeconfig:./here/second")
        patch.delenv("K8S_AUTH_KUBECONFIG", raising=False)
        played(folder, tasks, *given, book="plays/play.yml", vars=known)
    found: dict[str, Any] = json.loads(
        (folder / "seen.json").read_text(encoding="utf-8").replace(str(folder / "here"), "{here}")
    )
    return found


@pytest.mark.parametrize("text", SEEN)
def test_a_relative_path_starts_where_the_play_was_started(seen: dict[str, Any], text: str) -> None:
    assert seen[text] == SEEN[text]


@pytest.mark.parametrize(
    ("given", "shell", "other", "wanted"),
    [
        pytest.param("here/a:b", "", "", "{start}/here/a:{start}/b", id="00-several-files"),
        pytest.param("~/a", "here/b", "", "{home}/a", id="01-the-variable-comes-first"),
        pytest.param("", ":b:", "", "{start}/b", id="02-the-shell-s"),
        pytest.param("", "/a:~/b", "", "", id="03-nothing-relative-is-left-to-the-module"),
        pytest.param("", "here/b", "/c", "", id="04-as-is-everything-where-ansible-has-a-variable-of-its-own"),
    ],
)
def test_which_kubeconfig_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, shell: str, other: str, wanted: str
) -> None:
    """A module asks its own environment, which a play may set, so the shell's is handed over only where it must be."""
    monkeypatch.setenv("KUBECONFIG", shell)
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", other)
    name = "researchops.jupyterhub.cluster_access"
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": {"name": name, "tasks_from": "preflight", "public": True}},
        {"ansible.builtin.debug": {"msg": "<{{ __cluster_access_kubeconfig }}>"}},
    ]
    known = {"__cluster_access_guard": {"preflight": []}, "cluster_access_kubeconfig": given}
    said = played(tmp_path, tasks, book="plays/play.yml", vars=known)
    assert f"<{wanted.format(start=tmp_path, home=Path.home())}>" in said
