# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: for which backend services IAP signs its statements, as far as anybody knows."""

from __future__ import annotations

DOCUMENTATION = """
name: iap_audiences
short_description: Find out for which backend services Identity-Aware Proxy signs its statements
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - A hub behind Identity-Aware Proxy (IAP) checks for whom a statement was made (its audience), so the hub's values
    need the backend services of the front door.
  - What is known (O(known)) is returned as it is. Otherwise the running Helm release is asked what it was given, so
    that a run without the front door plans what is there.
  - A problem is returned as data, so that a play can report it together with all other problems.
options:
  _terms:
    description: Names of Helm releases, usually one.
    type: list
    elements: str
    required: true
  namespace:
    description: Namespace of the release.
    type: str
    required: true
  known:
    description: Audiences that the operator set or the front door found. The cluster is then not asked.
    type: list
    elements: str
    default: []
  values_root:
    description: The key below which a parent chart has the hub's values.
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
  later:
    description: The front door may still be made (preflight, check mode), so not knowing is no problem.
    type: bool
    default: false
  ca_file:
    description: PEM file with the only authorities that the hub is to trust for Google's keys. Empty means the usual.
    type: str
    default: ""
seealso:
  - plugin: researchops.jupyterhub.oidc_discovery
    plugin_type: lookup
"""

EXAMPLES = """
- name: Show for whom IAP signs
  ansible.builtin.debug:
    msg: "{{ lookup('researchops.jupyterhub.iap_audiences', 'climate', namespace='climate', known=known).audiences }}"
  vars:
    known: [/projects/123456789012/global/backendServices/1234567890]
"""

RETURN = """
_raw:
  description: One dictionary a release.
  type: list
  elements: dict
  contains:
    audiences: {description: The audiences; empty where nobody knows., type: list, elements: str}
    pending: {description: Whether nobody knows while O(later) says that this is no problem., type: bool}
    ca_pem: {description: The text of O(ca_file)., type: str}
    problem:
      description: Empty, or the parts of the error (C(error_id), C(what), C(do), C(seen), C(wanted)).
      type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.audiences import (
    find_audiences,
    recorded_audiences,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import KubeClient


def iap_audiences(release: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """See DOCUMENTATION; ``options`` has all of them."""

    def recorded() -> list[str]:
        client = KubeClient.from_kubeconfig(options["kubeconfig"] or None, options["context"] or None)
        return recorded_audiences(client, str(options["namespace"]), release, str(options["values_root"]))

    known = [str(audience) for audience in options["known"]]
    return find_audiences(known, recorded, later=bool(options["later"]), ca_file=str(options["ca_file"]))


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        return [iap_audiences(str(release), self.get_options()) for release in terms]
