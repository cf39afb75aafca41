# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The calls of Certificate Manager v1 that a certificate map needs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import quote

from .._core.errors import Changed, HubError, writing
from .._core.poll import State, T, Verdict, Waited, wait
from .._core.progress import Reporter
from .api import Call, GcpApi, Written
from .certificate_map import (
    AUTHORIZATION,
    CERTIFICATE,
    ENTRY,
    MAP,
    PRESENT,
    RECORD_TYPE,
    Action,
    Seen,
    Wish,
    Work,
    is_ours,
    parse_holders,
    parse_issued,
    parse_seen,
)
from .certificate_map_verdicts import (
    SERVICE,
    held_by,
    in_use,
    judge_arrival,
    judge_holders,
    judge_issued,
    judge_operation,
    judge_removal,
    not_issued,
    operation_problem,
    unfinished,
)
from .gke_api import GkeApi
from .refusals import GcpConflict, Json

ROOT = f"https://{SERVICE}/v1/"
COLLECTIONS = {
    AUTHORIZATION: ("dnsAuthorizations", "dnsAuthorizationId"),
    CERTIFICATE: ("certificates", "certificateId"),
    MAP: ("certificateMaps", "certificateMapId"),
    ENTRY: ("certificateMapEntries", "certificateMapEntryId"),
}
"""By kind: the collection, and the parameter that names a new member."""
OPERATION_SECONDS, OPERATION_INTERVAL = 300.0, 2.0
"""Seconds one operation may take, and between two looks at it."""
ARRIVAL_SECONDS = 60.0
"""Seconds after which a change that Google took before ours must show; operations on such parts last some seconds."""
REMOVAL_SECONDS = 120.0
"""Seconds after which a part that nothing of ours uses any more must be free."""
INTERVAL = 5.0
"""Seconds between two looks at a certificate or two tries to delete what is used."""


class CertificateMaps:
    """The certificate maps of one project."""

    def __init__(self, api: GcpApi, project: str, reporter: Reporter) -> None:
        """Remember how to ask.

        Args:
            api: the client.
            project: whose maps these are.
            reporter: hears about waits; its clock is the one that counts.
        """
        self._api = api
        self.server_time = api.server_time
        self._project = project
        self._reporter = reporter

    # ---- reading

    def look(self, wish: Wish) -> Seen:
        """What there is of this map.

        Raises:
            HubError: the server's refusal. Where Certificate Manager is off, ``own_project`` in the details says
                whether in this very project, which then never had a map, or in the one whose quota is used.
        """
        try:
            found = self._api.find(self._call(MAP, wish.name, wish))
        except HubError as problem:
            if problem.error_id == "E-GCP-05":
                consumer = str(problem.details.get("consumer", ""))
                problem.details["own_project"] = GkeApi(self._api, self._project).is_own(consumer)
            raise
        return parse_seen(
            wish,
            self._listed(AUTHORIZATION, wish),
            self._listed(CERTIFICATE, wish),
            [found] if found else [],
            self._listed(ENTRY, wish) if found else [],
            self.server_time.now(),
        )

    def _listed(self, kind: str, wish: Wish) -> list[Json]:
        collection = self._collection(kind, wish)
        doing = f"the {COLLECTIONS[kind][0]} of project {self._project}"
        return self._api.pages(Call(doing, "GET", ROOT + collection), items=COLLECTIONS[kind][0])

    def _collection(self, kind: str, wish: Wish) -> str:
        inside = f"/certificateMaps/{wish.name}" if kind == ENTRY else ""
        place = f"projects/{quote(self._project, safe='')}/locations/global{inside}"
        return f"{place}/{COLLECTIONS[kind][0]}"

    def _call(self, kind: str, name: str, wish: Wish, method: str = "GET") -> Call:
        return Call(f"{kind}/{name}", method, f"{ROOT}{self._collection(kind, wish)}/{name}")

    # ---- changing

    def carry_out(self, wish: Wish, seen: Seen, work: Work, timeout: float) -> Seen:
        """Do the work, and wait for the certificate in between where that is wanted; what there is afterwards.

        Raises:
            HubError: E-CERT-02, 05, 28 or 30 where the certificate is not issued in time; E-CERT-32 for a part in use;
                E-CERT-34 for an operation that does not end; the server's refusal.
        """
        if Action("delete", MAP, wish.name) in work.now:
            timeout -= self._await_free(wish, timeout)
        with ExitStack() as stack:
            for action in work.now:
                self._do(action, wish, work.certificate, timeout)
                stack.enter_context(writing())
            if work.now:
                seen = self.look(wish)
            if wish.state == PRESENT and wish.wait and not seen.issued.serves:
                self._await(wish, seen, timeout)
                seen = self.look(wish)
            for action in work.later:
                self._do(action, wish, work.certificate, REMOVAL_SECONDS)
                stack.enter_context(writing())
        return seen

    def _do(self, action: Action, wish: Wish, certificate: str, timeout: float) -> None:
        if action.verb == "delete":
            # When their turn comes, nothing of ours uses these two any more: who still does will not go by himself.
            unused = action.kind in (CERTIFICATE, AUTHORIZATION)
            self._delete(action, wish, min(timeout, REMOVAL_SECONDS) if unused else timeout)
        elif action.verb == "create":
            self._create(action, wish, certificate)
        else:
            self._update(action, wish, certificate)

    def _create(self, action: Action, wish: Wish, certificate: str) -> None:
        collection, parameter = self._collection(action.kind, wish), COLLECTIONS[action.kind][1]
        body, query = self._body(action.kind, wish, certificate), {parameter: action.name}
        call = Call(action.target, "POST", ROOT + collection, body, query)
        there = self._call(action.kind, action.name, wish)

        def landed() -> Json | None:
            found = self._api.find(there)
            return found if is_ours(found, wish) else None

        self._put(call, landed)

    def _update(self, action: Action, wish: Wish, certificate: str) -> None:
        """Put the entry's certificates right; the rest of an entry cannot change."""
        body: Json = {"certificates": self._body(ENTRY, wish, certificate)["certificates"]}
        at = self._call(action.kind, action.name, wish, "PATCH")
        call = Call(at.doing, at.method, at.url, body, {"updateMask": "certificates"})

        def landed() -> Json | None:
            entry = self.look(wish).find(ENTRY, wish.part)
            return body if entry is not None and entry.facts == wish.facts(ENTRY, certificate) else None

        self._put(call, landed)

    def _put(self, call: Call, landed: Callable[[], Json | None]) -> None:
        """Send a change and wait until it is done.

        Google shows a change when its operation is over. After a lost answer, or a run that was killed, our own earlier
        order can be on its way without being seen; then the same order is refused as a conflict.
        """
        try:
            self._finish(call, self._api.write(call, landed))
        except GcpConflict as conflict:
            if not self._arrives(call, landed):
                if conflict.after_lost:
                    conflict.changed = Changed.UNKNOWN
                raise

    def _delete(self, action: Action, wish: Wish, timeout: float) -> None:
        """Delete a part as soon as nobody uses it."""
        call = self._call(action.kind, action.name, wish, "DELETE")
        there = self._call(action.kind, action.name, wish)

        def attempt() -> HubError | None:
            try:
                self._finish(call, self._api.write(call, lambda: {} if self._api.find(there) is None else None))
            except HubError as problem:
                return problem
            return None

        ended = self._wait(
            f"{action.target} to be free",
            attempt,
            judge_removal,
            timeout=timeout,
            interval=INTERVAL,
        )
        if not ended.done and ended.observation is not None:
            problem = ended.observation
            raise problem if ended.verdict.state is State.FATAL else in_use(action.target, problem.seen, ended.seconds)

    def _body(self, kind: str, wish: Wish, certificate: str) -> Json:
        """A part as Google wants it: with names in the long form, and our marks."""
        facts = wish.facts(kind, certificate)
        place = f"projects/{self._project}/locations/global"
        about = f"{wish.domain}, for the certificate map {wish.name}" if kind != MAP else "Certificates of a JupyterHub"
        marks: Json = {"labels": wish.labels, "description": about}
        if kind == AUTHORIZATION:
            return {**facts, "type": RECORD_TYPE, **marks}
        if kind == CERTIFICATE:
            proofs = [f"{place}/dnsAuthorizations/{name}" for name in facts["dnsAuthorizations"]]
            return {"managed": {**facts, "dnsAuthorizations": proofs}, **marks}
        if kind == ENTRY:
            return {
                **facts,
                "certificates": [f"{place}/certificates/{name}" for name in facts["certificates"]],
                **marks,
            }
        return marks

    # ---- waiting

    def _wait(
        self, what: str, look: Callable[[], T], judge: Callable[[T], Verdict], *, timeout: float, interval: float
    ) -> Waited[T]:
        return wait(what, look, judge, timeout=timeout, interval=interval, reporter=self._reporter)

    def _finish(self, call: Call, written: Written) -> None:
        """Wait until the operation that a write has begun is over. After a lost answer its effect was seen already."""
        if written.lost:
            return
        known = [written.body]
        again = Call(f"the operation on {call.doing}", "GET", ROOT + str(written.body.get("name") or ""))
        ended = self._wait(
            f"{call.method} of {call.doing}",
            lambda: known.pop() if known else self._api.read(again),
            judge_operation,
            timeout=OPERATION_SECONDS,
            interval=OPERATION_INTERVAL,
        )
        if not ended.done:
            raise unfinished(call.doing, ended.seconds)
        problem = operation_problem(ended.observation, call.doing, self._project)
        if problem is not None:
            raise problem

    def _arrives(self, call: Call, landed: Callable[[], Json | None]) -> bool:
        return self._wait(
            f"an earlier {call.method} of {call.doing}",
            landed,
            judge_arrival,
            timeout=ARRIVAL_SECONDS,
            interval=OPERATION_INTERVAL,
        ).done

    def _await_free(self, wish: Wish, timeout: float) -> float:
        """Wait until no load balancer uses the map; how many seconds that took.

        Google would delete the entry of a map that serves people, and refuse only the map itself.
        """
        call = self._call(MAP, wish.name, wish)
        ended = self._wait(
            f"{call.doing} to be free",
            lambda: parse_holders(self._api.find(call)),
            judge_holders,
            timeout=timeout,
            interval=INTERVAL,
        )
        if not ended.done:
            raise in_use(call.doing, held_by(ended.observation), ended.seconds)
        return ended.seconds

    def _await(self, wish: Wish, seen: Seen, timeout: float) -> None:
        call = self._call(CERTIFICATE, seen.certificate, wish)
        ended = self._wait(
            f"certificate for {wish.domain}",
            lambda: parse_issued(self._api.find(call), self.server_time.now()),
            judge_issued,
            timeout=timeout,
            interval=INTERVAL,
        )
        if not ended.done:
            records = seen.records([wish.part])
            raise not_issued(wish, ended.observation, records[0] if records else {}, ended.seconds)
