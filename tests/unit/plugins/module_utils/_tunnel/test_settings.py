# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options to ssh's words, observations to plans, status to verdicts: tables."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel import settings
from ansible_collections.researchops.jupyterhub.plugins.module_utils._tunnel.settings import (
    Bastion,
    Iap,
    Limits,
    Observed,
    Target,
    decide,
    digest,
    failure,
    judge,
    known_hosts_line,
    parse_bastion,
    parse_target,
    relay_command,
    ssh_command,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

IAP = Iap("p", "z", "i")
TARGET = Target("10.0.0.2", 443)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({}, "neither host nor iap", id="nothing"),
        pytest.param(
            {"host": "-oProxyCommand=x"}, "host '-oProxyCommand=x' starts with a dash", id="an option as host"
        ),
        pytest.param({"host": "a", "user": "-x"}, "its user '-x'", id="an option as user"),
        pytest.param({"host": "a b"}, "holds spaces", id="two words"),
        pytest.param({"host": "a", "private_key_file": "/k\ny"}, "its private_key_file", id="two lines"),
        pytest.param({"iap": {"project": "p", "zone": "z", "instance": "-i"}}, "its iap.instance '-i'", id="iap"),
        pytest.param({"host": "a", "host_key": "x y\n* ssh-rsa z"}, "more than one line", id="two host keys"),
        pytest.param({"host": "a", "host_key": "a ssh-ed25519 AAAA"}, "the kind of a key", id="ssh-keyscan"),
        pytest.param({"host": "a", "host_key": "AAAA"}, "the kind of a key", id="a key without its kind"),
    ],
)
def test_settings_that_cannot_work(given: dict[str, Any], reason: str) -> None:
    error = fails("E-TUNNEL-07", lambda: parse_bastion(given))
    assert reason in error.what


@pytest.mark.parametrize(
    ("given", "bastion"),
    [
        ({"host": "b", "user": None, "port": None}, Bastion("b")),
        ({"host": "b", "port": 22}, Bastion("b", 22)),
        ({"host": "b", "user": "", "iap": None, "host_key": " ssh-rsa v\n"}, Bastion("b", host_key=" ssh-rsa v\n")),
        ({"iap": {"project": "p", "zone": "z", "instance": "i", "ca_file": None}}, Bastion("i.z.p", iap=IAP)),
        ({"host": "compute.1", "iap": {"project": "p", "zone": "z", "instance": "i"}}, Bastion("compute.1", iap=IAP)),
    ],
)
def test_canonical_form(given: dict[str, Any], bastion: Bastion) -> None:
    assert parse_bastion(given) == bastion


def test_names_for_people() -> None:
    assert [Bastion("b").name, Bastion("b", 22).name, Bastion("b", 2222).name] == ["b", "b", "b:2222"]
    assert Bastion("i.z.p", iap=IAP).name == "i in z of p (over IAP)"


@pytest.mark.parametrize(
    ("server", "target"),
    [
        ("https://10.0.0.2", TARGET),
        ("https://10.0.0.2/", TARGET),
        ("https://api.test:6443/base", Target("api.test", 6443)),
        ("https://[2001:db8::1]:6443", Target("2001:db8::1", 6443)),
    ],
)
def test_targets(server: str, target: Target) -> None:
    assert parse_target(server) == target


@pytest.mark.parametrize(
    "server", ["http://10.0.0.2", "10.0.0.2", "https://", "https://10.0.0.1:64430x", "https://[10"]
)
def test_targets_that_are_none(server: str) -> None:
    with pytest.raises(HubError, match=r"E-TUNNEL-07 .* is no https address"):
        parse_target(server)


def options(words: list[str]) -> dict[str, str]:
    return dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "-o")


def test_ssh_never_asks_and_never_trusts_a_stranger() -> None:
    words = ssh_command(Bastion("b", user="ops"), "/usr/bin/ssh", "", [])
    assert words[:3] == ["/usr/bin/ssh", "-N", "-T"]
    assert words[-6:] == ["-l", "ops", "-L", "127.0.0.1:{port}:127.0.0.1:8888", "--", "b"]
    given = options(words)
    wanted = {"BatchMode": "yes", "StrictHostKeyChecking": "yes", "ExitOnForwardFailure": "no", "ControlMaster": "no"}
    assert {key: given[key] for key in wanted} == wanted
    assert not {"UserKnownHostsFile", "HostKeyAlias", "IdentityFile", "ProxyCommand"} & set(given)


def test_a_port_is_named_where_one_is_given_only() -> None:
    """``-p`` would take the place of the ``Port`` that an alias has in the person's own ssh configuration."""
    assert "-p" not in ssh_command(parse_bastion({"host": "alias"}), "ssh", "", [])
    given = ssh_command(parse_bastion({"host": "alias", "port": 22}), "ssh", "", [])
    assert given[given.index("-p") + 1] == "22"


def test_the_relay_is_told_a_port_in_any_case() -> None:
    assert "--port 22 " in " ".join(relay_command(["relay"], IAP, 0, ["h"]))
    assert "--port 2222 " in " ".join(relay_command(["relay"], IAP, 2222, ["h"]))


def test_keys_are_pinned() -> None:
    bastion = Bastion("b", 2222, private_key_file="/k", host_key="ssh-ed25519 AAAA", upstream="socks5")
    words = ssh_command(bastion, "ssh", "/t/known_hosts", [])
    assert words[-6:] == ["-p", "2222", "-D", "127.0.0.1:{port}", "--", "b"]
    given = options(words)
    assert given["UserKnownHostsFile"] == "/t/known_hosts"
    assert (given["GlobalKnownHostsFile"], given["HostKeyAlias"]) == ("none", "b")
    assert (given["IdentityFile"], given["IdentitiesOnly"]) == ("/k", "yes")
    assert known_hosts_line(bastion) == "b ssh-ed25519 AAAA\n"
    assert known_hosts_line(Bastion("b")) == ""


def test_the_relay_is_a_proxy_command_of_one_line() -> None:
    relay = relay_command(
        ["python", "-P", "/t/r e.py"], Iap("p", "z", "i", ca_file="/ca%.pem"), 22, ["h", "--kind", "gke"]
    )
    words = ["--project", "p", "--zone", "z", "--instance", "i", "--interface", "nic0"]
    words += ["--relay-url", "wss://tunnel.cloudproxy.app/v4", "--ca-file", "/ca%.pem", "--port", "22"]
    assert relay == ["python", "-P", "/t/r e.py", *words, "--", "h", "--kind", "gke"]
    given = options(ssh_command(Bastion("i.z.p", iap=IAP), "ssh", "", relay))
    assert shlex.split(given["ProxyCommand"].replace("%%", "%")) == relay
    assert (given["HostKeyAlias"], given["ProxyJump"]) == ("i.z.p", "none")


def test_a_digest_knows_everything() -> None:
    base = (["ssh"], TARGET, Limits(1, 2), "text")
    others = [
        (["ssh", "-v"], *base[1:]),
        (base[0], Target("10.0.0.3", 443), *base[2:]),
        (*base[:2], Limits(1, 2, 3), base[3]),
        (*base[:3], "other"),
    ]
    same = (*base[:2], Limits(1.0, 2.0), base[3])
    assert len({digest(*base), digest(*same), *[digest(*one) for one in others]}) == 5


@pytest.mark.parametrize(
    ("wanted", "observed", "verbs", "reason"),
    [
        pytest.param("", Observed(), [], "as wanted", id="none and none wanted"),
        pytest.param("", Observed(True, "a"), ["delete"], "it is not wanted", id="one and none wanted"),
        pytest.param("a", Observed(), ["create"], "there is no tunnel", id="none"),
        pytest.param("a", Observed(False, "a"), ["create"], "there is no tunnel", id="a dead one"),
        pytest.param("a", Observed(True, "b"), ["delete", "create"], "its settings changed", id="another one"),
        pytest.param("a", Observed(True, "a", "down"), [], "as wanted", id="the right one, broken at the moment"),
        pytest.param("a", Observed(True, "a", "up"), [], "as wanted", id="the right one"),
    ],
)
def test_decide(wanted: str, observed: Observed, verbs: list[str], reason: str) -> None:
    plan = decide(wanted, observed, "climate")
    assert ([step.verb for step in plan.steps], plan.reason) == (verbs, reason)
    assert plan.after == {"tunnel": "climate" if wanted else "", "settings": wanted}
    assert plan.before["tunnel"] == ("climate" if observed.running else "")


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        pytest.param({}, State.PENDING, "ssh is connecting", id="no word yet"),
        pytest.param({"state": "down", "reason": "r", "failures": 2, "ups": 0}, State.PENDING, "r", id="second try"),
        pytest.param({"state": "down", "reason": "r", "failures": 3, "ups": 0}, State.FATAL, "r", id="third try"),
        pytest.param({"state": "blocked", "reason": "r", "failures": 3, "ups": 0}, State.FATAL, "r", id="blocked"),
        pytest.param(
            {"state": "down", "reason": "r", "failures": 9, "ups": 1}, State.PENDING, "r", id="it was up once"
        ),
        pytest.param({"state": "failed", "reason": "r"}, State.FATAL, "r", id="no port"),
        pytest.param({"state": "gone", "reason": "r"}, State.FATAL, "r", id="its process is gone"),
        pytest.param({"state": "up", "failures": 9}, State.DONE, "", id="up"),
    ],
)
def test_judge(status: dict[str, Any], state: State, reason: str) -> None:
    verdict = judge(status)
    assert (verdict.state, verdict.reason) == (state, reason)


@pytest.mark.parametrize(
    ("status", "error_id", "seen"),
    [
        ({"state": "failed", "reason": "port 1 cannot be used"}, "E-TUNNEL-05", "port 1 cannot be used"),
        ({"state": "gone", "reason": ""}, "E-TUNNEL-04", "no word within the time"),
        ({"state": "blocked", "reason": "503"}, "E-TUNNEL-02", "503"),
        ({"state": "down", "reason": "Permission denied."}, "E-TUNNEL-01", "Permission denied"),
        ({}, "E-TUNNEL-01", "no word within the time"),
    ],
)
def test_failures(status: dict[str, Any], error_id: str, seen: str) -> None:
    error = failure(Bastion("b"), TARGET, status)
    assert (error.error_id, error.seen) == (error_id, seen)


def test_our_own_programs_are_quoted_as_they_are() -> None:
    line = "E-TUNNEL-09 Identity-Aware Proxy gives no way. Nothing was changed. Do: grant the role."
    error = failure(Bastion("b"), TARGET, {"state": "down", "reason": line})
    assert error.text() == line


def test_the_experiment_is_called_one() -> None:
    assert "experimental" in settings.EXPERIMENTAL
