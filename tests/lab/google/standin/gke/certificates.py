# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a Google-managed certificate. Pure: what it becomes next, given what is true about its domains.

A certificate is born PROVISIONING. It is looked at once it is attached to a load balancer. If all domains lead to the
load balancer and their CAA records let Google issue, it becomes ACTIVE and stays that. If not, the failure is written
down and it is not looked at again for ``certificate_retry_seconds``, however soon the cause is gone: as at Google, and
the reason why people recreate certificates. A test may write another life down in a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ISSUERS = ("pki.goog", "letsencrypt.org")
DAYS = 90
STATUSES = ("PROVISIONING", "ACTIVE", "PROVISIONING_FAILED", "PROVISIONING_FAILED_PERMANENTLY", "RENEWAL_FAILED")
DOMAIN_STATUSES = (
    "PROVISIONING", "ACTIVE", "FAILED_NOT_VISIBLE", "FAILED_CAA_CHECKING", "FAILED_CAA_FORBIDDEN",
    "FAILED_RATE_LIMITED",
)  # fmt: skip


@dataclass(frozen=True)
class Domain:
    """What DNS says about one domain; ``caa`` is None when it could not be asked, ``found`` likewise."""

    wanted: frozenset[str]  # addresses of the load balancers the certificate is attached to
    found: frozenset[str] | None
    caa: tuple[str, ...] | None = ()


def domain_status(domain: Domain) -> str:
    """The verdict on one domain of an attached certificate."""
    if domain.caa is None:
        return "FAILED_CAA_CHECKING"
    issuers = [issuer for issuer in map(_issuer, domain.caa) if issuer is not None]
    if issuers and not set(issuers) & set(ISSUERS):
        return "FAILED_CAA_FORBIDDEN"
    if not domain.found or not domain.found <= domain.wanted:
        return "FAILED_NOT_VISIBLE"
    return "ACTIVE"


def _issuer(record: str) -> str | None:
    """The issuer a CAA record allows: ``0 issue "pki.goog; x=y"``; None for a record about something else."""
    parts = record.split(None, 2)
    if len(parts) != 3 or parts[1].lower() != "issue":
        return None
    return parts[2].strip('"').split(";")[0].strip().lower()


def whole_status(domains: Mapping[str, str]) -> str:
    """The certificate's status after a look at its domains."""
    found = set(domains.values())
    if found == {"ACTIVE"}:
        return "ACTIVE"
    return "PROVISIONING_FAILED" if any("CAA" in one or "RATE" in one for one in found) else "PROVISIONING"


@dataclass(frozen=True)
class Life:
    """One certificate at one time."""

    born: float
    status: str = "PROVISIONING"
    domains: tuple[tuple[str, str], ...] = ()
    looked: float = 0.0  # when a look last failed
    active: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """As World keeps it."""
        return {
            "born": self.born, "status": self.status, "domains": [list(one) for one in self.domains],
            "looked": self.looked, "active": self.active,
        }  # fmt: skip


def life(data: Mapping[str, Any]) -> Life:
    """The inverse of ``as_json``."""
    domains = tuple((name, status) for name, status in data["domains"])
    return Life(data["born"], data["status"], domains, data["looked"], data["active"])


def due(one: Life, now: float, attached: bool, first: float, retry: float) -> bool:
    """Whether the domains are to be looked at now."""
    if one.status not in ("PROVISIONING", "PROVISIONING_FAILED") or not attached:
        return False
    return now >= (one.looked + retry if one.looked else one.born + first)


def look(one: Life, now: float, domains: Mapping[str, Domain]) -> Life:
    """The certificate after a look at its domains."""
    verdicts = {name: domain_status(domain) for name, domain in domains.items()}
    status = whole_status(verdicts)
    active = now if status == "ACTIVE" else 0.0
    return Life(one.born, status, tuple(verdicts.items()), 0.0 if active else now, active)


def scripted(one: Life, now: float, steps: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Life | None:
    """The certificate as a script wants it, or None while the script says nothing (before it, or at ``auto``).

    A step has ``after`` (seconds since birth), ``status`` and, for domains that differ from the whole, ``domains``.
    """
    reached = [step for step in steps if now >= one.born + step.get("after", 0)]
    if not reached or reached[-1].get("auto"):
        return None
    step = reached[-1]
    status = step["status"]
    rest = "ACTIVE" if status in ("ACTIVE", "RENEWAL_FAILED") else "PROVISIONING"
    domains = tuple((name, step.get("domains", {}).get(name, rest)) for name in names)
    active = (one.active or now) if status in ("ACTIVE", "RENEWAL_FAILED") else 0.0
    return Life(one.born, status, domains, one.looked, active)


def refuse_script(steps: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a script; empty when nothing is."""
    for step in steps:
        if step.get("auto"):
            continue
        if step.get("status") not in STATUSES:
            return f"status is one of {', '.join(STATUSES)}"
        wrong = [one for one in step.get("domains", {}).values() if one not in DOMAIN_STATUSES]
        if wrong:
            return f"{wrong[0]}: a domain's status is one of {', '.join(DOMAIN_STATUSES)}"
    return ""


def camel(status: str) -> str:
    """A status as the Kubernetes object shows it: FAILED_NOT_VISIBLE becomes FailedNotVisible."""
    return "".join(word.capitalize() for word in status.split("_"))
