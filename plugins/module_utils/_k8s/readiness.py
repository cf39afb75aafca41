# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Whether a Deployment serves its newest version, and if not, which pod holds it up and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._core.clock import parse_time
from .._core.poll import State, Verdict

Json = dict[str, Any]

IMAGE_PATIENCE = 90.0
"""Seconds an image may fail to be pulled before the wait gives up: registries hiccup, wrong names stay wrong."""
CRASHES = 4
"""Restarts of a crash-looping container before the wait gives up; a hub may crash once while its proxy starts."""
IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"}
)
HOPELESS_REASONS = frozenset({"InvalidImageName", "CreateContainerConfigError"})


@dataclass(frozen=True)
class Trouble:
    """Why a pod is not ready.

    Attributes:
        pod: its name.
        cause: ``image``, ``crash``, ``config``, ``unschedulable``, ``claim`` or ``starting``.
        text: the cause for a person.
        fatal: waiting longer cannot help.
        container: the container concerned; empty where it is the pod as a whole.
    """

    pod: str
    cause: str
    text: str
    fatal: bool = False
    container: str = ""


def rollout(deployment: Mapping[str, Any]) -> Verdict:
    """Whether all replicas of a Deployment run its newest version and are available, as ``kubectl rollout status``."""
    name = deployment["metadata"]["name"]
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return Verdict(State.PENDING, f"{name} has not been looked at by its controller yet")
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Verdict(State.FATAL, f"{name}: {condition.get('message', 'its progress deadline is exceeded')}")
    updated, available, total = (status.get(key) or 0 for key in ("updatedReplicas", "availableReplicas", "replicas"))
    if updated < wanted:
        return Verdict(State.PENDING, f"{name}: {updated} of {wanted} pods are new")
    if total > updated:
        return Verdict(State.PENDING, f"{name}: {total - updated} old pods have not ended")
    if available < wanted:
        return Verdict(State.PENDING, f"{name}: {available} of {wanted} pods are ready")
    return Verdict(State.DONE, f"{name}: {available} of {wanted} pods are ready")


def trouble(pod: Mapping[str, Any], now: datetime) -> Trouble | None:
    """What keeps a pod from being ready; None for one that is ready or on its way out."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    name = metadata["name"]
    if metadata.get("deletionTimestamp") or _condition(status, "Ready").get("status") == "True":
        return None
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(name, str(scheduled.get("message") or scheduled.get("reason") or ""))
    age = _age(metadata, now)
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    found = [_container(name, container, age) for container in containers if not container.get("ready")]
    known = [item for item in found if item is not None]
    if not known:
        return Trouble(name, "starting", f"pod {name} is {status.get('phase') or 'new'}, not ready yet")
    return max(known, key=lambda item: (item.fatal, item.cause != "starting"))


def _unscheduled(name: str, message: str) -> Trouble:
    cause = "claim" if "PersistentVolumeClaim" in message or "volume" in message.lower() else "unschedulable"
    return Trouble(name, cause, f"pod {name} cannot be scheduled: {message.rstrip('.')}")


def _container(pod: str, status: Mapping[str, Any], age: float) -> Trouble | None:
    """Why one container does not run."""
    name, state = status.get("name", ""), status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message") or "").rstrip(".")
    told = f": {message}" if message else ""
    if reason in IMAGE_REASONS:
        fatal = reason in HOPELESS_REASONS or age > IMAGE_PATIENCE
        text = f"pod {pod} cannot get image {status.get('image', '?')} ({reason}{told})"
        return Trouble(pod, "image", text, fatal, name)
    if reason in HOPELESS_REASONS:
        return Trouble(pod, "config", f"container {name} of pod {pod} cannot be made ({reason}{told})", True, name)
    crash = _crash(pod, status, reason)
    if crash is None and waiting:
        text = f"container {name} of pod {pod} waits ({reason or 'no reason given'}{told})"
        return Trouble(pod, "starting", text, container=name)
    return crash


def _crash(pod: str, status: Mapping[str, Any], reason: str) -> Trouble | None:
    """That a container ends again and again, or has ended with an error."""
    restarts = int(status.get("restartCount") or 0)
    last = (status.get("lastState") or {}).get("terminated")
    ended = (status.get("state") or {}).get("terminated") or last or {}
    if not restarts and not ended.get("exitCode"):
        return None
    name = status.get("name", "")
    how = f"exit code {ended.get('exitCode', '?')}" + (f", {ended['reason']}" if ended.get("reason") else "")
    text = f"container {name} of pod {pod} crashes ({how}; {restarts} restarts)"
    return Trouble(pod, "crash", text, reason == "CrashLoopBackOff" and restarts >= CRASHES, name)


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((item for item in status.get("conditions") or [] if item.get("type") == kind), {})


def _age(metadata: Mapping[str, Any], now: datetime) -> float:
    made = parse_time(metadata.get("creationTimestamp"))
    return (now - made).total_seconds() if made else 0.0


def pod_facts(pod: Mapping[str, Any]) -> Json:
    """What a module returns about a pod."""
    status = pod.get("status") or {}
    containers: Sequence[Mapping[str, Any]] = status.get("containerStatuses") or []
    return {
        "name": pod["metadata"]["name"],
        "ready": _condition(status, "Ready").get("status") == "True",
        "images": [str(container.get("image", "")) for container in containers],
        "image_ids": [str(container.get("imageID", "")) for container in containers],
        "restarts": sum(int(container.get("restartCount") or 0) for container in containers),
    }
