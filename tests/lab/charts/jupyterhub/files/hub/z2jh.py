# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hub.extraConfig and hub.extraFiles may import: the chart's values, secrets and object names.

The functions carry the names and meanings of z2jh's module of the same name, so that code written for the published
chart runs here. The files are mounted beside this module: values and secrets from Secret hub and hub.existingSecret
(which wins), names from ConfigMap hub.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
_REQUIRED = object()


@functools.lru_cache(maxsize=1)
def _values() -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for source in ("secret", "existing-secret"):
        path = HERE / source / "values.yaml"
        if path.exists():
            merged = _merge(merged, yaml.safe_load(path.read_text()) or {})
    return merged


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def get_config(key: str, default: Any = None) -> Any:
    """The value at a dotted path of the chart's values; `default` where the path does not exist."""
    found: Any = _values()
    for step in key.split("."):
        if not isinstance(found, dict) or step not in found:
            return default
        found = found[step]
    return found


def set_config_if_not_none(section: Any, trait: str, key: str) -> None:
    """Set a trait from the chart's values unless the value is absent or null."""
    value = get_config(key)
    if value is not None:
        setattr(section, trait, value)


def get_secret_value(key: str, default: Any = _REQUIRED) -> Any:
    """A key of hub.existingSecret, else of Secret hub; KeyError if neither has it and no default is given."""
    for source in ("existing-secret", "secret"):
        path = HERE / source / key
        if path.exists():
            return path.read_text()
    if default is _REQUIRED:
        raise KeyError(f"neither hub.existingSecret nor Secret hub has a key {key}")
    return default


def get_name(name: str) -> str:
    """The full name of one of the chart's objects, for example of `proxy-public`; KeyError if the chart has none."""
    path = HERE / "config" / name
    if not path.exists():
        raise KeyError(f"ConfigMap hub names no object {name}")
    return path.read_text()


def get_name_env(name: str, suffix: str = "") -> str:
    """An environment variable Kubernetes made for a Service of the chart, for example (`hub`, `_SERVICE_PORT`)."""
    return os.environ[(get_name(name) + suffix).upper().replace("-", "_")]
