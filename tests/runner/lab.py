# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tiers that need a cluster: lab, integration, molecule, e2e, and the tests of the lab itself.

They share one lab (its name is in LAB_NAME; a test run takes `test`, a single tier `lab`) and use the installed
artifact of the collection.
Every program runs inside the lab's network by `tests/lab/lab exec`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from . import content, environments, paths, results
from .environments import Environment
from .process import Failure, output, run
from .tiers import Tier, expected

LAB = paths.ROOT / "tests" / "lab" / "lab"
TARGETS = paths.ROOT / "tests" / "integration" / "targets"
#: the first start compiles Kubernetes and builds the image
COLD_MINUTES = 45.0
#: from what is built to a Ready node and all services; the lab itself promises 60 s
UP_SECONDS = 180.0
#: what takes longest of a tier's parts comes first, so that nothing is left alone at the end; before the files of e2e
#: the demo, whose hub others then find made
LONG_TARGETS = ("gke_iap", "hub_release", "hub_dns", "managed_certificate_reprovision", "hub_smoke_test")
LONG_FILES = ("test_demo", "test_helm_killed", "test_gke_iap", "test_canaries", "test_bad_input", "test_canaries_site")
MINUTES = {"integration": 8.0, "molecule": 3.0, "e2e": 15.0, "lab-parts": 3.0, "lab-test": 5.0, "helm3": 8.0}
#: of tests/lab, what compares the whole machine before and after
WHOLE_MACHINE = "tests/lab/test_lab.py"


def lab_name() -> str:
    """Return the name of the lab to use."""
    return os.environ.get("LAB_NAME") or "lab"


def variables(name: str = "run") -> tuple[Environment, dict[str, str]]:
    """Return the environment for the lab's tiers, or another, and its variables."""
    wanted = environments.ready(name)
    env = environments.variables(wanted, content.installed(wanted))
    env["LAB_NAME"] = lab_name()
    env["ANSIBLE_FORCE_COLOR"] = "0"
    env["NO_COLOR"] = "1"
    return wanted, env


def started() -> Tier:
    """Bring the lab up (a lab that is up stays as it is) and look at it once."""
    made = Tier("lab", COLD_MINUTES)
    if os.geteuid() != 0:
        made.note_failure("up", "The lab makes namespaces, mounts and cgroups. Do: run as root (sudo make ...).")
        return made
    _bring_up(made, {**environments.clean_environment(), "LAB_NAME": lab_name()})
    return made


def _bring_up(made: Tier, env: dict[str, str]) -> bool:
    for verb, limit in (("build", COLD_MINUTES * 60), ("up", UP_SECONDS), ("status", 60.0)):
        if made.step(verb, [LAB, verb], env=env, cwd=paths.ROOT, limit=limit).failed:
            return False
    return True


def stop() -> Tier:
    """Take the lab of this test run down again."""
    made = Tier("lab", 3.0)
    env = {**environments.clean_environment(), "LAB_NAME": lab_name()}
    made.step("down", [LAB, "down"], env=env, cwd=paths.ROOT)
    return made


def facts(env: dict[str, str]) -> dict[str, object]:
    """Return what `lab env --json` tells about the running lab."""
    try:
        found = json.loads(output([LAB, "env", "--json"], env=env, timeout=60))
    except ValueError as error:
        raise Failure(f"tests/lab/lab env --json printed no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Failure("tests/lab/lab env --json printed no object")
    return found


def _tier(tier: str, fill: Callable[[Tier, Environment, dict[str, str]], None]) -> Tier:
    made = Tier(tier, expected(MINUTES[tier]))
    try:
        wanted, env = variables()
        env["NIGHTLY"] = os.environ.get("NIGHTLY", "")
        fill(made, wanted, env)
    except Failure as error:
        made.note_failure("start", str(error))
    return made


def integration(only: Sequence[str] = ()) -> Tier:
    """Run every target of tests/integration/targets (or those named) as a role of a play of its own."""
    names = sorted(path.parents[1].name for path in TARGETS.glob("*/tasks/main.yml"))
    return _tier("integration", lambda made, wanted, env: _integration(made, wanted, env, chosen(names, only)))


def chosen(names: Sequence[str], only: Sequence[str]) -> list[str]:
    """Return the names to run; raise Failure where there are none, or one that does not exist is asked for."""
    unknown = sorted(set(only) - set(names))
    if unknown or not names:
        raise Failure(f"there is no {', '.join(unknown) or 'test'} here; there are: {', '.join(names) or 'none'}.")
    return [name for name in names if not only or name in only]


def _integration(made: Tier, wanted: Environment, env: dict[str, str], names: list[str]) -> None:
    known = facts(env)
    plays = paths.BUILD / "integration"
    plays.mkdir(parents=True, exist_ok=True)

    def target(name: str) -> None:
        mark = secrets.token_hex(2)
        given = {"lab": known, "test_id": mark, "test_namespace": f"it-{name.replace('_', '-')[:40]}-{mark}"}
        play = {
            "name": f"Integration target {name}",
            "hosts": "localhost",
            "gather_facts": False,
            "vars": given,
            "roles": [name],
        }
        source = plays / f"{name}.json"
        source.write_text(json.dumps([play]), encoding="utf-8")
        source.chmod(0o600)
        words = ["--inventory", "localhost,", "--connection", "local"]
        argv: list[str | Path] = [LAB, "exec", "--", wanted.bin / "ansible-playbook", *words, source]
        # As our playbooks have it; half of the processes, too.
        settings = {"ANSIBLE_ROLES_PATH": str(TARGETS), "ANSIBLE_PIPELINING": "true"}
        made.step(name, argv, env={**env, **settings}, cwd=plays)

    # Each has a namespace and host names of its own, and mostly waits: two at a time use the machine's second core.
    made.abreast([partial(target, name) for name in longest_first(names, LONG_TARGETS)], workers=2)


def helm3() -> Tier:
    """Run the target that drives Helm most with Helm 3, in a lab of its own that is gone afterwards."""

    def fill(made: Tier, wanted: Environment, env: dict[str, str]) -> None:
        env = {**env, "LAB_NAME": f"{lab_name()}-helm3", "LAB_HELM": "3"}
        try:
            if _bring_up(made, env):
                _integration(made, wanted, env, ["hub_release"])
        finally:
            made.step("down", [LAB, "down", "--purge"], env=env, cwd=paths.ROOT)

    return _tier("helm3", fill)


def molecule(only: Sequence[str] = ()) -> Tier:
    """Run every scenario of molecule/ (or those named); each counts once."""
    names = sorted(path.parent.name for path in (paths.ROOT / "molecule").glob("*/molecule.yml"))
    return _tier("molecule", lambda made, wanted, env: _molecule(made, wanted, env, chosen(names, only)))


def _molecule(made: Tier, wanted: Environment, env: dict[str, str], names: list[str]) -> None:
    env = {**env, "MOLECULE_GLOB": "molecule/*/molecule.yml"}
    for name in names:
        argv: list[str | Path] = [LAB, "exec", "--", wanted.bin / "molecule", "test", "--scenario-name", name]
        made.step(name, argv, env=env, cwd=paths.ROOT)


def e2e() -> Tier:
    """Run pytest over the files of tests/e2e inside the lab, two at a time: each has hubs of its own."""
    return _tier("e2e", _e2e)


def _e2e(made: Tier, wanted: Environment, env: dict[str, str]) -> None:
    names = sorted(path.stem for path in (paths.ROOT / "tests" / "e2e").glob("test_*.py"))
    if not names:
        raise Failure("tests/e2e has no test")

    def file(name: str) -> None:
        label = name.removeprefix("test_").replace("_", " ")
        _pytest(made, wanted, env, [f"tests/e2e/{name}.py"], label, [LAB, "exec", "--"])

    made.abreast([partial(file, name) for name in longest_first(names, LONG_FILES)], workers=2)


def longest_first(names: Sequence[str], long: Sequence[str]) -> list[str]:
    """Return the names with those known to take long before the others, in the order given for them."""
    return [*(name for name in long if name in names), *(name for name in names if name not in long)]


def lab_parts() -> Tier:
    """Run the tests of the lab's parts (chart, services, stand-ins), each by itself in a network of its own."""
    places = ["tests/lab", f"--ignore={WHOLE_MACHINE}"]
    return _tier("lab-parts", lambda made, wanted, env: _pytest(made, wanted, env, places, "pytest"))


def lab_test() -> Tier:
    """Run the tests of the lab as a whole; they start labs of their own and therefore come last."""
    return _tier("lab-test", lambda made, wanted, env: _pytest(made, wanted, env, [WHOLE_MACHINE], "pytest"))


def _pytest(
    made: Tier,
    wanted: Environment,
    env: dict[str, str],
    places: Sequence[str],
    label: str,
    prefix: Sequence[str | Path] = (),
) -> None:
    report = paths.BUILD / "junit" / f"{made.name}-{label.replace(' ', '-')}.xml"
    argv: list[str | Path] = [*prefix, wanted.bin / "python", "-m", "pytest", *places, "-v", f"--junitxml={report}"]
    made.step(label, argv, env=env, cwd=paths.ROOT, judge=results.junit(report))


def with_lab(tier: Callable[[], Tier]) -> Callable[[], Tier]:
    """Return a tier that brings the lab up first (for `make integration` and its like)."""

    def both() -> Tier:
        first = started()
        if first.total.failed:
            return first
        return tier()

    return both


def bench() -> int:
    """Run the benchmarks inside the lab; their output goes to the terminal."""
    wanted, env = variables("bench")
    if started().total.failed:
        return 1
    log = paths.LOGS / "bench.log"
    log.unlink(missing_ok=True)
    argv: list[str | Path] = [LAB, "exec", "--", wanted.bin / "python", paths.ROOT / "tests" / "bench" / "bench.py"]
    outcome = run(argv, log=log, timeout=3600, env=env, label="bench")
    print(log.read_text(encoding="utf-8", errors="replace"))
    return outcome.code
