# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule says about a tree: how much it looked at, and what is wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass
class Verdict:
    """The outcome of one rule; ``examined`` guards against a rule that passes because it found nothing to judge."""

    examined: int = 0
    complaints: list[str] = field(default_factory=list)

    def look(self, complaint: str | None = None) -> None:
        """Count one thing looked at, and note what is wrong with it."""
        self.examined += 1
        if complaint:
            self.complaints.append(complaint)


def python_files(root: Path, top: str) -> list[Path]:
    """Return the Python files below a folder of the tree."""
    return sorted(path for path in (root / top).rglob("*.py") if path.is_file() and not path.is_symlink())


def parsed(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def load(path: Path) -> Any:
    """Return a YAML file's content; an absent or empty file is an empty mapping."""
    return (yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None) or {}


def roles(root: Path) -> list[Path]:
    """Return the roles' folders."""
    return sorted(path for path in (root / "roles").glob("*") if path.is_dir())


def specs(role: Path) -> dict[str, Any]:
    """Return a role's entry points."""
    found = load(role / "meta" / "argument_specs.yml").get("argument_specs") or {}
    return {name: entry or {} for name, entry in found.items()}


def options(role: Path) -> dict[str, Any]:
    """Return the options of all entry points of a role together; main wins."""
    entries = specs(role)
    result: dict[str, Any] = {}
    for name in sorted(entries, key=lambda entry: entry != "main"):
        for option, what in (entries[name].get("options") or {}).items():
            result.setdefault(option, what or {})
    return result
