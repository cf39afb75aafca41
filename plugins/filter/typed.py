# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: a role variable in the type its argument spec promises."""

from __future__ import annotations

DOCUMENTATION = """
name: typed
short_description: The list, dictionary or boolean that was meant where text was given
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - With C(-e) and in a survey of AWX every value is text. For a role variable of type list, dict or bool Ansible's own
    check of the role's arguments accepts that, but the role then sees the text.
  - This filter gives what the check made of it. What is no text is returned as it is, and nothing at all as empty.
options:
  _input:
    description:
      - The value as it was given.
      - As a list, text is split at commas, without the spaces around them; it may also be a list in brackets.
      - As a dictionary, text is JSON, or C(k=v) with commas between.
      - As a boolean, it is one of the words that Ansible takes for options, such as V(y) and V(off).
    type: raw
    required: true
  type:
    description: The type that the argument spec has for it.
    type: str
    choices: [list, dict, bool]
    required: true
positional: type
"""

EXAMPLES = """
- name: Name those who may enter, one by one
  ansible.builtin.debug:
    msg: "{{ item }}"
  loop: "{{ 'user:a@example.org, user:b@example.org' | researchops.jupyterhub.typed('list') }}"
"""

RETURN = """
_value:
  description: A list, a dictionary or a boolean.
  type: raw
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def typed(value: Any, type: str) -> list[Any] | dict[str, Any] | bool:  # noqa: A002  # the word of argument specs
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.typed import as_bool, as_dict, as_list

    readers: dict[str, Callable[[Any], Any]] = {"list": as_list, "dict": as_dict, "bool": as_bool}
    if type not in readers:
        raise AnsibleFilterError(f"typed knows {', '.join(readers)}, not {type!r}")
    try:
        read: list[Any] | dict[str, Any] | bool = readers[type](value)
    except ValueError as problem:
        error = HubError(
            error_id="E-VALUES-08",
            what=f"A variable of type {type} cannot be used: {problem}",
            do="correct it; docs/variables.md says what it takes",
        )
        raise AnsibleFilterError(error.text()) from problem
    return read


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"typed": typed}
