# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JupyterHub's configuration: chart values to traits.

Helm leaves null values out of what it hands on, so every key may be absent here: get_config answers None then.
Order, as in z2jh, later wins: what the chart decides, the chart's own keys, hub.config by class name, files in
jupyterhub_config.d, hub.extraConfig by key. JupyterHub executes this file; `c` is its configuration object.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

c: Any = get_config()  # noqa: F821 -- JupyterHub puts it here; the import below takes the name over, as z2jh's users expect

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from tornado.httpclient import AsyncHTTPClient  # noqa: E402
from z2jh import get_config, get_name, get_secret_value, set_config_if_not_none  # noqa: E402

HUB_PORT, PROXY_API_PORT = 8081, 8001

# trait = key below hub. Empty means: the trait's name in camelCase.
HUB_TRAITS = {
    "active_server_limit": "",
    "allow_named_servers": "",
    "authenticate_prometheus": "",
    "base_url": "",
    "concurrent_spawn_limit": "",
    "named_server_limit_per_user": "",
    "redirect_to_server": "",
    "shutdown_on_logout": "",
    "template_paths": "",
    "template_vars": "",
}

# trait of KubeSpawner = key below singleuser
SPAWNER_TRAITS = {
    "cpu_guarantee": "cpu.guarantee",
    "cpu_limit": "cpu.limit",
    "default_url": "",
    "environment": "extraEnv",
    "events_enabled": "events",
    "extra_annotations": "",
    "extra_containers": "",
    "extra_labels": "",
    "extra_pod_config": "",
    "extra_resource_guarantees": "extraResource.guarantees",
    "extra_resource_limits": "extraResource.limits",
    "fs_gid": "",
    "image_pull_policy": "image.pullPolicy",
    "init_containers": "",
    "lifecycle_hooks": "",
    "mem_guarantee": "memory.guarantee",
    "mem_limit": "memory.limit",
    "node_affinity_preferred": "extraNodeAffinity.preferred",
    "node_affinity_required": "extraNodeAffinity.required",
    "node_selector": "",
    "pod_affinity_preferred": "extraPodAffinity.preferred",
    "pod_affinity_required": "extraPodAffinity.required",
    "pod_anti_affinity_preferred": "extraPodAntiAffinity.preferred",
    "pod_anti_affinity_required": "extraPodAntiAffinity.required",
    "pod_name_template": "",
    "profile_list": "",
    "service_account": "serviceAccountName",
    "start_timeout": "",
    "storage_extra_labels": "storage.extraLabels",
    "uid": "",
}

# What hub.config may not set: these come from Secret hub, where a release keeps them.
FROM_SECRET = {
    "JupyterHub": ("cookie_secret", "proxy_auth_token", "services"),
    "ConfigurableHTTPProxy": ("auth_token",),
    "CryptKeeper": ("keys",),
}


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def apply_traits(section: Any, prefix: str, traits: dict[str, str]) -> None:
    for trait, key in traits.items():
        set_config_if_not_none(section, trait, f"{prefix}.{key or camel(trait)}")


def set_hub() -> None:
    hub = c.JupyterHub
    hub.spawner_class = "kubespawner.KubeSpawner"
    hub.hub_bind_url = f"http://:{HUB_PORT}"
    hub.hub_connect_url = f"http://{get_name('hub')}:{HUB_PORT}"
    hub.cleanup_servers = False  # a restart of the hub must not stop anybody's server
    hub.last_activity_interval = 60
    hub.tornado_settings = {"slow_spawn_timeout": 0}
    apply_traits(hub, "hub", HUB_TRAITS)
    set_config_if_not_none(c.Spawner, "consecutive_failure_limit", "hub.consecutiveFailureLimit")
    hub.db_url = {"sqlite-pvc": "sqlite:///jupyterhub.sqlite", "sqlite-memory": "sqlite://"}[get_config("hub.db.type")]
    hub.cookie_secret = get_secret_value("hub.config.JupyterHub.cookie_secret")
    c.CryptKeeper.keys = get_secret_value("hub.config.CryptKeeper.keys").split(";")
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = f"http://{get_name('proxy-api')}:{PROXY_API_PORT}"
    if get_config("debug.enabled"):
        hub.log_level = "DEBUG"
        c.Spawner.debug = True
    # the proxy's API is asked often; tornado's own client is too slow for many users
    AsyncHTTPClient.configure("tornado.curl_httpclient.CurlAsyncHTTPClient")


def common_labels() -> dict[str, str]:
    name = get_config("nameOverride") or get_config("Chart.Name")
    chart = f"{get_config('Chart.Name')}-{get_config('Chart.Version')}".replace("+", "_")
    release = get_config("Release.Name")
    old = {"app": name, "release": release, "chart": chart}
    recommended = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": release, "helm.sh/chart": chart}
    return {**old, **recommended, "app.kubernetes.io/managed-by": "kubespawner"}


def user_image() -> str:
    image = get_config("singleuser.image")
    if not image.get("tag"):  # the chart's rule: without a tag, the hub's image
        image = get_config("hub.image")
    return f"{image['name']}:{image['tag']}"


def pull_secrets() -> list[Any]:
    found = list(get_config("imagePullSecrets") or []) + list(get_config("singleuser.image.pullSecrets") or [])
    if get_config("imagePullSecret.create") and get_config("imagePullSecret.automaticReferenceInjection"):
        found.append(get_name("image-pull-secret"))
    return found


def set_spawner() -> None:
    spawner = c.KubeSpawner
    spawner.namespace = os.environ.get("POD_NAMESPACE", "default")
    spawner.common_labels = common_labels()
    spawner.image = user_image()
    apply_traits(spawner, "singleuser", SPAWNER_TRAITS)
    # null means something for these two, so they are set even then
    spawner.allow_privilege_escalation = get_config("singleuser.allowPrivilegeEscalation")
    c.Spawner.cmd = get_config("singleuser.cmd")
    if pull_secrets():
        spawner.image_pull_secrets = pull_secrets()
    tolerations = get_config("scheduling.userPods.tolerations", []) + get_config("singleuser.extraTolerations", [])
    if tolerations:
        spawner.tolerations = tolerations
    user_node_affinity(spawner)
    volumes, mounts = home_volume(spawner)
    add_files(volumes, mounts)
    add_given(volumes, "singleuser.storage.extraVolumes")
    add_given(mounts, "singleuser.storage.extraVolumeMounts")
    spawner.volumes, spawner.volume_mounts = volumes, mounts


def user_node_affinity(spawner: Any) -> None:
    """Prefer, or require, the nodes labelled for user servers, besides what singleuser.extraNodeAffinity says."""
    term = {"matchExpressions": [{"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}]}
    purpose = get_config("scheduling.userPods.nodeAffinity.matchNodePurpose")
    given = get_config("singleuser.extraNodeAffinity") or {}
    if purpose == "prefer":
        spawner.node_affinity_preferred = [*(given.get("preferred") or []), {"weight": 100, "preference": term}]
    elif purpose == "require":
        spawner.node_affinity_required = [*(given.get("required") or []), term]


def home_volume(spawner: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Volumes and mounts, by name, that make the user's home."""
    kind = get_config("singleuser.storage.type")
    if kind == "none":
        return {}, {}
    sub_path = get_config(f"singleuser.storage.{kind}.subPath")
    if kind == "static":
        name, claim = "home", get_config("singleuser.storage.static.pvcName")
    else:
        name, claim = get_config("singleuser.storage.dynamic.volumeNameTemplate"), "{pvc_name}"
        spawner.storage_pvc_ensure = True
        set_config_if_not_none(spawner, "storage_capacity", "singleuser.storage.capacity")
        set_config_if_not_none(spawner, "storage_class", "singleuser.storage.dynamic.storageClass")
        set_config_if_not_none(spawner, "storage_access_modes", "singleuser.storage.dynamic.storageAccessModes")
        set_config_if_not_none(spawner, "pvc_name_template", "singleuser.storage.dynamic.pvcNameTemplate")
    volume = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
    mount = {"name": name, "mountPath": get_config("singleuser.storage.homeMountPath"), "subPath": sub_path}
    return {name: volume}, {name: mount}


def add_files(volumes: dict[str, Any], mounts: dict[str, Any]) -> None:
    """singleuser.extraFiles: their content is in Secret singleuser, each is mounted at its own path."""
    files = get_config("singleuser.extraFiles") or {}
    if not files:
        return
    items = [{"key": key, "path": key} | {k: v for k, v in file.items() if k == "mode"} for key, file in files.items()]
    volumes["files"] = {"name": "files", "secret": {"secretName": get_name("singleuser"), "items": items}}
    for number, (key, file) in enumerate(files.items()):
        mounts[f"{number}-files"] = {"name": "files", "mountPath": file["mountPath"], "subPath": key}


def add_given(target: dict[str, Any], key: str) -> None:
    """Volumes or mounts somebody gave, as a dictionary or as a list (a volume may be mounted more than once)."""
    given = get_config(key) or {}
    if isinstance(given, list):
        given = {f"{number}-{entry['name']}": entry for number, entry in enumerate(given)}
    target.update(given)


def set_services_and_roles() -> None:
    c.JupyterHub.services = []
    c.JupyterHub.load_roles = []
    if get_config("cull.enabled"):
        add_culler()
    for name, given in (get_config("hub.services") or {}).items():
        service = {"name": name, **{key: value for key, value in given.items() if key != "apiToken"}}
        service["api_token"] = get_secret_value(f"hub.services.{name}.apiToken")
        c.JupyterHub.services.append(service)
    for name, role in (get_config("hub.loadRoles") or {}).items():
        c.JupyterHub.load_roles.append({"name": name, **role})


def add_culler() -> None:
    """The service that stops idle servers, with the least permissions its documentation names."""
    cull = get_config("cull")
    base_url = (get_config("hub.baseUrl") or "/").rstrip("/")
    command = [sys.executable, "-m", "jupyterhub_idle_culler", f"--url=http://localhost:{HUB_PORT}{base_url}/hub/api"]
    flags = {"--timeout": "timeout", "--cull-every": "every", "--concurrency": "concurrency", "--max-age": "maxAge"}
    command += [f"{flag}={cull[key]}" for flag, key in flags.items() if cull.get(key)]
    command += ["--cull-users=true"] if cull.get("users") else []
    command += ["--remove-named-servers=true"] if cull.get("removeNamedServers") else []
    command += [] if cull.get("adminUsers") else ["--cull-admin-users=false"]
    scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    scopes += ["admin:users"] if cull.get("users") else []
    name = "jupyterhub-idle-culler"
    c.JupyterHub.services.append({"name": name, "command": command})
    c.JupyterHub.load_roles.append({"name": name, "scopes": scopes, "services": [name]})


def set_given_classes() -> None:
    """hub.config: traits by class name, apart from the secrets the release keeps."""
    for section, traits in (get_config("hub.config") or {}).items():
        if not section[:1].isupper():
            sys.exit(f"hub.config.{section}: a section is the name of a Python class and starts with a capital letter.")
        c[section].update({key: value for key, value in traits.items() if key not in FROM_SECRET.get(section, ())})


set_hub()
set_spawner()
set_services_and_roles()
set_given_classes()

for path in sorted((HERE / "jupyterhub_config.d").glob("*.py")):
    print(f"Loading {path}")
    exec(compile(path.read_text(), str(path), "exec", dont_inherit=True))  # noqa: S102 -- configuration is code

for key, code in sorted((get_config("hub.extraConfig") or {}).items()):
    print(f"Loading hub.extraConfig.{key}")
    exec(compile(code, f"hub.extraConfig.{key}", "exec", dont_inherit=True))  # noqa: S102 -- configuration is code
