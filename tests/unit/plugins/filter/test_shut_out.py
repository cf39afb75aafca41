# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter shut_out, as Ansible finds it."""

from __future__ import annotations

from ansible_collections.researchops.jupyterhub.plugins.filter.shut_out import FilterModule

shut_out = FilterModule().filters()["shut_out"]
POD = {"metadata": {"name": "jupyter-ada", "annotations": {"hub.jupyter.org/username": "ada@example.org"}}}


def test_shut_out() -> None:
    (found,) = shut_out([POD], ["user:ada@example.org"], {})
    assert (found["pod"], found["user"]) == ("jupyter-ada", "ada@example.org")
    assert shut_out([POD], [], {}) == []
