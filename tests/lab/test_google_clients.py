# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Google on loopback, met by Google's own clients: google-cloud-iap, google-api-python-client, and
the modules of google.cloud. No lab, no root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import googleapiclient.discovery
import googleapiclient.errors
import pytest
import requests
from google.api_core import exceptions as core
from google.auth.transport import requests as transport
from google.cloud import iap_v1
from google.oauth2 import service_account
from standin import jose
from standin.testing import Running
from standin.zones import Set

CLOUD = "https://www.googleapis.com/auth/cloud-platform"
VERIFY = "https://www.googleapis.com/auth/siteverification"
P, WEB = "lab-project", "roles/iap.httpsResourceAccessor"
RESOURCE = f"projects/{P}/iap_web"
ME = f"automation@{P}.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Iterator[Running]:
    """One service for all; its keys take longer to make than everything else."""
    made = Running.start(tmp_path_factory.mktemp("google"), documents, pool=("203.0.113.9", "203.0.113.10"))
    with made as google, google.names():
        yield google


@pytest.fixture
def google(running: Running) -> Iterator[Running]:
    """An empty one; at the end nobody may have broken the contract, unless the test asked for it by ``allow``."""
    running.do(running.app.reset)
    running.allowed = []  # type: ignore[attr-defined]
    yield running
    left = running.control("GET", "violations")["violations"]
    assert left == running.allowed  # type: ignore[attr-defined]


def allow(google: Running) -> list[dict[str, Any]]:
    """The violations so far, which are the point of the test."""
    found = google.control("GET", "violations")["violations"]
    google.allowed = found  # type: ignore[attr-defined]
    return found  # type: ignore[no-any-return]


def credentials(google: Running, *scopes: str) -> Any:
    return service_account.Credentials.from_service_account_file(str(google.account_file), scopes=scopes or [CLOUD])


def build(google: Running, name: str, version: str, *scopes: str) -> Any:
    """google-api-python-client for one API."""
    return googleapiclient.discovery.build(
        name, version, credentials=credentials(google, *scopes), static_discovery=True, num_retries=0
    )


def iap(google: Running) -> Any:
    """google-cloud-iap over HTTP."""
    return iap_v1.IdentityAwareProxyAdminServiceClient(credentials=credentials(google), transport="rest")


def session(google: Running, *scopes: str) -> Any:
    return transport.AuthorizedSession(credentials(google, *scopes))


def counts(google: Running, since: int = 0) -> dict[str, int]:
    found: dict[str, int] = google.control("GET", f"counts?since={since}")["calls"]
    return found


# ---- IAP -----------------------------------------------------------------------------------------------------------
def read(client: Any, resource: str = RESOURCE) -> Any:
    return client.get_iam_policy(request={"resource": resource, "options": {"requested_policy_version": 3}})


def test_the_iap_client_reads_and_writes(google: Running) -> None:
    client = iap(google)
    policy = read(client)
    assert policy.etag == b"\x00 \x01" and not policy.bindings
    policy.version = 3
    policy.bindings.add(role=WEB, members=["user:Ada@lab.test"])
    client.set_iam_policy(request={"resource": RESOURCE, "policy": policy})
    again = read(client)
    assert [(one.role, list(one.members)) for one in again.bindings] == [(WEB, ["user:ada@lab.test"])]
    with pytest.raises(core.Conflict):
        client.set_iam_policy(request={"resource": RESOURCE, "policy": policy})
    assert counts(google)["iap.setIamPolicy"] == 2
    assert google.control("GET", f"policy?resource={RESOURCE}")["policy"]["bindings"][0]["members"] == [
        "user:ada@lab.test"
    ]


def test_one_read_and_one_write_are_two_calls(google: Running) -> None:
    client = build(google, "iap", "v1")
    policy = client.v1().getIamPolicy(resource=RESOURCE, body={"options": {"requestedPolicyVersion": 3}}).execute()
    members = [f"user:u{number}@lab.test" for number in range(1000)]
    body = {"policy": {"etag": policy["etag"], "version": 3, "bindings": [{"role": WEB, "members": members}]}}
    client.v1().setIamPolicy(resource=RESOURCE, body=body).execute()
    assert counts(google) == {"iap.getIamPolicy": 1, "iap.setIamPolicy": 1, "token": 1}


def test_readers_may_lag(google: Running) -> None:
    client = build(google, "iap", "v1").v1()
    google.control("POST", "settings", {"iap_read_delay": 60})
    client.setIamPolicy(
        resource=RESOURCE, body={"policy": {"bindings": [{"role": WEB, "members": ["user:a@b.org"]}]}}
    ).execute()
    assert client.getIamPolicy(resource=RESOURCE, body={}).execute() == {"etag": "ACAB"}
    google.control("POST", "settings", {"iap_read_delay": 0})
    assert client.getIamPolicy(resource=RESOURCE, body={}).execute()["bindings"]


def test_a_recreated_backend_has_an_empty_policy(google: Running) -> None:
    client = build(google, "iap", "v1").v1()
    resource = f"projects/{P}/iap_web/compute/services/b"
    body = {"where": f"projects/{P}/global", "collection": "backendServices", "body": {"name": "b"}}
    with pytest.raises(googleapiclient.errors.HttpError, match="404"):
        client.getIamPolicy(resource=resource, body={}).execute()
    first = google.control("POST", "compute", body)
    client.setIamPolicy(
        resource=resource, body={"policy": {"bindings": [{"role": WEB, "members": ["user:a@b.org"]}]}}
    ).execute()
    by_id = client.getIamPolicy(resource=resource.replace("/b", f"/{first['id']}"), body={}).execute()
    assert by_id["bindings"]
    google.control("POST", "compute/delete", {"where": body["where"], "collection": "backendServices", "name": "b"})
    google.control("POST", "compute", body)
    assert client.getIamPolicy(resource=resource, body={}).execute() == {"etag": "ACAB"}


def test_permissions_follow_roles_and_policies(google: Running) -> None:
    email = f"reader@{P}.iam.gserviceaccount.com"
    key = google.control("POST", "accounts", {"email": email, "project": P, "roles": ["roles/viewer"]})
    other = service_account.Credentials.from_service_account_info(key, scopes=[CLOUD])
    client = googleapiclient.discovery.build("iap", "v1", credentials=other, static_discovery=True).v1()
    names = ["iap.web.getIamPolicy", "iap.web.setIamPolicy"]
    asked = {"resource": RESOURCE, "body": {"permissions": names}}
    assert client.testIamPermissions(**asked).execute() == {"permissions": names[:1]}
    with pytest.raises(googleapiclient.errors.HttpError) as found:
        client.setIamPolicy(resource=RESOURCE, body={"policy": {}}).execute()
    assert found.value.status_code == 403
    binding = {"role": "roles/iap.admin", "members": [f"serviceAccount:{email}"]}
    build(google, "iap", "v1").v1().setIamPolicy(resource=RESOURCE, body={"policy": {"bindings": [binding]}}).execute()
    assert client.testIamPermissions(**asked).execute() == {"permissions": names}


def test_settings_are_replaced_or_masked(google: Running) -> None:
    client = build(google, "iap", "v1").v1()
    oauth = {"clientId": "id", "clientSecret": "not-to-be-seen", "programmaticClients": ["x"]}
    client.updateIapSettings(name=RESOURCE, body={"accessSettings": {"oauthSettings": oauth}}).execute()
    got = client.getIapSettings(name=RESOURCE).execute()
    assert "clientSecret" not in got["accessSettings"]["oauthSettings"]
    assert len(got["accessSettings"]["oauthSettings"]["clientSecretSha256"]) == 64
    masked = {"accessSettings": {"corsSettings": {"allowHttpOptions": True}}}
    client.updateIapSettings(name=RESOURCE, body=masked, updateMask="accessSettings.corsSettings").execute()
    got = client.getIapSettings(name=RESOURCE).execute()["accessSettings"]
    assert got["oauthSettings"]["clientId"] == "id" and got["corsSettings"] == {"allowHttpOptions": True}
    client.updateIapSettings(name=RESOURCE, body=masked).execute()
    assert "oauthSettings" not in client.getIapSettings(name=RESOURCE).execute()["accessSettings"]


def test_destination_groups(google: Running) -> None:
    client = build(google, "iap", "v1").projects().iap_tunnel().locations().destGroups()
    parent = f"projects/{P}/iap_tunnel/locations/europe-west1"
    made = client.create(parent=parent, tunnelDestGroupId="lab-group", body={"cidrs": ["10.0.0.0/24"]}).execute()
    assert client.list(parent=parent).execute()["tunnelDestGroups"] == [made]
    client.patch(name=f"{parent}/destGroups/lab-group", body={"fqdns": ["*.x.org"]}, updateMask="fqdns").execute()
    assert client.get(name=made["name"]).execute() == {**made, "fqdns": ["*.x.org"]}
    client.delete(name=made["name"]).execute()
    assert client.list(parent=parent).execute() == {"tunnelDestGroups": []}


# ---- the other APIs ------------------------------------------------------------------------------------------------
def test_addresses_and_operations(google: Running) -> None:
    client = build(google, "compute", "v1")
    google.control("POST", "settings", {"operation_seconds": 0.3})
    made = client.globalAddresses().insert(project=P, body={"name": "hub"}).execute()
    assert made["status"] == "RUNNING"
    time.sleep(0.4)
    assert client.globalOperations().wait(project=P, operation=made["name"]).execute()["status"] == "DONE"
    found = client.globalAddresses().get(project=P, address="hub").execute()
    assert found["address"] == "203.0.113.9"
    assert client.globalAddresses().list(project=P, filter="name = hub").execute()["items"] == [found]
    assert "items" not in client.globalAddresses().list(project=P, filter="name = other").execute()
    with pytest.raises(googleapiclient.errors.HttpError, match="409"):
        client.globalAddresses().insert(project=P, body={"name": "hub"}).execute()
    client.globalAddresses().delete(project=P, address="hub").execute()
    with pytest.raises(googleapiclient.errors.HttpError, match="404"):
        client.globalAddresses().get(project=P, address="hub").execute()


def test_a_repeated_request_id_is_done_once(google: Running) -> None:
    client, request = build(google, "compute", "v1"), "6d3c1d3e-6f0e-4d2a-9d64-0c4a7f5a2b10"
    names = [
        client.globalAddresses().insert(project=P, requestId=request, body={"name": "hub"}).execute()["name"]
        for _turn in range(2)
    ]
    assert names[0] == names[1]


def test_pages(google: Running) -> None:
    client = build(google, "compute", "v1").sslCertificates()
    for number in range(5):
        client.insert(project=P, body={"name": f"c{number}", "managed": {"domains": ["a.org"]}}).execute()
    seen, request = [], client.list(project=P, maxResults=2)
    while request is not None:
        answer = request.execute()
        seen += [one["name"] for one in answer["items"]]
        request = client.list_next(request, answer)
    assert seen == [f"c{number}" for number in range(5)]


def test_a_partial_answer(google: Running) -> None:
    client = build(google, "compute", "v1").sslCertificates()
    client.insert(project=P, body={"name": "c", "managed": {"domains": ["a.org"]}}).execute()
    answer = client.list(project=P, fields="items(name,managed/status)").execute()
    assert answer == {"items": [{"name": "c", "managed": {"status": "PROVISIONING"}}]}


def test_an_aggregated_answer_says_where_there_is_nothing(google: Running) -> None:
    client = build(google, "compute", "v1")
    client.globalAddresses().insert(project=P, body={"name": "hub"}).execute()
    client.globalAddresses().delete(project=P, address="hub").execute()
    client.addresses().insert(project=P, region="europe-west1", body={"name": "a"}).execute()
    mask = "items/*/addresses(name),items/*/warning(code),unreachables,nextPageToken"
    assert client.addresses().aggregatedList(project=P, fields=mask).execute()["items"] == {
        "global": {"warning": {"code": "NO_RESULTS_ON_PAGE"}},
        "regions/europe-west1": {"addresses": [{"name": "a"}]},
    }


def test_records_and_site_verification(google: Running) -> None:
    names, site = build(google, "dns", "v1"), {"type": "INET_DOMAIN", "identifier": "hub.lab.test"}
    verify = build(google, "siteVerification", "v1", VERIFY).webResource()
    token = verify.getToken(body={"site": site, "verificationMethod": "DNS_TXT"}).execute()["token"]
    with pytest.raises(googleapiclient.errors.HttpError, match="token could not be found"):
        verify.insert(verificationMethod="DNS_TXT", body={"site": site}).execute()
    names.managedZones().create(project=P, body={"name": "z", "dnsName": "lab.test.", "description": ""}).execute()
    record = {"name": "hub.lab.test.", "type": "TXT", "ttl": 30, "rrdatas": ['"v=spf1 -all"', f'"{token}"']}
    change = names.changes().create(project=P, managedZone="z", body={"additions": [record]}).execute()
    assert names.changes().get(project=P, managedZone="z", changeId=change["id"]).execute()["status"] == "done"
    made = verify.insert(verificationMethod="DNS_TXT", body={"site": site, "owners": ["ada@lab.test"]}).execute()
    assert made["owners"] == [ME, "ada@lab.test"]
    assert verify.list().execute()["items"] == [made] == [verify.get(id="dns://hub.lab.test").execute()]
    wanted = {"site": site, "owners": [ME, "bob@lab.test"]}
    assert verify.update(id=made["id"], body=wanted).execute()["owners"] == [ME, "bob@lab.test"]
    with pytest.raises(googleapiclient.errors.HttpError, match="400"):
        verify.delete(id=made["id"]).execute()
    names.changes().create(project=P, managedZone="z", body={"deletions": [record]}).execute()
    verify.delete(id=made["id"]).execute()
    assert verify.list().execute() == {}


def test_a_change_that_replaces_an_old_soa_is_refused(google: Running) -> None:
    """As gcloud's transactions and google.cloud do it: of two that read the same SOA, the second is too late."""
    names = build(google, "dns", "v1")
    names.managedZones().create(project=P, body={"name": "z", "dnsName": "lab.test.", "description": ""}).execute()

    def soa() -> dict[str, Any]:
        sets = names.resourceRecordSets().list(project=P, managedZone="z", name="lab.test.", type="SOA").execute()
        return dict(sets["rrsets"][0])

    def change(host: str, old: dict[str, Any]) -> Any:
        server, mailbox, serial, *rest = old["rrdatas"][0].split()
        fresh = {**old, "rrdatas": [" ".join([server, mailbox, str(int(serial) + 1), *rest])]}
        record = {"name": host, "type": "A", "ttl": 30, "rrdatas": ["203.0.113.9"]}
        body = {"deletions": [old], "additions": [fresh, record]}
        return names.changes().create(project=P, managedZone="z", body=body).execute()

    seen = soa()
    change("a.lab.test.", seen)
    assert soa() != seen
    with pytest.raises(googleapiclient.errors.HttpError, match="412"):
        change("b.lab.test.", seen)
    change("b.lab.test.", soa())


def test_the_token_belongs_to_the_caller(google: Running) -> None:
    email = f"second@{P}.iam.gserviceaccount.com"
    key = google.control("POST", "accounts", {"email": email, "project": P})
    other = service_account.Credentials.from_service_account_info(key, scopes=[VERIFY])
    body = {"site": {"type": "INET_DOMAIN", "identifier": "a.org"}, "verificationMethod": "DNS_TXT"}
    mine = build(google, "siteVerification", "v1", VERIFY).webResource().getToken(body=body).execute()
    theirs = googleapiclient.discovery.build("siteVerification", "v1", credentials=other, static_discovery=True)
    assert theirs.webResource().getToken(body=body).execute()["token"] != mine["token"]


# ---- certificate maps ------------------------------------------------------------------------------------------------
PLACE = f"projects/{P}/locations/global"
PROOF, ISSUED, MAP = f"{PLACE}/dnsAuthorizations/a", f"{PLACE}/certificates/c", f"{PLACE}/certificateMaps/m"


def manager(google: Running) -> Any:
    return build(google, "certificatemanager", "v1").projects().locations()


def a_map(client: Any, domain: str = "hub.lab.test") -> dict[str, str]:
    """All four parts of a map; the record that proves the domain."""
    body = {"domain": domain, "type": "PER_PROJECT_RECORD"}
    client.dnsAuthorizations().create(parent=PLACE, dnsAuthorizationId="a", body=body).execute()
    managed = {"domains": [domain], "dnsAuthorizations": [PROOF]}
    client.certificates().create(parent=PLACE, certificateId="c", body={"managed": managed}).execute()
    client.certificateMaps().create(parent=PLACE, certificateMapId="m", body={"labels": {"a": "b"}}).execute()
    entry = {"hostname": domain, "certificates": [ISSUED]}
    client.certificateMaps().certificateMapEntries().create(parent=MAP, certificateMapEntryId="e", body=entry).execute()
    record: dict[str, str] = client.dnsAuthorizations().get(name=PROOF).execute()["dnsResourceRecord"]
    return record


def publish(google: Running, *sets: Set) -> None:
    google.do(lambda: google.app.standin.records.change("lab.test.", [], sets))


def test_a_certificate_is_issued_when_its_record_is_in_dns(google: Running) -> None:
    google.control("POST", "settings", {"certificate_seconds": 0})
    client = manager(google)
    record = a_map(client)
    assert record["type"] == "CNAME"
    assert record["name"].startswith("_acme-challenge_") and record["name"].endswith(".hub.lab.test.")
    managed = client.certificates().get(name=ISSUED).execute()["managed"]
    (attempt,) = managed["authorizationAttemptInfo"]
    assert (managed["state"], attempt["state"], attempt["failureReason"]) == ("PROVISIONING", "FAILED", "CONFIG")
    assert managed["provisioningIssue"]["reason"] == "AUTHORIZATION_ISSUE"
    assert managed["dnsAuthorizations"] != [PROOF]  # by the project's number
    publish(google, Set(record["name"], "CNAME", 30, (record["data"],)))
    again = client.certificates().get(name=ISSUED).execute()["managed"]
    assert again["state"] == "PROVISIONING"  # not looked at again so soon
    google.control("POST", "certificatemanager", {"name": ISSUED})
    (found,) = client.certificates().list(parent=PLACE).execute()["certificates"]
    assert (found["managed"]["state"], found["sanDnsnames"]) == ("ACTIVE", ["hub.lab.test"])
    assert found["expireTime"]


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [("CNAME", "elsewhere.lab.test.", "CONFIG"), ("CAA", '0 issue "other.test"', "CAA")],
)
def test_a_wrong_record_and_a_caa_record_forbid_it(google: Running, kind: str, data: str, reason: str) -> None:
    google.control("POST", "settings", {"certificate_seconds": 0})
    client = manager(google)
    record = a_map(client)
    publish(google, Set(record["name"], "CNAME", 30, (record["data"],)))
    publish(google, Set(record["name"] if kind == "CNAME" else "lab.test.", kind, 30, (data,)))
    (attempt,) = client.certificates().get(name=ISSUED).execute()["managed"]["authorizationAttemptInfo"]
    assert attempt["failureReason"] == reason


def test_a_certificate_shows_what_a_test_orders(google: Running) -> None:
    client = manager(google)
    a_map(client)
    google.control("POST", "certificatemanager", {"name": ISSUED, "managed": {"state": "FAILED"}})
    assert client.certificates().get(name=ISSUED).execute()["managed"]["state"] == "FAILED"


def test_nothing_that_is_used_is_deleted(google: Running) -> None:
    client = manager(google)
    a_map(client)
    entries = client.certificateMaps().certificateMapEntries()
    deletions = [
        (entries, f"{MAP}/certificateMapEntries/e"), (client.certificateMaps(), MAP), (client.certificates(), ISSUED),
        (client.dnsAuthorizations(), PROOF),
    ]  # fmt: skip
    for collection, name in deletions[1:]:
        with pytest.raises(googleapiclient.errors.HttpError, match="refers to it"):
            collection.delete(name=name).execute()
    for collection, name in deletions:
        assert collection.delete(name=name).execute()["done"]
        with pytest.raises(googleapiclient.errors.HttpError, match="404"):
            collection.get(name=name).execute()


def test_a_map_shows_the_proxies_that_a_rule_leads_to_and_any_proxy_keeps_it(google: Running) -> None:
    client = manager(google).certificateMaps()
    client.create(parent=PLACE, certificateMapId="m", body={}).execute()
    compute = google.app.standin.world.compute
    link = f"https://www.googleapis.com/compute/v1/projects/{P}/global/targetHttpsProxies/t"
    proxies = {"t": {"selfLink": link, "certificateMap": f"//certificatemanager.googleapis.com/{MAP}"}}
    google.do(lambda: compute.update({f"projects/{P}/global/targetHttpsProxies": proxies}))
    assert "gclbTargets" not in client.get(name=MAP).execute()
    with pytest.raises(googleapiclient.errors.HttpError, match="target proxy") as refused:
        client.delete(name=MAP).execute()
    error = json.loads(refused.value.content)["error"]
    (violation,) = error["details"][0]["violations"]
    assert (refused.value.status_code, error["status"]) == (400, "FAILED_PRECONDITION")
    assert violation["type"] == "RESOURCE_STILL_IN_USE" and violation["subject"].endswith(MAP)
    assert "targetHttpsProxies" not in json.dumps(error)
    google.do(lambda: compute.update({f"projects/{P}/global/forwardingRules": {"r": {"target": link}}}))
    (target,) = client.get(name=MAP).execute()["gclbTargets"]
    assert target["targetHttpsProxy"].endswith("/targetHttpsProxies/t")


def test_of_an_entry_only_the_certificates_can_change(google: Running) -> None:
    client = manager(google)
    a_map(client)
    entries, name = client.certificateMaps().certificateMapEntries(), f"{MAP}/certificateMapEntries/e"
    with pytest.raises(googleapiclient.errors.HttpError, match="can be changed"):
        entries.patch(name=name, updateMask="hostname", body={"hostname": "x.lab.test"}).execute()
    with pytest.raises(googleapiclient.errors.HttpError, match="404"):
        entries.patch(name=name, updateMask="certificates", body={"certificates": [f"{ISSUED}x"]}).execute()
    entries.patch(name=name, updateMask="certificates", body={"certificates": [ISSUED]}).execute()
    (entry,) = entries.list(parent=MAP).execute()["certificateMapEntries"]
    assert (entry["hostname"], entry["certificates"][0].rpartition("/")[2]) == ("hub.lab.test", "c")


def test_operations_of_certificate_manager_take_their_time(google: Running) -> None:
    google.control("POST", "settings", {"operation_seconds": 60})
    client = manager(google)
    made = client.certificateMaps().create(parent=PLACE, certificateMapId="m", body={}).execute()
    assert not made["done"] and "response" not in made
    google.do(lambda: google.app.standin.world.operations[made["name"]].update(done=0.0))
    assert client.operations().get(name=made["name"]).execute()["response"]["name"] == MAP


@pytest.mark.parametrize("role", ["roles/viewer", "roles/certificatemanager.owner"])
def test_only_its_owners_change_a_map(google: Running, role: str) -> None:
    email = f"second@{P}.iam.gserviceaccount.com"
    key = google.control("POST", "accounts", {"email": email, "project": P, "roles": [role]})
    other = service_account.Credentials.from_service_account_info(key, scopes=[CLOUD])
    client = googleapiclient.discovery.build("certificatemanager", "v1", credentials=other, static_discovery=True)
    maps = client.projects().locations().certificateMaps()
    assert maps.list(parent=PLACE).execute() == {}
    making = maps.create(parent=PLACE, certificateMapId="m", body={})
    if role == "roles/viewer":
        with pytest.raises(googleapiclient.errors.HttpError, match=r"certmaps\.create"):
            making.execute()
    else:
        making.execute()


# ---- the other APIs ----------------------------------------------------------------------------------------------
def test_the_cluster_is_as_asked_for_and_drifts_on_order(google: Running) -> None:
    client = build(google, "container", "v1").projects().locations().clusters()
    where = {"project": P, "location": "europe-west1", "name": "lab"}
    google.control("POST", "clusters", where)
    name = f"projects/{P}/locations/europe-west1/clusters/lab"
    cluster = client.get(name=name).execute()
    assert cluster["privateClusterConfig"]["enablePrivateNodes"] is True
    google.control("POST", "clusters", {**where, "patch": {"privateClusterConfig": {"enablePrivateNodes": False}}})
    assert client.get(name=name).execute()["privateClusterConfig"]["enablePrivateNodes"] is False
    assert len(client.list(parent=f"projects/{P}/locations/-").execute()["clusters"]) == 1
    status, answer = google.ask(
        "POST", "google.lab.test", "/control/clusters", {**where, "patch": {"shieldedNode": {"enabled": True}}}
    )
    assert status == 400 and "shieldedNode" in answer["error"]


def test_projects_services_and_grants(google: Running) -> None:
    assert (
        build(google, "cloudresourcemanager", "v1").projects().get(projectId=P).execute()["parent"]["type"]
        == "organization"
    )
    v3 = build(google, "cloudresourcemanager", "v3").projects()
    assert v3.get(name=f"projects/{P}").execute()["parent"].startswith("organizations/")
    google.control(
        "POST", "projects", {"id": "alone", "parent": None, "grants": {f"serviceAccount:{ME}": ["roles/owner"]}}
    )
    assert "parent" not in v3.get(name="projects/alone").execute()
    assert v3.getIamPolicy(resource="projects/alone", body={}).execute()["bindings"][0]["role"] == "roles/owner"
    usage = build(google, "serviceusage", "v1").services()
    listed = usage.list(parent=f"projects/{P}", filter="state:ENABLED").execute()["services"]
    assert "iap.googleapis.com" in [one["config"]["name"] for one in listed]
    google.control("POST", "projects", {"id": P, "services": ["serviceusage.googleapis.com"]})
    assert usage.get(name=f"projects/{P}/services/iap.googleapis.com").execute()["state"] == "DISABLED"
    with pytest.raises(googleapiclient.errors.HttpError) as found:
        build(google, "iap", "v1").v1().getIamPolicy(resource=RESOURCE, body={}).execute()
    assert found.value.status_code == 403 and found.value.error_details[0]["reason"] == "SERVICE_DISABLED"
    usage.enable(name=f"projects/{P}/services/iap.googleapis.com", body={}).execute()
    build(google, "iap", "v1").v1().getIamPolicy(resource=RESOURCE, body={}).execute()


def test_signing_in_the_name_of_an_account(google: Running) -> None:
    client = build(google, "iamcredentials", "v1").projects().serviceAccounts()
    name, claims = f"projects/-/serviceAccounts/{ME}", {"iss": ME, "sub": ME, "aud": "https://hub.lab.test/*"}
    answer = client.signJwt(name=name, body={"payload": json.dumps(claims)}).execute()
    header, found, signed, signature = jose.split(answer["signedJwt"])
    public = google.app.standin.world.accounts[ME]["keys"][answer["keyId"]]
    assert header["kid"] == answer["keyId"] and found == claims and jose.good(public, signed, signature)
    token = client.generateIdToken(name=name, body={"audience": "x", "includeEmail": True}).execute()["token"]
    assert jose.split(token)[1]["email"] == ME
    granted = client.generateAccessToken(name=name, body={"scope": [CLOUD], "lifetime": "60s"}).execute()
    assert granted["accessToken"].startswith("ya29.")


# ---- what is refused -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        (f"{RESOURCE}:getIamPolicy", {"option": {}}, 'Unknown name "option"'),
        (f"{RESOURCE}:getIamPolicy", {"options": {"requestedPolicyVersion": "3"}}, "TYPE_INT32"),
        (f"{RESOURCE}:setIamPolicy", {"policy": {"auditConfigs": []}}, 'Unknown name "auditConfigs"'),
        (f"{RESOURCE}:getIamPolicy?foo=1", {}, "Cannot bind query parameter"),
        (f"{RESOURCE}:getIamPolicies", {}, "is no method of Google's"),
        (f"projects/{P}/iap_webs:getIamPolicy", {}, "Invalid resource name"),
        (f"projects/{P}/brands", {"applicationTitle": "x"}, "shut down"),
        (f"projects/{P}/iap_web/appengine-x:getIamPolicy", {}, "does not know"),
    ],
)
def test_what_google_does_not_have_is_a_violation(google: Running, path: str, body: Any, complaint: str) -> None:
    status, answer = google.ask("POST", "iap.googleapis.com", f"/v1/{path}", body, google.token())
    assert status in (400, 404, 501) and complaint in answer["error"]["message"]
    (found,) = allow(google)
    assert complaint in found["text"]


def test_a_method_the_stand_in_lacks_is_told_from_one_google_lacks(google: Running) -> None:
    token = google.token()
    assert google.ask("GET", "compute.googleapis.com", f"/compute/v1/projects/{P}/zones", None, token)[0] == 501
    assert google.ask("GET", "compute.googleapis.com", f"/compute/v1/projects/{P}/zoness", None, token)[0] == 404
    assert [one["method"] for one in allow(google)] == ["compute.zones.list", "unknown"]


def test_old_and_new_shape_of_errors(google: Running) -> None:
    token = google.token()
    _status, old = google.ask(
        "GET", "compute.googleapis.com", f"/compute/v1/projects/{P}/global/addresses/x", None, token
    )
    assert old["error"]["errors"][0]["reason"] == "notFound"
    _status, new = google.ask("POST", "iap.googleapis.com", "/v1/projects/nobody/iap_web:getIamPolicy", {}, token)
    assert new["error"]["status"] == "PERMISSION_DENIED"


def test_a_reply_that_does_not_fit_is_the_stand_ins_own_violation(google: Running) -> None:
    name = f"projects/{P}/locations/l/clusters/c"
    google.do(lambda: google.app.standin.world.clusters.__setitem__(name, {"name": 5}))
    assert google.ask("GET", "container.googleapis.com", f"/v1/{name}", None, google.token())[0] == 500
    assert "reply of the stand-in" in allow(google)[0]["text"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"aud": "https://elsewhere"}, "Failed audience check"),
        ({"iss": "nobody@x.org"}, "account not found"),
        ({"iat": 1, "exp": 3000}, "Token must be a short-lived token"),
        ({"exp": time.time() + 90000}, "Token must be a short-lived token"),
        ({"scope": ""}, "scope"),
        (None, "Invalid JWT Signature"),
    ],
)
def test_tokens_are_not_given_to_anybody(google: Running, change: dict[str, Any] | None, word: str) -> None:
    key = json.loads(google.account_file.read_text())
    signer = key["private_key"] if change is not None else jose.new_rsa()
    now = int(time.time())
    claims = {"iss": ME, "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 600, "scope": CLOUD}
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": jose.sign(jose.private(signer), {**claims, **(change or {})}, key["private_key_id"]),
    }
    answer = requests.post("https://oauth2.googleapis.com/token", data=form, timeout=20)
    assert answer.status_code == 400 and word in answer.json()["error_description"]


def test_scopes_and_tokens_are_checked_at_every_call(google: Running) -> None:
    path = f"/v1/{RESOURCE}:getIamPolicy"
    assert google.ask("POST", "iap.googleapis.com", path, {})[0] == 401
    assert google.ask("POST", "iap.googleapis.com", path, {}, "ya29.made-up")[0] == 401
    status, answer = google.ask("POST", "iap.googleapis.com", path, {}, google.token(VERIFY))
    assert status == 403 and answer["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    status, _answer = google.ask(
        "GET", "www.googleapis.com", "/siteVerification/v1/webResource", None, google.token(CLOUD)
    )
    assert status == 403
    token = google.token()
    assert google.ask("POST", "iap.googleapis.com", path, {}, token)[0] == 200
    google.control("POST", "tokens/expire")
    assert google.ask("POST", "iap.googleapis.com", path, {}, token)[0] == 401


def test_a_cluster_learns_whose_token_it_was_given(google: Running) -> None:
    def known(token: str) -> Any:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        return google.control("POST", "tokens/review", review)["status"]

    email = "https://www.googleapis.com/auth/userinfo.email"
    number = google.control("GET", "world")["accounts"][ME]["uniqueId"]
    both = google.token(CLOUD, email)
    assert known(both) == {"authenticated": True, "user": {"username": ME, "groups": []}}
    assert known(google.token(CLOUD))["user"]["username"] == number
    for useless in ("ya29.made-up", "", google.token(email)):
        assert known(useless) == {"authenticated": False}
    google.control("POST", "tokens/expire")
    assert known(both) == {"authenticated": False}


def test_an_expired_token_is_renewed_by_the_client(google: Running) -> None:
    web, url = session(google), f"https://iap.googleapis.com/v1/{RESOURCE}:getIamPolicy"
    assert web.post(url, json={}, timeout=20).status_code == 200
    google.control("POST", "tokens/expire")
    assert web.post(url, json={}, timeout=20).status_code == 200
    assert counts(google)["token"] == 2


def test_a_deleted_account_is_out_and_marked_in_policies(google: Running) -> None:
    email = f"gone@{P}.iam.gserviceaccount.com"
    key = google.control("POST", "accounts", {"email": email, "project": P})
    client = build(google, "iap", "v1").v1()
    binding = {"role": WEB, "members": [f"serviceAccount:{email}"]}
    client.setIamPolicy(resource=RESOURCE, body={"policy": {"bindings": [binding]}}).execute()
    google.control("POST", "accounts/delete", {"member": f"serviceAccount:{email}"})
    members = client.getIamPolicy(resource=RESOURCE, body={}).execute()["bindings"][0]["members"]
    assert members[0].startswith(f"deleted:serviceAccount:{email}?uid=")
    other = service_account.Credentials.from_service_account_info(key, scopes=[CLOUD])
    with pytest.raises(Exception, match="account not found"):
        other.refresh(transport.Request())


# ---- faults --------------------------------------------------------------------------------------------------------
def write(google: Running, member: str) -> tuple[int, Any]:
    body = {"policy": {"bindings": [{"role": WEB, "members": [member]}]}}
    return google.ask("POST", "iap.googleapis.com", f"/v1/{RESOURCE}:setIamPolicy", body, google.token())


def members(google: Running) -> list[str]:
    found = google.control("GET", f"policy?resource={RESOURCE}")["policy"].get("bindings", [])
    return [member for one in found for member in one["members"]]


@pytest.mark.parametrize(
    ("rule", "done"),
    [
        ({"reset": "before"}, False),
        ({"reset": "after"}, True),
        ({"truncate": True}, True),
        ({"status": 503}, False),
        ({"status": 503, "after": True}, True),
        ({"status": 429, "headers": {"Retry-After": "7"}}, False),
    ],
)
def test_faults_before_and_after_the_write(google: Running, rule: dict[str, Any], done: bool) -> None:
    google.control("POST", "faults", {"rules": [{"method": "iap.setIamPolicy", "times": 1, **rule}]})
    try:
        status, _answer = write(google, "user:a@b.org")
        assert status == rule["status"]
    except (OSError, ValueError, __import__("http").client.HTTPException):
        assert "status" not in rule
    assert members(google) == (["user:a@b.org"] if done else [])
    assert write(google, "user:c@b.org")[0] == 200
    assert google.control("GET", "requests?method=iap.setIamPolicy")["requests"][0]["fault"]


def test_a_slow_answer(google: Running) -> None:
    google.control("POST", "faults", {"rules": [{"method": "iap.*", "latency": 0.4}]})
    began = time.monotonic()
    write(google, "user:a@b.org")
    assert time.monotonic() - began > 0.4


# ---- memory --------------------------------------------------------------------------------------------------------
def test_it_remembers_over_a_restart(tmp_path: Path, documents: Path) -> None:
    state = str(tmp_path / "state")
    with Running.start(tmp_path, documents, state=state) as first:
        write(first, "user:a@b.org")
        key, keys = first.account_file.read_text(), first.ask("GET", "www.gstatic.com", "/iap/verify/public_key-jwk")
    with Running.start(tmp_path, documents, state=state) as second:
        assert members(second) == ["user:a@b.org"]
        assert second.account_file.read_text() == key
        assert second.ask("GET", "www.gstatic.com", "/iap/verify/public_key-jwk") == keys
    assert oct((tmp_path / "state" / "world.json").stat().st_mode)[-3:] == "600"


# ---- google.cloud's modules ----------------------------------------------------------------------------------------
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/google.cloud.gcp: {auth_kind: serviceaccount, service_account_file: "%(key)s", project: lab-project}
  tasks:
    - google.cloud.gcp_compute_global_address: {name: hub}
      register: address
    - google.cloud.gcp_compute_global_address_info: {}
      register: addresses
    - google.cloud.gcp_dns_managed_zone: {name: zone, dns_name: lab.test., description: the lab}
      register: zone
    - google.cloud.gcp_dns_resource_record_set:
        {name: hub.lab.test., managed_zone: {name: zone, dnsName: lab.test.}, type: A, ttl: 30,
         target: ["{{ address.address }}"]}
      register: record
    - google.cloud.gcp_dns_resource_record_set_info: {managed_zone: {name: zone, dnsName: lab.test.}}
      register: records
    - ansible.builtin.copy:
        dest: "%(result)s"
        mode: "0600"
        content: >-
          {{ [address.address, addresses.resources | map(attribute='name') | list, zone.dnsName,
          records.resources | map(attribute='type') | sort, address.changed, zone.changed, record.changed] | to_json }}
"""


def play(google: Running, directory: Path) -> list[Any]:
    file, result = directory / "play.yml", directory / "result.json"
    file.write_text(PLAY % {"key": google.account_file, "result": result}, encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,",
         "-e", f"ansible_python_interpreter={sys.executable}", str(file)],
        env={**os.environ, **google.environment(), "ANSIBLE_LOCALHOST_WARNING": "0"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    found: list[Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def test_modules_of_google_cloud(google: Running, tmp_path: Path) -> None:
    assert play(google, tmp_path) == ["203.0.113.9", ["hub"], "lab.test.", ["A", "NS", "SOA"], True, True, True]
    assert play(google, tmp_path)[-3:] == [False, False, False]
