# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: whether the smoke test can be made at all, before anything is changed."""

from __future__ import annotations

DOCUMENTATION = """
name: verify_preflight
short_description: What the smoke test lacks, as rows of the preflight table
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Judges the options of M(researchops.jupyterhub.hub_smoke_test) by the same code as the module, without any request.
  - A hub that is installed but cannot be proved would be a bad surprise at the end of a long run.
options:
  _input:
    description: The module's options.
    type: dict
    required: true
  values:
    description:
      - The hub's chart values, as P(researchops.jupyterhub.chart_values#filter) returns them in C(hub). Behind
        Identity-Aware Proxy they tell whether the hub's own rules let the account in; left out, this is not judged.
    type: dict
    default: {}
positional: values
seealso:
  - module: researchops.jupyterhub.hub_smoke_test
"""

EXAMPLES = """
- name: Judge the options of the smoke test
  ansible.builtin.set_fact:
    rows: "{{ options | researchops.jupyterhub.verify_preflight }}"
  vars:
    options:
      url: https://hub.example.org/
      token: "{{ vault_verify_token }}"
"""

RETURN = """
_value:
  description: Rows with C(check), C(ok) and C(text).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.wish import Wish

SECRETS = ("password", "token", "stranger_password")


def verify_preflight(options: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.preflight import bad_row, good_row
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import tls_context
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.iap_account import read_account
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.wish import OPTIONS, parse_wish

    try:
        refuse_placeholders(options)
        wish = parse_wish({name: rule.get("default") for name, rule in OPTIONS.items()} | dict(options))
        tls_context(wish.ca_file)
        files = (wish.account_file, wish.stranger_account_file) if wish.login == "iap_service_account" else ()
        accounts = [read_account(file).email for file in files if file]
        refuse_locked_out(accounts, values or {})
        if wish.stranger and not wish.stranger_password:
            raise HubError(
                error_id="E-AUTH-14",
                what=f"The stranger {wish.stranger} has no password, so nobody can prove that the hub refuses them",
                do="set hub_verify_stranger_password, or leave hub_verify_stranger_user out",
            )
    except HubError as problem:
        return [bad_row("smoke test", problem)]
    return [good_row("smoke test", describe(wish, accounts))]


def refuse_placeholders(options: Mapping[str, Any]) -> None:
    """A secret that nobody filled in is told by its name, before it is tried on anybody's sign-in page."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.placeholders import is_placeholder

    for name in SECRETS:
        if is_placeholder(str(options.get(name) or ""), secret=True):
            raise HubError(
                error_id="E-VALUES-03",
                what=f"The variable hub_verify_{name} still holds a placeholder, not a secret",
                do=f"set hub_verify_{name}, from a vault",
            )


def refuse_locked_out(accounts: Sequence[str], values: Mapping[str, Any]) -> None:
    """The account that is to log in is told when the hub would not have it, though Identity-Aware Proxy may."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.shut_out import lets_in

    for email in accounts[:1]:  # the stranger comes second
        if not lets_in(values, email):
            raise HubError(
                error_id="E-AUTH-12",
                what=f"No rule of the hub lets the verifying account {email} in, so the proof would fail at its login",
                do=f"add {email} to hub_oauth_allowed_users",
            )


def describe(wish: Wish, accounts: Sequence[str] = ()) -> str:
    """What the test is going to do, in a few words; ``accounts`` are the user's and the stranger's, through IAP."""
    if wish.login == "iap_service_account":
        stranger = accounts[1] if len(accounts) > 1 else "whoever has no credentials"
        return f"{wish.url} by {wish.login} as {accounts[0]}; {stranger} must be refused"
    who = f"as {wish.user}" if wish.user else "as the token's owner"
    stranger = f"; {wish.stranger} must be refused" if wish.stranger else "; no stranger is tried"
    return f"{wish.url} by {wish.login} {who}{stranger}"


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"verify_preflight": verify_preflight}
