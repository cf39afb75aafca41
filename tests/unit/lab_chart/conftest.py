# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's chart and, where it is at hand, z2jh's published schema to compare with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "tests" / "lab" / "charts" / "jupyterhub"
PUBLISHED = ROOT.parent / "shared" / "data" / "z2jh" / "4.4.0"


@pytest.fixture(scope="session")
def chart() -> Path:
    return CHART


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return found


@pytest.fixture(scope="session")
def defaults() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


@pytest.fixture(scope="session")
def all_values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("all-values.yaml").read_text())
    return found


@pytest.fixture(scope="session")
def published() -> Path:
    """z2jh's own schema and values; the comparison is listed as not made where they are absent."""
    if not PUBLISHED.is_dir():
        pytest.skip("not cross-checked: z2jh's published schema is not on this machine")
    return PUBLISHED
