# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter chart_values, as Ansible finds it."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.filter.chart_values import FilterModule

chart_values = FilterModule().filters()["chart_values"]


def test_findings_are_rows() -> None:
    found = chart_values({"z2jh_values": {"hub": {"confg": 1}}, "hub_oauth_acknowledge_open_hub": True})
    assert found["findings"] == [
        {
            "check": "z2jh_values.hub.confg",
            "ok": False,
            "id": "E-VALUES-01",
            "path": "z2jh_values.hub.confg",
            "sentence": "is no key of this chart",
            "do": "rename it to hub.config",
            "text": "E-VALUES-01 z2jh_values.hub.confg is no key of this chart. Nothing was changed. "
            "Do: rename it to hub.config.",
        }
    ]


def test_result_is_plain_data_without_secrets() -> None:
    operator = {"top": {"hub": {"baseUrl": "/x/"}}, "other": 1}
    variables = {"z2jh_values": operator, "z2jh_values_root": "top", "hub_oauth_acknowledge_open_hub": True}
    hub = {
        "hub": {"baseUrl": "/x/", "db": {"pvc": {"annotations": {"helm.sh/resource-policy": "keep"}}}},
        "proxy": {"service": {"type": "ClusterIP"}},
        "singleuser": {"startTimeout": 900},
    }
    assert chart_values(variables, {}, {"S": "hQ4t-Vx9_2mLpR7s"}) == {
        "chart": {"top": hub, "other": 1},
        "hub": hub,
        "layers": ["z2jh"],
        "overridden": {"hub.baseUrl": "z2jh"},
        "findings": [],
    }
