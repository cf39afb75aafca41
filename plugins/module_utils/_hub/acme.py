# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""When a certificate must be ordered, and what an ACME server's refusal means. Pure: no server is asked here.

Orders are scarce (Let's Encrypt: 5 duplicates a week, 5 failed validations an hour and name), so the answer to "is one
needed" comes from the certificate at hand, and its lifetime, never from a fixed number of days.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import Changed, HubError, missing_collection
from .._core.preflight import rows_of
from .._k8s.front import MANAGED_BY
from .certificates import begin_of, certificate_problems, end_of, read_chain
from .settings import Finding

DIRECTORY_NOTE = "researchops.jupyterhub/acme-directory"
"""Annotation on a Secret that we filled: the ACME directory its certificate came from."""
ORDERS_NOTE = "researchops.jupyterhub/acme-orders"
"""Annotation beside it: the orders of the last days, a line each, as moment, directory and name."""
FILES = "files (hub_https_type: manual)"
"""What the role hub_https fills the same Secret from."""
LETS_ENCRYPT = "acme-v02.api.letsencrypt.org"
"""Whose limits are known; other servers have others, and Let's Encrypt's staging server is there to try."""
SAME_NAMES, PERIOD = 5, timedelta(days=7)
"""How many certificates for the same names Let's Encrypt makes, and in what time."""
METHODS = ("none", "direct")
RENEW_SHARE = 3
"""A certificate is renewed in the last third of its life, whatever its life is: 90 days, 45 days, 6 days."""


@dataclass(frozen=True)
class Need:
    """Whether a certificate must be ordered.

    Attributes:
        order: whether one must.
        reason: why, or why not, for a person.
        foreign: the Secret was filled by somebody else and must not be overwritten.
        stops: the play has to stop: that Secret does not serve.
        ends: end of the present certificate, ISO 8601; empty without one.
        orders: for a new one, what its Secret is to remember of orders.
        earlier: when the last certificates for this name came from this directory, the first one first.
    """

    order: bool
    reason: str
    foreign: bool = False
    stops: bool = False
    ends: str = ""
    orders: str = ""
    earlier: tuple[datetime, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the role."""
        return {name: getattr(self, name) for name in ("order", "reason", "foreign", "ends", "orders")}


def need(secret: Mapping[str, Any] | None, domain: str, directory: str, renew_before: float, now: datetime) -> Need:
    """Judge the Secret that holds, or will hold, the certificate.

    Args:
        secret: the Secret as the API returns it, None where there is none.
        domain: the host name it must serve.
        directory: the ACME directory wanted.
        renew_before: seconds before its end at which it is renewed; 0 for a third of its life.
        now: timezone-aware.
    """
    found = _judged(secret, domain, directory, renew_before, now)
    if not found.order:
        return found
    kept = _orders(secret or {}, now)
    earlier = tuple(sorted(moment for moment, *rest in kept if rest == [directory, domain]))
    lines = [" ".join((_iso(moment), *rest)) for moment, *rest in [*kept, (now, directory, domain)]]
    return replace(found, orders="\n".join(lines), earlier=earlier)


def _orders(secret: Mapping[str, Any], now: datetime) -> list[tuple[datetime, str, str]]:
    """Moment, directory and name of the orders that still count; a line that somebody wrote by hand is left out."""
    found = []
    for line in str(_annotations(secret).get(ORDERS_NOTE, "")).splitlines():
        moment, _blank, rest = line.partition(" ")
        directory, _blank, name = rest.partition(" ")
        try:
            at = datetime.fromisoformat(moment)
        except ValueError:
            continue
        if at.tzinfo and abs(now - at) < PERIOD:
            found.append((at, directory, name))
    return found


def _annotations(secret: Mapping[str, Any]) -> Mapping[str, Any]:
    return (secret.get("metadata") or {}).get("annotations") or {}


def _came_from(secret: Mapping[str, Any]) -> str:
    """Where we had the Secret's certificate from, as the end of a sentence; empty for one that somebody else filled."""
    labels = (secret.get("metadata") or {}).get("labels") or {}
    ours = labels.get("app.kubernetes.io/managed-by") == MANAGED_BY
    return str(_annotations(secret).get(DIRECTORY_NOTE) or (FILES if ours else ""))


def _judged(secret: Mapping[str, Any] | None, domain: str, directory: str, renew_before: float, now: datetime) -> Need:
    if secret is None:
        return Need(True, "there is no certificate yet")
    came_from = _came_from(secret)
    certificate, key = (_decoded(secret, name) for name in ("tls.crt", "tls.key"))
    problems = _problems(certificate, key, domain, now)
    ends, due = _dates(certificate, renew_before)
    end = _iso(ends)
    if not came_from:
        state = problems[0].sentence if problems else ("" if certificate else "is missing")
        return Need(False, state or "filled by somebody else, and good", foreign=True, stops=bool(state), ends=end)
    if not certificate:
        return Need(True, "the Secret holds no certificate", ends=end)
    return _own(problems, came_from, directory, due, end, now)


def _own(
    problems: list[Finding], came_from: str, directory: str, due: datetime | None, end: str, now: datetime
) -> Need:
    """The same of a certificate that we had made, or put there."""
    wrong = f"the present certificate {problems[0].sentence}" if problems else ""
    if came_from == directory and {one.error_id for one in problems} == {"E-CERT-13"}:
        # The next one would begin later still: it is this machine's clock that is wrong, and hub_https says so.
        return Need(False, wrong, ends=end)
    if wrong:
        return Need(True, wrong, ends=end)
    if came_from != directory:
        return Need(True, f"the present certificate came from {came_from}", ends=end)
    if due is None or now >= due:
        return Need(True, f"the present certificate ends {end}", ends=end)
    return Need(False, f"good until {end}, renewed from {_iso(due)} on", ends=end)


def _problems(certificate: str, key: str, domain: str, now: datetime) -> list[Finding]:
    """What is wrong with the present certificate; nothing where there is none."""
    return (
        certificate_problems(certificate, key, [domain], now, source="the present certificate") if certificate else []
    )


def _decoded(secret: Mapping[str, Any], name: str) -> str:
    try:
        return base64.b64decode((secret.get("data") or {}).get(name) or "").decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _dates(certificate: str, renew_before: float) -> tuple[datetime | None, datetime | None]:
    """End of the leaf, and the moment from which it is due."""
    chain = read_chain(certificate)
    if not chain:
        return None, None
    begins, ends = begin_of(chain[0]), end_of(chain[0])
    return ends, ends - (timedelta(seconds=renew_before) if renew_before else (ends - begins) / RENEW_SHARE)


def _iso(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def foreign(secret_name: str, reason: str) -> HubError:
    """The error for a Secret that somebody else filled and that does not serve."""
    return HubError(
        error_id="E-CERT-41",
        what=f"Secret {secret_name} was not filled by this role, and its certificate {reason}; it is not overwritten",
        do="renew it where it comes from, or delete the Secret, or choose another hub_https_secret_name",
    )


def last_one(need_: Need, secret_name: str, domain: str, directory: str) -> HubError | None:
    """The error for an order that would take the last certificate Let's Encrypt makes for a name in a week.

    It stays for a day on which it is needed: a run that orders again and again has a fault, and would use it up, too.
    """
    earlier = need_.earlier[-(SAME_NAMES - 1) :]
    if urlsplit(directory).hostname != LETS_ENCRYPT or len(earlier) < SAME_NAMES - 1:
        return None
    return HubError(
        error_id="E-CERT-48",
        what=f"Let's Encrypt makes {SAME_NAMES} certificates a week for {domain}, and one is left, which is not spent",
        seen=f"ordered at {', '.join(map(_iso, earlier))}; now {need_.reason}",
        do="find out why so many were ordered, meanwhile with letsencrypt_staging: true; run again after "
        f"{_iso(earlier[0] + PERIOD)}, or spend it: take annotation {ORDERS_NOTE} from Secret {secret_name}",
    )


def settings_problems(values: Mapping[str, Any]) -> list[HubError]:
    """What cannot work, before anything is asked of anybody.

    Args:
        values: ``method``, ``domain``, ``directory``, ``email``, ``dns_provider``, ``dns_key_name``, ``dns_server``,
            and the ``missing`` collections.
    """
    method = str(values["method"])
    if method == "none":
        return []
    if method not in METHODS:
        return [
            HubError(
                error_id="E-CERT-40",
                what=f"letsencrypt_method {method} does not exist in this release yet",
                do="use letsencrypt_method: direct, or none with a certificate of your own (hub_https_type: manual), "
                "or with one that another program such as cert-manager keeps in a Secret (hub_https_type: secret)",
            )
        ]
    found = []
    if not values["domain"]:
        found.append(HubError("E-CERT-42", "A certificate needs a name: hub_domain is not set", "set hub_domain"))
    if not str(values["directory"]).startswith("https://"):
        found.append(
            HubError(
                "E-CERT-42",
                "letsencrypt_acme_directory does not start with https://",
                "give the ACME server's https URL",
            )
        )
    if values["email"] and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(values["email"])):
        found.append(
            HubError("E-CERT-42", f"hub_contact_email {values['email']!r} is no address", "correct it, or leave it out")
        )
    if values["dns_provider"] != "rfc2136" or not values["dns_server"] or not values["dns_key_name"]:
        found.append(
            HubError(
                error_id="E-CERT-43",
                what="letsencrypt_method direct proves the name by a DNS record, and nobody here can set one",
                do="set hub_dns_provider: rfc2136 with hub_dns_server, hub_dns_key_name and hub_dns_key_secret, "
                "or bring a certificate of your own (hub_https_type: manual)",
            )
        )
    return [*found, *map(missing_collection, values.get("missing") or ())]


def rows(values: Mapping[str, Any], directory_answers: bool) -> list[dict[str, Any]]:
    """Rows of the preflight table."""
    if values["method"] == "none":
        return []
    found = settings_problems(values)
    if not directory_answers and {error.error_id for error in found} <= {"E-LIB-02"}:
        found.append(
            HubError(
                error_id="E-CERT-44",
                what=f"The ACME server does not answer at {values['directory']}",
                do="check letsencrypt_acme_directory, the way there (proxy, firewall) and its CA (letsencrypt_ca_file)",
            )
        )
    return rows_of("ACME", found, f"{values['directory']} answers; DNS-01 by dynamic update")


ADVICE = {
    "rateLimited": ("E-CERT-46", "wait until the time the server names; meanwhile try with letsencrypt_staging: true"),
    "caa": (
        "E-CERT-47",
        'add a CAA record that allows this CA (Let\'s Encrypt: 0 issue "letsencrypt.org"), or take another CA',
    ),
    "accountDoesNotExist": (
        "E-CERT-45",
        "delete Secret letsencrypt-account in the hub's namespace; the next run makes a new account",
    ),
    "unauthorized": (
        "E-CERT-45",
        "check that _acme-challenge of this name is answered by the zone that hub_dns updates, the same for everybody",
    ),
    "dns": ("E-CERT-45", "check that the public can resolve this name: delegation, DNSSEC, all name servers"),
    "rejectedIdentifier": (
        "E-CERT-45",
        "this CA gives no certificate for this name; take a public name, or another CA",
    ),
}
"""What to do about the error types of RFC 8555, section 6.7."""


def refusal(said: str, step: str, domain: str, directory: str) -> HubError:
    """The error for a step the ACME server refused, by the problem document it sent.

    Args:
        said: what the client reported; holds the problem document, no secret.
        step: what was tried, in words.
        domain: the name.
        directory: the ACME server.
    """
    kind = re.search(r"urn:ietf:params:acme:error:(\w+)", said)
    error_id, do = ADVICE.get(
        kind[1] if kind else "",
        ("E-CERT-45", "correct what the server names, then run again; each failed order counts against its limits"),
    )
    return HubError(
        error_id=error_id,
        what=f"No certificate for {domain}: {directory} refused to {step}" + (f" ({kind[1]})" if kind else ""),
        seen=re.sub(r"\s+", " ", said).strip()[:700].rstrip("."),
        do=do,
        changed=Changed.SOME,
    )
