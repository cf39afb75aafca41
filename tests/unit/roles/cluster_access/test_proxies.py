# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way the tasks of kubernetes.core go: the kubeconfig's, whatever the environment says about proxies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played

KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "abcdefgh"}}],
}
REACH = {"ansible.builtin.include_role": {"name": "researchops.jupyterhub.cluster_access", "tasks_from": "connect"}}


class Listener:
    """A port that remembers how those began who came, and closes."""

    def __init__(self) -> None:
        """Listen from now on."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.heard: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                client, _address = self._socket.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                self.heard.append(client.recv(4096))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def written(folder: Path, name: str, cluster: dict[str, str]) -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(KUBECONFIG | {"clusters": [{"name": "c", "cluster": cluster}]}), encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def look(folder: Path, mine: dict[str, str], other: str) -> None:
    """Enter a cluster, then let kubernetes.core look at another one: whatever arrives there is its own doing.

    Args:
        folder: for files.
        mine: the cluster that the role enters.
        other: the server of the other; its kubeconfig names no proxy, because not every version would read it.
    """
    task = {
        "name": "Look as the roles do",
        "kubernetes.core.k8s_info": {
            "kubeconfig": written(folder, "other", {"server": other}),
            "proxy": "{{ __cluster_access_proxy | default(omit, true) }}",
            "no_proxy": "{{ __cluster_access_no_proxy | default(omit, true) }}",
            "kind": "Namespace",
        },
        "failed_when": False,
    }
    played(folder, [REACH, task], "-e", f"cluster_access_kubeconfig={written(folder, 'mine', mine)}")


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_proxy_of_one_s_own_kubeconfig_is_taken_and_not_gone_past(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    proxy = f"http://127.0.0.1:{listener.port}"
    look(tmp_path, {"server": "https://mine.invalid", "proxy-url": proxy}, "https://other.invalid")
    assert [b"CONNECT", b"other.invalid:443"] in [said.split()[:2] for said in listener.heard]


def test_an_api_server_on_this_machine_is_reached_without_a_proxy(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    there = Listener()
    look(tmp_path, {"server": "https://127.0.0.1:1"}, f"https://127.0.0.1:{there.port}")
    there.close()
    assert listener.heard == []
    assert {said[:2] for said in there.heard} == {b"\x16\x03"}, "TLS, not CONNECT"
