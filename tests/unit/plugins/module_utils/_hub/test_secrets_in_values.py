# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets among the values are found, named by their place, and never repeated."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.secrets_in_values import (
    CLIENT_SECRET,
    PLACES,
    REFERENCE,
    misplaced_secrets,
    unread,
)

CANARY = "hQ4t-Vx9_2mLpR7s"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n-----END EC PRIVATE KEY-----\n"


def nested(path: str, value: Any) -> dict[str, Any]:
    """A value at a dotted path; ``*`` becomes a name."""
    for segment in reversed(path.replace("*", "Some").split(".")):
        value = {segment: value}
    return value


@pytest.mark.parametrize("place", PLACES)
def test_known_place(place: str) -> None:
    found = list(misplaced_secrets(nested(place, CANARY)))
    do = PLACES[place] + (f", and {REFERENCE}" if place == CLIENT_SECRET else "")
    assert [(one.error_id, one.path, one.do) for one in found] == [("E-VALUES-12", place.replace("*", "Some"), do)]


@pytest.mark.parametrize(
    "hub",
    [
        pytest.param({"extraEnv": {"OAUTH_CLIENT_SECRET": {"valueFrom": {}}}}, id="00 as hub_oauth gives it"),
        pytest.param({"extraEnv": [{"name": "OAUTH_CLIENT_SECRET", "valueFrom": {}}]}, id="01 in a list"),
        pytest.param({"extraEnv": {"X": {"valueFrom": {"secretKeyRef": {"name": "hub-secrets"}}}}}, id="02 otherwise"),
        pytest.param({"extraVolumes": [{"name": "s", "secret": {"secretName": "hub-secrets"}}]}, id="03 as a file"),
        pytest.param({"extraEnv": {"X": {"name": "OAUTH_CLIENT_SECRET", "valueFrom": {}}}}, id="04 by its own name"),
    ],
)
def test_a_hub_that_reads_the_client_secret_is_not_told_how(hub: dict[str, Any]) -> None:
    values = {"hub": {**hub, "config": {"GenericOAuthenticator": {"client_secret": CANARY}}}}
    assert [one.do for one in misplaced_secrets(values)] == [PLACES[CLIENT_SECRET]]


def test_a_variable_of_peoples_servers_brings_the_hub_no_client_secret() -> None:
    variable = {"extraEnv": {"OAUTH_CLIENT_SECRET": {"valueFrom": {"secretKeyRef": {"name": "own", "key": "k"}}}}}
    assert unread({"singleuser": variable})
    assert not unread({"hub": variable})


@pytest.mark.parametrize("place", PLACES)
def test_empty_place_is_no_secret(place: str) -> None:
    assert list(misplaced_secrets(nested(place, None))) == []
    assert list(misplaced_secrets(nested(place, ""))) == []


@pytest.mark.parametrize(
    ("values", "path"),
    [
        pytest.param({"hub": {"db": {"url": f"postgresql://hub:{CANARY}@db/hub"}}}, "hub.db.url", id="00 URL"),
        pytest.param({"hub": {"extraEnv": {"API_TOKEN": CANARY}}}, "hub.extraEnv.API_TOKEN", id="01 mapping"),
        pytest.param(
            {"hub": {"extraEnv": [{"name": "OAUTH_CLIENT_SECRET", "value": CANARY}]}}, "hub.extraEnv.0", id="02 list"
        ),
        pytest.param(
            {"singleuser": {"extraEnv": {"AWS_SECRET_ACCESS_KEY": CANARY}}},
            "singleuser.extraEnv.AWS_SECRET_ACCESS_KEY",
            id="03 users' servers",
        ),
        pytest.param({"hub": {"extraFiles": {"k": {"stringData": KEY}}}}, "hub.extraFiles.k.stringData", id="04 key"),
        pytest.param({"custom": {"list": [KEY]}}, "custom.list.0", id="05 key in a list"),
        pytest.param(
            {"hub": {"config": {"CryptKeeper": {"keys": [CANARY]}}}},
            "hub.config.CryptKeeper.keys",
            id="06 list of keys",
        ),
        pytest.param(
            {"hub": {"config": {"GoogleOAuthenticator": {"google_service_account_keys": {"example.org": CANARY}}}}},
            'hub.config.GoogleOAuthenticator.google_service_account_keys."example.org"',
            id="07 below a known place",
        ),
        pytest.param({"hub": {"extraEnv": {"API_TOKEN": {"value": CANARY}}}}, "hub.extraEnv.API_TOKEN", id="08 entry"),
        pytest.param(
            {"hub": {"config": {"KubeSpawner": {"environment": {"API_TOKEN": CANARY}}}}},
            "hub.config.KubeSpawner.environment.API_TOKEN",
            id="09 KubeSpawner's own",
        ),
        pytest.param(
            {"singleuser": {"profileList": [{"kubespawner_override": {"environment": {"API_TOKEN": CANARY}}}]}},
            "singleuser.profileList.0.kubespawner_override.environment.API_TOKEN",
            id="10 a profile's",
        ),
        pytest.param(
            {"hub": {"extraEnv": {"X": {"name": "API_TOKEN", "value": CANARY}}}},
            "hub.extraEnv.X",
            id="11 entry with a name of its own",
        ),
        pytest.param(
            {"hub": {"config": {"LDAPAuthenticator": {"lookup_dn_search_password": CANARY}}}},
            "hub.config.LDAPAuthenticator.lookup_dn_search_password",
            id="12 a login's own setting",
        ),
        pytest.param(
            {"hub": {"config": {"SharedPasswordAuthenticator": {"admin_password": CANARY}}}},
            "hub.config.SharedPasswordAuthenticator.admin_password",
            id="13 likewise",
        ),
        pytest.param(
            {"hub": {"config": {"JupyterHub": {"proxy_auth_token": CANARY}}}},
            "hub.config.JupyterHub.proxy_auth_token",
            id="14 likewise",
        ),
        pytest.param(
            {"hub": {"config": {"NativeAuthenticator": {"secret_key": CANARY}}}},
            "hub.config.NativeAuthenticator.secret_key",
            id="15 likewise",
        ),
        pytest.param(
            {"hub": {"config": {"JupyterHub": {"db_url": f"postgresql://hub:{CANARY}@db/hub"}}}},
            "hub.config.JupyterHub.db_url",
            id="16 URL in the class's own setting",
        ),
        pytest.param(
            {"hub": {"extraEnv": {"HTTPS_PROXY": f"http://ada:{CANARY}@proxy.example.org:3128"}}},
            "hub.extraEnv.HTTPS_PROXY",
            id="17 URL in a variable",
        ),
        pytest.param(
            {"hub": {"extraContainers": [{"name": "x", "env": [{"name": "DB_PASSWORD", "value": CANARY}]}]}},
            "hub.extraContainers.0.env.0",
            id="18 a container's",
        ),
        pytest.param(
            {"hub": {"config": {"JupyterHub": {"services": [{"name": "x", "api_token": CANARY}]}}}},
            "hub.config.JupyterHub.services.0.api_token",
            id="19 a member of a setting",
        ),
    ],
)
def test_telling_value(values: dict[str, Any], path: str) -> None:
    found = list(misplaced_secrets(values))
    assert [(one.error_id, one.path) for one in found] == [("E-VALUES-12", path)]
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"hub": {"db": {"url": "postgresql://hub@db/hub"}}},
        {"hub": {"db": {"url": "postgresql://[broken"}}},
        {"hub": {"extraEnv": {"TOKEN": {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}}}},
        {"hub": {"extraEnv": {"TOKEN": ""}}},
        {"hub": {"extraEnv": {"TOKEN": {"name": "PLAIN", "value": "x"}}}},
        {"hub": {"extraEnv": {"OAUTH_CLIENT_ID": "hub", "TOKEN_URL": "https://x/token"}}},
        {"hub": {"extraEnv": [{"name": "SECRET", "valueFrom": {}}, "odd"]}},
        {"hub": {"extraContainers": [{"env": [{"name": "DB_PASSWORD", "valueFrom": {}}]}, {"env": "odd"}]}},
        {"hub": {"extraEnv": {"DB_URL": "postgresql://hub:$(PGPASSWORD)@db/hub"}}},
        {"hub": {"extraEnv": {"HTTPS_PROXY": "http://proxy.example.org:3128", "ODD": "http://[broken"}}},
        {"hub": {"config": {"NativeAuthenticator": {"check_common_password": True}}}},
        {"hub": {"config": {"LDAPAuthenticator": {"lookup_dn_search_password": ""}}}},
        {"hub": {"config": {"GenericOAuthenticator": {"token_url": "https://x/token"}}}},
        {"hub": {"config": {"GenericOAuthenticator": {"userdata_from_id_token": True}}}},
        {"hub": {"config": {"KubeSpawner": {"volumes": [{"name": "v", "secret": {"secretName": "mine"}}]}}}},
        {"hub": {"extraFiles": {"ca": {"stringData": "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"}}}},
        {"proxy": {"https": {"secret": {"name": "hub-tls", "key": "tls.key", "crt": "tls.crt"}}}},
        {"imagePullSecrets": ["mine"]},
    ],
)
def test_no_secret(values: dict[str, Any]) -> None:
    assert list(misplaced_secrets(values)) == []


def test_no_secret_reaches_a_finding() -> None:
    for place in PLACES:
        assert CANARY not in repr(list(misplaced_secrets(nested(place, CANARY))))
