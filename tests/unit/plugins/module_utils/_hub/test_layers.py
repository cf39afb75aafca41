# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All layers of a hub together, and the values the chart gets in the end."""

from __future__ import annotations

import copy
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import base, https, layers, oauth
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settings import SHARED, is_secret
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.values import leaves, merge_layers
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[5]
REFERENCE = Path(os.environ.get("Z2JH_REFERENCE", ROOT.parent / "shared/data/z2jh")) / "4.4.0/values.schema.yaml"
LAB = ROOT / "tests/lab/charts/jupyterhub/values.schema.json"

DISCOVERY: Json = {
    "issuer": "https://issuer.example.org",
    "authorization_endpoint": "https://issuer.example.org/auth",
    "token_endpoint": "https://issuer.example.org/token",
    "userinfo_endpoint": "https://issuer.example.org/me",
    "scopes_supported": ["openid", "profile", "email", "groups"],
    "ca_pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "problem": {},
}
VARIABLES: Json = {
    "hub_domain": "hub.example.org",
    "hub_port": "8443",
    "hub_admins": ["ada"],
    "letsencrypt_method": "direct",
    "hub_https_type": "secret",
    "hub_oauth_provider": "generic",
    "hub_oauth_issuer": "https://issuer.example.org",
    "hub_oauth_client_id": "hub",
    "hub_oauth_client_secret": "hQ4t-Vx9_2mLpR7s",
    "hub_oauth_allowed_users": ["ada"],
    "hub_oauth_allowed_groups": ["physicists"],
    "hub_oauth_admin_groups": ["hub-admins"],
    "z2jh_storage_class": "fast",
    "z2jh_values": {"singleuser": {"memory": {"guarantee": "128M"}}},
}
SECRETS = {"OAUTH_CLIENT_SECRET": "hQ4t-Vx9_2mLpR7s"}
WANTED: Json = {
    "hub": {
        "baseUrl": "/",
        "config": {
            "Authenticator": {"admin_users": ["ada"], "allowed_users": ["ada"], "manage_groups": True},
            "GenericOAuthenticator": {
                "admin_groups": ["hub-admins"],
                "allowed_groups": ["physicists"],
                "auth_state_groups_key": "oauth_user.groups",
                "authorize_url": "https://issuer.example.org/auth",
                "basic_auth": False,
                "http_request_kwargs": {"ca_certs": "/usr/local/etc/jupyterhub/oauth-issuer-ca.pem"},
                "login_service": "issuer.example.org",
                "scope": ["openid", "profile", "email", "groups"],
                "token_url": "https://issuer.example.org/token",
                "userdata_url": "https://issuer.example.org/me",
                "username_claim": "preferred_username",
            },
            "JupyterHub": {"authenticator_class": "generic-oauth"},
        },
        "db": {"pvc": {"annotations": {"helm.sh/resource-policy": "keep"}, "storageClassName": "fast"}},
        "extraEnv": {
            "OAUTH_CALLBACK_URL": "https://hub.example.org:8443/hub/oauth_callback",
            "OAUTH_CLIENT_ID": "hub",
            "OAUTH_CLIENT_SECRET": {
                "valueFrom": {"secretKeyRef": {"key": "OAUTH_CLIENT_SECRET", "name": "hub-secrets"}}
            },
        },
        "extraFiles": {
            "oauth-issuer-ca": {
                "mountPath": "/usr/local/etc/jupyterhub/oauth-issuer-ca.pem",
                "stringData": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            }
        },
    },
    "proxy": {
        "chp": {"extraCommandLineFlags": ["--redirect-to=8443"]},
        "https": {
            "enabled": True,
            "hosts": ["hub.example.org"],
            "secret": {"crt": "tls.crt", "key": "tls.key", "name": "hub-tls"},
            "type": "secret",
        },
        "service": {"type": "ClusterIP"},
    },
    "singleuser": {
        "memory": {"guarantee": "128M"},
        "startTimeout": 900,
        "storage": {"dynamic": {"storageClass": "fast"}},
    },
}


BESIDE_GOOGLE = {
    "hub_platform": "gke",
    "hub_https_type": "",
    "letsencrypt_method": "",
    "hub_front_keep_proxy_public": True,
}


def found(variables: Json, secrets: Json | None = None) -> list[tuple[str, str]]:
    result = layers.chart_values(variables, DISCOVERY, SECRETS if secrets is None else secrets, front=True)
    return [(one.error_id, one.path) for one in result.findings]


def own(values: Json, **more: Any) -> Json:
    return VARIABLES | {"z2jh_values": values} | more


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        pytest.param(
            {"hub_domain": "hub.example.org"},
            [("E-OAUTH-04", "hub.config.JupyterHub.authenticator_class")],
            id="00 nothing chosen: anybody could enter",
        ),
        pytest.param(
            VARIABLES | {"hub_oauth_allowed_users": [], "hub_oauth_allowed_groups": []},
            [("E-OAUTH-04", "hub_oauth_allowed_users")],
            id="01 no rule is told once, by the variable",
        ),
        pytest.param(
            own({"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}}),
            [("E-OAUTH-04", "z2jh_values.hub.config.JupyterHub.authenticator_class")],
            id="02 opened by the operator's own values",
        ),
        pytest.param(
            own({"hub": {"config": {"Authenticator": {"allow_all": True}}}}),
            [("E-OAUTH-04", "z2jh_values.hub.config.Authenticator.allow_all")],
            id="03 likewise",
        ),
        pytest.param(own({"hub": {"confg": 1}}), [("E-VALUES-01", "z2jh_values.hub.confg")], id="04 unknown key"),
        pytest.param(
            own({"jupyterhub": {"hub": {"confg": 1}}}, z2jh_values_root="jupyterhub"),
            [("E-VALUES-01", "z2jh_values.jupyterhub.hub.confg")],
            id="05 unknown key below a parent chart",
        ),
        pytest.param(
            own({"hub": {}, "cull": {"timeout": 600}, "scheduling": {"own": 1}}, z2jh_values_root="jupyterhub"),
            [("E-VALUES-01", "z2jh_values.cull"), ("E-VALUES-01", "z2jh_values.hub")],
            id="06 beside the parent chart's key, which may have a key `scheduling` of its own",
        ),
        pytest.param(
            own({"jupyterhub": ["x"]}, z2jh_values_root="jupyterhub"),
            [("E-VALUES-08", "z2jh_values")],
            id="07 no mapping below the key",
        ),
        pytest.param(own("text"), [("E-VALUES-08", "z2jh_values")], id="08 no mapping at all"),
        pytest.param(
            own({"hub": {"extraEnv": {"OAUTH_CALLBACK_URL": "http://hub.example.org:8443/hub/oauth_callback"}}}),
            [("E-OAUTH-03", "z2jh_values.hub.extraEnv.OAUTH_CALLBACK_URL")],
            id="09 another callback",
        ),
        pytest.param(
            own({"hub": {"config": {"GenericOAuthenticator": {"client_secret": "hQ4t-Vx9"}}}}),
            [("E-VALUES-12", "z2jh_values.hub.config.GenericOAuthenticator.client_secret")],
            id="10 secret among the values",
        ),
        pytest.param(
            VARIABLES | {"hub_oauth_client_id": "<client id>"},
            [("E-VALUES-03", "hub.extraEnv.OAUTH_CLIENT_ID")],
            id="11 placeholder in a variable",
        ),
        pytest.param(
            VARIABLES | {"letsencrypt_method": "cert_manager"}, [("E-CERT-20", "letsencrypt_method")], id="12 pair"
        ),
        pytest.param(
            VARIABLES | {"hub_oauth_provider": "github"}, [("E-OAUTH-05", "hub_oauth_provider")], id="15 told once"
        ),
        pytest.param(
            VARIABLES | {"hub_https_type": ""}, [("E-VALUES-06", "proxy.https.enabled")], id="16 nothing ends TLS"
        ),
        pytest.param(
            own({"proxy": {"https": {"enabled": True, "type": "offload"}}}, hub_https_type="", letsencrypt_method=""),
            [("E-VALUES-06", "z2jh_values.proxy.https")],
            id="17 HTTPS that the Service hub-front cannot reach",
        ),
        pytest.param(
            own({"proxy": {"https": {"type": "offload"}}}),
            [("E-VALUES-06", "z2jh_values.proxy.https")],
            id="18 likewise, over what hub_https says",
        ),
        pytest.param(
            own({"hub": {"extraEnv": [{"value": "x"}, {"name": "A", "value": "a"}, "B=b"]}}),
            [("E-VALUES-08", "z2jh_values.hub.extraEnv.0"), ("E-VALUES-08", "z2jh_values.hub.extraEnv.2")],
            id="19 environment variables without a name",
        ),
        pytest.param(
            own({"hub": {"extraEnv": [{"name": "OAUTH_CALLBACK_URL", "value": "https://x.example.org/"}]}}),
            [("E-OAUTH-03", "z2jh_values.hub.extraEnv.OAUTH_CALLBACK_URL")],
            id="20 another callback, in a list",
        ),
        pytest.param(
            VARIABLES | BESIDE_GOOGLE,
            [("E-FRONT-12", "hub_front_keep_proxy_public")],
            id="21 a door past Identity-Aware Proxy",
        ),
        pytest.param(
            VARIABLES | {"z2jh_valuse": {}, "hub_https_typ": "x", "hub_oauth_isuer": "x"},
            [("E-VALUES-09", "z2jh_valuse"), ("E-VALUES-09", "hub_https_typ"), ("E-VALUES-09", "hub_oauth_isuer")],
            id="13 misspelt variables of three roles",
        ),
        pytest.param(
            VARIABLES | {"hub_port": "many"}, [("E-VALUES-08", "hub_port")], id="14 a shared name is told once"
        ),
    ],
)
def test_what_is_refused(variables: Json, wanted: list[tuple[str, str]]) -> None:
    assert found(variables) == wanted


def test_missing_and_placeholder_secret_are_told() -> None:
    assert found(VARIABLES, {}) == [("E-OAUTH-06", "hub_oauth_client_secret")]
    assert found(VARIABLES, {"OAUTH_CLIENT_SECRET": "changeme"}) == [("E-VALUES-03", "hub_oauth_client_secret")]


def test_layers_that_contradict_each_other_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    later = {"proxy": {"service": {"type": "NodePort"}}}
    monkeypatch.setitem(layers.LAYERS, "hub_later", lambda _variables, _discovery: (later, []))
    assert found(VARIABLES) == [("E-VALUES-02", "proxy.service.type")]
    text = layers.chart_values(VARIABLES, DISCOVERY, SECRETS).findings[0].text()
    assert "by the layers z2jh and hub_later" in text
    assert found(own({"proxy": {"service": {"type": "NodePort"}}})) == []


def test_values_of_the_whole_hub() -> None:
    result = layers.chart_values(VARIABLES, DISCOVERY, SECRETS)
    assert result.findings == ()
    assert result.values == WANTED
    assert list(result.layers) == ["z2jh", "hub_https", "hub_oauth"]
    assert result.overridden == {}


def test_values_of_a_parent_chart() -> None:
    operator = {"jupyterhub": VARIABLES["z2jh_values"], "dask-gateway": {"enabled": True}}
    result = layers.chart_values(own(operator, z2jh_values_root="jupyterhub"), DISCOVERY, SECRETS)
    assert result.findings == ()
    wanted = copy.deepcopy(WANTED)
    wanted["hub"]["config"]["GenericOAuthenticator"]["claim_groups_key"] = "groups"  # its hub may be older
    assert result.values == {"jupyterhub": wanted, "dask-gateway": {"enabled": True}}


def test_operators_values_come_last_and_are_reported() -> None:
    result = layers.chart_values(own({"proxy": {"https": {"hosts": ["x.example.org"]}}}), DISCOVERY, SECRETS)
    assert result.values["proxy"]["https"]["hosts"] == ["x.example.org"]
    assert result.overridden == {"proxy.https.hosts": "hub_https"}


PROXY = [{"name": "HTTP_PROXY", "value": "http://proxy.example.org:3128"}]


@pytest.mark.parametrize("root", ["", "jupyterhub"])
def test_a_list_of_environment_variables_does_not_replace_the_login(root: str) -> None:
    mine: Json = {"hub": {"extraEnv": PROXY}}
    operator = {root: mine} if root else mine
    result = layers.chart_values(own(operator, z2jh_values_root=root), DISCOVERY, SECRETS)
    assert result.findings == ()
    hub = result.values[root]["hub"] if root else result.values["hub"]
    assert hub["extraEnv"] == WANTED["hub"]["extraEnv"] | {"HTTP_PROXY": "http://proxy.example.org:3128"}
    assert result.overridden == {}


def test_what_a_list_replaces_is_reported() -> None:
    operator = {"hub": {"extraEnv": [{"name": "OAUTH_CLIENT_ID", "value": "another"}]}}
    result = layers.chart_values(own(operator), DISCOVERY, SECRETS)
    assert result.overridden == {"hub.extraEnv.OAUTH_CLIENT_ID": "hub_oauth"}


def test_a_list_replaces_the_variables_it_names_and_stays_a_list_where_no_layer_has_any() -> None:
    given = {"name": "OAUTH_CLIENT_SECRET", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
    operator = {"hub": {"extraEnv": [given]}, "singleuser": {"extraEnv": PROXY}}
    result = layers.chart_values(own(operator), DISCOVERY, SECRETS)
    assert result.findings == ()
    assert result.values["hub"]["extraEnv"]["OAUTH_CLIENT_SECRET"] == {"valueFrom": given["valueFrom"]}
    assert result.values["singleuser"]["extraEnv"] == PROXY


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"hub_front_keep_proxy_public": True, "hub_https_type": ""}, id="00 the chart's own Service"),
        pytest.param({"hub_platform": "gke", "hub_https_type": ""}, id="01 Google's load balancer"),
        pytest.param({"hub_front_service_type": "NodePort", "hub_https_type": ""}, id="02 something of one's own"),
    ],
)
def test_other_front_doors_may_offload(changes: Json) -> None:
    values = {"proxy": {"https": {"enabled": True, "type": "offload"}}}
    assert found(own(values, letsencrypt_method="") | changes) == []


def test_before_hub_front_has_looked_nobody_knows_the_door() -> None:
    variables = own(
        {"proxy": {"https": {"enabled": True, "type": "offload"}}}, hub_https_type="", letsencrypt_method=""
    )
    assert layers.chart_values(variables, DISCOVERY, SECRETS).findings == ()


def test_on_gke_too_hub_front_needs_the_proxys_own_https() -> None:
    values = {"proxy": {"https": {"type": "offload"}}}
    assert found(own(values, hub_platform="gke")) == [("E-VALUES-06", "z2jh_values.proxy.https")]


def test_a_chart_of_unknown_version_is_not_told_off_for_our_own_layer() -> None:
    assert found(VARIABLES | {"z2jh_chart_version": ""}) == []
    assert found(VARIABLES | {"z2jh_chart_version": "3.3.8"}) == []


def test_claims_from_the_id_token_leave_the_userinfo_endpoint_out() -> None:
    values = {"hub": {"config": {"GenericOAuthenticator": {"userdata_from_id_token": True}}}}
    result = layers.chart_values(own(values), DISCOVERY, SECRETS)
    assert result.findings == ()
    assert result.values["hub"]["config"]["GenericOAuthenticator"]["userdata_from_id_token"] is True
    assert "userdata_url" not in result.values["hub"]["config"]["GenericOAuthenticator"]


def test_the_login_of_ones_own_that_the_readme_shows_has_nothing_wrong() -> None:
    text = (ROOT / "roles/hub_oauth/README.md").read_text(encoding="utf-8")
    (shown,) = (block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "GitHubOAuthenticator" in block)
    variables = {name: VARIABLES[name] for name in ("hub_domain", "letsencrypt_method", "hub_https_type")}
    given = variables | yaml.safe_load(shown)
    assert found(given) == []
    del given["z2jh_values"]["hub"]["extraEnv"]
    assert found(given) == [("E-OAUTH-09", "hub_oauth_client_secret")]


def test_open_hub_that_was_acknowledged() -> None:
    result = layers.chart_values({"hub_domain": "h", "hub_oauth_acknowledge_open_hub": "true"})
    assert (result.findings, list(result.layers)) == ((), ["z2jh"])


def test_no_secret_reaches_a_layer() -> None:
    result = layers.chart_values(VARIABLES, DISCOVERY, SECRETS)
    assert SECRETS["OAUTH_CLIENT_SECRET"] not in repr(result)
    seen: Json = {}

    def spy(variables: Json, _discovery: Json) -> tuple[None, list[Any]]:
        seen.update(variables)
        return None, []

    original = dict(layers.LAYERS)
    try:
        layers.LAYERS["spy"] = spy  # type: ignore[assignment]
        layers.compute_layers(VARIABLES, DISCOVERY)
    finally:
        layers.LAYERS.clear()
        layers.LAYERS.update(original)
    assert seen
    assert not [name for name in seen if is_secret(name)]


def test_same_input_gives_the_same_values() -> None:
    first = layers.chart_values(VARIABLES, DISCOVERY, SECRETS)
    assert first == layers.chart_values(dict(reversed(VARIABLES.items())), DISCOVERY, SECRETS)
    shuffled = VARIABLES | {"hub_oauth_allowed_groups": "physicists", "hub_admins": ("ada",)}
    assert first == layers.chart_values(shuffled, DISCOVERY, SECRETS)


def test_compute_layers_raises_the_first_finding() -> None:
    fails("E-OAUTH-06", lambda: layers.compute_layers(VARIABLES | {"hub_oauth_issuer": ""}, DISCOVERY))


def test_layers_of_the_roles_never_contradict_each_other() -> None:
    choices = {
        "hub_https_type": ["", "secret"],
        "hub_oauth_provider": ["", "generic"],
        "hub_base_url": ["/", "/a/"],
        "z2jh_storage_class": ["", "fast"],
        "hub_admins": [[], ["ada"]],
        "hub_oauth_allowed_groups": [[], ["g"]],
    }
    for picks in itertools.product(*choices.values()):
        parts = layers.chart_values(VARIABLES | dict(zip(choices, picks, strict=True)), DISCOVERY, SECRETS).layers
        for order in itertools.permutations(parts):
            merged = merge_layers({name: parts[name] for name in order})
            assert merged.findings == []
            assert sorted(map(repr, leaves(merged.values))) == sorted(
                {repr(leaf) for part in parts.values() for leaf in leaves(part)}
            )


@pytest.mark.parametrize("schema", [REFERENCE, LAB], ids=["z2jh", "lab"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hub_oauth_allow_all": True, "hub_oauth_acknowledge_open_hub": True},
        {"hub_base_url": "/iris/", "hub_front_keep_proxy_public": True, "hub_front_source_ranges": ["192.0.2.0/24"]},
        {"hub_https_type": "manual", "letsencrypt_method": "none", "hub_https_certificate_file": "c"},
    ],
)
def test_values_are_valid_for_the_chart(schema: Path, changes: Json) -> None:
    if not schema.is_file():
        pytest.skip("not cross-checked: the chart's schema is not here")
    text = schema.read_text()
    rules = json.loads(text) if schema.suffix == ".json" else yaml.safe_load(text)
    # The schema's "required" speaks about the chart's defaults with our values on top.
    rules.pop("required", None)
    values = layers.chart_values(VARIABLES | changes, DISCOVERY, SECRETS).values
    problems = [
        f"{'.'.join(map(str, each.absolute_path))}: {each.message}"
        for each in jsonschema.Draft7Validator(rules).iter_errors(values)
        if each.validator != "required"
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("role", "table"),
    [("z2jh", base.DEFAULTS), ("hub_https", https.DEFAULTS), ("hub_oauth", oauth.DEFAULTS)],
)
def test_layers_table_equals_the_roles_defaults(role: str, table: Json) -> None:
    written = yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())
    assert {name: value for name, value in written.items() if not is_secret(name)} == table


@pytest.mark.parametrize("role", ["z2jh", "hub_https", "hub_oauth"])
def test_shared_names_have_one_meaning(role: str) -> None:
    written = yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())
    assert set(written) & set(SHARED) == set()
