# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The settings of the role hub_dns, judged before any server is asked. Pure; secrets are looked at, never repeated."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from .._core.errors import HubError, missing_collection
from .._core.preflight import rows_of
from .._hub.placeholders import is_placeholder
from .records import cloud_zone
from .verdicts import is_host_name, travelling

HUB_DOMAIN = "hub_domain"
PROVIDERS = ("manual", "rfc2136", "clouddns")
"""What this release can do; the role's specification names the others too."""
MANAGED_ZONE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def problems(values: Mapping[str, Any]) -> list[HubError]:
    """What cannot work.

    Args:
        values: ``domain``, ``provider``, ``server``, ``zone``, ``key_name``, ``key_secret``, and the ``missing``
            collections; for Cloud DNS also ``project`` and, where it was asked, ``zones`` or ``zones_problem``. For
            another name than the hub's, ``option`` says which variable holds it. ``others``: name and
            ``hub_domain_owner`` of the other hosts of the play, where this one owns its name.
    """
    found = [
        error
        for error in (
            _domain(str(values["domain"]), _option(values)),
            _shared(values),
            _provider(str(values["provider"])),
        )
        if error
    ]
    if values["provider"] == "rfc2136":
        found += [*_update(values), *map(missing_collection, values.get("missing") or ())]
    if values["provider"] == "clouddns" and not found:
        found += _cloud(values)
    return found


def _option(values: Mapping[str, Any]) -> str:
    return str(values.get("option") or HUB_DOMAIN)


def _domain(domain: str, option: str) -> HubError | None:
    if not domain:
        whose = "The hub has no name" if option == HUB_DOMAIN else "There is no name to make a record for"
        return HubError("E-DNS-07", f"{whose}: {option} is not set", f"set {option}, for example hub.example.org")
    travels = ascii_form(domain)
    if travels:
        what = f"{option} {domain!r} is not in the form in which names travel"
        return HubError("E-DNS-07", what, f"write it as {travels}")
    if not is_host_name(domain):
        return HubError(
            "E-DNS-07",
            f"{option} {domain!r} is no host name",
            "write the bare name, without https:// and path"
            + ("" if domain.isascii() else ", as it travels (xn--...): your registrar shows it"),
        )
    if option == HUB_DOMAIN and domain.endswith("."):
        # It is the same name, but also part of URLs, certificates and names of objects, where the dot is another text.
        return HubError("E-DNS-07", f"{option} {domain!r} ends with a dot", "write the name without the dot at its end")
    return None


def _shared(values: Mapping[str, Any]) -> HubError | None:
    """Other hosts of the play that would set the record of the same name, each to its own address, in every run."""
    domain = str(values["domain"]).lower()
    also = sorted(
        host
        for host, name, owner in values.get("others") or ()
        if domain and str(name or "").lower() == domain and owner in (None, "", host)
    )
    if _option(values) != HUB_DOMAIN or not also:
        return None
    return HubError(
        error_id="E-DNS-07",
        what=f"hub_domain {domain} is also the name of {', '.join(also)}: each would lead it away from the other",
        do="give each hub a name of its own; where they share one, set hub_domain_owner of all to the one "
        "whose address it gets",
    )


def ascii_form(name: str) -> str:
    """A host name in another script as it travels (``xn--...``); empty for every other text, and where it is doubtful.

    See :func:`.verdicts.travelling`.
    """
    if name.isascii():
        return ""
    try:
        form, agreed = travelling(name)
    except UnicodeError:
        return ""
    return form if agreed and is_host_name(form) else ""


def _provider(provider: str) -> HubError | None:
    if provider in PROVIDERS:
        return None
    return HubError(
        error_id="E-DNS-06",
        what=f"hub_dns_provider {provider} does not exist in this release yet",
        do=f"use one of {', '.join(PROVIDERS)}; manual prints the record to add and waits until it is there",
    )


def _update(values: Mapping[str, Any]) -> list[HubError]:
    missing = [name for name in ("server", "key_name", "key_secret") if not values[name]]
    if missing:
        listed = ", ".join(f"hub_dns_{name}" for name in missing)
        return [
            HubError(
                "E-DNS-07",
                f"Dynamic updates (RFC 2136) need {listed}",
                "take them from the server's configuration (its TSIG key)",
            )
        ]
    found = []
    if not _is_secret(str(values["key_secret"])):
        what = "hub_dns_key_secret is a placeholder or not base64, as TSIG secrets are"
        found.append(
            HubError(
                "E-DNS-07", what, "copy the secret of the TSIG key, without quotes, from the server's configuration"
            )
        )
    zone, domain = str(values["zone"]).lower().rstrip("."), str(values["domain"]).lower().rstrip(".")
    if zone and domain != zone and not domain.endswith("." + zone):
        found.append(
            HubError(
                "E-DNS-07",
                f"{_option(values)} {domain} is not in hub_dns_zone {zone}",
                "correct one of them, or leave the zone empty",
            )
        )
    return found


def _cloud(values: Mapping[str, Any]) -> list[HubError]:
    zone, project = str(values["zone"]), str(values.get("project") or "")
    if not project:
        return [
            HubError(
                "E-DNS-07",
                "Cloud DNS needs the project of the zone, and hub_dns_project is not set",
                "set hub_dns_project (or GCP_PROJECT)",
            )
        ]
    if zone and not MANAGED_ZONE.fullmatch(zone):
        what = f"hub_dns_zone {zone} is no name of a managed zone"
        do = "give the zone's name at Cloud DNS (example-org), not its domain; or leave it empty"
        return [HubError("E-DNS-07", what, do)]
    if values.get("zones_problem"):
        return [
            HubError(
                error_id="E-DNS-11",
                what=f"Cloud DNS in project {project} cannot be used",
                seen=str(values["zones_problem"])[:300].rstrip("."),
                do="check the project, the credentials (auth_kind, GCP_* variables), that dns.googleapis.com is "
                "enabled, and that they have the role roles/dns.admin",
            )
        ]
    if isinstance(values.get("zones"), list):
        try:
            cloud_zone(values["zones"], str(values["domain"]), zone)
        except HubError as problem:
            return [problem]
    return []


def _is_secret(text: str) -> bool:
    if is_placeholder(text, secret=True):
        return False
    try:
        return len(base64.b64decode(text, validate=True)) >= 8
    except binascii.Error:
        return False


def rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same as rows of the preflight table; with ``unprobed``, Cloud DNS was not asked, and another row says why."""
    seen = f"{values['domain']} by {values['provider']}"
    if values.get("unprobed"):
        seen = "not probed because Google's credentials cannot be used"
    return rows_of("DNS settings", problems(values), seen)
