# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that finds full directories before Ansible stumbles over them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.lookup import temp_space
from ansible_collections.researchops.jupyterhub.tests.unit.fake_lookup import look_up


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Free MiB by path; a path that is not in here has plenty."""
    free: dict[str, int] = {}

    def statvfs(path: Path) -> Any:
        return SimpleNamespace(f_bavail=free.get(str(path), 1000), f_frsize=1 << 20)

    monkeypatch.setattr(os, "statvfs", statvfs)
    return free


def test_room_everywhere_is_no_message(disk: dict[str, int], tmp_path: Path) -> None:
    disk[str(tmp_path)] = 16
    assert temp_space.temp_space([str(tmp_path), "/"], 16) == []


def test_full_directories_are_one_message(disk: dict[str, int], tmp_path: Path) -> None:
    disk[str(tmp_path)] = 0
    disk["/"] = 3
    (message,) = temp_space.temp_space([str(tmp_path), "/", "/proc"], 16)
    assert message == (
        f"E-PRE-01 There is no room for temporary files in {tmp_path}, /. Seen: 0.0 MiB free; wanted: 16 MiB. Nothing "
        "was changed. Do: free some space there, or set TMPDIR (ANSIBLE_LOCAL_TEMP and ANSIBLE_REMOTE_TEMP for "
        "Ansible's own) to a directory with room."
    )


def test_a_directory_that_does_not_exist_yet_counts_as_its_parent(disk: dict[str, int], tmp_path: Path) -> None:
    disk[str(tmp_path)] = 5
    assert temp_space.free_space(str(tmp_path / "not" / "there")) == 5.0


def test_the_directories_of_a_run(monkeypatch: pytest.MonkeyPatch, disk: dict[str, int], tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = temp_space.directories()
    assert found[0] == str(tmp_path)
    assert len(found) == 3
    assert all(found)
    monkeypatch.delenv("TMPDIR")
    assert temp_space.directories() == ["/tmp", *found[1:]]
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    disk[str(tmp_path)] = 1
    assert look_up(temp_space, [])[0].startswith(f"E-PRE-01 There is no room for temporary files in {tmp_path}.")


def test_the_option_says_how_much(disk: dict[str, int], tmp_path: Path) -> None:
    disk[str(tmp_path)] = 20
    assert look_up(temp_space, [str(tmp_path)]) == []
    assert "wanted: 21 MiB" in look_up(temp_space, [str(tmp_path)], minimum=21)[0]
