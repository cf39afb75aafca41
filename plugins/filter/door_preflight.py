# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: do the settings of a front-door role fit together."""

from __future__ import annotations

DOCUMENTATION = """
name: door_preflight
short_description: Judge the settings of a front-door role without asking anybody
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Returns rows of the preflight table about the settings of the roles P(researchops.jupyterhub.hub_front#role),
    P(researchops.jupyterhub.hub_dns#role), P(researchops.jupyterhub.gke_iap#role)
    and P(researchops.jupyterhub.letsencrypt#role).
  - Secrets among the settings are looked at and never returned.
options:
  _input:
    description: The settings, named as the role's variables without the role's name.
    type: dict
    required: true
  role:
    description: The role whose settings these are.
    type: str
    choices: [hub_front, gke_iap, hub_dns, letsencrypt]
    required: true
  reachable:
    description: For V(letsencrypt), whether the ACME server was seen to answer.
    type: bool
    default: true
seealso:
  - plugin: researchops.jupyterhub.layer_problems
    plugin_type: filter
"""

EXAMPLES = """
- name: Check the settings of the front Service
  vars:
    settings: {kind: LoadBalancer, address: "", https_port: 443, source_ranges: [192.0.2.0/24]}
  ansible.builtin.debug:
    msg: "{{ settings | researchops.jupyterhub.door_preflight('hub_front') | map(attribute='text') }}"
"""

RETURN = """
_value:
  description: Rows with C(check), C(ok) and C(text).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ansible.errors import AnsibleFilterError

UTILS = "ansible_collections.researchops.jupyterhub.plugins.module_utils"
ROLES = {
    "hub_front": "_k8s.front",
    "gke_iap": "_k8s.front_gke_verdicts",
    "hub_dns": "_dns.settings",
    "letsencrypt": "_hub.acme",
}
"""Whose ``rows`` judge a role's settings; only that one is loaded, because every role of a run asks."""


def door_preflight(settings: Mapping[str, Any], role: str, reachable: bool = True) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    if role not in ROLES:
        raise AnsibleFilterError(f"door_preflight knows {', '.join(ROLES)}, not {role!r}")
    rows = import_module(f"{UTILS}.{ROLES[role]}").rows
    found: list[dict[str, Any]] = rows(settings, bool(reachable)) if role == "letsencrypt" else rows(settings)
    return found


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"door_preflight": door_preflight}
