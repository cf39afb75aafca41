# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves the collection: planted in every input, searched for in everything that any run leaves behind.

One campaign of runs for the whole module, some at a time, with every process below them under watch. What is looked
for and how: tests/canary; that the looking itself works: tests/unit/canary, and the last tests here, in which the
protection is taken out and the secrets must turn up. A real hub, from nothing to its end: test_canaries_site.py.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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


def bare_collections(folder: Path) -> Path:
    """A collections path in which our copy hides nothing any more, nor does the foreign module that takes a key."""
    ours = support_canaries.copy_of_collections(folder)
    protection.strip(ours, protection.sites(ours))
    update = ours.parents[1] / "community" / "general" / "plugins" / "modules" / "nsupdate.py"
    update.write_text(update.read_text(encoding="utf-8").replace("no_log=True", "no_log=False"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def watch(campaign: Campaign) -> Iterator[Watch]:
    """All processes below this one."""
    seen = campaign.folder / "processes"
    seen.mkdir()
    with Watch(seen) as watching:
        yield watching


@dataclass(frozen=True)
class Removal:
    """A copy of the collection without one protection.

    Attributes:
        site: which.
        option: an option that is no longer hidden; where modules share the place, that of any of them.
        collections: where the copy is.
        seed: by what chance they were chosen.
    """

    site: protection.Site
    option: str
    collections: Path
    seed: int

    def run(self, campaign: Campaign) -> Outcome:
        """The option's module with this copy."""
        module, name = self.option.partition(".")[0], f"single-{self.collections.name}"
        return campaign.module_row(name, LOUD, only=module, collections=self.collections)


def some_removals(folder: Path) -> Iterator[Removal]:
    """Some protections, by chance. Modules are imported in place of others for it, which only one thread may do."""
    seed = int(os.environ.get("CANARY_SEED") or secrets.randbits(32))
    chance = random.Random(seed)
    collection = support_canaries.installed()
    hidden = inputs.module_secrets(collection)
    places = [site for site in protection.sites(collection) if site.path.startswith("plugins/")]
    for number, site in enumerate(chance.sample(places, min(SINGLE_REMOVALS, len(places)))):
        ours = support_canaries.copy_of_collections(folder / str(number))
        protection.strip(ours, [site])
        option = chance.choice(sorted(hidden - inputs.module_secrets(ours)))
        yield Removal(site, option, folder / str(number), seed)


@dataclass(frozen=True)
class Runs:
    """All runs, under their names.

    Attributes:
        protected: those of the collection as it is.
        bare: those of a copy that hides nothing.
        single: those of copies that lack one protection, with what they lack.
    """

    protected: dict[str, Future[Outcome]]
    bare: dict[str, Future[Outcome]]
    single: list[tuple[Removal, Future[Outcome]]]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, campaign: Campaign, watch: Watch) -> Iterator[Runs]:
    """Every run that a chosen test needs, the long ones first."""
    chosen = " ".join(item.name.replace("_keep_secrets", "") for item in request.session.items)
    numbered = list(enumerate(ROWS))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = Runs({}, {}, [])

        def start(name: str, run: Callable[[], Outcome]) -> None:
            if name in chosen or "test_no_process" in chosen:
                made.protected[name] = pool.submit(run)

        for at, row in numbered:
            start(f"roles[{title(at, row)}]", partial(campaign.role_row, f"roles-{at:02}", row, number=at))
        if "test_without_protection" in chosen:
            bare = bare_collections(campaign.folder / "bare")
            made.bare["modules"] = pool.submit(campaign.module_row, "bare-modules", LOUD, collections=bare)
            made.bare["roles"] = pool.submit(campaign.role_row, "bare-roles", QUIET, collections=bare)
            made.bare["environment"] = pool.submit(campaign.environment_row, "bare-environment", collections=bare)
        if "test_each_missing_protection" in chosen:
            for removal in some_removals(campaign.folder / "removals"):
                made.single.append((removal, pool.submit(removal.run, campaign)))
        start("runner", campaign.runner)
        start("environment", partial(campaign.environment_row, "environment"))
        for at, row in numbered:
            start(f"modules[{title(at, row)}]", partial(campaign.module_row, f"modules-{at:02}", row, number=at))
        yield made
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
    outcome: Outcome = runs.protected[f"roles[{title(number, row)}]"].result(timeout=900)
    assert outcome.code == CODES[row["outcome"]], outcome.output[-3000:]
    assert ("API token" in {canary.name for canary in outcome.planted}) == (row["outcome"] == "success")
    left_in_form(outcome, row)
    clean(outcome)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: title(number, ROWS[number]))
def test_modules_keep_secrets(runs: Runs, number: int) -> None:
    row = ROWS[number]
    outcome: Outcome = runs.protected[f"modules[{title(number, row)}]"].result(timeout=900)
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
    outcome: Outcome = runs.protected["runner"].result(timeout=900)
    assert any("/job_events/" in item.name for item in outcome.artefacts), outcome.output[-3000:]
    assert "checks failed; nothing was changed" in outcome.output
    clean(outcome)


def test_secrets_from_the_environment_are_kept(runs: Runs) -> None:
    outcome: Outcome = runs.protected["environment"].result(timeout=900)
    assert outcome.code == 0, outcome.output[-3000:]
    assert "E-GCP-01" in outcome.output and "E-ACCESS-20" in outcome.output
    clean(outcome)


def test_no_process_shows_a_secret(runs: Runs, watch: Watch) -> None:
    # Copies that hide less run beside these, and what was planted in them is not looked for.
    planted = [canary for run in runs.protected.values() for canary in run.result(timeout=900).planted]
    watch.stop()
    kept = [canary for canary in planted if canary.name not in (*plays.ENVIRONMENT, *plays.AWS)]
    print(f"{watch.looks} looks, one every {watch.seconds / watch.looks * 1000:.1f} ms; {len(planted)} canaries")
    assert watch.seconds / watch.looks < 10 * PERIOD
    for program in (b"ansible-playbook", b"helm", b"exec_credential.py", b"ansible-runner"):
        assert program in watch.commands
    assert Search(planted).hits([Artefact("command lines", watch.commands)]) == []
    assert Search(kept).hits([Artefact("environments", watch.environments)]) == []


def test_without_protection_every_secret_is_found(runs: Runs) -> None:
    found = {
        hit.canary
        for run in runs.bare.values()
        for hit in run.result(timeout=900).searched().hits
        if hit.artefact.endswith(("/out/output", "/out/ansible.log"))
    }
    assert {*plays.MODULES, *plays.ROLES, *plays.FILES, *plays.ENVIRONMENT} - UNREAD - found == set()


def test_each_missing_protection_shows(runs: Runs) -> None:
    assert len(runs.single) == SINGLE_REMOVALS
    blind = []
    for removal, run in runs.single:
        names = {hit.canary for hit in run.result(timeout=900).searched().hits}
        print(f"{removal.site}: {removal.option} (CANARY_SEED={removal.seed})")
        if names != {removal.option}:
            blind.append(f"{removal.site}: {removal.option} lost, {sorted(names)} found (CANARY_SEED={removal.seed})")
    assert blind == []
