# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: the version of the Helm program."""

from __future__ import annotations

DOCUMENTATION = """
name: helm_version
short_description: Read the version of the Helm program on the controller
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Runs C(helm version) and returns the version, or as data why this Helm cannot be used.
options:
  _terms:
    description: The program, by name or path.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Show Helm's version
  ansible.builtin.debug:
    msg: "{{ lookup('researchops.jupyterhub.helm_version', 'helm') }}"
"""

RETURN = """
_raw:
  description: One dictionary a program.
  type: list
  elements: dict
  contains:
    version: {description: Major and minor version; empty with a problem., type: str}
    problem: {description: "Empty, or the whole error message.", type: str}
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import SystemClock
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.helm import Helm, Target


def helm_version(binary: str) -> dict[str, str]:
    """See DOCUMENTATION."""
    clock = SystemClock()
    helm = Helm(
        binary,
        Target("none", "default", None, None),
        clock=clock,
        reporter=Reporter("", "", clock),
        redactor=Redactor(),
    )
    try:
        return {"version": ".".join(map(str, helm.version())), "problem": ""}
    except HubError as problem:
        return {"version": "", "problem": problem.text()}


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, str]]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        return [helm_version(str(binary)) for binary in terms]
