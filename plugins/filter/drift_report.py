# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: what a release that nobody changed would need."""

from __future__ import annotations

DOCUMENTATION = """
name: drift_report
short_description: Tell how the cluster differs from what the inventory says
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Turns the plan that M(researchops.jupyterhub.hub_release) returns in check mode into sentences that name every
    object and field.
options:
  _input:
    description: The module's result.
    type: dict
    required: true
  release:
    description: Name of the Helm release.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
  looked:
    description: Whether the module compared live objects (O(researchops.jupyterhub.hub_release#module:drift=check)).
    type: bool
    default: true
positional: release, namespace, looked
seealso:
  - module: researchops.jupyterhub.hub_release
"""

EXAMPLES = """
- name: Say what somebody changed by hand
  ansible.builtin.debug:
    msg: "{{ found | researchops.jupyterhub.drift_report('climate', 'climate') }}"
  vars:
    found:
      chart: jupyterhub-4.4.0
      revision: 12
      plan_summary: "+0 ~1 -0"
      plan:
        - {verb: update, target: Deployment/hub, changes: [{field: spec.replicas, before: 0, after: 1}]}
"""

RETURN = """
_value:
  description: What to say.
  type: dict
  contains:
    summary: {description: One line for the output of a run., type: str}
    problem: {description: "Empty, or the whole error for a run that wants no difference.", type: str}
"""

from collections.abc import Callable, Mapping
from typing import Any


def drift_report(found: Mapping[str, Any], release: str, namespace: str, looked: bool = True) -> dict[str, str]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import drift

    return drift.report(found, release, namespace, bool(looked))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"drift_report": drift_report}
