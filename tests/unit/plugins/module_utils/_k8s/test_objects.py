# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as data: their paths, and how two of them differ."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.objects import (
    ABSENT,
    Identity,
    api_root,
    canonical,
    differences,
    fate,
    group_of,
    identity,
    known_resource,
    object_path,
)

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "hub", "namespace": "climate", "uid": "1", "resourceVersion": "7", "labels": {"a": "b"}},
    "spec": {"replicas": 1},
    "status": {"replicas": 1},
}


def test_identity_leaves_out_the_version_of_the_api() -> None:
    assert identity(DEPLOYMENT) == Identity("apps", "Deployment", "climate", "hub")
    assert identity(DEPLOYMENT) == identity({**DEPLOYMENT, "apiVersion": "apps/v1beta1"})
    assert str(identity(DEPLOYMENT)) == "Deployment/hub"
    assert identity({}) == Identity("", "", "", "")


@pytest.mark.parametrize(("version", "group", "root"), [("v1", "", "/api/v1"), ("apps/v1", "apps", "/apis/apps/v1")])
def test_groups_and_roots(version: str, group: str, root: str) -> None:
    assert (group_of(version), api_root(version)) == (group, root)


@pytest.mark.parametrize(
    ("version", "kind", "found"),
    [
        ("v1", "Secret", ("secrets", True)),
        ("networking.k8s.io/v1", "NetworkPolicy", ("networkpolicies", True)),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", ("clusterroles", False)),
        ("example.org/v1", "Ingress", None),
        ("v1", "Unheard", None),
    ],
)
def test_known_kinds(version: str, kind: str, found: tuple[str, bool] | None) -> None:
    assert known_resource(version, kind) == found


def test_paths() -> None:
    assert object_path(DEPLOYMENT, "deployments", True) == "/apis/apps/v1/namespaces/climate/deployments/hub"
    role = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    assert object_path(role, "namespaces", False) == "/api/v1/namespaces/x"


def test_canonical_drops_what_the_server_decides() -> None:
    assert canonical(DEPLOYMENT) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "hub", "namespace": "climate", "labels": {"a": "b"}},
        "spec": {"replicas": 1},
    }


ONE, TWO = {"name": "one", "v": 1}, {"name": "two", "v": 2}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="equal"),
        pytest.param({"a": 1}, {"a": 2}, [("a", 1, 2)], id="scalar"),
        pytest.param({"a": 1}, {"a": True}, [("a", 1, True)], id="a-bool-is-no-number"),
        pytest.param({"a": None}, {}, [("a", None, ABSENT)], id="null-is-not-absent"),
        pytest.param({}, {"a": {"b": {"c": 1}}}, [("a.b.c", ABSENT, 1)], id="new-tree-by-leaves"),
        pytest.param({"a": {"b": 1}}, {}, [("a.b", 1, ABSENT)], id="lost-tree-by-leaves"),
        pytest.param({}, {"a": {}}, [("a", ABSENT, {})], id="an-empty-mapping-is-a-leaf"),
        pytest.param({"a": {"b": 1}}, {"a": 5}, [("a", {"b": 1}, 5)], id="another-kind"),
        pytest.param({"a/b": 1}, {"a/b": 2}, [('"a/b"', 1, 2)], id="awkward-keys-are-quoted"),
        pytest.param([ONE, TWO], [TWO, ONE], [], id="named-elements-have-no-order"),
        pytest.param([ONE], [ONE, TWO], [("[two].name", ABSENT, "two"), ("[two].v", ABSENT, 2)], id="named-added"),
        pytest.param([ONE, TWO], [ONE], [("[two].name", "two", ABSENT), ("[two].v", 2, ABSENT)], id="named-removed"),
        pytest.param([ONE], [{**ONE, "v": 3}], [("[one].v", 1, 3)], id="named-changed"),
        pytest.param([ONE, ONE], [ONE, TWO], [("[1].name", "one", "two"), ("[1].v", 1, 2)], id="same-name-by-position"),
        pytest.param(["x", "y"], ["y"], [("[0]", "x", "y"), ("[1]", "y", ABSENT)], id="plain-by-position"),
        pytest.param([{"mountPath": "/a"}], [{"mountPath": "/b"}],
                     [("[/a].mountPath", "/a", ABSENT), ("[/b].mountPath", ABSENT, "/b")], id="by-mount-path"),
        pytest.param([], [], [], id="both-empty"),
        pytest.param({}, {"e": [ONE]}, [("e[one].name", ABSENT, "one"), ("e[one].v", ABSENT, 1)],
                     id="new-list-of-objects"),
        pytest.param({"e": [ONE]}, {}, [("e[one].name", "one", ABSENT), ("e[one].v", 1, ABSENT)],
                     id="lost-list-of-objects"),
        pytest.param({}, {"e": ["x", "y"]}, [("e", ABSENT, ["x", "y"])], id="new-plain-list-is-a-leaf"),
        pytest.param({}, {"e": []}, [("e", ABSENT, [])], id="an-empty-list-is-a-leaf"),
        pytest.param([], ["x"], [("[0]", ABSENT, "x")], id="from-empty"),
        pytest.param({"a": "xy"}, {"a": ["x", "y"]}, [("a", "xy", ["x", "y"])], id="a-text-is-no-list"),
    ],
)  # fmt: skip
def test_differences(before: Any, after: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert list(differences(before, after)) == found


def test_differences_turned_around_are_the_same_ones() -> None:
    before, after = {"a": [ONE], "b": 1}, {"a": [TWO], "c": 2}
    there = {(path, str(old), str(new)) for path, old, new in differences(before, after)}
    back = {(path, str(new), str(old)) for path, old, new in differences(after, before)}
    assert there == back


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, "is there and nobody deletes it"),
        ({"finalizers": ["x/y"]}, "is there and nobody deletes it"),
        ({"deletionTimestamp": "2026-11-22T14:00:00Z"}, "is going"),
        ({"deletionTimestamp": "2026-11-22T14:00:00Z", "finalizers": ["x/y", "z"]}, "is going, held by x/y, z"),
    ],
)
def test_what_becomes_of_an_object_that_is_to_go(metadata: dict[str, Any], told: str) -> None:
    assert fate({"metadata": metadata}) == told
