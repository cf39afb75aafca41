# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every ``no_log`` of the collection: where it stands, and how to take it out of a copy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SITE = re.compile(r"""(?<!\w)["']?no_log["']?\s*:\s*(?P<value>true|True|"\{\{[^"]*\}\}")(?=[\s,}])""")
"""A protection in a specification or at a task."""
SWITCH = re.compile(r"^__\w+_no_log:\s*(?P<value>true)\s*$", re.M)
"""The variable that switches the tasks of one role."""
MODULES = ("modules", "module_utils")
"""Where the options of modules are specified."""


@dataclass(frozen=True)
class Site:
    """One place where something is protected.

    Attributes:
        path: the file, below the collection.
        start: where the value begins in the file.
        end: where it ends.
        line: for people.
    """

    path: str
    start: int
    end: int
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def sites(collection: Path) -> list[Site]:
    """Every protection of modules, of what they share, and of roles."""
    files = [
        *(path for part in MODULES for path in sorted((collection / "plugins" / part).rglob("*.py"))),
        *sorted((collection / "roles").rglob("*.yml")),
    ]
    found: list[Site] = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        for match in [*SITE.finditer(text), *SWITCH.finditer(text)]:
            line = text.count("\n", 0, match.start("value")) + 1
            found.append(Site(str(path.relative_to(collection)), match.start("value"), match.end("value"), line))
    return found


def removed(text: str, site: Site) -> str:
    """A file's text without one protection."""
    return text[: site.start] + ("False" if site.path.endswith(".py") else "false") + text[site.end :]


def strip(collection: Path, chosen: list[Site]) -> None:
    """Take protections out of a copy of the collection; the last of a file first, so that places stay right."""
    for site in sorted(chosen, key=lambda site: (site.path, site.start), reverse=True):
        path = collection / site.path
        path.write_text(removed(path.read_text(encoding="utf-8"), site), encoding="utf-8")
