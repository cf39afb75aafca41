# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The smoke test of a hub: through the real front door to a cell's result and a file that survives a restart.

The order puts first what is cheap and what guards others: door, redirect, version, login, the stranger's refusal; then
server, cell, image, home. Whatever this test started, it ends; a server that a person had running stays as it was.
"""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .._core.budget import Budget
from .._core.clock import Clock
from .._core.errors import Changed, HubError
from .._core.poll import T, Verdict, Waited, wait
from .._core.progress import Reporter
from .._core.transport import Answer, Http, HttpError, clean_url
from . import door, iap_door
from .evidence import Evidence, Result, Row
from .iap_account import Identity, read_account
from .login import End, Finish
from .pinned import Pinned
from .rest import NAVIGATE, Credentials, HubApi
from .signin import enter, failure, has_password, sign_in, sign_in_page
from .userpod import UserPods, compare_image
from .userserver import UserServer
from .wish import Wish

FILE_PREFIX = ".researchops-verify-"
DAY = 86400
"""Seconds after which a file that an interrupted test left behind is removed by the next one."""

WRITE_CELL = """
import os, pathlib, time
home = pathlib.Path.home()
for old in home.glob({prefix!r} + "*"):
    if time.time() - old.stat().st_mtime > {day}:
        old.unlink()
with open(home / {name!r}, "w") as stream:
    stream.write({content!r})
    stream.flush()
    os.fsync(stream.fileno())
"""
READ_CELL = """
import pathlib
file = pathlib.Path.home() / {name!r}
print(file.read_text() if file.exists() else "missing")
"""
REMOVE_CELL = """
import pathlib
(pathlib.Path.home() / {name!r}).unlink(missing_ok=True)
"""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Take SIGTERM (a cancelled job) as an interrupt from the keyboard: what the test has started is ended."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass
class Draft:
    """A row while its step runs."""

    title: str
    result: Result = Result.OK
    text: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class SmokeTest:
    """One run of the test; use it once.

    Attributes:
        evidence: the rows so far.
        left_running: the wish was to keep the server that this test started.
        warnings: what is right today and will not be for long.
    """

    def __init__(
        self,
        wish: Wish,
        *,
        clock: Clock,
        reporter: Reporter,
        pods: UserPods | None = None,
        pinned: Callable[[], Pinned] = Pinned,
        learn: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare the run; nothing is sent yet.

        Args:
            wish: what to prove.
            clock: where time comes from.
            reporter: hears about every step.
            pods: the hub's user pods, None where there is no access to the cluster.
            pinned: tells the image that the release pins, for a wish without one.
            learn: gets every secret that turns up, to be masked.

        Raises:
            HubError: for a CA file or a service account's key file that cannot be used.
        """
        self.evidence = Evidence(wish.hub, wish.url, wish.login, clock.utcnow())
        self.left_running = False
        self.warnings: list[str] = []
        self._wish = wish
        self._clock = clock
        self._reporter = reporter
        self._pods = pods
        self._pinned = pinned
        self._learn = learn
        self._title = "start"
        self._budget = Budget(clock, wish.timeout, self._expired)
        self._account = self._identity(wish.account_file) if wish.login == "iap_service_account" else None
        self._as = self._credentials(wish.token if wish.login == "hub_token" else None, self._account)
        self._hub = HubApi(self._as, wish.url)
        self._server: UserServer | None = None
        self._file = FILE_PREFIX + secrets.token_hex(4)
        self._content = secrets.token_hex(16)

    def run(self, check_mode: bool = False) -> Evidence:
        """Prove everything, or in check mode what can be proved without changing anything.

        Raises:
            HubError: the first step that failed; ``details`` holds its title and the evidence so far.
        """
        self.evidence.check_mode = check_mode
        try:
            self._outside()
            if check_mode:
                self._look_inside()
            else:
                self._inside()
        except HubError as problem:
            if self._server is not None and self._server.taken_away():
                problem.what += f"; somebody else has stopped the server of {self._server.user} meanwhile"
                problem.do = (
                    "run again when nobody else stops it: another run of this test as the same user, or a person"
                )
            problem.changed = self._clean_up()
            problem.what = f"Step {self._title}: {problem.what}"
            problem.details |= {"step": self._title, "evidence": self.evidence.as_dict()}
            raise
        finally:
            self._clean_up()
        return self.evidence

    def _outside(self) -> None:
        self._prove_door()
        if self._wish.http_redirect:
            self._prove_redirect()
        if self._account is not None:
            self._prove_guard()
            self._pass_iap(self._account)
        self._prove_hub()

    def _look_inside(self) -> None:
        """Check mode: as far as one gets without being known."""
        if self._wish.login == "hub_token":
            self._enter_by_token()
        elif self._account is not None:
            self._note("login", "IAP login", Result.SKIPPED, "check mode: the first login makes the user in the hub")
        else:
            with self._step("login", "sign-in page") as draft:
                page = sign_in_page(self._http(), self._wish.url)
                asks = "user and password" if has_password(page) else "the user first"
                draft.text = f"{clean_url(page.url)} asks for {asks}; check mode: nothing was sent"
        self._note("rest", "server, cell, home, stranger", Result.SKIPPED, "check mode: these change something")

    def _inside(self) -> None:
        if self._wish.login == "hub_token":
            self._enter_by_token()
        elif self._account is not None:
            self._log_in_by_iap(self._account)
        else:
            self._log_in()
        if self._wish.stranger:
            self._refuse_stranger()
        if self._wish.stranger_account_file:
            self._refuse_account(self._identity(self._wish.stranger_account_file))
        self._server = server = UserServer(
            self._hub, self._as, self.evidence.user, pods=self._pods, budget=self._budget, reporter=self._reporter
        )
        self._start(server)
        self._compute(server)
        self._check_image(server)
        self._write(server)
        self._restart(server)
        self._read_back(server)
        self._stop(server)

    # ---- one step -----------------------------------------------------------------------------------------

    @contextmanager
    def _step(self, step: str, title: str) -> Iterator[Draft]:
        """Time one step and add its row, also when it fails."""
        self._title = title
        draft, began = Draft(title), self._clock.monotonic()
        try:
            yield draft
        except HubError as problem:
            seen = f"; seen: {problem.seen}" if problem.seen else ""
            draft.result, draft.text = Result.FAILED, f"{problem.error_id} {problem.what}{seen}"
            raise
        finally:
            seconds = self._clock.monotonic() - began
            self.evidence.rows.append(Row(step, draft.title, draft.result, draft.text, seconds, draft.facts))
        self._reporter.say(f"{draft.title}: {draft.result.value} ({seconds:.1f} s)")

    def _note(self, step: str, title: str, result: Result, text: str) -> None:
        """Add a row about something that was not done, and why."""
        with self._step(step, title) as draft:
            draft.result, draft.text = result, text

    def _expired(self) -> HubError:
        return HubError(
            error_id="E-VERIFY-14",
            what=f"The {self._wish.timeout:.0f} s for the smoke test are over",
            do="look at the times of the steps; where a node is added or an image pulled, raise hub_verify_timeout",
        )

    def _http(self, identity: Identity | None = None) -> Http:
        left = self._budget.left
        return Http(ca_file=self._wish.ca_file, seconds_left=left, learn=self._learn, identity=identity)

    def _credentials(self, token: str | None = None, identity: Identity | None = None) -> Credentials:
        return Credentials(self._http(identity), self._budget, token)

    def _identity(self, file: str) -> Identity:
        return Identity(read_account(file), self._wish.url, self._clock, self._learn)

    # ---- the door -----------------------------------------------------------------------------------------

    def _prove_door(self) -> None:
        with self._step("door", "front door") as draft:
            found = self._door()
            now = self._clock.utcnow()
            days = found.days_left(now)
            draft.facts = found.facts(now)
            draft.text = f"{found.tls} at {found.address}, {found.chain[0].subject}, {days} days left"
            if days < door.SOON:
                self.warnings.append(door.ends_soon(self._wish.url, days))

    def _door(self) -> door.Door:
        """What stands behind the address; one that hangs up may be new, and is waited for.

        Raises:
            HubError: E-VERIFY-01 or E-VERIFY-02.
        """
        url, context = self._wish.url, self._as.http.context
        watch = door.Watch(iap_door.STEADY)
        if self._account is None:
            patience = 0.0 if self.evidence.check_mode else min(door.NEW_PODS, self._budget.left())
            found = self._wait("front door", lambda: door.attempt(url, context), watch.judge, patience).observation
        else:
            found = self._patiently("front door", lambda: door.attempt(url, context), watch.judge).observation
        if isinstance(found, HubError):
            if self._account is not None and found.details.get("settles"):
                found.do = "run again: Google may need half an hour to serve a certificate everywhere that is Active"
            raise found
        return found

    def _patiently(self, what: str, look: Callable[[], T], judge: Callable[[T], Verdict]) -> Waited[T]:
        """Wait for what takes Google minutes, on top of the test's own time; check mode looks once."""
        patience = 0.0 if self.evidence.check_mode else self._wish.iap_wait
        self._budget.extend(patience + iap_door.LAST_LOOK)
        waited = self._wait(what, look, judge, patience)
        if waited.done:
            self._budget.extend(self._wish.timeout)
        return waited

    def _wait(self, what: str, look: Callable[[], T], judge: Callable[[T], Verdict], patience: float) -> Waited[T]:
        return wait(what, look, judge, timeout=patience, interval=iap_door.LOOK_EVERY, reporter=self._reporter)

    def _prove_redirect(self) -> None:
        with self._step("redirect", "http goes to https") as draft:
            plain = door.plain_url(self._wish.url)
            try:
                answer = self._http().request("GET", plain)
                wrong = door.judge_redirect(answer.status, answer.headers.get("location", ""), plain, self._wish.url)
            except HttpError as problem:
                wrong = problem.reason
            if wrong:
                raise HubError(
                    error_id="E-VERIFY-03",
                    what=f"Whoever types {plain} does not land on the hub",
                    seen=wrong,
                    wanted=f"a redirect to {self._wish.url}",
                    do="let the front door redirect port 80; where it cannot, set hub_verify_http_redirect: false",
                )
            draft.text = f"{plain} leads to {self._wish.url}"

    def _prove_hub(self) -> None:
        with self._step("hub", "hub answers") as draft:
            version = self._hub.version()
            draft.facts, draft.text = {"version": version}, f"JupyterHub {version}"

    # ---- Identity-Aware Proxy -------------------------------------------------------------------------------

    def _prove_guard(self) -> None:
        """Prove that nobody gets to the hub without IAP; says nothing about who may."""
        with self._step("guard", "nobody enters without IAP") as draft:
            answer = self._at_door(self._http())
            wrong = iap_door.unguarded(answer, self._wish.url)
            if wrong is not None:
                raise wrong
            draft.text = f"without credentials: {iap_door.who_says(answer, self._wish.url).value} ({answer.status})"

    def _pass_iap(self, account: Identity) -> None:
        """Wait until IAP lets the account through: a new policy takes minutes to reach all of Google's front ends."""
        url = self._wish.url
        with self._step("iap", f"IAP lets {account.email} through") as draft:
            watch = iap_door.DoorWatch(url)
            waited = self._patiently(f"IAP for {account.email}", lambda: self._at_door(self._as.http), watch.judge)
            if not waited.done:
                raise iap_door.not_let_in(waited.observation, account.email, url, waited.seconds, self._clock.utcnow())
            draft.facts = {"looks": waited.looks}
            draft.text = "at once" if waited.looks == 1 else f"after {waited.seconds:.0f} s"

    def _at_door(self, http: Http) -> Answer:
        return http.request("GET", f"{self._wish.url}hub/api/", headers=NAVIGATE | {"Accept": "application/json"})

    def _log_in_by_iap(self, account: Identity) -> None:
        url = self._wish.url
        with self._step("login", f"IAP login as {account.email}") as draft:
            finish = enter(self._as.http, url)
            if finish.end is not End.INSIDE:
                raise iap_door.not_logged_in(finish, account.email, url)
            model = self._hub.whoami()
            name = str(model["name"]) if model is not None else "nobody"
            if model is None or name != account.email.lower():
                raise iap_door.not_logged_in(
                    Finish(End.HUB_BROKEN, f"{finish.seen}, and the hub calls this user {name}"), account.email, url
                )
            self.evidence.user = name
            draft.facts = {"user": name, "admin": bool(model.get("admin"))}
            draft.text = "by what IAP signed, without a second login"

    def _refuse_account(self, account: Identity) -> None:
        """Prove that a service account which is on no list is turned away, by IAP or by the hub."""
        with self._step("stranger", f"{account.email} (not listed) refused") as draft:
            session = self._credentials(identity=account)
            finish = enter(session.http, self._wish.url)
            self._judge_stranger(draft, session, account.email, finish, "hub_verify_stranger_service_account_file")

    # ---- logging in ---------------------------------------------------------------------------------------

    def _log_in(self) -> None:
        user, url = self._wish.user, self._wish.url
        with self._step("login", f"login as {user}") as draft:
            finish = sign_in(self._as.http, url, user, self._wish.password)
            if finish.end is not End.INSIDE:
                raise failure(finish, user, url)
            model = self._hub.whoami()
            if model is None:
                seen = f"{finish.seen}, but the hub's API knows nobody by this session"
                raise failure(Finish(End.HUB_BROKEN, seen), user, url)
            self.evidence.user = str(model["name"])
            draft.facts = {"user": self.evidence.user, "admin": bool(model.get("admin"))}
            draft.text = f"the hub calls this user {self.evidence.user}"

    def _enter_by_token(self) -> None:
        with self._step("login", "login") as draft:
            model = self._hub.whoami()
            if model is None:
                raise HubError(
                    error_id="E-AUTH-13",
                    what=f"The hub {self._wish.url} does not accept the token",
                    do="make a new one (hub/token, or the service's), and set hub_verify_token",
                )
            kind, name = str(model.get("kind", "user")), str(model.get("name"))
            self.evidence.user = self._wish.user or (name if kind == "user" else "")
            if not self.evidence.user:
                raise HubError(
                    error_id="E-AUTH-14",
                    what=f"The token belongs to the service {name}, which has no server of its own",
                    do="set user (hub_verify_user) to the user whose server is to be started",
                )
            draft.result = Result.NOT_PROVED
            draft.text = f"entered with a token of {kind} {name}; nobody signed in"

    def _refuse_stranger(self) -> None:
        """Prove that the hub refuses somebody who can sign in: an identity the provider knows and no rule allows."""
        stranger = self._wish.stranger
        with self._step("stranger", f"{stranger} (not listed) refused") as draft:
            session = self._credentials()
            finish = sign_in(session.http, self._wish.url, stranger, self._wish.stranger_password)
            self._judge_stranger(
                draft, session, stranger, finish, "hub_verify_stranger_user and hub_verify_stranger_password"
            )

    def _judge_stranger(
        self, draft: Draft, session: Credentials, stranger: str, finish: Finish, variables: str
    ) -> None:
        inside = HubApi(session, self._wish.url).whoami() is not None
        if finish.end is End.INSIDE or inside:
            raise HubError(
                error_id="E-VERIFY-11",
                what=f"The hub lets {stranger} in, who must be refused",
                seen=finish.seen,
                wanted="403 from the hub",
                do="correct the allow rules (hub_oauth_allowed_*), then delete this user in the hub's admin page",
            )
        if finish.end is not End.REFUSED:
            raise HubError(
                error_id="E-VERIFY-12",
                what=f"Whether the hub refuses {stranger} is not known: {finish.end.value}",
                seen=finish.seen,
                wanted="a sign-in that the provider accepts and the hub answers with 403",
                do=f"correct {variables}, or leave it out",
            )
        draft.text = finish.seen

    # ---- the server ---------------------------------------------------------------------------------------

    def _start(self, server: UserServer, step: str = "spawn", title: str = "server starts") -> None:
        with self._step(step, title) as draft:
            before = server.pod
            server.start()
            if server.was_running:
                draft.text = f"a server of {server.user} was running already; it is used and left as it is"
            if server.pod is not None:
                draft.facts = {"pod": server.pod.name, "node": server.pod.node}
                if before is not None:
                    draft.facts["another_pod"] = before.uid != server.pod.uid

    def _compute(self, server: UserServer) -> None:
        with self._step("cell", "cell 6*7=42") as draft:
            value = server.cell("6*7").value
            if value != "42":
                raise HubError(
                    error_id="E-VERIFY-08",
                    what="The cell 6*7 has a wrong result",
                    seen=value or "nothing",
                    wanted="42",
                    do="look at the kernel of the image",
                )
            draft.text = f"6*7 is {value}"

    def _check_image(self, server: UserServer) -> None:
        title, pod = "running image is the pinned one", server.pod
        if pod is None:
            reason = "the user's pod was not found" if self._pods else "no access to the cluster was given"
            self._note("image", title, Result.NOT_PROVED, reason)
            return
        with self._step("image", title) as draft:
            draft.facts = {"image": pod.image, "image_id": pod.image_id, "pod": pod.name}
            draft.text = f"{pod.image} ({pod.image_id or 'no image id'})"
            wish = self._wish.expected_image
            pinned = Pinned(wish) if wish else self._pinned()
            if not pinned.image:
                reason = pinned.reason or "no image was given to compare with"
                draft.result, draft.text = Result.NOT_PROVED, f"runs {draft.text}; {reason}"
                return
            compared = compare_image(pod, pinned.image)
            if compared.wrong:
                raise HubError(
                    error_id="E-VERIFY-13",
                    what=f"The server of {server.user} does not run the pinned image",
                    seen=compared.wrong,
                    wanted=pinned.image,
                    do="stop servers older than the release, or correct singleuser.image or hub_verify_expected_image "
                    "(as pods have it, where an admission policy of the cluster rewrites images)",
                )
            if compared.unproved:
                draft.result, draft.text = Result.NOT_PROVED, f"runs {draft.text}; {compared.unproved}"

    def _write(self, server: UserServer) -> None:
        with self._step("write", "file written to the home") as draft:
            server.cell(WRITE_CELL.format(prefix=FILE_PREFIX, day=DAY, name=self._file, content=self._content))
            draft.text = f"~/{self._file}"

    def _restart(self, server: UserServer) -> None:
        title = "server stopped and started anew"
        if server.was_running:
            self._note("restart", title, Result.SKIPPED, f"the server of {server.user} was running before this test")
            return
        with self._step("stop", "server stopped") as draft:
            server.end_kernel()
            draft.text = server.stop()
        self._start(server, "restart", title)

    def _read_back(self, server: UserServer) -> None:
        with self._step("kept", "file kept after restart") as draft:
            found = server.cell(READ_CELL.format(name=self._file)).printed.strip()
            if found != self._content:
                raise HubError(
                    error_id="E-VERIFY-09",
                    what=f"The home of {server.user} does not keep files",
                    seen=f"~/{self._file} is {'gone' if found == 'missing' else 'not what was written'}",
                    wanted="the content written before the restart",
                    do="check singleuser.storage: a home without a volume lives only as long as its pod",
                )
            server.cell(REMOVE_CELL.format(name=self._file))
            draft.text = "same content, then removed"
            if server.was_running:
                draft.result = Result.NOT_PROVED
                draft.text = "written and read back; a server that was running before the test is not restarted"

    def _stop(self, server: UserServer) -> None:
        title = "server stopped at the end"
        if server.was_running or self._wish.keep_server:
            server.end_kernel()
            self.left_running, server.started = server.started, False
            reason = "it was running before this test" if server.was_running else "keep_server"
            self._note("end", title, Result.SKIPPED, f"left running: {reason}")
            return
        with self._step("end", title) as draft:
            server.end_kernel()
            draft.text = server.stop()

    def _clean_up(self) -> Changed:
        """End what is still ours; nothing is left to do after a run that went well."""
        return Changed.NOTHING if self._server is None else self._server.clean_up(REMOVE_CELL.format(name=self._file))
