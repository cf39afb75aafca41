# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables come from inventories and from -e, where everything is text; the layers get them in one form."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.settings import (
    SHARED,
    Finding,
    chart_major,
    error_parts,
    is_secret,
    plain,
    read,
    stray_names,
)

DEFAULTS = {"flag": False, "count": 3, "names": ["a"], "tree": {}, "text": "t"}


def refused(name: str, reason: str) -> Finding:
    return Finding(
        "E-VALUES-08", name, f"cannot be used: {reason}", f"correct {name}; docs/variables.md says what it takes"
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({"flag": "maybe"}, refused("flag", "true or false is wanted"), id="00 word that is no truth"),
        pytest.param({"flag": ["x"]}, refused("flag", "true or false is wanted"), id="01 list for a flag"),
        pytest.param({"count": "many"}, refused("count", "a whole number is wanted"), id="02 word for a number"),
        pytest.param({"count": "1.5"}, refused("count", "a whole number is wanted"), id="03 fraction"),
        pytest.param({"names": {"a": 1}}, refused("names", "a list is wanted, this is a mapping"), id="04 mapping"),
        pytest.param(
            {"tree": "a: b"}, refused("tree", "a mapping is wanted, this is a single value"), id="05 text for a mapping"
        ),
        pytest.param({"tree": ["a"]}, refused("tree", "a mapping is wanted, this is a list"), id="06 list for mapping"),
        pytest.param({"text": ["a"]}, refused("text", "text is wanted, this is a list"), id="07 list for text"),
        pytest.param(
            {"text": {"a": 1}}, refused("text", "text is wanted, this is a mapping"), id="08 mapping for text"
        ),
        pytest.param(
            {"tree": "a.b=1"}, refused("tree", "a mapping is wanted, this is a single value"), id="09 a path is no key"
        ),
        pytest.param({"names": ["ada", ""]}, refused("names", "texts are wanted, and item 2 is empty"), id="10 nobody"),
        pytest.param({"names": [" "]}, refused("names", "texts are wanted, and item 1 is empty"), id="11 blanks only"),
        pytest.param(
            {"names": [None]}, refused("names", "texts are wanted, and item 1 is null, without quotes"), id="12 null"
        ),
        pytest.param(
            {"names": [False]}, refused("names", "texts are wanted, and item 1 is false, without quotes"), id="13 no"
        ),
        pytest.param(
            {"names": ["a", {"name": "ada"}]}, refused("names", "texts are wanted, and item 2 is a mapping"), id="14"
        ),
        pytest.param({"names": [["a"]]}, refused("names", "texts are wanted, and item 1 is a list"), id="15 list"),
    ],
)
def test_unusable_value_is_refused_and_has_its_default(given: dict[str, object], wanted: Finding) -> None:
    assert read(given, DEFAULTS) == (DEFAULTS, [wanted])


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        pytest.param("flag", "Yes", True, id="10 yes"),
        pytest.param("flag", "true", True, id="11 true as text"),
        pytest.param("flag", 1, True, id="12 one"),
        pytest.param("flag", "off", False, id="13 off"),
        pytest.param("flag", "", False, id="14 empty is false"),
        pytest.param("flag", None, False, id="15 null is the default"),
        pytest.param("count", " 8443 ", 8443, id="16 number as text"),
        pytest.param("count", None, 3, id="17 null"),
        pytest.param("names", "ada, bob,", ["ada", "bob"], id="18 comma separated"),
        pytest.param("names", ("ada",), ["ada"], id="19 tuple"),
        pytest.param("names", None, ["a"], id="20 null"),
        pytest.param("names", "", [], id="21 empty text is the empty list"),
        pytest.param("tree", {"a": {1: None}}, {"a": {"1": None}}, id="22 keys are text"),
        pytest.param("text", " x ", "x", id="23 blanks at the ends"),
        pytest.param("text", 4.4, "4.4", id="24 number"),
        pytest.param("text", None, "t", id="25 null"),
        pytest.param("names", "['ada', 'bob']", ["ada", "bob"], id="26 a list as text"),
        pytest.param("tree", '{"a": {"b": 1}}', {"a": {"b": 1}}, id="27 json"),
        pytest.param("names", [" ada ", 7], ["ada", "7"], id="28 blanks at the ends of items, and a number"),
    ],
)
def test_value_takes_the_type_of_its_default(name: str, given: object, wanted: object) -> None:
    settled, findings = read({name: given}, DEFAULTS)
    assert settled == DEFAULTS | {name: wanted}
    assert type(settled[name]) is type(wanted)
    assert findings == []


def test_omitted_variables_have_their_defaults() -> None:
    assert read({}, SHARED) == (SHARED, [])


class Tagged(str):
    """Stands for the text types of Ansible."""


def test_plain_takes_foreign_types_off() -> None:
    data = plain({Tagged("a"): (Tagged("b"), {"c"}, None, 1, 2.5, True)})
    assert data == {"a": ["b", ["c"], None, 1, 2.5, True]}
    assert next(iter(data)).__class__ is str


def test_unknown_variable_of_a_role_is_named_with_the_nearest() -> None:
    variables = {"role_alowed_users": [], "role_zzz": 1, "role_allowed_users": [], "other_thing": 1, "role_secret": "s"}
    assert stray_names(variables, "role_", {"role_allowed_users": []}) == [
        Finding(
            "E-VALUES-09",
            "role_alowed_users",
            "is no variable of this collection, so it would have no effect",
            "rename it to role_allowed_users, or remove it",
        ),
        Finding(
            "E-VALUES-09",
            "role_zzz",
            "is no variable of this collection, so it would have no effect",
            "remove it; the variables of role are in docs/variables.md",
        ),
    ]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("hub_oauth_client_secret", True),
        ("hub_verify_password", True),
        ("hub_verify_token", True),
        ("hub_https_secret_name", False),
        ("hub_oauth_token_auth_method", False),
    ],
)
def test_secret_variables_are_known_by_their_ending(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


def test_finding_is_one_sentence_and_a_failed_row() -> None:
    finding = Finding("E-VALUES-01", "hub.confg", "is no key", "rename it", seen="a", wanted="b")
    text = "E-VALUES-01 hub.confg is no key. Seen: a; wanted: b. Nothing was changed. Do: rename it."
    assert finding.as_dict() == {
        "check": "hub.confg",
        "ok": False,
        "id": "E-VALUES-01",
        "path": "hub.confg",
        "sentence": "is no key",
        "do": "rename it",
        "text": text,
    }


def test_sentence_of_its_own_is_set_off_by_a_colon() -> None:
    finding = Finding.from_error("hub_oauth_issuer", error_parts(HubError("E-OAUTH-02", "No answer", "look")))
    assert finding.text() == "E-OAUTH-02 hub_oauth_issuer: No answer. Nothing was changed. Do: look."


@pytest.mark.parametrize(
    ("version", "major"),
    [("4.4.0", 4), ("v3.3.8", 3), ("0.1.0", 0), ("10.0.0-0.dev", 10), ("", None), ("main", None), ("x4", None)],
)
def test_first_number_of_a_charts_version(version: str, major: int | None) -> None:
    assert chart_major(version) == major
