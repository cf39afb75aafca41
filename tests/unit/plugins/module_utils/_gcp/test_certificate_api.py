# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of cluster, compute and name servers about a certificate, and the wait until it is Active."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Code, Look, Wanted, proved
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import COMPUTE, Call
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_api import (
    ClusterSide,
    Compute,
    Examiner,
    ask_names,
    ask_public,
    describe_judged,
    judge_active,
    wait_active,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificate_causes import Quota
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.certificates import Action, Proxy, Twin
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.reprovision import take, to_config_map
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import Reply
from ansible_collections.researchops.jupyterhub.tests.unit.fake_gke import (
    ADDRESS,
    CERTIFICATES,
    CONFIG_MAPS,
    INGRESSES,
    NS,
    FakeGke,
    FakeNames,
    certificate_object,
    failed_status,
    stuck_cluster,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeKube

CERTIFICATE = f"{CERTIFICATES}/hub-tls"


class Answers:
    """Compute with canned answers, by address."""

    def __init__(self, **found: Any) -> None:
        self.found = found
        self.calls: list[Call] = []

    def find(self, call: Call) -> Any:
        self.calls.append(call)
        return self.found.get(call.url.rpartition("/")[2])


def test_what_compute_is_asked() -> None:
    answers = Answers(
        **{
            "mcrt-1": {"name": "mcrt-1", "managed": {"status": "ACTIVE"}},
            "proxy": {"name": "proxy", "sslCertificates": ["x/mcrt-1"]},
            "research": {"quotas": [{"metric": "OTHER"}, {"metric": "SSL_CERTIFICATES", "limit": 10, "usage": 3}]},
        }
    )
    compute = Compute(answers, "research")
    assert compute.twin("mcrt-1") == Twin("mcrt-1", "ACTIVE")
    assert compute.proxy("proxy") == Proxy("proxy", ("mcrt-1",))
    assert compute.quota() == Quota(3, 10)
    assert (compute.twin("gone"), compute.proxy("gone")) == (None, None)
    base = f"{COMPUTE}projects/research"
    assert [(call.method, call.url) for call in answers.calls[:3]] == [
        ("GET", f"{base}/global/sslCertificates/mcrt-1"),
        ("GET", f"{base}/global/targetHttpsProxies/proxy"),
        ("GET", base),
    ]
    assert answers.calls[0].doing == "the certificate mcrt-1 of project research"
    assert Compute(Answers(), "research").quota() is None


def test_all_certificates_or_one() -> None:
    side = ClusterSide(stuck_cluster(), NS)
    assert [one["metadata"]["name"] for one in side.certificates()] == ["hub-tls", "other-tls"]
    assert [one["metadata"]["name"] for one in side.certificates("hub-tls")] == ["hub-tls"]
    assert ClusterSide(FakeGke(), NS).certificates() == []


def test_a_certificate_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(HubError, match="E-CERT-01 There is no ManagedCertificate hub in namespace climate") as caught:
        ClusterSide(stuck_cluster(), NS).certificates("hub")
    assert caught.value.seen == "hub-tls, other-tls"


@pytest.mark.parametrize("name", ["", "hub"])
def test_a_cluster_that_is_not_gke_is_told(name: str) -> None:
    with pytest.raises(HubError, match=r"E-CERT-01 The cluster at .* knows no ManagedCertificates"):
        ClusterSide(FakeKube(NS), NS).certificates(name)


def test_the_last_warning_is_a_courtesy() -> None:
    gke = FakeGke()
    event = {"type": "Warning", "reason": "TooManyCertificates", "message": "no", "involvedObject": {"name": "hub"}}
    gke.put(f"/api/v1/namespaces/{NS}/events/e", event)
    assert ClusterSide(gke, NS).event("hub") == "TooManyCertificates: no"
    gke.on(lambda *request: Reply(403, {}))
    assert ClusterSide(gke, NS).event("hub") == ""


def test_names_are_asked_for_addresses_and_upward_for_caa() -> None:
    names = FakeNames(hub_example_org=ADDRESS)
    found = ask_names(names, ["hub.example.org", "*.example.org"], [ADDRESS])
    assert list(found) == ["hub.example.org"]
    assert names.asked == [
        ("hub.example.org", "A"),
        ("hub.example.org", "AAAA"),
        ("hub.example.org", "CAA"),
        ("example.org", "CAA"),
    ]
    names.asked.clear()
    names.records["hub.example.org", "CAA"] = ('0 issue "pki.goog"',)
    ask_names(names, ["hub.example.org"], [ADDRESS])
    assert names.asked[-1] == ("hub.example.org", "CAA")


def examine(gke: FakeGke, name: str = "hub-tls", **how: Any) -> Any:
    side = ClusterSide(gke, NS)
    given = {"compute": Compute(gke, "research"), "look": FakeNames(hub_example_org=ADDRESS), **how}
    (obj,) = side.certificates(name)
    return Examiner(side, **given).examine(obj, side.ingresses(), gke.clock.utcnow())


def test_a_stuck_certificate_is_judged_from_all_sides() -> None:
    judged = examine(stuck_cluster())
    assert judged.decision.action is Action.REPROVISION
    assert describe_judged(judged) == {
        "name": "hub-tls",
        "namespace": NS,
        "status": "Provisioning",
        "domains": [{"domain": "hub.example.org", "status": "FailedNotVisible"}],
        "compute_name": "mcrt-hub",
        "expires": "",
        "compute_status": "PROVISIONING",
        "age": 864000,
        "ingresses": ["hub"],
        "addresses": [ADDRESS],
        "action": "reprovision",
        "reason": judged.decision.reason,
        "causes": [],
    }


def test_a_wrong_project_is_told_in_place_of_a_recreation() -> None:
    judged = examine(stuck_cluster(), compute=Compute(Answers(), "another"))
    assert judged.decision.action is Action.STOP
    cause = judged.decision.cause
    assert "in project another does not know its certificate mcrt-hub" in cause.what
    assert cause.do.startswith("check project (gke_iap_project), it must be the cluster's; if it is, somebody has")


def test_a_public_resolver_that_is_closed_off_has_no_say_beside_one_that_answers() -> None:
    def half(wanted: Sequence[Wanted]) -> list[Look]:
        looks = FakeNames(hub_example_org=ADDRESS)(wanted)
        return [replace(one, answers=(replace(one.answers[0], code=Code.TIMEOUT), one.answers[1])) for one in looks]

    found = ask_public(half, ["hub.example.org"], [ADDRESS])["hub.example.org"]
    assert [len(look.answers) for look in (*found.addresses, *found.caa)] == [1, 1, 1, 1]
    assert all(map(proved, found.addresses))


def test_an_active_certificate_asks_no_name_server() -> None:
    names = FakeNames()
    assert examine(stuck_cluster(), "other-tls", look=names).decision.action is Action.NONE
    assert names.asked == []


@pytest.mark.parametrize("asked", [True, False], ids=["with compute", "without compute"])
def test_nothing_keeps_an_active_certificate_from_becoming_active(asked: bool) -> None:
    gke = stuck_cluster()
    # Beside it, as GKE shows both kinds.
    gke.objects[f"{INGRESSES}/hub"]["spec"]["tls"] = [{"secretName": "another"}]
    gke.proxies.clear()
    judged = examine(gke, "other-tls", compute=Compute(gke, "research") if asked else None)
    assert (judged.decision.action, judged.causes) == (Action.NONE, ())


def test_addresses_may_be_given() -> None:
    judged = examine(stuck_cluster(), addresses=("198.51.100.4",))
    assert [cause.kind for cause in judged.causes] == ["address"]
    assert judged.causes[0].wanted == "A 198.51.100.4, no AAAA"


def test_without_compute_and_dns_the_cluster_alone_speaks() -> None:
    gke = stuck_cluster()
    judged = examine(gke, compute=None, look=None)
    assert (judged.evidence.twin, dict(judged.evidence.proxies), dict(judged.evidence.names)) == (None, {}, {})


def test_the_quota_is_read_only_where_there_is_no_twin() -> None:
    gke = stuck_cluster()
    gke.quotas = [{"metric": "SSL_CERTIFICATES", "limit": 1, "usage": 1}]
    assert examine(gke).evidence.quota is None
    gke.put(CERTIFICATE, certificate_object("hub-tls", "hub.example.org", {}, uid="uid-hub"))
    assert [cause.kind for cause in examine(gke).causes] == ["quota"]


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        pytest.param(None, State.PENDING, "there is no such certificate at the moment", id="gone"),
        pytest.param("Active", State.DONE, "Active", id="active"),
        pytest.param("", State.PENDING, "without any status; nothing for you to do", id="silent"),
        pytest.param("Provisioning", State.PENDING, "Provisioning; nothing for you to do", id="provisioning"),
        pytest.param("ProvisioningFailed", State.PENDING, "ProvisioningFailed; nothing for you to do", id="failed"),
        pytest.param("ProvisioningFailedPermanently", State.FATAL, "ProvisioningFailedPermanently", id="permanent"),
        pytest.param("Paused", State.FATAL, "Paused", id="unknown"),
    ],
)
def test_what_one_look_means(status: str | None, state: State, reason: str) -> None:
    verdict = judge_active(None if status is None else {"status": {"certificateStatus": status}})
    assert (verdict.state, verdict.reason) == (state, reason)


def waiting(gke: FakeGke, timeout: float = 3600, **how: Any) -> Any:
    reporter = Reporter("climate", "front door", gke.clock)
    ended = wait_active(ClusterSide(gke, NS), "hub-tls", timeout=timeout, reporter=reporter, **how)
    return ended, [line["text"] for line in reporter.transitions]


def provisioning(seed: int = 0) -> FakeGke:
    gke = stuck_cluster(seed)
    gke.stuck.clear()
    status = failed_status("mcrt-hub", "hub.example.org", "Provisioning")
    gke.put(CERTIFICATE, certificate_object("hub-tls", "hub.example.org", status, uid="uid-hub"))
    return gke


@pytest.mark.parametrize("seed", range(5))
def test_the_watch_tells_at_once(seed: int) -> None:
    gke = provisioning(seed)
    ended, _said = waiting(gke)
    assert ended.done
    assert gke.clock.monotonic() - gke.activated["hub-tls"] <= 0.5
    assert {method for method, _path, _dry in gke.requests} == {"GET"}


def test_a_line_comes_at_least_every_half_minute_or_so() -> None:
    gke = provisioning()
    gke.stuck.add("uid-hub")
    ended, said = waiting(gke, 600)
    assert not ended.done
    assert 600 <= ended.seconds < 603
    assert 10 <= len(said) <= 25
    assert said[0] == "waiting: certificate hub-tls: Provisioning; nothing for you to do; 0 s of at most 600 s"


def test_a_certificate_that_vanishes_and_comes_back_is_awaited() -> None:
    gke = provisioning()
    gke.stuck.add("uid-hub")
    gke.clock.at(30, lambda: gke.objects.__delitem__(CERTIFICATE))
    active = certificate_object("hub-tls", "hub.example.org", {"certificateStatus": "Active"}, uid="uid-2")
    gke.clock.at(60, lambda: bool(gke.put(CERTIFICATE, active)))
    ended, said = waiting(gke)
    assert ended.done
    assert any("there is no such certificate at the moment" in text for text in said)


def test_a_certificate_that_never_comes_ends_the_wait() -> None:
    ended, _said = waiting(FakeGke(), 20)
    assert (ended.done, ended.observation, 20 <= ended.seconds < 23) == (False, None, True)


def test_a_name_that_nobody_makes_anything_of_ends_the_wait_soon() -> None:
    gke = provisioning()
    gke.put(f"{CERTIFICATES}/hub", certificate_object("hub", "hub.example.org", {}, uid="uid-hub"))
    del gke.objects[CERTIFICATE]
    with pytest.raises(HubError, match="E-CERT-01 There is no ManagedCertificate hub-tls in namespace climate") as told:
        waiting(gke, grace=60.0)
    assert told.value.seen == "hub, other-tls"
    assert re.search(r", and nobody has made one within 6\d s$", told.value.what)
    assert 60 <= gke.clock.monotonic() - 1000 < 66


@pytest.mark.parametrize("moment", [10, 55])
def test_a_certificate_that_is_made_within_the_grace_is_awaited(moment: float) -> None:
    gke = provisioning()
    made = gke.objects.pop(CERTIFICATE)
    clock: Any = gke.clock
    clock.at(moment, lambda: gke.put(CERTIFICATE, made))
    assert waiting(gke, grace=60.0)[0].done


def test_the_grace_is_not_for_a_certificate_that_was_there_or_is_being_recreated() -> None:
    gke = provisioning()
    gke.stuck.add("uid-hub")
    clock: Any = gke.clock
    clock.at(30, lambda: gke.objects.__delitem__(CERTIFICATE))
    ended, _said = waiting(gke, 600, grace=60.0)
    assert (ended.done, ended.seconds >= 600) == (False, True)
    gke = provisioning()
    snapshot = take(gke.objects.pop(CERTIFICATE), [], gke.clock.utcnow())
    record = gke.put(f"{CONFIG_MAPS}/researchops-certificate-hub-tls", to_config_map(snapshot))
    assert not waiting(gke, 600, grace=60.0)[0].done
    record["data"]["state"] = "recreated"
    with pytest.raises(HubError, match="E-CERT-01"):
        waiting(gke, 600, grace=60.0)
    gke.on(lambda method, path, *_rest: Reply(403, {}) if path.startswith(CONFIG_MAPS) else None)
    with pytest.raises(HubError, match="E-CERT-01"):
        waiting(gke, 600, grace=60.0)


def test_a_broken_watch_and_a_version_too_old_are_looked_at_anew() -> None:
    gke = provisioning()
    stream, broken = gke._stream, iter([HubError("E-K8S-02", "lost", "x"), HubError("E-K8S-08", "gone", "x")] * 3)

    def breaking(path: str, query: Any) -> Iterator[bytes]:
        problem = next(broken, None)
        if problem is not None:
            raise problem
        yield from stream(path, query)

    gke._stream = breaking  # type: ignore[method-assign]
    assert waiting(gke)[0].done


def test_a_server_that_ends_every_watch_at_once_is_not_stormed() -> None:
    gke = provisioning()
    gke.stuck.add("uid-hub")
    gke._stream = lambda path, query: iter(())  # type: ignore[method-assign,assignment]
    assert waiting(gke, 60)[0].looks <= 160


def test_a_cluster_that_is_away_for_minutes_does_not_end_the_wait() -> None:
    gke = provisioning()
    ended_at = gke.clock.monotonic() + 500

    def away(*_request: Any) -> Reply | None:
        if gke.count > 5 and gke.clock.monotonic() < ended_at:
            raise HubError("E-K8S-02", "lost", "x")
        return None

    gke.on(away)
    gke._stream = lambda path, query: iter(_raise(HubError("E-K8S-02", "lost", "x")))  # type: ignore[method-assign]
    assert waiting(gke)[0].done


def _raise(problem: HubError) -> Iterator[bytes]:
    yield from ()
    raise problem


def test_what_will_not_pass_ends_the_wait() -> None:
    gke = provisioning()
    gke.on(lambda *request: Reply(403, {"message": "no"}))
    with pytest.raises(HubError, match="E-K8S-04"):
        waiting(gke)


def test_ingresses_of_the_namespace_are_listed() -> None:
    gke = stuck_cluster()
    assert [one["metadata"]["name"] for one in ClusterSide(gke, NS).ingresses()] == ["hub"]
    assert gke.requests == [("GET", INGRESSES, False)]
