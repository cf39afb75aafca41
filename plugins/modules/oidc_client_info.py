#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Module: prove an OpenID client before a hub depends on it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: oidc_client_info
short_description: Prove id, secret and callback of an OpenID client
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Sends a login code that cannot exist to the provider's token endpoint. A provider judges the client before the code,
    so its answer tells whether id and secret are right. Nobody logs in and nothing is changed.
  - Asks the authorization endpoint, without a login page, whether it would send people back to the callback.
  - What a provider does not tell is returned as V(unknown), not as an error.
notes:
  - No other collection has a module for this; M(ansible.builtin.uri) would need the provider's error codes in every
    playbook.
extends_documentation_fragment:
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
options:
  issuer:
    description: The issuer's URL.
    type: str
    required: true
  client_id:
    description: The client id.
    type: str
    required: true
  client_secret:
    description: The client secret. It is sent to the issuer's token endpoint only.
    type: str
    required: true
  callback_url:
    description: The address the provider must send people back to. Without it, it is not checked.
    type: str
    default: ""
  token_auth_method:
    description: How the client will show its secret.
    type: str
    choices: [client_secret_post, client_secret_basic]
    default: client_secret_post
  ca_file:
    description: PEM file with the only authorities to trust for the issuer. By default those of the system.
    type: path
  timeout:
    description: Seconds for each connection, between two bytes of a reply, and for its whole body.
    type: float
    default: 10.0
seealso:
  - plugin: researchops.jupyterhub.oidc_discovery
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Prove the hub's client
  researchops.jupyterhub.oidc_client_info:
    issuer: https://issuer.example.org/
    client_id: hub
    client_secret: "{{ vault_hub_client_secret }}"
    callback_url: https://hub.example.org/hub/oauth_callback
"""

RETURN = r"""
secret:
  description: V(proved), or V(unknown) where the provider's answer does not tell.
  returned: success
  type: str
  sample: proved
secret_reason:
  description: The provider's own word.
  returned: success
  type: str
  sample: invalid_grant
callback:
  description: V(proved), or V(unknown) where the provider's answer does not tell.
  returned: success
  type: str
  sample: proved
callback_reason:
  description: What the provider did.
  returned: success
  type: str
  sample: the provider redirects to it
"""

from typing import Any

from ..module_utils._hub import oidc
from ..module_utils._hub.oauth import TOKEN_AUTH_METHODS
from ..module_utils._shell import Outcome, Request, run

ARGUMENTS: dict[str, dict[str, Any]] = {
    "issuer": {"type": "str", "required": True},
    "client_id": {"type": "str", "required": True},
    "client_secret": {"type": "str", "required": True, "no_log": True},
    "callback_url": {"type": "str", "default": ""},
    "token_auth_method": {
        "type": "str",
        "choices": list(TOKEN_AUTH_METHODS),
        "default": TOKEN_AUTH_METHODS[0],
        "no_log": False,
    },
    "ca_file": {"type": "path"},
    "timeout": {"type": "float", "default": oidc.TIMEOUT},
}


def body(request: Request) -> Outcome:
    """Discover, then prove."""
    params = request.params
    ask = oidc.asker(params["ca_file"] or "", params["timeout"])
    client = oidc.Client(
        params["client_id"], params["client_secret"], params["callback_url"], params["token_auth_method"]
    )
    document = oidc.discover(params["issuer"], ask)
    return Outcome(changed=False, result=dict(oidc.prove_client(document, client, ask)))


def main() -> None:
    """Ansible's entry point."""
    run(body, argument_spec=ARGUMENTS)


if __name__ == "__main__":
    main()
