# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host names of Google's that the stand-in answers under, and how one process is led to it. No dependencies."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The lab's resolver, certificate and cache read the same file.
_NAMES = json.loads((Path(__file__).resolve().parents[1] / "names.json").read_text(encoding="ascii"))
HOSTS: tuple[str, ...] = tuple(_NAMES["hosts"])
DOCUMENTS: tuple[str, ...] = tuple(_NAMES["documents"])  # discovery documents, without .json
CONTROL_HOST = "google.lab.test"


def lead(port: int, address: str = "127.0.0.1") -> Callable[[], None]:
    """Let this process reach Google's names, whatever the port, at an address and port; returns the way back."""
    real, real_connect, wanted = socket.getaddrinfo, socket.socket.connect, {*HOSTS, CONTROL_HOST}

    def look_up(host: Any, asked: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        return real(*((address, port) if name in wanted else (host, asked)), *rest, **named)

    def connect(one: socket.socket, where: Any) -> None:  # httplib2 connects to names
        named = isinstance(where, tuple) and where[0] in wanted
        real_connect(one, (address, port) if named else where)

    def undo() -> None:
        socket.getaddrinfo = real
        socket.socket.connect = real_connect  # type: ignore[method-assign]

    socket.getaddrinfo = look_up
    socket.socket.connect = connect  # type: ignore[method-assign]
    return undo
