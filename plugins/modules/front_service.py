#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: the Service people reach a hub by, with its namespace and its address."""

from __future__ import annotations

DOCUMENTATION = r"""
module: front_service
short_description: The Service people reach a hub by, made before the hub
version_added: 0.1.0
description:
  - Makes the hub's namespace and a Service that selects the hub's proxy pods by the chart's labels, and waits until
    it has an address,
    so that DNS and certificates are right before Helm starts.
  - A hub that already runs with its address on the chart's own Service C(proxy-public) keeps it, also where
    C(fullnameOverride) gives that one another name; then nothing is made and RV(kept) is true.
    See O(keep) for a load balancer that loses its address for a moment.
  - A namespace that holds the hub of another release is refused before anything is changed.
  - A Service that was deleted and is still going, as clouds keep it until its load balancer is gone, is waited for and
    made anew.
  - M(kubernetes.core.k8s) applies objects but cannot wait for a Service's address, nor look at one object to decide
    about another
    in one process.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
  - researchops.jupyterhub.attributes.actiongroup_k8s
requirements:
  - kubernetes >= 29.0.0
options:
  state:
    description:
      - V(present) makes namespace and Service.
      - V(absent) deletes the Service, waits until it is gone, and with it the load balancer, and keeps the namespace.
    type: str
    choices: [present, absent]
    default: present
  namespace:
    description: The hub's namespace.
    type: str
    required: true
  name:
    description: Name of the Service.
    type: str
    default: hub-front
  release:
    description: The Helm release whose pods it selects; by default the namespace's name.
    type: str
  component:
    description: The chart's component that ends the connection.
    type: str
    choices: [proxy, autohttps]
    default: proxy
  type:
    description: The Service's type.
    type: str
    choices: [LoadBalancer, NodePort, ClusterIP]
    default: LoadBalancer
  address:
    description:
      - For V(type=LoadBalancer) the address to ask for; by default any.
      - For the other types the address people use; it is returned as it is.
    type: str
    default: ""
  https_port:
    description: The port of the hub's URL. Port 443 is served too.
    type: int
    default: 443
  source_ranges:
    description: Networks that may connect; by default all. Only for V(type=LoadBalancer).
    type: list
    elements: str
    default: []
  annotations:
    description:
      - Annotations of the Service, as load balancers want them.
      - What is no text is written as JSON, so V(true) is C(true).
    type: dict
    default: {}
  ip_families:
    description: IP families of the Service; by default the cluster's.
    type: str
    choices: ["", SingleStack, PreferDualStack, RequireDualStack]
    default: ""
  keep:
    description:
      - The hub is known to have its address on C(proxy-public), so a load balancer there that shows none is waited for.
        By default it is taken for one that never had any, and O(name) is made.
      - Without such a Service, or beside a Service O(name), this changes nothing.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for the address, and as long for a deleted Service to be gone.
    type: int
    default: 600
  hub:
    description: Who speaks in the progress lines.
    type: str
    default: ""
seealso:
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Give the hub its address
  researchops.jupyterhub.front_service:
    kubeconfig: ~/.kube/research
    namespace: climate
  register: front

- name: Show it
  ansible.builtin.debug:
    var: front.addresses
"""

RETURN = r"""
addresses:
  description: Addresses or host names people reach the hub by. Empty in check mode before the Service exists.
  returned: O(state=present)
  type: list
  elements: str
  sample: [203.0.113.7]
service:
  description: The Service that holds the address.
  returned: O(state=present)
  type: str
  sample: hub-front
kept:
  description: Whether a running hub keeps its address on C(proxy-public).
  returned: O(state=present)
  type: bool
  sample: false
plan:
  description: What was (in check mode would be) done.
  returned: O(state=present)
  type: list
  elements: dict
  contains:
    verb:
      description: C(create) or C(update).
      type: str
      sample: create
    target:
      description: The object.
      type: str
      sample: Service/hub-front
    changes:
      description: The changed fields of an update.
      type: list
      elements: dict
      sample: []
  sample:
    - {verb: create, target: Service/hub-front, changes: []}
transitions:
  description: The progress lines of the wait.
  returned: always
  type: list
  elements: dict
  sample: []
"""

from dataclasses import replace

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.errors import writing
from ..module_utils._core.progress import Reporter
from ..module_utils._k8s.client import Json, KubeClient
from ..module_utils._k8s.front import Front, addresses_of, annotation_texts, problems
from ..module_utils._k8s.front_api import FrontApi
from ..module_utils._shell import KUBERNETES_OPTIONS, Outcome, Request, run


def body(request: Request) -> Outcome:
    """Bring the front to its wanted state."""
    params = request.params
    front = Front(
        namespace=params["namespace"],
        name=params["name"],
        release=params["release"] or params["namespace"],
        component=params["component"],
        kind=params["type"],
        address=params["address"],
        https_port=params["https_port"],
        source_ranges=tuple(sorted(params["source_ranges"])),
        annotations=annotation_texts(params["annotations"]),
        ip_families=params["ip_families"],
    )
    client = KubeClient.from_kubeconfig(params["kubeconfig"], params["context"])
    if params["state"] == "absent":
        return absent(request, front, client)
    errors = problems(front)
    if errors:
        raise errors[0]
    return present(request, front, client)


def absent(request: Request, front: Front, client: KubeClient) -> Outcome:
    """Delete the Service and wait until it is gone, also where an earlier run has deleted it."""
    api, reporter = FrontApi(client, front), speaker(request)
    seen = api.look()
    there = seen.service is not None
    if (there or seen.going) and not request.check_mode:
        api.delete(timeout=request.params["wait_timeout"], reporter=reporter)
    result = {"transitions": reporter.transitions}
    return Outcome(changed=there, result=result, diff={"before": {"service": there}, "after": {"service": False}})


def speaker(request: Request) -> Reporter:
    """Who tells about the waits."""
    hub = request.params["hub"] or request.params["namespace"]
    return Reporter.from_environment(hub, "front door", SystemClock())


def present(request: Request, front: Front, client: KubeClient) -> Outcome:
    """Make what is missing and wait for the address."""
    api, reporter = FrontApi(client, front), speaker(request)
    seen = api.look()
    kept = seen.kept(known=request.params["keep"])
    if kept is not None:
        holder = replace(front, name=kept["metadata"]["name"], kind="LoadBalancer", address="", kept=True)
        result = {"kept": True, "plan": [], **address(request, holder, client, reporter, kept)}
        return Outcome(changed=False, result=result, diff={"before": {}, "after": {}})
    api.refuse_another_hub(seen)
    if not request.check_mode:
        seen = api.make_way(seen, timeout=request.params["wait_timeout"], reporter=reporter)
    plan = api.foretell(seen)
    if plan.changed and not request.check_mode:
        api.apply(seen)
    with writing(plan.changed):
        found = address(request, front, client, reporter, seen.service)
    result = {"kept": False, "plan": [step.as_dict() for step in plan.steps], **found}
    return Outcome(changed=plan.changed, result=result, diff=plan.diff)


def address(request: Request, holder: Front, client: KubeClient, reporter: Reporter, live: Json | None) -> Json:
    """Where people reach the Service that holds the address; waits for a load balancer's, not in check mode."""
    found: tuple[str, ...] = (holder.address,) if holder.address else ()
    if holder.kind == "LoadBalancer" and (request.check_mode or (holder.kept and addresses_of(live))):
        # The run waits until the address asked for is there, so that is the one it would find.
        found = addresses_of(live) if set(found) <= set(addresses_of(live)) else found
    elif holder.kind == "LoadBalancer":
        found = FrontApi(client, holder).addresses(timeout=request.params["wait_timeout"], reporter=reporter)
    return {"addresses": list(found), "service": holder.name, "transitions": reporter.transitions}


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "default": "hub-front"},
            "release": {"type": "str"},
            "component": {"type": "str", "choices": ["proxy", "autohttps"], "default": "proxy"},
            "type": {"type": "str", "choices": ["LoadBalancer", "NodePort", "ClusterIP"], "default": "LoadBalancer"},
            "address": {"type": "str", "default": ""},
            "https_port": {"type": "int", "default": 443},
            "source_ranges": {"type": "list", "elements": "str", "default": []},
            "annotations": {"type": "dict", "default": {}},
            "ip_families": {
                "type": "str",
                "choices": ["", "SingleStack", "PreferDualStack", "RequireDualStack"],
                "default": "",
            },
            "keep": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 600},
            "hub": {"type": "str", "default": ""},
        },
        libraries=("kubernetes", "yaml", "urllib3"),
    )


if __name__ == "__main__":
    main()
