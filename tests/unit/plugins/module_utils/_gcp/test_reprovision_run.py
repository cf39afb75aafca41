# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recreating a certificate on a cluster in memory: killed at every request, disturbed, refused, foretold."""

from __future__ import annotations

import copy
import os
import random
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import ServerTime
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Code
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import Call
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_api import (
    ClusterSide,
    Compute,
    Examiner,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificates import (
    ATTACHED,
    HTTPS_PROXY,
    names_in,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.reprovision import annotation
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.reprovision_run import (
    Done,
    Reprovisioner,
    Wish,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fake_gke import (
    ADDRESS,
    CERTIFICATES,
    CONFIG_MAPS,
    NS,
    FakeGke,
    FakeNames,
    Killed,
    failed_status,
    stuck_cluster,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START, WrongClock
from ansible_collections.researchops.jupyterhub.tests.unit.reprovision_runs import (
    CERTIFICATE,
    FEW,
    HUB,
    RECORD,
    RIGHT,
    SEEDS,
    assert_recorded_first,
    assert_whole,
    boundaries,
    people,
    refuse_early_creation,
    run,
    written,
)

Json = dict[str, Any]

WORLDS = [
    pytest.param({}, id="one-of-two-certificates"),
    pytest.param({"alone": True, "clings": True}, id="proxy-clings"),
    pytest.param({"manager": ""}, id="nobody-applies"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("how", WORLDS)
def test_a_stuck_certificate_is_recreated(how: Json, seed: int) -> None:
    gke = stuck_cluster(seed, **how)
    before = people(gke)
    refuse_early_creation(gke)
    done = run(gke)
    assert (done.action, done.certificate.status) == ("reprovision", "Active")
    assert_whole(gke, before, alone=how.get("alone", False))
    assert_recorded_first(gke)
    assert done.ingresses == (("hub",) if how.get("clings") else ())


# Dying before a request is dying after the one before it, but for the time between: CI needs it once.
KILLS = [
    pytest.param(world.values[0], seed, after, id=f"{world.id}-{seed}-{'after' if after else 'before'}")
    for world in WORLDS
    for seed in SEEDS
    for after in (False, True)
    if os.environ.get("NIGHTLY") or (world is WORLDS[0] and (after or seed == 0)) or (after and seed == 0)
]


@pytest.mark.once
@pytest.mark.parametrize(("how", "seed", "after"), KILLS)
def test_killed_at_any_request_one_more_run_ends_it(how: Json, seed: int, after: bool) -> None:
    numbers = boundaries(seed, **how)
    rests: set[int] = set()
    for number in numbers:
        gke = stuck_cluster(seed, **how)
        before = people(gke)
        refuse_early_creation(gke)
        gke.kill_at, gke.kill_after = number, after
        with pytest.raises(Killed):
            run(gke)
        assert_recorded_first(gke)
        gke.clock.sleep(gke.random.uniform(0, 900))
        told = f"seed {seed}, killed {'after' if after else 'before'} request {number} of {numbers[-1]}"
        foretold = None if how or after else steps_foretold(gke)
        done = run(gke)
        if foretold is not None:
            assert [step.as_dict() for step in done.steps] == foretold, told
            rests.add(len(foretold))
        assert done.certificate.status == "Active", told
        assert_whole(gke, before, alone=how.get("alone", False))
        assert_recorded_first(gke)
        assert gke.log.count(("DELETE", CERTIFICATE)) == 1, told
    assert how or after or rests == {0, 1, 2, 3, 4, 5}


def steps_foretold(gke: FakeGke) -> list[Json]:
    """What check mode says is left to be done; it writes nothing."""
    log = list(gke.log)
    foretold = run(gke, dry=True)
    assert gke.log == log
    return [step.as_dict() for step in foretold.steps]


@pytest.mark.once
@pytest.mark.parametrize("seed", FEW)
def test_a_second_run_in_between_changes_nothing_about_the_end(seed: int) -> None:
    for number in boundaries(seed):
        gke = stuck_cluster(seed)
        before = people(gke)
        others: list[Done] = []

        def interfere(gke: FakeGke, number: int, others: list[Done], now: int) -> None:
            if now == number:
                others.append(run(gke))

        gke.at_request = partial(interfere, gke, number, others)
        done = run(gke)
        told = f"seed {seed}, second run before request {number}"
        assert (done.certificate.status, others[0].certificate.status) == ("Active", "Active"), told
        assert_whole(gke, before)
        assert gke.log.count(("DELETE", CERTIFICATE)) == 1, told


@pytest.mark.once
@pytest.mark.parametrize("seed", FEW)
def test_a_certificate_that_becomes_active_is_left_alone_from_that_moment(seed: int) -> None:
    kept = 0
    for number in boundaries(seed):
        gke = stuck_cluster(seed)
        before = people(gke)

        issued: list[int] = []

        def issue(gke: FakeGke, number: int, issued: list[int], now: int) -> None:
            live = gke.objects.get(CERTIFICATE)
            whole = live and live["metadata"]["uid"] == "uid-hub" and "deletionTimestamp" not in live["metadata"]
            if now == number and whole:
                issued.append(now)
                gke.activate("hub-tls")

        gke.at_request = partial(issue, gke, number, issued)
        done = run(gke)
        assert done.certificate.status == "Active"
        assert_whole(gke, before)
        if issued:
            kept += 1
            assert ("DELETE", CERTIFICATE) not in gke.log, f"deleted although Active since before request {number}"
    assert kept >= 12


@pytest.mark.once
@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_in_trouble_is_borne(seed: int) -> None:
    gke = stuck_cluster(seed)
    before = people(gke)
    dice = random.Random(seed)

    def trouble(method: str, path: str, query: Any, body: Any) -> Reply | None:
        if dice.random() > 0.3:
            return None
        if dice.random() < 0.3:
            raise HubError("E-K8S-02", "lost", "x", changed=Changed.UNKNOWN)
        return Reply(dice.choice([429, 503] if method == "GET" else [409, 429, 503]), {"message": "not now"})

    gke.on(trouble)
    assert run(gke).certificate.status == "Active"
    assert_whole(gke, before)


def test_what_is_gone_when_it_is_to_be_changed_is_looked_up_anew() -> None:
    gke = stuck_cluster()
    before = people(gke)
    gone: list[tuple[str, str]] = []

    def vanish(method: str, path: str, query: Any, body: Any) -> Reply | None:
        if method in ("PATCH", "POST") and "dryRun" not in query and (method, path) not in gone:
            gone.append((method, path))
            return Reply(404, {"message": "not found"})
        return None

    gke.on(vanish)
    assert run(gke).certificate.status == "Active"
    assert {("POST", CONFIG_MAPS), ("PATCH", HUB), ("PATCH", CERTIFICATE), ("PATCH", RECORD)} <= set(gone)
    assert_whole(gke, before)


def test_what_is_deleted_is_exactly_what_was_judged() -> None:
    gke = stuck_cluster(alone=True, clings=True)
    conditions: dict[str, Json] = {}
    gke.on(lambda method, path, query, body: conditions.update({path: body}) if method == "DELETE" and body else None)
    run(gke)
    assert sorted(conditions) == [CERTIFICATE, HUB]
    assert all(set(body["preconditions"]) == {"uid", "resourceVersion"} for body in conditions.values())


def test_the_record_is_changed_only_as_it_was_read() -> None:
    """Another run may have written it since; the server refuses a change that names an older version."""
    gke = stuck_cluster()
    versions: list[tuple[str, str]] = []

    def note(method: str, path: str, query: Any, body: Any) -> None:
        if (method, path) == ("PATCH", RECORD):
            live = gke.objects[RECORD]["metadata"]["resourceVersion"]
            versions.append((body["metadata"].get("resourceVersion", ""), live))

    gke.on(note)
    run(gke)
    assert versions
    assert all(named == live for named, live in versions)


def test_a_reply_lost_after_the_write_is_not_written_twice() -> None:
    gke = stuck_cluster()
    before = people(gke)
    lost: set[tuple[str, str]] = set()
    send = gke._send

    def losing(method: str, path: str, query: Any, body: Any, accept: str, content_type: str) -> Reply:
        reply = send(method, path, query, body, accept, content_type)
        if method != "GET" and "dryRun" not in (query or {}) and path != CONFIG_MAPS and (method, path) not in lost:
            lost.add((method, path))
            raise HubError("E-K8S-02", "lost", "x", changed=Changed.UNKNOWN)
        return reply

    gke._send = losing  # type: ignore[method-assign]
    assert run(gke).certificate.status == "Active"
    assert len(lost) == 4
    assert_whole(gke, before)
    assert (gke.log.count(("DELETE", CERTIFICATE)), gke.log.count(("PATCH", CERTIFICATE))) == (1, 1)


def test_check_mode_foretells_exactly_and_writes_nothing() -> None:
    gke = stuck_cluster()
    objects = copy.deepcopy(gke.objects)
    foretold = run(gke, dry=True)
    assert (gke.log, gke.writes, gke.objects) == ([], [], objects)
    done = run(gke)
    assert [step.as_dict() for step in done.steps] == [step.as_dict() for step in foretold.steps]
    assert [(step.verb, step.target) for step in done.steps] == [
        ("create", "ConfigMap/researchops-certificate-hub-tls"),
        ("update", "Ingress/hub"),
        ("delete", "ManagedCertificate/hub-tls"),
        ("create", "ManagedCertificate/hub-tls"),
        ("update", "Ingress/hub"),
    ]
    assert done.steps[1].fields == {ATTACHED: ("other-tls, hub-tls", "other-tls")}
    assert done.steps[4].fields == {ATTACHED: ("other-tls", "other-tls, hub-tls")}


def test_a_second_run_does_nothing() -> None:
    gke = stuck_cluster()
    run(gke)
    log = list(gke.log)
    done = run(gke)
    assert (done.action, done.steps, gke.log) == ("none", [], log)


@pytest.mark.once
@pytest.mark.parametrize("seed", SEEDS)
def test_active_is_told_within_half_a_second(seed: int) -> None:
    gke = stuck_cluster(seed)
    run(gke)
    assert gke.clock.monotonic() - gke.activated["hub-tls"] <= 0.5


def test_an_active_certificate_is_not_touched() -> None:
    gke = stuck_cluster()
    gke.activate("hub-tls")
    done = run(gke, force=True)
    assert (done.action, done.steps, gke.log) == ("none", [], [])


def test_compute_knows_earlier_than_the_cluster() -> None:
    gke = stuck_cluster()
    gke.certs["mcrt-hub"]["managed"]["status"] = "ACTIVE"
    assert (run(gke, force=True).action, gke.log) == ("none", [])


def test_a_new_certificate_is_awaited() -> None:
    gke = stuck_cluster()
    gke.stuck.clear()
    gke.objects[CERTIFICATE]["metadata"]["creationTimestamp"] = gke.clock.utcnow().isoformat()
    done = run(gke)
    assert (done.action, done.certificate.status, gke.log) == ("wait", "Active", [])
    assert run(gke, wait=False).action == "none"


def test_without_waiting_it_returns_when_everything_is_recreated() -> None:
    gke = stuck_cluster()
    done = run(gke, wait=False)
    assert (done.action, done.certificate.status) == ("reprovision", "")
    assert names_in(annotation(gke.objects[HUB])) == ("other-tls", "hub-tls")


@pytest.mark.parametrize(
    ("names", "error_id"),
    [
        pytest.param(FakeNames(hub_example_org="198.51.100.4"), "E-CERT-03", id="elsewhere"),
        pytest.param(FakeNames(), "E-CERT-03", id="nowhere"),
    ],
)
def test_nothing_is_deleted_for_a_cause_that_recreating_does_not_cure(names: FakeNames, error_id: str) -> None:
    gke = stuck_cluster()
    with pytest.raises(HubError) as caught:
        run(gke, names, force=True)
    assert (caught.value.error_id, caught.value.changed, gke.log) == (error_id, Changed.NOTHING, [])


def test_only_two_looks_that_agree_delete() -> None:
    gke = stuck_cluster()
    names = FakeNames(hub_example_org=ADDRESS)
    rounds: list[int] = []

    def flapping(wanted: Any) -> Any:
        rounds.append(1)
        if len(rounds) == 4:  # A and AAAA, CAA twice, then the second look
            names.records["hub.example.org", "A"] = ("198.51.100.4",)
        return names(wanted)

    with pytest.raises(HubError, match="E-CERT-03"):
        run(gke, flapping)  # type: ignore[arg-type]
    assert gke.log == []


def test_once_in_24_hours_unless_forced() -> None:
    gke = stuck_cluster()
    run(gke)
    twin = gke.objects[CERTIFICATE]["status"]["certificateName"]
    later = failed_status(twin, "hub.example.org") | {"certificateStatus": "ProvisioningFailedPermanently"}
    gke.put(CERTIFICATE, gke.objects[CERTIFICATE] | {"status": later})
    gke.certs[twin]["managed"]["status"] = "PROVISIONING_FAILED_PERMANENTLY"
    log = list(gke.log)
    with pytest.raises(HubError, match=r"E-CERT-07 Certificate hub-tls was recreated at 2026-11-22T"):
        run(gke)
    assert gke.log == log
    assert run(gke, force=True).certificate.status == "Active"
    gke.stuck.add(gke.objects[CERTIFICATE]["metadata"]["uid"])
    again = later | {"certificateName": gke.objects[CERTIFICATE]["status"]["certificateName"]}
    gke.certs[again["certificateName"]]["managed"]["status"] = "PROVISIONING_FAILED_PERMANENTLY"
    gke.put(CERTIFICATE, gke.objects[CERTIFICATE] | {"status": again})
    gke.clock.sleep(86400)
    assert run(gke).certificate.status == "Active"


def test_a_cause_that_comes_back_gives_the_certificate_back() -> None:
    gke = stuck_cluster()
    before = people(gke)
    gke.on(lambda method, path, query, body: _die(method == "DELETE" and "dryRun" not in query))
    with pytest.raises(Killed):
        run(gke)
    assert names_in(annotation(gke.objects[HUB])) == ("other-tls",)
    gke._handlers.clear()
    elsewhere = FakeNames(hub_example_org="198.51.100.4")
    with pytest.raises(HubError, match="E-CERT-03"):
        run(gke, elsewhere, dry=True)
    with pytest.raises(HubError) as caught:
        run(gke, elsewhere)
    assert (caught.value.error_id, caught.value.changed) == ("E-CERT-03", Changed.SOME)
    assert written(gke.objects[HUB]) == written(before[HUB])
    assert gke.objects[RECORD]["data"]["state"] == "kept"
    assert ("DELETE", CERTIFICATE) not in gke.log
    assert run(gke).certificate.status == "Active"


def test_giving_back_that_was_interrupted_is_finished_first() -> None:
    gke = stuck_cluster()
    gke.on(lambda method, path, query, body: _die(method == "DELETE" and "dryRun" not in query))
    with pytest.raises(Killed):
        run(gke)
    gke._handlers.clear()
    gke.objects[RECORD]["data"]["state"] = "restoring"
    foretold = run(gke, dry=True)
    assert foretold.steps[0].fields == {ATTACHED: ("other-tls", "other-tls, hub-tls")}
    done = run(gke)
    assert [step.as_dict() for step in done.steps] == [step.as_dict() for step in foretold.steps]
    assert done.certificate.status == "Active"


def _die(now: bool) -> None:
    if now:
        raise Killed


@pytest.mark.parametrize(
    ("how", "part"),
    [
        pytest.param({}, "it also serves other-tls", id="another-certificate"),
        pytest.param({"alone": True}, "it has no reserved address", id="no-static-address"),
    ],
)
def test_an_ingress_that_cannot_be_recreated_safely_is_not(how: Json, part: str) -> None:
    gke = stuck_cluster(clings=True, **how)
    if how:
        del gke.objects[HUB]["metadata"]["annotations"]["kubernetes.io/ingress.global-static-ip-name"]
    with pytest.raises(HubError, match="E-CERT-50") as caught:
        run(gke)
    assert part in caught.value.what
    assert caught.value.changed is Changed.SOME
    assert ("DELETE", HUB) not in gke.log
    gke.clings = False
    assert run(gke).certificate.status == "Active"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        pytest.param("PATCH", HUB, id="annotate"),
        pytest.param("DELETE", CERTIFICATE, id="delete"),
        pytest.param("PATCH", f"{CERTIFICATES}/hub-tls-rehearsal", id="create"),
    ],
)
def test_a_missing_permission_is_found_before_anything_is_changed(verb: str, path: str) -> None:
    gke = stuck_cluster()
    gke.on(
        lambda method, place, query, body: Reply(403, {"message": "no"}) if (method, place) == (verb, path) else None
    )
    with pytest.raises(HubError, match="E-K8S-04"):
        run(gke)
    assert gke.log == []


def test_what_others_do_meanwhile_is_told_and_not_overwritten() -> None:
    gke = stuck_cluster()
    gke.on(lambda method, path, query, body: _die(method == "PATCH" and path == CERTIFICATE))
    with pytest.raises(Killed):
        run(gke)
    gke._handlers.clear()
    hub = gke.objects.pop(HUB)
    with pytest.raises(HubError, match="E-CERT-51 Ingress hub was deleted by somebody else"):
        run(gke)
    gke.objects[HUB] = hub
    gke.put(CERTIFICATE, {"metadata": {"name": "hub-tls", "uid": "uid-new"}, "spec": {"domains": ["x.example.org"]}})
    with pytest.raises(HubError, match=r"E-CERT-51 ManagedCertificate hub-tls was made for x.example.org by somebody"):
        run(gke)


def test_somebody_who_undoes_every_change_ends_the_run() -> None:
    gke = stuck_cluster()

    def undo(_number: int) -> None:
        gke.objects[HUB]["metadata"]["annotations"][ATTACHED] = "other-tls, hub-tls"

    gke.at_request = undo
    with pytest.raises(HubError, match=r"E-CERT-51 .* do not settle"):
        run(gke)
    assert ("DELETE", CERTIFICATE) not in gke.log


def test_a_record_of_somebody_else_stops_before_any_change() -> None:
    gke = stuck_cluster()
    gke.put(RECORD, {"metadata": {"name": RECORD.rpartition("/")[2], "namespace": NS}, "data": {}})
    with pytest.raises(HubError, match="E-CERT-54"):
        run(gke)
    assert gke.log == []


def test_a_record_that_vanishes_stops_the_run() -> None:
    gke = stuck_cluster()

    def vanish(_number: int) -> None:
        if ("DELETE", CERTIFICATE) in gke.log:
            gke.objects.pop(RECORD, None)

    gke.at_request = vanish
    with pytest.raises(HubError, match=r"E-CERT-54 .* has vanished") as caught:
        run(gke)
    assert caught.value.changed is Changed.SOME


def test_broken_records_of_other_certificates_do_not_matter() -> None:
    gke = stuck_cluster()
    label = {"researchops.jupyterhub/snapshot-of": "managed-certificate"}
    gke.put(f"{CONFIG_MAPS}/odd", {"metadata": {"name": "odd", "namespace": NS, "labels": label}, "data": {}})
    assert run(gke).certificate.status == "Active"


def test_a_certificate_that_does_not_go_away_is_told() -> None:
    gke = stuck_cluster(clings=True)
    with pytest.raises(HubError, match=r"E-CERT-52 .* in 100 s.*compute certificate mcrt-hub still exists"):
        run(gke, timeout=100)
    gke.clings = False
    assert run(gke).certificate.status == "Active"


def test_a_certificate_that_does_not_become_active_is_told_with_its_cause() -> None:
    gke = stuck_cluster()
    gke.stuck |= {f"uid-{number}" for number in range(9)}
    with pytest.raises(HubError, match=r"E-CERT-55 Certificate hub-tls is not Active after .*wanted: Active") as caught:
        run(gke, timeout=900)
    assert caught.value.details == {"causes": []}
    with pytest.raises(HubError, match="E-CERT-55"):
        run(gke, timeout=5)
    gke = stuck_cluster(alone=True, clings=True)
    gke.stuck |= {f"uid-{number}" for number in range(9)}
    with pytest.raises(HubError, match=r"E-CERT-55 .* Ingress hub was made anew, .* nobody gets through"):
        run(gke, timeout=900)


class Elsewhere:
    """Compute of a project that has nothing."""

    def find(self, _call: Call) -> None:
        return None


def in_another_project(gke: FakeGke) -> Done:
    """A run with the wrong project."""
    compute = Compute(Elsewhere(), "another")
    reporter = Reporter("climate", "front door", gke.clock)
    examiner = Examiner(ClusterSide(gke, NS), compute, RIGHT)
    return Reprovisioner(examiner, compute, Wish("hub-tls"), clock=gke.clock, reporter=reporter).run()


def test_a_wrong_project_stops_before_anything_is_written() -> None:
    gke = stuck_cluster()
    with pytest.raises(HubError, match=r"E-CERT-08 .* in project another does not know its certificate mcrt-hub"):
        in_another_project(gke)
    assert gke.log == []


def test_a_twin_that_somebody_deleted_stops_it_too() -> None:
    gke = stuck_cluster()
    del gke.certs["mcrt-hub"]
    with pytest.raises(HubError, match="E-CERT-08"):
        run(gke)
    assert gke.log == []


def killed_after(gke: FakeGke, write: tuple[str, str]) -> None:
    """A run that dies with this write done."""

    def die(_number: int) -> None:
        if write in gke.log:
            raise Killed

    gke.at_request = die
    with pytest.raises(Killed):
        run(gke)
    gke.at_request = lambda _number: None


def test_the_next_run_in_a_wrong_project_gives_a_detached_certificate_back() -> None:
    gke = stuck_cluster()
    killed_after(gke, ("PATCH", HUB))
    assert "hub-tls" not in names_in(annotation(gke.objects[HUB]))
    with pytest.raises(HubError, match="E-CERT-08"):
        in_another_project(gke)
    assert "hub-tls" in names_in(annotation(gke.objects[HUB]))
    assert ("DELETE", CERTIFICATE) not in gke.log


def test_a_twin_that_is_gone_after_the_deletion_is_what_is_wanted() -> None:
    gke = stuck_cluster()
    before = people(gke)
    killed_after(gke, ("DELETE", CERTIFICATE))
    gke.clock.sleep(900)
    assert "mcrt-hub" not in gke.certs
    assert run(gke).certificate.status == "Active"
    assert_whole(gke, before)


@pytest.mark.parametrize("killed", [False, True])
def test_a_certificate_beside_a_tls_block_is_recreated(killed: bool) -> None:
    gke = stuck_cluster()
    gke.objects[HUB]["spec"]["tls"] = [{"secretName": "own-tls"}]
    before = people(gke)
    if killed:
        killed_after(gke, ("PATCH", HUB))
        gke.clock.sleep(120)
    done = run(gke)
    assert (done.action, done.certificate.status) == ("resume" if killed else "reprovision", "Active")
    assert_whole(gke, before)


def test_a_proxy_that_clings_is_found_when_the_ingress_no_longer_names_it() -> None:
    gke = stuck_cluster(alone=True, clings=True)

    def forget(_number: int) -> None:
        if ("DELETE", CERTIFICATE) in gke.log and HUB in gke.objects:
            gke.objects[HUB]["metadata"]["annotations"].pop(HTTPS_PROXY, None)

    gke.at_request = forget
    assert run(gke).ingresses == ("hub",)


def test_helm_owns_its_objects_again() -> None:
    gke = stuck_cluster()
    run(gke)
    helm = {"manager": "helm", "operation": "Apply"}
    assert gke.objects[HUB]["metadata"]["managedFields"] == [helm]
    assert gke.objects[CERTIFICATE]["metadata"]["managedFields"] == [helm]
    assert gke.objects[CERTIFICATE]["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_progress_is_told_while_it_lasts() -> None:
    gke = stuck_cluster()
    compute = Compute(gke, "research")
    reporter = Reporter("climate", "front door", gke.clock)
    examiner = Examiner(ClusterSide(gke, NS), compute, RIGHT)
    Reprovisioner(examiner, compute, Wish("hub-tls"), clock=gke.clock, reporter=reporter).run()
    texts = [line["text"] for line in reporter.transitions]
    assert any(text.startswith("waiting: certificate hub-tls: Provisioning; nothing for you to do;") for text in texts)
    assert "certificate hub-tls: delete ManagedCertificate/hub-tls" in texts


# ---- a wrong clock on this side

DAY = 86400.0
WRONG = [600.0, -600.0, 3700.0, 90 * DAY, -90 * DAY]


def on_a_wrong_clock(gke: FakeGke, ahead: float, **wishes: Any) -> tuple[Done, str]:
    """A run, and the first thing it said."""
    clock = WrongClock(gke.clock, ahead)
    gke.server_time = ServerTime(clock)
    reporter = Reporter("climate", "front door", clock)
    done = run(gke, reporter=reporter, **wishes)
    return done, reporter.transitions[0]["text"] if reporter.transitions else ""


@pytest.mark.parametrize("ahead", WRONG)
def test_a_young_certificate_is_young_by_the_servers_clock(ahead: float) -> None:
    gke = stuck_cluster()
    live = gke.objects[CERTIFICATE]
    live["metadata"]["creationTimestamp"] = (gke.clock.utcnow() - timedelta(minutes=2)).isoformat()
    live["status"] = {"certificateStatus": "Provisioning", "certificateName": "mcrt-hub"}
    done, said = on_a_wrong_clock(gke, ahead, wait=False)
    assert (done.action, gke.log) == ("wait", [])
    assert "2 min old" in done.reason
    assert said.startswith(f"This machine's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}; times")


@pytest.mark.parametrize("ahead", WRONG)
def test_an_old_certificate_is_old_by_the_servers_clock(ahead: float) -> None:
    gke = stuck_cluster()
    before = people(gke)
    done, _said = on_a_wrong_clock(gke, ahead)
    assert (done.action, done.certificate.status) == ("reprovision", "Active")
    assert_whole(gke, before)
    began = datetime.fromisoformat(gke.objects[RECORD]["data"]["started"])
    assert timedelta() <= began - START < timedelta(minutes=5)


@pytest.mark.parametrize("ahead", WRONG)
def test_a_certificate_that_is_good_for_ten_days_by_the_servers_clock_is_not_touched(ahead: float) -> None:
    gke = stuck_cluster()
    live = gke.objects[CERTIFICATE]
    ends = (gke.clock.utcnow() + timedelta(days=10)).isoformat()
    live["status"] = {"certificateStatus": "RenewalFailed", "certificateName": "mcrt-hub", "expireTime": ends}
    done, _said = on_a_wrong_clock(gke, ahead, wait=False)
    assert (done.action, gke.log) == ("wait", [])


@pytest.mark.parametrize("ahead", WRONG)
def test_once_in_a_day_is_counted_by_the_servers_clock(ahead: float) -> None:
    gke = stuck_cluster()
    run(gke)
    gke.clock.sleep(DAY / 2)
    live = gke.objects[CERTIFICATE]
    live["status"] = failed_status(live["status"]["certificateName"], "hub.example.org")
    gke.certs[live["status"]["certificateName"]]["managed"]["status"] = "PROVISIONING"
    gke.stuck.add(live["metadata"]["uid"])
    with pytest.raises(HubError, match="E-CERT-07"):
        on_a_wrong_clock(gke, ahead)


@pytest.mark.parametrize("ahead", [0.0, 290.0, -290.0])
def test_a_clock_that_is_nearly_right_is_not_worth_a_word(ahead: float) -> None:
    _done, said = on_a_wrong_clock(stuck_cluster(), ahead)
    assert "clock" not in said


# ---- the answer that the public gets


def outside(code: Code = Code.NO_DATA, caa: str = "", **hosts: str) -> FakeNames:
    """Public resolvers; ``code`` is how a question without records ends."""
    names = FakeNames(**hosts)
    names.code = code
    if caa:
        names.records["hub.example.org", "CAA"] = (caa,)
    return names


@pytest.mark.parametrize(
    ("public", "seen"),
    [
        pytest.param(outside(hub_example_org="192.168.7.7"), "A 192.168.7.7", id="another-address"),
        pytest.param(outside(), "no such record", id="no-address"),
        pytest.param(outside(Code.NO_NAME), "NXDOMAIN", id="no-such-name"),
        pytest.param(outside(Code.SERVFAIL), "SERVFAIL", id="a-broken-zone"),
        pytest.param(outside(caa='0 issue "ca.institute.example"', hub_example_org=ADDRESS), "CAA", id="CAA"),
    ],
)
def test_nothing_is_deleted_where_the_public_is_told_otherwise(public: FakeNames, seen: str) -> None:
    gke = stuck_cluster()
    with pytest.raises(HubError, match="E-CERT-08") as told:
        run(gke, public=public)
    assert seen in told.value.seen
    assert ("the public is told otherwise" in told.value.what, told.value.changed) == (True, Changed.NOTHING)
    assert gke.log == []


@pytest.mark.parametrize(
    "public",
    [
        pytest.param(outside(hub_example_org=ADDRESS), id="the-same"),
        pytest.param(outside(Code.TIMEOUT), id="closed-off"),
        pytest.param(outside(Code.OTHER), id="a-page-of-a-proxy"),
    ],
)
def test_public_resolvers_that_agree_or_cannot_be_asked_hinder_nothing(public: FakeNames) -> None:
    gke = stuck_cluster()
    assert run(gke, public=public).certificate.status == "Active"
    assert ("hub.example.org", "A") in public.asked


def test_an_interrupted_run_gives_the_certificate_back_where_the_public_is_told_otherwise() -> None:
    gke = stuck_cluster()
    before = people(gke)
    gke.kill_at = next(n for n in boundaries(0) if killed_detached(n))
    with pytest.raises(Killed):
        run(gke)
    assert "hub-tls" not in names_in(annotation(gke.objects[HUB]))
    with pytest.raises(HubError, match="E-CERT-08"):
        run(gke, public=outside())
    assert written(gke.objects[HUB]) == written(before[HUB])
    assert ("DELETE", CERTIFICATE) not in gke.log


def killed_detached(number: int) -> bool:
    """Whether a run that dies before this request leaves the certificate whole, and off its Ingress."""
    gke = stuck_cluster()
    gke.kill_at = number
    with pytest.raises(Killed):
        run(gke)
    return ("PATCH", HUB) in gke.log and ("DELETE", CERTIFICATE) not in gke.log
