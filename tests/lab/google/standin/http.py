# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 on asyncio streams: just enough for a server that real clients meet, and for a proxy."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HEAD_LIMIT = 256 << 10
BODY_LIMIT = 16 << 20
CHUNK = 65536
IDLE = 120.0  # seconds an open connection may be silent

Headers = list[tuple[str, str]]


class BadRequest(Exception):
    """What came is not HTTP/1.1."""


def header(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The first header of that name, or an empty text."""
    return next((value for key, value in headers if key.lower() == name), "")


@dataclass
class Request:
    """One request; ``target`` is as it was sent."""

    verb: str
    target: str
    headers: Headers
    body: bytes = b""
    peer: str = ""

    @property
    def host(self) -> str:
        """The host name asked for, without port."""
        return header(self.headers, "host").rpartition(":")[0].lower() or header(self.headers, "host").lower()

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


@dataclass
class Reply:
    """One answer. ``reset`` closes the connection without it, ``truncate`` after half of it."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=list)
    reset: bool = False
    truncate: bool = False

    def head(self) -> bytes:
        try:
            words = HTTPStatus(self.status).phrase
        except ValueError:
            words = "Unknown"
        lines = [f"HTTP/1.1 {self.status} {words}", *(f"{key}: {value}" for key, value in self.headers)]
        return ("\r\n".join([*lines, f"Content-Length: {len(self.body)}"]) + "\r\n\r\n").encode("latin-1")


def json_reply(value: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """A value as JSON; None is an empty answer (204)."""
    if value is None:
        return Reply(204, b"", list(headers))
    text = json.dumps(value, indent=1).encode()
    return Reply(status, text, [("Content-Type", "application/json; charset=UTF-8"), *headers])


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Act = Callable[[Request], Awaitable[Reply]]
Take = Callable[[Request, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
"""Takes a connection over at a request and answers True at its end, or leaves it alone and answers False."""


def parse_head(data: bytes) -> tuple[str, Headers]:
    """The first line and the headers. Raises BadRequest."""
    lines = data.decode("latin-1").split("\r\n")
    headers: Headers = []
    for line in lines[1:]:
        if not line:
            break
        key, colon, value = line.partition(":")
        if not colon or key != key.strip():
            raise BadRequest(line)
        headers.append((key, value.strip()))
    return lines[0], headers


async def read_head(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    """The next head of a stream. Raises EOFError at its end, BadRequest."""
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise BadRequest("head too long") from error
    return parse_head(data)


async def read_body(reader: asyncio.StreamReader, headers: Headers) -> bytes:
    """The body that a request's headers announce. Raises BadRequest, EOFError."""
    if "chunked" in header(headers, "transfer-encoding").lower():
        parts, total = [], 0
        while True:
            size = int((await reader.readline()).split(b";")[0] or b"x", 16)
            total += size
            if total > BODY_LIMIT:
                raise BadRequest("body too long")
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
            if size == 0:
                return b"".join(parts)
    length = int(header(headers, "content-length") or "0")
    if length > BODY_LIMIT:
        raise BadRequest("body too long")
    return await reader.readexactly(length)


def keeps(first_line: str, headers: Headers) -> bool:
    """Whether the connection stays open after this message."""
    wish = header(headers, "connection").lower()
    return "close" not in wish and not first_line.endswith("HTTP/1.0") and not first_line.startswith("HTTP/1.0")


async def both_ways(near: Streams, far: Streams) -> None:
    """Bytes from each side to the other until one ends."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                sink.write(data)
                await sink.drain()

    tasks = [asyncio.create_task(pump(near[0], far[1])), asyncio.create_task(pump(far[0], near[1]))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def head(line: str, headers: Headers) -> bytes:
    """A first line and headers as they are sent."""
    return ("\r\n".join([line, *(f"{key}: {value}" for key, value in headers)]) + "\r\n\r\n").encode("latin-1")


async def _serve(act: Act, take: Take | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = (writer.get_extra_info("peername") or ("",))[0]
    while True:
        async with asyncio.timeout(IDLE):
            line, headers = await read_head(reader)
            verb, target, _version = line.split(" ", 2)
            if header(headers, "expect").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await read_body(reader, headers)
        request = Request(verb, target, headers, body, peer)
        if take and await take(request, reader, writer):
            return
        reply = await act(request)
        if reply.reset:
            writer.transport.abort()
            return
        open_ = keeps(line, headers) and not reply.truncate
        if not open_:
            reply.headers.append(("Connection", "close"))
        data = reply.head() + (b"" if verb == "HEAD" else reply.body)
        writer.write(data[: len(data) - (len(reply.body) + 1) // 2] if reply.truncate else data)
        await writer.drain()
        if not open_:
            return


async def serve(
    act: Act, addresses: Iterable[str], port: int, context: ssl.SSLContext | None = None, take: Take | None = None
) -> list[asyncio.Server]:
    """Listen on each address. Errors of one connection end that connection only."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(act, take, reader, writer)
        except (OSError, EOFError, ValueError, TimeoutError, BadRequest, asyncio.CancelledError):
            pass  # the client went away, or speaks something else, or the service ends
        finally:
            writer.close()

    return [
        await asyncio.start_server(connection, address, port, ssl=context, limit=HEAD_LIMIT) for address in addresses
    ]
