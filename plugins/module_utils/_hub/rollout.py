# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Waiting until hub and proxy serve their newest version, and saying which pod holds them up if they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._core.errors import Changed, HubError
from .._core.poll import State, Verdict, wait
from .._core.progress import Reporter
from .._core.redact import Redactor
from .._k8s.client import KubeClient
from .._k8s.cluster import STORAGE_CLASSES
from .._k8s.objects import label_selector, object_path
from .._k8s.patience import passing
from .._k8s.readiness import Patience, Trouble, complaint, pod_facts, rollout, trouble
from .guards import no_storage
from .manifest import Manifest

Json = dict[str, Any]

SERVING = frozenset({"hub", "proxy"})
"""Values of the ``component`` label of what people need to log in."""
LOOK_EVERY = 1.0
"""Seconds between two looks."""
LAST_LINES = 4
"""Lines at the end of a log that may be blank before the search for words is given up."""
CURES = {
    "image": "check the image's name and tag, its pull secret (imagePullSecrets in z2jh_values) and the nodes' way to "
    "its registry (private nodes need a NAT), then run again",
    "crash": "correct the setting behind the last line of its log, then run again",
    "config": "create what this message names, then run again",
    "unschedulable": "give the cluster room (or correct node selectors and tolerations), then run again",
    "claim": "look at the claim (kubectl describe pvc) and its storage driver, then run again",
    "starting": "raise timeout (z2jh_timeout) if it only needs longer, or look at the pod's log, then run again",
}


@dataclass(frozen=True)
class Served:
    """One look at a Deployment: its verdict, its pods, what holds them up, and what its controller says of it."""

    name: str
    verdict: Verdict
    pods: tuple[Json, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    complaint: str = ""

    def told(self) -> str:
        """Why it does not serve yet, for a person."""
        reason = max(self.troubles, key=_weight).text if self.troubles else self.verdict.reason
        return f"{reason}; {self.complaint}" if self.complaint else reason


def serving(manifest: Manifest) -> list[Json]:
    """The Deployments that must serve: hub and proxy, or all of them where a chart does not label its parts."""
    deployments = manifest.of_kind("Deployment")
    labelled = [item for item in deployments if _component(item) in SERVING]
    return labelled or deployments


def _component(obj: Json) -> str:
    labels = obj["metadata"].get("labels") or {}
    return str(labels.get("component") or labels.get("app.kubernetes.io/component") or "")


class Rollout:
    """Watches the Deployments of one manifest."""

    def __init__(self, client: KubeClient, reporter: Reporter, redactor: Redactor) -> None:
        self._client = client
        self._reporter = reporter
        self._redactor = redactor

    def wait(self, manifest: Manifest, release: str, timeout: float) -> list[Json]:
        """Wait until all serve; returns facts about their pods.

        Raises:
            HubError: E-HELM-08, or E-STORE-01 where a claim has no storage.
        """
        wanted = serving(manifest)
        names = " and ".join(item["metadata"]["name"] for item in wanted) or "nothing"
        watched = [(item, Patience()) for item in wanted]
        ended = wait(
            f"{names} to serve",
            lambda: [self._look(item, patience) for item, patience in watched],
            judge,
            timeout=timeout,
            interval=LOOK_EVERY,
            reporter=self._reporter,
            bears=passing,
        )
        if not ended.done:
            raise self._not_ready(release, ended.observation, ended.verdict, ended.seconds)
        return [pod_facts(pod) for look in ended.observation for pod in look.pods]

    def _look(self, wanted: Json, patience: Patience) -> Served:
        name = wanted["metadata"]["name"]
        live = self._client.get(object_path(wanted, "deployments", True))
        if live is None:
            return Served(name, Verdict(State.PENDING, f"{name} is not there"))
        labels = label_selector(live["spec"]["selector"]["matchLabels"])
        pods = self._client.list(f"/api/v1/namespaces/{live['metadata']['namespace']}/pods", {"labelSelector": labels})
        remaining = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        now = self._client.server_time.now()
        found = [item for pod in remaining if (item := trouble(pod, now)) is not None]
        troubles = patience.judge(found, self._reporter.clock.monotonic())
        return Served(name, rollout(live), tuple(remaining), tuple(troubles), complaint(live))

    def _not_ready(self, release: str, looks: Sequence[Served], verdict: Verdict, seconds: float) -> HubError:
        late = [look for look in looks if look.verdict.state is not State.DONE]
        worst = max((item for look in late for item in look.troubles), key=_weight, default=None)
        if worst is None:
            return not_ready(release, verdict.reason, CURES["starting"], seconds)
        if worst.cause == "crash":
            worst = replace(worst, text=worst.text + self._last_words(looks, worst))
        if worst.cause == "claim" and self._nothing_provides_storage():
            return replace(no_storage(_claim(looks, worst.pod), "nothing provides storage", []), changed=Changed.SOME)
        complaints = [look.complaint for look in late if look.complaint]
        return not_ready(release, "; ".join([worst.text, *complaints]), CURES[worst.cause], seconds)

    def _nothing_provides_storage(self) -> bool:
        """Whether the cluster has no StorageClass at all; who may not look cannot say so."""
        try:
            return not self._client.list(STORAGE_CLASSES, metadata_only=True)
        except HubError:
            return False

    def _last_words(self, looks: Sequence[Served], found: Trouble) -> str:
        """The last line of a crashed container's log that says anything, redacted."""
        pod = next(pod for look in looks for pod in look.pods if pod["metadata"]["name"] == found.pod)
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{found.pod}/log"
        for previous in ("true", "false"):
            for lines in range(1, LAST_LINES + 1):
                query = {"container": found.container, "tailLines": str(lines), "previous": previous}
                reply = self._client.request("GET", path, query, accept="*/*")
                said = self._redactor.text(str(reply.body.get("message") or "")).strip()
                if reply.status == 200 and said:
                    return f"; its last words: {said.splitlines()[0].strip()}"
        return ""


def judge(looks: Sequence[Served]) -> Verdict:
    """All must serve; one hopeless pod is enough to stop."""
    for look in looks:
        hopeless = [item for item in look.troubles if item.fatal]
        if look.verdict.state is State.PENDING and hopeless:
            return Verdict(State.FATAL, hopeless[0].text)
    waiting = [look for look in looks if look.verdict.state is State.PENDING]
    if not waiting:
        return Verdict(State.DONE)
    return Verdict(State.PENDING, "; ".join(look.told() for look in waiting))


def _weight(item: Trouble) -> tuple[bool, bool]:
    return item.fatal, item.cause != "starting"


def _claim(looks: Sequence[Served], name: str) -> str:
    """The first claim a pod uses."""
    pod = next(pod for look in looks for pod in look.pods if pod["metadata"]["name"] == name)
    volumes = pod.get("spec", {}).get("volumes") or []
    return next(
        (str(item["persistentVolumeClaim"]["claimName"]) for item in volumes if "persistentVolumeClaim" in item), "?"
    )


def not_ready(release: str, reason: str, cure: str, seconds: float) -> HubError:
    """The error for a release that is deployed but does not serve."""
    return HubError(
        "E-HELM-08",
        f"Release {release} is deployed but does not serve after {seconds:.0f} s: {reason}",
        cure,
        changed=Changed.SOME,
    )
