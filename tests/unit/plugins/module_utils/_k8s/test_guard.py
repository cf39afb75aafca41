# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgements about a cluster; refusals first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.preflight import good_row
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import guard
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.guard import (
    Libraries,
    Observed,
    Permission,
    StorageClass,
    Wanted,
)

UID = "5d9c7a11-2f43-4a57-9a39-3c1f5e6b7d80"
OTHER = "00000000-2f43-4a57-9a39-3c1f5e6b7d80"
STANDARD = StorageClass("standard", "pd.csi", True)
PLAIN = StorageClass("efs", "efs.csi", False)
GOOD = Observed(
    user="ops",
    uid=UID,
    ca_sha256=("aa11",),
    server="https://api.test:6443",
    version="v1.34.4",
    storage_classes=(STANDARD,),
    nodes=(2, 3),
)


@pytest.mark.parametrize(
    ("observed", "wanted", "error_id"),
    [
        pytest.param(replace(GOOD, uid=OTHER), Wanted(uid=UID), "E-ACCESS-01", id="00-another-cluster"),
        pytest.param(replace(GOOD, uid=""), Wanted(uid=UID), "E-ACCESS-07", id="01-uid-not-readable"),
        pytest.param(GOOD, Wanted(uid=UID, ca_sha256="bb22"), "E-ACCESS-03", id="02-another-ca"),
        pytest.param(replace(GOOD, ca_sha256=()), Wanted(ca_sha256="aa11"), "E-ACCESS-03", id="03-no-ca-at-all"),
        pytest.param(replace(GOOD, uid=OTHER), Wanted(uid=UID, ca_sha256="bb22"), "E-ACCESS-01", id="04-uid-first"),
        pytest.param(GOOD, Wanted(uid=UID), None, id="05-pinned"),
        pytest.param(GOOD, Wanted(uid=UID.upper() + " "), None, id="06-case-and-space-do-not-matter"),
        pytest.param(GOOD, Wanted(uid=UID, ca_sha256="SHA256 Fingerprint=AA:11"), None, id="07-as-openssl-prints-it"),
        pytest.param(GOOD, Wanted(uid=UID, ca_sha256="sha256:aa11"), None, id="08-as-kubeadm-prints-it"),
        pytest.param(GOOD, Wanted(), None, id="09-nothing-pinned-passes-the-module"),
    ],
)
def test_a_cluster_is_refused_or_not(observed: Observed, wanted: Wanted, error_id: str | None) -> None:
    error = guard.refusal(observed, wanted)
    assert (error.error_id if error else None) == error_id


def test_the_refusal_names_seen_and_wanted() -> None:
    error = guard.refusal(replace(GOOD, uid=OTHER), Wanted(uid=UID))
    assert error is not None
    assert error.text() == (
        "E-ACCESS-01 This is another cluster: the API server https://api.test:6443 does not have the pinned "
        f"kube-system UID. Seen: {OTHER}; wanted: {UID}. Nothing was changed. Do: point cluster_access_cluster, "
        "or the kubeconfig and its context, at the right cluster; change cluster_access_expected_uid only if the "
        "cluster was rebuilt on purpose."
    )


def test_credentials_that_may_not_look_are_told_what_they_lack() -> None:
    lacking = guard.Permission("create", "secrets", namespace="trial")
    error = guard.refusal(replace(GOOD, uid="", denied=(lacking,)), Wanted(uid=UID))
    assert error is not None
    assert error.text() == (
        "E-ACCESS-07 These credentials (user ops) may not read the namespace kube-system of https://api.test:6443, so "
        "nobody can tell whether this is the pinned cluster. Seen: not allowed: in the whole cluster: namespaces "
        "kube-system get; in trial: secrets create. Nothing was changed. Do: ask the cluster's administrator for a "
        "Role or ClusterRole with these verbs, or use other credentials."
    )


def test_an_unpinned_cluster_is_told_the_lines_that_pin_it() -> None:
    do = guard.unpinned(GOOD, "climate").do
    assert f"inventory of climate: cluster_access_expected_uid: {UID}, and" in do
    assert do.endswith(" cluster_access_expected_ca_sha256: aa11")


def test_a_certificate_of_a_public_ca_is_not_pinned() -> None:
    assert "ca_sha256" not in guard.unpinned(replace(GOOD, ca_sha256=()), "climate").text()


def test_without_a_readable_uid_no_empty_line_is_advised() -> None:
    error = guard.unpinned(replace(GOOD, uid=""), "climate")
    assert "cluster_access_expected_uid: " not in error.text()
    assert "namespace kube-system" in error.do


def test_the_rows_of_a_good_cluster() -> None:
    rows = list(guard.preflight_rows(GOOD, Wanted(uid=UID, storage_class="")))
    assert rows == [
        {"check": "API server", "ok": True, "text": "https://api.test:6443 answers, credentials accepted"},
        {"check": "Kubernetes version", "ok": True, "text": "v1.34.4"},
        {"check": "right cluster", "ok": True, "text": f"kube-system UID {UID} as pinned"},
        {"check": "permissions", "ok": True, "text": "everything the roles need is allowed"},
        {"check": "nodes", "ok": True, "text": "2 of 3 ready"},
        {"check": "storage class", "ok": True, "text": "standard (default)"},
    ]


@pytest.mark.parametrize(
    ("changes", "wanted", "check", "error_id"),
    [
        pytest.param({"version": "v1.27.9"}, {}, "Kubernetes version", "E-ACCESS-06", id="00-too-old"),
        pytest.param({"version": ""}, {}, "Kubernetes version", "E-ACCESS-06", id="01-no-version"),
        pytest.param({}, {"uid": ""}, "right cluster", "E-ACCESS-02", id="02-not-pinned"),
        pytest.param(
            {"denied": (Permission("create", "pods", namespace="a"),)}, {}, "permissions", "E-ACCESS-07", id="03-denied"
        ),
        pytest.param({"nodes": (0, 2)}, {}, "nodes", "E-ACCESS-08", id="04-no-node-ready"),
        pytest.param({"storage_classes": (PLAIN,)}, {}, "storage class", "E-STORE-01", id="05-no-default-class"),
        pytest.param({"storage_classes": ()}, {}, "storage class", "E-STORE-01", id="06-no-class"),
        pytest.param({}, {"storage_class": "gp3"}, "storage class", "E-STORE-01", id="07-unknown-class"),
        pytest.param({"version": "v1.28.0"}, {}, "Kubernetes version", None, id="08-oldest"),
        pytest.param({"version": "v2.0.0"}, {}, "Kubernetes version", None, id="09-newer-major"),
        pytest.param({"nodes": None}, {}, "nodes", None, id="10-nodes-not-readable"),
        pytest.param({"nodes": (0, 0)}, {}, "nodes", None, id="13-nodes-come-with-pods"),
        pytest.param({"storage_classes": None}, {}, "storage class", None, id="11-classes-not-readable"),
        pytest.param(
            {"storage_classes": (PLAIN,)}, {"storage_class": "efs"}, "storage class", None, id="12-named-class"
        ),
    ],
)
def test_each_row_fails_for_its_own_reason(
    changes: dict[str, Any], wanted: dict[str, Any], check: str, error_id: str | None
) -> None:
    rows = guard.preflight_rows(replace(GOOD, **changes), Wanted(**{"uid": UID, **wanted}))
    failed = {row["check"]: row["text"].split()[0] for row in rows if not row["ok"]}
    assert failed == ({check: error_id} if error_id else {})


def test_a_missing_default_class_tells_what_there_is() -> None:
    rows = guard.preflight_rows(replace(GOOD, storage_classes=(PLAIN,)), Wanted(uid=UID))
    assert "no default StorageClass in this cluster" in rows[-1]["text"]
    assert "StorageClasses found: efs (efs.csi)" in rows[-1]["text"]
    assert "on EKS the EBS CSI add-on comes first" in rows[-1]["text"]


def test_no_row_about_storage_when_no_claim_is_made() -> None:
    rows = guard.preflight_rows(GOOD, Wanted(uid=UID, storage_class=None))
    assert "storage class" not in [row["check"] for row in rows]


RULES = [
    {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]},
    {"verbs": ["*"], "apiGroups": ["apps"], "resources": ["deployments"]},
    {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["hub"]},
    {"verbs": ["get"], "apiGroups": [""]},
]


@pytest.mark.parametrize(
    ("permission", "granted"),
    [
        pytest.param(Permission("delete", "pods"), False, id="00-verb"),
        pytest.param(Permission("get", "pods", group="apps"), False, id="01-group"),
        pytest.param(Permission("get", "configmaps"), False, id="02-resource"),
        pytest.param(Permission("get", "secrets"), False, id="03-all-names-wanted-one-granted"),
        pytest.param(Permission("get", "secrets", name="user"), False, id="04-another-name"),
        pytest.param(Permission("get", "pods", subresource="exec"), False, id="05-subresource"),
        pytest.param(Permission("list", "pods"), True, id="06-plain"),
        pytest.param(Permission("get", "pods", subresource="log"), True, id="07-subresource"),
        pytest.param(Permission("patch", "deployments", group="apps"), True, id="08-any-verb"),
        pytest.param(Permission("get", "secrets", name="hub"), True, id="09-that-name"),
        pytest.param(Permission("get", "pods", name="hub"), True, id="10-one-of-all"),
    ],
)
def test_rules_cover_a_permission_or_not(permission: Permission, granted: bool) -> None:
    assert guard.covered(RULES, permission) is granted


@pytest.mark.parametrize("part", ["verbs", "apiGroups", "resources"])
def test_a_star_grants_everything_of_its_kind(part: str) -> None:
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
    wanted = {
        "verbs": Permission("watch", "pods"),
        "apiGroups": Permission("get", "pods", group="x"),
        "resources": Permission("get", "jobs"),
    }[part]
    assert not guard.covered([rule], wanted)
    assert guard.covered([rule | {part: ["*"]}], wanted)


def test_a_review_asks_for_what_is_set_only() -> None:
    assert Permission("create", "deployments", "apps", namespace="hub").review()["spec"] == {
        "resourceAttributes": {"verb": "create", "group": "apps", "resource": "deployments", "namespace": "hub"}
    }


def test_permissions_are_parsed_sorted_and_without_doubles() -> None:
    items = [
        {"verb": "list", "resource": "pods", "group": "", "subresource": "", "namespace": "a", "name": None},
        {"verb": "get", "resource": "pods", "namespace": "a"},
        {"verb": "get", "resource": "pods", "namespace": "a"},
    ]
    assert guard.parse_permissions(items) == (
        Permission("get", "pods", namespace="a"),
        Permission("list", "pods", namespace="a"),
    )


def test_denied_permissions_read_in_one_line() -> None:
    denied = [
        Permission("list", "pods", namespace="a"),
        Permission("get", "pods", namespace="a"),
        Permission("get", "pods", subresource="log", namespace="a"),
        Permission("create", "roles", "rbac.authorization.k8s.io", namespace="a"),
        Permission("create", "namespaces"),
    ]
    assert guard.summary(denied) == (
        "in a: pods get list, pods/log get, roles.rbac.authorization.k8s.io create; "
        "in the whole cluster: namespaces create"
    )


CREATE = Permission("create", "namespaces")
APPLY = Permission("patch", "namespaces", namespace="a", name="a")


@pytest.mark.parametrize(
    ("namespaces", "existing", "spared"),
    [
        pytest.param(["a"], [], (), id="00-missing"),
        pytest.param(["a", "b"], ["a"], (), id="01-one-missing"),
        pytest.param([], [], (), id="02-none-named"),
        pytest.param(["a"], ["a", "z"], (CREATE, APPLY), id="03-there"),
    ],
)
def test_nobody_must_create_namespaces_that_exist(
    namespaces: list[str], existing: list[str], spared: tuple[Permission, ...]
) -> None:
    read, pods = Permission("get", "namespaces", name="kube-system"), Permission("create", "pods", namespace="a")
    refused = [CREATE, APPLY, read, pods]
    assert guard.needless(refused, namespaces, existing) == spared


def test_storage_classes_know_both_default_annotations() -> None:
    items = [
        {"metadata": {"name": "b", "annotations": {guard.DEFAULT_CLASS_BETA: "true"}}, "provisioner": "p"},
        {"metadata": {"name": "a", "annotations": {guard.DEFAULT_CLASS: "false"}}, "provisioner": "p"},
        {"metadata": {"name": "c", "annotations": {guard.DEFAULT_CLASS: "true"}}, "provisioner": "p"},
        {"metadata": {"name": "d"}},
    ]
    assert guard.parse_storage_classes(items) == (
        StorageClass("a", "p", False),
        StorageClass("b", "p", True),
        StorageClass("c", "p", True),
        StorageClass("d", "", False),
    )


def test_only_ready_nodes_count() -> None:
    def node(*conditions: tuple[str, str]) -> dict[str, Any]:
        return {"status": {"conditions": [{"type": kind, "status": status} for kind, status in conditions]}}

    nodes = [node(("Ready", "True")), node(("Ready", "False")), node(("DiskPressure", "True")), {}]
    assert guard.count_ready(nodes) == (1, 4)


def test_fingerprints_of_all_certificates_and_nothing_for_rubbish() -> None:
    good = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"
    bad = "-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----\n"
    hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert guard.fingerprints(good + bad + good) == (hello, hello)


@pytest.mark.parametrize(
    ("text", "version"),
    [("v1.34.4", (1, 34)), ("1.28+", (1, 28)), ("v1.33.2-gke.100", (1, 33)), ("main", None), ("", None)],
)
def test_versions_as_servers_write_them(text: str, version: tuple[int, int] | None) -> None:
    assert guard.version_of(text) == version


def test_missing_libraries_are_named_by_their_package() -> None:
    row = Libraries(("dns", "requests"), "/usr/bin/python3", {"dns": "dnspython"}).row()
    assert not row["ok"]
    assert "missing: dns, requests" in row["text"]
    assert "pip install dnspython requests" in row["text"]
    assert Libraries((), "/usr/bin/python3").row()["ok"]


def test_the_report_is_plain_data() -> None:
    observed = replace(GOOD, denied=(Permission("get", "pods", namespace="a"),))
    assert guard.report(observed, [good_row("x", "y")]) == {
        "user": "ops",
        "uid": UID,
        "server": "https://api.test:6443",
        "version": "v1.34.4",
        "ca_sha256": ["aa11"],
        "storage_classes": [{"name": "standard", "provisioner": "pd.csi", "default": True}],
        "nodes": {"ready": 2, "total": 3},
        "denied": ["get pods in a"],
        "preflight": [{"check": "x", "ok": True, "text": "y"}],
    }
    assert guard.report(replace(GOOD, nodes=None, storage_classes=None), [])["nodes"] == {}
