# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that merges TXT values; the merging is tested beside its code."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.filter.txt_merge import FilterModule

txt_merge = FilterModule().filters()["txt_merge"]
SPF = '"v=spf1 -all"'


def test_a_value_is_added_beside_the_others() -> None:
    assert txt_merge([SPF], present=["token"]) == [SPF, '"token"']


def test_a_value_is_taken_away_and_the_others_stay() -> None:
    assert txt_merge([SPF, '"token"'], absent=["token"]) == [SPF]


def test_nothing_asked_for_changes_nothing() -> None:
    assert txt_merge([SPF]) == [SPF]
