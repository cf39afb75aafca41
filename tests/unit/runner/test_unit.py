# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.runner import content, environments, interpreters, unit
from ansible_collections.researchops.jupyterhub.tests.runner.tiers import Count, Tier

pytestmark = pytest.mark.once


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The words after ``pytest``, of every program that the tier would have run."""
    words: list[list[str]] = []

    def step(_tier: Tier, _label: str, argv: list[str | Path], **_more: Any) -> Count:
        words.append([str(word) for word in argv[3:]])
        return Count(passed=1)

    monkeypatch.setattr(environments, "ready", environments.environment)
    monkeypatch.setattr(interpreters, "find", lambda version: Path(f"/usr/bin/python{version}"))
    monkeypatch.setattr(content, "linked", lambda _wanted: Path("/collections"))
    monkeypatch.setattr(Tier, "step", step)
    return words


def marked(words: list[str]) -> str:
    """What pytest is told to choose by; empty: it runs all."""
    return words[words.index("-m") + 1] if "-m" in words else ""


def test_by_day_what_no_version_changes_runs_in_the_first_corner_only(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.delenv("NIGHTLY", raising=False)
    unit.tier()
    assert [(words[0], marked(words)) for words in started] == [
        ("tests/unit", ""),
        ("tests/unit", "not once"),
        ("tests/hub_image", ""),
    ]


def test_the_nightly_run_leaves_nothing_out_anywhere(monkeypatch: pytest.MonkeyPatch, started: list[list[str]]) -> None:
    monkeypatch.setenv("NIGHTLY", "1")
    unit.tier((*environments.CORE_NAMES, "oldest"))
    assert [words[0] for words in started] == ["tests/unit"] * (len(environments.CORES) + 1) + ["tests/hub_image"]
    assert [words for words in started if marked(words)] == []
