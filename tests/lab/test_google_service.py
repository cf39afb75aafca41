# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Google as a service of the lab: by its own configuration, with the lab's real name server."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest
import requests
from google.auth.transport import requests as transport
from google.oauth2 import service_account
from test_services_support import Target

CLOUD = "https://www.googleapis.com/auth/cloud-platform"
VERIFY = "https://www.googleapis.com/auth/siteverification"
DNS = "https://dns.googleapis.com/dns/v1/projects/lab-project/managedZones"
CONTROL = "https://google.lab.test/control"
SECONDS = 20


@pytest.fixture
def name() -> str:
    """A name of this test's own."""
    return f"g{os.getpid()}-{time.monotonic_ns()}"


def session(services: Target, *scopes: str) -> Any:
    """google-auth with the lab's service account; trusts the lab's roots only."""
    file = services.tsig_file.parent / "google-account.json"
    credentials = service_account.Credentials.from_service_account_file(str(file), scopes=scopes or [CLOUD])
    for_tokens = requests.Session()
    made = transport.AuthorizedSession(credentials, auth_request=transport.Request(for_tokens))
    for one in (for_tokens, made):
        one.verify, one.trust_env = str(services.ca_file), False
    return made


def control(services: Target, verb: str, path: str, body: Any = None) -> Any:
    answer = requests.request(verb, f"{CONTROL}/{path}", json=body, verify=str(services.ca_file), timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def served(services: Target, owner: str, kind: str) -> list[str]:
    reply = dns.query.tcp(dns.message.make_query(owner, kind), services.dns, timeout=SECONDS)
    return sorted(item.to_text() for rrset in reply.answer for item in rrset)


def test_records_made_with_google_are_really_served(services: Target, name: str) -> None:
    web, zone = session(services), {"name": name, "dnsName": f"{name}.lab.test.", "description": ""}
    assert web.post(DNS, json=zone, timeout=SECONDS).status_code == 200
    record = {"name": f"a.{name}.lab.test.", "type": "A", "ttl": 30, "rrdatas": ["192.0.2.7"]}
    changes = f"{DNS}/{name}/changes"
    assert web.post(changes, json={"additions": [record]}, timeout=SECONDS).status_code == 200
    assert served(services, record["name"], "A") == ["192.0.2.7"]
    other = {**record, "rrdatas": ["192.0.2.8"]}
    wrong = web.post(changes, json={"deletions": [other]}, timeout=SECONDS)
    assert wrong.status_code == 412
    both = web.post(changes, json={"deletions": [record], "additions": [other]}, timeout=SECONDS)
    assert both.status_code == 200 and served(services, record["name"], "A") == ["192.0.2.8"]
    kinds = [one["type"] for one in web.get(f"{DNS}/{name}/rrsets", timeout=SECONDS).json()["rrsets"]]
    assert sorted(kinds) == ["A", "NS", "SOA"]
    assert web.delete(f"{DNS}/{name}", timeout=SECONDS).status_code == 400  # not empty
    assert web.post(changes, json={"deletions": [other]}, timeout=SECONDS).status_code == 200
    assert web.delete(f"{DNS}/{name}", timeout=SECONDS).status_code == 204
    assert served(services, record["name"], "A") == []


def test_a_zone_elsewhere_is_refused(services: Target, name: str) -> None:
    zone = {"name": name, "dnsName": "example.org.", "description": ""}
    answer = session(services).post(DNS, json=zone, timeout=SECONDS)
    assert answer.status_code == 400 and "verify ownership" in answer.text


def test_a_site_is_verified_by_what_the_name_server_says(services: Target, name: str) -> None:
    web, names = session(services, VERIFY), session(services)
    site = {"type": "INET_DOMAIN", "identifier": f"{name}.lab.test"}
    base = "https://www.googleapis.com/siteVerification/v1"
    asked = {"site": site, "verificationMethod": "DNS_TXT"}
    token = web.post(f"{base}/token", json=asked, timeout=SECONDS).json()["token"]
    insert = f"{base}/webResource?verificationMethod=DNS_TXT"
    assert web.post(insert, json={"site": site}, timeout=SECONDS).status_code == 400
    names.post(DNS, json={"name": name, "dnsName": f"{name}.lab.test.", "description": ""}, timeout=SECONDS)
    record = {"name": f"{name}.lab.test.", "type": "TXT", "ttl": 30, "rrdatas": [f'"{token}"', '"v=spf1 -all"']}
    names.post(f"{DNS}/{name}/changes", json={"additions": [record]}, timeout=SECONDS)
    assert web.post(insert, json={"site": site}, timeout=SECONDS).status_code == 200
    names.post(f"{DNS}/{name}/changes", json={"deletions": [record]}, timeout=SECONDS)
    where = f"{base}/webResource/dns%3A%2F%2F{name}.lab.test"
    assert web.delete(where, timeout=SECONDS).status_code == 204


def test_it_is_small_and_breaks_no_contract(services: Target) -> None:
    assert control(services, "GET", "health")["status"] == "ok"
    assert control(services, "GET", "violations")["violations"] == []
    if services.running:
        status = Path(f"/proc/{services.running['google'].pid}/status").read_text(encoding="ascii")
        resident = int(status.split("VmRSS:")[1].split()[0]) // 1024
        assert resident < 80


def test_its_key_file_is_closed(services: Target) -> None:
    path = services.tsig_file.parent / "google-account.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text(encoding="utf-8"))["token_uri"] == "https://oauth2.googleapis.com/token"
