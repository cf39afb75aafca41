# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What Google's APIs say when they refuse: read once, told in one form. Pure.

Newer APIs answer with a status word and typed details, older ones (Compute Engine, Site Verification) with a list of
reasons; both are read here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._core.clock import parse_date
from .._core.errors import Changed, HubError

Json = dict[str, Any]

LONGEST_PAUSE = 60.0
"""Seconds; a server that asks for more is asked again after this much."""
RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
QUOTA_REASONS = frozenset({"quotaExceeded", "dailyLimitExceeded", "QUOTA_EXCEEDED", "RESOURCE_QUOTA_EXCEEDED"})
DISABLED_REASONS = frozenset({"SERVICE_DISABLED", "accessNotConfigured"})
CONCURRENT = "concurrent policy changes"
"""Some services refuse a stale etag with 400 and these words."""
_DELETED_MEMBER = re.compile(r"of deleted member ['\"\u2018\u2019]?([^\s'\"\u2018\u2019]+)")
"""A policy may be refused for somebody's deleted account in it, although it is written as it was read."""
CONFLICT_STATUSES = frozenset({409, 412})
LOGIN_PROJECTS = frozenset({"764086051850", "618104708054", "32555940559"})
"""Google's own projects that a person's login counts for where it names none: gcloud's application default credentials,
Cloud Shell, and gcloud's access tokens. Nobody can enable an API there."""
NO_QUOTA_PROJECT = "requires a quota project"
STRANGERS = "permitted customer"
"""In the words about a policy that names somebody whom the organisation does not admit."""
PERIMETER = "vpcServiceControls"
BUSY_STATUSES = frozenset({408, 500, 502, 503, 504})


@dataclass
class GcpConflict(HubError):
    """Somebody else changed the object between our read and our write, or it exists already.

    Attributes:
        after_lost: an earlier try of the same write had an unknown outcome, so the other one may be ourselves.
    """

    after_lost: bool = False


@dataclass(frozen=True)
class Refusal:
    """A reply that is no success.

    Attributes:
        status: the HTTP status; 0 where no reply came.
        word: Google's status word, such as ``ABORTED``.
        message: the server's sentence, or why no reply came.
        reasons: machine-readable reasons.
        facts: further facts, such as ``service`` or ``permission``.
        retry_after: seconds the server asks for, None when it does not.
    """

    status: int
    word: str = ""
    message: str = ""
    reasons: frozenset[str] = frozenset()
    facts: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None

    @property
    def consumer(self) -> str:
        """The project, by number or id, that the request counts for; empty where Google does not tell."""
        return self.facts.get("consumer", "").removeprefix("projects/")

    @property
    def rate_limited(self) -> bool:
        """Refused only because of too many requests: nothing was done, and later it will work."""
        return self.status == 429 or bool(self.status == 403 and self.reasons & RATE_REASONS)

    @property
    def ambiguous(self) -> bool:
        """A write that ends like this may have taken effect."""
        return self.status == 0 or self.status in BUSY_STATUSES

    @property
    def conflict(self) -> bool:
        """The object is no longer what the write was based on."""
        return self.status in CONFLICT_STATUSES or self.word == "ABORTED" or CONCURRENT in self.message


def parse(status: int, body: Any, headers: Mapping[str, str], now: datetime) -> Refusal:
    """Read a refusal out of a reply's status, decoded body and headers (lower-case names)."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):  # a token endpoint or a proxy on the way
        return Refusal(status, message=str(error or ""), retry_after=retry_after(headers, now))
    details = _dicts(error.get("details"))
    reasons = {str(item["reason"]) for item in details + _dicts(error.get("errors")) if item.get("reason")}
    facts = {str(key): str(value) for item in details for key, value in (item.get("metadata") or {}).items()}
    delays = [_seconds(str(item.get("retryDelay", ""))) for item in details]
    asked = [seconds for seconds in (retry_after(headers, now), *delays) if seconds is not None]
    message = ". ".join(dict.fromkeys(text.strip().rstrip(".") for text in _sentences(error, details)))
    word = str(error.get("status") or "")
    return Refusal(status, word, message[:500], frozenset(reasons), facts, asked[0] if asked else None)


def _sentences(error: Mapping[str, Any], details: list[Json]) -> list[str]:
    """Google's sentence, and those of the details, which may be the only ones to name the field or member refused."""
    told = [str(error.get("message") or "")]
    for item in details:
        for one in _dicts(item.get("violations")) + _dicts(item.get("fieldViolations")):
            text = str(one.get("description") or "").strip().rstrip(".")
            if text and text not in told[0]:
                told.append(f"{one['field']}: {text}" if one.get("field") else text)
    return [text for text in told if text.strip()]


def _dicts(items: Any) -> list[Json]:
    return [item for item in items or [] if isinstance(item, dict)]


def _seconds(text: str) -> float | None:
    """A duration in Google's form, such as ``2.5s``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", text)
    return float(found[1]) if found else None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds a ``Retry-After`` header asks for; a date counts from the server's own clock where it tells it."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdigit():
        return float(text)
    until = parse_date(text)
    since = parse_date(headers["date"]) if headers.get("date") else now
    return max(0.0, (until - since).total_seconds()) if until and since else None


def explain(refusal: Refusal, doing: str, *, service: str, project: str = "", write: bool = False) -> HubError:
    """The error for a refusal.

    Args:
        refusal: what came back.
        doing: what was asked, as a noun: ``the access policy of projects/p/iap_web``.
        service: the API's host name, which is also its name.
        project: whose API it is, for the command that enables it.
        write: whether the request would have changed something.
    """
    error_id, what, do = _words(refusal, doing, service, project)
    changed = Changed.UNKNOWN if write and refusal.ambiguous else Changed.NOTHING
    kind = GcpConflict if error_id == "E-GCP-07" else HubError
    return kind(
        error_id=error_id,
        what=what,
        do=do,
        seen=_seen(refusal),
        changed=changed,
        details={
            "status": refusal.status,
            "reason": refusal.word or ", ".join(sorted(refusal.reasons)),
            "service": service,
        }
        | ({"consumer": refusal.consumer} if refusal.consumer else {}),
    )


def _words(refusal: Refusal, doing: str, service: str, project: str) -> tuple[str, str, str]:
    """Id, sentence and next step."""
    if refusal.conflict:
        return "E-GCP-07", f"Somebody else has changed {doing} at the same moment", "run again"
    if refusal.rate_limited:
        return (
            "E-GCP-08",
            f"{service} has got too many requests and does not answer about {doing}",
            "run again in a few minutes, or ask for a higher request quota of this API",
        )
    if refusal.ambiguous:
        return (
            "E-GCP-09",
            f"{service} gives no usable answer about {doing}",
            "check the network on the way and Google's status page, then run again",
        )
    if refusal.reasons & DISABLED_REASONS:
        return _disabled(refusal, service, project)
    if refusal.reasons & QUOTA_REASONS or refusal.word == "RESOURCE_EXHAUSTED":
        return (
            "E-GCP-11",
            f"A quota of the project is used up: {service} refuses {doing}",
            "free what is not needed any more, or ask for more quota in the console (IAM, Quotas)",
        )
    if refusal.status == 403:
        return _forbidden(refusal, doing, service, project)
    return _plain_words(refusal, doing, service)


def _disabled(refusal: Refusal, service: str, project: str) -> tuple[str, str, str]:
    """An API that is not enabled in the project whose quota pays for the request; it need not be the one asked for."""
    name = refusal.facts.get("service") or service
    if refusal.consumer in LOGIN_PROJECTS or NO_QUOTA_PROJECT in refusal.message:
        unknown = f"The API {name} must know whose quota pays for the request, and this person's login names no project"
        do = f"run: gcloud auth application-default set-quota-project {project or 'PROJECT'}; then run again with "
        return "E-GCP-05", unknown, do + "auth_kind: application"
    where = refusal.consumer or project or "PROJECT"
    whose = "" if where in (project, "PROJECT") else ", whose quota pays for this request"
    return (
        "E-GCP-05",
        f"The API {name} is not enabled in project {where}{whose}",
        f"run: gcloud services enable {name} --project {where}; wait a minute, then run again",
    )


def _forbidden(refusal: Refusal, doing: str, service: str, project: str) -> tuple[str, str, str]:
    """Forbidden, by whom Google says: mostly for want of a role, but some of it no role cures."""
    where = refusal.consumer or project or "PROJECT"
    if "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in refusal.reasons:
        lacking = "the token of these credentials lacks a scope"
        do = "leave the option scopes (GCP_SCOPES) out; a token that is given, and a machine at Google, must have the "
        do += "scope https://www.googleapis.com/auth/cloud-platform (a machine can get it while it is stopped)"
    elif "USER_PROJECT_DENIED" in refusal.reasons:
        lacking = f"these credentials may not use the quota of project {where}, which they name as the one that pays"
        do = f"grant them roles/serviceusage.serviceUsageConsumer in {where}, or name a project where they have it "
        do += "(gcloud auth application-default set-quota-project, or GOOGLE_CLOUD_QUOTA_PROJECT)"
    elif "SECURITY_POLICY_VIOLATED" in refusal.reasons or PERIMETER in refusal.message:
        lacking = "the organisation lets no such request through its perimeter (VPC Service Controls)"
        do = "run inside the perimeter, or have its administrator admit these credentials and this network; he finds "
        do += "the request by the identifier in Google's answer"
    elif "BILLING_DISABLED" in refusal.reasons:
        lacking = f"project {where} has no billing account"
        do = f"link one (gcloud billing projects link {where} --billing-account=...), then run again"
    elif named := refusal.facts.get("permission") or _permission(refusal.message):
        lacking = f"the permission {named} is missing"
        do = f"grant these credentials a role with the permission {named}; a new grant takes up to a few minutes"
    elif refusal.word or refusal.message or refusal.reasons:
        lacking, do = "it is not allowed", "grant these credentials access to it, then run again"
    else:
        lacking = "not in Google's words, so a proxy or firewall on the way may have answered"
        do = f"check the way from this machine to {service}, then run again"
    return "E-GCP-04", f"{service} refuses {doing}: {lacking}", do


def _plain_words(refusal: Refusal, doing: str, service: str) -> tuple[str, str, str]:
    if refusal.status == 404:
        return (
            "E-GCP-06",
            f"{service} does not know {doing}",
            "check the names (project, region, resource) and that it has been created",
        )
    if STRANGERS in refusal.message:
        do = "name members whom the organisation's policy permits (iam.allowedPolicyMemberDomains): guests may be in a "
        do += "Google group of the organisation, or its administrator permits their domain; then run again"
        return "E-GCP-10", f"{service} refuses {doing}, because the organisation does not admit a member in it", do
    gone = _DELETED_MEMBER.search(refusal.message)
    if gone:
        do = f"take {gone[1]} out of the policy (in the console, or by iap_member with state: absent and the member as "
        do += "iap_member_info shows it), then run again"
        return "E-GCP-10", f"{service} refuses {doing}, because it holds the deleted member {gone[1]}", do
    return "E-GCP-10", f"{service} refuses {doing}", "correct what the server names, then run again"


def _permission(message: str) -> str:
    """The permission a sentence names, if it looks like one (``iap.webServices.setIamPolicy``)."""
    if "ermission" not in message:
        return ""
    quoted = re.findall(r"'([a-z]+(?:\.[A-Za-z]+){2,3})'", message)
    return quoted[0] if quoted else ""


def _seen(refusal: Refusal) -> str:
    status = str(refusal.status) if refusal.status else ""
    return ", ".join(part for part in (status, refusal.word, refusal.message) if part)
