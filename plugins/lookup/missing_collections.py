# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: which optional collections are not there."""

from __future__ import annotations

DOCUMENTATION = """
name: missing_collections
short_description: Find collections that a task will need and that are not installed
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Some roles use modules of collections that are not installed with this one, because most hubs do not need them.
    Ansible notices only when it comes to the task, in the middle of a run.
  - A collection counts as missing, too, when it is too old to have the module.
options:
  _terms:
    description: Full names of modules.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Stop before a run that cannot end
  ansible.builtin.assert:
    that: query('researchops.jupyterhub.missing_collections', 'kubernetes.core.k8s') | length == 0
"""

RETURN = """
_raw:
  description: Names of collections; none where all modules are there.
  type: list
  elements: str
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import is_installed


def missing_collections(modules: Iterable[str]) -> list[str]:
    """See DOCUMENTATION."""
    found = (name.rpartition(".") for name in modules)
    lost = [
        where for where, _dot, name in found if not is_installed(f"ansible_collections.{where}.plugins.modules.{name}")
    ]
    return list(dict.fromkeys(lost))


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        return missing_collections(str(name) for name in terms)
