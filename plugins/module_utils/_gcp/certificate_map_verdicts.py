# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What Certificate Manager's answers mean: operations, certificates that are not issued, parts in use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.errors import Changed, HubError
from .._core.poll import State, Verdict
from .certificate_map import ACTIVE, CAA, CONFIG, FAILED, RATE_LIMITED, Issued, Wish
from .refusals import Refusal, explain

SERVICE = "certificatemanager.googleapis.com"
STATUSES = {
    3: (400, "INVALID_ARGUMENT"),
    5: (404, "NOT_FOUND"),
    6: (409, "ALREADY_EXISTS"),
    7: (403, "PERMISSION_DENIED"),
    8: (400, "RESOURCE_EXHAUSTED"),
    9: (400, "FAILED_PRECONDITION"),
    10: (409, "ABORTED"),
    13: (500, "INTERNAL"),
    14: (503, "UNAVAILABLE"),
}
"""The code of an operation that failed, as the status of a request that is refused for the same reason."""


# ---- operations


def judge_operation(operation: Mapping[str, Any]) -> Verdict:
    """Whether a long-running operation is over."""
    return Verdict(State.DONE if operation.get("done") else State.PENDING, "Google is at it")


def operation_problem(operation: Mapping[str, Any], doing: str, project: str) -> HubError | None:
    """The error an operation ended with, told as a refused request is."""
    error = operation.get("error")
    if not error:
        return None
    status, word = STATUSES.get(int(error.get("code") or 0), (400, "UNKNOWN"))
    message = str(error.get("message") or "").strip().rstrip(".")[:500]
    return explain(Refusal(status, word, message), doing, service=SERVICE, project=project, write=True)


def judge_arrival(found: Mapping[str, Any] | None) -> Verdict:
    """Whether what a request met on its way has become what it asked for."""
    return Verdict(State.PENDING, "Google does not show it yet") if found is None else Verdict(State.DONE)


def unfinished(doing: str, seconds: float) -> HubError:
    """The error about an operation that does not end."""
    return HubError(
        error_id="E-CERT-34",
        what=f"Certificate Manager does not finish with {doing}",
        seen=f"still running after {seconds:.0f} s",
        do="run again; it looks at what is there before it changes anything",
        changed=Changed.UNKNOWN,
    )


# ---- parts that go


def judge_removal(problem: HubError | None) -> Verdict:
    """What the answer to a deletion means: what is gone is gone, and what is used may be free a moment later."""
    # The first answer may be lost while Google is still at it; then the second request finds nothing any more.
    if problem is None or problem.details.get("status") == 404:
        return Verdict(State.DONE)
    used = problem.details.get("reason") == "FAILED_PRECONDITION"
    return Verdict(State.PENDING if used else State.FATAL, problem.seen or problem.what)


def judge_holders(holders: tuple[str, ...]) -> Verdict:
    """Whether a map serves nobody any more."""
    return Verdict(State.PENDING, held_by(holders)) if holders else Verdict(State.DONE, "no load balancer uses it")


def held_by(holders: tuple[str, ...]) -> str:
    """Who uses a map, in words."""
    return f"used by {', '.join(holders)}"


def in_use(target: str, told: str, seconds: float) -> HubError:
    """The error about a part that somebody holds on to."""
    return HubError(
        error_id="E-CERT-32",
        what=f"{target} is still used, so it stays",
        seen=told,
        wanted=f"nobody to use it; waited {seconds:.0f} s",
        do="take away what uses it, or lead that to another map (a load balancer stays for some minutes after its "
        "Gateway, and keeps its map while GKE cannot use the one the Gateway shall have), then run again",
        details={"part": target},
    )


# ---- the certificate


def judge_issued(issued: Issued) -> Verdict:
    """Whether Google has issued the certificate; a failed attempt is repeated, only a certificate given up is not."""
    if issued.serves:
        return Verdict(State.DONE, f"{issued.state}, serves" if issued.renewing else issued.state)
    told = ", ".join(part for part in (issued.state or "no certificate", issued.cause, issued.details) if part)
    return Verdict(State.FATAL if issued.state == FAILED else State.PENDING, told)


def not_issued(wish: Wish, issued: Issued, record: Mapping[str, str], seconds: float) -> HubError:
    """The error about a certificate that is not issued, with the cause that Google names."""
    error_id, what, do = _cause(wish.domain, issued.cause, record)
    given_up = "; Google has given up, and the next run makes the certificate anew" if issued.state == FAILED else ""
    return HubError(
        error_id=error_id,
        what=f"{what} (waited {seconds:.0f} s{given_up})",
        seen=", ".join(part for part in (issued.state, issued.details) if part),
        wanted=ACTIVE,
        do=do,
        details={"state": issued.state, "cause": issued.cause},
    )


def slow_renewal(wish: Wish, issued: Issued, record: Mapping[str, str]) -> str:
    """What to say about a certificate that serves and whose renewal fails; nothing where no cause is known."""
    if not (issued.renewing and issued.cause):
        return ""
    error_id, what, do = _cause(wish.domain, issued.cause, record)
    return f"{error_id} {what}. The one of before serves until {issued.expires}. Do: {do}."


def _cause(domain: str, cause: str, record: Mapping[str, str]) -> tuple[str, str, str]:
    """Id, sentence and next step."""
    if cause == CONFIG:
        asked = f"{record['name']} {record['type']} {record['data']}" if record else "the record of the authorization"
        return (
            "E-CERT-30",
            f"Google does not find the record that proves {domain}, so it issues no certificate",
            f"have {asked} at every name server of the zone, then run again",
        )
    if cause == CAA:
        return (
            "E-CERT-02",
            f"A CAA record forbids Google to issue a certificate for {domain}, or cannot be read",
            f"add the record {domain} CAA 0 issue pki.goog (or to the parent that has the CAA records), then run again",
        )
    if cause == RATE_LIMITED:
        return (
            "E-CERT-05",
            f"The certificate authority limits how many certificates it issues for {domain}",
            "leave it alone for a day, then run again",
        )
    return (
        "E-CERT-28",
        f"Google has not issued the certificate for {domain} yet",
        "run again; Google may need an hour, and a longer wait_timeout (gke_iap_certificate_timeout) gives it more",
    )
