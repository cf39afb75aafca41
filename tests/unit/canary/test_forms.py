# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The spellings of a canary are those that other programs really produce."""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import make
from cryptography.hazmat.primitives import serialization

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "canary"))
from forms import VARIANTS, WINDOW, Canary, base64_secret, planted, private_key, service_account, spellings, windows

pytestmark = pytest.mark.once

AWKWARD = "Zq7'x\"L9%2f$w;K&8aö€bT{r}\\nV3 m|Yp5<c>Hd"
ENCODERS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: f"token={text}!",
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after one": lambda text: base64.b64encode(b"x" + text.encode() + b"yz").decode(),
    "base64 after two": lambda text: base64.b64encode(b"xy" + text.encode() + b"zzz").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"user:" + text.encode()).decode(),
    "url": lambda text: f"https://x.test/?{urlencode({'secret': text})}",
    "path": lambda text: quote(text, safe=""),
    "json": lambda text: json.dumps({"a": text}),
    "json utf-8": lambda text: json.dumps({"a": text}, ensure_ascii=False),
    "json in json": lambda text: json.dumps({"log": json.dumps({"a": text})}),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "reversed": lambda text: text[::-1],
    "repr": lambda text: repr({"a": text}),
    "shell": lambda text: f"echo {shlex.quote(text)}",
    "yaml": lambda text: yaml.safe_dump({"a": text}, allow_unicode=True, width=1000),
}


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_every_encoding_is_one_of_the_spellings(encode: Callable[[str], str]) -> None:
    found = [form for form, text in spellings(AWKWARD).items() if text in encode(AWKWARD)]
    assert found, encode(AWKWARD)


@pytest.mark.parametrize("variant", VARIANTS)
def test_canaries_are_long_random_and_what_they_claim(variant: str) -> None:
    first, second = planted("x", variant), planted("x", variant)
    assert first.value != second.value
    assert all(len(part) >= 32 for part in first.secret_parts)
    signs = {
        "quotes": "['\"`\\\\]",
        "percent": "[%{}#]",
        "unicode": "[^\x00-\x7f]",
        "shell": r"[$;|&<>!*?()]",
        "lines": "\n",
    }
    assert bool(re.search(signs.get(variant, "^"), first.value))
    assert len(set(windows(first.secret_parts[0])) & set(windows(second.secret_parts[0]))) == 0


def test_lines_are_looked_for_one_by_one_and_without_the_frame() -> None:
    canary = planted("key", "lines")
    assert canary.secret_parts == tuple(canary.value.splitlines()[1:-1])
    assert not [text for text in canary.spellings().values() if "BEGIN" in text]


def test_windows() -> None:
    assert windows("0123456789abcd") == {b"0123456789ab", b"123456789abc", b"23456789abcd"}
    assert windows("short") == {b"short"}
    assert windows("x" * WINDOW) == {b"x" * WINDOW}


def test_a_base64_secret_is_one() -> None:
    assert len(base64.b64decode(base64_secret("key").value, validate=True)) == 32


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_of_a_real_key_only_the_secret_number_counts(form: serialization.PrivateFormat) -> None:
    now = datetime.now(UTC)
    pairs = [make("a.test", begins=now, ends=now + timedelta(days=1)) for _each in range(2)]
    texts = [
        pair.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        for pair in pairs
    ]
    mine = private_key("key", texts[0])
    assert all(part in texts[0] for part in mine.secret_parts)
    assert sum(len(part) for part in mine.secret_parts) in (41, 42)
    public = pairs[0].pem + texts[1] + "".join(pairs[0].pem.split())
    seen = {window for part in mine.secret_parts for window in windows(part)}
    assert not [window for window in seen if window in public.encode()]


def test_a_key_of_another_kind_is_refused() -> None:
    now = datetime.now(UTC)
    other = make("a.test", begins=now, ends=now + timedelta(days=1), rsa_bits=2048)
    with pytest.raises(ValueError, match="not an EC P-256 key"):
        private_key("key", other.key_pem)


def test_a_service_accounts_key_is_known_by_its_private_lines() -> None:
    now = datetime.now(UTC)
    made = make("a.test", begins=now, ends=now + timedelta(days=1), rsa_bits=2048)
    canary, file = service_account("account", made.key_pem)
    assert file["private_key"] == canary.value == made.key_pem
    modulus = made.key.public_key().public_numbers().n.to_bytes(256, "big")
    held = base64.b64decode("".join(line for line in made.key_pem.splitlines() if not line.startswith("-----")))
    ends = held.index(modulus) + len(modulus)
    assert ends <= 8 * 48, "the first eight lines hold the public half"
    assert len(canary.secret_parts) >= 10
    assert all(part in made.key_pem for part in canary.secret_parts)
    small = make("a.test", begins=now, ends=now + timedelta(days=1))
    with pytest.raises(ValueError, match="not an RSA key"):
        service_account("account", small.key_pem)


def test_the_parts_of_a_canary_are_numbered() -> None:
    forms = Canary("x", "ab", ("first-part-of-it", "second-part-of-it")).spellings()
    assert (forms["raw"], forms["raw#1"]) == ("first-part-of-it", "second-part-of-it")
