# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service as a whole: state from its directory, listeners, the controller and the door where they are wanted."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from standin import control, http, jose, tunnels, zones
from standin.apis import container
from standin.config import Config, Door, Kubernetes
from standin.errors import GoogleError, invalid
from standin.requests_log import Log
from standin.server import Standin
from standin.world import SERVICES, World

SAVE = 0.5  # seconds between two looks whether something is to be saved: what a kill -9 may lose


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner may read; readers see old or new."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.rename(path)


def _keys(state: Path | None) -> dict[str, str]:
    """The keys Google signs with; made once per state directory."""
    made = {"google": jose.new_rsa, "iap": jose.new_ec}
    if state is None:
        return {name: make() for name, make in made.items()}
    for name, make in made.items():
        path = state / f"{name}.pem"
        if not path.exists():
            write_private(path, make())
    return {name: (state / f"{name}.pem").read_text(encoding="utf-8") for name in made}


class App:
    """One running service."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state = Path(config.state) if config.state else None
        if self.state:
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.standin = Standin(self._world(), self._records(), Path(config.documents), _keys(self.state))
        self.control = control.Control(self.standin)
        self.standin.control = self.control
        self.tunnels = tunnels.Tunnels(self.standin)
        self.control.more.update(self.tunnels.acts())
        self.servers: list[asyncio.Server] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._first_content()

    @property
    def _file(self) -> Path | None:
        return self.state / "world.json" if self.state else None

    def _world(self) -> World:
        if self._file and self._file.exists():
            return World.from_json(json.loads(self._file.read_text(encoding="utf-8")))
        return World()

    def _records(self) -> zones.Records:
        dns = self.config.dns
        if dns is None:
            return zones.Memory()
        secret = Path(dns.key_file).read_text(encoding="utf-8").strip()
        return zones.Knot(dns.zone, dns.server, dns.resolver, dns.key_name, secret, dns.servers)

    def reset(self) -> None:
        """Begin anew, with the same keys and the same key file. For tests that have the stand-in for themselves."""
        world, account = self.standin.world, self.config.account
        fresh = World(accounts={account: world.accounts[account]}, clock=world.clock)
        vars(world).update(vars(fresh))
        self.standin.log, self.standin.records = Log(), self._records()
        self.standin.faults.set([])
        self.standin.tokens.revoke_all()
        self._first_content()

    def _first_content(self) -> None:
        """The lab's project, its service account with a key file, its people, its cluster; what is there stays."""
        world, config = self.standin.world, self.config
        if config.project not in world.projects:
            world.add_project(config.project, **({"pool": list(config.pool)} if config.pool else {}))
        owner = world.projects[config.project]
        owner["grants"].setdefault(f"serviceAccount:{config.account}", ["roles/owner"])
        # A lab that is older than this stand-in has not all APIs on that it answers by now.
        owner["services"] = [*owner["services"], *(one for one in SERVICES if one not in owner["services"])]
        if config.account not in world.accounts:
            made = control.add_account(self.standin, config.account, config.project, ["roles/owner"])
            if config.account_key_file:
                write_private(Path(config.account_key_file), json.dumps(made, indent=1) + "\n")
        for email, person in config.people.items():
            world.people.setdefault(email, {"groups": [], **person})
        if config.kubernetes:
            known = config.kubernetes
            name = f"projects/{config.project}/locations/{known.location}/clusters/{known.cluster}"
            if name not in world.clusters:
                endpoint = known.server.removeprefix("https://").partition(":")[0]
                world.clusters[name] = container.healthy(config.project, known.location, known.cluster, endpoint)

    async def start(self) -> None:
        """Listen. The controller and the door are imported only where they are wanted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.config.certificate, self.config.key)
        context.set_alpn_protocols(["http/1.1"])
        listen, act = self.config.listen, self.standin.handle
        self.servers += await http.serve(act, listen, self.config.port, context, self.tunnels.take)
        if self.config.door:
            await self._open_door(self.config.door)
        if self.config.kubernetes:
            self._control_cluster(self.config.kubernetes)
        if self.state:
            self.tasks.append(asyncio.create_task(self._save()))

    async def _open_door(self, config: Door) -> None:
        from standin.certs import Pair
        from standin.door import proxy

        texts = [Path(path).read_text(encoding="ascii") for path in (config.authority, config.authority_key)]
        door = proxy.Door(self.standin, config, Pair(*texts))
        self.servers += await door.listen()
        self.standin.sign_in = door.sign_in

        def session(given: dict[str, Any]) -> Any:
            """A browser's session without the page: ``{"email": ...}``."""
            value = door.session(given["email"])
            return {"name": proxy.COOKIE, "value": value, "cookie": f"{proxy.COOKIE}={value}"}

        self.control.more["POST", "sessions"] = session

    def _control_cluster(self, known: Kubernetes) -> None:
        from standin.gke import certificates
        from standin.gke.controller import Controller

        controller = Controller(self.standin, known, self.config.project)
        self.tasks.append(asyncio.create_task(controller.run()))

        def script(given: dict[str, Any]) -> Any:
            """The life of the next certificates of an object: ``namespace``, ``name``, ``steps``, ``times``."""
            wrong = certificates.refuse_script(given["steps"])
            if wrong:
                raise invalid(wrong)
            key = {name: str(given[name]) for name in ("namespace", "name")}
            scripts = [one for one in self.standin.world.scripts if any(one[name] != key[name] for name in key)]
            more = {"times": int(given["times"])} if "times" in given else {}
            self.standin.world.scripts = [*scripts, {**key, "steps": given["steps"], **more}]
            controller.wake.set()
            return None

        def again(given: dict[str, Any]) -> Any:
            """Give a living certificate another life from now on: ``namespace``, ``name``, ``steps``."""
            wrong = certificates.refuse_script(given["steps"])
            if wrong:
                raise invalid(wrong)
            found = [
                one
                for one in self.standin.world.managed.values()
                if (one["namespace"], one["name"]) == (given["namespace"], given["name"]) and not one["gone"]
            ]
            if not found:
                raise GoogleError(404, f"no certificate {given['namespace']}/{given['name']}")
            for one in found:
                one["script"] = given["steps"]
                one["life"]["born"] = self.standin.world.now()
            controller.wake.set()
            return None

        def cluster(_given: dict[str, Any]) -> Any:
            """How the controller is."""
            return {"rounds": controller.rounds, "ready": controller.rounds > 0, "uid": controller.uid}

        self.control.more["POST", "certificates/script"] = script
        self.control.more["POST", "certificates/again"] = again
        self.control.more["GET", "controller"] = cluster

    async def _save(self) -> None:
        """Write the state after changes, not more often than every ``SAVE`` seconds."""
        while True:
            await asyncio.sleep(SAVE)
            self.save()

    def save(self) -> None:
        """Write the state if anything changed."""
        if self._file and self.standin.changed.is_set():
            self.standin.changed.clear()
            self.standin.world.save(self._file)

    async def stop(self) -> None:
        """End all, and save."""
        for server in self.servers:
            server.close()
        self.tunnels.relay.forget()
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # open connections, too
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        with suppress(OSError):
            self.save()
