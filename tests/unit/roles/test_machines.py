# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hubs stand beside machines in an inventory; what is said there for all machines is not for hubs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLAYBOOKS = sorted((Path(__file__).resolve().parents[3] / "playbooks").glob("*.yml"))
INVENTORY = """\
[hubs]
climate
[all:vars]
ansible_become=true
ansible_become_user=nobody
ansible_become_exe=/nowhere/sudo
cluster_access_kubeconfig=/nowhere/kubeconfig
"""


def test_every_playbook_says_so() -> None:
    assert [
        path.name for path in PLAYBOOKS if "\n    ansible_become: false " not in path.read_text(encoding="utf-8")
    ] == []


def test_no_module_becomes_another_user(tmp_path: Path) -> None:
    """Modules of root would keep the private kubeconfig where the look-ups of the play itself may not read it."""
    (tmp_path / "inventory").write_text(INVENTORY, encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory", str(PLAYBOOKS[-1])],
        env={**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert "E-ACCESS-05 The kubeconfig /nowhere/kubeconfig cannot be used: there is no such file" in said, said
    assert "/nowhere/sudo" not in said
