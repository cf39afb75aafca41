# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Filter: a TXT record set with values added or taken away."""

from __future__ import annotations

DOCUMENTATION = """
name: txt_merge
short_description: Add values to a TXT record set, or take some away
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - All DNS services replace a TXT record set as a whole. This filter makes the whole from what is there, so that SPF
    and other people's verifications survive, in their own spelling.
options:
  _input:
    description: The values that are there, as a zone file has them (quoted, several strings possible).
    type: list
    elements: str
    required: true
  present:
    description: Plain values that must be there.
    type: list
    elements: str
    default: []
  absent:
    description: Plain values that must not be there.
    type: list
    elements: str
    default: []
seealso:
  - module: researchops.jupyterhub.domain_verification_wait
"""

EXAMPLES = """
- name: Add a token beside SPF
  vars:
    there: ['"v=spf1 -all"']
  ansible.builtin.debug:
    msg: "{{ there | researchops.jupyterhub.txt_merge(present=['google-site-verification=abc']) }}"
"""

RETURN = """
_value:
  description: The whole record set, as a zone file has it.
  type: list
  elements: str
"""

from collections.abc import Callable, Sequence
from typing import Any


def txt_merge(texts: Sequence[str], present: Sequence[str] = (), absent: Sequence[str] = ()) -> list[str]:
    """See DOCUMENTATION."""
    from ansible_collections.researchops.jupyterhub.plugins.module_utils._dns.records import merged_texts

    return merged_texts([str(text) for text in texts], map(str, present), map(str, absent))


class FilterModule:
    """What this file offers to templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"txt_merge": txt_merge}
