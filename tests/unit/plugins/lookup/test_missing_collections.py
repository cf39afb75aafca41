# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that finds missing collections before Ansible stumbles over them."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.lookup import missing_collections
from ansible_collections.researchops.jupyterhub.tests.unit.fake_lookup import look_up

OWN = "researchops.jupyterhub.hub_release"


@pytest.mark.parametrize(
    ("modules", "missing"),
    [
        pytest.param(["nobody.nothing.thing"], ["nobody.nothing"], id="00 no such collection"),
        pytest.param(["researchops.nothing.thing"], ["researchops.nothing"], id="01 another one of the same people"),
        pytest.param(["researchops.jupyterhub.thing"], ["researchops.jupyterhub"], id="02 too old for the module"),
        pytest.param(["nobody.nothing.a", OWN, "nobody.nothing.b"], ["nobody.nothing"], id="03 named once"),
        pytest.param([OWN], [], id="04 there"),
        pytest.param([], [], id="05 nothing asked"),
    ],
)
def test_missing(modules: list[str], missing: list[str]) -> None:
    assert look_up(missing_collections, modules) == missing
