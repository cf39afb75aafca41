# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: objects of a cluster, read without a module process."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_objects
short_description: Read objects of a cluster where a task needs them
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Reads one object by name, or all objects of a kind that carry a label, in one request of the play's own process.
  - It is for the few reads that every run of a role repeats. M(kubernetes.core.k8s_info) starts a process, loads the
    whole client and asks the server for its kinds first, which takes about three times as long. Use it for everything
    else.
  - A problem is returned as data, because a task that reads a Secret shows nothing when it fails.
options:
  _terms:
    description: Kinds that Kubernetes itself has, usually one, such as V(Secret).
    type: list
    elements: str
    required: true
  api_version:
    description: API group and version of the kind.
    type: str
    default: v1
  namespace:
    description: Namespace of the objects; not used for kinds without one.
    type: str
    default: ""
  name:
    description: Name of the only object wanted. Empty means all.
    type: str
    default: ""
  label_selector:
    description: Labels that the objects must carry, as kubectl takes them.
    type: str
    default: ""
  kubeconfig:
    description: The kubeconfig to use. Empty means the usual one of kubectl.
    type: str
    default: ""
  context:
    description: The context in it. Empty means the current one.
    type: str
    default: ""
seealso:
  - module: kubernetes.core.k8s_info
"""

EXAMPLES = """
- name: Show which pods the proxy has
  ansible.builtin.debug:
    msg: "{{ found.problem or found.resources | map(attribute='metadata.name') }}"
  vars:
    found: >-
      {{ lookup('researchops.jupyterhub.cluster_objects', 'Pod', namespace='climate',
                label_selector='component=proxy') }}
"""

RETURN = """
_raw:
  description: One dictionary a kind.
  type: list
  elements: dict
  contains:
    resources:
      description: The objects as the API returns them; none where there is no such object.
      type: list
      elements: dict
    problem:
      description: Empty, or the error as one text.
      type: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import KubeClient
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.objects import collection_path


def cluster_objects(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """See DOCUMENTATION; ``options`` has all of them.

    Raises:
        AnsibleLookupError: for a kind that Kubernetes does not have.
    """
    path = collection_path(str(options["api_version"]), kind, str(options["namespace"]))
    if path is None:
        raise AnsibleLookupError(f"cluster_objects: Kubernetes itself has no {kind} in {options['api_version']}")
    try:
        client = KubeClient.from_kubeconfig(options["kubeconfig"] or None, options["context"] or None)
        if options["name"]:
            found = client.get(f"{path}/{options['name']}")
            return {"resources": [] if found is None else [found], "problem": ""}
        selector = {"labelSelector": str(options["label_selector"])} if options["label_selector"] else {}
        return {"resources": client.list(path, selector), "problem": ""}
    except HubError as problem:
        return {"resources": [], "problem": problem.text()}


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        return [cluster_objects(str(kind), self.get_options()) for kind in terms]
