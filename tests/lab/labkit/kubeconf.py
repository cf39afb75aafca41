# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes in the lab: certificates, kubeconfigs, configuration files, and the first objects. kube.py runs it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from labkit import pki
from labkit.build import Built
from labkit.paths import AUTOMATION_CLIENT, CLUSTER_DOMAIN, GOOGLE_ACCOUNT, SERVICE_NETWORKS, ZONE, Lab

CLUSTER_CA = "cluster-ca"  # signs client certificates only: a web server's certificate must not open the API server
FRONT_CA, FRONT_CLIENT = "front-proxy-ca", "front-proxy-client"  # the API server towards aggregated API servers
AUDIENCE = "kubernetes"
CONTAINERD = "/run/containerd/containerd.sock"
ETCD = "http://127.0.0.1:2379"
CREDENTIAL_HELPER = "roles/cluster_access/files/exec_credential.py"
SERVICE_ACCOUNT_ISSUER = f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}"
CLIENTS = {  # who: (common name, organization); RBAC knows these names
    "admin": ("lab-administrator", "system:masters"),
    "apiserver-kubelet": ("kube-apiserver-kubelet-client", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
}


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    """Write only what differs, so that modification times and restarts mean something."""
    if not (path.is_file() and path.read_text(encoding="utf-8") == text):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
        fresh.rename(path)
    return path


def write_json(path: Path, data: Mapping[str, Any]) -> Path:
    """JSON is YAML to every Kubernetes part."""
    return write(path, json.dumps(data, indent=1) + "\n")


def families(four: Iterable[object], six: Iterable[object]) -> str:
    return ",".join(str(item) for item in (*four, *six))


# ---- certificates and kubeconfigs ------------------------------------------------------------------------------
def _certificates(lab: Lab) -> None:
    pki.make_authority(lab.pki, "ca", f"Lab CA ({lab.name})")
    pki.make_authority(lab.pki, CLUSTER_CA, f"Lab cluster clients ({lab.name})")
    pki.make_authority(lab.pki, FRONT_CA, f"Lab front proxy ({lab.name})")
    pki.issue(lab.pki, FRONT_CLIENT, common_name=FRONT_CLIENT, client=True, authority=FRONT_CA)
    short = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{CLUSTER_DOMAIN}"]
    services = [str(network[1]) for network in SERVICE_NETWORKS]
    pki.issue(
        lab.pki,
        "apiserver",
        names=[*short, f"api.{ZONE}", "localhost"],
        ips=["127.0.0.1", lab.node_ip, lab.v6(2), *services],
    )
    pki.issue(lab.pki, "kubelet", names=[lab.node_name], ips=[lab.node_ip, lab.v6(2)])
    node = {f"node-{lab.node_name}": (f"system:node:{lab.node_name}", "system:nodes")}
    for name, (common_name, organization) in (CLIENTS | node).items():
        pki.issue(
            lab.pki,
            f"client-{name}",
            common_name=common_name,
            organization=organization,
            client=True,
            authority=CLUSTER_CA,
        )
    key = lab.secrets / "service-account.key"
    if not key.exists():
        pki.new_key(key)
        pki.public_key(key, lab.secrets / "service-account.pub")


def _kubeconfig(lab: Lab, user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": lab.name, "cluster": {"server": lab.api_server, "certificate-authority": str(lab.pki / "ca.pem")}}
        ],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": lab.name, "context": {"cluster": lab.name, "user": "user"}}],
        "current-context": lab.name,
    }


def client_kubeconfig(lab: Lab, client: str) -> Path:
    """Path of the kubeconfig of one client certificate (written by ``prepare``)."""
    return lab.admin_kubeconfig if client == "admin" else lab.etc / "kubernetes" / f"{client}.kubeconfig"


def _kubeconfigs(lab: Lab) -> None:
    for client in (*CLIENTS, f"node-{lab.node_name}"):
        cert, key = lab.pki / f"client-{client}.pem", lab.pki / f"client-{client}.key"
        data = _kubeconfig(lab, {"client-certificate": str(cert), "client-key": str(key)})
        write(client_kubeconfig(lab, client), json.dumps(data, indent=1) + "\n", 0o600)
    helper = lab.source.parent.parent / CREDENTIAL_HELPER
    words = [
        "-I",
        "-S",  # as the role writes it: the helper needs the standard library only
        str(helper),
        "--issuer",
        lab.issuer,
        "--client-id",
        AUTOMATION_CLIENT,
        "--client-secret-file",
        str(lab.automation_client_secret_file),
        "--audience",
        AUDIENCE,
        "--ca-file",
        str(lab.ca_file),
        "--cache-dir",  # goes with the lab: another lab in the same place must not be offered this one's tokens
        str(lab.secrets / "tokens"),
    ]
    login = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "python3",
        "args": words,
        "interactiveMode": "Never",
        "installHint": f"{CREDENTIAL_HELPER} of the collection's work tree is missing",
    }
    write(lab.kubeconfig, json.dumps(_kubeconfig(lab, {"exec": login}), indent=1) + "\n", 0o600)


# ---- configuration files -----------------------------------------------------------------------------------------
def _authentication(lab: Lab) -> dict[str, Any]:
    """Who the API server believes besides client certificates: tokens of the lab's OpenID provider for our audience."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [
            {
                "issuer": {
                    "url": lab.issuer,
                    "audiences": [AUDIENCE],
                    "certificateAuthority": (lab.pki / "ca.pem").read_text(encoding="utf-8"),
                },
                "claimMappings": {
                    "username": {"claim": "sub", "prefix": "lab:"},
                    "groups": {"claim": "groups", "prefix": ""},
                },
            }
        ],
    }


def _google_login(lab: Lab) -> dict[str, Any]:
    """The API server's way to the stand-in for Google, which says whose access token it was given, as on GKE."""
    review = {
        "server": f"https://{lab.google_ip}/control/tokens/review",
        "tls-server-name": f"google.{ZONE}",
        "certificate-authority": str(lab.pki / "ca.pem"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "google", "cluster": review}],
        "users": [{"name": "apiserver", "user": {}}],
        "contexts": [{"name": "google", "context": {"cluster": "google", "user": "apiserver"}}],
        "current-context": "google",
    }


def _kubelet(lab: Lab) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(lab.pki / f"{CLUSTER_CA}.pem")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{lab.cgroup}",
        "clusterDNS": [lab.dns_ip],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "enforceNodeAllocatable": [],
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,  # never: nobody could pull an image again
        "healthzBindAddress": "127.0.0.1",
        "podLogsDir": "/var/log/pods",
        "registerWithTaints": [],
        "resolvConf": "/etc/resolv.conf",
        "serializeImagePulls": False,
        "shutdownGracePeriod": "0s",
        "tlsCertFile": str(lab.pki / "kubelet.pem"),
        "tlsPrivateKeyFile": str(lab.pki / "kubelet.key"),
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
    }


def _kube_proxy(lab: Lab) -> dict[str, Any]:
    untouched = {
        "maxPerCore": 0,
        "min": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    }  # the host's sysctls
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(client_kubeconfig(lab, "kube-proxy"))},
        "clusterCIDR": families([lab.pod_network], [lab.pod_network6]),
        "conntrack": untouched,
        "hostnameOverride": lab.node_name,
        "iptables": {"syncPeriod": "30s", "minSyncPeriod": "0s"},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }


def _containerd(lab: Lab, sandbox_image: str) -> str:
    """Debian's containerd 1.6 with a root, a state directory and a socket of its own.

    An AppArmor profile would be loaded into the host's kernel and stay there.
    """
    return f"""version = 2
root = "{lab.state / "containerd"}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{sandbox_image}"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{lab.etc / "cni"}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
discard_unpacked_layers = true
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def _cni(lab: Lab) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "dataDir": "/run/cni",
        "ranges": [[{"subnet": str(lab.pod_network)}], [{"subnet": str(lab.pod_network6)}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {
        "cniVersion": "0.4.0",
        "name": "lab",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def corefile(lab: Lab) -> str:
    """cluster.local from the API server, ``test`` from the name servers (never cached), Google's names; no more."""
    here = f"bind {lab.dns_ip} {lab.v6(13)}\n    errors"
    google = "\n        ".join(f"{ip} {' '.join(google_hosts(lab))}" for ip in (lab.google_ip, lab.v6(15)))
    reverse = " ".join(str(network) for network in (*SERVICE_NETWORKS, lab.pod_network, lab.pod_network6))
    return f"""{CLUSTER_DOMAIN} {reverse} {{
    {here}
    ready {lab.dns_ip}:8181
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {lab.admin_kubeconfig}
        pods insecure
        ttl 5
    }}
}}
test {{
    {here}
    forward . {lab.knot_ip} {{
        max_fails 0
    }}
}}
googleapis.com gstatic.com google.com cloudproxy.app {{
    {here}
    hosts {{
        {google}
        ttl 5
    }}
}}
. {{
    {here}
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
"""


def google_hosts(lab: Lab) -> list[str]:
    """The names of Google's that the lab's stand-in answers under."""
    found: list[str] = json.loads((lab.source / "google" / "names.json").read_text(encoding="ascii"))["hosts"]
    return found


def name_service(host: str) -> str:
    """The host's nsswitch.conf with host names from files and DNS alone: systemd's resolver knows no lab."""
    others = [line for line in host.splitlines() if not line.lstrip().startswith("hosts:")]
    return "\n".join([*others, "hosts: files dns"]) + "\n"


def _hosts(lab: Lab) -> str:
    """/etc/hosts of the lab's own parts: the API server must find the issuer before any DNS server runs."""
    names = {
        lab.issuer_ip: f"issuer.{ZONE}",
        lab.acme_ip: f"acme.{ZONE}",
        lab.knot_ip: f"ns1.{ZONE}",
        lab.node_ip: f"{lab.node_name} api.{ZONE}",
    }
    return "127.0.0.1 localhost\n::1 localhost\n" + "".join(f"{ip} {name}\n" for ip, name in names.items())


def prepare(lab: Lab, built: Built) -> None:
    """Write everything Kubernetes reads. Files that fit stay as they are."""
    _certificates(lab)
    _kubeconfigs(lab)
    etc = lab.etc / "kubernetes"
    write_json(etc / "authentication.json", _authentication(lab))
    write_json(etc / "google-login.json", _google_login(lab))
    write_json(etc / "kubelet.json", _kubelet(lab))
    write_json(etc / "kube-proxy.json", _kube_proxy(lab))
    write(lab.etc / "containerd.toml", _containerd(lab, built.pod_image.reference))
    write_json(lab.etc / "cni/10-lab.conflist", _cni(lab))
    write(lab.etc / "Corefile", corefile(lab))
    write(lab.etc / "hosts", _hosts(lab))
    switch = Path("/etc/nsswitch.conf")
    write(lab.etc / "nsswitch.conf", name_service(switch.read_text(encoding="utf-8") if switch.is_file() else ""))
    write(lab.resolv_conf, f"nameserver {lab.dns_ip}\noptions timeout:2 attempts:3\n")


def first_objects() -> dict[str, Any]:
    """What a fresh cluster gets: the default StorageClass, and rights for the automation's group and Google account."""
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "lab-local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "lab.test/local",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
    rights = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "lab-admins"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "lab-admins"},
            # On GKE IAM gives a project's owner these rights.
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": GOOGLE_ACCOUNT},
        ],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [storage, rights]}
