# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files on disk: modes, atomic writes, login helpers that fail."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import access, login_helper
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.kubeconfig import Chosen
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails


def mode(path: Path | str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_given_file_beats_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.touch()
    two.touch()
    monkeypatch.setenv("KUBECONFIG", str(two))
    assert access.kubeconfig_paths(str(one)) == [str(one)]
    assert access.kubeconfig_paths("") == [str(two)]


def test_of_a_list_some_files_may_be_missing_but_not_all(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.touch()
    assert access.kubeconfig_paths(f"{tmp_path}/gone:{one}") == [str(one)]
    with pytest.raises(HubError, match=r"E-ACCESS-05 .*there is no such file"):
        access.kubeconfig_paths(f"{tmp_path}/gone:{tmp_path}/gone2")


def test_no_file_at_all_is_an_error_and_never_the_pods_own_account(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(HubError, match=r"The kubeconfig ~/.kube/config cannot be used"):
        access.kubeconfig_paths(None)


def test_a_broken_file_is_refused_without_quoting_it(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("token: 'very-secret-token\n")
    error = fails("E-ACCESS-05", lambda: access.read_sources([str(path)]))
    assert "very-secret" not in error.text()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="No such file or directory"):
        access.read_sources([str(tmp_path / "gone")])


def test_files_open_to_others_are_found(tmp_path: Path) -> None:
    shut, group, world = (tmp_path / name for name in ("shut", "group", "world"))
    for path, bits in ((shut, 0o600), (group, 0o640), (world, 0o604)):
        path.touch()
        path.chmod(bits)
    assert access.open_to_others([str(shut), str(group), str(world)]) == [str(group), str(world)]


def test_equal_documents_give_equal_text_that_says_where_it_is_from() -> None:
    text = access.as_yaml({"b": 1, "a": 2}, "/origin")
    assert text == access.as_yaml({"a": 2, "b": 1}, "/origin")
    assert text.startswith("# Made by researchops.jupyterhub from /origin;")


def test_the_folder_is_private_and_a_file_appears_whole(tmp_path: Path) -> None:
    os.umask(0o022)
    folder = access.PrivateFolder.for_hub(str(tmp_path), "climate")
    path = folder.file("kubeconfig", "a")
    folder.write(path, "one")
    assert (mode(folder.path), mode(path), Path(path).read_text()) == (0o700, 0o600, "one")
    folder.write(path, "two")
    assert Path(path).read_text() == "two"
    assert os.listdir(folder.path) == [os.path.basename(path)]


def test_a_folder_that_somebody_opened_is_closed_again(tmp_path: Path) -> None:
    folder = access.PrivateFolder.for_hub(str(tmp_path), "climate")
    os.makedirs(folder.path, mode=0o755)
    folder.write(folder.file("x"), "text")
    assert mode(folder.path) == 0o700


def test_only_a_private_file_with_the_same_text_counts(tmp_path: Path) -> None:
    folder = access.PrivateFolder.for_hub(str(tmp_path), "climate")
    path = folder.file("x")
    assert not folder.holds(path, "text")
    folder.write(path, "text")
    assert folder.holds(path, "text")
    assert not folder.holds(path, "other")
    os.chmod(path, 0o640)
    assert not folder.holds(path, "text")


def test_different_inputs_never_share_a_file() -> None:
    folder = access.PrivateFolder("/cache/climate")
    assert folder.file("kubeconfig", "/a", "b") != folder.file("kubeconfig", "/a", "c")
    assert folder.file("kubeconfig", "ab", "c") != folder.file("kubeconfig", "a", "bc")


def test_the_same_inputs_find_their_file_again_in_every_run() -> None:
    assert access.PrivateFolder("/cache/climate").file("kubeconfig", "/a") == "/cache/climate/kubeconfig-0e17f6e6bd49"


def test_the_users_cache_directory_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert access.PrivateFolder.for_hub("", "h").path == "/x/researchops-jupyterhub/h"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert access.PrivateFolder.for_hub("", "h").path == "/home/ada/.cache/researchops-jupyterhub/h"


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = access.PrivateFolder.for_hub(str(tmp_path), "climate")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HubError, match=r"E-ACCESS-15 .*No space left on device"):
        folder.write(folder.file("x"), "new")


def test_removing_takes_everything(tmp_path: Path) -> None:
    folder = access.PrivateFolder.for_hub(str(tmp_path), "climate")
    folder.remove()
    folder.write(folder.file("x"), "text")
    folder.remove()
    assert os.listdir(tmp_path) == []


def test_a_helper_that_is_not_installed_is_named() -> None:
    access.check_helper({"token": "t"}, "c")
    access.check_helper({"exec": {"command": "python3"}}, "c")
    wanted = r"E-ACCESS-04 .*context c logs in by the program no-such-login-helper.* gke_dns_endpoint need neither"
    with pytest.raises(HubError, match=wanted):
        access.check_helper({"exec": {"command": "no-such-login-helper"}}, "c")


def helper(*words: str, **more: Any) -> Chosen:
    return Chosen("research", {}, {"exec": {"apiVersion": "v1", "command": "/bin/sh", "args": ["-c", *words], **more}})


@pytest.mark.parametrize(
    ("chosen", "seen"),
    [
        pytest.param(helper("echo one >&2; echo 'log in again.' >&2; exit 3"), "log in again", id="00-its-last-word"),
        pytest.param(helper("exit 3"), "exit code 3 without a word", id="01-silent"),
        pytest.param(Chosen("research", {}, {"exec": {"command": "/"}}), "Permission denied", id="02-no-program"),
        pytest.param(helper("sleep 60"), "no answer within 0.3 s", id="03-hanging"),
        pytest.param(helper("true"), "what it prints is no ExecCredential", id="04-nothing"),
    ],
)
def test_a_helper_that_fails_is_quoted(chosen: Chosen, seen: str, monkeypatch: Any) -> None:
    # Short only for what hangs: on a busy machine even a shell takes longer.
    monkeypatch.setattr(login_helper, "HELPER_TIMEOUT", 0.3 if seen.startswith("no answer") else 60.0)
    error = access.explain_helper(chosen)
    assert error is not None
    assert error.error_id == "E-ACCESS-09"
    assert seen in error.seen


@pytest.mark.parametrize("error_id", ["E-ACCESS-12", "E-K8S-02"])
def test_an_error_of_our_own_helper_is_not_wrapped_in_another(error_id: str) -> None:
    said = f"{error_id} https://i refused the client a. b (x). Nothing was changed. Do: check it."
    error = access.explain_helper(helper(f"echo '{said}' >&2; exit 1"))
    assert error is not None
    assert (error.error_id, error.what, error.do) == (
        error_id,
        "https://i refused the client a. b (x)",
        "check it",
    )
    assert error.text() == said


def test_a_helper_that_works_needs_no_explanation() -> None:
    wanted = 'test "$HUB" = climate && echo "{\\"status\\": {\\"token\\": \\"t\\"}}"'
    assert access.explain_helper(helper(wanted, env=[{"name": "HUB", "value": "climate"}])) is None
    assert access.explain_helper(Chosen("c", {}, {"token": "t"})) is None
