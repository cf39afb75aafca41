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
from typing import Any

from ansible.errors import AnsibleFilterError


def door_preflight(settings: Mapping[str, Any], role: str, reachable: bool = True) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import settings as dns_settings
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import acme
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import front, front_gke_verdicts

    if role == "hub_front":
        return front.rows(settings)
    if role == "gke_iap":
        return front_gke_verdicts.rows(settings)
    if role == "hub_dns":
        return dns_settings.rows(settings)
    if role == "letsencrypt":
        return acme.rows(settings, bool(reachable))
    raise AnsibleFilterError(f"door_preflight knows hub_front, gke_iap, hub_dns and letsencrypt, not {role!r}")


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"door_preflight": door_preflight}
