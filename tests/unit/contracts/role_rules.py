# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about roles/ and playbooks/: one skeleton, specs that tell the truth, secrets decided, somebody tests it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment

from .code_rules import undecided
from .verdict import Verdict, load, options, roles, specs

PARTS = (
    "README.md",
    "defaults/main.yml",
    "meta/argument_specs.yml",
    "meta/main.yml",
    "tasks/main.yml",
    "tasks/preflight.yml",
)
ENTRY_POINTS = ("main", "preflight")
SHARED_DEFAULT = re.compile(
    r"^\{\{ (hub_(?:name|platform|domain|port|base_url|admins|contact_email)) \| default\((.+)\) \}\}$"
)
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
RUN_ROLE = re.compile(r"(?:(?:include|import)_role:\s+name|\brole): [\"']?researchops\.jupyterhub\.(\w+)")
#: what makes of a text the type that a spec promises; Ansible's check lets the text of -e pass, and relative paths
CONVERTERS = {
    "list": "researchops.jupyterhub.typed('list')",
    "dict": "researchops.jupyterhub.typed('dict')",
    "bool": "researchops.jupyterhub.typed('bool')",
    "path": "researchops.jupyterhub.typed('path')",
    "int": "int",
    "float": "float",
}
#: keys of a task whose texts are expressions without braces
EXPRESSIONS = {"when", "that", "until", "failed_when", "changed_when"}
PLAY_KEYS = {"name", "hosts", "connection", "gather_facts", "vars", "roles", "any_errors_fatal", "serial"}


def skeleton(root: Path) -> Verdict:
    """Every role has the same parts and the same entry points."""
    verdict = Verdict()
    for role in roles(root):
        missing = [part for part in PARTS if not (role / part).is_file()]
        missing += [f"entry point {name}" for name in ENTRY_POINTS if name not in specs(role)]
        missing += [f"tasks/{name}.yml" for name in specs(role) if not (role / "tasks" / f"{name}.yml").is_file()]
        verdict.look(f"{role.name}: no {', '.join(dict.fromkeys(missing))}" if missing else None)
    return verdict


def defaults(root: Path) -> Verdict:
    """A role's defaults and its spec have the same keys and the same values; a spec's defaults fit its types."""
    verdict = Verdict()
    for role in roles(root):
        given, described = load(role / "defaults" / "main.yml"), options(role)
        own = {
            name: option
            for name, option in described.items()
            if name.startswith(f"{role.name}_") and "default" in option
        }
        complaints = [f"{name} has a default but is not in the spec" for name in given if name not in described]
        complaints += [f"{name} has a default in the spec only" for name in own if name not in given]
        complaints += [
            f"{name} is {given[name]!r} in defaults and {described[name].get('default')!r} in the spec"
            for name in given
            if name in described and not same(given[name], described[name].get("default"))
        ]
        complaints += [
            f"{name} is another role's or a shared name and may have no default here"
            for name in foreign(role.name, described)
        ]
        complaints += list(misfits(described))
        for name in given:
            verdict.look()
            complaints += jinja(name, given[name])
        verdict.complaints += [f"{role.name}: {complaint}" for complaint in complaints]
    return verdict


def same(left: object, right: object) -> bool:
    """Tell whether two defaults are equal, types included (True is not 1)."""
    return type(left) is type(right) and left == right


def foreign(role: str, described: dict[str, Any]) -> list[str]:
    """Return the names in a spec that are not the role's own and carry a default nevertheless."""
    return [name for name, option in described.items() if not name.startswith(f"{role}_") and "default" in option]


def misfits(described: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the options whose default does not fit the declared type or the choices."""
    for name, option in described.items():
        option = option or {}
        kind, value = option.get("type", "str"), option.get("default")
        if "default" in option and not (isinstance(value, str) and SHARED_DEFAULT.match(value)):
            fits = isinstance(value, TYPES.get(kind, (object,))) and (kind == "bool" or not isinstance(value, bool))
            if not fits:
                yield f"{prefix}{name}: the default {value!r} is no {kind}"
            elif option.get("choices") and kind != "list" and value not in option["choices"]:
                yield f"{prefix}{name}: the default {value!r} is none of the choices"
        if kind == "list" and not option.get("elements"):
            yield f"{prefix}{name}: a list without elements"
        yield from misfits(option.get("options") or {}, f"{prefix}{name}.")


def jinja(name: str, value: object) -> Iterator[str]:
    """Yield a complaint for a default that is neither a literal nor one shared name with a literal fall-back."""
    if isinstance(value, str) and ("{{" in value or "{%" in value) and not SHARED_DEFAULT.match(value):
        yield f"{name}: only a literal or '{{{{ hub_x | default(LITERAL) }}}}' may be a default, not {value!r}"
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from jinja(name, inner)


def shared_types(root: Path) -> Verdict:
    """A variable that several roles describe has one type and one set of choices."""
    verdict = Verdict()
    seen: dict[str, tuple[str, object]] = {}
    for role in roles(root):
        for name, option in options(role).items():
            shape = (option.get("type", "str"), option.get("elements"), bool(option.get("no_log")))
            first, expected = seen.setdefault(name, (role.name, shape))
            verdict.look(None if shape == expected else f"{name} is {shape} in {role.name} and {expected} in {first}")
    return verdict


def secrets(root: Path) -> Verdict:
    """Every role variable that sounds secret says whether it is (no_log: true or false)."""
    verdict = Verdict()
    for role in roles(root):
        bad = list(undecided(options(role)))
        verdict.look(f"{role.name}: no_log is not decided for {', '.join(bad)}" if bad else None)
    return verdict


def tested(root: Path) -> Verdict:
    """Every role is run: by a molecule scenario, an integration target, or a playbook that an e2e test plays."""
    verdict = Verdict()
    plays = [path for top in ("molecule", "tests/integration/targets") for path in (root / top).rglob("*.yml")]
    e2e = "\n".join(path.read_text(encoding="utf-8") for path in (root / "tests" / "e2e").rglob("*.py"))
    plays += [
        path
        for path in (root / "playbooks").glob("*.yml")
        if re.search(rf'(?i)\b(?:play|run)\w*\b.*"(?:{{COLLECTION}}\.)?{path.stem}"', e2e)
    ]
    run = {name for path in plays for name in RUN_ROLE.findall(path.read_text(encoding="utf-8"))}
    for role in roles(root):
        verdict.look(None if role.name in run else f"{role.name}: no scenario, target or e2e test runs it")
    return verdict


def proxied(root: Path) -> Verdict:
    """A task of kubernetes.core takes the kubeconfig's proxy: its Python package may not read it, or go past it."""
    verdict = Verdict()
    for path in sorted((root / "roles").glob("*/tasks/*.yml")):
        for task in tasks_of(load(path) or []):
            for name in ("kubernetes.core.k8s", "kubernetes.core.k8s_info"):
                if name in task:
                    place = f"{path.relative_to(root)}: {task.get('name')}"
                    for option in ("proxy", "no_proxy"):
                        good = f"__cluster_access_{option}" in str((task[name] or {}).get(option, ""))
                        verdict.look(None if good else f"{place}: no {option} of __cluster_access_{option}")
    return verdict


def tasks_of(entries: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield every task of a list, also those in blocks."""
    for entry in entries:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from tasks_of(entry.get(part) or [])


def playbooks(root: Path) -> Verdict:
    """A playbook says which hosts get which roles, and nothing else."""
    verdict = Verdict()
    for path in sorted((root / "playbooks").glob("*.yml")):
        for play in load(path):
            extra = sorted(set(play) - PLAY_KEYS)
            wrong = [f"has {', '.join(extra)}"] if extra else []
            if play.get("hosts") == "hubs" and (
                play.get("connection") != "local" or play.get("gather_facts") is not False
            ):
                wrong.append("must set connection: local and gather_facts: false")
            names = [
                entry.get("role", "") if isinstance(entry, dict) else str(entry) for entry in play.get("roles") or []
            ]
            wrong += [
                f"names the role {name!r} without the collection"
                for name in names
                if not name.startswith("researchops.jupyterhub.")
            ]
            wrong += [
                f"names {name}, which does not exist"
                for name in names
                if not (root / "roles" / name.rpartition(".")[2]).is_dir()
            ]
            verdict.look(f"playbooks/{path.name}: {'; '.join(wrong)}" if wrong else None)
    return verdict


def guarded(root: Path) -> Verdict:
    """No choice of tags leaves out the look at which cluster this is: without it, a person's own context is used."""
    verdict = Verdict()
    for path in sorted((root / "playbooks").glob("*.yml")):
        entries = [entry for play in load(path) for entry in play.get("roles") or [] if isinstance(entry, dict)]
        for entry in entries:
            if entry.get("role") == "researchops.jupyterhub.cluster_access":
                good = "always" in (entry.get("tags") or [])
                verdict.look(None if good else f"playbooks/{path.name}: cluster_access without the tag always")
    return verdict


def internal(root: Path) -> Verdict:
    """What a role finds out has an internal name: a public one of ``-e`` would win over what was found."""
    verdict = Verdict()
    for path in sorted((root / "roles").glob("*/tasks/*.yml")):
        for task in tasks_of(load(path) or []):
            for name in [*(task.get("ansible.builtin.set_fact") or {}), *filter(None, [task.get("register")])]:
                verdict.look(None if name.startswith("__") else f"{path.relative_to(root)}: {name} is found out")
    return verdict


def plain_specs(root: Path) -> Verdict:
    """No merge keys in argument specs: Ansible takes a key that is written again for a duplicate, and warns in every
    run.
    """
    verdict = Verdict()
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        merged = "<<:" in path.read_text(encoding="utf-8")
        verdict.look(f"{path.relative_to(root)} merges entries by <<" if merged else None)
    return verdict


def converted(root: Path) -> Verdict:
    """A variable that is no text is read as what its spec says, though -e gives text: Ansible's check only looks."""
    verdict = Verdict()
    kinds = {
        name: option["type"]
        for role in roles(root)
        for name, option in options(role).items()
        if option.get("type") in CONVERTERS
    }
    for path in sorted(path for part in ("tasks", "vars", "handlers") for path in root.glob(f"roles/*/{part}/*.yml")):
        module = path.parent.name == "tasks"  # it makes a number or a yes of its option itself
        for name, alone, rest in (found for text in templates(load(path)) for found in readings(text, kinds)):
            wanted = CONVERTERS[kinds[name]]
            # a filter may have more to say than the type
            good = rest.startswith((f"|{wanted}", f"|{wanted.removesuffix(')')},")) or (
                module and alone and kinds[name] not in ("list", "dict", "path")
            )
            verdict.look(None if good else f"{path.relative_to(root)}: {name} without | {wanted}")
    return verdict


def templates(data: object, key: str = "") -> Iterator[str]:
    """Yield every text in a YAML document as a template; expressions get the braces they do without."""
    if isinstance(data, str):
        yield f"{{{{ ({data}) }}}}" if key in EXPRESSIONS and "{{" not in data else data
    pairs = data.items() if isinstance(data, dict) else [(key, item) for item in data] if isinstance(data, list) else []
    for name, inner in pairs:
        yield from templates(inner, str(name))


def readings(template: str, names: Container[str]) -> Iterator[tuple[str, bool, str]]:
    """Yield each of the names that a template reads, whether it stands alone in its braces, and what follows it.

    A default belongs to the name.
    """
    lexed = Environment().lex(template)  # noqa: S701  # no page is made of it
    tokens = [(kind, text) for _line, kind, text in lexed if kind != "whitespace"]
    for place, (kind, text) in enumerate(tokens):
        before = tokens[place - 1][1] if place else ""
        after = "".join(text for _kind, text in tokens[place + 1 :])
        if kind != "name" or text not in names or before == "." or re.match("=(?!=)", after):
            continue
        rest = re.sub(r"^\|default(\((?:[^()]|\(\))*\))?", "", after)
        yield text, before == "{{" and rest.startswith("}}"), rest
