# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about plugins/: layers, sizes, types, secrets, documentation that belongs together."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ...canary.inputs import WORDS, flat, module_specs
from .verdict import Verdict, functions, load, parsed, python_files

LICENCE = (
    "# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)"
)
# REUSE-IgnoreStart
SPDX = "SPDX-License-Identifier: GPL-3.0-or-later"
# REUSE-IgnoreEnd
MAIN_LINES, FUNCTION_LINES, COMPLEXITY, FILE_LINES = 40, 80, 14, 500
TYPICAL_LINES, TYPICAL_COMPLEXITY = 45, 9
BRANCHES = (
    ast.If,
    ast.For,
    ast.While,
    ast.ExceptHandler,
    ast.With,
    ast.Assert,
    ast.BoolOp,
    ast.IfExp,
    ast.comprehension,
    ast.Match,
)
ANSIBLE_NAMES = {"AnsibleModule", "exit_json", "fail_json"}
SHELL = "_shell.py"
#: all that a file of plugins/action holds below its first words
ACTION = """\
from __future__ import annotations
from ansible_collections.researchops.jupyterhub.plugins.plugin_utils.local_module import ActionModule
__all__ = ["ActionModule"]
"""
#: the first module of every play of the roles, and its action
FIRST = "cluster_kubeconfig"
FIRST_ACTION = (
    ACTION.replace(
        "__all__",
        "from ansible_collections.researchops.jupyterhub.plugins.plugin_utils.preload import preload\n__all__",
    )
    + "preload()\n"
)
SECRET = re.compile(rf"(^|_)({WORDS})(_|$)")
#: an option that names a file or a method, or tells how long something may last, is no secret by itself
NOT_SECRET = re.compile(r"_(file|files|method|timeout|ttl)$")
MARKS = ("TO" + "DO", "FIX" + "ME", "X" * 3)
#: action group: the documentation fragment whose options its members take
GROUPS = {"k8s": "researchops.jupyterhub.kubernetes", "gcp": "researchops.jupyterhub.gcp"}


def layers(root: Path) -> Verdict:
    """Nothing below the shell knows AnsibleModule, ends the process or reads a module's parameters."""
    verdict = Verdict()
    for path in python_files(root, "plugins/module_utils"):
        if path.name == SHELL:
            continue
        verdict.look()
        for node in ast.walk(parsed(path)):
            name = _name(node)
            if name in ANSIBLE_NAMES or (isinstance(node, ast.Attribute) and name == "params"):
                verdict.complaints.append(f"{path.relative_to(root)}:{node.lineno} uses {name}")  # type: ignore[attr-defined]
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ansible_collections."):
                own = (node.module or "").startswith("ansible_collections.researchops.jupyterhub")
                if not own:
                    verdict.complaints.append(f"{path.relative_to(root)}:{node.lineno} imports {node.module}")
    return verdict


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.name if isinstance(node, ast.alias) and hasattr(node, "lineno") else ""


def light_filters(root: Path) -> Verdict:
    """A filter plugin imports our code only when it is called.

    To find one filter, Ansible loads every filter file of the collection, in every task that uses one.
    """
    verdict = Verdict()
    for path in python_files(root, "plugins/filter"):
        verdict.look()
        verdict.complaints += [
            f"{path.relative_to(root)}:{node.lineno} imports {node.module} before it is called"
            for node in parsed(path).body
            if isinstance(node, ast.ImportFrom) and "module_utils" in (node.module or "")
        ]
    return verdict


def started_directly(root: Path) -> Verdict:
    """Every module has its action, and every action is the one that starts modules from their files."""
    verdict = Verdict()
    actions = {path.stem: path for path in python_files(root, "plugins/action")}
    for path in module_files(root):
        verdict.look(None if path.stem in actions else f"{path.relative_to(root)}: no action in plugins/action")
    for name, path in actions.items():
        if not (root / "plugins" / "modules" / f"{name}.py").is_file():
            verdict.complaints.append(f"{path.relative_to(root)}: no module of this name")
        allowed = FIRST_ACTION if name == FIRST else ACTION
        if ast.dump(ast.Module(parsed(path).body[1:], [])) != ast.dump(ast.parse(allowed)):
            verdict.complaints.append(f"{path.relative_to(root)}: not like the action of every module")
    return verdict


def broad_except(root: Path) -> Verdict:
    """Only the shell may catch everything; cleaning up and raising the same again is not catching."""
    verdict = Verdict()
    for path in python_files(root, "plugins"):
        if path.name == SHELL:
            continue
        verdict.look()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ExceptHandler) and _catches_all(node.type) and not _passes_on(node):
                verdict.complaints.append(f"{path.relative_to(root)}:{node.lineno} catches everything")
    return verdict


def _catches_all(caught: ast.expr | None) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(
        name is None or (isinstance(name, ast.Name) and name.id in ("Exception", "BaseException")) for name in names
    )


def _passes_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def complexity(function: ast.AST) -> int:
    """Return branches + 1."""
    return 1 + sum(isinstance(node, BRANCHES) for node in ast.walk(function))


def size(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return a function's lines."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def sizes(root: Path) -> Verdict:
    """No function, and no file, is too long or too branchy."""
    verdict = Verdict()
    lengths, branches = [], []
    for path in python_files(root, "plugins"):
        place = path.relative_to(root)
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        code = sum(1 for line in lines if line and not line.startswith("#"))
        if code > FILE_LINES and "modules" not in place.parts:
            verdict.complaints.append(f"{place}: {code} lines of code, at most {FILE_LINES}")
        for function in functions(parsed(path)):
            length, branch = size(function), complexity(function)
            lengths.append(length)
            branches.append(branch)
            limit = MAIN_LINES if function.name == "main" and "modules" in place.parts else FUNCTION_LINES
            bad = length > limit or branch > COMPLEXITY
            told = f"{function.name}: {length} lines of {limit}, complexity {branch} of {COMPLEXITY}"
            verdict.look(f"{place}:{function.lineno} {told}" if bad else None)
    for what, values, limit in (("lines", lengths, TYPICAL_LINES), ("complexity", branches, TYPICAL_COMPLEXITY)):
        if values and percentile(values, 0.95) > limit:
            verdict.complaints.append(f"95th percentile of {what}: {percentile(values, 0.95)}, at most {limit}")
    return verdict


def percentile(values: list[int], share: float) -> int:
    """Return the value that ``share`` of all values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def annotations(root: Path) -> Verdict:
    """Every function says what it takes and returns."""
    verdict = Verdict()
    for path in python_files(root, "plugins"):
        for function in functions(parsed(path)):
            taken = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
            taken += [extra for extra in (function.args.vararg, function.args.kwarg) if extra]
            bare = [
                argument.arg
                for argument in taken
                if argument.arg not in ("self", "cls") and argument.annotation is None
            ]
            bare += ["return"] if function.returns is None else []
            place = f"{path.relative_to(root)}:{function.lineno} {function.name}"
            verdict.look(f"{place}: no type for {', '.join(bare)}" if bare else None)
    return verdict


def licences(root: Path) -> Verdict:
    """Every plugin file carries the licence line that ansible-test looks for, and the SPDX line."""
    verdict = Verdict()
    for path in python_files(root, "plugins"):
        head = path.read_text(encoding="utf-8")[:600]
        missing = [line for line in (LICENCE, SPDX) if line not in head]
        verdict.look(f"{path.relative_to(root)}: its head lacks {missing}" if missing else None)
    return verdict


def unit_files(root: Path) -> Verdict:
    """Every plugin file has its unit file at the same place below tests/unit.

    Documentation fragments have none, nor have actions: :func:`started_directly` holds each to the same three lines,
    and what they import is tested as plugin_utils/local_module.py.
    """
    verdict = Verdict()
    for path in python_files(root, "plugins"):
        place = path.relative_to(root)
        if path.name == "__init__.py" or place.parts[1] in ("action", "doc_fragments"):
            continue
        wanted = Path("tests", "unit", place.parent, f"test_{path.name}")
        verdict.look(None if (root / wanted).is_file() else f"{place}: no {wanted}")
    return verdict


def leftovers(root: Path) -> Verdict:
    """Nothing is left half-done, and nothing names the place it was written in."""
    verdict = Verdict()
    marks = re.compile(rf"\b({'|'.join(MARKS)}|NotImplementedError)\b")
    home = f"{Path.home()}/." if str(Path.home()) != "/" else "/nowhere/."
    for top in ("plugins", "roles", "playbooks", "examples", "meta", "docs", "molecule"):
        for path in sorted((root / top).rglob("*")):
            if not path.is_file() or path.suffix not in {".py", ".yml", ".yaml", ".md", ".j2", ".sh"}:
                continue
            verdict.look()
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if marks.search(line) or home in line or (root.parent != Path("/") and f"{root.parent}/" in line):
                    verdict.complaints.append(f"{path.relative_to(root)}:{number} {line.strip()[:90]}")
    return verdict


def module_files(root: Path) -> list[Path]:
    """Return the modules."""
    return [path for path in python_files(root, "plugins/modules") if path.name != "__init__.py"]


def constants(path: Path) -> dict[str, str]:
    """Return the text constants at the top of a module: DOCUMENTATION, EXAMPLES, RETURN."""
    found = {}
    for node in parsed(path).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found.update({target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)})
    return found


def documentation(path: Path) -> dict[str, Any]:
    """Return a module's documentation."""
    return yaml.safe_load(constants(path).get("DOCUMENTATION", "")) or {}


def documented(root: Path) -> Verdict:
    """Every module has documentation, an example that uses it, return values, and says what check mode does."""
    verdict = Verdict()
    for path in module_files(root):
        texts, place = constants(path), path.relative_to(root)
        missing = [name for name in ("DOCUMENTATION", "EXAMPLES", "RETURN") if not texts.get(name, "").strip()]
        if missing:
            verdict.look(f"{place}: no {', '.join(missing)}")
            continue
        told = documentation(path)
        fragments = told.get("extends_documentation_fragment") or []
        attributes = "check_mode" in (told.get("attributes") or {})
        attributes = attributes or any(str(name).startswith("researchops.jupyterhub.attributes") for name in fragments)
        verdict.look(
            None if attributes else f"{place}: does not say how it behaves in check mode (fragment attributes)"
        )
        tasks = yaml.safe_load(texts["EXAMPLES"]) or []
        name = f"researchops.jupyterhub.{path.stem}"
        if not any(isinstance(task, dict) and name in task for task in tasks):
            verdict.complaints.append(f"{place}: no example uses {name}")
    return verdict


def examples(root: Path) -> Verdict:
    """Every example of a module gives options that a module takes; what a template yields is not known and passes."""
    verdict = Verdict()
    known = {f"researchops.jupyterhub.{name}": spec for name, spec in module_specs(root).items()}
    for path in module_files(root):
        for task in yaml.safe_load(constants(path).get("EXAMPLES", "")) or []:
            for name in known.keys() & task.keys():
                fixed = {key: value for key, value in (task[name] or {}).items() if "{{" not in str(value)}
                unknown = (task[name] or {}).keys() - fixed.keys()
                spec = {key: option for key, option in known[name].items() if key not in unknown}
                told = ArgumentSpecValidator(spec).validate(fixed).error_messages
                verdict.look(f"{path.relative_to(root)}: {task.get('name')}: {told[0]}" if told else None)
    return verdict


def action_groups(root: Path) -> Verdict:
    """The action groups k8s and gcp list exactly the modules that take the options of a cluster or of Google."""
    verdict = Verdict()
    groups = load(root / "meta" / "runtime.yml").get("action_groups") or {}
    modules = {path.stem for path in module_files(root)}
    for entry in _nox_groups(root / "antsibull-nox.toml"):
        meant = {name for name in modules if re.match(entry["pattern"], name)} - set(entry["exclusions"])
        other = sorted(meant ^ set(groups.get(entry["name"]) or []))
        told = f"antsibull-nox.toml and meta/runtime.yml disagree about {', '.join(other)} in the group {entry['name']}"
        verdict.look(told if other else None)
    for group, fragment in GROUPS.items():
        listed = set(groups.get(group) or [])
        for path in module_files(root):
            fragments = documentation(path).get("extends_documentation_fragment") or []
            takes, member = fragment in fragments, f"researchops.jupyterhub.attributes.actiongroup_{group}"
            if takes and path.stem not in listed:
                verdict.look(
                    f"{path.stem} extends {fragment} and is missing from the action group {group} in meta/runtime.yml"
                )
            elif takes and member not in fragments:
                verdict.look(f"{path.stem} extends {fragment} but not {member}, so its page names no action group")
            elif not takes and path.stem in listed:
                verdict.look(f"{path.stem} is in the action group {group} but does not extend {fragment}")
            else:
                verdict.look()
        gone = sorted(listed - modules)
        verdict.complaints += [f"the action group {group} lists {name}, which does not exist" for name in gone]
    return verdict


def _nox_groups(path: Path) -> list[dict[str, Any]]:
    settings = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {"sessions": {"extra_checks": {}}}
    found: list[dict[str, Any]] = settings["sessions"]["extra_checks"].get("action_groups_config", [])
    return found


def looks_secret(name: str) -> bool:
    """Tell whether a name sounds like a secret's."""
    return bool(SECRET.search(name)) and not NOT_SECRET.search(name)


def undecided(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the options that sound secret and carry no decision about no_log."""
    for name, option in flat(options):
        value = option.get("type", "str") not in ("bool", "int", "float")
        if value and looks_secret(name.rpartition(".")[2]) and "no_log" not in option:
            yield name


def module_secrets(root: Path) -> Verdict:
    """Every option of a module that sounds secret says whether it is (no_log: true or false)."""
    verdict = Verdict()
    for module, spec in module_specs(root).items():
        bad = list(undecided(spec))
        verdict.look(f"plugins/modules/{module}.py: no_log is not decided for {', '.join(bad)}" if bad else None)
    return verdict
