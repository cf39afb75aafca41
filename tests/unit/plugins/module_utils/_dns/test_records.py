# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records a name shall have, and which changes lead there."""

from __future__ import annotations

from typing import Any

import dns.rdata
import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import records
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.records import Change


def test_addresses_become_complete_record_sets() -> None:
    assert records.records_for(["203.0.113.8", "203.0.113.7"]) == [
        {"type": "A", "values": ["203.0.113.7", "203.0.113.8"], "exact": True},
        {"type": "AAAA", "values": [], "exact": True},
    ]
    assert records.records_for(["2001:DB8::1"]) == [
        {"type": "A", "values": [], "exact": True},
        {"type": "AAAA", "values": ["2001:db8::1"], "exact": True},
    ]
    assert records.records_for(["LB.example.org."]) == [{"type": "CNAME", "values": ["lb.example.org"], "exact": True}]


@pytest.mark.parametrize("addresses", [["203.0.113.7", "lb.example.org"], ["a.example.org", "b.example.org"]])
def test_addresses_no_name_can_lead_to_are_refused(addresses: list[str]) -> None:
    with pytest.raises(HubError, match="E-DNS-05 No single name can lead to"):
        records.records_for(addresses)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("v=spf1 -all", '"v=spf1 -all"', id="plain"),
        pytest.param("", '""', id="empty"),
        pytest.param('say "no" \\ yes', '"say \\"no\\" \\\\ yes"', id="quotes-and-backslash"),
        pytest.param("a" * 256, '"' + "a" * 255 + '" "a"', id="two-strings"),
        pytest.param("é;", '"\\195\\169;"', id="bytes"),
    ],
)
def test_a_text_has_a_zone_files_spelling_and_comes_back(value: str, text: str) -> None:
    assert records.quoted(value) == text
    assert records.unquoted(text) == value
    item = dns.rdata.from_text("IN", "TXT", text)  # somebody else's reading of the same spelling
    assert b"".join(item.strings) == value.encode()


@pytest.mark.parametrize(
    ("text", "value"), [("bare", "bare"), ("two words", "twowords"), ('"a" "b"', "ab"), ('"\\255"', "\\xff")]
)
def test_other_spellings_are_read_too(text: str, value: str) -> None:
    assert records.unquoted(text) == value


SPF, SPLIT = '"v=spf1 -all"', '"long " "value"'


@pytest.mark.parametrize(
    ("there", "present", "absent", "after"),
    [
        pytest.param([], [], [], [], id="00-nothing"),
        pytest.param([SPF], [], ["token"], [SPF], id="01-gone-already"),
        pytest.param([SPF, '"token"'], ["token"], [], [SPF, '"token"'], id="02-there-already"),
        pytest.param([SPF, "token"], ["token"], [], [SPF, "token"], id="03-there-in-another-spelling"),
        pytest.param([SPF, SPLIT], ["token"], [], [SPF, SPLIT, '"token"'], id="04-added-others-keep-their-spelling"),
        pytest.param([SPF, '"token"', SPLIT], [], ["token"], [SPF, SPLIT], id="05-taken-away"),
        pytest.param([SPLIT], [], ["long value"], [], id="06-the-last-one-taken-away"),
        pytest.param([], ["a", "b", "a"], [], ['"a"', '"b"'], id="07-each-once"),
        pytest.param([], ["a"], ["a"], [], id="08-absent-wins"),
    ],
)
def test_texts_are_added_and_taken_away(
    there: list[str], present: list[str], absent: list[str], after: list[str]
) -> None:
    assert records.merged_texts(there, present, absent) == after


ZONES = [
    {"name": "example-org", "dnsName": "example.org.", "visibility": "public"},
    {"name": "lab", "dnsName": "lab.example.org."},
    {"name": "inside", "dnsName": "hub.lab.example.org.", "visibility": "private"},
    {"dnsName": "nameless.example.org."},
]


@pytest.mark.parametrize(
    ("domain", "zone"),
    [
        pytest.param("hub.example.org", "example-org", id="the-only-one"),
        pytest.param("Hub.Lab.example.org.", "lab", id="the-closest-public-one"),
        pytest.param("lab.example.org", "lab", id="its-apex"),
    ],
)
def test_the_closest_public_zone_is_taken(domain: str, zone: str) -> None:
    assert records.cloud_zone(ZONES, domain)["name"] == zone


def test_a_named_zone_is_taken() -> None:
    assert records.cloud_zone(ZONES, "hub.lab.example.org", "example-org") == {
        "name": "example-org",
        "dnsName": "example.org.",
    }


@pytest.mark.parametrize(
    ("zones", "domain", "wanted", "seen"),
    [
        pytest.param([], "hub.example.org", "", "no zone at all", id="00-no-zone"),
        pytest.param(ZONES, "hub.example.com", "", "example-org (example.org.)", id="01-another-domain"),
        pytest.param(ZONES, "hub.ample.org", "", "example-org", id="02-no-label-border"),
        pytest.param(ZONES, "hub.example.org", "lab", "lab (lab.example.org.)", id="03-named-but-elsewhere"),
        pytest.param(ZONES, "hub.lab.example.org", "inside", "inside", id="04-named-but-private"),
    ],
)
def test_no_fitting_zone_is_an_error(zones: Any, domain: str, wanted: str, seen: str) -> None:
    with pytest.raises(HubError, match="E-DNS-10") as caught:
        records.cloud_zone(zones, domain, wanted)
    assert seen in caught.value.seen


TWINS = [
    {"name": "new", "dnsName": "example.org.", "nameServers": ["ns-cloud-b1.googledomains.com."]},
    {"name": "old", "dnsName": "Example.org.", "nameServers": ["ns-cloud-a1.googledomains.com."]},
    {"name": "inside", "dnsName": "example.org.", "visibility": "private"},
]


def test_of_two_zones_for_one_domain_nobody_can_tell_which_is_asked() -> None:
    with pytest.raises(HubError, match=r"E-DNS-10 Cloud DNS has 2 .* set hub_dns_zone") as caught:
        records.cloud_zone(TWINS, "hub.example.org")
    assert caught.value.seen == "new (ns-cloud-b1.googledomains.com.); old (ns-cloud-a1.googledomains.com.)"
    assert records.cloud_zone(TWINS, "hub.example.org", "old")["name"] == "old"


def rrset(rtype: str, *values: str, name: str = "hub.example.org.", ttl: int = 60) -> dict[str, Any]:
    return {"name": name, "type": rtype, "ttl": ttl, "rrdatas": list(values)}


@pytest.mark.parametrize(
    ("there", "wanted", "changes"),
    [
        pytest.param([], {"A": [], "AAAA": []}, [], id="00-nothing-wanted-nothing-there"),
        pytest.param(
            [rrset("A", "203.0.113.7", name="other.example.org.")],
            {"A": ["203.0.113.7"]},
            [Change("A", ("203.0.113.7",), 300)],
            id="01-another-name-does-not-count",
        ),
        pytest.param([rrset("AAAA", "2001:db8::1")], {"AAAA": ["2001:DB8:0::1"]}, [], id="02-the-same-address"),
        pytest.param([rrset("CNAME", "lb.example.org.")], {"CNAME": ["LB.example.org"]}, [], id="03-the-same-alias"),
        pytest.param(
            [rrset("A", "203.0.113.8", "203.0.113.7")], {"A": ["203.0.113.7", "203.0.113.8"]}, [], id="04-any-order"
        ),
        pytest.param(
            [rrset("A", "203.0.113.9")],
            {"A": ["203.0.113.7"], "AAAA": []},
            [Change("A", ("203.0.113.7",), 60)],
            id="05-another-value-keeps-its-ttl",
        ),
        pytest.param(
            [rrset("A", "203.0.113.9", "203.0.113.7")],
            {"A": ["203.0.113.7"]},
            [Change("A", ("203.0.113.7",), 61)],
            id="06-values-too-many-need-another-ttl",
        ),
        pytest.param(
            [rrset("AAAA", "2001:db8::9")],
            {"A": ["203.0.113.7"], "AAAA": []},
            [Change("AAAA", (), 60), Change("A", ("203.0.113.7",), 300)],
            id="07-removals-first",
        ),
        pytest.param(
            [rrset("TXT", SPF)],
            {"TXT": [SPF, '"token"']},
            [Change("TXT", (SPF, '"token"'), 60)],
            id="08-texts-as-they-are",
        ),
    ],
)
def test_changes_lead_from_what_is_to_what_is_wanted(
    there: list[dict[str, Any]], wanted: dict[str, list[str]], changes: list[Change]
) -> None:
    assert records.cloud_changes(there, "Hub.example.org", wanted, 300) == changes


def test_a_routing_policy_is_not_overwritten() -> None:
    there = [{"name": "hub.example.org.", "type": "A", "ttl": 60, "routingPolicy": {"geo": {}}}]
    with pytest.raises(HubError, match=r"E-DNS-11 The A record of hub\.example\.org"):
        records.cloud_changes(there, "hub.example.org", {"A": ["203.0.113.7"]}, 300)


def test_a_change_is_plain_data_for_the_role() -> None:
    assert Change("A", ("203.0.113.7",), 60).as_dict() == {
        "type": "A",
        "state": "present",
        "target": ["203.0.113.7"],
        "ttl": 60,
    }
    assert Change("A", (), 60).as_dict()["state"] == "absent"
