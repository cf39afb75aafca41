# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The pod behind a user's server: which image runs in it, whether it is still the same, why it does not start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .._k8s.client import KubeClient

Json = dict[str, Any]

USER_PODS = "component=singleuser-server"
"""The label that KubeSpawner gives every user pod in z2jh's set-up."""
USER_NOTE = "hub.jupyter.org/username"
SERVER_NOTE = "hub.jupyter.org/servername"
"""Annotations with the names as the hub has them; the labels' escaped form changed between releases."""
CONTAINER = "notebook"
DOCKER_HUB = "docker.io"
"""The registry of a reference that names none."""
HINTS = 4
"""Events quoted in a message; older ones rarely say more."""


@dataclass(frozen=True)
class UserPod:
    """One user pod, as far as this test wants to know it."""

    name: str
    uid: str
    image: str
    image_id: str
    node: str


def parse_pod(pod: Mapping[str, Any]) -> UserPod:
    """A pod from its API object."""
    meta, spec, status = pod.get("metadata") or {}, pod.get("spec") or {}, pod.get("status") or {}
    containers = spec.get("containers") or [{}]
    main = next((one for one in containers if one.get("name") == CONTAINER), containers[0])
    running: Mapping[str, Any] = next(
        (one for one in status.get("containerStatuses") or [] if one.get("name") == main.get("name")), {}
    )
    return UserPod(
        name=meta.get("name", ""),
        uid=meta.get("uid", ""),
        image=main.get("image", ""),
        image_id=running.get("imageID", ""),
        node=spec.get("nodeName", ""),
    )


def pods_of(pods: Iterable[Mapping[str, Any]], user: str) -> list[UserPod]:
    """The pods of a user's default server; usually one, two while an old one ends."""
    found = []
    for pod in pods:
        notes = (pod.get("metadata") or {}).get("annotations") or {}
        if notes.get(USER_NOTE) == user and not notes.get(SERVER_NOTE):
            found.append(parse_pod(pod))
    return found


@dataclass(frozen=True)
class Reference:
    """An image reference, with what it leaves out.

    Attributes:
        registry: its host.
        path: the repository there.
        tag: ``latest`` where it says neither tag nor digest; empty where it says a digest only.
        digest: with its algorithm; empty where there is none.
    """

    registry: str
    path: str
    tag: str
    digest: str

    @classmethod
    def read(cls, text: str) -> Reference:
        """A reference as container runtimes read it."""
        rest, _at, digest = text.partition("@")
        head, slash, last = rest.rpartition("/")
        name, _colon, tag = last.partition(":")
        registry, _slash, path = (head + slash + name).partition("/")
        if not path or not ("." in registry or ":" in registry or registry == "localhost"):
            registry, path = DOCKER_HUB, head + slash + name
        if registry == DOCKER_HUB and "/" not in path:
            path = f"library/{path}"
        return cls(registry, path, tag or ("" if digest else "latest"), digest)

    def copied_by(self, other: Reference) -> bool:
        """Whether another reference may be a mirror's for this one: its path in another registry, maybe below more."""
        path = self.path.removeprefix("library/")
        return other.registry != self.registry and f"/{other.path}".endswith(f"/{path}")


@dataclass(frozen=True)
class Compared:
    """How a pod's image and the pinned one differ; both empty when it is the one.

    Attributes:
        wrong: what is certainly another image.
        unproved: what admission may have made of the pinned one, and nobody here can tell.
    """

    wrong: str = ""
    unproved: str = ""


def compare_image(pod: UserPod, expected: str) -> Compared:
    """Whether a pod runs the pinned image.

    A digest in ``expected`` is compared with what the node runs, not only with what the pod asks for. Admission may add
    a digest (Kyverno, k8s-digester, Connaisseur) or put a mirror's name in place of the registry's; only a digest in
    ``expected`` proves that a mirror has the same.
    """
    asks, wish = Reference.read(pod.image), Reference.read(expected)
    told = f"the pod asks for {pod.image}"
    at_home = (asks.registry, asks.path) == (wish.registry, wish.path)
    place_fits = at_home or wish.copied_by(asks)
    tag_fits = not wish.tag or asks.tag in ("", wish.tag)
    if not place_fits or not tag_fits or wish.digest not in ("", asks.digest):
        return Compared(wrong=told)
    if wish.digest:
        runs = pod.image_id.endswith(wish.digest)
        return Compared() if runs else Compared(wrong=f"the node runs {pod.image_id or 'an unknown image'}")
    if not asks.tag:
        return Compared(unproved=f"{told}, whose tag nobody can tell")
    if not at_home:
        return Compared(unproved=f"{told}, which has path and tag of {expected} in another registry (a mirror?)")
    return Compared()


def hints(events: Iterable[Mapping[str, Any]], user: str) -> list[str]:
    """What the cluster said last about a user's pod, as ``reason: message (count)``, warnings first."""
    slug = re.sub(r"[^a-z0-9]+", "", user.lower())[:8]
    said: dict[str, tuple[bool, str]] = {}
    for event in events:
        about = event.get("involvedObject") or {}
        name = re.sub(r"[^a-z0-9]+", "", str(about.get("name", "")).removeprefix("jupyter-"))
        if about.get("kind") not in ("Pod", "PersistentVolumeClaim") or not slug or slug not in name:
            continue
        when = str(event.get("lastTimestamp") or event.get("eventTime") or "")
        text = f"{event.get('reason', '')}: {event.get('message', '')}".strip().splitlines()[0][:200]
        said[text] = (event.get("type") == "Warning", max(when, said.get(text, (False, ""))[1]))
    newest = sorted(said, key=lambda text: said[text], reverse=True)
    return newest[:HINTS]


class UserPods:
    """Reads the pods of one hub's namespace."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{quote(namespace, safe='')}"
        self.namespace = namespace

    def of(self, user: str) -> list[UserPod]:
        """The pods of a user's default server, those that are ending included."""
        return pods_of(self._client.list(f"{self._path}/pods", {"labelSelector": USER_PODS}), user)

    def hints(self, user: str) -> list[str]:
        """See :func:`hints`."""
        return hints(self._client.list(f"{self._path}/events"), user)
