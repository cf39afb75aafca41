# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a certificate map goes, and what a run does that meets a part which somebody else uses.

A real ansible-playbook runs the role's own tasks, once for every hub of a table. What asks Google and what changes DNS
is replaced by an action that answers the hub as given here, and notes that it was called.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

ROLE = Path(__file__).resolve().parents[3] / "roles" / "gke_iap"
ACTION = """
import json
from pathlib import Path

from ansible.plugins.action import ActionBase

WORDS = {"project", "auth_kind", "service_account_file", "hub", "name", "owner", "state", "wait_timeout"}


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        given = self._task.args
        assert given.keys() <= WORDS | {"keep_authorization", "step"}, given
        step = "look" if self._task.check_mode else "map" if given.get("keep_authorization") else "authorization"
        step = given.get("step", step)
        with Path("FOLDER", given["hub"]).open("a") as calls:
            calls.write(step + " ")
        answer = json.loads(Path("FOLDER/answers.json").read_text())[given["hub"]].get(step, {"changed": True})
        return {"failed": "error_id" in answer, **answer}
"""
RECORD = {"name": "_acme-challenge_x.hub.example.org", "type": "CNAME", "data": "x.authorize.goog"}
LOOK = {"changed": True, "plan": [{"verb": "delete"}], "records": [RECORD]}
VARIABLES = {
    "hub_platform": "gke",
    "hub_domain": "hub.example.org",
    "cluster_access_cluster": {"project": "research", "location": "europe-west1", "name": "hubs"},
}
BY_THE_WAY = {"__gke_iap_map_by_the_way": True}
"""What a run says that makes a door; without it, a door is taken down."""
OFF_ELSEWHERE = {"error_id": "E-GCP-05", "msg": "E-GCP-05 The API is off", "details": {"own_project": False}}


def used(part: str) -> dict[str, Any]:
    return {"error_id": "E-CERT-32", "msg": f"E-CERT-32 {part} is still used", "details": {"part": part}}


class Case(NamedTuple):
    """One hub: what Google answers to which step, and how the tasks go then."""

    answers: dict[str, Any]
    variables: dict[str, Any]
    calls: list[str]
    stopped: str = ""
    told: str = ""


CASES = {
    # The record goes between the certificate and its authorization.
    "nobody-uses-it": Case({}, {}, ["look", "map", "record", "authorization"]),
    # The certificate is renewed by its record, so that stays.
    "a-used-certificate-by-the-way": Case(
        {"map": used("Certificate/c")},
        BY_THE_WAY,
        ["look", "map"],
        told="not taken down: E-CERT-32 Certificate/c is still used",
    ),
    "a-used-certificate": Case(
        {"map": used("Certificate/c")}, {}, ["look", "map"], stopped="E-CERT-32 Certificate/c is still used"
    ),
    # The hub's own door holds on to the map.
    "a-used-map-by-the-way": Case(
        {"map": used("CertificateMap/m")},
        BY_THE_WAY,
        ["look", "map"],
        stopped="E-CERT-32 CertificateMap/m is still used",
    ),
    # A run that makes a door needs no certificate manager to look for an old map.
    "off-elsewhere-by-the-way": Case(
        {"look": OFF_ELSEWHERE}, BY_THE_WAY, ["look"], told="not looked for an old certificate map: E-GCP-05"
    ),
    # A run that takes the door down stops where nobody can look.
    "off-elsewhere": Case({"look": OFF_ELSEWHERE}, {}, ["look"], stopped="E-GCP-05"),
}


@pytest.fixture(scope="module")
def went(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the calls of every hub, and what was printed, in one line."""
    folder = tmp_path_factory.mktemp("map")
    tasks = (ROLE / "tasks" / "map_absent.yml").read_text(encoding="utf-8")
    for name in ("certificate_map:", "hub_dns\n"):
        assert f"researchops.jupyterhub.{name}" in tasks
        tasks = tasks.replace(f"researchops.jupyterhub.{name}", name)
    record = "- certificate_map: {hub: '{{ hub_name }}', step: record}\n"
    for name, text in (
        ("map_absent.yml", tasks),
        ("action_plugins/certificate_map.py", ACTION.replace("FOLDER", str(folder))),
        ("roles/hub_dns/tasks/alias.yml", record),
        ("answers.json", json.dumps({hub: {"look": LOOK, **case.answers} for hub, case in CASES.items()})),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    said = {"ansible.builtin.debug": {"msg": "{{ hub_name }} stopped: {{ ansible_failed_result.msg }}"}}
    include = {"ansible.builtin.include_tasks": "map_absent.yml"}
    blocks = [
        {"block": [include], "rescue": [said], "vars": {"hub_name": hub, **case.variables}}
        for hub, case in CASES.items()
    ]
    own = [str(ROLE / part / "main.yml") for part in ("defaults", "vars")]
    return folder, " ".join(played(folder, blocks, vars=VARIABLES, vars_files=own).split())


@pytest.mark.parametrize("hub", CASES)
def test_a_map_goes_as_far_as_nobody_uses_it(went: tuple[Path, str], hub: str) -> None:
    folder, printed = went
    case = CASES[hub]
    assert (folder / hub).read_text(encoding="utf-8").split() == case.calls
    assert (f"{hub} stopped: " in printed) is bool(case.stopped)
    assert f"{hub} stopped: {case.stopped}" in printed or not case.stopped
    assert f"{hub} front door {case.told}" in printed or not case.told


def test_the_clean_up_of_a_run_that_makes_a_door_is_by_the_way() -> None:
    assert "__gke_iap_map_by_the_way: true" in (ROLE / "tasks" / "front.yml").read_text(encoding="utf-8")
    assert "__gke_iap_map_by_the_way" not in (ROLE / "tasks" / "absent.yml").read_text(encoding="utf-8")
