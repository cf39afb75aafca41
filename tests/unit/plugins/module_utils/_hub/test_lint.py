# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules about chart values, deny rows first."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import keys
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.lint import (
    RULES,
    Context,
    lint,
    lint_secrets,
    nearest_key,
)

Json = dict[str, Any]

CLOSED: Json = {
    "hub": {
        "config": {
            "JupyterHub": {"authenticator_class": "generic-oauth"},
            "GenericOAuthenticator": {"username_claim": "sub"},
            "Authenticator": {"allowed_users": ["ada"]},
        }
    },
    "ingress": {"enabled": True},
}
"""Values without a finding, to which a row adds one mistake."""
CONTEXT = Context(callback="https://hub.example.org/hub/oauth_callback", chart_version="4.4.0")


SCRIPT = ["sh", "-c", "cp -n $(ls -d /etc/skel/*) /home/jovyan"]
SHELLS: list[tuple[str, Any]] = [
    ("hub.command", SCRIPT),
    ("hub.args", SCRIPT),
    ("singleuser.cmd", SCRIPT),
    ("hub.config.KubeSpawner.args", SCRIPT),
    ("singleuser.lifecycleHooks", {"postStart": {"exec": {"command": SCRIPT}}}),
    ("hub.lifecycle", {"postStart": {"exec": {"command": SCRIPT}}}),
    ("singleuser.initContainers", [{"name": "skel", "env": [{"name": "WHAT", "value": SCRIPT[2]}]}]),
    ("hub.extraContainers", [{"name": "sync", "args": SCRIPT}]),
    ("singleuser.extraFiles", {"start": {"mountPath": "/etc/start", "stringData": SCRIPT[2]}}),
    ("hub.livenessProbe", {"exec": {"command": SCRIPT}}),
    ("singleuser.profileList", [{"display_name": "x", "kubespawner_override": {"cmd": SCRIPT}}]),
]
"""Places whose shell commands somebody does run."""


def found(values: Json, context: Context = CONTEXT) -> list[tuple[str, str, str]]:
    return [(one.error_id, one.path, one.do) for one in lint(values, context)]


def with_(path: str, value: Any) -> Json:
    """:data:`CLOSED` with one more value."""

    def copy(node: Json) -> Json:
        return {key: copy(below) if isinstance(below, dict) else below for key, below in node.items()}

    values = copy(CLOSED)
    node = values
    *parents, last = path.split(".")
    for segment in parents:
        node = node.setdefault(segment, {})
    node[last] = value
    return values


def test_good_values_have_no_finding() -> None:
    assert found(CLOSED) == []


@pytest.mark.parametrize("name", ["", " ada", "ada ", "physics/ada", None, 7, False])
@pytest.mark.parametrize("trait", ["admin_users", "allowed_users"])
def test_a_name_with_which_the_hub_does_not_start(trait: str, name: Any) -> None:
    path = f"hub.config.Authenticator.{trait}"
    do = "correct it where it comes from: hub_admins, hub_oauth_allowed_users or z2jh_values"
    values = with_(path, ["ada", "Ada.L@example.org", name])
    assert [one for one in found(values) if one[0] == "E-VALUES-08"] == [("E-VALUES-08", path, do)]
    values["hub"]["config"]["Authenticator"]["username_map"] = {str(name): "ada"}
    assert found(values) == []


@pytest.mark.parametrize(
    ("path", "value", "where", "do"),
    [
        pytest.param("hub.confg", {"A": 1}, "hub.confg", "rename it to hub.config", id="00 letter missing"),
        pytest.param("Hub", {"config": {}}, "Hub", "rename it to hub", id="01 capital"),
        pytest.param("hub.basurl", "/", "hub.basurl", "rename it to hub.baseUrl", id="02 below"),
        pytest.param("singleuser.imag.name", "x", "singleuser.imag", "rename it to singleuser.image", id="03 deeper"),
        pytest.param(
            "hub.storageClassName", "x", "hub.storageClassName", "rename it to hub.db.pvc.storageClassName", id="04 far"
        ),
        pytest.param("proxy.https.host", ["h"], "proxy.https.host", "rename it to proxy.https.hosts", id="05 plural"),
        pytest.param(
            "auth.type", "github", "auth.type", "use hub.config.JupyterHub.authenticator_class instead", id="06"
        ),
        pytest.param("auth.foo", 1, "auth", "use hub.config instead", id="07 the whole old block"),
        pytest.param("rbac.enabled", True, "rbac.enabled", "use rbac.create instead", id="08 the chart fails on it"),
        pytest.param(
            "hub.fsGid", 1000, "hub.fsGid", "use hub.podSecurityContext.fsGroup instead", id="09 the chart fails on it"
        ),
        pytest.param("hub.baseUrl.x", 1, "hub.baseUrl.x", "remove it; valid here: ", id="10 below a value"),
        pytest.param("debug.qqqqqqqq", 1, "debug.qqqqqqqq", "remove it; valid here: enabled", id="11 nothing is near"),
        pytest.param("proxy.chp.image.tags", "5", "proxy.chp.image.tags", "rename it to proxy.chp.image.tag", id="12"),
    ],
)
def test_unknown_key_names_the_nearest_one(path: str, value: Any, where: str, do: str) -> None:
    assert found(with_(path, value)) == [("E-VALUES-01", where, do)]


@pytest.mark.parametrize("path", sorted(path for path in keys.paths() if path not in keys.MOVED))
def test_every_key_with_one_letter_less_is_recognised(path: str) -> None:
    parent, _dot, last = path.rpartition(".")
    misspelt = last[:-2] + last[-1:] if len(last) > 3 else last + "x"
    assert nearest_key((*parent.split("."), misspelt) if parent else (misspelt,)) == path


@pytest.mark.parametrize("version", ["3.3.8", "5.0.0", "v3.1.0", "10.0.0"])
def test_keys_of_other_chart_majors_are_left_to_helm(version: str) -> None:
    assert found(with_("hub.confg", {}), Context(chart_version=version)) == []


@pytest.mark.parametrize("version", ["4.5.0", "v4.10.1", "4.5.0-0.dev", "4.4.1-0.dev.git.7000.h1234"])
def test_of_a_chart_newer_than_the_known_ones_only_moved_keys_are_told(version: str) -> None:
    context = Context(chart_version=version)
    assert found(with_("hub.confg", {}), context) == []
    moved = min(keys.MOVED)
    assert [one[:2] for one in found(with_(moved, "x"), context)] == [("E-VALUES-01", moved)]


@pytest.mark.parametrize("version", ["4.0.0", "v4.4.0", "4.4.1", "", "0.1.0", "main"])
def test_keys_are_compared_otherwise(version: str) -> None:
    assert [one[0] for one in found(with_("hub.confg", {}), Context(chart_version=version))] == ["E-VALUES-01"]


@pytest.mark.parametrize(
    ("path", "value", "error_id", "where", "do"),
    [
        pytest.param(
            "hub.config.jupyterhub", {"x": 1}, "E-VALUES-04", "hub.config.jupyterhub",
            "rename it to hub.config.JupyterHub", id="20 class in small letters",
        ),
        pytest.param(
            "hub.config.something", {"x": 1}, "E-VALUES-04", "hub.config.something",
            "rename it to hub.config.Something", id="21 unknown class in small letters",
        ),
        pytest.param(
            "hub.config.GenericOAuthenticator.username_key", "x", "E-VALUES-05",
            "hub.config.GenericOAuthenticator.username_key", "use hub.config.GenericOAuthenticator.username_claim",
            id="22 renamed trait",
        ),
        pytest.param(
            "hub.config.Authenticator.whitelist", ["x"], "E-VALUES-05", "hub.config.Authenticator.whitelist",
            "use hub.config.Authenticator.allowed_users", id="23 very old trait",
        ),
        pytest.param(
            "hub.config.JupyterHub.authenticator_class", "okpy", "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class", "use generic-oauth", id="24 removed authenticator",
        ),
        pytest.param(
            "hub.config.JupyterHub.authenticator_class", "genericoauth", "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class", "use generic-oauth, or the class's full name",
            id="25 misspelt authenticator",
        ),
        pytest.param(
            "hub.config.JupyterHub.authenticator_class", "zzz", "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class", "use the class's full name, as in package.module.ClassName",
            id="26 unknown authenticator",
        ),
        pytest.param(
            "hub.config.JupyterHub.authenticator_class", "local-githob", "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class", "use local-github, or the class's full name",
            id="26a unknown local authenticator",
        ),
        pytest.param(
            "hub.config.JupyterHub.authenticator_class", "local-mediawiki", "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class", "use mediawiki, or the class's full name",
            id="26b this one has no local variant",
        ),
        pytest.param(
            "hub.config.JupyterHub.authenticator_class", "lti", "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class",
            "use ltiauthenticator.lti11.auth.LTI11Authenticator or ltiauthenticator.lti13.auth.LTI13Authenticator",
            id="26c the image has the classes, and no short names for them",
        ),
        pytest.param(
            "hub.config.GenericOAuthenticator.claim_groups_key", "groups", "E-VALUES-05",
            "hub.config.GenericOAuthenticator.claim_groups_key",
            "use hub.config.GenericOAuthenticator.auth_state_groups_key: oauth_user.CLAIM",
            id="26d old, from chart 4 on",
        ),
        pytest.param(
            "hub.templateVars.title", "CHANGEME", "E-VALUES-03", "hub.templateVars.title",
            "put the real value there, or remove the key", id="27 placeholder",
        ),
        pytest.param(
            "ingress.hosts", ["<host>"], "E-VALUES-03", "ingress.hosts.0",
            "put the real value there, or remove the key", id="28 placeholder in a list",
        ),
        pytest.param(
            "hub.existingSecret", "your-hub-secret", "E-VALUES-03", "hub.existingSecret",
            "put the real value there, or remove the key", id="28a placeholder for a name",
        ),
        pytest.param(
            "hub.extraEnv.OAUTH_CLIENT_ID", "my-client-id", "E-VALUES-03", "hub.extraEnv.OAUTH_CLIENT_ID",
            "put the real value there, or remove the key", id="28b placeholder that would be fine as a name",
        ),
        pytest.param(
            "imagePullSecret.email", "$(aws ecr get-login)", "E-VALUES-07", "imagePullSecret.email",
            "compute the value in the inventory, for example with the pipe look-up", id="29 shell",
        ),
        pytest.param(
            "imagePullSecret.email", "`whoami`", "E-VALUES-07", "imagePullSecret.email",
            "compute the value in the inventory, for example with the pipe look-up", id="30 shell, old style",
        ),
        pytest.param(
            "singleuser.extraEnv.BUILD", "$(date +%F)", "E-VALUES-07", "singleuser.extraEnv.BUILD",
            "compute the value in the inventory, for example with the pipe look-up", id="30a shell in the environment",
        ),
        pytest.param(
            "hub.annotations", {"commit": "$(git rev-parse HEAD)"}, "E-VALUES-07", "hub.annotations.commit",
            "compute the value in the inventory, for example with the pipe look-up", id="30b shell in an annotation",
        ),
        pytest.param(
            "proxy.https", {"enabled": True, "letsencrypt": {"contactEmail": "a@example.org"}}, "E-VALUES-06",
            "proxy.https.hosts", "list the host name there", id="31 letsencrypt without hosts, by default",
        ),
        pytest.param(
            "proxy.https", {"enabled": True, "type": "letsencrypt", "hosts": ["h"]}, "E-VALUES-06",
            "proxy.https.letsencrypt.contactEmail", "set it to an address that is read", id="32 nobody to write to",
        ),
        pytest.param(
            "proxy.https", {"enabled": True, "type": "secret"}, "E-VALUES-06", "proxy.https.secret.name",
            "name the Secret that holds the certificate", id="33 which Secret",
        ),
        pytest.param(
            "proxy.service", {"type": "ClusterIP", "loadBalancerSourceRanges": ["192.0.2.0/24"]}, "E-VALUES-06",
            "proxy.service.loadBalancerSourceRanges",
            "limit the sources at the front door instead, and remove this key", id="34 ranges without effect",
        ),
        pytest.param(
            "singleuser.networkPolicy.egressAllowRules.cloudMetadataServer", True, "E-VALUES-06",
            "singleuser.networkPolicy.egressAllowRules.cloudMetadataServer",
            "remove it: users' servers must not reach the cloud's metadata server", id="35 blocked and allowed",
        ),
        pytest.param(
            "hub.config.GenericOAuthenticator.allowed_groups", ["a"], "E-OAUTH-07",
            "hub.config.GenericOAuthenticator.allowed_groups",
            "set hub_oauth_allowed_groups and hub_oauth_admin_groups instead: they set both",
            id="36 groups that nobody manages",
        ),
        pytest.param(
            "hub.config.GenericOAuthenticator.oauth_callback_url", "http://hub.example.org/hub/oauth_callback",
            "E-OAUTH-03", "hub.config.GenericOAuthenticator.oauth_callback_url",
            "register https://hub.example.org/hub/oauth_callback at the provider and remove "
            "hub.config.GenericOAuthenticator.oauth_callback_url, or correct hub_domain, hub_port or hub_base_url",
            id="37 callback over http",
        ),
        pytest.param(
            "hub.extraEnv.OAUTH_CALLBACK_URL", "https://other.example.org/hub/oauth_callback", "E-OAUTH-03",
            "hub.extraEnv.OAUTH_CALLBACK_URL",
            "register https://hub.example.org/hub/oauth_callback at the provider and remove "
            "hub.extraEnv.OAUTH_CALLBACK_URL, or correct hub_domain, hub_port or hub_base_url",
            id="38 callback of another host, in the environment",
        ),
        pytest.param(
            "proxy.secretToken", "hQ4t-Vx9_2mLpR7s", "E-VALUES-12", "proxy.secretToken",
            "remove it: the role keeps a generated one in a Secret", id="39 secret",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(path: str, value: Any, error_id: str, where: str, do: str) -> None:
    assert found(with_(path, value)) == [(error_id, where, do)]


@pytest.mark.parametrize(
    ("config", "where"),
    [
        pytest.param({}, "JupyterHub.authenticator_class", id="50 nothing: the chart's default is dummy"),
        pytest.param({"JupyterHub": {"authenticator_class": "dummy"}}, "JupyterHub.authenticator_class", id="51 dummy"),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "jupyterhub.auth.DummyAuthenticator"}},
            "JupyterHub.authenticator_class",
            id="52 dummy by its full name",
        ),
        pytest.param({"JupyterHub": {"authenticator_class": "tmp"}}, "JupyterHub.authenticator_class", id="53 tmp"),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "github"}}, "JupyterHub.authenticator_class", id="54 no rule"
        ),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "github"}, "Authenticator": {"allowed_users": []}},
            "JupyterHub.authenticator_class",
            id="55 an empty rule is none",
        ),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "local-github"}, "Authenticator": {"admin_users": ["ada"]}},
            "JupyterHub.authenticator_class",
            id="56 administrators only",
        ),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "github", "allowed_users": ["ada"]}},
            "JupyterHub.authenticator_class",
            id="56a a rule where no login reads it",
        ),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "oauthenticator.generic.GenericOAuthenticator"}},
            "JupyterHub.authenticator_class",
            id="57 full name, no rule",
        ),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "google"}, "GoogleOAuthenticator": {"allow_all": True}},
            "GoogleOAuthenticator.allow_all",
            id="58 allow_all",
        ),
        pytest.param(
            {
                "JupyterHub": {"authenticator_class": "github"},
                "Authenticator": {"allow_all": True, "allowed_users": ["ada"]},
            },
            "Authenticator.allow_all",
            id="59 allow_all beside a rule",
        ),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "native"}, "Authenticator": {"allow_all": True}},
            "Authenticator.allow_all",
            id="60 allow_all without OAuth",
        ),
        pytest.param(
            {
                "JupyterHub": {"authenticator_class": "cilogon"},
                "CILogonOAuthenticator": {"idps": {"http://google.com/accounts/o8/id": {"allow_all": True}}},
            },
            'CILogonOAuthenticator.idps."http://google.com/accounts/o8/id".allow_all',
            id="61 everybody of one of CILogon's providers",
        ),
        pytest.param(
            {
                "JupyterHub": {"authenticator_class": "cilogon"},
                "CILogonOAuthenticator": {"allowed_idps": {"github": {"allow_all": True}}},
            },
            "CILogonOAuthenticator.allowed_idps.github.allow_all",
            id="62 likewise, as it was called before",
        ),
    ],
)
def test_hub_that_anybody_could_enter(config: Json, where: str) -> None:
    values = {"hub": {"config": config}, "ingress": {"enabled": True}}
    assert [(one[0], one[1]) for one in found(values)] == [("E-OAUTH-04", f"hub.config.{where}")]
    assert found(values, Context(acknowledged=True, chart_version="4.4.0")) == []


@pytest.mark.parametrize(
    "config",
    [
        {"JupyterHub": {"authenticator_class": "github"}, "GitHubOAuthenticator": {"allowed_organizations": ["x"]}},
        {"JupyterHub": {"authenticator_class": "google"}, "GoogleOAuthenticator": {"hosted_domain": ["example.org"]}},
        {"JupyterHub": {"authenticator_class": "github"}, "OAuthenticator": {"allowed_users": ["ada"]}},
        {
            "JupyterHub": {"authenticator_class": "cilogon"},
            "CILogonOAuthenticator": {"idps": {"https://idp.example.org": {"allowed_domains": ["example.org"]}}},
        },
        {"JupyterHub": {"authenticator_class": "cilogon"}, "CILogonOAuthenticator": {"allowed_idps": {"x": None}}},
        {"JupyterHub": {"authenticator_class": "null"}},
        {"JupyterHub": {"authenticator_class": "example.module.OwnAuthenticator"}},
        {
            "JupyterHub": {"authenticator_class": "generic-oauth"},
            "Authenticator": {"manage_groups": True},
            "GenericOAuthenticator": {"allowed_groups": ["a"]},
        },
    ],
)
def test_hub_with_a_rule(config: Json) -> None:
    assert found({"hub": {"config": config}, "ingress": {"enabled": True}}) == []


FIRST_USE: Json = {"JupyterHub": {"authenticator_class": "firstuse"}}
NATIVE: Json = {"JupyterHub": {"authenticator_class": "native"}}


@pytest.mark.parametrize(
    ("config", "version", "refused"),
    [
        pytest.param(FIRST_USE, "3.3.8", True, id="00 whoever comes first has the name"),
        pytest.param(
            {"JupyterHub": {"authenticator_class": "firstuseauthenticator.FirstUseAuthenticator"}},
            "v2.0.0",
            True,
            id="01 likewise, by its full name",
        ),
        pytest.param(FIRST_USE | {"Authenticator": {"admin_users": ["ada"]}}, "3.3.8", True, id="02 no rule"),
        pytest.param(NATIVE | {"NativeAuthenticator": {"open_signup": True}}, "3.3.8", True, id="03 signs up"),
        pytest.param(FIRST_USE | {"Authenticator": {"allowed_users": ["ada"]}}, "3.3.8", False, id="04 a rule"),
        pytest.param(
            FIRST_USE | {"FirstUseAuthenticator": {"create_users": False}}, "3.3.8", False, id="05 no new users"
        ),
        pytest.param(NATIVE, "3.3.8", False, id="06 an administrator agrees to each"),
        pytest.param(FIRST_USE, "4.4.0", False, id="07 newer hubs want a rule themselves"),
        pytest.param(FIRST_USE, "", False, id="08 the hub's version is not known"),
    ],
)
def test_accounts_that_strangers_make_for_themselves(config: Json, version: str, refused: bool) -> None:
    where = "hub.config.JupyterHub.authenticator_class"
    told = [(one[0], one[1]) for one in found({"hub": {"config": config}}, Context(chart_version=version))]
    assert told == ([("E-OAUTH-04", where)] if refused else [])


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        pytest.param({"GenericOAuthenticator": {"blocked_users": ["eve", "Eve"]}}, ["E-VALUES-08"], id="00 capitals"),
        pytest.param({"GenericOAuthenticator": {"blocked_users": ["eve "]}}, ["E-VALUES-08"], id="01 a blank"),
        pytest.param({"GenericOAuthenticator": {"blocked_users": [7]}}, ["E-VALUES-08"], id="02 a number"),
        pytest.param(
            {"Authenticator": {"blocked_users": ["mallory"]}, "GenericOAuthenticator": {"blocked_users": ["eve"]}},
            ["E-VALUES-06"],
            id="03 two lists",
        ),
        pytest.param(
            {"Authenticator": {"blocked_users": []}, "GenericOAuthenticator": {"blocked_users": ["eve@example.org"]}},
            [],
            id="04 one list",
        ),
        pytest.param(
            {"GenericOAuthenticator": {"blocked_users": ["Eve"], "username_map": {"eve": "Eve"}}}, [], id="05 mapped"
        ),
        pytest.param({"GenericOAuthenticator": {"blocked_users": "eve"}}, [], id="06 the hub itself refuses this"),
    ],
)
def test_people_who_are_to_stay_out(config: Json, wanted: list[str]) -> None:
    values = with_("hub.config.Authenticator.allow_existing_users", False)
    for section, traits in config.items():
        values["hub"]["config"][section] |= traits
    told = [(one[0], one[1]) for one in found(values)]
    assert told == [(one, "hub.config.GenericOAuthenticator.blocked_users") for one in wanted]


@pytest.mark.parametrize("chosen", ["mediawiki", "pam", "researchops_hub.IAPAuthenticator", "example.OwnAuthenticator"])
def test_logins_that_keep_capitals_or_compare_without_them(chosen: str) -> None:
    values = with_("hub.config.JupyterHub.authenticator_class", chosen)
    values["hub"]["config"]["Authenticator"]["blocked_users"] = ["Eve"]
    assert found(values) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("hub.extraConfig.own", "c.X = '$(not shell here)'", id="70 Python code"),
        pytest.param("hub.templateVars.page", "first line\nthen $(run this)", id="70a a page"),
        pytest.param("hub.templateVars.page", "$(run this) " + "x" * 200, id="70b a long text"),
        pytest.param("hub.config.KubeSpawner.whitelist", ["x"], id="70c no authenticator's trait"),
        pytest.param("hub.config.JupyterHub.authenticator_class", "local-github", id="70d local accounts"),
        pytest.param("hub.config.JupyterHub.authenticator_class", "ldap", id="70e LDAP"),
        pytest.param("hub.config.JupyterHub.authenticator_class", "firstuseauthenticator", id="70f first use"),
        pytest.param("hub.config.JupyterHub.authenticator_class", "GitHub", id="70g the case does not matter"),
        pytest.param("imagePullSecrets", ["my-registry-key"], id="70h name of a Secret"),
        pytest.param("imagePullSecrets", [{"name": "my-secret"}], id="70i likewise"),
        pytest.param("hub.existingSecret", "my-hub-secret", id="70j likewise"),
        pytest.param("ingress.tls", [{"secretName": "my-tls-secret", "hosts": ["h"]}], id="70k likewise"),
        pytest.param(
            "hub.extraEnv.DB_HOST",
            {"valueFrom": {"secretKeyRef": {"name": "my-secret", "key": "my-host"}}},
            id="70l likewise, and a key in it",
        ),
        pytest.param(
            "singleuser.profileList",
            [{"display_name": "Your own token", "description": "Choose the size; you can change it any time"}],
            id="70m sentences for people",
        ),
        pytest.param("singleuser.cmd", ["start", "$(JUPYTERHUB_SERVICE_PREFIX)"], id="71 a variable of Kubernetes"),
        *(
            pytest.param(path, value, id=f"71{letter} a shell will run it")
            for letter, (path, value) in zip("abcdefghijk", SHELLS, strict=True)
        ),
        pytest.param("proxy.https", {"enabled": False, "type": "letsencrypt"}, id="72 HTTPS off"),
        pytest.param("proxy.https", {"enabled": True, "type": "offload"}, id="73 TLS ends elsewhere"),
        pytest.param("proxy.service", {"loadBalancerSourceRanges": ["192.0.2.0/24"]}, id="74 the default type"),
        pytest.param("hub.config.GenericOAuthenticator.oauth_callback_url", CONTEXT.callback, id="75 right callback"),
        pytest.param("hub.nodeSelector", {"any.thing/goes": "here"}, id="76 free-form"),
        pytest.param("custom", {"any": {"thing": 1}}, id="77 custom"),
        pytest.param("global", {"safeToShowValues": False, "x": 1}, id="78 global"),
        pytest.param("hub.baseUrl", {}, id="79 empty mapping for a value: Helm's schema says so"),
    ],
)
def test_what_is_fine(path: str, value: Any) -> None:
    assert found(with_(path, value)) == []


def test_metadata_may_be_reached_where_it_is_not_blocked() -> None:
    values = with_("singleuser.networkPolicy.egressAllowRules.cloudMetadataServer", True)
    values["singleuser"]["cloudMetadata"] = {"blockWithIptables": False}
    assert found(values) == []


def test_callbacks_are_not_compared_without_a_host_name() -> None:
    values = with_("hub.extraEnv.OAUTH_CALLBACK_URL", "https://other.example.org/hub/oauth_callback")
    assert found(values, Context(chart_version="4.4.0")) == []


@pytest.mark.parametrize(
    "odd", [{"hub": None}, {"hub": {"config": None}}, {"hub": {"config": {"JupyterHub": None}}}, {"hub": []}]
)
def test_odd_shapes_do_not_break_a_rule(odd: Json) -> None:
    assert {one[0] for one in found(odd)} == {"E-OAUTH-04"}


def test_all_mistakes_are_told_at_once() -> None:
    values = with_("hub.confg", 1)
    values["hub"]["cookieSecret"] = "hQ4t-Vx9_2mLpR7s"
    values["hub"]["config"]["JupyterHub"]["authenticator_class"] = "dummy"
    assert [one[0] for one in found(values)] == ["E-VALUES-01", "E-VALUES-12", "E-OAUTH-04"]


def test_code_that_opens_a_closed_hub() -> None:
    values = with_("hub.extraConfig", {"own": "c.JupyterHub.authenticator_class = 'dummy'"})
    assert [(one[0], one[1]) for one in found(values)] == [("E-OAUTH-04", "hub.extraConfig.own")]
    assert found(values, Context(acknowledged=True, chart_version="4.4.0")) == []


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "is not set, so it is dummy, which lets anybody in under any name"),
        ({"JupyterHub": {"authenticator_class": "tmp"}}, "is tmp, which lets anybody in under any name"),
    ],
)
def test_the_charts_default_is_told_from_a_choice(config: Json, text: str) -> None:
    assert [one.sentence for one in lint({"hub": {"config": config}}, CONTEXT)] == [text]


@pytest.mark.parametrize(
    ("config", "do"),
    [
        ({}, "set hub_oauth_provider, and with it hub_oauth_allowed_users or "),
        ({"JupyterHub": {"authenticator_class": "dummy"}}, "take it out, and set hub_oauth_provider, and with it "),
        (
            {"JupyterHub": {"authenticator_class": "github"}, "Authenticator": {"allow_all": True}},
            "take it out, and set hub_oauth_allowed_users or hub_oauth_allowed_groups with hub_oauth_provider; or, ",
        ),
        (
            {"JupyterHub": {"authenticator_class": "github"}},
            "set hub_oauth_allowed_users or hub_oauth_allowed_groups with hub_oauth_provider; or, ",
        ),
        (
            {
                "JupyterHub": {"authenticator_class": "cilogon"},
                "CILogonOAuthenticator": {"idps": {"https://idp.example.org/shibboleth": {"allow_all": True}}},
            },
            "take it out, and set allowed_domains for https://idp.example.org/shibboleth; ",
        ),
    ],
    ids=["nothing-chosen", "over-what-is-set", "allow-all", "no-rule", "allow-all-of-one-provider"],
)
def test_the_cure_of_an_open_hub_fits_what_opens_it(config: Json, do: str) -> None:
    """What was set already is not asked for again, and a login of one's own reads no variable of ours."""
    (found,) = [one for one in lint({"hub": {"config": config}}, CONTEXT) if one.error_id == "E-OAUTH-04"]
    assert found.do.startswith(do)
    assert found.do.endswith("; if everybody really may enter, set hub_oauth_acknowledge_open_hub: true")


def test_every_rule_is_run() -> None:
    assert len(RULES) == len({rule.__name__ for rule in RULES}) == 17


@pytest.mark.parametrize("version", ["3.3.8", "1.2.0", "v2.0.0"])
def test_groups_of_older_charts_have_their_own_names(version: str) -> None:
    traits = {"claim_groups_key": "groups", "allowed_groups": ["physicists"]}
    assert found(with_("hub.config.GenericOAuthenticator", traits), Context(chart_version=version)) == []


@pytest.mark.parametrize(
    ("context", "told"),
    [
        pytest.param(CONTEXT, True, id="00 from chart 4 on it is the old name"),
        pytest.param(Context(chart_version="0.1.0"), True, id="01 a chart like today's"),
        pytest.param(Context(), False, id="02 nobody knows the version"),
        pytest.param(Context(chart_version="2024.1.1", parent=True), False, id="03 nor by that of a parent chart"),
    ],
)
def test_old_name_of_the_groups_key(context: Context, told: bool) -> None:
    values = with_("hub.config.GenericOAuthenticator.claim_groups_key", "groups")
    assert [one[1] for one in found(values, context)] == ["hub.config.GenericOAuthenticator.claim_groups_key"] * told


FRONT = Context(chart_version="4.4.0", front=True)
LETSENCRYPT: Json = {"enabled": True, "hosts": ["h"], "letsencrypt": {"contactEmail": "ada@example.org"}}


@pytest.mark.parametrize(
    ("values", "context", "wanted"),
    [
        pytest.param({"proxy": {"https": {"enabled": True, "type": "offload"}}}, FRONT, ["offload"], id="00 offload"),
        pytest.param({"proxy": {"https": LETSENCRYPT}}, FRONT, ["letsencrypt"], id="01 letsencrypt, by default"),
        pytest.param(
            {"proxy": {"https": LETSENCRYPT | {"type": "letsencrypt"}}}, FRONT, ["letsencrypt"], id="02 letsencrypt"
        ),
        pytest.param(
            {"proxy": {"https": {"enabled": True, "type": "offload"}}}, CONTEXT, [], id="03 another front door"
        ),
        pytest.param(
            {"proxy": {"https": {"enabled": True, "type": "secret", "secret": {"name": "x"}}}},
            FRONT,
            [],
            id="04 secret",
        ),
        pytest.param({"proxy": {"https": {"enabled": True, "type": "manual"}}}, FRONT, [], id="05 manual"),
        pytest.param({"proxy": {"https": {"enabled": False, "type": "offload"}}}, FRONT, [], id="06 off"),
        pytest.param(
            {"proxy": {"https": {"enabled": True, "type": "offload"}}, "ingress": {"enabled": True}},
            FRONT,
            [],
            id="07 people come in by an Ingress",
        ),
        pytest.param(
            {"proxy": {"https": {"enabled": True, "type": "offload"}}, "httpRoute": {"enabled": True}},
            FRONT,
            [],
            id="08 or by a route",
        ),
        pytest.param({"proxy": {"https": ["x"]}}, FRONT, [], id="09 an odd shape"),
    ],
)
def test_https_that_hub_front_cannot_reach(values: Json, context: Context, wanted: list[str]) -> None:
    findings = lint({"hub": CLOSED["hub"]} | values, context)
    told = [one for one in findings if one.path == "proxy.https"]
    assert [one.sentence.split()[3].rstrip(",") for one in told] == wanted
    assert {(one.error_id, "hub_https_type: secret" in one.do) for one in told} <= {("E-VALUES-06", True)}


@pytest.mark.parametrize(
    ("values", "context", "wanted"),
    [
        pytest.param({}, CONTEXT, ["proxy.https.enabled"], id="00 nothing ends TLS"),
        pytest.param({"proxy": {"https": {"enabled": False}}}, CONTEXT, ["proxy.https.enabled"], id="01 off"),
        pytest.param({"ingress": {"enabled": True}}, CONTEXT, [], id="02 Ingress"),
        pytest.param({"httpRoute": {"enabled": True}}, CONTEXT, [], id="03 HTTPRoute"),
        pytest.param({"proxy": {"https": {"enabled": True, "type": "offload"}}}, CONTEXT, [], id="04 elsewhere"),
        pytest.param({}, Context(chart_version="4.4.0"), [], id="05 no host name to compare with"),
    ],
)
def test_login_by_oauth_needs_tls(values: Json, context: Context, wanted: list[str]) -> None:
    assert [one[1] for one in found({"hub": CLOSED["hub"]} | values, context)] == wanted


def test_other_logins_are_not_asked_for_tls() -> None:
    values = {"hub": {"config": {"JupyterHub": {"authenticator_class": "pam"}}}}
    assert found(values) == []


REFERS: Json = {
    "hub": {"extraEnv": {"S": {"valueFrom": {"secretKeyRef": {"name": "hub-secrets", "key": "OAUTH_CLIENT_SECRET"}}}}}
}

GITHUB: Json = {"hub": {"config": {"JupyterHub": {"authenticator_class": "github"}}}}


@pytest.mark.parametrize(
    ("values", "secrets", "wanted"),
    [
        pytest.param(REFERS, {}, [("E-OAUTH-06", "hub_oauth_client_secret")], id="00 referred, not given"),
        pytest.param(
            REFERS, {"OAUTH_CLIENT_SECRET": ""}, [("E-OAUTH-06", "hub_oauth_client_secret")], id="01 given empty"
        ),
        pytest.param(
            REFERS,
            {"OAUTH_CLIENT_SECRET": "CHANGEME"},
            [("E-VALUES-03", "hub_oauth_client_secret")],
            id="02 placeholder",
        ),
        pytest.param(
            REFERS, {"OAUTH_CLIENT_SECRET": "<secret>"}, [("E-VALUES-03", "hub_oauth_client_secret")], id="03 brackets"
        ),
        pytest.param({}, {"OTHER": "changeme"}, [("E-VALUES-03", "OTHER")], id="04 secret without a variable of ours"),
        pytest.param(REFERS, {"OAUTH_CLIENT_SECRET": "hQ4t-Vx9_2mLpR7s"}, [], id="05 given"),
        pytest.param(
            {"hub": {"extraEnv": {"S": {"valueFrom": {"secretKeyRef": {"name": "own", "key": "K"}}}}}},
            {},
            [],
            id="06 own",
        ),
        pytest.param(
            GITHUB,
            {"OAUTH_CLIENT_SECRET": "hQ4t-Vx9_2mLpR7s"},
            [("E-OAUTH-09", "hub_oauth_client_secret")],
            id="07 given, and the hub would log in without it",
        ),
        pytest.param(
            {"hub": GITHUB["hub"] | REFERS["hub"]}, {"OAUTH_CLIENT_SECRET": "hQ4t-Vx9_2mLpR7s"}, [], id="08 it reads it"
        ),
        pytest.param(GITHUB, {}, [], id="09 none of ours"),
        pytest.param({}, {"OAUTH_CLIENT_SECRET": "hQ4t-Vx9_2mLpR7s"}, [], id="10 another login"),
        pytest.param(
            REFERS, {"OAUTH_CLIENT_SECRET": "hQ4t-Vx"}, [("E-HELM-18", "hub_oauth_client_secret")], id="11 too short"
        ),
        pytest.param(REFERS, {"OAUTH_CLIENT_SECRET": "hQ4t-Vx9"}, [], id="12 just long enough"),
    ],
)
def test_secrets_beside_the_values(values: Json, secrets: dict[str, str], wanted: list[tuple[str, str]]) -> None:
    assert [(one.error_id, one.path) for one in lint_secrets(values, secrets)] == wanted
