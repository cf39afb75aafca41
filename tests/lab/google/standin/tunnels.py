# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tunnel.cloudproxy.app: the relay of Identity-Aware Proxy for TCP, for those whom IAM lets through.

``relay`` speaks the protocol, in threads; here is what it asks: whose token this is, whether IAP's policies give him
the machine, and where the machine is (compute's instances, which tests put there). Every request is in the log as
``tunnel.connect`` or ``tunnel.reconnect``, with 101 or what it was refused with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from standin import http, iap_resources
from standin.apis import compute, iap
from standin.call import Call
from standin.errors import GoogleError
from standin.http import Request, header
from standin.iap_resources import Resource
from standin.relay import TIMEOUT, Refusal, Relay, beside
from standin.requests_log import Entry
from standin.server import Standin

HOST = "tunnel.cloudproxy.app"
PATHS = {"/v4/connect": "tunnel.connect", "/v4/reconnect": "tunnel.reconnect"}
PERMISSION = "iap.tunnelInstances.accessViaIAP"
NOT_AUTHORIZED, NOT_FOUND = 4033, 4047
T = TypeVar("T")


class Gatekeeper:
    """The judge of one request. The relay's thread asks; all of it is decided in the service's own thread."""

    def __init__(self, standin: Standin, loop: asyncio.AbstractEventLoop, entry: Entry) -> None:
        self.standin, self.loop, self.entry = standin, loop, entry

    def caller(self, target: str, token: str) -> str:
        """Whose token this is. Raises Refusal."""
        return self._noted(lambda: self._caller(token))

    def machine(self, caller: str, wanted: Mapping[str, str]) -> tuple[str, int]:
        """The address of a machine the caller may reach. Raises Refusal."""
        return self._noted(lambda: self._machine(caller, wanted))

    def _noted(self, act: Callable[[], T]) -> T:
        async def inner() -> T:
            try:
                return act()
            except Refusal as no:
                self.entry.status = no.code
                raise

        return asyncio.run_coroutine_threadsafe(inner(), self.loop).result(TIMEOUT)

    def _caller(self, token: str) -> str:
        try:
            found = self.standin.tokens.principal(f"Bearer {token}", HOST).email
        except GoogleError as error:
            raise Refusal(401, "Unauthorized") from error
        self.entry.caller = found
        return found

    def _machine(self, caller: str, wanted: Mapping[str, str]) -> tuple[str, int]:
        world, place = self.standin.world, {name: wanted.get(name, "") for name in ("project", "zone", "instance")}
        call = Call(world, self.standin.records, self.standin.tokens, caller, {}, {})
        self.entry.project = place["project"]
        try:
            project = world.project(place["project"])
        except GoogleError as error:
            raise Refusal(NOT_AUTHORIZED, "not authorized") from error
        name = iap_resources.key(Resource("tunnel_instance", "tunnelInstances", **place), project["number"])
        if not iap.permissions(call, name, [PERMISSION]):  # first: who may not enter does not learn what there is
            raise Refusal(NOT_AUTHORIZED, "not authorized")
        address = self._address(f"projects/{project['id']}/zones/{place['zone']}", wanted)
        port = int(wanted.get("port", "0"))
        if not address or port not in range(1, 65536):
            raise Refusal(NOT_FOUND, "failed to look the instance up")
        return address, port

    def _address(self, where: str, wanted: Mapping[str, str]) -> str:
        machine = compute.table(self.standin.world, where, "instances").get(wanted.get("instance", ""), {})
        cards = {one["name"]: one["networkIP"] for one in machine.get("networkInterfaces", [])}
        return str(cards.get(wanted.get("interface", ""), ""))


class Tunnels:
    """The relay at Google's host name."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self.relay = Relay()

    def acts(self) -> dict[tuple[str, str], Callable[[dict[str, Any]], Any]]:
        """The paths of the control endpoint."""
        return {("POST", "tunnels/cut"): self._cut, ("POST", "tunnels/forget"): self._forget}

    def _cut(self, _given: dict[str, Any]) -> dict[str, float]:
        """Cut every websocket as a network does that goes away; the sessions live on."""
        return {"at": self.standin.world.now(), "hit": self.relay.cut()}

    def _forget(self, _given: dict[str, Any]) -> dict[str, float]:
        """Lose every session, as a relay does that is replaced."""
        return {"at": self.standin.world.now(), "hit": self.relay.forget()}

    async def take(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Carry a connection that asks the relay for a websocket, to its end."""
        path = urlsplit(request.target).path
        if request.host != HOST or path not in PATHS or header(request.headers, "upgrade").lower() != "websocket":
            return False
        entry = self.standin.log.begin(self.standin.world.now(), request.verb, request.host, path)
        entry.method, entry.status = PATHS[path], 101
        judge = Gatekeeper(self.standin, asyncio.get_running_loop(), entry)
        first = http.head(f"{request.verb} {request.target} HTTP/1.1", request.headers)
        await beside((reader, writer), partial(self.relay.serve, judge=judge), first)
        return True
