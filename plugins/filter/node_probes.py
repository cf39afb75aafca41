# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: the short pods that try on a node what nothing else can tell, and what they told."""

from __future__ import annotations

DOCUMENTATION = """
name: node_probes
short_description: Plan the probe pods of a preflight, and judge what became of them
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Without O(found), says which objects to make and to remove so that a node tries the hub's images and its issuer.
  - With O(found), turns what the cluster said about such a plan into rows of the preflight.
options:
  _input:
    description:
      - The wish, or the plan that this filter made of it.
      - A wish has C(namespace), C(run), C(obstacle), C(look), C(values), C(root), C(chart), C(chart_ref),
        C(chart_version), C(issuer), C(ca_file) and C(ca_pem).
    type: dict
    required: true
  found:
    description: C(pods), C(events), C(elapsed), C(created) and C(removed); what the modules returned.
    type: dict
positional: found
"""

EXAMPLES = """
- name: Show what the nodes said
  ansible.builtin.debug:
    msg: "{{ (plan | researchops.jupyterhub.node_probes({'pods': [], 'elapsed': 300, 'created': {}})).rows }}"
  vars:
    plan: {namespace: climate, selector: "", documents: [], leftovers: [], remove: [], probes: []}
"""

RETURN = """
_value:
  description: A plan, or what became of it.
  type: dict
  contains:
    namespace: {description: Where the pods are., type: str}
    selector: {description: The labels of this run's pods., type: str}
    documents: {description: What to make., type: list, elements: dict}
    leftovers: {description: What an earlier run left., type: list, elements: dict}
    remove: {description: What has to be gone in the end., type: list, elements: dict}
    probes: {description: The rows to come., type: list, elements: dict}
    done: {description: Whether every pod is judged., type: bool}
    rows: {description: "Rows with C(check), C(ok) and C(text).", type: list, elements: dict}
"""

from collections.abc import Callable, Mapping
from typing import Any


def node_probes(given: Mapping[str, Any], found: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import probes

    return probes.plan(given) if found is None else probes.judge(given, found)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"node_probes": node_probes}
