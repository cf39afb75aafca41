# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image a release pins: by the values that the hub reads, whoever set them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.pinned import (
    Pinned,
    pinned_by,
    pinned_image,
    read_pinned,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeHelm, FakeKube

Json = dict[str, Any]

BY_CHART = {"name": "quay.io/sample", "tag": "4.4.0"}
SMALL: Json = {"display_name": "small", "kubespawner_override": {"image": "lab/small:1"}}
LARGE: Json = {"display_name": "large", "kubespawner_override": {"image": "lab/large:1"}}
PLAIN: Json = {"display_name": "plain"}
MANY: Json = {"display_name": "many", "profile_options": {"image": {"choices": {}}}}


def values(image: Any = ..., profiles: Any = None, **config: Any) -> Json:
    chosen = BY_CHART if image is ... else image
    return {"singleuser": {"image": chosen, "profileList": profiles}, "hub": {"config": config}}


TABLE = [
    ("00 no tag", values({"name": "x", "tag": ""}), "", "pins no tag of x"),
    ("01 no image", values(None), "", "pins no tag of the image"),
    ("02 options of the profile", values(profiles=[MANY]), "", "profile many has options"),
    ("03 the chart's own", values(), "quay.io/sample:4.4.0", ""),
    ("04 a number as tag", values({"name": "x", "tag": 5}), "x:5", ""),
    ("05 a digest in the name", values({"name": "x@sha256:aa", "tag": ""}), "x@sha256:aa", ""),
    ("06 a digest in the tag", values({"name": "x", "tag": "1@sha256:aa"}), "x:1@sha256:aa", ""),
    ("07 the spawner's own", values(KubeSpawner={"image": "lab/own:1"}), "lab/own:1", ""),
    ("08 a profile goes first", values(profiles=[SMALL, LARGE], KubeSpawner={"image": "lab/own:1"}), "lab/small:1", ""),
    ("09 the profile marked so", values(profiles=[SMALL, LARGE | {"default": True}]), "lab/large:1", ""),
    ("10 a profile without image", values(profiles=[PLAIN, LARGE]), "quay.io/sample:4.4.0", ""),
    ("11 options of another profile", values(profiles=[PLAIN, MANY]), "quay.io/sample:4.4.0", ""),
]


@pytest.mark.parametrize(("given", "image", "reason"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_pinned_image(given: Json, image: str, reason: str) -> None:
    found = pinned_image(given)
    assert found.image == image
    assert reason in found.reason and bool(found.reason) == (not image)


# ---- from the record -------------------------------------------------------------------------------------------


def secret(name: str, **data: Any) -> Json:
    packed = {key: base64.b64encode(yaml.safe_dump(value).encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": packed}


def record(*objects: Json, **config: Any) -> Json:
    manifest = "---\n".join(yaml.safe_dump(one) for one in objects)
    return {"name": "hub", "namespace": "hub", "config": config, "manifest": manifest}


def test_the_charts_default_counts_where_the_operator_sets_none() -> None:
    found = pinned_by(record(secret("hub", **{"values.yaml": values()}), hub={"baseUrl": "/x/"}))
    assert found == Pinned("quay.io/sample:4.4.0")


def test_below_a_parent_chart_under_another_name() -> None:
    other, own = secret("dask", **{"values.yaml": {"gateway": {}}}), secret("sci-hub", **{"values.yaml": values()})
    assert pinned_by(record(secret("keys", token="x"), other, own)) == Pinned("quay.io/sample:4.4.0")


def test_another_chart_pins_nothing() -> None:
    assert pinned_by(record(secret("keys", token="x"))) == Pinned("", "the release holds no values of a hub")


# ---- from the cluster ------------------------------------------------------------------------------------------


def chart_with(tag: str) -> Callable[[Json], list[Json]]:
    """A chart that pins this tag."""
    return lambda _values: [secret("hub", **{"values.yaml": values({"name": "lab", "tag": tag})})]


def test_the_revision_that_runs_is_read_not_one_that_failed() -> None:
    kube = FakeKube("hub")
    for number, status in ((1, "superseded"), (2, "deployed"), (3, "failed")):
        FakeHelm(kube, FakeClock(), chart_with(str(number))).record(number, status, {}, {})
    kube.requests.clear()
    assert read_pinned(kube, "hub", "hub") == Pinned("lab:2")
    assert [request[0] for request in kube.requests] == ["GET", "GET"]


def test_no_release_pins_nothing() -> None:
    assert read_pinned(FakeKube("hub"), "hub", "hub") == Pinned("", "there is no release hub in hub")


def test_who_may_not_read_it_is_told_so_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: Any, **_more: Any) -> Any:
        raise HubError("E-K8S-04", "GET of secrets is forbidden", "ask for the right")

    kube = FakeKube("hub")
    monkeypatch.setattr(kube, "list", refuse)
    found = read_pinned(kube, "hub", "hub")
    assert found == Pinned("", "the release could not be read: E-K8S-04 GET of secrets is forbidden")
