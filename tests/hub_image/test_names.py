# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the chart's hub knows by name, compared with what the lint and the layer believe."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import layers, lint
from oauthenticator.generic import GenericOAuthenticator
from traitlets.config import Config

FOUND = {
    "authorization_endpoint": "https://issuer.example.org/auth",
    "token_endpoint": "https://issuer.example.org/token",
    "userinfo_endpoint": "https://issuer.example.org/me",
}
VARIABLES: dict[str, Any] = {
    "hub_domain": "hub.example.org",
    "hub_https_type": "secret",
    "hub_oauth_provider": "generic",
    "hub_oauth_issuer": "https://issuer.example.org/",
    "hub_oauth_client_id": "hub",
    "hub_oauth_allowed_groups": ["physicists"],
    "hub_oauth_groups_claim": "roles",
}
ID_TOKEN = {"userdata_from_id_token": True}


def authenticator(**changes: Any) -> GenericOAuthenticator:
    """The real class with the configuration of the layer."""
    result = layers.chart_values(VARIABLES | changes, FOUND, {"OAUTH_CLIENT_SECRET": "hQ4t-Vx9_2mLpR7s"})
    assert [finding.text() for finding in result.findings] == []
    values = result.values[changes["z2jh_values_root"]] if "z2jh_values_root" in changes else result.values
    return GenericOAuthenticator(config=Config(values["hub"]["config"]))


def test_short_names_of_authenticators() -> None:
    known = {one.name for one in entry_points(group="jupyterhub.authenticators")}
    assert set(lint.AUTHENTICATORS) == known
    assert set(lint.REMOVED_CLASSES) & known == set()
    assert known >= lint.OAUTH_CLASSES


@pytest.mark.parametrize("name", sorted(lint.OAUTH_CLASSES))
def test_every_login_by_oauth_reads_the_variables_that_are_recommended(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_CLIENT_ID", "hub")
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", "hQ4t-Vx9_2mLpR7s")
    (found,) = entry_points(group="jupyterhub.authenticators", name=name)
    one = found.load()(config=Config({"Auth0OAuthenticator": {"auth0_domain": "example.org"}}))
    assert (one.client_id, one.client_secret) == ("hub", "hQ4t-Vx9_2mLpR7s")


def test_full_names_that_are_recommended_exist() -> None:
    for name in lint.REMOVED_CLASSES["lti"].split(" or "):
        module, _dot, kind = name.rpartition(".")
        assert hasattr(importlib.import_module(module), kind)


@pytest.mark.parametrize("section", ["GenericOAuthenticator", "OAuthenticator"])
def test_claims_from_the_id_token_by_the_operators_own_values(section: str) -> None:
    one = authenticator(z2jh_values={"hub": {"config": {section: ID_TOKEN}}})
    assert (one.userdata_from_id_token, one.userdata_url) == (True, "")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="00 the chart's version is known"),
        pytest.param({"z2jh_chart_version": ""}, id="01 it is not: both names are there"),
        pytest.param({"z2jh_values_root": "jupyterhub"}, id="02 nor is that below a parent chart"),
        pytest.param({"z2jh_chart_version": "3.3.8"}, id="03 the old name, read by the new release, too"),
    ],
)
def test_the_claim_with_the_groups_is_read(changes: dict[str, Any]) -> None:
    one = authenticator(**changes)
    assert one.auth_state_groups_key == "oauth_user.roles"
    assert one.userdata_url == FOUND["userinfo_endpoint"]


@pytest.mark.parametrize("name", ["ada", "ada l.", "ada@example.org", "Ünal", "", " ada", "ada ", "physics/ada", "/"])
def test_the_lint_refuses_the_names_with_which_the_hub_does_not_start(name: str) -> None:
    assert lint.is_user_name(name) is GenericOAuthenticator().validate_username(name)


def test_blocked_names_are_compared_as_they_stand_and_in_one_list_only() -> None:
    lists = {"Authenticator": {"blocked_users": ["mallory"]}, "GenericOAuthenticator": {"blocked_users": ["Eve"]}}
    one = GenericOAuthenticator(config=Config(lists))
    assert one.normalize_username("Eve") == "eve"
    assert [one.check_blocked_users(name) for name in ("eve", "mallory", "Eve")] == [True, True, False]
