# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.tests.runner import (
    debian_python,
    environments,
    get_pip,
    interpreters,
    paths,
    sanity,
)
from ansible_collections.researchops.jupyterhub.tests.runner.process import Failure

pytestmark = pytest.mark.once


def test_lower_bounds_become_the_oldest_versions(tmp_path: Path) -> None:
    listing = tmp_path / "requirements.txt"
    listing.write_text("# comment\nkubernetes>=29.0.0  # why\n\nPyYAML\n", encoding="utf-8")
    assert environments.lines(listing) == ["kubernetes>=29.0.0", "PyYAML"]
    assert environments.lines(listing, lowest=True) == ["kubernetes==29.0.0", "PyYAML"]


def test_users_requirements_have_lower_bounds_only_and_leave_ansible_out() -> None:
    for line in environments.lines(paths.ROOT / "requirements.txt"):
        assert ">=" in line, line
        assert not {"==", "<", "~=", "!="} & set(line.replace(">=", "").split()), line
        assert not line.lower().startswith("ansible"), line


@pytest.mark.parametrize(("python", "core"), [("3.11", "2.19"), ("3.12", "2.21"), ("3.13", "2.21")])
def test_newest_core_that_runs_on_a_python(python: str, core: str) -> None:
    assert environments.newest_core(python).rpartition(".")[0] == core


def test_a_python_that_no_core_knows_is_a_clear_failure() -> None:
    with pytest.raises(Failure, match=r"no ansible-core known here runs on Python 3\.9"):
        environments.newest_core("3.9")


def test_the_two_corners_of_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    oldest, newest = environments.environment("oldest"), environments.environment("newest")
    assert (oldest.python, oldest.core.rpartition(".")[0]) == ("3.11", "2.18")
    assert (newest.python, newest.core.rpartition(".")[0]) == ("3.13", "2.21")
    assert "kubernetes==29.0.0" in oldest.requirements
    assert "kubernetes>=29.0.0" in newest.requirements


def test_the_nightly_run_has_every_core_and_every_python() -> None:
    nightly = [environments.environment(name) for name in (*environments.CORE_NAMES, "oldest")]
    assert {each.core for each in nightly} == set(environments.CORES)
    assert {each.python for each in nightly} == {"3.11", "3.12", "3.13"}
    assert all(each.python in environments.CORES[each.core][1] for each in nightly)


def test_settings_that_lead_elsewhere_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSIBLE_STRATEGY", "K8S_AUTH_HOST", "KUBECONFIG", "HELM_NAMESPACE", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HTTPS_PROXY", "kept")
    clean = environments.clean_environment()
    assert clean["HTTPS_PROXY"] == "kept"
    assert not {"ANSIBLE_STRATEGY", "K8S_AUTH_HOST", "KUBECONFIG", "HELM_NAMESPACE", "PYTHONPATH"} & set(clean)


def test_a_shim_that_does_not_run_is_no_interpreter(tmp_path: Path) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'not installed' >&2\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    assert interpreters.look(shim) is None
    mine = interpreters.look(Path(sys.executable))
    assert mine is not None
    assert (mine.path, mine.version) == (Path(sys.executable), interpreters.system_version())


PLAIN, QUICK, HALF = "3.13 False True", "3.13 True True", "3.13 True False"


@pytest.mark.parametrize(
    ("says", "unpacked", "chosen"),
    [
        pytest.param({"a": PLAIN, "b": QUICK}, None, "b", id="00-a-quick-one-first"),
        pytest.param({"a": PLAIN, "usr/b": PLAIN}, QUICK, "usr/b", id="01-a-distributions-is-quick"),
        pytest.param({"a": HALF, "b": PLAIN}, None, "b", id="02-one-that-can-make-environments-before-that"),
        pytest.param({"a": PLAIN}, QUICK, "unpacked", id="03-debians-before-one-that-is-not-quick"),
        pytest.param({"a": PLAIN}, None, "a", id="04-which-serves-where-debians-cannot-be-had"),
        pytest.param({"a": PLAIN}, "3.12 True True", "a", id="05-or-is-not-what-it-should-be"),
        pytest.param({"a": "3.12 True True"}, QUICK, "unpacked", id="06-none-of-that-version"),
        pytest.param({}, None, "and could not be had: no mirror", id="07-none-at-all"),
        pytest.param({}, "what", "does not start", id="08-none-that-starts"),
    ],
)
def test_the_quick_interpreter_is_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: dict[str, str], unpacked: str | None, chosen: str
) -> None:
    def program(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {text}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def provide(_version: str) -> Path:
        if unpacked is None:
            raise Failure("no mirror")
        return program("unpacked", unpacked)

    there = [program(name, text) for name, text in says.items()]
    monkeypatch.setattr(interpreters, "_candidates", lambda _version: iter(there))
    monkeypatch.setattr(interpreters, "_best", interpreters._best.__wrapped__)
    monkeypatch.setattr(interpreters, "SYSTEM", tmp_path / "usr")
    monkeypatch.setattr(interpreters, "provide", provide)
    find = interpreters.find.__wrapped__
    if unpacked in (None, "what") and not there:
        with pytest.raises(Failure, match=chosen):
            find("3.13")
    else:
        assert find("3.13") == tmp_path / chosen


def test_a_version_that_debian_does_not_have_is_a_failure() -> None:
    with pytest.raises(Failure, match="no way to it here"):
        debian_python.provide("3.99")


def test_ansible_tests_pip_gets_the_callers_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sanity, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")
    sanity.keep_pip_settings()
    written = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    assert "index-url = https://example.org/simple" in written.read_text(encoding="utf-8")
    assert written.stat().st_mode & 0o777 == 0o600


def test_get_pip_hands_on_only_what_pip_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def record(words: list[str], **_more: object) -> subprocess.CompletedProcess[bytes]:
        ran.append(words[1:])
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(get_pip.subprocess, "run", record)
    monkeypatch.setattr(
        sys, "argv", ["get_pip.py", "--disable-pip-version-check", "pip==25.2", "--no-setuptools", "--no-wheel"]
    )
    assert get_pip.main() == 0
    assert ran == [
        ["-m", "ensurepip", "--default-pip"],
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip==25.2"],
    ]
