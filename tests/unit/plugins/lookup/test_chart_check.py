# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that judges a chart before anything is downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.lookup import chart_check as plugin
from ansible_collections.researchops.jupyterhub.plugins.lookup.chart_check import chart_check, own_values
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_digest import digest_of_path
from ansible_collections.researchops.jupyterhub.tests.unit.fake_lookup import look_up

REPOSITORY = "https://hub.jupyter.org/helm-chart/jupyterhub"


@pytest.mark.parametrize(
    ("ref", "version", "sha256", "wanted"),
    [
        pytest.param("", "", "", "E-CHART-04", id="00 nothing"),
        pytest.param("/nonexistent/chart", "", "", "E-CHART-04", id="01 no chart there"),
        pytest.param("http://example.org/charts/jupyterhub", "4.4.0", "", "E-CHART-02", id="02 not protected"),
        pytest.param(REPOSITORY, "", "", "E-CHART-02", id="03 no version"),
        pytest.param(REPOSITORY, "latest", "", "E-CHART-02", id="04 moving version"),
        pytest.param(REPOSITORY, "4.4.0", "abc", "E-CHART-02", id="05 no digest"),
    ],
)
def test_refused(ref: str, version: str, sha256: str, wanted: str) -> None:
    found = chart_check(ref, version, sha256)
    assert found["summary"] == ""
    assert found["problem"].startswith(wanted)


def test_digest_of_a_path(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: jupyterhub\nversion: 4.4.0\n")
    right = digest_of_path(tmp_path)
    assert chart_check(str(tmp_path), "4.4.0", right) == {
        "summary": f"{tmp_path} 4.4.0: digest as pinned by chart_sha256",
        "problem": "",
    }
    assert chart_check(str(tmp_path), "", "")["summary"] == f"{tmp_path}: no digest pinned"
    wrong = chart_check(str(tmp_path), "4.4.0", "0" * 64)["problem"]
    assert wrong.startswith("E-CHART-01")
    assert right in wrong


def test_a_path_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "Chart.yaml").write_text("apiVersion: v2\nname: jupyterhub\nversion: 4.4.0\n")
    right = digest_of_path(tmp_path / "hub")
    assert chart_check("~/hub", "4.4.0", right)["summary"] == "~/hub 4.4.0: digest as pinned by chart_sha256"


def test_chart_of_a_repository() -> None:
    assert chart_check(REPOSITORY, "4.4.0", "a" * 64) == {
        "summary": f"{REPOSITORY} 4.4.0: digest pinned by chart_sha256",
        "problem": "",
    }
    assert chart_check(REPOSITORY, "4.99.0", "")["summary"].endswith("the first install records its digest")


def test_own_values_of_a_chart_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: jupyterhub\nversion: 4.4.0\n")
    (tmp_path / "values.yaml").write_text("hub: {image: {name: a}}\n")
    assert own_values(str(tmp_path), "4.4.0", "") == {"hub": {"image": {"name": "a"}}}


@pytest.mark.parametrize("ref", ["", "http://example.org/jupyterhub", REPOSITORY])
def test_no_values_of_a_chart_elsewhere(ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # what lies about where somebody stands is nobody's chart
    (tmp_path / "values.yaml").write_text("hub: {}\n")
    assert own_values(ref, "4.4.0" if ref else "", "a" * 64) == {}


def test_values_only_for_who_asks(tmp_path: Path) -> None:
    assert set(look_up(plugin, [str(tmp_path)])[0]) == {"summary", "problem"}
    assert look_up(plugin, [str(tmp_path)], read_values=True)[0]["own_values"] == {}
