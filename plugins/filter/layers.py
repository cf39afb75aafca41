# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: the values layers of one hub."""

from __future__ import annotations

DOCUMENTATION = """
name: layers
short_description: Compute the values layers of one hub
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Every role C(hub_*) that contributes chart values owns one layer, a pure function of its documented variables.
  - This filter computes all layers that take part, in their fixed order. It changes nothing and asks nobody.
options:
  _input:
    description: The variables of the hub (C(hub_*), C(z2jh_*), C(letsencrypt_*)). Secrets among them are dropped.
    type: dict
    required: true
  discovery:
    description: What the lookup P(researchops.jupyterhub.oidc_discovery#lookup) returned for the hub's issuer.
    type: dict
    default: {}
seealso:
  - plugin: researchops.jupyterhub.chart_values
    plugin_type: filter
"""

EXAMPLES = """
- name: Show the layers of this hub
  ansible.builtin.debug:
    msg: "{{ {'hub_domain': 'hub.example.org', 'hub_https_type': 'secret'} | researchops.jupyterhub.layers }}"
"""

RETURN = """
_value:
  description: Chart values by the name of the role that owns the layer.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def layers(variables: Mapping[str, Any], discovery: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.layers import compute_layers

    try:
        return dict(compute_layers(variables, discovery))
    except HubError as problem:
        raise AnsibleFilterError(problem.text()) from problem


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"layers": layers}
