# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Is this the cluster that was meant, and may we do our work on it? Pure: observations in, judgements out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import HubError
from .._core.preflight import bad_row, good_row, rows_of

Json = Mapping[str, Any]

OLDEST = (1, 28)
"""The oldest Kubernetes the z2jh chart 4.4.0 installs on (its kubeVersion)."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
DEFAULT_CLASS_BETA = "storageclass.beta.kubernetes.io/is-default-class"
CLASS_CURE = (
    "set z2jh_storage_class to a class that exists, or mark one as default; on EKS the EBS CSI add-on comes first"
)
"""What to do about a claim that no class will bind; EKS lists a class whose driver nobody installed."""


@dataclass(frozen=True, order=True)
class Permission:
    """One thing our work needs to be allowed; an empty namespace means the whole cluster."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def target(self) -> str:
        """What is acted on, as ``kubectl auth can-i`` writes it."""
        what = (
            self.resource
            + (f".{self.group}" if self.group else "")
            + (f"/{self.subresource}" if self.subresource else "")
        )
        return what + (f" {self.name}" if self.name else "")

    @property
    def text(self) -> str:
        """The permission in words."""
        return f"{self.verb} {self.target}" + (f" in {self.namespace}" if self.namespace else " in the whole cluster")

    def review(self) -> dict[str, Any]:
        """The SelfSubjectAccessReview that asks for it."""
        asked = {
            "verb": self.verb,
            "group": self.group,
            "resource": self.resource,
            "subresource": self.subresource,
            "namespace": self.namespace,
            "name": self.name,
        }
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }


@dataclass(frozen=True)
class StorageClass:
    """What matters about a StorageClass."""

    name: str
    provisioner: str
    default: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the module's return value."""
        return {"name": self.name, "provisioner": self.provisioner, "default": self.default}


@dataclass(frozen=True)
class Observed:
    """Everything one look at the cluster brought.

    Attributes:
        user: who the server takes us for, empty for an anonymous visitor.
        uid: of the namespace kube-system, empty when it may not be read.
        ca_sha256: fingerprints of the CA certificates the server is checked against.
        server: URL of the API server.
        version: its gitVersion, such as ``v1.34.4``.
        storage_classes: all of them; None when they may not be read.
        denied: permissions the server did not confirm.
        nodes: ready nodes and all nodes; None when they may not be read.
    """

    user: str
    uid: str
    ca_sha256: tuple[str, ...]
    server: str
    version: str
    storage_classes: tuple[StorageClass, ...] | None = None
    denied: tuple[Permission, ...] = ()
    nodes: tuple[int, int] | None = None


@dataclass(frozen=True)
class Wanted:
    """What the caller pins and needs.

    Attributes:
        uid: the kube-system UID that is meant; empty when not pinned.
        ca_sha256: a CA fingerprint that is meant; empty when not pinned.
        storage_class: the class to be used; empty for the cluster's default; None when no claim will be made.
        hub: the inventory host, for the advice.
    """

    uid: str = ""
    ca_sha256: str = ""
    storage_class: str | None = ""
    hub: str = ""


def parse_permissions(items: Iterable[Json]) -> tuple[Permission, ...]:
    """The module's option, one entry per verb and resource, sorted and without doubles."""
    return tuple(sorted({Permission(**{key: str(value or "") for key, value in item.items()}) for item in items}))


def parse_storage_classes(items: Iterable[Json]) -> tuple[StorageClass, ...]:
    """StorageClass objects as the API returns them."""
    found = [
        StorageClass(item["metadata"]["name"], str(item.get("provisioner", "")), is_default_class(item))
        for item in items
    ]
    return tuple(sorted(found, key=lambda item: item.name))


def is_default_class(storage_class: Json) -> bool:
    """Whether a claim that names no class gets this one; the API server still heeds the annotation's old name."""
    notes = storage_class["metadata"].get("annotations") or {}
    return "true" in (notes.get(DEFAULT_CLASS), notes.get(DEFAULT_CLASS_BETA))


def count_ready(nodes: Sequence[Json]) -> tuple[int, int]:
    """Ready nodes and all nodes."""

    def ready(node: Json) -> bool:
        conditions = (node.get("status") or {}).get("conditions") or []
        return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)

    return sum(ready(node) for node in nodes), len(nodes)


def fingerprints(pem: str) -> tuple[str, ...]:
    """SHA-256 of each certificate in a PEM text, lower-case hex, as ``openssl x509 -fingerprint -sha256`` has it."""
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", pem, re.DOTALL)
    result = []
    for block in blocks:
        try:
            result.append(hashlib.sha256(base64.b64decode("".join(block.split()), validate=True)).hexdigest())
        except binascii.Error:
            continue
    return tuple(result)


def version_of(text: str) -> tuple[int, int] | None:
    """Major and minor of a gitVersion such as ``v1.33.2-gke.100``; None when it is no version."""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def covered(rules: Iterable[Json], wanted: Permission) -> bool:
    """Whether the rules of a SelfSubjectRulesReview surely grant a permission inside their namespace."""

    def has(rule: Json, key: str, value: str) -> bool:
        return bool({"*", value} & set(rule.get(key) or []))

    resource = f"{wanted.resource}/{wanted.subresource}" if wanted.subresource else wanted.resource
    for rule in rules:
        names = rule.get("resourceNames") or []
        if (
            has(rule, "verbs", wanted.verb)
            and has(rule, "apiGroups", wanted.group)
            and has(rule, "resources", resource)
            and (not names or wanted.name in names)
        ):
            return True
    return False


def refusal(observed: Observed, wanted: Wanted) -> HubError | None:
    """The error for a cluster that is not the one meant; None when it is, or when nothing is pinned."""
    if wanted.uid and not observed.uid:
        return unreadable(observed)
    if wanted.uid and observed.uid != wanted.uid.strip().lower():
        return HubError(
            error_id="E-ACCESS-01",
            what=f"This is another cluster: the API server {observed.server} does not have the pinned kube-system UID",
            seen=observed.uid,
            wanted=wanted.uid,
            do="point cluster_access_cluster, or the kubeconfig and its context, at the right cluster; change "
            "cluster_access_expected_uid only if the cluster was rebuilt on purpose",
            details={"uid": observed.uid, "server": observed.server},
        )
    pinned = normal_fingerprint(wanted.ca_sha256)
    if pinned and pinned not in observed.ca_sha256:
        return HubError(
            error_id="E-ACCESS-03",
            what=f"The kubeconfig trusts another CA for {observed.server} than the pinned one",
            seen=", ".join(observed.ca_sha256) or "no CA certificate in the kubeconfig",
            wanted=pinned,
            do="fetch the kubeconfig anew from the cluster's own tools; change cluster_access_expected_ca_sha256 "
            "only if the cluster's CA was rotated on purpose",
            details={"ca_sha256": list(observed.ca_sha256), "server": observed.server},
        )
    return None


def unreadable(observed: Observed) -> HubError:
    """The error for credentials that may not even learn which cluster this is."""
    lacking = {*observed.denied, Permission("get", "namespaces", name="kube-system")}
    return HubError(
        error_id="E-ACCESS-07",
        what=f"These credentials (user {observed.user}) may not read the namespace kube-system of {observed.server}, "
        "so nobody can tell whether this is the pinned cluster",
        seen=f"not allowed: {summary(lacking)}",
        do="ask the cluster's administrator for a Role or ClusterRole with these verbs, or use other credentials",
        details={"denied": sorted(item.text for item in lacking)},
    )


def normal_fingerprint(text: str) -> str:
    """A fingerprint without colons and prefix, in lower case, as the tools print it in several forms."""
    return re.sub(r"^(sha256[:=]|sha256 fingerprint=)", "", text.strip().lower()).replace(":", "")


def unpinned(observed: Observed, hub: str) -> HubError:
    """The error for a cluster nobody pinned; it prints the lines that pin it, and its CA where there is one."""
    whose = hub or "this hub"
    do = f"if you mean this cluster, add to the inventory of {whose}: cluster_access_expected_uid: {observed.uid}"
    if observed.ca_sha256:
        do += f", and, to pin its CA too: cluster_access_expected_ca_sha256: {observed.ca_sha256[0]}"
    if not observed.uid:
        do = "get the permission to read (get) the namespace kube-system; its UID is the line that is missing here"
    return HubError(
        error_id="E-ACCESS-02",
        what=f"No cluster is pinned for {whose}; {observed.server} would be changed",
        seen=f"kube-system UID {observed.uid or 'not readable'}, Kubernetes {observed.version}",
        do=do,
        details={"uid": observed.uid, "server": observed.server},
    )


def preflight_rows(observed: Observed, wanted: Wanted) -> tuple[dict[str, Any], ...]:
    """The preflight table's rows about the cluster itself."""
    rows = [good_row("API server", f"{observed.server} answers, credentials accepted"), _version_row(observed)]
    error = refusal(observed, wanted) or (None if wanted.uid else unpinned(observed, wanted.hub))
    rows += rows_of("right cluster", [error] if error else [], f"kube-system UID {observed.uid} as pinned")
    rows.append(_permission_row(observed))
    rows.append(_nodes_row(observed))
    if wanted.storage_class is not None:
        rows.append(_storage_row(observed, wanted.storage_class))
    return tuple(rows)


def _version_row(observed: Observed) -> dict[str, Any]:
    version = version_of(observed.version)
    if version is not None and version >= OLDEST:
        return good_row("Kubernetes version", observed.version)
    error = HubError(
        error_id="E-ACCESS-06",
        what=f"Kubernetes of {observed.server} is too old for the JupyterHub chart",
        seen=observed.version or "no version",
        wanted=f"{OLDEST[0]}.{OLDEST[1]} or later",
        do="upgrade the cluster first",
    )
    return bad_row("Kubernetes version", error)


def _permission_row(observed: Observed) -> dict[str, Any]:
    if not observed.denied:
        return good_row("permissions", "everything the roles need is allowed")
    error = HubError(
        error_id="E-ACCESS-07",
        what=f"These credentials may not do everything the roles need on {observed.server}",
        seen=f"not allowed: {summary(observed.denied)}",
        do="ask the cluster's administrator for a Role or ClusterRole with these verbs, or use other credentials",
        details={"denied": [item.text for item in observed.denied]},
    )
    return bad_row("permissions", error)


def summary(permissions: Iterable[Permission]) -> str:
    """Permissions in few words, grouped by place and resource: ``in trial: pods list, secrets create get``."""
    places: dict[str, dict[str, list[str]]] = {}
    for item in sorted(permissions):
        place = f"in {item.namespace}" if item.namespace else "in the whole cluster"
        places.setdefault(place, {}).setdefault(item.target, []).append(item.verb)
    return "; ".join(
        f"{place}: " + ", ".join(f"{target} {' '.join(sorted(verbs))}" for target, verbs in sorted(targets.items()))
        for place, targets in sorted(places.items())
    )


def needless(
    refused: Iterable[Permission], namespaces: Iterable[str], existing: Iterable[str]
) -> tuple[Permission, ...]:
    """Refused permissions that do not matter: nobody has to make namespaces that are there already."""
    wanted = set(namespaces)
    if not wanted or wanted - set(existing):
        return ()
    made_by = ("create", "patch")  # both, for what is applied
    return tuple(item for item in refused if item.verb in made_by and item.resource == "namespaces" and not item.group)


def _nodes_row(observed: Observed) -> dict[str, Any]:
    if observed.nodes is None:
        return good_row("nodes", "not checked: nodes may not be listed with these credentials")
    ready, total = observed.nodes
    if ready:
        return good_row("nodes", f"{ready} of {total} ready")
    if not total:  # as in a new cluster of EKS Auto Mode, whose nodes come with the pods that need them
        return good_row("nodes", "none yet: the first pods must bring one (an autoscaler)")
    error = HubError(
        error_id="E-ACCESS-08",
        what=f"No node of {observed.server} is ready, so no pod can start",
        seen=f"0 of {total} ready",
        wanted="at least 1",
        do="start or repair a node (kubectl get nodes shows why), then run again",
    )
    return bad_row("nodes", error)


def _storage_row(observed: Observed, name: str) -> dict[str, Any]:
    classes = observed.storage_classes
    if classes is None:
        return good_row("storage class", "not checked: storage classes may not be listed with these credentials")
    if name:
        if any(item.name == name for item in classes):
            return good_row("storage class", name)
        reason = f"there is no StorageClass {name} in this cluster"
    else:
        defaults = [item.name for item in classes if item.default]
        if defaults:
            return good_row("storage class", f"{', '.join(defaults)} (default)")
        reason = "no default StorageClass in this cluster"
    found = ", ".join(f"{item.name} ({item.provisioner})" for item in classes) or "none"
    error = HubError(
        error_id="E-STORE-01",
        what=f"The hub's claim hub-db-dir will stay Pending: {reason}",
        seen=f"StorageClasses found: {found}",
        do=CLASS_CURE,
    )
    return bad_row("storage class", error)


@dataclass(frozen=True)
class Libraries:
    """Which Python libraries the roles need, and who needs them."""

    missing: tuple[str, ...]
    interpreter: str
    notes: dict[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """The preflight row about the controller's Python."""
        if not self.missing:
            return good_row("Python libraries", f"complete in {self.interpreter}")
        packages = " ".join(self.notes.get(name, name) for name in self.missing)
        error = HubError(
            error_id="E-LIB-01",
            what=f"{self.interpreter} lacks Python libraries that the roles need",
            seen=f"missing: {', '.join(self.missing)}",
            do=f"run: {self.interpreter} -m pip install {packages}",
        )
        return bad_row("Python libraries", error)


def report(observed: Observed, rows: Iterable[Json]) -> dict[str, Any]:
    """The documented return values of the module ``cluster_guard``."""
    ready, total = observed.nodes or (0, 0)
    return {
        "user": observed.user,
        "uid": observed.uid,
        "server": observed.server,
        "version": observed.version,
        "ca_sha256": list(observed.ca_sha256),
        "storage_classes": [item.as_dict() for item in observed.storage_classes or ()],
        "nodes": {"ready": ready, "total": total} if observed.nodes is not None else {},
        "denied": [item.text for item in observed.denied],
        "preflight": list(rows),
    }
