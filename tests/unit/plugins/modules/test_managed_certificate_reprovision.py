# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of managed_certificate_reprovision to its answer; the recreation itself is tested in _gcp/."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.recursive import PUBLIC
from ansible_collections.researchops.jupyterhub.plugins.modules import managed_certificate_reprovision as subject
from ansible_collections.researchops.jupyterhub.tests.unit.fake_gke import (
    ADDRESS,
    CERTIFICATES,
    NS,
    FakeGke,
    FakeNames,
    stuck_cluster,
)
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

OPTIONS = {
    "namespace": NS,
    "name": "hub-tls",
    "project": "research",
    "auth_kind": "accesstoken",
    "access_token": "ya29.canary-canary",
}


OUTSIDE = {PUBLIC: FakeNames(hub_example_org=ADDRESS), ("https://dns.test/q",): FakeNames()}


@pytest.fixture
def gke(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeGke:
    cluster = stuck_cluster(**getattr(request, "param", {}))
    names = FakeNames(hub_example_org=ADDRESS)
    real = subject.GcpApi.from_options

    def api(options: Any, **words: Any) -> FakeGke:
        real(options, **words)  # refuses credentials that cannot work
        return cluster

    monkeypatch.setattr(subject.PatientClient, "from_kubeconfig", lambda kubeconfig, context: cluster)
    monkeypatch.setattr(subject.GcpApi, "from_options", api)
    monkeypatch.setattr(subject, "recursive", lambda nameservers, port: None)
    monkeypatch.setattr(subject, "Authorities", lambda resolver, clock: SimpleNamespace(look=names))
    monkeypatch.setattr(subject, "SystemClock", lambda: cluster.clock)
    monkeypatch.setattr(subject, "Recursives", lambda servers, each, fetch: SimpleNamespace(look=OUTSIDE[servers]))
    return cluster


def run(check_mode: bool = False, **options: Any) -> Any:
    return subject.body(request(subject, check_mode=check_mode, **{**OPTIONS, **options}))


def test_a_stuck_certificate_is_cured(gke: FakeGke) -> None:
    outcome = run()
    result = outcome.result
    assert outcome.changed is True
    assert (result["action"], result["certificate"]["status"]) == ("reprovision", "Active")
    assert result["certificate"]["domains"] == [{"domain": "hub.example.org", "status": "Active"}]
    assert [(step["verb"], step["target"]) for step in result["plan"]] == [
        ("create", "ConfigMap/researchops-certificate-hub-tls"),
        ("update", "Ingress/hub"),
        ("delete", "ManagedCertificate/hub-tls"),
        ("create", "ManagedCertificate/hub-tls"),
        ("update", "Ingress/hub"),
    ]
    assert (result["recreated_ingresses"], result["snapshot"]) == ([], "researchops-certificate-hub-tls")
    assert outcome.diff == {
        "before": {"certificate": "hub-tls", "steps": []},
        "after": {"certificate": "hub-tls", "steps": result["plan"]},
    }
    assert {line["subject"] for line in result["transitions"]} == {NS}
    assert (outcome.warnings, run().changed) == ([], False)


ANEW = (
    "Ingress hub was made anew, and its backend services with it: nobody gets through Identity-Aware Proxy to the hub "
    "until the playbook researchops.jupyterhub.gke_iap has run after that, without --tags"
)


@pytest.mark.parametrize("gke", [{"alone": True, "clings": True}], indirect=True)
def test_an_ingress_that_was_made_anew_is_told_because_nobody_gets_in(gke: FakeGke) -> None:
    done = run()
    assert (done.result["recreated_ingresses"], done.warnings) == (["hub"], [ANEW])
    assert run().warnings == [ANEW], "the run before may have been killed before it told anybody"
    gke.clock.sleep(86400)
    assert (run().result["recreated_ingresses"], run().warnings) == ([], [])


def test_nobody_outside_is_asked_where_nobody_is_named(gke: FakeGke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "Recursives", None)
    assert run(https_resolvers=[]).result["certificate"]["status"] == "Active"


def test_check_mode_predicts_and_writes_nothing(gke: FakeGke) -> None:
    foretold = run(check_mode=True, hub="climate-hub")
    assert (foretold.changed, gke.log) == (True, [])
    done = run()
    assert (done.changed, done.result["plan"]) == (True, foretold.result["plan"])


@pytest.mark.parametrize(
    ("options", "error_id"),
    [
        ({"addresses": ["198.51.100.4"]}, "E-CERT-03"),
        ({"addresses": ["lb.example.org"]}, "E-DNS-05"),
        ({"https_resolvers": ["https://dns.test/q"]}, "E-CERT-08"),
        ({"https_resolvers": ["dns.test"]}, "E-DNS-05"),
        ({"name": "hub"}, "E-CERT-01"),
        ({"access_token": ""}, "E-GCP-01"),
    ],
)
def test_what_cannot_be_cured_is_an_error(gke: FakeGke, options: dict[str, Any], error_id: str) -> None:
    with pytest.raises(HubError) as caught:
        run(**options)
    assert (caught.value.error_id, gke.log) == (error_id, [])


def test_a_status_nobody_here_knows_is_left_to_a_person(gke: FakeGke) -> None:
    (live,) = [obj for obj in gke.live(CERTIFICATES) if obj["metadata"]["name"] == "hub-tls"]
    live["status"]["certificateStatus"] = "Paused"
    gke.put(f"{CERTIFICATES}/hub-tls", live)
    with pytest.raises(HubError) as caught:
        run()
    assert str(caught.value) == (
        "E-CERT-06 Certificate hub-tls has the status Paused, unknown here. Nothing was changed. "
        "Do: look at the certificate in the Google Cloud console, and tell us about this status."
    )
    assert gke.log == []


def test_settings_reach_the_run(gke: FakeGke) -> None:
    assert run(stuck_after=10**9, wait=False).result["action"] == "wait"
    with pytest.raises(HubError, match=r"E-CERT-52 .* in 3 s"):
        run(wait_timeout=3)
    assert run(wait=False).result["action"] == "resume"
    gke.stuck |= {obj["metadata"]["uid"] for obj in gke.live(CERTIFICATES)}
    gke.clock.sleep(300)
    with pytest.raises(HubError, match="E-CERT-07"):
        run(stuck_after=0)
    assert run(stuck_after=0, force=True, wait=False).result["action"] == "reprovision"


@pytest.mark.parametrize("missing", ["namespace", "name", "project"])
def test_options_that_are_needed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GCP_PROJECT", raising=False)
    with pytest.raises(Refused, match=missing):
        request(subject, **{key: value for key, value in OPTIONS.items() if key != missing})
