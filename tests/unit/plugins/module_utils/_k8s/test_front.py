# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front Service: what it should be, and what is made of what there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import front
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front import Front

FRONT = Front(namespace="climate", name="hub-front", release="climate")


def ports(*items: tuple[str, int, str]) -> list[dict[str, Any]]:
    return [{"name": name, "port": port, "targetPort": target, "protocol": "TCP"} for name, port, target in items]


def test_the_plain_service() -> None:
    assert FRONT.service_object() == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "hub-front",
            "namespace": "climate",
            "labels": {
                "app.kubernetes.io/managed-by": "researchops.jupyterhub",
                "app.kubernetes.io/part-of": "jupyterhub",
            },
        },
        "spec": {
            "type": "LoadBalancer",
            "selector": {"component": "proxy", "release": "climate"},
            "ports": ports(("http", 80, "http"), ("https", 443, "https")),
        },
    }
    assert FRONT.path == "/api/v1/namespaces/climate/services/hub-front"


@pytest.mark.parametrize(
    ("given", "text"),
    [("True", "True"), (True, "true"), (False, "false"), (60, "60"), ({"ingress": True}, '{"ingress":true}'),
     (["a", 1], '["a",1]'), (None, "")],
)  # fmt: skip
def test_annotations_are_text_that_controllers_understand(given: Any, text: str) -> None:
    assert front.annotation_texts({"x/y": given}) == {"x/y": text}


def test_the_service_with_everything() -> None:
    full = replace(
        FRONT,
        component="autohttps",
        address="203.0.113.7",
        https_port=8443,
        source_ranges=("192.0.2.0/24",),
        annotations={"x/y": "z"},
        ip_families="PreferDualStack",
    )
    made = full.service_object()
    assert made["metadata"]["annotations"] == {"x/y": "z"}
    assert made["spec"] == {
        "type": "LoadBalancer",
        "selector": {"component": "autohttps", "release": "climate"},
        "ports": ports(("http", 80, "http"), ("https", 8443, "https"), ("https-default", 443, "https")),
        "loadBalancerIP": "203.0.113.7",
        "loadBalancerSourceRanges": ["192.0.2.0/24"],
        "ipFamilyPolicy": "PreferDualStack",
    }


def test_other_types_carry_no_load_balancer_fields() -> None:
    spec = replace(FRONT, kind="NodePort", address="198.51.100.4", source_ranges=("192.0.2.0/24",)).service_object()[
        "spec"
    ]
    assert sorted(spec) == ["ports", "selector", "type"]


@pytest.mark.parametrize(
    ("changes", "error_ids"),
    [
        pytest.param({"kind": "NodePort"}, ["E-FRONT-05"], id="00-no-address"),
        pytest.param({"kind": "ClusterIP"}, ["E-FRONT-05"], id="01-no-address"),
        pytest.param(
            {"kind": "NodePort", "address": "a", "source_ranges": ("192.0.2.0/24",)},
            ["E-FRONT-03"],
            id="02-ranges-without-effect",
        ),
        pytest.param({"source_ranges": ("192.0.2.7/24",)}, ["E-FRONT-04"], id="03-host-bits"),
        pytest.param({"source_ranges": ("office",)}, ["E-FRONT-04"], id="04-no-network"),
        pytest.param({"https_port": 80}, ["E-FRONT-04"], id="05-the-port-of-http"),
        pytest.param({"https_port": 0}, ["E-FRONT-04"], id="06-no-port"),
        pytest.param({"https_port": 65536}, ["E-FRONT-04"], id="07-no-port"),
        pytest.param({"kind": "NodePort", "https_port": 80}, ["E-FRONT-04", "E-FRONT-05"], id="08-all-are-told"),
        pytest.param({}, [], id="09-plain"),
        pytest.param({"source_ranges": ("192.0.2.0/24", "2001:db8::/32")}, [], id="10-ranges"),
        pytest.param({"kind": "NodePort", "address": "198.51.100.4"}, [], id="11-node-port"),
    ],
)
def test_settings_that_cannot_work(changes: dict[str, Any], error_ids: list[str]) -> None:
    assert [error.error_id for error in front.problems(replace(FRONT, **changes))] == error_ids


def test_settings_as_rows() -> None:
    settings: dict[str, Any] = {
        "kind": "LoadBalancer",
        "address": "",
        "https_port": "8443",
        "source_ranges": ["192.0.2.0/24"],
    }
    assert front.rows(settings) == [
        {"check": "front Service", "ok": True, "text": "LoadBalancer, https on port 8443, for 192.0.2.0/24"}
    ]
    (row,) = front.rows(settings | {"kind": "NodePort", "address": "a"})
    assert (row["ok"], row["text"].split()[0]) == (False, "E-FRONT-03")


def service(*ingress: dict[str, str], kind: str = "LoadBalancer") -> dict[str, Any]:
    return {"spec": {"type": kind}, "status": {"loadBalancer": {"ingress": list(ingress)}}}


def test_addresses_and_host_names() -> None:
    assert front.addresses_of(None) == ()
    assert front.addresses_of({"status": {}}) == ()
    assert front.addresses_of(service({"hostname": "lb.example"}, {"ip": "2001:db8::1"}, {"ip": "192.0.2.1"}, {})) == (
        "192.0.2.1",
        "2001:db8::1",
        "lb.example",
    )


IP = {"ip": "192.0.2.1"}


@pytest.mark.parametrize(
    ("ours", "chart", "keeps", "known"),
    [
        pytest.param(service(IP), service(IP), False, False, id="00-a-front-of-ours-is-there"),
        pytest.param(None, None, False, False, id="01-nothing-there"),
        pytest.param(None, service(), False, True, id="02-no-address-now"),
        pytest.param(None, service(IP, kind="ClusterIP"), False, False, id="03-no-load-balancer"),
        pytest.param(None, service(IP), True, True, id="04-a-running-hub"),
    ],
)
def test_a_running_hub_keeps_its_address(ours: Any, chart: Any, keeps: bool, known: bool) -> None:
    assert front.keeps_proxy_public(ours, chart) is keeps
    assert front.keeps_proxy_public(ours, chart, known=True) is known


def hubs(*releases: str) -> list[dict[str, Any]]:
    return [{"metadata": {"name": "hub", "labels": {"release": release} if release else {}}} for release in releases]


@pytest.mark.parametrize(
    ("served", "releases", "other"),
    [
        pytest.param("", ["jhub"], "jhub", id="00-a-hub-of-before-under-another-name"),
        pytest.param("jhub", ["jhub"], "jhub", id="01-the-front-leads-to-it"),
        pytest.param("jhub", ["jhub", "climate"], "jhub", id="02-it-does-and-ours-is-there"),
        pytest.param("", [], "", id="03-nothing-there"),
        pytest.param("", ["climate"], "", id="04-ours"),
        pytest.param("", ["climate", "jhub"], "", id="05-ours-beside-another"),
        pytest.param("old", [], "", id="06-the-front-of-a-release-that-is-gone"),
        pytest.param("climate", ["climate"], "", id="07-the-front-leads-to-ours"),
        pytest.param("", [""], "", id="08-a-hub-without-a-release"),
    ],
)
def test_another_releases_hub_loses_nothing(served: str, releases: list[str], other: str) -> None:
    ours = {"spec": {"selector": {"component": "proxy", "release": served}}} if served else None
    assert front.another_hub(ours, "climate", hubs(*releases)) == other


def test_the_error_about_another_hub_names_the_variable_and_its_value() -> None:
    error = front.not_this_hub("jupyter", "climate", "jhub")
    assert error.error_id == "E-FRONT-13"
    assert "Namespace jupyter holds the hub of release jhub; this run is for release climate" in error.what
    assert error.do.startswith("set z2jh_release_name: jhub if ")


@pytest.mark.parametrize(
    ("seen", "wanted", "verdict"),
    [
        pytest.param(None, "", Verdict(State.PENDING, "the Service is gone"), id="00-gone"),
        pytest.param(service(), "", Verdict(State.PENDING, "the load balancer has given no address yet"), id="01-none"),
        pytest.param(
            service(IP), "192.0.2.9", Verdict(State.PENDING, "it has 192.0.2.1, wanted 192.0.2.9"), id="02-other"
        ),
        pytest.param(service(IP), "192.0.2.1", Verdict(State.DONE, "192.0.2.1"), id="03-the-wanted-one"),
        pytest.param(service(IP), "", Verdict(State.DONE, "192.0.2.1"), id="04-any"),
        pytest.param(
            service(IP) | {"metadata": {"deletionTimestamp": "x"}},
            "",
            Verdict(State.PENDING, "somebody has deleted the Service: it is going"),
            id="05-going",
        ),
    ],
)
def test_a_service_has_its_address_or_not(seen: Any, wanted: str, verdict: Verdict) -> None:
    assert front.judge(seen, wanted) == verdict


def live(**metadata: Any) -> dict[str, Any]:
    item = FRONT.service_object()
    return item | {"metadata": item["metadata"] | metadata, "status": {"loadBalancer": {}}}


def test_the_namespace() -> None:
    assert front.namespace_object("climate") == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "climate", "labels": front.LABELS},
    }


def test_what_the_server_writes_by_itself_is_no_change() -> None:
    old = live(resourceVersion="1", uid="u", managedFields=[1], generation=1, creationTimestamp="t")
    new = live(resourceVersion="2", uid="u", managedFields=[2], generation=2, creationTimestamp="t")
    plan = front.plan([old], [new])
    assert (plan.changed, plan.steps, plan.before) == (False, (), plan.after)


def test_a_missing_object_is_created_and_a_changed_one_updated_field_by_field() -> None:
    changed = live(annotations={"a": "b"})
    changed["spec"] = changed["spec"] | {"type": "NodePort"}
    plan = front.plan([None, live()], [front.namespace_object("climate"), changed])
    assert plan.steps == (
        Step("create", "Namespace/climate"),
        Step(
            "update",
            "Service/hub-front",
            {"metadata.annotations.a": (None, "b"), "spec.type": ("LoadBalancer", "NodePort")},
        ),
    )
    assert plan.before["Namespace/climate"] == {}


def test_the_newest_warning_is_quoted() -> None:
    events = [
        {"type": "Warning", "reason": "SyncFailed", "message": "quota\nmore", "lastTimestamp": "2026-01-02T00:00:00Z"},
        {"type": "Warning", "reason": "Old", "message": "x", "lastTimestamp": "2026-01-01T00:00:00Z"},
        {"type": "Normal", "reason": "Ensuring", "message": "y", "lastTimestamp": "2026-01-03T00:00:00Z"},
    ]
    assert front.last_warning(events) == front.last_warning(events[::-1]) == "SyncFailed: quota"
    assert front.last_warning(events[2:]) == ""


def test_the_error_without_an_address_carries_what_the_cluster_said() -> None:
    assert (
        "the cluster says: SyncFailed: quota" in front.no_address(FRONT, "no address", "SyncFailed: quota", 600.4).what
    )
    assert "600 s: no address; no event tells why" in front.no_address(FRONT, "no address", "", 600.4).what
