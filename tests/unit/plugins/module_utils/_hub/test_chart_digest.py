# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of a chart on disk depends on its files, and on nothing else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_digest import digest_of_path


def chart(place: Path, files: dict[str, str] | None = None) -> Path:
    for name, text in {"Chart.yaml": "name: x", "templates/a.yaml": "a", **(files or {})}.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def test_a_file_is_hashed_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "chart.tgz"
    path.write_bytes(b"abc")
    assert digest_of_path(path) == hashlib.sha256(b"abc").hexdigest()


def test_order_times_and_work_tree_directories_do_not_matter(tmp_path: Path) -> None:
    one = chart(tmp_path / "one")
    two = chart(tmp_path / "two", {".git/HEAD": "x", "templates/__pycache__/y": "y"})
    os.utime(two / "Chart.yaml", (1, 1))
    assert digest_of_path(one) == digest_of_path(two)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"Chart.yaml": "name: y"}, id="content"),
        pytest.param({"templates/b.yaml": ""}, id="one-more"),
        pytest.param({"a.yaml": "a"}, id="another-place"),
    ],
)
def test_every_file_matters(tmp_path: Path, files: dict[str, str]) -> None:
    assert digest_of_path(chart(tmp_path / "one")) != digest_of_path(chart(tmp_path / "two", files))


def test_content_cannot_slip_from_one_file_into_the_next_name(tmp_path: Path) -> None:
    one = chart(tmp_path / "one", {"a": "b", "c": "d"})
    two = chart(tmp_path / "two", {"a": "d", "c": "b"})
    assert digest_of_path(one) != digest_of_path(two)


@pytest.mark.parametrize(("name", "part"), [("nowhere", "does not exist"), ("empty", "no Chart.yaml")])
def test_no_chart(tmp_path: Path, name: str, part: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(HubError, match="E-CHART-04") as caught:
        digest_of_path(tmp_path / name)
    assert part in caught.value.what


def test_a_chart_that_cannot_be_read(tmp_path: Path) -> None:
    (chart(tmp_path / "one") / "dangling").symlink_to("nowhere")
    with pytest.raises(HubError, match="E-CHART-04"):
        digest_of_path(tmp_path / "one")
