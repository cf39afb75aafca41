# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: what is wrong with one role's layer."""

from __future__ import annotations

DOCUMENTATION = """
name: layer_problems
short_description: Check the variables of one role that contributes a values layer
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Computes the layer of one role and returns what is wrong with the role's variables. It asks nobody.
options:
  _input:
    description: The variables of the hub (C(hub_*), C(z2jh_*), C(letsencrypt_*)). Secrets among them are dropped.
    type: dict
    required: true
  layer:
    description: The role that owns the layer.
    type: str
    required: true
    choices: [z2jh, hub_https, hub_oauth]
  discovery:
    description: What the lookup P(researchops.jupyterhub.oidc_discovery#lookup) returned for the hub's issuer.
    type: dict
    default: {}
positional: layer, discovery
"""

EXAMPLES = """
- name: Stop when the HTTPS variables do not fit together
  vars:
    variables: {hub_domain: hub.example.org, hub_https_type: secret}
    problems: "{{ variables | researchops.jupyterhub.layer_problems('hub_https') }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | map(attribute='text') | join('\\n') }}"
"""

RETURN = """
_value:
  description: Findings as the filter P(researchops.jupyterhub.lint_values#filter) returns them; empty when all is well.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def layer_problems(
    variables: Mapping[str, Any], layer: str, discovery: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.layers import LAYERS, judge_layer

    if layer not in LAYERS:
        raise AnsibleFilterError(f"layer_problems: {layer!r} is no layer; there are: {', '.join(LAYERS)}")
    _values, findings = judge_layer(layer, variables, discovery)
    return [finding.as_dict() for finding in findings]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"layer_problems": layer_problems}
