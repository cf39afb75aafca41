# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: what the refusal of an ACME server means."""

from __future__ import annotations

DOCUMENTATION = """
name: acme_refusal
short_description: What the refusal of an ACME server means, and what to do
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Turns what an ACME client reported, with the server's problem document in it (RFC 8555, section 6.7), into one
    error for a person.
options:
  _input:
    description: What the client reported.
    type: str
    required: true
  step:
    description: What was tried, in words that follow C(refused to).
    type: str
    required: true
  domain:
    description: The host name the certificate is for.
    type: str
    required: true
  directory:
    description: The ACME server.
    type: str
    required: true
"""

EXAMPLES = """
- name: Explain a refusal
  ansible.builtin.debug:
    msg: >-
      {{ 'urn:ietf:params:acme:error:rateLimited: too many certificates already issued'
         | researchops.jupyterhub.acme_refusal('open an order', 'hub.example.org', 'https://acme.example.org/dir') }}
"""

RETURN = """
_value:
  description: The error's text.
  type: str
"""

from collections.abc import Callable
from typing import Any


def acme_refusal(said: Any, step: str, domain: str, directory: str) -> str:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import acme

    return acme.refusal(str(said), step, domain, directory).text()


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"acme_refusal": acme_refusal}
