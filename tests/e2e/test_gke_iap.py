# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`gke_iap.yml` as a whole, with the inventory of examples/gke_iap: from an empty project to a user who was removed.

The plays run at a desk that cannot reach the API server; a bastion can. Google is the lab's stand-in, the cluster, the
hub and its users' servers are real. The tests are one story and depend on their order.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import support_google
from support_cluster import Cluster
from support_google import COMPUTE, SECONDS, control
from support_iap import INVENTORY, PRIVATE_ADDRESS, PrivateCluster, private_cluster
from support_plays import Ran, inventory, play

CHANGED = re.compile(r"changed=(\d+)")


@dataclass
class Site:
    """An organisation with a project, a private cluster, a zone, and three service accounts as people.

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
        path = self.folder / f"{name}.json"
        if not path.exists():
            account = {"email": self.email(name), "project": self.project, "roles": []}
            path.touch(mode=0o600)
            path.write_text(json.dumps(control("POST", "accounts", account)))
        return path

    def variables(self) -> dict[str, Any]:
        """What of the example's inventory is the lab's own."""
        lab = {name: value for name, value in inventory().items() if name.startswith("z2jh_")}
        return lab | self.cluster.variables() | {
            "hub_name": self.mark,
            "hub_domain": self.host,
            "gke_iap_members": self.members,
            "hub_dns_zone": self.mark,
            "hub_oauth_allowed_domains": [f"{self.project}.iam.gserviceaccount.com"],
            "hub_oauth_ca_file": os.environ["LAB_CA_FILE"],
            "hub_verify_ca_file": os.environ["LAB_CA_BUNDLE"],
            "hub_verify_stranger_service_account_file": str(self.key_file("stranger")),
        }  # fmt: skip

    def run(self, *arguments: str, playbook: str = "gke_iap", **more: Any) -> Ran:
        """A play at the desk, with the example's inventory."""
        environ = {
            "GCP_AUTH_KIND": "serviceaccount",
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
        made.members = [f"serviceAccount:{made.email(name)}" for name in ("verify", "guest")]
        made.key_file("guest")
        try:
            yield made
        finally:
            admin.drop_namespace(mark)
            support_google.give_back(web, project, f"{mark}-hub-front")


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
    writes = control("GET", f"counts?since={since}&project={site.project}")["writes"]
    assert writes == {}, writes
    assert site.mark not in site.admin.namespaces()
    assert site.addresses() == []


def test_the_whole_play_brings_a_hub_up_and_proves_it(site: Site) -> None:
    ran = site.run()
    assert changes(ran) > 0
