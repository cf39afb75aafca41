# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`gke_iap.yml` as a whole, with the inventory of examples/gke_iap: from an empty project to a user who was removed.

The plays run at a desk that cannot reach the API server; a bastion can. A service account's key file is all they have:
it opens Google's APIs and the cluster. Google is the lab's stand-in; the cluster, the hub and its users' servers are
real. The tests are one story and depend on their order.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
import support_google
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import crypt, jwt
from support_cluster import Cluster
from support_google import COMPUTE, SECONDS, control
from support_iap import BASTION_ADDRESS, INVENTORY, PRIVATE_ADDRESS, PrivateCluster, private_cluster
from support_plays import Ran, inventory, play

CHANGED = re.compile(r"changed=(\d+)")
USER_PODS, USER_NOTE = "component=singleuser-server", "hub.jupyter.org/username"
HOPS = 10
#: leads to the visitor's server once it is there, and to a page that says so before
SERVER = "user-redirect/lab"
ASSERTION = "X-Goog-Iap-Jwt-Assertion"


#: a callback that kills Ansible where a task begins
DIES = """\
import os, signal
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = "name: dies\\ntype: aggregate\\nshort_description: x\\ndescription: x\\n"
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "dies"
    CALLBACK_NEEDS_ENABLED = True
    def v2_playbook_on_task_start(self, task, is_conditional):
        if task.get_name().endswith(os.environ["DIES_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass
class Site:
    """An organisation with a project, a private cluster, a zone, and service accounts as people.

    Attributes:
        mark: names hub, namespace and zone.
        folder: for files.
        cluster: the way in.
        admin: the cluster as its administrator sees it, past the bastion.
        web: Google's APIs as the account that may do all.
        members: who may pass Identity-Aware Proxy.
    """

    mark: str
    folder: Path
    cluster: PrivateCluster
    admin: Cluster
    web: Any
    members: list[str] = field(default_factory=list)

    @property
    def project(self) -> str:
        return os.environ["LAB_GOOGLE_PROJECT"]

    @property
    def host(self) -> str:
        return f"{self.mark}.lab.test"

    def email(self, name: str) -> str:
        """A service account's address."""
        return f"{name}-{self.mark}@{self.project}.iam.gserviceaccount.com"

    def key_file(self, name: str) -> Path:
        """The account's key file; the account is made at first."""
        return support_google.account_file(self.folder / f"{name}.json", self.email(name), self.project, [])

    def variables(self) -> dict[str, Any]:
        """What of the example's inventory is the lab's own."""
        lab: dict[str, Any] = {name: value for name, value in inventory().items() if name.startswith("z2jh_")}
        found: dict[str, Any] = lab | self.cluster.variables() | {
            "hub_name": self.mark,
            "hub_domain": self.host,
            "gke_iap_members": self.members,
            "hub_dns_zone": self.mark,
            "hub_oauth_allowed_domains": ["institute.test"],
            "hub_oauth_allowed_users": [self.email(name) for name in ("verify", "guest", "pupil", "trainee")],
            "hub_oauth_ca_file": os.environ["LAB_CA_FILE"],
            "hub_verify_ca_file": os.environ["LAB_CA_BUNDLE"],
            "hub_verify_stranger_service_account_file": str(self.key_file("stranger")),
        }  # fmt: skip
        return found

    def run(self, *arguments: str, playbook: str = "gke_iap", dies_at: str = "", **more: Any) -> Ran:
        """A play at the desk, with the example's inventory; it may be killed where a task begins."""
        (self.folder / "dies.py").write_text(DIES, encoding="utf-8")
        dying = {"ANSIBLE_CALLBACK_PLUGINS": str(self.folder), "ANSIBLE_CALLBACKS_ENABLED": "dies", "DIES_AT": dies_at}
        environ = (dying if dies_at else {}) | {
            "GCP_SERVICE_ACCOUNT_FILE": os.environ["LAB_GOOGLE_ACCOUNT_FILE"],
            "HUB_VERIFY_SA_FILE": str(self.key_file("verify")),
            "KUBECONFIG": "/dev/null",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        return play(
            playbook,
            self.variables() | more,
            self.folder,
            arguments=arguments,
            environ=environ,
            source=INVENTORY,
            within=self.cluster.desk.within,
        )

    def visit(self, name: str, page: str = "home", forged: str = "") -> requests.Response:
        """A page of the hub, through the front door, as somebody; without a name as nobody in particular."""
        headers = {ASSERTION: forged} if forged else {}
        if name:
            key = json.loads(self.key_file(name).read_text())
            now = int(time.time())
            claims = {"iss": key["client_email"], "sub": key["client_email"], "iat": now, "exp": now + 600}
            signer = crypt.RSASigner.from_service_account_info(key)
            token = jwt.encode(signer, {**claims, "aud": f"https://{self.host}/*"}).decode()
            headers["Proxy-Authorization"] = f"Bearer {token}"
        url = f"https://{self.host}/hub/{page}"
        with requests.Session() as browser:  # it would drop the header for IAP at a redirect, so it follows none itself
            for _hop in range(HOPS):
                found = browser.get(
                    url, headers=headers, verify=os.environ["LAB_CA_BUNDLE"], timeout=SECONDS, allow_redirects=False
                )
                url = urljoin(url, found.headers.get("Location", ""))
                if not found.is_redirect or urlsplit(url).hostname != self.host:
                    break
        return found

    def past_the_door(self) -> str:
        """The hub's address inside the cluster, where no Identity-Aware Proxy stands."""
        service = self.admin.request("GET", f"/api/v1/namespaces/{self.mark}/services/hub-front")
        return f"http://{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"

    def servers(self) -> dict[str, str]:
        """Whose servers are there, and their phase."""
        found = self.admin.request("GET", f"/api/v1/namespaces/{self.mark}/pods?labelSelector={USER_PODS}")["items"]
        return {one["metadata"]["annotations"][USER_NOTE]: one["status"]["phase"] for one in found}

    def verified(self) -> bool:
        """Whether the hub's name is verified with Google."""
        return f"dns://{self.host}" in control("GET", "world")["sites"]

    def addresses(self) -> list[str]:
        """The project's static addresses of this hub."""
        found = self.web.get(f"{COMPUTE}/{self.project}/global/addresses", timeout=SECONDS).json()
        return [one["name"] for one in found.get("items", []) if self.mark in one["name"]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, without a hub; all of it goes again."""
    mark, key = f"i{secrets.token_hex(3)}", support_google.automation_key()
    web, project = support_google.session(key), os.environ["LAB_GOOGLE_PROJECT"]
    admin = Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
    with (
        support_google.no_violations(key["client_email"]),
        support_google.zone(web, project, mark),
        private_cluster(mark) as cluster,
    ):
        made = Site(mark, tmp_path_factory.mktemp("iap"), cluster, admin, web)
        made.members = [f"serviceAccount:{made.email(name)}" for name in ("verify", "guest", "pupil", "trainee")]
        try:
            yield made
        finally:
            admin.drop_namespace(mark)
            support_google.give_back(web, project, f"{mark}-hub-front")


def forged_statement(email: str) -> str:
    """What Identity-Aware Proxy would say, signed by somebody else."""
    now = int(time.time())
    claims = {"iss": "https://cloud.google.com/iap", "aud": "/projects/1/global/backendServices/1", "sub": "1"}
    claims |= {"email": email, "iat": now, "exp": now + 600}  # type: ignore[dict-item]
    signer = crypt.ES256Signer(ec.generate_private_key(ec.SECP256R1()), "somebody")
    return str(jwt.encode(signer, claims).decode())


def changes(ran: Ran) -> int:
    """How many tasks of a run that went well changed something."""
    assert ran.code == 0, ran.tail
    found = CHANGED.findall(ran.output)
    assert len(found) == 1, ran.tail
    return int(found[0])


def test_the_api_server_is_reached_only_through_the_bastion(site: Site) -> None:
    assert not site.cluster.reach(PRIVATE_ADDRESS, 443)
    assert not site.cluster.reach(os.environ["LAB_NODE_IP"], 6443)
    assert site.cluster.reach("google.lab.test", 443), "the desk reaches nothing at all"


def test_a_look_ahead_at_an_empty_project_changes_nothing(site: Site) -> None:
    since = control("GET", "counts")["last"]
    ran = site.run("--check")
    assert changes(ran) > 0
    assert f"by {BASTION_ADDRESS}" in ran.output, "the play did not go through the bastion"
    assert f"as {support_google.automation_key()['client_email']}" in ran.output, (
        "Google's token did not open the cluster"
    )
    writes = control("GET", f"counts?since={since}&project={site.project}")["writes"]
    assert writes == {}, writes
    assert "domain verification" not in ran.output  # it is off by default
    assert site.mark not in site.admin.namespaces()
    assert site.addresses() == []


def test_the_whole_play_brings_a_hub_up_and_proves_it(site: Site) -> None:
    ran = site.run(domain_verification_enabled=True)
    assert changes(ran) > 0
    assert "domain verification" in ran.output and site.verified()
    for claim in (
        f"IAP login as {site.email('verify')}: ok",
        "cell 6*7=42: ok",
        "file kept after restart: ok",
        f"{site.email('stranger')} (not listed) refused: ok",
        "nobody enters without IAP: ok",
        "running image is the pinned one: ok",
    ):
        assert claim in ran.output, ran.tail
    assert "PRIVATE KEY" not in ran.output


def test_the_second_run_changes_nothing(site: Site) -> None:
    since = control("GET", "counts")["last"]
    before = site.admin.snapshot(site.mark)
    # hub_verify changes nothing by its nature and takes longest
    ran = site.run("--skip-tags", "hub_verify", domain_verification_enabled=True)
    assert changes(ran) == 0, ran.tail
    assert control("GET", f"counts?since={since}&project={site.project}")["writes"] == {}
    settled = {name: found for name, found in before.items() if not name.startswith("pods/")}
    after = site.admin.snapshot(site.mark)
    assert {name: after.get(name) for name in settled} == settled


def test_a_certificate_that_failed_for_good_is_cured(site: Site) -> None:
    name = site.host.replace(".", "-")
    path = f"/apis/networking.gke.io/v1/namespaces/{site.mark}/managedcertificates/{name}"
    given_up = {"after": 0, "status": "PROVISIONING_FAILED_PERMANENTLY"}
    control("POST", "certificates/again", {"namespace": site.mark, "name": name, "steps": [given_up]})

    def status() -> str:
        return str((site.admin.request("GET", path).get("status") or {}).get("certificateStatus"))

    support_google.until(status, "ProvisioningFailedPermanently".__eq__)
    assert changes(site.run(playbook="reprovision_certificate")) > 0
    assert status() == "Active" and site.visit("verify").status_code == 200
    assert changes(site.run(playbook="reprovision_certificate")) == 0


def test_a_forged_statement_is_of_no_use_to_anybody(site: Site) -> None:
    forged = forged_statement(site.email("verify"))
    unknown = site.visit("", forged=forged)
    assert unknown.status_code in (302, 401) and "x-jupyterhub-version" not in unknown.headers
    stranger = site.visit("stranger", forged=forged)
    assert stranger.status_code == 403 and "x-jupyterhub-version" not in stranger.headers
    guest = site.visit("guest", forged=forged)
    assert guest.status_code == 200 and "x-jupyterhub-version" in guest.headers
    assert site.email("guest") in guest.text and site.email("verify") not in guest.text
    inside = requests.get(f"{site.past_the_door()}/hub/home", headers={ASSERTION: forged}, timeout=SECONDS)
    assert inside.status_code == 403 and "does not believe" in inside.text


def test_who_is_taken_off_a_list_is_refused_and_loses_his_server(site: Site) -> None:
    """The guest is taken off IAP's list, the pupil off the hub's own, by a run that dies before it stops a server.

    The next run makes good for that, and takes the trainee off IAP's list as well.
    """
    guest, pupil, trainee = site.email("guest"), site.email("pupil"), site.email("trainee")
    for name in ("guest", "pupil", "trainee"):
        assert site.visit(name, "spawn").status_code == 200
    for name in ("guest", "pupil", "trainee"):  # a hub that restarts gives up servers that are still starting
        support_google.until(lambda name=name: site.visit(name, SERVER).url, lambda url: "/user/" in url)
    assert site.servers() == dict.fromkeys((guest, pupil, trainee), "Running")

    site.members.remove(f"serviceAccount:{guest}")
    rules = {"hub_oauth_allowed_users": [site.email("verify"), guest, trainee]}
    killed = site.run("--skip-tags", "hub_verify", dies_at="Look for running servers", **rules)
    assert killed.code == -signal.SIGKILL, killed.tail
    assert site.visit("guest").status_code == 403
    assert set(site.servers()) == {guest, pupil, trainee}

    site.members.remove(f"serviceAccount:{trainee}")
    ran = site.run("--skip-tags", "hub_verify", **rules)
    assert changes(ran) == 4, ran.tail  # who leaves is written down, IAP's list, the servers, the note is removed
    assert site.servers() == {}
    by_iap, by_hub = site.visit("guest"), site.visit("pupil")
    assert by_iap.status_code == 403 and "x-jupyterhub-version" not in by_iap.headers
    assert by_hub.status_code == 403 and "own list does not let you in" in by_hub.text
    assert site.visit("verify").status_code == 200


def test_the_door_becomes_a_gateway_with_a_certificate_map(site: Site) -> None:
    door = {
        "gke_iap_front_door": "gateway",
        "gke_iap_oauth_client": "own",
        "gke_iap_client_id": f"1-{site.mark}.apps.googleusercontent.com",
        "gke_iap_client_secret": secrets.token_hex(12),
    }
    ran = site.run("--skip-tags", "hub_verify", **door)
    assert changes(ran) > 0
    assert door["gke_iap_client_secret"] not in ran.output
    assert site.visit("verify").status_code == 200
    for name in ("guest", "stranger", ""):
        refused = site.visit(name)
        assert refused.status_code in (302, 401, 403) and "x-jupyterhub-version" not in refused.headers
    assert changes(site.run("--skip-tags", "hub_verify", **door)) == 0
