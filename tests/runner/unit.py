# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest over tests/unit: the newest ansible-core on the newest Python, then the oldest on the oldest with the
lowest allowed libraries.
"""

from __future__ import annotations

from pathlib import Path

from . import content, environments, paths, results
from .process import Failure
from .tiers import Tier

MINUTES = 3.0


def tier(names: tuple[str, ...] = ("newest", "oldest")) -> Tier:
    """Run the unit tests in both corners of the matrix and say which they were."""
    made = Tier("unit", MINUTES * len(names) / 2)
    for name in names:
        try:
            wanted = environments.ready(name)
            env = environments.variables(wanted, content.linked(wanted))
        except Failure as error:
            made.note_failure(name, str(error))
            continue
        label = f"core {wanted.core} Python {wanted.python}"
        report = paths.BUILD / "junit" / f"unit-{name}.xml"
        argv: list[str | Path] = [
            wanted.bin / "python",
            "-m",
            "pytest",
            "tests/unit",
            "--quiet",
            "--numprocesses=2",
            f"--junitxml={report}",
        ]
        made.step(label, argv, env=env, cwd=paths.ROOT, judge=results.junit(report))
    return made
