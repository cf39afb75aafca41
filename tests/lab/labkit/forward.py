# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door from the host: 127.0.0.1:8443 to whatever the lab's DNS says, chosen by the name in the TLS greeting.

TLS is not ended here: the bytes go through as they are, so a browser on the host sees the hub's own certificate.
``python3 -m labkit.forward DNS_SERVER PORT`` runs in the host's network namespace as a part of the lab.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import sys
from collections.abc import Sequence

GREETING = 10.0  # seconds for a client's first bytes
CONNECT = 10.0  # seconds to reach the name server or the hub
UNKNOWN_NAME = bytes([0x15, 3, 1, 0, 2, 2, 112])  # TLS alert: fatal, unrecognized_name
CHUNK = 65536


def server_name(hello: bytes) -> str | None:
    """The name a TLS ClientHello asks for (RFC 8446 4.1.2, RFC 6066 3); None when there is none. Raises ValueError."""
    try:
        if hello[0] != 22 or hello[5] != 1:
            raise ValueError("not a TLS ClientHello")
        at = 5 + 4 + 2 + 32  # record header, handshake header, version, random
        at += 1 + hello[at]  # session id
        at += 2 + int.from_bytes(hello[at : at + 2])  # cipher suites
        at += 1 + hello[at]  # compression methods
        end = at + 2 + int.from_bytes(hello[at : at + 2])
        at += 2
        while at < end:
            kind, length = struct.unpack_from("!HH", hello, at)
            if kind == 0:
                size = int.from_bytes(hello[at + 7 : at + 9])
                return hello[at + 9 : at + 9 + size].decode("ascii").lower()
            at += 4 + length
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError("a damaged TLS ClientHello") from error
    return None


def question(name: str, number: int) -> bytes:
    """A DNS query for the A records of a name."""
    labels = b"".join(bytes([len(part)]) + part.encode("ascii") for part in name.rstrip(".").split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def _skip_name(message: bytes, at: int) -> int:
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


def first_address(message: bytes, number: int) -> str | None:
    """The first A record of an answer; None when there is none or the answer is to another question."""
    found, flags, questions, answers = struct.unpack_from("!HHHH", message)
    if found != number or flags & 0x800F != 0x8000:
        return None
    at = 12
    for _question in range(questions):
        at = _skip_name(message, at) + 4
    for _answer in range(answers):
        at = _skip_name(message, at)
        kind, _class, _lifetime, length = struct.unpack_from("!HHIH", message, at)
        if kind == 1 and length == 4:
            return ".".join(str(byte) for byte in message[at + 10 : at + 14])
        at += 10 + length
    return None


async def resolve(name: str, server: str) -> str | None:
    """Ask the lab's resolver over TCP (no datagram to lose, no answer to guess)."""
    number = secrets.randbelow(1 << 16)
    reader, writer = await asyncio.open_connection(server, 53)
    try:
        query = question(name, number)
        writer.write(struct.pack("!H", len(query)) + query)
        size = int.from_bytes(await reader.readexactly(2))
        return first_address(await reader.readexactly(size), number)
    finally:
        writer.close()


async def _greeting(reader: asyncio.StreamReader) -> bytes:
    """The client's first TLS record, whole."""
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[3:5]))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction until its end, which is passed on; so is a break, for which the other side would wait for ever."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


class Forwarder:
    def __init__(self, dns: str, port: int) -> None:
        self.dns, self.port = dns, port

    async def _connect(self, hello: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        name = server_name(hello)
        async with asyncio.timeout(CONNECT):
            address = await resolve(name, self.dns) if name else None
            if address is None:
                print(f"no address for {name!r}", flush=True)
                return None
            return await asyncio.open_connection(address, self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(GREETING):
                hello = await _greeting(reader)
            behind = await self._connect(hello)
            if behind is None:
                writer.write(UNKNOWN_NAME)
                return
            behind[1].write(hello)
            await asyncio.gather(_copy(reader, behind[1]), _copy(behind[0], writer))
            behind[1].close()
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, struct.error, IndexError) as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            writer.close()


async def run(dns: str, port: int) -> None:
    server = await asyncio.start_server(Forwarder(dns, port).serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str]) -> int:
    asyncio.run(run(arguments[0], int(arguments[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
