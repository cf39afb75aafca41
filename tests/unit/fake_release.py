# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release in memory for the tests of hub_release: a small chart, a cluster, a Helm, and the options for them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import Clock
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release import Present
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_removal import Absent
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_tools import Tools
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_wanted import (
    Done,
    Wanted,
    load_history,
    read_inputs,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeHelm, FakeKube, WrongClock

Json = dict[str, Any]

SECRETS = "/api/v1/namespaces/hub/secrets"
CLAIMS = "/api/v1/namespaces/hub/persistentvolumeclaims"
PODS = "/api/v1/namespaces/hub/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/hub/deployments"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/hub/leases/researchops-hub"
RECORDS = f"{SECRETS}/sh.helm.release.v1.hub.v"
GENERATED = (
    "hub.config.ConfigurableHTTPProxy.auth_token",
    "hub.config.CryptKeeper.keys",
    "hub.config.JupyterHub.cookie_secret",
)
OPTIONS: Json = {
    "state": "present",
    "release_name": "hub",
    "namespace": "hub",
    "chart_ref": "",
    "chart_version": None,
    "chart_sha256": None,
    "values": {"memory": "2G"},
    "values_root": "",
    "layers": ["hub_https", "hub_oauth"],
    "drop_layers": [],
    "secrets": {"oauth_client_secret": "planted-secret-1234"},
    "timeout": 600,
    "pending_policy": "fail",
    "pending_max_age": 900,
    "drift": "skip",
    "helm_binary": "helm",
    "create_namespace": False,
    "front_foretold": False,
    "keep_data": True,
    "kubeconfig": None,
    "context": None,
}


def obj(version: str, kind: str, name: str, **body: Any) -> Json:
    """An object of the chart, as a template renders it."""
    metadata = {"name": name, "labels": {"component": name.partition("-")[0], "release": "hub"}}
    metadata |= body.pop("metadata", {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


@dataclass
class Chart:
    """z2jh in small: generated secrets looked up and hashed into the pods, values in a Secret, a claim."""

    kube: FakeKube
    claim: str = "hub-db-dir"
    replicas: int = 1
    extra: list[Json] = field(default_factory=list)
    storage_class: str | None = "fast"
    templates: str = "one"
    generated: int = 0

    def __call__(self, values: Json) -> list[Json]:
        secret = self._secret(values)
        hashed = [self._secret(values), self.templates]  # rendered once more, as z2jh does: with other random values
        checksum = hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()
        annotations = {"checksum/secret": checksum, **(values.get("hub", {}).get("annotations") or {})}
        pvc = values.get("hub", {}).get("db", {}).get("pvc", {}).get("annotations") or {}
        spec = {} if self.storage_class is None else {"storageClassName": self.storage_class}
        return [
            obj("v1", "Secret", "hub", data=secret),
            obj("v1", "PersistentVolumeClaim", self.claim, metadata={"annotations": pvc}, spec=spec),
            self._deployment("hub", annotations),
            self._deployment("proxy", {}),
            *self.extra,
        ]

    def _secret(self, values: Json) -> Json:
        self.generated += 1
        live = self.kube.objects.get(f"{SECRETS}/hub", {}).get("data", {})
        fresh = {key: base64.b64encode(f"{key}-{self.generated}".encode()).decode() for key in GENERATED}
        packed = base64.b64encode(json.dumps({"singleuser": {}, **values}, sort_keys=True).encode()).decode()
        return {key: live.get(key, value) for key, value in fresh.items()} | {"values.yaml": packed}

    def _deployment(self, name: str, annotations: Json) -> Json:
        template = {
            "metadata": {"annotations": annotations},
            "spec": {"containers": [{"name": name, "image": "hub:1"}]},
        }
        spec = {"replicas": self.replicas, "selector": {"matchLabels": {"component": name}}, "template": template}
        return obj("apps/v1", "Deployment", name, spec=spec)


class World:
    """Everything a run meets."""

    def __init__(self, place: Path) -> None:
        self.clock = FakeClock()
        self.own_clock: Clock = self.clock
        self.kube = FakeKube("hub")
        self.kube.told_time(self.clock, self.clock)
        self.chart = Chart(self.kube)
        self.helm = FakeHelm(self.kube, self.clock, self.chart)
        self.reporter = Reporter("hub", "release", self.clock)
        self.kube.put(f"{CLASSES}/fast", {"kind": "StorageClass", "metadata": {}})
        self.place = place / "chart"
        (self.place / "templates").mkdir(parents=True)
        (self.place / "Chart.yaml").write_text("name: jupyterhub\nversion: 4.4.0\nappVersion: 5.5.0\n")

    def options(self, **changed: Any) -> Json:
        return {**OPTIONS, "chart_ref": str(self.place), **changed}

    def run_ahead(self, seconds: float) -> None:
        """The clock of the machine that runs Ansible is fast; the cluster's is right."""
        self.own_clock = WrongClock(self.clock, seconds)
        self.reporter = Reporter("hub", "release", self.own_clock)
        self.kube.told_time(self.own_clock, self.clock)

    @property
    def tools(self) -> Tools:
        redactor = Redactor()
        return Tools(self.kube, self.helm, self.own_clock, self.reporter, redactor)  # type: ignore[arg-type]

    def run(self, check_mode: bool = False, **changed: Any) -> Done:
        """One run, always on the long way (the no-op is decided before it)."""
        wanted = Wanted.from_options(self.options(**changed))
        history = load_history(self.kube, wanted.namespace, wanted.release)
        return Present(wanted, read_inputs(wanted), self.tools).run(history, check_mode)

    def remove(self, check_mode: bool = False, **changed: Any) -> Done:
        return Absent(self.options(state="absent", **changed), self.tools).run(check_mode)

    def forget(self) -> None:
        """Forget requests and calls so far."""
        self.kube.requests.clear()
        self.helm.calls.clear()

    def labels(self, number: int) -> Json:
        found: Json = self.kube.objects[f"{RECORDS}{number}"]["metadata"]["labels"]
        return found

    def statuses(self) -> dict[int, str]:
        """Revision to status, from Helm's records."""
        records = {
            int(path.removeprefix(RECORDS)): item["metadata"]["labels"]["status"]
            for path, item in self.kube.objects.items()
            if path.startswith(RECORDS)
        }
        return dict(sorted(records.items()))


def told(done: Done) -> list[tuple[str, str]]:
    """Verb and target of every step."""
    return [(step.verb, step.target) for step in done.plan.steps]
