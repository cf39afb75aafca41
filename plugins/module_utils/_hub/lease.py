# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Who is writing to a release: a Lease, renewed while the writer lives.

Helm's own mark (``pending-upgrade``) outlives the process that made it; a Lease does not. A holder counts as alive
while its Lease changes: two looks are compared, so no clock has to agree with another. A run that ends with Helm in
an unknown state leaves its Lease behind unreleased, and the next run can tell that this writer is dead.
"""

from __future__ import annotations

import getpass
import os
import socket
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from .._core.clock import Clock
from .._core.errors import HubError
from .._core.poll import State, Verdict, wait
from .._core.progress import Reporter
from .._k8s.client import KubeClient
from .pending import Writer
from .release_state import Revision, last_write

Json = dict[str, Any]

RENEW_EVERY = 5.0
"""Seconds between two renewals."""
DURATION = 20
"""Seconds a Lease says it is good for: so long it is watched without a renewal before its holder counts as dead."""
RENEW_WITHIN = 3.0
"""Seconds for each request of a renewal: one that gets no answer must leave time for the next."""
LOOK_EVERY = 5.0
"""Seconds between two looks at somebody else's Lease."""


@dataclass(frozen=True)
class Holder:
    """Who holds a Lease.

    Attributes:
        name: the holder's own words; empty when nobody holds it.
        beat: changes with every renewal.
    """

    name: str = ""
    beat: str = ""


def lease_path(namespace: str, release: str) -> str:
    """Where the Lease of a release is."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/researchops-{release}"


def read_holder(lease: Json | None) -> Holder:
    """Who holds it, from the Lease object; nobody where there is none."""
    if lease is None:
        return Holder()
    spec = lease.get("spec") or {}
    name = str(spec.get("holderIdentity") or "")
    return Holder(name, f"{name} {spec.get('renewTime') or ''}")


def own_name() -> str:
    """This process, so that a colleague can find it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} pid {os.getpid()} {uuid.uuid4().hex[:6]}"


class Lease:
    """A held Lease; a context manager that gives it back.

    Attributes:
        lost: what went wrong with renewing it; empty while it is held.
    """

    def __init__(self, client: KubeClient, namespace: str, release: str, clock: Clock, reporter: Reporter) -> None:
        self._client = client
        self._namespace = namespace
        self._release = release
        self._path = lease_path(namespace, release)
        self._clock = clock
        self._reporter = reporter
        self._name = own_name()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._abandoned = False
        self._discarded = False
        self._dead_beat = ""
        self._last_sign: datetime | None = None
        self.lost = ""

    def probe(self) -> Writer:
        """What the Lease tells about whoever left the release half done; only reads.

        Raises:
            HubError: E-HELM-05 when the holder is alive.
        """
        found = self._client.get(self._path)
        holder = read_holder(found)
        if not holder.name:
            return Writer.UNKNOWN
        self._watch(holder)
        # By the API server's clock; renewTime is by that of another machine.
        self._last_sign = last_write((found or {}).get("metadata") or {})
        return Writer.DEAD

    def may_have_made(self, revision: Revision) -> bool:
        """Whether a holder that :meth:`probe` found dead may have made a revision; later ones are somebody else's."""
        since, sign = revision.since, self._last_sign
        return since is None or sign is None or since <= sign + timedelta(seconds=DURATION)

    def acquire(self) -> None:
        """Take the Lease, from a dead holder after watching it (unless :meth:`probe` has just done so).

        Raises:
            HubError: E-HELM-05 when somebody else is alive or was quicker.
        """
        found = self._client.get(self._path)
        holder = read_holder(found)
        if holder.name and holder.beat != self._dead_beat:
            found = self._watch(holder)
        body = self._body(found)
        try:
            if found is None:
                self._client.create(self._path.rpartition("/")[0], body)
            else:
                self._client.merge(self._path, body)
        except HubError as problem:
            if problem.error_id != "E-K8S-05":
                raise
            raise busy(self._release, read_holder(self._client.get(self._path)).name or "another run") from problem

    def _watch(self, holder: Holder) -> Json | None:
        """Look until it changes, or has not been renewed for as long as it is good for; what was seen last.

        Raises:
            HubError: E-HELM-05 if it was renewed.
        """

        def judge(found: Json | None) -> Verdict:
            same = read_holder(found).beat == holder.beat
            return Verdict(State.PENDING, f"claimed by {holder.name}, not renewed") if same else Verdict(State.DONE)

        watched = wait(
            "a sign of life of the run that claims the release",
            lambda: self._client.get(self._path),
            judge,
            timeout=DURATION,
            interval=LOOK_EVERY,
            reporter=self._reporter,
        )
        again = read_holder(watched.observation)
        if again.name and watched.done:
            raise busy(self._release, again.name)
        self._dead_beat = holder.beat
        return watched.observation

    def _body(self, found: Json | None) -> Json:
        now = self._stamp()
        metadata: Json = {"name": f"researchops-{self._release}", "namespace": self._namespace}
        if found is not None:
            metadata |= _as_seen(found)
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._name,
                "leaseDurationSeconds": DURATION,
                "acquireTime": now,
                "renewTime": now,
            },
        }

    def _stamp(self) -> str:
        return self._clock.utcnow().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def abandon(self) -> None:
        """Leave the Lease as it is: this run ends without knowing what Helm did."""
        self._abandoned = True

    def discard(self) -> None:
        """At the end leave no Lease behind: its release is gone."""
        self._discarded = True

    def __enter__(self) -> Lease:
        self.acquire()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=RENEW_EVERY)
        if not self._abandoned and not self.lost:
            self._release_lease()

    def _renew(self) -> None:
        """Until the end. A failed renewal may be the network; only somebody who took over ends the renewing."""
        quick = self._client.brief(RENEW_WITHIN)
        while not self._ended.wait(RENEW_EVERY):
            try:
                found = self._ours(quick)
                if found is None:
                    return
                quick.merge(self._path, {"metadata": _as_seen(found), "spec": {"renewTime": self._stamp()}})
            except HubError:
                continue

    def _ours(self, client: KubeClient) -> Json | None:
        """The Lease as it is now; None once somebody else has it."""
        found = client.get(self._path)
        holder = read_holder(found).name
        if holder != self._name:
            self.lost = holder or "nobody"
            return None
        return found

    def _release_lease(self) -> None:
        try:
            try:
                self._give_back()
            except HubError as problem:
                if problem.error_id != "E-K8S-05":
                    raise
                self._give_back()  # a renewal of ours was still on its way
        except HubError as problem:
            name = self._path.rpartition("/")[2]
            self._reporter.say(
                f"Lease {name} in {self._namespace} could not be given back ({problem.error_id}); the next run waits "
                f"{DURATION} s for it"
            )

    def _give_back(self) -> None:
        """Let go of the Lease as it was seen."""
        found = self._ours(self._client)
        if found is None:
            return
        if self._discarded:
            self._client.delete(self._path, body={"preconditions": _as_seen(found)})
        else:
            spec = {"holderIdentity": None, "renewTime": self._stamp()}
            self._client.merge(self._path, {"metadata": _as_seen(found), "spec": spec})


def _as_seen(found: Json) -> Json:
    """What makes the API server refuse a write to a Lease that has changed since: who takes us for dead may have it."""
    return {"resourceVersion": found["metadata"]["resourceVersion"]}


def busy(release: str, holder: str) -> HubError:
    """The error for a release that somebody else is writing to."""
    return HubError(
        "E-HELM-05",
        f"Release {release} is being changed by {holder} at this moment",
        "wait until that run has ended, then run again",
        details={"holder": holder},
    )
