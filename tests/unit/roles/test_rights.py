# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permissions that the preflight asks about are those that our code and Helm use, no fewer and no more."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import release_inputs
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.manifest import Manifest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_removal import HOOK_COLLECTIONS
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.rollout import Rollout
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front import Front
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_api import FrontApi, last_event
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.objects import RESOURCES, group_of
from ansible_collections.researchops.jupyterhub.tests.unit.fake_release import CLAIMS, DEPLOYMENTS, PODS, World, obj
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import place
from jinja2.nativetypes import NativeEnvironment

VARIABLES = Path(__file__).resolve().parents[3] / "roles" / "cluster_access" / "vars" / "main.yml"
CHART = (
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
)
"""Kinds of Zero to JupyterHub's chart beside those that the tests' chart always has."""
WITHOUT = {"storageclasses", "persistentvolumes"}
"""Who may not look at these gets no judgement about storage, and goes on."""


class Right(NamedTuple):
    """What RBAC decides about."""

    verb: str
    group: str
    resource: str


def listed() -> set[Right]:
    """What the role asks about."""
    variables = yaml.safe_load(VARIABLES.read_text(encoding="utf-8"))
    template = NativeEnvironment().from_string(variables["__cluster_access_permissions"])
    rights = variables["__cluster_access_rights"]
    asked = template.render(__cluster_access_namespace="hub", __cluster_access_rights_with_door=rights)
    assert isinstance(asked, list)
    return {Right(one["verb"], one.get("group", ""), resource_of(one)) for one in asked}


def resource_of(one: dict[str, str]) -> str:
    return one["resource"] + (f"/{one['subresource']}" if "subresource" in one else "")


def used(requests: list[tuple[str, str, bool]]) -> set[Right]:
    """What requests take; a dry run takes the same. Discovery is everybody's."""
    found = set()
    for method, path, _dry in requests:
        where = place(path)
        if where is None:
            continue
        verb = {"POST": "create", "PATCH": "patch", "DELETE": "delete", "GET": "get" if where.name else "list"}[method]
        root, _slash, plural = where.collection.rpartition("/")
        group = root.split("/")[2] if root.startswith("/apis/") else ""
        found.add(Right(verb, group, plural + where.rest))
    return {right for right in found if right.resource not in WITHOUT}


def by_helm() -> set[Right]:
    """What Helm does to the kinds of the chart, and to its own records."""
    always = (("v1", "Secret"), ("v1", "PersistentVolumeClaim"), ("apps/v1", "Deployment"))
    return {Right("update", "", "secrets")} | {
        Right(verb, group_of(version), RESOURCES[kind][0])
        for version, kind in (*CHART, *always)
        for verb in ("get", "list", "watch", "create", "patch", "delete")
    }


def by_the_hub() -> set[Right]:
    """What the hub's own Role allows, which only somebody may make who has it all himself."""
    pods = {Right(verb, "", "pods") for verb in ("get", "watch", "list", "create", "delete")}
    return pods | {Right(verb, "", "events") for verb in ("get", "watch", "list")}


@pytest.fixture
def requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """What is asked of the API server from the namespace to the release, of a hub that crashes, and for the removal."""
    monkeypatch.setattr(release_inputs, "STRETCHING", 10)
    world = World(tmp_path)
    kube = world.kube
    del kube.objects["/api/v1/namespaces/hub"]
    world.chart.extra = [obj(version, kind, "of-the-chart", spec={}) for version, kind in CHART]
    world.run(create_namespace=True)
    front = FrontApi(kube, Front(namespace="hub", name="hub-front", release="hub"))
    front.apply(front.look())
    last_event(kube, "hub", "Service", "hub-front")
    world.run(values={"memory": "4G"})
    crash(world)
    left_behind(world)
    world.remove(keep_data=False)
    front.delete(timeout=60.0, reporter=world.reporter)
    return kube.requests


def crash(world: World) -> None:
    """The hub's pod ends as soon as it begins, and somebody waits for it to serve."""
    kube = world.kube
    hub, pod = kube.objects[f"{DEPLOYMENTS}/hub"], kube.objects[f"{PODS}/hub-1"]
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    broken = {"name": "hub", "image": "hub:1", "ready": False, "restartCount": 5, "state": state}
    hub["status"], pod["status"] = {}, {"phase": "Running", "containerStatuses": [broken]}
    kube.on(lambda _method, path, _query, _body: Reply(200, {"message": "no"}) if path.endswith("/log") else None)
    with pytest.raises(HubError, match="E-HELM-08"):
        Rollout(kube, world.reporter, Redactor()).wait(Manifest((hub,)), "hub", 60.0)


def left_behind(world: World) -> None:
    """What Helm does not remove: a server, a home, hooks."""
    kube, hook = world.kube, {"hub.jupyter.org/deletable": "true", "release": "hub"}
    kube.put(f"{PODS}/jupyter-ada", {"kind": "Pod", "metadata": {"labels": {"component": "singleuser-server"}}})
    kube.put(f"{CLAIMS}/claim-ada", {"metadata": {"labels": {"component": "singleuser-storage"}}})
    for collection in HOOK_COLLECTIONS:
        root, _slash, plural = collection.rpartition("/")
        kube.put(f"{root or '/api/v1'}/namespaces/hub/{plural}/hook", {"metadata": {"labels": hook}})
    uninstall = world.helm.uninstall

    def with_pods(timeout: float) -> None:
        uninstall(timeout)
        for name in ("hub-1", "proxy-1"):
            del kube.objects[f"{PODS}/{name}"]

    world.helm.uninstall = with_pods  # type: ignore[method-assign]


def test_what_is_asked_of_the_server_is_asked_about_before(requests: list[tuple[str, str, bool]]) -> None:
    assert used(requests) - listed() == set()


def test_nothing_is_asked_about_that_nobody_uses(requests: list[tuple[str, str, bool]]) -> None:
    assert listed() - used(requests) - by_helm() - by_the_hub() == set()
    assert by_helm() | by_the_hub() <= listed()
