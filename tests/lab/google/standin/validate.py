# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a JSON value fit a schema of a discovery document? Pure.

The schemas are JSON Schema of draft 3 in Google's dialect: ``$ref`` names a schema of the same document, an object
has exactly the named properties unless it has ``additionalProperties``, 64-bit numbers travel as strings. Of requests
Google also takes 64-bit numbers as numbers and null for "not given"; replies have neither.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Problem = tuple[str, str]
Schema = Mapping[str, Any]

RANGES = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint32": (0, (1 << 32) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint64": (0, (1 << 64) - 1),
}
DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")
MASK = re.compile(r"[A-Za-z0-9_.]+(,[A-Za-z0-9_.]+)*")


def check(
    schema: Schema, value: Any, schemas: Mapping[str, Schema], *, reply: bool = False, method: str = ""
) -> list[Problem]:
    """Every place where ``value`` does not fit; an empty list means it fits. ``method`` switches required fields on."""
    found: list[Problem] = []
    _Check(schemas, reply, method, found).value(schema, value, "")
    return found


class _Check:
    def __init__(self, schemas: Mapping[str, Schema], reply: bool, method: str, found: list[Problem]) -> None:
        self.schemas, self.reply, self.method, self.found = schemas, reply, method, found

    def wrong(self, where: str, kind: str, value: Any) -> None:
        shown = str(value)[:60]
        self.found.append((where, f"Invalid value at '{where}' ({kind}), \"{shown}\""))

    def value(self, schema: Schema, value: Any, where: str) -> None:
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"]]
        kind = schema.get("type", "any")
        if value is None and not self.reply and where:
            return
        if kind == "object":
            self.object(schema, value, where)
        elif kind == "array":
            self.array(schema, value, where)
        elif kind == "string":
            self.string(schema, value, where)
        elif kind == "integer":
            self.integer(schema, value, where)
        elif kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
            self.wrong(where, "TYPE_DOUBLE", value)
        elif kind == "boolean" and not isinstance(value, bool):
            self.wrong(where, "TYPE_BOOL", value)

    def object(self, schema: Schema, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            self.wrong(where, "TYPE_MESSAGE", value)
            return
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        for given, one in value.items():
            name = given if self.reply else _known_name(given, known)
            inner = f"{where}.{name}" if where else name
            if name in known:
                self.value(known[name], one, inner)
            elif more is not None:
                self.value(more, one, inner)
            else:
                self.found.append(
                    (
                        where,
                        f'Invalid JSON payload received. Unknown name "{name}"'
                        + (f" at '{where}'" if where else "")
                        + ": Cannot find field.",
                    )
                )
        for name, one in known.items():
            if (
                self.method
                and self.method in one.get("annotations", {}).get("required", ())
                and value.get(name) is None
            ):
                self.found.append((f"{where}.{name}".lstrip("."), f"Required field '{name}' not specified"))

    def array(self, schema: Schema, value: Any, where: str) -> None:
        if not isinstance(value, list):
            self.wrong(where, "repeated", value)
            return
        for number, one in enumerate(value):
            if one is None:
                self.wrong(f"{where}[{number}]", "null in a list", one)
            else:
                self.value(schema["items"], one, f"{where}[{number}]")

    def string(self, schema: Schema, value: Any, where: str) -> None:
        form = schema.get("format", "")
        if form in RANGES:
            self.number_text(form, value, where)
            return
        if not isinstance(value, str):
            self.wrong(where, "TYPE_STRING", value)
            return
        if "enum" in schema and value not in schema["enum"]:
            self.wrong(where, "TYPE_ENUM", value)
        pattern = schema.get("pattern")
        if pattern and not self.reply and not re.fullmatch(pattern, value):
            self.found.append((where, f"Invalid value at '{where}': \"{value}\" does not match '{pattern}'"))
        if form and not _fits(form, value):
            self.wrong(where, f"TYPE_{form.upper()}", value)

    def number_text(self, form: str, value: Any, where: str) -> None:
        if isinstance(value, int) and not isinstance(value, bool) and not self.reply:
            number = value
        elif isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            number = int(value)
        else:
            self.wrong(where, f"TYPE_{form.upper()}", value)
            return
        low, high = RANGES[form]
        if not low <= number <= high:
            self.wrong(where, f"TYPE_{form.upper()}", value)

    def integer(self, schema: Schema, value: Any, where: str) -> None:
        form = schema.get("format", "int32")
        low, high = RANGES[form]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.wrong(where, f"TYPE_{form.upper()}", value)


def _fits(form: str, value: str) -> bool:
    """Whether a text has the named format."""
    if form == "byte":
        try:
            base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            return False
    elif form in ("google-datetime", "date-time"):
        try:
            datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value).replace("Z", "+00:00"))
        except ValueError:
            return False
    elif form == "google-duration":
        return bool(DURATION.fullmatch(value))
    elif form == "google-fieldmask":
        return bool(MASK.fullmatch(value))
    return True


def _known_name(given: str, known: Mapping[str, Schema]) -> str:
    """The field a client means: Google also takes the underscored name of a field."""
    if given in known or "_" not in given:
        return given
    first, *rest = given.split("_")
    camel = first + "".join(word.capitalize() for word in rest)
    return camel if camel in known else given


def renamed(schema: Schema, value: Any, schemas: Mapping[str, Schema]) -> Any:
    """A request with every field under its usual name."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    if isinstance(value, list):
        return [renamed(schema.get("items", {}), one, schemas) for one in value]
    if not isinstance(value, dict):
        return value
    known, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    return {
        (name := _known_name(given, known)): renamed(known.get(name, more), one, schemas)
        for given, one in value.items()
    }


# ---- parameters ----------------------------------------------------------------------------------------------
def parameter(name: str, spec: Schema, values: list[str]) -> list[Problem]:
    """Whether a parameter's texts (from path or query) fit its description in the discovery document."""
    found: list[Problem] = []
    if len(values) > 1 and not spec.get("repeated"):
        found.append((name, f"Parameter '{name}' is given {len(values)} times"))
    for value in values:
        kind = spec.get("type", "string")
        if kind == "boolean":
            good = value in ("true", "false")
        elif kind == "integer" or spec.get("format") in RANGES:
            low, high = RANGES[spec.get("format", "int32")]
            low, high = max(low, int(spec.get("minimum", low))), min(high, int(spec.get("maximum", high)))
            good = bool(re.fullmatch(r"-?\d+", value)) and low <= int(value) <= high
        else:
            good = (
                ("enum" not in spec or value in spec["enum"])
                and ("pattern" not in spec or bool(re.fullmatch(spec["pattern"], value)))
                and _fits(spec.get("format", ""), value)
            )
        if not good:
            found.append((name, f"Invalid value at '{name}', \"{value[:60]}\""))
    return found
