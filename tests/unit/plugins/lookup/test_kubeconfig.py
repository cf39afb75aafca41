# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup by which every role comes to its kubeconfig."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.researchops.jupyterhub.plugins.lookup import kubeconfig as plugin

FACT = "__cluster_access_generated"
IN_PLAY = {"ansible_play_role_names": ["researchops.jupyterhub.cluster_access", "researchops.jupyterhub.z2jh"]}
ALONE = {"ansible_play_role_names": ["researchops.jupyterhub.z2jh"]}


def look_up(given: str, variables: dict[str, Any]) -> str:
    lookup = plugin.LookupModule()
    lookup.set_options = lambda var_options, direct: None
    (found,) = lookup.run([given], variables)
    return str(found)


@pytest.mark.parametrize(
    ("given", "variables", "path"),
    [
        pytest.param("/mine", {FACT: "/private", **IN_PLAY}, "/private", id="00-the-private-one-comes-first"),
        pytest.param("/mine", {FACT: "", **IN_PLAY}, "", id="01-there-was-no-way"),
        pytest.param("/mine", ALONE, "/mine", id="02-a-role-alone"),
        pytest.param("", {}, "", id="03-kubectls-own"),
    ],
)
def test_the_private_kubeconfig_or_the_operators_own(given: str, variables: dict[str, Any], path: str) -> None:
    assert look_up(given, variables) == path


def test_a_guard_that_was_left_out_stops_the_play() -> None:
    with pytest.raises(
        AnsibleLookupError, match=r"E-ACCESS-22 .* Nothing was changed\. Do: run the play from its start"
    ):
        look_up("/mine", IN_PLAY)
