# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab up`: from whatever there is (nothing, a stopped lab, a crashed one, a running one) to a lab that is ready."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from labkit import build, cgroups, kube, kubeconf, labs, runtime, trust
from labkit.api import Api
from labkit.build import Built, Image
from labkit.paths import (
    AUTOMATION_CLIENT,
    CHARTS_PORT,
    GOOGLE_CLUSTER,
    GOOGLE_LOCATION,
    GOOGLE_PROJECT,
    HTTPS_PORT,
    KUBERNETES_VERSION,
    OIDC_CLIENT,
    REGISTRY_PORT,
    TSIG_NAME,
    ZONE,
    Lab,
)
from labkit.process import Process, ReadyCheck
from labkit.say import LabError, run, say

NODE_READY = 90.0  # seconds after its parts are ready
SETTLE = 20.0  # seconds for the pods of before a crash to be running anew; `up` does not fail for them
IMPORT = 600.0  # seconds for one image
KEEP_IMAGES = 2  # of each repository: running pods may still want the one before


def have_services() -> bool:
    return importlib.util.find_spec("labkit.services") is not None


def have_image() -> bool:
    return importlib.util.find_spec("labkit.image") is not None


# ---- nothing to do? ------------------------------------------------------------------------------------------
def fingerprint() -> str:
    """Hash of the lab's own sources (charts, documentation and tests apart) and of what else changes what runs."""
    parts = [labs.SOURCE / name for name in ("labkit", "build", "image", "oidc", "google")]
    return build.digest(build.helm_major(), sys.version, *[part for part in parts if part.is_dir()])


def is_up(lab: Lab, with_image: bool) -> bool:
    """Whether `up` would change nothing: same sources, supervisor alive, every part ready, API server answering."""
    try:
        record = json.loads((lab.run / "up.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    seen = runtime.status(lab)
    return (
        runtime.supervisor_pid(lab) is not None
        and record["fingerprint"] == fingerprint()
        and (record["image"] or not with_image)
        and not runtime.not_ready(seen, record["digest"])
        and {part["pid"] for part in seen["parts"].values() if not part["optional"]} <= set(runtime.host_pids(lab))
        and Api(lab).alive()
    )


# ---- images --------------------------------------------------------------------------------------------------
def _ctr(lab: Lab, pid: int, *words: str, limit: float) -> str:
    """containerd's own command, in the lab's mount namespace (its socket is in the lab's /run)."""
    command = ["nsenter", "-t", str(pid), "-m", "ctr", "--address", kubeconf.CONTAINERD, "-n", "k8s.io", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode != 0:
        raise LabError(
            f"E-LAB-IMAGE  ctr {' '.join(words[:2])} failed: {done.stderr.strip()[-500:]}. Do: `lab logs containerd`."
        )
    return done.stdout


def _import(lab: Lab, pid: int, image: Image) -> None:
    marker = lab.state / "images" / image.reference.replace("/", "_")
    if marker.exists():
        return
    began = time.monotonic()
    _ctr(lab, pid, "images", "import", str(image.archive), limit=IMPORT)
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    say(f"image {image.reference} imported, {time.monotonic() - began:.0f} s")
    repository = image.reference.partition(":")[0]
    old = [file for file in marker.parent.iterdir() if file.name.partition(":")[0] == repository.replace("/", "_")]
    for file in sorted(old, key=lambda file: file.stat().st_mtime, reverse=True)[KEEP_IMAGES:]:
        _ctr(lab, pid, "images", "rm", f"{repository}:{file.name.partition(':')[2]}", limit=60)
        file.unlink()


class Importer(threading.Thread):
    """Imports the images while the rest of the lab starts."""

    def __init__(self, lab: Lab, built: Built) -> None:
        super().__init__(daemon=True)
        self.lab, self.images = lab, [built.pod_image, *([built.image] if built.image else [])]
        self.error: LabError | None = None
        self.first = threading.Event()  # the sandbox image is there: pods can start

    def run(self) -> None:
        try:
            if not runtime.wait_part(self.lab, "containerd", runtime.READY):
                raise LabError("E-LAB-READY  containerd is not ready. Do: `lab logs containerd`.")
            pid = runtime.supervisor_pid(self.lab)
            for image in self.images:
                if pid:
                    _import(self.lab, pid, image)
                self.first.set()
        except LabError as error:
            self.error = error
        except subprocess.TimeoutExpired as error:
            self.error = LabError(
                f"E-LAB-IMAGE  An image was not imported within {error.timeout:.0f} s. Do: `lab logs containerd`."
            )
        finally:
            self.first.set()


# ---- configuration ---------------------------------------------------------------------------------------------
def _door_free(lab: Lab) -> bool:
    """Whether the host's port is free for this lab's forwarder, or already held by it."""
    if "forward" in runtime.spec_names(lab) and runtime.supervisor_pid(lab):
        return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", HTTPS_PORT))
            return True
    return False


def forwarder(lab: Lab) -> list[Process]:
    """The forwarder on 127.0.0.1, unless it was switched off (`lab forward stop`) or another lab has the port."""
    if (lab.run / "forward-off").exists():
        return []
    if not _door_free(lab):
        say(f"127.0.0.1:{HTTPS_PORT} is taken: this lab has no door from the host (`lab exec` and `lab browse` work)")
        return []
    words = [sys.executable, "-m", "labkit.forward", lab.dns_ip, str(HTTPS_PORT)]
    source = str(lab.source / "labkit/forward.py")
    ready = ReadyCheck("command", command=("/bin/sh", "-c", "exit 0"))
    return [
        Process(
            "forward",
            words,
            env={"PYTHONPATH": str(lab.source)},
            ready=ready,
            requires=("coredns",),
            inputs=(source,),
            optional=True,
            host_network=True,
        )
    ]


def write_files(lab: Lab, built: Built) -> list[Process]:
    """All configuration, certificates and secrets; returns what to run. Repeatable: what fits stays."""
    for directory in lab.directories:
        directory.mkdir(parents=True, exist_ok=True)
    lab.secrets.chmod(0o700)
    kubeconf.prepare(lab, built)
    services: list[Process] = []
    if have_services():
        from labkit import services as lab_services

        lab_services.prepare(lab)
        services = lab_services.processes(lab)
    trust.refresh(lab, system=trust.system_roots())
    for name, target in (("kubectl", built.labkube), ("helm", built.helm)):
        link = lab.bin / name
        if not (link.is_symlink() and link.readlink() == target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    return [*kube.processes(lab, built, any(process.name == "oidc" for process in services)), *services]


def chart_version(lab: Lab) -> str:
    """The version that the lab's own chart says it has."""
    lines = (lab.source / "charts" / "jupyterhub" / "Chart.yaml").read_text(encoding="utf-8").splitlines()
    return next(line.partition(":")[2].strip(" \"'") for line in lines if line.startswith("version:"))


def facts(lab: Lab, built: Built, cluster_uid: str) -> dict[str, str]:
    """What `lab env` tells and `lab exec` sets (as LAB_...)."""
    return {
        "name": lab.name,
        "kubeconfig": str(lab.kubeconfig),
        "admin_kubeconfig": str(lab.admin_kubeconfig),
        "api_server": lab.api_server,
        "cluster_uid": cluster_uid,
        "ca_file": str(lab.ca_file),
        "ca_bundle": str(lab.ca_bundle),
        "issuer": lab.issuer,
        "oidc_client_id": OIDC_CLIENT,
        "oidc_client_secret_file": str(lab.oidc_client_secret_file),
        "automation_client_id": AUTOMATION_CLIENT,
        "automation_client_secret_file": str(lab.automation_client_secret_file),
        "acme_directory": lab.acme_directory,
        "google_control": f"https://google.{ZONE}/control",
        "google_project": GOOGLE_PROJECT,
        "google_location": GOOGLE_LOCATION,
        "google_cluster": GOOGLE_CLUSTER,
        "google_account_file": str(lab.google_account_file),
        "google_doors": ",".join(lab.google_doors),
        "dns_server": lab.knot_ip,
        "dns_zone": ZONE,
        "tsig_file": str(lab.tsig_file),
        "tsig_secret_file": str(lab.tsig_file),
        "tsig_key_file": str(lab.secrets / "tsig.key"),
        "tsig_name": TSIG_NAME,
        "image": built.image.reference if built.image else "",
        "chart": str(lab.source / "charts" / "jupyterhub"),
        "chart_version": chart_version(lab),
        "pod_image": built.pod_image.reference,
        "node_ip": lab.node_ip,
        "registry": f"registry.{ZONE}:{REGISTRY_PORT}",
        "chart_repository": f"https://charts.{ZONE}:{CHARTS_PORT}",
        "chart_repository_dir": str(lab.charts),
        "helm": str(lab.bin / "helm"),
        "kubectl": str(lab.bin / "kubectl"),
        "resolver": lab.dns_ip,
    }


# ---- the verb --------------------------------------------------------------------------------------------------
def _settle(lab: Lab, api: Api) -> None:
    """Wait for the pods that were there before; a pod that cannot come back is its owner's business."""
    end, since, missing = time.monotonic() + SETTLE, float(runtime.status(lab).get("started", 0)), ["all"]
    while time.monotonic() < end:
        with suppress(OSError, HTTPException):
            missing = api.unsettled(lab.node_name, since)
            if not missing:
                return
        time.sleep(0.1)
    say(f"pods that are not back after {SETTLE:.0f} s: {', '.join(missing)}")


def _finish(lab: Lab, since: float) -> str:
    """First objects, a Ready node, pods of before; returns the cluster's UID."""
    api, end, uid = Api(lab), time.monotonic() + NODE_READY, ""
    for item in kubeconf.first_objects()["items"]:
        api.apply(item)
    while time.monotonic() < end:
        with suppress(OSError, HTTPException):
            uid = uid or api.cluster_uid()
            if uid and api.node_ready(lab.node_name, since):
                _settle(lab, api)
                return uid
        time.sleep(0.1)
    raise LabError(f"E-LAB-NODE  Node {lab.node_name} is not Ready after {NODE_READY:.0f} s. Do: `lab logs kubelet`.")


def _start(lab: Lab, built: Built) -> float:
    """Bring the processes up; returns the seconds from built programs to a Ready node."""
    began, since = time.monotonic(), time.time()
    parts = write_files(lab, built)
    digest = runtime.write_spec(lab, [*parts, *forwarder(lab)])
    fresh = runtime.supervisor_pid(lab) is None
    if fresh:
        runtime.start(lab)
    else:
        runtime.reload(lab)
    importer = Importer(lab, built)
    importer.start()
    runtime.wait_ready(lab, digest)
    uid = _finish(lab, since if fresh else 0.0)
    took = time.monotonic() - began
    if importer.is_alive() and importer.first.wait(1.0):
        say(f"node Ready after {took:.0f} s; importing the image")
    importer.join(IMPORT)
    if importer.error:
        raise importer.error
    record = {"fingerprint": fingerprint(), "digest": digest, "image": built.image is not None}
    trust.refresh(lab)
    (lab.etc / "facts.json").write_text(json.dumps(facts(lab, built, uid), indent=1) + "\n", encoding="utf-8")
    (lab.run / "up.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    return took


def up(name: str, with_image: bool = True) -> None:
    """Build what is missing, start what does not run, wait until all is ready; says how long and how much memory."""
    known = labs.find(name)
    wants_image = with_image and have_image()
    if known is not None and is_up(known, wants_image):
        say(f"{name} is up (Kubernetes {KUBERNETES_VERSION}, {known.api_server})")
        return
    if os.geteuid() != 0:
        raise LabError(
            "E-LAB-ROOT  The lab needs root (namespaces, cgroups, apt). Nothing was changed. Do: sudo tests/lab/lab up."
        )
    built = build.everything(labs.cache_directory(), wants_image)
    with labs.locked("machine"):
        lab = labs.allocate(name)
    with labs.locked(name):
        if is_up(lab, wants_image):  # somebody else was faster
            say(f"{name} is up (Kubernetes {KUBERNETES_VERSION}, {lab.api_server})")
            return
        took = _start(lab, built)
    build.forget_old(lab.cache, "".join(runtime.spec_text(one) for one in labs.known()))
    used = runtime.total_memory(lab) / (1 << 20)
    ready = "with its services" if have_services() else "without services"
    say(
        f"Kubernetes {KUBERNETES_VERSION} ready in {took:.0f} s, {ready}; {used:.0f} MiB resident; {cgroups.describe()}"
    )


def down(name: str, purge: bool = False) -> None:
    """End the lab; nothing of it stays on the host but its files, and with ``purge`` not even those."""
    lab = labs.find(name)
    if lab is None:
        say(f"{name} is not there")
        return
    with labs.locked(name):
        was_up = runtime.supervisor_pid(lab) is not None
        left = runtime.stop(lab)
        if left:
            raise LabError(f"E-LAB-REST  These cgroups are still busy: {', '.join(left)}. Do: `lab down` again.")
        if purge:
            run(["rm", "-rf", "--one-file-system", lab.state], limit=300)
    say(
        f"{name} is down"
        + ("" if was_up else " (it was not up)")
        + ("; its files are gone" if purge else f"; its files stay in {lab.state}")
    )


def load_facts(lab: Lab) -> dict[str, str]:
    """What the last `up` recorded."""
    path: Path = lab.etc / "facts.json"
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(
            f"E-LAB-DOWN  The lab {lab.name!r} was never up. Nothing was changed. "
            f"Do: tests/lab/lab up --name {lab.name}."
        ) from None
    return found


def set_forward(lab: Lab, wanted: bool) -> None:
    """Start or stop the forwarder of a running lab, now and at its next `up`."""
    mark = lab.run / "forward-off"
    if wanted:
        mark.unlink(missing_ok=True)
    else:
        mark.touch()
    built = build.everything(lab.cache, have_image())
    with labs.locked(lab.name):
        _start(lab, built)
    if not wanted:
        say("forward: stopped")
    elif "forward" in runtime.spec_names(lab):  # otherwise it was said that another one has the port
        say(f"forward: https://NAME.{ZONE}:{HTTPS_PORT} on this machine reaches the lab")
