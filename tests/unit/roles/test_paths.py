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
GIVEN_FILES = {"here/a:b": "{start}/here/a:{start}/b", "~/a": "{home}/a"}
"""Kubeconfigs that a variable names, and what becomes of them."""
ROLES = ("cluster_access", "hub_https", "gke_iap", "hub_dns", "domain_verification", "letsencrypt", "hub_oauth", "z2jh")


def says(kubeconfig: str) -> dict[str, Any]:
    """A task that prints which kubeconfig is named where a variable is this."""
    msg = "<{{ __cluster_access_kubeconfig }}>"
    return {"ansible.builtin.debug": {"msg": msg}, "vars": {"cluster_access_kubeconfig": kubeconfig}}


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
    tasks += [says(given) for given in GIVEN_FILES]
    given = [part for name, text in GIVEN.items() for part in ("-e", f"{name}={json.dumps(text)}")]
    known = {"__cluster_access_guard": {"preflight": []}}  # so that no cluster is asked
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", ":here/kubeconfig:./here/second:")
        patch.delenv("K8S_AUTH_KUBECONFIG", raising=False)
        printed = played(folder, tasks, *given, book="plays/play.yml", vars=known)
    found: dict[str, Any] = json.loads(
        (folder / "seen.json").read_text(encoding="utf-8").replace(str(folder / "here"), "{here}")
    )
    return found | {"printed": printed.replace(str(folder), "{start}")}


@pytest.mark.parametrize("text", SEEN)
def test_a_relative_path_starts_where_the_play_was_started(seen: dict[str, Any], text: str) -> None:
    assert seen[text] == SEEN[text]


@pytest.mark.parametrize("given", GIVEN_FILES)
def test_the_variable_comes_before_the_shell_s(seen: dict[str, Any], given: str) -> None:
    assert f"<{GIVEN_FILES[given].format(home=Path.home(), start='{start}')}>" in seen["printed"]


@pytest.mark.parametrize(
    ("shell", "other"),
    [
        pytest.param("/a:~/b", "", id="00-nothing-relative-is-left-to-the-module"),
        pytest.param("here/b", "/c", id="01-as-is-everything-where-ansible-has-a-variable-of-its-own"),
    ],
)
def test_what_the_module_finds_itself_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, other: str
) -> None:
    """A module asks its own environment, which a play may set, so the shell's is handed over only where it must be."""
    monkeypatch.setenv("KUBECONFIG", shell)
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", other)
    role = Path(__file__).resolve().parents[3] / "roles" / "cluster_access"
    own = [str(role / part / "main.yml") for part in ("defaults", "vars")]
    assert "<>" in played(tmp_path, [says("")], book="plays/play.yml", vars_files=own)
