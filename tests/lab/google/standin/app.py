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

from standin import control, http, jose, zones
from standin.apis import container
from standin.config import Config
from standin.server import Standin
from standin.world import World

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

    def _first_content(self) -> None:
        """The lab's project, its service account with a key file, its people, its cluster; what is there stays."""
        world, config = self.standin.world, self.config
        if config.project not in world.projects:
            world.add_project(config.project, **({"pool": list(config.pool)} if config.pool else {}))
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
        self.servers += await http.serve(self.standin.handle, self.config.listen, self.config.port, context)
        if self.state:
            self.tasks.append(asyncio.create_task(self._save()))

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
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # open connections, too
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        with suppress(OSError):
            self.save()
