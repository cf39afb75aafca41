# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a release is made from, and the digest that stands for all of it. Pure."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .chart import ChartRef
from .release_state import DOMAIN
from .values import HUB_SECRETS, dig, root_path

Json = dict[str, Any]

COLLECTION_VERSION = "0.1.0"
"""Part of the digest: a new collection looks at every release once. A contract test compares it with galaxy.yml."""
SECRETS_ANNOTATION = f"{DOMAIN}/secrets"
"""On the hub's pod: changes when a secret changes, so that a rotation restarts the hub."""
KEEP_POLICY = ("helm.sh/resource-policy", "keep")
"""Helm leaves an object with this annotation in place when its release is removed."""
STRETCHING = 60_000
"""PBKDF2 rounds: about 20 ms, once a run, and as much for every guess."""


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what the release is.

    Attributes:
        release: name of the Helm release.
        namespace: where it lives.
        chart: the chart.
        chart_digest: its digest in hexadecimal, where it is known before a download; else empty.
        values: the values Helm is given, ours included.
        layers: names of the layers the values were merged from.
        fingerprint: stands for the secrets.
    """

    release: str
    namespace: str
    chart: ChartRef
    chart_digest: str
    values: Json
    layers: tuple[str, ...]
    fingerprint: str

    @property
    def digest(self) -> str:
        """52 characters that change when anything of this changes."""
        return short_hash(
            {
                "chart": [self.chart.ref, self.chart.version, self.chart_digest],
                "collection": COLLECTION_VERSION,
                "layers": sorted(self.layers),
                "namespace": self.namespace,
                "release": self.release,
                "secrets": self.fingerprint,
                "values": self.values,
            }
        )

    @property
    def chart_identity(self) -> str:
        """10 characters that stand for reference and version, to file the chart's digest under."""
        return short_hash([self.chart.ref, self.chart.version])[:10]


def short_hash(data: Any) -> str:
    """SHA-256 of data in canonical JSON, as 52 characters of lower-case base32."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=").lower()


def fingerprint(secrets: Mapping[str, str], namespace: str, release: str) -> str:
    """Something that changes with the secrets and gives nothing away.

    It ends up in an annotation that many may read. A plain hash would let a reader try guesses by the million, and a
    keyed hash would need a key that this run must first fetch: the no-op reads nothing but Helm's records. So the
    hash is stretched (PBKDF2), and salted with namespace and release: equal secrets of two hubs do not look equal.
    """
    if not secrets:
        return ""
    text = json.dumps(dict(secrets), sort_keys=True, separators=(",", ":")).encode()
    salt = f"{DOMAIN}/{namespace}/{release}".encode()
    return hashlib.pbkdf2_hmac("sha256", text, salt, STRETCHING, 16).hex()


def effective_values(values: Mapping[str, Any], values_root: str, secrets_fingerprint: str) -> Json:
    """The operator's values and the two annotations this collection relies on.

    The hub's database claim gets Helm's keep policy, because z2jh's chart would delete it with the release; an
    operator who sets that annotation keeps his own value.

    Args:
        values: merged values, as the chart wants them.
        values_root: the parent chart's key for z2jh's values, such as ``jupyterhub`` or ``a.b``; may be empty.
        secrets_fingerprint: from :func:`fingerprint`; empty without secrets.

    Raises:
        HubError: E-VALUES-11 where the values have something else than a dictionary on the way.
    """
    result = copy.deepcopy(dict(values))
    root = _descend(result, root_path(values_root))
    if secrets_fingerprint:
        _descend(root, ("hub", "annotations"))[SECRETS_ANNOTATION] = secrets_fingerprint
    key, keep = KEEP_POLICY
    _descend(root, ("hub", "db", "pvc", "annotations")).setdefault(key, keep)
    return result


def _descend(values: Json, path: Iterable[str]) -> Json:
    done: list[str] = []
    for key in path:
        done.append(key)
        if values.get(key) is None:
            values[key] = {}
        values = values[key]
        if not isinstance(values, dict):
            raise HubError(
                "E-VALUES-11",
                f"The chart value {'.'.join(done)} is not a dictionary",
                f"correct {'.'.join(done)} in z2jh_values",
                seen=type(values).__name__,
                wanted="a dictionary",
            )
    return values


def secrets_object(namespace: str, secrets: Mapping[str, str]) -> Json:
    """The Secret :data:`HUB_SECRETS`, complete."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": HUB_SECRETS,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": DOMAIN, "app.kubernetes.io/part-of": "jupyterhub"},
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in sorted(secrets.items())},
    }


def generated_object(namespace: str, release: str, name: str, random_hex: Iterable[str]) -> Json:
    """The chart's own Secret with the values it would generate, made before the first install.

    z2jh's templates generate these with one result for the Secret and another for the hash in the pods' annotations,
    so that the next upgrade restarts hub and proxy without any change. Found in place, they are adopted instead.

    Args:
        namespace: the release's namespace.
        release: the release's name.
        name: the Secret's name in the chart.
        random_hex: three texts of 64 hexadecimal characters.
    """
    keys = (
        "hub.config.ConfigurableHTTPProxy.auth_token",
        "hub.config.JupyterHub.cookie_secret",
        "hub.config.CryptKeeper.keys",
    )
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {
                "meta.helm.sh/release-name": release,
                "meta.helm.sh/release-namespace": namespace,
            },
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in zip(keys, random_hex, strict=True)},
    }


def generated_name(values: Mapping[str, Any], values_root: str) -> str:
    """The name of the chart's own Secret; empty where the chart uses none of its own or names it after the release.

    z2jh distinguishes ``fullnameOverride: ""`` (plain names), a text (prefix) and ``null`` (release name as prefix).
    """
    root = dig(values, *root_path(values_root), default={})
    if dig(root, "hub", "existingSecret"):
        return ""
    override = root.get("fullnameOverride", "")
    if override is None:
        return ""
    return f"{override}-hub" if override else "hub"
