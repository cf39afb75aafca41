# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What Helm rendered, as objects; and how a change of one is told without telling a secret. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._k8s.objects import RESOURCES, Identity, canonical, differences, identity
from .redaction import shown
from .release_inputs import KEEP_POLICY

Json = dict[str, Any]

VALUES_KEY = "values.yaml"
"""The file in the chart's Secret that the hub reads."""


@dataclass(frozen=True)
class Hook:
    """One object Helm runs at some moment instead of keeping it."""

    target: str
    events: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The hook as plain data for a module's return value."""
        return {"target": self.target, "events": list(self.events)}


@dataclass(frozen=True)
class Manifest:
    """The objects of one rendered release, in Helm's order, and its hooks."""

    objects: tuple[Json, ...]
    hooks: tuple[Hook, ...] = ()

    def by_identity(self) -> dict[Identity, Json]:
        """The objects by what they are."""
        return {identity(obj): obj for obj in self.objects}

    def of_kind(self, kind: str) -> list[Json]:
        """The objects of one kind."""
        return [obj for obj in self.objects if obj.get("kind") == kind]


def parse(text: str) -> list[Json]:
    """The documents in a manifest; lists are taken apart, empty documents left out."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [obj for document in yaml.load_all(text, Loader=loader) for obj in _flat(document)]


def _flat(document: Any) -> Iterable[Json]:
    if not isinstance(document, dict) or not document.get("kind"):
        return []
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        return [obj for item in document["items"] for obj in _flat(item)]
    return [document]


def read_release(release: Mapping[str, Any]) -> Manifest:
    """The manifest of a release as Helm's JSON holds it (a dry run's output or a decoded Secret)."""
    namespace, name = str(release.get("namespace", "")), str(release.get("name", ""))
    objects = tuple(owned(obj, namespace, name) for obj in parse(str(release.get("manifest") or "")))
    hooks = []
    for hook in release.get("hooks") or []:
        events = tuple(str(event) for event in hook.get("events") or ())
        hooks.append(Hook(f"{hook.get('kind')}/{hook.get('name')}", events))
    return Manifest(objects, tuple(hooks))


def split_template(text: str, namespace: str, name: str) -> Manifest:
    """The manifest in the output of ``helm template``, where hooks stand among the objects."""
    objects, hooks = [], []
    for obj in parse(text):
        metadata = obj.get("metadata") or {}
        events = (metadata.get("annotations") or {}).get("helm.sh/hook")
        if events:
            hooks.append(Hook(str(identity(obj)), tuple(event.strip() for event in str(events).split(","))))
        else:
            objects.append(owned(obj, namespace, name))
    return Manifest(tuple(objects), tuple(hooks))


def owned(obj: Json, namespace: str, name: str) -> Json:
    """The object as Helm sends it: in its namespace, with the marks by which Helm knows its own."""
    metadata = dict(obj.get("metadata") or {})
    _plural, namespaced = RESOURCES.get(str(obj.get("kind")), ("", True))
    if namespaced and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    metadata["labels"] = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        "meta.helm.sh/release-name": name,
        "meta.helm.sh/release-namespace": namespace,
    }
    return {**obj, "metadata": metadata}


def passed_on(manifest: Manifest) -> Iterator[Json]:
    """The values that charts pass on in Secrets, their own defaults among them."""
    for secret in manifest.of_kind("Secret"):
        packed = (secret.get("data") or {}).get(VALUES_KEY)
        text = base64.b64decode(packed) if packed else (secret.get("stringData") or {}).get(VALUES_KEY)
        values = _plain(text) if text else None
        if isinstance(values, dict):
            yield values


def _plain(text: str | bytes) -> Any:
    """What a file says; None where it is no YAML, or YAML with more in it: other charts name such files alike."""
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # the latter for what looks like a date and is none
        return None


def hub_values(manifest: Manifest) -> Json:
    """The values that the chart hands to its hub; empty without a hub."""
    # a parent chart may have other files of this name
    return next((values for values in passed_on(manifest) if "singleuser" in values), {})


def is_kept(obj: Mapping[str, Any]) -> bool:
    """Whether Helm leaves this object in place when it would delete it."""
    key, keep = KEEP_POLICY
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(key, "")).strip().lower() == keep


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What changes from one state of an object to the next, fit to be shown."""
    kind = str(after.get("kind") or before.get("kind"))
    found = differences(canonical(before), canonical(after))
    return {path: shown(kind, path, old, new) for path, old, new in found}
