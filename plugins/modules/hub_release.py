#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: one JupyterHub release, planned on the server and applied by Helm."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_release
short_description: Install, upgrade and remove a JupyterHub's Helm release
version_added: 0.1.0
author:
  - researchops.jupyterhub contributors (@researchops)
description:
  - Brings one Helm release of a Zero to JupyterHub style chart to the state given here, with at most one
    C(helm upgrade).
  - An unchanged release costs one read of the cluster and no Helm process. A changed one is rendered by the server and
    compared object by object and field by field with what is live. Check mode returns exactly the plan that the run
    then carries out.
  - A release that a dead writer left C(pending-install), C(pending-upgrade) or C(pending-rollback) is recovered by a
    stated policy. Nothing here ever uninstalls a release to repair it, and no claim of the hub or of a person is
    deleted or replaced.
  - M(kubernetes.core.helm) was not enough. It overlooks pending releases, returns the release's values in its result,
    leaves values in temporary files when it is killed, and starts five Helm processes to find that nothing changed.
requirements:
  - kubernetes >= 29.0.0
  - PyYAML
  - Helm 4, or 3.13 or later (not for O(state=absent) without a release)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
  - researchops.jupyterhub.attributes.actiongroup_k8s
attributes:
  diff_mode:
    details:
      - Returns what changes, per object and field, without secrets.
options:
  state:
    description:
      - V(present) installs or upgrades and waits until hub and proxy serve.
      - V(absent) removes the release; see O(keep_data).
    type: str
    choices: [present, absent]
    default: present
  release_name:
    description: Name of the Helm release.
    type: str
    required: true
  namespace:
    description: Namespace of the release.
    type: str
    required: true
  chart_ref:
    description:
      - The chart. A directory or C(.tgz) file on the controller, V(oci://REGISTRY/CHART), or V(https://REPOSITORY/CHARTNAME).
      - Required for O(state=present).
    type: str
  chart_version:
    description: One exact version. Required unless O(chart_ref) is a path. Ranges and V(latest) are refused.
    type: str
  chart_sha256:
    description:
      - SHA-256 the chart must have; for a directory that of its sorted file list, as returned in the error message.
      - Without it the collection's lock file decides, and for a version that is not in there the digest recorded when
        this version was first installed.
    type: str
  values:
    description:
      - The merged chart values, all of them. What an earlier run gave and this one does not is taken out.
      - They must not hold secrets; those belong in O(secrets), and the values refer to them.
      - Who may enter the hub is not judged here. The role P(researchops.jupyterhub.z2jh#role) does that.
      - What looks like a secret by its name is never shown.
    type: dict
    default: {}
  values_root:
    description:
      - Key under which a parent chart holds JupyterHub's values, for example V(jupyterhub) for daskhub.
      - Empty for the chart itself.
    type: str
    default: ""
  layers:
    description:
      - Names of the values layers that O(values) was merged from. They are recorded in the release.
      - A run that lacks a recorded layer stops, because it would silently take that layer's settings away.
    type: list
    elements: str
    default: []
  drop_layers:
    description: Names of recorded layers that may go.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - Names and values kept in Secret C(hub-secrets) of the namespace, which is applied before the release.
      - A changed value changes an annotation of the hub's pod, so that the hub restarts with it.
    type: dict
    default: {}
  timeout:
    description: Seconds that applying the release may take, until hub and proxy serve.
    type: int
    default: 600
  pending_policy:
    description:
      - What to do with a release that is half done.
      - V(fail) stops and says what is pending since when.
      - V(wait) waits up to O(timeout) seconds for its writer to end.
      - V(rollback) goes back to the last deployed revision and upgrades from there. Where there is none, it does as
        V(mark_failed).
      - V(mark_failed) marks the stuck revision failed and upgrades.
    type: str
    choices: [fail, wait, rollback, mark_failed]
    default: fail
  pending_max_age:
    description:
      - Seconds after which a half-done release of an unknown writer counts as abandoned.
      - Writers of this collection are known by their Lease and need no such guess.
    type: int
    default: 900
  drift:
    description:
      - V(check) compares an unchanged release with the live objects and repairs what differs.
      - V(skip) takes an unchanged release for granted.
    type: str
    choices: [check, skip]
    default: skip
  helm_binary:
    description: Name or path of the Helm program, version 4 or 3.13 and later.
    type: str
    default: helm
  create_namespace:
    description: Make the namespace where it is missing.
    type: bool
    default: false
  front_foretold:
    description:
      - In check mode, an earlier task of the play would make the Service C(hub-front), as the role
        P(researchops.jupyterhub.hub_front#role) does. Then a load balancer of the chart's own may go.
      - Otherwise it may only go, while it has an address, where that Service is there.
    type: bool
    default: false
  keep_data:
    description:
      - With O(state=absent), keep the hub's database claim and people's homes.
      - V(false) deletes them.
    type: bool
    default: true
seealso:
  - module: researchops.jupyterhub.hub_release_info
  - module: kubernetes.core.helm
"""

EXAMPLES = r"""
- name: Install JupyterHub, or upgrade it
  researchops.jupyterhub.hub_release:
    release_name: climate
    namespace: climate
    chart_ref: https://hub.jupyter.org/helm-chart/jupyterhub
    chart_version: 3.3.8
    values:
      proxy:
        service:
          type: ClusterIP
      hub:
        extraEnv:
          OAUTH_CLIENT_SECRET:
            valueFrom:
              secretKeyRef:
                name: hub-secrets
                key: oauth_client_secret
    layers: [hub_oauth]
    secrets:
      oauth_client_secret: "{{ hub_oauth_client_secret }}"

- name: Bring a release back that a dead run left pending
  researchops.jupyterhub.hub_release:
    release_name: climate
    namespace: climate
    chart_ref: /srv/charts/jupyterhub-4.4.0.tgz
    chart_sha256: "{{ chart_sha256 }}"  # of sha256sum jupyterhub-4.4.0.tgz
    values: "{{ hub_values }}"
    layers: [hub_oauth]
    secrets:
      oauth_client_secret: "{{ hub_oauth_client_secret }}"
    pending_policy: rollback

- name: Remove the release, keep the homes
  researchops.jupyterhub.hub_release:
    release_name: climate
    namespace: climate
    state: absent
"""

RETURN = r"""
status:
  description: Helm's status of the newest revision; V(absent) without a release.
  returned: always
  type: str
  sample: deployed
revision:
  description: Newest revision; 0 without a release.
  returned: always
  type: int
  sample: 12
chart:
  description: Name and version of the chart.
  returned: always
  type: str
  sample: jupyterhub-4.4.0
app_version:
  description: Version of JupyterHub the chart installs.
  returned: always
  type: str
  sample: 5.5.0
digest:
  description: Stands for everything the release is made from; empty until hub and proxy have served with it.
  returned: always
  type: str
  sample: 3lqn6m4z2c7d5b4r6f7s2k3j5h6g7p4o2i3u4y5t6r7e2w3q4a5s
plan:
  description: What was changed (in check mode, would be changed), in order. Values of secrets are not shown.
  returned: always
  type: list
  elements: dict
  contains:
    verb:
      description: One of V(create), V(update), V(delete), V(install), V(upgrade), V(record), V(recover), V(uninstall).
      type: str
    target:
      description: Kind and name of the object.
      type: str
    changes:
      description: Changed fields.
      type: list
      elements: dict
      contains:
        field:
          description: Path of the field.
          type: str
        before:
          description: Value before; null where there was none.
          type: raw
        after:
          description: Value after; null where there is none.
          type: raw
plan_summary:
  description: Counts of created, updated and deleted objects.
  returned: always
  type: str
  sample: "+0 ~2 -0"
reason:
  description: Why these steps, in one sentence.
  returned: always
  type: str
  sample: the release differs from what is wanted
hooks:
  description: Objects that Helm runs at some moment of an upgrade instead of keeping them.
  returned: always
  type: list
  elements: dict
  sample: [{"target": "Job/hook-image-awaiter", "events": ["pre-install", "pre-upgrade"]}]
not_server_checked:
  description: Objects the server could not be asked about, because their namespace or kind is not there yet.
  returned: always
  type: list
  elements: str
  sample: []
restarts:
  description: Workloads whose pods are replaced by this plan.
  returned: always
  type: list
  elements: str
  sample: [Deployment/hub]
kept:
  description: Objects that leave the release but stay in the cluster.
  returned: always
  type: list
  elements: str
  sample: [PersistentVolumeClaim/hub-db-dir]
pods:
  description: Pods of hub and proxy after a change.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "hub-5b9c", "ready": true, "images": ["k8s-hub:4.4.0"], "image_ids": [], "restarts": 0}]
recovered:
  description: What was done about a half-done release; empty if there was none.
  returned: always
  type: str
  sample: ""
transitions:
  description: What the module reported while it ran.
  returned: always
  type: list
  elements: dict
  sample: [{"at": "2026-11-22T10:00:00+00:00", "subject": "climate", "phase": "release", "text": "plan +31 ~0 -0"}]
"""

from typing import Any

from ..module_utils._hub.release_run import converge
from ..module_utils._shell import KUBERNETES_OPTIONS, Outcome, Request, run

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "release_name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "chart_ref": {"type": "str"},
    "chart_version": {"type": "str"},
    "chart_sha256": {"type": "str"},
    "values": {"type": "dict", "default": {}},
    "values_root": {"type": "str", "default": ""},
    "layers": {"type": "list", "elements": "str", "default": []},
    "drop_layers": {"type": "list", "elements": "str", "default": []},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "timeout": {"type": "int", "default": 600},
    "pending_policy": {"type": "str", "choices": ["fail", "wait", "rollback", "mark_failed"], "default": "fail"},
    "pending_max_age": {"type": "int", "default": 900},
    "drift": {"type": "str", "choices": ["check", "skip"], "default": "skip"},
    "helm_binary": {"type": "str", "default": "helm"},
    "create_namespace": {"type": "bool", "default": False},
    "front_foretold": {"type": "bool", "default": False},
    "keep_data": {"type": "bool", "default": True},
    **KUBERNETES_OPTIONS,
}


def body(request: Request) -> Outcome:
    """Bring the release to the wanted state."""
    done, reporter = converge(request.params, check_mode=request.check_mode, redactor=request.redactor)
    result = {**done.as_dict(), "transitions": reporter.transitions}
    return Outcome(done.changed, result, done.plan.diff, done.warnings)


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec=ARGUMENT_SPEC,
        libraries=("kubernetes", "yaml"),
        required_if=[("state", "present", ("chart_ref",))],
    )


if __name__ == "__main__":
    main()
