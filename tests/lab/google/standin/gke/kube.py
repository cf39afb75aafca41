# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of the API server: requests and watches over HTTP/1.1 with a client certificate, on asyncio."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from standin import http
from standin.config import Kubernetes

SECONDS = 15.0  # for one request
WATCH = 300  # seconds the API server keeps a watch open
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server refused; ``status`` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class Kube:
    """One API server. Every request has a connection of its own: there are few, and none is ever stale."""

    def __init__(self, known: Kubernetes) -> None:
        parts = urlsplit(known.server)
        self.host, self.port = parts.hostname or "", parts.port or 443
        self.known = known
        self._context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """TLS with the client certificate, read at first use: it need not be there when the service starts."""
        if self._context is None:
            made = ssl.create_default_context(cafile=self.known.ca)
            made.load_cert_chain(self.known.certificate, self.known.key)
            self._context = made
        return self._context

    async def _open(
        self, verb: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, http.Headers, asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.context, limit=1 << 22)
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{verb} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", "Accept: application/json"]
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(data)}", "Connection: close"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
        await writer.drain()
        first, headers = await http.read_head(reader)
        return int(first.split(" ")[1]), headers, reader, writer

    async def request(self, verb: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The decoded answer. Raises ApiError, OSError, EOFError, TimeoutError."""
        async with asyncio.timeout(SECONDS):
            status, headers, reader, writer = await self._open(verb, path, body, kind)
            try:
                if http.header(headers, "content-length") or "chunked" in http.header(headers, "transfer-encoding"):
                    data = await http.read_body(reader, headers)
                else:
                    data = await reader.read()
            finally:
                writer.close()
        answer = json.loads(data) if data.startswith(b"{") else {}
        if status >= 300:
            raise ApiError(status, str(answer.get("message", ""))[:300])
        return answer

    async def lines(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """The events of a watch until the API server ends it."""
        status, _headers, reader, writer = await self._open("GET", path)
        try:
            if status >= 300:
                raise ApiError(status, "watch")
            rest = b""
            while True:
                async with asyncio.timeout(WATCH + 30):
                    size = int((await reader.readline()).strip() or b"0", 16)
                    piece = await reader.readexactly(size)
                    await reader.readline()
                if not size:
                    return
                rest += piece
                while b"\n" in rest:
                    line, rest = rest.split(b"\n", 1)
                    yield json.loads(line)
        finally:
            writer.close()


class Cache:
    """The living objects of one collection, kept up to date by a watch; ``changed`` is called after every change."""

    def __init__(self, kube: Kube, path: str, changed: Callable[[], None]) -> None:
        self.kube, self.path, self.changed = kube, path, changed
        self.objects: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.synced = asyncio.Event()

    def _key(self, one: Mapping[str, Any]) -> tuple[str, str]:
        return one["metadata"].get("namespace", ""), one["metadata"]["name"]

    async def follow(self) -> None:
        """List and watch for ever; every trouble means: list anew, after a moment."""
        while True:
            with suppress(OSError, EOFError, TimeoutError, ValueError, ApiError, http.BadRequest):
                listed = await self.kube.request("GET", self.path)
                self.objects = {self._key(one): one for one in listed.get("items") or ()}
                self.synced.set()
                self.changed()
                version = listed["metadata"]["resourceVersion"]
                query = f"?watch=1&resourceVersion={version}&timeoutSeconds={WATCH}"
                async for event in self.kube.lines(self.path + query):
                    if event["type"] == "ERROR":
                        break
                    one = event["object"]
                    if event["type"] == "DELETED":
                        self.objects.pop(self._key(one), None)
                    else:
                        self.objects[self._key(one)] = one
                    self.changed()
            await asyncio.sleep(0.5)
