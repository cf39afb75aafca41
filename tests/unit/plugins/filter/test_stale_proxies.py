# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter stale_proxies, as Ansible finds it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.stale_proxies import FilterModule

stale_proxies = FilterModule().filters()["stale_proxies"]
POD = {
    "metadata": {"name": "proxy-1-a", "labels": {"pod-template-hash": "1"}, "ownerReferences": [{"name": "proxy-1"}]},
    "spec": {"volumes": [{"name": "tls-secret", "secret": {"secretName": "hub-tls"}}]},
    "status": {"containerStatuses": [{"state": {"running": {"startedAt": "2026-11-22T11:00:00Z"}}}]},
}


def secret(made: str) -> dict[str, Any]:
    return {"metadata": {"name": "hub-tls", "creationTimestamp": made}}


def test_stale_proxy() -> None:
    assert stale_proxies(secret("2026-11-22T12:00:00Z"), {"resources": [POD]}) == ["proxy"]


def test_fresh_proxy() -> None:
    assert stale_proxies(secret("2026-11-22T10:00:00Z"), {"resources": [POD]}) == []


def test_pods_that_could_not_be_read_are_an_error() -> None:
    with pytest.raises(AnsibleFilterError, match="E-K8S-02"):
        stale_proxies({"metadata": {}}, {"resources": [], "problem": "E-K8S-02 no answer."})
