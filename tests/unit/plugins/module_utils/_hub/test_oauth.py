# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may enter: the layer of hub_oauth, deny rows first."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import oauth

Json = dict[str, Any]

VARIABLES: Json = {
    "hub_domain": "hub.example.org",
    "hub_oauth_provider": "generic",
    "hub_oauth_issuer": "https://issuer.example.org/",
    "hub_oauth_client_id": "hub",
    "hub_oauth_allowed_users": ["ada"],
}
DISCOVERY: Json = {
    "issuer": "https://issuer.example.org/",
    "authorization_endpoint": "https://issuer.example.org/auth",
    "token_endpoint": "https://issuer.example.org/token",
    "userinfo_endpoint": "https://issuer.example.org/me",
    "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "ca_pem": "",
    "problem": {},
}
TRAITS: Json = {
    "authorize_url": "https://issuer.example.org/auth",
    "token_url": "https://issuer.example.org/token",
    "userdata_url": "https://issuer.example.org/me",
    "username_claim": "preferred_username",
    "scope": ["openid", "profile", "email"],
    "basic_auth": False,
    "login_service": "issuer.example.org",
}
ENVIRONMENT: Json = {
    "OAUTH_CLIENT_ID": "hub",
    "OAUTH_CALLBACK_URL": "https://hub.example.org/hub/oauth_callback",
    "OAUTH_CLIENT_SECRET": {"valueFrom": {"secretKeyRef": {"name": "hub-secrets", "key": "OAUTH_CLIENT_SECRET"}}},
}


def hub(authenticator: Json | None, traits: Json, **more: Any) -> Json:
    """The layer as it is written when only these parts differ."""
    config: Json = {"JupyterHub": {"authenticator_class": "generic-oauth"}, "GenericOAuthenticator": TRAITS | traits}
    if authenticator is not None:
        config["Authenticator"] = authenticator
    return {"hub": {"config": config, "extraEnv": ENVIRONMENT, **more}}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        pytest.param({"hub_oauth_allowed_users": []}, [("E-OAUTH-04", "hub_oauth_allowed_users")], id="00 no rule"),
        pytest.param(
            {"hub_oauth_allowed_users": [], "hub_oauth_admin_groups": ["a"]},
            [("E-OAUTH-04", "hub_oauth_allowed_users")],
            id="01 administrators are no rule about everybody else",
        ),
        pytest.param(
            {"hub_oauth_allowed_users": [], "hub_admins": ["ada"]},
            [("E-OAUTH-04", "hub_oauth_allowed_users")],
            id="02 nor are named ones",
        ),
        pytest.param({"hub_oauth_allow_all": True}, [("E-OAUTH-04", "hub_oauth_allow_all")], id="03 allow_all"),
        pytest.param({"hub_oauth_allow_all": "yes"}, [("E-OAUTH-04", "hub_oauth_allow_all")], id="04 as text"),
        pytest.param(
            {"hub_oauth_allow_all": True, "hub_oauth_acknowledge_open_hub": "no"},
            [("E-OAUTH-04", "hub_oauth_allow_all")],
            id="05 not acknowledged",
        ),
        pytest.param(
            {"hub_oauth_callback_url": "http://hub.example.org/hub/oauth_callback"},
            [("E-OAUTH-03", "hub_oauth_callback_url")],
            id="06 callback over http",
        ),
        pytest.param(
            {"hub_oauth_callback_url": "https://other.example.org/hub/oauth_callback"},
            [("E-OAUTH-03", "hub_oauth_callback_url")],
            id="07 callback of another host",
        ),
        pytest.param(
            {"hub_oauth_callback_url": "https://hub.example.org:8443/hub/oauth_callback"},
            [("E-OAUTH-03", "hub_oauth_callback_url")],
            id="08 callback of another port",
        ),
        pytest.param(
            {"hub_oauth_callback_url": "https://hub.example.org/oauth_callback"},
            [("E-OAUTH-03", "hub_oauth_callback_url")],
            id="09 callback of another path",
        ),
        pytest.param(
            {"hub_oauth_callback_url": "https://hub.example.org:x/hub/oauth_callback"},
            [("E-OAUTH-03", "hub_oauth_callback_url")],
            id="10 callback without a meaning",
        ),
        pytest.param(
            {"hub_oauth_callback_url": "https://[your hub]/hub/oauth_callback"},
            [("E-OAUTH-03", "hub_oauth_callback_url")],
            id="10a callback with brackets around no address",
        ),
        pytest.param({"hub_oauth_provider": "github"}, [("E-OAUTH-05", "hub_oauth_provider")], id="11 later"),
        pytest.param({"hub_oauth_provider": "saml"}, [("E-OAUTH-05", "hub_oauth_provider")], id="12 unknown"),
        pytest.param(
            {"hub_oauth_registration": "dynamic"}, [("E-OAUTH-05", "hub_oauth_registration")], id="13 registration"
        ),
        pytest.param(
            {"hub_oauth_token_auth_method": "none"}, [("E-OAUTH-05", "hub_oauth_token_auth_method")], id="14 method"
        ),
        pytest.param({"hub_domain": ""}, [("E-OAUTH-06", "hub_domain")], id="15 no host name"),
        pytest.param(
            {"hub_domain": "", "hub_oauth_callback_url": "https://hub.example.org/hub/oauth_callback"},
            [("E-OAUTH-06", "hub_domain")],
            id="15a no host name, so no callback is held against it",
        ),
        pytest.param({"hub_oauth_issuer": ""}, [("E-OAUTH-06", "hub_oauth_issuer")], id="16 no issuer"),
        pytest.param({"hub_oauth_client_id": ""}, [("E-OAUTH-06", "hub_oauth_client_id")], id="17 no client"),
        pytest.param(
            {"hub_oauth_allowed_user": ["bob"]}, [("E-VALUES-09", "hub_oauth_allowed_user")], id="18 misspelt"
        ),
        pytest.param(
            {"hub_oauth_allowed_organizations": ["example"]},
            [("E-VALUES-09", "hub_oauth_allowed_organizations")],
            id="19 a rule this provider does not have must not be ignored",
        ),
        pytest.param(
            {"hub_oauth_username_claim": ""}, [("E-OAUTH-06", "hub_oauth_username_claim")], id="20 nobody has a name"
        ),
        pytest.param(
            {"hub_oauth_groups_claim": "", "hub_oauth_admin_groups": ["a"]},
            [("E-OAUTH-06", "hub_oauth_groups_claim")],
            id="21 nobody has groups",
        ),
        pytest.param({"hub_oauth_groups_claim": ""}, [], id="22 nor needs any"),
    ],
)
def test_what_is_refused(changes: Json, found: list[tuple[str, str]]) -> None:
    findings = oauth.layer(VARIABLES | changes, DISCOVERY)[1]
    assert [(one.error_id, one.path) for one in findings] == found


@pytest.mark.parametrize(
    ("changes", "discovery", "wanted"),
    [
        pytest.param({}, {}, hub({"allowed_users": ["ada"]}, {}), id="20 one user"),
        pytest.param(
            {"hub_oauth_allowed_users": "bob, ada"},
            {},
            hub({"allowed_users": ["ada", "bob"]}, {}),
            id="21 in one order",
        ),
        pytest.param(
            {
                "hub_oauth_allowed_users": [],
                "hub_oauth_allowed_groups": ["b", "a"],
                "hub_oauth_admin_groups": ["boss"],
                "hub_oauth_groups_claim": "realm_access.roles",
            },
            {},
            hub(
                {"manage_groups": True},
                {
                    "allowed_groups": ["a", "b"],
                    "admin_groups": ["boss"],
                    "auth_state_groups_key": "oauth_user.realm_access.roles",
                    "scope": ["openid", "profile", "email", "groups"],
                },
            ),
            id="22 groups bring manage_groups, their claim and their scope",
        ),
        pytest.param(
            {"hub_oauth_allow_all": True, "hub_oauth_acknowledge_open_hub": True},
            {},
            hub({"allowed_users": ["ada"]}, {"allow_all": True}),
            id="23 acknowledged allow_all",
        ),
        pytest.param(
            {"hub_oauth_allowed_users": [], "hub_oauth_acknowledge_open_hub": True},
            {},
            hub(None, {"allow_all": True}),
            id="24 acknowledged, and no rule: everybody",
        ),
        pytest.param(
            {"hub_oauth_acknowledge_open_hub": True},
            {},
            hub({"allowed_users": ["ada"]}, {}),
            id="25 acknowledged, but a rule narrows it",
        ),
        pytest.param(
            {},
            {"ca_pem": "PEM"},
            hub(
                {"allowed_users": ["ada"]},
                {"http_request_kwargs": {"ca_certs": "/usr/local/etc/jupyterhub/oauth-issuer-ca.pem"}},
                extraFiles={
                    "oauth-issuer-ca": {
                        "mountPath": "/usr/local/etc/jupyterhub/oauth-issuer-ca.pem",
                        "stringData": "PEM",
                    }
                },
            ),
            id="26 the issuer's own authority",
        ),
        pytest.param(
            {
                "hub_oauth_scopes": ["openid", "wlcg"],
                "hub_oauth_login_service": "IAM",
                "hub_oauth_username_claim": "sub",
            },
            {},
            hub(
                {"allowed_users": ["ada"]},
                {"scope": ["openid", "wlcg"], "login_service": "IAM", "username_claim": "sub"},
            ),
            id="27 the operator's own words",
        ),
        pytest.param(
            {},
            {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
            hub({"allowed_users": ["ada"]}, {"basic_auth": True}),
            id="28 an issuer that wants the secret in the header",
        ),
        pytest.param(
            {"hub_oauth_token_auth_method": "client_secret_basic"},
            {},
            hub({"allowed_users": ["ada"]}, {"basic_auth": True}),
            id="29 chosen",
        ),
        pytest.param(
            {},
            {"scopes_supported": ["openid", "email"]},
            hub({"allowed_users": ["ada"]}, {"scope": ["openid", "email"]}),
            id="30 only scopes on offer",
        ),
        pytest.param(
            {},
            {"scopes_supported": ["profile", "email"]},
            hub({"allowed_users": ["ada"]}, {}),
            id="30a without openid nothing is a login, whatever is listed",
        ),
        pytest.param(
            {"hub_oauth_callback_url": "https://HUB.example.org:443/hub/oauth_callback"},
            {},
            hub({"allowed_users": ["ada"]}, {}),
            id="31 the same callback, written differently",
        ),
    ],
)
def test_values(changes: Json, discovery: Json, wanted: Json) -> None:
    assert oauth.layer(VARIABLES | changes, DISCOVERY | discovery) == (wanted, [])


SAID = "oauth_user.realm_access.roles"


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        pytest.param({}, {"auth_state_groups_key": SAID}, id="00 the default chart"),
        pytest.param({"z2jh_chart_version": "v4.0.0"}, {"auth_state_groups_key": SAID}, id="01 chart 4"),
        pytest.param({"z2jh_chart_version": "0.1.0"}, {"auth_state_groups_key": SAID}, id="02 a chart like today's"),
        pytest.param({"z2jh_chart_version": "3.3.8"}, {"claim_groups_key": "realm_access.roles"}, id="03 chart 3"),
        pytest.param({"z2jh_chart_version": "2.0.0"}, {"claim_groups_key": "realm_access.roles"}, id="04 chart 2"),
        pytest.param(
            {"z2jh_chart_version": ""},
            {"auth_state_groups_key": SAID, "claim_groups_key": "realm_access.roles"},
            id="05 a chart at a path, whose version nobody says",
        ),
        pytest.param(
            {"z2jh_chart_version": "2024.1.1", "z2jh_values_root": "jupyterhub"},
            {"auth_state_groups_key": SAID, "claim_groups_key": "realm_access.roles"},
            id="06 a parent chart has versions of its own",
        ),
    ],
)
def test_groups_in_the_words_of_the_charts_hub(changes: Json, wanted: Json) -> None:
    asked = {"hub_oauth_allowed_groups": ["a"], "hub_oauth_groups_claim": "realm_access.roles"}
    values, findings = oauth.layer(VARIABLES | asked | changes, DISCOVERY)
    assert findings == []
    assert values is not None
    traits = values["hub"]["config"]["GenericOAuthenticator"]
    assert {name: value for name, value in traits.items() if name.endswith("groups_key")} == wanted


def own(section: str, **traits: Any) -> Json:
    """The operator's own values with some traits."""
    return {"hub": {"config": {section: traits}}}


ENDPOINT: Json = {"userdata_url": "https://issuer.example.org/me"}


@pytest.mark.parametrize(
    ("changes", "endpoint", "wanted"),
    [
        pytest.param({}, True, ENDPOINT, id="00 the endpoint"),
        pytest.param({}, False, {"userdata_from_id_token": True}, id="01 no endpoint"),
        pytest.param(
            {"z2jh_values": own("GenericOAuthenticator", userdata_from_id_token=True)},
            True,
            {},
            id="02 the operator wants the ID token",
        ),
        pytest.param(
            {"z2jh_values": own("OAuthenticator", userdata_from_id_token=True)}, True, {}, id="03 for all classes"
        ),
        pytest.param(
            {"z2jh_values": own("LocalGenericOAuthenticator", userdata_from_id_token=True)}, True, {}, id="04 local"
        ),
        pytest.param(
            {
                "z2jh_values": {
                    "hub": {
                        "config": {
                            "OAuthenticator": {"userdata_from_id_token": True},
                            "GenericOAuthenticator": {"userdata_from_id_token": False},
                        }
                    }
                }
            },
            True,
            ENDPOINT,
            id="05 the nearer section counts",
        ),
        pytest.param(
            {"z2jh_values": own("GitHubOAuthenticator", userdata_from_id_token=True)}, True, ENDPOINT, id="06 another"
        ),
        pytest.param(
            {
                "z2jh_values": {"jupyterhub": own("GenericOAuthenticator", userdata_from_id_token=True)},
                "z2jh_values_root": "jupyterhub",
            },
            True,
            {},
            id="07 below a parent chart",
        ),
        pytest.param(
            {"z2jh_values": own("GenericOAuthenticator", userdata_url="https://elsewhere.example.org/me")},
            False,
            {},
            id="08 an endpoint that the issuer does not tell",
        ),
        pytest.param({"z2jh_values": {"hub": ["odd"]}}, True, ENDPOINT, id="09 an odd shape"),
    ],
)
def test_claims_have_one_source(changes: Json, endpoint: bool, wanted: Json) -> None:
    known = DISCOVERY if endpoint else {key: DISCOVERY[key] for key in DISCOVERY if key != "userinfo_endpoint"}
    values, findings = oauth.layer(VARIABLES | changes, known)
    assert findings == []
    assert values is not None
    traits = values["hub"]["config"]["GenericOAuthenticator"]
    assert {name: value for name, value in traits.items() if name.startswith("userdata_")} == wanted


def test_issuer_without_userinfo_gives_the_claims_in_the_id_token() -> None:
    values, findings = oauth.layer(VARIABLES, {key: DISCOVERY[key] for key in DISCOVERY if key != "userinfo_endpoint"})
    traits = {key: value for key, value in TRAITS.items() if key != "userdata_url"} | {"userdata_from_id_token": True}
    assert findings == []
    assert values is not None
    assert values["hub"]["config"]["GenericOAuthenticator"] == traits


CHOICES = "choose one of: generic, iap"
BY_HAND = "; or leave it empty and set this login in z2jh_values, as the README of role hub_oauth shows"


@pytest.mark.parametrize(
    ("provider", "sentence", "do"),
    [
        ("indigo_iam", "has a value that this release cannot do yet", CHOICES + BY_HAND),
        ("saml", "has a value that does not exist", CHOICES),
    ],
)
def test_what_comes_later_is_told_from_what_does_not_exist(provider: str, sentence: str, do: str) -> None:
    values, found = oauth.layer(VARIABLES | {"hub_oauth_provider": provider}, DISCOVERY)
    assert (values, [(one.sentence, one.seen, one.do) for one in found]) == (
        {},
        [(sentence, provider, do)],
    )


def test_no_provider_is_no_layer() -> None:
    assert oauth.layer(VARIABLES | {"hub_oauth_provider": ""}, {}) == (None, [])


def test_an_issuer_with_brackets_around_no_address_is_the_look_ups_to_refuse() -> None:
    problem = {"error_id": "E-OAUTH-01", "what": "No document", "do": "look", "seen": "", "wanted": ""}
    _values, findings = oauth.layer(VARIABLES | {"hub_oauth_issuer": "https://[your issuer]/"}, {"problem": problem})
    assert [one.error_id for one in findings] == ["E-OAUTH-01"]


def test_problem_of_the_issuer_is_a_finding() -> None:
    problem = {"error_id": "E-OAUTH-01", "what": "No document", "do": "look", "seen": "HTTP 404", "wanted": ""}
    found = oauth.layer(VARIABLES, {"problem": problem, "ca_pem": ""})[1]
    assert [one.text() for one in found] == [
        "E-OAUTH-01 hub_oauth_issuer: No document. Seen: HTTP 404. Nothing was changed. Do: look."
    ]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"hub_port": 443, "hub_base_url": "/"}, "https://hub.example.org/hub/oauth_callback"),
        ({"hub_port": 8443, "hub_base_url": "/"}, "https://hub.example.org:8443/hub/oauth_callback"),
        ({"hub_port": 443, "hub_base_url": "/iris/"}, "https://hub.example.org/iris/hub/oauth_callback"),
    ],
)
def test_callback_is_computed(settings: Json, url: str) -> None:
    assert oauth.callback_url({"hub_domain": "Hub.Example.org"} | settings) == url


WHOLE = "https://hub.example.org/groups"


@pytest.mark.parametrize(
    ("claim", "listed", "refused"),
    [
        pytest.param("wlcg.groups", [], True, id="00 a known name"),
        pytest.param(WHOLE, [], True, id="01 an address as name"),
        pytest.param("org.groups", ["sub", "org.groups"], True, id="02 the issuer lists it as one"),
        pytest.param("realm_access.roles", ["sub", "groups"], False, id="03 a nested claim"),
        pytest.param("groups", ["groups"], False, id="04 no dots"),
        pytest.param("urn:example:groups", [], False, id="05 no dots either"),
    ],
)
def test_a_groups_claim_with_dots_in_its_name_is_refused(claim: str, listed: list[str], refused: bool) -> None:
    changes = {"hub_oauth_groups_claim": claim, "hub_oauth_admin_groups": ["hub-admins"]}
    findings = oauth.layer(VARIABLES | changes, DISCOVERY | {"claims_supported": listed})[1]
    assert [(one.error_id, one.path, one.seen) for one in findings] == (
        [("E-OAUTH-10", "hub_oauth_groups_claim", claim)] if refused else []
    )


def test_the_name_of_a_claim_nobody_reads_is_no_problem() -> None:
    assert oauth.layer(VARIABLES | {"hub_oauth_groups_claim": WHOLE}, DISCOVERY)[1] == []
