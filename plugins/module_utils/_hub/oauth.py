# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The layer of the role hub_oauth: who may enter, and by which provider.

Facts about OAuthenticator are read from its release 17.4: without an allow rule nobody enters; ``allowed_groups``,
``admin_groups`` and ``auth_state_groups_key`` need ``manage_groups``; groups come from the userinfo reply and need no
stored auth state; client id, secret and callback are read from the environment where the traits are unset;
``http_request_kwargs.ca_certs`` is honoured by tornado's own HTTP client and touches no other connection of the hub;
``userdata_url`` beside ``userdata_from_id_token`` stops the hub. Release 16, in charts before 4, knows
``claim_groups_key`` instead of ``auth_state_groups_key``; release 17 reads it still, as the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .._core.transport import origin
from . import base, oauth_iap
from .hub_program import hub_program
from .oauth_iap import CA_MOUNT
from .settings import HTTPS_PORT, SHARED, Finding, Json, chart_major, read, stray_names, unset
from .values import HUB_SECRETS, dig, root_path

DEFAULTS: Json = {
    "hub_oauth_provider": "",
    "hub_oauth_issuer": "",
    "hub_oauth_registration": "hand_made",
    "hub_oauth_client_id": "",
    "hub_oauth_callback_url": "",
    "hub_oauth_token_auth_method": "",
    "hub_oauth_ca_file": "",
    "hub_oauth_scopes": [],
    "hub_oauth_username_claim": "preferred_username",
    "hub_oauth_groups_claim": "groups",
    "hub_oauth_iap_audiences": [],
    "hub_oauth_allowed_users": [],
    "hub_oauth_allowed_groups": [],
    "hub_oauth_allowed_domains": [],
    "hub_oauth_admin_groups": [],
    "hub_oauth_allow_all": False,
    "hub_oauth_acknowledge_open_hub": False,
    "hub_oauth_login_service": "",
}

CHART_DEFAULTS: Json = {name: base.DEFAULTS[name] for name in ("z2jh_chart_version", "z2jh_values", "z2jh_values_root")}
"""The role z2jh's variables that this layer also reads."""

PROVIDERS = ("generic", "iap")
LATER_PROVIDERS = (
    "auth0", "azuread", "bitbucket", "cilogon", "github", "gitlab", "globus", "google", "indigo_iam", "mediawiki",
    "openshift",
)  # fmt: skip
REGISTRATIONS = ("hand_made",)
LATER_REGISTRATIONS = ("dynamic",)
TOKEN_AUTH_METHODS = ("client_secret_post", "client_secret_basic")

SECRET_KEY = "OAUTH_CLIENT_SECRET"
ALLOW_RULES = {
    "generic": ("hub_oauth_allowed_users", "hub_oauth_allowed_groups"),
    "iap": ("hub_oauth_allowed_users", "hub_oauth_allowed_domains"),
}
"""The variables that say who may enter, by provider."""
WHOLE_CLAIMS = ("wlcg.groups",)
"""Claims whose names have dots by a standard (the WLCG profile), whether or not the issuer lists them."""
WANTED_SCOPES = ("openid", "profile", "email", "groups")
NEW_GROUPS = "auth_state_groups_key"
OLD_GROUPS = "claim_groups_key"
GROUPS_MAJOR = 4
"""The first chart whose hub knows :data:`NEW_GROUPS`."""
SECTIONS = ("LocalGenericOAuthenticator", "GenericOAuthenticator", "OAuthenticator")
"""Sections of ``hub.config`` that speak to the class of provider ``generic``; the first that says something counts."""


def layer(variables: Mapping[str, Any], discovery: Mapping[str, Any]) -> tuple[Json | None, list[Finding]]:
    """The chart values that let people in, and everything that is wrong with what was asked for.

    Args:
        variables: the inventory's ``hub_*`` variables without secrets.
        discovery: what the look-up ``oidc_discovery`` returned for the issuer, or ``iap_audiences`` for provider
            ``iap``; empty when it was not asked.

    Returns:
        No layer (None) where no provider is chosen; the lint of the final values then judges what lets people in.
    """
    settled, findings = read(variables, SHARED | DEFAULTS | CHART_DEFAULTS)
    findings += stray_names(variables, "hub_oauth_", DEFAULTS)
    if not settled["hub_oauth_provider"]:
        return None, findings
    unknown = _unsupported(settled)
    if unknown:
        return {}, findings + unknown
    if settled["hub_oauth_provider"] == "iap":
        findings += oauth_iap.problems(settled, discovery, DEFAULTS) + _open_hub(settled) + _too_old(settled)
        return oauth_iap.values(settled, discovery, hub_program()), findings
    findings += oauth_iap.misplaced(settled, oauth_iap.ONLY_IAP, DEFAULTS)
    findings += _missing(settled) + _discovery_problem(discovery) + _callback_problem(settled) + _open_hub(settled)
    findings += _dotted_claim(settled, discovery)
    return _values(settled, discovery), findings


def _too_old(settled: Mapping[str, Any]) -> list[Finding]:
    """A chart whose JupyterHub is not the one that the class for provider iap is written for and tested with.

    It has no ``allow_all``, so that every login would end in an error, and puts everybody in its database on the list.
    """
    version = settled["z2jh_chart_version"]
    if not before_groups(hub_major(version, parent=bool(settled["z2jh_values_root"]))):
        return []
    return [
        Finding(
            "E-OAUTH-09",
            "z2jh_chart_version",
            "brings a JupyterHub before 5, with which the login of provider iap does not work",
            "set z2jh_chart_version to a release from 4.0.0 on",
            seen=version,
        )
    ]


def callback_url(settled: Mapping[str, Any]) -> str:
    """The address the provider sends people back to; one place computes it for hub, checks and messages."""
    port = "" if settled["hub_port"] == HTTPS_PORT else f":{settled['hub_port']}"
    return f"https://{settled['hub_domain'].lower()}{port}{settled['hub_base_url']}hub/oauth_callback"


def same_url(one: str, other: str) -> bool:
    """Whether two addresses are the same to a browser: host without case, the scheme's own port left out."""
    return _canonical(one) == _canonical(other)


def _canonical(url: str) -> tuple[object, ...]:
    where = origin(url)
    if not any(where):
        return (url,)  # what is no address is the same as itself only
    parts = urlsplit(url)
    return *where, parts.path, parts.query


def groups_used(settled: Mapping[str, Any]) -> bool:
    """Whether any rule is by group."""
    return bool(settled["hub_oauth_allowed_groups"] or settled["hub_oauth_admin_groups"])


def scopes(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> list[str]:
    """The scopes to ask for: the operator's own, else those of ours that the issuer offers."""
    if settled["hub_oauth_scopes"]:
        return list(settled["hub_oauth_scopes"])
    offered = set(discovery.get("scopes_supported") or WANTED_SCOPES[:3])
    wanted = WANTED_SCOPES if groups_used(settled) else WANTED_SCOPES[:3]
    return [scope for scope in wanted if scope == "openid" or scope in offered]


def basic_auth(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> bool:
    """Whether the hub shows its secret in an HTTP header instead of the form.

    Without a choice of the operator: in the form, unless the issuer names its methods and that one is not among them.
    """
    chosen = settled["hub_oauth_token_auth_method"]
    if chosen:
        return bool(chosen == TOKEN_AUTH_METHODS[1])
    offered = discovery.get("token_endpoint_auth_methods_supported") or TOKEN_AUTH_METHODS
    return TOKEN_AUTH_METHODS[0] not in offered


def _unsupported(settled: Mapping[str, Any]) -> list[Finding]:
    """Choices this release refuses, told apart: not built yet, and not existing."""
    findings = []
    for name, now, later in (
        ("hub_oauth_provider", PROVIDERS, LATER_PROVIDERS),
        ("hub_oauth_registration", REGISTRATIONS, LATER_REGISTRATIONS),
        ("hub_oauth_token_auth_method", ("", *TOKEN_AUTH_METHODS), ()),
    ):
        seen = settled[name]
        if seen in now:
            continue
        do = f"choose one of: {', '.join(word for word in now if word)}"
        if later is LATER_PROVIDERS and seen in later:
            do += "; or leave it empty and set this login in z2jh_values, as the README of role hub_oauth shows"
        sentence = "has a value that this release cannot do yet" if seen in later else "has a value that does not exist"
        findings.append(Finding("E-OAUTH-05", name, sentence, do, seen=seen))
    return findings


def _missing(settled: Mapping[str, Any]) -> list[Finding]:
    wanted = {
        "hub_domain": "the host name people open",
        "hub_oauth_issuer": "the issuer's URL, as in https://issuer.example.org/",
        "hub_oauth_client_id": "the client id the provider gave you",
        "hub_oauth_username_claim": "the claim that names people, by default preferred_username",
    }
    if groups_used(settled):
        wanted["hub_oauth_groups_claim"] = "the claim that holds their groups, by default groups"
    return unset(settled, wanted, "E-OAUTH-06", f"provider {settled['hub_oauth_provider']}")


def _discovery_problem(discovery: Mapping[str, Any]) -> list[Finding]:
    problem = discovery.get("problem")
    return [Finding.from_error("hub_oauth_issuer", problem)] if problem else []


def _callback_problem(settled: Mapping[str, Any]) -> list[Finding]:
    given, wanted = settled["hub_oauth_callback_url"], callback_url(settled)
    if not given or not settled["hub_domain"] or same_url(given, wanted):
        return []
    return [wrong_callback("hub_oauth_callback_url", given, wanted)]


def wrong_callback(path: str, seen: str, wanted: str) -> Finding:
    """The finding for a callback address that is not this hub's."""
    return Finding(
        "E-OAUTH-03",
        path,
        "does not lead back to this hub, so every login would end in an error",
        f"register {wanted} at the provider and remove {path}, or correct hub_domain, hub_port or hub_base_url",
        seen=seen,
        wanted=wanted,
    )


def _dotted_claim(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> list[Finding]:
    """A groups claim whose name itself has dots: OAuthenticator takes each one for a step, finds nothing, and says so
    in the hub's log only.
    """
    claim = str(settled["hub_oauth_groups_claim"])
    listed = claim in WHOLE_CLAIMS or claim in (discovery.get("claims_supported") or [])
    if not groups_used(settled) or "." not in claim or not (listed or "://" in claim):
        return []
    return [
        Finding(
            "E-OAUTH-10",
            "hub_oauth_groups_claim",
            "is one claim with dots in its name, which the hub would take for a path: it would find no groups, and "
            "nobody could enter or administer by group",
            "have the issuer put the groups into a claim without dots as well and name that one (INDIGO IAM has "
            "`groups` where the client's profile is `iam`), or go without groups: hub_oauth_allowed_users, hub_admins",
            seen=claim,
            wanted="a claim without dots in its name, or a path to a nested one, as in realm_access.roles",
        )
    ]


def _open_hub(settled: Mapping[str, Any]) -> list[Finding]:
    """A hub that everybody the issuer knows could enter, without somebody having said so."""
    if settled["hub_oauth_acknowledge_open_hub"]:
        return []
    first, second = ALLOW_RULES[settled["hub_oauth_provider"]]
    if settled["hub_oauth_allow_all"]:
        do = f"take it out and set {first} or {second}"
        return [open_hub("hub_oauth_allow_all", "lets everybody in whom the issuer knows", do)]
    if not settled[first] and not settled[second]:
        return [open_hub(first, f"and {second} are empty: no rule says who may enter", f"set {first} or {second}")]
    return []


def open_hub(path: str, sentence: str, do: str) -> Finding:
    """The finding for a hub without a rule about who may enter."""
    do += "; if everybody really may enter, set hub_oauth_acknowledge_open_hub: true"
    return Finding("E-OAUTH-04", path, sentence, do)


def _values(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> Json:
    authenticator: Json = {}
    if settled["hub_oauth_allowed_users"]:
        authenticator["allowed_users"] = sorted(settled["hub_oauth_allowed_users"])
    if groups_used(settled):
        authenticator["manage_groups"] = True
    hub: Json = {
        "config": {
            "JupyterHub": {"authenticator_class": "generic-oauth"},
            "GenericOAuthenticator": _traits(settled, discovery),
        },
        "extraEnv": {
            "OAUTH_CLIENT_ID": settled["hub_oauth_client_id"],
            "OAUTH_CALLBACK_URL": callback_url(settled),
            SECRET_KEY: {"valueFrom": {"secretKeyRef": {"name": HUB_SECRETS, "key": SECRET_KEY}}},
        },
    }
    if authenticator:
        hub["config"]["Authenticator"] = authenticator
    if discovery.get("ca_pem"):
        hub["extraFiles"] = {"oauth-issuer-ca": {"mountPath": CA_MOUNT, "stringData": discovery["ca_pem"]}}
    return {"hub": hub}


def _traits(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> Json:
    """GenericOAuthenticator's own settings."""
    narrowed = settled["hub_oauth_allowed_users"] or settled["hub_oauth_allowed_groups"]
    traits: Json = {
        "authorize_url": discovery.get("authorization_endpoint", ""),
        "token_url": discovery.get("token_endpoint", ""),
        "username_claim": settled["hub_oauth_username_claim"],
        "scope": scopes(settled, discovery),
        "basic_auth": basic_auth(settled, discovery),
        "login_service": settled["hub_oauth_login_service"] or origin(settled["hub_oauth_issuer"])[1] or "OAuth 2.0",
    }
    traits |= _source(settled, discovery)
    for rule in ("allowed_groups", "admin_groups"):
        if settled[f"hub_oauth_{rule}"]:
            traits[rule] = sorted(settled[f"hub_oauth_{rule}"])
    if groups_used(settled):
        traits |= _groups_key(settled)
    if settled["hub_oauth_allow_all"] or not narrowed:
        traits["allow_all"] = settled["hub_oauth_acknowledge_open_hub"]
    if discovery.get("ca_pem"):
        traits["http_request_kwargs"] = {"ca_certs": CA_MOUNT}
    return traits


def _source(settled: Mapping[str, Any], discovery: Mapping[str, Any]) -> Json:
    """Where the claims come from: what the operator's own values say, else the userinfo endpoint, else the ID token.

    With one of the two set by the operator the other stays away: Microsoft Entra, for example, has a userinfo endpoint,
    but tells groups in the ID token only.
    """
    endpoint = discovery.get("userinfo_endpoint")
    if _own(settled, "userdata_from_id_token") is True:
        return {}
    if endpoint:
        return {"userdata_url": endpoint}
    return {} if _own(settled, "userdata_url") else {"userdata_from_id_token": True}


def _own(settled: Mapping[str, Any], trait: str) -> Any:
    """What the operator's own values say about a trait; None for nothing."""
    hub = dig(settled["z2jh_values"], *root_path(settled["z2jh_values_root"]), "hub", "config")
    said = (dig(hub, section, trait) for section in SECTIONS)
    return next((value for value in said if value is not None), None)


def _groups_key(settled: Mapping[str, Any]) -> Json:
    """Which claim holds the groups, in the words of the chart's hub; of both where its version is not known."""
    claim = settled["hub_oauth_groups_claim"]
    new, old = {NEW_GROUPS: f"oauth_user.{claim}"}, {OLD_GROUPS: claim}
    major = hub_major(settled["z2jh_chart_version"], parent=bool(settled["z2jh_values_root"]))
    if major is None:
        return new | old  # release 16 warns of a name it does not know, release 17 of an old one
    return old if before_groups(major) else new


def hub_major(chart_version: str, *, parent: bool) -> int | None:
    """The major version of the hub's own chart; None where nobody says it, or only that of its parent chart."""
    return None if parent else chart_major(chart_version)


def before_groups(major: int | None) -> bool:
    """Whether a chart's hub has OAuthenticator 16 or older; version 0 is nobody's release, but a chart like today's."""
    return 0 < (major or 0) < GROUPS_MAJOR
