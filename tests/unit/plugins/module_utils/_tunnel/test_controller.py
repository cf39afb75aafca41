# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ancestor a tunnel lives with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel import controller
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.controller import (
    Process,
    controlling,
    is_ansible,
    outermost,
)

PLAYBOOK = ["/v/bin/python", "/v/bin/ansible-playbook", "site.yml"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], False),
        (["/bin/sh", "-c", "ansible-playbook site.yml"], False),
        (["pytest", "-k", "x", "y", "ansible-playbook"], False),
        (["ansible-runner", "run"], False),
        (PLAYBOOK, True),
        (["ansible-playbook", "site.yml"], True),
        (["python3", "-m", "ansible", "playbook"], True),
        (["python", "-X", "dev", "/v/bin/ansible", "all"], True),
    ],
)
def test_what_is_ansible(words: list[str], found: bool) -> None:
    assert is_ansible(words) is found


@pytest.mark.parametrize(
    ("above", "found"),
    [
        pytest.param([], 0, id="nobody"),
        pytest.param([["sh"], ["bash"]], 0, id="no Ansible"),
        pytest.param([["sh"], PLAYBOOK], 2, id="the playbook"),
        pytest.param([["python"], ["sh"], PLAYBOOK, PLAYBOOK, ["bash"]], 4, id="the worker is not it"),
        pytest.param([["sh"], PLAYBOOK, PLAYBOOK, ["python"], PLAYBOOK, ["bash"]], 3, id="a playbook in a playbook"),
        pytest.param([["sh"], PLAYBOOK, ["ansible-runner", "run"], ["bash"]], 2, id="under a runner"),
    ],
)
def test_the_nearest_row_of_ansible_counts(above: list[list[str]], found: int) -> None:
    def parent(pid: int) -> int:
        return pid + 1 if pid < len(above) else 0

    assert outermost(0, parent, lambda pid: above[pid - 1]) == found


def process(proc: Path, pid: int, parent: int, words: list[str], started: int = 100) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(f"{pid} (a b) S {parent}" + " 0" * 17 + f" {started} 0\n")
    (proc / str(pid) / "cmdline").write_text("\0".join(words) + "\0")


def test_it_is_read_from_proc(tmp_path: Path) -> None:
    process(tmp_path, os.getpid(), 5, ["python"])
    process(tmp_path, 5, 4, PLAYBOOK)
    process(tmp_path, 4, 3, PLAYBOOK, started=77)
    process(tmp_path, 3, 0, ["init"])
    assert controlling(proc=str(tmp_path)) == Process(4, "77")
    assert controlling(5, proc=str(tmp_path)) == Process(5, "100")


def test_nobody_above_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"E-TUNNEL-06 .* no ansible-playbook is above this module"):
        controlling(proc=str(tmp_path))
    with pytest.raises(HubError, match=r"E-TUNNEL-06 .* there is no process 9"):
        controlling(9, proc=str(tmp_path))


def test_a_machine_that_cannot_watch_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(controller.os, "pidfd_open")
    with pytest.raises(HubError, match=r"E-TUNNEL-06 .*Linux 5.3"):
        controlling(os.getpid())


def test_this_process_is_found() -> None:
    assert controlling(os.getpid()).started == controller.start_time(os.getpid())
    assert controller.parent_of(os.getpid()) == os.getppid()
    assert controller.words_of(os.getpid())
    assert (controller.parent_of(2**22 + 1), controller.words_of(2**22 + 1)) == (0, [])
