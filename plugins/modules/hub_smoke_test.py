#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Ansible module: prove a hub by using it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_smoke_test
short_description: Prove a JupyterHub by entering through its front door and using it
version_added: 0.1.0
description:
  - Checks address, TLS chain and host name, that plain http leads to https, and that a JupyterHub answers.
  - Signs in as a real user on the real sign-in page, starts the user's server, runs a cell over the kernel's websocket,
    writes a file into the home, stops the server until its pod is gone, starts it again, finds the file, removes it,
    and stops the server.
  - Proves that the hub refuses a stranger, somebody whom the identity provider knows and no rule allows.
  - Compares the image that runs in the user's pod with the pinned one, where O(namespace) is given.
  - A server that was running before the test is used, and left as it is.
  - No other module uses a hub; M(ansible.builtin.uri) reaches its pages but neither signs in nor runs a cell.
author:
  - researchops.jupyterhub contributors (@researchops)
extends_documentation_fragment:
  - researchops.jupyterhub.kubernetes
  - researchops.jupyterhub.attributes
  - researchops.jupyterhub.attributes.actiongroup_k8s
attributes:
  check_mode:
    support: partial
    details:
      - Looks at door, TLS, redirect, version and sign-in page; everything that needs a login is reported as skipped.
  diff_mode:
    support: none
    details:
      - What this module starts it also ends; there is no before and after.
  idempotent:
    support: full
    details:
      - Reports a change only when O(keep_server=true) leaves a server running that was not running before.
requirements:
  - requests >= 2.31.0
  - websocket-client >= 1.6.0
  - cryptography >= 41.0.0
  - kubernetes >= 29.0.0, with O(namespace)
  - google-auth >= 2.23.0, with O(login=iap_service_account)
options:
  url:
    description: The front door with the hub's base path, such as V(https://hub.example.org/).
    type: str
    required: true
  hub:
    description: The hub's name in messages and evidence; by default the host in O(url).
    type: str
  login:
    description:
      - How to enter.
      - V(oidc) signs in with O(user) and O(password) on whatever page an unknown visitor is sent to. Pages that only
        run as scripts, second factors and the sign-in pages of GitHub and Google cannot be operated.
      - V(iap_service_account) enters through Google's Identity-Aware Proxy (IAP) as the service account in
        O(service_account_file), with a token that the account signs for itself, sent in C(Proxy-Authorization). The hub
        must log it in by what IAP signed, without a second login. That IAP turns away whoever has no credentials is
        proved as well.
      - V(hub_token) enters with O(token). The evidence then says that the login is not proved.
      - V(auto) is the first of V(oidc), V(iap_service_account) and V(hub_token) for which everything is given.
    type: str
    choices: [auto, oidc, hub_token, iap_service_account]
    default: auto
  user:
    description:
      - Who signs in. With O(login=hub_token) the user whose server is used, by default the token's owner.
    type: str
  password:
    description: The password of O(user).
    type: str
  token:
    description:
      - A token of the hub, of a user or of a service, with the scopes C(servers), C(read:users) and C(access:servers)
        for O(user).
    type: str
  service_account_file:
    description:
      - The JSON key file of the service account that enters through IAP. It must be among the members of IAP's policy
        and allowed by the hub; its user in the hub has the account's e-mail address as name.
    type: path
  iap_wait:
    description:
      - Seconds for which IAP may refuse the account (403) before that is an error, because a new policy takes minutes
        to spread; and for which Google's front ends may hang up, because a new certificate does, too, up to half an
        hour. They come on top of O(timeout). Check mode looks once.
    type: int
    default: 600
  stranger_service_account_file:
    description:
      - The JSON key file of a service account that IAP or the hub must refuse, for O(login=iap_service_account). If not
        set, only visitors without credentials are tried.
    type: path
  stranger_user:
    description: Somebody the identity provider knows and the hub must refuse. If not set, this is not proved.
    type: str
  stranger_password:
    description: The password of O(stranger_user).
    type: str
  ca_file:
    description:
      - PEM file with certificate authorities to trust besides the system's.
      - Verification cannot be switched off, and variables such as E(REQUESTS_CA_BUNDLE) have no influence.
    type: path
  timeout:
    description:
      - Seconds for the whole test; on a cluster that adds nodes and pulls images a start alone may take ten minutes.
    type: int
    default: 900
  expected_image:
    description:
      - The image that the user's pod must run. With a digest, what the node runs is compared as well.
      - By default the one that O(release_name) pins.
    type: str
  release_name:
    description:
      - The hub's Helm release in O(namespace). It is asked which image it pins for a server that is started without any
        choice, the chart's own default included.
    type: str
  namespace:
    description:
      - The hub's namespace. With it the user's pod is read for O(expected_image), for proof that it is gone after a
        stop, and for the events of a pod that does not start.
    type: str
  report_dir:
    description:
      - A directory for the evidence as C(verify-HUB.json) and C(verify-HUB.txt), mode 0600; also after a failure, never
        in check mode.
    type: path
  keep_server:
    description: Leave the server running at the end.
    type: bool
    default: false
  http_redirect:
    description: Prove that C(http://) with the same host name and port 80 leads to O(url).
    type: bool
    default: true
seealso:
  - module: researchops.jupyterhub.hub_release
"""

EXAMPLES = r"""
- name: Prove that a user gets a working notebook and a stranger does not
  researchops.jupyterhub.hub_smoke_test:
    url: https://hub.example.org/
    user: svc-verify
    password: "{{ vault_verify_password }}"
    stranger_user: svc-stranger
    stranger_password: "{{ vault_stranger_password }}"
    namespace: climate
    release_name: climate

- name: Prove a hub behind Identity-Aware Proxy
  researchops.jupyterhub.hub_smoke_test:
    url: https://hub.example.org/
    login: iap_service_account
    service_account_file: /srv/secrets/svc-verify.json

- name: Prove everything but the login
  researchops.jupyterhub.hub_smoke_test:
    url: https://hub.example.org/
    login: hub_token
    token: "{{ vault_verify_token }}"
"""

RETURN = r"""
summary:
  description: The main claims in one line, with the reason where something is not proved.
  returned: success
  type: str
  sample: "login as ada: ok; cell 6*7=42: ok; file kept after restart: ok; http goes to https: ok"
evidence:
  description: Everything that was seen, row by row; no secrets. After a failure the same is in C(details.evidence).
  returned: success
  type: dict
  contains:
    hub:
      description: The hub's name.
      type: str
      sample: climate
    url:
      description: The front door.
      type: str
      sample: https://hub.example.org/
    user:
      description: The user as the hub calls them.
      type: str
      sample: ada
    login:
      description: How the test entered.
      type: str
      sample: oidc
    check_mode:
      description: Nothing was tried that changes anything.
      type: bool
      sample: false
    started:
      description: When the test began.
      type: str
      sample: "2026-11-22T14:02:11+00:00"
    seconds:
      description: How long all steps took.
      type: float
      sample: 28.4
    jupyterhub:
      description: The hub's version.
      type: str
      sample: 5.5.0
    tls:
      description: The protocol at the front door.
      type: str
      sample: TLSv1.3
    image:
      description: The image of the user's pod; none where it was not read.
      type: str
      sample: quay.io/pangeo/base-notebook:2025.11.13
    summary:
      description: See RV(summary).
      type: str
      sample: "login as ada: ok"
    rows:
      description: The steps.
      type: list
      elements: dict
      contains:
        step:
          description: The step's key.
          type: str
          sample: cell
        title:
          description: The claim.
          type: str
          sample: cell 6*7=42
        result:
          description: V(ok), V(failed), V(not proved) or V(skipped).
          type: str
          sample: ok
        text:
          description: What was seen.
          type: str
          sample: 6*7 is 42
        seconds:
          description: How long it took.
          type: float
          sample: 1.2
        facts:
          description: What was seen, for machines; differs from step to step.
          type: dict
          sample: {}
report:
  description: The evidence as text for people.
  returned: success
  type: str
  sample: "climate: https://hub.example.org/ tested on 2026-11-22 14:02:11+00:00, 28.4 s"
report_files:
  description: The files written to O(report_dir).
  returned: success
  type: list
  elements: str
  sample: [/srv/reports/verify-climate.json, /srv/reports/verify-climate.txt]
transitions:
  description: What was said while the test ran, with times.
  returned: success
  type: list
  elements: dict
  sample:
    - {at: "2026-11-22T14:02:12+00:00", subject: climate, phase: verify, text: "front door: ok (0.1 s)"}
"""

import contextlib
from functools import partial
from typing import Any

from ..module_utils._core.clock import SystemClock
from ..module_utils._core.errors import HubError
from ..module_utils._core.progress import Reporter
from ..module_utils._hub.evidence import Evidence
from ..module_utils._hub.pinned import read_pinned
from ..module_utils._hub.report_files import write_reports
from ..module_utils._hub.smoke import SmokeTest, ending_in_order
from ..module_utils._hub.userpod import UserPods
from ..module_utils._hub.wish import OPTIONS, parse_wish
from ..module_utils._k8s.client import KubeClient
from ..module_utils._shell import KUBERNETES_OPTIONS, Outcome, Request, run


def body(request: Request) -> Outcome:
    """Test the hub and return the evidence."""
    params = request.params
    wish = parse_wish(params)
    clock = SystemClock()
    reporter = Reporter.from_environment(wish.hub, "verify", clock)
    cluster: dict[str, Any] = {}
    if params["namespace"]:
        client = KubeClient.from_kubeconfig(params["kubeconfig"], params["context"])
        cluster["pods"] = UserPods(client, params["namespace"])
        if params["release_name"]:
            cluster["pinned"] = partial(read_pinned, client, params["namespace"], params["release_name"])
    test = SmokeTest(wish, clock=clock, reporter=reporter, learn=request.redactor.add, **cluster)
    evidence = proved(test, request)
    result = {
        "summary": evidence.summary(),
        "evidence": evidence.as_dict(),
        "report": evidence.text(),
        "report_files": kept(evidence, request),
        "transitions": reporter.transitions,
    }
    return Outcome(changed=test.left_running, result=result, warnings=test.warnings)


def proved(test: SmokeTest, request: Request) -> Evidence:
    """Run the test; what a failed one saw is kept, too, and its error is the one that counts."""
    try:
        with ending_in_order():
            return test.run(request.check_mode)
    except HubError:
        with contextlib.suppress(HubError):
            kept(test.evidence, request)
        raise


def kept(evidence: Evidence, request: Request) -> list[str]:
    """Write the evidence where it was asked for, without any secret; returns the files."""
    folder, clean = request.params["report_dir"], request.redactor
    if not folder or request.check_mode:
        return []
    return list(write_reports(folder, evidence.hub, clean.data(evidence.as_dict()), clean.text(evidence.text())))


def main() -> None:
    """Entry point."""
    run(
        body,
        argument_spec={
            **KUBERNETES_OPTIONS,
            **OPTIONS,
            "release_name": {"type": "str"},
            "namespace": {"type": "str"},
            "report_dir": {"type": "path"},
        },
        libraries=("requests", "websocket", "cryptography"),
        required_by={
            "stranger_user": ("stranger_password",),
            "expected_image": ("namespace",),
            "release_name": ("namespace",),
        },
    )


if __name__ == "__main__":
    main()
