# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where charts come from: a registry (Debian's docker-registry) for ``oci://``, a web server for ``https://``.

Both start empty, and whoever is in the lab may fill them: ``helm push`` to the registry, files into the web server's
directory (``lab env`` names it). Pods take no images from here; the lab imports those.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from labkit import pki
from labkit.paths import CHARTS_PORT, REGISTRY_PORT, ZONE, Lab
from labkit.process import Process, ReadyCheck
from labkit.services.files import write

HOST = 20


def _config_file(lab: Lab) -> Path:
    return lab.etc / "charts" / "registry.json"


def prepare(lab: Lab) -> None:
    """One certificate for both names (by the lab CA), the registry's configuration, the web server's directory."""
    names = [f"registry.{ZONE}", f"charts.{ZONE}"]
    certificate = pki.issue(lab.pki, "charts", names=names, ips=[lab.v4(HOST), lab.v6(HOST)])
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(lab.services / "registry")}},
        # One listener takes one address; without a host it serves IPv4 and IPv6 alike.
        "http": {
            "addr": f":{REGISTRY_PORT}",
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
        },
    }
    # Every JSON text is a YAML text, which is what the registry reads.
    write(_config_file(lab), json.dumps(settings, indent=2) + "\n")
    lab.charts.mkdir(parents=True, exist_ok=True)


def processes(lab: Lab) -> list[Process]:
    """Registry and web server as the supervisor runs them."""
    authority, config = str(lab.pki / "ca.pem"), str(_config_file(lab))
    chain, key = str(lab.pki / "charts-chain.pem"), str(lab.pki / "charts.key")
    return [
        Process(
            name="registry",
            argv=("docker-registry", "serve", config),
            ready=ReadyCheck("http", f"https://{lab.v4(HOST)}:{REGISTRY_PORT}/v2/", ca=authority),
            inputs=(config, chain, key),
        ),
        Process(
            name="charts",
            argv=(sys.executable, "-m", "labkit.services.web", str(lab.charts), str(CHARTS_PORT), chain, key),
            env={"PYTHONPATH": str(lab.source)},
            ready=ReadyCheck("http", f"https://{lab.v4(HOST)}:{CHARTS_PORT}/", ca=authority),
            inputs=(chain, key),
        ),
    ]
