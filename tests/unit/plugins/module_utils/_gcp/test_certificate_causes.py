# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be seen to keep a certificate from becoming Active, each with its cure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Answer, Code, Look, Wanted
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_causes import (
    Caa,
    Evidence,
    NameFacts,
    Quota,
    addresses_of,
    diagnose,
    judge_caa,
    parse_addresses,
    refusal,
    wanted_records,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificates import (
    Action,
    Certificate,
    Decision,
    Door,
    Proxy,
    Twin,
)

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
HUB, ADDRESS = "hub.example.org", "203.0.113.7"
CERTIFICATE = Certificate(
    "climate",
    "hub-tls",
    "u",
    (HUB,),
    "Provisioning",
    {HUB: "FailedNotVisible"},
    "mcrt-1",
    datetime(2026, 11, 12, tzinfo=UTC),
)
DOOR = Door("hub", ("hub-tls",), "gce", addresses=(ADDRESS,), static_address="s", proxy="proxy")
SILENT_ONE = replace(CERTIFICATE, twin="", domain_status={})
TWIN = Twin("mcrt-1", "PROVISIONING")
PROXY = Proxy("proxy", ("mcrt-1",))


def look(rtype: str, *said: tuple[Code, tuple[str, ...]], name: str = HUB, values: tuple[str, ...] = ()) -> Look:
    """What each name server said."""
    answers = tuple(Answer(f"ns{n}", f"192.0.2.{n}", code, found) for n, (code, found) in enumerate(said))
    return Look(Wanted(name, rtype, values), "example.org", answers)


def says(*values: str) -> tuple[Code, tuple[str, ...]]:
    return (Code.ANSWER if values else Code.NO_DATA, values)


SILENT: tuple[Code, tuple[str, ...]] = (Code.TIMEOUT, ())
DENIED: tuple[Code, tuple[str, ...]] = (Code.REFUSED, ())
ILL: tuple[Code, tuple[str, ...]] = (Code.SERVFAIL, ())
NOWHERE: tuple[Code, tuple[str, ...]] = (Code.NO_NAME, ())


def addresses(
    *a: tuple[Code, tuple[str, ...]], aaaa: tuple[Code, tuple[str, ...]] = (Code.NO_DATA, ())
) -> tuple[Look, ...]:
    return (look("A", *a, values=(ADDRESS,)), look("AAAA", *[aaaa] * len(a)))


RIGHT = NameFacts(
    addresses(says(ADDRESS), says(ADDRESS)), (look("CAA", says()), look("CAA", says(), name="example.org"))
)
EVIDENCE = Evidence(CERTIFICATE, (DOOR,), (), TWIN, {"hub": PROXY}, {HUB: RIGHT}, None, "", NOW)


def test_what_is_odd_about_an_active_certificate_is_no_cause() -> None:
    odd = replace(EVIDENCE, doors=(replace(DOOR, tls=("own-tls",)),), proxies={})
    assert diagnose(odd)
    assert diagnose(replace(odd, certificate=replace(CERTIFICATE, status="Active"))) == ()


def caa(*values: str) -> NameFacts:
    return NameFacts(RIGHT.addresses, (look("CAA", says()), look("CAA", says(*values), name="example.org")))


def where(*a: tuple[Code, tuple[str, ...]], **more: Any) -> NameFacts:
    return NameFacts(addresses(*a, **more), RIGHT.caa)


def test_where_everything_is_right_there_is_no_cause() -> None:
    assert diagnose(EVIDENCE) == ()


HEAD = "Certificate hub-tls failed: FailedNotVisible. "
CAUSES = [
    pytest.param(
        {"certificate": replace(CERTIFICATE, domains=("*.example.org",))},
        "domains",
        "E-CERT-04",
        "stop",
        "*.example.org is a wildcard",
        id="wildcard",
    ),
    pytest.param(
        {"certificate": replace(CERTIFICATE, domains=("a" * 60 + ".org",))},
        "domains",
        "E-CERT-04",
        "stop",
        "longer than 63",
        id="long-domain",
    ),
    pytest.param(
        {"certificate": replace(CERTIFICATE, domains=tuple(f"d{n}.org" for n in range(101)))},
        "domains",
        "E-CERT-04",
        "stop",
        "101 domains, at most 100",
        id="many-domains",
    ),
    pytest.param(
        {"certificate": replace(CERTIFICATE, domains=())},
        "domains",
        "E-CERT-04",
        "stop",
        "names no domain",
        id="no-domain",
    ),
    pytest.param(
        {"doors": (), "others": (DOOR,), "proxies": {}},
        "attachment",
        "E-CERT-04",
        "stop",
        HEAD + "No Ingress in namespace climate names it",
        id="attachment-missing",
    ),
    pytest.param(
        {"doors": (replace(DOOR, gce=False, ingress_class="nginx"),)},
        "class",
        "E-CERT-04",
        "stop",
        HEAD + "Ingress hub has the class nginx; only gce",
        id="class",
    ),
    pytest.param(
        {"doors": (replace(DOOR, tls=("own-tls",)),), "proxies": {}},
        "tls",
        "E-CERT-04",
        "stop",
        HEAD + "Ingress hub has a tls: block (own-tls)",
        id="tls-block",
    ),
    pytest.param(
        {"doors": (replace(DOOR, tls=("own-tls",)),), "twin": None},
        "tls",
        "E-CERT-04",
        "stop",
        HEAD + "Ingress hub has a tls: block (own-tls)",
        id="tls-block-and-no-twin",
    ),
    pytest.param(
        {"twin": None, "project": "p"},
        "twin",
        "E-CERT-08",
        "stop",
        HEAD + "Compute Engine in project p does not know its certificate mcrt-1",
        id="twin-not-in-this-project",
    ),
    pytest.param(
        {"doors": (replace(DOOR, attached=tuple(f"c{n}" for n in range(16))),)},
        "too_many",
        "E-CERT-04",
        "stop",
        "names 16 certificates, 15 are possible",
        id="too-many-certificates",
    ),
    pytest.param(
        {"doors": (replace(DOOR, addresses=()),)},
        "no_address",
        "E-CERT-04",
        "stop",
        HEAD + "Ingress hub has no address yet",
        id="no-address",
    ),
    pytest.param(
        {"proxies": {"hub": replace(PROXY, certificate_map="map")}},
        "certificate_map",
        "E-CERT-04",
        "stop",
        "uses the certificate map map, which overrules",
        id="certificate-map",
    ),
    pytest.param(
        {"proxies": {"hub": Proxy("proxy", ("other",))}},
        "not_carried",
        "E-CERT-04",
        "stop",
        "does not carry mcrt-1",
        id="not-carried",
    ),
    pytest.param(
        {"twin": None, "quota": Quota(10, 10)},
        "quota",
        "E-CERT-09",
        "stop",
        "the project has 10 of 10 certificates",
        id="quota",
    ),
    pytest.param(
        {"twin": None, "event": "TooManyCertificates: no"},
        "quota",
        "E-CERT-09",
        "stop",
        "says: TooManyCertificates: no",
        id="quota-by-event",
    ),
    pytest.param(
        {"twin": None, "event": "BackendError: Quota exceeded."},
        "quota",
        "E-CERT-09",
        "stop",
        "Quota exceeded",
        id="quota-by-another-event",
    ),
    pytest.param(
        {"names": {HUB: caa('0 issue "digicert.com"')}},
        "caa",
        "E-CERT-02",
        "fix-CAA",
        HEAD
        + "CAA of example.org allows only digicert.com; Google's certificates need pki.goog. Recreating would not help",
        id="caa",
    ),
    pytest.param(
        {"names": {HUB: NameFacts(RIGHT.addresses, (look("CAA", ILL, ILL),))}},
        "caa",
        "E-CERT-02",
        "fix-CAA",
        f"The name servers of {HUB} give no proper answer about CAA",
        id="caa-servfail",
    ),
    pytest.param(
        {"names": {HUB: NameFacts(RIGHT.addresses, (look("CAA", SILENT),))}},
        "unproved",
        "E-CERT-08",
        "stop",
        "CAA records of hub.example.org cannot be asked for from here",
        id="caa-unreachable",
    ),
    pytest.param(
        {"names": {HUB: NameFacts(RIGHT.addresses, (look("CAA", DENIED, DENIED),))}},
        "caa",
        "E-CERT-02",
        "fix-CAA",
        f"The name servers of {HUB} give no proper answer about CAA",
        id="caa-refused-by-servers-that-tell-addresses",
    ),
    pytest.param(
        {"names": {HUB: where(DENIED, DENIED, aaaa=DENIED)}},
        "unproved",
        "E-CERT-08",
        "stop",
        "Nobody can tell from here where hub.example.org leads",
        id="somebody-answers-in-place-of-the-servers",
    ),
    pytest.param(
        {"names": {HUB: NameFacts(addresses(says(ADDRESS), DENIED), RIGHT.caa)}},
        "address",
        "E-CERT-03",
        "fix-DNS",
        HEAD + "Not every name server of hub.example.org answers properly (not: ns1)",
        id="one-server-refuses",
    ),
    pytest.param(
        {"names": {HUB: where(says("198.51.100.4"), says("198.51.100.4"))}},
        "address",
        "E-CERT-03",
        "fix-DNS",
        HEAD + "hub.example.org points elsewhere. Recreating would not help",
        id="a-elsewhere",
    ),
    pytest.param(
        {"names": {HUB: where(says(ADDRESS), says("198.51.100.4"))}},
        "address",
        "E-CERT-03",
        "fix-DNS",
        "points elsewhere",
        id="one-server-lags",
    ),
    pytest.param(
        {"names": {HUB: where(says(ADDRESS), aaaa=says("2001:db8::9"))}},
        "address",
        "E-CERT-03",
        "fix-DNS",
        "points elsewhere",
        id="forgotten-aaaa",
    ),
    pytest.param(
        {"names": {HUB: where(NOWHERE, NOWHERE, aaaa=NOWHERE)}},
        "address",
        "E-CERT-03",
        "fix-DNS",
        "has no usable address record",
        id="no-record",
    ),
    pytest.param(
        {"names": {HUB: where(SILENT, SILENT, aaaa=SILENT)}},
        "unproved",
        "E-CERT-08",
        "stop",
        "Nobody can tell from here where hub.example.org leads",
        id="port-53-closed",
    ),
    pytest.param(
        {"names": {HUB: NameFacts((), RIGHT.caa)}},
        "unproved",
        "E-CERT-08",
        "stop",
        "Nobody can tell",
        id="nobody-asked",
    ),
    pytest.param(
        {"certificate": replace(CERTIFICATE, domain_status={HUB: "FailedRateLimited"})},
        "rate_limit",
        "E-CERT-05",
        "back-off",
        "failed: FailedRateLimited",
        id="rate-limit",
    ),
]


@pytest.mark.parametrize(("change", "kind", "error_id", "action", "text"), CAUSES)
def test_each_cause_is_seen_alone_and_has_a_cure(
    change: dict[str, Any], kind: str, error_id: str, action: str, text: str
) -> None:
    (cause,) = diagnose(replace(EVIDENCE, **change))
    assert (cause.kind, cause.error_id, cause.action.value) == (kind, error_id, action)
    assert text in cause.what
    assert cause.do
    assert cause.settles is (kind in ("no_address", "not_carried", "twin"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"proxies": {}}, id="proxy-not-asked"),
        pytest.param({"doors": (replace(DOOR, tls=("own-tls",)),)}, id="carried-beside-a-tls-block"),
        pytest.param(
            {"doors": (replace(DOOR, tls=("own-tls",)),), "proxies": {}, "detached": True}, id="taken-off-by-ourselves"
        ),
        pytest.param({"project": "p"}, id="twin-known"),
        pytest.param({"twin": None, "project": "p", "certificate": SILENT_ONE, "names": {}}, id="twin-not-named-yet"),
        pytest.param({"names": {}}, id="dns-not-asked"),
        pytest.param({"twin": None, "proxies": {"hub": Proxy("proxy")}}, id="no-twin-yet"),
        pytest.param({"twin": None, "quota": Quota(9, 10)}, id="quota-left"),
        pytest.param({"quota": Quota(10, 10)}, id="full-but-made-already"),
        pytest.param({"twin": None, "event": "Create: made"}, id="another-event"),
        pytest.param({"doors": (DOOR, replace(DOOR, name="second", addresses=()))}, id="one-of-two-has-an-address"),
        pytest.param({"names": {HUB: caa('0 issue "pki.goog"', '0 issue "digicert.com"')}}, id="google-among-others"),
        pytest.param(
            {"certificate": replace(CERTIFICATE, domains=tuple(f"d{n}.org" for n in range(100))), "names": {}},
            id="as-many-domains-as-are-possible",
        ),
        pytest.param(
            {"doors": (replace(DOOR, attached=tuple(f"c{n}" for n in range(15))),)},
            id="as-many-certificates-as-are-possible",
        ),
    ],
)
def test_what_is_no_cause(change: dict[str, Any]) -> None:
    assert diagnose(replace(EVIDENCE, **change)) == ()


def test_a_tls_block_counts_where_the_certificate_is_not_carried() -> None:
    other: dict[str, Any] = {"doors": (replace(DOOR, tls=("own-tls",)),), "proxies": {"hub": Proxy("proxy", ("own",))}}
    assert [cause.kind for cause in diagnose(replace(EVIDENCE, **other))] == ["tls", "not_carried"]


def test_servers_that_fail_about_caa_are_told_even_where_nobody_tells_addresses() -> None:
    facts = NameFacts((look("A", SILENT), look("AAAA", SILENT)), (look("CAA", ILL),))
    assert [cause.kind for cause in diagnose(replace(EVIDENCE, names={HUB: facts}))] == ["caa", "unproved"]


def test_the_most_telling_cause_comes_first() -> None:
    bad = NameFacts(addresses(says("198.51.100.4")), caa('0 issue "digicert.com"').caa)
    limited = replace(CERTIFICATE, domain_status={HUB: "FailedRateLimited"})
    doors = (replace(DOOR, tls=("x",)),)
    found = diagnose(
        replace(EVIDENCE, certificate=limited, doors=doors, names={HUB: bad}, twin=None, proxies={}, project="p")
    )
    assert [cause.kind for cause in found] == ["tls", "caa", "address", "rate_limit", "twin"]


GOOD = ("pki.goog",)
CAA_TABLE = [
    pytest.param(((),), None, True, id="no-record-anywhere"),
    pytest.param((('0 issue "digicert.com"',),), ("digicert.com",), False, id="another-authority"),
    pytest.param((('0 issue ";"',),), (), False, id="nobody"),
    pytest.param((('0 issue "pki.goog"',),), GOOD, True, id="google"),
    pytest.param((('0 issue "PKI.goog"',),), GOOD, True, id="case-does-not-matter"),
    pytest.param((('0 issue "letsencrypt.org"',),), ("letsencrypt.org",), True, id="lets-encrypt"),
    pytest.param((('0 issue "pki.goog; validationmethods=http-01"',),), GOOD, True, id="parameters"),
    pytest.param(
        (('0 issue "pki.goog; accounturi=https://a/1"',),), ("pki.goog (one account only)",), False, id="account"
    ),
    pytest.param((('0 iodef "mailto:a@b"',),), None, True, id="only-a-contact"),
    pytest.param((('0 issuewild "digicert.com"',),), None, True, id="only-wildcards-restricted"),
    pytest.param((('128 tbs "unknown"',),), ("nobody (unknown critical property tbs)",), False, id="critical"),
    pytest.param((('0 tbs "unknown"',),), None, True, id="unknown-but-not-critical"),
    pytest.param((('1 tbs "unknown"',),), None, True, id="another-flag-is-not-critical"),
    pytest.param(((), ('0 issue "digicert.com"',)), ("digicert.com",), False, id="the-parent-decides"),
    pytest.param((('0 issue "pki.goog"',), ('0 issue "digicert.com"',)), GOOD, True, id="the-domain-before-its-parent"),
]


@pytest.mark.parametrize(("levels", "allowed", "permits"), CAA_TABLE)
def test_caa(levels: tuple[tuple[str, ...], ...], allowed: tuple[str, ...] | None, permits: bool) -> None:
    looks = [look("CAA", says(*values), says(*values), name=f"l{n}") for n, values in enumerate(levels)]
    verdict = judge_caa(looks)
    assert (verdict.allowed, verdict.permits, verdict.problem) == (allowed, permits, "")


@pytest.mark.parametrize("other", ["digicert.com", "zerossl.com"])
def test_servers_that_disagree_about_caa_count_as_the_strictest(other: str) -> None:
    verdict = judge_caa([look("CAA", says('0 issue "pki.goog"'), says(f'0 issue "{other}"'))])
    assert (verdict.allowed, verdict.permits) == ((other,), False)
    assert judge_caa([look("CAA", says('0 issue "pki.goog"'), says())]).permits


@pytest.mark.parametrize(
    "broken", [look("CAA", says(), ILL), Look(Wanted(HUB, "CAA", ()), problem="no zone"), look("CAA")]
)
def test_an_answer_that_is_missing_permits_nothing(broken: Look) -> None:
    verdict = judge_caa([broken])
    assert (verdict.owner, verdict.permits) == (HUB, False)


def test_nothing_asked_about_caa_restricts_nothing() -> None:
    assert judge_caa([]) == Caa()


def test_the_records_a_domain_must_have() -> None:
    assert wanted_records(HUB, [ADDRESS, "2001:db8::7"]) == (
        Wanted(HUB, "A", (ADDRESS,)),
        Wanted(HUB, "AAAA", ("2001:db8::7",)),
    )
    assert addresses_of([DOOR, DOOR]) == (ADDRESS,)


def test_of_several_ingresses_with_one_certificate_each_name_leads_to_one() -> None:
    other = "203.0.113.8"
    for said, right in (((ADDRESS,), True), ((other,), True), ((ADDRESS, other), True), ((), False)):
        assert wanted_records(HUB, [other, ADDRESS])[0].satisfied_by(said) is right
        assert not wanted_records(HUB, [other, ADDRESS])[0].satisfied_by((*said, "198.51.100.4"))
    assert [one.text() for one in wanted_records(HUB, [other, ADDRESS])] == [f"A {ADDRESS} or {other}", "no AAAA"]


def test_the_error_says_it_as_people_would() -> None:
    certificate = replace(CERTIFICATE, name="hub-example-org", domain_status={HUB: "FailedCaaChecking"})
    causes = diagnose(replace(EVIDENCE, certificate=certificate, names={HUB: caa('0 issue "digicert.com"')}))
    error = refusal(Decision(Action.FIX_CAA, causes[0].what, causes[0]), causes)
    assert error.text() == (
        "E-CERT-02 Certificate hub-example-org failed: FailedCaaChecking. CAA of example.org allows only digicert.com; "
        "Google's certificates need pki.goog. Recreating would not help. Nothing was changed. "
        'Do: add the record: example.org. CAA 0 issue "pki.goog", then run again.'
    )
    assert error.changed is Changed.NOTHING
    assert error.details == {"action": "fix-CAA", "causes": [causes[0].as_dict()]}
    wrong = diagnose(replace(EVIDENCE, names={HUB: where(says("198.51.100.4"), aaaa=says("2001:db8::9"))}))[0]
    assert (wrong.seen, wrong.wanted) == (
        "A 198.51.100.4 and AAAA 2001:db8::9 at 1 of 1 authoritative servers",
        f"A {ADDRESS}, no AAAA",
    )


def test_a_decision_without_a_cause_is_no_error() -> None:
    with pytest.raises(ValueError, match="no refusal"):
        refusal(Decision(Action.WAIT, "x"), ())


def test_addresses_are_compared_in_one_form() -> None:
    assert parse_addresses([" 198.51.100.4", "2001:DB8:0::1"]) == ("198.51.100.4", "2001:db8::1")
    for text in ("lb.example.org", "fe80::x", "198.51.100.256"):
        with pytest.raises(HubError, match="E-DNS-05"):
            parse_addresses([text])
