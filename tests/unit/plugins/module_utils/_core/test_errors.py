# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one form in which a person reads a failure."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import (
    Changed,
    HubError,
    is_installed,
    missing_collection,
    missing_library,
    require,
    writing,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(
            HubError("E-X-01", "The thing is broken", "mend it"),
            "E-X-01 The thing is broken. Nothing was changed. Do: mend it.",
            id="shortest",
        ),
        pytest.param(
            HubError("E-X-01", "It differs", "correct it", seen="a", wanted="b", changed=Changed.SOME),
            "E-X-01 It differs. Seen: a; wanted: b. Some steps were done before this; running again continues from "
            "there. Do: correct it.",
            id="seen-and-wanted",
        ),
        pytest.param(
            HubError("E-X-01", "It differs", "correct it", wanted="b", changed=Changed.UNKNOWN),
            "E-X-01 It differs. Wanted: b. Whether the last step took effect is not known; running again finds out. "
            "Do: correct it.",
            id="wanted-alone-begins-the-sentence",
        ),
    ],
)
def test_text(error: HubError, text: str) -> None:
    assert error.text() == text
    assert str(error) == text


def test_an_error_is_raised_and_caught_as_itself() -> None:
    with pytest.raises(HubError) as caught:
        raise HubError("E-X-02", "no", "yes", details={"a": 1})
    assert (caught.value.error_id, caught.value.changed, caught.value.details) == ("E-X-02", Changed.NOTHING, {"a": 1})


def test_a_missing_library_names_the_interpreter_and_the_command() -> None:
    error = missing_library("kubernetes", "/opt/py/bin/python")
    assert error.text() == (
        "E-LIB-01 The Python library kubernetes is missing from /opt/py/bin/python. Nothing was changed. "
        "Do: run: /opt/py/bin/python -m pip install kubernetes (or use the collection's execution environment), "
        "then run again."
    )
    assert error.details == {"library": "kubernetes", "interpreter": "/opt/py/bin/python"}


def test_a_missing_library_is_installed_by_its_packages_name() -> None:
    assert "pip install google-auth (or" in missing_library("google.auth", "python").text()


def test_a_missing_collection_names_the_command() -> None:
    assert missing_collection("community.crypto").text() == (
        "E-LIB-02 The Ansible collection community.crypto is missing, or too old for what is asked for here. "
        "Nothing was changed. Do: run: ansible-galaxy collection install --upgrade community.crypto "
        "(or all of them: -r requirements.yml), then run again."
    )


@pytest.mark.parametrize(
    ("name", "there"),
    [("json", True), ("json.decoder", True), ("json.nothing", False), ("nothing_of_this_name.auth", False)],
)
def test_what_is_installed(name: str, there: bool) -> None:
    assert is_installed(name) is there


def test_libraries_that_are_required_are_named_by_their_package() -> None:
    require("json", "json.decoder")
    with pytest.raises(HubError) as caught:
        require("json", "nothing_of_this_name.auth", "nothing_else")
    assert caught.value.details == {"library": "nothing_of_this_name.auth", "interpreter": sys.executable}


@pytest.mark.parametrize(
    ("written", "said", "told"),
    [
        (True, Changed.NOTHING, Changed.SOME),
        (True, Changed.SOME, Changed.SOME),
        (True, Changed.UNKNOWN, Changed.UNKNOWN),
        (False, Changed.NOTHING, Changed.NOTHING),
    ],
)
def test_what_fails_after_a_write_says_so(written: bool, said: Changed, told: Changed) -> None:
    with pytest.raises(HubError) as caught, writing(written):
        raise HubError("E-X-01", "It is broken", "mend it", changed=said)
    assert caught.value.changed is told
