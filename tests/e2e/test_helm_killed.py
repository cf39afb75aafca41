# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm killed (-9) at requests spread over a whole upgrade; after each, one more run ends well and no data is lost.

A proxy in front of the API server counts the requests of one undisturbed upgrade. In each later upgrade it kills Helm
at one of them: before the server has seen the request, or after the server has done it and before Helm hears of it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support_cluster import Cluster
from support_plays import ROOT, play

sys.path.insert(0, str(ROOT / "tests" / "faults"))
from proxy import Fault, FaultProxy

Json = dict[str, Any]

POINTS = 25 if os.environ.get("NIGHTLY") else 5
CHART = ROOT / "tests" / "lab" / "charts" / "jupyterhub"
HELM = Path(__file__).with_name("helm_killed.sh")
CLAIM = "persistentvolumeclaims/hub-db-dir"
STUCK = {"pending-install", "pending-upgrade", "pending-rollback"}
TASKS = """
- hosts: hub
  connection: local
  gather_facts: false
  tasks:
    - name: Run the module
      researchops.jupyterhub.hub_release: "{{ given }}"
      register: done
      ignore_errors: true
    - name: Hand the result over
      ansible.builtin.copy:
        content: "{{ done | to_json }}"
        dest: "{{ result }}"
        mode: "0600"
"""


@dataclass
class Release:
    """One release of the lab's chart, changed by runs of the module."""

    cluster: Cluster
    namespace: str
    folder: Path
    image: Json
    outcomes: list[str] = field(default_factory=list)

    def run(self, value: str, **options: Any) -> Json:
        """One run of the module that asks for ``value``; returns its result, failed or not."""
        given = {
            "release_name": "hub",
            "namespace": self.namespace,
            "chart_ref": str(CHART),
            "values": self.values(value),
            "secrets": {"oauth_client_secret": "not-a-real-secret"},
            "layers": ["hub_oauth"],
            "helm_binary": os.environ["LAB_HELM"],
            "timeout": 150,
            **options,
        }
        result = self.folder / f"result-{time.monotonic_ns()}.json"
        source = self.folder / "play.yml"
        source.write_text(TASKS.replace('hub_release: "{{ given }}"', f"hub_release: {json.dumps(given)}"))
        ran = play(str(source), {"result": str(result)}, self.folder)
        assert result.exists(), ran.tail
        found: Json = json.loads(result.read_text())
        return found

    def values(self, value: str) -> Json:
        """The chart's values; ``value`` reaches the hub's pods and thereby restarts it."""
        return {
            "hub": {
                "image": self.image,
                "config": {"JupyterHub": {"authenticator_class": "dummy"}},
                "extraEnv": {"POINT": value},
            },
            "proxy": {"chp": {"image": self.image}, "service": {"type": "ClusterIP"}},
            "singleuser": {"image": self.image},
            "prePuller": {"hook": {"image": self.image}},
        }

    def claim(self) -> str:
        """The uid of the claim with the hub's database."""
        found = self.cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/{CLAIM}")
        return str(found["metadata"]["uid"])

    def statuses(self) -> list[str]:
        """Helm's status of every revision, oldest first."""
        query = "labelSelector=owner%3Dhelm%2Cname%3Dhub"
        items = self.cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/secrets?{query}")["items"]
        labels = sorted((item["metadata"]["labels"] for item in items), key=lambda item: int(item["version"]))
        return [str(item["status"]) for item in labels]

    def served(self) -> str:
        """The value that the hub's ready pod runs with."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=component%3Dhub"
        pods = [pod for pod in self.cluster.request("GET", path)["items"] if "deletionTimestamp" not in pod["metadata"]]
        assert len(pods) == 1, [pod["metadata"]["name"] for pod in pods]
        conditions = {item["type"]: item["status"] for item in pods[0]["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        variables = {item["name"]: item.get("value") for item in pods[0]["spec"]["containers"][0]["env"]}
        return str(variables["POINT"])


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    cluster = Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
    namespace = f"e2e-killed-{secrets.token_hex(2)}"
    name, _colon, tag = os.environ["LAB_IMAGE"].rpartition(":")
    cluster.make_namespace(namespace)
    try:
        yield Release(cluster, namespace, tmp_path_factory.mktemp("killed"), {"name": name, "tag": tag})
    finally:
        cluster.drop_namespace(namespace)


@dataclass
class Killer:
    """The proxy on Helm's way to the API server, which kills Helm at one request.

    Attributes:
        folder: where Helm's process id and the kubeconfig that leads through the proxy are.
        number: the request at which Helm is killed, counted from 1; 0 kills never.
        reset: whether that request is lost ``before`` the server sees it, or its reply ``after`` the server's work.
        count: requests of the run that goes on.
    """

    folder: Path
    number: int = 0
    reset: str = "before"
    count: int = 0

    def aim(self, number: int, reset: str = "before") -> None:
        """Kill the next run's Helm at this request."""
        self.number, self.reset, self.count = number, reset, 0

    def __call__(self, method: str, target: str, number: int) -> Fault | None:
        """Choose the fault for one request; the proxy calls this."""
        self.count += 1
        if self.count != self.number:
            return None
        with suppress(ProcessLookupError):
            os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        return Fault(reset=self.reset)


@pytest.fixture(scope="module")
def killer(release: Release) -> Iterator[Killer]:
    made = Killer(release.folder)
    server, authority = os.environ["LAB_API_SERVER"], os.environ["LAB_CA_FILE"]
    with FaultProxy.start(server, upstream_ca=authority, choose=made) as proxy, pytest.MonkeyPatch.context() as patch:
        through = proxy.kubeconfig(Path(os.environ["LAB_KUBECONFIG"]), release.folder / "through-proxy")
        patch.setenv("REAL_HELM", os.environ["LAB_HELM"])
        patch.setenv("THROUGH", str(through))
        patch.setenv("PID_FILE", str(release.folder / "pid"))
        yield made


@pytest.fixture(scope="module")
def requests(release: Release, killer: Killer) -> int:
    """How many requests an undisturbed upgrade takes: the stretch over which the kills are spread."""
    assert release.run("first").get("failed") is not True
    killer.aim(0)
    done = release.run("counted", helm_binary=str(HELM))
    assert done.get("failed") is not True, done.get("msg")
    assert killer.count > POINTS
    return killer.count


@pytest.mark.parametrize("point", range(POINTS))
def test_one_more_run_ends_well(release: Release, killer: Killer, requests: int, point: int) -> None:
    number, reset = round(1 + (requests - 1) * (point + 0.5) / POINTS), ("before", "after")[point % 2]
    claim, value = release.claim(), f"point-{point}"

    killer.aim(number, reset)
    killed = release.run(value, helm_binary=str(HELM))
    left = release.statuses()[-1]
    release.outcomes.append(f"killed {reset} request {number} of {requests}: {left}")
    assert killed.get("error_id") == "E-HELM-03", killed.get("msg")
    assert release.claim() == claim

    again = release.run(value, pending_policy="rollback")
    assert again.get("failed") is not True, again.get("msg")
    assert (again["status"], bool(again["recovered"])) == ("deployed", left in STUCK)
    assert (release.claim(), release.served()) == (claim, value)
    assert not STUCK & set(release.statuses())


def test_the_kills_met_helm_at_work(release: Release, requests: int) -> None:
    told = "\n".join(release.outcomes)
    print(told)
    assert len(release.outcomes) == POINTS
    assert any(outcome.endswith(status) for outcome in release.outcomes for status in STUCK), told
    assert any(outcome.endswith("deployed") for outcome in release.outcomes), told


def test_afterwards_there_is_nothing_to_do(release: Release, requests: int) -> None:
    done = release.run(release.served(), drift="check")
    assert (done["changed"], done["plan"]) == (False, [])
