# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was copied from a guide and never filled in."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.placeholders import is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        "CHANGEME", "changeme", "change-me", "Change_Me", "change me please", "https://CHANGEME.example.org",
        "replace-me",
        "REPLACE_WITH_TOKEN", "fixme", "<your-secret>", " <client id> ", "xxx", "XXXXXXXX", "***", "...", "todo", "TBD",
        "placeholder", "your-client-id", "YOUR_DOMAIN_HERE", "my-client-secret", "insert token", "[your domain]",
        "dummy-password",
    ],
)  # fmt: skip
def test_placeholder(text: str) -> None:
    assert is_placeholder(text)
    assert is_placeholder(text, secret=True)


@pytest.mark.parametrize(
    "text",
    [
        "secret", "super-secret", "password", "example", "example-secret", "aaaaaaaa", "client-secret", "none",
        "0123456789abcdef0123", "oauth_secret",
    ],
)  # fmt: skip
def test_weak_word_is_refused_only_as_a_secret(text: str) -> None:
    assert is_placeholder(text, secret=True)
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "hub.example.org", "ada", "exchangement", "changemeister", "<b>Welcome</b> to the hub",
        "volume-{user_server}",
        "4.4.0", "my-hub", "x", "a line\nCHANGEME\nanother", "CHANGEME" + "x" * 200, "quay.io/example/image",
    ],
)  # fmt: skip
def test_ordinary_value(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize("text", ["hQ4t-Vx9_2mLpR7s", "9f86d081884c7d659a2feaa0c55ad015", "Zm9vYmFyYmF6cXV4"])
def test_real_secret(text: str) -> None:
    assert not is_placeholder(text, secret=True)


def test_length_is_the_limit_between_a_value_and_a_page() -> None:
    assert is_placeholder("<" + "x" * 198 + ">")
    assert not is_placeholder("<" + "x" * 199 + ">")
