#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: cure a stuck Google-managed certificate by recreating it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_certificate_reprovision
short_description: Cure a stuck Google-managed certificate on GKE
version_added: 0.1.0
description:
  - A ManagedCertificate whose domain led elsewhere when Google looked may stay in C(Provisioning) for a day, or has
    failed for good. Where the cause is proved to be gone, this module recreates it and waits until it is Active.
  - It acts only when address (A and AAAA) and CAA are right at every authoritative name server, twice, and nothing in
    cluster or load balancer stands in the way. Any other cause is told with its cure, and nothing is deleted.
  - An Active certificate, and one that still serves, is never touched. A new one is awaited.
  - Before the first delete a snapshot of certificate and Ingress is written to the ConfigMap
    C(researchops-certificate-NAME). A run that was killed at any moment is finished by the next one.
  - Two runs at the same time come to the same end. While that record says that a recreation is unfinished, a missing
    certificate or Ingress is no error but what the next run goes on from.
  - The annotation of the Ingress keeps its other certificates. The Ingress itself is recreated only if the target proxy
    still names the old certificate three minutes later, and only if it has a reserved address and serves nothing else;
    see RV(recreated_ingresses) for what that entails.
  - Labels, annotations and field ownership stay as they were, so that Helm goes on managing its objects.
  - No other collection has a module for this; M(kubernetes.core.k8s) can delete and create, but does not know when the
    compute certificate is gone, and a run of it that is interrupted leaves the hub without a certificate.
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
  - dnspython >= 2.4.0
  - google-auth >= 2.23.0
  - requests >= 2.31.0
options:
  namespace:
    description: The namespace of certificate and Ingress.
    type: str
    required: true
  name:
    description: The certificate.
    type: str
    required: true
  force:
    description:
      - Whether to recreate it although that was done within 24 hours. This lifts no other condition.
    type: bool
    default: false
  addresses:
    description: Where each domain must lead, to one of them at least; by default where the Ingresses are.
    type: list
    elements: str
    default: []
  nameservers:
    description: Addresses of recursive resolvers that find zone and servers; by default the machine's.
    type: list
    elements: str
    default: []
  https_resolvers:
    description:
      - URLs of public resolvers that speak DNS over HTTPS (RFC 8484). Before anything is deleted, they must give the
        same answers as the name servers that were asked from here, because in an institute with a zone of two faces
        (split horizon) the certificate authority sees the other one. Proxies are taken from the environment.
      - They learn the domains, which every issued certificate publishes anyway. An empty list asks nobody. One that
        cannot be reached has no say.
    type: list
    elements: str
    default: ["https://dns.google/dns-query", "https://cloudflare-dns.com/dns-query"]
  stuck_after:
    description: Seconds a new certificate is left alone; usual are 20 to 60 minutes.
    type: int
    default: 3600
  wait:
    description: Whether to wait until the certificate is Active.
    type: bool
    default: true
  wait_timeout:
    description: Seconds for everything.
    type: int
    default: 3600
  hub:
    description: Who speaks in the progress lines; by default the namespace.
    type: str
    default: ""
notes:
  - Ages, ends and the 24 hours are counted by the API server's clock. A clock on this side that differs by more than 5
    minutes is a warning.
  - While a certificate is recreated, HTTPS does not work for its domains; it did not before.
  - In check mode the server is asked by dry run whether every write would be allowed. That a target proxy will not let
    go of a certificate cannot be foretold.
seealso:
  - module: researchops.jupyterhub.managed_certificate_info
"""

EXAMPLES = r"""
- name: Cure the hub's certificate after its address has changed
  researchops.jupyterhub.managed_certificate_reprovision:
    kubeconfig: ~/.kube/research
    project: example-research
    namespace: climate
    name: hub-example-org
  register: cured

- name: Show what was done
  ansible.builtin.debug:
    msg: "{{ cured.reason }}: {{ cured.plan | map(attribute='target') | join(', ') }}"
"""

RETURN = r"""
action:
  description: What was (in check mode would be) done, C(none), C(wait), C(reprovision), or C(resume) for the rest of a
    run that was interrupted.
  returned: success
  type: str
  sample: reprovision
reason:
  description: Why.
  returned: success
  type: str
  sample: "Certificate hub-example-org failed: FailedNotVisible; DNS and CAA are right now"
certificate:
  description: The certificate at the end.
  returned: success
  type: dict
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
      description: Its status.
      type: str
      sample: Active
    domains:
      description: The status of each domain.
      type: list
      elements: dict
      sample: [{domain: hub.example.org, status: Active}]
    compute_name:
      description: Its name in compute.
      type: str
      sample: mcrt-7b4e3b0c-0000-0000-0000-3d1f7d3c2a55
    expires:
      description: Its end.
      type: str
      sample: "2027-02-20T00:00:00-08:00"
plan:
  description: The steps, in order.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: C(create), C(update) or C(delete).
      type: str
      sample: delete
    target:
      description: The object.
      type: str
      sample: ManagedCertificate/hub-example-org
    changes:
      description: The changed fields of an update.
      type: list
      elements: dict
      sample: []
  sample:
    - {verb: delete, target: ManagedCertificate/hub-example-org, changes: []}
recreated_ingresses:
  description: Ingresses that had to be recreated, by this run or by one of the last 24 hours. Their backend services
    are new ones, so IAP members have to be bound anew (M(researchops.jupyterhub.iap_member)) and the audience of IAP's
    assertion has changed; a warning says so.
  returned: success
  type: list
  elements: str
  sample: []
snapshot:
  description: The ConfigMap that records the last recreation.
  returned: success
  type: str
  sample: researchops-certificate-hub-example-org
transitions:
  description: The progress lines.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.progress import Reporter
from ..module_utils._dns.recursive import PUBLIC, Recursives, fetcher, parse_servers
from ..module_utils._dns.resolver import Authorities, at_once, recursive
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.certificate_api import ClusterSide, Compute, Examiner, LookAt, describe_certificate
from ..module_utils._gcp.certificate_causes import parse_addresses
from ..module_utils._gcp.reprovision import locked_out, snapshot_name
from ..module_utils._gcp.reprovision_run import Reprovisioner, Wish
from ..module_utils._k8s.patience import PatientClient
from ..module_utils._shell import GCP_OPTIONS, GCP_PROJECT, KUBERNETES_OPTIONS, Outcome, Request, run


def public_look(urls: list[str]) -> LookAt | None:
    """How public resolvers are asked; None where none are named."""
    servers = parse_servers(urls, "https_resolvers")
    return Recursives(servers, at_once, fetcher(None)).look if servers else None


def body(request: Request) -> Outcome:
    """Cure the certificate, or say what stands in the way."""
    params = request.params
    addresses = parse_addresses(params["addresses"])
    api = GcpApi.from_options(params, learn=request.redactor.add, project=params["project"])
    compute = Compute(api, params["project"])
    clock = SystemClock()
    reporter = Reporter.from_environment(params["hub"] or params["namespace"], "front door", clock)
    examiner = Examiner(
        ClusterSide(PatientClient.from_kubeconfig(params["kubeconfig"], params["context"]), params["namespace"]),
        compute,
        Authorities(recursive(params["nameservers"], 53), clock).look,
        addresses,
        stuck_after=params["stuck_after"],
        public=public_look(params["https_resolvers"]),
    )
    wish = Wish(
        name=params["name"],
        force=params["force"],
        dry=request.check_mode,
        wait=params["wait"],
        timeout=params["wait_timeout"],
    )
    done = Reprovisioner(examiner, compute, wish, clock=clock, reporter=reporter).run()
    steps = [step.as_dict() for step in done.steps]
    result = {
        "action": done.action,
        "reason": done.reason,
        "certificate": describe_certificate(done.certificate),
        "plan": steps,
        "recreated_ingresses": list(done.ingresses),
        "snapshot": snapshot_name(params["name"]),
        "transitions": reporter.transitions,
    }
    after = {"certificate": params["name"], "steps": steps}
    diff = {"before": {"certificate": params["name"], "steps": []}, "after": after}
    warnings = [*locked_out(done.ingresses), *examiner.cluster.client.server_time.warnings()]
    return Outcome(bool(steps), result, diff, warnings)


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            **GCP_OPTIONS,
            **GCP_PROJECT,
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "force": {"type": "bool", "default": False},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "nameservers": {"type": "list", "elements": "str", "default": []},
            "https_resolvers": {"type": "list", "elements": "str", "default": list(PUBLIC)},
            "stuck_after": {"type": "int", "default": 3600},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 3600},
            "hub": {"type": "str", "default": ""},
        },
        libraries=("kubernetes", "yaml", "urllib3", "dns", "google.auth", "requests"),
    )


if __name__ == "__main__":
    main()
