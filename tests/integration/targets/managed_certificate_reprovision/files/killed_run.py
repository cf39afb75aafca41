# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a run that recreates a certificate and kill it (SIGKILL) as soon as the API server shows a certain point of it.

``--who everything`` kills the playbook and every process it has started; ``--who playbook`` kills what ``kill -9`` of a
person kills, and the module goes on for a while. Prints the ids of the processes that are left, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

ATTACHED = "networking.gke.io/managed-certificates"
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


class Cluster:
    """The objects of one certificate and its Ingress, which has the same name."""

    def __init__(self, kubeconfig: str, namespace: str, name: str) -> None:
        api = config.new_client_from_config(kubeconfig)
        self._core, self._networks = client.CoreV1Api(api), client.NetworkingV1Api(api)
        self._custom = client.CustomObjectsApi(api)
        self._namespace, self._name = namespace, name

    def look(self) -> Seen:
        """What is there now."""
        record = self._found(
            lambda: self._core.read_namespaced_config_map(f"researchops-certificate-{self._name}", self._namespace)
        )
        certificate = self._found(
            lambda: self._custom.get_namespaced_custom_object(
                "networking.gke.io", "v1", self._namespace, "managedcertificates", self._name
            )
        )
        ingress = self._found(lambda: self._networks.read_namespaced_ingress(self._name, self._namespace))
        metadata = (certificate or {}).get("metadata", {})
        names = ((ingress.metadata.annotations or {}).get(ATTACHED, "") if ingress else "").split(",")
        return Seen(
            record.data["state"] if record else "",
            "" if "deletionTimestamp" in metadata else metadata.get("uid", ""),
            self._name in [name.strip() for name in names],
        )

    @staticmethod
    def _found(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except client.ApiException as problem:
            if problem.status != 404:
                raise
            return None


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


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("kubeconfig", "namespace", "name"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--point", choices=POINTS, required=True)
    parser.add_argument("--seed", type=int, default=0, help="how long after that point: up to a few requests later")
    parser.add_argument("--who", choices=("everything", "playbook"), required=True)
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    cluster = Cluster(options.kubeconfig, options.namespace, options.name)
    old, end = cluster.look().uid, time.monotonic() + LONGEST
    with subprocess.Popen(
        options.words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        while not POINTS[options.point](cluster.look(), old):
            if running.poll() is not None or time.monotonic() > end:
                running.kill()
                sys.exit(f"the run ended ({running.poll()}) before it was {options.point}")
            time.sleep(PAUSE)
        time.sleep(random.Random(f"{options.seed} {options.point}").uniform(0, JITTER) if options.seed else 0)
        whole = family(running.pid)
        kill(whole if options.who == "everything" else whole[:1])
        code = running.wait()
    if code != -signal.SIGKILL:
        sys.exit(f"the run had ended ({code}) when it was {options.point}")
    left = [] if options.who == "everything" else whole[1:]
    print(json.dumps({"left": left, "killed": len(whole) - len(left)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
