# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""From the kubeconfig a person has to one with a single context in it. Pure: parsed files in, one document out.

The format is ``v1/Config`` of client-go: several files merge, and the first one that names a thing wins.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import HubError

Json = dict[str, Any]

EXEC_API = "client.authentication.k8s.io/v1"
CLUSTER_FILES = ("certificate-authority",)
USER_FILES = ("client-certificate", "client-key", "tokenFile")
SECRET_FIELDS = ("client-key-data", "token", "password")
IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")
"""Who acts in place of who logs in. Go programs such as Helm go by it, the Python package ``kubernetes`` does not."""
REMOVED_PROVIDERS = ("gcp", "azure")
"""Login plugins that kubectl and client-go dropped in 1.26; helm fails on them."""


@dataclass(frozen=True)
class Source:
    """One kubeconfig file: its absolute path and its parsed content."""

    path: str
    content: Json


@dataclass(frozen=True)
class MachineLogin:
    """A login of the play itself at an OpenID provider, by client credentials.

    Attributes:
        issuer: https URL.
        client_id: the machine's client.
        secret_file: file with the client secret, mode 0600.
        audience: the audience the cluster expects, where the provider must be asked for it.
        ca_file: PEM file with the provider's CA; empty for the system's.
        helper: path of exec_credential.py.
        python: interpreter that runs it.
        cache_dir: private directory for the token.
    """

    issuer: str
    client_id: str
    secret_file: str
    audience: str
    ca_file: str
    helper: str
    python: str
    cache_dir: str

    def user(self) -> Json:
        """The kubeconfig's ``user`` that logs in this way."""
        given = {"issuer": self.issuer, "client-id": self.client_id, "client-secret-file": self.secret_file}
        given |= {"cache-dir": self.cache_dir, "audience": self.audience, "ca-file": self.ca_file}
        # The standard library is all it needs (-S): every client starts it anew, so what a start costs is paid often.
        return _exec(self.python, ["-I", "-S", self.helper, *_flags(given)])


@dataclass(frozen=True)
class CloudLogin:
    """A login at a cloud, by the libraries of this machine.

    Attributes:
        kind: ``gke`` or ``eks``.
        given: the helper's further options by name; empty ones are left out.
        helper: path of exec_credential.py.
        python: interpreter that runs it.
        cache_dir: private directory for the token.
    """

    kind: str
    given: Mapping[str, str]
    helper: str
    python: str
    cache_dir: str

    def command(self) -> list[str]:
        """The helper's command line. Libraries may be a person's own (site packages), the directory's are not."""
        flags = _flags({"kind": self.kind, "cache-dir": self.cache_dir, **self.given})
        return [self.python, "-P", self.helper, *flags]

    def user(self) -> Json:
        """The kubeconfig's ``user`` that logs in this way."""
        command = self.command()
        return _exec(command[0], command[1:])


def _flags(given: Mapping[str, str]) -> list[str]:
    return [word for name, value in given.items() if value for word in (f"--{name}", value)]


def _exec(command: str, words: list[str]) -> Json:
    return {
        "exec": {
            "apiVersion": EXEC_API,
            "command": command,
            "args": words,
            "interactiveMode": "Never",
            "provideClusterInfo": False,
        }
    }


@dataclass(frozen=True)
class Chosen:
    """One context with what it refers to, every file path absolute.

    Attributes:
        context: its name.
        cluster: the ``cluster`` mapping.
        user: the ``user`` mapping.
        namespace: the context's namespace, which our roles never rely on.
    """

    context: str
    cluster: Json
    user: Json
    namespace: str = ""

    def document(self) -> Json:
        """A complete kubeconfig with this context only."""
        link = {"cluster": "hub", "user": "hub"} | ({"namespace": self.namespace} if self.namespace else {})
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.context,
            "contexts": [{"name": self.context, "context": link}],
            "clusters": [{"name": "hub", "cluster": self.cluster}],
            "users": [{"name": "hub", "user": self.user}],
        }


def unusable(where: str, reason: str, do: str = "") -> HubError:
    """The error for a kubeconfig that cannot lead anywhere."""
    return HubError(
        error_id="E-ACCESS-05",
        what=f"The kubeconfig {where} cannot be used: {reason}",
        do=do or "set cluster_access_kubeconfig to a file that `kubectl --kubeconfig FILE get --raw /version` accepts",
    )


def parse_source(path: str, content: Any) -> Source:
    """One parsed file; anything that is not a kubeconfig is refused.

    Raises:
        HubError: E-ACCESS-05.
    """
    if not isinstance(content, dict) or not isinstance(content.get("clusters") or [], list):
        raise unusable(path, "it is no kubeconfig (a mapping with clusters, users and contexts)")
    return Source(path, content)


def choose(sources: Sequence[Source], context: str) -> Chosen:
    """The wanted context, else the current one, with cluster and user of the first file that names them.

    Raises:
        HubError: E-ACCESS-05 for a context, cluster or user that is not there, or a login program that is none.
    """
    where = os.pathsep.join(source.path for source in sources)
    name = context or next(
        (str(item.content["current-context"]) for item in sources if item.content.get("current-context")), ""
    )
    known = sorted({entry["name"] for source in sources for entry in _entries(source, "contexts")})
    listed = ", ".join(known) or "none"
    if not name:
        raise unusable(where, "it has no current context", f"set cluster_access_context to one of: {listed}")
    found, _source = _find(sources, "contexts", name, "context")
    if found is None:
        raise unusable(where, f"it has no context {name}", f"set cluster_access_context to one of: {listed}")
    cluster, home = _find(sources, "clusters", str(found.get("cluster", "")), "cluster")
    if cluster is None or not cluster.get("server"):
        raise unusable(where, f"context {name} names the cluster {found.get('cluster')!r}, which has no server")
    user, user_home = _find(sources, "users", str(found.get("user", "")), "user")
    if user is None:
        raise unusable(where, f"context {name} names the user {found.get('user')!r}, which it does not hold")
    _check_exec(user, where, name)
    return Chosen(
        context=name,
        cluster=_absolute(cluster, CLUSTER_FILES, home),
        user=_absolute_exec(_absolute(user, USER_FILES, user_home), user_home),
        namespace=str(found.get("namespace") or ""),
    )


def _entries(source: Source, key: str) -> Iterable[Json]:
    items = source.content.get(key) or []
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]


def _find(sources: Sequence[Source], key: str, name: str, inner: str) -> tuple[Json | None, str]:
    """The first entry of that name, and the directory that its relative paths start from."""
    for source in sources:
        for item in _entries(source, key):
            if item["name"] == name and isinstance(item.get(inner), dict):
                return dict(item[inner]), os.path.dirname(source.path)
    return None, ""


def _check_exec(user: Json, where: str, name: str) -> None:
    if user.get("exec") and not _is_helper(user["exec"]):
        raise unusable(
            where,
            f"context {name} names its login program (exec) not as kubectl reads it (command: a text; args: a list; "
            "env: a list of name and value)",
        )


def _is_helper(entry: Any) -> bool:
    """Whether a program can be started as an ``exec`` entry says."""
    if not isinstance(entry, dict) or not isinstance(entry.get("command"), str) or not entry["command"]:
        return False
    words, variables = entry.get("args") or [], entry.get("env") or []
    if not isinstance(words, list) or not isinstance(variables, list):
        return False
    return all(isinstance(item, dict) and "name" in item and "value" in item for item in variables)


def _absolute(mapping: Mapping[str, Any], keys: Sequence[str], home: str) -> Json:
    return {key: os.path.join(home, value) if key in keys and value else value for key, value in mapping.items()}


def _absolute_exec(user: Json, home: str) -> Json:
    """A helper named by a relative path (one with a slash) is found from its kubeconfig, as kubectl does."""
    entry = user.get("exec")
    command = entry.get("command", "") if isinstance(entry, dict) else ""
    if not command or "/" not in command or os.path.isabs(command):
        return user
    return user | {"exec": dict(entry or {}) | {"command": os.path.normpath(os.path.join(home, command))}}


def with_login(chosen: Chosen, login: MachineLogin | None) -> Chosen:
    """The same cluster, entered by the machine login where one is wanted."""
    return replace(chosen, user=login.user()) if login else chosen


def through_proxy(chosen: Chosen, proxy_url: str) -> Chosen:
    """The same context behind a proxy of its own: for this cluster only, and for whoever reads this kubeconfig."""
    return replace(chosen, cluster=chosen.cluster | {"proxy-url": proxy_url})


def helper_command(user: Mapping[str, Any]) -> str:
    """The exec helper a user entry starts; empty when there is none."""
    entry = user.get("exec")
    return str(entry.get("command") or "") if isinstance(entry, dict) else ""


def helper_missing(command: str, context: str) -> HubError:
    """The error for an exec helper that this machine lacks."""
    return HubError(
        error_id="E-ACCESS-04",
        what=f"The kubeconfig's context {context} logs in by the program {command}, which this machine does not have",
        do=f"install {command} (gke-gcloud-auth-plugin: a component of the Google Cloud SDK; aws: the AWS CLI) "
        "or give a kubeconfig with a token or certificate; cluster_access_method eks and gke_dns_endpoint need neither",
        details={"command": command},
    )


def helper_unset(cloud: str) -> HubError:
    """The error for a login at a cloud without our own helper."""
    return HubError(
        error_id="E-ACCESS-17",
        what=f"The login at {cloud} is incomplete: login_helper is not set",
        do="set login_helper to roles/cluster_access/files/exec_credential.py of this collection",
    )


def check(chosen: Chosen, where: str) -> None:
    """Refuse a server that nobody checks, and what only a part of a play's programs would go by.

    Raises:
        HubError: E-ACCESS-05.
    """
    check_person(chosen, where)
    if chosen.cluster.get("insecure-skip-tls-verify"):
        raise unusable(
            where,
            f"context {chosen.context} does not check who the API server is (insecure-skip-tls-verify)",
            "put the API server's authority into that cluster's entry (certificate-authority-data) in its place",
        )
    provider = chosen.user.get("auth-provider")
    name = str(provider.get("name") or "") if isinstance(provider, dict) else ""
    if name in REMOVED_PROVIDERS:
        raise unusable(
            where,
            f"its auth-provider {name} was removed in Kubernetes 1.26",
            "fetch the kubeconfig anew from the provider's tool",
        )


def check_person(chosen: Chosen, where: str) -> None:
    """Refuse impersonation: Helm would act as one person, and all that is looked at or written beside it as another.

    Raises:
        HubError: E-ACCESS-05.
    """
    named = [key for key in IMPERSONATION if chosen.user.get(key)]
    if named:
        raise unusable(
            where,
            f"context {chosen.context} acts as somebody else than it logs in ({', '.join(named)}). Helm would, and the "
            "Python programs of a play would not, so that permissions would be asked for the wrong person",
            "give a kubeconfig that logs in as the one who shall act, without " + ", ".join(IMPERSONATION),
        )


def check_proxy(chosen: Chosen, where: str) -> None:
    """Refuse a web proxy that wants a login: urllib3, under all that is Python here, does not send it.

    Raises:
        HubError: E-ACCESS-05, without the address: it holds the password.
    """
    try:
        kind, login = urlsplit(proxy_of(chosen)).scheme, proxy_login(chosen)
    except ValueError as problem:
        raise unusable(where, f"context {chosen.context} has a proxy-url that is no address") from problem
    if login and not kind.startswith("socks"):
        raise unusable(
            where,
            f"context {chosen.context} has a proxy-url with a login in it, which Helm would send and Python would not",
            "give a proxy-url without user and password: a proxy that lets this machine in by its address, or one on "
            "this machine that logs in at the other; or set cluster_access_method to ssh_bastion",
        )


def proxy_of(chosen: Chosen) -> str:
    """The proxy that a kubeconfig names for its cluster; empty for none."""
    return str(chosen.cluster.get("proxy-url") or "")


def proxy_login(chosen: Chosen) -> str:
    """The secret in the address of the proxy, or the user where there is only one; empty for none.

    Raises:
        ValueError: it is no address.
    """
    parts = urlsplit(proxy_of(chosen))
    return parts.password or parts.username or ""


def holds_secret(sources: Iterable[Source]) -> bool:
    """Whether any user entry of these files carries a secret in the file itself."""
    users = [entry.get("user") for source in sources for entry in _entries(source, "users")]
    return any(isinstance(user, dict) and any(user.get(key) for key in SECRET_FIELDS) for user in users)


def secrets_of(user: Mapping[str, Any]) -> list[str]:
    """The secret texts of one user entry, for redaction."""
    return [str(user[key]) for key in SECRET_FIELDS if user.get(key)]
