# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search finds every window of every form wherever it stands, and nothing else."""

from __future__ import annotations

import base64
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "canary"))
from forms import WINDOW, Canary, letters, planted
from search import Artefact, Hit, Search, files_below

pytestmark = pytest.mark.once

SECRET = Canary("token", "Gh5kQ0pW8sZ2xN7vB4mC1dF6jL9tR3yU0aE5iO8h")


def found(data: bytes, *canaries: Canary) -> set[tuple[str, str]]:
    hits = Search(canaries or (SECRET,)).hits([Artefact("log", data)])
    return {(hit.canary, hit.form) for hit in hits}


@pytest.mark.parametrize("before", range(20))
@pytest.mark.parametrize("start", [0, 1, 13, 28])
def test_twelve_characters_are_enough_wherever_they_stand(before: int, start: int) -> None:
    piece = SECRET.value[start : start + WINDOW].encode()
    assert found(b"-" * before + piece + b"-" * 3) == {("token", "raw")}
    assert found(b"-" * before + piece[:-1] + b"----") == set()


def test_an_encoded_secret_is_told_by_its_form() -> None:
    assert found(base64.b64encode(b"pw" + SECRET.value.encode())) == {("token", "base64+2")}
    assert found(SECRET.value.encode().hex().encode()) == {("token", "hex")}
    assert found(SECRET.value[::-1].encode()) == {("token", "reversed")}


def test_several_canaries_in_several_artefacts() -> None:
    other = planted("key", "lines")
    line = other.value.splitlines()[2]
    hits = Search((SECRET, other)).hits([Artefact("a", line.encode()), Artefact("b", SECRET.value.encode() * 3)])
    assert {(hit.artefact, hit.canary, hit.form) for hit in hits} == {("a", "key", "raw#1"), ("b", "token", "raw")}


def test_a_hit_shows_where() -> None:
    (hit,) = Search((SECRET,)).hits([Artefact("log", b"line\npassword: " + SECRET.value.encode())])
    assert str(hit).startswith("log: token as raw: …line⏎password: Gh5k")
    assert isinstance(hit, Hit)


def test_short_secrets_are_found_too() -> None:
    assert found(b"login of demo-ada", Canary("password", "demo-ada")) == {("password", "raw")}
    assert found(base64.b64encode(b"ada:demo-ada"), Canary("password", "demo-ada")) != set()
    assert found(b"login of demo-bob", Canary("password", "demo-ada")) == set()


def test_a_place_where_it_belongs_is_no_hit() -> None:
    inside = Artefact("private", SECRET.value.encode(), frozenset({"token"}))
    assert Search((SECRET,)).hits([inside]) == []
    assert (
        len(
            Search((SECRET, Canary("other", "Another0Secret1Of2Some3Length4"))).hits(
                [Artefact("private", SECRET.value.encode() + b" Another0Secret1Of2Some3Length4", frozenset({"token"}))]
            )
        )
        == 1
    )


def test_noise_is_no_hit() -> None:
    noise = random.Random(7)
    data = base64.b64encode(noise.randbytes(3_000_000)) + noise.randbytes(1_000_000)
    canaries = [planted(str(number), variant) for number, variant in enumerate(["plain", "quotes", "lines", "unicode"])]
    assert Search(canaries).hits([Artefact("noise", data)]) == []


def test_files_and_their_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_text(f"x {SECRET.value}", encoding="utf-8")
    (tmp_path / "client-secret-1").write_text(SECRET.value, encoding="utf-8")
    (tmp_path / f"cache-{SECRET.value[:20]}").touch()
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "log")
    hits = Search((SECRET,)).hits(files_below(tmp_path, "run", {"client-secret-": frozenset({"token"})}))
    assert {hit.artefact for hit in hits} == {"run/deep/log", "file names in run"}


def test_letters_are_random() -> None:
    assert len({letters(40) for _each in range(50)}) == 50
