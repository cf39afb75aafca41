# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: what must change in a managed zone of Cloud DNS."""

from __future__ import annotations

DOCUMENTATION = """
name: clouddns_changes
short_description: The changes that give a name its records in Cloud DNS
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Compares the record sets of a managed zone with the wanted ones and returns those that differ, removals first.
  - M(google.cloud.gcp_dns_resource_record_set) does nothing in check mode, and takes a set that has more than the
    wanted values for right. This filter foretells its work and makes it see the difference.
options:
  _input:
    description: The zone's record sets, as M(google.cloud.gcp_dns_resource_record_set_info) returns them.
    type: list
    elements: dict
    required: true
  domain:
    description: The name.
    type: str
    required: true
  wanted:
    description: Values by type. An empty list means that there must be no such record.
    type: dict
    required: true
  ttl:
    description: Seconds that others may remember a new record set; one that exists keeps its own.
    type: int
    default: 300
seealso:
  - module: google.cloud.gcp_dns_resource_record_set
"""

EXAMPLES = """
- name: See what would change
  vars:
    rrsets: [{name: hub.example.org., type: A, ttl: 300, rrdatas: [203.0.113.9]}]
  ansible.builtin.debug:
    msg: "{{ rrsets | researchops.jupyterhub.clouddns_changes('hub.example.org', {'A': ['203.0.113.7'], 'AAAA': []}) }}"
"""

RETURN = """
_value:
  description: One entry with C(type), C(state), C(target) and C(ttl) for each record set that must change.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def clouddns_changes(
    rrsets: Sequence[Mapping[str, Any]], domain: str, wanted: Mapping[str, Sequence[str]], ttl: int = 300
) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.records import cloud_changes

    try:
        return [change.as_dict() for change in cloud_changes(rrsets, str(domain), wanted, int(ttl))]
    except HubError as problem:
        raise AnsibleFilterError(problem.text()) from problem


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"clouddns_changes": clouddns_changes}
