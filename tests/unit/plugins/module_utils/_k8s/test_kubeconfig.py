# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a person's kubeconfig to one with a single context."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import kubeconfig
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.kubeconfig import (
    Chosen,
    MachineLogin,
    Source,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails


def content(**changes: Any) -> dict[str, Any]:
    return {
        "current-context": "research",
        "contexts": [
            {"name": "research", "context": {"cluster": "c1", "user": "u1", "namespace": "ns"}},
            {"name": "other", "context": {"cluster": "c2", "user": "u2"}},
        ],
        "clusters": [
            {"name": "c1", "cluster": {"server": "https://one:6443", "certificate-authority": "pki/ca.pem"}},
            {"name": "c2", "cluster": {"server": "https://two:6443"}},
        ],
        "users": [
            {"name": "u1", "user": {"client-certificate": "me.pem", "client-key": "/etc/me.key", "tokenFile": ""}},
            {"name": "u2", "user": {"token": "secret-token"}},
        ],
    } | changes


FIRST = Source("/home/ada/.kube/config", content())


@pytest.mark.parametrize(
    ("source", "context", "seen"),
    [
        pytest.param(content(), "nope", "it has no context nope", id="00-unknown-context"),
        pytest.param(content(**{"current-context": ""}), "", "it has no current context", id="01-no-current-context"),
        pytest.param(content(clusters=[]), "", "names the cluster 'c1', which has no server", id="02-no-cluster"),
        pytest.param(content(clusters=[{"name": "c1", "cluster": {}}]), "", "which has no server", id="03-no-server"),
        pytest.param(content(clusters=[{"name": "c1"}]), "", "which has no server", id="03a-nothing-but-a-name"),
        pytest.param(content(users=[]), "", "names the user 'u1', which it does not hold", id="04-no-user"),
        pytest.param(content(contexts=None), "research", "it has no context research", id="05-no-contexts"),
        pytest.param(content(contexts=["x", {"name": 3}]), "x", "it has no context x", id="06-rubbish-entries"),
    ],
)
def test_a_context_that_leads_nowhere_is_refused(source: dict[str, Any], context: str, seen: str) -> None:
    error = fails("E-ACCESS-05", lambda: kubeconfig.choose([Source("/k", source)], context))
    assert seen in error.what


def test_an_unknown_context_is_answered_with_the_known_ones() -> None:
    with pytest.raises(HubError) as caught:
        kubeconfig.choose([FIRST], "nope")
    assert caught.value.do == "set cluster_access_context to one of: other, research"


@pytest.mark.parametrize(
    "entry",
    [
        ["login"],
        {"command": ""},
        {"command": 5},
        {"command": "login", "args": "now"},
        {"command": "login", "env": {"HUB": "climate"}},
        {"command": "login", "env": [{"value": "climate"}]},
        {"command": "login", "env": ["HUB=climate"]},
    ],
)
def test_a_login_program_that_nobody_could_start_is_refused(entry: Any) -> None:
    wrong = Source(FIRST.path, content(users=[{"name": "u1", "user": {"exec": entry}}]))
    with pytest.raises(HubError, match=r"E-ACCESS-05 .* context research names its login program \(exec\) not as"):
        kubeconfig.choose([wrong], "research")


@pytest.mark.parametrize(
    "entry", [None, {}, {"command": "login", "args": None, "env": None}, {"command": "login", "args": [5]}]
)
def test_a_login_program_that_can_be_started_is_taken(entry: Any) -> None:
    right = Source(FIRST.path, content(users=[{"name": "u1", "user": {"exec": entry}}]))
    assert kubeconfig.choose([right], "research").user == {"exec": entry}


@pytest.mark.parametrize("given", [None, [], "text", {"clusters": "text"}])
def test_what_is_no_kubeconfig_is_refused(given: Any) -> None:
    with pytest.raises(HubError, match="E-ACCESS-05 The kubeconfig /k cannot be used: it is no kubeconfig"):
        kubeconfig.parse_source("/k", given)


def test_the_current_context_with_absolute_paths() -> None:
    assert kubeconfig.choose([FIRST], "") == Chosen(
        context="research",
        cluster={"server": "https://one:6443", "certificate-authority": "/home/ada/.kube/pki/ca.pem"},
        user={"client-certificate": "/home/ada/.kube/me.pem", "client-key": "/etc/me.key", "tokenFile": ""},
        namespace="ns",
    )


def test_the_document_holds_one_context_and_nothing_else() -> None:
    assert kubeconfig.choose([FIRST], "other").document() == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "other",
        "contexts": [{"name": "other", "context": {"cluster": "hub", "user": "hub"}}],
        "clusters": [{"name": "hub", "cluster": {"server": "https://two:6443"}}],
        "users": [{"name": "hub", "user": {"token": "secret-token"}}],
    }
    assert kubeconfig.choose([FIRST], "").document()["contexts"][0]["context"]["namespace"] == "ns"


def test_of_several_files_the_first_one_that_names_a_thing_wins() -> None:
    second = Source(
        "/srv/second",
        content(
            **{"current-context": "other"},
            clusters=[
                {"name": "c1", "cluster": {"server": "https://wrong"}},
                {"name": "c3", "cluster": {"server": "https://three", "certificate-authority": "ca"}},
            ],
            contexts=[{"name": "third", "context": {"cluster": "c3", "user": "u1"}}],
        ),
    )
    first = Source(FIRST.path, content(**{"current-context": None}))
    assert kubeconfig.choose([first, second], "").context == "other"
    assert kubeconfig.choose([first, second], "research").cluster["server"] == "https://one:6443"
    third = kubeconfig.choose([first, second], "third")
    assert third.cluster == {"server": "https://three", "certificate-authority": "/srv/ca"}
    assert third.user["client-certificate"] == "/home/ada/.kube/me.pem"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("./login", "/home/ada/.kube/login"),
        ("../bin/login", "/home/ada/bin/login"),
        ("login", "login"),
        ("/usr/bin/login", "/usr/bin/login"),
    ],
)
def test_a_relative_helper_is_found_from_its_kubeconfig(command: str, found: str) -> None:
    users = [{"name": "u1", "user": {"exec": {"command": command, "args": ["x"]}}}]
    chosen = kubeconfig.choose([Source(FIRST.path, content(users=users))], "")
    assert chosen.user == {"exec": {"command": found, "args": ["x"]}}


WORDS = (
    "-I -S /h.py --issuer https://issuer --client-id me --client-secret-file /s --cache-dir /cache "
    "--audience kubernetes --ca-file /ca.pem"
)


def test_the_machine_login_replaces_the_user_and_keeps_the_cluster() -> None:
    chosen = kubeconfig.choose([FIRST], "")
    login = MachineLogin("https://issuer", "me", "/s", "kubernetes", "/ca.pem", "/h.py", "/python", "/cache")
    assert kubeconfig.with_login(chosen, None) is chosen
    with_login = kubeconfig.with_login(chosen, login)
    assert (with_login.context, with_login.cluster) == (chosen.context, chosen.cluster)
    assert with_login.user == {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "/python",
            "args": WORDS.split(),
            "interactiveMode": "Never",
            "provideClusterInfo": False,
        }
    }


def test_what_is_not_set_is_not_on_the_helpers_command_line() -> None:
    words = MachineLogin("https://issuer", "me", "/s", "", "", "/h.py", "/python", "/cache").user()["exec"]["args"]
    assert "--audience" not in words
    assert "--ca-file" not in words


@pytest.mark.parametrize(("name", "refused"), [("gcp", True), ("azure", True), ("oidc", False), ("", False)])
def test_login_plugins_that_helm_lacks_are_refused(name: str, refused: bool) -> None:
    chosen = Chosen("research", {"server": "https://one"}, {"auth-provider": {"name": name}} if name else {})
    if not refused:
        kubeconfig.check(chosen, "/k")
        return
    with pytest.raises(HubError, match=f"auth-provider {name} was removed"):
        kubeconfig.check(chosen, "/k")


def test_a_server_that_nobody_checks_is_refused() -> None:
    with pytest.raises(HubError, match=r"E-ACCESS-05 .* context research does not check who the API server is"):
        kubeconfig.check(Chosen("research", {"server": "https://one", "insecure-skip-tls-verify": True}, {}), "/k")


@pytest.mark.parametrize(
    "user", [{"as": "ada"}, {"as": "ada", "as-groups": ["dev"]}, {"as-uid": "1"}, {"as-user-extra": {"a": ["b"]}}]
)
def test_impersonation_is_refused(user: dict[str, Any]) -> None:
    named = ", ".join(user)
    with pytest.raises(HubError, match=rf"E-ACCESS-05 .* acts as somebody else than it logs in \({named}\)"):
        kubeconfig.check(Chosen("research", {"server": "https://one"}, {"token": "t", **user}), "/k")
    empty = dict.fromkeys(user)
    kubeconfig.check(Chosen("research", {"server": "https://one"}, {"token": "t", **empty}), "/k")


@pytest.mark.parametrize("proxy", ["http://ada:hunter2@proxy:3128", "http://ada@proxy:3128", "http://:hunter2@proxy"])
def test_a_proxy_that_wants_a_login_is_refused(proxy: str) -> None:
    with pytest.raises(HubError, match=r"E-ACCESS-05 .* has a proxy-url with a login in it") as caught:
        kubeconfig.check_proxy(Chosen("research", {"server": "https://one", "proxy-url": proxy}, {}), "/k")
    assert "hunter2" not in caught.value.text()


@pytest.mark.parametrize("proxy", ["", "http://proxy:3128", "socks5://ada:hunter2@proxy:1080"])
def test_another_proxy_is_taken(proxy: str) -> None:
    kubeconfig.check_proxy(Chosen("research", {"server": "https://one", "proxy-url": proxy}, {}), "/k")


def test_a_proxy_that_is_none_is_refused() -> None:
    with pytest.raises(HubError, match=r"E-ACCESS-05 .* has a proxy-url that is no address"):
        kubeconfig.check_proxy(Chosen("research", {"server": "https://one", "proxy-url": "http://[proxy"}, {}), "/k")


def test_secrets_are_known() -> None:
    user = {"token": "t1", "password": "p1", "client-key-data": "k1", "username": "ada", "client-key": "/k"}
    assert kubeconfig.secrets_of(user) == ["k1", "t1", "p1"]
    assert kubeconfig.holds_secret([FIRST])
    assert not kubeconfig.holds_secret([Source("/k", content(users=[{"name": "u", "user": {"client-key": "/k"}}]))])
    assert not kubeconfig.holds_secret([Source("/k", {})])
