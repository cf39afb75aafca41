# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: everything a hub gives to the chart, with everything that is wrong with it."""

from __future__ import annotations

DOCUMENTATION = """
name: chart_values
short_description: Merge the layers of one hub with the operator's own values, and judge the result
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Computes the layers, merges them in their fixed order with V(z2jh_values) last, and lints the result.
  - Two layers that set one value differently are a finding that names both.
  - All findings are returned together, so that a person corrects everything at once. No finding contains a secret.
options:
  _input:
    description: The variables of the hub (C(hub_*), C(z2jh_*), C(letsencrypt_*)). Secrets among them are dropped.
    type: dict
    required: true
  discovery:
    description: What the lookup P(researchops.jupyterhub.oidc_discovery#lookup) returned for the hub's issuer.
    type: dict
    default: {}
  secrets:
    description: The secrets the release will hold, by name. They are looked at for placeholders and never returned.
    type: dict
    default: {}
  front:
    description: The role hub_front has run, so it is known by which Service people come in.
    type: bool
    default: false
seealso:
  - plugin: researchops.jupyterhub.lint_values
    plugin_type: filter
"""

EXAMPLES = """
- name: Show what the chart would get
  vars:
    variables: {hub_domain: hub.example.org, z2jh_values: {hub: {allowNamedServers: true}}}
  ansible.builtin.debug:
    msg: "{{ (variables | researchops.jupyterhub.chart_values)['chart'] }}"
"""

RETURN = """
_value:
  description: The values and what was found.
  type: dict
  contains:
    chart:
      description: The values for the chart, below C(z2jh_values_root) where that is set.
      type: dict
    hub:
      description: Those of the hub alone, without that root.
      type: dict
    layers:
      description: The names of the layers that take part, in order.
      type: list
      elements: str
    overridden:
      description: Paths that the operator's own values replace, with the layer each came from.
      type: dict
    findings:
      description: Everything that is wrong.
      type: list
      elements: dict
      contains:
        check: {description: The same as the path; makes the finding a row of a preflight., type: str}
        ok: {description: Always V(false)., type: bool}
        id: {description: The error's id., type: str}
        path: {description: The variable or the path of the value., type: str}
        sentence: {description: What is wrong with it., type: str}
        do: {description: What to do., type: str}
        text: {description: All of it as one message., type: str}
"""

from collections.abc import Callable, Mapping
from typing import Any


def chart_values(
    variables: Mapping[str, Any],
    discovery: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    *,
    front: bool = False,
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import layers

    result = layers.chart_values(variables, discovery, secrets, front=front)
    return {
        "chart": result.values,
        "hub": result.hub,
        "layers": list(result.layers),
        "overridden": result.overridden,
        "findings": [finding.as_dict() for finding in result.findings],
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"chart_values": chart_values}
