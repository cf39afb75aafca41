# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: a role variable in the type its argument spec promises."""

from __future__ import annotations

DOCUMENTATION = """
name: typed
short_description: The list, dictionary, boolean or path that was meant by a text
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - With C(-e) and in a survey of AWX every value is text. For a role variable of type list, dict or bool Ansible's own
    check of the role's arguments accepts that, but the role then sees the text.
  - This filter gives what the check made of it. What is no text is returned as it is, and nothing at all as empty.
  - A path becomes one from the root on. A relative one starts in the folder that C(ansible-playbook) was started in;
    Ansible starts modules elsewhere, those of a collection's playbook in the installed collection.
options:
  _input:
    description:
      - The value as it was given.
      - As a list, text is split at commas, without the spaces around them; it may also be a list in brackets.
      - As a dictionary, text is JSON, or C(k=v) with commas between.
      - As a boolean, it is one of the words that Ansible takes for options, such as V(y) and V(off).
      - As a path, it may begin with C(~) and hold variables of the environment.
    type: raw
    required: true
  type:
    description: The type that the argument spec has for it.
    type: str
    choices: [list, dict, bool, path]
    required: true
  paths:
    description: The keys of a dictionary that hold paths.
    type: list
    elements: str
    default: []
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
  description: A list, a dictionary, a boolean or a path.
  type: raw
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def typed(value: Any, type: str, paths: Sequence[str] = ()) -> list[Any] | dict[str, Any] | bool | str:  # noqa: A002  # the word of argument specs
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.typed import (
        as_bool,
        as_dict,
        as_list,
        as_path,
        with_paths,
    )

    readers: dict[str, Callable[[Any], Any]] = {
        "list": as_list,
        "dict": lambda given: with_paths(as_dict(given), paths),
        "bool": as_bool,
        "path": as_path,
    }
    if type not in readers:
        raise AnsibleFilterError(f"typed knows {', '.join(readers)}, not {type!r}")
    try:
        read: list[Any] | dict[str, Any] | bool | str = readers[type](value)
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
