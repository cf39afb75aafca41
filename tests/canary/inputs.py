# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which inputs of the collection take a secret: read from the specifications, so that a new one cannot be forgotten."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

WORDS = r"secrets?|passwords?|passphrases?|tokens?|private_keys?|credentials?|(?:service_account|key)_contents"
"""What a secret is called. A list of alternatives for a regular expression, for all that goes by names."""
SECRET_FILE = re.compile(r"(?:secret|password|token|private_key|service_account)(?:_\w+)?_file$")
"""Inputs that name a file with a secret in it; the name itself is none."""
PACKAGE = "ansible_collections.researchops.jupyterhub"


def load(path: Path) -> Any:
    """A YAML file of ours, by the fast parser where there is one; nothing for a file that is not there."""
    if not path.exists():
        return None
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def module_specs(collection: Path) -> dict[str, dict[str, Any]]:
    """The specification that each module hands to the shell: its main() is run, by a shell that only listens.

    Evaluated and not read, so an option is in it however it came there: written out, by a shared specification, merged.
    """
    with imported_from(collection):
        return {
            path.stem: _heard(importlib.import_module(f"{PACKAGE}.plugins.modules.{path.stem}"))
            for path in sorted((collection / "plugins" / "modules").glob("*.py"))
            if path.stem != "__init__"
        }


@contextmanager
def imported_from(collection: Path) -> Iterator[None]:
    """The collection's package is this folder meanwhile, all of it: a copy's modules take the copy's shared files."""

    def known() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] == PACKAGE.partition(".")[0]]

    kept = {name: sys.modules.pop(name) for name in known()}
    above, folders = "", {PACKAGE: [str(collection)]}
    for part in PACKAGE.split("."):
        above = f"{above}.{part}".strip(".")
        sys.modules[above] = package = ModuleType(above)
        package.__path__ = folders.get(above, [])
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for name in known():
            del sys.modules[name]
        sys.modules.update(kept)


def _heard(module: Any) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    assert callable(module.run), f"{module.__file__} does not take run from the shell"
    module.run = lambda *_all, argument_spec, **_rules: found.append(dict(argument_spec))
    module.main()
    assert len(found) == 1, f"main() of {module.__file__} asked the shell {len(found)} times"
    return found[0]


def flat(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every option with its specification, those inside of others as ``outer.inner``."""
    for name, spec in options.items():
        yield prefix + name, spec or {}
        yield from flat((spec or {}).get("options") or {}, f"{prefix}{name}.")


def role_options(collection: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The specification of every role option, those inside of others included: role -> option -> specification."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted((collection / "roles").glob("*/meta/argument_specs.yml")):
        options = found.setdefault(path.parents[1].name, {})
        for point in load(path)["argument_specs"].values():
            options.update(flat(point.get("options") or {}))
    return found


def module_secrets(collection: Path) -> set[str]:
    """Module options that take a secret, as ``module.option``."""
    return {
        f"{module}.{option}"
        for module, options in module_specs(collection).items()
        for option, spec in flat(options)
        if spec.get("no_log")
    }


def environment_secrets(collection: Path) -> set[str]:
    """Environment variables that a module takes in place of a secret option."""
    return {
        variable
        for options in module_specs(collection).values()
        for _option, spec in flat(options)
        if spec.get("no_log") and "fallback" in spec
        for variable in spec["fallback"][1]
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
