# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a request goes, read from compute's own tables: address, target proxy, URL map, backend service. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standin.apis import certificatemanager
from standin.world import World

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """What a request meets. ``backend`` is None where there is nothing; ``redirect`` sends it to HTTPS first."""

    backend: Json | None = None
    project: str = ""
    redirect: bool = False


def _find(world: World, link: str) -> Json | None:
    where, _slash, name = link.split("/compute/v1/", 1)[-1].rpartition("/")
    return world.compute.get(where, {}).get(name)


def _rule(world: World, address: str, port: int) -> tuple[str, Json] | None:
    """The forwarding rule for an address and a port, with its project."""
    for key, there in world.compute.items():
        if key.endswith("/forwardingRules"):
            for one in there.values():
                if one.get("IPAddress") == address and one.get("portRange", "").split("-")[0] == str(port):
                    return key.split("/")[1], one
    return None


def host_fits(pattern: str, host: str) -> bool:
    """Whether a host rule means this host."""
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[1:]
    return pattern == host


def path_fits(pattern: str, path: str) -> int:
    """How well a path rule fits: 0 not at all, else the longer the better; an exact one best."""
    if pattern.endswith("/*"):
        stem = pattern[:-1]
        return len(stem) if path.startswith(stem) or path == stem.rstrip("/") else 0
    return len(path) + 1000 if path == pattern else 0


def target(world: World, address: str, port: int, host: str, path: str) -> Target:
    """What a request to an address and port, for a host and path, meets."""
    found = _rule(world, address, port)
    proxy = _find(world, found[1]["target"]) if found else None
    url_map = _find(world, proxy["urlMap"]) if proxy else None
    if found is None or url_map is None:
        return Target()
    if (url_map.get("defaultUrlRedirect") or {}).get("httpsRedirect"):
        return Target(project=found[0], redirect=True)
    link = url_map.get("defaultService", "")
    rules = [rule for rule in url_map.get("hostRules") or () if any(host_fits(one, host) for one in rule["hosts"])]
    rules.sort(key=lambda rule: "*" in "".join(rule["hosts"]))
    if rules:
        matcher = next(one for one in url_map["pathMatchers"] if one["name"] == rules[0]["pathMatcher"])
        best, link = 0, matcher["defaultService"]
        for rule in matcher.get("pathRules") or ():
            fit = max(path_fits(pattern, path) for pattern in rule["paths"])
            if fit > best:
                best, link = fit, rule["service"]
    return Target(_find(world, link), found[0])


def certificate(world: World, address: str, name: str) -> Json | None:
    """The usable certificate a door shows for a server name, its own or one of its certificate map."""
    found = _rule(world, address, 443)
    proxy = _find(world, found[1]["target"]) if found else None
    if proxy is None:
        return None
    for link in proxy.get("sslCertificates") or ():
        one = _find(world, link)
        if one is None:
            continue
        if one["type"] == "SELF_MANAGED":
            return one
        domains = one["managed"]["domains"]
        usable = one["managed"]["status"] in ("ACTIVE", "RENEWAL_FAILED")
        if usable and (name in domains or not name):
            return one
    found_in_map: Json | None = certificatemanager.served(world, proxy.get("certificateMap") or "", name)
    return found_in_map


def endpoints(world: World, backend: Json) -> list[tuple[str, int]]:
    """The healthy endpoints of a backend service."""
    seen = world.health.get(backend["selfLink"], [])
    return [(one["ipAddress"], one["port"]) for one in seen if one["healthState"] == "HEALTHY"]
