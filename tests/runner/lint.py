# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that judges files without running them. Each tool sees a true copy of the project, so nothing is
written into the work tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from . import content, environments, paths
from .environments import Environment
from .process import Failure, Outcome
from .tiers import Count, Tier

MINUTES = 3.0
#: what must be typed without a gap; the rest of the Python code is checked by ruff
TYPED = ("plugins", "roles", "tests/runner", "tests/tools")


def variables(wanted: Environment) -> dict[str, str]:
    """Return the linters' environment variables: no network, no colours, caches outside the copy."""
    result = environments.variables(wanted, content.linked(wanted))
    caches = paths.checkout_cache() / "lint"
    result.update(
        NO_COLOR="1",
        ANSIBLE_LINT_SKIP_SCHEMA_UPDATE="1",
        MYPY_CACHE_DIR=str(caches / "mypy"),
        RUFF_CACHE_DIR=str(caches / "ruff"),
    )
    return result


def is_shell(path: Path) -> bool:
    """Tell whether a file is a shell script, by name or by first line."""
    if path.suffix in (".sh", ".bash"):
        return True
    if path.suffix:
        return False
    with path.open("rb") as stream:
        first = stream.readline(80)
    return first.startswith(b"#!") and any(word in first for word in (b"/sh", b"bash"))


def importer_judge(outcome: Outcome, log: Path) -> Count:
    """galaxy-importer ends well with warnings; here a warning fails."""
    text = log.read_text(encoding="utf-8", errors="replace")
    bad = [line for line in text.splitlines() if line.startswith(("WARNING", "ERROR"))]
    return (
        Count(passed=1)
        if outcome.ok and not bad
        else Count(failed=1, note=f"{len(bad)} warnings or errors" if bad else "")
    )


def tier() -> Tier:
    """Run every linter; each counts as one check."""
    made = Tier("lint", MINUTES)
    try:
        wanted = environments.ready("lint")
        folder = content.copied(wanted)
        env = variables(wanted)
    except Failure as error:
        made.note_failure("environment", str(error))
        return made
    tool = wanted.bin
    scripts = [path for path in content.files() if is_shell(folder / path)]
    plain: list[tuple[str, list[str | Path]]] = [
        ("ruff format", [tool / "ruff", "format", "--check", "."]),
        ("ruff check", [tool / "ruff", "check", "--output-format", "concise", "."]),
        ("yamllint", [tool / "yamllint", "--strict", "."]),
        ("shellcheck", [tool / "shellcheck", *scripts]),
        ("reuse", [tool / "reuse", "lint", "--lines"]),
        ("antsibull-changelog", [tool / "antsibull-changelog", "lint"]),
    ]
    for label, argv in plain:
        made.step(label, argv, env=env, cwd=folder)
    for label, step in (
        ("mypy strict", mypy),
        ("ansible-lint", ansible_lint),
        ("antsibull-docs", antsibull_docs),
        ("galaxy-importer", importer),
    ):
        guarded(made, label, step, wanted, folder, env)
    return made


def guarded(
    made: Tier,
    label: str,
    step: Callable[[Tier, Environment, Path, dict[str, str]], None],
    wanted: Environment,
    folder: Path,
    env: dict[str, str],
) -> None:
    """Run a step that prepares something first; what it cannot prepare is its failure."""
    try:
        step(made, wanted, folder, env)
    except Failure as error:
        made.note_failure(label, str(error))


def mypy(made: Tier, wanted: Environment, folder: Path, env: dict[str, str]) -> None:
    """mypy --strict; the collection is found under its real name ansible_collections.researchops.jupyterhub."""
    top = folder.parents[2]
    there = [folder.relative_to(top) / part for part in TYPED if (folder / part).is_dir()]
    argv: list[str | Path] = [wanted.bin / "mypy", "--config-file", folder / "pyproject.toml", *there]
    made.step("mypy strict", argv, env=env, cwd=top)


def ansible_lint(made: Tier, wanted: Environment, folder: Path, env: dict[str, str]) -> None:
    """ansible-lint, profile production, offline, nothing skipped."""
    argv: list[str | Path] = [
        wanted.bin / "ansible-lint",
        "--offline",
        "--profile",
        "production",
        "--project-dir",
        folder,
    ]
    made.step("ansible-lint", argv, env={**env, "PATH": f"{wanted.bin}{os.pathsep}{env['PATH']}"}, cwd=folder)


def antsibull_docs(made: Tier, wanted: Environment, folder: Path, env: dict[str, str]) -> None:
    """Documentation of plugins and roles: schema, markup, every reference."""
    argv: list[str | Path] = [
        wanted.bin / "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--skip-rstcheck",
        "--validate-collection-refs=all",
        "--disallow-unknown-collection-refs",
        ".",
    ]
    made.step("antsibull-docs", argv, env=env, cwd=folder)


def importer(made: Tier, wanted: Environment, folder: Path, env: dict[str, str]) -> None:
    """What Galaxy does with an upload, on the artifact we build."""
    tarball = content.artifact(wanted, made.log("galaxy-importer"))
    settings = {
        "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "1",
        # Steps of their own, and stricter ones: sanity, ruff, ansible-lint with the profile production.
        "GALAXY_IMPORTER_RUN_ANSIBLE_TEST": "0",
        "GALAXY_IMPORTER_RUN_FLAKE8": "0",
        "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "0",
        "ANSIBLE_LOCAL_TEMP": str(paths.checkout_cache() / "lint" / "tmp"),
    }
    argv: list[str | Path] = [wanted.bin / "python", "-m", "galaxy_importer.main", tarball]
    made.step("galaxy-importer", argv, env={**env, **settings}, cwd=folder.parents[2], judge=importer_judge)
