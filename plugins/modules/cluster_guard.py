#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: refuse the wrong cluster, and look once at the right one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_guard
short_description: Refuse the wrong cluster, and report what the right one offers
version_added: 0.1.0
description:
  - Compares the UID of the namespace C(kube-system), which every cluster has and no two share, with the pinned one,
    and stops when it differs.
  - In the same process it reports version, storage classes, ready nodes and which of the given permissions are missing,
    so that one task answers every question a play has before its first write.
  - kubernetes.core has no module that compares clusters or reviews access; M(kubernetes.core.k8s_info) reads one kind
    per process.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
  - researchops.jupyterhub.attributes.actiongroup_k8s
requirements:
  - kubernetes >= 29.0.0
options:
  expected_uid:
    description:
      - The UID of the namespace C(kube-system) of the cluster that is meant.
      - Without it the module reports the UID and lets the cluster pass.
    type: str
    default: ""
  expected_ca_sha256:
    description: SHA-256 fingerprint of the CA certificate that the kubeconfig must trust, in hex, with or without
      colons.
    type: str
    default: ""
  permissions:
    description:
      - What the play is going to do; RV(denied) lists what these credentials may not.
      - Creating namespaces does not count when all namespaces that are named here exist.
    type: list
    elements: dict
    default: []
    suboptions:
      verb:
        description: The verb, such as V(create).
        type: str
        required: true
      resource:
        description: The resource in the plural, such as V(deployments).
        type: str
        required: true
      group:
        description: The API group; empty for the core group.
        type: str
        default: ""
      subresource:
        description: The subresource, such as V(log).
        type: str
        default: ""
      namespace:
        description: The namespace; empty for the whole cluster.
        type: str
        default: ""
      name:
        description: One object's name; empty for all.
        type: str
        default: ""
  storage_class:
    description: The storage class that will be used; empty for the cluster's default. Read for RV(preflight).
    type: str
    default: ""
  hub:
    description: The inventory host the advice in RV(preflight) is meant for.
    type: str
    default: ""
  libraries:
    description: Importable names of Python libraries that later tasks need; RV(preflight) names the missing ones.
    type: list
    elements: str
    default: []
seealso:
  - module: kubernetes.core.k8s_cluster_info
"""

EXAMPLES = r"""
- name: Stop unless this is our cluster
  researchops.jupyterhub.cluster_guard:
    kubeconfig: ~/.kube/research
    expected_uid: 5d9c7a11-2f43-4a57-9a39-3c1f5e6b7d80

- name: Ask what we may do
  researchops.jupyterhub.cluster_guard:
    kubeconfig: ~/.kube/research
    permissions:
      - {verb: create, resource: namespaces}
      - {verb: patch, group: apps, resource: deployments, namespace: climate}
  register: cluster
"""

RETURN = r"""
uid:
  description: UID of the namespace C(kube-system); empty when it may not be read.
  returned: success
  type: str
  sample: 5d9c7a11-2f43-4a57-9a39-3c1f5e6b7d80
server:
  description: URL of the API server.
  returned: success
  type: str
  sample: https://192.0.2.10:6443
version:
  description: Version of the API server.
  returned: success
  type: str
  sample: v1.34.4
user:
  description: Who the API server takes us for.
  returned: success
  type: str
  sample: system:serviceaccount:ops:deploy
ca_sha256:
  description: Fingerprints of the CA certificates in the kubeconfig.
  returned: success
  type: list
  elements: str
  sample: []
storage_classes:
  description: The cluster's storage classes; none when they may not be listed.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: standard
    provisioner:
      description: Its provisioner.
      type: str
      sample: pd.csi.storage.gke.io
    default:
      description: Whether claims that name no class get it.
      type: bool
      sample: true
  sample:
    - {name: standard, provisioner: pd.csi.storage.gke.io, default: true}
nodes:
  description: How many nodes are ready and how many there are; empty when nodes may not be listed.
  returned: success
  type: dict
  sample: {ready: 3, total: 3}
denied:
  description: The permissions that these credentials lack.
  returned: success
  type: list
  elements: str
  sample: [create namespaces in the whole cluster]
preflight:
  description: The same findings as rows of the preflight table.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: What was checked.
      type: str
      sample: Kubernetes version
    ok:
      description: Whether it is as needed.
      type: bool
      sample: true
    text:
      description: What was seen, or the whole error.
      type: str
      sample: v1.34.4
  sample:
    - {check: Kubernetes version, ok: true, text: v1.34.4}
"""

import sys

from ..module_utils._core.errors import PACKAGES, is_installed
from ..module_utils._k8s import access, cluster, guard, kubeconfig
from ..module_utils._k8s.client import KubeClient
from ..module_utils._shell import KUBERNETES_OPTIONS, Outcome, Request, run

PERMISSION_OPTIONS = {
    "verb": {"type": "str", "required": True},
    "resource": {"type": "str", "required": True},
    "group": {"type": "str", "default": ""},
    "subresource": {"type": "str", "default": ""},
    "namespace": {"type": "str", "default": ""},
    "name": {"type": "str", "default": ""},
}


def body(request: Request) -> Outcome:
    """Look at the cluster, refuse it if it is the wrong one, report it otherwise."""
    params = request.params
    client = KubeClient.from_kubeconfig(params["kubeconfig"], params["context"])
    observed = cluster.observe(client, guard.parse_permissions(params["permissions"]))
    if not observed.user:
        paths = access.kubeconfig_paths(params["kubeconfig"])
        chosen = kubeconfig.choose(access.read_sources(paths), params["context"] or "")
        raise access.explain_helper(chosen) or cluster.anonymous(client)
    wanted = guard.Wanted(params["expected_uid"], params["expected_ca_sha256"], params["storage_class"], params["hub"])
    error = guard.refusal(observed, wanted)
    if error is not None:
        raise error
    missing = tuple(name for name in params["libraries"] if not is_installed(name))
    rows = [guard.Libraries(missing, sys.executable, PACKAGES).row()] if params["libraries"] else []
    rows += guard.preflight_rows(observed, wanted)
    return Outcome(changed=False, result=guard.report(observed, rows))


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            "expected_uid": {"type": "str", "default": ""},
            "expected_ca_sha256": {"type": "str", "default": ""},
            "permissions": {"type": "list", "elements": "dict", "default": [], "options": PERMISSION_OPTIONS},
            "storage_class": {"type": "str", "default": ""},
            "hub": {"type": "str", "default": ""},
            "libraries": {"type": "list", "elements": "str", "default": []},
        },
        libraries=("kubernetes", "yaml", "urllib3"),
    )


if __name__ == "__main__":
    main()
