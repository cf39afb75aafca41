# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm killed (-9) at moments spread over a whole upgrade; after each, one more run ends well and no data is lost."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support_cluster import Cluster
from support_plays import ROOT, play

Json = dict[str, Any]

POINTS = 25 if os.environ.get("NIGHTLY") else 5
CHART = ROOT / "tests" / "lab" / "charts" / "jupyterhub"
KILLER = Path(__file__).with_name("helm_killed.sh")
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


@pytest.fixture(scope="module")
def seconds(release: Release) -> float:
    """How long Helm itself takes for an upgrade here: the stretch over which the kills are spread."""
    assert release.run("first").get("failed") is not True
    begun = time.monotonic()
    done = release.run("measured", helm_binary=str(timed(release.folder)))
    assert done.get("failed") is not True, done.get("msg")
    assert time.monotonic() - begun < 150
    return float((release.folder / "seconds").read_text())


def timed(folder: Path) -> Path:
    """A helm that writes down how long its upgrade took."""
    program = folder / "helm-timed"
    program.write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" --dry-run=server "* | " version "*) exec {os.environ["LAB_HELM"]} "$@" ;; esac\n'
        f'begun=$(date +%s.%N)\n{os.environ["LAB_HELM"]} "$@" || exit\n'
        f"echo \"$(date +%s.%N) $begun\" | awk '{{print $1 - $2}}' > {folder}/seconds\n"
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("point", range(POINTS))
def test_one_more_run_ends_well(release: Release, seconds: float, point: int, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = seconds * (point + 0.5) / POINTS
    monkeypatch.setenv("REAL_HELM", os.environ["LAB_HELM"])
    monkeypatch.setenv("KILL_AFTER", f"{moment:.3f}")
    claim, value = release.claim(), f"point-{point}"

    killed = release.run(value, helm_binary=str(KILLER))
    left = release.statuses()[-1]
    release.outcomes.append(f"killed after {moment:.2f} s: {killed.get('error_id', 'too late')}, {left}")
    assert killed.get("error_id") in ("E-HELM-03", None), killed.get("msg")
    assert release.claim() == claim

    again = release.run(value, pending_policy="rollback")
    assert again.get("failed") is not True, again.get("msg")
    assert (again["status"], bool(again["recovered"])) == ("deployed", left in STUCK)
    assert (release.claim(), release.served()) == (claim, value)
    assert not STUCK & set(release.statuses())


def test_the_kills_met_helm_at_work(release: Release, seconds: float) -> None:
    told = "\n".join([f"an upgrade takes {seconds:.2f} s", *release.outcomes])
    print(told)
    assert sum("E-HELM-03" in outcome for outcome in release.outcomes) >= POINTS // 2, told
    assert any(status in outcome for outcome in release.outcomes for status in STUCK), told


def test_afterwards_there_is_nothing_to_do(release: Release, seconds: float) -> None:
    done = release.run(release.served(), drift="check")
    assert (done["changed"], done["plan"]) == (False, [])
