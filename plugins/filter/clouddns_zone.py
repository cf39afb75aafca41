# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: the managed zone of Cloud DNS that holds a name."""

from __future__ import annotations

DOCUMENTATION = """
name: clouddns_zone
short_description: The managed zone of Cloud DNS that holds a name
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Chooses among the zones that M(google.cloud.gcp_dns_managed_zone_info) returns the closest public one.
  - Private zones are left out, because nobody outside can see them.
options:
  _input:
    description: The zones.
    type: list
    elements: dict
    required: true
  domain:
    description: The name.
    type: str
    required: true
  zone:
    description: The managed zone's name, where it is known.
    type: str
    default: ""
seealso:
  - module: google.cloud.gcp_dns_managed_zone_info
"""

EXAMPLES = """
- name: Choose a zone
  vars:
    zones: [{name: example-org, dnsName: example.org., visibility: public}]
  ansible.builtin.debug:
    msg: "{{ zones | researchops.jupyterhub.clouddns_zone('hub.example.org') }}"
"""

RETURN = """
_value:
  description: The zone's C(name) and C(dnsName), as google.cloud's modules take them.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def clouddns_zone(zones: Sequence[Mapping[str, Any]], domain: str, zone: str = "") -> dict[str, str]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.records import cloud_zone

    try:
        return cloud_zone(zones, str(domain), str(zone))
    except HubError as problem:
        raise AnsibleFilterError(problem.text()) from problem


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"clouddns_zone": clouddns_zone}
