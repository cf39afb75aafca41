# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door itself: listens on the load balancers' addresses, ends TLS, asks IAP, forwards to a pod, websockets too."""

from __future__ import annotations

import asyncio
import html
import itertools
import secrets
import ssl
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from standin import certs, http
from standin.certs import Pair
from standin.config import Door as Config
from standin.door import routing
from standin.door.iap import COOKIE, Asked, Iap, Verdict
from standin.errors import GoogleError
from standin.faults import Fault
from standin.http import Headers, Reply, Request, header
from standin.server import Standin

SIGN_IN_PAGE = """<!doctype html><title>Sign in - stand-in for Google</title>
<h1>Sign in (a stand-in for Google, in the lab)</h1><p role="alert">{alert}</p>
<form method="post" action="/lab/signin"><input type="hidden" name="continue" value="{target}">
<label for="email">E-mail</label> <input id="email" name="email">
<label for="password">Password</label> <input id="password" name="password" type="password">
<button>Sign in</button></form>
"""


class Door:
    """All doors of the lab's project."""

    def __init__(self, standin: Standin, config: Config, authority: Pair) -> None:
        self.standin, self.config, self.authority = standin, config, authority
        self.iap = Iap(standin)
        self.pairs: dict[str, ssl.SSLContext] = {}  # TLS contexts by certificate
        self.tickets: dict[str, str] = {}  # from the sign-in page to the door: ticket -> e-mail
        self.turn = itertools.count()

    async def listen(self) -> list[asyncio.Server]:
        """Open all doors."""
        servers = []
        for address in self.config.addresses:
            for port in (self.config.plain, *self.config.ports):
                context = self._context(address) if port != self.config.plain else None

                async def connection(
                    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secure: bool = context is not None
                ) -> None:
                    await self._connection(reader, writer, secure)

                servers.append(
                    await asyncio.start_server(connection, address, port, ssl=context, limit=http.HEAD_LIMIT)
                )
        return servers

    # ---- TLS ---------------------------------------------------------------------------------------------------------
    def _context(self, address: str) -> ssl.SSLContext:
        """A context that takes the certificate of the load balancer at this address, or ends the handshake."""
        base = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        base.minimum_version = ssl.TLSVersion.TLSv1_2

        def choose(connection: Any, name: str | None, _context: ssl.SSLContext) -> int | None:
            found = routing.certificate(self.standin.world, address, name or "")
            if found is None:
                return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
            connection.context = self._certificate(found)
            return None

        base.sni_callback = choose
        return base

    def _certificate(self, found: routing.Json) -> ssl.SSLContext:
        key = f"{found['name']}/{found['id']}"
        if key not in self.pairs:
            if found["type"] == "SELF_MANAGED":
                pair = Pair(found["certificate"], found["hiddenKey"])
            else:
                pair = certs.issue(self.authority, found["managed"]["domains"])
            self.pairs[key] = pair.context()
        return self.pairs[key]

    # ---- a connection ------------------------------------------------------------------------------------------------
    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secure: bool) -> None:
        try:
            while await self._exchange(reader, writer, secure):
                pass
        except (OSError, EOFError, ValueError, TimeoutError, http.BadRequest, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secure: bool) -> bool:
        """One request; False when the connection is at its end."""
        async with asyncio.timeout(http.IDLE):
            line, headers = await http.read_head(reader)
        verb, target, _version = line.split(" ", 2)
        host = header(headers, "host")
        address = writer.get_extra_info("sockname")[0]
        found = routing.target(
            self.standin.world, address, 443 if secure else 80, host.partition(":")[0].lower(), urlsplit(target).path
        )
        if found.redirect:
            return await self._say(writer, 301, "", [("Location", f"https://{host.partition(':')[0]}{target}")])
        if found.backend is None:
            return await self._say(writer, 404, "no load balancer has this host and path")
        fault = self.standin.faults.choose("door") or Fault()
        await asyncio.sleep(fault.latency)
        if fault.reset:
            writer.transport.abort()
            return False
        if fault.status:
            return await self._say(writer, fault.status, fault.message, list(fault.headers.items()))
        if urlsplit(target).path.startswith("/_gcp_iap/"):
            return await self._own_page(writer, target)
        project = self.standin.world.projects[found.project]
        asked = Asked(verb, host, urlsplit(target).path, headers)
        verdict = self.iap.judge(asked, project, found.backend)
        self._note(asked, verdict)
        if verdict.status != 200:
            more = [("Location", verdict.location)] if verdict.location else []
            return await self._say(writer, verdict.status, verdict.text, [*verdict.headers, *more])
        return await self._forward(reader, writer, f"{verb} {target} HTTP/1.1", verdict.headers, found.backend, secure)

    def _note(self, asked: Asked, verdict: Verdict) -> None:
        entry = self.standin.log.begin(self.standin.world.now(), asked.verb, asked.host, asked.path)
        entry.method, entry.status, entry.caller = "door", verdict.status, verdict.caller

    async def _say(self, writer: asyncio.StreamWriter, status: int, text: str, headers: Headers | None = None) -> bool:
        """The load balancer's own answer; then the connection ends, since a body may be on its way."""
        body = text.encode()
        kind = [("Content-Type", "text/plain; charset=UTF-8")] if body else []
        reply = Reply(status, body, [*kind, *(headers or []), ("Connection", "close")])
        writer.write(reply.head() + body)
        await writer.drain()
        return False

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        line: str,
        headers: Headers,
        backend: routing.Json,
        secure: bool,
    ) -> bool:
        pods = routing.endpoints(self.standin.world, backend)
        if not pods:
            return await self._say(writer, 502, "no healthy upstream")
        pod = pods[next(self.turn) % len(pods)]
        upgrade = "upgrade" in header(headers, "connection").lower()
        kept = [(k, v) for k, v in headers if k.lower() not in ("x-forwarded-for", "x-forwarded-proto", "via")]
        if not upgrade:
            kept = [(k, v) for k, v in kept if k.lower() not in ("connection", "keep-alive")] + [
                ("Connection", "close")
            ]
        peer = writer.get_extra_info("peername")[0]
        kept += [
            ("X-Forwarded-For", f"{peer},{writer.get_extra_info('sockname')[0]}"),
            ("X-Forwarded-Proto", "https" if secure else "http"),
            ("Via", "1.1 google"),
        ]
        try:
            up_reader, up_writer = await asyncio.open_connection(*pod, limit=http.HEAD_LIMIT)
        except OSError:
            return await self._say(writer, 502, "the upstream refused the connection")
        try:
            async with asyncio.timeout(backend.get("timeoutSec") or 30):
                up_writer.write(http.head(line, kept))
                if upgrade:
                    await http.both_ways((reader, writer), (up_reader, up_writer))
                    return False
                await _copy(headers, reader, up_writer)
                return await _answer(line, up_reader, writer)
        finally:
            up_writer.close()

    # ---- sessions ----------------------------------------------------------------------------------------------------
    def session(self, email: str) -> str:
        """A session of a person, as the value of the cookie."""
        if email.lower() not in self.standin.world.people:
            raise GoogleError(404, f"nobody is called {email}")
        value = secrets.token_urlsafe(24)
        self.iap.sessions[value] = email.lower()
        return value

    async def _own_page(self, writer: asyncio.StreamWriter, target: str) -> bool:
        """IAP's own paths: a ticket becomes a cookie, or the cookie goes."""
        parts = urlsplit(target)
        given = dict(parse_qsl(parts.query))
        flags = "Path=/; Secure; HttpOnly; SameSite=None"
        if parts.path == "/_gcp_iap/clear_login_cookie":
            gone = ("Set-Cookie", f"{COOKIE}=; Max-Age=0; {flags}")
            return await self._say(writer, 302, "", [gone, ("Location", "/")])
        email = self.tickets.pop(given.get("ticket", ""), "")
        if parts.path != "/_gcp_iap/lab" or not email:
            return await self._say(writer, 404, "no such page")
        cookie = ("Set-Cookie", f"{COOKIE}={self.session(email)}; {flags}")
        where = given.get("to", "/")
        return await self._say(writer, 302, "", [cookie, ("Location", where if where.startswith("/") else "/")])

    def sign_in(self, request: Request) -> Reply:
        """The page at accounts.google.com, and its form."""
        if request.verb == "POST":
            form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
            person = self.standin.world.people.get(form.get("email", "").lower())
            back = urlsplit(form.get("continue", ""))
            if person and person["password"] and secrets.compare_digest(person["password"], form.get("password", "")):
                ticket = secrets.token_urlsafe(16)
                self.tickets[ticket] = form["email"].lower()
                query = urlencode({"ticket": ticket, "to": back.path or "/"}, quote_via=quote)
                return Reply(302, b"", [("Location", f"https://{back.netloc}/_gcp_iap/lab?{query}")])
            alert, wish = "E-mail or password is wrong.", form.get("continue", "")
        else:
            alert, wish = "", dict(request.query).get("continue", "")
        page = SIGN_IN_PAGE.format(alert=alert, target=html.escape(wish, quote=True))
        return Reply(200, page.encode(), [("Content-Type", "text/html; charset=UTF-8")])


async def _copy(headers: Headers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Move the body these headers announce."""
    if "chunked" in header(headers, "transfer-encoding").lower():
        while True:
            line = await reader.readline()
            size = int(line.split(b";")[0], 16)
            writer.write(line + await reader.readexactly(size + 2))
            await writer.drain()
            if size == 0:
                return
    left = int(header(headers, "content-length") or "0")
    while left:
        data = await reader.readexactly(min(left, http.CHUNK))
        writer.write(data)
        await writer.drain()
        left -= len(data)


async def _answer(line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """The pod's answer to the client; whether the client may go on with this connection."""
    while True:
        first, headers = await http.read_head(reader)
        if not first.split(" ")[1].startswith("1"):
            break
        writer.write(http.head(first, headers))
    empty = line.startswith("HEAD ") or first.split(" ")[1] in ("204", "304")
    framed = empty or header(headers, "content-length") or "chunked" in header(headers, "transfer-encoding").lower()
    kept = [(key, value) for key, value in headers if key.lower() not in ("connection", "keep-alive")]
    writer.write(http.head(first, kept if framed else [*kept, ("Connection", "close")]))
    if framed and not empty:
        await _copy(headers, reader, writer)
    while not framed and (data := await reader.read(http.CHUNK)):
        writer.write(data)
        await writer.drain()
    await writer.drain()
    return bool(framed)
