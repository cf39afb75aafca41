# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One release from what it is to what it should be."""

from __future__ import annotations

import base64
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import release as subject
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import release_inputs
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart import as_label
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_digest import digest_of_path
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_state import (
    CHART_LABEL,
    DIGEST_LABEL,
    LAYER_PREFIX,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_wanted import Wanted, read_inputs
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fake_release import (
    CLAIMS,
    CLASSES,
    DEPLOYMENTS,
    GENERATED,
    LEASE,
    RECORDS,
    SECRETS,
    World,
    obj,
    told,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import refusal

INSTALL = [
    ("create", "Secret/hub-secrets"),
    ("create", "Secret/hub"),
    ("create", "PersistentVolumeClaim/hub-db-dir"),
    ("create", "Deployment/hub"),
    ("create", "Deployment/proxy"),
    ("install", "Release/hub"),
]
CHANGE = [("update", "Secret/hub"), ("update", "Deployment/hub"), ("upgrade", "Release/hub")]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(release_inputs, "STRETCHING", 10)
    return World(tmp_path)


@pytest.fixture
def installed(world: World) -> World:
    world.run()
    world.forget()
    return world


def digest(world: World, **changed: Any) -> str:
    return read_inputs(Wanted.from_options(world.options(**changed))).digest


# ---- install


def test_check_mode_foretells_the_install_and_writes_nothing(world: World) -> None:
    foretold = world.run(check_mode=True)
    assert (foretold.changed, told(foretold), foretold.status) == (True, INSTALL, "")
    assert world.kube.writes == []
    assert world.helm.calls == ["render"]
    done = world.run()
    assert told(done) == told(foretold)
    assert done.plan == foretold.plan


def test_an_install_is_one_upgrade_and_ends_when_it_serves(world: World) -> None:
    done = world.run()
    assert world.helm.calls == ["render", "upgrade"]
    assert (done.status, done.revision, done.chart, done.app_version) == ("deployed", 1, "jupyterhub-4.4.0", "5.5.0")
    assert [(pod["name"], pod["ready"]) for pod in done.pods] == [("hub-1", True), ("proxy-1", True)]
    assert (done.digest, done.recovered, done.warnings) == (digest(world), "", [])


def test_what_an_install_leaves_in_the_release(world: World) -> None:
    world.run()
    identity = read_inputs(Wanted.from_options(world.options())).chart_identity
    assert world.labels(1) == {
        "owner": "helm",
        "name": "hub",
        "status": "deployed",
        "version": "1",
        DIGEST_LABEL: f"{digest(world)}.1",
        CHART_LABEL: f"{as_label(digest_of_path(world.place))}.{identity}",
        LAYER_PREFIX + "hub_https": "true",
        LAYER_PREFIX + "hub_oauth": "true",
    }


def test_the_secret_of_the_layers_is_there_before_helm_and_the_lease_first(world: World) -> None:
    world.run()
    lease = LEASE.rpartition("/")[0]
    assert world.kube.writes == [
        ("POST", lease),
        ("PATCH", f"{SECRETS}/hub-secrets"),
        ("POST", SECRETS),
        ("PATCH", f"{RECORDS}1"),
        ("PATCH", LEASE),
    ]


def test_an_install_plans_empty_on_the_second_run_because_secrets_were_generated_before(world: World) -> None:
    world.run()
    secret = world.kube.objects[f"{SECRETS}/hub"]["data"]
    assert {len(base64.b64decode(secret[key])) for key in GENERATED} == {64}
    again = world.run(drift="check")
    assert (again.changed, told(again)) == (False, [])


def test_without_generating_them_before_the_second_run_would_restart_the_hub(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "generated_name", lambda _values, _root: "")
    world.run()
    again = world.run(check_mode=True)
    assert told(again) == [("update", "Deployment/hub"), ("upgrade", "Release/hub")]


def test_an_existing_secret_of_the_chart_is_never_overwritten(world: World) -> None:
    data = dict.fromkeys(GENERATED, "b2xk")
    world.kube.put(f"{SECRETS}/hub", {"kind": "Secret", "data": data})
    world.run()
    found = world.kube.objects[f"{SECRETS}/hub"]["data"]
    assert {key: found[key] for key in GENERATED} == data


def test_the_chart_s_secret_that_somebody_deleted_is_made_once(installed: World) -> None:
    """As after_the_first_day.md has it for a leaked one; a half removal leaves the release like that, too."""
    secret, hub = f"{SECRETS}/hub", f"{DEPLOYMENTS}/hub"
    old = installed.kube.objects.pop(secret)["data"]
    done = installed.run(drift="check")
    assert told(done) == [("create", "Secret/hub"), *CHANGE[1:]]
    new = installed.kube.objects[secret]["data"]
    assert [key for key in GENERATED if new[key] == old[key]] == []
    pods = installed.kube.objects[hub]["spec"]["template"]
    assert told(installed.run(drift="check")) == []
    assert installed.kube.objects[hub]["spec"]["template"] == pods


def test_a_chart_that_generates_nothing_gets_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.helm.chart = lambda _values: [obj("v1", "Secret", "hub", data={"own": "eA=="})]
    world.run()
    assert world.kube.objects[f"{SECRETS}/hub"]["data"] == {"own": "eA=="}


# ---- nothing to do


def test_a_second_run_only_reads(installed: World) -> None:
    done = installed.run(drift="check")
    assert (done.changed, done.status, done.revision) == (False, "deployed", 1)
    assert installed.kube.writes == []
    assert installed.helm.calls == ["render"]


def test_a_release_that_was_never_proved_is_waited_for_and_recorded_without_an_upgrade(installed: World) -> None:
    del installed.labels(1)[DIGEST_LABEL]
    done = installed.run()
    assert told(done) == [("record", "Release/hub")]
    assert installed.helm.calls == ["render"]
    assert installed.labels(1)[DIGEST_LABEL] == f"{digest(installed)}.1"


def test_a_release_that_does_not_serve_gets_no_proof(installed: World) -> None:
    del installed.labels(1)[DIGEST_LABEL]
    installed.kube.objects[f"{DEPLOYMENTS}/hub"]["status"]["availableReplicas"] = 0
    with pytest.raises(HubError, match="E-HELM-08") as caught:
        installed.run()
    assert caught.value.changed is Changed.SOME
    assert DIGEST_LABEL not in installed.labels(1)
    assert "holderIdentity" not in installed.kube.objects[LEASE]["spec"]


# ---- changes


def test_one_changed_value(installed: World) -> None:
    foretold = installed.run(check_mode=True, values={"memory": "4G"})
    assert installed.kube.writes == []
    done = installed.run(values={"memory": "4G"})
    assert told(done) == told(foretold) == CHANGE
    assert done.plan == foretold.plan
    assert done.plan.steps[-1] == Step("upgrade", "Release/hub", {"revision": (1, 2), "values.memory": ("2G", "4G")})
    assert done.restarts == ["Deployment/hub"]
    assert (done.revision, installed.statuses()) == (2, {1: "superseded", 2: "deployed"})


def test_a_rotated_secret_restarts_the_hub_and_is_not_shown(installed: World) -> None:
    done = installed.run(secrets={"oauth_client_secret": "rotated-secret-1"})
    assert told(done) == [("update", "Secret/hub-secrets"), *CHANGE]
    assert done.restarts == ["Deployment/hub"]
    assert "rotated" not in repr(done) and "planted" not in repr(done)
    stored = installed.kube.objects[f"{SECRETS}/hub-secrets"]["data"]["oauth_client_secret"]
    assert base64.b64decode(stored) == b"rotated-secret-1"


def test_a_secret_that_is_not_given_any_more_goes_away(installed: World) -> None:
    installed.run(secrets={})
    assert installed.kube.objects[f"{SECRETS}/hub-secrets"].get("data", {}) == {}


def test_what_somebody_else_put_into_the_secret_stays_and_is_no_difference(installed: World) -> None:
    secret = installed.kube.objects[f"{SECRETS}/hub-secrets"]
    secret["data"]["of-a-person"] = "eA=="
    assert told(installed.run(drift="check")) == []
    installed.run(secrets={})
    assert installed.kube.objects[f"{SECRETS}/hub-secrets"]["data"] == {"of-a-person": "eA=="}


def test_without_secrets_there_is_no_secret(world: World) -> None:
    done = world.run(secrets={})
    assert ("create", "Secret/hub-secrets") not in told(done)
    assert f"{SECRETS}/hub-secrets" not in world.kube.objects


def test_drift_is_put_right_by_one_upgrade(installed: World) -> None:
    installed.kube.objects[f"{DEPLOYMENTS}/proxy"]["spec"]["replicas"] = 5
    done = installed.run(drift="check")
    assert told(done) == [("update", "Deployment/proxy"), ("upgrade", "Release/hub")]
    assert installed.kube.objects[f"{DEPLOYMENTS}/proxy"]["spec"]["replicas"] == 1


def test_a_failed_release_is_upgraded_again(installed: World) -> None:
    installed.labels(1)["status"] = "failed"
    done = installed.run()
    assert told(done) == [("upgrade", "Release/hub")]
    assert installed.statuses() == {1: "failed", 2: "deployed"}


def test_an_upgrade_by_hand_does_not_pass_for_ours(installed: World) -> None:
    """Helm hands our labels on; the proof is for another revision."""
    installed.helm.upgrade(installed.place, {"memory": "9G"}, {}, 1.0)
    assert installed.labels(2)[DIGEST_LABEL] == f"{digest(installed)}.1"
    installed.forget()
    done = installed.run()
    assert done.changed and installed.helm.calls == ["render", "upgrade"]
    assert installed.labels(3)[DIGEST_LABEL] == f"{digest(installed)}.3"


# ---- refusals, before anything is written


def refused(world: World, error_id: str, **changed: Any) -> HubError:
    with pytest.raises(HubError, match=error_id) as caught:
        world.run(**changed)
    assert caught.value.changed is Changed.NOTHING
    assert world.kube.writes == []
    assert "upgrade" not in world.helm.calls
    return caught.value


def test_a_lost_layer(installed: World) -> None:
    error = refused(installed, "E-HELM-11", layers=["hub_https"])
    assert error.details == {"missing": ["hub_oauth"]}
    assert installed.helm.calls == []


def test_a_dropped_layer_goes_away(installed: World) -> None:
    installed.run(layers=["hub_https"], drop_layers=["hub_oauth"])
    assert LAYER_PREFIX + "hub_oauth" not in installed.labels(2)
    installed.run(layers=["hub_https"])


def test_values_below_a_key_that_the_chart_does_not_know(world: World) -> None:
    """The world's chart takes its values as they are, and knows no dependency."""
    values = {"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}}
    mine = {"hub": {"config": {"JupyterHub": {"authenticator_class": "generic-oauth"}}}}
    refused(world, "E-VALUES-13", values={**values, "jupyterhub": mine}, values_root="jupyterhub")


def test_a_renamed_claim(installed: World) -> None:
    installed.chart.claim = "other-db-dir"
    assert "hub-db-dir" in refused(installed, "E-STORE-02").what


def test_renamed_homes_where_people_have_some(installed: World) -> None:
    installed.kube.put(f"{CLAIMS}/claim-ada", {"metadata": {"labels": {"component": "singleuser-storage"}}})
    values = {"singleuser": {"storage": {"dynamic": {"pvcNameTemplate": "x-{username}"}}}}
    assert refused(installed, "E-STORE-03", values=values).details == {"claims": ["claim-ada"]}
    del installed.kube.objects[f"{CLAIMS}/claim-ada"]
    assert installed.run(values=values).changed


def public(kind: str) -> dict[str, Any]:
    labels = {"component": "proxy-public", "release": "hub"}
    return obj("v1", "Service", "proxy-public", metadata={"labels": labels}, spec={"type": kind})


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_address_of_a_running_hub_goes_only_where_there_is_a_front(world: World, check_mode: bool) -> None:
    services = "/api/v1/namespaces/hub/services"
    world.chart.extra = [public("LoadBalancer")]
    world.run()
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    world.kube.objects[f"{services}/proxy-public"]["status"] = status
    world.chart.extra = [public("ClusterIP")]
    world.forget()
    with pytest.raises(HubError, match="E-FRONT-11"):
        world.run(check_mode=check_mode)
    assert (world.kube.writes, "upgrade" in world.helm.calls) == ([], False)
    world.kube.put(f"{services}/hub-front", {"kind": "Service", "metadata": {}})
    assert ("update", "Service/proxy-public") in told(world.run(check_mode=check_mode))


def test_check_mode_takes_a_front_that_it_foretold_for_made(world: World) -> None:
    services = "/api/v1/namespaces/hub/services"
    world.chart.extra = [public("LoadBalancer")]
    world.run()
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    world.kube.objects[f"{services}/proxy-public"]["status"] = status
    world.chart.extra = [public("ClusterIP")]
    assert ("update", "Service/proxy-public") in told(world.run(check_mode=True, front_foretold=True))
    with pytest.raises(HubError, match="E-FRONT-11"):
        world.run(front_foretold=True)


def server(*secrets: str, **volume: Any) -> dict[str, Any]:
    """A Deployment that mounts these Secrets."""
    volumes = [{"name": name, "secret": {"secretName": name, **volume}} for name in secrets]
    selector = {"matchLabels": {"component": "server"}}
    return obj(
        "apps/v1", "Deployment", "server", spec={"selector": selector, "template": {"spec": {"volumes": volumes}}}
    )


def test_a_running_workload_gets_no_secret_that_nobody_made(world: World) -> None:
    """As with --tags z2jh after a change of the certificate: nothing would serve any more."""
    world.chart.extra = [server("old-tls")]
    world.run()
    world.chart.extra = [server("old-tls", "new-tls", "hub", "hub-secrets")]
    world.forget()
    problem = refused(world, "E-HELM-20")
    assert "Deployment/server mounts Secret new-tls" in problem.what
    assert (world.kube.writes, "upgrade" in world.helm.calls) == ([], False)
    [warning] = world.run(check_mode=True).warnings
    assert "unless it has made this Secret before" in warning
    world.kube.put(f"{SECRETS}/new-tls", {"kind": "Secret", "metadata": {}})
    assert ("update", "Deployment/server") in told(world.run())


@pytest.mark.parametrize("extra", [server("there-before"), server("new-tls", optional=True)])
def test_other_secrets_of_a_workload_cost_no_request(world: World, extra: dict[str, Any]) -> None:
    world.chart.extra = [server("there-before")]
    world.run()
    world.chart.extra = [{**extra, "metadata": {**extra["metadata"], "annotations": {"a": "b"}}}]
    world.forget()
    assert ("update", "Deployment/server") in told(world.run())
    assert not [path for _verb, path, _dry in world.kube.requests if path.endswith(("-tls", "there-before"))]


def test_a_service_that_stays_costs_no_request(world: World) -> None:
    world.chart.extra = [public("LoadBalancer")]
    world.run()
    world.forget()
    world.run(check_mode=True)
    assert not [request for request in world.kube.requests if "hub-front" in str(request)]


def test_no_storage_class(world: World) -> None:
    world.chart.storage_class = None
    refused(world, "E-STORE-01")


def test_a_class_that_only_volumes_have_is_static_storage(world: World) -> None:
    world.chart.storage_class = "static"
    refused(world, "E-STORE-01")
    volume = {"kind": "PersistentVolume", "spec": {"storageClassName": "static"}}
    world.kube.put("/api/v1/persistentvolumes/pv1", volume)
    assert world.run().changed


def test_classes_that_may_not_be_read_are_not_judged(world: World) -> None:
    world.chart.storage_class = None
    world.kube.on(lambda _m, path, _q, _b: Reply(403, {}) if path == CLASSES else None)
    assert world.run().changed


def test_an_object_the_server_refuses(installed: World) -> None:
    def immutable(method: str, path: str, _query: Any, _body: Any) -> Reply | None:
        if method == "PATCH" and path.startswith(CLAIMS):
            return Reply(422, {"message": "spec is immutable"})
        return None

    installed.kube.on(immutable)
    refused(installed, "E-HELM-12", values={"memory": "4G"})


def test_a_chart_with_another_digest(installed: World) -> None:
    refused(installed, "E-CHART-01", chart_sha256="0" * 64)


def test_a_missing_namespace(world: World) -> None:
    del world.kube.objects["/api/v1/namespaces/hub"]
    error = refused(world, "E-HELM-16")
    assert "hub_front" in error.do


def test_a_namespace_is_made_if_asked_and_foretold_offline(world: World) -> None:
    del world.kube.objects["/api/v1/namespaces/hub"]
    foretold = world.run(check_mode=True, create_namespace=True)
    assert told(foretold) == [("create", "Namespace/hub"), *INSTALL]
    assert foretold.unchecked == [target for verb, target in INSTALL[1:-1]]
    assert world.kube.writes == []
    done = world.run(create_namespace=True)
    assert done.plan == foretold.plan
    assert "/api/v1/namespaces/hub" in world.kube.objects


def test_in_check_mode_a_missing_namespace_is_planned_for_whoever_makes_it(world: World) -> None:
    del world.kube.objects["/api/v1/namespaces/hub"]
    assert told(world.run(check_mode=True)) == INSTALL


def test_a_namespace_that_may_not_be_looked_at_is_taken_for_granted(world: World) -> None:
    world.kube.on(lambda _m, path, _q, _b: Reply(403, {}) if path == "/api/v1/namespaces/hub" else None)
    assert world.run().changed


# ---- charts from elsewhere


REMOTE = {"chart_ref": "https://charts.example.org/jupyterhub", "chart_version": "4.4.0"}


@pytest.fixture
def remote(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same world with its chart in a repository."""
    import io
    import tarfile

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(world.place / "Chart.yaml", "jupyterhub/Chart.yaml")
    world.helm.archive = packed.getvalue()
    return world


def test_a_chart_nobody_pinned_is_said_recorded_and_then_insisted_on(remote: World) -> None:
    done = remote.run(**REMOTE)
    assert len(done.warnings) == 1 and "later runs refuse another one" in done.warnings[0]
    assert remote.run(**REMOTE, values={"memory": "4G"}).warnings == []
    assert remote.helm.calls.count("pull https://charts.example.org/jupyterhub 4.4.0") == 1
    remote.helm.archive += b"changed"
    for path in (Path(remote.place).parent / "cache").rglob("*.tgz"):
        path.unlink()
    remote.forget()
    error = refused(remote, "E-CHART-01", **REMOTE, values={"memory": "8G"})
    assert "recorded in the release" in error.what


def test_the_same_chart_by_another_road_is_recorded_for_that_road_too(remote: World) -> None:
    remote.run(**REMOTE)
    registry = {**REMOTE, "chart_ref": "oci://registry.example.org/jupyterhub"}
    done = remote.run(**registry)
    assert told(done) == [("record", "Release/hub")] and "later runs refuse another one" in done.warnings[0]
    remote.helm.archive += b"changed"
    shutil.rmtree(Path(remote.place).parent / "cache")
    remote.forget()
    assert "recorded in the release" in refused(remote, "E-CHART-01", **registry, values={"memory": "8G"}).what


# ---- releases left half done


def stick(world: World, status: str = "pending-upgrade") -> None:
    """Leave the release as a killed Helm does."""
    world.helm.record(2, status, {"memory": "9G"}, {})
    world.clock.passed += 60
    world.forget()


def test_a_stuck_release_is_told_and_left_alone(installed: World) -> None:
    stick(installed)
    error = refused(installed, "E-HELM-04")
    assert error.details == {"status": "pending-upgrade", "revision": 2, "age": 60, "writer": "holder unknown"}


def test_a_fast_clock_makes_no_upgrade_old(installed: World) -> None:
    installed.run_ahead(960.0)
    stick(installed)
    assert refused(installed, "E-HELM-04", pending_policy="rollback").details["age"] == 60


def test_an_unknown_writer_is_given_time(installed: World) -> None:
    stick(installed)
    refused(installed, "E-HELM-04", pending_policy="rollback")
    refused(installed, "E-HELM-04", pending_policy="mark_failed")


@pytest.mark.parametrize(
    ("policy", "calls", "statuses"),
    [
        (
            "rollback",
            ["template", "rollback 1", "upgrade"],
            {1: "superseded", 2: "failed", 3: "superseded", 4: "deployed"},
        ),
        ("mark_failed", ["template", "upgrade"], {1: "superseded", 2: "failed", 3: "deployed"}),
    ],
)
def test_recovery(installed: World, policy: str, calls: list[str], statuses: dict[int, str]) -> None:
    stick(installed)
    claim = installed.kube.objects[f"{CLAIMS}/hub-db-dir"]
    how = {"pending_policy": policy, "pending_max_age": 30}
    foretold = installed.run(check_mode=True, **how)
    assert installed.kube.writes == []
    installed.forget()
    done = installed.run(**how)
    assert done.plan == foretold.plan
    assert told(done)[0] == ("recover", "Release/hub")
    assert dict(done.plan.steps[-1].fields)["revision"] == (2, max(statuses))
    assert installed.helm.calls == calls
    assert installed.statuses() == statuses
    assert done.recovered.startswith("revision 2 was pending-upgrade: marked failed")
    assert "uninstall" not in installed.helm.calls
    assert installed.kube.objects[f"{CLAIMS}/hub-db-dir"] is not None and claim["metadata"]["name"] == "hub-db-dir"
    assert installed.run(drift="check").changed is False


def test_a_stuck_first_install_is_marked_failed_and_upgraded(world: World) -> None:
    world.helm.record(1, "pending-install", {"memory": "9G"}, {})
    world.clock.passed += 1000
    done = world.run(pending_policy="rollback")
    assert world.helm.calls == ["template", "upgrade"]
    assert world.statuses() == {1: "failed", 2: "deployed"}
    assert done.recovered == "revision 1 was pending-install: marked failed"


def test_waiting_for_a_colleague(installed: World) -> None:
    stick(installed)
    installed.clock.at(100, lambda: installed.labels(2).update(status="deployed"))
    done = installed.run(pending_policy="wait")
    assert done.revision == 3
    assert "release hub to leave pending-upgrade" in installed.reporter.transitions[-2]["text"]


def test_waiting_in_vain(installed: World) -> None:
    stick(installed)
    error = refused(installed, "E-HELM-04", pending_policy="wait", timeout=20)
    assert installed.clock.passed == 80
    assert error.details["age"] == 80


def test_our_own_dead_writer_is_known_at_once(installed: World) -> None:
    installed.helm.fails, installed.helm.leaves = refusal("E-HELM-03"), "pending-upgrade"
    with pytest.raises(HubError, match="E-HELM-03"):
        installed.run(values={"memory": "4G"})
    assert installed.statuses() == {1: "deployed", 2: "pending-upgrade"}
    assert " pid " in installed.kube.objects[LEASE]["spec"]["holderIdentity"]
    installed.forget()
    done = installed.run(values={"memory": "4G"}, pending_policy="rollback")
    assert installed.helm.calls == ["template", "rollback 1", "upgrade"]
    assert (done.status, done.revision) == ("deployed", 4)


def test_a_living_writer_is_not_disturbed(installed: World) -> None:
    stick(installed)
    spec = {"holderIdentity": "ada@laptop pid 7", "renewTime": "a"}
    installed.kube.put(LEASE, {"kind": "Lease", "spec": spec})
    installed.clock.at(65, lambda: installed.kube.objects[LEASE]["spec"].update(renewTime="b"))
    error = refused(installed, "E-HELM-05", pending_policy="rollback", pending_max_age=0)
    assert "ada@laptop pid 7" in error.what


# ---- things that go wrong on the way


@pytest.mark.parametrize(
    ("error_id", "left"),
    [("E-HELM-03", True), ("E-HELM-10", True), ("E-HELM-15", True), ("E-HELM-07", False)],
)
def test_the_lease_stays_only_where_nobody_knows_what_helm_did(installed: World, error_id: str, left: bool) -> None:
    installed.helm.fails, installed.helm.leaves = refusal(error_id), "failed"
    with pytest.raises(HubError, match=error_id):
        installed.run(values={"memory": "4G"})
    assert ("holderIdentity" in installed.kube.objects[LEASE]["spec"]) is left
    assert DIGEST_LABEL in installed.labels(1)


def test_a_failed_upgrade_is_repeated_by_the_next_run(installed: World) -> None:
    installed.helm.fails, installed.helm.leaves = refusal("E-HELM-07"), "failed"
    with pytest.raises(HubError):
        installed.run(values={"memory": "4G"})
    done = installed.run(values={"memory": "4G"})
    assert (done.revision, installed.statuses()) == (3, {1: "superseded", 2: "failed", 3: "deployed"})


def test_somebody_who_writes_while_we_plan_wins(installed: World) -> None:
    def meanwhile(method: str, path: str, _query: Any, _body: Any) -> None:
        if method in ("POST", "PATCH") and "leases" in path and f"{RECORDS}2" not in installed.kube.objects:
            installed.helm.record(2, "deployed", {"memory": "9G"}, {})

    installed.kube.on(meanwhile)
    with pytest.raises(HubError, match="E-HELM-05") as caught:
        installed.run(values={"memory": "4G"})
    assert "while this run planned (now revision 2)" in caught.value.what
    assert installed.helm.calls == ["render"]


def test_somebody_who_writes_after_our_upgrade_gets_no_proof_of_ours(installed: World) -> None:
    upgrade = installed.helm.upgrade

    def followed(*how: Any) -> Any:
        upgrade(*how)
        return installed.helm.record(3, "pending-upgrade", {}, {})

    installed.helm.upgrade = followed  # type: ignore[method-assign]
    with pytest.raises(HubError, match="E-HELM-05") as caught:
        installed.run(values={"memory": "4G"})
    assert caught.value.changed is Changed.SOME
    assert installed.labels(3).get(DIGEST_LABEL, "").endswith(".1")


def test_an_upgrade_by_somebody_else_that_is_already_done_gets_no_proof_either(installed: World) -> None:
    upgrade = installed.helm.upgrade

    def followed(*how: Any) -> Any:
        made = upgrade(*how)
        upgrade(how[0], {"memory": "9G"}, {}, 1.0)
        return made

    installed.helm.upgrade = followed  # type: ignore[method-assign]
    with pytest.raises(HubError, match="E-HELM-05"):
        installed.run(values={"memory": "4G"})


def test_a_lease_lost_on_the_way_is_a_warning(installed: World) -> None:
    upgrade = installed.helm.upgrade
    spec = {"holderIdentity": "bob", "renewTime": "x"}

    def overtaken(*how: Any) -> Any:
        installed.kube.put(LEASE, {"kind": "Lease", "spec": spec})
        return upgrade(*how)

    installed.helm.upgrade = overtaken  # type: ignore[method-assign]
    done = installed.run(values={"memory": "4G"})
    assert done.warnings == ["This run lost its claim on the release on the way; now bob holds it"]
    assert installed.kube.objects[LEASE]["spec"] == spec


@pytest.mark.parametrize(
    ("method", "part", "changed"),
    [
        ("POST", "/leases", Changed.NOTHING),
        ("PATCH", "/secrets/hub-secrets", Changed.NOTHING),
        ("POST", "/namespaces/hub/secrets", Changed.SOME),
        ("GET", "/deployments/hub", Changed.SOME),
        ("PATCH", "/secrets/sh.helm.release.v1.hub.v1", Changed.SOME),
    ],
)
def test_an_error_on_the_way_tells_whether_anything_was_changed(
    world: World, method: str, part: str, changed: Changed
) -> None:
    def forbidden(asked: str, path: str, query: Any, _body: Any) -> Reply | None:
        hit = asked == method and path.endswith(part) and "dryRun" not in query
        return Reply(403, {"message": "no"}) if hit else None

    world.kube.on(forbidden)
    with pytest.raises(HubError, match="E-K8S-04") as caught:
        world.run()
    assert caught.value.changed is changed


def test_an_error_after_making_the_namespace_says_so(world: World) -> None:
    del world.kube.objects["/api/v1/namespaces/hub"]
    world.kube.on(lambda _m, path, _q, _b: Reply(403, {}) if path.endswith("/leases") else None)
    with pytest.raises(HubError) as caught:
        world.run(create_namespace=True)
    assert caught.value.changed is Changed.SOME


def test_sigterm_ends_in_order(installed: World) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def terminated(*_how: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    installed.helm.upgrade = terminated  # type: ignore[assignment]
    with pytest.raises(HubError, match="E-HELM-15") as caught:
        installed.run(values={"memory": "4G"})
    assert caught.value.changed is Changed.UNKNOWN
    assert "holderIdentity" in installed.kube.objects[LEASE]["spec"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_wait_gets_what_helm_left_of_the_time(installed: World) -> None:
    upgrade = installed.helm.upgrade

    def slow(*how: Any) -> Any:
        upgrade(*how)
        installed.clock.passed += 590
        installed.kube.objects[f"{DEPLOYMENTS}/hub"]["status"]["availableReplicas"] = 0
        return {"version": 2}

    installed.helm.upgrade = slow  # type: ignore[method-assign]
    with pytest.raises(HubError, match="does not serve after 10 s"):
        installed.run(values={"memory": "4G"})


def test_hooks_and_kept_objects_are_told(installed: World) -> None:
    installed.helm.hooks = [{"kind": "Job", "name": "awaiter", "events": ["pre-upgrade"]}]
    done = installed.run(drift="check")
    assert done.hooks == [{"target": "Job/awaiter", "events": ["pre-upgrade"]}]
