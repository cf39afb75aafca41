# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""How the login helper logs in at Google with the identity that a module's options name."""

from __future__ import annotations

import os
import sys

from .._core.errors import HubError
from .._gcp.auth import AuthOptions
from .kubeconfig import CloudLogin


def login(options: AuthOptions, helper: str, cache_dir: str, key_file: str) -> tuple[CloudLogin, dict[str, str]]:
    """How the helper logs in, and the private files it needs for that.

    Args:
        options: who to be.
        helper: path of exec_credential.py.
        cache_dir: private directory for tokens.
        key_file: where to put a key or token that was given as text.

    Raises:
        HubError: E-GCP-01 for options that do not fit together, E-ACCESS-17 without a helper.
    """
    problem = options.problem()
    if problem is not None:
        raise problem
    if not helper:
        raise HubError(
            error_id="E-ACCESS-17",
            what="The login at Google is incomplete: login_helper is not set",
            do="set login_helper to roles/cluster_access/files/exec_credential.py of this collection",
        )
    text = options.service_account_contents or options.access_token
    file = key_file if text else options.service_account_file
    given = {
        "auth-kind": options.auth_kind,
        "key-file": os.path.abspath(os.path.expanduser(file)) if file else "",
        "email": options.service_account_email,
    }
    files = {key_file: text + "\n"} if text else {}
    return CloudLogin("gke", given, os.path.abspath(helper), sys.executable, cache_dir), files
