# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether project and cluster can carry a hub behind IAP."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp import gke_facts

BASE = ["compute.googleapis.com", "container.googleapis.com", "iap.googleapis.com"]
ID = "123-abc.apps.googleusercontent.com"


@pytest.mark.parametrize(
    ("door", "dns", "more"),
    [
        ("ingress", False, []),
        ("ingress", True, ["dns.googleapis.com"]),
        ("gateway", False, ["certificatemanager.googleapis.com"]),
        ("gateway", True, ["certificatemanager.googleapis.com", "dns.googleapis.com"]),
    ],
)
def test_the_apis_a_front_door_needs(door: str, dns: bool, more: list[str]) -> None:
    assert gke_facts.apis(door, dns) == sorted(BASE + more)


@pytest.mark.parametrize(
    ("states", "ok", "text"),
    [
        ({}, False, "a.googleapis.com, b.googleapis.com"),
        ({"a.googleapis.com": "ENABLED", "b.googleapis.com": "DISABLED"}, False, "are off: b.googleapis.com."),
        ({"a.googleapis.com": "ENABLED", "b.googleapis.com": "ENABLED"}, True, "2 on: a.googleapis.com, b."),
    ],
)
def test_apis_that_are_off_are_named_with_the_command(states: dict[str, str], ok: bool, text: str) -> None:
    (row,) = gke_facts.api_rows(states, ["a.googleapis.com", "b.googleapis.com"], "p")
    assert (row["ok"], text in row["text"]) == (ok, True)
    if not ok:
        assert row["text"].startswith("E-GKE-01")
        assert "--project p" in row["text"]


@pytest.mark.parametrize(
    ("project", "client", "ok"),
    [
        pytest.param({}, "google_managed", False, id="00-no-parent"),
        pytest.param({"parent": "somewhere/1"}, "google_managed", False, id="01-unknown-parent"),
        pytest.param({}, "own", True, id="02-own-client"),
        pytest.param({"parent": "organizations/1"}, "google_managed", True, id="03-organisation"),
        pytest.param({"parent": "folders/1"}, "google_managed", True, id="04-folder"),
    ],
)
def test_googles_client_needs_an_organisation(project: dict[str, str], client: str, ok: bool) -> None:
    (row,) = gke_facts.organisation_rows(project, client, "p")
    assert (row["check"], row["ok"]) == ("OAuth users", ok)
    assert row["text"].startswith("E-IAP-21") is not ok


@pytest.mark.parametrize(
    ("version", "client", "ok"),
    [
        pytest.param("", "google_managed", False, id="00-unknown"),
        pytest.param("1.28.15-gke.2000000", "google_managed", False, id="01-old-minor"),
        pytest.param("1.29.4-gke.1042999", "google_managed", False, id="02-one-build-too-old"),
        pytest.param("1.28.15-gke.2000000", "own", True, id="03-own-client"),
        pytest.param("1.29.4-gke.1043000", "google_managed", True, id="04-the-first"),
        pytest.param("1.33.5-gke.1080000", "google_managed", True, id="05-newer"),
    ],
)
def test_googles_client_needs_a_version(version: str, client: str, ok: bool) -> None:
    (row,) = gke_facts.version_rows(version, client)
    assert (row["check"], row["ok"]) == ("GKE version", ok)
    assert (version or "The control plane is of an unknown version") in row["text"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [("1.33.5-gke.1080000", (1, 33, 5, 1080000)), ("1.33.5", (1, 33, 5, 0)), ("latest", ()), ("", ())],
)
def test_versions_compare_as_numbers(text: str, parts: tuple[int, ...]) -> None:
    assert gke_facts.parse_version(text) == parts


NATIVE = {"name": "research", "ipAllocationPolicy": {"useIpAliases": True}}
OFF = {"addonsConfig": {"httpLoadBalancing": {"disabled": True}}}


def gateway_api(channel: str) -> dict[str, Any]:
    return NATIVE | {"networkConfig": {"gatewayApiConfig": {"channel": channel}}}


@pytest.mark.parametrize(
    ("cluster", "door", "service_type", "error_id"),
    [
        pytest.param(NATIVE | OFF, "ingress", "ClusterIP", "E-FRONT-07", id="00-no-controller"),
        pytest.param(NATIVE, "gateway", "ClusterIP", "E-FRONT-07", id="01-no-gateway-api"),
        pytest.param(gateway_api("CHANNEL_DISABLED"), "gateway", "ClusterIP", "E-FRONT-07", id="02-switched-off"),
        pytest.param({}, "ingress", "ClusterIP", "E-FRONT-06", id="03-not-vpc-native"),
        pytest.param({}, "ingress", "NodePort", "", id="04-node-port-needs-no-native"),
        pytest.param(NATIVE, "ingress", "ClusterIP", "", id="05-ingress"),
        pytest.param(gateway_api("CHANNEL_STANDARD"), "gateway", "ClusterIP", "", id="06-gateway"),
    ],
)
def test_what_a_front_door_is_made_of(cluster: dict[str, Any], door: str, service_type: str, error_id: str) -> None:
    (row,) = gke_facts.door_rows(cluster, door, service_type, gke_facts.update_command("p", "europe-west4", "research"))
    assert (row["check"], row["ok"]) == ("GKE add-ons", not error_id)
    assert row["text"].split()[0] == (error_id or ("Gateway" if door == "gateway" else "HttpLoadBalancing"))
    if error_id == "E-FRONT-07":
        assert "update research --location europe-west4 --project p --" in row["text"]


def test_an_own_client_is_told_its_redirect_uri() -> None:
    (row,) = gke_facts.client_rows("own", ID)
    assert row["ok"] is True
    assert f"https://iap.googleapis.com/v1/oauth/clientIds/{ID}:handleRedirect" in row["text"]


@pytest.mark.parametrize("client_id", ["", "abc", f"x{ID}", "123-abc.apps.example.com"])
def test_a_client_id_that_is_none_is_refused(client_id: str) -> None:
    (row,) = gke_facts.client_rows("own", client_id)
    assert (row["ok"], row["text"].split()[0]) == (False, "E-IAP-20")
    assert f"Seen: {client_id or 'nothing'}" in row["text"]


def test_googles_client_needs_no_row() -> None:
    assert gke_facts.client_rows("google_managed", "") == []
