# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the layer hub_oauth for IAP: what is refused, then whole layers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import layers, lint, oauth, oauth_iap
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.hub_program import hub_program

Json = dict[str, Any]

AUDIENCE = "/projects/123456789012/global/backendServices/1234567890"
VARIABLES: Json = {
    "hub_domain": "hub.physics.test",
    "hub_admins": ["Root@physics.test"],
    "hub_oauth_provider": "iap",
    "hub_oauth_allowed_domains": ["physics.test"],
}
FOUND: Json = {"audiences": [AUDIENCE], "pending": False, "ca_pem": "", "problem": {}}
FILE = {"mountPath": "/usr/local/etc/jupyterhub/researchops_hub.py", "stringData": hub_program()}
UNREACHABLE = {"error_id": "E-K8S-01", "what": "The cluster cannot be reached", "do": "check", "seen": "", "wanted": ""}


@pytest.mark.parametrize(
    ("changes", "found", "wanted"),
    [
        pytest.param(
            {"hub_oauth_allowed_domains": []}, {}, [("E-OAUTH-04", "hub_oauth_allowed_users")], id="00 no rule"
        ),
        pytest.param({"hub_oauth_allow_all": True}, {}, [("E-OAUTH-04", "hub_oauth_allow_all")], id="01 allow_all"),
        pytest.param(
            {"hub_oauth_allowed_domains": [], "hub_oauth_allowed_groups": ["g"]},
            {},
            [("E-OAUTH-09", "hub_oauth_allowed_groups"), ("E-OAUTH-04", "hub_oauth_allowed_users")],
            id="02 a group is no rule here",
        ),
        pytest.param(
            {"hub_oauth_admin_groups": ["g"]}, {}, [("E-OAUTH-09", "hub_oauth_admin_groups")], id="03 nor there"
        ),
        pytest.param({}, {"audiences": []}, [("E-IAP-34", "hub_oauth_iap_audiences")], id="04 no audience"),
        pytest.param(
            {},
            {"audiences": [], "problem": UNREACHABLE},
            [("E-K8S-01", "hub_oauth_iap_audiences")],
            id="05 nobody to ask",
        ),
        pytest.param(
            {"hub_oauth_iap_audiences": ["/projects/example-research/global/backendServices/1"]},
            {},
            [("E-IAP-34", "hub_oauth_iap_audiences")],
            id="06 the project's id instead of its number",
        ),
        pytest.param(
            {"hub_oauth_iap_audiences": ["1234-abc.apps.googleusercontent.com"]},
            {},
            [("E-IAP-34", "hub_oauth_iap_audiences")],
            id="07 an OAuth client instead of a backend service",
        ),
        pytest.param(
            {"hub_admins": ["root"]}, {}, [("E-OAUTH-09", "hub_admins")], id="08 an administrator's login name"
        ),
        pytest.param(
            {"hub_oauth_allowed_users": ["ada"]}, {}, [("E-OAUTH-09", "hub_oauth_allowed_users")], id="09 a login name"
        ),
        *(
            pytest.param(
                {"hub_oauth_allowed_domains": [domain]},
                {},
                [("E-OAUTH-09", "hub_oauth_allowed_domains")],
                id=f"10 {domain}",
            )
            for domain in ("*", "*.physics.test", "ada@physics.test", "localhost")
        ),
        *(
            pytest.param(
                {"hub_oauth_allowed_domains": ["physics.test", domain]},
                {},
                [("E-VALUES-03", "hub_oauth_allowed_domains")],
                id=f"12 {domain}, left as it was",
            )
            for domain in ("example.org", "Example.COM", "dept.example.net")
        ),
        pytest.param(
            {"hub_oauth_allowed_domains": [""]},
            {},
            [("E-VALUES-08", "hub_oauth_allowed_domains"), ("E-OAUTH-04", "hub_oauth_allowed_users")],
            id="10 a template that came to nothing",
        ),
        *(
            pytest.param({name: value}, {}, [("E-OAUTH-09", name)], id=f"11 {name}")
            for name, value in {
                "hub_oauth_issuer": "https://issuer.physics.test/",
                "hub_oauth_client_id": "hub",
                "hub_oauth_callback_url": "https://hub.physics.test/hub/oauth_callback",
                "hub_oauth_token_auth_method": "client_secret_post",
                "hub_oauth_scopes": ["openid"],
                "hub_oauth_username_claim": "sub",
                "hub_oauth_groups_claim": "g",
                "hub_oauth_login_service": "Google",
            }.items()
        ),
    ],
)
def test_what_is_refused(changes: Json, found: Json, wanted: list[tuple[str, str]]) -> None:
    findings = oauth.layer(VARIABLES | changes, FOUND | found)[1]
    assert [(one.error_id, one.path) for one in findings] == wanted


@pytest.mark.parametrize("name", oauth_iap.ONLY_IAP)
def test_what_only_iap_reads_is_no_rule_of_another_provider(name: str) -> None:
    variables = {
        "hub_domain": "hub.physics.test",
        "hub_oauth_provider": "generic",
        "hub_oauth_issuer": "https://issuer.physics.test/",
        "hub_oauth_client_id": "hub",
        "hub_oauth_allowed_users": ["ada"],
        name: ["physics.test"],
    }
    assert [(one.error_id, one.path) for one in oauth.layer(variables, {})[1]] == [("E-OAUTH-09", name)]


def hub(traits: Json, files: Json | None = None, **config: Json) -> Json:
    """The layer as it is written when only these parts differ."""
    sections = {"JupyterHub": {"authenticator_class": "researchops_hub.IAPAuthenticator"}, "IAPAuthenticator": traits}
    return {"hub": {"config": sections | config, "extraFiles": {"researchops-hub": FILE} | (files or {})}}


CA = {"oauth-issuer-ca": {"mountPath": oauth_iap.CA_MOUNT, "stringData": "PEM"}}


@pytest.mark.parametrize(
    ("changes", "found", "wanted"),
    [
        pytest.param({}, {}, hub({"audiences": [AUDIENCE], "allowed_domains": ["physics.test"]}), id="20 domains"),
        pytest.param(
            {"hub_oauth_allowed_domains": "Guests.TEST, physics.test"},
            {},
            hub({"audiences": [AUDIENCE], "allowed_domains": ["guests.test", "physics.test"]}),
            id="21 in one spelling and order",
        ),
        pytest.param(
            {"hub_oauth_allowed_domains": [], "hub_oauth_allowed_users": ["Bob@physics.test", "ada@guests.test"]},
            {},
            hub({"audiences": [AUDIENCE]}, Authenticator={"allowed_users": ["ada@guests.test", "bob@physics.test"]}),
            id="22 people",
        ),
        pytest.param(
            {"hub_oauth_allowed_domains": [], "hub_oauth_acknowledge_open_hub": True},
            {},
            hub({"audiences": [AUDIENCE], "allow_all": True}),
            id="23 acknowledged: everybody whom IAP lets in",
        ),
        pytest.param(
            {
                "hub_oauth_iap_audiences": [
                    "/projects/1/global/backendServices/3",
                    "/projects/1/global/backendServices/2",
                ]
            },
            {"audiences": ["/projects/9/global/backendServices/9"]},
            hub(
                {
                    "audiences": ["/projects/1/global/backendServices/2", "/projects/1/global/backendServices/3"],
                    "allowed_domains": ["physics.test"],
                }
            ),
            id="24 the operator's own audiences count alone",
        ),
        pytest.param(
            {},
            {"audiences": [], "pending": True},
            hub({"audiences": [oauth_iap.UNKNOWN_AUDIENCE], "allowed_domains": ["physics.test"]}),
            id="25 the front door is still to come",
        ),
        pytest.param(
            {"hub_oauth_iap_audiences": [AUDIENCE]},
            {"audiences": [], "pending": True},
            hub({"audiences": [AUDIENCE], "allowed_domains": ["physics.test"]}),
            id="25a and somebody knows its audience already",
        ),
        pytest.param(
            {},
            {"ca_pem": "PEM"},
            hub({"audiences": [AUDIENCE], "allowed_domains": ["physics.test"], "keys_ca_file": oauth_iap.CA_MOUNT}, CA),
            id="26 an authority of one's own",
        ),
        pytest.param(
            {"hub_oauth_iap_audiences": ["/projects/1/regions/europe-west4/backendServices/2"]},
            {},
            hub(
                {
                    "audiences": ["/projects/1/regions/europe-west4/backendServices/2"],
                    "allowed_domains": ["physics.test"],
                }
            ),
            id="27 a regional one",
        ),
    ],
)
def test_the_layer(changes: Json, found: Json, wanted: Json) -> None:
    assert oauth.layer(VARIABLES | changes, FOUND | found) == (wanted, [])


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        pytest.param({"z2jh_chart_version": "3.3.8"}, True, id="40 JupyterHub 4"),
        pytest.param({"z2jh_chart_version": "v2.0.0"}, True, id="41 older still"),
        pytest.param({"z2jh_chart_version": "4.0.0"}, False, id="42 JupyterHub 5"),
        pytest.param({"z2jh_chart_version": ""}, False, id="43 a chart at a path"),
        pytest.param({"z2jh_chart_version": "1.0.0", "z2jh_values_root": "jupyterhub"}, False, id="44 a parent's"),
    ],
)
def test_a_chart_with_a_jupyterhub_that_the_class_is_not_for(changes: Json, refused: bool) -> None:
    told = [(one.error_id, one.path) for one in oauth.layer(VARIABLES | changes, FOUND)[1]]
    assert told == ([("E-OAUTH-09", "z2jh_chart_version")] if refused else [])


def test_the_merged_values_pass_the_lint() -> None:
    result = layers.chart_values(VARIABLES, FOUND)
    assert [finding.text() for finding in result.findings] == []
    assert result.values["hub"]["config"]["Authenticator"] == {"admin_users": ["Root@physics.test"]}


def test_an_operators_value_cannot_open_the_hub_unsaid() -> None:
    own = {"hub": {"config": {"IAPAuthenticator": {"allowed_domains": []}}}}
    findings = layers.chart_values(VARIABLES | {"z2jh_values": own}, FOUND).findings
    assert [(one.error_id, one.path) for one in findings] == [
        ("E-OAUTH-04", "hub.config.JupyterHub.authenticator_class")
    ]
    assert "hub_oauth_allowed_domains" in findings[0].do
    own = {"hub": {"config": {"IAPAuthenticator": {"allow_all": True}}}}
    findings = layers.chart_values(VARIABLES | {"z2jh_values": own}, FOUND).findings
    assert [one.error_id for one in findings] == ["E-OAUTH-04"]


def test_a_rule_that_iap_does_not_have_is_no_rule_for_the_lint() -> None:
    config = {"JupyterHub": {"authenticator_class": "researchops_hub.IAPAuthenticator"}}
    for rule, count in (("allowed_groups", 1), ("allowed_domains", 0), ("allowed_users", 0)):
        values = {"hub": {"config": config | {"IAPAuthenticator": {rule: ["x"]}}}}
        assert [one.error_id for one in lint.lint(values, lint.Context())] == ["E-OAUTH-04"] * count, rule


def test_the_pending_audience_is_one_that_iap_never_writes() -> None:
    assert oauth_iap.AUDIENCE.fullmatch(oauth_iap.UNKNOWN_AUDIENCE)
    assert "/projects/0/" in oauth_iap.UNKNOWN_AUDIENCE
