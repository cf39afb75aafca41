# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images a hub will run, as the chart reads its values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.probe_images import Image, image_of

Json = dict[str, Any]
REPOSITORY = "https://hub.jupyter.org/helm-chart/jupyterhub"
UNKNOWN = Image(problem="because neither z2jh_values nor a chart at hand names hub.image")
TOLERATED = tuple(
    {"key": key, "operator": "Equal", "value": "core", "effect": "NoSchedule"}
    for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
)


def image(
    values: Json,
    chart: Json | None = None,
    *,
    part: str = "hub",
    root: str = "",
    ref: str = REPOSITORY,
    version: str = "",
) -> Image:
    wish = {"values": values, "chart": chart or {}, "root": root, "chart_ref": ref, "chart_version": version}
    return image_of(part, wish)


def named(name: str | None = None, tag: str | None = None, **more: Any) -> Json:
    told = {"name": name, "tag": tag, **more}
    return {"hub": {"image": {key: value for key, value in told.items() if value is not None}}}


@pytest.mark.parametrize(
    ("values", "chart", "version", "wanted"),
    [
        pytest.param({}, {}, "", "", id="00 nobody says"),
        pytest.param({}, named("h", "set-by-chartpress"), "", "", id="01 a chart's sources"),
        pytest.param(named("h"), {}, "", "", id="02 half a name"),
        pytest.param({}, {}, "3.2.1", "", id="03 published elsewhere"),
        pytest.param({}, {}, "4.4.0-0.dev.git.1", "", id="04 no release"),
        pytest.param({}, {}, "4.4.0", "quay.io/jupyterhub/k8s-hub:4.4.0", id="05 published"),
        pytest.param({}, {}, "v3.3.8", "quay.io/jupyterhub/k8s-hub:3.3.8", id="06 the oldest known"),
        pytest.param(named(tag="mine"), {}, "4.4.0", "quay.io/jupyterhub/k8s-hub:mine", id="07 a tag only"),
        pytest.param(named("h"), named("x", "1"), "", "h:1", id="08 a chart's tag"),
        pytest.param(named("h", "2"), named("x", "1"), "4.4.0", "h:2", id="09 all said"),
        pytest.param({"hub": None}, named("x", "1"), "", "", id="10 taken away"),
    ],
)
def test_which_image(values: Json, chart: Json, version: str, wanted: str) -> None:
    found = image(values, chart, version=version)
    assert found.ref == wanted
    assert (found == UNKNOWN) is (wanted == "")


def test_another_chart_has_other_images() -> None:
    assert image({}, ref="https://charts.example.org/jupyterhub", version="4.4.0") == UNKNOWN


def test_below_the_key_of_a_parent_chart() -> None:
    assert image({"jh": named("h", "1")}, {"jh": named("x", "2")}, root="jh").ref == "h:1"
    assert image({}, root="jh", version="4.4.0") == UNKNOWN


def test_the_users_image_has_its_own_words() -> None:
    own = {"key": "gpu", "operator": "Exists"}
    user = {"image": {"name": "u", "tag": 3}, "nodeSelector": {"pool": "users"}, "extraTolerations": [own]}
    found = image({"singleuser": user}, part="singleuser")
    assert (found.ref, found.node_selector, found.tolerations[0]) == ("u:3", {"pool": "users"}, own)
    assert {each["value"] for each in found.tolerations[1:]} == {"user"}


def test_how_it_is_pulled() -> None:
    values = named("h", "1", pullPolicy="Always", pullSecrets=["own", "all"])
    values |= {"imagePullSecrets": ["all", {"name": "more"}, {}], "imagePullSecret": {"create": True}}
    assert image(values) == Image("h:1", "Always", ("image-pull-secret", "all", "more", "own"), {}, TOLERATED, "")
    assert image(named("h", "1")) == Image("h:1", tolerations=TOLERATED)
