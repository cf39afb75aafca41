# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of tests/run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from . import content, environments, everything, housekeeping, lab, process


def command_env(options: argparse.Namespace) -> int:
    """Print the folder of an environment, making the environment first where needed."""
    for name in options.names or environments.NAMES:
        process.say(str(environments.ready(name).path))
    return 0


def command_exec(options: argparse.Namespace) -> int:
    """Run a program inside an environment, with our collection and its dependencies in place."""
    wanted = environments.ready(options.env)
    words = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not words:
        raise process.Failure(
            "exec needs a command after --, for example: "
            "tests/run exec -- ansible-playbook researchops.jupyterhub.site -i inventory"
        )
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    if not wanted.core:
        return process.replace(words, environments.bare(wanted, kept))
    tree = content.installed(wanted) if options.installed else content.linked(wanted)
    return process.replace(words, environments.variables(wanted, tree, kept))


def command_tier(options: argparse.Namespace) -> int:
    """Run one tier and end with its sum."""
    return everything.one(options.name, getattr(options, "only", ()))


def command_test(options: argparse.Namespace) -> int:
    """Run every tier."""
    del options
    return everything.all_tiers(everything.TIERS)


def command_nightly(options: argparse.Namespace) -> int:
    """Run the long tests."""
    del options
    return everything.nightly()


def command_bench(options: argparse.Namespace) -> int:
    """Run the benchmarks."""
    del options
    return lab.bench()


def command_docs(options: argparse.Namespace) -> int:
    """Write or compare the derived documentation."""
    return housekeeping.documentation(check=options.check)


def command_format(options: argparse.Namespace) -> int:
    """Lay out the code."""
    del options
    return housekeeping.layout()


def command_clean(options: argparse.Namespace) -> int:
    """Remove build products."""
    return housekeeping.clean(cache=options.cache)


def parser() -> argparse.ArgumentParser:
    """Return the parser; every command's function is its default `act`."""
    top = argparse.ArgumentParser(
        prog="tests/run", description="Environments, test tiers, documentation and demo of researchops.jupyterhub."
    )
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def add(name: str, act: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(act=act)
        return made

    env = add("env", command_env, "make virtual environments and print their folders")
    env.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(environments.NAMES)}; default: all")
    inside = add("exec", command_exec, "run a program in a virtual environment that sees the collection")
    inside.add_argument("--env", default="run", choices=environments.NAMES)
    inside.add_argument(
        "--installed", action="store_true", help="use the built and installed artifact instead of this checkout"
    )
    inside.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    add("test", command_test, "run every tier; what CI runs")
    add("nightly", command_nightly, "run every tier at length: all ansible-cores and Pythons, all seeds, Helm 3")
    add("bench", command_bench, "run the benchmarks inside the lab")
    docs = add("docs", command_docs, "write docs/variables.md and the tables in the roles' READMEs")
    docs.add_argument("--check", action="store_true", help="write nothing; tell what is out of date")
    add("format", command_format, "lay out the Python code as lint wants it")
    clean = add("clean", command_clean, "remove build/")
    clean.add_argument(
        "--cache", action="store_true", help="also the environments and collections outside the checkout"
    )
    for name in everything.TIERS:
        tier = add(name, command_tier, f"run the tier {name}")
        if name in everything.PARTS:
            tier.add_argument("only", nargs="*", metavar="NAME", help="only these; default: all")
    return top


def _stop(number: int, frame: object) -> None:
    """End like Ctrl-C, so that started programs and the lab of a test run are taken down."""
    raise KeyboardInterrupt


def main(argv: Sequence[str]) -> int:
    """Run one command; a Failure is one clear text on stderr and exit code 1."""
    options = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        act: Callable[[argparse.Namespace], int] = options.act
        return act(options)
    except process.Failure as error:
        print(f"tests/run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tests/run: stopped", file=sys.stderr)
        return 130
