# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter leaving, as Ansible finds it."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.filter.leaving import FilterModule

leaving = FilterModule().filters()["leaving"]


def test_leaving() -> None:
    assert leaving(["user:Ada@example.org", "group:all@example.org"], []) == ["user:ada@example.org"]
    assert leaving(["user:Ada@example.org"], ["user:ada@example.org"]) == []
