# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says whether a certificate must be ordered; the judgement itself is tested in _hub/test_acme.py."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest
from ansible_collections.researchops.jupyterhub.plugins.filter.acme_need import FilterModule
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.acme import (
    DIRECTORY_NOTE,
    LETS_ENCRYPT,
    ORDERS_NOTE,
)

acme_need = FilterModule().filters()["acme_need"]


def test_an_empty_list_means_no_certificate_yet() -> None:
    found = acme_need({"resources": []}, "hub.example.org", "https://acme.test/dir")
    assert found.pop("orders").endswith("Z https://acme.test/dir hub.example.org")
    assert found == {
        "order": True,
        "reason": "there is no certificate yet",
        "foreign": False,
        "ends": "",
        "error": "",
    }


def test_a_foreign_secret_that_does_not_serve_carries_the_error() -> None:
    found = acme_need(
        {"resources": [{"metadata": {}, "data": {"tls.crt": "dGV4dA=="}}]}, "hub.example.org", "https://a", 0, "hub-tls"
    )
    assert found["order"] is False
    assert found["error"].startswith("E-CERT-41 Secret hub-tls was not filled by this role")


def test_a_secret_that_could_not_be_read_stops_the_play_with_the_reason() -> None:
    found = acme_need({"resources": [], "problem": "E-K8S-04 no."}, "hub.example.org", "https://acme.test/dir")
    assert (found["order"], found["error"]) == (False, "E-K8S-04 no.")


def test_nothing_is_ordered_for_a_secret_in_which_something_else_is_kept() -> None:
    found = acme_need({"resources": []}, "hub.example.org", "https://a", 0, "hub-secrets")
    assert found["order"] is False
    assert found["error"].startswith("E-CERT-19 hub_https_secret_name is hub-secrets, and ")


def test_the_last_order_of_the_week_carries_the_error() -> None:
    directory, now = f"https://{LETS_ENCRYPT}/directory", datetime.now(UTC).isoformat()
    notes = {DIRECTORY_NOTE: directory, ORDERS_NOTE: f"{now} {directory} hub.example.org\n" * 4}
    found = acme_need({"resources": [{"metadata": {"annotations": notes}}]}, "hub.example.org", directory, 0, "hub-tls")
    assert found["error"].startswith("E-CERT-48 Let's Encrypt makes 5 certificates a week for hub.example.org")


def test_a_missing_library_is_told_where_the_person_can_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    ours = {"metadata": {"annotations": {DIRECTORY_NOTE: "https://a"}}}
    found = acme_need({"resources": [ours]}, "hub.example.org", "https://a")
    assert found["error"].startswith("E-LIB-01 ")
