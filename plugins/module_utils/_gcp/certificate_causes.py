# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Why a managed certificate does not become Active: everything that can be seen, each with its cure. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from .._core.errors import Changed, HubError
from .._dns.verdicts import USABLE, Code, Look, Wanted, by_server, canonical, faulty, proved, unreachable
from .._dns.words import describe
from .certificates import ATTACHED, CLASS, Action, Cause, Certificate, Decision, Door, Proxy, Twin, headline

AUTHORITIES = ("pki.goog", "letsencrypt.org")
"""The authorities Google gets managed certificates from; one of them must be allowed."""
MAX_CERTIFICATES = 15
"""Managed certificates of one Ingress."""
MAX_DOMAINS = 100
MAX_DOMAIN_LENGTH = 63
ISSUE_TAGS = frozenset({"issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail", "issuevmc"})
"""CAA properties that are understood or do not concern certificates for host names."""
USELESS = "Recreating would not help"


@dataclass(frozen=True)
class NameFacts:
    """What DNS says about one domain.

    Attributes:
        addresses: one look for A, one for AAAA.
        caa: looks for CAA from the domain upward, ending with the first that has records.
    """

    addresses: tuple[Look, ...] = ()
    caa: tuple[Look, ...] = ()


@dataclass(frozen=True)
class Quota:
    """How many certificates the project has of how many it may have."""

    used: float
    limit: float


@dataclass(frozen=True)
class Evidence:
    """Everything that was observed about one certificate.

    Attributes:
        certificate: the object in the cluster.
        doors: the Ingresses of its namespace that name it.
        others: the other Ingresses there.
        twin: the compute twin; None where it does not exist or compute was not asked.
        proxies: by Ingress, its target HTTPS proxy; missing where it has none or compute was not asked.
        names: by domain; missing where DNS was not asked.
        quota: asked for only while there is no twin.
        event: the controller's last warning about the certificate.
        now: when this was.
        project: whose compute was asked; empty where none was.
        detached: we ourselves have taken the certificate off its Ingresses, so that no proxy carries it any more.
    """

    certificate: Certificate
    doors: tuple[Door, ...] = ()
    others: tuple[Door, ...] = ()
    twin: Twin | None = None
    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    names: Mapping[str, NameFacts] = field(default_factory=dict)
    quota: Quota | None = None
    event: str = ""
    now: datetime = datetime(1, 1, 1, tzinfo=UTC)
    project: str = ""
    detached: bool = False


def addresses_of(doors: Iterable[Door]) -> tuple[str, ...]:
    """Where the Ingresses can be reached."""
    return tuple(dict.fromkeys(address for door in doors for address in door.addresses))


def parse_addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """The option ``addresses`` in the form in which addresses are compared.

    Raises:
        HubError: E-DNS-05 for a text that is none, such as a name.
    """
    return tuple(canonical("AAAA" if ":" in text else "A", text) for text in texts)


def wanted_records(domain: str, addresses: Sequence[str]) -> tuple[Wanted, Wanted]:
    """The record sets a domain must have: these addresses and no other, in both families.

    Where Ingresses share a certificate, each of its names leads to one of them (or to several).
    """
    families: dict[int, set[str]] = {4: set(), 6: set()}
    for text in addresses:
        address = ipaddress.ip_address(text)
        families[address.version].add(str(address))
    four, six = (tuple(sorted(families[version])) for version in (4, 6))
    return Wanted(domain, "A", four, some=len(four) > 1), Wanted(domain, "AAAA", six, some=len(six) > 1)


def diagnose(evidence: Evidence) -> tuple[Cause, ...]:
    """Every cause that can be seen, the most telling first; none means that everything is right.

    Whatever else is odd about a certificate that is Active, it has not kept it from becoming so, and needs no cure.
    """
    certificate = evidence.certificate
    if certificate.status == "Active":
        return ()
    found = [*_shape(certificate), *_doors(evidence), *_proxies(evidence), *_quota(evidence)]
    for domain in certificate.domains:
        if domain in evidence.names:
            found += _caa(certificate, evidence, domain, evidence.names[domain])
    for domain in certificate.domains:
        if domain in evidence.names:
            found += _address(certificate, evidence, domain, evidence.names[domain])
    return tuple(found + _rate(evidence) + _twin(evidence))


def _shape(certificate: Certificate) -> list[Cause]:
    """Domains no managed certificate can be for."""
    bad = [f"{domain} is a wildcard" for domain in certificate.domains if "*" in domain]
    long = [domain for domain in certificate.domains if len(domain) > MAX_DOMAIN_LENGTH]
    bad += [f"{domain} is longer than {MAX_DOMAIN_LENGTH} characters" for domain in long]
    if len(certificate.domains) > MAX_DOMAINS:
        bad.append(f"it names {len(certificate.domains)} domains, at most {MAX_DOMAINS} are possible")
    if not certificate.domains:
        bad.append("it names no domain")
    what = f"Certificate {certificate.name} can never be issued: {', '.join(bad)}"
    return [_blocked("domains", what, "correct spec.domains of the ManagedCertificate")] if bad else []


def _blocked(kind: str, what: str, do: str, *, seen: str = "", settles: bool = False) -> Cause:
    """A cause in the cluster or its load balancer."""
    return Cause(kind, Action.STOP, "E-CERT-04", what, do, seen=seen, settles=settles)


def _doors(evidence: Evidence) -> list[Cause]:
    certificate = evidence.certificate
    head = headline(certificate, evidence.now)
    if not evidence.doors:
        there = ", ".join(door.name for door in evidence.others) or "none"
        what = f"{head}. No Ingress in namespace {certificate.namespace} names it in the annotation {ATTACHED}"
        return [_blocked("attachment", what, f"add {certificate.name} to that annotation", seen=f"Ingresses: {there}")]
    found: list[Cause] = []
    for door in evidence.doors:
        found += _door(head, door, _shown_beside(evidence, door))
    if not addresses_of(evidence.doors) and not found:
        names = ", ".join(door.name for door in evidence.doors)
        what = f"{head}. Ingress {names} has no address yet"
        found.append(_blocked("no_address", what, f"read the events of Ingress {names}", settles=True))
    return found


def _shown_beside(evidence: Evidence, door: Door) -> bool:
    """Whether the load balancer carries the certificate whatever else it carries: GKE puts both kinds side by side."""
    if evidence.detached:  # it was carried, else we had not begun
        return True
    proxy = evidence.proxies.get(door.name)
    return proxy is not None and evidence.twin is not None and evidence.twin.name in proxy.certificates


def _door(head: str, door: Door, shown: bool) -> list[Cause]:
    found = []
    if not door.gce:
        what = f"{head}. Ingress {door.name} has the class {door.ingress_class}; only gce shows managed certificates"
        do = f"set the annotation {CLASS} to gce, or get the certificate another way"
        found.append(_blocked("class", what, do))
    if door.tls and not shown:
        what = f"{head}. Ingress {door.name} has a tls: block ({', '.join(door.tls)}), which is served in its place"
        found.append(_blocked("tls", what, "remove the tls: block from the Ingress"))
    if len(door.attached) > MAX_CERTIFICATES:
        what = f"{head}. Ingress {door.name} names {len(door.attached)} certificates, {MAX_CERTIFICATES} are possible"
        found.append(_blocked("too_many", what, f"remove certificates from the annotation {ATTACHED}"))
    return found


def _proxies(evidence: Evidence) -> list[Cause]:
    head = headline(evidence.certificate, evidence.now)
    found = []
    for door in evidence.doors:
        proxy = evidence.proxies.get(door.name)
        if proxy is None:
            continue
        if proxy.certificate_map:
            what = f"{head}. The load balancer of Ingress {door.name} uses the certificate map {proxy.certificate_map}"
            do = f"put the certificate into that map, or detach the map from target proxy {proxy.name}"
            found.append(_blocked("certificate_map", f"{what}, which overrules managed certificates", do))
        elif evidence.twin is not None and evidence.twin.name not in proxy.certificates:
            what = f"{head}. The load balancer of Ingress {door.name} does not carry {evidence.twin.name}"
            seen = ", ".join(proxy.certificates) or "no certificate"
            do = f"read the events of Ingress {door.name}: its controller could not bring the load balancer up to date"
            found.append(_blocked("not_carried", what, do, seen=seen, settles=True))
    return found


def _quota(evidence: Evidence) -> list[Cause]:
    quota = evidence.quota
    if evidence.twin is not None:
        return []
    if quota is not None and quota.used >= quota.limit:
        why = f"the project has {quota.used:.0f} of {quota.limit:.0f} certificates"
    elif "TooManyCertificates" in evidence.event or "quota" in evidence.event.lower():
        why = f"GKE's controller says: {evidence.event.rstrip('.')}"
    else:
        return []
    what = f"Certificate {evidence.certificate.name} cannot be made: {why}"
    do = "delete certificates that nobody uses, or ask for a higher quota SSL_CERTIFICATES"
    return [Cause("quota", Action.STOP, "E-CERT-09", what, do)]


def _rate(evidence: Evidence) -> list[Cause]:
    certificate = evidence.certificate
    limited = [name for name in certificate.domains if certificate.status_of(name) == "FailedRateLimited"]
    if not limited:
        return []
    what = (
        f"Certificate {certificate.name} failed: FailedRateLimited. The authority has had too many requests for "
        f"{', '.join(limited)}; recreating would count as one more"
    )
    return [
        Cause("rate_limit", Action.BACK_OFF, "E-CERT-05", what, "leave it alone for a day, then run again", limited[0])
    ]


def _twin(evidence: Evidence) -> list[Cause]:
    """A twin that the cluster names and compute does not know; GKE's controller makes one that was deleted anew."""
    name = evidence.certificate.twin
    if not evidence.project or not name or evidence.twin is not None:
        return []
    head = headline(evidence.certificate, evidence.now)
    what = f"{head}. Compute Engine in project {evidence.project} does not know its certificate {name}"
    do = (
        f"check project (gke_iap_project), it must be the cluster's; if it is, somebody has deleted {name} and GKE "
        "makes it anew by itself: run again later; nothing is deleted on a guess"
    )
    return [Cause("twin", Action.STOP, "E-CERT-08", what, do, settles=True)]


@dataclass(frozen=True)
class Caa:
    """What the CAA records of a domain allow.

    Attributes:
        owner: the name that holds the records; empty where there are none.
        allowed: the authorities that may issue; None where anybody may.
        problem: why that is not known.
    """

    owner: str = ""
    allowed: tuple[str, ...] | None = None
    problem: str = ""

    @property
    def permits(self) -> bool:
        """Whether Google's authorities may issue; not known means no."""
        return not self.problem and (self.allowed is None or any(name in AUTHORITIES for name in self.allowed))


def judge_caa(looks: Sequence[Look]) -> Caa:
    """The rule of RFC 8659: the first name upward that has CAA records decides; every server has to say so."""
    for look in looks:
        groups = by_server(look.answers)
        answers = [item for items in groups.values() for item in items]
        if look.problem or not answers or any(item.code not in USABLE for item in answers):
            return Caa(look.wanted.name, None, look.problem or describe([look]) or "no answer")
        said = {item.values for item in answers}
        if said != {()}:
            return Caa(look.wanted.name, _strictest([_allowed(values) for values in sorted(said)]))
    return Caa()


def _strictest(allowed: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """Servers that disagree: the strictest counts, because any of them may be asked."""
    limits = [names for names in allowed if names is not None]
    refusing = [names for names in limits if not any(name in AUTHORITIES for name in names)]
    return next(iter([*refusing, *limits]), None)


def _allowed(values: Sequence[str]) -> tuple[str, ...] | None:
    """Who may issue for a host name according to one record set; None means everybody."""
    issuers: list[str] = []
    restricted = False
    for value in values:
        flags, tag, data = _caa_parts(value)
        if tag == "issue":
            restricted = True
            issuers += _issuer(data)
        elif tag not in ISSUE_TAGS and flags & 128:
            return (f"nobody (unknown critical property {tag})",)
    return tuple(dict.fromkeys(issuers)) if restricted else None


def _caa_parts(value: str) -> tuple[int, str, str]:
    flags, tag, data = value.split(" ", 2)
    return int(flags), tag, data.strip('"')


def _issuer(data: str) -> list[str]:
    """The authority an ``issue`` value names; one bound to somebody's account is not Google's."""
    name, _semicolon, parameters = data.partition(";")
    if not name.strip():
        return []
    suffix = " (one account only)" if "accounturi" in parameters.lower() else ""
    return [name.strip().lower() + suffix]


def _caa(certificate: Certificate, evidence: Evidence, domain: str, facts: NameFacts) -> list[Cause]:
    verdict = judge_caa(facts.caa)
    head = headline(certificate, evidence.now)
    if verdict.permits:
        return []
    if verdict.problem and _out_of_reach(facts):
        return [
            _unproved(domain, f"{head}. The CAA records of {domain} cannot be asked for from here", verdict.problem)
        ]
    if verdict.problem:
        what = f"{head}. The name servers of {verdict.owner} give no proper answer about CAA, so no authority may issue"
        do = f"let every name server of {verdict.owner} answer questions for type CAA (no records is a good answer)"
        return [Cause("caa", Action.FIX_CAA, "E-CERT-02", f"{what}. {USELESS}", do, domain, seen=verdict.problem)]
    only = ", ".join(verdict.allowed or ()) or "nobody"
    what = f"{head}. CAA of {verdict.owner} allows only {only}; Google's certificates need {AUTHORITIES[0]}"
    do = f'add the record: {verdict.owner}. CAA 0 issue "{AUTHORITIES[0]}", then run again'
    return [Cause("caa", Action.FIX_CAA, "E-CERT-02", f"{what}. {USELESS}", do, domain)]


def _out_of_reach(facts: NameFacts) -> bool:
    """Whether nobody was there to ask about CAA; a refusal is an answer where the same servers tell addresses."""
    refused = any(answer.code is not Code.TIMEOUT for look in facts.caa for answer in look.answers)
    return unreachable(facts.caa) and not (refused and not unreachable(facts.addresses))


def _address(certificate: Certificate, evidence: Evidence, domain: str, facts: NameFacts) -> list[Cause]:
    looks = facts.addresses
    if looks and all(map(proved, looks)):
        return []
    head = headline(certificate, evidence.now)
    if not looks or unreachable(looks):
        return [
            _unproved(domain, f"{head}. Nobody can tell from here where {domain} leads", describe(looks or facts.caa))
        ]
    seen, wanted = describe(looks), ", ".join(look.wanted.text() for look in looks)
    elsewhere = any(answer.values for look in looks for answer in look.answers)
    what = f"{head}. {domain} {'points elsewhere' if elsewhere else 'has no usable address record'}. {USELESS}"
    do = "correct the record, run again"
    broken = ", ".join(faulty(looks))
    if broken:
        what = f"{head}. Not every name server of {domain} answers properly (not: {broken}). {USELESS}"
        do = "repair what does not answer, or take it out of the zone's NS records, then run again"
    return [Cause("address", Action.FIX_DNS, "E-CERT-03", what, do, domain, seen=seen, wanted=wanted)]


def _unproved(domain: str, what: str, seen: str) -> Cause:
    do = "run from a machine that reaches the domain's name servers on port 53; nothing is deleted on a guess"
    return Cause("unproved", Action.STOP, "E-CERT-08", what, do, domain, seen=seen)


def seen_outside(evidence: Evidence, names: Mapping[str, NameFacts]) -> tuple[Cause, ...]:
    """What the public is told otherwise than this side (split horizon, or a cache): then the cause is not proved.

    Args:
        evidence: what was observed from here, where everything is right.
        names: what public resolvers say, by domain.
    """
    head = headline(evidence.certificate, evidence.now)
    do = (
        "make the zone that the public sees right too, or wait until its old answer has expired, then run again; "
        "nothing is deleted on a guess"
    )
    found = diagnose(replace(evidence, names=names))
    return tuple(
        Cause(
            "unproved",
            Action.STOP,
            "E-CERT-08",
            f"{head}. Name servers asked from here are right about {cause.domain}, but the public is told otherwise",
            do,
            cause.domain,
            seen=cause.seen or cause.what,
            wanted=cause.wanted,
        )
        for cause in found
    )


def refusal(decision: Decision, causes: Sequence[Cause]) -> HubError:
    """The error for a certificate that a person has to do something about."""
    cause = decision.cause
    if cause is None:
        raise ValueError(f"{decision.action} is no refusal")
    return HubError(
        error_id=cause.error_id,
        what=cause.what,
        do=cause.do,
        seen=cause.seen,
        wanted=cause.wanted,
        changed=Changed.NOTHING,
        details={"action": decision.action.value, "causes": [one.as_dict() for one in causes]},
    )
