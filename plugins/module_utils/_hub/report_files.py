# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Keeping evidence on disk: private, complete or not there at all."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from .._core.errors import HubError
from .._core.files import write_private

UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def report_paths(folder: str, hub: str) -> tuple[str, str]:
    """The files of one hub's evidence in ``folder``: for machines and for people."""
    stem = os.path.join(os.path.expanduser(folder), f"verify-{UNFIT.sub('_', hub)}")
    return f"{stem}.json", f"{stem}.txt"


def write_reports(folder: str, hub: str, evidence: dict[str, Any], text: str) -> tuple[str, str]:
    """Write both files (mode 0600, the folder 0700 if it is new), each by one rename; returns their paths.

    Raises:
        HubError: E-VERIFY-16.
    """
    paths = report_paths(folder, hub)
    try:
        os.makedirs(os.path.dirname(paths[0]), mode=0o700, exist_ok=True)
        write_private(paths[0], json.dumps(evidence, indent=2, sort_keys=False) + "\n")
        write_private(paths[1], text)
    except OSError as problem:
        raise HubError(
            error_id="E-VERIFY-16",
            what=f"The evidence cannot be written to {folder}: {problem.strerror or type(problem).__name__}",
            do="set hub_verify_report_dir to a directory with room that you may write to; the hub itself was tested",
        ) from problem
    return paths
