# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules started from their files: when, with what program, and that the outcome is the one of a packed module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible import release
from ansible.errors import AnsibleError
from ansible.executor import module_common
from ansible.plugins.action.normal import ActionModule as Normal
from ansible_collections.researchops.jupyterhub.plugins.modules import cluster_guard
from ansible_collections.researchops.jupyterhub.plugins.plugin_utils import local_module as plugin

ROOT = Path(__file__).resolve().parents[4]
ANSIBLE = str(Path(module_common.__file__).parents[2])
MODULE = "researchops.jupyterhub.cluster_guard"
FILE = "/x/ansible_collections/researchops/jupyterhub/plugins/modules/cluster_guard.py"
USUAL = plugin.Start(module=MODULE, path=FILE, connection="local", python="/venv/bin/python", special=False)


def test_a_module_on_the_controller_is_started_from_its_file() -> None:
    assert USUAL.direct("/venv/bin/python", "2.19.4")
    assert (USUAL.name, USUAL.collections) == ("cluster_guard", "/x/ansible_collections")


@pytest.mark.parametrize(
    "other",
    [
        {"connection": "ssh"},
        {"connection": "some.other.local"},
        {"python": "/usr/bin/python3"},
        {"python": ""},
        {"special": True},
        {"module": "kubernetes.core.cluster_guard"},
        {"path": "/x/library/cluster_guard.py"},
        {"path": ""},
    ],
)
def test_everything_else_is_packed_by_ansible(other: dict[str, Any]) -> None:
    assert not replace(USUAL, **other).direct("/venv/bin/python", "2.19.4")


@pytest.mark.parametrize("core", ["2.17.9", "2.22.0", "3.0.0", "2.2.1"])
def test_an_ansible_core_nobody_tried_packs_by_itself(core: str) -> None:
    assert not USUAL.direct("/venv/bin/python", core)


def test_the_oldest_core_known_is_the_oldest_supported() -> None:
    wanted = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    assert wanted == f">={min(plugin.CORES, key=lambda core: int(core[2:]))}.0"
    assert ".".join(release.__version__.split(".")[:2]) in plugin.CORES


def run(options: dict[str, Any], **environment: str) -> dict[str, Any]:
    """Run cluster_guard as the interpreter of a task would: its program comes on standard input."""
    start = replace(USUAL, path=cluster_guard.__file__, python=sys.executable)
    wrapped = plugin.encoded(options | {"_ansible_check_mode": False, "_ansible_no_log": False})
    done = subprocess.run(
        [sys.executable],
        input=plugin.program(start, wrapped, ANSIBLE),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    assert done.stderr == ""
    return result


def test_the_program_runs_the_module_with_its_options(tmp_path: Path) -> None:
    name = "§\"'\\n{x}%s"
    told = run({"kubeconfig": str(tmp_path / name), "expected_uid": "x"})
    assert (told["failed"], told["error_id"]) == (True, "E-K8S-01")
    assert str(tmp_path / name) in told["msg"]


def test_packages_in_front_are_not_taken(tmp_path: Path) -> None:
    """Another Ansible, or the collections that the package ansible brings."""
    for name in ("ansible", "ansible_collections"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the wrong {name}')\n")
    assert run({"kubeconfig": str(tmp_path / "nothing")}, PYTHONPATH=str(tmp_path))["error_id"] == "E-K8S-01"


def test_without_an_own_python_nothing_is_the_same_as_it() -> None:
    assert not replace(USUAL, python="").direct("", "2.19.4")


def test_files_in_the_working_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("yaml", "types", "operator", "warnings", "ansible"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the wrong {name}')\n")
    (tmp_path / "config").write_text("no: cluster\n")
    assert run({"kubeconfig": str(tmp_path / "config")})["failed"] is True


class Action(plugin.ActionModule):  # type: ignore[misc]
    """The action with what it looks at, and nothing else."""

    def __init__(self, python: Any = sys.executable, **task: Any) -> None:
        found = SimpleNamespace(plugin_resolved_path=cluster_guard.__file__)
        loader = SimpleNamespace(find_plugin_with_context=lambda name: found)
        self._shared_loader_obj = SimpleNamespace(module_loader=loader)
        self._templar = SimpleNamespace(template=self.template)
        self._connection = SimpleNamespace(transport="ansible.builtin.local", become=None)
        self._task = SimpleNamespace(**{"async_val": 0, "delegate_to": None} | task)
        self.variables = {"ansible_python_interpreter": python}

    def template(self, value: Any) -> Any:
        if value == "{{ nothing }}":
            raise AnsibleError("undefined")
        return value

    def configured(self, **options: Any) -> Any:
        return self._configure_module(MODULE, {"expected_uid": "x"} | options, self.variables)


@pytest.fixture
def packer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible's own way, which says only that it was taken."""
    monkeypatch.setattr(Normal, "_configure_module", lambda *words: ("packed",))


@pytest.mark.usefixtures("packer")
def test_the_action_sends_the_program_in_the_form_of_this_core() -> None:
    found = Action().configured()
    data = found[0].b_module_data if len(found) == 2 else found[2]
    assert (b"run_module" in data, found[-1]) == (True, cluster_guard.__file__)


@pytest.mark.usefixtures("packer")
@pytest.mark.parametrize(
    ("python", "task", "options"),
    [
        ("/usr/bin/other", {}, {}),
        ("{{ nothing }}", {}, {}),
        ("{{ nothing }}", {"delegate_to": "elsewhere"}, {}),
        (sys.executable, {"delegate_to": "elsewhere"}, {}),
        (sys.executable, {"async_val": 60}, {}),
        (sys.executable, {}, {"expected_uid": b"no JSON"}),
    ],
)
def test_the_action_leaves_the_rest_to_ansible(python: str, task: dict[str, Any], options: dict[str, Any]) -> None:
    assert Action(python, **task).configured(**options) == ("packed",)


@pytest.mark.usefixtures("packer")
@pytest.mark.parametrize("name", ["_ANSIBALLZ_DEBUGPY_CONFIG", "_ANSIBLE_COVERAGE_CONFIG"])
def test_who_wants_into_the_archive_gets_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "{}")
    assert Action().configured() == ("packed",)


@pytest.mark.usefixtures("packer")
def test_who_wants_to_keep_the_archive_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin.constants, "DEFAULT_KEEP_REMOTE_FILES", True)
    assert Action().configured() == ("packed",)


@pytest.mark.usefixtures("packer")
def test_a_limit_of_open_files_is_ansibles_to_set() -> None:
    action = Action()
    action.variables["ansible_python_module_rlimit_nofile"] = 256
    assert action.configured() == ("packed",)


PLAY = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - researchops.jupyterhub.cluster_guard:
        kubeconfig: "{{ file }}"
        expected_uid: "{{ [1, 'é'] | to_json }}"
      ignore_errors: true
      register: found
    - ansible.builtin.copy: {content: "{{ found | to_json }}", dest: "{{ out }}", mode: "0600"}
"""


#: keeps the first program it is given
LISTENING_SHELL = """\
#!/bin/sh
[ -e "$HEARD_FILE" ] && exec /bin/sh "$@"
tee "$HEARD_FILE" | /bin/sh "$@"
"""


def played(folder: Path, python: Path) -> tuple[dict[str, Any], str]:
    """What a real play gets from the module, started by this Python, and what was sent to that Python."""
    folder.mkdir()
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    shell = executable(folder / "shell", LISTENING_SHELL)
    extra = {"ansible_python_interpreter": str(python), "file": "/nowhere/config", "out": str(folder / "out.json")}
    settings = {
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_EXECUTABLE": str(shell),
        "HEARD_FILE": str(folder / "heard"),
    }
    words = ["ansible-playbook", "-i", "localhost,", str(folder / "play.yml"), "-e", json.dumps(extra)]
    done = subprocess.run(
        words, env=os.environ | settings, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return result, (folder / "heard").read_text(encoding="utf-8")


def executable(path: Path, text: str) -> Path:
    """A program in a file."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_both_ways_end_in_the_same_result(tmp_path: Path) -> None:
    """The same Python by another name is another Python for Ansible's actions, so the module is packed."""
    other = executable(tmp_path / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    direct, program = played(tmp_path / "direct", Path(sys.executable))
    packed, archive = played(tmp_path / "packed", other)
    marks = "plugins.modules.cluster_guard", "zipfile"
    assert [mark in program for mark in marks] == [True, False]
    assert [mark in archive for mark in marks] == [True, True]
    assert direct == packed
    assert direct["error_id"] == "E-K8S-01"
