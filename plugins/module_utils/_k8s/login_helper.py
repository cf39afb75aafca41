# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Start the login helper that a kubeconfig names, as kubectl does (client.authentication.k8s.io), but not for ever."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

HELPER_TIMEOUT = 60.0
"""Seconds a login helper may take; kubectl itself waits without end."""


def start(entry: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """What a login helper printed, and how it ended.

    Args:
        entry: the ``exec`` mapping of a kubeconfig's user.

    Raises:
        OSError: its program cannot be started.
        subprocess.TimeoutExpired: it took longer than :data:`HELPER_TIMEOUT`.
    """
    extra = {str(item["name"]): str(item["value"]) for item in entry.get("env") or []}
    info = {"apiVersion": entry.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    return subprocess.run(  # pylint: disable=ansible-bad-function  # run_command has no time limit
        [str(entry.get("command") or ""), *[str(word) for word in entry.get("args") or []]],
        env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HELPER_TIMEOUT,
        check=False,
    )
