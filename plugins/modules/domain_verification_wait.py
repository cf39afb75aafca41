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
  - Finds the zone that holds a name and all its authoritative name servers, asks each of them by IPv4 and IPv6, and is
    done when all agree twice in a row.
    No cache and no negative TTL stands in between.
  - Several record sets are proved together, also the absence of one (a forgotten AAAA record sends half of the world
    elsewhere).
  - NXDOMAIN, SERVFAIL, refusals and silence are never final before the deadline; the last answer of every server is
    returned either way. Aliases are followed when all servers agree on them. Texts that travel in several strings are
    compared as one. An answer that comes from a wildcard is called so.
  - Where port 53 is closed, or a resolver on the way answers without authority in the servers' place, and so not one
    authoritative server is heard for ten seconds, public resolvers are asked over HTTPS. When those agree twice the
    module succeeds with RV(verified=false), RV(public=true) and the verdict V(authoritative servers not reachable from
    here), so that nobody takes it for the same.
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
  - requests >= 2.31.0
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
  without:
    description: Values that must not be there, whatever else is. Without O(values), nothing else is asked for.
    type: list
    elements: str
    default: []
  records:
    description:
      - Several record sets instead of one; O(type), O(values), O(exact) and O(without) cannot be given beside it.
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
      without:
        description: Values that must not be there, whatever else is.
        type: list
        elements: str
        default: []
  or_addresses:
    description:
      - Whether, where a CNAME with one value is wanted, addresses at the name are right as well, if all of them are
        addresses that the value leads to at that moment. Name servers that follow an alias themselves (ALIAS of
        Route 53, CNAME flattening, the top of a zone, where no CNAME may stand) never show the CNAME.
      - Leave this off for an alias that proves who owns a domain; its addresses prove nothing.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait; V(0) looks once and fails unless the records are right.
    type: int
    default: 600
  wait_sleep:
    description: Seconds between two looks. The look that confirms the first full agreement follows after 0.3 seconds.
    type: int
    default: 2
  nameservers:
    description: Addresses of recursive resolvers that find zone and servers; by default the machine's.
    type: list
    elements: str
    default: []
  resolvers:
    description:
      - Recursive resolvers to ask too, by address or by https URL, for example those of the people who use the name.
      - They remember what they once said, so they are asked only after the authoritative servers agree. Where one gives
        something else, a warning says what and for how long at most.
    type: list
    elements: str
    default: []
  resolvers_must_agree:
    description: Wait until the O(resolvers) agree as well. This finds out a zone with two faces (split horizon).
    type: bool
    default: false
  https_fallback:
    description: Ask O(https_resolvers) where no authoritative server can be reached. They learn the names asked for.
    type: bool
    default: true
  https_resolvers:
    description:
      - URLs of public resolvers that speak DNS over HTTPS (RFC 8484). Proxies are taken from the environment.
      - What they remember from before the record was set lasts as long as the zone's negative TTL says.
    type: list
    elements: str
    default: ["https://dns.google/dns-query", "https://cloudflare-dns.com/dns-query"]
  ca_file:
    description: PEM file with authorities to trust for https URLs besides the system's.
    type: path
  hub:
    description: Who speaks in the progress lines; by default the first name.
    type: str
    default: ""
notes:
  - Only an answer from the authoritative servers, on UDP and TCP port 53, makes a record verified.
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

- name: Wait until the institute's own resolvers have forgotten the old address, too
  researchops.jupyterhub.domain_verification_wait:
    name: hub.example.org
    type: A
    values: [203.0.113.7]
    resolvers: [192.0.2.53, "https://dns.google/dns-query"]
    resolvers_must_agree: true
"""

RETURN = r"""
verified:
  description:
    - Whether every authoritative server agreed twice. False on success only in check mode, and with RV(public=true).
  returned: success
  type: bool
  sample: true
public:
  description: Whether no authoritative server could be reached and public resolvers agreed twice.
  returned: success
  type: bool
  sample: false
verdict:
  description:
    - V(verified at every authoritative server), V(authoritative servers not reachable from here) or V(not verified).
      On failure the same is in C(details.verdict).
  returned: success
  type: str
  sample: verified at every authoritative server
current:
  description: What the authoritative servers have now, one entry for each record set.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The record's name.
      type: str
      sample: example.org
    type:
      description: The record's type.
      type: str
      sample: TXT
    agreed:
      description: Whether all servers have the same. If not, the rest of the entry is empty.
      type: bool
      sample: true
    present:
      description: The values.
      type: list
      elements: str
      sample: [v=spf1 -all]
    texts:
      description: The values as a zone file has them.
      type: list
      elements: str
      sample: ['"v=spf1 -all"']
    ttl:
      description: Seconds that others may remember them.
      type: int
      sample: 300
  sample: []
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
      description: The last answer of everybody who was asked, one entry for each address and each record set.
      type: list
      elements: dict
      sample:
        - asked: authoritative
          name: hub.example.org
          type: A
          server: ns1.example.org
          address: 192.0.2.53
          status: answer
          answers: [203.0.113.7]
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
from ..module_utils._dns.proof import Others, Proof, prove
from ..module_utils._dns.recursive import PUBLIC, Recursives, fetcher, parse_servers
from ..module_utils._dns.resolver import Authorities, at_once, recursive
from ..module_utils._dns.verdicts import TYPES, Standing, parse_wanted
from ..module_utils._shell import Outcome, Request, run

RECORD: dict[str, dict[str, Any]] = {
    "type": {"type": "str", "choices": list(TYPES)},
    "values": {"type": "list", "elements": "str", "default": []},
    "exact": {"type": "bool", "default": True},
    "without": {"type": "list", "elements": "str", "default": []},
}


def others(params: dict[str, Any]) -> Others:
    """Who is asked besides the authoritative servers."""
    named = parse_servers(params["resolvers"], "resolvers")
    public = parse_servers(params["https_resolvers"], "https_resolvers") if params["https_fallback"] else ()
    fetch, strict = fetcher(params["ca_file"]), params["resolvers_must_agree"]
    return Others(
        resolvers=Recursives(named, at_once, fetch, patient=strict).look if named else None,
        must_agree=bool(strict and named),
        public=Recursives(public, at_once, fetch).look if public else None,
    )


def warnings(proof: Proof) -> list[str]:
    """What a person should know although it worked."""
    if proof.public:
        return [f"{Standing.PUBLIC.value}: {proof.seen}"]
    return [f"the record is right, but not everywhere yet: {proof.seen}"] if proof.verified and proof.behind else []


def body(request: Request) -> Outcome:
    """Prove the records, or say who still disagrees."""
    params = request.params
    items = (
        params["records"]
        if params["records"] is not None
        else [{key: params[key] for key in ("type", "values", "exact", "without")}]
    )
    wanted = parse_wanted(items, params["name"] or "", or_addresses=params["or_addresses"])
    clock = SystemClock()
    reporter = Reporter.from_environment(params["hub"] or wanted[0].name, "front door", clock)
    proof = prove(
        Authorities(recursive(params["nameservers"], 53), clock),
        wanted,
        clock=clock,
        timeout=0 if request.check_mode else params["wait_timeout"],
        interval=max(1, params["wait_sleep"]),
        reporter=reporter,
        others=others(params),
    )
    if proof.standing is Standing.NOT_YET and not request.check_mode:
        raise proof.error()
    result = {
        "verified": proof.verified,
        "public": proof.public,
        "verdict": proof.standing.value,
        "zones": proof.zones,
        "seen": proof.seen,
        "seconds": round(proof.seconds, 1),
        "current": proof.current,
        "attempts": proof.attempts,
        "transitions": reporter.transitions,
    }
    return Outcome(changed=False, result=result, warnings=warnings(proof))


def main() -> None:
    """Entry point."""
    record = RECORD | {"name": {"type": "str"}, "type": RECORD["type"] | {"required": True}}
    addresses = {"type": "list", "elements": "str", "default": []}
    run(
        body,
        argument_spec={
            **RECORD,
            "name": {"type": "str"},
            "records": {"type": "list", "elements": "dict", "options": record},
            "or_addresses": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 600},
            "wait_sleep": {"type": "int", "default": 2},
            "nameservers": addresses,
            "resolvers": addresses,
            "resolvers_must_agree": {"type": "bool", "default": False},
            "https_fallback": {"type": "bool", "default": True},
            "https_resolvers": {"type": "list", "elements": "str", "default": list(PUBLIC)},
            "ca_file": {"type": "path"},
            "hub": {"type": "str", "default": ""},
        },
        required_one_of=[("type", "records")],
        mutually_exclusive=[(name, "records") for name in RECORD],
        required_by={"type": ("name",)},
        libraries=("dns", "requests"),
    )


if __name__ == "__main__":
    main()
