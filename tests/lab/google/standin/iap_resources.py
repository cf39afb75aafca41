# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of IAP's resources: which there are, what they are below, which permissions guard them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

PROJECT = r"projects/(?P<project>[^/]+)"
# pattern -> (kind, the word in permissions such as iap.webServices.getIamPolicy)
FORMS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(f"{PROJECT}/{form}"), kind, word)
    for form, kind, word in (
        (r"iap_web", "web", "web"),
        (r"iap_web/compute", "web_type", "webTypes"),
        (r"iap_web/compute-(?P<region>[a-z0-9-]+)", "web_type", "webTypes"),
        (r"iap_web/compute/services/(?P<service>[^/]+)", "service", "webServices"),
        (r"iap_web/compute-(?P<region>[a-z0-9-]+)/services/(?P<service>[^/]+)", "service", "webServices"),
        (r"iap_tunnel", "tunnel", "tunnel"),
        (r"iap_tunnel/zones/(?P<zone>[^/]+)", "tunnel_zone", "tunnelZones"),
        (r"iap_tunnel/zones/(?P<zone>[^/]+)/instances/(?P<instance>[^/]+)", "tunnel_instance", "tunnelInstances"),
        (r"iap_tunnel/locations/(?P<region>[^/]+)", "tunnel_location", "tunnelLocations"),
        (
            r"iap_tunnel/locations/(?P<region>[^/]+)/destGroups/(?P<group>[^/]+)",
            "tunnel_dest_group",
            "tunnelDestGroups",
        ),
    )
)
# Resources Google has and the stand-in has not.
ELSEWHERE = re.compile(rf"{PROJECT}/(iap_web/(appengine-|forwarding_rule|cloud_run)|locations/).*")


@dataclass(frozen=True)
class Resource:
    """A resource by name, as the caller wrote it."""

    kind: str
    word: str
    project: str
    region: str = ""
    service: str = ""
    zone: str = ""
    instance: str = ""
    group: str = ""


def parse(name: str) -> Resource | None:
    """The resource a name means, or None when no IAP resource is called so."""
    for pattern, kind, word in FORMS:
        found = pattern.fullmatch(name)
        if found:
            return Resource(kind, word, **found.groupdict())
    return None


def key(resource: Resource, number: str, service_id: str = "") -> str:
    """The name in Google's own form: project by number, service by id."""
    top = f"projects/{number}"
    where = f"compute-{resource.region}" if resource.region else "compute"
    return {
        "web": f"{top}/iap_web",
        "web_type": f"{top}/iap_web/{where}",
        "service": f"{top}/iap_web/{where}/services/{service_id}",
        "tunnel": f"{top}/iap_tunnel",
        "tunnel_zone": f"{top}/iap_tunnel/zones/{resource.zone}",
        "tunnel_instance": f"{top}/iap_tunnel/zones/{resource.zone}/instances/{resource.instance}",
        "tunnel_location": f"{top}/iap_tunnel/locations/{resource.region}",
        "tunnel_dest_group": f"{top}/iap_tunnel/locations/{resource.region}/destGroups/{resource.group}",
    }[resource.kind]


def parents(name: str) -> list[str]:
    """A canonical name and the ones it is below, nearest first: a grant on any of them counts."""
    found = [name]
    for cut in (r"/services/[^/]+$", r"/instances/[^/]+$", r"/destGroups/[^/]+$"):
        shorter = re.sub(cut, "", found[-1])
        if shorter != found[-1]:
            found.append(shorter)
    for cut in (r"/iap_web/.+$", r"/iap_tunnel/.+$"):
        shorter = re.sub(cut, lambda hit: hit[0][: hit[0].index("/", 1)], found[-1])
        if shorter != found[-1]:
            found.append(shorter)
    return found
