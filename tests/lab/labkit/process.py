# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the supervisor runs, as data: it crosses to the supervisor's own process as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class ReadyCheck:
    """How to see that a process serves. The supervisor repeats it every 0.2 s until it holds or ``timeout`` passes.

    ========= =========================================================================================
    none      ready as soon as it runs
    tcp       ``target`` is ADDRESS:PORT and accepts a connection
    http      ``target`` is a URL (http or https) and answers 200; https trusts ``ca`` and may send ``cert``/``key``
    file      ``target`` is a path that exists (a unix socket, a marker)
    command   ``command`` ends with 0 within 10 s (run inside the lab; it may also do work, for example
              fetch a root certificate into lab.trust)
    ========= =========================================================================================
    """

    kind: Literal["none", "tcp", "http", "file", "command"] = "none"
    target: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    command: tuple[str, ...] = ()
    timeout: float = 60.0  # seconds


@dataclass(frozen=True)
class Process:
    """One part of the lab.

    ``env`` is the whole environment apart from PATH, HOME and LANG. ``requires`` names the parts that must be ready
    before it starts. ``inputs`` are files whose changed content means a restart at the next ``lab up`` (its
    configuration, certificates). ``optional`` parts do not hold up ``lab up``. ``host_network`` runs it in the
    host's network namespace (and still inside the lab's pid and mount namespaces, so it ends with the lab).
    ``user`` is a user name of the host to run as; empty is root.
    """

    name: str
    argv: tuple[str, ...] | list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: ReadyCheck = ReadyCheck()
    requires: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    cwd: str = "/"
    optional: bool = False
    host_network: bool = False
    user: str = ""


def digest_inputs(paths: Sequence[str]) -> str:
    """One sha256 over the named files' contents; an absent file counts as empty."""
    seen = hashlib.sha256()
    for path in paths:
        seen.update(path.encode() + b"\0")
        file = Path(path)
        seen.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest())
    return seen.hexdigest()


def to_json(process: Process) -> dict[str, Any]:
    """The process as plain data, with the digest of its input files."""
    data = asdict(process)
    data["argv"] = [str(word) for word in process.argv]
    data["env"] = {key: str(value) for key, value in process.env.items()}
    data["digest"] = digest_inputs(process.inputs)
    return data


def from_json(data: Mapping[str, Any]) -> Process:
    """The inverse of ``to_json`` (the digest is not part of a Process)."""
    values = {key: value for key, value in data.items() if key != "digest"}
    ready = dict(values.pop("ready"))
    ready["command"] = tuple(ready["command"])
    for name in ("argv", "requires", "inputs"):
        values[name] = tuple(values[name])
    return Process(ready=ReadyCheck(**ready), **values)


def start_order(processes: Sequence[Process]) -> list[str]:
    """Names in an order that honours ``requires``. Raises ValueError for an unknown name or a circle."""
    wanted = {process.name: process for process in processes}
    if len(wanted) != len(processes):
        raise ValueError("two processes have the same name")
    order: list[str] = []
    open_names: set[str] = set()

    def visit(name: str, asked_by: str) -> None:
        if name in order:
            return
        if name not in wanted:
            raise ValueError(f"{asked_by} requires {name}, which is not part of this lab")
        if name in open_names:
            raise ValueError(f"{name} requires itself through {asked_by}")
        open_names.add(name)
        for required in wanted[name].requires:
            visit(required, name)
        order.append(name)

    for process in processes:
        visit(process.name, "the lab")
    return order
