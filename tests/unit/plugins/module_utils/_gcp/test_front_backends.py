# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backend services belong to a Service, and what they say about IAP."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.front_backends import Backend, backends_of


def item(name: str, service: str, **more: Any) -> dict[str, Any]:
    description = json.dumps({"kubernetes.io/service-name": service, "kubernetes.io/service-port": "80"})
    return {"name": name, "id": "7", "description": description, **more}


def test_only_backends_of_this_service_count_by_name() -> None:
    found = backends_of(
        [
            item("b", "climate/hub-front", timeoutSec=86400, iap={"enabled": True, "oauth2ClientId": "1-a"}),
            item("a", "climate/hub-front"),
            item("c", "climate/other"),
            item("d", "other/hub-front"),
            {"name": "e", "description": "by hand"},
            {"name": "f", "description": '"text"'},
            {"name": "g"},
        ],
        "climate",
        "hub-front",
    )
    assert found == (
        Backend("a", "7", iap=False, client_id="", timeout=30),
        Backend("b", "7", iap=True, client_id="1-a", timeout=86400),
    )


def test_the_audience_names_project_and_backend_by_number() -> None:
    backend = Backend("a", "7", iap=True, client_id="", timeout=30)
    assert backend.facts("123") == {
        "name": "a",
        "id": "7",
        "iap": True,
        "client_id": "",
        "timeout": 30,
        "audience": "/projects/123/global/backendServices/7",
    }
