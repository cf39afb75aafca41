# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The text of the one Python file that runs inside the hub; part of the collection, like the code around it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PLACE = Path(__file__).resolve().parents[3] / "roles" / "hub_oauth" / "files" / "researchops_hub.py"


@cache
def hub_program() -> str:
    """The file's text; it is read on the controller only, never inside a module."""
    return PLACE.read_text(encoding="utf-8")
