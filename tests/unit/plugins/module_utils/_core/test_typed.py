# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of text where a list, a mapping, a yes or a no was meant."""

from __future__ import annotations

from collections import UserString
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE, BOOLEANS_TRUE
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.typed import (
    as_bool,
    as_dict,
    as_list,
    as_path,
    json_object,
    kind,
    with_paths,
)

SECRET = "hQ4t-Vx9"


@pytest.mark.parametrize(
    ("text", "found"),
    [('{"a": 1}', {"a": 1}), (b'{"a": 1}', {"a": 1}), ("[1]", None), ("", None), ("<html>", None), (b"\xff", None)],
)
def test_a_json_text_that_holds_an_object(text: str | bytes, found: dict[str, Any] | None) -> None:
    assert json_object(text) == found


class Vaulted(UserString):
    """Text that is no ``str``, as ``!vault`` gives in ansible-core 2.18."""


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param("192.0.2.1", ["192.0.2.1"], id="00-one"),
        pytest.param("a@x.org,b@x.org", ["a@x.org", "b@x.org"], id="01-commas"),
        pytest.param(" a , b,\n", ["a", "b"], id="02-spaces-and-a-comma-too-many"),
        pytest.param("", [], id="03-empty"),
        pytest.param(" ", [], id="04-blank"),
        pytest.param('["a", "b"]', ["a", "b"], id="05-json"),
        pytest.param("['a', 'b']", ["a", "b"], id="06-single-quotes"),
        pytest.param("[a, 2001:db8::1]", ["a", "2001:db8::1"], id="07-quotes-that-the-shell-took"),
        pytest.param("[]", [], id="08-empty-brackets"),
        pytest.param('[{"id": "x"}]', [{"id": "x"}], id="09-json-of-mappings"),
        pytest.param('"v=spf1 -all"', ['"v=spf1 -all"'], id="10-quotes-of-the-value"),
        pytest.param(None, [], id="11-nothing"),
        pytest.param(["a,b", 1], ["a,b", 1], id="12-a-list-as-it-is"),
        pytest.param(("a", "b"), ["a", "b"], id="13-another-sequence"),
        pytest.param(7, ["7"], id="14-a-number"),
        pytest.param("[2001:db8::1],[2001:db8::2]", ["[2001:db8::1]", "[2001:db8::2]"], id="15-brackets-of-the-items"),
    ],
)
def test_a_list(given: Any, read: list[Any]) -> None:
    assert as_list(given) == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param('{"project": "p", "name": "n"}', {"project": "p", "name": "n"}, id="00-json"),
        pytest.param(" {'project': 'p'}\n", {"project": "p"}, id="01-single-quotes"),
        pytest.param("project=p, name=n", {"project": "p", "name": "n"}, id="02-pairs"),
        pytest.param(None, {}, id="03-nothing"),
        pytest.param({"a": [1]}, {"a": [1]}, id="04-a-mapping-as-it-is"),
    ],
)
def test_a_mapping(given: Any, read: dict[str, Any]) -> None:
    assert as_dict(given) == read


@pytest.mark.parametrize(
    ("given", "seen"),
    [(SECRET, "single value"), (f"{{{SECRET}", "single value"), ([SECRET], "list"), (7, "single value")],
)
def test_what_is_no_mapping_is_refused_and_not_repeated(given: Any, seen: str) -> None:
    with pytest.raises(ValueError, match=rf"^a mapping is wanted, this is a {seen}$"):
        as_dict(given)


def test_a_mapping_is_no_list() -> None:
    with pytest.raises(ValueError, match=r"^a list is wanted, this is a mapping$"):
        as_list({"a": SECRET})


def test_kinds() -> None:
    assert [kind(value) for value in ({}, [], "a", 1)] == ["mapping", "list", "single value", "single value"]


@pytest.mark.parametrize("given", sorted(BOOLEANS_TRUE, key=str))
def test_every_yes_of_ansibles_check(given: Any) -> None:
    assert as_bool(given) is True
    assert as_bool(f" {given}".upper()) is True


@pytest.mark.parametrize("given", [*sorted(BOOLEANS_FALSE, key=str), "", None])
def test_every_no_of_ansibles_check_and_nothing(given: Any) -> None:
    assert as_bool(given) is False


def test_what_is_neither_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match=r"^true or false is wanted$"):
        as_bool(SECRET)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param("/etc/hub/ca.pem", "/etc/hub/ca.pem", id="00-from-the-root"),
        pytest.param("ca.pem", "{here}/ca.pem", id="01-relative"),
        pytest.param("./certs/../ca.pem", "{here}/ca.pem", id="02-with-dots"),
        pytest.param("~/ca.pem", "/home/ada/ca.pem", id="03-home"),
        pytest.param("$PLACE/ca.pem", "/srv/ca.pem", id="04-environment"),
        pytest.param("$NOWHERE/ca.pem", "{here}/$NOWHERE/ca.pem", id="05-not-in-the-environment"),
        pytest.param(Path("ca.pem"), "{here}/ca.pem", id="06-no-text"),
        pytest.param("", "", id="07-empty"),
        pytest.param(None, "", id="08-nothing"),
        pytest.param(Vaulted("ca.pem"), "{here}/ca.pem", id="09-vaulted-before-ansible-core-2.19"),
    ],
)
def test_a_path(given: Any, read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("PLACE", "/srv")
    monkeypatch.delenv("NOWHERE", raising=False)
    assert as_path(given) == read.format(here=tmp_path)


@pytest.mark.parametrize(("given", "seen"), [([SECRET], "list"), ({"a": SECRET}, "mapping"), (7, "single value")])
def test_what_is_no_path_is_refused_and_not_repeated(given: Any, seen: str) -> None:
    with pytest.raises(ValueError, match=rf"^a path is wanted, this is a {seen}$"):
        as_path(given)


def test_a_relative_path_needs_the_folder_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ValueError, match=r"^it is relative, and the folder that this was started in is not there"):
        as_path("ca.pem")
    assert as_path("/ca.pem") == "/ca.pem"
    monkeypatch.chdir(tmp_path)


def test_the_paths_of_a_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"host": "bastion", "key": "id_ed25519"}
    assert with_paths(given, ["key", "known_hosts"]) == {"host": "bastion", "key": f"{tmp_path}/id_ed25519"}
    assert given["key"] == "id_ed25519"
