# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a run that changes a release works with, and how it ends when it is told to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from .._core.clock import Clock
from .._core.errors import Changed, HubError
from .._core.progress import Reporter
from .._core.redact import Redactor
from .._k8s.client import KubeClient
from .helm import Helm

UNFINISHED = frozenset({"E-HELM-03", "E-HELM-10", "E-HELM-15"})
"""Errors after which nobody knows what Helm has done."""


@dataclass
class Tools:
    """What a run works with."""

    client: KubeClient
    helm: Helm
    clock: Clock
    reporter: Reporter
    redactor: Redactor


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM (a cancelled job) and SIGINT (Ctrl-C) into an error, so that everything is put away in order.

    Helm gets both signals, too, and some of its commands (uninstall, rollback) end there and then, half way.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise HubError(
            "E-HELM-15",
            f"This run was told to stop ({signal.Signals(number).name})",
            "run again: it continues from what it finds",
            changed=Changed.UNKNOWN,
        )

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
