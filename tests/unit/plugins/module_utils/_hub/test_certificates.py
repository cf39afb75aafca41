# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a certificate from serving a host name: the whole table, deny rows first."""

from __future__ import annotations

import ssl
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.certificates import (
    certificate_problems,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settings import Finding
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import (
    ANY_USE,
    CLIENT_USE,
    DAY,
    NOW,
    SERVER_USE,
    make,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import fails
from cryptography.hazmat.primitives import serialization

HOST = "hub.example.org"
ROOT = make("root", authority=True, ends=NOW + 3000 * DAY)
MIDDLE = make("middle", issuer=ROOT, authority=True, ends=NOW + 1000 * DAY)
OLD_MIDDLE = make("old middle", issuer=ROOT, authority=True, begins=NOW - 900 * DAY, ends=NOW - 3 * DAY)
LEAF = make(HOST, issuer=MIDDLE, names=[HOST, "10.0.0.1"])
SELF_SIGNED = make(HOST, names=[HOST])
OTHER = make("other.example.org", issuer=MIDDLE, names=["other.example.org"])
EXPIRED = make(HOST, issuer=MIDDLE, names=[HOST], begins=NOW - 100 * DAY, ends=NOW - 3 * DAY)
FUTURE = make(HOST, issuer=MIDDLE, names=[HOST], begins=NOW + timedelta(hours=1))
COMMON_NAME_ONLY = make(HOST, issuer=MIDDLE)
WILDCARD = make("wild", issuer=MIDDLE, names=["*.Example.org"])
ODD_WILDCARD = make("odd", issuer=MIDDLE, names=["*.0.0.1"])
FOR_CLIENTS = make(HOST, issuer=MIDDLE, names=[HOST], use=CLIENT_USE)
FOR_SERVERS = make(HOST, issuer=MIDDLE, names=[HOST], use=SERVER_USE)
FOR_ANYTHING = make(HOST, issuer=MIDDLE, names=[HOST], use=ANY_USE)
AT_AN_ADDRESS = make(HOST, issuer=MIDDLE, names=["2001:db8::7"])
UNDER_OLD = make(HOST, issuer=OLD_MIDDLE, names=[HOST])
WEAK = make(HOST, names=[HOST], rsa_bits=1024)
STRONG = make(HOST, names=[HOST], rsa_bits=2048)
LOGGED = make(HOST, issuer=MIDDLE, names=[HOST], logged=True)
LOGGED_SELF_SIGNED = make(HOST, names=[HOST], logged=True)

CHAIN = LEAF.pem + MIDDLE.pem
GLUED = LEAF.pem.rstrip() + MIDDLE.pem  # cat cert.pem chain.pem, where the first has no line end at its end
PROTECTED = LEAF.encoded(serialization.BestAvailableEncryption(b"pass phrase"))


@pytest.mark.parametrize(
    ("pem", "key", "sentence"),
    [
        pytest.param("", LEAF.key_pem, "is missing, empty, or closed to you", id="no certificate"),
        pytest.param("hello", LEAF.key_pem, "holds no readable certificate", id="no PEM"),
        pytest.param(
            CHAIN, "", "comes with a private key that is missing, empty, or closed to you", id="no private key"
        ),
        pytest.param(CHAIN, "hello", "has no readable private key", id="a private key that is no PEM"),
    ],
)
def test_a_file_that_is_not_there_is_told_from_one_that_holds_something_else(pem: str, key: str, sentence: str) -> None:
    assert [one.sentence for one in certificate_problems(pem, key, [HOST], NOW)] == [sentence]


@pytest.mark.parametrize(
    ("pem", "key", "names", "error_ids"),
    [
        pytest.param("", LEAF.key_pem, [HOST], ["E-CERT-10"], id="00 nothing"),
        pytest.param("hello", LEAF.key_pem, [HOST], ["E-CERT-10"], id="01 no PEM"),
        pytest.param(LEAF.key_pem, LEAF.key_pem, [HOST], ["E-CERT-10"], id="02 the key in place of the certificate"),
        pytest.param(CHAIN[:300], LEAF.key_pem, [HOST], ["E-CERT-10"], id="03 cut off"),
        pytest.param(
            MIDDLE.pem + LEAF.pem, LEAF.key_pem, [HOST], ["E-CERT-11", "E-CERT-14", "E-CERT-17"], id="04 order"
        ),
        pytest.param(LEAF.pem + ROOT.pem, LEAF.key_pem, [HOST], ["E-CERT-11"], id="05 a link is missing"),
        pytest.param(CHAIN + OTHER.pem, LEAF.key_pem, [HOST], ["E-CERT-11"], id="06 something foreign at the end"),
        pytest.param(EXPIRED.pem + MIDDLE.pem, EXPIRED.key_pem, [HOST], ["E-CERT-12"], id="07 expired"),
        pytest.param(UNDER_OLD.pem + OLD_MIDDLE.pem, UNDER_OLD.key_pem, [HOST], ["E-CERT-12"], id="08 expired issuer"),
        pytest.param(FUTURE.pem + MIDDLE.pem, FUTURE.key_pem, [HOST], ["E-CERT-13"], id="09 not yet valid"),
        pytest.param(OTHER.pem + MIDDLE.pem, OTHER.key_pem, [HOST], ["E-CERT-14"], id="10 another host"),
        pytest.param(COMMON_NAME_ONLY.pem, COMMON_NAME_ONLY.key_pem, [HOST], ["E-CERT-14"], id="11 common name only"),
        pytest.param(WILDCARD.pem, WILDCARD.key_pem, ["a.b.example.org"], ["E-CERT-14"], id="12 two labels for one *"),
        pytest.param(WILDCARD.pem, WILDCARD.key_pem, ["example.org"], ["E-CERT-14"], id="13 no label for *"),
        pytest.param(WILDCARD.pem, WILDCARD.key_pem, [".example.org"], ["E-CERT-14"], id="14 empty label for *"),
        pytest.param(CHAIN, LEAF.key_pem, ["10.0.0.2"], ["E-CERT-14"], id="15 another address"),
        pytest.param(ODD_WILDCARD.pem, None, ["10.0.0.1"], ["E-CERT-14"], id="15a no wildcard for addresses"),
        pytest.param(CHAIN, LEAF.key_pem, [HOST, "b.example.org"], ["E-CERT-14"], id="16 one of two names"),
        pytest.param(FOR_CLIENTS.pem, FOR_CLIENTS.key_pem, [HOST], ["E-CERT-15"], id="17 for clients"),
        pytest.param(CHAIN, "", [HOST], ["E-CERT-16"], id="18 no key"),
        pytest.param(CHAIN, CHAIN, [HOST], ["E-CERT-16"], id="19 the certificate in place of the key"),
        pytest.param(CHAIN, PROTECTED, [HOST], ["E-CERT-16"], id="20 pass phrase"),
        pytest.param(CHAIN, OTHER.key_pem, [HOST], ["E-CERT-17"], id="21 another key"),
        pytest.param(CHAIN, MIDDLE.key_pem, [HOST], ["E-CERT-17"], id="22 the issuer's key"),
        pytest.param(WEAK.pem, WEAK.key_pem, [HOST], ["E-CERT-18"], id="23 small RSA key"),
        pytest.param(LOGGED.pem, LOGGED.key_pem, [HOST], ["E-CERT-11"], id="25 a public authority's leaf alone"),
        pytest.param(
            EXPIRED.pem, OTHER.key_pem, ["b.example.org"], ["E-CERT-12", "E-CERT-14", "E-CERT-17"], id="24 all at once"
        ),
    ],
)
def test_what_is_refused(pem: str, key: str | None, names: list[str], error_ids: list[str]) -> None:
    found = certificate_problems(pem, key, names, NOW, source="hub.pem")
    assert [one.error_id for one in found] == error_ids
    assert {one.path for one in found} == {"hub.pem"}
    assert "PRIVATE KEY-----\nM" not in repr(found)


@pytest.mark.parametrize(
    ("pem", "key", "names"),
    [
        pytest.param(CHAIN, LEAF.key_pem, [HOST], id="30 leaf and issuer"),
        pytest.param(CHAIN + ROOT.pem, LEAF.key_pem, [HOST], id="31 with the root"),
        pytest.param(LEAF.pem, LEAF.key_pem, [HOST], id="32 leaf alone: who signed it may be trusted directly"),
        pytest.param(SELF_SIGNED.pem, SELF_SIGNED.key_pem, [HOST], id="33 self-signed"),
        pytest.param(CHAIN, None, [HOST], id="34 without a key"),
        pytest.param(CHAIN, LEAF.key_pem, ["HUB.example.ORG."], id="35 case and dot"),
        pytest.param(CHAIN, LEAF.key_pem, ["10.0.0.1"], id="36 address"),
        pytest.param(AT_AN_ADDRESS.pem, None, ["2001:DB8:0::7"], id="36a an address in another spelling"),
        pytest.param(CHAIN, LEAF.key_pem, [], id="37 no names asked"),
        pytest.param(WILDCARD.pem, WILDCARD.key_pem, [HOST], id="38 wildcard"),
        pytest.param(FOR_SERVERS.pem, FOR_SERVERS.key_pem, [HOST], id="39 for servers"),
        pytest.param(FOR_ANYTHING.pem, FOR_ANYTHING.key_pem, [HOST], id="39a for any use"),
        pytest.param(STRONG.pem, STRONG.key_pem, [HOST], id="40 RSA"),
        pytest.param(LOGGED.pem + MIDDLE.pem, LOGGED.key_pem, [HOST], id="42 a public authority's with its issuer"),
        pytest.param(LOGGED_SELF_SIGNED.pem, LOGGED_SELF_SIGNED.key_pem, [HOST], id="43 logged and self-signed"),
        pytest.param("# comment\n" + CHAIN.replace("\n", "\r\n"), LEAF.key_pem, [HOST], id="41 other line ends"),
    ],
)
def test_what_is_fine(pem: str, key: str | None, names: list[str]) -> None:
    assert certificate_problems(pem, key, names, NOW) == []


NO_LINES = LEAF.pem.replace("\n", "")
ONE_LINE = LEAF.key_pem.replace("\n", "")
CURVE = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def served(folder: Path, pem: str, key_pem: str) -> bool:
    """Whether OpenSSL, by which servers read their files, takes certificate and key."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(pem.encode())
    key.write_bytes(key_pem.encode())
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError:
        return False
    return True


@pytest.mark.parametrize(
    ("pem", "key", "error_ids"),
    [
        pytest.param(GLUED, LEAF.key_pem, ["E-CERT-10"], id="no line end between two certificates"),
        pytest.param(CHAIN.replace("E-----\n-", "E----- x\n-"), LEAF.key_pem, ["E-CERT-10"], id="text behind END"),
        pytest.param(CHAIN + ROOT.pem[:200], LEAF.key_pem, ["E-CERT-10"], id="the last one is cut off"),
        pytest.param(CHAIN + ROOT.pem[:27] + "\n", LEAF.key_pem, ["E-CERT-10"], id="a last one that only begins"),
        pytest.param("x " + CHAIN, LEAF.key_pem, ["E-CERT-10"], id="text before BEGIN: the leaf is passed over"),
        pytest.param(NO_LINES, LEAF.key_pem, ["E-CERT-10"], id="all in one line"),
        pytest.param(CHAIN, " " + LEAF.key_pem, ["E-CERT-16"], id="a blank before the key"),
        pytest.param(CHAIN, ONE_LINE, ["E-CERT-16"], id="a key in one line"),
        pytest.param(CHAIN, LEAF.key_pem.rstrip() + LEAF.pem, ["E-CERT-16"], id="no line end behind the key"),
        pytest.param("\ufeff" + CHAIN, "\ufeff" + LEAF.key_pem, [], id="a byte order mark"),
        pytest.param(CHAIN.replace("\n", "\r\n"), LEAF.key_pem.replace("\n", "\r\n"), [], id="Windows line ends"),
        pytest.param(CHAIN.replace("\n", " \n"), LEAF.key_pem.rstrip(), [], id="blanks at line ends, none at the end"),
        pytest.param("hub, 2026:\n" + CHAIN, CURVE + LEAF.key_pem, [], id="a heading, and the key's curve"),
    ],
)
def test_a_text_is_fine_where_openssl_reads_it(tmp_path: Path, pem: str, key: str, error_ids: list[str]) -> None:
    found = certificate_problems(pem, key, [HOST], NOW, source="hub.pem")
    assert [one.error_id for one in found] == error_ids
    assert served(tmp_path, pem, key) is (not error_ids)


def test_the_line_is_told_and_not_repeated() -> None:
    number = LEAF.pem.count("\n")
    said = f"holds text that no server can read: line {number} is more than one BEGIN or END line"
    assert only(GLUED).sentence == said
    key = only(CHAIN, "x " + LEAF.key_pem)
    assert key.error_id == "E-CERT-16"
    assert LEAF.key_pem.splitlines()[1] not in repr(only(CHAIN, ONE_LINE))


def test_a_missing_issuer_is_named() -> None:
    assert only(LOGGED.pem) == Finding(
        "E-CERT-11",
        "hub.pem",
        "lacks its issuer's certificate",
        "give the file that holds the whole chain (often fullchain.pem), or add the issuer's certificate behind it",
        seen=f"CN={HOST} alone",
        wanted="behind it its issuer CN=middle",
    )


def only(pem: str, key: str | None = None, names: tuple[str, ...] = (HOST,)) -> Finding:
    found = certificate_problems(pem, key, names, NOW, source="hub.pem")
    assert len(found) == 1
    return found[0]


def test_messages_say_what_was_seen_and_what_to_do() -> None:
    assert only(EXPIRED.pem + MIDDLE.pem) == Finding(
        "E-CERT-12",
        "hub.pem",
        "expired on 2026-11-19 12:00 UTC, 3 days ago",
        "get a new certificate and give that one",
    )
    assert only(FUTURE.pem + MIDDLE.pem) == Finding(
        "E-CERT-13",
        "hub.pem",
        "is not valid before 2026-11-22 13:00 UTC",
        "check this machine's clock; else wait until then or give another certificate",
        seen="now 2026-11-22 12:00 UTC",
    )
    assert only(OTHER.pem + MIDDLE.pem) == Finding(
        "E-CERT-14",
        "hub.pem",
        "is not for hub.example.org: browsers would refuse it",
        "get a certificate whose subject alternative names hold the host name, or correct hub_domain",
        seen="other.example.org",
        wanted="hub.example.org",
    )


def test_wrong_order_is_told_from_a_missing_link() -> None:
    order = certificate_problems(MIDDLE.pem + LEAF.pem, None, [], NOW, source="hub.pem")
    missing = certificate_problems(LEAF.pem + ROOT.pem, None, [], NOW, source="hub.pem")
    assert order == [
        Finding(
            "E-CERT-11",
            "hub.pem",
            "holds a broken chain: certificate 2 did not sign certificate 1",
            "put the certificates in order: the hub's own first, then its issuer, then that one's issuer",
            seen=f"CN=middle, then CN={HOST}",
            wanted="after CN=middle its issuer CN=root",
        )
    ]
    assert [one.do for one in missing] == [
        "write the leaf first, then each certificate's issuer; leave out what does not belong to it"
    ]


def test_key_of_another_certificate_of_the_file_is_recognised() -> None:
    found = certificate_problems(CHAIN, MIDDLE.key_pem, [HOST], NOW)
    assert found[0].do == "put certificate 2 of the file first: the key belongs to that one"


def test_the_moment_of_expiry_counts_as_expired() -> None:
    ends = NOW + 80 * DAY
    assert certificate_problems(CHAIN, None, [HOST], ends - timedelta(seconds=1)) == []
    assert [one.error_id for one in certificate_problems(CHAIN, None, [HOST], ends)] == ["E-CERT-12"]


def test_the_moment_of_beginning_counts_as_valid() -> None:
    begins = NOW - 10 * DAY
    assert certificate_problems(LEAF.pem, None, [HOST], begins) == []
    early = certificate_problems(LEAF.pem, None, [HOST], begins - timedelta(seconds=1))
    assert [one.error_id for one in early] == ["E-CERT-13"]


def test_a_moment_without_zone_is_utc() -> None:
    assert certificate_problems(CHAIN, None, [HOST], NOW.replace(tzinfo=None)) == []


def test_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    fails("E-LIB-01", lambda: certificate_problems(CHAIN, None, [HOST], NOW))
