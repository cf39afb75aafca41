#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: verify a domain with Google, and share its ownership."""

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_verification
short_description: Verify a domain with Google and share its ownership
version_added: 0.1.0
description:
  - Lets Google look for the verification record of a domain (Google Site Verification), and puts people among its
    owners. They may then use the domain on a consent screen for everybody and in Search Console.
  - The record itself is set before, by M(researchops.jupyterhub.domain_verification_info) (which tells it) and a DNS
    service; the role P(researchops.jupyterhub.domain_verification#role) does all of it.
  - No certificate needs this; Google's managed certificates look at addresses only.
  - No module of google.cloud does it.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
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
    description: How the domain is proved.
    type: str
    choices: [DNS_TXT, DNS_CNAME]
    default: DNS_TXT
  owners:
    description:
      - E-mail addresses that must be among the owners. Others stay; they may have verified the domain themselves.
    type: list
    elements: str
    default: []
  state:
    description:
      - Whether the domain is verified. V(absent) gives it up, which Google allows only after the record is gone.
    type: str
    choices: [present, absent]
    default: present
  wait_timeout:
    description: Seconds to wait until Google sees the record, or that it is gone; V(0) lets it look once.
    type: int
    default: 600
  wait_sleep:
    description: Seconds between two looks.
    type: int
    default: 5
  hub:
    description: Who speaks in the progress lines; by default the domain.
    type: str
    default: ""
notes:
  - The scope is C(https://www.googleapis.com/auth/siteverification), which cloud-platform does not contain. A person's
    own login (application default credentials) usually lacks it; use a service account and put people into O(owners).
  - The API C(siteverification.googleapis.com) must be enabled in the service account's project.
  - A token belongs to the account that asked for it, so record and verification must come from the same one.
seealso:
  - module: researchops.jupyterhub.domain_verification_info
  - module: researchops.jupyterhub.domain_verification_wait
"""

EXAMPLES = r"""
- name: Verify a domain whose record is published
  researchops.jupyterhub.domain_verification:
    domain: example.org
    owners: [ada@example.org]
    auth_kind: serviceaccount
    service_account_file: /etc/hub/verifier.json
"""

RETURN = r"""
verified:
  description: Whether the domain is verified by these credentials (in check mode, would be).
  returned: success
  type: bool
  sample: true
owners:
  description: All owners.
  returned: success
  type: list
  elements: str
  sample: [verifier@example-research.iam.gserviceaccount.com, ada@example.org]
steps:
  description: What was done (in check mode, would be).
  returned: success
  type: list
  elements: dict
  sample:
    - {verb: create, target: verification of example.org, changes: []}
transitions:
  description: The progress lines of the wait.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from typing import Any

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.errors import writing
from ..module_utils._core.plan import Plan
from ..module_utils._core.progress import Reporter
from ..module_utils._gcp.site_api import Sites
from ..module_utils._gcp.site_verification import METHODS, Wish, decide, parse_wish
from ..module_utils._shell import GCP_OPTIONS, Outcome, Request, run

ARGUMENTS: dict[str, dict[str, Any]] = {
    **GCP_OPTIONS,
    "domain": {"type": "str", "required": True},
    "method": {"type": "str", "choices": list(METHODS), "default": METHODS[0]},
    "owners": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait_timeout": {"type": "int", "default": 600},
    "wait_sleep": {"type": "int", "default": 5},
    "hub": {"type": "str", "default": ""},
}


def apply(sites: Sites, wish: Wish, plan: Plan, params: dict[str, Any], reporter: Reporter) -> list[str]:
    """Do the plan's steps in order; all owners afterwards."""
    times = {"timeout": params["wait_timeout"], "interval": max(1, params["wait_sleep"])}
    owners = list(plan.before["owners"])
    for number, step in enumerate(plan.steps):
        with writing(number > 0):
            if step.verb == "create":
                sites.verify(wish, reporter=reporter, **times)
                site = sites.find(wish)
                owners = list(site.owners) if site else []
            elif step.verb == "update":
                owners = sites.add_owners(wish)
            else:
                sites.remove(wish, reporter=reporter, **times)
                owners = []
    return owners


def body(request: Request) -> Outcome:
    """Look, decide, and do it unless in check mode."""
    params = request.params
    wish = parse_wish(params)
    sites = Sites.from_options(params, learn=request.redactor.add)
    plan = decide(wish, sites.find(wish), sites.account())
    reporter = Reporter.from_environment(params["hub"] or wish.domain, "front door", SystemClock())
    owners = list(plan.after["owners"])
    if plan.changed and not request.check_mode:
        owners = apply(sites, wish, plan, params, reporter)
    result = {
        "verified": plan.after["verified"],
        "owners": owners,
        "steps": [step.as_dict() for step in plan.steps],
        "transitions": reporter.transitions,
    }
    return Outcome(plan.changed, result, plan.diff)


def main() -> None:
    """Entry point."""
    run(body, argument_spec=ARGUMENTS, libraries=("google.auth", "requests"))


if __name__ == "__main__":
    main()
