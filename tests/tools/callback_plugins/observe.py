# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes what a play did, as JSON, for the demo and the benchmarks: seconds and changes per role, and the recap.

Enabled with ANSIBLE_CALLBACK_PLUGINS and ANSIBLE_CALLBACKS_ENABLED=observe; the file is named by OBSERVE_FILE.
Only names, counts and times are written: never a task's arguments or results.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: observe
type: aggregate
short_description: Record what a play did, for tests
description: Seconds, tasks and changes per role and the recap, as JSON.
"""


class CallbackModule(CallbackBase):
    """Collects task times per role."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "observe"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._tasks: list[dict[str, Any]] = []
        self._started = time.monotonic()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Begin one task; the one before it ends here."""
        self._close()
        role = getattr(task, "_role", None)
        name = role.get_name().rsplit(".", 1)[-1] if role else "play"
        self._tasks.append({"role": name, "task": task.get_name(), "start": time.monotonic(), "changed": False})

    def _close(self) -> None:
        if self._tasks and "seconds" not in self._tasks[-1]:
            self._tasks[-1]["seconds"] = round(time.monotonic() - self._tasks[-1].pop("start"), 3)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note a change."""
        if self._tasks and result.is_changed():
            self._tasks[-1]["changed"] = True

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the record."""
        self._close()
        roles: dict[str, float] = {}
        for task in self._tasks:
            roles[task["role"]] = round(roles.get(task["role"], 0.0) + task["seconds"], 3)
        record = {
            "seconds": round(time.monotonic() - self._started, 3),
            "roles": roles,
            "tasks": self._tasks,
            "hosts": {host: stats.summarize(host) for host in stats.processed},
        }
        path = os.environ.get("OBSERVE_FILE")
        if path:
            with open(path, "w", encoding="utf-8") as stream:
                json.dump(record, stream, indent=1)
