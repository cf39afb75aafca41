# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade would change, asked of the server object by object."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.manifest import Manifest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.server_plan import ObjectPlan, Planner
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeKube

Json = dict[str, Any]
SERVICES = "/api/v1/namespaces/hub/services"
ROUTES = "/apis/example.org/v1"


def obj(kind: str, name: str, version: str = "v1", **body: Any) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "hub"}, **body}


def service(name: str = "hub", **spec: Any) -> Json:
    return obj("Service", name, spec=spec)


def deployed(kube: FakeKube, *objects: Json) -> None:
    """Objects as Helm left them."""
    for item in objects:
        kube.apply_as("helm", f"{SERVICES}/{item['metadata']['name']}", item)


def plan(kube: FakeKube, new: list[Json], old: list[Json], client_side: bool = False) -> ObjectPlan:
    return Planner(kube).plan(Manifest(tuple(new)), Manifest(tuple(old)), client_side=client_side)


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube("hub")


def test_nothing_differs_nothing_is_planned_nothing_is_written(kube: FakeKube) -> None:
    deployed(kube, service(port=1))
    kube.objects[f"{SERVICES}/hub"]["status"] = {"loadBalancer": {}}
    found = plan(kube, [service(port=1)], [service(port=1)])
    assert found == ObjectPlan()
    assert kube.writes == []


def test_a_new_object_takes_one_request_and_returns_as_the_server_would_store_it(kube: FakeKube) -> None:
    found = plan(kube, [service(port=1)], [])
    assert found == ObjectPlan([Step("create", "Service/hub")], [service(port=1)])
    assert kube.requests == [("PATCH", f"{SERVICES}/hub", True)]


def test_a_change_is_told_by_field(kube: FakeKube) -> None:
    deployed(kube, service(port=1, old="x"))
    found = plan(kube, [service(port=2, new="y")], [service(port=1, old="x")])
    fields = {"spec.port": (1, 2), "spec.old": ("x", None), "spec.new": (None, "y")}
    assert found == ObjectPlan([Step("update", "Service/hub", fields)])


def test_what_somebody_changed_by_hand_is_put_right(kube: FakeKube) -> None:
    deployed(kube, service(port=1))
    kube.objects[f"{SERVICES}/hub"]["spec"]["port"] = 7
    found = plan(kube, [service(port=1)], [service(port=1)])
    assert found.steps == [Step("update", "Service/hub", {"spec.port": (7, 1)})]


def test_what_somebody_else_added_is_not_ours(kube: FakeKube) -> None:
    deployed(kube, service(port=1))
    kube.objects[f"{SERVICES}/hub"]["metadata"]["labels"] = {"theirs": "x"}
    assert plan(kube, [service(port=1)], [service(port=1)]).steps == []


def test_an_object_deleted_by_hand_is_made_again(kube: FakeKube) -> None:
    assert plan(kube, [service(port=1)], [service(port=1)]).steps == [Step("create", "Service/hub")]


def test_objects_that_leave_the_release_are_deleted_unless_kept_or_gone(kube: FakeKube) -> None:
    old = [service("gone"), service("kept"), service("leaves")]
    deployed(kube, *old[1:])
    kube.objects[f"{SERVICES}/kept"]["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    found = plan(kube, [], old)
    assert found == ObjectPlan([Step("delete", "Service/leaves")], kept=["Service/kept"])


def test_steps_keep_helms_order(kube: FakeKube) -> None:
    new = [service(f"s{number}", port=1) for number in (3, 1, 2)]
    deployed(kube, service("leaves"))
    found = plan(kube, new, [service("leaves")])
    assert [step.target for step in found.steps] == ["Service/s3", "Service/s1", "Service/s2", "Service/leaves"]


def test_a_changed_pod_template_restarts_pods_and_a_changed_count_does_not(kube: FakeKube) -> None:
    def workload(name: str, image: str, replicas: int) -> Json:
        spec = {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}}
        return obj("Deployment", name, "apps/v1", spec=spec)

    for name in ("a", "b"):
        kube.apply_as("helm", f"/apis/apps/v1/namespaces/hub/deployments/{name}", workload(name, "x:1", 1))
    found = plan(kube, [workload("a", "x:2", 1), workload("b", "x:1", 2)], [])
    assert found.restarts == ["Deployment/a"]
    assert found.steps == [
        Step("update", "Deployment/a", {"spec.template.spec.containers[c].image": ("x:1", "x:2")}),
        Step("update", "Deployment/b", {"spec.replicas": (1, 2)}),
    ]


def test_a_missing_namespace_is_planned_offline(kube: FakeKube) -> None:
    item = service(port=1)
    item["metadata"]["namespace"] = "later"
    found = plan(kube, [item], [])
    assert found == ObjectPlan([Step("create", "Service/hub")], [item], ["Service/hub"])


def test_an_unknown_kind_is_looked_up_once_for_its_group(kube: FakeKube) -> None:
    kube.discovery[ROUTES] = {
        "resources": [
            {"name": "routes", "kind": "Route", "namespaced": True},
            {"name": "routes/status", "kind": "Route", "namespaced": True},
            {"name": "zones", "kind": "Zone", "namespaced": False},
        ]
    }
    new = [obj("Route", "a", "example.org/v1"), obj("Route", "b", "example.org/v1"), obj("Zone", "z", "example.org/v1")]
    found = plan(kube, new, [])
    assert [step.target for step in found.steps] == ["Route/a", "Route/b", "Zone/z"]
    assert found.unchecked == []
    assert sorted(path for _method, path, _dry in kube.requests) == [
        ROUTES,
        f"{ROUTES}/namespaces/hub/routes/a",
        f"{ROUTES}/namespaces/hub/routes/b",
        f"{ROUTES}/zones/z",
    ]
    assert found.created[2]["metadata"] == {"name": "z"}


def test_a_kind_the_cluster_does_not_know_yet_is_planned_offline(kube: FakeKube) -> None:
    found = plan(kube, [obj("Route", "a", "example.org/v1")], [obj("Zone", "z", "example.org/v1")])
    assert (found.steps, found.unchecked) == ([Step("create", "Route/a")], ["Route/a"])
    assert [path for _method, path, _dry in kube.requests] == [ROUTES, ROUTES]


@pytest.mark.parametrize("status", [400, 409, 422])
def test_an_object_the_server_would_refuse_stops_everything(kube: FakeKube, status: int) -> None:
    deployed(kube, service(port=1))
    kube.on(lambda method, _p, _q, _b: Reply(status, {"message": "field is immutable."}) if method == "PATCH" else None)
    with pytest.raises(HubError, match="E-HELM-12") as caught:
        plan(kube, [service(port=2)], [])
    assert caught.value.what == "The cluster would refuse Service/hub of this release: field is immutable"
    assert caught.value.changed is Changed.NOTHING


def test_a_long_reason_is_cut_and_stays_one_line(kube: FakeKube) -> None:
    long = "field is immutable\n  core.Spec{\n" + "x" * 2000
    kube.on(lambda method, _p, _q, _b: Reply(422, {"message": long}) if method == "PATCH" else None)
    with pytest.raises(HubError) as caught:
        plan(kube, [service(port=2)], [])
    assert "field is immutable core.Spec{ xxx" in caught.value.what
    assert len(caught.value.what) < 700


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("forbidden", id="terse"),
        pytest.param(
            'services "hub" is forbidden: User "ci" cannot patch resource "services" in API group "" in the namespace '
            '"hub"',
            id="rbac",
        ),
        pytest.param(
            'roles.rbac.authorization.k8s.io "hub" is forbidden: user "ci" (groups=["system:authenticated"]) is '
            'attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], '
            'Verbs:["get"]}',
            id="grant",
        ),
        pytest.param(
            'services "hub" is forbidden: unable to create new content in namespace hub because it is being terminated',
            id="going",
        ),
    ],
)
def test_a_missing_permission_is_told_as_such(kube: FakeKube, message: str) -> None:
    kube.on(lambda method, _p, _q, _b: Reply(403, {"message": message}) if method == "PATCH" else None)
    with pytest.raises(HubError, match="E-K8S-04"):
        plan(kube, [service(port=2)], [])


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            'admission webhook "validation.gatekeeper.sh" denied the request: [team] you must provide labels: owner',
            id="gatekeeper",
        ),
        pytest.param(
            'services "hub" is forbidden: exceeded quota: team, requested: services=1, used: services=5, limited: '
            "services=5",
            id="quota",
        ),
        pytest.param(
            'pods "hub" is forbidden: failed quota: team: must specify limits.cpu for: hub', id="quota-of-limits"
        ),
        pytest.param(
            'pods "hub" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
            id="pod-security",
        ),
        pytest.param(
            "services \"hub\" is forbidden: ValidatingAdmissionPolicy 'no-lb' with binding 'all' denied request: no "
            "load balancers",
            id="policy",
        ),
        pytest.param(
            'persistentvolumeclaims "hub-db-dir" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, '
            "but request is 10Gi",
            id="limit-range",
        ),
    ],
)
def test_a_policy_of_the_cluster_is_not_a_missing_permission(kube: FakeKube, message: str) -> None:
    kube.on(lambda method, _p, _q, _b: Reply(403, {"message": f"{message}."}) if method == "PATCH" else None)
    with pytest.raises(HubError, match="E-HELM-12") as caught:
        plan(kube, [service(port=2)], [])
    assert caught.value.what == f"The cluster would refuse Service/hub of this release: {message}"
    assert "policy or quota of the cluster" in caught.value.do
    assert caught.value.changed is Changed.NOTHING


def test_it_asks_as_helm_and_never_for_real(kube: FakeKube) -> None:
    queries: list[Any] = []
    kube.on(lambda _m, _p, query, _b: queries.append(dict(query)))
    plan(kube, [service(port=2)], [])
    assert queries == [{"fieldManager": "helm", "force": "true", "dryRun": "All"}]


def test_what_helm_applied_by_itself_is_taken_away_too(kube: FakeKube) -> None:
    """The server does not know which fields a client-side Helm owned; the manifests do."""
    old, new = service(port=1, old="x", never="y"), service(port=1)
    live = copy.deepcopy(service(port=1, old="changed"))
    kube.put(f"{SERVICES}/hub", live)
    assert plan(kube, [new], [old], client_side=False).steps == []
    found = plan(kube, [new], [old], client_side=True)
    assert found.steps == [Step("update", "Service/hub", {"spec.old": ("changed", None)})]


def test_what_helm_applied_by_itself_is_found_in_lists(kube: FakeKube) -> None:
    def ports(*names: str) -> Json:
        return service(ports=[{"name": name, "port": 1} for name in names])

    kube.put(f"{SERVICES}/hub", ports("http", "gone"))
    kube.on(lambda method, _p, _q, _b: Reply(200, ports("http", "gone")) if method == "PATCH" else None)
    fields = {"spec.ports[gone].name": ("gone", None), "spec.ports[gone].port": (1, None)}
    assert plan(kube, [ports("http")], [ports("http", "gone")], client_side=True).steps == [
        Step("update", "Service/hub", fields)
    ]


def test_secrets_are_compared_and_not_shown(kube: FakeKube) -> None:
    secret = obj("Secret", "hub", data={"k": "cGxhbnRlZA=="})
    kube.apply_as("helm", "/api/v1/namespaces/hub/secrets/hub", obj("Secret", "hub", data={"k": "b2xk"}))
    found = plan(kube, [secret], [])
    assert found.steps == [Step("update", "Secret/hub", {"data.k": ("<hidden>", "<changed>")})]
