# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: what is wrong with a certificate."""

from __future__ import annotations

DOCUMENTATION = """
name: certificate_problems
short_description: Find what keeps a certificate from serving a host name
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Checks the order of the chain, the private key, the names, the dates and the use, without asking anybody.
  - A certificate of one's own authority is fine; who trusts it is not judged.
  - Key material is never returned. Use C(no_log) on tasks that hand a private key to this filter.
requirements:
  - cryptography
options:
  _input:
    description: The certificate and its chain in PEM, leaf first.
    type: str
    required: true
  key_pem:
    description: The private key in PEM, without a pass phrase. Without it, the key is not checked.
    type: str
  names:
    description: Host names people will open.
    type: list
    elements: str
    default: []
  now:
    description: The moment to judge, as ISO 8601; without a zone it is UTC. The default is the present.
    type: str
  source:
    description: What to call the certificate in messages.
    type: str
    default: certificate
seealso:
  - plugin: community.crypto.x509_certificate_info
    plugin_type: filter
    description: Describes a certificate; it does not compare it with a key, a chain and names.
"""

EXAMPLES = """
- name: Check a certificate before it is used
  vars:
    chain: "{{ lookup('ansible.builtin.file', '/etc/ssl/certs/ssl-cert-snakeoil.pem') }}"
    problems: "{{ chain | researchops.jupyterhub.certificate_problems(names=['hub.example.org']) }}"
  ansible.builtin.debug:
    msg: "{{ problems | map(attribute='text') }}"
"""

RETURN = """
_value:
  description: Findings as the filter P(researchops.jupyterhub.lint_values#filter) returns them; empty when all is well.
  type: list
  elements: dict
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError


def certificate_problems(
    cert_pem: str,
    key_pem: str | None = None,
    names: Sequence[str] = (),
    now: str | None = None,
    source: str = "certificate",
) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import certificates
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settings import Finding, error_parts

    try:
        moment = datetime.fromisoformat(now) if now else datetime.now(UTC)
        found = certificates.certificate_problems(str(cert_pem), key_pem and str(key_pem), names, moment, source=source)
    except HubError as problem:  # as data, because the task that calls this shows nothing when it fails
        found = [Finding.from_error(source, error_parts(problem))]
    except ValueError as problem:
        raise AnsibleFilterError("certificate_problems: now is not a moment in ISO 8601") from problem
    return [finding.as_dict() for finding in found]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by name."""
        return {"certificate_problems": certificate_problems}
