# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence on disk: private, whole or not there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.report_files import (
    report_paths,
    write_reports,
)

EVIDENCE = {"hub": "climate", "rows": []}


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_both_files_are_private_and_complete(tmp_path: Path) -> None:
    machine, human = write_reports(str(tmp_path / "a" / "b"), "climate", EVIDENCE, "text\n")
    assert json.loads(Path(machine).read_text()) == EVIDENCE
    assert Path(human).read_text() == "text\n"
    assert (mode(machine), mode(human), mode(tmp_path / "a" / "b")) == (0o600, 0o600, 0o700)


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    write_reports(str(tmp_path), "climate", EVIDENCE, "one\n")
    os.chmod(tmp_path / "verify-climate.txt", 0o644)
    _machine, human = write_reports(str(tmp_path), "climate", EVIDENCE, "two\n")
    assert Path(human).read_text() == "two\n" and mode(human) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["verify-climate.json", "verify-climate.txt"]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write_reports(str(tmp_path), "climate", EVIDENCE, "")
    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize(
    ("hub", "name"),
    [
        ("climate", "verify-climate.json"),
        ("../../etc/passwd", "verify-.._.._etc_passwd.json"),
        ("a b", "verify-a_b.json"),
    ],
)
def test_a_hubs_name_cannot_lead_elsewhere(tmp_path: Path, hub: str, name: str) -> None:
    assert report_paths(str(tmp_path), hub)[0] == str(tmp_path / name)


def test_the_home_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert report_paths("~/reports", "climate")[1] == str(tmp_path / "reports" / "verify-climate.txt")


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HubError, match="E-VERIFY-16"):
        write_reports(str(tmp_path / "file"), "climate", EVIDENCE, "")
