# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: the endpoints of an OpenID provider, from its issuer's URL alone."""

from __future__ import annotations

DOCUMENTATION = """
name: oidc_discovery
short_description: Read the discovery document of an OpenID provider
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Asks the issuer for its OpenID Connect discovery document and returns what a hub needs from it.
  - A problem is returned as data, so that a play can report it together with all other problems.
options:
  _terms:
    description: URLs of issuers. An empty one gives an empty result.
    type: list
    elements: str
    required: true
  ca_file:
    description: PEM file with the only authorities to trust. Empty means those of the system.
    type: str
    default: ""
  timeout:
    description: Seconds for the connection, between two bytes of the reply, and for its whole body.
    type: float
    default: 10.0
seealso:
  - module: researchops.jupyterhub.oidc_client_info
notes:
  - The lookup P(ansible.builtin.url#lookup) gives a document's text; it does not check that it belongs to the issuer.
"""

EXAMPLES = """
- name: Show where people log in
  ansible.builtin.debug:
    msg: "{{ lookup('researchops.jupyterhub.oidc_discovery', 'https://issuer.example.org/', timeout=5) }}"
"""

RETURN = """
_raw:
  description: One dictionary an issuer.
  type: list
  elements: dict
  contains:
    issuer: {description: The issuer as it names itself., type: str}
    authorization_endpoint: {description: Where people log in., type: str}
    token_endpoint: {description: Where the hub exchanges the login code., type: str}
    userinfo_endpoint: {description: Where the hub learns who logged in., type: str}
    scopes_supported: {description: Scopes on offer., type: list, elements: str}
    ca_pem: {description: The text of O(ca_file)., type: str}
    problem:
      description: Empty, or the parts of the error (C(error_id), C(what), C(do), C(seen), C(wanted)).
      type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.oidc import describe


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        ca_file, timeout = str(self.get_option("ca_file") or ""), float(self.get_option("timeout"))
        return [describe(str(issuer), ca_file, timeout) if issuer else {} for issuer in terms]
