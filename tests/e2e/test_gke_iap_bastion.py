# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role cluster_access with ``gke_iap_bastion``, whole: from a desk that reaches neither API server nor bastion.

Between them stands what stands for Google's relay, under Google's own host name, and asks IAM; the bastion (sshd,
tinyproxy) and the API server are real. The tests are one story and depend on their order.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import support_google
from support_cluster import Cluster
from support_google import control
from support_iap import MACHINE_ADDRESS, PRIVATE_ADDRESS, RelayedCluster, relayed_cluster
from support_plays import Ran, play
from support_tunnel import left_of, until

ROLE, RELAY = "roles/iap.tunnelResourceAccessor", "tunnel.cloudproxy.app"
LONGEST = 10.0
"""Seconds within which a broken way must stand again."""
Tasks = list[dict[str, Any]]


@dataclass(frozen=True)
class Site:
    """A project with a private cluster, its bastion, and two service accounts that may look at the cluster's entry.

    Attributes:
        folder: for files.
        cluster: the way in.
        admin: the cluster as its administrator sees it, past relay and bastion.
    """

    folder: Path
    cluster: RelayedCluster
    admin: Cluster

    @property
    def mark(self) -> str:
        return self.cluster.name

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def email(self, name: str) -> str:
        """A service account's address."""
        return f"{name}-{self.mark}@{self.cluster.machine['project']}.iam.gserviceaccount.com"

    def key_file(self, name: str) -> Path:
        """The account's key file; it may read about clusters, and nothing else."""
        path, project = self.folder / f"{name}.json", self.cluster.machine["project"]
        return support_google.account_file(path, self.email(name), project, ["roles/container.viewer"])

    def run(self, playbook: str, key_file: Path) -> Ran:
        """A playbook at the desk, with the lab's inventory, logged in at Google by this key."""
        environ = {
            "GCP_AUTH_KIND": "serviceaccount",
            "GCP_SERVICE_ACCOUNT_FILE": str(key_file),
            "KUBECONFIG": "/dev/null",
            "XDG_CACHE_HOME": str(self.cache),
        }
        variables = self.cluster.variables() | {"hub_name": self.mark, "hub_domain": f"{self.mark}.lab.test"}
        return play(playbook, variables, self.folder, environ=environ, within=self.cluster.desk.within)

    def run_tasks(self, tasks: Tasks, key_file: Path) -> Ran:
        """A play of these tasks at the desk."""
        source = self.folder / "play.json"
        python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        hub = {"hosts": "hubs", "connection": "local", "gather_facts": False, "vars": python, "tasks": tasks}
        source.write_text(json.dumps([hub]))
        return self.run(str(source), key_file)

    def asked(self, name: str, since: int) -> list[dict[str, Any]]:
        """What an account has asked the relay for."""
        found = control("GET", f"requests?since={since}&caller={self.email(name)}")["requests"]
        return [one for one in found if one["host"] == RELAY]

    def nothing_left(self) -> None:
        """No process and no file of a tunnel stays behind."""
        until("the end of the tunnel", lambda: left_of(self.cache, self.cluster.bastion.port) == [])


def last() -> int:
    """The number of the newest request at the stand-in."""
    return int(control("GET", "counts")["last"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    admin = Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
    with relayed_cluster(f"r{secrets.token_hex(3)}") as cluster:
        made = Site(tmp_path_factory.mktemp("relay"), cluster, admin)
        with support_google.no_violations(made.email("operator")):
            yield made


ENTER: Tasks = [{"ansible.builtin.include_role": {"name": "researchops.jupyterhub.cluster_access"}}]


def test_nothing_but_the_relay_leads_to_the_cluster(site: Site) -> None:
    assert not site.cluster.reach(PRIVATE_ADDRESS, 443)
    assert not site.cluster.reach(os.environ["LAB_NODE_IP"], 6443)
    assert not site.cluster.reach(MACHINE_ADDRESS, site.cluster.bastion.port)
    assert site.cluster.reach(RELAY, 443)


def test_a_stranger_is_refused_and_told_which_role_is_missing(site: Site) -> None:
    since = last()
    ran = site.run_tasks(ENTER, site.key_file("stranger"))
    machine = site.cluster.machine
    assert ran.error.startswith(
        f"E-TUNNEL-09 Identity-Aware Proxy gives no way to port {site.cluster.bastion.port} of "
        f"{machine['instance']} in {machine['zone']} of {machine['project']}: not authorized (4033"
    )
    assert f"Nothing was changed. Do: grant {ROLE} on the machine to these credentials" in ran.error
    asked = site.asked("stranger", since)
    assert asked and {one["status"] for one in asked} == {4033}
    assert control("GET", f"counts?since={since}&caller={site.email('stranger')}")["writes"] == {}
    assert site.mark not in site.admin.namespaces()
    site.nothing_left()


def test_the_preflight_passes_once_the_role_is_granted(site: Site) -> None:
    machine = site.cluster.machine
    grant: dict[str, Any] = {
        "project": machine["project"],
        "resource": {"tunnel_instance": {"zone": machine["zone"], "name": machine["instance"]}},
        "role": ROLE,
        "members": [f"serviceAccount:{site.email('operator')}"],
    }
    operator = site.key_file("operator")
    done = site.run_tasks([{"researchops.jupyterhub.iap_member": grant}], Path(os.environ["LAB_GOOGLE_ACCOUNT_FILE"]))
    assert done.code == 0, done.tail
    since = last()
    ran = site.run("preflight", operator)
    assert ran.code == 0, ran.tail
    asked = site.asked("operator", since)
    assert asked[0]["method"] == "tunnel.connect"
    assert {one["status"] for one in asked} == {101}
    assert "PRIVATE KEY" not in ran.output and "ya29." not in ran.output
    assert site.mark not in site.admin.namespaces()
    site.nothing_left()


def test_breaks_during_a_play_are_survived(site: Site) -> None:
    result = site.folder / "found.json"
    look = {"researchops.jupyterhub.cluster_guard": {"kubeconfig": "{{ __cluster_access_generated }}"}}
    keep = {
        "ansible.builtin.copy": {
            "content": "{{ {'cut': cut.json, 'forget': forget.json, 'tunnel': __cluster_access_tunnel} | to_json }}",
            "dest": str(result),
            "mode": "0600",
        }
    }
    since = last()
    ran = site.run_tasks([*ENTER, breaks("cut"), look, breaks("forget"), look, *ENTER, keep], site.key_file("operator"))
    assert ran.code == 0, ran.tail
    assert "(over IAP), EXPERIMENTAL" in ran.output
    found, asked = json.loads(result.read_text()), site.asked("operator", since)
    assert found["cut"]["hit"] == 1
    assert found["forget"]["hit"] >= 1  # the preflight's session may live on for a while
    resumed = [one["at"] for one in asked if one["method"] == "tunnel.reconnect" and one["at"] < found["forget"]["at"]]
    assert resumed and resumed[0] - found["cut"]["at"] < LONGEST
    first, *again = [one["at"] for one in asked if one["method"] == "tunnel.connect" and one["status"] == 101]
    assert first < found["cut"]["at"], "ssh itself had to begin anew after a break of the websocket alone"
    assert again and found["forget"]["at"] < again[0] < found["forget"]["at"] + LONGEST
    assert found["tunnel"]["drops"] == 1
    assert 0 < found["tunnel"]["longest_interruption"] < LONGEST
    site.nothing_left()


def breaks(what: str) -> dict[str, Any]:
    """A task that lets the relay cut its websockets, or forget its sessions."""
    url = f"{os.environ['LAB_GOOGLE_CONTROL']}/tunnels/{what}"
    given = {"url": url, "method": "POST", "ca_path": os.environ["LAB_CA_BUNDLE"], "return_content": True}
    return {"ansible.builtin.uri": given, "register": what}
