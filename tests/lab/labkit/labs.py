# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labs this machine has: name to index, kept as ``lab.json`` in each lab's state directory."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from labkit.paths import MAX_LABS, Lab
from labkit.say import LabError

SOURCE = Path(__file__).resolve().parent.parent
NAME = re.compile(r"[a-z][a-z0-9-]{0,20}")


def cache_directory(env: Mapping[str, str] | None = None) -> Path:
    """``$LAB_CACHE``, else researchops-lab in the user's cache directory."""
    env = os.environ if env is None else env
    base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "/root")) / ".cache")
    return Path(env.get("LAB_CACHE") or Path(base) / "researchops-lab").absolute()


def state_root(env: Mapping[str, str] | None = None) -> Path:
    env = os.environ if env is None else env
    return Path(env.get("LAB_STATE") or "/var/lib/researchops-lab").absolute()


def load(state: Path) -> Lab | None:
    """The lab that lives in ``state``, or None."""
    try:
        data = json.loads((state / "lab.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Lab(name=data["name"], index=data["index"], cache=Path(data["cache"]), state=state, source=SOURCE)


def find(name: str) -> Lab | None:
    """The lab of that name, if it was ever started (and not purged) here."""
    _check(name)
    return load(state_root() / name)


def known() -> list[Lab]:
    """Every lab of this machine, by index."""
    root = state_root()
    labs = [load(path) for path in sorted(root.iterdir())] if root.is_dir() else []
    return sorted((lab for lab in labs if lab is not None), key=lambda lab: lab.index)


def _check(name: str) -> None:
    if not NAME.fullmatch(name):
        raise LabError(
            f"E-LAB-NAME  {name!r} cannot name a lab: wanted are small letters, digits and '-'. Nothing was changed. "
            "Do: choose another --name."
        )


def _in_use() -> set[str]:
    """Addresses the host has now, so that a lab does not take a network somebody else uses."""
    shown = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, timeout=10, check=False).stdout
    return set(re.findall(r"inet (10\.210\.\d+)\.", shown))


def allocate(name: str) -> Lab:
    """The lab of that name; a new one gets the lowest free index. Call with the machine's lock held."""
    existing = find(name)
    if existing is not None:
        return existing
    taken, used = {lab.index for lab in known()}, _in_use()
    free = [index for index in range(MAX_LABS) if index not in taken and f"10.210.{index}" not in used]
    if not free:
        raise LabError(
            f"E-LAB-FULL  All {MAX_LABS} labs are taken. Do: remove one with `lab down --purge --name NAME`."
        )
    lab = Lab(name=name, index=free[0], cache=cache_directory(), state=state_root() / name, source=SOURCE)
    lab.state.mkdir(parents=True, exist_ok=True)
    lab.state.chmod(0o755)  # pods that are not root pass through it to their volumes
    record = {"name": lab.name, "index": lab.index, "cache": str(lab.cache)}
    (lab.state / "lab.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    return lab


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One up, down or purge of a lab at a time; a second one waits (each verb has its own limits, so this ends)."""
    root = state_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
