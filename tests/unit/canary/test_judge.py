# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every single ``no_log`` of the collection is missed when it goes; nothing is complained about while they stand."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "canary"))
import inputs
import judge
import protection

ROOT = Path(__file__).resolve().parents[3]

SITES = protection.sites(ROOT)
#: a role's protections are only read, a module's are evaluated with Ansible
EACH = [
    pytest.param(site, marks=pytest.mark.once if site.path.startswith("roles/") else (), id=str(site)) for site in SITES
]
SPEC = {
    "argument_specs": {"main": {"options": {"x_token": {"type": "str", "no_log": True}, "x_key_file": {"type": "str"}}}}
}


def part_of(site: protection.Site, target: Path) -> Path:
    """A copy of as much of the collection as the place needs: its role, or its module, and what all of them take."""
    part = Path(*Path(site.path).parts[:2])
    if part == Path("plugins/module_utils"):
        part = Path("plugins")
    elif part == Path("plugins/modules"):
        part = Path(site.path)
        shutil.copytree(ROOT / "plugins" / "module_utils", target / "plugins" / "module_utils")
    for folder in ("plugins/modules", "roles"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for spec in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        (target / spec.relative_to(ROOT)).parent.mkdir(parents=True)
        shutil.copy(spec, target / spec.relative_to(ROOT))
    if (ROOT / part).is_file():
        shutil.copy(ROOT / part, target / part)
    else:
        shutil.copytree(ROOT / part, target / part, dirs_exist_ok=True)
    return target


def test_there_is_something_to_protect() -> None:
    assert len(SITES) > 25
    places = {Path(site.path).parts[1] for site in SITES}
    assert places >= {"modules", "module_utils", "hub_https", "letsencrypt", "z2jh"}


def test_nothing_is_open_now() -> None:
    assert judge.holes(ROOT) == []


def test_no_protection_of_an_option_stands_where_nobody_looks(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    protection.strip(tmp_path, [site for site in SITES if site.path.startswith("plugins/")])
    assert inputs.module_secrets(ROOT) != set()
    assert inputs.module_secrets(tmp_path) == set()


@pytest.mark.parametrize("site", EACH)
def test_each_protection_is_missed(site: protection.Site, tmp_path: Path) -> None:
    part = part_of(site, tmp_path)
    protection.strip(part, [site])
    assert judge.holes(part) != []


def test_a_removal_changes_nothing_else(tmp_path: Path) -> None:
    for site in SITES:
        before = (ROOT / site.path).read_text(encoding="utf-8")
        after = protection.removed(before, site)
        assert len(after.splitlines()) == len(before.splitlines())
        changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
        assert len(changed) == 1
        assert "no_log" in changed[0][0]


def role(folder: Path, tasks: list[dict[str, object]], variables: dict[str, object] | None = None) -> list[str]:
    """What the judge says about a role with these tasks."""
    (folder / "plugins" / "modules").mkdir(parents=True)
    for name, content in {"meta/argument_specs": SPEC, "tasks/main": tasks, "vars/main": variables or {}}.items():
        path = folder / "roles" / "x" / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return judge.holes(folder)


READ = {"name": "r", "kubernetes.core.k8s_info": {"kind": "Secret", "name": "s"}, "register": "got", "no_log": True}
GONE = {"kind": "Secret", "name": "s", "state": "absent", "hidden_fields": ["metadata", "data"]}


@pytest.mark.parametrize(
    ("tasks", "variables"),
    [
        pytest.param([{"name": "t", "ansible.builtin.debug": {"msg": "{{ x_token }}"}}], {}, id="00-printed"),
        pytest.param(
            [{"name": "t", "ansible.builtin.set_fact": {"y": "{{ z | upper }}"}}], {"z": "{{ x_token }}"}, id="01-fact"
        ),
        pytest.param(
            [READ, {"name": "t", "ansible.builtin.set_fact": {"y": "{{ got.resources }}"}}], {}, id="02-registered"
        ),
        pytest.param([{**READ, "no_log": False}], {}, id="03-secret-read"),
        pytest.param([{**READ, "no_log": "{{ __x_no_log }}"}], {"__x_no_log": False}, id="04-switch-is-off"),
        pytest.param([{**READ, "no_log": "{{ __x_no_log }}"}], {}, id="05-switch-is-missing"),
        pytest.param([{"name": "b", "block": [], "rescue": [{**READ, "no_log": False}]}], {}, id="06-in-a-rescue"),
        pytest.param(
            [
                {
                    "name": "t",
                    "kubernetes.core.k8s": {"definition": {"kind": "ConfigMap", "data": {"a": "{{ x_token }}"}}},
                }
            ],
            {},
            id="07-in-another-object",
        ),
        pytest.param([{"name": "t", "community.crypto.openssl_privatekey_pipe": {}}], {}, id="08-key-made"),
        pytest.param(
            [{"name": "t", "ansible.builtin.set_fact": {"y": "{{ key }}"}}],
            {"key": "{{ lookup('ansible.builtin.file', x_private_key_file) }}"},
            id="09-file",
        ),
        pytest.param(
            [{"name": "t", "ansible.builtin.set_fact": {"y": "{{ found.resources }}"}}],
            {"found": "{{ lookup('researchops.jupyterhub.cluster_objects', 'Secret', name='s') }}"},
            id="10-looked-up",
        ),
        pytest.param(
            [{"name": "t", "kubernetes.core.k8s": {**GONE, "hidden_fields": ["data"]}}],
            {},
            id="11-deleted-with-managed-fields",
        ),
        pytest.param([{"name": "t", "kubernetes.core.k8s": {**GONE, "state": "present"}}], {}, id="12-written"),
        pytest.param(
            [{"name": "t", "kubernetes.core.k8s": {**GONE, "name": None, "label_selectors": ["a=b"]}}],
            {},
            id="13-several-deleted",
        ),
    ],
)
def test_the_judge_follows_a_secret(
    tmp_path: Path, tasks: list[dict[str, object]], variables: dict[str, object]
) -> None:
    assert len(role(tmp_path, tasks, variables)) == 1


@pytest.mark.parametrize(
    "task",
    [
        pytest.param({"ansible.builtin.set_fact": {"y": "{{ x_key_file }}"}}, id="00-a-file-name"),
        pytest.param({"ansible.builtin.debug": {"msg": "set x_token first"}}, id="01-a-variables-name"),
        pytest.param({"ansible.builtin.set_fact": {"y": "{{ got.metadata.name }}"}}, id="02-harmless-part"),
        pytest.param({"researchops.jupyterhub.hub_release": {"secrets": {"a": "{{ x_token }}"}}}, id="03-our-module"),
        pytest.param({"ansible.builtin.set_fact": {"y": "{{ 'x_token' }}"}}, id="04-a-text"),
        pytest.param(
            {"ansible.builtin.set_fact": {"y": "{{ x_token | researchops.jupyterhub.door_preflight('x') }}"}},
            id="05-rows",
        ),
        pytest.param({"kubernetes.core.k8s": GONE}, id="06-deleted-unseen"),
    ],
)
def test_the_judge_leaves_others_alone(tmp_path: Path, task: dict[str, object]) -> None:
    assert role(tmp_path, [READ, {"name": "t", **task}]) == []
