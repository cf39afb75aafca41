# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill runs that recreate a certificate (SIGKILL) as soon as the API server shows a certain point, and finish each.

A round lets a certificate fail for good, starts a run, kills it, makes one more run, and looks whether all is as it was
before, down to who manages which field. Rounds at different certificates go side by side, because a run mostly waits.
The module is started as the collection's action starts it, and dies with everything it has started; in the rounds
``playbook`` Ansible starts it, and only that is killed, as by ``kill -9`` of a person: the module goes on for a while.

Takes its wish as JSON from standard input, and prints the rounds as JSON.
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import ansible

sys.path.append(os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0])
sys.path.append(str(Path(__file__).resolve().parents[4] / "e2e"))
from ansible_collections.researchops.jupyterhub.plugins.plugin_utils import local_module
from support_cluster import Cluster

Json = dict[str, Any]

MODULE = "researchops.jupyterhub.managed_certificate_reprovision"
ATTACHED = "networking.gke.io/managed-certificates"
RELEASE = "meta.helm.sh/release-name"
PAUSE, LONGEST, JITTER = 0.01, 120.0, 0.06


@dataclass(frozen=True)
class Seen:
    """What the API server shows.

    Attributes:
        state: of the record; empty where there is none.
        uid: of the certificate; empty where there is none, or it is on its way out.
        attached: whether the Ingress names it.
    """

    state: str
    uid: str
    attached: bool


POINTS: dict[str, Callable[[Seen, str], bool]] = {
    "recorded": lambda seen, old: seen.state == "recreating",
    "detached": lambda seen, old: not seen.attached,
    "deleted": lambda seen, old: seen.uid != old,
    "created": lambda seen, old: seen.uid not in ("", old),
    "attached": lambda seen, old: seen.uid not in ("", old) and seen.attached,
}
"""By name: whether a run has come so far; ``old`` is the UID of the certificate that is to go."""


@dataclass(frozen=True)
class Round:
    """One kill.

    Attributes:
        who: ``everything`` or ``playbook``.
        point: where.
        seed: how long after that point; 0 at once, else up to a few requests later.
    """

    who: str
    point: str
    seed: int


@dataclass(frozen=True)
class Whole:
    """What must be the same after every round.

    Attributes:
        domains: of the certificate.
        names: what the Ingress names.
        addresses: of the Ingress.
        releases: the Helm release of both.
        managed: who manages which fields of them, but for their status.
    """

    domains: list[str]
    names: list[str]
    addresses: list[Json]
    releases: list[str]
    managed: list[str]


class Door:
    """One certificate and its Ingress, which has the same name."""

    def __init__(self, wish: Json, door: Json) -> None:
        self.name, self._host, self._wish = door["name"], door["host"], wish
        self._cluster = Cluster(Path(wish["kubeconfig"]))
        namespace = f"namespaces/{wish['namespace']}"
        self._record = f"/api/v1/{namespace}/configmaps/researchops-certificate-{self.name}"
        self._certificates = f"/apis/networking.gke.io/v1/{namespace}/managedcertificates"
        self._ingresses = f"/apis/networking.k8s.io/v1/{namespace}/ingresses"

    def _get(self, path: str) -> Json:
        return self._cluster.request("GET", path)

    def look(self) -> Seen:
        """What is there now, read in the order in which a run changes it."""
        record = self._get(self._record)
        ingress = self._get(f"{self._ingresses}/{self.name}")
        metadata = self._get(f"{self._certificates}/{self.name}").get("metadata") or {}
        uid = "" if "deletionTimestamp" in metadata else metadata.get("uid", "")
        return Seen(record["data"]["state"] if record else "", uid, self.name in attached(ingress))

    def fail_for_good(self) -> None:
        """Let Google give the certificate up, and wait until the cluster knows."""
        steps = [{"after": 0, "status": "PROVISIONING_FAILED_PERMANENTLY"}]
        body = {"namespace": self._wish["namespace"], "name": self.name, "steps": steps}
        asked = urllib.request.Request(
            f"{self._wish['control']}/certificates/again",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        context = ssl.create_default_context(cafile=self._wish["ca_file"])
        with urllib.request.urlopen(asked, timeout=20, context=context):
            pass
        end = time.monotonic() + 20
        path = f"{self._certificates}/{self.name}"
        while self._get(path)["status"].get("certificateStatus") != "ProvisioningFailedPermanently":
            assert time.monotonic() < end, f"{self.name} did not fail for good"
            time.sleep(10 * PAUSE)

    def whole(self) -> Whole:
        """The certificate of our host name, which must be the only one, and its Ingress."""
        items = self._get(self._certificates)["items"]
        ours = [item for item in items if self._host in item["spec"]["domains"]]
        assert [item["metadata"]["name"] for item in ours] == [self.name], f"{len(ours)} certificates of {self._host}"
        certificate, ingress = ours[0], self._get(f"{self._ingresses}/{self.name}")
        assert ingress, f"no Ingress {self.name}"
        both = certificate["metadata"], ingress["metadata"]
        return Whole(
            certificate["spec"]["domains"],
            attached(ingress),
            ingress["status"]["loadBalancer"]["ingress"],
            [metadata["annotations"][RELEASE] for metadata in both],
            sorted(text for metadata in both for text in managed(metadata)),
        )


def attached(ingress: Json) -> list[str]:
    """The certificates an Ingress names."""
    names = (ingress.get("metadata", {}).get("annotations") or {}).get(ATTACHED, "").split(",")
    return [name.strip() for name in names]


def managed(metadata: Json) -> Iterator[str]:
    """One line per manager of an object: its name, how it writes, its fields.

    The annotation that was taken off and set again belongs to nobody until Helm applies it the next time.
    """
    for entry in metadata["managedFields"]:
        fields = entry["fieldsV1"]
        if entry["operation"] == "Apply":
            fields["f:metadata"]["f:annotations"].pop(f"f:{ATTACHED}", None)
        if entry.get("subresource") != "status":
            yield f"{entry['manager']} {entry['operation']} {json.dumps(fields, sort_keys=True)}"


def options(wish: Json, name: str, **more: Any) -> Json:
    """The module's options for one certificate."""
    where = {"kubeconfig": wish["kubeconfig"], "namespace": wish["namespace"], "name": name}
    return {**wish["options"], **where, **more}


def start(given: Json, output: IO[str]) -> subprocess.Popen[str]:
    """Start the module as the collection's action does."""
    path = Path(local_module.__file__).parents[1] / "modules" / f"{MODULE.rpartition('.')[2]}.py"
    module = local_module.Start(MODULE, str(path), connection="local", python=sys.executable, special=False)
    text = local_module.program(module, local_module.encoded(given), str(Path(ansible.__file__).parents[1]))
    child = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE, stdout=output, stderr=output, text=True)
    assert child.stdin is not None
    with child.stdin as stream:
        stream.write(text)
    return child


def start_playbook(given: Json, output: IO[str]) -> subprocess.Popen[str]:
    """Start the module by Ansible."""
    argv = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-m", MODULE, "-a", json.dumps(given)]
    environ = {**os.environ, "ANSIBLE_PIPELINING": "true"}
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True, env=environ)


def family(root: int) -> list[int]:
    """A process and everything that descends from it, parents first."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(place.parent.name))
    found = [root]
    for one in found:
        found += parents.get(one, [])
    return found


def kill(processes: list[int]) -> None:
    """Stop all, so that nobody starts another one, then kill all."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for one in processes:
            try:
                os.kill(one, number)
            except ProcessLookupError:
                continue


def killed(wish: Json, door: Door, one: Round) -> list[int]:
    """Start a run and kill it; the processes that are left."""
    old, end = door.look().uid, time.monotonic() + LONGEST
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        given = options(wish, door.name, force=True)
        with (start if one.who == "everything" else start_playbook)(given, output) as running:
            while not POINTS[one.point](door.look(), old):
                if running.poll() is not None or time.monotonic() > end:
                    running.kill()
                    output.seek(0)
                    raise AssertionError(f"ended ({running.poll()}) too early: {output.read()[-3000:]}")
                time.sleep(PAUSE)
            time.sleep(random.Random(f"{one.seed} {one.point}").uniform(0, JITTER) if one.seed else 0)
            whole = family(running.pid)
            kill(whole if one.who == "everything" else whole[:1])
            code = running.wait()
    assert code == -signal.SIGKILL, f"the run had ended ({code}) before it was killed"
    return [] if one.who == "everything" else whole[1:]


def finished(wish: Json, door: Door) -> str:
    """One more run; the certificate's status."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        code = start(options(wish, door.name, stuck_after=3600, wait_timeout=120), output).wait()
        output.seek(0)
        said = output.read()
    assert code == 0, said
    (result,) = [line for line in said.splitlines() if line.startswith("{")]
    return str(json.loads(result)["certificate"]["status"])


def make(wish: Json, door: Door, one: Round, before: Whole) -> Json:
    """One round."""
    begun = time.monotonic()
    door.fail_for_good()
    left = killed(wish, door, one)
    status = finished(wish, door)
    end = time.monotonic() + LONGEST
    while any(Path(f"/proc/{process}").exists() for process in left):
        assert time.monotonic() < end, "what is left of the killed run does not end"
        time.sleep(10 * PAUSE)
    # Google's controllers may still be at the Ingress.
    end = time.monotonic() + 10
    while (after := door.whole()) != before:
        assert time.monotonic() < end, f"was {before}, is {after}"
        time.sleep(10 * PAUSE)
    return {**asdict(one), "door": door.name, "status": status, "seconds": round(time.monotonic() - begun, 1)}


def rounds(wish: Json, given: Json, waiting: queue.SimpleQueue[Round]) -> list[Json]:
    """Rounds at one certificate until none is waiting, or one went wrong."""
    door, made = Door(wish, given), []
    before = door.whole()
    while True:
        try:
            one = waiting.get_nowait()
        except queue.Empty:
            return made
        try:
            made.append(make(wish, door, one, before))
        except AssertionError as problem:
            raise AssertionError(f"{door.name}, {one}: {problem}") from problem


def main() -> int:
    """Entry point."""
    wish, waiting = json.load(sys.stdin), queue.SimpleQueue[Round]()
    for who in ("playbook", "everything"):
        for point, seed in wish[who]:
            waiting.put(Round(who, point, seed))
    with ThreadPoolExecutor(len(wish["doors"])) as pool:
        made = [pool.submit(rounds, wish, door, waiting) for door in wish["doors"]]
    print(json.dumps([one for each in made for one in each.result()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
