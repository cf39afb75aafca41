# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Values that somebody copied from a guide and meant to fill in later."""

from __future__ import annotations

import re

LONGEST = 200
"""Characters; a longer text, or one of several lines, is a page or a script and may talk about placeholders."""

ANYWHERE = re.compile(
    r"(?<![a-z])(?:change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this|with)|fix[-_ ]?me)(?![a-z])",
    re.I,
)
"""Words that are a placeholder wherever they stand in a value."""

WHOLE = re.compile(
    r"<[^<>]+>|\[(?:your|insert|put|enter)[^\]]*\]|x{3,}|\*{3,}|\.{3,}|…|todo|tbd|placeholder"
    r"|dummy[-_ ]?(?:secret|password|token)"
    r"|(?:your|my|insert|enter|put)[-_ ].*(?:id|secret|key|token|password|domain|host|here|name|email)",
    re.I,
)
"""Values that are a placeholder as a whole."""

WEAK = re.compile(
    r"(?:super[-_ ]?)?secret|password|passw0rd|test|none|null|(.)\1{5,}"
    r"|example(?:[-_ ].*)?|(?:.*[-_ ])?example(?:[-_ ](?:secret|token|key|password))?"
    r"|(?:client|oauth|github|my)[-_ ]?(?:client[-_ ]?)?secret"
    r"|0123456789abcdef.*|1234567890?.*|abcdef.*123.*",
    re.I,
)
"""What is acceptable as a value, but not as a secret."""


def is_placeholder(text: str, *, secret: bool = False) -> bool:
    """Whether ``text`` was never filled in. With ``secret`` also well-known example secrets count."""
    value = text.strip()
    if not value or "\n" in value or len(value) > LONGEST:
        return False
    if ANYWHERE.search(value) or WHOLE.fullmatch(value):
        return True
    return secret and bool(WEAK.fullmatch(value))
