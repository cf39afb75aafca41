# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Start the login helper that a kubeconfig names, as kubectl does (client.authentication.k8s.io), but not for ever."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .._core.errors import OUR_WORDS, HubError
from .kubeconfig import helper_missing

Json = dict[str, Any]

HELPER_TIMEOUT = 60.0
"""Seconds a login helper may take; kubectl itself waits without end."""
CLUSTER_KEYS = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
    "disable-compression",
)
"""What a helper with provideClusterInfo is told about its cluster (``Cluster`` in client.authentication.k8s.io)."""
CONFIG_EXTENSION = "client.authentication.k8s.io/exec"


def ask(entry: Mapping[str, Any], context: str, cluster: Mapping[str, Any]) -> Json:
    """The credentials that a login helper gives: the ``status`` of its ExecCredential.

    Args:
        entry: the ``exec`` mapping of a kubeconfig's user.
        context: the kubeconfig's context, for messages.
        cluster: the context's cluster.

    Raises:
        HubError: E-ACCESS-04 without the program, E-ACCESS-09 when it fails, or an error that it tells itself.
    """
    command = str(entry.get("command") or "")
    try:
        done = start(entry, cluster)
    except FileNotFoundError as problem:
        raise helper_missing(command, context) from problem
    except subprocess.TimeoutExpired as problem:
        raise failed(command, context, f"no answer within {HELPER_TIMEOUT:g} s, so it was ended") from problem
    except (OSError, ValueError) as problem:
        raise failed(command, context, str(problem) or type(problem).__name__) from problem
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        ours = OUR_WORDS.fullmatch(lines[-1]) if lines else None
        if ours:  # our own helper speaks in this form already
            raise HubError(error_id=ours["id"], what=ours["what"], do=ours["do"])
        said = lines[-1][:400] if lines else f"exit code {done.returncode} without a word"
        raise failed(command, context, said)
    return _status(done.stdout, command, context)


def _status(text: str, command: str, context: str) -> Json:
    """The ``status`` in what a helper printed; its text may hold a secret and is not quoted."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    status = said.get("status") if isinstance(said, dict) else None
    found = {key: value for key, value in status.items() if isinstance(value, str)} if isinstance(status, dict) else {}
    if not (found.get("token") or found.get("clientCertificateData")):
        raise failed(command, context, "what it prints is no ExecCredential with a token or a certificate")
    return found


def failed(command: str, context: str, seen: str) -> HubError:
    """The error for a login helper that gives no credentials."""
    return HubError(
        error_id="E-ACCESS-09",
        what=f"The login program {os.path.basename(command)} of the kubeconfig's context {context} failed",
        seen=seen.rstrip("."),
        do="correct what it names (often: log in again with the provider's tool), then run again",
    )


def cluster_info(cluster: Mapping[str, Any]) -> Json:
    """A kubeconfig's cluster as client-go tells it to a helper that wants to know (provideClusterInfo)."""
    told = {key: cluster[key] for key in CLUSTER_KEYS if cluster.get(key)}
    file = cluster.get("certificate-authority")
    if file and "certificate-authority-data" not in told:
        # Without it the connection fails, too, and says so.
        with suppress(OSError), open(file, "rb") as stream:
            told["certificate-authority-data"] = base64.b64encode(stream.read()).decode()
    for extension in cluster.get("extensions") or []:
        if isinstance(extension, dict) and extension.get("name") == CONFIG_EXTENSION:
            told["config"] = extension.get("extension")
    return told


def start(entry: Mapping[str, Any], cluster: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """What a login helper printed, and how it ended.

    Args:
        entry: the ``exec`` mapping of a kubeconfig's user.
        cluster: the context's cluster, told to a helper that wants to know it.

    Raises:
        OSError: its program cannot be started.
        subprocess.TimeoutExpired: it took longer than :data:`HELPER_TIMEOUT`.
    """
    extra = {str(item["name"]): str(item["value"]) for item in entry.get("env") or []}
    spec: Json = {"interactive": False}
    if entry.get("provideClusterInfo"):
        spec["cluster"] = cluster_info(cluster)
    info = {"apiVersion": entry.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    return subprocess.run(  # pylint: disable=ansible-bad-function  # run_command has no time limit
        [str(entry.get("command") or ""), *[str(word) for word in entry.get("args") or []]],
        env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=HELPER_TIMEOUT,
        check=False,
    )
