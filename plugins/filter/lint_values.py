# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: what is wrong with chart values."""

from __future__ import annotations

DOCUMENTATION = """
name: lint_values
short_description: Find what is wrong with values for the JupyterHub chart
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Finds keys the chart does not know and names the nearest one that exists, placeholders, secrets among the values,
    rules that let anybody in, callback addresses of another host, and settings the chart accepts but ignores.
  - Pure; no finding contains the value of a secret.
options:
  _input:
    description: Values as one would give them to the chart.
    type: dict
    required: true
  chart_version:
    description:
      - The chart's version. Keys are compared for version 4 only; Helm asks any other chart's own schema.
      - Names that only the hub of an older chart knows are refused from version 4 on; without a version they are not.
    type: str
    default: ""
  callback_url:
    description: The address the provider must send people back to. Empty means callback addresses are not compared.
    type: str
    default: ""
  acknowledge_open_hub:
    description: Whether it is intended that everybody may enter.
    type: bool
    default: false
"""

EXAMPLES = """
- name: Show what is wrong with a values file
  vars:
    values: {hub: {confg: {}}}
  ansible.builtin.debug:
    msg: "{{ values | researchops.jupyterhub.lint_values(chart_version='4.4.0') | map(attribute='text') }}"
"""

RETURN = """
_value:
  description: Everything that is wrong, in a fixed order; empty when all is well.
  type: list
  elements: dict
  contains:
    check: {description: The same as the path; makes the finding a row of a preflight., type: str}
    ok: {description: Always V(false)., type: bool}
    id: {description: The error's id., type: str}
    path: {description: The path of the value., type: str}
    sentence: {description: What is wrong with it., type: str}
    do: {description: What to do., type: str}
    text: {description: All of it as one message., type: str}
"""

from collections.abc import Callable, Mapping
from typing import Any


def lint_values(
    values: Mapping[str, Any],
    chart_version: str = "",
    callback_url: str = "",
    acknowledge_open_hub: bool = False,
) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import lint

    context = lint.Context(bool(acknowledge_open_hub), str(callback_url), str(chart_version))
    return [finding.as_dict() for finding in lint.lint(values, context)]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"lint_values": lint_values}
