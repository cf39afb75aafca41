#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: whether a GKE cluster and its project can carry a hub behind IAP, and how safe the cluster is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gke_cluster_info
short_description: Read a GKE cluster and its project, and judge them setting by setting
version_added: 0.1.0
description:
  - Reads the cluster, its project and the project's APIs with three requests, and judges whether they can carry a hub
    behind Identity-Aware Proxy (organisation, APIs, version, OAuth client) and whether the cluster is a "safer
    cluster" - private nodes and endpoint, authorised networks, Workload Identity, shielded nodes, Dataplane V2,
    release channel.
  - What cannot be read is a failed check, never a passed one; the other checks are still made.
  - The OAuth Admin API is shut down and never asked. The redirect URI that an OAuth client of your own needs is
    returned for a person to compare.
  - For the cluster alone M(google.cloud.gcp_container_cluster_info) returns as much, so use it where the raw settings
    are wanted. It is not enough here, because organisation and APIs would take two more processes that list every
    project and every API (M(google.cloud.gcp_resourcemanager_project_info),
    M(google.cloud.gcp_serviceusage_service_info)), each needing permissions to list, and because a refusal at one of
    them would end the play before the others are asked.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.gcp.project
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
  - researchops.jupyterhub.attributes.actiongroup_gcp
requirements:
  - google-auth >= 2.23.0
  - requests >= 2.31.0
options:
  location:
    description: The cluster's region or zone.
    type: str
    required: true
    aliases: [region, zone]
  name:
    description: The cluster's name.
    type: str
    required: true
  apis:
    description:
      - The APIs that must be on. By default those that O(front_door) needs.
    type: list
    elements: str
    default: []
  front_door:
    description: What leads to the hub.
    type: str
    choices: [ingress, gateway]
    default: ingress
  service_type:
    description: How the load balancer reaches the hub; V(ClusterIP) needs a VPC-native cluster.
    type: str
    choices: [ClusterIP, NodePort]
    default: ClusterIP
  cloud_dns:
    description: The hub's name is kept in Cloud DNS, so its API is needed too.
    type: bool
    default: false
  oauth_client:
    description: Whose OAuth client Identity-Aware Proxy uses.
    type: str
    choices: [google_managed, own]
    default: google_managed
  client_id:
    description: Id of the client, for O(oauth_client=own).
    type: str
    default: ""
  waivers:
    description: Settings that may differ, each with a reason.
    type: list
    elements: dict
    default: []
    suboptions:
      setting:
        description: The setting, as in RV(settings[].setting).
        type: str
        required: true
      reason:
        description: Why it may differ.
        type: str
        required: true
seealso:
  - module: google.cloud.gcp_container_cluster_info
  - module: google.cloud.gcp_resourcemanager_project_info
  - module: google.cloud.gcp_serviceusage_service_info
"""

EXAMPLES = r"""
- name: Look at cluster and project before anything is made
  researchops.jupyterhub.gke_cluster_info:
    project: example-research
    location: europe-west4
    name: research
    waivers:
      - {setting: private_endpoint, reason: the institute's CI reaches it through authorised networks}
  register: cluster

- name: Stop where the cluster differs from the rules
  ansible.builtin.assert:
    that: cluster.drift == []
"""

RETURN = r"""
preflight:
  description: One row for each check, with C(check), C(ok) and C(text).
  returned: always
  type: list
  elements: dict
  sample:
    - {check: GKE version, ok: true, text: 1.33.5-gke.1080000}
settings:
  description: The settings of a safer cluster. Empty where the cluster cannot be read.
  returned: always
  type: list
  elements: dict
  contains:
    setting:
      description: Its name.
      type: str
      sample: private_nodes
    ok:
      description: Whether it is as wanted.
      type: bool
      sample: true
    seen:
      description: What was found.
      type: str
      sample: all nodes private
    wanted:
      description: What it should be.
      type: str
      sample: no node with a public address
    waived:
      description: Why it may differ; empty where nobody waived it.
      type: str
      sample: ""
  sample: []
drift:
  description: Names of the settings that are neither as wanted nor waived.
  returned: always
  type: list
  elements: str
  sample: []
project_number:
  description: The project's number; empty where the project cannot be read.
  returned: always
  type: str
  sample: "123456789012"
version:
  description: Version of the control plane; empty where the cluster cannot be read.
  returned: always
  type: str
  sample: 1.33.5-gke.1080000
redirect_uri:
  description: What an OAuth client of one's own must list as redirect URI; empty with Google's client.
  returned: always
  type: str
  sample: https://iap.googleapis.com/v1/oauth/clientIds/123-abc.apps.googleusercontent.com:handleRedirect
"""

from collections.abc import Callable
from typing import Any, TypeVar

from ..module_utils._core.errors import HubError
from ..module_utils._core.preflight import bad_row
from ..module_utils._gcp import gke_facts, safer_cluster
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.gke_api import GkeApi
from ..module_utils._shell import GCP_OPTIONS, GCP_PROJECT, Outcome, Request, run

T = TypeVar("T")


def body(request: Request) -> Outcome:
    """Read three things and judge each."""
    params = request.params
    wrong = safer_cluster.waiver_problems(params["waivers"])
    if wrong:
        raise wrong[0]
    api = GcpApi.from_options(params, learn=request.redactor.add, project=params["project"])
    api.log_in()  # without credentials every check would fail for the same reason
    return Outcome(changed=False, result=judged(params, GkeApi(api, params["project"])))


def judged(params: dict[str, Any], cloud: GkeApi) -> dict[str, Any]:
    """The result, from what can be read."""
    rows: list[dict[str, Any]] = []
    client, name = params["oauth_client"], params["project"]
    apis = params["apis"] or gke_facts.apis(params["front_door"], params["cloud_dns"])
    states = _read(rows, "Google APIs", lambda: cloud.services(apis))
    rows += [] if states is None else gke_facts.api_rows(states, apis, name)
    project = _read(rows, "Google project", cloud.project)
    rows += [] if project is None else gke_facts.organisation_rows(project, client, name)
    rows += gke_facts.client_rows(client, params["client_id"])
    cluster = _read(rows, "GKE cluster", lambda: cloud.cluster(params["location"], params["name"]))
    settings: tuple[safer_cluster.Judged, ...] = ()
    version = str((cluster or {}).get("currentMasterVersion", ""))
    if cluster is not None:
        reasons = {waiver["setting"]: waiver["reason"] for waiver in params["waivers"]}
        update = gke_facts.update_command(name, params["location"], params["name"])
        settings = safer_cluster.judge(cluster, reasons, update)
        rows += gke_facts.version_rows(version, client)
        rows += gke_facts.door_rows(cluster, params["front_door"], params["service_type"], update)
    return {
        "preflight": rows + [setting.row() for setting in settings],
        "settings": [setting.as_dict() for setting in settings],
        "drift": [setting.name for setting in settings if setting.drift],
        "project_number": str((project or {}).get("name", "")).rpartition("/")[2],
        "version": version,
        "redirect_uri": gke_facts.redirect_uri(params["client_id"]) if client == gke_facts.OWN else "",
    }


def _read(rows: list[dict[str, Any]], check: str, read: Callable[[], T]) -> T | None:
    """What ``read`` finds; a refusal becomes a failed row, so that the other checks are still made."""
    try:
        return read()
    except HubError as problem:
        rows.append(bad_row(check, problem))
        return None


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **GCP_OPTIONS,
            **GCP_PROJECT,
            "location": {"type": "str", "required": True, "aliases": ["region", "zone"]},
            "name": {"type": "str", "required": True},
            "apis": {"type": "list", "elements": "str", "default": []},
            "front_door": {"type": "str", "choices": ["ingress", "gateway"], "default": "ingress"},
            "service_type": {"type": "str", "choices": ["ClusterIP", "NodePort"], "default": "ClusterIP"},
            "cloud_dns": {"type": "bool", "default": False},
            "oauth_client": {"type": "str", "choices": ["google_managed", "own"], "default": "google_managed"},
            "client_id": {"type": "str", "default": ""},
            "waivers": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "setting": {"type": "str", "required": True},
                    "reason": {"type": "str", "required": True},
                },
            },
        },
        libraries=("google.auth", "requests"),
    )


if __name__ == "__main__":
    main()
