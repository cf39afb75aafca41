# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Which image the hub and its users will run, with what a node needs to run it, as the chart reads its values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .chart_lock import Z2JH_REPOSITORY
from .values import dig, mapping_at, override, root_path

PUBLISHED = {"hub": "quay.io/jupyterhub/k8s-hub", "singleuser": "quay.io/jupyterhub/k8s-singleuser-sample"}
"""Images of the chart that Zero to JupyterHub publishes; a published chart's version is their tag."""
PUBLISHED_SINCE = (3, 3)
UNBUILT = "set-by-chartpress"
"""The tag in the chart's sources; only a published chart has a real one."""
MADE_SECRET = "image-pull-secret"
"""The pull secret that the chart makes itself, where it is told to."""
DEDICATED = {"hub": "core", "singleuser": "user"}
"""What nodes may be reserved for, by a taint that the chart's own pods tolerate."""


@dataclass(frozen=True)
class Image:
    """An image, and how the chart's pods get it.

    Attributes:
        ref: name and tag; empty with a problem.
        policy: when kubelet pulls it.
        secrets: names of pull secrets.
        node_selector: labels of the nodes the pods may go to.
        tolerations: taints they accept there.
        problem: why the image is not known.
    """

    ref: str = ""
    policy: str = "IfNotPresent"
    secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    problem: str = ""


def image_of(part: str, wish: Mapping[str, Any]) -> Image:
    """The image of the hub (``hub``) or of its users' servers (``singleuser``).

    Args:
        part: which of them.
        wish: ``values``, ``root``, ``chart`` (the chart's own values, as far as they are at hand), ``chart_ref`` and
            ``chart_version``.
    """
    root = root_path(str(wish["root"]))
    values = override(mapping_at(wish["chart"], *root), mapping_at(wish["values"], *root))
    told = dig(values, part, "image", default={})
    usual = _published(part, wish) if not root else {}
    name, tag = (str(dig(told, key, default="")) or usual.get(key, "") for key in ("name", "tag"))
    if tag == UNBUILT:
        tag = usual.get("tag", "")
    if not name or not tag:
        return Image(problem=f"because neither z2jh_values nor a chart at hand names {part}.image")
    return Image(
        ref=f"{name}:{tag}",
        policy=str(dig(told, "pullPolicy", default="") or "IfNotPresent"),
        secrets=tuple(dict.fromkeys(_secrets(part, values))),
        node_selector=dict(dig(values, part, "nodeSelector", default={})),
        tolerations=tuple(_tolerations(part, values)),
    )


def _published(part: str, wish: Mapping[str, Any]) -> dict[str, str]:
    """What the published chart of an exact version says, without a download."""
    version = str(wish["chart_version"]).removeprefix("v")
    release = re.fullmatch(r"(\d+)\.(\d+)\.\d+", version)
    ours = str(wish["chart_ref"]).rstrip("/") == f"{Z2JH_REPOSITORY}/jupyterhub"
    if not ours or not release or (int(release[1]), int(release[2])) < PUBLISHED_SINCE:
        return {}
    return {"name": PUBLISHED[part], "tag": version}


def _secrets(part: str, values: Mapping[str, Any]) -> list[str]:
    listed = [*dig(values, "imagePullSecrets", default=[]), *dig(values, part, "image", "pullSecrets", default=[])]
    named = [str(dig(one, "name", default="") if isinstance(one, Mapping) else one) for one in listed]
    made = [MADE_SECRET] if dig(values, "imagePullSecret", "create", default=False) else []
    return [name for name in [*made, *named] if name]


def _tolerations(part: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    own = dig(values, part, {"hub": "tolerations", "singleuser": "extraTolerations"}[part], default=[])
    keys = ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
    usual = [{"key": key, "operator": "Equal", "value": DEDICATED[part], "effect": "NoSchedule"} for key in keys]
    return [*own, *usual]
