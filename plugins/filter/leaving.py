# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: the people whom the list of Identity-Aware Proxy loses."""

from __future__ import annotations

DOCUMENTATION = """
name: leaving
short_description: Name the people whom the list of Identity-Aware Proxy loses
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Of the members that were taken off a policy, or are about to be, the single people of whom neither address nor
    domain stays on the list. Groups and domains are no people, and who is in a group is not known here.
options:
  _input:
    description: Members that the list loses, as M(researchops.jupyterhub.iap_member) returns them.
    type: list
    elements: str
    required: true
  members:
    description: The list as it is to be.
    type: list
    elements: str
    required: true
positional: members
seealso:
  - plugin: researchops.jupyterhub.shut_out
    plugin_type: filter
"""

EXAMPLES = """
- name: Show who leaves
  ansible.builtin.debug:
    msg: "{{ removed | researchops.jupyterhub.leaving(['user:bob@example.org']) }}"
  vars:
    removed: ["user:Ada@example.org", "group:all@example.org"]
"""

RETURN = """
_value:
  description: The people in small letters, each once.
  type: list
  elements: str
  sample: ["user:ada@example.org"]
"""

from collections.abc import Callable, Sequence
from typing import Any


def leaving(removed: Sequence[str], members: Sequence[str]) -> list[str]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import shut_out as rules

    return rules.leaving(removed, members)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"leaving": leaving}
