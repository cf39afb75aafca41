# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter lint_values, as Ansible finds it."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.filter.lint_values import FilterModule

lint_values = FilterModule().filters()["lint_values"]
VALUES = {"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}, "extraEnv": {"OAUTH_CALLBACK_URL": "x"}}}


def test_open_hub_and_callback() -> None:
    assert [row["id"] for row in lint_values(VALUES, "4.4.0", "https://h/hub/oauth_callback")] == [
        "E-OAUTH-03",
        "E-OAUTH-04",
    ]


def test_options_are_by_name() -> None:
    assert lint_values(VALUES, acknowledge_open_hub=True) == []
    assert [
        row["path"] for row in lint_values({"hub": {"confg": 1}}, chart_version="4.4.0", acknowledge_open_hub=True)
    ] == ["hub.confg"]
    assert lint_values({"hub": {"confg": 1}}, chart_version="3.3.8", acknowledge_open_hub=True) == []
