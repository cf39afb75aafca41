# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The layer of the role z2jh itself: what every hub has, whichever other roles take part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .settings import SHARED, Finding, Json, read, stray_names

DEFAULTS: Json = {
    "z2jh_act": "present",
    "z2jh_chart_ref": "https://hub.jupyter.org/helm-chart/jupyterhub",
    "z2jh_chart_version": "4.4.0",
    "z2jh_chart_sha256": "",
    "z2jh_namespace": "",
    "z2jh_release_name": "",
    "z2jh_storage_class": "",
    "z2jh_values": {},
    "z2jh_values_root": "",
    "z2jh_timeout": 900,
    "z2jh_pending_policy": "fail",
    "z2jh_pending_max_age": 900,
    "z2jh_drop_layers": [],
    "z2jh_helm_binary": "helm",
}

UNSET = {"z2jh_drift": ""}
"""Variables of the role without a default: what applies then depends on the kind of run."""

FRONT_DEFAULTS: Json = {"hub_front_keep_proxy_public": False, "hub_front_source_ranges": []}
"""The role hub_front's variables that this layer also reads: the hub's address stays on the chart's own Service, and
who may connect there."""

PLATFORMS = ("existing", "gke", "eks", "bare_metal", "openshift")
"""Only ``gke`` has a front door of its own; one that is mistyped would get a public load balancer in its place."""
BASE_URL = re.compile(r"^/(?:[A-Za-z0-9._~-]+/)*$")
LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
NAMES = {
    "z2jh_namespace": (
        re.compile(rf"(?!.{{64}}){LABEL}"),
        "at most 63 small letters, digits and dashes, as in every name of a namespace",
    ),
    "z2jh_release_name": (
        re.compile(rf"(?!.{{54}}){LABEL}(?:\.{LABEL})*"),
        "at most 53 small letters, digits, dashes and dots, as in every name of a Helm release",
    ),
}
"""What Kubernetes and Helm take as the names that the hub's own name becomes, and how to say it."""


def layer(variables: Mapping[str, Any], _discovery: Mapping[str, Any]) -> tuple[Json, list[Finding]]:
    """The chart values every hub gets.

    The front Service owns the door, so the chart's own public Service is internal, unless a hub that already ran keeps
    its address there; then that one lets in the wanted networks only. The database's claim survives an uninstall.
    Everything the chart already does safely (network policies, metadata block) is left as it is.
    """
    settled, findings = read(variables, SHARED | DEFAULTS | FRONT_DEFAULTS)
    findings += stray_names(variables, "z2jh_", DEFAULTS | UNSET) + _names(settled)
    if settled["z2jh_timeout"] < 1:
        wanted = "seconds for one upgrade and for the start of a user's server"
        findings.append(_unusable("z2jh_timeout", str(settled["z2jh_timeout"]), wanted, "take it out, or give it time"))
    if not BASE_URL.match(settled["hub_base_url"]):
        findings.append(
            Finding(
                "E-VALUES-10",
                "hub_base_url",
                "must begin and end with a slash",
                "write it as in /science/",
                seen=settled["hub_base_url"],
            )
        )
    if settled["hub_platform"] not in ("", *PLATFORMS):
        findings.append(
            _unusable("hub_platform", settled["hub_platform"], " or ".join(PLATFORMS), "correct hub_platform")
        )
    values: Json = {
        "hub": {
            "baseUrl": settled["hub_base_url"],
            "db": {"pvc": {"annotations": {"helm.sh/resource-policy": "keep"}}},
        },
        "singleuser": {"startTimeout": settled["z2jh_timeout"]},
    }
    if not settled["hub_front_keep_proxy_public"]:
        values["proxy"] = {"service": {"type": "ClusterIP"}}
    elif settled["hub_front_source_ranges"]:
        values["proxy"] = {"service": {"loadBalancerSourceRanges": sorted(settled["hub_front_source_ranges"])}}
    if settled["hub_admins"]:
        values["hub"]["config"] = {"Authenticator": {"admin_users": sorted(settled["hub_admins"])}}
    if settled["z2jh_storage_class"]:
        values["hub"]["db"]["pvc"]["storageClassName"] = settled["z2jh_storage_class"]
        values["singleuser"]["storage"] = {"dynamic": {"storageClass": settled["z2jh_storage_class"]}}
    return values, findings


def _names(settled: Mapping[str, Any]) -> list[Finding]:
    """Names that Kubernetes or Helm would refuse, which a run learns only after its first change otherwise."""
    findings: list[Finding] = []
    of_hub: list[tuple[str, str]] = []
    for variable, (form, wanted) in NAMES.items():
        name = settled[variable] or settled["hub_name"]
        if not name or form.fullmatch(name):
            continue
        if settled[variable]:
            findings.append(_unusable(variable, name, wanted, f"correct {variable}"))
        else:
            of_hub.append((variable, wanted))
    if of_hub:
        do = f"set hub_name (by default the inventory host), or {' and '.join(variable for variable, _form in of_hub)}"
        findings.append(_unusable("hub_name", settled["hub_name"], of_hub[0][1], do))
    return findings


def _unusable(variable: str, seen: str, wanted: str, do: str) -> Finding:
    return Finding("E-VALUES-10", variable, "cannot be used as it is", do, seen=seen, wanted=wanted)
