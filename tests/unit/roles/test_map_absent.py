# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a look for a certificate map that fails may be taken for one that finds none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

TASKS = Path(__file__).resolve().parents[3] / "roles" / "gke_iap" / "tasks" / "map_absent.yml"


@pytest.mark.parametrize(
    ("needed", "answer", "stops"),
    [
        pytest.param("", {"error_id": "E-GCP-05", "details": {"own_project": False}}, True, id="00-off-elsewhere"),
        pytest.param("", {"error_id": "E-GCP-09", "details": {}}, True, id="01-no-answer"),
        pytest.param("", {}, True, id="02-anything-else"),
        pytest.param("", {"error_id": "E-GCP-05", "details": {"own_project": True}}, False, id="03-off-here"),
        pytest.param("", {"error_id": "E-GCP-04", "details": {"status": 403}}, False, id="04-not-to-be-read"),
        pytest.param("map", {"error_id": "E-GCP-05", "details": {"own_project": True}}, True, id="05-a-map-is-wanted"),
        pytest.param("map", {"error_id": "E-GCP-04"}, True, id="06-a-map-is-wanted"),
    ],
)
def test_only_a_manager_that_is_off_in_this_project_never_had_a_map(
    needed: str, answer: dict[str, Any], stops: bool
) -> None:
    look = yaml.safe_load(TASKS.read_text(encoding="utf-8"))[0]
    jinja = Environment()  # noqa: S701  no page is made of it
    jinja.tests["failed"] = lambda result: bool(result["failed"])
    given = {"__gke_iap_map_name": needed, "__gke_iap_map_left": {"failed": True, **answer}}
    assert all(jinja.compile_expression(one)(**given) for one in look["failed_when"]) is stops
