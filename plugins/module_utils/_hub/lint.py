# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What is wrong with chart values, before Helm is asked.

Every rule is a function from the values to findings; :func:`lint` runs them all, so that a person corrects everything
at once. No finding repeats a value that might be a secret.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.redact import SHORTEST_SECRET
from . import keys
from .hub_code import OPEN_CLASSES, open_code
from .oauth import ALLOW_RULES as VARIABLES
from .oauth import OLD_GROUPS, SECRET_KEY, before_groups, hub_major, open_hub, same_url, wrong_callback
from .placeholders import is_placeholder, place_of
from .secrets_in_values import REFERENCE, misplaced_secrets, unread
from .settings import Finding, Json, chart_major, plain
from .values import HUB_SECRETS, Path, dig, dotted, leaves, mapping_at, strings

LOCAL_OAUTH = (
    "auth0", "azuread", "bitbucket", "cilogon", "generic-oauth", "github", "gitlab", "globus", "google", "openshift",
)  # fmt: skip
OAUTH_CLASSES = frozenset({*LOCAL_OAUTH, "mediawiki"})
AUTHENTICATORS = (
    "default", "dummy", "null", "pam", "shared-password", "firstuse", "firstuseauthenticator", "ldap",
    "ldapauthenticator", "native", "tmp", *sorted(OAUTH_CLASSES), *(f"local-{name}" for name in LOCAL_OAUTH),
)  # fmt: skip
"""Names that ``authenticator_class`` takes without a module path, in the chart's hub image (tests/hub_image compares);
JupyterHub does not look at their case."""

REMOVED_CLASSES = {
    "okpy": "generic-oauth",
    "dummyauthenticator.DummyAuthenticator": "dummy",
    "custom": "the class's full name",
    "lti": "ltiauthenticator.lti11.auth.LTI11Authenticator or ltiauthenticator.lti13.auth.LTI13Authenticator",
}

RENAMED_TRAITS = {
    "whitelist": "allowed_users",
    "blacklist": "blocked_users",
    "group_whitelist": "allowed_groups",
    "admin_group_whitelist": "admin_groups",
    "username_key": "username_claim",
    "extra_params": "token_params",
    "tls_verify": "validate_server_cert",
    OLD_GROUPS: "auth_state_groups_key: oauth_user.CLAIM",
    "org_whitelist": "allowed_organizations",
    "github_organization_whitelist": "allowed_organizations",
    "gitlab_group_whitelist": "allowed_gitlab_groups",
    "google_group_whitelist": "allowed_google_groups",
}

IDPS = ("idps", "allowed_idps")
"""What CILogon's identity providers with their own rules stand below; before OAuthenticator 17.4 only the second."""

ALLOW_RULES = (
    "allowed_users", "allow_existing_users", "allowed_groups", "allowed_scopes", "allowed_organizations",
    "hosted_domain", "allowed_hosted_domains", "allowed_google_groups", "allowed_globus_groups", "identity_provider",
    *IDPS, "allowed_teams", "allowed_gitlab_groups", "allowed_project_ids",
)  # fmt: skip
OWN_RULE = (
    f"{' or '.join(VARIABLES['generic'])} with hub_oauth_provider; or, for a login of your own, a rule of its own "
    "in z2jh_values, such as hub.config.Authenticator.allowed_users"
)
KEEP_CAPITALS = frozenset({"mediawiki", "mwoauthenticator"})
"""The one login by OAuth that does not put names into small letters."""
IAP_CLASS = "iapauthenticator"
IAP_RULES = ("allowed_users", "allowed_domains", "allow_existing_users", "allow_all")
GROUP_TRAITS = ("allowed_groups", "admin_groups", "auth_state_groups_key")

SHELL = re.compile(r"\$\([A-Za-z_./-]+\s[^)]*\)|^`[^`]+`$")
PROGRAMS = frozenset({
    "command", "args", "cmd", "lifecycleHooks", "lifecycle_hooks", "lifecycle", "initContainers", "init_containers",
    "extraInitContainers", "extraContainers", "extra_containers", "containers", "exec", "livenessProbe",
    "readinessProbe", "startupProbe", "stringData", "data", "extraConfig", "custom",
})  # fmt: skip
"""Keys at or below which something may well run a shell command: containers' commands, files, the operator's own."""
ONE_LINE = 200
"""Characters up to which a text is taken for a value, not for a script or a page."""

SECRET_VARIABLES = {SECRET_KEY: "hub_oauth_client_secret"}
"""Which variable fills which key of the Secret that layers refer to."""


@dataclass(frozen=True)
class Context:
    """What the rules know besides the values.

    Attributes:
        acknowledged: the operator said that everybody may enter.
        callback: the address the provider must send people back to; empty where the host name is not known.
        chart_version: as asked for; decides whether the tree of keys applies, and which names are the old ones.
        parent: the version is that of a parent chart, which says nothing about the hub's.
        front: people come in by our Service hub-front, which wants a port named https on the chart's proxy.
    """

    acknowledged: bool = False
    callback: str = ""
    chart_version: str = ""
    parent: bool = False
    front: bool = False

    @property
    def hub_major(self) -> int | None:
        """The major version of the hub's own chart; None where it is not known."""
        return hub_major(self.chart_version, parent=self.parent)


def lint(values: Mapping[str, Any], context: Context) -> list[Finding]:
    """Everything that is wrong with the values of one hub, in the order of the rules."""
    document: Json = plain(values)
    return list(dict.fromkeys(finding for rule in RULES for finding in rule(document, context)))


def lint_secrets(values: Mapping[str, Any], secrets: Mapping[str, str]) -> list[Finding]:
    """What is wrong with the secrets beside the values: placeholders, and references to secrets that nobody gave."""
    document: Json = plain(values)
    findings = []
    for name, value in sorted(secrets.items()):
        variable = SECRET_VARIABLES.get(name, name)
        if value and is_placeholder(str(value), secret=True):
            findings.append(
                Finding(
                    "E-VALUES-03",
                    variable,
                    "still holds a placeholder, not a secret",
                    f"put the real value into {variable}, from Ansible Vault or a look-up",
                )
            )
        elif value and len(str(value)) < SHORTEST_SECRET:
            findings.append(
                Finding(
                    "E-HELM-18",
                    variable,
                    f"is shorter than {SHORTEST_SECRET} characters: it could be guessed, and not be kept out of logs",
                    f"have the provider make a longer secret, and set {variable} to it",
                )
            )
    given = {name for name, value in secrets.items() if value}
    if SECRET_KEY in given and _by_oauth(document) and unread(document):
        findings.append(
            Finding(
                "E-OAUTH-09",
                SECRET_VARIABLES[SECRET_KEY],
                "is set, and nothing in the values has the hub read it, so every login would fail: the login is not "
                "by hub_oauth_provider",
                REFERENCE,
            )
        )
    for name in sorted(_referred_keys(document) - given):
        variable = SECRET_VARIABLES.get(name, name)
        findings.append(
            Finding(
                "E-OAUTH-06",
                variable,
                f"is not set, and the hub reads {name} from it",
                f"set {variable}, from Ansible Vault or a look-up",
            )
        )
    return findings


def _referred_keys(values: Any) -> set[str]:
    """The keys of the Secret :data:`HUB_SECRETS` that environment variables of the hub refer to."""
    found = set()
    for path, value in leaves(values):
        if path[-2:] == ("secretKeyRef", "key") and dig(values, *path[:-1], "name") == HUB_SECRETS:
            found.add(str(value))
    return found


def _unknown_keys(values: Json, context: Context) -> Iterator[Finding]:
    """Keys the chart would refuse or, worse, ignore; with the nearest key that exists."""
    if chart_major(context.chart_version) not in (None, 0, keys.NEWEST[0]):
        return  # the tree describes another release: Helm asks that chart's own schema
    newer = _newer(context.chart_version)
    for path in _strangers(values, keys.TREE):
        new = keys.MOVED.get(".".join(path))
        if new:
            yield Finding("E-VALUES-01", dotted(path), "is a key of an older chart", f"use {new} instead")
            continue
        if newer:
            continue  # it may have come since; Helm asks that chart's own schema
        near = nearest_key(path)
        do = f"rename it to {near}" if near else f"remove it; valid here: {', '.join(_siblings(path))}"
        yield Finding("E-VALUES-01", dotted(path), "is no key of this chart", do)


def _newer(version: str) -> bool:
    """Whether a chart came after those that the tree describes; a development version may be anything."""
    number = re.match(r"v?(\d+)\.(\d+)", version)
    return number is not None and ((int(number[1]), int(number[2])) > keys.NEWEST or "-0.dev" in version)


def _strangers(
    values: Mapping[str, Any], tree: dict[str, keys.Tree], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Paths to the first unknown segment of each key; obsolete keys count as unknown."""
    for key, value in values.items():
        here = (*path, str(key))
        if ".".join(here) in keys.MOVED or (key not in tree and "*" not in tree):
            yield from _moved_below(value, here) or [here]
            continue
        below = tree.get(key, tree.get("*"))
        if isinstance(value, dict) and isinstance(below, dict):
            yield from _strangers(value, below, here)
        elif isinstance(value, dict) and value and below is None:
            yield (*here, min(value))


def _moved_below(value: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The known obsolete keys below an unknown one: they name the new place better than their parent does."""
    known = [(*path, *rest) for rest, _leaf in leaves(value)]
    return [one for one in known if ".".join(one) in keys.MOVED and one != path]


def nearest_key(path: tuple[str, ...]) -> str:
    """The valid key that an unknown one most likely means; empty where none is near."""
    parent, last = ".".join(path[:-1]), path[-1].lower()
    siblings = {name.lower(): name for name in _siblings(path)}
    near = difflib.get_close_matches(last, siblings, n=1, cutoff=0.6)
    if near:
        return f"{parent}.{siblings[near[0]]}" if parent else siblings[near[0]]
    by_name: dict[str, list[str]] = {}
    for known in keys.paths():
        by_name.setdefault(known.rpartition(".")[2].lower(), []).append(known)
    near = difflib.get_close_matches(last, by_name, n=1, cutoff=0.8)
    if not near:
        return ""
    wanted = ".".join(path).lower()
    return max(by_name[near[0]], key=lambda known: difflib.SequenceMatcher(None, wanted, known.lower()).ratio())


def _siblings(path: tuple[str, ...]) -> list[str]:
    """The valid keys at the place of an unknown one."""
    tree: keys.Tree = keys.TREE
    for segment in path[:-1]:
        if not isinstance(tree, dict):
            return []
        tree = tree.get(segment, tree.get("*"))
    return sorted(tree) if isinstance(tree, dict) else []


def _config_classes(values: Json, _context: Context) -> Iterator[Finding]:
    """Sections of ``hub.config`` are class names; the chart drops others without a word."""
    known = (
        "JupyterHub", "Authenticator", "KubeSpawner", "Spawner", "CryptKeeper", "GenericOAuthenticator",
        "GitHubOAuthenticator", "ConfigurableHTTPProxy",
    )  # fmt: skip
    for name in mapping_at(values, "hub", "config"):
        if re.match(r"[A-Z]", name):
            continue
        near = difflib.get_close_matches(name.lower(), [one.lower() for one in known], n=1, cutoff=0.6)
        right = next((one for one in known if near and one.lower() == near[0]), name[:1].upper() + name[1:])
        yield Finding(
            "E-VALUES-04",
            f"hub.config.{name}",
            "is not the name of a class: those begin with a capital",
            f"rename it to hub.config.{right}",
        )


def _renamed_traits(values: Json, context: Context) -> Iterator[Finding]:
    fits = context.hub_major is None or before_groups(context.hub_major)
    renamed = {old: new for old, new in RENAMED_TRAITS.items() if not (fits and old == OLD_GROUPS)}
    for section, traits in _sections(values):
        if not section.endswith("Authenticator"):
            continue
        for old, new in renamed.items():
            if old in traits:
                path = f"hub.config.{section}"
                yield Finding(
                    "E-VALUES-05",
                    f"{path}.{old}",
                    "is an old name, which the hub warns of or ignores",
                    f"use {path}.{new}",
                )


def _removed_class(values: Json, _context: Context) -> Iterator[Finding]:
    chosen = _authenticator(values)
    if chosen in REMOVED_CLASSES:
        yield Finding(
            "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class",
            f"names {chosen}, which the chart's hub does not have",
            f"use {REMOVED_CLASSES[chosen]}",
        )


def _unknown_class(values: Json, _context: Context) -> Iterator[Finding]:
    chosen = _authenticator(values)
    known = chosen in REMOVED_CLASSES or chosen.lower() in AUTHENTICATORS
    if re.fullmatch(r"[A-Za-z0-9-]+", chosen) and not known:
        near = difflib.get_close_matches(chosen.lower(), AUTHENTICATORS, n=1, cutoff=0.6)
        yield Finding(
            "E-VALUES-05",
            "hub.config.JupyterHub.authenticator_class",
            f"names {chosen}, which JupyterHub does not know by a short name",
            f"use {near[0]}, or the class's full name"
            if near
            else "use the class's full name, as in package.module.ClassName",
        )


def _placeholders(values: Json, _context: Context) -> Iterator[Finding]:
    for path, text in strings(values):
        if is_placeholder(text, place=place_of(path)):
            yield Finding(
                "E-VALUES-03", dotted(path), "still holds a placeholder", "put the real value there, or remove the key"
            )


def _secrets(values: Json, _context: Context) -> Iterator[Finding]:
    yield from misplaced_secrets(values)


def _unevaluated_shell(values: Json, _context: Context) -> Iterator[Finding]:
    for path, text in strings(values):
        if "\n" not in text and len(text) <= ONE_LINE and not PROGRAMS.intersection(path) and SHELL.search(text):
            yield Finding(
                "E-VALUES-07",
                dotted(path),
                "holds a shell command, which nothing will ever run",
                "compute the value in the inventory, for example with the pipe look-up",
            )


def _https(values: Json, _context: Context) -> Iterator[Finding]:
    """HTTPS settings that the chart accepts and then serves plain HTTP with, or no page at all."""
    https = mapping_at(values, "proxy", "https")
    if not https.get("enabled"):
        return
    kind = https.get("type", "letsencrypt")
    if kind == "letsencrypt" and not https.get("hosts"):
        yield Finding(
            "E-VALUES-06",
            "proxy.https.hosts",
            "is empty while proxy.https.type is letsencrypt: the chart would serve plain HTTP without a word",
            "list the host name there",
        )
    if kind == "letsencrypt" and not dig(https, "letsencrypt", "contactEmail"):
        yield Finding(
            "E-VALUES-06",
            "proxy.https.letsencrypt.contactEmail",
            "is empty, and no certificate is issued without it",
            "set it to an address that is read",
        )
    if kind == "secret" and not dig(https, "secret", "name"):
        yield Finding(
            "E-VALUES-06",
            "proxy.https.secret.name",
            "is empty while proxy.https.type is secret",
            "name the Secret that holds the certificate",
        )


def _closed_front(values: Json, context: Context) -> Iterator[Finding]:
    """Types of HTTPS with which the chart's proxy has no port for hub-front to send https to."""
    https = mapping_at(values, "proxy", "https")
    elsewhere = any(dig(values, place, "enabled") for place in ("ingress", "httpRoute"))
    if not context.front or elsewhere or not https.get("enabled"):
        return
    kind = https.get("type", "letsencrypt")
    if kind in ("letsencrypt", "offload"):
        yield Finding(
            "E-VALUES-06",
            "proxy.https",
            f"is of type {kind}, for which the hub's proxy has no https port: nothing would answer at port 443 of "
            "hub-front, and port 80 would serve the hub unencrypted",
            "set hub_https_type: secret (with letsencrypt_method: direct for a certificate over ACME) or manual, and "
            "remove proxy.https; or let something of yours end TLS before a hub_front_service_type: NodePort",
        )


def _unprotected(values: Json, context: Context) -> Iterator[Finding]:
    """A login by OAuth on a hub where nothing ends TLS: the callback is an https address that nobody answers."""
    ends = (("proxy", "https"), ("ingress",), ("httpRoute",))
    if not context.callback or not _by_oauth(values) or any(dig(values, *place, "enabled") for place in ends):
        return
    yield Finding(
        "E-VALUES-06",
        "proxy.https.enabled",
        f"is not true and no Ingress or HTTPRoute is on, so nothing answers at {context.callback}",
        "set hub_https_type",
    )


def _without_effect(values: Json, _context: Context) -> Iterator[Finding]:
    """Combinations the chart lets through although they do nothing, or refuses only while it renders."""
    service = mapping_at(values, "proxy", "service")
    if service.get("loadBalancerSourceRanges") and service.get("type", "LoadBalancer") != "LoadBalancer":
        yield Finding(
            "E-VALUES-06",
            "proxy.service.loadBalancerSourceRanges",
            f"has no effect on a Service of type {service['type']}, so everybody could connect",
            "limit the sources at the front door instead, and remove this key",
        )
    blocked = dig(values, "singleuser", "cloudMetadata", "blockWithIptables", default=True)
    if blocked and dig(values, "singleuser", "networkPolicy", "egressAllowRules", "cloudMetadataServer"):
        yield Finding(
            "E-VALUES-06",
            "singleuser.networkPolicy.egressAllowRules.cloudMetadataServer",
            "allows what singleuser.cloudMetadata.blockWithIptables blocks; the chart refuses the pair",
            "remove it: users' servers must not reach the cloud's metadata server",
        )


def _groups(values: Json, context: Context) -> Iterator[Finding]:
    """Group rules without ``manage_groups``: the hub would not start, from OAuthenticator 17 on."""
    managing = any(traits.get("manage_groups") is True for _section, traits in _sections(values))
    if managing or before_groups(context.hub_major):
        return
    for section, traits in _sections(values):
        for trait in GROUP_TRAITS:
            if traits.get(trait) and section.endswith("OAuthenticator"):
                yield Finding(
                    "E-OAUTH-07",
                    f"hub.config.{section}.{trait}",
                    "needs hub.config.Authenticator.manage_groups: true, or the hub does not start",
                    "set hub_oauth_allowed_groups and hub_oauth_admin_groups instead: they set both",
                )


def _user_names(values: Json, _context: Context) -> Iterator[Finding]:
    """Names with which JupyterHub does not start: it looks at both lists before it serves anybody."""
    for section, traits in _sections(values):
        judged = section.endswith("Authenticator") and not traits.get("username_map")  # which may cure each of them
        for trait in ("admin_users", "allowed_users") if judged else ():
            names = traits.get(trait)
            for name in names if isinstance(names, list) else ():
                if not is_user_name(name):
                    yield Finding(
                        "E-VALUES-08",
                        f"hub.config.{section}.{trait}",
                        "holds a name that JupyterHub does not take, and the hub would not start",
                        "correct it where it comes from: hub_admins, hub_oauth_allowed_users or z2jh_values",
                        seen=json.dumps(name, ensure_ascii=False),
                        wanted="text that is not empty, without a slash and without blanks at its ends",
                    )


def is_user_name(name: Any) -> bool:
    """Whether JupyterHub takes this for a name; what it is to look like beyond that nobody has said."""
    return isinstance(name, str) and name != "" and name == name.strip() and "/" not in name


def _blocked_users(values: Json, _context: Context) -> Iterator[Finding]:
    """People who are to stay out and could enter: JupyterHub takes one list, and compares its names as they stand."""
    lists = {section: traits["blocked_users"] for section, traits in _sections(values) if traits.get("blocked_users")}
    first, *others = sorted(lists) or [""]
    for section in others:
        yield Finding(
            "E-VALUES-06",
            f"hub.config.{section}.blocked_users",
            f"stands beside hub.config.{first}.blocked_users, and the hub reads one of them: who is on the other could "
            "enter",
            "write all names into hub.config.Authenticator.blocked_users, and remove the other lists",
        )
    mapped = any(traits.get("username_map") for _section, traits in _sections(values))  # which comes after that
    in_small = _by_oauth(values) and _word(values) not in KEEP_CAPITALS and not mapped
    for section, names in lists.items():
        for name in names if isinstance(names, list) else ():
            if not is_user_name(name) or (in_small and name != name.lower()):
                yield Finding(
                    "E-VALUES-08",
                    f"hub.config.{section}.blocked_users",
                    "holds a name that nobody has in the hub, so whoever is meant could enter",
                    "write it in quotes and as the hub's admin page shows it, mostly in small letters",
                    seen=json.dumps(name, ensure_ascii=False),
                )


def _callback(values: Json, context: Context) -> Iterator[Finding]:
    """Callback addresses, wherever they are set, that do not lead back to this hub."""
    if not context.callback:
        return
    places = [
        (f"hub.config.{section}.oauth_callback_url", traits.get("oauth_callback_url"))
        for section, traits in _sections(values)
    ]
    places.append(("hub.extraEnv.OAUTH_CALLBACK_URL", dig(values, "hub", "extraEnv", "OAUTH_CALLBACK_URL")))
    for path, seen in places:
        if isinstance(seen, str) and seen and not same_url(seen, context.callback):
            yield wrong_callback(path, seen, context.callback)


def _open_hub(values: Json, context: Context) -> Iterator[Finding]:
    """A hub anybody could enter, whoever asked for it: a variable, a layer, or the operator's own values and code."""
    if context.acknowledged:
        return
    yield from open_code(values)
    chosen = _authenticator(values)
    path = "hub.config.JupyterHub.authenticator_class"
    if _word(values) in OPEN_CLASSES:
        given = dig(values, "hub", "config", "JupyterHub", "authenticator_class")
        said, first = ("is", "take it out, and ") if given else ("is not set, so it is", "")
        do = f"{first}set hub_oauth_provider, and with it {' or '.join(VARIABLES['generic'])}"
        yield open_hub(path, f"{said} {chosen}, which lets anybody in under any name", do)
        return
    judged = {section: traits for section, traits in _sections(values) if section.endswith("Authenticator")}
    for place, rule in _allowing_all(judged):
        sentence = "is true: everybody the provider knows may enter"
        yield open_hub(dotted(("hub", "config", *place)), sentence, f"take it out, and set {rule}")
    by_iap = _word(values) == IAP_CLASS
    needed = by_iap or _by_oauth(values) or (before_groups(context.hub_major) and _signs_up(values))
    rules = IAP_RULES if by_iap else (*ALLOW_RULES, "allow_all")
    if needed and not any(traits.get(rule) for traits in judged.values() for rule in rules):
        do = f"set {' or '.join(VARIABLES['iap']) if by_iap else OWN_RULE}"
        yield open_hub(path, f"is {chosen}, and no rule says who may enter", do)


def _allowing_all(judged: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    """Every ``allow_all`` that is true, below ``hub.config``, with the rule to set in its place.

    One of CILogon's providers may be Google or GitHub.
    """
    for section, traits in judged.items():
        if traits.get("allow_all") is True:
            yield (section, "allow_all"), OWN_RULE
        for trait in IDPS:
            for provider, rules in mapping_at(traits, trait).items():
                if dig(rules, "allow_all") is True:
                    yield (section, trait, provider, "allow_all"), f"allowed_domains for {provider}"


def _signs_up(values: Json) -> bool:
    """Whether strangers make accounts for themselves; before chart 4, JupyterHub lets in everybody who has one."""
    word = _word(values).removesuffix("authenticator")
    config = mapping_at(values, "hub", "config")
    if word == "firstuse":
        return dig(config, "FirstUseAuthenticator", "create_users", default=True) is not False
    return word == "native" and dig(config, "NativeAuthenticator", "open_signup") is True


def _authenticator(values: Json) -> str:
    """The authenticator in force; the chart's default is ``dummy``."""
    return str(dig(values, "hub", "config", "JupyterHub", "authenticator_class", default="dummy"))


def _word(values: Json) -> str:
    """The last word of the authenticator's name, in lower case."""
    return _authenticator(values).rpartition(".")[2].lower()


def _by_oauth(values: Json) -> bool:
    """Whether the authenticator is one of OAuthenticator's."""
    word = _word(values)
    return word.removeprefix("local-") in OAUTH_CLASSES or word.endswith("oauthenticator")


def _sections(values: Json) -> Iterator[tuple[str, Json]]:
    """The sections of ``hub.config`` that hold traits."""
    for name, traits in mapping_at(values, "hub", "config").items():
        if isinstance(traits, dict):
            yield name, traits


RULES: tuple[Callable[[Json, Context], Iterator[Finding]], ...] = (
    _unknown_keys,
    _config_classes,
    _renamed_traits,
    _removed_class,
    _unknown_class,
    _placeholders,
    _secrets,
    _unevaluated_shell,
    _https,
    _closed_front,
    _unprotected,
    _without_effect,
    _groups,
    _user_names,
    _blocked_users,
    _callback,
    _open_hub,
)
