# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Helm rendered, as objects."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.manifest import (
    Hook,
    Manifest,
    changes,
    is_kept,
    owned,
    parse,
    read_release,
    split_template,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.objects import Identity

TEXT = """---
# Source: hub/templates/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---

---
just text
---
apiVersion: v1
kind: ConfigMapList
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: c}
"""
HOOK = """---
apiVersion: batch/v1
kind: Job
metadata:
  name: hook
  annotations: {helm.sh/hook: "pre-install, pre-upgrade"}
"""
MARKS = {"meta.helm.sh/release-name": "hub", "meta.helm.sh/release-namespace": "climate"}


def names(objects: Any) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


def test_lists_are_taken_apart_and_what_is_no_object_is_left_out() -> None:
    assert names(parse(TEXT)) == ["a", "b", "c"]


def test_objects_get_their_namespace_and_helms_marks() -> None:
    manifest = read_release({"name": "hub", "namespace": "climate", "manifest": TEXT})
    assert manifest.objects[0] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "a",
            "namespace": "climate",
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": MARKS,
        },
    }
    assert "namespace" not in manifest.objects[2]["metadata"]
    assert list(manifest.by_identity()) == [
        Identity("", "ConfigMap", "climate", "a"),
        Identity("", "ConfigMap", "climate", "b"),
        Identity("rbac.authorization.k8s.io", "ClusterRole", "", "c"),
    ]


def test_an_objects_own_namespace_labels_and_annotations_stay() -> None:
    given = {"kind": "Secret", "metadata": {"namespace": "x", "labels": {"a": "b"}, "annotations": {"c": "d"}}}
    metadata = owned(given, "climate", "hub")["metadata"]
    assert metadata == {
        "namespace": "x",
        "labels": {"a": "b", "app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"c": "d", **MARKS},
    }
    assert given["metadata"] == {"namespace": "x", "labels": {"a": "b"}, "annotations": {"c": "d"}}


def test_hooks_stand_apart_in_a_release_and_in_a_template() -> None:
    hooks = (Hook("Job/hook", ("pre-install", "pre-upgrade")),)
    release = {"manifest": TEXT, "hooks": [{"kind": "Job", "name": "hook", "events": ["pre-install", "pre-upgrade"]}]}
    from_release = read_release({**release, "name": "hub", "namespace": "climate"})
    assert from_release.hooks == hooks
    assert split_template(TEXT + HOOK, "climate", "hub") == from_release
    assert hooks[0].as_dict() == {"target": "Job/hook", "events": ["pre-install", "pre-upgrade"]}


def test_an_empty_release_has_no_objects() -> None:
    assert read_release({}) == Manifest(())


def test_objects_of_a_kind() -> None:
    assert names(read_release({"manifest": TEXT}).of_kind("ConfigMap")) == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "kept"), [("keep", True), (" Keep ", True), ("delete", False), ("", False), (None, False)]
)
def test_keep_policy(value: str | None, kept: bool) -> None:
    annotations = None if value is None else {"helm.sh/resource-policy": value}
    assert is_kept({"metadata": {"annotations": annotations}}) is kept


def test_changes_leave_out_the_server_and_hide_secrets() -> None:
    before = {"kind": "Secret", "metadata": {"name": "a", "uid": "1", "labels": {"x": "1"}}, "data": {"k": "YQ=="}}
    after = {"kind": "Secret", "metadata": {"name": "a", "labels": {"x": "2"}}, "data": {"k": "Yg==", "l": "Yw=="}}
    assert changes(before, after) == {
        "metadata.labels.x": ("1", "2"),
        "data.k": ("<hidden>", "<changed>"),
        "data.l": (None, "<changed>"),
    }


@pytest.mark.parametrize(("before", "after"), [({"kind": "Secret"}, {}), ({}, {"kind": "Secret"})])
def test_the_kind_is_taken_from_whichever_side_has_it(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = changes({**before, "data": {"k": "YQ=="}}, {**after, "data": {"k": "Yg=="}})
    assert found["data.k"] == ("<hidden>", "<changed>")


def test_an_object_that_only_ends_in_list_or_only_has_items_is_an_object() -> None:
    text = "kind: AllowList\nmetadata: {name: a}\n---\nkind: ConfigMap\nmetadata: {name: b}\nitems: [1]\n"
    assert names(parse(text)) == ["a", "b"]
