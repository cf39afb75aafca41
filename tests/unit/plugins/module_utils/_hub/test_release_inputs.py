# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release is made from, and the digest that stands for all of it."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart import ChartRef, Kind
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_inputs import (
    COLLECTION_VERSION,
    SECRETS_ANNOTATION,
    Inputs,
    effective_values,
    fingerprint,
    generated_name,
    generated_object,
    secrets_object,
)

KEEP = {"helm.sh/resource-policy": "keep"}
INPUTS = Inputs(
    release="hub",
    namespace="climate",
    chart=ChartRef(Kind.PATH, "/charts/hub", "4.4.0"),
    chart_digest="a" * 64,
    values={"a": {"b": 1, "c": [1, 2]}},
    layers=("hub_https", "hub_oauth"),
    fingerprint="f" * 32,
)


def test_the_version_in_the_digest_is_the_collections() -> None:
    galaxy = yaml.safe_load((Path(__file__).resolve().parents[5] / "galaxy.yml").read_text())
    assert galaxy["version"] == COLLECTION_VERSION


def test_the_digest_fits_a_label() -> None:
    assert re.fullmatch(r"[a-z2-7]{52}", INPUTS.digest)
    assert re.fullmatch(r"[a-z2-7]{10}", INPUTS.chart_identity)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(INPUTS, release="x"), id="release"),
        pytest.param(replace(INPUTS, namespace="x"), id="namespace"),
        pytest.param(replace(INPUTS, chart=ChartRef(Kind.PATH, "/charts/hub", "4.4.1")), id="chart-version"),
        pytest.param(replace(INPUTS, chart=ChartRef(Kind.PATH, "/charts/hub2", "4.4.0")), id="chart-ref"),
        pytest.param(replace(INPUTS, chart_digest="b" * 64), id="chart-digest"),
        pytest.param(replace(INPUTS, values={"a": {"b": 1, "c": [2, 1]}}), id="order-in-a-list"),
        pytest.param(replace(INPUTS, values={"a": {"b": "1", "c": [1, 2]}}), id="type-of-a-value"),
        pytest.param(replace(INPUTS, values={"a": {"b": None, "c": [1, 2]}}), id="null"),
        pytest.param(replace(INPUTS, layers=("hub_oauth",)), id="layers"),
        pytest.param(replace(INPUTS, fingerprint="0" * 32), id="secrets"),
    ],
)
def test_everything_matters(changed: Inputs) -> None:
    assert changed.digest != INPUTS.digest


def test_order_of_keys_and_layers_does_not_matter() -> None:
    same = replace(INPUTS, values={"a": {"c": [1, 2], "b": 1}}, layers=("hub_oauth", "hub_https"))
    assert same.digest == INPUTS.digest


def test_a_chart_is_filed_under_reference_and_version() -> None:
    assert replace(INPUTS, chart_digest="").chart_identity == INPUTS.chart_identity
    assert replace(INPUTS, chart=ChartRef(Kind.PATH, "/charts/hub", "4.4.1")).chart_identity != INPUTS.chart_identity


def test_a_fingerprint_changes_with_names_values_and_place_and_hides_the_secret() -> None:
    secrets = {"one": "planted-secret", "two": "another-secret"}
    found = fingerprint(secrets, "climate", "hub")
    assert re.fullmatch(r"[0-9a-f]{32}", found)
    assert found == fingerprint(dict(reversed(secrets.items())), "climate", "hub")
    others = [
        fingerprint({**secrets, "two": "another-secreT"}, "climate", "hub"),
        fingerprint({"one": "another-secret", "two": "planted-secret"}, "climate", "hub"),
        fingerprint(secrets, "climate2", "hub"),
        fingerprint(secrets, "climate", "hub2"),
    ]
    assert len({found, *others}) == 5
    assert fingerprint({}, "climate", "hub") == ""


@pytest.mark.parametrize(
    ("values", "root", "mark", "found"),
    [
        pytest.param({}, "", "", {"hub": {"db": {"pvc": {"annotations": KEEP}}}}, id="empty"),
        pytest.param({"x": 1, "hub": {"annotations": {"a": "b"}, "db": {"type": "sqlite-pvc"}}}, "", "ff",
                     {"x": 1, "hub": {"annotations": {"a": "b", SECRETS_ANNOTATION: "ff"},
                                      "db": {"type": "sqlite-pvc", "pvc": {"annotations": KEEP}}}}, id="merged"),
        pytest.param({"x": 1}, "jupyterhub", "ff",
                     {"x": 1, "jupyterhub": {"hub": {"annotations": {SECRETS_ANNOTATION: "ff"},
                                                     "db": {"pvc": {"annotations": KEEP}}}}}, id="below-a-root"),
        pytest.param({"a": {"x": 1}}, "a.b", "ff",
                     {"a": {"x": 1, "b": {"hub": {"annotations": {SECRETS_ANNOTATION: "ff"},
                                                  "db": {"pvc": {"annotations": KEEP}}}}}}, id="two-charts-down"),
        pytest.param({"hub": {"db": {"pvc": {"annotations": {"helm.sh/resource-policy": "delete"}}}}}, "", "",
                     {"hub": {"db": {"pvc": {"annotations": {"helm.sh/resource-policy": "delete"}}}}},
                     id="the-operators-word-counts"),
        pytest.param({"hub": None}, "", "", {"hub": {"db": {"pvc": {"annotations": KEEP}}}}, id="null-on-the-way"),
    ],
)  # fmt: skip
def test_effective_values(values: dict[str, Any], root: str, mark: str, found: dict[str, Any]) -> None:
    before = repr(values)
    assert effective_values(values, root, mark) == found
    assert repr(values) == before


@pytest.mark.parametrize(
    ("values", "root", "path"),
    [
        ({"hub": "text"}, "", "hub"),
        ({"hub": {"db": []}}, "", "hub.db"),
        ({"jupyterhub": 5}, "jupyterhub", "jupyterhub"),
        ({"a": {"b": 5}}, "a.b", "a.b"),
    ],
)
def test_values_with_something_else_on_the_way_are_refused(values: dict[str, Any], root: str, path: str) -> None:
    with pytest.raises(HubError, match="E-VALUES-11") as caught:
        effective_values(values, root, "ff")
    assert caught.value.what == f"The chart value {path} is not a dictionary"


def test_the_secret_for_the_layers() -> None:
    assert secrets_object("climate", {"b": "zwei", "a": "eins"}) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "hub-secrets",
            "namespace": "climate",
            "labels": {
                "app.kubernetes.io/managed-by": "researchops.jupyterhub",
                "app.kubernetes.io/part-of": "jupyterhub",
            },
        },
        "type": "Opaque",
        "data": {"a": "ZWlucw==", "b": "endlaQ=="},
    }


def test_the_charts_own_secret_is_marked_so_that_helm_adopts_it() -> None:
    found = generated_object("climate", "hub", "hub", ["1" * 64, "2" * 64, "3" * 64])
    assert found["metadata"] == {
        "name": "hub",
        "namespace": "climate",
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "hub", "meta.helm.sh/release-namespace": "climate"},
    }
    assert {key: base64.b64decode(value).decode() for key, value in found["data"].items()} == {
        "hub.config.ConfigurableHTTPProxy.auth_token": "1" * 64,
        "hub.config.JupyterHub.cookie_secret": "2" * 64,
        "hub.config.CryptKeeper.keys": "3" * 64,
    }


@pytest.mark.parametrize(
    ("values", "root", "name"),
    [
        ({}, "", "hub"),
        ({"fullnameOverride": ""}, "", "hub"),
        ({"fullnameOverride": "x"}, "", "x-hub"),
        ({"fullnameOverride": None}, "", ""),
        ({"hub": {"existingSecret": "mine"}}, "", ""),
        ({"hub": None}, "", "hub"),
        ({"fullnameOverride": "x", "jupyterhub": {}}, "jupyterhub", "hub"),
        ({"jupyterhub": {"fullnameOverride": "x"}}, "jupyterhub", "x-hub"),
        ({}, "jupyterhub", "hub"),
        ({"a": {"b": {"fullnameOverride": "x"}}}, "a.b", "x-hub"),
        ({"a": {"b": {"hub": {"existingSecret": "mine"}}}}, "a.b", ""),
    ],
)
def test_the_name_of_the_charts_own_secret(values: dict[str, Any], root: str, name: str) -> None:
    assert generated_name(values, root) == name
