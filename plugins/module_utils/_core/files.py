# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Files on this machine that hold what only their owner may read."""

from __future__ import annotations

import contextlib
import os
import tempfile


def write_private(path: str, text: str) -> None:
    """Write a file of mode 0600 by one rename: whatever happens, ``path`` is the old file or the whole new one.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing of the new file is left.
    """
    handle, unfinished = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")  # mkstemp gives mode 0600
    with contextlib.ExitStack() as undo:
        undo.callback(os.unlink, unfinished)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
        undo.pop_all()
