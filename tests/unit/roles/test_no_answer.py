# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not be done is never taken for done, also where the module that tried it died without a word.

From ansible-core 2.19 on a module that dies of an exception leaves no message where ``failed_when`` has a say.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import cluster, played

TEARDOWN = {"hub_name": "climate", "hub_teardown_data": True, "letsencrypt_method": "direct"}
BY_UPDATE = {
    "hub_domain": "hub.example.org",
    "hub_dns_provider": "rfc2136",
    "hub_dns_server": "127.0.0.1",
    "hub_dns_key_name": "hub",
    "hub_dns_key_secret": "c2VjcmV0LW9mLXRoZS10ZXN0",
}
ORDER = {"challenge_data_dns": {"_acme-challenge.hub.example.org": ["x"]}}
LOOK = {"current": [{"agreed": True, "texts": []}]}


def said(folder: Path, role: str, part: str, given: dict[str, Any]) -> str:
    """The reason for which a part of a role stopped."""
    name = {"name": f"researchops.jupyterhub.{role}", "tasks_from": part}
    keep = {"content": "{{ ansible_failed_result.msg }}", "dest": "said", "mode": "0600"}
    tasks = [{"block": [{"ansible.builtin.include_role": name}], "rescue": [{"ansible.builtin.copy": keep}]}]
    played(folder, tasks, vars=given)
    return (folder / "said").read_text(encoding="utf-8")


@contextmanager
def hanging_up() -> Iterator[int]:
    """A server of DNS that hangs up on everybody, by its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("letsencrypt", r"E-CERT-23 The Secrets .* namespace climate cannot be deleted: .+\. Some .* Do: check .*\."),
        ("hub_teardown", r"(?s)E-HELM-17 Namespace climate could not be deleted\. Seen: .+\. Some .* Do: check .*\."),
    ],
)
def test_an_api_server_that_does_not_answer(tmp_path: Path, role: str, message: str) -> None:
    """A teardown with all data was green, and keys and homes were there afterwards."""
    with cluster(tmp_path, {}):
        pass  # its kubeconfig stays, and nobody listens there any more
    given = {**TEARDOWN, "hub_teardown_roles": [], "cluster_access_kubeconfig": str(tmp_path / "kubeconfig")}
    part = "absent" if role == "letsencrypt" else "main"
    assert re.fullmatch(message, said(tmp_path, role, part, given).strip())


@pytest.mark.parametrize(
    ("role", "part", "given"),
    [
        ("hub_dns", "absent", {}),
        ("hub_dns", "txt_update", {"hub_dns_txt_name": "x.example.org", "__hub_dns_txt_look": LOOK}),
        ("letsencrypt", "challenge", {"__letsencrypt_order": ORDER}),
    ],
    ids=["record", "text", "challenge"],
)
def test_a_dns_server_that_hangs_up(tmp_path: Path, role: str, part: str, given: dict[str, Any]) -> None:
    """So does a clock that is wrong: TSIG's refusal of it is none that nsupdate expects."""
    with hanging_up() as port:
        text = said(tmp_path, role, part, {**BY_UPDATE, "hub_dns_port": port, **given})
    assert re.match(r"E-DNS-04 The DNS server 127\.0\.0\.1 did not take the update of \S+\. Seen: .", text), text
