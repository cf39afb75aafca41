# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The calls of Google Site Verification v1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from .._core.errors import HubError
from .._core.poll import State, wait
from .._core.progress import Reporter
from .api import SITE_VERIFICATION, Call, GcpApi
from .auth import AuthOptions, GcpAuth
from .refusals import Json
from .site_verification import Site, Wish, judge, missing, not_seen, parse_sites, told

SCOPE = "https://www.googleapis.com/auth/siteverification"
"""The scope all of this needs; cloud-platform does not contain it."""
RESOURCES = SITE_VERIFICATION + "webResource"

T = TypeVar("T")


class Sites:
    """Site Verification in the name of one identity."""

    def __init__(self, api: GcpApi, auth: GcpAuth) -> None:
        """Remember how to ask.

        Args:
            api: the client.
            auth: its identity, to tell a person's login from a service account.
        """
        self._api = api
        self._auth = auth

    @classmethod
    def from_options(cls, options: Mapping[str, Any], *, learn: Callable[[str], None]) -> Sites:
        """Site Verification in the name of whom a module's options say; see :meth:`.api.GcpApi.from_options`.

        Raises:
            HubError: E-GCP-01 or E-GCP-02 for credentials that cannot work.
        """
        auth = GcpAuth(AuthOptions.of(options), scopes=(SCOPE,), learn=learn)
        auth.validate()
        return cls(GcpApi(auth), auth)

    def account(self) -> str:
        """The e-mail of the service account we are; empty for anybody else."""
        return self._auth.email

    def token(self, wish: Wish) -> str:
        """The token that this identity must publish; asking for it changes nothing."""
        body = {"site": wish.site, "verificationMethod": wish.method}
        call = Call(f"a verification token for {wish.domain}", "POST", SITE_VERIFICATION + "token", body)
        return str(self._tell(lambda: self._api.read(call)).get("token") or "")

    def find(self, wish: Wish) -> Site | None:
        """The domain as verified by this identity; None where it is not."""
        call = Call("the verified domains of these credentials", "GET", RESOURCES)
        return parse_sites(self._tell(lambda: self._api.pages(call)), wish.domain)

    def verify(self, wish: Wish, *, timeout: float, interval: float, reporter: Reporter) -> None:
        """Let Google look for the record until it finds it; repeating this is safe.

        Raises:
            HubError: E-SITE-02 when it never did.
        """
        query = {"verificationMethod": wish.method}
        call = Call(f"the verification of {wish.domain}", "POST", RESOURCES, {"site": wish.site}, query)
        self._until(wish, call, lambda: self.find(wish) is not None, timeout, interval, reporter)

    def remove(self, wish: Wish, *, timeout: float, interval: float, reporter: Reporter) -> None:
        """Give the domain up; Google lets go only when the record is gone.

        Raises:
            HubError: E-SITE-03 when it never did.
        """
        call = Call(f"the verification of {wish.domain}", "DELETE", _address(wish))
        self._until(wish, call, lambda: self.find(wish) is None, timeout, interval, reporter)

    def add_owners(self, wish: Wish) -> list[str]:
        """Put the wanted owners beside the present ones, read a moment before; the whole list."""
        site = self.find(wish)
        owners = list(site.owners) if site else []
        owners += missing(owners, wish.owners)
        body = {"id": quote(f"dns://{wish.domain}", safe=""), "site": wish.site, "owners": owners}

        def landed() -> Json | None:
            found = self.find(wish)
            return body if found is not None and not missing(found.owners, wish.owners) else None

        call = Call(f"the owners of {wish.domain}", "PUT", _address(wish), body)
        self._tell(lambda: self._api.write(call, landed))
        return owners

    def _until(
        self,
        wish: Wish,
        call: Call,
        done: Callable[[], bool],
        timeout: float,
        interval: float,
        reporter: Reporter,
    ) -> None:
        def attempt() -> HubError | None:
            try:
                self._tell(lambda: self._api.write(call, lambda: {} if done() else None))
            except HubError as problem:
                return problem
            return None

        what = f"Google and {call.doing}"
        ended = wait(what, attempt, judge, timeout=timeout, interval=interval, reporter=reporter)
        refusal = ended.observation
        if refusal is not None:
            raise refusal if ended.verdict.state is State.FATAL else not_seen(wish, refusal, ended.seconds)

    def _tell(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except HubError as problem:
            raise told(problem, not self.account()) from problem


def _address(wish: Wish) -> str:
    return f"{RESOURCES}/{quote(f'dns://{wish.domain}', safe='')}"
