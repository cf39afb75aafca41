# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which inputs of the collection take a secret: read from the specifications, so that a new one cannot be forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SECRET_FILE = re.compile(r"(?:secret|password|token|private_key|service_account)(?:_\w+)?_file$")
"""Inputs that name a file with a secret in it; the name itself is none."""


def load(path: Path) -> Any:
    """A YAML file of ours, by the fast parser where there is one; nothing for a file that is not there."""
    if not path.exists():
        return None
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def module_options(collection: Path) -> dict[str, dict[str, bool]]:
    """The ``no_log`` of every module option that has one: module -> option -> decision."""
    return {
        path.stem: dict(_no_logs(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted((collection / "plugins" / "modules").glob("*.py"))
    }


def _no_logs(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Options in dictionary displays: ``"name": {..., "no_log": True}``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Dict):
                for name, decision in zip(value.keys, value.values, strict=True):
                    if isinstance(name, ast.Constant) and name.value == "no_log":
                        assert isinstance(decision, ast.Constant), f"no_log of {key.value!r} is computed"
                        yield str(key.value), bool(decision.value)


def role_options(collection: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The specification of every role option: role -> option -> specification."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted((collection / "roles").glob("*/meta/argument_specs.yml")):
        options = found.setdefault(path.parents[1].name, {})
        for point in load(path)["argument_specs"].values():
            options.update(point.get("options") or {})
    return found


def module_secrets(collection: Path) -> set[str]:
    """Module options that take a secret, as ``module.option``."""
    return {
        f"{module}.{option}"
        for module, options in module_options(collection).items()
        for option, hidden in options.items()
        if hidden
    }


def role_secrets(collection: Path) -> set[str]:
    """Role variables that take a secret."""
    return {
        name
        for options in role_options(collection).values()
        for name, spec in options.items()
        if spec.get("no_log") is True
    }


def secret_files(collection: Path) -> set[str]:
    """Role variables that name a file with a secret in it."""
    return {name for options in role_options(collection).values() for name in options if SECRET_FILE.search(name)}
