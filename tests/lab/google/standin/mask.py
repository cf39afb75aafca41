# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partial responses: the ``fields`` parameter, for example ``items(name,iap/enabled),nextPageToken``. Pure."""

from __future__ import annotations

import re
from typing import Any

from standin.errors import invalid

Tree = dict[str, Any]
TOKEN = re.compile(r"[A-Za-z0-9_*@.-]+|[(),/]")


def parse(text: str) -> Tree:
    """The mask as nested dictionaries; an empty one means all below. Raises GoogleError."""
    tokens = TOKEN.findall(text)
    if "".join(tokens) != text.replace(" ", "") or not tokens:
        raise invalid(f"Invalid field selection {text}")
    tree, rest = _list(tokens, text)
    if rest:
        raise invalid(f"Invalid field selection {text}")
    return tree


def _list(tokens: list[str], text: str) -> tuple[Tree, list[str]]:
    tree: Tree = {}
    while True:
        names: list[str] = []
        while tokens and tokens[0] not in "(),/":
            names.append(tokens[0])
            tokens = tokens[1:]
            if tokens[:1] != ["/"]:
                break
            tokens = tokens[1:]
        if not names:
            raise invalid(f"Invalid field selection {text}")
        at = tree
        for name in names:
            at = at.setdefault(name, {})
        if tokens[:1] == ["("]:
            inner, tokens = _list(tokens[1:], text)
            if tokens[:1] != [")"]:
                raise invalid(f"Invalid field selection {text}")
            at.update(inner)
            tokens = tokens[1:]
        if tokens[:1] != [","]:
            return tree, tokens
        tokens = tokens[1:]


def apply(tree: Tree, value: Any) -> Any:
    """The part of a value a mask selects."""
    if not tree:
        return value
    if isinstance(value, list):
        return [apply(tree, one) for one in value]
    if not isinstance(value, dict):
        return value
    every = tree.get("*")
    return {
        key: apply(tree.get(key, every) or {}, one) for key, one in value.items() if key in tree or every is not None
    }
