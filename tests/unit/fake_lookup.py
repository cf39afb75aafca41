# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a lookup without Ansible's loader, which alone reads a plugin's options out of its documentation."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import yaml


def look_up(plugin: ModuleType, terms: Sequence[str], **options: Any) -> list[Any]:
    """What the plugin of this file finds; an option that is not given has its documented default."""
    documented = yaml.safe_load(plugin.DOCUMENTATION)["options"]
    given = {name: option.get("default") for name, option in documented.items() if name != "_terms"} | options
    assert set(given) < set(documented), "no such option"
    lookup = plugin.LookupModule()
    lookup.set_options = lambda var_options, direct: None
    lookup.get_options = lambda: given
    lookup.get_option = given.__getitem__
    found: list[Any] = lookup.run(terms, {}, **options)
    return found
