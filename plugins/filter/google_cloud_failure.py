# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: why a task of google.cloud failed."""

from __future__ import annotations

DOCUMENTATION = """
name: google_cloud_failure
short_description: Why a task of google.cloud failed
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - The modules of google.cloud die of a refusal that they do not expect, and wait for ever where no answer comes. This
    filter finds the sentence for a person in what is then registered.
options:
  _input:
    description: The registered result of a failed task, or of one turn of its loop.
    type: dict
    required: true
  seconds:
    description: The task's C(timeout), in seconds.
    type: int
    required: true
positional: seconds
"""

EXAMPLES = """
- name: Reserve an address
  google.cloud.gcp_compute_global_address:
    name: hub
    project: research
    auth_kind: application
  register: reserved
  ignore_errors: true
  timeout: 900

- name: Say why there is none
  ansible.builtin.fail:
    msg: "{{ (reserved | researchops.jupyterhub.google_cloud_failure(900)).text }}"
  when: reserved is failed
"""

RETURN = """
_value:
  description:
    - C(text), why it failed, without a full stop; C(late), whether no answer came in time; C(collision), whether
      somebody else changed the same thing at the same moment; C(busy), whether Google had too much to do.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any


def google_cloud_failure(result: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    """See DOCUMENTATION."""
    from dataclasses import asdict

    from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.google_cloud import failure

    return asdict(failure(result, int(seconds)))


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"google_cloud_failure": google_cloud_failure}
