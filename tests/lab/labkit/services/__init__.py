# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own network services: OpenID provider (oidc), ACME server (acme), authoritative DNS (dns),
a stand-in for Google's APIs with its load balancers (google), a registry and a web server for charts (charts).

``prepare(lab)`` writes what they need and is safe to repeat: a file is written only when its content differs, secrets
are made once. ``processes(lab)`` says how to run them. Addresses and ports:

======== ============================== =====================================================================
process  address                        what
======== ============================== =====================================================================
oidc     issuer.lab.test (.10) 8443     OpenID provider; port 8444 is a host without discovery (404 for all)
acme     acme.lab.test (.11) 14000      ACME directory /dir; management interface on port 15000
dns      ns1.lab.test (.12) 53          primary of lab.test (updates with TSIG) and other.test (no updates)
dns2     ns2.lab.test (.14) 53          secondary of both, fed by NOTIFY and zone transfer
google   google.lab.test (.15) 443      Google's APIs under their own names (tests/lab/google); doors: .16-.19, .24-.27
registry registry.lab.test (.20) 5000   registry for charts (oci://)
charts   charts.lab.test (.20) 5443     files of a directory: a chart repository, once somebody puts one there
======== ============================== =====================================================================

Secrets, all in ``lab.secrets``: ``oidc-client-secret``, ``automation-client-secret``, ``tsig`` (base64 alone), and the
same key as ``tsig.key`` (BIND format: nsupdate -k) and ``tsig.knot`` (one line: knsupdate -k, kdig -k).
"""

from __future__ import annotations

from labkit.paths import Lab
from labkit.process import Process
from labkit.services import acme, charts, dns, google, oidc


def prepare(lab: Lab) -> None:
    """Write configuration, keys and certificates. The lab CA must exist. Raises LabError, PkiError, OSError."""
    lab.services.mkdir(parents=True, exist_ok=True)
    lab.secrets.mkdir(parents=True, exist_ok=True)
    lab.secrets.chmod(0o700)
    dns.prepare(lab)
    acme.prepare(lab)
    oidc.prepare(lab)
    google.prepare(lab)
    charts.prepare(lab)


def processes(lab: Lab) -> list[Process]:
    """The processes of the services, to be started after ``prepare``."""
    return [*dns.processes(lab), acme.process(lab), oidc.process(lab), google.process(lab), *charts.processes(lab)]
