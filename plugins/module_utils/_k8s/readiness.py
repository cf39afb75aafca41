# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Whether a Deployment serves its newest version, and if not, which pod holds it up and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .._core.clock import parse_time
from .._core.poll import State, Verdict

Json = dict[str, Any]

IMAGE_PATIENCE = 90.0
"""Seconds after a pod got its node for which its image may fail to be pulled: registries hiccup, wrong names stay
wrong, and the minutes an autoscaler needs for a node are nobody's fault."""
PULL_RETRIES = 30.0
"""Seconds for which a pull must have failed in our sight, however old the pod is: its first try may take minutes, and
kubelet's second and third come within this time."""
CONFIG_PATIENCE = 45.0
"""Seconds for a Secret or ConfigMap that is not there yet: operators such as External Secrets bring them late."""
CRASHES = 4
"""Restarts of a crash-looping container before the wait gives up; a hub may crash once while its proxy starts."""
IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"}
)
HOPELESS_REASON = "InvalidImageName"
CONFIG_REASON = "CreateContainerConfigError"


@dataclass(frozen=True)
class Trouble:
    """Why a pod is not ready.

    Attributes:
        pod: its name.
        cause: ``image``, ``crash``, ``config``, ``unschedulable``, ``claim`` or ``starting``.
        text: the cause for a person.
        fatal: waiting longer cannot help.
        container: the container concerned; empty where it is the pod as a whole.
        patience: seconds in sight after which it is fatal; None where time alone does not make it so.
    """

    pod: str
    cause: str
    text: str
    fatal: bool = False
    container: str = ""
    patience: float | None = None


class Patience:
    """Since when each trouble is in sight: kubelet tells why a container waits, but not since when."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str, str], float] = {}

    def judge(self, found: Sequence[Trouble], now: float) -> list[Trouble]:
        """The troubles of one look, fatal where their patience is over; one that is not among them starts anew.

        Args:
            found: all troubles of this look.
            now: a monotonic time.
        """
        before, self._since = self._since, {}
        judged = []
        for item in found:
            key = (item.pod, item.container, item.cause)
            self._since[key] = before.get(key, now)
            over = item.patience is not None and now - self._since[key] >= item.patience
            judged.append(replace(item, fatal=True) if over else item)
        return judged


def rollout(deployment: Mapping[str, Any]) -> Verdict:
    """Whether all replicas of a Deployment run its newest version and are available, as ``kubectl rollout status``."""
    name = deployment["metadata"]["name"]
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    if not _observed(deployment):
        return Verdict(State.PENDING, f"{name} has not been looked at by its controller yet")
    updated, available, total = (status.get(key) or 0 for key in ("updatedReplicas", "availableReplicas", "replicas"))
    if updated < wanted:
        return Verdict(State.PENDING, f"{name}: {updated} of {wanted} pods are new")
    if total > updated:
        return Verdict(State.PENDING, f"{name}: {total - updated} old pods have not ended")
    if available < wanted:
        return Verdict(State.PENDING, f"{name}: {available} of {wanted} pods are ready")
    return Verdict(State.DONE, f"{name}: {available} of {wanted} pods are ready")


def _observed(deployment: Mapping[str, Any]) -> bool:
    """Whether its status is about its newest version."""
    seen = (deployment.get("status") or {}).get("observedGeneration", 0)
    return bool(seen >= deployment["metadata"].get("generation", 0))


def complaint(deployment: Mapping[str, Any]) -> str:
    """What a Deployment's controller holds against its newest version; empty for nothing.

    None of it ends a wait: past its deadline (600 s by default, less than we may be told to wait) the controller goes
    on all the same, and a quota may be raised.
    """
    conditions = (deployment.get("status") or {}).get("conditions") or [] if _observed(deployment) else []
    told = [
        str(item.get("message") or item.get("reason")).rstrip(".")
        for item in conditions
        if (item.get("type") == "ReplicaFailure" and item.get("status") != "False")
        or (item.get("type") == "Progressing" and item.get("reason") == "ProgressDeadlineExceeded")
    ]
    return f"the controller of {deployment['metadata']['name']} says: {', '.join(told)}" if told else ""


def trouble(pod: Mapping[str, Any], now: datetime) -> Trouble | None:
    """What keeps a pod from being ready; None for one that is ready or on its way out."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    name = metadata["name"]
    if metadata.get("deletionTimestamp") or _condition(status, "Ready").get("status") == "True":
        return None
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(name, str(scheduled.get("message") or scheduled.get("reason") or ""))
    age = _age(scheduled.get("lastTransitionTime") or metadata.get("creationTimestamp"), now)
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    found = [_container(name, container, age) for container in containers if not container.get("ready")]
    known = [item for item in found if item is not None]
    if not known:
        return Trouble(name, "starting", f"pod {name} is {status.get('phase') or 'new'}, not ready yet")
    return max(known, key=lambda item: (item.fatal, item.patience is not None, item.cause != "starting"))


def _unscheduled(name: str, message: str) -> Trouble:
    cause = "claim" if "PersistentVolumeClaim" in message or "volume" in message.lower() else "unschedulable"
    return Trouble(name, cause, f"pod {name} cannot be scheduled: {message.rstrip('.')}")


def _container(pod: str, status: Mapping[str, Any], age: float) -> Trouble | None:
    """Why one container does not run; ``age`` counts since its pod got a node."""
    name, state = status.get("name", ""), status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message") or "").rstrip(".")
    told = f": {message}" if message else ""
    if reason in IMAGE_REASONS:
        text = f"pod {pod} cannot get image {status.get('image', '?')} ({reason}{told})"
        patience = PULL_RETRIES if age > IMAGE_PATIENCE else None
        return Trouble(pod, "image", text, reason == HOPELESS_REASON, name, patience)
    if reason == CONFIG_REASON:
        text = f"container {name} of pod {pod} cannot be made ({reason}{told})"
        return Trouble(pod, "config", text, container=name, patience=CONFIG_PATIENCE)
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


def _age(since: Any, now: datetime) -> float:
    began = parse_time(since)
    return (now - began).total_seconds() if began else 0.0


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
