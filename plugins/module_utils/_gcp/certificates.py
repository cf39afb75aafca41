# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A Google-managed certificate: what its objects say, what each status means, and what to do about it. Pure.

Three views of one certificate have to be brought together: the ManagedCertificate object in the cluster, its compute
twin (``mcrt-...``), and the Ingress that shows it to the world. An Active certificate is never touched, and neither is
one that still serves; deleting is only considered when what made it fail is proved to be gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from .._core.clock import parse_time

ATTACHED = "networking.gke.io/managed-certificates"
"""Annotation of an Ingress: names of its ManagedCertificates, separated by commas."""
PRE_SHARED = "ingress.gcp.kubernetes.io/pre-shared-cert"
"""Annotation the controller fills with compute names; people may have put names of their own into it."""
CLASS = "kubernetes.io/ingress.class"
STATIC_ADDRESS = "kubernetes.io/ingress.global-static-ip-name"
HTTPS_PROXY = "ingress.kubernetes.io/https-target-proxy"
STUCK_AFTER = 3600
"""Seconds after which a certificate that is not Active although everything is right counts as stuck; usual are 20 to
60 minutes."""


class Action(Enum):
    """What a status asks for."""

    NONE = "none"
    WAIT = "wait"
    FIX_DNS = "fix-DNS"
    FIX_CAA = "fix-CAA"
    BACK_OFF = "back-off"
    REPROVISION = "reprovision"
    STOP = "stop"


CERTIFICATE_STATUS: dict[str, Action] = {
    "": Action.WAIT,
    "Provisioning": Action.WAIT,
    "Active": Action.NONE,
    "ProvisioningFailed": Action.WAIT,
    "ProvisioningFailedPermanently": Action.REPROVISION,
    "RenewalFailed": Action.WAIT,
}
"""What the status of the whole certificate asks for, taken alone; Google itself tries again after a WAIT."""
DOMAIN_STATUS: dict[str, Action] = {
    "Provisioning": Action.WAIT,
    "Active": Action.NONE,
    "FailedNotVisible": Action.FIX_DNS,
    "FailedCaaChecking": Action.FIX_CAA,
    "FailedCaaForbidden": Action.FIX_CAA,
    "FailedRateLimited": Action.BACK_OFF,
}
"""What the status of one domain asks for, taken alone."""
COMPUTE_ACTIVE = "ACTIVE"


def classify(status: str) -> Action:
    """What a certificate's status asks for; one that Google invents later is never acted on."""
    return CERTIFICATE_STATUS.get(status, Action.STOP)


def classify_domain(status: str) -> Action:
    """What a domain's status asks for; one that Google invents later is never acted on."""
    return DOMAIN_STATUS.get(status, Action.STOP)


@dataclass(frozen=True)
class Certificate:
    """A ManagedCertificate object.

    Attributes:
        namespace: where it is.
        name: its name.
        uid: tells it from a later one of the same name.
        domains: what it is for.
        status: of the whole; empty while the controller has said nothing.
        domain_status: of each domain the controller speaks about.
        twin: name of its compute twin, empty while there is none.
        created: when the object was made.
        expires: the end of the issued certificate, None before there is one.
        deleting: whether somebody has deleted it and the object is on its way out.
    """

    namespace: str
    name: str
    uid: str = ""
    domains: tuple[str, ...] = ()
    status: str = ""
    domain_status: Mapping[str, str] = field(default_factory=dict)
    twin: str = ""
    created: datetime | None = None
    expires: datetime | None = None
    deleting: bool = False

    def status_of(self, domain: str) -> str:
        """The status of one domain; a domain the controller has not spoken about shares the whole's silence."""
        return self.domain_status.get(domain, "Active" if self.status == "Active" else "Provisioning")


@dataclass(frozen=True)
class Twin:
    """The compute twin.

    Attributes:
        name: ``mcrt-...``.
        status: in upper case, as compute writes it.
        expires: the end of the issued certificate.
    """

    name: str
    status: str = ""
    expires: datetime | None = None


@dataclass(frozen=True)
class Proxy:
    """The load balancer's end of TLS.

    Attributes:
        name: of the target HTTPS proxy.
        certificates: compute names it shows.
        certificate_map: a map that overrules them; empty where there is none.
    """

    name: str
    certificates: tuple[str, ...] = ()
    certificate_map: str = ""


@dataclass(frozen=True)
class Door:
    """An Ingress, as far as certificates go.

    Attributes:
        name: its name.
        attached: ManagedCertificates its annotation names.
        ingress_class: what the class annotation says, else the spec's class in brackets, else empty.
        gce: whether GKE's external load balancer serves it.
        tls: Secrets its ``tls:`` block names.
        addresses: where it can be reached.
        static_address: the reserved address it asks for.
        proxy: name of its target HTTPS proxy, empty before there is one.
        pre_shared: certificates that somebody named by hand.
        deleting: whether it is on its way out.
    """

    name: str
    attached: tuple[str, ...] = ()
    ingress_class: str = ""
    gce: bool = True
    tls: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    static_address: str = ""
    proxy: str = ""
    pre_shared: tuple[str, ...] = ()
    deleting: bool = False


def names_in(text: str) -> tuple[str, ...]:
    """The names in a comma-separated annotation, in order, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _text(fields: Mapping[str, Any], key: str) -> str:
    return str(fields.get(key) or "")


def _part(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = fields.get(key)
    return found if isinstance(found, Mapping) else {}


def parse_certificate(obj: Mapping[str, Any]) -> Certificate:
    """A ManagedCertificate object in the form in which it is judged."""
    metadata, spec, status = _part(obj, "metadata"), _part(obj, "spec"), _part(obj, "status")
    return Certificate(
        namespace=_text(metadata, "namespace"),
        name=_text(metadata, "name"),
        uid=_text(metadata, "uid"),
        domains=tuple(str(domain).lower().rstrip(".") for domain in spec.get("domains") or []),
        status=_text(status, "certificateStatus"),
        domain_status={
            _text(item, "domain").lower(): _text(item, "status") for item in status.get("domainStatus") or []
        },
        twin=_text(status, "certificateName"),
        created=parse_time(metadata.get("creationTimestamp")),
        expires=parse_time(status.get("expireTime")),
        deleting=bool(metadata.get("deletionTimestamp")),
    )


def parse_twin(obj: Mapping[str, Any]) -> Twin:
    """A compute ``sslCertificates`` resource."""
    return Twin(_text(obj, "name"), _text(_part(obj, "managed"), "status"), parse_time(obj.get("expireTime")))


def parse_proxy(obj: Mapping[str, Any]) -> Proxy:
    """A compute ``targetHttpsProxies`` resource; it names certificates by URL."""
    return Proxy(
        name=_text(obj, "name"),
        certificates=tuple(str(url).rpartition("/")[2] for url in obj.get("sslCertificates") or []),
        certificate_map=_text(obj, "certificateMap").rpartition("/")[2],
    )


def parse_door(obj: Mapping[str, Any]) -> Door:
    """An Ingress object."""
    metadata, spec = _part(obj, "metadata"), _part(obj, "spec")
    notes = _part(metadata, "annotations")
    shown, gce = _class_of(_text(notes, CLASS), spec.get("ingressClassName"))
    balancers = _part(_part(obj, "status"), "loadBalancer").get("ingress") or []
    return Door(
        name=_text(metadata, "name"),
        attached=names_in(_text(notes, ATTACHED)),
        ingress_class=shown,
        gce=gce,
        tls=tuple(_text(item, "secretName") or "without a Secret" for item in spec.get("tls") or []),
        addresses=tuple(filter(None, (_text(item, "ip") for item in balancers))),
        static_address=_text(notes, STATIC_ADDRESS),
        proxy=_text(notes, HTTPS_PROXY),
        pre_shared=tuple(name for name in names_in(_text(notes, PRE_SHARED)) if not name.startswith("mcrt-")),
        deleting=bool(metadata.get("deletionTimestamp")),
    )


def _class_of(by_note: str, by_spec: object) -> tuple[str, bool]:
    """The class in words, and whether GKE's controller takes it: by annotation, or where there is no class at all."""
    if by_note:
        return by_note, by_note == "gce"
    return ("", True) if by_spec is None else (f"spec.ingressClassName {by_spec}", False)


def is_active(certificate: Certificate, twin: Twin | None) -> bool:
    """Whether either view says Active; the object in the cluster may lag behind compute."""
    return certificate.status == "Active" or (twin is not None and twin.status == COMPUTE_ACTIVE)


def serving_until(certificate: Certificate, twin: Twin | None, now: datetime) -> datetime | None:
    """Until when an issued certificate is still good, None if there is none or it has run out."""
    ends = [end for end in (certificate.expires, twin.expires if twin else None) if end is not None and end > now]
    return max(ends, default=None)


def age_of(certificate: Certificate, now: datetime) -> float:
    """Seconds since the object was made; a clock that is behind makes it new, not negative."""
    return max(0.0, (now - certificate.created).total_seconds()) if certificate.created else 0.0


def spoken(seconds: float) -> str:
    """A length of time as people say it."""
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"


def status_text(certificate: Certificate) -> str:
    """The status in a few words: ``failed: FailedNotVisible`` or ``Provisioning``."""
    failed = list(
        dict.fromkeys(
            status
            for status in map(certificate.status_of, certificate.domains)
            if classify_domain(status) not in (Action.NONE, Action.WAIT)
        )
    )
    return f"failed: {', '.join(failed)}" if failed else certificate.status or "without any status"


def headline(certificate: Certificate, now: datetime) -> str:
    """The certificate and its trouble as a sentence: ``Certificate hub failed: FailedNotVisible``."""
    text = status_text(certificate)
    if text.startswith("failed: "):
        return f"Certificate {certificate.name} {text}"
    return f"Certificate {certificate.name} is {text}, {spoken(age_of(certificate, now))} old"


@dataclass(frozen=True)
class Cause:
    """Something that keeps a certificate from becoming Active and that recreating it does not cure.

    Attributes:
        kind: one word for machines: ``address``, ``caa``, ``attachment`` and so on.
        action: what it asks for.
        error_id: the error it makes.
        what: the cause as a sentence without a full stop.
        do: the cure.
        domain: the domain it concerns, empty for the whole certificate.
        seen: what was observed.
        wanted: what was expected.
        settles: whether it is normal while load balancer and certificate are new.
    """

    kind: str
    action: Action
    error_id: str
    what: str
    do: str
    domain: str = ""
    seen: str = ""
    wanted: str = ""
    settles: bool = False

    def as_dict(self) -> dict[str, str]:
        """Plain data for a module's return value."""
        return {
            "kind": self.kind,
            "action": self.action.value,
            "domain": self.domain,
            "error_id": self.error_id,
            "text": self.what,
            "seen": self.seen,
            "wanted": self.wanted,
            "cure": self.do,
        }


@dataclass(frozen=True)
class Decision:
    """What is to be done about a certificate.

    Attributes:
        action: the one thing.
        reason: why, as a sentence without a full stop.
        cause: what stands in the way, for the actions that a person has to take.
    """

    action: Action
    reason: str
    cause: Cause | None = None


def decide(
    certificate: Certificate,
    twin: Twin | None,
    causes: tuple[Cause, ...],
    now: datetime,
    stuck_after: float = STUCK_AFTER,
) -> Decision:
    """What to do, the refusals first.

    Args:
        certificate: the object in the cluster.
        twin: its compute twin, None where there is none or nobody could look.
        causes: what the diagnosis found, the most telling first.
        now: the present.
        stuck_after: seconds a new certificate is left alone.
    """
    if is_active(certificate, twin):
        return Decision(Action.NONE, f"certificate {certificate.name} is Active")
    if certificate.deleting:
        return _stop("deleting", "E-CERT-04", f"{headline(certificate, now)}, and somebody is deleting it", "run again")
    unknown = _unknown(certificate)
    if unknown:
        do = "look at the certificate in the Google Cloud console, and tell us about this status"
        return _stop(
            "status", "E-CERT-06", f"Certificate {certificate.name} has the status {unknown}, unknown here", do
        )
    young = age_of(certificate, now) < stuck_after
    if causes and causes[0].settles and young:
        return Decision(Action.WAIT, f"{causes[0].what}, which is normal at first")
    if causes:
        return Decision(causes[0].action, causes[0].what, causes[0])
    return _without_cause(certificate, twin, now, young)


def _stop(kind: str, error_id: str, what: str, do: str) -> Decision:
    return Decision(Action.STOP, what, Cause(kind, Action.STOP, error_id, what, do))


def _unknown(certificate: Certificate) -> str:
    """The first status that nobody has told us about."""
    if classify(certificate.status) is Action.STOP:
        return certificate.status
    said = [certificate.status_of(domain) for domain in certificate.domains] + list(certificate.domain_status.values())
    return next((status for status in said if classify_domain(status) is Action.STOP), "")


def _without_cause(certificate: Certificate, twin: Twin | None, now: datetime, young: bool) -> Decision:
    """The decision where address, CAA and load balancer are proved to be right."""
    head = headline(certificate, now)
    until = serving_until(certificate, twin, now)
    if until is not None:
        return Decision(
            Action.WAIT,
            f"{head}; the certificate served now is good until {until:%Y-%m-%d} and is not touched, Google tries again",
        )
    if certificate.status == "RenewalFailed" and certificate.expires is None and (twin is None or twin.expires is None):
        return Decision(Action.WAIT, f"{head}; it may still serve and is not touched, Google tries again")
    if classify(certificate.status) is Action.REPROVISION:
        return Decision(Action.REPROVISION, f"{head}; Google never tries this one again")
    if not certificate.status:
        return _silent(head, young)
    if young:
        return Decision(Action.WAIT, f"{head}; DNS and CAA are right, usual are 20 to 60 min")
    return Decision(
        Action.REPROVISION, f"{head}; DNS and CAA are right now, and Google's next try may be up to 24 h away"
    )


def _silent(head: str, young: bool) -> Decision:
    if young:
        return Decision(Action.WAIT, f"{head}; GKE's controller has not looked at it yet")
    do = "check that the cluster's HTTP load balancing add-on is on, and read the events of the ManagedCertificate"
    return _stop("controller", "E-CERT-04", f"{head}; GKE's controller does nothing about it", do)
