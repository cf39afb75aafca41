# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Whose answer an answer is: Identity-Aware Proxy's or the hub's; and what to tell a person about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from .._core.clock import parse_date, skew_remark
from .._core.errors import HubError
from .._core.poll import State, Verdict
from .._core.transport import REDIRECTS, Answer, clean_url, joined, origin
from .login import End, Finish, read_page

STEADY = 3
"""Answers of the hub in a row after a refusal: a new policy reaches Google's front ends one after the other."""
LOOK_EVERY = 5.0
"""Seconds between two looks."""
LAST_LOOK = 60.0
"""Seconds granted beyond the wait, so that its last look still fits into the test's time."""
CLOCK_SKEW = 60.0
"""Seconds by which this machine's clock may differ from Google's before it is named as a likely cause."""
NOT_BELIEVED = ("does not believe Identity-Aware Proxy", "did not come through Identity-Aware Proxy")
"""Words of the hub's own page (researchops_hub.py)."""


class Says(Enum):
    """What an answer at the front door means."""

    HUB = "the hub answers"
    DENIED = "Identity-Aware Proxy knows who it is and refuses"
    BAD_TOKEN = "Identity-Aware Proxy does not believe the token"
    SIGN_IN = "Identity-Aware Proxy asks for a sign-in"
    BUSY = "nothing answers behind the front door"
    OTHER = "something else answers"


def who_says(answer: Answer, hub_url: str) -> Says:
    """Whose answer this is. Only JupyterHub sends its version along, only IAP sends visitors to another host."""
    if "x-jupyterhub-version" in answer.headers:
        return Says.HUB
    following = joined(answer.url, answer.headers.get("location", ""))
    if answer.status in REDIRECTS and following and origin(following) != origin(hub_url):
        return Says.SIGN_IN
    return {401: Says.BAD_TOKEN, 403: Says.DENIED, 502: Says.BUSY, 503: Says.BUSY, 504: Says.BUSY}.get(
        answer.status, Says.OTHER
    )


class DoorWatch:
    """Judges answers while a new policy spreads; one good answer is enough only where none was bad before."""

    def __init__(self, hub_url: str) -> None:
        self._hub_url = hub_url
        self._needed = 1
        self._good = 0

    def judge(self, answer: Answer) -> Verdict:
        """Done, wait, or give up."""
        says = who_says(answer, self._hub_url)
        if says is Says.HUB:
            self._good += 1
            if self._good >= self._needed:
                return Verdict(State.DONE)
            return Verdict(State.PENDING, "the hub answers; once more, as not all of Google's front ends may know yet")
        self._needed, self._good = STEADY, 0
        if says in (Says.DENIED, Says.BUSY):
            return Verdict(State.PENDING, f"{says.value} ({answer.status})")
        return Verdict(State.FATAL, says.value)


def quote(answer: Answer) -> str:
    """The answer's own words, short."""
    return read_page(answer.status, answer.url, answer.text).quote()


def not_let_in(answer: Answer, email: str, hub_url: str, seconds: float, now: datetime) -> HubError:
    """The error for a service account that should get through and does not."""
    says, hub, seen = who_says(answer, hub_url), clean_url(hub_url), quote(answer)
    if says in (Says.DENIED, Says.HUB):
        return HubError(
            error_id="E-IAP-01",
            what=f"Identity-Aware Proxy refuses {email} at {hub} (403), after {seconds:.0f} s",
            seen=seen,
            wanted="a binding of roles/iap.httpsResourceAccessor, for the backend service behind this address",
            do=f"add serviceAccount:{email} to gke_iap_members and run gke_iap.yml --tags gke_iap; "
            "roles/iap.tunnelResourceAccessor is the bastion's role and does not count",
            details={"says": says.name.lower()},
        )
    if says in (Says.BAD_TOKEN, Says.SIGN_IN):
        return HubError(
            error_id="E-IAP-31",
            what=f"Identity-Aware Proxy at {hub} does not believe the token that {email} signed for itself",
            seen=seen + clock_remark(answer.headers, now),
            wanted="its key accepted",
            do=f"check that the key still exists (`gcloud iam service-accounts keys list --iam-account {email}`), and "
            "this machine's clock",
            details={"says": says.name.lower()},
        )
    return HubError(
        error_id="E-VERIFY-04",
        what=f"No JupyterHub answers behind Identity-Aware Proxy at {hub}",
        seen=seen,
        wanted="the hub's own answer",
        do="look at the health of the backend service (its health check must fit the proxy pod) and at the proxy pod",
        details={"says": says.name.lower()},
    )


def clock_remark(headers: Mapping[str, str], now: datetime) -> str:
    """A remark about this machine's clock, empty while it agrees with the answer's date."""
    theirs = parse_date(headers.get("date"))
    remark = skew_remark(now, theirs, CLOCK_SKEW) if theirs else ""
    return f"; {remark}" if remark else ""


def unguarded(answer: Answer, hub_url: str) -> HubError | None:
    """What is wrong when somebody without any credentials gets this answer; None when IAP turned them away."""
    says, hub = who_says(answer, hub_url), clean_url(hub_url)
    if says in (Says.SIGN_IN, Says.BAD_TOKEN, Says.DENIED):
        return None
    if says is Says.HUB:
        return HubError(
            error_id="E-IAP-32",
            what=f"Identity-Aware Proxy does not guard {hub}: somebody without any credentials reaches the hub",
            seen=quote(answer),
            wanted="a sign-in by Google, or a refusal",
            do="switch IAP on for the backend service (role gke_iap), and check that this address leads to it",
        )
    return HubError(
        error_id="E-VERIFY-12",
        what=f"Whether {hub} refuses somebody without credentials is not known: {says.value}",
        seen=quote(answer),
        wanted="a sign-in by Google, or a refusal",
        do="check what answers at this address; a new load balancer needs some minutes",
    )


def not_logged_in(finish: Finish, email: str, hub_url: str) -> HubError:
    """The error for a hub that IAP leads to and that does not log the account in."""
    hub = clean_url(hub_url)
    if finish.end is End.REFUSED and not any(words in finish.seen for words in NOT_BELIEVED):
        return HubError(
            error_id="E-AUTH-12",
            what=f"The hub {hub} knows {email} through Identity-Aware Proxy and refuses to let this user in",
            seen=finish.seen,
            do="allow the account (hub_oauth_allowed_users, hub_oauth_allowed_domains)",
            details={"end": finish.end.name.lower()},
        )
    return HubError(
        error_id="E-IAP-35",
        what=f"The hub {hub} does not log {email} in, for whom Identity-Aware Proxy vouches",
        seen=finish.seen,
        wanted="a session of this user without a second login",
        do="set hub_oauth_provider: iap; where it is set, compare hub_oauth_iap_audiences with the backend service "
        "(a recreated one has a new number: run the playbook gke_iap.yml without --tags) and read the hub's log",
        details={"end": finish.end.name.lower()},
    )
