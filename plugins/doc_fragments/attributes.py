# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a module promises about check mode, diff mode and repetition; every module names the fragments that are true
for it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ``researchops.jupyterhub.attributes`` and its parts."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: With C(--check) the module foretells what a real run would do and changes nothing.
  diff_mode:
    description: With C(--diff) the module returns the state before and after.
  idempotent:
    description:
      - A second run with the same options, undisturbed in between, reports no change and sends no write.
"""

    STATE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - Takes the same path as a real run and stops before the first write.
  diff_mode:
    support: full
    details:
      - Secrets are replaced before the difference is made.
  idempotent:
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
    details:
      - This module changes nothing.
"""

    ACTIONGROUP_K8S = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/researchops.jupyterhub.k8s) in C(module_defaults) to set the cluster's options once for all modules.
    support: full
    membership:
      - researchops.jupyterhub.k8s
"""

    ACTIONGROUP_GCP = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/researchops.jupyterhub.gcp) in C(module_defaults) to set Google's options once for all modules.
      - The group is for the credentials. Not all of its modules take a C(project), and those that do not refuse it; the
        environment variable E(GCP_PROJECT) sets it for those that do.
    support: full
    membership:
      - researchops.jupyterhub.gcp
"""

    # For modules of both groups, which extend this one first and then the two above: the first text counts, and
    # antsibull-nox looks for the two.
    ACTIONGROUP_K8S_GCP = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/researchops.jupyterhub.k8s) and C(group/researchops.jupyterhub.gcp) in C(module_defaults) to set the
        options of the cluster and of Google once for all modules.
      - The groups are for credentials. Not all of their modules take a C(project), and those that do not refuse it; the
        environment variable E(GCP_PROJECT) sets it for those that do.
    support: full
    membership:
      - researchops.jupyterhub.gcp
      - researchops.jupyterhub.k8s
"""
