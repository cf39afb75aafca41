# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""One user's server during a smoke test: started, used by running cells, stopped; one that ran before is left alone."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urljoin

from .._core.budget import Budget
from .._core.errors import Changed, HubError
from .._core.poll import State, Verdict, wait
from .._core.progress import Reporter
from .._core.transport import HttpError
from .._k8s.patience import passing
from .kernel import Cell, Kernel
from .rest import Credentials, HubApi, Json, ServerApi, server_of
from .userpod import UserPod, UserPods

CLEAN_UP = 60.0
"""Seconds that cleaning up may take after the budget is gone."""
LAST_LOOK = 5.0
"""Seconds kept back from a wait, so that its last look still fits into the budget and tells what was awaited."""
EVENTS_KEPT = 5
METADATA_BLOCK = "block-cloud-metadata"
"""The privileged container that the chart puts before a user's server, which Pod Security and GKE Autopilot refuse."""


class UserServer:
    """The default server of one user.

    Attributes:
        user: whose server.
        was_running: somebody's server ran before this test; it is used and never stopped.
        started: this test started a server that still has to be stopped.
        pod: the pod behind the server, None where the cluster cannot be read.
    """

    def __init__(
        self,
        hub: HubApi,
        credentials: Credentials,
        user: str,
        *,
        pods: UserPods | None,
        budget: Budget,
        reporter: Reporter,
    ) -> None:
        self.user = user
        self.was_running = False
        self.started = False
        self.pod: UserPod | None = None
        self._since = ""  # when the server was started, by the hub
        self._hub = hub
        self._as = credentials
        self._pods = pods
        self._budget = budget
        self._reporter = reporter
        self._kernel: Kernel | None = None
        self._end_kernel: Callable[[], None] | None = None

    # ---- starting -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server, or use the one that runs, until a kernel answers.

        Raises:
            HubError: E-VERIFY-07 when it does not come up, E-VERIFY-10 when one of before does not end, E-VERIFY-06
                and -08 when it cannot be used.
        """
        said: deque[str] = deque(maxlen=EVENTS_KEPT)
        try:
            if self._once_settled() is not None:
                self.was_running = True
            else:
                self._request_start()
            self._await_start(said)
        except HubError as problem:
            if problem.error_id != "E-VERIFY-14":
                raise
            reason = f"it is not up, and the {self._budget.seconds:.0f} s for the whole test are over"
            raise self._not_started(said, reason) from problem
        server = server_of(self._hub.user(self.user)) or {}
        self._since = str(server.get("started") or "")
        path = str(server.get("url") or f"user/{quote(self.user)}/")
        self._open_kernel(urljoin(self._hub.hub_url, path))
        if self._pods is not None:
            before = self.pod.uid if self.pod is not None else ""
            self.pod = next((pod for pod in self._pods.of(self.user) if pod.uid != before), None)

    def _once_settled(self) -> Json | None:
        """The server there is. One that ends (culled, or of a test that was killed) can be neither used nor started."""
        waited = wait(
            f"end of the server of {self.user}",
            lambda: server_of(self._hub.user(self.user)),
            judge_settled,
            timeout=max(0.0, self._budget.left() - LAST_LOOK),
            interval=1.0,
            reporter=self._reporter,
        )
        if not waited.done:
            raise self._does_not_end(waited.verdict.reason, waited.seconds)
        return waited.observation

    def _request_start(self) -> None:
        """Ask for the server. Only a refusal (4xx) starts nothing for sure; what got lost may have started it."""
        try:
            self._hub.start(self.user)
        except HubError as problem:
            status = problem.details.get("status", 0)
            if 400 <= status < 500:
                raise
            self.started = True
            if status < 500:
                raise
            # 5xx: the start failed at once, and the progress stream knows why.
        self.started = True

    def _await_start(self, said: deque[str]) -> None:
        """Follow the hub's progress stream; where a proxy breaks it, look at the server's state instead."""
        for event in self._progress():
            said.extend(filter(None, [str(event.get("message") or "")]))
            if event.get("failed"):
                raise self._not_started(said, "it failed")
            if event.get("ready"):
                return
        waited = wait(
            f"server of {self.user}",
            lambda: server_of(self._hub.user(self.user)),
            judge_start,
            timeout=max(0.0, self._budget.left() - LAST_LOOK),
            reporter=self._reporter,
        )
        if not waited.done:
            raise self._not_started(said, waited.verdict.reason)

    def _progress(self) -> Iterator[Json]:
        try:
            yield from self._hub.progress(self.user)
        except HttpError as problem:
            self._reporter.say(f"no progress stream ({problem.reason}); looking at the server's state instead")

    def _not_started(self, said: deque[str], reason: str) -> HubError:
        self._budget.extend(CLEAN_UP)
        words = list(said)
        if self._pods is not None:
            try:
                words += self._pods.hints(self.user)
            except HubError as problem:
                words.append(f"(the pod's events could not be read: {problem.error_id})")
        do = "cure what the last event names (image, quota, storage, node); `kubectl describe pod` says more"
        if any(METADATA_BLOCK in word and "rivileged" in word for word in words):
            do = (
                "set singleuser: {cloudMetadata: {blockWithIptables: false}} in z2jh_values, as this cluster takes "
                "no privileged container; the chart's network policy blocks the same where policies are enforced"
            )
        return HubError(
            error_id="E-VERIFY-07",
            what=f"The server of {self.user} did not start: {reason}",
            seen="; ".join(dict.fromkeys(words)),
            wanted="a running server",
            do=do,
            details={"events": words},
        )

    # ---- using ----------------------------------------------------------------------------------------------

    def _open_kernel(self, url: str) -> None:
        server = ServerApi(self._as, url)
        server.open()
        kernel_id = server.start_kernel(server.python_kernel())
        self._end_kernel = lambda: server.end_kernel(kernel_id)
        address, headers = server.channels(kernel_id, secrets.token_hex(8))
        self._kernel = Kernel(address, headers, self._as.http.context, self._budget)

    def cell(self, code: str) -> Cell:
        """Run one cell.

        Raises:
            HubError: E-VERIFY-08, for a cell that ends with an error or not at all.
        """
        cell = self._run(code)
        if cell.error:
            raise HubError(
                error_id="E-VERIFY-08",
                what="A cell ended with an error",
                seen=cell.error[:300],
                do="open a notebook as this user and run the same; a full or read-only home shows here first",
            )
        return cell

    def _run(self, code: str) -> Cell:
        if self._kernel is None:
            raise RuntimeError("no kernel is open")
        return self._kernel.run(code)

    def end_kernel(self) -> None:
        """Hang up and end the kernel of this test."""
        kernel, end = self._kernel, self._end_kernel
        self._kernel = self._end_kernel = None
        if kernel is not None:
            kernel.close()
        if end is not None:
            end()

    # ---- stopping -------------------------------------------------------------------------------------------

    def taken_away(self) -> bool:
        """Whether somebody else has stopped the server that ran before this test, or started it anew."""
        if not (self.was_running and self._since):
            return False
        try:
            server = server_of(self._hub.user(self.user))
        except HubError:
            return False
        return server is None or server.get("pending") == "stop" or str(server.get("started") or "") != self._since

    def stop(self) -> str:
        """Stop the server and wait until hub and cluster agree that it is gone; returns who says so.

        Raises:
            HubError: E-VERIFY-10.
        """
        self._hub.stop(self.user)
        waited = wait(
            f"end of the server of {self.user}",
            self._remains,
            judge_end,
            timeout=max(0.0, self._budget.left() - LAST_LOOK),
            interval=1.0,
            reporter=self._reporter,
            bears=passing,
        )
        if not waited.done:
            raise self._does_not_end(waited.observation, waited.seconds)
        self.started = False
        return "hub and cluster agree" if self.pod is not None else "the hub says so"

    def _does_not_end(self, seen: str, seconds: float) -> HubError:
        return HubError(
            error_id="E-VERIFY-10",
            what=f"The server of {self.user} does not end",
            seen=seen,
            wanted=f"neither server nor pod after {seconds:.0f} s",
            do="look at the user's pod: a finalizer, a volume that is not released, or a lost node keeps it",
        )

    def _remains(self) -> str:
        """What is left of a server that is ending; empty when nothing is."""
        server = server_of(self._hub.user(self.user))
        if server is not None:
            return f"the hub says {server.get('pending') or 'running'}"
        if self.pod is not None and self._pods is not None:
            uid = self.pod.uid
            if any(one.uid == uid for one in self._pods.of(self.user)):
                return f"pod {self.pod.name} is still there"
        return ""

    def clean_up(self, last_cell: str = "") -> Changed:
        """After a failure: end what is ours, without new errors; says what may remain.

        Args:
            last_cell: code to run first, where a kernel is still there.
        """
        if self._end_kernel is None and not self.started:
            return Changed.NOTHING
        self._budget.extend(CLEAN_UP)
        steps: list[Callable[[], Any]] = [self.end_kernel]
        if last_cell and self._kernel is not None:
            steps.insert(0, lambda: self._run(last_cell))
        if self.started:
            self.started = False
            steps.append(lambda: self._hub.stop(self.user))
        done = [_quietly(step) for step in steps]
        return Changed.NOTHING if done[-1] else Changed.UNKNOWN


def _quietly(step: Callable[[], Any]) -> bool:
    """Do one step of cleaning up; whether it worked."""
    try:
        step()
    except HubError:
        return False
    return True


def judge_settled(server: Json | None) -> Verdict:
    """Whether a server is not on its way out."""
    ending = (server or {}).get("pending") == "stop"
    return Verdict(State.PENDING, "the hub says stop") if ending else Verdict(State.DONE)


def judge_start(server: Json | None) -> Verdict:
    """Whether a server that starts is up."""
    if server is None:
        return Verdict(State.FATAL, "the hub gave up on it")
    if server.get("ready"):
        return Verdict(State.DONE, "ready")
    return Verdict(State.PENDING, f"the hub says {server.get('pending') or 'not ready'}")


def judge_end(remains: str) -> Verdict:
    """Whether a server that ends is gone."""
    return Verdict(State.PENDING, remains) if remains else Verdict(State.DONE)
