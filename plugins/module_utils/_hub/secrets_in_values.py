# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Secrets among chart values: everybody who may read the release could read them.

Known places come first, because there the right way can be named; settings of the hub and environment variables with a
telling name, addresses with a password in them, and private keys are found wherever they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from .oauth import SECRET_KEY
from .settings import Finding, Json
from .values import HUB_SECRETS, Path, dotted, leaves, strings

GENERATED = "remove it: the role keeps a generated one in a Secret"
CLIENT_SECRET = "hub.config.*.client_secret"
REFERENCE = (
    f"let hub.extraEnv.{SECRET_KEY} in z2jh_values refer to it: "
    f"{{valueFrom: {{secretKeyRef: {{name: {HUB_SECRETS}, key: {SECRET_KEY}}}}}}}"
)
"""How a login that is set in z2jh_values reads the client secret: OAuthenticator's classes all know that variable."""

PLACES: dict[str, str] = {
    "proxy.secretToken": GENERATED,
    "hub.cookieSecret": GENERATED,
    "hub.config.JupyterHub.cookie_secret": GENERATED,
    "hub.config.ConfigurableHTTPProxy.auth_token": GENERATED,
    "hub.config.CryptKeeper.keys": GENERATED,
    CLIENT_SECRET: "set hub_oauth_client_secret instead; the role puts it into a Secret the hub reads",
    "hub.config.*.google_service_account_keys": "put the key file into a Secret of your own and mount it",
    "hub.config.*.password": "choose an authenticator with real accounts: set hub_oauth_provider",
    "hub.db.password": "put it into a Secret of your own and let hub.extraEnv.PGPASSWORD (or MYSQL_PWD) refer to it",
    "hub.services.*.apiToken": "remove it: the chart generates one in its Secret",
    "hub.services.*.api_token": "remove it: the chart generates one in its Secret",
    "imagePullSecret.password": "make a Secret of type kubernetes.io/dockerconfigjson and name it in imagePullSecrets",
    "proxy.https.manual.key": "set hub_https_type: manual and hub_https_private_key_file; the role makes a Secret",
}
"""Pattern of a path to what to do instead. ``*`` stands for one segment."""

ENVIRONMENTS = ("extraEnv", "environment", "env")
"""Keys that hold environment variables: the chart's, KubeSpawner's, also in its profiles, and those of containers."""
SECRET_VARIABLE = re.compile(r"(?:SECRET|PASSWORD|PASSWD|_PWD|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY)$", re.I)
SECRET_TRAIT = re.compile(r"(?:secret|secret_key|password|token)$")
"""Settings of classes and members of them, such as LDAPAuthenticator.lookup_dn_search_password; only a text is one."""
OWN_SECRET = (
    "take it out, and put this part of the values under the key values.yaml into a Secret of your own that "
    "hub.existingSecret names: the hub reads that, too"
)
INSERTED = re.compile(r"\$\([^()]+\)|\$?\{[^{}]+\}")
"""A variable in the place of a password, which somebody else puts in."""
PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")


def misplaced_secrets(values: Json) -> Iterator[Finding]:
    """One finding (E-VALUES-12) for each secret among the values; the secret itself is never repeated."""
    found = _at_known_places(values)
    for path, name, value in environment(values):
        if isinstance(value, str) and value and _is_secret_variable(name, value):
            found.setdefault(
                path,
                f"put it into a Secret of your own and write {name}: {{valueFrom: {{secretKeyRef: {{name, key}}}}}}",
            )
    for path, text in strings(values):
        if text and path[:2] == ("hub", "config") and SECRET_TRAIT.search(path[-1]):
            found.setdefault(path, OWN_SECRET)
        elif PRIVATE_KEY.search(text):
            found.setdefault(path, "put the key into a Secret of your own and mount that")
    for path, do in found.items():
        yield Finding(
            "E-VALUES-12", dotted(path), "is a secret, and whoever may read the release can read its values", do
        )


def _at_known_places(values: Json) -> dict[Path, str]:
    """Each secret at a known place, with what to do instead."""
    found: dict[Path, str] = {}
    for path, value in leaves(values):
        for pattern, do in PLACES.items():
            if value and _fits(path, pattern):
                found.setdefault(path, f"{do}, and {REFERENCE}" if pattern == CLIENT_SECRET and unread(values) else do)
        if (path[-2:] == ("db", "url") or path[-1:] == ("db_url",)) and isinstance(value, str) and _password(value):
            found[path] = "leave the password out of the address: " + PLACES["hub.db.password"]
    return found


def unread(values: Json) -> bool:
    """Whether no variable of an environment brings the hub the client secret, and nothing else names its Secret."""
    named = any(name == SECRET_KEY for path, name, _value in environment(values) if path[0] == "hub")
    return not named and all(text != HUB_SECRETS for _path, text in strings(values))


def _fits(path: Path, pattern: str) -> bool:
    """Whether a path, or the beginning of it, is the place a pattern names."""
    wanted = pattern.split(".")
    return len(path) >= len(wanted) and all(
        fnmatchcase(mine, segment) for mine, segment in zip(path, wanted, strict=False)
    )


def _is_secret_variable(name: str, value: str) -> bool:
    """Whether an environment variable has a telling name, or an address with a password for its value."""
    password = _password(value)
    return bool(SECRET_VARIABLE.search(name) or (password and not INSERTED.fullmatch(password)))


def _password(url: str) -> str:
    """The password in an address; empty for none."""
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def environment(values: Any, path: Path = ()) -> Iterator[tuple[Path, str, Any]]:
    """Every environment variable with its path, name and value, in both forms the chart takes: mapping and list."""
    if isinstance(values, list):
        for position, entry in enumerate(values):
            yield from environment(entry, (*path, str(position)))
    if not isinstance(values, Mapping):
        return
    for place, below in values.items():
        here = (*path, str(place))
        if place not in ENVIRONMENTS:
            yield from environment(below, here)
        elif isinstance(below, Mapping):
            for key, value in below.items():
                entry = value if isinstance(value, Mapping) else {"value": value}
                yield (*here, str(key)), str(entry.get("name", key)), entry.get("value")
        elif isinstance(below, list):
            for position, entry in enumerate(below):
                if isinstance(entry, Mapping):
                    yield (*here, str(position)), str(entry.get("name", "")), entry.get("value")
