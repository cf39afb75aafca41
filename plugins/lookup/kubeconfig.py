# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: the kubeconfig that a role uses."""

from __future__ import annotations

DOCUMENTATION = """
name: kubeconfig
short_description: The kubeconfig that the roles of this collection use
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Returns the private kubeconfig of the role P(researchops.jupyterhub.cluster_access#role), which has looked whether
    it leads to the right cluster. In a play without that role it returns the given one.
  - A play that has the role and left it out, as C(--start-at-task) does, is stopped. The given kubeconfig may lead to
    another cluster, and nobody has looked.
options:
  _terms:
    description: The kubeconfig of a person, for a play without P(researchops.jupyterhub.cluster_access#role). It may be
      empty.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Show which kubeconfig the roles use
  ansible.builtin.debug:
    msg: "{{ lookup('researchops.jupyterhub.kubeconfig', '~/.kube/research') }}"
"""

RETURN = """
_raw:
  description: The path. It is empty where nothing is given, which means the usual one of kubectl.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError

FACT = "__cluster_access_generated"
ROLE = "researchops.jupyterhub.cluster_access"


def kubeconfig(given: str, variables: Mapping[str, Any]) -> str:
    """See DOCUMENTATION; ``variables`` are those of the task.

    Raises:
        AnsibleLookupError: E-ACCESS-22.
    """
    if FACT in variables:
        return str(variables[FACT])
    if ROLE in (variables.get("ansible_play_role_names") or ()):
        error = HubError(
            error_id="E-ACCESS-22",
            what="The role cluster_access of this play was left out, so nobody has looked which cluster this is",
            do="run the play from its start; for a part of it use --tags (in a play of your own cluster_access needs "
            "the tag always)",
        )
        raise AnsibleLookupError(error.text())
    return str(given)


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        return [kubeconfig(given, variables or {}) for given in terms]
