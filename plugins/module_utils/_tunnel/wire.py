# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What is said over a tunnel's connections: HTTP CONNECT with clients, HTTP CONNECT or SOCKS5 with the bastion, TLS
with the API server. A part of the program supervisor.py, with the standard library and nothing else, as that.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable

MAX_HEAD = 8192
"""Bytes of a request's head."""
CLOSE_TIMEOUT = 2.0
"""Seconds a connection gets to end properly."""
CHUNK = 65536
SOCKS_REPLIES = {2: "not allowed", 3: "network unreachable", 4: "host unreachable", 5: "connection refused"}

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Exception):
    """The far end answered, and said no: a new ssh connection would not help."""


class Closed(Exception):
    """The connection ended without an answer."""


def parse_connect(head: bytes) -> tuple[str, int] | None:
    """Host and port of a CONNECT request; None for anything else."""
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) != 3 or words[0] != "CONNECT" or not words[2].startswith("HTTP/1."):
        return None
    host, _colon, port = words[1].rpartition(":")
    if not host or not port.isdigit():
        return None
    return host.strip("[]").lower(), int(port)


def parse_answer(head: bytes) -> int:
    """The status of an HTTP answer.

    Raises:
        Closed: this is no HTTP answer.
    """
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise Closed("what answers behind the tunnel is no HTTP proxy")
    return int(words[1])


def authority(host: str, port: int) -> str:
    """Host and port as HTTP writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answer(status: str, text: str) -> bytes:
    """A complete answer to a client."""
    body = f"{text}\n".encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


async def dial_http(streams: Streams, host: str, port: int) -> None:
    """Ask an HTTP proxy for a connection.

    Raises:
        Refused: it answered with another status than 2xx.
        Closed: it did not answer.
    """
    reader, writer = streams
    name = authority(host, port)
    writer.write(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    status = parse_answer(await reader.readuntil(b"\r\n\r\n"))
    if not 200 <= status < 300:
        raise Refused(f"the proxy on the bastion answers {status} for {name}")


async def dial_socks5(streams: Streams, host: str, port: int) -> None:
    """Ask a SOCKS5 server for a connection (RFC 1928, no authentication; the name is resolved over there).

    Raises:
        Refused: it answered with an error.
        Closed: it did not answer.
    """
    reader, writer = streams
    writer.write(b"\x05\x01\x00")
    if await reader.readexactly(2) != b"\x05\x00":
        raise Refused("the SOCKS server wants a login")
    name = host.encode("idna")
    writer.write(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
    _version, code, _reserved, kind = await reader.readexactly(4)
    length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
    await reader.readexactly(length + 2)
    if code:
        raise Refused(f"the way to {authority(host, port)} is refused: {SOCKS_REPLIES.get(code, f'code {code}')}")


DIALS = {"http_proxy": dial_http, "socks5": dial_socks5}


async def finish(writer: asyncio.StreamWriter) -> None:
    """Close a connection without a complaint."""
    with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), CLOSE_TIMEOUT)


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[], None]) -> None:
    """Carry bytes one way until the sender ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            seen()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def answering() -> ssl.SSLContext:
    """TLS that only asks whether anybody answers. Nothing is sent over it; clients check the certificate themselves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
