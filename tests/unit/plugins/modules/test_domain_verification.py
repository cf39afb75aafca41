# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of domain_verification to its answer; decisions and calls are tested in _gcp/."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.site_verification import Site, Wish
from ansible_collections.researchops.jupyterhub.plugins.modules import domain_verification
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

ROBOT, ADA = "robot@p.iam.gserviceaccount.com", "ada@example.org"


class FakeSites:
    """Google in memory; ``calls`` is what was asked of it that changes something."""

    def __init__(self, *owners: str, fails: str = "") -> None:
        self.owners, self.fails = list(owners), fails
        self.calls: list[str] = []
        self.times: dict[str, Any] = {}

    def account(self) -> str:
        return ROBOT

    def find(self, _wish: Wish) -> Site | None:
        return Site(tuple(self.owners)) if self.owners else None

    def _do(self, name: str, words: dict[str, Any]) -> None:
        self.calls.append(name)
        self.times |= words
        if self.fails == name:
            raise HubError("E-GCP-04", "refused", "do")

    def verify(self, _wish: Wish, **words: Any) -> None:
        self._do("verify", words)
        self.owners = [ROBOT]

    def remove(self, _wish: Wish, **words: Any) -> None:
        self._do("remove", words)
        self.owners = []

    def add_owners(self, wish: Wish) -> list[str]:
        self._do("owners", {})
        self.owners += wish.owners
        return self.owners


def run(monkeypatch: pytest.MonkeyPatch, sites: FakeSites, check_mode: bool = False, **options: Any) -> Any:
    monkeypatch.setattr(domain_verification.Sites, "from_options", lambda _options, learn: sites)
    return domain_verification.body(
        request(domain_verification, check_mode=check_mode, domain="example.org", **options)
    )


@pytest.mark.parametrize(
    ("there", "options", "calls", "result"),
    [
        pytest.param([], {"state": "absent"}, [], (False, False, []), id="00-absent-already"),
        pytest.param([ROBOT, ADA], {"owners": [ADA]}, [], (False, True, [ROBOT, ADA]), id="01-all-as-wanted"),
        pytest.param([ROBOT], {"owners": [ADA]}, ["owners"], (True, True, [ROBOT, ADA]), id="02-an-owner-added"),
        pytest.param([], {}, ["verify"], (True, True, [ROBOT]), id="03-verified"),
        pytest.param([], {"owners": [ADA]}, ["verify", "owners"], (True, True, [ROBOT, ADA]), id="04-both"),
        pytest.param([ROBOT], {"state": "absent"}, ["remove"], (True, False, []), id="05-given-up"),
    ],
)
def test_what_is_done_and_told(
    monkeypatch: pytest.MonkeyPatch,
    there: list[str],
    options: dict[str, Any],
    calls: list[str],
    result: tuple[bool, bool, list[str]],
) -> None:
    real, foretold = FakeSites(*there), FakeSites(*there)
    outcome = run(monkeypatch, real, **options)
    checked = run(monkeypatch, foretold, check_mode=True, **options)
    assert real.calls == calls
    assert foretold.calls == []
    assert (outcome.changed, outcome.result["verified"], outcome.result["owners"]) == result
    assert (checked.changed, checked.result["verified"], checked.result["owners"]) == result
    assert (checked.diff, checked.result["steps"]) == (outcome.diff, outcome.result["steps"])
    again = run(monkeypatch, real, **options)
    assert again.changed is False


def test_waits_are_bounded_by_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = FakeSites()
    run(monkeypatch, sites, wait_timeout=7, wait_sleep=0)
    assert (sites.times["timeout"], sites.times["interval"]) == (7, 1)


@pytest.mark.parametrize(
    ("fails", "changed"),
    [
        pytest.param("verify", Changed.NOTHING, id="at-the-first-step"),
        pytest.param("owners", Changed.SOME, id="at-the-second-step"),
    ],
)
def test_a_failure_says_what_was_done_before(monkeypatch: pytest.MonkeyPatch, fails: str, changed: Changed) -> None:
    with pytest.raises(HubError) as caught:
        run(monkeypatch, FakeSites(fails=fails), owners=[ADA])
    assert caught.value.changed is changed


def test_credentials_are_judged_before_anything_is_sent() -> None:
    options = {"domain": "example.org", "auth_kind": "accesstoken"}
    with pytest.raises(HubError, match="E-GCP-01"):
        domain_verification.body(request(domain_verification, **options))


@pytest.mark.parametrize("options", [{"method": "FILE"}, {"state": "exact"}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        request(domain_verification, **({"domain": "example.org"} | options))
