# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What an upgrade would change, asked of the server object by object.

Every rendered object is applied as Helm would apply it, as a dry run: defaulting, admission and validation are the
server's own, and so is the answer. An answer of 201 means the object is new; after 200 the live object is read and
compared with the one the server would store.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import HubError
from .._core.plan import Step
from .._k8s.client import APPLY_PATCH, ASK_POLICY, KubeClient, Reply, api_error, by_policy
from .._k8s.objects import ABSENT, api_root, canonical, differences, identity, known_resource, object_path
from .helm import FIELD_MANAGER
from .manifest import Manifest, changes, is_kept
from .redaction import shown

Json = dict[str, Any]

WORKERS = 6
"""Requests under way at once; the connections are kept open and reused."""
LONGEST_REASON = 600
"""Characters; for a forbidden change the server repeats the whole object after its sentence."""
APPLY_QUERY = {"fieldManager": FIELD_MANAGER, "force": "true", "dryRun": "All"}


@dataclass(frozen=True)
class Looked:
    """What the server would do with one object.

    Attributes:
        obj: the object as rendered.
        step: the change; None where there is none.
        result: the object as the server would store it; None where it could not be asked.
        restarts: the change replaces running pods.
    """

    obj: Json
    step: Step | None
    result: Json | None = None
    restarts: bool = False


@dataclass
class ObjectPlan:
    """The change of all objects of a release.

    Attributes:
        steps: creates, updates and deletes in the order Helm does them.
        created: new objects as the server would store them.
        unchecked: objects the server could not be asked about (their namespace or kind is not there yet).
        restarts: workloads whose pods are replaced.
        kept: objects that leave the release but stay in the cluster.
    """

    steps: list[Step] = field(default_factory=list)
    created: list[Json] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


class Planner:
    """Compares manifests with the cluster."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._discovered: dict[tuple[str, str], tuple[str, bool] | None] = {}

    def plan(self, new: Manifest, old: Manifest, *, client_side: bool) -> ObjectPlan:
        """What Helm would change to get from ``old`` (the release it compares with) to ``new``.

        Args:
            new: the rendered manifest.
            old: the manifest of the revision Helm starts from; empty for a first install.
            client_side: that revision's objects were applied by Helm itself, so the server does not know which
                fields were Helm's; fields that vanish from the manifest are found by comparing the manifests.

        Raises:
            HubError: E-HELM-12 where the server would refuse an object; E-K8S-*.
        """
        for obj in (*new.objects, *old.objects):
            self._resource(obj)
        before = old.by_identity()
        wanted = new.by_identity()
        gone = [obj for key, obj in before.items() if key not in wanted]
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            looked = list(
                pool.map(lambda obj: self._look(obj, before.get(identity(obj)) if client_side else None), new.objects)
            )
            leaving = list(pool.map(self.live, gone))
        result = ObjectPlan()
        for item in looked:
            self._record(result, item)
        for obj, live in zip(gone, leaving, strict=True):
            if live is not None and is_kept(live):
                result.kept.append(str(identity(obj)))
            elif live is not None:
                result.steps.append(Step("delete", str(identity(obj))))
        return result

    @staticmethod
    def _record(result: ObjectPlan, item: Looked) -> None:
        target = str(identity(item.obj))
        if item.step is not None:
            result.steps.append(item.step)
        if item.result is None:
            result.unchecked.append(target)
        if item.step is not None and item.step.verb == "create":
            result.created.append(item.result or item.obj)
        if item.restarts:
            result.restarts.append(target)

    def live(self, obj: Json) -> Json | None:
        """The object in the cluster; None where it, its namespace or its kind is not there."""
        path = self._path(obj)
        return None if path is None else self._client.get(path)

    def _look(self, obj: Json, old: Json | None) -> Looked:
        """One object: dry-run apply, and a read if it exists."""
        target = str(identity(obj))
        path = self._path(obj)
        if path is None:
            return Looked(obj, Step("create", target))
        reply = self._client.request("PATCH", path, APPLY_QUERY, self._scoped(obj), content_type=APPLY_PATCH)
        if reply.status == 404:
            return Looked(obj, Step("create", target))
        if reply.status == 201:
            return Looked(obj, Step("create", target), reply.body)
        if reply.status != 200:
            raise refused(reply, target, path, self._client.server)
        live = self._client.get(path) or {}
        fields = changes(live, reply.body)
        if old is not None:
            fields |= vanished(old, obj, live)
        restarts = any(part.startswith("spec.template.") for part in fields)
        return Looked(obj, Step("update", target, fields) if fields else None, reply.body, restarts)

    def _scoped(self, obj: Json) -> Json:
        """The object without a namespace where its kind has none."""
        resource = self._resource(obj)
        if resource is None or resource[1]:
            return obj
        return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "namespace"}}

    def _path(self, obj: Json) -> str | None:
        resource = self._resource(obj)
        return None if resource is None else object_path(obj, *resource)

    def _resource(self, obj: Json) -> tuple[str, bool] | None:
        """Plural and scope of an object's kind; None where the cluster does not know the kind (yet)."""
        version, kind = str(obj["apiVersion"]), str(obj["kind"])
        known = known_resource(version, kind)
        if known is not None:
            return known
        if (version, kind) not in self._discovered:
            found = self._client.get(api_root(version)) or {}
            for entry in found.get("resources") or []:
                if "/" not in entry.get("name", ""):
                    self._discovered[(version, entry["kind"])] = (entry["name"], bool(entry["namespaced"]))
            self._discovered.setdefault((version, kind), None)
        return self._discovered[(version, kind)]


def vanished(old: Mapping[str, Any], new: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that the old manifest had, the new one has not, and the cluster still has: Helm removes them."""
    present = {path: value for path, value, _after in differences(canonical(live), {})}
    kind = str(new.get("kind", ""))
    lost = (path for path, _before, after in differences(canonical(old), canonical(new)) if after is ABSENT)
    return {path: shown(kind, path, present[path], ABSENT) for path in lost if path in present}


def refused(reply: Reply, target: str, path: str, server: str) -> HubError:
    """The error for an object the server would not take; nothing has been changed by asking."""
    told = str(reply.body.get("message") or reply.body.get("reason") or "no reason given")
    policy = by_policy(reply.status, told)
    if not policy and reply.status not in (400, 409, 422):
        return api_error(reply, "PATCH (dry run)", path, server)
    reason = " ".join(told.split())[:LONGEST_REASON].rstrip(".")
    if policy:
        do = ASK_POLICY
    else:
        do = (
            "change the value behind the field this message names (a claim's class or a selector cannot be changed in "
            "place); if somebody has changed the object by hand, undo that"
        )
    return HubError(
        "E-HELM-12",
        f"The cluster would refuse {target} of this release: {reason}",
        do,
        details={"status": reply.status, "object": target},
    )
