# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter layers, as Ansible finds it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.layers import FilterModule

layers = FilterModule().filters()["layers"]


def test_problem_becomes_an_error_of_ansible() -> None:
    with pytest.raises(AnsibleFilterError, match="E-VALUES-10 hub_base_url must begin and end with a slash"):
        layers({"hub_base_url": "science"})


def test_layers_by_role() -> None:
    found = layers({"hub_domain": "h", "hub_https_type": "secret"}, {})
    assert list(found) == ["z2jh", "hub_https"]
    assert found["hub_https"]["proxy"]["https"]["hosts"] == ["h"]
