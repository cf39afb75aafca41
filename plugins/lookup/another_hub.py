# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: does the namespace hold the hub of another release?"""

from __future__ import annotations

DOCUMENTATION = """
name: another_hub
short_description: Find out whether a namespace holds the hub of another release
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Judges by the rule of M(researchops.jupyterhub.front_service) whether a run for a release would take name, front
    door and Secrets from the hub of another one, and changes nothing. A running hub of this release costs one request.
  - A problem is returned as text, so that a preflight can report it together with all other problems.
options:
  _terms:
    description: Names of Helm releases, usually one.
    type: list
    elements: str
    required: true
  namespace:
    description: The hub's namespace. It need not exist.
    type: str
    required: true
  kubeconfig:
    description: The kubeconfig to use. Empty means the usual one of kubectl.
    type: str
    default: ""
  context:
    description: The context in it. Empty means the current one.
    type: str
    default: ""
seealso:
  - module: researchops.jupyterhub.front_service
"""

EXAMPLES = """
- name: Stop where another hub would lose its people
  ansible.builtin.assert:
    that: lookup('researchops.jupyterhub.another_hub', 'climate', namespace='climate') | length == 0
"""

RETURN = """
_raw:
  description: A text for each release. It is empty where nothing stands in the way, else the whole error.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import KubeClient, if_allowed
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front import Front
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_api import refuse_another_hub


def another_hub(release: str, options: Mapping[str, Any]) -> str:
    """See DOCUMENTATION; ``options`` has all of them."""
    front = Front(namespace=str(options["namespace"]), name="hub-front", release=release)
    try:
        client = KubeClient.from_kubeconfig(options["kubeconfig"] or None, options["context"] or None)
        service = if_allowed(lambda: client.get(front.path))
        refuse_another_hub(client, front.namespace, release, service)
    except HubError as problem:
        return problem.text()
    return ""


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        return [another_hub(str(release), self.get_options()) for release in terms]
