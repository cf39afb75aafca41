# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""How a changed value is told without telling a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._core.redact import CHANGED, HIDDEN
from .._k8s.objects import ABSENT

SECRET_NAME = re.compile(
    r"(secret|token|passw|credential|api_?key|private_?key|cookie|(^|[._\[\]\"-])keys?($|[._\[\]\"-]))", re.IGNORECASE
)
"""Names of fields whose values are not shown, whatever they hold."""
REFERENCE = re.compile(r"(SecretRef|secretKeyRef|secretName|existingSecret|imagePullSecrets|checksum/)")
"""Names that look alike but hold a reference or a hash."""
URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
LONGEST_VALUE = 200
"""Characters of a value that are shown; a longer one is told by its length."""


def shown(kind: str, path: str, before: Any, after: Any) -> tuple[Any, Any]:
    """One changed value before and after, without secrets; a value that is not there is None."""
    if (kind == "Secret" and path.partition(".")[0] in ("data", "stringData")) or is_secret_name(path):
        return (None if before is ABSENT else HIDDEN), (None if after is ABSENT else CHANGED)
    return _value(before), _value(after)


def is_secret_name(path: str) -> bool:
    """Whether a field of this name may hold a secret."""
    return bool(SECRET_NAME.search(path)) and not REFERENCE.search(path)


def _value(value: Any) -> Any:
    if value is ABSENT:
        return None
    if isinstance(value, str):
        if len(value) > LONGEST_VALUE or "\n" in value:
            return f"<{len(value)} characters>"
        return URL_PASSWORD.sub(f"{HIDDEN}@", value)
    if isinstance(value, Mapping):
        return {key: HIDDEN if is_secret_name(str(key)) else _value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    return value
