# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab exec`: a command of the host in the lab's network, with its resolver and its trust, under private mounts."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from labkit import cgroups, namespaces, runtime, trust
from labkit.paths import Lab
from labkit.say import LabError

PROXY_VARIABLES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}  # no proxy is reachable from in there
TRUST_VARIABLES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
# Not REQUESTS_CA_BUNDLE: it beats the `verify` a program passes, so it would hide a module that forgot to.


def running(lab: Lab | None, name: str) -> tuple[Lab, int]:
    """The lab and its supervisor, or an error that says how to start it."""
    pid = runtime.supervisor_pid(lab) if lab else None
    if lab is None or pid is None:
        raise LabError(
            f"E-LAB-DOWN  The lab {name!r} is not up. Nothing was changed. Do: tests/lab/lab up --name {name}."
        )
    return lab, pid


def variables(lab: Lab, facts: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command in the lab. Pure."""
    kept = {key: value for key, value in base.items() if key.lower() not in PROXY_VARIABLES}
    kept |= {f"LAB_{key.upper()}": value for key, value in facts.items()}
    kept |= dict.fromkeys(TRUST_VARIABLES, str(lab.ca_bundle))
    if base.get("REQUESTS_CA_BUNDLE"):  # somebody has it set: then it must at least know the lab
        kept["REQUESTS_CA_BUNDLE"] = str(lab.ca_bundle)
    kept["KUBECONFIG"] = facts["kubeconfig"]
    kept["PATH"] = f"{lab.bin}:{base.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}"
    return kept


def _bundles(base: Mapping[str, str]) -> list[Path]:
    """CA bundles programs read without asking anybody: the system's, and certifi's in an active virtual environment."""
    found = [trust.SYSTEM_BUNDLE]
    if base.get("VIRTUAL_ENV"):
        found += Path(base["VIRTUAL_ENV"]).glob("lib/python3*/site-packages/certifi/cacert.pem")
    return found


def enter(lab: Lab, pid: int) -> None:
    """Move this process into the lab's network, under the lab's cgroup, with private mounts."""
    trust.refresh(lab)
    cgroups.join(lab.cgroup, "exec")
    with open(f"/proc/{pid}/ns/net", "rb") as network:
        namespaces.enter(network.fileno())
    namespaces.unshare(namespaces.CLONE_NEWNS)
    namespaces.make_private()
    namespaces.bind_file(lab.resolv_conf, Path("/etc/resolv.conf"))
    namespaces.bind_file(lab.etc / "nsswitch.conf", Path("/etc/nsswitch.conf"))
    for bundle in _bundles(os.environ):
        namespaces.bind_file(lab.ca_bundle, bundle)


def execute(lab: Lab, pid: int, facts: Mapping[str, str], command: Sequence[str]) -> NoReturn:
    """Become the command; its exit code is the caller's."""
    enter(lab, pid)
    environment = variables(lab, facts, os.environ)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would hand that on
    try:
        os.execvpe(command[0], list(command), environment)
    except FileNotFoundError as error:
        raise LabError(f"E-LAB-CMD  There is no command {command[0]!r} on the PATH. Do: check its spelling.") from error
