# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a release away, and nothing that belongs to people unless that is asked for."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import release_inputs
from ansible_collections.researchops.jupyterhub.tests.unit.fake_release import (
    CLAIMS,
    DEPLOYMENTS,
    LEASE,
    PODS,
    SECRETS,
    World,
    told,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import away, refusal

GONE = [
    ("delete", "Secret/hub"),
    ("delete", "Deployment/hub"),
    ("delete", "Deployment/proxy"),
    ("delete", "Secret/hub-secrets"),
    ("uninstall", "Release/hub"),
]
HOME = f"{CLAIMS}/claim-ada"
KEEP = {"helm.sh/resource-policy": "keep"}
SERVER = f"{PODS}/jupyter-ada"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(release_inputs, "STRETCHING", 10)
    return World(tmp_path)


@pytest.fixture
def installed(world: World) -> World:
    """A release with one home, whose pods end as soon as their Deployments are gone."""
    world.run()
    world.kube.put(HOME, {"kind": "PersistentVolumeClaim", "metadata": {"labels": {"component": "singleuser-storage"}}})
    uninstall = world.helm.uninstall

    def with_pods(timeout: float) -> None:
        uninstall(timeout)
        for name in ("hub-1", "proxy-1"):
            world.clock.at(world.clock.passed + 3, lambda name=name: world.kube.objects.pop(f"{PODS}/{name}"))  # type: ignore[misc]

    world.helm.uninstall = with_pods  # type: ignore[method-assign]
    world.forget()
    return world


def test_data_that_would_go_is_refused(installed: World) -> None:
    installed.chart.claim = "other"
    installed.helm.record(2, "deployed", {"hub": {"db": {"pvc": {"annotations": {}}}}}, {})
    with pytest.raises(HubError, match="E-STORE-04") as caught:
        installed.remove()
    assert caught.value.changed is Changed.NOTHING
    assert (installed.kube.writes, installed.helm.calls) == ([], [])


def test_check_mode_foretells_the_removal(installed: World) -> None:
    foretold = installed.remove(check_mode=True)
    assert (told(foretold), foretold.kept) == (
        GONE,
        ["PersistentVolumeClaim/hub-db-dir", "PersistentVolumeClaim/claim-ada"],
    )
    assert (installed.kube.writes, installed.helm.calls) == ([], [])
    done = installed.remove()
    assert done.plan == foretold.plan


def test_a_removal_keeps_claims_and_waits_for_the_pods(installed: World) -> None:
    done = installed.remove()
    assert (done.changed, done.status, done.revision) == (True, "", 0)
    assert installed.helm.calls == ["uninstall"]
    assert sorted(installed.kube.names(CLAIMS)) == ["claim-ada", "hub-db-dir"]
    left = [path for place in (SECRETS, DEPLOYMENTS, PODS) for path in installed.kube.names(place)]
    assert left == []
    assert LEASE not in installed.kube.objects
    assert installed.clock.passed == 3


def test_an_api_server_that_is_away_while_pods_end_is_awaited(installed: World) -> None:
    installed.kube.on(away(installed.clock, installed.clock.passed + 20, installed.clock.passed + 1))
    assert installed.remove().changed
    assert [path for place in (DEPLOYMENTS, PODS) for path in installed.kube.names(place)] == []


def test_a_lease_that_somebody_took_over_stays(installed: World) -> None:
    uninstall = installed.helm.uninstall

    def taken_over(timeout: float) -> None:
        uninstall(timeout)
        installed.kube.put(LEASE, {"kind": "Lease", "spec": {"holderIdentity": "bob"}})

    installed.helm.uninstall = taken_over  # type: ignore[method-assign]
    assert installed.remove().changed
    assert installed.kube.objects[LEASE]["spec"]["holderIdentity"] == "bob"


def test_a_second_removal_changes_nothing(installed: World) -> None:
    installed.remove()
    installed.forget()
    done = installed.remove()
    assert (done.changed, done.as_dict()["status"], done.plan.reason) == (False, "absent", "the release is as wanted")
    assert (installed.kube.writes, installed.helm.calls) == ([], [])


def test_running_servers_are_stopped(installed: World) -> None:
    installed.kube.put(SERVER, {"kind": "Pod", "metadata": {"labels": {"component": "singleuser-server"}}})
    done = installed.remove()
    assert ("delete", "Pod/jupyter-ada") in told(done)
    assert SERVER not in installed.kube.objects


def test_a_server_that_starts_while_the_hub_ends_is_stopped(installed: World) -> None:
    """Until its pod is gone, the hub lets people in; what they start then would run for ever: nobody culls it."""
    home = f"{CLAIMS}/claim-bob"
    labels = {"component": "singleuser-storage"}

    def start() -> None:
        installed.kube.put(f"{PODS}/jupyter-bob", {"metadata": {"labels": {"component": "singleuser-server"}}})
        installed.kube.put(home, {"metadata": {"labels": labels}})

    installed.clock.at(1, start)
    assert installed.remove().changed
    assert installed.kube.names(PODS) == []
    assert home in installed.kube.objects


def test_data_does_not_outlive_a_removal_because_somebody_came_late(installed: World) -> None:

    def come() -> None:
        installed.kube.put(f"{CLAIMS}/claim-bob", {"metadata": {"labels": {"component": "singleuser-storage"}}})

    installed.clock.at(1, come)
    installed.remove(keep_data=False)
    assert installed.kube.names(CLAIMS) == []


def test_servers_that_an_interrupted_removal_left_are_stopped(installed: World) -> None:
    installed.remove()
    labels = {"component": "singleuser-server"}
    installed.kube.put(SERVER, {"metadata": {"labels": {**labels, "release": "hub"}}})
    installed.kube.put(f"{PODS}/jupyter-bob", {"metadata": {"labels": {**labels, "release": "other"}}})
    installed.forget()
    assert told(installed.remove()) == [("delete", "Pod/jupyter-ada")]
    assert (installed.kube.names(PODS), installed.helm.calls) == (["jupyter-bob"], [])


def test_what_a_hook_left_behind_goes_too(installed: World) -> None:
    labels = {"hub.jupyter.org/deletable": "true", "release": "hub"}
    job = "/apis/batch/v1/namespaces/hub/jobs/hook-image-awaiter"
    account = "/api/v1/namespaces/hub/serviceaccounts/hook-image-awaiter"
    other = "/apis/batch/v1/namespaces/hub/jobs/of-another-release"
    for path, owner in ((job, "hub"), (account, "hub"), (other, "other")):
        installed.kube.put(path, {"metadata": {"labels": {**labels, "release": owner}}})
    done = installed.remove()
    assert {("delete", "Job/hook-image-awaiter"), ("delete", "ServiceAccount/hook-image-awaiter")} <= set(told(done))
    assert [path in installed.kube.objects for path in (job, account, other)] == [False, False, True]


@pytest.mark.parametrize(
    ("policy", "age", "error_id"),
    [("fail", 5000, "E-HELM-04"), ("rollback", 60, "E-HELM-04"), ("rollback", 5000, ""), ("mark_failed", 5000, "")],
)
def test_a_release_somebody_may_be_working_on_is_not_removed(
    installed: World, policy: str, age: float, error_id: str
) -> None:
    installed.helm.record(2, "pending-upgrade", {"hub": {"db": {"pvc": {"annotations": KEEP}}}}, {})
    installed.clock.passed += age
    if error_id:
        with pytest.raises(HubError, match=error_id):
            installed.remove(pending_policy=policy)
        assert installed.helm.calls == []
    else:
        assert installed.remove(pending_policy=policy).changed
        assert installed.helm.calls == ["uninstall"]


@pytest.mark.parametrize("status", ["uninstalling", "pending-upgrade"])
def test_who_takes_a_release_away_is_not_told_of_an_upgrade(installed: World, status: str) -> None:
    """A removal that was killed is the usual way to `uninstalling`."""
    installed.helm.record(2, status, {"hub": {"db": {"pvc": {"annotations": KEEP}}}}, {})
    installed.clock.passed += 5000
    with pytest.raises(HubError, match="E-HELM-04") as caught:
        installed.remove()
    assert caught.value.do == (
        "run again with -e z2jh_pending_policy=rollback (then this run takes it away), or wait if a colleague is "
        "deploying"
    )


def test_a_fast_clock_makes_no_upgrade_old(installed: World) -> None:
    installed.run_ahead(960.0)
    installed.helm.record(2, "pending-upgrade", {"hub": {"db": {"pvc": {"annotations": KEEP}}}}, {})
    with pytest.raises(HubError, match="E-HELM-04") as caught:
        installed.remove(pending_policy="rollback")
    assert caught.value.details["age"] == 0


def test_data_goes_only_if_asked(installed: World) -> None:
    done = installed.remove(keep_data=False)
    assert ("delete", "PersistentVolumeClaim/claim-ada") in told(done)
    assert ("delete", "PersistentVolumeClaim/hub-db-dir") in told(done)
    assert done.kept == []
    assert installed.kube.names(CLAIMS) == []


def test_data_of_a_release_that_is_gone_can_still_be_removed(installed: World) -> None:
    installed.remove()
    installed.forget()
    done = installed.remove(keep_data=False)
    assert told(done) == [
        ("delete", "PersistentVolumeClaim/claim-ada"),
        ("delete", "PersistentVolumeClaim/hub-db-dir"),
    ]
    assert installed.helm.calls == []
    assert installed.kube.names(CLAIMS) == []


def test_a_secret_that_is_not_ours_stays(installed: World) -> None:
    installed.kube.objects[f"{SECRETS}/hub-secrets"]["metadata"]["labels"] = {}
    done = installed.remove()
    assert ("delete", "Secret/hub-secrets") not in told(done)
    assert installed.kube.names(SECRETS) == ["hub-secrets"]


def test_objects_deleted_by_hand_are_not_announced(installed: World) -> None:
    del installed.kube.objects[f"{DEPLOYMENTS}/hub"]
    assert ("delete", "Deployment/hub") not in told(installed.remove(check_mode=True))


def test_what_does_not_end_is_named(installed: World) -> None:
    going = {"deletionTimestamp": "2026-11-22T14:00:00Z", "finalizers": ["batch.kubernetes.io/job-tracking"]}
    for name, metadata in (("hub-2", {}), ("hub-3", going)):
        installed.kube.put(f"{PODS}/{name}", {"kind": "Pod", "metadata": {"labels": {"component": "hub"}, **metadata}})
    with pytest.raises(HubError, match="E-HELM-17") as caught:
        installed.remove(timeout=10)
    assert caught.value.what == "Pod/hub-2, Pod/hub-3 did not go away within 10 s"
    held = "Pod/hub-3 is going, held by batch.kubernetes.io/job-tracking"
    assert caught.value.seen == f"Pod/hub-2 is there and nobody deletes it; {held}"
    assert caught.value.changed is Changed.SOME


@pytest.mark.parametrize(("error_id", "left"), [("E-HELM-03", True), ("E-HELM-07", False)])
def test_the_lease_stays_where_nobody_knows_what_helm_did(installed: World, error_id: str, left: bool) -> None:
    def fails(_timeout: float) -> Any:
        raise refusal(error_id)

    installed.helm.uninstall = fails  # type: ignore[method-assign]
    with pytest.raises(HubError, match=error_id):
        installed.remove()
    assert ("holderIdentity" in installed.kube.objects[LEASE]["spec"]) is left
    assert f"{SECRETS}/hub-secrets" in installed.kube.objects


def test_the_lease_of_a_removal_that_somebody_interrupts_tells_that_nobody_works_on_it(installed: World) -> None:
    """Helm's uninstall ends there and then, and leaves the release "uninstalling"; its Lease was given back before."""

    def interrupted(_timeout: float) -> None:
        signal.raise_signal(signal.SIGINT)

    installed.helm.uninstall = interrupted  # type: ignore[method-assign]
    with pytest.raises(HubError, match="E-HELM-15"):
        installed.remove()
    assert "holderIdentity" in installed.kube.objects[LEASE]["spec"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("keep_data", [True, False])
def test_a_wrong_release_name_takes_nothing_from_the_hub_that_is_there(
    installed: World, keep_data: bool, check_mode: bool
) -> None:
    installed.kube.objects[f"{DEPLOYMENTS}/hub"]["metadata"]["labels"]["app"] = "jupyterhub"
    with pytest.raises(HubError, match="E-FRONT-13") as caught:
        installed.remove(check_mode, release_name="climate", keep_data=keep_data)
    assert "z2jh_release_name: hub" in caught.value.do
    assert (installed.kube.writes, installed.helm.calls) == ([], [])
    assert {f"{SECRETS}/hub-secrets", HOME} <= set(installed.kube.objects)
