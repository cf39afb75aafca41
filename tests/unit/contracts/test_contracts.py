# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house rules hold for this checkout, and every rule notices when they are broken (see broken.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils import _shell
from ansible_collections.researchops.jupyterhub.tests.unit.contracts import broken, code_rules, docs_rules, role_rules
from ansible_collections.researchops.jupyterhub.tests.unit.contracts.verdict import Verdict

ROOT = Path(__file__).resolve().parents[3]
#: rule, and how many things it must have looked at to count: three quarters of what there were when this was written
RULES: dict[Callable[[Path], Verdict], int] = {
    code_rules.layers: 90,
    code_rules.light_filters: 15,
    code_rules.started_directly: 13,
    code_rules.broad_except: 140,
    code_rules.sizes: 1300,
    code_rules.annotations: 1300,
    code_rules.licences: 140,
    code_rules.unit_files: 130,
    code_rules.leftovers: 250,
    code_rules.documented: 13,
    code_rules.examples: 24,
    code_rules.action_groups: 28,
    code_rules.module_secrets: 13,
    role_rules.skeleton: 9,
    role_rules.defaults: 100,
    role_rules.shared_types: 160,
    role_rules.secrets: 9,
    role_rules.tested: 9,
    role_rules.proxied: 28,
    role_rules.playbooks: 5,
    role_rules.guarded: 5,
    role_rules.internal: 80,
    role_rules.plain_specs: 9,
    role_rules.converted: 100,
    docs_rules.errors: 180,
    docs_rules.errors_tested: 180,
    docs_rules.derived: 10,
    docs_rules.variables: 1700,
    docs_rules.yaml_blocks: 18,
    docs_rules.commands: 10,
    docs_rules.links: 60,
    docs_rules.fragments: 0,  # a release takes them all away
}
#: rules that evaluate plugins with Ansible; the others read files, and say the same whatever the versions
EVALUATING = {code_rules.examples, code_rules.module_secrets}


def name(rule: Callable[[Path], Verdict]) -> str:
    return rule.__name__


def marks(rule: Any) -> Any:
    return () if rule in EVALUATING else pytest.mark.once


@pytest.mark.parametrize("rule", [pytest.param(rule, marks=marks(rule), id=name(rule)) for rule in RULES])
def test_rule_holds(rule: Callable[[Path], Verdict]) -> None:
    verdict = rule(ROOT)
    assert verdict.complaints == [], "\n" + "\n".join(verdict.complaints)
    assert verdict.examined >= RULES[rule], f"{name(rule)} looked at {verdict.examined} things only"


@pytest.mark.parametrize(
    ("rule", "files", "complaint"),
    [pytest.param(*sample.values, marks=marks(sample.values[0]), id=sample.id) for sample in broken.SAMPLES],
)
def test_rule_notices(rule: Callable[[Path], Verdict], files: dict[str, str], complaint: str, tmp_path: Path) -> None:
    for place, text in files.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = rule(tmp_path).complaints
    assert [text for text in found if complaint in text], f"wanted {complaint!r} among {found}"


def test_cleaning_up_and_raising_again_is_not_catching(tmp_path: Path) -> None:
    path = tmp_path / broken.UTIL
    path.parent.mkdir(parents=True)
    path.write_text("try:\n    x = 1\nexcept BaseException:\n    x = 2\n    raise\n", encoding="utf-8")
    assert code_rules.broad_except(tmp_path) == Verdict(1, [])


def test_every_rule_has_a_broken_sample() -> None:
    proven = {sample.values[0] for sample in broken.SAMPLES}
    assert {name(rule) for rule in RULES} == {rule.__name__ for rule in proven if callable(rule)}


def test_every_rule_is_in_the_table() -> None:
    written = {
        function
        for module in (code_rules, role_rules, docs_rules)
        for function in vars(module).values()
        if callable(function) and getattr(function, "__annotations__", {}).get("return") == "Verdict"
    }
    assert written == set(RULES)


def test_documentation_fragment_and_argument_spec_of_the_cluster_options_agree() -> None:
    from ansible_collections.researchops.jupyterhub.plugins.doc_fragments.kubernetes import ModuleDocFragment
    from yaml import safe_load

    documented = safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert {key: option["type"] for key, option in documented.items()} == {
        key: option["type"] for key, option in _shell.KUBERNETES_OPTIONS.items()
    }
    for key, option in _shell.KUBERNETES_OPTIONS.items():
        for variable in option["fallback"][1]:
            assert f"E({variable})" in " ".join(documented[key]["description"])
