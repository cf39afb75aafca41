#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: how Google-managed certificates are, and what keeps them from becoming Active."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_certificate_info
short_description: Status and diagnosis of Google-managed certificates on GKE
version_added: 0.1.0
description:
  - Tells the status of each domain of a ManagedCertificate, everything that can be seen to keep it from becoming
    Active, and the cure of each cause.
  - Looks at the object and its Ingress in the cluster, at the certificate, target proxy and quota in compute (where
    O(project) is given), and at A, AAAA and CAA of each domain at all its authoritative name servers.
  - An Active certificate is not diagnosed.
  - M(kubernetes.core.k8s_info) reads the object, but what is wrong is in DNS, in the Ingress and in compute.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
  - researchops.jupyterhub.attributes.actiongroup_k8s_gcp
  - researchops.jupyterhub.attributes.actiongroup_k8s
  - researchops.jupyterhub.attributes.actiongroup_gcp
requirements:
  - kubernetes >= 29.0.0
  - dnspython >= 2.4.0
  - google-auth >= 2.23.0
  - requests >= 2.31.0
options:
  project:
    description:
      - The id of the Google Cloud project. Without it compute is not asked, and certificate maps, quotas and what the
        load balancer carries stay unknown.
      - The environment variable E(GCP_PROJECT) is the fall-back.
    type: str
  namespace:
    description: The namespace of certificates and Ingress.
    type: str
    required: true
  name:
    description: One certificate; by default all of the namespace.
    type: str
    default: ""
  addresses:
    description: Where each domain must lead, to one of them at least; by default where the Ingresses are.
    type: list
    elements: str
    default: []
  check_dns:
    description: Whether to ask the domains' name servers.
    type: bool
    default: true
  nameservers:
    description: Addresses of recursive resolvers that find zone and servers; by default the machine's.
    type: list
    elements: str
    default: []
  stuck_after:
    description: Seconds after which a certificate that is not Active although everything is right counts as stuck.
    type: int
    default: 3600
  wait_timeout:
    description:
      - Seconds to wait until O(name) is Active, told by a watch the moment it is; by default it is looked at once.
      - A wait that ends without it is no error, the diagnosis then says why. It ends early where waiting cannot help.
        Not in check mode.
      - A certificate that does not exist may still be made by somebody else within 60 seconds. After that its name
        counts as wrong, unless M(researchops.jupyterhub.managed_certificate_reprovision) is just recreating it.
    type: int
    default: 0
  hub:
    description: Who speaks in the progress lines; by default the namespace.
    type: str
    default: ""
seealso:
  - module: researchops.jupyterhub.managed_certificate_reprovision
  - module: researchops.jupyterhub.domain_verification_wait
"""

EXAMPLES = r"""
- name: Look at the hub's certificate
  researchops.jupyterhub.managed_certificate_info:
    kubeconfig: ~/.kube/research
    project: example-research
    namespace: climate
    name: hub-example-org
  register: found

- name: Show what is wrong, each with its cure
  ansible.builtin.debug:
    msg: "{{ found.certificates | map(attribute='causes') | flatten }}"
"""

RETURN = r"""
certificates:
  description: One entry for each certificate.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: hub-example-org
    namespace:
      description: Its namespace.
      type: str
      sample: climate
    status:
      description: C(Active), C(Provisioning), C(ProvisioningFailed), C(ProvisioningFailedPermanently),
        C(RenewalFailed), or empty before the controller has said anything.
      type: str
      sample: Provisioning
    domains:
      description: The status of each domain.
      type: list
      elements: dict
      sample: [{domain: hub.example.org, status: FailedNotVisible}]
    compute_name:
      description: The certificate's name in compute.
      type: str
      sample: mcrt-7b4e3b0c-0000-0000-0000-3d1f7d3c2a55
    compute_status:
      description: Its status there; empty where compute was not asked.
      type: str
      sample: PROVISIONING
    expires:
      description: The end of the issued certificate.
      type: str
      sample: ""
    age:
      description: Seconds since the object was made.
      type: int
      sample: 93600
    ingresses:
      description: The Ingresses that name it.
      type: list
      elements: str
      sample: [hub]
    addresses:
      description: Where these are.
      type: list
      elements: str
      sample: [203.0.113.7]
    action:
      description: What it asks for, C(none), C(wait), C(fix-DNS), C(fix-CAA), C(back-off), C(reprovision) or C(stop).
      type: str
      sample: fix-DNS
    reason:
      description: Why.
      type: str
      sample: "Certificate hub-example-org failed: FailedNotVisible. hub.example.org points elsewhere"
    causes:
      description: Everything that keeps it from becoming Active, the most telling first.
      type: list
      elements: dict
      sample:
        - kind: address
          action: fix-DNS
          domain: hub.example.org
          error_id: E-CERT-03
          text: "Certificate hub-example-org failed: FailedNotVisible. hub.example.org points elsewhere"
          seen: A 198.51.100.4 at 2 of 2 authoritative servers
          wanted: A 203.0.113.7, no AAAA
          cure: correct the record, run again
  sample: []
waited:
  description: Seconds that were waited.
  returned: success
  type: float
  sample: 0.0
transitions:
  description: The progress lines of the wait.
  returned: success
  type: list
  elements: dict
  sample: []
healthy:
  description: Whether there is one, and all of them are Active.
  returned: success
  type: bool
  sample: false
"""

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.progress import Reporter
from ..module_utils._dns.resolver import Authorities, recursive
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.certificate_api import (
    GRACE_MISSING,
    ClusterSide,
    Compute,
    Examiner,
    describe_judged,
    wait_active,
)
from ..module_utils._gcp.certificate_causes import parse_addresses
from ..module_utils._gcp.certificates import Action
from ..module_utils._k8s.patience import PatientClient
from ..module_utils._shell import GCP_OPTIONS, GCP_PROJECT, KUBERNETES_OPTIONS, Outcome, Request, run


def body(request: Request) -> Outcome:
    """Examine the certificates."""
    params = request.params
    addresses = parse_addresses(params["addresses"])
    cluster = ClusterSide(PatientClient.from_kubeconfig(params["kubeconfig"], params["context"]), params["namespace"])
    waits = bool(params["name"]) and params["wait_timeout"] > 0 and not request.check_mode
    look = Authorities(recursive(params["nameservers"], 53), SystemClock()).look if params["check_dns"] else None
    examiner = Examiner(cluster, compute_of(request, waits), look, addresses, stuck_after=params["stuck_after"])
    reporter = Reporter.from_environment(params["hub"] or params["namespace"], "certificate", SystemClock())
    seconds = 0.0
    if waits:
        waited = wait_active(
            cluster,
            params["name"],
            timeout=params["wait_timeout"],
            reporter=reporter,
            grace=GRACE_MISSING,
        )
        seconds = waited.seconds
    found = cluster.certificates(params["name"])
    ingresses = cluster.ingresses() if found else []
    server_time = cluster.client.server_time
    judged = [examiner.examine(one, ingresses, server_time.now()) for one in found]
    result = {
        "certificates": [describe_judged(one) for one in judged],
        "waited": round(seconds, 1),
        "transitions": reporter.transitions,
        "healthy": bool(judged) and all(one.decision.action is Action.NONE for one in judged),
    }
    return Outcome(changed=False, result=result, warnings=server_time.warnings())


def compute_of(request: Request, ahead: bool) -> Compute | None:
    """Compute, where a project is named; ``ahead``: with a token, so that a bad one is told before a long wait."""
    params = request.params
    if not params["project"]:
        return None
    api = GcpApi.from_options(params, learn=request.redactor.add, project=params["project"])
    if ahead:
        api.log_in()
    return Compute(api, params["project"])


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            **GCP_OPTIONS,
            "namespace": {"type": "str", "required": True},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "nameservers": {"type": "list", "elements": "str", "default": []},
            "stuck_after": {"type": "int", "default": 3600},
            "project": GCP_PROJECT["project"] | {"required": False},
            "name": {"type": "str", "default": ""},
            "check_dns": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 0},
            "hub": {"type": "str", "default": ""},
        },
        libraries=("kubernetes", "yaml", "urllib3", "dns", "google.auth", "requests"),
    )


if __name__ == "__main__":
    main()
