# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module says while it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import PROGRESS_VARIABLE, Reporter
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock

LINE = {"at": "2026-11-22T14:00:00+00:00", "subject": "climate", "phase": "release", "text": "hello"}


def test_lines_are_kept_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress"
    path.write_text('{"older": true}\n')
    monkeypatch.setenv(PROGRESS_VARIABLE, str(path))
    clock = FakeClock()
    reporter = Reporter.from_environment("climate", "release", clock)
    reporter.say("hello")
    clock.sleep(60)
    reporter.say("again")
    later = {**LINE, "at": "2026-11-22T14:01:00+00:00", "text": "again"}
    assert reporter.transitions == [LINE, later]
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"older": True}, LINE, later]


def test_without_a_file_the_lines_are_only_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROGRESS_VARIABLE, raising=False)
    reporter = Reporter.from_environment("climate", "release", FakeClock())
    reporter.say("hello")
    assert (reporter.path, reporter.transitions) == (None, [LINE])


def test_a_file_that_cannot_be_written_never_fails_the_work(tmp_path: Path) -> None:
    reporter = Reporter("climate", "release", FakeClock(), str(tmp_path / "nowhere" / "file"))
    reporter.say("hello")
    reporter.say("hello")
    assert (reporter.path, len(reporter.transitions)) == (None, 2)
