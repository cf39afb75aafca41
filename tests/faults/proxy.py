# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP-aware proxy in front of an API server: counts requests, adds a round trip, injects faults.

It ends TLS with a certificate of its own and speaks HTTP/1.1 on both sides, so every request is seen; bearer tokens
pass through (client certificates cannot). Bodies are streamed, watches included. Asyncio and `cryptography` only.

    with FaultProxy.start("https://10.210.0.2:6443", upstream_ca="ca.pem", delay=0.04) as proxy:
        kubeconfig = proxy.kubeconfig(Path("kubeconfig"), Path("through-proxy"))
        ...
        assert proxy.writes() == []
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HEAD_LIMIT = 1 << 20
REVIEWS = (
    "selfsubjectreviews",
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "tokenreviews",
    "subjectaccessreviews",
)
READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Seen:
    """One request that went through."""

    method: str
    target: str
    status: int

    @property
    def mutating(self) -> bool:
        """A write as the project counts it: a mutating verb, without dryRun, access reviews excepted."""
        parts = urlsplit(self.target)
        reviewed = parts.path.rsplit("/", 1)[-1] in REVIEWS
        return self.method not in READS and "dryRun" not in parse_qs(parts.query) and not reviewed


@dataclass(frozen=True)
class Fault:
    """What to do to one request.

    Attributes:
        status: answer this status without asking the server (0: ask it).
        headers: extra header lines for that answer.
        reset: close the connection ``before`` the request is forwarded or ``after`` the server answered.
        pause: seconds to keep the request before anything else happens to it.
    """

    status: int = 0
    headers: tuple[str, ...] = ()
    reset: str = ""
    pause: float = 0.0


Chooser = Callable[[str, str, int], Fault | None]
"""(method, target, running number) -> the fault for this request, or None."""


@dataclass
class FaultProxy:
    """A running proxy; see the module's example.

    Attributes:
        delay: seconds added before every forwarded request and for every new connection: one simulated round trip.
        choose: picks faults; None injects none.
        seen: every finished request in order.
    """

    upstream: str
    upstream_context: ssl.SSLContext
    delay: float = 0.0
    choose: Chooser | None = None
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    authority: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _number: int = 0
    _server: asyncio.Server | None = None

    @classmethod
    def start(
        cls, upstream: str, *, upstream_ca: str | None, delay: float = 0.0, choose: Chooser | None = None
    ) -> FaultProxy:
        """Listen on a free loopback port in a thread of its own."""
        proxy = cls(upstream, ssl.create_default_context(cafile=upstream_ca), delay, choose)
        context, proxy.authority = _certificate()
        ready = threading.Event()

        async def serve() -> None:
            proxy._server = await asyncio.start_server(proxy._client, "127.0.0.1", 0, ssl=context, limit=HEAD_LIMIT)
            proxy.port = proxy._server.sockets[0].getsockname()[1]
            ready.set()

        def run() -> None:
            asyncio.set_event_loop(proxy._loop)
            proxy._loop.run_until_complete(serve())
            proxy._loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        if not ready.wait(10):
            raise RuntimeError("the fault proxy did not start listening within 10 s")
        return proxy

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        """Take no new connection and close every one there is, before the loop stops."""
        if self._server:
            self._server.close()
        open_ones = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    def writes(self) -> list[Seen]:
        """The mutating requests so far."""
        return [request for request in self.seen if request.mutating]

    def kubeconfig(self, source: Path, target: Path) -> Path:
        """A copy of a kubeconfig that goes through this proxy, mode 0600."""
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
        for entry in content["clusters"]:
            entry["cluster"] = {
                "server": f"https://127.0.0.1:{self.port}",
                "certificate-authority-data": base64.b64encode(self.authority.encode()).decode(),
            }
        target.touch(mode=0o600)
        target.write_text(yaml.safe_dump(content), encoding="utf-8")
        return target

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.upstream)
        try:
            await asyncio.sleep(self.delay)
            up_reader, up_writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=self.upstream_context, limit=HEAD_LIMIT
            )
        except OSError:
            writer.close()
            return
        try:
            while await self._exchange(reader, writer, up_reader, up_writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            for stream in (writer, up_writer):
                stream.close()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> bool:
        """One request and its reply; False when the connection is at its end."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target = head.split(b" ", 2)[:2]
        name, place = method.decode(), target.decode()
        self._number += 1
        fault = self.choose(name, place, self._number) if self.choose else None
        if fault:
            await asyncio.sleep(fault.pause)
        if fault and fault.reset == "before":
            return False
        await asyncio.sleep(self.delay)
        if fault and fault.status:
            await _copy_body(head, reader, None)
            writer.write(_answer(fault))
            await writer.drain()
            self.seen.append(Seen(name, place, fault.status))
            return True
        up_writer.write(head)
        await _copy_body(head, reader, up_writer)
        reply = await up_reader.readuntil(b"\r\n\r\n")
        status = int(reply.split(b" ", 2)[1])
        self.seen.append(Seen(name, place, status))
        if fault and fault.reset == "after":
            return False
        writer.write(reply)
        if name != "HEAD" and status not in (204, 304):
            await _copy_body(reply, up_reader, writer, until_close=True)
        await writer.drain()
        return _header(reply, b"connection") != b"close"


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _colon, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().lower()
    return b""


async def _copy_body(
    head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, *, until_close: bool = False
) -> None:
    """Move one message body, framed as RFC 9112 section 6 says; a None writer drops it."""

    async def out(data: bytes) -> None:
        if writer is not None:
            writer.write(data)
            await writer.drain()

    if _header(head, b"transfer-encoding") == b"chunked":
        while True:
            size_line = await reader.readuntil(b"\r\n")
            size = int(size_line.split(b";")[0], 16)
            await out(size_line + await reader.readexactly(size + 2))
            if size == 0:
                return
    length = _header(head, b"content-length")
    if length:
        left = int(length)
        while left:
            data = await reader.readexactly(min(left, 65536))
            left -= len(data)
            await out(data)
    elif until_close:
        while data := await reader.read(65536):
            await out(data)


def _answer(fault: Fault) -> bytes:
    body = b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"injected fault"}'
    lines = [
        f"HTTP/1.1 {fault.status} Injected",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *fault.headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _certificate() -> tuple[ssl.SSLContext, str]:
    """A one-day certificate for 127.0.0.1 and the PEM text that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fault proxy")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem + private)
        file.flush()
        context.load_cert_chain(file.name)
    return context, pem.decode()
