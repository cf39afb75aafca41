# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lookup: is there room for the temporary files of a run?"""

from __future__ import annotations

DOCUMENTATION = """
name: temp_space
short_description: Find directories for temporary files that are full
version_added: 0.1.0
author: researchops.jupyterhub contributors (@researchops)
description:
  - Looks at the free space of the directories that Ansible and the modules of this collection put temporary files into.
  - Without room there, no module starts, and what Ansible says then does not tell where room is missing.
options:
  _terms:
    description: Directories to look at. None means those that a run on this machine uses.
    type: list
    elements: str
  minimum:
    description: MiB that must be free.
    type: float
    default: 16.0
notes:
  - E(TMPDIR), E(ANSIBLE_LOCAL_TEMP), E(ANSIBLE_REMOTE_TEMP) and E(ANSIBLE_HOME) move these directories.
"""

EXAMPLES = """
- name: Stop when there is no room
  ansible.builtin.assert:
    that: query('researchops.jupyterhub.temp_space') | length == 0
"""

RETURN = """
_raw:
  description: Nothing when there is room everywhere, else one message with all directories that are full.
  type: list
  elements: str
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.loader import shell_loader
from ansible.plugins.lookup import LookupBase
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError

MIB = 1 << 20


def directories() -> list[str]:
    """Where a run on this machine puts temporary files."""
    # Not tempfile.gettempdir(): Python goes silently elsewhere when this one is full, and the programs we start do not.
    common = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108
    remote = shell_loader.get("sh").get_option("remote_tmp")
    return [common, str(constants.DEFAULT_LOCAL_TMP), str(remote)]


def free_space(directory: str) -> float:
    """MiB free for this user on the file system that holds a directory, which need not exist yet."""
    place = Path(os.path.expanduser(directory)).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    room = os.statvfs(place)
    return room.f_bavail * room.f_frsize / MIB


def temp_space(places: Iterable[str], minimum: float) -> list[str]:
    """See DOCUMENTATION."""
    free = {place: free_space(place) for place in places}
    full = {place: room for place, room in free.items() if room < minimum}
    if not full:
        return []
    error = HubError(
        error_id="E-PRE-01",
        what=f"There is no room for temporary files in {', '.join(full)}",
        seen=f"{min(full.values()):.1f} MiB free",
        wanted=f"{minimum:.0f} MiB",
        do="free some space there, or set TMPDIR (ANSIBLE_LOCAL_TEMP and ANSIBLE_REMOTE_TEMP for Ansible's own) to a "
        "directory with room",
    )
    return [error.text()]


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        return temp_space([str(term) for term in terms] or directories(), float(self.get_option("minimum")))
