# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders, locks and processes of tunnels."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import SystemClock
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel import runtime, supervisor
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.controller import Process
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.runtime import Start, Tunnels
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.settings import Observed
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock

PLAY = Process(4711, "99")
PROGRAM = """
import json, os, signal, sys, time
{before}
with open(os.path.join(sys.argv[1], "status.json"), "w") as stream:
    json.dump({{"state": "up", "port": 1}}, stream)
time.sleep(60)
"""


def program(before: str = "") -> Start:
    return Start({"digest": "d"}, {"supervisor.py": PROGRAM.format(before=before), "known_hosts": "b k v\n"})


@pytest.fixture
def tunnels(tmp_path: Path) -> Tunnels:
    return Tunnels(str(tmp_path / "base"), SystemClock())


def wait_up(path: str) -> None:
    clock = SystemClock()
    end = clock.monotonic() + 30
    while runtime.status(path).get("state") != "up":
        assert clock.monotonic() < end
        clock.sleep(0.02)


def test_each_play_has_a_folder_of_its_own(tunnels: Tunnels) -> None:
    one = tunnels.place("climate", PLAY)
    assert os.path.basename(os.path.dirname(one)) == ".tunnels"
    assert os.path.basename(one).startswith("climate-")
    assert one == tunnels.place("climate", Process(4711, "99"))
    others = [tunnels.place("other", PLAY), tunnels.place("climate", Process(4711, "98"))]
    assert len({one, *others}) == 3


def test_a_tunnel_from_its_start_to_its_end(tunnels: Tunnels) -> None:
    path = tunnels.place("climate", PLAY)
    assert tunnels.observe(path) == Observed()
    with tunnels.exclusive():
        tunnels.start(path, program())
    assert tunnels.observe(path).running, "it lives from the first moment on"
    wait_up(path)
    assert tunnels.observe(path) == Observed(True, "d", "up")
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(path)}
    assert (set(modes.values()), stat.S_IMODE(os.stat(path).st_mode)) == ({0o600, 0o644}, 0o700)
    assert {name for name, mode in modes.items() if mode == 0o644} == {"status.json"}, (
        "which our supervisor writes 0600"
    )
    with tunnels.exclusive():
        assert tunnels.sweep() == []
        tunnels.stop(path)
    assert not os.path.exists(path)
    assert tunnels.observe(path) == Observed()


def test_a_supervisor_that_does_not_listen_is_killed(tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "STOP_TIMEOUT", 0.3)
    path = tunnels.place("climate", PLAY)
    with tunnels.exclusive():
        tunnels.start(path, program("signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
        wait_up(path)
        tunnels.stop(path)
    assert not os.path.exists(path)


def test_what_a_killed_one_left_is_swept_and_a_living_one_is_not(tunnels: Tunnels) -> None:
    dead, living = tunnels.place("dead", PLAY), tunnels.place("living", PLAY)
    for path in (dead, living):
        os.makedirs(path)
        Path(path, "lock").touch()
        Path(path, "kubeconfig").write_text("leads nowhere")
    with open(os.path.join(living, "lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tunnels.exclusive():
            assert tunnels.sweep() == [dead]
    assert [os.path.exists(path) for path in (dead, living)] == [False, True]


def test_one_play_at_a_time(tunnels: Tunnels, tmp_path: Path) -> None:
    waiting = Tunnels(str(tmp_path / "base"), FakeClock())
    refused = pytest.raises(HubError, match="E-TUNNEL-08 Another play has kept")
    with tunnels.exclusive(), refused, waiting.exclusive():
        pass
    with waiting.exclusive():
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "base").write_text("a file")
    tunnels = Tunnels(str(tmp_path / "base"), SystemClock())
    with pytest.raises(HubError, match="E-ACCESS-15"), tunnels.exclusive():
        pass
    with pytest.raises(HubError, match="E-ACCESS-15"):
        tunnels.start(tunnels.place("climate", PLAY), program())
    assert tunnels.sweep() == []


def test_a_disk_that_is_full_at_the_last_file_leaves_no_process(
    tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = runtime.write_private
    begun: list[int] = []

    def full(path: str, text: str) -> None:
        if path.endswith("/pid"):
            begun.append(int(text))
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, text)

    monkeypatch.setattr(runtime, "write_private", full)
    path = tunnels.place("climate", PLAY)
    with tunnels.exclusive(), pytest.raises(HubError, match=r"E-ACCESS-15 .*: No space left on device"):
        tunnels.start(path, program())
    assert [supervisor.start_time(pid) for pid in begun] == [""]
    assert not os.path.exists(path)


def test_words_of_the_dead(tunnels: Tunnels) -> None:
    path = tunnels.place("climate", PLAY)
    assert runtime.status(path) == {"state": "gone", "reason": ""}
    os.makedirs(path)
    Path(path, "log").write_text("Traceback\nValueError: no\n\n")
    assert runtime.status(path) == {"state": "gone", "reason": "ValueError: no"}
    Path(path, "log").write_text("\n")
    assert runtime.last_words(path) == ""
    Path(path, "status.json").write_text('{"state": "failed", "reason": "r"}')
    assert runtime.status(path) == {"state": "failed", "reason": "r"}
    for text in ("[]", "{"):
        Path(path, "status.json").write_text(text)
        assert runtime.read(path, "status.json") == {}
    assert runtime.pid_of(path) == 0


def test_only_what_is_needed_is_handed_on() -> None:
    given = {
        "PATH": "p",
        "SSH_AUTH_SOCK": "s",
        "https_proxy": "h",
        "GOOGLE_APPLICATION_CREDENTIALS": "g",
        "LC_ALL": "C",
    }
    secret = {"VAULT_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "k", "ANSIBLE_VAULT_PASSWORD": "v", "GCP_ACCESS_TOKEN": "a"}
    secret |= {"AWS_ACCESS_KEY_ID": "i", "AWS_SESSION_TOKEN": "s", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "c"}
    secret |= {"TELEPORT_PASSWORD": "p", "TELEPORT_TOKEN": "t"}
    assert runtime.passed_on({**given, **secret}) == given


@pytest.mark.parametrize(
    "name", ["KRB5CCNAME", "KRB5_CONFIG", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_REGION", "TELEPORT_HOME"]
)
def test_what_finds_credentials_of_a_person_is_handed_on(name: str) -> None:
    """A ticket for GSSAPI, and where a ProxyCommand (aws ssm, tsh) looks; never the secrets themselves."""
    assert runtime.passed_on({name: "where"}) == {name: "where"}


def test_the_supervisor_s_own_text_is_handed_on() -> None:
    text = runtime.source_of(supervisor)
    assert text == Path(supervisor.__file__).read_text()
    compile(text, "supervisor.py", "exec")
