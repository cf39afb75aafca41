# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a module is going to do, decided before anything is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One intended change of one object.

    Attributes:
        verb: what is done; ``create``, ``update`` and ``delete`` are those that :meth:`Plan.summary` counts.
        target: the object as people name it, such as ``Deployment/hub``.
        fields: the changed fields as ``path -> (before, after)``, secrets already redacted.
    """

    verb: str
    target: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The step as plain data for a module's return value."""
        changes = [{"field": path, "before": old, "after": new} for path, (old, new) in sorted(self.fields.items())]
        return {"verb": self.verb, "target": self.target, "changes": changes}


@dataclass(frozen=True)
class Plan:
    """The difference between what is and what is wanted, as ordered steps.

    Attributes:
        before: the observed state in canonical, redacted form; what diff mode shows.
        after: the state the steps lead to, in the same form.
        steps: what will be done, in order; empty means there is nothing to do.
        reason: one sentence why these steps and no others.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    steps: tuple[Step, ...] = ()
    reason: str = ""

    @property
    def changed(self) -> bool:
        """Whether there is anything to do; derived, so it cannot disagree with the steps."""
        return bool(self.steps)

    @property
    def diff(self) -> dict[str, Any]:
        """The before and after that Ansible's diff mode prints."""
        return {"before": self.before, "after": self.after}

    def summary(self) -> str:
        """Counts in the form ``+created ~updated -deleted``."""
        counts = {verb: sum(step.verb == verb for step in self.steps) for verb in ("create", "update", "delete")}
        return f"+{counts['create']} ~{counts['update']} -{counts['delete']}"
