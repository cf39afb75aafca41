# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a managed certificate's objects say, and the whole table of what to do about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificates import (
    CERTIFICATE_STATUS,
    DOMAIN_STATUS,
    Action,
    Cause,
    Certificate,
    Decision,
    Door,
    Proxy,
    Twin,
    age_of,
    classify,
    classify_domain,
    decide,
    headline,
    is_active,
    names_in,
    parse_certificate,
    parse_door,
    parse_proxy,
    parse_twin,
    serving_until,
    spoken,
    status_text,
)

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=10)
YOUNG = NOW - timedelta(minutes=10)
LATER = NOW + timedelta(days=30)
PAST = NOW - timedelta(days=1)
HUB = "hub.example.org"

WRONG = Cause("address", Action.FIX_DNS, "E-CERT-03", "it points elsewhere", "correct the record")
CAA = Cause("caa", Action.FIX_CAA, "E-CERT-02", "CAA forbids it", "add the record")
LIMIT = Cause("rate_limit", Action.BACK_OFF, "E-CERT-05", "too many", "wait")
NEW = Cause("no_address", Action.STOP, "E-CERT-04", "it has no address yet", "read the events", settles=True)


def certificate(status: str = "Provisioning", domain: str = "Provisioning", **more: Any) -> Certificate:
    given: dict[str, Any] = {"created": OLD, "domains": (HUB,), "domain_status": {HUB: domain}, "twin": "mcrt-1"}
    return Certificate("climate", "hub", "uid-1", status=status, **(given | more))


@pytest.mark.parametrize(
    ("status", "action"),
    [
        ("", Action.WAIT),
        ("Provisioning", Action.WAIT),
        ("Active", Action.NONE),
        ("ProvisioningFailed", Action.WAIT),
        ("ProvisioningFailedPermanently", Action.REPROVISION),
        ("RenewalFailed", Action.WAIT),
        ("Paused", Action.STOP),
        ("active", Action.STOP),
    ],
)
def test_each_status_of_a_certificate_has_one_meaning(status: str, action: Action) -> None:
    assert classify(status) is action


@pytest.mark.parametrize(
    ("status", "action"),
    [
        ("Provisioning", Action.WAIT),
        ("Active", Action.NONE),
        ("FailedNotVisible", Action.FIX_DNS),
        ("FailedCaaChecking", Action.FIX_CAA),
        ("FailedCaaForbidden", Action.FIX_CAA),
        ("FailedRateLimited", Action.BACK_OFF),
        ("FailedSomethingNew", Action.STOP),
        ("", Action.STOP),
    ],
)
def test_each_status_of_a_domain_has_one_meaning(status: str, action: Action) -> None:
    assert classify_domain(status) is action


def test_every_meaning_is_somewhere_in_the_tables() -> None:
    assert {*CERTIFICATE_STATUS.values(), *DOMAIN_STATUS.values(), classify("x")} == set(Action)


DECISIONS = [
    # never touched
    pytest.param(certificate("Active", "Active"), None, (), Action.NONE, "is Active", id="00-active"),
    pytest.param(certificate("Active", "Active"), None, (WRONG,), Action.NONE, "is Active", id="01-active-whatever"),
    pytest.param(certificate(), Twin("mcrt-1", "ACTIVE"), (), Action.NONE, "is Active", id="02-compute-is-ahead"),
    pytest.param(certificate(deleting=True), None, (), Action.STOP, "somebody is deleting it", id="03-deleting"),
    pytest.param(certificate("Paused"), None, (), Action.STOP, "status Paused, unknown here", id="04-new-status"),
    pytest.param(certificate(domain="FailedX"), None, (), Action.STOP, "FailedX, unknown", id="05-new-domain-status"),
    pytest.param(
        certificate(domain_status={"x.org": "FailedX"}), None, (), Action.STOP, "FailedX", id="06-of-a-foreign-domain"
    ),
    pytest.param(certificate("Paused"), None, (WRONG,), Action.STOP, "Paused", id="07-unknown-before-causes"),
    # causes
    pytest.param(certificate(), None, (WRONG,), Action.FIX_DNS, "points elsewhere", id="10-address"),
    pytest.param(certificate(created=YOUNG), None, (WRONG,), Action.FIX_DNS, "points", id="11-address-at-once"),
    pytest.param(certificate(), None, (CAA, WRONG), Action.FIX_CAA, "CAA forbids", id="12-the-first-cause-counts"),
    pytest.param(
        certificate(domain="FailedRateLimited"), None, (LIMIT,), Action.BACK_OFF, "too many", id="13-rate-limit"
    ),
    pytest.param(
        certificate("ProvisioningFailedPermanently", "FailedRateLimited"),
        None,
        (LIMIT,),
        Action.BACK_OFF,
        "too many",
        id="14-rate-limit-even-when-permanent",
    ),
    pytest.param(
        certificate("ProvisioningFailedPermanently"), None, (WRONG,), Action.FIX_DNS, "points", id="15-permanent-wrong"
    ),
    pytest.param(certificate(created=YOUNG), None, (NEW,), Action.WAIT, "normal at first", id="16-settling"),
    pytest.param(certificate(), None, (NEW,), Action.STOP, "no address yet", id="17-should-have-settled"),
    pytest.param(certificate(created=YOUNG), None, (CAA, NEW), Action.FIX_CAA, "CAA", id="18-settling-comes-second"),
    # nothing stands in the way
    pytest.param(
        certificate("RenewalFailed", "FailedNotVisible", expires=LATER),
        None,
        (),
        Action.WAIT,
        "good until 2026-12-22 and is not touched",
        id="20-renewal-failed-still-serving",
    ),
    pytest.param(
        certificate("RenewalFailed"),
        Twin("mcrt-1", "RENEWAL_FAILED", LATER),
        (),
        Action.WAIT,
        "not touched",
        id="21-serving-says-compute",
    ),
    pytest.param(
        certificate("RenewalFailed"), None, (), Action.WAIT, "may still serve", id="22-renewal-failed-end-unknown"
    ),
    pytest.param(
        certificate("RenewalFailed"),
        Twin("mcrt-1", "RENEWAL_FAILED"),
        (),
        Action.WAIT,
        "may still serve",
        id="22-nor-does-compute-tell-the-end",
    ),
    pytest.param(
        certificate("RenewalFailed", expires=PAST), None, (), Action.REPROVISION, "DNS and CAA", id="23-run-out"
    ),
    pytest.param(
        certificate("RenewalFailed"),
        Twin("mcrt-1", "RENEWAL_FAILED", PAST),
        (),
        Action.REPROVISION,
        "DNS and CAA",
        id="24-run-out-says-compute",
    ),
    pytest.param(
        certificate("ProvisioningFailedPermanently", expires=LATER),
        None,
        (),
        Action.WAIT,
        "not touched",
        id="25-serving",
    ),
    pytest.param(
        certificate("ProvisioningFailedPermanently", "FailedNotVisible"),
        None,
        (),
        Action.REPROVISION,
        "never tries this one again",
        id="30-permanent",
    ),
    pytest.param(
        certificate("ProvisioningFailedPermanently", created=YOUNG),
        None,
        (),
        Action.REPROVISION,
        "never",
        id="31-at-once",
    ),
    pytest.param(
        certificate("", domain_status={}, created=YOUNG), None, (), Action.WAIT, "not looked at it yet", id="32-silent"
    ),
    pytest.param(
        certificate("", domain_status={}), None, (), Action.STOP, "controller does nothing", id="33-silent-for-long"
    ),
    pytest.param(certificate(created=YOUNG), None, (), Action.WAIT, "usual are 20 to 60 min", id="34-provisioning"),
    pytest.param(certificate(), None, (), Action.REPROVISION, "up to 24 h away", id="35-stuck"),
    pytest.param(
        certificate(domain="FailedNotVisible", created=YOUNG), None, (), Action.WAIT, "usual", id="36-first-look-failed"
    ),
    pytest.param(
        certificate(domain="FailedNotVisible"),
        None,
        (),
        Action.REPROVISION,
        "failed: FailedNotVisible",
        id="37-cured-dns",
    ),
    pytest.param(
        certificate(domain="FailedCaaForbidden"), None, (), Action.REPROVISION, "Forbidden", id="38-cured-caa"
    ),
    pytest.param(certificate("ProvisioningFailed"), None, (), Action.REPROVISION, "Failed", id="39-failed"),
    pytest.param(
        certificate("ProvisioningFailed", created=YOUNG), None, (), Action.WAIT, "usual", id="40-failed-at-first"
    ),
    pytest.param(certificate(created=None), None, (), Action.WAIT, "usual", id="41-age-unknown-is-new"),
]


@pytest.mark.parametrize(("seen", "twin", "causes", "action", "reason"), DECISIONS)
def test_decisions(
    seen: Certificate, twin: Twin | None, causes: tuple[Cause, ...], action: Action, reason: str
) -> None:
    decision = decide(seen, twin, causes, NOW)
    assert decision.action is action
    assert reason in decision.reason
    assert (decision.cause is not None) == (action in (Action.STOP, Action.FIX_DNS, Action.FIX_CAA, Action.BACK_OFF))


def test_how_long_a_new_one_is_left_alone_is_a_setting() -> None:
    assert decide(certificate(created=YOUNG), None, (), NOW, stuck_after=600).action is Action.REPROVISION
    assert decide(certificate(created=YOUNG), None, (), NOW, stuck_after=601).action is Action.WAIT


def test_a_cause_carries_its_cure_to_the_error() -> None:
    assert decide(certificate(), None, (WRONG, CAA), NOW) == Decision(Action.FIX_DNS, "it points elsewhere", WRONG)
    assert WRONG.as_dict() == {
        "kind": "address",
        "action": "fix-DNS",
        "domain": "",
        "error_id": "E-CERT-03",
        "text": "it points elsewhere",
        "seen": "",
        "wanted": "",
        "cure": "correct the record",
    }


def test_a_managed_certificate_is_read() -> None:
    obj = {
        "metadata": {
            "namespace": "climate",
            "name": "hub",
            "uid": "u",
            "creationTimestamp": "2026-11-12T14:00:00Z",
            "deletionTimestamp": "2026-11-22T13:00:00Z",
        },
        "spec": {"domains": ["Hub.Example.org.", "b.example.org"]},
        "status": {
            "certificateName": "mcrt-1",
            "certificateStatus": "Provisioning",
            "expireTime": "2027-02-20T00:00:00.000-08:00",
            "domainStatus": [{"domain": "Hub.example.org", "status": "FailedNotVisible"}],
        },
    }
    found = parse_certificate(obj)
    assert found == Certificate(
        namespace="climate",
        name="hub",
        uid="u",
        domains=(HUB, "b.example.org"),
        status="Provisioning",
        domain_status={HUB: "FailedNotVisible"},
        twin="mcrt-1",
        created=datetime(2026, 11, 12, 14, tzinfo=UTC),
        expires=datetime(2027, 2, 20, 8, tzinfo=UTC),
        deleting=True,
    )
    assert (found.status_of(HUB), found.status_of("b.example.org")) == ("FailedNotVisible", "Provisioning")
    assert parse_certificate({}) == Certificate("", "")
    assert certificate("Active", domain_status={}).status_of(HUB) == "Active"


def test_compute_resources_are_read() -> None:
    twin = {"name": "mcrt-1", "managed": {"status": "ACTIVE"}, "expireTime": "2027-02-20T00:00:00Z"}
    assert parse_twin(twin) == Twin("mcrt-1", "ACTIVE", datetime(2027, 2, 20, tzinfo=UTC))
    assert parse_twin({"name": "own", "type": "SELF_MANAGED"}) == Twin("own")
    proxy = {
        "name": "p",
        "sslCertificates": ["https://c/global/sslCertificates/mcrt-1"],
        "certificateMap": "//c/maps/m",
    }
    assert parse_proxy(proxy) == Proxy("p", ("mcrt-1",), "m")
    assert parse_proxy({}) == Proxy("")


@pytest.mark.parametrize(
    ("note", "spec", "shown", "gce"),
    [
        pytest.param(None, None, "", True, id="none"),
        pytest.param("gce", None, "gce", True, id="gce"),
        pytest.param("gce", "nginx", "gce", True, id="the-annotation-wins"),
        pytest.param("gce-internal", None, "gce-internal", False, id="internal"),
        pytest.param("nginx", None, "nginx", False, id="another"),
        pytest.param(None, "nginx", "spec.ingressClassName nginx", False, id="by-spec"),
        pytest.param(None, "gce", "spec.ingressClassName gce", False, id="GKE-ignores-the-spec"),
    ],
)
def test_which_ingresses_gke_serves(note: str | None, spec: str | None, shown: str, gce: bool) -> None:
    annotations = {"kubernetes.io/ingress.class": note} if note else {}
    obj = {"metadata": {"annotations": annotations}, "spec": {"ingressClassName": spec} if spec else {}}
    door = parse_door(obj)
    assert (door.ingress_class, door.gce) == (shown, gce)


def test_an_ingress_is_read() -> None:
    obj = {
        "metadata": {
            "name": "hub",
            "deletionTimestamp": "x",
            "annotations": {
                "networking.gke.io/managed-certificates": "a, b,,a",
                "kubernetes.io/ingress.global-static-ip-name": "hub-address",
                "ingress.kubernetes.io/https-target-proxy": "proxy",
                "ingress.gcp.kubernetes.io/pre-shared-cert": "mcrt-1,own",
            },
        },
        "spec": {"tls": [{"secretName": "s"}, {"hosts": ["x"]}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"hostname": "x"}]}},
    }
    assert parse_door(obj) == Door(
        name="hub",
        attached=("a", "b"),
        tls=("s", "without a Secret"),
        addresses=("203.0.113.7",),
        static_address="hub-address",
        proxy="proxy",
        pre_shared=("own",),
        deleting=True,
    )


def test_small_words() -> None:
    assert names_in(" b , a,,b ") == ("b", "a")
    assert [spoken(seconds) for seconds in (0, 119, 120, 7199, 7200, 172799, 172800)] == [
        "0 s", "119 s", "2 min", "120 min", "2 h", "48 h", "2 d",
    ]  # fmt: skip
    assert headline(certificate(), NOW) == "Certificate hub is Provisioning, 10 d old"
    assert headline(certificate("", domain_status={}), NOW) == "Certificate hub is without any status, 10 d old"
    two = certificate(domains=(HUB, "b"), domain_status={HUB: "FailedNotVisible", "b": "FailedNotVisible"})
    assert headline(two, NOW) == "Certificate hub failed: FailedNotVisible"
    assert status_text(two) == "failed: FailedNotVisible"
    assert age_of(certificate(created=LATER), NOW) == 0


def test_views_of_activity() -> None:
    assert is_active(certificate("Active"), None)
    assert is_active(certificate(), Twin("x", "ACTIVE"))
    assert not is_active(certificate(), Twin("x", "PROVISIONING"))
    assert serving_until(certificate(expires=PAST), Twin("x", "", LATER), NOW) == LATER
    assert serving_until(certificate(expires=PAST), None, NOW) is None
    sooner = Twin("x", "", NOW + timedelta(days=1))
    assert serving_until(certificate(expires=LATER), sooner, NOW) == LATER
