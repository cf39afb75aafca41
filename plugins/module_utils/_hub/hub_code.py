# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Code of the operator's own among the values, which the hub runs after everything else and which therefore wins. Pure.

What it does is not known in general. But the lines that open a hub are short, and many a guide has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .oauth import open_hub
from .settings import Finding, Json
from .values import dotted, strings

OPEN_CLASSES = frozenset({"dummy", "tmp", "dummyauthenticator", "tmpauthenticator"})
"""Authenticators that ask for no proof of who somebody is (last word of the class name, in lower case)."""
PLACES = (("hub", "extraConfig"), ("hub", "extraFiles"))
"""Where such code is; a file may be one that the hub's configuration reads."""
SET = re.compile(r"^[ \t]*c\.(\w+)\.(allow_all|authenticator_class)[ \t]*=[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
DO = "take that line out: hub_oauth_provider and its rules, or z2jh_values below hub.config, say who may enter"


def open_code(values: Json) -> Iterator[Finding]:
    """One finding (E-OAUTH-04) for each line of the operator's own code that lets everybody in."""
    for path, text in strings(values):
        if path[:2] in PLACES:
            for section, trait, value in SET.findall(text):
                word = value.rpartition(".")[2].lower()
                if trait == "allow_all" and value == "True" and section.endswith("Authenticator"):
                    yield open_hub(
                        dotted(path), f"sets c.{section}.allow_all: everybody the provider knows may enter", DO
                    )
                elif trait == "authenticator_class" and word in OPEN_CLASSES:
                    yield open_hub(dotted(path), f"chooses {value}, which lets anybody in under any name", DO)
