# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of what is loaded beforehand is whole and exists, and a play's workers find it loaded."""

from __future__ import annotations

import ast
import gc
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.plugin_utils import preload

PLUGINS = Path(preload.__file__).resolve().parents[1]
OWN = "researchops.jupyterhub."
#: only where Google's name servers are used: not on every road
ELSEWHERE = {"clouddns_changes.py", "clouddns_zone.py", "iap_audiences.py"}
PLAY = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Begin as the roles do
      researchops.jupyterhub.FIRST: {}
      when: false
    - name: Use one of our filters, and one of Ansible's
      ansible.builtin.debug:
        msg:
          - "{{ {} | ansible.builtin.combine({}) }}"
          - "{{ {'hub_domain': 'hub.example.org'} | researchops.jupyterhub.layer_problems('hub_https') }}"
          - "{{ query('researchops.jupyterhub.temp_space') }}"
"""
#: a callback that tells what the last task loaded itself
OBSERVER = """\
from __future__ import annotations
import json, os, sys
from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = "name: loaded\\ntype: aggregate\\nshort_description: x\\ndescription: x\\n"
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "loaded"
run = TaskExecutor.run
def observed(self):
    before = set(sys.modules)
    try:
        return run(self)
    finally:
        with open(os.environ["LOADED"], "w") as stream:
            json.dump(sorted(set(sys.modules) - before), stream)
TaskExecutor.run = observed
"""


def imported(path: Path) -> set[str]:
    """The modules of ``module_utils`` that a plugin file imports from, as ``OURS`` names them; ``_core`` is light."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        room, inside, name = module.partition("module_utils.")[2].partition(".")
        if room.startswith("_") and room != "_core":
            found |= {f"{room}.{name}"} if inside else {f"{room}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    "path",
    [
        path
        for kind in ("filter", "lookup")
        for path in sorted((PLUGINS / kind).glob("*.py"))
        if path.name not in ELSEWHERE
    ],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_what_a_filter_or_lookup_imports_is_listed(path: Path) -> None:
    missing = imported(path) - set(preload.OURS)
    assert not missing, f"add to OURS: {missing}"


def test_a_filter_with_an_import_is_seen() -> None:
    assert "_hub.layers" in imported(PLUGINS / "filter" / "layers.py")


@pytest.mark.parametrize("name", [*(preload.UTILS + ours for ours in preload.OURS), *preload.LIBRARIES])
def test_every_name_exists(name: str) -> None:
    assert import_module(name).__name__ == name


def test_every_lookup_of_the_roles_is_listed() -> None:
    files = {path.stem for path in (PLUGINS / "lookup").glob("*.py") if path.name not in ELSEWHERE}
    listed = {name.removeprefix(OWN) for name in preload.LOOKUPS if name.startswith(OWN)}
    assert listed == files


def test_what_cannot_be_loaded_is_left_to_the_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_library.py").write_text("raise RuntimeError\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(preload, "LIBRARIES", ("no_such_library", "broken_library"))
    monkeypatch.setattr(preload, "FILTERS", ("researchops.jupyterhub.no_such_filter", "no.such.filter"))
    assert preload.preload() is None  # type: ignore[func-returns-value]
    gc.unfreeze()


def loaded_by_the_last_task(folder: Path, first: str) -> list[str]:
    """Play :data:`PLAY` with ``first`` as its first module; return what of ours its last task had to load itself."""
    (folder / "loaded.py").write_text(OBSERVER, encoding="utf-8")
    (folder / "play.yml").write_text(PLAY.replace("FIRST", first), encoding="utf-8")
    settings = {
        "ANSIBLE_CALLBACK_PLUGINS": str(folder),
        "ANSIBLE_CALLBACKS_ENABLED": "loaded",
        "LOADED": str(folder / "loaded.json"),
    }
    subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "play.yml"],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return [name for name in json.loads((folder / "loaded.json").read_text(encoding="utf-8")) if "researchops" in name]


def test_later_tasks_find_it_loaded(tmp_path: Path) -> None:
    assert loaded_by_the_last_task(tmp_path, "cluster_kubeconfig") == []


def test_only_the_play_of_a_role_loads_it(tmp_path: Path) -> None:
    assert loaded_by_the_last_task(tmp_path, "cluster_guard") != []
