# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""One access policy at Google: read, change beside other writers, and look whether the change is there.

A change is always: read, decide, write with the etag of that reading. When somebody else was faster, everything
starts again with *their* policy; a stored decision is never sent twice. When the answer to a write was lost, the
policy is read before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import Changed, HubError
from .api import IAP, Call, GcpApi
from .iap_policy import VERSION, Change, Resource, Wish, decide, renamed, same_content, satisfied
from .refusals import GcpConflict

Json = dict[str, Any]

SECONDS = 60.0
"""How long one policy may take, with all conflicts and confirming reads; pauses Google asks for are not counted."""
CONFLICT_PAUSE = 4.0
"""Seconds; the longest pause after a conflict."""
CONFIRMATIONS = {"none": 0, "read": 1, "stable": 3}


@dataclass
class Requests:
    """How many requests a policy took."""

    reads: int = 0
    writes: int = 0
    confirmations: int = 0
    conflicts: int = 0

    def as_dict(self) -> dict[str, int]:
        """The numbers as plain data."""
        return vars(self).copy()


@dataclass
class Settled:
    """How it ended.

    Attributes:
        change: the last change that was decided on (in check mode: would be made); its plan may be empty.
        changed: whether the policy was (would be) changed by us.
        policy: the policy that is now in force, as far as known.
        requests: what it took.
    """

    change: Change
    changed: bool
    policy: Json
    requests: Requests = field(default_factory=Requests)


class PolicyApi:
    """The access policy of one resource."""

    def __init__(self, api: GcpApi, resource: Resource) -> None:
        self._api = api
        self._resource = resource
        self._within = api.pauses(SECONDS, CONFLICT_PAUSE)
        self._made: Change | None = None
        self.requests = Requests()

    def read(self) -> Json:
        """The policy with its conditions."""
        self.requests.reads += 1
        return self._get()

    def settle(self, wish: Wish, *, check_mode: bool, confirm: str) -> Settled:
        """Make the policy what the wish says.

        Args:
            wish: what is wanted.
            check_mode: decide and stop before the write.
            confirm: ``none``, ``read`` or ``stable``: how many readings must show the change afterwards.

        Raises:
            HubError: E-IAP-07 when others change the policy all the time, E-IAP-08 when the change does not show,
                E-IAP-13 when Google stores a member under another name, and whatever Google refuses.
        """
        try:
            return self._settled(wish, check_mode, confirm)
        except HubError as problem:
            if self._made is not None and problem.changed is Changed.NOTHING:
                problem.changed = Changed.SOME
            raise

    def _settled(self, wish: Wish, check_mode: bool, confirm: str) -> Settled:
        while True:
            policy = self.read()
            change = decide(wish, policy, self._resource.path)
            if not change.plan.changed:
                break
            if check_mode:
                return Settled(change, True, policy, self.requests)
            try:
                policy = self._write(wish, change)
                self._made = change
                break
            except GcpConflict as problem:
                # Our own write, whose answer was lost, may be the one that was faster.
                self._made = change if problem.after_lost else self._made
                self._after_conflict(problem)
        if self._made is None:
            return Settled(change, False, policy, self.requests)
        return Settled(self._made, True, self._confirmed(wish, self._made, policy, confirm), self.requests)

    def _get(self) -> Json:
        body = {"options": {"requestedPolicyVersion": VERSION}}
        return self._api.read(self._call("getIamPolicy", body), self._within)

    def _write(self, wish: Wish, change: Change) -> Json:
        def landed() -> Json | None:
            now = self.read()
            return now if same_content(now, change.policy) else None

        self.requests.writes += 1
        call = self._call("setIamPolicy", {"policy": change.policy})
        written = self._api.write(call, landed, self._within).body
        problem = renamed(wish, change, written, self._resource.path)
        if problem is not None:
            raise problem
        # A reply may leave out what did not change; the etag is what a later reading is told apart by.
        return dict(change.policy) | {"etag": written.get("etag")}

    def _call(self, verb: str, body: Json) -> Call:
        return Call(f"the access policy of {self._resource.path}", "POST", f"{IAP}{self._resource.path}:{verb}", body)

    def _after_conflict(self, problem: GcpConflict) -> None:
        self.requests.conflicts += 1
        if not self._within.pause():
            raise HubError(
                error_id="E-IAP-07",
                what=f"Others change the access policy of {self._resource.path} faster than it can be read and written",
                seen=f"{self.requests.conflicts} conflicts in {SECONDS:.0f} s",
                do="run again when they are done; a Google group as the only member makes such changes rare",
                changed=Changed.UNKNOWN if self._made else Changed.NOTHING,
                details=problem.details | self.requests.as_dict(),
            )

    def _confirmed(self, wish: Wish, made: Change, written: Json, confirm: str) -> Json:
        """The policy after as many readings in a row show the change as ``confirm`` wants."""
        seen, policy = 0, written
        pauses = self._within.again()
        while seen < CONFIRMATIONS[confirm]:
            self.requests.confirmations += 1
            policy = self._get()
            seen = seen + 1 if self._shows(wish, written, policy) else 0
            if seen == 0 and not pauses.pause():
                raise self._not_shown(made)
        return policy

    def _shows(self, wish: Wish, written: Mapping[str, Any], policy: Json) -> bool:
        """Whether a reading has the change in it; our own policy, known by its etag, must have come back whole.

        Raises:
            HubError: E-IAP-09 for our own policy that has lost something on the way.
        """
        etag = written.get("etag")
        if etag and policy.get("etag") == etag and not same_content(policy, written):
            raise HubError(
                error_id="E-IAP-09",
                what=f"Google keeps another access policy of {self._resource.path} than it was sent",
                do="look at the policy (module iap_member_info) and compare it with the diff of this run",
                changed=Changed.SOME,
            )
        return satisfied(wish, policy)

    def _not_shown(self, made: Change) -> HubError:
        members = ", ".join((*made.added, *made.removed)[:5])
        return HubError(
            error_id="E-IAP-08",
            what=f"The access policy of {self._resource.path} was changed, but readings do not show it",
            seen=f"{self.requests.confirmations} readings without the change of {members}",
            do="run again: either Google is slow today, or somebody overwrites the policy",
            changed=Changed.SOME,
            details=self.requests.as_dict(),
        )
