# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The usual kubeconfig without the kubernetes package: the same requests, the same trust, and no guesses."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import login_helper
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.client import KubeClient
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.connection import (
    is_loopback,
    open_connection,
    read_login,
)
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import make
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import Server, old_authority, serving

Json = dict[str, Any]
NO_PROXY: dict[str, str] = {}
CA = "-----BEGIN CERTIFICATE-----"


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def opened(path: str, context: str | None, environ: dict[str, str]) -> tuple[Any, Any] | None:
    """As the client does it; None is left to the kubernetes package."""
    chosen = read_login(path, context)
    return open_connection(chosen, context, environ) if chosen else None


class Config:
    """A kubeconfig under construction."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config"
        self.cluster: Json = {"server": "https://api.test:6443"}
        self.user: Json = {"token": "abcdefgh"}

    def write(self, **changed: Any) -> str:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "one",
            "clusters": [{"name": "c", "cluster": self.cluster}],
            "users": [{"name": "u", "user": self.user}],
            "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
            **changed,
        }
        self.path.write_text(yaml.safe_dump(content))
        return str(self.path)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An API server that repeats the credentials it was given."""
    with serving(tmp_path, lambda _m, _p, headers, _b: (200, {"who": headers.get("authorization", "")}, {})) as running:
        yield running


def who(config: Config, server: Server) -> Any:
    """What the server saw, over a client made from the kubeconfig."""
    config.cluster["server"] = server.url
    made = opened(config.write(), None, NO_PROXY)
    assert made is not None
    return (KubeClient(*made, str(config.path)).get("/version") or {})["who"]


def test_a_token_and_a_ca_file(config: Config, server: Server) -> None:
    config.cluster["certificate-authority"] = str(server.ca_file)
    assert who(config, server) == "Bearer abcdefgh"


def test_files_are_found_from_the_kubeconfig(config: Config, server: Server) -> None:
    config.cluster["certificate-authority"] = server.ca_file.name
    assert who(config, server) == "Bearer abcdefgh"


def test_a_ca_in_the_file_itself(config: Config, server: Server) -> None:
    config.cluster["certificate-authority-data"] = packed(server.ca_file.read_text())
    assert who(config, server) == "Bearer abcdefgh"
    made = opened(str(config.path), None, NO_PROXY)
    assert made is not None
    written = made[0].ssl_ca_cert
    assert Path(written).read_text() == server.ca_file.read_text()
    assert made[0].ssl_ca_cert == written


@pytest.fixture
def old_server(tmp_path: Path) -> Iterator[Server]:
    """The same as older clusters on EKS and GKE are: their CA and certificates leave fields of RFC 5280 out."""
    with serving(
        tmp_path, lambda _m, _p, headers, _b: (200, {"who": headers.get("authorization", "")}, {}), old_authority()
    ) as running:
        yield running


@pytest.mark.parametrize("inside", [True, False], ids=["in-the-kubeconfig", "in-a-file"])
def test_a_ca_of_the_old_form(config: Config, old_server: Server, inside: bool) -> None:
    """Red on Python 3.13 without trust_as_named()."""
    text = packed(old_server.ca_file.read_text())
    name, value = ("certificate-authority-data", text) if inside else ("certificate-authority", str(old_server.ca_file))
    config.cluster[name] = value
    assert who(config, old_server) == "Bearer abcdefgh"


@pytest.mark.parametrize("user", [{"token": "abcdefgh"}, {"client": "certificate"}], ids=["token", "certificate"])
def test_a_ca_of_the_old_form_is_taken_by_the_package_too(
    config: Config, old_server: Server, pair: tuple[str, str], user: Json
) -> None:
    config.cluster |= {
        "server": old_server.url,
        "certificate-authority-data": packed(old_server.ca_file.read_text()),
        "disable-compression": True,  # which is left to the package
    }
    if "client" in user:
        user = {"client-certificate-data": packed(pair[0]), "client-key-data": packed(pair[1])}
    config.user = user
    kube = KubeClient.from_kubeconfig(config.write(), None)
    assert type(kube._configuration).__module__.startswith("kubernetes.")
    assert (kube.get("/version") or {})["who"] == ("Bearer abcdefgh" if "token" in user else "")


def test_the_package_keeps_its_own_rules_where_nothing_is_verified_or_named(config: Config) -> None:
    for cluster in ({"disable-compression": True}, {"insecure-skip-tls-verify": True}):
        config.cluster = {"server": "https://api.test:6443", **cluster}
        made = KubeClient.from_kubeconfig(config.write(), None)
        assert "ssl_context" not in made._pool.connection_pool_kw


def test_another_ca_is_not_trusted(config: Config, server: Server, tmp_path: Path) -> None:
    other = make("127.0.0.1", names=["127.0.0.1"], authority=True)
    (tmp_path / "other.pem").write_text(other.pem)
    config.cluster["certificate-authority"] = str(tmp_path / "other.pem")
    with pytest.raises(HubError, match="E-K8S-02"):
        who(config, server)


def test_without_a_ca_the_systems_decide(config: Config, server: Server) -> None:
    with pytest.raises(HubError, match="E-K8S-02"):
        who(config, server)


def test_another_name_is_not_trusted_unless_the_kubeconfig_says_so(config: Config, server: Server) -> None:
    config.cluster |= {"certificate-authority": str(server.ca_file), "tls-server-name": "other.test"}
    with pytest.raises(HubError, match="E-K8S-02"):
        who(config, server)
    config.cluster["tls-server-name"] = "127.0.0.1"
    assert who(config, server) == "Bearer abcdefgh"


HELPER = """
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({"status": {"token": " ".join([sys.argv[1], os.environ["MARK"], str(info["spec"]["interactive"])])}}))
"""


def helper(tmp_path: Path, code: str = HELPER, **changed: Any) -> Json:
    program = tmp_path / "helper.py"
    program.write_text(code)
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program), "word"],
        "env": [{"name": "MARK", "value": "mark"}],
        "interactiveMode": "Never",
        "provideClusterInfo": False,
        **changed,
    }


def test_an_exec_helper_is_asked_once(config: Config, server: Server, tmp_path: Path) -> None:
    counting = HELPER + f"open({str(tmp_path / 'asked')!r}, 'a').write('x')\n"
    config.cluster["certificate-authority"] = str(server.ca_file)
    config.user = {"exec": helper(tmp_path, counting)}
    assert who(config, server) == "Bearer word mark False"
    assert (tmp_path / "asked").read_text() == "x"


def test_a_token_of_its_own_comes_before_a_helper(config: Config, tmp_path: Path) -> None:
    config.user = {"token": "own-token", "exec": helper(tmp_path, "raise SystemExit(1)")}
    made = opened(config.write(), None, NO_PROXY)
    assert made is not None
    assert made[0].auth_settings() == {"BearerToken": {"key": "authorization", "value": "Bearer own-token"}}


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        pytest.param("import sys; sys.exit('log in again.')", "Seen: log in again. ", id="fails"),
        pytest.param("raise SystemExit(3)", "exit code 3 without a word", id="silent"),
        pytest.param("print('text')", "is no ExecCredential", id="text"),
        pytest.param("print('{}')", "is no ExecCredential", id="no-status"),
        pytest.param("print('[]')", "is no ExecCredential", id="list"),
        pytest.param('print(\'{"status": {"token": null}}\')', "is no ExecCredential", id="no-token"),
    ],
)
@pytest.mark.parametrize("usual", [True, False], ids=["usual", "left to the package"])
def test_a_helper_that_gives_nothing_is_told(
    config: Config, tmp_path: Path, code: str, seen: str, usual: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubernetes package would start it once more, and go on without credentials."""
    monkeypatch.setenv("HTTPS_PROXY", "" if usual else "http://proxy.test:3128")
    config.user = {"exec": helper(tmp_path, code)}
    with pytest.raises(HubError, match=r"E-ACCESS-09 The login program \S+ of the kubeconfig's context one") as caught:
        KubeClient.from_kubeconfig(config.write(), None)
    assert seen in caught.value.text()


@pytest.mark.parametrize("info", [False, True])
@pytest.mark.parametrize("proxy", ["", "http://proxy.test:3128"], ids=["usual", "left to the package"])
def test_a_helper_is_not_waited_for_for_ever(
    config: Config, tmp_path: Path, info: bool, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_helper, "HELPER_TIMEOUT", 0.5)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    config.user = {"exec": helper(tmp_path, "import time; time.sleep(20)", provideClusterInfo=info)}
    with pytest.raises(HubError, match=r"E-ACCESS-09 .* no answer within 0\.5 s, so it was ended"):
        KubeClient.from_kubeconfig(config.write(), None)


def test_the_package_gets_what_the_helper_gave(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would wait for a helper without end, so it is not told of one."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    config.user = {"exec": helper(tmp_path, HELPER + f"open({str(tmp_path / 'asked')!r}, 'a').write('x')\n")}
    kube = KubeClient.from_kubeconfig(config.write(), None)
    assert kube._credentials == {"authorization": "Bearer word mark False"}
    assert (tmp_path / "asked").read_text() == "x"


def test_a_helper_that_is_not_there_is_named(config: Config) -> None:
    config.user = {"exec": {"command": "/no/such/helper"}}
    with pytest.raises(HubError, match=r"E-ACCESS-04 .* context one logs in by the program /no/such/helper"):
        read_login(config.write(), None)


@pytest.mark.parametrize("key", ["as", "as-uid", "as-groups", "as-user-extra"])
@pytest.mark.parametrize("several", [False, True], ids=["one file", "several files"])
def test_impersonation_is_refused_before_the_first_request(config: Config, key: str, several: bool) -> None:
    """The kubernetes package would drop it silently, and Helm would go by it."""
    config.user[key] = ["somebody"]
    path = config.write()
    with pytest.raises(HubError, match=rf"E-ACCESS-05 .*context one acts as somebody else than it logs in \({key}\)"):
        KubeClient.from_kubeconfig(f"{path}{os.pathsep}/nowhere" if several else path, None)


def test_a_proxy_with_a_login_is_refused_and_not_quoted(config: Config) -> None:
    config.cluster["proxy-url"] = "http://ada:hunter2@proxy.test:3128"
    with pytest.raises(HubError, match=r"E-ACCESS-05 .* has a proxy-url with a login in it") as caught:
        KubeClient.from_kubeconfig(config.write(), None)
    assert "hunter2" not in repr(caught.value)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    made = make("somebody")
    return made.pem, made.key_pem


def test_a_client_certificate_in_the_file_leaves_no_copy(
    config: Config, pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    config.user = {"client-certificate-data": packed(pair[0]), "client-key-data": packed(pair[1])}
    made = opened(config.write(), None, NO_PROXY)
    assert made is not None
    assert (made[0].auth_settings(), os.listdir(place)) == ({}, [])


def test_a_disk_that_is_full_leaves_no_part_of_a_key(
    config: Config, pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    config.user = {"client-certificate-data": packed(pair[0]), "client-key-data": packed(pair[1])}
    path, fdopen = config.write(), os.fdopen

    def full(descriptor: int, *_how: Any, **_more: Any) -> Any:
        os.close(descriptor)
        return fdopen(os.open("/dev/full", os.O_WRONLY), "w")

    monkeypatch.setattr(os, "fdopen", full)
    assert opened(path, None, NO_PROXY) is None
    assert os.listdir(place) == []


def test_a_client_certificate_in_files(config: Config, pair: tuple[str, str], tmp_path: Path) -> None:
    for name, text in zip(("cert.pem", "key.pem"), pair, strict=True):
        (tmp_path / name).write_text(text)
    config.user = {"client-certificate": "cert.pem", "client-key": "key.pem"}
    assert opened(config.write(), None, NO_PROXY) is not None


def test_a_client_certificate_from_a_helper(config: Config, pair: tuple[str, str], tmp_path: Path) -> None:
    given = json.dumps({"status": {"clientCertificateData": pair[0], "clientKeyData": pair[1]}})
    config.user = {"exec": helper(tmp_path, f"print({given!r})")}
    made = opened(config.write(), None, NO_PROXY)
    assert made is not None
    assert made[0].auth_settings() == {}


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        pytest.param({"insecure-skip-tls-verify": True}, {}, id="unchecked-certificates"),
        pytest.param({"disable-compression": True}, {}, id="an-unknown-cluster-setting"),
        pytest.param({"server": "http://api.test"}, {}, id="no-tls"),
        pytest.param({"proxy-url": "socks5://127.0.0.1:1"}, {}, id="a-socks-proxy"),
        pytest.param({"certificate-authority": "/nowhere.pem"}, {}, id="no-such-ca"),
        pytest.param({"certificate-authority-data": "%%%"}, {}, id="a-ca-that-is-no-base64"),
        pytest.param({"certificate-authority-data": packed(CA)}, {}, id="a-ca-that-is-none"),
        pytest.param({}, {"token": "", "auth-provider": {"name": "oidc"}}, id="a-login-plugin"),
        pytest.param({}, {"username": "a", "password": "b"}, id="a-password"),
        pytest.param({}, {"tokenFile": "/nowhere"}, id="a-token-file"),
        pytest.param({}, {"client-certificate": "/nowhere"}, id="no-such-certificate"),
        pytest.param({}, {"token": "", "exec": ["login"]}, id="a-helper-that-is-none"),
    ],
)
def test_the_unusual_is_left_to_the_package(config: Config, cluster: Json, user: Json) -> None:
    config.cluster |= cluster
    config.user |= user
    assert opened(config.write(), None, NO_PROXY) is None


def test_a_proxy_of_the_environment_is_left_to_the_package(config: Config) -> None:
    path = config.write()
    assert opened(path, None, {"HTTPS_PROXY": "http://proxy.test:3128"}) is None
    assert opened(path, None, {"HTTP_PROXY": "http://proxy.test:3128"}) is not None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.3.2.1", True), ("::1", True), ("10.0.0.1", False), ("api.example.org", False)],
)
def test_a_proxy_of_the_environment_is_not_for_this_machine(config: Config, host: str, loopback: bool) -> None:
    config.cluster["server"] = f"https://[{host}]:6443" if ":" in host else f"https://{host}:6443"
    made = opened(config.write(), None, {"HTTPS_PROXY": "http://proxy.test:3128"})
    assert (made is not None) is is_loopback(host) is loopback


def test_a_server_without_an_address_is_left_to_the_package(config: Config) -> None:
    config.cluster["server"] = "https://[10"
    assert opened(config.write(), None, {"HTTPS_PROXY": "http://proxy.test:3128"}) is None


def test_a_proxy_of_the_kubeconfig_is_used_whatever_the_environment_says(config: Config) -> None:
    config.cluster["proxy-url"] = "http://proxy.test:3128"
    made = opened(config.write(), None, {"HTTPS_PROXY": "http://other.test:1"})
    assert made is not None
    assert str(made[1].proxy) == "http://proxy.test:3128"


@pytest.mark.parametrize(
    "text", [None, "a: [", "[]", "clusters: 5", "{}"], ids=["missing", "not-yaml", "list", "odd", "empty"]
)
def test_what_is_no_kubeconfig_is_left_to_the_package(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    assert opened(str(path), None, NO_PROXY) is None


def test_several_files_are_read_as_kubectl_does(config: Config, tmp_path: Path) -> None:
    path = config.write()
    (tmp_path / "second").write_text(yaml.safe_dump({"current-context": "two", "contexts": [], "clusters": []}))
    made = opened(os.pathsep.join(["/nowhere", path, str(tmp_path / "second")]), None, NO_PROXY)
    assert made is not None
    assert (made[0].host, made[0].token) == ("https://api.test:6443", "abcdefgh")


def test_other_contexts_are_left_to_the_package(config: Config) -> None:
    path = config.write()
    assert opened(path, "other", NO_PROXY) is None
    made = opened(path, "one", NO_PROXY)
    assert made is not None
    assert made[0].chosen_context == "one"


def test_a_token_is_not_in_the_connections_words(config: Config) -> None:
    made = opened(config.write(), None, NO_PROXY)
    assert made is not None
    assert "abcdefgh" not in repr(made[0])


def test_the_package_is_not_imported(config: Config) -> None:
    """That is what this file is for."""
    code = (
        "import sys; sys.path[:] = eval(sys.argv[1])\n"
        f"from {open_connection.__module__} import open_connection, read_login\n"
        "assert open_connection(read_login(sys.argv[2], None), None, {}) is not None\n"
        "assert 'kubernetes' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, repr(sys.path), config.write()], check=True)
