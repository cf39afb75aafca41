# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: whose servers run although their owner may not enter any more."""

from __future__ import annotations

DOCUMENTATION = """
name: shut_out
short_description: Name the servers whose owners may not enter the hub any more
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Identity-Aware Proxy (IAP) looks at a websocket only when it is opened, and a hub looks at requests only. Whoever is
    taken off their lists keeps a running server until somebody stops it. This filter names such servers.
  - An owner counts as shut out when that person was taken off IAP's list, or when the hub's own rules do not let the
    person in. Who is in a group is not known, so a removed group shuts nobody out.
  - Rules are judged only for a hub whose login is what IAP signed, and which has no C(hub.extraConfig).
options:
  _input:
    description: Users' pods, as M(kubernetes.core.k8s_info) returns them; only their metadata is read.
    type: list
    elements: dict
    required: true
  removed:
    description: Members that IAP's list has lost, as M(researchops.jupyterhub.iap_member) returns them.
    type: list
    elements: str
    required: true
  values:
    description:
      - The hub's chart values, as P(researchops.jupyterhub.chart_values#filter) returns them in C(hub); empty where
        they are not known.
    type: dict
    required: true
positional: removed, values
"""

EXAMPLES = """
- name: Show whose servers are to be stopped
  ansible.builtin.debug:
    msg: "{{ pods | researchops.jupyterhub.shut_out(['user:ada@example.org'], {}) }}"
  vars:
    pods: [{metadata: {name: jupyter-ada, annotations: {hub.jupyter.org/username: ada@example.org}}}]
"""

RETURN = """
_value:
  description: One dictionary for each server that is to be stopped.
  type: list
  elements: dict
  contains:
    pod: {description: The pod's name., type: str}
    user: {description: Its owner., type: str}
    reason: {description: Why the owner may not enter., type: str}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def shut_out(
    pods: Sequence[Mapping[str, Any]], removed: Sequence[str], values: Mapping[str, Any]
) -> list[dict[str, str]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import shut_out as rules

    return rules.shut_out(pods, removed, values)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"shut_out": shut_out}
