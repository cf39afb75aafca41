# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ManagedCertificate objects and their twins in compute: made, aged, taken away. No I/O but a given look at DNS."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from standin.apis import compute
from standin.errors import GoogleError
from standin.gke import certificates, sync
from standin.gke.plan import Json, Key
from standin.world import World

SPACE = uuid.UUID("2f1d2b0e-6a54-4c55-9df5-6a2f3f1f8a10")
Look = Callable[[str], tuple["frozenset[str] | None", "tuple[str, ...] | None"]]


def twin_name(uid: str, domains: Iterable[str]) -> str:
    """The compute certificate of an object: another one for other domains."""
    return f"mcrt-{uuid.uuid5(SPACE, '|'.join([uid, *domains]))}"


class Managed:
    """The certificates of one project."""

    def __init__(self, world: World, project: str) -> None:
        self.world, self.project = world, project

    @property
    def where(self) -> str:
        return f"projects/{self.project}/global"

    @property
    def table(self) -> dict[str, dict[str, Any]]:
        return compute.table(self.world, self.where, "sslCertificates")

    def follow(self, objects: Mapping[Key, Json]) -> None:
        """Make twins for new objects; mark those whose object is gone or wants other domains."""
        now, living = self.world.now(), set()
        for (namespace, name), one in objects.items():
            domains = list((one.get("spec") or {}).get("domains") or ())
            uid = one["metadata"]["uid"]
            if one["metadata"].get("deletionTimestamp") or not domains:
                continue
            twin = twin_name(uid, domains)
            living.add(twin)
            if twin not in self.world.managed:
                life = certificates.Life(now, domains=tuple((domain, "PROVISIONING") for domain in domains))
                self.world.managed[twin] = {
                    "namespace": namespace, "name": name, "uid": uid, "names": domains, "gone": 0.0,
                    "script": self._script(namespace, name), "life": life.as_json(),
                }  # fmt: skip
            if twin not in self.table:
                self._create(twin, domains)
        for twin, record in self.world.managed.items():
            if twin not in living and not record["gone"]:
                record["gone"] = now

    def _create(self, twin: str, domains: list[str]) -> None:
        try:
            compute.create(self.world, self.where, "sslCertificates", {"name": twin, "managed": {"domains": domains}})
        except GoogleError as error:
            self.world.managed[twin]["problem"] = error.message
        else:
            self.world.managed[twin].pop("problem", None)

    def _script(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """The script for a new certificate; one with ``times`` is used up so often."""
        for script in self.world.scripts:
            if (script["namespace"], script["name"]) == (namespace, name) and script.get("times", 1) != 0:
                if "times" in script:
                    script["times"] -= 1
                return list(script["steps"])
        return []

    def names(self) -> dict[Key, str]:
        """Compute certificates of living objects, by namespace and name."""
        return {
            (one["namespace"], one["name"]): twin
            for twin, one in self.world.managed.items()
            if not one["gone"] and twin in self.table
        }

    # ---- time passes -----------------------------------------------------------------------------------------------
    def to_look_at(self) -> list[str]:
        """Domains whose DNS must be asked before ``age``."""
        settings, now = self.world.settings, self.world.now()
        found: list[str] = []
        for twin, record in self.world.managed.items():
            if record["gone"] or self._by_script(record, now):
                continue
            attached = bool(sync.attached_to(self.world, self.project, twin))
            first, retry = settings.certificate_seconds, settings.certificate_retry_seconds
            if certificates.due(certificates.life(record["life"]), now, attached, first, retry):
                found += record["names"]
        return found

    def _by_script(self, record: Mapping[str, Any], now: float) -> certificates.Life | None:
        return certificates.scripted(certificates.life(record["life"]), now, record["script"], record["names"])

    def age(self, seen: Mapping[str, tuple[frozenset[str] | None, tuple[str, ...] | None]]) -> None:
        """Let every certificate become what it becomes next; ``seen`` is what DNS said about domains."""
        settings, now = self.world.settings, self.world.now()
        for twin, record in list(self.world.managed.items()):
            if record["gone"]:
                self._clean(twin, record, now)
                continue
            before = certificates.life(record["life"])
            after = self._by_script(record, now)
            wanted = sync.attached_to(self.world, self.project, twin)
            first, retry = settings.certificate_seconds, settings.certificate_retry_seconds
            known = all(domain in seen for domain in record["names"])
            if after is None and known and certificates.due(before, now, bool(wanted), first, retry):
                domains = {name: certificates.Domain(wanted, *seen[name]) for name in record["names"]}
                after = certificates.look(before, now, domains)
            if after is not None and after != before:
                record["life"] = after.as_json()
            self._show(twin, record)

    def _show(self, twin: str, record: Mapping[str, Any]) -> None:
        found = self.table.get(twin)
        if found is None:
            return
        life = certificates.life(record["life"])
        found["managed"] = {**found["managed"], "status": life.status, "domainStatus": dict(life.domains)}
        if life.active:
            found["expireTime"] = self.world.stamp(life.active + certificates.DAYS * 86400)
        else:
            found.pop("expireTime", None)

    def _clean(self, twin: str, record: Mapping[str, Any], now: float) -> None:
        """Take the twin of a vanished object away, after a while, once no load balancer uses it."""
        if now < record["gone"] + self.world.settings.certificate_cleanup_seconds:
            return
        if twin in self.table:
            try:
                compute.remove(self.world, self.where, "sslCertificates", twin)
            except GoogleError:
                return
        del self.world.managed[twin]

    def status(self, one: Json) -> dict[str, Any]:
        """The ``status`` an object should have."""
        domains = list((one.get("spec") or {}).get("domains") or ())
        twin = twin_name(one["metadata"]["uid"], domains)
        record = self.world.managed.get(twin)
        if record is None or twin not in self.table:
            return {}
        life = certificates.life(record["life"])
        shown: dict[str, Any] = {
            "certificateName": twin,
            "certificateStatus": certificates.camel(life.status),
            "domainStatus": [{"domain": name, "status": certificates.camel(status)} for name, status in life.domains],
        }
        if life.active:
            expires = datetime.fromtimestamp(life.active + certificates.DAYS * 86400, UTC)
            shown["expireTime"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        return shown
