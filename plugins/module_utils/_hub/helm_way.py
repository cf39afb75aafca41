# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""How Helm reaches an API server behind a proxy: with one connection instead of one for each object.

client-go shares a connection between its clients only while the kubeconfig names no proxy (``proxy-url``). Helm makes a
client for each object, so that a release of 14 objects had 50 connections open at once (measured with Helm 4.1), more
than a small proxy on a bastion takes. A proxy that comes from the environment does not have that effect; so Helm, and
no other program, gets it there, and reads the rest of the kubeconfig from memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .._k8s.access import as_yaml
from .._k8s.connection import read_context, server_is_here
from .._k8s.kubeconfig import Chosen

Json = dict[str, Any]

PROXY = "HTTPS_PROXY"
PROXY_VARIABLES = (PROXY, "https_proxy", "NO_PROXY", "no_proxy")
"""What Go programs read; the last two could name the API server, and then Helm would go past the proxy."""


@contextmanager
def way(environ: Mapping[str, str], context: str | None) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """Helm's environment, and the open files it inherits; they are closed when the block ends.

    Args:
        environ: with the kubeconfig in ``KUBECONFIG``.
        context: the context in it; None for the current one.
    """
    path = environ.get("KUBECONFIG", "")
    chosen = read_context(path, context) if path and hasattr(os, "memfd_create") else None
    direct = without_proxy(chosen, environ) if chosen else None
    if chosen is None or direct is None:
        yield dict(environ), ()
        return
    memory = os.memfd_create("kubeconfig")
    try:
        with open(memory, "w", encoding="utf-8", closefd=False) as stream:
            stream.write(as_yaml(direct.document(), path))
        kept = {name: value for name, value in environ.items() if name not in PROXY_VARIABLES}
        given = {PROXY: str(chosen.cluster["proxy-url"]), "KUBECONFIG": f"/proc/self/fd/{memory}"}
        yield kept | given, (memory,)
    finally:
        os.close(memory)


def without_proxy(chosen: Chosen, environ: Mapping[str, str]) -> Chosen | None:
    """The context without its proxy, for who has it in the environment; None where it must stay as it is."""
    if not chosen.cluster.get("proxy-url") or server_is_here(chosen):  # Go takes no proxy of the environment to there
        return None
    cluster = {key: value for key, value in chosen.cluster.items() if key != "proxy-url"}
    return Chosen(chosen.context, cluster, with_own_proxies(chosen.user, environ), chosen.namespace)


def with_own_proxies(user: Json, environ: Mapping[str, str]) -> Json:
    """The user whose login program goes the way it went before, not the API server's."""
    helper = user.get("exec")
    if not isinstance(helper, dict):
        return user
    given = list(helper.get("env") or [])
    named = {str(item.get("name")) for item in given}
    given += [{"name": name, "value": environ.get(name, "")} for name in PROXY_VARIABLES if name not in named]
    return user | {"exec": helper | {"env": given}}
