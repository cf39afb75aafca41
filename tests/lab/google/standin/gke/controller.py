# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controllers of a GKE cluster in one loop: objects in, compute resources and annotations out.

Whatever changed (an object, a compute resource, the time): plan, sync, write back what differs. All rounds are alike,
so a round that was interrupted is made good by the next.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from standin import http, zones
from standin.config import Kubernetes
from standin.gke import crds, plan, sync
from standin.gke.kube import APPLY, MERGE, ApiError, Cache, Kube
from standin.gke.managed import Managed
from standin.gke.plan import Key, Objects
from standin.server import Standin

IDLE, BUSY = 5.0, 0.25  # seconds between two rounds without and with something that time changes
PROBE = 1.0  # seconds between two looks at the endpoints
PROBE_SECONDS = 2.0
FINALIZER = "networking.gke.io/ingress-finalizer-V2"
GATEWAY_FINALIZER = "gateway.finalizer.networking.gke.io"
TROUBLE = (OSError, EOFError, TimeoutError, ValueError, ApiError, http.BadRequest)
GATEWAY = "/apis/gateway.networking.k8s.io/v1"
PATHS = {
    "ingresses": "/apis/networking.k8s.io/v1/ingresses",
    "services": "/api/v1/services",
    "slices": "/apis/discovery.k8s.io/v1/endpointslices",
    "backend_configs": "/apis/cloud.google.com/v1/backendconfigs",
    "frontend_configs": "/apis/networking.gke.io/v1beta1/frontendconfigs",
    "managed": "/apis/networking.gke.io/v1/managedcertificates",
    "backend_policies": "/apis/networking.gke.io/v1/gcpbackendpolicies",
    "health_policies": "/apis/networking.gke.io/v1/healthcheckpolicies",
    "gateways": f"{GATEWAY}/gateways",
    "routes": f"{GATEWAY}/httproutes",
}


class Controller:
    """All controllers of one cluster, for one project."""

    def __init__(self, standin: Standin, known: Kubernetes, project: str) -> None:
        self.standin, self.project = standin, project
        self.kube = Kube(known)
        self.managed = Managed(standin.world, project)
        self.wake = asyncio.Event()
        self.caches = {name: Cache(self.kube, path, self.wake.set) for name, path in PATHS.items()}
        self.secrets: dict[Key, Mapping[str, Any]] = {}
        self.told: set[tuple[str, str]] = set()  # events already written: (uid, text)
        self.uid = ""
        self.rounds = 0

    # ---- life ------------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Work until cancelled."""
        await self._prepare()
        watches = [asyncio.create_task(cache.follow()) for cache in self.caches.values()]
        probing = asyncio.create_task(self._probe_all())
        try:
            for cache in self.caches.values():
                await cache.synced.wait()
            while True:
                self.wake.clear()
                try:
                    await self._round()
                except TROUBLE as error:
                    print(f"controller: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                    await asyncio.sleep(0.5)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self.wake.wait()
                        await asyncio.sleep(0.05)  # what belongs together comes together
        finally:
            for task in (*watches, probing):
                task.cancel()

    def _pause(self) -> float:
        return BUSY if self.standin.world.managed or self.standin.world.owned else IDLE

    async def _prepare(self) -> None:
        """Wait for the API server; teach it GKE's kinds; learn the cluster's UID."""
        while True:
            try:
                for kind in crds.KINDS:
                    one = crds.definition(kind)
                    await self._apply(f"/apis/{one['apiVersion']}/customresourcedefinitions", one)
                found = await self.kube.request("GET", "/api/v1/namespaces/kube-system")
                self.uid = found["metadata"]["uid"].replace("-", "")
                for name, controller in crds.GATEWAY_CLASSES.items():
                    one = {
                        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
                        "metadata": {"name": name}, "spec": {"controllerName": controller},
                    }  # fmt: skip
                    await self._apply(f"{GATEWAY}/gatewayclasses", one)
            except TROUBLE:
                await asyncio.sleep(0.5)
            else:
                return

    async def _apply(self, collection: str, one: Mapping[str, Any]) -> None:
        path = f"{collection}/{one['metadata']['name']}?fieldManager=google-stand-in&force=true"
        await self.kube.request("PATCH", path, one, APPLY)

    # ---- one round ---------------------------------------------------------------------------------------------------
    async def _objects(self) -> Objects:
        names = [name for name in PATHS if name != "slices"]
        found = {name: dict(self.caches[name].objects) for name in names}
        objects = Objects(**found)  # type: ignore[arg-type]
        secrets: dict[Key, Mapping[str, Any]] = {}
        for namespace, name in plan.secrets_wanted(objects):
            with suppress(ApiError):
                secrets[namespace, name] = await self.kube.request(
                    "GET", f"/api/v1/namespaces/{namespace}/secrets/{name}"
                )
        return Objects(**found, secrets=secrets)  # type: ignore[arg-type]

    async def _round(self) -> None:
        objects, world = await self._objects(), self.standin.world
        before = world.counter
        self.managed.follow(objects.managed)
        seen = {domain: await self._look(domain) for domain in self.managed.to_look_at()}
        self.managed.age(seen)
        fronts = plan.fronts(objects, self.uid, self.managed.names())
        outcomes = sync.sync(world, self.project, self.uid, fronts, _tls(objects.secrets))
        self.rounds += 1
        if world.counter != before or seen:
            self.standin.changed.set()
        for key, ingress in objects.ingresses.items():
            await self._write_ingress(ingress, outcomes.get(("Ingress", *key)))
        for key, one in objects.managed.items():
            await self._write_managed(key, one)
        for key, gateway in objects.gateways.items():
            await self._write_gateway(objects, gateway, outcomes.get(("Gateway", *key)))

    async def _look(self, domain: str) -> tuple[frozenset[str] | None, tuple[str, ...] | None]:
        """Addresses and CAA records of a domain, as the public would see them."""

        def ask() -> tuple[frozenset[str] | None, tuple[str, ...] | None]:
            look_up = self.standin.records.look_up
            try:
                found: frozenset[str] | None = frozenset(look_up(domain, "A")) | frozenset(look_up(domain, "AAAA"))
            except zones.Trouble:
                found = None
            return found, zones.caa_of(self.standin.records, domain)

        return await asyncio.to_thread(ask)

    # ---- writing back ------------------------------------------------------------------------------------------------
    async def _patch(self, path: str, body: Mapping[str, Any]) -> None:
        with suppress(ApiError):  # gone or changed meanwhile: the next round sees it
            await self.kube.request("PATCH", path, body, MERGE)

    async def _write_ingress(self, ingress: Mapping[str, Any], outcome: sync.Outcome | None) -> None:
        meta = ingress["metadata"]
        path = f"/apis/networking.k8s.io/v1/namespaces/{meta['namespace']}/ingresses/{meta['name']}"
        finalizers = list(meta.get("finalizers") or ())
        if outcome is None:
            await self._let_go(path, meta, "Ingress", FINALIZER)
            return
        marks = plan.annotations(ingress)
        wanted: dict[str, str | None] = dict(outcome.annotations)
        stale = [key for key in marks if key.startswith("ingress.kubernetes.io/") and key not in wanted]
        wanted |= dict.fromkeys(stale)
        shared = ",".join(plan.pre_shared(ingress, self.managed.names()))
        wanted[plan.PRE_SHARED] = shared or None
        changed = {key: value for key, value in wanted.items() if marks.get(key) != value}
        if changed or FINALIZER not in finalizers:
            fresh: dict[str, Any] = {"annotations": changed} if changed else {}
            if FINALIZER not in finalizers:
                fresh["finalizers"] = [*finalizers, FINALIZER]
            await self._patch(path, {"metadata": {**fresh, "resourceVersion": meta["resourceVersion"]}})
        balancer = [{"ip": outcome.address}] if outcome.address and outcome.annotations else []
        if ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress", []) != balancer:
            await self._patch(f"{path}/status", {"status": {"loadBalancer": {"ingress": balancer or None}}})
        await self._tell(ingress, "networking.k8s.io/v1", "Ingress", outcome.problems)

    async def _let_go(self, path: str, meta: Mapping[str, Any], kind: str, finalizer: str) -> None:
        """Take our finalizer off, once nothing of the load balancer is left."""
        finalizers = list(meta.get("finalizers") or ())
        if finalizer in finalizers and f"{kind}/{meta['namespace']}/{meta['name']}" not in self._owners():
            await self._patch(path, {"metadata": {"finalizers": [one for one in finalizers if one != finalizer]}})

    def _owners(self) -> set[str]:
        return set(self.standin.world.owned.values())

    async def _write_managed(self, key: Key, one: Mapping[str, Any]) -> None:
        wanted = self.managed.status(one)
        seen = one.get("status") or {}
        if wanted and wanted != seen:
            path = f"{PATHS['managed'].rsplit('/', 1)[0]}/namespaces/{key[0]}/managedcertificates/{key[1]}"
            # A merge patch keeps what it does not name: a certificate that is no longer Active has no end either.
            await self._patch(path, {"status": {**dict.fromkeys(seen), **wanted}})

    async def _write_gateway(self, objects: Objects, gateway: Mapping[str, Any], outcome: sync.Outcome | None) -> None:
        meta = gateway["metadata"]
        path = f"{GATEWAY}/namespaces/{meta['namespace']}/gateways/{meta['name']}"
        if outcome is None:
            await self._let_go(path, meta, "Gateway", GATEWAY_FINALIZER)
            return
        finalizers = list(meta.get("finalizers") or ())
        fresh: dict[str, Any] = {}
        if GATEWAY_FINALIZER not in finalizers:
            fresh["finalizers"] = [*finalizers, GATEWAY_FINALIZER]
        reported = outcome.annotations.get(sync.GATEWAY_BACKENDS)
        if plan.annotations(gateway).get(sync.GATEWAY_BACKENDS) != reported:
            fresh["annotations"] = {sync.GATEWAY_BACKENDS: reported}
        if fresh:
            await self._patch(path, {"metadata": {**fresh, "resourceVersion": meta["resourceVersion"]}})
        good = bool(outcome.address and outcome.annotations)
        text = "; ".join(outcome.problems)
        conditions = _conditions(gateway, {"Accepted": True, "Programmed": good}, text)
        listeners = [
            {
                "name": one["name"],
                "attachedRoutes": len(plan.routes_of(objects, gateway)),
                "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
                "conditions": _conditions({"metadata": meta}, {"Accepted": True, "Programmed": good}, text),
            }
            for one in gateway["spec"].get("listeners") or ()
        ]
        addresses = [{"type": "IPAddress", "value": outcome.address}] if good else []
        before = gateway.get("status") or {}
        wanted = {"addresses": addresses, "conditions": conditions, "listeners": listeners}
        if _timeless(wanted) != _timeless({key: before.get(key, []) for key in wanted}):
            await self._patch(f"{path}/status", {"status": wanted})
        for route in plan.routes_of(objects, gateway):
            await self._write_route(route, meta, outcome)
        await self._tell(gateway, "gateway.networking.k8s.io/v1", "Gateway", outcome.problems)

    async def _write_route(self, route: Mapping[str, Any], gateway: Mapping[str, Any], outcome: sync.Outcome) -> None:
        parents = [
            {
                "parentRef": parent,
                "controllerName": "networking.gke.io/gateway",
                "conditions": _conditions(
                    route, {"Accepted": True, "ResolvedRefs": not outcome.problems, "Reconciled": True}, ""
                ),
            }
            for parent in route["spec"].get("parentRefs") or ()
            if parent.get("name") == gateway["name"]
        ]
        if _timeless({"parents": parents}) != _timeless({"parents": (route.get("status") or {}).get("parents", [])}):
            meta = route["metadata"]
            path = f"{GATEWAY}/namespaces/{meta['namespace']}/httproutes/{meta['name']}/status"
            await self._patch(path, {"status": {"parents": parents}})

    async def _tell(self, one: Mapping[str, Any], version: str, kind: str, problems: list[str]) -> None:
        """Write an Event for every new problem."""
        meta = one["metadata"]
        for text in problems:
            if (meta["uid"], text) in self.told:
                continue
            self.told.add((meta["uid"], text))
            now = self.standin.world.stamp()[:19] + "Z"
            involved = {"apiVersion": version, "kind": kind, "name": meta["name"], "namespace": meta["namespace"]}
            event = {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
                "involvedObject": {**involved, "uid": meta["uid"]},
                "reason": "Sync",
                "type": "Warning",
                "message": f"Error syncing to GCP: {text}",
                "source": {"component": "loadbalancer-controller"},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            }
            with suppress(ApiError):
                await self.kube.request("POST", f"/api/v1/namespaces/{meta['namespace']}/events", event)

    # ---- health ------------------------------------------------------------------------------------------------------
    def _endpoints(self, namespace: str, service: str, port: int) -> list[tuple[str, int]]:
        """The pods behind a port of a Service, ready or not (the load balancer asks them itself)."""
        found = self.caches["services"].objects.get((namespace, service))
        if not found:
            return []
        names = {one.get("name") or "" for one in found["spec"].get("ports") or () if one["port"] == port}
        pods: list[tuple[str, int]] = []
        for (where, _name), piece in self.caches["slices"].objects.items():
            if (
                where != namespace
                or (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != service
            ):
                continue
            if piece.get("addressType") != "IPv4":
                continue
            for number in [one["port"] for one in piece.get("ports") or () if (one.get("name") or "") in names]:
                pods += [(one["addresses"][0], number) for one in piece.get("endpoints") or ()]
        return sorted(set(pods))

    async def _probe_all(self) -> None:
        """Ask every endpoint of every backend for its health, for ever."""
        from standin.apis import compute

        while True:
            await asyncio.sleep(PROBE)
            world = self.standin.world
            table = compute.table(world, f"projects/{self.project}/global", "backendServices")
            for backend in list(table.values()):
                if backend["selfLink"] not in world.owned:
                    continue
                named = plan.parse_json(backend.get("description", "")) or {}
                namespace, _slash, service = str(named.get("kubernetes.io/service-name", "")).partition("/")
                pods = self._endpoints(namespace, service, int(named.get("kubernetes.io/service-port", 0)))
                check = compute.table(world, f"projects/{self.project}/global", "healthChecks").get(backend["name"], {})
                seen = await asyncio.gather(*(_probe(address, port, check) for address, port in pods))
                before = world.health.get(backend["selfLink"])
                world.health[backend["selfLink"]] = [
                    {"ipAddress": address, "port": port, "healthState": "HEALTHY" if good else "UNHEALTHY"}
                    for (address, port), good in zip(pods, seen, strict=True)
                ]
                if before != world.health[backend["selfLink"]]:
                    self.wake.set()


async def _probe(address: str, port: int, check: Mapping[str, Any]) -> bool:
    """Whether an endpoint answers 200 to the health check."""
    http_check = check.get("httpHealthCheck") or {}
    with suppress(OSError, EOFError, TimeoutError, ValueError, http.BadRequest):
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(address, http_check.get("port", port))
            try:
                path = http_check.get("requestPath", "/")
                words = (
                    f"GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: GoogleHC/1.0\r\nConnection: close\r\n\r\n"
                )
                writer.write(words.encode())
                first, _headers = await http.read_head(reader)
                return first.split(" ")[1] == "200"
            finally:
                writer.close()
    return False


def _tls(secrets: Mapping[Key, Mapping[str, Any]]) -> dict[Key, tuple[str, str]]:
    """Certificate and key of the TLS Secrets among some Secrets."""
    found = {}
    for key, secret in secrets.items():
        data = secret.get("data") or {}
        if data.get("tls.crt") and data.get("tls.key"):
            found[key] = (base64.b64decode(data["tls.crt"]).decode(), base64.b64decode(data["tls.key"]).decode())
    return found


def _conditions(one: Mapping[str, Any], wanted: Mapping[str, bool], text: str) -> list[dict[str, Any]]:
    """Conditions of an object; the moment of one that did not turn stays what it was."""
    from datetime import UTC, datetime

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = {item["type"]: item for item in (one.get("status") or {}).get("conditions") or ()}
    made = []
    for kind, good in wanted.items():
        status = "True" if good else "False"
        old = before.get(kind, {})
        moment = old.get("lastTransitionTime", now) if old.get("status") == status else now
        made.append(
            {
                "type": kind,
                "status": status,
                "reason": kind if good else "Invalid",
                "message": "" if good else text,
                "lastTransitionTime": moment,
                "observedGeneration": one["metadata"].get("generation", 1),
            }
        )
    return made


def _timeless(value: Any) -> Any:
    """A status without its moments, to be compared."""
    if isinstance(value, Mapping):
        return {key: _timeless(one) for key, one in value.items() if key != "lastTransitionTime"}
    return [_timeless(one) for one in value] if isinstance(value, list) else value
