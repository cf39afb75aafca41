# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart's jupyterhub_config.py: chart values in, traits out; run as JupyterHub runs it, traitlets replaced."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.once

Values = dict[str, Any]
SECRETS = {
    "hub.config.JupyterHub.cookie_secret": "c" * 64,
    "hub.config.CryptKeeper.keys": "k1;k2",
    "hub.services.announcer.apiToken": "stored-token",
}
NAMES = {"hub": "hub", "proxy-api": "proxy-api", "singleuser": "singleuser", "image-pull-secret": "image-pull-secret"}
CULLER = ["list:users", "read:users:activity", "read:servers", "delete:servers"]


class Section(dict[str, Any]):
    """Like traitlets' Config: attributes are keys, an unknown section springs into being."""

    def __getattr__(self, name: str) -> Any:
        if name not in self and name[:1].isupper():
            self[name] = Section()
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __missing__(self, name: str) -> Any:
        self[name] = Section()
        return self[name]


def without_nulls(values: Any) -> Any:
    """Helm hands on no null: a key set to null is a key left out."""
    if isinstance(values, dict):
        return {key: without_nulls(value) for key, value in values.items() if value is not None}
    return values


Run = Callable[..., Section]


@pytest.fixture
def run(tmp_path: Path, chart: Path, defaults: Values, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Mount the files as the Deployment does, execute the configuration, return what it configured."""
    client = types.ModuleType("tornado.httpclient")
    client.AsyncHTTPClient = types.SimpleNamespace(configure=lambda name: None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tornado", types.ModuleType("tornado"))
    monkeypatch.setitem(sys.modules, "tornado.httpclient", client)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("POD_NAMESPACE", "research")

    def start(
        change: Callable[[Values], None] = lambda values: None,
        secrets: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
    ) -> Section:
        values = copy.deepcopy(defaults)
        values["hub"]["image"]["tag"] = "1"
        values |= {"Chart": {"Name": "jupyterhub", "Version": "4.4.0-lab.1"}, "Release": {"Name": "demo"}}
        change(values)
        mounted = {f"secret/{name}": text for name, text in {**SECRETS, **(secrets or {})}.items()}
        mounted |= {f"config/{name}": text for name, text in NAMES.items()} | {
            "secret/values.yaml": yaml.safe_dump(without_nulls(values), sort_keys=False)
        }
        mounted |= {path.name: path.read_text() for path in (chart / "files" / "hub").iterdir() if path.is_file()}
        for name, text in {**mounted, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        monkeypatch.delitem(sys.modules, "z2jh", raising=False)
        script = tmp_path / "jupyterhub_config.py"
        config = Section()
        names = {"get_config": lambda: config, "__file__": str(script)}
        exec(compile(script.read_text(), str(script), "exec"), names)  # noqa: S102 -- the code under test
        return config

    return start


def test_the_hub_by_default(run: Run) -> None:
    assert run().JupyterHub == {
        "spawner_class": "kubespawner.KubeSpawner",
        "hub_bind_url": "http://:8081",
        "hub_connect_url": "http://hub:8081",
        "cleanup_servers": False,
        "last_activity_interval": 60,
        "tornado_settings": {"slow_spawn_timeout": 0},
        "allow_named_servers": False,
        "base_url": "/",
        "concurrent_spawn_limit": 64,
        "template_paths": [],
        "template_vars": {},
        "db_url": "sqlite:///jupyterhub.sqlite",
        "cookie_secret": "c" * 64,
        "services": [
            {
                "name": "jupyterhub-idle-culler",
                "command": [
                    sys.executable,
                    "-m",
                    "jupyterhub_idle_culler",
                    "--url=http://localhost:8081/hub/api",
                    "--timeout=3600",
                    "--cull-every=600",
                    "--concurrency=10",
                ],
            }
        ],
        "load_roles": [{"name": "jupyterhub-idle-culler", "scopes": CULLER, "services": ["jupyterhub-idle-culler"]}],
        "admin_access": True,
        "authenticator_class": "dummy",
    }


def test_the_spawner_by_default(run: Run) -> None:
    config = run()
    assert config.Spawner == {"consecutive_failure_limit": 5, "cmd": "jupyterhub-singleuser"}
    assert config.KubeSpawner == {
        "namespace": "research",
        "common_labels": {
            "app": "jupyterhub",
            "release": "demo",
            "chart": "jupyterhub-4.4.0-lab.1",
            "app.kubernetes.io/name": "jupyterhub",
            "app.kubernetes.io/instance": "demo",
            "helm.sh/chart": "jupyterhub-4.4.0-lab.1",
            "app.kubernetes.io/managed-by": "kubespawner",
        },
        "image": "lab.test/jupyterhub:1",
        "environment": {},
        "events_enabled": True,
        "extra_annotations": {},
        "extra_containers": [],
        "extra_labels": {"hub.jupyter.org/network-access-hub": "true"},
        "extra_pod_config": {},
        "extra_resource_guarantees": {},
        "extra_resource_limits": {},
        "fs_gid": 100,
        "init_containers": [],
        "lifecycle_hooks": {},
        "mem_guarantee": "1G",
        "node_affinity_preferred": [
            {
                "weight": 100,
                "preference": {
                    "matchExpressions": [{"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}]
                },
            }
        ],
        "node_affinity_required": [],
        "node_selector": {},
        "pod_affinity_preferred": [],
        "pod_affinity_required": [],
        "pod_anti_affinity_preferred": [],
        "pod_anti_affinity_required": [],
        "profile_list": [],
        "start_timeout": 300,
        "storage_extra_labels": {},
        "uid": 1000,
        "allow_privilege_escalation": False,
        "tolerations": [
            {"key": "hub.jupyter.org/dedicated", "operator": "Equal", "value": "user", "effect": "NoSchedule"},
            {"key": "hub.jupyter.org_dedicated", "operator": "Equal", "value": "user", "effect": "NoSchedule"},
        ],
        "storage_pvc_ensure": True,
        "storage_capacity": "10Gi",
        "storage_access_modes": ["ReadWriteOnce"],
        "volumes": {
            "volume-{user_server}": {
                "name": "volume-{user_server}",
                "persistentVolumeClaim": {"claimName": "{pvc_name}"},
            }
        },
        "volume_mounts": {
            "volume-{user_server}": {"name": "volume-{user_server}", "mountPath": "/home/jovyan", "subPath": None}
        },
    }


def test_secrets_come_from_the_secret_even_when_hub_config_names_them(run: Run) -> None:
    def change(values: Values) -> None:
        values["hub"]["config"]["JupyterHub"] |= {"cookie_secret": "mine", "services": [], "proxy_auth_token": "mine"}
        values["hub"]["config"] |= {"CryptKeeper": {"keys": ["mine"]}, "ConfigurableHTTPProxy": {"auth_token": "mine"}}

    config = run(change)
    assert config.JupyterHub["cookie_secret"] == "c" * 64 and "proxy_auth_token" not in config.JupyterHub
    assert [service["name"] for service in config.JupyterHub["services"]] == ["jupyterhub-idle-culler"]
    assert config.CryptKeeper == {"keys": ["k1", "k2"]}
    assert config.ConfigurableHTTPProxy == {"should_start": False, "api_url": "http://proxy-api:8001"}


def test_an_existing_secret_wins_over_values_and_secrets(run: Run) -> None:
    files = {
        "existing-secret/hub.config.JupyterHub.cookie_secret": "e" * 64,
        "existing-secret/values.yaml": "hub: {config: {JupyterHub: {admin_access: false}}}",
    }
    config = run(files=files)
    assert config.JupyterHub["cookie_secret"] == "e" * 64
    assert config.JupyterHub["admin_access"] is False and config.JupyterHub["authenticator_class"] == "dummy"


def test_a_section_that_is_no_class_stops_the_hub(run: Run) -> None:
    with pytest.raises(SystemExit, match=r"hub\.config\.loadRoles"):
        run(lambda values: values["hub"]["config"].update(loadRoles={}))


def test_later_wins_class_config_then_files_then_extra_config_in_key_order(run: Run) -> None:
    def change(values: Values) -> None:
        values["hub"]["config"]["JupyterHub"] |= {"a": "class", "b": "class", "c": "class", "d": "class"}
        values["hub"]["extraConfig"] = {
            "20": "c.JupyterHub.d = 'extra 20'",
            "10": "c.JupyterHub.c = 'extra 10'; c.JupyterHub.d = 'extra 10'",
        }

    text = "c.JupyterHub.b = 'file'; c.JupyterHub.c = 'file'; c.JupyterHub.d = 'file'"
    found = run(change, files={"jupyterhub_config.d/x.py": text}).JupyterHub
    assert {key: found[key] for key in "abcd"} == {"a": "class", "b": "file", "c": "extra 10", "d": "extra 20"}


def test_extra_config_sees_what_z2jhs_users_expect(run: Run) -> None:
    seen = "[get_config('custom.site'), get_name('hub'), get_config('a.b', 7)]"
    code = f"from z2jh import get_name\nc.JupyterHub.seen = {seen}"

    def change(values: Values) -> None:
        values["custom"] = {"site": "north"}
        values["hub"]["extraConfig"] = {"look": code}

    assert run(change).JupyterHub["seen"] == ["north", "hub", 7]


def test_services_and_roles(run: Run) -> None:
    def change(values: Values) -> None:
        values["cull"]["enabled"] = False
        values["hub"]["services"] = {"announcer": {"url": "http://announcer", "apiToken": "given"}}
        values["hub"]["loadRoles"] = {"reader": {"scopes": ["read:users"], "services": ["announcer"]}}

    hub = run(change).JupyterHub
    assert hub["services"] == [{"name": "announcer", "url": "http://announcer", "api_token": "stored-token"}]
    assert hub["load_roles"] == [{"name": "reader", "scopes": ["read:users"], "services": ["announcer"]}]


def test_the_culler_with_every_flag(run: Run) -> None:
    def change(values: Values) -> None:
        values["hub"]["baseUrl"] = "/iris/"
        values["cull"] |= {"users": True, "adminUsers": False, "removeNamedServers": True, "maxAge": 9, "every": None}

    hub = run(change).JupyterHub
    assert hub["services"][0]["command"][3:] == [
        "--url=http://localhost:8081/iris/hub/api",
        "--timeout=3600",
        "--concurrency=10",
        "--max-age=9",
        "--cull-users=true",
        "--remove-named-servers=true",
        "--cull-admin-users=false",
    ]
    assert hub["load_roles"][0]["scopes"] == [*CULLER, "admin:users"]


@pytest.mark.parametrize(
    ("storage", "volumes", "mounts"),
    [
        ({"type": "none"}, {}, {}),
        (
            {"type": "static", "static": {"pvcName": "homes", "subPath": "{username}"}},
            {"home": {"name": "home", "persistentVolumeClaim": {"claimName": "homes"}}},
            {"home": {"name": "home", "mountPath": "/home/jovyan", "subPath": "{username}"}},
        ),
        (
            {"type": "none", "extraVolumes": {"d": {"name": "d"}}, "extraVolumeMounts": [{"name": "d"}, {"name": "d"}]},
            {"d": {"name": "d"}},
            {"0-d": {"name": "d"}, "1-d": {"name": "d"}},
        ),
    ],
    ids=["none", "static", "given"],
)
def test_volumes(run: Run, storage: Values, volumes: Values, mounts: Values) -> None:
    spawner = run(lambda values: values["singleuser"]["storage"].update(storage)).KubeSpawner
    assert (spawner["volumes"], spawner["volume_mounts"]) == (volumes, mounts)
    assert "storage_pvc_ensure" not in spawner


def test_files_for_user_servers(run: Run) -> None:
    files = {
        "motd": {"mountPath": "/etc/motd", "stringData": "x", "mode": 420},
        "b": {"mountPath": "/b", "stringData": "x"},
    }

    def change(values: Values) -> None:
        values["singleuser"]["storage"]["type"] = "none"
        values["singleuser"]["extraFiles"] = files

    spawner = run(change).KubeSpawner
    items = [{"key": "motd", "path": "motd", "mode": 420}, {"key": "b", "path": "b"}]
    assert spawner["volumes"] == {"files": {"name": "files", "secret": {"secretName": "singleuser", "items": items}}}
    assert spawner["volume_mounts"] == {
        "0-files": {"name": "files", "mountPath": "/etc/motd", "subPath": "motd"},
        "1-files": {"name": "files", "mountPath": "/b", "subPath": "b"},
    }


def test_null_command_and_privilege_escalation_are_passed_on(run: Run) -> None:
    config = run(lambda values: values["singleuser"].update(cmd=None, allowPrivilegeEscalation=None))
    assert config.Spawner["cmd"] is None and config.KubeSpawner["allow_privilege_escalation"] is None


def test_pull_secrets_from_everywhere(run: Run) -> None:
    def change(values: Values) -> None:
        values["imagePullSecrets"] = ["mirror"]
        values["imagePullSecret"]["create"] = True
        values["singleuser"]["image"] |= {"name": "r/lab", "tag": "2", "pullSecrets": ["users"]}

    spawner = run(change).KubeSpawner
    assert spawner["image_pull_secrets"] == ["mirror", "users", "image-pull-secret"] and spawner["image"] == "r/lab:2"


def test_required_user_nodes_and_debugging(run: Run) -> None:
    def change(values: Values) -> None:
        values["scheduling"]["userPods"] = {
            "nodeAffinity": {"matchNodePurpose": "require"},
            "tolerations": [{"key": "a"}],
        }
        values["singleuser"]["extraTolerations"] = [{"key": "b"}]
        values["singleuser"]["extraNodeAffinity"] = {"required": [{"a": 1}]}
        values["debug"]["enabled"] = True

    config = run(change)
    assert [sorted(term) for term in config.KubeSpawner["node_affinity_required"]] == [["a"], ["matchExpressions"]]
    assert config.KubeSpawner["tolerations"] == [{"key": "a"}, {"key": "b"}]
    assert config.JupyterHub["log_level"] == "DEBUG" and config.Spawner["debug"] is True


def test_a_missing_secret_is_named(run: Run) -> None:
    with pytest.raises(KeyError, match=r"hub\.services\.gone\.apiToken"):
        run(lambda values: values["hub"].update(services={"gone": {}}))
