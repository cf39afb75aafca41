# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""For which backend services IAP signs its statements, when neither the operator nor this run's front door says it.

The release that runs was given the audiences when it was installed, so it is asked: a run of ``--tags z2jh`` alone then
plans what is there, and cannot take the login away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core.errors import HubError
from .._k8s.client import KubeClient
from .oauth_iap import CLASS_NAME, UNKNOWN_AUDIENCE
from .oidc import read_ca
from .release_facts import read_base
from .settings import error_parts
from .values import dig, root_path

Json = dict[str, Any]


def find_audiences(
    known: Sequence[str], recorded: Callable[[], list[str]], *, later: bool = False, ca_file: str = ""
) -> Json:
    """What the layer needs to know about IAP.

    Args:
        known: what the operator set, or the front door of this run found; nothing else is asked then.
        recorded: asks the running release.
        later: the front door may still come (preflight, check mode): not knowing is then no problem.
        ca_file: authorities to trust for Google's keys instead of the usual ones.

    Returns:
        ``audiences``, ``pending``, ``ca_pem`` and ``problem`` (empty, or an error's parts).
    """
    found = list(known)
    problem: Json = {}
    ca_pem = ""
    try:
        ca_pem = read_ca(ca_file)
        if not found:
            found = recorded()
    except HubError as error:
        if not later or error.error_id == "E-OAUTH-08":
            problem = error_parts(error)
    return {"audiences": found, "pending": later and not found, "ca_pem": ca_pem, "problem": problem}


def recorded_audiences(client: KubeClient, namespace: str, release: str, values_root: str = "") -> list[str]:
    """The audiences that the running release was given; empty where there is none, or it does not use IAP.

    Raises:
        HubError: E-HELM-13 for a record that cannot be read; E-K8S-*.
    """
    path = (*root_path(values_root), "hub", "config", CLASS_NAME, "audiences")
    found = dig(read_base(client, namespace, release).get("config") or {}, *path, default=[])
    return [str(one) for one in found if one != UNKNOWN_AUDIENCE] if isinstance(found, list) else []
