# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Looking at a managed certificate from all sides: the cluster, compute, and the name servers of its domains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from .._core.clock import Clock
from .._core.errors import HubError
from .._core.poll import State, Verdict, Waited, wait
from .._core.progress import Reporter
from .._dns.verdicts import Answer, Code, Look, Wanted
from .._k8s.client import KubeClient
from .._k8s.front_api import last_event
from .._k8s.patience import passing
from .api import COMPUTE, Call
from .certificate_causes import Evidence, NameFacts, Quota, addresses_of, diagnose, seen_outside, wanted_records
from .certificates import (
    STUCK_AFTER,
    Action,
    Cause,
    Certificate,
    Decision,
    Door,
    Proxy,
    Twin,
    age_of,
    classify,
    decide,
    parse_certificate,
    parse_door,
    parse_proxy,
    parse_twin,
    status_text,
)
from .reprovision import UNFINISHED, from_config_map, snapshot_name

Json = dict[str, Any]
LookAt = Callable[[Sequence[Wanted]], Iterable[Look]]
"""One round of questions to name servers."""

QUIET = 0.4
"""Seconds between two watches where the server ends one at once."""
ABSENT = 2.0
"""Seconds between two looks while there is no such certificate, or no answer."""
GRACE_MISSING = 60.0
"""Seconds in which somebody else may still make a certificate that is awaited; after that its name counts as wrong."""
GROUP = "/apis/networking.gke.io/v1"


class Finder(Protocol):
    """The part of :class:`GcpApi` that is used here: reading."""

    def find(self, call: Call) -> Json | None:
        """What is there, None for nothing (404)."""


class Compute:
    """The compute resources that a managed certificate ends up in; only read."""

    def __init__(self, api: Finder, project: str) -> None:
        self._api = api
        self.project = project

    def twin(self, name: str) -> Twin | None:
        """A compute certificate, None where there is none."""
        found = self._find(f"the certificate {name}", f"/global/sslCertificates/{name}")
        return parse_twin(found) if found is not None else None

    def proxy(self, name: str) -> Proxy | None:
        """A target HTTPS proxy, None where there is none."""
        found = self._find(f"the target proxy {name}", f"/global/targetHttpsProxies/{name}")
        return parse_proxy(found) if found is not None else None

    def quota(self) -> Quota | None:
        """How many certificates the project has and may have."""
        found = self._find("the project's quotas", "") or {}
        for item in found.get("quotas") or []:
            if item.get("metric") == "SSL_CERTIFICATES":
                return Quota(float(item.get("usage") or 0), float(item.get("limit") or 0))
        return None

    def _find(self, what: str, path: str) -> Json | None:
        return self._api.find(
            Call(f"{what} of project {self.project}", "GET", f"{COMPUTE}projects/{self.project}{path}")
        )


class ClusterSide:
    """The objects of one namespace."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.certificates_path = f"{GROUP}/namespaces/{namespace}/managedcertificates"
        self.ingresses_path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses"

    def certificate(self, name: str) -> Json | None:
        """One ManagedCertificate, None where there is none."""
        return self.client.get(f"{self.certificates_path}/{name}")

    def certificates(self, name: str = "") -> list[Json]:
        """The named certificate, or all of the namespace.

        Raises:
            HubError: E-CERT-01 where there is none of that name, or the cluster knows no such objects.
        """
        found = [one for one in ([self.certificate(name)] if name else self.client.list(self.certificates_path)) if one]
        if not found and (name or self.client.get(GROUP) is None):
            raise self.missing(name)
        return found

    def being_recreated(self, name: str) -> bool:
        """Whether a recreation of this certificate is recorded as unfinished, as far as we may read that."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{snapshot_name(name)}"
        try:
            record = self.client.get(path)
            return record is not None and from_config_map(record).state in UNFINISHED
        except HubError:
            return False

    def missing(self, name: str, waited: float = 0.0) -> HubError:
        """The error for a certificate that does not exist, with those that do.

        Args:
            name: the certificate.
            waited: seconds in which nobody has made it.
        """
        if self.client.get(GROUP) is None:
            return HubError(
                "E-CERT-01",
                f"The cluster at {self.client.server} knows no ManagedCertificates",
                "use this on GKE only, with the HTTP load balancing add-on; elsewhere see letsencrypt_method",
            )
        others = ", ".join(str(one["metadata"]["name"]) for one in self.client.list(self.certificates_path)) or "none"
        return HubError(
            "E-CERT-01",
            f"There is no ManagedCertificate {name} in namespace {self.namespace}"
            + (f", and nobody has made one within {waited:.0f} s" if waited else ""),
            "correct name or namespace; role gke_iap makes the certificate",
            seen=others,
        )

    def ingresses(self) -> list[Json]:
        """All Ingresses of the namespace."""
        return self.client.list(self.ingresses_path)

    def event(self, name: str) -> str:
        """The controller's last warning about a certificate."""
        return last_event(self.client, self.namespace, "ManagedCertificate", name)


def ask_names(look: LookAt, domains: Iterable[str], addresses: Sequence[str]) -> dict[str, NameFacts]:
    """What the authoritative name servers say about each domain: where it leads and who may issue for it."""
    return {
        domain: NameFacts(tuple(look(wanted_records(domain, addresses))), _ask_caa(look, domain))
        for domain in domains
        if "*" not in domain
    }


def _ask_caa(look: LookAt, domain: str) -> tuple[Look, ...]:
    """From the domain upward to the first name with CAA records; top-level domains have none."""
    labels = domain.split(".")
    looks: list[Look] = []
    for start in range(max(1, len(labels) - 1)):
        looks += look([Wanted(".".join(labels[start:]), "CAA", ())])
        if looks[-1].problem or any(answer.values for answer in looks[-1].answers):
            break
    return tuple(looks)


def ask_public(look: LookAt, domains: Iterable[str], addresses: Sequence[str]) -> dict[str, NameFacts]:
    """The same by public resolvers; nothing where none of them can be asked. One that is closed off has no say."""

    def heard(wanted: Sequence[Wanted]) -> list[Look]:
        return [replace(one, answers=tuple(filter(_is_said, one.answers))) for one in look(wanted)]

    names: dict[str, NameFacts] = {}
    for domain in domains:
        facts = tuple(heard(wanted_records(domain, addresses)))
        if all(one.answers for one in facts):
            caa = _ask_caa(heard, domain)
            names[domain] = NameFacts(facts, caa if all(one.answers for one in caa) else ())
    return names


def _is_said(answer: Answer) -> bool:
    """Whether it comes from the resolver: neither silence nor a page of a proxy on the way."""
    return answer.code not in (Code.TIMEOUT, Code.OTHER)


@dataclass(frozen=True)
class Judged:
    """A certificate with everything that was found out about it.

    Attributes:
        evidence: what was observed.
        causes: what stands in its way.
        decision: what is to be done.
    """

    evidence: Evidence
    causes: tuple[Cause, ...]
    decision: Decision

    @property
    def certificate(self) -> Certificate:
        """The certificate."""
        return self.evidence.certificate


@dataclass(frozen=True)
class Examiner:
    """Looks at certificates.

    Attributes:
        cluster: the namespace's objects.
        compute: None where compute is not asked.
        look: None where DNS is not asked.
        addresses: where the domains must lead; by default where the Ingresses are.
        stuck_after: seconds a new certificate is left alone.
        public: asks public resolvers, None where nobody is to be asked.
    """

    cluster: ClusterSide
    compute: Compute | None
    look: LookAt | None
    addresses: tuple[str, ...] = ()
    stuck_after: float = STUCK_AFTER
    public: LookAt | None = None

    def examine(
        self, obj: Mapping[str, Any], ingresses: Sequence[Json], now: datetime, detached: bool = False
    ) -> Judged:
        """Judge one certificate.

        Args:
            obj: the ManagedCertificate.
            ingresses: all Ingresses of its namespace.
            now: the present.
            detached: we ourselves have taken it off its Ingresses; ``ingresses`` are then as they were before.
        """
        certificate = parse_certificate(obj)
        doors = [parse_door(ingress) for ingress in ingresses]
        own = tuple(door for door in doors if certificate.name in door.attached)
        evidence = Evidence(
            certificate=certificate,
            doors=own,
            others=tuple(door for door in doors if door not in own),
            twin=self._twin(certificate),
            proxies={} if detached else self._proxies(own),
            names=self._names(certificate, own),
            quota=self._quota(certificate),
            event="" if certificate.twin else self.cluster.event(certificate.name),
            now=now,
            project=self.compute.project if self.compute else "",
            detached=detached,
        )
        causes = diagnose(evidence)
        return Judged(evidence, causes, decide(certificate, evidence.twin, causes, now, self.stuck_after))

    def _twin(self, certificate: Certificate) -> Twin | None:
        return self.compute.twin(certificate.twin) if self.compute and certificate.twin else None

    def _names(self, certificate: Certificate, doors: Iterable[Door]) -> dict[str, NameFacts]:
        """What is published about the domains of a certificate that is not Active, compared with the addresses."""
        addresses = self.addresses or addresses_of(doors)
        if self.look is None or not addresses or certificate.status == "Active":
            return {}
        return ask_names(self.look, certificate.domains, addresses)

    def _quota(self, certificate: Certificate) -> Quota | None:
        """How many certificates the project may have, while Google has not begun with this one."""
        return self.compute.quota() if self.compute and not certificate.twin else None

    def doubted(self, judged: Judged) -> Judged:
        """A judgement that wants a recreation, unless the public gets another answer than we do."""
        evidence = judged.evidence
        addresses = self.addresses or addresses_of(evidence.doors)
        names = ask_public(self.public, judged.certificate.domains, addresses) if self.public else {}
        causes = seen_outside(evidence, names)
        if not causes:
            return judged
        return Judged(evidence, causes, Decision(causes[0].action, causes[0].what, causes[0]))

    def _proxies(self, doors: Iterable[Door]) -> dict[str, Proxy]:
        if self.compute is None:
            return {}
        found = {door.name: self.compute.proxy(door.proxy) for door in doors if door.proxy}
        return {name: proxy for name, proxy in found.items() if proxy is not None}


def describe_certificate(certificate: Certificate) -> Json:
    """A certificate as a module's return value."""
    return {
        "name": certificate.name,
        "namespace": certificate.namespace,
        "status": certificate.status,
        "domains": [{"domain": name, "status": certificate.status_of(name)} for name in certificate.domains],
        "compute_name": certificate.twin,
        "expires": certificate.expires.isoformat() if certificate.expires else "",
    }


def describe_judged(judged: Judged) -> Json:
    """A judged certificate as a module's return value."""
    evidence = judged.evidence
    return describe_certificate(judged.certificate) | {
        "compute_status": evidence.twin.status if evidence.twin else "",
        "age": int(age_of(judged.certificate, evidence.now)),
        "ingresses": [door.name for door in evidence.doors],
        "addresses": list(addresses_of(evidence.doors)),
        "action": judged.decision.action.value,
        "reason": judged.decision.reason,
        "causes": [cause.as_dict() for cause in judged.causes],
    }


class Watcher:
    """The live certificate, told about as soon as it changes; ``grace`` as in :func:`wait_active`."""

    def __init__(
        self, cluster: ClusterSide, name: str, clock: Clock, timeout: float, grace: float | None = None
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._clock = clock
        self._began = clock.monotonic()
        self._end = self._began + timeout
        self._grace = grace
        self._seen: Json | None = None
        self._known = self._fresh = False

    def observe(self) -> Json | None:
        """The certificate: at the first call and at the end as it is, else after it changed or a watch ran out."""
        ended = self._clock.monotonic() >= self._end
        try:
            if self._fresh and self._seen is not None and not ended:
                self._follow(self._seen)
            else:
                self._look(ended)
        except HubError as problem:  # also a version that is too old to go on from: look anew
            if ended or not (passing(problem) or self._fresh):
                raise
            self._fresh = False
            self._clock.sleep(ABSENT)
        self._known = self._known or self._seen is not None
        self._give_up()
        return self._seen

    def _give_up(self) -> None:
        """End the wait for a name that nobody has made anything of; one that was there may come back."""
        waited = self._clock.monotonic() - self._began
        if self._grace is None or self._known or not self._fresh or waited < self._grace:
            return
        if not self._cluster.being_recreated(self._name):
            raise self._cluster.missing(self._name, waited)

    def _look(self, ended: bool) -> None:
        if self._fresh and not ended:
            self._clock.sleep(ABSENT)
        self._seen, self._fresh = self._cluster.certificate(self._name), True

    def _follow(self, seen: Json) -> None:
        began = self._clock.monotonic()
        query = {
            "fieldSelector": f"metadata.name={self._name}",
            "resourceVersion": str(seen["metadata"].get("resourceVersion") or ""),
        }
        for event in self._cluster.client.watch(self._cluster.certificates_path, query, self._end - began):
            self._seen = None if event.get("type") == "DELETED" else event.get("object")
            return
        if self._clock.monotonic() - began < QUIET:
            self._clock.sleep(QUIET)


def judge_active(obj: Mapping[str, Any] | None) -> Verdict:
    """What one look at the awaited certificate means."""
    if obj is None:
        return Verdict(State.PENDING, "there is no such certificate at the moment")
    certificate = parse_certificate(obj)
    if certificate.status == "Active":
        return Verdict(State.DONE, "Active")
    text = status_text(certificate)
    if classify(certificate.status) in (Action.REPROVISION, Action.STOP):
        return Verdict(State.FATAL, text)
    return Verdict(State.PENDING, f"{text}; nothing for you to do")


def wait_active(
    cluster: ClusterSide,
    name: str,
    *,
    timeout: float,
    reporter: Reporter,
    grace: float | None = None,
) -> Waited[Json | None]:
    """Wait until a certificate is Active; a watch tells at once.

    Args:
        cluster: where it is.
        name: the certificate.
        timeout: seconds, finite.
        reporter: gets the progress lines; its clock is the one that counts.
        grace: seconds after which a certificate that was never there, and is not being recreated, counts as missing;
            None: it is awaited to the end.

    Raises:
        HubError: E-CERT-01 when the grace is over.
    """
    watcher = Watcher(cluster, name, reporter.clock, timeout, grace)
    return wait(
        f"certificate {name}",
        watcher.observe,
        judge_active,
        timeout=timeout,
        interval=0.0,
        reporter=reporter,
    )
