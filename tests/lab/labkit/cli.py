# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of tests/lab/lab."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from labkit import browse, build, cgroups, enter, foreign, labs, runtime
from labkit import up as ups
from labkit.paths import KUBERNETES_VERSION, Lab
from labkit.say import LabError, say

MEBI = 1 << 20


def _existing(name: str) -> Lab:
    lab = labs.find(name)
    if lab is None:
        raise LabError(
            f"E-LAB-DOWN  There is no lab {name!r}. Nothing was changed. Do: tests/lab/lab up --name {name}."
        )
    return lab


def _up(options: argparse.Namespace) -> int:
    if foreign.kubeconfig():
        foreign.up()
    else:
        ups.up(options.name, with_image=not options.no_image)
    return 0


def _down(options: argparse.Namespace) -> int:
    if foreign.kubeconfig():
        say("LAB_KUBECONFIG names somebody's own cluster: nothing to take down")
    else:
        ups.down(options.name, options.purge)
    return 0


def _build(options: argparse.Namespace) -> int:
    built = build.everything(labs.cache_directory(), not options.no_image and ups.have_image())
    print(
        json.dumps(
            {
                "labkube": str(built.labkube),
                "helm": str(built.helm),
                "image": built.image.reference if built.image else "",
            }
        )
    )
    return 0


def _row(name: str, state: str, pid: int, restarts: int, since: float, memory: int) -> str:
    age = f"{time.time() - since:.0f} s" if since else ""
    return f"{name:<20} {state:<12} {pid or '-':>8} {restarts:>8} {age:>10} {memory / MEBI:>6.0f} MiB"


def _status(options: argparse.Namespace) -> int:
    """One line per part; exit code 0 when all is ready, 3 when the lab is down, 4 when a part is missing."""
    lab = _existing(options.name)
    if runtime.supervisor_pid(lab) is None:
        print(f"{lab.name}: down")
        return 3
    seen, pids = runtime.status(lab), runtime.host_pids(lab)
    print(f"{lab.name}: Kubernetes {KUBERNETES_VERSION}, {lab.api_server}, {cgroups.describe()}")
    print(f"{'part':<20} {'state':<12} {'pid':>8} {'restarts':>8} {'since':>10} {'memory':>10}")
    print(
        _row(
            "supervisor",
            "ready",
            pids.get(1, 0),
            0,
            seen.get("started", 0),
            runtime.memory([pids[1]] if 1 in pids else []),
        )
    )
    for name, part in seen.get("parts", {}).items():
        pid = pids.get(part["pid"], 0)
        print(_row(name, part["state"], pid, part["restarts"], part["since"], runtime.memory([pid] if pid else [])))
    print(f"memory in all, pods included: {runtime.total_memory(lab) / MEBI:.0f} MiB")
    return 0 if all(part["state"] == "ready" or part["optional"] for part in seen.get("parts", {}).values()) else 4


def _exec(options: argparse.Namespace) -> NoReturn:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise LabError("E-LAB-USAGE  lab exec wants a command. Do: tests/lab/lab exec -- COMMAND.")
    if foreign.kubeconfig():
        foreign.execute(command)
    lab, pid = enter.running(labs.find(options.name), options.name)
    enter.execute(lab, pid, ups.load_facts(lab), command)


def _logs(options: argparse.Namespace) -> int:
    lab = _existing(options.name)
    logs = sorted(lab.logs.glob("*.log"))
    if options.part:
        logs = [log for log in logs if log.stem == options.part]
        if not logs:
            known = ", ".join(sorted(log.stem for log in lab.logs.glob("*.log")))
            raise LabError(f"E-LAB-USAGE  No part {options.part!r} has a log. Do: choose one of {known}.")
    words = ["tail", "-n", str(options.lines), *(["-F"] if options.follow else []), *map(str, logs)]
    return subprocess.run(words, check=False).returncode


def _env(options: argparse.Namespace) -> int:
    found = foreign.facts() if foreign.kubeconfig() else ups.load_facts(_existing(options.name))
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for key, value in found.items():
            print(f"export LAB_{key.upper()}={shlex.quote(value)}")
        print(f"export KUBECONFIG={shlex.quote(found['kubeconfig'])}")
    return 0


def _browse(options: argparse.Namespace) -> int:
    lab, pid = enter.running(labs.find(options.name), options.name)
    return browse.browse(lab, pid, ups.load_facts(lab), options.url, options.screenshot)


def _forward(options: argparse.Namespace) -> int:
    lab, _pid = enter.running(labs.find(options.name), options.name)
    ups.set_forward(lab, options.action == "start")
    return 0


def _verbs(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, act: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=text, description=text)
        one.add_argument("--name", default=argparse.SUPPRESS, help="which lab (default: $LAB_NAME or lab)")
        one.set_defaults(act=act)
        return one

    up = verb("up", _up, "build what is missing, start the lab, wait until it is ready")
    up.add_argument("--no-image", action="store_true", help="without the image that holds JupyterHub")
    down = verb("down", _down, "end the lab; its files stay for the next up")
    down.add_argument("--purge", action="store_true", help="remove its files too")
    built = verb("build", _build, "only build and install what the lab needs")
    built.add_argument("--no-image", action="store_true", help="without the image that holds JupyterHub")
    verb("status", _status, "one line per part")
    execute = verb("exec", _exec, "run a command in the lab's network, with its names and its CA")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    logs = verb("logs", _logs, "the end of the logs")
    logs.add_argument("part", nargs="?", help="one part only")
    logs.add_argument("-n", "--lines", type=int, default=40)
    logs.add_argument("-f", "--follow", action="store_true")
    env = verb("env", _env, "what a program needs to know about the lab")
    env.add_argument("--json", action="store_true", help="as JSON instead of shell lines")
    browser = verb("browse", _browse, "Chromium inside the lab")
    browser.add_argument("url", nargs="?", default="https://hub.lab.test:8443/")
    browser.add_argument("--screenshot", type=Path, help="no window: write what is seen to this PNG file")
    forward = verb("forward", _forward, "the door from the host, 127.0.0.1:8443")
    forward.add_argument("action", choices=("start", "stop"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="lab", description="A genuine single-node Kubernetes with DNS, ACME and OpenID Connect, on this machine."
    )
    parser.add_argument(
        "--name", default=os.environ.get("LAB_NAME") or "lab", help="which lab (default: $LAB_NAME or lab)"
    )
    _verbs(parser)
    options = parser.parse_args(arguments)
    try:
        return int(options.act(options))
    except RuntimeError as error:  # LabError, and what image, services and pki say: all of them texts for a person
        print(error, file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired as error:
        print(f"E-LAB-TIME  {error}. Do: run it again; if it stays, `lab logs`.", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `lab status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except PermissionError as error:
        print(f"E-LAB-ROOT  {error.filename}: {error.strerror}. Do: run it as root.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"E-LAB-IO  {error}. Do: look at the disk (`df -h`), then run it again.", file=sys.stderr)
        return 1
