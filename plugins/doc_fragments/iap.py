# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The resources that have an access policy of Identity-Aware Proxy; the specification beside them is RESOURCE in
module_utils/_gcp/iap_options.py.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ``researchops.jupyterhub.iap``."""

    DOCUMENTATION = r"""
options:
  resource:
    description:
      - What the policy belongs to. Exactly one of the suboptions.
    type: dict
    required: true
    suboptions:
      kubernetes:
        description:
          - An object of the cluster. Every backend service that GKE made for it is found and each has its own policy;
            GKE names them itself and makes them anew now and then, so this is the way for a hub.
        type: dict
        suboptions:
          kind:
            description: The kind of the object.
            type: str
            choices: [Ingress, Gateway, Service]
            default: Ingress
          namespace:
            description: Its namespace.
            type: str
            required: true
          name:
            description: Its name.
            type: str
            required: true
      backend_service:
        description: The name or number of a global backend service.
        type: str
      regional_backend_service:
        description: A backend service of one region.
        type: dict
        suboptions:
          region:
            description: The region.
            type: str
            required: true
          name:
            description: The name or number of the backend service.
            type: str
            required: true
      all_web:
        description: Everything in the project that is reached by https. Every hub of the project inherits it.
        type: bool
      tunnel:
        description: Every TCP tunnel (bastions) in the project.
        type: bool
      tunnel_zone:
        description: The tunnels to the machines of this zone.
        type: str
      tunnel_instance:
        description: The tunnels to one machine.
        type: dict
        suboptions:
          zone:
            description: Its zone.
            type: str
            required: true
          name:
            description: Its name or number.
            type: str
            required: true
      tunnel_dest_group:
        description: The tunnels to a destination group.
        type: dict
        suboptions:
          region:
            description: Its region.
            type: str
            required: true
          name:
            description: Its name.
            type: str
            required: true
"""
