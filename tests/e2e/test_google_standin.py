# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's stand-in for Google on the real API server: objects become load balancers, certificates age, IAP asks."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth import crypt, jwt
from support_cluster import Cluster
from support_google import COMPUTE, DNS, ROLE, SECONDS, automation_key, control, session, until


@dataclass(frozen=True)
class Bed:
    """Host name, address and account, and one test's namespace."""

    mark: str
    web: Any
    project: str
    address: str
    key: dict[str, str]
    cluster: Cluster
    namespace: str = ""

    @property
    def host(self) -> str:
        return f"{self.mark}.lab.test"

    def get(self, path: str) -> Any:
        """Something of compute, or None."""
        answer = self.web.get(f"{COMPUTE}/{self.project}/global/{path}", timeout=SECONDS)
        return answer.json() if answer.status_code == 200 else None

    def enter(self, path: str = "/") -> tuple[int, str]:
        """Through the door as the service account; 0 while there is no TLS."""
        now = int(time.time())
        claims = {"iss": self.key["client_email"], "sub": self.key["client_email"], "iat": now, "exp": now + 600}
        token = jwt.encode(
            crypt.RSASigner.from_service_account_info(self.key), {**claims, "aud": f"https://{self.host}/*"}
        )
        try:
            answer = requests.get(
                f"https://{self.host}{path}", headers={"Proxy-Authorization": f"Bearer {token.decode()}"},
                verify=os.environ["LAB_CA_BUNDLE"], timeout=SECONDS,
            )  # fmt: skip
        except requests.exceptions.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    def grant(self, backend: str, *members: str) -> None:
        """Who may enter, the whole policy."""
        url = f"https://iap.googleapis.com/v1/projects/{self.project}/iap_web/compute/services/{backend}:setIamPolicy"
        body = {"policy": {"version": 3, "bindings": [{"role": ROLE, "members": list(members)}]}}
        assert self.web.post(url, json=body, timeout=SECONDS).status_code == 200


PLACES = {
    "managedcertificate": "apis/networking.gke.io/v1/namespaces/{}/managedcertificates/front",
    "ingress": "apis/networking.k8s.io/v1/namespaces/{}/ingresses/front",
    "gateway": "apis/gateway.networking.k8s.io/v1/namespaces/{}/gateways/front",
}


def show(bed: Bed, kind: str) -> Any:
    return bed.cluster.request("GET", f"/{PLACES[kind].format(bed.namespace)}")


def delete(bed: Bed, kind: str) -> None:
    """Delete an object and wait until its finalizers let it go."""
    bed.cluster.request("DELETE", f"/{PLACES[kind].format(bed.namespace)}")
    until(lambda: show(bed, kind), lambda seen: not seen)


def wait_operation(web: Any, answer: Any) -> None:
    assert answer.status_code == 200, answer.text
    link = answer.json()["selfLink"].replace("www.googleapis.com", "compute.googleapis.com")
    until(lambda: web.get(link, timeout=SECONDS).json(), lambda seen: seen.get("status") == "DONE")


@pytest.fixture(scope="module")
def place() -> Iterator[Bed]:
    """Reserved address, zone and DNS record, which one test after the other uses; all of it goes again."""
    key = automation_key()
    web, project, mark = session(key), os.environ["LAB_GOOGLE_PROJECT"], f"g{secrets.token_hex(3)}"
    since = control("GET", "counts")["last"]
    addresses, zones = f"{COMPUTE}/{project}/global/addresses", f"{DNS}/{project}/managedZones"
    wait_operation(web, web.post(addresses, json={"name": mark}, timeout=SECONDS))
    address = web.get(f"{addresses}/{mark}", timeout=SECONDS).json()["address"]
    zone = {"name": mark, "dnsName": f"{mark}.lab.test.", "description": ""}
    assert web.post(zones, json=zone, timeout=SECONDS).status_code == 200
    record = {"name": zone["dnsName"], "type": "A", "ttl": 30, "rrdatas": [address]}
    assert web.post(f"{zones}/{mark}/changes", json={"additions": [record]}, timeout=SECONDS).status_code == 200
    made = Bed(mark, web, project, address, key, Cluster(Path(os.environ["LAB_ADMIN_KUBECONFIG"])))
    try:
        yield made
        until(lambda: [name for name in made.cluster.namespaces() if mark in name], lambda seen: not seen)
    finally:
        web.post(f"{zones}/{mark}/changes", json={"deletions": [record]}, timeout=SECONDS)
        web.delete(f"{zones}/{mark}", timeout=SECONDS)
        until(lambda: web.delete(f"{addresses}/{mark}", timeout=SECONDS).status_code, lambda status: status == 200)
    assert control("GET", f"violations?since={since}&caller={key['client_email']}")["violations"] == []


@pytest.fixture
def bed(place: Bed) -> Iterator[Bed]:
    """A namespace. With it goes what holds the address; whatever else is in it may end while the next test runs."""
    made = replace(place, namespace=f"google-{place.mark}-{secrets.token_hex(2)}")
    place.cluster.make_namespace(made.namespace)
    try:
        yield made
    finally:
        # Kubernetes lets pods end first, before it deletes anything else of a namespace.
        place.cluster.request("DELETE", f"/api/v1/namespaces/{made.namespace}/pods/web?gracePeriodSeconds=0")
        place.cluster.drop_namespace(made.namespace, 0)
        until(lambda: place.get(f"addresses/{place.mark}")["status"], lambda seen: seen == "RESERVED")
        lead(place, place.address)


def lead(bed: Bed, address: str) -> None:
    """Let the host name lead to an address."""
    url = f"{DNS}/{bed.project}/managedZones/{bed.mark}/rrsets/{bed.host}./A"
    assert bed.web.patch(url, json={"rrdatas": [address]}, timeout=SECONDS).status_code == 200


def pod_and_service(bed: Bed, **annotations: str) -> list[dict[str, Any]]:
    container = {
        "name": "web", "image": os.environ["LAB_POD_IMAGE"], "args": ["serve", "8080"],
        "ports": [{"name": "http", "containerPort": 8080}],
    }  # fmt: skip
    return [
        {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {"containers": [container]},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "front", "annotations": annotations},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        },
    ]  # fmt: skip


def ingress(bed: Bed) -> list[dict[str, Any]]:
    backend = {"service": {"name": "front", "port": {"number": 80}}}
    paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    return [
        *pod_and_service(bed, **{"cloud.google.com/backend-config": '{"default":"front"}'}),
        {
            "apiVersion": "cloud.google.com/v1", "kind": "BackendConfig", "metadata": {"name": "front"},
            "spec": {"iap": {"enabled": True}, "timeoutSec": 3600,
                     "healthCheck": {"type": "HTTP", "requestPath": "/health"}},
        },
        {
            "apiVersion": "networking.gke.io/v1beta1", "kind": "FrontendConfig", "metadata": {"name": "front"},
            "spec": {"redirectToHttps": {"enabled": True}},
        },
        {
            "apiVersion": "networking.gke.io/v1", "kind": "ManagedCertificate", "metadata": {"name": "front"},
            "spec": {"domains": [bed.host]},
        },
        {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "front", "annotations": {
                "kubernetes.io/ingress.class": "gce", "kubernetes.io/ingress.global-static-ip-name": bed.mark,
                "networking.gke.io/managed-certificates": "front", "networking.gke.io/v1beta1.FrontendConfig": "front",
            }},
            "spec": {"rules": [{"host": bed.host, "http": paths}]},
        },
    ]  # fmt: skip


def apply(bed: Bed, *objects: dict[str, Any]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    argv = ["kubectl", "--kubeconfig", os.environ["LAB_ADMIN_KUBECONFIG"], "-n", bed.namespace, "apply", "-f", "-"]
    done = subprocess.run(argv, input=json.dumps(listed), capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr


def certificate_status(bed: Bed) -> dict[str, Any]:
    found: dict[str, Any] = show(bed, "managedcertificate").get("status") or {}
    return found


def backends(bed: Bed) -> dict[str, str]:
    marks = show(bed, "ingress")["metadata"].get("annotations") or {}
    found: dict[str, str] = json.loads(marks.get("ingress.kubernetes.io/backends", "{}"))
    return found


def test_an_ingress_its_certificate_and_its_door(bed: Bed) -> None:
    apply(bed, *ingress(bed))
    status = until(lambda: certificate_status(bed), lambda seen: seen.get("certificateStatus") == "Active")
    twin = bed.get(f"sslCertificates/{status['certificateName']}")
    assert twin["managed"]["domainStatus"] == {bed.host: "ACTIVE"}
    (name,) = until(lambda: backends(bed), lambda seen: list(seen.values()) == ["HEALTHY"])
    backend = bed.get(f"backendServices/{name}")
    assert backend["iap"] == {"enabled": True} and backend["timeoutSec"] == 3600
    assert show(bed, "ingress")["status"]["loadBalancer"]["ingress"] == [{"ip": bed.address}]
    assert bed.get(f"addresses/{bed.mark}")["status"] == "IN_USE"

    assert until(bed.enter, lambda seen: seen[0] != 0)[0] == 403
    bed.grant(name, f"serviceAccount:{bed.key['client_email']}")
    status_code, text = bed.enter("/hub/")
    assert status_code == 200 and text.startswith("hello from web")
    bed.grant(name, "user:ada@lab.test")
    assert bed.enter()[0] == 403
    plain = requests.get(f"http://{bed.host}/a", allow_redirects=False, timeout=SECONDS)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"https://{bed.host}/a")

    delete(bed, "ingress")
    assert bed.get(f"backendServices/{name}") is None
    delete(bed, "managedcertificate")
    until(lambda: bed.get(f"sslCertificates/{status['certificateName']}"), lambda seen: seen is None)


def test_a_certificate_goes_through_every_status(bed: Bed) -> None:
    steps = [
        ("PROVISIONING", "FAILED_NOT_VISIBLE", "Provisioning", "FailedNotVisible"),
        ("PROVISIONING_FAILED", "FAILED_CAA_CHECKING", "ProvisioningFailed", "FailedCaaChecking"),
        ("PROVISIONING_FAILED", "FAILED_CAA_FORBIDDEN", "ProvisioningFailed", "FailedCaaForbidden"),
        ("PROVISIONING_FAILED", "FAILED_RATE_LIMITED", "ProvisioningFailed", "FailedRateLimited"),
        ("PROVISIONING_FAILED_PERMANENTLY", "PROVISIONING", "ProvisioningFailedPermanently", "Provisioning"),
        ("ACTIVE", "ACTIVE", "Active", "Active"),
        ("RENEWAL_FAILED", "FAILED_NOT_VISIBLE", "RenewalFailed", "FailedNotVisible"),
    ]
    key = {"namespace": bed.namespace, "name": "front"}
    control("POST", "certificates/script", {**key, "steps": [{"status": "PROVISIONING"}]})
    apply(bed, *ingress(bed))
    until(lambda: certificate_status(bed), bool)
    for whole, domain, shown, shown_domain in steps:
        control("POST", "certificates/again", {**key, "steps": [{"status": whole, "domains": {bed.host: domain}}]})
        wanted = {"domain": bed.host, "status": shown_domain}
        until(
            lambda: certificate_status(bed),
            lambda seen, shown=shown, wanted=wanted: (
                (seen["certificateStatus"], seen["domainStatus"]) == (shown, [wanted])
            ),
        )


def test_a_certificate_stuck_on_dns_is_cured_by_recreation(bed: Bed) -> None:
    objects = ingress(bed)
    (certificate,) = [one for one in objects if one["kind"] == "ManagedCertificate"]
    lead(bed, "192.0.2.1")
    apply(bed, *objects)
    stuck = [{"domain": bed.host, "status": "FailedNotVisible"}]
    first = until(lambda: certificate_status(bed), lambda seen: seen.get("domainStatus") == stuck)
    lead(bed, bed.address)
    time.sleep(2)
    assert certificate_status(bed) == first
    delete(bed, "managedcertificate")
    until(lambda: bed.get(f"sslCertificates/{first['certificateName']}"), lambda seen: seen is None)
    apply(bed, certificate)
    until(lambda: certificate_status(bed), lambda seen: seen.get("certificateStatus") == "Active")
    until(bed.enter, lambda seen: seen[0] == 403)


@pytest.fixture
def certificate_map(bed: Bed) -> Iterator[str]:
    """A map with an issued certificate for the host, proved by a record in Cloud DNS; gone after the load balancer."""
    place, made = f"https://certificatemanager.googleapis.com/v1/projects/{bed.project}/locations/global", bed.mark
    changes = f"{DNS}/{bed.project}/managedZones/{bed.mark}/changes"
    inside = f"certificateMaps/{made}/certificateMapEntries"
    certificate = f"{place}/certificates/{made}"

    def create(collection: str, parameter: str, body: Any) -> None:
        answer = bed.web.post(f"{place}/{collection}?{parameter}={made}", json=body, timeout=SECONDS)
        assert answer.json()["done"], answer.text

    create("dnsAuthorizations", "dnsAuthorizationId", {"domain": bed.host})
    asked = bed.web.get(f"{place}/dnsAuthorizations/{made}", timeout=SECONDS).json()["dnsResourceRecord"]
    record = {"name": asked["name"], "type": "CNAME", "ttl": 30, "rrdatas": [asked["data"]]}
    assert bed.web.post(changes, json={"additions": [record]}, timeout=SECONDS).status_code == 200
    proof = f"projects/{bed.project}/locations/global/dnsAuthorizations/{made}"
    managed = {"domains": [bed.host], "dnsAuthorizations": [proof]}
    create("certificates", "certificateId", {"managed": managed})
    create("certificateMaps", "certificateMapId", {})
    names = [f"projects/{bed.project}/locations/global/certificates/{made}"]
    create(inside, "certificateMapEntryId", {"hostname": bed.host, "certificates": names})
    until(lambda: bed.web.get(certificate, timeout=SECONDS).json()["managed"]["state"], lambda seen: seen == "ACTIVE")
    yield made
    for part in (inside, "certificateMaps", "certificates", "dnsAuthorizations"):
        link = f"{place}/{part}/{made}"
        until(lambda link=link: bed.web.delete(link, timeout=SECONDS).status_code, lambda status: status == 200)
    bed.web.post(changes, json={"deletions": [record]}, timeout=SECONDS)


def test_a_gateway_with_a_certificate_map(bed: Bed, certificate_map: str) -> None:
    target = {"group": "", "kind": "Service", "name": "front"}
    listeners = [
        {"name": "https", "protocol": "HTTPS", "port": 443, "allowedRoutes": {"namespaces": {"from": "Same"}}},
        {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "Same"}}},
    ]
    api, policy = "gateway.networking.k8s.io/v1", "networking.gke.io/v1"
    redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    client = {"enabled": True, "clientID": "1-lab.apps.googleusercontent.com", "oauth2ClientSecret": {"name": "client"}}
    apply(
        bed,
        *pod_and_service(bed),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "client"}, "stringData": {"key": "of-a-test"}},
        {"apiVersion": policy, "kind": "GCPBackendPolicy", "metadata": {"name": "front"},
         "spec": {"default": {"iap": client, "timeoutSec": 86400}, "targetRef": target}},
        {"apiVersion": policy, "kind": "HealthCheckPolicy", "metadata": {"name": "front"},
         "spec": {"default": {"config": {"type": "HTTP", "httpHealthCheck": {"requestPath": "/h"}}},
                  "targetRef": target}},
        {"apiVersion": api, "kind": "Gateway",
         "metadata": {"name": "front", "annotations": {"networking.gke.io/certmap": certificate_map}},
         "spec": {"gatewayClassName": "gke-l7-global-external-managed", "listeners": listeners,
                  "addresses": [{"type": "NamedAddress", "value": bed.mark}]}},
        {"apiVersion": api, "kind": "HTTPRoute", "metadata": {"name": "front"},
         "spec": {"parentRefs": [{"name": "front", "sectionName": "https"}], "hostnames": [bed.host],
                  "rules": [{"backendRefs": [{"name": "front", "port": 80}]}]}},
        {"apiVersion": api, "kind": "HTTPRoute", "metadata": {"name": "redirect"},
         "spec": {"parentRefs": [{"name": "front", "sectionName": "http"}], "rules": [{"filters": [redirect]}]}},
    )  # fmt: skip

    def programmed() -> bool:
        found = (show(bed, "gateway").get("status") or {}).get("conditions") or []
        return any((one["type"], one["status"]) == ("Programmed", "True") for one in found)

    until(programmed, bool)
    until(bed.enter, lambda seen: seen[0] == 403)
    listed = bed.get("backendServices")["items"]
    (backend,) = [one for one in listed if f"{bed.namespace}/front" in one["description"]]
    reported = show(bed, "gateway")["metadata"]["annotations"]["networking.gke.io/backend-services"]
    assert reported.endswith(f"/global/backendServices/{backend['name']}")
    bed.grant(backend["name"], f"serviceAccount:{bed.key['client_email']}")
    until(bed.enter, lambda seen: seen[0] == 200)
    assert requests.get(f"http://{bed.host}/", allow_redirects=False, timeout=SECONDS).status_code == 301
    delete(bed, "gateway")
    until(lambda: bed.get(f"backendServices/{backend['name']}"), lambda seen: seen is None)
