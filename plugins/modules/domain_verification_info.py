#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: whether a domain is verified with Google, and the record that would prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_verification_info
short_description: Tell whether a domain is verified with Google, and the record that proves it
version_added: 0.1.0
description:
  - Asks Google Site Verification for the token that these credentials must publish in DNS, and whether they have
    verified the domain already.
  - Publish the record beside what is there (SPF and other people's verifications live in the same record set; see
    P(researchops.jupyterhub.txt_merge#filter)), prove it by M(researchops.jupyterhub.domain_verification_wait), then
    use M(researchops.jupyterhub.domain_verification).
  - No module of google.cloud does it.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
  - researchops.jupyterhub.attributes.actiongroup_gcp
  - researchops.jupyterhub.gcp
requirements:
  - google-auth >= 2.23.0
  - requests >= 2.31.0
options:
  domain:
    description: The domain, such as V(example.org).
    type: str
    required: true
  method:
    description: How the domain is to be proved.
    type: str
    choices: [DNS_TXT, DNS_CNAME]
    default: DNS_TXT
notes:
  - The scope is C(https://www.googleapis.com/auth/siteverification), which cloud-platform does not contain. A person's
    own login (application default credentials) usually lacks it; use a service account.
seealso:
  - module: researchops.jupyterhub.domain_verification
"""

EXAMPLES = r"""
- name: Learn which record proves a domain
  researchops.jupyterhub.domain_verification_info:
    domain: example.org
    auth_kind: serviceaccount
    service_account_file: /etc/hub/verifier.json
  register: proof
"""

RETURN = r"""
token:
  description: Google's token. It is no secret; anybody can read it in DNS.
  returned: success
  type: str
  sample: google-site-verification=AbC
record:
  description: The record that carries it; none for O(method=DNS_CNAME), whose token says itself what to do with it.
  returned: success
  type: dict
  sample: {name: example.org, type: TXT, value: google-site-verification=AbC}
verified:
  description: Whether these credentials have verified the domain.
  returned: success
  type: bool
  sample: false
owners:
  description: All owners, where it is verified.
  returned: success
  type: list
  elements: str
  sample: []
account:
  description: The service account that the token belongs to; empty where the credentials do not tell.
  returned: success
  type: str
  sample: verifier@example-research.iam.gserviceaccount.com
"""

from typing import Any

from ..module_utils._gcp.site_api import Sites
from ..module_utils._gcp.site_verification import METHODS, parse_wish, record
from ..module_utils._shell import GCP_OPTIONS, Outcome, Request, run

ARGUMENTS: dict[str, dict[str, Any]] = {
    **GCP_OPTIONS,
    "domain": {"type": "str", "required": True},
    "method": {"type": "str", "choices": list(METHODS), "default": METHODS[0]},
}


def body(request: Request) -> Outcome:
    """Ask for the token and for what is verified."""
    wish = parse_wish(request.params)
    sites = Sites.from_options(request.params, learn=request.redactor.add)
    token, site = sites.token(wish), sites.find(wish)
    result = {
        "token": token,
        "record": record(wish.domain, wish.method, token),
        "verified": site is not None,
        "owners": list(site.owners) if site else [],
        "account": sites.account(),
    }
    return Outcome(changed=False, result=result)


def main() -> None:
    """Entry point."""
    run(body, argument_spec=ARGUMENTS, libraries=("google.auth", "requests"))


if __name__ == "__main__":
    main()
