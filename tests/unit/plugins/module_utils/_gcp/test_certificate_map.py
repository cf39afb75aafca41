# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parts of a certificate map are made, changed and taken away, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_map import (
    AUTHORIZATION,
    CERTIFICATE,
    ENTRY,
    MAP,
    NAME,
    Action,
    Issued,
    Part,
    Seen,
    Wish,
    Work,
    choose,
    decide,
    foreign_entries,
    parse_holders,
    parse_issued,
    parse_seen,
    parse_wish,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

DOMAIN = "hub.example.org"
WISH = Wish("hub-front", DOMAIN)
OLD = Wish("hub-front", "old.example.org")
GOING = replace(WISH, domain="", state="absent")
KEEPING = replace(GOING, keep_authorization=True)
LABELS = {"managed-by": "researchops-jupyterhub", "certificate-map": "hub-front", "owner": "e3b0c44298fc1c14"}
RECORD = {"name": "_acme-challenge_x.hub.example.org", "type": "CNAME", "data": "x.authorize.goog"}
NOTHING = Issued()
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
RENEWING = Issued("PROVISIONING", "CONFIG", expires="2027", renewing=True)
ACTIVE, PENDING, FAILED = Issued("ACTIVE"), Issued("PROVISIONING"), Issued("FAILED", "CONFIG")


MINE, SECOND = WISH.certificates


def seen(there: tuple[Part, ...] = (), issued: Issued = NOTHING, certificate: str = WISH.part) -> Seen:
    return Seen(there, certificate, issued)


def used(there: Seen, *targets: str) -> Seen:
    """The same, and somebody else uses these parts."""
    return replace(there, users=dict.fromkeys(targets, ("Certificate/theirs",)))


def part(kind: str, wish: Wish = WISH, *, ours: bool = True, **facts: Any) -> Part:
    record = RECORD if kind == AUTHORIZATION and ours else {}
    return Part(kind, wish.name if kind == MAP else wish.part, ours, wish.facts(kind, wish.part) | facts, record)


def parts(wish: Wish = WISH, *kinds: str) -> tuple[Part, ...]:
    return tuple(part(kind, wish) for kind in kinds or (AUTHORIZATION, CERTIFICATE, MAP, ENTRY))


def acts(verb: str, *kinds: str, wish: Wish = WISH) -> tuple[Action, ...]:
    return tuple(Action(verb, kind, wish.name if kind == MAP else wish.part) for kind in kinds)


FOREIGN_ENTRY = Part(ENTRY, "theirs", False, {"hostname": "x.example.org", "certificates": ["c"]})
OTHERS = tuple(one for one in parts(OLD) if one.kind != MAP)
MISLED = (*parts(WISH, AUTHORIZATION, CERTIFICATE, MAP), part(ENTRY, certificates=["c"]))
ALL = (AUTHORIZATION, CERTIFICATE, MAP, ENTRY)
GONE = acts("delete", ENTRY, CERTIFICATE, AUTHORIZATION, wish=OLD)


@pytest.mark.parametrize("kind", [AUTHORIZATION, CERTIFICATE, MAP, ENTRY])
def test_a_part_of_somebody_else_is_refused(kind: str) -> None:
    there = tuple(one for one in parts() if one.kind != kind)
    error = fails("E-CERT-31", lambda: decide(WISH, seen((*there, part(kind, ours=False)), ACTIVE)))
    assert kind in error.what


def test_an_entry_of_somebody_else_for_the_same_host_name_is_refused() -> None:
    theirs = replace(FOREIGN_ENTRY, facts={"hostname": DOMAIN, "certificates": ["c"]})
    error = fails("E-CERT-31", lambda: decide(WISH, seen((*parts(WISH, AUTHORIZATION, CERTIFICATE, MAP), theirs))))
    assert "CertificateMapEntry/theirs" in error.what


def test_while_only_the_authorization_is_wanted_no_certificate_is_looked_at() -> None:
    wish = replace(WISH, state="authorized")
    assert decide(wish, seen((part(CERTIFICATE, ours=False),))).now == acts("create", AUTHORIZATION)
    fails("E-CERT-31", lambda: decide(wish, seen((part(AUTHORIZATION, ours=False),))))
    fails("E-CERT-31", lambda: decide(wish, seen((part(MAP, ours=False),))))


@pytest.mark.parametrize(
    ("wish", "there", "now", "later"),
    [
        pytest.param(WISH, seen(parts(), ACTIVE), (), (), id="00-all-there"),
        pytest.param(WISH, seen(parts(), PENDING), (), (), id="01-not-issued-yet"),
        pytest.param(WISH, seen((*parts(), FOREIGN_ENTRY), ACTIVE), (), (), id="02-others-entries-stay"),
        pytest.param(GOING, seen(), (), (), id="03-gone-already"),
        pytest.param(replace(WISH, state="authorized"), seen(parts()), (), (), id="04-authorized-already"),
        pytest.param(WISH, seen(), acts("create", *ALL), (), id="05-from-nothing"),
        pytest.param(
            replace(WISH, state="authorized"), seen(), acts("create", AUTHORIZATION), (), id="06-authorized-only"
        ),
        pytest.param(
            WISH, seen(parts(WISH, AUTHORIZATION)), acts("create", CERTIFICATE, MAP, ENTRY), (), id="07-the-rest"
        ),
        pytest.param(WISH, seen(MISLED, ACTIVE), (), acts("update", ENTRY), id="08-entry-put-right"),
        pytest.param(
            replace(WISH, wait=False), seen(MISLED, PENDING), (), (), id="09-not-before-there-is-something-to-serve"
        ),
        pytest.param(
            WISH,
            seen(parts(), NOTHING, SECOND),
            (Action("create", CERTIFICATE, SECOND),),
            (*acts("update", ENTRY), *acts("delete", CERTIFICATE)),
            id="10-given-up-is-replaced-and-serves-until-then",
        ),
        pytest.param(replace(WISH, wait=False), seen(MISLED, RENEWING), (), acts("update", ENTRY), id="09b-it-serves"),
        pytest.param(
            replace(WISH, wait=False),
            seen(parts(), NOTHING, SECOND),
            (Action("create", CERTIFICATE, SECOND),),
            (),
            id="10b-without-waiting-a-later-run-replaces-it",
        ),
        pytest.param(
            WISH,
            seen((*parts(), replace(part(CERTIFICATE), name=SECOND)), FAILED, SECOND),
            (Action("delete", CERTIFICATE, SECOND), Action("create", CERTIFICATE, SECOND)),
            (*acts("update", ENTRY), *acts("delete", CERTIFICATE)),
            id="10c-given-up-twice",
        ),
        pytest.param(
            WISH,
            used(seen(parts(), FAILED), f"{CERTIFICATE}/{WISH.part}"),
            (),
            (),
            id="10d-given-up-and-used-by-others-who-keep-it",
        ),
        pytest.param(
            WISH,
            seen((part(MAP), *OTHERS)),
            acts("create", AUTHORIZATION, CERTIFICATE, ENTRY),
            GONE,
            id="11-another-domain",
        ),
        pytest.param(
            replace(WISH, wait=False),
            seen((part(MAP), *OTHERS)),
            acts("create", AUTHORIZATION, CERTIFICATE, ENTRY),
            (),
            id="12-the-old-one-serves-while-nobody-waits",
        ),
        pytest.param(
            replace(WISH, wait=False), seen((*parts(), *OTHERS), PENDING), (), (), id="13-and-while-it-is-not-issued"
        ),
        pytest.param(
            replace(WISH, wait=False), seen((*parts(), *OTHERS), ACTIVE), (), GONE, id="14-issued-so-the-old-one-goes"
        ),
        pytest.param(
            GOING,
            seen((*parts(), *OTHERS), ACTIVE),
            (
                *acts("delete", ENTRY),
                *acts("delete", ENTRY, wish=OLD),
                *acts("delete", MAP, CERTIFICATE),
                *acts("delete", CERTIFICATE, wish=OLD),
                *acts("delete", AUTHORIZATION),
                *acts("delete", AUTHORIZATION, wish=OLD),
            ),
            (),
            id="15-all-of-it-goes",
        ),
        pytest.param(
            GOING,
            seen((*parts(), FOREIGN_ENTRY), ACTIVE),
            acts("delete", ENTRY, CERTIFICATE, AUTHORIZATION),
            (),
            id="16-a-map-with-others-entries-stays",
        ),
        pytest.param(
            GOING,
            seen((part(MAP, ours=False), part(CERTIFICATE, ours=False)), ACTIVE),
            (),
            (),
            id="17-what-is-not-ours-stays",
        ),
        pytest.param(
            KEEPING, seen(parts(), ACTIVE), acts("delete", ENTRY, MAP, CERTIFICATE), (), id="18-but-the-authorization"
        ),
        pytest.param(KEEPING, seen(parts(WISH, AUTHORIZATION)), (), (), id="19-that-is-all-there-is"),
        pytest.param(
            GOING,
            used(seen(parts(), ACTIVE), f"DnsAuthorization/{MINE}"),
            acts("delete", ENTRY, MAP, CERTIFICATE),
            (),
            id="20-what-proves-anothers-certificate-stays",
        ),
        pytest.param(
            GOING,
            used(seen(parts(), ACTIVE), f"Certificate/{MINE}", f"DnsAuthorization/{MINE}"),
            acts("delete", ENTRY, MAP),
            (),
            id="21-what-another-map-serves-stays",
        ),
        pytest.param(
            WISH,
            used(seen((*parts(), *OTHERS), ACTIVE), f"DnsAuthorization/{OLD.part}"),
            (),
            acts("delete", ENTRY, CERTIFICATE, wish=OLD),
            id="22-of-another-domain-too",
        ),
    ],
)
def test_what_is_done(wish: Wish, there: Seen, now: tuple[Action, ...], later: tuple[Action, ...]) -> None:
    work = decide(wish, there)
    assert (work.now, work.later) == (now, later)
    assert [(step.verb, step.target) for step in work.plan.steps] == [(one.verb, one.target) for one in now + later]
    assert work.plan.changed is bool(now + later)


def test_the_plan_shows_what_is_and_what_will_be() -> None:
    there = seen((part(MAP), part(ENTRY, certificates=["c"]), *parts(OLD, ENTRY), FOREIGN_ENTRY), ACTIVE)
    mine, old = WISH.part, OLD.part
    before = {
        "CertificateMap/hub-front": {"name": "hub-front"},
        f"CertificateMapEntry/{mine}": {"hostname": DOMAIN, "certificates": ["c"]},
        f"CertificateMapEntry/{old}": {"hostname": "old.example.org", "certificates": [old]},
    }
    after = {
        "CertificateMap/hub-front": {"name": "hub-front"},
        f"CertificateMapEntry/{mine}": {"hostname": DOMAIN, "certificates": [mine]},
        f"CertificateMapEntry/{old}": {},
        f"DnsAuthorization/{mine}": {"domain": DOMAIN},
        f"Certificate/{mine}": {"domains": [DOMAIN], "dnsAuthorizations": [mine]},
    }
    steps = (
        Step("create", f"DnsAuthorization/{mine}"),
        Step("create", f"Certificate/{mine}"),
        Step("update", f"CertificateMapEntry/{mine}", {"certificates": (["c"], [mine])}),
        Step("delete", f"CertificateMapEntry/{old}"),
    )
    reason = "; ".join(f"{step.verb} {step.target}" for step in steps)
    assert decide(WISH, there) == Work(
        Plan(before, after, steps, reason),
        mine,
        acts("create", AUTHORIZATION, CERTIFICATE),
        (*acts("update", ENTRY), *acts("delete", ENTRY, wish=OLD)),
    )


def test_a_map_that_comes_or_goes_is_in_the_diff() -> None:
    made, gone = decide(WISH, seen()).plan, decide(GOING, seen(parts())).plan
    for less, more in ((made.before, made.after), (gone.after, gone.before)):
        assert less.get("CertificateMap/hub-front", {}) != more["CertificateMap/hub-front"]


# ---- names


def test_names_follow_map_and_domain_and_stay_within_googles_limit() -> None:
    long = "a" * 51 + "-" + "b" * 11
    wishes = [Wish(name, domain) for name in ("hub-front", long) for domain in (DOMAIN, "old.example.org")]
    names = {name for wish in wishes for name in wish.certificates}
    assert len(names) == 8
    assert max(map(len, names)) == 62  # one less, because a dash at the cut goes
    assert all(NAME.fullmatch(name) for name in names)
    assert Wish("hub-front", DOMAIN).part.startswith("hub-front-")
    assert Wish(long, DOMAIN).part != Wish(long[:-1], DOMAIN).part


OPTIONS = {
    "name": "hub-front",
    "domain": DOMAIN,
    "state": "present",
    "wait": True,
    "owner": "",
    "keep_authorization": False,
}


@pytest.mark.parametrize(
    ("given", "wish"),
    [
        pytest.param({}, WISH, id="plain"),
        pytest.param({"domain": "Hub.Example.org."}, WISH, id="case-and-final-dot"),
        pytest.param({"wait": False}, replace(WISH, wait=False), id="without-waiting"),
        pytest.param({"owner": "p/l/c/n"}, replace(WISH, owner="p/l/c/n"), id="whom-it-is-for"),
        pytest.param({"domain": "", "state": "absent"}, GOING, id="absent-needs-no-domain"),
        pytest.param({"domain": None, "state": "absent"}, GOING, id="nor-null"),
        pytest.param({"domain": "", "state": "absent", "keep_authorization": True}, KEEPING, id="keeping-the-proof"),
    ],
)
def test_options_become_a_wish(given: dict[str, Any], wish: Wish) -> None:
    assert parse_wish(OPTIONS | given) == wish


@pytest.mark.parametrize(
    "given",
    [{"name": "Hub"}, {"name": "a" * 64}, {"name": "a-"}, {"domain": ""}, {"domain": "hub"}, {"domain": "a.org/b"},
     {"domain": "*.example.org"}, {"domain": "", "state": "authorized"}, {"domain": "hub.example.org:8443"},
     {"domain": "https:hub.example.org"}, {"domain": "a..b"}, {"domain": "-a.example.org"},
     {"domain": "a_b.example.org"}, {"domain": "a" * 64 + ".org"}, {"domain": "a." * 126 + "org"}],
)  # fmt: skip
def test_what_google_cannot_take_is_refused(given: dict[str, Any]) -> None:
    fails("E-CERT-33", lambda: parse_wish(OPTIONS | given))


# ---- what Google lists


def test_what_google_lists_is_read_in_short_names() -> None:
    there = "projects/123/locations/global"
    mine = WISH.part
    authorization = {
        "name": f"{there}/dnsAuthorizations/{mine}",
        "domain": DOMAIN,
        "labels": LABELS,
        "dnsResourceRecord": {**RECORD, "name": "_acme-challenge_x.Hub.example.org.", "data": "x.authorize.goog."},
    }
    managed = {
        "domains": [DOMAIN], "dnsAuthorizations": [f"{there}/dnsAuthorizations/{mine}"], "state": "ACTIVE",
    }  # fmt: skip
    certificate = {"name": f"{there}/certificates/{mine}", "labels": LABELS | {"team": "x"}, "managed": managed}
    entry = {
        "name": f"{there}/certificateMaps/hub-front/certificateMapEntries/{mine}",
        "labels": LABELS,
        "hostname": DOMAIN,
        "certificates": [f"{there}/certificates/{mine}"],
    }
    theirs = {"name": f"{there}/certificates/theirs", "managed": {"domains": ["x.org"]}}
    found = parse_seen(
        WISH,
        [authorization],
        [certificate, theirs, {"name": f"{there}/certificates/uploaded", "selfManaged": {}}],
        [{"name": f"{there}/certificateMaps/hub-front", "labels": LABELS}],
        [entry, {"name": "x/theirs", "hostname": "x.example.org", "certificates": ["y/c"]}],
        NOW,
    )
    assert found == seen((*parts(), FOREIGN_ENTRY), ACTIVE)
    assert found.records([mine]) == [RECORD]
    assert found.records(["other"]) == []
    bare = {**authorization, "dnsResourceRecord": {"name": "x.example.org."}}  # the rest comes a moment later
    assert parse_seen(WISH, [bare], [], [], [], NOW).records([mine]) == []
    assert foreign_entries(found) == ["x.example.org"]


@pytest.mark.parametrize(
    ("theirs", "unneeded"),
    [
        pytest.param([], [RECORD], id="nobody-else"),
        pytest.param([{"name": "x/theirs", "dnsResourceRecord": RECORD}], [], id="somebody-else-needs-it"),
        pytest.param([{"name": "x/y", "dnsResourceRecord": RECORD | {"name": "other"}}], [RECORD], id="another-one"),
        pytest.param([{"name": "x/theirs"}], [RECORD], id="not-said-yet"),
    ],
)
def test_a_record_that_another_authorization_asks_for_stays(
    theirs: list[dict[str, Any]], unneeded: list[dict[str, str]]
) -> None:
    mine = {"name": f"x/{WISH.part}", "labels": LABELS, "domain": DOMAIN, "dnsResourceRecord": RECORD}
    assert parse_seen(GOING, [mine, *theirs], [], [], [], NOW).unneeded == unneeded


PLACE = "projects/123/locations/global"
AUTHORIZED = {"dnsAuthorizations": [f"{PLACE}/dnsAuthorizations/{WISH.part}"]}
ISSUED_MINE = {"name": f"{PLACE}/certificates/{WISH.part}", "labels": LABELS, "managed": AUTHORIZED}
THEIR_CERTIFICATE = {"name": f"{PLACE}/certificates/theirs", "managed": AUTHORIZED}
ENTRY_OF = f"//certificatemanager.googleapis.com/{PLACE}/certificateMaps/%s/certificateMapEntries/e"
PROXY = "//compute.googleapis.com/projects/123/global/targetHttpsProxies/p"


def users(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize(
    ("certificates", "entries", "found"),
    [
        pytest.param([ISSUED_MINE], [], {}, id="00-nobody"),
        pytest.param(
            [ISSUED_MINE, THEIR_CERTIFICATE], [], {"DnsAuthorization": ["Certificate/theirs"]}, id="01-proof-of-others"
        ),
        pytest.param(
            [ISSUED_MINE | {"usedBy": users(ENTRY_OF % "hub-front")}], [], {}, id="02-entries-of-the-map-are-listed"
        ),
        pytest.param([ISSUED_MINE | {"usedBy": users(PROXY)}], [], {}, id="03-a-proxy-uses-it-through-a-map"),
        pytest.param(
            [ISSUED_MINE | {"usedBy": users(ENTRY_OF % "hub-front", ENTRY_OF % "hub-front-2")}],
            [],
            {
                "Certificate": ["certificateMaps/hub-front-2/certificateMapEntries/e"],
                "DnsAuthorization": [f"Certificate/{WISH.part}"],
            },
            id="04-another-map-serves-it-so-its-proof-stays",
        ),
        pytest.param(
            [ISSUED_MINE],
            [{"name": "x/theirs", "hostname": "x.org", "certificates": [ISSUED_MINE["name"]]}],
            {"Certificate": ["CertificateMapEntry/theirs"], "DnsAuthorization": [f"Certificate/{WISH.part}"]},
            id="05-anothers-entry-of-the-map-serves-it",
        ),
        pytest.param(
            [ISSUED_MINE],
            [{"name": "x/mine", "labels": LABELS, "hostname": DOMAIN, "certificates": [ISSUED_MINE["name"]]}],
            {},
            id="06-our-own-entry-serves-it",
        ),
        pytest.param(
            [THEIR_CERTIFICATE, THEIR_CERTIFICATE | {"name": "x/others"}],
            [],
            {"DnsAuthorization": ["Certificate/theirs", "Certificate/others"]},
            id="07-all-of-them-are-named",
        ),
    ],
)
def test_what_others_use_is_known(
    certificates: list[dict[str, Any]], entries: list[dict[str, Any]], found: dict[str, list[str]]
) -> None:
    mine = {"name": f"x/{WISH.part}", "labels": LABELS, "domain": DOMAIN, "dnsResourceRecord": RECORD}
    there = parse_seen(GOING, [mine], certificates, [], entries, NOW)
    assert there.users == {f"{kind}/{WISH.part}": tuple(names) for kind, names in found.items()}
    assert there.unneeded == ([] if AUTHORIZATION in found else [RECORD])


def test_of_two_that_were_given_up_the_one_that_another_map_uses_is_left_alone() -> None:
    given_up = {"managed": {**AUTHORIZED, "state": "FAILED"}, "labels": LABELS}
    held, free = (given_up | {"name": f"{PLACE}/certificates/{name}"} for name in (MINE, SECOND))
    held["usedBy"] = users(ENTRY_OF % "hub-front-2")
    assert parse_seen(WISH, [], [held, free], [], [], NOW).certificate == SECOND


@pytest.mark.parametrize(
    ("item", "holders"),
    [
        (None, ()),
        ({}, ()),
        (
            {"gclbTargets": [{"targetHttpsProxy": "//compute.googleapis.com/projects/1/global/targetHttpsProxies/a"}]},
            ("targetHttpsProxies/a",),
        ),
        ({"gclbTargets": [{"targetSslProxy": "projects/1/global/targetSslProxies/b"}]}, ("targetSslProxies/b",)),
    ],
)
def test_google_lists_who_uses_a_map(item: dict[str, Any] | None, holders: tuple[str, ...]) -> None:
    assert parse_holders(item) == holders


@pytest.mark.parametrize(
    ("states", "used", "name"),
    [
        pytest.param({}, [], MINE, id="00-none"),
        pytest.param({MINE: PENDING}, [], MINE, id="01-on-its-way"),
        pytest.param({MINE: ACTIVE}, [MINE], MINE, id="02-serves"),
        pytest.param({MINE: FAILED}, [MINE], SECOND, id="03-given-up"),
        pytest.param({MINE: FAILED, SECOND: PENDING}, [MINE], SECOND, id="04-replaced-soon"),
        pytest.param({MINE: FAILED, SECOND: ACTIVE}, [SECOND], SECOND, id="05-replaced"),
        pytest.param({SECOND: ACTIVE}, [SECOND], SECOND, id="06-the-second-alone"),
        pytest.param({SECOND: FAILED}, [SECOND], MINE, id="07-back-to-the-first"),
        pytest.param({MINE: PENDING, SECOND: ACTIVE}, [MINE], SECOND, id="08-issued-before-pending"),
        pytest.param({MINE: FAILED, SECOND: FAILED}, [MINE], SECOND, id="09-both-given-up"),
        pytest.param({MINE: FAILED, SECOND: FAILED}, [SECOND], MINE, id="10-the-one-no-entry-holds"),
        pytest.param({MINE: FAILED, SECOND: FAILED}, [MINE, SECOND], MINE, id="11-both-held"),
        pytest.param({MINE: RENEWING}, [MINE], MINE, id="11b-renewed"),
        pytest.param({MINE: PENDING, SECOND: RENEWING}, [SECOND], SECOND, id="11c-what-serves-before-pending"),
        pytest.param({MINE: RENEWING, SECOND: ACTIVE}, [SECOND], SECOND, id="11d-issued-before-renewed"),
        pytest.param({"theirs": ACTIVE}, ["theirs"], MINE, id="12-others-do-not-count"),
    ],
)
def test_which_certificate_shall_serve(states: dict[str, Issued], used: list[str], name: str) -> None:
    assert choose(WISH, states, used) == name


@pytest.mark.parametrize(
    "labels",
    [
        {},
        None,
        {"managed-by": "researchops-jupyterhub"},
        LABELS | {"certificate-map": "other"},
        LABELS | {"owner": "other"},
        {key: value for key, value in LABELS.items() if key != "owner"},
    ],
)
def test_without_all_our_marks_a_part_is_not_ours(labels: dict[str, str] | None) -> None:
    item = {"name": f"x/{WISH.part}", "labels": labels, "domain": DOMAIN}
    (found,) = parse_seen(WISH, [item], [], [], [], NOW).parts
    assert not found.ours


@pytest.mark.parametrize(
    ("managed", "issued"),
    [
        pytest.param(None, Issued(), id="no-certificate"),
        pytest.param({}, Issued("PROVISIONING"), id="just-made"),
        pytest.param({"state": "ACTIVE"}, Issued("ACTIVE", expires="2027"), id="active"),
        pytest.param(
            {"state": "PROVISIONING", "authorizationAttemptInfo": [{"state": "AUTHORIZING"}]},
            Issued("PROVISIONING", expires="2027", renewing=True),
            id="an-attempt-to-renew-goes-on",
        ),
        pytest.param(
            {
                "state": "PROVISIONING",
                "provisioningIssue": {"reason": "AUTHORIZATION_ISSUE", "details": "whole"},
                "authorizationAttemptInfo": [{"state": "FAILED", "failureReason": "CAA", "details": "no issuer. "}],
            },
            Issued("PROVISIONING", "CAA", "no issuer", "2027", True),
            id="the-attempt-knows-better",
        ),
        pytest.param(
            {
                "state": "FAILED",
                "provisioningIssue": {"reason": "AUTHORIZATION_ISSUE", "details": "whole"},
                "authorizationAttemptInfo": [{"failureReason": "CONFIG"}],
            },
            Issued("FAILED", "CONFIG", "whole", "2027"),
            id="given-up",
        ),
        pytest.param(
            {"state": "PROVISIONING", "provisioningIssue": {"reason": "RATE_LIMITED", "details": "later"}},
            Issued("PROVISIONING", "RATE_LIMITED", "later", "2027", True),
            id="rate",
        ),
        pytest.param(
            {"state": "PROVISIONING", "provisioningIssue": {"reason": "AUTHORIZATION_ISSUE"}},
            Issued("PROVISIONING", "CONFIG", "", "2027", True),
            id="authorization-without-attempt",
        ),
        pytest.param(
            {"state": "PROVISIONING", "authorizationAttemptInfo": [{"failureReason": "NEW_ONE", "details": "d"}]},
            Issued("PROVISIONING", "", "d", "2027", True),
            id="a-reason-nobody-knows-yet",
        ),
    ],
)
def test_how_far_google_is(managed: dict[str, Any] | None, issued: Issued) -> None:
    item = None if managed is None else {"name": "x/c", "managed": managed}
    if item is not None and managed:
        item["expireTime"] = "2027"
    assert parse_issued(item, NOW) == issued


@pytest.mark.parametrize(
    ("state", "expires", "serves"),
    [
        pytest.param("PROVISIONING", "", False, id="00-the-first-one-is-not-there-yet"),
        pytest.param("PROVISIONING", "2026-11-26T11:59:59.123456789Z", False, id="01-ran-out"),
        pytest.param("FAILED", "2027-02-26T12:00:00Z", False, id="02-given-up"),
        pytest.param("PROVISIONING", "2026-11-26T12:00:01Z", True, id="03-renewed-while-it-holds"),
        pytest.param("ACTIVE", "", True, id="04-active"),
    ],
)
def test_a_certificate_in_renewal_serves_as_long_as_it_holds(state: str, expires: str, serves: bool) -> None:
    assert parse_issued({"managed": {"state": state}, "expireTime": expires}, NOW).serves is serves
