#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: a certificate map of Google's Certificate Manager with a managed certificate for one host name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_map
short_description: A certificate map with a Google-managed certificate for one host name
version_added: 0.1.0
description:
  - Makes what a Gateway on GKE needs in place of a ManagedCertificate, which works with an Ingress only - a certificate
    map of Certificate Manager, its entry for the host name, the managed certificate of the entry, and the DNS
    authorization that proves the name.
  - The name is proved by a CNAME record, not through the load balancer, so the certificate can be there before the load
    balancer is. Set the record between O(state=authorized), which tells it, and O(state=present); Google looks for it
    as soon as there is a certificate, and repeats a look that failed only after a while.
  - Parts are marked with labels, which name the map and hold a digest of O(owner). What has a wanted name and not these
    labels is refused and never changed; entries that somebody else put into the map stay.
  - For another O(domain) a new certificate is made beside the old one, which goes when the new one is issued. So is one
    that Google gave up (state FAILED), because Google does not try it again.
  - google.cloud has no module for Certificate Manager (looked for up to its release 1.15.0);
    M(google.cloud.gcp_compute_ssl_certificate) makes certificates of Compute Engine, which no map takes.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.gcp
  - researchops.jupyterhub.gcp.project
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.state
  - researchops.jupyterhub.attributes.actiongroup_gcp
requirements:
  - google-auth >= 2.23.0
  - requests >= 2.31.0
options:
  name:
    description: The map's name, as the annotation C(networking.gke.io/certmap) of a Gateway takes it.
    type: str
    required: true
  owner:
    description:
      - Whom the map is for, in any words that are the same at every run, such as C(project/location/cluster/namespace).
        What was made for another owner is never changed, so that two hubs which give their maps the same name do not
        take each other's certificate away.
    type: str
    default: ""
  domain:
    description:
      - The host name, such as V(hub.example.org). Needed unless O(state=absent).
    type: str
    default: ""
  state:
    description:
      - V(authorized) makes the DNS authorization only, whose record RV(records) tells.
      - V(present) makes all parts.
      - V(absent) takes all of this map's parts away, whatever their domain. Before it takes the first one it waits
        until no load balancer uses the map. It keeps the map itself where somebody else has put an entry into it; then
        it does not wait, because the load balancer may be theirs. It also keeps a certificate that an entry of another
        map uses, and an authorization (with its record) that a certificate which stays is proved with, and warns.
    type: str
    choices: [present, authorized, absent]
    default: present
  keep_authorization:
    description:
      - With O(state=absent), whether DNS authorizations stay. Their records are needed as long as the map is, because
        Google renews the certificate with them. So remove RV(records) after the map and before the authorizations,
        which tell them to a run that has to go on where another one broke off.
    type: bool
    default: false
  wait:
    description:
      - With O(state=present), whether to wait until Google has issued the certificate. Without it, the certificate for
        an earlier domain stays until a later run finds the new one issued.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for the certificate, or with O(state=absent) for map and parts to become free; V(0) looks once.
    type: int
    default: 3600
  hub:
    description: Who speaks in the progress lines; by default the map's name.
    type: str
    default: ""
notes:
  - The API C(certificatemanager.googleapis.com) must be enabled, and the credentials need
    C(roles/certificatemanager.owner) in the project.
seealso:
  - module: researchops.jupyterhub.gke_front
  - module: researchops.jupyterhub.domain_verification_wait
  - module: google.cloud.gcp_compute_ssl_certificate
"""

EXAMPLES = r"""
- name: Ask how the name is proved
  researchops.jupyterhub.certificate_map:
    project: example-research
    name: climate-hub-front
    domain: hub.example.org
    state: authorized
  register: authorized

- name: Prove that the record is there
  researchops.jupyterhub.domain_verification_wait:
    name: "{{ authorized.records[0].name }}"
    type: CNAME
    values: ["{{ authorized.records[0].data }}"]

- name: Make map and certificate, and wait until Google has issued it
  researchops.jupyterhub.certificate_map:
    project: example-research
    name: climate-hub-front
    domain: hub.example.org
"""

RETURN = r"""
records:
  description:
    - The DNS records that prove the domain. With O(state=absent) those that nobody needs any more, and not those that
      another DNS authorization asks for, because a project has one record for each domain, nor those of an
      authorization that stays.
    - Empty in check mode while there is no authorization, because only Google knows them.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the record, without a final dot.
      type: str
      sample: _acme-challenge_ujmmovf2vn55tgye.hub.example.org
    type:
      description: Its type.
      type: str
      sample: CNAME
    data:
      description: What it says, without a final dot.
      type: str
      sample: ujmmovf2vn55tgye.0.authorize.certificatemanager.goog
  sample: []
certificate:
  description: The certificate for O(domain).
  returned: success
  type: dict
  contains:
    name:
      description: Its name; empty with O(state=absent).
      type: str
      sample: climate-hub-front-0a1b2c3d
    state:
      description: Google's word for its state, such as C(PROVISIONING) or C(ACTIVE); empty while there is none.
      type: str
      sample: ACTIVE
    cause:
      description: Why it is not issued, C(CONFIG), C(CAA) or C(RATE_LIMITED); empty where Google names nothing.
      type: str
      sample: ""
    details:
      description: Google's sentence about that.
      type: str
      sample: ""
    expires:
      description: Until when it holds; Google renews it before.
      type: str
      sample: "2027-01-20T09:30:00Z"
    renewing:
      description:
        - Whether Google is renewing it. It serves until RV(certificate.expires) then, although its state is
          C(PROVISIONING), and counts as issued. A cause that stands in the way is a warning.
      type: bool
      sample: false
  sample: {}
plan:
  description: What was (in check mode would be) done.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: C(create), C(update) or C(delete).
      type: str
      sample: create
    target:
      description: The part.
      type: str
      sample: CertificateMap/climate-hub-front
    changes:
      description: The changed fields of an update.
      type: list
      elements: dict
      sample: []
  sample:
    - {verb: create, target: CertificateMap/climate-hub-front, changes: []}
transitions:
  description: The progress lines of the waits.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from dataclasses import asdict
from typing import Any

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.progress import Reporter
from ..module_utils._gcp.api import GcpApi
from ..module_utils._gcp.certificate_map import (
    ABSENT,
    AUTHORIZATION,
    STATES,
    Part,
    Seen,
    Wish,
    decide,
    foreign_entries,
    kept_for_others,
    parse_wish,
)
from ..module_utils._gcp.certificate_map_api import CertificateMaps
from ..module_utils._gcp.certificate_map_verdicts import slow_renewal
from ..module_utils._shell import GCP_OPTIONS, GCP_PROJECT, Outcome, Request, run


def connect(request: Request, reporter: Reporter) -> CertificateMaps:
    """Certificate Manager in the name of the given credentials."""
    params = request.params
    api = GcpApi.from_options(params, learn=request.redactor.add, project=params["project"])
    return CertificateMaps(api, params["project"], reporter)


def body(request: Request) -> Outcome:
    """Look, decide, and do it unless in check mode."""
    params = request.params
    wish = parse_wish(params)
    reporter = Reporter.from_environment(params["hub"] or wish.name, "certificate", SystemClock())
    maps = connect(request, reporter)
    seen = maps.look(wish)
    work = decide(wish, seen)
    after = seen if request.check_mode else maps.carry_out(wish, seen, work, params["wait_timeout"])
    result = {
        **told(wish, seen, after),
        "plan": [step.as_dict() for step in work.plan.steps],
        "transitions": reporter.transitions,
    }
    return Outcome(
        work.plan.changed,
        result,
        work.plan.diff,
        warnings=[*kept(wish, seen), *failing(wish, after), *maps.server_time.warnings()],
    )


def told(wish: Wish, before: Seen, after: Seen) -> dict[str, Any]:
    """Records and certificate; of parts that went, what they were."""
    if wish.state == ABSENT:
        return {"records": before.unneeded, "certificate": {"name": "", **asdict(Seen().issued)}}
    return {"records": after.records([wish.part]), "certificate": {"name": after.certificate, **asdict(after.issued)}}


def kept(wish: Wish, seen: Seen) -> list[str]:
    """What to say about parts that cannot go."""
    others = foreign_entries(seen) if wish.state == ABSENT else []
    served = [f"The certificate map {wish.name} stays, because it serves {', '.join(others)}, too."] if others else []
    return served + [_used(part, seen.users[part.target]) for part in kept_for_others(wish, seen)]


def _used(part: Part, users: tuple[str, ...]) -> str:
    what = f"{part.target} stays, because it is"
    if part.kind == AUTHORIZATION:
        what = f"{part.target} and its record in DNS stay, because they are"
    return f"{what} used by {', '.join(users)}, too."


def failing(wish: Wish, after: Seen) -> list[str]:
    """What to say about a certificate that serves but is not renewed."""
    record = next(iter(after.records([wish.part])), {})
    warning = slow_renewal(wish, after.issued, record)
    return [warning] if warning else []


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **GCP_OPTIONS,
            **GCP_PROJECT,
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "default": ""},
            "domain": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": list(STATES), "default": "present"},
            "keep_authorization": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 3600},
            "hub": {"type": "str", "default": ""},
        },
        libraries=("google.auth", "requests"),
    )


if __name__ == "__main__":
    main()
