# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What every task of the roles would load again.

Ansible runs each task in a process forked from its own, and what a task loads ends with that process: the files of our
filters, what they import, the libraries below. Loaded once in Ansible's own process, all later tasks have it: a run of
``site.yml`` that changes nothing takes a fifth less time (medians of five runs in turn).

Ansible's own process reads the file of a task's action before it forks for the task (``StrategyModule.run`` asks
``action_loader`` for the class). ``plugins/action/cluster_kubeconfig.py`` calls :func:`preload` there, because that is
the first module that every play of the roles runs. A strategy that does not look first loads it for that task only.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module

from ansible.plugins.loader import filter_loader, lookup_loader, test_loader

UTILS = "ansible_collections.researchops.jupyterhub.plugins.module_utils."
#: what the filters and lookups of the roles import when they are called
OURS = (
    "_core.clock",
    "_core.progress",
    "_core.redact",
    "_core.transport",
    "_core.typed",
    "_dns.records",
    "_gcp.google_cloud",
    "_hub.acme",
    "_hub.audiences",
    "_hub.certificates",
    "_hub.chart",
    "_hub.chart_digest",
    "_hub.chart_files",
    "_hub.drift",
    "_hub.helm",
    "_hub.https",
    "_hub.iap_account",
    "_hub.layers",
    "_hub.lint",
    "_hub.oauth",
    "_hub.oidc",
    "_hub.placeholders",
    "_hub.probes",
    "_hub.settings",
    "_hub.shut_out",
    "_hub.wish",
    "_k8s.client",
    "_k8s.front",
    "_k8s.front_api",
    "_k8s.objects",
)
#: what these import in their functions
LIBRARIES = ("cryptography.x509", "http.client", "ssl", "urllib.request", "urllib3", "yaml")
#: one of each collection
FILTERS = ("ansible.builtin.combine", "researchops.jupyterhub.layers")
TESTS = ("ansible.builtin.match",)
LOOKUPS = (
    "ansible.builtin.env",
    "ansible.builtin.file",
    "ansible.builtin.vars",
    "ansible.builtin.varnames",
    "researchops.jupyterhub.another_hub",
    "researchops.jupyterhub.chart_check",
    "researchops.jupyterhub.cluster_objects",
    "researchops.jupyterhub.helm_version",
    "researchops.jupyterhub.kubeconfig",
    "researchops.jupyterhub.missing_collections",
    "researchops.jupyterhub.oidc_discovery",
    "researchops.jupyterhub.temp_space",
)


def preload() -> None:
    """Load all of it; what cannot be loaded is left to the task that needs it, which says why."""
    for name in (*(UTILS + ours for ours in OURS), *LIBRARIES):
        with suppress(Exception):  # a broken library raises whatever it likes
            import_module(name)
    for loader, names in ((filter_loader, FILTERS), (test_loader, TESTS)):
        for name in names:
            with suppress(Exception):
                loader.get(name)
    for name in LOOKUPS:
        with suppress(Exception):
            lookup_loader.get(name, class_only=True)
    # It stays for the whole play: without this every task's process looks through all of it, and copies it to do so.
    gc.collect()
    gc.freeze()
