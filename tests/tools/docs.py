# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/variables.md and the variable tables of the roles' READMEs from roles/*/meta/argument_specs.yml.

``--check`` writes nothing and names what differs; a contract compares the same, so no table can be kept by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "<!-- variables: generated from meta/argument_specs.yml -->"
END = "<!-- end of variables -->"
#: names that belong to no role: written once in the inventory, read by every role that wants them
SHARED = ("hub_name", "hub_platform", "hub_domain", "hub_port", "hub_base_url", "hub_admins", "hub_contact_email")
HEAD = """\
<!--
SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
SPDX-License-Identifier: GPL-3.0-or-later
-->
# Variables

The contract between inventories and roles. `make docs` writes this file from the roles' argument specs; correct those.

A variable belongs to the role whose name it starts with; the shared names below belong to none and are written once.
Secrets are only in variables that end in `_secret`, `_password`, `_token` or `_file`; those marked
*secret* are kept out of all output.

On the command line and in a survey of AWX all is text, and may be: `-e hub_admins=ada,bob` is a list of two,
`-e letsencrypt_staging=yes` a yes. A dict is given as JSON. A path may begin with `~` and hold `$VARIABLES`;
a relative one starts in the folder that `ansible-playbook` was started in.

A role in a play without `cluster_access` goes by `cluster_access_kubeconfig`, else as kubectl does;
nobody checks then which cluster that is. A play that leaves its own `cluster_access` out, as by
`--start-at-task`, is stopped (E-ACCESS-22).
"""
MARKUP: tuple[tuple[str, str], ...] = (
    (r"\bL\(([^,()]+),\s*([^()\s]+)\)", r"[\1](\2)"),
    (r"\bR\(([^,()]+),\s*[^()]+\)", r"\1"),
    (r"\bU\(([^()\s]+)\)", r"<\1>"),
    (r"\b[MP]\(([^()#]+)(?:#\w+)?\)", r"`\1`"),
    (r"\b(?:RV|O)\((?:[\w.]+#\w+:(?:\w+:)?)?([^()]+)\)", r"`\1`"),
    (r"\b[CVE]\(((?:[^()\\]|\\.)+)\)", r"`\1`"),
    (r"\bI\(([^()]+)\)", r"*\1*"),
    (r"\bB\(([^()]+)\)", r"**\1**"),
)


@dataclass(frozen=True)
class Variable:
    """One row: a variable of a role, or a key inside one."""

    name: str
    kind: str
    default: str
    meaning: str


def text(value: object) -> str:
    """Return Ansible's documentation markup as Markdown that fits a table cell."""
    sentences = value if isinstance(value, list) else [value or ""]
    result = " ".join(" ".join(str(sentence).split()) for sentence in sentences)
    for pattern, replacement in MARKUP:
        result = re.sub(pattern, replacement, result)
    return re.sub(r"\\([(),\\])", r"\1", result).replace("|", "\\|")


def kind(option: dict[str, Any]) -> str:
    """Return an option's type in words."""
    name = str(option.get("type", "str"))
    if name == "list":
        name = f"list of {option.get('elements', 'any')}"
    if option.get("choices"):
        name = ", ".join(f"`{json.dumps(choice)}`" if choice == "" else f"`{choice}`" for choice in option["choices"])
        name = f"one of {name}" if option.get("type") != "list" else f"list of: {name}"
    return f"{name}, *secret*" if option.get("no_log") else name


def default(option: dict[str, Any]) -> str:
    """Return the default's cell."""
    if option.get("required"):
        return "**required**"
    if "default" not in option:
        return ""
    value = option["default"]
    shown = value if isinstance(value, str) and value else json.dumps(value)
    return "`" + shown.replace("|", "\\|") + "`"


def variables(options: dict[str, Any], prefix: str = "") -> Iterator[Variable]:
    """Yield one row per option and per key inside it."""
    for name, option in options.items():
        option = option or {}
        yield Variable(prefix + name, kind(option), default(option), text(option.get("description")))
        inner = f"{prefix}{name}[]." if option.get("type") == "list" else f"{prefix}{name}."
        yield from variables(option.get("options") or {}, inner)


def specs(root: Path) -> dict[str, dict[str, Any]]:
    """Return role: entry points, for all roles."""
    found = {}
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        loaded = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found[path.parents[1].name] = loaded.get("argument_specs") or {}
    return found


def all_options(entries: dict[str, Any]) -> dict[str, Any]:
    """Return the options of all entry points together; the entry point main comes first and wins."""
    result: dict[str, Any] = {}
    for name in sorted(entries, key=lambda entry: (entry != "main", entry)):
        for option, what in ((entries[name] or {}).get("options") or {}).items():
            result.setdefault(option, what or {})
    return result


def owner(name: str, roles: list[str]) -> str:
    """Return the role a variable belongs to by its name; empty for a shared name."""
    if name in SHARED:
        return ""
    fitting = [role for role in roles if name == role or name.startswith(role + "_")]
    return max(fitting, key=len, default="")


def table(rows: list[Variable]) -> str:
    """Return a Markdown table."""
    lines = ["| variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{row.name}` | {row.kind} | {row.default} | {row.meaning} |" for row in rows]
    return "\n".join(lines) + "\n"


def entry_points(role: str, entries: dict[str, Any]) -> str:
    """Return the list of a role's entry points."""
    rows = []
    for name in sorted(entries, key=lambda entry: (entry != "main", entry)):
        entry = entries[name] or {}
        rows.append(f"- `{name}`: {text(entry.get('short_description'))}.")
    return f"Entry points of `researchops.jupyterhub.{role}` (`tasks_from`):\n\n" + "\n".join(rows) + "\n"


def role_section(role: str, entries: dict[str, Any], roles: list[str]) -> str:
    """Return what stands between the markers of a role's README."""
    options = all_options(entries)
    own = {name: option for name, option in options.items() if owner(name, roles) == role}
    parts = [entry_points(role, entries)]
    if own:
        parts.append(table(list(variables(own))))
    read = [f"`{name}`" for name in options if name not in own]
    if read:
        parts.append(f"Also read, see [docs/variables.md](../../docs/variables.md): {', '.join(read)}.\n")
    return "\n".join(parts)


def contract(known: dict[str, dict[str, Any]]) -> str:
    """Return docs/variables.md."""
    roles = list(known)
    shared: dict[str, Any] = {}
    for entries in known.values():
        for name, option in all_options(entries).items():
            if owner(name, roles) == "":
                shared.setdefault(name, option)
    ordered = sorted(shared, key=lambda name: (SHARED.index(name) if name in SHARED else len(SHARED), name))
    parts = [HEAD, "## Shared names\n", table(list(variables({name: shared[name] for name in ordered})))]
    for role, entries in known.items():
        own = {name: option for name, option in all_options(entries).items() if owner(name, roles) == role}
        summary = text((entries.get("main") or {}).get("short_description"))
        parts.append(f"## [{role}](../roles/{role}/README.md)\n\n{summary}.\n")
        if own:
            parts.append(table(list(variables(own))))
    return "\n".join(parts)


def with_section(readme: str, section: str) -> str:
    """Return a README with the text between the markers replaced; the markers are added where they are missing."""
    if BEGIN not in readme:
        return f"{readme.rstrip()}\n\n## Variables\n\n{BEGIN}\n\n{section}\n{END}\n"
    head, _begin, rest = readme.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{section}\n{END}{rest.partition(END)[2] or chr(10)}"


def wanted(root: Path) -> dict[Path, str]:
    """Return what every derived file should contain."""
    known = specs(root)
    result = {root / "docs" / "variables.md": contract(known)}
    for role, entries in known.items():
        path = root / "roles" / role / "README.md"
        current = path.read_text(encoding="utf-8") if path.exists() else f"# {role}\n"
        result[path] = with_section(current, role_section(role, entries, list(known)))
    return result


def main(argv: list[str]) -> int:
    """Write, or compare and name what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT)
    options = parser.parse_args(argv)
    stale = []
    for path, content in wanted(options.root).items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        stale.append(path.relative_to(options.root))
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    for path in stale:
        print(f"{path}: {'out of date; run make docs' if options.check else 'written'}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
