#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: wait until every authoritative name server has a record."""

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_verification_wait
short_description: Prove DNS records at every authoritative name server
version_added: 0.1.0
description:
  - Finds the zone that holds a name and all its authoritative name servers, asks each of them, and is done when all
    agree twice in a row.
    No cache and no negative TTL stands in between.
  - Several record sets are proved together, also the absence of one (a forgotten AAAA record sends half of the world
    elsewhere).
  - NXDOMAIN, SERVFAIL, refusals and silence are never final before the deadline; the last answer of every server is
    returned either way.
  - In check mode it looks once and never fails.
  - M(community.dns.wait_for_txt) waits for TXT records only, gives up at the first dead server and by default waits
    without end.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.info
requirements:
  - dnspython >= 2.4.0
options:
  name:
    description: The record's name, absolute, with or without the final dot.
    type: str
  type:
    description: The record's type.
    type: str
    choices: [A, AAAA, CNAME, TXT, CAA]
  values:
    description: The wanted values. An empty list means that there must be no such record.
    type: list
    elements: str
    default: []
  exact:
    description: Whether other values beside the wanted ones are wrong.
    type: bool
    default: true
  records:
    description: Several record sets instead of one.
    type: list
    elements: dict
    suboptions:
      name:
        description: The record's name; by default O(name).
        type: str
      type:
        description: The record's type.
        type: str
        choices: [A, AAAA, CNAME, TXT, CAA]
        required: true
      values:
        description: The wanted values; an empty list means that there must be no such record.
        type: list
        elements: str
        default: []
      exact:
        description: Whether other values beside the wanted ones are wrong.
        type: bool
        default: true
  wait_timeout:
    description: Seconds to wait; V(0) looks once and fails unless the records are right.
    type: int
    default: 600
  wait_sleep:
    description: Seconds between two looks.
    type: int
    default: 2
  nameservers:
    description: Addresses of recursive resolvers that find zone and servers; by default the machine's.
    type: list
    elements: str
    default: []
  hub:
    description: Who speaks in the progress lines; by default the first name.
    type: str
    default: ""
notes:
  - The machine must reach the authoritative servers on port 53; where it cannot, the module says so.
seealso:
  - module: community.dns.wait_for_txt
  - module: community.general.nsupdate
"""

EXAMPLES = r"""
- name: Wait until the hub's name leads to the hub
  researchops.jupyterhub.domain_verification_wait:
    name: hub.example.org
    records:
      - {type: A, values: [203.0.113.7]}
      - {type: AAAA, values: []}

- name: Wait for a challenge
  researchops.jupyterhub.domain_verification_wait:
    name: _acme-challenge.hub.example.org
    type: TXT
    values: [gfj9Xq...Rg85nM]
    exact: false
    wait_timeout: 300
"""

RETURN = r"""
verified:
  description: Whether every authoritative server agreed twice. Only in check mode it can be false on success.
  returned: success
  type: bool
  sample: true
zones:
  description: The zones that hold the names.
  returned: success
  type: list
  elements: str
  sample: [example.org]
seen:
  description: The last round in words.
  returned: success
  type: str
  sample: A 203.0.113.7 at 4 of 4 authoritative servers
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 12.6
attempts:
  description: What each look saw; equal looks in a row are counted. On failure the same list is in C(details.attempts).
  returned: success
  type: list
  elements: dict
  contains:
    since:
      description: Seconds from the start to the first of these looks.
      type: float
      sample: 0.0
    until:
      description: Seconds from the start to the last of these looks.
      type: float
      sample: 12.1
    looks:
      description: How many looks saw this.
      type: int
      sample: 6
    seen:
      description: What was seen, in words.
      type: str
      sample: NXDOMAIN at 2 of 2 authoritative servers
    answers:
      description: One entry for each address of each authoritative server and each record set.
      type: list
      elements: dict
      sample:
        - {server: ns1.example.org, address: 192.0.2.53, type: A, status: answer, answers: [203.0.113.7]}
  sample: []
transitions:
  description: The progress lines of the wait.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from typing import Any

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.progress import Reporter
from ..module_utils._dns.resolver import Authorities, prove, recursive
from ..module_utils._dns.verdicts import TYPES, parse_wanted
from ..module_utils._shell import Outcome, Request, run

RECORD: dict[str, dict[str, Any]] = {
    "type": {"type": "str", "choices": list(TYPES)},
    "values": {"type": "list", "elements": "str", "default": []},
    "exact": {"type": "bool", "default": True},
}


def body(request: Request) -> Outcome:
    """Prove the records, or say who still disagrees."""
    params = request.params
    items = (
        params["records"]
        if params["records"] is not None
        else [{key: params[key] for key in ("type", "values", "exact")}]
    )
    wanted = parse_wanted(items, params["name"] or "")
    clock = SystemClock()
    reporter = Reporter.from_environment(params["hub"] or wanted[0].name, "front door", clock)
    proof = prove(
        Authorities(recursive(params["nameservers"], 53)),
        wanted,
        clock=clock,
        timeout=0 if request.check_mode else params["wait_timeout"],
        interval=max(1, params["wait_sleep"]),
        reporter=reporter,
    )
    if not proof.verified and not request.check_mode:
        raise proof.error()
    result = {
        "verified": proof.verified,
        "zones": sorted({look.zone for look in proof.looks if look.zone}),
        "seen": proof.verdict.reason,
        "seconds": round(proof.seconds, 1),
        "attempts": proof.attempts,
        "transitions": reporter.transitions,
    }
    return Outcome(changed=False, result=result)


def main() -> None:
    """Entry point."""
    record = RECORD | {"name": {"type": "str"}, "type": RECORD["type"] | {"required": True}}
    run(
        body,
        argument_spec={
            **RECORD,
            "name": {"type": "str"},
            "records": {"type": "list", "elements": "dict", "options": record},
            "wait_timeout": {"type": "int", "default": 600},
            "wait_sleep": {"type": "int", "default": 2},
            "nameservers": {"type": "list", "elements": "str", "default": []},
            "hub": {"type": "str", "default": ""},
        },
        required_one_of=[("type", "records")],
        mutually_exclusive=[("type", "records")],
        required_by={"type": ("name",)},
        libraries=("dns",),
    )


if __name__ == "__main__":
    main()
