# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a long-running module says while it runs.

Ansible shows a module's output only when it ends. A module therefore appends JSON lines to the file that the callback
``researchops.jupyterhub.progress`` names in the environment, and returns the same lines as ``transitions``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from .clock import Clock

PROGRESS_VARIABLE = "RESEARCHOPS_PROGRESS_FILE"
"""Environment variable that names the progress file (mode 0600, made by the callback)."""


@dataclass
class Reporter:
    """Collects progress lines and, where a file is named, appends them to it.

    Attributes:
        subject: who speaks: the hub's name.
        phase: the phase of the run, such as ``release`` or ``verify``.
        clock: gives the time of each line.
        path: the progress file, or None.
    """

    subject: str
    phase: str
    clock: Clock
    path: str | None = None
    transitions: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def from_environment(cls, subject: str, phase: str, clock: Clock) -> Reporter:
        """A reporter that writes where the callback asked for it."""
        return cls(subject, phase, clock, os.environ.get(PROGRESS_VARIABLE) or None)

    def say(self, text: str) -> None:
        """Record one line; a progress file that cannot be written never fails the work itself."""
        line = {
            "at": self.clock.utcnow().isoformat(timespec="seconds"),
            "subject": self.subject,
            "phase": self.phase,
            "text": text,
        }
        self.transitions.append(line)
        if self.path is None:
            return
        try:
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        except OSError:
            self.path = None
