# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The front Service against a cluster: read, foretell, apply, wait for the address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._core.errors import HubError, writing
from .._core.plan import Plan
from .._core.poll import Verdict, Waited, wait
from .._core.progress import Reporter
from .client import Json, KubeClient, if_allowed
from .front import (
    HUBS,
    Front,
    addresses_of,
    another_hub,
    judge,
    judge_way,
    keeps_proxy_public,
    last_warning,
    leads_to,
    namespace_object,
    no_address,
    not_gone,
    not_this_hub,
    plan,
)
from .objects import is_going
from .patience import passing

INTERVAL = 2.0
"""Seconds between two looks at a Service that waits for its address."""


@dataclass(frozen=True)
class Seen:
    """The live objects.

    Attributes:
        namespace: the hub's namespace, None where it is missing.
        service: the front Service.
        proxy_public: the chart's own Service; read only where there is no front.
        going: a front that somebody has deleted and that is not gone yet; it counts as none.
    """

    namespace: Json | None
    service: Json | None
    proxy_public: Json | None
    going: Json | None = None

    def kept(self, *, known: bool) -> Json | None:
        """The chart's own Service where the address stays on it (`known`: it has one, even if it shows none)."""
        return self.proxy_public if keeps_proxy_public(self.service, self.proxy_public, known=known) else None


class FrontApi:
    """One front on one cluster."""

    def __init__(self, client: KubeClient, front: Front) -> None:
        self._client = client
        self._front = front

    def look(self) -> Seen:
        """Read what there is."""
        namespace = self._client.get(f"/api/v1/namespaces/{self._front.namespace}")
        found = self._client.get(self._front.path) if namespace else None
        service, going = (None, found) if found and is_going(found) else (found, None)
        return Seen(namespace, service, self._proxy_public() if namespace and not service else None, going)

    def make_way(self, seen: Seen, *, timeout: float, reporter: Reporter) -> Seen:
        """Wait until a front that somebody has deleted is gone; what there is then.

        A cloud keeps a Service for a minute or more until its load balancer is gone. With its address it looks like one
        that stands, and an apply changes nothing about its end.

        Raises:
            HubError: E-FRONT-10 for one that does not go in time.
        """
        if seen.going is None:
            return seen
        self._await_gone("was deleted before this run", timeout, reporter)
        return self.look()

    def _await_gone(self, told: str, timeout: float, reporter: Reporter) -> None:
        ended = self._awaited("end", judge_way, timeout, reporter)
        if not ended.done:
            raise not_gone(self._front, told, ended.verdict.reason, self._event(), ended.seconds)

    def refuse_another_hub(self, seen: Seen) -> None:
        """Asks the cluster only where nothing shows that this release is the one whose hub is there.

        Raises:
            HubError: E-FRONT-13.
        """
        if seen.namespace and seen.proxy_public is None:
            refuse_another_hub(self._client, self._front.namespace, self._front.release, seen.service)

    def _proxy_public(self) -> Json | None:
        """The chart's own Service, by its labels: ``fullnameOverride`` gives it another name."""
        query = {"labelSelector": f"component=proxy-public,release={self._front.release}"}
        found = self._client.list(f"/api/v1/namespaces/{self._front.namespace}/services", query)
        return found[0] if found else None

    def foretell(self, seen: Seen) -> Plan:
        """The plan by the server's dry run; a Service that cannot be made yet is foretold without the server."""
        namespace = self._apply_namespace(dry_run=True, live=seen.namespace)
        checked = seen.namespace and not seen.going  # a dry run would show one that is going as it was
        service = self._apply_service(dry_run=True) if checked else self._front.service_object()
        return plan([seen.namespace, seen.service], [namespace, service])

    def apply(self, seen: Seen) -> None:
        """Make both objects; safe to repeat.

        Raises:
            HubError: whatever the API server refuses, saying that a step may be done already.
        """
        self._apply_namespace(dry_run=False, live=seen.namespace)
        with writing():
            self._apply_service(dry_run=False)

    def _apply_namespace(self, dry_run: bool, live: Json | None) -> Json:
        return apply_namespace(self._client, self._front.namespace, dry_run=dry_run, live=live)

    def _apply_service(self, dry_run: bool) -> Json:
        return self._client.apply(self._front.path, self._front.service_object(), dry_run=dry_run)

    def delete(self, *, timeout: float, reporter: Reporter) -> None:
        """Delete the Service and wait until it is gone: whoever takes the cluster down next must not leave the load
        balancer behind, which nobody would take away any more.

        Raises:
            HubError: E-FRONT-10 for one that does not go in time.
        """
        deleted = self._client.delete(self._front.path)
        with writing(deleted):
            self._await_gone("has been deleted", timeout, reporter)

    def addresses(self, *, timeout: float, reporter: Reporter) -> tuple[str, ...]:
        """Wait until the load balancer has given its address.

        Raises:
            HubError: E-FRONT-01 when the time is up.
        """
        front = self._front
        ended = self._awaited("address", lambda service: judge(service, front.address), timeout, reporter)
        if not ended.done:
            raise no_address(front, ended.verdict.reason, self._event(), ended.seconds, addresses_of(ended.observation))
        return addresses_of(ended.observation)

    def _awaited(
        self, what: str, judged: Callable[[Json | None], Verdict], timeout: float, reporter: Reporter
    ) -> Waited[Json | None]:
        """Look at the Service until it is as awaited."""
        return wait(
            f"{what} of Service {self._front.namespace}/{self._front.name}",
            lambda: self._client.get(self._front.path),
            judged,
            timeout=timeout,
            interval=INTERVAL,
            reporter=reporter,
            bears=passing,
        )

    def _event(self) -> str:
        return last_event(self._client, self._front.namespace, "Service", self._front.name)


def apply_namespace(client: KubeClient, name: str, *, dry_run: bool, live: Json | None) -> Json:
    """Make the hub's namespace; one that an administrator made for us, without the right to mark it, serves as well.

    Raises:
        HubError: the namespace is missing and may not be made.
    """
    try:
        return client.apply(f"/api/v1/namespaces/{name}", namespace_object(name), dry_run=dry_run)
    except HubError as problem:
        if live is None or problem.error_id != "E-K8S-04":
            raise
        return live


def refuse_another_hub(client: KubeClient, namespace: str, release: str, service: Json | None) -> None:
    """Stop before the hub of another release loses its people: one that was named wrongly, or a neighbour.

    Helm would refuse a second hub in the namespace, but only after name and front door lead to it.

    Args:
        client: of the cluster.
        namespace: the hub's.
        release: the one that is wanted.
        service: the live front of ours, None where there is none.

    Raises:
        HubError: E-FRONT-13.
    """
    if service is not None and leads_to(service) == release:
        return
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    hubs = if_allowed(lambda: client.list(path, {"labelSelector": HUBS}, metadata_only=True))
    other = another_hub(service, release, hubs or [])
    if other:
        raise not_this_hub(namespace, release, other)


def last_event(client: KubeClient, namespace: str, kind: str, name: str) -> str:
    """The newest warning about an object; empty where there is none or events may not be read."""
    query = {"fieldSelector": f"involvedObject.kind={kind},involvedObject.name={name}"}
    try:
        return last_warning(client.list(f"/api/v1/namespaces/{namespace}/events", query))
    except HubError:  # the events are a courtesy, what is missing is the news
        return ""
