# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts on disk: checked before use, cached by digest, and no trace of a run is left."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart import (
    ChartRef,
    Expected,
    Kind,
    parse_reference,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_files import (
    STALE_AFTER,
    WORKSPACE_PREFIX,
    LocalChart,
    at_hand,
    cache_directory,
    chart_metadata,
    chart_values,
    no_room,
    obtain,
    workspace,
)

REMOTE = parse_reference("https://charts.example.org/jupyterhub", "4.4.0")
CONTENT = b"a chart"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
RIGHT = Expected(DIGEST, "the test")


class Source:
    """A repository with one chart."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.pulls = 0

    def pull(self, chart: ChartRef, directory: Path) -> Path:
        self.pulls += 1
        path = directory / "jupyterhub-4.4.0.tgz"
        path.write_bytes(self.content)
        return path


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a temporary directory of our own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    place = tmp_path / "scratch"
    place.mkdir()
    return place


def test_a_wrong_download_is_refused_and_not_cached(scratch: Path) -> None:
    with pytest.raises(HubError, match="E-CHART-01"):
        obtain(REMOTE, RIGHT, Source(b"another").pull, scratch)
    assert not cache_directory().exists()


def test_a_right_download_is_cached_and_not_fetched_again(scratch: Path) -> None:
    source = Source()
    assert obtain(REMOTE, RIGHT, source.pull, scratch).sha256 == DIGEST
    again = obtain(REMOTE, RIGHT, source.pull, scratch)
    assert (again.path, again.sha256) == (cache_directory() / f"{DIGEST}.tgz", DIGEST)
    assert source.pulls == 1
    assert os.listdir(cache_directory()) == [f"{DIGEST}.tgz"]
    assert cache_directory().stat().st_mode & 0o077 == 0


def test_a_spoilt_cache_is_not_believed(scratch: Path) -> None:
    source = Source()
    obtain(REMOTE, RIGHT, source.pull, scratch)
    (cache_directory() / f"{DIGEST}.tgz").write_bytes(b"spoilt")
    assert obtain(REMOTE, RIGHT, source.pull, scratch).sha256 == DIGEST
    assert source.pulls == 2


def test_without_a_known_digest_the_chart_is_fetched_each_time(scratch: Path) -> None:
    source = Source()
    for _run in range(2):
        assert obtain(REMOTE, Expected(), source.pull, scratch).sha256 == DIGEST
    assert source.pulls == 2


def test_a_cache_that_cannot_be_written_is_no_failure(scratch: Path, places: Path) -> None:
    (places / "cache").write_text("a file where the directory should be")
    assert obtain(REMOTE, RIGHT, Source().pull, scratch).sha256 == DIGEST


def test_a_path_is_checked_where_it_is(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "chart.tgz"
    path.write_bytes(CONTENT)
    source = Source()
    chart = ChartRef(Kind.PATH, str(path))
    assert obtain(chart, RIGHT, source.pull, scratch).path == path
    with pytest.raises(HubError, match="E-CHART-01"):
        obtain(chart, Expected("0" * 64, "the test"), source.pull, scratch)
    assert source.pulls == 0


def test_a_workspace_is_private_and_gone_afterwards() -> None:
    with workspace() as place:
        assert place.stat().st_mode & 0o777 == 0o700
        (place / "file").write_text("x")
    assert not place.exists()


def test_a_workspace_is_gone_after_an_error_too() -> None:
    with pytest.raises(RuntimeError), workspace() as place:
        raise RuntimeError
    assert not place.exists()


def test_what_a_killed_run_left_is_swept_and_a_living_run_is_not(places: Path) -> None:
    base = places / "tmp"
    names = {"dead": STALE_AFTER + 60, "alive": STALE_AFTER - 60}
    for name, age in names.items():
        (base / f"{WORKSPACE_PREFIX}{name}").mkdir()
        moment = time.time() - age
        os.utime(base / f"{WORKSPACE_PREFIX}{name}", (moment, moment))
    (base / "somebody-elses").mkdir()
    with workspace():
        assert {path.name for path in base.iterdir()} >= {f"{WORKSPACE_PREFIX}alive", "somebody-elses"}
        assert not (base / f"{WORKSPACE_PREFIX}dead").exists()


def test_a_link_with_our_name_is_not_followed(places: Path) -> None:
    target = places / "precious"
    target.mkdir()
    (places / "tmp" / f"{WORKSPACE_PREFIX}link").symlink_to(target)
    os.utime(places / "tmp" / f"{WORKSPACE_PREFIX}link", (1, 1), follow_symlinks=False)
    with workspace():
        pass
    assert target.is_dir()


def test_no_place_for_a_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_how: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(HubError, match="E-HELM-06") as caught, workspace():
        pass
    assert "is full: No space left on device" in caught.value.what


def test_a_place_that_is_not_full_but_closed() -> None:
    error = no_room(Path("/x"), OSError(errno.EACCES, "Permission denied"))
    assert error.what == "/x cannot be written to: Permission denied"


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


CHART_YAML = "name: jupyterhub\nversion: 4.4.0\nappVersion: 5.5.0\n"


def test_metadata_of_a_directory_and_of_an_archive(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text(CHART_YAML)
    packed = archive(
        tmp_path / "c.tgz", {"hub/charts/sub/Chart.yaml": "name: sub\nversion: 1.0.0", "hub/Chart.yaml": CHART_YAML}
    )
    for path in (tmp_path, packed):
        assert chart_metadata(path, "") == ("jupyterhub-4.4.0", "5.5.0")
        assert chart_metadata(path, "v4.4.0") == ("jupyterhub-4.4.0", "5.5.0")


def test_a_path_with_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text(CHART_YAML)
    with pytest.raises(HubError, match="E-CHART-02") as caught:
        chart_metadata(tmp_path, "4.3.0")
    assert (caught.value.seen, caught.value.wanted) == ("4.4.0", "4.3.0")


@pytest.mark.parametrize("text", ["[1]", "a: [", "name: x", ""])
def test_metadata_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "Chart.yaml").write_text(text)
    with pytest.raises(HubError, match="E-CHART-04"):
        chart_metadata(tmp_path, "")


def test_an_archive_that_is_none_or_empty(tmp_path: Path) -> None:
    (tmp_path / "none.tgz").write_bytes(b"no archive")
    for path in (tmp_path / "none.tgz", archive(tmp_path / "empty.tgz", {})):
        with pytest.raises(HubError, match="E-CHART-04"):
            chart_metadata(path, "")


def test_own_values_of_a_directory_and_of_an_archive(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("hub: {}\n")
    packed = archive(tmp_path / "c.tgz", {"hub/charts/sub/values.yaml": "sub: 1", "hub/values.yaml": "hub: {}"})
    assert chart_values(tmp_path) == chart_values(packed) == {"hub": {}}


@pytest.mark.parametrize("text", [None, "[1]", "a: [", ""])
def test_values_that_cannot_be_read_are_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "values.yaml").write_text(text)
    assert chart_values(tmp_path) == {}


def test_only_a_path_and_what_was_fetched_before_is_at_hand(tmp_path: Path) -> None:
    cached = cache_directory() / f"{DIGEST}.tgz"
    (tmp_path / "Chart.yaml").write_text(CHART_YAML)
    found = at_hand(ChartRef(Kind.PATH, str(tmp_path)), Expected())
    assert found is not None and found.path == tmp_path
    assert at_hand(REMOTE, RIGHT) is None
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)
    assert at_hand(REMOTE, RIGHT) == LocalChart(cached, DIGEST)
    assert at_hand(REMOTE, Expected()) is None
    cached.write_bytes(b"another")
    assert at_hand(REMOTE, RIGHT) is None
