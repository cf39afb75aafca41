# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make demo` makes of its settings; that it works is tests/e2e/test_demo.py's business."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.tests.demo import demo

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAB_KUBECONFIG", "INVENTORY", "Z2JH_CHART", "Z2JH_CHART_VERSION"):
        monkeypatch.delenv(name, raising=False)


def test_the_inventory_is_ours_unless_another_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo.shown(demo.inventory()) == "examples/lab"
    monkeypatch.setenv("LAB_KUBECONFIG", "/k")
    assert demo.shown(demo.inventory()) == "examples/own_cluster"
    own = tmp_path / "inventory.yml"
    monkeypatch.setenv("INVENTORY", str(own))
    with pytest.raises(demo.DemoError, match=rf"there is no inventory {own}\. Nothing was changed\. Do: correct INV"):
        demo.inventory()
    own.touch()
    assert demo.shown(demo.inventory()) == str(own)


def test_a_chart_by_its_path_needs_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo.other_chart() == {}
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("Z2JH_CHART", tmp_path.name)
    assert demo.other_chart() == {"z2jh_chart_ref": str(tmp_path), "z2jh_chart_version": ""}
    monkeypatch.setenv("Z2JH_CHART", "oci://registry.example.org/jupyterhub")
    monkeypatch.setenv("Z2JH_CHART_VERSION", "4.4.0")
    assert demo.other_chart() == {
        "z2jh_chart_ref": "oci://registry.example.org/jupyterhub",
        "z2jh_chart_version": "4.4.0",
    }
    monkeypatch.delenv("Z2JH_CHART")
    assert demo.other_chart() == {"z2jh_chart_version": "4.4.0"}


def test_the_second_run_is_told_beside_an_empty_play() -> None:
    second = demo.Played(24.4, {"hub_verify": 15.0}, 0, 7, {})
    assert demo.again(second, 1.2) == (
        "second run changed=0 in 24 s: 9 s to see that (8 s over an empty play's 1 s, 7 module processes), "
        "15 s to check the hub once more"
    )


@pytest.mark.parametrize("line", ["hub         release      plan +15 ~0 -0", "hub  verify  login as ada: ok (0.6 s)"])
def test_progress_is_shown(line: str) -> None:
    assert demo.PROGRESS.match(line)


@pytest.mark.parametrize(
    "line", ["phases      cluster_access 4 s; together 4 s", "ok: [hub]", "hub   : ok=5  changed=0"]
)
def test_other_output_is_not(line: str) -> None:
    assert not demo.PROGRESS.match(line)
