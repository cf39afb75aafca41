# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections without Galaxy: the dependencies come out of the `ansible` bundle that matches the core, ours from
this checkout.

Three trees, all in the cache: *linked* (our folder is a link: what developers and unit tests use), *installed* (our
built artifact, unpacked by
ansible-galaxy: what the demo and the lab tests use, so a file missing from the artifact shows) and *copied* (for
ansible-test, which wants a real folder).
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from . import paths
from .environments import Environment, clean_environment
from .process import Failure, locked, output, run, say, tail

DEPENDENCIES = ("kubernetes.core", "google.cloud", "amazon.aws", "ansible.posix")
#: used by single roles when present; with the collections that these need
OPTIONAL = (
    "community.crypto",
    "community.dns",
    "community.general",
    "community.aws",
    "community.library_inventory_filtering_v1",
    "awx.awx",
)


def _folder(name: str) -> str:
    return name.replace(".", "/")


@cache
def bundle(wanted: Environment) -> Path:
    """Return the folder that holds the bundle's `ansible_collections`, fetching it first where needed."""
    target = paths.cache() / "collections" / f"ansible-{wanted.bundle}"
    with locked(target):
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            _fetch(wanted, target)
            (target / "complete").touch()
    return target


def _fetch(wanted: Environment, target: Path) -> None:
    log = paths.LOGS / f"collections-{wanted.bundle}.log"
    say(f"           fetching the collections of ansible {wanted.bundle}")
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=target) as folder:
        argv: list[str | Path] = [
            wanted.bin / "python",
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            folder,
            f"ansible=={wanted.bundle}",
        ]
        if not run(argv, log=log, timeout=600, label="collections", env=clean_environment()).ok:
            raise Failure(
                "\n".join([f"the collections of ansible {wanted.bundle} could not be fetched:", *tail(log, 10)])
            )
        wheel = next(Path(folder).glob("ansible-*.whl"))
        prefixes = tuple(f"ansible_collections/{_folder(name)}/" for name in DEPENDENCIES + OPTIONAL)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [name for name in archive.namelist() if name.startswith(prefixes)])
    missing = [name for name in DEPENDENCIES if not (target / "ansible_collections" / _folder(name)).is_dir()]
    if missing:
        raise Failure(f"ansible {wanted.bundle} does not carry {', '.join(missing)}; the collection needs them.")


def _tree(wanted: Environment, kind: str) -> Path:
    """Return a tree that links the bundle's collections and has room for ours."""
    top = paths.checkout_cache() / f"{kind}-{wanted.bundle}"
    base = top / "ansible_collections"
    for source in sorted((bundle(wanted) / "ansible_collections").glob("*/*")):
        link = base / source.parent.name / source.name
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(source)
    (base / paths.NAMESPACE).mkdir(parents=True, exist_ok=True)
    return top


def linked(wanted: Environment) -> Path:
    """Return the tree in which our collection is this checkout itself."""
    with locked(paths.checkout_cache() / f"linked-{wanted.bundle}"):
        top = _tree(wanted, "linked")
        link = top / "ansible_collections" / paths.NAMESPACE / paths.NAME
        if not link.is_symlink() or link.resolve() != paths.ROOT:
            link.unlink(missing_ok=True)
            link.symlink_to(paths.ROOT)
    return top


def files() -> list[Path]:
    """Return the project's files, tracked and new, without what git ignores; relative to the root."""
    text = output(["git", "-C", paths.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    return sorted(
        path
        for name in text.split("\0")
        if name and ((paths.ROOT / (path := Path(name))).is_file() or (paths.ROOT / path).is_symlink())
    )


def copied(wanted: Environment, kind: str = "copied") -> Path:
    """Return our collection's folder as a true copy of the project's files, with the dependencies linked beside it.

    Unchanged files keep their place, so that tools that remember results by time find them.
    """
    target = _tree(wanted, kind) / "ansible_collections" / paths.NAMESPACE / paths.NAME
    wanted_files = set(files())
    for old in [path for path in target.rglob("*") if path.is_file() or path.is_symlink()]:
        relative = old.relative_to(target)
        if relative not in wanted_files and relative.parts[:2] != ("tests", "output"):
            old.unlink()
    for relative in wanted_files:
        source, copy = paths.ROOT / relative, target / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        if (
            copy.exists()
            and not copy.is_symlink()
            and not source.is_symlink()
            and copy.stat().st_mtime_ns == source.stat().st_mtime_ns
        ):
            continue
        copy.unlink(missing_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)
    for folder in sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return target


def fingerprint() -> str:
    """Return a value that changes with any file of the project."""
    parts = []
    for path in files():
        status = (paths.ROOT / path).lstat()
        parts.append(f"{path} {status.st_size} {status.st_mtime_ns} {status.st_mode}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def artifact(wanted: Environment, log: Path) -> Path:
    """Build the collection's tarball from a clean copy, in a folder of its own for every asker, and return it."""
    with locked(paths.checkout_cache() / f"artifact-{wanted.bundle}"):
        return _built(wanted, log)


def _built(wanted: Environment, log: Path) -> Path:
    source = copied(wanted, "artifact")
    destination = paths.BUILD / "artifacts" / log.stem
    destination.mkdir(parents=True, exist_ok=True)
    env = {**clean_environment(), "ANSIBLE_HOME": str(paths.checkout_cache() / "ansible-home"), "NO_COLOR": "1"}
    argv: list[str | Path] = [
        wanted.bin / "ansible-galaxy",
        "collection",
        "build",
        "--force",
        "--output-path",
        destination,
        source,
    ]
    if not run(argv, log=log, timeout=120, env=env).ok:
        raise Failure("\n".join(["the collection could not be built:", *tail(log, 10)]))
    return max(destination.glob(f"{paths.NAMESPACE}-{paths.NAME}-*.tar.gz"), key=lambda path: path.stat().st_mtime)


def installed(wanted: Environment) -> Path:
    """Return the tree in which our collection is the built artifact, installed by ansible-galaxy offline."""
    log = paths.LOGS / "install.log"
    with locked(paths.checkout_cache() / f"installed-{wanted.bundle}"):
        top = _tree(wanted, "installed")
        state, marker = fingerprint(), top / "fingerprint"
        if marker.exists() and marker.read_text(encoding="utf-8") == state:
            return top
        tarball = artifact(wanted, log)
        env = {**clean_environment(), "ANSIBLE_HOME": str(paths.checkout_cache() / "ansible-home"), "NO_COLOR": "1"}
        argv: list[str | Path] = [
            wanted.bin / "ansible-galaxy",
            "collection",
            "install",
            "--offline",
            "--no-deps",
            "--force",
            "--collections-path",
            top,
            tarball,
        ]
        if not run(argv, log=log, timeout=120, env=env).ok:
            raise Failure("\n".join(["the built collection could not be installed:", *tail(log, 10)]))
        # As the first run would where Python may write its bytecode; otherwise every module is compiled at every start.
        plugins = top / "ansible_collections" / paths.NAMESPACE / paths.NAME / "plugins"
        run([wanted.bin / "python", "-m", "compileall", "-q", plugins], log=log, timeout=120, env=clean_environment())
        marker.write_text(state, encoding="utf-8")
    return top
