# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role that asks Google takes the same credentials for the same variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.researchops.jupyterhub.plugins.filter.typed import typed
from ansible_collections.researchops.jupyterhub.tests.unit.roles.plays import played
from jinja2 import Environment

ROLES = Path(__file__).resolve().parents[3] / "roles"
ASKING = ("cluster_access", "domain_verification", "gke_iap", "hub_dns")
WITH_KIND = ("cluster_access", "gke_iap")
"""Roles with a variable for the kind itself; it comes before all else."""
FILE, CONTENTS, KIND = "GCP_SERVICE_ACCOUNT_FILE", "GCP_SERVICE_ACCOUNT_CONTENTS", "GCP_AUTH_KIND"


def auth_kind(role: str, settings: dict[str, str], environ: dict[str, str]) -> str:
    """The kind of credentials that the role hands to its modules."""
    found: dict[str, Any] = yaml.safe_load((ROLES / role / "vars" / "main.yml").read_text(encoding="utf-8"))
    jinja = Environment()  # noqa: S701  no page is made of it
    jinja.filters["researchops.jupyterhub.typed"] = typed

    def lookup(plugin: str, name: str) -> str:
        assert plugin == "ansible.builtin.env"
        return environ.get(name, "")

    given = {f"{role}_auth_kind": "", f"{role}_service_account_file": ""}
    given |= {f"{role}_{name}": value for name, value in settings.items()}
    for name in ("key_in_environment", "auth_kind"):
        given[f"__{role}_{name}"] = jinja.from_string(found[f"__{role}_{name}"]).render(given, lookup=lookup)
    return given[f"__{role}_auth_kind"]


@pytest.mark.parametrize("role", ASKING)
@pytest.mark.parametrize(
    ("settings", "environ", "kind"),
    [
        pytest.param({}, {}, "application", id="00-nothing"),
        pytest.param({"service_account_file": "k"}, {}, "serviceaccount", id="01-file"),
        pytest.param({"service_account_file": "k"}, {KIND: "application"}, "serviceaccount", id="02-file-first"),
        pytest.param({}, {KIND: "machineaccount"}, "machineaccount", id="03-kind"),
        pytest.param({}, {KIND: "application", FILE: "k"}, "application", id="04-kind-before-a-key-beside-it"),
        pytest.param({}, {FILE: "k"}, "serviceaccount", id="05-key-by-file"),
        pytest.param({}, {CONTENTS: "{}"}, "serviceaccount", id="06-key-by-contents"),
    ],
)
def test_one_rule_for_all_roles(role: str, settings: dict[str, str], environ: dict[str, str], kind: str) -> None:
    assert auth_kind(role, settings, environ) == kind


@pytest.mark.parametrize("role", WITH_KIND)
def test_a_kind_that_is_set_comes_first(role: str) -> None:
    settings = {"auth_kind": "application", "service_account_file": "k"}
    assert auth_kind(role, settings, {KIND: "machineaccount"}) == "application"


def test_no_role_that_asks_google_is_left_out() -> None:
    paths = sorted(ROLES.glob("*/vars/main.yml"))
    assert [path.parts[-3] for path in paths if "GCP_AUTH_KIND" in path.read_text(encoding="utf-8")] == list(ASKING)


@pytest.mark.once
@pytest.mark.parametrize("known", ["__cluster_access_file", "__gke_iap_look"])
def test_credentials_that_were_found_unusable_are_not_tried_once_more(tmp_path: Path, known: str) -> None:
    """The module of google.cloud would die of it: a red line about a failure that is none, and the same news again."""
    role = {"name": "researchops.jupyterhub.hub_dns", "tasks_from": "preflight"}
    say = {"msg": "{{ __hub_dns_preflight | map(attribute='text') | join }}"}
    given = {"hub_domain": "hub.example.org", "hub_dns_provider": "clouddns", "hub_dns_project": "research"}
    tasks: list[dict[str, Any]] = [{"ansible.builtin.include_role": role}, {"ansible.builtin.debug": say}]
    printed = played(tmp_path, tasks, vars={**given, known: {"error_id": "E-GCP-02"}})
    assert "not probed because Google's credentials cannot be used" in printed
    assert "...ignoring" not in printed
