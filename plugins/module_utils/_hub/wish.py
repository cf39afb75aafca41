# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a smoke test is asked to prove. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import HubError
from .._core.transport import clean_url, origin

OPTIONS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "hub": {"type": "str"},
    "login": {"type": "str", "choices": ["auto", "oidc", "hub_token", "iap_service_account"], "default": "auto"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "service_account_file": {"type": "path"},
    "iap_wait": {"type": "int", "default": 600},
    "stranger_service_account_file": {"type": "path"},
    "stranger_user": {"type": "str"},
    "stranger_password": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "timeout": {"type": "int", "default": 900},
    "expected_image": {"type": "str"},
    "keep_server": {"type": "bool", "default": False},
    "http_redirect": {"type": "bool", "default": True},
}
"""The options that make a wish, as an argument spec; also for who judges them before the module runs."""

NEEDS = {
    "oidc": "user and password (hub_verify_user, hub_verify_password)",
    "iap_service_account": "service_account_file (hub_verify_service_account_file)",
    "hub_token": "token (hub_verify_token)",
}
"""What each login method cannot do without."""


@dataclass(frozen=True)
class Wish:
    """What is to be proved.

    Attributes:
        hub: the hub's name, for people.
        url: the front door with the base path and a slash at the end.
        login: ``oidc``, ``iap_service_account`` or ``hub_token``.
        user: who signs in; with a token: whose server is used, empty for the token's owner.
        password: of ``user``.
        token: the hub token.
        stranger: who must be refused; empty leaves this out.
        stranger_password: of ``stranger``.
        account_file: key file of the service account that enters through IAP.
        stranger_account_file: key file of a service account that must be refused; empty leaves this out.
        iap_wait: seconds for which IAP may refuse the account, because a new policy takes minutes to spread, and for
            which its front ends may hang up, because a new certificate does, too.
        ca_file: CAs to trust besides the system's.
        timeout: seconds for everything together.
        expected_image: what user pods must run; empty leaves this unproved.
        keep_server: leave the server running at the end.
        http_redirect: prove that plain http leads to https.
    """

    hub: str
    url: str
    login: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    stranger: str = ""
    stranger_password: str = field(default="", repr=False)
    account_file: str = ""
    stranger_account_file: str = ""
    iap_wait: float = 600.0
    ca_file: str | None = None
    timeout: float = 900.0
    expected_image: str = ""
    keep_server: bool = False
    http_redirect: bool = True


def parse_wish(params: Mapping[str, Any]) -> Wish:
    """The wish in a module's options; decides what ``auto`` means.

    Raises:
        HubError: E-AUTH-14 for a login that is not possible with what was given, E-VERIFY-15 for an address or a
            time that cannot be used.
    """
    url = params["url"] if params["url"].endswith("/") else params["url"] + "/"
    scheme, host, _port = origin(url)
    if scheme != "https" or not host:
        raise HubError(
            error_id="E-VERIFY-15",
            what=f"The address {clean_url(url)} is not the https address of a hub",
            wanted="https://HOST[:PORT]/[BASE/]; a password never travels over plain http",
            do="set url (hub_domain, hub_port, hub_base_url)",
        )
    refuse_bad_times(params)
    login = choose_login(params)
    refuse_foreign_stranger(params, login)
    return Wish(
        hub=params["hub"] or host,
        url=url,
        login=login,
        user=params["user"] or "",
        password=params["password"] or "",
        token=params["token"] or "",
        stranger=params["stranger_user"] or "",
        stranger_password=params["stranger_password"] or "",
        account_file=params["service_account_file"] or "",
        stranger_account_file=params["stranger_service_account_file"] or "",
        iap_wait=float(params["iap_wait"]),
        ca_file=params["ca_file"] or None,
        timeout=float(params["timeout"]),
        expected_image=params["expected_image"] or "",
        keep_server=bool(params["keep_server"]),
        http_redirect=bool(params["http_redirect"]),
    )


def refuse_bad_times(params: Mapping[str, Any]) -> None:
    """Times that are none.

    Raises:
        HubError: E-VERIFY-15.
    """
    if params["timeout"] <= 0:
        raise HubError(
            error_id="E-VERIFY-15",
            what=f"A timeout of {params['timeout']} s leaves no time",
            do="set timeout (hub_verify_timeout) to a positive number of seconds",
        )
    if params["iap_wait"] < 0:
        raise HubError(
            error_id="E-VERIFY-15",
            what=f"The wait for Identity-Aware Proxy cannot last {params['iap_wait']} s",
            do="set iap_wait (hub_verify_iap_wait) to the seconds a new policy may take, or 0",
        )


def choose_login(params: Mapping[str, Any]) -> str:
    """The login method to use; ``auto`` prefers the one that proves more.

    Raises:
        HubError: E-AUTH-14.
    """
    asked = params["login"]
    given = {
        "oidc": bool(params["user"] and params["password"]),
        "iap_service_account": bool(params["service_account_file"]),
        "hub_token": bool(params["token"]),
    }
    if asked == "auto":
        chosen = next((method for method, there in given.items() if there), None)
        if chosen is not None:
            return chosen
    elif given.get(asked):
        return str(asked)
    raise HubError(
        error_id="E-AUTH-14",
        what=f"The smoke test has nothing to log in with (login method {asked})",
        wanted=NEEDS.get(asked) or " or ".join(NEEDS.values()),
        do="set these variables, from a vault",
    )


def refuse_foreign_stranger(params: Mapping[str, Any], login: str) -> None:
    """A stranger must come the same way as the user: by a sign-in page, or through IAP.

    Raises:
        HubError: E-AUTH-14.
    """
    by_iap = login == "iap_service_account"
    name, other = ("stranger_user", "stranger_service_account_file")[:: 1 if by_iap else -1]
    if params[name]:
        raise HubError(
            error_id="E-AUTH-14",
            what=f"The login method {login} cannot try {name}: a stranger must come the same way as the user",
            do=f"set {other} (hub_verify_{other}) instead, or leave hub_verify_{name} out",
        )
