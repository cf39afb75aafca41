# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A small client for the Kubernetes API, over the connection handling of the ``kubernetes`` package.

The package reads the kubeconfig (client certificates, tokens, proxies, TLS names) and owns the connection pool, except
for the usual kubeconfig, which :mod:`.connection` opens faster, and for login programs. This adapter adds what the
package lacks: a timeout on every request, one error per cause, a single renewal of credentials on 401, a look at the
object before a write whose answer was lost is sent again, the kubeconfig's own proxy, and plain JSON instead of typed
models. There is no implicit in-cluster configuration: a run inside a cluster (AWX) must never change that cluster by
accident.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from .._core.clock import ServerTime, SystemClock
from .._core.errors import Changed, HubError, is_installed, missing_library, require
from .connection import checking, open_connection, read_login, repeats, server_is_here
from .kubeconfig import Chosen, proxy_of, unusable
from .readback import Fate, Write, judge

Json = dict[str, Any]
T = TypeVar("T")

CONNECT_TIMEOUT = 5.0
"""Seconds until a connection must stand."""
READ_TIMEOUT = 30.0
"""Seconds between two bytes of a reply."""
WATCH_SECONDS = 25.0
"""Seconds one watch lasts at most: the server ends it before a silent connection counts as dead."""
PAGE = 500
"""Objects per page of a list; the server's own clients use the same."""

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
FIELD_MANAGER = "researchops.jupyterhub"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
REFUSED_TOKEN = "RESEARCHOPS_REFUSED_TOKEN"
"""Tells our login helper which token it must not hand out again, by its SHA-256; see exec_credential.py."""
NOBODY = 'User "system:anonymous"'
"""How the API server's refusals name somebody who sent no credentials."""
POLICIES = re.compile(
    r"admission webhook \S+ denied the request|ValidatingAdmissionPolicy '|(exceeded|failed) quota: "
    r"|violates PodSecurity |(maximum|minimum) \S+ usage per |max limit to request ratio per ",
    re.IGNORECASE,
)
"""What a 403 of admission says: webhooks (Gatekeeper, Kyverno), the server's own policies, ResourceQuota, PodSecurity,
LimitRange. Missing permissions read otherwise: ``User "u" cannot patch resource``, ``attempting to grant``."""
ASK_POLICY = "set the value this policy or quota of the cluster asks for, or ask its administrator for an exception"
TERMINATING = re.compile(r"in namespace (\S+) because it is being terminated")
"""What a 403 says about a namespace that somebody has deleted, and that is not gone yet."""
GKE_CONNECT = "container.clusters.connect"
"""The permission that Google asks for at a GKE cluster's DNS endpoint, before the cluster's own rules."""
EKS = re.compile(r"\.(eks\.amazonaws\.com|eks-cluster\.[^./]+\.api\.aws)")
"""The API servers of EKS, by their names."""


@dataclass(frozen=True)
class Reply:
    """One answer of the API server: HTTP status, decoded body, and the seconds it wants to be left alone."""

    status: int
    body: Json
    retry_after: float = 0.0


@dataclass(frozen=True)
class Limits:
    """How long a request may take.

    Attributes:
        connect: seconds for a connection.
        read: seconds for an answer, and between two parts of it.
        retries: how often a read that was lost on the way is repeated.
    """

    connect: float = CONNECT_TIMEOUT
    read: float = READ_TIMEOUT
    retries: int = 2


class KubeClient:
    """Requests against one API server. Build it with :meth:`from_kubeconfig`."""

    def __init__(self, configuration: Any, pool: Any, origin: str) -> None:
        """Wrap an already configured connection.

        Args:
            configuration: ``kubernetes.client.Configuration``, or :class:`.connection.Connection`.
            pool: the ``urllib3`` pool manager that belongs to it.
            origin: where the configuration came from, for messages.
        """
        self._configuration = configuration
        self._pool = pool
        self._origin = origin
        self._credentials = _credentials(configuration)
        self._renewing = threading.Lock()
        self.limits = Limits()
        self.server_time = ServerTime(SystemClock())

    @classmethod
    def from_kubeconfig(cls, kubeconfig: str | None, context: str | None) -> KubeClient:
        """Read a kubeconfig: the given path, else ``KUBECONFIG``, else ``~/.kube/config``.

        Raises:
            HubError: E-LIB-01 without the kubernetes package, E-K8S-01 for a kubeconfig that cannot be used.
        """
        path = os.path.expanduser(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
        configuration, pool = _load(path, context)
        return cls(configuration, pool, path)

    def brief(self, seconds: float) -> KubeClient:
        """The same client for requests that had better fail than wait: a read that gets no answer is not repeated.

        Args:
            seconds: for a connection, and again for an answer.
        """
        made = copy.copy(self)
        made.limits = Limits(min(CONNECT_TIMEOUT, seconds), seconds, 0)
        return made

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    @property
    def ca_file(self) -> str | None:
        """The file with the CA the server's certificate is checked against, None for the system's."""
        return self._configuration.ssl_ca_cert or None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Json | None:
        """One object, or None where there is none (404)."""
        reply = self.request("GET", path, query=query)
        return None if reply.status == 404 else self._accepted(reply, "GET", path)

    def list(self, path: str, query: Mapping[str, str] | None = None, *, metadata_only: bool = False) -> list[Json]:
        """All objects of a collection, read in pages; an unknown collection (404) is empty.

        Args:
            path: the collection, such as ``/api/v1/namespaces/hub/secrets``.
            query: selectors.
            metadata_only: ask for names and labels without the contents.
        """
        return list(self._pages(path, dict(query or {}), METADATA_LIST if metadata_only else "application/json"))

    def _pages(self, path: str, query: dict[str, str], accept: str) -> Iterator[Json]:
        query["limit"] = str(PAGE)
        while True:
            reply = self.request("GET", path, query=query, accept=accept)
            if reply.status == 404:
                return
            body = self._accepted(reply, "GET", path)
            yield from body.get("items") or []
            following = (body.get("metadata") or {}).get("continue")
            if not following:
                return
            query["continue"] = following

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object in a collection; one that exists is an error (E-K8S-05)."""
        return self._written("POST", path, _dry(dry_run), body)

    def apply(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Server-side apply of one object under our field manager; safe to repeat."""
        query = _dry(dry_run) | {"fieldManager": FIELD_MANAGER, "force": "true"}
        return self._written("PATCH", path, query, body, APPLY_PATCH)

    def merge(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """JSON merge patch of one object; ``metadata.resourceVersion`` in the body guards against a race."""
        return self._written("PATCH", path, _dry(dry_run), body, MERGE_PATCH)

    def delete(self, path: str, *, dry_run: bool = False, body: Json | None = None) -> bool:
        """Delete an object; False where there was none."""
        query = _dry(dry_run)
        reply = self.request("DELETE", path, query, body)
        if reply.status == 404:
            return False
        self._accepted(reply, "DELETE", path, query)
        return True

    def watch(self, path: str, query: Mapping[str, str], seconds: float) -> Iterator[Json]:
        """What happens in a collection, as it happens: ``{"type": "MODIFIED", "object": {...}}``.

        Args:
            path: the collection.
            query: ``fieldSelector`` and ``resourceVersion``: only what is newer than that version is told.
            seconds: how long to look; the end of the events is not an error.

        Raises:
            HubError: as :meth:`request`; E-K8S-08 with status 410 when that version is too old to go on from.
        """
        bounded = {**query, "watch": "true", "timeoutSeconds": str(max(1, int(min(seconds, WATCH_SECONDS))))}
        for line in self._stream(path, bounded):
            event = _decode(line)
            if event.get("type") == "ERROR":
                status = event.get("object") or {}
                raise api_error(Reply(int(status.get("code") or 500), status), "WATCH", path, self.server)
            yield event

    def _stream(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """The lines of an answer that goes on for a while."""
        import urllib3

        used = self._credentials
        answer = self._open_stream(path, query)
        if answer.status == 401:
            answer.release_conn()
            self._renew(used)
            answer = self._open_stream(path, query)
        try:
            if answer.status != 200:
                raise api_error(Reply(answer.status, _decode(answer.data)), "WATCH", path, self.server)
            yield from _lines(answer.stream(65536))
        except urllib3.exceptions.HTTPError as problem:
            raise _unreachable(self.server, self._origin, problem) from problem
        finally:
            answer.close()

    def _open_stream(self, path: str, query: Mapping[str, str]) -> Any:
        import urllib3

        try:
            return self._pool.request(
                "GET",
                f"{self.server.rstrip('/')}{path}?{urlencode(query)}",
                headers={"Accept": "application/json", "User-Agent": FIELD_MANAGER, **self._credentials},
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
                retries=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as problem:
            raise _unreachable(self.server, self._origin, problem) from problem

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        *,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> Reply:
        """One request; credentials are renewed once when the server says 401.

        Raises:
            HubError: E-K8S-02 unreachable, E-K8S-03 credentials refused.
        """
        used = self._credentials
        reply = self._send_surviving_loss(method, path, query, body, accept, content_type)
        if reply.status == 401:
            self._renew(used)
            reply = self._send_surviving_loss(method, path, query, body, accept, content_type)
        if reply.status == 401:
            raise _not_accepted(self.server, self._origin)
        return reply

    def _renew(self, used: dict[str, str]) -> None:
        """Read the kubeconfig again, unless another thread has done so since ``used`` was refused."""
        with self._renewing:
            if self._credentials is used:
                # In the environment, because Helm starts helpers, too.
                os.environ[REFUSED_TOKEN] = _fingerprint(used)
                context = getattr(self._configuration, "chosen_context", None)
                self._configuration, self._pool = _load(self._origin, context)
                self._credentials = _credentials(self._configuration)

    def _send_surviving_loss(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Json | None,
        accept: str,
        content_type: str,
    ) -> Reply:
        """Send; a write whose answer is lost (a tunnel broke) is settled by a look at its object."""
        try:
            return self._send(method, path, query, body, accept, content_type)
        except HubError as lost:
            write = Write(method, path, query or {}, body or {})
            if method not in WRITES or not (write.harmless or write.place):
                raise
            if not write.harmless and (done := self._read_back(write, lost)) is not None:
                return done
        reply = self._send(method, path, query, body, accept, content_type)
        if reply.status == 409 and method == "POST" and not write.harmless:  # the first one came through after all
            found = self._send("GET", write.place, None, None, accept, content_type)
            if judge(write, found.status, found.body) is Fate.DONE:
                return Reply(201, found.body)
        return reply

    def _read_back(self, write: Write, lost: HubError) -> Reply | None:
        """The answer that was lost, None when the write was not done.

        Raises:
            HubError: nobody can tell.
        """
        try:
            found = self._send("GET", write.place, None, None, "application/json", "application/json")
        except HubError:
            raise lost from None
        fate = judge(write, found.status, found.body)
        if fate is Fate.UNCLEAR:
            raise lost
        if fate is Fate.LOST:
            return None
        return Reply(201 if write.method == "POST" else 200, found.body if found.status == 200 else {})

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Json | None,
        accept: str,
        content_type: str,
    ) -> Reply:
        import urllib3

        headers = {"Accept": accept, "User-Agent": FIELD_MANAGER, **self._credentials}
        payload = None
        if body is not None:
            headers["Content-Type"] = content_type
            payload = json.dumps(body).encode()
        url = self.server.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._pool.request(
                method,
                url,
                headers=headers,
                body=payload,
                timeout=urllib3.Timeout(connect=self.limits.connect, read=self.limits.read),
                # A write lost on the way is not repeated: it may have been done (see _send_surviving_loss).
                retries=repeats(self.limits.retries, lost=method not in WRITES),
            )
        except urllib3.exceptions.HTTPError as problem:
            written = method in WRITES and not Write(method, path, query or {}, {}).harmless
            raise _unreachable(self.server, self._origin, problem, written=written) from problem
        self.server_time.hear(answer.headers or {})
        asked = str((answer.headers or {}).get("Retry-After") or "")
        return Reply(answer.status, _decode(answer.data), float(asked) if asked.isdecimal() else 0.0)

    def _written(
        self, method: str, path: str, query: Mapping[str, str], body: Json, content_type: str = "application/json"
    ) -> Json:
        """Write an object; what it is then."""
        reply = self.request(method, path, query, body, content_type=content_type)
        return self._accepted(reply, method, path, query)

    def _accepted(self, reply: Reply, method: str, path: str, query: Mapping[str, str] | None = None) -> Json:
        """The body of a successful reply; anything else raises the error that belongs to its status."""
        if 200 <= reply.status < 300:
            return reply.body
        error = api_error(reply, method, path, self.server)
        if reply.status >= 500 and method in WRITES and not Write(method, path, query or {}, {}).harmless:
            error.changed = Changed.UNKNOWN  # it may have been done before the server got into trouble
        raise error


def if_allowed(read: Callable[[], T]) -> T | None:
    """What a reading brings; None where these credentials may not read that (E-K8S-04)."""
    try:
        return read()
    except HubError as problem:
        if problem.error_id != "E-K8S-04":
            raise
        return None


def _not_accepted(server: str, origin: str) -> HubError:
    """The error for credentials that were renewed and are refused all the same."""
    do = "log in again or renew the token, certificate or exec helper that this kubeconfig names, then run again"
    if EKS.search(server):  # which knows nobody without an entry, however good the login at AWS
        do = (
            "give this AWS identity access to the cluster (an access entry of EKS, or its ConfigMap aws-auth), "
            "or log in to AWS again where the session has run out; then run again"
        )
    return HubError(
        error_id="E-K8S-03",
        what=f"The API server {server} does not accept the credentials in {origin} (401 Unauthorized)",
        do=do,
    )


def _reason(body: Json) -> str:
    """Why a request was refused; what Google has put before a cluster answers in the form of Google's own APIs."""
    told = body["error"] if isinstance(body.get("error"), dict) else body
    return str(told.get("message") or told.get("reason") or "no reason given").rstrip(".")


def api_error(reply: Reply, method: str, path: str, server: str) -> HubError:
    """The error for a refused request, with the server's own reason."""
    reason = _reason(reply.body)
    table = {
        403: ("E-K8S-04", "ask the cluster's administrator for this permission, or use credentials that have it"),
        409: ("E-K8S-05", "somebody else changed this object at the same moment; run again"),
        422: ("E-K8S-06", "correct the value the server names"),
        429: ("E-K8S-07", "the API server asks for patience; run again in a minute"),
    }
    error_id, do = table.get(reply.status, ("E-K8S-08", "look at the API server's health, then run again"))
    if reply.status == 403 and NOBODY in reason:
        # The kubernetes package goes on without credentials where a login plugin (auth-provider) fails.
        error_id = "E-K8S-03"
        do = (
            "no credentials were sent: see why with `kubectl --kubeconfig FILE get namespaces`, which shows what the "
            "kubeconfig's login program says, then run again"
        )
    if by_policy(reply.status, reason):
        do = ASK_POLICY
    going = TERMINATING.search(reason)
    if reply.status == 403 and going:
        do = (
            f"wait until namespace {going[1]} is gone (`kubectl get namespace {going[1]} --output yaml` says what "
            "holds it up), then run again"
        )
    if reply.status == 403 and GKE_CONNECT in reason:
        do = f"grant these credentials a role with {GKE_CONNECT} in the project, such as roles/container.clusterViewer"
    return HubError(
        error_id=error_id,
        what=f"{method} {path} was refused by {server}: {reply.status}, {reason}",
        do=do,
        details={"status": reply.status, "method": method, "path": path, "reason": reply.body.get("reason")},
    )


def by_policy(status: int, reason: str) -> bool:
    """Whether admission refused a request, in other words than a missing permission's."""
    return status == 403 and POLICIES.search(reason) is not None


def _credentials(configuration: Any) -> dict[str, str]:
    """The header that carries the credentials, if it is not a client certificate.

    Asked for once, not per request: the kubernetes package takes a token that lives less than five minutes for expired
    and would log in anew each time. An expired one is renewed when the server says 401.
    """
    settings = configuration.auth_settings().values()
    return {setting["key"]: setting["value"] for setting in settings if setting.get("value")}


def _fingerprint(credentials: Mapping[str, str]) -> str:
    """The refused token without the token; empty for other credentials, because a password could be guessed from it."""
    kind, _blank, token = " ".join(credentials.values()).partition(" ")
    return hashlib.sha256(token.encode()).hexdigest() if kind == "Bearer" else ""


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _decode(data: bytes) -> Json:
    try:
        body = json.loads(data or b"{}")
    except ValueError:
        return {"message": data[:200].decode(errors="replace")}
    return body if isinstance(body, dict) else {"message": str(body)[:200]}


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines out of parts that end anywhere; a cut last line is dropped."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        yield from (line for line in whole if line.strip())


def _load(path: str, context: str | None) -> tuple[Any, Any]:
    """Configuration and connection pool for a kubeconfig file: the quick way, or else the kubernetes package's.

    Raises:
        HubError: E-LIB-01 without the kubernetes package, E-K8S-01 for a kubeconfig that cannot be used, E-ACCESS-04,
            E-ACCESS-05 and E-ACCESS-09 as :func:`.connection.read_login`.
    """
    chosen = read_login(path, context)
    quick = open_connection(chosen, context) if chosen else None
    if quick is not None:
        return quick
    require("kubernetes")
    import yaml
    from kubernetes import client, config

    configuration = client.Configuration()
    given: Json = {"context": context or None, "client_configuration": configuration, "persist_config": False}
    try:
        if chosen:  # its login program has run
            config.load_kube_config_from_dict(chosen.document(), **given)
        else:
            config.load_kube_config(config_file=path, **given)
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError) as problem:
        raise HubError(
            error_id="E-K8S-01",
            what=f"The kubeconfig {path} cannot be used: {_first_line(problem)}",
            do="set kubeconfig (cluster_access_kubeconfig) to a file that `kubectl --kubeconfig FILE version` accepts",
        ) from problem
    configuration.chosen_context = context
    if chosen:
        _set_proxy(configuration, chosen)
    return configuration, _as_named(configuration, _pool(configuration, path))


def _set_proxy(configuration: Any, chosen: Chosen) -> None:
    """Go the way that kubectl and Helm go, whichever version of the package this is."""
    proxy = proxy_of(chosen)
    if proxy:
        # The package reads proxy-url from 37.0 on only, and then goes past it for a host in NO_PROXY, which is about
        # the environment's own proxy; either way a request would go past the tunnel.
        configuration.proxy, configuration.no_proxy = proxy, ""
    elif server_is_here(chosen):
        configuration.proxy = None


def _pool(configuration: Any, path: str) -> Any:
    """The connection pool as the package makes it.

    Raises:
        HubError: E-LIB-01 when only PySocks is missing, E-ACCESS-05 for a proxy that the package cannot use.
    """
    from kubernetes import __version__, client

    kind = str(configuration.proxy or "").rpartition("://")[0]
    try:
        return client.ApiClient(configuration).rest_client.pool_manager
    except ImportError as problem:
        if not kind.startswith("socks") or is_installed("socks"):
            raise
        raise missing_library("socks", sys.executable) from problem
    except ValueError as problem:
        if not configuration.proxy:
            raise
        raise unusable(
            path,
            f"the Python package kubernetes {__version__} cannot use the proxy on the way ({kind or 'no scheme'})",
            "give a proxy-url (or HTTPS_PROXY) that starts with http://, or set cluster_access_method to ssh_bastion "
            "with through: socks5, which needs no library; kubernetes 37.0 or later takes socks5:// too, with PySocks",
        ) from problem


def _as_named(configuration: Any, pool: Any) -> Any:
    """The package's pool, which takes a CA that the kubeconfig names as :func:`.connection.checking` does."""
    if configuration.ssl_ca_cert and configuration.verify_ssl:
        # The package has no way to say it; urllib3 loads the CA and the client's certificate into this one.
        pool.connection_pool_kw["ssl_context"] = checking(named=True)
    return pool


def _unreachable(server: str, origin: str, problem: Exception, *, written: bool = False) -> HubError:
    """The error for a request without an answer; `written`: it would have changed something."""
    text = _first_line(problem)
    kind = "connect"
    do = "check the address, the VPN or bastion on the way, and that the cluster runs; then run again"
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        kind = "tls"
        do = (
            "the server's certificate does not fit the CA in the kubeconfig: fetch the kubeconfig anew; "
            "do not switch verification off"
        )
    return HubError(
        error_id="E-K8S-02",
        what=f"The API server {server} (from {origin}) cannot be reached: {text}",
        do=do,
        changed=Changed.UNKNOWN if written else Changed.NOTHING,
        details={"kind": kind},
    )


def _first_line(problem: Exception) -> str:
    """The shortest true description of a library's error, without a full stop."""
    reason = getattr(problem, "reason", None)
    text = str(reason if isinstance(reason, Exception) else problem)
    return text.strip().splitlines()[0][:300].rstrip(".") if text.strip() else type(problem).__name__
