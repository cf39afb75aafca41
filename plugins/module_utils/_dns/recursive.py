# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What recursive resolvers say: named ones, and public ones over HTTPS (RFC 8484) where port 53 is closed.

They remember what they once said, also that there was nothing. So nobody asks them before it is needed.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import HubError
from .._core.transport import Http, HttpError
from .verdicts import ADDRESS_TYPES, Answer, Code, Look, Wanted, with_addresses
from .wire import ONE_TRY, TRIES, Exchange, ask, exchange, question, read

HTTPS_TIMEOUT = 5.0
"""Seconds for one question over HTTPS."""
PUBLIC = ("https://dns.google/dns-query", "https://cloudflare-dns.com/dns-query")
"""Resolvers that everybody may ask over HTTPS."""
MESSAGE = "application/dns-message"

Fetch = Callable[[str], Any]
"""One GET of a DNS message: an object with ``status`` and ``body``; raises :class:`HttpError`."""


def fetcher(ca_file: str | None) -> Fetch:
    """Really ask over HTTPS; proxies are taken from the environment, as institutes have them."""

    def fetch(url: str) -> Any:
        http = Http(ca_file=ca_file, seconds_left=lambda: HTTPS_TIMEOUT)
        return http.request("GET", url, headers={"Accept": MESSAGE})

    return fetch


def parse_servers(texts: Sequence[str], option: str) -> tuple[str, ...]:
    """Addresses and https URLs of resolvers.

    Raises:
        HubError: E-DNS-05 for anything else; a name would have to be resolved first, by the resolver in question.
    """
    for text in texts:
        try:
            if not text.startswith("https://"):
                ipaddress.ip_address(text)
        except ValueError as problem:
            raise HubError(
                "E-DNS-05", f"{text!r} in {option} is neither an address nor an https URL", f"correct {option}"
            ) from problem
    return tuple(dict.fromkeys(texts))


@dataclass(frozen=True)
class Recursives:
    """A list of recursive resolvers.

    Attributes:
        servers: addresses or https URLs.
        each: how many questions travel at one time.
        fetch: how one question travels over HTTPS.
        send: how one travels over UDP or TCP.
        patient: whether a silent one is asked a second time.
    """

    servers: tuple[str, ...]
    each: Callable[[Callable[[Any], Any], Any], list[Any]]
    fetch: Fetch
    send: Exchange = exchange
    patient: bool = True

    def look(self, wanted: Sequence[Wanted]) -> tuple[Look, ...]:
        """One round: every record set at every resolver, all at once."""
        items = [(item, server) for item in wanted for server in self.servers]
        answers = self.each(lambda pair: self._ask_or_addresses(*pair), items)
        pairs = list(zip(items, answers, strict=True))
        return tuple(
            Look(item, answers=tuple(answer for (owner, _server), answer in pairs if owner is item)) for item in wanted
        )

    def _ask_or_addresses(self, wanted: Wanted, server: str) -> Answer:
        """The answer, where an alias is missing and its target's addresses would do, with what is there instead."""
        answer = self._ask(wanted, server)
        if not wanted.host or answer.code is not Code.NO_DATA:
            return answer
        instead, target = (
            [self._ask(Wanted(name, rtype, ()), server) for rtype in ADDRESS_TYPES]
            for name in (wanted.name, wanted.host)
        )
        return with_addresses(wanted, answer, instead, [value for item in target for value in item.values])

    def _ask(self, wanted: Wanted, server: str) -> Answer:
        name = urlsplit(server).hostname or server
        if server.startswith("https://"):
            reply = self._over_https(wanted, server)
        else:
            tries = TRIES if self.patient else ONE_TRY
            reply = ask(wanted.name, wanted.rtype, server, 53, send=self.send, tries=tries, recursive=True)
        return read(reply, name, server, wanted.name, wanted.rtype, recursive=True)

    def _over_https(self, wanted: Wanted, url: str) -> Any:
        import dns.exception
        import dns.message

        message = question(wanted.name, wanted.rtype, recursive=True)
        message.id = 0
        text = base64.urlsafe_b64encode(message.to_wire()).decode().rstrip("=")
        try:
            answer = self.fetch(f"{url}?dns={text}")
        except HttpError:
            return Code.TIMEOUT
        if answer.status != 200:
            return Code.OTHER
        try:
            return dns.message.from_wire(answer.body)
        except dns.exception.DNSException:
            return Code.OTHER
