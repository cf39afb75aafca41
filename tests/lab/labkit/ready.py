# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluate a ReadyCheck: does the part serve now? Never raises; "no" is the answer to every trouble."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from labkit.process import ReadyCheck

REQUEST = 3.0  # seconds for one connection or request
COMMAND = 10.0  # seconds for one command


def split_address(target: str) -> tuple[str, int]:
    """``10.0.0.1:80`` or ``[fd00::1]:80``."""
    host, _colon, port = target.rpartition(":")
    return host.strip("[]"), int(port)


async def _tcp(check: ReadyCheck) -> bool:
    host, port = split_address(check.target)
    _reader, writer = await asyncio.open_connection(host, port)
    writer.close()
    return True


def _tls(check: ReadyCheck) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=check.ca or None)
    if check.cert:
        context.load_cert_chain(check.cert, check.key)
    return context


async def _http(check: ReadyCheck) -> bool:
    url = urlsplit(check.target)
    secure = url.scheme == "https"
    host, port = url.hostname or "", url.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(host, port, ssl=_tls(check) if secure else None)
    try:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.readline()
    finally:
        writer.close()
    return b" 200 " in answer


async def _file(check: ReadyCheck) -> bool:
    return Path(check.target).exists()


async def _none(check: ReadyCheck) -> bool:
    return True


KINDS: dict[str, Callable[[ReadyCheck], Awaitable[bool]]] = {"tcp": _tcp, "http": _http, "file": _file, "none": _none}


async def _command(check: ReadyCheck, environment: dict[str, str]) -> bool:
    """Run the command; the caller's SIGCHLD handler may collect it first, so its end is read from a pipe it writes."""
    words = ["/bin/sh", "-c", '"$@" >/dev/null 2>&1; echo $?', "ready", *check.command]
    reads, writes = os.pipe()
    try:
        pid = os.posix_spawn(
            words[0],
            words,
            environment,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, writes, 1)],
            setpgroup=0,
        )
    finally:
        os.close(writes)
    reader = asyncio.StreamReader()
    transport, _protocol = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reads)
    )
    try:
        return (await asyncio.wait_for(reader.read(), COMMAND)).strip() == b"0"
    except TimeoutError:
        os.killpg(pid, 9)
        return False
    finally:
        transport.close()


async def is_ready(check: ReadyCheck, environment: dict[str, str] | None = None) -> bool:
    """Whether the check holds at this moment."""
    try:
        if check.kind == "command":
            return await _command(check, environment or {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"})
        async with asyncio.timeout(REQUEST):
            return bool(await KINDS[check.kind](check))
    except (OSError, TimeoutError, ssl.SSLError, asyncio.IncompleteReadError):
        return False
