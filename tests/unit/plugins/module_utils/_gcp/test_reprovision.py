# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot of a recreation, and the one thing to do next for every state of the world."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificates import (
    ATTACHED,
    HTTPS_PROXY,
    PRE_SHARED,
    parse_certificate,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.reprovision import (
    Kind,
    Move,
    Saved,
    State,
    World,
    attached_value,
    detached_value,
    foretell,
    from_config_map,
    handed_back,
    keep,
    next_move,
    patch_of,
    recent,
    reopened,
    snapshot_name,
    step_of,
    take,
    to_config_map,
    undecided,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fake_gke import (
    NS,
    certificate_object,
    failed_status,
    ingress_object,
)

Json = dict[str, Any]
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
OURS = "researchops.jupyterhub"


def certificate(uid: str = "uid-hub", domain: str = "hub.example.org", **metadata: Any) -> Json:
    obj = certificate_object("hub-tls", domain, failed_status("mcrt-hub", domain), uid=uid)
    obj["metadata"] |= metadata
    return obj


def ingress(attached: str = "other-tls, hub-tls", **metadata: Any) -> Json:
    obj = ingress_object(attached)
    obj["metadata"] |= {"resourceVersion": "7", **metadata}
    return obj


SNAPSHOT = take(certificate(), [ingress()], NOW)
BARE = ingress("other-tls")
GOING = {"deletionTimestamp": "2026-11-22T14:00:00Z"}
NEW = certificate("uid-new")


def world(live: Json | None = None, door: Json | None = None, *twins: str, **more: Any) -> World:
    return World(live, {"hub": door} if door else {}, frozenset(twins), **more)


HOLDS = {"holding": frozenset({"hub"})}
ALONE = ingress("")
REMOVED = replace(SNAPSHOT, removed=("hub",))
RESTORING = replace(SNAPSHOT, state=State.RESTORING)

MOVES = [
    pytest.param(
        SNAPSHOT, world(certificate(), ingress(), "mcrt-hub"), False, Kind.DETACH, "hub", id="00-detach-first"
    ),
    pytest.param(
        SNAPSHOT, world(certificate(), BARE, "mcrt-hub"), False, Kind.DELETE_CERTIFICATE, "hub-tls", id="01-then-delete"
    ),
    pytest.param(
        SNAPSHOT,
        world(certificate(), None, "mcrt-hub"),
        False,
        Kind.DELETE_CERTIFICATE,
        "hub-tls",
        id="02-ingress-is-gone",
    ),
    pytest.param(
        SNAPSHOT, world(certificate(**GOING), BARE, "mcrt-hub"), False, Kind.PAUSE, "", id="03-on-its-way-out"
    ),
    pytest.param(
        SNAPSHOT,
        world(certificate(), BARE, "mcrt-hub", active=True),
        False,
        Kind.RECORD,
        State.RESTORING,
        id="04-became-active",
    ),
    pytest.param(
        replace(SNAPSHOT, twins=()),
        world(certificate(), ingress()),
        False,
        Kind.RECORD,
        State.RECREATING,
        id="05-twin-learnt-late",
    ),
    pytest.param(SNAPSHOT, world(None, BARE, "mcrt-hub"), False, Kind.PAUSE, "", id="10-compute-still-has-it"),
    pytest.param(
        SNAPSHOT, world(None, BARE, "mcrt-hub", **HOLDS), False, Kind.PAUSE, "", id="11-the-proxy-gets-its-time"
    ),
    pytest.param(SNAPSHOT, world(None, ALONE, "mcrt-hub"), True, Kind.PAUSE, "", id="12-overdue-but-not-the-proxy"),
    pytest.param(
        SNAPSHOT,
        world(None, ALONE, "mcrt-hub", **HOLDS),
        True,
        Kind.RECORD,
        State.RECREATING,
        id="13-intent-is-recorded",
    ),
    pytest.param(
        REMOVED,
        world(None, ALONE, "mcrt-hub", **HOLDS),
        True,
        Kind.DELETE_INGRESS,
        "hub",
        id="14-then-the-ingress-goes",
    ),
    pytest.param(
        REMOVED,
        world(None, ingress("", **GOING), "mcrt-hub", **HOLDS),
        True,
        Kind.PAUSE,
        "",
        id="15-ingress-on-its-way-out",
    ),
    pytest.param(REMOVED, world(None, None, "mcrt-hub"), True, Kind.PAUSE, "", id="16-ingress-gone-twin-not"),
    pytest.param(
        SNAPSHOT, world(NEW, BARE, "mcrt-hub"), False, Kind.PAUSE, "", id="17-a-new-one-waits-for-the-old-twin"
    ),
    pytest.param(SNAPSHOT, world(None, BARE), False, Kind.CREATE_CERTIFICATE, "hub-tls", id="20-create"),
    pytest.param(
        REMOVED, world(None, ingress("", **GOING)), False, Kind.PAUSE, "", id="21-not-before-the-ingress-is-gone"
    ),
    pytest.param(REMOVED, world(NEW, None), False, Kind.CREATE_INGRESS, "hub", id="22-create-the-ingress"),
    pytest.param(SNAPSHOT, world(NEW, BARE), False, Kind.ATTACH, "hub", id="23-attach"),
    pytest.param(
        SNAPSHOT,
        world(
            NEW,
            ingress(
                managedFields=[{"manager": "helm", "operation": "Apply"}, {"manager": OURS, "operation": "Update"}]
            ),
        ),
        False,
        Kind.HAND_BACK,
        "hub",
        id="24-hand-back",
    ),
    pytest.param(SNAPSHOT, world(NEW, ingress()), False, Kind.RECORD, State.RECREATED, id="25-all-there"),
    pytest.param(
        replace(SNAPSHOT, state=State.RECREATED),
        world(certificate(), ingress(), "mcrt-hub"),
        False,
        Kind.DONE,
        "",
        id="26-recorded-as-done",
    ),
    pytest.param(RESTORING, world(certificate(), BARE), False, Kind.ATTACH, "hub", id="30-give-back"),
    pytest.param(RESTORING, world(certificate(), ingress()), False, Kind.RECORD, State.KEPT, id="31-given-back"),
    pytest.param(
        RESTORING, world(certificate(), None), False, Kind.RECORD, State.KEPT, id="32-nothing-to-give-back-to"
    ),
    pytest.param(replace(SNAPSHOT, state=State.KEPT), world(certificate(), BARE), False, Kind.DONE, "", id="33-kept"),
    pytest.param(RESTORING, world(None, BARE), False, Kind.RECORD, State.RECREATING, id="34-deleted-by-another-run"),
    pytest.param(
        RESTORING, world(certificate(**GOING), BARE), False, Kind.RECORD, State.RECREATING, id="35-being-deleted"
    ),
]


@pytest.mark.parametrize(("snapshot", "seen", "overdue", "kind", "about"), MOVES)
def test_the_next_move(snapshot: Any, seen: World, overdue: bool, kind: Kind, about: Any) -> None:
    move = next_move(snapshot, seen, overdue)
    assert move.kind is kind
    assert (move.snapshot.state if move.snapshot else move.name) == about
    assert bool(move.reason) == (kind is Kind.PAUSE)


KEPT, RECREATED = replace(SNAPSHOT, state=State.KEPT), replace(REMOVED, state=State.RECREATED)


@pytest.mark.parametrize(
    ("snapshot", "seen", "state"),
    [
        pytest.param(KEPT, world(certificate(), ingress()), None, id="00 kept"),
        pytest.param(KEPT, world(certificate(), None), None, id="01 kept, and somebody took the Ingress"),
        pytest.param(KEPT, world(certificate(), BARE), State.RESTORING, id="02 taken off late"),
        pytest.param(KEPT, world(certificate(**GOING), ingress()), State.RECREATING, id="03 deleted late"),
        pytest.param(KEPT, world(None, ingress()), State.RECREATING, id="04 gone"),
        pytest.param(RECREATED, world(NEW, ingress()), None, id="10 recreated"),
        pytest.param(RECREATED, world(NEW, BARE), State.RECREATING, id="11 taken off late"),
        pytest.param(RECREATED, world(NEW, None), State.RECREATING, id="12 Ingress deleted late"),
        pytest.param(RECREATED, world(NEW, ingress(**GOING)), State.RECREATING, id="13 Ingress on its way out"),
        pytest.param(replace(RECREATED, removed=()), world(NEW, None), None, id="14 Ingress taken by somebody else"),
        pytest.param(RECREATED, world(certificate("uid-new", **GOING), ingress()), State.RECREATING, id="15 going"),
    ],
)
def test_what_a_late_write_opens_again(snapshot: Any, seen: World, state: State | None) -> None:
    again = reopened(snapshot, seen)
    assert (again and again.state) == state
    assert again is None or replace(again, state=snapshot.state) == snapshot


def test_what_a_record_adds() -> None:
    late = next_move(replace(SNAPSHOT, twins=()), world(certificate(), ingress()))
    assert late.snapshot == SNAPSHOT
    intent = next_move(SNAPSHOT, world(None, ALONE, "mcrt-hub", **HOLDS), True)
    assert intent.snapshot == REMOVED


REFUSED = [
    pytest.param(BARE, "E-CERT-50", "it also serves other-tls", id="another-managed-certificate"),
    pytest.param(
        ingress("", annotations={**ALONE["metadata"]["annotations"], PRE_SHARED: "own"}),
        "E-CERT-50",
        "it also serves own",
        id="a-certificate-of-their-own",
    ),
    pytest.param({**ALONE, "spec": {"tls": [{"secretName": "s"}]}}, "E-CERT-50", "it also serves s", id="a-secret"),
    pytest.param(ingress("", annotations={HTTPS_PROXY: "proxy"}), "E-CERT-50", "no reserved address", id="no-address"),
]


@pytest.mark.parametrize(("door", "error_id", "part"), REFUSED)
def test_an_ingress_that_must_not_be_deleted(door: Json, error_id: str, part: str) -> None:
    with pytest.raises(HubError, match=part) as caught:
        next_move(REMOVED, world(None, door, "mcrt-hub", **HOLDS), True)
    assert caught.value.error_id == error_id


def test_what_others_did_is_told() -> None:
    with pytest.raises(HubError, match=r"E-CERT-51 Ingress hub was deleted by somebody else"):
        next_move(SNAPSHOT, world(NEW, None))
    with pytest.raises(HubError, match=r"E-CERT-51 ManagedCertificate hub-tls was made for x\.org by somebody else"):
        next_move(SNAPSHOT, world(certificate("uid-new", "x.org"), ingress()))


@pytest.mark.parametrize(
    ("live", "answer"),
    [(certificate(), True), (certificate(**GOING), False), (NEW, False), (None, False)],
    ids=["whole", "going", "another", "gone"],
)
def test_whether_going_on_is_still_a_decision(live: Json | None, answer: bool) -> None:
    assert undecided(SNAPSHOT, world(live)) is answer


def test_a_manifest_is_what_people_wrote() -> None:
    obj = ingress()
    obj["metadata"]["annotations"][PRE_SHARED] = "mcrt-hub,own"
    obj["metadata"]["finalizers"].append("example.org/other")
    before = copy.deepcopy(obj)
    saved = keep(obj)
    assert obj == before
    assert (saved.manager, saved.proxy) == ("helm", "k8s2-ts-hub")
    assert saved.manifest["metadata"] == {
        "name": "hub",
        "namespace": NS,
        "labels": {"app.kubernetes.io/managed-by": "Helm", "app": "hub"},
        "annotations": {
            "meta.helm.sh/release-name": "front",
            "meta.helm.sh/release-namespace": NS,
            ATTACHED: "other-tls, hub-tls",
            "kubernetes.io/ingress.class": "gce",
            "kubernetes.io/ingress.global-static-ip-name": "hub-address",
            PRE_SHARED: "own",
        },
        "finalizers": ["example.org/other"],
    }
    assert set(saved.manifest) == {"apiVersion", "kind", "metadata", "spec"}
    bare = keep({"metadata": {"name": "x", "annotations": {PRE_SHARED: "mcrt-1"}, **GOING}, "status": {}})
    assert bare == Saved({"metadata": {"name": "x"}}, "")


@pytest.mark.parametrize(
    ("fields", "manager"),
    [
        pytest.param([{"manager": "helm", "operation": "Apply"}], "helm", id="applied"),
        pytest.param([{"manager": "helm", "operation": "Update"}], "", id="not-applied"),
        pytest.param([{"manager": "x", "operation": "Apply", "subresource": "status"}], "", id="only-the-status"),
        pytest.param([{"manager": OURS, "operation": "Apply"}], OURS, id="by-our-role"),
    ],
)
def test_who_owns_it_owns_it_again(fields: list[Json], manager: str) -> None:
    assert keep(ingress(managedFields=fields)).manager == manager


def test_the_record_survives_being_stored() -> None:
    snapshot = replace(SNAPSHOT, state=State.RESTORING, removed=("hub",))
    stored = to_config_map(snapshot)
    assert stored["metadata"]["name"] == snapshot_name("hub-tls") == "researchops-certificate-hub-tls"
    assert all(isinstance(value, str) for value in stored["data"].values())
    assert from_config_map(stored) == snapshot


@pytest.mark.parametrize(
    ("change", "part"),
    [
        pytest.param(lambda obj: obj["metadata"].pop("labels"), "not made by this collection", id="foreign"),
        pytest.param(lambda obj: obj["data"].pop("uid"), "uid is missing", id="incomplete"),
        pytest.param(lambda obj: obj["data"].update(state="x"), "'x' is not a valid State", id="unknown-state"),
        pytest.param(lambda obj: obj["data"].update(certificate="{"), "Expecting property name", id="cut"),
        pytest.param(lambda obj: obj["data"].update(certificate="[]"), "must be a mapping", id="another-shape"),
        pytest.param(lambda obj: obj["data"].update(started="soon"), "when it was made", id="no-time"),
        pytest.param(lambda obj: obj.pop("data"), "started is missing", id="empty"),
    ],
)
def test_a_record_that_cannot_be_used_stops(change: Any, part: str) -> None:
    stored = to_config_map(SNAPSHOT)
    change(stored)
    with pytest.raises(HubError, match="E-CERT-54 ConfigMap climate/researchops-certificate-hub-tls") as caught:
        from_config_map(stored)
    assert part in caught.value.what


@pytest.mark.parametrize(
    ("change", "age", "found"),
    [
        pytest.param({"state": State.RECREATED}, 23.9, True, id="done-today"),
        pytest.param({"state": State.RECREATED}, 24.0, False, id="done-yesterday"),
        pytest.param({"state": State.RECREATING, "uid": "uid-before"}, 1.0, True, id="left-unfinished"),
        pytest.param({"state": State.RECREATING}, 1.0, False, id="being-finished-now"),
        pytest.param({"state": State.KEPT}, 1.0, False, id="nothing-was-deleted"),
        pytest.param({"state": State.RESTORING, "uid": "x"}, 1.0, False, id="is-being-given-back"),
        pytest.param({"state": State.RECREATED, "name": "older-name"}, 1.0, True, id="same-domain-under-another-name"),
    ],
)
def test_once_in_24_hours(change: Json, age: float, found: bool) -> None:
    one = replace(SNAPSHOT, **change)
    live = parse_certificate(certificate())
    assert (recent([one], live, NOW + timedelta(hours=age)) is one) is found


def test_another_name_and_domain_do_not_count() -> None:
    other = take(certificate_object("x", "x.org", {}, uid="u"), [], NOW)
    assert recent([replace(other, state=State.RECREATED)], parse_certificate(certificate()), NOW) is None


@pytest.mark.parametrize(
    ("current", "before", "expected"),
    [
        pytest.param("other-tls", "other-tls, hub-tls", "other-tls, hub-tls", id="to-the-letter"),
        pytest.param("", "hub-tls", "hub-tls", id="alone"),
        pytest.param("other-tls,new", "other-tls, hub-tls", "other-tls,new,hub-tls", id="one-came"),
        pytest.param("", "other-tls,hub-tls", "hub-tls", id="one-went"),
    ],
)
def test_attaching(current: str, before: str, expected: str) -> None:
    assert attached_value(current, before, "hub-tls") == expected


@pytest.mark.parametrize(
    ("current", "expected"), [("a, hub-tls ,b", "a,b"), ("hub-tls", None), ("", None), ("hub-tls-2", "hub-tls-2")]
)
def test_detaching(current: str, expected: str | None) -> None:
    assert detached_value(current, "hub-tls") == expected


def test_patches_are_guarded() -> None:
    assert patch_of(Move(Kind.DETACH, "hub"), SNAPSHOT, ingress()) == {
        "metadata": {"resourceVersion": "7", "annotations": {ATTACHED: "other-tls"}}
    }
    assert patch_of(Move(Kind.ATTACH, "hub"), SNAPSHOT, BARE) == {
        "metadata": {"resourceVersion": "7", "annotations": {ATTACHED: "other-tls, hub-tls"}}
    }
    helm, ours = {"manager": "helm", "operation": "Apply"}, {"manager": OURS, "operation": "Update"}
    patch = patch_of(Move(Kind.HAND_BACK, "hub"), SNAPSHOT, ingress(managedFields=[helm, ours]))
    assert patch == {"metadata": {"resourceVersion": "7", "managedFields": [helm]}}


HELM, PATCHED = {"manager": "helm", "operation": "Apply"}, {"manager": OURS, "operation": "Update"}


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        pytest.param([HELM, PATCHED], [HELM], id="helm-applies"),
        pytest.param([HELM], None, id="nothing-of-ours"),
        pytest.param([PATCHED], None, id="nobody-applies"),
        pytest.param([PATCHED, {"manager": "x", "operation": "Update"}], None, id="another-patches"),
        pytest.param([PATCHED, PATCHED | {"operation": "Apply"}], [PATCHED | {"operation": "Apply"}], id="our-role"),
        pytest.param(None, None, id="no-fields"),
    ],
)
def test_what_is_handed_back(fields: list[Json] | None, rest: list[Json] | None) -> None:
    assert handed_back(ingress(managedFields=fields)) == rest


def test_moves_that_write_only_for_us_are_no_steps() -> None:
    for kind in (Kind.RECORD, Kind.HAND_BACK, Kind.PAUSE, Kind.DONE):
        assert step_of(Move(kind, "hub"), SNAPSHOT, world(None, ingress())) is None


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        pytest.param(
            world(certificate(), ingress(), "mcrt-hub"),
            [
                "update Ingress/hub",
                "delete ManagedCertificate/hub-tls",
                "create ManagedCertificate/hub-tls",
                "update Ingress/hub",
            ],
            id="from-the-start",
        ),
        pytest.param(
            world(certificate(**GOING), BARE, "mcrt-hub"),
            ["create ManagedCertificate/hub-tls", "update Ingress/hub"],
            id="deleted",
        ),
        pytest.param(
            world(None, BARE, "mcrt-hub"), ["create ManagedCertificate/hub-tls", "update Ingress/hub"], id="twin-goes"
        ),
        pytest.param(world(NEW, ingress()), [], id="all-there"),
    ],
)
def test_what_is_foretold(seen: World, steps: list[str]) -> None:
    assert [f"{step.verb} {step.target}" for step in foretell(SNAPSHOT, seen)] == steps


def test_an_ingress_that_was_deleted_on_purpose_is_foretold_too() -> None:
    steps = foretell(REMOVED, world(None, ingress("", **GOING), "mcrt-hub"))
    assert [f"{step.verb} {step.target}" for step in steps] == [
        "create ManagedCertificate/hub-tls",
        "create Ingress/hub",
    ]


def test_handing_back_ends_when_it_is_foretold() -> None:
    assert foretell(SNAPSHOT, world(NEW, ingress(managedFields=[HELM, PATCHED]))) == ()
