# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode says what a run would do; it does not stop at what that run would mend first.

A real ansible-playbook runs the roles' own tasks against an API server that has one Secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.acme import DIRECTORY_NOTE
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import make
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import cluster, played

DIRECTORY = "https://acme.test/directory"
FETCHED = {
    "hub_name": "climate",
    "hub_domain": "new.example.org",
    "hub_https_type": "secret",
    "letsencrypt_method": "direct",
    "letsencrypt_acme_directory": DIRECTORY,
    "hub_dns_provider": "rfc2136",
    "hub_dns_server": "127.0.0.1",
    "hub_dns_key_name": "hub",
    "hub_dns_key_secret": "c2VjcmV0LW9mLXRoZS10ZXN0",
}


@pytest.mark.parametrize(("roles", "passes"), [(["letsencrypt", "hub_https"], True), (["hub_https"], False)])
def test_a_certificate_that_would_be_ordered_anew_is_not_judged(tmp_path: Path, roles: list[str], passes: bool) -> None:
    """The hub got another name, for instance. Where no role orders, the run itself would stop there, too."""
    old = make("old.example.org", names=["old.example.org"])
    data = {"tls.crt": old.pem.encode(), "tls.key": old.key_pem.encode()}
    parts: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": {"name": f"researchops.jupyterhub.{role}"}} for role in roles
    ]
    told = {"ansible.builtin.debug": {"msg": "stopped: {{ ansible_failed_result.msg }}"}}
    with cluster(tmp_path, data, annotations={DIRECTORY_NOTE: DIRECTORY}):
        variables = {**FETCHED, "cluster_access_kubeconfig": str(tmp_path / "kubeconfig")}
        printed = played(tmp_path, [{"vars": variables, "block": parts, "rescue": [told]}], "--check")
    assert ("stopped: E-CERT-" in printed) is not passes
    assert ("would be ordered" in " ".join(printed.split())) is passes
