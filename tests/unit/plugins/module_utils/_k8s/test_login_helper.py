# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the login helper of a kubeconfig is started; what its callers make of it is in their own tests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import login_helper


def helper(words: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", words], **more}


def test_it_gets_its_own_environment_and_is_told_what_is_wanted() -> None:
    entry = helper('echo "$HUB $KUBERNETES_EXEC_INFO"', env=[{"name": "HUB", "value": "climate"}])
    hub, _space, info = login_helper.start(entry, {}).stdout.partition(" ")
    assert hub == "climate"
    assert json.loads(info) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


def test_it_is_told_about_the_cluster_where_it_asks(tmp_path: Path) -> None:
    """As client-go tells it: the CA itself, and what an extension holds for it."""
    (tmp_path / "ca.pem").write_text("a CA")
    cluster = {
        "server": "https://api.test:6443",
        "certificate-authority": str(tmp_path / "ca.pem"),
        "proxy-url": "http://127.0.0.1:9",
        "extensions": [
            {"name": "other", "extension": 1},
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "hub"}},
        ],
    }
    entry = helper('echo "$KUBERNETES_EXEC_INFO"')
    assert "cluster" not in json.loads(login_helper.start(entry, cluster).stdout)["spec"]
    told = json.loads(login_helper.start(entry | {"provideClusterInfo": True}, cluster).stdout)["spec"]["cluster"]
    assert told == {
        "server": "https://api.test:6443",
        "certificate-authority-data": "YSBDQQ==",
        "proxy-url": "http://127.0.0.1:9",
        "config": {"audience": "hub"},
    }
    assert login_helper.cluster_info({"server": "https://a", "certificate-authority": "/nowhere"}) == {
        "server": "https://a"
    }


def test_words_that_are_no_utf_8_are_told_all_the_same() -> None:
    with pytest.raises(HubError, match=r"E-ACCESS-09 .*Seen: gel\ufffdscht"):
        login_helper.ask(helper(r"printf 'gel\366scht\n' >&2; exit 1"), "one", {})


def test_nobody_answers_its_questions() -> None:
    done = login_helper.start(helper("read answer || echo nobody >&2; exit 3"), {})
    assert (done.returncode, done.stderr) == (3, "nobody\n")


def test_it_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_helper, "HELPER_TIMEOUT", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        login_helper.start(helper("exec sleep 60"), {})


@pytest.mark.parametrize("entry", [{}, {"command": "/no/such/program"}])
def test_a_program_that_is_not_there_is_told(entry: dict[str, Any]) -> None:
    with pytest.raises(OSError):  # which one, and in what words, is the system's
        login_helper.start(entry, {})
