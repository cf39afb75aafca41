# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's image: hub, proxy and user server in one docker-archive, made without any image registry.

Debian packages (mmdebstrap) + wheels (pip, fetched outside, installed offline inside) + npm packages + Node's binary
become one layer. The same inputs give the same key, and the key is the tag: ``lab.test/jupyterhub:KEY``.

By hand, as root: ``python3 -m labkit.image --cache DIR`` (in tests/lab).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labkit import build as parts
from labkit.paths import Tools
from labkit.say import LabError, run, say

REPOSITORY = "lab.test/jupyterhub"
DEBIAN = "bookworm"
PYTHON = "3.11"
PYTHON_FULL = "3.11.2"  # bookworm's: what packages may ask for; requirements.txt is resolved for it
PACKAGES = ("ca-certificates", "libstdc++6", "python3", "tini")
VENV = "/opt/jupyter"
PROXY = "/opt/configurable-http-proxy"
USER, UID, GID, HOME = "jovyan", 1000, 100, "/home/jovyan"
EPOCH = 1767225600  # 2026-01-01: the one time stamp in the image, so equal content is an equal archive
GLIBC_MINOR = 36  # bookworm has glibc 2.36: the newest manylinux tag its wheels may carry
SOURCES = Path(__file__).resolve().parent.parent / "image"

# Kept out while unpacking (dpkg) and taken out afterwards: nothing in a pod reads these.
DROPPED_BY_DPKG = tuple(f"/usr/share/{name}/*" for name in ("doc", "man", "info", "locale", "lintian"))
DROPPED_AFTER = (
    "wheels",
    "tmp",
    "run",
    "dev",
    "etc/apt",
    "var/lib/apt",
    "var/cache",
    "var/log",
    "usr/share/perl*",
    "usr/lib/*/perl",
    "usr/lib/*/libperl.so*",
    "usr/local/share/man",
    f"{VENV[1:]}/lib/python{PYTHON}/site-packages/jupyterlab/static",  # share/jupyter/lab holds the copy that is served
    f"{VENV[1:]}/lib/python{PYTHON}/site-packages/babel/locale-data/[!er]*",  # en* and root stay
    f"{VENV[1:]}/lib/python{PYTHON}/site-packages/*/tests",
    f"{VENV[1:]}/lib/python{PYTHON}/site-packages/*/*/tests",
    f"{PROXY[1:]}/node_modules/*/test",
)
EMPTY_AFTER = ("tmp", "run", "dev", "var/cache", "var/log", "proc", "sys")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ImageInfo:
    """A built image: its reference, the docker-archive that holds it, and the hash of its inputs."""

    reference: str
    archive: Path
    key: str


@dataclass(frozen=True)
class _Build:
    """One build: where it works, what it runs, whom it tells."""

    work: Path
    tools: Tools
    progress: Progress

    @property
    def log(self) -> Path:
        return self.work / "build.log"

    @property
    def rootfs(self) -> Path:
        return self.work / "rootfs"

    @property
    def wheels(self) -> Path:
        return self.work / "wheels"

    @property
    def proxy(self) -> Path:
        return self.work / "proxy"


def image_key(sources: Path = SOURCES) -> str:
    """Hash of everything that decides the content: our files, this recipe, Node's version, the architecture."""
    return parts.digest(parts.NODE, Path(__file__).resolve(), sources)


def image_info(cache: Path) -> ImageInfo:
    """Reference and archive path of the image for the present inputs, built or not."""
    key = image_key()
    return ImageInfo(reference=f"{REPOSITORY}:{key}", archive=cache / f"image-{key}" / "jupyterhub.tar", key=key)


def build_image(cache: Path, tools: Tools, progress: Progress = say) -> ImageInfo:
    """Build the image unless the cache holds it; raises LabError, and the cache then has no half-made image."""
    info = image_info(cache)

    def make(work: Path) -> None:
        if os.geteuid() != 0:
            raise LabError("E-LAB-IMAGE  Building the image needs root. Nothing was changed. Do: run it as root.")
        build = _Build(work, tools, progress)
        _fill(build)
        _trim(build.rootfs)
        progress("image: writing the archive")
        archive = work / info.archive.name
        write_archive(build.rootfs, archive, info.reference)
        shutil.rmtree(build.rootfs)
        progress(f"image: {info.reference}, {archive.stat().st_size >> 20} MB")

    parts.cached(cache, "image", info.key, "build the image with JupyterHub", make)
    return info


def _run(build: _Build, argv: Sequence[str | Path], limit: float, cwd: Path | None = None, **env: str) -> None:
    """Run one tool with its output in the build's log; `limit` in seconds, `env` is added to our environment."""
    run(argv, limit=limit, log=build.log, cwd=cwd, env=os.environ | env, do="look at that text, run again")


def _fill(build: _Build) -> None:
    """Make the root file system: Debian while wheels and npm packages come in, then everything offline inside."""
    build.progress("image: Debian packages; wheels and npm packages meanwhile")
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        fetched = pool.submit(_fetch, build)
        _debian(build)
        fetched.result()
    build.progress("image: installing into the root file system")
    _install(build)
    build.progress("image: compiling Python")
    _compile(build)


def _fetch(build: _Build) -> None:
    """Fetch wheels and the proxy's npm packages with the machine's own pip and npm configuration."""
    names = [f"manylinux_2_{minor}" for minor in range(GLIBC_MINOR, 4, -1)] + ["manylinux2014"]
    wanted = [f"--python-version={PYTHON_FULL}", "--implementation=cp", "--only-binary=:all:"]
    wanted += [f"--platform={name}_{platform.machine()}" for name in names]
    download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", *wanted]
    requirements = f"--requirement={SOURCES / 'requirements.txt'}"
    _run(build, [build.tools.python, *download, f"--dest={build.wheels}", requirements, "pip"], limit=900)
    build.proxy.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy2(SOURCES / name, build.proxy / name)
    node, npm = build.tools.node, (build.tools.node.parent / "npm").resolve()
    quiet = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    path = f"{node.parent}:{os.environ.get('PATH', '')}"
    _run(build, [node, npm, "ci", *quiet], limit=600, cwd=build.proxy, PATH=path)


def _debian(build: _Build) -> None:
    """Unpack Debian's essential packages and ours; apt itself stays outside."""
    argv = ["mmdebstrap", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in DROPPED_BY_DPKG]
    argv += [f"--aptopt={option}" for option in _apt_options()]
    _run(build, [*argv, DEBIAN, build.rootfs, *_apt_sources()], limit=900, SOURCE_DATE_EPOCH=str(EPOCH))


def _apt_sources() -> list[str]:
    """This machine's own Debian mirrors where it runs the same release; else none: mmdebstrap knows the public one."""
    fields = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)"
    listed = _output(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"])
    rows = {tuple(line.split("|")) for line in listed.splitlines() if line.count("|") == 3}
    lines = sorted(
        f"deb {uri} {codename} {component}"
        for origin, uri, codename, component in rows
        if origin == "Debian" and codename.split("-")[0] == DEBIAN
    )
    return lines if any(f" {DEBIAN} main" in line for line in lines) else []


def _apt_options() -> list[str]:
    """What this machine's apt was told about proxies, certificates and clocks."""
    wanted = ("proxy", "cainfo", "check-valid-until", "check-date")
    dumped = _output(["apt-config", "dump", "Acquire", "--format", '%F "%v";%n'])
    return [
        line.rstrip(";")
        for line in dumped.splitlines()
        if '""' not in line and line.split(" ", 1)[0].rsplit("::", 1)[-1].lower() in wanted
    ]


def _output(argv: Sequence[str]) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return ""  # no apt here (or not configured): the defaults of mmdebstrap hold


def _install(build: _Build) -> None:
    """Put the virtual environment, the proxy, Node and our few files into place."""
    root = build.rootfs
    build.wheels.rename(root / "wheels")
    shutil.copy2(SOURCES / "requirements.txt", root / "wheels")
    pip = next(iter(sorted((root / "wheels").glob("pip-*.whl")))).name
    _inside(build, ["python3", "-m", "venv", "--without-pip", VENV])
    run_pip = [f"{VENV}/bin/python3", f"/wheels/{pip}/pip"]
    offline = ["--no-index", "--find-links=/wheels", "--no-deps", "--no-compile", "--no-cache-dir", "--quiet"]
    _inside(build, [*run_pip, "install", *offline, "--requirement=/wheels/requirements.txt"])
    _inside(build, [*run_pip, "check"])
    build.proxy.rename(root / PROXY[1:])
    local = root / "usr/local/bin"
    shutil.copy2(build.tools.node.resolve(), local / "node")
    (local / "configurable-http-proxy").symlink_to(
        f"{PROXY}/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    )
    shutil.copyfile(SOURCES / "entry.sh", local / "lab-entry")
    (local / "lab-entry").chmod(0o755)
    # pycurl's wheel looks for roots where RHEL keeps them; with this it reads Debian's bundle, as the hub of z2jh does
    roots = root / "etc/pki/tls/certs"
    roots.mkdir(parents=True)
    (roots / "ca-bundle.crt").symlink_to("/etc/ssl/certs/ca-certificates.crt")
    _people(root)
    _jupyter_settings(root / VENV[1:] / "etc" / "jupyter")


def _inside(build: _Build, argv: Sequence[str]) -> None:
    """Run a command in the root file system, with /dev and /proc mounted in a mount namespace that ends with it."""
    mounts = 'mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc"'
    variables = f"PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 SOURCE_DATE_EPOCH={EPOCH}"
    script = f'root="$1"; shift; {mounts} && exec chroot "$root" /usr/bin/env -i {variables} "$@"'
    unshare = ["unshare", "--mount", "--propagation=private", "--", "sh", "-ec", script, "sh"]
    _run(build, [*unshare, build.rootfs, *argv], limit=900)


def _people(root: Path) -> None:
    """The account every pod of the hub and of the users runs as, and the directories it owns."""
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write(f"{USER}:x:{UID}:{GID}:{USER}:{HOME}:/bin/bash\n")
    for path, owner, mode in ((HOME, (UID, GID), 0o755), ("/srv/jupyterhub", (UID, UID), 0o775)):
        directory = root / path[1:]
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(mode)
        os.chown(directory, *owner)


def _jupyter_settings(etc: Path) -> None:
    """JupyterLab looks for news and extensions on the internet; the lab has none, so both are switched off."""
    files = {
        "jupyter_server_config.d/lab-offline.json": {"LabApp": {"extension_manager": "readonly"}},
        "labconfig/page_config.json": {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}},
    }
    for name, content in files.items():
        path = etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content) + "\n")


def _compile(build: _Build) -> None:
    """Byte-compile inside: pods run without write access there, and hash-based files do not depend on time stamps."""
    for cache in list(build.rootfs.rglob("__pycache__")):
        shutil.rmtree(cache)
    options = ["-q", "-j", "2", "--invalidation-mode", "unchecked-hash", "-x", "lib2to3/tests|/test/|badsyntax"]
    _inside(build, [f"{VENV}/bin/python3", "-m", "compileall", *options, VENV, f"/usr/lib/python{PYTHON}"])


def _trim(root: Path) -> None:
    """Take out what no pod reads, and what the kubelet writes itself."""
    for pattern in (*DROPPED_AFTER, "etc/resolv.conf", "etc/hostname", "etc/hosts"):
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for name in EMPTY_AFTER:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)


class _Hashing(io.RawIOBase):
    """A file that hashes what is written to it: a layer is named by the digest of its own bytes."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.digest.update(data)
        return self._target.write(data)


def write_archive(rootfs: Path, archive: Path, reference: str) -> None:
    """Write `rootfs` as a one-layer docker-archive; equal content gives equal bytes."""
    layer = archive.with_suffix(".layer")
    with layer.open("wb") as raw:
        hashing = _Hashing(raw)
        with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.GNU_FORMAT, bufsize=1 << 20) as tar:
            _add_tree(tar, rootfs)
    diff_id = hashing.digest.hexdigest()
    config = json.dumps(_image_config(diff_id), sort_keys=True).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": [f"{diff_id}.tar"]}]).encode()
    with tarfile.open(archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, content in (("manifest.json", manifest), (name, config)):
            entry = tarfile.TarInfo(member)
            entry.size, entry.mtime = len(content), EPOCH
            tar.addfile(entry, io.BytesIO(content))
        entry = tarfile.TarInfo(f"{diff_id}.tar")
        entry.size, entry.mtime = layer.stat().st_size, EPOCH
        with layer.open("rb") as content_file:
            tar.addfile(entry, content_file)
    layer.unlink()


def _add_tree(tar: tarfile.TarFile, rootfs: Path) -> None:
    """Add every file below `rootfs` in sorted order, without names of owners and with one time stamp."""
    for directory, folders, files in os.walk(rootfs):
        folders.sort()
        here = Path(directory)
        links = [name for name in folders if (here / name).is_symlink()]
        for path in ([] if here == rootfs else [here]) + [here / name for name in sorted(files + links)]:
            entry = tar.gettarinfo(path, arcname=str(path.relative_to(rootfs)))
            entry.mtime, entry.uname, entry.gname = EPOCH, "", ""
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)


def _image_config(diff_id: str) -> dict[str, object]:
    """The image's configuration as the OCI image specification names its fields."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(EPOCH))
    return {
        "created": stamp,
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {
            "User": f"{UID}:{GID}",
            "WorkingDir": HOME,
            "Env": [
                f"PATH={VENV}/bin:/usr/local/bin:/usr/bin:/bin",
                f"HOME={HOME}",
                "LANG=C.UTF-8",
                f"NB_USER={USER}",
                "SHELL=/bin/bash",
            ],
            "Entrypoint": ["/usr/bin/tini", "-g", "--", "/usr/local/bin/lab-entry"],
            "Cmd": ["jupyterhub-singleuser"],
            "ExposedPorts": {"8888/tcp": {}},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created": stamp, "created_by": "labkit.image"}],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Build by hand; prints the reference and the archive's path."""
    parser = argparse.ArgumentParser(prog="labkit.image", description="Build the lab's image.")
    parser.add_argument("--cache", type=Path, required=True, help="directory for archives and tools")
    options = parser.parse_args(argv)
    try:
        info = build_image(options.cache, parts.tools(options.cache))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    print(info.reference, info.archive)
    return 0


if __name__ == "__main__":
    sys.exit(main())
