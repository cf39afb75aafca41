# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small table of runs in which every two settings meet at least once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

Row = dict[str, str]
Pair = frozenset[tuple[str, str]]


def pairs_of(row: Mapping[str, str]) -> set[Pair]:
    """The pairs of settings that one run brings together."""
    return {frozenset(pair) for pair in combinations(row.items(), 2)}


def all_pairs(factors: Mapping[str, Sequence[str]]) -> set[Pair]:
    """The pairs of settings there are."""
    return {
        frozenset({(one, first), (other, second)})
        for one, other in combinations(factors, 2)
        for first, second in product(factors[one], factors[other])
    }


def pairwise(factors: Mapping[str, Sequence[str]]) -> list[Row]:
    """Rows that cover all pairs: always the combination next that brings the most new ones, so the result is stable."""
    candidates = [dict(zip(factors, values, strict=True)) for values in product(*factors.values())]
    missing = all_pairs(factors)
    rows: list[Row] = []
    while missing:
        best = max(candidates, key=lambda row: len(pairs_of(row) & missing))
        missing -= pairs_of(best)
        rows.append(best)
    return rows
