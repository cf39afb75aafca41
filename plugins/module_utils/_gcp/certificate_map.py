# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""A certificate map of Google's Certificate Manager with one managed certificate: wanted, found, decided. Pure.

Four parts hang together: the DNS authorization proves the domain, the certificate uses it, the entry of the map gives
the certificate to a host name, and a load balancer names the map. Parts are made in this order and taken away in the
opposite one, because Google deletes no map, certificate or authorization that is used. It does delete the entry of a
map that serves people: while a load balancer holds the map, nothing is taken away. A certificate is replaced by another
one beside it, which takes its place in the entry when it is issued: what is served stays served. What somebody else has
come to use stays, too: his certificate is renewed with our authorization's record, his map serves our certificate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .._core.errors import HubError
from .._core.plan import Plan, Step
from .._dns.verdicts import host_name, is_host_name
from .refusals import Json

AUTHORIZATION, CERTIFICATE = "DnsAuthorization", "Certificate"
MAP, ENTRY = "CertificateMap", "CertificateMapEntry"
MAKING = (AUTHORIZATION, CERTIFICATE, MAP, ENTRY)
"""In the order in which they can be made."""
TAKING = (ENTRY, MAP, CERTIFICATE, AUTHORIZATION)
"""In the order in which they can be taken away."""
AUTHORIZED, PRESENT, ABSENT = "authorized", "present", "absent"
STATES = (PRESENT, AUTHORIZED, ABSENT)
RECORD_TYPE = "PER_PROJECT_RECORD"
"""A record of this project's own. The other type takes ``_acme-challenge``, which ACME clients write to as well."""
MARK = {"managed-by": "researchops-jupyterhub"}
MAP_LABEL = "certificate-map"
"""The label that names the map a part belongs to; names of maps are labels' values, too."""
OWNER_LABEL = "owner"
"""The label with a digest of whom the map is for: clusters of one project may have hubs of the same name."""
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
STEM = 52
"""Characters of a map's name in the names of its parts; with a digest and a number behind it Google's limit is 63."""
ACTIVE, FAILED = "ACTIVE", "FAILED"
CONFIG, CAA, RATE_LIMITED = "CONFIG", "CAA", "RATE_LIMITED"
ISSUES = {"AUTHORIZATION_ISSUE": CONFIG, "RATE_LIMITED": RATE_LIMITED}
"""What Google's reasons for a whole certificate mean, in its words for one attempt."""


@dataclass(frozen=True)
class Wish:
    """What is wanted.

    Attributes:
        name: of the map.
        domain: the host name, in the form in which names are compared; may be empty where all shall go.
        state: one of :data:`STATES`.
        wait: whether the certificate must be issued before all counts as done.
        owner: whom the map is for, in any words that are the same every time.
        keep_authorization: whether the authorizations stay where all else shall go.
    """

    name: str
    domain: str = ""
    state: str = PRESENT
    wait: bool = True
    owner: str = ""
    keep_authorization: bool = False

    @property
    def part(self) -> str:
        """Name of authorization and entry, and stem of the certificates' names; another one for another domain."""
        digest = hashlib.sha256(f"{self.name} {self.domain}".encode()).hexdigest()[:8]
        return f"{self.name[:STEM].rstrip('-')}-{digest}"

    @property
    def certificates(self) -> tuple[str, str]:
        """The names a certificate can have, in turn: one that Google gave up is replaced while it may still serve."""
        return self.part, f"{self.part}-2"

    @property
    def labels(self) -> dict[str, str]:
        """What marks a part as ours, as this map's, and as this owner's."""
        return {**MARK, MAP_LABEL: self.name, OWNER_LABEL: hashlib.sha256(self.owner.encode()).hexdigest()[:16]}

    def facts(self, kind: str, certificate: str = "") -> Json:
        """What a part of this kind must say, with names in the short form; an entry names the certificate."""
        by_kind: dict[str, Json] = {
            AUTHORIZATION: {"domain": self.domain},
            CERTIFICATE: {"domains": [self.domain], "dnsAuthorizations": [self.part]},
            MAP: {"name": self.name},  # so that a diff shows the map that goes
            ENTRY: {"hostname": self.domain, "certificates": [certificate]},
        }
        return by_kind[kind]


@dataclass(frozen=True)
class Part:
    """One live part.

    Attributes:
        kind: :data:`AUTHORIZATION`, :data:`CERTIFICATE`, :data:`MAP` or :data:`ENTRY`.
        name: its name, without what it is below.
        ours: whether it carries the marks of this map.
        facts: what it says, in the form of :meth:`Wish.facts`.
        record: of an authorization, the DNS record that it asks for: ``name``, ``type``, ``data``.
        holders: of a map, the load balancers' proxies that use it; of a certificate, the entries of other maps.
    """

    kind: str
    name: str
    ours: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, str] = field(default_factory=dict)
    holders: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The part as people name it."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Issued:
    """How far Google is with the certificate.

    Attributes:
        state: Google's word; empty where there is no certificate.
        cause: why it is not issued: :data:`CONFIG`, :data:`CAA`, :data:`RATE_LIMITED`, or empty.
        details: Google's sentence about that.
        expires: until when it holds, as Google writes it.
        renewing: whether it was issued before and still holds, while Google fetches the next one.
    """

    state: str = ""
    cause: str = ""
    details: str = ""
    expires: str = ""
    renewing: bool = False

    @property
    def serves(self) -> bool:
        """Whether people get a certificate that holds."""
        return self.state == ACTIVE or self.renewing


@dataclass(frozen=True)
class Seen:
    """What there is.

    Attributes:
        parts: all parts of ours, and foreign ones that have a wanted name or lie in the wanted map.
        certificate: name of the certificate that shall serve the wanted domain, whether it is there or not.
        issued: about that certificate.
        needed: names of the records that other people's authorizations ask for; a project has one for each domain.
        users: what others made that uses a certificate or an authorization, by the :attr:`Part.target` of that one.
    """

    parts: tuple[Part, ...] = ()
    certificate: str = ""
    issued: Issued = Issued()
    needed: frozenset[str] = frozenset()
    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, kind: str, name: str) -> Part | None:
        """The part of this kind and name."""
        return next((part for part in self.parts if (part.kind, part.name) == (kind, name)), None)

    def records(self, names: Iterable[str]) -> list[dict[str, str]]:
        """The DNS records that the authorizations of these names ask for."""
        wanted = set(names)
        found = [part for part in self.parts if part.kind == AUTHORIZATION and part.name in wanted]
        return [dict(part.record) for part in found if part.record]

    @property
    def unneeded(self) -> list[dict[str, str]]:
        """The DNS records that nobody asks for when our parts are gone."""
        # By kind, because a certificate is called like its authorization.
        going = [part for part in self.parts if part.kind == AUTHORIZATION and part.ours]
        records = self.records(part.name for part in going if part.target not in self.users)
        return [record for record in records if record["name"] not in self.needed]


@dataclass(frozen=True)
class Action:
    """One change: ``create``, ``update`` or ``delete`` of a part."""

    verb: str
    kind: str
    name: str

    @property
    def target(self) -> str:
        """The part as people name it."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Work:
    """What has to be done.

    Attributes:
        plan: all of it, for people.
        now: what is done at once, in this order.
        later: what is done when the certificate is issued, and not before: another one may serve people until then.
        certificate: name of the certificate that is wanted.
    """

    plan: Plan
    certificate: str
    now: tuple[Action, ...] = ()
    later: tuple[Action, ...] = ()


# ---- what is wanted


def parse_wish(params: Mapping[str, Any]) -> Wish:
    """The module's options.

    Raises:
        HubError: E-CERT-33 for what cannot name a map or be a host name.
    """
    name, domain, state = str(params["name"]), host_name(str(params["domain"] or "")), str(params["state"])
    if not NAME.fullmatch(name):
        raise HubError(
            error_id="E-CERT-33",
            what=f"{name!r} cannot name a certificate map",
            do="use at most 63 small letters, digits and dashes, beginning with a letter",
        )
    # DNS knows labels with an underscore; certificates do not.
    if state != ABSENT and (not is_host_name(domain) or "_" in domain):
        raise HubError(
            error_id="E-CERT-33",
            what=f"{params['domain'] or 'nothing'!r} is no host name that a certificate could be for",
            do="write the bare name, such as hub.example.org",
        )
    keep = bool(params["keep_authorization"])
    return Wish(name, domain, state, bool(params["wait"]), str(params["owner"]), keep)


# ---- what is there


def parse_seen(
    wish: Wish,
    authorizations: Iterable[Json],
    certificates: Iterable[Json],
    maps: Iterable[Json],
    entries: Iterable[Json],
    now: datetime,
) -> Seen:
    """What Google lists at this moment, without what is neither ours nor in our way."""
    certificates = list(certificates)
    found = [_part(AUTHORIZATION, item, wish) for item in authorizations]
    found += [_part(CERTIFICATE, item, wish) for item in certificates]
    inside = [_part(ENTRY, item, wish) for item in entries]
    needed, users = _needed(found), _users(found, inside)
    found = [part for part in found if part.ours or part.name in wish.certificates]
    found += [_part(MAP, item, wish) for item in maps]
    found += inside
    ours = {part.name for part in found if part.kind == CERTIFICATE and part.ours}
    names = [_short(item.get("name")) for item in certificates]
    states = {name: parse_issued(item, now) for name, item in zip(names, certificates, strict=True) if name in ours}
    used = [
        name for part in found if (part.kind, part.name) == (ENTRY, wish.part) for name in part.facts["certificates"]
    ]
    used += [name for name in states if f"{CERTIFICATE}/{name}" in users]
    chosen = choose(wish, states, used)
    return Seen(tuple(found), chosen, states.get(chosen, Issued()), needed, users)


def _needed(parts: Iterable[Part]) -> frozenset[str]:
    """Names of the records that parts of others ask for."""
    return frozenset(part.record["name"] for part in parts if part.record and not part.ours)


def _users(parts: Iterable[Part], entries: Iterable[Part]) -> dict[str, tuple[str, ...]]:
    """What others made that uses a certificate or an authorization; a certificate that stays needs its own one."""
    certificates = [part for part in parts if part.kind == CERTIFICATE]
    theirs = [entry for entry in entries if not entry.ours]
    found: dict[str, tuple[str, ...]] = {}
    for part in certificates:
        inside = [entry.target for entry in theirs if part.name in entry.facts["certificates"]]
        if inside or part.holders:
            found[part.target] = (*inside, *part.holders)
    for part in certificates:
        if not part.ours or part.target in found:
            for name in part.facts["dnsAuthorizations"]:
                target = f"{AUTHORIZATION}/{name}"
                found[target] = (*found.get(target, ()), part.target)
    return found


def choose(wish: Wish, states: Mapping[str, Issued], used: Iterable[str]) -> str:
    """Name of the certificate that shall serve the domain.

    Args:
        wish: what is wanted.
        states: our certificates.
        used: those that the entry names, or that others use.
    """
    alive = [name for name in wish.certificates if name in states and states[name].state != FAILED]
    active = [name for name in alive if states[name].state == ACTIVE]
    serving = [name for name in alive if states[name].serves]
    free = [name for name in wish.certificates if name not in states]
    unused = [name for name in wish.certificates if name not in set(used)]
    return [*active, *serving, *alive, *free, *unused, wish.part][0]


def is_ours(item: Mapping[str, Any] | None, wish: Wish) -> bool:
    """Whether a part is there and carries the marks of this map."""
    labels = (item or {}).get("labels") or {}
    return all(labels.get(key) == value for key, value in wish.labels.items())


def _part(kind: str, item: Mapping[str, Any], wish: Wish) -> Part:
    managed = item.get("managed") or {}
    facts: Json = {}
    if kind == AUTHORIZATION:
        facts = {"domain": str(item.get("domain") or "")}
    if kind == CERTIFICATE:
        facts = {"domains": list(managed.get("domains") or []), "dnsAuthorizations": _shorts(managed)}
    if kind == MAP:
        facts = {"name": _short(item.get("name"))}
    if kind == ENTRY:
        facts = {"hostname": str(item.get("hostname") or ""), "certificates": _shorts(item, "certificates")}
    record = _record(item.get("dnsResourceRecord") or {})
    holders = parse_holders(item) or _other_entries(item, wish)
    return Part(kind, _short(item.get("name")), is_ours(item, wish), facts, record, holders)


def parse_holders(item: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The load balancers' proxies that use a map, such as ``targetHttpsProxies/p``; Google lists those with a rule."""
    targets = (item or {}).get("gclbTargets") or []
    names = [str(target.get("targetHttpsProxy") or target.get("targetSslProxy") or "") for target in targets]
    return tuple("/".join(name.split("/")[-2:]) for name in names)


def _other_entries(item: Mapping[str, Any], wish: Wish) -> tuple[str, ...]:
    """The entries of other maps that use a certificate, such as ``certificateMaps/m/certificateMapEntries/e``.

    Those of the wanted map are listed one by one. Load balancers use a certificate of this kind through maps only.
    """
    names = [str(user.get("name") or "") for user in item.get("usedBy") or []]
    entries = ["/".join(name.split("/")[-4:]) for name in names if "/certificateMapEntries/" in name]
    return tuple(entry for entry in entries if not entry.startswith(f"certificateMaps/{wish.name}/"))


def _short(name: Any) -> str:
    """The last part of a resource's name; before it Google writes the project by id or by number, as it likes."""
    return str(name or "").rpartition("/")[2]


def _shorts(item: Mapping[str, Any], key: str = "dnsAuthorizations") -> list[str]:
    return [_short(name) for name in item.get(key) or []]


def _record(item: Mapping[str, Any]) -> dict[str, str]:
    """A DNS record with names in the form in which they are compared; empty while Google has not said it."""
    if not item.get("name") or not item.get("data"):
        return {}
    kind = str(item.get("type") or "CNAME")
    return {"name": host_name(str(item["name"])), "type": kind, "data": host_name(str(item["data"]))}


def parse_issued(item: Mapping[str, Any] | None, now: datetime) -> Issued:
    """How far Google is with this certificate; None for one that does not exist."""
    if item is None:
        return Issued()
    managed = item.get("managed") or {}
    state = str(managed.get("state") or "PROVISIONING")
    expires = str(item.get("expireTime") or "")
    if state == ACTIVE:
        return Issued(state, expires=expires)
    # Google says PROVISIONING of a renewal, too. Its times are UTC and sort as text.
    renewing = state != FAILED and expires > f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Issued(state, *_hindrance(managed), expires, renewing)


def _hindrance(managed: Mapping[str, Any]) -> tuple[str, str]:
    """What keeps Google from issuing it, and its sentence about that; a failed attempt tells more than the issue."""
    issue = managed.get("provisioningIssue") or {}
    cause, details = ISSUES.get(str(issue.get("reason")), ""), issue.get("details")
    attempts = [one for one in managed.get("authorizationAttemptInfo") or [] if one.get("failureReason")]
    if attempts:
        cause, details = str(attempts[0]["failureReason"]), attempts[0].get("details") or details
    return cause if cause in (CONFIG, CAA, RATE_LIMITED) else "", str(details or "").strip().rstrip(".")


# ---- what has to be done


def decide(wish: Wish, seen: Seen) -> Work:
    """What has to be done.

    Raises:
        HubError: E-CERT-31 for a part of a wanted name that is not ours.
    """
    if wish.state == ABSENT:
        return _work(wish, seen, _removals(_unwanted(wish, seen), seen), ())
    _refuse_foreign(wish, seen)
    if wish.state == AUTHORIZED:
        return _work(wish, seen, _missing(wish, seen, (AUTHORIZATION,)), ())
    # Google does not try again. Of two that it gave up, the one that no entry holds on to is made anew.
    failed = seen.find(CERTIFICATE, seen.certificate) if seen.issued.state == FAILED else None
    if failed and failed.target in seen.users:
        failed = None  # Google would not delete it
    rest = replace(seen, parts=tuple(part for part in seen.parts if part != failed))
    now = (*((_delete(failed),) if failed else ()), *_missing(wish, rest, MAKING))
    later = (*_misled(wish, seen), *_removals(_stale(wish, seen), seen))
    return _work(wish, seen, now, later if wish.wait or seen.issued.serves else ())


def _names(wish: Wish, seen: Seen) -> dict[str, str]:
    """The name each wanted part has."""
    return {AUTHORIZATION: wish.part, CERTIFICATE: seen.certificate, MAP: wish.name, ENTRY: wish.part}


def _missing(wish: Wish, seen: Seen, kinds: Iterable[str]) -> tuple[Action, ...]:
    names = _names(wish, seen)
    return tuple(Action("create", kind, names[kind]) for kind in kinds if seen.find(kind, names[kind]) is None)


def _misled(wish: Wish, seen: Seen) -> tuple[Action, ...]:
    """The entry, where it is there and names another certificate."""
    entry = seen.find(ENTRY, wish.part)
    right = entry is None or entry.facts["certificates"] == [seen.certificate]
    return () if right else (Action("update", ENTRY, wish.part),)


def _stale(wish: Wish, seen: Seen) -> list[Part]:
    """Our parts for another domain, and a certificate that was replaced."""
    names = _names(wish, seen)
    return [part for part in seen.parts if part.ours and part.name != names[part.kind]]


def _unwanted(wish: Wish, seen: Seen) -> list[Part]:
    """All our parts, where nothing is wanted; a map with other people's entries stays."""
    kinds = [kind for kind in TAKING if not (kind == AUTHORIZATION and wish.keep_authorization)]
    ours = [part for part in seen.parts if part.ours and part.kind in kinds]
    return [part for part in ours if not (part.kind == MAP and foreign_entries(seen))]


def _removals(parts: Iterable[Part], seen: Seen) -> tuple[Action, ...]:
    """Users before what they use, and nothing that others use."""
    free = [part for part in parts if part.target not in seen.users]
    return tuple(_delete(part) for kind in TAKING for part in free if part.kind == kind)


def kept_for_others(wish: Wish, seen: Seen) -> list[Part]:
    """Our parts that would go if nobody else used them."""
    going = {ABSENT: _unwanted, PRESENT: _stale}.get(wish.state)
    return [part for part in going(wish, seen) if part.target in seen.users] if going else []


def foreign_entries(seen: Seen) -> list[str]:
    """Host names of the entries that somebody else put into the map."""
    return [part.facts["hostname"] for part in seen.parts if part.kind == ENTRY and not part.ours]


def _delete(part: Part) -> Action:
    return Action("delete", part.kind, part.name)


def _refuse_foreign(wish: Wish, seen: Seen) -> None:
    # A map of somebody else is refused before an authorization is made that nobody would use.
    kinds = (AUTHORIZATION, MAP) if wish.state == AUTHORIZED else MAKING
    wanted = [seen.find(kind, _names(wish, seen)[kind]) for kind in kinds]
    # An entry has a name of its own, but a map takes only one for each host name.
    wanted += [part for part in seen.parts if part.facts.get("hostname") == wish.domain and ENTRY in kinds]
    for part in wanted:
        if part is not None and not part.ours:
            raise HubError(
                error_id="E-CERT-31",
                what=f"{part.target} exists already and was not made for this map, owner and {wish.domain}",
                seen="labels of somebody else, such as a hub of the same name in another cluster",
                wanted=", ".join(f"{key}={value}" for key, value in wish.labels.items()),
                do="choose another name (a hub's map is called like its address, gke_iap_address_name), delete it, or "
                "name it in gke_iap_certificate as a map of your own",
            )


def _work(wish: Wish, seen: Seen, now: tuple[Action, ...], later: tuple[Action, ...]) -> Work:
    before: Json = {part.target: dict(part.facts) for part in seen.parts if part.ours}
    after, steps = dict(before), []
    for action in (*now, *later):
        fields = {}
        if action.verb == "update":
            wanted = wish.facts(action.kind, seen.certificate)
            fields = {
                key: (before[action.target][key], value)
                for key, value in wanted.items()
                if before[action.target][key] != value
            }
        after[action.target] = {} if action.verb == "delete" else wish.facts(action.kind, seen.certificate)
        steps.append(Step(action.verb, action.target, fields))
    reason = "; ".join(f"{step.verb} {step.target}" for step in steps) or "all as wanted"
    return Work(Plan(before, after, tuple(steps), reason), seen.certificate, now, later)
