# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's discovery documents, cut down to what the stand-in answers, and the way from a request to a method.

``python3 -m standin.discovery SOURCE TARGET`` cuts: SOURCE is the wheel of google-api-python-client or a directory with
its documents. Of a method the stand-in does not answer only id, verb and path stay, so that calling it can be told from
calling what Google does not have.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from standin.names import DOCUMENTS

INSIDE_WHEEL = "googleapiclient/discovery_cache/documents"
KEPT = ("type", "format", "enum", "pattern", "items", "properties", "additionalProperties", "$ref", "annotations")
KEPT_PARAMETER = ("type", "format", "enum", "pattern", "minimum", "maximum", "location", "required", "repeated")
SYSTEM = ("$alt", "$prettyPrint", "$fields", "$.xgafv", "key", "quotaUser", "alt", "prettyPrint", "fields")


@dataclass(frozen=True)
class Method:
    """One method of one API; ``answered`` is false where only its name is known."""

    id: str
    verb: str
    path: str
    answered: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    request: str = ""
    response: str = ""
    scopes: tuple[str, ...] = ()


# ---- cutting -------------------------------------------------------------------------------------------------
def methods_of(resource: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """All methods below a resource of a discovery document."""
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods_of(inner)


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without what only people read."""
    kept: dict[str, Any] = {}
    for key in KEPT:
        if key not in schema:
            continue
        value = schema[key]
        if key == "properties":
            kept[key] = {name: _bare(one) for name, one in value.items()}
        elif key in ("items", "additionalProperties"):
            kept[key] = _bare(value)
        else:
            kept[key] = value
    return kept


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"]
        for value in schema.values():
            yield from _references(value)


def cut(document: Mapping[str, Any], answered: Iterable[str]) -> dict[str, Any]:
    """The document with the answered methods whole, their schemas, and the names of all other methods."""
    wanted = set(answered)
    methods, queue = [], []
    for method in methods_of(document):
        short: dict[str, Any] = {"id": method["id"], "verb": method["httpMethod"], "path": method["path"]}
        if method["id"] in wanted:
            wanted.discard(method["id"])
            named = {name: method.get(name, {}).get("$ref", "") for name in ("request", "response")}
            queue += [name for name in named.values() if name]
            parameters = {
                name: {key: spec[key] for key in KEPT_PARAMETER if key in spec}
                for name, spec in method.get("parameters", {}).items()
            }
            short |= {"answered": True, "parameters": parameters, "scopes": method.get("scopes", []), **named}
        methods.append(short)
    if wanted:
        raise ValueError(f"{document['name']} {document['version']} has no method {', '.join(sorted(wanted))}")
    schemas: dict[str, Any] = {}
    while queue:
        name = queue.pop()
        if name not in schemas:
            schemas[name] = _bare(document["schemas"][name])
            queue += list(_references(schemas[name]))
    host = document["rootUrl"].removeprefix("https://").rstrip("/")
    return {
        "name": document["name"],
        "version": document["version"],
        "revision": document["revision"],
        "host": host,
        "base": document["servicePath"],
        "system": sorted({*document["parameters"], *SYSTEM}),
        "methods": methods,
        "schemas": schemas,
    }


def read_documents(source: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """(name, document) for every API of the stand-in, from a wheel or a directory."""
    for name in DOCUMENTS:
        if source.is_dir():
            text = (source / f"{name}.json").read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(source) as wheel:
                text = wheel.read(f"{INSIDE_WHEEL}/{name}.json").decode("utf-8")
        yield name, json.loads(text)


def cut_all(source: Path, target: Path) -> None:
    """Write one small document for each API into ``target``."""
    from standin.apis import HANDLERS

    target.mkdir(parents=True, exist_ok=True)
    for name, document in read_documents(source):
        small = cut(document, HANDLERS.get(name, {}))
        (target / f"{name}.json").write_text(json.dumps(small, separators=(",", ":")), encoding="utf-8")


# ---- finding a method ------------------------------------------------------------------------------------------
class Api:
    """One API, ready to match requests."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.name: str = data["name"]
        self.version: str = data["version"]
        self.document = f"{self.name}.{self.version}"
        self.host: str = data["host"]
        self.base: str = data["base"]
        self.system = frozenset(data["system"])
        self.schemas: Mapping[str, Any] = data["schemas"]
        self.methods = {one["id"]: _method(one) for one in data["methods"]}
        self._plain: dict[tuple[str, int], list[tuple[tuple[str, ...], Method]]] = {}
        self._greedy: list[tuple[re.Pattern[str], Method]] = []
        for method in self.methods.values():
            if "{+" in method.path:
                self._greedy.append((_pattern(method.path), method))
            else:
                parts = tuple(method.path.split("/"))
                self._plain.setdefault((method.verb, len(parts)), []).append((parts, method))
        self._greedy.sort(key=lambda pair: (not pair[1].answered, -len(re.sub(r"{[^}]*}", "", pair[1].path))))

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method for a path below the API's base, with its parameters decoded. A literal beats a variable."""
        parts = tuple(path.split("/"))
        best: tuple[int, Method, dict[str, str]] | None = None
        for template, method in self._plain.get((verb, len(parts)), ()):
            values = _match(template, parts)
            if values is not None and (best is None or len(values) < best[0]):
                best = (len(values), method, values)
        if best:
            return best[1], best[2]
        for pattern, method in self._greedy:
            found = pattern.fullmatch(path) if method.verb == verb else None
            if found:
                values = {name: unquote(text) for name, text in found.groupdict().items()}
                if all(_fits(method, name, text) for name, text in values.items()):
                    return method, values
        return None


def _method(data: Mapping[str, Any]) -> Method:
    if not data.get("answered"):
        return Method(data["id"], data["verb"], data["path"])
    return Method(
        data["id"], data["verb"], data["path"], True, data["parameters"], data["request"], data["response"],
        tuple(data["scopes"]),
    )  # fmt: skip


def _pattern(path: str) -> re.Pattern[str]:
    """A template such as ``v1/{+resource}:getIamPolicy`` as a regular expression."""
    text = ""
    for piece in re.split(r"({\+?\w+})", path):
        if piece.startswith("{+"):
            text += f"(?P<{piece[2:-1]}>.+)"
        elif piece.startswith("{"):
            text += f"(?P<{piece[1:-1]}>[^/]+)"
        else:
            text += re.escape(piece)
    return re.compile(text)


def _match(template: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for wanted, part in zip(template, parts, strict=True):
        if "{" not in wanted:
            if wanted != part:
                return None
            continue
        found = _pattern(wanted).fullmatch(part)
        if not found:
            return None
        values |= {name: unquote(text) for name, text in found.groupdict().items()}
    return values


def _fits(method: Method, name: str, text: str) -> bool:
    pattern = method.parameters.get(name, {}).get("pattern")
    return pattern is None or re.fullmatch(pattern, text) is not None


class Catalogue:
    """All APIs of a directory; a document is read when its API is first asked for, to spare memory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._read: dict[str, Api] = {}

    def api(self, document: str) -> Api:
        """The API by document name, for example ``iap.v1``."""
        if document not in self._read:
            text = (self.directory / f"{document}.json").read_text(encoding="utf-8")
            self._read[document] = Api(json.loads(text))
        return self._read[document]


if __name__ == "__main__":
    cut_all(Path(sys.argv[1]), Path(sys.argv[2]))
