# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The keys that z2jh's chart knows, written down from its published configuration reference for 4.x.

The tree holds names only: the chart's own schema judges types when Helm reads it. What it cannot do is say which key
was meant, and that is what this tree is for. Where the schema itself is at hand, a unit test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Union

NEWEST: Final = (4, 4)
"""Major and minor number of the newest chart that :data:`TREE` describes; it judges older ones of the major, too."""

Tree = Union[None, str, dict[str, "Tree"]]
"""None: a value. :data:`FREE`: anything may be below. A dict: these keys and no others; the key ``*`` is any key."""

FREE: Final = "free"


def _keys(names: str, free: str = "", **below: Tree) -> dict[str, Tree]:
    """Values, free-form keys and sub-trees of one mapping."""
    tree: dict[str, Tree] = dict.fromkeys(names.split())
    tree.update(dict.fromkeys(free.split(), FREE))
    tree.update(below)
    return tree


_EACH_FREE: dict[str, Tree] = {"*": FREE}
_IMAGE = _keys("name tag pullPolicy pullSecrets")
_BUDGET = _keys("enabled maxUnavailable minAvailable")
_ACCOUNT = _keys("create name", annotations=_EACH_FREE)
_AFFINITY = _keys("required preferred")
_PURPOSE = _keys("tolerations", nodeAffinity=_keys("matchNodePurpose"))
_STRATEGY = _keys("rollingUpdate type")
_POLICY = _keys(
    "enabled ingress egress interNamespaceAccessLabels allowedIngressPorts",
    egressAllowRules=_keys(
        "cloudMetadataServer dnsPortsCloudMetadataServer dnsPortsKubeSystemNamespace dnsPortsPrivateIPs "
        "nonPrivateIPs privateIPs"
    ),
)
_HOOKS = _keys("", free="postStart preStop")

_HUB = _keys(
    "revisionHistoryLimit baseUrl command args cookieSecret initContainers fsGid existingSecret tolerations "
    "activeServerLimit allowNamedServers authenticatePrometheus concurrentSpawnLimit consecutiveFailureLimit "
    "extraContainers extraVolumeMounts extraVolumes namedServerLimitPerUser redirectToServer shutdownOnLogout "
    "templatePaths",
    free="extraEnv extraConfig nodeSelector podSecurityContext containerSecurityContext livenessProbe readinessProbe "
    "resources services loadRoles templateVars extraPodSpec",
    config=_EACH_FREE,
    extraFiles=_EACH_FREE,
    labels=_EACH_FREE,
    annotations=_EACH_FREE,
    image=_IMAGE,
    networkPolicy=_POLICY,
    db=_keys(
        "type upgrade url password",
        pvc=_keys("storage accessModes storageClassName subPath", free="selector", annotations=_EACH_FREE),
    ),
    service=_keys(
        "type extraPorts loadBalancerIP ipFamilyPolicy ipFamilies",
        ports=_keys("appProtocol nodePort"),
        annotations=_EACH_FREE,
    ),
    pdb=_BUDGET,
    deploymentStrategy=_STRATEGY,
    lifecycle=_HOOKS,
    serviceAccount=_ACCOUNT,
)

_PROXY = _keys(
    "secretToken",
    labels=_EACH_FREE,
    annotations=_EACH_FREE,
    deploymentStrategy=_STRATEGY,
    chp=_keys(
        "revisionHistoryLimit extraCommandLineFlags tolerations defaultTarget errorTarget",
        free="extraEnv nodeSelector containerSecurityContext livenessProbe readinessProbe resources extraPodSpec",
        networkPolicy=_POLICY,
        pdb=_BUDGET,
        image=_IMAGE,
    ),
    service=_keys(
        "type disableHttpPort extraPorts externalIPs loadBalancerIP loadBalancerSourceRanges ipFamilyPolicy ipFamilies",
        labels=_EACH_FREE,
        annotations=_EACH_FREE,
        nodePorts=_keys("http https"),
    ),
    https=_keys(
        "enabled type hosts",
        letsencrypt=_keys("contactEmail acmeServer"),
        manual=_keys("key cert"),
        secret=_keys("name key crt"),
    ),
    traefik=_keys(
        "revisionHistoryLimit extraInitContainers tolerations extraPorts extraVolumes extraVolumeMounts",
        free="extraEnv nodeSelector containerSecurityContext extraDynamicConfig extraStaticConfig resources "
        "extraPodSpec",
        labels=_EACH_FREE,
        networkPolicy=_POLICY,
        pdb=_BUDGET,
        hsts=_keys("includeSubdomains maxAge preload"),
        image=_IMAGE,
        serviceAccount=_ACCOUNT,
    ),
    secretSync=_keys("", free="containerSecurityContext resources", image=_IMAGE),
)

_SINGLEUSER = _keys(
    "podNameTemplate initContainers profileList extraTolerations cmd defaultUrl events extraContainers fsGid "
    "serviceAccountName startTimeout allowPrivilegeEscalation uid",
    free="extraEnv nodeSelector extraPodConfig",
    networkPolicy=_POLICY,
    cpu=_keys("limit guarantee"),
    memory=_keys("limit guarantee"),
    image=_IMAGE,
    extraFiles=_EACH_FREE,
    extraAnnotations=_EACH_FREE,
    extraLabels=_EACH_FREE,
    extraNodeAffinity=_AFFINITY,
    extraPodAffinity=_AFFINITY,
    extraPodAntiAffinity=_AFFINITY,
    cloudMetadata=_keys("blockWithIptables ip"),
    extraResource=_keys("", free="guarantees limits"),
    lifecycleHooks=_HOOKS,
    networkTools=_keys("", free="resources", image=_IMAGE),
    storage=_keys(
        "capacity homeMountPath type",
        free="extraVolumeMounts extraVolumes",
        extraLabels=_EACH_FREE,
        dynamic=_keys("pvcNameTemplate storageAccessModes storageClass subPath volumeNameTemplate"),
        static=_keys("pvcName subPath"),
    ),
)

_SCHEDULING = _keys(
    "",
    userScheduler=_keys(
        "enabled revisionHistoryLimit replicas tolerations logLevel pluginConfig",
        free="nodeSelector containerSecurityContext plugins resources extraPodSpec",
        image=_IMAGE,
        pdb=_BUDGET,
        labels=_EACH_FREE,
        annotations=_EACH_FREE,
        serviceAccount=_ACCOUNT,
    ),
    podPriority=_keys("enabled globalDefault defaultPriority imagePullerPriority userPlaceholderPriority"),
    userPlaceholder=_keys(
        "enabled revisionHistoryLimit replicas",
        free="resources containerSecurityContext extraPodSpec",
        image=_IMAGE,
        labels=_EACH_FREE,
        annotations=_EACH_FREE,
    ),
    corePods=_PURPOSE,
    userPods=_PURPOSE,
)

_PRE_PULLER = _keys(
    "revisionHistoryLimit extraTolerations pullProfileListImages",
    free="resources containerSecurityContext",
    labels=_EACH_FREE,
    annotations=_EACH_FREE,
    hook=_keys(
        "enabled pullOnlyOnChanges podSchedulingWaitDuration tolerations",
        free="nodeSelector containerSecurityContext resources",
        image=_IMAGE,
        serviceAccount=_ACCOUNT,
        serviceAccountImagePuller=_ACCOUNT,
        daemonsetAnnotations=_EACH_FREE,
    ),
    continuous=_keys("enabled", serviceAccount=_ACCOUNT, daemonsetAnnotations=_EACH_FREE),
    extraImages=_EACH_FREE,
    pause=_keys("", free="containerSecurityContext", image=_IMAGE),
)

TREE: Final[dict[str, Tree]] = _keys(
    "enabled fullnameOverride nameOverride imagePullSecrets",
    free="custom global",
    imagePullSecret=_keys("create automaticReferenceInjection registry username password email"),
    hub=_HUB,
    proxy=_PROXY,
    singleuser=_SINGLEUSER,
    scheduling=_SCHEDULING,
    ingress=_keys("enabled ingressClassName hosts pathSuffix pathType tls extraPaths", annotations=_EACH_FREE),
    httpRoute=_keys("enabled hostnames", annotations=_EACH_FREE, gateway=_keys("name namespace sectionName")),
    prePuller=_PRE_PULLER,
    cull=_keys("enabled users adminUsers removeNamedServers timeout every concurrency maxAge"),
    debug=_keys("enabled"),
    rbac=_keys("enabled create"),
)

MOVED: Final[dict[str, str]] = {
    "auth": "hub.config",
    "auth.admin.users": "hub.config.Authenticator.admin_users",
    "auth.whitelist.users": "hub.config.Authenticator.allowed_users",
    "auth.type": "hub.config.JupyterHub.authenticator_class",
    "auth.state.cryptoKey": "hub.config.CryptKeeper.keys",
    "hub.concurrentSpawnlimit": "hub.concurrentSpawnLimit",
    "hub.extraConfigMap": "custom",
    "hub.fsGid": "hub.podSecurityContext.fsGroup",
    "hub.imagePullSecret": "hub.image.pullSecrets",
    "hub.imagePullPolicy": "hub.image.pullPolicy",
    "hub.uid": "hub.containerSecurityContext.runAsUser",
    "proxy.networkPolicy": "proxy.chp.networkPolicy",
    "proxy.pdb": "proxy.chp.pdb",
    "proxy.containerSecurityContext": "proxy.chp.containerSecurityContext",
    "proxy.nginx": "ingress",
    "proxy.lego": "proxy.https.letsencrypt",
    "rbac.enabled": "rbac.create",
    "singleuser.imagePullSecret": "singleuser.image.pullSecrets",
    "singleuser.imagePullPolicy": "singleuser.image.pullPolicy",
    "singleuser.schedulerStrategy": "scheduling.userScheduler.enabled",
    "singleuser.storageCapacity": "singleuser.storage.capacity",
}
"""Keys of older charts, or that the chart itself only lists to refuse them, and what took their place."""


def paths() -> Iterator[str]:
    """Every key of the tree as a dotted path; ``*`` is left out."""
    yield from _paths(TREE, "")


def _paths(tree: dict[str, Tree], prefix: str) -> Iterator[str]:
    for name, below in tree.items():
        if name == "*":
            continue
        yield f"{prefix}{name}"
        if isinstance(below, dict):
            yield from _paths(below, f"{prefix}{name}.")
