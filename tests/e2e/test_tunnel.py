# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnel on a real sshd and a real tinyproxy, on the loopback address: it survives, and it never outlives the play.

Needs root and Debian's packages, no lab.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import support_tunnel
from support_plays import ROOT, program
from support_tunnel import ApiServer, Bastion, left_of, running, until

DROPS = 50
HELPER = ROOT / "roles" / "cluster_access" / "files" / "exec_credential.py"
LONGEST = 10.0
"""Seconds within which a broken tunnel must stand again."""

CLIENT = """
import json, os, sys, time
sys.path[:0] = [{support!r}, *os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)]
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import KubeClient
from support_tunnel import drop

kubeconfig, sshd, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = KubeClient.from_kubeconfig(kubeconfig, None)
client.get("/version")
seconds, cut = [], 0
for number in range(count):
    while not drop(sshd):
        time.sleep(0.02)
    cut += 1
    start = time.monotonic()
    client.create("/api/v1/namespaces/hub/configmaps", {{"metadata": {{"name": f"c{{number}}"}}}})
    client.get("/version")
    seconds.append(round(time.monotonic() - start, 3))
print(json.dumps({{"drops": cut, "longest": max(seconds)}}))
"""


class Plays:
    """Plays of the module, as a person runs them."""

    def __init__(self, folder: Path, api: ApiServer, bastion: Bastion) -> None:
        """Nothing has run yet."""
        self.folder, self.api, self.bastion = folder, api, bastion
        self.cache = folder / "cache"
        self.kubeconfig = api.kubeconfig(folder / "kubeconfig")

    def tunnel(self, register: str = "tunnel", **options: Any) -> dict[str, Any]:
        """A task that wants the tunnel."""
        given: dict[str, Any] = {"hub": "climate", "kubeconfig": str(self.kubeconfig), "cache_dir": str(self.cache)}
        given |= {"bastion": self.bastion.options(), "probe_interval": 0.5, "wait_timeout": 90, **options}
        return {"researchops.jupyterhub.cluster_tunnel": given, "register": register}

    def start(self, *tasks: dict[str, Any], check: bool = False) -> subprocess.Popen[str]:
        """Start a play with these tasks."""
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": list(tasks),
        }
        source = self.folder / f"play-{time.monotonic_ns()}.json"
        source.write_text(json.dumps([play]))
        words = [program("ansible-playbook"), "-i", "localhost,", str(source), *(["--check"] if check else [])]
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "NO_COLOR": "1"},
            start_new_session=True,
        )

    def run(self, *tasks: dict[str, Any], check: bool = False, fails: bool = False) -> tuple[dict[str, Any], str]:
        """Run a play; returns what its tasks registered, and its output."""
        result = self.folder / f"result-{time.monotonic_ns()}.json"
        names = [task["register"] for task in tasks if "register" in task]
        content = f"{{{{ dict({', '.join(f'{name}={name}' for name in names)}) | to_json }}}}"
        tasks = tuple({**task, "ignore_errors": fails} for task in tasks)
        write = {"ansible.builtin.copy": {"content": content, "dest": str(result), "mode": "0600"}, "check_mode": False}
        process = self.start(*tasks, write, check=check)
        output, _none = process.communicate(timeout=280)
        assert process.returncode == 0, output[-4000:]
        found: dict[str, Any] = json.loads(result.read_text())
        return found, output

    @property
    def left(self) -> list[str]:
        """Processes and files of tunnels."""
        return left_of(self.cache, self.bastion.port)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with support_tunnel.api_server(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture(scope="module")
def bastion(api: ApiServer) -> Iterator[Bastion]:
    with support_tunnel.bastion(api.port) as made:
        yield made


@pytest.fixture
def plays(api: ApiServer, bastion: Bastion, tmp_path: Path) -> Plays:
    api.objects.clear()
    return Plays(tmp_path, api, bastion)


def test_fifty_drops_in_one_play_are_survived(plays: Plays, bastion: Bastion, api: ApiServer) -> None:
    client = plays.folder / "client.py"
    client.write_text(CLIENT.format(support=str(Path(__file__).parent)))
    words = [sys.executable, str(client), "{{ tunnel.path }}", str(bastion.sshd), str(DROPS)]
    found, output = plays.run(
        plays.tunnel("tunnel"),
        {"ansible.builtin.command": {"argv": words}, "register": "client", "changed_when": False},
        plays.tunnel("again"),
        {
            "researchops.jupyterhub.cluster_guard": {
                "kubeconfig": "{{ tunnel.path }}",
                "expected_uid": support_tunnel.UID,
            }
        },
    )
    told = json.loads(found["client"]["stdout"])
    assert (told["drops"], told["longest"] < LONGEST) == (DROPS, True), told
    assert sorted(api.objects) == sorted(f"c{number}" for number in range(DROPS)), "a write was lost or sent twice"
    assert (found["tunnel"]["changed"], found["again"]["changed"]) == (True, False)
    assert found["again"]["drops"] >= DROPS - 1
    assert 0 < found["again"]["longest_interruption"] < LONGEST
    assert found["tunnel"]["proxy_url"] == found["again"]["proxy_url"], "the port changed"
    assert "a-token-of-the-stand-in" not in output
    until("the end of the tunnel", lambda: plays.left == [])


def test_what_cannot_work_ends_soon_and_socks5_needs_nothing_but_ssh(plays: Plays, bastion: Bastion) -> None:
    wrong = bastion.options(private_key_file=str(bastion.folder / "stranger-key"))
    other = bastion.options(host_key=(bastion.folder / "stranger-key.pub").read_text().strip())
    bastion.stop("tinyproxy")
    start = time.monotonic()
    try:
        found, _output = plays.run(
            plays.tunnel("proxy", wait_timeout=250),
            plays.tunnel("key", bastion=wrong, wait_timeout=250),
            plays.tunnel("host", bastion=other, wait_timeout=250),
            plays.tunnel("tunnel", bastion=bastion.options(through="socks5")),
            {"researchops.jupyterhub.cluster_guard": {"kubeconfig": "{{ tunnel.path }}"}, "register": "look"},
            fails=True,
        )
    finally:
        bastion.start_proxy()
    assert time.monotonic() - start < 250, "it went on although the first tries had all failed"
    assert found["proxy"]["msg"].startswith("E-TUNNEL-02 ")
    for name, word in (("key", "Permission denied"), ("host", "Host key verification failed")):
        assert found[name]["msg"].startswith("E-TUNNEL-01 No SSH connection to the bastion 127.0.0.1:"), found[name]
        assert word in found[name]["msg"]
    assert found["look"]["uid"] == support_tunnel.UID
    until("the end of the tunnel", lambda: plays.left == [])


def test_iap_s_relay_carries_ssh_and_its_breaks_are_not_noticed(plays: Plays, bastion: Bastion, api: ApiServer) -> None:
    place = {"project": "p", "zone": "z", "instance": "i", "interface": "nic0", "port": "22"}
    code = CLIENT.partition("kubeconfig, sshd")[0].format(support=str(Path(__file__).parent)) + (
        "client = KubeClient.from_kubeconfig(sys.argv[1], None)\n"
        "for number in range(20):\n    client.get('/version')\n    time.sleep(0.1)\n"
    )
    words = [sys.executable, "-c", code, "{{ tunnel.path }}"]
    certificate = api.ca_file.with_name("api.pem")
    with support_tunnel.relay(certificate, api.ca_file, bastion.port, place) as relay:
        way = {"iap": {"project": "p", "zone": "z", "instance": "i", "relay_url": relay.url}}
        way["iap"]["ca_file"] = str(relay.ca_file)
        login = {"auth_kind": "accesstoken", "access_token": relay.token, "login_helper": str(HELPER)}
        done = threading.Event()

        def cut() -> None:
            while not done.wait(0.5):
                relay.cut()

        cutting = threading.Thread(target=cut)
        cutting.start()
        given = {"bastion": bastion.options(host=None, port=22, **way), **login}
        found, output = plays.run(
            plays.tunnel("tunnel", **given),
            {"ansible.builtin.command": {"argv": words}, "register": "client", "changed_when": False},
            plays.tunnel("again", **given),
        )
        done.set()
        cutting.join()
        until("the end of the tunnel", lambda: plays.left == [])
    assert (found["again"]["changed"], found["again"]["drops"]) == (False, 0)
    assert any("/reconnect?" in path for path in relay.requests), "nothing was cut"
    assert found["tunnel"]["experimental"] is True
    assert "experimental" in output
    assert relay.token not in output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_nothing_outlives_the_play(plays: Plays, number: signal.Signals) -> None:
    process = plays.start(plays.tunnel(), {"ansible.builtin.wait_for": {"timeout": 300}})
    until("the tunnel", lambda: any((plays.cache / ".tunnels").glob("*/kubeconfig")))
    assert running("ssh -N", str(plays.bastion.port))
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    until("the end of the tunnel", lambda: plays.left == [])
    with_group(process)


def test_a_killed_supervisor_takes_ssh_with_it_and_is_swept(plays: Plays) -> None:
    process = plays.start(plays.tunnel(), {"ansible.builtin.wait_for": {"timeout": 300}})
    until("the tunnel", lambda: any((plays.cache / ".tunnels").glob("*/kubeconfig")))
    (folder,) = [path for path in (plays.cache / ".tunnels").iterdir() if path.is_dir()]
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    until("the end of ssh", lambda: not running("ssh -N", str(plays.bastion.port)))
    with_group(process)
    assert folder.exists(), "there was nothing to sweep"
    found, _output = plays.run(
        plays.tunnel(), plays.tunnel("gone", state="absent"), plays.tunnel("off", state="absent")
    )
    assert not folder.exists()
    assert [found[name]["changed"] for name in ("tunnel", "gone", "off")] == [True, True, False]
    assert plays.left == []


def with_group(process: subprocess.Popen[str]) -> None:
    """End what is left of a play that a test has hit."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)


def test_a_write_in_flight_is_read_back_and_not_sent_again(plays: Plays, bastion: Bastion, api: ApiServer) -> None:
    api.delay = 2.0
    code = CLIENT.partition("kubeconfig, sshd")[0].format(support=str(Path(__file__).parent)) + (
        "import threading\n"
        "client = KubeClient.from_kubeconfig(sys.argv[1], None)\n"
        "client.get('/version')\n"
        "threading.Timer(0.5, drop, [int(sys.argv[2])]).start()\n"
        "start = time.monotonic()\n"
        "made = client.create('/api/v1/namespaces/hub/configmaps', {'metadata': {'name': 'once'}})\n"
        "print(made['metadata']['name'])\n"
        "print(time.monotonic() - start < 2)\n"
    )
    words = [sys.executable, "-c", code, "{{ tunnel.path }}", str(bastion.sshd)]
    found, _output = plays.run(
        plays.tunnel(), {"ansible.builtin.command": {"argv": words}, "register": "client", "changed_when": False}
    )
    api.delay = 0.0
    assert found["client"]["stdout_lines"] == ["once", "True"], "the answer of the slow server was waited for"
    assert api.objects == ["once"]
