# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold documentation and messages to the code: error ids, variables, commands, links."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import ERROR_ID

from .verdict import Verdict, options, parsed, python_files, roles

NAMED = re.compile(rf"\b{ERROR_ID}\b")
ENTRY = re.compile(rf"^### (?P<id>{ERROR_ID})\b(?P<title>.*)$", re.MULTILINE)
MARKUP = re.compile(r"\b[BCEILMOPRUV]+\([^()]*\)")
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOOL = Path(__file__).resolve().parents[2] / "tools" / "docs.py"


def error_ids(root: Path, *tops: str) -> dict[str, str]:
    """Return every error id below these folders, and the first file that names it; not those of this package."""
    found: dict[str, str] = {}
    for path in (path for top in tops for path in sorted((root / top).rglob("*"))):
        if path.is_file() and path.suffix in {".py", ".yml", ".j2"} and "contracts" not in path.parts:
            for name in NAMED.findall(path.read_text(encoding="utf-8")):
                found.setdefault(name, str(path.relative_to(root)))
    return found


def used_errors(root: Path) -> dict[str, str]:
    """Return the error ids that a person may meet."""
    return error_ids(root, "plugins", "roles", "playbooks")


def errors_tested(root: Path) -> Verdict:
    """Every error id in the code is named by a test."""
    verdict = Verdict()
    named = error_ids(root, "tests", "molecule")
    for name, place in sorted(used_errors(root).items()):
        verdict.look(None if name in named else f"{name} ({place}) is named by no test")
    return verdict


def errors(root: Path) -> Verdict:
    """Every error id in the code has one entry in docs/errors.md that explains and cures it, and vice versa."""
    verdict = Verdict()
    path = root / "docs" / "errors.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    entries = list(ENTRY.finditer(text))
    ends = [*(entry.start() for entry in entries[1:]), len(text)][: len(entries)]
    documented = [entry["id"] for entry in entries]
    used = used_errors(root)
    for name, place in sorted(used.items()):
        verdict.look(None if name in documented else f"{name} ({place}) has no entry in docs/errors.md")
    for entry, end in zip(entries, ends, strict=True):
        body = text[entry.end() : end]
        if entry["id"] not in used:
            verdict.complaints.append(f"docs/errors.md explains {entry['id']}, which no code uses")
        if documented.count(entry["id"]) > 1:
            verdict.complaints.append(f"docs/errors.md has {entry['id']} more than once")
        if not entry["title"].strip() or "**Means**" not in body or "**Do**" not in body:
            verdict.complaints.append(
                f"docs/errors.md: the entry of {entry['id']} lacks its title, **Means** or **Do**"
            )
    return verdict


def documents(root: Path) -> list[Path]:
    """Return the pages that people read."""
    return sorted((*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("roles/*/README.md")))


@cache
def tool() -> ModuleType:
    """Return the program that writes the derived documentation."""
    spec = importlib.util.spec_from_file_location("derived_docs", TOOL)
    if spec is None or spec.loader is None:
        raise ImportError(str(TOOL))
    module = importlib.util.module_from_spec(spec)
    sys.modules["derived_docs"] = module
    spec.loader.exec_module(module)
    return module


def derived(root: Path) -> Verdict:
    """docs/variables.md and the tables in the roles' READMEs are what the argument specs say."""
    verdict = Verdict()
    for path, content in tool().wanted(root).items():
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        verdict.look(None if current == content else f"{path.relative_to(root)} is out of date: run make docs")
    return verdict


def variables(root: Path) -> Verdict:
    """Every variable exists that a document, or a text in a plugin, tells a person about."""
    verdict = Verdict()
    names = sorted(role.name for role in roles(root))
    known = {*names, *(path.stem for path in python_files(root, "plugins"))}
    for name, option in (item for role in roles(root) for item in options(role).items()):
        known |= {name, *map(str, option.get("choices") or [])}
    for path, text in told(root):
        # In Python, `hub_url` and the like are also names of its own.
        ours = names if path.suffix == ".py" else [*names, "hub"]
        for name in re.findall(rf"(?<![\w./-])(?:{'|'.join(ours) or 'x'})_[a-z0-9_]*[a-z0-9](?![\w*])", text):
            wrong = f"{path.relative_to(root)} names {name}, which is no variable, choice, role or plugin"
            verdict.look(None if name in known else wrong)
    return verdict


def told(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield what people read: documents, examples, roles' own messages, texts in plugins that are no documentation."""
    for path in sorted((*documents(root), *root.glob("roles/*/*/*.yml"), *root.glob("examples/*/*.yml"))):
        yield path, path.read_text(encoding="utf-8")
    for path in python_files(root, "plugins"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                yield path, node.value


def yaml_blocks(root: Path) -> Verdict:
    """Every block of YAML in a document can be read as it stands there."""
    verdict = Verdict()
    for path in documents(root):
        for block in YAML_BLOCK.findall(path.read_text(encoding="utf-8")):
            try:
                yaml.safe_load(block)
            except yaml.YAMLError as problem:
                verdict.look(f"{path.relative_to(root)} shows what is no YAML: {problem}")
            else:
                verdict.look()
    return verdict


def commands(root: Path) -> Verdict:
    """Every ``make TARGET`` that a document names exists, and README names the two commands of a newcomer."""
    verdict = Verdict()
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    for path in documents(root):
        for name in re.findall(r"(?:`|^)make ([a-z0-9-]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            verdict.look(
                None if name in targets else f"{path.relative_to(root)} names make {name}, which does not exist"
            )
    readme = (root / "README.md").read_text(encoding="utf-8")
    verdict.complaints += [
        f"README.md does not name make {name}" for name in ("demo", "test") if f"make {name}" not in readme
    ]
    return verdict


def links(root: Path) -> Verdict:
    """Every relative link in a document leads to a file."""
    verdict = Verdict()
    for path in documents(root):
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            there = (path.parent / target).exists()
            verdict.look(None if there else f"{path.relative_to(root)} links to {target}, which does not exist")
    return verdict


def fragments(root: Path) -> Verdict:
    """Changelog fragments are reStructuredText; Ansible's own markup would be printed as it stands."""
    verdict = Verdict()
    for path in sorted((root / "changelogs" / "fragments").glob("*.yml")):
        found = MARKUP.search(path.read_text(encoding="utf-8"))
        verdict.look(f"{path.relative_to(root)} says {found[0]}, which is no markup there" if found else None)
    return verdict
