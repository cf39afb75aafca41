# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that gives a role variable its type; the reading is tested beside its code."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.typed import FilterModule

typed = FilterModule().filters()["typed"]


def test_text_becomes_what_was_meant() -> None:
    assert typed("a, b", "list") == ["a", "b"]
    assert typed("a=b", "dict") == {"a": "b"}
    assert typed("y", "bool") is True
    assert typed("/etc/./ca.pem", "path") == "/etc/ca.pem"
    assert typed('{"key": "/etc/./key", "b": "./c"}', "dict", paths=["key"]) == {"key": "/etc/key", "b": "./c"}


def test_what_cannot_be_read_is_one_error_without_the_value() -> None:
    with pytest.raises(AnsibleFilterError, match=r"E-VALUES-08 .* type dict .*: a mapping is wanted.* Do: ") as caught:
        typed("hQ4t-Vx9", "dict")
    assert "hQ4t" not in str(caught.value)


def test_another_type_is_a_mistake_of_the_role() -> None:
    with pytest.raises(AnsibleFilterError, match="typed knows list, dict, bool, path, not 'str'"):
        typed("a", "str")
