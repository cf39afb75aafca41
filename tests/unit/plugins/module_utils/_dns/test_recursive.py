# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recursive resolvers say, over packets and over HTTPS."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import HttpError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import recursive
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.recursive import Recursives
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Code, Wanted, proved
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.wire import ONE_TRY, TRIES
from ansible_collections.researchops.jupyterhub.tests.unit.dns_world import HUB, A, in_turn, sections
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import serving

URL = "https://dns.test/dns-query"


def asked(url: str) -> Any:
    """The question that an address carries."""
    (text,) = parse_qs(urlsplit(url).query)["dns"]
    return dns.message.from_wire(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def answered(message: Any) -> bytes:
    reply = dns.message.make_response(message)
    reply.answer = sections([A])
    return bytes(reply.to_wire())


def over_https(fetch: Any) -> Any:
    (look,) = Recursives((URL,), in_turn, fetch).look([HUB])
    (answer,) = look.answers
    return answer


def test_a_question_over_https_is_cacheable_and_its_answer_read() -> None:
    seen = []

    def fetch(url: str) -> Any:
        message = asked(url)
        seen.append((message.id, bool(message.flags & dns.flags.RD), str(message.question[0])))
        return SimpleNamespace(status=200, body=answered(message))

    answer = over_https(fetch)
    assert (answer.server, answer.address, answer.values) == ("dns.test", URL, ("203.0.113.7",))
    assert seen == [(0, True, "hub.example.org. IN A")]


def broken(_url: str) -> Any:
    raise HttpError("E-HTTP-01", "what", "do", kind="connect")


@pytest.mark.parametrize(
    ("fetch", "code"),
    [
        pytest.param(broken, Code.TIMEOUT, id="00-no-connection"),
        pytest.param(lambda _url: SimpleNamespace(status=503, body=b""), Code.OTHER, id="01-refused"),
        pytest.param(lambda _url: SimpleNamespace(status=200, body=b"<html>"), Code.OTHER, id="02-a-login-page"),
    ],
)
def test_an_answer_over_https_that_is_none(fetch: Any, code: Code) -> None:
    assert over_https(fetch).code is code


def test_https_is_really_spoken(tmp_path: Path) -> None:
    with serving(tmp_path, lambda *_request: (404, {}, {})) as server:
        url = server.url.rstrip("/").replace("127.0.0.1", "localhost") + "/dns-query"  # as resolvers are named
        (look,) = Recursives((url,), in_turn, recursive.fetcher(str(server.ca_file))).look([HUB])
        (method, path, headers, _body) = server.requests[0]
    assert look.answers[0].code is Code.OTHER
    assert (method, headers["Accept"]) == ("GET", "application/dns-message")
    assert str(asked(path).question[0]) == "hub.example.org. IN A"


@pytest.mark.parametrize(("patient", "tries"), [(True, TRIES), (False, ONE_TRY)])
def test_a_named_resolver_is_asked_by_packets(patient: bool, tries: tuple[float, ...]) -> None:
    seen = []

    def send(message: Any, address: str, port: int, given: Sequence[float]) -> Any:
        seen.append((address, port, bool(message.flags & dns.flags.RD), tuple(given)))
        reply = dns.message.make_response(message)
        reply.answer = sections([A])
        return reply

    looks = Recursives(("192.0.2.53", "2001:db8::53"), in_turn, broken, send, patient).look([HUB])
    assert [answer.values for answer in looks[0].answers] == [("203.0.113.7",)] * 2
    assert seen == [("192.0.2.53", 53, True, tries), ("2001:db8::53", 53, True, tries)]


def test_each_record_set_has_its_own_look() -> None:
    other = Wanted("hub.example.org", "AAAA", ())

    def send(message: Any, *_rest: Any) -> Any:
        reply = dns.message.make_response(message)
        reply.answer = sections([A]) if message.question[0].rdtype == 1 else []
        return reply

    first, second = Recursives(("192.0.2.53",), in_turn, broken, send).look([HUB, other])
    assert (first.answers[0].code, second.answers[0].code) == (Code.ANSWER, Code.NO_DATA)


def test_resolvers_are_named_by_address_or_url() -> None:
    assert recursive.parse_servers(["192.0.2.53", URL, "192.0.2.53"], "resolvers") == ("192.0.2.53", URL)
    for text in ("dns.test", "http://dns.test/", ""):
        with pytest.raises(HubError, match=r"E-DNS-05 .* in resolvers is neither an address nor an https URL"):
            recursive.parse_servers([text], "resolvers")


@pytest.mark.parametrize(
    ("addresses", "right"),
    [
        pytest.param(("198.51.100.7",), True, id="of-the-target"),
        pytest.param(("203.0.113.9",), False, id="others"),
        pytest.param((), False, id="none"),
    ],
)
def test_a_resolver_that_sees_addresses_instead_of_an_alias(addresses: tuple[str, ...], right: bool) -> None:
    """Its own view of the target is what counts: it may remember another one than somebody else."""
    records = {
        ("hub.example.org.", "A"): addresses,
        ("lb.cloud.test.", "A"): ("198.51.100.7", "198.51.100.8"),
    }

    def send(message: Any, *_where: Any) -> Any:
        (question,) = message.question
        key = (str(question.name), dns.rdatatype.to_text(question.rdtype))
        reply = dns.message.make_response(message)
        reply.answer = sections([(*key, *records[key])] if records.get(key) else [])
        return reply

    wanted = Wanted("hub.example.org", "CNAME", ("lb.cloud.test",), or_addresses=True)
    (look,) = Recursives(("192.0.2.53",), in_turn, broken, send).look([wanted])
    assert [(item.values, item.addresses) for item in look.answers] == [
        (("lb.cloud.test",) if right else (), addresses)
    ]
    assert proved(look) is right
