# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of domain_verification_info to its answer."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.site_api import Sites
from ansible_collections.researchops.jupyterhub.plugins.modules import domain_verification_info
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import FakeAuth, api, reply, script
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import request

TOKEN = "google-site-verification=x"
ROBOT = "robot@p.iam.gserviceaccount.com"
SITE = {"site": {"type": "INET_DOMAIN", "identifier": "example.org"}, "owners": [ROBOT]}


def run(monkeypatch: pytest.MonkeyPatch, items: list[Any], **options: Any) -> dict[str, Any]:
    def connect(_options: Any, learn: Any) -> Sites:
        auth = FakeAuth()
        client, _http, _clock = api(script(reply(body={"token": TOKEN}), reply(body={"items": items})), auth=auth)
        return Sites(client, auth)

    monkeypatch.setattr(domain_verification_info.Sites, "from_options", connect)
    outcome = domain_verification_info.body(request(domain_verification_info, domain="Example.org", **options))
    assert (outcome.changed, outcome.diff) == (False, None)
    return dict(outcome.result)


def test_token_and_record_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, []) == {
        "token": TOKEN,
        "record": {"name": "example.org", "type": "TXT", "value": TOKEN},
        "verified": False,
        "owners": [],
        "account": ROBOT,
    }


def test_a_verified_domain_is_told_with_its_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, [SITE], method="DNS_CNAME")
    assert (result["verified"], result["owners"], result["record"]) == (True, [ROBOT], None)


def test_credentials_are_judged_before_anything_is_sent() -> None:
    options = {"domain": "example.org", "auth_kind": "serviceaccount"}
    with pytest.raises(HubError, match="E-GCP-01"):
        domain_verification_info.body(request(domain_verification_info, **options))
