# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate must be ordered, and what refusals mean."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import acme
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.acme import Need
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86400
DIRECTORY = "https://acme.test/dir"
NAME = "hub.example.org"


def pair(name: str = NAME, days: float = 90) -> tuple[str, str]:
    """A self-signed certificate from BEGIN on, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


CERTIFICATE, KEY = pair()


def secret(certificate: str = CERTIFICATE, key: str = KEY, directory: str = DIRECTORY, by: str = "") -> dict[str, Any]:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    metadata = {"name": "hub-tls", "annotations": {acme.DIRECTORY_NOTE: directory} if directory else {}}
    metadata |= {"labels": {"app.kubernetes.io/managed-by": by}} if by else {}
    return {"metadata": metadata, "data": {"tls.crt": encoded(certificate), "tls.key": encoded(key)}}


RUBBISH = {"metadata": {"annotations": {acme.DIRECTORY_NOTE: DIRECTORY}}, "data": {"tls.crt": "*"}}


@pytest.mark.parametrize(
    ("found", "days", "before", "order", "reason"),
    [
        pytest.param(None, 1, 0, True, "there is no certificate yet", id="00-none"),
        pytest.param(secret(certificate=""), 1, 0, True, "the Secret holds no certificate", id="01-empty"),
        pytest.param(RUBBISH, 1, 0, True, "holds no certificate", id="02-rubbish"),
        pytest.param(secret(certificate="text"), 1, 0, True, "holds no readable certificate", id="03-not-pem"),
        pytest.param(secret(*pair("other.example.org")), 1, 0, True, "the present certificate ", id="04-another-name"),
        pytest.param(secret(key=pair()[1]), 1, 0, True, "the present certificate ", id="05-another-key"),
        pytest.param(secret(), 91, 0, True, "the present certificate ", id="06-ended"),
        pytest.param(
            secret(directory="https://staging.test/dir"),
            1,
            0,
            True,
            "came from https://staging.test/dir",
            id="07-another-server",
        ),
        pytest.param(secret(), 60.01, 0, True, "ends 2026-04-01T00:00:00Z", id="08-last-third"),
        pytest.param(secret(), 60, 30 * DAY, True, "ends 2026-04-01T00:00:00Z", id="09-at-the-very-second"),
        pytest.param(secret(*pair(days=6)), 4.1, 0, True, "ends 2026-01-07T00:00:00Z", id="10-last-third-of-six-days"),
        pytest.param(
            secret(),
            59.9,
            0,
            False,
            "good until 2026-04-01T00:00:00Z, renewed from 2026-03-02T00:00:00Z on",
            id="11-good",
        ),
        pytest.param(secret(), 70, 10 * DAY, False, "renewed from 2026-03-22T00:00:00Z on", id="12-good-by-wish"),
        pytest.param(secret(*pair(days=6)), 3.9, 0, False, "good until 2026-01-07T00:00:00Z", id="13-good-six-days"),
        pytest.param(secret(), -1, 0, False, "is not valid before 2026-01-01", id="14-this-machines-clock-is-late"),
        pytest.param(secret(*pair("b.example.org")), -1, 0, True, "the present certificate ", id="15-and-another-name"),
    ],
)
def test_a_certificate_is_ordered_or_not(found: Any, days: float, before: float, order: bool, reason: str) -> None:
    need = acme.need(found, NAME, DIRECTORY, before, BEGIN + timedelta(days=days))
    assert (need.order, need.foreign, need.stops) == (order, False, False)
    assert reason in need.reason


def test_a_secret_of_somebody_else_is_never_overwritten() -> None:
    now = BEGIN + timedelta(days=80)
    good = acme.need(secret(directory=""), NAME, DIRECTORY, 0, now)
    assert good == Need(False, "filled by somebody else, and good", foreign=True, ends="2026-04-01T00:00:00Z")
    assert not good.stops
    ended = acme.need(secret(directory=""), NAME, DIRECTORY, 0, BEGIN + timedelta(days=91))
    assert (ended.order, ended.foreign, ended.stops) == (False, True, True)
    error = acme.foreign("hub-tls", ended.reason)
    assert error.error_id == "E-CERT-41"
    assert "Secret hub-tls was not filled by this role" in error.what


@pytest.mark.parametrize(
    ("days", "reason"),
    [(1, "the present certificate came from files (hub_https_type: manual)"), (91, "the present certificate ")],
)
def test_what_came_from_files_makes_way_for_an_order(days: float, reason: str) -> None:
    """The Secret is the collection's own: hub_https filled it while hub_https_type was manual."""
    own = secret(directory="", by="researchops.jupyterhub")
    need = acme.need(own, NAME, DIRECTORY, 0, BEGIN + timedelta(days=days))
    assert (need.order, need.foreign, need.stops) == (True, False, False)
    assert need.reason.startswith(reason)
    assert acme.need(secret(directory="", by="cert-manager"), NAME, DIRECTORY, 0, BEGIN).foreign


def test_an_empty_secret_of_somebody_else_is_no_good_certificate() -> None:
    empty = acme.need(secret("", "", directory=""), NAME, DIRECTORY, 0, BEGIN)
    assert (empty.order, empty.foreign, empty.stops) == (False, True, True)
    assert "its certificate is missing; it is not overwritten" in acme.foreign("hub-tls", empty.reason).what


def test_what_goes_back_to_the_play_holds_no_key() -> None:
    need = acme.need(secret(), NAME, DIRECTORY, 0, BEGIN)
    assert sorted(need.as_dict()) == ["ends", "foreign", "order", "orders", "reason"]
    assert "PRIVATE" not in str(need.as_dict())


REAL = f"https://{acme.LETS_ENCRYPT}/directory"
NOW = BEGIN + timedelta(days=100)


def ordered(*hours_ago: float, directory: str = REAL, name: str = NAME) -> list[str]:
    """What a Secret remembers of orders that many hours before NOW."""
    return [
        f"{(NOW - timedelta(hours=hours)).strftime('%Y-%m-%dT%H:%M:%SZ')} {directory} {name}" for hours in hours_ago
    ]


def remembering(*lines: str) -> dict[str, Any]:
    """The Secret of a certificate that ended, which remembers these orders."""
    found = secret(directory=REAL)
    found["metadata"]["annotations"][acme.ORDERS_NOTE] = "\n".join(lines)
    return found


@pytest.mark.parametrize(
    ("lines", "directory", "refused"),
    [
        pytest.param(ordered(30, 20, 10, 1), REAL, True, id="00-four-in-a-week"),
        pytest.param(ordered(200, 30, 20, 10, 5, 1), REAL, True, id="01-five-and-an-old-one"),
        pytest.param(ordered(167.9, 20, 10, -1), REAL, True, id="02-by-a-clock-that-is-ahead"),
        pytest.param(["by hand", *ordered(4, 3, 2, 1), "", "2026-04-11 x y"], REAL, True, id="03-among-other-lines"),
        pytest.param(ordered(30, 20, 10), REAL, False, id="04-three"),
        pytest.param(ordered(168, 30, 20, 10), REAL, False, id="05-one-of-four-is-a-week-old"),
        pytest.param([*ordered(30, 20, 10), *ordered(5, name="b.org")], REAL, False, id="06-one-for-another-name"),
        pytest.param(
            [*ordered(30, 20, 10), *ordered(5, directory="https://b")], REAL, False, id="07-one-from-elsewhere"
        ),
        pytest.param(ordered(4, 3, 2, 1, directory=DIRECTORY), DIRECTORY, False, id="08-a-server-of-unknown-limits"),
        pytest.param(
            ordered(4, 3, 2, 1), "https://acme-staging-v02.api.letsencrypt.org/directory", False, id="09-staging"
        ),
        pytest.param(["rubbish"], REAL, False, id="10-rubbish"),
    ],
)
def test_the_last_certificate_of_the_week_is_not_spent(lines: list[str], directory: str, refused: bool) -> None:
    need = acme.need(remembering(*lines), NAME, directory, 0, NOW)
    assert need.order
    error = acme.last_one(need, "hub-tls", NAME, directory)
    assert (error is not None) is refused
    if error:
        assert error.error_id == "E-CERT-48"


def test_when_the_next_one_may_be_ordered_is_told() -> None:
    need = acme.need(remembering(*ordered(100, 30, 20, 10, 1)), NAME, REAL, 0, NOW)
    error = acme.last_one(need, "hub-tls", NAME, REAL)
    assert error is not None
    assert "run again after 2026-04-16T18:00:00Z, or spend it: take annotation researchops.jupyterhub/acme" in error.do
    assert "now the present certificate expired on" in error.seen


def test_a_new_certificate_remembers_the_orders_of_the_week() -> None:
    old, young, other = ordered(200), ordered(20), ordered(10, directory="https://b")
    need = acme.need(remembering(*old, *young, *other), NAME, REAL, 0, NOW)
    assert need.orders.splitlines() == [*young, *other, *ordered(0)]
    assert acme.need(None, NAME, REAL, 0, NOW).orders.splitlines() == ordered(0)
    assert acme.need(secret(), NAME, DIRECTORY, 0, BEGIN).orders == ""


def test_the_role_writes_the_annotations_that_are_read() -> None:
    tasks = (Path(acme.__file__).parents[3] / "roles/letsencrypt/tasks/order.yml").read_text(encoding="utf-8")
    assert f'{acme.DIRECTORY_NOTE}: "{{{{ __letsencrypt_directory }}}}"' in tasks
    assert f'{acme.ORDERS_NOTE}: "{{{{ __letsencrypt_need.orders }}}}"' in tasks


GOOD: dict[str, Any] = {
    "method": "direct",
    "domain": NAME,
    "directory": DIRECTORY,
    "email": "ops@example.org",
    "dns_provider": "rfc2136",
    "dns_server": "ns1",
    "dns_key_name": "k",
}


@pytest.mark.parametrize(
    ("changes", "error_ids"),
    [
        pytest.param({"method": "autohttps"}, ["E-CERT-40"], id="00-not-yet"),
        pytest.param({"domain": ""}, ["E-CERT-42"], id="01-no-name"),
        pytest.param({"directory": "http://acme.test"}, ["E-CERT-42"], id="02-no-https"),
        pytest.param({"email": "ops"}, ["E-CERT-42"], id="03-no-address"),
        pytest.param({"dns_provider": "manual"}, ["E-CERT-43"], id="04-nobody-sets-the-challenge"),
        pytest.param({"dns_server": ""}, ["E-CERT-43"], id="05-no-server"),
        pytest.param({"dns_key_name": ""}, ["E-CERT-43"], id="06-no-key"),
        pytest.param({"domain": "", "dns_provider": "manual"}, ["E-CERT-42", "E-CERT-43"], id="07-all-are-told"),
        pytest.param({"missing": ["a.b", "c.d"]}, ["E-LIB-02", "E-LIB-02"], id="11-no-collection"),
        pytest.param({"method": "none", "domain": "", "dns_provider": "manual"}, [], id="08-none-needs-nothing"),
        pytest.param({"email": ""}, [], id="09-no-contact"),
        pytest.param({}, [], id="10-good"),
    ],
)
def test_settings_that_cannot_work(changes: dict[str, Any], error_ids: list[str]) -> None:
    assert [error.error_id for error in acme.settings_problems(GOOD | changes)] == error_ids


def test_settings_as_rows() -> None:
    assert acme.rows(GOOD | {"method": "none"}, False) == []
    assert acme.rows(GOOD, True) == [
        {"check": "ACME", "ok": True, "text": f"{DIRECTORY} answers; DNS-01 by dynamic update"}
    ]
    (silent,) = acme.rows(GOOD, False)
    assert (silent["ok"], silent["text"].split()[0]) == (False, "E-CERT-44")
    both = acme.rows(GOOD | {"missing": ["a.b"]}, False)
    assert [row["text"].split()[0] for row in both] == ["E-LIB-02", "E-CERT-44"]
    (wrong,) = acme.rows(GOOD | {"domain": ""}, False)
    assert wrong["text"].startswith("E-CERT-42")


@pytest.mark.parametrize(
    ("said", "error_id", "kind"),
    [
        ("status 429: urn:ietf:params:acme:error:rateLimited: too many", "E-CERT-46", " (rateLimited)"),
        ("urn:ietf:params:acme:error:caa", "E-CERT-47", " (caa)"),
        ("urn:ietf:params:acme:error:unauthorized", "E-CERT-45", " (unauthorized)"),
        ("urn:ietf:params:acme:error:somethingNew", "E-CERT-45", " (somethingNew)"),
        ("Connection refused", "E-CERT-45", ""),
    ],
)
def test_a_refusal_is_told_by_the_servers_own_word(said: str, error_id: str, kind: str) -> None:
    error = acme.refusal(said, "open an order", NAME, DIRECTORY)
    assert (error.error_id, error.changed) == (error_id, Changed.SOME)
    assert error.what == f"No certificate for {NAME}: {DIRECTORY} refused to open an order{kind}"
    assert error.seen == said


def test_a_long_refusal_is_cut_and_put_on_one_line() -> None:
    error = acme.refusal("a\n  b " + "x" * 2000, "open an order", NAME, DIRECTORY)
    assert error.seen.startswith("a b xxx")
    assert len(error.seen) == 700


@pytest.mark.parametrize("kind", sorted(acme.ADVICE))
def test_each_known_refusal_has_its_own_advice(kind: str) -> None:
    error = acme.refusal(f"urn:ietf:params:acme:error:{kind}", "issue", NAME, DIRECTORY)
    assert (error.error_id, error.do) == acme.ADVICE[kind]
