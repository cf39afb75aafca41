# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One question to one server: every way it can end, and the same over real sockets on the loopback address."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns import wire as dns_wire
from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.verdicts import Answer, Code
from ansible_collections.researchops.jupyterhub.tests.unit.dns_world import NS1, A, World, authorities, sections


def ask(found: Any, rtype: str = "A") -> Answer:
    world: World = {NS1: {("hub.example.org.", rtype): found}}
    return authorities({}, world).ask("ns1", NS1, "hub.example.org", rtype)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        pytest.param(dns.exception.Timeout(), Code.TIMEOUT, id="00-silence"),
        pytest.param(OSError("network is unreachable"), Code.TIMEOUT, id="01-unreachable"),
        pytest.param(dns.exception.FormError(), Code.OTHER, id="02-garbage"),
        pytest.param(dns_wire.Cut(), Code.CUT, id="02-cut-and-no-tcp"),
        pytest.param(EOFError(), Code.TIMEOUT, id="02-hung-up"),
        pytest.param("SERVFAIL", Code.SERVFAIL, id="03-servfail"),
        pytest.param("REFUSED", Code.REFUSED, id="04-refused"),
        pytest.param("NOTIMP", Code.OTHER, id="05-other"),
        pytest.param("lame", Code.LAME, id="06-lame"),
        pytest.param("NXDOMAIN", Code.NO_NAME, id="07-nxdomain"),
        pytest.param("NOERROR", Code.NO_DATA, id="08-no-data"),
        pytest.param([("other.example.org.", "A", "203.0.113.7")], Code.NO_DATA, id="09-about-another-name"),
        pytest.param([A], Code.ANSWER, id="10-answer"),
    ],
)
def test_one_question_ends_one_way(found: Any, code: Code) -> None:
    answer = ask(found)
    assert answer.code is code
    assert answer.values == (("203.0.113.7",) if code is Code.ANSWER else ())


def test_a_server_without_an_address_is_silent() -> None:
    assert authorities({}, {}).ask("ns1", "", "x", "A").code is Code.TIMEOUT


def test_long_txt_values_are_put_together() -> None:
    found = [("hub.example.org.", "TXT", '"' + "a" * 255 + '" "bc"', '"z"')]
    assert ask(found, "TXT").values == ("a" * 255 + "bc", "z")


def test_caa_and_names_come_in_canonical_form() -> None:
    assert ask([("hub.example.org.", "CAA", '0 issue "pki.goog"')], "CAA").values == ('0 issue "pki.goog"',)
    assert ask([("hub.example.org.", "CNAME", "LB.Example.ORG.")], "CNAME").values == ("lb.example.org",)


def test_an_alias_is_told_as_such() -> None:
    answer = ask([("hub.example.org.", "CNAME", "LB.far.test.")])
    assert (answer.code, answer.values, answer.alias) == (Code.ANSWER, (), "lb.far.test")


def test_the_spelling_and_the_time_to_live_are_kept() -> None:
    answer = ask([("hub.example.org.", "TXT", '"b" "c"', '"a"')], "TXT")
    assert (answer.values, answer.texts, answer.ttl) == (("a", "bc"), ('"a"', '"b" "c"'), 60)


def test_bytes_that_are_no_text_are_told_apart() -> None:
    first, second = (ask([("hub.example.org.", "TXT", f'"\\{byte}"')], "TXT").values for byte in (254, 255))
    assert first != second


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "BADVERS"])
def test_a_server_that_does_not_know_edns_is_asked_without(rcode: str) -> None:
    sizes = []

    def send(message: Any, address: str, port: int, tries: Sequence[float]) -> Any:
        sizes.append((message.edns, message.payload))
        reply = dns.message.make_response(message)
        reply.flags |= dns.flags.AA
        if message.edns >= 0:
            reply.set_rcode(dns.rcode.from_text(rcode))
        else:
            reply.answer = sections([A])
        return reply

    reply = dns_wire.ask("hub.example.org", "A", NS1, 53, send=send)
    assert dns_wire.read(reply, "ns1", NS1, "hub.example.org", "A").values == ("203.0.113.7",)
    assert sizes == [(0, dns_wire.PAYLOAD), (-1, 0)]


@pytest.mark.parametrize(
    ("answer", "rtype", "values", "code"),
    [
        pytest.param([A], "A", ("203.0.113.7",), Code.ANSWER, id="00-direct"),
        pytest.param(
            [("hub.example.org.", "CNAME", "Lb.example."), ("lb.example.", "A", "203.0.113.7")],
            "A",
            ("203.0.113.7",),
            Code.ANSWER,
            id="01-by-an-alias",
        ),
        pytest.param([("hub.example.org.", "CNAME", "lb.example.")], "A", (), Code.NO_DATA, id="02-alias-to-nothing"),
        pytest.param(
            [("hub.example.org.", "CNAME", "lb.example.")], "CNAME", ("lb.example",), Code.ANSWER, id="03-the-alias"
        ),
        pytest.param([("hub.example.org.", "CNAME", "hub.example.org.")], "A", (), Code.ANSWER, id="04-a-loop"),
    ],
)
def test_a_recursive_reply_is_read_to_the_end_of_its_aliases(
    answer: Any, rtype: str, values: tuple[str, ...], code: Code
) -> None:
    reply = dns.message.make_response(dns.message.make_query("hub.example.org.", rtype))
    reply.answer = sections(answer)
    found = dns_wire.read(reply, "r", "r", "hub.example.org", rtype, recursive=True)
    assert (found.values, found.code, bool(found.alias)) == (values, code, code is Code.ANSWER and not values)


TXT = ("hub.example.org.", "TXT", '"' + "x" * 200 + '"', '"' + "y" * 200 + '"')


@contextmanager
def serving(*, deaf: int = 0, tcp: bool = True, cut: bool = False) -> Iterator[int]:
    """A name server on a loopback port: UDP, deaf to the first packets or cutting its answers, and TCP where wanted."""

    def reply(data: bytes, truncated: bool) -> bytes:
        message = dns.message.make_response(dns.message.from_wire(data))
        message.flags |= dns.flags.AA | (dns.flags.TC if truncated else 0)
        if not truncated:
            message.answer = [dns.rrset.from_text(TXT[0], 60, "IN", TXT[1], *TXT[2:])]
        return message.to_wire()

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets.bind(("127.0.0.1", port))
    left = [deaf]

    def by_packet() -> None:
        while True:
            data, whom = packets.recvfrom(4096)
            if not data:
                return
            if left[0]:
                left[0] -= 1
                continue
            packets.sendto(reply(data, cut), whom)

    def by_stream() -> None:
        connection, _whom = listener.accept()
        with connection:
            (length,) = struct.unpack("!H", connection.recv(2))
            answer = reply(connection.recv(length), False)
            connection.sendall(struct.pack("!H", len(answer)) + answer)

    threads = [threading.Thread(target=by_packet)]
    if tcp and cut:
        threads.append(threading.Thread(target=by_stream))
    else:
        listener.close()
    for thread in threads:
        thread.start()
    try:
        yield port
    finally:
        packets.sendto(b"", ("127.0.0.1", port))
        for thread in threads:
            thread.join(5)
        packets.close()
        listener.close()


def over_loopback(port: int, tries: tuple[float, ...] = (0.3, 30.0)) -> Answer:
    reply = dns_wire.ask("hub.example.org", "TXT", "127.0.0.1", port, send=dns_wire.exchange, tries=tries)
    return dns_wire.read(reply, "ns1", "127.0.0.1", "hub.example.org", "TXT")


def test_a_lost_packet_is_sent_again() -> None:
    with serving(deaf=1) as port:
        assert over_loopback(port).values == ("x" * 200, "y" * 200)


def test_lost_packets_are_silence_in_the_end() -> None:
    with serving(deaf=9) as port:
        assert over_loopback(port, (0.05, 0.05)).code is Code.TIMEOUT


def test_an_answer_that_is_cut_is_asked_for_over_tcp() -> None:
    with serving(cut=True) as port:
        assert over_loopback(port).values == ("x" * 200, "y" * 200)


def test_an_answer_that_is_cut_with_tcp_closed_is_no_silence() -> None:
    with serving(cut=True, tcp=False) as port:
        assert over_loopback(port).code is Code.CUT
