# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's options as Ansible would hand them over: checked against its own specification, defaults filled in."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from unittest.mock import patch

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import Redactor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._shell import Request


class Refused(Exception):
    """The specification does not take these options."""


def rules(module: ModuleType) -> dict[str, Any]:
    """What the module's main() hands to the shell."""
    found: dict[str, Any] = {}
    with patch.object(module, "run", lambda body, **words: found.update(words)):
        module.main()
    return found


def request(module: ModuleType, *, check_mode: bool = False, **given: Any) -> Request:
    """The request that these options make. Raises Refused with Ansible's own words."""
    words = rules(module)
    words.pop("libraries", None)
    result = ArgumentSpecValidator(**words).validate(given)
    if result.error_messages:
        raise Refused("; ".join(result.error_messages))
    return Request(dict(result.validated_parameters), check_mode, Redactor())
