# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy of a kubeconfig moves into Helm's environment, and into nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.helm_way import way

TUNNEL = "http://127.0.0.1:4711"
HELPER: dict[str, Any] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/login"}}


def kubeconfig(folder: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "it", "user": "it"}},
            {"name": "two", "context": {"cluster": "other", "user": "it"}},
        ],
        "clusters": [
            {"name": "it", "cluster": cluster},
            {"name": "other", "cluster": {"server": "https://10.9.9.9"}},
        ],
        "users": [{"name": "it", "user": user or {"token": "t"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def inherited(environ: dict[str, str], files: tuple[int, ...]) -> dict[str, Any]:
    """The kubeconfig as a child process reads it."""
    done = subprocess.run(
        ["cat", environ["KUBECONFIG"]], env=environ, pass_fds=files, capture_output=True, check=True, timeout=10
    )
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_helm_gets_the_proxy_from_its_environment(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {"server": "https://10.0.0.2", "proxy-url": TUNNEL})
    mine = {"PATH": os.environ["PATH"], "KUBECONFIG": path, "https_proxy": "http://mine", "NO_PROXY": "10.0.0.0/8"}
    with way(mine, None) as (environ, files):
        document = inherited(environ, files)
        assert {key: value for key, value in environ.items() if "PROXY" in key.upper()} == {"HTTPS_PROXY": TUNNEL}
        assert [one["cluster"] for one in document["clusters"]] == [{"server": "https://10.0.0.2"}]
        assert document["users"][0]["user"] == {"token": "t"}
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(files[0])
    assert TUNNEL in Path(path).read_text()


def test_the_login_goes_the_way_it_went_before(tmp_path: Path) -> None:
    user = {"exec": HELPER["exec"] | {"env": [{"name": "no_proxy", "value": "idp"}]}}
    path = kubeconfig(tmp_path, {"server": "https://api.example.org", "proxy-url": TUNNEL}, user)
    mine = {"PATH": os.environ["PATH"], "KUBECONFIG": path, "HTTPS_PROXY": "http://mine"}
    with way(mine, "one") as (environ, files):
        told = inherited(environ, files)["users"][0]["user"]["exec"]["env"]
    assert json.loads(json.dumps(told)) == [
        {"name": "no_proxy", "value": "idp"},
        {"name": "HTTPS_PROXY", "value": "http://mine"},
        {"name": "https_proxy", "value": ""},
        {"name": "NO_PROXY", "value": ""},
    ]


@pytest.mark.parametrize(
    ("cluster", "context"),
    [
        ({"server": "https://10.0.0.2"}, None),
        ({"server": "https://127.0.0.1:6443", "proxy-url": TUNNEL}, None),
        ({"server": "https://10.0.0.2", "proxy-url": TUNNEL}, "two"),
        ({"server": "https://10.0.0.2", "proxy-url": TUNNEL}, "unknown"),
    ],
    ids=["no proxy", "Go uses none for loopback", "another context", "no such context"],
)
def test_everything_else_stays_as_it_is(tmp_path: Path, cluster: dict[str, Any], context: str | None) -> None:
    mine = {"KUBECONFIG": kubeconfig(tmp_path, cluster), "HTTPS_PROXY": "http://mine"}
    with way(mine, context) as found:
        assert found == (mine, ())


def test_without_a_kubeconfig_nothing_is_read() -> None:
    with way({"HOME": "/nowhere"}, None) as found:
        assert found == ({"HOME": "/nowhere"}, ())
