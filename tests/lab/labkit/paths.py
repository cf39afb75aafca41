# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of one lab lives: directories, addresses, names. Pure: nothing here touches the machine.

Layout of a lab's state directory (``lab.state``):

========== ==================================================================================================
pki/        lab CA (``ca.pem``) and every certificate issued by it (pki.py)
secrets/    0700: client secrets, TSIG key, service-account keys; one secret per file, 0600
etc/        generated configuration, one directory per part; ``resolv.conf``; CA bundles (trust.py)
trust/      more root certificates the lab must trust, ``*.pem`` (a service may write its root here)
services/   data of the lab's own services (one directory each)
logs/       NAME.log per process
run/        supervisor: spec.json (wanted), status.json (seen), pid, control.sock
bin/        kubectl and helm, first in the PATH of ``lab exec``
volumes/    the directories behind StorageClass ``lab-local``
etcd/ containerd/ kubelet/   data of these parts
========== ==================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

MAX_LABS = 16
KUBERNETES_VERSION = "1.34.4"
ZONE = "lab.test"
CLUSTER_DOMAIN = "cluster.local"
HTTPS_PORT = 8443  # the hub and the issuer, inside the lab and on the host's 127.0.0.1: the same URL in both places
ACME_PORT = 14000
API_PORT = 6443
REGISTRY_PORT, CHARTS_PORT = 5000, 5443
TSIG_NAME = "lab-update."
OIDC_CLIENT = "hub-lab"
AUTOMATION_CLIENT = "automation"
GOOGLE_PROJECT = "lab-project"
GOOGLE_ACCOUNT = f"automation@{GOOGLE_PROJECT}.iam.gserviceaccount.com"
GOOGLE_LOCATION = "europe-west1"
GOOGLE_CLUSTER = "lab"
SERVICE_NETWORKS = (IPv4Network("10.96.0.0/16"), IPv6Network("fd00:96::/112"))


@dataclass(frozen=True)
class Tools:
    """Build tools, installed into the cache by build.py; nothing here depends on what the machine has."""

    go: Path  # the go command
    node: Path  # the node command; its directory also holds npm and npx
    python: Path  # interpreter of the tools' virtual environment


@dataclass(frozen=True)
class Lab:
    """One lab. ``index`` (0..15) fixes all its addresses; ``source`` is tests/lab of the work tree that runs it."""

    name: str
    index: int
    cache: Path  # builds, shared by all labs; keyed by their inputs
    state: Path  # this lab's own directory
    source: Path

    # ---- addresses -------------------------------------------------------------------------------------
    @property
    def network(self) -> IPv4Network:
        """The node's IPv4 network: the veth to the host, the lab's services, the load-balancer pool."""
        return IPv4Network(f"10.210.{self.index}.0/24")

    @property
    def network6(self) -> IPv6Network:
        return IPv6Network(f"fd00:210:{self.index:x}::/64")

    @property
    def pod_network(self) -> IPv4Network:
        return IPv4Network(f"10.220.{self.index}.0/24")

    @property
    def pod_network6(self) -> IPv6Network:
        return IPv6Network(f"fd00:220:{self.index:x}::/64")

    def v4(self, host: int) -> str:
        return str(self.network[host])

    def v6(self, host: int) -> str:
        """The IPv6 twin of ``v4(host)``: the last group *reads* like the IPv4 one (.13 -> ::13)."""
        return str(IPv6Address(int(self.network6.network_address) + int(str(host), 16)))

    @property
    def host_ip(self) -> str:
        return self.v4(1)

    @property
    def node_ip(self) -> str:
        return self.v4(2)

    @property
    def issuer_ip(self) -> str:
        return self.v4(10)

    @property
    def acme_ip(self) -> str:
        return self.v4(11)

    @property
    def knot_ip(self) -> str:
        return self.v4(12)

    @property
    def dns_ip(self) -> str:
        """The resolver (CoreDNS) for pods and ``lab exec``."""
        return self.v4(13)

    @property
    def google_ip(self) -> str:
        """The stand-in for Google's APIs."""
        return self.v4(15)

    @property
    def google_doors(self) -> tuple[str, ...]:
        """Addresses the stand-in's load balancers have: what "reserve a static address" gives out, both families."""
        hosts = (*range(16, 20), *range(24, 28))
        return tuple(address for host in hosts for address in (self.v4(host), self.v6(host)))

    @property
    def service_hosts(self) -> tuple[int, ...]:
        """Host numbers that exist on the node's interface for the lab's own services, both families."""
        return tuple(range(10, 28))

    @property
    def pool(self) -> tuple[IPv4Address, IPv4Address]:
        """First and last address for Services of type LoadBalancer (.100 to .199)."""
        return self.network[100], self.network[199]

    @property
    def pool6(self) -> tuple[IPv6Address, IPv6Address]:
        return IPv6Address(self.v6(100)), IPv6Address(self.v6(199))

    # ---- names -----------------------------------------------------------------------------------------
    @property
    def node_name(self) -> str:
        return f"{self.name}-node"

    @property
    def cgroup(self) -> str:
        """Root of all the lab's cgroups, below each controller's mount point."""
        return f"lab-{self.name}"

    @property
    def veth_host(self) -> str:
        """Interface names end at 15 characters, so the index stands for the lab's name."""
        return f"lab{self.index}-host"

    @property
    def api_server(self) -> str:
        return f"https://{self.node_ip}:{API_PORT}"

    @property
    def issuer(self) -> str:
        return f"https://issuer.{ZONE}:{HTTPS_PORT}"

    @property
    def acme_directory(self) -> str:
        return f"https://acme.{ZONE}:{ACME_PORT}/dir"

    # ---- directories and files -------------------------------------------------------------------------
    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    @property
    def etc(self) -> Path:
        return self.state / "etc"

    @property
    def trust(self) -> Path:
        return self.state / "trust"

    @property
    def services(self) -> Path:
        return self.state / "services"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def charts(self) -> Path:
        """What https://charts.lab.test serves."""
        return self.services / "charts"

    @property
    def bin(self) -> Path:
        return self.state / "bin"

    @property
    def volumes(self) -> Path:
        return self.state / "volumes"

    @property
    def directories(self) -> tuple[Path, ...]:
        return (
            self.pki,
            self.secrets,
            self.etc,
            self.trust,
            self.services,
            self.logs,
            self.run,
            self.bin,
            self.volumes,
        )

    @property
    def resolv_conf(self) -> Path:
        return self.etc / "resolv.conf"

    @property
    def ca_file(self) -> Path:
        """Roots of the lab alone (lab CA, ACME server's root): what a person trusts to open the hub."""
        return self.etc / "lab-ca.pem"

    @property
    def ca_bundle(self) -> Path:
        """The host's CA bundle plus ``ca_file``: what ``lab exec`` shows as the system's bundle."""
        return self.etc / "ca-bundle.pem"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.etc / "admin.kubeconfig"

    @property
    def kubeconfig(self) -> Path:
        """Authenticates with 2-minute tokens through the exec credential helper."""
        return self.etc / "kubeconfig"

    # Secrets the services make (services.prepare) and ``lab env`` names.
    @property
    def oidc_client_secret_file(self) -> Path:
        return self.secrets / "oidc-client-secret"

    @property
    def automation_client_secret_file(self) -> Path:
        return self.secrets / "automation-client-secret"

    @property
    def google_account_file(self) -> Path:
        """Key file of the automation's service account at the stand-in for Google."""
        return self.secrets / "google-account.json"

    @property
    def tsig_file(self) -> Path:
        """The base64 TSIG secret alone, one line."""
        return self.secrets / "tsig"
