#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: read who may pass Identity-Aware Proxy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iap_member_info
short_description: Read who may pass Google's Identity-Aware Proxy
version_added: 0.1.0
description:
  - Reads the access policy of something behind Identity-Aware Proxy, and says what in it deserves a second look.
  - For an object of the cluster it finds the backend services GKE made for it, and those it left over.
  - Roles that are inherited from the project, a folder or the organisation are not in these policies.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.gcp.project
  - researchops.jupyterhub.iap
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
  - researchops.jupyterhub.attributes.actiongroup_k8s_gcp
  - researchops.jupyterhub.attributes.actiongroup_k8s
  - researchops.jupyterhub.attributes.actiongroup_gcp
requirements:
  - google-auth >= 2.23.0
  - requests >= 2.31.0
  - kubernetes >= 29.0.0 (for O(resource.kubernetes))
options:
  role:
    description:
      - The role whose holders are listed as RV(resources[].members); by default
        V(roles/iap.tunnelResourceAccessor) for tunnels and V(roles/iap.httpsResourceAccessor) for everything else.
    type: str
seealso:
  - module: researchops.jupyterhub.iap_member
"""

EXAMPLES = r"""
- name: Read who may open the hub
  researchops.jupyterhub.iap_member_info:
    project: research-hubs
    resource:
      kubernetes: {kind: Ingress, namespace: climate, name: hub-front}
  register: access

- name: Show what deserves a second look
  ansible.builtin.debug:
    var: access.findings
"""

RETURN = r"""
resources:
  description: The policies.
  returned: success
  type: list
  elements: dict
  contains:
    resource:
      description: The resource's path in Google's API.
      type: str
      sample: projects/research-hubs/iap_web
    members:
      description: Who holds O(role) without a condition.
      type: list
      elements: str
      sample: ["group:climate-hub@example.org"]
    bindings:
      description: All bindings, with members and condition (empty for none).
      type: list
      elements: dict
      sample:
        - {role: roles/iap.httpsResourceAccessor, members: ["group:climate-hub@example.org"], condition: {}}
    audited:
      description: Whether the policy has an audit configuration of its own.
      type: bool
      sample: false
    findings:
      description: What deserves a second look, in sentences.
      type: list
      elements: str
      sample: []
  sample: []
findings:
  description: The findings of all policies and of the backends.
  returned: success
  type: list
  elements: str
  sample: []
backends:
  description: The backend services of O(resource.kubernetes), with C(name), C(id), C(region), C(service) and C(iap).
  returned: success
  type: list
  elements: dict
  sample: []
orphans:
  description: Backend services that the cluster left over for the same Services, in the same form.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.progress import Reporter
from ..module_utils._gcp import iap_members
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.iap_api import PolicyApi
from ..module_utils._gcp.iap_options import RESOURCE
from ..module_utils._gcp.iap_policy import parse_resource
from ..module_utils._k8s.client import KubeClient
from ..module_utils._shell import GCP_OPTIONS, GCP_PROJECT, KUBERNETES_OPTIONS, Outcome, Request, run


def body(request: Request) -> Outcome:
    """Read the policies."""
    params = request.params
    parse_resource(params["project"], params["resource"])  # a mistake is told before credentials are needed
    api = GcpApi.from_options(params, learn=request.redactor.add, project=params["project"])
    place = iap_members.Place(
        params["project"],
        api,
        lambda: KubeClient.from_kubeconfig(params["kubeconfig"], params["context"]),
        Reporter(params["project"], "identity-aware proxy", SystemClock()),
    )
    found = iap_members.find(place, params["resource"], wait_timeout=None)
    rows = [
        iap_members.describe(resource, PolicyApi(api, resource).read(), params["role"]) for resource in found.resources
    ]
    findings = iap_members.backend_warnings(found) + [text for row in rows for text in row["findings"]]
    result = {"resources": rows, "findings": findings, **iap_members.backend_report(found)}
    return Outcome(changed=False, result=result)


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={**GCP_OPTIONS, **GCP_PROJECT, **KUBERNETES_OPTIONS, **RESOURCE, "role": {"type": "str"}},
        libraries=("google.auth", "requests"),
    )


if __name__ == "__main__":
    main()
