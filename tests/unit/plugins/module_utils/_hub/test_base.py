# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer every hub has."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.base import PLATFORMS, layer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settings import Finding

DATABASE = {"pvc": {"annotations": {"helm.sh/resource-policy": "keep"}}}
PLAIN = {
    "hub": {"baseUrl": "/", "db": DATABASE},
    "proxy": {"service": {"type": "ClusterIP"}},
    "singleuser": {"startTimeout": 900},
}


@pytest.mark.parametrize("base_url", ["", "science", "/science", "science/", "//", "/a b/", "https://hub.example.org/"])
def test_base_url_without_its_slashes_is_refused(base_url: str) -> None:
    assert layer({"hub_base_url": base_url}, {})[1] == [
        Finding(
            "E-VALUES-10",
            "hub_base_url",
            "must begin and end with a slash",
            "write it as in /science/",
            seen=base_url,
        )
    ]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        pytest.param({}, PLAIN, id="00 nothing set"),
        pytest.param({"z2jh_namespace": "x", "z2jh_values": {"a": 1}}, PLAIN, id="01 what is not the layer's business"),
        pytest.param(
            {"hub_base_url": "/science/", "z2jh_timeout": "120"},
            PLAIN | {"hub": {"baseUrl": "/science/", "db": DATABASE}, "singleuser": {"startTimeout": 120}},
            id="02 base URL and the one timeout",
        ),
        pytest.param(
            {"hub_admins": ["bob", "ada"]},
            PLAIN
            | {"hub": {"baseUrl": "/", "db": DATABASE, "config": {"Authenticator": {"admin_users": ["ada", "bob"]}}}},
            id="03 administrators, in one order",
        ),
        pytest.param(
            {"z2jh_storage_class": "fast"},
            {
                "hub": {"baseUrl": "/", "db": {"pvc": DATABASE["pvc"] | {"storageClassName": "fast"}}},
                "proxy": {"service": {"type": "ClusterIP"}},
                "singleuser": {"startTimeout": 900, "storage": {"dynamic": {"storageClass": "fast"}}},
            },
            id="04 storage class of database and homes",
        ),
        pytest.param(
            {"hub_front_keep_proxy_public": True},
            {"hub": {"baseUrl": "/", "db": DATABASE}, "singleuser": {"startTimeout": 900}},
            id="05 a hub that keeps its address on the chart's Service",
        ),
        pytest.param(
            {"hub_front_keep_proxy_public": True, "hub_front_source_ranges": "192.0.2.0/24,192.0.1.0/24"},
            {
                "hub": {"baseUrl": "/", "db": DATABASE},
                "proxy": {"service": {"loadBalancerSourceRanges": ["192.0.1.0/24", "192.0.2.0/24"]}},
                "singleuser": {"startTimeout": 900},
            },
            id="06 and lets in some networks only",
        ),
        pytest.param({"hub_front_source_ranges": ["192.0.2.0/24"]}, PLAIN, id="07 networks that hub-front lets in"),
    ],
)
def test_values(variables: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert layer(variables, {}) == (wanted, [])


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        pytest.param({"hub_name": "my_hub"}, [("hub_name", "my_hub", "63")], id="00 underscore: told once"),
        pytest.param({"hub_name": "Physics"}, [("hub_name", "Physics", "63")], id="01 capital"),
        pytest.param({"hub_name": "hub.example.org"}, [("hub_name", "hub.example.org", "63")], id="02 a host name"),
        pytest.param({"hub_name": "hub.example.org", "z2jh_namespace": "physics"}, [], id="03 may be a release"),
        pytest.param(
            {"hub_name": "my_hub", "z2jh_namespace": "physics"}, [("hub_name", "my_hub", "53")], id="04 no release"
        ),
        pytest.param({"hub_name": "a" * 53}, [], id="05 longest release"),
        pytest.param({"hub_name": "a" * 54}, [("hub_name", "a" * 54, "53")], id="06 one more"),
        pytest.param({"hub_name": "a" * 63, "z2jh_release_name": "hub"}, [], id="07 longest namespace"),
        pytest.param(
            {"hub_name": "a" * 64, "z2jh_release_name": "hub"}, [("hub_name", "a" * 64, "63")], id="08 one more"
        ),
        pytest.param(
            {"hub_name": "hub", "z2jh_namespace": "hub-", "z2jh_release_name": "-hub"},
            [("z2jh_namespace", "hub-", "63"), ("z2jh_release_name", "-hub", "53")],
            id="09 each by its own variable",
        ),
        pytest.param({"hub_name": "9-hubs"}, [], id="10 a digit first"),
        pytest.param({"hub_name": "hub\n"}, [], id="11 blanks around it are taken off"),
    ],
)
def test_names_that_kubernetes_or_helm_refuse(variables: dict[str, Any], wanted: list[tuple[str, str, str]]) -> None:
    found = layer(variables, {})[1]
    assert [(one.error_id, one.path, one.seen) for one in found] == [("E-VALUES-10", *row[:2]) for row in wanted]
    assert [re.findall(r"at most (\d+)", one.wanted) for one in found] == [[row[2]] for row in wanted]


@pytest.mark.parametrize("platform", ["GKE", "gcp", "aws"])
def test_a_platform_that_does_not_exist_is_not_taken_for_another(platform: str) -> None:
    (found,) = layer({"hub_platform": platform}, {})[1]
    assert (found.error_id, found.path, found.seen) == ("E-VALUES-10", "hub_platform", platform)
    assert found.wanted == "existing or gke or eks or bare_metal or openshift"


@pytest.mark.parametrize("platform", ["", *PLATFORMS])
def test_every_platform_and_none_at_all_is_one(platform: str) -> None:
    assert layer({"hub_platform": platform}, {})[1] == []


def test_the_hubs_own_name_is_told_with_both_ways_out() -> None:
    (found,) = layer({"hub_name": "my_hub"}, {})[1]
    assert found.text() == (
        "E-VALUES-10 hub_name cannot be used as it is. Seen: my_hub; wanted: at most 63 small letters, digits and "
        "dashes, as in every name of a namespace. Nothing was changed. Do: set hub_name (by default the inventory "
        "host), or z2jh_namespace and z2jh_release_name."
    )


def test_misspelt_variable_is_told() -> None:
    assert [finding.do for finding in layer({"z2jh_chartversion": "4.4.0"}, {})[1]] == [
        "rename it to z2jh_chart_version, or remove it"
    ]


def test_a_variable_without_a_default_is_known() -> None:
    assert layer({"z2jh_drift": "check"}, {})[1] == []


@pytest.mark.parametrize("timeout", [0, "0", -1])
def test_no_time_at_all_is_refused(timeout: Any) -> None:
    """Somebody may mean `no limit`: Helm would be stopped in the middle, and no server of a user would ever start."""
    (found,) = layer({"z2jh_timeout": timeout}, {})[1]
    assert (found.error_id, found.path, found.seen) == ("E-VALUES-10", "z2jh_timeout", str(timeout))
