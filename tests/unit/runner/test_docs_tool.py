# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.contracts.docs_rules import tool

pytestmark = pytest.mark.once

SPEC = """\
argument_specs:
  main:
    short_description: Do a thing
    options:
      hub_name: {type: str, description: The name.}
      thing_level: {type: str, choices: [low, high], default: low, description: "How much | of it."}
      thing_items:
        type: list
        elements: dict
        default: []
        description: [First., Second.]
        options:
          key: {type: str, required: true, description: The key.}
      other_size: {type: int, description: The other role's.}
  preflight:
    short_description: Check
"""
TABLE = """\
| variable | type | default | meaning |
| --- | --- | --- | --- |
| `thing_level` | one of `low`, `high` | `low` | How much \\| of it. |
| `thing_items` | list of dict | `[]` | First. Second. |
| `thing_items[].key` | str | **required** | The key. |
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for role, spec in (("thing", SPEC), ("other", "argument_specs: {main: {options: {}}}\n")):
        (tmp_path / "roles" / role / "meta").mkdir(parents=True)
        (tmp_path / "roles" / role / "meta" / "argument_specs.yml").write_text(spec, encoding="utf-8")
        (tmp_path / "roles" / role / "README.md").write_text(f"# {role}\n\nText that stays.\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "markdown"),
    [
        pytest.param("Use V(a), C(b) and E(C).", "Use `a`, `b` and `C`.", id="code"),
        pytest.param(
            "See L(text,https://example.org) or U(https://example.org).",
            "See [text](https://example.org) or <https://example.org>.",
            id="links",
        ),
        pytest.param(
            "M(kubernetes.core.k8s), P(a.b.c#role), O(x.y=z), RV(a.b.c#module:r)",
            "`kubernetes.core.k8s`, `a.b.c`, `x.y=z`, `r`",
            id="references",
        ),
        pytest.param(["One.", "Two."], "One. Two.", id="list"),
        pytest.param("B(bold) I(it)", "**bold** *it*", id="emphasis"),
    ],
)
def test_markup_becomes_markdown(given: Any, markdown: str) -> None:
    assert tool().text(given) == markdown


def test_tables_are_written_once_and_then_found_current(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool().main(["--root", str(root), "--check"]) == 1
    assert not (root / "docs").exists()
    assert tool().main(["--root", str(root)]) == 0
    readme = (root / "roles" / "thing" / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# thing\n\nText that stays.\n")
    assert TABLE in readme
    assert "Also read, see [docs/variables.md](../../docs/variables.md): `hub_name`, `other_size`." in readme
    contract = (root / "docs" / "variables.md").read_text(encoding="utf-8")
    assert TABLE in contract
    assert "| `hub_name` | str |  | The name. |" in contract
    capsys.readouterr()
    assert tool().main(["--root", str(root), "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_text_after_the_markers_stays(root: Path) -> None:
    readme = root / "roles" / "thing" / "README.md"
    readme.write_text(f"# thing\n\n{tool().BEGIN}\nold\n{tool().END}\n\n## Last words\n", encoding="utf-8")
    tool().main(["--root", str(root)])
    text = readme.read_text(encoding="utf-8")
    assert text.endswith(f"{tool().END}\n\n## Last words\n")
    assert "old" not in text
