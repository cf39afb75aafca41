# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of iap_member to requests; decisions are tested in _gcp/."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp import iap_members
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import Backend, Resolved
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_policy import WEB_ROLE
from ansible_collections.researchops.jupyterhub.plugins.modules import iap_member
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import api
from ansible_collections.researchops.jupyterhub.tests.unit.fake_iap import PolicyServer, granted
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

WEB = "projects/p/iap_web"
GROUP = "group:g@example.org"
OBJECT = {"kubernetes": {"namespace": "n", "name": "i"}}
BACKEND = f"{WEB}/compute/services/a"


class Google:
    """Policies in memory behind the module, and the words it was opened with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = PolicyServer()
        self.opened: dict[str, Any] = {}
        self.found: list[Any] = [Resolved((Backend("a", "1", iap=True),))]
        self.timeouts: list[Any] = []

        def open_api(options: Any, **words: Any) -> Any:
            self.opened = words | {"auth_kind": options["auth_kind"]}
            return api(self.server.answering)[0]

        monkeypatch.setattr(iap_member.GcpApi, "from_options", open_api)
        monkeypatch.setattr(iap_member.KubeClient, "from_kubeconfig", lambda kubeconfig, context: (kubeconfig, context))
        monkeypatch.setattr(iap_members, "Finder", self.finder)

    def finder(self, cluster: Any, _google: Any, project: str, target: Any) -> Any:
        self.opened |= {"cluster": cluster, "project": project, "target": str(target)}
        return self

    def look(self) -> Any:
        self.timeouts.append(None)
        return self.found[0]

    def find(self, *, timeout: float, **_words: Any) -> Any:
        self.timeouts.append(timeout)
        return self.found[0]

    @property
    def verbs(self) -> list[str]:
        return [verb[:3] for verb, _resource in self.server.requests]


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    return Google(monkeypatch)


def run(check_mode: bool = False, **options: Any) -> Any:
    base = {"project": "p", "resource": {"all_web": True}, "members": [GROUP]}
    return iap_member.body(request(iap_member, check_mode=check_mode, **{**base, **options}))


def test_a_member_comes_in_and_the_second_run_finds_nothing_to_do(google: Google) -> None:
    outcome = run()
    assert (outcome.changed, google.verbs) == (True, ["get", "set", "get"])
    assert outcome.result["resources"][0]["added"] == [GROUP]
    assert outcome.diff["after"][0]["members"] == [GROUP]
    assert (outcome.result["pending"], outcome.result["transitions"], outcome.warnings) == (False, [], [])
    assert (google.opened["project"], google.opened["auth_kind"]) == ("p", "application")
    again = run(members=["group:G@Example.org", GROUP])
    assert (again.changed, again.result["requests"]) == (
        False,
        {"reads": 1, "writes": 0, "confirmations": 0, "conflicts": 0},
    )


def test_members_may_be_one_text_with_blanks_after_its_commas(google: Google) -> None:
    assert run(members="group:g@example.org, user:bob@example.org\n").result["resources"][0]["added"] == [
        GROUP,
        "user:bob@example.org",
    ]


def test_check_mode_foretells_the_run_and_writes_nothing(google: Google) -> None:
    foretold = run(check_mode=True, confirm="none")
    assert google.verbs == ["get"]
    real = run(confirm="none")
    assert google.verbs == ["get", "get", "set"]
    assert (foretold.changed, foretold.diff, foretold.result) == (
        True,
        real.diff,
        real.result | {"requests": foretold.result["requests"]},
    )


def test_an_object_is_awaited_and_its_backends_get_the_members(google: Google) -> None:
    outcome = run(resource=OBJECT, wait_timeout=7, kubeconfig="/k", context="c")
    assert granted(google.server.now(BACKEND), WEB_ROLE) == [GROUP]
    assert google.timeouts == [7]
    assert (google.opened["cluster"], google.opened["target"]) == (("/k", "c"), "Ingress n/i")
    assert outcome.result["backends"][0]["id"] == "1"


@pytest.mark.parametrize(
    ("state", "check_mode", "changed"),
    [("present", True, True), ("exact", True, True), ("absent", True, False), ("absent", False, False)],
)
def test_backends_that_do_not_exist_yet(google: Google, state: str, check_mode: bool, changed: bool) -> None:
    google.found = [None]
    outcome = run(check_mode, resource=OBJECT, state=state)
    assert (outcome.changed, outcome.result["pending"], google.timeouts) == (changed, changed, [None])
    assert outcome.warnings == [
        "Ingress n/i does not exist in this cluster, so no policy was looked at; check kind and name"
    ]


@pytest.mark.parametrize(
    ("options", "error_id"),
    [
        ({"members": ["ada@example.org"]}, "E-IAP-02"),
        ({"resource": {"all_web": True, "tunnel": True}}, "E-IAP-12"),
        ({"role": "roles/iap.tunnelResourceAccessor"}, "E-IAP-03"),
        ({"role": "roles/iap.tunnelResourceAccessor", "resource": OBJECT}, "E-IAP-03"),
        ({"resource": {"tunnel": True}}, "E-IAP-03"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_asked(
    google: Google, options: dict[str, Any], error_id: str
) -> None:
    fails(error_id, lambda: run(**options))
    assert (google.opened, google.server.requests) == ({}, [])


def test_a_condition_is_passed_on(google: Google) -> None:
    run(condition={"title": "t", "expression": "true"})
    binding = google.server.now(WEB)["bindings"][0]
    assert binding == {"role": WEB_ROLE, "members": [GROUP], "condition": {"title": "t", "expression": "true"}}


@pytest.mark.parametrize(
    "options",
    [
        {"members": None},
        {"condition": {"title": "t"}},
        {"state": "there"},
        {"confirm": "twice"},
        {"resource": {"kubernetes": {"kind": "Pod", "namespace": "n", "name": "i"}}},
        {"resource": {"bucket": "b"}},
        {"auth_kind": "password"},
    ],
)
def test_the_specification_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        run(**options)


def test_googles_variables_are_the_fall_back(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCP_PROJECT", "p")
    monkeypatch.setenv("GCP_AUTH_KIND", "machineaccount")
    iap_member.body(request(iap_member, resource={"all_web": True}, members=[GROUP]))
    assert (google.opened["project"], google.opened["auth_kind"]) == ("p", "machineaccount")
