# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret stays hidden in every spelling in which it travels."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.redact import (
    HIDDEN,
    Redactor,
    forms_of,
)

PLAIN = "s3cret-Value-0123456789"
AWKWARD = 'pä$s "quoted" & spaced/+=?'
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nshort\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("secret", [PLAIN, AWKWARD, PEM])
@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda text: text, id="raw"),
        pytest.param(lambda text: json.dumps(text)[1:-1], id="json"),
        pytest.param(lambda text: json.dumps(text, ensure_ascii=False)[1:-1], id="json-unicode"),
        pytest.param(lambda text: repr(text)[1:-1], id="repr"),
        pytest.param(lambda text: quote(text, safe=""), id="url"),
        pytest.param(quote_plus, id="form"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode(), id="base64"),
        pytest.param(lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), id="base64url"),
    ],
)
def test_every_spelling_is_hidden(secret: str, spell: object) -> None:
    spelled = spell(secret)  # type: ignore[operator]
    assert Redactor([secret]).text(f"before {spelled} after") == f"before {HIDDEN} after"


def test_a_line_of_a_key_is_hidden_and_its_frame_is_not() -> None:
    text = Redactor([PEM]).text("-----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkqhkiG9w0BAQEFAASC short")
    assert text == f"-----BEGIN PRIVATE KEY----- {HIDDEN} short"


def test_a_short_value_is_not_masked_because_it_would_corrupt_everything_else() -> None:
    redactor = Redactor(["1", "true", "1234567"])
    assert redactor.text("1 is true: 1234567") == "1 is true: 1234567"
    assert redactor.forms == frozenset()


def test_the_longest_form_goes_first() -> None:
    assert Redactor(["password", "password-and-more"]).text("password-and-more") == HIDDEN


def test_nested_data_is_redacted_with_its_keys_and_types_kept() -> None:
    redactor = Redactor()
    redactor.add(PLAIN)
    data = {f"a-{PLAIN}": [PLAIN, 7, None, True, (PLAIN, "x")], "b": {"c": f"={PLAIN}="}}
    assert redactor.data(data) == {
        f"a-{HIDDEN}": [HIDDEN, 7, None, True, [HIDDEN, "x"]],
        "b": {"c": f"={HIDDEN}="},
    }


def test_no_form_is_shorter_than_what_may_be_masked() -> None:
    assert all(len(form) >= 8 for secret in (PLAIN, AWKWARD, PEM) for form in forms_of(secret))
