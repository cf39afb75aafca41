# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Rows of the preflight's table, as the roles collect them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import HubError

Json = dict[str, Any]


def good_row(check: str, text: str) -> Json:
    """The row about something that is as needed, or that cannot be checked and does no harm."""
    return {"check": check, "ok": True, "text": text}


def bad_row(check: str, error: HubError) -> Json:
    """The row about something that is not as needed, or could not be read: not known is not passed."""
    return {"check": check, "ok": False, "text": error.text()}


def rows_of(check: str, errors: Iterable[HubError], text: str) -> list[Json]:
    """A row for each error; ``text`` in a good one where there is none."""
    return [bad_row(check, error) for error in errors] or [good_row(check, text)]
