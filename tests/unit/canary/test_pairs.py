# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pairwise table has every pair, in few rows, and the same ones every time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "canary"))
import pairs
from pairs import all_pairs, pairs_of, pairwise

pytestmark = pytest.mark.once

FACTORS = {
    "outcome": ("success", "failure", "kill"),
    "callback": ("default", "json", "junit"),
    "mode": ("apply", "check"),
}


def test_every_pair_is_there() -> None:
    rows = pairwise(FACTORS)
    assert set().union(*(pairs_of(row) for row in rows)) == all_pairs(FACTORS)
    assert len(all_pairs(FACTORS)) == 9 + 6 + 6


def test_the_table_is_small() -> None:
    assert len(pairwise(FACTORS)) == 9
    assert len(pairwise(FACTORS | {"variant": tuple("abcdef")})) <= 20


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_table_is_the_same_in_every_process(seed: str) -> None:
    code = f"from pairs import pairwise; print(pairwise({FACTORS!r}))"
    env = os.environ | {"PYTHONHASHSEED": seed}
    argv = [sys.executable, "-c", code]
    folder = Path(pairs.__file__).parent
    printed = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout
    assert printed == f"{pairwise(FACTORS)}\n"


def test_one_row_is_one_setting_of_everything() -> None:
    assert all(list(row) == list(FACTORS) and all(row[key] in FACTORS[key] for key in row) for row in pairwise(FACTORS))
