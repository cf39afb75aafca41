#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: what Helm has written down about a JupyterHub release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_release_info
short_description: Facts about a JupyterHub's Helm release
version_added: 0.1.0
author:
  - researchops.jupyterhub contributors (@researchops)
description:
  - Reads Helm's records of one release, with two requests and no Helm process, in any state the release may be in.
  - Neither values nor manifests are returned, because they may hold secrets.
  - M(kubernetes.core.helm_info) was not enough. It starts Helm, and returns the release's values.
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
  - researchops.jupyterhub.attributes.actiongroup_k8s
options:
  release_name:
    description: Name of the Helm release.
    type: str
    required: true
  namespace:
    description: Namespace of the release.
    type: str
    required: true
seealso:
  - module: researchops.jupyterhub.hub_release
  - module: kubernetes.core.helm_info
"""

EXAMPLES = r"""
- name: Look at the release
  researchops.jupyterhub.hub_release_info:
    release_name: climate
    namespace: climate
  register: release

- name: Show its revision and status
  ansible.builtin.debug:
    msg: "revision {{ release.revision }} is {{ release.status }}"
"""

RETURN = r"""
exists:
  description: Whether there is such a release.
  returned: always
  type: bool
  sample: true
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
since:
  description: When the newest revision was written, in UTC; empty without a release.
  returned: always
  type: str
  sample: "2026-11-22T10:00:00+00:00"
chart:
  description: Name and version of the chart of the newest revision.
  returned: always
  type: str
  sample: jupyterhub-3.3.8
app_version:
  description: Version of JupyterHub that chart installs.
  returned: always
  type: str
  sample: 4.1.6
chart_sha256:
  description: Digest of the chart as M(researchops.jupyterhub.hub_release) installed it; empty if it did not.
  returned: always
  type: str
  sample: ac4dd85c814a322353d68e1a322ba1a5ea0ada6cd8945affcebc46f6ccb2b645
layers:
  description: Names of the values layers the release was made from.
  returned: always
  type: list
  elements: str
  sample: [hub_https, hub_oauth]
digest:
  description: Stands for everything the release was made from; empty if hub and proxy were never seen to serve with it.
  returned: always
  type: str
  sample: 3lqn6m4z2c7d5b4r6f7s2k3j5h6g7p4o2i3u4y5t6r7e2w3q4a5s
history:
  description: All revisions Helm remembers, newest first.
  returned: always
  type: list
  elements: dict
  sample: [{"revision": 12, "status": "deployed", "since": "2026-11-22T10:00:00+00:00"}]
"""

from typing import Any

from ..module_utils._hub.release_facts import read_facts
from ..module_utils._k8s.client import KubeClient
from ..module_utils._shell import KUBERNETES_OPTIONS, Outcome, Request, run

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "release_name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    **KUBERNETES_OPTIONS,
}


def body(request: Request) -> Outcome:
    """Read the records."""
    params = request.params
    client = KubeClient.from_kubeconfig(params["kubeconfig"], params["context"])
    return Outcome(False, read_facts(client, params["namespace"], params["release_name"]))


def main() -> None:
    """Entry point."""
    run(body, argument_spec=ARGUMENT_SPEC, libraries=("kubernetes",))


if __name__ == "__main__":
    main()
