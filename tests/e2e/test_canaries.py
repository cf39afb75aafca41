# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves the collection: planted in every input, searched for in everything that any run leaves behind.

One campaign of runs for the whole module, some at a time, with every process below them under watch. What is looked
for and how: tests/canary; that the looking itself works: tests/unit/canary, and the last tests here, in which the
protection is taken out and the secrets must turn up. A real hub, from nothing to its end: test_canaries_site.py.
"""

from __future__ import annotations

import random
import secrets
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import support_canaries
from support_canaries import Campaign, Outcome, Search, plays
from support_demo import demo_hub

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "canary"))
import inputs
import protection
from forms import VARIANTS
from pairs import pairwise
from processes import PERIOD, Watch
from search import Artefact

AT_ONCE = 3
MODES = ("apply", "check")
OUTCOMES = ("success", "failure", "kill")
CODES = {"success": 0, "failure": 2, "kill": -9}
CALLBACKS = ("default", "json")
JUNIT = ("report", "none")
# The inputs of one run take turns with the variants, so every run has all of them, and over the rows every input does.
ROWS = [
    {**row, "variant": list(VARIANTS)[number % len(VARIANTS)]}
    for number, row in enumerate(pairwise({"outcome": OUTCOMES, "callback": CALLBACKS, "junit": JUNIT, "mode": MODES}))
]
LOUD = {"mode": "apply", "outcome": "success", "callback": "default", "junit": "none", "variant": "plain"}
QUIET = {**LOUD, "mode": "check", "outcome": "failure"}
SINGLE_REMOVALS = 5
UNREAD = {
    "cluster_access_bastion.private_key_file",
    "cluster_access_oidc_client_secret_file",
    "cluster_access_service_account_file",
    "domain_verification_service_account_file",
    "gke_iap_service_account_file",
    "hub_dns_service_account_file",
    "hub_verify_service_account_file",
    "hub_verify_stranger_service_account_file",
}
"""Files whose contents no option carries, so nothing could show them: helpers, ssh and Google's library read them."""


def title(number: int, row: dict[str, str]) -> str:
    return "-".join([f"{number:02}", *row.values()])


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """The place and the settings of all runs."""
    return Campaign(tmp_path_factory.mktemp("canaries"), demo_hub().split("//")[1].split(":")[0])


@pytest.fixture(scope="module")
def bare(campaign: Campaign) -> Path:
    """A collections path in which our copy hides nothing any more, nor does the foreign module that takes a key."""
    ours = support_canaries.copy_of_collections(campaign.folder / "bare")
    protection.strip(ours, protection.sites(ours))
    update = ours.parents[1] / "community" / "general" / "plugins" / "modules" / "nsupdate.py"
    update.write_text(update.read_text(encoding="utf-8").replace("no_log=True", "no_log=False"), encoding="utf-8")
    return campaign.folder / "bare"


@pytest.fixture(scope="module")
def watch(campaign: Campaign) -> Iterator[Watch]:
    """All processes below this one."""
    seen = campaign.folder / "processes"
    seen.mkdir()
    with Watch(seen) as watching:
        yield watching


Runs = dict[str, Future[Outcome]]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, campaign: Campaign, watch: Watch) -> Iterator[Runs]:
    """Every run that a chosen test needs, under its name, the long ones first."""
    work: dict[str, Callable[[], Outcome]] = {}
    for number, row in enumerate(ROWS):
        work[f"roles[{title(number, row)}]"] = partial(campaign.role_row, f"roles-{number:02}", row, number=number)
    work["runner"] = campaign.runner
    work["environment"] = partial(campaign.environment_row, "environment")
    for number, row in enumerate(ROWS):
        work[f"modules[{title(number, row)}]"] = partial(
            campaign.module_row, f"modules-{number:02}", row, number=number
        )
    chosen = " ".join(item.name.replace("_keep_secrets", "") for item in request.session.items)
    needed = [name for name in work if name in chosen or "test_no_process" in chosen]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(work[name]) for name in needed}
        pool.shutdown(cancel_futures=True)


def clean(outcome: Outcome) -> None:
    """Nothing was found, in artefacts that are there."""
    print(f"{outcome.name}: {len(outcome.planted)} canaries, {sum(len(item.data) for item in outcome.artefacts)} bytes")
    assert outcome.searched().hits == [], "\n".join(str(hit) for hit in outcome.hits)


def test_every_secret_input_has_a_canary() -> None:
    collection = support_canaries.installed()
    assert inputs.module_secrets(collection) == set(plays.MODULES)
    assert inputs.role_secrets(collection) == set(plays.ROLES)
    assert inputs.secret_files(collection) == set(plays.FILES)
    assert inputs.environment_secrets(collection) == set(plays.ENVIRONMENT)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: title(number, ROWS[number]))
def test_roles_keep_secrets(runs: Runs, number: int) -> None:
    row = ROWS[number]
    outcome: Outcome = runs[f"roles[{title(number, row)}]"].result(timeout=900)
    assert outcome.code == CODES[row["outcome"]], outcome.output[-3000:]
    assert ("API token" in {canary.name for canary in outcome.planted}) == (row["outcome"] == "success")
    left_in_form(outcome, row)
    clean(outcome)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: title(number, ROWS[number]))
def test_modules_keep_secrets(runs: Runs, number: int) -> None:
    row = ROWS[number]
    outcome: Outcome = runs[f"modules[{title(number, row)}]"].result(timeout=900)
    assert outcome.code == CODES[row["outcome"]], outcome.output[-3000:]
    left_in_form(outcome, row)
    clean(outcome)


def left_in_form(outcome: Outcome, row: dict[str, str]) -> None:
    """The callback of the row was really at work."""
    if row["outcome"] == "kill":
        return
    assert any("/junit/" in item.name for item in outcome.artefacts) == (row["junit"] == "report")
    assert ('"plays": [' in outcome.output) == (row["callback"] == "json")


def test_runner_keeps_secrets(runs: Runs) -> None:
    outcome: Outcome = runs["runner"].result(timeout=900)
    assert any("/job_events/" in item.name for item in outcome.artefacts), outcome.output[-3000:]
    assert "checks failed; nothing was changed" in outcome.output
    clean(outcome)


def test_secrets_from_the_environment_are_kept(runs: Runs) -> None:
    outcome: Outcome = runs["environment"].result(timeout=900)
    assert outcome.code == 0, outcome.output[-3000:]
    assert "E-GCP-01" in outcome.output and "E-ACCESS-20" in outcome.output
    clean(outcome)


def test_no_process_shows_a_secret(runs: Runs, watch: Watch) -> None:
    planted = [canary for run in runs.values() for canary in run.result(timeout=900).planted]
    watch.stop()
    kept = [canary for canary in planted if canary.name not in (*plays.ENVIRONMENT, *plays.AWS)]
    print(f"{watch.looks} looks, one every {watch.seconds / watch.looks * 1000:.1f} ms; {len(planted)} canaries")
    assert watch.seconds / watch.looks < 10 * PERIOD
    for program in (b"ansible-playbook", b"helm", b"exec_credential.py", b"ansible-runner"):
        assert program in watch.commands
    assert Search(planted).hits([Artefact("command lines", watch.commands)]) == []
    assert Search(kept).hits([Artefact("environments", watch.environments)]) == []


def test_without_protection_every_secret_is_found(campaign: Campaign, bare: Path, runs: Runs) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        modules = pool.submit(campaign.module_row, "bare-modules", LOUD, collections=bare)
        surroundings = pool.submit(campaign.environment_row, "bare-environment", collections=bare)
        roles = pool.submit(campaign.role_row, "bare-roles", QUIET, collections=bare)
        found = {
            hit.canary
            for future in (modules, roles, surroundings)
            for hit in future.result().searched().hits
            if hit.artefact.endswith(("/out/output", "/out/ansible.log"))
        }
    assert {*plays.MODULES, *plays.ROLES, *plays.FILES, *plays.ENVIRONMENT} - UNREAD - found == set()


def test_each_missing_protection_shows(campaign: Campaign, runs: Runs, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    collection = support_canaries.installed()
    hidden = inputs.module_secrets(collection)
    places = [site for site in protection.sites(collection) if site.path.startswith("plugins/")]
    chosen = chance.sample(places, min(SINGLE_REMOVALS, len(places)))

    def lost(number: int, site: protection.Site) -> str:
        """One option that is no longer hidden; where modules share the place, that of any of them."""
        ours = support_canaries.copy_of_collections(tmp_path / str(number))
        protection.strip(ours, [site])
        return chance.choice(sorted(hidden - inputs.module_secrets(ours)))

    def shown(number: int, option: str) -> set[str]:
        module = option.partition(".")[0]
        outcome = campaign.module_row(f"single-{number}", LOUD, only=module, collections=tmp_path / str(number))
        return {hit.canary for hit in outcome.searched().hits}

    options = [lost(number, site) for number, site in enumerate(chosen)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(shown, range(len(chosen)), options))
    blind = [
        f"{site}: {option} lost, {sorted(names)} found (seed {seed})"
        for site, option, names in zip(chosen, options, found, strict=True)
        if names != {option}
    ]
    assert blind == []
