# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of hub_release to what Ansible reads; what is done is tested in _hub/test_release.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import release_inputs, release_run
from ansible_collections.researchops.jupyterhub.plugins.modules import hub_release
from ansible_collections.researchops.jupyterhub.tests.unit.fake_release import OPTIONS, World
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import run_module
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

GIVEN = {"release_name": "hub", "namespace": "hub"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    monkeypatch.setattr(release_inputs, "STRETCHING", 10)
    monkeypatch.setattr(release_run, "_client", lambda _options: world.kube)
    monkeypatch.setattr(release_run, "_tools", lambda *_how: world.tools)
    return world


def test_defaults() -> None:
    found = request(hub_release, **GIVEN, chart_ref="/c").params
    assert found == {**OPTIONS, **GIVEN, "chart_ref": "/c", "values": {}, "layers": [], "secrets": {}}


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"chart_ref": None}, "chart_ref"),
        ({"pending_policy": "uninstall"}, "value of pending_policy must be one of"),
        ({"drift": "maybe"}, "value of drift must be one of"),
        ({"state": "latest"}, "value of state must be one of"),
        ({"release_name": None}, "release_name"),
    ],
)
def test_options_that_do_not_fit(changed: dict[str, object], part: str) -> None:
    given = {key: value for key, value in {**GIVEN, "chart_ref": "/c", **changed}.items() if value is not None}
    with pytest.raises(Refused, match=part):
        request(hub_release, **given)


def test_what_ansible_reads(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    options = {**GIVEN, "chart_ref": str(world.place), "secrets": {"oauth_client_secret": "planted-secret-1234"}}
    first = run_module(hub_release.main, options, capsys)
    assert (first["changed"], first["status"], first["revision"], first["reason"]) == (
        True,
        "deployed",
        1,
        "there is no such release yet",
    )
    assert set(first["diff"]) == {"before", "after"}
    assert "planted" not in str(first)
    second = run_module(hub_release.main, options, capsys)
    assert (second["changed"], second["plan"], second["transitions"]) == (False, [], [])


def test_check_mode_is_handed_on(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    options = {**GIVEN, "chart_ref": str(world.place)}
    assert run_module(hub_release.main, options, capsys, check_mode=True)["changed"] is True
    assert world.kube.writes == []


def test_an_error_is_one_sentence(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    options = {**GIVEN, "chart_ref": "http://charts.example.org/jupyterhub", "chart_version": "4.4.0"}
    found = run_module(hub_release.main, options, capsys)
    assert (found["failed"], found["error_id"]) == (True, "E-CHART-02")
