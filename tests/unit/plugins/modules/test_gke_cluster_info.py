# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From three answers of Google to rows, settings and drift; the judgements are tested in _gcp/."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.api import GcpApi
from ansible_collections.researchops.jupyterhub.plugins.modules import gke_cluster_info
from ansible_collections.researchops.jupyterhub.tests.unit.fake_google import FakeAuth
from ansible_collections.researchops.jupyterhub.tests.unit.module_options import Refused, request

ID = "123-abc.apps.googleusercontent.com"
FORBIDDEN = HubError("E-GCP-04", "no permission", "ask")


class Cloud:
    """A project in which all is well, unless a test says otherwise."""

    apis: list[str]
    refuses: frozenset[str] = frozenset()

    def __init__(self, api: object, project: str) -> None:
        """Remember nothing."""

    def _may(self, what: str) -> None:
        if what in self.refuses:
            raise FORBIDDEN

    def services(self, names: list[str]) -> dict[str, str]:
        self._may("services")
        self.apis[:] = names
        return dict.fromkeys(names, "ENABLED")

    def project(self) -> dict[str, Any]:
        self._may("project")
        return {"name": "projects/123", "parent": "organizations/1"}

    def cluster(self, location: str, name: str) -> dict[str, Any]:
        self._may("cluster")
        return {
            "currentMasterVersion": "1.33.5-gke.1080000",
            "autopilot": {"enabled": True},
            "ipAllocationPolicy": {"useIpAliases": True},
            "privateClusterConfig": {"enablePrivateNodes": True, "enablePrivateEndpoint": True},
            "networkConfig": {"datapathProvider": "ADVANCED_DATAPATH"},
            "releaseChannel": {"channel": "STABLE"},
        }


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> type[Cloud]:
    fresh = type("FreshCloud", (Cloud,), {"apis": []})
    monkeypatch.setattr(gke_cluster_info, "GkeApi", fresh)
    monkeypatch.setattr(gke_cluster_info.GcpApi, "from_options", lambda options, **words: GcpApi(FakeAuth()))
    return fresh


def run(**options: Any) -> Any:
    wanted = {"project": "p", "location": "europe-west4", "name": "research", **options}
    outcome = gke_cluster_info.body(request(gke_cluster_info, **wanted))
    assert (outcome.changed, outcome.diff) == (False, None)
    return outcome.result


def failed(result: dict[str, Any]) -> list[str]:
    return [row["check"] for row in result["preflight"] if not row["ok"]]


def test_what_is_well_and_what_drifts(cloud: type[Cloud]) -> None:
    result = run()
    assert (result["project_number"], result["version"], result["redirect_uri"]) == ("123", "1.33.5-gke.1080000", "")
    assert result["drift"] == ["authorized_networks"]
    assert failed(result) == ["cluster authorized_networks"]
    (row,) = [row for row in result["preflight"] if not row["ok"]]
    assert "update research --location europe-west4 --project p --enable-master" in row["text"]
    assert [row["check"] for row in result["preflight"]][:3] == ["Google APIs", "OAuth users", "GKE version"]
    assert len(result["settings"]) == 7


def test_a_waiver_takes_the_drift_away(cloud: type[Cloud]) -> None:
    result = run(waivers=[{"setting": "authorized_networks", "reason": "reached through a bastion"}])
    assert (result["drift"], failed(result)) == ([], [])
    (setting,) = [one for one in result["settings"] if one["setting"] == "authorized_networks"]
    assert setting["waived"] == "reached through a bastion"


@pytest.mark.parametrize(
    ("options", "apis"),
    [
        ({}, ["compute", "container", "iap"]),
        ({"front_door": "gateway", "cloud_dns": True}, ["certificatemanager", "compute", "container", "dns", "iap"]),
        ({"apis": ["x.googleapis.com"]}, ["x"]),
    ],
)
def test_the_apis_that_are_asked_about(cloud: type[Cloud], options: Any, apis: list[str]) -> None:
    run(**options)
    assert cloud.apis == [f"{name}.googleapis.com" for name in apis]


@pytest.mark.parametrize(
    ("refused", "check"), [("services", "Google APIs"), ("project", "Google project"), ("cluster", "GKE cluster")]
)
def test_what_cannot_be_read_is_a_failed_row_and_the_rest_is_still_judged(
    cloud: type[Cloud], refused: str, check: str
) -> None:
    cloud.refuses = frozenset({refused})
    result = run()
    assert check in failed(result)
    assert [row for row in result["preflight"] if row["ok"]]


def test_of_a_cluster_that_cannot_be_read_nothing_is_said(cloud: type[Cloud]) -> None:
    cloud.refuses = frozenset({"cluster", "project"})
    result = run()
    assert (result["settings"], result["drift"], result["version"], result["project_number"]) == ([], [], "", "")


def test_an_own_client_is_told_its_redirect_uri(cloud: type[Cloud]) -> None:
    result = run(oauth_client="own", client_id=ID)
    assert result["redirect_uri"] == f"https://iap.googleapis.com/v1/oauth/clientIds/{ID}:handleRedirect"
    assert "OAuth client" in [row["check"] for row in result["preflight"]]


def test_a_wrong_waiver_stops_before_anything_is_asked(cloud: type[Cloud]) -> None:
    cloud.refuses = frozenset({"services", "project", "cluster"})
    with pytest.raises(HubError, match="E-GKE-04"):
        run(waivers=[{"setting": "private_node", "reason": "x"}])


def test_a_waiver_needs_its_reason() -> None:
    with pytest.raises(Refused, match="reason"):
        run(waivers=[{"setting": "private_nodes"}])
