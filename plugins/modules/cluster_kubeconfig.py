#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: one private kubeconfig with one context, for everything a play does on a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_kubeconfig
short_description: Keep a private kubeconfig with exactly one context
version_added: 0.1.0
description:
  - Reads the kubeconfig a person has, picks one context and writes it into a private file of its own, which later
    tasks, Helm and kubectl use.
    Nothing else in that kubeconfig, no current context that somebody switches, and no pod's own account can lead them
    to another cluster.
  - What Helm goes by and Python does not is refused, so that both act as the same person, impersonation (C(as),
    C(as-groups), C(as-uid), C(as-user-extra)) and a C(proxy-url) with a password.
  - File names inside become absolute, secrets are copied and never printed, the file has mode 0600 and appears by one
    rename.
  - In place of a kubeconfig it takes the name of a GKE or EKS cluster, asks the cloud for address and CA, and writes a
    login by this collection's own helper; neither gcloud nor the aws command is needed, then or later.
  - Optionally the file logs in by itself at an OpenID provider (client credentials) through the helper
    C(exec_credential.py),
    so that a token which lives two minutes lasts through a play of two hours.
  - C(kubernetes.core.kubeconfig) edits a file key by key from values handed over in the task, where a secret would
    pass through the play.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
  - researchops.jupyterhub.attributes.actiongroup_k8s_gcp
  - researchops.jupyterhub.attributes.actiongroup_k8s
  - researchops.jupyterhub.attributes.actiongroup_gcp
requirements:
  - PyYAML
  - google-auth and requests (for O(gke))
  - botocore (for O(eks))
options:
  hub:
    description: The hub the file is for; it names the private directory.
    type: str
    required: true
  state:
    description: V(present) keeps the file up to date, V(absent) removes the hub's private directory with kubeconfig
      and tokens.
    type: str
    choices: [present, absent]
    default: present
  cache_dir:
    description: The directory that holds one private directory per hub; by default C(researchops-jupyterhub) in the
      user's cache directory.
    type: path
  gke:
    description: A GKE cluster, in place of O(kubeconfig) and O(context). The options about Google's credentials say who
      asks for it and who logs in.
    type: dict
    suboptions:
      project:
        description: The project's id.
        type: str
        required: true
      location:
        description: Its region or zone.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        required: true
      endpoint:
        description: V(dns) is the control plane's own name, which is reachable from anywhere and lets in whom IAM lets
          in; V(private) is its address inside the network, for M(researchops.jupyterhub.cluster_tunnel).
        type: str
        choices: [dns, private]
        default: dns
  eks:
    description: An EKS cluster, in place of O(kubeconfig) and O(context). Credentials are found as botocore does.
    type: dict
    suboptions:
      region:
        description: Its region.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        required: true
      profile:
        description: The profile of AWS's configuration to use.
        type: str
  oidc_issuer:
    description: Issuer URL of the OpenID provider that the cluster trusts. With it the file's user logs in there
      instead of using the given credentials.
    type: str
    default: ""
  oidc_client_id:
    description: The machine's client at that provider.
    type: str
    default: ""
  oidc_client_secret:
    description: The client's secret. It is kept in a file of mode 0600 beside the kubeconfig.
    type: str
  oidc_client_secret_file:
    description: A file of mode 0600 with the client's secret, instead of O(oidc_client_secret).
    type: path
  oidc_audience:
    description: The audience to ask for, where the provider wants to be asked.
    type: str
    default: ""
  oidc_ca_file:
    description: PEM file with the provider's CA; by default the system's.
    type: path
  login_helper:
    description: Path of C(exec_credential.py), which logs in for O(oidc_issuer), O(gke) and O(eks); the role
      P(researchops.jupyterhub.cluster_access#role) carries it.
    type: path
notes:
  - The module's file is a cache of this machine, not part of what a play manages; the role runs it in check mode too.
"""

EXAMPLES = r"""
- name: Use the context research and nothing else
  researchops.jupyterhub.cluster_kubeconfig:
    hub: climate
    kubeconfig: ~/.kube/config
    context: research
  register: private

- name: Enter a GKE cluster by its DNS endpoint
  researchops.jupyterhub.cluster_kubeconfig:
    hub: climate
    gke: {project: example-research, location: europe-west4, name: research}
    login_helper: "{{ playbook_dir }}/exec_credential.py"

- name: Forget it
  researchops.jupyterhub.cluster_kubeconfig:
    hub: climate
    state: absent
"""

RETURN = r"""
path:
  description: The private kubeconfig.
  returned: O(state=present)
  type: str
  sample: /home/ada/.cache/researchops-jupyterhub/climate/kubeconfig-0a1b2c3d4e5f
context:
  description: The context in it.
  returned: O(state=present)
  type: str
  sample: research
server:
  description: The API server it leads to.
  returned: O(state=present)
  type: str
  sample: https://192.0.2.10:6443
proxy_url:
  description:
    - The proxy that the kubeconfig names for this cluster (C(proxy-url)), empty when it names none.
    - A task of kubernetes.core takes it in its option C(proxy), because the Python package C(kubernetes) before 37.0
      does not read it there. It is empty, too, for one that holds a password.
  returned: O(state=present)
  type: str
  sample: http://proxy.example.org:3128
"""

import os
import sys
from dataclasses import dataclass, field

from ..module_utils._core.errors import HubError, require
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.auth import AuthOptions
from ..module_utils._gcp.gke_api import GkeApi
from ..module_utils._hub.placeholders import is_placeholder
from ..module_utils._k8s import access, clouds, eks, gke, kubeconfig
from ..module_utils._shell import GCP_OPTIONS, KUBERNETES_OPTIONS, Outcome, Request, run

GKE_OPTIONS = {
    "project": {"type": "str", "required": True},
    "location": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "endpoint": {"type": "str", "choices": ["dns", "private"], "default": "dns"},
}
EKS_OPTIONS = {
    "region": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "profile": {"type": "str"},
}


def body(request: Request) -> Outcome:
    """Make the private file equal to what the inputs say, or remove it."""
    params = request.params
    access.check_hub(params["hub"])
    folder = access.PrivateFolder.for_hub(params["cache_dir"] or "", params["hub"])
    if params["state"] == "absent":
        there = os.path.isdir(folder.path)
        if there and not request.check_mode:
            folder.remove()
        return Outcome(changed=there, diff={"before": {"present": there}, "after": {"present": False}})
    return present(request, folder)


def present(request: Request, folder: access.PrivateFolder) -> Outcome:
    """Write the private kubeconfig where it is not yet as it should be."""
    params = request.params
    files: dict[str, str] = {}
    given = source(request, folder, files)
    chosen = kubeconfig.with_login(given.chosen, machine_login(request, folder, files))
    for secret in kubeconfig.secrets_of(chosen.user):
        request.redactor.add(secret)
    kubeconfig.check(chosen, given.where)
    access.check_helper(chosen.user, chosen.context)
    path = folder.file(
        "kubeconfig",
        *given.names,
        given.chosen.context,
        str(chosen.cluster["server"]),
        params["oidc_issuer"],
        params["oidc_client_id"],
    )
    files[path] = access.as_yaml(chosen.document(), given.where)
    stale = [name for name, text in files.items() if not folder.holds(name, text)]
    for name in stale:
        if not request.check_mode:
            folder.write(name, files[name])
    return Outcome(
        changed=bool(stale),
        result={
            "path": path,
            "context": chosen.context,
            "server": chosen.cluster["server"],
            "proxy_url": open_proxy(request, chosen),
        },
        diff={"before": {"outdated": sorted(stale)}, "after": {"outdated": []}},
        warnings=given.warnings,
    )


def open_proxy(request: Request, chosen: kubeconfig.Chosen) -> str:
    """The proxy on the way, without one whose address holds a login or is none: who uses that one is told so."""
    try:
        login = kubeconfig.proxy_login(chosen)
    except ValueError:
        return ""
    if login:
        request.redactor.add(login)
    return "" if login else kubeconfig.proxy_of(chosen)


@dataclass(frozen=True)
class Given:
    """The context that was asked for, and where it came from."""

    chosen: kubeconfig.Chosen
    where: str
    names: list[str]
    warnings: list[str] = field(default_factory=list)


def source(request: Request, folder: access.PrivateFolder, files: dict[str, str]) -> Given:
    """The context out of a person's kubeconfig, or out of what a cloud says about its cluster."""
    params = request.params
    if params["gke"]:
        clouds.check_names(**{key: params["gke"][key] for key in ("project", "location", "name")})
        name = clouds.GkeName(**params["gke"])
        return Given(from_gke(request, name, folder, files), name.text, [name.path, name.endpoint])
    if params["eks"]:
        clouds.check_names(region=params["eks"]["region"], name=params["eks"]["name"])
        eks_name = clouds.EksName(**{key: value or "" for key, value in params["eks"].items()})
        return Given(from_eks(request, eks_name, folder), eks_name.text, [eks_name.region, eks_name.name])
    paths = access.kubeconfig_paths(params["kubeconfig"])
    sources = access.read_sources(paths)
    warnings = []
    if kubeconfig.holds_secret(sources):
        warnings = [
            f"{name} holds secrets and others may read it; run: chmod 600 {name}"
            for name in access.open_to_others(paths)
        ]
    return Given(kubeconfig.choose(sources, params["context"] or ""), os.pathsep.join(paths), paths, warnings)


def from_gke(
    request: Request, name: clouds.GkeName, folder: access.PrivateFolder, files: dict[str, str]
) -> kubeconfig.Chosen:
    """A GKE cluster; a key given as text joins the private files to write."""
    require("google.auth", "requests")
    options = AuthOptions.of(request.params)
    login, keys = gke.login(
        options, request.params["login_helper"] or "", folder.path, folder.file("gcp-key", name.path)
    )
    api = GcpApi.from_options(request.params, learn=request.redactor.add, project=name.project)
    found = GkeApi(api, name.project).cluster(name.location, name.name)
    files.update(keys)
    return clouds.gke(name, found, login)


def from_eks(request: Request, name: clouds.EksName, folder: access.PrivateFolder) -> kubeconfig.Chosen:
    """An EKS cluster."""
    require("botocore")
    helper = request.params["login_helper"]
    if not helper:
        raise HubError(
            error_id="E-ACCESS-17",
            what="The login at AWS is incomplete: login_helper is not set",
            do="set login_helper to roles/cluster_access/files/exec_credential.py of this collection",
        )
    given = {"cluster": name.name, "region": name.region, "profile": name.profile}
    login = kubeconfig.CloudLogin("eks", given, os.path.abspath(helper), sys.executable, folder.path)
    return clouds.eks(name, eks.describe(name), login)


def machine_login(
    request: Request, folder: access.PrivateFolder, files: dict[str, str]
) -> kubeconfig.MachineLogin | None:
    """The machine login asked for; a secret given as text joins the private files to write."""
    params = request.params
    if not params["oidc_issuer"]:
        return None
    if is_placeholder(params["oidc_client_secret"] or "", secret=True):
        raise HubError(
            error_id="E-VALUES-03",
            what="cluster_access_oidc_client_secret still holds a placeholder, not a secret",
            do="put the real value into cluster_access_oidc_client_secret, from Ansible Vault or a look-up",
        )
    secret_file = os.path.abspath(params["oidc_client_secret_file"]) if params["oidc_client_secret_file"] else ""
    ca_file = os.path.abspath(params["oidc_ca_file"]) if params["oidc_ca_file"] else ""
    if params["oidc_client_secret"]:
        # One URL behind two CAs is two issuers, with a client of this name at each (two labs on one machine).
        secret_file = folder.file("client-secret", params["oidc_issuer"], params["oidc_client_id"], ca_file)
        files[secret_file] = params["oidc_client_secret"] + "\n"
    if not (params["oidc_client_id"] and secret_file and params["login_helper"]):
        raise HubError(
            error_id="E-ACCESS-17",
            what=f"The machine login at {params['oidc_issuer']} is incomplete",
            do="set cluster_access_oidc_client_id and cluster_access_oidc_client_secret (or ..._client_secret_file)",
        )
    return kubeconfig.MachineLogin(
        issuer=params["oidc_issuer"],
        client_id=params["oidc_client_id"],
        secret_file=secret_file,
        audience=params["oidc_audience"],
        ca_file=ca_file,
        helper=os.path.abspath(params["login_helper"]),
        python=sys.executable,
        cache_dir=folder.path,
    )


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            **GCP_OPTIONS,
            "hub": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "cache_dir": {"type": "path"},
            "gke": {"type": "dict", "options": GKE_OPTIONS},
            "eks": {"type": "dict", "options": EKS_OPTIONS},
            "oidc_issuer": {"type": "str", "default": ""},
            "oidc_client_id": {"type": "str", "default": ""},
            "oidc_client_secret": {"type": "str", "no_log": True},
            "oidc_client_secret_file": {"type": "path", "no_log": False},
            "oidc_audience": {"type": "str", "default": ""},
            "oidc_ca_file": {"type": "path"},
            "login_helper": {"type": "path"},
        },
        mutually_exclusive=[("oidc_client_secret", "oidc_client_secret_file"), ("gke", "eks")],
        libraries=("yaml",),
    )


if __name__ == "__main__":
    main()
