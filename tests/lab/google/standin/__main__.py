# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python3 -m standin CONFIG.json``: run the service until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from standin import config
from standin.app import App


async def run(path: Path) -> None:
    """Start, wait for a signal, stop."""
    app, ended = App(config.load(path)), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await app.start()
    await ended.wait()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
