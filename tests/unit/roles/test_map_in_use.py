# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a certificate map goes, and what a run does that meets a part which somebody else uses.

A real ansible-playbook runs the role's own tasks. What asks Google and what changes DNS is replaced: one answers as
given here, the other says that it was called.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

ROLE = Path(__file__).resolve().parents[3] / "roles" / "gke_iap"
MODULE = """
import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

WORDS = ("project", "auth_kind", "service_account_file", "hub", "name", "owner", "state", "wait_timeout")
SPEC = {word: {} for word in WORDS}
module = AnsibleModule({**SPEC, "keep_authorization": {"type": "bool"}}, supports_check_mode=True)
step = "look" if module.check_mode else "map" if module.params["keep_authorization"] else "authorization"
with Path("FOLDER/calls").open("a") as calls:
    calls.write(step + " ")
answer = json.loads(Path("FOLDER/answers.json").read_text()).get(step, {"changed": True})
(module.fail_json if "error_id" in answer else module.exit_json)(**answer)
"""
RECORD = {"name": "_acme-challenge_x.hub.example.org", "type": "CNAME", "data": "x.authorize.goog"}
LOOK = {"changed": True, "plan": [{"verb": "delete"}], "records": [RECORD]}
VARIABLES = {
    "hub_name": "climate",
    "hub_platform": "gke",
    "hub_domain": "hub.example.org",
    "cluster_access_cluster": {"project": "research", "location": "europe-west1", "name": "hubs"},
}


def used(part: str) -> dict[str, Any]:
    return {"error_id": "E-CERT-32", "msg": f"E-CERT-32 {part} is still used", "details": {"part": part}}


def goes(folder: Path, answers: dict[str, Any], **variables: Any) -> tuple[list[str], str]:
    """The calls in their order, and what was printed."""
    tasks = (ROLE / "tasks" / "map_absent.yml").read_text(encoding="utf-8")
    for name in ("certificate_map:", "hub_dns\n"):
        assert f"researchops.jupyterhub.{name}" in tasks
        tasks = tasks.replace(f"researchops.jupyterhub.{name}", name)
    (folder / "map_absent.yml").write_text(tasks, encoding="utf-8")
    for name, text in (
        ("library/certificate_map.py", MODULE.replace("FOLDER", str(folder))),
        ("roles/hub_dns/tasks/alias.yml", f"- ansible.builtin.shell: printf 'record ' >> {folder}/calls\n"),
        ("answers.json", json.dumps({"look": LOOK, **answers})),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    include = {"ansible.builtin.include_tasks": "map_absent.yml", "vars": variables}
    said = {"ansible.builtin.debug": {"msg": "stopped: {{ ansible_failed_result.msg }}"}}
    own = [str(ROLE / part / "main.yml") for part in ("defaults", "vars")]
    printed = played(folder, [{"block": [include], "rescue": [said]}], vars=VARIABLES, vars_files=own)
    return (folder / "calls").read_text(encoding="utf-8").split(), printed


def test_the_record_goes_between_the_certificate_and_its_authorization(tmp_path: Path) -> None:
    calls, printed = goes(tmp_path, {})
    assert calls == ["look", "map", "record", "authorization"]
    assert "stopped" not in printed


def test_a_run_that_makes_a_door_goes_on_past_a_certificate_of_which_google_only_says_that_it_is_used(
    tmp_path: Path,
) -> None:
    calls, printed = goes(tmp_path, {"map": used("Certificate/c")}, __gke_iap_map_by_the_way=True)
    assert calls == ["look", "map"], "the certificate is renewed by its record, so that stays"
    assert "stopped" not in printed
    assert "not taken down: E-CERT-32 Certificate/c is still used" in printed


OFF_ELSEWHERE = {"error_id": "E-GCP-05", "msg": "E-GCP-05 The API is off", "details": {"own_project": False}}


def test_a_run_that_makes_a_door_needs_no_certificate_manager_to_look_for_an_old_map(tmp_path: Path) -> None:
    calls, printed = goes(tmp_path, {"look": OFF_ELSEWHERE}, __gke_iap_map_by_the_way=True)
    assert calls == ["look"]
    assert "stopped" not in printed
    assert "not looked for an old certificate map: E-GCP-05" in printed


def test_a_run_that_takes_the_door_down_stops_where_nobody_can_look(tmp_path: Path) -> None:
    calls, printed = goes(tmp_path, {"look": OFF_ELSEWHERE})
    assert calls == ["look"]
    assert "stopped: E-GCP-05" in printed


@pytest.mark.parametrize(
    ("part", "by_the_way"),
    [("Certificate/c", False), ("CertificateMap/m", True)],
    ids=["a door taken down", "the hub's own door holds on to the map"],
)
def test_a_part_that_somebody_uses_stops_a_run(tmp_path: Path, part: str, by_the_way: bool) -> None:
    calls, printed = goes(tmp_path, {"map": used(part)}, __gke_iap_map_by_the_way=by_the_way)
    assert calls == ["look", "map"]
    assert f"stopped: E-CERT-32 {part} is still used" in printed


def test_the_clean_up_of_a_run_that_makes_a_door_is_by_the_way() -> None:
    assert "__gke_iap_map_by_the_way: true" in (ROLE / "tasks" / "front.yml").read_text(encoding="utf-8")
    assert "__gke_iap_map_by_the_way" not in (ROLE / "tasks" / "absent.yml").read_text(encoding="utf-8")
