# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where TLS ends, and which pairs of choices work."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import https
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settings import Finding

LEGAL = [("secret", ""), ("secret", "none"), ("secret", "direct"), ("manual", ""), ("ingress", ""), ("gateway", "none")]
LATER = "has a value that this release cannot do yet"
UNKNOWN = "has a value that does not exist"


@pytest.mark.parametrize(
    ("kind", "method", "error_id", "path", "sentence"),
    [
        pytest.param("none", "", "E-CERT-20", "hub_https_type", UNKNOWN, id="00 no such type"),
        pytest.param("Secret", "", "E-CERT-20", "hub_https_type", UNKNOWN, id="01 case matters"),
        pytest.param("secret", "certbot", "E-CERT-20", "letsencrypt_method", UNKNOWN, id="02 no such method"),
        pytest.param("letsencrypt", "autohttps", "E-CERT-20", "hub_https_type", LATER, id="03 autohttps"),
        pytest.param("offload", "none", "E-CERT-20", "hub_https_type", LATER, id="04 offload"),
        pytest.param("ingress", "cert_manager", "E-CERT-20", "letsencrypt_method", LATER, id="05 ingress"),
        pytest.param(
            "gateway",
            "direct",
            "E-CERT-21",
            "hub_https_type",
            "is gateway, which does not go with letsencrypt_method direct: the certificate would have two sources",
            id="06 gateway",
        ),
        pytest.param("secret", "cert_manager", "E-CERT-20", "letsencrypt_method", LATER, id="07 cert-manager"),
        pytest.param("secret", "autohttps", "E-CERT-20", "letsencrypt_method", LATER, id="08 secret and autohttps"),
        pytest.param(
            "manual",
            "direct",
            "E-CERT-21",
            "hub_https_type",
            "is manual, which does not go with letsencrypt_method direct: the certificate would have two sources",
            id="09 two sources",
        ),
    ],
)
def test_pair_that_does_not_work_is_refused(kind: str, method: str, error_id: str, path: str, sentence: str) -> None:
    found = https.pair_problem(kind, method)
    assert [(one.error_id, one.path, one.sentence) for one in found] == [(error_id, path, sentence)]


def test_methods_that_fit_are_named() -> None:
    assert [one.do for one in https.pair_problem("manual", "direct")] == [
        "set letsencrypt_method to one of: none; or choose another hub_https_type"
    ]


@pytest.mark.parametrize(("kind", "method"), LEGAL)
def test_legal_pair(kind: str, method: str) -> None:
    assert https.pair_problem(kind, method) == []


def test_every_pair_is_decided() -> None:
    pairs = set(itertools.product(https.TYPES, https.METHODS))
    legal = {pair for pair in pairs if not https.pair_problem(*pair)}
    assert legal == set(https.LEGAL)
    assert all(len(https.pair_problem(*pair)) == 1 for pair in pairs - legal)


@pytest.mark.parametrize(
    ("variables", "paths"),
    [
        pytest.param({"hub_https_type": "secret"}, ["hub_domain"], id="00 no host name"),
        pytest.param(
            {"hub_https_type": "secret", "hub_domain": "h", "hub_https_secret_name": ""},
            ["hub_https_secret_name"],
            id="01 no Secret",
        ),
        pytest.param(
            {"hub_https_type": "manual", "hub_domain": "h", "hub_https_secret_name": ""},
            ["hub_https_secret_name", "hub_https_certificate_file", "hub_https_private_key_file"],
            id="02 no files, and no Secret for them",
        ),
    ],
)
def test_what_a_type_needs_is_asked_for(variables: dict[str, str], paths: list[str]) -> None:
    found = https.layer(variables, {})[1]
    assert [(one.error_id, one.path) for one in found] == [("E-CERT-22", path) for path in paths]


@pytest.mark.parametrize("name", ["hub-secrets", "hub", "letsencrypt-account"])
@pytest.mark.parametrize("kind", ["secret", "manual", ""])
def test_a_secret_in_which_something_else_is_kept_is_refused_where_it_is_used(kind: str, name: str) -> None:
    files = {"hub_https_certificate_file": "c.pem", "hub_https_private_key_file": "k.pem"} if kind == "manual" else {}
    variables = {
        "hub_platform": "gke",
        "hub_https_type": kind,
        "hub_domain": "h",
        "hub_https_secret_name": name,
        **files,
    }
    found = https.layer(variables, {})[1]
    assert [(one.error_id, one.path) for one in found] == ([("E-CERT-19", "hub_https_secret_name")] if kind else [])


@pytest.mark.parametrize(
    "variables",
    [
        {"hub_https_type": "secret", "letsencrypt_method": "direct"},
        {"hub_https_type": "manual", "hub_https_certificate_file": "c.pem", "hub_https_private_key_file": "k.pem"},
    ],
)
def test_tls_ends_at_the_proxy_with_a_secret(variables: dict[str, str]) -> None:
    assert https.layer(variables | {"hub_domain": "Hub.Example.ORG", "hub_https_secret_name": "own"}, {}) == (
        {
            "proxy": {
                "https": {
                    "enabled": True,
                    "type": "secret",
                    "hosts": ["hub.example.org"],
                    "secret": {"name": "own", "key": "tls.key", "crt": "tls.crt"},
                }
            }
        },
        [],
    )


@pytest.mark.parametrize(
    ("port", "chp"),
    [(443, None), ("443", None), (8443, {"extraCommandLineFlags": ["--redirect-to=8443"]})],
)
def test_plain_http_is_sent_to_the_port_people_use(port: object, chp: object) -> None:
    values, findings = https.layer({"hub_domain": "h", "hub_https_type": "secret", "hub_port": port}, {})
    assert findings == []
    assert values is not None
    assert values["proxy"].get("chp") == chp


GKE = {"hub_platform": "gke", "hub_domain": "Hub.Example.ORG"}
OFFLOADED = {"proxy": {"https": {"enabled": True, "type": "offload", "hosts": ["hub.example.org"]}}}


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({}, id="the door of the role gke_iap"),
        pytest.param({"gke_iap_front_door": "gateway"}, id="its Gateway"),
        pytest.param({"hub_https_type": "ingress"}, id="said twice"),
        pytest.param({"hub_https_type": "gateway", "gke_iap_front_door": "gateway"}, id="said twice, Gateway"),
    ],
)
def test_on_gke_the_load_balancer_ends_tls(variables: dict[str, str]) -> None:
    assert https.layer(GKE | variables, {}) == (OFFLOADED, [])


def test_on_gke_a_hub_may_still_end_tls_itself() -> None:
    values, findings = https.layer(GKE | {"hub_https_type": "secret"}, {})
    assert findings == []
    assert values is not None
    assert values["proxy"]["https"]["type"] == "secret"


@pytest.mark.parametrize(
    ("variables", "error_id", "sentence"),
    [
        pytest.param(
            {"hub_platform": "bare_metal", "hub_https_type": "ingress"},
            "E-CERT-20",
            "has a value that this release cannot do yet on hub_platform bare_metal",
            id="00 no door of ours",
        ),
        pytest.param(
            GKE | {"hub_https_type": "gateway"},
            "E-CERT-27",
            "is gateway, and gke_iap_front_door is ingress: TLS ends at the front door",
            id="01 two doors",
        ),
        pytest.param(
            GKE | {"letsencrypt_method": "direct"},
            "E-CERT-21",
            "is ingress, which does not go with letsencrypt_method direct: the certificate would have two sources",
            id="02 two certificates",
        ),
        pytest.param(
            GKE | {"hub_domain": ""}, "E-CERT-22", "is not set, and hub_https_type ingress needs it", id="03 no name"
        ),
    ],
)
def test_doors_that_cannot_end_tls(variables: dict[str, str], error_id: str, sentence: str) -> None:
    found = https.layer({"hub_domain": "h"} | variables, {})[1]
    assert [(one.error_id, one.sentence) for one in found] == [(error_id, sentence)]


def test_types_that_work_elsewhere_are_named() -> None:
    (found,) = https.layer({"hub_domain": "h", "hub_https_type": "ingress"}, {})[1]
    assert found.do == "choose one of: manual, secret"


def test_no_type_is_no_layer() -> None:
    assert https.layer({"hub_domain": "h"}, {}) == (None, [])


def test_misspelt_variable_is_told() -> None:
    assert https.layer({"hub_https_secretname": "x"}, {})[1] == [
        Finding(
            "E-VALUES-09",
            "hub_https_secretname",
            "is no variable of this collection, so it would have no effect",
            "rename it to hub_https_secret_name, or remove it",
        )
    ]


def secret(*times: str, data: bool = True) -> dict[str, Any]:
    """A Secret whose fields were changed at these times, each by another manager."""
    fields = {"f:data": {"f:tls.crt": {}}} if data else {"f:metadata": {"f:labels": {}}}
    return {
        "metadata": {
            "name": "hub-tls",
            "creationTimestamp": "2026-11-22T10:00:00Z",
            "managedFields": [{"manager": f"m{time}", "time": time, "fieldsV1": fields} for time in times],
        }
    }


def pod(*started: str | None, owner: str = "proxy-58df65bffb", mounts: str = "hub-tls") -> dict[str, Any]:
    """A pod of the proxy with one container for each start; None is a container that waits."""
    return {
        "metadata": {
            "name": f"{owner}-x",
            "labels": {"pod-template-hash": "58df65bffb"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner}],
        },
        "spec": {
            "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "tls-secret", "secret": {"secretName": mounts}}]
        },
        "status": {
            "containerStatuses": [
                {"state": {"running": {"startedAt": time}} if time else {"waiting": {}}} for time in started
            ]
        },
    }


NOON = "2026-11-22T12:00:00Z"
EARLIER = "2026-11-22T11:59:59Z"
LATER_TIME = "2026-11-22T12:00:01Z"


@pytest.mark.parametrize(
    ("given", "pods", "wanted"),
    [
        pytest.param(secret(NOON), [pod(EARLIER)], ["proxy"], id="00 started before the change"),
        pytest.param(secret(NOON), [pod(NOON)], ["proxy"], id="01 in the same second: rather once too often"),
        pytest.param(secret(EARLIER, NOON), [pod(EARLIER)], ["proxy"], id="02 the last manager counts"),
        pytest.param(secret(NOON), [pod(LATER_TIME, EARLIER)], ["proxy"], id="03 the oldest container counts"),
        pytest.param(secret(NOON), [pod(EARLIER, owner="a-proxy-58df65bffb")], ["a-proxy"], id="04 prefixed name"),
        pytest.param(secret(NOON), [pod(EARLIER), pod(EARLIER)], ["proxy"], id="05 two pods, one Deployment"),
        pytest.param(secret(NOON, data=False), [pod("2026-11-22T09:00:00Z")], ["proxy"], id="06 creation counts"),
        pytest.param(secret(NOON), [pod(LATER_TIME)], [], id="07 started after the change"),
        pytest.param(secret(NOON, data=False), [pod(EARLIER)], [], id="08 only labels changed"),
        pytest.param(secret(NOON), [pod(None)], [], id="09 not started yet: it will read the new one"),
        pytest.param(secret(NOON), [], [], id="10 no proxy yet"),
        pytest.param({}, [pod(EARLIER)], [], id="11 no Secret yet"),
        pytest.param(secret(NOON), [pod(EARLIER, mounts="hub-old")], [], id="12 it still has another Secret"),
        pytest.param(secret(NOON), [pod(EARLIER) | {"spec": {}}], [], id="13 it does not end TLS yet"),
    ],
)
def test_proxy_that_serves_an_old_certificate(
    given: dict[str, Any], pods: list[dict[str, Any]], wanted: list[str]
) -> None:
    assert https.stale_proxies(given, pods) == wanted
