# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's file is the one in the role, and fits where it goes."""

from __future__ import annotations

import ast

from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.hub_program import PLACE, hub_program
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.oauth_iap import CLASS_NAME

LARGEST = 200_000
"""Characters; a Secret holds a megabyte, and the release's record holds the file once more."""


def test_the_text_is_the_roles_file() -> None:
    assert PLACE.parts[-4:] == ("roles", "hub_oauth", "files", "researchops_hub.py")
    assert hub_program() == PLACE.read_text(encoding="utf-8")
    assert len(hub_program()) < LARGEST


def test_it_imports_nothing_but_what_the_hub_image_has() -> None:
    tree = ast.parse(hub_program())
    assert CLASS_NAME in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    standard = {"__future__", "asyncio", "collections", "dataclasses", "re", "time", "typing"}
    assert imported - standard == {"jupyterhub", "jwt", "tornado", "traitlets"}
