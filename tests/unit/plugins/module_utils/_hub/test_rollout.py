# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until hub and proxy serve, and naming the pod that holds them up."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.manifest import Manifest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.rollout import Rollout, serving
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import (
    FakeClock,
    FakeKube,
    WrongClock,
    away,
    make_ready,
)

SECRET = "planted-secret-1234"
Json = dict[str, Any]


def deployment(name: str, **labels: str) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ns", "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}},
    }


HUB, PROXY = deployment("hub", component="hub"), deployment("proxy", component="proxy")
SCHEDULER = deployment("user-scheduler", component="user-scheduler")
MANIFEST = Manifest((HUB, PROXY, SCHEDULER))


def path(obj: Json) -> str:
    return f"/apis/apps/v1/namespaces/ns/deployments/{obj['metadata']['name']}"


class World:
    """A release that was just applied: nothing is ready."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kube = FakeKube("ns")
        self.kube.told_time(self.clock, self.clock)
        self.reporter = Reporter("climate", "release", self.clock)
        for obj in (HUB, PROXY, SCHEDULER):
            metadata = {**obj["metadata"], "generation": 1}
            status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
            self.kube.put(path(obj), {**obj, "metadata": metadata, "status": status})

    def ready(self, *objects: Json) -> None:
        for obj in objects:
            make_ready(self.kube, path(obj))

    def pod(self, name: str, app: str, spec: Json | None = None, **status: Any) -> None:
        metadata = {
            "name": name,
            "namespace": "ns",
            "labels": {"app": app},
            "creationTimestamp": "2026-11-22T14:00:00Z",
        }
        body = {"kind": "Pod", "metadata": metadata, "spec": spec or {}, "status": status}
        self.kube.put(f"/api/v1/namespaces/ns/pods/{name}", body)

    def wait(self, timeout: float = 60.0) -> list[Json]:
        redactor = Redactor([SECRET])
        return Rollout(self.kube, self.reporter, redactor).wait(MANIFEST, "climate", timeout)

    def error(self, timeout: float = 60.0) -> HubError:
        with pytest.raises(HubError) as caught:
            self.wait(timeout)
        return caught.value


@pytest.fixture
def world() -> World:
    return World()


def waiting(reason: str, restarts: int = 0, **more: Any) -> list[Json]:
    state = {"waiting": {"reason": reason}}
    return [{"name": "hub", "image": "hub:1", "ready": False, "restartCount": restarts, "state": state, **more}]


@pytest.mark.parametrize(
    ("objects", "names"),
    [
        ((HUB, PROXY, SCHEDULER), ["hub", "proxy"]),
        ((deployment("x", **{"app.kubernetes.io/component": "hub"}), SCHEDULER), ["x"]),
        ((SCHEDULER, deployment("other")), ["user-scheduler", "other"]),
        (({"kind": "Service", "metadata": {"name": "hub"}},), []),
    ],
)
def test_what_must_serve(objects: tuple[Json, ...], names: list[str]) -> None:
    assert [item["metadata"]["name"] for item in serving(Manifest(objects))] == names


def test_a_release_that_serves_returns_its_pods_at_once(world: World) -> None:
    world.ready(HUB, PROXY)
    assert [(pod["name"], pod["ready"]) for pod in world.wait()] == [("hub-1", True), ("proxy-1", True)]
    assert world.clock.slept == []


def test_one_that_serves_later_is_awaited_and_told(world: World) -> None:
    world.ready(PROXY)
    world.pod("hub-1", "hub", phase="Pending", containerStatuses=waiting("ContainerCreating"))
    world.clock.at(5, lambda: world.ready(HUB))
    assert [pod["name"] for pod in world.wait()] == ["hub-1", "proxy-1"]
    assert world.clock.passed == 5
    said = [line["text"] for line in world.reporter.transitions]
    assert said == [
        "waiting: hub and proxy to serve: container hub of pod hub-1 waits (ContainerCreating); 0 s of at most 60 s"
    ]


def test_an_api_server_that_is_restarted_does_not_end_the_wait(world: World) -> None:
    """Single control planes (k3s, a zonal GKE cluster that is upgraded) are away for half a minute and more."""
    world.ready(HUB, PROXY)
    world.kube.on(away(world.clock, 40))
    assert len(world.wait()) == 2
    assert world.clock.passed == 40
    (first, second) = [line["text"] for line in world.reporter.transitions]
    assert first == "waiting: hub and proxy to serve: E-K8S-02 The API server cannot be reached; 0 s of at most 60 s"
    assert "30 s of at most 60 s" in second


def test_one_that_does_not_come_back_is_told_at_the_end(world: World) -> None:
    world.kube.on(away(world.clock, 400))
    assert world.error().error_id == "E-K8S-02"
    assert world.clock.passed == 60


def test_a_deployment_that_is_not_there_yet_is_awaited(world: World) -> None:
    world.ready(PROXY)
    gone = world.kube.objects.pop(path(HUB))

    def back() -> None:
        world.kube.put(path(HUB), gone)
        world.ready(HUB)

    world.clock.at(3, back)
    assert len(world.wait()) == 2


def test_time_up_without_a_reason(world: World) -> None:
    world.ready(PROXY)
    error = world.error(10.0)
    assert (error.error_id, error.changed) == ("E-HELM-08", Changed.SOME)
    assert error.what == "Release climate is deployed but does not serve after 10 s: hub: 0 of 1 pods are ready"


def test_an_image_that_cannot_be_pulled_is_told_before_the_time_is_up(world: World) -> None:
    world.ready(PROXY)
    world.pod("hub-1", "hub", phase="Pending", containerStatuses=waiting("ImagePullBackOff"))
    error = world.error(600.0)
    assert error.what == (
        "Release climate is deployed but does not serve after 91 s: pod hub-1 cannot get image hub:1 (ImagePullBackOff)"
    )
    assert "pull secret" in error.do and "the nodes' way to its registry" in error.do


def test_a_pods_age_is_counted_by_the_servers_clock(world: World) -> None:
    wrong = WrongClock(world.clock, 960.0)
    world.kube.told_time(wrong, world.clock)
    world.reporter = Reporter("climate", "release", wrong)
    world.ready(PROXY)
    world.pod("hub-1", "hub", phase="Pending", containerStatuses=waiting("ImagePullBackOff"))
    world.clock.at(60, lambda: world.ready(HUB))
    assert [pod["name"] for pod in world.wait(600.0)] == ["hub-1", "proxy-1"]


def log_of(lines: list[str], previous: bool = True) -> Any:
    """A handler that answers for a container's log."""

    def answer(_method: str, asked: str, query: Any, _body: Any) -> Reply | None:
        if not asked.endswith("/log"):
            return None
        if (query["previous"] == "true") is not previous:
            return Reply(400, {"message": "previous terminated container not found"})
        return Reply(200, {"message": "\n".join(lines[-int(query["tailLines"]) :]) + "\n"})

    return answer


CRASHED = {"lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}


@pytest.mark.parametrize(
    ("lines", "previous", "words"),
    [
        pytest.param(["Traceback", "KeyError: 'x'"], True, "; its last words: KeyError: 'x'", id="last-line"),
        pytest.param(["one", "two"], False, "; its last words: two", id="of-the-run-before-it-is-gone"),
        pytest.param(["why", "  ", ""], True, "; its last words: why", id="blank-lines-say-nothing"),
        pytest.param([f"token {SECRET}"], True, "; its last words: token <hidden>", id="redacted"),
        pytest.param(["x", "", "", "", ""], True, "", id="only-blank-lines"),
    ],
)
def test_a_crash_loop_is_told_with_its_last_words(world: World, lines: list[str], previous: bool, words: str) -> None:
    world.ready(PROXY)
    world.pod("hub-1", "hub", phase="Running", containerStatuses=waiting("CrashLoopBackOff", 4, **CRASHED))
    world.kube.on(log_of(lines, previous))
    error = world.error(600.0)
    assert error.what == (
        "Release climate is deployed but does not serve after 0 s: container hub of pod hub-1 crashes (exit code 1, "
        f"Error; 4 restarts){words}"
    )


def unbound(world: World) -> None:
    world.ready(PROXY)
    message = "pod has unbound immediate PersistentVolumeClaims"
    conditions = [{"type": "PodScheduled", "status": "False", "message": message}]
    volumes = [{"name": "a", "configMap": {}}, {"name": "b", "persistentVolumeClaim": {"claimName": "hub-db-dir"}}]
    world.pod("hub-1", "hub", {"volumes": volumes}, phase="Pending", conditions=conditions)


def test_a_claim_without_any_storage_class_is_the_clusters_fault(world: World) -> None:
    unbound(world)
    error = world.error(10.0)
    assert (error.error_id, error.changed) == ("E-STORE-01", Changed.SOME)
    assert error.what == "The hub's claim hub-db-dir will stay Pending: nothing provides storage (found: none)"


def test_a_claim_that_stays_pending_although_there_is_storage(world: World) -> None:
    unbound(world)
    world.kube.put("/apis/storage.k8s.io/v1/storageclasses/fast", {"kind": "StorageClass"})
    error = world.error(10.0)
    assert error.error_id == "E-HELM-08"
    assert "unbound immediate PersistentVolumeClaims" in error.what
    assert "storage driver" in error.do


def test_who_may_not_look_at_storage_classes_is_told_about_the_claim(world: World) -> None:
    unbound(world)
    world.kube.on(lambda _verb, path, _query, _body: Reply(403, {}) if path.endswith("/storageclasses") else None)
    assert world.error(10.0).error_id == "E-HELM-08"


def test_a_full_cluster_may_grow_and_is_awaited(world: World) -> None:
    world.ready(PROXY)
    conditions = [{"type": "PodScheduled", "status": "False", "message": "Insufficient memory"}]
    world.pod("hub-1", "hub", conditions=conditions)
    world.clock.at(40, lambda: world.ready(HUB))
    assert len(world.wait()) == 2


def test_the_worst_of_several_is_told(world: World) -> None:
    world.pod("proxy-1", "proxy", phase="Pending", containerStatuses=waiting("ContainerCreating"))
    world.pod("hub-1", "hub", phase="Pending", containerStatuses=waiting("InvalidImageName"))
    assert "pod hub-1 cannot get image" in world.error().what


def test_pods_on_their_way_out_do_not_count(world: World) -> None:
    world.ready(HUB, PROXY)
    world.pod("hub-0", "hub", phase="Running", containerStatuses=waiting("InvalidImageName"))
    world.kube.objects["/api/v1/namespaces/ns/pods/hub-0"]["metadata"]["deletionTimestamp"] = "now"
    assert [pod["name"] for pod in world.wait()] == ["hub-1", "proxy-1"]


LATE = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out progressing."}
SAID = "the controller of hub says: timed out progressing"


def test_a_passed_deadline_of_the_deployment_is_told_and_the_wait_goes_on(world: World) -> None:
    world.ready(PROXY)
    world.kube.objects[path(HUB)]["status"]["conditions"] = [LATE]
    world.clock.at(700, lambda: world.ready(HUB))
    assert [pod["name"] for pod in world.wait(900.0)] == ["hub-1", "proxy-1"]
    assert world.clock.passed == 700
    assert world.reporter.transitions[0]["text"] == (
        f"waiting: hub and proxy to serve: hub: 0 of 1 pods are ready; {SAID}; 0 s of at most 900 s"
    )


def test_a_passed_deadline_of_the_deployment_is_told_at_the_end(world: World) -> None:
    world.ready(PROXY)
    world.kube.objects[path(HUB)]["status"]["conditions"] = [LATE]
    assert world.error(900.0).what.endswith(f"after 900 s: hub: 0 of 1 pods are ready; {SAID}")
    conditions = [{"type": "PodScheduled", "status": "False", "message": "Insufficient memory"}]
    world.pod("hub-1", "hub", conditions=conditions)
    assert world.error(10.0).what.endswith(f": pod hub-1 cannot be scheduled: Insufficient memory; {SAID}")
    assert f"Insufficient memory; {SAID}; 0 s" in world.reporter.transitions[-1]["text"]


def test_an_image_gets_its_time_after_an_autoscaler_brought_a_node(world: World) -> None:
    world.ready(PROXY)
    placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-22T14:05:00Z"}
    pulled = waiting("ErrImagePull")
    world.pod("hub-1", "hub", conditions=[{"type": "PodScheduled", "status": "False", "message": "no room"}])
    world.clock.at(300, lambda: world.pod("hub-1", "hub", conditions=[placed], containerStatuses=pulled))
    world.clock.at(350, lambda: world.ready(HUB))
    assert [pod["name"] for pod in world.wait(900.0)] == ["hub-1", "proxy-1"]


def test_an_image_whose_first_pull_took_minutes_is_tried_again(world: World) -> None:
    world.ready(PROXY)
    world.pod("hub-1", "hub", phase="Pending", containerStatuses=waiting("ContainerCreating"))
    late = waiting("ErrImagePull")
    world.clock.at(200, lambda: world.pod("hub-1", "hub", phase="Pending", containerStatuses=late))
    assert "does not serve after 230 s: pod hub-1 cannot get image" in world.error(900.0).what


def test_a_secret_that_comes_late_does_no_harm(world: World) -> None:
    world.ready(PROXY)
    world.pod("hub-1", "hub", phase="Pending", containerStatuses=waiting("CreateContainerConfigError"))
    world.clock.at(40, lambda: world.ready(HUB))
    assert [pod["name"] for pod in world.wait()] == ["hub-1", "proxy-1"]


def test_a_secret_that_does_not_come_ends_the_wait(world: World) -> None:
    world.ready(PROXY)
    world.pod("hub-1", "hub", phase="Pending", containerStatuses=waiting("CreateContainerConfigError"))
    error = world.error(600.0)
    assert error.what.endswith("after 45 s: container hub of pod hub-1 cannot be made (CreateContainerConfigError)")
    assert error.do == "create what this message names, then run again"
