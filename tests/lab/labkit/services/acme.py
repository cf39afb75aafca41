# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ACME server: Debian's pebble. It validates DNS-01, HTTP-01 and TLS-ALPN-01 by the lab's primary name server.

Pebble makes a new random root and forgets accounts, orders and certificates each time it starts, on purpose. So the
ready check (acme_root.py) fetches the root into ``lab.trust`` and rebuilds the CA bundles, also when the supervisor has
restarted pebble. Roots of earlier runs stay trusted: a hub keeps the certificate it got from them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from labkit import pki
from labkit.paths import ACME_PORT, ZONE, Lab
from labkit.process import Process, ReadyCheck
from labkit.services.files import write

MANAGEMENT_PORT = 15000
HOST = 11


def _config_file(lab: Lab) -> Path:
    return lab.etc / "acme" / "pebble.json"


def prepare(lab: Lab) -> None:
    """Certificate (by the lab CA) and configuration."""
    certificate = pki.issue(lab.pki, "acme", names=[f"acme.{ZONE}"], ips=[lab.v4(HOST), lab.v6(HOST)])
    settings = {
        # One listener takes one address; without a host it serves IPv4 and IPv6 of acme.lab.test alike.
        "listenAddress": f":{ACME_PORT}",
        "managementListenAddress": f"{lab.acme_ip}:{MANAGEMENT_PORT}",
        "certificate": str(certificate.chain),
        "privateKey": str(certificate.key),
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
    write(_config_file(lab), json.dumps({"pebble": settings}, indent=2) + "\n")


def process(lab: Lab) -> Process:
    """Pebble as the supervisor runs it. It rejects 5 % of good nonces, as it always does: clients must cope."""
    fetch_root = (
        "/usr/bin/env", f"PYTHONPATH={lab.source}", sys.executable, "-m", "labkit.services.acme_root",
        f"https://{lab.acme_ip}:{MANAGEMENT_PORT}/roots/0", str(lab.state),
    )  # fmt: skip
    config = str(_config_file(lab))
    return Process(
        name="acme",
        argv=("pebble", "-config", config, "-dnsserver", f"{lab.knot_ip}:53"),
        env={"PEBBLE_VA_NOSLEEP": "1"},
        ready=ReadyCheck("command", command=fetch_root),
        requires=("dns",),
        inputs=(config, str(lab.pki / "acme-chain.pem"), str(lab.pki / "acme.key")),
    )
