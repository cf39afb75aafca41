# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What helm makes of the chart: objects, names, labels, z2jh's awkward traits, refusals. Needs a helm, no cluster."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Objects = dict[str, dict[str, Any]]
FIXED = {
    "proxy": {"secretToken": "1" * 64},
    "hub": {"cookieSecret": "2" * 64, "config": {"CryptKeeper": {"keys": ["3" * 64]}}},
}
SELECTOR = {"component": "hub", "app": "jupyterhub", "release": "demo"}
TLS = {"enabled": True, "type": "secret", "secret": {"name": "hub-tls"}}


@pytest.fixture
def helm_template(helm: str, chart: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*values: Any, image: bool = True) -> subprocess.CompletedProcess[str]:
        files = []
        for number, given in enumerate([{"hub": {"image": {"tag": "1"}}} if image else {}, *values]):
            path = tmp_path / f"values-{number}.json"
            path.write_text(json.dumps(given))
            files += ["--values", str(path)]
        argv = [helm, "template", "demo", str(chart), "--namespace", "research", "--kube-version", "1.34.4", *files]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture
def render(helm_template: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Objects]:
    def run(*values: Any, image: bool = True) -> Objects:
        done = helm_template(*values, image=image)
        assert done.returncode == 0, done.stderr
        documents = [document for document in yaml.safe_load_all(done.stdout) if document]
        found = {f"{document['kind']}/{document['metadata']['name']}": document for document in documents}
        assert len(found) == len(documents)
        return found

    return run


def pod(objects: Objects, name: str) -> dict[str, Any]:
    found: dict[str, Any] = objects[f"Deployment/{name}"]["spec"]["template"]
    return found


def test_a_default_release_has_z2jhs_objects(render: Callable[..., Objects]) -> None:
    assert set(render()) == {
        "ConfigMap/hub",
        "Deployment/hub",
        "Deployment/proxy",
        "Job/hook-image-awaiter",
        "NetworkPolicy/hub",
        "NetworkPolicy/proxy",
        "NetworkPolicy/singleuser",
        "PersistentVolumeClaim/hub-db-dir",
        "Role/hub",
        "RoleBinding/hub",
        "Secret/hub",
        "Service/hub",
        "Service/proxy-api",
        "Service/proxy-public",
        "ServiceAccount/hook-image-awaiter",
        "ServiceAccount/hub",
    }


def test_labels_are_the_old_and_the_recommended_ones_and_selectors_the_old(render: Callable[..., Objects]) -> None:
    hub = render()["Deployment/hub"]
    recommended = {
        "app.kubernetes.io/component": "hub",
        "app.kubernetes.io/name": "jupyterhub",
        "app.kubernetes.io/instance": "demo",
    }
    assert hub["spec"]["selector"]["matchLabels"] == SELECTOR
    assert hub["metadata"]["labels"] == {
        **SELECTOR,
        **recommended,
        "chart": "jupyterhub-4.4.0-lab.1",
        "heritage": "Helm",
        "helm.sh/chart": "jupyterhub-4.4.0-lab.1",
        "app.kubernetes.io/managed-by": "Helm",
    }
    access = {f"hub.jupyter.org/network-access-{name}": "true" for name in ("proxy-api", "proxy-http", "singleuser")}
    assert hub["spec"]["template"]["metadata"]["labels"] == {**SELECTOR, **recommended, **access}


@pytest.mark.parametrize(
    ("override", "prefix"),
    [({}, ""), ({"fullnameOverride": "east"}, "east-"), ({"fullnameOverride": None}, "demo-jupyterhub-")],
    ids=["default", "text", "null"],
)
def test_names_follow_fullname_override(render: Callable[..., Objects], override: Any, prefix: str) -> None:
    objects = render(override)
    assert {f"PersistentVolumeClaim/{prefix}hub-db-dir", f"Service/{prefix}proxy-public"} < set(objects)
    hub = pod(objects, f"{prefix}hub")["spec"]
    assert hub["containers"][0]["env"][3]["valueFrom"]["secretKeyRef"]["name"] == f"{prefix}hub"
    assert objects[f"ConfigMap/{prefix}hub"]["data"]["proxy-api"] == f"{prefix}proxy-api"


def test_random_secrets_are_hashed_before_they_are_stored(render: Callable[..., Objects]) -> None:
    """z2jh's trait: each rendering, even the one for the hash, makes its own secrets."""
    first, second = render(), render()
    assert first["Secret/hub"]["data"].keys() == second["Secret/hub"]["data"].keys()
    for key in ("hub.config.ConfigurableHTTPProxy.auth_token", "hub.config.CryptKeeper.keys"):
        assert first["Secret/hub"]["data"][key] != second["Secret/hub"]["data"][key]
        assert len(base64.b64decode(first["Secret/hub"]["data"][key])) == 64
    marks = [pod(objects, "hub")["metadata"]["annotations"] for objects in (first, second)]
    assert marks[0]["checksum/secret"] != marks[1]["checksum/secret"]
    assert marks[0]["checksum/config-map"] == marks[1]["checksum/config-map"]


def test_given_secrets_render_the_same_twice(render: Callable[..., Objects]) -> None:
    first = render(FIXED)
    assert first == render(FIXED)
    mark = pod(first, "proxy")["metadata"]["annotations"]["checksum/auth-token"]
    assert mark == hashlib.sha256(b"1" * 64).hexdigest()[:4]


def test_a_changed_value_restarts_the_hub_and_not_the_proxy(render: Callable[..., Objects]) -> None:
    before, after = render(FIXED), render(FIXED, {"cull": {"timeout": 60}})
    assert pod(before, "hub") != pod(after, "hub") and pod(before, "proxy") == pod(after, "proxy")


def test_the_secret_holds_the_values_and_the_files(render: Callable[..., Objects]) -> None:
    files = {
        "code": {"mountPath": "/etc/a.py", "stringData": "a = 1\n\n", "mode": 256},
        "table": {"mountPath": "/etc/t.json", "data": {"a": [1]}},
        "blob": {"mountPath": "/etc/blob", "binaryData": "aGVs bG8K"},
    }
    objects = render({"hub": {"extraFiles": files, "services": {"s": {"apiToken": "t"}}}, "custom": {"site": "north"}})
    secret = objects["Secret/hub"]
    values = yaml.safe_load(base64.b64decode(secret["data"]["values.yaml"]))
    assert values["custom"] == {"site": "north"} and values["Release"]["Name"] == "demo"
    assert values["Chart"] == {"Name": "jupyterhub", "Version": "4.4.0-lab.1", "AppVersion": "5.5.0"}
    # the last file of the Secret loses its final newline, as with z2jh: compare file contents without it
    assert secret["stringData"] == {"code": "a = 1\n\n", "table": '{"a":[1]}'}
    assert secret["data"]["blob"] == "aGVsbG8K" and base64.b64decode(secret["data"]["hub.services.s.apiToken"]) == b"t"
    spec = pod(objects, "hub")["spec"]
    files_volume = next(volume for volume in spec["volumes"] if volume["name"] == "files")
    assert files_volume["secret"]["items"] == [
        {"key": "blob", "path": "blob"},
        {"key": "code", "path": "code", "mode": 256},
        {"key": "table", "path": "table"},
    ]
    mounts = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "files"]
    assert {"name": "files", "mountPath": "/etc/a.py", "subPath": "code"} in mounts and len(mounts) == 3


@pytest.mark.parametrize("form", ["dictionary", "list"])
def test_extra_environment(render: Callable[..., Objects], form: str) -> None:
    reference = {"valueFrom": {"secretKeyRef": {"name": "hub-secrets", "key": "oauth"}}}
    given: Any = {"A": "1", "B": reference}
    if form == "list":
        given = [{"name": "A", "value": "1"}, {"name": "B", **reference}]
    env = pod(render({"hub": {"extraEnv": given}}), "hub")["spec"]["containers"][0]["env"]
    assert env[-2:] == [{"name": "A", "value": "1"}, {"name": "B", **reference}]


@pytest.mark.parametrize(
    ("https", "args", "ports", "service"),
    [
        ({"enabled": False}, ["--port=8000"], ["http", "api"], [(80, "http")]),
        ({"enabled": True, "type": "offload"}, ["--port=8000"], ["http", "api"], [(443, "http"), (80, "http")]),
        (
            TLS,
            [
                "--port=8443",
                "--redirect-port=8000",
                "--redirect-to=443",
                "--ssl-key=/etc/chp/tls/tls.key",
                "--ssl-cert=/etc/chp/tls/tls.crt",
            ],
            ["https", "http", "api"],
            [(443, "https"), (80, "http")],
        ),
    ],
    ids=["off", "offload", "secret"],
)
def test_tls_ended_by_the_proxy(
    render: Callable[..., Objects], https: Any, args: list[str], ports: list[str], service: list[tuple[int, str]]
) -> None:
    objects = render({"proxy": {"https": https}})
    container = pod(objects, "proxy")["spec"]["containers"][0]
    assert container["args"][5:] == args and [port["name"] for port in container["ports"]] == ports
    found = [(port["port"], port["targetPort"]) for port in objects["Service/proxy-public"]["spec"]["ports"]]
    assert found == service
    assert container["readinessProbe"]["httpGet"]["scheme"] == ("HTTPS" if "https" in ports else "HTTP")


def test_a_manual_certificate_becomes_a_secret_whose_change_restarts_the_proxy(render: Callable[..., Objects]) -> None:
    def with_certificate(text: str) -> Objects:
        https = {"enabled": True, "type": "manual", "manual": {"key": "KEY", "cert": text}}
        return render(FIXED, {"proxy": {"https": https}})

    one, two = with_certificate("CERT"), with_certificate("OTHER")
    secret = one["Secret/proxy-public-manual-tls"]
    assert secret["type"] == "kubernetes.io/tls" and base64.b64decode(secret["data"]["tls.crt"]) == b"CERT"
    assert pod(one, "proxy")["spec"]["volumes"][0]["secret"]["secretName"] == "proxy-public-manual-tls"
    mark = "checksum/proxy-secret"
    assert pod(one, "proxy")["metadata"]["annotations"][mark] != pod(two, "proxy")["metadata"]["annotations"][mark]


def test_hub_and_proxy_are_replaced_never_rolled(render: Callable[..., Objects]) -> None:
    objects = render()
    assert {objects[f"Deployment/{name}"]["spec"]["strategy"]["type"] for name in ("hub", "proxy")} == {"Recreate"}


def test_the_hook_runs_before_install_and_upgrade_and_goes_away(render: Callable[..., Objects]) -> None:
    objects = render()
    assert objects["Job/hook-image-awaiter"]["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
        "helm.sh/hook-weight": "10",
    }
    assert "Job/hook-image-awaiter" not in render({"prePuller": {"hook": {"enabled": False}}})


def test_the_hooks_checksum_follows_the_images_and_nothing_else(render: Callable[..., Objects]) -> None:
    def checksum(values: Any) -> str:
        found: str = render(values)["ConfigMap/hub"]["data"]["checksum_hook-image-puller"]
        return found

    profile = {"display_name": "a", "kubespawner_override": {"image": "r/profile:1"}}
    seen = [
        checksum({}),
        checksum({"singleuser": {"image": {"name": "r/lab", "tag": "2"}}}),
        checksum({"singleuser": {"profileList": [profile]}}),
    ]
    assert len(set(seen)) == 3 and checksum({"cull": {"timeout": 1}}) == seen[0]


def test_the_hook_knows_every_image_a_user_server_may_need(render: Callable[..., Objects]) -> None:
    choice = {"kubespawner_override": {"image": "r/choice:1"}}
    profile = {
        "kubespawner_override": {"image": "r/profile:1"},
        "profile_options": {"image": {"choices": {"one": choice, "none": {}}}, "free": {}},
    }
    user = {"image": {"name": "r/lab", "tag": "2"}, "profileList": [profile, {"display_name": "plain"}]}
    user |= {"initContainers": [{"image": "r/init:1"}], "extraContainers": [{"image": "r/side:1"}]}
    puller: dict[str, Any] = {"extraImages": {"more": {"name": "r/more", "tag": "1"}}}

    def images(pull_profiles: bool) -> str:
        puller["pullProfileListImages"] = pull_profiles
        job = render({"singleuser": user, "prePuller": puller})["Job/hook-image-awaiter"]
        value: str = job["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]
        return value

    assert images(True) == "r/choice:1 r/init:1 r/lab:2 r/more:1 r/profile:1 r/side:1"
    assert images(False) == "r/init:1 r/lab:2 r/more:1 r/side:1"


def test_images_without_a_tag_are_the_hubs(render: Callable[..., Objects]) -> None:
    objects = render({"hub": {"image": {"name": "r/hub", "tag": "7"}}})
    assert {pod(objects, name)["spec"]["containers"][0]["image"] for name in ("hub", "proxy")} == {"r/hub:7"}


def test_network_policies_close_what_z2jhs_close(render: Callable[..., Objects]) -> None:
    policy = render()["NetworkPolicy/singleuser"]["spec"]
    component = {"component": "singleuser-server", "app": "jupyterhub", "release": "demo"}
    assert policy["podSelector"]["matchLabels"] == component and policy["policyTypes"] == ["Ingress", "Egress"]
    label = {"hub.jupyter.org/network-access-singleuser": "true"}
    from_hub = {"ports": [{"port": "notebook-port"}], "from": [{"podSelector": {"matchLabels": label}}]}
    assert policy["ingress"] == [from_hub]
    private = [{"ipBlock": {"cidr": cidr}} for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    assert {"to": private} not in policy["egress"]
    assert {"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}]} not in policy["egress"]
    opened = render({"singleuser": {"networkPolicy": {"egressAllowRules": {"privateIPs": True}}}})
    assert {"to": private} in opened["NetworkPolicy/singleuser"]["spec"]["egress"]


def test_every_option_at_once_renders(render: Callable[..., Objects], all_values: dict[str, Any]) -> None:
    objects = render(all_values)
    assert {"Ingress/east", "HTTPRoute/east", "Secret/east-image-pull-secret", "Secret/east-singleuser"} < set(objects)
    secret = objects["Secret/east-hub"]["data"]
    assert base64.b64decode(secret["hub.config.ConfigurableHTTPProxy.auth_token"]) == b"from-hub-config"
    assert base64.b64decode(secret["hub.config.CryptKeeper.keys"]) == b"aa;bb"
    hub = pod(objects, "east-hub")["spec"]
    assert hub["serviceAccountName"] == "hub-account" and hub["priorityClassName"] == "high"
    assert [entry["name"] for entry in hub["imagePullSecrets"]] == [
        "hub-only",
        "mirror",
        "other",
        "east-image-pull-secret",
    ]
    assert "--host-routing" in pod(objects, "east-proxy")["spec"]["containers"][0]["args"]
    assert objects["PodDisruptionBudget/east-hub"]["spec"]["maxUnavailable"] == 1
    rule = objects["Ingress/east"]["spec"]["rules"][0]
    assert rule["host"] == "hub.example.org" and [path["path"] for path in rule["http"]["paths"]] == [
        "/iris/x",
        "/other",
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"proxy": {"https": {"enabled": True}}}, "the lab chart has no autohttps"),
        ({"singleuser": {"cloudMetadata": {"blockWithIptables": True}}}, "blockWithIptables is true"),
        ({"scheduling": {"userScheduler": {"enabled": True}}}, "scheduling.userScheduler.enabled is true"),
        ({"scheduling": {"userPlaceholder": {"enabled": True}}}, "scheduling.userPlaceholder.enabled is true"),
        ({"scheduling": {"podPriority": {"enabled": True}}}, "scheduling.podPriority.enabled is true"),
        ({"prePuller": {"continuous": {"enabled": True}}}, "prePuller.continuous.enabled is true"),
        ({"hub": {"image": {"tag": ""}}}, "hub.image.tag is empty"),
        ({"hub": {"extraEnv": {"A": 1}}}, "extraEnv.A is a float64"),
        ({"hub": {"extraFiles": {"a": {"mountPath": "/a"}}}}, "extraFiles.a needs exactly one of"),
        ({"hub": {"extraFiles": {"a": {"mountPath": "/a", "data": {"b": 1}}}}}, "mountPath must end in"),
        ({"proxy": {"https": {"enabled": True, "type": "secret"}}}, "proxy.https.secret.name must be set"),
        ({"proxy": {"https": {"enabled": True, "type": "manual"}}}, "proxy.https.manual.cert must be set"),
        ({"hub": {"extraConfigs": {}}}, "extraConfigs"),
    ],
)
def test_refusals_say_what_is_wrong(
    helm_template: Callable[..., subprocess.CompletedProcess[str]], values: Any, said: str
) -> None:
    done = helm_template(values)
    assert done.returncode != 0 and said in done.stderr


def test_helm_lint_finds_no_error(helm: str, chart: Path) -> None:
    argv = [helm, "lint", str(chart), "--set-string", "hub.image.tag=1"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "[ERROR]" not in done.stdout, done.stdout
