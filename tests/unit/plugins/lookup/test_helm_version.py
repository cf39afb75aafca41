# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that finds out whether Helm can be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.lookup.helm_version import helm_version


def program(folder: Path, text: str) -> str:
    file = folder / "helm"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        pytest.param("echo v3.12.0", "E-HELM-09", id="00 too old"),
        pytest.param("echo oops >&2; exit 3", "E-HELM-01", id="01 broken"),
        pytest.param("echo nonsense", "E-HELM-01", id="02 something else"),
    ],
)
def test_helm_that_cannot_be_used(tmp_path: Path, script: str, wanted: str) -> None:
    found = helm_version(program(tmp_path, script))
    assert found["version"] == ""
    assert found["problem"].startswith(wanted)
    assert "z2jh_helm_binary" in found["problem"]


def test_missing_helm(tmp_path: Path) -> None:
    found = helm_version(str(tmp_path / "helm"))
    assert found["problem"].startswith("E-HELM-01")


@pytest.mark.parametrize(("said", "version"), [("v4.1.4", "4.1"), ("v3.20.0", "3.20")])
def test_version(tmp_path: Path, said: str, version: str) -> None:
    assert helm_version(program(tmp_path, f"echo {said}")) == {"version": version, "problem": ""}
