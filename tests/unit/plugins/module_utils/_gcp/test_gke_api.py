# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of Google about a project and its cluster, to the letter of each address."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import Answer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.gke_api import GkeApi
from ansible_collections.researchops.jupyterhub.tests.unit import fake_google
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails


def gke(*answers: Answer) -> tuple[GkeApi, Any]:
    api, http, _clock = fake_google.api(fake_google.script(*answers))
    return GkeApi(api, "p"), http


def test_the_project_is_asked_once_for_its_number() -> None:
    cloud, http = gke(fake_google.reply(body={"name": "projects/123", "parent": "folders/4"}))
    assert (cloud.number(), cloud.number()) == ("123", "123")
    assert http.sent == [("GET", "https://cloudresourcemanager.googleapis.com/v3/projects/p", None)]


@pytest.mark.parametrize(
    ("consumer", "answers", "own"),
    [
        pytest.param("", [], True, id="00-not-told"),
        pytest.param("p", [], True, id="01-id"),
        pytest.param("123", [fake_google.reply(body={"name": "projects/123"})], True, id="02-number"),
        pytest.param("77", [fake_google.reply(body={"name": "projects/123"})], False, id="03-another"),
        pytest.param("77", [fake_google.failure(403, "PERMISSION_DENIED")], False, id="04-not-known"),
    ],
)
def test_whose_quota_a_request_used(consumer: str, answers: list[Answer], own: bool) -> None:
    assert gke(*answers)[0].is_own(consumer) is own


def test_the_apis_are_asked_in_one_request() -> None:
    services = [
        {"name": "projects/123/services/iap.googleapis.com", "state": "ENABLED"},
        {"name": "projects/123/services/dns.googleapis.com", "state": "DISABLED"},
    ]
    cloud, http = gke(fake_google.reply(body={"services": services}))
    assert cloud.services(["iap.googleapis.com", "dns.googleapis.com"]) == {
        "iap.googleapis.com": "ENABLED",
        "dns.googleapis.com": "DISABLED",
    }
    (sent,) = http.sent
    assert sent[1] == (
        "https://serviceusage.googleapis.com/v1/projects/p/services:batchGet"
        "?names=projects%2Fp%2Fservices%2Fiap.googleapis.com&names=projects%2Fp%2Fservices%2Fdns.googleapis.com"
    )


def test_a_project_of_a_domain_is_quoted_once() -> None:
    api, http, _clock = fake_google.api(fake_google.script(fake_google.reply(body={})))
    GkeApi(api, "example.com:hubs").services(["iap.googleapis.com"])
    place, _mark, query = http.sent[0][1].partition("?")
    assert place.endswith("/v1/projects/example.com%3Ahubs/services:batchGet")
    assert query == "names=projects%2Fexample.com%3Ahubs%2Fservices%2Fiap.googleapis.com"


def test_no_apis_are_none() -> None:
    assert gke(fake_google.reply(body={}))[0].services(["iap.googleapis.com"]) == {}


def test_the_cluster() -> None:
    cloud, http = gke(fake_google.reply(body={"name": "research"}))
    assert cloud.cluster("europe-west4", "research") == {"name": "research"}
    assert http.sent[0][1] == (
        "https://container.googleapis.com/v1/projects/p/locations/europe-west4/clusters/research"
    )


def test_a_cluster_that_is_not_there_is_named() -> None:
    cloud, _http = gke(fake_google.failure(404, "NOT_FOUND"))
    error = fails("E-GKE-02", lambda: cloud.cluster("europe-west4", "research"))
    assert "Project p has no cluster research in europe-west4" in error.what


def test_names_cannot_leave_their_place_in_the_address() -> None:
    cloud, http = gke(fake_google.reply(body={}))
    cloud.cluster("../x", "a/b")
    assert http.sent[0][1].endswith("/locations/..%2Fx/clusters/a%2Fb")


def test_backends_are_read_page_by_page() -> None:
    cloud, http = gke(
        fake_google.reply(body={"items": [{"name": "x"}], "nextPageToken": "2"}),
        fake_google.reply(body={"items": [{"name": "y"}]}),
    )
    assert cloud.backend_services() == [{"name": "x"}, {"name": "y"}]
    assert [url for _method, url, _body in http.sent] == [
        "https://compute.googleapis.com/compute/v1/projects/p/global/backendServices",
        "https://compute.googleapis.com/compute/v1/projects/p/global/backendServices?pageToken=2",
    ]
