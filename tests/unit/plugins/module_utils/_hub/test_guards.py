# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade must never do to the hub's database and to people's homes."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.utils.vars import merge_hash
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.guards import (
    Homes,
    check_address,
    check_database,
    check_homes,
    check_reached,
    check_removal,
    check_storage,
    homes_moved,
    homes_of,
    leaving_balancer,
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
        ({}, Homes(scheme="safe")),
        (VALUES, Homes("claim-{username}", "escape", "dynamic")),
        ({"hub": {"config": {"KubeSpawner": {"pvc_name_template": "{username}"}}}}, Homes("{username}", "safe")),
        (
            {"singleuser": {"storage": {"type": "static", "static": {"pvcName": "all"}}}},
            Homes(scheme="safe", kind="static", static="all"),
        ),
        ({"singleuser": {"storage": None}, "hub": "odd"}, Homes(scheme="safe")),
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
    of_another_part = {**plain, "metadata": {"name": "gateway"}, "stringData": {"values.yaml": "gateway: {}"}}
    assert read_homes(manifest(of_another_part, plain)) == homes_of(VALUES)


def of_chart(version: Any, template: str | None = None, **spawner: str) -> Homes:
    dynamic = {"pvcNameTemplate": template}
    return homes_of(
        {
            "Chart": {"Name": "jupyterhub", "Version": version},
            "hub": {"config": {"KubeSpawner": spawner}},
            "singleuser": {"storage": {"type": "dynamic", "dynamic": dynamic}},
        }
    )


@pytest.mark.parametrize(
    ("version", "spawner", "scheme"),
    [
        pytest.param("3.3.8", {}, "escape", id="before-4"),
        pytest.param("v0.11.1", {}, "escape", id="long-before-4"),
        pytest.param("0.0.1-set.by.chartpress", {}, "safe", id="out-of-a-repository"),
        pytest.param("4.4.0", {}, "safe", id="since-4"),
        pytest.param("10.0.0-0.dev.git.1.habc", {}, "safe", id="long-after-4"),
        pytest.param("4.4.0", {"slug_scheme": "escape"}, "escape", id="said"),
        pytest.param("3.3.8", {"slug_scheme": "safe"}, "safe", id="said-too-early"),
        pytest.param(None, {}, "safe", id="unknown"),
        pytest.param(4, {}, "safe", id="odd"),
    ],
)
def test_what_the_spawner_does_without_a_slug_scheme(version: Any, spawner: dict[str, str], scheme: str) -> None:
    assert of_chart(version, **spawner).scheme == scheme


@pytest.mark.parametrize(
    ("template", "depends"),
    [
        (None, True),
        ("claim-{username}{servername}", True),
        ("claim-{user_server}", True),
        ("{pod_name}-home", True),
        ("claim-{userid}-{username}", True),
        ("claim-{username", True),
        ("claim-{userid}", False),
        ("claim-{escaped_username}--{unescaped_servername}", False),
        ("{hubnamespace}-{safe_user_server}", False),
    ],
)
def test_a_template_without_slugs_makes_the_same_names_in_both_schemes(template: str | None, depends: bool) -> None:
    assert homes_moved(of_chart("4.4.0", template), of_chart("3.3.8", template)) is depends


# The two charts' own values, as far as they decide people's claims.
PUBLISHED: dict[str, Json] = {
    "3.3.8": {
        "hub": {"config": {}},
        "singleuser": {"storage": {"type": "dynamic", "dynamic": {"pvcNameTemplate": "claim-{username}{servername}"}}},
    },
    "4.4.0": {"hub": {"config": {}}, "singleuser": {"storage": {"type": "dynamic", "dynamic": {}}}},
}
FOLDER = Path(os.environ.get("Z2JH_REFERENCE", Path(__file__).resolve().parents[5].parent / "shared/data/z2jh"))


def released(version: str, values: Json, **given: Json) -> Manifest:
    """What a chart makes of its own values and the operator's, as far as the guard looks."""
    merged = merge_hash({**values, "Chart": {"Name": "jupyterhub", "Version": version}}, given)
    return manifest({"kind": "Secret", "metadata": {"name": "hub"}, "stringData": {"values.yaml": json.dumps(merged)}})


def upgrade(charts: dict[str, Json], **given: Json) -> None:
    """An upgrade from 3.3.8 as it came to 4.4.0 with these values of the operator."""
    new, old = released("4.4.0", charts["4.4.0"], **given), released("3.3.8", charts["3.3.8"])
    check_homes(read_homes(new), read_homes(old), ["claim-ada"])


def wanted_values(error: HubError) -> Json:
    """The operator's values, put where the message says, from what it calls wanted."""
    wanted = dict(part.split(" ", 1) for part in (error.wanted or "").split("; "))
    return {
        "hub": {"config": {"KubeSpawner": {"slug_scheme": wanted["slug_scheme"]}}},
        "singleuser": {"storage": {"dynamic": {"pvcNameTemplate": wanted["pvcNameTemplate"]}}},
    }


def refused_and_cured(charts: dict[str, Json]) -> None:
    with pytest.raises(HubError, match="E-STORE-03") as caught:
        upgrade(charts)
    assert caught.value.seen == "pvcNameTemplate unset; slug_scheme safe"
    cure = wanted_values(caught.value)
    upgrade(charts, **cure)
    for forgotten in cure:
        with pytest.raises(HubError, match="E-STORE-03"):
            upgrade(charts, **{name: part for name, part in cure.items() if name != forgotten})


def test_an_upgrade_to_chart_4_passes_with_the_values_the_refusal_asks_for() -> None:
    refused_and_cured(PUBLISHED)


def test_an_upgrade_between_the_published_charts_passes_with_the_values_the_refusal_asks_for() -> None:
    files = {version: FOLDER / version / "values.yaml" for version in PUBLISHED}
    if not all(file.is_file() for file in files.values()):
        pytest.skip("not cross-checked: the published values are not here")
    charts = {version: yaml.safe_load(file.read_text()) for version, file in files.items()}
    refused_and_cured(charts)
    for version, values in PUBLISHED.items():
        chart = {"Chart": {"Version": version}}
        assert homes_of({**charts[version], **chart}) == homes_of({**values, **chart})


OLD, NEW = of_chart("3.3.8", "claim-{username}{servername}"), of_chart("4.4.0")


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
        "pvcNameTemplate unset; slug_scheme safe",
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
    assert "site.yml" in caught.value.do and "hub_teardown_data: true" in caught.value.do


def values_file(text: str) -> Json:
    """A Secret with a file that is named like the one the hub reads."""
    return {"kind": "Secret", "stringData": {"values.yaml": text}}


def passing_on(*values: Any) -> Manifest:
    """A release whose charts pass these values on to their hubs."""
    return manifest(*(values_file(json.dumps(one)) for one in values))


def by(login: str | None) -> Json:
    return {"hub": {"config": {"JupyterHub": {"authenticator_class": login}}}}


@pytest.mark.parametrize(
    ("values", "root"),
    [
        pytest.param(by("generic-oauth"), "", id="00-a-parent-chart-without-its-key"),
        pytest.param({"hub": by("generic-oauth")}, "hub", id="01-a-key-that-no-dependency-has"),
        pytest.param({"a": {"b": by("generic-oauth")}}, "a.b", id="02-two-charts-down"),
    ],
)
def test_values_that_do_not_reach_the_hub_are_refused(values: Json, root: str) -> None:
    with pytest.raises(HubError, match="E-VALUES-13") as caught:
        check_reached(passing_on({"gateway": {}}, by("dummy")), values, root)
    assert (caught.value.seen, caught.value.wanted) == (
        "authenticator_class dummy",
        "authenticator_class generic-oauth",
    )
    assert "z2jh_values_root" in caught.value.do
    assert caught.value.changed is Changed.NOTHING


@pytest.mark.parametrize(
    ("new", "values", "root"),
    [
        pytest.param(passing_on(by("github")), by("github"), "", id="00-the-chart-itself"),
        pytest.param(
            passing_on({"x": 1}, by("github")), {"jupyterhub": by("github")}, "jupyterhub", id="01-below-a-key"
        ),
        pytest.param(passing_on(by("dummy")), by(None), "", id="02-none-is-asked-for"),
        pytest.param(passing_on(by("dummy")), {}, "jupyterhub", id="03-nothing-at-all"),
        pytest.param(manifest(OTHER), by("github"), "", id="04-a-chart-that-tells-nobody"),
        pytest.param(passing_on({"gateway": {}}, "text"), by("github"), "", id="05-not-a-hubs"),
        pytest.param(manifest(values_file("a: {{ b }}: c"), values_file("!a b")), by("github"), "", id="06-no-yaml"),
        pytest.param(manifest(values_file("a: 2026-99-99")), by("github"), "", id="07-no-date-either"),
    ],
)
def test_values_that_reach_the_hub_or_cannot_be_judged_pass(new: Manifest, values: Json, root: str) -> None:
    check_reached(new, values, root)


def test_only_a_service_that_becomes_a_cluster_ip_leaves_its_balancer() -> None:
    gone = {"spec.type": ("LoadBalancer", "ClusterIP")}
    steps = [
        Step("update", "Service/proxy-public", gone),
        Step("update", "Service/other", {"spec.type": ("ClusterIP", "LoadBalancer")}),
        Step("update", "Service/ports", {"spec.ports": ([], [80])}),
        Step("update", "Widget/w", gone),
    ]
    assert leaving_balancer(steps) == ["proxy-public"]


def balancer(component: str, *addresses: str) -> Json:
    ingress = [{"ip": address} for address in addresses]
    metadata = {"name": "proxy-public", "labels": {"component": component}}
    return {"metadata": metadata, "status": {"loadBalancer": {"ingress": ingress}}}


def test_an_address_is_not_taken_from_a_running_hub() -> None:
    with pytest.raises(HubError, match="E-FRONT-11") as caught:
        check_address([balancer("proxy-public", "192.0.2.7")])
    assert "192.0.2.7 from Service proxy-public" in caught.value.what
    assert caught.value.do.startswith("run the whole site.yml")
    assert "hub_front_keep_proxy_public: true in the inventory (not behind Identity-Aware Proxy)" in caught.value.do


def test_what_nobody_reaches_the_hub_by_may_go() -> None:
    check_address([None, balancer("proxy-public"), balancer("dask-gateway", "192.0.2.7")])
