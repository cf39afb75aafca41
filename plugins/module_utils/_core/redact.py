# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Keeping secrets out of everything that leaves a module.

``no_log`` masks a literal value only. The same secret travels as base64 in Secrets, percent-encoded in URLs and
escaped in JSON, so a :class:`Redactor` knows each secret in all of these forms.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "<hidden>"
CHANGED = "<changed>"
"""In the place of a secret that is another one now."""
SHORTEST_SECRET = 8
"""Characters; masking anything shorter would corrupt unrelated text."""


def forms_of(secret: str) -> set[str]:
    """Every spelling in which ``secret`` may appear in text."""
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],  # how Python, and so Ansible, quotes a value that it cannot convert
        quote(secret, safe=""),
        quote_plus(secret),
    }
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(secret.encode()).decode()
        forms |= {text, text.rstrip("=")}
    forms |= {line for line in secret.splitlines() if len(line) >= 16 and not line.startswith("-----")}
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


class Redactor:
    """Replaces known secrets by :data:`HIDDEN` in text and in nested data."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Learn one more secret, for example one that was read during the run."""
        if len(secret) >= SHORTEST_SECRET:
            self._forms |= forms_of(secret)

    @property
    def forms(self) -> frozenset[str]:
        """All spellings known, for Ansible's own masking."""
        return frozenset(self._forms)

    def text(self, text: str) -> str:
        """``text`` without any known secret."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return text

    def data(self, data: Any) -> Any:
        """``data`` (dicts, lists, scalars) without any known secret, keys included."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            return {self.data(key): self.data(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.data(item) for item in data]
        return data
