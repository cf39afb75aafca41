# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long after a managed certificate is Active a wait for it ends: ours beside kubernetes.core.k8s_info in a loop.

The certificate is an object in the lab's API server; the stand-in for Google agrees to what is written into its status.
A round starts a play that waits, makes the certificate Active after a random while, and takes the time from the moment
before that write until the play's next task begins. So the time of the write itself counts against both.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from iap import control
from kubernetes import client, config

HERE = Path(__file__).resolve().parent
NAMESPACE, NAME, DOMAIN = "bench-certificate", "wait", "certificate-wait.bench.test"
GROUP = ("networking.gke.io", "v1", NAMESPACE, "managedcertificates")
DELAY = 5.0
"""Seconds between two looks of the peer: what ``until`` does unless it is told otherwise."""
SETTLED = 3.0
"""Seconds after which a task that has begun certainly waits."""
RUN_SECONDS = 120.0
SEED = 20261122
BAR = 0.5
PLAYS = {
    "managed_certificate_info": "certificate_wait_ours",
    "kubernetes.core.k8s_info, until/delay": "certificate_wait_theirs",
}


class Certificate:
    """The certificate that is awaited."""

    def __init__(self) -> None:
        api = config.new_client_from_config(os.environ["LAB_ADMIN_KUBECONFIG"])
        self._core, self._custom = client.CoreV1Api(api), client.CustomObjectsApi(api)

    def make(self) -> None:
        """A namespace with a certificate that stays Provisioning."""
        self._core.create_namespace({"metadata": {"name": NAMESPACE}})
        self._custom.create_namespaced_custom_object(
            *GROUP,
            {
                "apiVersion": "networking.gke.io/v1",
                "kind": "ManagedCertificate",
                "metadata": {"name": NAME},
                "spec": {"domains": [DOMAIN]},
            },
        )
        self.await_status("Provisioning")

    def remove(self) -> None:
        """Take the namespace away and wait until it is gone."""
        try:
            self._core.delete_namespace(NAMESPACE)
            for _second in range(int(RUN_SECONDS)):
                self._core.read_namespace(NAMESPACE)
                time.sleep(1)
        except client.ApiException as problem:
            if problem.status != 404:
                raise

    def await_status(self, status: str) -> None:
        """Wait until the object says so."""
        for _try in range(int(RUN_SECONDS / 0.2)):
            found: Any = self._custom.get_namespaced_custom_object(*GROUP, NAME)
            if (found.get("status") or {}).get("certificateStatus") == status:
                return
            time.sleep(0.2)
        sys.exit(f"bench: the certificate does not become {status}; look at the lab's stand-in for Google")

    def provisioning(self) -> None:
        """Back to the beginning."""
        self._live("PROVISIONING")
        self.await_status("Provisioning")

    def activate(self) -> float:
        """Make it Active; returns the moment before."""
        moment = time.time()
        self._live("ACTIVE")  # the stand-in would undo what it does not know
        self._custom.patch_namespaced_custom_object(*GROUP, NAME, {"status": {"certificateStatus": "Active"}})
        return moment

    @staticmethod
    def _live(status: str) -> None:
        steps = [{"after": 0, "status": status}]
        control("POST", "certificates/again", {"namespace": NAMESPACE, "name": NAME, "steps": steps})


def lag(certificate: Certificate, play: str, chance: random.Random, folder: Path) -> float:
    """Seconds from the moment the certificate is Active to the end of the module, for one play."""
    certificate.provisioning()
    began, ended = folder / "began", folder / "ended"
    for note in (began, ended):
        note.unlink(missing_ok=True)
    words = ["ansible-playbook", str(HERE / "plays" / f"{play}.yml"), "-i", str(HERE / "inventory.yml")]
    values = {
        "bench_certificate_namespace": NAMESPACE,
        "bench_certificate": NAME,
        "bench_delay": DELAY,
        "bench_began": str(began),
        "bench_ended": str(ended),
    }
    env = dict(
        os.environ, ANSIBLE_CONFIG=str(HERE / "ansible.cfg"), BENCH_KUBECONFIG=os.environ["LAB_ADMIN_KUBECONFIG"]
    )
    with subprocess.Popen(
        [*words, "-e", json.dumps(values)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as running:
        while not began.exists() and running.poll() is None:
            time.sleep(0.05)
        time.sleep(SETTLED + chance.uniform(0, DELAY))
        active = certificate.activate()
        told, _nothing = running.communicate(timeout=RUN_SECONDS)
    if running.returncode != 0:
        sys.exit(f"bench: {play} failed ({running.returncode}):\n{told[-3000:]}")
    seconds = float(ended.read_text(encoding="ascii")) - active
    if seconds < 0:
        sys.exit(f"bench: {play} ended {-seconds:.2f} s before the certificate was Active:\n{told[-3000:]}")
    return seconds


def report(lags: dict[str, list[float]]) -> list[str]:
    """A Markdown table."""
    lines = ["", "## Lag of a wait for a managed certificate", ""]
    lines += ["| what | rounds | median s | p95 s | worst s |", "|---|---|---|---|---|"]
    for name, values in lags.items():
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
        lines.append(f"| {name} | {len(values)} | {statistics.median(values):.2f} | {p95:.2f} | {max(values):.2f} |")
    return [*lines, "", f"- bar for ours: at most {BAR:.1f} s (a watch); the peer looks every {DELAY:.0f} s"]


def measure(count: int, seed: int) -> list[str]:
    """Rounds in turn; the lines of the report."""
    chance, certificate = random.Random(seed), Certificate()
    lags: dict[str, list[float]] = {name: [] for name in PLAYS}
    certificate.remove()
    certificate.make()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, count + 1):
            for name, play in PLAYS.items():
                lags[name].append(lag(certificate, play, chance, Path(folder)))
            now = ", ".join(f"{name} {values[-1]:.2f}" for name, values in lags.items())
            print(f"round {number} of {count}: {now}", flush=True)
    certificate.remove()
    return [*report(lags), f"- seed {seed}"]


def main() -> int:
    """Measure and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    print("\n".join(measure(options.rounds, options.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
