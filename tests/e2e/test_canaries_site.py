# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own secrets on a whole run: a hub is made by ansible-runner, used, killed in the middle, taken down.

test_canaries.py leads planted secrets through every module and role; here the secrets are real, the hub is real, and
the cluster is searched as well: a secret may stand in the Secrets made for it, and nowhere else.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "canary"))
import support_plays
from bed import Bed, tool
from forms import Canary, private_key
from processes import Watch, family
from search import Artefact, Search
from support_cluster import Cluster

COLLECTION = "researchops.jupyterhub"
OWNERS = frozenset({"LAB_AUTOMATION_CLIENT_SECRET_FILE"})
"""What the private directory of cluster_access holds on purpose."""
REAL = ("LAB_OIDC_CLIENT_SECRET_FILE", "LAB_AUTOMATION_CLIENT_SECRET_FILE", "LAB_TSIG_SECRET_FILE")
MADE = ("auth_token", "cookie_secret", "CryptKeeper.keys")
"""Keys of Secret `hub` that exist only there."""
USING = b"Use the hub as its users do"
SEARCHED = ("configmaps", "services", "serviceaccounts", "events", "pods", "persistentvolumeclaims")


class Hub:
    """A hub of these tests' own.

    Attributes:
        name: also its namespace.
        variables: what differs from the lab's example.
        canaries: every secret of it.
    """

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.name = f"canary-site-{secrets.token_hex(2)}"
        self.variables = {"hub_name": self.name, "hub_domain": f"{self.name}.lab.test"}
        self.folder = folder
        self.cluster = cluster
        self.canaries = [
            *(Canary(name, Path(os.environ[name]).read_text(encoding="utf-8").strip()) for name in REAL),
            Canary("hub_verify_password", "demo-ada"),
            Canary("hub_verify_stranger_password", "demo-mallory"),
        ]

    def bed(self, story: str) -> Bed:
        """A place for one run."""
        return Bed(self.folder / story, OWNERS)

    def secrets(self) -> list[dict[str, Any]]:
        """The namespace's Secrets."""
        found: list[dict[str, Any]] = self.cluster.request("GET", f"/api/v1/namespaces/{self.name}/secrets")["items"]
        return found

    def learn(self) -> None:
        """Add the secrets that the run itself made."""
        for item in self.secrets():
            for key, value in (item.get("data") or {}).items():
                text = base64.b64decode(value).decode(errors="replace")
                if "PRIVATE KEY" in text and "EC" in text.partition("PRIVATE KEY")[0] + "EC":
                    self._learn_key(f"{item['metadata']['name']}/{key}", text)
                elif key.endswith(MADE):
                    self.canaries.append(Canary(f"{item['metadata']['name']}/{key}", text))

    def _learn_key(self, name: str, text: str) -> None:
        try:
            self.canaries.append(private_key(name, text))
        except ValueError:  # not an elliptic key: every line but the first and the last is secret
            lines = [line for line in text.splitlines() if line and not line.startswith("-----")]
            self.canaries.append(Canary(name, text, tuple(lines[1:-1])))

    def objects(self) -> list[Artefact]:
        """What everybody who may read the namespace sees, and the values that Helm keeps."""
        places = [f"/api/v1/namespaces/{self.name}/{kind}" for kind in SEARCHED]
        places.append(f"/apis/apps/v1/namespaces/{self.name}/deployments")
        found = [Artefact(place, json.dumps(self.cluster.request("GET", place)).encode()) for place in places]
        for item in self.secrets():
            if item["type"] == "helm.sh/release.v1":
                release = gzip.decompress(base64.b64decode(base64.b64decode(item["data"]["release"])))
                # Helm keeps the manifests, and with them what the chart itself made at random.
                made = frozenset(one.name for one in self.canaries if one.name.endswith(MADE))
                found.append(Artefact(item["metadata"]["name"], release, made))
        return found


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The hub, taken away at the end whatever happened to it."""
    cluster = Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"]))
    made = Hub(tmp_path_factory.mktemp("canary-site"), cluster)
    yield made
    cluster.drop_namespace(made.name)


def nothing_leaks(hub: Hub, bed: Bed, watch: Watch | None = None) -> None:
    artefacts = bed.artefacts(bed.folder.name)
    if watch is not None:
        assert watch.looks > 100, "the process table was not read"
        artefacts += [Artefact("command lines", watch.commands), Artefact("environments", watch.environments)]
    assert len(artefacts) > 5 and sum(len(one.data) for one in artefacts) > 1000, "there was nothing to search"
    told = "\n".join(str(hit) for hit in Search(hub.canaries).hits(artefacts))
    assert not told, f"secrets outside of the places meant for them:\n{told}"


def runner(bed: Bed, playbook: str, variables: dict[str, Any]) -> list[str]:
    """The words that make ansible-runner run a playbook of the collection, as AWX does; artefacts stay in the bed."""
    private = bed.folder / "out" / "runner"
    (private / "project").mkdir(parents=True)
    (private / "env").mkdir()
    imported = [{"name": "Import", "ansible.builtin.import_playbook": f"{COLLECTION}.{playbook}"}]
    (private / "project" / "play.json").write_text(json.dumps(imported), encoding="utf-8")
    given = bed.give("variables.json", variables)
    (private / "env" / "cmdline").write_text(f"-e @{given} --diff", encoding="utf-8")
    inventory = str(support_plays.INVENTORY)
    return [tool("ansible-runner"), "run", str(private), "-p", "play.json", "--inventory", inventory, "-vvvvv"]


def printed(bed: Bed, words: bytes) -> Callable[[], bool]:
    """Whether a run has printed something."""
    return lambda: words in (bed.folder / "out" / "output").read_bytes()


def written(bed: Bed, name: str) -> Callable[[], bool]:
    """Whether a run without pipelining has written a module's file."""
    return lambda: any(one.stat().st_size for one in (bed.folder / "home" / "remote").rglob(f"AnsiballZ_{name}.py"))


def killer(due: Callable[[], bool], grace: float) -> Callable[[subprocess.Popen[bytes]], None]:
    """Kill a run with signal 9, ``grace`` seconds after something has come about.

    Ansible's workers have sessions of their own: what they started would go on, and stop the server of the next run.
    """

    def wait(child: subprocess.Popen[bytes]) -> None:
        while child.poll() is None and not due():
            time.sleep(0.05)
        time.sleep(grace)
        for one in family(child.pid):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)

    return lambda child: threading.Thread(target=wait, args=(child,), daemon=True).start()


def test_a_first_run_by_ansible_runner(hub: Hub) -> None:
    bed = hub.bed("first")
    reports = {"hub_verify_report_dir": str(bed.folder / "out" / "reports")}
    with Watch(bed.folder) as watch:
        code = bed.command(runner(bed, "site", hub.variables | reports))
    assert code == 0, bed.output[-4000:]
    hub.learn()
    assert {"hub-tls/tls.key", f"hub/hub.config.JupyterHub.{MADE[1]}"} <= {one.name for one in hub.canaries}
    assert list((bed.folder / "out" / "runner" / "artifacts").rglob("job_events/*.json"))
    assert list((bed.folder / "out" / "reports").glob("verify-*.json"))
    nothing_leaks(hub, bed, watch)


def test_the_cluster_holds_secrets_only_in_secrets(hub: Hub) -> None:
    told = "\n".join(str(hit) for hit in Search(hub.canaries).hits(hub.objects()))
    assert not told, told


def test_the_search_would_find_them_there(hub: Hub) -> None:
    """The control: in the Secrets meant for them every canary of the hub is found."""
    meant = [
        Artefact("Secrets", json.dumps([one for one in hub.secrets() if one["type"] != "helm.sh/release.v1"]).encode())
    ]
    found = {hit.canary for hit in Search(hub.canaries).hits(meant)}
    assert found >= {"LAB_OIDC_CLIENT_SECRET_FILE", "hub-tls/tls.key", f"hub/hub.config.JupyterHub.{MADE[1]}"}


@pytest.mark.parametrize("grace", [0.3, 1.5])
def test_a_kill_while_somebody_signs_in(hub: Hub, grace: float) -> None:
    bed = hub.bed(f"killed-{grace}")
    inventory = str(support_plays.INVENTORY)
    play = f"{COLLECTION}.verify"
    code = bed.play(play, hub.variables, inventory=inventory, started=killer(printed(bed, USING), grace))
    assert code == -9, bed.output[-4000:]
    nothing_leaks(hub, bed)


def test_the_search_would_find_what_a_kill_leaves(hub: Hub) -> None:
    """The control: without the playbooks' pipelining the same kill leaves the module's options in a file."""
    bed = hub.bed("killed-bare")
    variables = hub.variables | {"ansible_pipelining": False}
    inventory = str(support_plays.INVENTORY)
    due = written(bed, "hub_smoke_test")
    bed.play(f"{COLLECTION}.verify", variables, inventory=inventory, started=killer(due, 0.5))
    found = {hit.canary for hit in Search(hub.canaries).hits(bed.artefacts("bare"))}
    assert found >= {"hub_verify_password", "hub_verify_stranger_password"}


def test_taking_the_hub_down(hub: Hub) -> None:
    bed = hub.bed("down")
    inventory = str(support_plays.INVENTORY)
    variables = hub.variables | {"hub_teardown_data": True}
    code = bed.play(f"{COLLECTION}.teardown", variables, arguments=["--diff"], callback="json", inventory=inventory)
    assert code == 0, bed.output[-4000:]
    nothing_leaks(hub, bed)
    assert hub.name not in hub.cluster.namespaces()
