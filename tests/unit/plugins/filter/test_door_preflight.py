# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that judges the settings of the front-door roles; the judgements are tested beside their code."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.door_preflight import FilterModule

door_preflight = FilterModule().filters()["door_preflight"]
FRONT = {"kind": "LoadBalancer", "address": "", "https_port": 443, "source_ranges": []}
GKE = {
    "host": "hub.example.org",
    "https_port": 443,
    "source_ranges": [],
    "door": "ingress",
    "address_name": "climate-hub-front",
    "certificate": "managed",
    "oauth_client": "google_managed",
    "client_id": "",
    "client_secret": "",
    "service_type": "ClusterIP",
    "timeout": 86400,
    "draining": 60,
}
DNS = {"domain": "hub.example.org", "provider": "manual", "server": "", "zone": "", "key_name": "", "key_secret": ""}
ACME = {
    "method": "direct",
    "domain": "hub.example.org",
    "directory": "https://acme.test",
    "email": "",
    "dns_provider": "rfc2136",
    "dns_server": "ns1",
    "dns_key_name": "k",
}


@pytest.mark.parametrize(
    ("role", "settings", "reachable", "row"),
    [
        ("hub_front", FRONT, True, ("front Service", True)),
        ("hub_front", FRONT | {"kind": "NodePort"}, True, ("front Service", False)),
        ("gke_iap", GKE, True, ("front door", True)),
        ("gke_iap", GKE | {"timeout": 30}, True, ("front door", False)),
        ("hub_dns", DNS, True, ("DNS settings", True)),
        ("hub_dns", DNS | {"domain": ""}, True, ("DNS settings", False)),
        ("letsencrypt", ACME, True, ("ACME", True)),
        ("letsencrypt", ACME, False, ("ACME", False)),
    ],
)
def test_each_role_has_its_rows(role: str, settings: dict[str, Any], reachable: bool, row: tuple[str, bool]) -> None:
    assert [(item["check"], item["ok"]) for item in door_preflight(settings, role, reachable)] == [row]


def test_another_role_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="not 'z2jh'"):
        door_preflight({}, "z2jh")
