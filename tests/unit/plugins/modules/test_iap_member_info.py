# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of iap_member_info to what it returns."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp import iap_members
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import Backend, Resolved
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_policy import WEB_ROLE
from ansible_collections.researchops.jupyterhub.plugins.modules import iap_member_info
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import api
from ansible_collections.researchops.jupyterhub.tests.unit.fake_iap import PolicyServer
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import request

OBJECT = {"kubernetes": {"kind": "Gateway", "namespace": "n", "name": "i"}}
BACKEND = "projects/p/iap_web/compute/services/a"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> PolicyServer:
    server = PolicyServer()
    monkeypatch.setattr(iap_member_info.GcpApi, "from_options", lambda options, **words: api(server.answering)[0])
    monkeypatch.setattr(iap_member_info.KubeClient, "from_kubeconfig", lambda kubeconfig, context: "cluster")
    return server


def found(monkeypatch: pytest.MonkeyPatch, resolved: Resolved | None) -> None:
    finder: Any = lambda *_words: type("Finder", (), {"look": lambda _self: resolved})()  # noqa: E731
    monkeypatch.setattr(iap_members, "Finder", finder)


def run(**options: Any) -> Any:
    return iap_member_info.body(request(iap_member_info, project="p", **options))


def test_policies_of_an_object_with_what_is_left_over(server: PolicyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, Resolved((Backend("a", "1", iap=True),), orphans=(Backend("old"),)))
    server.put(BACKEND, {"bindings": [{"role": WEB_ROLE, "members": ["allUsers"]}]})
    outcome = run(resource=OBJECT)
    assert (outcome.changed, outcome.diff) == (False, None)
    assert [verb for verb, _resource in server.requests] == ["getIamPolicy"]
    assert [row["members"] for row in outcome.result["resources"]] == [["allUsers"]]
    assert outcome.result["findings"] == [
        "left over from earlier backends of Gateway n/i, and not touched: old",
        f"allUsers has {WEB_ROLE} on {BACKEND}: anybody may enter",
    ]
    assert [one["name"] for one in outcome.result["orphans"]] == ["old"]


@pytest.mark.parametrize(("resolved", "words"), [(None, "does not exist"), (Resolved(), "has made no backend service")])
def test_an_object_without_backends_is_a_finding(
    server: PolicyServer, monkeypatch: pytest.MonkeyPatch, resolved: Resolved | None, words: str
) -> None:
    found(monkeypatch, resolved)
    outcome = run(resource=OBJECT)
    assert outcome.result["resources"] == []
    assert [words in finding for finding in outcome.result["findings"]] == [True]


def test_a_tunnel_is_asked_for_its_own_role(server: PolicyServer) -> None:
    outcome = run(resource={"tunnel_zone": "z"})
    assert "nobody has roles/iap.tunnelResourceAccessor" in outcome.result["findings"][0]
    assert "nobody has roles/iap.admin" in run(resource={"tunnel": True}, role="roles/iap.admin").result["findings"][0]


def test_no_resource_is_refused(server: PolicyServer) -> None:
    fails("E-IAP-12", lambda: run(resource={}))
    assert server.requests == []
