# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes in the lab: how to run its parts. What they read is written by kubeconf.py."""

from __future__ import annotations

from labkit.build import Built
from labkit.kubeconf import (
    CLUSTER_CA,
    CONTAINERD,
    ETCD,
    FRONT_CA,
    FRONT_CLIENT,
    SERVICE_ACCOUNT_ISSUER,
    client_kubeconfig,
    families,
)
from labkit.paths import API_PORT, SERVICE_NETWORKS, Lab
from labkit.process import Process, ReadyCheck


def _flags(**values: object) -> list[str]:
    """``service_cluster_ip_range=x`` becomes ``--service-cluster-ip-range=x``; a bool becomes true or false."""
    return [
        f"--{name.replace('_', '-')}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
    ]


# A garbage collector that runs earlier: a tenth more processor for a third less memory.
FRUGAL = {"GOGC": "50"}


def _etcd(lab: Lab, program: str) -> Process:
    flags = _flags(
        name="lab",
        data_dir=lab.state / "etcd",
        listen_client_urls=ETCD,
        advertise_client_urls=ETCD,
        listen_peer_urls="http://127.0.0.1:2380",
        initial_advertise_peer_urls="http://127.0.0.1:2380",
        initial_cluster="lab=http://127.0.0.1:2380",
        snapshot_count=5000,
        log_level="warn",
    )
    # Without fsync a crash of the machine may lose the lab's data; a crash of the lab cannot.
    return Process(
        "etcd", [program, "etcd", *flags, "--unsafe-no-fsync"], env=FRUGAL, ready=ReadyCheck("http", f"{ETCD}/health")
    )


def _apiserver(lab: Lab, program: str, services: bool) -> Process:
    def pem(name: str) -> str:
        return str(lab.pki / f"{name}.pem")

    def key(name: str) -> str:
        return str(lab.pki / f"{name}.key")

    authentication, account = lab.etc / "kubernetes/authentication.json", lab.secrets / "service-account"
    google = lab.etc / "kubernetes/google-login.json"
    flags = _flags(
        etcd_servers=ETCD,
        secure_port=API_PORT,
        advertise_address=lab.node_ip,
        allow_privileged=True,
        profiling=False,
        service_cluster_ip_range=families(SERVICE_NETWORKS[:1], SERVICE_NETWORKS[1:]),
        tls_cert_file=pem("apiserver"),
        tls_private_key_file=key("apiserver"),
        client_ca_file=pem(CLUSTER_CA),
        kubelet_client_certificate=pem("client-apiserver-kubelet"),
        kubelet_client_key=key("client-apiserver-kubelet"),
        kubelet_certificate_authority=pem("ca"),
        kubelet_preferred_address_types="InternalIP",
        authorization_mode="Node,RBAC",
        enable_admission_plugins="NodeRestriction",
        authentication_config=authentication,
        authentication_token_webhook_config_file=google,
        authentication_token_webhook_version="v1",
        authentication_token_webhook_cache_ttl="10s",
        requestheader_client_ca_file=pem(FRONT_CA),
        requestheader_allowed_names=FRONT_CLIENT,
        requestheader_username_headers="X-Remote-User",
        requestheader_group_headers="X-Remote-Group",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        proxy_client_cert_file=pem(FRONT_CLIENT),
        proxy_client_key_file=key(FRONT_CLIENT),
        service_account_issuer=SERVICE_ACCOUNT_ISSUER,
        service_account_key_file=f"{account}.pub",
        service_account_signing_key_file=f"{account}.key",
    )
    check = ReadyCheck(
        "http",
        f"{lab.api_server}/readyz",
        ca=str(pem("ca")),
        cert=str(pem("client-admin")),
        key=str(key("client-admin")),
        timeout=120,
    )
    inputs = (
        authentication,
        google,
        f"{account}.key",
        pem("apiserver"),
        pem(CLUSTER_CA),
        pem("client-apiserver-kubelet"),
    )
    return Process(
        "apiserver",
        [program, "kube-apiserver", *flags],
        env=FRUGAL,
        ready=check,
        # The API server asks the issuer for its keys once at its start and then only every 10 s.
        requires=("etcd", "oidc") if services else ("etcd",),
        inputs=tuple(map(str, inputs)),
    )


def _controller_manager(lab: Lab, program: str) -> Process:
    config = client_kubeconfig(lab, "controller-manager")
    flags = _flags(
        kubeconfig=config,
        authentication_kubeconfig=config,
        authorization_kubeconfig=config,
        bind_address="127.0.0.1",
        leader_elect=False,
        use_service_account_credentials=True,
        root_ca_file=lab.pki / "ca.pem",
        profiling=False,
        service_account_private_key_file=lab.secrets / "service-account.key",
        allocate_node_cidrs=False,
        cluster_signing_cert_file=lab.pki / f"{CLUSTER_CA}.pem",
        cluster_signing_key_file=lab.pki / f"{CLUSTER_CA}.key",
    )
    ready = ReadyCheck("tcp", "127.0.0.1:10257")
    return Process(
        "controller-manager",
        [program, "kube-controller-manager", *flags],
        env=FRUGAL,
        ready=ready,
        requires=("apiserver",),
        inputs=(str(config),),
    )


def _scheduler(lab: Lab, program: str) -> Process:
    config = client_kubeconfig(lab, "scheduler")
    flags = _flags(
        kubeconfig=config,
        authentication_kubeconfig=config,
        authorization_kubeconfig=config,
        bind_address="127.0.0.1",
        leader_elect=False,
    )
    ready = ReadyCheck("tcp", "127.0.0.1:10259")
    return Process(
        "scheduler",
        [program, "kube-scheduler", *flags],
        env=FRUGAL,
        ready=ready,
        requires=("apiserver",),
        inputs=(str(config),),
    )


def _containerd_process(lab: Lab) -> Process:
    config = str(lab.etc / "containerd.toml")
    # `inputs` leaves the CNI configuration out: containerd watches that directory itself.
    return Process(
        "containerd",
        ["containerd", "--config", config, "--log-level", "warn"],
        ready=ReadyCheck("command", command=("ctr", "--address", CONTAINERD, "--connect-timeout", "1s", "version")),
        inputs=(config,),
    )


def _kubelet_process(lab: Lab, program: str) -> Process:
    node, config = client_kubeconfig(lab, f"node-{lab.node_name}"), lab.etc / "kubernetes/kubelet.json"
    flags = _flags(
        kubeconfig=node,
        config=config,
        hostname_override=lab.node_name,
        node_ip=f"{lab.node_ip},{lab.v6(2)}",
        root_dir="/var/lib/kubelet",
    )
    ready = ReadyCheck("http", "http://127.0.0.1:10248/healthz")
    inputs = tuple(map(str, (node, config, lab.pki / "kubelet.pem")))
    return Process(
        "kubelet",
        [program, "kubelet", *flags],
        env=FRUGAL,
        ready=ready,
        requires=("containerd", "apiserver"),
        inputs=inputs,
    )


def _kube_proxy_process(lab: Lab, program: str) -> Process:
    config = str(lab.etc / "kubernetes/kube-proxy.json")
    ready = ReadyCheck("tcp", "127.0.0.1:10249")
    return Process(
        "kube-proxy",
        [program, "kube-proxy", f"--config={config}"],
        env=FRUGAL,
        ready=ready,
        requires=("apiserver",),
        inputs=(config,),
    )


def _coredns(lab: Lab, program: str) -> Process:
    config = str(lab.etc / "Corefile")
    ready = ReadyCheck("http", f"http://{lab.dns_ip}:8181/ready")
    return Process(
        "coredns",
        [program, "coredns", "-conf", config],
        env=FRUGAL,
        ready=ready,
        requires=("apiserver",),
        inputs=(config,),
    )


def _controllers(lab: Lab, program: str) -> Process:
    flags = _flags(
        kubeconfig=lab.admin_kubeconfig,
        pool4="-".join(map(str, lab.pool)),
        pool6="-".join(map(str, lab.pool6)),
        volumes=lab.volumes,
    )
    return Process(
        "controllers",
        [program, "lab-controllers", *flags],
        env=FRUGAL,
        requires=("apiserver",),
        inputs=(str(lab.admin_kubeconfig),),
    )


def processes(lab: Lab, built: Built, services: bool) -> list[Process]:
    """All of Kubernetes; ``services`` says whether the OpenID provider is part of this lab."""
    program = str(built.labkube)
    return [
        _etcd(lab, program),
        _containerd_process(lab),
        _apiserver(lab, program, services),
        _controller_manager(lab, program),
        _scheduler(lab, program),
        _kubelet_process(lab, program),
        _kube_proxy_process(lab, program),
        _coredns(lab, program),
        _controllers(lab, program),
    ]
