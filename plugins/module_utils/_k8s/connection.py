# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The usual kubeconfig, opened without the ``kubernetes`` package.

Importing that package takes longer than everything else an unchanged release needs (0.25 to 0.5 s). What most
kubeconfigs hold is little: a server, a CA, and a token, a client certificate or an exec helper. That much is read
here; anything beyond it (several files, login plugins, impersonation, proxies from the environment) is None, and left
to the package.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import HubError
from .._core.transport import trust_as_named
from . import login_helper
from .kubeconfig import Chosen, choose, parse_source

Json = dict[str, Any]

CLUSTER_KEYS = frozenset(
    {"server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url", "extensions"}
)
USER_KEYS = frozenset(
    {"token", "client-certificate", "client-certificate-data", "client-key", "client-key-data", "exec", "extensions"}
)
EXEC_KEYS = frozenset({"apiVersion", "command", "args", "env", "installHint", "interactiveMode", "provideClusterInfo"})
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
CONNECTIONS = 8
"""Connections kept open; the planner asks six things at once."""


@dataclass
class Connection:
    """What :class:`~.client.KubeClient` wants to know, named as in ``kubernetes.client.Configuration``.

    Attributes:
        host: the API server's URL.
        token: the bearer token; empty where a certificate speaks.
        chosen_context: the context that was asked for.
        ca_file: the CA's file, where the kubeconfig names one.
        ca_data: the CA itself, where the kubeconfig holds it.
    """

    host: str
    token: str = field(default="", repr=False)
    chosen_context: str | None = None
    ca_file: str = ""
    ca_data: str = ""

    @property
    def ssl_ca_cert(self) -> str | None:
        """A file with the CA; written only for who asks, and gone with the process."""
        if not self.ca_file and self.ca_data:
            self.ca_file = _temporary(self.ca_data)
            atexit.register(_forget, self.ca_file)
        return self.ca_file or None

    def auth_settings(self) -> dict[str, dict[str, str]]:
        """The header that carries the credentials."""
        return {"BearerToken": {"key": "authorization", "value": f"Bearer {self.token}"}} if self.token else {}


def open_connection(path: str, context: str | None, environ: Mapping[str, str] | None = None) -> tuple[Any, Any] | None:
    """Configuration and connection pool for a usual kubeconfig; None leaves it, and every error, to the package."""
    values = os.environ if environ is None else environ
    chosen = read_context(path, context)
    if chosen is None or not _is_usual(chosen, values):
        return None
    try:
        user = _logged_in(chosen.user)
        connection = Connection(
            host=str(chosen.cluster["server"]).rstrip("/"),
            token=str(user.get("token") or ""),
            chosen_context=context,
            ca_file=str(chosen.cluster.get("certificate-authority") or ""),
            ca_data=_decoded(chosen.cluster.get("certificate-authority-data")),
        )
        return connection, _pool(chosen.cluster, _tls(connection, user))
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError):
        return None


def proxy_of(path: str, context: str | None) -> str:
    """The proxy that a kubeconfig names for its cluster; empty when it names none."""
    chosen = read_context(path, context)
    return str(chosen.cluster.get("proxy-url") or "") if chosen else ""


def read_context(path: str, context: str | None) -> Chosen | None:
    """The wanted context of a single file; None where anything about it is unusual."""
    import yaml

    if os.pathsep in path:
        return None
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # safe
        return choose([parse_source(os.path.abspath(path), content)], context or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, HubError):
        return None


def _is_usual(chosen: Chosen, environ: Mapping[str, str]) -> bool:
    """Whether everything that is set is understood here."""
    cluster = {key for key, value in chosen.cluster.items() if value}
    user = {key for key, value in chosen.user.items() if value}
    helper = chosen.user.get("exec") or {}
    asked = {key for key, value in helper.items() if value}
    if not (cluster <= CLUSTER_KEYS and user <= USER_KEYS and asked <= EXEC_KEYS):
        return False
    if helper.get("provideClusterInfo") or not str(chosen.cluster["server"]).startswith("https://"):
        return False
    proxy = str(chosen.cluster.get("proxy-url") or "")
    if proxy:
        return proxy.startswith(("http://", "https://"))
    return not any(environ.get(name) for name in PROXY_VARIABLES)


def _logged_in(user: Json) -> Json:
    """The user with the credentials that its exec helper gives; a certificate or token of its own comes first."""
    helper = user.get("exec")
    if not helper or user.get("token") or user.get("client-certificate") or user.get("client-certificate-data"):
        return user
    status = json.loads(_ask(helper))["status"]
    given = {"token": status.get("token")}
    for key, name in (("client-certificate-data", "clientCertificateData"), ("client-key-data", "clientKeyData")):
        if status.get(name):
            given[key] = base64.b64encode(status[name].encode()).decode()
    return given


def _ask(helper: Mapping[str, Any]) -> str:
    """What an exec helper prints; it is started once, and again only when the server refuses what it gave."""
    done = login_helper.start(helper)
    done.check_returncode()
    return done.stdout


def checking(*, named: bool) -> ssl.SSLContext:
    """TLS as urllib3 has it, which trusts nobody yet.

    Args:
        named: whether the kubeconfig names the CA that will be trusted.
    """
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    context.verify_mode = ssl.CERT_REQUIRED
    if named:
        trust_as_named(context)
    return context


def _tls(connection: Connection, user: Mapping[str, Any]) -> ssl.SSLContext:
    """Certificates checked against the kubeconfig's CA alone, or the system's where it names none."""
    context = checking(named=bool(connection.ca_data or connection.ca_file))
    if connection.ca_data:
        context.load_verify_locations(cadata=connection.ca_data)
    elif connection.ca_file:
        context.load_verify_locations(cafile=connection.ca_file)
    else:
        context.load_default_certs()
    certificate, key = user.get("client-certificate-data"), user.get("client-key-data")
    if certificate and key:
        # OpenSSL reads key pairs from files only; this one lives for as long as that takes.
        pair = _temporary(_decoded(certificate) + "\n" + _decoded(key))
        try:
            context.load_cert_chain(pair)
        finally:
            _forget(pair)
    elif user.get("client-certificate"):
        context.load_cert_chain(user["client-certificate"], user.get("client-key") or None)
    return context


def _pool(cluster: Mapping[str, Any], context: ssl.SSLContext) -> Any:
    import urllib3

    settings: Json = {"ssl_context": context, "cert_reqs": "CERT_REQUIRED", "maxsize": CONNECTIONS}
    name = cluster.get("tls-server-name")
    if name:
        settings |= {"server_hostname": name, "assert_hostname": name}
    if cluster.get("proxy-url"):
        return urllib3.ProxyManager(cluster["proxy-url"], **settings)
    return urllib3.PoolManager(**settings)


def _decoded(data: Any) -> str:
    return base64.b64decode(data, validate=True).decode() if data else ""


def _temporary(text: str) -> str:
    """A private file (mode 0600)."""
    descriptor, path = tempfile.mkstemp(prefix="researchops-kube-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def _forget(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
