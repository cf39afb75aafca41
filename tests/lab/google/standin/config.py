# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service is told: one JSON file, written by the lab (labkit/services/google.py) or by a test."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Dns:
    """The zone that takes updates, and who answers."""

    zone: str
    server: str
    resolver: str
    key_name: str
    key_file: str
    servers: tuple[str, ...] = ("ns1.lab.test.", "ns2.lab.test.")


@dataclass(frozen=True)
class Kubernetes:
    """The API server the cluster controller works on, by client certificate, and the cluster it is on GKE."""

    server: str
    ca: str
    certificate: str
    key: str
    location: str = "europe-west1"
    cluster: str = "lab"


@dataclass(frozen=True)
class Door:
    """Where the load balancer and its IAP listen; the authority its certificates are issued by."""

    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    authority: str
    authority_key: str
    plain: int = 80  # the port without TLS


@dataclass(frozen=True)
class Config:
    """The service. Without ``state`` nothing outlives the process; without ``dns`` records are a table in memory."""

    listen: tuple[str, ...]
    port: int
    certificate: str
    key: str
    documents: str
    state: str = ""
    project: str = "lab-project"
    pool: tuple[str, ...] = ()
    account: str = "automation@lab-project.iam.gserviceaccount.com"
    account_key_file: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    dns: Dns | None = None
    kubernetes: Kubernetes | None = None
    door: Door | None = None


def load(path: Path) -> Config:
    """Read the file. Raises OSError, ValueError, TypeError."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for name, kind in (("dns", Dns), ("kubernetes", Kubernetes), ("door", Door)):
        if data.get(name):
            data[name] = kind(**{key: _tuple(value) for key, value in data[name].items()})
    return Config(**{key: _tuple(value) for key, value in data.items()})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
