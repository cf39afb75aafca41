# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module with its real supervisor, a program that stands for ssh, and a server that stands for the API."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import HIDDEN
from ansible_collections.researchops.jupyterhub.plugins.modules import cluster_tunnel
from ansible_collections.researchops.jupyterhub.tests.unit import fake_ssh
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import serving

TOKEN = "a-token-nobody-may-see"
SSH = """#!/bin/sh
# Stands for ssh: takes the port out of -L or -D and behaves as the file says.
echo "$@" >>{folder}/calls
while [ $# -gt 0 ]; do
  case "$1" in -L | -D) spec=$2 ;; esac
  shift
done
port=${{spec#127.0.0.1:}}
exec {python} -I -S {program} "${{port%%:*}}" "$(cat {folder}/mode)" {folder}/pids
"""


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Options that work; the play is a process that sleeps."""
    play = subprocess.Popen(["sleep", "60"])
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(SSH.format(folder=tmp_path, python=sys.executable, program=fake_ssh.__file__))
    (programs / "ssh").chmod(0o755)
    (tmp_path / "mode").write_text("http")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with serving(tmp_path, lambda *_request: (200, {}, {})) as server:
        content = {
            "current-context": "private",
            "contexts": [{"name": "private", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url, "certificate-authority": "ca.pem"}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
        }
        (tmp_path / "config").write_text(yaml.safe_dump(content))
        yield {
            "hub": "climate",
            "kubeconfig": str(tmp_path / "config"),
            "cache_dir": str(tmp_path / "cache"),
            "bastion": {"host": "bastion.test", "user": "ops", "host_key": "ssh-ed25519 AAAA"},
            "controller_pid": play.pid,
            "probe_interval": 0.5,
            "wait_timeout": 60,
        }
        play.kill()
        play.wait()


def run(given: dict[str, Any], check_mode: bool = False, **changes: Any) -> Any:
    return cluster_tunnel.body(request(cluster_tunnel, check_mode=check_mode, **{**given, **changes}))


def test_the_kubeconfig_leads_through_the_tunnel(options: dict[str, Any], tmp_path: Path) -> None:
    outcome = run(options)
    result = outcome.result
    assert (outcome.changed, outcome.warnings, result["experimental"], result["bastion"]) == (
        True,
        [],
        False,
        "bastion.test",
    )
    path = Path(result["path"])
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    made = yaml.safe_load(path.read_text())
    source = yaml.safe_load((tmp_path / "config").read_text())
    assert made["clusters"][0]["cluster"] == {
        "server": source["clusters"][0]["cluster"]["server"],
        "certificate-authority": str(tmp_path / "ca.pem"),
        "proxy-url": result["proxy_url"],
    }
    assert result["proxy_url"].startswith("http://127.0.0.1:")
    assert (made["users"][0]["user"], made["contexts"][0]["context"]["namespace"]) == ({"token": TOKEN}, "n")
    assert (path.parent / "known_hosts").read_text() == "bastion.test ssh-ed25519 AAAA\n"


def test_a_port_is_ssh_s_own_unless_one_is_given(options: dict[str, Any], tmp_path: Path) -> None:
    """An alias of the person's ssh configuration may have a port of its own."""
    run(options)
    assert run(options, bastion={**options["bastion"], "port": 2222}).result["bastion"] == "bastion.test:2222"
    assert [" -p " in line for line in (tmp_path / "calls").read_text().splitlines()] == [False, True]


def test_impersonation_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    content = yaml.safe_load((tmp_path / "config").read_text())
    content["users"][0]["user"]["as"] = "somebody"
    (tmp_path / "config").write_text(yaml.safe_dump(content))
    with pytest.raises(HubError, match=r"E-ACCESS-05 .* acts as somebody else"):
        run(options)
    assert not (tmp_path / "calls").exists()


def test_a_second_run_changes_nothing_and_another_bastion_does(options: dict[str, Any], tmp_path: Path) -> None:
    first, second = run(options), run(options)
    assert (first.changed, second.changed) == (True, False)
    assert {key: first.result[key] for key in ("path", "proxy_url")} == {
        key: second.result[key] for key in ("path", "proxy_url")
    }
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
    other = {**options["bastion"], "user": "other"}
    assert run(options, check_mode=True, bastion=other).changed is True
    third = run(options, bastion=other)
    assert (third.changed, third.diff["before"]["tunnel"]) == (True, "climate")
    assert run(options, bastion=other).changed is False


def test_check_mode_foretells_and_starts_nothing(options: dict[str, Any], tmp_path: Path) -> None:
    outcome = run(options, check_mode=True)
    assert (outcome.changed, outcome.result["proxy_url"]) == (True, "")
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "calls").exists()
    started = run(options)
    assert started.diff == outcome.diff
    again = run(options, check_mode=True)
    assert (again.changed, again.result["proxy_url"]) == (False, started.result["proxy_url"])


def test_absent_ends_it_once(options: dict[str, Any], tmp_path: Path) -> None:
    path = Path(run(options).result["path"])
    gone = {key: value for key, value in options.items() if key != "bastion"} | {"state": "absent"}
    assert run(gone, check_mode=True).changed is True
    assert path.exists()
    assert run(gone).changed is True
    assert not path.parent.exists()
    assert run(gone).changed is False
    assert os.listdir(tmp_path / "cache" / ".tunnels") == ["lock"]


def test_absent_where_nothing_ever_was(options: dict[str, Any], tmp_path: Path) -> None:
    assert run(options, state="absent").changed is False
    assert not (tmp_path / "cache").exists()


def test_no_secret_is_returned_or_on_a_command_line(options: dict[str, Any], tmp_path: Path) -> None:
    asked = request(cluster_tunnel, **options)
    outcome = cluster_tunnel.body(asked)
    assert TOKEN not in str(outcome)
    assert asked.redactor.text(f"x {TOKEN}") == f"x {HIDDEN}"
    folder = Path(outcome.result["path"]).parent
    holding = [path.name for path in folder.iterdir() if TOKEN in path.read_text()]
    assert holding == ["kubeconfig"]
    assert TOKEN not in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(
    ("mode", "error", "words"),
    [
        ("die", "E-TUNNEL-01 No SSH connection to the bastion bastion.test", "Permission denied (publickey)"),
        ("refuse", "E-TUNNEL-02 The bastion bastion.test is reached", "the proxy on the bastion answers 503"),
    ],
)
def test_a_tunnel_that_does_not_stand_is_told_and_ended(
    options: dict[str, Any], tmp_path: Path, mode: str, error: str, words: str
) -> None:
    (tmp_path / "mode").write_text(mode)
    with pytest.raises(HubError) as caught:
        run(options)
    assert caught.value.text().startswith(error)
    assert words in caught.value.text()
    assert os.listdir(tmp_path / "cache" / ".tunnels") == ["lock"]


def test_the_time_to_wait_is_kept(options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("mute")
    with pytest.raises(HubError, match="E-TUNNEL-01"):
        run(options, wait_timeout=1)


IAP = {"iap": {"project": "p", "zone": "z", "instance": "i"}}


def test_iap_is_called_experimental_and_its_token_is_in_a_file(options: dict[str, Any], tmp_path: Path) -> None:
    login = {"auth_kind": "accesstoken", "access_token": "an-access-token-of-mine", "login_helper": "/h.py"}
    outcome = run(options, bastion=IAP, **login)
    assert outcome.result["experimental"] is True
    assert outcome.result["bastion"] == "i in z of p (over IAP)"
    assert len(outcome.warnings) == 1
    assert "experimental" in outcome.warnings[0]
    folder = Path(outcome.result["path"]).parent
    assert (folder / "gcp-key").read_text() == "an-access-token-of-mine\n"
    assert "an-access-token-of-mine" not in (tmp_path / "calls").read_text()
    called = (tmp_path / "calls").read_text()
    assert f"ProxyCommand={sys.executable} -P {folder}/iap_relay.py --project p --zone z" in called
    assert f"--auth-kind accesstoken --key-file {folder}/gcp-key" in called
    assert run(options, bastion=IAP, **login).changed is False
    assert run(options, bastion=IAP, **{**login, "access_token": "a-fresh-access-token"}).changed is True
    assert (folder / "gcp-key").read_text() == "a-fresh-access-token\n"


def test_iap_needs_the_helper(options: dict[str, Any]) -> None:
    with pytest.raises(HubError, match="E-ACCESS-17"):
        run(options, bastion=IAP)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"hub": "../x"}, "E-ACCESS-16"),
        ({"kubeconfig": "/no/such/file"}, "E-ACCESS-05"),
        ({"bastion": {"host": "b", "private_key_file": "/no/such/key"}}, "E-TUNNEL-07 .*/no/such/key does not exist"),
        ({"bastion": {"user": "ops"}}, "E-TUNNEL-07 .*neither host nor iap"),
        ({"controller_pid": 2**22 + 1}, "E-TUNNEL-06"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(
    options: dict[str, Any], tmp_path: Path, changes: dict[str, Any], error: str
) -> None:
    with pytest.raises(HubError, match=error):
        run(options, **changes)
    assert not (tmp_path / "calls").exists()


def test_a_machine_without_ssh(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no/such/directory")
    with pytest.raises(HubError, match="E-TUNNEL-03"):
        run(options)


def test_a_bastion_is_needed(options: dict[str, Any]) -> None:
    del options["bastion"]
    with pytest.raises(Refused, match="bastion"):
        run(options)
