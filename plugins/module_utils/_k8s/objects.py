# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Kubernetes objects as data: where they live, and how two of them differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

ABSENT = object()
"""Stands for a field that is not there; ``None`` is a value."""

RESOURCES: dict[str, tuple[str, bool]] = {
    "ClusterRole": ("clusterroles", False),
    "ClusterRoleBinding": ("clusterrolebindings", False),
    "ConfigMap": ("configmaps", True),
    "CronJob": ("cronjobs", True),
    "CustomResourceDefinition": ("customresourcedefinitions", False),
    "DaemonSet": ("daemonsets", True),
    "Deployment": ("deployments", True),
    "HorizontalPodAutoscaler": ("horizontalpodautoscalers", True),
    "Ingress": ("ingresses", True),
    "Job": ("jobs", True),
    "LimitRange": ("limitranges", True),
    "Namespace": ("namespaces", False),
    "NetworkPolicy": ("networkpolicies", True),
    "PersistentVolume": ("persistentvolumes", False),
    "PersistentVolumeClaim": ("persistentvolumeclaims", True),
    "Pod": ("pods", True),
    "PodDisruptionBudget": ("poddisruptionbudgets", True),
    "PriorityClass": ("priorityclasses", False),
    "ResourceQuota": ("resourcequotas", True),
    "Role": ("roles", True),
    "RoleBinding": ("rolebindings", True),
    "Secret": ("secrets", True),
    "Service": ("services", True),
    "ServiceAccount": ("serviceaccounts", True),
    "StatefulSet": ("statefulsets", True),
    "StorageClass": ("storageclasses", False),
}
"""Kinds of Kubernetes itself: plural and whether they live in a namespace. Fixed by their API conventions."""
BUILT_IN_GROUPS = frozenset(
    {
        "",
        "apiextensions.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)

SERVER_FIELDS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
"""Metadata the server writes; a difference there is no change."""


@dataclass(frozen=True, order=True)
class Identity:
    """Which object: its API group (without version), kind, namespace (empty for cluster-scoped) and name."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def group_of(api_version: str) -> str:
    """The API group in ``apiVersion``; empty for the core group."""
    return api_version.rpartition("/")[0]


def identity(obj: Mapping[str, Any]) -> Identity:
    """Which object this is; versions of one group do not make it another."""
    metadata = obj.get("metadata") or {}
    return Identity(
        group_of(str(obj.get("apiVersion", ""))),
        str(obj.get("kind", "")),
        str(metadata.get("namespace") or ""),
        str(metadata.get("name") or ""),
    )


def known_resource(api_version: str, kind: str) -> tuple[str, bool] | None:
    """Plural and scope of a kind of Kubernetes itself; None means: ask the server."""
    return RESOURCES.get(kind) if group_of(api_version) in BUILT_IN_GROUPS else None


def api_root(api_version: str) -> str:
    """The path of a group and version, where its discovery document is."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def collection_path(api_version: str, kind: str, namespace: str) -> str | None:
    """The path of all objects of a kind of Kubernetes itself, in one namespace where it has any; None: no such kind."""
    known = known_resource(api_version, kind)
    if known is None:
        return None
    plural, namespaced = known
    return f"{api_root(api_version)}{f'/namespaces/{namespace}' if namespaced else ''}/{plural}"


def object_path(obj: Mapping[str, Any], plural: str, namespaced: bool) -> str:
    """The path of one object."""
    metadata = obj["metadata"]
    scope = f"/namespaces/{metadata['namespace']}" if namespaced else ""
    return f"{api_root(obj['apiVersion'])}{scope}/{plural}/{metadata['name']}"


def label_selector(labels: Mapping[str, Any]) -> str:
    """The value of ``labelSelector`` that finds what has all these labels."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def canonical(obj: Mapping[str, Any]) -> Json:
    """The object without what the server alone decides."""
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in SERVER_FIELDS}
    rest = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    return {**rest, "metadata": metadata}


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf that differs: its path, the value before and the value after (or :data:`ABSENT`).

    Elements of a list are matched by their ``name``, ``key`` or ``mountPath`` where all of them have a unique one, as
    the server does, and by position otherwise.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            inner = f"{path}.{_segment(str(key))}" if path else _segment(str(key))
            yield from differences(before.get(key, ABSENT), after.get(key, ABSENT), inner)
    elif _is_list(before) and _is_list(after):
        for label, old, new in _paired(before, after):
            yield from differences(old, new, f"{path}[{label}]")
    elif before is ABSENT or after is ABSENT or before != after or isinstance(before, bool) != isinstance(after, bool):
        yield from _whole(before, after, path)


def _whole(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """A value that appeared, vanished or changed its kind; containers are told leaf by leaf where that is possible."""
    present = after if before is ABSENT else before if after is ABSENT else None
    if isinstance(present, Mapping) and present:
        empty: Json = {}
        yield from differences(before if after is ABSENT else empty, after if before is ABSENT else empty, path)
    elif _is_list(present) and present and all(isinstance(item, Mapping) for item in present):
        yield from differences([] if before is ABSENT else before, [] if after is ABSENT else after, path)
    else:
        yield path, before, after


def _segment(key: str) -> str:
    return f'"{key}"' if "." in key or "/" in key else key


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _paired(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in ("name", "key", "mountPath"):
        old, new = _index(before, key), _index(after, key)
        if old is not None and new is not None and (old or new):
            for label in dict.fromkeys([*old, *new]):
                yield label, old.get(label, ABSENT), new.get(label, ABSENT)
            return
    for position in range(max(len(before), len(after))):
        old_item = before[position] if position < len(before) else ABSENT
        new_item = after[position] if position < len(after) else ABSENT
        yield str(position), old_item, new_item


def _index(items: Sequence[Any], key: str) -> dict[str, Any] | None:
    """The elements by their key; None where that does not tell them apart."""
    labels = [item.get(key) if isinstance(item, Mapping) else None for item in items]
    if any(not isinstance(label, str) for label in labels) or len(set(labels)) != len(labels):
        return None
    return {str(label): item for label, item in zip(labels, items, strict=True)}


def is_going(item: Mapping[str, Any]) -> bool:
    """Whether somebody has deleted the object, and it only waits for who holds on to it."""
    return bool((item.get("metadata") or {}).get("deletionTimestamp"))


def fate(item: Mapping[str, Any]) -> str:
    """What becomes of an object that is to go, to be put behind its name: who holds on to it, or that it stays."""
    if not is_going(item):
        return "is there and nobody deletes it"
    names = ", ".join(str(name) for name in (item.get("metadata") or {}).get("finalizers") or [])
    return f"is going, held by {names}" if names else "is going"
