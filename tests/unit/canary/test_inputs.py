# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secret inputs are read from the specifications; a new one is noticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "canary"))
import inputs
import plays

ROOT = Path(__file__).resolve().parents[3]

SHELL = """
SHARED = {
    "access_token": {"type": "str", "no_log": True, "fallback": (None, ["X_TOKEN", "OLD_X_TOKEN"])},
    "scopes": {"type": "list", "fallback": (None, ["X_SCOPES"])},
}
def run(*args, **rules):
    raise AssertionError("the real shell was asked")
"""
MODULE = """
from ..module_utils._shell import SHARED, run
from ansible_collections.researchops.jupyterhub.plugins.module_utils import _shell
SPEC = {"token": {"type": "str", "no_log": True}, "token_name": {"type": "str", "no_log": False}, "url": {}}
INNER = {name: {"no_log": True} for name in ("password",)}
def main():
    assert _shell.SHARED is SHARED
    run(None, argument_spec=SHARED | SPEC | {"deep": {"type": "dict", "options": INNER}})
"""
ROLE = """
argument_specs:
  main: &main
    options:
      x_token: {type: str, no_log: true}
      x_token_file: {type: str}
      x_secret_name: {type: str, no_log: false}
      x_login: {type: dict, options: {pin: {type: str, no_log: true}, private_key_file: {type: path}}}
  preflight:
    options:
      x_private_key_file: {type: str}
"""


def collection(folder: Path) -> Path:
    (folder / "plugins" / "modules").mkdir(parents=True)
    (folder / "roles" / "x" / "meta").mkdir(parents=True)
    (folder / "plugins" / "module_utils").mkdir()
    (folder / "plugins" / "modules" / "thing.py").write_text(MODULE, encoding="utf-8")
    (folder / "plugins" / "module_utils" / "_shell.py").write_text(SHELL, encoding="utf-8")
    (folder / "roles" / "x" / "meta" / "argument_specs.yml").write_text(ROLE, encoding="utf-8")
    return folder


def test_module_options_wherever_they_are_written(tmp_path: Path) -> None:
    before = set(sys.modules)
    assert inputs.module_secrets(collection(tmp_path)) == {"thing.access_token", "thing.token", "thing.deep.password"}
    assert {name for name, _spec in inputs.flat(inputs.module_specs(tmp_path)["thing"])} >= {"scopes", "deep.password"}
    assert not {name for name in set(sys.modules) - before if name.startswith(inputs.PACKAGE)}


def test_environment_variables_of_secret_options(tmp_path: Path) -> None:
    assert inputs.environment_secrets(collection(tmp_path)) == {"X_TOKEN", "OLD_X_TOKEN"}


def test_a_module_that_hands_nothing_over_is_no_module_without_secrets(tmp_path: Path) -> None:
    silent = collection(tmp_path) / "plugins" / "modules" / "silent.py"
    silent.write_text("def run(*a, **k): ...\ndef main(): ...\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="silent"):
        inputs.module_secrets(tmp_path)


def test_role_variables_of_every_entry_point(tmp_path: Path) -> None:
    assert inputs.role_secrets(collection(tmp_path)) == {"x_token", "x_login.pin"}
    assert inputs.secret_files(tmp_path) == {"x_token_file", "x_private_key_file", "x_login.private_key_file"}


def test_this_collection_has_a_canary_for_each() -> None:
    assert inputs.module_secrets(ROOT) == set(plays.MODULES)
    assert inputs.role_secrets(ROOT) == set(plays.ROLES)
    assert inputs.secret_files(ROOT) == set(plays.FILES)
    assert inputs.environment_secrets(ROOT) == set(plays.ENVIRONMENT)


def test_the_plays_use_every_canary() -> None:
    for broken in (True, False):
        text = str(plays.modules(broken=broken))
        assert [name for name in plays.MODULES.values() if name not in text] == []
    assert [len(plays.modules(broken=False, only=name)[0]["tasks"]) for name in ("hub_release", "hub_smoke_test")] == [
        1,
        2,
    ]


def test_runs_that_share_the_logins_leave_no_module_out() -> None:
    def logins(share: int | None) -> list[str]:
        tasks = plays.modules(broken=False, share=share)[0]["tasks"]
        return [task["name"] for task in tasks if all(name in str(task) for name in plays.LOGINS)]

    assert sorted(logins(None)) == sorted(plays.NEEDS)
    assert sorted(name for share in range(plays.SHARES) for name in logins(share)) == sorted(plays.NEEDS)


def test_the_plays_run_as_the_collections_own_playbooks_do() -> None:
    for play in (plays.modules(broken=False), plays.roles(broken=True), plays.preflight()):
        assert play[0]["vars"]["ansible_pipelining"] is True
        assert play[0]["gather_facts"] is False


def test_every_playbook_keeps_options_off_the_disk() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").glob("*.yml")}
    assert texts
    assert [name for name, text in texts.items() if "ansible_pipelining: true" not in text] == []
