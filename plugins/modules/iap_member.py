#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: who may pass Identity-Aware Proxy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iap_member
short_description: Who may pass Google's Identity-Aware Proxy
version_added: 0.1.0
description:
  - Gives a role on something behind Identity-Aware Proxy to members, or takes it away, with one reading and at most one
    write of each access policy, however many members there are.
  - The normal member is a Google group. People then come and go in the group, without this module and without a change
    of the policy; a single person as a member is the exception.
  - Safe beside other writers. Every write carries the etag of its reading; when somebody else was faster, their policy
    is read and the change is decided anew. Bindings of other roles or conditions and the audit configuration are handed
    back as they came.
  - A policy takes at most a minute, with all conflicts and confirming readings, plus the pauses that Google itself asks
    for (status 429 or C(Retry-After)), which are kept up to a minute each and 10 minutes in all.
  - A new member gets in after some minutes only, and a removed one stays in as long, because Google spreads a policy
    slowly; a removed user's open notebooks go on until the server is stopped.
  - google.cloud has no module for these policies, and a loop over one member at a time would read and write the policy
    once per member.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.gcp.project
  - researchops.jupyterhub.iap
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
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
      - The role. V(roles/iap.httpsResourceAccessor) lets people open web pages, V(roles/iap.tunnelResourceAccessor)
        lets them through a TCP tunnel; one of them on a resource of the other kind lets nobody in and is refused.
    type: str
    default: roles/iap.httpsResourceAccessor
  members:
    description:
      - The members, as C(group:NAME@DOMAIN) (the normal case), C(user:), C(domain:), C(serviceAccount:),
        C(principal://), C(principalSet://), V(allAuthenticatedUsers) or V(allUsers).
      - E-mail addresses and domains are compared without case, as Google does.
      - Of an alias Google stores the primary address or domain. The module then fails and names it, because the policy
        would never say what is asked for; O(state=absent) finds the primary one only.
      - With O(state=exact) an empty list takes the role away from everybody.
    type: list
    elements: str
    required: true
  condition:
    description:
      - When the role holds. The condition is part of the binding's identity; without it only the binding without a
        condition is looked at.
    type: dict
    suboptions:
      title:
        description: A short name.
        type: str
        required: true
      expression:
        description: The condition in Common Expression Language.
        type: str
        required: true
      description:
        description: A longer text.
        type: str
        default: ""
  state:
    description:
      - V(present) adds the members, V(absent) removes them, V(exact) makes them the only ones of this role and
        condition.
    type: str
    choices: [present, absent, exact]
    default: present
  confirm:
    description:
      - What has to show a change before it counts as done. V(none) trusts Google's answer, V(read) reads the policy
        once more, V(stable) reads until three readings in a row show it.
    type: str
    choices: [none, read, stable]
    default: read
  wait_timeout:
    description:
      - Seconds to wait until GKE has made and reported the backend services of O(resource.kubernetes).
      - With O(state=absent) and in check mode there is no wait; where there are none yet, a warning says so.
    type: int
    default: 600
  hub:
    description: Who speaks in the progress lines.
    type: str
    default: ""
seealso:
  - module: researchops.jupyterhub.iap_member_info
"""

EXAMPLES = r"""
- name: Let the climate group open the hub
  researchops.jupyterhub.iap_member:
    project: research-hubs
    resource:
      kubernetes: {kind: Ingress, namespace: climate, name: hub-front}
    members: ["group:climate-hub@example.org"]

- name: A guest, until the end of the year
  researchops.jupyterhub.iap_member:
    project: research-hubs
    resource:
      kubernetes: {namespace: climate, name: hub-front}
    members: ["user:ada@example.com"]
    condition:
      title: until 2027
      expression: request.time < timestamp("2027-01-01T00:00:00Z")

- name: Nobody but the administrators may use the bastion
  researchops.jupyterhub.iap_member:
    project: research-hubs
    resource:
      tunnel_instance: {zone: europe-west1-b, name: bastion}
    role: roles/iap.tunnelResourceAccessor
    members: ["group:hub-admins@example.org"]
    state: exact
"""

RETURN = r"""
resources:
  description: What became (in check mode would become) of each policy.
  returned: success
  type: list
  elements: dict
  contains:
    resource:
      description: The resource's path in Google's API.
      type: str
      sample: projects/research-hubs/iap_web/compute/services/k8s1-0a1b2c3d-climate-hub-front-80-9f8e7d6c
    role:
      description: The role.
      type: str
      sample: roles/iap.httpsResourceAccessor
    members:
      description: All members of this role and condition afterwards.
      type: list
      elements: str
      sample: ["group:climate-hub@example.org"]
    added:
      description: The members that came in.
      type: list
      elements: str
      sample: ["group:climate-hub@example.org"]
    removed:
      description: The members that went.
      type: list
      elements: str
      sample: []
    changed:
      description: Whether this policy changed.
      type: bool
      sample: true
  sample: []
backends:
  description: The backend services of O(resource.kubernetes).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name GKE gave it.
      type: str
      sample: k8s1-0a1b2c3d-climate-hub-front-80-9f8e7d6c
    id:
      description: Its number, as the audience of Identity-Aware Proxy's signed header names it.
      type: str
      sample: "4711474711474711"
    region:
      description: Its region, empty for a global one.
      type: str
      sample: ""
    service:
      description: The Service behind it, as namespace and name.
      type: str
      sample: climate/hub-front
    iap:
      description: Whether Identity-Aware Proxy is on for it.
      type: bool
      sample: true
  sample: []
orphans:
  description: Backend services that the cluster left over for the same Services, in the same form. They stay as they
    are.
  returned: success
  type: list
  elements: dict
  sample: []
pending:
  description: In check mode, whether the backend services are still to be made, so that their policies are not known.
  returned: success
  type: bool
  sample: false
plan:
  description: What was (in check mode would be) done.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: C(create), C(update) or C(delete) of the binding.
      type: str
      sample: update
    target:
      description: Role and resource.
      type: str
      sample: roles/iap.httpsResourceAccessor on projects/research-hubs/iap_web
    changes:
      description: The members before and after.
      type: list
      elements: dict
      sample: []
  sample: []
requests:
  description: How many requests the policies took; readings that confirm a change are counted apart.
  returned: success
  type: dict
  sample: {reads: 1, writes: 1, confirmations: 1, conflicts: 0}
transitions:
  description: The progress lines of the wait.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.progress import Reporter
from ..module_utils._gcp import iap_members
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.iap_options import RESOURCE
from ..module_utils._gcp.iap_policy import mixup, parse_resource, parse_wish
from ..module_utils._k8s.client import KubeClient
from ..module_utils._shell import GCP_OPTIONS, GCP_PROJECT, KUBERNETES_OPTIONS, Outcome, Request, run

CONDITION = {
    "title": {"type": "str", "required": True},
    "expression": {"type": "str", "required": True},
    "description": {"type": "str", "default": ""},
}


def body(request: Request) -> Outcome:
    """Bring the policies to their wanted state."""
    params = request.params
    wish = parse_wish(params)
    named = parse_resource(params["project"], params["resource"])
    wrong = mixup(wish, named or iap_members.ANY_BACKEND)
    if wrong is not None:
        raise wrong
    reporter = Reporter.from_environment(params["hub"] or params["project"], "identity-aware proxy", SystemClock())
    api = GcpApi.from_options(params, learn=request.redactor.add, project=params["project"])
    place = iap_members.Place(
        params["project"],
        api,
        lambda: KubeClient.from_kubeconfig(params["kubeconfig"], params["context"]),
        reporter,
    )
    once = request.check_mode or wish.state == "absent"
    found = iap_members.find(place, params["resource"], wait_timeout=None if once else params["wait_timeout"])
    done = iap_members.settle_all(api, found.resources, wish, check_mode=request.check_mode, confirm=params["confirm"])
    pending = not done and wish.state != "absent"
    result = iap_members.report(found, done, wish) | {"pending": pending, "transitions": reporter.transitions}
    warnings = iap_members.member_warnings(found, done, wish)
    changed = pending or any(settled.changed for _resource, settled in done)
    return Outcome(changed=changed, result=result, diff=iap_members.diff(done), warnings=warnings)


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **GCP_OPTIONS,
            **GCP_PROJECT,
            **KUBERNETES_OPTIONS,
            **RESOURCE,
            "role": {"type": "str", "default": "roles/iap.httpsResourceAccessor"},
            "members": {"type": "list", "elements": "str", "required": True},
            "condition": {"type": "dict", "options": CONDITION},
            "state": {"type": "str", "choices": ["present", "absent", "exact"], "default": "present"},
            "confirm": {"type": "str", "choices": ["none", "read", "stable"], "default": "read"},
            "wait_timeout": {"type": "int", "default": 600},
            "hub": {"type": "str", "default": ""},
        },
        libraries=("google.auth", "requests"),
    )


if __name__ == "__main__":
    main()
