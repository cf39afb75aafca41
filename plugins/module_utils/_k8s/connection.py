# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The usual kubeconfig, opened without the ``kubernetes`` package.

Importing that package takes longer than everything else an unchanged release needs (0.25 to 0.5 s). What most
kubeconfigs hold is little: a server, a CA, and a token, a client certificate or an exec helper. That much is read
here; anything beyond it (passwords, login plugins, proxies from the environment) is None, and left to the package.
Login programs are started here in any case, because the package waits for them without end.
"""

from __future__ import annotations

import atexit
import base64
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import HubError
from .._core.transport import trust_as_named
from . import login_helper
from .kubeconfig import Chosen, check_person, check_proxy, choose, parse_source, proxy_of

Json = dict[str, Any]

CLUSTER_KEYS = frozenset(
    {"server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url", "extensions"}
)
USER_KEYS = frozenset(
    {"token", "client-certificate", "client-certificate-data", "client-key", "client-key-data", "extensions"}
)
OWN_CREDENTIALS = ("token", "tokenFile", "client-certificate", "client-certificate-data")
"""What comes before a login program."""
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
CONNECTIONS = 8
"""Connections kept open; the planner asks six things at once."""
LONGEST_PAUSE = 5.0
"""Seconds a server may put a request off before it is repeated; API servers ask for one."""


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


def open_connection(
    chosen: Chosen, context: str | None, environ: Mapping[str, str] | None = None
) -> tuple[Any, Any] | None:
    """Configuration and connection pool for a usual kubeconfig; None leaves it, and its errors, to the package.

    Args:
        chosen: what :func:`read_login` found.
        context: the context that was asked for.
        environ: this process's environment.
    """
    values = os.environ if environ is None else environ
    if not _is_usual(chosen, values):
        return None
    try:
        connection = Connection(
            host=str(chosen.cluster["server"]).rstrip("/"),
            token=str(chosen.user.get("token") or ""),
            chosen_context=context,
            ca_file=str(chosen.cluster.get("certificate-authority") or ""),
            ca_data=_decoded(chosen.cluster.get("certificate-authority-data")),
        )
        return connection, _pool(chosen.cluster, _tls(connection, chosen.user))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_login(path: str, context: str | None) -> Chosen | None:
    """The wanted context with what its login program gave in the program's place; None where it cannot be read.

    Raises:
        HubError: E-ACCESS-05 for what Helm would take otherwise than we, E-ACCESS-04 and E-ACCESS-09 for a login
            program that gives nothing.
    """
    chosen = read_context(path, context)
    if chosen is None:
        return None
    check_person(chosen, path)
    check_proxy(chosen, path)
    return replace(chosen, user=_logged_in(chosen))


def read_context(path: str, context: str | None) -> Chosen | None:
    """The wanted context of a file, or of several as ``KUBECONFIG`` names them; None where it cannot be read."""
    import yaml

    sources = []
    try:
        # Of several some may be missing, as kubectl has it.
        for name in filter(os.path.isfile, map(os.path.expanduser, path.split(os.pathsep))):
            with open(name, encoding="utf-8") as stream:
                content = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # safe
            sources.append(parse_source(os.path.abspath(name), content))
        return choose(sources, context or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, HubError):
        return None


def server_is_here(chosen: Chosen) -> bool:
    """Whether the API server is on this machine (kind, k3d, microk8s); no proxy of the environment leads there."""
    try:
        return is_loopback(urlsplit(str(chosen.cluster["server"])).hostname or "")
    except ValueError:  # no address at all; who asks there will hear it
        return False


def is_loopback(host: str) -> bool:
    """Whether Go would never use a proxy from the environment for this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_usual(chosen: Chosen, environ: Mapping[str, str]) -> bool:
    """Whether everything that is set is understood here."""
    cluster = {key for key, value in chosen.cluster.items() if value}
    user = {key for key, value in chosen.user.items() if value}
    if not (cluster <= CLUSTER_KEYS and user <= USER_KEYS and str(chosen.cluster["server"]).startswith("https://")):
        return False
    proxy = proxy_of(chosen)
    if proxy:
        return proxy.startswith(("http://", "https://"))
    return server_is_here(chosen) or not any(environ.get(name) for name in PROXY_VARIABLES)


def _logged_in(chosen: Chosen) -> Json:
    """The user with the credentials that its exec helper gives; a certificate or token of its own comes first.

    A helper is started once, and again only when the server refuses what it gave.
    """
    helper = chosen.user.get("exec")
    user = {key: value for key, value in chosen.user.items() if key != "exec"}
    if not helper or any(user.get(key) for key in OWN_CREDENTIALS):
        return user
    status = login_helper.ask(helper, chosen.context, chosen.cluster)
    if status.get("token"):
        user["token"] = status["token"]
    for key, name in (("client-certificate-data", "clientCertificateData"), ("client-key-data", "clientKeyData")):
        if status.get(name):
            user[key] = base64.b64encode(status[name].encode()).decode()
    return user


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
    """A private file (mode 0600), complete or not there."""
    descriptor, path = tempfile.mkstemp(prefix="researchops-kube-")
    with ExitStack() as undo:
        undo.callback(_forget, path)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        undo.pop_all()
    return path


def _forget(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def repeats(times: int, *, lost: bool) -> Any:
    """How urllib3 repeats what a server that is busy puts off, within bounds.

    Args:
        times: how often at most.
        lost: also what was lost on the way, and what the server is too ill for (503); else only what it did not look at
    """
    import urllib3

    class Repeats(urllib3.Retry):
        """urllib3 itself sleeps for as long as any server or proxy asks, be it hours."""

        RETRY_AFTER_STATUS_CODES = frozenset({429, 503} if lost else {429})

        def get_retry_after(self, response: Any) -> float | None:
            asked = super().get_retry_after(response)
            return None if asked is None else min(asked, LONGEST_PAUSE)

    once: Json = {"connect": False, "read": False, "other": False, "redirect": False, "allowed_methods": None}
    return Repeats(times, backoff_factor=0.2, **({"redirect": 0} if lost else once))
