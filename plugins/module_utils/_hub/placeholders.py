# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Values that somebody copied from a guide and meant to fill in later.

A value that is refused although it is right stops a run that nothing can wave through, so words of plain English count
only where they are the whole value, and what may be the name of an object or a sentence for people is judged mildly.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST = 200
"""Characters; a longer text, or one of several lines, is a page or a script and may talk about placeholders."""

VALUE: Final = "value"
NAME: Final = "name"
TEXT: Final = "text"

TEXT_KEYS = frozenset({
    "description", "display_name", "validation_message", "templateVars", "template_vars", "login_service",
    "custom_html",
})  # fmt: skip
"""Keys at or below which sentences for people stand."""

NAME_KEYS = frozenset({
    "name", "key", "slug", "namespace", "secretName", "existingSecret", "imagePullSecrets", "pullSecrets", "claimName",
    "pvcName", "storageClass", "storageClassName", "serviceAccountName", "priorityClassName", "ingressClassName",
    "image_pull_secrets", "service_account", "storage_class",
})  # fmt: skip
"""Keys whose value is what somebody called an object, such as ``my-registry-key``."""

ANYWHERE = re.compile(
    r"(?<![a-z])(?:change[-_]?(?:me|this|it)|replace[-_]?(?:me|this|with)|fix[-_]?me)(?![a-z])"
    r"|(?<![a-z])(?-i:CHANGE (?:ME|THIS|IT)|REPLACE (?:ME|THIS|WITH)|FIX ME)(?![a-z])",
    re.I,
)
"""Words that are a placeholder wherever they stand in a value: written as one, or shouted."""

WHOLE = re.compile(
    r"<[^<>]+>|\[(?:your|insert|put|enter)[^\]]*\]|x{3,}|\*{3,}|\.{3,}|…|todo|tbd|placeholder"
    r"|dummy[-_ ]?(?:secret|password|token)"
    r"|(?:please )?(?:change|replace|fix) (?:me|this|it)(?: (?:please|now|later|value|secret|password|token))*[.!]*",
    re.I,
)
"""Values that are a placeholder as a whole, wherever they stand."""

THING = r"(?:id|secret|key|token|password|domain|host|here|name|email)"
UNFILLED = re.compile(rf"(?:your|insert|enter|put)[-_ ].*{THING}|replace (?:this |me |it )?with .*", re.I)
"""Likewise, but for sentences: "your password" may be one."""

MINE = re.compile(
    r"my[-_ ](?:(?:client|oauth|auth|api|access|app|cookie|super|secret|user|github|gitlab|google)[-_ ]?)*"
    r"(?:id|secret|key|token|password|domain|domain[-_ ]?name|host|host[-_ ]?name|email)(?:[-_ ]here)?"
    rf"|(?-i:MY_[A-Z0-9_]*(?i:{THING}))",
    re.I,
)
"""Likewise, but for names: people do call a Secret ``my-secret``. Everywhere else, what a guide has for a secret or a
host, and no more: ``my-hub-secret`` may be a name somewhere unknown to us."""

WEAK = re.compile(
    r"(?:super[-_ ]?)?secret|password|passw0rd|test|none|null|(.)\1{5,}"
    r"|example(?:[-_ ].*)?|(?:.*[-_ ])?example(?:[-_ ](?:secret|token|key|password))?"
    r"|(?:client|oauth|github|my)[-_ ]?(?:client[-_ ]?)?secret"
    r"|0123456789abcdef.*|1234567890?.*|abcdef.*123.*"
    rf"|my[-_ ].*{THING}|.*(?<![a-z])(?:change (?:me|this|it)|replace (?:me|this|with)|fix me)(?![a-z]).*",
    re.I,
)
"""What is acceptable as a value, but not as a secret."""


EXAMPLES = re.compile(r"(?:.*\.)?example\.(?:com|net|org)", re.I)


def is_example(domain: str) -> bool:
    """Whether a domain is one of those that nobody has (RFC 2606), as in the collection's example inventories."""
    return EXAMPLES.fullmatch(domain.strip()) is not None


def is_placeholder(text: str, *, secret: bool = False, place: str = VALUE) -> bool:
    """Whether ``text`` was never filled in.

    Args:
        text: the value.
        secret: well-known example secrets count, too.
        place: what the value is for, as :func:`place_of` says: a sentence or a name may say more than another value.
    """
    value = text.strip()
    if not value or "\n" in value or len(value) > LONGEST:
        return False
    if ANYWHERE.search(value) or WHOLE.fullmatch(value):
        return True
    if place != TEXT and UNFILLED.fullmatch(value):
        return True
    if place == VALUE and MINE.fullmatch(value):
        return True
    return secret and bool(WEAK.fullmatch(value))


def place_of(path: tuple[str, ...]) -> str:
    """What the value at a path of the chart's values is for: a sentence, the name of an object, or anything else."""
    if TEXT_KEYS.intersection(path):
        return TEXT
    keys = [segment for segment in path if not segment.isdigit()]
    return NAME if keys and keys[-1] in NAME_KEYS else VALUE
