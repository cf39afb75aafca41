# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade must never do to the hub's database and to people's homes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.guards import (
    Homes,
    check_database,
    check_homes,
    check_removal,
    check_storage,
    homes_moved,
    homes_of,
    read_homes,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.manifest import Manifest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.guard import DEFAULT_CLASS, DEFAULT_CLASS_BETA

KEEP = {"helm.sh/resource-policy": "keep"}
Json = dict[str, Any]


def claim(name: str = "hub-db-dir", keep: bool = False, **spec: Any) -> Json:
    metadata = {"name": name, "namespace": "hub", "annotations": KEEP if keep else {}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def manifest(*objects: Json) -> Manifest:
    return Manifest(objects)


OTHER = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hub"}}


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        pytest.param(manifest(claim()), manifest(claim("x-hub-db-dir")), "to a new, empty claim x-hub-db-dir",
                     id="renamed"),
        pytest.param(manifest(claim(keep=True)), manifest(claim("b", keep=True)), "to a new, empty claim b",
                     id="renamed-although-kept"),
        pytest.param(manifest(claim()), manifest(OTHER), "would delete claim hub-db-dir", id="removed"),
        pytest.param(manifest(claim(), claim("b", keep=True)), manifest(), "would delete claim hub-db-dir and",
                     id="one-of-two"),
    ],
)  # fmt: skip
def test_the_database_is_not_lost(old: Manifest, new: Manifest, part: str) -> None:
    with pytest.raises(HubError, match="E-STORE-02") as caught:
        check_database(new, old)
    assert part in caught.value.what
    assert caught.value.changed is Changed.NOTHING


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(manifest(), manifest(claim()), id="first-install"),
        pytest.param(manifest(claim()), manifest(claim(), OTHER), id="unchanged"),
        pytest.param(manifest(claim(keep=True)), manifest(OTHER), id="kept-by-policy"),
        pytest.param(manifest(claim()), manifest(claim(), claim("more")), id="one-more"),
        pytest.param(manifest(), manifest(), id="no-claims-at-all"),
    ],
)
def test_what_loses_nothing_passes(old: Manifest, new: Manifest) -> None:
    check_database(new, old)


VALUES = {
    "singleuser": {"storage": {"type": "dynamic", "dynamic": {"pvcNameTemplate": "claim-{username}"}}},
    "hub": {"config": {"KubeSpawner": {"slug_scheme": "escape"}}},
}


@pytest.mark.parametrize(
    ("values", "homes"),
    [
        ({}, Homes()),
        (VALUES, Homes("claim-{username}", "escape", "dynamic")),
        ({"hub": {"config": {"KubeSpawner": {"pvc_name_template": "x"}}}}, Homes("x")),
        (
            {"singleuser": {"storage": {"type": "static", "static": {"pvcName": "all"}}}},
            Homes(kind="static", static="all"),
        ),
        ({"singleuser": {"storage": None}, "hub": "odd"}, Homes()),
    ],
)
def test_what_decides_peoples_claims(values: Json, homes: Homes) -> None:
    assert homes_of(values) == homes


def test_the_values_are_read_from_the_charts_own_secret() -> None:
    packed = base64.b64encode(json.dumps(VALUES).encode()).decode()
    secrets = [
        {"kind": "Secret", "metadata": {"name": "other"}, "data": {"x": "eA=="}},
        {"kind": "Secret", "metadata": {"name": "hub"}, "data": {"values.yaml": packed}},
    ]
    assert read_homes(manifest(*secrets)) == homes_of(VALUES)
    plain = {"kind": "Secret", "metadata": {"name": "hub"}, "stringData": {"values.yaml": json.dumps(VALUES)}}
    assert read_homes(manifest(plain)) == homes_of(VALUES)
    assert read_homes(manifest(secrets[0])) is None
    assert read_homes(manifest({**plain, "stringData": {"values.yaml": "text"}})) is None


OLD, NEW = Homes("claim-{username}{servername}", "escape", "dynamic"), Homes(None, None, "dynamic")


@pytest.mark.parametrize(
    ("new", "old", "moved"),
    [(NEW, OLD, True), (OLD, OLD, False), (None, OLD, False), (NEW, None, False), (Homes(), Homes(), False)],
)
def test_homes_moved(new: Homes | None, old: Homes | None, moved: bool) -> None:
    assert homes_moved(new, old) is moved


def test_homes_are_not_orphaned() -> None:
    with pytest.raises(HubError) as caught:
        check_homes(NEW, OLD, ["claim-bob", "claim-ada"])
    error = caught.value
    assert (error.error_id, error.details) == ("E-STORE-03", {"claims": ["claim-ada", "claim-bob"]})
    assert error.what == "This upgrade would look for people's homes under other names; 2 homes would seem empty"
    assert (error.seen, error.wanted) == (
        "pvcNameTemplate unset; slug_scheme unset",
        "pvcNameTemplate claim-{username}{servername}; slug_scheme escape",
    )


def test_where_nobody_has_a_home_nobody_can_lose_one() -> None:
    check_homes(NEW, OLD, [])
    check_homes(OLD, OLD, ["claim-ada"])
    check_homes(None, OLD, ["claim-ada"])


GP2: Json = {"metadata": {"name": "gp2", "annotations": None}}
FAST: Json = {"metadata": {"name": "fast", "annotations": {DEFAULT_CLASS: "true"}}}


@pytest.mark.parametrize(
    ("created", "classes", "part"),
    [
        pytest.param([claim()], [], "no default StorageClass in this cluster (found: none)", id="none-at-all"),
        pytest.param([claim()], [GP2], "no default StorageClass in this cluster (found: gp2)", id="no-default"),
        pytest.param([OTHER, claim(storageClassName="slow")], [FAST, GP2],
                     "there is no StorageClass slow in this cluster (found: fast, gp2)", id="unknown"),
    ],
)  # fmt: skip
def test_a_claim_that_would_stay_pending_is_refused(created: list[Json], classes: list[Json], part: str) -> None:
    with pytest.raises(HubError, match="E-STORE-01") as caught:
        check_storage(created, classes)
    assert caught.value.what == f"The hub's claim hub-db-dir will stay Pending: {part}"


@pytest.mark.parametrize(
    "created",
    [
        pytest.param([], id="nothing"),
        pytest.param([OTHER], id="no-claim"),
        pytest.param([claim(storageClassName="gp2")], id="known-class"),
        pytest.param([claim(storageClassName="")], id="static-by-choice"),
        pytest.param([claim(volumeName="pv1", storageClassName="x")], id="a-volume-by-name"),
        pytest.param([claim(selector={"matchLabels": {"a": "b"}}, storageClassName="x")], id="a-volume-by-label"),
    ],
)
def test_a_claim_that_can_be_bound_passes(created: list[Json]) -> None:
    check_storage(created, [GP2])


@pytest.mark.parametrize("annotation", [DEFAULT_CLASS, DEFAULT_CLASS_BETA])
def test_a_default_class_serves_a_claim_without_one(annotation: str) -> None:
    check_storage([claim()], [{"metadata": {"name": "fast", "annotations": {annotation: "true"}}}])


def test_removal_keeps_the_data() -> None:
    check_removal(manifest(claim(keep=True), OTHER))
    with pytest.raises(HubError, match="E-STORE-04") as caught:
        check_removal(manifest(claim("a"), claim("b", keep=True)))
    assert caught.value.what == "Removing this release would delete claim a and the data on it"
