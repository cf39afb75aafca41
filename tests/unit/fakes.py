# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubles for unit tests: time that passes at once, a cluster in memory, a Helm that writes into it.

They refuse what nobody foresaw: an unknown request is a failed test, never an empty answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import Clock, ServerTime
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import release_state
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import APPLY_PATCH, KubeClient, Reply

Json = dict[str, Any]
Handler = Callable[[str, str, Mapping[str, str], Any], Reply | None]

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def copied(tree: Any) -> Any:
    """A JSON value again, sharing nothing; several times as fast as copy.deepcopy, which long simulations feel."""
    if isinstance(tree, dict):
        return {key: copied(value) if isinstance(value, (dict, list)) else value for key, value in tree.items()}
    return [copied(item) for item in tree] if isinstance(tree, list) else tree


class FakeClock:
    """Time that passes only by sleeping; callbacks may be hung onto moments."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []
        self._later: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def utcnow(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds
        due = [item for item in self._later if item[0] <= self.passed]
        self._later = [item for item in self._later if item[0] > self.passed]
        for _moment, action in due:
            action()

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen when ``seconds`` have passed."""
        self._later.append((seconds, action))


def away(clock: FakeClock, until: float, since: float = 0.0) -> Handler:
    """An API server that nobody can reach for a while, by the seconds that have passed."""

    def answer(_method: str, _path: str, _query: Any, _body: Any) -> Reply | None:
        if since <= clock.passed < until:
            raise HubError("E-K8S-02", "The API server cannot be reached: Connection refused", "check the address")
        return None

    return answer


class WrongClock:
    """The same time by a clock that is wrong."""

    def __init__(self, right: FakeClock, ahead: float) -> None:
        self._right = right
        self.ahead = timedelta(seconds=ahead)
        self.monotonic, self.sleep = right.monotonic, right.sleep

    def utcnow(self) -> datetime:
        return self._right.utcnow() + self.ahead


@dataclass(frozen=True)
class Place:
    """A path of the API, taken apart."""

    collection: str
    name: str = ""
    rest: str = ""
    namespace: str = ""


PATH = re.compile(
    r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<ns>[^/]+))?/(?P<plural>[a-z]+)(/(?P<name>[^/]+))?"
)


def place(path: str) -> Place | None:
    """Collection and name of a path; None for what is no object path (discovery)."""
    if re.fullmatch(r"/api/v1/namespaces(/[^/]+)?", path):
        return Place("/api/v1/namespaces", path.removeprefix("/api/v1/namespaces").strip("/"))
    match = PATH.match(path)
    if match is None:
        return None
    scope = f"/namespaces/{match['ns']}" if match["ns"] else ""
    return Place(
        f"{match['root']}{scope}/{match['plural']}", match["name"] or "", path[match.end() :], match["ns"] or ""
    )


class FakeKube(KubeClient):
    """The real adapter over a cluster in memory.

    Attributes:
        objects: the live objects by path.
        requests: every request as ``(method, path, dry run)``.
    """

    def __init__(self, *namespaces: str) -> None:
        super().__init__(_configuration(), None, "/kubeconfig")
        self.objects: dict[str, Json] = {}
        self.requests: list[tuple[str, str, bool]] = []
        self.discovery: dict[str, Json] = {}
        self._applied: dict[str, Json] = {}
        self._handlers: list[Handler] = []
        self._version = 100
        for name in namespaces:
            self.put("/api/v1/namespaces/" + name, {"kind": "Namespace", "metadata": {"name": name}})

    # ---- for tests

    def told_time(self, ours: Clock, right: FakeClock) -> None:
        """The server has told its time, to somebody who goes by the clock ``ours``."""
        self.server_time = ServerTime(ours)
        self.server_time.hear({"date": format_datetime(right.utcnow(), usegmt=True)})

    def put(self, path: str, obj: Json) -> Json:
        """Place an object into the cluster as it is."""
        metadata = obj.setdefault("metadata", {})
        metadata.setdefault("name", path.rpartition("/")[2])
        metadata["resourceVersion"] = self._next()
        self.objects[path] = obj
        return obj

    def on(self, handler: Handler) -> None:
        """Ask ``handler(method, path, query, body)`` first; it may answer, raise, change the cluster or return None."""
        self._handlers.append(handler)

    def names(self, collection: str) -> list[str]:
        """Names of the objects in a collection."""
        return sorted(path.rpartition("/")[2] for path in self.objects if path.rpartition("/")[0] == collection)

    def apply_as(self, manager: str, path: str, body: Json) -> Json:
        """Apply an object under somebody's name, without a record of the request."""
        return self._apply(path, {"fieldManager": manager}, copied(body), self.objects.get(path)).body

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What changed something: mutating verbs without dry run."""
        return [(method, path) for method, path, dry in self.requests if method != "GET" and not dry]

    # ---- the wire

    def _send(self, method: str, path: str, query: Any, body: Any, accept: str, content_type: str) -> Reply:
        query = dict(query or {})
        self.requests.append((method, path, query.get("dryRun") == "All"))
        for handler in self._handlers:
            reply = handler(method, path, query, body)
            if reply is not None:
                return reply
        where = place(path)
        if where is None:
            return self._discover(path)
        if where.rest:
            raise AssertionError(f"nobody foresaw {method} {path}")
        if method == "GET":
            return self._get(path, query, where)
        if where.namespace and f"/api/v1/namespaces/{where.namespace}" not in self.objects:
            return _status(404, f'namespaces "{where.namespace}" not found')
        writers = {"POST": self._post, "PATCH": self._patch, "DELETE": self._delete}
        return writers[method](path, query, copied(body), content_type)

    def _discover(self, path: str) -> Reply:
        found = self.discovery.get(path)
        return Reply(200, found) if found is not None else _status(404, "not found")

    def _get(self, path: str, query: Mapping[str, str], where: Place) -> Reply:
        if where.name:
            found = self.objects.get(path)
            return Reply(200, copied(found)) if found is not None else _status(404, "not found")
        items = [
            copied(item)
            for key, item in sorted(self.objects.items())
            if key.rpartition("/")[0] == where.collection and _selected(item, query.get("labelSelector", ""))
        ]
        return Reply(200, {"items": items})

    def _post(self, path: str, query: Mapping[str, str], body: Json, _content_type: str) -> Reply:
        target = f"{path}/{body['metadata']['name']}"
        if target in self.objects:
            return _status(409, "already exists")
        if "dryRun" not in query:
            self.put(target, body)
        return Reply(201, body)

    def _patch(self, path: str, query: Mapping[str, str], body: Json, content_type: str) -> Reply:
        live = self.objects.get(path)
        if content_type == APPLY_PATCH:
            return self._apply(path, query, body, live)
        if live is None:
            return _status(404, "not found")
        wanted = (body.get("metadata") or {}).get("resourceVersion")
        if wanted is not None and wanted != live["metadata"]["resourceVersion"]:
            return _status(409, "the object has been modified")
        merged = _merge(copied(live), body)
        if "dryRun" not in query:
            self.put(path, merged)
        return Reply(200, merged)

    def _apply(self, path: str, query: Mapping[str, str], body: Json, live: Json | None) -> Reply:
        """Server-side apply: what this manager applied before and does not any more goes away; lists are replaced."""
        key = f"{path} {query['fieldManager']}"
        result = _without(copied(live), self._applied.get(key, {}), body) if live is not None else {}
        result = _merge(result, body)
        if "dryRun" not in query:
            self._applied[key] = copied(body)
            self.put(path, result)
        return Reply(200 if live is not None else 201, copied(result))

    def _delete(self, path: str, query: Mapping[str, str], body: Json | None, _content_type: str) -> Reply:
        if path not in self.objects:
            return _status(404, "not found")
        live, conditions = self.objects[path]["metadata"], (body or {}).get("preconditions") or {}
        if any(value not in (None, live.get(key)) for key, value in conditions.items()):
            return _status(409, "the object has been modified")
        if "dryRun" not in query and live.get("finalizers"):
            live.setdefault("deletionTimestamp", START.isoformat())
        elif "dryRun" not in query:
            del self.objects[path]
        return Reply(200, {})

    def _next(self) -> str:
        self._version += 1
        return str(self._version)


def _configuration() -> SimpleNamespace:
    return SimpleNamespace(host="https://api.test:6443", ssl_ca_cert=None, auth_settings=dict)


def _status(code: int, message: str) -> Reply:
    return Reply(code, {"kind": "Status", "message": message})


def _selected(item: Json, selector: str) -> bool:
    labels = (item.get("metadata") or {}).get("labels") or {}
    wanted = [part.partition("=") for part in selector.split(",") if part]
    return all(labels.get(key) == value for key, _equals, value in wanted)


def _merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    target = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = _merge(target.get(key), value)
    return target


def _without(live: Any, before: Any, after: Any) -> Any:
    if isinstance(live, dict) and isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key not in after:
                live.pop(key, None)
            elif key in live:
                live[key] = _without(live[key], before[key], after[key])
    return live


Rendering = Callable[[Json], list[Json]]


@dataclass
class FakeHelm:
    """Helm's effects on a :class:`FakeKube`: records of revisions, and the objects of a chart.

    Attributes:
        chart: makes the objects from the values.
        calls: what was asked of it, without the values.
        fails: raised by the next upgrade, after its revision was recorded as ``leaves``.
    """

    kube: FakeKube
    clock: FakeClock
    chart: Rendering
    namespace: str = "hub"
    release: str = "hub"
    chart_version: str = "4.4.0"
    calls: list[str] = field(default_factory=list)
    hooks: list[Json] = field(default_factory=list)
    fails: HubError | None = None
    leaves: str = "pending-upgrade"
    archive: bytes = b""

    def version(self) -> tuple[int, int]:
        return (4, 3)

    def pull(self, chart: Any, directory: Path) -> Path:
        self.calls.append(f"pull {chart}")
        path = directory / "chart.tgz"
        path.write_bytes(self.archive)
        return path

    def render(self, chart: Path, values: Json, timeout: float) -> Json:
        self.calls.append("render")
        return self._release(values, "dry-run")

    def template(self, chart: Path, values: Json, timeout: float) -> str:
        self.calls.append("template")
        return "---\n".join(json.dumps(obj) + "\n" for obj in self.chart(values))

    def upgrade(self, chart: Path, values: Json, labels: Mapping[str, str], timeout: float) -> Json:
        self.calls.append("upgrade")
        number = self._newest() + 1
        if self.fails is not None:
            problem, self.fails = self.fails, None
            self.record(number, self.leaves, values, labels)
            raise problem
        for obj in self.chart(values):
            self._put(obj)
        self._supersede()
        return self.record(number, "deployed", values, labels)

    def rollback(self, revision: int, timeout: float) -> None:
        self.calls.append(f"rollback {revision}")
        stored = release_state.decode(self.kube.objects[self._path(revision)])
        self._supersede()
        self.record(self._newest() + 1, "deployed", stored["config"], {})

    def uninstall(self, timeout: float) -> None:
        self.calls.append("uninstall")
        stored = release_state.decode(self.kube.objects[self._path(self._newest())])
        for obj in self.chart(stored["config"]):
            if (obj["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") != "keep":
                self.kube.objects.pop(self._object_path(obj), None)
        for number in range(1, self._newest() + 1):
            self.kube.objects.pop(self._path(number), None)

    def record(self, number: int, status: str, values: Json, labels: Mapping[str, str]) -> Json:
        """Write down a revision as Helm does; labels are handed on from the one before, ``null`` removes."""
        release = self._release(values, status) | {"version": number}
        before = self.kube.objects.get(self._path(number - 1), {}).get("metadata", {}).get("labels", {})
        system = {"owner": "helm", "name": self.release, "status": status, "version": str(number)}
        handed = {key: value for key, value in {**before, **labels}.items() if value != "null"}
        secret = {
            "kind": "Secret",
            "metadata": {"labels": {**handed, **system}, "creationTimestamp": self.clock.utcnow().isoformat()},
            "data": {"release": release_state.encode(release)},
        }
        self.kube.put(self._path(number), secret)
        return release

    def _release(self, values: Json, status: str) -> Json:
        documents = "".join("---\n" + json.dumps(obj) + "\n" for obj in self.chart(values))
        metadata = {"name": "jupyterhub", "version": self.chart_version, "appVersion": "5.5.0"}
        return {
            "name": self.release,
            "namespace": self.namespace,
            "info": {"status": status},
            "chart": {"metadata": metadata},
            "config": values,
            "manifest": documents,
            "hooks": self.hooks,
            "apply_method": "ssa",
            "version": self._newest() + 1,
        }

    def _path(self, number: int) -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets/sh.helm.release.v1.{self.release}.v{number}"

    def _newest(self) -> int:
        numbers = [0]
        for name in self.kube.names(f"/api/v1/namespaces/{self.namespace}/secrets"):
            match = re.fullmatch(rf"sh\.helm\.release\.v1\.{self.release}\.v(\d+)", name)
            numbers += [int(match[1])] if match else []
        return max(numbers)

    def _supersede(self) -> None:
        for number in range(1, self._newest() + 1):
            secret = self.kube.objects.get(self._path(number))
            if secret and secret["metadata"]["labels"]["status"] == "deployed":
                secret["metadata"]["labels"]["status"] = "superseded"

    def _object_path(self, obj: Json) -> str:
        plural = {"NetworkPolicy": "networkpolicies"}.get(obj["kind"], obj["kind"].lower() + "s")
        root = f"/apis/{obj['apiVersion']}" if "/" in obj["apiVersion"] else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{plural}/{obj['metadata']['name']}"

    def _put(self, obj: Json) -> None:
        """Apply an object with Helm's marks, and let its controller finish at once."""
        path = self._object_path(obj)
        marks = {
            "labels": {**(obj["metadata"].get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"},
            "annotations": {
                **(obj["metadata"].get("annotations") or {}),
                "meta.helm.sh/release-name": self.release,
                "meta.helm.sh/release-namespace": self.namespace,
            },
        }
        body = {**obj, "metadata": {**obj["metadata"], "namespace": self.namespace, **marks}}
        self.kube.apply_as("helm", path, body)
        if obj["kind"] == "Deployment":
            make_ready(self.kube, path)


def make_ready(kube: FakeKube, path: str) -> None:
    """What controllers and kubelet do for a Deployment, at once."""
    live = kube.objects[path]
    replicas = live["spec"].get("replicas", 1)
    generation = live["metadata"].get("generation", 0) + 1
    live["metadata"]["generation"] = generation
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas)
    live["status"] = {"observedGeneration": generation, **counts}
    namespace, name = live["metadata"]["namespace"], live["metadata"]["name"]
    pod = {
        "kind": "Pod",
        "metadata": {"namespace": namespace, "labels": dict(live["spec"]["selector"]["matchLabels"])},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": name, "image": "hub:1", "imageID": "sha256:aa", "restartCount": 0}],
        },
    }
    kube.put(f"/api/v1/namespaces/{namespace}/pods/{name}-1", pod)


def fails(error_id: str, call: Callable[[], Any]) -> HubError:
    """Assert that a call ends with this error, and return it."""
    with pytest.raises(HubError) as caught:
        call()
    assert caught.value.error_id == error_id, str(caught.value)
    return caught.value


def refusal(error_id: str) -> HubError:
    """An error as Helm's adapter raises it."""
    return HubError(error_id, "Helm ended badly", "run again", changed=Changed.UNKNOWN)


def run_module(main: Callable[[], None], options: Json, capsys: Any, *, check_mode: bool = False) -> Json:
    """Run a module's ``main`` in this process, as Ansible would start it, and return the JSON it prints."""
    from ansible.module_utils import basic

    arguments = {**options, "_ansible_check_mode": check_mode}
    capsys.readouterr()
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:  # before ansible-core 2.19
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        _ends(main)
        basic._ANSIBLE_ARGS = None
    else:
        with patch_module_args(arguments):
            _ends(main)
    printed: Json = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    return printed


def _ends(main: Callable[[], None]) -> None:
    try:
        main()
    except SystemExit:
        return
    raise AssertionError("the module returned instead of ending")
