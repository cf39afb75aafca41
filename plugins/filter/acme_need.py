# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: must a certificate be ordered."""

from __future__ import annotations

DOCUMENTATION = """
name: acme_need
short_description: Whether a certificate must be ordered
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Judges the Secret that holds a hub's certificate. A certificate is needed where there is none, where the present
    one does not serve the name, comes from another ACME directory, or is in the last third of its life.
  - A Secret that this collection did not fill is never to be overwritten.
  - The Secret remembers the orders of the last seven days. The last certificate that Let's Encrypt makes for a name in
    that time is not to be spent.
  - Use C(no_log) on tasks that hand a Secret to this filter. Nothing of it is returned but dates.
requirements:
  - cryptography
options:
  _input:
    description:
      - What P(researchops.jupyterhub.cluster_objects#lookup) found of the Secret, with C(resources) (empty where there
        is none) and C(problem).
    type: dict
    required: true
  domain:
    description: The host name the certificate must serve.
    type: str
    required: true
  directory:
    description: The ACME directory it must come from.
    type: str
    required: true
  renew_before:
    description: Seconds before its end at which it is due; V(0) for a third of its life.
    type: float
    default: 0
  secret_name:
    description: What to call the Secret in the error.
    type: str
    default: ""
seealso:
  - plugin: researchops.jupyterhub.certificate_problems
    plugin_type: filter
"""

EXAMPLES = """
- name: Judge a Secret that does not exist yet
  ansible.builtin.debug:
    msg: >-
      {{ {'resources': []}
         | researchops.jupyterhub.acme_need('hub.example.org', 'https://acme.example.org/directory') }}
"""

RETURN = """
_value:
  description:
    - C(order), C(reason), C(foreign), C(ends), and C(error), which is empty unless the play has to stop.
    - C(orders) is what the Secret has to remember once the certificate is there.
  type: dict
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any


def acme_need(
    found: Mapping[str, Any], domain: str, directory: str, renew_before: float = 0, secret_name: str = ""
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import acme, https

    if found.get("problem"):
        return acme.Need(False, "unknown").as_dict() | {"error": str(found["problem"])}
    refused = https.taken(secret_name)
    if refused:
        return acme.Need(False, "unknown").as_dict() | {"error": refused[0].text()}
    secret = next(iter(found["resources"]), None)
    try:
        need = acme.need(secret, str(domain), str(directory), float(renew_before), datetime.now(UTC))
    except HubError as problem:  # as data, because the task that calls this shows nothing when it fails
        return acme.Need(False, "unknown").as_dict() | {"error": problem.text()}
    error = acme.last_one(need, secret_name, str(domain), str(directory))
    if need.stops:
        error = acme.foreign(secret_name, need.reason)
    return need.as_dict() | {"error": error.text() if error else ""}


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"acme_need": acme_need}
