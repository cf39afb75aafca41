# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to what was done: the usual run is one read, and only the others load the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import release_inputs, release_run
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_run import converge, suspects
from ansible_collections.researchops.jupyterhub.tests.unit.fake_release import SECRETS, World, told


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A cluster that any kubeconfig leads to; Helm is only there for those who need it."""
    world = World(tmp_path)
    monkeypatch.setattr(release_inputs, "STRETCHING", 10)
    monkeypatch.setattr(release_run, "_client", lambda _options: world.kube)
    monkeypatch.setattr(release_run, "_tools", lambda *_how: world.tools)
    return world


def run(world: World, check_mode: bool = False, **changed: Any) -> Any:
    return converge(world.options(**changed), check_mode=check_mode, redactor=Redactor())[0]


def test_the_no_op_is_one_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run(world)
    world.forget()
    monkeypatch.setattr(release_run, "_tools", lambda *_how: pytest.fail("tools were made"))
    done = run(world)
    assert (done.changed, done.status, done.revision, done.chart) == (False, "deployed", 1, "jupyterhub-4.4.0")
    assert world.kube.requests == [("GET", SECRETS, False)]
    assert world.helm.calls == []


def test_looking_for_drift_is_more_than_one_read(world: World) -> None:
    run(world)
    world.forget()
    assert run(world, drift="check").changed is False
    assert world.helm.calls == ["render"]
    assert world.kube.writes == []


def test_any_change_of_the_options_goes_the_long_way(world: World) -> None:
    run(world)
    assert told(run(world, check_mode=True, values={"memory": "4G"}))[-1] == ("upgrade", "Release/hub")


def test_absent(world: World) -> None:
    assert run(world, state="absent").changed is False


def test_the_reporter_speaks_for_the_release(world: World) -> None:
    _done, reporter = converge(world.options(), check_mode=True, redactor=Redactor())
    assert (reporter.subject, reporter.phase) == ("hub", "release")


def test_what_looks_like_a_secret_in_the_values_is_masked(world: World) -> None:
    redactor = Redactor()
    values = {"hub": {"config": {"X": {"client_secret": "planted-in-values"}}}, "tokens": ["planted-in-a-list"]}
    converge(world.options(values=values), check_mode=True, redactor=redactor)
    assert redactor.text("planted-in-values planted-in-a-list") == "<hidden> <hidden>"


def test_suspects_are_found_by_name_only() -> None:
    values = {"a": "plain", "password": "one", "deep": [{"apiToken": "two"}], "keys": {"x": "three", "n": 5}}
    assert list(suspects(values)) == ["one", "two"]
