# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was copied from a guide and never filled in."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.placeholders import (
    NAME,
    TEXT,
    VALUE,
    is_example,
    is_placeholder,
    place_of,
)


@pytest.mark.parametrize(
    "text",
    [
        "CHANGEME", "changeme", "change-me", "Change_Me", "change me please", "https://CHANGEME.example.org",
        "replace-me",
        "REPLACE_WITH_TOKEN", "fixme", "<your-secret>", " <client id> ", "xxx", "XXXXXXXX", "***", "...", "todo", "TBD",
        "placeholder", "your-client-id", "YOUR_DOMAIN_HERE", "my-client-secret", "insert token", "[your domain]",
        "dummy-password",
        "YOUR_SECRET", "your secret", "MY_TOKEN", "my-secret", "my-client-id", "my-domain-name",
        "my-host", "MY_HUB_SECRET", "my-client-id-here", "my super secret", "my-google-client-id",
        "Change it", "change this value", "please change me!", "CHANGE ME NOW", "replace with your token",
        "REPLACE ME", "changeit", "changethis", "pw-change_this-1", "enter your password", "put key here",
    ],
)  # fmt: skip
def test_placeholder(text: str) -> None:
    assert is_placeholder(text)
    assert is_placeholder(text, secret=True)


@pytest.mark.parametrize(
    "text",
    [
        "secret", "super-secret", "password", "example", "example-secret", "aaaaaaaa", "client-secret", "none",
        "0123456789abcdef0123", "oauth_secret", "my-registry-key", "my-hub-secret", "you should change it",
        "a secret to replace with another",
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
        "Choose the size; you can change it any time", "We replace this server in May", "my-registry-key",
        "my-hub-secret", "my-tls-secret", "my-group/my-grid", "interchange-items", "exchange it",
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


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        pytest.param("CHANGEME", True, True, id="00 unmistakable anywhere"),
        pytest.param("<secret>", True, True, id="01 brackets"),
        pytest.param("TODO", True, True, id="02 todo"),
        pytest.param("your-tls-secret", True, False, id="03 nobody calls a thing of his own yours"),
        pytest.param("Your password", True, False, id="04 which is a sentence"),
        pytest.param("my-secret", False, False, id="05 but people do call a Secret so"),
        pytest.param("my-token", False, False, id="06 or a key of it"),
        pytest.param("Replace with a smaller server later", True, False, id="07 advice"),
    ],
)
def test_names_and_sentences_are_judged_mildly(text: str, name: bool, sentence: bool) -> None:
    assert is_placeholder(text)
    assert (is_placeholder(text, place=NAME), is_placeholder(text, place=TEXT)) == (name, sentence)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("hub.extraEnv.OAUTH_CLIENT_ID", VALUE),
        ("hub.extraEnv.0.value", VALUE),
        ("ingress.hosts.0", VALUE),
        ("0", VALUE),
        ("hub.extraEnv.0.name", NAME),
        ("hub.extraEnv.X.valueFrom.secretKeyRef.key", NAME),
        ("imagePullSecrets.0", NAME),
        ("imagePullSecrets.0.name", NAME),
        ("singleuser.image.pullSecrets.0", NAME),
        ("hub.existingSecret", NAME),
        ("ingress.tls.0.secretName", NAME),
        ("singleuser.profileList.0.display_name", TEXT),
        ("singleuser.profileList.0.profile_options.size.choices.small.description", TEXT),
        ("hub.templateVars.announcement", TEXT),
    ],
)
def test_place_of_a_value(path: str, place: str) -> None:
    assert place_of(tuple(path.split("."))) == place


@pytest.mark.parametrize(
    ("domain", "example"),
    [("example.org", True), ("Dept.Example.COM", True), ("myexample.org", False), ("example.edu", False), ("", False)],
)
def test_domains_that_nobody_has(domain: str, example: bool) -> None:
    assert is_example(domain) is example
