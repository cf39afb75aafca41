# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a Deployment serves, and which pod holds it up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.readiness import (
    CONFIG_PATIENCE,
    CRASHES,
    PULL_RETRIES,
    Patience,
    Trouble,
    complaint,
    pod_facts,
    rollout,
    trouble,
)

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
YOUNG, OLD = NOW - timedelta(seconds=20), NOW - timedelta(minutes=5)
SERVING = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
FINE = [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}, {"type": "Available", "status": "True"}]
LATE = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]


def deployment(status: dict[str, Any], replicas: int | None = 2) -> dict[str, Any]:
    spec = {} if replicas is None else {"replicas": replicas}
    return {"metadata": {"name": "hub", "generation": 3}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("live", "verdict"),
    [
        pytest.param(deployment({}), Verdict(State.PENDING, "hub has not been looked at by its controller yet"),
                     id="new"),
        pytest.param(deployment({**SERVING, "observedGeneration": 2}),
                     Verdict(State.PENDING, "hub has not been looked at by its controller yet"), id="old-generation"),
        pytest.param(deployment({**SERVING, "availableReplicas": 0, "conditions": LATE}),
                     Verdict(State.PENDING, "hub: 0 of 2 pods are ready"), id="deadline"),
        pytest.param(deployment({**SERVING, "updatedReplicas": 1}),
                     Verdict(State.PENDING, "hub: 1 of 2 pods are new"), id="not-updated"),
        pytest.param(deployment({**SERVING, "replicas": 3}),
                     Verdict(State.PENDING, "hub: 1 old pods have not ended"), id="old-pods"),
        pytest.param(deployment({**SERVING, "availableReplicas": None}),
                     Verdict(State.PENDING, "hub: 0 of 2 pods are ready"), id="not-available"),
        pytest.param(deployment(SERVING), Verdict(State.DONE, "hub: 2 of 2 pods are ready"), id="serving"),
        pytest.param(deployment({**SERVING, "conditions": FINE}),
                     Verdict(State.DONE, "hub: 2 of 2 pods are ready"), id="serving-says-its-controller-too"),
        pytest.param(deployment({**SERVING, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, None),
                     Verdict(State.DONE, "hub: 1 of 1 pods are ready"), id="one-is-the-default"),
        pytest.param(deployment({"observedGeneration": 3}, 0),
                     Verdict(State.DONE, "hub: 0 of 0 pods are ready"), id="none-wanted"),
    ],
)  # fmt: skip
def test_rollout(live: dict[str, Any], verdict: Verdict) -> None:
    assert rollout(live) == verdict


QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q."}


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(FINE, "", id="content"),
        pytest.param(LATE, "the controller of hub says: timed out", id="deadline"),
        pytest.param([{**LATE[0], "message": None}],
                     "the controller of hub says: ProgressDeadlineExceeded", id="terse"),
        pytest.param([QUOTA, *LATE], "the controller of hub says: exceeded quota: q, timed out", id="no-pods"),
        pytest.param([{**QUOTA, "status": "False"}], "", id="pods-again"),
    ],
)  # fmt: skip
def test_what_the_controller_says(conditions: list[dict[str, Any]], told: str) -> None:
    assert complaint(deployment({"observedGeneration": 3, "conditions": conditions})) == told
    assert complaint(deployment({"observedGeneration": 2, "conditions": conditions})) == ""
    assert complaint({"metadata": {"name": "hub"}}) == ""


def pod(container: dict[str, Any] | None = None, born: datetime = YOUNG, **status: Any) -> dict[str, Any]:
    found = [] if container is None else [{"name": "hub", "image": "hub:1", "ready": False, **container}]
    metadata = {"name": "hub-1", "creationTimestamp": born.isoformat().replace("+00:00", "Z")}
    return {"metadata": metadata, "status": {"phase": "Pending", "containerStatuses": found, **status}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def unscheduled(message: str) -> dict[str, Any]:
    return pod(conditions=[{"type": "PodScheduled", "status": "False", "message": message}])


def placed(when: datetime) -> list[dict[str, Any]]:
    return [{"type": "PodScheduled", "status": "True", "lastTransitionTime": when.isoformat().replace("+00:00", "Z")}]


CRASHED = {"restartCount": CRASHES - 1, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
LOOPING = {**CRASHED, **waiting("CrashLoopBackOff"), "restartCount": CRASHES}
PULL = "pod hub-1 cannot get image hub:1 (ImagePullBackOff: Back-off)"


@pytest.mark.parametrize(
    ("live", "found"),
    [
        pytest.param(pod(conditions=[{"type": "Ready", "status": "True"}]), None, id="ready"),
        pytest.param({"metadata": {"name": "hub-1", "deletionTimestamp": "now"}}, None, id="on-its-way-out"),
        pytest.param(pod(), Trouble("hub-1", "starting", "pod hub-1 is Pending, not ready yet"), id="nothing-known"),
        pytest.param({"metadata": {"name": "hub-1"}},
                     Trouble("hub-1", "starting", "pod hub-1 is new, not ready yet"), id="no-status"),
        pytest.param(unscheduled("0/3 nodes: Insufficient memory."),
                     Trouble("hub-1", "unschedulable", "pod hub-1 cannot be scheduled: 0/3 nodes: Insufficient memory"),
                     id="no-room"),
        pytest.param(unscheduled("pod has unbound immediate PersistentVolumeClaims."),
                     Trouble("hub-1", "claim",
                             "pod hub-1 cannot be scheduled: pod has unbound immediate PersistentVolumeClaims"),
                     id="claim"),
        pytest.param(pod(waiting("ImagePullBackOff", "Back-off")),
                     Trouble("hub-1", "image", PULL, False, "hub"), id="image-young"),
        pytest.param(pod(waiting("ImagePullBackOff", "Back-off"), OLD),
                     Trouble("hub-1", "image", PULL, False, "hub", PULL_RETRIES), id="image-old"),
        pytest.param(pod(waiting("ImagePullBackOff", "Back-off"), OLD, conditions=placed(YOUNG)),
                     Trouble("hub-1", "image", PULL, False, "hub"), id="image-of-a-pod-that-waited-for-its-node"),
        pytest.param(pod(waiting("ImagePullBackOff", "Back-off"), OLD, conditions=placed(OLD)),
                     Trouble("hub-1", "image", PULL, False, "hub", PULL_RETRIES), id="image-long-after-its-node"),
        pytest.param(pod(waiting("InvalidImageName")),
                     Trouble("hub-1", "image", "pod hub-1 cannot get image hub:1 (InvalidImageName)", True, "hub"),
                     id="image-hopeless"),
        pytest.param(pod(waiting("CreateContainerConfigError", 'secret "x" not found.')),
                     Trouble("hub-1", "config", "container hub of pod hub-1 cannot be made "
                             '(CreateContainerConfigError: secret "x" not found)', False, "hub", CONFIG_PATIENCE),
                     id="config"),
        pytest.param(pod({**CRASHED, "state": {"running": {}}}),
                     Trouble("hub-1", "crash", "container hub of pod hub-1 crashes "
                             "(exit code 137, OOMKilled; 3 restarts)", False, "hub"), id="crashed-and-tries-again"),
        pytest.param(pod({"restartCount": 0, "state": {"terminated": {"exitCode": 1}}}),
                     Trouble("hub-1", "crash", "container hub of pod hub-1 crashes (exit code 1; 0 restarts)", False,
                             "hub"),
                     id="crashed-once"),
        pytest.param(pod(LOOPING),
                     Trouble("hub-1", "crash", "container hub of pod hub-1 crashes "
                             "(exit code 137, OOMKilled; 4 restarts)", True, "hub"), id="crash-loop"),
        pytest.param(pod({**LOOPING, "restartCount": CRASHES - 1}),
                     Trouble("hub-1", "crash", "container hub of pod hub-1 crashes "
                             "(exit code 137, OOMKilled; 3 restarts)", False, "hub"), id="crash-loop-with-patience"),
        pytest.param(pod(waiting("ContainerCreating")),
                     Trouble("hub-1", "starting", "container hub of pod hub-1 waits (ContainerCreating)", False, "hub"),
                     id="creating"),
        pytest.param(pod({"state": {"running": {}}}),
                     Trouble("hub-1", "starting", "pod hub-1 is Pending, not ready yet"), id="runs-but-not-ready"),
        pytest.param(pod({"ready": True, **waiting("ImagePullBackOff")}),
                     Trouble("hub-1", "starting", "pod hub-1 is Pending, not ready yet"),
                     id="ready-containers-do-not-count"),
    ],
)  # fmt: skip
def test_trouble(live: dict[str, Any], found: Trouble | None) -> None:
    assert trouble(live, NOW) == found


def test_the_worst_container_is_told() -> None:
    live = pod(waiting("PodInitializing"))
    live["status"]["initContainerStatuses"] = [
        {"name": "init", "image": "i", "ready": False, **waiting("InvalidImageName")}
    ]
    found = trouble(live, NOW)
    assert found is not None
    assert (found.container, found.cause, found.fatal) == ("init", "image", True)
    live["status"]["initContainerStatuses"] = []
    live["status"]["containerStatuses"] += [{"name": "late", **waiting("CreateContainerConfigError")}]
    live["status"]["containerStatuses"][:0] = [{"name": "new", **waiting("ErrImagePull")}]
    found = trouble(live, NOW)
    assert found is not None
    assert (found.container, found.patience) == ("late", CONFIG_PATIENCE)


def test_an_unreadable_birthday_gives_an_image_patience() -> None:
    live = pod(waiting("ErrImagePull"))
    live["metadata"]["creationTimestamp"] = "yesterday"
    found = trouble(live, NOW)
    assert found is not None and not found.fatal and found.patience is None


def test_patience_counts_from_the_first_look_at_a_trouble_and_starts_anew_without_it() -> None:
    patience = Patience()
    config = Trouble("hub-1", "config", "no secret", container="hub", patience=45.0)
    slow = Trouble("hub-1", "starting", "slow", container="init")

    def fatal(now: float, *found: Trouble) -> list[bool]:
        return [item.fatal for item in patience.judge(found, now)]

    assert fatal(100, config, slow) == [False, False]
    assert fatal(144, slow, config) == [False, False]
    assert fatal(145, slow, config) == [False, True]
    assert fatal(146, slow) == [False]
    assert fatal(147, config) == [False]
    assert fatal(192, config) == [True]
    other = replace(config, container="proxy")
    assert fatal(193, other) == [False]  # what is missing for another container may still come


def test_pod_facts() -> None:
    live = pod({"imageID": "sha256:aa", "restartCount": 2}, conditions=[{"type": "Ready", "status": "True"}])
    assert pod_facts(live) == {
        "name": "hub-1",
        "ready": True,
        "images": ["hub:1"],
        "image_ids": ["sha256:aa"],
        "restarts": 2,
    }
    assert pod_facts({"metadata": {"name": "x"}}) == {
        "name": "x", "ready": False, "images": [], "image_ids": [], "restarts": 0,
    }  # fmt: skip
