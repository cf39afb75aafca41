# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a person's kubeconfig on disk to the private one."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import HIDDEN
from ansible_collections.researchops.jupyterhub.plugins.modules import cluster_kubeconfig
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

TOKEN = "a-token-nobody-may-see"
CONTENT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "research",
    "contexts": [
        {"name": "research", "context": {"cluster": "c", "user": "u"}},
        {"name": "other", "context": {"cluster": "c", "user": "u2"}},
    ],
    "clusters": [{"name": "c", "cluster": {"server": "https://api.test:6443", "certificate-authority": "ca.pem"}}],
    "users": [{"name": "u", "user": {"token": TOKEN}}, {"name": "u2", "user": {"exec": {"command": "no-such-login"}}}],
}


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """Options for a good kubeconfig."""
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(CONTENT))
    path.chmod(0o600)
    return {"hub": "climate", "kubeconfig": str(path), "cache_dir": str(tmp_path / "cache")}


def run(check_mode: bool = False, **options: Any) -> Any:
    return cluster_kubeconfig.body(request(cluster_kubeconfig, check_mode=check_mode, **options))


def test_the_private_file_has_one_context_and_mode_0600(given: dict[str, Any], tmp_path: Path) -> None:
    outcome = run(**given)
    path = Path(outcome.result["path"])
    assert path.parent == tmp_path / "cache" / "climate"
    assert outcome.result == {
        "path": str(path),
        "context": "research",
        "server": "https://api.test:6443",
        "proxy_url": "",
    }
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    made = yaml.safe_load(path.read_text())
    assert made["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "ca.pem")
    assert [made["contexts"][0]["name"], made["users"][0]["user"]] == ["research", {"token": TOKEN}]
    assert len(made["contexts"]) == 1


def with_cluster(given: dict[str, Any], **more: Any) -> None:
    cluster = CONTENT["clusters"][0]["cluster"] | more
    Path(given["kubeconfig"]).write_text(yaml.safe_dump(CONTENT | {"clusters": [{"name": "c", "cluster": cluster}]}))


def test_its_own_proxy_is_told_for_who_does_not_read_it_there(given: dict[str, Any]) -> None:
    with_cluster(given, **{"proxy-url": "http://proxy.test:3128"})
    assert run(**given).result["proxy_url"] == "http://proxy.test:3128"


@pytest.mark.parametrize("proxy", ["http://ada:hunter2@proxy.test:3128", "socks5://ada:hunter2@proxy.test", "http://["])
def test_a_password_of_a_proxy_goes_nowhere(given: dict[str, Any], proxy: str) -> None:
    """A tunnel takes its place; who goes by it is refused by what asks the cluster."""
    with_cluster(given, **{"proxy-url": proxy})
    outcome = run(**given)
    assert outcome.result["proxy_url"] == ""
    assert "hunter2" not in repr((outcome.result, outcome.diff, outcome.warnings))


def test_impersonation_is_refused(given: dict[str, Any]) -> None:
    users = [{"name": "u", "user": {"token": TOKEN, "as": "system:admin"}}]
    Path(given["kubeconfig"]).write_text(yaml.safe_dump(CONTENT | {"users": users}))
    with pytest.raises(HubError, match=r"E-ACCESS-05 .* acts as somebody else"):
        run(**given)
    assert not os.path.exists(given["cache_dir"])


def test_a_second_run_changes_nothing(given: dict[str, Any]) -> None:
    first, second = run(**given), run(**given)
    assert (first.changed, second.changed) == (True, False)
    assert first.result == second.result


def test_a_new_token_updates_the_same_file(given: dict[str, Any]) -> None:
    first = run(**given)
    Path(given["kubeconfig"]).write_text(
        yaml.safe_dump(CONTENT | {"users": [{"name": "u", "user": {"token": "new-token-text"}}]})
    )
    second = run(**given)
    assert (second.changed, second.result) == (True, first.result)
    assert "new-token-text" in Path(second.result["path"]).read_text()


def test_check_mode_foretells_and_writes_nothing(given: dict[str, Any]) -> None:
    outcome = run(check_mode=True, **given)
    assert (outcome.changed, os.path.exists(given["cache_dir"])) == (True, False)


def test_another_context_has_another_file(given: dict[str, Any]) -> None:
    content = CONTENT | {"users": [{"name": name, "user": {"token": TOKEN}} for name in ("u", "u2")]}
    Path(given["kubeconfig"]).write_text(yaml.safe_dump(content))
    assert run(**given).result["path"] != run(**given, context="other").result["path"]


def test_a_helper_this_machine_lacks_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(HubError, match=r"E-ACCESS-04 .* no-such-login"):
        run(**given, context="other")
    assert not os.path.exists(given["cache_dir"])


def test_no_secret_is_returned_and_all_are_known(given: dict[str, Any]) -> None:
    asked = request(cluster_kubeconfig, **given)
    outcome = cluster_kubeconfig.body(asked)
    assert TOKEN not in str(outcome)
    assert asked.redactor.text(f"x {TOKEN}") == f"x {HIDDEN}"


def test_secrets_open_to_others_are_warned_about(given: dict[str, Any]) -> None:
    assert run(**given).warnings == []
    os.chmod(given["kubeconfig"], 0o644)
    path = given["kubeconfig"]
    assert run(**given).warnings == [f"{path} holds secrets and others may read it; run: chmod 600 {path}"]


LOGIN = {"oidc_issuer": "https://issuer.test", "oidc_client_id": "auto", "login_helper": "/h.py"}


def test_a_machine_login_replaces_the_user_and_keeps_its_secret_in_a_file(given: dict[str, Any]) -> None:
    outcome = run(**given, **LOGIN, oidc_client_secret="a-client-secret", oidc_audience="kubernetes")
    made = yaml.safe_load(Path(outcome.result["path"]).read_text())
    words = made["users"][0]["user"]["exec"]["args"]
    secret_file = Path(words[words.index("--client-secret-file") + 1])
    assert (secret_file.read_text(), stat.S_IMODE(secret_file.stat().st_mode)) == ("a-client-secret\n", 0o600)
    assert words[words.index("--cache-dir") + 1] == str(secret_file.parent)
    assert "a-client-secret" not in Path(outcome.result["path"]).read_text()
    assert TOKEN not in Path(outcome.result["path"]).read_text()
    assert run(**given, **LOGIN, oidc_client_secret="a-client-secret", oidc_audience="kubernetes").changed is False
    assert run(**given, **LOGIN, oidc_client_secret="another-secret", oidc_audience="kubernetes").changed is True


def test_one_url_behind_two_authorities_has_two_secrets(given: dict[str, Any], tmp_path: Path) -> None:
    """Two labs on one machine: each has an issuer of that name, and a client of that name with a secret of its own."""
    for ca_file, secret in (("/one.pem", "a-client-secret"), ("/two.pem", "another-secret")):
        run(**given, **LOGIN, oidc_client_secret=secret, oidc_ca_file=ca_file)
    kept = (tmp_path / "cache" / "climate").glob("client-secret-*")
    assert {path.read_text() for path in kept} == {"a-client-secret\n", "another-secret\n"}


def test_a_secret_file_is_used_where_it_is(given: dict[str, Any], tmp_path: Path) -> None:
    outcome = run(**given, **LOGIN, oidc_client_secret_file=str(tmp_path / "s"))
    assert f"- {tmp_path / 's'}\n" in Path(outcome.result["path"]).read_text()
    assert len(os.listdir(tmp_path / "cache" / "climate")) == 1


@pytest.mark.parametrize("missing", ["oidc_client_id", "login_helper", "oidc_client_secret"])
def test_a_machine_login_that_is_incomplete_is_refused(given: dict[str, Any], missing: str) -> None:
    login = {**LOGIN, "oidc_client_secret": "a-client-secret"}
    del login[missing]
    with pytest.raises(HubError, match="E-ACCESS-17"):
        run(**given, **login)


@pytest.mark.parametrize("text", ["CHANGEME", "<the secret>", "secret"])
def test_a_placeholder_never_reaches_the_issuer(given: dict[str, Any], text: str) -> None:
    with pytest.raises(HubError, match="E-VALUES-03 cluster_access_oidc_client_secret still holds a placeholder"):
        run(**given, **LOGIN, oidc_client_secret=text)


def test_a_secret_comes_one_way_only(given: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="mutually exclusive"):
        run(**given, **LOGIN, oidc_client_secret="a-client-secret", oidc_client_secret_file="/s")


@pytest.mark.parametrize("hub", ["", "..", "a/b", "../x", "-x"])
def test_a_name_that_leads_out_of_the_cache_is_refused(given: dict[str, Any], hub: str) -> None:
    for state in ("present", "absent"):
        with pytest.raises(HubError, match="E-ACCESS-16"):
            run(**{**given, "hub": hub, "state": state})


def test_absent_removes_the_directory_once(given: dict[str, Any], tmp_path: Path) -> None:
    run(**given)
    assert run(check_mode=True, **given, state="absent").changed is True
    assert os.listdir(tmp_path / "cache") == ["climate"]
    assert run(**given, state="absent").changed is True
    assert os.listdir(tmp_path / "cache") == []
    assert run(**given, state="absent").changed is False


# ---- clouds

GKE = {"project": "p", "location": "europe-west4", "name": "research"}
GKE_CLUSTER = {
    "status": "RUNNING",
    "masterAuth": {"clusterCaCertificate": "Q0E="},
    "controlPlaneEndpointsConfig": {
        "dnsEndpointConfig": {"endpoint": "x.gke.goog", "allowExternalTraffic": True},
        "ipEndpointsConfig": {"enabled": True, "privateEndpoint": "10.0.0.2"},
    },
}
KEY = {"auth_kind": "accesstoken", "access_token": "an-access-token-of-mine"}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options for a cluster that a cloud describes; the clouds themselves have tests of their own."""
    monkeypatch.setattr(cluster_kubeconfig.GkeApi, "cluster", lambda _api, _location, _name: GKE_CLUSTER)
    eks = {"status": "ACTIVE", "arn": "arn:x", "endpoint": "https://eks.test", "certificateAuthority": {"data": "Q0E="}}
    monkeypatch.setattr(cluster_kubeconfig.eks, "describe", lambda _name: eks)
    return {"hub": "climate", "cache_dir": str(tmp_path / "cache"), "login_helper": "/h.py"}


@pytest.mark.parametrize(
    ("endpoint", "cluster"),
    [
        ("dns", {"server": "https://x.gke.goog"}),
        ("private", {"server": "https://10.0.0.2", "certificate-authority-data": "Q0E="}),
    ],
)
def test_a_gke_cluster_by_its_name(cloud: dict[str, Any], endpoint: str, cluster: dict[str, str]) -> None:
    given = {**cloud, **KEY, "gke": {**GKE, "endpoint": endpoint}}
    outcome = run(**given)
    assert (outcome.changed, outcome.result["context"]) == (True, "gke_p_europe-west4_research")
    made = yaml.safe_load(Path(outcome.result["path"]).read_text())
    assert made["clusters"][0]["cluster"] == cluster
    words = made["users"][0]["user"]["exec"]["args"]
    assert words[:4] == ["-P", "/h.py", "--kind", "gke"]
    key_file = Path(words[words.index("--key-file") + 1])
    assert (key_file.read_text(), stat.S_IMODE(key_file.stat().st_mode)) == ("an-access-token-of-mine\n", 0o600)
    assert "an-access-token-of-mine" not in str(outcome) + Path(outcome.result["path"]).read_text()
    assert run(**given).changed is False


def test_an_eks_cluster_by_its_name(cloud: dict[str, Any]) -> None:
    given = {**cloud, "eks": {"region": "eu-west-1", "name": "research", "profile": "lab"}}
    outcome = run(**given)
    made = yaml.safe_load(Path(outcome.result["path"]).read_text())
    assert (outcome.result["context"], outcome.result["server"]) == ("arn:x", "https://eks.test")
    words = made["users"][0]["user"]["exec"]["args"]
    assert words[-6:] == ["--cluster", "research", "--region", "eu-west-1", "--profile", "lab"]
    assert run(**given).changed is False
    assert run(check_mode=True, **given).changed is False


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"gke": {**GKE, "name": "../x"}, **KEY}, "E-ACCESS-18"),
        ({"eks": {"region": "a/b", "name": "x"}}, "E-ACCESS-18"),
        ({"gke": GKE, "auth_kind": "serviceaccount"}, "E-GCP-01"),
        ({"gke": GKE, **KEY, "login_helper": None}, "E-ACCESS-17"),
        ({"eks": {"region": "eu-west-1", "name": "x"}, "login_helper": None}, "E-ACCESS-17"),
    ],
)
def test_a_cluster_that_cannot_be_asked_for(cloud: dict[str, Any], changes: dict[str, Any], error: str) -> None:
    with pytest.raises(HubError, match=error):
        run(**{**cloud, **changes})
    assert not os.path.exists(cloud["cache_dir"])


def test_one_cloud_at_a_time(cloud: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="mutually exclusive"):
        run(**cloud, gke=GKE, eks={"region": "eu-west-1", "name": "x"})


@pytest.mark.parametrize(
    ("changes", "library"),
    [({"gke": GKE, **KEY}, "google.auth"), ({"eks": {"region": "eu-west-1", "name": "x"}}, "botocore")],
)
def test_a_library_that_only_one_way_needs(
    cloud: dict[str, Any], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(HubError, match=f"E-LIB-01 The Python library {library} is missing"):
        run(**cloud, **changes)
