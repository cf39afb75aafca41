# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a front door on GKE that cannot work, and when its load balancer serves what was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.backends import Backend
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s import front_gke_verdicts as verdicts
from ansible_collections.researchops.jupyterhub.plugins.module_utils._k8s.front_gke import GkeFront

Json = dict[str, Any]
ID = "1-a.apps.googleusercontent.com"
FRONT = GkeFront("climate", "hub-front", "climate", "hub.example.org", address_name="climate-hub-front")
GATEWAY = {"door": "gateway", "certificate": "hub-map", "client_id": ID, "client_secret": "s"}


@pytest.mark.parametrize(
    ("changes", "words", "error_ids"),
    [
        pytest.param({"host": ""}, {}, ["E-FRONT-06"], id="00-no-name"),
        pytest.param({}, {"https_port": 8443}, ["E-FRONT-06"], id="01-another-port"),
        pytest.param({}, {"source_ranges": ["192.0.2.0/24"]}, ["E-FRONT-06"], id="02-networks-without-effect"),
        pytest.param({**GATEWAY, "service_type": "NodePort"}, {}, ["E-FRONT-06"], id="03-gateway-and-node-port"),
        pytest.param({"address_name": ""}, {}, ["E-FRONT-06"], id="04-no-address-name"),
        pytest.param({"address_name": "Climate_1"}, {}, ["E-FRONT-06"], id="05-no-resource-name"),
        pytest.param({"address_name": "a" * 64}, {}, ["E-FRONT-06"], id="06-name-too-long"),
        pytest.param({"draining": -1}, {}, ["E-FRONT-06"], id="07-draining-backwards"),
        pytest.param({"draining": 3601}, {}, ["E-FRONT-06"], id="08-draining-for-ever"),
        pytest.param({"timeout": 3599}, {}, ["E-FRONT-09"], id="09-websockets-cut"),
        pytest.param({"timeout": 86401}, {}, ["E-FRONT-09"], id="10-longer-than-google-takes"),
        pytest.param({**GATEWAY, "certificate": "managed"}, {}, ["E-CERT-25"], id="11-gateway-without-map"),
        pytest.param({"host": "a" * 60 + ".org"}, {}, ["E-CERT-26"], id="12-name-too-long-for-managed"),
        pytest.param({"certificate": "My Cert"}, {}, ["E-FRONT-06"], id="13-no-certificate-name"),
        pytest.param({**GATEWAY, "certificate": ""}, {}, ["E-FRONT-06"], id="14-no-map-name"),
        pytest.param({"client_id": ID}, {}, ["E-IAP-20"], id="15-no-secret"),
        pytest.param({"client_secret": "s"}, {}, ["E-IAP-20"], id="16-no-id"),
        pytest.param({**GATEWAY, "client_id": "", "client_secret": ""}, {}, ["E-IAP-21"], id="17-googles-client"),
        pytest.param(
            {"host": "", "timeout": 30, "client_id": ID},
            {"https_port": 8443},
            ["E-FRONT-06", "E-FRONT-06", "E-FRONT-09", "E-IAP-20"],
            id="18-all-are-told",
        ),
        pytest.param({}, {}, [], id="19-ingress"),
        pytest.param(GATEWAY, {}, [], id="20-gateway"),
        pytest.param({"host": "a" * 59 + ".org", "timeout": 3600, "draining": 0}, {}, [], id="21-at-the-lower-bounds"),
        pytest.param({"timeout": 86400, "draining": 3600, "address_name": "a" * 63}, {}, [], id="22-upper-bounds"),
        pytest.param({"host": "a" * 60 + ".org", "certificate": "own"}, {}, [], id="23-long-name-own-certificate"),
        pytest.param({"service_type": "NodePort"}, {}, [], id="24-ingress-by-node-port"),
    ],
)
def test_settings_that_cannot_work(changes: Json, words: Json, error_ids: list[str]) -> None:
    assert [error.error_id for error in verdicts.problems(replace(FRONT, **changes), **words)] == error_ids


def test_the_missing_half_of_a_client_is_named() -> None:
    (no_secret,) = verdicts.problems(replace(FRONT, client_id=ID))
    (no_id,) = verdicts.problems(replace(FRONT, client_secret="s"))
    assert "gke_iap_client_secret is empty" in no_secret.what
    assert "gke_iap_client_id is empty" in no_id.what


SETTINGS: Json = {
    "host": "hub.example.org",
    "https_port": "443",
    "source_ranges": [],
    "door": "ingress",
    "address_name": "climate-hub-front",
    "certificate": "managed",
    "oauth_client": "google_managed",
    "client_id": "",
    "client_secret": "",
    "service_type": "ClusterIP",
    "timeout": "86400",
    "draining": "60",
}


@pytest.mark.parametrize(
    ("changes", "ok", "text"),
    [
        pytest.param({"oauth_client": "own"}, False, "neither id nor secret", id="00-own-client-is-missing"),
        pytest.param({"client_id": ID, "client_secret": "s"}, False, ID, id="01-client-would-be-ignored"),
        pytest.param({"https_port": 8443}, False, "E-FRONT-06", id="02-a-problem"),
        pytest.param({"members": ["group:g"]}, False, "E-IAP-02 gke_iap_members: 'group:g' cannot", id="03-no-member"),
        pytest.param(
            {"members": ["user:a@b.test", "group:g@example.org"]}, False, ": group:g@example.org.", id="07-left"
        ),
        pytest.param({"members": ["domain:Example.com"]}, False, "E-VALUES-03 gke_iap_members", id="08-its-domain"),
        pytest.param(
            {"members": [f"group:g{number}@example.org" for number in range(251)]}, False, "E-IAP-04", id="04-too-many"
        ),
        pytest.param(
            {"members": ["group:g@physics.test"]},
            True,
            "ingress with Identity-Aware Proxy, Google's OAuth client, a managed certificate, address climate-hub",
            id="05-ingress",
        ),
        pytest.param(
            GATEWAY | {"oauth_client": "own"},
            True,
            "gateway with Identity-Aware Proxy, an OAuth client of its own, certificate map hub-map, address climate",
            id="06-gateway",
        ),
    ],
)
def test_settings_as_rows(changes: Json, ok: bool, text: str) -> None:
    (row,) = verdicts.rows(SETTINGS | changes)
    assert (row["check"], row["ok"]) == ("front door", ok)
    assert text in row["text"]


def test_a_map_that_is_called_like_the_address_is_corrected_where_the_address_is() -> None:
    named = {"door": "gateway", "address_name": "climate.hub-hub-front", "certificate": "climate.hub-hub-front"}
    client = {"oauth_client": "own", "client_id": "c", "client_secret": "s"}
    (row,) = verdicts.rows(SETTINGS | named | client)
    assert "Do: set gke_iap_address_name" in row["text"]


BACKEND = Backend("k8s1-a", "7", iap=True, timeout=86400)
INGRESS: Json = {
    "kind": "Ingress",
    "metadata": {},
    "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}},
}
LIVE_GATEWAY: Json = {
    "kind": "Gateway",
    "metadata": {},
    "status": {
        "addresses": [{"type": "IPAddress", "value": "203.0.113.7"}],
        "conditions": [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}],
    },
}


def unprogrammed(**said: str) -> Json:
    return LIVE_GATEWAY | {"status": {"conditions": [{"type": "Programmed", "status": "False", **said}]}}


@pytest.mark.parametrize(
    ("changes", "door", "backends", "reason"),
    [
        pytest.param({}, None, [BACKEND], "the Ingress is gone", id="00-gone"),
        pytest.param(GATEWAY, None, [BACKEND], "the Gateway is gone", id="01-gateway-gone"),
        pytest.param({}, {"kind": "Ingress"}, [BACKEND], "the Ingress has no address yet", id="02-no-address"),
        pytest.param(
            {},
            INGRESS | {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}},
            [BACKEND],
            "the Ingress has 192.0.2.1, wanted 203.0.113.7",
            id="03-another-address",
        ),
        pytest.param(
            GATEWAY,
            unprogrammed(message="certificate map not found.", reason="Invalid"),
            [BACKEND],
            "the Gateway is not programmed: certificate map not found",
            id="04-not-programmed",
        ),
        pytest.param(
            GATEWAY, unprogrammed(reason="Pending"), [BACKEND], "the Gateway is not programmed: Pending", id="05-reason"
        ),
        pytest.param(
            GATEWAY,
            LIVE_GATEWAY | {"status": {}},
            [BACKEND],
            "the Gateway is not programmed: nothing said yet",
            id="06-silent",
        ),
        pytest.param({}, INGRESS, [], "Google has made no backend for Service hub-front yet", id="07-no-backend"),
        pytest.param(
            {},
            INGRESS,
            [replace(BACKEND, iap=False)],
            "backend k8s1-a has Identity-Aware Proxy off",
            id="08-open",
        ),
        pytest.param(
            {"client_id": ID, "client_secret": "s"},
            INGRESS,
            [replace(BACKEND, client_id="2-b")],
            "backend k8s1-a does not have this hub's OAuth client yet",
            id="09-another-client",
        ),
        pytest.param(
            {},
            INGRESS,
            [replace(BACKEND, client_id="2-b")],
            "backend k8s1-a has the OAuth client 2-b in place of Google's",
            id="09-a-client-where-googles-is-wanted",
        ),
        pytest.param(
            {},
            INGRESS,
            [replace(BACKEND, timeout=3599)],
            "backend k8s1-a cuts connections after 3599 s, wanted 86400",
            id="10-websockets-cut",
        ),
        pytest.param(
            GATEWAY,
            LIVE_GATEWAY,
            [replace(BACKEND, client_id=ID), replace(BACKEND, name="k8s1-b", iap=False)],
            "backend k8s1-b has Identity-Aware Proxy off",
            id="11-every-backend-counts",
        ),
        pytest.param(
            {},
            INGRESS | {"metadata": {"name": "hub-front", "deletionTimestamp": "2026-11-22T14:00:00Z"}},
            [BACKEND],
            "Ingress/hub-front is going",
            id="12-going",
        ),
    ],
)
def test_a_door_that_is_not_ready(changes: Json, door: Any, backends: list[Backend], reason: str) -> None:
    found = verdicts.judge(replace(FRONT, **changes), door, "203.0.113.7", backends)
    assert found == Verdict(State.PENDING, reason)


@pytest.mark.parametrize(
    ("changes", "door", "address", "backend"),
    [
        pytest.param({}, INGRESS, "203.0.113.7", BACKEND, id="00-ingress"),
        pytest.param({}, INGRESS, "", replace(BACKEND, timeout=3600), id="01-any-address-and-the-shortest-timeout"),
        pytest.param(GATEWAY, LIVE_GATEWAY, "203.0.113.7", replace(BACKEND, client_id=ID), id="02-gateway"),
    ],
)
def test_a_door_that_is_ready(changes: Json, door: Json, address: str, backend: Backend) -> None:
    found = verdicts.judge(replace(FRONT, **changes), door, address, [backend])
    assert found == Verdict(State.DONE, "203.0.113.7, k8s1-a")


def test_another_address_beside_the_reserved_one_is_fine() -> None:
    both = INGRESS | {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"ip": "2001:db8::7"}]}}}
    assert verdicts.judge(FRONT, both, "203.0.113.7", [BACKEND]).state is State.DONE


@pytest.mark.parametrize(
    ("changes", "client", "refused"),
    [
        pytest.param({}, ID, True, id="00-own-to-google"),
        pytest.param({"client_id": ID, "client_secret": "s"}, ID, False, id="01-own-stays"),
        pytest.param({"client_id": ID, "client_secret": "s"}, "2-b", False, id="02-another-own"),
        pytest.param({}, "", False, id="03-cleared-in-compute-or-google-all-along"),
        pytest.param({"door": "gateway"}, ID, False, id="04-not-an-ingress"),
    ],
)
def test_gke_does_not_go_back_to_googles_client(changes: Json, client: str, refused: bool) -> None:
    error = verdicts.stuck_client(replace(FRONT, **changes), [replace(BACKEND, client_id=client)])
    assert (error.error_id if error else "") == ("E-IAP-22" if refused else "")
    assert error is None or "k8s1-a" in error.what


def test_kinds_that_are_missing_are_named_with_the_switch() -> None:
    error = verdicts.unknown_kinds(FRONT, ["BackendConfig", "FrontendConfig"])
    assert (error.error_id, "BackendConfig, FrontendConfig" in error.what) == ("E-FRONT-07", True)
    assert "HttpLoadBalancing" in error.do
    assert "--gateway-api=standard" in verdicts.unknown_kinds(replace(FRONT, **GATEWAY), ["Gateway"]).do


@pytest.mark.parametrize(
    ("reason", "event", "error_id", "said"),
    [
        ("the Ingress has no address yet", "Sync: quota.", "E-FRONT-08", "the cluster says: Sync: quota"),
        ("the Ingress has no address yet", "", "E-FRONT-08", "no event tells why"),
        ("backend k8s1-a has Identity-Aware Proxy off", "", "E-IAP-23", "Identity-Aware Proxy off"),
    ],
)
def test_the_error_of_a_door_that_is_not_ready(reason: str, event: str, error_id: str, said: str) -> None:
    error = verdicts.not_ready(FRONT, reason, event, 900.2)
    assert (error.error_id, error.changed) == (error_id, Changed.SOME)
    assert error.what.startswith("Ingress/hub-front in climate is not ready after 900 s: ")
    assert said in error.what


# ---- the door that goes

GOING = {"name": "hub-front", "deletionTimestamp": "2026-11-22T14:00:00Z"}


@pytest.mark.parametrize(
    ("left", "verdict"),
    [
        pytest.param(
            [{"kind": "Ingress", "metadata": {"name": "hub-front"}}],
            Verdict(State.PENDING, "Ingress/hub-front is there and nobody deletes it"),
            id="00-made-anew",
        ),
        pytest.param(
            [{"kind": "Gateway", "metadata": {**GOING, "finalizers": ["a/b", "c"]}}],
            Verdict(State.PENDING, "Gateway/hub-front is going, held by a/b, c"),
            id="01-held",
        ),
        pytest.param(
            [{"kind": kind, "metadata": GOING} for kind in ("Gateway", "HTTPRoute")],
            Verdict(State.PENDING, "Gateway/hub-front is going; HTTPRoute/hub-front is going"),
            id="02-two",
        ),
        pytest.param([], Verdict(State.DONE, "gone"), id="03-gone"),
    ],
)
def test_when_a_door_is_gone(left: list[Json], verdict: Verdict) -> None:
    assert verdicts.judge_gone(left) == verdict


@pytest.mark.parametrize(
    ("metadata", "event", "seen", "do"),
    [
        pytest.param(
            {**GOING, "finalizers": ["a/b"]},
            "",
            "Gateway/hub-front is going, held by a/b; no event tells why",
            "see why (kubectl describe gateway hub-front --namespace climate), and run again when it is gone; "
            "if it just needs longer, raise gke_iap_timeout",
            id="held",
        ),
        pytest.param(
            {"name": "hub-front"},
            "GC: no",
            "Gateway/hub-front is there and nobody deletes it; the cluster says: GC: no",
            "stop what makes it anew (Argo CD, Flux, a person), then run again",
            id="made anew",
        ),
    ],
)
def test_the_error_of_a_door_that_does_not_go(metadata: Json, event: str, seen: str, do: str) -> None:
    error = verdicts.not_gone("climate", {"kind": "Gateway", "metadata": metadata}, event, 900)
    assert (error.error_id, error.seen, error.do, error.changed) == ("E-FRONT-10", seen, do, Changed.SOME)
    assert error.what.startswith("Gateway/hub-front in climate is not gone 900 s after its deletion")


@pytest.mark.parametrize(
    ("event", "said"), [("", "no event tells why"), ("GC: no", "the cluster says: GC: no")], ids=["silent", "told"]
)
def test_the_error_of_what_is_wanted_and_does_not_go(event: str, said: str) -> None:
    error = verdicts.in_the_way("climate", {"kind": "Ingress", "metadata": GOING}, event, 900)
    assert (error.error_id, error.changed) == ("E-FRONT-10", Changed.NOTHING)
    assert error.what == (
        "Ingress/hub-front in climate was deleted before this run and is not gone after 900 s, so it cannot "
        "be made anew"
    )
    assert error.seen == f"Ingress/hub-front is going; {said}"
    assert error.do.startswith("see why (kubectl describe ingress hub-front --namespace climate), and run again when")
