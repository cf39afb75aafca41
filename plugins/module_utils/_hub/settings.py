# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a values role was asked for: its variables with defaults applied and types settled.

The z2jh role hands every documented ``hub_*`` variable to the layers, whether or not the role that owns the variable
runs in this play. A value may therefore come straight from an inventory or from ``-e``, where everything is text. Each
layer keeps one table of defaults, equal to its role's ``defaults/main.yml`` (a unit test compares them), and the type
of a default is the type of the variable.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .._core.typed import as_bool, as_dict, as_list, kind

Json = dict[str, Any]

HTTPS_PORT = 443

SHARED: Json = {
    "hub_name": "",
    "hub_platform": "existing",
    "hub_domain": "",
    "hub_port": HTTPS_PORT,
    "hub_base_url": "/",
    "hub_admins": [],
    "hub_contact_email": "",
}
"""The names that feed every role, with what applies where the inventory is silent."""

SECRET_ENDINGS = ("_secret", "_password", "_token")
"""Variables ending so hold secrets; they are never handed to a layer."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with what was asked for.

    Attributes:
        error_id: ``E-AREA-NN``; has an entry in docs/errors.md.
        path: the variable or the dotted path of the value.
        sentence: what is wrong with it, continuing after the path, without a full stop; never contains a secret.
        do: the one next step, without a full stop.
        seen: what was found, where that helps.
        wanted: what belongs there instead.
        joint: what stands between path and sentence.
    """

    error_id: str
    path: str
    sentence: str
    do: str
    seen: str = ""
    wanted: str = ""
    joint: str = " "

    @classmethod
    def from_error(cls, path: str, error: Mapping[str, str]) -> Finding:
        """A finding from :func:`error_parts`; its sentence has a subject of its own."""
        return cls(error["error_id"], path, error["what"], error["do"], error["seen"], error["wanted"], joint=": ")

    def text(self) -> str:
        """The finding in the collection's one form of an error."""
        return self.error().text()

    def error(self) -> HubError:
        """The finding as an error."""
        what = f"{self.path}{self.joint}{self.sentence}"
        return HubError(self.error_id, what, self.do, self.seen, self.wanted)

    def as_dict(self) -> Json:
        """The finding as plain data for a filter's result; at the same time a failed row of a preflight."""
        return {
            "check": self.path,
            "ok": False,
            "id": self.error_id,
            "path": self.path,
            "sentence": self.sentence,
            "do": self.do,
            "text": self.text(),
        }


def error_parts(error: HubError) -> dict[str, str]:
    """An error as data, so that a look-up can return it and all problems are reported at once."""
    return {part: getattr(error, part) for part in ("error_id", "what", "do", "seen", "wanted")}


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    return name.endswith(SECRET_ENDINGS)


def chart_major(version: str) -> int | None:
    """The first number of a chart's version, as 4 for ``v4.4.0``; None where none is said, as for a chart at a path."""
    found = re.match(r"v?(\d+)", version)
    return int(found[1]) if found else None


def plain(data: Any) -> Any:
    """``data`` as ordinary dicts, lists and scalars: Ansible's own string and container types are taken off."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple, set, frozenset)):
        return [plain(item) for item in data]
    if data is None or isinstance(data, (bool, int, float)):
        return data
    return str(data)


def read(variables: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[Json, list[Finding]]:
    """The variables named in ``defaults``, each in the type of its default.

    Returns:
        The settled variables, and one finding (E-VALUES-08) for each that cannot be read as its type; such a variable
        then has its default, so that the remaining checks can still be made.
    """
    settled: Json = {}
    findings: list[Finding] = []
    for name, default in defaults.items():
        value = plain(variables.get(name, default))
        try:
            settled[name] = _as_type_of(default, value)
        except ValueError as problem:
            settled[name] = default
            findings.append(
                Finding(
                    "E-VALUES-08",
                    name,
                    f"cannot be used: {problem}",
                    f"correct {name}; docs/variables.md says what it takes",
                )
            )
    return settled, findings


def unset(settled: Mapping[str, Any], wanted: Mapping[str, str], error_id: str, who: str) -> list[Finding]:
    """A finding for each variable that is not set although ``who`` needs it; ``wanted`` says what each one is."""
    return [
        Finding(error_id, name, f"is not set, and {who} needs it", f"set {name}: {meaning}")
        for name, meaning in wanted.items()
        if not settled[name]
    ]


def stray_names(variables: Mapping[str, Any], prefix: str, known: Mapping[str, Any]) -> list[Finding]:
    """A finding (E-VALUES-09) for each variable with a role's prefix that the role does not know: a typing error."""
    findings = []
    for name in sorted(variables):
        if not name.startswith(prefix) or name in known or is_secret(name):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = (
            f"rename it to {near[0]}, or remove it"
            if near
            else f"remove it; the variables of {prefix.rstrip('_')} are in docs/variables.md"
        )
        findings.append(
            Finding("E-VALUES-09", name, "is no variable of this collection, so it would have no effect", hint)
        )
    return findings


def _as_type_of(default: Any, value: Any) -> Any:
    """``value`` in the type of ``default``; None means the default.

    Raises:
        ValueError: says what was expected, without repeating the value.
    """
    if value is None:
        return default
    if isinstance(default, bool):
        return as_bool(value)
    if isinstance(default, int):
        return _as_int(value)
    if isinstance(default, list):
        return _as_texts(as_list(value))
    if isinstance(default, dict):
        # Chart values are a tree. Ansible also takes k=v for a mapping: a path would be one key with dots in it.
        if isinstance(value, str) and not value.strip().startswith("{"):
            raise ValueError(f"a mapping is wanted, this is a {kind(value)}")
        return as_dict(value)
    if isinstance(value, (dict, list)):
        raise ValueError(f"text is wanted, this is a {kind(value)}")
    return str(value).strip()


def _as_texts(items: Iterable[Any]) -> list[str]:
    """The texts of a list, without blanks at their ends.

    Raises:
        ValueError: for an item that is none. Written as text it would be a name all the same: of nobody, with whom the
            hub does not start, or of a user ``None`` or ``False``.
    """
    texts = []
    for position, item in enumerate(items, start=1):
        if item is None or isinstance(item, (dict, list, bool)):
            what = f"a {kind(item)}" if isinstance(item, (dict, list)) else f"{json.dumps(item)}, without quotes"
            raise ValueError(f"texts are wanted, and item {position} is {what}")
        texts.append(str(item).strip())
        if not texts[-1]:
            raise ValueError(f"texts are wanted, and item {position} is empty")
    return texts


def _as_int(value: Any) -> int:
    try:
        return int(str(value).strip())
    except ValueError:
        raise ValueError("a whole number is wanted") from None
