# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Taking a release away, and nothing that belongs to people unless that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.errors import HubError, writing
from .._core.plan import Step
from .._core.poll import State, Verdict, wait
from .._k8s.front_api import refuse_another_hub
from .._k8s.objects import RESOURCES, fate, identity, label_selector
from .._k8s.patience import passing
from . import guards, release_plan
from .lease import Lease
from .manifest import Manifest, is_kept, read_release
from .pending import Policy
from .release_state import DOMAIN, History
from .release_tools import UNFINISHED, Tools, interruptible
from .release_wanted import Done, load_history, load_record, secrets_path
from .server_plan import Planner
from .settle import Settler
from .userpod import USER_PODS
from .values import HUB_SECRETS

Json = dict[str, Any]

HOOK_LABEL = "hub.jupyter.org/deletable"
"""z2jh's label on what its hooks leave behind; Helm never removes hooks with a release."""
HOOK_COLLECTIONS = (
    "/apis/batch/v1/jobs",
    "/apis/apps/v1/daemonsets",
    "serviceaccounts",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/rbac.authorization.k8s.io/v1/roles",
)
KINDS = {plural: kind for kind, (plural, _namespaced) in RESOURCES.items()}
MANAGER_LABEL = "app.kubernetes.io/managed-by"


class Absent:
    """``state: absent``."""

    def __init__(self, options: Mapping[str, Any], tools: Tools) -> None:
        self._release: str = options["release_name"]
        self._namespace: str = options["namespace"]
        self._timeout = float(options["timeout"])
        self._keep_data: bool = options["keep_data"]
        self._policy = Policy(options["pending_policy"])
        self._max_age = float(options["pending_max_age"])
        self._tools = tools
        self._client = tools.client
        self._lease = Lease(tools.client, self._namespace, self._release, tools.clock, tools.reporter)

    def run(self, check_mode: bool) -> Done:
        """Look, plan, and unless ``check_mode``, remove.

        Raises:
            HubError: E-STORE-04 where data would go against the wish; E-FRONT-13 without a release of this name, where
                the Secrets are those of another hub; E-HELM-*.
        """
        how = (self._release, self._policy, self._max_age, self._timeout)
        now = self._tools.client.server_time.now
        settler = Settler(*how, now=now, reporter=self._tools.reporter, removing=True)
        history, _facts, _move = settler.settle(self._history(), self._lease, self._history)
        if history.newest is None:
            refuse_another_hub(self._client, self._namespace, self._release, None)
        manifest = read_release(load_record(self._client, self._namespace, history.newest))
        leftovers = self._leftovers(history)
        if self._keep_data:
            guards.check_removal(manifest)
        steps, kept = self._plan(history, manifest, leftovers)
        ending = list(dict.fromkeys([*leftovers, *self._workload_pods(manifest)]))
        plan = release_plan.assemble(steps, release_plan.reason_of(steps))
        newest = history.newest
        done = Done(plan.changed, newest.status if newest else "", newest.number if newest else 0, plan=plan, kept=kept)
        if plan.changed and not check_mode:
            with interruptible():
                self._apply(history, leftovers, ending)
            done.status, done.revision = "", 0
        return done

    def _history(self) -> History:
        return load_history(self._client, self._namespace, self._release)

    def _leftovers(self, history: History) -> list[str]:
        """Paths of what belongs to the hub but not to Helm: our Secret, running servers, and with them the data."""
        found = []
        secret = self._client.get(secrets_path(self._namespace, HUB_SECRETS))
        if secret is not None and (secret["metadata"].get("labels") or {}).get(MANAGER_LABEL) == DOMAIN:
            found.append(secrets_path(self._namespace, HUB_SECRETS))
        # Made by KubeSpawner; Helm knows nothing about them. Where it has no release any more, only those of its name.
        mine = "" if history.newest is not None else f",release={self._release}"
        found += self._paths("pods", f"{USER_PODS}{mine}")
        for collection in HOOK_COLLECTIONS:
            found += self._paths(collection, f"{HOOK_LABEL}=true,release={self._release}")
        if not self._keep_data:
            found += self._paths("persistentvolumeclaims", guards.HOMES_SELECTOR)
            found += self._paths("persistentvolumeclaims", f"component=hub,release={self._release}")
        return found

    def _paths(self, collection: str, selector: str) -> list[str]:
        root, _slash, plural = collection.rpartition("/")
        path = f"{root or '/api/v1'}/namespaces/{self._namespace}/{plural}"
        items = self._client.list(path, {"labelSelector": selector}, metadata_only=True)
        return [f"{path}/{item['metadata']['name']}" for item in items]

    def _plan(self, history: History, manifest: Manifest, leftovers: list[str]) -> tuple[list[Step], list[str]]:
        planner, steps, kept = Planner(self._client), [], []
        extra = {_target(path) for path in leftovers}
        for obj in manifest.objects:
            target = str(identity(obj))
            if is_kept(obj) and target not in extra:
                kept.append(target)
            elif target not in extra and planner.live(obj) is not None:
                steps.append(Step("delete", target))
        steps += [Step("delete", target) for target in sorted(extra)]
        if history.newest is not None:
            steps.append(Step("uninstall", f"Release/{self._release}", {"revision": (history.newest.number, None)}))
        if self._keep_data and history.newest is not None:
            homes = self._paths("persistentvolumeclaims", guards.HOMES_SELECTOR)
            kept += [_target(path) for path in homes]
        return steps, kept

    def _workload_pods(self, manifest: Manifest) -> list[str]:
        """The pods of the release: Helm does not wait for them, a successor on the same claim has to."""
        found = self._paths("pods", f"release={self._release}")
        for item in manifest.of_kind("Deployment"):
            found += self._paths("pods", label_selector(item["spec"]["selector"]["matchLabels"]))
        return sorted(set(found))

    def _apply(self, history: History, leftovers: list[str], ending: list[str]) -> None:
        with self._lease:
            if history.newest is not None:
                try:
                    self._tools.helm.uninstall(self._timeout)
                except HubError as problem:
                    if problem.error_id in UNFINISHED:
                        self._lease.abandon()
                    raise
            with writing():
                self._clear(leftovers, ending)
                late = self._leftovers(history)  # until its pod was gone, the hub may have started servers
                self._clear(late, late)
            self._lease.discard()

    def _clear(self, paths: list[str], ending: list[str]) -> None:
        """Delete what is at these paths, and wait until ``ending`` is gone."""
        for path in paths:
            self._client.delete(path, body={"propagationPolicy": "Background"})
        self._await_gone(ending)

    def _await_gone(self, paths: list[str]) -> None:
        """Deleting a pod or a claim only begins its end."""

        def remaining() -> dict[str, Json]:
            found = {_target(path): self._client.get(path) for path in paths}
            return {target: item for target, item in found.items() if item is not None}

        def judge(left: dict[str, Json]) -> Verdict:
            return Verdict(State.PENDING, f"{', '.join(left)} still there") if left else Verdict(State.DONE)

        ended = wait(
            "what belongs to the hub to be gone",
            remaining,
            judge,
            timeout=self._timeout,
            interval=1.0,
            reporter=self._tools.reporter,
            bears=passing,
        )
        if not ended.done:
            raise HubError(
                "E-HELM-17",
                f"{', '.join(ended.observation)} did not go away within {self._timeout:.0f} s",
                "look at its finalizers and events (kubectl describe), then run again",
                seen="; ".join(f"{target} {fate(item)}" for target, item in ended.observation.items()),
            )


def _target(path: str) -> str:
    _rest, plural, name = path.rsplit("/", 2)
    return f"{KINDS[plural]}/{name}"
