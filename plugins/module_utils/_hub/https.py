# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The layer of the role hub_https: where TLS ends, and who fetches the certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .settings import HTTPS_PORT, SHARED, Finding, Json, read, stray_names, unset
from .values import HUB_SECRETS

DEFAULTS: Json = {
    "hub_https_type": "",
    "hub_https_secret_name": "hub-tls",
    "hub_https_certificate_file": "",
    "hub_https_private_key_file": "",
    "hub_https_restart_proxy": False,
}

METHOD_DEFAULTS: Json = {"letsencrypt_method": ""}
"""The role letsencrypt's variable that this layer also reads; empty and ``none`` mean the same."""

DOOR_DEFAULTS: Json = {"gke_iap_front_door": "ingress"}
"""The role gke_iap's variable that this layer also reads."""

TAKEN = {
    HUB_SECRETS: "what the hub reads its secrets from",
    "hub": "what the chart itself generates",
    "letsencrypt-account": "the key of the ACME account",
}
"""Secrets of the namespace that hold something else than a certificate, and what."""

LEGAL: dict[tuple[str, str], str] = {
    ("secret", "none"): "the Secret exists already; its owner renews it",
    ("secret", "direct"): "the role letsencrypt fetches the certificate over ACME into the Secret",
    ("manual", "none"): "the role puts certificate and key files into the Secret",
    ("ingress", "none"): "on GKE, Google's load balancer ends TLS with a certificate that Google renews",
    ("gateway", "none"): "on GKE, Google's load balancer ends TLS with the certificates of a certificate map",
}
"""Pairs of hub_https_type and letsencrypt_method that work; every other pair is refused."""

DOORS = ("ingress", "gateway")
"""Types that end TLS in front of the cluster; only the front door of GKE is made by this collection so far."""

TYPES = ("letsencrypt", "manual", "secret", "offload", "ingress", "gateway")
METHODS = ("none", "autohttps", "cert_manager", "direct")
TYPES_NOW = tuple(sorted({kind for kind, _method in LEGAL}))
METHODS_NOW = tuple(sorted({method for _kind, method in LEGAL}))


def layer(variables: Mapping[str, Any], _discovery: Mapping[str, Any]) -> tuple[Json | None, list[Finding]]:
    """The chart values that end TLS at the hub's own proxy, with a certificate from a Secret.

    Type ``manual`` also becomes the chart's type ``secret``: the chart's own ``manual`` wants the private key among the
    values, where everybody who may read the release could read it. Behind a load balancer that ends TLS, the proxy
    speaks plain HTTP, which the chart calls ``offload``.
    """
    settled, findings = read(variables, SHARED | DEFAULTS | METHOD_DEFAULTS | DOOR_DEFAULTS)
    findings += stray_names(variables, "hub_https_", DEFAULTS)
    kind = settled["hub_https_type"] = settled_type(settled)
    if not kind:
        return None, findings
    findings += pair_problem(kind, settled["letsencrypt_method"]) + _missing(settled)
    if kind in DOORS:
        findings += _door_problem(settled)
        https = {"enabled": True, "type": "offload", "hosts": [settled["hub_domain"].lower()]}
        return {"proxy": {"https": https}}, findings
    findings += taken(settled["hub_https_secret_name"])
    values: Json = {
        "proxy": {
            "https": {
                "enabled": True,
                "type": "secret",
                "hosts": [settled["hub_domain"].lower()],
                "secret": {"name": settled["hub_https_secret_name"], "key": "tls.key", "crt": "tls.crt"},
            }
        }
    }
    if settled["hub_port"] != HTTPS_PORT:
        # The chart's proxy sends plain HTTP to port 443, whatever port people use; the last flag counts.
        values["proxy"]["chp"] = {"extraCommandLineFlags": [f"--redirect-to={settled['hub_port']}"]}
    return values, findings


def settled_type(settled: Mapping[str, Any]) -> str:
    """Where TLS ends: what was said, else on GKE the front door of the role gke_iap."""
    if settled["hub_https_type"] or settled["hub_platform"] != "gke":
        return str(settled["hub_https_type"])
    return str(settled["gke_iap_front_door"])


def _door_problem(settled: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with a load balancer that ends TLS: no role makes it here, or it is another one."""
    kind, door = settled["hub_https_type"], settled["gke_iap_front_door"]
    if settled["hub_platform"] != "gke":
        fitting = tuple(other for other in TYPES_NOW if other not in DOORS)
        sentence = f"has a value that this release cannot do yet on hub_platform {settled['hub_platform']}"
        return [_refused("hub_https_type", sentence, kind, fitting)]
    if kind != door:
        return [
            Finding(
                "E-CERT-27",
                "hub_https_type",
                f"is {kind}, and gke_iap_front_door is {door}: TLS ends at the front door",
                f"leave hub_https_type out, or set gke_iap_front_door: {kind}",
            )
        ]
    return []


def pair_problem(kind: str, method: str) -> list[Finding]:
    """Nothing for a pair that works, else one finding that tells not built yet from not possible."""
    method = method or "none"
    if (kind, method) in LEGAL:
        return []
    if kind not in TYPES:
        return [_refused("hub_https_type", "has a value that does not exist", kind, TYPES_NOW)]
    if method not in METHODS:
        return [_refused("letsencrypt_method", "has a value that does not exist", method, METHODS_NOW)]
    if kind not in TYPES_NOW:
        return [_refused("hub_https_type", "has a value that this release cannot do yet", kind, TYPES_NOW)]
    if method not in METHODS_NOW:
        return [_refused("letsencrypt_method", "has a value that this release cannot do yet", method, METHODS_NOW)]
    fitting = ", ".join(other for mine, other in LEGAL if mine == kind)
    return [
        Finding(
            "E-CERT-21",
            "hub_https_type",
            f"is {kind}, which does not go with letsencrypt_method {method}: the certificate would have two sources",
            f"set letsencrypt_method to one of: {fitting}; or choose another hub_https_type",
        )
    ]


def _refused(name: str, sentence: str, seen: str, choices: tuple[str, ...]) -> Finding:
    return Finding("E-CERT-20", name, sentence, f"choose one of: {', '.join(choices)}", seen=seen)


def _missing(settled: Mapping[str, Any]) -> list[Finding]:
    wanted = {"hub_domain": "the host name people open"}
    if settled["hub_https_type"] in ("secret", "manual"):
        wanted["hub_https_secret_name"] = "the name of the Secret that holds the certificate"
    if settled["hub_https_type"] == "manual":
        wanted["hub_https_certificate_file"] = "the file with the certificate and its chain, PEM"
        wanted["hub_https_private_key_file"] = "the file with the certificate's private key, PEM, without a pass phrase"
    return unset(settled, wanted, "E-CERT-22", f"hub_https_type {settled['hub_https_type']}")


def taken(name: str) -> list[Finding]:
    """A finding for a Secret that holds something else; with a certificate in it the hub could not be installed."""
    if name not in TAKEN:
        return []
    return [
        Finding(
            "E-CERT-19",
            "hub_https_secret_name",
            f"is {name}, and that Secret is for something else: {TAKEN[name]}",
            "leave it out, which makes it hub-tls, or choose another name",
        )
    ]


def stale_proxies(secret: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """The Deployments whose proxy still serves the certificate from before the Secret's last change.

    The proxy reads its certificate once, when it starts. The server notes for every field manager when it last changed
    which fields; a Secret without such notes counts from its creation.

    Args:
        secret: the Secret as the API returns it; its data is not looked at.
        pods: the pods of the proxy. One that does not mount this Secret serves no older state of it: the release of
            another certificate, or of none, is still to change, and its pods with it.
    """
    metadata = secret.get("metadata") or {}
    noted = [
        str(each.get("time") or "")
        for each in metadata.get("managedFields") or []
        if "f:data" in (each.get("fieldsV1") or {})
    ]
    changed = max(noted, default="") or str(metadata.get("creationTimestamp") or "")
    serving = [pod for pod in pods if str(metadata.get("name")) in _mounted(pod)]
    return sorted({_deployment(pod) for pod in serving if changed and "" < _started(pod) <= changed})


def _mounted(pod: Mapping[str, Any]) -> set[str]:
    """The names of the Secrets among a pod's volumes."""
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return {str(volume["secret"].get("secretName")) for volume in volumes if volume.get("secret")}


def _started(pod: Mapping[str, Any]) -> str:
    """When the pod's oldest running container started (RFC 3339 in UTC, which sorts as text); empty before that."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    running = [((status.get("state") or {}).get("running") or {}).get("startedAt") for status in statuses]
    return min((str(moment) for moment in running if moment), default="")


def _deployment(pod: Mapping[str, Any]) -> str:
    """The Deployment a pod belongs to: its ReplicaSet's name without the template's hash."""
    metadata = pod.get("metadata") or {}
    suffix = "-" + str((metadata.get("labels") or {}).get("pod-template-hash") or "")
    owners = [str(owner.get("name")) for owner in metadata.get("ownerReferences") or []]
    return (owners[0] if owners else str(metadata.get("name"))).removesuffix(suffix)
