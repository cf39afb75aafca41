# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's cluster as its administrator sees it: set-up for tests, and proof that nothing was touched."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

Json = dict[str, Any]
Snapshot = dict[str, tuple[str, str]]
"""Kind and name of an object -> its uid and resource version."""

RESTLESS = frozenset({"events"})
"""Resources that change without anybody's doing."""


def first_of(kubeconfig: Path) -> tuple[Json, Json]:
    """The cluster and the user of a kubeconfig's current context."""
    content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    entries = {kind: {item["name"]: item for item in content[f"{kind}s"]} for kind in ("context", "cluster", "user")}
    context = entries["context"][content["current-context"]]["context"]
    return entries["cluster"][context["cluster"]]["cluster"], entries["user"][context["user"]]["user"]


def _pem(entry: Json, name: str) -> bytes:
    if f"{name}-data" in entry:
        return base64.b64decode(entry[f"{name}-data"])
    return Path(entry[name]).read_bytes()


class Cluster:
    """Requests with the administrator's client certificate, over one connection."""

    def __init__(self, admin_kubeconfig: Path) -> None:
        cluster, user = first_of(admin_kubeconfig)
        self.server: str = cluster["server"]
        self.authority = _pem(cluster, "certificate-authority").decode()
        self._context = ssl.create_default_context(cadata=self.authority)
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(_pem(user, "client-certificate") + b"\n" + _pem(user, "client-key"))
            pair.flush()
            self._context.load_cert_chain(pair.name)
        self._connection: http.client.HTTPSConnection | None = None

    def request(self, method: str, path: str, body: Json | None = None, accept: str = "application/json") -> Json:
        """One request; 404 gives an empty answer, every other refusal fails the test."""
        headers = {"Accept": accept, "Content-Type": "application/json"}
        payload = json.dumps(body) if body is not None else None
        try:
            answer, text = self._exchange(method, path, payload, headers)
        except (http.client.RemoteDisconnected, ConnectionError):  # the server closed a connection that idled
            self._connection = None
            answer, text = self._exchange(method, path, payload, headers)
        if answer == 404:
            return {}
        assert answer < 300, f"{method} {path}: {answer} {text[:300]!r}"
        found: Json = json.loads(text)
        return found

    def _exchange(self, method: str, path: str, payload: str | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            parts = urlsplit(self.server)
            self._connection = http.client.HTTPSConnection(
                str(parts.hostname), parts.port, context=self._context, timeout=30
            )
        self._connection.request(method, path, payload, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def namespaces(self) -> dict[str, str]:
        """Names and uids of all namespaces."""
        items = self.request("GET", "/api/v1/namespaces")["items"]
        return {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}

    def snapshot(self, namespace: str) -> Snapshot:
        """Every object of a namespace, of whatever kind the API server knows."""
        found: Snapshot = {}
        table = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        for prefix, resource in self._listable():
            answer = self.request("GET", f"{prefix}/namespaces/{namespace}/{resource}", accept=table)
            for item in answer.get("items") or []:
                about = item["metadata"]
                found[f"{resource}/{about['name']}"] = (about["uid"], about["resourceVersion"])
        return found

    def _listable(self) -> Iterator[tuple[str, str]]:
        groups = self.request("GET", "/apis")["groups"]
        for prefix in ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]:
            for resource in self.request("GET", prefix).get("resources") or []:
                if resource["namespaced"] and "list" in resource["verbs"] and resource["name"] not in RESTLESS:
                    yield prefix, resource["name"]

    def make_namespace(self, name: str) -> None:
        """An empty namespace."""
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def drop_namespace(self, name: str, seconds: float = 120) -> None:
        """Delete a namespace with everything in it and wait until it is gone; with no seconds, do not wait."""
        path = f"/api/v1/namespaces/{name}"
        if not self.request("DELETE", path) or not seconds:
            return
        end = time.monotonic() + seconds
        while self.request("GET", path):
            assert time.monotonic() < end, f"namespace {name} is not gone after {seconds:.0f} s"
            time.sleep(0.5)

    def powerless_token(self, namespace: str) -> str:
        """A valid token of an account without any permission of its own."""
        place = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self.request("POST", place, {"metadata": {"name": "powerless"}})
        answer = self.request("POST", f"{place}/powerless/token", {"spec": {"expirationSeconds": 600}})
        return str(answer["status"]["token"])

    def kubeconfig(self, target: Path, user: Mapping[str, Any], *, server: str = "", current: str = "it") -> Path:
        """A kubeconfig of one context, mode 0600, for this cluster and any user."""
        cluster = {
            "server": server or self.server,
            "certificate-authority-data": base64.b64encode(self.authority.encode()).decode(),
        }
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": current,
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": dict(user)}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        target.touch(mode=0o600)
        target.write_text(yaml.safe_dump(content), encoding="utf-8")
        return target
