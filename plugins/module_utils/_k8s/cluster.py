# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""One look at a cluster: who it is, what it is, what we may do there. Reads and access reviews only."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from .._core.errors import HubError
from .client import Json, KubeClient, if_allowed
from .guard import Observed, Permission, count_ready, covered, fingerprints, needless, parse_storage_classes

STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ASKED_AT_ONCE = 6
"""Reviews under way at once: where a cloud decides beside RBAC, no rules are listed and every permission is asked."""


def whoami(client: KubeClient) -> str:
    """The user name the server knows us by; empty for nobody (anonymous, or credentials that were never sent).

    Servers before 1.28 lack this review; there the answer is ``unknown``.
    """
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    reply = client.request("POST", WHO_AM_I, body=body)
    if reply.status == 404:
        return "unknown"
    if reply.status >= 300:  # anonymous visitors may not even ask
        return ""
    name = str(((reply.body.get("status") or {}).get("userInfo") or {}).get("username") or "")
    return "" if name == "system:anonymous" else name


def anonymous(client: KubeClient) -> HubError:
    """The error for a kubeconfig that logs nobody in."""
    return HubError(
        error_id="E-ACCESS-10",
        what=f"The API server {client.server} takes us for an anonymous visitor: the kubeconfig logs nobody in",
        do="give a kubeconfig whose user has a token, a client certificate or a login helper",
    )


def observe(client: KubeClient, permissions: Sequence[Permission]) -> Observed:
    """Everything :class:`Observed` holds, over one connection; an anonymous visitor sees the version only.

    Raises:
        HubError: E-K8S-02 unreachable, E-K8S-03 credentials refused, E-K8S-08 for a server that fails.
    """
    version = client.get("/version") or {}
    user = whoami(client)
    if not user:
        return Observed(user="", uid="", ca_sha256=(), server=client.server, version=str(version.get("gitVersion", "")))
    return Observed(
        user=user,
        uid=_uid(client),
        ca_sha256=_ca(client),
        server=client.server,
        version=str(version.get("gitVersion", "")),
        storage_classes=if_allowed(lambda: parse_storage_classes(client.list(STORAGE_CLASSES))),
        denied=denied(client, permissions),
        nodes=if_allowed(lambda: count_ready(client.list("/api/v1/nodes"))),
    )


def _uid(client: KubeClient) -> str:
    found = if_allowed(lambda: client.get("/api/v1/namespaces/kube-system"))
    return str(((found or {}).get("metadata") or {}).get("uid", ""))


def _ca(client: KubeClient) -> tuple[str, ...]:
    if not client.ca_file:
        return ()
    try:
        with open(client.ca_file, encoding="utf-8", errors="replace") as stream:
            return fingerprints(stream.read())
    except OSError:
        return ()


def denied(client: KubeClient, permissions: Sequence[Permission]) -> tuple[Permission, ...]:
    """The permissions the server does not confirm.

    One rules review answers for a whole namespace; what it does not list (it may be incomplete, and says nothing about
    cluster-wide rights) is asked one by one.
    """
    namespaces = sorted({item.namespace for item in permissions if item.namespace})
    rules = {namespace: _rules(client, namespace) for namespace in namespaces}
    open_questions = [item for item in permissions if not item.namespace or not covered(rules[item.namespace], item)]
    with ThreadPoolExecutor(max_workers=ASKED_AT_ONCE) as pool:
        answers = pool.map(lambda item: _may(client, item), open_questions)
    refused = tuple(item for item, allowed in zip(open_questions, answers, strict=True) if not allowed)
    if not any(item.resource == "namespaces" for item in refused):
        return refused
    existing = [name for name in namespaces if client.request("GET", f"/api/v1/namespaces/{name}").status == 200]
    spared = needless(refused, namespaces, existing)
    return tuple(item for item in refused if item not in spared)


def _rules(client: KubeClient, namespace: str) -> list[Json]:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    reply = client.request("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", body=body)
    return list((reply.body.get("status") or {}).get("resourceRules") or []) if reply.status < 300 else []


def _may(client: KubeClient, permission: Permission) -> bool:
    reply = client.create(f"{AUTHORIZATION}/selfsubjectaccessreviews", permission.review())
    return bool((reply.get("status") or {}).get("allowed"))
