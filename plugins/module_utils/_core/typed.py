# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What was meant by a text: a list, a mapping, a yes or no where ``-e`` or a survey of AWX gave text; a path.

Ansible's check of a role's arguments takes text for all of them, and what it makes of the text is for the check only:
the role still sees the text. A loop over it goes from letter to letter, ``false`` is a text that is not empty, and
Ansible's filter ``bool`` takes ``y`` for a no, which the check takes for a yes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

TRUE_WORDS = frozenset({"yes", "on", "1", "true", "y", "t", "1.0"})
FALSE_WORDS = frozenset({"no", "off", "0", "false", "n", "f", "0.0", ""})


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """The object that a JSON text holds; None for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def as_bool(value: Any) -> bool:
    """A yes or a no, in all the words that Ansible's check knows.

    Raises:
        ValueError: says what was expected, without repeating the value.
    """
    word = "" if value is None else str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError("true or false is wanted")


def as_list(value: Any) -> list[Any]:
    """A list; text is split at commas, as Ansible does for options of type list, or read as a list in brackets.

    Raises:
        ValueError: says what was expected, without repeating the value.
    """
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    if isinstance(value, Mapping):
        raise ValueError("a list is wanted, this is a mapping")
    text = str(value).strip()
    if text.startswith("[") and text.endswith("]"):
        return _in_brackets(text)
    return _items(text)


def as_dict(value: Any) -> dict[str, Any]:
    """A mapping; text is read as JSON or as ``k=v, k=v``, as Ansible does for options of type dict.

    Raises:
        ValueError: says what was expected, without repeating the value.
    """
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a mapping is wanted, this is a {kind(value)}")
    # Not above: the layers read their settings by this file, and are tested beside a hub, where no Ansible is.
    from ansible.module_utils.common.validation import check_type_dict

    try:
        found: dict[str, Any] = check_type_dict(value.strip())
    except TypeError:
        raise ValueError(f"a mapping is wanted, this is a {kind(value)}") from None
    return found


def as_path(value: Any) -> str:
    """A path from the root on, with ``~`` and variables of the environment replaced; empty stays empty.

    A relative one starts in the folder that ansible-playbook was started in, as it does for every other program of a
    shell. Ansible itself starts modules in the playbook's folder, which for a collection's playbook is the collection.

    Raises:
        ValueError: says what was expected, without repeating the value.
    """
    if value is None:
        return ""
    if isinstance(value, (Mapping, list, tuple, set, int, float)):
        raise ValueError(f"a path is wanted, this is a {kind(value)}")
    # str(): vaulted text has a class of its own in ansible-core 2.18.
    text = os.path.expanduser(os.path.expandvars(str(value)))
    try:
        return os.path.abspath(text) if text else ""
    except OSError:
        raise ValueError("it is relative, and the folder that this was started in is not there any more") from None


def with_paths(found: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """A mapping in which these keys, where it has them, hold paths from the root on.

    Raises:
        ValueError: as :func:`as_path`.
    """
    return found | {key: as_path(found[key]) for key in keys if key in found}


def kind(value: Any) -> str:
    """What a value is, in one word."""
    return "mapping" if isinstance(value, Mapping) else "list" if isinstance(value, list) else "single value"


def _in_brackets(text: str) -> list[Any]:
    """JSON, or what a shell left of it: its quotes may be gone, or single ones."""
    try:
        found: list[Any] = json.loads(text)
    except ValueError:
        inner = text[1:-1]
        if "[" in inner or "]" in inner:  # the brackets are those of the items, as IPv6 addresses have them
            return _items(text)
        return [item.strip("'\"") for item in _items(inner)]
    return found


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
