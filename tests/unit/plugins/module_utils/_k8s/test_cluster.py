# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a cluster: which requests it takes, and what refusals mean."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import cluster
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.guard import (
    Observed,
    Permission,
    StorageClass,
)

AUTH = "/apis/authorization.k8s.io/v1"
RULES = ("POST", f"{AUTH}/selfsubjectrulesreviews")
ACCESS = ("POST", f"{AUTH}/selfsubjectaccessreviews")
ME = ("POST", cluster.WHO_AM_I)
KUBE_SYSTEM = ("GET", "/api/v1/namespaces/kube-system")
FORBIDDEN = (403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "no"})
BASE: dict[tuple[str, str], Any] = {
    ("GET", "/version"): {"gitVersion": "v1.34.4"},
    ME: (201, {"status": {"userInfo": {"username": "ops"}}}),
    KUBE_SYSTEM: {"metadata": {"uid": "u-1"}},
    ("GET", "/apis/storage.k8s.io/v1/storageclasses"): {"items": [{"metadata": {"name": "s"}, "provisioner": "p"}]},
    ("GET", "/api/v1/nodes"): {"items": [{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}]},
}


def test_everything_is_read_in_one_look(kube: Any) -> None:
    client = kube(BASE)
    assert cluster.observe(client, ()) == Observed(
        user="ops",
        uid="u-1",
        ca_sha256=(),
        server="https://api.test:6443",
        version="v1.34.4",
        storage_classes=(StorageClass("s", "p", False),),
        nodes=(1, 1),
    )
    assert client.writes == []


def test_what_may_not_be_read_is_unknown_not_an_error(kube: Any) -> None:
    shut = dict.fromkeys([KUBE_SYSTEM, ("GET", "/api/v1/nodes"), ("GET", "/apis/storage.k8s.io/v1/storageclasses")])
    observed = cluster.observe(kube(BASE | dict.fromkeys(shut, FORBIDDEN)), ())
    assert (observed.uid, observed.nodes, observed.storage_classes) == ("", None, None)


@pytest.mark.parametrize("path", ["/version", "/api/v1/namespaces/kube-system", "/api/v1/nodes"])
def test_a_failing_server_is_an_error(kube: Any, path: str) -> None:
    with pytest.raises(HubError, match="E-K8S-08"):
        cluster.observe(kube(BASE | {("GET", path): (500, {"message": "etcd is gone"})}), ())


@pytest.mark.parametrize(
    ("answer", "user"),
    [
        pytest.param(FORBIDDEN, "", id="00-anonymous-may-not-ask"),
        pytest.param((201, {"status": {"userInfo": {"username": "system:anonymous"}}}), "", id="01-anonymous"),
        pytest.param((201, {"status": {}}), "", id="02-nobody"),
        pytest.param((404, {"status": "Failure"}), "unknown", id="03-server-too-old-to-say"),
        pytest.param((201, {"status": {"userInfo": {"username": "ops"}}}), "ops", id="04-known"),
    ],
)
def test_who_the_server_takes_us_for(kube: Any, answer: Any, user: str) -> None:
    assert cluster.whoami(kube({ME: answer})) == user


def test_an_anonymous_visitor_sees_the_version_only(kube: Any) -> None:
    client = kube(BASE | {ME: FORBIDDEN})
    observed = cluster.observe(client, (Permission("get", "pods"),))
    assert (observed.user, observed.uid, observed.version) == ("", "", "v1.34.4")
    assert len(client.seen) == 2
    assert cluster.anonymous(client).error_id == "E-ACCESS-10"


def test_credentials_that_ended_are_an_error(kube: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = kube({("GET", "/version"): (401, {"message": "Unauthorized"})})
    monkeypatch.setattr(
        "ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client._load",
        lambda path, context: (client._configuration, None),
    )
    with pytest.raises(HubError, match="E-K8S-03"):
        cluster.observe(client, ())


def review(allowed: set[str]) -> Any:
    """A server that allows these resources."""

    def answer(query: Any, body: Any) -> Any:
        return 201, {"status": {"allowed": body["spec"]["resourceAttributes"]["resource"] in allowed}}

    return answer


def rules(*listed: str) -> Any:
    return 201, {"status": {"resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": list(listed)}]}}


PODS = Permission("get", "pods", namespace="a")
JOBS = Permission("create", "jobs", "batch", namespace="a")
NAMESPACES = Permission("create", "namespaces")


def test_one_rules_review_answers_for_a_namespace(kube: Any) -> None:
    client = kube({RULES: rules("pods", "jobs")})
    assert cluster.denied(client, (PODS, JOBS)) == ()
    assert len(client.seen) == 1


def test_what_the_rules_do_not_list_is_asked_one_by_one(kube: Any) -> None:
    client = kube({RULES: rules("pods"), ACCESS: review({"jobs"})})
    assert cluster.denied(client, (PODS, JOBS)) == ()
    assert len(client.seen) == 2


def test_rules_of_a_namespace_say_nothing_about_the_cluster(kube: Any) -> None:
    client = kube({RULES: rules("*"), ACCESS: review(set()), ("GET", "/api/v1/namespaces/a"): (404, {})})
    assert cluster.denied(client, (PODS, NAMESPACES)) == (NAMESPACES,)


def test_a_refused_rules_review_is_made_up_for_by_single_questions(kube: Any) -> None:
    client = kube({RULES: FORBIDDEN, ACCESS: review({"pods"})})
    assert cluster.denied(client, (PODS, JOBS)) == (JOBS,)


def test_creating_a_namespace_that_exists_is_not_needed(kube: Any) -> None:
    client = kube({RULES: rules("pods"), ACCESS: review(set()), ("GET", "/api/v1/namespaces/a"): {"metadata": {}}})
    assert cluster.denied(client, (PODS, NAMESPACES)) == ()


def test_the_ca_of_the_kubeconfig_is_fingerprinted(kube: Any, tmp_path: Any) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")
    client = kube(BASE)
    client._configuration.ssl_ca_cert = str(pem)
    assert [value[:8] for value in cluster.observe(client, ()).ca_sha256] == ["2cf24dba"]
    client._configuration.ssl_ca_cert = str(tmp_path / "gone.pem")
    assert cluster.observe(client, ()).ca_sha256 == ()
