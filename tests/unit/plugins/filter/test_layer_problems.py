# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter layer_problems, as Ansible finds it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.layer_problems import FilterModule

layer_problems = FilterModule().filters()["layer_problems"]


def test_unknown_layer() -> None:
    with pytest.raises(AnsibleFilterError, match="'hub_x' is no layer; there are: z2jh, hub_https, hub_oauth"):
        layer_problems({}, "hub_x")


@pytest.mark.parametrize(
    ("layer", "variables", "ids"),
    [
        ("hub_https", {"hub_https_type": "secret"}, ["E-CERT-22"]),
        ("hub_https", {"hub_https_type": "secret", "hub_domain": "h"}, []),
        ("hub_oauth", {"hub_oauth_provider": "github"}, ["E-OAUTH-05"]),
        ("z2jh", {"hub_base_url": "x"}, ["E-VALUES-10"]),
    ],
)
def test_problems_of_one_role(layer: str, variables: dict[str, str], ids: list[str]) -> None:
    assert [row["id"] for row in layer_problems(variables, layer, {})] == ids
