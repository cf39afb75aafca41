# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Options of every module that talks to a cluster; the specification beside it is KUBERNETES_OPTIONS in
module_utils/_shell.py.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ``researchops.jupyterhub.kubernetes``."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - The kubeconfig file to use.
      - If not set, the file that the environment variable E(K8S_AUTH_KUBECONFIG) names, then E(KUBECONFIG), then
        C(~/.kube/config). A pod's own service account is never used in their place, because a run inside one cluster
        must not change that cluster by accident.
    type: path
  context:
    description:
      - The context of that file to use; by default its current context.
      - The environment variable E(K8S_AUTH_CONTEXT) is the fall-back.
    type: str
notes:
  - Exec credential plugins named in the kubeconfig work and may take 60 seconds; a token that runs out during a long
    wait is renewed.
  - A kubeconfig with impersonation (C(as) and its like) is refused, and so is a C(proxy-url) with a password.
"""
