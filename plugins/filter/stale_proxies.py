# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: which proxies serve an outdated certificate."""

from __future__ import annotations

DOCUMENTATION = """
name: stale_proxies
short_description: Name the proxies that started before their certificate last changed
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - A JupyterHub proxy that ends TLS reads its certificate once, when it starts. This filter compares the start of its
    pods with the last change of the Secret that holds the certificate.
  - A pod that does not mount that Secret is left out. It serves another one, or none, until its release is changed.
  - Key material is not looked at and never returned.
options:
  _input:
    description: The Secret as the API returns it, with C(metadata.managedFields).
    type: dict
    required: true
  pods:
    description:
      - What P(researchops.jupyterhub.cluster_objects#lookup) found of the proxy's pods, with C(resources) and
        C(problem). With a problem the filter fails.
    type: dict
    required: true
positional: pods
"""

EXAMPLES = """
- name: Show which Deployments need a restart
  ansible.builtin.debug:
    msg: "{{ secret | researchops.jupyterhub.stale_proxies({'resources': []}) }}"
  vars:
    secret: {metadata: {name: hub-tls, creationTimestamp: "2026-11-22T12:00:00Z"}}
"""

RETURN = """
_value:
  description: Names of Deployments; empty when every proxy serves the Secret as it is.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def stale_proxies(secret: Mapping[str, Any], pods: Mapping[str, Any]) -> list[str]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import https

    if pods.get("problem"):
        raise AnsibleFilterError(str(pods["problem"]))
    return list(https.stale_proxies(secret, pods["resources"]))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"stale_proxies": stale_proxies}
