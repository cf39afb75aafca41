# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door from the host: a connection that breaks behind it ends before it, too."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from labkit.forward import Forwarder

SECONDS = 10.0
GREETING = b"\x16\x03\x01\x00\x04abcd"
BREAK = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing is a reset, as of a process that is gone or a connection that is forgotten."""


class ToHere(Forwarder):
    """A door that leads to one port of this machine."""

    async def _connect(self, hello: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


async def _behind(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the greeting; then end properly when told so, else break."""
    await reader.readexactly(len(GREETING))
    writer.write(b"hello")
    await writer.drain()
    if await reader.readexactly(5) == b"break":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, BREAK)
        writer.transport.abort()
    writer.close()


async def _visit(word: bytes) -> bytes:
    """Say a word to who is behind the door, and hear all there is to hear after it."""
    behind = await asyncio.start_server(_behind, "127.0.0.1", 0)
    door = await asyncio.start_server(ToHere("", behind.sockets[0].getsockname()[1]).serve, "127.0.0.1", 0)
    async with behind, door, asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(*door.sockets[0].getsockname())
        writer.write(GREETING)
        assert await reader.readexactly(5) == b"hello"
        writer.write(word)
        try:
            return await reader.read()
        finally:
            writer.close()


@pytest.mark.parametrize("word", [b"close", b"break"])
def test_an_end_behind_the_door_is_one_before_it(word: bytes) -> None:
    """A browser would wait for ever at a connection that nobody is behind any more."""
    assert asyncio.run(_visit(word)) == b""
