# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that recreate the certificate of ``stuck_cluster``, and what must hold when they have ended."""

from __future__ import annotations

import copy
import os
from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_api import (
    ClusterSide,
    Compute,
    Examiner,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificates import HTTPS_PROXY, PRE_SHARED
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.reprovision import BY_THE_CONTROLLER
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.reprovision_run import (
    Done,
    Reprovisioner,
    Wish,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_gke import (
    ADDRESS,
    CERTIFICATES,
    CONFIG_MAPS,
    INGRESSES,
    NS,
    FakeGke,
    FakeNames,
    stuck_cluster,
)

Json = dict[str, Any]

SEEDS = range(20 if os.environ.get("NIGHTLY") else 3)
FEW = SEEDS if os.environ.get("NIGHTLY") else SEEDS[:1]
RIGHT = FakeNames(hub_example_org=ADDRESS)
HUB = f"{INGRESSES}/hub"
CERTIFICATE = f"{CERTIFICATES}/hub-tls"
RECORD = f"{CONFIG_MAPS}/researchops-certificate-hub-tls"


def run(
    gke: FakeGke,
    names: FakeNames = RIGHT,
    *,
    reporter: Reporter | None = None,
    public: FakeNames | None = None,
    **wishes: Any,
) -> Done:
    """One run of the module's own class; on another clock than the cluster's where ``reporter`` has one."""
    compute = Compute(gke, "research")
    reporter = reporter or Reporter("climate", "front door", gke.clock)
    return Reprovisioner(
        Examiner(ClusterSide(gke, NS), compute, names, public=public),
        compute,
        Wish("hub-tls", **wishes),
        clock=reporter.clock,
        reporter=reporter,
        jitter=gke.random.random,
    ).run()


def written(obj: Json) -> Json:
    """What people wrote of an object."""
    metadata = obj["metadata"]
    notes = {
        key: value
        for key, value in metadata.get("annotations", {}).items()
        if key.removeprefix("ingress.kubernetes.io/") not in BY_THE_CONTROLLER and key not in (HTTPS_PROXY, PRE_SHARED)
    }
    return {"spec": obj["spec"], "labels": metadata.get("labels"), "annotations": notes, "name": metadata["name"]}


def assert_whole(gke: FakeGke, before: dict[str, Json], *, alone: bool = False) -> None:
    """One Ingress, one certificate, Active, as before; nobody else's certificate touched."""
    assert gke.names(INGRESSES) == ["hub"]
    assert gke.names(CERTIFICATES) == ["hub-tls"] + ([] if alone else ["other-tls"])
    assert gke.objects[CERTIFICATE]["status"]["certificateStatus"] == "Active"
    for path, obj in before.items():
        assert written(gke.objects[path]) == written(obj)
    gke.clock.sleep(300)
    assert sorted(gke.owners[name] for name in gke.certs) == sorted(
        obj["metadata"]["uid"] for obj in gke.live(CERTIFICATES)
    )
    shown = [url.rpartition("/")[2] for url in gke.proxies["k8s2-ts-hub"]["sslCertificates"]]
    assert sorted(shown) == sorted(gke.certs)


def assert_recorded_first(gke: FakeGke) -> None:
    """Nothing was deleted that is not in the record."""
    deletes = [number for number, (method, _path) in enumerate(gke.log) if method == "DELETE"]
    records = [number for number, (method, path) in enumerate(gke.log) if method == "POST" and path == CONFIG_MAPS]
    assert not deletes or (records and records[0] < deletes[0])


def refuse_early_creation(gke: FakeGke) -> None:
    """A certificate that is made while compute still has the old one is a failed test."""

    def look(method: str, path: str, query: Any, body: Any) -> None:
        made = (method, path) in (("PATCH", CERTIFICATE), ("POST", CERTIFICATES)) and "dryRun" not in query
        assert not (made and "mcrt-hub" in gke.certs), f"request {gke.count} makes a certificate too early"

    gke.on(look)


def people(gke: FakeGke) -> dict[str, Json]:
    """What people made: Ingresses and certificates."""
    return {path: copy.deepcopy(obj) for path, obj in gke.objects.items() if path.startswith((INGRESSES, CERTIFICATES))}


def boundaries(seed: int, **how: Any) -> list[int]:
    """The requests of an undisturbed run; of the polls while a controller works, only every tenth."""
    gke = stuck_cluster(seed, **how)
    writes: set[int] = set()
    gke.on(lambda method, path, query, body: writes.add(gke.count) if method != "GET" else None)
    run(gke)
    assert gke.count >= 12
    near = {number + distance for number in writes for distance in range(-4, 3)}  # from the first read it rests on
    thin = 1 if os.environ.get("NIGHTLY") or gke.count < 70 else 10
    return [number for number in range(1, gke.count + 1) if number in near or number % thin == 0]
