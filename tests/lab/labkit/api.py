# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few requests the lab itself makes to its API server, with the administrator's certificate."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any

from labkit.paths import API_PORT, Lab
from labkit.say import LabError

TIMEOUT = 10.0  # seconds for one request
APPLY = "application/apply-patch+yaml"
PLURALS = {"StorageClass": "storageclasses", "ClusterRoleBinding": "clusterrolebindings"}


def stale(pod: Mapping[str, Any], boot: str) -> bool:
    """Whether a container is shown as running since before ``boot`` (RFC 3339, so texts compare as times)."""
    running = [item.get("state", {}).get("running") for item in pod.get("status", {}).get("containerStatuses", [])]
    return any(item["startedAt"] < boot for item in running if item)


class Api:
    """One connection; not for several threads."""

    def __init__(self, lab: Lab) -> None:
        context = ssl.create_default_context(cafile=str(lab.pki / "ca.pem"))
        context.load_cert_chain(lab.pki / "client-admin.pem", lab.pki / "client-admin.key")
        self._connection = http.client.HTTPSConnection(lab.node_ip, API_PORT, context=context, timeout=TIMEOUT)

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """Status and decoded answer (None when it is not JSON). Raises OSError or http.client.HTTPException."""
        text = json.dumps(body) if body is not None else None
        try:
            self._connection.request(method, path, text, {"Content-Type": kind, "Accept": "application/json"})
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next request opens a fresh one
            raise
        return answer.status, json.loads(data) if data.startswith(b"{") else None

    def alive(self) -> bool:
        try:
            return self.request("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def apply(self, item: Mapping[str, Any]) -> None:
        """Server-side apply of one cluster-scoped object."""
        path = f"/apis/{item['apiVersion']}/{PLURALS[item['kind']]}/{item['metadata']['name']}"
        status, answer = self.request("PATCH", f"{path}?fieldManager=lab&force=true", item, APPLY)
        if status not in (200, 201):
            raise LabError(
                f"E-LAB-API  {path} was refused: {status} {(answer or {}).get('message', '')}. "
                "Do: `lab logs apiserver`."
            )

    def node_ready(self, node: str, since: float) -> bool:
        """Whether the node says Ready and its kubelet has spoken after ``since`` (seconds since the epoch)."""
        status, lease = self.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}")
        renewed = (lease or {}).get("spec", {}).get("renewTime", "") if status == 200 else ""
        if not renewed or renewed < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since)):
            return False
        status, seen = self.request("GET", f"/api/v1/nodes/{node}")
        conditions = (seen or {}).get("status", {}).get("conditions", []) if status == 200 else []
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    def unsettled(self, node: str, since: float) -> list[str]:
        """Pods of the node that its kubelet does not know yet, or that still show containers from before ``since``.

        After a crash the API server goes on showing pods as they were; a caller who trusts it would get errors.
        """
        status, wanted = self.request("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}")
        known_status, known = self.request("GET", f"/api/v1/nodes/{node}/proxy/pods")
        if status != 200 or known_status != 200:
            return ["all"]
        uids = {item["metadata"]["uid"] for item in known.get("items") or []}
        boot = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since - 1))
        return [
            pod["metadata"]["name"] for pod in wanted["items"] if pod["metadata"]["uid"] not in uids or stale(pod, boot)
        ]

    def cluster_uid(self) -> str:
        """UID of the namespace kube-system, the customary identity of a cluster; empty while it does not exist."""
        status, seen = self.request("GET", "/api/v1/namespaces/kube-system")
        return str(seen["metadata"]["uid"]) if status == 200 else ""
