# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: the DNS records of a name that leads to given addresses."""

from __future__ import annotations

DOCUMENTATION = """
name: dns_records
short_description: The complete record sets of a name that leads to these addresses
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Sorts addresses into A and AAAA records. A family without an address gets an empty record set, because a forgotten
    AAAA record leads people elsewhere.
  - One host name instead of addresses becomes a CNAME record.
options:
  _input:
    description: Addresses, or one host name.
    type: list
    elements: str
    required: true
seealso:
  - module: researchops.jupyterhub.domain_verification_wait
"""

EXAMPLES = """
- name: Wait until a name leads to an address
  researchops.jupyterhub.domain_verification_wait:
    name: hub.example.org
    records: "{{ ['203.0.113.7'] | researchops.jupyterhub.dns_records }}"
"""

RETURN = """
_value:
  description: Record sets as O(researchops.jupyterhub.domain_verification_wait#module:records) takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def dns_records(addresses: Sequence[str]) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.records import records_for

    try:
        return records_for([str(item) for item in addresses])
    except HubError as problem:
        raise AnsibleFilterError(problem.text()) from problem


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"dns_records": dns_records}
