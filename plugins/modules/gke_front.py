#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: a hub's front door on GKE, with Identity-Aware Proxy in front of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gke_front
short_description: A hub's front door on GKE, behind Identity-Aware Proxy
version_added: 0.1.0
description:
  - Makes the hub's namespace, the Service C(hub-front) and what leads to it through Google's load balancer, as Ingress
    (BackendConfig, FrontendConfig, ManagedCertificate) or as Gateway (HTTPRoute, GCPBackendPolicy, HealthCheckPolicy),
    and waits until the load balancer stands at its address and asks Identity-Aware Proxy.
  - Returns the audience of the JWTs that Identity-Aware Proxy signs, which exists only after Google made the backend.
  - Kernels and terminals need long-lived websockets, so a backend that would cut them is refused and, on the live load
    balancer, not accepted.
  - Objects of ours that the wanted door does not need any more (after a change of door, domain or OAuth client) are
    deleted; objects without our label never are.
  - M(kubernetes.core.k8s) applies objects one process at a time, knows no readiness of an Ingress or a Gateway, shows a
    Secret's values in its result, and cannot ask Compute Engine what became of them, so a door by its means is a
    dozen tasks with a gap between each of them. M(researchops.jupyterhub.front_service) makes a Service with an
    address of its own, which has no part in this.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.gcp.project
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
  - researchops.jupyterhub.attributes.actiongroup_k8s_gcp
  - researchops.jupyterhub.attributes.actiongroup_k8s
  - researchops.jupyterhub.attributes.actiongroup_gcp
requirements:
  - kubernetes >= 29.0.0
  - google-auth >= 2.23.0
  - requests >= 2.31.0
options:
  state:
    description:
      - V(present) makes the front door. V(absent) takes it down and keeps the namespace, the static address and the
        members of Identity-Aware Proxy.
      - What leads to the hub goes first, and Identity-Aware Proxy's policy only when GKE has taken the load balancer
        away, which lasts some minutes. Where that does not happen within O(wait_timeout), the policy stays.
    type: str
    choices: [present, absent]
    default: present
  namespace:
    description: The hub's namespace.
    type: str
    required: true
  name:
    description: Name of the Service and of everything that goes with it.
    type: str
    default: hub-front
  release:
    description: The Helm release whose proxy the Service selects; by default the namespace's name.
    type: str
  front_door:
    description: What leads to the Service.
    type: str
    choices: [ingress, gateway]
    default: ingress
  host:
    description: The host name people open, in any case and with or without a final dot. Needed with O(state=present).
    type: str
    default: ""
  https_port:
    description: The port of the hub's URL; Google's load balancer serves V(443) only.
    type: int
    default: 443
  base_url:
    description: The hub's path, for the load balancer's health check; with or without slashes at its ends.
    type: str
    default: /
  address_name:
    description: Name of the global static address. Needed with O(state=present).
    type: str
    default: ""
  address:
    description: That address, to be compared with the one the load balancer gets; by default any is taken.
    type: str
    default: ""
  certificate:
    description:
      - V(managed) makes a ManagedCertificate for O(host); it works with O(front_door=ingress) only.
      - Everything else is the name of a pre-shared certificate (V(ingress)) or of a certificate map (V(gateway)) that
        exists; M(researchops.jupyterhub.certificate_map) makes one.
    type: str
    default: managed
  service_type:
    description:
      - V(ClusterIP) lets the load balancer reach pods directly (container-native).
      - V(NodePort) goes through the nodes, for clusters that are not VPC-native; with O(front_door=ingress) only.
    type: str
    choices: [ClusterIP, NodePort]
    default: ClusterIP
  annotations:
    description: Further annotations of the Service. What is no text is written as JSON, so V(true) is C(true).
    type: dict
    default: {}
  source_ranges:
    description:
      - Refused unless empty, because Google's load balancer honours no such list; O(security_policy) restricts
        networks.
    type: list
    elements: str
    default: []
  backend_timeout:
    description: Seconds one connection may last, websockets included. Less than V(3600) is refused.
    type: int
    default: 86400
  draining:
    description: Seconds that running requests get when the proxy's pod goes away.
    type: int
    default: 60
  security_policy:
    description: Name of a Cloud Armor policy that exists.
    type: str
    default: ""
  ssl_policy:
    description: Name of an SSL policy that exists; by default Google's own, which still takes TLS 1.0.
    type: str
    default: ""
  client_id:
    description:
      - Id of an OAuth client of your own; by default Google's client is used, which admits people of the project's
        organisation only and which a Gateway does not know.
    type: str
    default: ""
  client_secret:
    description: The secret of that client; it is kept in a Secret of its own and shown nowhere.
    type: str
    default: ""
  wait_timeout:
    description:
      - Seconds to wait for the load balancer; with O(state=absent), and before another kind of door is made, until the
        one that goes is gone.
      - A door that was deleted before this run and is still going is waited for as long, and then made anew.
    type: int
    default: 900
  hub:
    description: Who speaks in the progress lines.
    type: str
    default: ""
seealso:
  - module: kubernetes.core.k8s
  - module: researchops.jupyterhub.front_service
  - module: google.cloud.gcp_compute_global_address
"""

EXAMPLES = r"""
- name: Lead people to the hub through Identity-Aware Proxy
  researchops.jupyterhub.gke_front:
    kubeconfig: ~/.kube/research
    project: example-research
    namespace: climate
    host: hub.example.org
    address_name: climate-hub-front
  register: front

- name: Show what the hub must find in the JWTs
  ansible.builtin.debug:
    var: front.audiences
"""

RETURN = r"""
addresses:
  description: Addresses people reach the hub by. Empty in check mode before the load balancer exists.
  returned: O(state=present)
  type: list
  elements: str
  sample: [203.0.113.7]
audiences:
  description: The C(aud) of the JWTs that Identity-Aware Proxy signs, one for each backend.
  returned: O(state=present)
  type: list
  elements: str
  sample: [/projects/123456789012/global/backendServices/4567890123456789012]
backends:
  description: The backend services behind the front door.
  returned: O(state=present)
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: k8s1-7c1e0d3e-climate-hub-front-80-0a1b2c3d
    id:
      description: Its numeric id, which changes when Google makes it anew.
      type: str
      sample: "4567890123456789012"
    iap:
      description: Whether Identity-Aware Proxy stands in front of it.
      type: bool
      sample: true
    client_id:
      description: The OAuth client; empty for Google's.
      type: str
      sample: ""
    timeout:
      description: Seconds a connection may last.
      type: int
      sample: 86400
    audience:
      description: The audience of its JWTs.
      type: str
      sample: /projects/123456789012/global/backendServices/4567890123456789012
  sample: []
certificate:
  description: Name of the ManagedCertificate; empty where another certificate is used.
  returned: O(state=present)
  type: str
  sample: hub-example-org
plan:
  description: What was (in check mode would be) done.
  returned: always
  type: list
  elements: dict
  contains:
    verb:
      description: C(create), C(update) or C(delete).
      type: str
      sample: create
    target:
      description: The object.
      type: str
      sample: Ingress/hub-front
    changes:
      description: The changed fields of an update, without the values of a Secret.
      type: list
      elements: dict
      sample: []
  sample:
    - {verb: create, target: Ingress/hub-front, changes: []}
not_server_checked:
  description:
    - Objects of the plan that no server has looked at, because namespace or kind do not exist yet, or because the one
      that there is was deleted and is still going.
  returned: O(state=present)
  type: list
  elements: str
  sample: []
transitions:
  description: The progress lines of the waits.
  returned: always
  type: list
  elements: dict
  sample: []
"""

import base64
from typing import Any

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.progress import Reporter
from ..module_utils._dns.verdicts import host_name
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.gke_api import GkeApi
from ..module_utils._k8s.front import annotation_texts
from ..module_utils._k8s.front_gke import MANAGED, GkeFront, target_of
from ..module_utils._k8s.front_gke_api import GkeFrontApi, Seen
from ..module_utils._k8s.front_gke_verdicts import door_addresses, problems
from ..module_utils._k8s.patience import PatientClient
from ..module_utils._shell import GCP_OPTIONS, GCP_PROJECT, KUBERNETES_OPTIONS, Outcome, Request, run


def wanted(params: dict[str, Any]) -> GkeFront:
    """The front door that the options describe."""
    return GkeFront(
        namespace=params["namespace"],
        name=params["name"],
        release=params["release"] or params["namespace"],
        host=host_name(params["host"]),
        door=params["front_door"],
        address_name=params["address_name"],
        certificate=params["certificate"],
        base_url=params["base_url"],
        service_type=params["service_type"],
        timeout=params["backend_timeout"],
        draining=params["draining"],
        security_policy=params["security_policy"],
        ssl_policy=params["ssl_policy"],
        client_id=params["client_id"],
        client_secret=params["client_secret"],
        annotations=annotation_texts(params["annotations"]),
    )


def body(request: Request) -> Outcome:
    """Bring the front door to its wanted state."""
    params = request.params
    front = wanted(params)
    if params["state"] == "present":
        errors = problems(front, https_port=params["https_port"], source_ranges=params["source_ranges"])
        if errors:
            raise errors[0]
    google = GcpApi.from_options(params, learn=request.redactor.add, project=params["project"])
    cloud = GkeApi(google, params["project"])
    api = GkeFrontApi(PatientClient.from_kubeconfig(params["kubeconfig"], params["context"]), front, cloud)
    seen = api.look()
    _learn(request, seen)
    reporter = Reporter.from_environment(params["hub"] or front.namespace, "front door", SystemClock())
    if params["state"] == "absent":
        return absent(request, api, seen, reporter)
    return present(request, front, api, cloud, seen, reporter)


def absent(request: Request, api: GkeFrontApi, seen: Seen, reporter: Reporter) -> Outcome:
    """Take the front door down."""
    plan = api.remove(seen)
    if plan.changed and not request.check_mode:
        api.delete(seen, timeout=request.params["wait_timeout"], reporter=reporter)
    result = {"plan": [step.as_dict() for step in plan.steps], "transitions": reporter.transitions}
    return Outcome(plan.changed, result, plan.diff)


def present(
    request: Request, front: GkeFront, api: GkeFrontApi, cloud: GkeApi, seen: Seen, reporter: Reporter
) -> Outcome:
    """Make what is missing and wait for the load balancer."""
    timeout = request.params["wait_timeout"]
    if not request.check_mode:
        seen = api.make_way(seen, timeout=timeout, reporter=reporter)
    foretold = api.foretell(seen)
    if not request.check_mode:
        if foretold.plan.changed:
            api.apply(seen, foretold, timeout=timeout, reporter=reporter)
        seen = api.ready(request.params["address"], timeout=timeout, reporter=reporter)
    door = seen.live.get(target_of(front.door_object()))
    number = cloud.number() if seen.backends else ""
    result = {
        "addresses": list(door_addresses(door)),
        "audiences": [backend.audience(number) for backend in seen.backends if backend.iap],
        "backends": [backend.facts(number) for backend in seen.backends],
        "certificate": front.certificate_name if front.certificate == MANAGED else "",
        "plan": [step.as_dict() for step in foretold.plan.steps],
        "not_server_checked": list(foretold.unchecked),
        "transitions": reporter.transitions,
    }
    return Outcome(foretold.plan.changed, result, foretold.plan.diff)


def _learn(request: Request, seen: Seen) -> None:
    """Secrets that the cluster holds already are masked like those that were given."""
    for item in (*seen.live.values(), *seen.going, *seen.stale):
        for key, value in (item.get("data") or {}).items() if item["kind"] == "Secret" else ():
            if key != "client_id":
                request.redactor.add(base64.b64decode(value).decode("utf-8", "replace"))


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            **GCP_OPTIONS,
            **GCP_PROJECT,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "default": "hub-front"},
            "release": {"type": "str"},
            "front_door": {"type": "str", "choices": ["ingress", "gateway"], "default": "ingress"},
            "host": {"type": "str", "default": ""},
            "https_port": {"type": "int", "default": 443},
            "base_url": {"type": "str", "default": "/"},
            "address_name": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "certificate": {"type": "str", "default": "managed"},
            "service_type": {"type": "str", "choices": ["ClusterIP", "NodePort"], "default": "ClusterIP"},
            "annotations": {"type": "dict", "default": {}},
            "source_ranges": {"type": "list", "elements": "str", "default": []},
            "backend_timeout": {"type": "int", "default": 86400},
            "draining": {"type": "int", "default": 60},
            "security_policy": {"type": "str", "default": ""},
            "ssl_policy": {"type": "str", "default": ""},
            "client_id": {"type": "str", "default": ""},
            "client_secret": {"type": "str", "default": "", "no_log": True},
            "wait_timeout": {"type": "int", "default": 900},
            "hub": {"type": "str", "default": ""},
        },
        libraries=("kubernetes", "yaml", "urllib3", "google.auth", "requests"),
    )


if __name__ == "__main__":
    main()
