# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private files: for their owner, whole or not there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.files import write_private


def test_a_file_is_whole_and_for_its_owner_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o644)
    write_private(str(path), "öne\n")
    assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (0o600, "öne\n".encode())
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        write_private(str(path), "new")
    assert (os.listdir(tmp_path), path.read_text()) == (["file"], "old")
