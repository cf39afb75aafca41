# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of managed_certificate_info to its answer; looks and judgements are tested in _gcp/."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import ServerTime
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.modules import managed_certificate_info as subject
from ansible_collections.researchops.jupyterhub.tests.unit.fake_gke import (
    ADDRESS,
    NS,
    FakeGke,
    FakeNames,
    stuck_cluster,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import WrongClock
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

TOKEN = {"auth_kind": "accesstoken", "access_token": "ya29.canary-canary"}


class World:
    """What the module meets."""

    def __init__(self) -> None:
        self.gke = stuck_cluster()
        self.names = FakeNames(hub_example_org=ADDRESS)
        self.resolvers: list[Any] = []
        self.projects: list[str] = []


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()

    real = subject.GcpApi.from_options

    def api(options: Any, *, project: str, **words: Any) -> FakeGke:
        real(options, project=project, **words)  # refuses credentials that cannot work
        found.projects.append(project)
        return found.gke

    def authorities(resolver: Any, clock: Any) -> SimpleNamespace:
        found.resolvers.append(resolver)
        return SimpleNamespace(look=found.names)

    monkeypatch.setattr(subject.PatientClient, "from_kubeconfig", lambda kubeconfig, context: found.gke)
    monkeypatch.setattr(subject.GcpApi, "from_options", api)
    monkeypatch.setattr(subject, "recursive", lambda nameservers, port: (nameservers, port))
    monkeypatch.setattr(subject, "Authorities", authorities)
    monkeypatch.setattr(subject, "SystemClock", lambda: found.gke.clock)
    return found


def run(**options: Any) -> Any:
    return subject.body(request(subject, **{"namespace": NS, **options}))


def test_all_certificates_of_a_namespace(world: World) -> None:
    outcome = run(project="research", **TOKEN)
    assert outcome.changed is False
    assert outcome.result["healthy"] is False
    assert [(one["name"], one["action"]) for one in outcome.result["certificates"]] == [
        ("hub-tls", "reprovision"),
        ("other-tls", "none"),
    ]
    assert world.projects == ["research"]
    assert world.gke.writes == []


def test_one_certificate_that_is_well(world: World) -> None:
    outcome = run(name="other-tls")
    assert (outcome.result["healthy"], len(outcome.result["certificates"])) == (True, 1)


def test_causes_are_told_with_their_cure(world: World) -> None:
    world.names.records.clear()
    (found,) = run(name="hub-tls", nameservers=["192.0.2.53"]).result["certificates"]
    assert [(cause["error_id"], cause["cure"]) for cause in found["causes"]] == [
        ("E-CERT-03", "correct the record, run again")
    ]
    assert world.resolvers == [(["192.0.2.53"], 53)]


def test_a_namespace_without_certificates_is_not_called_healthy(world: World) -> None:
    """A wrong namespace would look well."""
    world.gke = FakeGke()
    assert run().result == {"certificates": [], "healthy": False, "waited": 0.0, "transitions": []}


def test_without_a_project_compute_is_not_asked(world: World) -> None:
    (found,) = run(name="hub-tls").result["certificates"]
    assert (found["compute_status"], world.projects) == ("", [])


def test_dns_may_be_left_out(world: World) -> None:
    run(check_dns=False)
    assert (world.names.asked, world.resolvers) == ([], [])


def test_settings_reach_the_judgement(world: World) -> None:
    assert run(name="hub-tls", stuck_after=10**9).result["certificates"][0]["action"] == "wait"
    assert run(name="hub-tls", addresses=["198.51.100.4"]).result["certificates"][0]["action"] == "fix-DNS"


@pytest.mark.parametrize("text", ["lb.example.org", "2001:db8::g"])
def test_an_address_that_is_none_stops_before_anything_is_asked(world: World, text: str) -> None:
    with pytest.raises(HubError, match=f"E-DNS-05 '{text}' cannot be the value"):
        run(name="hub-tls", addresses=[text])
    assert world.gke.requests == []


def test_credentials_that_cannot_work_stop_before_anything_is_asked(world: World) -> None:
    with pytest.raises(HubError, match="E-GCP-01"):
        run(project="research", auth_kind="accesstoken")
    assert world.gke.requests == []


def test_a_namespace_is_needed() -> None:
    with pytest.raises(Refused, match="namespace"):
        request(subject)


@pytest.mark.parametrize("ahead", [600.0, -600.0, 90 * 86400.0, -90 * 86400.0])
def test_age_is_counted_by_the_servers_clock_and_a_wrong_one_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    wrong = WrongClock(world.gke.clock, ahead)
    monkeypatch.setattr(subject, "SystemClock", lambda: wrong)
    world.gke.server_time = ServerTime(wrong)
    outcome = run(name="hub-tls")
    assert 0 <= outcome.result["certificates"][0]["age"] - 10 * 86400 < 60
    (warning,) = outcome.warnings
    assert f"{abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}" in warning


def test_a_right_clock_is_not_mentioned(world: World) -> None:
    assert run(name="hub-tls").warnings == []
