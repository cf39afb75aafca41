# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The option ``resource`` of the modules about Identity-Aware Proxy; documented by the fragment ``iap``."""

from __future__ import annotations

from typing import Any

from .backends import KINDS


def _inside(place: str) -> dict[str, Any]:
    """Something with a name inside a region or zone."""
    text = {"type": "str", "required": True}
    return {"type": "dict", "options": {place: text, "name": text}}


RESOURCE: dict[str, dict[str, Any]] = {
    "resource": {
        "type": "dict",
        "required": True,
        "options": {
            "kubernetes": {
                "type": "dict",
                "options": {
                    "kind": {"type": "str", "choices": list(KINDS), "default": "Ingress"},
                    "namespace": {"type": "str", "required": True},
                    "name": {"type": "str", "required": True},
                },
            },
            "backend_service": {"type": "str"},
            "regional_backend_service": _inside("region"),
            "all_web": {"type": "bool"},
            "tunnel": {"type": "bool"},
            "tunnel_zone": {"type": "str"},
            "tunnel_instance": _inside("zone"),
            "tunnel_dest_group": _inside("region"),
        },
    },
}
"""Exactly one suboption; iap_policy.parse_resource says which one is missing or too much."""
