# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The part of the layer hub_oauth for provider ``iap``: the hub believes what Identity-Aware Proxy signed. Pure.

The class is in ``roles/hub_oauth/files/researchops_hub.py``. It reads its settings from ``hub.config`` like every other
authenticator, so what lets people in can be read in the release's values, by people and by the audit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .placeholders import is_example
from .settings import Finding, Json

PROGRAM_MOUNT = "/usr/local/etc/jupyterhub/researchops_hub.py"
"""Beside the chart's own configuration, a place from which the hub imports."""
CLASS_NAME = "IAPAuthenticator"
CA_MOUNT = "/usr/local/etc/jupyterhub/oauth-issuer-ca.pem"

UNKNOWN_AUDIENCE = "/projects/0/global/backendServices/0"
"""Stands for the audience while the front door is not there yet; no statement is ever made for it."""

AUDIENCE = re.compile(r"/projects/\d+(?:/[A-Za-z0-9._-]+)+")
DOMAIN = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

ONLY_OAUTH = (
    "hub_oauth_issuer", "hub_oauth_client_id", "hub_oauth_callback_url", "hub_oauth_token_auth_method",
    "hub_oauth_scopes", "hub_oauth_username_claim", "hub_oauth_groups_claim", "hub_oauth_allowed_groups",
    "hub_oauth_admin_groups", "hub_oauth_login_service",
)  # fmt: skip
"""Variables that mean nothing to IAP; a group rule above all would be believed to be in force."""
ONLY_IAP = ("hub_oauth_allowed_domains", "hub_oauth_iap_audiences")


def audiences(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> list[str]:
    """For whom IAP's statements must be made: as set, else as found; a stand-in while that may still come."""
    known = settled["hub_oauth_iap_audiences"] or discovery.get("audiences") or []
    if not known and discovery.get("pending"):
        return [UNKNOWN_AUDIENCE]
    return sorted({str(audience) for audience in known})


def problems(settled: Mapping[str, Any], discovery: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with the variables for this provider, apart from the rules about who may enter."""
    found = misplaced(settled, ONLY_OAUTH, defaults)
    if discovery.get("problem"):
        found.append(Finding.from_error("hub_oauth_iap_audiences", discovery["problem"]))
    elif not audiences(settled, discovery):
        found.append(_no_audience())
    return found + _bad_audiences(settled, discovery) + _bad_names(settled) + _left_as_they_were(settled)


def misplaced(settled: Mapping[str, Any], names: Sequence[str], defaults: Mapping[str, Any]) -> list[Finding]:
    """Variables that are set although the chosen provider does not read them."""
    provider = settled["hub_oauth_provider"]
    do = "put the group into gke_iap_members instead: IAP's list knows groups, its statement names none"
    return [
        Finding(
            "E-OAUTH-09",
            name,
            f"is set, and provider {provider} does not read it",
            do if name.endswith("_groups") else f"remove {name}, or choose the provider it belongs to",
        )
        for name in names
        if settled[name] != defaults[name]
    ]


def _no_audience() -> Finding:
    return Finding(
        "E-IAP-34",
        "hub_oauth_iap_audiences",
        "is not set, and neither this run's front door (gke_iap) nor the running release says for which backend "
        "service IAP signs its statements",
        "run the playbook gke_iap.yml without --tags, or set hub_oauth_iap_audiences; the audience of a backend "
        "service is shown by `Get JWT audience code` on the console's page of IAP",
        wanted="a list of /projects/NUMBER/global/backendServices/ID",
    )


def _bad_audiences(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding(
            "E-IAP-34",
            "hub_oauth_iap_audiences",
            "holds something that IAP never writes into a statement, so nobody could enter",
            "write the project's number, not its id, and the backend service's number, not its name",
            seen=audience,
            wanted="/projects/NUMBER/global/backendServices/ID",
        )
        for audience in audiences(settled, discovery)
        if not AUDIENCE.fullmatch(audience)
    ]


def _bad_names(settled: Mapping[str, Any]) -> list[Finding]:
    """Names that no statement can match: people are known by their whole address, domains have no @ and no star."""
    found = [
        Finding(
            "E-OAUTH-09",
            variable,
            "has a name that is no e-mail address; behind IAP people are known by their whole address",
            "write it as in ada@example.org",
            seen=str(name),
        )
        for variable in ("hub_oauth_allowed_users", "hub_admins")
        for name in settled[variable]
        if "@" not in str(name)
    ]
    return found + [
        Finding(
            "E-OAUTH-09",
            "hub_oauth_allowed_domains",
            "holds something that is no domain",
            "write it as in example.org; a subdomain is another domain and needs an entry of its own",
            seen=str(domain),
        )
        for domain in settled["hub_oauth_allowed_domains"]
        if not DOMAIN.fullmatch(str(domain))
    ]


def _left_as_they_were(settled: Mapping[str, Any]) -> list[Finding]:
    """Domains of the example inventory; a run would go well, because the proof's account is let in by name."""
    return [
        Finding(
            "E-VALUES-03",
            "hub_oauth_allowed_domains",
            "still holds a domain of the examples, which nobody has",
            "write the domains of your people's addresses",
            seen=str(domain),
        )
        for domain in settled["hub_oauth_allowed_domains"]
        if is_example(str(domain))
    ]


def values(settled: Mapping[str, Any], discovery: Mapping[str, Any], program: str) -> Json:
    """The chart values; ``program`` is the text of the file that holds the class."""
    traits: Json = {"audiences": audiences(settled, discovery)}
    if settled["hub_oauth_allowed_domains"]:
        traits["allowed_domains"] = sorted(str(domain).lower() for domain in settled["hub_oauth_allowed_domains"])
    ruled = settled["hub_oauth_allowed_users"] or settled["hub_oauth_allowed_domains"]
    if settled["hub_oauth_allow_all"] or not ruled:
        traits["allow_all"] = settled["hub_oauth_acknowledge_open_hub"]
    config: Json = {
        "JupyterHub": {"authenticator_class": f"researchops_hub.{CLASS_NAME}"},
        CLASS_NAME: traits,
    }
    if settled["hub_oauth_allowed_users"]:
        names = sorted(str(name).lower() for name in settled["hub_oauth_allowed_users"])
        config["Authenticator"] = {"allowed_users": names}
    files: Json = {"researchops-hub": {"mountPath": PROGRAM_MOUNT, "stringData": program}}
    if discovery.get("ca_pem"):
        files["oauth-issuer-ca"] = {"mountPath": CA_MOUNT, "stringData": discovery["ca_pem"]}
        traits["keys_ca_file"] = CA_MOUNT
    return {"hub": {"config": config, "extraFiles": files}}
