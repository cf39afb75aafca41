# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's stand-in for Google as tests use it: its control endpoint, and its APIs as the account that may do all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from google.auth.transport import requests as transport
from google.oauth2 import service_account

CLOUD = "https://www.googleapis.com/auth/cloud-platform"
COMPUTE, DNS = "https://compute.googleapis.com/compute/v1/projects", "https://dns.googleapis.com/dns/v1/projects"
ROLE = "roles/iap.httpsResourceAccessor"
SECONDS, PATIENCE = 20, 60.0


def control(verb: str, path: str, body: Any = None) -> Any:
    """One call of the control endpoint."""
    url = f"{os.environ['LAB_GOOGLE_CONTROL']}/{path}"
    answer = requests.request(verb, url, json=body, verify=os.environ["LAB_CA_BUNDLE"], timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(ask: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """The first good answer; fails with the last one when time is over."""
    end = time.monotonic() + PATIENCE
    while True:
        seen = ask()
        if good(seen) or time.monotonic() > end:
            assert good(seen), seen
            return seen
        time.sleep(0.2)


def automation_key() -> dict[str, str]:
    """The key file's content of the account that may do all."""
    with open(os.environ["LAB_GOOGLE_ACCOUNT_FILE"], encoding="utf-8") as file:
        found: dict[str, str] = json.load(file)
    return found


def account_file(path: Path, email: str, project: str, roles: list[str]) -> Path:
    """The key file of a service account with these roles on its project; the account is made at first."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(json.dumps(control("POST", "accounts", {"email": email, "project": project, "roles": roles})))
    return path


def session(key: dict[str, str]) -> Any:
    """Requests as an account."""
    inner = requests.Session()
    credentials = service_account.Credentials.from_service_account_info(key, scopes=[CLOUD])
    made = transport.AuthorizedSession(credentials, auth_request=transport.Request(inner))
    for one in (inner, made):
        one.verify, one.trust_env = os.environ["LAB_CA_BUNDLE"], False
    return made


@contextmanager
def no_violations(caller: str) -> Iterator[None]:
    """Whatever the account asks in this block must be within Google's contract."""
    since = control("GET", "counts")["last"]
    yield
    assert control("GET", f"violations?since={since}&caller={caller}")["violations"] == []


@contextmanager
def zone(web: Any, project: str, name: str) -> Iterator[str]:
    """A managed zone NAME.lab.test until the block ends; whatever records are in it then go along."""
    url = f"{DNS}/{project}/managedZones"
    domain = f"{name}.lab.test"
    body = {"name": name, "dnsName": f"{domain}.", "description": ""}
    assert web.post(url, json=body, timeout=SECONDS).status_code == 200
    try:
        yield domain
    finally:
        found = web.get(f"{url}/{name}/rrsets", timeout=SECONDS).json()["rrsets"]
        ours = [one for one in found if one["type"] not in ("NS", "SOA")]
        if ours:
            web.post(f"{url}/{name}/changes", json={"deletions": ours}, timeout=SECONDS)
        assert web.delete(f"{url}/{name}", timeout=SECONDS).status_code < 300


def give_back(web: Any, project: str, address: str) -> None:
    """Release a static address, once no load balancer holds it any more; fine where there is none."""
    url = f"{COMPUTE}/{project}/global/addresses/{address}"
    if web.get(url, timeout=SECONDS).status_code == 200:
        until(lambda: web.delete(url, timeout=SECONDS).status_code, lambda status: status in (200, 404))
