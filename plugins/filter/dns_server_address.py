# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: the address of a name server."""

from __future__ import annotations

DOCUMENTATION = """
name: dns_server_address
short_description: The address of a name server that is given by name
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Dynamic updates are sent to an address; people write the server's name. The machine's resolver is asked.
options:
  _input:
    description: An address, which is returned as it is, or a host name.
    type: str
    required: true
seealso:
  - module: community.general.nsupdate
"""

EXAMPLES = """
- name: Set a record
  community.general.nsupdate:
    server: "{{ 'ns1.example.org' | researchops.jupyterhub.dns_server_address }}"
    record: hub.example.org.
    value: 203.0.113.7
"""

RETURN = """
_value:
  description: The address.
  type: str
"""

import socket
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def dns_server_address(server: str) -> str:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError

    try:
        return str(socket.getaddrinfo(str(server), 53, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as problem:
        what = f"The DNS server {server} has no address: {problem.strerror or type(problem).__name__}"
        raise AnsibleFilterError(HubError("E-DNS-04", what, "set hub_dns_server to its address").text()) from problem


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"dns_server_address": dns_server_address}
