# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Google Site Verification: what is wanted of a domain, what is there, what has to be done. Pure.

A domain has one list of owners, and whoever verified it is one of them. We add owners and never take one away: they may
have verified the domain themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .._core.plan import Plan, Step
from .._core.poll import State, Verdict
from .._dns.verdicts import host_name, is_host_name

METHODS = ("DNS_TXT", "DNS_CNAME")
KIND = "INET_DOMAIN"


@dataclass(frozen=True)
class Wish:
    """What is wanted.

    Attributes:
        domain: the domain, in the form in which names are compared.
        method: how it is proved, one of :data:`METHODS`.
        owners: e-mail addresses that must be among the owners.
        present: whether it shall be verified at all.
    """

    domain: str
    method: str = METHODS[0]
    owners: tuple[str, ...] = ()
    present: bool = True

    @property
    def site(self) -> dict[str, str]:
        """The domain as the API names it."""
        return {"type": KIND, "identifier": self.domain}


@dataclass(frozen=True)
class Site:
    """A domain that these credentials have verified.

    Attributes:
        owners: e-mail addresses, as Google spells them.
    """

    owners: tuple[str, ...]


def parse_wish(params: Mapping[str, Any]) -> Wish:
    """The module's options.

    Raises:
        HubError: E-SITE-04 for what cannot be a domain or an e-mail address.
    """
    domain = host_name(params["domain"])
    if not is_host_name(domain):
        raise HubError("E-SITE-04", f"{params['domain']!r} is no domain", "write the bare name, such as example.org")
    owners: dict[str, str] = {}
    for owner in (str(text).strip() for text in params.get("owners") or []):
        name, at, place = owner.partition("@")
        if not name or not at or "." not in place or re.search(r"[\s:]", owner):
            raise HubError(
                "E-SITE-04", f"The owner {owner!r} is no e-mail address", "name owners by address, without a prefix"
            )
        owners.setdefault(owner.lower(), owner)
    return Wish(domain, params["method"], tuple(owners.values()), params.get("state", "present") == "present")


def parse_sites(items: Iterable[Mapping[str, Any]], domain: str) -> Site | None:
    """The domain among the verified sites of these credentials."""
    for item in items:
        site = item.get("site") or {}
        if site.get("type") == KIND and _bare(str(site.get("identifier") or "")) == domain:
            return Site(tuple(item.get("owners") or ()))
    return None


def _bare(identifier: str) -> str:
    """A verified domain as compared; one that is written as we never would is somebody else's, and no error."""
    try:
        return host_name(identifier)
    except HubError:
        return identifier


def missing(owners: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The wanted owners that are not there; e-mail addresses are compared without case."""
    there = {owner.lower() for owner in owners}
    return [owner for owner in wanted if owner.lower() not in there]


def decide(wish: Wish, site: Site | None, account: str = "") -> Plan:
    """What has to be done.

    Args:
        wish: what is wanted.
        site: what is there; None where these credentials have not verified the domain.
        account: who we are, where that is known: the first owner of a domain that is verified now.
    """
    owners = list(site.owners) if site else []
    before = {"verified": site is not None, "owners": owners}
    if not wish.present:
        after = {"verified": False, "owners": []}
        steps = (Step("delete", f"verification of {wish.domain}"),) if site else ()
        return Plan(before, after, steps, "verified, and shall not be" if site else "not verified")
    if site is None:
        owners = [account] if account else []
    new = missing(owners, wish.owners)
    todo = [] if site else [Step("create", f"verification of {wish.domain}")]
    if new:
        todo.append(Step("update", f"owners of {wish.domain}", {"owners": (owners, owners + new)}))
    reason = "; ".join(f"{step.verb} {step.target}" for step in todo) or "verified, with all owners"
    return Plan(before, {"verified": True, "owners": owners + new}, tuple(todo), reason)


def record(domain: str, method: str, token: str) -> dict[str, str] | None:
    """The DNS record that carries a token; None where Google's token says itself what to do with it."""
    return {"name": domain, "type": "TXT", "value": token} if method == "DNS_TXT" else None


def judge(refusal: HubError | None) -> Verdict:
    """What the answer to a verification, or to its removal, means; 400 tells of a record not yet, or still, seen."""
    if refusal is None:
        return Verdict(State.DONE)
    pending = refusal.details.get("status") == 400
    return Verdict(State.PENDING if pending else State.FATAL, refusal.seen or refusal.what)


def not_seen(wish: Wish, refusal: HubError, seconds: float) -> HubError:
    """The error when Google did not see the record (or its absence) in time."""
    if wish.present:
        return HubError(
            error_id="E-SITE-02",
            what=f"Google does not find the verification record of {wish.domain}",
            seen=refusal.seen,
            wanted=f"the token of these same credentials as {wish.method.removeprefix('DNS_')} record; "
            f"waited {seconds:.0f} s",
            do="prove the record with domain_verification_wait, wait until resolvers have forgotten that there was "
            "none, and run again",
        )
    return HubError(
        error_id="E-SITE-03",
        what=f"Google does not let go of {wish.domain} while its verification record is still published",
        seen=refusal.seen,
        wanted=f"no such record at any name server; waited {seconds:.0f} s",
        do="remove the record, wait until resolvers have forgotten it, and run again",
    )


def told(problem: HubError, person: bool) -> HubError:
    """The error in words of this API: a person's login is the usual reason why Google refuses."""
    if not person or problem.error_id not in ("E-GCP-03", "E-GCP-04", "E-GCP-05"):
        return problem
    return HubError(
        error_id="E-SITE-01",
        what="These credentials may not use Google Site Verification, because they are no service account's",
        seen=f"{problem.error_id} {problem.what}" + (f" ({problem.seen})" if problem.seen else ""),
        wanted="a token with the scope https://www.googleapis.com/auth/siteverification",
        do="use auth_kind: serviceaccount with a key of a project that has siteverification.googleapis.com enabled, "
        "and put people into owners",
        changed=problem.changed,
    )
