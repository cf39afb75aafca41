# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster on GKE in memory: its certificate and Ingress controllers, compute, and name servers, all from one seed.

Controllers react some time after something changed, never at once; time passes with every request and every sleep.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import format_datetime
from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import ServerTime
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Answer, Code, Look, Wanted
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import COMPUTE, Call
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificates import (
    ATTACHED,
    HTTPS_PROXY,
    PRE_SHARED,
    names_in,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import APPLY_PATCH, Reply
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.patience import PatientClient
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, FakeKube, Json, copied

NS = "climate"
CERTIFICATES = f"/apis/networking.gke.io/v1/namespaces/{NS}/managedcertificates"
INGRESSES = f"/apis/networking.k8s.io/v1/namespaces/{NS}/ingresses"
CONFIG_MAPS = f"/api/v1/namespaces/{NS}/configmaps"
ADDRESS = "203.0.113.7"
FINALIZER = "networking.gke.io/ingress-finalizer-V2"
FIRST_WORLD = 2
"""Where seeds begin: in the worlds from here on nobody waits long for an authority; that proves as much, sooner."""


class Killed(BaseException):
    """The process ends here, without any cleaning up."""


class GkeClock(FakeClock):
    """Controllers work while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.work: Callable[[], float] = lambda: 0.0

    def sleep(self, seconds: float) -> None:
        end = self.passed + seconds
        while True:
            following = self.work()
            if self.passed >= end:
                return
            super().sleep(min(end - self.passed, max(0.05, following - self.monotonic())))


class FakeGke(PatientClient, FakeKube):
    """The cluster.

    Attributes:
        certs: compute certificates by name.
        proxies: target HTTPS proxies by name.
        stuck: UIDs of certificates that never become Active.
        clings: a target proxy never gives up a certificate.
        count: requests so far, to the API server and to compute.
        kill_at: the request at which the process dies; ``kill_after`` whether it was done by then.
        at_request: called before a request; may do what somebody else does.
        log: every write that took effect, in order.
        activated: when a certificate became Active, by name.
    """

    def __init__(self, seed: int = 0) -> None:
        self.clock = GkeClock()
        self.random = random.Random(seed + FIRST_WORLD)
        self.jitter = self.random.random
        self.certs: dict[str, Json] = {}
        self.proxies: dict[str, Json] = {}
        self.owners: dict[str, str] = {}
        self.stuck: set[str] = set()
        self.clings = False
        self.count = 0
        self.kill_at = 0
        self.kill_after = False
        self.at_request: Callable[[int], None] = lambda _number: None
        self.log: list[tuple[str, str]] = []
        self.activated: dict[str, float] = {}
        self.quotas: list[Json] = []
        self._timers: dict[tuple[str, ...], float] = {}
        self._acted = True
        self._seen: tuple[Any, ...] = ()
        self._next_due = 0.0
        self._told = -1
        self._numbers = 0
        super().__init__(NS)
        self.server_time = ServerTime(self.clock)
        self.discovery["/apis/networking.gke.io/v1"] = {"kind": "APIResourceList"}
        self.clock.work = self.reconcile

    # ---- the process that is watched

    def boundary(self, act: Callable[[], Any]) -> Any:
        """One request of the process under test."""
        self.count += 1
        number = self.count
        self.at_request(number)
        if number == self.kill_at and not self.kill_after:
            raise Killed
        result = act()
        self.clock.sleep(self.random.uniform(0.01, 0.2))
        if number == self.kill_at:
            raise Killed
        return result

    def find(self, call: Call) -> Json | None:
        """GcpApi's reading of compute."""
        assert call.method == "GET", call
        assert call.url.startswith(f"{COMPUTE}projects/research"), call.url
        kind, _slash, name = (
            call.url.removeprefix(f"{COMPUTE}projects/research").removeprefix("/global/").partition("/")
        )
        tables = {"sslCertificates": self.certs, "targetHttpsProxies": self.proxies, "": {"": {"quotas": self.quotas}}}
        found: Json | None = self.boundary(lambda: copied(tables[kind].get(name)))
        return found

    def _send(self, method: str, path: str, query: Any, body: Any, accept: str, content_type: str) -> Reply:
        def act() -> Reply:
            reply = super(FakeGke, self)._send(method, path, query, body, accept, content_type)
            if int(self.clock.passed) != self._told:  # a date has whole seconds: another one in the same tells nothing
                self._told = int(self.clock.passed)
                self.server_time.hear({"date": format_datetime(self.clock.utcnow(), usegmt=True)})
            if method != "GET" and "dryRun" not in (query or {}) and reply.status < 300:
                self.log.append((method, path))
            return reply

        reply: Reply = self.boundary(act)
        return reply

    def _stream(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        self.boundary(lambda: None)
        target = f"{path}/{query['fieldSelector'].removeprefix('metadata.name=')}"
        end = self.clock.monotonic() + float(query["timeoutSeconds"])
        while self.clock.monotonic() < end:
            live = self.objects.get(target)
            version = live["metadata"]["resourceVersion"] if live else ""
            if version != query["resourceVersion"]:
                yield json.dumps({"type": "MODIFIED" if live else "DELETED", "object": live}).encode()
                return
            self.clock.sleep(min(end - self.clock.monotonic(), max(0.05, self.reconcile() - self.clock.monotonic())))

    # ---- what the API server adds

    def _birth(self, path: str, old: Json | None) -> None:
        metadata = self.objects[path]["metadata"]
        if old is None:
            self._numbers += 1
            metadata["uid"] = f"uid-{self._numbers}"
            metadata["creationTimestamp"] = self.clock.utcnow().isoformat()
            metadata.setdefault("namespace", NS)

    def _post(self, path: str, query: Mapping[str, str], body: Json, content_type: str) -> Reply:
        reply = super()._post(path, query, body, content_type)
        if reply.status == 201:
            target = f"{path}/{body['metadata']['name']}"
            if "dryRun" in query:
                return Reply(201, _stamped(body, self.clock.utcnow().isoformat()))
            self._birth(target, None)
        return reply

    def _patch(self, path: str, query: Mapping[str, str], body: Json, content_type: str) -> Reply:
        before = copied(self.objects.get(path))
        if content_type == APPLY_PATCH and "dryRun" in query:
            return Reply(201, _stamped(body, self.clock.utcnow().isoformat()))
        reply = super()._patch(path, query, body, content_type)
        live = self.objects.get(path)
        if reply.status < 300 and "dryRun" not in query and live is not None:
            self._birth(path, before)
            if content_type == APPLY_PATCH:
                _own(live, query["fieldManager"], "Apply")
            elif "managedFields" not in body.get("metadata", {}):
                _own(live, "researchops.jupyterhub", "Update")
        return reply

    def _delete(self, path: str, query: Mapping[str, str], body: Json, content_type: str) -> Reply:
        live = self.objects.get(path)
        wanted = (body or {}).get("preconditions") or {}
        if live is not None and any(live["metadata"].get(key) != value for key, value in wanted.items()):
            return Reply(409, {"message": "the precondition failed", "reason": "Conflict"})
        if live is None or "dryRun" in query:
            return super()._delete(path, query, body, content_type)
        lingers = live["metadata"].get("finalizers") or (path.startswith(CERTIFICATES) and self.random.random() < 0.5)
        if not lingers:
            return super()._delete(path, query, body, content_type)
        live["metadata"].setdefault("deletionTimestamp", self.clock.utcnow().isoformat())
        self.put(path, live)
        return Reply(200, {})

    # ---- controllers

    def _due(self, key: tuple[str, ...], needed: bool, shortest: float, longest: float) -> bool:
        """Whether a reaction to something that is needed happens now."""
        if not needed:
            self._timers.pop(key, None)
            return False
        now = self.clock.monotonic()
        due = self._timers.setdefault(key, now + self.random.uniform(shortest, longest))
        if now < due:
            return False
        del self._timers[key]
        self._acted = True
        return True

    def live(self, collection: str) -> list[Json]:
        """The objects of a collection."""
        # Every moment of the simulation comes here: a prefix is a quicker question than the folder of each path.
        below = f"{collection}/"
        return [self.objects[path] for path in sorted(path for path in self.objects if path.startswith(below))]

    def reconcile(self) -> float:
        """Every controller does what is due; returns when the next thing will be."""
        # Most of the simulation's moments are before that, and nobody has changed anything: nothing to look at.
        if self.clock.monotonic() < self._next_due and self._seen == self._visible():
            return self._next_due
        for certificate in self.live(CERTIFICATES):
            self._certificate(certificate)
        for ingress in self.live(INGRESSES):
            self._ingress(ingress)
        owners = {obj["metadata"]["uid"] for obj in self.live(CERTIFICATES)}
        used = {url.rpartition("/")[2] for proxy in self.proxies.values() for url in proxy["sslCertificates"]}
        for name in list(self.certs):
            orphan = self.owners[name] not in owners
            if self._due(("cleanup", name), orphan and name not in used, 5, 120):
                del self.certs[name]
        acted, self._acted = self._acted, False
        now = self.clock.monotonic()
        # What was done may call for a reaction that no controller has noticed yet.
        self._next_due = now if acted else min((due for due in self._timers.values() if due > now), default=now + 3600)
        self._seen = self._visible()
        return self._next_due

    def _visible(self) -> tuple[Any, ...]:
        """What differs whenever something has changed that controllers go by."""
        return self._version, len(self.objects), len(self.certs), len(self.proxies), len(self.stuck), self.clings

    def _save(self, collection: str, obj: Json) -> None:
        self.put(f"{collection}/{obj['metadata']['name']}", obj)

    def _certificate(self, obj: Json) -> None:
        metadata, status = obj["metadata"], obj.setdefault("status", {})
        uid, name = metadata["uid"], metadata["name"]
        if self._due(("gone", uid), bool(metadata.get("deletionTimestamp")), 1, 20):
            del self.objects[f"{CERTIFICATES}/{name}"]
            return
        if self._due(("twin", uid), not status.get("certificateName"), 1, 20):
            twin = f"mcrt-{self.random.randrange(16**8):08x}"
            self.owners[twin] = uid
            self.certs[twin] = {"name": twin, "managed": {"status": "PROVISIONING"}}
            status |= {"certificateName": twin, "certificateStatus": "Provisioning"}
            status["domainStatus"] = [{"domain": one, "status": "Provisioning"} for one in obj["spec"]["domains"]]
            self._save(CERTIFICATES, obj)
        twin = status.get("certificateName", "")
        shown = any(
            twin == url.rpartition("/")[2] for proxy in self.proxies.values() for url in proxy["sslCertificates"]
        )
        waiting = bool(twin) and shown and uid not in self.stuck and status["certificateStatus"] != "Active"
        if self._due(("active", uid), waiting, 30, 600):
            self.activate(name)

    def activate(self, name: str) -> None:
        """The authority has issued a certificate."""
        obj = self.objects[f"{CERTIFICATES}/{name}"]
        obj["status"] |= {"certificateStatus": "Active", "expireTime": "2027-02-20T00:00:00.000-08:00"}
        obj["status"]["domainStatus"] = [{"domain": one, "status": "Active"} for one in obj["spec"]["domains"]]
        self.certs[obj["status"]["certificateName"]]["managed"] = {"status": "ACTIVE"}
        self.activated[name] = self.clock.monotonic()
        self._save(CERTIFICATES, obj)

    def _ingress(self, obj: Json) -> None:
        metadata = obj["metadata"]
        name, notes = metadata["name"], metadata.setdefault("annotations", {})
        proxy_name = f"k8s2-ts-{name}"
        if metadata.get("deletionTimestamp"):
            if self._due(("ingress gone", metadata["uid"]), True, 10, 60):
                self.proxies.pop(proxy_name, None)
                del self.objects[f"{INGRESSES}/{name}"]
            return
        if self._due(("proxy", metadata["uid"]), proxy_name not in self.proxies, 5, 60):
            self.proxies[proxy_name] = {"name": proxy_name, "sslCertificates": []}
            notes |= {HTTPS_PROXY: proxy_name, "ingress.kubernetes.io/backends": "{}"}
            metadata["finalizers"] = [FINALIZER]
            obj["status"] = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}
            self._save(INGRESSES, obj)
        wanted = self._twins_of(names_in(notes.get(ATTACHED, "")))
        if self._due(("pre-shared", name), wanted != list(names_in(notes.get(PRE_SHARED, ""))), 2, 30):
            notes[PRE_SHARED] = ",".join(wanted)
            if not wanted:
                del notes[PRE_SHARED]
            self._save(INGRESSES, obj)
        proxy = self.proxies.get(proxy_name)
        if proxy is None:
            return
        shown = [url.rpartition("/")[2] for url in proxy["sslCertificates"]]
        wanted = list(names_in(notes.get(PRE_SHARED, "")))
        if self.clings:
            wanted = [*shown, *(one for one in wanted if one not in shown)]
        if self._due(("shown", name), wanted != shown, 5, 60):
            proxy["sslCertificates"] = [f"https://compute/global/sslCertificates/{one}" for one in wanted]

    def _twins_of(self, names: Sequence[str]) -> list[str]:
        live = {obj["metadata"]["name"]: obj for obj in self.live(CERTIFICATES)}
        twins = [live[name].get("status", {}).get("certificateName", "") for name in names if name in live]
        return [twin for twin in twins if twin]


def _stamped(body: Json, moment: str) -> Json:
    return {**body, "metadata": {**body["metadata"], "creationTimestamp": moment}}


def _own(live: Json, manager: str, operation: str) -> None:
    entry = {"manager": manager, "operation": operation}
    fields = live["metadata"].setdefault("managedFields", [])
    if entry not in fields:
        fields.append(entry)


class FakeNames:
    """Authoritative name servers: two of them, of one mind.

    Attributes:
        records: values by name and type.
        code: how every question without records ends.
    """

    def __init__(self, **hosts: str) -> None:
        self.records: dict[tuple[str, str], tuple[str, ...]] = {}
        self.code = Code.NO_DATA
        self.asked: list[tuple[str, str]] = []
        for host, address in hosts.items():
            self.records[host.replace("_", "."), "A"] = (address,)

    def __call__(self, wanted: Sequence[Wanted]) -> list[Look]:
        """One round."""
        return [self._look(item) for item in wanted]

    def _look(self, wanted: Wanted) -> Look:
        self.asked.append((wanted.name, wanted.rtype))
        values = self.records.get((wanted.name, wanted.rtype), ())
        code = Code.ANSWER if values else self.code
        return Look(wanted, "example.org", tuple(Answer(f"ns{n}", f"192.0.2.{n}", code, values) for n in (1, 2)))


HELM = {
    "labels": {"app.kubernetes.io/managed-by": "Helm", "app": "hub"},
    "annotations": {"meta.helm.sh/release-name": "front", "meta.helm.sh/release-namespace": NS},
}


def failed_status(twin: str, domain: str, status: str = "FailedNotVisible") -> Json:
    """The status of a certificate that waits for something that may never come."""
    said = [{"domain": domain, "status": status}]
    return {"certificateName": twin, "certificateStatus": "Provisioning", "domainStatus": said}


def certificate_object(name: str, domain: str, status: Json, *, uid: str, manager: str = "helm") -> Json:
    """A ManagedCertificate that Helm made ten days ago."""
    return {
        "apiVersion": "networking.gke.io/v1",
        "kind": "ManagedCertificate",
        "metadata": {
            "name": name,
            "namespace": NS,
            "uid": uid,
            "creationTimestamp": "2026-11-12T14:00:00Z",
            "managedFields": [{"manager": manager, "operation": "Apply"}] if manager else [],
            **copied(HELM),
        },
        "spec": {"domains": [domain]},
        "status": status,
    }


def ingress_object(attached: str, *, static: str = "hub-address", manager: str = "helm") -> Json:
    """The hub's Ingress, in service for ten days."""
    obj: Json = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "hub",
            "namespace": NS,
            "uid": "uid-ingress",
            "creationTimestamp": "2026-11-12T14:00:00Z",
            "finalizers": [FINALIZER],
            "managedFields": [{"manager": manager, "operation": "Apply"}] if manager else [],
            "labels": dict(HELM["labels"]),
            "annotations": {
                **HELM["annotations"],
                ATTACHED: attached,
                "kubernetes.io/ingress.class": "gce",
                "ingress.kubernetes.io/backends": '{"k8s1-a": "HEALTHY"}',
                HTTPS_PROXY: "k8s2-ts-hub",
            },
        },
        "spec": {"defaultBackend": {"service": {"name": "hub-front", "port": {"number": 80}}}},
        "status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}},
    }
    if static:
        obj["metadata"]["annotations"]["kubernetes.io/ingress.global-static-ip-name"] = static
    return obj


def stuck_cluster(seed: int = 0, *, alone: bool = False, clings: bool = False, manager: str = "helm") -> FakeGke:
    """A hub whose certificate failed while its name led elsewhere, beside another certificate that serves well."""
    gke = FakeGke(seed)
    gke.clings = clings
    gke.stuck.add("uid-hub")
    twins = {"mcrt-hub": "uid-hub"}
    status = failed_status("mcrt-hub", "hub.example.org")
    hub = certificate_object("hub-tls", "hub.example.org", status, uid="uid-hub", manager=manager)
    gke.put(f"{CERTIFICATES}/hub-tls", hub)
    if not alone:
        twins = {"mcrt-other": "uid-other", **twins}
        other = certificate_object("other-tls", "other.example.org", {}, uid="uid-other", manager=manager)
        other["status"] = failed_status("mcrt-other", "other.example.org", "Active") | {"certificateStatus": "Active"}
        gke.put(f"{CERTIFICATES}/other-tls", other)
    for twin, uid in twins.items():
        gke.owners[twin] = uid
        gke.certs[twin] = {"name": twin, "managed": {"status": "PROVISIONING" if uid == "uid-hub" else "ACTIVE"}}
    ingress = ingress_object("hub-tls" if alone else "other-tls, hub-tls", manager=manager)
    ingress["metadata"]["annotations"][PRE_SHARED] = ",".join(twins)
    gke.put(f"{INGRESSES}/hub", ingress)
    urls = [f"https://compute/global/sslCertificates/{twin}" for twin in twins]
    gke.proxies["k8s2-ts-hub"] = {"name": "k8s2-ts-hub", "sslCertificates": urls}
    return gke
