# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter certificate_problems, as Ansible finds it."""

from __future__ import annotations

import sys

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.certificate_problems import FilterModule
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import DAY, NOW, make

certificate_problems = FilterModule().filters()["certificate_problems"]
MADE = make("hub.example.org", names=["hub.example.org"])


def test_past_certificate() -> None:
    rows = certificate_problems(MADE.pem, None, ["hub.example.org"], (NOW + 90 * DAY).isoformat(), source="hub.pem")
    assert [(row["id"], row["path"]) for row in rows] == [("E-CERT-12", "hub.pem")]


def test_good_certificate() -> None:
    assert certificate_problems(MADE.pem, MADE.key_pem, ["hub.example.org"], "2026-11-22 12:00:00") == []


def test_present_is_the_default() -> None:
    past = make("h", names=["h"], begins=NOW - 900 * DAY, ends=NOW - 899 * DAY)
    assert [row["id"] for row in certificate_problems(past.pem, names=["h"])] == ["E-CERT-12"]


def test_missing_library_is_a_row_because_the_task_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pem = MADE.pem
    monkeypatch.setitem(sys.modules, "cryptography", None)
    rows = certificate_problems(pem, source="hub.pem")
    assert [(row["id"], row["ok"]) for row in rows] == [("E-LIB-01", False)]
    assert "cryptography" in rows[0]["text"]


def test_moment_that_is_none() -> None:
    with pytest.raises(AnsibleFilterError, match="ISO 8601"):
        certificate_problems(MADE.pem, now="yesterday")
